//! One value over a span of time.

use super::UnixTime;
use serde::{Deserialize, Serialize};

/// A metric over `[start, start + seconds)`; a single sample has `seconds` 0 and `count` 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// First second of the span, or the sample's own time.
    pub start: UnixTime,
    /// Length of the span; 0 for a single sample.
    pub seconds: u32,
    /// Number of samples in it; a bucket is never empty.
    pub count: u32,
    /// Smallest of them.
    pub min: f64,
    /// Largest of them.
    pub max: f64,
    /// Arithmetic mean of them.
    pub avg: f64,
    /// 95th percentile of them by nearest rank: the smallest value with 95 % at or below it.
    pub p95: f64,
}

impl Bucket {
    /// A single sample.
    pub fn single(time: UnixTime, value: f64) -> Self {
        Self { start: time, seconds: 0, count: 1, min: value, max: value, avg: value, p95: value }
    }

    /// The bucket over `values`, which it sorts; `None` without values.
    ///
    /// O(n log n). The percentile is the nearest rank, `sorted[ceil(0.95 n) - 1]`
    /// (Hyndman & Fan 1996, definition 1).
    pub fn of(start: UnixTime, seconds: u32, values: &mut [f64]) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let rank = (values.len() * 95).div_ceil(100);
        Some(Self {
            start,
            seconds,
            count: values.len() as u32,
            min,
            max,
            avg: values.iter().sum::<f64>() / values.len() as f64,
            p95: values[rank - 1],
        })
    }

    /// Middle of the span: where its average stands in time.
    pub fn middle(&self) -> UnixTime {
        self.start + i64::from(self.seconds / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_a_full_hour() {
        let mut values: Vec<f64> = (1..=60).rev().map(f64::from).collect();
        let b = Bucket::of(0, 3600, &mut values).unwrap();
        assert_eq!((b.min, b.max, b.avg, b.p95, b.count), (1.0, 60.0, 30.5, 57.0, 60));
    }

    #[test]
    fn one_value_and_none() {
        assert_eq!(Bucket::of(7, 0, &mut [2.0]), Some(Bucket::single(7, 2.0)));
        assert_eq!(Bucket::of(7, 0, &mut []), None);
    }
}
