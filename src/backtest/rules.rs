//! What PVE would refuse, whoever asks for it: the other policies may not do it either.

use super::recording::{Machine, Recording, Tenant};
use crate::model::{GuestFacts, GuestStatus, NodeFacts};
use crate::recommend::{BlockerCode, Constraints};
use std::collections::BTreeMap;

/// For every guest the nodes that storages, devices, pins and node rules leave it. Rules about who
/// is beside whom are only kept by our own advice, which does not make the others look worse.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    allowed: Vec<Vec<bool>>,
}

/// What stands between a guest and a node at all times.
const LASTING: [BlockerCode; 11] = [
    BlockerCode::Template,
    BlockerCode::TagIgnore,
    BlockerCode::TagPin,
    BlockerCode::Passthrough,
    BlockerCode::HostPath,
    BlockerCode::Storage,
    BlockerCode::LocalDisk,
    BlockerCode::MappedDevice,
    BlockerCode::TooManyCores,
    BlockerCode::HaNodeAffinity,
    BlockerCode::ConfigUnknown,
];

impl Rules {
    /// From the recording's configuration. O(guests x nodes).
    pub(super) fn of(recording: &Recording) -> Self {
        let constraints = Constraints::new(&recording.inventory);
        let row = |guest: &Tenant| match recording.inventory.guest(guest.vmid) {
            Some(facts) => row(recording, &constraints, facts),
            None => vec![true; recording.nodes.len()],
        };
        Self { allowed: recording.guests.iter().map(row).collect() }
    }

    /// Whether the guest may run on the node.
    pub(super) fn allow(&self, guest: usize, node: usize) -> bool {
        self.allowed[guest][node]
    }
}

fn row(recording: &Recording, constraints: &Constraints, facts: &GuestFacts) -> Vec<bool> {
    // Where it is today is one of the nodes it can be on, not where it is in the replay.
    let facts = GuestFacts { node: String::new(), status: GuestStatus::Running, ..facts.clone() };
    let lasting = |code: BlockerCode| LASTING.contains(&code);
    let stays = constraints.of_guest(&facts).iter().any(|b| lasting(b.code));
    let may = |node: &NodeFacts| {
        let found = constraints.of_pair(&facts, node, &BTreeMap::new());
        !stays && !found.iter().any(|b| lasting(b.code))
    };
    let known = |machine: &Machine| recording.inventory.node(&machine.name).is_none_or(may);
    recording.nodes.iter().map(known).collect()
}
