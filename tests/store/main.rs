//! The store: what is kept, for how long, and whatever happens to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests"
)]

mod basics;
mod clock;
mod crafted;
mod crash;
mod damage;
mod device;
mod format;
mod identity;
mod memory;
mod size;
mod status;
#[path = "../store_support/mod.rs"]
mod store_support;
