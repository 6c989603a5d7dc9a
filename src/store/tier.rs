//! The three tiers: how fine, how long, in which files.

use crate::error::{Error, Result};
use crate::model::{DAY, HOUR, UnixTime};
use std::ops::Range;
use std::path::PathBuf;

/// Days for which anything is kept.
pub const METRICS_RETENTION_DAYS: i64 = 90;
/// Hours for which every sample is kept.
pub const METRICS_RECENT_HOURS: i64 = 48;
/// Days for which hourly values are kept.
pub const METRICS_SHORT_TERM_DAYS: i64 = 14;

/// Resolution of stored data. The tiers overlap: each starts at the newest data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Every sample.
    Raw = 0,
    /// One row an hour, computed from the samples.
    Hourly = 1,
    /// One row per six hours, computed from the samples.
    SixHourly = 2,
}

impl Tier {
    /// Finest first.
    pub const ALL: [Self; 3] = [Self::Raw, Self::Hourly, Self::SixHourly];

    /// Seconds of a row; 0 for samples.
    pub const fn step(self) -> i64 {
        match self {
            Self::Raw => 0,
            Self::Hourly => HOUR,
            Self::SixHourly => 6 * HOUR,
        }
    }

    /// Seconds of a segment file.
    pub(super) const fn segment(self) -> i64 {
        match self {
            Self::Raw => HOUR,
            Self::Hourly => DAY,
            Self::SixHourly => 7 * DAY,
        }
    }

    /// Its folder in the store.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Hourly => "hour",
            Self::SixHourly => "six",
        }
    }

    /// Start of the segment that `time` belongs to. Segments count from 1970-01-01 00:00 UTC.
    pub(super) fn segment_of(self, time: UnixTime) -> UnixTime {
        time - time.rem_euclid(self.segment())
    }

    /// Start of the row that `time` belongs to.
    pub(super) fn window_of(self, time: UnixTime) -> UnixTime {
        time - time.rem_euclid(self.step().max(1))
    }

    /// Path, below the store, of the segment that starts at `start`.
    pub(super) fn file(self, start: UnixTime) -> PathBuf {
        let format = match self {
            Self::Raw => "%Y-%m-%dT%H.seg",
            Self::Hourly | Self::SixHourly => "%Y-%m-%d.seg",
        };
        let name = chrono::DateTime::from_timestamp(start, 0)
            .map_or_else(|| format!("{start}.seg"), |t| t.format(format).to_string());
        PathBuf::from(self.folder()).join(name)
    }

    /// Start of the segment called `name`; `None` for anything else in the folder.
    pub(super) fn start_of(self, name: &str) -> Option<UnixTime> {
        let stem = name.strip_suffix(".seg")?;
        let (date, hour) = match self {
            Self::Raw => stem.split_once('T')?,
            Self::Hourly | Self::SixHourly => (stem, "0"),
        };
        let date = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
        let start = date.and_hms_opt(hour.parse().ok()?, 0, 0)?.and_utc().timestamp();
        let exact = self.segment_of(start) == start && self.file(start).ends_with(name);
        exact.then_some(start)
    }
}

/// How long each tier is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Retention {
    /// Hours of samples; at least 7, so that six-hourly rows can be computed.
    pub raw_hours: i64,
    /// Days of hourly rows.
    pub hourly_days: i64,
    /// Days of six-hourly rows.
    pub six_hourly_days: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            raw_hours: METRICS_RECENT_HOURS,
            hourly_days: METRICS_SHORT_TERM_DAYS,
            six_hourly_days: METRICS_RETENTION_DAYS,
        }
    }
}

impl Retention {
    /// As long as can be asked for.
    pub(super) const LONGEST: Self =
        Self { raw_hours: 24 * 366, hourly_days: 3_660, six_hourly_days: 36_600 };

    /// How long a tier is kept, for people.
    pub fn text(&self, tier: Tier) -> String {
        match tier {
            Tier::Raw => format!("{} h", self.raw_hours),
            Tier::Hourly => format!("{} days", self.hourly_days),
            Tier::SixHourly => format!("{} days", self.six_hourly_days),
        }
    }

    /// Seconds for which a tier is kept.
    pub fn seconds(&self, tier: Tier) -> i64 {
        match tier {
            Tier::Raw => self.raw_hours * HOUR,
            Tier::Hourly => self.hourly_days * DAY,
            Tier::SixHourly => self.six_hourly_days * DAY,
        }
    }

    /// All time of which something is kept, up to and with `now`.
    pub fn range(&self, now: UnixTime) -> Range<UnixTime> {
        let longest = Tier::ALL.map(|tier| self.seconds(tier)).into_iter().max();
        now.saturating_sub(longest.unwrap_or(0))..now.saturating_add(1)
    }

    /// Refuses what the store cannot keep, naming the field.
    pub fn check(&self) -> Result<()> {
        let limits = [
            ("raw_hours", self.raw_hours, 7, Self::LONGEST.raw_hours),
            ("hourly_days", self.hourly_days, 1, Self::LONGEST.hourly_days),
            ("six_hourly_days", self.six_hourly_days, 1, Self::LONGEST.six_hourly_days),
        ];
        for (field, value, low, high) in limits {
            if !(low..=high).contains(&value) {
                let message = format!("{value} is not in {low}..={high}");
                return Err(Error::invalid(message).at(format!("retention.{field}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_starts_agree() {
        for tier in Tier::ALL {
            for time in [0, 1_700_000_000, 4_102_444_800] {
                let start = tier.segment_of(time);
                let file = tier.file(start);
                let name = file.file_name().unwrap().to_str().unwrap();
                assert_eq!(tier.start_of(name), Some(start), "{name}");
            }
        }
        assert_eq!(Tier::Raw.file(1_700_000_000 - 800).to_str(), Some("raw/2023-11-14T22.seg"));
        for name in ["2023-11-14T22.seg.corrupt", "x.seg", "2023-11-14.seg", "2023-11-14T24.seg"] {
            assert_eq!(Tier::Raw.start_of(name), None, "{name}");
        }
        assert_eq!(Tier::SixHourly.start_of("2023-11-14.seg"), None, "no start of a week");
    }

    #[test]
    fn windows_and_segments_nest() {
        for (outer, inner) in [(DAY, HOUR), (7 * DAY, 6 * HOUR), (6 * HOUR, HOUR)] {
            assert_eq!(outer % inner, 0);
        }
    }

    #[test]
    fn retention_has_limits() {
        Retention::default().check().unwrap();
        Retention::LONGEST.check().unwrap();
        let short = Retention { raw_hours: 6, ..Retention::default() };
        assert!(short.check().unwrap_err().to_string().starts_with("retention.raw_hours: 6"));
    }
}
