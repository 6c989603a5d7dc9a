//! Many rows side by side: columns of files turned into series of codes when they are needed.

use super::bytes::intact;
use super::header::{Found, Group, Statistic};
use super::row::{BLOCK, Block, Layout};
use super::scale::{MISSING, Scale};
use super::segment::{Damage, Row, Segment};
use crate::error::Warning;
use std::sync::Arc;

/// Where the places of a roster go: index of an entity, or `None` for those left out.
pub(super) type Map = Arc<[Option<u32>]>;

/// Rows of segments in memory, of one group, each with the entities behind its places.
#[derive(Debug)]
pub(super) struct Sheet {
    group: Group,
    rows: Vec<SheetRow>,
    /// Blocks that did not match their checksum.
    pub(super) damage: Vec<Warning>,
}

#[derive(Debug)]
struct SheetRow {
    /// Column of the output.
    position: usize,
    segment: Arc<Segment>,
    /// Blocks that match their checksums, and where their columns are.
    blocks: Vec<Option<(Block, Layout)>>,
    /// Samples behind the row, as the code of a count.
    ticks: u16,
    map: Map,
}

impl SheetRow {
    fn block(&self, number: usize) -> Option<(&[u8], &Layout)> {
        let (block, layout) = self.blocks.get(number)?.as_ref()?;
        Some((self.segment.in_memory(block)?, layout))
    }
}

impl Sheet {
    pub(super) fn new(group: Group) -> Self {
        Self { group, rows: Vec::new(), damage: Vec::new() }
    }

    /// Adds a row that becomes column `position` of the output.
    pub(super) fn push(&mut self, position: usize, segment: &Arc<Segment>, row: &Row, map: Map) {
        let all = row.meta.blocks(self.group);
        let places = row.meta.places[self.group as usize];
        let layout = |(number, block): (usize, &Block)| {
            let bytes = segment.in_memory(block)?;
            let layout = intact(bytes, block.crc)
                .then(|| segment.layout(bytes, self.group, places, number))??;
            Some((*block, layout))
        };
        let blocks: Vec<_> = all.iter().enumerate().map(layout).collect();
        let lost = all.iter().zip(&blocks).filter(|(_, intact)| intact.is_none());
        self.damage.extend(lost.map(|(block, _)| Damage::of(block).warning(&segment.path)));
        let segment = Arc::clone(segment);
        let ticks = u16::try_from(row.meta.ticks).unwrap_or(MISSING);
        self.rows.push(SheetRow { position, segment, blocks, ticks, map });
    }

    /// Where a metric's statistic is in the rows of a segment; looked up once for each segment.
    fn find<'a>(
        &'a self,
        metric: usize,
        statistic: Statistic,
    ) -> impl FnMut(&'a SheetRow) -> Option<Found> {
        let mut last: Option<(&Arc<Segment>, Option<Found>)> = None;
        move |row| match last {
            Some((segment, found)) if Arc::ptr_eq(segment, &row.segment) => found,
            _ => {
                let meaning = &row.segment.header.groups[self.group as usize];
                last.insert((&row.segment, meaning.find(metric, statistic))).1
            }
        }
    }

    /// Whether every value of a metric stands for all samples of its row, so that counts say
    /// nothing new.
    fn is_complete(&self, metric: usize) -> bool {
        let mut find = self.find(metric, Statistic::Count);
        self.rows.iter().all(|row| {
            let Some(found) = find(row) else { return true };
            let complete = |number| {
                let Some((_, layout)) = row.block(number) else { return true };
                let Some(column) = layout.position(found.metric, found.statistic) else {
                    return true;
                };
                found.counts_samples() || layout.constant(column) == Some(row.ticks)
            };
            (0..row.blocks.len()).all(complete)
        })
    }

    /// Codes of a metric by statistic, each `out[entity * width + position]`; empty when no row
    /// has any, and for statistics that are not asked for. Counts are empty, too, where they are
    /// all those of the windows.
    pub(super) fn gather(
        &self,
        metric: usize,
        scale: Scale,
        statistics: &[Statistic],
        entities: usize,
        width: usize,
    ) -> [Vec<u16>; 5] {
        let mut out: [Vec<u16>; 5] = Default::default();
        let uncounted = [Statistic::Count].repeat(usize::from(self.is_complete(metric)));
        let wanted = statistics.iter().filter(|s| !uncounted.contains(s));
        let mut finders: Vec<_> = wanted.map(|&s| (s, self.find(metric, s))).collect();
        let (mut codes, mut before) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
        let most = self.rows.iter().map(|r| r.blocks.len()).max().unwrap_or(0);
        // Blocks outside, rows inside: the output of a block stays in the nearest cache.
        for b in 0..most {
            for row in &self.rows {
                let Some((block, layout)) = row.block(b) else { continue };
                let map = row.map.get(b * BLOCK..).unwrap_or_default();
                let mut known = None;
                for (statistic, find) in &mut finders {
                    let found = find(row);
                    let position = found.and_then(|f| layout.position(f.metric, f.statistic));
                    let (Some(found), Some(position)) = (found, position) else { continue };
                    let same = known.map(|position| (position, before.as_slice()));
                    if layout.decode(block, position, same, &mut codes).is_none() {
                        continue;
                    }
                    let column = &mut out[statistic.index()];
                    if column.is_empty() {
                        *column = vec![MISSING; entities * width];
                    }
                    let column = column.get_mut(row.position..).unwrap_or_default();
                    if found.is_ours() {
                        scatter(&codes, map, width, column, |code| code);
                    } else {
                        scatter(&codes, map, width, column, |code| found.ours(code, scale));
                    }
                    std::mem::swap(&mut codes, &mut before);
                    known = Some(position);
                }
            }
        }
        out
    }
}

/// Puts each code into the row of its entity.
fn scatter(
    codes: &[u16],
    map: &[Option<u32>],
    width: usize,
    out: &mut [u16],
    ours: impl Fn(u16) -> u16,
) {
    // Mostly places follow each other as entities do: then the way is a plain stride.
    let map = &map[..map.len().min(codes.len())];
    let first = map.first().copied().flatten();
    let runs = map.iter().zip(0u32..).all(|(&e, i)| e.is_some() && e == first.map(|f| f + i));
    if let (true, Some(first)) = (runs, first) {
        let rows = out.get_mut(first as usize * width..).unwrap_or_default();
        let slots = rows.iter_mut().step_by(width.max(1));
        slots.zip(codes).for_each(|(slot, &code)| *slot = ours(code));
        return;
    }
    for (&code, entity) in codes.iter().zip(map) {
        let Some(entity) = entity else { continue };
        if let Some(slot) = out.get_mut(*entity as usize * width) {
            *slot = ours(code);
        }
    }
}
