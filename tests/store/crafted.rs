//! What is said of files whose bytes are not as a writer of ours leaves them: every place is named by
//! what is wrong with it, counted once, and costs no more than itself.

use super::store_support::*;
use pve_foresight::error::{Error, Kind};
use pve_foresight::model::{GuestMetric, GuestSample, GuestStatus, Tick};
use pve_foresight::store::{Detail, Entity, Reader, Resolution, Writer};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A store of these ticks, its reader, and the file in it.
fn a_store(
    ticks: impl IntoIterator<Item = Tick>,
    file: &str,
) -> (tempfile::TempDir, Reader, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    Writer::open(dir.path()).unwrap().append_all(ticks).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let file = dir.path().join(file);
    (dir, reader, file)
}

fn minutes(n: i64, guests: u32) -> impl Iterator<Item = Tick> {
    (0..n).map(move |i| tick(START + i * 60, guests))
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes);
    fs::write(file, bytes).unwrap();
}

/// Where rows start.
fn rows(bytes: &[u8]) -> Vec<usize> {
    frames(bytes).into_iter().filter(|&frame| head_u32(bytes, frame + 4) == 3).collect()
}

/// Blocks of a row without moves: where its checksum and where itself is.
fn blocks(bytes: &[u8], row: usize) -> Vec<(usize, Range<usize>)> {
    let mut at = row + 36;
    let mut start = at + head_u32(bytes, row + 8) as usize;
    let varint = |at: &mut usize| {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = usize::from(bytes[*at]);
            *at += 1;
            value |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    };
    let (_ticks, _expected, moves) = (varint(&mut at), varint(&mut at), varint(&mut at));
    assert_eq!(moves, 0);
    let mut all = Vec::new();
    for _ in 0..3 {
        for _ in 0..varint(&mut at).div_ceil(256) {
            let len = varint(&mut at);
            all.push((at, start..start + len));
            at += 4;
            start += len;
        }
    }
    all
}

#[test]
fn a_history_says_which_of_its_blocks_are_damaged() {
    let (_dir, reader, file) = a_store(minutes(5, 300), "raw/2023-11-16T00.seg");
    change(&file, |bytes| {
        let of_row = blocks(bytes, rows(bytes)[2]);
        assert_eq!(of_row.len(), 4, "nodes, twice guests, storages");
        bytes[of_row[1].1.start + 3] ^= 1;
    });
    let said = |vmid: u32| {
        let history = reader.guest_history(vmid, START..START + HOUR).unwrap();
        let values = history.series(GuestMetric::Cpu).len();
        (values, history.warnings.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let (values, warnings) = said(100);
    assert_eq!((values, warnings.len()), (4, 1), "{warnings:?}");
    assert!(warnings[0].contains("wrong checksum"), "{warnings:?}");
    assert_eq!(said(399), (5, Vec::new()), "the other block holds");
    assert_eq!(reader.node_history("alpha", START..START + HOUR).unwrap().warnings, []);
}

#[test]
fn a_damaged_frame_counts_once_and_a_gap_is_none() {
    let (_dir, reader, file) = a_store(minutes(60, 600), "raw/2023-11-16T00.seg");
    let whole = reader.verify().unwrap();
    assert!(whole.is_clean());
    change(&file, |bytes| {
        let rows = rows(bytes);
        blocks(bytes, rows[20]).into_iter().take(4).for_each(|(_, at)| bytes[at.start + 3] ^= 1);
        bytes[rows[40]] ^= 1;
    });
    let found = reader.verify().unwrap();
    assert_eq!(found.findings.len(), 5, "four blocks and bytes that are no frame any more");
    assert_eq!(found.frames, whole.frames - 2);
}

#[test]
fn content_that_means_nothing_is_found_though_its_checksum_fits() {
    let (dir, reader, file) = a_store(minutes(5, 3), "raw/2023-11-16T00.seg");
    change(&file, |bytes| {
        let row = rows(bytes)[4];
        let (crc, at) = blocks(bytes, row).swap_remove(1);
        bytes[at.clone()].fill(0xff);
        let right = crc32fast::hash(&bytes[at]);
        bytes[crc..crc + 4].copy_from_slice(&right.to_le_bytes());
        seal(bytes, row);
    });
    let what = "its checksum fits, but not its content";
    let found = reader.verify().unwrap();
    assert_eq!(found.findings.iter().map(|f| &*f.what).collect::<Vec<_>>(), [what]);
    let fleet = reader.fleet(START..START + HOUR, Resolution::Raw, Detail::Typical).unwrap();
    assert_eq!(fleet.warnings.len(), 1);
    assert!(fleet.warnings[0].message.starts_with(what), "{}", fleet.warnings[0]);
    // No end that a power cut tore: nothing is cut off.
    let done = Writer::open(dir.path()).unwrap().append(&tick(START + 300, 3)).unwrap();
    assert_eq!((done.stored, done.warnings), (1, Vec::new()));
    assert_eq!(reader.verify().unwrap().findings, found.findings);
}

#[test]
fn rows_of_another_time_than_their_file_are_refused() {
    let ticks = || (START..START + 8 * HOUR).step_by(600).map(|ts| tick(ts, 2));
    let now = START + 8 * HOUR;
    for file in ["raw/2023-11-16T03.seg", "hour/2023-11-16.seg", "six/2023-11-16.seg"] {
        for time in [i64::MAX, i64::MIN, START - HOUR, START + 8 * DAY, START + 3 * HOUR + 1] {
            let (dir, reader, file) = a_store(ticks(), file);
            let is_raw = file.starts_with(dir.path().join("raw"));
            if is_raw && time == START + 3 * HOUR + 1 {
                continue;
            }
            change(&file, |bytes| {
                for frame in frames(bytes) {
                    bytes[frame + 16..frame + 24].copy_from_slice(&time.to_le_bytes());
                    seal(bytes, frame);
                }
            });
            let what = format!("{} {time}", file.display());
            let findings = reader.verify().unwrap().findings;
            let refused = findings.iter().filter(|f| f.what == "no row").count();
            let overview = reader.overview(now).unwrap();
            assert!(refused > 0 && overview.damaged == refused, "{what}: {findings:?}");
            let newest = overview.stats.tiers.iter().filter_map(|t| t.newest).max();
            assert_eq!(newest, Some(START + 8 * HOUR - 600), "{what}");
            for resolution in [Resolution::Raw, Resolution::Hourly, Resolution::SixHourly] {
                let fleet = reader.fleet(0..i64::MAX, resolution, Detail::Full).unwrap();
                assert!(fleet.windows().iter().all(|w| (START..now).contains(&w.start)), "{what}");
            }
            // What was lost by it is rolled again.
            if !is_raw {
                let done = Writer::open(dir.path()).unwrap().compress(now).unwrap();
                assert!(done.rows > 0, "{what}");
            }
        }
    }
}

/// Bytes that this thread has read.
fn bytes_read() -> Option<usize> {
    let text = fs::read_to_string("/proc/thread-self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse().ok()
}

#[test]
fn many_gaps_cost_no_more_reading_than_one() {
    let (_dir, reader, file) = a_store(minutes(60, 800), "raw/2023-11-16T00.seg");
    change(&file, |bytes| rows(bytes).iter().step_by(2).for_each(|&row| bytes[row] ^= 1));
    let len = fs::metadata(&file).unwrap().len() as usize;
    assert!(len > 400_000, "{len} bytes are too few to be read piece by piece");
    let Some(before) = bytes_read() else {
        skip("io-accounting", "the kernel does not count what is read");
        return;
    };
    assert_eq!(reader.overview(START + HOUR).unwrap().damaged, 30);
    let read = bytes_read().unwrap() - before;
    assert!(read < 6 * len, "{read} bytes of {len}");
}

#[test]
fn ticks_are_handed_out_whole_and_their_file_is_read_once() {
    let (_dir, reader, file) = a_store(minutes(60, 800), "raw/2023-11-16T00.seg");
    let ticks = |range| {
        let mut times = Vec::new();
        let warnings = reader.each_tick(range, |tick| {
            times.push((tick.ts - START) / 60);
            Ok(())
        });
        (times, warnings.unwrap())
    };
    let before = bytes_read();
    assert_eq!(ticks(0..i64::MAX), ((0..60).collect(), Vec::new()));
    if let Some((before, after)) = before.zip(bytes_read()) {
        let len = fs::metadata(&file).unwrap().len() as usize;
        assert!(after - before < 2 * len, "{} bytes of {len}", after - before);
    }
    assert_eq!(ticks(START + 60..START + 180).0, [1, 2]);
    change(&file, |bytes| {
        let of_row = blocks(bytes, rows(bytes)[2]);
        bytes[of_row[1].1.start + 3] ^= 1;
    });
    let (times, warnings) = ticks(START..START + 300);
    assert_eq!(times, [0, 1, 3, 4]);
    let said: Vec<&str> = warnings.iter().map(|w| &*w.message).collect();
    assert!(said[0].contains("wrong checksum") && said[1].contains("the tick at"), "{said:?}");
    let failed = Error::new(Kind::Io, "no more room");
    let stopped = reader.each_tick(0..i64::MAX, |_| Err(failed.clone()));
    assert_eq!(stopped.unwrap_err(), failed);
}

/// A tick of one node with so many guests, that are stopped: nothing but their numbers is known.
fn crowd(ts: i64, guests: u32) -> Tick {
    let status = GuestStatus::Stopped;
    let guest = |vmid| GuestSample { vmid, node: "alpha".into(), status, ..GuestSample::default() };
    Tick { ts, nodes: vec![node("alpha", ts)], guests: (100..100 + guests).map(guest).collect() }
}

#[test]
fn a_small_file_does_not_ask_for_more_than_memory_has() {
    // Each guest is there in the first sample alone, and has a place in all that follow.
    let rest = (1..600).map(|i| crowd(START + i, 0));
    let all = std::iter::once(crowd(START, 60_000)).chain(rest);
    let (_dir, reader, file) = a_store(all, "raw/2023-11-16T00.seg");
    assert!(fs::metadata(&file).unwrap().len() < 8 << 20);
    let hour = START..START + HOUR;
    let fleet = |range| reader.fleet(range, Resolution::Raw, Detail::Typical);
    let refused = fleet(hour.clone()).unwrap_err();
    assert_eq!(refused.kind, Kind::Invalid);
    assert!(refused.message.contains("ask for a shorter time"), "{refused}");
    // What needs less is there.
    assert_eq!(fleet(START..START + 60).unwrap().guests.len(), 60_000);
    assert_eq!(reader.node_history("alpha", hour.clone()).unwrap().windows().len(), 600);
    assert_eq!(reader.entities(hour).unwrap().len(), 60_001);
    let known = reader.get_data_quality(&Entity::Guest(100), START + HOUR).unwrap();
    assert_eq!(known.total_samples, 1);
}

#[test]
fn a_tick_of_more_than_a_roster_holds_is_refused_and_costs_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    let most = 1 << 18;
    let ticks = [crowd(START, 1), crowd(START + 60, most + 1)];
    assert_eq!(writer.append_all(ticks).unwrap_err().kind, Kind::Invalid);
    assert_eq!(writer.append(&crowd(START + 120, most)).unwrap().stored, 1);
    let reader = Reader::open(dir.path()).unwrap();
    assert!(reader.verify().unwrap().is_clean());
    assert_eq!(reader.node_history("alpha", 0..i64::MAX).unwrap().windows().len(), 2);
}
