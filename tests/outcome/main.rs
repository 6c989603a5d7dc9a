//! What became of moves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod kept;
mod planted;
