//! The command line as people and other programs use it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod commands;
mod doctor;
mod export;
