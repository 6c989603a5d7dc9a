//! What lies ahead: level, slope and rhythm as projections and advice need them.

use super::curve::Clock;
use super::explain::Explained;
use super::finding::Trend;
use super::forecast::Recent;
use super::season::Season;
use super::swing::Pace;
use super::{Params, rhythm};
use crate::model::{HOUR, UnixTime};
use crate::series::dist::t_quantile;
use crate::series::{LocalTime, calendar};

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
    /// What only forecasts need, where they were asked for.
    pub(super) recent: Option<Recent>,
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
            recent: params.forecasts.then(|| Recent::of(explained, fills, unit, params.scale)),
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
}
