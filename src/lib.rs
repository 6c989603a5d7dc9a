//! Trend-based migration advice for Proxmox VE clusters.
//!
//! The rooms below stand in the order in which data flows; a room uses only rooms above it
//! (`tests/rooms.rs` checks that). `ARCHITECTURE.md` is the guided tour.

pub mod error;
pub mod model;
pub mod store;
