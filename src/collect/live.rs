//! The live part of a tree, put together: who is there, and what they last said.

use super::cluster::{Members, Place, Read, members, vmlist};
use super::counters::Counters;
use super::qemu;
use super::rrd::{self, GuestEntry, NodeEntry, Rrd, StorageEntry};
use super::text::{Note, is_node_name, number};
use super::tree::{MAX_CONFIG, Tree};
use crate::error::{Error, Kind, Result, Warning};
use crate::model::{GuestKind, UnixTime, Vmid};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Nodes and guests of the cluster with their last entries in `.rrd`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Tree it was read from.
    pub root: PathBuf,
    /// Node the tree was read on; empty when not known.
    pub local_node: String,
    /// Name of the cluster; empty on a standalone node.
    pub cluster: String,
    /// Whether the cluster has quorum; `None` when not known or standalone.
    pub quorate: Option<bool>,
    /// In order of their names.
    pub nodes: Vec<LiveNode>,
    /// In order of their vmids.
    pub guests: Vec<LiveGuest>,
    /// What was odd while reading.
    pub warnings: Vec<Warning>,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveNode {
    /// Name in the cluster.
    pub name: String,
    /// Whether the cluster sees it; `None` when not known.
    pub online: Option<bool>,
    /// Its last entry; pmxcfs forgets entries after five minutes.
    pub entry: Option<NodeEntry>,
    /// Storages active on it.
    pub storages: Vec<StorageEntry>,
}

/// A guest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveGuest {
    /// Its number.
    pub vmid: Vmid,
    /// Kind, host and configuration version.
    pub place: Place,
    /// When it was created, once [`identify`] has looked.
    pub created: Option<UnixTime>,
    /// Its last entry.
    pub entry: Option<GuestEntry>,
}

/// Reads `.rrd`, `.vmlist` and `.members` below `root`.
///
/// An error means that there is nothing to record: no tree, or no readable `.rrd`. Everything else
/// is a warning, with whatever could be read.
pub fn live(root: &Path) -> Result<Live> {
    let tree = Tree::open(root)?;
    let mut warnings = Vec::new();
    let path = tree.path(".rrd");
    let Some(bytes) = tree.read_live(".rrd")? else {
        let message = "missing: the cluster file system is not mounted here (is pve-cluster \
                       running?), or this is no copy of it";
        return Err(Error::new(Kind::NotFound, message).at(path.display()));
    };
    let rrd = rrd::parse(&bytes);
    warnings.extend(rrd.notes.about(&path));
    let (members, guests) = roster(&tree, &mut warnings);
    if members.as_ref().is_some_and(|m| m.quorate == Some(false)) {
        let message = "no quorum: this node sees only itself, the others are recorded as offline";
        warnings.push(Warning { file: tree.path(".members"), line: 0, message: message.into() });
    }
    let live = join(rrd.value, members, guests, warnings);
    Ok(Live { root: root.to_path_buf(), ..live })
}

/// Nodes and guests of the cluster. Without `.members` the nodes are not known; without `.vmlist`
/// the guests are those with a configuration file.
pub(super) fn roster(
    tree: &Tree,
    warnings: &mut Vec<Warning>,
) -> (Option<Members>, BTreeMap<Vmid, Place>) {
    let members = known(tree, ".members", members, warnings);
    let guests = known(tree, ".vmlist", vmlist, warnings);
    (members, guests.unwrap_or_else(|| scan(tree, warnings)))
}

/// A file of the live part, or a warning that it could not be used.
fn known<T>(
    tree: &Tree,
    name: &str,
    parse: fn(&[u8]) -> Read<T>,
    warnings: &mut Vec<Warning>,
) -> Option<T> {
    let file = tree.path(name);
    let missing = || Note { line: 0, message: "missing".into() };
    let parsed = tree.read_live(name).map_err(|e| unusable(&file, &e)).and_then(|bytes| {
        let parsed = bytes.ok_or_else(missing).and_then(|bytes| parse(&bytes));
        parsed.map_err(|note| note.about(&file))
    });
    match parsed {
        Ok((value, notes)) => {
            warnings.extend(notes.about(&file));
            Some(value)
        }
        Err(warning) => {
            warnings.push(warning);
            None
        }
    }
}

/// An error that did not stop the work, as a warning about `file`.
pub(super) fn unusable(file: &Path, error: &Error) -> Warning {
    Warning { file: file.to_path_buf(), line: 0, message: error.message.clone() }
}

/// Guests by their configuration files.
fn scan(tree: &Tree, warnings: &mut Vec<Warning>) -> BTreeMap<Vmid, Place> {
    let mut guests = BTreeMap::new();
    for node in folder(tree, "nodes", warnings).into_iter().filter(|name| is_node_name(name)) {
        for kind in [GuestKind::Qemu, GuestKind::Lxc] {
            for name in folder(tree, &guest_folder(&node, kind), warnings) {
                let vmid = name.strip_suffix(".conf").and_then(number).filter(|vmid| *vmid > 0);
                if let Some(vmid) = vmid {
                    let place = Place { kind, node: node.clone(), version: 0 };
                    guests.entry(vmid).or_insert(place);
                }
            }
        }
    }
    guests
}

/// Names in a folder; one that cannot be read is a warning.
pub(super) fn folder(tree: &Tree, name: &str, warnings: &mut Vec<Warning>) -> Vec<String> {
    match tree.list(name) {
        Ok(names) => names.unwrap_or_default(),
        Err(error) => {
            warnings.push(unusable(&tree.path(name), &error));
            Vec::new()
        }
    }
}

/// Where the configurations of such guests lie.
fn guest_folder(node: &str, kind: GuestKind) -> String {
    match kind {
        GuestKind::Qemu => format!("nodes/{node}/qemu-server"),
        GuestKind::Lxc => format!("nodes/{node}/lxc"),
    }
}

/// Where a guest's configuration lies.
pub(super) fn guest_file(vmid: Vmid, place: &Place) -> String {
    format!("{}/{vmid}.conf", guest_folder(&place.node, place.kind))
}

/// Entries given to the nodes and guests they belong to. Entries of guests that are gone are
/// dropped: pmxcfs keeps them for five minutes.
fn join(
    mut rrd: Rrd,
    members: Option<Members>,
    guests: BTreeMap<Vmid, Place>,
    warnings: Vec<Warning>,
) -> Live {
    let mut online: BTreeMap<String, Option<bool>> = match &members {
        Some(members) => members.nodes.iter().map(|(n, on)| (n.clone(), Some(*on))).collect(),
        None => rrd.nodes.keys().map(|name| (name.clone(), None)).collect(),
    };
    for place in guests.values() {
        online.entry(place.node.clone()).or_insert(None);
    }
    let mut nodes: BTreeMap<String, LiveNode> = BTreeMap::new();
    for (name, online) in online {
        let entry = rrd.nodes.remove(&name);
        nodes.insert(name.clone(), LiveNode { name, online, entry, storages: Vec::new() });
    }
    for ((node, _), storage) in rrd.storages {
        if let Some(node) = nodes.get_mut(&node) {
            node.storages.push(storage);
        }
    }
    let guest = |(vmid, place)| {
        let entry = rrd.guests.remove(&vmid);
        LiveGuest { vmid, place, created: None, entry }
    };
    let guests = guests.into_iter().map(guest).collect();
    let members = members.unwrap_or_default();
    Live {
        local_node: members.local,
        cluster: members.cluster,
        quorate: members.quorate,
        nodes: nodes.into_values().collect(),
        guests,
        warnings,
        ..Live::default()
    }
}

/// Fills in when each VM was created (`meta: ctime=`): a change tells a new guest under an old vmid.
///
/// Only configurations that changed since `previous` are read; containers do not say it.
pub fn identify(root: &Path, live: &mut Live, previous: &Counters) {
    let Ok(tree) = Tree::open(root) else { return };
    for guest in live.guests.iter_mut().filter(|g| g.place.kind == GuestKind::Qemu) {
        guest.created = match previous.created(guest.vmid, &guest.place) {
            Some(created) => created,
            None => {
                let file = guest_file(guest.vmid, &guest.place);
                let bytes = tree.read(&file, MAX_CONFIG).ok().flatten();
                if bytes.is_none() {
                    // Without a version the next run looks again.
                    guest.place.version = 0;
                }
                bytes.and_then(|bytes| qemu::created(&bytes))
            }
        };
    }
}
