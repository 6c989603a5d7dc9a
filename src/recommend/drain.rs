//! Emptying a node: a place for every guest of it, spread so that no other node suffers.
//!
//! Unlike the plan, which moves the least, everybody leaves: what would only make a move not worth
//! it (rest after a move, daily peaks, the present need) is said and does not stand in the way.
//! Rules, storage and memory do. Guests that belong together go together. Largest first, each to the
//! node that stays the least full, of those to which HA would not take it on by itself; where that
//! leaves somebody without a place, or takes a node over a threshold, the tightest fit is tried as
//! well, and taken if more find a place, or the other nodes are expected less far above their
//! thresholds: counting nodes would pile all on one. O(guests x nodes x cases).

#[cfg(test)]
mod tests;

use super::constraint::{Blocker, BlockerCode, copied_disks, restarts, runs, size_of};
use super::overload::{Overload, levels};
use super::plan::{Cost, Peaks, Planner, Question, time};
use crate::model::{GuestFacts, HOUR, Vmid, joined};
use crate::outlook::{Limits, Load, Resource};
use std::collections::{BTreeMap, BTreeSet};

/// A way to empty a node.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    /// Moves in the order in which to make them; running guests first.
    pub steps: Vec<Leaving>,
    /// Guests without a place.
    pub stays: Vec<Staying>,
    /// Busy hours of every node, before and after all steps.
    pub peaks: Vec<Peaks>,
    /// Expected overload of the other nodes after all steps.
    pub overload: Overload,
    /// Nodes whose failure the others could not bear while the drained one is away: their guests
    /// would not find memory. Empty where no reserve is asked for.
    pub unbearable: Vec<usize>,
}

/// A guest that leaves.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Its number.
    pub vmid: Vmid,
    /// Index in the outlook; `None`: it does not run.
    pub guest: Option<usize>,
    /// Index of the node it goes to.
    pub target: usize,
    /// Guests that must go with it, to the same node.
    pub together: Vec<Vmid>,
    /// What it costs; nothing to weigh when it does not run.
    pub cost: Option<Cost>,
    /// What to know, each in one clause.
    pub concerns: Vec<String>,
}

/// A guest without a place.
#[derive(Clone, Debug)]
pub struct Staying {
    /// Its number.
    pub vmid: Vmid,
    /// Why, with the node where it is about one.
    pub blockers: Vec<(Option<usize>, Blocker)>,
}

/// How to choose among the nodes that have room.
#[derive(Clone, Copy)]
enum Choice {
    /// The one that stays the least full.
    Emptiest,
    /// The one that is the fullest with it, of those that have room below their thresholds.
    Tightest,
}

/// Guests that move as one, with what they need.
struct Unit<'a> {
    guests: Vec<&'a GuestFacts>,
    /// What those that run are configured with.
    memory: f64,
    /// What is expected of them; `None` where none is known.
    load: Option<Load>,
}

/// Finds a place for every guest of node number `node`.
pub fn drain(q: &Question, node: usize) -> Drain {
    let spread = attempt(q, node, Choice::Emptiest);
    let limits = Limits::thresholds(q.config);
    if spread.stays.is_empty() && spread.over(node, limits).is_empty() {
        return spread;
    }
    let tight = attempt(q, node, Choice::Tightest);
    let harm = |drain: &Drain| (drain.stays.len(), drain.overload.core_hours);
    if harm(&tight) < harm(&spread) { tight } else { spread }
}

impl Drain {
    /// Nodes besides the drained one that its guests take over a threshold, or further beyond it.
    pub fn over(&self, drained: usize, limits: Limits) -> Vec<usize> {
        let over = |n: &usize| *n != drained && self.peaks[*n].pass(limits);
        (0..self.peaks.len()).filter(over).collect()
    }
}

fn attempt(q: &Question, node: usize, choice: Choice) -> Drain {
    let mut planner = Planner::new(q);
    let before = peaks(&planner);
    let mut drain = Drain::default();
    for unit in units(q, node) {
        let blockers: Vec<Vec<(Option<usize>, Blocker)>> =
            unit.guests.iter().map(|g| own(&planner, node, g)).collect();
        let places = match blockers.iter().all(Vec::is_empty) {
            true => places(&planner, &unit, node),
            false => Places::default(),
        };
        match places.best(&planner, &unit, node, choice) {
            Some(target) => drain.steps.extend(leave(&mut planner, &unit, node, target)),
            None => drain.stays.extend(stay(&unit, &blockers, &places)),
        }
    }
    // Nobody knows what a guest needs that the inventory lacks; nor is a node empty on which one runs.
    let unlisted = q.unlisted().filter(|g| g.host == node);
    let blockers = || vec![(None, Blocker::not_listed())];
    drain.stays.extend(unlisted.map(|g| Staying { vmid: g.vmid, blockers: blockers() }));
    let after = peaks(&planner);
    drain.peaks = before.into_iter().zip(after).map(|(b, a)| between(b, a)).collect();
    drain.overload = planner.overload_besides(node);
    drain.unbearable = unbearable(&planner, node);
    // Who does not run is moved when the others are safe.
    drain.steps.sort_by_key(|s| s.guest.is_none());
    drain.stays.sort_by_key(|s| s.vmid);
    drain
}

/// Nodes that must not fail while `node` is away.
fn unbearable(planner: &Planner, node: usize) -> Vec<usize> {
    let outlook = planner.q.outlook;
    if !planner.q.config.n1_reserve {
        return Vec::new();
    }
    let bears = planner.reserve(Some(node)).bears;
    let lost = |n: &usize| *n != node && outlook.nodes[*n].online && !bears[*n];
    (0..outlook.nodes.len()).filter(lost).collect()
}

/// Busy hours of all nodes: CPU and memory.
fn peaks(planner: &Planner) -> Vec<[f64; 2]> {
    let of = |n| Resource::ALL.map(|r| planner.busy(n, None, r));
    (0..planner.q.outlook.nodes.len()).map(of).collect()
}

fn between(before: [f64; 2], after: [f64; 2]) -> Peaks {
    Peaks {
        cpu_before: before[0],
        cpu_after: after[0],
        memory_before: before[1],
        memory_after: after[1],
    }
}

/// Guests of the node in units that move as one; running ones first, then the largest: those that take most of the
/// node's CPU or memory, whichever is more.
fn units<'a>(q: &'a Question, node: usize) -> Vec<Unit<'a>> {
    let (outlook, name) = (q.outlook, &q.outlook.nodes[node].name);
    let mut told: BTreeSet<Vmid> = BTreeSet::new();
    let mut units: Vec<Unit> = Vec::new();
    for guest in q.inventory.guests.iter().filter(|g| g.node == *name) {
        if told.contains(&guest.vmid) {
            continue;
        }
        let members = q.constraints.together(guest.vmid);
        let facts = |v: &Vmid| q.inventory.guest(*v).filter(|g| g.node == *name && runs(g));
        // Who does not run goes alone, and holds nobody.
        let guests: Vec<&GuestFacts> = match runs(guest) {
            true => members.iter().filter_map(facts).collect(),
            false => vec![guest],
        };
        told.extend(guests.iter().map(|g| g.vmid));
        let memory = guests.iter().filter(|g| runs(g)).filter_map(|g| g.maxmem).map(|m| m.0).sum();
        let indices = guests.iter().filter_map(|g| outlook.guest_index(g.vmid));
        let load = indices.map(|g| outlook.guests[g].load.clone()).reduce(|mut sum, load| {
            sum.add(&load, 1.0);
            sum
        });
        units.push(Unit { guests, memory, load });
    }
    let idle = |u: &Unit| !u.guests.iter().any(|g| runs(g));
    let size = |u: &Unit| {
        let cpu = u.load.as_ref().map(|l| levels(outlook, node, l, None, Resource::Cpu).high);
        let memory = u.memory / outlook.nodes[node].capacity(Resource::Memory).max(1e-9);
        cpu.unwrap_or(0.0).max(memory)
    };
    let mut sized: Vec<(f64, Unit)> = units.into_iter().map(|u| (size(&u), u)).collect();
    sized.sort_by(|(a, u), (b, v)| idle(u).cmp(&idle(v)).then(b.total_cmp(a)));
    sized.into_iter().map(|(_, unit)| unit).collect()
}

/// What keeps a guest on the node wherever it would go. That it does not run, or is a template, is no reason to stay.
fn own(planner: &Planner, node: usize, guest: &GuestFacts) -> Vec<(Option<usize>, Blocker)> {
    let q = planner.q;
    let mut found = q.constraints.of_guest(guest);
    found.retain(|b| !matches!(b.code, BlockerCode::NotRunning | BlockerCode::Template));
    if runs(guest) && planner.index_of(guest.vmid).is_none() {
        found.push(Blocker::not_recorded());
    }
    found.extend(Blocker::away(&q.outlook.nodes[node]).map(|away| Blocker {
        text: format!("{}: nothing can be moved off it", away.text),
        ..away
    }));
    found.into_iter().map(|b| (None, b)).collect()
}

/// Where a unit can go, and what stands in the way elsewhere.
#[derive(Default)]
struct Places {
    /// Nodes that were asked.
    asked: usize,
    free: Vec<usize>,
    /// By guest.
    blocked: BTreeMap<Vmid, Vec<(Option<usize>, Blocker)>>,
}

fn places(planner: &Planner, unit: &Unit, node: usize) -> Places {
    let outlook = planner.q.outlook;
    let mut places = Places::default();
    for target in (0..outlook.nodes.len()).filter(|t| *t != node) {
        places.asked += 1;
        let mut free = true;
        for guest in &unit.guests {
            let found = obstacles(planner, unit, guest, target);
            free &= found.is_empty();
            let told = places.blocked.entry(guest.vmid).or_default();
            told.extend(found.into_iter().map(|b| (Some(target), b)));
        }
        if free {
            places.free.push(target);
        }
    }
    places
}

fn obstacles(planner: &Planner, unit: &Unit, guest: &GuestFacts, target: usize) -> Vec<Blocker> {
    let q = planner.q;
    let node = &q.outlook.nodes[target];
    let mut found = Vec::new();
    let with: Vec<Vmid> = unit.guests.iter().map(|g| g.vmid).collect();
    let facts = &planner.node_facts[target];
    found.extend(q.constraints.of_leaving(guest, facts, &planner.placement, &with));
    found.extend(Blocker::away(node).filter(|away| found.iter().all(|b| b.code != away.code)));
    if let Some(index) = planner.index_of(guest.vmid) {
        // The whole unit must find its memory there.
        let maxmem = q.outlook.guests[index].maxmem.0;
        found.extend(planner.memory_for(target, unit.memory.max(maxmem)));
    }
    if !copied_disks(guest, q.inventory).is_empty() {
        found.extend(planner.full_storage(unit.guests.iter().map(|g| g.vmid), target));
    }
    found
}

impl Places {
    /// The best free place: first those from which HA takes nobody on, since that is where they end
    /// up, then those that stay below their thresholds.
    fn best(&self, planner: &Planner, unit: &Unit, node: usize, choice: Choice) -> Option<usize> {
        let name = |n: usize| planner.q.outlook.nodes[n].name.as_str();
        let taken_on = |target: usize| {
            let on = |g: &&&GuestFacts| {
                planner.q.constraints.taken_on(g, name(target), name(node)).is_some()
            };
            unit.guests.iter().filter(on).count()
        };
        let mut ranked: Vec<((usize, bool), f64, usize)> = self
            .free
            .iter()
            .map(|&target| {
                let full = planner.filled_by(target, unit.load.as_ref());
                let over = full > 1.0;
                let rank = match choice {
                    Choice::Tightest if !over => -full,
                    _ => full,
                };
                ((taken_on(target), over), rank, target)
            })
            .collect();
        ranked.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        ranked.first().map(|(_, _, target)| *target)
    }
}

/// Moves a unit, one guest after the other.
fn leave(planner: &mut Planner, unit: &Unit, node: usize, target: usize) -> Vec<Leaving> {
    let mut steps = Vec::new();
    for guest in &unit.guests {
        let index = planner.index_of(guest.vmid);
        let others = unit.guests.iter().map(|g| g.vmid).filter(|v| *v != guest.vmid);
        steps.push(Leaving {
            vmid: guest.vmid,
            guest: index,
            target,
            together: others.collect(),
            cost: index.map(|i| planner.cost(i)),
            concerns: concerns(planner, guest, node, target),
        });
        match index {
            Some(index) => planner.shift(index, target),
            None => planner.place(guest.vmid, node, target),
        }
    }
    steps
}

/// What would be against the move if there was a choice.
fn concerns(planner: &Planner, guest: &GuestFacts, node: usize, target: usize) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(index) = planner.index_of(guest.vmid) {
        let outlook = &planner.q.outlook.guests[index];
        found.extend(planner.overloads(outlook, target, None).into_iter().map(|b| b.text));
        found.extend(planner.waits_for_disks(target, None).map(|b| b.text));
        let now = planner.q.outlook.now;
        if let Some(last) = outlook.moves.last().filter(|m| now - m.time < 24 * HOUR) {
            found.push(format!("moved from {} only {} ago", last.from, time(now - last.time)));
        }
        if outlook.cpu_trend.is_busy(now, planner.q.local) {
            found.push("is in its daily peak now".into());
        }
    }
    let copied = size_of(&copied_disks(guest, planner.q.inventory));
    if copied.0 > 0.0 {
        found.push(format!("{copied} of local disks must be copied"));
    }
    found.extend(planner.unsure_copy(guest.vmid, target));
    found.extend(planner.to_older(guest.vmid, node, target));
    let (rules, [from, to]) =
        (planner.q.constraints, [node, target].map(|n| &planner.q.outlook.nodes[n].name));
    found.extend(rules.taken_on(guest, to, from).or_else(|| rules.brought_back(guest, to, from)));
    if restarts(guest) {
        found.push("the container restarts: it is down for the time of the move".into());
    }
    found.extend(planner.concerns(guest.vmid));
    found
}

/// Why each guest of a unit stays; those that could go alone are kept by the others.
fn stay(unit: &Unit, own: &[Vec<(Option<usize>, Blocker)>], places: &Places) -> Vec<Staying> {
    let held: Vec<Vmid> =
        unit.guests.iter().zip(own).filter(|(_, b)| !b.is_empty()).map(|(g, _)| g.vmid).collect();
    let staying = |(guest, own): (&&GuestFacts, &Vec<(Option<usize>, Blocker)>)| {
        let mut blockers = own.clone();
        blockers.extend(places.blocked.get(&guest.vmid).cloned().unwrap_or_default());
        if blockers.is_empty() {
            let others: Vec<String> =
                held.iter().filter(|v| **v != guest.vmid).map(ToString::to_string).collect();
            let alone = places.asked == 0;
            let (code, text) = match others.is_empty() {
                true if alone => (BlockerCode::NoOtherNode, "there is no other node".to_string()),
                true => {
                    let text = "no node has room for all the guests that belong with it";
                    (BlockerCode::Together, text.to_string())
                }
                false => {
                    let text = format!("belongs with {}, which must stay", joined(&others));
                    (BlockerCode::Together, text)
                }
            };
            blockers.push((None, Blocker::new(code, text)));
        }
        Staying { vmid: guest.vmid, blockers }
    };
    unit.guests.iter().zip(own).map(staying).collect()
}
