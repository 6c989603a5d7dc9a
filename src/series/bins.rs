//! A regular grid over irregular points.

use super::calendar::{weekday_of_day, weekend_of};
use super::{Buffer, Column, LocalTime, Point, stats};
use crate::model::{DAY, HOUR, UnixTime};
use std::ops::Range;

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
        (DAY / self.seconds()) as usize
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
    /// Bins `points` (ascending in time). The slots of a day follow the local wall clock, so a
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
        let Some(mut slot) = points.first().map(|p| Slot::of(p.time, grid, local)) else {
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
        let columns = bins.t.iter_mut().zip(bins.y.iter_mut()).zip(bins.key.iter_mut());
        let mut rows = columns.zip(bins.slot.iter_mut().zip(bins.weekend.iter_mut()));
        let days = |p: &Point| p.time.saturating_sub(now) as f64 / DAY as f64;
        let (mut filled, mut weight) = (0, 0.0);
        let mut last: Option<(&mut f64, &mut f64)> = None;
        for p in points {
            let (day, more) = (days(p), f64::from(p.count.max(1)));
            if let Some((t, y)) = &mut last
                && slot.holds(p.time, grid, local)
            {
                weight += more;
                **t += more / weight * (day - **t);
                **y += more / weight * (p.value - **y);
                continue;
            }
            let Some((((t, y), key), (of_day, weekend))) = rows.next() else { break };
            slot = slot.until(p.time, grid, local);
            (*t, *y, *key) = (day, p.value, slot.key);
            (*of_day, *weekend) = (slot.of_day, slot.weekend);
            (last, weight) = (Some((t, y)), more);
            filled += 1;
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
        let begins = |i: &usize| {
            let gap = self.key[*i] - self.key[*i - 1];
            self.slot[*i] <= self.slot[*i - 1] || gap >= per_day as i64
        };
        let mut starts: Vec<usize> =
            (0..self.len().min(1)).chain((1..self.len()).filter(begins)).collect();
        starts.push(self.len());
        starts.windows(2).map(|w| w[0]..w[1]).collect()
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

/// A slot of the grid.
#[derive(Clone, Copy)]
struct Slot {
    /// Its number.
    key: i64,
    /// First second that is not in it, until the clocks change.
    end: UnixTime,
    /// When they do.
    change: UnixTime,
    /// Its place in the local day.
    of_day: u8,
    weekend: bool,
}

impl Slot {
    /// The slot that `time` is in. Hours of zones off by a fraction of an hour are shifted by that
    /// fraction; six-hour slots begin at local midnight.
    fn of(time: UnixTime, grid: Grid, local: &LocalTime) -> Self {
        let ((east, change), width) = (local.east_until(time), grid.seconds());
        let shift = match grid {
            Grid::Hour => east.rem_euclid(HOUR),
            Grid::SixHours => east,
        };
        let shifted = time.saturating_add(shift);
        let wall = time.saturating_add(east);
        Self {
            key: shifted.div_euclid(width),
            end: time.saturating_add(width - shifted.rem_euclid(width)),
            change,
            of_day: (wall.rem_euclid(DAY) / width) as u8,
            weekend: weekend_of(wall),
        }
    }

    /// Whether `time`, not before it, is in the same slot: a comparison, unless the clocks have changed.
    fn holds(&self, time: UnixTime, grid: Grid, local: &LocalTime) -> bool {
        match time < self.change {
            true => time < self.end,
            false => Self::of(time, grid, local).key == self.key,
        }
    }

    /// The slot that `time`, not before it, is in: mostly this one or the next of the same day, which needs no division.
    fn until(self, time: UnixTime, grid: Grid, local: &LocalTime) -> Self {
        if time >= self.change || time >= self.end.saturating_add(grid.seconds()) {
            return Self::of(time, grid, local);
        }
        let next = self.of_day + 1;
        match time < self.end {
            true => self,
            false if usize::from(next) == grid.per_day() => Self::of(time, grid, local),
            false => Self {
                key: self.key + 1,
                end: self.end.saturating_add(grid.seconds()),
                of_day: next,
                ..self
            },
        }
    }
}

/// Variance of single samples around the mean of their hour, without the largest percent of the
/// squared deviations; 0 where fewer than 3 samples share an hour.
pub fn within_hour_variance(points: &[Point]) -> f64 {
    let mut squares = Vec::new();
    let spans = points.iter().take_while(|p| i64::from(p.seconds) >= HOUR).count();
    let hour = |p: &Point| p.time.div_euclid(HOUR);
    for hour in points[spans..].chunk_by(|a, b| b.time - a.time < HOUR && hour(a) == hour(b)) {
        let n = hour.len() as f64;
        if hour.len() >= 3 && hour.iter().all(|p| i64::from(p.seconds) < HOUR) {
            let mean = hour.iter().map(|p| p.value).sum::<f64>() / n;
            squares.extend(hour.iter().map(|p| (p.value - mean).powi(2) * n / (n - 1.0)));
        }
    }
    stats::mean_without_largest(&squares, squares.len() / 100)
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
        assert_eq!(*bins.slot, [0, 1]);
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
        assert!((within_hour_variance(&points) - 4.0 / 3.0).abs() < 1e-12);
        assert_eq!(within_hour_variance(&points[..2]), 0.0);
    }
}
