//! Steps 7 and 8: the direction and the chance that it is right.

use super::curve::Clock;
use super::finding::{Direction, NotEnough};
use super::season::Season;
use super::slope::Slope;
use super::structure::Structure;
use super::{byweek, rhythm, wander};
use crate::model::{DAY, HOUR};
use crate::series::dist::t_cdf;
use crate::series::{Bins, Buffer, Grid, Point, bins, cycle, stats};

/// A trend moves the level by this many points over its part of the window, or it is none.
pub(super) const MATERIAL: f64 = 3.0;
/// Significance of a trend.
const ALPHA: f64 = 0.01;
/// Share of variance from which a profile rules.
const RULES: f64 = 0.40;
/// Each step or hinge that was searched for divides the significance asked for by this: noise that
/// may choose its own breaks shows slopes that its variance does not foretell.
const ALPHA_PER_TERM: f64 = 20.0;
/// Growth of this many points, of this many standard deviations of what is left, and of this many standard errors is
/// plain: what few straight pieces leave of a curve looks like noise with a long memory.
const PLAIN: (f64, f64, f64) = (6.0, 10.0, 5.0);
/// Least that a window must move to creep: in points, and in standard deviations of what is left.
const CREEP: (f64, f64) = (0.5, 3.0);
/// Share of the window that a trend has lasted; what is younger than a longer window is judged like one of a week.
const LONG: f64 = 0.28;
const WEEK: f64 = 7.0;
/// The least that a slope's interval may leave of what it moved, in what is material, to be doubted no more.
const PLAINLY: f64 = 2.0;
/// Confidence in what little data say, or what they contradict.
const UNSURE: f64 = 0.5;
/// Values that old say little of now, days.
const OLD: f64 = 2.0;
/// The end of a window that tells whether it still moves: a part of it, days at least, so that no weekend is one; and the
/// share of what the slope says by which it must have moved there.
const END: (f64, f64) = (0.25, 4.0);
const STILL: f64 = 0.5;
/// Least span of a window that can show a trend, days.
pub(super) const LEAST_SPAN: f64 = 46.0 / 24.0;
/// Share of its growth that a sawtooth takes back at least.
const TAKEN_BACK: f64 = 0.62;
/// What begins so near to a step began with it, days.
const NEAR: f64 = 0.5;
/// So many level shifts may be those of a cycle.
const MANY: usize = 3;
/// Unpredictable spread in points from which a series is volatile.
const VOLATILE: f64 = 7.5;
/// Spread in points from which it is asked what a cycle foretells.
const UNEASY: f64 = 2.0;
/// Share of the spread that a cycle leaves at most, if it foretells.
const FORETOLD: f64 = 0.7;
/// Share of what cannot be foretold that varies within hours, if a cycle within hours is to be asked for.
const WITHIN: f64 = 0.5;
/// A quarter of an hour: about the distance of samples.
const QUARTER: i64 = 900;

/// What the label is decided on.
pub(super) struct Case<'a> {
    pub(super) bins: &'a Bins,
    pub(super) grid: Grid,
    /// Points of the window.
    pub(super) points: &'a [Point],
    pub(super) season: &'a Season,
    pub(super) structure: &'a Structure,
    /// The window less the season.
    pub(super) adjusted: &'a [f64],
    pub(super) slope: &'a Slope,
    /// Slope of what fills by steps, those included.
    pub(super) net: Option<&'a Slope>,
    /// Unpredictable standard deviation in points.
    pub(super) noise: f64,
    /// Variance of samples within their hours, foretold or not.
    pub(super) within: f64,
    pub(super) lookback: f64,
    /// Seconds by which the node's clock is ahead of UTC.
    pub(super) ahead: i64,
    /// Days since the newest value.
    pub(super) age: f64,
    /// Days of history, which tell rhythm and spread where the window is shorter.
    pub(super) history: f64,
}

impl Case<'_> {
    /// The slope that is told.
    fn told(&self) -> &Slope {
        self.net.unwrap_or(self.slope)
    }
}

/// The first of trend, cyclical, volatile, stable that holds.
pub(super) fn direction(case: &Case<'_>) -> Direction {
    if shows_trend(case) {
        return match case.told().average > 0.0 {
            true => Direction::SustainedIncrease,
            false => Direction::SustainedDecrease,
        };
    }
    if is_sawtooth(case) || is_cyclical(case) {
        return Direction::Cyclical;
    }
    if case.noise >= VOLATILE { Direction::Volatile } else { Direction::Stable }
}

/// Whether the direction is a trend, up or down.
pub(super) fn shows_trend(case: &Case<'_>) -> bool {
    match case.net {
        // The steps are of the law: they were not chosen to make it.
        Some(net) => {
            let moved = net.average.abs() * net.segment;
            is_enough(case) && net.p < ALPHA && moved >= MATERIAL
        }
        None => {
            is_trend(case)
                && !is_sawtooth(case)
                && !is_recovery(case)
                && !stands_still(case)
                && !byweek::explains(case)
        }
    }
}

/// Fewest values that can show a trend, and what they are.
fn least(grid: Grid) -> (usize, &'static str) {
    if grid == Grid::Hour { (24, "hourly") } else { (12, "six-hourly") }
}

/// Whether there is enough of the window to show a trend.
fn is_enough(case: &Case<'_>) -> bool {
    case.bins.span() >= LEAST_SPAN && case.bins.len() >= least(case.grid).0
}

/// Why no trend can be told from the window, if that is so.
pub(super) fn not_enough(case: &Case<'_>) -> Option<NotEnough> {
    if is_enough(case) {
        return None;
    }
    let hours = case.bins.span() * 24.0;
    let needed = match least(case.grid) {
        (values, of) if case.bins.span() >= LEAST_SPAN => {
            format!("{values} {of} values for a trend")
        }
        _ if case.lookback < 2.0 => "a lookback of 2 days for a trend".to_string(),
        _ => "46 hours for a trend".to_string(),
    };
    let s = if case.bins.len() == 1 { "" } else { "s" };
    let reason = format!("{} value{s} over {hours:.0} hours, enough for a level", case.bins.len());
    Some(NotEnough { reason, needed })
}

/// Long enough, significant, material.
fn is_trend(case: &Case<'_>) -> bool {
    let (slope, structure) = (case.slope, case.structure);
    let terms = structure.known.iter().filter(|known| !**known).count();
    let searched = (terms + usize::from(structure.clock != Clock::EVEN)) as i32;
    let alpha = ALPHA / ALPHA_PER_TERM.powi(searched);
    let moved = slope.average.abs() * slope.segment;
    let plain = moved >= PLAIN.0 && moved >= PLAIN.1 * structure.scale;
    let significant = slope.p < alpha || (plain && slope.average.abs() >= PLAIN.2 * slope.error);
    // What is plain may have begun lately, in a window of which that is little.
    let known = if plain { WEEK } else { case.bins.span().max(WEEK) };
    // A curve is one law for the whole window.
    let curved = structure.clock != Clock::EVEN;
    let long = slope.segment >= 0.9 && (curved || slope.segment >= LONG * case.lookback.min(known));
    is_enough(case) && long && significant && moved >= MATERIAL && moved >= 0.75 * structure.scale
}

/// Whether it has not moved any more at the end, as a guest that was switched off for good days ago, of which a line through
/// what it did before knows nothing.
fn stands_still(case: &Case<'_>) -> bool {
    let (t, slope) = (&case.bins.t, case.slope);
    let long = (END.0 * case.bins.span()).max(END.1).min(slope.segment);
    let from = t.partition_point(|time| *time < t[t.len() - 1] - long);
    // Less where data are missing.
    let long = t[t.len() - 1] - t[from];
    // Where a rhythm has ended, too, only what is taken out of it still moves.
    let moved = |values: &[f64]| {
        let mut end = Buffer::of(&values[from..]);
        let mut at = |share| stats::quantile(&mut end, share).unwrap_or(0.0);
        at(0.95) - at(0.05)
    };
    let moved = moved(case.adjusted).min(moved(&case.bins.y));
    moved < STILL * slope.average.abs() * long
}

/// Whether what fills creeps on by less than a trend must move, but plainly beyond its noise.
pub(super) fn creeps(case: &Case<'_>) -> bool {
    let (slope, structure) = (case.slope, case.structure);
    let moved = slope.average.abs() * slope.segment;
    let plain = moved >= CREEP.0 && moved >= CREEP.1 * case.noise.max(structure.scale);
    is_enough(case)
        && !shows_trend(case)
        && !is_sawtooth(case)
        && plain
        && slope.p < ALPHA
        && structure.terms.is_empty()
        && structure.clock == Clock::EVEN
}

/// Growth that is taken back again and again: two or more steps of 5 points or more against the slope, which, less the steps
/// along it, undo most of what the slope moved: two resets leave at most a third of it. A guest that is known to have left
/// takes nothing back.
fn is_sawtooth(case: &Case<'_>) -> bool {
    let slope = case.slope;
    let back: Vec<f64> = case
        .structure
        .steps()
        .filter(|(.., known)| !known)
        .map(|(_, size, _)| -size * slope.average.signum())
        .filter(|size| size.abs() >= 5.0)
        .collect();
    let against = back.iter().filter(|size| **size > 0.0).count();
    let net: f64 = back.iter().sum();
    against >= 2 && net >= TAKEN_BACK * (slope.average * slope.segment).abs() && slope.p < ALPHA
}

/// The way back from a step: what began to rise where it had dropped, as after a restart, and has not passed the level of
/// before, says nothing of what comes then. Where a guest is known to have left, the rest goes its own way.
fn is_recovery(case: &Case<'_>) -> bool {
    let slope = case.slope;
    let (from, moved) = (-slope.segment, slope.average * slope.segment);
    case.structure.steps().any(|(at, size, known)| {
        !known && (at - from).abs() <= NEAR && size * moved < 0.0 && moved.abs() <= size.abs()
    })
}

/// A daily or weekly profile that rules the variance, or a cycle of another period.
fn is_cyclical(case: &Case<'_>) -> bool {
    let s = case.season;
    (s.strength >= RULES && s.strength_raw >= 0.25 && s.amplitude >= 4.0)
        || (case.noise > 3.0 && cycle::repeats(&case.structure.residual, &case.bins.key))
        || (case.structure.steps().count() >= MANY && cycle::repeats(case.adjusted, &case.bins.key))
        || repeats_within_hours(case)
}

/// Whether what varies most does so within hours, and single samples repeat it: a job that crosses the full hour is half in
/// the mean of each of two hours, and no hour is busier than another.
fn repeats_within_hours(case: &Case<'_>) -> bool {
    let all = (case.noise * case.noise).max(case.within);
    if all < VOLATILE * VOLATILE || case.within < WITHIN * all {
        return false;
    }
    let (values, keys) = quarters(case);
    cycle::repeats(&values, &keys)
}

/// Means of the quarters of an hour that single samples are known of, with their numbers.
fn quarters(case: &Case<'_>) -> (Vec<f64>, Vec<i64>) {
    let from = case.points.iter().rposition(|p| i64::from(p.seconds) >= HOUR).map_or(0, |i| i + 1);
    let quarter = |p: &Point| p.time.div_euclid(QUARTER);
    let quarters = case.points[from..].chunk_by(|a, b| quarter(a) == quarter(b));
    let mean = |all: &[Point]| all.iter().map(|p| p.value).sum::<f64>() / all.len() as f64;
    quarters.map(|all| (mean(all), quarter(&all[0]))).unzip()
}

/// What neither season nor a cycle of another period foretells, in points, where a cycle foretells most of what the season
/// leaves.
pub(super) fn noise_beside_cycle(case: &Case<'_>) -> f64 {
    if case.noise < UNEASY {
        return case.noise;
    }
    let foretold = |values: &[f64], keys: &[i64], slot: i64| {
        let period = cycle::period(values, keys)?;
        let left = cycle::left(values, keys, period, rhythm::SPIKES);
        Some((left, period as i64 * slot))
    };
    let hours =
        foretold(case.adjusted, &case.bins.key, case.grid.seconds()).map(|(left, period)| {
            left + bins::within_hour_variance(case.points, case.ahead, &[DAY, period])[0]
        });
    let within = || {
        let (values, keys) = quarters(case);
        foretold(&values, &keys, QUARTER).map_or(f64::INFINITY, |found| found.0)
    };
    let left = hours.unwrap_or_else(within).sqrt();
    if left < FORETOLD * case.noise { left } else { case.noise }
}

/// Chance that the direction is right. For a trend: that its slope is beyond half of what is material,
/// by the slope's own uncertainty. For the rest: the chance that it is below what is material, times how
/// far the spread and the profile are from the borders between the labels (calibrated, docs/trend.md).
pub(super) fn confidence(case: &Case<'_>, direction: Direction) -> f64 {
    let slope = case.told();
    let expected = case.lookback * case.grid.per_day() as f64;
    let coverage = 0.6 + 0.4 * (case.bins.len() as f64 / expected).min(1.0).sqrt();
    let old = case.age > OLD;
    if direction.is_trend() {
        let half = 0.5 * MATERIAL / slope.segment.max(0.05);
        let certain = t_cdf((slope.average.abs() - half) / slope.error, slope.dof) * coverage;
        // Steps of a law are no wander.
        let certain = if case.net.is_some() { certain } else { certain.min(wander::beyond(case)) };
        return if old { certain.min(UNSURE) } else { certain };
    }
    // Not by the test's p-value: fewer data raise that, and make nothing surer.
    let room = MATERIAL / slope.segment.max(0.05) - slope.average.abs();
    let no_trend = 0.88 + 0.1 * t_cdf(room / slope.error.max(1e-9), slope.dof).sqrt();
    let border = |value: f64, limit: f64, width: f64| {
        1.0 - 0.5 * (-(value.max(1e-3) / limit).ln().abs() / width).exp()
    };
    let label = match direction {
        Direction::Cyclical => border(case.season.strength, RULES, 0.15).max(0.85),
        _ => border(case.noise, VOLATILE, 0.12),
    };
    let certain = no_trend * label * coverage;
    let short = case.history < LEAST_SPAN || case.bins.len() < 12;
    if short || old || contradicted(case) { certain.min(UNSURE) } else { certain }
}

/// Whether the slope is plainly material and still no trend, as in a window that is too short for one, other than between
/// steps that take it back.
fn contradicted(case: &Case<'_>) -> bool {
    let slope = case.told();
    let [low, high] = slope.ci.map(|end| end * slope.segment);
    low.max(-high) >= PLAINLY * MATERIAL && !is_sawtooth(case) && !is_recovery(case)
}
