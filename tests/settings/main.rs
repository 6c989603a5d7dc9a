//! Settings: their table, their file, and what is taken over from ProxBalance.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod file;
mod legacy;
mod table;
