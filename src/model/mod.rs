//! Plain data with units: what a cluster is and what is measured of it.
//!
//! A [`Tick`] is what one collector run saw; an [`Inventory`] is what the configuration says about
//! where guests may run; a [`Bucket`] is one value over a time span as the store keeps it.

mod bucket;
mod inventory;
mod metric;
mod tick;
mod units;

pub use bucket::{Bucket, rank_95};
pub use inventory::*;
pub use metric::{GuestMetric, Metric, NodeMetric, Worse};
pub use tick::{GuestKind, GuestSample, GuestStatus, NodeSample, StorageSample, Tick};
pub(crate) use tick::{MAX_AMOUNT, MAX_LOAD, MAX_NAME, MAX_SHARE, MAX_STORAGES, is_name};
pub use units::{
    Bytes, BytesPerSecond, Cores, Fraction, Points, Unit, counted, joined, percent_beside, signed,
    span, unsigned,
};

use std::ops::RangeInclusive;

/// Moment in unix seconds, UTC.
pub type UnixTime = i64;

/// Number of a guest, unique in a cluster at one time; reused after a guest was destroyed.
pub type Vmid = u32;

/// Seconds in an hour.
pub const HOUR: i64 = 3_600;
/// Seconds in a day.
pub const DAY: i64 = 86_400;
/// Hours in a week: as far as advice looks ahead, and what questions about the past usually ask for.
pub const WEEK_HOURS: u32 = 168;

/// Start of the stretch of `width` seconds that `time` is in; stretches count from 1970-01-01 00:00 UTC.
pub fn start_of(time: UnixTime, width: i64) -> UnixTime {
    time.saturating_sub(time.rem_euclid(width))
}

/// Bytes in a MiB.
pub const MIB: f64 = 1_048_576.0;
/// Bytes in a GiB.
pub const GIB: f64 = 1024.0 * MIB;

/// Latest moment that is taken: the year 2200.
pub const LATEST: UnixTime = 7_258_118_400;
/// Moments that are taken, of ticks as of questions: 1970 to 2200. 0 is what a clock says that was never set.
pub const MOMENTS: RangeInclusive<UnixTime> = 1..=LATEST;

/// A guest that changed its host.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Migration {
    /// Time of the first sample on the new host; the move ended at most one interval earlier.
    pub time: UnixTime,
    /// Guest that moved.
    pub vmid: Vmid,
    /// Host before.
    pub from: String,
    /// Host after.
    pub to: String,
}

/// A moment for people, in UTC.
pub(crate) fn utc_date(time: UnixTime) -> String {
    chrono::DateTime::from_timestamp(time, 0)
        .map_or_else(|| time.to_string(), |t| t.format("%Y-%m-%d %H:%M UTC").to_string())
}
