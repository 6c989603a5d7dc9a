//! Disks that are full or may not be written.

use super::cli::{foresight, run};
use super::scene::{Scene, Score};
use super::store_support::HOUR;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A file system of its own, in memory.
struct Mount {
    at: String,
}

impl Mount {
    /// `None` where one may not mount.
    fn new(at: &Path, kib: usize) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let at = at.to_str().unwrap().to_string();
        let size = format!("size={kib}k");
        mount(&["mount", "-t", "tmpfs", "-o", &size, "tmpfs", &at]).then_some(Self { at })
    }

    fn remount(&self, option: &str) {
        assert!(mount(&["mount", "-o", &format!("remount,{option}"), &self.at]), "{option}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        assert!(mount(&["umount", &self.at]));
    }
}

fn mount(command: &[&str]) -> bool {
    let output = Command::new(command[0]).args(&command[1..]).output();
    output.is_ok_and(|o| o.status.success())
}

const NEEDS_ROOT: &str = "mounting a small tmpfs needs root";

/// Runs on a disk that gets full, then has room again.
pub(crate) fn full(rounds: u64, readers: &mut Score) -> Score {
    let mut score = Score::default();
    for round in 0..rounds {
        let dir: TempDir = tempfile::tempdir().unwrap();
        let at = dir.path().join("disk");
        let Some(disk) = Mount::new(&at, 40 + 12 * (round as usize % 24)) else {
            return Score::skipped("mount", NEEDS_ROOT);
        };
        let mut scene = Scene::around(dir, &at.join("state"));
        let mut full = 0;
        let mut losses = Vec::new();
        while full < 3 {
            let batch = scene.batch(1);
            let mut command = match scene.next / 360 % 2 {
                0 => scene.appending(&batch),
                _ => scene.collecting(&batch[0]),
            };
            let done = run(&mut command).status.success();
            scene.kept.given(&batch, done);
            full += i32::from(!done);
        }
        losses.extend(scene.recent());
        look(&scene, readers);
        disk.remount("size=16m");
        losses.extend(scene.collect());
        losses.extend(scene.append(3));
        losses.extend(scene.all());
        score.trial(losses);
        drop(disk);
    }
    score
}

/// Runs on a state directory that is read-only for a while.
pub(crate) fn read_only(rounds: u64, readers: &mut Score) -> Score {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("disk");
    let Some(disk) = Mount::new(&at, 64 << 10) else { return Score::skipped("mount", NEEDS_ROOT) };
    let (mut scene, mut score) = (Scene::around(dir, &at.join("state")), Score::default());
    scene.append(10);
    for _ in 0..rounds {
        let mut losses = Vec::new();
        disk.remount("ro");
        let batch = scene.batch(1);
        let refused =
            [scene.collecting(&batch[0]), scene.appending(&batch)].map(|mut c| run(&mut c));
        for output in refused {
            let said = String::from_utf8_lossy(&output.stderr).contains("Read-only");
            if output.status.code() != Some(1) || !said {
                losses.push(format!("read-only passed unsaid: {output:?}"));
            }
        }
        look(&scene, readers);
        losses.extend(scene.recent());
        disk.remount("rw");
        losses.extend(scene.collect());
        losses.extend(scene.recent());
        score.trial(losses);
    }
    score.trial(scene.all());
    drop(disk);
    score
}

/// Every reader has an answer on such a disk, once there is something.
fn look(scene: &Scene, readers: &mut Score) {
    if scene.kept.len() == 0 {
        return;
    }
    let now = (scene.newest() + HOUR / 2).to_string();
    for verb in ["status", "trend", "recommend"] {
        let output = run(&mut foresight(&scene.state, &[verb, "--json", "--now", &now]));
        let failed = (!output.status.success()).then(|| format!("{verb}: {output:?}"));
        readers.trial(failed.into_iter().collect());
    }
}
