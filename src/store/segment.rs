//! Reading a segment file: its rows, each with its roster, and what is damaged.

use super::bytes::intact;
use super::frame::{FrameKind, HEAD, Head};
use super::header::{Group, Header};
use super::roster::Roster;
use super::row::{Block, Layout, RowMeta};
pub(super) use super::source::Access;
use super::source::{Meta, Seen, Source};
use super::spare;
use super::tier::Tier;
use crate::error::{Error, Result, Warning};
use crate::model::UnixTime;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is said of a frame whose content does not match its checksum.
pub(super) const CHECKSUM: &str = "wrong checksum";
/// What is said of a block that is as it was written, and still none.
const SENSELESS: &str = "its checksum fits, but not its content";
/// What is said of bytes between frames.
const NO_FRAME: &str = "no frame";
/// What is said of a roster that was damaged and rebuilt.
const MENDED: &str = "damaged, and rebuilt from its spare part";
/// What is said of a spare part that could not rebuild anything.
const SPARE: &str = "damaged spare part of a roster";
/// What is said of a roster that could not be rebuilt.
const ROSTER_LOST: &str = "damaged roster; what follows cannot be read up to the next whole one";

/// Something in a segment that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) what: &'static str,
}

impl Damage {
    /// Whether it lies between the frames.
    pub(super) fn is_gap(&self) -> bool {
        self.what == NO_FRAME
    }

    /// Whether nothing is lost by it.
    pub(super) fn is_mended(&self) -> bool {
        [MENDED, SPARE].contains(&self.what)
    }

    /// The same for people.
    pub(super) fn warning(&self, file: &Path) -> Warning {
        let Self { offset, bytes, what } = self;
        let message = match self.is_mended() {
            true => format!("{what} at offset {offset}; nothing is lost"),
            false => format!("{what} at offset {offset}; left out {bytes} bytes"),
        };
        Warning { file: file.to_path_buf(), line: 0, message }
    }
}

/// A row with the roster that its places refer to.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) time: UnixTime,
    /// Where its frame starts in the file.
    pub(super) start: u64,
    pub(super) meta: RowMeta,
    pub(super) roster: Arc<Roster>,
}

/// A roster read before: segments often start with the same one.
pub(super) type LastRoster = Option<(Vec<u8>, Arc<Roster>)>;

/// A segment file as far as it could be read.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    source: Source,
    /// In the order of the file.
    pub(super) rows: Vec<Row>,
    /// Number and content of the last roster; `None` when it is lost.
    pub(super) roster: Option<(u32, Arc<Roster>)>,
    pub(super) damage: Vec<Damage>,
    /// Where the last whole frame ends; what follows is unfinished.
    pub(super) end: u64,
    /// Frames of any kind, in the order of the file: where they start, and their time.
    pub(super) frames: Vec<(u64, UnixTime)>,
}

impl Segment {
    /// Reads the segment of `tier` that starts at `start`, below `store`.
    pub(super) fn read(
        store: &Path,
        tier: Tier,
        start: UnixTime,
        access: Access,
        last: &mut LastRoster,
    ) -> Result<Self> {
        let path = store.join(tier.file(start));
        let (source, header) = Source::open(&path, tier, start, access)?;
        let end = header.len;
        let mut segment = Self {
            path,
            header,
            source,
            rows: Vec::new(),
            roster: None,
            damage: Vec::new(),
            end,
            frames: Vec::new(),
        };
        segment.scan(last);
        Ok(segment)
    }

    /// Bytes behind the last whole frame.
    pub(super) fn unfinished(&self) -> u64 {
        self.source.len() - self.end
    }

    /// Takes in frame after frame.
    fn scan(&mut self, last: &mut LastRoster) {
        let source = std::mem::replace(&mut self.source, Source::Memory(Vec::new()));
        self.end = source.walk(
            self.end,
            |_| true,
            |at, seen| match seen {
                Seen::Nothing(bytes) => self.damaged(at, bytes, NO_FRAME),
                Seen::Frame(head, meta) => {
                    self.frames.push((at, head.time));
                    let is_row = head.kind == FrameKind::Row;
                    let content = match meta {
                        Meta::Intact(meta) => self.content_of(&head, meta, at, last),
                        Meta::Mended(meta) => {
                            self.damaged(at, head.frame_len(), MENDED);
                            self.content_of(&head, meta, at, last)
                        }
                        Meta::Damaged if is_row => Err(CHECKSUM),
                        Meta::Damaged | Meta::Unread => Err(ROSTER_LOST),
                    };
                    self.take(content, at, head.frame_len());
                }
            },
        );
        self.source = source;
    }

    /// What an undamaged frame says.
    fn content_of(
        &self,
        head: &Head,
        meta: &[u8],
        at: u64,
        last: &mut LastRoster,
    ) -> std::result::Result<Content, &'static str> {
        let current = self.roster.as_ref();
        match head.kind {
            FrameKind::Other => Ok(Content::Nothing),
            FrameKind::Roster => {
                let roster = match last {
                    Some((bytes, roster)) if bytes == meta => Arc::clone(roster),
                    _ => Arc::new(Roster::parse(meta).ok_or("no roster")?),
                };
                *last = Some((meta.to_vec(), Arc::clone(&roster)));
                Ok(Content::Roster(head.roster, roster))
            }
            FrameKind::Change => {
                let before =
                    current.filter(|(number, _)| number.checked_add(1) == Some(head.roster));
                let (_, before) = before.ok_or("changes a roster that is lost")?;
                let roster = before.changed(meta).ok_or("no change of a roster")?;
                Ok(Content::Roster(head.roster, Arc::new(roster)))
            }
            FrameKind::Row => {
                let row = RowMeta::parse(&self.header, head, at, meta).ok_or("no row")?;
                let roster = current.filter(|(number, _)| *number == head.roster);
                let (_, roster) = roster.ok_or("refers to a roster that is lost")?;
                let fits = Group::ALL.iter().all(|&g| row.places[g as usize] <= roster.len(g))
                    && row.moves.iter().all(|m| {
                        m.guest < roster.guests.len() && m.from.max(m.to) < roster.nodes.len()
                    });
                if !fits {
                    return Err("does not fit its roster");
                }
                Ok(Content::Row(Row {
                    time: head.time,
                    start: at,
                    meta: row,
                    roster: Arc::clone(roster),
                }))
            }
        }
    }

    fn take(&mut self, content: std::result::Result<Content, &'static str>, at: u64, len: u64) {
        match content {
            Ok(Content::Row(row)) => self.rows.push(row),
            Ok(Content::Roster(number, roster)) => self.roster = Some((number, roster)),
            Ok(Content::Nothing) => {}
            Err(what) => self.damaged(at, len, what),
        }
    }

    fn damaged(&mut self, offset: u64, bytes: u64, what: &'static str) {
        self.damage.push(Damage { offset, bytes, what });
    }

    /// A block, read through `buffer`, and where its columns are.
    pub(super) fn columns<'a>(
        &'a self,
        block: &Block,
        buffer: &'a mut Vec<u8>,
    ) -> std::result::Result<(&'a [u8], Layout), Damage> {
        let bytes = self.source.get(block.offset, block.len, buffer).unwrap_or_default();
        Ok((bytes, self.layout(block, bytes)?))
    }

    /// Where the columns are in the bytes of a block; or what is wrong with them.
    pub(super) fn layout(
        &self,
        block: &Block,
        bytes: &[u8],
    ) -> std::result::Result<Layout, Damage> {
        let damage = |what| Damage { offset: block.offset, bytes: block.len as u64, what };
        if !intact(bytes, block.crc) {
            return Err(damage(CHECKSUM));
        }
        let meaning = &self.header.groups[block.group as usize];
        Layout::parse(bytes, meaning, block.places.into()).ok_or_else(|| damage(SENSELESS))
    }

    /// The bytes of a block of a segment that was read whole, unchecked.
    pub(super) fn in_memory(&self, block: &Block) -> Option<&[u8]> {
        let Source::Memory(all) = &self.source else { return None };
        let start = usize::try_from(block.offset).ok()?;
        all.get(start..start.checked_add(block.len)?)
    }

    /// Forgets rows at the end that were written only in part, and says where they start: a power
    /// cut may keep the length of a file but not all of its content.
    pub(super) fn drop_torn_rows(&mut self) -> u64 {
        while let Some(&(start, _)) = self.frames.last() {
            let row = self.rows.last().filter(|row| row.start == start);
            let damaged = self.damage.last().filter(|d| d.offset == start);
            let torn = damaged.is_some_and(|d| [CHECKSUM, ROSTER_LOST].contains(&d.what));
            if torn {
                self.damage.pop();
            } else if row.is_some_and(|row| self.damaged_blocks(row).any(|d| d.what == CHECKSUM)) {
                self.rows.pop();
            } else {
                break;
            }
            self.frames.pop();
            self.end = start;
        }
        self.end
    }

    /// Blocks of a row that cannot be used.
    pub(super) fn damaged_blocks(&self, row: &Row) -> impl Iterator<Item = Damage> {
        let mut buffer = Vec::new();
        row.meta.all_blocks().iter().filter_map(move |b| self.columns(b, &mut buffer).err())
    }

    /// Spare parts of rosters that are not as they were written.
    pub(super) fn damaged_spares(&self) -> Vec<Damage> {
        let mut damage = Vec::new();
        self.source.walk(
            self.header.len,
            |_| false,
            |at, seen| {
                let Seen::Frame(head, _) = seen else { return };
                let mut buffer = Vec::new();
                let intact = |bytes: &[u8]| spare::is_intact(&head, bytes);
                if !self.source.spare(at, &head, &mut buffer).is_none_or(intact) {
                    let offset = at + HEAD as u64 + u64::from(head.meta_len);
                    let bytes = u64::from(head.blocks_len);
                    damage.push(Damage { offset, bytes, what: SPARE });
                }
            },
        );
        damage
    }

    /// Rows by time; a later row for the same time replaces an earlier one.
    pub(super) fn by_time(&self) -> BTreeMap<UnixTime, &Row> {
        self.rows.iter().map(|row| (row.time, row)).collect()
    }
}

enum Content {
    Roster(u32, Arc<Roster>),
    Row(Row),
    Nothing,
}

/// Starts of the segments of a tier, oldest first.
pub(super) fn list(store: &Path, tier: Tier) -> Result<Vec<UnixTime>> {
    let folder = store.join(tier.folder());
    let mut starts = Vec::new();
    let entries = match std::fs::read_dir(&folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(starts),
        entries => entries.map_err(|e| Error::io(&folder, &e))?,
    };
    for entry in entries {
        let name = entry.map_err(|e| Error::io(&folder, &e))?.file_name();
        starts.extend(name.to_str().and_then(|name| tier.start_of(name)));
    }
    starts.sort_unstable();
    Ok(starts)
}
