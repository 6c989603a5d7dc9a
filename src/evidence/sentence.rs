//! The explanation that a tired admin believes: two sentences with real numbers.

use super::factor::{excess_told, growth_told, other, source_overload, source_resource};
use super::guest_label;
use crate::model::{UnixTime, joined, percent_beside, signed};
use crate::outlook::{Limits, NodeOutlook, Resource, STORAGE};
use crate::recommend::{Finding, NodeState, Question, State, Step, Window, overload_of};
use crate::series::calendar::spans;
use crate::trend::Direction;

/// Why this move, in two sentences. `earlier` are the steps of the plan before it: what is said of
/// its source holds once those that relieve it too are done.
pub fn explanation(q: &Question, step: &Step, earlier: &[Step]) -> String {
    let (source, target) = (&q.outlook.nodes[step.source], &q.outlook.nodes[step.target]);
    let guest = &q.outlook.guests[step.guest];
    let resource = source_resource(q, step);
    let effect = effect(q, step, resource);
    let (now_there, then_there) = peaks(resource, &step.details.target_peaks);
    let label = resource.label();
    let behind = earlier_at(step.source, earlier);
    let first = behind.is_none();
    let then = earlier_at(step.target, earlier);
    let then = then.map_or(String::new(), |steps| format!(" after {steps}"));
    let role = growth_told(guest, resource)
        .map_or(String::new(), |growth| format!(", which grows by {growth} per day"));
    let label_of = format!("{}{role}", guest_label(guest));
    let name = &source.name;
    // That it is in maintenance is not the steps' doing: they count for the figures only.
    let trouble = match (source.maintenance, behind) {
        (true, None) => format!("{name} is in maintenance; without {label_of}"),
        (true, Some(steps)) => {
            format!("{name} is in maintenance; after {steps}, without {label_of},")
        }
        (false, None) => format!("{name} {}", trouble(q, step, resource, &label_of, first)),
        (false, Some(steps)) => {
            format!("After {steps}, {name} {}", trouble(q, step, resource, &label_of, first))
        }
    };
    format!(
        "{trouble} its {effect}. {} {} and would{then} {} {label} in its busy hours{}.",
        target.name,
        calm(target, resource),
        reach(now_there, then_there, Limits::thresholds(q.config).of(resource)),
        later(q, step),
    )
}

/// What cards mean by busy hours, of an outlook of so many hours.
pub fn busy_hours(horizon: f64) -> String {
    format!(
        "Busy hours: what 95 % of these {horizon:.0} hours are expected to stay at or below, by the \
         present and up to two weeks of hours."
    )
}

/// What of the source the step makes less: its busy hours; the excess where these do not tell it, since it is above the
/// threshold in few hours only, or in as many as before.
fn effect(q: &Question, step: &Step, resource: Resource) -> String {
    let busy = peaks(resource, &step.details.source_peaks);
    let (with, without) = source_overload(q, step, resource);
    let rare = busy.0 <= Limits::thresholds(q.config).of(resource);
    let as_many = with.node_hours.round() == without.node_hours.round();
    let excess = with.core_hours - without.core_hours;
    let emptied = q.outlook.nodes[step.source].maintenance;
    let second = second(q, step, other(resource));
    if emptied {
        // Nothing before says of which resource.
        return format!("busy hours {} {}", fall(busy), resource.label());
    }
    if with.node_hours.round() < 1.0 || excess < 1.0 || !(rare || as_many) {
        return format!("busy hours {}{second}", fall(busy));
    }
    let (unit, before, after) = excess_told(&q.outlook.nodes[step.source], resource, with, without);
    format!("{unit}s above that fall from {before:.0} to {after:.0}{second}")
}

/// What becomes of the busy hours of the other resource, where that is above its threshold in them as well.
fn second(q: &Question, step: &Step, other: Resource) -> String {
    let busy = peaks(other, &step.details.source_peaks);
    let above = busy.0 > Limits::thresholds(q.config).of(other);
    match above && source_overload(q, step, other).0.core_hours >= 1.0 {
        true => format!("; those of its {} {}", other.label(), fall(busy)),
        false => String::new(),
    }
}

/// `fall from 99 % to 78 %`, or that they do not.
fn fall((before, after): (f64, f64)) -> String {
    let (before, after) = (percent(before), percent(after));
    match before == after {
        true => format!("stay at {before} %"),
        false => format!("fall from {before} % to {after} %"),
    }
}

/// `reach 55 % instead of 43 %`, or that it changes nothing; on which side of the limit it is can be read.
fn reach(before: f64, after: f64, limit: f64) -> String {
    let [before, after] = [before, after].map(|share| percent_beside(share, limit));
    match before == after {
        true => format!("stay at {before} %"),
        false => format!("reach {after} % instead of {before} %"),
    }
}

/// A share as people read it.
pub(super) fn percent(share: f64) -> i64 {
    (share * 100.0).round() as i64
}

/// The word for a node's state with what makes it so, where that is not the CPU alone, which tables
/// of nodes show anyway: `overloaded: memory p95 91 %`; at which hours, and that it is in maintenance.
pub fn state_told(state: State, findings: &[Finding], maintenance: bool) -> String {
    let told = state_with_reasons(state, findings);
    if maintenance { format!("{told}, in maintenance") } else { told }
}

fn state_with_reasons(state: State, findings: &[Finding]) -> String {
    let is_cpu = |f: &Finding| f.metric == Resource::Cpu.label();
    let told = |f: &Finding| match f.high_7d.filter(|high| *high >= f.threshold) {
        _ if f.metric == STORAGE => {
            f.current.map_or_else(|| STORAGE.into(), |used| format!("{STORAGE} {used:.0} full"))
        }
        _ if is_cpu(f) => format!("{}{}", f.metric, peak(f)),
        Some(high) => format!("{} p95 {high:.0}", f.metric),
        None => f.metric.to_string(),
    };
    let makes: Vec<&Finding> = findings.iter().filter(|f| f.state == state).collect();
    let word = state.word();
    match state {
        State::StableButHot | State::TrendingTowardOverload | State::Overloaded
            if makes.iter().any(|f| !is_cpu(f)) =>
        {
            let told: Vec<String> = makes.into_iter().map(told).collect();
            format!("{word}: {}", told.join(", "))
        }
        // A node is hot by what is expected of it, too.
        State::StableButHot | State::Overloaded => {
            format!("{word}{}", findings.iter().find(|f| is_cpu(f)).map_or_else(String::new, peak))
        }
        _ => word.into(),
    }
}

/// ` (02-05)` of a node whose CPU alone is above its threshold; or nothing.
pub fn peak_told(state: &NodeState) -> String {
    let mut loads = state.findings.iter().filter(|f| f.state == state.of_load);
    match (loads.next(), loads.next()) {
        (Some(only), None) => peak(only),
        _ => String::new(),
    }
}

/// ` (02-05)`: the hours in which it is above its threshold, where they are the same each day.
fn peak(of: &Finding) -> String {
    match of.peak_hours.as_slice() {
        [] => String::new(),
        hours => format!(" ({})", spans(hours)),
    }
}

/// Growth of guests a day from which a node is told to have it, as a share of it.
const TOLD_GROWTH: f64 = 0.005;

/// `guests +2.2 %/day`: what the guests of a node grow by, for a table that says how the node itself develops, where
/// that is no rise of its own.
pub fn guests_told(of_node: Direction, per_day: f64) -> Option<String> {
    let told = per_day >= TOLD_GROWTH && of_node != Direction::SustainedIncrease;
    told.then(|| format!("guests {} %/day", signed(per_day * 100.0, 1)))
}

/// When to make a move, as of `now`: a sentence of its own.
pub fn good_time(window: &Window, now: UnixTime) -> String {
    let when = match window.start > now {
        true => format!("Best made {} local time", window.told()),
        false => format!("A good time is now, until {} local time", window.until()),
    };
    format!("{when}: {}.", window.why)
}

/// When to make the move, where now is not a good time.
fn later(q: &Question, step: &Step) -> String {
    match &step.details.window {
        Some(window) if window.start > q.outlook.now => {
            format!("; best made {}", window.told())
        }
        _ => String::new(),
    }
}

fn peaks(resource: Resource, p: &crate::recommend::Peaks) -> (f64, f64) {
    match resource {
        Resource::Cpu => (p.cpu_before, p.cpu_after),
        Resource::Memory => (p.memory_before, p.memory_after),
    }
}

/// `step 1`, `steps 1 and 3` or `steps 1 to 6`: those before that change the load of a node.
fn earlier_at(node: usize, earlier: &[Step]) -> Option<String> {
    let here = |e: &Step| e.source == node || e.target == node;
    let all = earlier.iter().enumerate().filter(|(_, e)| here(e));
    let orders: Vec<usize> = all.map(|(i, _)| i + 1).collect();
    match orders.as_slice() {
        [] => None,
        [one] => Some(format!("step {one}")),
        [first, .., last] if orders.len() > 2 && last - first + 1 == orders.len() => {
            Some(format!("steps {first} to {last}"))
        }
        _ => {
            let orders: Vec<String> = orders.iter().map(ToString::to_string).collect();
            Some(format!("steps {}", joined(&orders)))
        }
    }
}

/// What is wrong with the source, and how much of it is left without the guest: the begin of a sentence. What is
/// measured tells of the source only where it leaves `first`, before other steps.
fn trouble(q: &Question, step: &Step, resource: Resource, guest: &str, first: bool) -> String {
    let node = &q.outlook.nodes[step.source];
    let label = resource.label();
    let limits = Limits::thresholds(q.config);
    let trend = node.trend(resource);
    let rising = match (trend.direction, trend.slope_per_day) {
        (Direction::SustainedIncrease, Some(slope)) => {
            format!(", rising {} %/day", signed(slope * 100.0, 1))
        }
        _ => String::new(),
    };
    let is = match node.readings(resource).current {
        _ if !first => "is".to_string(),
        // The mean of it: a burst has not filled it yet.
        Some(level) => {
            let below = percent(level.0) < percent(limits.of(resource));
            let but = if below && rising.is_empty() { "but" } else { "and" };
            format!("was at {level:.0} in the last hour{rising}, {but} is")
        }
        None => "is not known now, but".into(),
    };
    let leaves = Some((&q.outlook.guests[step.guest].load, -1.0));
    let expected = |change| {
        let load = &step.details.source_load;
        overload_of(resource, q.outlook, step.source, load, change, limits)
    };
    let (with, without) = (expected(None).node_hours.round(), expected(leaves).node_hours.round());
    if with == 0.0 && !first {
        // A guest that goes because another does.
        let limit = limits.of(resource) * 100.0;
        return format!("{label} is not expected above {limit:.0} % any more; without {guest}");
    }
    let left = match without {
        0.0 => "none".to_string(),
        _ if with == without => "as many".to_string(),
        left => format!("{left:.0}"),
    };
    format!(
        "{label} {is} expected above {:.0} % for {with:.0} of the next {:.0} hours{}, {left} without {guest};",
        limits.of(resource) * 100.0,
        q.outlook.horizon(),
        if first { usually(q, step.source, label) } else { String::new() }
    )
}

/// In which hours that is, where they are the same each day.
fn usually(q: &Question, node: usize, metric: &str) -> String {
    let mut found = q.states.get(node).into_iter().flat_map(|state| &state.findings);
    match found.find(|f| f.metric == metric).map_or(&[][..], |f| &f.peak_hours) {
        [] => String::new(),
        hours => format!(" (mostly {} local time)", spans(hours)),
    }
}

/// Why the target is a good one.
fn calm(node: &NodeOutlook, resource: Resource) -> String {
    let trend = node.trend(resource);
    let how = match (trend.direction, trend.slope_per_day) {
        (Direction::SustainedIncrease, Some(slope)) => {
            format!("is rising {} %/day", signed(slope * 100.0, 1))
        }
        (Direction::SustainedIncrease, None) => "is rising".into(),
        (Direction::SustainedDecrease, _) => "is falling".into(),
        (Direction::Cyclical, _) => "follows a regular rhythm".into(),
        (Direction::Stable, _) => "is stable".into(),
        (Direction::Volatile, _) => "varies".into(),
        (Direction::Unknown, _) => "has little history".into(),
    };
    match node.readings(resource).current {
        Some(now) if trend.direction == Direction::Unknown => {
            format!("is at {now:.0} {} with little history", resource.label())
        }
        Some(now) => format!("{how} at {now:.0} {}", resource.label()),
        None => how,
    }
}
