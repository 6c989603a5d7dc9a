//! Weekends that a short history shows as level shifts.

use super::finding::Change;
use crate::model::{DAY, HOUR, UnixTime};
use crate::series::LocalTime;
use crate::series::calendar::weekday_of_day;

/// With this much history weekends are told apart by the profile, seconds.
const ENOUGH: i64 = 9 * DAY;
/// A shift this close to the border of a weekend may be one, seconds.
const NEAR: i64 = 5 * HOUR;
/// The same of two that cancel: one begins when people leave on Friday, or do not come on Saturday, by nine.
const NEAR_OF_TWO: i64 = 9 * HOUR;

/// Takes out of the shifts found in a window shorter than nine days those that are a weekend: two at its
/// borders that cancel, a dip within it, which are the hours that nobody came, or one at the border of a weekend whose
/// other border lies outside the window (there only with less load on the weekend).
pub(super) fn without_weekends(
    changes: Vec<Change>,
    (from, to): (UnixTime, UnixTime),
    local: &LocalTime,
) -> Vec<Change> {
    if to.saturating_sub(from) >= ENOUGH {
        return changes;
    }
    let cancels = |a: &Change, b: &Change| (0.5..=2.0).contains(&(-b.size / a.size));
    let other = |c: &Change, time: UnixTime| {
        let near = |o: &Change| o.time.saturating_sub(time).abs() <= 2 * NEAR_OF_TWO;
        changes.iter().any(|o| near(o) && cancels(c, o))
    };
    let dips = |c: &Change| {
        let later = |o: &Change| o.time.saturating_sub(c.time);
        let other_end = |o: &Change| later(o).abs() < DAY && (later(o) > 0) == (c.size < 0.0);
        changes.iter().any(|o| other_end(o) && cancels(c, o))
    };
    let is_weekend = |c: &Change| {
        let (saturday, monday) = (since(SATURDAY, c.time, local), since(MONDAY, c.time, local));
        let (next, last) = (c.time.saturating_add(2 * DAY), c.time.saturating_sub(2 * DAY));
        (saturday.abs() <= NEAR && c.size < 0.0 && to <= next.saturating_add(NEAR))
            || (monday.abs() <= NEAR && c.size > 0.0 && from >= last.saturating_sub(NEAR))
            || (saturday.abs() <= NEAR_OF_TWO && other(c, next))
            || (monday.abs() <= NEAR_OF_TWO && other(c, last))
            || (saturday > 0 && monday < 0 && dips(c))
    };
    changes.iter().filter(|c| c.known || !is_weekend(c)).copied().collect()
}

/// Days of the week, 0 is Monday.
const SATURDAY: usize = 5;
const MONDAY: usize = 0;

/// Seconds since the nearest midnight at which such a day begins; negative before it.
fn since(weekday: usize, time: UnixTime, local: &LocalTime) -> i64 {
    let (half, first) = (7 * DAY / 2, weekday as i64 - weekday_of_day(0) as i64);
    (local.wall(time).saturating_sub(first * DAY).saturating_add(half)).rem_euclid(7 * DAY) - half
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Saturday, midnight UTC.
    const DAY_OFF: i64 = 1_767_398_400;

    fn shift(time: i64, size: f64) -> Change {
        Change { time, size, known: false }
    }

    #[test]
    fn weekends_go_and_shifts_stay() {
        let utc = LocalTime::utc();
        let week = (DAY_OFF - 4 * DAY, DAY_OFF + 3 * DAY);
        let kept = |changes: Vec<Change>, window| without_weekends(changes, window, &utc).len();
        let weekend = vec![shift(DAY_OFF + HOUR, -9.0), shift(DAY_OFF + 2 * DAY, 10.0)];
        assert_eq!(kept(weekend.clone(), week), 0);
        assert_eq!(kept(weekend, (DAY_OFF - 20 * DAY, DAY_OFF + 3 * DAY)), 2, "long history");
        assert_eq!(kept(vec![shift(DAY_OFF, -9.0)], week), 1, "it did not come back");
        assert_eq!(kept(vec![shift(DAY_OFF, -9.0)], (DAY_OFF - 5 * DAY, DAY_OFF + DAY)), 0);
        assert_eq!(kept(vec![shift(DAY_OFF + 2 * DAY, 9.0)], (DAY_OFF, DAY_OFF + 7 * DAY)), 0);
        assert_eq!(kept(vec![shift(DAY_OFF + DAY, -9.0)], week), 1, "within the weekend");
        let dip =
            |size: f64| vec![shift(DAY_OFF + 31 * HOUR, -size), shift(DAY_OFF + 38 * HOUR, size)];
        assert_eq!(kept(dip(9.0), week), 0, "nobody came on Sunday");
        assert_eq!(kept(dip(-9.0), week), 2, "but work that is done then is news");
        let known = Change { known: true, ..shift(DAY_OFF, -9.0) };
        assert_eq!(kept(vec![known], (DAY_OFF - 5 * DAY, DAY_OFF + DAY)), 1);
    }
}
