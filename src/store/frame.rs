//! Frames: how a segment file is cut into pieces that are whole or not there.

use super::bytes::{Cursor, Put, intact};
use super::spare;
use crate::model::UnixTime;

/// First bytes of every frame.
pub(super) const MAGIC: [u8; 4] = *b"\xf5PF\n";
/// Bytes of a frame's head.
pub(super) const HEAD: usize = 36;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// All nodes, guests and storages.
    Roster,
    /// Those that changed.
    Change,
    /// Values of all of them at a moment or over a window.
    Row,
    /// Of a later minor revision; skipped.
    Other,
}

/// The head of a frame: 36 bytes with their own checksum, so that lengths can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: FrameKind,
    /// Bytes behind the head that `meta_crc` covers.
    pub(super) meta_len: u32,
    /// Bytes behind those; each block of them has its checksum in the meta part.
    pub(super) blocks_len: u32,
    /// Time of the row, or of the first row the roster is for.
    pub(super) time: UnixTime,
    /// Number of the roster in this file: rows name theirs, a change makes the next one.
    pub(super) roster: u32,
    pub(super) meta_crc: u32,
}

impl Head {
    /// Bytes of the whole frame.
    pub(super) fn frame_len(&self) -> u64 {
        HEAD as u64 + u64::from(self.meta_len) + u64::from(self.blocks_len)
    }

    /// Reads a head; `None` when the bytes are none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEAD)?;
        let mut cursor = Cursor::new(bytes);
        if cursor.take(4)? != MAGIC {
            return None;
        }
        let kind = match cursor.u32()? {
            1 => FrameKind::Roster,
            2 => FrameKind::Change,
            3 => FrameKind::Row,
            _ => FrameKind::Other,
        };
        let head = Self {
            kind,
            meta_len: cursor.u32()?,
            blocks_len: cursor.u32()?,
            time: cursor.i64()?,
            roster: cursor.u32()?,
            meta_crc: cursor.u32()?,
        };
        intact(&bytes[..HEAD - 4], cursor.u32()?).then_some(head)
    }
}

/// Appends a frame with a roster or a change of one, and what a damaged stretch of it can be mended
/// from.
pub(super) fn put_roster(
    kind: FrameKind,
    time: UnixTime,
    roster: u32,
    meta: &[u8],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let spare = vec![0; spare::len(meta.len())];
    put_frame(kind, time, roster, meta, &spare, out);
    let spare = spare::of(&out[start..start + HEAD], meta);
    let blocks = out.len() - spare.len();
    out[blocks..].copy_from_slice(&spare);
}

/// Appends a frame. Lengths are those of what was built in memory, far below 4 GiB.
pub(super) fn put_frame(
    kind: FrameKind,
    time: UnixTime,
    roster: u32,
    meta: &[u8],
    blocks: &[u8],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.bytes(&MAGIC);
    out.put_u32(match kind {
        FrameKind::Roster => 1,
        FrameKind::Change => 2,
        FrameKind::Row => 3,
        FrameKind::Other => 0,
    });
    out.put_u32(meta.len() as u32);
    out.put_u32(blocks.len() as u32);
    out.put_i64(time);
    out.put_u32(roster);
    out.put_u32(crc32fast::hash(meta));
    let crc = crc32fast::hash(&out[start..]);
    out.put_u32(crc);
    out.bytes(meta);
    out.bytes(blocks);
}
