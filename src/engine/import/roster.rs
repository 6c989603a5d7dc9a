//! Who is in an imported tick: everybody that exists today, from when they are first seen.
//!
//! A guest that a tick does not list counts as gone, and after a day of that as another one. So
//! everybody is listed even where the source has no values of them.
//!
//! Where a guest was, the store's own samples say, and a source that knows: until the next of them it stayed there.
//! So an import neither makes moves nor takes any away.

use crate::model::{GuestSample, GuestStatus, Inventory, NodeSample, Tick, UnixTime, Vmid};
use crate::outlook::host_at;
use crate::store::Placement;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes and guests of today.
pub(super) struct Roster {
    nodes: BTreeMap<String, Known<NodeSample>>,
    guests: BTreeMap<Vmid, Known<GuestSample>>,
    /// Where guests are known to have been, oldest first.
    hosts: BTreeMap<Vmid, Vec<Placement>>,
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
            hosts: BTreeMap::new(),
            gone_nodes: BTreeSet::new(),
            gone_guests: BTreeSet::new(),
        }
    }

    /// Where guests were by the store.
    pub(super) fn remember(&mut self, hosts: BTreeMap<Vmid, Vec<Placement>>) {
        self.hosts = hosts;
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
            if !sample.node.is_empty() {
                note(self.hosts.entry(sample.vmid).or_default(), tick.ts, &sample.node);
            }
            sample.node.clone_from(&known.sample.node);
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
        for guest in guests.values_mut() {
            if let Some(host) =
                self.hosts.get(&guest.vmid).and_then(|hosts| host_at(hosts, tick.ts))
            {
                guest.node = host.to_string();
            }
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

/// Takes note of a host that a source tells.
fn note(hosts: &mut Vec<Placement>, time: UnixTime, host: &str) {
    let at = hosts.partition_point(|p| p.time <= time);
    if at == 0 || *hosts[at - 1].host != *host {
        hosts.insert(at, Placement { time, host: host.into() });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GuestFacts, NodeFacts};

    /// Where guest 100 is listed at these times, today on `c`; a source that tells `told` has ticks of it.
    fn hosts(own: &[(UnixTime, &str)], told: &str, times: &[UnixTime]) -> Vec<String> {
        let node = |name: &str| NodeFacts { name: name.into(), ..NodeFacts::default() };
        let guest = GuestFacts { vmid: 100, node: "c".into(), ..GuestFacts::default() };
        let nodes = ["a", "b", "c"].map(node).to_vec();
        let inventory = Inventory { nodes, guests: vec![guest], ..Inventory::default() };
        let mut roster = Roster::new(&inventory, None);
        let place = |&(time, host): &(UnixTime, &str)| Placement { time, host: host.into() };
        roster.remember(BTreeMap::from([(100, own.iter().map(place).collect())]));
        let mut at = |&ts: &UnixTime| {
            let guest = GuestSample { vmid: 100, node: told.into(), ..GuestSample::default() };
            let tick = roster.complete(Tick { ts, guests: vec![guest], ..Tick::default() });
            tick.map(|t| t.guests[0].node.clone()).unwrap_or_default()
        };
        times.iter().map(&mut at).collect()
    }

    #[test]
    fn own_samples_say_where_a_guest_was() {
        let own = [(100, "a"), (200, "b")];
        assert_eq!(hosts(&own, "", &[50, 150, 250]), ["a", "a", "b"]);
        assert_eq!(hosts(&[], "", &[50, 150]), ["c", "c"], "without any, today's");
        assert_eq!(hosts(&own, "c", &[50, 150]), ["c", "c"], "a source that knows is believed");
    }
}
