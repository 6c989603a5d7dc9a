//! PVE's own history imported: files made by rrdtool in PVE's layouts, imported with the command
//! line, compared with what `rrdtool fetch` says.

use super::rrd_support::{BESIDE, DAY, HOUR, NOW, make, rrdtool};
use super::skip_support::skip;
use pve_foresight::engine::{Engine, ImportRequest, ImportSource};
use pve_foresight::model::{GIB, GuestMetric, NodeMetric};
use pve_foresight::store::{Reader, Resolution, Retention, Writer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A tree, an inventory of it, and a place for the state.
struct Cluster {
    _dir: TempDir,
    root: PathBuf,
    inventory: PathBuf,
    state: PathBuf,
}

fn cluster(days: i64) -> Option<Cluster> {
    let Some(dir) = make(days) else {
        skip("rrdtool", "rrdtool is absent (apt-get install rrdtool)");
        return None;
    };
    let inventory = dir.path().join("inventory.json");
    let guest = |vmid: u32, node: &str| json!({"vmid": vmid, "type": "qemu", "name": format!("g{vmid}"), "node": node, "status": "running"});
    let text = json!({"nodes": [{"name": "alpha"}, {"name": "beta"}],
        "guests": [guest(100, "alpha"), guest(101, "beta"), guest(102, "alpha"), guest(103, "alpha")]});
    fs::write(&inventory, text.to_string()).unwrap();
    let (root, state) = (dir.path().to_path_buf(), dir.path().join("state"));
    Some(Cluster { _dir: dir, root, inventory, state })
}

/// A cluster of 100 days, imported once for all tests that leave it as it is; with the reply.
fn imported() -> Option<&'static (Cluster, Value)> {
    static IMPORTED: OnceLock<Option<(Cluster, Value)>> = OnceLock::new();
    let import = || {
        let cluster = cluster(100)?;
        let (reply, status) = import(&cluster);
        assert_eq!(status, Some(0), "{reply}");
        Some((cluster, reply))
    };
    IMPORTED.get_or_init(import).as_ref()
}

fn run(args: &[&str], now: i64) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pve-foresight"));
    command.args(args).args(["--now", &now.to_string()]).env("TZ", "UTC");
    command.output().unwrap()
}

fn import(cluster: &Cluster) -> (Value, Option<i32>) {
    import_into(&cluster.state, cluster)
}

/// The same into another state directory.
fn import_into(state: &Path, cluster: &Cluster) -> (Value, Option<i32>) {
    let [root, inventory, state] =
        [cluster.root.as_path(), &cluster.inventory, state].map(|p| p.to_str().unwrap());
    let args =
        ["import", "rrd", "--json", "--root", root, "--inventory", inventory, "--state", state];
    let output = run(&args, NOW);
    let reply = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    (reply, output.status.code())
}

/// What rrdtool says: averages of a source by the row's end.
fn fetched(path: &Path, source: &str, seconds: i64, start: i64, end: i64) -> BTreeMap<i64, f64> {
    let args = ["fetch", path.to_str().unwrap(), "AVERAGE", "--resolution"].map(String::from);
    let mut args = args.to_vec();
    args.extend([seconds.to_string(), "--start".into(), start.to_string()]);
    args.extend(["--end".into(), (end - seconds).to_string()]);
    let text = String::from_utf8(rrdtool(&args).stdout).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let column = names.iter().position(|n| *n == source).unwrap();
    let rows = lines.filter_map(|line| line.split_once(": "));
    let rows = rows.map(|(time, values)| {
        (time.parse().unwrap(), values.split_whitespace().nth(column).unwrap().parse().unwrap())
    });
    rows.filter(|(_, value): &(i64, f64)| value.is_finite()).collect()
}

fn close(stored: f64, given: f64) -> bool {
    (stored - given).abs() <= given.abs() * 2.5e-4 + 2e-6
}

#[test]
fn samples_of_the_last_days_are_what_rrdtool_fetches() {
    let Some((Cluster { root, state, .. }, reply)) = imported() else { return };
    assert_eq!((&reply["nodes"], &reply["guests"]), (&json!(2), &json!(4)));
    assert_eq!(reply["estimated"], json!(true));
    assert!(reply["notes"].to_string().contains("999"), "{reply}");
    let reader = Reader::open(state).unwrap();
    let (alpha, guest) = (root.join("pve-node-9.0/alpha"), root.join("pve-vm-9.0/100"));
    let node_history = reader.node_history("alpha", NOW - 2 * DAY..NOW).unwrap();
    let guest_history = reader.guest_history(100, NOW - 2 * DAY..NOW).unwrap();
    // A file of PVE 9 has a day by the minute, and half hours before.
    let day = NOW - DAY;
    let mut compared = 0;
    for (seconds, start, end) in
        [(60, day + HOUR, NOW - HOUR), (1_800, day - 20 * HOUR, day - HOUR)]
    {
        for (metric, source, whole) in [
            (NodeMetric::Cpu, "cpu", 1.0),
            (NodeMetric::Memory, "memused", 64.0 * GIB),
            (NodeMetric::NetIn, "netin", 1.0),
            (NodeMetric::PsiIoSome, "pressureiosome", 100.0),
        ] {
            let stored: BTreeMap<i64, f64> =
                node_history.series(metric).iter().map(|b| (b.start, b.avg)).collect();
            for (time, value) in fetched(&alpha, source, seconds, start, end) {
                let ours = stored[&(time - seconds / 2)];
                // Pressure is stored in steps of 0.01 %.
                let step = (ours - value / whole).abs() <= 5.1e-5 && source.starts_with("pressure");
                let same = step || close(ours, value / whole);
                assert!(same, "{metric:?} {time}: {ours}, rrdtool {value}");
                compared += 1;
            }
        }
        for (metric, source, whole) in [
            (GuestMetric::Cpu, "cpu", 1.0),
            (GuestMetric::Memory, "mem", 8.0 * GIB),
            (GuestMetric::DiskWrite, "diskwrite", 1.0),
        ] {
            let stored: BTreeMap<i64, f64> =
                guest_history.series(metric).iter().map(|b| (b.start, b.avg)).collect();
            for (time, value) in fetched(&guest, source, seconds, start, end) {
                let ours = stored[&(time - seconds / 2)];
                assert!(close(ours, value / whole), "{metric:?} {time}: {ours}, rrdtool {value}");
                compared += 1;
            }
        }
    }
    assert!(compared > 9_000, "{compared}");
    assert!(!node_history.series(NodeMetric::StorageUsage).is_empty());
}

#[test]
fn older_times_are_rolled_from_rrdtools_averages() {
    let Some((Cluster { root, state, .. }, _)) = imported() else { return };
    let reader = Reader::open(state).unwrap();
    let hourly = reader.guest_history(100, NOW - 13 * DAY..NOW - 3 * DAY).unwrap();
    let halves = fetched(&root.join("pve-vm-9.0/100"), "cpu", 1_800, NOW - 14 * DAY, NOW - 2 * DAY);
    let mut hours = 0;
    for bucket in hourly.series(GuestMetric::Cpu).iter().filter(|b| b.seconds == 3_600) {
        let of: Vec<f64> = [1_800, 3_600]
            .iter()
            .filter_map(|d| halves.get(&(bucket.start + d)).copied())
            .collect();
        let mean = of.iter().sum::<f64>() / of.len() as f64;
        // Rounded twice, as sample and as mean.
        assert!((bucket.avg - mean).abs() <= mean * 4e-4, "{bucket:?}: {of:?}");
        assert_eq!(bucket.count as usize, of.len());
        assert!(close(bucket.max, of.iter().copied().fold(0.0, f64::max)));
        hours += 1;
    }
    assert!((200..240 - 2).contains(&hours), "ten days without the silent hours: {hours}");
    // PVE 9 has six-hourly averages beyond 30 days, PVE 8 half-daily ones up to 35.
    let old = reader.guest_history(100, NOW - 89 * DAY..NOW - 32 * DAY).unwrap();
    assert!(old.series(GuestMetric::Cpu).len() >= 57 * 4 - 2, "{}", old.windows().len());
    let eight = reader.guest_history(101, NOW - 90 * DAY..NOW).unwrap();
    let first = eight.series(GuestMetric::Cpu).first().unwrap().start;
    assert!((NOW - 36 * DAY..NOW - 34 * DAY).contains(&first), "{}", (NOW - first) / DAY);
    // After an upgrade the older file tells what was before the newer one.
    let both = reader.guest_history(103, NOW - 90 * DAY..NOW).unwrap();
    let times: Vec<i64> = both.series(GuestMetric::Cpu).iter().map(|b| b.start).collect();
    assert!((NOW - 36 * DAY..NOW - 34 * DAY).contains(&times[0]), "{}", (NOW - times[0]) / DAY);
    assert!(times.windows(2).all(|w| w[1] - w[0] <= 18 * HOUR), "no gap at the upgrade");
    let new = fetched(&root.join("pve-vm-9.0/103"), "cpu", 60, NOW - 20 * HOUR, NOW - HOUR);
    let series = both.series(GuestMetric::Cpu);
    let stored: BTreeMap<i64, f64> = series.iter().map(|b| (b.start, b.avg)).collect();
    assert!(new.iter().all(|(time, value)| close(stored[&(time - 30)], *value)));
    // Nobody has a history from before it existed.
    let young = reader.guest_history(102, NOW - 90 * DAY..NOW).unwrap();
    let first = young.windows().first().unwrap().start;
    assert!((NOW - 21 * DAY..NOW - 19 * DAY).contains(&first), "{}", (NOW - first) / DAY);
}

#[test]
fn a_second_import_adds_nothing() {
    let Some((cluster, first)) = imported() else { return };
    assert!(first["ticks"].as_u64().unwrap() > 2_500, "{first}");
    let state = &cluster.state;
    let before = Reader::open(state).unwrap().stats(NOW).unwrap();
    let (second, status) = import(cluster);
    assert_eq!((&second["ticks"], status), (&json!(0), Some(0)), "{second}");
    assert!(second["left_out"].as_u64().unwrap() > 2_500);
    let after = Reader::open(state).unwrap().stats(NOW).unwrap();
    assert_eq!(before, after);
}

/// Own ticks, every minute of these times.
fn own(state: &Path, times: impl Iterator<Item = i64>) {
    let guest = |vmid: u32, node: &str| {
        json!({"vmid": vmid, "type": "qemu", "name": format!("g{vmid}"), "node": node, "status": "running",
               "maxcpu": 8, "cpu": 0.99, "maxmem": 8.0 * GIB, "mem": GIB})
    };
    let node = |name: &str| json!({"name": name, "maxcpu": 8, "cpu": 0.99, "maxmem": 64.0 * GIB, "mem": GIB});
    let lines = times.map(|ts| {
        let tick = json!({"ts": ts, "nodes": [node("alpha"), node("beta")],
            "guests": [guest(100, "alpha"), guest(101, "beta"), guest(102, "alpha")]});
        tick.to_string() + "\n"
    });
    append(state, &lines.collect::<String>());
}

/// Stores ticks, one a line.
fn append(state: &Path, lines: &str) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pve-foresight"))
        .args(["append", "--jsonl", "--state", state.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn own_samples_win_and_gaps_are_filled() {
    let Some(cluster) = cluster(12) else { return };
    let state = &cluster.state;
    // Two hours, a gap of three, one hour.
    let (first, gap, back) = (NOW - 6 * HOUR, NOW - 4 * HOUR, NOW - HOUR);
    let mut times: Vec<i64> = (first..gap).step_by(60).collect();
    times.extend((back..NOW).step_by(60));
    own(state, times.iter().copied());
    let (reply, status) = import(&cluster);
    assert_eq!(status, Some(0), "{reply}");
    let reader = Reader::open(state).unwrap();
    let all = reader.guest_history(100, NOW - 90 * DAY..NOW).unwrap().series(GuestMetric::Cpu);
    for bucket in all.iter().filter(|b| b.seconds == 0) {
        let own = times.contains(&bucket.start);
        assert_eq!(own, close(bucket.avg, 0.99), "{bucket:?}");
        let near = times.iter().map(|t| (t - bucket.start).abs()).min().unwrap();
        assert!(own || near >= 270, "an import between own samples: {bucket:?}");
    }
    let within = |from: i64, to: i64| all.iter().filter(|b| (from..to).contains(&b.start)).count();
    assert_eq!(within(first, gap) + within(back, NOW), times.len());
    assert!((160..=176).contains(&within(gap, back)), "{}", within(gap, back));
    assert!(all[0].start < NOW - 11 * DAY, "the guest of today has the history of the file");
    let (again, _) = import(&cluster);
    assert_eq!(again["ticks"], json!(0), "{again}");
    // The hours with own samples are rolled from these.
    let hours =
        reader.fleet(first..gap, Resolution::Hourly, pve_foresight::store::Detail::Full).unwrap();
    let guest = hours.guest(100).unwrap();
    for bucket in hours.guest_table.buckets(guest, GuestMetric::Cpu).take(1) {
        assert_eq!((bucket.count, close(bucket.avg, 0.99)), (60, true), "{bucket:?}");
    }
}

/// What is stored of the last two days, as JSON lines by time.
fn exported(state: &Path) -> BTreeMap<i64, String> {
    let args = ["export", "--format", "jsonl", "--hours", "47", "--state", state.to_str().unwrap()];
    let text = String::from_utf8(run(&args, NOW).stdout).unwrap();
    let time = |line: &str| serde_json::from_str::<Value>(line).unwrap()["ts"].as_i64().unwrap();
    text.lines().map(|line| (time(line), line.to_string())).collect()
}

/// A file of PVE 8 has rows of three hours where one of PVE 9 has half hours: in the middle of such a row the second import
/// still knows that its node was there.
#[test]
fn an_import_that_was_broken_off_goes_on_with_the_same_ticks() {
    let Some(cluster) = cluster(12) else { return };
    let (reply, status) = import(&cluster);
    assert_eq!(status, Some(0), "{reply}");
    let whole = exported(&cluster.state);
    assert!(whole.len() > 1_400, "{}", whole.len());
    for stored in [1, 3, 20, 45, 60] {
        fs::remove_dir_all(&cluster.state).unwrap();
        append(
            &cluster.state,
            &whole.values().take(stored).cloned().collect::<Vec<_>>().join("\n"),
        );
        let (reply, status) = import(&cluster);
        assert_eq!(status, Some(0), "{reply}");
        let there = exported(&cluster.state);
        let odd = there.iter().find(|(ts, line)| whole.get(ts) != Some(line));
        assert_eq!(
            odd,
            None,
            "after {stored} ticks; the whole has {:?}",
            odd.map(|(ts, _)| whole.get(ts))
        );
        assert!(there.len() + BESIDE >= whole.len(), "{} of {}", there.len(), whole.len());
    }
}

/// The package is purged while a task of the API imports: what root would make then, nobody would remove.
#[test]
fn a_state_directory_that_is_removed_meanwhile_is_not_made_again() {
    let Some(cluster) = cluster(12) else { return };
    let Cluster { root, inventory, state, .. } = &cluster;
    fs::create_dir(state).unwrap();
    let request = ImportRequest {
        now: Some(NOW),
        inventory: Some(inventory.clone()),
        source: ImportSource::Rrd(root.clone()),
    };
    let purge = &mut |_| {
        let _ = fs::remove_dir_all(state);
        Ok(())
    };
    let error = Engine::new(state).import(&request, purge).unwrap_err().to_string();
    assert!(error.contains("removed while the import ran"), "{error}");
    assert!(!state.exists());
}

#[test]
fn history_is_imported_as_far_back_as_the_store_keeps_it() {
    for (kept, oldest) in [(365, 99), (30, 30)] {
        let Some((cluster, _)) = imported() else { return };
        let state = tempfile::tempdir().unwrap();
        let retention = Retention { six_hourly_days: kept, ..Retention::default() };
        Writer::open(state.path()).unwrap().keep(retention).unwrap();
        let (reply, status) = import_into(state.path(), cluster);
        assert_eq!(status, Some(0), "{reply}");
        let days = (NOW - reply["from"].as_i64().unwrap()) / DAY;
        assert!((oldest - 1..=oldest).contains(&days), "{days} of {kept}");
        let reader = Reader::open(state.path()).unwrap();
        let stored = reader.guest_history(100, NOW - 120 * DAY..NOW).unwrap();
        let first = stored.series(GuestMetric::Cpu)[0].start;
        assert!((NOW - first) / DAY >= oldest - 1, "{}", (NOW - first) / DAY);
    }
}

#[test]
fn files_that_cannot_be_used_are_named_and_the_others_go_on() {
    let Some(cluster) = cluster(12) else { return };
    let Cluster { root, state, .. } = &cluster;
    let cut = root.join("pve2-vm/101");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(root.join("pve2-node/beta"), "not what it should be").unwrap();
    fs::write(root.join("pve-storage-9.0/alpha/local"), "").unwrap();
    let (reply, status) = import(&cluster);
    assert_eq!((status, &reply["refused"]), (Some(3), &json!(3)), "{reply}");
    let warnings = reply["warnings"].to_string();
    for name in ["pve2-vm/101", "pve2-node/beta", "pve-storage-9.0/alpha/local"] {
        assert!(warnings.contains(name), "{name}: {warnings}");
    }
    assert_eq!((&reply["nodes"], &reply["guests"]), (&json!(1), &json!(3)));
    // Damage in the values only: read as what it says, never a panic, never a refused tick.
    let odd = root.join("pve-vm-9.0/100");
    let mut bytes = fs::read(&odd).unwrap();
    let end = bytes.len();
    for (at, byte) in bytes[end - 400_000..].iter_mut().enumerate().filter(|(at, _)| at % 7 == 0) {
        *byte ^= at as u8;
    }
    fs::write(&odd, &bytes).unwrap();
    fs::remove_dir_all(state).unwrap();
    let (reply, _) = import(&cluster);
    assert!(reply["ticks"].as_u64().unwrap() > 1_900, "{reply}");
}

#[test]
fn what_is_missing_is_said_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let state = state.to_str().unwrap();
    let nowhere = dir.path().join("nowhere");
    let inventory = dir.path().join("inventory.json");
    fs::write(&inventory, r#"{"nodes": [{"name": "a"}]}"#).unwrap();
    let refused = |args: &[&str], hint: &str| {
        let output = run(args, NOW);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(hint), "{hint}: {text}");
    };
    let (root, file) = (nowhere.to_str().unwrap(), inventory.to_str().unwrap());
    refused(&["import", "rrd", "--root", root, "--inventory", file, "--state", state], "nowhere");
    let root = dir.path().to_str().unwrap();
    refused(
        &["import", "rrd", "--root", root, "--inventory", file, "--state", state],
        "pve-node-9.0",
    );
    if !Path::new("/etc/pve").exists() {
        refused(&["import", "rrd", "--root", root, "--state", state], "--inventory");
    }
    assert!(!Path::new(state).exists(), "a failed import leaves nothing behind");
}
