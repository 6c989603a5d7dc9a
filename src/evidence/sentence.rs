//! The explanation that a tired admin believes: two sentences with real numbers.

use super::factor::source_resource;
use super::guest_label;
use crate::outlook::{NodeOutlook, Resource};
use crate::recommend::{Limits, Question, Step, overload};
use crate::trend::Direction;

/// Why this move, in two sentences. `earlier` are the steps of the plan before it: what is said of
/// its source holds once those that relieve it too are done.
pub fn explanation(q: &Question, step: &Step, earlier: &[Step]) -> String {
    let (source, target) = (&q.outlook.nodes[step.source], &q.outlook.nodes[step.target]);
    let guest = &q.outlook.guests[step.guest];
    let resource = source_resource(q, step);
    let (before, after) = peaks(resource, &step.source_peaks);
    let (now_there, then_there) = peaks(resource, &step.target_peaks);
    let label = resource.label();
    let role = match guest.cpu_growth().0 {
        growth if growth > 0.0 && resource == Resource::Cpu => {
            format!(", which grows by {growth:.2} cores per day,")
        }
        _ => String::new(),
    };
    format!(
        "{}{} {}; without {}{role} its busy hours fall from {:.0} % to {:.0} %. {} {} and would \
         reach {:.0} % instead of {:.0} % {label} in its busy hours{}.",
        behind(step, earlier),
        source.name,
        trouble(q, source, step, resource),
        guest_label(guest),
        before * 100.0,
        after * 100.0,
        target.name,
        calm(target, resource),
        then_there * 100.0,
        now_there * 100.0,
        later(q, step),
    )
}

/// When to make the move, where now is not a good time.
fn later(q: &Question, step: &Step) -> String {
    match &step.window {
        Some(window) if window.start > q.outlook.now => {
            format!("; best made from {}", window.hours())
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

/// `After step 1, ` where earlier steps leave the same source.
fn behind(step: &Step, earlier: &[Step]) -> String {
    let same = earlier.iter().enumerate().filter(|(_, e)| e.source == step.source);
    let orders: Vec<String> = same.map(|(i, _)| (i + 1).to_string()).collect();
    match orders.len() {
        0 => String::new(),
        1 => format!("After step {}, ", orders[0]),
        _ => format!("After steps {}, ", orders.join(", ")),
    }
}

/// What is wrong with the source.
fn trouble(q: &Question, node: &NodeOutlook, step: &Step, resource: Resource) -> String {
    if node.maintenance {
        return "is in maintenance".into();
    }
    let label = resource.label();
    let limits = Limits::thresholds(q.config);
    let limit = match resource {
        Resource::Cpu => limits.cpu,
        Resource::Memory => limits.memory,
    };
    let trend = node.trend(resource);
    let rising = match (trend.direction, trend.slope_per_day) {
        (Direction::SustainedIncrease, Some(slope)) => {
            format!(", rising {:+.1} %/day", slope * 100.0)
        }
        _ => String::new(),
    };
    let now = match node.readings(resource).current {
        Some(now) => format!("{label} is measured at {now:.0} now{rising}"),
        None => format!("{label} is not known now"),
    };
    let hours = overload(q.outlook, step.source, &step.source_load, None, limits).node_hours;
    format!(
        "{now}, and expected above {:.0} % for {hours:.0} of the next {:.0} hours",
        limit * 100.0,
        q.outlook.horizon()
    )
}

/// Why the target is a good one.
fn calm(node: &NodeOutlook, resource: Resource) -> String {
    let trend = node.trend(resource);
    let how = match (trend.direction, trend.slope_per_day) {
        (Direction::SustainedIncrease, Some(slope)) => {
            format!("is rising {:+.1} %/day", slope * 100.0)
        }
        (Direction::SustainedIncrease, None) => "is rising".into(),
        (Direction::SustainedDecrease, _) => "is falling".into(),
        (Direction::Cyclical, _) => "follows a regular rhythm".into(),
        (Direction::Stable, _) => "is stable".into(),
        (Direction::Volatile, _) => "varies".into(),
        (Direction::Unknown, _) => "has little history".into(),
    };
    match node.readings(resource).current {
        Some(now) => format!("{how} at {now:.0} {}", resource.label()),
        None => how,
    }
}
