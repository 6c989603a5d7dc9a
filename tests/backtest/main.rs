//! The replay: of a simulated cluster, and of a store's own history.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod replay;
mod store;
