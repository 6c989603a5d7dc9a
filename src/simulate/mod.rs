//! Clusters that never were: ticks for demos, tests, benches and replays.
//!
//! A [`Scenario`] says what to simulate, a [`Simulation`] iterates over its [`Tick`]s. Guests are
//! synthetic ([`Workload`]) or recorded ([`Trace`]); both are pure functions of time, so that
//! the load of any other placement can be asked for ([`Simulation::demand`], [`node_load`]).
//! `docs/simulation.md` has the options and compares synthetic with real guests.
//!
//! [`Tick`]: crate::model::Tick

mod check;
mod cpu;
mod demand;
mod demo;
mod facts;
mod guest;
mod jsonl;
mod load;
mod noise;
mod placement;
mod roster;
mod rrd;
mod scenario;
mod simulation;
mod trace;
mod tree;
mod workload;

pub use demand::Demand;
pub use guest::{Guest, Presence};
pub use jsonl::write_jsonl;
pub use load::{Capacity, Load, Pressure, host_memory, node_load};
pub use roster::Node;
pub use scenario::{
    Between, Failure, Gaps, Growth, GuestGroup, HostSpec, Move, NodeGroup, Placement, Scenario,
    Stop, StorageSpec, TraceSpec,
};
pub use simulation::Simulation;
pub use trace::{Trace, TraceGuest};
pub use tree::{PveVersion, TreeWriter};
pub use workload::{MemoryProfile, Profile, Wishes, Workload};
