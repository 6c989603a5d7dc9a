//! The details of a move: what it saves, gains and costs, how sure it is, and when to make it.

use super::{Cost, Details, Peaks, Planner, Step};
use crate::model::{Bytes, GIB, GuestKind, Vmid};
use crate::outlook::{GuestOutlook, Load, RECORDED, Resource};
use crate::recommend::balancer;
use crate::recommend::confidence::{Basis, Confidence};
use crate::recommend::constraint::{LocalDisk, live, restarts, size_of};
use crate::recommend::overload::Overload;
use crate::recommend::state::sure_rise;
use crate::recommend::window::{Busy, Window};
use crate::score::{Candidate, Contribution, penalties, total};
use std::borrow::Cow;

/// Fall of a node from which it is told, in percent of it a day.
const NOTED_FALL: f64 = 0.5;

impl Planner<'_> {
    /// Works a move out as if it was the next step.
    pub(in crate::recommend) fn work_out(
        &self,
        source: usize,
        guest: usize,
        target: usize,
    ) -> Step {
        self.detailed(self.weigh((source, &self.score(source, None)), guest, target))
    }

    /// Weighs a move from a node with that score.
    pub(super) fn weigh(
        &self,
        (source, source_score): (usize, &[Contribution]),
        guest: usize,
        target: usize,
    ) -> Step<()> {
        let outlook = &self.q.outlook.guests[guest];
        let target_score = self.score(target, Some(outlook));
        Step {
            guest,
            source,
            target,
            benefit: self.benefit(source, guest, target),
            gain: total(source_score) - total(&target_score),
            source_score: source_score.to_vec(),
            target_score,
            cost: self.cost(guest),
            confidence: self.confidence(source, outlook, target),
            details: (),
        }
    }

    /// Adds what a weighed move is told with.
    pub(super) fn detailed(&self, weighed: Step<()>) -> Step {
        let Step { guest, source, target, .. } = weighed;
        let outlook = &self.q.outlook.guests[guest];
        let details = Details {
            source_load: self.ledger.load(source).clone(),
            target_load: self.ledger.load(target).clone(),
            source_peaks: self.peaks(source, outlook, -1.0),
            target_peaks: self.peaks(target, outlook, 1.0),
            window: self.window(outlook, &[source, target]),
            concerns: self
                .concerns(outlook.vmid)
                .chain(self.unsure_copy(outlook.vmid, target))
                .chain(self.to_older(outlook.vmid, source, target))
                .chain(self.goes_by_itself(outlook.vmid, source))
                .chain(self.falls(source))
                .chain(self.leaks(guest, source))
                .chain(self.reserve_lost(guest, target))
                .collect(),
        };
        weighed.with(details)
    }

    /// Risk that a move takes away from both nodes together, in core-hours.
    pub(in crate::recommend) fn saved(&self, source: usize, guest: usize, target: usize) -> f64 {
        let load = &self.q.outlook.guests[guest].load;
        let less = |node, sign| self.ledger.risk(node) - self.risk(node, (load, sign));
        less(source, -1.0) + less(target, 1.0)
    }

    /// Overload that a move takes away from both nodes together.
    fn benefit(&self, source: usize, guest: usize, target: usize) -> Overload {
        let load = &self.q.outlook.guests[guest].load;
        let change = |node, sign| self.ledger.overload(node) - self.overload(node, (load, sign));
        change(source, -1.0) + change(target, 1.0)
    }

    pub(in crate::recommend) fn cost(&self, guest: usize) -> Cost {
        let outlook = &self.q.outlook.guests[guest];
        let k = self.q.config;
        let facts = self.facts.get(&outlook.vmid);
        let restart = facts.is_some_and(|f| restarts(f));
        let memory = outlook.memory_now;
        let local_disks = size_of(&self.copied_disks(outlook.vmid));
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

    /// Expected load of a node without what is made up of its guests: their hours from before they were there.
    fn recorded_load(&self, node: usize) -> Cow<'_, Load> {
        let outlook = self.q.outlook;
        let mut load = Cow::Borrowed(self.ledger.load(node));
        for guest in self.young.iter().filter(|guest| self.hosts[**guest] == node) {
            let guest = &outlook.guests[*guest];
            load.to_mut().remove(&guest.load, RECORDED..outlook.first_case_of(guest.history_hours));
        }
        load
    }

    pub(super) fn confidence(
        &self,
        source: usize,
        guest: &GuestOutlook,
        target: usize,
    ) -> Confidence {
        let outlook = self.q.outlook;
        let young = self.young.iter().filter(|guest| self.hosts[**guest] == source);
        let young = young.map(|index| &outlook.guests[*index]);
        let is_newcomer =
            |other: &&GuestOutlook| other.vmid != guest.vmid && other.history_hours < 24.0;
        let newcomers: Vec<&GuestOutlook> = young.filter(is_newcomer).collect();
        Confidence::of(&Basis {
            outlook,
            source,
            source_load: &self.recorded_load(source),
            target,
            target_load: &self.recorded_load(target),
            guest,
            newcomers: &newcomers,
            limits: self.limits(),
            experience: self.q.experience,
            recent: self.q.recent,
        })
    }

    /// Penalties of `node` as it is, or with one guest more.
    pub(in crate::recommend) fn score(
        &self,
        node: usize,
        arrives: Option<&GuestOutlook>,
    ) -> Vec<Contribution> {
        let outlook = &self.q.outlook.nodes[node];
        let mut load = self.ledger.load(node).clone();
        let (mut cpu_growth, mut memory_growth) = self.growth[node];
        let (mut cpu_added, mut memory_added) = self.added[node];
        let mut committed = self.committed[node];
        if let Some(guest) = arrives {
            load.add(&guest.load, 1.0);
            cpu_growth += guest.cpu_growth().0;
            memory_growth += guest.memory_growth().0;
            cpu_added += guest.cpu_now.0;
            memory_added += guest.memory_now.0;
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

    pub(in crate::recommend) fn peaks(
        &self,
        node: usize,
        guest: &GuestOutlook,
        sign: f64,
    ) -> Peaks {
        let at = |change, resource| self.busy(node, change, resource);
        let change = Some((&guest.load, sign));
        Peaks {
            cpu_before: at(None, Resource::Cpu),
            cpu_after: at(change, Resource::Cpu),
            memory_before: at(None, Resource::Memory),
            memory_after: at(change, Resource::Memory),
        }
    }

    /// When to move a guest: outside its busy hours and those of the nodes that have to do the work.
    pub(in crate::recommend) fn window(
        &self,
        guest: &GuestOutlook,
        nodes: &[usize],
    ) -> Option<Window> {
        if !self.q.config.settings.protect_running_workloads {
            return None;
        }
        let kind = match guest.kind {
            GuestKind::Qemu => "VM",
            GuestKind::Lxc => "CT",
        };
        let own = Busy { who: format!("{kind} {}", guest.vmid), trend: &guest.cpu_trend };
        let node = |n: &usize| {
            let node = &self.q.outlook.nodes[*n];
            Busy { who: node.name.clone(), trend: &node.cpu_trend }
        };
        let all: Vec<Busy> = std::iter::once(own).chain(nodes.iter().map(node)).collect();
        Window::next(self.q.outlook.now, self.q.local, &all)
    }

    /// What to know before a guest is moved.
    pub(in crate::recommend) fn concerns(&self, vmid: Vmid) -> impl Iterator<Item = String> {
        let facts = self.facts.get(&vmid).filter(|f| balancer::manages(self.q.inventory, f));
        facts.map(|_| self.balancer.text.clone()).into_iter()
    }

    /// That PVE's own balancer takes another guest off the source next.
    fn goes_by_itself(&self, vmid: Vmid, source: usize) -> Option<String> {
        let next = self.balancer.next_move.as_ref().filter(|_| self.balancer.will_act)?;
        let source = &self.q.outlook.nodes[source].name;
        (next.source == *source && next.vmid != vmid).then(|| {
            format!(
                "PVE's balancer moves {} off {source} by itself; see first what that leaves",
                next.vmid
            )
        })
    }

    /// That the source gets better without the move.
    fn falls(&self, source: usize) -> Option<String> {
        let node = &self.q.outlook.nodes[source];
        let scarce = self.scarce(source);
        let per_day = -node.trend(scarce).claimed_slope()? * 100.0;
        (per_day >= NOTED_FALL && !node.maintenance).then(|| {
            format!("{}'s {} has been falling by {per_day:.1} % a day", node.name, scarce.label())
        })
    }

    /// That another guest makes most of what the source's memory grows by.
    fn leaks(&self, moved: usize, source: usize) -> Option<String> {
        let (outlook, node) = (self.q.outlook, &self.q.outlook.nodes[source]);
        if self.scarce(source) != Resource::Memory
            || node.maintenance
            || !sure_rise(&node.mem_trend)
        {
            return None;
        }
        let of_node = node.mem_trend.claimed_slope()? * node.memory.0;
        let here = outlook.guests.iter().enumerate().filter(|(g, _)| self.hosts[*g] == source);
        let growth = |(g, guest): (usize, &GuestOutlook)| (guest.memory_growth().0, g);
        let (most, grower) = here.map(growth).max_by(|a, b| a.0.total_cmp(&b.0))?;
        let [grower_vmid, moved_vmid] = [grower, moved].map(|g| outlook.guests[g].vmid);
        (grower != moved && 2.0 * most > of_node).then(|| {
            format!(
                "most of {}'s memory growth is {grower_vmid}'s ({} a day); moving {moved_vmid} buys time",
                node.name,
                Bytes(most)
            )
        })
    }

    /// That a guest which starts anew there would go to a node of an older version of PVE.
    pub(in crate::recommend) fn to_older(
        &self,
        vmid: Vmid,
        source: usize,
        target: usize,
    ) -> Option<String> {
        let facts = self.facts.get(&vmid).filter(|facts| !live(facts))?;
        let source = &self.q.outlook.nodes[source].name;
        let versions = self.q.constraints.older(facts, source, &self.node_facts[target])?;
        Some(format!("{versions}, on which it may not start"))
    }

    /// That nobody knows whether there is room for the disks that are copied.
    pub(in crate::recommend) fn unsure_copy(&self, vmid: Vmid, target: usize) -> Option<String> {
        let disks = self.copied_disks(vmid);
        let unknown =
            |disk: &&LocalDisk| disk.size.is_none() || self.left(target, disk.storage).is_none();
        let storage = disks.iter().find(unknown)?.storage;
        let node = &self.q.outlook.nodes[target].name;
        Some(format!("whether its local disks fit on '{storage}' of {node} is not known"))
    }
}
