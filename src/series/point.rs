//! One measured value: a sample or the mean of a span.

use crate::model::{Bucket, UnixTime};
use serde::{Deserialize, Serialize};

/// A value in time. Raw samples, hourly and six-hourly means may stand side by side in one series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Mean time of what it holds.
    pub time: UnixTime,
    /// The sample, or the mean of the span.
    pub value: f64,
    /// Length of the span in seconds; 0 for a single sample.
    pub seconds: u32,
    /// Number of samples in it.
    pub count: u32,
    /// 95th percentile of the samples in it, where known.
    pub p95: Option<f64>,
}

impl Point {
    /// A single sample.
    pub fn sample(time: UnixTime, value: f64) -> Self {
        Self { time, value, seconds: 0, count: 1, p95: None }
    }
}

impl From<&Bucket> for Point {
    fn from(b: &Bucket) -> Self {
        let p95 = (b.count > 1).then_some(b.p95);
        Self { time: b.middle(), value: b.avg, seconds: b.seconds, count: b.count, p95 }
    }
}
