//! `trend`: how nodes and guests develop, or raw series from a file.

use crate::args::{Args, Trend};
use crate::out::{BAD, DIM, HEAD, Out, WARN, note, styled, table, warn};
use crate::recommend::arrow_with;
use crate::{settings, usage};
use pve_foresight::api::{MetricTrend, NodeGrowth, StabilityReply, TrendsReply};
use pve_foresight::engine::{Engine, TrendsRequest, answer_series};
use pve_foresight::error::{Error, Result};
use pve_foresight::model::{GIB, GuestMetric, Metric, NodeMetric, Unit, Worse, signed};
use pve_foresight::series::calendar::spans;
use pve_foresight::trend::{Behaviour, Change, Crossing, Projection, Side, Steadier};
use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::Path;

/// Guests that are named as reasons of a node's growth.
const MOST_GUESTS: usize = 5;

pub(crate) fn run(args: &Args, command: &Trend, out: &mut Out) -> Result<bool> {
    if let Some(file) = &command.series {
        if args.now.is_some() {
            return Err(usage("--now", "each series of --series says its own"));
        }
        return series(file, out);
    }
    let (effective, warnings) = settings::effective(args, &command.settings, None)?;
    warnings.iter().for_each(warn);
    let usual = effective.config.settings.analysis_lookback.hours().0 as u32;
    let request = TrendsRequest {
        now: args.now,
        lookback_hours: command.lookback.unwrap_or(usual),
        config: effective.config,
        node: command.node.clone(),
        guest: command.guest,
        only: None,
        metrics: None,
    };
    if let (Some(node), Some(other)) = (&command.node, &command.compare) {
        let reply = Engine::new(&args.state).compare_node_stability(&request, [node, other])?;
        return steadier(&reply, out).map(|()| true);
    }
    let reply = Engine::new(&args.state).trends(&request)?;
    if out.is_json() {
        out.value(&reply)?;
        return Ok(true);
    }
    show(&reply, out)?;
    Ok(true)
}

/// One answer per line; a line that cannot be read is said on stderr and the others go on.
fn series(file: &Path, out: &mut Out) -> Result<bool> {
    let mut refused = 0u64;
    let complain = |error: &Error| note(format!("{} {error}", styled(BAD, "refused:")));
    let mut take = |answer: Result<String>| -> Result<()> {
        match answer {
            Ok(line) => out.line(line),
            Err(error) => {
                refused += 1;
                complain(&error.at(file.display()));
                Ok(())
            }
        }
    };
    let answered = if file == Path::new("-") {
        answer_series(stdin().lock(), &mut take)
    } else {
        let open = File::open(file).map_err(|e| Error::io(file, &e))?;
        answer_series(BufReader::new(open), &mut take)
    };
    answered.map_err(|e| e.at(file.display()))?;
    Ok(refused == 0)
}

fn show(reply: &TrendsReply, out: &mut Out) -> Result<()> {
    reply.warnings.iter().for_each(warn);
    if reply.nodes.is_empty() && reply.guests.is_empty() {
        return out.line("Nothing was recorded in this time.");
    }
    for node in &reply.nodes {
        let stability = node.stability_score.map_or("-".into(), |s| format!("{s:.0}/100"));
        let title = format!("node {}", node.node);
        out.line(format!("{}  stability {stability}", styled(HEAD, title)))?;
        metrics(&node.metrics, out)?;
        node.growth.iter().try_for_each(|g| growth(g, out))?;
    }
    for guest in &reply.guests {
        let behaviour = guest.behavior.map_or("-", Behaviour::word);
        let title = format!("guest {} {}", guest.vmid, guest.name);
        let peaks = match guest.peak_hours.as_slice() {
            [] => String::new(),
            hours => format!(", busy at {} h", spans(hours)),
        };
        out.line(format!(
            "{}  on {}, {behaviour}{peaks}",
            styled(HEAD, title.trim_end()),
            guest.node
        ))?;
        metrics(&guest.metrics, out)?;
        for m in &guest.migrations {
            let effect = guest.effects.iter().find(|e| e.time == m.time);
            let effect = effect.and_then(|e| e.cpu).map_or(String::new(), |cpu| {
                let share = |v| Unit::Fraction.text(v);
                format!(
                    ", CPU {} the day before, {} the day after",
                    share(cpu.before),
                    share(cpu.after)
                )
            });
            let when = when(m.time);
            let text = format!("moved {} → {} at {when} local time{effect}", m.from, m.to);
            out.prose("  ", styled(DIM, text))?;
        }
    }
    Ok(())
}

/// Whose growth a node's growth is, in one line.
fn growth(g: &NodeGrowth, out: &mut Out) -> Result<()> {
    let (size, unit) = match g.unit {
        "bytes" => (GIB, "GiB"),
        unit => (1.0, unit),
    };
    let per_day = |v: f64| signed(v / size, 2);
    let telling = g.guests.iter().filter(|guest| guest.slope_per_day.abs() >= 0.005 * size);
    let mut parts: Vec<String> = telling
        .take(MOST_GUESTS)
        .map(|guest| format!("guest {} {}", guest.vmid, per_day(guest.slope_per_day)))
        .collect();
    let named: f64 = g.guests.iter().take(parts.len()).map(|guest| guest.slope_per_day).sum();
    let others = g.guests.iter().map(|guest| guest.slope_per_day).sum::<f64>() - named;
    parts.push(format!("other guests {}", per_day(others)));
    parts.push(format!("arrivals and departures {}", per_day(g.moves)));
    parts.push(format!("host {}", per_day(g.rest)));
    let whole = per_day(g.slope_per_day);
    let text = format!("{} {whole} {unit} a day: {}", g.metric, parts.join(", "));
    out.prose("", styled(DIM, text))
}

fn steadier(reply: &StabilityReply, out: &mut Out) -> Result<()> {
    if out.is_json() {
        return out.value(reply);
    }
    reply.warnings.iter().for_each(warn);
    let c = &reply.comparison;
    let verdict = match c.steadier {
        Steadier::First => format!("{} is steadier", reply.nodes[0]),
        Steadier::Second => format!("{} is steadier", reply.nodes[1]),
        Steadier::Alike => "alike".into(),
    };
    let [first, second] = &reply.nodes;
    out.line(format!("{first} {:.0}/100, {second} {:.0}/100: {verdict}", c.first, c.second))
}

/// Date and time in the local time zone; what is beside it says so.
pub(crate) fn when(time: i64) -> String {
    use chrono::{Local, TimeZone};
    match Local.timestamp_opt(time, 0).single() {
        Some(t) => t.format("%Y-%m-%d %H:%M").to_string(),
        None => time.to_string(),
    }
}

fn metrics(metrics: &[MetricTrend], out: &mut Out) -> Result<()> {
    let mut rows =
        table(&["metric", "level", "trend", "confidence", "last hour", "threshold", "steps"]);
    for m in metrics {
        let t = &m.trend;
        let value = |x: Option<f64>| x.map_or("-".into(), |x| m.unit.text(x));
        let now = match (t.current, t.anomaly) {
            (Some(now), Some(a)) if a.flag => {
                let side = if a.side == Side::Above { "above" } else { "below" };
                styled(
                    WARN,
                    format!("{}, {:.1} sigma {side} normal", m.unit.text(now), a.sigma.abs()),
                )
            }
            (now, _) => value(now),
        };
        let sign = |slope: f64| if slope < 0.0 { '-' } else { '+' };
        let rate = |slope: f64| format!("{}{}/day", sign(slope), m.unit.text(slope.abs()));
        rows.add_row([
            m.metric.to_string(),
            value(t.level),
            match &t.not_enough {
                Some(why) => styled(DIM, format!("{}; needs {}", why.reason, why.needed)),
                None => {
                    let rate = t.slope_per_day.map_or(String::new(), rate);
                    arrow_with(t.direction, &rate, worse(m.metric))
                }
            },
            format!("{:.0} %", t.confidence * 100.0),
            now,
            t.projection.map_or("-".into(), reached),
            steps(&t.changes),
        ]);
    }
    out.table(rows)?;
    out.line("")
}

/// Which end of a node's or guest's metric is trouble.
fn worse(name: &str) -> Worse {
    let of_guest = || GuestMetric::from_name(name).map(Metric::worse);
    NodeMetric::from_name(name).map(Metric::worse).or_else(of_guest).unwrap_or(Worse::Neither)
}

/// How many steps, and when the newest was.
fn steps(changes: &[Change]) -> String {
    match (changes.len(), changes.iter().map(|c| c.time).max()) {
        (1, Some(newest)) => format!("1 at {}", when(newest)),
        (n, Some(newest)) => format!("{n}, last at {}", when(newest)),
        (_, None) => "-".into(),
    }
}

/// When the level reaches the threshold; where it does not, when the daily peak does.
fn reached(projection: Projection) -> String {
    match (projection.level, projection.peak) {
        (Crossing::Never { .. }, Crossing::Already) => styled(WARN, "peak above it"),
        (Crossing::Never { .. }, Crossing::In { hours, .. }) => {
            let (told, long) = spoken(hours);
            styled(WARN, format!("peak in {} {long}", told(hours)))
        }
        (Crossing::Already, _) => styled(BAD, "above it"),
        (Crossing::In { hours, earliest, latest }, _) => {
            let (told, long) = spoken(hours);
            let latest = latest.map_or("or later".into(), |l| format!("to {}", told(l)));
            styled(WARN, format!("in {} {long} ({} {latest})", told(hours), told(earliest)))
        }
        (Crossing::Never { horizon }, _) => format!("not within {:.0} days", horizon / 24.0),
    }
}

/// How hours are told that are about as far away as `hours` are: tenths of a day tell nothing of what is hours away.
fn spoken(hours: f64) -> (impl Fn(f64) -> String, &'static str) {
    let (unit, long) = if hours < 48.0 { (1.0, "hours") } else { (24.0, "days") };
    (move |h: f64| format!("{:.*}", usize::from(h < 10.0 * unit), h / unit), long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::out::GOOD;
    use anstyle::Style;
    use pve_foresight::trend::Direction;

    #[test]
    fn what_is_available_is_worse_when_it_falls() {
        let arrow = |direction, metric| arrow_with(direction, "", worse(metric));
        assert_eq!(arrow(Direction::SustainedDecrease, "memory_available"), styled(BAD, "↓"));
        assert_eq!(arrow(Direction::SustainedDecrease, "memory"), styled(GOOD, "↓"));
        assert_eq!(arrow(Direction::SustainedIncrease, "guest_count"), styled(Style::new(), "↑"));
    }

    #[test]
    fn what_is_hours_away_is_told_in_hours() {
        let told = |hours: f64, latest| {
            let earliest = hours / 2.0;
            let level = Crossing::In { hours, earliest, latest: Some(latest) };
            reached(Projection { threshold: 0.8, level, peak: level })
        };
        assert_eq!(told(3.1, 5.0), styled(WARN, "in 3.1 hours (1.6 to 5.0)"));
        assert_eq!(told(24.0, 120.0), styled(WARN, "in 24 hours (12 to 120)"));
        assert_eq!(told(72.0, 480.0), styled(WARN, "in 3.0 days (1.5 to 20)"));
        let level = Crossing::Never { horizon: 1_344.0 };
        let peak = Crossing::In { hours: 11.2, earliest: 10.0, latest: None };
        let told = |peak| reached(Projection { threshold: 0.8, level, peak });
        assert_eq!(told(peak), styled(WARN, "peak in 11 hours"));
        assert_eq!(told(level), "not within 56 days");
    }
}
