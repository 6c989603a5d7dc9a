//! ProxBalance's history imported, from its database and from its older JSON files.

use pve_foresight::model::{DAY, GuestMetric, HOUR, NodeMetric};
use pve_foresight::store::Reader;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const NOW: i64 = 1_700_092_800;

/// The tables as ProxBalance makes them, as far as its history goes.
const SCHEMA: &str = "
    CREATE TABLE node_metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, node_name TEXT NOT NULL, ts REAL NOT NULL,
        cpu REAL, memory REAL, iowait REAL, load_avg REAL, guest_count INTEGER, storage_usage_pct REAL,
        aggregated INTEGER DEFAULT 0, tier TEXT, ts_start REAL, ts_end REAL, sample_count INTEGER DEFAULT 1, agg_stats TEXT);
    CREATE TABLE guest_metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, vmid TEXT NOT NULL, ts REAL NOT NULL, node TEXT,
        cpu REAL, memory REAL, disk_read_bps REAL, disk_write_bps REAL, net_in_bps REAL, net_out_bps REAL,
        aggregated INTEGER DEFAULT 0, tier TEXT, ts_start REAL, ts_end REAL, sample_count INTEGER DEFAULT 1, agg_stats TEXT);";

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pve-foresight"));
    command.args(args).args(["--now", &NOW.to_string()]).env("TZ", "UTC").output().unwrap()
}

fn import(file: &Path, inventory: &Path, state: &Path) -> (Value, Option<i32>) {
    let [file, inventory, state] = [file, inventory, state].map(|p| p.to_str().unwrap());
    let args =
        ["import", "proxbalance", file, "--json", "--inventory", inventory, "--state", state];
    let output = run(&args);
    let reply = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    (reply, output.status.code())
}

/// A folder with an inventory: memory sizes of all but guest 102 are known.
fn setup() -> (TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let inventory = dir.path().join("inventory.json");
    let text = json!({"nodes": [{"name": "pve1", "maxcpu": 16, "maxmem": 64_u64 << 30}, {"name": "pve2", "maxcpu": 16, "maxmem": 64_u64 << 30}],
        "guests": [
            {"vmid": 100, "type": "qemu", "name": "web", "node": "pve2", "maxcpu": 4, "maxmem": 8_u64 << 30},
            {"vmid": 101, "type": "lxc", "name": "db", "node": "pve1", "maxcpu": 4, "maxmem": 8_u64 << 30},
            {"vmid": 102, "type": "qemu", "name": "new", "node": "pve1"}]});
    fs::write(&inventory, text.to_string()).unwrap();
    let state = dir.path().join("state");
    (dir, inventory, state)
}

/// Runs of its collector: two days by five minutes, before that rolled hours of a week. Guest 100
/// moved from pve1 to pve2 a day ago.
fn runs() -> impl Iterator<Item = (f64, bool)> {
    let raw = (NOW - 2 * DAY..NOW).step_by(300).map(|t| (t as f64 + 0.25, false));
    let hours = (NOW - 9 * DAY..NOW - 2 * DAY).step_by(3_600).map(|t| (t as f64 + 1_650.5, true));
    hours.chain(raw)
}

fn host(time: f64) -> &'static str {
    if time < (NOW - DAY) as f64 { "pve1" } else { "pve2" }
}

fn database(path: &Path) {
    let database = Connection::open(path).unwrap();
    database.execute_batch("PRAGMA journal_mode=WAL;").unwrap();
    database.execute_batch(SCHEMA).unwrap();
    database.execute_batch("BEGIN").unwrap();
    for (time, rolled) in runs() {
        for (i, name) in ["pve1", "pve2"].iter().enumerate() {
            let time = time + i as f64 * 0.4;
            if rolled {
                let figures = json!({"min": 1, "max": 90, "avg": 40, "p95": 80});
                let text = json!({"cpu": figures, "memory": figures}).to_string();
                database.execute("INSERT INTO node_metrics (node_name, ts, aggregated, tier, sample_count, agg_stats) VALUES (?, ?, 1, 'hourly', 12, ?)", (name, time, text)).unwrap();
            } else {
                database.execute("INSERT INTO node_metrics (node_name, ts, cpu, memory, iowait, load_avg, guest_count, storage_usage_pct) VALUES (?, ?, 25, 50, 0.5, 3.25, 2, 30)", (name, time)).unwrap();
            }
        }
        for (i, vmid) in ["100", "101", "102", "900"].iter().enumerate() {
            let time = time + 2.0 + i as f64 * 3.0;
            if rolled {
                let text = json!({"cpu": {"avg": 10.0}, "memory": {"avg": 0}}).to_string();
                database.execute("INSERT INTO guest_metrics (vmid, ts, aggregated, tier, sample_count, agg_stats) VALUES (?, ?, 1, 'hourly', 12, ?)", (vmid, time, text)).unwrap();
            } else {
                database.execute("INSERT INTO guest_metrics (vmid, ts, node, cpu, memory, disk_read_bps, disk_write_bps, net_in_bps, net_out_bps) VALUES (?, ?, ?, 12.5, 25, 1000, 0, 5000, 0)", (vmid, time, host(time))).unwrap();
            }
        }
    }
    database.execute_batch("COMMIT").unwrap();
}

/// The same as two JSON files; returns that of the nodes.
fn json_files(folder: &Path) -> PathBuf {
    let entity = |raw: &dyn Fn(f64) -> Value, rolled: &dyn Fn(f64) -> Value, shift: f64| {
        let of = |want: bool, make: &dyn Fn(f64) -> Value| {
            runs().filter(|r| r.1 == want).map(|r| make(r.0 + shift)).collect::<Vec<Value>>()
        };
        json!({"samples": of(false, raw), "aggregated": of(true, rolled)})
    };
    let figures = json!({"min": 1, "max": 90, "avg": 40, "p95": 80});
    let node = |shift| {
        entity(
            &|ts| json!({"ts": ts, "cpu": 25.0, "memory": 50.0, "iowait": 0.5, "load_avg": 3.25, "guest_count": 2, "storage_usage_pct": 30}),
            &|ts| json!({"ts": ts, "tier": "hourly", "aggregated": true, "sample_count": 12, "cpu": figures, "memory": figures}),
            shift,
        )
    };
    let guest = |shift| {
        entity(
            &|ts| json!({"ts": ts, "node": host(ts), "cpu": 12.5, "memory": 25.0, "disk_read_bps": 1000, "disk_write_bps": 0, "net_in_bps": 5000, "net_out_bps": 0}),
            &|ts| json!({"ts": ts, "tier": "hourly", "aggregated": true, "cpu": {"avg": 10.0}, "memory": {"avg": 0}}),
            shift,
        )
    };
    let nodes = json!({"version": 1, "nodes": {"pve1": node(0.0), "pve2": node(0.4)}});
    let guests = json!({"version": 1, "guests": {"100": guest(2.0), "101": guest(5.0), "102": guest(8.0), "900": guest(11.0)}});
    let file = folder.join("node_metrics_history.json");
    fs::write(&file, nodes.to_string()).unwrap();
    fs::write(folder.join("guest_metrics_history.json"), guests.to_string()).unwrap();
    file
}

fn check(reply: &Value, state: &Path) {
    assert_eq!((&reply["nodes"], &reply["guests"]), (&json!(2), &json!(3)), "{reply}");
    assert_eq!(reply["ticks"], json!(576 + 168), "a collector run is one tick: {reply}");
    let said = reply.to_string();
    for hint in ["900", "memory size", "missing", "estimate"] {
        assert!(said.contains(hint), "{hint}: {said}");
    }
    let reader = Reader::open(state).unwrap();
    let range = NOW - 10 * DAY..NOW;
    let near = |stored: f64, given: f64| (stored - given).abs() <= given * 5e-4 + 1e-5;
    let node = reader.node_history("pve1", range.clone()).unwrap();
    for bucket in node.series(NodeMetric::Cpu) {
        let rolled = bucket.start < NOW - 2 * DAY;
        assert!(near(bucket.avg, if rolled { 0.4 } else { 0.25 }), "{bucket:?}");
    }
    assert!(node.series(NodeMetric::Memory).iter().any(|b| near(b.avg, 0.5)));
    assert!(node.series(NodeMetric::LoadAvg).iter().all(|b| near(b.avg, 3.25)));
    assert!(node.series(NodeMetric::StorageUsage).is_empty());
    let guest = reader.guest_history(100, range.clone()).unwrap();
    assert!(guest.series(GuestMetric::Cpu).iter().any(|b| near(b.avg, 0.125)));
    assert!(
        guest.series(GuestMetric::Memory).iter().all(|b| near(b.avg, 0.25)),
        "0 % is no memory"
    );
    assert!(guest.series(GuestMetric::DiskWrite).iter().all(|b| b.avg == 0.0));
    assert!(
        reader.guest_history(102, range.clone()).unwrap().series(GuestMetric::Memory).is_empty()
    );
    let moves = reader.migrations(range).unwrap();
    let moves: Vec<(u32, &str, &str)> =
        moves.iter().map(|m| (m.vmid, m.from.as_str(), m.to.as_str())).collect();
    assert!(moves.contains(&(100, "pve1", "pve2")), "{moves:?}");
}

#[test]
fn a_database_becomes_ticks_once() {
    let (dir, inventory, state) = setup();
    let file = dir.path().join("proxbalance #1.db");
    database(&file);
    let (reply, status) = import(&file, &inventory, &state);
    assert_eq!(status, Some(0), "{reply}");
    check(&reply, &state);
    let (again, _) = import(&file, &inventory, &state);
    assert_eq!(again["ticks"], json!(0), "{again}");
}

#[test]
fn json_files_become_the_same_ticks() {
    let (dir, inventory, state) = setup();
    let file = json_files(dir.path());
    let (reply, status) = import(&file, &inventory, &state);
    assert_eq!((status, &reply["files"]), (Some(0), &json!(2)), "{reply}");
    check(&reply, &state);
}

#[test]
fn rows_that_make_no_sense_are_counted_and_left_out() {
    let (dir, inventory, state) = setup();
    let file = dir.path().join("p.db");
    let database = Connection::open(&file).unwrap();
    database.execute_batch(SCHEMA).unwrap();
    let time = NOW - HOUR;
    for (vmid, cpu, memory) in [
        ("100", "50.0", "'x'"),
        ("../..", "1", "1"),
        ("0", "1", "1"),
        ("101", "-5", "1e300"),
        ("102", "NULL", "x'00ff'"),
    ] {
        let insert = format!(
            "INSERT INTO guest_metrics (vmid, ts, node, cpu, memory, net_in_bps) VALUES ('{vmid}', {time}, 'pve1', {cpu}, {memory}, 9e999)"
        );
        database.execute(&insert, []).unwrap();
    }
    drop(database);
    let (reply, status) = import(&file, &inventory, &state);
    assert_eq!(
        (status, &reply["refused"], &reply["guests"]),
        (Some(3), &json!(2), &json!(3)),
        "{reply}"
    );
    let reader = Reader::open(&state).unwrap();
    let of = |vmid| reader.guest_history(vmid, time - 10..NOW).unwrap().series(GuestMetric::Cpu);
    assert!((of(100)[0].avg - 0.5).abs() < 1e-3);
    assert!(of(101).is_empty() && of(102).is_empty());
}

#[test]
fn other_files_are_refused_by_name() {
    let (dir, inventory, state) = setup();
    let path = dir.path().join("file");
    let empty = dir.path().join("empty.db");
    Connection::open(&empty).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let mut broken = b"SQLite format 3\0".to_vec();
    broken.extend([0xff; 4_000]);
    for (bytes, hint) in [
        (&b"hello"[..], "neither a SQLite database nor JSON"),
        (b"", "neither a SQLite database nor JSON"),
        (b"{}", "neither nodes nor guests"),
        (b"{\"nodes\": 7}", "not ProxBalance's JSON"),
        (b"{\"nodes\": {\"a\":", "not ProxBalance's JSON"),
        (&broken, "cannot be read as a database"),
        (&fs::read(&empty).unwrap(), "node_metrics and guest_metrics missing"),
    ] {
        fs::write(&path, bytes).unwrap();
        let [file, inventory, state] = [&path, &inventory, &state].map(|p| p.to_str().unwrap());
        let output =
            run(&["import", "proxbalance", file, "--inventory", inventory, "--state", state]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{hint}: {text}");
        assert!(text.contains(hint) && text.contains(file), "{hint}: {text}");
    }
    assert!(!state.exists());
}
