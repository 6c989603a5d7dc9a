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

    /// Middle of the span: where its average stands in time.
    pub fn middle(&self) -> UnixTime {
        self.start + i64::from(self.seconds / 2)
    }
}

/// Where the 95th percentile of `n` values in order stands by nearest rank: at the smallest with 95 % at or below it
/// (Hyndman & Fan 1996, definition 1). `None` of nothing.
pub const fn rank_95(n: usize) -> Option<usize> {
    (n * 95).div_ceil(100).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_is_the_first_that_95_percent_do_not_exceed() {
        assert_eq!(rank_95(0), None);
        for n in 1..1_000 {
            let rank = rank_95(n).unwrap();
            assert!(rank < n && (rank + 1) * 100 >= n * 95 && rank * 100 < n * 95, "{n}: {rank}");
        }
    }
}
