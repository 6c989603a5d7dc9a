//! The history PVE keeps in RRD files: which files there are, and their rows as samples.
//!
//! Each node has files of all nodes, guests and storages of the cluster, below
//! `/var/lib/rrdcached/db`. rrdcached writes them late: the last half hour may be missing.

use super::limits;
use super::live::unusable;
use super::text::{is_node_name, number};
use super::tree::{MAX_LIVE, Tree};
use crate::error::{Error, Kind, Result, Warning};
use crate::model::{
    Bytes, BytesPerSecond, Cores, Fraction, GuestSample, MAX_AMOUNT, MAX_LOAD, NodeSample,
    StorageSample, Vmid,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folders of nodes, guests and storages, the ones preferred last.
const NODES: [&str; 2] = ["pve2-node", "pve-node-9.0"];
const GUESTS: [&str; 2] = ["pve2-vm", "pve-vm-9.0"];
const STORAGES: [&str; 2] = ["pve2-storage", "pve-storage-9.0"];

/// What a file is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A node by name.
    Node(String),
    /// A guest by number.
    Guest(Vmid),
    /// A storage as one node sees it: node and id.
    Storage(String, String),
}

/// Files of history by whose they are, that of PVE 9 first.
pub type Files = BTreeMap<Subject, Vec<PathBuf>>;

/// Files below `root` by node, guest and storage, that of PVE 9 first. After an upgrade the one of
/// PVE 8 may still hold what was before.
///
/// # Errors
/// When `root` is no folder or holds none of PVE's.
pub fn history_files(root: &Path) -> Result<(Files, Vec<Warning>)> {
    let tree = Tree::open(root)?;
    let mut walk = Walk { tree: &tree, files: BTreeMap::new(), warnings: Vec::new(), folders: 0 };
    for folder in NODES {
        walk.folder(folder, |name| is_node_name(name).then(|| Subject::Node(name.into())));
    }
    for folder in GUESTS {
        walk.folder(folder, |name| number(name).filter(|v| *v > 0).map(Subject::Guest));
    }
    for folder in STORAGES {
        for node in walk.names(folder).into_iter().filter(|name| is_node_name(name)) {
            let below = format!("{folder}/{node}");
            walk.folder(&below, |id| Some(Subject::Storage(node.clone(), id.into())));
        }
    }
    if walk.folders == 0 {
        let message = "none of PVE's RRD folders here (pve-node-9.0, pve2-node, ...)";
        return Err(Error::new(Kind::NotFound, message).at(root.display()));
    }
    Ok((walk.files, walk.warnings))
}

struct Walk<'a> {
    tree: &'a Tree,
    files: Files,
    warnings: Vec<Warning>,
    /// Folders found.
    folders: usize,
}

impl Walk<'_> {
    /// Adds the files of a folder. PVE's own migration keeps replaced files as `NAME.old`.
    fn folder(&mut self, folder: &str, subject: impl Fn(&str) -> Option<Subject>) {
        for name in self.names(folder).into_iter().filter(|name| !name.ends_with(".old")) {
            if let Some(subject) = subject(&name) {
                let files = self.files.entry(subject).or_default();
                files.insert(0, self.tree.path(folder).join(name));
            }
        }
    }

    fn names(&mut self, folder: &str) -> Vec<String> {
        match self.tree.list(folder) {
            Ok(Some(names)) => {
                self.folders += 1;
                names
            }
            Ok(None) => Vec::new(),
            Err(error) => {
                self.warnings.push(unusable(&self.tree.path(folder), &error));
                Vec::new()
            }
        }
    }
}

/// The bytes of one of the files found by [`history_files`].
pub fn history_bytes(path: &Path) -> Result<Vec<u8>> {
    super::tree::read(path, MAX_LIVE)
}

/// A row of a node's file as a sample; `value` gives what a data source says in it. What
/// cannot be a measurement counts as unknown.
pub fn node_sample(name: &str, value: &dyn Fn(&str) -> Option<f64>) -> NodeSample {
    let get = |source| usable(source, limits::NODE_CPU, value);
    NodeSample {
        name: name.to_string(),
        online: true,
        maxcpu: get("maxcpu").map(Cores),
        cpu: get("cpu").map(Fraction),
        iowait: get("iowait").map(Fraction),
        load_avg: get("loadavg"),
        maxmem: get("memtotal").map(Bytes),
        mem: get("memused").map(Bytes),
        mem_available: get("memavailable").map(Bytes),
        arc: get("arcsize").map(Bytes),
        maxswap: get("swaptotal").map(Bytes),
        swap: get("swapused").map(Bytes),
        net_in_bps: get("netin").map(BytesPerSecond),
        net_out_bps: get("netout").map(BytesPerSecond),
        guest_count: None,
        psi_cpu_some: get("pressurecpusome").map(limits::pressure),
        psi_io_some: get("pressureiosome").map(limits::pressure),
        psi_io_full: get("pressureiofull").map(limits::pressure),
        psi_memory_some: get("pressurememorysome").map(limits::pressure),
        psi_memory_full: get("pressurememoryfull").map(limits::pressure),
        storage: Vec::new(),
    }
}

/// A row of a guest's file as a sample, see [`node_sample`]. Its host is not told.
pub fn guest_sample(vmid: Vmid, value: &dyn Fn(&str) -> Option<f64>) -> GuestSample {
    let get = |source| usable(source, limits::GUEST_CPU, value);
    GuestSample {
        vmid,
        maxcpu: get("maxcpu").map(Cores),
        cpu: get("cpu").map(Fraction),
        maxmem: get("maxmem").map(Bytes),
        mem: get("mem").map(Bytes),
        mem_host: get("memhost").map(Bytes),
        net_in_bps: get("netin").map(BytesPerSecond),
        net_out_bps: get("netout").map(BytesPerSecond),
        disk_read_bps: get("diskread").map(BytesPerSecond),
        disk_write_bps: get("diskwrite").map(BytesPerSecond),
        psi_cpu_some: get("pressurecpusome").map(limits::pressure),
        psi_cpu_full: get("pressurecpufull").map(limits::pressure),
        psi_io_some: get("pressureiosome").map(limits::pressure),
        psi_io_full: get("pressureiofull").map(limits::pressure),
        psi_memory_some: get("pressurememorysome").map(limits::pressure),
        psi_memory_full: get("pressurememoryfull").map(limits::pressure),
        ..GuestSample::default()
    }
}

/// A row of a storage's file as a sample, see [`node_sample`].
pub fn storage_sample(id: &str, value: &dyn Fn(&str) -> Option<f64>) -> Option<StorageSample> {
    let get = |source| value(source).filter(|bytes| (0.0..=MAX_AMOUNT).contains(bytes));
    let (total, used) = (get("total")?, get("used")?);
    Some(StorageSample { id: id.to_string(), total: Bytes(total), used: Bytes(used) })
}

/// What a source says, where it can be a measurement; `cpu` is the largest share of CPU.
fn usable(source: &str, cpu: f64, value: &dyn Fn(&str) -> Option<f64>) -> Option<f64> {
    let largest = match source {
        "cpu" | "iowait" => cpu,
        "maxcpu" | "loadavg" => MAX_LOAD,
        _ if source.starts_with("pressure") => limits::PRESSURE,
        _ => MAX_AMOUNT,
    };
    value(source).filter(|value| (0.0..=largest).contains(value))
}

#[cfg(test)]
mod tests {
    use super::{guest_sample, node_sample};
    use crate::model::Fraction;

    #[test]
    fn what_was_never_measured_counts_as_unknown_as_in_a_live_sample() {
        let all = |value: f64| move |_: &str| Some(value);
        let node = node_sample("pve1", &all(1.6));
        assert_eq!((node.cpu, node.iowait, node.psi_io_some), (None, None, Some(Fraction(0.016))));
        assert_eq!(guest_sample(100, &all(63.0)).cpu, Some(Fraction(63.0)));
        let guest = guest_sample(100, &all(100.5));
        assert_eq!((guest.cpu, guest.psi_cpu_some), (None, Some(Fraction(1.0))));
        assert_eq!(guest_sample(100, &all(102.0)).psi_cpu_some, None);
        assert_eq!(node_sample("pve1", &all(-1.0)).mem, None);
    }
}
