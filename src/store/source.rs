//! The bytes of a segment file, and the way through them from frame to frame.

use super::frame::{self, FrameKind, HEAD, Head};
use super::header::{self, Header};
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
/// Bytes read to get a head with its meta part at once.
const SPECULATION: usize = 512;

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
    /// A frame with its meta part; `None` where that does not match its checksum or was not
    /// asked for.
    Frame(Head, Option<&'a [u8]>),
    /// That many bytes which are no frame.
    Nothing(u64),
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
        let file = File::open(path).map_err(|e| io(&e))?;
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
        while at < self.len() {
            let ahead = usize::try_from(self.len() - at).unwrap_or(usize::MAX).min(SPECULATION);
            let start = self.get(at, ahead, &mut buffer).unwrap_or_default();
            let Some(head) = Head::parse(start).filter(|h| at + h.frame_len() <= self.len()) else {
                let Some(next) = self.next_frame(at + 1) else { break };
                see(at, Seen::Nothing(next - at));
                at = next;
                continue;
            };
            let len = head.meta_len as usize;
            let meta = match wants(head.kind) {
                true => start
                    .get(HEAD..HEAD + len)
                    .or_else(|| self.get(at + HEAD as u64, len, &mut large)),
                false => None,
            };
            see(at, Seen::Frame(head, meta.filter(|m| crc32fast::hash(m) == head.meta_crc)));
            at += head.frame_len();
            end = at;
        }
        end
    }

    /// The next whole frame from `from` on, found by its head.
    fn next_frame(&self, from: u64) -> Option<u64> {
        let mut buffer = Vec::new();
        let len = usize::try_from(self.len().checked_sub(from)?).ok()?;
        let rest = self.get(from, len, &mut buffer)?;
        let starts = rest.windows(HEAD).enumerate().filter(|(_, w)| w.starts_with(&frame::MAGIC));
        let fits = |(i, w): (usize, &[u8])| {
            Head::parse(w).filter(|h| i as u64 + h.frame_len() <= len as u64).map(|_| i)
        };
        starts.filter_map(fits).next().map(|i| from + i as u64)
    }
}
