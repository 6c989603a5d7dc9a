//! Reading a segment file: its rows, each with its roster, and what is damaged.

use super::frame::{self, FrameKind, HEAD, Head};
use super::header::{self, Group, Header};
use super::roster::Roster;
use super::row::{BLOCK, Block, BlockColumns, RowMeta};
use super::tier::Tier;
use crate::error::{Error, Kind, Result, Warning};
use crate::model::UnixTime;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest segment that is read: an hour of 10,000 guests every second would be less.
const MAX_FILE: u64 = 2 << 30;
/// What is said of a frame whose content does not match its checksum.
pub(super) const CHECKSUM: &str = "wrong checksum";
/// Bytes read to get a head with its meta part at once.
const SPECULATION: usize = 512;

/// Where the bytes of a segment come from.
enum Source {
    /// Read whole: for reading everything in it.
    Memory(Vec<u8>),
    /// Read piece by piece: for reading one guest.
    File(File, u64),
}

impl Source {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, len) => *len,
        }
    }

    /// `len` bytes at `offset`, possibly through `buffer`; `None` beyond the end.
    fn get<'a>(&'a self, offset: u64, len: usize, buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let end = offset.checked_add(len as u64).filter(|&end| end <= self.len())?;
        match self {
            Self::Memory(bytes) => {
                bytes.get(usize::try_from(offset).ok()?..usize::try_from(end).ok()?)
            }
            Self::File(file, _) => {
                buffer.resize(len, 0);
                file.read_exact_at(buffer, offset).ok()?;
                Some(buffer)
            }
        }
    }
}

/// Something in a segment that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) what: &'static str,
}

impl Damage {
    /// A block whose content does not match its checksum.
    pub(super) fn of(block: &Block) -> Self {
        Self { offset: block.offset, bytes: block.len as u64, what: CHECKSUM }
    }

    /// The same for people.
    pub(super) fn warning(&self, file: &Path) -> Warning {
        let Self { offset, bytes, what } = self;
        let message = format!("{what} at offset {offset}; left out {bytes} bytes");
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

/// How much of a segment is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Whole,
    Sparse,
}

/// A segment file as far as it could be read.
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
        let io = |e: &std::io::Error| Error::io(&path, e);
        let file = File::open(&path).map_err(|e| io(&e))?;
        let len = file.metadata().map_err(|e| io(&e))?.len();
        if len > MAX_FILE {
            let message =
                format!("{len} bytes are more than any segment has; the file is left out");
            return Err(Error::new(Kind::Corrupt, message).at(path.display()));
        }
        let source = match access {
            Access::Whole => {
                let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
                file.take(len).read_to_end(&mut bytes).map_err(|e| io(&e))?;
                Source::Memory(bytes)
            }
            Access::Sparse => Source::File(file, len),
        };
        let mut buffer = Vec::new();
        let head_len = source.len().min(header::MAX_LEN as u64 + 18) as usize;
        let head = source.get(0, head_len, &mut buffer).unwrap_or_default();
        if header::write(tier, start).strip_prefix(head).is_some_and(|missing| !missing.is_empty())
        {
            // Its header is still being written, or the power went just then.
            return Err(Error::new(Kind::NotFound, "no header yet").at(path.display()));
        }
        let header = header::parse(head).map_err(|e| e.at(path.display()))?;
        if (header.tier, header.start) != (tier, start) {
            let message = "header and file name disagree; the file is left out";
            return Err(Error::new(Kind::Corrupt, message).at(path.display()));
        }
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

    /// Walks from frame to frame.
    fn scan(&mut self, last: &mut LastRoster) {
        let mut buffer = Vec::new();
        let mut at = self.end;
        while at < self.source.len() {
            let ahead = usize::try_from(self.source.len() - at).unwrap_or(usize::MAX);
            let ahead = ahead.min(SPECULATION);
            let start = self.source.get(at, ahead, &mut buffer).unwrap_or_default();
            let head = Head::parse(start);
            let fits = |h: &Head| at + h.frame_len() <= self.source.len();
            match head.filter(fits) {
                Some(head) => {
                    let meta_len = head.meta_len as usize;
                    let mut large = Vec::new();
                    let meta = match start.get(HEAD..HEAD + meta_len) {
                        Some(meta) => meta,
                        None => {
                            let from = at + HEAD as u64;
                            self.source.get(from, meta_len, &mut large).unwrap_or_default()
                        }
                    };
                    let content = if crc32fast::hash(meta) == head.meta_crc {
                        content(&head, meta, at, self.roster.as_ref(), last)
                    } else {
                        Err(CHECKSUM)
                    };
                    self.frames.push((at, head.time));
                    self.take(content, at, head.frame_len());
                    at += head.frame_len();
                    self.end = at;
                }
                None => match self.next_frame(at + 1) {
                    Some(next) => {
                        self.damaged(at, next - at, "no frame");
                        at = next;
                    }
                    None => break,
                },
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

    /// The next whole frame from `from` on, found by its head.
    fn next_frame(&self, from: u64) -> Option<u64> {
        let mut buffer = Vec::new();
        let len = usize::try_from(self.source.len().checked_sub(from)?).ok()?;
        let rest = self.source.get(from, len, &mut buffer)?;
        let starts = rest.windows(HEAD).enumerate().filter(|(_, w)| w.starts_with(&frame::MAGIC));
        let fits = |(i, w): (usize, &[u8])| {
            Head::parse(w).filter(|h| i as u64 + h.frame_len() <= len as u64).map(|_| i)
        };
        starts.filter_map(fits).next().map(|i| from + i as u64)
    }

    /// The bytes of a block, once they match their checksum.
    pub(super) fn block<'a>(&'a self, block: &Block, buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let bytes = self.source.get(block.offset, block.len, buffer)?;
        (crc32fast::hash(bytes) == block.crc).then_some(bytes)
    }

    /// The columns of block `number` of a group in a row, read through `buffer`.
    pub(super) fn columns<'a>(
        &'a self,
        row: &Row,
        group: Group,
        number: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Option<BlockColumns<'a>> {
        let block = row.meta.blocks(group).get(number)?;
        self.parse_columns(self.block(block, buffer)?, row, group, number)
    }

    /// The same for a segment that was read whole.
    pub(super) fn columns_in_memory(
        &self,
        row: &Row,
        group: Group,
        number: usize,
    ) -> Option<BlockColumns<'_>> {
        let block = row.meta.blocks(group).get(number)?;
        let Source::Memory(all) = &self.source else { return None };
        let start = usize::try_from(block.offset).ok()?;
        let bytes = all.get(start..start.checked_add(block.len)?)?;
        let intact = crc32fast::hash(bytes) == block.crc;
        self.parse_columns(intact.then_some(bytes)?, row, group, number)
    }

    fn parse_columns<'a>(
        &self,
        bytes: &'a [u8],
        row: &Row,
        group: Group,
        number: usize,
    ) -> Option<BlockColumns<'a>> {
        let places = row.meta.places[group as usize];
        let len = places.saturating_sub(number * BLOCK).min(BLOCK);
        BlockColumns::parse(bytes, &self.header.groups[group as usize], len)
    }

    /// Forgets rows at the end that were written only in part, and says where they start: a power
    /// cut may keep the length of a file but not all of its content.
    pub(super) fn drop_torn_rows(&mut self) -> u64 {
        while let Some(&(start, _)) = self.frames.last() {
            let row = self.rows.last().filter(|row| row.start == start);
            let torn = self.damage.last().is_some_and(|d| (d.offset, d.what) == (start, CHECKSUM));
            if torn {
                self.damage.pop();
            } else if row.is_some_and(|row| !self.damaged_blocks(row).is_empty()) {
                self.rows.pop();
            } else {
                break;
            }
            self.frames.pop();
            self.end = start;
        }
        self.end
    }

    /// Blocks of a row that do not match their checksums.
    pub(super) fn damaged_blocks(&self, row: &Row) -> Vec<Damage> {
        let mut buffer = Vec::new();
        let blocks = row.meta.all_blocks().iter();
        blocks.filter(|b| self.block(b, &mut buffer).is_none()).map(Damage::of).collect()
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

/// What an undamaged frame says.
fn content(
    head: &Head,
    meta: &[u8],
    at: u64,
    current: Option<&(u32, Arc<Roster>)>,
    last: &mut LastRoster,
) -> std::result::Result<Content, &'static str> {
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
            let before = current.filter(|(number, _)| number.checked_add(1) == Some(head.roster));
            let (_, before) = before.ok_or("changes a roster that is lost")?;
            let roster = before.changed(meta).ok_or("no change of a roster")?;
            Ok(Content::Roster(head.roster, Arc::new(roster)))
        }
        FrameKind::Row => {
            let blocks_at = at + HEAD as u64 + u64::from(head.meta_len);
            let row = RowMeta::parse(meta, head.time, blocks_at, u64::from(head.blocks_len));
            let row = row.ok_or("no row")?;
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
