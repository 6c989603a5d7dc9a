//! A writer killed at any moment: what it had said to be stored is there, whole, and the next
//! writer goes on. The long form: `STORE_KILLS=3000 cargo test --release --test store crash`.

use super::store_support::*;
use pve_foresight::model::GuestMetric;
use pve_foresight::store::{Detail, FindingKind, Reader, Resolution, Writer};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Seconds between ticks: an hour is over every ten of them, so that rolling is often under way.
const PACE: i64 = 360;
const GUESTS: u32 = 20;

/// Not a test of its own: appends until it is killed, saying what is stored.
#[test]
fn child() {
    let Ok(dir) = std::env::var("STORE_CRASH_DIR") else { return };
    let from: i64 = std::env::var("STORE_CRASH_FROM").unwrap().parse().unwrap();
    let mut writer = Writer::open(Path::new(&dir)).unwrap();
    let mut out = std::io::stdout();
    for i in 0.. {
        let done = writer.append(&tick(from + i * PACE, GUESTS)).unwrap();
        assert_eq!(done.stored, 1);
        // Straight to the pipe: the test harness would hold back what is printed.
        let line = format!("stored {}\n", from + i * PACE);
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
    }
}

/// Not a test of its own: compresses until it is killed, undoing what was done each time.
#[test]
fn compressing_child() {
    let Ok(dir) = std::env::var("STORE_COMPRESS_DIR") else { return };
    let dir = Path::new(&dir);
    let mut out = std::io::stdout();
    loop {
        for folder in ["hour", "six"] {
            let _ = std::fs::remove_dir_all(dir.join(folder));
        }
        out.write_all(b"stored 0\n").and_then(|()| out.flush()).unwrap();
        let mut writer = Writer::open(dir).unwrap();
        writer.compress(START + DAY).unwrap();
    }
}

#[test]
fn a_killed_compression_loses_nothing_and_is_finished_by_the_next() {
    let rounds: u64 = std::env::var("STORE_KILLS").map_or(20, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let moved = |ts: i64| {
        let mut tick = tick(ts, GUESTS);
        if ts >= START + 9 * HOUR {
            tick.guests[0].node = "beta".into();
        }
        tick
    };
    let times = (START..START + DAY).step_by(PACE as usize);
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.append_all(times.map(moved)).unwrap();
    writer.compress(START + DAY).unwrap();
    drop(writer);
    let reader = Reader::open(dir.path()).unwrap();
    let seen = |resolution| {
        let fleet = reader.fleet(START..START + DAY, resolution, Detail::Full).unwrap();
        let cpu = |guest| fleet.guest_table.buckets(guest, GuestMetric::Cpu).collect::<Vec<_>>();
        let guests: Vec<_> = (0..fleet.guests.len()).map(cpu).collect();
        (fleet.windows().to_vec(), fleet.guests, guests)
    };
    let tiers = [Resolution::Raw, Resolution::Hourly, Resolution::SixHourly];
    let before = tiers.map(seen);
    let moves = reader.migrations(START..START + DAY).unwrap();
    assert_eq!(moves.len(), 1);
    for round in 0..rounds {
        let micros = (noise(round, 9) * 20_000.0) as u64;
        let mut child = Command::new(std::env::current_exe().unwrap());
        let child = child.args(["--exact", "crash::compressing_child", "--nocapture"]);
        kill(child.env("STORE_COMPRESS_DIR", dir.path()), micros);
        assert_eq!(seen(Resolution::Raw), before[0], "round {round}: samples are not touched");
        let mut writer = Writer::open(dir.path()).unwrap();
        writer.compress(START + DAY).unwrap();
        assert_eq!(writer.compress(START + DAY).unwrap().rows, 0, "round {round}");
        drop(writer);
        assert_eq!(tiers.map(seen), before, "round {round}");
        assert_eq!(reader.migrations(START..START + DAY).unwrap(), moves);
        assert_eq!(reader.verify().unwrap().findings, [], "round {round}");
    }
}

/// A move that was stored just before a kill is known after it, once: from the rosters of the
/// samples at first, from the coarse row later.
#[test]
fn a_migration_survives_a_kill() {
    for round in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let told = run_and_kill(dir.path(), START, round * 2_000).unwrap();
        let mut from = told + 2 * PACE;
        let mut moved = tick(from, GUESTS);
        moved.guests[1].node = "alpha".into();
        Writer::open(dir.path()).unwrap().append(&moved).unwrap();
        let time = from;
        let reader = Reader::open(dir.path()).unwrap();
        let moves = |until: i64| reader.migrations(START..until).unwrap();
        let first = moves(from + 1);
        assert_eq!(first.len(), 1, "{first:?}");
        assert_eq!((first[0].time, first[0].vmid, &*first[0].to), (time, 101, "alpha"));
        // The child puts the guest back with its first sample, then goes on until it is killed.
        from += PACE;
        run_and_kill(dir.path(), from, round * 2_000).unwrap();
        let mut writer = Writer::open(dir.path()).unwrap();
        let second = moves(i64::MAX);
        assert_eq!((second.len(), &second[0], second[1].time), (2, &first[0], from));
        writer.append(&tick(from + 3 * DAY, GUESTS)).unwrap();
        writer.compress(from + 3 * DAY).unwrap();
        assert_eq!(moves(i64::MAX), second, "the same from the coarse rows");
    }
}

/// Runs a child from `from` on, kills it after `micros`, and returns the last time it told.
fn run_and_kill(dir: &Path, from: i64, micros: u64) -> Option<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", "crash::child", "--nocapture", "--test-threads=1"]);
    kill(child.env("STORE_CRASH_DIR", dir).env("STORE_CRASH_FROM", from.to_string()), micros)
}

/// Kills a child so long after its first word, and returns the last time it told.
fn kill(child: &mut Command, micros: u64) -> Option<i64> {
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
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
    let mut writer = Writer::open(dir).unwrap();
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
