//! What stands against a move: rules, capacity and history make it impossible; too little gain, too little confidence
//! or a wrong hour make it not worth it.

use super::{Cause, Planner, Refusal, Step};
use crate::model::{Bytes, DAY, Fraction, GuestFacts, HOUR, Vmid, percent_beside};
use crate::outlook::{GuestOutlook, IO_WAIT, NodeOutlook, Resource};
use crate::recommend::balancer::{self, leaves_maintenance};
use crate::recommend::confidence::stated;
use crate::recommend::constraint::{Blocker, BlockerCode, LocalDisk, copied_disks};
use crate::recommend::overload::is_ever_above;
use crate::recommend::reserve::Reserve;
use crate::recommend::state::{Finding, State};
use std::collections::BTreeMap;

/// Share of a crowded source's busy hours, with the guest, below which a crowded target is the
/// better place.
const CLEARLY: f64 = 0.9;

/// A time for people: `40 min`, hours up to two days, `10 h`, else days, `4.2 days`.
pub(in crate::recommend) fn time(seconds: i64) -> String {
    match seconds {
        s if s < HOUR => format!("{} min", (s / 60).max(1)),
        s if s <= 2 * DAY => format!("{:.0} h", s as f64 / HOUR as f64),
        s => format!("{:.1} days", s as f64 / DAY as f64),
    }
}

/// What is left of so many hours after `age` seconds of them, told so that both add up; never nothing.
fn rest_of(hours: f64, age: i64) -> String {
    let left = (hours - (age as f64 / HOUR as f64).round()).max(1.0);
    time((left * HOUR as f64) as i64)
}

/// That the HA manager moves a guest off a node in maintenance.
fn leaves_by_itself(facts: &GuestFacts, node: &str) -> Option<Blocker> {
    leaves_maintenance(facts).then(|| {
        let text = format!("is moved by the HA manager, since {node} is in maintenance");
        Blocker::new(BlockerCode::HaMoves, text)
    })
}

impl<'a> Planner<'a> {
    /// Whether the guest can move at all; if not, remembers why.
    pub(super) fn movable(&mut self, guest: usize) -> bool {
        if let Some(known) = self.movable[guest] {
            return known;
        }
        let blockers = self.of_guest(guest);
        let movable = blockers.is_empty();
        if !movable {
            self.skipped.entry(self.q.outlook.guests[guest].vmid).or_default().add(blockers);
        }
        self.movable[guest] = Some(movable);
        movable
    }

    /// Why a guest cannot move at all: rules, rest after a move, PVE's own balancer.
    pub(in crate::recommend) fn of_guest(&self, guest: usize) -> Vec<Blocker> {
        let outlook = &self.q.outlook.guests[guest];
        let Some(facts) = self.facts.get(&outlook.vmid) else {
            return vec![Blocker::not_listed()];
        };
        let mut found = self.q.constraints.of_guest(facts);
        found.extend(Blocker::moved_since(facts, &self.q.outlook.nodes[outlook.seen].name));
        let leaves = self.leaving.get(&self.hosts[guest]).filter(|vmid| **vmid != outlook.vmid);
        let host = &self.q.outlook.nodes[self.hosts[guest]];
        match host.maintenance {
            true => found.extend(leaves_by_itself(facts, &host.name)),
            false => {
                found.extend(self.cooldown(outlook));
                found.extend(leaves.map(|vmid| Blocker::waits_for(*vmid, &host.name)));
            }
        }
        if self.balancer.will_act && balancer::manages(self.q.inventory, facts) {
            let text = format!("is HA's to move: {}", self.balancer.text);
            found.push(Blocker::new(BlockerCode::CrsBalanced, text));
        }
        found
    }

    fn cooldown(&self, guest: &GuestOutlook) -> Option<Blocker> {
        let last = guest.moves.last()?;
        let age = self.q.outlook.now - last.time;
        let rest = self.q.config.cooldown_hours.0;
        (age as f64 / (HOUR as f64) < rest).then(|| {
            let text = format!(
                "moved from {} to {} {} ago; rests for another {}",
                last.from,
                last.to,
                time(age),
                rest_of(rest, age)
            );
            Blocker::new(BlockerCode::Cooldown, text)
        })
    }

    /// All that stands between a guest and a target: rules, capacity, history.
    pub(in crate::recommend) fn obstacles(&self, guest: usize, target: usize) -> Vec<Blocker> {
        let outlook = &self.q.outlook.guests[guest];
        let node = &self.q.outlook.nodes[target];
        let mut found = Vec::new();
        if let Some(facts) = self.facts.get(&outlook.vmid) {
            let node = &self.node_facts[target];
            found.extend(self.q.constraints.of_pair(facts, node, &self.placement));
        }
        found.extend(Blocker::away(node).filter(|away| found.iter().all(|b| b.code != away.code)));
        if !node.online {
            // What it carried before tells nothing.
            return found;
        }
        if node.cores.0 <= 0.0 || node.memory.0 <= 0.0 {
            // What it would carry is no share of anything.
            let text = format!("it is not known how large {} is", node.name);
            found.push(Blocker::new(BlockerCode::MemoryCapacity, text));
            return found;
        }
        found.extend(self.ping_pong(outlook, node));
        found.extend(self.failed_before(guest, node));
        found.extend(self.full_storage(std::iter::once(outlook.vmid), target));
        found.extend(self.memory_for(target, outlook.maxmem.0));
        found.extend(self.overloads(outlook, target, Some(self.hosts[guest])));
        found.extend(self.waits_for_disks(target, Some(self.hosts[guest])));
        found.extend(self.n1(guest, target));
        found.extend(self.unbalances(guest, target));
        found
    }

    /// A guest does not return soon to the node that it left, unless all had to leave that.
    fn ping_pong(&self, guest: &GuestOutlook, target: &NodeOutlook) -> Option<Blocker> {
        let window = self.q.config.ping_pong_days.seconds();
        let left = guest.moves.iter().rev().find(|m| m.from == target.name)?;
        if self.evacuations.include(left) {
            return None;
        }
        let age = self.q.outlook.now - left.time;
        (age < window).then(|| {
            let text = format!("left {} only {} ago", target.name, time(age));
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
            "its move from {} to {} {} ago turned out as: {}; not repeated for another {}",
            failure.source,
            failure.target,
            time(now - failure.time),
            failure.verdict.label(),
            rest_of(hours, now - failure.time)
        );
        Some(Blocker::new(BlockerCode::FailedBefore, text))
    }

    /// Disks of a guest that must be copied.
    pub(super) fn copied_disks(&self, vmid: Vmid) -> Vec<LocalDisk<'a>> {
        self.facts.get(&vmid).map_or(Vec::new(), |facts| copied_disks(facts, self.q.inventory))
    }

    /// What is left of a storage of a node after the steps so far, where that is known.
    pub(super) fn left(&self, node: usize, storage: &'a str) -> Option<Bytes> {
        let free = self.node_facts[node].storage_free.get(storage)?;
        let copied = self.copied.get(&(node, storage)).copied().unwrap_or(0.0);
        Some(Bytes((free.0 - copied).max(0.0)))
    }

    /// Disks that are copied, those of all the guests that go together, need room on the storage of the same name,
    /// which must stay below the threshold. Where its use is not known, the fullest one of the node speaks for it.
    pub(in crate::recommend) fn full_storage(
        &self,
        guests: impl Iterator<Item = Vmid>,
        target: usize,
    ) -> Option<Blocker> {
        let mut wanted: BTreeMap<&str, f64> = BTreeMap::new();
        for disk in guests.flat_map(|vmid| self.copied_disks(vmid)) {
            *wanted.entry(disk.storage).or_default() += disk.size.unwrap_or_default().0;
        }
        let node = &self.q.outlook.nodes[target];
        let most = self.q.config.storage_threshold;
        let full = |storage: &str, size: f64| {
            let Some(left) = self.left(target, storage) else {
                let used = node.storage.current.filter(|x| *x >= most)?;
                return Some(format!(
                    "its local disks would be copied, but a storage of {} is {used:.0} full",
                    node.name
                ));
            };
            let copied = format!("of local disks would be copied to '{storage}' of {}", node.name);
            if size > left.0 {
                return Some(format!("{} {copied}, where {left} is left", Bytes(size)));
            }
            let whole = self.node_facts[target].storage_size.get(storage)?;
            let after = Fraction(1.0 - (left.0 - size) / whole.0);
            (after >= most && size > 0.0).then(|| {
                format!(
                    "{} {copied}, which would be {} % full (threshold {most:.0})",
                    Bytes(size),
                    percent_beside(after.0, most.0)
                )
            })
        };
        let text = wanted.iter().find_map(|(storage, size)| full(storage, *size))?;
        Some(Blocker::new(BlockerCode::Storage, text))
    }

    /// Memory that guests may take must be there.
    pub(in crate::recommend) fn memory_for(&self, target: usize, wanted: f64) -> Option<Blocker> {
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
    pub(in crate::recommend) fn overloads(
        &self,
        guest: &GuestOutlook,
        target: usize,
        source: Option<usize>,
    ) -> Vec<Blocker> {
        let over = |resource: Resource| {
            let limit = self.limits().of(resource);
            let (load, more) = (self.ledger.load(target), Some((&guest.load, 1.0)));
            if !is_ever_above(self.q.outlook, target, load, more, (resource, limit)) {
                return None;
            }
            let after = self.busy(target, more, resource);
            let over = after > limit && after > self.busy(target, None, resource);
            let there = source.map(|s| self.busy(s, None, resource));
            let better = there.is_some_and(|there| after <= (CLEARLY * there).min(1.0));
            (over && !better).then(|| {
                let text = format!(
                    "{} would reach {} % {} in its busy hours (threshold {:.0} %)",
                    self.q.outlook.nodes[target].name,
                    percent_beside(after, limit),
                    resource.label(),
                    limit * 100.0
                );
                Blocker::new(BlockerCode::Overload, text)
            })
        };
        Resource::ALL.into_iter().filter_map(over).collect()
    }

    /// A node that already waits for its disks gets no guest more, unless it waits clearly less than `source`, if
    /// given: where all share a slow storage no place is better.
    pub(in crate::recommend) fn waits_for_disks(
        &self,
        target: usize,
        source: Option<usize>,
    ) -> Option<Blocker> {
        let state = &self.q.states[target];
        let overloaded = |f: &&Finding| f.metric == IO_WAIT && f.state == State::Overloaded;
        let found = state.findings.iter().find(overloaded)?;
        let waits = |node: usize| self.q.outlook.nodes[node].iowait.high_7d;
        let here = found.high_7d.or(found.current)?;
        let better = source.and_then(waits).is_some_and(|there| here.0 <= CLEARLY * there.0);
        (!better).then(|| {
            let text = format!(
                "{} waits for its disks {} % of the time in its busy hours (threshold {:.0})",
                self.q.outlook.nodes[target].name,
                percent_beside(here.0, found.threshold.0),
                found.threshold
            );
            Blocker::new(BlockerCode::Overload, text)
        })
    }

    /// Which failures the others could bear with the steps so far, and without the node that is `away`.
    pub(in crate::recommend) fn reserve(&self, away: Option<usize>) -> Reserve {
        let room = |n: usize| {
            let node = &self.q.outlook.nodes[n];
            match away == Some(n) || !node.online || node.maintenance {
                true => f64::NEG_INFINITY,
                false => (1.0 - self.busy(n, None, Resource::Memory)) * node.memory.0,
            }
        };
        Reserve::new(&self.memory, &self.hosts, (0..self.ledger.nodes()).map(room).collect())
    }

    /// Works the reserve out, where it is asked for and not known yet.
    pub(in crate::recommend) fn know_reserve(&mut self) {
        if self.q.config.n1_reserve && self.reserve.is_none() {
            self.reserve = Some(self.reserve(None));
        }
    }

    /// Every failure of a node that the others could bear before a move, they must bear after it. A reserve that rests
    /// on guests which stay on a node in maintenance is none: it goes when the node does.
    fn n1(&self, guest: usize, target: usize) -> Option<Blocker> {
        let emptied = self.q.outlook.nodes[self.hosts[guest]].maintenance;
        let text = self.reserve_lost(guest, target).filter(|_| !emptied)?;
        Some(Blocker::new(BlockerCode::N1Reserve, text))
    }

    /// That the others could bear the failure of a node before a move, and not after it.
    pub(in crate::recommend) fn reserve_lost(&self, guest: usize, target: usize) -> Option<String> {
        let reserve = self.reserve.as_ref()?;
        let lost = reserve.lost(self.memory[guest], self.hosts[guest], target)?;
        let name = &self.q.outlook.nodes[lost].name;
        Some(format!("if {name} failed, its guests would no longer find memory elsewhere"))
    }

    /// A move must not wake PVE's own balancer, which would move HA guests back.
    fn unbalances(&self, guest: usize, target: usize) -> Option<Blocker> {
        let known = &self.balancer;
        // Nothing goes back to a node in maintenance.
        let empties = self.q.outlook.nodes[self.hosts[guest]].maintenance;
        if !known.auto_rebalance || known.ha_guests == 0 || empties {
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

    /// Why a possible move is not recommended.
    pub(in crate::recommend) fn refusal<D>(&self, of: &Step<D>) -> Option<Refusal> {
        let refused = |cause, text| Some(Refusal { cause, text });
        let k = self.q.config;
        // A node in maintenance is left whatever it saves.
        if self.q.outlook.nodes[of.source].maintenance {
            return None;
        }
        let net = of.gain - of.cost.points;
        if net < k.min_score_improvement && !self.exhausted(of.source) {
            let (cost, asked) = (of.cost.points.0, k.min_score_improvement.0);
            let lost = -net.0;
            let text = match lost > 0.0 {
                true => format!(
                    "loses {lost:.1} points with its cost of {cost:.1}, while a gain of {asked:.1} is asked for"
                ),
                false => format!(
                    "gains {:.1} points after its cost of {cost:.1}, less than the {asked:.1} asked for",
                    net.0
                ),
            };
            return refused(Cause::Gain, text);
        }
        // Risk counts hours that only may come; those that are expected must not become more.
        if of.benefit.core_hours < -1e-9 {
            let added = -of.benefit.core_hours;
            let added = if added < 0.05 { "less than 0.1".into() } else { format!("{added:.1}") };
            let text = format!("would add {added} core-hours above the thresholds");
            return refused(Cause::Adds, text);
        }
        let asked = k.settings.minimum_confidence.0 * 100.0;
        if of.confidence.percent < asked {
            let stated = stated(of.confidence.percent);
            let text = format!("has a confidence of {stated}, below the minimum of {asked:.0} %");
            return refused(Cause::Confidence, text);
        }
        None
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

    /// Why a move whose guest is in its daily peak waits for its window, when running workloads are protected.
    pub(in crate::recommend) fn busy_now(&self, step: &Step) -> Option<Refusal> {
        let window = step.details.window.as_ref()?;
        let trend = &self.q.outlook.guests[step.guest].cpu_trend;
        trend.is_busy(self.q.outlook.now, self.q.local).then(|| Refusal {
            cause: Cause::Busy,
            text: format!("is in its daily peak; put off until {}", window.begin()),
        })
    }
}
