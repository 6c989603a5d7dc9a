//! All nodes and guests over a range at once.

use super::header::Group;
use super::roster::{GuestEntry, NodeEntry, Roster};
use super::segment::{Row, Segment};
use super::select::{self, Loaded, Witness};
use super::sheet::{Map, Sheet, check_size};
use super::table::{Detail, Table, Window};
use crate::error::{Result, Warning};
use crate::model::{
    Bytes, Cores, GuestKind, GuestMetric, GuestStatus, Migration, NodeMetric, UnixTime, Vmid,
};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// What nodes and guests did over a range of time.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Nodes in order of their names; their position is their entity in [`Fleet::node_table`].
    pub nodes: Vec<NodeTrack>,
    /// Guests in order of vmid and time; their position is their entity in [`Fleet::guest_table`].
    pub guests: Vec<GuestTrack>,
    /// Metrics of the nodes.
    pub node_table: Table<NodeMetric>,
    /// Metrics of the guests.
    pub guest_table: Table<GuestMetric>,
    /// Files and frames that could not be read.
    pub warnings: Vec<Warning>,
}

/// Cores and memory from a time on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity {
    /// When it was first seen: a sample's time, or the start of a window.
    pub time: UnixTime,
    /// Cores, where known.
    pub maxcpu: Option<Cores>,
    /// Memory, where known.
    pub maxmem: Option<Bytes>,
}

/// A host from a time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// First sample on that host; for the first placement, start of the first window.
    pub time: UnixTime,
    /// Name of the host.
    pub host: Arc<str>,
}

/// A node over the range.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeTrack {
    /// Name in the cluster.
    pub name: Arc<str>,
    /// Whether the newest row lists it.
    pub present: bool,
    /// Whether the cluster saw it in the newest row that lists it.
    pub online: bool,
    /// Its capacities, oldest first.
    pub capacities: Vec<Capacity>,
}

/// One incarnation of a guest over the range.
#[derive(Clone, Debug, PartialEq)]
pub struct GuestTrack {
    /// Its number.
    pub vmid: Vmid,
    /// First sample of this incarnation that the store ever saw.
    pub since: UnixTime,
    /// Whether the newest row lists it: of several incarnations at most one is present.
    pub present: bool,
    /// VM or container.
    pub kind: GuestKind,
    /// Newest name.
    pub name: String,
    /// Newest run state.
    pub status: GuestStatus,
    /// Whether it is a template.
    pub template: bool,
    /// When it was created, where known.
    pub created: Option<UnixTime>,
    /// Its hosts, oldest first.
    pub placements: Vec<Placement>,
    /// Its capacities, oldest first.
    pub capacities: Vec<Capacity>,
}

impl Fleet {
    /// Windows in order of time, common to nodes and guests.
    pub fn windows(&self) -> &[Window] {
        self.node_table.windows()
    }

    /// Entity of the node called `name`.
    pub fn node(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|n| &*n.name == name)
    }

    /// Entity of the newest incarnation of guest `vmid`.
    pub fn guest(&self, vmid: Vmid) -> Option<usize> {
        let same = self.guests.iter().enumerate().filter(|(_, g)| g.vmid == vmid);
        same.max_by_key(|(_, g)| (g.present, g.since)).map(|(entity, _)| entity)
    }

    /// Decodes these metrics now, on several cores. Others are decoded when they are first asked
    /// for, by the thread that asks.
    pub fn decode(&self, nodes: &[NodeMetric], guests: &[GuestMetric]) {
        self.node_table.decode(nodes);
        self.guest_table.decode(guests);
    }

    /// Moves of all guests within the range, in order of time.
    pub fn migrations(&self) -> Vec<Migration> {
        let of = |g: &GuestTrack| {
            let pair = |pair: &[Placement]| Migration {
                time: pair[1].time,
                vmid: g.vmid,
                from: pair[0].host.to_string(),
                to: pair[1].host.to_string(),
            };
            g.placements.windows(2).map(pair).collect::<Vec<_>>()
        };
        let mut all: Vec<Migration> = self.guests.iter().flat_map(of).collect();
        all.sort_by_key(|m| (m.time, m.vmid));
        all
    }

    pub(super) fn new(loaded: Loaded, range: &Range<UnixTime>, detail: Detail) -> Result<Self> {
        let rows = loaded.rows(range);
        // Each roster may need a map of its places, each entity a value in every row.
        check_size(rows.iter().map(|(_, row)| row.roster.places()).sum())?;
        let mut cast = Cast::default();
        for (segment, row) in &rows {
            cast.see(segment, row);
        }
        check_size(rows.len() * cast.nodes.len().max(cast.guests.len()))?;
        let (node_order, guest_order) = cast.sort();
        let (mut node_maps, mut guest_maps) = (Reordered::default(), Reordered::default());
        let placed = || rows.iter().copied().zip(&cast.maps);
        let of_nodes: Vec<_> =
            placed().map(|(row, maps)| (row, node_maps.of(&maps.0, &node_order))).collect();
        let of_guests: Vec<_> =
            placed().map(|(row, maps)| (row, guest_maps.of(&maps.1, &guest_order))).collect();
        let nodes = Sheet::new(Group::Node, &of_nodes);
        let guests = Sheet::new(Group::Guest, &of_guests);
        let windows: Arc<[Window]> = rows.iter().map(|(s, row)| select::window(s, row)).collect();
        let mut warnings = loaded.warnings.clone();
        warnings.extend(nodes.damage.iter().chain(&guests.damage).cloned());
        Ok(Self {
            node_table: Table::lazy(Arc::clone(&windows), nodes, cast.nodes.len(), detail),
            guest_table: Table::lazy(windows, guests, cast.guests.len(), detail),
            nodes: cast.nodes,
            guests: cast.guests,
            warnings,
        })
    }
}

/// Everybody who occurs, in the order of appearance until sorted.
#[derive(Default)]
struct Cast {
    nodes: Vec<NodeTrack>,
    guests: Vec<GuestTrack>,
    node_index: HashMap<Arc<str>, usize>,
    guest_index: HashMap<(Vmid, UnixTime), usize>,
    /// For each row the entities behind its places.
    maps: Vec<(Map, Map)>,
    last: Option<Arc<Roster>>,
    /// The roster that was taken over last.
    settled: Option<Arc<Roster>>,
    witness: Witness,
}

impl Cast {
    fn see(&mut self, segment: &Segment, row: &Row) {
        let same = self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &row.roster));
        let maps = match self.maps.last() {
            Some((nodes, guests)) if same => (Arc::clone(nodes), Arc::clone(guests)),
            _ => self.enter(row),
        };
        self.place_moves(row, &maps.1);
        if self.witness.tells(segment, row)
            && self.settled.as_ref().is_none_or(|settled| !Arc::ptr_eq(settled, &row.roster))
        {
            self.settle(row, &maps);
            self.settled = Some(Arc::clone(&row.roster));
        }
        self.maps.push(maps);
        self.last = Some(Arc::clone(&row.roster));
    }

    /// Entities of a row's places; new ones enter.
    fn enter(&mut self, row: &Row) -> (Map, Map) {
        let nodes = row.roster.nodes.iter().map(|n| self.node(n)).collect();
        let guests = row.roster.guests.iter().map(|g| self.guest(g)).collect();
        (nodes, guests)
    }

    fn node(&mut self, entry: &NodeEntry) -> Option<u32> {
        let entity = match self.node_index.get(entry.name.as_str()) {
            Some(&entity) => entity,
            None => {
                let name: Arc<str> = entry.name.as_str().into();
                self.node_index.insert(Arc::clone(&name), self.nodes.len());
                let capacities = Vec::new();
                let track = NodeTrack { name, present: false, online: false, capacities };
                self.nodes.push(track);
                self.nodes.len() - 1
            }
        };
        u32::try_from(entity).ok()
    }

    fn guest(&mut self, entry: &GuestEntry) -> Option<u32> {
        let next = self.guests.len();
        let entity = *self.guest_index.entry((entry.vmid, entry.since)).or_insert(next);
        if entity == next {
            self.guests.push(GuestTrack {
                vmid: entry.vmid,
                since: entry.since,
                present: false,
                kind: entry.kind,
                name: String::new(),
                status: GuestStatus::Unknown,
                template: false,
                created: None,
                placements: Vec::new(),
                capacities: Vec::new(),
            });
        }
        u32::try_from(entity).ok()
    }

    /// Moves within a row's window have their own times.
    fn place_moves(&mut self, row: &Row, guests: &Map) {
        for m in &row.meta.moves {
            let Some(&Some(entity)) = guests.get(m.guest) else { continue };
            let from = self.host(&row.roster, m.from);
            let to = self.host(&row.roster, m.to);
            let placements = &mut self.guests[entity as usize].placements;
            if placements.is_empty() {
                placements.push(Placement { time: row.time, host: from });
            }
            placements.push(Placement { time: m.time, host: to });
        }
    }

    fn host(&self, roster: &Roster, place: usize) -> Arc<str> {
        let name = roster.host(place);
        let known = self.node_index.get(name).and_then(|&entity| self.nodes.get(entity));
        known.map_or_else(|| name.into(), |n| Arc::clone(&n.name))
    }

    /// Takes over what a row's roster says of everybody in it.
    fn settle(&mut self, row: &Row, maps: &(Map, Map)) {
        self.nodes.iter_mut().for_each(|n| n.present = false);
        self.guests.iter_mut().for_each(|g| g.present = false);
        for (entry, entity) in row.roster.nodes.iter().zip(maps.0.iter()) {
            let Some(entity) = *entity else { continue };
            let track = &mut self.nodes[entity as usize];
            track.present = entry.present;
            if entry.present {
                track.online = entry.online;
                let now = (entry.maxcpu, entry.maxmem);
                note_capacity(&mut track.capacities, row.time, now);
            }
        }
        for (entry, entity) in row.roster.guests.iter().zip(maps.1.iter()) {
            let Some(entity) = *entity else { continue };
            let host = self.host(&row.roster, entry.node);
            let track = &mut self.guests[entity as usize];
            track.present = entry.present;
            track.status = entry.status;
            track.template = entry.template;
            track.created = entry.created;
            if track.name != entry.name {
                track.name.clone_from(&entry.name);
            }
            if track.placements.last().is_none_or(|p| p.host != host) {
                track.placements.push(Placement { time: row.time, host });
            }
            note_capacity(&mut track.capacities, row.time, (entry.maxcpu, entry.maxmem));
        }
    }

    /// Puts everybody in the order that is promised, and says where each went.
    fn sort(&mut self) -> (Vec<u32>, Vec<u32>) {
        let nodes = sort_by(&mut self.nodes, |a, b| a.name.cmp(&b.name));
        let guests = sort_by(&mut self.guests, |a, b| (a.vmid, a.since).cmp(&(b.vmid, b.since)));
        (nodes, guests)
    }
}

fn note_capacity(
    capacities: &mut Vec<Capacity>,
    time: UnixTime,
    (maxcpu, maxmem): (Option<Cores>, Option<Bytes>),
) {
    if capacities.last().is_none_or(|c| (c.maxcpu, c.maxmem) != (maxcpu, maxmem)) {
        capacities.push(Capacity { time, maxcpu, maxmem });
    }
}

/// Sorts a list and returns the new position of each old one.
fn sort_by<T>(list: &mut Vec<T>, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<u32> {
    let mut numbered: Vec<(usize, T)> = list.drain(..).enumerate().collect();
    numbered.sort_by(|a, b| order(&a.1, &b.1));
    let mut position = vec![0; numbered.len()];
    for (new, (old, _)) in numbered.iter().enumerate() {
        position[*old] = new as u32;
    }
    list.extend(numbered.into_iter().map(|(_, item)| item));
    position
}

/// Maps brought to the final order, each once: neighbouring rows mostly share theirs.
#[derive(Default)]
struct Reordered {
    last: Option<(Map, Map)>,
}

impl Reordered {
    fn of(&mut self, map: &Map, position: &[u32]) -> Map {
        match &self.last {
            Some((before, after)) if Arc::ptr_eq(before, map) => Arc::clone(after),
            _ => {
                let after: Map = map.iter().map(|e| e.map(|e| position[e as usize])).collect();
                self.last = Some((Arc::clone(map), Arc::clone(&after)));
                after
            }
        }
    }
}
