//! From points to findings: direction, rate, confidence, baseline, anomaly, projection, stability.
//!
//! [`analyze`] is the pipeline; each step is a file of small pure functions:
//! clean -> bins -> season -> structure (steps, slope breaks) -> slope -> label and confidence ->
//! anomaly -> projection -> rhythm. `docs/trend.md` has the reasons and the measured worth.

mod anomaly;
mod attribution;
mod clean;
mod compare;
mod curve;
mod finding;
mod label;
mod lasting;
mod many;
mod outlook;
mod params;
mod plot;
mod projection;
mod rhythm;
mod season;
mod slope;
mod structure;
mod weekend;

pub mod cases;

pub use attribution::{Attribution, attribute};
pub use compare::{
    BeforeAfter, StabilityComparison, Steadier, before_after, compare_node_stability,
    node_stability,
};
pub use finding::{
    Anomaly, Baseline, Behaviour, Change, Direction, NotEnough, ProjectionBasis, Side, Trend,
};
pub use many::{Job, analyze_many, in_parallel};
pub use outlook::Forecast;
pub use params::{Nature, Params, Scale};
pub use plot::{Expected, Plot, plot};
pub use projection::{Crossing, Projection};

use crate::model::{DAY, HOUR, UnixTime};
use crate::series::{Bins, Buffer, Grid, Point, stats};
use clean::Clean;
use label::Case;
use outlook::Outlook;

/// Hours of history from which a trend may be claimed.
pub const TREND_HOURS: f64 = label::LEAST_SPAN * 24.0;

/// Fewer points than this, or a shorter span in hours, tell nothing.
const LEAST: (usize, i64) = (6, 3);
/// A window that moves less than this many points has no structure worth a search.
const FLAT: f64 = 1.0;
/// A claim must have stood for this many seconds to count as persistent.
const STANDING: i64 = 2 * DAY;

/// Analyses one series. Points may be of mixed resolution, unsorted, doubled, in the future or
/// absurd; what cannot be is left out. Deterministic; O(n log n) at worst, O(n) for sorted points.
pub fn analyze(points: &[Point], params: &Params<'_>) -> Trend {
    let mut trend = claim(points, params);
    if params.lookback_hours > clean::HOURLY_UP_TO {
        tell_hours(&mut trend, points, params);
    }
    trend.projection = params.threshold.and_then(|limit| trend.projection(limit, params.worse));
    trend.projection_basis = basis(&trend, points, params);
    trend
}

/// A long window stands on slots of six hours, which hide what an hour does: that is told by the last two weeks.
fn tell_hours(trend: &mut Trend, points: &[Point], params: &Params<'_>) {
    let near = claim(points, &Params { lookback_hours: clean::HOURLY_UP_TO, ..*params });
    if near.outlook.is_some() {
        trend.baseline = near.baseline;
        trend.anomaly = near.anomaly;
        trend.peak_hours = near.peak_hours;
        trend.peak_multiplier = near.peak_multiplier;
        if let (Some(far), Some(near)) = (&mut trend.outlook, near.outlook) {
            far.season = near.season;
        }
        if near.direction == Direction::Cyclical && !trend.direction.is_trend() {
            trend.direction = near.direction;
            trend.confidence = near.confidence;
        }
        if ![trend.behavior, near.behavior].contains(&Some(Behaviour::Growing)) {
            trend.behavior = near.behavior;
        }
    }
}

/// How far a claimed trend is to be trusted: whether the same was claimed two days ago.
fn basis(trend: &Trend, points: &[Point], params: &Params<'_>) -> Option<ProjectionBasis> {
    if !trend.direction.is_trend() {
        return None;
    }
    if params.nature == Nature::Work {
        return Some(ProjectionBasis::CpuLike);
    }
    let before = Params { now: params.now.saturating_sub(STANDING), ..*params };
    let known: Vec<Point> = points.iter().filter(|p| p.time <= before.now).copied().collect();
    match claim(&known, &before).direction == trend.direction {
        true => Some(ProjectionBasis::Persistent),
        false => Some(ProjectionBasis::New),
    }
}

/// Everything but the projection.
fn claim(points: &[Point], params: &Params<'_>) -> Trend {
    let Clean { points, unit, grid } = clean::clean(points, params);
    let start = params.now.saturating_sub((params.lookback_days() * DAY as f64) as i64);
    let window_points = &points[points.partition_point(|p| p.time < start)..];
    let since = |points: &[Point]| (points.first().map_or(params.now, |p| p.time), params.now);
    let (span, window_span) = (since(&points), since(window_points));
    if let Some(unknown) = too_little(window_points) {
        return unknown;
    }
    let bins = Bins::of(&points, grid, params.now, params.local);
    let start = bins.t.partition_point(|t| *t < -params.lookback_days());
    let days = |time: &UnixTime| time.saturating_sub(params.now) as f64 / DAY as f64;
    let shifts: Vec<f64> = params.shifts.iter().map(days).collect();
    let history = bins.span();
    let explained = explain(bins, start, grid, params.scale, &shifts);
    let Explained { season, window, structure, .. } = &explained;
    let slope = slope::slope(window, structure, explained.seasonal);
    let noise = rhythm::noise(structure, window, window_points);
    let case = Case {
        bins: window,
        grid,
        season,
        structure,
        adjusted: &explained.adjusted,
        slope: &slope,
        noise,
        lookback: params.lookback_days(),
        history,
    };
    let direction = label::direction(&case);
    let not_enough = label::not_enough(&case);
    let whole = match params.scale {
        Scale::Share { .. } => 100.0,
        Scale::Relative { .. } => f64::INFINITY,
    };
    let now = anomaly::now(&points, window, season, structure, (params.now, params.local), whole);
    let p95 = rhythm::p95(&points, params);
    let level = if explained.saturated { 100.0 } else { structure.at(0.0) };
    let peak_hours = rhythm::peak_hours(season, window);
    let idle = rhythm::is_idle(p95, params.scale, unit);
    let behaviour = rhythm::behaviour(direction, noise, structure, &explained.adjusted, idle);
    let confidence = label::confidence(&case, direction);
    let fills = params.nature == Nature::Fill && direction.is_trend();
    let outlook = Outlook::of(&explained, &slope, level, fills, unit, params);
    let Explained { season, structure, saturated, .. } = explained;
    Trend {
        direction,
        not_enough,
        slope_per_day: Some(slope.average * unit),
        slope_ci: Some(slope.ci.map(|v| v * unit)),
        r2: Some(slope.r2),
        points: window_points.len(),
        confidence,
        level: Some(level * unit),
        current: anomaly::last_hour(&points, params.now).map(|(v, _)| v * unit),
        baseline: now
            .as_ref()
            .map(|n| Baseline { expected: n.expected * unit, spread: n.spread * unit }),
        anomaly: now.as_ref().map(|n| Anomaly {
            sigma: n.sigma(),
            flag: n.flag(),
            side: if n.sigma() < 0.0 { Side::Below } else { Side::Above },
        }),
        projection: None,
        projection_basis: None,
        saturated,
        stability: Some(rhythm::stability(noise)),
        behavior: Some(behaviour),
        peak_multiplier: rhythm::peak_multiplier(&season, &peak_hours, level),
        peak_hours,
        changes: changes(&structure, (span, window_span), params, unit),
        seasonal_strength: season.strength.clamp(0.0, 1.0),
        p95_7d: p95.map(|v| v * unit),
        outlook: Some(Box::new(outlook)),
    }
}

/// A window and what explains it.
struct Explained {
    season: season::Season,
    window: Bins,
    /// The window less the season.
    adjusted: Buffer,
    structure: structure::Structure,
    /// Profile parameters that the window paid for.
    seasonal: f64,
    saturated: bool,
}

/// Season, then structure; where steps were found, both once more with the steps taken out of the
/// season's view: a step in a short history looks like a profile.
fn explain(bins: Bins, start: usize, grid: Grid, scale: Scale, shifts: &[f64]) -> Explained {
    let mut window = bins.since(start);
    let saturated = cut_saturated(&mut window, scale);
    let flat = range(&window.y) < FLAT;
    let given = |season: &season::Season| {
        let seasonal = season.parameters(window.len());
        let adjusted = season.taken_out(&window);
        let structure = structure::structure(&window, &adjusted, grid, shifts, seasonal, flat);
        (seasonal, adjusted, structure)
    };
    let mut season = match flat {
        true => season::Season::none(grid),
        false => season::season(&bins, grid),
    };
    let (mut seasonal, mut adjusted, mut structure) = given(&season);
    if structure.steps().next().is_some() {
        let mut level = bins;
        for i in 0..level.len() {
            let t = level.t[i];
            level.y[i] -= structure.steps().filter(|s| t >= s.0).map(|s| s.1).sum::<f64>();
        }
        let steady = season::season(&level, grid);
        if steady.is_some() || season.is_some() {
            season = steady;
            (seasonal, adjusted, structure) = given(&season);
        }
    }
    Explained { season, window, adjusted, structure, seasonal, saturated }
}

/// The steps as changes in time order.
fn changes(
    structure: &structure::Structure,
    (known, window): ((UnixTime, UnixTime), (UnixTime, UnixTime)),
    params: &Params<'_>,
    unit: f64,
) -> Vec<Change> {
    let mut changes: Vec<Change> = structure
        .steps()
        .map(|(t, size, known)| Change {
            time: params.now.saturating_add((t * DAY as f64).round() as i64),
            size: size * unit,
            known,
        })
        .collect();
    changes.sort_by_key(|c| c.time);
    lasting::lasting(weekend::without_weekends(changes, known, params.local), window)
}

/// The answer for windows that tell nothing.
fn too_little(window: &[Point]) -> Option<Trend> {
    let span = window.last().zip(window.first()).map_or(0, |(b, a)| b.time - a.time);
    if window.len() >= LEAST.0 && span >= LEAST.1 * HOUR {
        return None;
    }
    let s = if window.len() == 1 { "" } else { "s" };
    let hours = span as f64 / HOUR as f64;
    let reason = format!("{} value{s} over {hours:.1} hours", window.len());
    let needed = "6 over 3 hours for a level, 46 hours for a trend";
    Some(Trend::unknown(window.len(), reason, needed))
}

fn range(x: &[f64]) -> f64 {
    let low = x.iter().copied().fold(f64::INFINITY, f64::min);
    x.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low
}

/// Cuts off a run at the very top of a share at the end of the window (2-35 % of it, with a median
/// below 90 % before): the level there is censored. Returns whether there was one.
fn cut_saturated(window: &mut Bins, scale: Scale) -> bool {
    let n = window.len();
    if matches!(scale, Scale::Relative { .. }) || n < 24 {
        return false;
    }
    let run = window.y.iter().rev().take_while(|y| **y >= 97.0).count();
    let share = run as f64 / n as f64;
    if run == 0 || !(0.02..=0.35).contains(&share) {
        return false;
    }
    let mut before = Buffer::of(&window.y[..n - run]);
    if stats::median(&mut before) >= 90.0 {
        return false;
    }
    window.truncate(n - run);
    true
}
