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
mod obstacles;
mod unit;

use super::balancer::{Balancer, Scales, balancer};
use super::confidence::{Confidence, Recent};
use super::constraint::{Blocker, BlockerCode, Constraints, Placement};
use super::evacuation::Evacuations;
use super::explain::core_hours;
use super::ledger::Ledger;
use super::overload::{Overload, demand, least_benefit, levels, need, overload, risk};
use super::reserve::{Reserve, memory_of_guests};
use super::state::{NodeState, State, lasting_rise};
use super::window::Window;
use crate::model::{Bytes, GuestFacts, Inventory, NodeFacts, Points, Vmid};
use crate::outcome::Experience;
use crate::outlook::{GuestOutlook, Levels, Limits, Load, NodeOutlook, Outlook, Resource};
use crate::score::Contribution;
use crate::series::LocalTime;
use crate::settings::PenaltyConfig;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

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

impl Peaks {
    /// Whether more load takes the node over a threshold, or further beyond it.
    pub(super) fn pass(&self, limits: Limits) -> bool {
        let passes = |before, after, limit| after > limit && after > before;
        passes(self.cpu_before, self.cpu_after, limits.cpu)
            || passes(self.memory_before, self.memory_after, limits.memory)
    }
}

/// A move, all that it was decided on, and the details that it is told with: a refused one needs none.
#[derive(Clone, Debug)]
pub struct Step<D = Details> {
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
    /// What is told beside.
    pub details: D,
}

/// What a step is told with.
#[derive(Clone, Debug)]
pub struct Details {
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

impl Step {
    /// Whether nodes are above a threshold for more hours after it, if less far: its target is, where the source was.
    fn fills_its_target(&self) -> bool {
        self.benefit.node_hours < 0.0
    }
}

impl Step<()> {
    /// The same move with its details.
    fn with(self, details: Details) -> Step {
        Step {
            guest: self.guest,
            source: self.source,
            target: self.target,
            benefit: self.benefit,
            gain: self.gain,
            source_score: self.source_score,
            target_score: self.target_score,
            cost: self.cost,
            confidence: self.confidence,
            details,
        }
    }
}

/// A move that was weighed and not recommended.
#[derive(Clone, Debug)]
pub struct Considered {
    /// The move.
    pub step: Step,
    /// Why not.
    pub reason: Refusal,
}

/// Why a possible move is not recommended.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What of it is not enough, or too much.
    pub cause: Cause,
    /// One clause for people.
    pub text: String,
}

/// What keeps a possible move from being recommended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The gain in points, after what the move costs.
    Gain,
    /// It would add overload.
    Adds,
    /// How sure it is.
    Confidence,
    /// The hour: its guest is in its daily peak.
    Busy,
}

/// A guest for which a move was not possible.
#[derive(Clone, Debug, Default)]
pub struct Skipped {
    /// Why: what keeps it where it is, or what keeps it from the node that would be best, then from others.
    pub blockers: Vec<Blocker>,
    /// How many of them, from the first on, are of the guest itself or of the node that would be best.
    pub first: usize,
    /// Nodes that were asked, none of which can take it; 0 where that is not the reason.
    pub nodes: usize,
    /// A node could have taken it before the steps of the plan.
    pub could: bool,
}

impl Skipped {
    /// What keeps it from every node, that would be best first. Where nothing but its group keeps it from one, that speaks.
    fn everywhere(mut found: Vec<Vec<Blocker>>) -> Self {
        if let Some(bound) = found.iter().position(|of_node| of_group(of_node)) {
            found[..=bound].rotate_right(1);
        }
        let mut held = Self { nodes: found.len(), ..Self::default() };
        found.into_iter().for_each(|of_node| held.add(of_node));
        held
    }

    /// Adds what keeps it from one more node, most important first.
    fn add(&mut self, mut found: Vec<Blocker>) {
        found.sort();
        found.retain(|b| !self.blockers.contains(b));
        if self.blockers.is_empty() {
            self.first = found.len();
        }
        self.blockers.extend(found);
    }

    /// That a group stays together is no reason yet: what keeps all of it is, and is known where that was tried.
    fn after(mut self, tried: Self) -> Self {
        let known: Vec<Blocker> =
            tried.blockers.into_iter().filter(|b| b.code != BlockerCode::Together).collect();
        if self.is_bound() && !known.is_empty() {
            self.first = 1;
            self.blockers.splice(0..0, known);
        }
        self
    }

    /// Whether it could leave with its group alone.
    pub fn is_bound(&self) -> bool {
        of_group(&self.blockers[..self.first])
    }
}

/// Nodes but for one. Nobody wonders why a guest does not go to a node that is away, as long as there are others.
fn others(outlook: &Outlook, but: usize) -> impl Iterator<Item = usize> + '_ {
    let able = |n: &usize| outlook.nodes[*n].online && !outlook.nodes[*n].maintenance;
    let others = move || (0..outlook.nodes.len()).filter(move |n| *n != but);
    let some = others().any(|n| able(&n));
    others().filter(move |n| !some || able(n))
}

/// Whether guests that must go along are all that stands in the way.
fn of_group(blockers: &[Blocker]) -> bool {
    !blockers.is_empty() && blockers.iter().all(|b| b.code == BlockerCode::Together)
}

/// What a move would take away that is not made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slight {
    /// Core-hours of risk that it takes away.
    pub saved: f64,
    /// Those that a move off its node must take away.
    pub asked: f64,
    /// It is what the move would take away after the steps of the plan.
    pub after: bool,
}

impl fmt::Display for Slight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { saved, asked, after } = *self;
        let with = if after { " with the moves above" } else { "" };
        // Never rounded up to what is asked for.
        let amount = (saved.abs() * 10.0).floor() / 10.0;
        let asked = core_hours(asked);
        match saved {
            _ if amount <= 0.0 => {
                write!(f, "takes no risk away{with}, and {asked} core-hours are asked for")
            }
            s if s < 0.0 => write!(f, "would add {amount:.1} core-hours of risk{with}"),
            _ => {
                write!(
                    f,
                    "takes {amount:.1} core-hours of risk away{with}, less than the {asked} asked for"
                )
            }
        }
    }
}

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

/// A move before its details are worked out.
struct Draft {
    guest: usize,
    target: usize,
    /// Risk that it takes away, in core-hours; where the source is emptied, from that alone: all targets that can take
    /// the guest are as good by it.
    saved: f64,
    /// Memory is what the source has less of, and the guest takes ever more of it.
    grows: bool,
    cost: Points,
    /// How full the target is of what the source has less of; where the source is emptied, how full it is left.
    fullness: f64,
}

/// Moves that save this share of the best one's risk are as good: of them a guest that
/// goes on growing leaves first, then the cheapest.
const AS_GOOD: f64 = 0.9;

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
    /// its daily peak gives way to the next best, unless that has to wait just as long.
    fn best_step(&mut self, filling: bool) -> Option<Step> {
        for source in self.sources() {
            let mut drafts = self.drafts(source);
            best_first(&mut drafts);
            let score = self.score(source, None);
            let mut waits: Option<Step> = None;
            for draft in &drafts {
                let Some(step) = self.judge((source, &score), draft) else { continue };
                if !filling && step.fills_its_target() {
                    continue;
                }
                let Some(reason) = self.busy_now(&step) else {
                    let start = |step: &Step| step.details.window.as_ref().map(|w| w.start);
                    let best = waits.filter(|best| start(best) <= start(&step));
                    return best.or(Some(step));
                };
                self.put_off(step.clone(), reason);
                waits.get_or_insert(step);
            }
        }
        None
    }

    /// Every move off `source` that saves something. A node in maintenance is left whatever it saves.
    fn drafts(&mut self, source: usize) -> Vec<Draft> {
        let node = &self.q.outlook.nodes[source];
        let least = demand(self.q.outlook, source, self.q.config);
        let before = self.ledger.risk(source);
        let scarce = self.scarce(source);
        let now: Vec<(f64, f64)> = (0..self.ledger.nodes())
            .map(|n| (self.ledger.risk(n), self.filled(n, scarce)))
            .collect();
        let mut drafts = Vec::new();
        for guest in 0..self.q.outlook.guests.len() {
            if self.hosts[guest] != source || self.moved.contains(&guest) || !self.movable(guest) {
                continue;
            }
            let relieved = before - self.ledger.risk_turned(source, guest, -1.0);
            if relieved < least && !node.maintenance {
                continue;
            }
            let cost = self.cost(guest).points;
            let grows =
                scarce == Resource::Memory && lasting_rise(&self.q.outlook.guests[guest].mem_trend);
            for (target, &(now, fullness)) in now.iter().enumerate() {
                if target == source || self.refused.contains(&(guest, target)) {
                    continue;
                }
                let state = (self.ledger.version(source), self.ledger.version(target));
                if self.waiting.get(&(guest, target)) == Some(&state) {
                    continue;
                }
                if node.maintenance {
                    let fullness = self.ledger.filled_with(target, guest);
                    drafts.push(Draft { guest, target, saved: relieved, grows, cost, fullness });
                    continue;
                }
                let saved = relieved - (self.ledger.risk_turned(target, guest, 1.0) - now);
                if saved >= least {
                    drafts.push(Draft { guest, target, saved, grows, cost, fullness });
                }
            }
        }
        drafts
    }

    /// Remembers of the guests on nodes that are in need, or were `before` the steps, if there are any, why they stay there.
    /// On a node that the steps have relieved a guest stays for what kept it there before them.
    fn tell_who_stays(&mut self, mut before: Option<Self>) {
        let in_need = self.sources();
        let were_in_need = before.as_ref().map_or(Vec::new(), |before| before.sources());
        for guest in 0..self.hosts.len() {
            let (source, vmid) = (self.hosts[guest], self.q.outlook.guests[guest].vmid);
            let asked = in_need.contains(&source) || were_in_need.contains(&source);
            let tried = self.skipped.contains_key(&vmid);
            if self.moved.contains(&guest) || !(asked || tried) || !self.movable(guest) {
                continue;
            }
            let tried = self.skipped.remove(&vmid).unwrap_or_default();
            let held = match in_need.contains(&source) {
                true => self.told_in_need(guest, before.as_mut()),
                false => before.as_mut().and_then(|before| before.held_everywhere(guest)),
            };
            if let Some(held) = held {
                self.skipped.insert(vmid, held.after(tried));
            }
        }
    }

    /// Remembers what a guest could take away from its node, which is in need; or what keeps it there, if that was so
    /// before the steps, as it is told of the guest alone.
    fn told_in_need(&mut self, guest: usize, before: Option<&mut Self>) -> Option<Skipped> {
        let (slight, held) = self.best_move(guest)?;
        let emptied = self.q.outlook.nodes[self.hosts[guest]].maintenance;
        if held.is_none() || (slight.saved < slight.asked && !emptied) {
            self.slight.insert(self.q.outlook.guests[guest].vmid, slight);
        }
        let held = held?;
        let Some(before) = before else { return Some(held) };
        if let Some(held) = before.held_everywhere(guest) {
            return Some(held);
        }
        // Who would not have helped before the steps either is not told to go first.
        let (slight, _) = before.best_move(guest)?;
        if slight.saved < slight.asked && !emptied {
            self.slight.insert(self.q.outlook.guests[guest].vmid, slight);
            return None;
        }
        Some(Skipped { could: true, ..held })
    }

    /// What keeps a guest from all other nodes; `None` where one can take it. Mostly one of the emptiest can, and which would
    /// be best is not asked then.
    fn held_everywhere(&mut self, guest: usize) -> Option<Skipped> {
        self.know_reserve();
        let mut targets: Vec<(f64, usize)> = others(self.q.outlook, self.hosts[guest])
            .map(|target| (self.filled_by(target, None), target))
            .collect();
        targets.sort_by(|a, b| a.0.total_cmp(&b.0));
        if targets.iter().any(|(_, target)| self.obstacles(guest, *target).is_empty()) {
            return None;
        }
        self.best_move(guest)?.1
    }

    /// What the best possible move of a guest takes away; where none is possible what its leaving would, with what keeps
    /// it from all other nodes. `None` without another node.
    fn best_move(&mut self, guest: usize) -> Option<(Slight, Option<Skipped>)> {
        self.know_reserve();
        let source = self.hosts[guest];
        let scarce = self.scarce(source);
        let relieved = self.ledger.risk(source) - self.ledger.risk_turned(source, guest, -1.0);
        let mut targets: Vec<(f64, f64, usize)> = others(self.q.outlook, source)
            .map(|target| {
                let added = self.ledger.risk_turned(target, guest, 1.0) - self.ledger.risk(target);
                (relieved - added, self.filled(target, scarce), target)
            })
            .collect();
        targets.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        let asked = demand(self.q.outlook, source, self.q.config);
        let slight = |saved| Slight { saved, asked, after: !self.steps.is_empty() };
        targets.first()?;
        let mut found: Vec<Vec<Blocker>> = Vec::new();
        for (saved, _, target) in targets {
            let obstacles = self.obstacles(guest, target);
            if obstacles.is_empty() {
                return Some((slight(saved), None));
            }
            found.push(obstacles);
        }
        Some((slight(relieved), Some(Skipped::everywhere(found))))
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
        self.considered.entry(vmid).or_insert(Considered { step, reason });
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
        let memory = guest.load.memory.first().copied().unwrap_or(0.0);
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

/// Best draft first: those that save nearly as much as the best, of these guests whose memory goes on
/// growing in front, then the cheapest; then the others by what they save. Of equals the target
/// that has most of what the source is short of, or is left the least full where the source is emptied; ties fall by guest and target. Neither a rise of CPU nor bursts count, since neither tells
/// what comes (docs/records/backtest.md).
fn best_first(drafts: &mut [Draft]) {
    let most = drafts.iter().map(|d| d.saved).fold(0.0, f64::max);
    let lesser = |d: &Draft| d.saved < AS_GOOD * most;
    drafts.sort_unstable_by(|a, b| {
        let by_cost = || a.cost.0.total_cmp(&b.cost.0);
        let by_benefit = || b.saved.total_cmp(&a.saved);
        let by_worth = match lesser(a) && lesser(b) {
            true => by_benefit().then_with(by_cost),
            false => b.grows.cmp(&a.grows).then_with(by_cost).then_with(by_benefit),
        };
        lesser(a)
            .cmp(&lesser(b))
            .then(by_worth)
            .then(a.fullness.total_cmp(&b.fullness))
            .then((a.guest, a.target).cmp(&(b.guest, b.target)))
    });
}
