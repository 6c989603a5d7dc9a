//! What one collector run saw of the whole cluster. Its JSON is the `append` contract.

use super::{Bytes, BytesPerSecond, Cores, Fraction, MOMENTS, UnixTime, Vmid};
use crate::error::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::HashSet;

/// All nodes and guests at one moment; stored whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// When it was taken.
    pub ts: UnixTime,
    /// Nodes, online or not.
    #[serde(default)]
    pub nodes: Vec<NodeSample>,
    /// Guests, running or not.
    #[serde(default)]
    pub guests: Vec<GuestSample>,
}

/// A node at one moment. Optional fields are absent where the source gives nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeSample {
    /// Name in the cluster.
    pub name: String,
    /// Whether the cluster sees it.
    #[serde(default = "yes")]
    pub online: bool,
    /// Cores (hardware threads) it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maxcpu: Option<Cores>,
    /// CPU in use, share of `maxcpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Fraction>,
    /// CPU waiting for disks, share of `maxcpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iowait: Option<Fraction>,
    /// Load average of one minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_avg: Option<f64>,
    /// Installed memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maxmem: Option<Bytes>,
    /// Memory in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem: Option<Bytes>,
    /// Memory available without swapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem_available: Option<Bytes>,
    /// ZFS cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arc: Option<Bytes>,
    /// Configured swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maxswap: Option<Bytes>,
    /// Swap in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap: Option<Bytes>,
    /// Network traffic received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_in_bps: Option<BytesPerSecond>,
    /// Network traffic sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_out_bps: Option<BytesPerSecond>,
    /// Running guests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_count: Option<u32>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_cpu_some: Option<Fraction>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_io_some: Option<Fraction>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_io_full: Option<Fraction>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_memory_some: Option<Fraction>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_memory_full: Option<Fraction>,
    /// Storages that are active on it. One that is given without its size or use is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "measured")]
    pub storage: Vec<StorageSample>,
}

/// A storage as one node sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StorageSample {
    /// Storage id of `storage.cfg`.
    pub id: String,
    /// Size.
    pub total: Bytes,
    /// In use.
    pub used: Bytes,
}

impl StorageSample {
    /// What is left of it; `None` where its size is not known.
    pub fn free(&self) -> Option<Bytes> {
        self.size().map(|size| Bytes((size.0 - self.used.0).max(0.0)))
    }

    /// How large it is, where known.
    pub fn size(&self) -> Option<Bytes> {
        (self.total.0 > 0.0).then_some(self.total)
    }
}

/// Technology of a guest.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum GuestKind {
    /// Virtual machine.
    #[default]
    Qemu,
    /// Container: moving it while it runs restarts it.
    Lxc,
}

impl GuestKind {
    /// What PVE's HA manager puts before the number: `vm:100`.
    pub fn ha_prefix(self) -> &'static str {
        match self {
            Self::Qemu => "vm",
            Self::Lxc => "ct",
        }
    }
}

/// Run state of a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuestStatus {
    /// Running.
    Running,
    /// Stopped.
    Stopped,
    /// Paused: keeps its memory, uses no CPU.
    Paused,
    /// Anything else, or not told.
    #[default]
    #[serde(other)]
    Unknown,
}

impl GuestStatus {
    /// Whether it takes memory of its node: a paused guest does.
    pub fn runs(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// A guest at one moment. Optional fields are absent where the source gives nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GuestSample {
    /// Its number.
    pub vmid: Vmid,
    /// VM or container.
    #[serde(rename = "type", default)]
    pub kind: GuestKind,
    /// Name, or the empty string.
    #[serde(default)]
    pub name: String,
    /// Host it is on.
    pub node: String,
    /// Run state.
    #[serde(default)]
    pub status: GuestStatus,
    /// Whether it is a template; templates have no load and never move for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub template: bool,
    /// When it was created, where the source knows: a change means another guest under the same vmid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<UnixTime>,
    /// Cores it has (sockets x cores, or hot-plugged).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maxcpu: Option<Cores>,
    /// CPU in use, share of `maxcpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Fraction>,
    /// Configured memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maxmem: Option<Bytes>,
    /// Memory in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem: Option<Bytes>,
    /// Memory it takes on its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem_host: Option<Bytes>,
    /// Data read from disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_read_bps: Option<BytesPerSecond>,
    /// Data written to disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_write_bps: Option<BytesPerSecond>,
    /// Network traffic received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_in_bps: Option<BytesPerSecond>,
    /// Network traffic sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_out_bps: Option<BytesPerSecond>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_cpu_some: Option<Fraction>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_cpu_full: Option<Fraction>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_io_some: Option<Fraction>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_io_full: Option<Fraction>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_memory_some: Option<Fraction>,
    /// Pressure stall information, share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_memory_full: Option<Fraction>,
}

/// Storages whose size and use are given: a missing number is not zero.
fn measured<'de, D: Deserializer<'de>>(
    input: D,
) -> std::result::Result<Vec<StorageSample>, D::Error> {
    #[derive(Deserialize)]
    struct Given {
        id: String,
        #[serde(default)]
        total: Option<Bytes>,
        #[serde(default)]
        used: Option<Bytes>,
    }
    let given: Vec<Given> = Vec::deserialize(input)?;
    let whole = |s: Given| Some(StorageSample { id: s.id, total: s.total?, used: s.used? });
    Ok(given.into_iter().filter_map(whole).collect())
}

fn yes() -> bool {
    true
}

impl NodeSample {
    /// Use of the fullest storage; `None` when no storage with a size is known.
    pub fn storage_usage(&self) -> Option<f64> {
        let known = self.storage.iter().filter(|s| s.total.0 > 0.0);
        known.map(|s| (s.used / s.total).0).max_by(f64::total_cmp)
    }
}

/// Longest name taken; PVE's own limits are 63 (node) and 128 (guest) characters.
pub(crate) const MAX_NAME: usize = 255;
/// Most storages of a node.
pub(crate) const MAX_STORAGES: usize = 4_096;
/// Largest load taken of one CPU share; guests report a little above 1.
pub(crate) const MAX_SHARE: f64 = 1_000.0;
/// Most cores and largest load average taken.
pub(crate) const MAX_LOAD: f64 = 1e6;
/// Largest size, rate or counter taken, far above any machine: 1 EiB.
pub(crate) const MAX_AMOUNT: f64 = 1_152_921_504_606_846_976.0;

impl Tick {
    /// Refuses what cannot be a measurement, naming the field: non-finite or negative numbers,
    /// empty or doubled names, names with control characters, times outside 1970..2200. And a tick
    /// without anybody, which would keep the real one of its time out.
    pub fn check(&self) -> Result<()> {
        if !MOMENTS.contains(&self.ts) {
            return Err(Error::invalid("not a unix time in seconds between 1970 and 2200").at("ts"));
        }
        if self.nodes.is_empty() && self.guests.is_empty() {
            return Err(Error::invalid("neither a node nor a guest is in it").at("tick"));
        }
        let mut names = HashSet::new();
        for (i, node) in self.nodes.iter().enumerate() {
            let place = |field: &str| format!("nodes[{i}].{field}");
            check_name(&node.name).map_err(|e| e.at(place("name")))?;
            if !names.insert(node.name.as_str()) {
                let message = format!("node '{}' occurs twice in this tick", node.name);
                return Err(Error::invalid(message).at(place("name")));
            }
            node.check().map_err(|e| e.at(format!("nodes[{i}]")))?;
        }
        // Ticks mostly list guests in order of their numbers: then none can be there twice.
        let ordered = self.guests.windows(2).all(|pair| pair[0].vmid < pair[1].vmid);
        let mut vmids = HashSet::new();
        for (i, guest) in self.guests.iter().enumerate() {
            let place = |field: &str| format!("guests[{i}].{field}");
            if guest.vmid == 0 {
                return Err(Error::invalid("must be at least 1").at(place("vmid")));
            }
            if !ordered && !vmids.insert(guest.vmid) {
                let message = format!("guest {} occurs twice in this tick", guest.vmid);
                return Err(Error::invalid(message).at(place("vmid")));
            }
            check_name(&guest.node).map_err(|e| e.at(place("node")))?;
            if !guest.name.is_empty() {
                check_name(&guest.name).map_err(|e| e.at(place("name")))?;
            }
            guest.check().map_err(|e| e.at(format!("guests[{i}]")))?;
        }
        Ok(())
    }
}

/// Whether nothing speaks against a name, so that it can be shown on a terminal.
pub(crate) fn is_name(name: &str) -> bool {
    check_name(name).is_ok()
}

fn check_name(name: &str) -> Result<()> {
    match name.len() {
        0 => Err(Error::invalid("must not be empty")),
        // Names are shown on terminals.
        1..=MAX_NAME if name.contains(char::is_control) => {
            Err(Error::invalid("must not contain control characters"))
        }
        1..=MAX_NAME => Ok(()),
        _ => Err(Error::invalid(format!("longer than {MAX_NAME} bytes"))),
    }
}

pub(super) fn within(field: &str, value: Option<f64>, max: f64) -> Result<()> {
    match value {
        None => Ok(()),
        Some(x) if x.is_finite() && (0.0..=max).contains(&x) => Ok(()),
        Some(x) => Err(Error::invalid(format!("{x} is not in 0..{max}")).at(field)),
    }
}

impl NodeSample {
    fn check(&self) -> Result<()> {
        let share = |f: &str, x: Option<Fraction>| within(f, x.map(|x| x.0), MAX_SHARE);
        let size = |f: &str, x: Option<Bytes>| within(f, x.map(|x| x.0), MAX_AMOUNT);
        let rate = |f: &str, x: Option<BytesPerSecond>| within(f, x.map(|x| x.0), MAX_AMOUNT);
        within("maxcpu", self.maxcpu.map(|x| x.0), MAX_LOAD)?;
        share("cpu", self.cpu)?;
        share("iowait", self.iowait)?;
        within("load_avg", self.load_avg, MAX_LOAD)?;
        size("maxmem", self.maxmem)?;
        size("mem", self.mem)?;
        size("mem_available", self.mem_available)?;
        size("arc", self.arc)?;
        size("maxswap", self.maxswap)?;
        size("swap", self.swap)?;
        rate("net_in_bps", self.net_in_bps)?;
        rate("net_out_bps", self.net_out_bps)?;
        share("psi_cpu_some", self.psi_cpu_some)?;
        share("psi_io_some", self.psi_io_some)?;
        share("psi_io_full", self.psi_io_full)?;
        share("psi_memory_some", self.psi_memory_some)?;
        share("psi_memory_full", self.psi_memory_full)?;
        if self.storage.len() > MAX_STORAGES {
            return Err(Error::invalid(format!("more than {MAX_STORAGES} entries")).at("storage"));
        }
        let mut ids = HashSet::new();
        for (i, s) in self.storage.iter().enumerate() {
            let place = |e: Error| e.at(format!("storage[{i}]"));
            check_name(&s.id).map_err(|e| place(e.at("id")))?;
            if !ids.insert(s.id.as_str()) {
                let message = format!("storage '{}' occurs twice on this node", s.id);
                return Err(place(Error::invalid(message).at("id")));
            }
            size("total", Some(s.total)).map_err(place)?;
            size("used", Some(s.used)).map_err(place)?;
        }
        Ok(())
    }
}

impl GuestSample {
    fn check(&self) -> Result<()> {
        let share = |f: &str, x: Option<Fraction>| within(f, x.map(|x| x.0), MAX_SHARE);
        let size = |f: &str, x: Option<Bytes>| within(f, x.map(|x| x.0), MAX_AMOUNT);
        let rate = |f: &str, x: Option<BytesPerSecond>| within(f, x.map(|x| x.0), MAX_AMOUNT);
        within("maxcpu", self.maxcpu.map(|x| x.0), MAX_LOAD)?;
        share("cpu", self.cpu)?;
        size("maxmem", self.maxmem)?;
        size("mem", self.mem)?;
        size("mem_host", self.mem_host)?;
        rate("disk_read_bps", self.disk_read_bps)?;
        rate("disk_write_bps", self.disk_write_bps)?;
        rate("net_in_bps", self.net_in_bps)?;
        rate("net_out_bps", self.net_out_bps)?;
        share("psi_cpu_some", self.psi_cpu_some)?;
        share("psi_cpu_full", self.psi_cpu_full)?;
        share("psi_io_some", self.psi_io_some)?;
        share("psi_io_full", self.psi_io_full)?;
        share("psi_memory_some", self.psi_memory_some)?;
        share("psi_memory_full", self.psi_memory_full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = r#"{"ts":1700000000,"nodes":[{"name":"pve1","online":true,"maxcpu":32,"cpu":0.42,"iowait":0.01,"load_avg":3.2,"maxmem":0,"mem":0,"storage":[{"id":"local-lvm","total":0,"used":0}]}],"guests":[{"vmid":100,"type":"qemu","name":"web","node":"pve1","status":"running","maxcpu":4,"cpu":0.3,"maxmem":0,"mem":0,"disk_read_bps":0,"disk_write_bps":0,"net_in_bps":0,"net_out_bps":0,"unheard_of":[1]}]}"#;

    #[test]
    fn the_contract_line_is_read() {
        let tick: Tick = serde_json::from_str(CONTRACT).unwrap();
        tick.check().unwrap();
        assert_eq!(tick.nodes[0].cpu, Some(Fraction(0.42)));
        assert_eq!(tick.nodes[0].storage_usage(), None, "a storage without size says nothing");
        assert_eq!(tick.guests[0].status, GuestStatus::Running);
        let again: Tick = serde_json::from_str(&serde_json::to_string(&tick).unwrap()).unwrap();
        assert_eq!(again, tick);
    }

    #[test]
    fn a_storage_without_its_use_or_size_is_not_known() {
        let line = CONTRACT.replace(
            r#"{"id":"local-lvm","total":0,"used":0}"#,
            r#"{"id":"a","total":9},{"id":"b","used":9},{"id":"c","total":null,"used":9},{"id":"d","total":9,"used":3}"#,
        );
        let tick: Tick = serde_json::from_str(&line).unwrap();
        let ids: Vec<&str> = tick.nodes[0].storage.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["d"]);
    }

    #[test]
    fn nonsense_is_refused_by_field() {
        let tick: Tick = serde_json::from_str(CONTRACT).unwrap();
        let refused = |change: fn(&mut Tick), want: &str| {
            let mut bad = tick.clone();
            change(&mut bad);
            let text = bad.check().unwrap_err().to_string();
            assert!(text.starts_with(want), "{text}");
        };
        refused(|t| *t = Tick { ts: t.ts, ..Tick::default() }, "tick: neither a node nor a guest");
        refused(|t| t.ts = -5, "ts: ");
        refused(|t| t.ts = 1_700_000_000_000, "ts: ");
        refused(|t| t.guests[0].cpu = Some(Fraction(-0.1)), "guests[0]: cpu: ");
        refused(|t| t.guests[0].mem = Some(Bytes(f64::NAN)), "guests[0]: mem: ");
        refused(|t| t.nodes[0].name.clear(), "nodes[0].name: ");
        refused(|t| t.nodes[0].name.push('\n'), "nodes[0].name: ");
        refused(|t| t.guests[0].name = "\u{1b}[2J".into(), "guests[0].name: ");
        refused(|t| t.nodes[0].storage[0].used = Bytes(-1.0), "nodes[0]: storage[0]: used: ");
        refused(|t| t.nodes.push(t.nodes[0].clone()), "nodes[1].name: node 'pve1' occurs twice");
        refused(
            |t| {
                let again = t.nodes[0].storage[0].clone();
                t.nodes[0].storage.push(again);
            },
            "nodes[0]: storage[1]: id: storage 'local-lvm' occurs twice",
        );
        refused(|t| t.guests.push(t.guests[0].clone()), "guests[1].vmid: guest 100 occurs twice");
    }
}
