//! Parts of sentences.

use crate::model::joined;
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

/// Nodes in such a state.
pub(super) fn names(q: &Question, wanted: impl Fn(&NodeState) -> bool) -> Vec<String> {
    let all = q.outlook.nodes.iter().zip(q.states);
    all.filter(|(_, state)| wanted(state)).map(|(node, _)| node.name.clone()).collect()
}
