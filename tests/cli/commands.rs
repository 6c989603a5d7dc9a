//! The command line as other programs use it: names, formats and exit codes are contracts.

use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const NOW: i64 = 1_790_000_000;

fn foresight(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pve-foresight"));
    command.args(args).stdin(Stdio::null()).env("TZ", "UTC");
    command
}

fn run(args: &[&str]) -> Output {
    foresight(args).output().unwrap()
}

/// Asks about a state directory as of `now`, in the words of `question`.
fn ask(state: &Path, now: i64, question: &str) -> Output {
    ask_with(state, now, question, &[])
}

/// The same with more arguments, which may have spaces.
fn ask_with(state: &Path, now: i64, question: &str, more: &[&str]) -> Output {
    let words: Vec<&str> = question.split_whitespace().collect();
    run(&[&words[..], more, &["--state", text(state), "--now", &now.to_string()]].concat())
}

fn feed(args: &[&str], input: &[u8]) -> Output {
    let mut command = foresight(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A child that refuses its input early closes the pipe.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn value(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", stdout(output)))
}

/// A tick of two nodes and three guests, with `cpu` of guest 101 in cores of its eight.
fn tick(ts: i64, hot: f64) -> String {
    let guest = |vmid: u32, node: &str, cores: f64| {
        json!({"vmid": vmid, "type": "qemu", "name": format!("g{vmid}"), "node": node, "status": "running",
               "maxcpu": 8, "cpu": cores / 8.0, "maxmem": 8u64 << 30, "mem": 4u64 << 30,
               "disk_read_bps": 0, "disk_write_bps": 1000, "net_in_bps": 10, "net_out_bps": 10})
    };
    let node = |name: &str, cores: f64| {
        json!({"name": name, "online": true, "maxcpu": 16, "cpu": cores / 16.0, "iowait": 0.01, "load_avg": cores,
               "maxmem": 64u64 << 30, "mem": 20u64 << 30,
               "storage": [{"id": "local", "total": 1000, "used": 300}], "of_the_future": {"x": 1}})
    };
    json!({"ts": ts, "nodes": [node("pve1", 0.3 + hot + 6.0), node("pve2", 0.3 + 2.0)],
           "guests": [guest(101, "pve1", hot), guest(102, "pve1", 6.0), guest(103, "pve2", 2.0)]})
    .to_string()
}

/// A state directory with `days` of ticks every ten minutes.
fn state(days: i64, hot: impl Fn(i64) -> f64) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let lines: Vec<String> = (0..days * 144)
        .map(|i| NOW - (days * 144 - 1 - i) * 600)
        .map(|ts| tick(ts, hot(ts)))
        .collect();
    let output =
        feed(&["append", "--jsonl", "--json", "--state", text(&path)], lines.join("\n").as_bytes());
    assert_eq!(value(&output)["appended"], json!(days * 144));
    (dir, path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let help = stdout(&run(&["--help"]));
    let commands = "collect append compress history quality trend recommend outcomes explain drain report \
                    backtest import export verify stats status settings doctor simulate demo";
    for word in commands.split(' ').chain(["Exit status"]) {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(run(&["no-such-command"]).status.code(), Some(2));
}

#[test]
fn append_takes_ticks_all_or_nothing_and_says_how_many() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("s");
    let bad_guest = tick(NOW + 60, 1.0).replace("\"vmid\":103", "\"vmid\":101");
    let negative = tick(NOW + 120, 1.0).replace("\"iowait\":0.01", "\"iowait\":-0.5");
    let input = [
        tick(NOW, 1.0),
        bad_guest,
        "{\"ts\":".into(),
        negative,
        tick(NOW, 1.0),
        tick(NOW + 180, 1.0),
        String::new(),
    ];
    let output = feed(
        &["append", "--jsonl", "--json", "--state", text(&state)],
        input.join("\n").as_bytes(),
    );
    assert_eq!(output.status.code(), Some(3), "done, but some input was refused");
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&reply["appended"], &reply["duplicates"], &reply["rejected"]),
        (&json!(2), &json!(1), &json!(3))
    );
    let errors = reply["errors"].as_array().unwrap();
    assert_eq!(errors[0]["line"], json!(2));
    assert!(errors[0]["message"].as_str().unwrap().contains("guest 101 occurs twice"));
    assert!(errors[2]["message"].as_str().unwrap().contains("iowait"));
}

#[test]
fn append_says_how_many_ticks_came_too_late() {
    let (_dir, state) = state(5, |_| 1.0);
    let hour = (NOW - 4 * 86_400).div_euclid(3_600) * 3_600;
    let append = |times: &[i64], more: &[&str]| {
        let input: Vec<String> = times.iter().map(|ts| tick(*ts, 2.0)).collect();
        let args = [&["append", "--jsonl", "--state", text(&state)], more].concat();
        feed(&args, input.join("\n").as_bytes())
    };
    let reply = value(&append(&[hour + 17, NOW + 60, hour + 77], &["--json"]));
    assert_eq!((&reply["appended"], &reply["late"]), (&json!(1), &json!(2)), "{reply}");
    let output = append(&[hour + 27, NOW + 60], &[]);
    assert!(output.status.success());
    let said = stdout(&output);
    assert!(said.starts_with("0 ticks appended, 1 known already, 0 refused, 1 too late"), "{said}");
}

#[test]
fn a_line_of_a_gigabyte_is_refused_and_the_next_one_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("s");
    let mut input = vec![b'x'; 100 << 20];
    input.push(b'\n');
    input.extend(tick(NOW, 1.0).bytes());
    let output = feed(&["append", "--jsonl", "--json", "--state", text(&state)], &input);
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&reply["appended"], &reply["rejected"]), (&json!(1), &json!(1)));
    assert!(reply["errors"][0]["message"].as_str().unwrap().contains("longer than"));
}

#[test]
fn recommend_decides_from_the_store_alone() {
    let (_dir, state) = state(8, |_| 7.5);
    let recommend = || ask(&state, NOW, "recommend --json");
    let reply = value(&recommend());
    assert_eq!(reply["now"], json!(NOW));
    let names: Vec<&str> =
        reply["nodes"].as_array().unwrap().iter().map(|n| n["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pve1", "pve2"]);
    assert_eq!(
        (&reply["nodes"][0]["state"], &reply["nodes"][0]["urgency"]),
        (&json!("overloaded"), &json!("high"))
    );
    let r = &reply["recommendations"][0];
    assert_eq!(
        (&r["order"], &r["source"], &r["target"]),
        (&json!(1), &json!("pve1"), &json!("pve2"))
    );
    assert!(r["confidence"].as_f64().unwrap() >= 75.0);
    let sentence = r["decision_explanation"].as_str().unwrap();
    assert!(sentence.contains("pve1") && sentence.contains('%'), "{sentence}");
    let evidence = &r["trend_evidence"];
    for part in [
        "source_node_trend",
        "target_node_trend",
        "guest_trend",
        "decision_factors",
        "data_quality",
    ] {
        assert!(!evidence[part].is_null(), "{part}");
    }
    // Hot, but no trend: a slope by chance is none.
    assert_eq!(evidence["source_node_trend"]["cpu_trend"], json!("none"));
    assert!(reply["considered"].is_array() && reply["skipped"].is_array());
    assert!(reply["summary"].as_str().unwrap().contains("migration"));
    assert_eq!(recommend().stdout, recommend().stdout, "same input, same bytes");
}

#[test]
fn what_changed_since_an_earlier_answer_is_told() {
    let (dir, state) = state(8, |_| 7.5);
    let file = dir.path().join("earlier.json");
    let earlier = value(&ask(&state, NOW, "recommend --json"));
    let again = || ask_with(&state, NOW, "recommend --json", &["--since", text(&file)]);
    assert!(earlier.get("changes").is_none(), "only on request");
    let since = |earlier: &Value| {
        std::fs::write(&file, earlier.to_string()).unwrap();
        value(&again())["changes"].clone()
    };
    let vmid = &earlier["recommendations"][0]["vmid"];
    let same = since(&earlier);
    assert_eq!((&same["unchanged"], &same["since"]), (&json!(1), &json!(NOW)));
    assert_eq!(
        (&same["new"], &same["gone"], &same["other_target"]),
        (&json!([]), &json!([]), &json!([]))
    );

    let mut other = earlier.clone();
    other["recommendations"][0]["target"] = json!("pve9");
    let changed = since(&other);
    assert_eq!(changed["other_target"][0]["earlier_target"], json!("pve9"));
    assert_eq!(changed["other_target"][0]["target"], json!("pve2"));

    let mut none = earlier.clone();
    none["recommendations"] = json!([]);
    assert_eq!(&since(&none)["new"][0]["vmid"], vmid);

    let mut gone = earlier.clone();
    let moves = [(103, "pve1", "pve2"), (999, "pve1", "pve2")];
    gone["recommendations"] = moves
        .map(|(vmid, source, target)| json!({"vmid": vmid, "source": source, "target": target}))
        .into();
    let fates = &since(&gone)["gone"];
    assert_eq!(fates[0]["why"], json!("done: it is on pve2 now"));
    assert_eq!(fates[1]["why"], json!("is not in the cluster any more"));

    std::fs::write(&file, "[]").unwrap();
    let output = again();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("earlier.json"), "{}", stderr(&output));
}

#[test]
fn explain_tells_of_every_target() {
    let (_dir, state) = state(8, |_| 7.5);
    let explain = |more: &[&str]| ask_with(&state, NOW, "explain --json", more);
    let advised = value(&ask(&state, NOW, "recommend --json"));
    let vmid = advised["recommendations"][0]["vmid"].to_string();
    let reply = value(&explain(&["--guest", &vmid]));
    assert_eq!((&reply["verdict"], &reply["node"]), (&json!("recommended"), &json!("pve1")));
    let target = &reply["targets"][0];
    assert_eq!(
        (&target["node"], &target["feasible"], &target["worth"]),
        (&json!("pve2"), &json!(true), &json!(true))
    );
    let sum = |terms: &Value| -> f64 {
        terms.as_array().unwrap().iter().map(|t| t["points"].as_f64().unwrap()).sum()
    };
    let source = &reply["source"];
    assert!((sum(&source["terms"]) - source["score"].as_f64().unwrap()).abs() < 1e-6);
    assert!((sum(&target["terms"]) - target["score"].as_f64().unwrap()).abs() < 1e-6);
    assert_eq!(target["score_improvement"], advised["recommendations"][0]["score_improvement"]);
    assert!(target["command"].as_str().unwrap().starts_with("qm migrate"));

    // When to move it is said as the advice says it.
    let told = |question: &str| {
        let output = stdout(&ask(&state, NOW, question));
        let line = output.lines().find(|l| l.contains("local time: outside")).map(str::to_string);
        (line, output.lines().any(|l| l.ends_with(' ')))
    };
    let (advice, (window, trailing)) =
        (told("recommend").0, told(&format!("explain --guest {vmid}")));
    assert_eq!((window, trailing), (advice, false));

    // A calm guest on a calm node: possible, but nothing asks for it.
    let calm = value(&explain(&["--guest", "103", "--target", "pve1"]));
    assert_ne!(calm["verdict"], json!("recommended"));
    assert_eq!(calm["targets"].as_array().unwrap().len(), 1);

    for (args, message) in
        [(&["--guest", "7"][..], "guest 7"), (&["--guest", "103", "--target", "x"], "node 'x'")]
    {
        let output = explain(args);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
}

#[test]
fn drain_has_a_command_for_everybody() {
    let (_dir, state) = state(8, |_| 1.0);
    let reply = value(&ask(&state, NOW, "drain --json --node pve1"));
    assert_eq!(reply["complete"], json!(true), "{reply}");
    let steps = reply["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2);
    for step in steps {
        let command = step["command"].as_str().unwrap();
        assert_eq!(command, format!("qm migrate {} pve2 --online", step["vmid"]));
    }
    assert_eq!(ask(&state, NOW, "drain --json --node pve9").status.code(), Some(1));
}

#[test]
fn a_calm_cluster_gets_no_advice_and_hears_why() {
    let (_dir, state) = state(8, |_| 1.0);
    let reply = value(&ask(&state, NOW, "recommend --json"));
    assert_eq!(reply["recommendations"], json!([]));
    assert!(reply["summary"].as_str().unwrap().starts_with("Nothing to do"));
    assert_eq!(reply["skipped"].as_array().unwrap().len(), 3);
}

#[test]
fn an_inventory_file_adds_constraints() {
    let (dir, state) = state(8, |_| 7.5);
    let file = dir.path().join("inventory.json");
    let guest = |vmid: u32, node: &str| json!({"vmid": vmid, "node": node, "status": "running", "maxcpu": 8, "tags": ["ignore"]});
    let inventory = json!({
        "nodes": [{"name": "pve1", "online": true}, {"name": "pve2", "online": true}],
        "guests": [guest(101, "pve1"), guest(102, "pve1"), guest(103, "pve2")],
        "storages": {},
    });
    std::fs::write(&file, inventory.to_string()).unwrap();
    let recommend = || ask_with(&state, NOW, "recommend --json", &["--inventory", text(&file)]);
    let reply = value(&recommend());
    assert_eq!(reply["recommendations"], json!([]));
    let skipped = reply["skipped"].as_array().unwrap();
    let reason =
        skipped.iter().find(|s| s["vmid"] == json!(101)).unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("ignore"), "{reason}");
    for none in ["{\"guests\": 5}", "[]", "{}"] {
        std::fs::write(&file, none).unwrap();
        let output = recommend();
        assert_eq!(output.status.code(), Some(1), "{none}");
        let said = stderr(&output);
        assert!(said.contains("inventory.json") && said.contains("not an inventory"), "{said}");
    }
}

#[test]
fn trend_tells_of_nodes_and_guests() {
    let (_dir, state) = state(10, |ts| 2.0 + (ts - NOW) as f64 / 86_400.0 * 0.2 + 2.0);
    let all = value(&ask(&state, NOW, "trend --json"));
    assert_eq!(
        (all["nodes"].as_array().unwrap().len(), all["guests"].as_array().unwrap().len()),
        (2, 3)
    );
    let one = value(&ask(&state, NOW, "trend --json --guest 101"));
    let cpu = one["guests"][0]["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["metric"] == json!("cpu"))
        .unwrap()
        .clone();
    assert_eq!(cpu["direction"], json!("sustained_increase"), "{cpu}");
    let slope = cpu["slope_per_day"].as_f64().unwrap();
    assert!((slope - 0.2 / 8.0).abs() < 0.003, "{slope}");
    let node = value(&ask(&state, NOW, "trend --json --node pve1"))["nodes"][0].clone();
    let parts = node["growth"].as_array().unwrap().iter();
    let parts: Vec<&str> = parts.map(|g| g["metric"].as_str().unwrap()).collect();
    assert_eq!(parts, ["cpu"], "memory stands still: whose growth that is, is noise");
    let shown = stdout(&ask(&state, NOW, "trend --node pve1"));
    let load = shown.lines().find(|line| line.starts_with("load_avg")).unwrap();
    assert!(load.contains("↑ +0.") && load.contains("/day"), "a rate without percent: {load}");
    let output = ask(&state, NOW, "trend --json --node nowhere");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nowhere"));
    let refused = |question: &str| stderr(&ask(&state, NOW, question));
    let said = refused("trend --node pve1 --compare nowhere");
    assert!(
        said.contains("there is no node 'nowhere' in this cluster; its nodes are pve1 and pve2"),
        "{said}"
    );
    let said = refused("trend --guest 999");
    assert!(said.contains("there is no guest 999 in this cluster"), "{said}");
}

/// Two years can be asked for, since the settings can have a store keep them.
#[test]
fn a_window_that_is_longer_than_what_is_stored_is_cut_and_that_is_said() {
    let (_dir, state) = state(3, |_| 2.0);
    let reply = |hours: u32| value(&ask(&state, NOW, &format!("trend --json --lookback {hours}")));
    let (long, right) = (reply(17_520), reply(72));
    assert_eq!(long["nodes"][0]["lookback_hours"], json!(72));
    assert_eq!(right["nodes"][0]["lookback_hours"], json!(72));
    let said = "3.0 days are stored of the 730.0 days asked for";
    assert!(long["warnings"].to_string().contains(said), "{}", long["warnings"]);
    assert!(!right["warnings"].to_string().contains("asked for"), "{}", right["warnings"]);
    let level = |reply: &Value| reply["guests"][0]["metrics"][0]["level"].as_f64().unwrap();
    assert!((level(&long) - level(&right)).abs() < 0.01);
}

#[test]
fn trend_answers_raw_series_line_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("series.jsonl");
    let samples: Vec<(i64, f64)> =
        (0..336).map(|h| (NOW - (336 - h) * 3_600, 20.0 + h as f64 / 24.0 * 2.0)).collect();
    let line = json!({"id": "a", "unit": "percent", "metric": "cpu", "now": NOW, "lookback_hours": 168, "threshold": 80, "samples": samples});
    std::fs::write(
        &file,
        format!("{line}\nnot json\n{}\n", line.to_string().replace("\"a\"", "\"b\"")),
    )
    .unwrap();
    let output = run(&["trend", "--series", text(&file)]);
    assert_eq!(output.status.code(), Some(3));
    let lines: Vec<Value> =
        stdout(&output).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["id"], &lines[1]["id"]), (&json!("a"), &json!("b")));
    assert_eq!(lines[0]["label"], json!("sustained_increase"));
    assert!((lines[0]["slope_per_day"].as_f64().unwrap() - 2.0).abs() < 0.1);
    assert!(stderr(&output).contains("line 2"), "{}", stderr(&output));
}

#[test]
fn history_and_quality_read_what_was_stored() {
    let (_dir, state) = state(3, |_| 2.0);
    let history = value(&ask(&state, NOW, "history --json --node pve2 --hours 24"));
    let cpu = history["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["metric"] == json!("cpu"))
        .unwrap()
        .clone();
    let buckets = cpu["buckets"].as_array().unwrap();
    assert!(buckets.len() >= 143, "{}", buckets.len());
    assert!((buckets[0]["avg"].as_f64().unwrap() - 2.3 / 16.0).abs() < 1e-4);
    let shown = stdout(&ask(&state, NOW, "history --guest 101"));
    assert!(shown.contains('%') && shown.contains('│'), "{shown}");
    assert!(!shown.contains('·'), "{shown}");
    let holed = state.with_file_name("holed");
    let ends = [tick(NOW - 36_000, 2.0), tick(NOW, 2.0)].join("\n");
    feed(&["append", "--jsonl", "--state", text(&holed)], ends.as_bytes());
    let holed = stdout(&ask(&holed, NOW, "history --guest 101"));
    assert!(holed.contains("····"), "nothing known is not 0: {holed}");
    let stopped = state.with_file_name("stopped");
    let idle = json!({"ts": NOW, "nodes": [], "guests": [{"vmid": 101, "type": "qemu", "name": "g101",
        "node": "pve1", "status": "stopped"}]});
    feed(&["append", "--jsonl", "--state", text(&stopped)], idle.to_string().as_bytes());
    let idle = ask(&stopped, NOW, "history --guest 101 --hours 24");
    assert!(idle.status.success(), "{}", stderr(&idle));
    assert!(stdout(&idle).contains("no values of the last 24 hours"), "{}", stdout(&idle));
    let plot = shown.lines().take_while(|line| !line.contains("  to  "));
    assert!(plot.clone().count() > 10, "{shown}");
    for line in plot {
        assert!(line.chars().count() <= 80, "an ordinary terminal holds it: {line}");
    }
    let status = value(&ask(&state, NOW, "status --json"));
    assert_eq!((&status["store"], &status["last_sample"]), (&json!(true), &json!(NOW)));
    let listed = |now: i64| {
        let quality = value(&ask(&state, now, "quality --json"));
        let entities = quality["entities"].as_array().unwrap().iter();
        entities.map(|e| e["entity"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    let all = ["node pve1", "node pve2", "guest 101", "guest 102", "guest 103"];
    assert_eq!(listed(NOW), all);
    // Who is gone is still stored.
    let mut last: Value = serde_json::from_str(&tick(NOW + 600, 2.0)).unwrap();
    last["guests"].as_array_mut().unwrap().remove(0);
    feed(&["append", "--jsonl", "--state", text(&state)], last.to_string().as_bytes());
    assert_eq!(listed(NOW + 600), all);
}

#[test]
fn outcomes_of_what_was_stored_are_judged_in_tables_and_json() {
    let (_folder, state) = state(3, |_| 7.0);
    // Guest 101 leaves the hot node; ten minutes of it.
    let moved: String = (1..=3)
        .map(|i| {
            let mut tick: Value = serde_json::from_str(&tick(NOW + i * 300, 7.0)).unwrap();
            for guest in tick["guests"].as_array_mut().unwrap() {
                if guest["vmid"] == 101 {
                    guest["node"] = json!("pve2");
                }
            }
            format!("{tick}\n")
        })
        .collect();
    feed(&["append", "--jsonl", "--state", text(&state)], moved.as_bytes());
    let outcomes = |more: &str| ask(&state, NOW + 900, &format!("outcomes {more}"));
    let reply = value(&outcomes("--json"));
    let first = &reply["outcomes"][0];
    assert_eq!((&first["vmid"], &first["target"]), (&json!(101), &json!("pve2")), "{reply}");
    let windows = first["windows"].as_array().unwrap();
    let names: Vec<&str> = windows.iter().map(|w| w["window"].as_str().unwrap()).collect();
    assert_eq!(names, ["5min", "1h", "24h"]);
    assert_ne!(windows[0]["result"], "pending");
    assert_eq!(windows[2]["result"], "pending");
    assert_eq!(reply["guests"][0]["previous_migrations"], 1);
    let table = stdout(&outcomes(""));
    assert!(table.contains("101") && table.contains("migrated 1x"), "{table}");
    let timeline = stdout(&outcomes("--guest 101"));
    assert!(timeline.contains("24h") && timeline.contains("without"), "{timeline}");
    let none = stdout(&outcomes("--guest 102"));
    assert!(none.contains("No migration was seen"), "{none}");
    let calibration = stdout(&outcomes("--calibration"));
    assert!(calibration.contains("90 to 100 %"), "{calibration}");
}

#[test]
fn a_missing_store_is_said_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["recommend", "trend", "quality"] {
        let output = run(&[command, "--state", text(&dir.path().join("none"))]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(stderr(&output).contains("none"), "{command}: {}", stderr(&output));
    }
}

#[test]
fn a_wrong_option_exits_with_2_and_names_what_is_allowed() {
    let (_dir, state) = state(1, |_| 2.0);
    for (args, said) in [
        (&["recommend", "--set", "trend-weight"][..], "NAME=VALUE"),
        (&["recommend", "--set", "trend-weight=800"], "0..100"),
        (&["recommend", "--set", "no-such=1"], "no such setting"),
        (&["recommend", "--now", "99999999999"], "--now"),
        (&["collect", "--now", "0"], "0 is not in 1..="),
        (&["history", "--node", "pve1", "--metric", "x"], "cpu, memory"),
        (&["history", "--json", "--node", "pve1", "--metric", "x"], "cpu, memory"),
        (&["trend", "--series", "x", "--lookback", "24"], "--series"),
        (&["trend", "--series", "x", "--set", "trend-weight=5"], "--series"),
        (&["trend", "--series", "x", "--now", "5"], "--now"),
        (&["simulate", "--interval", "0"], "--interval"),
        (&["simulate", "--nodes", "0"], "--nodes"),
        (&["simulate", "--days", "1e9"], "--days"),
        (&["backtest", "--policy", "x"], "snapshot"),
        (&["backtest", "--nodes", "4"], "--traces"),
        (&["backtest", "--days", "731"], "1..=730"),
        (&["trend", "--lookback", "17521"], "1..=17520"),
        (&["demo", "--keep"], "--state"),
        (&["demo", "--now", "100"], "--now: 100 is not in"),
        (&["simulate", "--now", "5"], "--now: 5 is not in"),
        (&["simulate", "--placement", "skewed=-1"], "--placement: -1 is not in"),
        (
            &["backtest", "--policy", "none", "--sensitivity", "aggressive"],
            "--sensitivity: only our",
        ),
    ] {
        let output = run(&[args, &["--state", text(&state)]].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
    let traces = traces(&state, 2);
    for (option, value) in [
        ("--nodes", "0"),
        ("--guests", "0"),
        ("--growing", "5"),
        ("--growing", "-1"),
        ("--placement", "foo"),
        ("--placement", "skewed=-1"),
    ] {
        let output = run(&["backtest", "--traces", text(&traces), &format!("{option}={value}")]);
        assert_eq!(output.status.code(), Some(2), "{option} {value}: {}", stderr(&output));
        assert!(stderr(&output).contains(&format!("{option}: ")), "{}", stderr(&output));
    }
    let file = state.join("a-file");
    std::fs::write(&file, "").unwrap();
    for command in ["status", "recommend", "verify"] {
        let output = run(&[command, "--state", text(&file)]);
        assert!(stderr(&output).contains("a-file is not a directory"), "{command}");
    }
}

#[test]
fn who_is_not_known_is_an_error_and_not_an_empty_answer() {
    let (_dir, state) = state(1, |_| 2.0);
    for (question, remedy) in [
        ("quality --node nowhere", "lists all"),
        ("quality --guest 4242", "lists all"),
        ("history --node nowhere", "`quality` lists of whom something is"),
        ("export --format csv --node nowhere", "`quality` lists of whom something is"),
        ("trend --guest 4242", ""),
        ("explain --guest 4242", "`quality` lists who is there"),
        ("explain --guest 101 --target pve1", "name another node"),
        ("explain --guest 101 --target nowhere", "nodes are pve1 and pve2"),
        ("drain --node nowhere", "nodes are pve1 and pve2"),
    ] {
        let output = ask(&state, NOW, question);
        assert_eq!(output.status.code(), Some(1), "{question}: {}", stdout(&output));
        assert!(output.stdout.is_empty(), "{question}");
        assert!(stderr(&output).contains(remedy), "{question}: {}", stderr(&output));
    }
}

#[test]
fn an_answer_for_long_after_the_last_sample_says_so() {
    let (_dir, state) = state(1, |_| 2.0);
    let later = NOW + 86_400;
    for question in ["recommend", "trend", "trend --node pve1 --compare pve2", "quality"] {
        let reply = value(&ask_with(&state, later, question, &["--json"]));
        let warnings = reply["warnings"].to_string();
        let said = "what came after it is not known";
        assert!(warnings.contains(said), "{question}: {warnings}");
        assert!(stderr(&ask(&state, later, question)).contains(said), "{question}");
    }
}

#[test]
fn simulated_ticks_can_be_appended_and_collected() {
    let dir = tempfile::tempdir().unwrap();
    let now = NOW.to_string();
    let simulate =
        || run(&["simulate", "--nodes", "2", "--guests", "5", "--days", "0.05", "--now", &now]);
    let ticks = simulate();
    assert!(ticks.status.success(), "{}", stderr(&ticks));
    assert_eq!(ticks.stdout, simulate().stdout, "same seed, same ticks");
    let state = dir.path().join("s");
    let reply =
        value(&feed(&["append", "--jsonl", "--json", "--state", text(&state)], &ticks.stdout));
    assert_eq!(reply["appended"], json!(stdout(&ticks).lines().count()));
}

#[test]
fn simulated_trees_are_collected_with_rates() {
    let dir = tempfile::tempdir().unwrap();
    let (trees, state, run_dir) =
        (dir.path().join("t"), dir.path().join("s"), dir.path().join("r"));
    for version in ["8", "9"] {
        let root = trees.join(version);
        let made = run(&[
            "simulate",
            "--trees",
            text(&root),
            "--pve",
            version,
            "--nodes",
            "2",
            "--guests",
            "4",
            "--interval",
            "60",
            "--days",
            "0.002",
            "--now",
            &NOW.to_string(),
        ]);
        assert!(made.status.success(), "{}", stderr(&made));
        let mut times: Vec<String> = std::fs::read_dir(&root)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        times.sort();
        assert!(times.len() >= 2);
        let state = state.join(version);
        for time in &times {
            let (tree, run_dir) = (root.join(time), run_dir.join(version));
            let more = ["--root", text(&tree), "--run-dir", text(&run_dir)];
            let reply = value(&ask_with(&state, time.parse().unwrap(), "collect --json", &more));
            assert_eq!((&reply["nodes"], &reply["guests"]), (&json!(2), &json!(4)));
            assert_eq!(
                reply["warnings"],
                json!([]),
                "nor is it odd that the first run has no counters"
            );
        }
        let history = value(&ask(&state, NOW, "history --json --guest 100"));
        let rate = history["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .find(|m| m["metric"] == json!("disk_write_bps"))
            .unwrap();
        assert_eq!(
            rate["buckets"].as_array().unwrap().len(),
            times.len() - 1,
            "the first run has no rate"
        );
    }
}

#[test]
fn collect_reads_a_tree_and_names_what_is_wrong_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, state, run_dir) =
        (dir.path().join("pve"), dir.path().join("s"), dir.path().join("run"));
    std::fs::create_dir(&tree).unwrap();
    let empty = ask_with(
        &state,
        NOW,
        "collect --json",
        &["--root", text(&tree), "--run-dir", text(&run_dir)],
    );
    assert_eq!(empty.status.code(), Some(1));
    assert!(stderr(&empty).contains("pve"), "{}", stderr(&empty));
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pve9");
    let of_fixture = ["--root", text(&fixture), "--run-dir", text(&run_dir)];
    let live = [&["collect", "--json", "--state", text(&state)], &of_fixture[..]].concat();
    let live = value(&run(&live));
    assert!(live["nodes"].as_u64().unwrap() >= 2 && live["stored"] == json!(true), "{live}");
    let again = ask_with(&state, live["ts"].as_i64().unwrap(), "collect", &of_fixture);
    assert!(stdout(&again).contains("seen, nothing stored"), "{}", stdout(&again));
    let again = [&["--news"], &of_fixture[..]].concat();
    let told: Vec<bool> = (0..2)
        .map(|_| ask_with(&state, live["ts"].as_i64().unwrap(), "collect", &again))
        .map(|run| stderr(&run).contains("is stored already"))
        .collect();
    assert_eq!(told, [true, false], "once, for a journal");
}

#[test]
fn odd_settings_files_are_told() {
    let (dir, state) = state(1, |_| 2.0);
    let write = |name: &str, content: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, content).unwrap();
        file
    };
    let odd = write("odd.cfg", r#"{"version": 1, "settings": {"mood": 7}, "expert": {}}"#);
    let output = run(&["settings", "--settings", text(&odd)]);
    assert!(stderr(&output).contains("mood is not known here"), "{}", stderr(&output));
    assert!(stdout(&output).lines().any(|l| l.starts_with("n1_reserve") && l.contains(" on ")));
    let legacy = write("config.json", r#"{"penalty_scoring": {"cpu_high_penalty": -3}}"#);
    let output = run(&["settings", "--migrate", text(&legacy)]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let legacy = write("config.json", r#"{"penalty_scoring": [1]}"#);
    let output = run(&["settings", "--migrate", text(&legacy)]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("penalty_scoring: a list is not an object"));
    let other = write("config.json", r#"{"penalty": {}}"#);
    let output = run(&["settings", "--migrate", text(&other)]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = "has none of penalty_scoring, recommendation_thresholds, migration_settings";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    let replied = value(&run(&["settings", "--json", "--settings", text(&odd)]));
    assert!(replied["warnings"][0].as_str().unwrap().contains("mood is not known here"));
    let tree = dir.path().join("tree");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pve9");
    let copied = Command::new("cp").arg("-r").arg(fixture).arg(&tree).status().unwrap();
    assert!(copied.success());
    write("tree/foresight.cfg", &" ".repeat(100_000));
    let output = ask_with(&state, NOW, "recommend", &["--inventory", text(&tree)]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("; the defaults hold"), "{}", stderr(&output));
}

#[test]
fn history_is_thinned_to_the_points_asked_for() {
    let (_dir, state) = state(3, |_| 2.0);
    let history = value(&ask(&state, NOW, "history --json --node pve2 --points 20"));
    for metric in history["metrics"].as_array().unwrap() {
        assert!(metric["buckets"].as_array().unwrap().len() <= 20, "{metric}");
    }
    let refused = run(&["history", "--node", "pve2", "--points", "1", "--state", text(&state)]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn report_is_one_file_that_stands_alone() {
    let (dir, state) = state(3, |_| 2.0);
    let file = dir.path().join("report.html");
    let report = |more: &[&str]| ask_with(&state, NOW, "report", more);
    let output = report(&["--output", text(&file)]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(output.stdout.is_empty(), "the page goes to the file alone");
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("<svg") && page.contains("pve1") && !page.contains("<script"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left beside it");
    assert_eq!(stdout(&report(&[])).trim_end(), page.trim_end());
    let nowhere = report(&["--output", "/no/such/folder/report.html"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(stderr(&nowhere).contains("/no/such/folder/report.html"));
}

#[test]
fn report_spares_links_and_pipes_and_leaves_nothing_beside() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (dir, state) = state(3, |_| 2.0);
    let folder = dir.path().join("pages");
    std::fs::create_dir_all(folder.join("deep")).unwrap();
    let at = |name: &str| folder.join(name);
    let report = |to: &Path| ask_with(&state, NOW, "report", &["--output", text(to)]);
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    std::fs::write(at("deep/page.html"), "old").unwrap();
    std::fs::set_permissions(at("deep/page.html"), PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(at("link.html.new"), "of somebody else").unwrap();
    symlink("deep/page.html", at("link.html")).unwrap();
    symlink("deep/new.html", at("ahead.html")).unwrap();
    for (link, target) in [("link.html", "deep/page.html"), ("ahead.html", "deep/new.html")] {
        let output = report(&at(link));
        assert!(output.status.success(), "{link}: {}", stderr(&output));
        assert!(at(link).is_symlink(), "{link}");
        assert!(std::fs::read_to_string(at(target)).unwrap().starts_with("<!DOCTYPE"), "{link}");
    }
    let mode = at("deep/page.html").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "who could not read the old one cannot read the new one");
    assert_eq!(std::fs::read_to_string(at("link.html.new")).unwrap(), "of somebody else");
    // A pipe is written into.
    let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
    assert!(made.success());
    let pipe = at("pipe");
    let reader = std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap());
    assert!(report(&at("pipe")).status.success());
    assert!(reader.join().unwrap().trim_end().ends_with("</html>"));
    let refused = report(&at("deep"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("deep: is a directory"), "{}", stderr(&refused));
    assert_eq!(names(&folder), ["ahead.html", "deep", "link.html", "link.html.new", "pipe"]);
    assert_eq!(names(&at("deep")), ["new.html", "page.html"]);
    assert!(stdout(&report(Path::new("-"))).starts_with("<!DOCTYPE"), "- is standard output");
}

#[test]
fn who_reads_only_the_first_lines_breaks_nothing() {
    let (_dir, state) = state(1, |_| 2.0);
    let simulate = ["simulate", "--nodes", "2", "--guests", "50"];
    let export = ["export", "--format", "csv", "--state", text(&state), "--now", "1790000000"];
    for args in [&simulate[..], &export] {
        let mut child =
            foresight(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        assert_eq!(stderr(&output), "", "{args:?}");
    }
}

/// A recording of `guests`, numbered from 100, for two days.
fn traces(dir: &Path, guests: u32) -> PathBuf {
    let mut rows = String::from(
        "vm,t,cores,cpu,maxmem_mb,mem_mb,disk_read_bps,disk_write_bps,net_in_bps,net_out_bps\n",
    );
    for vm in 100..100 + guests {
        for i in 0..96 {
            rows += &format!("{vm},{},4,0.5,8192,4096,0,0,0,0\n", i * 1_800);
        }
    }
    let file = dir.join("traces.csv");
    std::fs::write(&file, rows).unwrap();
    file
}

#[test]
fn simulate_takes_as_many_recorded_guests_as_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = traces(dir.path(), 3);
    for guests in [2, 5] {
        let now = NOW.to_string();
        let of = ["simulate", "--traces", text(&file), "--days", "0.01", "--now", &now];
        let output = run(&[&of[..], &["--guests", &guests.to_string()]].concat());
        assert!(output.status.success(), "{guests}: {}", stderr(&output));
        let tick: Value = serde_json::from_str(stdout(&output).lines().next().unwrap()).unwrap();
        assert_eq!(tick["guests"].as_array().unwrap().len(), guests, "{tick}");
    }
}

#[test]
fn import_takes_nothing_of_this_machine_for_the_metrics_of_another() {
    let (_dir, state) = state(1, |_| 2.0);
    let output = run(&["import", "rrd", "--state", text(&state)]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("--root: with another --state"), "{}", stderr(&output));
}

#[test]
fn the_demo_shows_commands_that_a_shell_takes() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("a b");
    let output = run(&["demo", "--keep", "--state", text(&kept)]);
    let shown = stdout(&output);
    assert!(shown.contains(&format!("--state '{}' history", text(&kept))), "{shown}");
}
