//! What a writer does beside appending: rolls windows that are over, drops what is too old.

use super::append::{Appender, sync_file};
use super::roll::{self, Rolled};
use super::roster::Roster;
use super::segment::{self, Access, LastRoster, Segment};
use super::select::Witness;
use super::tier::Tier;
use super::writer::{Appended, Writer};
use crate::error::{Error, Kind, Result, Warning};
use crate::model::UnixTime;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// Samples of a raw segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) ticks: u32,
    first: UnixTime,
    last: UnixTime,
}

/// What [`Writer::compress`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compressed {
    /// Rows written to the coarser tiers.
    pub rows: usize,
    /// Segment files removed because they were too old.
    pub removed: usize,
    /// Troubles that left something undone; the next call tries again.
    pub warnings: Vec<Warning>,
}

impl Writer {
    /// Computes the rows of all windows that are over at `now`, then drops what is too old.
    ///
    /// Idempotent, and safe to interrupt: what is missing is found by comparing the tiers. Memory
    /// is bounded by six hours of samples.
    pub fn compress(&mut self, now: UnixTime) -> Result<Compressed> {
        self.flush(&mut Appended::default())?;
        let spans = self.count_samples()?;
        let mut done = Compressed::default();
        let mut held = BTreeSet::new();
        for tier in [Tier::Hourly, Tier::SixHourly] {
            held.append(&mut self.roll_tier(tier, now, &spans, &mut done));
        }
        // In a batch nothing is removed before what replaces it has been synced.
        if self.batch.is_none_or(|segments| segments == 0) {
            self.expire(now, &spans, &held, &mut done)?;
        }
        done.warnings.append(&mut self.warnings);
        Ok(done)
    }

    /// [`Writer::compress`] under the name that the plan gives it.
    pub fn compress_old_samples(&mut self, now: UnixTime) -> Result<Compressed> {
        self.compress(now)
    }

    /// Samples by raw segment.
    pub(super) fn count_samples(&mut self) -> Result<BTreeMap<UnixTime, Span>> {
        let mut last: LastRoster = None;
        let mut spans = BTreeMap::new();
        for start in segment::list(&self.dir, Tier::Raw)? {
            let path = self.dir.join(Tier::Raw.file(start));
            let len = fs::metadata(&path).map_or(0, |m| m.len());
            let span = match self.counted.get(&start) {
                Some((counted, span)) if *counted == len => *span,
                _ => {
                    let read =
                        Segment::read(&self.dir, Tier::Raw, start, Access::Sparse, &mut last);
                    read.map(|s| span_of(&s)).unwrap_or_default()
                }
            };
            self.counted.insert(start, (len, span));
            spans.insert(start, span);
        }
        self.counted.retain(|start, _| spans.contains_key(start));
        Ok(spans)
    }

    /// Rolls what is over and has more samples than its row says. Returns the raw segments of what
    /// could not be rolled: they stay until it can be, or for as long as the tier itself is kept.
    fn roll_tier(
        &mut self,
        tier: Tier,
        now: UnixTime,
        spans: &BTreeMap<UnixTime, Span>,
        done: &mut Compressed,
    ) -> BTreeSet<UnixTime> {
        let mut windows: BTreeMap<UnixTime, u32> = BTreeMap::new();
        for (&start, span) in spans.iter().filter(|(_, span)| span.ticks > 0) {
            *windows.entry(tier.window_of(start)).or_default() += span.ticks;
        }
        windows.retain(|window, _| window + tier.step() <= now);
        let mut segments: BTreeMap<UnixTime, Vec<(UnixTime, u32)>> = BTreeMap::new();
        for (window, ticks) in windows {
            segments.entry(tier.segment_of(window)).or_default().push((window, ticks));
        }
        let mut held = BTreeSet::new();
        for (start, windows) in segments {
            if let Err(e) = self.roll_segment(tier, start, &windows, spans, done) {
                let file = self.dir.join(tier.file(start));
                done.warnings.push(Warning { file, line: 0, message: e.message });
                let oldest = now - self.retention.seconds(tier);
                let kept = windows.iter().filter(|(window, _)| window + tier.step() > oldest);
                let samples =
                    kept.flat_map(|(window, _)| spans.range(window..&(window + tier.step())));
                held.extend(samples.map(|(&start, _)| start));
            }
        }
        held
    }

    fn roll_segment(
        &mut self,
        tier: Tier,
        start: UnixTime,
        windows: &[(UnixTime, u32)],
        spans: &BTreeMap<UnixTime, Span>,
        done: &mut Compressed,
    ) -> Result<()> {
        let rows = match Segment::read(&self.dir, tier, start, Access::Sparse, &mut None) {
            Ok(segment) => segment.by_time().iter().map(|(&t, r)| (t, r.meta.ticks)).collect(),
            Err(e) if e.kind == Kind::Unsupported => return Err(e),
            Err(_) => BTreeMap::new(),
        };
        let due = |&&(window, ticks): &&(UnixTime, u32)| {
            rows.get(&window).is_none_or(|&rolled| rolled < ticks)
        };
        let due: Vec<UnixTime> = windows.iter().filter(due).map(|w| w.0).collect();
        if due.is_empty() {
            return Ok(());
        }
        let opened = Appender::open(&self.dir, tier, start, &mut self.warnings)?;
        let mut appender = opened.appender;
        let before = appender.len();
        let mut roster = opened.roster.unwrap_or_default();
        for window in due {
            if let Some(rolled) = self.roll_window(tier, window, &roster, spans)? {
                appender.push(&rolled.roster, &rolled.changes, &rolled.row);
                appender.flush()?;
                roster = rolled.roster;
                done.rows += 1;
            }
        }
        match self.batch {
            // Rows that no disk may have must not pass for rolled the next time.
            None => appender.sync().inspect_err(|_| appender.undo(before)),
            Some(_) => Ok(()),
        }
    }

    fn roll_window(
        &self,
        tier: Tier,
        window: UnixTime,
        base: &Roster,
        spans: &BTreeMap<UnixTime, Span>,
    ) -> Result<Option<Rolled>> {
        let mut last: LastRoster = None;
        let before = match spans.range(..window).rfind(|(_, span)| span.ticks > 0) {
            Some((&start, _)) => {
                let read = Segment::read(&self.dir, Tier::Raw, start, Access::Sparse, &mut last)?;
                let mut witness = Witness::default();
                let told = read.by_time().into_values().filter(|row| witness.tells(&read, row));
                told.last().map(|row| (row.time, Arc::clone(&row.roster)))
            }
            None => None,
        };
        let mut segments = Vec::new();
        for (&start, _) in spans.range(window..window + tier.step()) {
            let read = Segment::read(&self.dir, Tier::Raw, start, Access::Whole, &mut last);
            segments.extend(read.ok().map(Arc::new));
        }
        let by_time = segments.iter().flat_map(|s| s.by_time().into_values().map(move |r| (s, r)));
        let samples: Vec<roll::Source<'_>> = by_time.collect();
        roll::roll(tier, window, base.clone(), before, &samples)
    }

    /// Removes segments that are older than their tier is kept, once as much newer data is there:
    /// neither a clock that jumped ahead nor a node that was off for weeks empties the store. Raw ones
    /// that are `held` stay.
    fn expire(
        &mut self,
        now: UnixTime,
        spans: &BTreeMap<UnixTime, Span>,
        held: &BTreeSet<UnixTime>,
        done: &mut Compressed,
    ) -> Result<()> {
        for tier in Tier::ALL {
            let keep = self.retention.seconds(tier);
            let starts = segment::list(&self.dir, tier)?;
            let too_old = |&start: &UnixTime| start + tier.segment() <= now - keep;
            if !starts.iter().any(too_old) {
                continue;
            }
            let mut newer = 0;
            let mut synced = BTreeSet::new();
            for start in starts.into_iter().rev() {
                let is_held = tier == Tier::Raw && held.contains(&start);
                if newer >= keep && too_old(&start) && !is_held {
                    if tier == Tier::Raw {
                        self.sync_rows_of(start, &mut synced)?;
                    }
                    let path = self.dir.join(tier.file(start));
                    fs::remove_file(&path).map_err(|e| Error::io(&path, &e))?;
                    done.removed += 1;
                    // What follows must not go to a file without a name.
                    self.active.take_if(|a| tier == Tier::Raw && a.appender.start == start);
                } else {
                    newer += self.covered(tier, start, spans);
                }
            }
        }
        Ok(())
    }

    /// Makes the rows that stand for the samples of a raw segment survive a power cut: who rolled them may have been
    /// killed before they were synced. Files that were `synced` just now need it no more.
    fn sync_rows_of(&self, start: UnixTime, synced: &mut BTreeSet<PathBuf>) -> Result<()> {
        for tier in [Tier::Hourly, Tier::SixHourly] {
            let path = self.dir.join(tier.file(tier.segment_of(tier.window_of(start))));
            if !synced.contains(&path) {
                sync_file(&path)?;
                synced.insert(path);
            }
        }
        Ok(())
    }

    /// Seconds for which a segment has data; a lone sample counts for a quarter of a segment, so
    /// that a store with few samples has a bound, too.
    fn covered(&self, tier: Tier, start: UnixTime, spans: &BTreeMap<UnixTime, Span>) -> i64 {
        let covered = match tier {
            Tier::Raw => spans.get(&start).map_or(0, |span| {
                let gaps = i64::from(span.ticks.saturating_sub(1)).max(1);
                (span.last - span.first) * i64::from(span.ticks) / gaps
            }),
            Tier::Hourly | Tier::SixHourly => {
                let read = Segment::read(&self.dir, tier, start, Access::Sparse, &mut None);
                read.map_or(0, |s| s.by_time().len() as i64 * tier.step())
            }
        };
        let least = if tier == Tier::Raw { tier.segment() / 4 } else { 0 };
        covered.clamp(least, tier.segment())
    }
}

fn span_of(segment: &Segment) -> Span {
    let rows = segment.by_time();
    let (first, last) = (rows.keys().next(), rows.keys().next_back());
    Span {
        ticks: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        first: first.copied().unwrap_or(0),
        last: last.copied().unwrap_or(0),
    }
}
