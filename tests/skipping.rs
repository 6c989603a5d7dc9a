//! What may be skipped: nothing that the gate has not been told of.

#![allow(clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "the rule is tested, not the words")]
mod skip_support;

use skip_support::{MAY_LACK, may_lack};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Sources of all tests.
fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn only_what_was_named_may_be_missing_once_somebody_named_it() {
    assert!(may_lack(None, "rrdtool"));
    assert!(!may_lack(Some(""), "rrdtool"));
    assert!(may_lack(Some("traces rrdtool"), "rrdtool"));
    assert!(!may_lack(Some("traces"), "trace"));
}

#[test]
fn every_test_that_skips_asks_whether_it_may() {
    let mut all = Vec::new();
    sources(&root().join("tests"), &mut all);
    let own: Vec<&PathBuf> = all
        .iter()
        .filter(|(path, text)| {
            text.contains(concat!("println!(\"", "skipped"))
                && !path.ends_with("skip_support/mod.rs")
        })
        .map(|(path, _)| path)
        .collect();
    assert!(own.is_empty(), "{own:?} print that they skip, by themselves");
}

/// A word that no test uses any more would hide nothing, or something else one day.
#[test]
fn the_gate_lets_go_of_what_tests_ask_for() {
    let mut all = Vec::new();
    sources(&root().join("tests"), &mut all);
    let gate = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let named: Vec<String> = gate
        .lines()
        .filter_map(|line| line.trim().strip_prefix("may_lack+=("))
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_string()))
        .collect();
    assert!(gate.contains(&format!("export {MAY_LACK}=")) && !named.is_empty());
    let asks = |word: &str| all.iter().any(|(_, text)| text.contains(&format!("(\"{word}\", ")));
    let stale: Vec<&String> = named.iter().filter(|word| !asks(word)).collect();
    assert!(stale.is_empty(), "{stale:?}: no test skips for want of it");
}
