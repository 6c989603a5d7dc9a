//! For which times the store has something already.

use crate::model::{HOUR, UnixTime, start_of};
use crate::store::Past;
use std::collections::BTreeSet;
use std::ops::Range;

/// Own samples this close to a moment leave no gap there: the collector was late, not away.
const REACH: i64 = 300;
/// Where samples are rolled already, their six hours are not touched: a row that was computed
/// from samples that are gone cannot be computed anew.
const ROLLED: i64 = 6 * HOUR;

/// Times for which there is something, as spans that neither touch nor overlap, in order.
#[derive(Debug, Default)]
pub(super) struct Taken(Vec<(UnixTime, UnixTime)>);

impl Taken {
    /// What has to be read of the store to know what it has from `from` until `until`.
    pub(super) fn range(from: UnixTime, until: UnixTime) -> Range<UnixTime> {
        from - ROLLED..until + REACH
    }

    /// What the store has of any of these nodes: every collector run sees them all.
    pub(super) fn of(past: &Past, nodes: &BTreeSet<&str>) -> Self {
        let spans = past.windows_of(nodes).into_iter().map(|w| match w.seconds {
            0 => (w.start - REACH, w.start + REACH),
            _ => {
                let start = start_of(w.start, ROLLED);
                (start, start + ROLLED)
            }
        });
        Self::merged(spans.collect())
    }

    fn merged(mut spans: Vec<(UnixTime, UnixTime)>) -> Self {
        spans.sort_unstable();
        let mut merged: Vec<(UnixTime, UnixTime)> = Vec::new();
        for (start, end) in spans {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    /// Whether there is nothing from `start` up to, but not with, `end`.
    pub(super) fn is_free(&self, start: UnixTime, end: UnixTime) -> bool {
        let next = self.0.partition_point(|span| span.1 <= start);
        self.0.get(next).is_none_or(|span| span.0 >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_wholly_in_a_gap_is_free() {
        let taken = Taken::merged(vec![(500, 600), (100, 200), (150, 300), (300, 310)]);
        assert_eq!(taken.0, [(100, 310), (500, 600)]);
        for (start, end, free) in [
            (0, 100, true),
            (0, 101, false),
            (310, 500, true),
            (309, 500, false),
            (310, 501, false),
            (520, 530, false),
            (50, 700, false),
            (600, 700, true),
        ] {
            assert_eq!(taken.is_free(start, end), free, "{start}..{end}");
        }
        assert!(Taken::default().is_free(0, 1));
    }
}
