//! What the configuration says about where guests may run. No load in here.
//!
//! Its JSON is a superset of a tick's: a line of `append --jsonl` is a valid, if poor, inventory.

use super::tick::{MAX_AMOUNT, MAX_LOAD, within};
use super::{Bytes, Cores, Fraction, GuestKind, GuestStatus, Tick, UnixTime, Vmid};
use crate::error::{self, Warning};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Nodes, guests, storages and rules of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inventory {
    /// When it was read.
    pub ts: UnixTime,
    /// Name of the cluster; empty on a standalone node.
    pub cluster: String,
    /// Node it was read on; empty when not known.
    pub local_node: String,
    /// Whether the cluster has quorum; `None` when not known.
    pub quorate: Option<bool>,
    /// Votes that decide on quorum; `None` when not known.
    pub votes: Option<Votes>,
    /// Nodes, in order of their names.
    pub nodes: Vec<NodeFacts>,
    /// Guests, in order of their vmids.
    pub guests: Vec<GuestFacts>,
    /// Storages of `storage.cfg` by id. `None`: not known, so storage constraints can't be judged.
    pub storages: Option<BTreeMap<String, StorageFacts>>,
    /// HA rules and groups, both in the form of PVE 9.
    pub ha_rules: Vec<HaRule>,
    /// Mapped devices: mapping with its kind (`pci:gpu`) -> nodes that offer one.
    pub mappings: BTreeMap<String, Vec<String>>,
    /// PVE's own scheduler.
    pub crs: Crs,
    /// What was odd while reading.
    pub warnings: Vec<Warning>,
}

/// Votes of corosync (`corosync.conf`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Votes {
    /// By node.
    pub nodes: BTreeMap<String, u32>,
    /// Those of the QDevice; 0 without one.
    pub qdevice: u32,
    /// One of two nodes is enough (`two_node`).
    pub two_node: bool,
}

/// A node's configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeFacts {
    /// Name in the cluster.
    pub name: String,
    /// Whether the cluster sees it; `None` when not known.
    pub online: Option<bool>,
    /// HA manager's maintenance mode.
    pub maintenance: bool,
    /// PVE's major version by the form in which the node reports, where known. PVE 9 reports as
    /// PVE 8 does until its RRD files are converted.
    pub reports_as: Option<u32>,
    /// Cores it has, where known.
    pub maxcpu: Option<Cores>,
    /// Memory it has, where known.
    pub maxmem: Option<Bytes>,
    /// Storages seen active on it, where known.
    #[serde(deserialize_with = "storage_ids")]
    pub storage: Option<Vec<String>>,
    /// Free bytes of these storages, where known.
    pub storage_free: BTreeMap<String, Bytes>,
    /// Their sizes, where known.
    pub storage_size: BTreeMap<String, Bytes>,
}

/// A storage of `storage.cfg`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StorageFacts {
    /// Plugin type: `dir`, `lvmthin`, `rbd`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Every node sees the same content.
    pub shared: bool,
    /// Nodes it is restricted to; empty: all.
    pub nodes: Vec<String>,
    /// Switched off.
    pub disabled: bool,
    /// Content types it takes: `images`, `rootdir`, ...; empty: not known.
    pub content: Vec<String>,
}

impl StorageFacts {
    /// Whether it takes content of a type, as far as that is known.
    pub fn takes(&self, content: &str) -> bool {
        self.content.is_empty() || self.content.iter().any(|taken| taken == content)
    }
}

/// A guest's configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GuestFacts {
    /// Its number.
    pub vmid: Vmid,
    /// VM or container.
    #[serde(rename = "type")]
    pub kind: GuestKind,
    /// Name, or the empty string.
    pub name: String,
    /// Host it is on.
    pub node: String,
    /// Run state.
    pub status: GuestStatus,
    /// Templates never move for load.
    pub template: bool,
    /// When it was created, where known.
    pub created: Option<UnixTime>,
    /// Cores it has.
    pub maxcpu: Option<Cores>,
    /// Cores that a node must have to start it, where they are more: those of a VM of which not all are plugged in.
    pub start_cores: Option<Cores>,
    /// Configured memory.
    pub maxmem: Option<Bytes>,
    /// Least memory the balloon driver may leave it.
    pub minmem: Option<Bytes>,
    /// Tags, as set by the admin.
    pub tags: Vec<String>,
    /// Current lock (`backup`, `migrate`, ...).
    pub lock: Option<String>,
    /// Disks and mount points.
    pub disks: Vec<Disk>,
    /// Devices of the host handed to the guest.
    pub devices: Vec<Device>,
    /// CPU model of a VM (`host`, `x86-64-v2-AES`, ...); empty when not set.
    pub cpu_model: String,
    /// Architecture, when it is set; empty: the host's.
    pub arch: String,
    /// HA resource, when HA manages it.
    pub ha: Option<HaResource>,
    /// Jobs that replicate its local disks. Disabled ones count: PVE only asks whether there is one.
    pub replication: Vec<ReplicationJob>,
    /// Its configuration, or HA's, could not be read or understood: what it needs is not known, so
    /// it must stay. The warnings say which file it was.
    pub config_unknown: bool,
    /// The file that this is about, where it is not the guest's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unknown_file: String,
}

/// A disk or mount point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    /// Key in the configuration: `scsi0`, `rootfs`, `mp1`, ...; of a volume that only a snapshot or
    /// a pending change names, with that in front: `before-upgrade/vmstate`, `pending/scsi2`.
    pub key: String,
    /// What is behind it.
    pub source: DiskSource,
    /// CD-ROM drive: the medium must be reachable, but nothing is copied. Cloud-init drives are
    /// copied, so they are not meant.
    pub cdrom: bool,
    /// Size, where the configuration tells.
    pub size: Option<Bytes>,
    /// A snapshot that needs it to be what it is. Of the saved memory of a snapshot and of
    /// cloud-init drives it is not told: they are copied or made anew.
    pub snapshot: Option<String>,
    /// Storage replication leaves it out (`replicate=0`).
    pub not_replicated: bool,
}

/// What is behind a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskSource {
    /// A volume on a storage.
    Volume {
        /// Storage id.
        storage: String,
        /// Volume name on it.
        volume: String,
    },
    /// A block device or directory of the host.
    HostPath {
        /// Path on the host.
        path: String,
        /// The admin declares the same content on every node (`shared=1`).
        shared: bool,
    },
    /// No medium.
    #[default]
    None,
}

/// A device of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// Key in the configuration: `hostpci0`, `usb1`, `dev0`, ...
    pub key: String,
    /// Cluster-wide mapping with its kind: `pci:gpu`, `usb:dongle`, `dir:share`; `None`: an address
    /// on this host alone.
    pub mapping: Option<String>,
    /// A running guest can keep it while it moves. Without it, only a stopped guest may follow its
    /// mapping to another node.
    pub live: bool,
}

/// A guest as HA resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HaResource {
    /// Requested state: `started`, `stopped`, `ignored`, ...
    pub state: String,
    /// PVE 8 group; empty in PVE 9.
    pub group: String,
    /// Whether PVE's own balancer may move it.
    pub auto_rebalance: bool,
    /// HA leaves it where it is when a node that it prefers comes back: `failback 0`, or
    /// `nofailback` of a PVE 8 group.
    pub no_failback: bool,
    /// The HA manager has it in state `error`, in which it does nothing with it.
    pub in_error: bool,
    /// What the HA manager is doing with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_way: Option<HaMove>,
}

/// A move that the HA manager makes (`service_status` of `ha/manager_status`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HaMove {
    /// State of its state machine: `migrate`, `relocate`, `recovery`, ...
    pub state: String,
    /// Node that the guest leaves.
    pub source: String,
    /// Node that it goes to; empty while that is not chosen.
    pub target: String,
}

/// A storage replication job of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplicationJob {
    /// Node that it replicates to.
    pub target: String,
    /// Marked for removal (`remove_job`).
    pub removed: bool,
}

/// An HA rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaRule {
    /// Name of the rule or group.
    pub name: String,
    /// Guests it speaks of.
    pub guests: Vec<Vmid>,
    /// What it says.
    pub kind: HaRuleKind,
}

/// What an HA rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HaRuleKind {
    /// Guests belong on these nodes (name -> priority, higher preferred).
    NodeAffinity {
        /// Nodes with their priorities.
        nodes: BTreeMap<String, i64>,
        /// Never anywhere else.
        strict: bool,
    },
    /// Guests belong together (`true`) or apart (`false`).
    ResourceAffinity {
        /// Together or apart.
        together: bool,
    },
}

/// PVE's cluster resource scheduler (`crs` in `datacenter.cfg`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Crs {
    /// `basic`, `static` or `dynamic`.
    pub ha: String,
    /// Whether it balances HA guests by itself.
    pub auto_rebalance: bool,
    /// Imbalance from which it acts.
    pub threshold: Fraction,
    /// Rounds for which the imbalance must last.
    pub hold_duration: u32,
    /// Least relative gain of a move.
    pub margin: Fraction,
    /// `bruteforce` or `topsis`.
    pub method: String,
}

impl Default for Crs {
    /// PVE's defaults.
    fn default() -> Self {
        Self {
            ha: "basic".into(),
            auto_rebalance: false,
            threshold: Fraction(0.30),
            hold_duration: 3,
            margin: Fraction(0.10),
            method: "bruteforce".into(),
        }
    }
}

impl Votes {
    /// Votes that the cluster needs for quorum.
    pub fn needed(&self) -> u32 {
        let all = self.nodes.values().fold(self.qdevice, |sum, votes| sum.saturating_add(*votes));
        if self.two_node { 1 } else { all / 2 + 1 }
    }

    /// Votes that are there with these nodes online.
    pub fn with<'a>(&self, online: impl Iterator<Item = &'a str>) -> u32 {
        let of_node = |name: &str| self.nodes.get(name).copied().unwrap_or(0);
        online.fold(self.qdevice, |sum, name| sum.saturating_add(of_node(name)))
    }
}

impl GuestFacts {
    /// Whether HA moves it. What it is told to ignore is as if it was none of its own (pve-ha-manager,
    /// `vm_is_ha_managed`).
    pub fn ha_moves(&self) -> bool {
        self.ha.as_ref().is_some_and(|ha| ha.state != "ignored")
    }

    /// Whether PVE migrates it at the moment; the lock does not tell where to.
    pub fn migrates(&self) -> bool {
        self.lock.as_deref() == Some(MIGRATES)
    }

    /// Forgets that it is being moved.
    pub fn settle(&mut self) {
        self.lock.take_if(|lock| lock == MIGRATES);
        if let Some(ha) = &mut self.ha {
            ha.under_way = None;
        }
    }
}

/// The lock of a guest that PVE migrates.
const MIGRATES: &str = "migrate";

impl Inventory {
    /// Whether cores and bytes are such as a tick may have.
    ///
    /// # Errors
    /// `Invalid`, with the node or guest and the field.
    pub fn check(&self) -> error::Result<()> {
        let cores = |field: &str, x: Option<Cores>| within(field, x.map(|x| x.0), MAX_LOAD);
        let size = |field: &str, x: Option<Bytes>| within(field, x.map(|x| x.0), MAX_AMOUNT);
        for node in &self.nodes {
            let storages = node.storage_free.iter().chain(&node.storage_size);
            let mut all = [cores("maxcpu", node.maxcpu), size("maxmem", node.maxmem)]
                .into_iter()
                .chain(storages.map(|(id, bytes)| size(id, Some(*bytes))));
            all.try_for_each(|e| e).map_err(|e| e.at(format!("node {}", node.name)))?;
        }
        for guest in &self.guests {
            let limits = [
                cores("maxcpu", guest.maxcpu),
                cores("start_cores", guest.start_cores),
                size("maxmem", guest.maxmem),
            ];
            let disks = guest.disks.iter().map(|disk| size(&disk.key, disk.size));
            let mut all = limits.into_iter().chain(disks);
            all.try_for_each(|e| e).map_err(|e| e.at(format!("guest {}", guest.vmid)))?;
        }
        Ok(())
    }

    /// Forgets what is so at its moment alone: locks, what HA is doing or has given up, who is there, and quorum.
    pub fn forget_moment(&mut self) {
        for guest in &mut self.guests {
            guest.lock = None;
            guest.settle();
            if let Some(ha) = &mut guest.ha {
                ha.in_error = false;
            }
        }
        for node in &mut self.nodes {
            (node.online, node.maintenance) = (None, false);
        }
        self.quorate = None;
    }

    /// What a tick alone tells: who is where and which storages are active; no rules.
    pub fn from_tick(tick: &Tick) -> Self {
        let nodes = tick.nodes.iter().map(|n| NodeFacts {
            name: n.name.clone(),
            online: Some(n.online),
            maxcpu: n.maxcpu,
            maxmem: n.maxmem,
            storage: (!n.storage.is_empty())
                .then(|| n.storage.iter().map(|s| s.id.clone()).collect()),
            ..NodeFacts::default()
        });
        let guests = tick.guests.iter().map(|g| GuestFacts {
            vmid: g.vmid,
            kind: g.kind,
            name: g.name.clone(),
            node: g.node.clone(),
            status: g.status,
            template: g.template,
            created: g.created,
            maxcpu: g.maxcpu,
            maxmem: g.maxmem,
            ..GuestFacts::default()
        });
        let mut inventory = Self {
            ts: tick.ts,
            nodes: nodes.collect(),
            guests: guests.collect(),
            ..Self::default()
        };
        inventory.sort();
        inventory
    }

    /// Puts nodes and guests in the order that look-ups rely on; of doubles the first stays.
    pub fn sort(&mut self) {
        self.nodes.sort_by(|a, b| a.name.cmp(&b.name));
        self.nodes.dedup_by(|a, b| a.name == b.name);
        self.guests.sort_by_key(|g| g.vmid);
        self.guests.dedup_by_key(|g| g.vmid);
    }

    /// The node called `name`.
    pub fn node(&self, name: &str) -> Option<&NodeFacts> {
        self.nodes.binary_search_by(|n| n.name.as_str().cmp(name)).ok().map(|i| &self.nodes[i])
    }

    /// The guest with this number.
    pub fn guest(&self, vmid: Vmid) -> Option<&GuestFacts> {
        self.guests.binary_search_by_key(&vmid, |g| g.vmid).ok().map(|i| &self.guests[i])
    }
}

/// Accepts both `["local"]` and a tick's `[{"id": "local", ...}]`.
fn storage_ids<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Entry {
        Id(String),
        Sample { id: String },
    }
    let entries = Option::<Vec<Entry>>::deserialize(d)?;
    Ok(entries.map(|all| {
        let id = |e| match e {
            Entry::Id(id) | Entry::Sample { id } => id,
        };
        all.into_iter().map(id).collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_line_is_an_inventory() {
        let line = r#"{"ts":5,"nodes":[{"name":"a","storage":[{"id":"local","total":1,"used":0}]}],
                       "guests":[{"vmid":7,"node":"a","status":"running","cpu":0.5}]}"#;
        let from_json: Inventory = serde_json::from_str(line).unwrap();
        assert_eq!(from_json.nodes[0].storage.as_deref(), Some(&["local".to_string()][..]));
        assert_eq!(from_json.guest(7).unwrap().status, GuestStatus::Running);
        let tick: Tick = serde_json::from_str(line).unwrap();
        assert_eq!(Inventory::from_tick(&tick).guests, from_json.guests);
    }

    #[test]
    fn it_survives_its_own_json() {
        let mut inventory = Inventory::default();
        inventory.nodes.push(NodeFacts { storage: Some(vec!["x".into()]), ..NodeFacts::default() });
        inventory.ha_rules.push(HaRule {
            name: "apart".into(),
            guests: vec![1, 2],
            kind: HaRuleKind::ResourceAffinity { together: false },
        });
        let text = serde_json::to_string(&inventory).unwrap();
        assert_eq!(serde_json::from_str::<Inventory>(&text).unwrap(), inventory);
    }
}
