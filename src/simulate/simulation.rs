//! The clock: one tick after the other, with moves and failures at their times.

use super::demand::Demand;
use super::guest::{Guest, Presence};
use super::load::{Load, host_memory, node_load};
use super::placement::place;
use super::roster::{self, Node, node_index};
use super::scenario::{Failure, HostSpec, Move, Scenario, StorageSpec};
use super::trace::Trace;
use crate::error::{Error, Kind, Result};
use crate::model::{
    Bytes, DAY, Fraction, GIB, GuestKind, GuestSample, GuestStatus, Migration, NodeSample,
    StorageSample, Tick, UnixTime, Vmid,
};
use std::ops::Range;
use std::sync::Arc;

/// A running simulation: an iterator over ticks.
#[derive(Clone, Debug)]
pub struct Simulation {
    pub(super) cluster: String,
    pub(super) nodes: Vec<Node>,
    pub(super) storages: Vec<StorageSpec>,
    pub(super) guests: Vec<Guest>,
    /// Node of each guest, by position.
    pub(super) hosts: Vec<usize>,
    pub(super) time: UnixTime,
    host: HostSpec,
    moves: Vec<(UnixTime, Vmid, usize)>,
    failures: Vec<(usize, Range<UnixTime>)>,
    interval: i64,
    start: UnixTime,
    end: UnixTime,
    loads: Vec<Load>,
}

impl Simulation {
    /// Sets up `scenario`, reading its recording if it names one.
    pub fn new(scenario: &Scenario) -> Result<Self> {
        scenario.check()?;
        let trace = scenario.traces.as_ref().map(|t| Trace::read(&t.path)).transpose()?;
        Self::build(scenario, trace.map(Arc::new))
    }

    /// Sets up `scenario` with a recording that is already there; its path is not read.
    pub fn with_trace(scenario: &Scenario, trace: Arc<Trace>) -> Result<Self> {
        scenario.check()?;
        Self::build(scenario, Some(trace))
    }

    fn build(scenario: &Scenario, trace: Option<Arc<Trace>>) -> Result<Self> {
        let nodes = roster::nodes(scenario)?;
        let entries = roster::guests(scenario, trace)?;
        let hosts = place(scenario, &nodes, &entries)?;
        let guests: Vec<Guest> = entries.into_iter().map(|e| e.guest).collect();
        let moves = moves(scenario, &nodes, &guests)?;
        let failures = failures(scenario, &nodes)?;
        check_storages(scenario, &nodes)?;
        let (start, interval) = (scenario.start(), i64::from(scenario.interval));
        Ok(Self {
            cluster: scenario.cluster.clone(),
            loads: vec![Load::default(); nodes.len()],
            nodes,
            storages: scenario.storages.clone(),
            guests,
            hosts,
            time: start - interval,
            host: scenario.host.clone(),
            moves,
            failures,
            interval,
            start,
            end: scenario.end,
        })
    }

    /// The nodes, in the order of [`Simulation::loads`].
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All guests there ever are, in order of vmid and creation.
    pub fn guests(&self) -> &[Guest] {
        &self.guests
    }

    /// Load of each node at the last tick, demand beyond capacity included; all zero while a
    /// node is offline.
    pub fn loads(&self) -> &[Load] {
        &self.loads
    }

    /// What the host takes for itself; with [`node_load`] the load of any other placement.
    pub fn host(&self) -> &HostSpec {
        &self.host
    }

    /// What guest `vmid` wants at `time`, wherever it is; `None` when it does not run.
    ///
    /// A pure function of the scenario: moves do not change it.
    pub fn demand(&self, vmid: Vmid, time: UnixTime) -> Option<Demand> {
        self.position_of(vmid, time).and_then(|i| self.guests[i].demand(time))
    }

    /// Name of the node that `vmid` is on at the last tick.
    pub fn host_of(&self, vmid: Vmid) -> Option<&str> {
        self.position_of(vmid, self.time).map(|i| self.nodes[self.hosts[i]].name.as_str())
    }

    /// Moves `vmid` to the node called `to`; the next tick shows it there.
    pub fn migrate(&mut self, vmid: Vmid, to: &str) -> Result<Migration> {
        let node = node_index(&self.nodes, to)?;
        let time = self.time + self.interval;
        let Some(i) = self.position_of(vmid, time) else {
            return Err(Error::new(Kind::NotFound, format!("no guest {vmid} at {time}")));
        };
        let from = self.nodes[std::mem::replace(&mut self.hosts[i], node)].name.clone();
        Ok(Migration { time, vmid, from, to: to.to_string() })
    }

    /// Position of the guest that has `vmid` at `time`; the ones of a vmid stand side by side.
    fn position_of(&self, vmid: Vmid, time: UnixTime) -> Option<usize> {
        let first = self.guests.partition_point(|g| g.vmid < vmid);
        let same = self.guests[first..].iter().take_while(|g| g.vmid == vmid);
        same.zip(first..).find(|(g, _)| (g.created..g.destroyed).contains(&time)).map(|(_, i)| i)
    }

    fn apply_moves(&mut self) {
        while let Some(&(time, vmid, node)) = self.moves.last()
            && time <= self.time
        {
            self.moves.pop();
            if let Some(i) = self.position_of(vmid, self.time) {
                self.hosts[i] = node;
            }
        }
    }

    pub(super) fn is_online(&self, node: usize) -> bool {
        !self.failures.iter().any(|(n, span)| *n == node && span.contains(&self.time))
    }

    fn update_loads(&mut self, now: &[Presence]) {
        let mut running: Vec<Vec<(GuestKind, &Demand)>> = vec![Vec::new(); self.nodes.len()];
        for ((guest, host), presence) in self.guests.iter().zip(&self.hosts).zip(now) {
            if let Presence::Running(demand) = presence {
                running[*host].push((guest.kind, demand));
            }
        }
        for (i, guests) in running.into_iter().enumerate() {
            self.loads[i] = match self.is_online(i) {
                true => node_load(self.nodes[i].capacity, &self.host, guests),
                false => Load::default(),
            };
        }
    }

    fn node_sample(&self, i: usize) -> NodeSample {
        let node = &self.nodes[i];
        let name = node.name.clone();
        if !self.is_online(i) {
            return NodeSample { name, online: false, ..NodeSample::default() };
        }
        let (load, capacity) = (&self.loads[i], node.capacity);
        let round = |bytes: Bytes| Some(Bytes(bytes.0.round()));
        let pressure = load.pressure(capacity);
        NodeSample {
            name,
            online: true,
            maxcpu: Some(capacity.cores),
            cpu: Some(load.cpu / capacity.cores),
            iowait: Some(load.iowait),
            load_avg: Some(load.load_avg),
            maxmem: round(capacity.memory),
            mem: round(load.mem),
            mem_available: round(capacity.memory - load.mem),
            arc: round(load.arc),
            maxswap: round(capacity.swap),
            swap: round(load.swap),
            net_in_bps: Some(load.net_in),
            net_out_bps: Some(load.net_out),
            guest_count: Some(load.guests),
            psi_cpu_some: Some(pressure.cpu),
            psi_io_some: Some(pressure.io),
            psi_io_full: Some(pressure.io * 0.6),
            psi_memory_some: Some(pressure.memory),
            psi_memory_full: Some(pressure.memory * 0.5),
            storage: self.storage_samples(&node.name),
        }
    }

    /// Storages of `node` in order of their ids.
    pub(super) fn storage_samples(&self, node: &str) -> Vec<StorageSample> {
        let days = (self.time - self.start) as f64 / DAY as f64;
        let sample = |s: &StorageSpec| {
            let used = (s.used_gib + days * s.growth_gib_per_day).clamp(0.0, s.size_gib);
            let bytes = |gib: f64| Bytes((gib * GIB).round());
            StorageSample { id: s.id.clone(), total: bytes(s.size_gib), used: bytes(used) }
        };
        let here = self.storages.iter().filter(|s| s.is_on(node));
        let mut samples: Vec<StorageSample> = here.map(sample).collect();
        samples.sort_by(|a, b| a.id.cmp(&b.id));
        samples
    }

    fn guest_sample(&self, i: usize, presence: Presence) -> Option<GuestSample> {
        let (guest, host) = (&self.guests[i], self.hosts[i]);
        if presence == Presence::Absent {
            return None;
        }
        let mut sample = GuestSample {
            vmid: guest.vmid,
            kind: guest.kind,
            name: guest.name.clone(),
            node: self.nodes[host].name.clone(),
            created: Some(guest.created),
            ..GuestSample::default()
        };
        if !self.is_online(host) {
            return Some(sample);
        }
        sample.maxcpu = Some(guest.cores);
        sample.maxmem = Some(guest.memory);
        match presence {
            Presence::Running(demand) => measure(&mut sample, &demand, guest, &self.loads[host]),
            Presence::Stopped | Presence::Absent => sample.status = GuestStatus::Stopped,
        }
        Some(sample)
    }
}

/// What a running guest gets on its node.
fn measure(sample: &mut GuestSample, demand: &Demand, guest: &Guest, load: &Load) {
    let waiting = Fraction(1.0 - load.granted.0);
    sample.status = GuestStatus::Running;
    sample.cpu = Some((demand.cpu * load.granted.0) / guest.cores);
    sample.mem = Some(Bytes(demand.mem.0.round()));
    sample.mem_host = Some(Bytes(host_memory(guest.kind, demand.mem).0.round()));
    sample.disk_read_bps = Some(demand.disk_read);
    sample.disk_write_bps = Some(demand.disk_write);
    sample.net_in_bps = Some(demand.net_in);
    sample.net_out_bps = Some(demand.net_out);
    sample.psi_cpu_some = Some(waiting);
    sample.psi_cpu_full = Some(waiting * 0.5);
}

impl Iterator for Simulation {
    type Item = Tick;

    fn next(&mut self) -> Option<Tick> {
        if self.time >= self.end {
            return None;
        }
        self.time += self.interval;
        self.apply_moves();
        let now: Vec<Presence> = self.guests.iter().map(|g| g.at(self.time)).collect();
        self.update_loads(&now);
        let nodes = (0..self.nodes.len()).map(|i| self.node_sample(i)).collect();
        let guests =
            now.into_iter().enumerate().filter_map(|(i, p)| self.guest_sample(i, p)).collect();
        Some(Tick { ts: self.time, nodes, guests })
    }
}

/// Moves with their times, the next one last.
fn moves(
    scenario: &Scenario,
    nodes: &[Node],
    guests: &[Guest],
) -> Result<Vec<(UnixTime, Vmid, usize)>> {
    let find = |m: &Move| {
        if !guests.iter().any(|g| g.vmid == m.vmid) {
            return Err(Error::invalid(format!("no guest {} in this scenario", m.vmid)));
        }
        Ok((scenario.at(m.day), m.vmid, node_index(nodes, &m.to)?))
    };
    let placed = |(i, m)| find(m).map_err(|e| e.at(format!("migrations[{i}]")));
    let mut moves =
        scenario.migrations.iter().enumerate().map(placed).collect::<Result<Vec<_>>>()?;
    moves.sort_by_key(|m| std::cmp::Reverse(m.0));
    Ok(moves)
}

/// Nodes that fail and when.
fn failures(scenario: &Scenario, nodes: &[Node]) -> Result<Vec<(usize, Range<UnixTime>)>> {
    let placed = |(i, f): (usize, &Failure)| {
        let node = node_index(nodes, &f.node).map_err(|e| e.at(format!("failures[{i}]")))?;
        Ok((node, scenario.at(f.from_day)..scenario.at(f.until_day)))
    };
    scenario.failures.iter().enumerate().map(placed).collect()
}

fn check_storages(scenario: &Scenario, nodes: &[Node]) -> Result<()> {
    for (i, storage) in scenario.storages.iter().enumerate() {
        for name in &storage.nodes {
            node_index(nodes, name).map_err(|e| e.at(format!("storages[{i}].nodes")))?;
        }
    }
    Ok(())
}
