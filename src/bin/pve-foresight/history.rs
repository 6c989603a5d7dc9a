//! `history` and `quality`: what is stored, and how complete it is.

use crate::args::{Args, History, Quality};
use crate::out::{DIM, HEAD, Out, styled, table, warn};
use crate::trend::when;
use crate::usage;
use pve_foresight::api::{HistoryReply, QualityEntry};
use pve_foresight::engine::{Engine, EntityRequest};
use pve_foresight::error::Result;
use pve_foresight::model::{Bucket, HOUR, UnixTime};
use pve_foresight::store::Tier;
use std::ops::Range;

/// Width and height of the plot in characters.
const PLOT: (usize, usize) = (66, 10);
/// Stands on the bottom row where nothing is stored: an empty column would be 0.
const GAP: char = '·';
/// More seconds than so many usual distances between two samples are a gap.
const USUAL: i64 = 3;

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
        if reply.metrics.is_empty() && command.metric.is_none() {
            let why = match command.entity.guest {
                Some(_) => "it did not run, or nobody reported it",
                None => "it was off, or did not report",
            };
            let (entity, hours) = (&reply.entity, command.hours);
            reply.warnings.iter().for_each(warn);
            return out
                .line(format!(
                    "{entity}: no values of the last {hours} hours, {why}; --hours goes further back"
                ))
                .map(|()| true);
        }
        let known: Vec<&str> = reply.metrics.iter().map(|m| m.metric.as_str()).collect();
        let message = format!("nothing is stored of '{metric}'; stored are {}", listed(&known));
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

/// Names for a sentence, which may be none.
fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// Mean per column as a bar of eighths, with the scale at the left; a dot where nothing is known.
fn plot(
    series: &pve_foresight::api::MetricHistory,
    first: i64,
    last: i64,
    out: &mut Out,
) -> Result<()> {
    let (width, height) = PLOT;
    let means = columns(&series.buckets, first..last, width);
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

/// Mean of what is known in each of `width` columns that share the time `of` out.
fn columns(buckets: &[Bucket], of: Range<UnixTime>, width: usize) -> Vec<Option<f64>> {
    let span = (of.end - of.start).max(1) as f64;
    let column = |time: UnixTime| {
        let at = (time - of.start) as f64 / span * width as f64;
        (at as usize).min(width - 1)
    };
    let mut sums = vec![(0.0, 0.0); width];
    for (bucket, end) in buckets.iter().zip(ends(buckets)) {
        // What begins when the time is over is in the next column.
        let touched = column(bucket.start)..=column(bucket.start.max(end - 1));
        let weight = f64::from(bucket.count) / touched.clone().count() as f64;
        for (sum, weights) in &mut sums[touched] {
            *sum += bucket.avg * weight;
            *weights += weight;
        }
    }
    sums.into_iter().map(|(sum, weights)| (weights > 0.0).then(|| sum / weights)).collect()
}

/// Until when each bucket stands: to its end, or to the next one where the samples between are as
/// far apart as usual. A sample has no length of its own, and a merged bucket ends with its last.
fn ends(buckets: &[Bucket]) -> Vec<UnixTime> {
    let own = |bucket: &Bucket| bucket.start + i64::from(bucket.seconds);
    let pause = |pair: &[Bucket]| pair[1].start - own(&pair[0]);
    let mut pauses: Vec<i64> =
        buckets.windows(2).map(pause).filter(|pause| (1..HOUR).contains(pause)).collect();
    pauses.sort_unstable();
    // No whole hour is bridged: where hours are kept, a missing one is a gap.
    let usual = pauses.get(pauses.len() / 2).map_or(0, |p| (p * USUAL).min(HOUR - 1));
    let bridged = buckets.windows(2).map(|pair| match pause(pair) <= usual {
        true => pair[1].start,
        false => own(&pair[0]),
    });
    bridged.chain(buckets.last().map(own)).collect()
}

/// The value that 95 of 100 samples are at or below: exact for single samples; of a bucket of many
/// only its own 95th percentile is known, and it stands for all of them.
fn high(buckets: &[Bucket]) -> Option<f64> {
    let mut sorted: Vec<&Bucket> = buckets.iter().collect();
    sorted.sort_unstable_by(|a, b| a.p95.total_cmp(&b.p95));
    let all: u64 = sorted.iter().map(|b| u64::from(b.count)).sum();
    let mut below = 0;
    let reached = sorted.iter().find(|b| {
        below += u64::from(b.count);
        below * 100 >= all * 95
    });
    reached.map(|b| b.p95)
}

fn summary(reply: &HistoryReply, out: &mut Out) -> Result<()> {
    let mut rows = table(&["metric", "min", "mean", "p95 (about)", "max", "samples"]);
    for m in &reply.metrics {
        let count: u64 = m.buckets.iter().map(|b| u64::from(b.count)).sum();
        if count == 0 {
            continue;
        }
        let mean = m.buckets.iter().map(|b| b.avg * f64::from(b.count)).sum::<f64>() / count as f64;
        let min = m.buckets.iter().map(|b| b.min).fold(f64::INFINITY, f64::min);
        let max = m.buckets.iter().map(|b| b.max).fold(f64::NEG_INFINITY, f64::max);
        let Some(high) = high(&m.buckets) else { continue };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(at: i64, value: f64) -> Bucket {
        Bucket { seconds: 3_600, count: 60, ..Bucket::single(at * HOUR, value) }
    }

    fn minutes(of: Range<i64>) -> Vec<Bucket> {
        of.map(|minute| Bucket::single(minute * 60, 1.0)).collect()
    }

    fn gaps(buckets: &[Bucket]) -> usize {
        let last = buckets[buckets.len() - 1];
        let of = buckets[0].start..last.start + i64::from(last.seconds);
        columns(buckets, of, 66).iter().filter(|mean| mean.is_none()).count()
    }

    #[test]
    fn few_values_leave_no_gaps_and_missing_ones_do() {
        let hours: Vec<Bucket> = (0..24).map(|at| hour(at, 1.0)).collect();
        assert_eq!(gaps(&hours), 0, "hours");
        assert_eq!(gaps(&minutes(0..30)), 0, "samples");
        let mixed = [&hours[..10], &minutes(600..660)].concat();
        assert_eq!(gaps(&mixed), 0, "hours, and then samples");
        let holed: Vec<Bucket> = [&hours[..10], &hours[12..]].concat();
        assert!((4..=6).contains(&gaps(&holed)), "{}", gaps(&holed));
        assert!(gaps(&[minutes(0..10), minutes(20..30)].concat()) > 15);
        // Three samples merged into one, as a plot of fewer points has them.
        let merged: Vec<Bucket> = (0..20)
            .map(|at| Bucket { seconds: 120, count: 3, ..Bucket::single(at * 180, 1.0) })
            .collect();
        assert_eq!(gaps(&merged), 0, "merged");
    }

    #[test]
    fn the_95th_percentile_counts_hours_for_all_their_samples() {
        // Five days of busy hours, and then two idle days of samples.
        let busy = (0..120).map(|at| hour(at, 0.6));
        let idle = minutes(7_200..10_080).into_iter().map(|b| Bucket { p95: 0.1, ..b });
        assert_eq!(high(&busy.chain(idle).collect::<Vec<_>>()), Some(0.6));
        let samples: Vec<Bucket> = (1..=100).map(|i| Bucket::single(i, i as f64)).collect();
        assert_eq!(high(&samples), Some(95.0));
        assert_eq!(high(&[]), None);
    }
}
