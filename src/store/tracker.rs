//! From tick to tick: who is the same guest, who moved, who is gone.
//!
//! A vmid is another guest than before when
//! - its `created` differs (both known), or
//! - it changed between VM and container, or
//! - its name and its host differ from one row to the next (both names known), or
//! - it comes back after at least two rows without it, under another name, or
//! - it comes back after a day of rows without it.
//!
//! A new name alone is a rename, a new host alone a move. Both at once may be a guest that was renamed and moved between two
//! rows, and then its history is cut; mostly it is a number used again, whose history would be another's. Time in which nothing was collected is not absence: each row
//! counts for at most half an hour.

use super::header::{Group, statistics};
use super::roster::{
    Changes, GuestEntry, Missed, NodeEntry, Roster, StorageEntry, rounded_bytes, rounded_cores,
};
use super::row::{Codes, NewRow};
use super::scale::{MISSING, Scale, Stored, TOP, scales};
use super::tier::Tier;
use crate::model::{DAY, GuestMetric, GuestSample, NodeMetric, NodeSample};
use crate::model::{Tick, UnixTime, Vmid};
use std::collections::HashMap;

/// Rows without a guest after which another name means another guest.
const GONE_ROWS: u32 = 2;
/// Seconds without a guest after which it is another one in any case.
const GONE_SECONDS: u32 = DAY as u32;

/// The roster as of the last row, with its indices.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracker {
    pub(super) roster: Roster,
    /// Time of the last row, and the newest of any: they differ after a late one.
    last: Option<UnixTime>,
    newest: Option<UnixTime>,
    nodes: HashMap<String, usize>,
    guests: HashMap<Vmid, usize>,
    storages: HashMap<usize, HashMap<String, usize>>,
    /// Guests of the next row that only an older segment knows.
    recalled: HashMap<Vmid, GuestEntry>,
}

/// Places of a tick's entries in the roster.
struct Places {
    nodes: Vec<usize>,
    guests: Vec<usize>,
    /// By node of the tick.
    storages: Vec<Vec<usize>>,
}

impl Tracker {
    /// After rows at these times, in the order in which they came.
    pub(super) fn new(roster: Roster, rows: &[UnixTime]) -> Self {
        let (last, newest) = (rows.last().copied(), rows.iter().max().copied());
        let mut tracker = Self { roster, last, newest, ..Self::default() };
        tracker.index();
        tracker
    }

    fn index(&mut self) {
        let nodes = self.roster.nodes.iter().enumerate();
        self.nodes = nodes.map(|(place, n)| (n.name.clone(), place)).collect();
        let mut guests: HashMap<Vmid, usize> = HashMap::new();
        for (place, guest) in self.roster.guests.iter().enumerate() {
            let rank = |p: usize| (self.roster.guests[p].present, self.roster.guests[p].since);
            let newest = guests.entry(guest.vmid).or_insert(place);
            if rank(place) > rank(*newest) {
                *newest = place;
            }
        }
        self.guests = guests;
        self.storages = HashMap::new();
        for (place, storage) in self.roster.storages.iter().enumerate() {
            self.storages.entry(storage.node).or_default().insert(storage.id.clone(), place);
        }
    }

    /// Counts a row at `time` for those that it lacks.
    fn pass(&mut self, time: UnixTime) {
        let seconds = self.last.map_or(0, |last| time - last);
        self.last = Some(time);
        self.newest = self.newest.max(self.last);
        let absent = self.roster.guests.iter_mut().filter(|g| !g.present);
        absent.for_each(|guest| guest.missed.count(seconds));
    }

    /// Forgets who is gone for good and what no longer exists. Places move.
    pub(super) fn compact(&mut self, tick: &Tick) {
        let newest = std::mem::take(&mut self.guests);
        let mut place = 0;
        self.roster.guests.retain(|g| {
            let is_newest = newest.get(&g.vmid) == Some(&place);
            place += 1;
            g.present || (is_newest && g.missed.seconds < GONE_SECONDS)
        });
        let listed: HashMap<&str, &NodeSample> =
            tick.nodes.iter().map(|n| (n.name.as_str(), n)).collect();
        let nodes = &self.roster.nodes;
        self.roster.storages.retain(|s| {
            let node = nodes.get(s.node).and_then(|n| listed.get(n.name.as_str()));
            node.is_some_and(|n| n.storage.iter().any(|t| t.id == s.id))
        });
        let mut needed: Vec<bool> = self.roster.nodes.iter().map(|n| n.present).collect();
        let hosts = self.roster.guests.iter().map(|g| g.node);
        hosts.for_each(|host| needed[host] = true);
        let place_after = |place: usize| needed[..place].iter().filter(|&&keep| keep).count();
        let moved: Vec<usize> = (0..needed.len()).map(place_after).collect();
        let mut keep = needed.iter();
        self.roster.nodes.retain(|_| keep.next() == Some(&true));
        self.roster.storages.retain(|s| needed[s.node]);
        self.roster.guests.iter_mut().for_each(|g| g.node = moved[g.node]);
        self.roster.storages.iter_mut().for_each(|s| s.node = moved[s.node]);
        self.index();
    }

    fn newest(&self, vmid: Vmid) -> Option<&GuestEntry> {
        self.roster.guests.get(*self.guests.get(&vmid)?)
    }

    /// Guests of a tick that would be new.
    fn strangers<'a>(&'a self, tick: &'a Tick) -> impl Iterator<Item = &'a GuestSample> {
        let is_known = |s: &&GuestSample| self.newest(s.vmid).is_some_and(|e| self.is_same(e, s));
        tick.guests.iter().filter(move |sample| !is_known(sample))
    }

    pub(super) fn has_strangers(&self, tick: &Tick) -> bool {
        self.strangers(tick).next().is_some()
    }

    /// Guests of a tick are not new whom `older`, the end of the segment before, lists and this one does
    /// not know: a clock that had run ahead began it, before they came.
    pub(super) fn recall(&mut self, older: &Self, tick: &Tick) {
        let recalled = self.strangers(tick).filter_map(|sample| {
            let entry =
                older.newest(sample.vmid).filter(|e| e.present && older.is_same(e, sample))?;
            let is_newer = self.newest(entry.vmid).is_none_or(|known| known.since < entry.since);
            is_newer.then(|| (entry.vmid, entry.clone()))
        });
        self.recalled = recalled.collect();
    }

    /// Guests of a tick that are on another host than in the row before it; none where another was the
    /// last to come.
    pub(super) fn moved(&self, tick: &Tick) -> usize {
        if self.last != self.newest || self.last.is_some_and(|last| tick.ts < last) {
            return 0;
        }
        let moves = |sample: &&GuestSample| {
            let entry = self.newest(sample.vmid);
            entry
                .is_some_and(|e| self.is_same(e, sample) && self.roster.host(e.node) != sample.node)
        };
        tick.guests.iter().filter(moves).count()
    }

    /// Takes note of a tick: the row to write for it, after these changes of the roster.
    pub(super) fn advance(&mut self, tick: &Tick) -> (Changes, NewRow) {
        let mut changes = Changes::default();
        let nodes: Vec<usize> = tick.nodes.iter().map(|n| self.node(n, &mut changes)).collect();
        let storages = tick.nodes.iter().zip(&nodes);
        let storages = storages.map(|(n, &place)| self.storages_of(n, place, &mut changes));
        let storages = storages.collect();
        let mut guests: Vec<usize> = Vec::with_capacity(tick.guests.len());
        for sample in &tick.guests {
            let next = guests.last().map_or(0, |last| last + 1);
            guests.push(self.guest(sample, next, tick.ts, &mut changes));
        }
        let places = Places { nodes, guests, storages };
        self.mark_absent(&places, &mut changes);
        self.pass(tick.ts);
        let row = self.row(tick, &places);
        (changes, row)
    }

    fn node(&mut self, sample: &NodeSample, changes: &mut Changes) -> usize {
        let place = self.host(&sample.name, changes);
        let entry = &mut self.roster.nodes[place];
        let now = (
            true,
            sample.online,
            sample.maxcpu.map(rounded_cores),
            sample.maxmem.map(rounded_bytes),
            sample.maxswap.map(rounded_bytes),
        );
        if now != (entry.present, entry.online, entry.maxcpu, entry.maxmem, entry.maxswap) {
            (entry.present, entry.online, entry.maxcpu, entry.maxmem, entry.maxswap) = now;
            changes.note(Group::Node, place);
        }
        place
    }

    /// Place of the node called `name`, which may be new.
    fn host(&mut self, name: &str, changes: &mut Changes) -> usize {
        if let Some(&place) = self.nodes.get(name) {
            return place;
        }
        let place = self.roster.nodes.len();
        self.roster.nodes.push(NodeEntry { name: name.to_string(), ..NodeEntry::default() });
        self.nodes.insert(name.to_string(), place);
        changes.note(Group::Node, place);
        place
    }

    fn storages_of(
        &mut self,
        node: &NodeSample,
        place: usize,
        changes: &mut Changes,
    ) -> Vec<usize> {
        let known = self.storages.entry(place).or_default();
        let mut places = Vec::with_capacity(node.storage.len());
        for storage in &node.storage {
            let next = self.roster.storages.len();
            places.push(*known.entry(storage.id.clone()).or_insert_with(|| {
                let entry = StorageEntry { node: place, id: storage.id.clone() };
                self.roster.storages.push(entry);
                changes.note(Group::Storage, next);
                next
            }));
        }
        places
    }

    /// Place of a guest, which may be new. Looks at `next` first: ticks list guests in the same
    /// order as the ticks before them.
    fn guest(
        &mut self,
        sample: &GuestSample,
        next: usize,
        time: UnixTime,
        changes: &mut Changes,
    ) -> usize {
        // Of several incarnations only the newest is ever present.
        let expected = self.roster.guests.get(next);
        let expected = expected.filter(|g| g.present && g.vmid == sample.vmid);
        let known = match expected {
            Some(_) => Some(next),
            None => self.guests.get(&sample.vmid).copied(),
        };
        let node = match expected.filter(|g| self.roster.host(g.node) == sample.node) {
            Some(entry) => entry.node,
            None => self.host(&sample.node, changes),
        };
        let same = known.filter(|&place| self.is_same(&self.roster.guests[place], sample));
        let Some(place) = same else {
            if let Some(old) = known {
                let entry = &mut self.roster.guests[old];
                entry.present = false;
                entry.missed = Missed::default();
                changes.note(Group::Guest, old);
            }
            let place = self.roster.guests.len();
            let mut entry = entry_of(sample, node, time);
            if let Some(recalled) = self.recalled.remove(&sample.vmid) {
                entry.since = recalled.since;
                entry.created = entry.created.or(recalled.created);
            }
            self.roster.guests.push(entry);
            self.guests.insert(sample.vmid, place);
            changes.note(Group::Guest, place);
            return place;
        };
        let entry = &mut self.roster.guests[place];
        let unchanged = entry.present
            && entry.node == node
            && entry.status == sample.status
            && entry.template == sample.template
            && (entry.created == sample.created || sample.created.is_none())
            && entry.maxcpu == sample.maxcpu.map(rounded_cores)
            && entry.maxmem == sample.maxmem.map(rounded_bytes)
            && entry.name == sample.name;
        if !unchanged {
            let created = sample.created.or(entry.created);
            *entry = GuestEntry { created, ..entry_of(sample, node, entry.since) };
            changes.note(Group::Guest, place);
        }
        place
    }

    /// Whether `sample` is the guest of `entry`, and not a new one under its number.
    fn is_same(&self, entry: &GuestEntry, sample: &GuestSample) -> bool {
        let other_birth = matches!((entry.created, sample.created), (Some(a), Some(b)) if a != b);
        let renamed = entry.name != sample.name;
        // Of a guest that nobody reports the name is not known.
        let named = !entry.name.is_empty() && !sample.name.is_empty();
        let elsewhere = self.roster.host(entry.node) != sample.node;
        let gone = !entry.present
            && (entry.missed.seconds >= GONE_SECONDS
                || (entry.missed.rows >= GONE_ROWS && renamed));
        let replaced = renamed && named && elsewhere;
        !other_birth && entry.kind == sample.kind && !gone && !replaced
    }

    /// Marks what the tick does not list.
    fn mark_absent(&mut self, places: &Places, changes: &mut Changes) {
        let mut listed = vec![false; self.roster.nodes.len()];
        places.nodes.iter().for_each(|&p| listed[p] = true);
        for (place, node) in self.roster.nodes.iter_mut().enumerate() {
            if node.present && !listed[place] {
                node.present = false;
                node.online = false;
                changes.note(Group::Node, place);
            }
        }
        let mut listed = vec![false; self.roster.guests.len()];
        places.guests.iter().for_each(|&p| listed[p] = true);
        for (place, guest) in self.roster.guests.iter_mut().enumerate() {
            if guest.present && !listed[place] {
                guest.present = false;
                guest.missed = Missed::default();
                changes.note(Group::Guest, place);
            }
        }
    }

    fn row(&self, tick: &Tick, places: &Places) -> NewRow {
        let len = |group| self.roster.len(group);
        NewRow {
            ticks: 1,
            expected: 1,
            time: tick.ts,
            moves: Vec::new(),
            places: Group::ALL.map(len),
            codes: [
                codes::<NodeMetric>(&tick.nodes, &places.nodes, len(Group::Node)),
                codes::<GuestMetric>(&tick.guests, &places.guests, len(Group::Guest)),
                self.storage_codes(tick, places),
            ],
        }
    }

    fn storage_codes(&self, tick: &Tick, places: &Places) -> Codes {
        let empty = || vec![vec![MISSING; self.roster.storages.len()]];
        let mut codes = vec![empty(), empty()];
        let size = scales().size;
        for (node, places) in tick.nodes.iter().zip(&places.storages) {
            for (storage, &place) in node.storage.iter().zip(places) {
                codes[0][0][place] = size.encode(storage.total.0);
                codes[1][0][place] = size.encode(storage.used.0);
            }
        }
        codes
    }
}

fn entry_of(sample: &GuestSample, node: usize, since: UnixTime) -> GuestEntry {
    GuestEntry {
        vmid: sample.vmid,
        since,
        kind: sample.kind,
        present: true,
        status: sample.status,
        template: sample.template,
        node,
        created: sample.created,
        maxcpu: sample.maxcpu.map(rounded_cores),
        maxmem: sample.maxmem.map(rounded_bytes),
        name: sample.name.clone(),
        missed: Missed::default(),
    }
}

/// Codes of all metrics of `samples`, each at its place.
fn codes<M: Stored>(samples: &[M::Sample], places: &[usize], len: usize) -> Codes {
    debug_assert_eq!(statistics(Tier::Raw).len(), 1);
    // As many samples as stay in the nearest cache while their metrics are taken one by one.
    const AT_ONCE: usize = 64;
    let scales: Vec<Scale> = M::ALL.iter().map(|m| m.scale()).collect();
    let mut columns = vec![Vec::new(); M::ALL.len()];
    for (samples, places) in samples.chunks(AT_ONCE).zip(places.chunks(AT_ONCE)) {
        for ((&metric, scale), column) in M::ALL.iter().zip(&scales).zip(&mut columns) {
            for (sample, &place) in samples.iter().zip(places) {
                if let Some(value) = metric.of(sample) {
                    if column.is_empty() {
                        column.resize(len, MISSING);
                    }
                    column[place] = scale.encode(value);
                }
            }
        }
    }
    columns.into_iter().map(|column| vec![column]).collect()
}

/// Values of a tick that are larger than their scale, as text that names them.
pub(super) fn saturated(tick: &Tick, row: &NewRow) -> Vec<String> {
    fn of<M: Stored, F: Fn(&M::Sample) -> String>(
        s: &[M::Sample],
        codes: &Codes,
        name: F,
    ) -> Vec<String> {
        let suspect = M::ALL.iter().zip(codes).filter(|(_, c)| c[0].contains(&TOP));
        let check = |(&m, _): (&M, _)| {
            let above = |s: &&M::Sample| m.of(s).is_some_and(|v| m.scale().saturates(v));
            let text = |s: &M::Sample| {
                let top = m.unit().text(m.scale().decode(TOP));
                format!("{}: {} is above {top} and was stored as that", name(s), m.name())
            };
            s.iter().filter(above).map(text).collect::<Vec<_>>()
        };
        suspect.flat_map(check).collect()
    }
    let mut all = of::<NodeMetric, _>(&tick.nodes, &row.codes[0], |n| format!("node {}", n.name));
    all.extend(of::<GuestMetric, _>(&tick.guests, &row.codes[1], |g| format!("guest {}", g.vmid)));
    all
}
