//! `storage.cfg`: which storages there are, where, and whether all nodes see the same in them.

use super::section::{Section, sections, typed};
use super::text::{Notes, Parsed, clean_name, decode, list};
use crate::model::StorageFacts;
use std::collections::BTreeMap;

/// Types that are shared whatever their section says (pve-storage, `@SHARED_STORAGE`; GlusterFS up to
/// PVE 8), and ESXi hosts, which are the same from everywhere.
const SHARED: [&str; 11] = [
    "iscsi",
    "nfs",
    "cifs",
    "rbd",
    "cephfs",
    "iscsidirect",
    "glusterfs",
    "zfs",
    "drbd",
    "pbs",
    "esxi",
];

/// Reads `storage.cfg`. As in PVE there is always a `local`, on every node.
pub fn parse(bytes: &[u8]) -> Parsed<BTreeMap<String, StorageFacts>> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    let mut value = BTreeMap::new();
    for section in sections(&text, typed, &mut notes) {
        if section.id == "local" && !is_local(&section) {
            continue;
        }
        let names = |key| -> Vec<String> {
            section.get(key).into_iter().flat_map(list).map(clean_name).collect()
        };
        let content = match names("content") {
            given if given.is_empty() => default_content(&section.kind),
            given => given,
        };
        let facts = StorageFacts {
            shared: SHARED.contains(&section.kind.as_str()) || section.flag("shared"),
            nodes: if section.id == "local" { Vec::new() } else { names("nodes") },
            disabled: section.flag("disable"),
            content,
            kind: section.kind,
        };
        value.insert(clean_name(section.id), facts);
    }
    value.entry("local".to_string()).or_insert_with(local);
    Parsed { value, notes }
}

/// Whether PVE takes a section for its `local`; another one of that name it replaces.
fn is_local(section: &Section<'_>) -> bool {
    section.kind == "dir" && section.get("path").is_none_or(|path| path == "/var/lib/vz")
}

/// The storage that PVE adds when the file has none of that name.
fn local() -> StorageFacts {
    let content = ["backup", "images", "iso", "rootdir", "snippets", "vztmpl"];
    StorageFacts {
        kind: "dir".into(),
        content: content.map(String::from).to_vec(),
        ..StorageFacts::default()
    }
}

/// What a storage takes when its section does not say it (pve-storage, `content` of each plugin's `plugindata`); nothing of
/// plugins that are not PVE's own: not known.
fn default_content(kind: &str) -> Vec<String> {
    let names: &[&str] = match kind {
        "dir" | "btrfs" | "lvmthin" | "zfspool" => &["images", "rootdir"],
        "pbs" | "cephfs" => &["backup"],
        "esxi" => &["import"],
        "cifs" | "glusterfs" | "iscsi" | "iscsidirect" | "lvm" | "nfs" | "rbd" | "zfs" => {
            &["images"]
        }
        _ => &[],
    };
    names.iter().map(|name| (*name).to_string()).collect()
}
