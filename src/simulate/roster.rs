//! From a scenario's groups to single nodes and guests.

use super::check::MAX_GUESTS;
use super::guest::{Guest, Line, Recorded, Source};
use super::load::Capacity;
use super::noise::{Noise, stream};
use super::scenario::{GuestGroup, NodeGroup, Scenario, TraceSpec};
use super::trace::{Reading, Trace};
use super::workload::{Wishes, Workload};
use crate::error::{Error, Result};
use crate::model::{Bytes, Cores, DAY, GIB, GuestKind, UnixTime, Vmid};
use rand::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A node of the simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it has.
    pub capacity: Capacity,
}

/// The nodes in order of the scenario; their names are unique.
pub(super) fn nodes(scenario: &Scenario) -> Result<Vec<Node>> {
    let mut nodes: Vec<Node> = Vec::new();
    for group in &scenario.nodes {
        for _ in 0..group.count {
            let name = node_name(group, nodes.len() + 1);
            if nodes.iter().any(|n| n.name == name) {
                return Err(Error::invalid(format!("node '{name}' occurs twice")).at("nodes"));
            }
            let capacity = Capacity {
                cores: Cores(f64::from(group.cores)),
                memory: Bytes(group.memory_gib * GIB),
                swap: Bytes(group.swap_gib * GIB),
            };
            nodes.push(Node { name, capacity });
        }
    }
    Ok(nodes)
}

fn node_name(group: &NodeGroup, number: usize) -> String {
    let whole = group.count == 1 && group.name.ends_with(|c: char| c.is_ascii_digit());
    if whole { group.name.clone() } else { format!("{}{number}", group.name) }
}

/// Position of the node called `name`.
pub(super) fn node_index(nodes: &[Node], name: &str) -> Result<usize> {
    nodes.iter().position(|n| n.name == name).ok_or_else(|| {
        let known: Vec<&str> = nodes.iter().take(8).map(|n| n.name.as_str()).collect();
        Error::invalid(format!("no node '{name}'; there are {}", known.join(", ")))
    })
}

/// A guest and the node it wants to start on.
pub(super) struct Entry {
    pub(super) guest: Guest,
    pub(super) node: Option<String>,
}

/// All guests, in order of vmid and creation.
pub(super) fn guests(scenario: &Scenario, trace: Option<Arc<Trace>>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut numbers = Numbers::default();
    for (i, group) in scenario.guests.iter().enumerate() {
        for k in 0..group.count {
            let wanted = group.vmid.map(|first| u64::from(first) + u64::from(k));
            let (vmid, id) = numbers.take(wanted).map_err(|e| e.at(format!("guests[{i}]")))?;
            entries.push(synthetic(scenario, group, vmid, id));
        }
    }
    if let (Some(spec), Some(trace)) = (&scenario.traces, trace) {
        check_spec(spec, &trace, entries.len())?;
        let count = spec.guests.map_or(trace.guests.len(), |n| n as usize);
        for k in 0..count {
            let wanted = wanted_vmid(spec, &trace, k);
            let (vmid, id) = numbers.take(wanted).map_err(|e| e.at("traces"))?;
            entries.push(recorded(scenario, spec, &trace, k, vmid, id));
        }
    }
    entries.sort_by_key(|e| (e.guest.vmid, e.guest.created));
    check_lives(&entries)?;
    add_growth(scenario, &mut entries)?;
    add_stops(scenario, &mut entries)?;
    Ok(entries)
}

/// Hands out vmids, and with each the id of its own random stream.
#[derive(Default)]
struct Numbers {
    highest: u64,
    lives: BTreeMap<Vmid, u64>,
}

impl Numbers {
    fn take(&mut self, wanted: Option<u64>) -> Result<(Vmid, u64)> {
        let number = wanted.unwrap_or(self.highest.max(99) + 1);
        let vmid = Vmid::try_from(number).ok().filter(|v| (1..=999_999_999).contains(v));
        let Some(vmid) = vmid else {
            let message = format!("{number} is not in 1..999999999");
            return Err(Error::invalid(message).at("vmid"));
        };
        self.highest = self.highest.max(number);
        let life = self.lives.entry(vmid).or_insert(0);
        let id = u64::from(vmid) | *life << 32;
        *life += 1;
        Ok((vmid, id))
    }
}

/// Facts beside the workload, from a stream of their own.
struct Facts {
    container: bool,
    age: i64,
}

impl Facts {
    fn draw(seed: u64, id: u64) -> Self {
        let mut rng = stream(seed, id | 1 << 62);
        Self {
            container: rng.random::<f64>() < 1.0 / 6.0,
            age: rng.random_range(30 * DAY..900 * DAY),
        }
    }

    fn kind(&self) -> GuestKind {
        if self.container { GuestKind::Lxc } else { GuestKind::Qemu }
    }
}

fn synthetic(scenario: &Scenario, group: &GuestGroup, vmid: Vmid, id: u64) -> Entry {
    let wishes = Wishes {
        profile: group.profile,
        cores: group.cores.map(f64::from),
        memory: group.memory_gib.map(|m| m * GIB),
        level: group.level,
        peak_hour: group.peak_hour,
        weekend: group.weekend,
        unrest: group.unrest,
        memory_level: group.memory_level,
        memory_profile: group.memory_profile,
    };
    let workload = Workload::draw(scenario.seed, id, &wishes);
    let facts = Facts::draw(scenario.seed, id);
    let kind = group.kind.unwrap_or(facts.kind());
    let name = match (&group.name, group.count) {
        (Some(name), 1) => name.clone(),
        (Some(name), _) => format!("{name}{vmid}"),
        (None, _) => format!("{}{vmid}", if kind == GuestKind::Lxc { "ct" } else { "vm" }),
    };
    let guest = Guest {
        vmid,
        kind,
        name,
        cores: workload.cores,
        memory: workload.memory,
        need: workload.memory_need(),
        storage: group.storage.clone(),
        created: group.from_day.map_or(scenario.start() - facts.age, |d| scenario.at(d)),
        destroyed: group.until_day.map_or(UnixTime::MAX, |d| scenario.at(d)),
        stops: Vec::new(),
        growth: Vec::new(),
        source: Source::Synthetic(Box::new(workload)),
    };
    Entry { guest, node: group.node.clone() }
}

/// Refuses what fits the recording only together with it.
fn check_spec(spec: &TraceSpec, trace: &Trace, others: usize) -> Result<()> {
    if trace.guests.is_empty() {
        return Err(Error::invalid("the recording has no guests").at("traces"));
    }
    let count = spec.guests.map_or(trace.guests.len(), |n| n as usize) + others;
    if count > MAX_GUESTS as usize {
        let message = format!("{count} guests; at most {MAX_GUESTS} can be simulated");
        return Err(Error::invalid(message).at("traces.guests"));
    }
    let days = f64::from(trace.length) / DAY as f64;
    if !spec.repeat && spec.from_day >= days {
        let message = format!("the recording has {days:.1} days; begin earlier or set 'repeat'");
        return Err(Error::invalid(message).at("traces.from_day"));
    }
    Ok(())
}

/// Number of the `k`-th guest of the recording; `None`: any free one.
fn wanted_vmid(spec: &TraceSpec, trace: &Trace, k: usize) -> Option<u64> {
    match spec.first_vmid {
        Some(first) => Some(u64::from(first) + k as u64),
        None => trace.guests.get(k).map(|g| u64::from(g.vm)),
    }
}

fn recorded(
    scenario: &Scenario,
    spec: &TraceSpec,
    trace: &Arc<Trace>,
    k: usize,
    vmid: Vmid,
    id: u64,
) -> Entry {
    let (round, index) = (k / trace.guests.len(), k % trace.guests.len());
    let source = &trace.guests[index];
    let facts = Facts::draw(scenario.seed, id);
    let mut rng = stream(scenario.seed, id);
    let whole_days = (i64::from(trace.length) / DAY).max(1);
    // Copies are other days of the same guest: its daily rhythm stays at its hour.
    let shift = if round == 0 { 0 } else { rng.random_range(0..whole_days) * DAY };
    let repeat = (spec.repeat || round > 0).then_some(whole_days * DAY);
    let origin = scenario.start() - (spec.from_day * DAY as f64).round() as i64 - shift;
    let (created, destroyed) = match repeat {
        Some(_) => (scenario.start() - facts.age, UnixTime::MAX),
        None => life(scenario, trace, index, origin, facts.age),
    };
    let reading = Reading { between: spec.between, gaps: spec.gaps, noise: Noise::draw(&mut rng) };
    let recorded = Recorded {
        trace: Arc::clone(trace),
        index,
        origin,
        repeat,
        scale: spec.scale,
        memory_scale: spec.memory_scale,
        reading,
    };
    let guest = Guest {
        vmid,
        kind: GuestKind::Qemu,
        name: format!("vm{vmid}"),
        cores: source.cores,
        memory: source.memory,
        need: source.peak_memory() * spec.memory_scale,
        storage: None,
        created,
        destroyed,
        stops: Vec::new(),
        growth: Vec::new(),
        source: Source::Recorded(recorded),
    };
    Entry { guest, node: None }
}

/// A guest exists from its first sample to its last one; one that is there when the recording
/// starts was there before.
fn life(
    scenario: &Scenario,
    trace: &Trace,
    index: usize,
    origin: UnixTime,
    age: i64,
) -> (UnixTime, UnixTime) {
    let (first, end) = trace.guests[index].span(trace.step);
    let early = i64::from(first) < DAY.min(i64::from(trace.length) / 2);
    let created = if early { scenario.start() - age } else { origin + i64::from(first) };
    (created, origin + i64::from(end))
}

fn check_lives(entries: &[Entry]) -> Result<()> {
    for pair in entries.windows(2) {
        let (a, b) = (&pair[0].guest, &pair[1].guest);
        if a.vmid == b.vmid && b.created < a.destroyed {
            let message = format!(
                "two guests have vmid {} at once; end the first with 'until_day' and begin the \
                 second with 'from_day'",
                a.vmid
            );
            return Err(Error::invalid(message).at("guests"));
        }
    }
    Ok(())
}

fn add_growth(scenario: &Scenario, entries: &mut [Entry]) -> Result<()> {
    for (i, growth) in scenario.growth.iter().enumerate() {
        let field = || format!("growth[{i}]");
        for &vmid in &growth.guests {
            known(entries, vmid).map_err(|e| e.at(field()))?;
        }
        let chance = Noise::draw(&mut stream(scenario.seed, 1 << 63 | i as u64));
        let line = Line::new(scenario.at(growth.from_day), growth);
        for entry in entries.iter_mut() {
            let vmid = entry.guest.vmid;
            let chosen = chance.uniform(i64::from(vmid)) < growth.share;
            if chosen || growth.guests.contains(&vmid) {
                entry.guest.growth.push(line.clone());
            }
        }
    }
    Ok(())
}

fn add_stops(scenario: &Scenario, entries: &mut [Entry]) -> Result<()> {
    for (i, stop) in scenario.stops.iter().enumerate() {
        known(entries, stop.vmid).map_err(|e| e.at(format!("stops[{i}]")))?;
        let span = scenario.at(stop.from_day)..scenario.at(stop.until_day);
        for entry in entries.iter_mut().filter(|e| e.guest.vmid == stop.vmid) {
            entry.guest.stops.push(span.clone());
        }
    }
    Ok(())
}

fn known(entries: &[Entry], vmid: Vmid) -> Result<()> {
    if entries.iter().any(|e| e.guest.vmid == vmid) {
        return Ok(());
    }
    Err(Error::invalid(format!("no guest {vmid} in this scenario")))
}
