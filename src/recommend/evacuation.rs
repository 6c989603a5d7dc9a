//! Departures that say nothing against a return: all guests of the node left together.

use crate::model::{HOUR, Migration, UnixTime};
use crate::outlook::Outlook;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// An evacuation is over in this time, seconds.
const LASTS: i64 = HOUR;
/// Guests that leave at least. A single one that leaves its node empty may have been moved to relieve it.
const LEAST: usize = 2;

/// When nodes were left by their last guest, as for maintenance; from the moves of the guests that run now.
#[derive(Clone, Debug, Default)]
pub(super) struct Evacuations {
    /// By node, latest first.
    times: BTreeMap<String, Vec<UnixTime>>,
}

impl Evacuations {
    /// Goes back in time from where all guests are now. A guest that came without a move counts as one that had always
    /// been there. O(n log n) in the moves.
    pub(super) fn of(outlook: &Outlook) -> Self {
        let mut moves: Vec<&Migration> = outlook.guests.iter().flat_map(|g| &g.moves).collect();
        moves.sort_by_key(|m| std::cmp::Reverse(m.time));
        let mut departures: BTreeMap<&str, Vec<UnixTime>> = BTreeMap::new();
        for left in moves.iter().rev() {
            departures.entry(&left.from).or_default().push(left.time);
        }
        let departed = |from: &str, span: RangeInclusive<UnixTime>| {
            let times = departures.get(from).map_or(&[][..], Vec::as_slice);
            let until = times.partition_point(|t| t <= span.end());
            until - times.partition_point(|t| t < span.start())
        };
        let mut guests: BTreeMap<&str, i64> = BTreeMap::new();
        for guest in &outlook.guests {
            *guests.entry(&outlook.nodes[guest.host].name).or_default() += 1;
        }
        let mut all = Self::default();
        for together in moves.chunk_by(|a, b| a.time == b.time) {
            for left in together {
                let time = left.time;
                let span = time.saturating_sub(LASTS)..=time;
                let is_empty = guests.get(left.from.as_str()).is_none_or(|n| *n <= 0);
                if is_empty && departed(&left.from, span) >= LEAST {
                    all.times.entry(left.from.clone()).or_default().push(time);
                }
            }
            for undone in together {
                *guests.entry(&undone.to).or_default() -= 1;
                *guests.entry(&undone.from).or_default() += 1;
            }
        }
        all
    }

    /// Whether the move was one of them.
    pub(super) fn include(&self, left: &Migration) -> bool {
        let span = left.time..=left.time.saturating_add(LASTS);
        self.times.get(&left.from).is_some_and(|times| times.iter().any(|t| span.contains(t)))
    }
}
