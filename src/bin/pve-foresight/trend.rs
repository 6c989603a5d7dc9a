//! `trend`: how nodes and guests develop, or raw series from a file.

use crate::args::{Args, Trend};
use crate::out::{BAD, DIM, HEAD, Out, WARN, note, styled, table};
use crate::recommend::arrow;
use crate::settings;
use pve_foresight::api::{MetricTrend, TrendsReply};
use pve_foresight::engine::{Engine, TrendsRequest};
use pve_foresight::error::{Error, Result};
use pve_foresight::model::Unit;
use pve_foresight::trend::{Crossing, Side};
use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::Path;

pub(crate) fn run(args: &Args, command: &Trend, out: &mut Out) -> Result<bool> {
    if let Some(file) = &command.series {
        return series(file, out);
    }
    let (effective, warnings) = settings::effective(&command.settings, None)?;
    warnings.iter().for_each(note);
    let usual = effective.config.settings.analysis_lookback.hours().0 as u32;
    let request = TrendsRequest {
        now: args.now,
        lookback_hours: command.lookback.unwrap_or(usual),
        config: effective.config,
        node: command.node.clone(),
        guest: command.guest,
        only: None,
    };
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
    if file == Path::new("-") {
        pve_foresight::engine::answer_series(stdin().lock(), &mut take)?;
    } else {
        let open = File::open(file).map_err(|e| Error::io(file, &e))?;
        pve_foresight::engine::answer_series(BufReader::new(open), &mut take)?;
    }
    Ok(refused == 0)
}

fn show(reply: &TrendsReply, out: &mut Out) -> Result<()> {
    for warning in &reply.warnings {
        note(format!("{} {warning}", styled(WARN, "note:")));
    }
    for node in &reply.nodes {
        let stability = node.stability_score.map_or("-".into(), |s| format!("{s:.0}/100"));
        let title = format!("node {}", node.node);
        out.line(format!("{}  stability {stability}", styled(HEAD, title)))?;
        metrics(&node.metrics, out)?;
    }
    for guest in &reply.guests {
        let behaviour = guest.behavior.map_or("-".into(), |b| format!("{b:?}").to_lowercase());
        let title = format!("guest {} {}", guest.vmid, guest.name);
        let peaks: Vec<String> = guest.peak_hours.iter().map(|h| format!("{h:02}")).collect();
        let peaks = match peaks.is_empty() {
            true => String::new(),
            false => format!(", busy at {} h", peaks.join(" ")),
        };
        out.line(format!(
            "{}  on {}, {behaviour}{peaks}",
            styled(HEAD, title.trim_end()),
            guest.node
        ))?;
        metrics(&guest.metrics, out)?;
        for m in &guest.migrations {
            let when = when(m.time);
            out.line(styled(DIM, format!("  moved {} → {} at {when}", m.from, m.to)))?;
        }
    }
    Ok(())
}

/// Date and time in the local time zone.
pub(crate) fn when(time: i64) -> String {
    use chrono::{Local, TimeZone};
    match Local.timestamp_opt(time, 0).single() {
        Some(t) => t.format("%Y-%m-%d %H:%M").to_string(),
        None => time.to_string(),
    }
}

fn metrics(metrics: &[MetricTrend], out: &mut Out) -> Result<()> {
    let mut rows = table(&["metric", "level", "trend", "confidence", "now", "threshold", "steps"]);
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
        let per_day = match m.unit {
            Unit::Fraction => t.slope_per_day,
            Unit::BytesPerSecond | Unit::Number => None,
        };
        rows.add_row([
            m.metric.to_string(),
            value(t.level),
            match &t.not_enough {
                Some(why) => styled(DIM, format!("{}; needs {}", why.reason, why.needed)),
                None => arrow(t.direction, per_day.filter(|_| t.direction.is_trend())),
            },
            format!("{:.0} %", t.confidence * 100.0),
            now,
            t.projection.map_or("-".into(), |p| crossing(p.level)),
            t.changes.len().to_string(),
        ]);
    }
    out.line(rows)?;
    out.line("")
}

fn crossing(crossing: Crossing) -> String {
    match crossing {
        Crossing::Already => styled(BAD, "above it"),
        Crossing::In { hours, earliest, latest } => {
            let latest = latest.map_or("?".into(), |l| format!("{:.0}", l / 24.0));
            styled(WARN, format!("in {:.1} days ({:.0}-{latest})", hours / 24.0, earliest / 24.0))
        }
        Crossing::Never { horizon } => format!("not within {:.0} days", horizon / 24.0),
    }
}
