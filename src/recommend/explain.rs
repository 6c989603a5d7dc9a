//! Why, and why not: a guest against every node, each with its score or its obstacles.

use super::constraint::{Blocker, BlockerCode, runs};
use super::overload::demand;
use super::plan::{Planner, Question, Slight, Step};
use super::state::{Finding, State};
use crate::model::{GuestFacts, Vmid};
use crate::outlook::IO_WAIT;
use crate::score::Contribution;

/// A guest against every node.
#[derive(Clone, Debug)]
pub struct Explained {
    /// Index in the outlook; `None`: it does not run, so it has no load to weigh.
    pub guest: Option<usize>,
    /// Why it cannot move at all.
    pub blockers: Vec<Blocker>,
    /// Penalties of the node it is on.
    pub source_score: Vec<Contribution>,
    /// The other nodes: possible ones first, by the penalty points that the guest's place loses.
    pub targets: Vec<Target>,
    /// What to know before it is moved.
    pub concerns: Vec<String>,
}

/// A node as the target of a guest.
#[derive(Clone, Debug)]
pub struct Target {
    /// Index in [`crate::outlook::Outlook::nodes`].
    pub node: usize,
    /// What stands between the two.
    pub blockers: Vec<Blocker>,
    /// Where nothing but its companions holds it: what becomes of all of them together.
    pub group: Option<Group>,
    /// The move worked out as if it was the only one from here on; `None` where one of the two has no load.
    pub step: Option<Step>,
    /// Why a possible move is not worth it by itself; `None`: it is.
    pub reason: Option<String>,
    /// It is worth it, and only waits until its guest is out of its daily peak.
    pub waits: bool,
    /// Core-hours of risk that it takes away; none where one of the two has no load.
    pub saved: f64,
}

/// Guests that must stay together, as one against a node.
#[derive(Clone, Debug)]
pub struct Group {
    /// The others, by number.
    pub others: Vec<Vmid>,
    /// Who cannot go there even so, and why; `None`: all could.
    pub held: Option<(Vmid, Vec<Blocker>)>,
}

/// Weighs `guest` against every node but its own, as if it was the only one to move after the steps `before`.
/// O(nodes x cases).
pub fn explain(q: &Question, guest: &GuestFacts, before: &[Step]) -> Explained {
    let mut planner = Planner::new(q);
    before.iter().for_each(|step| planner.shift(step.guest, step.target));
    planner.know_reserve();
    let index = planner.index_of(guest.vmid);
    let mut blockers = match index {
        Some(index) => planner.of_guest(index),
        None => q.constraints.of_guest(guest),
    };
    let host = index.map(|i| planner.hosts[i]).or_else(|| q.outlook.node_index(&guest.node));
    let host_node = host.map(|h| &q.outlook.nodes[h]);
    if host_node.is_some_and(|node| !node.online && !node.silent) {
        // That it does not run is no reason of its own then.
        blockers.retain(|b| !matches!(b.code, BlockerCode::NotRunning | BlockerCode::NodeOffline));
        let text = format!("cannot move while {} is offline", guest.node);
        blockers.insert(0, Blocker::new(BlockerCode::NodeOffline, text));
    }
    // Nor is that a target where it is by now.
    let here = |n: usize| Some(n) == host || q.outlook.nodes[n].name == guest.node;
    let others = (0..q.outlook.nodes.len()).filter(|n| !here(*n));
    let mut targets: Vec<Target> = others
        .map(|node| match index {
            Some(index) => running(&planner, index, node, &blockers),
            None => stopped(&planner, guest, node),
        })
        .collect();
    let gain = |t: &Target| t.step.as_ref().map_or(f64::MIN, |s| s.gain.0);
    targets.sort_by(|a, b| {
        let blocked = |t: &Target| !t.blockers.is_empty();
        blocked(a).cmp(&blocked(b)).then(gain(b).total_cmp(&gain(a))).then(a.node.cmp(&b.node))
    });
    let source_score = match (index, host) {
        (Some(_), Some(host)) => planner.score(host, None),
        _ => Vec::new(),
    };
    // What stands in the way already need not be told as a concern as well.
    let told = blockers.iter().any(|b| b.code == BlockerCode::CrsBalanced);
    let mut concerns: Vec<String> =
        if told { Vec::new() } else { planner.concerns(guest.vmid).collect() };
    let possible = targets.iter().filter(|t| t.blockers.is_empty() && blockers.is_empty());
    concerns.extend(possible.clone().filter_map(|t| planner.to_older(guest.vmid, host?, t.node)));
    let first = possible.into_iter().next();
    concerns.extend(first.and_then(|t| planner.reserve_lost(index?, t.node)));
    Explained { guest: index, blockers, source_score, targets, concerns }
}

/// Those of some guests that a node can take, of guests that run.
pub fn can_leave(q: &Question, guests: &[Vmid]) -> Vec<Vmid> {
    let mut planner = Planner::new(q);
    planner.know_reserve();
    let free = |guest: usize| {
        let mut targets = (0..q.outlook.nodes.len()).filter(|n| *n != planner.hosts[guest]);
        planner.of_guest(guest).is_empty()
            && targets.any(|target| planner.obstacles(guest, target).is_empty())
    };
    guests.iter().copied().filter(|vmid| planner.index_of(*vmid).is_some_and(free)).collect()
}

fn running(planner: &Planner, guest: usize, node: usize, own: &[Blocker]) -> Target {
    let blockers = planner.obstacles(guest, node);
    let source = planner.hosts[guest];
    let step = planner.work_out(source, guest, node);
    let stands = blockers.is_empty() && own.is_empty();
    let reason = stands.then(|| not_worth(planner, &step)).flatten();
    let busy = stands && reason.is_none();
    let busy = if busy { planner.busy_now(&step).map(|refusal| refusal.text) } else { None };
    let (waits, saved) = (busy.is_some(), planner.saved(source, guest, node));
    let known = planner.q.outlook.nodes[node].online;
    let bound = own.is_empty()
        && !blockers.is_empty()
        && blockers.iter().all(|b| b.code == BlockerCode::Together);
    let group = bound.then(|| planner.group_against(guest, node)).flatten();
    let (step, reason) = (known.then_some(step), reason.or(busy));
    Target { node, blockers, group, step, reason, waits, saved }
}

fn stopped(planner: &Planner, guest: &GuestFacts, node: usize) -> Target {
    let facts = &planner.node_facts[node];
    let mut blockers = planner.q.constraints.of_pair(guest, facts, &planner.placement);
    if runs(guest) {
        blockers.push(Blocker::not_recorded());
    }
    Target { node, blockers, group: None, step: None, reason: None, waits: false, saved: 0.0 }
}

/// What is asked of a move: whole core-hours, but of small nodes and short horizons.
pub fn core_hours(asked: f64) -> String {
    let digits = usize::from(asked.fract() != 0.0 && asked < 10.0);
    format!("{asked:.digits$}")
}

/// Of a node that is heading for overload beyond the horizon, as the end of a sentence.
pub fn only_heading(q: &Question, node: usize) -> Option<String> {
    let state = &q.states[node];
    let heads = state.of_load == State::TrendingTowardOverload && !state.in_need;
    (heads && state.overload.core_hours <= 0.0).then(|| {
        format!(
            "is heading for overload, but as far as its growth is believed it stays below its thresholds in the next \
             {:.0} hours: it needs no relief yet",
            q.outlook.horizon()
        )
    })
}

/// Why nobody looks for moves off a node: it is hardly expected above its thresholds. `None`: it is.
pub fn little_need(q: &Question, node: usize) -> Option<String> {
    if q.states[node].in_need {
        return None;
    }
    let (above, risk) = (q.states[node].overload.core_hours, q.states[node].risk);
    let name = &q.outlook.nodes[node].name;
    let waits = |f: &Finding| f.metric == IO_WAIT && f.state > State::Healthy;
    let of_disks = q.states[node].findings.iter().any(waits);
    if let Some(heading) = only_heading(q, node) {
        return Some(format!("{name} {heading}"));
    }
    Some(match above > 0.0 {
        false if of_disks => {
            format!("{name} waits for its disks; moves are sought by CPU and memory alone")
        }
        false => format!("{name} needs no relief"),
        true => format!(
            "{name} is expected too little above its thresholds for a move: {} core-hours of risk in \
             {:.0} hours; min_benefit asks for {}",
            if risk < 0.05 { "less than 0.1".into() } else { format!("{risk:.1}") },
            q.outlook.horizon(),
            core_hours(demand(q.outlook, node, q.config))
        ),
    })
}

/// Why the settings would not take a possible move by itself, whatever the hour, in the order in which the plan asks.
fn not_worth(planner: &Planner, step: &Step) -> Option<String> {
    let q = planner.q;
    let source = &q.outlook.nodes[step.source];
    if !planner.sources().contains(&step.source) {
        let evenly =
            || "the nodes are loaded about evenly: moves would only shift it around".into();
        return Some(little_need(q, step.source).unwrap_or_else(evenly));
    }
    let saved = planner.saved(step.source, step.guest, step.target);
    let asked = demand(q.outlook, step.source, q.config);
    if saved < asked && !source.maintenance {
        return Some(Slight { saved, asked, after: false }.to_string());
    }
    planner.refusal(step).map(|refusal| refusal.text)
}
