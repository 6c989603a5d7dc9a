//! Looking at the store itself: how large it is, and whether every byte is as it was written.

use super::keep;
use super::quality::DataQuality;
use super::segment::{self, Access, Damage, Segment};
use super::skim::Skimmed;
use super::tier::{Retention, Tier};
use crate::error::{Error, Kind, Result};
use crate::model::{DAY, HOUR, UnixTime};
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How large a store is.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Stats {
    /// By tier, finest first.
    pub tiers: Vec<TierStats>,
    /// Bytes of all files.
    pub bytes: u64,
    /// Nodes in the newest row.
    pub nodes: usize,
    /// Guests in the newest row.
    pub guests: usize,
    /// Bytes of all files for each node or guest; `None` without any.
    pub bytes_per_entity: Option<f64>,
    /// Bytes of frames written since midnight UTC. The disk writes more: see docs/performance.md.
    pub bytes_written_today: u64,
    /// How long each tier is kept.
    pub retention: Retention,
}

/// How large a tier is.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct TierStats {
    /// Which one.
    pub tier: Tier,
    /// Segment files.
    pub files: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Rows in them: samples, hours or six hours.
    pub rows: usize,
    /// Time of the oldest row.
    pub oldest: Option<UnixTime>,
    /// Time of the newest row.
    pub newest: Option<UnixTime>,
}

/// What reading every byte showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verification {
    /// Files read.
    pub files: usize,
    /// Frames that are as they were written.
    pub frames: usize,
    /// Bytes read.
    pub bytes: u64,
    /// What is not as it was written; empty: all is well.
    pub findings: Vec<Finding>,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// File concerned.
    pub file: PathBuf,
    /// First byte concerned.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What kind of trouble it is.
    pub kind: FindingKind,
    /// What is wrong, in words.
    pub what: String,
}

/// What kind of trouble a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Bytes differ from what was written.
    Damaged,
    /// Bytes differ from what was written, and nothing is lost: what they say is there twice.
    Mended,
    /// The newest file of its tier ends within a frame: a writer is at work or was interrupted; it
    /// cuts that off when it next appends to the file.
    Unfinished,
    /// An older file ends within a frame: its end is lost, and nobody is at work there.
    Truncated,
    /// The system does not let it be read, so nothing is known of its content.
    Unreadable,
    /// Written by a newer version.
    Unsupported,
    /// A damaged file that the writer set aside.
    SetAside,
}

impl Verification {
    /// Whether every byte is as it was written.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// The state of a store at a glance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// How large it is.
    pub stats: Stats,
    /// How complete the collector's work is: of the ticks, whoever is in them.
    pub quality: DataQuality,
    /// Ticks in the hour that ends now.
    pub last_hour: u32,
    /// Time of the newest tick, be it in the future.
    pub newest: Option<UnixTime>,
    /// Time of the newest tick at or before now, or of the end of the newest row; be it older than
    /// what is kept.
    pub last: Option<UnixTime>,
    /// Files that a newer version wrote.
    pub newer: usize,
    /// Places that could not be read at a glance; [`Reader::verify`](super::Reader::verify) looks
    /// at every byte.
    pub damaged: usize,
}

/// Ticks in the hour that ends at `now`.
pub(super) fn last_hour(skimmed: &[Skimmed], now: UnixTime) -> u32 {
    let raw = skimmed.iter().filter(|s| s.tier == Tier::Raw);
    let hour = now.saturating_sub(HOUR - 1)..now.saturating_add(1);
    raw.map(|s| s.rows.range(hour.clone()).count() as u32).sum()
}

/// Time of the newest tick at or before `now`, or of the end of the newest row.
pub(super) fn last(skimmed: &[Skimmed], now: UnixTime) -> Option<UnixTime> {
    let of = |s: &Skimmed| {
        let (&time, _) = s.rows.range(..=now).next_back()?;
        Some(now.min(time.max(time + s.tier.step() - 1)))
    };
    skimmed.iter().filter_map(of).max()
}

/// Time of the newest tick.
pub(super) fn newest(skimmed: &[Skimmed]) -> Option<UnixTime> {
    let raw = skimmed.iter().filter(|s| s.tier == Tier::Raw);
    raw.filter_map(|s| s.rows.keys().next_back().copied()).max()
}

pub(super) fn stats(
    store: &Path,
    skimmed: &[Skimmed],
    retention: Retention,
    now: UnixTime,
) -> Result<Stats> {
    let midnight = now - now.rem_euclid(DAY);
    let of_tier = |tier: Tier| {
        let segments = || skimmed.iter().filter(move |s| s.tier == tier);
        let times = || segments().flat_map(|s| s.rows.keys().copied());
        TierStats {
            tier,
            files: segments().count(),
            bytes: segments().map(|s| s.bytes).sum(),
            rows: times().count(),
            oldest: times().min(),
            newest: times().max(),
        }
    };
    let tiers: Vec<TierStats> = Tier::ALL.map(of_tier).into();
    let bytes: u64 = tiers.iter().map(|t| t.bytes).sum();
    let (nodes, guests) = population(store, &tiers);
    let entities = nodes + guests;
    Ok(Stats {
        bytes,
        nodes,
        guests,
        bytes_per_entity: (entities > 0).then(|| bytes as f64 / entities as f64),
        bytes_written_today: skimmed.iter().map(|s| written(s, midnight..now + 1)).sum(),
        retention,
        tiers,
    })
}

/// Nodes and guests in the newest row that can be read.
fn population(store: &Path, tiers: &[TierStats]) -> (usize, usize) {
    let newest = |of: &TierStats| {
        let start = of.tier.segment_of(of.newest?);
        let segment = Segment::read(store, of.tier, start, Access::Sparse, &mut None).ok()?;
        let row = segment.rows.iter().max_by_key(|row| row.time)?;
        let nodes = row.roster.nodes.iter().filter(|n| n.present).count();
        let guests = row.roster.guests.iter().filter(|g| g.present).count();
        Some((nodes, guests))
    };
    // The finer the tier, the newer its newest row.
    let mut counted = tiers.iter().filter_map(newest);
    counted.next().unwrap_or_default()
}

/// Bytes of a segment that were written in a stretch of time: a row is written when its window is
/// over.
fn written(segment: &Skimmed, during: Range<UnixTime>) -> u64 {
    let step = segment.tier.step();
    // A roster's frame may name any time; only rows are refused by theirs.
    let frames = segment.frames.iter();
    let frames = frames.filter(|(time, _)| during.contains(&time.saturating_add(step)));
    let header = if segment.start >= during.start { segment.header } else { 0 };
    frames.map(|(_, bytes)| bytes).sum::<u64>() + header
}

pub(super) fn verify(store: &Path) -> Result<Verification> {
    let mut found = Verification::default();
    for tier in Tier::ALL {
        let starts = segment::list(store, tier)?;
        for &start in &starts {
            let path = store.join(tier.file(start));
            // A writer is at work in the newest file at most.
            let ending = match starts.last() == Some(&start) {
                true => FindingKind::Unfinished,
                false => FindingKind::Truncated,
            };
            match Segment::read(store, tier, start, Access::Whole, &mut None) {
                Ok(segment) => found.take(&segment, ending),
                Err(e) => found.unreadable_as(&path, &e, ending),
            }
        }
        found.set_aside(&store.join(tier.folder()))?;
    }
    if let Err(e) = keep::read(store) {
        found.unreadable(Path::new(&e.place), &e);
    }
    Ok(found)
}

impl Verification {
    /// A segment that was read; `ending` is what its unfinished end is, if it has one.
    fn take(&mut self, segment: &Segment, ending: FindingKind) {
        self.files += 1;
        self.bytes += segment.end + segment.unfinished();
        let mut damage = segment.damage.clone();
        for row in &segment.rows {
            damage.extend(segment.damaged_blocks(row));
        }
        damage.extend(segment.damaged_spares());
        damage.sort_by_key(|d| d.offset);
        // A frame may have many damages, and a gap is none.
        let frame_of = |d: &Damage| segment.frames.partition_point(|(start, _)| *start <= d.offset);
        let broken: BTreeSet<usize> = damage.iter().filter(|d| !d.is_gap()).map(frame_of).collect();
        self.frames += segment.frames.len().saturating_sub(broken.len());
        self.findings.extend(damage.into_iter().map(|d| Finding {
            file: segment.path.clone(),
            offset: d.offset,
            bytes: d.bytes,
            kind: if d.is_mended() { FindingKind::Mended } else { FindingKind::Damaged },
            what: d.what.to_string(),
        }));
        if segment.unfinished() > 0 {
            self.findings.push(Finding {
                file: segment.path.clone(),
                offset: segment.end,
                bytes: segment.unfinished(),
                kind: ending,
                what: "ends within a frame".into(),
            });
        }
    }

    /// A file that is not the store's was read, and is as it was written; nothing where it is absent.
    pub(crate) fn read(&mut self, path: &Path) {
        let Ok(file) = fs::symlink_metadata(path) else { return };
        self.files += 1;
        self.bytes += file.len();
    }

    /// A file cannot be read as a whole; nothing where it is absent.
    pub(crate) fn unreadable(&mut self, path: &Path, error: &Error) {
        self.unreadable_as(path, error, FindingKind::Unfinished);
    }

    fn unreadable_as(&mut self, path: &Path, error: &Error, ending: FindingKind) {
        let Ok(file) = fs::symlink_metadata(path) else { return };
        self.read(path);
        let kind = match error.kind {
            Kind::Unsupported => FindingKind::Unsupported,
            Kind::NotFound => ending,
            Kind::Io => FindingKind::Unreadable,
            _ => FindingKind::Damaged,
        };
        let what = error.message.clone();
        let (file, bytes) = (path.to_path_buf(), file.len());
        self.findings.push(Finding { file, offset: 0, bytes, kind, what });
    }

    /// Damaged files of a folder that a writer set aside.
    pub(crate) fn set_aside(&mut self, folder: &Path) -> Result<()> {
        let entries = fs::read_dir(folder).map_err(|e| Error::io(folder, &e))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|e| e == "corrupt"));
        files.sort();
        for file in files {
            let bytes = fs::symlink_metadata(&file).map_or(0, |m| m.len());
            let what = "set aside because it could not be read".to_string();
            let kind = FindingKind::SetAside;
            self.findings.push(Finding { file, offset: 0, bytes, kind, what });
        }
        Ok(())
    }
}
