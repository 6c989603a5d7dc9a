//! Plots as inline SVG: history with its range, the usual band, the forecast, the threshold.

use super::date;
use super::html::escape;
use crate::api::{MetricHistory, MetricTrend};
use crate::model::{Bucket, DAY, Migration, UnixTime};
use crate::series::LocalTime;
use crate::trend::Plot;
use std::fmt::Write;

/// Size of a plot, and the room around it for labels.
const SIZE: (f64, f64) = (640.0, 190.0);
const MARGIN: Margin = Margin { left: 48.0, right: 10.0, top: 10.0, bottom: 22.0 };
/// So many usual distances between two values, or lengths of one of them, are a gap: old values last longer than late
/// ones.
const GAP: i64 = 3;

struct Margin {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Where values are on the paper.
struct Frame {
    from: UnixTime,
    until: UnixTime,
    top: f64,
}

impl Frame {
    fn x(&self, time: UnixTime) -> f64 {
        let span = (self.until - self.from).max(1) as f64;
        MARGIN.left + (time - self.from) as f64 / span * (SIZE.0 - MARGIN.left - MARGIN.right)
    }

    fn y(&self, value: f64) -> f64 {
        let height = SIZE.1 - MARGIN.top - MARGIN.bottom;
        MARGIN.top + height * (1.0 - (value / self.top).clamp(0.0, 1.0))
    }
}

/// The plot of a share between 0 and 1; empty without values.
pub(super) fn share(
    label: &str,
    (now, local): (UnixTime, &LocalTime),
    history: &MetricHistory,
    trend: Option<&MetricTrend>,
    moves: &[Migration],
) -> String {
    let Some(first) = history.buckets.first() else { return String::new() };
    let plot = trend.and_then(|t| t.plot.as_ref());
    let threshold = trend.and_then(|t| t.trend.projection).map(|p| p.threshold);
    let end = plot.and_then(|p| p.forecast.last()).map_or(now, |f| f.time);
    let frame =
        Frame { from: first.start, until: end.max(now), top: top(history, plot, threshold) };
    let (width, height) = SIZE;
    let label = escape(label);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\"><title>{label}</title>\n"
    );
    svg.push_str(&axes(&frame, local));
    if let Some(plot) = plot {
        let usual: Vec<_> = plot.baseline.iter().map(|e| (e.time, e.low, e.high)).collect();
        svg.push_str(&band("usual", &usual, &frame));
        let ahead: Vec<_> = plot.forecast.iter().map(|e| (e.time, e.low, e.high)).collect();
        svg.push_str(&band("ahead", &ahead, &frame));
        let expected: Vec<_> = plot.forecast.iter().map(|e| (e.time, e.expected)).collect();
        svg.push_str(&line("forecast", &[expected], &frame));
    }
    let pieces = pieces(&history.buckets);
    for piece in &pieces {
        let range: Vec<_> = piece.iter().map(|b| (b.middle(), b.min, b.max)).collect();
        svg.push_str(&band("range", &range, &frame));
    }
    let measured = |piece: &&[Bucket]| piece.iter().map(|b| (b.middle(), b.avg)).collect();
    let measured: Vec<Vec<_>> = pieces.iter().map(measured).collect();
    svg.push_str(&line("measured", &measured, &frame));
    if let Some(threshold) = threshold.filter(|t| *t <= frame.top) {
        svg.push_str(&level("limit", frame.y(threshold)));
    }
    svg.push_str(&upright("now", frame.x(now), ""));
    for m in moves.iter().filter(|m| m.time > frame.from && m.time <= now) {
        let text = format!("{}: guest {} from {} to {}", date(local, m.time), m.vmid, m.from, m.to);
        svg.push_str(&upright("move", frame.x(m.time), &text));
    }
    svg.push_str("</svg>\n");
    svg
}

/// Top of the scale: what is plotted and a little more, and the threshold where it is not far.
fn top(history: &MetricHistory, plot: Option<&Plot>, threshold: Option<f64>) -> f64 {
    let seen = history.buckets.iter().map(|b| b.max);
    let ahead = plot.into_iter().flat_map(|p| p.forecast.iter().map(|e| e.high));
    let usual = plot.into_iter().flat_map(|p| p.baseline.iter().map(|e| e.high));
    let top = seen.chain(ahead).chain(usual).fold(0.02, f64::max);
    let top = threshold.filter(|t| top > t / 2.0).map_or(top, |t| top.max(t));
    (top * 1.06).min(1.0f64.max(top))
}

/// The smallest round step of a scale that has at most five of them up to `top`.
fn step(top: f64) -> f64 {
    const ROUND: [f64; 8] = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25];
    ROUND.into_iter().find(|step| top / step <= 5.0).unwrap_or(0.5)
}

/// Values between which there is no gap.
fn pieces(buckets: &[Bucket]) -> Vec<&[Bucket]> {
    let step = |a: &Bucket, b: &Bucket| b.middle() - a.middle();
    let mut steps: Vec<i64> = buckets.windows(2).map(|two| step(&two[0], &two[1])).collect();
    steps.sort_unstable();
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(0);
    let longest = |a: &Bucket, b: &Bucket| usual.max(a.seconds.max(b.seconds).into());
    buckets.chunk_by(|a, b| step(a, b) <= longest(a, b).saturating_mul(GAP)).collect()
}

fn axes(frame: &Frame, local: &LocalTime) -> String {
    let mut svg = String::new();
    let step = step(frame.top);
    let digits = usize::from(step < 0.01);
    for i in 0..=(frame.top / step + 1e-9) as u32 {
        let value = step * f64::from(i);
        let y = frame.y(value);
        svg.push_str(&level("grid", y));
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.digits$} %</text>",
            MARGIN.left - 5.0,
            y + 4.0,
            value * 100.0
        );
    }
    let days = ((frame.until - frame.from) / DAY / 8).max(1);
    // Local midnights, by the wall clock: a day of a change of clocks is longer or shorter.
    let mut wall = local.wall(frame.from).div_euclid(DAY) * DAY + DAY;
    loop {
        let day = wall - local.east(wall - local.east(frame.from));
        if day >= frame.until {
            break;
        }
        svg.push_str(&upright("grid", frame.x(day), ""));
        let text: String = date(local, day).chars().skip(5).take(5).collect();
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
            frame.x(day),
            SIZE.1 - 6.0
        );
        wall += days * DAY;
    }
    svg
}

fn level(class: &str, y: f64) -> String {
    let (left, right) = (MARGIN.left, SIZE.0 - MARGIN.right);
    format!("<path class=\"{class}\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>\n")
}

fn upright(class: &str, x: f64, title: &str) -> String {
    let (top, bottom) = (MARGIN.top, SIZE.1 - MARGIN.bottom);
    let title = match title {
        "" => String::new(),
        title => format!("<title>{}</title>", escape(title)),
    };
    format!("<path class=\"{class}\" d=\"M{x:.1} {top:.1}V{bottom:.1}\">{title}</path>\n")
}

fn line(class: &str, pieces: &[Vec<(UnixTime, f64)>], frame: &Frame) -> String {
    let mut path = String::new();
    for piece in pieces {
        for (i, (time, value)) in piece.iter().enumerate() {
            let pen = if i == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{pen}{:.1} {:.1}", frame.x(*time), frame.y(*value));
        }
    }
    format!("<path class=\"{class}\" d=\"{path}\"/>\n")
}

/// The area between lower and upper ends; one pair of ends has none.
fn band(class: &str, rows: &[(UnixTime, f64, f64)], frame: &Frame) -> String {
    if rows.len() < 2 {
        return String::new();
    }
    let upper = rows.iter().map(|(t, _, high)| (*t, *high));
    let lower = rows.iter().rev().map(|(t, low, _)| (*t, *low));
    let points: Vec<String> =
        upper.chain(lower).map(|(t, v)| format!("{:.1} {:.1}", frame.x(t), frame.y(v))).collect();
    format!("<path class=\"{class}\" d=\"M{}Z\"/>\n", points.join("L"))
}

#[cfg(test)]
mod tests {
    use super::{pieces, share, step};
    use crate::api::MetricHistory;
    use crate::model::{Bucket, Unit};
    use crate::series::LocalTime;

    #[test]
    fn the_range_is_painted_only_where_something_was_measured() {
        let hour = |at: i64| Bucket { seconds: 3_600, ..Bucket::single(at * 3_600, 0.5) };
        let painted = |is_known: fn(&i64) -> bool| {
            let history = MetricHistory {
                metric: "cpu".into(),
                unit: Unit::Fraction,
                help: String::new(),
                buckets: (0..50).filter(is_known).map(hour).collect(),
            };
            let plot = share("CPU", (50 * 3_600, &LocalTime::utc()), &history, None, &[]);
            let measured = plot.lines().find(|line| line.contains("class=\"measured\""));
            let pieces = measured.map_or(0, |line| line.matches('M').count());
            (plot.matches("class=\"range\"").count(), pieces)
        };
        assert_eq!(painted(|_| true), (1, 1));
        assert_eq!(painted(|at| !(20..30).contains(at)), (2, 2), "as the line breaks");
        let lonely = |at: &i64| !(20..40).contains(at) || *at == 30;
        assert_eq!(painted(lonely), (2, 3), "a single value has no area");
    }

    #[test]
    fn hours_before_the_samples_of_every_quarter_of_one_are_no_gaps() {
        let hour = |at: i64| Bucket { seconds: 3_600, ..Bucket::single(at * 3_600, 0.5) };
        let samples = (0..192).map(|i| Bucket::single(120 * 3_600 + i * 900, 0.5));
        let mut buckets: Vec<Bucket> = (0..120).map(hour).chain(samples).collect();
        assert_eq!(pieces(&buckets).len(), 1);
        buckets.drain(50..60);
        assert_eq!(pieces(&buckets).len(), 2);
    }

    #[test]
    fn a_scale_has_two_to_five_round_steps() {
        for (top, wanted) in [(0.02, 0.005), (0.29, 0.1), (0.44, 0.1), (0.85, 0.2), (1.0, 0.2)] {
            assert_eq!(step(top), wanted, "{top}");
        }
        for percent in 2..=150 {
            let top = f64::from(percent) / 100.0;
            assert!((2.0..=5.0).contains(&(top / step(top))), "{top}");
        }
    }
}
