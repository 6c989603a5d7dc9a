//! The trend engine: series whose answer is known.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod days;
mod extremes;
mod growth;
mod kinds;
mod laws;
mod mixed;
mod over;
mod reference;
mod returns;
#[path = "../skip_support/mod.rs"]
mod skip_support;
mod shapes;
mod stairs;
mod support;
mod traps;
mod weeks;
mod young;
mod zone;
