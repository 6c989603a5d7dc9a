//! A state directory, the tree that a collector reads, and what it was given.

use super::cli::{complaint, foresight, input, run};
use super::kept::Kept;
use super::store_support::{HOUR, START, noise, tick};
use super::tree::Tree;
use pve_foresight::model::{Tick, UnixTime};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Seconds between ticks: an hour is over every ten of them, so that rolling is often under way.
pub(crate) const PACE: i64 = 360;
pub(crate) const GUESTS: u32 = 12;

/// What came of a kind of fault.
#[derive(Default)]
pub(crate) struct Score {
    pub(crate) trials: u64,
    pub(crate) losses: Vec<String>,
    /// What it was not tried for want of, and why.
    pub(crate) skipped: Option<(&'static str, &'static str)>,
}

impl Score {
    pub(crate) fn skipped(what: &'static str, why: &'static str) -> Self {
        Self { skipped: Some((what, why)), ..Self::default() }
    }

    /// One trial more, with what it lost.
    pub(crate) fn trial(&mut self, losses: Vec<String>) {
        self.trials += 1;
        let round = self.trials;
        self.losses.extend(losses.into_iter().map(|loss| format!("trial {round}: {loss}")));
    }
}

pub(crate) struct Scene {
    _dir: TempDir,
    pub(crate) state: PathBuf,
    pub(crate) tree: Tree,
    pub(crate) kept: Kept,
    /// Time of the next tick.
    pub(crate) next: UnixTime,
    drawn: u64,
}

impl Scene {
    /// A scene with a first hour of samples.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let mut scene = Self::around(dir, &state);
        scene.append(10);
        scene
    }

    /// A scene with an empty state directory somewhere.
    pub(crate) fn around(dir: TempDir, state: &Path) -> Self {
        let tree = Tree::new(dir.path());
        Self { state: state.into(), tree, _dir: dir, kept: Kept::default(), next: START, drawn: 0 }
    }

    /// A number between 0 and 1, another one each time and the same ones in each campaign.
    pub(crate) fn random(&mut self) -> f64 {
        self.drawn += 1;
        noise(self.drawn, 42)
    }

    /// A whole number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.random() * limit as f64) as usize
    }

    /// The time until a kill, where the whole takes so long.
    pub(crate) fn within(&mut self, whole: Duration) -> Duration {
        whole.mul_f64(self.random() * 1.2)
    }

    /// The next ticks, at the pace.
    pub(crate) fn batch(&mut self, ticks: usize) -> Vec<Tick> {
        let times = (0..ticks as i64).map(|i| self.next + i * PACE);
        let batch = times.map(|ts| tick(ts, GUESTS)).collect();
        self.next += ticks as i64 * PACE;
        batch
    }

    /// Time of the newest tick that was given.
    pub(crate) fn newest(&self) -> UnixTime {
        self.next - PACE
    }

    pub(crate) fn appending(&self, batch: &[Tick]) -> Command {
        let lines: Vec<String> = batch.iter().map(|t| serde_json::to_string(t).unwrap()).collect();
        let mut command = foresight(&self.state, &["append", "--jsonl", "--json"]);
        command.stdin(input(&lines.join("\n")));
        command
    }

    pub(crate) fn collecting(&self, tick: &Tick) -> Command {
        self.tree.show(tick);
        self.collecting_at(tick.ts)
    }

    /// A run of the collector on the tree as it is.
    pub(crate) fn collecting_at(&self, now: UnixTime) -> Command {
        let mut command = foresight(&self.state, &["collect", "--json", "--now", &now.to_string()]);
        command.arg("--root").arg(&self.tree.root).arg("--run-dir").arg(&self.tree.run);
        command
    }

    /// Appends the next ticks undisturbed; what went wrong.
    pub(crate) fn append(&mut self, ticks: usize) -> Vec<String> {
        let batch = self.batch(ticks);
        let mut command = self.appending(&batch);
        self.acknowledged(&mut command, &batch)
    }

    /// Collects the next tick undisturbed; what went wrong.
    pub(crate) fn collect(&mut self) -> Vec<String> {
        let batch = self.batch(1);
        let mut command = self.collecting(&batch[0]);
        self.acknowledged(&mut command, &batch)
    }

    /// Runs a command that must store a batch; what went wrong.
    fn acknowledged(&mut self, command: &mut Command, batch: &[Tick]) -> Vec<String> {
        let output = run(command);
        self.kept.given(batch, output.status.success());
        match output.status.success() {
            true => Vec::new(),
            false => vec![format!("not stored at {}: {}", batch[0].ts, complaint(&output))],
        }
    }

    /// Losses of the last half day.
    pub(crate) fn recent(&mut self) -> Vec<String> {
        self.kept.losses(&self.state, self.newest(), 12)
    }

    /// Losses of all time: samples, and what is left of older ones. Ends what a kill left undone.
    pub(crate) fn all(&mut self) -> Vec<String> {
        let mut losses = self.kept.losses(&self.state, self.newest(), 90 * 24);
        let output =
            run(&mut foresight(&self.state, &["compress", "--now", &self.newest().to_string()]));
        if !output.status.success() {
            losses.push(format!("compress: {}", complaint(&output)));
        }
        // Older than that, whole windows leave the store.
        if self.newest() - START < 80 * 24 * HOUR {
            losses.extend(self.kept.uncounted(&self.state));
        }
        losses
    }
}
