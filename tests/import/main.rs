//! Histories that others have kept, imported.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod cost;
mod proxbalance;
mod rrd;
#[path = "../rrd_support/mod.rs"]
mod rrd_support;
#[path = "../skip_support/mod.rs"]
mod skip_support;
