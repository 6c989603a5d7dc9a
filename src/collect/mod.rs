//! A tree like `/etc/pve` in, ticks and inventories out.
//!
//! Each text format has a file of its own with a pure parser: bytes in, value and notes out.
//! Only `tree.rs` opens files, bounded and below the given root. The tree of a node, a copy of it
//! on a laptop and a test fixture are read by the same code.
//!
//! One collector run: [`live`], [`identify`], [`rates`], then the counters are saved for the next.

mod cluster;
mod corosync;
mod counters;
mod datacenter;
mod guest;
mod ha;
mod history;
mod inventory;
pub(crate) mod limits;
mod live;
mod lxc;
mod mapping;
mod proxbalance;
mod qemu;
mod rates;
mod replication;
mod rrd;
mod rrd_file;
mod section;
mod storage;
mod text;
mod tree;

pub use cluster::{Members, Place};
pub use counters::{Counters, keep, kept};
pub use history::{
    Files, Subject, guest_sample, history_bytes, history_files, node_sample, storage_sample,
};
pub use inventory::inventory;
pub use live::{Live, LiveGuest, LiveNode, identify, live};
pub use proxbalance::{HistoryRow, Owner, proxbalance_history};
pub use rates::{MAX_AGE, MAX_GAP, ahead, rates};
pub use rrd::{GuestEntry, NodeEntry, Rrd, Stamp, StorageEntry};
pub use rrd_file::{Archive, Function, RrdFile};
pub use text::{Note, Notes, Parsed};

/// Where the cluster file system is on a node.
pub const PMXCFS: &str = "/etc/pve";

/// The parsers, one per format: for fixtures, fuzzers, and files that came some other way.
pub mod parse {
    pub use super::cluster::{members, vmlist};
    pub use super::corosync::parse as corosync;
    pub use super::datacenter::parse as datacenter;
    pub use super::ha::{
        Group, ManagerStatus, NodeState, Rules, groups, manager_status, resources, rules,
    };
    pub use super::lxc::parse as lxc;
    pub use super::mapping::{Mapping, parse as mapping};
    pub use super::qemu::parse as qemu;
    pub use super::replication::parse as replication;
    pub use super::rrd::parse as rrd;
    pub use super::rrd_file::parse as rrd_file;
    pub use super::storage::parse as storage;
}
