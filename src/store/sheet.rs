//! Many rows side by side: columns of files turned into series of codes when they are needed.

use super::header::{Found, Group, Statistic};
use super::row::{BLOCK, Block, Layout};
use super::scale::{MISSING, Scale};
use super::segment::{Damage, Row, Segment};
use crate::error::{Error, Result as Checked, Warning};
use crate::parallel::in_parallel;
use std::sync::Arc;

/// Where the places of a roster go: index of an entity, or `None` for those left out.
pub(super) type Map = Arc<[Option<u32>]>;

/// Most places of all rows that are laid side by side, 64 MiB of each statistic: 10,000 guests have 29 million in two
/// years of six hours, or in two days of minutes.
const MOST: usize = 1 << 25;

/// Refuses to lay so many places side by side: a small file can claim more than any memory holds.
pub(super) fn check_size(places: usize) -> Checked<()> {
    if places <= MOST {
        return Ok(());
    }
    let message = format!(
        "nodes and guests times rows are {places}, more than the {MOST} taken at a time; \
         ask for a shorter time"
    );
    Err(Error::invalid(message).at("store"))
}

/// Rows of segments in memory, of one group, each with the entities behind its places.
#[derive(Debug)]
pub(super) struct Sheet {
    group: Group,
    /// One for each column of the output.
    rows: Vec<SheetRow>,
    /// Blocks that cannot be used.
    pub(super) damage: Vec<Warning>,
}

#[derive(Debug)]
struct SheetRow {
    segment: Arc<Segment>,
    /// Blocks and where their columns are, or what is wrong with them.
    blocks: Vec<Result<(Block, Layout), Damage>>,
    /// Samples behind the row, as the code of a count.
    ticks: u16,
    map: Map,
}

impl SheetRow {
    /// A row of a segment in memory, with its blocks checked.
    fn new(segment: &Arc<Segment>, row: &Row, group: Group, map: Map) -> Self {
        let checked = |block: &Block| {
            let bytes = segment.in_memory(block).unwrap_or_default();
            Ok((*block, segment.layout(block, bytes)?))
        };
        let blocks = row.meta.blocks(group).iter().map(checked).collect();
        let ticks = u16::try_from(row.meta.ticks).unwrap_or(MISSING);
        Self { segment: Arc::clone(segment), blocks, ticks, map }
    }

    fn block(&self, number: usize) -> Option<(&[u8], &Layout)> {
        let (block, layout) = self.blocks.get(number)?.as_ref().ok()?;
        Some((self.segment.in_memory(block)?, layout))
    }
}

impl Sheet {
    /// The rows, each with its map, in the order of the columns of the output; checked on several
    /// cores.
    pub(super) fn new(group: Group, rows: &[((&Arc<Segment>, &Row), Map)]) -> Self {
        let sheet_row = |((segment, row), map): &((&Arc<Segment>, &Row), Map)| {
            SheetRow::new(segment, row, group, Arc::clone(map))
        };
        let sheet = Self { group, rows: in_parallel(rows, sheet_row), damage: Vec::new() };
        let damage = sheet.rows.iter().flat_map(|row| {
            let lost = row.blocks.iter().filter_map(|block| block.as_ref().err());
            lost.map(|damage| damage.warning(&row.segment.path))
        });
        Self { damage: damage.collect(), ..sheet }
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

    /// Codes of metrics by statistic, each `out[entity * width + position]`; empty when no row has
    /// any, and for statistics that are not asked for. Counts are empty, too, where they are all
    /// those of the windows.
    pub(super) fn gather(
        &self,
        metrics: &[(usize, Scale)],
        statistics: &[Statistic],
        entities: usize,
        width: usize,
    ) -> Vec<[Vec<u16>; 5]> {
        let mut out: Vec<[Vec<u16>; 5]> = vec![Default::default(); metrics.len()];
        let mut wanted = Vec::new();
        for (&(metric, scale), out) in metrics.iter().zip(&mut out) {
            let complete = self.is_complete(metric);
            for (statistic, out) in Statistic::ALL.iter().zip(out) {
                let told = complete && *statistic == Statistic::Count;
                if statistics.contains(statistic) && !told {
                    wanted.push((self.find(metric, *statistic), scale, out));
                }
            }
        }
        let (mut codes, mut before) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
        let most = self.rows.iter().map(|r| r.blocks.len()).max().unwrap_or(0);
        // Blocks outside, rows inside: the output of a block stays in the nearest caches. All
        // columns of a block in turn: they are neighbours.
        for b in 0..most {
            let mut last: Option<(&Map, Way<'_>)> = None;
            for (position, row) in self.rows.iter().enumerate() {
                let Some((block, layout)) = row.block(b) else { continue };
                let way = match last {
                    Some((map, way)) if Arc::ptr_eq(map, &row.map) => way,
                    _ => Way::new(row.map.get(b * BLOCK..).unwrap_or_default()),
                };
                last = Some((&row.map, way));
                let mut known = None;
                for (find, scale, out) in &mut wanted {
                    let found = find(row);
                    let at = found.and_then(|f| layout.position(f.metric, f.statistic));
                    let (Some(found), Some(at)) = (found, at) else { continue };
                    let same = known.map(|at| (at, before.as_slice()));
                    if layout.decode(block, at, same, &mut codes).is_none() {
                        continue;
                    }
                    if out.is_empty() {
                        **out = vec![MISSING; entities * width];
                    }
                    let out = out.get_mut(position..).unwrap_or_default();
                    if found.is_ours() {
                        way.scatter(&codes, width, out, |code| code);
                    } else {
                        way.scatter(&codes, width, out, |code| found.ours(code, *scale));
                    }
                    std::mem::swap(&mut codes, &mut before);
                    known = Some(at);
                }
            }
        }
        out
    }
}

/// Where the places of a block go.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// To entities that follow each other from this one on, as they mostly do.
    Run(usize),
    Map(&'a [Option<u32>]),
}

impl<'a> Way<'a> {
    /// For the block that `map` begins with.
    fn new(map: &'a [Option<u32>]) -> Self {
        let map = &map[..map.len().min(BLOCK)];
        match map.first() {
            Some(&Some(first)) if map.iter().zip(first..).all(|(&e, next)| e == Some(next)) => {
                Self::Run(first as usize)
            }
            _ => Self::Map(map),
        }
    }

    /// Puts each code into the row of its entity.
    fn scatter(self, codes: &[u16], width: usize, out: &mut [u16], ours: impl Fn(u16) -> u16) {
        match self {
            Self::Run(first) => {
                let rows = out.get_mut(first * width..).unwrap_or_default();
                let slots = rows.iter_mut().step_by(width.max(1));
                slots.zip(codes).for_each(|(slot, &code)| *slot = ours(code));
            }
            Self::Map(map) => {
                for (&code, entity) in codes.iter().zip(map) {
                    let Some(entity) = entity else { continue };
                    if let Some(slot) = out.get_mut(*entity as usize * width) {
                        *slot = ours(code);
                    }
                }
            }
        }
    }
}
