//! Tests that need what a machine may lack.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a helper of tests"
)]

/// Words for what may be missing, with blanks between; where it is set, all else must be there. `.ci/run` sets it.
pub const MAY_LACK: &str = "TESTS_MAY_LACK";

/// Says that a test ends here for want of `what`, one word, and why. A test that calls this returns.
pub fn skip(what: &str, why: &str) {
    let allowed = std::env::var(MAY_LACK).ok();
    assert!(may_lack(allowed.as_deref(), what), "{what} must be there ({MAY_LACK}), but: {why}");
    println!("skipped: {why}");
}

/// Whether a machine may lack `what`: anything, unless somebody said what.
pub fn may_lack(allowed: Option<&str>, what: &str) -> bool {
    allowed.is_none_or(|words| words.split_whitespace().any(|word| word == what))
}
