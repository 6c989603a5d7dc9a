//! Who is in an imported tick: everybody that exists today, from when they are first seen.
//!
//! A guest that a tick does not list counts as gone, and after a day of that as another one. So
//! everybody is listed even where the source has no values of them.

use crate::model::{GuestSample, GuestStatus, Inventory, NodeSample, Tick, Vmid};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes and guests of today.
pub(super) struct Roster {
    nodes: BTreeMap<String, Known<NodeSample>>,
    guests: BTreeMap<Vmid, Known<GuestSample>>,
    /// In a history of nodes and guests that no longer exist.
    gone_nodes: BTreeSet<String>,
    gone_guests: BTreeSet<Vmid>,
}

/// An entity with what is last known of it, apart from measurements.
struct Known<S> {
    sample: S,
    /// Whether ticks list it yet.
    listed: bool,
    /// Whether anything was imported of it.
    seen: bool,
}

impl Roster {
    /// The roster of an inventory; what that does not tell of cores and memory, the newest tick
    /// does. With such a tick the store knows everybody already, so all are listed from the start.
    pub(super) fn new(inventory: &Inventory, newest: Option<&Tick>) -> Self {
        let listed = newest.is_some();
        let nodes = inventory.nodes.iter().map(|n| {
            let last = newest.and_then(|t| t.nodes.iter().find(|s| s.name == n.name));
            let sample = NodeSample {
                name: n.name.clone(),
                online: false,
                maxcpu: n.maxcpu.or(last.and_then(|s| s.maxcpu)),
                maxmem: n.maxmem.or(last.and_then(|s| s.maxmem)),
                maxswap: last.and_then(|s| s.maxswap),
                ..NodeSample::default()
            };
            (n.name.clone(), Known { sample, listed, seen: false })
        });
        let last: BTreeMap<Vmid, &GuestSample> =
            newest.iter().flat_map(|t| &t.guests).map(|g| (g.vmid, g)).collect();
        let guests = inventory.guests.iter().filter(|g| !g.node.is_empty()).map(|g| {
            let last = last.get(&g.vmid);
            let sample = GuestSample {
                vmid: g.vmid,
                kind: g.kind,
                name: g.name.clone(),
                node: g.node.clone(),
                status: GuestStatus::Unknown,
                template: g.template,
                created: g.created.or(last.and_then(|s| s.created)),
                maxcpu: g.maxcpu.or(last.and_then(|s| s.maxcpu)),
                maxmem: g.maxmem.or(last.and_then(|s| s.maxmem)),
                ..GuestSample::default()
            };
            (g.vmid, Known { sample, listed, seen: false })
        });
        Self {
            nodes: nodes.collect(),
            guests: guests.collect(),
            gone_nodes: BTreeSet::new(),
            gone_guests: BTreeSet::new(),
        }
    }

    pub(super) fn node_names(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// What is known of a node; `None`, and noted, when it no longer exists.
    pub(super) fn node(&mut self, name: &str) -> Option<&NodeSample> {
        let known = self.nodes.get(name);
        if known.is_none() && !self.gone_nodes.contains(name) {
            self.gone_nodes.insert(name.to_string());
        }
        known.map(|k| &k.sample)
    }

    /// What is known of a guest; `None`, and noted, when it no longer exists.
    pub(super) fn guest(&mut self, vmid: Vmid) -> Option<&GuestSample> {
        let known = self.guests.get(&vmid);
        if known.is_none() {
            self.gone_guests.insert(vmid);
        }
        known.map(|k| &k.sample)
    }

    /// The tick with what the source cannot know, and with everybody it does not mention. `None`
    /// when nobody in it exists any more.
    pub(super) fn complete(&mut self, tick: Tick) -> Option<Tick> {
        let mut nodes: BTreeMap<String, NodeSample> = BTreeMap::new();
        for mut sample in tick.nodes {
            let Some(known) = self.nodes.get_mut(&sample.name) else { continue };
            (known.listed, known.seen) = (true, true);
            keep(&mut sample.maxcpu, &mut known.sample.maxcpu);
            keep(&mut sample.maxmem, &mut known.sample.maxmem);
            keep(&mut sample.maxswap, &mut known.sample.maxswap);
            nodes.insert(sample.name.clone(), sample);
        }
        let mut guests: BTreeMap<Vmid, GuestSample> = BTreeMap::new();
        for mut sample in tick.guests {
            let Some(known) = self.guests.get_mut(&sample.vmid) else { continue };
            (known.listed, known.seen) = (true, true);
            keep(&mut sample.maxcpu, &mut known.sample.maxcpu);
            keep(&mut sample.maxmem, &mut known.sample.maxmem);
            // A host that was seen holds until another is.
            match sample.node.is_empty() {
                true => sample.node.clone_from(&known.sample.node),
                false => known.sample.node.clone_from(&sample.node),
            }
            sample.kind = known.sample.kind;
            sample.template = known.sample.template;
            sample.created = known.sample.created;
            sample.name.clone_from(&known.sample.name);
            guests.insert(sample.vmid, sample);
        }
        if nodes.is_empty() && guests.is_empty() {
            return None;
        }
        for (name, known) in self.nodes.iter().filter(|(_, known)| known.listed) {
            nodes.entry(name.clone()).or_insert_with(|| known.sample.clone());
        }
        for (vmid, known) in self.guests.iter().filter(|(_, known)| known.listed) {
            guests.entry(*vmid).or_insert_with(|| known.sample.clone());
        }
        let (nodes, guests) = (nodes.into_values().collect(), guests.into_values().collect());
        Some(Tick { ts: tick.ts, nodes, guests })
    }

    /// Number of nodes and guests of which something was imported.
    pub(super) fn seen(&self) -> (usize, usize) {
        let nodes = self.nodes.values().filter(|known| known.seen).count();
        (nodes, self.guests.values().filter(|known| known.seen).count())
    }

    /// Whose memory size was needed and is not known; `None` when all are.
    pub(super) fn without_memory_size(&self) -> Option<String> {
        let nodes = self.nodes.values().filter(|k| k.seen && k.sample.maxmem.is_none()).count();
        let guests = self.guests.values().filter(|k| k.seen && k.sample.maxmem.is_none()).count();
        (nodes + guests > 0).then(|| format!("{nodes} nodes and {guests} guests"))
    }

    /// Notes on history of which nothing was taken.
    pub(super) fn strangers(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.gone_nodes.is_empty() {
            let names: Vec<&str> = self.gone_nodes.iter().map(String::as_str).collect();
            notes.push(left_out("nodes", &names));
        }
        if !self.gone_guests.is_empty() {
            let names: Vec<String> = self.gone_guests.iter().map(ToString::to_string).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            notes.push(left_out("guests", &names));
        }
        notes
    }
}

/// A known value replaces what was known before; an unknown one is filled in from there.
fn keep<T: Copy>(value: &mut Option<T>, known: &mut Option<T>) {
    *value = value.or(*known);
    *known = *value;
}

fn left_out(what: &str, names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    let shown = names[..names.len().min(SHOWN)].join(", ");
    format!(
        "{} {what} of that history are not in the inventory and were left out: {shown}{more}",
        names.len()
    )
}
