//! Step 10a: the next days, as a level, a profile and the errors that the window itself teaches.

use super::Scale;
use super::explain::{Explained, FLAT};
use super::finding::Trend;
use super::structure::Structure;
use crate::series::{Bins, Buffer, stats};
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

/// What the window says about forecasts, in the unit of the input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recent {
    /// Adjusted level of the latest day.
    day: f64,
    /// Adjusted level since the last step.
    window: f64,
    /// Last three hours less the latest day.
    deviation: f64,
    /// Share of a deviation that is left an hour later.
    memory: f64,
    /// Lower and upper end of the errors at [`HORIZONS`].
    errors: [[f64; 2]; 3],
    /// Least and largest possible value.
    bounds: [f64; 2],
}

impl Trend {
    /// The hourly mean that many hours after the moment of analysis: level without trend (claimed
    /// trends of real guests mostly stop, docs/trend.md; what rose mostly comes down again, what fell stays down), shrunk
    /// profile, and an 80 % interval. `None` where the direction is unknown, or where it was not asked for
    /// ([`super::Params::forecasts`]).
    pub fn forecast(&self, hours_ahead: f64) -> Option<Forecast> {
        let o = self.outlook.as_deref()?;
        let recent = o.recent.as_ref()?;
        let h = hours_ahead.clamp(0.0, 24.0 * 366.0);
        let latest = LATEST_DAY[1] + (LATEST_DAY[0] - LATEST_DAY[1]) * (-h / FADE).exp();
        let falls = self.claimed_slope().is_some_and(|slope| slope < 0.0);
        let level = match falls {
            true => recent.day,
            false => latest * recent.day + (1.0 - latest) * recent.window,
        };
        let deviation = recent.deviation * recent.memory.powf(h);
        let expected = level + o.season.reliability * o.effect(h) + deviation;
        let [low, high] = recent.error(h);
        let bound = |v: f64| v.clamp(recent.bounds[0], recent.bounds[1]);
        let expected = bound(expected);
        let (low, high) =
            (bound(expected + low).min(expected), bound(expected + high).max(expected));
        Some(Forecast { expected, low, high })
    }
}

impl Recent {
    /// Levels since the last step, and the errors that the same forecast would have made within the window (rolling
    /// origin). `unit` is the value of a point; what `fills` does not return to where it was in the window.
    pub(super) fn of(explained: &Explained, fills: bool, unit: f64, scale: Scale) -> Self {
        let Explained { window: bins, adjusted, structure: s, .. } = explained;
        let last_step = s.steps().map(|(time, ..)| time).fold(f64::NEG_INFINITY, f64::max);
        let from = bins.t.partition_point(|t| *t < last_step).min(bins.len() - 1);
        let end = bins.t[bins.len() - 1];
        let since = |days: f64| bins.t.partition_point(|t| *t < end - days).max(from);
        let day = typical(&adjusted[since(1.0)..]);
        let window = if fills { day } else { typical(&adjusted[from..]) };
        let latest = stats::mean(&adjusted[since(3.0 / 24.0)..]);
        let whole = match scale {
            Scale::Share { whole } => whole,
            Scale::Relative { .. } => f64::INFINITY,
        };
        Self {
            day: day * unit,
            window: window * unit,
            deviation: (latest - day) * unit,
            memory: lag_one(&s.clipped).clamp(0.0, 0.98),
            errors: errors(bins, adjusted, s).map(|ends| ends.map(|v| v * unit)),
            bounds: [0.0, whole],
        }
    }

    /// Error quantiles between the horizons, by the logarithm of the hours.
    fn error(&self, hours: f64) -> [f64; 2] {
        let h = hours.clamp(HORIZONS[0], HORIZONS[2]);
        let i = usize::from(h > HORIZONS[1]);
        let part = (h / HORIZONS[i]).ln() / (HORIZONS[i + 1] / HORIZONS[i]).ln();
        [0, 1].map(|k| self.errors[i][k] + part * (self.errors[i + 1][k] - self.errors[i][k]))
    }
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
