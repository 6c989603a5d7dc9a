//! The replay itself: hour after hour, first the decision, then the demand that it could not know.

use super::claims::{self, Judged};
use super::lived::{Lived, Relocation, View};
use super::policy::{Decider, Policy};
use super::recording::{Demand, Recording};
use super::rules::Rules;
use crate::error::{Error, Result};
use crate::model::{DAY, GIB, HOUR, Migration, UnixTime};
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

/// A policy with the settings that it decides by.
#[derive(Clone, Copy, Debug)]
pub struct Contestant {
    /// Who decides.
    pub policy: Policy,
    /// Name of the sensitivity, where several are compared.
    pub sensitivity: Option<&'static str>,
    /// Effective settings.
    pub config: PenaltyConfig,
}

impl Contestant {
    /// Each policy with the same settings.
    pub fn all(policies: &[Policy], config: &PenaltyConfig) -> Vec<Self> {
        let one = |&policy| Self { policy, sensitivity: None, config: *config };
        policies.iter().map(one).collect()
    }
}

/// A policy's overload on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Day {
    /// When it began.
    pub start: UnixTime,
    /// Hours that nodes were above a threshold, of CPU or memory.
    pub node_hours: f64,
    /// Core-hours above the CPU threshold.
    pub core_hours: f64,
    /// Core-hours that the nodes did not have.
    pub unmet_core_hours: f64,
    /// GiB-hours above the memory threshold.
    pub gib_hours: f64,
    /// Moves made.
    pub moves: usize,
}

/// What came of a policy.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The policy.
    pub policy: Policy,
    /// Name of the sensitivity it decided by, where several are compared.
    pub sensitivity: Option<&'static str>,
    /// Hours that nodes were above a threshold, of CPU or memory.
    pub node_hours: f64,
    /// Core-hours above the CPU threshold: the main figure.
    pub core_hours: f64,
    /// Core-hours that guests wanted and their nodes did not have.
    pub unmet_core_hours: f64,
    /// GiB-hours above the memory threshold.
    pub gib_hours: f64,
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
    /// Our moves with what was claimed of them and what came of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<Judged>,
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
    /// Memory use at which overload begins, as a share.
    pub memory_threshold: f64,
    /// First second that was judged.
    pub judged_from: UnixTime,
    /// End of what was judged.
    pub judged_until: UnixTime,
    /// Hours between decisions.
    pub every_hours: usize,
    /// Judged hours of which only the mean of six hours is known.
    pub coarse_hours: usize,
    /// Hours before the first decision.
    pub warm_up_hours: usize,
    /// Hours judged.
    pub judged_hours: usize,
    /// Mean demand of guests and nodes in the judged hours, as a share of the cores that were on.
    pub mean_demand: f64,
    /// Overload that no placement could avoid: what all nodes together had too little.
    pub unavoidable_core_hours: f64,
    /// What came of each policy.
    pub outcomes: Vec<Outcome>,
}

/// Replays `recording` under each of `contestants`, all judged by the thresholds of `limits`.
/// Deterministic. O(contestants x (steps x guests + decisions x what the policy takes)).
pub fn replay(
    recording: &Recording,
    contestants: &[Contestant],
    bounds: Bounds,
    limits: &PenaltyConfig,
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
    let course = Course { recording, rules: Rules::of(recording), bounds, limits, local };
    let (mean, unavoidable) = whole(recording, bounds, limits.cpu_threshold.0);
    let time = |hours: usize| recording.start + hours as i64 * HOUR;
    Ok(Report {
        nodes: recording.nodes.len(),
        guests: recording.guests.len(),
        cores: recording.nodes.iter().map(|n| n.cores).sum(),
        threshold: limits.cpu_threshold.0,
        memory_threshold: limits.mem_threshold.0,
        judged_from: time(bounds.warm_up),
        judged_until: time(hours),
        every_hours: bounds.every,
        coarse_hours: recording.coarse_hours.min(hours).saturating_sub(bounds.warm_up),
        warm_up_hours: bounds.warm_up,
        judged_hours: bounds.judged,
        mean_demand: mean,
        unavoidable_core_hours: unavoidable,
        outcomes: contestants.iter().map(|c| course.run(c)).collect(),
    })
}

/// Mean demand as a share of the cores of all nodes that were on, and core-hours of it above the
/// threshold.
fn whole(recording: &Recording, bounds: Bounds, threshold: f64) -> (f64, f64) {
    let per_hour = recording.per_hour();
    let steps = bounds.warm_up * per_hour..(bounds.warm_up + bounds.judged) * per_hour;
    let (mut sum, mut there, mut above) = (0.0, 0.0, 0.0);
    for step in steps {
        let all = recording.guests.iter().map(|g| &g.demand);
        let all = all.chain(recording.nodes.iter().map(|n| &n.own));
        let used: f64 = all.filter_map(|d| d.cpu[step]).map(f64::from).sum();
        let on = recording.nodes.iter().filter(|n| n.own.cpu[step].is_some());
        let cores: f64 = on.map(|n| n.cores).sum();
        (sum, there) = (sum + used, there + cores);
        above += (used - threshold * cores).max(0.0);
    }
    (sum / f64::max(there, f64::MIN_POSITIVE), above / per_hour as f64)
}

/// What all contestants have in common.
struct Course<'a> {
    recording: &'a Recording,
    rules: Rules,
    bounds: Bounds,
    limits: &'a PenaltyConfig,
    local: &'a LocalTime,
}

impl Course<'_> {
    /// Until the first decision, and all the way for [`Policy::AsItWas`], guests go where they went.
    fn run(&self, contestant: &Contestant) -> Outcome {
        let (recording, bounds) = (self.recording, self.bounds);
        let policy = contestant.policy;
        let mut decider = Decider::new(policy, recording, &contestant.config, self.local);
        let mut lived = Lived::new(recording);
        let mut really = lived.hosts.clone();
        let mut recorded = recording.moves.as_slice();
        let begun = recording.start + bounds.warm_up as i64 * HOUR;
        let day = |d| Day { start: begun + d as i64 * DAY, ..Day::default() };
        let mut days: Vec<Day> = (0..bounds.judged.div_ceil(24)).map(day).collect();
        let (mut gib_moved, mut earlier, mut claimed) = (0.0, 0, Vec::new());
        let mut due = false;
        for hour in 0..bounds.warm_up + bounds.judged {
            let past = recorded.partition_point(|(from, _)| *from <= hour);
            let happened: Vec<Relocation> = recorded[..past].iter().map(|(_, m)| *m).collect();
            recorded = &recorded[past..];
            happened.iter().for_each(|m| really[m.guest] = m.to);
            let Some(judged) = hour.checked_sub(bounds.warm_up) else {
                lived.apply(recording, &happened);
                earlier = lived.moves.len();
                lived.pass(recording);
                continue;
            };
            due |= judged.is_multiple_of(bounds.every);
            let view = View::new(recording, &self.rules, &lived);
            let decided = match policy {
                Policy::AsItWas => happened.into_iter().map(|m| (m, None)).collect(),
                _ if due && recording.is_over_before(hour) => {
                    due = false;
                    decider.decide(&view)
                }
                _ => Vec::new(),
            };
            let moves = valid(decided.iter().map(|(m, _)| *m), &lived);
            let mut hosts = lived.hosts.clone();
            for (m, claim) in decided {
                let judge = |claim| claims::judge(recording, self.limits, &hosts, hour, m, claim);
                claimed.extend(claim.map(judge));
                hosts[m.guest] = m.to;
            }
            gib_moved += moves.iter().map(|m| view.last_hour(m.guest).1 / GIB).sum::<f64>();
            let day = &mut days[judged / 24];
            day.moves += moves.len();
            lived.apply(recording, &moves);
            lived.flee(recording, &really);
            self.judge(&lived, hour, day);
            lived.pass(recording);
        }
        let sum = |of: fn(&Day) -> f64| days.iter().map(of).sum();
        Outcome {
            policy,
            sensitivity: contestant.sensitivity,
            node_hours: sum(|d| d.node_hours),
            core_hours: sum(|d| d.core_hours),
            unmet_core_hours: sum(|d| d.unmet_core_hours),
            gib_hours: sum(|d| d.gib_hours),
            moves: lived.moves.len() - earlier,
            gib_moved,
            returns_24h: returns(&lived.moves, earlier, DAY),
            returns_7d: returns(&lived.moves, earlier, 7 * DAY),
            days,
            migrations: lived.moves.split_off(earlier),
            judged: claimed,
        }
    }

    /// Adds the overload of an hour to a day.
    fn judge(&self, lived: &Lived, hour: usize, day: &mut Day) {
        let recording = self.recording;
        let per_hour = recording.per_hour();
        let share = recording.step as f64 / HOUR as f64;
        let (cpu_limit, memory_limit) = (self.limits.cpu_threshold.0, self.limits.mem_threshold.0);
        for step in hour * per_hour..(hour + 1) * per_hour {
            let at = |d: &Demand| {
                let known = |x: &[Option<f32>]| x[step].map_or(0.0, f64::from);
                (known(&d.cpu), known(&d.memory))
            };
            let mut used: Vec<(f64, f64)> = recording.nodes.iter().map(|n| at(&n.own)).collect();
            for (guest, host) in recording.guests.iter().zip(&lived.hosts) {
                let (cpu, memory) = at(&guest.demand);
                used[*host].0 += cpu;
                used[*host].1 += memory;
            }
            for (node, (cpu, memory)) in recording.nodes.iter().zip(used) {
                let above = (cpu - cpu_limit * node.cores).max(0.0);
                let full = (memory - memory_limit * node.memory).max(0.0);
                if above > 0.0 || full > 0.0 {
                    day.node_hours += share;
                    day.core_hours += above * share;
                    day.unmet_core_hours += (cpu - node.cores).max(0.0) * share;
                    day.gib_hours += full / GIB * share;
                }
            }
        }
    }
}

/// Without moves that lead nowhere.
fn valid(moves: impl Iterator<Item = Relocation>, lived: &Lived) -> Vec<Relocation> {
    moves.filter(|m| lived.hosts[m.guest] != m.to).collect()
}

/// Moves from number `first` on of a guest to a node that it had left less than `seconds` before.
fn returns(moves: &[Migration], first: usize, seconds: i64) -> usize {
    let back = |i: &usize| {
        let m = &moves[*i];
        let left = |e: &Migration| e.vmid == m.vmid && e.from == m.to && m.time - e.time < seconds;
        moves[..*i].iter().any(left)
    };
    (first..moves.len()).filter(back).count()
}
