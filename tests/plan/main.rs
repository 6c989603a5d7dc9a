//! Advice: which moves, and why no others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod expected_hours;
#[path = "../plan_support/mod.rs"]
mod plan_support;
mod scenarios;
mod shapes;
mod silent_node;
#[path = "../store_support/mod.rs"]
mod store_support;
