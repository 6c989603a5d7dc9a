//! PVE's own balancer (`crs` in datacenter.cfg): what it sees and whether it will move a guest.
//!
//! Sources: pve-ha-manager 5.2 (`Manager.pm`, `load_balance`) for when it acts and on whom,
//! proxmox-resource-scheduling (`scheduler.rs`, `node.rs`) for the figures. The load of a node is the
//! mean of its CPU and memory shares; the imbalance is the coefficient of variation of the loads of
//! all online nodes over the highest one possible, sqrt(nodes - 1). It acts above the threshold, on
//! the one bundle of HA guests whose move leaves the least imbalance, if that gains the margin. With
//! the scheduler `static` a node's load is what its HA guests are configured with.
//!
//! PVE reads what nodes sent seconds ago; the means of the last hour that we have are what an
//! imbalance of some rounds looks like. The simulated clusters in the tests of pve-ha-manager 5.2.0
//! still show the plain coefficient of variation, without the division.

use crate::model::{Fraction, GuestFacts, HaRuleKind, Inventory, Vmid};
use crate::outlook::{Outlook, Resource};
use serde::Serialize;
use std::collections::BTreeSet;

/// What PVE's balancer is set to, sees and will do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Balancer {
    /// `basic`, `static` or `dynamic`.
    pub scheduler: String,
    /// Whether it balances HA guests by itself.
    pub auto_rebalance: bool,
    /// Imbalance above which it acts.
    pub threshold: Fraction,
    /// Rounds of about ten seconds for which the imbalance must last.
    pub hold_duration: u32,
    /// Least relative gain of a move.
    pub margin: Fraction,
    /// `bruteforce` or `topsis`.
    pub method: String,
    /// Imbalance as PVE computes it, 0 to 1; absent where too little is known.
    pub imbalance: Option<f64>,
    /// HA guests that it may move.
    pub ha_guests: usize,
    /// Whether it will move one of them by itself.
    pub will_act: bool,
    /// The move it will make; absent with the method `topsis`, which ranks otherwise.
    pub next_move: Option<BalancerMove>,
    /// All this in one sentence.
    pub text: String,
}

/// A move of PVE's balancer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BalancerMove {
    /// Leader of the guests that move together.
    pub vmid: Vmid,
    /// Node it leaves.
    pub source: String,
    /// Node it goes to.
    pub target: String,
    /// Imbalance after the move.
    pub imbalance_after: f64,
}

/// Loads as PVE's balancer sees them, kept current while a plan is made.
#[derive(Clone, Debug)]
pub(super) struct Scales {
    /// Shares of CPU and memory by index of the outlook; `None`: not counted.
    nodes: Vec<Option<[f64; 2]>>,
    /// What each guest of the outlook puts on a node: cores and bytes.
    guests: Vec<[f64; 2]>,
    /// Cores and bytes of the nodes.
    capacity: Vec<[f64; 2]>,
}

impl Scales {
    pub(super) fn new(outlook: &Outlook, inventory: &Inventory) -> Self {
        let configured = inventory.crs.ha == "static";
        let capacity: Vec<[f64; 2]> = outlook
            .nodes
            .iter()
            .map(|n| Resource::ALL.map(|r| n.capacity(r).max(f64::MIN_POSITIVE)))
            .collect();
        let guests: Vec<[f64; 2]> = outlook
            .guests
            .iter()
            .map(|g| match configured {
                true if in_service(inventory.guest(g.vmid)) => [g.cores.0, g.maxmem.0],
                true => [0.0, 0.0],
                false => [g.cpu_now.0, g.memory_now.0],
            })
            .collect();
        let mut nodes: Vec<Option<[f64; 2]>> = outlook
            .nodes
            .iter()
            .map(|n| match n.online && !n.maintenance {
                true if configured => Some([0.0, 0.0]),
                true => Some([n.cpu.current?.0, n.mem.current?.0]),
                false => None,
            })
            .collect();
        if configured {
            for (guest, weight) in outlook.guests.iter().zip(&guests) {
                if let Some(node) = &mut nodes[guest.host] {
                    *node = added(*node, *weight, capacity[guest.host], 1.0);
                }
            }
        }
        Self { nodes, guests, capacity }
    }

    /// PVE's imbalance, with one guest moved if `change` says so (guest, source, target).
    pub(super) fn imbalance(&self, change: Option<(usize, usize, usize)>) -> Option<f64> {
        self.with(change.map(|(guest, source, target)| (self.guests[guest], source, target)))
    }

    fn with(&self, change: Option<([f64; 2], usize, usize)>) -> Option<f64> {
        let load = |(i, node): (usize, &Option<[f64; 2]>)| {
            let node = (*node)?;
            let [cpu, memory] = match change {
                Some((weight, source, _)) if source == i => {
                    added(node, weight, self.capacity[i], -1.0)
                }
                Some((weight, _, target)) if target == i => {
                    added(node, weight, self.capacity[i], 1.0)
                }
                _ => node,
            };
            Some((cpu + memory) / 2.0)
        };
        imbalance(self.nodes.iter().enumerate().filter_map(load))
    }

    /// Carries a move out.
    pub(super) fn apply(&mut self, guest: usize, source: usize, target: usize) {
        for (node, sign) in [(source, -1.0), (target, 1.0)] {
            if let Some(shares) = &mut self.nodes[node] {
                *shares = added(*shares, self.guests[guest], self.capacity[node], sign);
            }
        }
    }
}

/// Shares of a node with a weight added, or taken away down to nothing.
fn added(shares: [f64; 2], weight: [f64; 2], capacity: [f64; 2], sign: f64) -> [f64; 2] {
    let one = |i: usize| (shares[i] + sign * weight[i] / capacity[i]).max(0.0);
    [one(0), one(1)]
}

/// Coefficient of variation over the highest one possible; `None` without loads, and 0 of a single
/// node or of idle ones.
pub(crate) fn imbalance(loads: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let n = loads.clone().count();
    let mean = loads.clone().sum::<f64>() / n as f64;
    match n {
        0 => None,
        1 => Some(0.0),
        _ if mean <= 0.0 => Some(0.0),
        _ => {
            let variance = loads.map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
            Some(variance.sqrt() / mean / ((n - 1) as f64).sqrt())
        }
    }
}

/// Whether HA runs the guest: PVE's state machine calls it `started`.
fn in_service(guest: Option<&GuestFacts>) -> bool {
    let state = guest.and_then(|g| g.ha.as_ref()).map(|ha| ha.state.as_str());
    matches!(state, Some("started" | "enabled" | ""))
}

/// Whether the HA manager moves the guest by itself off a node that is in maintenance.
pub(crate) fn leaves_maintenance(guest: &GuestFacts) -> bool {
    guest.ha.is_some() && in_service(Some(guest)) && guest.status.runs()
}

/// Whether PVE's balancer may move the guest.
pub(super) fn manages(inventory: &Inventory, guest: &GuestFacts) -> bool {
    let own = guest.ha.as_ref().is_some_and(|ha| ha.auto_rebalance);
    inventory.crs.auto_rebalance && own && in_service(Some(guest))
}

/// What PVE's balancer sees and will do. O(HA guests x nodes^2).
pub fn balancer(outlook: &Outlook, inventory: &Inventory) -> Balancer {
    let crs = &inventory.crs;
    let scales = Scales::new(outlook, inventory);
    let bundles = bundles(outlook, inventory);
    let now = scales.imbalance(None);
    let best = now.filter(|now| crs.auto_rebalance && *now > crs.threshold.0).and_then(|now| {
        let best = best_move(outlook, inventory, &scales, &bundles)?;
        ((now - best.imbalance_after) / now >= crs.margin.0).then_some(best)
    });
    let mut found = Balancer {
        scheduler: crs.ha.clone(),
        auto_rebalance: crs.auto_rebalance,
        threshold: crs.threshold,
        hold_duration: crs.hold_duration,
        margin: crs.margin,
        method: crs.method.clone(),
        imbalance: now,
        ha_guests: bundles.iter().map(Vec::len).sum(),
        will_act: best.is_some(),
        next_move: best.filter(|_| crs.method != "topsis"),
        text: String::new(),
    };
    found.text = found.sentence();
    found
}

impl Balancer {
    fn sentence(&self) -> String {
        let percent = |x: f64| format!("{:.0} %", x * 100.0);
        if !self.auto_rebalance {
            return "PVE's own balancer is off: it moves no running guest by itself".into();
        }
        let name = format!("PVE's own balancer (CRS {})", self.scheduler);
        let Some(now) = self.imbalance.filter(|_| self.ha_guests > 0) else {
            return format!("{name} is on, but no running HA guest is its to move");
        };
        let threshold = percent(self.threshold.0);
        let due = format!("the imbalance of {} is above its {threshold}", percent(now));
        match (&self.next_move, self.will_act) {
            (Some(BalancerMove { vmid, source, target, .. }), _) => format!(
                "{name} will act by itself: {due}; next it moves {vmid} from {source} to {target}"
            ),
            (None, true) => format!("{name} will act by itself: {due}"),
            (None, false) if now > self.threshold.0 => format!(
                "{name} is on, but does not act: {due}, yet no move gains the {} it asks for",
                percent(self.margin.0)
            ),
            (None, false) => format!(
                "{name} is on, but does not act: the imbalance is {}, it acts above {threshold}",
                percent(now)
            ),
        }
    }
}

/// HA guests by index of the outlook that move together, the leader first: guests of a positive
/// affinity rule that are on one node. Those of a rule that is broken now do not move.
fn bundles(outlook: &Outlook, inventory: &Inventory) -> Vec<Vec<usize>> {
    let sid = |i: &usize| {
        let guest = &outlook.guests[*i];
        format!("{}:{}", guest.kind.ha_prefix(), guest.vmid)
    };
    let managed = |vmid: Vmid| inventory.guest(vmid).is_some_and(|g| manages(inventory, g));
    let mut told: BTreeSet<usize> = BTreeSet::new();
    let mut found = Vec::new();
    for (i, guest) in outlook.guests.iter().enumerate() {
        if !managed(guest.vmid) || told.contains(&i) {
            continue;
        }
        let mut bundle: BTreeSet<usize> = [i].into();
        for rule in &inventory.ha_rules {
            let together = HaRuleKind::ResourceAffinity { together: true };
            if rule.kind == together && rule.guests.contains(&guest.vmid) {
                let index = |v: &Vmid| outlook.guests.binary_search_by_key(v, |g| g.vmid).ok();
                bundle.extend(rule.guests.iter().filter_map(index));
            }
        }
        told.extend(&bundle);
        if bundle.iter().all(|b| outlook.guests[*b].host == guest.host) {
            let mut bundle: Vec<usize> = bundle.into_iter().collect();
            bundle.sort_by_key(sid);
            found.push(bundle);
        }
    }
    found.sort_by_key(|bundle| bundle.first().map(sid));
    found
}

/// The move that leaves the least imbalance; the first by leader and target of equals.
fn best_move(
    outlook: &Outlook,
    inventory: &Inventory,
    scales: &Scales,
    bundles: &[Vec<usize>],
) -> Option<BalancerMove> {
    let mut best: Option<BalancerMove> = None;
    for bundle in bundles {
        let Some(&leader) = bundle.first() else { continue };
        let guest = &outlook.guests[leader];
        let sum = |r: usize| bundle.iter().map(|b| scales.guests[*b][r]).sum::<f64>();
        let weight = [sum(0), sum(1)];
        for target in allowed(outlook, inventory, scales, guest.vmid, guest.host) {
            let Some(after) = scales.with(Some((weight, guest.host, target))) else { continue };
            if best.as_ref().is_none_or(|b| after < b.imbalance_after) {
                best = Some(BalancerMove {
                    vmid: guest.vmid,
                    source: outlook.nodes[guest.host].name.clone(),
                    target: outlook.nodes[target].name.clone(),
                    imbalance_after: after,
                });
            }
        }
    }
    best
}

/// Nodes that HA's rules leave to a guest: of its node affinity rule the online nodes of the highest
/// priority, without those that a guest is on which it must be apart from.
fn allowed(
    outlook: &Outlook,
    inventory: &Inventory,
    scales: &Scales,
    vmid: Vmid,
    host: usize,
) -> Vec<usize> {
    let online: Vec<usize> =
        (0..outlook.nodes.len()).filter(|n| scales.nodes[*n].is_some()).collect();
    let mut targets = online.clone();
    for rule in inventory.ha_rules.iter().filter(|r| r.guests.contains(&vmid)) {
        match &rule.kind {
            HaRuleKind::NodeAffinity { nodes, strict } => {
                let priority = |n: &usize| nodes.get(&outlook.nodes[*n].name).copied();
                let highest = online.iter().filter_map(priority).max();
                targets.retain(|n| match highest {
                    Some(highest) => priority(n) == Some(highest),
                    None => !strict,
                });
            }
            HaRuleKind::ResourceAffinity { together: false } => {
                let others = rule.guests.iter().filter(|v| **v != vmid);
                let index = |v: &Vmid| outlook.guests.binary_search_by_key(v, |g| g.vmid).ok();
                let taken: BTreeSet<usize> =
                    others.filter_map(index).map(|i| outlook.guests[i].host).collect();
                targets.retain(|n| !taken.contains(n));
            }
            HaRuleKind::ResourceAffinity { together: true } => (),
        }
    }
    targets.retain(|n| *n != host);
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GIB;

    #[test]
    fn imbalance_has_the_published_values() {
        // One node at 100 %, the others at 40 %, and half of eight nodes at 80 and 30 %.
        for (nodes, percent) in [(2, 42.9), (3, 33.3), (4, 27.3), (8, 15.8), (16, 8.6), (32, 4.5)] {
            let loads = (0..nodes).map(|n| if n == 0 { 1.0 } else { 0.4 });
            assert!((imbalance(loads).unwrap() * 100.0 - percent).abs() < 0.06, "{nodes}");
        }
        let half = (0..8).map(|n| if n < 4 { 0.8 } else { 0.3 });
        assert!((imbalance(half).unwrap() * 100.0 - 17.2).abs() < 0.06);
        // All the load on one node is the highest imbalance there is.
        assert_eq!(imbalance([0.5, 0.0, 0.0].into_iter()), Some(1.0));
        for (loads, want) in [(vec![], None), (vec![0.7], Some(0.0)), (vec![0.0; 3], Some(0.0))] {
            assert_eq!(imbalance(loads.into_iter()), want);
        }
    }

    #[test]
    fn the_moves_of_pve_ha_manager_s_own_test_are_found() {
        // Its test-crs-dynamic-auto-rebalance2 and 3, where the plain coefficient of variation goes
        // from 1.41 to 0.94, and from 0.94 to 0.35.
        let one = [1.0 / 24.0, 4.0 / 32.0];
        let scales = Scales {
            nodes: vec![Some(one.map(|x| 4.0 * x)), Some([0.0; 2]), Some([0.0; 2])],
            guests: vec![[1.0, 4.0 * GIB]; 4],
            capacity: vec![[24.0, 32.0 * GIB]; 3],
        };
        let plain = |change| scales.imbalance(change).unwrap() * 2f64.sqrt();
        assert!((plain(None) - 1.41).abs() < 0.005);
        assert!((plain(Some((0, 0, 1))) - 0.94).abs() < 0.005);
        let mut scales = scales.clone();
        scales.apply(0, 0, 1);
        assert!((scales.imbalance(Some((1, 0, 2))).unwrap() * 2f64.sqrt() - 0.35).abs() < 0.005);
    }
}
