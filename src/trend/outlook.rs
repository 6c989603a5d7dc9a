//! What lies ahead: the level forecast and what projections need.

use super::curve::Clock;
use super::explain::{Explained, FLAT};
use super::finding::Trend;
use super::season::Season;
use super::structure::Structure;
use super::swing::Pace;
use super::{Params, Scale, rhythm};
use crate::model::{HOUR, UnixTime};
use crate::series::dist::t_quantile;
use crate::series::{Bins, Buffer, LocalTime, calendar, stats};
use serde::Serialize;

/// Horizons at which the spread of forecasts is learnt from the window itself, hours.
const HORIZONS: [f64; 3] = [6.0, 24.0, 72.0];
/// Tail of the errors seen in the window that is left out on each side, at these horizons. An 80 %
/// interval would leave 10 %; one week sees too little of what a week can bring, the more so the further
/// ahead (calibrated by rolling origin on real guests, docs/trend-score.md).
const TAILS: [f64; 3] = [0.07, 0.05, 0.03];
/// Share of the latest day in the level, beside the whole window: now, and far ahead.
const LATEST_DAY: [f64; 2] = [0.9, 0.3];
/// Hours in which the one fades to the other.
const FADE: f64 = 12.0;

/// Model of the near future, in the unit of the input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outlook {
    /// Level now, from the fitted model.
    pub(super) level: f64,
    /// Present slope per day.
    pub(super) slope: f64,
    /// How it goes on.
    pub(super) clock: Clock,
    /// Variance of the level now.
    pub(super) var_level: f64,
    /// Variance of the slope.
    pub(super) var_slope: f64,
    /// Covariance of level and slope.
    pub(super) covariance: f64,
    /// Covariances of the clock's rate with level, slope and itself; 0 of an even one.
    pub(super) rate: [f64; 3],
    /// Half width of an 80 % interval in standard errors.
    pub(super) quantile_80: f64,
    /// Window in hours.
    pub(super) lookback_hours: f64,
    /// Whether the slope is to be believed for as long as the window, although it is too little for a trend.
    pub(super) creeps: bool,
    /// Local wall-clock seconds at the moment of analysis.
    pub(super) wall: i64,
    /// Daily or weekly profile; its effects are in the unit of the input.
    pub(super) season: Season,
    /// How the profile's size goes on, where it grows or shrinks.
    pub(super) pace: Option<Pace>,
    /// Adjusted level of the latest day.
    pub(super) day: f64,
    /// Adjusted level since the last step.
    pub(super) window: f64,
    /// Last three hours less the latest day.
    pub(super) deviation: f64,
    /// Share of a deviation that is left an hour later.
    pub(super) memory: f64,
    /// Lower and upper end of the errors at [`HORIZONS`].
    pub(super) errors: [[f64; 2]; 3],
    /// Least and largest possible value.
    pub(super) bounds: [f64; 2],
}

/// A value to come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Expected hourly mean.
    pub expected: f64,
    /// Lower end of the 80 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Trend {
    /// The hourly mean that many hours after the moment of analysis: level without trend (claimed
    /// trends of real guests mostly stop, docs/trend.md; what rose mostly comes down again, what fell stays down), shrunk
    /// profile, and an 80 % interval.
    /// `None` where the direction is unknown.
    pub fn forecast(&self, hours_ahead: f64) -> Option<Forecast> {
        let o = self.outlook.as_deref()?;
        let h = hours_ahead.clamp(0.0, 24.0 * 366.0);
        let latest = LATEST_DAY[1] + (LATEST_DAY[0] - LATEST_DAY[1]) * (-h / FADE).exp();
        let falls = self.claimed_slope().is_some_and(|slope| slope < 0.0);
        let level = if falls { o.day } else { latest * o.day + (1.0 - latest) * o.window };
        let expected = level + o.season.reliability * o.effect(h) + o.deviation * o.memory.powf(h);
        let [low, high] = o.error(h);
        let bound = |v: f64| v.clamp(o.bounds[0], o.bounds[1]);
        let expected = bound(expected);
        let (low, high) =
            (bound(expected + low).min(expected), bound(expected + high).max(expected));
        Some(Forecast { expected, low, high })
    }
}

/// A daily rhythm, in the unit of the input: what it adds to the level.
#[derive(Clone, Debug, PartialEq)]
pub struct Rhythm {
    /// In the hour before now, on average,
    pub last: f64,
    /// and in each of 24 hours from the running one on, of a working day and of a day of a weekend.
    pub hours: [[f64; 24]; 2],
}

impl Rhythm {
    /// In a unit of which one of these is so many.
    pub fn scaled(mut self, unit: f64) -> Self {
        self.last *= unit;
        self.hours.iter_mut().flatten().for_each(|effect| *effect *= unit);
        self
    }
}

impl Trend {
    /// The profile as far as it is reliable, by an analysis of so many hours `ago`; `None` without one.
    pub fn rhythm(&self, ago: usize) -> Option<Rhythm> {
        let o = self.outlook.as_deref().filter(|o| o.season.is_some())?;
        let of = |ahead: f64, kind| o.season.reliability * o.effect_of(ago as f64 + ahead, kind);
        // Hours of the clock, of which the last hour is a part of two.
        let begun = o.wall.rem_euclid(HOUR) as f64 / HOUR as f64;
        Some(Rhythm {
            last: begun * of(0.0, None) + (1.0 - begun) * of(-1.0, None),
            hours: [false, true]
                .map(|weekend| std::array::from_fn(|ahead| of(ahead as f64, Some(weekend)))),
        })
    }

    /// Whether it is in its daily peak at a time: in one of its peak hours, on a kind of day that has them, since offices
    /// are calm on weekends.
    pub fn is_busy(&self, time: UnixTime, local: &LocalTime) -> bool {
        let wall = local.wall(time);
        let hour = calendar::hour_of(wall);
        let season = self.outlook.as_deref().map(|o| &o.season);
        let here = |season: &Season| rhythm::is_peak(season, hour, calendar::weekend_of(wall));
        self.peak_hours.contains(&(hour as u8)) && season.is_none_or(here)
    }
}

/// Widening of the 80 % intervals, measured like that of the slope's.
const WIDER: f64 = 1.08;

impl Outlook {
    /// The outlook of an explained window; `level` in points, `unit` the value of a point. What `fills` does
    /// not return to where it was in the window.
    pub(super) fn of(
        explained: &Explained,
        level: f64,
        (fills, creeps): (bool, bool),
        unit: f64,
        params: &Params<'_>,
    ) -> Self {
        let (s, slope) = (&explained.structure, explained.told());
        let recent = recent(&explained.window, &explained.adjusted, s);
        let (row, contrast) = (s.row(0.0), s.present_slope());
        let covariance =
            |a: &[f64], b: &[f64]| s.fit.covariance(a, b) * s.long_run.long_run * unit * unit;
        let mut season = explained.season.clone();
        let bend: Vec<f64> = (0..row.len()).map(|i| f64::from(u8::from(i == 2))).collect();
        let rate = match s.clock == Clock::EVEN {
            true => [0.0; 3],
            false => [&row, &contrast, &bend].map(|other| covariance(&bend, other)),
        };
        season.effect.iter_mut().for_each(|e| *e *= unit);
        let (var_slope, with_level) = match &explained.net {
            Some(net) => ((net.error * unit).powi(2), 0.0),
            None => (covariance(&contrast, &contrast), covariance(&row, &contrast)),
        };
        let whole = match params.scale {
            Scale::Share { whole } => whole,
            Scale::Relative { .. } => f64::INFINITY,
        };
        Self {
            level: level * unit,
            slope: slope.current * unit,
            clock: s.clock,
            var_level: covariance(&row, &row),
            var_slope,
            covariance: with_level,
            rate,
            quantile_80: WIDER * t_quantile(0.9, slope.dof),
            lookback_hours: params.lookback_days() * 24.0,
            creeps,
            wall: params.local.wall(params.now),
            season,
            pace: explained.pace,
            day: recent.day * unit,
            window: if fills { recent.day } else { recent.window } * unit,
            deviation: recent.deviation * unit,
            memory: recent.memory,
            errors: recent.errors.map(|e| e.map(|v| v * unit)),
            bounds: [0.0, whole],
        }
    }

    /// Seasonal effect `hours` ahead. The wall clock runs on with today's offset from UTC.
    pub(super) fn effect(&self, hours: f64) -> f64 {
        self.effect_of(hours, None)
    }

    /// The same on a day of that kind: a weekend or not; without one on that which it will be.
    fn effect_of(&self, hours: f64, weekend: Option<bool>) -> f64 {
        if !self.season.is_some() {
            return 0.0;
        }
        let wall = self.wall.saturating_add((hours * HOUR as f64) as i64);
        let size = self.pace.map_or(1.0, |pace| pace.size(hours / 24.0));
        size * self
            .season
            .at_hour(calendar::hour_of(wall), weekend.unwrap_or_else(|| calendar::weekend_of(wall)))
    }

    /// 80 % interval of the slope per hour, mirrored by `side`.
    pub(super) fn slope_80(&self, side: f64) -> (f64, f64) {
        let half = self.quantile_80 * self.var_slope.sqrt();
        ((side * self.slope - half) / 24.0, (side * self.slope + half) / 24.0)
    }

    /// Error quantiles between the horizons, by the logarithm of the hours.
    fn error(&self, hours: f64) -> [f64; 2] {
        let h = hours.clamp(HORIZONS[0], HORIZONS[2]);
        let i = usize::from(h > HORIZONS[1]);
        let part = (h / HORIZONS[i]).ln() / (HORIZONS[i + 1] / HORIZONS[i]).ln();
        [0, 1].map(|k| self.errors[i][k] + part * (self.errors[i + 1][k] - self.errors[i][k]))
    }
}

/// What the adjusted window says about forecasts, in points.
struct Recent {
    day: f64,
    window: f64,
    deviation: f64,
    memory: f64,
    errors: [[f64; 2]; 3],
}

/// Levels since the last step, and the errors that the same forecast would have made within
/// the window (rolling origin).
fn recent(bins: &Bins, adjusted: &[f64], s: &Structure) -> Recent {
    let last_step = s.steps().map(|(time, ..)| time).fold(f64::NEG_INFINITY, f64::max);
    let from = bins.t.partition_point(|t| *t < last_step).min(bins.len() - 1);
    let end = bins.t[bins.len() - 1];
    let since = |days: f64| bins.t.partition_point(|t| *t < end - days).max(from);
    let (window, day) = (typical(&adjusted[from..]), typical(&adjusted[since(1.0)..]));
    let latest = stats::mean(&adjusted[since(3.0 / 24.0)..]);
    let memory = lag_one(&s.clipped).clamp(0.0, 0.98);
    Recent { day, window, deviation: latest - day, memory, errors: errors(bins, adjusted, s) }
}

/// Half the mean and half the median: bursts draw the mean to where few hours are (docs/records/trend.md).
fn typical(x: &[f64]) -> f64 {
    0.5 * (stats::mean(x) + stats::median(&mut Buffer::of(x)))
}

fn lag_one(x: &[f64]) -> f64 {
    let square: f64 = x.iter().map(|v| v * v).sum();
    let next: f64 = x.windows(2).map(|w| w[0] * w[1]).sum();
    if square > 0.0 { next / square } else { 0.0 }
}

/// Quantiles of x(t) less the mean of the day before t - h, for each horizon h; steps taken out.
fn errors(bins: &Bins, adjusted: &[f64], s: &Structure) -> [[f64; 2]; 3] {
    let n = bins.len();
    let steps: Vec<(f64, f64)> = s.steps().map(|(time, size, _)| (time, size)).collect();
    let level =
        |t: f64| steps.iter().filter(|(from, _)| t >= *from).map(|(_, size)| size).sum::<f64>();
    let x: Buffer = match steps.is_empty() {
        true => Buffer::of(adjusted),
        false => (0..n).map(|i| adjusted[i] - level(bins.t[i])).collect(),
    };
    let (low, high) =
        x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    if high - low < FLAT {
        let mean = stats::mean(&x);
        return [[low - mean, high - mean]; 3];
    }
    let mut sums = Buffer::with_capacity(n + 1);
    sums.push(0.0);
    let mut sum = 0.0;
    sums.extend(x.iter().map(|v| {
        sum += v;
        sum
    }));
    let few = 5.min(n / 8);
    // Neighbouring errors say the same: every other one is enough.
    let stride = if n > 100 { 2 } else { 1 };
    let mut buffer = Buffer::with_capacity(n);
    let mut previous: Option<[f64; 2]> = None;
    [0, 1, 2].map(|k| {
        let (h, tail) = (HORIZONS[k], TAILS[k]);
        buffer.clear();
        let (mut first, mut last) = (0, 0);
        let (t, mut i) = (&bins.t[..n], 0);
        while i < n {
            // The day that ends `h` before.
            let until = t[i] - h / 24.0;
            while t[last] <= until {
                last += 1;
            }
            while first < last && t[first] <= until - 1.0 {
                first += 1;
            }
            if last > first + few {
                buffer.push(x[i] - (sums[last] - sums[first]) / (last - first) as f64);
            }
            i += stride;
        }
        let learnt = match (buffer.len() < 24, previous) {
            (true, Some(shorter)) => shorter,
            _ => [tail, 1.0 - tail].map(|p| stats::quantile(&mut buffer, p).unwrap_or(0.0)),
        };
        previous = Some(learnt);
        learnt
    })
}
