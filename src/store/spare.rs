//! What a roster is mended from.
//!
//! All rows up to the next roster are lost with a roster, so a roster frame carries behind its meta
//! part enough to rebuild any one damaged stretch of it: a checksum for every piece of the meta
//! part, one piece that is the exclusive or of all of them, and a copy of the frame's head.

use super::bytes::{Cursor, Put, intact};
use super::frame::{FrameKind, HEAD, Head, MAGIC};

/// Pieces of a large roster.
const PIECES: usize = 16;
/// Bytes of a piece at least.
const LEAST: usize = 64;

/// Bytes of a piece of a meta part of `len` bytes; the last piece may be shorter.
fn piece(len: usize) -> usize {
    len.div_ceil(PIECES).max(LEAST)
}

/// Bytes of the spare part for a meta part of `len` bytes.
pub(super) fn len(len: usize) -> usize {
    len.div_ceil(piece(len)) * 4 + piece(len) + 4 + HEAD - 4
}

/// The spare part of a frame with this head, whose blocks it is.
pub(super) fn of(head: &[u8], meta: &[u8]) -> Vec<u8> {
    let mut spare = Vec::with_capacity(len(meta.len()));
    let mut parity = vec![0; piece(meta.len())];
    for piece in meta.chunks(parity.len()) {
        spare.put_u32(crc32fast::hash(piece));
        add(&mut parity, piece);
    }
    spare.bytes(&parity);
    let crc = crc32fast::hash(&spare);
    spare.put_u32(crc);
    // Without the magic bytes, which would make a frame of it.
    spare.bytes(head.get(4..HEAD).unwrap_or_default());
    spare
}

/// Whether the spare part of a frame with this head is as it was written.
pub(super) fn is_intact(head: &Head, spare: &[u8]) -> bool {
    let Some((pieces, copy)) = spare.split_at_checked(spare.len().saturating_sub(HEAD - 4)) else {
        return false;
    };
    let Some((pieces, crc)) = pieces.split_last_chunk::<4>() else { return false };
    intact(pieces, u32::from_le_bytes(*crc)) && copied(copy) == Some(*head)
}

/// The meta part that `damaged` was, where only one piece of it is damaged.
pub(super) fn mend(head: &Head, damaged: &[u8], spare: &[u8]) -> Option<Vec<u8>> {
    let piece = piece(damaged.len());
    let mut cursor = Cursor::new(spare);
    let mut meta = damaged.to_vec();
    let mut wrong = None;
    for (number, part) in damaged.chunks(piece).enumerate() {
        if !intact(part, cursor.u32()?) {
            if wrong.is_some() {
                return None;
            }
            wrong = Some(number * piece);
        }
    }
    let from = wrong?;
    let mut rebuilt = cursor.take(piece)?.to_vec();
    let others = damaged.chunks(piece).enumerate().filter(|(number, _)| number * piece != from);
    others.for_each(|(_, part)| add(&mut rebuilt, part));
    let place = meta.get_mut(from..)?;
    let len = place.len().min(piece);
    place[..len].copy_from_slice(&rebuilt[..len]);
    intact(&meta, head.meta_crc).then_some(meta)
}

/// The head of a roster frame that was lost, where `bytes` are that whole frame.
pub(super) fn lost_head(bytes: &[u8]) -> Option<Head> {
    let copy = bytes.get(bytes.len().checked_sub(HEAD - 4)?..)?;
    let fits = |head: &Head| {
        matches!(head.kind, FrameKind::Roster | FrameKind::Change)
            && head.frame_len() == bytes.len() as u64
    };
    copied(copy).filter(fits)
}

fn copied(copy: &[u8]) -> Option<Head> {
    let mut head = MAGIC.to_vec();
    head.bytes(copy);
    Head::parse(&head)
}

/// Adds a piece to others, bit by bit without carry.
fn add(sum: &mut [u8], piece: &[u8]) {
    sum.iter_mut().zip(piece).for_each(|(sum, byte)| *sum ^= byte);
}

#[cfg(test)]
mod tests {
    use super::super::frame::put_roster;
    use super::*;

    #[test]
    fn any_damaged_stretch_is_mended() {
        for len in [1usize, 63, 64, 65, 1_000, 1_024, 1_025, 70_000] {
            let meta: Vec<u8> = (0..len).map(|i| (i * 7 % 251) as u8).collect();
            let mut frame = Vec::new();
            put_roster(FrameKind::Roster, 3_600, 9, &meta, &mut frame);
            let head = Head::parse(&frame).unwrap();
            assert_eq!(head.frame_len(), frame.len() as u64);
            let spare = &frame[HEAD + len..];
            assert!(is_intact(&head, spare));
            for at in (0..len).step_by(len.div_ceil(50)) {
                let mut bad = meta.clone();
                let piece = at / piece(len) * piece(len);
                bad[at..(piece + super::piece(len)).min(len)].fill(0xee);
                if bad != meta {
                    assert_eq!(mend(&head, &bad, spare), Some(meta.clone()), "{len} {at}");
                }
            }
            let mut headless = frame.clone();
            headless[..HEAD].fill(0);
            assert_eq!(lost_head(&headless), Some(head));
        }
    }

    #[test]
    fn more_damage_than_that_is_no_roster() {
        let meta = vec![5; 1_000];
        let mut frame = Vec::new();
        put_roster(FrameKind::Roster, 0, 0, &meta, &mut frame);
        let head = Head::parse(&frame).unwrap();
        let mut bad = meta.clone();
        (bad[0], bad[999]) = (1, 1);
        assert_eq!(mend(&head, &bad, &frame[HEAD + 1_000..]), None);
        for cut in 0..200 {
            let _ = mend(&head, &bad[..cut], &frame[frame.len() - cut..]);
            assert_eq!(is_intact(&head, &frame[frame.len() - cut..]), cut == len(1_000));
            assert_eq!(lost_head(&frame[cut + 1..]), None);
        }
    }
}
