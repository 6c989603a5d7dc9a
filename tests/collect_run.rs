//! A run of the collector with something in its way: a store that another writes to.

#![allow(clippy::unwrap_used, reason = "tests")]

use pve_foresight::engine::Engine;
use pve_foresight::model::UnixTime;
use pve_foresight::store::Writer;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

const NOW: UnixTime = 1_763_900_060;

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pve9")
}

#[test]
fn whoever_has_the_store_for_a_moment_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (locked, is_locked) = channel();
    std::thread::scope(|scope| {
        let state = &state;
        scope.spawn(move || {
            let _writer = Writer::open(state).unwrap();
            locked.send(()).unwrap();
            // Long enough for a run to be refused once.
            std::thread::sleep(Duration::from_secs(1));
        });
        is_locked.recv().unwrap();
        let run = Engine::new(state).collect(&tree(), &folder.path().join("run"), Some(NOW));
        assert!(run.unwrap().stored);
    });
}
