//! A row: the values of everything in a roster, at a moment or over a window.
//!
//! Columns are cut into blocks of 256 places with a checksum each, so that one guest can be read
//! without touching the others.

use super::bytes::{Cursor, Put};
use super::column::{self, Column};
use super::frame::{HEAD, Head};
use super::header::{Columns, Group, Header, Statistic};
use super::scale::MISSING;
use crate::model::UnixTime;
use std::borrow::Cow;

/// Places in a block.
pub(super) const BLOCK: usize = 256;

/// A guest that changed its host within a row's window; places refer to the row's roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) time: UnixTime,
    pub(super) guest: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Values of up to [`BLOCK`] places of a group: where they lie in their file, and their checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) offset: u64,
    pub(super) len: usize,
    pub(super) crc: u32,
    pub(super) group: Group,
    pub(super) places: u16,
}

/// What a row says beside its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RowMeta {
    /// Samples it was made from: 1 in the raw tier.
    pub(super) ticks: u32,
    /// Samples that a complete window has.
    pub(super) expected: u32,
    pub(super) moves: Vec<Move>,
    /// Places by group.
    pub(super) places: [usize; 3],
    blocks: Vec<Block>,
}

impl RowMeta {
    /// Blocks of a group, in order.
    pub(super) fn blocks(&self, group: Group) -> &[Block] {
        let count = |g: usize| self.places[g].div_ceil(BLOCK);
        let start: usize = (0..group as usize).map(count).sum();
        self.blocks.get(start..start + count(group as usize)).unwrap_or_default()
    }

    pub(super) fn all_blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Reads the meta part of the row whose frame begins at `at` with `head`. `None` where the bytes
    /// are none, or of another time than the file.
    pub(super) fn parse(header: &Header, head: &Head, at: u64, meta: &[u8]) -> Option<Self> {
        if !header.has(head.time) {
            return None;
        }
        let blocks_at = at + HEAD as u64 + u64::from(head.meta_len);
        let mut cursor = Cursor::new(meta);
        let mut row =
            Self { ticks: cursor.number()?, expected: cursor.number()?, ..Self::default() };
        for _ in 0..cursor.varint()? {
            let after: i64 = cursor.number()?;
            row.moves.push(Move {
                time: head.time.checked_add(after).filter(|&time| header.spans(time))?,
                guest: cursor.number()?,
                from: cursor.number()?,
                to: cursor.number()?,
            });
        }
        let mut offset = blocks_at;
        for group in Group::ALL {
            let all: usize = cursor.number()?;
            row.places[group as usize] = all;
            for first in (0..all).step_by(BLOCK) {
                let (len, crc) = (cursor.number::<u32>()?, cursor.u32()?);
                let places = (all - first).min(BLOCK) as u16;
                let len_here = usize::try_from(len).ok()?;
                row.blocks.push(Block { offset, len: len_here, crc, group, places });
                offset = offset.checked_add(u64::from(len))?;
            }
        }
        (cursor.left() == 0 && offset == blocks_at + u64::from(head.blocks_len)).then_some(row)
    }
}

/// Codes of one group: `columns[metric][statistic]` in our order and on our scales, each as long as
/// there are places or empty when nothing is known of the metric. Samples have the first alone.
pub(super) type Codes = Vec<Vec<Vec<u16>>>;

/// A row to be written.
#[derive(Clone, Debug, Default)]
pub(super) struct NewRow {
    pub(super) ticks: u32,
    pub(super) expected: u32,
    pub(super) time: UnixTime,
    pub(super) moves: Vec<Move>,
    pub(super) places: [usize; 3],
    /// By group.
    pub(super) codes: [Codes; 3],
}

impl NewRow {
    /// Meta part and blocks of the row in a segment with these columns by group.
    pub(super) fn write(&self, columns: &[Columns; 3]) -> (Vec<u8>, Vec<u8>) {
        let (mut meta, mut blocks) = (Vec::new(), Vec::new());
        meta.put_varint(u64::from(self.ticks));
        meta.put_varint(u64::from(self.expected));
        meta.put_varint(self.moves.len() as u64);
        for m in &self.moves {
            meta.put_varint(m.time.saturating_sub(self.time).max(0).cast_unsigned());
            meta.put_varint(m.guest as u64);
            meta.put_varint(m.from as u64);
            meta.put_varint(m.to as u64);
        }
        for group in Group::ALL {
            let columns = &columns[group as usize];
            let stored = !columns.metrics.is_empty();
            let places = if stored { self.places[group as usize] } else { 0 };
            meta.put_varint(places as u64);
            for start in (0..places).step_by(BLOCK) {
                let from = blocks.len();
                let range = start..(start + BLOCK).min(places);
                put_block(&self.codes[group as usize], range, group, columns, &mut blocks);
                meta.put_varint((blocks.len() - from) as u64);
                meta.put_u32(crc32fast::hash(&blocks[from..]));
            }
        }
        (meta, blocks)
    }
}

/// Which earlier column a column is likely to resemble.
fn likeness(group: Group, metric: usize, statistic: Statistic) -> Option<(usize, Statistic)> {
    match statistic {
        Statistic::Avg => {
            // What a guest takes on its host is often what it uses itself.
            let names = group.metrics();
            let is_host = names.get(metric).is_some_and(|(name, _)| *name == "memory_host");
            let own = names.iter().position(|(name, _)| *name == "memory");
            own.filter(|_| is_host).map(|own| (own, Statistic::Avg))
        }
        Statistic::P95 | Statistic::Min => Some((metric, Statistic::Avg)),
        Statistic::Max => Some((metric, Statistic::P95)),
        Statistic::Count => (metric > 0).then_some((0, Statistic::Count)),
    }
}

/// Appends one block as its file has them: a bitmap of the metrics that have columns, then those
/// columns. What only the file knows is not given, what only we know is left out.
fn put_block(
    codes: &Codes,
    range: std::ops::Range<usize>,
    group: Group,
    columns: &Columns,
    out: &mut Vec<u8>,
) {
    let ours = group.metrics();
    let part = |metric: usize, statistic: Statistic| {
        let column = codes.get(metric).and_then(|m| m.get(statistic.index()));
        column.and_then(|c| c.get(range.clone()))
    };
    let given =
        |metric| part(metric, Statistic::Avg).is_some_and(|c| c.iter().any(|&c| c != MISSING));
    let known: Vec<bool> = columns.metrics.iter().map(|m| m.ours.is_some_and(given)).collect();
    for byte in known.chunks(8) {
        let bits = byte.iter().enumerate().map(|(i, &known)| u8::from(known) << i);
        out.put_u8(bits.sum());
    }
    // The columns written so far: which, and their codes.
    let mut names: Vec<Option<(usize, Statistic)>> = Vec::new();
    let mut written: Vec<Cow<'_, [u16]>> = Vec::new();
    for (meaning, _) in columns.metrics.iter().zip(known).filter(|(_, known)| *known) {
        for &statistic in &columns.statistics {
            let what = meaning.ours.zip(statistic);
            let theirs = what.and_then(|(metric, statistic)| {
                Some(meaning.theirs(part(metric, statistic)?, statistic, ours.get(metric)?.1))
            });
            let codes = theirs.unwrap_or_else(|| vec![MISSING; range.len()].into());
            let near = what.and_then(|(metric, statistic)| likeness(group, metric, statistic));
            let near = near.and_then(|near| {
                let position = names.iter().position(|&name| name == Some(near))?;
                Some((u8::try_from(position).ok()?, written[position].as_ref()))
            });
            column::put(&codes, near, out);
            names.push(what);
            written.push(codes);
        }
    }
}

/// Where the columns of one block lie in it.
#[derive(Debug)]
pub(super) struct Layout {
    columns: Vec<Column>,
    /// Position of the first column of each metric of the file.
    first: Vec<Option<usize>>,
}

impl Layout {
    /// Reads a block of `len` places; `None` where the bytes are none.
    pub(super) fn parse(block: &[u8], meaning: &Columns, len: usize) -> Option<Self> {
        let mut cursor = Cursor::new(block);
        let bitmap = cursor.take(meaning.metrics.len().div_ceil(8))?;
        let known = |metric: usize| bitmap[metric / 8] >> (metric % 8) & 1 != 0;
        let metrics = (0..meaning.metrics.len()).filter(|&m| known(m)).count();
        // A column has at least one byte: a hostile header reserves nothing.
        let most = (metrics * meaning.statistics.len()).min(cursor.left());
        let mut columns: Vec<Column> = Vec::with_capacity(most);
        let mut first = Vec::with_capacity(meaning.metrics.len());
        for metric in 0..meaning.metrics.len() {
            first.push(known(metric).then_some(columns.len()));
            for _ in 0..if known(metric) { meaning.statistics.len() } else { 0 } {
                let column = Column::parse(&mut cursor, len)?;
                if column.refers_to().is_some_and(|other| other >= columns.len()) {
                    return None;
                }
                columns.push(column);
            }
        }
        (cursor.left() == 0).then_some(Self { columns, first })
    }

    /// Position of a column; `None` when the block has nothing of the metric.
    pub(super) fn position(&self, metric: usize, statistic: usize) -> Option<usize> {
        Some((*self.first.get(metric)?)? + statistic)
    }

    /// Decodes the column at `position` of its block into `out`, which is cleared before. `known`
    /// is a column decoded just before, which is likely to be the one referred to.
    pub(super) fn decode(
        &self,
        block: &[u8],
        position: usize,
        known: Option<(usize, &[u16])>,
        out: &mut Vec<u16>,
    ) -> Option<()> {
        out.clear();
        let column = self.columns.get(position)?;
        match (column.refers_to(), known) {
            (None, _) => column.decode(block, None, out),
            (Some(other), Some((position, codes))) if other == position => {
                column.decode(block, Some(codes), out)
            }
            // Columns refer to earlier ones only, so this ends.
            (Some(other), _) => {
                let mut codes = Vec::new();
                self.decode(block, other, None, &mut codes)?;
                column.decode(block, Some(&codes), out)
            }
        }
    }

    /// The code that the column at `position` has everywhere.
    pub(super) fn constant(&self, position: usize) -> Option<u16> {
        let column = self.columns.get(position)?;
        match column.refers_to() {
            Some(other) if column.is_reference() => self.constant(other),
            Some(_) => None,
            None => column.constant(),
        }
    }

    /// Decodes code `i` of the column at `position` of its block.
    pub(super) fn code(&self, block: &[u8], position: usize, i: usize) -> Option<u16> {
        let column = self.columns.get(position)?;
        let other = match column.refers_to() {
            Some(other) => Some(self.code(block, other, i)?),
            None => None,
        };
        column.code(block, i, other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::frame::{FrameKind, put_frame};
    use crate::store::header::{self, statistics};
    use crate::store::tier::Tier;

    fn row(tier: Tier, places: [usize; 3]) -> NewRow {
        let mut row = NewRow { ticks: 60, expected: 60, places, ..NewRow::default() };
        row.moves = vec![Move { time: 100, guest: 2, from: 0, to: 1 }];
        for group in Group::ALL {
            row.codes[group as usize] = (0..group.metrics().len())
                .map(|m| match m % 4 {
                    3 => Vec::new(),
                    _ => (0..statistics(tier).len())
                        .map(|s| (0..places[group as usize]).map(|p| (p * m + s) as u16).collect())
                        .collect(),
                })
                .collect();
        }
        row
    }

    #[test]
    fn a_row_comes_back() {
        for tier in Tier::ALL {
            let row = row(tier, [3, 600, 5]);
            let header = header::parse(&header::write(tier, 0)).unwrap();
            let (meta, blocks) = row.write(&header.groups);
            let head = head(&meta, &blocks);
            let read = RowMeta::parse(&header, &head, 1_000, &meta).unwrap();
            assert_eq!((read.ticks, read.expected, &read.moves), (60, 60, &row.moves));
            assert_eq!(read.blocks(Group::Guest).len(), 3);
            let meaning = &header.groups[Group::Guest as usize];
            for (b, block) in read.blocks(Group::Guest).iter().enumerate() {
                let start = (block.offset - 1_000) as usize - HEAD - meta.len();
                let bytes = &blocks[start..start + block.len];
                assert_eq!(crc32fast::hash(bytes), block.crc);
                let len = BLOCK.min(600 - b * BLOCK);
                let layout = Layout::parse(bytes, meaning, len).unwrap();
                assert_eq!(layout.position(3, 0), None, "nothing known");
                let mut out = Vec::new();
                for (metric, statistic) in [(1, 0), (6, 0), (6, statistics(tier).len() - 1)] {
                    let position = layout.position(metric, statistic).unwrap();
                    layout.decode(bytes, position, None, &mut out).unwrap();
                    let wrote = &row.codes[1][metric][statistic][b * BLOCK..b * BLOCK + len];
                    assert_eq!(out, wrote);
                    assert_eq!(layout.code(bytes, position, 9), Some(wrote[9]));
                }
            }
        }
    }

    /// The head of the frame of a row at the start of its segment.
    fn head(meta: &[u8], blocks: &[u8]) -> Head {
        let mut frame = Vec::new();
        put_frame(FrameKind::Row, 0, 0, meta, blocks, &mut frame);
        Head::parse(&frame).unwrap()
    }

    #[test]
    fn an_empty_row_comes_back() {
        let header = header::parse(&header::write(Tier::Raw, 0)).unwrap();
        let (meta, blocks) = row(Tier::Raw, [0; 3]).write(&header.groups);
        assert!(blocks.is_empty());
        assert!(RowMeta::parse(&header, &head(&meta, &[]), 0, &meta).is_some());
        let longer = head(&meta, &[0]);
        assert_eq!(RowMeta::parse(&header, &longer, 0, &meta), None, "lengths must agree");
    }

    #[test]
    fn a_row_is_of_the_time_of_its_file() {
        for (tier, off) in [(Tier::Hourly, 1_800), (Tier::SixHourly, 3_600), (Tier::Raw, -1)] {
            let header = header::parse(&header::write(tier, 0)).unwrap();
            let (meta, blocks) = row(tier, [0; 3]).write(&header.groups);
            let at = |time| Head { time, ..head(&meta, &blocks) };
            let is_row = |time| RowMeta::parse(&header, &at(time), 0, &meta).is_some();
            let (first, last) = (0, tier.segment() - tier.step().max(101));
            assert!(is_row(first) && is_row(last), "{tier:?}");
            for time in [off, i64::MIN, -tier.segment(), tier.segment(), i64::MAX] {
                assert!(!is_row(time), "{tier:?} {time}");
            }
        }
    }
}
