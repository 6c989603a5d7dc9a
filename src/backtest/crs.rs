//! PVE's own scheduler with automatic rebalancing and its defaults, as if all guests were HA resources: where the
//! imbalance is above the threshold for as many rounds as it must last, the one move that leaves the least is made if
//! it gains enough.

use super::lived::{Relocation, View};
use crate::model::Crs;
use crate::recommend::imbalance;

/// The move to make, if any.
pub(super) fn decide(view: &View) -> Option<Relocation> {
    let pve = Crs::default();
    let imbalance =
        |loads: &[(f64, f64)]| imbalance(shares(view, loads).into_iter()).unwrap_or(0.0);
    let now = loads(view, 1);
    let before = imbalance(&now);
    let lasts = |back| imbalance(&loads(view, back as usize)) > pve.threshold.0;
    if before <= pve.threshold.0 || !(2..=pve.hold_duration).all(lasts) {
        return None;
    }
    let mut best: Option<(f64, Relocation)> = None;
    for guest in 0..view.guests() {
        let (cpu, memory) = sample(view, guest, 1);
        let from = view.lived.hosts[guest];
        for to in (0..view.nodes()).filter(|to| *to != from) {
            if !view.fits(guest, to, now[to].1) {
                continue;
            }
            let mut moved = now.clone();
            moved[from] = (now[from].0 - cpu, now[from].1 - memory);
            moved[to] = (now[to].0 + cpu, now[to].1 + memory);
            let after = imbalance(&moved);
            if best.is_none_or(|(least, _)| after < least) {
                best = Some((after, Relocation { guest, to }));
            }
        }
    }
    best.filter(|(after, _)| *after <= before * (1.0 - pve.margin.0))
        .map(|(_, relocation)| relocation)
}

/// A guest's sample, `back` samples ago (1 is the newest).
fn sample(view: &View, guest: usize, back: usize) -> (f64, f64) {
    let (cpu, memory) = view.samples(guest, back);
    let first = |x: &[Option<f32>]| x.first().copied().flatten().map_or(0.0, f64::from);
    (first(cpu), first(memory))
}

/// Cores and bytes in use of each node, `back` samples ago.
fn loads(view: &View, back: usize) -> Vec<(f64, f64)> {
    let mut loads: Vec<(f64, f64)> = (0..view.nodes()).map(|n| view.own_last_hour(n)).collect();
    for (guest, host) in view.lived.hosts.iter().enumerate() {
        let (cpu, memory) = sample(view, guest, back);
        loads[*host].0 += cpu;
        loads[*host].1 += memory;
    }
    loads
}

/// Load of each node as PVE sees it: what is measured does not exceed what there is.
fn shares(view: &View, loads: &[(f64, f64)]) -> Vec<f64> {
    let share = |(n, (cpu, memory)): (usize, &(f64, f64))| {
        let (cores, bytes) = view.capacity(n);
        0.5 * (cpu / cores).min(1.0) + 0.5 * (memory / bytes).min(1.0)
    };
    loads.iter().enumerate().filter(|(n, _)| view.on(*n)).map(share).collect()
}
