//! The bytes of a segment file, and the way through them from frame to frame.

use super::bytes::intact;
use super::file::plain;
use super::frame::{self, FrameKind, HEAD, Head};
use super::header::{self, Header};
use super::spare;
use super::tier::Tier;
use crate::error::{Error, Kind, Result};
use crate::model::UnixTime;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Largest segment that is read: an hour of 10,000 guests every second would be less.
const MAX_FILE: u64 = 2 << 30;
/// Files up to this size are read at once in any case: cheaper than two reads for each frame.
const SMALL_FILE: u64 = 256 << 10;
/// Bytes read to get a head with its meta part at once, until a row has shown how many it takes.
const SPECULATION: usize = 512;
/// Bytes by which the next row may exceed the one before without another read.
const GROWTH: usize = 32;

/// Most bytes read at once in search of the next frame.
const MOST_AHEAD: usize = 1 << 20;

/// How much of a segment is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Whole,
    Sparse,
}

/// Where the bytes of a segment come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Read whole: for reading everything in it.
    Memory(Vec<u8>),
    /// Read piece by piece: for reading one guest.
    File(File, u64),
}

/// What is found on the way through a segment.
pub(super) enum Seen<'a> {
    /// A frame.
    Frame(Head, Meta<'a>),
    /// That many bytes which are no frame.
    Nothing(u64),
}

/// The meta part of a frame.
pub(super) enum Meta<'a> {
    Intact(&'a [u8]),
    /// Rebuilt, or behind a head that was rebuilt.
    Mended(&'a [u8]),
    Damaged,
    Unread,
}

impl Source {
    /// Opens the segment of `tier` that starts at `start`, at `path`, and reads its header.
    ///
    /// [`Kind::NotFound`] when it is not there or has no header yet, [`Kind::Corrupt`] when the
    /// header is damaged, [`Kind::Unsupported`] when it is of a newer version.
    pub(super) fn open(
        path: &Path,
        tier: Tier,
        start: UnixTime,
        access: Access,
    ) -> Result<(Self, Header)> {
        let io = |e: &std::io::Error| Error::io(path, e);
        let file = plain(path)?;
        let len = file.metadata().map_err(|e| io(&e))?.len();
        if len > MAX_FILE {
            let message =
                format!("{len} bytes are more than any segment has; the file is left out");
            return Err(Error::new(Kind::Corrupt, message).at(path.display()));
        }
        let source = match access {
            Access::Sparse if len > SMALL_FILE => Self::File(file, len),
            Access::Whole | Access::Sparse => {
                let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
                file.take(len).read_to_end(&mut bytes).map_err(|e| io(&e))?;
                Self::Memory(bytes)
            }
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
        Ok((source, header))
    }

    /// Bytes there are.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, len) => *len,
        }
    }

    /// `len` bytes at `offset`, possibly through `buffer`; `None` beyond the end.
    pub(super) fn get<'a>(
        &'a self,
        offset: u64,
        len: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
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

    /// Walks from frame to frame, from `at` on, and returns where the last whole one ends. The meta
    /// part is read of the kinds that `wants` says.
    pub(super) fn walk(
        &self,
        mut at: u64,
        wants: impl Fn(FrameKind) -> bool,
        mut see: impl FnMut(u64, Seen<'_>),
    ) -> u64 {
        let (mut buffer, mut large) = (Vec::new(), Vec::new());
        let mut end = at;
        let mut expected = SPECULATION;
        while at < self.len() {
            let ahead = usize::try_from(self.len() - at).unwrap_or(usize::MAX).min(expected);
            let start = self.get(at, ahead, &mut buffer).unwrap_or_default();
            let head = Head::parse(start).filter(|h| at + h.frame_len() <= self.len());
            let (head, mended) = match head {
                Some(head) => (head, false),
                None => {
                    let Some(next) = self.next_frame(at + 1) else { break };
                    match self.lost_head(at, next) {
                        Some(head) => (head, true),
                        None => {
                            see(at, Seen::Nothing(next - at));
                            at = next;
                            continue;
                        }
                    }
                }
            };
            let len = head.meta_len as usize;
            if head.kind == FrameKind::Row {
                expected = HEAD + len + GROWTH;
            }
            if !wants(head.kind) {
                see(at, Seen::Frame(head, Meta::Unread));
            } else {
                let near = start.get(HEAD..HEAD + len);
                let meta = near.or_else(|| self.get(at + HEAD as u64, len, &mut large));
                let meta = meta.unwrap_or_default();
                match intact(meta, head.meta_crc) {
                    true if mended => see(at, Seen::Frame(head, Meta::Mended(meta))),
                    true => see(at, Seen::Frame(head, Meta::Intact(meta))),
                    false => match self.mend(at, &head, meta) {
                        Some(meta) => see(at, Seen::Frame(head, Meta::Mended(&meta))),
                        None => see(at, Seen::Frame(head, Meta::Damaged)),
                    },
                }
            }
            at += head.frame_len();
            end = at;
        }
        end
    }

    /// The spare part of the roster frame at `at`; `None` for other frames, and without one.
    pub(super) fn spare<'a>(
        &'a self,
        at: u64,
        head: &Head,
        buffer: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let is_roster = matches!(head.kind, FrameKind::Roster | FrameKind::Change);
        let len = head.blocks_len as usize;
        let from = at + HEAD as u64 + u64::from(head.meta_len);
        (is_roster && len > 0).then(|| self.get(from, len, buffer))?
    }

    fn mend(&self, at: u64, head: &Head, damaged: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = Vec::new();
        spare::mend(head, damaged, self.spare(at, head, &mut buffer)?)
    }

    /// The head of a roster frame from `at` to `next` that lacks it.
    fn lost_head(&self, at: u64, next: u64) -> Option<Head> {
        let mut buffer = Vec::new();
        spare::lost_head(self.get(at, usize::try_from(next - at).ok()?, &mut buffer)?)
    }

    /// The next whole frame from `from` on, found by its head. Reads a little and then ever more, so
    /// that many small gaps cost no more than one large.
    fn next_frame(&self, mut from: u64) -> Option<u64> {
        let mut buffer = Vec::new();
        let mut ahead = SPECULATION;
        loop {
            let left = self.len().checked_sub(from)?;
            let len = usize::try_from(left).unwrap_or(usize::MAX).min(ahead);
            let heads = self.get(from, len, &mut buffer)?.windows(HEAD).enumerate();
            let fits = |(i, head): (usize, &[u8])| {
                let frame = Head::parse(head).map(|h| i as u64 + h.frame_len());
                frame.filter(|&end| end <= left).map(|_| from + i as u64)
            };
            let found = heads.filter(|(_, w)| w.starts_with(&frame::MAGIC)).find_map(fits);
            if found.is_some() || len as u64 == left {
                return found;
            }
            // A head may lie across the end of what was read.
            from += (len - (HEAD - 1)) as u64;
            ahead = (ahead * 2).min(MOST_AHEAD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::frame::put_frame;

    #[test]
    fn the_next_frame_is_found_wherever_it_begins() {
        let mut frame = Vec::new();
        put_frame(FrameKind::Row, 0, 0, b"meta", b"blocks", &mut frame);
        for gap in (0..3 * SPECULATION).chain([5_000, 70_000]) {
            let mut bytes = vec![0xf5; gap];
            bytes.extend_from_slice(&frame);
            let source = Source::Memory(bytes.clone());
            assert_eq!(source.next_frame(0), Some(gap as u64));
            assert_eq!(source.next_frame(gap as u64 + 1), None, "no other behind it");
            bytes.pop();
            assert_eq!(Source::Memory(bytes).next_frame(0), None, "its end is missing");
        }
    }
}
