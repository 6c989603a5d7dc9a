//! A writer killed at any moment: what it had said to be stored is there, whole, and the next
//! writer goes on. The long form: `STORE_KILLS=3000 cargo test --release --test store_crash`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod store_support;

use pve_foresight::store::{Detail, FindingKind, Reader, Resolution, Retention, Writer};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use store_support::*;

/// Seconds between ticks: an hour is over every ten of them, so that rolling is often under way.
const PACE: i64 = 360;
const GUESTS: u32 = 20;

/// Not a test of its own: appends until it is killed, saying what is stored.
#[test]
fn child() {
    let Ok(dir) = std::env::var("STORE_CRASH_DIR") else { return };
    let from: i64 = std::env::var("STORE_CRASH_FROM").unwrap().parse().unwrap();
    let mut writer = Writer::open(Path::new(&dir), Retention::default()).unwrap();
    let mut out = std::io::stdout();
    for i in 0.. {
        let done = writer.append(&tick(from + i * PACE, GUESTS)).unwrap();
        assert_eq!(done.stored, 1);
        // Straight to the pipe: the test harness would hold back what is printed.
        let line = format!("stored {}\n", from + i * PACE);
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
    }
}

/// Runs a child from `from` on, kills it after `micros`, and returns the last time it told.
fn run_and_kill(dir: &Path, from: i64, micros: u64) -> Option<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("STORE_CRASH_DIR", dir)
        .env("STORE_CRASH_FROM", from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let time = |line: String| line.rsplit_once("stored ").and_then(|(_, t)| t.parse().ok());
    // The first word from it starts the clock.
    let mut last = lines.by_ref().map_while(Result::ok).find_map(time);
    std::thread::sleep(Duration::from_micros(micros));
    child.kill().unwrap();
    last = lines.map_while(Result::ok).filter_map(time).last().or(last);
    child.wait().unwrap();
    last
}

#[test]
fn a_killed_writer_loses_nothing_that_it_said_was_stored() {
    let rounds: u64 = std::env::var("STORE_KILLS").map_or(25, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut from = START;
    for round in 0..rounds {
        let micros = (noise(round, 5) * 12_000.0) as u64;
        let told = run_and_kill(dir.path(), from, micros).expect("it stores at least one");
        let reader = Reader::open(dir.path()).unwrap();
        let last = reader.last_tick(i64::MAX).unwrap().unwrap();
        assert!(last.ts == told || last.ts == told + PACE, "round {round}: {told} {}", last.ts);
        assert_eq!((last.nodes.len(), last.guests.len()), (2, GUESTS as usize));
        from = last.ts + PACE;
        if round % 10 == 0 || round + 1 == rounds {
            everything_is_there(&reader, dir.path(), from);
        }
    }
}

/// All ticks from the start to `end` are there, as samples or behind a coarser row.
fn everything_is_there(reader: &Reader, dir: &Path, end: i64) {
    let mut writer = Writer::open(dir, Retention::default()).unwrap();
    let newest = end - PACE;
    assert_eq!(writer.append(&tick(newest, GUESTS)).unwrap().duplicates, [newest]);
    writer.compress(newest).unwrap();
    drop(writer);
    // A kill between making a file and writing its header leaves an empty one until the next tick
    // of that hour; nothing that was said to be stored is in it.
    let mut findings = reader.verify().unwrap().findings;
    findings.retain(|f| f.kind != FindingKind::Unfinished);
    assert_eq!(findings, []);
    let ticks = |resolution| -> i64 {
        let fleet = reader.fleet(START..end, resolution, Detail::Typical).unwrap();
        fleet.windows().iter().map(|w| i64::from(w.ticks)).sum()
    };
    let all = (end - START) / PACE;
    assert!(all * PACE > 80 * DAY || ticks(Resolution::Mixed) == all);
    // A window is rolled before the first tick after it is written: a kill between the two leaves
    // it rolled with all of its ticks, although the newest tick is still one of them.
    let in_windows = |end: i64| (end - end.rem_euclid(6 * HOUR) - START) / PACE;
    let rolled = ticks(Resolution::SixHourly);
    let expected = [in_windows(newest), in_windows(end)];
    assert!(all * PACE > 80 * DAY || expected.contains(&rolled), "{rolled} {expected:?}");
}
