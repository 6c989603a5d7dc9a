//! From points to findings: direction, rate, confidence, baseline, anomaly, projection, stability.
//!
//! [`analyze`] is the pipeline; each step is a file of small pure functions:
//! clean -> bins -> season -> structure (steps, slope breaks) -> slope (stairs) -> label and confidence ->
//! anomaly -> projection -> rhythm. `docs/trend.md` has the reasons, `docs/trend-score.md` the measured worth.

mod anomaly;
mod attribution;
mod begun;
mod byweek;
mod clean;
mod compare;
mod curve;
mod days;
mod ended;
mod explain;
mod finding;
mod forecast;
mod label;
mod lasting;
mod many;
mod outlook;
mod params;
mod plot;
mod projection;
mod rhythm;
mod season;
mod shape;
mod slope;
mod stairs;
mod structure;
mod swing;
mod wander;
mod weekend;
mod workdays;

pub mod cases;

pub use attribution::{Attribution, attribute};
pub use compare::{
    BeforeAfter, StabilityComparison, Steadier, before_after, compare_node_stability,
    node_stability,
};
pub use finding::{
    Anomaly, Baseline, Behaviour, Change, Direction, NotEnough, ProjectionBasis, Side, Trend,
};
pub use forecast::Forecast;
pub use many::analyze_each;
pub use outlook::Rhythm;
pub use params::{Nature, Params, Scale};
pub use plot::{Expected, Plot, plot};
pub use projection::{Crossing, Projection};

use crate::model::DAY;
use crate::series::Point;
use clean::Clean;
use explain::{Explained, View};
use outlook::Outlook;

/// Hours of history from which a trend may be claimed.
pub const TREND_HOURS: f64 = label::LEAST_SPAN * 24.0;

/// A claim must have stood for this many seconds to count as persistent.
const STANDING: i64 = 2 * DAY;

/// Standard errors by which the level of the last two weeks and that of a long window differ if one of them is wrong.
const APART: f64 = 4.0;

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
        lasting::tell_hours(&mut trend.changes, &near.changes, params.now);
        if let (Some(far), Some(near)) = (&mut trend.outlook, near.outlook) {
            let far_knows_weekdays = far.season.knows_weekdays();
            (far.season, far.pace) = (near.season, near.pace);
            // A restart of yesterday is younger than slots of six hours can tell.
            let apart = (far.level - near.level).powi(2);
            if !far_knows_weekdays && apart > (APART * APART) * (far.var_level + near.var_level) {
                (far.level, far.var_level) = (near.level, near.var_level);
                trend.level = Some(level_told(params.scale, far.level));
            }
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
    let view = match View::of(&points, grid, params) {
        Ok(view) => view,
        Err(unknown) => return *unknown,
    };
    let explained = view.explained();
    let case = view.case(&explained);
    let Explained { season, window, structure, .. } = &explained;
    let slope = explained.told();
    let direction = label::direction(&case);
    let whole = match params.scale {
        Scale::Share { .. } => 100.0,
        Scale::Relative { .. } => f64::INFINITY,
    };
    let bins = (window, view.history());
    let now = anomaly::now(&points, bins, season, structure, (params.now, params.local), whole);
    let p95 = rhythm::p95(&points, params);
    let fills = params.nature == Nature::Fill;
    // What fills stands where it stands, as after a restart an hour ago, of which the search cannot know.
    let fresh = now.as_ref().filter(|_| fills).map_or(0.0, anomaly::Now::fresh);
    let level = explained.top.unwrap_or_else(|| match fresh == 0.0 {
        true => explained.within_last_day(structure.at(0.0)),
        false => structure.at(0.0) + fresh,
    });
    let peak_hours = rhythm::peak_hours(season, window);
    let idle = rhythm::is_idle(p95, params.scale, unit);
    let noise = match direction {
        Direction::Cyclical => label::noise_beside_cycle(&case),
        _ => explained.noise,
    };
    let behaviour = rhythm::behaviour(direction, noise, structure, &explained.adjusted, idle);
    let goes_on = (fills && direction.is_trend(), fills && label::creeps(&case));
    let outlook = Outlook::of(&explained, level, goes_on, unit, params);
    Trend {
        direction,
        not_enough: label::not_enough(&case),
        slope_per_day: Some(slope.average * unit),
        slope_ci: Some(slope.ci.map(|v| v * unit)),
        r2: Some(slope.r2),
        points: view.inside().len(),
        confidence: label::confidence(&case, direction),
        level: Some(level_told(params.scale, level * unit)),
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
        saturated: explained.top.is_some(),
        stability: Some(rhythm::stability(noise)),
        behavior: Some(behaviour),
        peak_multiplier: rhythm::peak_multiplier(season, &peak_hours, level),
        peak_hours,
        changes: changes(&explained, &view, params, unit),
        seasonal_strength: season.strength.clamp(0.0, 1.0),
        p95_7d: p95.map(|v| v * unit),
        outlook: Some(Box::new(outlook)),
    }
}

/// A level as it is told: a line that is fitted to a share near its end may pass it, the share cannot.
fn level_told(scale: Scale, level: f64) -> f64 {
    match scale {
        Scale::Share { whole } => level.clamp(0.0, whole.max(0.0)),
        Scale::Relative { .. } => level,
    }
}

/// The steps as changes in time order.
fn changes(explained: &Explained, view: &View<'_>, params: &Params<'_>, unit: f64) -> Vec<Change> {
    let mut changes: Vec<Change> = explained
        .structure
        .steps()
        .filter(|step| step.2 || lasting::is_level(explained, view.grid(), *step))
        .map(|(t, size, known)| Change {
            time: params.now.saturating_add((t * DAY as f64).round() as i64),
            size: size * unit,
            known,
        })
        .collect();
    changes.sort_by_key(|c| c.time);
    let [known, window] = view.spans();
    let changes = weekend::without_weekends(changes, known, params.local);
    lasting::lasting(changes, window, view.grid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_a_share_is_told_within_it() {
        let percent = Scale::Share { whole: 100.0 };
        let told = |scale| [-0.3, 50.0, 100.3].map(|level| level_told(scale, level));
        assert_eq!(told(percent), [0.0, 50.0, 100.0]);
        assert_eq!(told(Scale::Share { whole: 1.0 }), [0.0, 1.0, 1.0]);
        assert_eq!(told(Scale::Relative { floor: 1.0 }), [-0.3, 50.0, 100.3]);
    }
}
