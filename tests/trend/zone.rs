//! Peak hours are those of the clock on the node's wall, also where that clock changed within the window.

use super::skip_support::skip;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A zone: its name, seconds east of UTC before and after a change, and when that is.
struct Zone {
    name: &'static str,
    east: [i64; 2],
    change: i64,
}

const ZONES: [Zone; 5] = [
    // The last Sunday of October 2026, 01:00 UTC.
    Zone { name: "Europe/Berlin", east: [7_200, 3_600], change: 1_792_890_000 },
    // The second Sunday of March 2026, 07:00 UTC.
    Zone { name: "America/New_York", east: [-18_000, -14_400], change: 1_772_953_200 },
    Zone { name: "Asia/Kolkata", east: [19_800, 19_800], change: 1_792_890_000 },
    // The first Sunday of April 2026, 15:00 UTC the day before: half an hour back.
    Zone { name: "Australia/Lord_Howe", east: [39_600, 37_800], change: 1_775_314_800 },
    Zone { name: "UTC", east: [0, 0], change: 1_792_890_000 },
];

/// A day of the week before the change, in the middle of the window.
const DAYS_AFTER: i64 = 4;

fn foresight(zone: &str, args: &[&str], input: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pve-foresight"));
    command.args(args).env("TZ", zone).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// One node with one guest that uses `cores` of its eight.
fn tick(ts: i64, cores: f64) -> String {
    json!({"ts": ts,
        "nodes": [{"name": "pve1", "online": true, "maxcpu": 16, "cpu": (0.3 + cores) / 16.0, "iowait": 0.01,
            "load_avg": cores, "maxmem": 64u64 << 30, "mem": 20u64 << 30, "storage": []}],
        "guests": [{"vmid": 101, "type": "qemu", "name": "office", "node": "pve1", "status": "running", "maxcpu": 8,
            "cpu": cores / 8.0, "maxmem": 8u64 << 30, "mem": 4u64 << 30, "disk_read_bps": 0, "disk_write_bps": 0,
            "net_in_bps": 0, "net_out_bps": 0}]})
    .to_string()
}

#[test]
fn peak_hours_are_local_across_a_change_of_the_clocks() {
    if !Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        skip("tzdata", "/usr/share/zoneinfo absent");
        return;
    }
    for zone in &ZONES {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let state = state.to_str().unwrap();
        let now = zone.change + DAYS_AFTER * 86_400;
        // Busy from nine to twelve by the clock on the wall.
        let busy = |ts: i64| {
            let wall = ts + zone.east[usize::from(ts >= zone.change)];
            (9..12).contains(&(wall.rem_euclid(86_400) / 3_600))
        };
        let times = (0..10 * 144).map(|i| now - i * 600).rev();
        let ticks: Vec<String> =
            times.map(|ts| tick(ts, if busy(ts) { 5.0 } else { 1.0 })).collect();
        foresight(zone.name, &["append", "--jsonl", "--state", state], &ticks.join("\n"));
        let asked = ["trend", "--guest", "101", "--state", state, "--now", &now.to_string()];
        let reply: Value =
            serde_json::from_str(&foresight(zone.name, &[&asked[..], &["--json"]].concat(), ""))
                .unwrap();
        assert_eq!(reply["guests"][0]["peak_hours"], json!([9, 10, 11]), "{}: {reply}", zone.name);
        let told = foresight(zone.name, &asked, "");
        assert!(told.contains("busy at 09-12 h"), "{}: {told}", zone.name);
        let steps = told.lines().nth(2).and_then(|cpu| cpu.split_whitespace().last());
        assert_eq!(steps, Some("-"), "{}: {told}", zone.name);
    }
}
