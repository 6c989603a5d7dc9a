//! Which moves, in which order: as few as keep every node out of trouble.
//!
//! Greedy on the expected loads of all nodes together. A step is kept only if it takes `min_benefit`
//! core-hours of risk away, gains more than it costs and pushes no node over a threshold; its effect is deducted
//! from the source and added to the target before the next step is sought, so a hot node is
//! relieved, not emptied. Ties fall by name and number: the same input gives the same plan.
//! Where no guest is worth moving by itself, those that must stay together move as one (`unit`).
//! O(steps x guests of hot nodes x nodes x cases).

mod unit;

use super::balancer::{self, Balancer, Scales, balancer};
use super::confidence::{Basis, Confidence};
use super::constraint::{Blocker, BlockerCode, Constraints, Placement, local_disks, restarts};
use super::ledger::Ledger;
use super::overload::{Limits, Overload, levels, need, overload, risk};
use super::reserve::Reserve;
use super::state::{NodeState, State};
use super::window::{Busy, Window};
use crate::model::{
    Bytes, DAY, GIB, GuestFacts, GuestKind, HOUR, Inventory, NodeFacts, Points, Vmid,
};
use crate::outcome::Experience;
use crate::outlook::{GuestOutlook, Levels, Load, NodeOutlook, Outlook, Resource};
use crate::score::{Candidate, Contribution, penalties, total};
use crate::series::LocalTime;
use crate::settings::PenaltyConfig;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a move costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// All of it, in the points that the gain is weighed against.
    pub points: Points,
    /// Memory to transfer.
    pub memory: Bytes,
    /// Disks to copy because their storage is not shared.
    pub local_disks: Bytes,
    /// The guest is down while it moves.
    pub restart: bool,
}

/// A node in its busy hours (95th percentile of what is expected), before and after a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Peaks {
    /// CPU before, as a share.
    pub cpu_before: f64,
    /// CPU after.
    pub cpu_after: f64,
    /// Memory before.
    pub memory_before: f64,
    /// Memory after.
    pub memory_after: f64,
}

/// A move and all that it was decided on.
#[derive(Clone, Debug)]
pub struct Step {
    /// Index in [`Outlook::guests`].
    pub guest: usize,
    /// Index in [`Outlook::nodes`].
    pub source: usize,
    /// Index in [`Outlook::nodes`].
    pub target: usize,
    /// Overload that it takes away from both nodes together.
    pub benefit: Overload,
    /// Penalty points that the guest's host loses.
    pub gain: Points,
    /// Penalties of the source with the guest.
    pub source_score: Vec<Contribution>,
    /// Penalties of the target with the guest.
    pub target_score: Vec<Contribution>,
    /// What it costs.
    pub cost: Cost,
    /// How sure it is.
    pub confidence: Confidence,
    /// Expected load of the source before the step.
    pub source_load: Load,
    /// Busy hours of the source.
    pub source_peaks: Peaks,
    /// Busy hours of the target.
    pub target_peaks: Peaks,
    /// When to make it; `None` where any hour is as good.
    pub window: Option<Window>,
    /// What to know before making it, each in one clause.
    pub concerns: Vec<String>,
}

/// A move that was weighed and not recommended.
#[derive(Clone, Debug)]
pub struct Considered {
    /// The move.
    pub step: Step,
    /// Why not.
    pub reason: String,
}

/// A guest for which no move was possible.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// Its number.
    pub vmid: Vmid,
    /// Why, most important first.
    pub blockers: Vec<Blocker>,
}

/// The outcome of planning.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Moves in the order in which to make them.
    pub steps: Vec<Step>,
    /// Moves that were weighed and rejected, by guest.
    pub considered: Vec<Considered>,
    /// Guests on troubled nodes that cannot move.
    pub skipped: Vec<Skipped>,
    /// Guests on troubled nodes that can move, but to no node that makes it worth it: the
    /// core-hours of risk that the best of their moves takes away.
    pub slight: BTreeMap<Vmid, f64>,
    /// Expected overload of all nodes without any move.
    pub before: Overload,
    /// The same with all steps.
    pub after: Overload,
    /// What PVE's own balancer sees and will do.
    pub balancer: Balancer,
}

/// Everything that planning reads.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Expected loads and trends.
    pub outlook: &'a Outlook,
    /// States in the order of the outlook's nodes.
    pub states: &'a [NodeState],
    /// Configuration of guests and nodes.
    pub inventory: &'a Inventory,
    /// Indexed rules.
    pub constraints: &'a Constraints<'a>,
    /// Effective settings.
    pub config: &'a PenaltyConfig,
    /// What earlier moves taught.
    pub experience: &'a Experience,
    /// Local time of the cluster.
    pub local: &'a LocalTime,
}

/// Plans the moves that are worth it.
pub fn plan(q: &Question) -> Plan {
    let mut planner = Planner::new(q);
    let before = planner.total_overload();
    loop {
        let room = (q.config.max_moves as usize).saturating_sub(planner.steps.len());
        let single = if room > 0 { planner.next_step() } else { None };
        let steps = single.map_or_else(|| planner.next_unit(room), |step| vec![step]);
        if steps.is_empty() {
            break;
        }
        steps.into_iter().for_each(|step| planner.apply(step));
    }
    let after = planner.total_overload();
    let considered = planner.considered.into_values().collect();
    let skipped =
        planner.skipped.into_iter().map(|(vmid, blockers)| Skipped { vmid, blockers }).collect();
    let Planner { steps, slight, balancer, .. } = planner;
    Plan { steps, considered, skipped, slight, before, after, balancer }
}

/// The cluster with the moves made so far, and what is known against further ones.
pub(super) struct Planner<'a> {
    pub(super) q: &'a Question<'a>,
    facts: BTreeMap<Vmid, &'a GuestFacts>,
    node_facts: Vec<Option<&'a NodeFacts>>,
    /// Expected loads with the steps so far.
    ledger: Ledger<'a>,
    /// Host of every guest with the steps so far, by index in the outlook.
    pub(super) hosts: Vec<usize>,
    pub(super) placement: Placement,
    /// Configured memory per node.
    committed: Vec<f64>,
    moved: BTreeSet<usize>,
    /// Whether a guest may move at all, once asked; steps do not change that.
    movable: Vec<Option<bool>>,
    /// Moves that failed a test which will not change: not tried again.
    refused: BTreeSet<(usize, usize)>,
    /// Moves for which a node had no room, with the states of both nodes: not tried again before
    /// one of them changes.
    waiting: BTreeMap<(usize, usize), (u32, u32)>,
    steps: Vec<Step>,
    considered: BTreeMap<Vmid, Considered>,
    skipped: BTreeMap<Vmid, Vec<Blocker>>,
    slight: BTreeMap<Vmid, f64>,
    balancer: Balancer,
    /// What PVE's balancer sees with the steps so far.
    scales: Scales,
    /// Which failures of a node the others could bear, with the steps so far.
    reserve: Option<Reserve>,
}

/// A move before its details are worked out.
struct Draft {
    guest: usize,
    target: usize,
    /// Risk that it takes away, in core-hours.
    saved: f64,
    cost: Points,
    /// How full the target is.
    fullness: f64,
}

/// Moves that save this share of the best one's overload are as good; the cheapest of them wins.
const AS_GOOD: f64 = 0.9;
/// Share of a crowded source's busy hours, with the guest, below which a crowded target is the
/// better place.
const CLEARLY: f64 = 0.9;

impl<'a> Planner<'a> {
    pub(super) fn new(q: &'a Question<'a>) -> Self {
        let outlook = q.outlook;
        let mut committed = vec![0.0; outlook.nodes.len()];
        for guest in &outlook.guests {
            committed[guest.host] += guest.maxmem.0;
        }
        Self {
            q,
            facts: q.inventory.guests.iter().map(|g| (g.vmid, g)).collect(),
            node_facts: outlook.nodes.iter().map(|n| q.inventory.node(&n.name)).collect(),
            ledger: Ledger::new(outlook, Limits::thresholds(q.config)),
            hosts: outlook.guests.iter().map(|g| g.host).collect(),
            placement: q.inventory.guests.iter().map(|g| (g.vmid, g.node.clone())).collect(),
            committed,
            moved: BTreeSet::new(),
            movable: vec![None; outlook.guests.len()],
            waiting: BTreeMap::new(),
            refused: BTreeSet::new(),
            steps: Vec::new(),
            considered: BTreeMap::new(),
            skipped: BTreeMap::new(),
            slight: BTreeMap::new(),
            balancer: balancer(outlook, q.inventory),
            scales: Scales::new(outlook, q.inventory),
            reserve: None,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits::thresholds(self.q.config)
    }

    fn total_overload(&self) -> Overload {
        (0..self.ledger.nodes()).map(|node| self.overload(node, None, self.limits())).sum()
    }

    /// Expected overload of a node with the steps so far and a change.
    fn overload(&self, node: usize, change: Option<(&Load, f64)>, limits: Limits) -> Overload {
        overload(self.q.outlook, node, self.ledger.load(node), change, limits)
    }

    /// Busy hours of a node with the steps so far and a change.
    pub(super) fn busy(
        &self,
        node: usize,
        change: Option<(&Load, f64)>,
        resource: Resource,
    ) -> f64 {
        self.levels(node, change, resource).high
    }

    /// Expected levels of a node with the steps so far and a change.
    fn levels(&self, node: usize, change: Option<(&Load, f64)>, resource: Resource) -> Levels {
        match change {
            None => self.ledger.levels(node, resource),
            Some(_) => levels(self.q.outlook, node, self.ledger.load(node), change, resource),
        }
    }

    /// How full a node is in its busy hours, as a share of its thresholds: the fuller resource.
    fn fullness(&self, node: usize) -> f64 {
        let of = |r| self.busy(node, None, r) / self.limits().of(r).max(f64::MIN_POSITIVE);
        Resource::ALL.into_iter().map(of).fold(0.0, f64::max)
    }

    /// Nodes in need, worst first. Absolute need: a node that is not expected above a threshold in
    /// any hour is no source, however uneven the cluster.
    pub(super) fn sources(&self) -> Vec<usize> {
        let (outlook, config) = (self.q.outlook, self.q.config);
        let converged = self.converged();
        let mut hot: Vec<(f64, usize)> = Vec::new();
        for (i, node) in outlook.nodes.iter().enumerate() {
            let need = need(outlook, i, self.ledger.load(i), config).filter(|_| !converged);
            if let (true, Some(risk)) = (node.online, need.or(node.maintenance.then_some(0.0))) {
                hot.push((risk, i));
            }
        }
        hot.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        hot.into_iter().map(|(_, i)| i).collect()
    }

    /// Whether all nodes are about equally loaded and none is overloaded: moves would only shift
    /// the load around.
    fn converged(&self) -> bool {
        let online = || (0..self.ledger.nodes()).filter(|&n| self.q.outlook.nodes[n].online);
        let spread = |resource| {
            let means: Vec<f64> = online().map(|n| self.levels(n, None, resource).mean).collect();
            let most = means.iter().copied().fold(0.0, f64::max);
            most - means.iter().copied().fold(most, f64::min)
        };
        let overloaded = self.q.states.iter().any(|s| s.state == State::Overloaded);
        let even = self.q.config.cluster_convergence_threshold.0;
        !overloaded && online().count() > 1 && Resource::ALL.into_iter().all(|r| spread(r) < even)
    }

    /// The best acceptable move off the worst node that has one.
    fn next_step(&mut self) -> Option<Step> {
        for source in self.sources() {
            let mut drafts = self.drafts(source);
            best_first(&mut drafts);
            for draft in &drafts {
                if let Some(step) = self.judge(source, draft) {
                    return Some(step);
                }
            }
        }
        None
    }

    /// Every move off `source` that saves something. A node in maintenance is left whatever it saves.
    fn drafts(&mut self, source: usize) -> Vec<Draft> {
        let node = &self.q.outlook.nodes[source];
        let least = self.q.config.min_benefit.0;
        let before = self.ledger.risk(source);
        let now: Vec<(f64, f64)> =
            (0..self.ledger.nodes()).map(|n| (self.ledger.risk(n), self.fullness(n))).collect();
        let mut drafts = Vec::new();
        let mut relieving = Vec::new();
        for guest in 0..self.q.outlook.guests.len() {
            if self.hosts[guest] != source || self.moved.contains(&guest) || !self.movable(guest) {
                continue;
            }
            let relieved = before - self.ledger.risk_turned(source, guest, -1.0);
            if relieved < least && !node.maintenance {
                continue;
            }
            relieving.push(guest);
            let cost = self.cost(guest).points;
            for (target, &(now, fullness)) in now.iter().enumerate() {
                if target == source || self.refused.contains(&(guest, target)) {
                    continue;
                }
                let state = (self.ledger.version(source), self.ledger.version(target));
                if self.waiting.get(&(guest, target)) == Some(&state) {
                    continue;
                }
                let saved = relieved - (self.ledger.risk_turned(target, guest, 1.0) - now);
                if saved >= least || node.maintenance {
                    drafts.push(Draft { guest, target, saved, cost, fullness });
                }
            }
        }
        if drafts.is_empty() && self.steps.iter().all(|step| step.source != source) {
            relieving.into_iter().for_each(|guest| self.tell_why_nowhere(source, guest));
        }
        drafts
    }

    /// Remembers what keeps a guest that could relieve `source` from all other nodes, or that it
    /// could go, but that this saves too little.
    fn tell_why_nowhere(&mut self, source: usize, guest: usize) {
        let vmid = self.q.outlook.guests[guest].vmid;
        let mut obstacles = Vec::new();
        let mut slight: Option<f64> = None;
        let less = |ledger: &mut Ledger, node, sign| {
            ledger.risk(node) - ledger.risk_turned(node, guest, sign)
        };
        let relieved = less(&mut self.ledger, source, -1.0);
        for target in (0..self.q.outlook.nodes.len()).filter(|target| *target != source) {
            let found = self.obstacles(guest, target);
            if found.is_empty() {
                let saved = relieved + less(&mut self.ledger, target, 1.0);
                slight = Some(slight.map_or(saved, |most| most.max(saved)));
            }
            obstacles.extend(found);
        }
        match slight {
            Some(saved) => {
                self.slight.insert(vmid, saved);
            }
            None => {
                self.slight.remove(&vmid);
                self.skipped.entry(vmid).or_default().extend(obstacles);
            }
        }
    }

    /// Risk of a node with the steps so far and a change.
    fn risk(&self, node: usize, change: Option<(&Load, f64)>) -> f64 {
        risk(self.q.outlook, node, self.ledger.load(node), change, self.limits())
    }

    /// Risk that a move takes away from both nodes together, in core-hours.
    pub(super) fn saved(&self, source: usize, guest: usize, target: usize) -> f64 {
        let load = &self.q.outlook.guests[guest].load;
        let less = |node, sign| self.risk(node, None) - self.risk(node, Some((load, sign)));
        less(source, -1.0) + less(target, 1.0)
    }

    /// Overload that a move takes away from both nodes together.
    fn benefit(&self, source: usize, guest: usize, target: usize) -> Overload {
        let load = &self.q.outlook.guests[guest].load;
        let change = |node, sign| {
            self.overload(node, None, self.limits())
                - self.overload(node, Some((load, sign)), self.limits())
        };
        change(source, -1.0) + change(target, 1.0)
    }

    /// Whether the guest can move at all; if not, remembers why.
    fn movable(&mut self, guest: usize) -> bool {
        if let Some(known) = self.movable[guest] {
            return known;
        }
        let blockers = self.of_guest(guest);
        let movable = blockers.is_empty();
        if !movable {
            self.skipped.insert(self.q.outlook.guests[guest].vmid, blockers);
        }
        self.movable[guest] = Some(movable);
        movable
    }

    /// Why a guest cannot move at all: rules, rest after a move, PVE's own balancer.
    pub(super) fn of_guest(&self, guest: usize) -> Vec<Blocker> {
        let outlook = &self.q.outlook.guests[guest];
        let Some(facts) = self.facts.get(&outlook.vmid) else {
            return vec![Blocker::new(BlockerCode::ConfigUnknown, "is not in the inventory")];
        };
        let mut found = self.q.constraints.of_guest(facts);
        found.extend(self.cooldown(outlook));
        if self.balancer.will_act && balancer::manages(self.q.inventory, facts) {
            let text = format!("is HA's to move: {}", self.balancer.text);
            found.push(Blocker::new(BlockerCode::CrsBalanced, text));
        }
        found
    }

    fn cooldown(&self, guest: &GuestOutlook) -> Option<Blocker> {
        let last = guest.moves.last()?;
        let hours = (self.q.outlook.now - last.time) as f64 / HOUR as f64;
        let rest = self.q.config.cooldown_hours.0;
        (hours < rest).then(|| {
            let text = format!(
                "moved from {} to {} {hours:.0} h ago; rests for {rest:.0} h",
                last.from, last.to
            );
            Blocker::new(BlockerCode::Cooldown, text)
        })
    }

    /// All that stands between a guest and a target: rules, capacity, history.
    pub(super) fn obstacles(&self, guest: usize, target: usize) -> Vec<Blocker> {
        let outlook = &self.q.outlook.guests[guest];
        let node = &self.q.outlook.nodes[target];
        let mut found = Vec::new();
        if let (Some(facts), Some(node)) = (self.facts.get(&outlook.vmid), self.node_facts[target])
        {
            found.extend(self.q.constraints.of_pair(facts, node, &self.placement));
        }
        if !node.online && found.iter().all(|b| b.code != BlockerCode::NodeOffline) {
            found.push(Blocker::new(BlockerCode::NodeOffline, format!("{} is offline", node.name)));
        }
        found.extend(self.ping_pong(outlook, node));
        found.extend(self.failed_before(guest, node));
        found.extend(self.full_storage(outlook, target));
        found.extend(self.memory_for(target, outlook.maxmem.0));
        found.extend(self.overloads(outlook, target, Some(self.hosts[guest])));
        found.extend(self.n1(guest, target));
        found.extend(self.unbalances(guest, target));
        found
    }

    fn ping_pong(&self, guest: &GuestOutlook, target: &NodeOutlook) -> Option<Blocker> {
        let window = self.q.config.ping_pong_days.seconds();
        let left = guest.moves.iter().rev().find(|m| m.from == target.name)?;
        let age = self.q.outlook.now - left.time;
        (age < window).then(|| {
            let days = age as f64 / DAY as f64;
            let text = format!("left {} only {days:.1} days ago", target.name);
            Blocker::new(BlockerCode::PingPong, text)
        })
    }

    /// A move that did not help is not repeated for a while.
    fn failed_before(&self, guest: usize, target: &NodeOutlook) -> Option<Blocker> {
        let (outlook, hours) = (self.q.outlook, self.q.config.repeat_block_hours.0);
        let (vmid, now) = (outlook.guests[guest].vmid, outlook.now);
        let source = &outlook.nodes[self.hosts[guest]];
        if source.maintenance {
            return None;
        }
        let failure = self.q.experience.failed(vmid, &source.name, &target.name, now, hours)?;
        let text = format!(
            "its move from {} to {} {:.0} h ago turned out as: {}; not repeated for {hours:.0} h",
            failure.source,
            failure.target,
            (now - failure.time) as f64 / HOUR as f64,
            failure.verdict.label()
        );
        Some(Blocker::new(BlockerCode::FailedBefore, text))
    }

    /// Disks that would be copied need room.
    pub(super) fn full_storage(&self, guest: &GuestOutlook, target: usize) -> Option<Blocker> {
        let node = &self.q.outlook.nodes[target];
        let used = node.storage_usage.filter(|x| *x >= self.q.config.storage_threshold)?;
        let copied = self.facts.get(&guest.vmid).map(|f| local_disks(f, self.q.inventory));
        (!copied?.is_empty()).then(|| {
            let name = &node.name;
            let text = format!(
                "its local disks would be copied, but a storage of {name} is {used:.0} full"
            );
            Blocker::new(BlockerCode::Storage, text)
        })
    }

    /// Memory that guests may take must be there.
    pub(super) fn memory_for(&self, target: usize, wanted: f64) -> Option<Blocker> {
        let node = &self.q.outlook.nodes[target];
        let used = self.busy(target, None, Resource::Memory) * node.memory.0;
        let full = self.q.config.target_mem_limit.0;
        (used + wanted > node.memory.0 * full).then(|| {
            let text = format!(
                "{} has {} in use in its busy hours; {} more would pass {:.0} % of its {}",
                node.name,
                Bytes(used),
                Bytes(wanted),
                full * 100.0,
                node.memory
            );
            Blocker::new(BlockerCode::MemoryCapacity, text)
        })
    }

    /// No move may push a node over a threshold.
    /// Where the whole cluster is crowded that would leave all as it is, two busy guests on one
    /// node as well; so the target may pass its threshold, but not its capacity, if it stays
    /// clearly below where `source`, if given, is with the guest.
    pub(super) fn overloads(
        &self,
        guest: &GuestOutlook,
        target: usize,
        source: Option<usize>,
    ) -> Vec<Blocker> {
        let over = |resource: Resource| {
            let limit = self.limits().of(resource);
            let after = self.busy(target, Some((&guest.load, 1.0)), resource);
            let over = after > limit && after > self.busy(target, None, resource);
            let there = source.map(|s| self.busy(s, None, resource));
            let better = there.is_some_and(|there| after <= (CLEARLY * there).min(1.0));
            (over && !better).then(|| {
                let text = format!(
                    "{} would reach {:.0} % {} in its busy hours (threshold {:.0} %)",
                    self.q.outlook.nodes[target].name,
                    after * 100.0,
                    resource.label(),
                    limit * 100.0
                );
                Blocker::new(BlockerCode::Overload, text)
            })
        };
        Resource::ALL.into_iter().filter_map(over).collect()
    }

    /// Works the reserve out, where it is asked for and not known yet.
    pub(super) fn know_reserve(&mut self) {
        let outlook = self.q.outlook;
        if self.q.config.n1_reserve && self.reserve.is_none() {
            let room = |n| (1.0 - self.busy(n, None, Resource::Memory)) * outlook.nodes[n].memory.0;
            let rooms = (0..self.ledger.nodes()).map(room).collect();
            self.reserve = Some(Reserve::new(outlook, &self.hosts, rooms));
        }
    }

    /// Every failure of a node that the others could bear before a move, they must bear after it.
    fn n1(&self, guest: usize, target: usize) -> Option<Blocker> {
        let reserve = self.reserve.as_ref()?;
        let lost = reserve.lost(self.q.outlook, &self.hosts, guest, target)?;
        let name = &self.q.outlook.nodes[lost].name;
        let text = format!("if {name} failed, its guests would no longer find memory elsewhere");
        Some(Blocker::new(BlockerCode::N1Reserve, text))
    }

    /// A move must not wake PVE's own balancer, which would move HA guests back.
    fn unbalances(&self, guest: usize, target: usize) -> Option<Blocker> {
        let known = &self.balancer;
        if !known.auto_rebalance || known.ha_guests == 0 {
            return None;
        }
        let before = self.scales.imbalance(None)?;
        let after = self.scales.imbalance(Some((guest, self.hosts[guest], target)))?;
        (after > known.threshold.0 && after > before).then(|| {
            let text = format!(
                "would raise PVE's imbalance from {:.0} % to {:.0} %, above the {:.0} % at which its \
                 own balancer moves HA guests",
                before * 100.0,
                after * 100.0,
                known.threshold.0 * 100.0
            );
            Blocker::new(BlockerCode::CrsBalanced, text)
        })
    }

    pub(super) fn index_of(&self, vmid: Vmid) -> Option<usize> {
        self.q.outlook.guests.binary_search_by_key(&vmid, |g| g.vmid).ok()
    }

    pub(super) fn cost(&self, guest: usize) -> Cost {
        let outlook = &self.q.outlook.guests[guest];
        let k = self.q.config;
        let facts = self.facts.get(&outlook.vmid);
        let copied = facts.map(|f| local_disks(f, self.q.inventory)).unwrap_or_default();
        let restart = facts.is_some_and(|f| restarts(f));
        let memory = Bytes(outlook.load.memory.first().copied().unwrap_or(0.0));
        let local_disks = Bytes(copied.iter().map(|(_, size)| size.0).sum());
        // A container's memory is not transferred: it stops here and starts there.
        let live = match restart {
            true => k.container_restart_cost,
            false => {
                k.memory_cost_per_gib * (memory.0 / GIB)
                    + k.write_rate_cost_per_mbps * (outlook.write_bps / 1e6)
            }
        };
        let points = k.migration_cost + live + k.local_disk_cost_per_gib * (local_disks.0 / GIB);
        Cost { points, memory, local_disks, restart }
    }

    /// Works a draft out; `None` when it does not stand, with the reason remembered.
    fn judge(&mut self, source: usize, draft: &Draft) -> Option<Step> {
        let outlook = self.q.outlook;
        let guest = &outlook.guests[draft.guest];
        self.know_reserve();
        let obstacles = self.obstacles(draft.guest, draft.target);
        if !obstacles.is_empty() {
            // Loads change with every step, so only these obstacles are for good.
            let lasting = |b: &Blocker| {
                !matches!(
                    b.code,
                    BlockerCode::MemoryCapacity
                        | BlockerCode::Overload
                        | BlockerCode::CrsBalanced
                        | BlockerCode::N1Reserve
                        | BlockerCode::Apart
                        | BlockerCode::Together
                )
            };
            let room =
                |b: &Blocker| matches!(b.code, BlockerCode::MemoryCapacity | BlockerCode::Overload);
            if obstacles.iter().any(lasting) {
                self.refused.insert((draft.guest, draft.target));
            } else if obstacles.iter().any(room) {
                let state = (self.ledger.version(source), self.ledger.version(draft.target));
                self.waiting.insert((draft.guest, draft.target), state);
            }
            self.skipped.entry(guest.vmid).or_default().extend(obstacles);
            return None;
        }
        let step = self.work_out(source, draft.guest, draft.target);
        let reason = self.refusal(&step);
        if let Some(reason) = reason {
            self.refused.insert((draft.guest, draft.target));
            self.considered.entry(guest.vmid).or_insert(Considered { step, reason });
            return None;
        }
        Some(step)
    }

    /// Why a possible move is not recommended.
    pub(super) fn refusal(&self, step: &Step) -> Option<String> {
        let k = self.q.config;
        let net = step.gain - step.cost.points;
        if net < k.min_score_improvement && !self.exhausted(step.source) {
            return Some(format!(
                "gains {:.1} points after its cost of {:.1}, less than the {:.1} asked for",
                net.0, step.cost.points.0, k.min_score_improvement.0
            ));
        }
        // Risk counts hours that only may come; those that are expected must not become more.
        if step.benefit.core_hours < -1e-9 && !self.q.outlook.nodes[step.source].maintenance {
            let added = -step.benefit.core_hours;
            return Some(format!("would add {added:.1} core-hours above the thresholds"));
        }
        let asked = k.settings.minimum_confidence.0 * 100.0;
        if step.confidence.percent < asked {
            // Rounded down, so that it reads as what it is.
            let stated = step.confidence.percent.floor();
            return Some(format!(
                "has a confidence of {stated:.0} %, below the minimum of {asked:.0} %"
            ));
        }
        self.busy_now(step.guest)
    }

    /// Whether a node has nothing left, now or in its busy hours: then what a move saves decides,
    /// and no score of its target stands against it.
    fn exhausted(&self, node: usize) -> bool {
        let full = |resource| {
            let now = self.ledger.load(node).of(resource).first().copied().unwrap_or(0.0);
            let share = now / self.q.outlook.nodes[node].capacity(resource).max(1e-9);
            share.max(self.busy(node, None, resource)) >= 1.0
        };
        Resource::ALL.into_iter().any(full)
    }

    /// Why a guest in its daily peak should wait, when running workloads are protected.
    fn busy_now(&self, guest: usize) -> Option<String> {
        let hours = &self.q.outlook.guests[guest].cpu_trend.peak_hours;
        let busy = |hour: u8| hours.contains(&hour);
        let protect = self.q.config.settings.protect_running_workloads;
        let now = self.q.local.hour(self.q.outlook.now) as u8;
        if !protect || !busy(now) {
            return None;
        }
        let calm = (1..24).map(|h| (now + h) % 24).find(|h| !busy(*h))?;
        Some(format!("is in its daily peak; put off until {calm:02}:00"))
    }

    /// Works a move out as if it was the next step.
    pub(super) fn work_out(&self, source: usize, index: usize, target: usize) -> Step {
        let guest = &self.q.outlook.guests[index];
        let source_score = self.score(source, guest, false);
        let target_score = self.score(target, guest, true);
        Step {
            guest: index,
            source,
            target,
            benefit: self.benefit(source, index, target),
            gain: total(&source_score) - total(&target_score),
            source_score,
            target_score,
            cost: self.cost(index),
            confidence: self.confidence(source, guest, target),
            source_load: self.ledger.load(source).clone(),
            source_peaks: self.peaks(source, guest, -1.0),
            target_peaks: self.peaks(target, guest, 1.0),
            window: self.window(guest, &[source, target]),
            concerns: self.concerns(guest.vmid),
        }
    }

    fn confidence(&self, source: usize, guest: &GuestOutlook, target: usize) -> Confidence {
        Confidence::of(&Basis {
            outlook: self.q.outlook,
            source,
            source_load: self.ledger.load(source),
            target,
            target_load: self.ledger.load(target),
            guest,
            limits: self.limits(),
            experience: self.q.experience,
        })
    }

    /// When to move a guest: outside its busy hours and those of the nodes that have to do the work.
    pub(super) fn window(&self, guest: &GuestOutlook, nodes: &[usize]) -> Option<Window> {
        if !self.q.config.settings.protect_running_workloads {
            return None;
        }
        let kind = match guest.kind {
            GuestKind::Qemu => "VM",
            GuestKind::Lxc => "CT",
        };
        let own: Busy = (format!("{kind} {}", guest.vmid), &guest.cpu_trend.peak_hours);
        let node = |n: &usize| {
            let node = &self.q.outlook.nodes[*n];
            (node.name.clone(), node.cpu_trend.peak_hours.as_slice())
        };
        let all: Vec<Busy> = std::iter::once(own).chain(nodes.iter().map(node)).collect();
        Window::next(self.q.outlook.now, self.q.local, &all)
    }

    /// What to know before a guest is moved.
    pub(super) fn concerns(&self, vmid: Vmid) -> Vec<String> {
        let facts = self.facts.get(&vmid).filter(|f| balancer::manages(self.q.inventory, f));
        facts.map(|_| self.balancer.text.clone()).into_iter().collect()
    }

    /// Penalties of `node` as the guest's home; `arrives` adds the guest, who is there otherwise.
    pub(super) fn score(
        &self,
        node: usize,
        guest: &GuestOutlook,
        arrives: bool,
    ) -> Vec<Contribution> {
        let outlook = &self.q.outlook.nodes[node];
        let mut load = self.ledger.load(node).clone();
        let growth = |of: fn(&GuestOutlook) -> f64| -> f64 {
            let here = self.hosts.iter().enumerate().filter(|(_, host)| **host == node);
            here.map(|(i, _)| of(&self.q.outlook.guests[i])).sum()
        };
        let cpu = |g: &GuestOutlook| g.cpu_growth().0;
        let memory = |g: &GuestOutlook| g.memory_growth().0;
        let (mut cpu_growth, mut memory_growth) = (growth(cpu), growth(memory));
        let (mut cpu_added, mut memory_added) = self.planned(node);
        let mut committed = self.committed[node];
        if arrives {
            load.add(&guest.load, 1.0);
            cpu_growth += cpu(guest);
            memory_growth += memory(guest);
            cpu_added += guest.cpu_now.0;
            memory_added += guest.load.memory.first().copied().unwrap_or(0.0);
            committed += guest.maxmem.0;
        }
        let candidate = Candidate {
            node: outlook,
            load: &load,
            weights: &self.q.outlook.weights,
            cpu_added,
            memory_added,
            cpu_growth,
            memory_growth,
            committed,
        };
        penalties(&candidate, self.q.config)
    }

    /// What the steps so far add to a node now: host cores and bytes.
    fn planned(&self, node: usize) -> (f64, f64) {
        let mut sum = (0.0, 0.0);
        for step in &self.steps {
            let sign = f64::from(i8::from(step.target == node) - i8::from(step.source == node));
            let guest = &self.q.outlook.guests[step.guest];
            sum.0 += sign * guest.cpu_now.0;
            sum.1 += sign * guest.load.memory.first().copied().unwrap_or(0.0);
        }
        sum
    }

    pub(super) fn peaks(&self, node: usize, guest: &GuestOutlook, sign: f64) -> Peaks {
        let at = |change, resource| self.busy(node, change, resource);
        let change = Some((&guest.load, sign));
        Peaks {
            cpu_before: at(None, Resource::Cpu),
            cpu_after: at(change, Resource::Cpu),
            memory_before: at(None, Resource::Memory),
            memory_after: at(change, Resource::Memory),
        }
    }

    fn apply(&mut self, step: Step) {
        let vmid = self.q.outlook.guests[step.guest].vmid;
        self.shift(step.guest, step.target);
        self.moved.insert(step.guest);
        self.considered.remove(&vmid);
        self.skipped.remove(&vmid);
        self.slight.remove(&vmid);
        self.steps.push(step);
    }

    /// Puts a guest on another node.
    pub(super) fn shift(&mut self, index: usize, target: usize) {
        let guest = &self.q.outlook.guests[index];
        let source = self.hosts[index];
        self.ledger.apply(index, source, target);
        self.committed[source] -= guest.maxmem.0;
        self.committed[target] += guest.maxmem.0;
        self.scales.apply(index, source, target);
        self.hosts[index] = target;
        self.placement.insert(guest.vmid, self.q.outlook.nodes[target].name.clone());
        self.reserve = None;
    }
}

/// Best draft first: those that save nearly as much as the best, the cheapest of them in front;
/// then the others by what they save. Of equals the emptiest target; ties fall by guest and target.
fn best_first(drafts: &mut [Draft]) {
    let most = drafts.iter().map(|d| d.saved).fold(0.0, f64::max);
    let lesser = |d: &Draft| d.saved < AS_GOOD * most;
    drafts.sort_unstable_by(|a, b| {
        let by_cost = || a.cost.0.total_cmp(&b.cost.0);
        let by_benefit = || b.saved.total_cmp(&a.saved);
        let by_worth = match lesser(a) && lesser(b) {
            true => by_benefit().then_with(by_cost),
            false => by_cost().then_with(by_benefit),
        };
        lesser(a)
            .cmp(&lesser(b))
            .then(by_worth)
            .then(a.fullness.total_cmp(&b.fullness))
            .then((a.guest, a.target).cmp(&(b.guest, b.target)))
    });
}
