//! Which rows answer a question: the finest ones that are complete.

use super::segment::{self, Access, LastRoster, Row, Segment};
use super::table::Window;
use super::tier::Tier;
use crate::error::{Kind, Result, Warning};
use crate::model::UnixTime;
use crate::parallel::{in_parallel, threads};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// How fine the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Samples, as far back as they are kept.
    Raw,
    /// Hourly rows of all hours that are over.
    Hourly,
    /// Six-hourly rows of all such windows that are over.
    SixHourly,
    /// At each time the finest that is kept: samples, then hourly, then six-hourly.
    Mixed,
}

impl Resolution {
    fn tiers(self) -> &'static [Tier] {
        match self {
            Self::Raw => &[Tier::Raw],
            Self::Hourly => &[Tier::Hourly],
            Self::SixHourly => &[Tier::SixHourly],
            Self::Mixed => &Tier::ALL,
        }
    }
}

/// Segments that overlap a range.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) warnings: Vec<Warning>,
}

impl Loaded {
    /// Reads what the store has of `range` at this resolution. What cannot be read is told and
    /// left out.
    pub(super) fn read(
        store: &Path,
        range: &Range<UnixTime>,
        resolution: Resolution,
        access: impl Fn(Tier) -> Access + Sync,
    ) -> Result<Self> {
        // A six-hourly row is compared with all that is finer within it.
        let widest = Tier::SixHourly;
        let from = widest.window_of(range.start);
        let to = widest.window_of(range.end.saturating_sub(1)).saturating_add(widest.step());
        let mut wanted: Vec<(Tier, UnixTime)> = Vec::new();
        for &tier in resolution.tiers() {
            let starts = segment::list(store, tier)?.into_iter();
            let within = starts.filter(|&s| s < to && s.saturating_add(tier.segment()) > from);
            wanted.extend(within.map(|start| (tier, start)));
        }
        // Neighbours stay together: they often share their roster.
        let together = wanted.len().div_ceil(threads(wanted.len()));
        let parts: Vec<&[(Tier, UnixTime)]> = wanted.chunks(together.max(1)).collect();
        let read = in_parallel(&parts, |part| {
            let mut last: LastRoster = None;
            let one = |&(tier, start)| Segment::read(store, tier, start, access(tier), &mut last);
            part.iter().map(one).collect::<Vec<_>>()
        });
        let mut loaded = Self::default();
        read.into_iter().flatten().for_each(|segment| loaded.add(segment));
        Ok(loaded)
    }

    /// Takes in a segment. What cannot be read is told.
    pub(super) fn add(&mut self, read: Result<Segment>) {
        match read {
            Ok(segment) => {
                self.warnings.extend(segment.damage.iter().map(|d| d.warning(&segment.path)));
                self.segments.push(Arc::new(segment));
            }
            // Expired between listing and opening, or not begun yet.
            Err(e) if e.kind == Kind::NotFound => {}
            Err(e) => {
                let (file, message) = (e.place.clone().into(), e.message);
                self.warnings.push(Warning { file, line: 0, message });
            }
        }
    }

    /// The rows that answer for `range`, in order of time.
    pub(super) fn rows(&self, range: &Range<UnixTime>) -> Vec<(&Arc<Segment>, &Row)> {
        let mut tiers: [BTreeMap<UnixTime, (&Arc<Segment>, &Row)>; 3] = Default::default();
        for segment in &self.segments {
            let rows = segment.by_time().into_iter().map(|(time, row)| (time, (segment, row)));
            tiers[segment.header.tier as usize].extend(rows);
        }
        let all = finest(tiers, |(_, row)| row.meta.ticks);
        all.into_iter().filter(|(time, _)| range.contains(time)).map(|(_, row)| row).collect()
    }
}

/// Of rows by tier those that answer at each time: the finest, unless a coarser one stands for more
/// samples.
pub(super) fn finest<R>(
    tiers: [BTreeMap<UnixTime, R>; 3],
    ticks: impl Fn(&R) -> u32,
) -> BTreeMap<UnixTime, R> {
    let [raw, hourly, six_hourly] = tiers;
    let mut finer = raw;
    for (tier, coarser) in [(Tier::Hourly, hourly), (Tier::SixHourly, six_hourly)] {
        for (window, row) in coarser {
            let within = window..window.saturating_add(tier.step());
            let known: u64 = finer.range(within.clone()).map(|(_, r)| u64::from(ticks(r))).sum();
            if known < u64::from(ticks(&row)) {
                let replaced: Vec<UnixTime> = finer.range(within).map(|(&time, _)| time).collect();
                replaced.iter().for_each(|time| drop(finer.remove(time)));
                finer.insert(window, row);
            }
        }
    }
    finer
}

/// Tells, of rows in order of time, which say where guests were then.
///
/// A sample that was written before an older one of its segment does not: its clock had run ahead, and
/// what came when its time had come knows better.
#[derive(Default)]
pub(super) struct Witness {
    /// Segment and place in it of the last one that does.
    last: Option<(UnixTime, u64)>,
}

impl Witness {
    pub(super) fn tells(&mut self, segment: &Segment, row: &Row) -> bool {
        if segment.header.tier != Tier::Raw {
            return true;
        }
        let here = (segment.header.start, row.start);
        let overtaken = self.last.is_some_and(|last| last.0 == here.0 && here.1 < last.1);
        if !overtaken {
            self.last = Some(here);
        }
        !overtaken
    }
}

/// The window of a row.
pub(super) fn window(segment: &Segment, row: &Row) -> Window {
    Window {
        start: row.time,
        seconds: segment.header.tier.step() as u32,
        ticks: row.meta.ticks,
        expected: row.meta.expected,
    }
}
