//! Bits that flip and files that are cut, anywhere below the state directory.

use super::scene::{Scene, Score};
use super::store_support::HOUR;
use pve_foresight::model::UnixTime;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One damaged file each time; the next runs store, and no other file has lost anything.
pub(crate) fn damage(rounds: u64) -> Score {
    let (mut scene, mut score) = (Scene::new(), Score::default());
    scene.append(50);
    let mut taken = BTreeSet::new();
    for _ in 0..rounds {
        let files = files(&scene.state);
        let victim = files[scene.below(files.len())].clone();
        let mut bytes = fs::read(&victim).unwrap();
        if !bytes.is_empty() {
            let at = scene.below(bytes.len());
            match scene.below(4) {
                0 => bytes.truncate(at),
                1 => bytes[at..].fill(0),
                2 => bytes[at] = 0xff - bytes[at],
                _ => bytes[at] ^= 1 << scene.below(8),
            }
            fs::write(&victim, bytes).unwrap();
        }
        taken.extend(hour(&victim));
        let excused = |ts: UnixTime| taken.contains(&(ts - ts.rem_euclid(HOUR)));
        let mut losses = scene.collect();
        losses.extend(scene.append(2));
        losses.extend(scene.collect());
        let newest = scene.newest();
        losses.extend(scene.kept.losses_but(&scene.state, newest, 12, excused));
        let losses = losses.into_iter().map(|l| format!("{}: {l}", victim.display()));
        score.trial(losses.collect());
    }
    score
}

/// All files of a store but its lock, in order.
fn files(state: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![state.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.retain(|f| !f.ends_with("lock"));
    files.sort();
    files
}

/// The hour of samples that a file has, by its name; `None` for other files, whose loss costs no sample.
fn hour(file: &Path) -> Option<UnixTime> {
    let name = file.strip_prefix(file.ancestors().nth(2)?).ok()?.to_str()?;
    let (day, hour) = name.strip_prefix("raw/")?.split_once('T')?;
    let day = chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    let hour: u32 = hour.split('.').next()?.parse().ok()?;
    Some(day.and_hms_opt(hour, 0, 0)?.and_utc().timestamp())
}
