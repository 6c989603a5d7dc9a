//! `history` and `quality`: what is stored, and how complete it is.

use crate::args::{Args, History, Quality};
use crate::out::{DIM, HEAD, Out, styled, table, warn};
use crate::trend::when;
use crate::usage;
use pve_foresight::api::{HistoryReply, QualityEntry};
use pve_foresight::engine::{Engine, EntityRequest};
use pve_foresight::error::Result;
use pve_foresight::store::Tier;

/// Width and height of the plot in characters.
const PLOT: (usize, usize) = (66, 10);
/// Stands on the bottom row where nothing is stored: an empty column would be 0.
const GAP: char = '·';

pub(crate) fn history(args: &Args, command: &History, out: &mut Out) -> Result<bool> {
    let request = EntityRequest {
        now: args.now,
        node: command.entity.node.clone(),
        guest: command.entity.guest,
    };
    let engine = Engine::new(&args.state);
    let reply = match command.points {
        None => engine.history(&request, command.hours)?,
        Some(points) => engine.history_thinned(&request, command.hours, usize::from(points))?,
    };
    let metric = command.metric.as_deref().unwrap_or("cpu");
    let series = reply.metrics.iter().find(|m| m.metric == metric);
    // Without a plot nothing has to be stored of the metric that nobody named.
    if out.is_json() && (series.is_some() || command.metric.is_none()) {
        out.value(&reply)?;
        return Ok(true);
    }
    let Some(series) = series else {
        let known: Vec<&str> = reply.metrics.iter().map(|m| m.metric.as_str()).collect();
        let message = format!("nothing is stored of '{metric}'; stored are {}", known.join(", "));
        return Err(usage("--metric", message));
    };
    reply.warnings.iter().for_each(warn);
    out.line(format!("{}  {}", styled(HEAD, &reply.entity), styled(DIM, &series.help)))?;
    let (first, last) = match (series.buckets.first(), series.buckets.last()) {
        (Some(first), Some(last)) => (first.start, last.start + i64::from(last.seconds)),
        _ => return out.line("nothing stored in this window").map(|()| true),
    };
    plot(series, first, last, out)?;
    out.line(styled(DIM, format!("{}  to  {} local time", when(first), when(last))))?;
    summary(&reply, out)?;
    Ok(true)
}

/// Mean per column as a bar of eighths, with the scale at the left; a dot where nothing is known.
fn plot(
    series: &pve_foresight::api::MetricHistory,
    first: i64,
    last: i64,
    out: &mut Out,
) -> Result<()> {
    let (width, height) = PLOT;
    let span = (last - first).max(1) as f64;
    let mut columns = vec![(0.0, 0u32); width];
    for bucket in &series.buckets {
        let at = ((bucket.middle() - first) as f64 / span * width as f64) as usize;
        let column = &mut columns[at.min(width - 1)];
        column.0 += bucket.avg * f64::from(bucket.count);
        column.1 += bucket.count;
    }
    let means: Vec<Option<f64>> =
        columns.iter().map(|(sum, n)| (*n > 0).then(|| sum / f64::from(*n))).collect();
    let top = means.iter().flatten().copied().fold(0.0, f64::max).max(1e-9);
    for row in (0..height).rev() {
        let label = match row {
            r if r == height - 1 => series.unit.text(top),
            0 => series.unit.text(0.0),
            _ => String::new(),
        };
        let bar = |mean: &Option<f64>| -> char {
            const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
            let Some(mean) = mean else { return if row == 0 { GAP } else { ' ' } };
            let filled = mean / top * height as f64 - row as f64;
            EIGHTHS[(filled.clamp(0.0, 1.0) * 8.0).round() as usize]
        };
        out.line(format!("{label:>12} │{}", means.iter().map(bar).collect::<String>()))?;
    }
    out.line(format!("{:>12} └{}", "", "─".repeat(width)))
}

fn summary(reply: &HistoryReply, out: &mut Out) -> Result<()> {
    let mut rows = table(&["metric", "min", "mean", "p95 of hours", "max", "samples"]);
    for m in &reply.metrics {
        let count: u64 = m.buckets.iter().map(|b| u64::from(b.count)).sum();
        if count == 0 {
            continue;
        }
        let mean = m.buckets.iter().map(|b| b.avg * f64::from(b.count)).sum::<f64>() / count as f64;
        let min = m.buckets.iter().map(|b| b.min).fold(f64::INFINITY, f64::min);
        let max = m.buckets.iter().map(|b| b.max).fold(f64::NEG_INFINITY, f64::max);
        let mut p95: Vec<f64> = m.buckets.iter().map(|b| b.p95).collect();
        p95.sort_unstable_by(f64::total_cmp);
        let high = p95[(p95.len() * 95).div_ceil(100).max(1) - 1];
        let text = |x: f64| m.unit.text(x);
        rows.add_row([
            m.metric.clone(),
            text(min),
            text(mean),
            text(high),
            text(max),
            count.to_string(),
        ]);
    }
    out.table(rows)
}

pub(crate) fn quality(args: &Args, command: &Quality, out: &mut Out) -> Result<bool> {
    let request = EntityRequest { now: args.now, node: command.node.clone(), guest: command.guest };
    let reply = Engine::new(&args.state).quality(&request)?;
    if out.is_json() {
        out.value(&reply)?;
        return Ok(true);
    }
    reply.warnings.iter().for_each(warn);
    let kept = Tier::ALL.map(|tier| reply.retention.text(tier));
    let mut rows = table(&[
        "entity",
        "samples",
        "oldest",
        "newest",
        &kept[0],
        &kept[1],
        &kept[2],
        "largest gap",
    ]);
    for entry in &reply.entities {
        rows.add_row(row(entry));
    }
    out.table(rows)?;
    Ok(true)
}

fn row(entry: &QualityEntry) -> [String; 8] {
    let age = |seconds: Option<i64>| match seconds {
        None => "-".to_string(),
        Some(s) if s < 7_200 => format!("{} min ago", s / 60),
        Some(s) if s < 172_800 => format!("{:.1} h ago", s as f64 / 3_600.0),
        Some(s) => format!("{:.1} days ago", s as f64 / 86_400.0),
    };
    let q = &entry.quality;
    let share = |tier: usize| format!("{:.0} %", q.coverage[tier] * 100.0);
    [
        entry.entity.clone(),
        q.total_samples.to_string(),
        age(q.oldest_sample_age),
        age(q.last_sample_age),
        share(0),
        share(1),
        share(2),
        age(q.largest_gap).trim_end_matches(" ago").to_string(),
    ]
}
