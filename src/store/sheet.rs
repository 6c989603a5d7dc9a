//! Many rows side by side: columns of files turned into series of codes.

use super::header::{Group, Statistic};
use super::row::{BLOCK, Block, BlockColumns};
use super::scale::{MISSING, Scale};
use super::segment::{Damage, Row, Segment};
use crate::error::Warning;
use std::rc::Rc;

/// Where the places of a roster go: index of an entity, or `None` for those left out.
pub(super) type Map = Rc<[Option<u32>]>;

/// Rows of segments in memory, of one group, each with the entities behind its places.
pub(super) struct Sheet<'a> {
    group: Group,
    rows: Vec<SheetRow<'a>>,
    /// Blocks that did not match their checksum.
    pub(super) damage: Vec<Warning>,
}

struct SheetRow<'a> {
    /// Column of the output.
    position: usize,
    segment: &'a Segment,
    blocks: Vec<Option<BlockColumns<'a>>>,
    map: Map,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(group: Group) -> Self {
        Self { group, rows: Vec::new(), damage: Vec::new() }
    }

    /// Adds a row that becomes column `position` of the output.
    pub(super) fn push(&mut self, position: usize, segment: &'a Segment, row: &Row, map: Map) {
        let count = row.meta.blocks(self.group).len();
        let block = |b| segment.columns_in_memory(row, self.group, b);
        let blocks: Vec<_> = (0..count).map(block).collect();
        let lost = blocks.iter().zip(row.meta.blocks(self.group)).filter(|(b, _)| b.is_none());
        let damage = |(_, block): (_, &Block)| Damage::of(block).warning(&segment.path);
        self.damage.extend(lost.map(damage));
        self.rows.push(SheetRow { position, segment, blocks, map });
    }

    /// Codes of a metric's statistic, `out[entity * width + position]`; empty when no row has any.
    pub(super) fn gather(
        &self,
        metric: usize,
        scale: Scale,
        statistic: Statistic,
        entities: usize,
        width: usize,
    ) -> Vec<u16> {
        let mut out = Vec::new();
        let mut scratch = Vec::with_capacity(BLOCK);
        let most = self.rows.iter().map(|r| r.blocks.len()).max().unwrap_or(0);
        // Blocks outside, rows inside: the output of a block stays in the nearest cache.
        for b in 0..most {
            for row in &self.rows {
                let Some(Some(block)) = row.blocks.get(b) else { continue };
                if row.decode(self.group, block, metric, scale, statistic, &mut scratch).is_none() {
                    continue;
                }
                if out.is_empty() {
                    out = vec![MISSING; entities * width];
                }
                let map = row.map.get(b * BLOCK..).unwrap_or_default();
                for (&code, entity) in scratch.iter().zip(map) {
                    if let Some(entity) = entity {
                        out[*entity as usize * width + row.position] = code;
                    }
                }
            }
        }
        out
    }
}

impl SheetRow<'_> {
    /// Decodes our metric's statistic from a block; `None` when there is nothing.
    fn decode(
        &self,
        group: Group,
        block: &BlockColumns<'_>,
        metric: usize,
        scale: Scale,
        statistic: Statistic,
        out: &mut Vec<u16>,
    ) -> Option<()> {
        let found = self.segment.header.groups[group as usize].find(metric, statistic)?;
        block.decode(block.position(found.metric, found.statistic)?, out)?;
        out.iter_mut().for_each(|code| *code = found.ours(*code, scale));
        Some(())
    }
}
