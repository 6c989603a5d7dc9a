//! The contract of `trend --series`: one series per JSON line in, one answer per JSON line out.

use super::{Behaviour, Direction, Nature, Params, Scale, Trend, analyze};
use crate::error::{Error, Kind, Result};
use crate::model::{UnixTime, Worse};
use crate::series::{LocalTime, Point};
use crate::settings::most_kept_hours;
use serde::{Deserialize, Serialize};

/// A series as it comes in.
#[derive(Deserialize)]
struct Case {
    id: String,
    unit: String,
    #[serde(default)]
    metric: String,
    now: f64,
    lookback_hours: f64,
    threshold: Option<f64>,
    samples: Vec<(Option<f64>, Option<f64>)>,
}

/// An answer; absent values become null.
#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    label: Direction,
    slope_per_day: Option<f64>,
    slope_ci: Option<[f64; 2]>,
    r2: Option<f64>,
    confidence: f64,
    hours_to_threshold: Option<f64>,
    hours_to_threshold_peak: Option<f64>,
    hours_to_threshold_interval: Option<[Option<f64>; 2]>,
    anomaly_sigma: Option<f64>,
    anomaly: Option<bool>,
    peak_hours: &'a [u8],
    stability: Option<f64>,
    behavior: Option<&'static str>,
    change_points: Vec<UnixTime>,
}

/// Analyses one line. Hours and weekdays are UTC. Errors name the field; [`answer_numbered`] adds
/// the line number.
pub fn answer_line(line: &str) -> Result<String> {
    let case: Case = serde_json::from_str(line)
        .map_err(|e| Error::invalid(format!("no series (docs/trend.md has the fields): {e}")))?;
    let local = LocalTime::utc();
    let params = params(&case, &local)?;
    let points: Vec<Point> = case.samples.iter().filter_map(|s| point(*s)).collect();
    let trend = analyze(&points, &params);
    serde_json::to_string(&answer(&case.id, &trend))
        .map_err(|e| Error::new(Kind::Invalid, e.to_string()))
}

/// [`answer_line`] with the line number in the error.
pub fn answer_numbered(number: usize, line: &str) -> Result<String> {
    answer_line(line).map_err(|e| e.at(format!("line {number}")))
}

/// A sample with a time that fits; nulls and absurd times are left out.
fn point((time, value): (Option<f64>, Option<f64>)) -> Option<Point> {
    Some(Point::sample(seconds(time?)?, value?))
}

/// Whole seconds of a float that is a time within ±9999 years.
fn seconds(time: f64) -> Option<UnixTime> {
    (time.abs() < 3.2e11).then_some(time as UnixTime)
}

fn params<'a>(case: &Case, local: &'a LocalTime) -> Result<Params<'a>> {
    let scale = match case.unit.as_str() {
        "percent" => Scale::Share { whole: 100.0 },
        "bps" => Scale::Relative { floor: 1.0 },
        other => {
            let text = format!("'{other}' is not known; use 'percent' or 'bps'");
            return Err(Error::invalid(text).at("unit"));
        }
    };
    let now = seconds(case.now).ok_or_else(|| Error::invalid("is no unix time").at("now"))?;
    let most = most_kept_hours();
    if !(1.0..=f64::from(most)).contains(&case.lookback_hours) {
        return Err(Error::invalid(format!("must be 1 to {most}")).at("lookback_hours"));
    }
    Ok(Params {
        now,
        lookback_hours: case.lookback_hours.round() as u32,
        threshold: case.threshold.filter(|t| t.is_finite()),
        worse: Worse::High,
        scale,
        nature: if case.metric == "memory" { Nature::Fill } else { Nature::Work },
        shifts: &[],
        local,
        forecasts: false,
    })
}

fn answer<'a>(id: &'a str, trend: &'a Trend) -> Answer<'a> {
    let finite = |v: f64| v.is_finite().then_some(v);
    let behavior = trend.behavior.map(|b| match b {
        Behaviour::Growing => "growing",
        Behaviour::Bursty => "bursty",
        Behaviour::Cyclical | Behaviour::Stable | Behaviour::Idle => "stable",
    });
    Answer {
        id,
        label: trend.direction,
        slope_per_day: trend.slope_per_day.and_then(finite),
        slope_ci: trend.slope_ci.filter(|ci| ci.iter().all(|v| v.is_finite())),
        r2: trend.r2.and_then(finite),
        confidence: finite(trend.confidence).unwrap_or(0.0),
        hours_to_threshold: trend.projection.and_then(|p| p.level.hours()).and_then(finite),
        hours_to_threshold_peak: trend.projection.and_then(|p| p.peak.hours()).and_then(finite),
        hours_to_threshold_interval: trend.projection.and_then(|p| match p.level {
            super::Crossing::In { earliest, latest, .. } => Some([Some(earliest), latest]),
            _ => None,
        }),
        anomaly_sigma: trend.anomaly.map(|a| a.sigma).and_then(finite),
        anomaly: trend.anomaly.map(|a| a.flag),
        peak_hours: &trend.peak_hours,
        stability: trend.stability.and_then(finite),
        behavior,
        change_points: trend.changes.iter().map(|c| c.time).collect(),
    }
}
