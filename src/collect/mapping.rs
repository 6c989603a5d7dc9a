//! `mapping/pci.cfg`, `mapping/usb.cfg`, `mapping/directory.cfg`: which nodes offer a device.

use super::section::{bare, sections};
use super::text::{Notes, Parsed, clean_name, decode, is_node_name, properties, quote};
use std::collections::BTreeMap;

/// A mapped device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Nodes that offer it, in order, each once.
    pub nodes: Vec<String>,
    /// A running guest can take it along.
    pub live: bool,
}

/// Reads one of the files: name of the mapping -> mapping.
pub fn parse(bytes: &[u8]) -> Parsed<BTreeMap<String, Mapping>> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    let mut value = BTreeMap::new();
    for section in sections(&text, bare, &mut notes) {
        let mut mapping =
            Mapping { nodes: Vec::new(), live: section.flag("live-migration-capable") };
        for entry in section.all("map") {
            let node = properties(entry, "").and_then(|parts| parts.get("node").copied());
            match node.filter(|name| is_node_name(name)) {
                Some(node) => mapping.nodes.push(node.to_string()),
                None => notes.add(section.line, format!("map {} names no node", quote(entry))),
            }
        }
        mapping.nodes.sort_unstable();
        mapping.nodes.dedup();
        value.insert(clean_name(section.id), mapping);
    }
    Parsed { value, notes }
}
