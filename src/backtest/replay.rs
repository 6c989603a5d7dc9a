//! The replay itself: hour after hour, first the decision, then the demand that it could not know.

use super::lived::{Lived, Relocation, View};
use super::policy::{Decider, Policy};
use super::recording::Recording;
use crate::error::{Error, Result};
use crate::model::{DAY, HOUR, Migration};
use crate::series::LocalTime;
use crate::settings::PenaltyConfig;
use serde::Serialize;

/// What is replayed and judged.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Hours before the first decision; not judged.
    pub warm_up: usize,
    /// Hours judged; fewer where the recording ends.
    pub judged: usize,
    /// Hours between decisions.
    pub every: usize,
}

/// A policy's overload on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Day {
    /// Hours that nodes were above the threshold.
    pub node_hours: f64,
    /// Core-hours above the threshold.
    pub core_hours: f64,
    /// Core-hours that the nodes did not have.
    pub unmet_core_hours: f64,
    /// Moves made.
    pub moves: usize,
}

/// What came of a policy.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The policy.
    pub policy: Policy,
    /// Hours that nodes were above the CPU threshold.
    pub node_hours: f64,
    /// Core-hours above the threshold: the main figure.
    pub core_hours: f64,
    /// Core-hours that guests wanted and their nodes did not have.
    pub unmet_core_hours: f64,
    /// Migrations made.
    pub moves: usize,
    /// Memory moved.
    pub gib_moved: f64,
    /// Moves of a guest back to a node that it had left less than 24 hours before.
    pub returns_24h: usize,
    /// The same within 7 days.
    pub returns_7d: usize,
    /// Day by day.
    pub days: Vec<Day>,
    /// All migrations.
    pub migrations: Vec<Migration>,
}

/// Several policies over the same demand.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Nodes of the cluster.
    pub nodes: usize,
    /// Its guests.
    pub guests: usize,
    /// All its cores.
    pub cores: f64,
    /// CPU load at which overload begins, as a share.
    pub threshold: f64,
    /// Hours before the first decision.
    pub warm_up_hours: usize,
    /// Hours judged.
    pub judged_hours: usize,
    /// Mean demand of all guests in the judged hours, as a share of all cores.
    pub mean_demand: f64,
    /// Overload that no placement could avoid: what all nodes together had too little.
    pub unavoidable_core_hours: f64,
    /// What came of each policy.
    pub outcomes: Vec<Outcome>,
}

const GIB: f64 = (1u64 << 30) as f64;

/// Replays `recording` under each of `policies`. Deterministic. O(policies x (steps x guests +
/// decisions x what the policy takes)).
pub fn replay(
    recording: &Recording,
    policies: &[Policy],
    bounds: Bounds,
    config: &PenaltyConfig,
    local: &LocalTime,
) -> Result<Report> {
    let hours = recording.hours().min(bounds.warm_up.saturating_add(bounds.judged));
    if hours <= bounds.warm_up {
        let message = format!(
            "{} hours are recorded and {} are warm-up: nothing is left to judge",
            recording.hours(),
            bounds.warm_up
        );
        return Err(Error::invalid(message));
    }
    if recording.nodes.len() < 2 || bounds.every == 0 {
        return Err(Error::invalid("a replay needs two nodes, and an hour between decisions"));
    }
    let bounds = Bounds { judged: hours - bounds.warm_up, ..bounds };
    let outcome = |policy: &Policy| {
        let decider = Decider::new(*policy, recording, config, local);
        run(recording, *policy, decider, bounds, config.cpu_threshold.0)
    };
    let cores = recording.nodes.iter().map(|n| n.cores).sum();
    let (mean, unavoidable) = whole(recording, bounds, cores, config.cpu_threshold.0);
    Ok(Report {
        nodes: recording.nodes.len(),
        guests: recording.guests.len(),
        cores,
        threshold: config.cpu_threshold.0,
        warm_up_hours: bounds.warm_up,
        judged_hours: bounds.judged,
        mean_demand: mean,
        unavoidable_core_hours: unavoidable,
        outcomes: policies.iter().map(outcome).collect(),
    })
}

/// Mean demand as a share of all `cores`, and core-hours of it above the threshold.
fn whole(recording: &Recording, bounds: Bounds, cores: f64, threshold: f64) -> (f64, f64) {
    let per_hour = recording.per_hour();
    let steps = bounds.warm_up * per_hour..(bounds.warm_up + bounds.judged) * per_hour;
    let (mut sum, mut above, count) = (0.0, 0.0, steps.len() as f64);
    for step in steps {
        let all = recording.guests.iter().map(|g| &g.demand);
        let all = all.chain(recording.nodes.iter().map(|n| &n.own));
        let used: f64 = all.filter_map(|d| d.cpu[step]).map(f64::from).sum();
        sum += used;
        above += (used - threshold * cores).max(0.0);
    }
    (sum / count / cores, above / per_hour as f64)
}

fn run(
    recording: &Recording,
    policy: Policy,
    mut decider: Decider,
    bounds: Bounds,
    threshold: f64,
) -> Outcome {
    let mut lived = Lived::new(recording);
    let mut days: Vec<Day> = vec![Day::default(); bounds.judged.div_ceil(24)];
    let mut gib_moved = 0.0;
    for hour in 0..bounds.warm_up + bounds.judged {
        if let Some(judged) = hour.checked_sub(bounds.warm_up) {
            let day = &mut days[judged / 24];
            if judged % bounds.every == 0 {
                let moves = valid(decider.decide(&View::new(recording, &lived)), &lived);
                let view = View::new(recording, &lived);
                gib_moved += moves.iter().map(|m| view.last_hour(m.guest).1 / GIB).sum::<f64>();
                day.moves += moves.len();
                lived.apply(recording, &moves);
            }
            judge(recording, &lived, hour, threshold, day);
        }
        lived.pass(recording);
    }
    let sum = |of: fn(&Day) -> f64| days.iter().map(of).sum();
    Outcome {
        policy,
        node_hours: sum(|d| d.node_hours),
        core_hours: sum(|d| d.core_hours),
        unmet_core_hours: sum(|d| d.unmet_core_hours),
        moves: lived.moves.len(),
        gib_moved,
        returns_24h: returns(&lived.moves, DAY),
        returns_7d: returns(&lived.moves, 7 * DAY),
        days,
        migrations: lived.moves,
    }
}

/// Without moves that lead nowhere.
fn valid(moves: Vec<Relocation>, lived: &Lived) -> Vec<Relocation> {
    moves.into_iter().filter(|m| lived.hosts[m.guest] != m.to).collect()
}

/// Adds the overload of an hour to a day.
fn judge(recording: &Recording, lived: &Lived, hour: usize, threshold: f64, day: &mut Day) {
    let per_hour = recording.per_hour();
    let share = recording.step as f64 / HOUR as f64;
    for step in hour * per_hour..(hour + 1) * per_hour {
        let own = |d: &super::recording::Demand| d.cpu[step].map_or(0.0, f64::from);
        let mut used: Vec<f64> = recording.nodes.iter().map(|n| own(&n.own)).collect();
        for (guest, host) in recording.guests.iter().zip(&lived.hosts) {
            used[*host] += own(&guest.demand);
        }
        for (node, used) in recording.nodes.iter().zip(used) {
            let above = used - threshold * node.cores;
            if above > 0.0 {
                day.node_hours += share;
                day.core_hours += above * share;
                day.unmet_core_hours += (used - node.cores).max(0.0) * share;
            }
        }
    }
}

/// Moves of a guest to a node that it had left less than `seconds` before.
fn returns(moves: &[Migration], seconds: i64) -> usize {
    let back = |(i, m): (usize, &Migration)| {
        let left = |e: &&Migration| e.vmid == m.vmid && e.from == m.to && m.time - e.time < seconds;
        moves[..i].iter().find(left).map(|_| ())
    };
    moves.iter().enumerate().filter_map(back).count()
}
