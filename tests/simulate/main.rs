//! Simulated clusters and what is written of them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

mod cluster;
#[path = "../skip_support/mod.rs"]
mod skip_support;
mod statistics;
mod traces;
mod tree;
