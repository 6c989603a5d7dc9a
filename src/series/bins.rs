//! A regular grid over irregular points.

use super::calendar::{weekday_of_day, weekend_of};
use super::{Buffer, Column, LocalTime, Point, stats};
use crate::model::{DAY, HOUR, UnixTime};
use std::ops::Range;

/// Variance within hours, in squared points, that is not worth a look at what foretells it.
const FINE: f64 = 2.0;
/// Share of the variance within hours that what foretells it leaves at most.
const FORETOLD: f64 = 0.5;
/// Seconds that are no matter between a sample and the same of another day.
const NEAR: i64 = 300;

/// Width of the grid's slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// 24 slots a day.
    Hour,
    /// Four slots a day.
    SixHours,
}

impl Grid {
    /// Length of a slot in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Grid::Hour => HOUR,
            Grid::SixHours => 6 * HOUR,
        }
    }

    /// Number of slots in a day.
    pub fn per_day(self) -> usize {
        match self {
            Grid::Hour => 24,
            Grid::SixHours => 4,
        }
    }

    /// Seconds by which the clock of the slots is ahead of UTC in a zone that is `east` of it. Slots of six hours are those
    /// of the store, whose means know no other, numbered by the local time that they come next to.
    pub fn ahead(self, east: i64) -> i64 {
        match self {
            Grid::Hour => east,
            Grid::SixHours => (east + 3 * HOUR).div_euclid(6 * HOUR) * 6 * HOUR,
        }
    }
}

/// Means of the filled slots, in time order, one column each.
#[derive(Clone, Debug, Default)]
pub struct Bins {
    /// Number of the slot on the grid; neighbours differ by 1, a gap by more.
    pub key: Column<i64>,
    /// Mean time of what is in the slot, in days from the moment of analysis.
    pub t: Buffer,
    /// Mean of what is in the slot, weighted by sample counts.
    pub y: Buffer,
    /// Slot of the local day.
    pub slot: Column<u8>,
    /// Whether on a local Saturday or Sunday.
    pub weekend: Column<bool>,
}

impl Bins {
    /// Bins `points` (ascending in time). The hours of a day follow the local wall clock, so a
    /// profile over them is not smeared by summer time. O(n).
    pub fn of(points: &[Point], grid: Grid, now: UnixTime, local: &LocalTime) -> Self {
        let shared;
        let points = match grid == Grid::Hour && !local.has_whole_hours() {
            true => {
                shared = by_local_hours(points, local);
                &shared
            }
            false => points,
        };
        let clock = Clock { grid, local, now };
        let Some(mut day) = points.first().map(|p| clock.day(p.time)) else {
            return Self::default();
        };
        // Columns as long as they can get, written by place: five columns that grow cost more than what they hold.
        let n = points.len();
        let mut bins = Self {
            key: Column::filled(n, 0),
            t: Buffer::filled(n, 0.0),
            y: Buffer::filled(n, 0.0),
            slot: Column::filled(n, 0),
            weekend: Column::filled(n, false),
        };
        let (t, y) = (&mut bins.t[..n], &mut bins.y[..n]);
        let (key, of_day, weekend) =
            (&mut bins.key[..n], &mut bins.slot[..n], &mut bins.weekend[..n]);
        let days = |p: &Point| p.time.saturating_sub(now) as f64 / DAY as f64;
        let (mut filled, mut weight, mut last) = (0, 0.0, i64::MIN);
        for p in points {
            if p.time >= day.until {
                day = clock.day(p.time);
            }
            let (slot, more) = (day.slot(p.time, grid), f64::from(p.count.max(1)));
            let number = day.key + i64::from(slot);
            // Parts of an hour may come a little late: what is in a slot of before is of the last one.
            if number <= last {
                let i = filled - 1;
                weight += more;
                t[i] += more / weight * (days(p) - t[i]);
                y[i] += more / weight * (p.value - y[i]);
                continue;
            }
            (t[filled], y[filled]) = (days(p), p.value);
            (key[filled], of_day[filled], weekend[filled]) = (number, slot, day.weekend);
            (filled, weight, last) = (filled + 1, more, number);
        }
        bins.truncate(filled);
        bins
    }

    /// Number of filled slots.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether no slot is filled.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// Day of the week of bin `i`, 0 is Monday, on a grid that begins its days at local midnight.
    pub fn weekday(&self, i: usize, per_day: usize) -> usize {
        weekday_of_day(self.key[i].div_euclid(per_day as i64))
    }

    /// The bins of each local day, as far as it has any: a day begins where the local clock starts anew, or after a gap of one.
    pub fn days(&self, per_day: usize) -> Vec<Range<usize>> {
        let pairs = self.slot.windows(2).zip(self.key.windows(2));
        let (mut days, mut start) = (Vec::with_capacity(16), 0);
        for (i, (slots, keys)) in pairs.enumerate() {
            if slots[1] <= slots[0] || keys[1] - keys[0] >= per_day as i64 {
                days.push(start..i + 1);
                start = i + 1;
            }
        }
        if !self.is_empty() {
            days.push(start..self.len());
        }
        days
    }

    /// Days from the first to the last bin.
    pub fn span(&self) -> f64 {
        self.t.last().zip(self.t.first()).map_or(0.0, |(b, a)| b - a)
    }

    /// Drops all bins from index `end` on.
    pub fn truncate(&mut self, end: usize) {
        self.key.truncate(end);
        self.t.truncate(end);
        self.y.truncate(end);
        self.slot.truncate(end);
        self.weekend.truncate(end);
    }

    /// The bins from index `start` on.
    pub fn since(&self, start: usize) -> Self {
        Self {
            key: Column::of(&self.key[start..]),
            t: Buffer::of(&self.t[start..]),
            y: Buffer::of(&self.y[start..]),
            slot: Column::of(&self.slot[start..]),
            weekend: Column::of(&self.weekend[start..]),
        }
    }
}

/// Means of hours that begin at half past in local time lie in two local hours: they count in both, by their share.
fn by_local_hours(points: &[Point], local: &LocalTime) -> Vec<Point> {
    let mut parts = Vec::with_capacity(2 * points.len());
    for p in points {
        let length = i64::from(p.seconds);
        let from = p.time.saturating_sub(length / 2);
        let first = HOUR - local.wall(from).rem_euclid(HOUR);
        if length > HOUR || first >= length {
            parts.push(*p);
            continue;
        }
        for (begin, long) in [(0, first), (first, length - first)] {
            let time = from.saturating_add(begin + long / 2);
            let count = (i64::from(p.count) * long / length).max(1) as u32;
            parts.push(Point { time, count, seconds: long as u32, ..*p });
        }
    }
    parts
}

/// A local day, or what is left of it after the clocks have changed.
struct Day {
    /// Its first second by the clock of now, and the first that is not in it or has another clock.
    start: UnixTime,
    until: UnixTime,
    /// Number of its first slot.
    key: i64,
    weekend: bool,
}

impl Day {
    /// Place in the day of what is in it: by a constant, since a division takes as long as all the rest.
    fn slot(&self, time: UnixTime, grid: Grid) -> u8 {
        let seconds = (time - self.start).max(0) as u32;
        let slot = match grid {
            Grid::Hour => seconds / HOUR as u32,
            Grid::SixHours => seconds / (6 * HOUR as u32),
        };
        slot as u8
    }
}

/// What tells the slot of a moment.
struct Clock<'a> {
    grid: Grid,
    local: &'a LocalTime,
    now: UnixTime,
}

impl Clock<'_> {
    /// The day that `time` is in. Hours of zones off by a fraction of an hour are shifted by that fraction.
    fn day(&self, time: UnixTime) -> Day {
        let (east, change) = self.local.east_until(time);
        let (ahead, shift, change) = match self.grid {
            Grid::Hour => (east, east.rem_euclid(HOUR), change),
            Grid::SixHours => {
                let ahead = self.grid.ahead(self.local.east(self.now));
                (ahead, ahead, UnixTime::MAX)
            }
        };
        let wall = time.saturating_add(ahead);
        let start = time.saturating_sub(wall.rem_euclid(DAY));
        Day {
            start,
            until: start.saturating_add(DAY).min(change),
            key: start.saturating_add(shift).div_euclid(self.grid.seconds()),
            weekend: weekend_of(wall),
        }
    }
}

/// Variance of single samples around the mean of their hour, without the largest percent of the squared deviations; 0
/// where fewer than 3 samples share an hour of a clock that is so many seconds `ahead` of UTC. What was as far off its hour
/// some seconds `ago`, at any of these times, is foretold: a job that begins at half past is no noise. Second, all of it.
pub fn within_hour_variance(points: &[Point], ahead: i64, ago: &[i64]) -> [f64; 2] {
    let spans = points.iter().take_while(|p| i64::from(p.seconds) >= HOUR).count();
    if points[spans..].windows(3).all(|w| w[2].time.saturating_sub(w[0].time) >= HOUR) {
        return [0.0; 2];
    }
    let mut off: Vec<(UnixTime, f64)> = Vec::new();
    let hour = |p: &Point| p.time.saturating_add(ahead).div_euclid(HOUR);
    for hour in points[spans..].chunk_by(|a, b| b.time - a.time < HOUR && hour(a) == hour(b)) {
        let n = hour.len() as f64;
        if hour.len() >= 3 && hour.iter().all(|p| i64::from(p.seconds) < HOUR) {
            let mean = hour.iter().map(|p| p.value).sum::<f64>() / n;
            let unbiased = (n / (n - 1.0)).sqrt();
            off.extend(hour.iter().map(|p| (p.time, (p.value - mean) * unbiased)));
        }
    }
    let mean = |squares: &[f64]| stats::mean_without_largest(squares, squares.len() / 100);
    let plain = mean(&off.iter().map(|off| off.1 * off.1).collect::<Buffer>());
    if plain < FINE {
        return [plain; 2];
    }
    let left = |ago: &i64| {
        let pairs = differences(&off, *ago);
        (3 * pairs.len() >= off.len()).then(|| 0.5 * mean(&pairs))
    };
    // By chance either may be the smaller.
    let foretold = ago.iter().filter_map(left).filter(|left| *left < FORETOLD * plain);
    [foretold.fold(plain, f64::min), plain]
}

/// Squares of the differences of each value to that of so many seconds `ago`, where one is near.
fn differences(off: &[(UnixTime, f64)], ago: i64) -> Buffer {
    let mut then = 0;
    let square = |(time, value): &(UnixTime, f64)| {
        let late = |then: usize| off.get(then).map_or(i64::MAX, |off| (off.0 + ago - time).abs());
        while late(then + 1) <= late(then) && then + 1 < off.len() {
            then += 1;
        }
        (late(then) <= NEAR).then(|| (value - off[then].1).powi(2))
    };
    off.iter().filter_map(square).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_holds_the_weighted_mean() {
        let hour = Point { time: 1_800, value: 10.0, seconds: 3_600, count: 60, p95: None };
        let points = [hour, Point::sample(2_000, 71.0), Point::sample(7_300, 5.0)];
        let bins = Bins::of(&points, Grid::Hour, 86_400, &LocalTime::utc());
        assert_eq!(*bins.y, [11.0, 5.0]);
        assert_eq!(*bins.key, [0, 2]);
        assert_eq!(*bins.slot, [0, 2]);
        assert!((bins.t[1] - (7_300.0 - 86_400.0) / 86_400.0).abs() < 1e-12);
    }

    #[test]
    fn slots_follow_the_wall_clock() {
        let half_past = LocalTime::fixed(19_800); // India, +5:30
        let points: Vec<Point> = (0..4).map(|i| Point::sample(i * 1_800, 1.0)).collect();
        let bins = Bins::of(&points, Grid::Hour, 0, &half_past);
        assert_eq!(*bins.slot, [5, 6, 7], "05:30, 06:00 + 06:30, 07:00");
        let bins = Bins::of(&points, Grid::SixHours, 0, &half_past);
        assert_eq!(*bins.slot, [1], "05:30 to 11:30, as the store has it");
        let bins = Bins::of(&points, Grid::SixHours, 0, &LocalTime::fixed(7_200));
        assert_eq!(*bins.slot, [0], "02:00 to 08:00");
    }

    #[test]
    fn a_mean_of_two_local_hours_counts_in_both() {
        let hour = |i: i64, value| Point {
            time: i * HOUR + HOUR / 2,
            value,
            seconds: 3_600,
            count: 60,
            p95: None,
        };
        let points = [hour(0, 10.0), hour(1, 20.0), hour(2, 20.0)];
        let bins = Bins::of(&points, Grid::Hour, 0, &LocalTime::fixed(19_800));
        assert_eq!(*bins.slot, [5, 6, 7, 8]);
        assert_eq!(*bins.y, [10.0, 15.0, 20.0, 20.0]);
        let bins = Bins::of(&points, Grid::Hour, 0, &LocalTime::fixed(7_200));
        assert_eq!((bins.slot.to_vec(), bins.y.to_vec()), (vec![2, 3, 4], vec![10.0, 20.0, 20.0]));
    }

    #[test]
    fn samples_vary_within_their_hour() {
        let points: Vec<Point> =
            (0..12).map(|i| Point::sample(i * 900, f64::from(i as i32 % 2) * 2.0)).collect();
        assert!((within_hour_variance(&points, 0, &[])[0] - 4.0 / 3.0).abs() < 1e-12);
        assert_eq!(within_hour_variance(&points[..2], 0, &[]), [0.0; 2]);
    }
}
