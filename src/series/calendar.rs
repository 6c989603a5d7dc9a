//! Local hours and weekdays without a clock or a time zone database.

use crate::model::{DAY, HOUR, UnixTime};
use std::ops::Range;

/// Seconds east of UTC over a span of time: what a time zone says, tabulated once per analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalTime {
    /// (first second, offset from there on), ascending, never empty.
    offsets: Vec<(UnixTime, i64)>,
}

/// Days of the week.
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Distance in which offsets are asked for: no zone changes twice within a day.
const PROBE: i64 = DAY;

impl LocalTime {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self::fixed(0)
    }

    /// A constant offset in seconds east of UTC.
    pub fn fixed(east: i32) -> Self {
        Self { offsets: vec![(UnixTime::MIN, i64::from(east))] }
    }

    /// The offsets of a zone from `from` to `to` (at most ten years), with `east` telling the
    /// seconds east of UTC at a moment. Asks once per day and bisects changes to the second.
    pub fn of_zone(from: UnixTime, to: UnixTime, east: impl Fn(UnixTime) -> i32) -> Self {
        let to = to.min(from.saturating_add(3_660 * DAY));
        let ask = |t| i64::from(east(t));
        let mut offsets = vec![(UnixTime::MIN, ask(from))];
        let (mut time, mut offset) = (from, ask(from));
        while time < to {
            let next = time.saturating_add(PROBE).min(to);
            let after = ask(next);
            if after != offset {
                let (mut low, mut high) = (time, next);
                while high - low > 1 {
                    let middle = low + (high - low) / 2;
                    match ask(middle) == offset {
                        true => low = middle,
                        false => high = middle,
                    }
                }
                offsets.push((high, after));
            }
            (time, offset) = (next, after);
        }
        Self { offsets }
    }

    /// Seconds east of UTC at `time`.
    pub fn east(&self, time: UnixTime) -> i64 {
        self.east_until(time).0
    }

    /// The same, and when that next changes.
    pub fn east_until(&self, time: UnixTime) -> (i64, UnixTime) {
        match self.offsets.as_slice() {
            [(_, only)] => (*only, UnixTime::MAX),
            all => {
                let after = all.partition_point(|(from, _)| *from <= time).max(1);
                (all[after - 1].1, all.get(after).map_or(UnixTime::MAX, |next| next.0))
            }
        }
    }

    /// Whether local hours begin when those of UTC do.
    pub fn has_whole_hours(&self) -> bool {
        self.offsets.iter().all(|(_, east)| east.rem_euclid(HOUR) == 0)
    }

    /// Seconds of the local wall clock since its 1 January 1970.
    pub fn wall(&self, time: UnixTime) -> i64 {
        time.saturating_add(self.east(time))
    }

    /// Local hour of the day, 0-23.
    pub fn hour(&self, time: UnixTime) -> usize {
        hour_of(self.wall(time))
    }

    /// Number of the local day, counted from 1 January 1970.
    pub fn day(&self, time: UnixTime) -> i64 {
        self.wall(time).div_euclid(DAY)
    }

    /// Name of the local day of the week, `Monday`.
    pub fn day_name(&self, time: UnixTime) -> &'static str {
        DAYS[weekday_of(self.wall(time))]
    }

    /// Whether `time` is on a local Saturday or Sunday.
    pub fn weekend(&self, time: UnixTime) -> bool {
        weekend_of(self.wall(time))
    }
}

/// Hour of the day of a wall-clock time.
pub fn hour_of(wall: i64) -> usize {
    (wall.rem_euclid(DAY) / HOUR) as usize
}

/// Day of the week of a wall-clock time, 0 is Monday.
pub fn weekday_of(wall: i64) -> usize {
    weekday_of_day(wall.div_euclid(DAY))
}

/// Day of the week, 0 is Monday, of a day that is counted from 1 January 1970, a Thursday.
pub fn weekday_of_day(day: i64) -> usize {
    (day + 3).rem_euclid(7) as usize
}

/// Whether a day of the week is a Saturday or Sunday.
pub fn is_weekend(weekday: usize) -> bool {
    weekday >= 5
}

/// Whether a wall-clock time is on a Saturday or Sunday.
pub fn weekend_of(wall: i64) -> bool {
    is_weekend(weekday_of(wall))
}

/// Hours of the day as `09-12, 14-18`; the end of a span is the hour at which it is over.
pub fn spans(hours: &[u8]) -> String {
    let busy = |h: usize| hours.contains(&((h % 24) as u8));
    // Begins after a calm hour, so that a span over midnight stays whole.
    let Some(first) = (0..24).find(|&h| !busy(h)) else { return "all day".into() };
    let runs = runs((first..first + 24).map(busy));
    let mut named: Vec<String> = runs
        .iter()
        .map(|r| format!("{:02}-{:02}", (first + r.start) % 24, (first + r.end) % 24))
        .collect();
    named.sort();
    named.join(", ")
}

/// Stretches of `true`.
pub(crate) fn runs(all: impl Iterator<Item = bool>) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (i, _) in all.enumerate().filter(|(_, is)| *is) {
        match found.last_mut() {
            Some(last) if last.end == i => last.end = i + 1,
            _ => found.push(i..i + 1),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_and_hours() {
        let utc = LocalTime::utc();
        let saturday = 1_704_499_200; // 2024-01-06 00:00 UTC
        assert!(utc.weekend(saturday) && utc.weekend(saturday + 2 * DAY - 1));
        assert!(!utc.weekend(saturday - 1) && !utc.weekend(saturday + 2 * DAY));
        assert_eq!(utc.hour(saturday + 5 * HOUR + 59), 5);
        assert_eq!(LocalTime::fixed(-3_600).hour(saturday), 23);
        assert!(!LocalTime::fixed(-3_600).weekend(saturday));
        assert_eq!(utc.hour(-1), 23);
    }

    #[test]
    fn summer_time_changes_at_its_second() {
        let change = 1_711_846_800; // 2024-03-31 01:00 UTC, central Europe
        let east = |t| if t < change { 3_600 } else { 7_200 };
        let zone = LocalTime::of_zone(change - 20 * DAY, change + 5 * DAY, east);
        assert_eq!(zone.offsets.len(), 2);
        assert_eq!((zone.east(change - 1), zone.east(change)), (3_600, 7_200));
        assert_eq!((zone.hour(change - 1), zone.hour(change)), (1, 3));
        assert_eq!(zone.east(UnixTime::MIN), 3_600);
    }

    /// The panel has the same rule and these examples.
    #[test]
    fn spans_are_told_over_midnight() {
        assert_eq!(spans(&[22, 23, 0, 1, 5]), "05-06, 22-02");
        assert_eq!(spans(&[9, 10, 11, 23]), "09-12, 23-00");
        assert_eq!(spans(&(0..24).collect::<Vec<u8>>()), "all day");
        assert_eq!(spans(&[]), "");
    }
}
