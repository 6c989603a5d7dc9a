//! Rules that hold in the sources.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod rooms;
#[allow(dead_code, reason = "the rule is tested, not the words")]
#[path = "../skip_support/mod.rs"]
mod skip_support;
mod skipping;
