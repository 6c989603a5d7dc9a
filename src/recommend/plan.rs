//! Which moves, in which order: as few as keep every node out of trouble.
//!
//! Greedy on the expected loads of all nodes together. A step is kept only if it takes
//! `min_benefit` core-hours of risk a week away, gains more than it costs and pushes no node over a threshold, unless that
//! is left clearly below where its source was; its effect is deducted from the source and added to the target before the
//! next step is sought, so a hot node is relieved, not emptied. Where a step fills its target, the plan that seeks such
//! steps last is made as well, and the better one is taken. Ties fall by name and number: the same input gives the same plan.
//! Where no guest is worth moving by itself, those that must stay together move as one (`unit`).
//! O(steps x guests of hot nodes x nodes x cases).

mod details;
mod draft;
mod obstacles;
mod stays;
mod step;
mod unit;

pub(super) use obstacles::time;
pub use stays::{Skipped, Slight};
pub use step::{Cause, Considered, Cost, Details, Peaks, Refusal, Step};

use super::balancer::{Balancer, Scales, balancer};
use super::blocker::{Blocker, BlockerCode};
use super::confidence::Recent;
use super::constraint::{Constraints, Placement};
use super::evacuation::Evacuations;
use super::ledger::Ledger;
use super::overload::{Overload, demand, least_benefit, levels, need, overload, risk};
use super::reserve::{Reserve, memory_of_guests};
use super::state::{NodeState, State};
use crate::model::{GuestFacts, Inventory, NodeFacts, Vmid};
use crate::outcome::Experience;
use crate::outlook::{
    GuestOutlook, Levels, Limits, Load, NodeOutlook, Outlook, RECORDED, Resource,
};
use crate::score::Contribution;
use crate::series::LocalTime;
use crate::settings::PenaltyConfig;
use draft::{Draft, best_first};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The outcome of planning.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Moves in the order in which to make them.
    pub steps: Vec<Step>,
    /// Moves that were weighed and rejected, by guest.
    pub considered: Vec<Considered>,
    /// Guests on troubled nodes that cannot move.
    pub skipped: BTreeMap<Vmid, Skipped>,
    /// Guests of a node which is in trouble after all steps, that are not worth it, or not within `max_moves`: the best
    /// of their moves; or that no node can take, and would not help by leaving.
    pub slight: BTreeMap<Vmid, Slight>,
    /// Expected overload of all nodes without any move.
    pub before: Overload,
    /// The same with all steps.
    pub after: Overload,
    /// That of each node with all steps, in the order of the outlook's nodes.
    pub left: Vec<Overload>,
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
    /// Gaps in what is stored.
    pub recent: Recent,
}

impl<'a> Question<'a> {
    /// Running guests that the inventory does not have.
    pub fn unlisted(&self) -> impl Iterator<Item = &'a GuestOutlook> {
        let inventory = self.inventory;
        self.outlook.guests.iter().filter(move |g| inventory.guest(g.vmid).is_none())
    }
}

/// Plans the moves that are worth it.
pub fn plan(q: &Question) -> Plan {
    let untouched = Planner::new(q);
    let before = untouched.total_overload();
    let mut planner = untouched.clone().with_steps(Order::WorstFirst);
    if planner.steps.iter().any(Step::fills_its_target) {
        let sparing = untouched.clone().with_steps(Order::RoomFirst);
        if sparing.is_better_than(&planner) {
            planner = sparing;
        }
    }
    let changed = !planner.steps.is_empty();
    planner.tell_who_stays(changed.then_some(untouched));
    let left: Vec<Overload> = (0..planner.ledger.nodes()).map(|n| planner.expected(n)).collect();
    let after = left.iter().copied().sum();
    let considered = planner.considered.into_values().collect();
    let Planner { steps, skipped, slight, balancer, .. } = planner;
    Plan { steps, considered, skipped, slight, before, after, left, balancer }
}

/// In which order steps are sought.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// The best one off the worst node.
    WorstFirst,
    /// Those that fill their target last: they take room that others may need.
    RoomFirst,
}

/// The cluster with the moves made so far, and what is known against further ones.
#[derive(Clone)]
pub(super) struct Planner<'a> {
    pub(super) q: &'a Question<'a>,
    facts: BTreeMap<Vmid, &'a GuestFacts>,
    /// Of the nodes of the outlook. Of one that the inventory lacks, as when it joined later, the name and the cores
    /// that are recorded: rules that name nodes hold there, too.
    pub(super) node_facts: Vec<Cow<'a, NodeFacts>>,
    /// Expected loads with the steps so far.
    ledger: Ledger<'a>,
    /// Host of every guest with the steps so far, by index in the outlook.
    pub(super) hosts: Vec<usize>,
    pub(super) placement: Placement,
    /// Memory that each guest needs, by index in the outlook.
    pub(super) memory: Vec<f64>,
    /// Configured memory per node.
    committed: Vec<f64>,
    /// Bytes of local disks that the steps so far copy to a storage of a node; below 0: off it.
    copied: BTreeMap<(usize, &'a str), f64>,
    /// How its guests grow, per node ([`growth_of_nodes`]).
    growth: Vec<(f64, f64)>,
    moved: BTreeSet<usize>,
    /// A guest that is being moved off a node to another one that is not known, by its old node.
    leaving: BTreeMap<usize, Vmid>,
    /// Guests that were not there in all recorded hours, by index in the outlook.
    young: Vec<usize>,
    /// Whether a guest may move at all, once asked; steps do not change that.
    movable: Vec<Option<bool>>,
    /// Moves that failed a test which will not change, or are not worth it: not tried again. What a move is worth may
    /// change, but hardly for the better: a step off its source leaves less to take away, one to its target less room.
    /// Nor is room on a storage counted that a step before frees only once it is made.
    refused: BTreeSet<(usize, usize)>,
    /// Moves for which a node had no room, with the states of both nodes: not tried again before
    /// one of them changes.
    waiting: BTreeMap<(usize, usize), (u32, u32)>,
    steps: Vec<Step>,
    considered: BTreeMap<Vmid, Considered>,
    skipped: BTreeMap<Vmid, Skipped>,
    slight: BTreeMap<Vmid, Slight>,
    /// Host cores and bytes that the steps so far add to a node now.
    added: Vec<(f64, f64)>,
    balancer: Balancer,
    /// What PVE's balancer sees with the steps so far.
    scales: Scales,
    /// Which failures of a node the others could bear, with the steps so far.
    reserve: Option<Reserve>,
    evacuations: Evacuations,
}

impl<'a> Planner<'a> {
    pub(super) fn new(q: &'a Question<'a>) -> Self {
        let outlook = q.outlook;
        let mut committed = vec![0.0; outlook.nodes.len()];
        for guest in &outlook.guests {
            committed[guest.host] += guest.maxmem.0;
        }
        let hosts: Vec<usize> = outlook.guests.iter().map(|g| g.host).collect();
        Self {
            q,
            facts: q.inventory.guests.iter().map(|g| (g.vmid, g)).collect(),
            node_facts: outlook.nodes.iter().map(|n| facts_of(q.inventory, n)).collect(),
            ledger: Ledger::new(outlook, Limits::thresholds(q.config)),
            memory: memory_of_guests(outlook),
            growth: growth_of_nodes(outlook, &hosts),
            hosts,
            placement: q.inventory.guests.iter().map(|g| (g.vmid, g.node.clone())).collect(),
            committed,
            copied: BTreeMap::new(),
            moved: BTreeSet::new(),
            leaving: leaving(outlook, q.inventory),
            young: young(outlook),
            movable: vec![None; outlook.guests.len()],
            waiting: BTreeMap::new(),
            refused: BTreeSet::new(),
            steps: Vec::new(),
            considered: BTreeMap::new(),
            skipped: BTreeMap::new(),
            slight: BTreeMap::new(),
            added: vec![(0.0, 0.0); outlook.nodes.len()],
            balancer: balancer(outlook, q.inventory),
            scales: Scales::new(outlook, q.inventory),
            reserve: None,
            evacuations: Evacuations::of(outlook),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits::thresholds(self.q.config)
    }

    /// Expected overload of all nodes that are there.
    fn total_overload(&self) -> Overload {
        self.overload_where(|_| true)
    }

    /// Expected overload of all nodes but `away`.
    pub(super) fn overload_besides(&self, away: usize) -> Overload {
        self.overload_where(|node| node != away)
    }

    fn overload_where(&self, counts: impl Fn(usize) -> bool) -> Overload {
        (0..self.ledger.nodes()).filter(|n| counts(*n)).map(|node| self.expected(node)).sum()
    }

    /// Expected overload of a node with the steps so far; none of one that is not there.
    fn expected(&self, node: usize) -> Overload {
        match self.q.outlook.nodes[node].online {
            true => self.ledger.overload(node),
            false => Overload::default(),
        }
    }

    /// Expected overload of a node with the steps so far and a change.
    fn overload(&self, node: usize, change: (&Load, f64)) -> Overload {
        overload(self.q.outlook, node, self.ledger.load(node), Some(change), self.limits())
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

    /// How full a resource of a node is in its busy hours, as a share of its threshold.
    fn filled(&self, node: usize, resource: Resource) -> f64 {
        self.busy(node, None, resource) / self.limits().of(resource).max(f64::MIN_POSITIVE)
    }

    /// How full a node would be in its busy hours with more load, as a share of its thresholds.
    pub(super) fn filled_by(&self, node: usize, more: Option<&Load>) -> f64 {
        self.ledger.filled_by(node, more)
    }

    /// The resource that is nearer to its threshold.
    fn scarce(&self, node: usize) -> Resource {
        match self.filled(node, Resource::Memory) > self.filled(node, Resource::Cpu) {
            true => Resource::Memory,
            false => Resource::Cpu,
        }
    }

    /// Nodes in need, worst first. Absolute need: a node that is not expected above a threshold in
    /// any hour is no source, however uneven the cluster.
    pub(super) fn sources(&self) -> Vec<usize> {
        let (outlook, config) = (self.q.outlook, self.q.config);
        let converged = self.converged();
        let mut hot: Vec<(f64, usize)> = Vec::new();
        for (i, node) in outlook.nodes.iter().enumerate() {
            let asked = demand(outlook, i, config);
            let need = need(self.ledger.overload(i), self.ledger.risk(i), asked);
            let need = need.filter(|_| !converged);
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

    /// Makes all steps that are worth it.
    fn with_steps(mut self, order: Order) -> Self {
        loop {
            let room = (self.q.config.max_moves as usize).saturating_sub(self.steps.len());
            let single = if room > 0 { self.next_step(order) } else { None };
            let steps = single.map_or_else(|| self.next_unit(room), |step| vec![step]);
            if steps.is_empty() {
                return self;
            }
            steps.into_iter().for_each(|step| self.apply(step));
        }
    }

    /// Whether its steps leave so much less that one more of them must save no less.
    fn is_better_than(&self, other: &Self) -> bool {
        let more = self.steps.len().saturating_sub(other.steps.len());
        let asked = (1 + more) as f64 * least_benefit(self.q.outlook, self.q.config);
        self.total_overload().core_hours + asked <= other.total_overload().core_hours
    }

    /// The next step in that order.
    fn next_step(&mut self, order: Order) -> Option<Step> {
        let sparing = if order == Order::RoomFirst { self.best_step(false) } else { None };
        sparing.or_else(|| self.best_step(true))
    }

    /// The best acceptable move off the worst node that has one, with or without those that fill their target. A guest in
    /// its daily peak gives way to the next best, unless that has to wait just as long, or the steps so far do.
    fn best_step(&mut self, filling: bool) -> Option<Step> {
        let start = |step: &Step| step.details.window.as_ref().map(|w| w.start);
        let planned = self.steps.iter().filter_map(start).max();
        for source in self.sources() {
            let mut drafts = self.drafts(source);
            best_first(&mut drafts);
            let score = self.score(source, None);
            let mut waits: Option<Step> = None;
            let mut put_off = Vec::new();
            let mut free = None;
            for draft in &drafts {
                let Some(step) = self.judge((source, &score), draft) else { continue };
                if !filling && step.fills_its_target() {
                    continue;
                }
                let Some(reason) = self.busy_now(&step) else {
                    free = Some(step);
                    break;
                };
                put_off.push((step.guest, step.target));
                self.put_off(step.clone(), reason);
                waits.get_or_insert(step);
            }
            let until = planned.max(free.as_ref().and_then(start));
            let best = waits.filter(|best| start(best) <= until);
            if let Some(best) = &best {
                self.give_way_to(best);
                // It waits as well as they do: the next step may be one of theirs.
                put_off.iter().for_each(|pair| _ = self.refused.remove(pair));
            }
            if let Some(step) = best.or(free) {
                return Some(step);
            }
        }
        None
    }

    /// Risk of a node with the steps so far and a change.
    fn risk(&self, node: usize, change: (&Load, f64)) -> f64 {
        risk(self.q.outlook, node, self.ledger.load(node), Some(change), self.limits())
    }

    pub(super) fn index_of(&self, vmid: Vmid) -> Option<usize> {
        self.q.outlook.guest_index(vmid)
    }

    /// Works a draft off a node with that score out; `None` when it does not stand, with the reason remembered.
    fn judge(&mut self, (source, score): (usize, &[Contribution]), draft: &Draft) -> Option<Step> {
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
            let target = &outlook.nodes[draft.target];
            if target.online && !target.maintenance {
                self.skipped.entry(guest.vmid).or_default().add(obstacles);
            }
            return None;
        }
        let weighed = self.weigh((source, score), draft.guest, draft.target);
        if let Some(reason) = self.refusal(&weighed) {
            self.refused.insert((draft.guest, draft.target));
            // Only the first refusal of a guest is told, so the others are not worked out.
            if !self.considered.contains_key(&guest.vmid) {
                let step = self.detailed(weighed);
                self.considered.insert(guest.vmid, Considered { step, reason });
            }
            return None;
        }
        Some(self.detailed(weighed))
    }

    /// Remembers that a move that is worth it waits.
    fn put_off(&mut self, step: Step, reason: Refusal) {
        let vmid = self.q.outlook.guests[step.guest].vmid;
        self.refused.insert((step.guest, step.target));
        // Why it was not the step before says nothing of why it is not this one.
        self.considered.retain(|known, c| *known != vmid || c.reason.cause != Cause::Behind);
        self.considered.entry(vmid).or_insert(Considered { step, reason });
    }

    /// Those that wait as well are not put off by the hour alone: somebody goes who waits for the same.
    fn give_way_to(&mut self, best: &Step) {
        let vmid = self.q.outlook.guests[best.guest].vmid;
        let source = &self.q.outlook.nodes[best.source].name;
        let others = self.considered.values_mut().filter(|c| c.reason.cause == Cause::Busy);
        for other in others.filter(|c| c.step.source == best.source) {
            let text = format!(
                "is in its daily peak, and of those that are, guest {vmid} relieves {source} better"
            );
            other.reason = Refusal { cause: Cause::Behind, text };
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
        let memory = guest.memory_now.0;
        for (node, sign) in [(source, -1.0), (target, 1.0)] {
            self.added[node].0 += sign * guest.cpu_now.0;
            self.added[node].1 += sign * memory;
        }
        self.committed[source] -= guest.maxmem.0;
        self.committed[target] += guest.maxmem.0;
        self.scales.apply(index, source, target);
        self.hosts[index] = target;
        self.growth = growth_of_nodes(self.q.outlook, &self.hosts);
        self.place(guest.vmid, source, target);
        self.reserve = None;
    }

    /// Puts the configuration and the local disks of a guest, which need not run, on another node.
    pub(super) fn place(&mut self, vmid: Vmid, source: usize, target: usize) {
        for disk in self.copied_disks(vmid) {
            let size = disk.size.unwrap_or_default().0;
            *self.copied.entry((source, disk.storage)).or_default() -= size;
            *self.copied.entry((target, disk.storage)).or_default() += size;
        }
        self.placement.insert(vmid, self.q.outlook.nodes[target].name.clone());
    }
}

/// Guests that migrate, by the node on which they still are.
fn leaving(outlook: &Outlook, inventory: &Inventory) -> BTreeMap<usize, Vmid> {
    let guests = inventory.guests.iter().filter(|facts| facts.migrates());
    let found = guests.filter_map(|facts| outlook.guest_index(facts.vmid));
    let still_there = |guest: &&GuestOutlook| !guest.is_on_its_way();
    let guests = found.map(|index| &outlook.guests[index]).filter(still_there);
    guests.map(|guest| (guest.host, guest.vmid)).collect()
}

/// Guests with hours in the outlook from before they were there.
fn young(outlook: &Outlook) -> Vec<usize> {
    let is_young = |guest: &GuestOutlook| outlook.first_case_of(guest.history_hours) > RECORDED;
    (0..outlook.guests.len()).filter(|index| is_young(&outlook.guests[*index])).collect()
}

fn facts_of<'a>(inventory: &'a Inventory, node: &NodeOutlook) -> Cow<'a, NodeFacts> {
    let unlisted = || NodeFacts {
        name: node.name.clone(),
        maxcpu: Some(node.cores),
        maintenance: node.maintenance,
        ..NodeFacts::default()
    };
    inventory.node(&node.name).map_or_else(|| Cow::Owned(unlisted()), Cow::Borrowed)
}

/// Growth of CPU in host cores and of memory in bytes, per day, of the guests on each node.
fn growth_of_nodes(outlook: &Outlook, hosts: &[usize]) -> Vec<(f64, f64)> {
    let mut growth = vec![(0.0, 0.0); outlook.nodes.len()];
    for (guest, host) in outlook.guests.iter().zip(hosts) {
        growth[*host].0 += guest.cpu_growth().0;
        growth[*host].1 += guest.memory_growth().0;
    }
    growth
}
