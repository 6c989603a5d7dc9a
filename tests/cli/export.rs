//! What leaves the store for other programs, and what `verify` and `stats` say of it.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const NOW: i64 = 1_700_092_800;

fn foresight(args: &[&str], state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pve-foresight"));
    command.args(args).args(["--state", state.to_str().unwrap(), "--now", &NOW.to_string()]);
    command.stdin(Stdio::null()).env("TZ", "UTC");
    command
}

fn run(args: &[&str], state: &Path) -> Output {
    foresight(args, state).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A tick of one node and two guests, the second stopped and with an awkward name.
fn tick(ts: i64) -> Value {
    let x = (ts / 60 % 17) as f64 / 17.0;
    json!({"ts": ts,
        "nodes": [{"name": "pve1", "maxcpu": 16, "cpu": x, "iowait": x / 50.0, "load_avg": x * 16.0,
            "maxmem": 68_719_476_736_u64, "mem": 20e9 + x * 1e9, "guest_count": 1,
            "storage": [{"id": "local", "total": 1e12, "used": 3e11}]}],
        "guests": [
            {"vmid": 100, "type": "qemu", "name": "web", "node": "pve1", "status": "running", "created": 1_600_000_000,
             "maxcpu": 4, "cpu": x / 2.0, "maxmem": 8_589_934_592_u64, "mem": 2e9, "net_in_bps": x * 1e6},
            {"vmid": 101, "type": "lxc", "name": "a \"b\"\\c", "node": "pve1", "status": "stopped",
             "maxcpu": 2, "cpu": 0.0, "maxmem": 1_073_741_824}]})
}

fn append(state: &Path, lines: &str) -> Value {
    let mut child = foresight(&["append", "--jsonl", "--json"], state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A store of the last `hours`, a tick a minute, and its folder.
fn store(hours: i64) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let times = (NOW - hours * 3_600..NOW).step_by(60);
    let lines: String = times.map(|ts| tick(ts).to_string() + "\n").collect();
    assert_eq!(append(&state, &lines)["appended"], json!(hours * 60));
    (dir, state)
}

#[test]
fn exported_ticks_can_be_appended_and_exported_again() {
    let (dir, state) = store(3);
    let first = text(&run(&["export", "--format", "jsonl"], &state));
    assert_eq!(first.lines().count(), 180);
    let times: Vec<i64> = first
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["ts"].as_i64().unwrap())
        .collect();
    assert!(times.is_sorted());
    let copy = dir.path().join("copy");
    assert_eq!(
        append(&copy, &first),
        json!({"appended": 180, "duplicates": 0, "rejected": 0, "errors": []})
    );
    let second = text(&run(&["export", "--format", "jsonl"], &copy));
    assert_eq!(first, second, "values survive, however often they go round");
    let line: Value = serde_json::from_str(first.lines().last().unwrap()).unwrap();
    let given = tick(NOW - 60);
    for field in ["vmid", "type", "name", "node", "status", "maxcpu", "maxmem"] {
        assert_eq!(
            line["guests"][1][field].to_string().trim_end_matches(".0"),
            given["guests"][1][field].to_string(),
            "{field}"
        );
    }
    assert_eq!(line["guests"][0]["created"], json!(1_600_000_000));
    assert_eq!(line["guests"][1].get("mem"), None, "absent stays absent");
    let one =
        text(&run(&["export", "--format", "jsonl", "--guest", "100", "--hours", "1"], &state));
    assert_eq!(one.lines().count(), 60);
    let line: Value = serde_json::from_str(one.lines().next().unwrap()).unwrap();
    assert_eq!(
        (line["nodes"].as_array().unwrap().len(), line["guests"].as_array().unwrap().len()),
        (0, 1)
    );
}

#[test]
fn the_table_has_who_was_gone_by_its_end() {
    let (_dir, state) = store(1);
    let mut late = tick(NOW - 30);
    late["nodes"] = json!([{"name": "pve2", "cpu": 0.5}]);
    late["guests"] = json!([]);
    append(&state, &late.to_string());
    let table = text(&run(&["export", "--format", "csv", "--hours", "1"], &state));
    let who: BTreeSet<&str> =
        table.lines().skip(1).map(|l| l.split(",cpu,").next().unwrap()).collect();
    for gone in ["node,pve1", "guest,100", "node,pve2"] {
        assert!(who.contains(gone), "{gone} in {who:?}");
    }
    let cpu = |who: &str| table.lines().filter(|l| l.starts_with(&format!("{who},cpu,"))).count();
    assert_eq!((cpu("node,pve1"), cpu("guest,100"), cpu("node,pve2")), (60, 60, 1));
}

#[test]
fn the_table_has_a_row_for_each_metric_and_bucket() {
    let (_dir, state) = store(3);
    let table = text(&run(&["export", "--format", "csv", "--hours", "2"], &state));
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let head = "type,id,metric,unit,start,seconds,count,min,avg,p95,max";
    assert_eq!(table.lines().next(), Some(head));
    let (mut entities, mut rows) = (BTreeSet::new(), 0);
    for record in reader.records() {
        let record = record.unwrap();
        let number = |at: usize| record[at].parse::<f64>().unwrap();
        let numbers: Vec<f64> = (7..11).map(number).collect();
        assert!(numbers[0] <= numbers[1] && numbers[1] <= numbers[3], "{record:?}");
        entities.insert((record[0].to_string(), record[1].to_string()));
        if &record[2] == "cpu" && &record[0] == "node" {
            rows += 1;
            let given = tick(number(4) as i64)["nodes"][0]["cpu"].as_f64().unwrap();
            assert!((numbers[1] - given).abs() < 1e-3, "{record:?}");
            assert_eq!((&record[3], &record[5], &record[6]), ("fraction", "0", "1"));
        }
    }
    assert_eq!((entities.len(), rows), (3, 120));
    let node = text(&run(&["export", "--format", "csv", "--node", "pve1"], &state));
    assert!(node.lines().skip(1).all(|line| line.starts_with("node,pve1,")), "{node}");
    assert!(node.contains(",load_avg,number,") && !node.contains("guest,"));
}

#[test]
fn a_scraper_gets_valid_families() {
    let (_dir, state) = store(1);
    let page = text(&run(&["export", "--format", "openmetrics"], &state));
    assert!(page.ends_with("\n# EOF\n"), "{page}");
    let (mut family, mut seen) = (String::new(), BTreeSet::new());
    for line in page.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (what, name, value) = (words.next(), words.next().unwrap(), words.next().unwrap());
            match what {
                Some("TYPE") => {
                    assert!(seen.insert(name.to_string()), "{name} twice");
                    assert_eq!(value, "gauge");
                    family = name.to_string();
                }
                Some("UNIT") => {
                    assert!(name == family && name.ends_with(&format!("_{value}")), "{line}")
                }
                Some("HELP") => assert!(name == family && !value.is_empty(), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, rest) = line.split_once('{').unwrap();
        assert_eq!(name, family);
        let (labels, rest) = rest.rsplit_once("} ").unwrap();
        assert!(labels.contains("node=\"pve1\""), "{line}");
        let (value, time) = rest.split_once(' ').unwrap();
        assert!(value.parse::<f64>().unwrap().is_finite());
        assert_eq!(time, (NOW - 60).to_string());
    }
    for name in
        ["node_cpu_ratio", "node_guests", "guest_net_in_bytes_per_second", "guest_memory_ratio"]
    {
        assert!(seen.contains(&format!("pve_foresight_{name}")), "{name}: {seen:?}");
    }
    assert!(page.contains(r#"vmid="101",name="a \"b\"\\c",node="pve1""#), "{page}");
}

#[test]
fn what_is_not_stored_is_said() {
    let (dir, state) = store(1);
    for format in ["csv", "jsonl", "openmetrics"] {
        let output = run(&["export", "--format", format, "--guest", "777"], &state);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert!(text.contains("guest 777") && text.contains("quality"), "{text}");
    }
    for args in [&["verify"][..], &["stats"], &["export", "--format", "csv"]] {
        let output = run(args, &dir.path().join("nowhere"));
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("no metrics store here"), "{text}");
    }
    assert_eq!(run(&["export"], &state).status.code(), Some(2), "a format must be named");
}

#[test]
fn verify_finds_a_flipped_byte_and_says_where() {
    let (_dir, state) = store(8);
    let clean = run(&["verify", "--json"], &state);
    let reply: Value = serde_json::from_slice(&clean.stdout).unwrap();
    assert_eq!((clean.status.code(), &reply["clean"]), (Some(0), &json!(true)), "{reply}");
    let folder = state.join("hour");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let original = fs::read(&file).unwrap();
    for at in [original.len() / 2, original.len() - 3] {
        let mut bytes = original.clone();
        bytes[at] ^= 0x10;
        fs::write(&file, &bytes).unwrap();
        let output = run(&["verify", "--json"], &state);
        let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &reply["clean"]), (Some(3), &json!(false)), "{at}");
        let finding = &reply["findings"][0];
        assert_eq!(finding["file"], json!(file));
        let offset = finding["offset"].as_u64().unwrap() as usize;
        let bytes = finding["bytes"].as_u64().unwrap() as usize;
        assert!((offset..offset + bytes).contains(&at), "{at}: {finding}");
        let output = run(&["verify"], &state);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(file.to_str().unwrap()) && text.contains("damage found"), "{text}");
    }
}

#[test]
fn verify_tells_what_is_lost_and_what_is_not() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, state) = store(8);
    let files = |tier: &str| {
        let entries = fs::read_dir(state.join(tier)).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        files.sort();
        files
    };
    let told = || {
        let json = run(&["verify", "--json"], &state);
        let reply: Value = serde_json::from_slice(&json.stdout).unwrap();
        let text = run(&["verify"], &state);
        assert_eq!((json.status.code(), text.status.code()), (Some(3), Some(3)), "{reply}");
        (reply, String::from_utf8(text.stdout).unwrap())
    };
    // A byte of a roster, whose spare part rebuilds it.
    let file = files("hour")[0].clone();
    let original = fs::read(&file).unwrap();
    let name = original.windows(4).position(|bytes| bytes == b"pve1").unwrap();
    let mut bytes = original.clone();
    bytes[name] ^= 0x10;
    fs::write(&file, bytes).unwrap();
    let (reply, text) = told();
    assert_eq!(reply["findings"][0]["kind"], json!("mended"), "{reply}");
    assert!(text.contains("nothing lost by it") && !text.contains("left out"), "{text}");
    fs::write(&file, original).unwrap();
    // Only in the newest file a writer may be at work.
    let raw = files("raw");
    for (file, kind, said) in [
        (&raw[0], "truncated", "(its end is lost"),
        (&raw[raw.len() - 1], "unfinished", "(a writer is at work"),
    ] {
        let original = fs::read(file).unwrap();
        fs::write(file, &original[..original.len() - 5]).unwrap();
        let (reply, text) = told();
        assert_eq!(reply["findings"][0]["kind"], json!(kind), "{reply}");
        assert!(text.contains(said), "{text}");
        fs::write(file, original).unwrap();
    }
    // For root all can be read.
    fs::set_permissions(&raw[0], PermissionsExt::from_mode(0o000)).unwrap();
    if fs::read(&raw[0]).is_err() {
        let (reply, text) = told();
        assert_eq!(reply["findings"][0]["kind"], json!("unreadable"), "{reply}");
        assert!(text.contains("Permission denied") && !text.contains("damage"), "{text}");
    }
}

#[test]
fn stats_add_up_to_what_is_on_disk() {
    let (_dir, state) = store(8);
    let reply: Value = serde_json::from_str(&text(&run(&["stats", "--json"], &state))).unwrap();
    let size = |folder: &str| {
        let files = fs::read_dir(state.join(folder)).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    let all = size("raw") + size("hour") + size("six");
    assert_eq!(reply["bytes"], json!(all));
    assert_eq!((&reply["nodes"], &reply["guests"]), (&json!(1), &json!(2)));
    assert_eq!(reply["tiers"][0]["rows"], json!(480));
    assert_eq!(reply["bytes_per_entity"], json!(all as f64 / 3.0));
    let table = text(&run(&["stats"], &state));
    assert!(table.contains("six-hourly") && table.contains("1 node and 2 guests"), "{table}");
}

#[test]
fn a_tick_without_anybody_is_refused_and_keeps_no_other_out() {
    let dir = tempfile::tempdir().unwrap();
    let reply = append(dir.path(), &format!("{{\"ts\":{NOW}}}\n{}\n", tick(NOW)));
    assert_eq!(
        (&reply["appended"], &reply["duplicates"], &reply["rejected"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let message = reply["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("neither a node nor a guest"), "{message}");
}
