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
    /// Core-hours of overload that it is expected to take away.
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
