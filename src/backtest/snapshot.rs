//! The usual balancer: levels the CPU load of the last hour until the nodes are close together.

use super::lived::{Relocation, View};

/// Distance between the busiest and the idlest node that is accepted, as those tools have it.
const SPREAD: f64 = 0.10;
/// Most moves in one round.
const MOST: usize = 5;

/// Moves from the busiest node to the idlest while that brings the two closer together.
pub(super) fn decide(view: &View) -> Vec<Relocation> {
    let mut hosts = view.lived.hosts.clone();
    let (mut cpu, mut memory): (Vec<f64>, Vec<f64>) =
        (0..view.nodes()).map(|n| view.own_last_hour(n)).unzip();
    for (guest, host) in hosts.iter().enumerate() {
        let (cores, bytes) = view.last_hour(guest);
        cpu[*host] += cores;
        memory[*host] += bytes;
    }
    let mut moves = Vec::new();
    while moves.len() < MOST {
        let share = |n: usize| cpu[n] / view.capacity(n).0;
        let by_share = |a: &usize, b: &usize| share(*a).total_cmp(&share(*b));
        let on = || (0..view.nodes()).filter(|n| view.on(*n));
        let Some(busiest) = on().max_by(by_share) else { break };
        let Some(idlest) = on().min_by(by_share) else { break };
        let gap = share(busiest) - share(idlest);
        if gap <= SPREAD {
            break;
        }
        let after = |guest: usize| {
            let moved = view.last_hour(guest).0;
            let left = (cpu[busiest] - moved) / view.capacity(busiest).0;
            ((cpu[idlest] + moved) / view.capacity(idlest).0 - left).abs()
        };
        let moved = |guest: &usize| !moves.iter().any(|m: &Relocation| m.guest == *guest);
        let best = (0..view.guests())
            .filter(|g| hosts[*g] == busiest && moved(g) && view.fits(*g, idlest, memory[idlest]))
            .min_by(|a, b| after(*a).total_cmp(&after(*b)))
            .filter(|g| after(*g) < gap);
        let Some(guest) = best else { break };
        let (cores, bytes) = view.last_hour(guest);
        cpu[busiest] -= cores;
        cpu[idlest] += cores;
        memory[busiest] -= bytes;
        memory[idlest] += bytes;
        hosts[guest] = idlest;
        moves.push(Relocation { guest, to: idlest });
    }
    moves
}
