//! Trend-based migration advice for Proxmox VE clusters.
//!
//! The rooms below stand in the order in which data flows; a room uses only rooms above it
//! (`tests/sources/rooms.rs` checks that). `ARCHITECTURE.md` is the guided tour.

pub mod error;
pub mod model;
pub mod parallel;
pub mod settings;
pub mod collect;
pub mod store;
pub mod series;
pub mod trend;
pub mod outlook;
pub mod outcome;
pub mod score;
pub mod recommend;
pub mod evidence;
pub mod simulate;
pub mod backtest;
pub mod api;
pub mod engine;
pub mod ffi;
pub mod report;
