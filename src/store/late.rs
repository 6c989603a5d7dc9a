//! Ticks of a time whose samples are not kept any more.
//!
//! Their rows stand, computed from samples that are gone. Such a row is computed anew only from more samples than it
//! rests on; fewer of them leave no trace, which whoever appends should know.

use super::segment::{self, Access, Segment};
use super::tier::Tier;
use crate::model::UnixTime;
use std::collections::BTreeMap;
use std::path::Path;

/// The hours of such ticks.
#[derive(Debug, Default)]
pub(super) struct Late {
    hours: BTreeMap<UnixTime, Hour>,
    /// Samples that the rows of these hours rested on before, by tier and start; 0 without a row.
    rows: BTreeMap<(Tier, UnixTime), u32>,
}

#[derive(Debug)]
struct Hour {
    /// Samples that were still there.
    before: u32,
    /// Ticks that were appended.
    ticks: u32,
    /// Whether there are hourly rows of so long ago. What retention says does not tell: a clock that was ahead
    /// once makes all others look old, and removes nothing.
    has_hourly: bool,
}

impl Late {
    pub(super) fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// Takes note of an hour before its first tick, with the samples `before` that are there of it.
    pub(super) fn note(&mut self, store: &Path, hour: UnixTime, before: usize) {
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        self.hours.entry(hour).or_insert_with(|| {
            let day = Tier::Hourly.segment_of(hour);
            let days = segment::list(store, Tier::Hourly).unwrap_or_default();
            let has_hourly = days.first().is_some_and(|&oldest| oldest <= day);
            Hour { before, ticks: 0, has_hourly }
        });
        for tier in [Tier::Hourly, Tier::SixHourly] {
            let window = tier.window_of(hour);
            self.rows.entry((tier, window)).or_insert_with(|| behind(store, tier, window));
        }
    }

    /// Counts a tick that was appended, if its hour was noted.
    pub(super) fn count(&mut self, hour: UnixTime) {
        if let Some(hour) = self.hours.get_mut(&hour) {
            hour.ticks += 1;
        }
    }

    /// How many of the ticks no row takes up. `samples` tells those of hours that were not noted.
    pub(super) fn in_vain(&self, samples: impl Fn(UnixTime) -> u32) -> usize {
        let all = |hour: UnixTime| {
            self.hours.get(&hour).map_or_else(|| samples(hour), |h| h.before + h.ticks)
        };
        let taken = |tier: Tier, hour: UnixTime| {
            let window = tier.window_of(hour);
            let hours = (window..window + tier.step()).step_by(Tier::Raw.segment() as usize);
            let behind = self.rows.get(&(tier, window)).copied().unwrap_or(0);
            hours.map(all).sum::<u32>() > behind
        };
        let stays = |time: UnixTime, hour: &Hour| {
            taken(Tier::SixHourly, time) || (hour.has_hourly && taken(Tier::Hourly, time))
        };
        let lost = self.hours.iter().filter(|&(&time, hour)| !stays(time, hour));
        lost.map(|(_, hour)| hour.ticks as usize).sum()
    }
}

/// Samples that a row rests on; 0 where there is none.
fn behind(store: &Path, tier: Tier, window: UnixTime) -> u32 {
    let segment = tier.segment_of(window);
    let read = Segment::read(store, tier, segment, Access::Sparse, &mut None);
    read.map_or(0, |s| s.by_time().get(&window).map_or(0, |row| row.meta.ticks))
}
