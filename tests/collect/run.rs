//! A run of the collector with something in its way: a store that another writes to, a folder of the counters that
//! cannot be written.

use super::skip_support::skip;
use pve_foresight::engine::Engine;
use pve_foresight::model::UnixTime;
use pve_foresight::store::Writer;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
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

#[test]
fn a_tick_is_stored_and_followed_up_without_its_counters() {
    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("state"), folder.path().join("file"));
    fs::write(&file, "").unwrap();
    let reply = Engine::new(&state).collect(&tree(), &file.join("run"), Some(NOW)).unwrap();
    assert!(reply.stored);
    let told = |warning: &String| warning.starts_with("rates will be missing from the next run: ");
    assert_eq!(reply.warnings.iter().filter(|w| told(w)).count(), 1, "{:?}", reply.warnings);
    assert!(state.join("outcomes.json").exists(), "moves are searched for all the same");
}

#[test]
fn each_run_says_once_that_the_settings_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("pve");
    assert!(Command::new("cp").arg("-r").arg(tree()).arg(&root).status().unwrap().success());
    fs::write(root.join("foresight.cfg"), "{").unwrap();
    let engine = Engine::new(&folder.path().join("state"));
    // The first run looks for moves, too, and reads the settings for that; the second does not.
    for now in [NOW, NOW + 60] {
        let run = engine.collect(&root, &folder.path().join("run"), Some(now)).unwrap();
        let told: Vec<_> = run.warnings.iter().filter(|w| w.contains("foresight.cfg")).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("the defaults hold"), "{told:?}");
    }
}

#[test]
fn a_run_folder_that_root_makes_is_of_the_stores_owner() {
    // SAFETY: takes and changes nothing.
    if unsafe { libc::geteuid() } != 0 {
        skip("root", "only root can become somebody else");
        return;
    }
    let top = tempfile::tempdir().unwrap();
    fs::set_permissions(top.path(), Permissions::from_mode(0o755)).unwrap();
    let (state, run) = (top.path().join("state"), top.path().join("new/run"));
    fs::create_dir(&state).unwrap();
    chown(&state, Some(4321), Some(4322)).unwrap();
    let collect = |now| Engine::new(&state).collect(&tree(), &run, Some(now)).unwrap();
    let first = collect(NOW);
    let told = |w: &String| w.contains("rates will be missing");
    assert!(first.stored && !first.warnings.iter().any(told), "{:?}", first.warnings);
    let owner = |path: &Path| fs::metadata(path).map(|found| (found.uid(), found.gid())).unwrap();
    assert_eq!(owner(&run), (4321, 4322));
    assert_eq!(owner(&run.join("counters")), (4321, 4322));
    assert_eq!(owner(&top.path().join("new")), (0, 0), "what leads there is nobody else's");
    // A folder that is there stays whose it is.
    fs::remove_file(run.join("counters")).unwrap();
    chown(&run, Some(0), Some(0)).unwrap();
    let second = collect(NOW + 60);
    assert!(second.stored && second.warnings.iter().any(told), "{:?}", second.warnings);
    assert_eq!(owner(&run), (0, 0));
}
