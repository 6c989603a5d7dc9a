//! From a plan to the reply: names instead of indices, reasons for everybody, one summary.

mod beyond;
mod stays;
mod summary;

pub(super) use stays::{of_storages, with_its_group};

use self::stays::skipped;
use self::summary::summary;
use super::command::command;
use super::warnings::{away, of_all, refused_now};
use crate::api::{ConsideredMove, NodeReply, RecommendReply, Recommendation, Weighing};
use crate::evidence::{TrendEvidence, explanation};
use crate::model::{GuestFacts, UnixTime};
use crate::outlook::{GuestOutlook, Limits, NodeOutlook, Resource};
use crate::recommend::{Considered, Question, Step, Urgency, overload, plan};

/// Plans and words the reply.
pub(super) fn advise(q: &Question, data_until: UnixTime, warnings: Vec<String>) -> RecommendReply {
    let plan = plan(q);
    let steps = plan.steps.iter().enumerate();
    let mut all_warnings = of_all(q, warnings);
    all_warnings.extend(away(q));
    all_warnings.extend(plan.balancer.will_act.then(|| plan.balancer.text.clone()));
    RecommendReply {
        now: q.outlook.now,
        data_until,
        nodes: nodes(q),
        recommendations: steps.map(|(i, step)| recommendation(q, step, &plan.steps[..i])).collect(),
        considered: plan.considered.iter().map(|c| considered(q, c)).collect(),
        skipped: skipped(q, &plan),
        overload_before: plan.before,
        overload_after: plan.after,
        horizon_hours: q.outlook.horizon().round(),
        trend_hours: crate::trend::TREND_HOURS,
        summary: refused_now(q, summary(q, &plan)),
        crs: plan.balancer,
        changes: None,
        warnings: all_warnings,
    }
}

fn nodes(q: &Question) -> Vec<NodeReply> {
    let all = q.outlook.nodes.iter().zip(q.states).enumerate();
    all.map(|(index, (node, state))| NodeReply {
        name: node.name.clone(),
        state: state.state,
        in_trouble: state.in_trouble(),
        maintenance: node.maintenance,
        urgency: state.urgency,
        findings: state.findings.clone(),
        maxcpu: node.cores,
        maxmem: node.memory,
        guests: guests(q, index),
        cpu: node.cpu,
        memory: node.mem,
        iowait: node.iowait,
        cpu_trend_per_day: node.cpu_trend.claimed_slope(),
        cpu_direction: node.cpu_trend.direction,
        mem_trend_per_day: node.mem_trend.claimed_slope(),
        mem_direction: node.mem_trend.direction,
        cpu_guests_per_day: growth_of_guests(q, index, Resource::Cpu),
        mem_guests_per_day: growth_of_guests(q, index, Resource::Memory),
        stability_score: node.stability(),
        overload: state.overload,
        history_days: node.history_hours / 24.0,
    })
    .collect()
}

/// Running guests of a node; of one that is offline those that were left there.
fn guests(q: &Question, node: usize) -> usize {
    let outlook = &q.outlook.nodes[node];
    let left = |g: &&GuestFacts| g.node == outlook.name && !g.template;
    match outlook.online {
        true => q.outlook.guests.iter().filter(|g| g.host == node).count(),
        false => q.inventory.guests.iter().filter(left).count(),
    }
}

/// By which share of a node its guests grow a day.
fn growth_of_guests(q: &Question, node: usize, resource: Resource) -> f64 {
    let here = q.outlook.guests.iter().filter(|g| g.host == node);
    let growth: f64 = here.map(|g| g.growth(resource)).sum();
    growth / q.outlook.nodes[node].capacity(resource).max(1e-9)
}

fn weighing(step: &Step) -> Weighing {
    Weighing {
        score_improvement: step.gain.0,
        source_score: step.source_score.clone(),
        target_score: step.target_score.clone(),
        benefit: step.benefit,
        cost: step.cost,
        source_peaks: step.details.source_peaks,
        target_peaks: step.details.target_peaks,
        window: step.details.window.clone(),
    }
}

fn parts<'a>(q: &'a Question, step: &Step) -> (&'a GuestOutlook, &'a NodeOutlook, &'a NodeOutlook) {
    let nodes = &q.outlook.nodes;
    (&q.outlook.guests[step.guest], &nodes[step.source], &nodes[step.target])
}

fn recommendation(q: &Question, step: &Step, earlier: &[Step]) -> Recommendation {
    let (guest, source, target) = parts(q, step);
    Recommendation {
        order: earlier.len() + 1,
        vmid: guest.vmid,
        name: guest.name.clone(),
        kind: guest.kind,
        source: source.name.clone(),
        target: target.name.clone(),
        urgency: urgency(q, step),
        confidence: step.confidence.percent,
        confidence_parts: step.confidence.clone(),
        decision_explanation: explanation(q, step, earlier),
        trend_evidence: TrendEvidence::of(q, step),
        command: command(q, guest.vmid, &target.name),
        concerns: step.details.concerns.clone(),
        weighing: weighing(step),
    }
}

/// How soon the step is wanted: earlier ones may have left little to do, unless they took others of
/// its group. What is recommended is wanted at all.
fn urgency(q: &Question, step: &Step) -> Urgency {
    let limits = Limits::thresholds(q.config);
    let left = overload(q.outlook, step.source, &step.details.source_load, None, limits).node_hours;
    let state = &q.states[step.source];
    let alone = q.constraints.together(q.outlook.guests[step.guest].vmid).len() == 1;
    if left >= state.overload.node_hours || !alone {
        return state.urgency_of_moves.max(Urgency::Low);
    }
    let per_day = 24.0 * left / q.outlook.horizon().max(f64::MIN_POSITIVE);
    state.urgency_of_step(per_day, q.outlook.nodes[step.source].maintenance).max(Urgency::Low)
}

fn considered(q: &Question, c: &Considered) -> ConsideredMove {
    let (guest, source, target) = parts(q, &c.step);
    ConsideredMove {
        vmid: guest.vmid,
        name: guest.name.clone(),
        source: source.name.clone(),
        target: target.name.clone(),
        confidence: c.step.confidence.percent,
        confidence_parts: c.step.confidence.clone(),
        reason: c.reason.text.clone(),
        weighing: weighing(&c.step),
    }
}

#[cfg(test)]
mod tests {
    use super::super::asked::asked;
    use super::super::explain::{drain_reply, no_guest};
    use super::super::warnings::not_listed;
    use super::summary::held;
    use super::*;
    use crate::recommend::{Constraints, drain, states};

    #[test]
    fn guests_that_the_inventory_lacks_are_told() {
        let nodes = [("pve1", 2), ("pve2", 1)];
        assert_eq!(asked(&nodes, not_listed), None);
        let with = |kept: usize, answer: fn(&Question)| {
            asked(&nodes, |q| {
                let mut inventory = q.inventory.clone();
                inventory.guests.truncate(kept);
                answer(&Question {
                    inventory: &inventory,
                    constraints: &Constraints::new(&inventory),
                    ..*q
                });
            });
        };
        with(2, |q| {
            let told = not_listed(q).expect("a warning");
            assert!(
                told.starts_with(
                    "1 running guest is not in the inventory (102) and stays where it is"
                ),
                "{told}"
            );
            let skipped = skipped(q, &plan(q));
            let of = |vmid| skipped.iter().find(|s| s.vmid == vmid).expect("listed");
            assert_eq!(
                (of(102).reason.as_str(), of(102).node.as_str()),
                ("is not in the inventory", "pve2")
            );
            let asked_for = |vmid| no_guest(q, vmid).to_string();
            assert!(asked_for(102).contains("guest 102 runs, but is not in the inventory"));
            assert!(asked_for(999).contains("there is no guest 999"));
        });
        with(0, |q| {
            let told = not_listed(q).expect("a warning");
            assert!(
                told.starts_with("3 running guests are not in the inventory (100, 101 and 102)"),
                "{told}"
            );
            assert_eq!(
                held(q, &plan(q)),
                "the guests that would help are not known well enough to move them"
            );
        });
    }

    #[test]
    fn of_a_node_that_is_away_no_load_is_told() {
        asked(&[("pve1", 1), ("pve2", 1), ("pve3", 1)], |q| {
            let mut outlook = q.outlook.clone();
            outlook.nodes[1].online = false;
            outlook.guests.remove(1);
            let states = states(&outlook, q.config, q.local);
            let q = Question { outlook: &outlook, states: &states, ..*q };
            let reply = drain_reply(&q, 0, &drain(&q, 0), 0, Vec::new());
            let told: Vec<&str> = reply.nodes.iter().map(|n| n.name.as_str()).collect();
            assert_eq!(told, ["pve3"]);
            assert_eq!(nodes(&q)[1].guests, 1, "it was left there");
        });
    }
}
