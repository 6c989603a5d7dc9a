//! From a plan to the reply: names instead of indices, reasons for everybody, one summary.

use super::command::command;
use crate::api::{
    ConsideredMove, NodeReply, RecommendReply, Recommendation, SkippedGuest, Weighing,
};
use crate::evidence::{TrendEvidence, explanation};
use crate::model::{GuestFacts, GuestStatus, UnixTime};
use crate::outlook::{GuestOutlook, NodeOutlook, Resource};
use crate::recommend::{
    BlockerCode, Considered, Limits, NodeState, Plan, Question, State, Step, Urgency, overload,
    overload_of_all, plan,
};
use std::collections::{BTreeMap, BTreeSet};

/// Plans and words the reply.
pub(super) fn advise(q: &Question, data_until: UnixTime, warnings: Vec<String>) -> RecommendReply {
    let plan = plan(q);
    let steps = plan.steps.iter().enumerate();
    let mut all_warnings = warnings;
    all_warnings.extend(unknown(q));
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
        summary: summary(q, &plan),
        crs: plan.balancer,
        changes: None,
        warnings: all_warnings,
    }
}

/// What nobody could check.
pub(super) fn unknown(q: &Question) -> Option<String> {
    let text = "storages, disks, HA rules and tags are not known: give --inventory, or check them \
                before you move a guest";
    (!q.constraints.knows_storages()).then(|| text.into())
}

fn nodes(q: &Question) -> Vec<NodeReply> {
    let loads = q.outlook.node_loads();
    let limits = Limits::thresholds(q.config);
    let all = q.outlook.nodes.iter().zip(q.states).zip(&loads).enumerate();
    all.map(|(index, ((node, state), load))| NodeReply {
        name: node.name.clone(),
        state: state.state,
        urgency: state.urgency,
        findings: state.findings.clone(),
        maxcpu: node.cores,
        maxmem: node.memory,
        guests: q.outlook.guests.iter().filter(|g| g.host == index).count(),
        cpu: node.cpu,
        memory: node.mem,
        iowait: node.iowait,
        cpu_trend_per_day: node.cpu_trend.slope_per_day,
        cpu_direction: node.cpu_trend.direction,
        mem_trend_per_day: node.mem_trend.slope_per_day,
        mem_direction: node.mem_trend.direction,
        stability_score: node.stability(),
        overload: overload(q.outlook, index, load, None, limits),
        history_days: node.history_hours / 24.0,
    })
    .collect()
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
/// its group.
fn urgency(q: &Question, step: &Step) -> Urgency {
    let limits = Limits::thresholds(q.config);
    let left = overload(q.outlook, step.source, &step.details.source_load, None, limits).node_hours;
    let before =
        overload(q.outlook, step.source, &q.outlook.node_loads()[step.source], None, limits);
    let state = &q.states[step.source];
    let alone = q.constraints.together(q.outlook.guests[step.guest].vmid).len() == 1;
    if left >= before.node_hours || !alone {
        return state.urgency;
    }
    let per_day = 24.0 * left / q.outlook.horizon().max(f64::MIN_POSITIVE);
    state.urgency_of_step(per_day, q.outlook.nodes[step.source].maintenance)
}

fn considered(q: &Question, c: &Considered) -> ConsideredMove {
    let (guest, source, target) = parts(q, &c.step);
    ConsideredMove {
        vmid: guest.vmid,
        name: guest.name.clone(),
        source: source.name.clone(),
        target: target.name.clone(),
        confidence: c.step.confidence.percent,
        reason: c.reason.clone(),
        weighing: weighing(&c.step),
    }
}

/// Every guest that is neither recommended nor considered, with the reason.
fn skipped(q: &Question, plan: &Plan) -> Vec<SkippedGuest> {
    let vmid = |step: &Step| q.outlook.guests[step.guest].vmid;
    let told: BTreeSet<_> =
        plan.steps.iter().map(vmid).chain(plan.considered.iter().map(|c| vmid(&c.step))).collect();
    let rest = q.inventory.guests.iter().filter(|g| !told.contains(&g.vmid));
    rest.map(|guest| {
        let known = plan.skipped.iter().find(|s| s.vmid == guest.vmid);
        let mut blockers = known.map(|s| s.blockers.clone()).unwrap_or_default();
        blockers.sort();
        blockers.dedup();
        let reason = match (plan.slight.get(&guest.vmid), blockers.first()) {
            (Some(saved), _) => slight_reason(q, *saved),
            (None, Some(first)) => first.text.clone(),
            (None, None) => idle_reason(q, plan, guest),
        };
        SkippedGuest {
            vmid: guest.vmid,
            name: guest.name.clone(),
            node: guest.node.clone(),
            reason,
            blockers,
        }
    })
    .collect()
}

/// Why a guest that could go stays.
fn slight_reason(q: &Question, saved: f64) -> String {
    let saves = match saved >= 0.5 {
        true => format!("{saved:.0} core-hours of overload"),
        false => "no overload".into(),
    };
    let asked = q.config.min_benefit.0;
    format!(
        "its best move would save {saves}, near misses counted in part; min_benefit asks for {asked:.0}"
    )
}

/// Why nobody even asked whether this guest could move.
fn idle_reason(q: &Question, plan: &Plan, guest: &GuestFacts) -> String {
    if guest.template {
        return "is a template".into();
    }
    if !matches!(guest.status, GuestStatus::Running | GuestStatus::Paused) {
        return "does not run".into();
    }
    let Some(node) = q.outlook.node_index(&guest.node) else {
        return format!("its node {} is not known", guest.node);
    };
    match q.states[node].state {
        State::Healthy => format!("{} needs no relief", guest.node),
        State::Offline => format!("{} is offline", guest.node),
        State::Unknown => format!("too little is known of {}", guest.node),
        _ if plan.steps.iter().any(|step| step.source == node) => {
            format!("other moves relieve {} better", guest.node)
        }
        State::StableButHot => {
            format!("{} is hot, but not for long enough above a threshold", guest.node)
        }
        State::TrendingTowardOverload | State::Overloaded => {
            format!("its move would take too little away from {}", guest.node)
        }
    }
}

/// What to do, or why there is nothing to do.
fn summary(q: &Question, plan: &Plan) -> String {
    let hours = q.outlook.horizon().round();
    let troubled = names(q, |s| s.state > State::StableButHot && s.state < State::Offline);
    let moves = plan.steps.len();
    if moves > 0 {
        let s = if moves == 1 { "" } else { "s" };
        return format!(
            "{moves} migration{s} recommended: expected overload in the next {hours} hours falls \
             from {:.0} to {:.0} node-hours ({:.digits$} to {:.digits$} core-hours above the \
             thresholds).{}",
            plan.before.node_hours,
            plan.after.node_hours,
            plan.before.core_hours,
            plan.after.core_hours,
            unavoidable(q, plan),
            digits = usize::from(plan.before.core_hours < 10.0),
        );
    }
    let looked = format!("{} guests on {} nodes", q.outlook.guests.len(), q.outlook.nodes.len());
    if names(q, |s| s.state < State::Offline).is_empty() {
        return format!(
            "No advice: of no node is the load of the last day known (looked at {looked})."
        );
    }
    let why = match plan.considered.len() {
        0 => held(plan).to_string(),
        1 => format!("the one move that was weighed {}", plan.considered[0].reason),
        n => format!("none of the {n} moves that were weighed is worth it now"),
    };
    if troubled.is_empty() {
        let hot = names(q, |s| s.state == State::StableButHot);
        let is = if hot.len() == 1 { "is" } else { "are" };
        let above = plan.before.node_hours.round();
        let told = match hot.is_empty() {
            true => String::new(),
            false => format!(" {} {is} hot.", listed(&hot)),
        };
        let what = match (above >= 1.0, hot.is_empty()) {
            (true, _) => format!(
                "{above:.0} node-hours above the thresholds are expected in the next {hours} hours, but {why}"
            ),
            (false, true) => {
                format!("no node is, or is heading, above its thresholds within {hours} hours")
            }
            (false, false) => {
                format!("no node is expected above its thresholds within {hours} hours")
            }
        };
        return format!("Nothing to do: {what} (looked at {looked}).{told}");
    }
    let all = unavoidable(q, plan);
    format!("{} in trouble, but {why} (looked at {looked}).{all}", listed(&troubled))
}

/// That the cluster as a whole is too small, where that is most of what is left.
fn unavoidable(q: &Question, plan: &Plan) -> String {
    let limits = Limits::thresholds(q.config);
    let whole = |resource| (resource, overload_of_all(resource, q.outlook, limits));
    let most = Resource::ALL
        .map(whole)
        .into_iter()
        .filter(|(_, o)| o.node_hours >= 1.0 && 2.0 * o.core_hours >= plan.after.core_hours)
        .max_by(|(_, a), (_, b)| a.core_hours.total_cmp(&b.core_hours));
    most.map_or(String::new(), |(resource, o)| {
        format!(
            " All nodes together are expected above {:.0} % {} for {:.0} of the next {:.0} hours: no \
             placement changes that.",
            limits.of(resource) * 100.0,
            resource.label(),
            o.node_hours,
            q.outlook.horizon()
        )
    })
}

/// What keeps most guests of troubled nodes where they are.
fn held(plan: &Plan) -> &'static str {
    use BlockerCode as C;
    let reason = |code: C| match code {
        C::CrsBalanced => "the guests that would help are left to PVE's own balancer",
        C::Cooldown | C::PingPong | C::FailedBefore => {
            "the guests that would help have moved not long ago"
        }
        C::MemoryCapacity | C::N1Reserve | C::Overload | C::TooManyCores => {
            "no node has room for the guests that would help"
        }
        C::NodeOffline | C::NodeMaintenance => "the other nodes are offline or in maintenance",
        _ => "rules, storages, devices or tags keep the guests there that would help",
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for skipped in &plan.skipped {
        let reasons: BTreeSet<&str> = skipped.blockers.iter().map(|b| reason(b.code)).collect();
        reasons.into_iter().for_each(|r| *counts.entry(r).or_default() += 1);
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or("no move would take enough away", |(reason, _)| reason)
}

/// Names for a sentence: all of a few, the first of many.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names.len() {
        n if n > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
        _ => names.join(", "),
    }
}

fn names(q: &Question, wanted: impl Fn(&NodeState) -> bool) -> Vec<String> {
    let all = q.outlook.nodes.iter().zip(q.states);
    all.filter(|(_, state)| wanted(state)).map(|(node, _)| node.name.clone()).collect()
}
