//! What is made from the sources and kept in git is current. `UPDATE=1` rewrites it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod agrees;
/// The parser itself; the tests need its types only as `clap` sees them.
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/bin/pve-foresight/args.rs"]
mod args;
mod header;
mod manual;
mod readme;
mod replies;
mod settings;
#[path = "../skip_support/mod.rs"]
mod skip_support;
