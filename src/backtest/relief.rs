//! Brings nodes whose last day's 95th percentile is above the threshold below it, by moves that
//! carry as little memory as possible.

use super::lived::{Relocation, View};
use crate::model::rank_95;

/// Hours that it looks at.
const DAY: usize = 24;

/// The moves to make now.
pub(super) fn decide(view: &View, threshold: f64) -> Vec<Relocation> {
    let day =
        |hours: &[Option<f64>]| -> Vec<f64> { hours.iter().map(|x| x.unwrap_or(0.0)).collect() };
    let guests: Vec<Vec<f64>> = (0..view.guests()).map(|g| day(view.cpu_hours(g, DAY))).collect();
    let mut hosts = view.lived.hosts.clone();
    let mut cpu: Vec<Vec<f64>> =
        (0..view.nodes()).map(|n| day(view.own_cpu_hours(n, DAY))).collect();
    let mut memory: Vec<f64> = (0..view.nodes()).map(|n| view.own_last_hour(n).1).collect();
    for (guest, host) in hosts.iter().enumerate() {
        add(&mut cpu[*host], &guests[guest], 1.0);
        memory[*host] += view.last_hour(guest).1;
    }
    let mut moves: Vec<Relocation> = Vec::new();
    for source in 0..view.nodes() {
        while high(&cpu[source], None) > threshold * view.capacity(source).0 {
            let after = |g: usize| high(&cpu[source], Some((guests[g].as_slice(), -1.0)));
            let limit = threshold * view.capacity(source).0;
            let mut best: Option<((bool, f64), Relocation)> = None;
            for guest in (0..view.guests()).filter(|g| hosts[*g] == source) {
                if moves.iter().any(|m| m.guest == guest)
                    || after(guest) >= high(&cpu[source], None)
                {
                    continue;
                }
                let Some(to) = target(view, &cpu, &memory, &guests, guest, threshold, source)
                else {
                    continue;
                };
                // One move that is enough beats those that are not; of those that are, the
                // lightest, of the others the one that helps most.
                let enough = after(guest) <= limit;
                let price = if enough { view.last_hour(guest).1 } else { after(guest) };
                let key = (!enough, price);
                if best.is_none_or(|((no, least), _)| (key.0, key.1) < (no, least)) {
                    best = Some((key, Relocation { guest, to }));
                }
            }
            let Some((_, relocation)) = best else { break };
            let Relocation { guest, to } = relocation;
            add(&mut cpu[source], &guests[guest], -1.0);
            add(&mut cpu[to], &guests[guest], 1.0);
            memory[source] -= view.last_hour(guest).1;
            memory[to] += view.last_hour(guest).1;
            hosts[guest] = to;
            moves.push(relocation);
        }
    }
    moves
}

/// The node that is least loaded with the guest, if it stays below the threshold.
fn target(
    view: &View,
    cpu: &[Vec<f64>],
    memory: &[f64],
    guests: &[Vec<f64>],
    guest: usize,
    threshold: f64,
    source: usize,
) -> Option<usize> {
    let share =
        |n: usize| high(&cpu[n], Some((guests[guest].as_slice(), 1.0))) / view.capacity(n).0;
    (0..view.nodes())
        .filter(|n| *n != source && view.fits(guest, *n, memory[*n]) && share(*n) <= threshold)
        .min_by(|a, b| share(*a).total_cmp(&share(*b)))
}

fn add(sum: &mut [f64], other: &[f64], sign: f64) {
    for (sum, x) in sum.iter_mut().zip(other) {
        *sum += sign * x;
    }
}

/// 95th percentile, nearest rank, with a change.
fn high(hours: &[f64], change: Option<(&[f64], f64)>) -> f64 {
    let mut all: Vec<f64> = match change {
        None => hours.to_vec(),
        Some((other, sign)) => hours.iter().zip(other).map(|(x, y)| x + sign * y).collect(),
    };
    all.sort_unstable_by(f64::total_cmp);
    rank_95(all.len()).map_or(0.0, |rank| all[rank])
}
