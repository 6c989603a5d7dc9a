//! What may be skipped: nothing that the gate has not been told of.

use super::skip_support::{MAY_LACK, may_lack};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Sources of all tests, those beside the code among them.
fn all_sources() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    ["tests", "src"].iter().for_each(|folder| sources(&root().join(folder), &mut all));
    all
}

/// Adds the sources of a folder and what is below.
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
    let all = all_sources();
    let own: Vec<&PathBuf> = all
        .iter()
        .filter(|(path, text)| {
            text.contains(concat!("println!(\"", "skipped"))
                && !path.ends_with("skip_support/mod.rs")
        })
        .map(|(path, _)| path)
        .collect();
    assert!(own.is_empty(), "{own:?} print that they skip, by themselves");
    let silent: Vec<(&PathBuf, usize)> = all
        .iter()
        .flat_map(|(path, text)| silent_returns(text).into_iter().map(move |line| (path, line)))
        .collect();
    assert!(silent.is_empty(), "{silent:?} end a test without a word");
}

/// Lines on which a test returns without having said just before that it skips.
fn silent_returns(text: &str) -> Vec<usize> {
    let (mut is_next, mut in_test) = (false, false);
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (i, line) in lines.iter().enumerate() {
        if *line == "#[test]" {
            is_next = true;
        } else if line.starts_with("fn ") || line.contains(" fn ") {
            in_test = std::mem::take(&mut is_next);
        }
        let said = || lines[i.saturating_sub(4)..i].iter().any(|line| line.starts_with("skip("));
        if in_test && line.starts_with("return;") && !said() {
            found.push(i + 1);
        }
    }
    found
}

#[test]
fn a_silent_return_is_found() {
    let test = |ends: &str| format!("#[test]\nfn told() {{\n  if lacking() {{\n{ends}\n }}\n}}\n");
    assert_eq!(silent_returns(&test("return; // root may read anything")), [4]);
    assert_eq!(silent_returns(&test("skip(\"root\", \"why\");\nreturn;")), [0; 0]);
    assert_eq!(silent_returns("fn helper() {\n return;\n}\n"), [0; 0]);
}

/// The same of the tests of the Perl modules.
#[test]
fn perl_tests_ask_whether_they_may_skip() {
    for entry in std::fs::read_dir(root().join("perl/t")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "t") {
            let text = std::fs::read_to_string(&path).unwrap();
            // What only the stand-ins can show is no want of anything.
            let asks = |line: &str| line.contains("$ForesightTest::REAL");
            let own = text.lines().find(|line| line.contains("skip_all") && !asks(line));
            assert_eq!(own, None, "{}", path.display());
        }
    }
}

/// A word that no test uses any more would hide nothing, or something else one day.
#[test]
fn the_gate_lets_go_of_what_tests_ask_for() {
    let all = all_sources();
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
