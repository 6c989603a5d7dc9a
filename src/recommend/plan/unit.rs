//! Guests that must stay together, moved as one: consecutive steps of the plan.
//!
//! Looked at only where no single guest is worth moving, since a group costs more. It is weighed by
//! the load of all its guests: each step must be possible when its turn comes, but saving, gain and
//! confidence are those of the whole. O(groups of hot nodes x nodes x cases).

use super::{Considered, Planner, Step};
use crate::model::{Bytes, Points, Vmid, joined};
use crate::outlook::GuestOutlook;
use crate::recommend::blocker::{Blocker, BlockerCode};
use crate::recommend::constraint::runs;
use crate::recommend::explain::Group;
use crate::recommend::overload::demand;
use std::collections::BTreeSet;

/// A group against a target, before its details are worked out.
struct Draft {
    source: usize,
    /// Indices of its guests in the outlook.
    members: Vec<usize>,
    target: usize,
    /// Risk that its move takes away, in core-hours; where the source is emptied, from that alone.
    saved: f64,
    /// How full the target is left.
    fullness: f64,
}

impl Planner<'_> {
    /// The moves of the group that saves most, if one is worth it and has at most `room` guests.
    pub(super) fn next_unit(&mut self, room: usize) -> Vec<Step> {
        let mut drafts = Vec::new();
        for source in self.sources() {
            for members in self.units(source) {
                if members.len() <= room {
                    drafts.extend(self.unit_drafts(source, &members));
                }
            }
        }
        drafts.sort_by(|a, b| b.saved.total_cmp(&a.saved).then(a.fullness.total_cmp(&b.fullness)));
        drafts.iter().find_map(|draft| self.judge_unit(draft)).unwrap_or_default()
    }

    /// Groups of two and more whose guests are all on that node, run and may move.
    fn units(&mut self, source: usize) -> Vec<Vec<usize>> {
        let outlook = self.q.outlook;
        let mut told: BTreeSet<Vmid> = BTreeSet::new();
        let mut units = Vec::new();
        for (index, guest) in outlook.guests.iter().enumerate() {
            if self.hosts[index] != source || told.contains(&guest.vmid) {
                continue;
            }
            let mut group = self.q.constraints.together(guest.vmid);
            // Who does not run holds nobody.
            group.retain(|vmid| self.facts.get(vmid).is_some_and(|facts| runs(facts)));
            let here = |vmid: &Vmid| {
                self.index_of(*vmid).filter(|g| self.hosts[*g] == source && !self.moved.contains(g))
            };
            let members: Option<Vec<usize>> = group.iter().map(here).collect();
            told.extend(group);
            let whole = members.filter(|all| all.len() > 1).unwrap_or_default();
            if !whole.is_empty() && whole.iter().all(|&guest| self.movable(guest)) {
                units.push(whole);
            }
        }
        units
    }

    /// The targets to which moving the group saves something.
    fn unit_drafts(&self, source: usize, members: &[usize]) -> Vec<Draft> {
        let whole = self.whole(members);
        let less = |node, sign| self.ledger.risk(node) - self.risk(node, (&whole.load, sign));
        let relieved = less(source, -1.0);
        let emptied = self.q.outlook.nodes[source].maintenance;
        let least = demand(self.q.outlook, source, self.q.config);
        (0..self.ledger.nodes())
            .filter(|target| *target != source)
            .map(|target| {
                let saved = if emptied { relieved } else { relieved + less(target, 1.0) };
                let fullness = self.filled_by(target, Some(&whole.load));
                Draft { source, members: members.to_vec(), target, saved, fullness }
            })
            .filter(|draft| emptied || draft.saved >= least)
            .collect()
    }

    /// The guests of a group as if they were one.
    fn whole(&self, members: &[usize]) -> GuestOutlook {
        let guests = &self.q.outlook.guests;
        let mut whole = guests[members[0]].clone();
        for other in members[1..].iter().map(|g| &guests[*g]) {
            whole.load.add(&other.load, 1.0);
            whole.cores = whole.cores + other.cores;
            whole.maxmem = whole.maxmem + other.maxmem;
            whole.cpu_now = whole.cpu_now + other.cpu_now;
            whole.memory_now = whole.memory_now + other.memory_now;
            whole.history_hours = whole.history_hours.min(other.history_hours);
        }
        whole
    }

    /// Works a draft out; `None` when it does not stand, with the reason remembered.
    fn judge_unit(&mut self, draft: &Draft) -> Option<Vec<Step>> {
        let confidence = self.confidence(draft.source, &self.whole(&draft.members), draft.target);
        let mut steps = self.unit_steps(draft)?;
        for step in &mut steps {
            step.confidence = confidence.clone();
            step.details.concerns.insert(0, self.company(step.guest, &draft.members));
        }
        let mut whole = steps.first()?.clone();
        whole.gain = steps.iter().map(|s| s.gain).sum();
        whole.cost.points = steps.iter().map(|s| s.cost.points).sum::<Points>();
        whole.cost.memory = steps.iter().map(|s| s.cost.memory).sum::<Bytes>();
        whole.benefit = steps.iter().map(|s| s.benefit).sum();
        let busy = || steps.iter().find_map(|step| self.busy_now(step));
        if let Some(reason) = self.refusal(&whole).or_else(busy) {
            let vmid = self.q.outlook.guests[whole.guest].vmid;
            self.considered.entry(vmid).or_insert(Considered { step: whole, reason });
            return None;
        }
        Some(steps)
    }

    /// One step for each guest, each weighed after those before it; `None` where one is not
    /// possible, with what stands in its way remembered. That they belong together does not keep
    /// them from leaving together.
    fn unit_steps(&mut self, draft: &Draft) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        for &guest in &draft.members {
            self.know_reserve();
            let mut obstacles = self.obstacles(guest, draft.target);
            obstacles.retain(|b| b.code != BlockerCode::Together);
            if !obstacles.is_empty() {
                let vmid = |guest: usize| self.q.outlook.guests[guest].vmid;
                let there = steps.iter().map(|step: &Step| format!("guest {}", vmid(step.guest)));
                let there: Vec<String> = there.collect();
                if !there.is_empty() {
                    let after = |b: &mut Blocker| {
                        b.text = format!("with {} there: {}", joined(&there), b.text)
                    };
                    obstacles.iter_mut().for_each(after);
                }
                let vmid = vmid(guest);
                self.skipped.entry(vmid).or_default().add(obstacles);
                break;
            }
            steps.push(self.work_out(draft.source, guest, draft.target));
            self.shift(guest, draft.target);
        }
        steps.iter().rev().for_each(|step| self.shift(step.guest, draft.source));
        (steps.len() == draft.members.len()).then_some(steps)
    }

    /// What becomes of a guest and all that it must stay together with, if they go to a node at once; `None` where some
    /// of them cannot move at all or are elsewhere.
    pub(in crate::recommend) fn group_against(&self, guest: usize, target: usize) -> Option<Group> {
        let mut planner = self.clone();
        let units = planner.units(planner.hosts[guest]);
        let members = units.into_iter().find(|members| members.contains(&guest))?;
        let vmid = |g: usize| self.q.outlook.guests[g].vmid;
        let others = members.iter().copied().filter(|g| *g != guest).map(vmid).collect();
        let mut held = None;
        for member in members {
            planner.know_reserve();
            let mut obstacles = planner.obstacles(member, target);
            obstacles.retain(|b| b.code != BlockerCode::Together);
            if !obstacles.is_empty() {
                held = Some((vmid(member), obstacles));
                break;
            }
            planner.shift(member, target);
        }
        Some(Group { others, held })
    }

    /// With whom a guest goes, and why.
    fn company(&self, guest: usize, members: &[usize]) -> String {
        let vmid = |g: &usize| self.q.outlook.guests[*g].vmid;
        let others: Vec<String> =
            members.iter().filter(|g| **g != guest).map(|g| vmid(g).to_string()).collect();
        let rule = self.q.constraints.bond(vmid(&guest)).unwrap_or("a rule");
        format!("goes together with {}: {rule}", joined(&others))
    }
}
