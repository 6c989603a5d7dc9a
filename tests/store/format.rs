//! The format page holds: a sample of every version is read for ever, and a reader written from
//! the page alone, `tests/reference/read_store.py`, sees what ours sees.

use super::store_support::*;
use pve_foresight::model::{GuestMetric, GuestStatus, Metric, NodeMetric, Tick};
use pve_foresight::store::{Detail, Reader, Resolution, Writer};
use rayon::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    for dir in [golden(), a_wide_store()] {
        let Some((rows, said)) = by_the_page(&dir) else { return };
        assert_eq!(said, "");
        let values = compare(&Reader::open(&dir).unwrap(), &rows);
        assert!(values > 1_000, "{values} values compared");
        if dir != golden() {
            std::fs::remove_dir_all(dir).unwrap();
        }
    }
}

/// Both go by the section *Damage*: whatever happened to a file, they read the same of it.
#[test]
fn of_damaged_files_it_sees_the_same_too() {
    let mut seed = 7u64;
    let mut below = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % n
    };
    let whole = tempfile::tempdir().unwrap();
    write_story(whole.path());
    let folders = ["raw", "hour", "six"];
    let mut files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(whole.path().join(folder)).unwrap())
        .map(|file| file.unwrap().path().strip_prefix(whole.path()).unwrap().to_path_buf())
        .collect();
    files.sort();
    let mut damaged = || {
        let file = files[below(files.len())].clone();
        let mut bytes = std::fs::read(whole.path().join(&file)).unwrap();
        // Half of them hit the first roster, of which the most depends.
        let at = match below(2) {
            0 => below(bytes.len()),
            _ => 0x38a + below(0x139),
        };
        let len = [1, 1, 40][below(3)].min(bytes.len() - at);
        match below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..at + len)),
            2 => bytes[at..at + len].fill(0),
            _ => bytes[at] ^= 1 << below(8),
        }
        (file, bytes)
    };
    let damaged: Vec<_> = (0..40).map(|_| damaged()).collect();
    let read = |(damaged, bytes): (PathBuf, Vec<u8>)| {
        let dir = tempfile::tempdir().unwrap();
        for folder in folders {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for file in files.iter().filter(|file| **file != damaged) {
            std::fs::copy(whole.path().join(file), dir.path().join(file)).unwrap();
        }
        std::fs::write(dir.path().join(damaged), &bytes).unwrap();
        let (rows, said) = by_the_page(dir.path())?;
        let reader = Reader::open(dir.path()).unwrap();
        let values = compare(&reader, &rows);
        let ours = reader.fleet(0..i64::MAX, Resolution::Mixed, Detail::Full).unwrap().warnings;
        Some((values, ours.iter().any(|w| w.message.contains("nothing is lost")), said))
    };
    // Most of it is Python's start, 40 times.
    let read: Option<Vec<_>> = damaged.into_par_iter().map(read).collect();
    let Some(read) = read else { return };
    let values: u32 = read.iter().map(|(values, ..)| values).sum();
    let mended = read.iter().filter(|(_, mended, _)| *mended).count();
    let cut_short = read.iter().filter(|(.., said)| !said.is_empty()).count();
    assert!(values > 20_000 && mended > 5 && cut_short > 5, "{values} {mended} {cut_short}");
}

/// A group in the header of a segment: its number, statistics, and metrics as they are written.
type Columns = (u8, Vec<u8>, Vec<Vec<u8>>);

/// The header with which `bytes` begin, with other columns.
fn with_columns(bytes: &[u8], change: impl Fn(&mut Columns)) -> Vec<u8> {
    let mut left = &bytes[14..14 + head_u32(bytes, 10) as usize];
    let mut take = |n: usize| left.split_off(..n).unwrap();
    let mut body = take(9).to_vec();
    let groups = take(1)[0];
    body.push(groups);
    for _ in 0..groups {
        let (group, count) = (take(1)[0], take(1)[0]);
        let statistics = take(count.into()).to_vec();
        let metrics = (0..take(1)[0]).map(|_| {
            let len = take(1)[0];
            [&[len], take(usize::from(len) + 17)].concat()
        });
        let mut columns = (group, statistics, metrics.collect());
        change(&mut columns);
        let (group, statistics, metrics) = columns;
        body.extend([group, statistics.len() as u8]);
        body.extend(statistics);
        body.push(metrics.len() as u8);
        body.extend(metrics.concat());
    }
    let mut out = [&bytes[..10], &(body.len() as u32).to_le_bytes(), &body].concat();
    let crc = crc32fast::hash(&out);
    out.extend(crc.to_le_bytes());
    out
}

/// Another version may have begun the segment, with fewer metrics than ours or in another order.
#[test]
fn rows_are_written_in_the_columns_of_their_file() {
    let name = |metric: &[u8]| String::from_utf8_lossy(&metric[1..metric.len() - 17]).into_owned();
    let shortened = |(group, _, metrics): &mut Columns| {
        metrics.retain(|m| *group != 1 || name(m) != GuestMetric::NetOut.name());
    };
    let shuffled = |(group, statistics, metrics): &mut Columns| {
        metrics.reverse();
        if statistics.len() > 1 {
            *statistics = vec![4, 0, 1, 9, 2, 3];
        }
        if *group == 1 {
            metrics.retain(|m| name(m) != GuestMetric::NetOut.name());
            let mut novel = metrics[0].clone();
            novel[1] = b'X';
            metrics.insert(1, novel);
        }
    };
    // A unit of twice the size.
    let rescaled = |columns: &mut Columns| {
        shortened(columns);
        for cpu in columns.2.iter_mut().filter(|m| name(m) == "cpu") {
            let unit = cpu.len() - 16;
            let twice = f64::from_le_bytes(cpu[unit..unit + 8].try_into().unwrap()) * 2.0;
            cpu[unit..unit + 8].copy_from_slice(&twice.to_le_bytes());
        }
    };
    let ticks: Vec<Tick> = (0..=60).map(|i| tick(START + i * 60, 300)).collect();
    let ours = tempfile::tempdir().unwrap();
    Writer::open(ours.path()).unwrap().append_all(&ticks).unwrap();
    for (change, is_exact) in
        [(&shortened as &dyn Fn(&mut Columns), true), (&shuffled, true), (&rescaled, false)]
    {
        let dir = tempfile::tempdir().unwrap();
        drop(Writer::open(dir.path()).unwrap());
        for file in ["raw/2023-11-16T00.seg", "hour/2023-11-16.seg"] {
            let bytes = std::fs::read(ours.path().join(file)).unwrap();
            std::fs::write(dir.path().join(file), with_columns(&bytes, change)).unwrap();
        }
        let done = Writer::open(dir.path()).unwrap().append_all(&ticks).unwrap();
        assert_eq!((done.stored, done.warnings), (61, Vec::new()));
        let (ours, reader) =
            (Reader::open(ours.path()).unwrap(), Reader::open(dir.path()).unwrap());
        assert!(reader.verify().unwrap().is_clean());
        for vmid in [100, 399] {
            let of = |reader: &Reader| reader.guest_history(vmid, 0..i64::MAX).unwrap();
            for &metric in GuestMetric::ALL {
                let (want, got) = (of(&ours).series(metric), of(&reader).series(metric));
                if metric == GuestMetric::NetOut {
                    assert_eq!((want.len(), got.len()), (61, 1), "since the next segment");
                    continue;
                }
                assert_eq!(got.len(), want.len(), "{metric:?}");
                assert!(got.iter().zip(&want).all(|(a, b)| close(a.avg, b.avg)), "{metric:?}");
            }
        }
        let hour = |reader: &Reader| {
            let fleet = reader.fleet(0..i64::MAX, Resolution::Hourly, Detail::Full).unwrap();
            let of = |&metric: &GuestMetric| fleet.guest_table.bucket(299, metric, 0);
            let cpu = fleet.node_table.bucket(0, NodeMetric::Cpu, 0).unwrap();
            (GuestMetric::ALL.iter().map(of).collect::<Vec<_>>(), cpu)
        };
        let ((want, node), (got, same_node)) = (hour(&ours), hour(&reader));
        assert!(close(same_node.avg, node.avg) && same_node.count == node.count);
        for ((metric, want), got) in GuestMetric::ALL.iter().zip(want).zip(got) {
            let want = want.filter(|_| *metric != GuestMetric::NetOut);
            let all =
                |b: pve_foresight::model::Bucket| [b.avg, b.p95, b.max, b.min, b.count.into()];
            match (want.map(all), got.map(all)) {
                (Some(want), Some(got)) => {
                    assert!(want.iter().zip(got).all(|(a, b)| close(b, *a)), "{metric:?}");
                }
                (want, got) => assert_eq!(want, got, "{metric:?}"),
            }
        }
        let Some((rows, said)) = by_the_page(dir.path()) else { continue };
        assert_eq!(said, "");
        assert!(!is_exact || compare(&reader, &rows) > 1_000);
    }
}

/// Rows as `read_store.py` sees them, and what it says of damage; `None` without Python.
fn by_the_page(dir: &Path) -> Option<(Vec<Value>, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/read_store.py");
    let Ok(output) = Command::new("python3").arg(&script).arg(dir).output() else {
        skip("python3", "python3 absent");
        return None;
    };
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some((text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), said))
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

/// Everything that both see: windows, values, moves, and of samples who was there. How many values.
fn compare(reader: &Reader, rows: &[Value]) -> u32 {
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
    let moves: BTreeSet<(i64, u64, String, String)> = rows
        .iter()
        .flat_map(|row| row["moves"].as_array().unwrap())
        .map(|m| serde_json::from_value(m.clone()).unwrap())
        .collect();
    let ours = reader.migrations(0..i64::MAX).unwrap();
    let ours: BTreeSet<_> =
        ours.into_iter().map(|m| (m.time, u64::from(m.vmid), m.from, m.to)).collect();
    assert!(moves.is_subset(&ours), "{moves:?} {ours:?}");
    for row in rows.iter().filter(|row| row["tier"] == 0) {
        let time = row["time"].as_i64().unwrap();
        let tick = reader.last_tick(time).unwrap().filter(|tick| tick.ts == time);
        assert_eq!(tick.is_none(), row["damaged"], "a tick is whole or not there");
        values += tick.map_or(0, |tick| same_tick(row, &tick));
    }
    values
}

/// Compares who was there, and the storages.
fn same_tick(row: &Value, tick: &Tick) -> u32 {
    let present = |group: &str| -> Vec<Value> {
        let all = row[group].as_array().unwrap().iter();
        all.filter(|entry| entry["present"] == true).cloned().collect()
    };
    let mut values = 0;
    let nodes = present("nodes");
    assert_eq!(nodes.len(), tick.nodes.len());
    for (theirs, ours) in nodes.iter().zip(&tick.nodes) {
        assert_eq!(theirs["name"], *ours.name);
        assert_eq!(theirs["online"], ours.online);
        assert_eq!(theirs["maxcpu"].as_f64(), ours.maxcpu.map(|x| x.0));
        assert_eq!(theirs["maxmem"].as_f64(), ours.maxmem.map(|x| x.0));
        assert_eq!(theirs["maxswap"].as_f64(), ours.maxswap.map(|x| x.0));
        for storage in &ours.storage {
            let mut all = row["storages"].as_array().unwrap().iter();
            let theirs = all.find(|s| s["node"] == *ours.name && s["id"] == *storage.id).unwrap();
            for (name, ours) in [("total", storage.total), ("used", storage.used)] {
                let theirs = theirs["values"][name]["avg"].as_f64().unwrap();
                assert!((theirs - ours.0).abs() <= ours.0 * 1e-9, "{name}: {theirs} {ours:?}");
                values += 1;
            }
        }
    }
    let guests = present("guests");
    assert_eq!(guests.len(), tick.guests.len());
    for (theirs, ours) in guests.iter().zip(&tick.guests) {
        let as_json = serde_json::to_value(ours).unwrap();
        let pairs = [("vmid", "vmid"), ("kind", "type"), ("name", "name"), ("node", "node")];
        for (theirs_name, ours_name) in pairs {
            assert_eq!(theirs[theirs_name], as_json[ours_name], "{theirs_name}");
        }
        assert_eq!(theirs["status"], serde_json::to_value(ours.status).unwrap());
        assert_eq!(theirs["template"], ours.template);
        assert_eq!(theirs["created"].as_i64(), ours.created);
        assert_eq!(theirs["maxcpu"].as_f64(), ours.maxcpu.map(|x| x.0));
        assert_eq!(theirs["maxmem"].as_f64(), ours.maxmem.map(|x| x.0));
    }
    values
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
