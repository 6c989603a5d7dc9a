//! From a plan to the reply: names instead of indices, reasons for everybody, one summary.

use super::command::command;
use crate::api::{
    ConsideredMove, NodeReply, RecommendReply, Recommendation, SkippedGuest, Weighing,
};
use crate::evidence::{TrendEvidence, explanation, guest_label};
use crate::model::{
    Bytes, BytesPerSecond, GuestFacts, GuestStatus, HOUR, MIB, UnixTime, counted, joined,
    percent_beside, signed,
};
use crate::outlook::{GuestOutlook, IO_WAIT, Levels, Limits, NodeOutlook, Resource, STORAGE};
use crate::recommend::{
    Blocker, BlockerCode, Considered, Finding, NodeState, Peaks, Plan, Question, Skipped, Slight,
    State, Step, Urgency, copied_disks, core_hours, hours_to_full, little_need, not_reported,
    overload, overload_of_all, plan,
};
use crate::trend::Direction;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes a second from which on what a guest writes is told where its node waits for disks.
const NOTABLE_WRITES: f64 = MIB;

/// Plans and words the reply.
pub(super) fn advise(q: &Question, data_until: UnixTime, warnings: Vec<String>) -> RecommendReply {
    let plan = plan(q);
    let steps = plan.steps.iter().enumerate();
    let mut all_warnings: Vec<String> = no_quorum(q).into_iter().chain(warnings).collect();
    all_warnings.extend(unknown(q));
    all_warnings.extend(not_listed(q));
    all_warnings.extend(silent(q));
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

/// That PVE refuses all that is advised.
pub(super) fn no_quorum(q: &Question) -> Option<String> {
    (q.inventory.quorate == Some(false)).then(|| {
        "the cluster has no quorum: PVE refuses to move or change any guest until it has (`pvecm status`); \
         nodes that seem offline may run on their own, with guests of which nothing is known here"
            .into()
    })
}

/// A summary, led by what makes everything that it advises fail.
pub(super) fn refused_now(q: &Question, summary: String) -> String {
    match q.inventory.quorate {
        Some(false) => format!("No quorum: the cluster refuses every move for now. {summary}"),
        _ => summary,
    }
}

/// What nobody could check.
pub(super) fn unknown(q: &Question) -> Option<String> {
    let text = "storages, disks, HA rules and tags are not known: give --inventory, or check them \
                before you move a guest";
    (!q.constraints.knows_storages()).then(|| text.into())
}

/// That guests run which the inventory does not have.
pub(super) fn not_listed(q: &Question) -> Option<String> {
    let guests: Vec<String> = q.unlisted().map(|g| g.vmid.to_string()).collect();
    let one = guests.len() == 1;
    (!guests.is_empty()).then(|| {
        format!(
            "{} {} not in the inventory ({}) and {}: is it of this cluster, and of now?",
            counted(guests.len(), "running guest"),
            if one { "is" } else { "are" },
            listed(&guests),
            if one { "stays where it is" } else { "stay where they are" }
        )
    })
}

/// That nodes do not report.
pub(super) fn silent(q: &Question) -> Option<String> {
    let nodes = names(q, |s| s.state == State::Silent);
    let one = nodes.len() == 1;
    (!nodes.is_empty()).then(|| {
        format!(
            "{} online, but {} not report: nothing is moved there, and of the guests there nothing \
             is known; see `systemctl status pvestatd` there",
            are(&nodes),
            if one { "does" } else { "do" },
        )
    })
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
    let state = &q.states[step.source];
    let alone = q.constraints.together(q.outlook.guests[step.guest].vmid).len() == 1;
    if left >= state.overload.node_hours || !alone {
        return state.urgency_of_moves;
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
    // All guests of a node hear the same of it.
    let needs = vec![OnceCell::new(); q.outlook.nodes.len()];
    let need = |node: usize| needs[node].get_or_init(|| little_need(q, node)).clone();
    let listed = rest.map(|guest| {
        let held = plan.skipped.get(&guest.vmid);
        let reason = match (plan.slight.get(&guest.vmid), held) {
            (_, Some(held)) => held_reason(held),
            (Some(slight), None) => slight_reason(q, plan, guest, *slight),
            (None, None) => idle_reason(q, plan, guest, &need),
        };
        SkippedGuest {
            vmid: guest.vmid,
            name: guest.name.clone(),
            node: guest.node.clone(),
            reason,
            blockers: held.map(|s| s.blockers.clone()).unwrap_or_default(),
        }
    });
    let unlisted = q.unlisted().map(|guest| {
        let blocker = Blocker::not_listed();
        SkippedGuest {
            vmid: guest.vmid,
            name: guest.name.clone(),
            node: q.outlook.nodes[guest.host].name.clone(),
            reason: blocker.text.clone(),
            blockers: vec![blocker],
        }
    });
    listed.chain(unlisted).collect()
}

/// What keeps a guest where it is: of several nodes that cannot take it, the best one speaks.
fn held_reason(held: &Skipped) -> String {
    let first = held.blockers[..held.first].iter().map(|b| b.text.as_str());
    let first = first.collect::<Vec<_>>().join("; ");
    let why = match held.nodes {
        _ if held.is_bound() => with_its_group(&first),
        0 | 1 => first,
        _ => format!("{first}; no other node can take it"),
    };
    match held.could {
        true => format!("could go before the moves above, not after them: {why}"),
        false => why,
    }
}

/// Of a guest that rules keep where others are, and nothing else.
pub(super) fn with_its_group(kept: &str) -> String {
    format!("{kept}, and could leave with them alone")
}

/// Whether the plan ends because it may have no more steps.
fn is_full(q: &Question, plan: &Plan) -> bool {
    plan.steps.len() >= q.config.max_moves as usize
}

/// Why a guest that could go stays.
fn slight_reason(q: &Question, plan: &Plan, guest: &GuestFacts, slight: Slight) -> String {
    let Slight { saved, asked } = slight;
    let node = q.outlook.node_index(&guest.node).map(|n| &q.outlook.nodes[n]);
    let worth = saved >= asked || node.is_some_and(|n| n.maintenance);
    if worth && is_full(q, plan) {
        return format!(
            "could go as well, but the plan ends after max_moves = {}",
            q.config.max_moves
        );
    }
    // Never rounded up to what is asked for.
    let saved = (saved * 10.0).floor() / 10.0;
    let saves = match saved > 0.0 {
        true => format!("{saved:.1} core-hours of overload"),
        false => "no overload".into(),
    };
    let asked = core_hours(asked);
    format!(
        "its best move would save {saves}, near misses counted in part; min_benefit asks for {asked}"
    )
}

/// Why nobody even asked whether this guest could move.
fn idle_reason(
    q: &Question,
    plan: &Plan,
    guest: &GuestFacts,
    need: &dyn Fn(usize) -> Option<String>,
) -> String {
    if guest.template {
        return "is a template".into();
    }
    let Some(node) = q.outlook.node_index(&guest.node) else {
        return format!("its node {} is not known", guest.node);
    };
    if let Some(away) = Blocker::away(&q.outlook.nodes[node]) {
        return away.text;
    }
    match guest.status {
        GuestStatus::Unknown => return not_reported(guest),
        status if !status.runs() => return "does not run".into(),
        _ => {}
    }
    match q.states[node].state {
        State::Unknown => format!("too little is known of {}", guest.node),
        _ if plan.steps.iter().any(|step| step.source == node) => {
            format!("other moves relieve {} better", guest.node)
        }
        _ => need(node).unwrap_or_else(|| match others(q, node) {
            0 => "there is no other node that could take it".into(),
            _ => format!("its move would take too little away from {}", guest.node),
        }),
    }
}

/// Nodes besides one that guests can be moved to.
fn others(q: &Question, node: usize) -> usize {
    let nodes = q.outlook.nodes.iter().enumerate();
    nodes.filter(|(i, n)| *i != node && n.online && !n.maintenance).count()
}

/// What to do, or why there is nothing to do.
fn summary(q: &Question, plan: &Plan) -> String {
    let hours = q.outlook.horizon().round();
    let moves = plan.steps.len();
    if moves > 0 {
        let (before, after) = (plan.before, plan.after);
        let emptied = emptied(q, plan);
        if !emptied.is_empty() && before.node_hours.max(after.node_hours) < 0.5 {
            return format!(
                "{} recommended to move guests off {}, which {} in maintenance: no node is expected \
                 above its thresholds in the next {hours} hours, with them or without.{}{}",
                counted(moves, "migration"),
                listed(&emptied),
                if emptied.len() == 1 { "is" } else { "are" },
                waiting(q) + &left_behind(q, plan),
                full_storages(q),
            );
        }
        let (from, to) = (before.node_hours.round(), after.node_hours.round());
        let goes = if to < from { "falls" } else { "goes" };
        let memory = |p: &Peaks| p.memory_before.max(p.memory_after) > q.config.mem_threshold.0;
        let is_memory =
            |s: &Step| memory(&s.details.source_peaks) || memory(&s.details.target_peaks);
        let counted_as = match plan.steps.iter().any(is_memory) {
            true => ", memory counted as cores",
            false => "",
        };
        let digits = usize::from(before.core_hours < 10.0);
        let excess =
            format!("{:.digits$} to {:.digits$} core-hours", before.core_hours, after.core_hours);
        let effect = match from == to && after.core_hours < before.core_hours {
            // What falls is told first.
            true => format!(
                "falls from {excess} above the thresholds{counted_as}, in as many node-hours ({to:.0})"
            ),
            false => format!(
                "{goes} from {from:.0} to {} ({excess} above the thresholds{counted_as})",
                counted(to, "node-hour")
            ),
        };
        return format!(
            "{} recommended: expected overload in the next {hours} hours {effect}.{}{}{}{}{}",
            counted(moves, "migration"),
            still_above(q, plan),
            too_large(q, plan),
            unavoidable(q, plan),
            waiting(q) + &left_behind(q, plan),
            full_storages(q),
        );
    }
    let (guests, nodes) = (q.outlook.guests.len(), q.outlook.nodes.len());
    let looked = format!("looked at {} on {}", counted(guests, "guest"), counted(nodes, "node"));
    if names(q, |s| s.state < State::Offline).is_empty() {
        return format!("No advice: of no node is the load of the last day known ({looked}).");
    }
    let waits = waiting(q);
    let only_waits = !waits.is_empty()
        && names(q, |s| s.in_trouble() && waits_for_disks(s).is_none()).is_empty();
    let troubled = names(q, |s| s.in_trouble() && (only_waits || waits_for_disks(s).is_none()));
    let hot = names(q, |s| s.of_load == State::StableButHot);
    let told = match hot.is_empty() {
        true => String::new(),
        false => format!(" {} hot.", are(&hot)),
    };
    let why = match plan.considered.len() {
        0 => held(q, plan).to_string(),
        1 => format!("the one move that was weighed {}", plan.considered[0].reason),
        n => format!("none of the {n} moves that were weighed is worth it now"),
    };
    let may = unconfirmed(q);
    let storages = full_storages(q);
    let rest = format!("{waits}{told}{may}{}{storages}", left_behind(q, plan));
    if only_waits && plan.before.node_hours < 0.5 {
        return format!("Nothing to move ({looked}).{rest}");
    }
    if !troubled.is_empty() {
        let all = format!("{}{}", too_large(q, plan), unavoidable(q, plan));
        return format!("{} in trouble, but {why} ({looked}).{all}{rest}", are(&troubled));
    }
    let above = plan.before.node_hours.round();
    let what = match (above >= 1.0, hot.is_empty() && may.is_empty()) {
        (true, _) => {
            let is = if above < 2.0 { "is" } else { "are" };
            format!(
                "{} above the thresholds {is} expected in the next {hours} hours, but {why}",
                counted(above, "node-hour")
            )
        }
        (false, true) => {
            format!("no node is, or is heading, above its thresholds within {hours} hours")
        }
        (false, false) => format!("no node is expected above its thresholds within {hours} hours"),
    };
    match storages.is_empty() {
        true => format!("Nothing to do: {what} ({looked}).{rest}"),
        // The thresholds of storages are another matter.
        false => format!("Nothing to move: by CPU and memory {what} ({looked}).{rest}"),
    }
}

/// Nodes in maintenance, if all steps leave such nodes.
fn emptied(q: &Question, plan: &Plan) -> Vec<String> {
    let sources: BTreeSet<usize> = plan.steps.iter().map(|step| step.source).collect();
    let nodes = || sources.iter().map(|n| &q.outlook.nodes[*n]);
    match nodes().all(|node| node.maintenance) {
        true => nodes().map(|node| node.name.clone()).collect(),
        false => Vec::new(),
    }
}

/// Thresholds that would be passed if a trend went on which is not sure enough to act on, or that are passed at the
/// same hours each day.
fn unconfirmed(q: &Question) -> String {
    let ahead = |h: &f64| *h > 0.0 && *h <= q.outlook.horizon();
    let within = |f: &Finding| f.hours_to_threshold.filter(ahead);
    let of_node = |(node, state): (&NodeOutlook, &NodeState)| -> String {
        let calm = state.findings.iter().filter(|f| f.state < State::TrendingTowardOverload);
        let told = calm.filter_map(|f| {
            let (hours, direction) = (within(f)?, node.trend_of(f.metric).direction);
            let (metric, name, limit) = (f.metric, &node.name, f.threshold);
            match direction {
                Direction::SustainedIncrease => Some(format!(
                    " If its trend goes on, {metric} of {name} passes {limit:.0} in {hours:.0} hours: not \
                     sure enough to act on."
                )),
                Direction::Cyclical => {
                    let time = q.outlook.now + (hours * HOUR as f64) as UnixTime;
                    let at = q.local.hour(time);
                    Some(format!(" The daily peak of {name}'s {metric} passes {limit:.0} at about {at:02}:00."))
                }
                _ => None,
            }
        });
        told.collect()
    };
    q.outlook.nodes.iter().zip(q.states).map(of_node).collect()
}

/// The storage of a node of which most is in use, where the inventory tells.
fn fullest<'a>(q: &Question<'a>, node: &str) -> Option<&'a str> {
    let facts = q.inventory.node(node)?;
    let used = |(id, size): (&'a String, &Bytes)| {
        let free = facts.storage_free.get(id)?;
        Some((1.0 - free.0 / size.0.max(1.0), id.as_str()))
    };
    let all = facts.storage_size.iter().filter_map(used);
    all.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, id)| id)
}

/// Guests of a node that have disks on a storage which is not shared: their moves would free it.
fn guests_on<'a>(
    q: &Question<'a>,
    node: &'a str,
    storage: &'a str,
) -> impl Iterator<Item = &'a GuestFacts> {
    let inventory = q.inventory;
    let there = inventory.guests.iter().filter(move |g| g.node == node);
    there.filter(move |g| copied_disks(g, inventory).iter().any(|disk| disk.storage == storage))
}

/// Storages that are full or fill up, for which no move is planned.
fn full_storages(q: &Question) -> String {
    let shared = |id: &str| {
        q.inventory.storages.as_ref().and_then(|all| all.get(id)).is_some_and(|s| s.shared)
    };
    let mut told_of: BTreeSet<&str> = BTreeSet::new();
    let mut guests: Vec<String> = Vec::new();
    let of_node = |(node, state): (&NodeOutlook, &NodeState)| -> Option<String> {
        let used = state.full_storage()?.current?;
        let full = hours_to_full(used, &node.storage_trend);
        let rise = match (node.storage_trend.slope_per_day, full) {
            (Some(slope), Some(hours)) => {
                let days = counted((hours / 24.0).round(), "day");
                format!(" ({} %/day, full in {days})", signed(slope * 100.0, 1))
            }
            _ => String::new(),
        };
        let name = match fullest(q, &node.name) {
            // All nodes see the same one.
            Some(id) if shared(id) => told_of.insert(id).then(|| format!("'{id}'"))?,
            Some(id) => {
                guests.extend(guests_on(q, &node.name, id).map(|g| g.vmid.to_string()));
                format!("'{id}' of {}", node.name)
            }
            None => format!("a storage of {}", node.name),
        };
        let used = percent_beside(used.0, q.config.storage_threshold.0);
        Some(format!("{name} is {used} % full{rise}"))
    };
    let all: Vec<String> = q.outlook.nodes.iter().zip(q.states).filter_map(of_node).collect();
    if all.is_empty() {
        return String::new();
    }
    let moves = match (guests.is_empty(), q.constraints.knows_storages()) {
        (false, _) => format!(
            ", or move guests that have their disks there ({}): `explain` says where to",
            listed(&guests)
        ),
        (true, true) => "; no move of a guest does that".into(),
        (true, false) => String::new(),
    };
    format!(
        " Storage (threshold {:.0}): {}. Free or add space{moves}.",
        q.config.storage_threshold,
        listed(&all)
    )
}

/// Nodes that are in trouble because they wait for their disks, which no plan changes.
fn waiting(q: &Question) -> String {
    let of_node = |(index, (node, state)): (usize, (&NodeOutlook, &NodeState))| -> Option<String> {
        let found = waits_for_disks(state)?;
        let busiest = q.outlook.guests.iter().filter(|g| g.host == index);
        let busiest = busiest.max_by(|a, b| a.write_bps.total_cmp(&b.write_bps));
        let writes = busiest.filter(|g| g.write_bps >= NOTABLE_WRITES).map(|guest| {
            let rate = BytesPerSecond(guest.write_bps);
            format!(
                "; {} writes most there, on average {rate:.0} in the last day",
                guest_label(guest)
            )
        });
        Some(format!(
            " {} waits for its disks {:.0} of the time (threshold {:.0}): moves are sought by CPU and memory \
             alone{}.",
            node.name,
            found.current.or(found.high_7d)?,
            found.threshold,
            writes.unwrap_or_default()
        ))
    };
    q.outlook.nodes.iter().zip(q.states).enumerate().filter_map(of_node).collect()
}

/// The finding of a node whose trouble is that it waits for its disks, and nothing else.
fn waits_for_disks(state: &NodeState) -> Option<&Finding> {
    let in_trouble = |f: &&Finding| {
        f.metric != STORAGE && f.state > State::StableButHot && f.state < State::Offline
    };
    let mut found = state.findings.iter().filter(in_trouble);
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only).filter(|f| f.metric == IO_WAIT),
        _ => None,
    }
}

/// Running guests that stay on nodes which somebody wants to be empty.
fn left_behind(q: &Question, plan: &Plan) -> String {
    let leaves = |guest: usize| plan.steps.iter().any(|step| step.guest == guest);
    let of_node = |(index, node): (usize, &NodeOutlook)| {
        let guests = q.outlook.guests.iter().enumerate();
        let stay = guests.filter(|(i, g)| g.host == index && !leaves(*i)).count();
        (node.online && node.maintenance && stay > 0).then(|| {
            let verb = if stay == 1 { "stays" } else { "stay" };
            format!(
                " {name} is in maintenance, but {} {verb} there: `pve-foresight drain --node {name}` \
                 finds their places, or tells why there are none.",
                counted(stay, "running guest"),
                name = node.name
            )
        })
    };
    q.outlook.nodes.iter().enumerate().filter_map(of_node).collect()
}

/// Where and how long nodes stay above their thresholds with all steps.
fn still_above(q: &Question, plan: &Plan) -> String {
    let mut above: Vec<(&NodeOutlook, f64)> = q
        .outlook
        .nodes
        .iter()
        .zip(&plan.left)
        .map(|(node, left)| (node, left.node_hours.round()))
        .filter(|(_, hours)| *hours >= 1.0)
        .collect();
    above.sort_by(|a, b| b.1.total_cmp(&a.1));
    let told: Vec<String> = above
        .iter()
        .map(|(node, hours)| format!("{} for {}", node.name, counted(*hours, "hour")))
        .collect();
    let why = match is_full(q, plan) {
        true => format!("; max_moves = {} ends the plan here", q.config.max_moves),
        false => String::new(),
    };
    match told.is_empty() {
        true => String::new(),
        false => format!(" Left above the thresholds: {}{why}.", listed(&told)),
    }
}

/// Guests that by themselves keep a node above its threshold with all steps, and would any other.
fn too_large(q: &Question, plan: &Plan) -> String {
    let limits = Limits::thresholds(q.config);
    let of_guest = |(index, guest): (usize, &GuestOutlook)| {
        let goes = plan.steps.iter().find(|step| step.guest == index);
        let host = goes.map_or(guest.host, |step| step.target);
        if plan.left.get(host).is_none_or(|left| left.node_hours < 1.0) {
            return None;
        }
        Resource::ALL.into_iter().find_map(|resource| {
            let needs = Levels::of(guest.load.of(resource).iter().copied(), &q.outlook.weights).high;
            let able = |n: &&NodeOutlook| n.online && !n.maintenance;
            let mut nodes = q.outlook.nodes.iter().filter(able);
            let too_much = |n: &NodeOutlook| needs > limits.of(resource) * n.capacity(resource);
            if !nodes.all(too_much) {
                return None;
            }
            let node = &q.outlook.nodes[host];
            let (needs, has) = match resource {
                Resource::Cpu => (format!("{needs:.0}"), format!("{:.0}", node.cores)),
                Resource::Memory => (Bytes(needs).to_string(), format!("{} of memory", node.memory)),
            };
            Some(format!(
                " {} alone needs {needs} of the {has} of {} in its busy hours, and no node has that much below its \
                 threshold: no placement changes that.",
                guest_label(guest),
                node.name
            ))
        })
    };
    q.outlook.guests.iter().enumerate().filter_map(of_guest).collect()
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
    let able = q.outlook.nodes.iter().all(|n| n.online && !n.maintenance);
    let nodes = if able { "All nodes together" } else { "The nodes that can carry guests" };
    most.map_or(String::new(), |(resource, o)| {
        format!(
            " {nodes} are expected above {:.0} % {} for {:.0} of the next {:.0} hours: no \
             placement changes that.",
            limits.of(resource) * 100.0,
            resource.label(),
            o.node_hours,
            q.outlook.horizon()
        )
    })
}

/// What keeps most guests of troubled nodes where they are, by the reason that is told of each.
fn held(q: &Question, plan: &Plan) -> &'static str {
    use BlockerCode as C;
    let reason = |code: C| match code {
        C::CrsBalanced => "the guests that would help are left to PVE's own balancer",
        C::Cooldown | C::PingPong | C::FailedBefore => {
            "the guests that would help have moved not long ago"
        }
        C::MemoryCapacity | C::N1Reserve | C::Overload | C::TooManyCores => {
            "no node has room for the guests that would help"
        }
        C::ConfigUnknown => "the guests that would help are not known well enough to move them",
        C::HaError => "HA has given up the guests that would help",
        C::NodeOffline | C::NodeSilent | C::NodeMaintenance => {
            "the other nodes are offline, silent or in maintenance"
        }
        _ => "rules, storages, devices or tags keep the guests there that would help",
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    // Who would not help is not asked for.
    let helps = plan.skipped.iter().filter(|(vmid, _)| !plan.slight.contains_key(vmid));
    for first in helps.filter_map(|(_, s)| s.blockers.first()) {
        *counts.entry(reason(first.code)).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    match most {
        Some((reason, _)) => reason,
        None if q.outlook.nodes.len() == 1 => "there is no other node",
        None => "no move would take enough away",
    }
}

/// Names as the subject of a sentence.
pub(super) fn are(names: &[String]) -> String {
    format!("{} {}", listed(names), if names.len() == 1 { "is" } else { "are" })
}

/// Names for a sentence: all of a few, the first of many.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names.len() {
        n if n > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
        _ => joined(names),
    }
}

fn names(q: &Question, wanted: impl Fn(&NodeState) -> bool) -> Vec<String> {
    let all = q.outlook.nodes.iter().zip(q.states);
    all.filter(|(_, state)| wanted(state)).map(|(node, _)| node.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::explain::{drain_notes, drain_reply, explain_reply, no_guest};
    use super::*;
    use crate::model::{
        Cores, Disk, DiskSource, Fraction, Inventory, NodeFacts, StorageFacts, Votes,
    };
    use crate::outcome::Experience;
    use crate::outlook::{Load, Outlook};
    use crate::recommend::{
        Blocker, Constraints, Drain, Overload, Recent, Skipped, drain, explain, states,
    };
    use crate::series::LocalTime;
    use crate::settings::PenaltyConfig;
    use crate::trend::{Params, analyze};

    /// Asks about `nodes` with as many guests each, all of them idle.
    fn asked<T>(nodes: &[(&str, usize)], answer: impl FnOnce(&Question) -> T) -> T {
        let trend = analyze(&[], &Params::share(0, 0.8, &LocalTime::utc()));
        let load = Load { cpu: vec![0.0; 24], memory: vec![0.0; 24] };
        let node = |name: &str| NodeOutlook {
            base: load.clone(),
            history_hours: 400.0,
            ..NodeOutlook::idle(name, Cores(8.0), Bytes(64.0), &trend)
        };
        let hosts = nodes.iter().enumerate().flat_map(|(host, (_, n))| vec![host; *n]);
        let guest = |(i, host): (usize, usize)| {
            let guest = GuestOutlook::idle(100 + i as u32, host, Cores(2.0), Bytes(4.0), &trend);
            GuestOutlook { load: load.clone(), history_hours: 400.0, ..guest }
        };
        let mut outlook = Outlook {
            now: 0,
            weights: vec![1.0; 24],
            nodes: nodes.iter().map(|(name, _)| node(name)).collect(),
            guests: hosts.enumerate().map(guest).collect(),
        };
        outlook.nodes[0].maintenance = true;
        let facts = outlook.nodes.iter().map(|n| NodeFacts {
            name: n.name.clone(),
            maintenance: n.maintenance,
            ..NodeFacts::default()
        });
        let guests = outlook.guests.iter().map(|g| GuestFacts {
            vmid: g.vmid,
            node: outlook.nodes[g.host].name.clone(),
            status: GuestStatus::Running,
            ..GuestFacts::default()
        });
        let inventory =
            Inventory { nodes: facts.collect(), guests: guests.collect(), ..Inventory::default() };
        let config = PenaltyConfig::default();
        answer(&Question {
            outlook: &outlook,
            states: &states(&outlook, &config),
            inventory: &inventory,
            constraints: &Constraints::new(&inventory),
            config: &config,
            experience: &Experience::default(),
            local: &LocalTime::utc(),
            recent: Recent::whole(),
        })
    }

    #[test]
    fn who_stays_on_a_node_in_maintenance_is_told() {
        let told = |nodes: &[(&str, usize)]| asked(nodes, |q| left_behind(q, &Plan::default()));
        assert_eq!(
            told(&[("pve1", 2), ("pve2", 1)]),
            " pve1 is in maintenance, but 2 running guests stay there: `pve-foresight drain --node pve1` \
             finds their places, or tells why there are none."
        );
        assert!(told(&[("pve1", 1)]).contains("1 running guest stays there"));
        assert_eq!(told(&[("pve1", 0), ("pve2", 1)]), "");
    }

    #[test]
    fn moves_off_a_calm_node_in_maintenance_are_told_as_such() {
        let told = |nodes: &[(&str, usize)]| asked(nodes, |q| summary(q, &plan(q)));
        assert_eq!(
            told(&[("pve1", 2), ("pve2", 1)]),
            "2 migrations recommended to move guests off pve1, which is in maintenance: no node is \
             expected above its thresholds in the next 24 hours, with them or without."
        );
    }

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
    fn a_projection_that_nothing_confirms_is_told_as_one() {
        let finding = |state, hours: f64| Finding {
            metric: "CPU",
            state,
            current: None,
            high_7d: None,
            threshold: Fraction(0.8),
            hours_to_threshold: Some(hours),
        };
        let told = |state, direction, hours| {
            let findings = vec![finding(state, hours)];
            let states = [NodeState { state, of_load: state, ..NodeState::of(findings) }];
            asked(&[("pve1", 1)], |q| {
                let mut outlook = q.outlook.clone();
                outlook.nodes[0].cpu_trend.direction = direction;
                unconfirmed(&Question { states: &states, outlook: &outlook, ..*q })
            })
        };
        let rising = Direction::SustainedIncrease;
        let text = told(State::Healthy, rising, 9.0);
        assert!(text.contains("CPU of pve1 passes 80 % in 9 hours"), "{text}");
        assert_eq!(told(State::Healthy, rising, 90.0), "", "beyond the horizon");
        assert_eq!(told(State::TrendingTowardOverload, rising, 9.0), "", "confirmed");
        let daily = told(State::Healthy, Direction::Cyclical, 9.0);
        assert_eq!(daily, " The daily peak of pve1's CPU passes 80 % at about 09:00.");
        assert_eq!(told(State::Healthy, Direction::Cyclical, 0.0), "", "it is there");
        assert_eq!(told(State::Healthy, Direction::Stable, 9.0), "", "no trend");
    }

    #[test]
    fn of_nodes_that_cannot_take_a_guest_the_best_one_speaks() {
        let blockers = vec![
            Blocker::new(BlockerCode::Overload, "pve2 would reach 98 % CPU"),
            Blocker::new(BlockerCode::Storage, "storage 'a' is not active on pve4"),
        ];
        let of = |nodes, first, could| {
            held_reason(&Skipped { blockers: blockers.clone(), first, nodes, could })
        };
        assert_eq!(of(2, 1, false), "pve2 would reach 98 % CPU; no other node can take it");
        assert_eq!(of(1, 1, false), "pve2 would reach 98 % CPU");
        assert_eq!(of(0, 2, false), "pve2 would reach 98 % CPU; storage 'a' is not active on pve4");
        assert_eq!(
            of(1, 1, true),
            "could go before the moves above, not after them: pve2 would reach 98 % CPU"
        );
    }

    #[test]
    fn where_nodes_stay_above_their_thresholds_is_told() {
        let of = |node_hours| Overload { node_hours, core_hours: 1.0 };
        let told = |left: &[f64], max_moves| {
            asked(&[("pve1", 1), ("pve2", 1)], |q| {
                let mut config = *q.config;
                config.max_moves = max_moves;
                let left = left.iter().map(|hours| of(*hours)).collect();
                let plan = Plan { left, ..Plan::default() };
                still_above(&Question { config: &config, ..*q }, &plan)
            })
        };
        assert_eq!(told(&[0.2, 107.0], 5), " Left above the thresholds: pve2 for 107 hours.");
        let both = " Left above the thresholds: pve2 for 9 hours and pve1 for 1 hour; max_moves = 0 \
                    ends the plan here.";
        assert_eq!(told(&[1.0, 9.0], 0), both);
        assert_eq!(told(&[0.0, 0.4], 5), "");
    }

    /// The summary where a storage of pve2 is full: `ceph`, which the guest there uses, or `local`.
    fn of_full_storage(id: Option<&str>, guests_disk: &str) -> String {
        asked(&[("pve1", 0), ("pve2", 1)], |q| {
            let mut inventory = q.inventory.clone();
            if let Some(id) = id {
                let kind = |shared| StorageFacts { shared, ..StorageFacts::default() };
                inventory.storages =
                    Some([("ceph".to_string(), kind(true)), ("local".into(), kind(false))].into());
                let facts = &mut inventory.nodes[1];
                for (name, free) in [("ceph", 60.0), ("local", 50.0)] {
                    facts.storage_size.insert(name.into(), Bytes(100.0));
                    let free = if name == id { 13.0 } else { free };
                    facts.storage_free.insert(name.into(), Bytes(free));
                }
                let source =
                    DiskSource::Volume { storage: guests_disk.into(), volume: "disk-0".into() };
                inventory.guests[0].disks = vec![Disk { source, ..Disk::default() }];
            }
            let mut outlook = q.outlook.clone();
            outlook.nodes[0].maintenance = false;
            for node in &mut outlook.nodes {
                node.cpu.current = Some(Fraction(0.1));
            }
            let node = &mut outlook.nodes[1];
            node.storage.current = Some(Fraction(0.87));
            node.storage_trend.direction = Direction::SustainedIncrease;
            (node.storage_trend.slope_per_day, node.storage_trend.confidence) = (Some(0.01), 0.99);
            let states = states(&outlook, q.config);
            assert_eq!(
                (states[1].state, states[1].urgency),
                (State::StableButHot, Urgency::Medium)
            );
            assert_eq!(states[1].urgency_of_moves, Urgency::None);
            let constraints = Constraints::new(&inventory);
            let (inventory, constraints) = (&inventory, &constraints);
            let q = Question { states: &states, outlook: &outlook, inventory, constraints, ..*q };
            summary(&q, &plan(&q))
        })
    }

    #[test]
    fn a_full_storage_is_told_and_moves_nobody() {
        assert_eq!(
            of_full_storage(None, ""),
            "Nothing to move: by CPU and memory no node is, or is heading, above its thresholds within \
             24 hours (looked at 1 guest on 2 nodes). Storage (threshold 85 %): a storage of pve2 is 87 % full \
             (+1.0 %/day, full in 13 days). Free or add space."
        );
    }

    #[test]
    fn a_full_storage_is_named_and_who_could_leave_it() {
        let of = |id, guests_disk| {
            let told = of_full_storage(Some(id), guests_disk);
            told.split_once("(threshold 85 %): ").expect("a sentence").1.to_string()
        };
        let rise = "is 87 % full (+1.0 %/day, full in 13 days). Free or add space";
        assert_eq!(
            of("local", "local"),
            format!(
                "'local' of pve2 {rise}, or move guests that have their disks there (100): `explain` \
                 says where to."
            )
        );
        assert_eq!(
            of("local", "ceph"),
            format!("'local' of pve2 {rise}; no move of a guest does that.")
        );
        assert_eq!(of("ceph", "ceph"), format!("'ceph' {rise}; no move of a guest does that."));
    }

    #[test]
    fn a_node_that_waits_for_its_disks_is_told_with_who_writes_there() {
        let told = |write_bps, cpu| {
            asked(&[("pve1", 0), ("pve2", 2)], |q| {
                let mut outlook = q.outlook.clone();
                outlook.nodes[0].maintenance = false;
                let node = &mut outlook.nodes[1];
                node.iowait.current = Some(Fraction(0.41));
                node.iowait.high_7d = Some(Fraction(0.4));
                (node.cpu.current, node.cpu.high_7d) = (Some(Fraction(cpu)), Some(Fraction(cpu)));
                outlook.guests[1].write_bps = write_bps;
                let states = states(&outlook, q.config);
                let q = Question { states: &states, outlook: &outlook, ..*q };
                summary(&q, &plan(&q))
            })
        };
        let waits = " pve2 waits for its disks 41 % of the time (threshold 20 %): moves are sought by CPU and \
                     memory alone";
        let looked = "(looked at 2 guests on 2 nodes).";
        assert_eq!(
            told(5.0 * MIB, 0.1),
            format!(
                "Nothing to move {looked}{waits}; VM 101 writes most there, on average 5 MiB/s in the last day."
            )
        );
        assert_eq!(told(100.0, 0.1), format!("Nothing to move {looked}{waits}."));
        assert!(told(0.0, 0.95).starts_with("pve2 is in trouble, but"), "{}", told(0.0, 0.95));
    }

    #[test]
    fn without_quorum_all_advice_says_so_first() {
        asked(&[("pve1", 1), ("pve2", 1)], |q| {
            let inventory = Inventory { quorate: Some(false), ..q.inventory.clone() };
            let q = Question { inventory: &inventory, ..*q };
            let guest = q.inventory.guest(101).expect("listed");
            let odd = || vec!["odd".to_string()];
            let advice = advise(&q, 0, odd());
            let drained = drain_reply(&q, 0, &drain(&q, 0), 0, odd());
            let explained = explain_reply(&q, guest, &explain(&q, guest), 0, odd());
            for (warnings, summary) in [
                (advice.warnings, advice.summary),
                (drained.warnings, drained.summary),
                (explained.warnings, explained.summary),
            ] {
                assert!(warnings[0].starts_with("the cluster has no quorum"), "{warnings:?}");
                assert!(summary.starts_with("No quorum: "), "{summary}");
            }
        });
        let told = asked(&[("pve1", 1), ("pve2", 1)], |q| advise(q, 0, Vec::new()).summary);
        assert!(!told.contains("quorum"), "it is not known whether there is one: {told}");
    }

    #[test]
    fn a_drain_that_costs_the_quorum_says_so() {
        let told = |votes: &[(&str, u32)], qdevice, away: Option<usize>| {
            asked(&[("pve1", 0), ("pve2", 1), ("pve3", 0)], |q| {
                let nodes = votes.iter().map(|(name, votes)| (name.to_string(), *votes)).collect();
                let votes = Some(Votes { nodes, qdevice, two_node: false });
                let mut inventory = Inventory { votes, ..q.inventory.clone() };
                for (n, node) in inventory.nodes.iter_mut().enumerate() {
                    node.online = Some(away != Some(n));
                }
                let notes =
                    drain_notes(&Question { inventory: &inventory, ..*q }, 1, &Drain::default());
                notes.into_iter().find(|note| note.contains("quorum"))
            })
        };
        let three = [("pve1", 1), ("pve2", 1), ("pve3", 1)];
        assert_eq!(told(&three, 0, None), None);
        assert_eq!(
            told(&three, 0, Some(2)).expect("a note"),
            "the cluster loses its quorum when pve2 is shut down: 1 vote would be left of the 2 needed; \
             no guest can be started or moved then, and HA resets nodes with guests of its own"
        );
        let two = [("pve1", 1), ("pve2", 1)];
        assert!(told(&two, 0, Some(2)).is_some());
        assert_eq!(told(&two, 1, Some(2)), None, "the QDevice has the third vote");
        assert_eq!(told(&[("pve1", 3), ("pve2", 1)], 0, None), None, "pve1 decides alone");
        assert!(told(&three, 0, Some(0)).is_some());
    }

    #[test]
    fn a_guest_that_is_too_large_for_any_node_is_told() {
        let told = |cores: f64| {
            asked(&[("pve1", 2), ("pve2", 1)], |q| {
                let mut outlook = q.outlook.clone();
                outlook.nodes[0].maintenance = false;
                outlook.guests[0].load.cpu = vec![7.0; 24];
                outlook.nodes[1].cores = Cores(cores);
                let left = Overload { node_hours: 24.0, core_hours: 14.0 };
                let plan = Plan { left: vec![left, Overload::default()], ..Plan::default() };
                too_large(&Question { outlook: &outlook, ..*q }, &plan)
            })
        };
        assert_eq!(
            told(8.0),
            " VM 100 alone needs 7 of the 8 cores of pve1 in its busy hours, and no node has that much \
             below its threshold: no placement changes that."
        );
        assert_eq!(told(16.0), "", "pve2 has");
    }

    #[test]
    fn where_as_many_hours_stay_above_the_fall_of_core_hours_is_told() {
        asked(&[("pve1", 2), ("pve2", 1)], |q| {
            let of = |core_hours| Overload { node_hours: 24.0, core_hours };
            let plan = Plan { before: of(512.0), after: of(310.0), ..plan(q) };
            let text = summary(q, &plan);
            let want = "falls from 512 to 310 core-hours above the thresholds, in as many node-hours (24).";
            assert!(text.contains(want), "{text}");
        });
    }

    #[test]
    fn a_drain_that_leaves_one_node_says_so() {
        let lost = Drain { unbearable: vec![1], ..Drain::default() };
        let notes = |nodes: &[(&str, usize)]| asked(nodes, |q| drain_notes(q, 0, &lost));
        let two = [("pve1", 1), ("pve2", 1)];
        assert_eq!(notes(&two), ["while pve1 is away, all guests run on pve2 alone"]);
        let three = [("pve1", 1), ("pve2", 1), ("pve3", 0)];
        assert!(notes(&three)[0].starts_with("while pve1 is away no other node may fail"));
    }

    #[test]
    fn of_a_node_that_is_away_no_load_is_told() {
        asked(&[("pve1", 1), ("pve2", 1), ("pve3", 1)], |q| {
            let mut outlook = q.outlook.clone();
            outlook.nodes[1].online = false;
            outlook.guests.remove(1);
            let states = states(&outlook, q.config);
            let q = Question { outlook: &outlook, states: &states, ..*q };
            let reply = drain_reply(&q, 0, &drain(&q, 0), 0, Vec::new());
            let told: Vec<&str> = reply.nodes.iter().map(|n| n.name.as_str()).collect();
            assert_eq!(told, ["pve3"]);
            assert_eq!(nodes(&q)[1].guests, 1, "it was left there");
        });
    }

    #[test]
    fn what_holds_most_guests_is_what_is_told_of_them() {
        let skipped = |vmid, codes: &[BlockerCode]| {
            let blockers = codes.iter().map(|code| Blocker::new(*code, "")).collect();
            (vmid, Skipped { blockers, nodes: 2, first: 1, could: false })
        };
        let all = [
            skipped(100, &[BlockerCode::PingPong, BlockerCode::N1Reserve]),
            skipped(101, &[BlockerCode::PingPong, BlockerCode::Overload]),
            // That of a node further down the list is not what holds it.
            skipped(102, &[BlockerCode::Overload, BlockerCode::NodeOffline]),
        ];
        let plan = Plan { skipped: all.into(), ..Plan::default() };
        let told = asked(&[("pve1", 1), ("pve2", 1)], |q| held(q, &plan));
        assert_eq!(told, "the guests that would help have moved not long ago");
        let alone = asked(&[("pve1", 1)], |q| held(q, &Plan::default()));
        assert_eq!(alone, "there is no other node");
    }
}
