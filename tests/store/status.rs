//! What a status call says of the store and its collector, in figures and in words.

use super::store_support::*;
use pve_foresight::api::StatusReply;
use pve_foresight::engine::Engine;
use pve_foresight::store::Writer;
use std::path::Path;
use tempfile::TempDir;

fn status(dir: &Path, now: i64) -> StatusReply {
    Engine::new(dir).status(Some(now)).unwrap()
}

/// Ticks every minute of `minutes` but those that `missed` says.
fn filled(minutes: i64, missed: impl Fn(i64) -> bool) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ticks = (0..minutes).filter(|&i| !missed(i)).map(|i| tick(START + i * MINUTE, 3));
    Writer::open(dir.path()).unwrap().append_all(ticks).unwrap();
    dir
}

fn says(reply: &StatusReply, what: &str) -> bool {
    reply.warnings.iter().any(|w| w.contains(what))
}

#[test]
fn without_a_store_it_says_how_to_begin() {
    let dir = tempfile::tempdir().unwrap();
    let reply = status(dir.path(), START);
    assert!(!reply.store && reply.collector.is_none() && reply.size.is_none());
    assert!(says(&reply, "systemctl enable --now pve-foresight-collect.timer"), "{reply:?}");
    drop(Writer::open(dir.path()).unwrap());
    let reply = status(dir.path(), START);
    assert!(reply.store && reply.last_sample.is_none());
    assert!(says(&reply, "no samples yet"), "{reply:?}");
}

#[test]
fn a_week_without_trouble_is_nothing_to_say() {
    let dir = filled(8 * 24 * 60, |i| i < 7 * 24 * 60 && i % 20 > 0);
    let now = START + 8 * DAY - 20;
    let reply = status(dir.path(), now);
    assert_eq!(reply.warnings, [""; 0]);
    let health = reply.collector.unwrap();
    assert_eq!((health.last_run, health.late), (START + 8 * DAY - MINUTE, false));
    assert_eq!((health.interval, health.runs_last_hour), (Some(60), 60));
    assert_eq!(health.missed_last_hour, Some(0));
    assert_eq!((reply.last_sample, reply.last_sample_age), (Some(health.last_run), Some(40)));
    let quality = reply.quality.unwrap();
    assert_eq!(quality.oldest_sample_age, Some(8 * DAY - 20));
    assert!((0.55..0.6).contains(&quality.coverage[1]), "8 of 14 days: {:?}", quality.coverage);
    assert_eq!(reply.size.unwrap().guests, 3);
}

#[test]
fn a_collector_that_stopped_or_stumbles_is_told() {
    let dir = filled(180, |_| false);
    let now = START + 180 * MINUTE;
    assert!(!status(dir.path(), now).collector.unwrap().late);
    assert!(status(dir.path(), now + 3 * MINUTE).collector.unwrap().late);
    let late = status(dir.path(), now + DAY);
    assert!(says(&late, "the collector is late, its last run was at 2023-11-16 02:59 UTC"));
    assert!(says(&late, "journalctl -u pve-foresight-collect"));
    let (missed, runs) = late.collector.map(|h| (h.missed_last_hour, h.runs_last_hour)).unwrap();
    assert_eq!((missed, runs), (Some(59), 0));
    let dir = filled(180, |i| i > 120 && i % 4 == 0);
    let stumbling = status(dir.path(), now);
    assert!(says(&stumbling, "14 of 59 runs of the last hour are missing"), "{stumbling:?}");
    assert!(says(&stumbling, "pve-foresight import rrd"), "three hours are not enough");
}

#[test]
fn of_several_outages_each_is_no_history() {
    // The hour that has just ended has no row yet.
    let minutes = 10 * 24 * 60;
    let dir = filled(minutes, |i| i / (24 * 60) % 2 == 1);
    let reply = status(dir.path(), START + minutes * MINUTE);
    assert!(says(&reply, "history is stored of 119 hours"), "{:?}", reply.warnings);
}

#[test]
fn a_clock_that_was_wrong_and_a_damaged_disk_are_told() {
    let dir = filled(60, |_| false);
    let now = START + 60 * MINUTE;
    Writer::open(dir.path()).unwrap().append(&tick(now + DAY, 3)).unwrap();
    let reply = status(dir.path(), now);
    assert!(says(&reply, "is from 2023-11-17 01:00 UTC, which is yet to come"), "{reply:?}");
    assert_eq!(reply.last_sample, Some(now - MINUTE));
    let file = dir.path().join("raw/2023-11-16T00.seg");
    let mut bytes = std::fs::read(&file).unwrap();
    let row = bytes.windows(4).rposition(|w| w == b"\xf5PF\n").unwrap();
    bytes[row + 40] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert!(says(&status(dir.path(), now), "1 place in the store cannot be read"));
    bytes[20] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert!(says(&status(dir.path(), now), "1 place in the store cannot be read and is left out"));
}

#[test]
fn what_is_older_than_what_is_kept_is_not_nothing() {
    let dir = filled(180, |_| false);
    let reply = status(dir.path(), START + 200 * DAY);
    assert_eq!(reply.last_sample, Some(START + 179 * MINUTE));
    assert!(says(&reply, "the collector is late") && !says(&reply, "no samples yet"), "{reply:?}");
    let reply = status(dir.path(), START + 30 * DAY);
    assert!(says(&reply, "pve-foresight import rrd"), "two hours, be they old: {reply:?}");
}

#[test]
fn files_of_a_newer_version_are_told() {
    let dir = filled(60, |_| false);
    let file = dir.path().join("raw/2023-11-16T00.seg");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[8] = 9;
    let end = 14 + u32::from_le_bytes(bytes[10..14].try_into().unwrap()) as usize;
    let crc = crc32fast::hash(&bytes[..end]);
    bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&file, &bytes).unwrap();
    let reply = status(dir.path(), START + 60 * MINUTE);
    assert!(says(&reply, "1 file of the store is of a newer version"), "{reply:?}");
}
