//! Parts of sentences.

use crate::model::{GuestFacts, GuestKind, joined};
use crate::recommend::{NodeState, Question};

/// Names as the subject of a sentence.
pub(super) fn are(names: &[String]) -> String {
    format!("{} {}", listed(names), is_are(names.len()))
}

/// The verb for so many.
pub(super) fn is_are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// Who empties a node in maintenance.
pub(super) fn ha_empties(node: &str) -> String {
    format!("{node} is in maintenance: the HA manager moves its HA guests by itself")
}

/// Names for a sentence: all of a few, the first of many.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names.len() {
        n if n > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
        _ => joined(names),
    }
}

/// That a guest stays only because no other node has a storage of the name of its own: PVE copies its disks to another
/// one as well, if told to which.
pub(super) fn by_hand(q: &Question, guest: &GuestFacts) -> Option<String> {
    let storage = q.constraints.only_here(guest)?;
    let option = match guest.kind {
        GuestKind::Qemu => "--targetstorage",
        GuestKind::Lxc => "--target-storage",
    };
    Some(format!(
        "no other node has a storage '{storage}'; with another one (`{option}`) it can be moved by hand"
    ))
}

/// Nodes in such a state.
pub(super) fn names(q: &Question, wanted: impl Fn(&NodeState) -> bool) -> Vec<String> {
    let all = q.outlook.nodes.iter().zip(q.states);
    all.filter(|(_, state)| wanted(state)).map(|(node, _)| node.name.clone()).collect()
}
