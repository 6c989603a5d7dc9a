//! What may go wrong around a collector: its tree, its clock, another collector.

use super::cli::{complaint, run, write};
use super::scene::{GUESTS, PACE, Scene, Score};
use super::store_support::{HOUR, tick};
use std::fs;
use std::process::Child;

/// Runs while the tree is gone, empty, cut off or full of rubbish; then it is back.
pub(crate) fn no_tree(rounds: u64) -> Score {
    let (mut scene, mut score) = (Scene::new(), Score::default());
    scene.collect();
    let root = scene.tree.root.clone();
    for round in 0..rounds {
        let mut losses = Vec::new();
        let aside = root.with_extension("aside");
        let file = root.join([".rrd", ".vmlist", ".members"][scene.below(3)]);
        let must_fail = match round % 4 {
            0 => fs::rename(&root, &aside).map(|()| true).unwrap(),
            1 => {
                fs::rename(&root, &aside).and_then(|()| fs::create_dir(&root)).unwrap();
                true
            }
            2 => {
                let bytes = fs::read(&file).unwrap();
                let cut = scene.below(bytes.len());
                fs::write(&file, &bytes[..cut]).unwrap();
                false
            }
            _ => {
                let rubbish: Vec<u8> = (0..500).map(|_| scene.below(256) as u8).collect();
                fs::write(&file, rubbish).unwrap();
                false
            }
        };
        let at = scene.next;
        scene.next += PACE;
        let output = run(&mut scene.collecting_at(at));
        match (must_fail, output.status.code()) {
            (true, Some(1)) if output.stderr.len() > 20 => (),
            // What can be seen is stored, with what is odd about it.
            (false, Some(0)) => scene.kept.odd(at),
            (false, Some(1)) if output.stderr.len() > 20 => (),
            _ => losses.push(format!("{output:?}")),
        }
        if aside.exists() {
            // It is there only where it was made anew.
            let _ = fs::remove_dir(&root);
            fs::rename(&aside, &root).unwrap();
        }
        // The counters of the last run are no treasure either.
        if round % 5 == 0 {
            write(&scene.tree.run.join("counters"), &"[{".repeat(scene.below(40)));
        }
        losses.extend(scene.collect());
        losses.extend(scene.recent());
        score.trial(losses);
    }
    score
}

/// Runs whose clock steps back by up to half a day, or ahead by years for a few of them.
pub(crate) fn clock(rounds: u64) -> Score {
    let (mut scene, mut score) = (Scene::new(), Score::default());
    for round in 0..rounds {
        let mut losses = scene.append(5);
        let here = scene.next;
        match round % 3 {
            0 => {
                // Half a pace beside the ticks that are there.
                scene.next = here - (scene.random() * 12.0 * HOUR as f64) as i64;
                scene.next += PACE / 2 - scene.next.rem_euclid(PACE) + round as i64 % (PACE / 2);
                losses.extend(scene.append(3));
                losses.extend(scene.collect());
            }
            1 => {
                scene.next = here + (scene.random() * 10.0 * 365.0 * 24.0 * HOUR as f64) as i64;
                for _ in 0..3 {
                    losses.extend(scene.collect());
                }
            }
            _ => {
                scene.next = here + (scene.random() * 3.0 * HOUR as f64) as i64;
                losses.extend(scene.append(2));
            }
        }
        scene.next = if round % 3 == 2 { scene.next } else { here };
        losses.extend(scene.collect());
        losses.extend(scene.recent());
        score.trial(losses);
    }
    score
}

/// Two collectors and an append at the same moment: who is told that it was stored, is; who is told to wait, is not.
pub(crate) fn two(rounds: u64) -> Score {
    let (mut scene, mut score) = (Scene::new(), Score::default());
    for round in 0..rounds {
        let batch = scene.batch(3);
        // Every other time all of them want to store the same moment.
        let times = if round % 2 == 0 { [0, 1, 2] } else { [0, 0, 0] };
        scene.tree.show(&tick(batch[0].ts, GUESTS));
        let started: Vec<(i64, Child)> = vec![
            (batch[times[0]].ts, scene.collecting_at(batch[times[0]].ts).spawn().unwrap()),
            (batch[times[1]].ts, scene.collecting_at(batch[times[1]].ts).spawn().unwrap()),
            (batch[times[2]].ts, scene.appending(&batch[times[2]..=times[2]]).spawn().unwrap()),
        ];
        let (mut losses, mut stored) = (Vec::new(), 0);
        for (ts, child) in started {
            let output = child.wait_with_output().unwrap();
            let busy = complaint(&output).contains("another process is writing");
            match output.status.code() {
                Some(0) => {
                    stored += 1;
                    scene.kept.odd(ts);
                }
                Some(1) if busy => (),
                _ => losses.push(format!("{ts}: {output:?}")),
            }
        }
        if stored == 0 {
            losses.push("each waited for another".into());
        }
        losses.extend(scene.recent());
        score.trial(losses);
    }
    score.trial(scene.all());
    score
}
