//! What a chart shows of a trend beside the samples: what was usual, and what is expected.

use super::clean::{self, Clean};
use super::explain::View;
use super::{Params, analyze};
use crate::model::{DAY, HOUR, UnixTime};
use crate::series::Point;
use serde::Serialize;

/// Hours ahead of the forecast: as far as its intervals were calibrated ([`super::Forecast`]).
const AHEAD: i64 = 72;
/// Most values of the baseline.
const MOST: i64 = 240;
/// Half width of the baseline's band in standard deviations.
const WIDTH: f64 = 2.0;

/// A value with its interval at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// Unix seconds.
    pub time: UnixTime,
    /// Expected hourly mean.
    pub expected: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Curves of a chart, in the unit of the input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plot {
    /// What the fitted level and the daily or weekly profile say over the window, oldest first;
    /// low and high are two standard deviations of the hour before now away.
    pub baseline: Vec<Expected>,
    /// What is expected over the next three days at most, with 80 % intervals.
    pub forecast: Vec<Expected>,
}

/// The curves of one series; `None` where [`analyze`] says that too little is known. Runs the
/// analysis twice: meant for the one series that somebody looks at.
pub fn plot(points: &[Point], params: &Params<'_>) -> Option<Plot> {
    let trend = analyze(points, &Params { forecasts: true, ..*params });
    let spread = trend.baseline.map_or(0.0, |b| b.spread);
    let forecast = (0..=AHEAD.min(i64::from(params.lookback_hours))).filter_map(|hours| {
        let f = trend.forecast(hours as f64)?;
        let time = params.now.saturating_add(hours * HOUR);
        Some(Expected { time, expected: f.expected, low: f.low, high: f.high })
    });
    Some(Plot { baseline: baseline(points, params, spread)?, forecast: forecast.collect() })
}

fn baseline(points: &[Point], params: &Params<'_>, spread: f64) -> Option<Vec<Expected>> {
    let Clean { points, unit, grid } = clean::clean(points, params);
    let view = View::of(&points, grid, params).ok()?;
    let first = view.inside().first()?.time;
    let model = view.explained();
    let step = ((params.now - first) / MOST).max(HOUR);
    let at = |time: UnixTime| {
        let wall = time.saturating_add(grid.ahead(params.local.east(time)));
        let days = time.saturating_sub(params.now) as f64 / DAY as f64;
        let expected = model.at(days, wall) * unit;
        let half = WIDTH * spread;
        Expected { time, expected, low: (expected - half).max(0.0), high: expected + half }
    };
    let times = std::iter::successors(Some(first), |t| Some(t + step));
    Some(times.take_while(|t| *t <= params.now).map(at).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::LocalTime;

    const NOW: UnixTime = 1_700_000_000;

    fn params<'a>(local: &'a LocalTime) -> Params<'a> {
        Params { threshold: Some(0.8), ..Params::share(NOW, 1.0, local) }
    }

    fn rising(hours: i64) -> Vec<Point> {
        let point = |h: i64| Point {
            time: NOW - h * HOUR,
            value: 0.5 - 0.001 * h as f64 + 0.002 * ((h * 7 % 5) as f64 - 2.0),
            seconds: 3600,
            count: 60,
            p95: None,
        };
        (0..hours).rev().map(point).collect()
    }

    #[test]
    fn the_baseline_follows_what_was_and_the_forecast_starts_now() {
        let local = LocalTime::utc();
        let plot = plot(&rising(168), &params(&local)).expect("enough data");
        assert!(plot.baseline.len() <= 241 && plot.baseline.len() > 100);
        let first = plot.baseline[0];
        assert!((first.expected - 0.333).abs() < 0.02, "{first:?}");
        let last = plot.baseline[plot.baseline.len() - 1];
        assert!((last.expected - 0.5).abs() < 0.02, "{last:?}");
        assert!(plot.baseline.iter().all(|e| e.low <= e.expected && e.expected <= e.high));
        assert_eq!(plot.forecast[0].time, NOW);
        assert_eq!(plot.forecast.len(), 73);
        assert!(plot.forecast.iter().all(|e| e.low <= e.expected && e.expected <= e.high));
    }

    #[test]
    fn too_little_data_has_no_curves() {
        let local = LocalTime::utc();
        assert_eq!(plot(&rising(2), &params(&local)), None);
        assert_eq!(plot(&[], &params(&local)), None);
    }
}
