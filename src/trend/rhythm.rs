//! Step 11: peak hours, stability, behaviour, and the peak of the last days.

use super::clean::lasts;
use super::explain::range;
use super::finding::{Behaviour, Direction};
use super::season::Season;
use super::structure::Structure;
use super::{Params, Scale};
use crate::model::DAY;
use crate::series::{Bins, Buffer, Point, bins, stats};

/// A profile weaker or smaller than this has no peak hours.
const PEAK: (f64, f64) = (0.3, 5.0);
/// Share of the range of a mean day from which its hours are peak hours.
const PEAK_HEIGHT: f64 = 0.6;
/// Share of weekend days in a week.
const WEEKEND: f64 = 2.0 / 7.0;
/// Unpredictable spread in points that brings stability down to 1/e.
const STABILITY_SPREAD: f64 = 15.0;
/// Ratio of the two standard deviations of changes from which they are leaps.
const LEAP: f64 = 1.7;
/// Share of a span's time that is told to be at its p95.
const PEAK_SHARE: f64 = 0.1;
/// A share below this many points is idle.
const IDLE_POINTS: f64 = 2.0;

/// Share of the values that may be spikes.
pub(super) const SPIKES: f64 = 0.012;

/// What cannot be foretold, in points: standard deviation of the residuals without the largest 1.2 %
/// and of the samples within their hours (of a clock so many seconds `ahead` of UTC), less what they were a day before. Second, the
/// variance within hours, foretold or not. Load that is switched on and off is not foretold by the
/// steps that describe it.
pub(super) fn noise(structure: &Structure, bins: &Bins, window: &[Point], ahead: i64) -> [f64; 2] {
    let mut squares = structure.residual.clone();
    if switches(structure) {
        let level = |t: f64| structure.steps().filter(|s| t >= s.0).map(|s| s.1).sum::<f64>();
        squares.iter_mut().zip(bins.t.iter()).for_each(|(r, t)| *r += level(*t));
        let mean = stats::mean(&squares);
        squares.iter_mut().for_each(|r| *r -= mean);
    }
    squares.iter_mut().for_each(|r| *r *= *r);
    let spikes = (squares.len() as f64 * SPIKES).ceil() as usize;
    let [within, all_within] = bins::within_hour_variance(window, ahead, &[DAY]);
    [(stats::mean_without_largest(&squares, spikes) + within).sqrt(), all_within]
}

/// Whether steps up and down take turns three times with stays that are mostly below a day, or twice with one below half a
/// day. Levels that last for days are level shifts, however many.
fn switches(structure: &Structure) -> bool {
    let mut steps: Vec<(f64, f64)> =
        structure.steps().map(|(time, size, _)| (time, size)).collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let turns = steps.windows(2).filter(|w| w[0].1 * w[1].1 < 0.0).count();
    let mut stays: Buffer = steps.windows(2).map(|w| w[1].0 - w[0].0).collect();
    let brief = stays.iter().any(|stay| *stay < 0.5);
    (turns >= 3 && stats::median(&mut stays) < 1.0) || (turns == 2 && brief)
}

/// 0 to 100; a series that follows season, trend and steps exactly scores 100.
pub(super) fn stability(noise: f64) -> f64 {
    100.0 * (-noise / STABILITY_SPREAD).exp()
}

/// Local hours at or above minimum + 60 % of the range of the daily profile, averaged over the window's weekdays and
/// weekend days.
pub(super) fn peak_hours(season: &Season, bins: &Bins) -> Vec<u8> {
    if season.strength < PEAK.0 || season.amplitude < PEAK.1 {
        return Vec::new();
    }
    let weekend = bins.weekend.iter().filter(|w| **w).count() as f64 / bins.len().max(1) as f64;
    let day = mean_day(season, weekend);
    if range(&day) < PEAK.1 {
        // What differs are days, not hours.
        return Vec::new();
    }
    let peak = height(&day);
    (0..24u8).filter(|h| day[usize::from(*h)] >= peak).collect()
}

/// Whether an hour of a working day, or of a weekend, is as high as the peak hours of a mean day are.
pub(super) fn is_peak(season: &Season, hour: usize, weekend: bool) -> bool {
    season.at_hour(hour, weekend) >= height(&mean_day(season, WEEKEND))
}

/// Effects of the hours on the mean of weekdays and weekend days, which are that share of all.
fn mean_day(season: &Season, weekend: f64) -> [f64; 24] {
    let of =
        |hour| (1.0 - weekend) * season.at_hour(hour, false) + weekend * season.at_hour(hour, true);
    std::array::from_fn(of)
}

/// From where on hours of such a day are peak hours.
fn height(day: &[f64]) -> f64 {
    let low = day.iter().copied().fold(f64::INFINITY, f64::min);
    low + PEAK_HEIGHT * range(day)
}

/// Level in the peak hours over the mean level.
pub(super) fn peak_multiplier(season: &Season, peak: &[u8], level: f64) -> Option<f64> {
    if peak.is_empty() || level <= 0.0 {
        return None;
    }
    // Of the days that have the peak: there are jobs of weekends.
    let on = |h: &u8, weekend| season.at_hour(usize::from(*h), weekend);
    let effect: f64 = peak.iter().map(|h| on(h, false).max(on(h, true))).sum();
    Some((level + effect / peak.len() as f64) / level)
}

/// How it behaves; `noise` in points.
pub(super) fn behaviour(
    direction: Direction,
    noise: f64,
    s: &Structure,
    adjusted: &[f64],
    idle: bool,
) -> Behaviour {
    let ratio = noise / s.scale.max(0.05);
    let bursts = |s: f64| noise >= s && (ratio > 1.6 || jumps(adjusted));
    match direction {
        Direction::SustainedIncrease => Behaviour::Growing,
        _ if bursts(7.5) || (ratio > 4.0 && noise > 4.0) => Behaviour::Bursty,
        _ if idle => Behaviour::Idle,
        Direction::Cyclical => Behaviour::Cyclical,
        _ => Behaviour::Stable,
    }
}

/// Whether it changes by leaps: the standard deviation of the changes from bin to bin is well above
/// their robust one. Noise, however large and lasting, has neither leaps nor rests.
fn jumps(adjusted: &[f64]) -> bool {
    let changes: Buffer = adjusted.windows(2).map(|w| w[1] - w[0]).collect();
    let (_, scale) = stats::center_and_scale(&changes, &mut Buffer::with_capacity(changes.len()));
    stats::variance(&changes).sqrt() > LEAP * scale.max(0.05)
}

/// Whether even the peaks are too little to matter; `p95` in points.
pub(super) fn is_idle(p95: Option<f64>, scale: Scale, unit: f64) -> bool {
    p95.is_some_and(|p95| match scale {
        Scale::Share { .. } => p95 < IDLE_POINTS,
        Scale::Relative { floor } => p95 * unit < floor,
    })
}

/// 95th percentile of the samples of the last 7 days, from single samples and from the means and
/// p95 of spans: a span counts as 90 % of its time at the level that keeps its mean and 10 % at its
/// p95, so half of those are above the other half below it. Points count by their time.
pub(super) fn p95(points: &[Point], params: &Params<'_>) -> Option<f64> {
    let from = params.now.saturating_sub(7 * DAY);
    let week = &points[points.partition_point(|p| p.time < from)..];
    let room = || Buffer::filled(2 * week.len(), 0.0);
    let (mut levels, mut weights, mut n) = (room(), room(), 0);
    let mut add = |level: f64, weight: f64| {
        (levels[n], weights[n]) = (level, weight);
        n += 1;
    };
    for (i, p) in week.iter().enumerate() {
        let long = lasts(week, i);
        match p.p95.filter(|p95| p.seconds > 0 && *p95 > p.value) {
            Some(p95) => {
                let rest = (p.value - PEAK_SHARE * p95) / (1.0 - PEAK_SHARE);
                add(p95, PEAK_SHARE * long);
                add(f64::max(rest, 0.0), (1.0 - PEAK_SHARE) * long);
            }
            None => add(p.value, long),
        }
    }
    stats::weighted_quantile(&mut levels[..n], &mut weights[..n], 0.95)
}
