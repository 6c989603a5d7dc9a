//! What keeps a guest where it is, in a word for programs and a clause for people.

use crate::model::{GuestFacts, Vmid};
use crate::outlook::NodeOutlook;
use serde::Serialize;

/// Why a guest cannot move, or not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Blocker {
    /// Stable word for programs.
    pub code: BlockerCode,
    /// One clause for people, naming the thing in the way.
    pub text: String,
}

/// The kinds of blockers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockerCode {
    /// It is a template.
    Template,
    /// It does not run, or nobody reports whether it does: moving it relieves nothing.
    NotRunning,
    /// It is locked by another operation, or another guest of its node is that is being migrated.
    Locked,
    /// Its configuration could not be read, so nothing is known to be safe.
    ConfigUnknown,
    /// It is on another node than the newest sample saw it on: what is known of its load is known of that node.
    MovedSince,
    /// The admin tagged it to be left alone.
    TagIgnore,
    /// A tag pins it to other nodes.
    TagPin,
    /// A device of its host is handed to it.
    Passthrough,
    /// A path or block device of its host is mounted in it.
    HostPath,
    /// PVE's own balancer will move it, or would undo the move.
    CrsBalanced,
    /// It is there already.
    SameNode,
    /// It is on the only node.
    NoOtherNode,
    /// The node is offline or unknown.
    NodeOffline,
    /// The node is online, but does not report any more: how it is is not known.
    NodeSilent,
    /// The node is in maintenance.
    NodeMaintenance,
    /// A storage it needs is not available there.
    Storage,
    /// A disk on a storage of its host alone is one that PVE does not copy.
    LocalDisk,
    /// PVE refuses to move it there while it runs, or its replication would fail after it.
    Replication,
    /// A mapped device it needs is not offered there.
    MappedDevice,
    /// A VM that could have more cores than the node does not start there.
    TooManyCores,
    /// The node is of an older version of PVE, to which a running VM does not move.
    OlderVersion,
    /// The HA manager has given it up, and moves it no more.
    HaError,
    /// The HA manager moves it already, or will by itself.
    HaMoves,
    /// An HA rule keeps it on other nodes.
    HaNodeAffinity,
    /// A rule or tag keeps it together with guests elsewhere.
    Together,
    /// A rule or tag keeps it apart from a guest there.
    Apart,
    /// It moved not long ago.
    Cooldown,
    /// It would return to a node that it left not long ago.
    PingPong,
    /// The same move did not help not long ago.
    FailedBefore,
    /// Its memory would not fit there.
    MemoryCapacity,
    /// The cluster could no longer take over this node's guests if it failed.
    N1Reserve,
    /// The node would be, or come, over a threshold.
    Overload,
}

impl Blocker {
    /// Of a guest that the inventory does not have.
    pub(crate) fn not_listed() -> Self {
        Self::new(BlockerCode::ConfigUnknown, "is not in the inventory")
    }

    /// Of a guest that runs, but that no stored sample has: what it needs is not known.
    pub fn not_recorded() -> Self {
        Self::new(BlockerCode::ConfigUnknown, "runs, but nothing is recorded of it yet")
    }

    /// Of a guest that the inventory has on another node than `seen`, where the newest sample has it.
    pub(super) fn moved_since(facts: &GuestFacts, seen: &str) -> Option<Self> {
        (facts.node != seen).then(|| {
            let now = &facts.node;
            let text = format!(
                "is on {now} now, not on {seen}, where the newest sample saw it; ask again after the next run"
            );
            Self::new(BlockerCode::MovedSince, text)
        })
    }

    /// Of a guest on a node that another one, `leaving`, is being moved off: what is left there is not known before.
    pub(super) fn waits_for(leaving: Vmid, node: &str) -> Self {
        let text =
            format!("guest {leaving} is being moved off {node}; ask again when it has arrived");
        Self::new(BlockerCode::Locked, text)
    }

    /// Of a node with which nothing can be done now.
    pub(crate) fn away(node: &NodeOutlook) -> Option<Self> {
        let name = &node.name;
        (!node.online).then(|| match node.silent {
            true => Self::new(BlockerCode::NodeSilent, format!("{name} does not report")),
            false => Self::new(BlockerCode::NodeOffline, format!("{name} is offline")),
        })
    }

    /// A blocker with its sentence.
    pub fn new(code: BlockerCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}
