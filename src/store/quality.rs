//! How much the store knows of a node or guest.

use super::header::{Group, Statistic};
use super::row::BLOCK;
use super::scale::MISSING;
use super::segment::{Row, Segment};
use super::select::Loaded;
use super::tier::{Retention, Tier};
use crate::model::{UnixTime, Vmid};
use std::ops::Range;
use std::sync::Arc;

/// What has a quality.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// A node by its name.
    Node(String),
    /// The newest incarnation of a guest.
    Guest(Vmid),
    /// The collector itself: every tick counts.
    Collector,
}

/// How much is known.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct DataQuality {
    /// Samples known or behind the rows that are known. A stopped guest is sampled, too.
    pub total_samples: u64,
    /// Seconds since the first of them; `None` without any.
    pub oldest_sample_age: Option<i64>,
    /// Seconds since the last of them; `None` without any.
    pub last_sample_age: Option<i64>,
    /// Longest stretch without samples between the first and the last, in seconds. Within a
    /// coarse window it is taken as one piece.
    pub largest_gap: Option<i64>,
    /// Seconds usually between two samples; `None` while no two are kept.
    pub interval: Option<i64>,
    /// By tier, finest first: share of the time it is kept for that has samples.
    pub coverage: [f64; 3],
}

/// A row as far as quality goes.
#[derive(Clone, Copy)]
struct Piece {
    tier: Tier,
    start: UnixTime,
    samples: u32,
    /// Share of the window that has samples.
    fill: f64,
}

impl Piece {
    fn end(&self) -> UnixTime {
        self.start + self.tier.step()
    }
}

pub(super) fn judge(
    loaded: &Loaded,
    range: &Range<UnixTime>,
    entity: &Entity,
    now: UnixTime,
    retention: &Retention,
) -> DataQuality {
    let chosen = pieces(&loaded.rows(range), entity);
    let gaps: Vec<i64> = chosen
        .windows(2)
        .filter(|w| w[0].tier == Tier::Raw && w[1].tier == Tier::Raw)
        .map(|w| w[1].start - w[0].start)
        .collect();
    let interval = median(gaps);
    let between = chosen.windows(2).map(|w| w[1].start - w[0].end());
    let within = chosen.iter().map(|p| (p.tier.step() as f64 * (1.0 - p.fill)).round() as i64);
    let oldest = chosen.first().map(|p| p.start);
    let last = chosen.last().map(|p| (p.end() - 1).max(p.start));
    DataQuality {
        total_samples: chosen.iter().map(|p| u64::from(p.samples)).sum(),
        oldest_sample_age: oldest.map(|t| now - t),
        last_sample_age: last.map(|t| (now - t).max(0)),
        largest_gap: between.chain(within).max().filter(|_| chosen.len() > 1),
        interval,
        coverage: Tier::ALL.map(|tier| coverage(loaded, entity, tier, now, retention, interval)),
    }
}

fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Share of a tier's time, up to `now`, that has samples of the entity.
fn coverage(
    loaded: &Loaded,
    entity: &Entity,
    tier: Tier,
    now: UnixTime,
    retention: &Retention,
    interval: Option<i64>,
) -> f64 {
    let kept = retention.seconds(tier);
    let of_tier = loaded.segments.iter().filter(|s| s.header.tier == tier);
    let rows: Vec<(&Arc<Segment>, &Row)> =
        of_tier.flat_map(|s| s.by_time().into_values().map(move |row| (s, row))).collect();
    let pieces = pieces(&rows, entity);
    let within = pieces.iter().filter(|p| p.start > now - kept && p.start <= now);
    let covered = match (tier, interval) {
        (Tier::Raw, None) => 0.0,
        (Tier::Raw, Some(interval)) => within.count() as f64 * interval as f64,
        _ => within.map(|p| p.fill * tier.step() as f64).sum(),
    };
    (covered / kept as f64).clamp(0.0, 1.0)
}

/// The rows that have samples of the entity.
fn pieces(rows: &[(&Arc<Segment>, &Row)], entity: &Entity) -> Vec<Piece> {
    let newest = match entity {
        Entity::Guest(vmid) => rows.iter().rev().find_map(|(_, row)| {
            row.roster.newest(*vmid).map(|place| (*vmid, row.roster.guests[place].since))
        }),
        _ => None,
    };
    let mut buffer = Vec::new();
    let piece = |(segment, row): &(&Arc<Segment>, &Row)| {
        let samples = match entity {
            Entity::Collector => row.meta.ticks,
            Entity::Node(name) => {
                let place = row.roster.node(name)?;
                let listed = row.roster.nodes[place].present;
                samples(segment, row, Group::Node, place, listed, &mut buffer)?
            }
            Entity::Guest(_) => {
                let (vmid, since) = newest?;
                let place = row.roster.guest(vmid, since)?;
                let guest = &row.roster.guests[place];
                let listed = guest.present;
                guest.occurs().then_some(())?;
                samples(segment, row, Group::Guest, place, listed, &mut buffer)?
            }
        };
        let fill = f64::from(samples) / f64::from(row.meta.expected.max(1));
        let tier = segment.header.tier;
        Some(Piece { tier, start: row.time, samples, fill: fill.min(1.0) })
    };
    rows.iter().filter_map(piece).collect()
}

/// Samples of an entity in a row: as many as its best known metric has. An entity that is listed
/// without values, as a stopped guest is, was seen in every tick.
fn samples(
    segment: &Segment,
    row: &Row,
    group: Group,
    place: usize,
    listed: bool,
    buffer: &mut Vec<u8>,
) -> Option<u32> {
    if segment.header.tier == Tier::Raw {
        return listed.then_some(1);
    }
    let meaning = &segment.header.groups[group as usize];
    let counted = segment.columns(row, group, place / BLOCK, buffer).and_then(|block| {
        let count = |metric| {
            let found = meaning.find(metric, Statistic::Count)?;
            let position = block.position(found.metric, found.statistic)?;
            block.code(position, place % BLOCK).filter(|&c| c != MISSING)
        };
        (0..group.metrics().len()).filter_map(count).max()
    });
    counted.map(u32::from).or(listed.then_some(row.meta.ticks))
}
