//! Step 10: when a threshold is reached.

use super::curve::Clock;
use super::finding::{Direction, Trend};
use super::outlook::Outlook;
use crate::model::{WEEK_HOURS, Worse};
use serde::Serialize;

/// Crossings further away than this many lookbacks are "never".
const HORIZON: f64 = 8.0;

/// When a curve reaches a threshold if its trend goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Crossing {
    /// It is there already.
    Already,
    /// It gets there.
    In {
        /// Hours from now.
        hours: f64,
        /// Lower end of the 80 % interval.
        earliest: f64,
        /// Upper end; absent where the trend may well stop short of it.
        latest: Option<f64>,
    },
    /// Not within the horizon.
    Never {
        /// Hours that were looked ahead.
        horizon: f64,
    },
}

impl Crossing {
    /// Hours until the crossing, 0 if it is there, `None` for never.
    pub fn hours(self) -> Option<f64> {
        match self {
            Self::Already => Some(0.0),
            Self::In { hours, .. } => Some(hours),
            Self::Never { .. } => None,
        }
    }
}

/// When a threshold is reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Projection {
    /// The threshold.
    pub threshold: f64,
    /// When the level without daily and weekly swing reaches it.
    pub level: Crossing,
    /// When the swing first touches it.
    pub peak: Crossing,
}

impl Trend {
    /// When `threshold` is reached, from the side that `worse` says (neither: from below).
    /// `None` where the direction is unknown, or too little is known to say "never".
    pub fn projection(&self, threshold: f64, worse: Worse) -> Option<Projection> {
        let outlook = self.outlook.as_deref()?;
        let side = if worse == Worse::Low { -1.0 } else { 1.0 };
        let toward = match worse {
            Worse::Low => Direction::SustainedDecrease,
            _ => Direction::SustainedIncrease,
        };
        let line = Line { outlook, side, threshold: side * threshold };
        let rising = self.direction == toward;
        let level = line.level_crossing(line.believed(rising));
        if self.not_enough.is_some() && level != Crossing::Already {
            return None;
        }
        let peak = line.peak_crossing(line.believed(rising), self.direction == Direction::Cyclical);
        Some(Projection { threshold, level, peak })
    }
}

/// A level that moves toward a threshold, mirrored so that trouble is up.
struct Line<'a> {
    outlook: &'a Outlook,
    side: f64,
    threshold: f64,
}

impl Line<'_> {
    fn horizon(&self) -> f64 {
        HORIZON * self.outlook.lookback_hours
    }

    fn level(&self) -> f64 {
        self.side * self.outlook.level
    }

    /// Hours for which the slope is believed: what only creeps toward the threshold, for another window.
    fn believed(&self, rising: bool) -> Option<f64> {
        let creeps = self.outlook.creeps && self.slope() > 0.0;
        match rising {
            true => Some(self.horizon()),
            false => creeps.then_some(self.outlook.lookback_hours),
        }
    }

    /// Slope per hour, upwards.
    fn slope(&self) -> f64 {
        self.side * self.outlook.slope / 24.0
    }

    /// Hours after which the clock of the slope shows `hours`.
    fn when(&self, hours: f64) -> f64 {
        24.0 * self.outlook.clock.when(hours / 24.0)
    }

    fn level_crossing(&self, believed: Option<f64>) -> Crossing {
        let distance = self.threshold - self.level();
        if distance <= 0.0 {
            return Crossing::Already;
        }
        let horizon = believed.unwrap_or_else(|| self.horizon());
        let hours = self.when(distance / self.slope().max(1e-12));
        if believed.is_none() || hours > horizon {
            return Crossing::Never { horizon };
        }
        let (earliest, latest) = match self.outlook.clock == Clock::EVEN {
            true => self.interval(distance),
            // What steepens may go on evenly from now.
            false => {
                let evenly = distance / self.slope().max(1e-12);
                let latest = self.reached(-1.0, distance).unwrap_or(evenly);
                (self.reached(1.0, distance).unwrap_or(hours), Some(latest.max(evenly)))
            }
        };
        Crossing::In { hours, earliest: earliest.min(hours), latest: latest.map(|l| l.max(hours)) }
    }

    /// Where the 80 % band of level + slope h meets the threshold (inverse prediction, Fieller 1954):
    /// the roots of (distance - slope h)² = q² Var(level + slope h).
    fn interval(&self, distance: f64) -> (f64, Option<f64>) {
        let o = self.outlook;
        let q2 = o.quantile_80 * o.quantile_80;
        let (b, var_b, cov) = (self.slope(), o.var_slope / 576.0, o.covariance / 24.0);
        let a2 = b * b - q2 * var_b;
        let a1 = -2.0 * (distance * b + q2 * cov);
        let a0 = distance * distance - q2 * o.var_level;
        let root = (a1 * a1 - 4.0 * a2 * a0).max(0.0).sqrt();
        // Stable form of the smaller root: also right where a2 vanishes or turns negative.
        let first = 2.0 * a0 / (-a1 + root);
        let second = (a2 > 0.0).then(|| (-a1 + root) / (2.0 * a2));
        (first.max(0.0), second)
    }

    /// First hour in which the upper (`side` 1) or lower end (-1) of the 80 % band of a curve has risen by `distance`.
    fn reached(&self, side: f64, distance: f64) -> Option<f64> {
        let o = self.outlook;
        let [with_level, with_slope, own] = o.rate;
        (0..=self.horizon() as u32).map(f64::from).find(|hour| {
            let (time, bend) = (o.clock.at(hour / 24.0), o.clock.drift(hour / 24.0).unwrap_or(0.0));
            let variance = o.var_level
                + time * (2.0 * o.covariance + time * o.var_slope)
                + bend * (2.0 * (with_level + time * with_slope) + bend * own);
            let band = o.quantile_80 * variance.max(0.0).sqrt();
            self.side * o.slope * time + side * band >= distance
        })
    }

    /// First hour in which level + slope + season reaches the threshold; a level without trend
    /// repeats its week, or goes on for another window where its rhythm grows.
    fn peak_crossing(&self, believed: Option<f64>, cyclical: bool) -> Crossing {
        let slope = if believed.is_some() { self.slope() } else { 0.0 };
        let swings = cyclical || self.outlook.season.is_some();
        let week = if swings { f64::from(WEEK_HOURS).min(self.horizon().max(24.0)) } else { 0.0 };
        // The last hour that is looked at, and how far ahead that says something.
        let (last, horizon) = match (believed, self.outlook.pace) {
            (Some(believed), _) => (believed, believed),
            (None, Some(_)) => {
                let window = week.max(self.outlook.lookback_hours);
                (window, window)
            }
            (None, None) => (week, self.horizon()),
        };
        let reaches = |level: f64, slope: f64| {
            (0..=last as u32).map(f64::from).find(|h| {
                let swing = self.side * self.outlook.effect(*h);
                level + slope * 24.0 * self.outlook.clock.at(h / 24.0) + swing >= self.threshold
            })
        };
        let level = self.level();
        match reaches(level, slope) {
            Some(hours) if hours < 1.0 => Crossing::Already,
            Some(hours) => {
                let (low, high) = self.outlook.slope_80(self.side);
                let sd = self.outlook.quantile_80 * self.outlook.var_level.sqrt();
                let [early, late] =
                    [high, low].map(|end| if believed.is_some() { end } else { 0.0 });
                Crossing::In {
                    hours,
                    earliest: reaches(level + sd, early).unwrap_or(hours).min(hours),
                    latest: reaches(level - sd, late).map(|l| l.max(hours)),
                }
            }
            None => Crossing::Never { horizon },
        }
    }
}
