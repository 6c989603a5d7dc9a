//! Kill -9 at any moment of a command that writes.

use super::cli::{complaint, duration, foresight, run, run_and_kill};
use super::readers::Readers;
use super::rrd_support::{self, BESIDE, make};
use super::scene::{GUESTS, Scene, Score};
use pve_foresight::model::Tick;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Rounds after which everything is compared and not just what is new.
const THOROUGH: u64 = 25;

/// Of `append`, in batches of up to two hours.
pub(crate) fn append(rounds: u64, readers: &mut Score) -> Score {
    kill(rounds, readers, |scene| {
        let ticks = 1 + scene.below(20);
        let batch = scene.batch(ticks);
        (scene.appending(&batch), batch)
    })
}

/// Of `collect`, run after run.
pub(crate) fn collect(rounds: u64, readers: &mut Score) -> Score {
    kill(rounds, readers, |scene| {
        let batch = scene.batch(1);
        (scene.collecting(&batch[0]), batch)
    })
}

fn kill(
    rounds: u64,
    readers: &mut Score,
    next: impl Fn(&mut Scene) -> (Command, Vec<Tick>),
) -> Score {
    let (mut scene, mut score) = (Scene::new(), Score::default());
    let (mut command, batch) = next(&mut scene);
    let usual = duration(&mut command);
    scene.kept.given(&batch, true);
    let beside = Readers::start(&scene.state, GUESTS as usize);
    for round in 0..rounds {
        let (mut command, batch) = next(&mut scene);
        let after = scene.within(usual);
        let done = run_and_kill(&mut command, after);
        scene.kept.given(&batch, done);
        let thorough = round % THOROUGH == 0 || round + 1 == rounds;
        score.trial(if thorough { scene.all() } else { scene.recent() });
    }
    seen(beside, readers);
    score
}

/// Of `compress`, which has all of forty hours to do each time.
pub(crate) fn compress(rounds: u64, readers: &mut Score) -> Score {
    let (mut scene, mut score) = (Scene::new(), Score::default());
    scene.append(400);
    let newest = scene.newest().to_string();
    let compress = |scene: &Scene| foresight(&scene.state, &["compress", "--now", &newest]);
    let undone = |scene: &Scene| {
        for folder in ["hour", "six"] {
            // It is not there after an early kill.
            let _ = fs::remove_dir_all(scene.state.join(folder));
        }
    };
    let usual = duration(&mut compress(&scene));
    let beside = Readers::start(&scene.state, GUESTS as usize);
    for _ in 0..rounds {
        undone(&scene);
        let after = scene.within(usual);
        run_and_kill(&mut compress(&scene), after);
        score.trial(scene.all());
    }
    seen(beside, readers);
    score
}

fn seen(beside: Readers, score: &mut Score) {
    let (readings, losses) = beside.finish();
    score.trials += readings;
    score.losses.extend(losses);
}

/// Of `import rrd` into a store that has samples of its own; the next import goes on.
pub(crate) fn import(rounds: u64, readers: &mut Score) -> Score {
    let Some(rrd) = make(40) else { return Score::skipped("rrdtool", "rrdtool is absent") };
    let inventory = rrd.path().join("inventory.json");
    let guest = |vmid: u32, node: &str| serde_json::json!({"vmid": vmid, "type": "qemu", "name": format!("g{vmid}"), "node": node, "status": "running"});
    let facts = serde_json::json!({"nodes": [{"name": "alpha"}, {"name": "beta"}],
        "guests": [guest(100, "alpha"), guest(101, "beta"), guest(102, "alpha"), guest(103, "alpha")]});
    fs::write(&inventory, facts.to_string()).unwrap();
    let importing = |state: &Path| {
        let now = rrd_support::NOW.to_string();
        let mut command = foresight(state, &["import", "rrd", "--json", "--now", &now]);
        command.arg("--root").arg(rrd.path()).arg("--inventory").arg(&inventory);
        command
    };
    let mut score = Score::default();
    let mut whole = Scene::new();
    let usual = duration(&mut importing(&whole.state));
    let told = stored(&whole.state);
    for _ in 0..rounds {
        let mut scene = Scene::new();
        let beside = Readers::start(&scene.state, GUESTS as usize);
        let after = whole.within(usual);
        let done = run_and_kill(&mut importing(&scene.state), after);
        let mut losses = own_samples(&scene, &told, done);
        let output = run(&mut importing(&scene.state));
        if !output.status.success() {
            losses.push(format!("the next import: {}", complaint(&output)));
        }
        losses.extend(own_samples(&scene, &told, true));
        losses.extend(scene.append(3));
        seen(beside, readers);
        score.trial(losses);
    }
    score
}

/// All samples of so many hours that they are kept as such.
fn stored(state: &Path) -> BTreeSet<String> {
    let output = run(&mut foresight(state, &["export", "--format", "jsonl", "--hours", "47"]));
    String::from_utf8_lossy(&output.stdout).lines().map(String::from).collect()
}

/// Ticks that an undisturbed import leaves and this store lacks (once it is whole), or has otherwise.
fn own_samples(scene: &Scene, told: &BTreeSet<String>, whole: bool) -> Vec<String> {
    let there = stored(&scene.state);
    let odd = there.difference(told).map(|l| format!("not in the whole: {l}"));
    let missing: Vec<_> = told.difference(&there).filter(|_| whole).collect();
    let missing =
        missing.iter().filter(|_| missing.len() > BESIDE).map(|l| format!("missing: {l}"));
    odd.chain(missing).collect()
}
