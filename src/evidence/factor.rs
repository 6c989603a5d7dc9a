//! Decision factors: contributions of the score and properties of the move, worded and weighed.

use super::guest_label;
use super::sentence::percent;
use crate::model::{Bytes, Cores, GIB, Points, counted, percent_beside, signed};
use crate::outlook::{GuestOutlook, Limits, Load, NodeOutlook, Resource};
use crate::recommend::{
    Overload, Question, Step, hours_to_full, hours_to_full_memory, overload_of,
};
use crate::score::Contribution;
use crate::settings::Term;
use crate::trend::{Behaviour, Direction, Trend};
use serde::Serialize;

/// One thing that spoke for or against a move.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Factor {
    /// What it is, with its number.
    pub factor: String,
    /// How much it counted.
    pub weight: Weight,
    /// Which way it pointed.
    #[serde(rename = "type")]
    pub kind: Kind,
}

/// How much a factor counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Decided it.
    High,
    /// Mattered.
    Medium,
    /// Worth knowing.
    Low,
}

impl Weight {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// Which way a factor pointed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Trouble that the move takes away.
    Problem,
    /// Speaks for the move.
    Positive,
    /// Speaks against it, but not enough.
    Concern,
    /// Neither.
    Info,
}

/// Points from which a contribution decided, and from which it mattered.
const DECIDES: f64 = 40.0;
const MATTERS: f64 = 12.0;
/// Points from which a contribution is told at all.
const NOTED: f64 = 2.0;
/// Growth of a guest from which it is told at all, and from which it decided, in percent of its node per day.
const NOTED_GROWTH: f64 = 0.2;
const DECIDING_GROWTH: f64 = 0.5;
/// A target with this stability is called stable.
const STABLE: f64 = 70.0;
/// A guest that uses so many times what it mostly does is in a burst.
const BURST: f64 = 1.1;
/// Factors shown, costs among them.
const MOST: usize = 8;

/// All factors of a step, strongest first.
pub(super) fn factors(q: &Question, step: &Step) -> Vec<Factor> {
    let source = &q.outlook.nodes[step.source];
    let resource = source_resource(q, step);
    // That its CPU is high in its busy hours is what the first factor says.
    let told = |c: &&Contribution| resource != Resource::Cpu || c.term != Term::CpuSpikes;
    let problems = step.source_score.iter().filter(told);
    let mut all: Vec<Factor> = problems.filter_map(|c| problem(q, source, c)).collect();
    all.extend(guest_factors(q, step));
    all.extend(target_factors(q, step));
    all.sort_by_key(|f| (f.weight, f.kind));
    // What the plan is made for comes first, and what the move costs, or makes of the target, is never left out.
    let first = overload_factors(q, step, source, resource);
    let mut costs = vec![busy_hours_there(q, step)];
    costs.extend(overload_there(q, step));
    costs.extend(cost_factors(step));
    costs.extend(growth_there(q, step));
    all.truncate(MOST.saturating_sub(first.len() + costs.len()));
    all.extend(costs);
    all.sort_by_key(|f| (f.weight, f.kind));
    all.splice(0..0, first);
    all
}

fn weight(points: Points) -> Weight {
    match points.0.abs() {
        p if p >= DECIDES => Weight::High,
        p if p >= MATTERS => Weight::Medium,
        _ => Weight::Low,
    }
}

fn overload_factors(
    q: &Question,
    step: &Step,
    source: &NodeOutlook,
    resource: Resource,
) -> Vec<Factor> {
    let peaks = &step.details.source_peaks;
    let (before, after) = match resource {
        Resource::Cpu => (peaks.cpu_before, peaks.cpu_after),
        Resource::Memory => (peaks.memory_before, peaks.memory_after),
    };
    let (name, label) = (&source.name, resource.label());
    let mut all = Vec::new();
    let (with, without) = source_overload(q, step, resource);
    let hours = (with.node_hours.round(), without.node_hours.round());
    let limit = Limits::thresholds(q.config).of(resource);
    // Above it in so few hours that these are not among the busy ones.
    let rare = before <= limit && hours.0 >= 1.0 && !source.maintenance;
    let (before, after) = (percent(before), percent(after));
    if rare && hours.0 != hours.1 {
        all.push(format!(
            "{name} is expected above {:.0} % {label} for {:.0} instead of {}",
            limit * 100.0,
            hours.1,
            counted(hours.0, "hour")
        ));
    } else if before != after && !rare {
        all.push(format!("Busy hours of {name} fall from {before} % to {after} % {label}"));
    }
    if with.core_hours >= 1.0 && !source.maintenance {
        let (unit, with, without) = excess_told(source, resource, with, without);
        all.push(format!(
            "{name} is expected {without:.0} instead of {} above its {label} threshold",
            counted(with.round(), unit)
        ));
    }
    let positive = |factor| Factor { factor, weight: Weight::High, kind: Kind::Positive };
    let mut all: Vec<Factor> = all.into_iter().map(positive).collect();
    all.extend(other_overload(q, step, source, other(resource)));
    all
}

/// The other resource.
pub(super) fn other(than: Resource) -> Resource {
    match than {
        Resource::Cpu => Resource::Memory,
        Resource::Memory => Resource::Cpu,
    }
}

/// What becomes of the second resource of a node that has trouble with both.
fn other_overload(
    q: &Question,
    step: &Step,
    source: &NodeOutlook,
    resource: Resource,
) -> Option<Factor> {
    let (with, without) = source_overload(q, step, resource);
    let much = with.core_hours >= 1.0 && !source.maintenance;
    let (unit, with, without) = excess_told(source, resource, with, without);
    let (with, without) = (with.round(), without.round());
    if !much || with < 1.0 {
        return None;
    }
    let (name, label) = (&source.name, resource.label());
    Some(match without < with {
        true => Factor {
            factor: format!(
                "{name} is expected {without:.0} instead of {} above its {label} threshold",
                counted(with, unit)
            ),
            weight: Weight::High,
            kind: Kind::Positive,
        },
        false => Factor {
            factor: format!("{name} stays {} above its {label} threshold", counted(with, unit)),
            weight: Weight::Medium,
            kind: Kind::Concern,
        },
    })
}

/// Overload of a resource in the unit that people know: that of memory is counted as that of so many cores.
pub(super) fn excess_told(
    node: &NodeOutlook,
    resource: Resource,
    with: Overload,
    without: Overload,
) -> (&'static str, f64, f64) {
    let (unit, of_core) = match resource {
        Resource::Cpu => ("core-hour", 1.0),
        Resource::Memory => ("GiB-hour", node.memory.0 / GIB / node.cores.0.max(1e-9)),
    };
    (unit, with.core_hours * of_core, without.core_hours * of_core)
}

/// Overload of a resource of the source with the guest and without it.
pub(super) fn source_overload(
    q: &Question,
    step: &Step,
    resource: Resource,
) -> (Overload, Overload) {
    let node = (step.source, &step.details.source_load);
    node_overload(q, step, resource, node, -1.0)
}

/// Overload of a resource of a node with that load, and with the guest added `sign` times.
fn node_overload(
    q: &Question,
    step: &Step,
    resource: Resource,
    (node, load): (usize, &Load),
    sign: f64,
) -> (Overload, Overload) {
    let limits = Limits::thresholds(q.config);
    let guest = &q.outlook.guests[step.guest].load;
    let of = |change| overload_of(resource, q.outlook, node, load, change, limits);
    (of(None), of(Some((guest, sign))))
}

/// What the guest adds to the overload of the target, which may be in hours that are not among the busy ones.
fn overload_there(q: &Question, step: &Step) -> Vec<Factor> {
    let (target, details) = (&q.outlook.nodes[step.target], &step.details);
    let of_resource = |resource: Resource| {
        let node = (step.target, &details.target_load);
        let (without, with) = node_overload(q, step, resource, node, 1.0);
        let (unit, with, without) = excess_told(target, resource, with, without);
        let (with, without) = (with.round(), without.round());
        let (name, label) = (&target.name, resource.label());
        let factor = format!(
            "{name} would be {} above its {label} threshold instead of {without:.0}",
            counted(with, unit)
        );
        (with > without).then_some(Factor { factor, weight: Weight::Medium, kind: Kind::Concern })
    };
    Resource::ALL.into_iter().filter_map(of_resource).collect()
}

/// Resource of which the step takes most overload from the source; where it takes none, the one
/// that is nearer to its threshold.
pub(super) fn source_resource(q: &Question, step: &Step) -> Resource {
    let saved = |resource| {
        let (with, without) = source_overload(q, step, resource);
        with.core_hours - without.core_hours
    };
    let (cpu, memory) = (saved(Resource::Cpu), saved(Resource::Memory));
    if cpu > 0.0 || memory > 0.0 {
        return if memory > cpu { Resource::Memory } else { Resource::Cpu };
    }
    let over_cpu = step.details.source_peaks.cpu_before - q.config.cpu_threshold.0;
    let over_memory = step.details.source_peaks.memory_before - q.config.mem_threshold.0;
    if over_memory > over_cpu { Resource::Memory } else { Resource::Cpu }
}

/// A penalty of the source in words; terms that only repeat another one's news have none, and
/// what hardly counted is not worth a line.
fn problem(q: &Question, source: &NodeOutlook, c: &Contribution) -> Option<Factor> {
    if c.points.0.abs() < NOTED {
        return None;
    }
    let name = &source.name;
    let (share, per_day) = (c.observed * 100.0, c.observed * 100.0);
    let factor = match c.term {
        Term::CpuCurrent => {
            format!("{name} CPU {} {share:.0} %, by its last hour", at(source, Resource::Cpu, c))
        }
        Term::CpuSpikes => format!("{name} CPU reaches {share:.0} % in its busy hours"),
        Term::CpuTrend => match rise(q, source, &source.cpu_trend) {
            Some(rise) => format!("{name} CPU is trending up {rise}"),
            None => {
                let but = no_trend(&source.cpu_trend);
                format!("Guests on {name} grow by {per_day:.1} % of its CPU per day{but}")
            }
        },
        Term::MemCurrent => {
            let at = at(source, Resource::Memory, c);
            format!("{name} memory {at} {share:.0} %, by its last hour")
        }
        // Demand may pass what there is; what is in use cannot.
        Term::MemSustained => format!(
            "{name} memory is expected at {:.0} % on average over the next {:.0} hours",
            share.min(100.0),
            q.outlook.horizon()
        ),
        Term::MemTrend => match rise(q, source, &source.mem_trend) {
            Some(rise) => {
                let full = days_told(hours_to_full_memory(q.outlook, source));
                let full = full.map_or(String::new(), |days| format!("; full in {days}"));
                format!("{name} memory is trending up {rise}{full}")
            }
            None => {
                let but = no_trend(&source.mem_trend);
                format!("Guests on {name} grow by {per_day:.1} % of its memory per day{but}")
            }
        },
        Term::MemOvercommit => {
            format!("{name} has {:.2} times its memory promised to guests", c.observed)
        }
        Term::IowaitSustained => format!("{name} waits for disks {share:.0} % of the time"),
        Term::Stability if c.points.0 > 0.0 => {
            format!("{name} is hard to predict (stability {:.0}/100)", c.observed)
        }
        Term::Baseline => {
            format!("{name} CPU is {:.1} sigma above normal for this hour", c.observed)
        }
        Term::Maintenance => format!("{name} is in maintenance"),
        _ => return None,
    };
    Some(Factor { factor, weight: weight(c.points), kind: Kind::Problem })
}

/// Whether a node is there, or would be after the steps before.
fn at(source: &NodeOutlook, resource: Resource, c: &Contribution) -> &'static str {
    let measured = source.readings(resource).current.map_or(c.observed, |x| x.0.min(1.0));
    let same = (measured - c.observed).abs() < 0.005;
    if same { "is at" } else { "would after the steps before be at" }
}

/// That the growth of the guests does not show in a node's own figures, which are told as well.
fn no_trend(of_node: &Trend) -> &'static str {
    match of_node.direction {
        Direction::Unknown => "",
        _ => ", which in its own figures is no trend yet",
    }
}

/// A node's own rise, where one is claimed, with what it was judged by: it may have begun within
/// that time, and steps are no part of it.
fn rise(q: &Question, node: &NodeOutlook, trend: &Trend) -> Option<String> {
    let slope = trend.slope_per_day.filter(|_| trend.direction == Direction::SustainedIncrease)?;
    let days = q.config.settings.analysis_lookback.hours().0.min(node.history_hours) / 24.0;
    let steps = if trend.changes.is_empty() { "" } else { ", steps left aside" };
    Some(format!("{} %/day, judged by its last {days:.0} days{steps}", signed(slope * 100.0, 1)))
}

fn guest_factors(q: &Question, step: &Step) -> Vec<Factor> {
    let guest = &q.outlook.guests[step.guest];
    let source = &q.outlook.nodes[step.source];
    let mut all = Vec::new();
    all.extend(
        Resource::ALL.into_iter().filter_map(|resource| growth_factor(guest, source, resource)),
    );
    // A peak that comes every day comes again.
    let daily =
        guest.cpu_trend.direction == Direction::Cyclical || !guest.cpu_trend.peak_hours.is_empty();
    if guest.cpu_trend.behavior == Some(Behaviour::Bursty) && !daily && is_in_burst(guest) {
        let factor = format!("{} is bursty: its load may go by itself", guest_label(guest));
        all.push(Factor { factor, weight: Weight::Low, kind: Kind::Concern });
    }
    all.extend(earlier_moves(q, guest));
    all
}

/// How a guest grows that is claimed to.
fn growth_factor(guest: &GuestOutlook, source: &NodeOutlook, resource: Resource) -> Option<Factor> {
    let per_day = growth_told(guest, resource)?;
    let share = guest.growth(resource) / source.capacity(resource).max(1e-9) * 100.0;
    if share < NOTED_GROWTH {
        return None;
    }
    let full = match resource {
        Resource::Cpu => None,
        Resource::Memory => {
            let used = guest.memory_now / guest.maxmem;
            days_told(hours_to_full(used, &guest.mem_trend))
        }
    };
    let full =
        full.map_or(String::new(), |days| format!("; its {} are full in {days}", guest.maxmem));
    Some(Factor {
        factor: format!(
            "{} grows by {per_day} per day, {share:.1} % of {}{full}",
            guest_label(guest),
            source.name
        ),
        weight: if share >= DECIDING_GROWTH { Weight::High } else { Weight::Medium },
        kind: Kind::Problem,
    })
}

/// `0.65 cores` or `2.4 GiB of memory` that a guest grows by in a day, where a rise is claimed.
pub(super) fn growth_told(guest: &GuestOutlook, resource: Resource) -> Option<String> {
    let growth = guest.growth(resource);
    (growth > 0.0).then(|| match resource {
        Resource::Cpu => format!("{:.2}", Cores(growth)),
        Resource::Memory => format!("{} of memory", Bytes(growth)),
    })
}

/// Days after which nobody knows whether a rise has gone on.
const FORESEEN_DAYS: f64 = 30.0;

/// `9 days` until something is full; not what is full already, nor what is too far away.
fn days_told(hours: Option<f64>) -> Option<String> {
    let days = hours? / 24.0;
    (days > 0.0 && days <= FORESEEN_DAYS).then(|| counted(days.round().max(1.0), "day"))
}

/// Whether it uses clearly more now than it mostly does: otherwise there is nothing that may go by itself.
fn is_in_burst(guest: &GuestOutlook) -> bool {
    let (now, hours) =
        guest.load.cpu.split_first().map_or((0.0, &[][..]), |(now, rest)| (*now, rest));
    let usual = hours.iter().sum::<f64>() / hours.len().max(1) as f64;
    now > BURST * usual
}

/// How its earlier moves turned out, or that there were some.
fn earlier_moves(q: &Question, guest: &GuestOutlook) -> Option<Factor> {
    let tally = q.experience.guest(guest.vmid);
    let (label, times) = (guest_label(guest), tally.previous_migrations.max(guest.moves.len()));
    let s = if times == 1 { "" } else { "s" };
    if tally.judged == 0 {
        let factor = format!("{label} moved {times} time{s} in the stored history");
        return (times > 0).then_some(Factor { factor, weight: Weight::Low, kind: Kind::Info });
    }
    let factor = format!(
        "{label} moved {times} time{s} before: {} of {} judged moves helped",
        tally.improved, tally.judged
    );
    let helped = 2 * tally.improved > tally.judged;
    let kind = if helped { Kind::Positive } else { Kind::Concern };
    Some(Factor { factor, weight: Weight::Medium, kind })
}

fn target_factors(q: &Question, step: &Step) -> Vec<Factor> {
    let target = &q.outlook.nodes[step.target];
    let mut all = Vec::new();
    let able = |n: &NodeOutlook| n.online && !n.maintenance;
    let choice = q.outlook.nodes.iter().filter(|n| able(n)).count() > 1;
    if q.outlook.nodes[step.source].maintenance && choice {
        let factor =
            format!("{} is left the least full of the nodes that can take it", target.name);
        all.push(Factor { factor, weight: Weight::Medium, kind: Kind::Positive });
    }
    let rises = |trend: &Trend| trend.direction == Direction::SustainedIncrease;
    let steady = !rises(&target.cpu_trend) && !rises(&target.mem_trend);
    if let Some(stability) = target.stability().filter(|s| steady && *s >= STABLE) {
        let falling = match (target.cpu_trend.direction, target.cpu_trend.slope_per_day) {
            (Direction::SustainedDecrease, Some(slope)) => {
                format!(", its CPU falling {} %/day", signed(slope * 100.0, 1))
            }
            _ => String::new(),
        };
        let factor = format!("{} is predictable (score {stability:.0}/100){falling}", target.name);
        all.push(Factor { factor, weight: Weight::Medium, kind: Kind::Positive });
    }
    let promised = |c: &&Contribution| c.term == Term::MemOvercommit && c.points.0 >= NOTED;
    if let Some(promised) = step.target_score.iter().find(promised) {
        let factor = format!(
            "{} would have {:.2} times its memory promised to guests",
            target.name, promised.observed
        );
        all.push(Factor { factor, weight: weight(promised.points), kind: Kind::Concern });
    }
    all
}

/// On which side of its thresholds the target is in its busy hours, and whether the move has a part in it.
fn busy_hours_there(q: &Question, step: &Step) -> Factor {
    let (name, peaks) = (&q.outlook.nodes[step.target].name, &step.details.target_peaks);
    let limits = Limits::thresholds(q.config);
    // Without the move, with it, and the threshold.
    let cpu = (peaks.cpu_before, peaks.cpu_after, limits.cpu);
    let memory = (peaks.memory_before, peaks.memory_after, limits.memory);
    let any = |is: fn((f64, f64, f64)) -> bool| is(cpu) || is(memory);
    let over = any(|(_, after, limit)| after > limit);
    let passes = any(|(before, after, limit)| after > limit && before <= limit);
    let verb = match (over, passes) {
        (false, _) => "stays below its thresholds",
        (true, true) => "would pass a threshold",
        (true, false) => "stays above a threshold",
    };
    let change = |(before, after, limit): (f64, f64, f64)| {
        let [was, told] = [before, after].map(|share| percent_beside(share, limit));
        (before > limit && was != told).then(|| format!("{told} % instead of {was} %"))
    };
    let share = |of: (f64, f64, f64)| {
        change(of).unwrap_or_else(|| format!("{} %", percent_beside(of.1, of.2)))
    };
    // What is the same without the move did not decide on it.
    let same = over && !passes && change(cpu).or(change(memory)).is_none();
    let (cpu, memory) = (share(cpu), share(memory));
    Factor {
        factor: format!("{name} {verb} in its busy hours: {cpu} CPU and {memory} memory"),
        weight: if same { Weight::Medium } else { Weight::High },
        kind: if over { Kind::Concern } else { Kind::Positive },
    }
}

/// What the guest adds to the growth of the target: what others brought there is not the move's.
fn growth_there(q: &Question, step: &Step) -> Vec<Factor> {
    let (node, guest) = (&q.outlook.nodes[step.target], &q.outlook.guests[step.guest]);
    let of_term = |rise: &Contribution| {
        let resource = match rise.term {
            Term::CpuTrend => Resource::Cpu,
            Term::MemTrend => Resource::Memory,
            _ => return None,
        };
        let added = guest.growth(resource) / node.capacity(resource).max(1e-9);
        let points = rise.points.0 * (added / rise.observed.max(1e-9)).min(1.0);
        let (name, label, share) = (&node.name, resource.label(), added * 100.0);
        let factor = format!("{name} {label} would grow by {share:.1} % more per day");
        let weight = weight(Points(points));
        (points >= NOTED).then_some(Factor { factor, weight, kind: Kind::Concern })
    };
    step.target_score.iter().filter_map(of_term).collect()
}

fn cost_factors(step: &Step) -> Vec<Factor> {
    let mut all = Vec::new();
    if step.cost.restart {
        let factor = "The container restarts: it is down for the time of the move".into();
        all.push(Factor { factor, weight: Weight::Medium, kind: Kind::Concern });
    }
    if step.cost.local_disks.0 > 0.0 {
        let factor = format!("{} of local disks must be copied", step.cost.local_disks);
        all.push(Factor { factor, weight: Weight::Medium, kind: Kind::Concern });
    }
    all
}
