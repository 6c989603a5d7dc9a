//! Who stays on a node in need, and why: what keeps a guest from all others, or how little its leaving would help.

use super::Planner;
use crate::outlook::Outlook;
use crate::recommend::blocker::{Blocker, BlockerCode};
use crate::recommend::explain::core_hours;
use crate::recommend::overload::demand;
use std::fmt;

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
    pub(super) fn add(&mut self, mut found: Vec<Blocker>) {
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

impl Planner<'_> {
    /// Remembers of the guests on nodes that are in need, or were `before` the steps, if there are any, why they stay there.
    /// On a node that the steps have relieved a guest stays for what kept it there before them.
    pub(super) fn tell_who_stays(&mut self, mut before: Option<Self>) {
        let in_need = self.sources();
        let were_in_need = before.as_ref().map_or(Vec::new(), |before| before.sources());
        for guest in 0..self.hosts.len() {
            let outlook = &self.q.outlook.guests[guest];
            let (source, vmid) = (self.hosts[guest], outlook.vmid);
            let in_need_of_it = in_need.contains(&source) || were_in_need.contains(&source);
            let asked = in_need_of_it || outlook.is_on_its_way();
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
}
