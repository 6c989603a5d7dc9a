//! `.members` and `.vmlist`: who belongs to the cluster. JSON made by pmxcfs.

use super::text::{Note, Notes, is_node_name, quote};
use crate::model::{GuestKind, Vmid};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a file says and what is odd in it, or why it says nothing.
pub(super) type Read<T> = Result<(T, Notes), Note>;

/// `.members`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Node the file was read on.
    pub local: String,
    /// Name of the cluster; empty on a standalone node.
    pub cluster: String,
    /// Whether the cluster has quorum; `None` on a standalone node.
    pub quorate: Option<bool>,
    /// Nodes and whether they are online; a standalone node knows itself alone.
    pub nodes: BTreeMap<String, bool>,
}

/// A guest's entry in `.vmlist`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// VM or container.
    pub kind: GuestKind,
    /// Host it is on.
    pub node: String,
    /// Counts changes of its configuration file; starts anew when pmxcfs does.
    pub version: u64,
}

#[derive(Deserialize)]
struct RawMembers {
    #[serde(default)]
    nodename: String,
    cluster: Option<RawCluster>,
    #[serde(default)]
    nodelist: BTreeMap<String, RawNode>,
}

#[derive(Deserialize)]
struct RawCluster {
    #[serde(default)]
    name: String,
    quorate: Option<u32>,
}

#[derive(Deserialize)]
struct RawNode {
    #[serde(default)]
    online: u32,
}

#[derive(Deserialize)]
struct RawList {
    #[serde(default)]
    ids: BTreeMap<String, RawPlace>,
}

#[derive(Deserialize)]
struct RawPlace {
    node: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    version: u64,
}

/// Reads `.members`; an error is the line that is no JSON, or not what is expected.
pub fn members(bytes: &[u8]) -> Read<Members> {
    let raw: RawMembers = json(bytes)?;
    let mut notes = Notes::default();
    let mut nodes = BTreeMap::new();
    for (name, node) in raw.nodelist {
        if is_node_name(&name) {
            nodes.insert(name, node.online != 0);
        } else {
            notes.add(0, format!("{} is no name of a node, skipped", quote(&name)));
        }
    }
    let local = if is_node_name(&raw.nodename) { raw.nodename } else { String::new() };
    if nodes.is_empty() && !local.is_empty() {
        nodes.insert(local.clone(), true);
    }
    let quorate = raw.cluster.as_ref().and_then(|c| c.quorate).map(|q| q != 0);
    let cluster = raw.cluster.map(|c| c.name).unwrap_or_default();
    Ok((Members { local, cluster, quorate, nodes }, notes))
}

/// Reads `.vmlist`; an error as of [`members`].
pub fn vmlist(bytes: &[u8]) -> Read<BTreeMap<Vmid, Place>> {
    let raw: RawList = json(bytes)?;
    let mut notes = Notes::default();
    let mut guests = BTreeMap::new();
    for (id, place) in raw.ids {
        let vmid = super::text::number(&id).filter(|vmid| *vmid > 0);
        let kind = match place.kind.as_str() {
            "qemu" => Some(GuestKind::Qemu),
            "lxc" => Some(GuestKind::Lxc),
            _ => None,
        };
        match (vmid, kind, is_node_name(&place.node)) {
            (Some(vmid), Some(kind), true) => {
                let place = Place { kind, node: place.node, version: place.version };
                guests.insert(vmid, place);
            }
            _ => {
                let what = format!("{} of type {}", quote(&id), quote(&place.kind));
                notes.add(0, format!("guest {what} on {} skipped", quote(&place.node)));
            }
        }
    }
    Ok((guests, notes))
}

/// JSON, or the mistake with its line.
pub(super) fn json<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, Note> {
    serde_json::from_slice(bytes)
        .map_err(|e| Note { line: e.line(), message: format!("not the JSON expected here: {e}") })
}
