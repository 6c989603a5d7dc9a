//! All moves off a node that save something, best first, before their details are worked out.

use super::Planner;
use crate::model::Points;
use crate::outlook::Resource;
use crate::recommend::overload::demand;
use crate::recommend::state::lasting_rise;

/// A move before its details are worked out.
pub(super) struct Draft {
    pub(super) guest: usize,
    pub(super) target: usize,
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

/// Costs are compared in steps of this many points, half a GiB of memory at the default: less is nothing to prefer a guest for.
const SAME_COST: f64 = 0.1;

impl Planner<'_> {
    /// Every move off `source` that saves something. A node in maintenance is left whatever it saves.
    pub(super) fn drafts(&mut self, source: usize) -> Vec<Draft> {
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
}

/// Best draft first: those that save nearly as much as the best, of these guests whose memory goes on growing in front, then
/// the cheapest; then the others by what they save. Of equals the target that has most of what the source is short of, or is
/// left the least full where the source is emptied; ties fall by guest and target. Neither a rise of CPU nor bursts count,
/// since neither tells what comes (docs/records/backtest.md).
pub(super) fn best_first(drafts: &mut [Draft]) {
    let most = drafts.iter().map(|d| d.saved).fold(0.0, f64::max);
    let lesser = |d: &Draft| d.saved < AS_GOOD * most;
    drafts.sort_unstable_by(|a, b| {
        let steps = |d: &Draft| (d.cost.0 / SAME_COST).round();
        let by_cost = || steps(a).total_cmp(&steps(b));
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
