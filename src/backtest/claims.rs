//! What was claimed of each move, beside what came of it.
//!
//! A move is judged by itself: overload of both its nodes over the horizon of the advice, with all
//! guests where they were then, with and without the move. What later moves did is no part of it.

use super::lived::Relocation;
use super::recording::{Demand, Recording};
use crate::model::{HOUR, UnixTime, Vmid};
use crate::settings::PenaltyConfig;
use serde::Serialize;
use std::collections::BTreeMap;

/// What our advice says of a move when it is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// Stated confidence, 0 to 100.
    pub confidence: f64,
    /// Parts of it, each 0 to 1.
    pub parts: BTreeMap<&'static str, f64>,
    /// Core-hours of overload that it is expected to take away. Here and below overload of memory
    /// counts as that of the same share of the node's cores.
    pub core_hours: f64,
    /// Hours ahead that it speaks of.
    pub horizon_hours: usize,
}

/// A claim and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// When the guest moved.
    pub time: UnixTime,
    /// Which guest.
    pub vmid: Vmid,
    /// What was claimed.
    pub claim: Claim,
    /// Core-hours of overload that both nodes would have had without the move.
    pub without: f64,
    /// The same with it.
    pub with: f64,
    /// Hours that were looked at: fewer than the horizon at the end of the recording.
    pub hours: usize,
}

impl Judged {
    /// Core-hours that it saved; negative: it cost some.
    pub fn saved(&self) -> f64 {
        self.without - self.with
    }

    /// Whether five days came after it, or all that the claim speaks of.
    pub fn is_told(&self) -> bool {
        self.hours >= ENOUGH_HOURS.min(self.claim.horizon_hours)
    }

    /// Core-hours that it was expected to save in the hours that were looked at.
    pub fn expected(&self) -> f64 {
        self.claim.core_hours * self.hours as f64 / self.claim.horizon_hours.max(1) as f64
    }

    /// Whether it saved enough to be noticed.
    pub fn helped(&self) -> bool {
        self.saved() >= NOTICED
    }
}

/// Hours after a move that are enough to judge it.
const ENOUGH_HOURS: usize = 120;

/// Core-hours from which on a move made a difference.
pub const NOTICED: f64 = 1.0;

/// How well stated confidence tells the moves that help.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reliability {
    /// Moves that were judged.
    pub moves: usize,
    /// Mean of the stated confidence, 0 to 1.
    pub stated: f64,
    /// Share of them that helped.
    pub helped: f64,
    /// Chance that a move that helped was stated with more confidence than one that did not (the
    /// area under the ROC curve); `None` where all helped, or none.
    pub discrimination: Option<f64>,
    /// Mean squared distance of the stated confidence from what came, 0 or 1 (Brier 1950).
    pub brier: f64,
    /// The same if the share that helped was stated each time.
    pub brier_constant: f64,
}

impl Reliability {
    /// Of `judged` moves; `None` without any. O(n log n).
    pub fn of(judged: &[&Judged]) -> Option<Self> {
        let mut all: Vec<(f64, bool)> =
            judged.iter().map(|j| (j.claim.confidence / 100.0, j.helped())).collect();
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let count = all.len() as f64;
        let mean = |of: &dyn Fn(f64, bool) -> f64| {
            all.iter().map(|(stated, helped)| of(*stated, *helped)).sum::<f64>() / count
        };
        let came = |helped| f64::from(u8::from(helped));
        let helped = mean(&|_, helped| came(helped));
        (count > 0.0).then(|| Self {
            moves: all.len(),
            stated: mean(&|stated, _| stated),
            helped,
            discrimination: discrimination(&all),
            brier: mean(&|stated, helped| (stated - came(helped)).powi(2)),
            brier_constant: helped * (1.0 - helped),
        })
    }
}

/// Share of the pairs of a move that helped and one that did not in which the former comes later in
/// `sorted`; ties count half.
fn discrimination(sorted: &[(f64, bool)]) -> Option<f64> {
    let (mut above, mut failed, mut helped) = (0.0, 0.0, 0.0);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let good = equal.iter().filter(|(_, helped)| *helped).count() as f64;
        let bad = equal.len() as f64 - good;
        above += good * (failed + bad / 2.0);
        helped += good;
        failed += bad;
    }
    (failed > 0.0 && helped > 0.0).then(|| above / (failed * helped))
}

/// Judges a move that is made at the beginning of `hour`, with everybody else on `hosts`.
/// O(hours x guests).
pub(super) fn judge(
    recording: &Recording,
    limits: &PenaltyConfig,
    hosts: &[usize],
    hour: usize,
    made: Relocation,
    claim: Claim,
) -> Judged {
    let end = recording.hours().min(hour + claim.horizon_hours);
    let source = hosts[made.guest];
    let here = |node: usize| {
        let on = recording.guests.iter().enumerate().filter(move |(g, _)| hosts[*g] == node);
        on.filter(|(g, _)| *g != made.guest).map(|(_, g)| &g.demand)
    };
    let mover = &recording.guests[made.guest].demand;
    let (mut without, mut with) = (0.0, 0.0);
    let per_hour = recording.per_hour();
    for node in [source, made.to] {
        let others: Vec<&Demand> = here(node).chain([&recording.nodes[node].own]).collect();
        let machine = &recording.nodes[node];
        for step in hour * per_hour..end * per_hour {
            let of = |demands: &[&Demand], resource: fn(&Demand) -> &[Option<f32>]| -> f64 {
                demands.iter().filter_map(|d| resource(d)[step]).map(f64::from).sum()
            };
            let (cpu, memory) = (of(&others, |d| &d.cpu), of(&others, |d| &d.memory));
            let (more_cpu, more_memory) = (of(&[mover], |d| &d.cpu), of(&[mover], |d| &d.memory));
            let above = |share: f64| {
                let cpu = (cpu + share * more_cpu) / machine.cores - limits.cpu_threshold.0;
                let memory =
                    (memory + share * more_memory) / machine.memory - limits.mem_threshold.0;
                (cpu.max(0.0) + memory.max(0.0)) * machine.cores
            };
            let (alone, both) = (above(0.0), above(1.0));
            without += if node == source { both } else { alone };
            with += if node == source { alone } else { both };
        }
    }
    Judged {
        time: recording.start + hour as i64 * HOUR,
        vmid: recording.guests[made.guest].vmid,
        claim,
        without: without / per_hour as f64,
        with: with / per_hour as f64,
        hours: end - hour,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(all: &[(f64, f64)]) -> Vec<Judged> {
        let one = |&(confidence, saved): &(f64, f64)| Judged {
            time: 0,
            vmid: 100,
            claim: Claim {
                confidence,
                parts: BTreeMap::new(),
                core_hours: 9.0,
                horizon_hours: 168,
            },
            without: 10.0,
            with: 10.0 - saved,
            hours: 168,
        };
        all.iter().map(one).collect()
    }

    fn reliability(all: &[(f64, f64)]) -> Option<Reliability> {
        Reliability::of(&judged(all).iter().collect::<Vec<_>>())
    }

    #[test]
    fn reliability_is_counted_by_pairs() {
        // 70 helped; 50 and 90 did not; so one of two pairs is right. Ties count half.
        let found = reliability(&[(90.0, 0.5), (50.0, -3.0), (70.0, 1.0)]).unwrap();
        assert_eq!((found.moves, found.discrimination), (3, Some(0.5)));
        assert!((found.stated - 0.7).abs() < 1e-12 && (found.helped - 1.0 / 3.0).abs() < 1e-12);
        assert!((found.brier - (0.81 + 0.25 + 0.09) / 3.0).abs() < 1e-12);
        assert!((found.brier_constant - 2.0 / 9.0).abs() < 1e-12);
        let tied = reliability(&[(80.0, 2.0), (80.0, 0.0), (60.0, 0.0)]).unwrap();
        assert_eq!(tied.discrimination, Some(0.75));
    }

    #[test]
    fn what_cannot_be_told_is_not() {
        assert_eq!(reliability(&[]), None);
        assert_eq!(reliability(&[(80.0, 2.0)]).unwrap().discrimination, None);
    }
}
