//! The format page holds: a sample of every version is read for ever, and a reader written from
//! the page alone, `tests/reference/read_store.py`, sees what ours sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod store_support;

use pve_foresight::model::{GuestMetric, GuestStatus, Metric, NodeMetric, Tick};
use pve_foresight::store::{Detail, Reader, Resolution, Writer};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use store_support::*;

/// Seven hours at ten minutes with a move, a stop, a rename, a newcomer and one who leaves.
fn story() -> Vec<Tick> {
    let times = (START..START + 7 * HOUR).step_by(600);
    let scene = |(i, ts): (usize, i64)| {
        let mut tick = tick(ts, 4);
        tick.guests[0].created = Some(1_650_000_000);
        if i >= 9 {
            tick.guests[1].node = "alpha".into();
        }
        if (12..20).contains(&i) {
            let cold = &mut tick.guests[2];
            (cold.status, cold.cpu, cold.mem) = (GuestStatus::Stopped, None, None);
            (cold.disk_read_bps, cold.disk_write_bps) = (None, None);
            (cold.net_in_bps, cold.net_out_bps) = (None, None);
        }
        if i >= 15 {
            tick.guests[0].name = "renamed".into();
        }
        if i >= 25 {
            tick.guests.remove(3);
        }
        if i >= 30 {
            tick.guests.push(guest(200, "beta", ts));
        }
        tick
    };
    times.enumerate().map(scene).collect()
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/store-v1")
}

fn write_story(dir: &Path) {
    let mut writer = Writer::open(dir).unwrap();
    writer.append_all(story()).unwrap();
    writer.compress(START + 7 * HOUR).unwrap();
}

/// `UPDATE=1` makes the sample anew, which only a new version of the format may do.
#[test]
fn the_sample_of_version_1_is_read_for_ever() {
    if std::env::var_os("UPDATE").is_some() {
        let _ = std::fs::remove_dir_all(golden());
        write_story(&golden());
        std::fs::remove_file(golden().join("lock")).unwrap();
    }
    let fresh = tempfile::tempdir().unwrap();
    write_story(fresh.path());
    let (old, new) = (Reader::open(&golden()).unwrap(), Reader::open(fresh.path()).unwrap());
    assert!(old.verify().unwrap().is_clean());
    let range = START..START + DAY;
    assert_eq!(old.last_tick(i64::MAX).unwrap(), new.last_tick(i64::MAX).unwrap());
    assert_eq!(old.migrations(range.clone()).unwrap(), new.migrations(range.clone()).unwrap());
    for resolution in [Resolution::Raw, Resolution::Hourly, Resolution::SixHourly] {
        let of = |reader: &Reader| reader.fleet(range.clone(), resolution, Detail::Full).unwrap();
        let (old, new) = (of(&old), of(&new));
        assert_eq!((&old.nodes, &old.guests), (&new.nodes, &new.guests));
        assert_eq!(old.windows(), new.windows());
        for (entity, _) in old.guests.iter().enumerate() {
            for &metric in GuestMetric::ALL {
                let of = |table: &pve_foresight::store::Fleet| -> Vec<_> {
                    table.guest_table.buckets(entity, metric).collect()
                };
                assert_eq!(of(&old), of(&new), "{resolution:?} {metric:?}");
            }
        }
    }
}

#[test]
fn a_reader_written_from_the_page_sees_the_same() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/read_store.py");
    for dir in [golden(), a_wide_store()] {
        let Ok(output) = Command::new("python3").arg(&script).arg(&dir).output() else {
            println!("skipped: python3 absent");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let rows: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        compare(&Reader::open(&dir).unwrap(), &rows);
        if dir != golden() {
            std::fs::remove_dir_all(dir).unwrap();
        }
    }
}

/// More guests than a block has places, with values that need every form of column.
fn a_wide_store() -> PathBuf {
    let dir = tempfile::tempdir().unwrap().keep();
    let mut writer = Writer::open(&dir).unwrap();
    let ticks = (START..START + 7 * HOUR).step_by(1_200).map(|ts| {
        let mut tick = tick(ts, 700);
        for (i, guest) in tick.guests.iter_mut().enumerate() {
            guest.mem_host = guest.mem.filter(|_| i % 3 > 0);
            guest.psi_io_some = guest.cpu.filter(|_| i % 40 == 0);
            guest.psi_io_full = guest.cpu.map(|_| pve_foresight::model::Fraction(0.0));
        }
        tick
    });
    writer.append_all(ticks).unwrap();
    dir
}

fn compare(reader: &Reader, rows: &[Value]) {
    let tiers = [Resolution::Raw, Resolution::Hourly, Resolution::SixHourly];
    let mut values = 0;
    for (number, resolution) in tiers.into_iter().enumerate() {
        let fleet = reader.fleet(0..i64::MAX, resolution, Detail::Full).unwrap();
        let theirs: Vec<&Value> = rows.iter().filter(|row| row["tier"] == number).collect();
        assert_eq!(theirs.len(), fleet.windows().len(), "{resolution:?}");
        for (w, (row, window)) in theirs.iter().zip(fleet.windows()).enumerate() {
            assert_eq!(row["time"], window.start);
            assert_eq!(
                (row["ticks"].as_u64(), row["expected"].as_u64()),
                (Some(window.ticks.into()), Some(window.expected.into()))
            );
            for node in row["nodes"].as_array().unwrap() {
                let entity = fleet.node(node["name"].as_str().unwrap()).unwrap();
                for &m in NodeMetric::ALL {
                    let ours = fleet.node_table.bucket(entity, m, w);
                    values += same(&node["values"][m.name()], ours, number);
                }
            }
            for guest in row["guests"].as_array().unwrap() {
                let is_it = |g: &pve_foresight::store::GuestTrack| {
                    guest["vmid"] == g.vmid && guest["since"] == g.since
                };
                let entity = fleet.guests.iter().position(is_it).unwrap();
                for &m in GuestMetric::ALL {
                    let ours = fleet.guest_table.bucket(entity, m, w);
                    values += same(&guest["values"][m.name()], ours, number);
                }
            }
        }
    }
    assert!(values > 1_000, "{values} values compared");
    let moves: usize = rows
        .iter()
        .filter(|row| row["tier"] == 2)
        .map(|row| row["moves"].as_array().unwrap().len())
        .sum();
    let until = reader.fleet(0..i64::MAX, Resolution::SixHourly, Detail::Typical).unwrap();
    let until = until.windows().last().unwrap().start + 6 * HOUR;
    assert_eq!(moves, reader.migrations(0..until).unwrap().len());
}

/// Compares one metric of one entity; 1 if there was something to compare.
fn same(theirs: &Value, ours: Option<pve_foresight::model::Bucket>, tier: usize) -> u32 {
    let Some(ours) = ours else {
        assert!(theirs.is_null(), "{theirs}");
        return 0;
    };
    let close = |name: &str, ours: f64| {
        let theirs = theirs[name].as_f64().unwrap();
        assert!((theirs - ours).abs() <= ours.abs() * 1e-9, "{name}: {theirs} {ours}");
    };
    close("avg", ours.avg);
    if tier > 0 {
        close("p95", ours.p95);
        close("max", ours.max);
        close("min", ours.min);
        close("count", f64::from(ours.count));
    }
    1
}
