//! RRD files made by rrdtool, in PVE's layouts, read back and compared with what rrdtool says.

use super::skip_support::skip;
use pve_foresight::collect::{
    Archive, Function, RrdFile, Subject, guest_sample, history_bytes, history_files, node_sample,
    parse, storage_sample,
};
use pve_foresight::error::Kind;
use pve_foresight::model::{GuestMetric, Metric, NodeMetric};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

const START: i64 = 1_700_000_000 - 1_700_000_000 % 86_400;
/// Minutes of updates: more than a day, so that the finest archives have turned over.
const MINUTES: i64 = 1_700;

const NODE: &str = "loadavg maxcpu cpu iowait memtotal memused swaptotal swapused roottotal rootused netin! netout!";
const NODE9: &str = " memavailable arcsize pressurecpusome pressureiosome pressureiofull pressurememorysome pressurememoryfull";
const GUEST: &str = "maxcpu cpu maxmem mem maxdisk disk netin! netout! diskread! diskwrite!";
const GUEST9: &str = " memhost pressurecpusome pressurecpufull pressureiosome pressureiofull pressurememorysome pressurememoryfull";
const STORAGE: &str = "total used";
const ARCHIVES8: [(i64, i64); 5] = [(1, 70), (30, 70), (180, 70), (720, 70), (10080, 70)];
const ARCHIVES9: [(i64, i64); 4] = [(1, 1440), (30, 1440), (360, 1440), (10080, 570)];

/// A file as pmxcfs creates it: sources (`!` marks counters) and archives as AVERAGE and MAX.
fn create(path: &Path, sources: &str, archives: &[(i64, i64)]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut command = Command::new("rrdtool");
    command.arg("create").arg(path).args(["--step", "60", "--start", &START.to_string()]);
    for source in sources.split_whitespace() {
        let kind = if source.ends_with('!') { "DERIVE" } else { "GAUGE" };
        command.arg(format!("DS:{}:{kind}:120:0:U", source.trim_end_matches('!')));
    }
    for function in ["AVERAGE", "MAX"] {
        for (steps, rows) in archives {
            command.arg(format!("RRA:{function}:0.5:{steps}:{rows}"));
        }
    }
    assert!(command.status().unwrap().success());
    update(path, sources);
}

/// Updates each minute, some seconds late, with an hour missing, unknowns and a counter reset.
fn update(path: &Path, sources: &str) {
    let sources: Vec<&str> = sources.split_whitespace().collect();
    let line = |minute: i64| {
        let mut text = (START + minute * 60 + minute % 7).to_string();
        for (column, source) in sources.iter().enumerate() {
            let wave = (minute as f64 / 97.0 + column as f64).sin() + 1.5;
            let since = if minute > 900 { minute - 900 } else { minute };
            text += &match source {
                _ if minute % 53 == 0 => ":U".to_string(),
                s if s.ends_with('!') => format!(":{}", since * 6_000 * (column as i64 + 1)),
                s if s.contains("total") || s.starts_with("max") => format!(":{}", 1_i64 << 33),
                s if s.starts_with("mem") || s.contains("used") => {
                    format!(":{}", (wave * 1e9) as i64)
                }
                _ => format!(":{:.6}", wave / 4.0),
            };
        }
        text
    };
    let minutes: Vec<i64> = (1..=MINUTES).filter(|m| !(400..460).contains(m)).collect();
    for some in minutes.chunks(400) {
        let status = Command::new("rrdtool")
            .arg("update")
            .arg(path)
            .args(some.iter().map(|m| line(*m)))
            .status();
        assert!(status.unwrap().success());
    }
}

/// The tree of a node that was upgraded from PVE 8 to 9, made once; `None` without rrdtool.
fn tree() -> Option<&'static Path> {
    static TREE: OnceLock<Option<TempDir>> = OnceLock::new();
    let make = || {
        if Command::new("rrdtool").arg("--version").output().is_err() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        create(&at("pve2-node/old"), NODE, &ARCHIVES8);
        create(&at("pve-node-9.0/new"), &(NODE.to_string() + NODE9), &ARCHIVES9);
        create(&at("pve2-vm/100"), GUEST, &ARCHIVES8);
        create(&at("pve-vm-9.0/101"), &(GUEST.to_string() + GUEST9), &ARCHIVES9);
        create(&at("pve2-storage/old/local"), STORAGE, &ARCHIVES8);
        create(&at("pve-storage-9.0/new/local"), STORAGE, &ARCHIVES9);
        for (from, to) in [
            ("pve2-node/old", "pve2-node/new"),
            ("pve2-node/old", "pve2-node/new.old"),
            ("pve2-vm/100", "pve2-vm/101"),
            ("pve2-vm/100", "pve2-vm/102.old"),
        ] {
            fs::copy(at(from), at(to)).unwrap();
        }
        Some(folder)
    };
    let tree = TREE.get_or_init(make).as_ref().map(TempDir::path);
    if tree.is_none() {
        skip("rrdtool", "rrdtool is absent (apt-get install rrdtool)");
    }
    tree
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn same(ours: Option<f64>, theirs: &str) -> bool {
    let theirs = theirs.parse::<f64>().ok().filter(|x| x.is_finite());
    match (ours, theirs) {
        (Some(a), Some(b)) => (a - b).abs() <= a.abs() * 1e-9,
        (a, b) => a == b,
    }
}

#[test]
fn every_value_is_what_rrdtool_dumps() {
    let Some(tree) = tree() else { return };
    let files = history_files(tree).unwrap().0.into_iter();
    for (name, path) in files.map(|(subject, mut paths)| (subject, paths.remove(0))) {
        let bytes = history_bytes(&path).unwrap();
        let file = parse::rrd_file(&bytes).unwrap();
        let dump = output(Command::new("rrdtool").arg("dump").arg(&path));
        let parts: Vec<&str> = dump.split("<database>").skip(1).collect();
        assert_eq!(parts.len(), file.archives.len(), "{name:?}");
        for (archive, part) in file.archives.iter().zip(parts) {
            let rows: Vec<&str> = part.lines().filter(|l| l.contains("<row>")).collect();
            assert_eq!(rows.len(), archive.len());
            for (index, (end, row)) in archive.times().zip(rows).enumerate() {
                assert!(row.contains(&format!("/ {end} -->")), "{name:?} {end}: {row}");
                let values = row.split("<v>").skip(1).map(|v| v.split('<').next().unwrap());
                for (source, text) in values.enumerate() {
                    let ours = archive.value(index, source);
                    assert!(same(ours, text), "{name:?} {end}: {ours:?}, rrdtool {text}");
                }
            }
        }
    }
}

#[test]
fn every_archive_is_what_rrdtool_fetches() {
    let Some(tree) = tree() else { return };
    let files = history_files(tree).unwrap().0.into_iter();
    for (name, path) in files.map(|(subject, mut paths)| (subject, paths.remove(0))) {
        let bytes = history_bytes(&path).unwrap();
        let file = parse::rrd_file(&bytes).unwrap();
        let mut fetched = 0;
        for archive in &file.archives {
            let function = if archive.function == Function::Max { "MAX" } else { "AVERAGE" };
            let times: Vec<i64> = archive.times().collect();
            let text =
                output(Command::new("rrdtool").arg("fetch").arg(&path).arg(function).args([
                    "--resolution",
                    &archive.seconds.to_string(),
                    "--start",
                    &(times[0] - archive.seconds).to_string(),
                    "--end",
                    &(times[times.len() - 1] - archive.seconds).to_string(),
                ]));
            let rows: BTreeMap<i64, Vec<&str>> = text
                .lines()
                .filter_map(|line| line.split_once(':'))
                .map(|(time, values)| (time.parse().unwrap(), values.split_whitespace().collect()))
                .collect();
            for (index, end) in times.iter().enumerate() {
                let row = rows.get(end).unwrap_or_else(|| panic!("{name:?}: no row {end}"));
                for (source, text) in row.iter().enumerate() {
                    let ours = archive.value(index, source);
                    assert!(same(ours, text), "{name:?} {end}: {ours:?}, rrdtool {text}");
                }
                fetched += 1;
            }
        }
        assert!(fetched >= 700, "{name:?}: {fetched}");
    }
}

#[test]
fn files_of_pve9_go_before_those_of_pve8() {
    let Some(tree) = tree() else { return };
    let (files, warnings) = history_files(tree).unwrap();
    assert_eq!(warnings, []);
    let both = &files[&Subject::Guest(101)];
    assert!(both[1].ends_with("pve2-vm/101"), "{both:?}");
    let found: Vec<(Subject, PathBuf)> = files
        .into_iter()
        .map(|(subject, paths)| (subject, paths[0].strip_prefix(tree).unwrap().to_path_buf()))
        .collect();
    let storage = |node: &str| Subject::Storage(node.into(), "local".into());
    let want = [
        (Subject::Node("new".into()), "pve-node-9.0/new"),
        (Subject::Node("old".into()), "pve2-node/old"),
        (Subject::Guest(100), "pve2-vm/100"),
        (Subject::Guest(101), "pve-vm-9.0/101"),
        (storage("new"), "pve-storage-9.0/new/local"),
        (storage("old"), "pve2-storage/old/local"),
    ]
    .map(|(subject, path)| (subject, PathBuf::from(path)));
    assert_eq!(found, want);
}

/// Rows of the archives of one kind, finest first: seconds, first of them, and the sample that they are.
fn rows<S>(
    file: &RrdFile<'_>,
    function: Function,
    sample: impl Fn(&dyn Fn(&str) -> Option<f64>) -> S,
) -> Vec<(i64, i64, S)> {
    let mut archives: Vec<&Archive<'_>> =
        file.archives.iter().filter(|a| a.function == function).collect();
    archives.sort_by_key(|a| a.seconds);
    let mut rows = Vec::new();
    for archive in archives {
        for (row, end) in archive.times().enumerate() {
            let get = |name: &str| archive.value(row, file.sources.iter().position(|s| s == name)?);
            rows.push((archive.seconds, end - archive.seconds, sample(&get)));
        }
    }
    rows
}

#[test]
fn rows_become_samples_with_all_their_metrics() {
    let Some(tree) = tree() else { return };
    let read = |name: &str| history_bytes(&tree.join(name)).unwrap();
    for (name, metrics) in [("pve2-node/old", 7), ("pve-node-9.0/new", 14)] {
        let bytes = read(name);
        let file = parse::rrd_file(&bytes).unwrap();
        let averages = rows(&file, Function::Average, |get| node_sample("n", get));
        let finest = averages.iter().filter(|row| row.0 == 60);
        let (_, start, last) = finest.max_by_key(|row| row.1).unwrap();
        assert_eq!(*start, START + (MINUTES - 1) * 60, "{name}");
        assert_eq!(
            NodeMetric::ALL.iter().filter(|m| m.of(last).is_some()).count(),
            metrics,
            "{name}"
        );
    }
    for (name, metrics) in [("pve2-vm/100", 6), ("pve-vm-9.0/101", 13)] {
        let bytes = read(name);
        let file = parse::rrd_file(&bytes).unwrap();
        let of = |function| rows(&file, function, |get| guest_sample(100, get));
        let (averages, largest) = (of(Function::Average), of(Function::Max));
        assert_eq!(averages.len(), largest.len());
        for (average, max) in averages.iter().zip(&largest) {
            assert_eq!((average.0, average.1), (max.0, max.1));
            for metric in [GuestMetric::Cpu, GuestMetric::Memory, GuestMetric::DiskRead] {
                let (average, max) = (metric.of(&average.2), metric.of(&max.2));
                assert_eq!(average.is_some(), max.is_some(), "{name} {metric:?}");
                assert!(average <= max.map(|m| m * (1.0 + 1e-9)), "{name} {metric:?}");
            }
        }
        let has =
            |m: &&GuestMetric| averages.iter().any(|row| row.0 == 60 && m.of(&row.2).is_some());
        assert_eq!(GuestMetric::ALL.iter().filter(has).count(), metrics, "{name}");
        let gap = START + 430 * 60;
        let (.., hour) =
            averages.iter().find(|row| row.0 == 1_800 && row.1 == gap - gap % 1_800).unwrap();
        assert!(
            GuestMetric::ALL.iter().all(|m| m.of(hour).is_none()),
            "of the hour missing nothing is known"
        );
    }
    let bytes = read("pve-storage-9.0/new/local");
    let file = parse::rrd_file(&bytes).unwrap();
    let averages = rows(&file, Function::Average, |get| storage_sample("local", get));
    let last = averages.iter().rfind(|row| row.0 == 60).and_then(|row| row.2.as_ref()).unwrap();
    assert_eq!((last.id.as_str(), last.total.0), ("local", (1_i64 << 33) as f64));
}

#[test]
fn damaged_files_are_refused_and_never_panic() {
    let Some(tree) = tree() else { return };
    let bytes = history_bytes(&tree.join("pve2-vm/100")).unwrap();
    let headers = 128 + 10 * 120 + 10 * 120 + 16 + 10 * 112 + 100 * 80 + 80;
    for end in (0..headers).chain((headers..bytes.len()).step_by(97)) {
        let error = parse::rrd_file(&bytes[..end]).unwrap_err();
        assert_eq!(error.kind, Kind::Corrupt, "cut at {end}");
    }
    for at in 0..headers {
        for value in [0, 0x7f, 0xff] {
            let mut bad = bytes.clone();
            bad[at] = value;
            let Ok(file) = parse::rrd_file(&bad) else { continue };
            for archive in &file.archives {
                let last = archive.times().last().zip(archive.value(archive.len() - 1, 0));
                assert!(last.is_none_or(|(end, value)| end >= 0 && value.is_finite()));
                assert_eq!(archive.value(archive.len(), 0), None);
            }
            if at % 97 == 0 {
                let averages = rows(&file, Function::Average, |get| guest_sample(100, get));
                assert!(averages.iter().all(|row| row.0 > 0));
            }
        }
    }
}

#[test]
fn files_of_other_kinds_are_told_apart() {
    let mut header = b"RRD\x000003\0\0\0\0\0\0\0\0".to_vec();
    header.extend(8.642_135e130_f64.to_be_bytes());
    for (bytes, kind, hint) in [
        (&b""[..], Kind::Corrupt, "does not begin"),
        (b"<?xml version", Kind::Corrupt, "does not begin"),
        (b"RRD\x000009\0\0\0\0\0\0\0\0________", Kind::Unsupported, "version \"0009\""),
        (&header, Kind::Unsupported, "another kind of machine"),
    ] {
        let error = parse::rrd_file(bytes).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(hint), "{error}");
    }
}

#[test]
fn a_folder_without_history_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let error = history_files(empty.path()).unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert!(error.to_string().contains("pve-node-9.0"), "{error}");
}
