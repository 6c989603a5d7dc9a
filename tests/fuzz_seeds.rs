//! The doors of the fuzz targets on every kept input: what once broke a promise keeps it now.
//! `make fuzz` looks for more.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../fuzz/doors.rs"]
mod doors;

use pve_foresight::outcome::{LEDGER_FILE, Ledger};
use std::path::Path;

#[test]
fn every_kept_input_leaves_the_promises_whole() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (name, door) in doors::DOORS {
        let folder = seeds.join(name);
        let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
        let mut files: Vec<_> = files.map(|f| f.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has seeds");
        for file in files {
            let input = std::fs::read(&file).unwrap();
            let whole = std::panic::catch_unwind(|| door(&input));
            assert!(whole.is_ok(), "{}", file.display());
            // Cut anywhere, it is another input.
            for cut in [0, 1, input.len() / 3, input.len() / 2, input.len().saturating_sub(1)] {
                let whole = std::panic::catch_unwind(|| door(&input[..cut]));
                assert!(whole.is_ok(), "{} cut to {cut} bytes", file.display());
            }
        }
    }
}

/// Else the seeds of that door would all end at the checksum.
#[test]
fn a_kept_list_of_outcomes_gets_a_first_line_that_fits() {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/outcomes/list");
    let seed = std::fs::read(seed).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(LEDGER_FILE), doors::ledger_file(&seed[1..])).unwrap();
    assert!(!Ledger::load(dir.path()).unwrap().outcomes.is_empty());
}
