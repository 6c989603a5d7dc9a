//! Steps that are no level shifts: a level is what lasts.

use super::finding::Change;
use crate::model::{HOUR, UnixTime};

/// What does not last this long is a burst or a dip, or not yet to be told from one, seconds.
const LASTS: i64 = 12 * HOUR;

/// Takes out of the found `changes` of a window (ascending) those with a level of less than half a day on either side: at
/// its start, at its end, where the anomaly flag tells of them, and pairs that cancel.
pub(super) fn lasting(changes: Vec<Change>, (from, to): (UnixTime, UnixTime)) -> Vec<Change> {
    let brief = |a: &Change, b: &Change| {
        b.time.saturating_sub(a.time) < LASTS && (0.5..=2.0).contains(&(-b.size / a.size))
    };
    let mut kept: Vec<Change> = Vec::with_capacity(changes.len());
    let inside =
        |c: &Change| c.time.saturating_sub(from) >= LASTS && to.saturating_sub(c.time) >= LASTS;
    for change in changes {
        let found = |c: &Change| !c.known;
        match kept.last() {
            Some(last) if found(last) && found(&change) && brief(last, &change) => {
                kept.pop();
            }
            _ => kept.push(change),
        }
    }
    kept.retain(|c| c.known || inside(c));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(hour: i64, size: f64) -> Change {
        Change { time: hour * HOUR, size, known: false }
    }

    #[test]
    fn a_level_lasts_half_a_day() {
        let told = |changes: &[Change]| -> Vec<i64> {
            let kept = lasting(changes.to_vec(), (0, 168 * HOUR));
            kept.iter().map(|c| c.time / HOUR).collect()
        };
        assert_eq!(told(&[shift(60, 9.0), shift(100, -9.0)]), [60, 100], "up, and down days later");
        assert_eq!(told(&[shift(60, 9.0), shift(68, -8.0)]), [0; 0], "a burst");
        assert_eq!(told(&[shift(40, 5.0), shift(60, 9.0), shift(68, -8.0)]), [40]);
        assert_eq!(told(&[shift(60, 9.0), shift(68, 8.0)]), [60, 68], "two arrivals");
        assert_eq!(told(&[shift(60, 20.0), shift(68, -8.0)]), [60, 68], "it settles higher");
        assert_eq!(told(&[shift(8, 9.0), shift(160, 9.0)]), [0; 0], "the ends of the window");
        let known = Change { known: true, ..shift(160, 9.0) };
        assert_eq!(told(&[known]), [160], "a move is known at once");
    }
}
