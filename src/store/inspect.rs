//! Looking at the store itself: how large it is, and whether every byte is as it was written.

use super::segment::{self, Access, Segment};
use super::tier::Tier;
use crate::error::{Error, Kind, Result};
use crate::model::{DAY, UnixTime};
use std::fs;
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
    /// Segment files read.
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
    /// The file ends within a frame: a writer is at work or was interrupted; it cuts that off
    /// when it next appends to the file.
    Unfinished,
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

pub(super) fn stats(store: &Path, now: UnixTime) -> Result<Stats> {
    let midnight = now - now.rem_euclid(DAY);
    let mut stats = Stats::default();
    let mut newest: Option<(UnixTime, usize, usize)> = None;
    for tier in Tier::ALL {
        let mut of_tier =
            TierStats { tier, files: 0, bytes: 0, rows: 0, oldest: None, newest: None };
        for start in segment::list(store, tier)? {
            let path = store.join(tier.file(start));
            let Ok(file) = fs::metadata(&path) else { continue };
            of_tier.files += 1;
            of_tier.bytes += file.len();
            let read = Segment::read(store, tier, start, Access::Sparse, &mut None);
            let Ok(segment) = read else { continue };
            let rows = segment.by_time();
            of_tier.rows += rows.len();
            of_tier.oldest = of_tier.oldest.or(rows.keys().next().copied());
            if let Some((&time, row)) = rows.last_key_value() {
                of_tier.newest = Some(time);
                let nodes = row.roster.nodes.iter().filter(|n| n.present).count();
                let guests = row.roster.guests.iter().filter(|g| g.present).count();
                newest = newest.max(Some((time, nodes, guests)));
            }
            stats.bytes_written_today += written_since(&segment, midnight, now);
        }
        stats.bytes += of_tier.bytes;
        stats.tiers.push(of_tier);
    }
    if let Some((_, nodes, guests)) = newest {
        (stats.nodes, stats.guests) = (nodes, guests);
        let entities = nodes + guests;
        stats.bytes_per_entity = (entities > 0).then(|| stats.bytes as f64 / entities as f64);
    }
    Ok(stats)
}

/// Bytes of the frames that were written from `midnight` to `now`: a row is written when its
/// window is over.
fn written_since(segment: &Segment, midnight: UnixTime, now: UnixTime) -> u64 {
    let step = segment.header.tier.step();
    let ends = segment.frames.iter().skip(1).map(|f| f.0).chain([segment.end]);
    let frames = segment.frames.iter().zip(ends);
    let today = frames.filter(|((_, time), _)| (midnight..=now).contains(&(time + step)));
    let frames: u64 = today.map(|((start, _), end)| end - start).sum();
    let header = if segment.header.start >= midnight { segment.header.len } else { 0 };
    frames + header
}

pub(super) fn verify(store: &Path) -> Result<Verification> {
    let mut found = Verification::default();
    for tier in Tier::ALL {
        for start in segment::list(store, tier)? {
            let path = store.join(tier.file(start));
            match Segment::read(store, tier, start, Access::Whole, &mut None) {
                Ok(segment) => found.take(&segment),
                Err(e) => found.unreadable(&path, &e),
            }
        }
        found.set_aside(&store.join(tier.folder()))?;
    }
    Ok(found)
}

impl Verification {
    fn take(&mut self, segment: &Segment) {
        self.files += 1;
        self.bytes += segment.end + segment.unfinished();
        let mut damage = segment.damage.clone();
        for row in &segment.rows {
            damage.extend(segment.damaged_blocks(row));
        }
        damage.sort_by_key(|d| d.offset);
        self.frames += segment.frames.len().saturating_sub(damage.len());
        self.findings.extend(damage.into_iter().map(|d| Finding {
            file: segment.path.clone(),
            offset: d.offset,
            bytes: d.bytes,
            kind: FindingKind::Damaged,
            what: d.what.to_string(),
        }));
        if segment.unfinished() > 0 {
            self.findings.push(Finding {
                file: segment.path.clone(),
                offset: segment.end,
                bytes: segment.unfinished(),
                kind: FindingKind::Unfinished,
                what: "ends within a frame".into(),
            });
        }
    }

    fn unreadable(&mut self, path: &Path, error: &Error) {
        let Ok(file) = fs::metadata(path) else { return };
        self.files += 1;
        self.bytes += file.len();
        let kind = match error.kind {
            Kind::Unsupported => FindingKind::Unsupported,
            Kind::NotFound => FindingKind::Unfinished,
            _ => FindingKind::Damaged,
        };
        let what = error.message.clone();
        let (file, bytes) = (path.to_path_buf(), file.len());
        self.findings.push(Finding { file, offset: 0, bytes, kind, what });
    }

    fn set_aside(&mut self, folder: &Path) -> Result<()> {
        let entries = fs::read_dir(folder).map_err(|e| Error::io(folder, &e))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|e| e == "corrupt"));
        files.sort();
        for file in files {
            let bytes = fs::metadata(&file).map_or(0, |m| m.len());
            let what = "set aside because its header is damaged".to_string();
            let kind = FindingKind::SetAside;
            self.findings.push(Finding { file, offset: 0, bytes, kind, what });
        }
        Ok(())
    }
}
