//! PVE's own scheduler with automatic rebalancing (PVE 9.2 defaults), as if all guests were HA
//! resources: imbalance = coefficient of variation of the nodes' loads / sqrt(nodes - 1), a load
//! being the mean of CPU and memory share; above 30 % in three rounds the one move that leaves
//! the least imbalance is made if it gains 10 %.

use super::lived::{Relocation, View};

const THRESHOLD: f64 = 0.30;
const ROUNDS: usize = 3;
const GAIN: f64 = 0.10;

/// The move to make, if any.
pub(super) fn decide(view: &View) -> Option<Relocation> {
    let rounds: Vec<Vec<(f64, f64)>> = (1..=ROUNDS).map(|back| loads(view, back)).collect();
    if rounds.iter().any(|loads| imbalance(&shares(view, loads)) <= THRESHOLD) {
        return None;
    }
    let now = &rounds[0];
    let before = imbalance(&shares(view, now));
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
            let after = imbalance(&shares(view, &moved));
            if best.is_none_or(|(least, _)| after < least) {
                best = Some((after, Relocation { guest, to }));
            }
        }
    }
    best.filter(|(after, _)| *after <= before * (1.0 - GAIN)).map(|(_, relocation)| relocation)
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

/// Coefficient of variation, scaled to be 1 when one node has all the load.
fn imbalance(loads: &[f64]) -> f64 {
    let n = loads.len() as f64;
    let mean = loads.iter().sum::<f64>() / n;
    if loads.len() < 2 || mean <= 0.0 {
        return 0.0;
    }
    let variance = loads.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    variance.sqrt() / mean / (n - 1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imbalance_has_the_published_values() {
        for (nodes, percent) in [(2, 42.9), (3, 33.3), (4, 27.3), (8, 15.8), (16, 8.6), (32, 4.5)] {
            let mut loads = vec![0.4; nodes];
            loads[0] = 1.0;
            assert!((imbalance(&loads) * 100.0 - percent).abs() < 0.06, "{nodes}");
        }
        let half: Vec<f64> = (0..8).map(|n| if n < 4 { 0.8 } else { 0.3 }).collect();
        assert!((imbalance(&half) * 100.0 - 17.2).abs() < 0.06);
    }
}
