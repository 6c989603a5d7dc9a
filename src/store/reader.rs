//! Reading: no locks, no state. Every call sees whole ticks as of its moment.

use super::fleet::Fleet;
use super::history::History;
use super::inspect::{self, Overview, Stats, Verification};
use super::keep;
use super::last;
use super::past::Past;
use super::quality::{self, DataQuality, Entity, Yardstick};
use super::roll::moved;
use super::segment::{self, Access, Segment};
use super::select::{Loaded, Resolution, Witness};
use super::skim;
use super::table::Detail;
use super::tier::{Retention, Tier};
use crate::error::{Error, Kind, Result, Warning};
use crate::model::{GuestMetric, HOUR, Migration, NodeMetric, Tick, UnixTime, Vmid};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Up to so many entities' counts are read block by block.
const FEW: usize = 8;

/// Reads a store, beside a writer and any number of other readers. Holds nothing open.
#[derive(Clone, Debug)]
pub struct Reader {
    dir: PathBuf,
    retention: Retention,
}

impl Reader {
    /// A reader of the store in `dir`; [`Kind::NotFound`] when there is none.
    pub fn open(dir: &Path) -> Result<Self> {
        std::fs::read_dir(dir.join(Tier::Raw.folder())).map_err(|e| unopened(dir, &e))?;
        // A damaged one is told by `verify`, and mended by the next run of the collector.
        let retention = keep::read(dir).unwrap_or_default();
        Ok(Self { dir: dir.to_path_buf(), retention })
    }

    /// How long the store keeps what.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// The newest whole tick at or before `until`; a clock that once ran ahead does not hide what
    /// came after it. Use [`UnixTime::MAX`] for the newest of all.
    pub fn last_tick(&self, until: UnixTime) -> Result<Option<Tick>> {
        let starts = segment::list(&self.dir, Tier::Raw)?;
        for &start in starts.iter().rev().filter(|&&start| start <= until) {
            let read = Segment::read(&self.dir, Tier::Raw, start, Access::Sparse, &mut None);
            let Some(segment) = readable(read)? else { continue };
            let rows = segment.by_time();
            let newest = rows.range(..=until).rev().find_map(|(_, row)| last::tick(&segment, row));
            if newest.is_some() {
                return Ok(newest);
            }
        }
        Ok(None)
    }

    /// Hands every whole tick of a range to `take`, oldest first, each segment read once. Returns what could not be
    /// read. The first error of `take` ends it.
    pub fn each_tick(
        &self,
        range: Range<UnixTime>,
        mut take: impl FnMut(Tick) -> Result<()>,
    ) -> Result<Vec<Warning>> {
        let starts = segment::list(&self.dir, Tier::Raw)?.into_iter();
        let within = starts.filter(|start| *start < range.end && start + HOUR > range.start);
        let (mut last, mut warnings) = (None, Vec::new());
        for start in within {
            let mut loaded = Loaded::default();
            loaded.add(Segment::read(&self.dir, Tier::Raw, start, Access::Whole, &mut last));
            for segment in &loaded.segments {
                let rows = segment.by_time().into_values();
                for row in rows.filter(|row| range.contains(&row.time)) {
                    match last::tick(segment, row) {
                        Some(tick) => take(tick)?,
                        None => {
                            let lost = segment.damaged_blocks(row);
                            warnings.extend(lost.map(|damage| damage.warning(&segment.path)));
                            let (file, time) = (segment.path.clone(), row.time);
                            let message = format!("the tick at {time} is damaged and was left out");
                            warnings.push(Warning { file, line: 0, message });
                        }
                    }
                }
            }
            warnings.append(&mut loaded.warnings);
        }
        Ok(warnings)
    }

    /// What is stored of a range, read once for as many histories as are asked of it.
    pub fn past(&self, range: Range<UnixTime>) -> Result<Past> {
        Past::read(&self.dir, range)
    }

    /// [`Past::node`] of a range.
    pub fn node_history(&self, name: &str, range: Range<UnixTime>) -> Result<History<NodeMetric>> {
        Ok(self.past(range)?.node(name))
    }

    /// [`Past::guest`] of a range.
    pub fn guest_history(
        &self,
        vmid: Vmid,
        range: Range<UnixTime>,
    ) -> Result<History<GuestMetric>> {
        Ok(self.past(range)?.guest(vmid))
    }

    /// [`Past::entities`] of a range.
    pub fn entities(&self, range: Range<UnixTime>) -> Result<BTreeSet<Entity>> {
        Ok(self.past(range)?.entities())
    }

    /// The last `hours` of a node, up to and with `now`.
    pub fn get_node_history(
        &self,
        name: &str,
        hours: u32,
        now: UnixTime,
    ) -> Result<History<NodeMetric>> {
        self.node_history(name, last_hours(hours, now))
    }

    /// The last `hours` of a guest, up to and with `now`.
    pub fn get_guest_history(
        &self,
        vmid: Vmid,
        hours: u32,
        now: UnixTime,
    ) -> Result<History<GuestMetric>> {
        self.guest_history(vmid, last_hours(hours, now))
    }

    /// All nodes and guests over a range. Hours (six hours) that are not over have no hourly
    /// (six-hourly) row yet; [`Resolution::Mixed`] has their samples.
    ///
    /// [`Kind::Invalid`] when they have more rows than memory is meant for.
    pub fn fleet(
        &self,
        range: Range<UnixTime>,
        resolution: Resolution,
        detail: Detail,
    ) -> Result<Fleet> {
        let loaded = Loaded::read(&self.dir, &range, resolution, |_| Access::Whole)?;
        Fleet::new(loaded, &range, detail)
    }

    /// Moves of all guests in a range, in order of time; known as long as anything is kept.
    pub fn migrations(&self, range: Range<UnixTime>) -> Result<Vec<Migration>> {
        let migration = |time, vmid, from: &str, to: &str| Migration {
            time,
            vmid,
            from: from.to_string(),
            to: to.to_string(),
        };
        let mut moves = Vec::new();
        let six = Loaded::read(&self.dir, &range, Resolution::SixHourly, |_| Access::Sparse)?;
        let rows = six.segments.iter().flat_map(|s| s.by_time().into_values());
        let mut rolled = BTreeMap::new();
        for row in rows {
            rolled.insert(row.time, row.meta.ticks);
            moves.extend(row.meta.moves.iter().map(|m| {
                let vmid = row.roster.guests[m.guest].vmid;
                migration(m.time, vmid, row.roster.host(m.from), row.roster.host(m.to))
            }));
        }
        // What is not rolled yet is in the samples; a move needs the sample before it, too.
        let from = Tier::SixHourly.window_of(range.start).saturating_sub(HOUR);
        let starts = segment::list(&self.dir, Tier::Raw)?;
        let before = starts.iter().rfind(|&&s| s <= from).copied().unwrap_or(from);
        let raw = before..range.end;
        let raw = Loaded::read(&self.dir, &raw, Resolution::Raw, |_| Access::Sparse)?;
        let mut rows = raw.rows(&(UnixTime::MIN..range.end));
        let mut witness = Witness::default();
        rows.retain(|(segment, row)| witness.tells(segment, row));
        for pair in rows.windows(2) {
            let (before, after) = (pair[0].1, pair[1].1);
            if rolled.contains_key(&Tier::SixHourly.window_of(after.time)) {
                continue;
            }
            let moved = moved(&before.roster, &after.roster);
            moves.extend(moved.iter().map(|m| migration(after.time, m.0, m.2, m.3)));
        }
        moves.retain(|m| range.contains(&m.time));
        moves.sort_by_key(|m| (m.time, m.vmid));
        Ok(moves)
    }

    /// How much is known of a node or guest at `now`.
    pub fn get_data_quality(&self, entity: &Entity, now: UnixTime) -> Result<DataQuality> {
        let (all, _) = self.data_quality(std::slice::from_ref(entity), now)?;
        Ok(all.into_iter().next().unwrap_or_default())
    }

    /// How much is known of each of `entities` at `now`, in their order; for many hardly dearer
    /// than for one. Beside them the files and frames that could not be read.
    pub fn data_quality(
        &self,
        entities: &[Entity],
        now: UnixTime,
    ) -> Result<(Vec<DataQuality>, Vec<Warning>)> {
        let at = Yardstick { now, retention: &self.retention };
        // Samples only say who was there; counts are in the blocks of the coarse rows.
        let access = |tier| match tier {
            Tier::Hourly | Tier::SixHourly if entities.len() > FEW => Access::Whole,
            _ => Access::Sparse,
        };
        let loaded = Loaded::read(&self.dir, &at.range(), Resolution::Mixed, access)?;
        Ok((quality::of_each(&loaded, entities, at)?, loaded.warnings))
    }

    /// Files and bytes, by tier and entity.
    pub fn stats(&self, now: UnixTime) -> Result<Stats> {
        inspect::stats(&self.dir, &skim::all(&self.dir)?, self.retention, now)
    }

    /// The state of the store at a glance: cheap enough for every status call.
    pub fn overview(&self, now: UnixTime) -> Result<Overview> {
        let skimmed = skim::all(&self.dir)?;
        let at = Yardstick { now, retention: &self.retention };
        Ok(Overview {
            stats: inspect::stats(&self.dir, &skimmed, self.retention, now)?,
            quality: quality::of_collector(&skimmed, at),
            last_hour: inspect::last_hour(&skimmed, now),
            newest: inspect::newest(&skimmed),
            last: inspect::last(&skimmed, now),
            newer: skimmed.iter().filter(|s| s.newer).count(),
            damaged: skimmed.iter().map(|s| s.damaged).sum(),
        })
    }

    /// Reads every byte and tells what does not match its checksum, or does and means nothing, by file
    /// and offset.
    pub fn verify(&self) -> Result<Verification> {
        inspect::verify(&self.dir)
    }
}

/// Why there is no store to be read.
fn unopened(dir: &Path, error: &io::Error) -> Error {
    let (kind, message) = match error.kind() {
        ErrorKind::NotFound => {
            (Kind::NotFound, "no metrics store here; it is made by the first collector run")
        }
        ErrorKind::NotADirectory => {
            (Kind::Invalid, "a file stands where a metrics store has a folder; name another place")
        }
        ErrorKind::PermissionDenied => {
            (Kind::Io, "this user may not read it: ask as root, or as its owner")
        }
        _ => return Error::io(dir, error),
    };
    Error::new(kind, message).at(dir.display())
}

/// A segment that expired meanwhile or cannot be used is no segment.
fn readable(read: Result<Segment>) -> Result<Option<Segment>> {
    match read {
        Ok(segment) => Ok(Some(segment)),
        Err(e) if e.kind == Kind::Io => Err(e),
        Err(_) => Ok(None),
    }
}

fn last_hours(hours: u32, now: UnixTime) -> Range<UnixTime> {
    now.saturating_sub(i64::from(hours) * HOUR)..now.saturating_add(1)
}
