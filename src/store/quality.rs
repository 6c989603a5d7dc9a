//! How much the store knows of a node or guest.

use super::header::{Group, Statistic};
use super::roster::Roster;
use super::row::BLOCK;
use super::scale::MISSING;
use super::segment::{Row, Segment};
use super::select::{self, Loaded};
use super::sheet::check_size;
use super::skim::{Glimpse, Skimmed};
use super::tier::{Retention, Tier};
use crate::error::Result;
use crate::model::{GuestStatus, UnixTime, Vmid};
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
    /// Samples known or behind the rows that are known. What a sample lists is known, whether it
    /// runs or not: a stopped guest and a node that is off owe no values. Of a guest whose run state nobody
    /// reported nothing is known.
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
#[derive(Clone, Copy, Debug)]
struct Piece {
    tier: Tier,
    start: UnixTime,
    samples: u32,
    /// Share of the window that has samples.
    fill: f64,
}

impl Piece {
    fn new(tier: Tier, start: UnixTime, samples: u32, expected: u32) -> Self {
        let fill = f64::from(samples) / f64::from(expected.max(1));
        Self { tier, start, samples, fill: fill.min(1.0) }
    }

    fn end(&self) -> UnixTime {
        self.start + self.tier.step()
    }
}

/// As of when, and compared with what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Yardstick<'a> {
    pub(super) now: UnixTime,
    pub(super) retention: &'a Retention,
}

impl Yardstick<'_> {
    /// All that is kept, up to and with now.
    pub(super) fn range(&self) -> Range<UnixTime> {
        self.retention.range(self.now)
    }

    /// `chosen` are the rows that answer for each time, `of_tier` all rows of a tier.
    fn judge(&self, chosen: &[Piece], of_tier: impl Fn(Tier) -> Vec<Piece>) -> DataQuality {
        let gaps = chosen
            .windows(2)
            .filter(|w| w[0].tier == Tier::Raw && w[1].tier == Tier::Raw)
            .map(|w| w[1].start - w[0].start);
        let interval = median(gaps.collect());
        let between = chosen.windows(2).map(|w| w[1].start - w[0].end());
        // What is missing of the first row mostly is the time before the first sample.
        let inside = chosen.iter().skip(1);
        let within = inside.map(|p| (p.tier.step() as f64 * (1.0 - p.fill)).round() as i64);
        let oldest = chosen.first().map(|p| p.start);
        let last = chosen.last().map(|p| (p.end() - 1).max(p.start));
        DataQuality {
            total_samples: chosen.iter().map(|p| u64::from(p.samples)).sum(),
            oldest_sample_age: oldest.map(|t| self.now - t),
            last_sample_age: last.map(|t| (self.now - t).max(0)),
            largest_gap: between.chain(within).max().filter(|_| chosen.len() > 1),
            interval,
            coverage: Tier::ALL.map(|tier| self.coverage(tier, &of_tier(tier), interval)),
        }
    }

    /// Share of a tier's time, up to now, that has samples.
    fn coverage(&self, tier: Tier, pieces: &[Piece], interval: Option<i64>) -> f64 {
        let kept = self.retention.seconds(tier);
        let since = self.now.saturating_sub(kept);
        let within = pieces.iter().filter(|p| p.start > since && p.start <= self.now);
        let covered = match (tier, interval) {
            (Tier::Raw, None) => 0.0,
            (Tier::Raw, Some(interval)) => within.count() as f64 * interval as f64,
            // Not `sum`: of nothing that is -0.
            _ => within.fold(0.0, |sum, p| sum + p.fill * tier.step() as f64),
        };
        (covered / kept as f64).clamp(0.0, 1.0)
    }
}

fn median(mut values: Vec<i64>) -> Option<i64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable(middle).1)
}

/// Quality of the collector's work: every tick counts, whoever is in it.
pub(super) fn of_collector(skimmed: &[Skimmed], at: Yardstick<'_>) -> DataQuality {
    let mut tiers: [BTreeMap<UnixTime, (Tier, Glimpse)>; 3] = Default::default();
    for segment in skimmed {
        let rows = segment.rows.iter().map(|(&time, &row)| (time, (segment.tier, row)));
        tiers[segment.tier as usize].extend(rows);
    }
    let piece = |(&time, &(tier, row)): (&UnixTime, &(Tier, Glimpse))| {
        Piece::new(tier, time, row.ticks, row.expected)
    };
    let all = tiers.clone().map(|rows| rows.iter().map(piece).collect::<Vec<_>>());
    let chosen = select::finest(tiers, |(_, row)| row.ticks);
    let chosen: Vec<Piece> = chosen.range(at.range()).map(piece).collect();
    at.judge(&chosen, |tier| all[tier as usize].clone())
}

/// Quality of each of `entities`, in one pass over the rows.
pub(super) fn of_each(
    loaded: &Loaded,
    entities: &[Entity],
    at: Yardstick<'_>,
) -> Result<Vec<DataQuality>> {
    let survey = Survey::new(loaded, entities, &at.range())?;
    let one = |entity: usize| {
        let pieces = |rows: &[usize]| -> Vec<Piece> {
            rows.iter().filter_map(|&row| survey.piece(row, entity)).collect()
        };
        at.judge(&pieces(&survey.chosen), |tier| pieces(&survey.tiers[tier as usize]))
    };
    Ok((0..entities.len()).map(one).collect())
}

/// Where an entity is in a roster.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seat {
    place: usize,
    /// Listed by the sample, or at the end of the window.
    listed: bool,
    /// Listed with what it does: of a guest whose run state nobody reports nothing is known.
    told: bool,
}

/// All rows, and where the entities in question are in each.
struct Survey<'a> {
    rows: Vec<(&'a Arc<Segment>, &'a Row)>,
    /// Numbers of the rows of each tier.
    tiers: [Vec<usize>; 3],
    /// Numbers of the rows that answer for the time in question, in order of time.
    chosen: Vec<usize>,
    /// Number of the roster of each row.
    roster_of: Vec<usize>,
    /// By entity: from which roster on it is where.
    seats: Vec<Vec<(usize, Option<Seat>)>>,
    /// By row and entity; empty for rows of single samples.
    counts: Vec<Vec<u32>>,
    entities: &'a [Entity],
}

impl<'a> Survey<'a> {
    fn new(loaded: &'a Loaded, entities: &'a [Entity], range: &Range<UnixTime>) -> Result<Self> {
        let mut rows = Vec::new();
        let mut tiers: [BTreeMap<UnixTime, usize>; 3] = Default::default();
        for segment in &loaded.segments {
            for (time, row) in segment.by_time() {
                tiers[segment.header.tier as usize].insert(time, rows.len());
                rows.push((segment, row));
            }
        }
        let of_tier = tiers.clone().map(|rows| rows.into_values().collect());
        let ticks = |&row: &usize| rows.get(row).map_or(0, |(_, row)| row.meta.ticks);
        let chosen = select::finest(tiers, ticks);
        let chosen: Vec<usize> = chosen.range(range.clone()).map(|(_, &row)| row).collect();
        let mut survey = Self {
            rows,
            tiers: of_tier,
            chosen,
            roster_of: Vec::new(),
            seats: vec![Vec::new(); entities.len()],
            counts: Vec::new(),
            entities,
        };
        let coarse: usize = survey.tiers[1..].iter().map(Vec::len).sum();
        check_size(coarse * entities.len())?;
        survey.seat();
        survey.count();
        Ok(survey)
    }

    /// Finds the entities in each roster; neighbouring rows mostly share theirs.
    fn seat(&mut self) {
        let nodes: HashMap<&str, usize> =
            self.entities.iter().enumerate().filter_map(node).collect();
        let guests = self.incarnations();
        let mut last: Option<&Arc<Roster>> = None;
        let mut seats = vec![None; self.entities.len()];
        let mut number = 0;
        for (_, row) in &self.rows {
            if last.is_none_or(|last| !Arc::ptr_eq(last, &row.roster)) {
                number += usize::from(last.is_some());
                seats.fill(None);
                for (place, entry) in row.roster.nodes.iter().enumerate() {
                    if let Some(&entity) = nodes.get(entry.name.as_str()) {
                        seats[entity] =
                            Some(Seat { place, listed: entry.present, told: entry.present });
                    }
                }
                for (place, entry) in row.roster.guests.iter().enumerate() {
                    if let Some(&entity) = guests.get(&(entry.vmid, entry.since))
                        && entry.occurs()
                    {
                        let told = entry.present && entry.status != GuestStatus::Unknown;
                        seats[entity] = Some(Seat { place, listed: entry.present, told });
                    }
                }
                // Most stay where they are: of thousands of rosters only what differs is kept.
                for (known, &seat) in self.seats.iter_mut().zip(&seats) {
                    if known.last().and_then(|(_, seat)| *seat) != seat {
                        known.push((number, seat));
                    }
                }
            }
            self.roster_of.push(number);
            last = Some(&row.roster);
        }
    }

    /// Where an entity is in the roster of a row.
    fn seat_in(&self, row: usize, entity: usize) -> Option<Seat> {
        let known = self.seats.get(entity)?;
        let next = known.partition_point(|(from, _)| *from <= self.roster_of[row]);
        known.get(next.checked_sub(1)?)?.1
    }

    /// The newest incarnation of each guest in question.
    fn incarnations(&self) -> HashMap<(Vmid, UnixTime), usize> {
        let mut asked: HashMap<Vmid, usize> =
            self.entities.iter().enumerate().filter_map(guest).collect();
        let mut found = HashMap::new();
        let mut last: Option<&Arc<Roster>> = None;
        for &number in self.chosen.iter().rev() {
            let roster = &self.rows[number].1.roster;
            if asked.is_empty() || last.is_some_and(|last| Arc::ptr_eq(last, roster)) {
                continue;
            }
            last = Some(roster);
            let mut newest: HashMap<Vmid, (bool, UnixTime)> = HashMap::new();
            for entry in roster.guests.iter().filter(|g| asked.contains_key(&g.vmid)) {
                let rank = (entry.present, entry.since);
                let best = newest.entry(entry.vmid).or_insert(rank);
                *best = rank.max(*best);
            }
            for (vmid, (_, since)) in newest {
                found.extend(asked.remove(&vmid).map(|entity| ((vmid, since), entity)));
            }
        }
        found
    }

    /// Counts the samples of the entities in the coarse rows.
    fn count(&mut self) {
        let mut counts = vec![Vec::new(); self.rows.len()];
        for tier in [Tier::Hourly, Tier::SixHourly] {
            let mut before: Option<usize> = None;
            for &row in &self.tiers[tier as usize] {
                counts[row] = self.counts_in(row, before);
                before = Some(row);
            }
        }
        self.counts = counts;
    }

    /// Samples in a coarse row that tell of each entity. Of one that is told of at its end, and was listed at
    /// that of the row `before`, these are all; of others, which came or went within the window or were not
    /// reported, those that have values. Before the first row of a tier everybody is taken to have been there.
    fn counts_in(&self, number: usize, before: Option<usize>) -> Vec<u32> {
        let (segment, row) = self.rows[number];
        let seats: Vec<Option<Seat>> =
            (0..self.entities.len()).map(|entity| self.seat_in(number, entity)).collect();
        let listed =
            |row: usize, entity: usize| self.seat_in(row, entity).is_some_and(|seat| seat.listed);
        let told =
            |row: usize, entity: usize| self.seat_in(row, entity).is_some_and(|seat| seat.told);
        let throughout = |entity: usize| {
            told(number, entity) && before.is_none_or(|before| listed(before, entity))
        };
        let mut counts = vec![0; self.entities.len()];
        for group in [Group::Node, Group::Guest] {
            let mine = |entity: &usize| match self.entities[*entity] {
                Entity::Node(_) => group == Group::Node,
                Entity::Guest(_) => group == Group::Guest,
                Entity::Collector => false,
            };
            (0..seats.len())
                .filter(mine)
                .filter(|e| throughout(*e))
                .for_each(|e| counts[e] = row.meta.ticks);
            let within = |entity: &usize| mine(entity) && !throughout(*entity);
            let seated = || (0..seats.len()).filter(within).filter_map(|e| Some((e, seats[e]?)));
            let blocks: BTreeSet<usize> = seated().map(|(_, seat)| seat.place / BLOCK).collect();
            let best: BTreeMap<usize, Vec<u16>> = blocks
                .into_iter()
                .filter_map(|block| Some((block, best_counts(segment, row, group, block)?)))
                .collect();
            for (entity, seat) in seated() {
                let of_block = best.get(&(seat.place / BLOCK));
                let count = of_block.and_then(|b| b.get(seat.place % BLOCK)).copied();
                counts[entity] = match count.filter(|&count| count > 0) {
                    Some(count) => u32::from(count),
                    // Came without values, as a stopped guest does.
                    None if seat.told => row.meta.ticks,
                    None => 0,
                };
            }
        }
        counts
    }

    /// What a row is for an entity; `None` where it has no samples of it.
    fn piece(&self, number: usize, entity: usize) -> Option<Piece> {
        let (segment, row) = self.rows[number];
        let tier = segment.header.tier;
        let samples = match (&self.entities[entity], tier) {
            (Entity::Collector, _) => row.meta.ticks,
            (_, Tier::Raw) => u32::from(self.seat_in(number, entity)?.told),
            _ => self.counts[number][entity],
        };
        (samples > 0).then(|| Piece::new(tier, row.time, samples, row.meta.expected))
    }
}

fn node((number, entity): (usize, &Entity)) -> Option<(&str, usize)> {
    match entity {
        Entity::Node(name) => Some((name, number)),
        _ => None,
    }
}

fn guest((number, entity): (usize, &Entity)) -> Option<(Vmid, usize)> {
    match entity {
        Entity::Guest(vmid) => Some((*vmid, number)),
        _ => None,
    }
}

/// Samples of each place of a block, as many as its best known metric has; 0 where it has none.
fn best_counts(segment: &Segment, row: &Row, group: Group, number: usize) -> Option<Vec<u16>> {
    let mut buffer = Vec::new();
    let block = row.meta.blocks(group).get(number)?;
    let (block, layout) = segment.columns(block, &mut buffer).ok()?;
    let meaning = &segment.header.groups[group as usize];
    let mut best = vec![0; BLOCK];
    let mut codes = Vec::new();
    for metric in 0..group.metrics().len() {
        let Some(found) = meaning.find(metric, Statistic::Count) else { continue };
        let Some(position) = layout.position(found.metric, found.statistic) else { continue };
        match layout.constant(position) {
            Some(MISSING) => {}
            Some(count) => best.iter_mut().for_each(|b| *b = count.max(*b)),
            None => {
                layout.decode(block, position, None, &mut codes)?;
                let known = best.iter_mut().zip(&codes).filter(|(_, c)| **c != MISSING);
                known.for_each(|(b, &count)| *b = count.max(*b));
            }
        }
    }
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_before_the_first_sample_is_no_gap() {
        // Stored without a gap from the middle of a bucket of six hours on.
        let first = Piece::new(Tier::SixHourly, 0, 36, 72);
        let rest = |filled| Piece::new(Tier::SixHourly, Tier::SixHourly.step(), filled, 72);
        let retention = Retention::default();
        let yardstick = Yardstick { now: 2 * Tier::SixHourly.step(), retention: &retention };
        let gap = |filled| yardstick.judge(&[first, rest(filled)], |_| Vec::new()).largest_gap;
        assert_eq!(gap(72), Some(0));
        assert_eq!(gap(60), Some(3_600), "an hour of the second is missing");
    }
}
