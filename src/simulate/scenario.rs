//! What to simulate, as JSON-able data with a default for every option.
//!
//! Moments are days since the first tick, so that a scenario can be run at any date.

use super::workload::{MemoryProfile, Profile};
use crate::error::{Error, Result};
use crate::model::{DAY, GuestKind, UnixTime, Vmid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A cluster, its guests and what happens to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Seed of everything random.
    pub seed: u64,
    /// Time of the last tick.
    pub end: UnixTime,
    /// Length in days.
    pub days: f64,
    /// Seconds between ticks.
    pub interval: u32,
    /// Name of the cluster.
    pub cluster: String,
    /// Nodes, in groups of equal ones.
    pub nodes: Vec<NodeGroup>,
    /// Storages of the cluster.
    pub storages: Vec<StorageSpec>,
    /// Synthetic guests, in groups of alike ones.
    pub guests: Vec<GuestGroup>,
    /// Guests from a recording.
    pub traces: Option<TraceSpec>,
    /// Where guests start that name no node.
    pub placement: Placement,
    /// What the hosts need for themselves.
    pub host: HostSpec,
    /// Guests whose demand grows.
    pub growth: Vec<Growth>,
    /// Guests that move.
    pub migrations: Vec<Move>,
    /// Nodes that go offline.
    pub failures: Vec<Failure>,
    /// Guests that are stopped for a while.
    pub stops: Vec<Stop>,
}

/// Equal nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeGroup {
    /// How many.
    pub count: u32,
    /// Name prefix; the node's number in the cluster follows. With `count` 1, a name that ends in a
    /// digit is whole.
    pub name: String,
    /// Cores (hardware threads).
    pub cores: u32,
    /// Installed memory.
    pub memory_gib: f64,
    /// Configured swap.
    pub swap_gib: f64,
}

/// What a host needs for itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostSpec {
    /// CPU in cores whatever runs.
    pub cpu_cores: f64,
    /// CPU on top of the guests', share of theirs (emulation, network).
    pub cpu_share: f64,
    /// Memory without guests.
    pub memory_gib: f64,
    /// Greatest ZFS cache, share of the memory; 0: no ZFS.
    pub arc: f64,
    /// Disk throughput at which half of the idle CPU time waits for disks.
    pub disk_mib_per_second: f64,
}

/// A storage of `storage.cfg`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageSpec {
    /// Storage id.
    pub id: String,
    /// Plugin type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Every node sees the same content.
    pub shared: bool,
    /// Size, per node unless shared.
    pub size_gib: f64,
    /// In use at the first tick.
    pub used_gib: f64,
    /// Growth of what is in use.
    pub growth_gib_per_day: f64,
    /// Nodes that have it; empty: all.
    pub nodes: Vec<String>,
    /// Content types it takes.
    pub content: Vec<String>,
}

/// Alike guests. What is absent is drawn for each guest from its own stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuestGroup {
    /// How many.
    pub count: u32,
    /// Number of the first; absent: after the highest so far, from 100 on.
    pub vmid: Option<Vmid>,
    /// Name; with a count above 1 the vmid follows.
    pub name: Option<String>,
    /// VM or container; absent: one in six is a container.
    #[serde(rename = "type")]
    pub kind: Option<GuestKind>,
    /// What shapes the CPU use.
    pub profile: Option<Profile>,
    /// Cores.
    pub cores: Option<u32>,
    /// Configured memory.
    pub memory_gib: Option<f64>,
    /// Mean CPU use over a week, share of the guest's own cores; met as far as the peaks fit.
    pub level: Option<f64>,
    /// Hour (UTC) of the daily peak or of the nightly job's start.
    pub peak_hour: Option<f64>,
    /// Activity on Saturday and Sunday, share of that on other days.
    pub weekend: Option<f64>,
    /// Spread of the CPU noise, of the logarithm: 0 is none, 0.2 calm, 0.6 wild.
    pub unrest: Option<f64>,
    /// Mean memory use, share of the configured memory.
    pub memory_level: Option<f64>,
    /// What the memory does.
    pub memory_profile: Option<MemoryProfile>,
    /// Node it starts on; absent: by the placement.
    pub node: Option<String>,
    /// Storage of its disk; absent: the first that takes images on its node.
    pub storage: Option<String>,
    /// Day it is created; absent: before the first tick.
    pub from_day: Option<f64>,
    /// Day it is destroyed; absent: never. Another group may then reuse its vmid.
    pub until_day: Option<f64>,
}

/// Guests from a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceSpec {
    /// CSV file, plain or gzipped; see the `trace` module for the columns.
    pub path: PathBuf,
    /// Guests to make; absent: one per recorded guest. Further ones repeat recorded guests,
    /// shifted by whole days.
    pub guests: Option<u32>,
    /// Number of the first guest; absent: the numbers of the recording.
    pub first_vmid: Option<Vmid>,
    /// Day of the recording at which the simulation begins.
    pub from_day: f64,
    /// Begin again where the recording ends, at the same hour of the day; otherwise guests are gone then.
    pub repeat: bool,
    /// Factor on CPU, disk and network; a guest never uses more than its cores.
    pub scale: f64,
    /// Factor on memory use, up to the configured memory.
    pub memory_scale: f64,
    /// Time between two samples.
    pub between: Between,
    /// What missing samples inside a recording mean.
    pub gaps: Gaps,
}

/// How to fill the time between two samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Between {
    /// The sample holds until the next one, with the jitter of a measured interval.
    #[default]
    Hold,
    /// A straight line to the next one.
    Interpolate,
}

/// What missing samples inside a recording mean. A row without cores or memory always says that the
/// guest is switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gaps {
    /// The guest is there, but does not run.
    #[default]
    Stopped,
    /// The guest does not exist.
    Absent,
    /// The guest goes on with its last sample: the recorder stood still, not the guest.
    Held,
}

/// Where guests start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Each guest to the node with the smallest share of cores given away and memory needed.
    #[default]
    Balanced,
    /// One after the other.
    RoundRobin,
    /// Anywhere with room, by the seed.
    Random,
    /// By the seed, each node this many times as likely as the next one.
    Skewed(f64),
    /// As listed; others balanced.
    Explicit(BTreeMap<Vmid, String>),
}

impl FromStr for Placement {
    type Err = Error;

    /// The words of the JSON, and `skewed` or `skewed=2.5`.
    fn from_str(text: &str) -> Result<Self> {
        let (word, factor) = text.split_once('=').unwrap_or((text, "1.5"));
        match (word, factor.parse::<f64>()) {
            ("balanced", _) => Ok(Self::Balanced),
            ("round-robin", _) => Ok(Self::RoundRobin),
            ("random", _) => Ok(Self::Random),
            ("skewed", Ok(factor)) => Ok(Self::Skewed(factor)),
            _ => {
                let known = "balanced, round-robin, random, skewed or skewed=FACTOR";
                Err(Error::invalid(format!("'{text}' is none of {known}")).at("placement"))
            }
        }
    }
}

/// Demand that grows: to the guest's own is added `cpu_cores_per_day` and `memory_gib_per_day`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Growth {
    /// Guests that grow.
    pub guests: Vec<Vmid>,
    /// In addition this share of all guests, chosen by the seed.
    pub share: f64,
    /// CPU in host cores per day; up to all cores of the guest.
    pub cpu_cores_per_day: f64,
    /// Memory; up to what the guest has.
    pub memory_gib_per_day: f64,
    /// When it begins.
    pub from_day: f64,
    /// Days over which it goes on; a straight line that then stays. Absent: to the end.
    pub for_days: Option<f64>,
    /// Approaches the level of this many days exponentially instead of in a straight line.
    pub saturating_days: Option<f64>,
}

/// A guest moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// When.
    pub day: f64,
    /// Which guest.
    pub vmid: Vmid,
    /// Where to.
    pub to: String,
}

/// A node is offline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Which node.
    pub node: String,
    /// From when.
    pub from_day: f64,
    /// Until when.
    pub until_day: f64,
}

/// A guest is stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Which guest.
    pub vmid: Vmid,
    /// From when.
    pub from_day: f64,
    /// Until when.
    pub until_day: f64,
}

impl Default for Scenario {
    /// Three nodes with 30 drawn guests over 14 days, a tick a minute, at whole minutes.
    fn default() -> Self {
        Self {
            seed: 1,
            end: 1_750_000_020,
            days: 14.0,
            interval: 60,
            cluster: "simulated".into(),
            nodes: vec![NodeGroup::default()],
            storages: vec![
                StorageSpec {
                    id: "local".into(),
                    content: vec!["iso".into(), "vztmpl".into(), "backup".into()],
                    ..StorageSpec::default()
                },
                StorageSpec {
                    id: "local-lvm".into(),
                    kind: "lvmthin".into(),
                    size_gib: 1_800.0,
                    used_gib: 700.0,
                    content: vec!["images".into(), "rootdir".into()],
                    ..StorageSpec::default()
                },
            ],
            guests: vec![GuestGroup { count: 30, ..GuestGroup::default() }],
            traces: None,
            placement: Placement::Balanced,
            host: HostSpec::default(),
            growth: Vec::new(),
            migrations: Vec::new(),
            failures: Vec::new(),
            stops: Vec::new(),
        }
    }
}

impl Default for NodeGroup {
    fn default() -> Self {
        Self { count: 3, name: "pve".into(), cores: 32, memory_gib: 128.0, swap_gib: 8.0 }
    }
}

impl Default for HostSpec {
    fn default() -> Self {
        Self {
            cpu_cores: 0.3,
            cpu_share: 0.03,
            memory_gib: 3.0,
            arc: 0.0,
            disk_mib_per_second: 400.0,
        }
    }
}

impl Default for StorageSpec {
    fn default() -> Self {
        Self {
            id: "local".into(),
            kind: "dir".into(),
            shared: false,
            size_gib: 94.0,
            used_gib: 21.0,
            growth_gib_per_day: 0.0,
            nodes: Vec::new(),
            content: vec!["images".into(), "rootdir".into()],
        }
    }
}

impl Default for GuestGroup {
    fn default() -> Self {
        Self {
            count: 1,
            vmid: None,
            name: None,
            kind: None,
            profile: None,
            cores: None,
            memory_gib: None,
            level: None,
            peak_hour: None,
            weekend: None,
            unrest: None,
            memory_level: None,
            memory_profile: None,
            node: None,
            storage: None,
            from_day: None,
            until_day: None,
        }
    }
}

impl Default for TraceSpec {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            guests: None,
            first_vmid: None,
            from_day: 0.0,
            repeat: false,
            scale: 1.0,
            memory_scale: 1.0,
            between: Between::default(),
            gaps: Gaps::default(),
        }
    }
}

impl Scenario {
    /// Reads a scenario's JSON; `name` stands in error messages.
    pub fn parse(text: &str, name: &Path) -> Result<Self> {
        let scenario: Self = serde_json::from_str(text).map_err(|e| {
            Error::invalid(e.to_string()).at(format!("{}:{}", name.display(), e.line()))
        })?;
        scenario.check().map_err(|e| e.at(name.display()))?;
        Ok(scenario)
    }

    /// Time of the first tick.
    pub fn start(&self) -> UnixTime {
        self.end - (self.ticks() - 1) * i64::from(self.interval)
    }

    /// Number of ticks; at least 1.
    pub fn ticks(&self) -> i64 {
        ((self.days * DAY as f64 / f64::from(self.interval)).round() as i64).max(1)
    }

    /// The moment `day` days after the first tick.
    pub(super) fn at(&self, day: f64) -> UnixTime {
        self.start() + (day * DAY as f64).round() as i64
    }
}

impl StorageSpec {
    /// Whether `node` has it.
    pub(super) fn is_on(&self, node: &str) -> bool {
        self.nodes.is_empty() || self.nodes.iter().any(|n| n == node)
    }
}
