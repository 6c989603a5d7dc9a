//! The text of `.rrd`: the newest values of every node, guest and storage.

use super::tree::{EXPIRY, PveVersion};
use crate::error::{Error, Result};
use crate::model::{
    Bytes, BytesPerSecond, Fraction, GuestSample, GuestStatus, NodeSample, Tick, UnixTime, Vmid,
};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Counters run on from tick to tick; lines that nobody renews stay for a while, as in pmxcfs.
#[derive(Debug)]
pub(super) struct RrdText {
    version: PveVersion,
    last: Option<UnixTime>,
    guests: BTreeMap<Vmid, Life>,
    nodes: BTreeMap<String, Counters<2>>,
    /// Newest line of each key and when it was made.
    lines: BTreeMap<String, (UnixTime, String)>,
}

/// A guest's process: another one starts when it is started, moved or replaced.
#[derive(Debug)]
struct Life {
    node: String,
    created: Option<UnixTime>,
    counters: Counters<4>,
}

/// Bytes since `since`, which is kept as a fraction so that nothing is lost at low rates.
#[derive(Debug)]
struct Counters<const N: usize> {
    since: UnixTime,
    bytes: [f64; N],
}

impl<const N: usize> Counters<N> {
    fn new(since: UnixTime) -> Self {
        Self { since, bytes: [0.0; N] }
    }

    fn add(&mut self, rates: [Option<BytesPerSecond>; N], seconds: f64) {
        for (sum, rate) in self.bytes.iter_mut().zip(rates) {
            *sum += rate.map_or(0.0, |r| r.0) * seconds;
        }
    }
}

impl RrdText {
    pub(super) fn new(version: PveVersion) -> Self {
        Self {
            version,
            last: None,
            guests: BTreeMap::new(),
            nodes: BTreeMap::new(),
            lines: BTreeMap::new(),
        }
    }

    /// The file at `tick`, one line per key.
    pub(super) fn text(&mut self, tick: &Tick) -> Result<String> {
        let seconds = match self.last.replace(tick.ts) {
            Some(last) if tick.ts <= last => {
                return Err(Error::invalid(format!("{} is not after {last}", tick.ts)).at("ts"));
            }
            Some(last) => (tick.ts - last) as f64,
            None => 0.0,
        };
        for node in tick.nodes.iter().filter(|n| n.online) {
            self.add_node(node, tick.ts, seconds);
        }
        self.guests.retain(|vmid, _| tick.guests.iter().any(|g| g.vmid == *vmid));
        for guest in tick.guests.iter().filter(|g| g.status != GuestStatus::Unknown) {
            self.add_guest(guest, tick.ts, seconds);
        }
        self.lines.retain(|_, (made, _)| tick.ts - *made < EXPIRY);
        Ok(self.lines.iter().map(|(key, (_, line))| format!("{key}:{line}\n")).collect())
    }

    fn keys(&self) -> [&'static str; 3] {
        match self.version {
            PveVersion::V8 => ["pve2-node", "pve2.3-vm", "pve2-storage"],
            PveVersion::V9 => ["pve-node-9.0", "pve-vm-9.0", "pve-storage-9.0"],
        }
    }

    fn add_node(&mut self, node: &NodeSample, ts: UnixTime, seconds: f64) {
        let counters = self
            .nodes
            .entry(node.name.clone())
            .or_insert_with(|| Counters::new(ts - 40 * crate::model::DAY));
        counters.add([node.net_in_bps, node.net_out_bps], seconds);
        let root = node.storage.iter().find(|s| s.id == "local");
        let mut line = Line::new(ts - counters.since);
        line.text("").whole(Some(ts as f64));
        line.exact(node.load_avg).exact(node.maxcpu.map(|c| c.0));
        line.exact(node.cpu.map(|c| c.0)).exact(node.iowait.map(|c| c.0));
        line.bytes(node.maxmem).bytes(node.mem).bytes(node.maxswap).bytes(node.swap);
        line.bytes(root.map(|s| s.total)).bytes(root.map(|s| s.used));
        line.whole(Some(counters.bytes[0])).whole(Some(counters.bytes[1]));
        if self.version == PveVersion::V9 {
            line.bytes(node.mem_available).bytes(node.arc).percent(node.psi_cpu_some);
            line.percent(node.psi_io_some).percent(node.psi_io_full);
            line.percent(node.psi_memory_some).percent(node.psi_memory_full);
        }
        let [node_key, _, storage_key] = self.keys();
        self.lines.insert(format!("{node_key}/{}", node.name), (ts, line.0));
        for s in &node.storage {
            let text = format!("{ts}:{:.0}:{:.0}", s.total.0, s.used.0);
            self.lines.insert(format!("{storage_key}/{}/{}", node.name, s.id), (ts, text));
        }
    }

    fn add_guest(&mut self, guest: &GuestSample, ts: UnixTime, seconds: f64) {
        let key = format!("{}/{}", self.keys()[1], guest.vmid);
        let line = match guest.status {
            GuestStatus::Running | GuestStatus::Paused => self.running(guest, ts, seconds),
            GuestStatus::Stopped | GuestStatus::Unknown => {
                self.guests.remove(&guest.vmid);
                self.stopped(guest, ts)
            }
        };
        self.lines.insert(key, (ts, line.0));
    }

    fn running(&mut self, guest: &GuestSample, ts: UnixTime, seconds: f64) -> Line {
        let same = |l: &Life| l.node == guest.node && l.created == guest.created;
        let mut passed = seconds;
        if !self.guests.get(&guest.vmid).is_some_and(same) {
            // It started some time after the last tick; at the first tick, some days before, and has worked since.
            let age = if seconds > 0.0 { seconds as i64 / 2 } else { 10 * crate::model::DAY };
            passed = age as f64;
            let counters = Counters::new(ts - age);
            let life = Life { node: guest.node.clone(), created: guest.created, counters };
            self.guests.insert(guest.vmid, life);
        }
        let v9 = self.version == PveVersion::V9;
        let Some(Life { counters, .. }) = self.guests.get_mut(&guest.vmid) else {
            return self.stopped(guest, ts);
        };
        let rates =
            [guest.net_in_bps, guest.net_out_bps, guest.disk_read_bps, guest.disk_write_bps];
        counters.add(rates, passed);
        let mut line = Line::new((ts - counters.since).max(1));
        line.text(&guest.name);
        line.text(if guest.status == GuestStatus::Paused { "paused" } else { "running" });
        line.text(if guest.template { "1" } else { "0" }).whole(Some(ts as f64));
        line.exact(guest.maxcpu.map(|c| c.0)).exact(guest.cpu.map(|c| c.0));
        line.bytes(guest.maxmem).bytes(guest.mem).bytes(Some(DISK)).whole(Some(0.0));
        counters.bytes.iter().for_each(|b| {
            line.whole(Some(*b));
        });
        if v9 {
            line.bytes(guest.mem_host);
            line.percent(guest.psi_cpu_some).percent(guest.psi_cpu_full);
            line.percent(guest.psi_io_some).percent(guest.psi_io_full);
            line.percent(guest.psi_memory_some).percent(guest.psi_memory_full);
        }
        line
    }

    fn stopped(&self, guest: &GuestSample, ts: UnixTime) -> Line {
        let mut line = Line::new(0);
        line.text(&guest.name).text("stopped").text(if guest.template { "1" } else { "0" });
        line.whole(Some(ts as f64)).exact(guest.maxcpu.map(|c| c.0)).exact(None);
        line.bytes(guest.maxmem).bytes(None).bytes(Some(DISK));
        let unknown = if self.version == PveVersion::V9 { 12 } else { 5 };
        (0..unknown).for_each(|_| {
            line.bytes(None);
        });
        line
    }
}

/// Size of a guest's disk as the configuration states it.
const DISK: Bytes = Bytes(34_359_738_368.0);

/// Fields joined by colons; `U` is unknown.
struct Line(String);

impl Line {
    fn new(uptime: i64) -> Self {
        Self(uptime.to_string())
    }

    /// A colon or a control character would shift or break the line.
    fn text(&mut self, value: &str) -> &mut Self {
        self.0.push(':');
        self.0.extend(value.chars().map(|c| if c == ':' || c.is_control() { '-' } else { c }));
        self
    }

    fn number(&mut self, value: Option<f64>, digits: Option<usize>) -> &mut Self {
        // Writing into a String cannot fail.
        let _ = match (value, digits) {
            (None, _) => self.0.write_str(":U"),
            (Some(x), Some(digits)) => write!(self.0, ":{x:.digits$}"),
            (Some(x), None) => write!(self.0, ":{x}"),
        };
        self
    }

    fn exact(&mut self, value: Option<f64>) -> &mut Self {
        self.number(value, None)
    }

    fn whole(&mut self, value: Option<f64>) -> &mut Self {
        self.number(value.map(f64::floor), Some(0))
    }

    fn bytes(&mut self, value: Option<Bytes>) -> &mut Self {
        self.number(value.map(|b| b.0.round()), Some(0))
    }

    /// The kernel's own averages have two digits.
    fn percent(&mut self, value: Option<Fraction>) -> &mut Self {
        self.number(value.map(|f| f.0 * 100.0), Some(2))
    }
}
