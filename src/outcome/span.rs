//! The three windows after a move, and the slots that they are compared in.

use crate::model::{DAY, HOUR, UnixTime, start_of};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How long after a move it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Span {
    /// Did anything go wrong at once?
    #[serde(rename = "5min")]
    FiveMinutes,
    /// First hour.
    #[serde(rename = "1h")]
    Hour,
    /// First day: a whole cycle.
    #[serde(rename = "24h")]
    Day,
}

const MINUTE: i64 = 60;
/// A first hour of the day shorter than this says too little of an hour.
const SHORT: i64 = 15 * MINUTE;

impl Span {
    /// All three, shortest first.
    pub const ALL: [Self; 3] = [Self::FiveMinutes, Self::Hour, Self::Day];

    /// Length in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::FiveMinutes => 5 * MINUTE,
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// Name in files and replies.
    pub fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5min",
            Self::Hour => "1h",
            Self::Day => "24h",
        }
    }

    /// For sentences: `the first hour`.
    pub fn label(self) -> &'static str {
        match self {
            Self::FiveMinutes => "the first 5 minutes",
            Self::Hour => "the first hour",
            Self::Day => "the first day",
        }
    }

    /// Stretches of time that are compared one by one: one of 5 minutes, 12 of 5 minutes, or the
    /// hours of the clock (which the store keeps). The sample at `time` itself is in none: it may
    /// cover minutes from before the move.
    pub fn slots(self, time: UnixTime) -> Vec<Range<UnixTime>> {
        let first = time.saturating_add(1);
        let end = first.saturating_add(self.seconds());
        if self != Self::Day {
            let step = 5 * MINUTE;
            return (0..self.seconds() / step)
                .map(|i| first.saturating_add(i * step)..first.saturating_add((i + 1) * step))
                .collect();
        }
        let hour = start_of(first, HOUR).saturating_add(HOUR);
        let whole = (0..24).map(|i| hour.saturating_add(i * HOUR));
        let whole = whole.map(|start| start..start.saturating_add(HOUR)).filter(|s| s.end <= end);
        let opening = (hour - first >= SHORT).then_some(first..hour);
        opening.into_iter().chain(whole).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_lie_in_their_window_and_do_not_overlap() {
        for time in [0, 1, 59, 3599, 3600, 1_700_000_000, 1_699_999_199] {
            for span in Span::ALL {
                let slots = span.slots(time);
                assert!(slots.iter().all(|s| s.start > time && s.end <= time + 1 + span.seconds()));
                assert!(slots.windows(2).all(|w| w[0].end == w[1].start), "{span:?} {time}");
            }
        }
    }

    #[test]
    fn a_day_is_at_least_23_clock_hours() {
        for time in (0..7200).step_by(61) {
            let slots = Span::Day.slots(time);
            assert!((23..=24).contains(&slots.len()), "{time}: {}", slots.len());
            assert!(slots[1..].iter().all(|s| s.start % HOUR == 0 && s.end - s.start == HOUR));
        }
        assert_eq!(Span::Hour.slots(100).len(), 12);
        assert_eq!(Span::FiveMinutes.slots(100), vec![101..401]);
    }
}
