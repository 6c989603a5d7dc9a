//! Weekends that a short history shows as level shifts.

use super::finding::Change;
use crate::model::{DAY, HOUR, UnixTime};
use crate::series::LocalTime;

/// With this much history weekends are told apart by the profile, seconds.
const ENOUGH: i64 = 9 * DAY;
/// A shift this close to the border of a weekend may be one, seconds.
const NEAR: i64 = 5 * HOUR;

/// Takes out of the shifts found in a window shorter than nine days those that are a weekend: two at its
/// borders that cancel, or one at the border of a weekend whose other border lies outside the window
/// (there only with less load on the weekend).
pub(super) fn without_weekends(
    changes: Vec<Change>,
    (from, to): (UnixTime, UnixTime),
    local: &LocalTime,
) -> Vec<Change> {
    if to.saturating_sub(from) >= ENOUGH {
        return changes;
    }
    let other = |c: &Change, time: UnixTime| {
        let cancels = |o: &Change| {
            let ratio = -o.size / c.size;
            o.time.saturating_sub(time).abs() <= 2 * NEAR && (0.5..=2.0).contains(&ratio)
        };
        changes.iter().any(cancels)
    };
    let is_weekend = |c: &Change| match border(c.time, local) {
        Some(Border::Begins) => {
            (c.size < 0.0 && to <= c.time.saturating_add(2 * DAY + NEAR))
                || other(c, c.time.saturating_add(2 * DAY))
        }
        Some(Border::Ends) => {
            (c.size > 0.0 && from >= c.time.saturating_sub(2 * DAY + NEAR))
                || other(c, c.time.saturating_sub(2 * DAY))
        }
        None => false,
    };
    changes.iter().filter(|c| c.known || !is_weekend(c)).copied().collect()
}

/// Which border of a weekend a moment is near.
enum Border {
    /// Saturday, midnight.
    Begins,
    /// Monday, midnight.
    Ends,
}

fn border(time: UnixTime, local: &LocalTime) -> Option<Border> {
    // 1 January 1970 was a Thursday, so Saturday began two days in.
    let since_saturday = local.wall(time).saturating_sub(2 * DAY).rem_euclid(7 * DAY);
    if since_saturday <= NEAR || since_saturday >= 7 * DAY - NEAR {
        return Some(Border::Begins);
    }
    ((since_saturday - 2 * DAY).abs() <= NEAR).then_some(Border::Ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Saturday, midnight UTC.
    const SATURDAY: i64 = 1_767_398_400;

    fn shift(time: i64, size: f64) -> Change {
        Change { time, size, known: false }
    }

    #[test]
    fn weekends_go_and_shifts_stay() {
        let utc = LocalTime::utc();
        let week = (SATURDAY - 4 * DAY, SATURDAY + 3 * DAY);
        let kept = |changes: Vec<Change>, window| without_weekends(changes, window, &utc).len();
        let weekend = vec![shift(SATURDAY + HOUR, -9.0), shift(SATURDAY + 2 * DAY, 10.0)];
        assert_eq!(kept(weekend.clone(), week), 0);
        assert_eq!(kept(weekend, (SATURDAY - 20 * DAY, SATURDAY + 3 * DAY)), 2, "long history");
        assert_eq!(kept(vec![shift(SATURDAY, -9.0)], week), 1, "it did not come back");
        assert_eq!(kept(vec![shift(SATURDAY, -9.0)], (SATURDAY - 5 * DAY, SATURDAY + DAY)), 0);
        assert_eq!(kept(vec![shift(SATURDAY + 2 * DAY, 9.0)], (SATURDAY, SATURDAY + 7 * DAY)), 0);
        assert_eq!(kept(vec![shift(SATURDAY + DAY, -9.0)], week), 1, "within the weekend");
        let known = Change { known: true, ..shift(SATURDAY, -9.0) };
        assert_eq!(kept(vec![known], (SATURDAY - 5 * DAY, SATURDAY + DAY)), 1);
    }
}
