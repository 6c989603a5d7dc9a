//! What to do in a few sentences, or why there is nothing to do.

mod disks;
mod held;
mod left;

pub(super) use held::held;

use super::super::words::{are, is_are, listed, names};
use super::beyond::{beyond, is_pressed};
use crate::evidence::peak_told;
use crate::model::{HOUR, UnixTime, counted, span};
use crate::outlook::NodeOutlook;
use crate::recommend::{
    Cause, Considered, Finding, NodeState, Peaks, Plan, Question, State, Step, only_heading, stated,
};
use crate::trend::Direction;
use disks::{full_storages, waiting, waits_for_disks};
use left::{left_behind, still_above, too_large, unavoidable};
use std::collections::BTreeSet;

/// What to do, or why there is nothing to do.
pub(super) fn summary(q: &Question, plan: &Plan) -> String {
    match plan.steps.is_empty() {
        true => of_none(q, plan),
        false => of_moves(q, plan),
    }
}

/// What the moves bring.
fn of_moves(q: &Question, plan: &Plan) -> String {
    let hours = q.outlook.horizon().round();
    let moves = plan.steps.len();
    let (before, after) = (plan.before, plan.after);
    let emptied = emptied(q, plan);
    if !emptied.is_empty() && before.node_hours.max(after.node_hours) < 0.5 {
        return format!(
            "{} recommended to move guests off {}, which {} in maintenance: no node is expected \
             above its thresholds in the next {hours} hours, with them or without.{}{}",
            counted(moves, "migration"),
            listed(&emptied),
            is_are(emptied.len()),
            waiting(q) + &beyond(q) + &left_behind(q, plan),
            full_storages(q),
        );
    }
    let (from, to) = (before.node_hours.round(), after.node_hours.round());
    let goes = if to < from { "falls" } else { "goes" };
    let memory = |p: &Peaks| p.memory_before.max(p.memory_after) > q.config.mem_threshold.0;
    let is_memory = |s: &Step| memory(&s.details.source_peaks) || memory(&s.details.target_peaks);
    let counted_as = match plan.steps.iter().any(is_memory) {
        true => ", memory counted as cores",
        false => "",
    };
    let digits = usize::from(before.core_hours < 10.0);
    let excess =
        format!("{:.digits$} to {:.digits$} core-hours", before.core_hours, after.core_hours);
    let effect = match from == to && after.core_hours < before.core_hours {
        // What falls is told first.
        true => format!(
            "falls from {excess} above the thresholds{counted_as}, in as many node-hours ({to:.0})"
        ),
        false => format!(
            "{goes} from {from:.0} to {} ({excess} above the thresholds{counted_as})",
            counted(to, "node-hour")
        ),
    };
    format!(
        "{} recommended: expected overload in the next {hours} hours {effect}.{}{}{}{}{}",
        counted(moves, "migration"),
        still_above(q, plan),
        too_large(q, plan),
        unavoidable(q, plan),
        waiting(q) + &beyond(q) + &left_behind(q, plan),
        full_storages(q),
    )
}

/// Why there is nothing to do.
fn of_none(q: &Question, plan: &Plan) -> String {
    let hours = q.outlook.horizon().round();
    let (guests, nodes) = (q.outlook.guests.len(), q.outlook.nodes.len());
    let looked = format!("looked at {} on {}", counted(guests, "guest"), counted(nodes, "node"));
    if names(q, |s| s.state < State::Offline).is_empty() {
        return format!("No advice: of no node is the load of the last day known ({looked}).");
    }
    let waits = waiting(q);
    let only_waits = !waits.is_empty()
        && names(q, |s| s.in_trouble() && waits_for_disks(s).is_none()).is_empty();
    let troubled = names(q, |s| s.in_trouble() && (only_waits || waits_for_disks(s).is_none()));
    let hot = names(q, |s| s.of_load == State::StableButHot);
    let told = match hot.is_empty() {
        true => String::new(),
        false => format!(" {} hot.", are(&hot)),
    };
    let why = match plan.considered.as_slice() {
        [] => held(q, plan).to_string(),
        [one] => format!("the one move that was weighed {}", one.reason.text),
        all => refused(q, all),
    };
    let may = unconfirmed(q);
    let storages = full_storages(q);
    let rest = format!("{waits}{told}{may}{}{}{storages}", beyond(q), left_behind(q, plan));
    if only_waits && plan.before.node_hours < 0.5 {
        return format!("Nothing to move ({looked}).{rest}");
    }
    if let Some(heading) = heading(q, &troubled).filter(|_| plan.before.node_hours < 0.5) {
        return format!("{heading} ({looked}).{rest}");
    }
    if !troubled.is_empty() {
        let all = format!("{}{}", too_large(q, plan), unavoidable(q, plan));
        let when = at_hours(q, &troubled);
        return format!("{} in trouble, but {why} ({looked}).{all}{rest}", are(&when));
    }
    let above = plan.before.node_hours.round();
    let what = match (above >= 1.0, hot.is_empty() && may.is_empty()) {
        (true, _) => {
            let is = if above < 2.0 { "is" } else { "are" };
            format!(
                "{} above the thresholds {is} expected in the next {hours} hours, but {why}",
                counted(above, "node-hour")
            )
        }
        (false, true) => {
            format!("no node is, or is heading, above its thresholds within {hours} hours")
        }
        (false, false) => format!("no node is expected above its thresholds within {hours} hours"),
    };
    match storages.is_empty() && !is_pressed(q) {
        true => format!("Nothing to do: {what} ({looked}).{rest}"),
        // The thresholds of storages are another matter, and tasks that wait are another trouble.
        false => format!("Nothing to move: by CPU and memory {what} ({looked}).{rest}"),
    }
}

/// Nodes with the hours of the day in which they are above their CPU threshold, where these are the same each day:
/// `pve1 (02-05)`.
fn at_hours(q: &Question, nodes: &[String]) -> Vec<String> {
    let with_hours = |name: &String| {
        let state = q.outlook.node_index(name).map(|n| &q.states[n]);
        format!("{name}{}", state.map_or(String::new(), peak_told))
    };
    nodes.iter().map(with_hours).collect()
}

/// That all of some nodes only head for overload, beyond the horizon.
fn heading(q: &Question, nodes: &[String]) -> Option<String> {
    let told = |name: &String| {
        let heading = only_heading(q, q.outlook.node_index(name)?)?;
        Some(format!("{name} {heading}"))
    };
    let all: Option<Vec<String>> = nodes.iter().map(told).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join("; "))
}

/// Why none of several moves is recommended: what all have in common is told.
fn refused(q: &Question, all: &[Considered]) -> String {
    let moves = format!("{} moves that were weighed", all.len());
    let shared = |cause: Cause| all.iter().all(|c| c.reason.cause == cause);
    let first = all.iter().filter_map(|c| c.step.details.window.as_ref()).min_by_key(|w| w.start);
    match first {
        Some(first) if shared(Cause::Busy) => {
            let begin = first.begin();
            format!("all guests that would help are in their daily peak, until {begin}")
        }
        _ if shared(Cause::Confidence) => {
            let best = all.iter().map(|c| c.step.confidence.percent).fold(0.0, f64::max);
            format!(
                "none of the {moves} reaches the minimum confidence of {:.0}: the best has {}",
                q.config.settings.minimum_confidence,
                stated(best)
            )
        }
        _ if shared(Cause::Gain) => format!("none of the {moves} gains enough for what it costs"),
        _ if shared(Cause::Adds) => format!("each of the {moves} would add overload elsewhere"),
        _ => format!("none of the {moves} is worth it now"),
    }
}

/// Nodes in maintenance, if all steps leave such nodes.
fn emptied(q: &Question, plan: &Plan) -> Vec<String> {
    let sources: BTreeSet<usize> = plan.steps.iter().map(|step| step.source).collect();
    let nodes = || sources.iter().map(|n| &q.outlook.nodes[*n]);
    match nodes().all(|node| node.maintenance) {
        true => nodes().map(|node| node.name.clone()).collect(),
        false => Vec::new(),
    }
}

/// Thresholds that would be passed if a trend went on which is not sure enough to act on, or that are passed at the
/// same hours each day.
fn unconfirmed(q: &Question) -> String {
    let ahead = |h: &f64| *h > 0.0 && *h <= q.outlook.horizon();
    let within = |f: &Finding| f.hours_to_threshold.filter(ahead);
    let of_node = |(node, state): (&NodeOutlook, &NodeState)| -> String {
        let calm = state.findings.iter().filter(|f| f.state < State::TrendingTowardOverload);
        let told = calm.filter_map(|f| {
            let (hours, direction) = (within(f)?, node.trend_of(f.metric).direction);
            let (metric, name, limit) = (f.metric, &node.name, f.threshold);
            match direction {
                Direction::SustainedIncrease => Some(format!(
                    " If its trend goes on, {metric} of {name} passes {limit:.0} in {}: not sure enough to \
                     act on.",
                    span(hours)
                )),
                Direction::Cyclical => {
                    let time = q.outlook.now + (hours * HOUR as f64) as UnixTime;
                    let at = q.local.hour(time);
                    let day = match hours > 24.0 {
                        true => format!("peak of {name}'s {metric} on {}", q.local.day_name(time)),
                        false => format!("daily peak of {name}'s {metric}"),
                    };
                    Some(format!(" The {day} passes {limit:.0} at about {at:02}:00."))
                }
                _ => None,
            }
        });
        told.collect()
    };
    q.outlook.nodes.iter().zip(q.states).map(of_node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::asked::asked;
    use crate::model::Fraction;
    use crate::recommend::{Overload, Refusal, Window, plan};

    #[test]
    fn moves_off_a_calm_node_in_maintenance_are_told_as_such() {
        let told = |nodes: &[(&str, usize)]| asked(nodes, |q| summary(q, &plan(q)));
        assert_eq!(
            told(&[("pve1", 2), ("pve2", 1)]),
            "2 migrations recommended to move guests off pve1, which is in maintenance: no node is \
             expected above its thresholds in the next 24 hours, with them or without."
        );
    }

    #[test]
    fn a_projection_that_nothing_confirms_is_told_as_one() {
        let finding = |state, hours: f64| Finding {
            metric: "CPU",
            state,
            current: None,
            high_7d: None,
            threshold: Fraction(0.8),
            hours_to_threshold: Some(hours),
            peak_hours: Vec::new(),
        };
        let told = |state, direction, hours| {
            let findings = vec![finding(state, hours)];
            let states = [NodeState { state, of_load: state, ..NodeState::of(findings) }];
            asked(&[("pve1", 1)], |q| {
                let mut outlook = q.outlook.clone();
                outlook.nodes[0].cpu_trend.direction = direction;
                unconfirmed(&Question { states: &states, outlook: &outlook, ..*q })
            })
        };
        let rising = Direction::SustainedIncrease;
        let text = told(State::Healthy, rising, 9.0);
        assert!(text.contains("CPU of pve1 passes 80 % in 9 hours"), "{text}");
        assert_eq!(told(State::Healthy, rising, 90.0), "", "beyond the horizon");
        assert_eq!(told(State::TrendingTowardOverload, rising, 9.0), "", "confirmed");
        let daily = told(State::Healthy, Direction::Cyclical, 9.0);
        assert_eq!(daily, " The daily peak of pve1's CPU passes 80 % at about 09:00.");
        assert_eq!(told(State::Healthy, Direction::Cyclical, 0.0), "", "it is there");
        assert_eq!(told(State::Healthy, Direction::Stable, 9.0), "", "no trend");
    }

    #[test]
    fn a_node_in_trouble_at_the_same_hours_each_day_says_at_which() {
        let told = |metrics: &[&'static str]| {
            let finding = |metric: &&'static str| Finding {
                metric,
                state: State::Overloaded,
                current: None,
                high_7d: None,
                threshold: Fraction(0.8),
                hours_to_threshold: None,
                peak_hours: if *metric == "CPU" { vec![2, 3, 4] } else { Vec::new() },
            };
            let states = [NodeState::of(metrics.iter().map(finding).collect())];
            asked(&[("pve1", 1)], |q| {
                at_hours(&Question { states: &states, ..*q }, &["pve1".into()]).concat()
            })
        };
        assert_eq!(told(&["CPU"]), "pve1 (02-05)");
        assert_eq!(told(&["CPU", "memory"]), "pve1", "memory is above it all day");
    }

    #[test]
    fn where_as_many_hours_stay_above_the_fall_of_core_hours_is_told() {
        asked(&[("pve1", 2), ("pve2", 1)], |q| {
            let of = |core_hours| Overload { node_hours: 24.0, core_hours };
            let plan = Plan { before: of(512.0), after: of(310.0), ..plan(q) };
            let text = summary(q, &plan);
            let want = "falls from 512 to 310 core-hours above the thresholds, in as many node-hours (24).";
            assert!(text.contains(want), "{text}");
        });
    }

    #[test]
    fn what_all_refusals_have_in_common_is_told() {
        asked(&[("pve1", 2), ("pve2", 1)], |q| {
            let step = plan(q).steps.first().expect("a step").clone();
            let of = |cause, percent: f64, hour: u8| {
                let mut step = step.clone();
                step.confidence.percent = percent;
                let (start, end) = (i64::from(hour) * HOUR, 24 * HOUR);
                let why = String::new();
                let tomorrow = hour < 6;
                let window = Window {
                    start,
                    end,
                    start_hour: hour,
                    end_hour: 23,
                    tomorrow,
                    end_day: None,
                    why,
                };
                step.details.window = Some(window);
                Considered { step, reason: Refusal { cause, text: String::new() } }
            };
            let told = |all: &[Considered]| refused(q, all);
            assert_eq!(
                told(&[of(Cause::Busy, 90.0, 18), of(Cause::Busy, 90.0, 16)]),
                "all guests that would help are in their daily peak, until 16:00"
            );
            assert_eq!(
                told(&[of(Cause::Busy, 90.0, 5)]),
                "all guests that would help are in their daily peak, until tomorrow at 05:00"
            );
            assert_eq!(
                told(&[of(Cause::Confidence, 67.9, 0), of(Cause::Confidence, 60.0, 0)]),
                "none of the 2 moves that were weighed reaches the minimum confidence of 75 %: the best has 67 %"
            );
            assert_eq!(
                told(&[of(Cause::Confidence, 67.9, 0), of(Cause::Gain, 90.0, 0)]),
                "none of the 2 moves that were weighed is worth it now"
            );
        });
    }
}
