//! The collector: from the files of a cluster to what is stored of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod doors;
mod fixtures;
mod history;
mod laws;
mod parsers;
mod rrd;
mod run;
#[path = "../skip_support/mod.rs"]
mod skip_support;
mod story;
