//! From samples to rows of a coarser tier.
//!
//! Both coarse tiers are computed from the samples themselves, so their 95th percentile is that
//! of the samples and nothing is averaged twice.

use super::header::{Group, Statistic, groups};
use super::roster::{Changes, GuestEntry, Missed, NodeEntry, Roster};
use super::row::{Codes, Move, NewRow};
use super::scale::{MISSING, Scale, scales};
use super::segment::{Row, Segment};
use super::select::Witness;
use super::shared::Shared;
use super::sheet::{Map, Sheet, check_size};
use super::tier::Tier;
use crate::error::Result;
use crate::model::{UnixTime, Vmid, rank_95};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A sample row with the segment it lies in.
pub(super) type Source<'a> = (&'a Arc<Segment>, &'a Row);

/// What a window becomes.
pub(super) struct Rolled {
    pub(super) roster: Roster,
    pub(super) changes: Changes,
    pub(super) row: NewRow,
}

/// The row for the window of `tier` that starts at `start`, from its samples in order of time.
///
/// `base` is the roster at the end of the segment that the row goes to, `before` the last sample
/// before the window. `None` without samples.
///
/// # Errors
/// When they list more than a roster holds, or than memory is meant for.
pub(super) fn roll(
    tier: Tier,
    start: UnixTime,
    base: Roster,
    before: Option<(UnixTime, Arc<Roster>)>,
    samples: &[Source<'_>],
) -> Result<Option<Rolled>> {
    check_size(samples.iter().map(|(_, row)| row.roster.places()).sum())?;
    let mut union = Union::new(base);
    let maps: Vec<[Map; 2]> = union.maps(samples);
    let mut witness = Witness::default();
    let told: Vec<&Row> =
        samples.iter().filter(|(s, row)| witness.tells(s, row)).map(|(_, row)| *row).collect();
    let Some(last) = told.last() else { return Ok(None) };
    union.finish(&last.roster);
    union.roster.check()?;
    check_size(samples.len() * union.roster.places())?;
    let times: Vec<UnixTime> = samples.iter().map(|(_, row)| row.time).collect();
    let moves = union.moves(before.as_ref().map(|b| &b.1), &told);
    let mut row = NewRow {
        ticks: u32::try_from(samples.len()).unwrap_or(u32::MAX),
        expected: expected(tier.step(), before.map(|b| b.0), &times),
        time: start,
        moves,
        places: Group::ALL.map(|g| union.roster.len(g)),
        codes: Default::default(),
    };
    row.places[Group::Storage as usize] = 0;
    for &group in groups(tier) {
        let of_group = maps.iter().map(|maps| Arc::clone(&maps[group as usize]));
        let placed: Vec<_> = samples.iter().copied().zip(of_group).collect();
        let sheet = Sheet::new(group, &placed);
        let entities = row.places[group as usize];
        row.codes[group as usize] = aggregate(&sheet, group, entities, samples.len());
    }
    Ok(Some(Rolled { roster: union.roster, changes: union.changes, row }))
}

/// Samples that a complete window has, by the usual distance between those there are.
fn expected(step: i64, before: Option<UnixTime>, times: &[UnixTime]) -> u32 {
    let all: Vec<UnixTime> = before.into_iter().chain(times.iter().copied()).collect();
    let mut gaps: Vec<i64> = all.windows(2).map(|w| w[1] - w[0]).filter(|&g| g > 0).collect();
    gaps.sort_unstable();
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or(step).clamp(1, step.max(1));
    // A little jitter must not make 59 of 60.
    let fitting = (step as f64 / usual as f64).round() as u32;
    fitting.max(u32::try_from(times.len()).unwrap_or(u32::MAX)).max(1)
}

/// Everything that occurs in a window, at the places it has in the target segment.
struct Union {
    roster: Roster,
    changes: Changes,
    before: Roster,
    nodes: HashMap<String, usize>,
    guests: HashMap<(Vmid, UnixTime), usize>,
    /// Places of the guests that have samples in the window.
    seen: HashSet<usize>,
}

impl Union {
    fn new(base: Roster) -> Self {
        let nodes = base.nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
        let guests = base.guests.iter().enumerate().map(|(i, g)| ((g.vmid, g.since), i)).collect();
        let mut roster = base.clone();
        roster.storages = Shared::default();
        Self {
            roster,
            changes: Changes::default(),
            before: base,
            nodes,
            guests,
            seen: HashSet::new(),
        }
    }

    /// Where the places of each sample's roster go, by group.
    fn maps(&mut self, samples: &[Source<'_>]) -> Vec<[Map; 2]> {
        let mut maps: Vec<[Map; 2]> = Vec::with_capacity(samples.len());
        let mut last: Option<&Roster> = None;
        for (_, row) in samples {
            let before = last.zip(maps.last().cloned());
            maps.push(match before {
                Some((roster, maps)) if std::ptr::eq(roster, row.roster.as_ref()) => maps,
                before => self.map(&row.roster, before),
            });
            last = Some(&row.roster);
        }
        maps
    }

    /// Where the places of a roster go; `before` is the roster before it with its maps.
    fn map(&mut self, roster: &Roster, before: Option<(&Roster, [Map; 2])>) -> [Map; 2] {
        let nodes: Vec<usize> = roster.nodes.iter().map(|n| self.node(n)).collect();
        let mut guests: Vec<Option<u32>> = vec![None; roster.guests.len()];
        let nobody = Shared::default();
        let mut known = &nobody;
        if let Some((roster, [_, map])) = &before {
            guests.iter_mut().zip(map.iter()).for_each(|(place, &known)| *place = known);
            known = &roster.guests;
        }
        for (place, entry) in roster.guests.beside(known) {
            guests[place] = self.guest(entry, nodes.get(entry.node).copied().unwrap_or(0));
        }
        let index = |place: &usize| u32::try_from(*place).ok();
        [nodes.iter().map(index).collect(), guests.into()]
    }

    fn node(&mut self, entry: &NodeEntry) -> usize {
        match self.nodes.get(&entry.name) {
            Some(&place) => {
                self.roster.nodes[place] = entry.clone();
                place
            }
            None => {
                let place = self.roster.nodes.len();
                self.roster.nodes.push(entry.clone());
                self.nodes.insert(entry.name.clone(), place);
                place
            }
        }
    }

    /// A guest that is absent in a roster has no values there, and is listed only if it has some
    /// elsewhere in the window.
    fn guest(&mut self, entry: &GuestEntry, node: usize) -> Option<u32> {
        if !entry.present {
            return None;
        }
        let entry = GuestEntry { node, ..entry.clone() };
        let key = (entry.vmid, entry.since);
        let place = *self.guests.entry(key).or_insert(self.roster.guests.len());
        match self.roster.guests.get_mut(place) {
            Some(known) => *known = entry,
            None => self.roster.guests.push(entry),
        }
        self.seen.insert(place);
        u32::try_from(place).ok()
    }

    /// Says who is there at the end of the window, and what differs from before it.
    fn finish(&mut self, last: &Roster) {
        // Whoever is in it was seen already; the last to be seen need not have been there last.
        self.map(last, None);
        let nodes: HashMap<&str, &NodeEntry> =
            last.nodes.iter().map(|n| (n.name.as_str(), n)).collect();
        for node in self.roster.nodes.iter_mut() {
            match nodes.get(node.name.as_str()) {
                Some(now) => *node = (*now).clone(),
                None => (node.present, node.online) = (false, false),
            }
        }
        let there: HashSet<(Vmid, UnixTime)> =
            last.guests.iter().filter(|g| g.present).map(|g| (g.vmid, g.since)).collect();
        for (place, guest) in self.roster.guests.iter_mut().enumerate() {
            guest.present = there.contains(&(guest.vmid, guest.since));
            let missed = u32::from(!self.seen.contains(&place));
            guest.missed = Missed { rows: missed, seconds: 0 };
        }
        for (place, node) in self.roster.nodes.iter().enumerate() {
            if self.before.nodes.get(place) != Some(node) {
                self.changes.note(Group::Node, place);
            }
        }
        for (place, guest) in self.roster.guests.iter().enumerate() {
            if self.before.guests.get(place) != Some(guest) {
                self.changes.note(Group::Guest, place);
            }
        }
    }

    /// Guests that changed their host from one sample to the next.
    fn moves(&self, before: Option<&Arc<Roster>>, samples: &[&Row]) -> Vec<Move> {
        let mut moves = Vec::new();
        let mut last = before;
        for row in samples {
            if let Some(last) = last.filter(|last| !Arc::ptr_eq(last, &row.roster)) {
                for (vmid, since, from, to) in moved(last, &row.roster) {
                    let guest = self.guests.get(&(vmid, since));
                    let places = (guest, self.nodes.get(from), self.nodes.get(to));
                    if let (Some(&guest), Some(&from), Some(&to)) = places {
                        moves.push(Move { time: row.time, guest, from, to });
                    }
                }
            }
            last = Some(&row.roster);
        }
        moves
    }
}

/// Guests that are on another host in `after` than in `before`: vmid, since, from, to.
pub(super) fn moved<'a>(
    before: &'a Roster,
    after: &'a Roster,
) -> Vec<(Vmid, UnixTime, &'a str, &'a str)> {
    let mut moves = Vec::new();
    let mut others: Option<HashMap<(Vmid, UnixTime), &GuestEntry>> = None;
    for (place, guest) in after.guests.beside(&before.guests).filter(|(_, g)| g.present) {
        let key = |g: &GuestEntry| (g.vmid, g.since);
        let same_place = before.guests.get(place).filter(|g| key(g) == key(guest));
        let old = same_place.or_else(|| {
            let index = || before.guests.iter().map(|g| (key(g), g)).collect();
            others.get_or_insert_with(index).get(&key(guest)).copied()
        });
        if let Some(old) = old {
            let (from, to) = (before.host(old.node), after.host(guest.node));
            if from != to {
                moves.push((guest.vmid, guest.since, from, to));
            }
        }
    }
    moves
}

/// All statistics of all metrics of a group.
fn aggregate(sheet: &Sheet, group: Group, entities: usize, width: usize) -> Codes {
    let mut scratch = Vec::with_capacity(width);
    let metric = |(metric, (_, scale)): (usize, (&'static str, Scale))| {
        let gathered = sheet.gather(&[(metric, scale)], &[Statistic::Avg], entities, width);
        let [codes, ..] = gathered.into_iter().next().unwrap_or_default();
        let mut columns = vec![Vec::new(); Statistic::ALL.len()];
        let values = scale.values();
        if codes.is_empty() {
            return columns;
        }
        for series in codes.chunks_exact(width) {
            scratch.clear();
            scratch.extend(series.iter().filter(|&&c| c != MISSING));
            let all = statistics(&mut scratch, scale, values);
            columns.iter_mut().zip(all).for_each(|(column, code)| column.push(code));
        }
        columns
    };
    group.metrics().into_iter().enumerate().map(metric).collect()
}

/// Codes of avg, p95, max, min and count of the samples behind `codes`, which get disordered.
fn statistics(codes: &mut [u16], scale: Scale, values: &[f64]) -> [u16; 5] {
    let (Some(&min), Some(&max)) = (codes.iter().min(), codes.iter().max()) else {
        return [MISSING; 5];
    };
    let count = scales().count.encode(codes.len() as f64);
    if min == max {
        return [min, max, max, min, count];
    }
    let sum: f64 = codes.iter().filter_map(|&c| values.get(usize::from(c))).sum();
    let avg = scale.encode(sum / codes.len() as f64);
    // Codes order as their values do.
    let p95 = rank_95(codes.len()).map_or(max, |rank| *codes.select_nth_unstable(rank).1);
    [avg, p95, max, min, count]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn statistics_are_those_of_the_values(codes in prop::collection::vec(0u16..65_000, 1..400)) {
            let scale = scales().rate;
            let mut values: Vec<f64> = codes.iter().map(|&c| scale.decode(c)).collect();
            values.sort_unstable_by(f64::total_cmp);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let [avg, p95, max, min, count] = statistics(&mut codes.clone(), scale, scale.values());
            prop_assert_eq!(scale.decode(p95), values[rank_95(values.len()).unwrap()]);
            prop_assert_eq!(scale.decode(max), values[values.len() - 1]);
            prop_assert_eq!(scale.decode(min), values[0]);
            prop_assert_eq!(usize::from(count), values.len());
            prop_assert!((scale.decode(avg) - mean).abs() <= mean * 2.2e-4 + 1.0);
        }
    }

    #[test]
    fn nothing_is_not_zero() {
        assert_eq!(statistics(&mut [], scales().share, &[]), [MISSING; 5]);
    }

    #[test]
    fn a_complete_window_is_what_its_pace_says() {
        let minutes = |n: i64| (0..n).map(|i| i * 60).collect::<Vec<_>>();
        assert_eq!(expected(3_600, None, &minutes(60)), 60);
        assert_eq!(expected(3_600, None, &minutes(10)), 60, "an outage leaves it incomplete");
        assert_eq!(expected(3_600, Some(-1_800), &[0, 1_800]), 2);
        assert_eq!(expected(3_600, Some(-90_000), &[0]), 1, "no pace known");
        assert_eq!(expected(3_600, Some(-60), &[0]), 60);
        assert_eq!(expected(21_600, None, &[]), 1);
        let jitter: Vec<i64> = (0..59).map(|i| i * 61).collect();
        assert_eq!(expected(3_600, None, &jitter), 59);
    }
}
