//! `doctor` names what is wrong, and nothing else, in a system whose file tree is a test's.

use pve_foresight::model::Tick;
use pve_foresight::store::{Reader, Writer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const CLUSTER: &str = "usr/share/perl5/PVE/API2/Cluster.pm";
const PAGE: &str = "usr/share/pve-manager/index.html.tpl";
const STATE: &str = "var/lib/pve-foresight";
const LIBRARY: &str = "usr/lib/x86_64-linux-gnu/pve-foresight/libpve_foresight.so";

fn foresight(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pve-foresight")).args(args).output().unwrap()
}

/// The engine that was built with this test.
fn built_library() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libpve_foresight.so")
}

/// A node with the package installed, all well.
struct Node {
    root: TempDir,
    now: i64,
}

impl Node {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let node = Self { now: live_data(root.path()), root };
        fs::create_dir_all(node.path(LIBRARY).parent().unwrap()).unwrap();
        symlink(built_library(), node.path(LIBRARY)).unwrap();
        node.write("usr/share/perl5/PVE/Foresight.pm", "package PVE::Foresight; sub version {} 1;");
        node.write("usr/share/perl5/PVE/API2/Foresight.pm", "package PVE::API2::Foresight; 1;");
        node.write(CLUSTER, "package PVE::API2::Cluster; require PVE::API2::Foresight; 1;");
        node.write("usr/share/perl5/PVE/API2/Cluster.distrib.pm", "package PVE::API2::Cluster; 1;");
        node.write(PAGE, "ours");
        node.write(&format!("{PAGE}.distrib"), "theirs");
        let diverted = |file: &str, aside: &str| format!("/{file}\n/{aside}\npve-foresight\n");
        let diversions = diverted(CLUSTER, "usr/share/perl5/PVE/API2/Cluster.distrib.pm")
            + &diverted(PAGE, &format!("{PAGE}.distrib"));
        node.write("var/lib/dpkg/diversions", &diversions);
        let timers = node.path("etc/systemd/system/timers.target.wants");
        fs::create_dir_all(&timers).unwrap();
        symlink("/nowhere", timers.join("pve-foresight-collect.timer")).unwrap();
        let (state, tree) = (node.path(STATE), node.path("etc/pve"));
        let (state, tree) = (state.to_str().unwrap(), tree.to_str().unwrap());
        let (run, now) = (node.path("run"), node.now.to_string());
        let collect = ["collect", "--root", tree, "--run-dir", run.to_str().unwrap()];
        let done = foresight(&[&collect[..], &["--state", state, "--now", &now]].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        node.write(&format!("{STATE}/.history-imported"), "");
        node
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).unwrap();
    }

    /// Exit status, and level and finding of each check, `later` seconds after the sample.
    fn examined(&self, later: i64) -> (i32, BTreeMap<String, (String, String)>) {
        let (prefix, now) = (self.root.path().to_str().unwrap(), (self.now + later).to_string());
        let output = foresight(&["doctor", "--prefix", prefix, "--now", &now, "--json"]);
        let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |check: &Value, field: &str| check[field].as_str().unwrap().to_string();
        let checks = reply["checks"].as_array().unwrap().iter().map(|check| {
            assert_eq!(check["level"] == "ok", check.get("remedy").is_none(), "{check}");
            (text(check, "name"), (text(check, "level"), text(check, "found")))
        });
        (output.status.code().unwrap(), checks.collect())
    }
}

/// A live tree of a simulated cluster below `root`, and its time.
fn live_data(root: &Path) -> i64 {
    let trees = root.join("trees");
    let small = ["--nodes", "3", "--guests", "5", "--days", "0.0001", "--interval", "60"];
    let args = [&["simulate", "--trees", trees.to_str().unwrap()], &small[..]].concat();
    assert!(foresight(&args).status.success());
    let newest = fs::read_dir(&trees).unwrap().map(|e| e.unwrap().path()).max().unwrap();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::rename(&newest, root.join("etc/pve")).unwrap();
    newest.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

/// Checks that are not ok, but for the timer: no systemd runs in a test's tree.
fn troubles(node: &Node, later: i64) -> Vec<(String, String, String)> {
    let (code, checks) = node.examined(later);
    let failed = checks.values().any(|(level, _)| level == "fail");
    assert_eq!(code, if failed { 3 } else { 0 }, "{checks:?}");
    let trouble = checks.into_iter().filter(|(_, (level, _))| level != "ok");
    let known = ("timer".to_string(), "warn".to_string());
    trouble
        .map(|(n, (l, f))| (n, l, f))
        .filter(|(n, l, _)| (n, l) != (&known.0, &known.1))
        .collect()
}

#[test]
fn a_healthy_node_has_nothing_to_complain_of() {
    assert_eq!(troubles(&Node::new(), 10), []);
}

#[test]
fn an_empty_system_is_told_what_is_missing_and_does_not_break_it() {
    let root = tempfile::tempdir().unwrap();
    let output = foresight(&["doctor", "--prefix", root.path().to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    for line in ["fail  library", "fail  Perl module", "fail  API", "fail  timer", "fail  pmxcfs"] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

/// What is broken, which check finds it, how bad it is, and words of what is said.
type Case = (&'static str, fn(&Node), &'static str, &'static str, &'static str);

#[test]
fn each_trouble_is_found_by_its_check_alone() {
    let cases: &[Case] = &[
        ("library gone", |n| n.remove(LIBRARY), "library", "fail", "missing"),
        (
            "library damaged",
            |n| {
                n.remove(LIBRARY);
                n.write(LIBRARY, "no library");
            },
            "library",
            "fail",
            "libpve_foresight.so: ",
        ),
        (
            "bridge that does not load",
            |n| {
                let module = "package PVE::Foresight; sub version { die qq(of another ABI\n) } 1;";
                n.write("usr/share/perl5/PVE/Foresight.pm", module);
            },
            "Perl module",
            "fail",
            "of another ABI",
        ),
        (
            "module broken",
            |n| n.write("usr/share/perl5/PVE/Foresight.pm", "die qq(no bridge\\n);"),
            "Perl module",
            "fail",
            "no bridge",
        ),
        (
            "module of another Perl gone",
            |n| n.write("usr/share/perl5/PVE/Foresight.pm", "require PVE::Nowhere; 1;"),
            "Perl module",
            "fail",
            "Can't locate PVE/Nowhere.pm",
        ),
        (
            "wrapper stays away",
            |n| n.write(CLUSTER, "package PVE::API2::Cluster; 1;\n"),
            "API",
            "fail",
            "stays away",
        ),
        ("original back", |n| n.write(PAGE, "theirs"), "web page", "fail", "original"),
        ("page gone", |n| n.remove(PAGE), "web page", "fail", "missing"),
        (
            "original gone",
            |n| n.remove(&format!("{PAGE}.distrib")),
            "web page",
            "fail",
            "the original is gone",
        ),
        (
            "timer off",
            |n| n.remove("etc/systemd/system/timers.target.wants/pve-foresight-collect.timer"),
            "timer",
            "fail",
            "not enabled",
        ),
        ("bad settings", |n| n.write("etc/pve/foresight.cfg", "{"), "settings", "warn", "JSON"),
        (
            "open to all",
            |n| fs::set_permissions(n.path(STATE), PermissionsExt::from_mode(0o755)).unwrap(),
            "permissions",
            "fail",
            "open to all",
        ),
        (
            "no import",
            |n| n.remove("var/lib/pve-foresight/.history-imported"),
            "history",
            "warn",
            "not imported yet",
        ),
        (
            "no store",
            |n| fs::remove_dir_all(n.path(STATE).join("raw")).unwrap(),
            "state",
            "warn",
            "nothing is recorded",
        ),
    ];
    for (what, break_it, name, level, words) in cases {
        let node = Node::new();
        break_it(&node);
        let found = troubles(&node, 10);
        let [(n, l, f)] = &found[..] else { panic!("{what}: {found:?}") };
        assert_eq!((n.as_str(), l.as_str()), (*name, *level), "{what}: {f}");
        assert!(f.contains(words), "{what}: {f}");
        assert!(!f.contains("@INC"), "{what}: {f}");
    }
}

#[test]
fn a_relative_state_directory_is_where_it_says() {
    let node = Node::new();
    let prefix = node.root.path().to_str().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::rename(node.path(STATE), elsewhere.path().join("here")).unwrap();
    let args = ["doctor", "--prefix", prefix, "--state", "here", "--now", &node.now.to_string()];
    let mut command = Command::new(env!("CARGO_BIN_EXE_pve-foresight"));
    let output = command.args(args).current_dir(elsewhere.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("ok    state"), "{text}");
}

#[test]
fn an_unmounted_cluster_file_system_is_no_riddle() {
    let node = Node::new();
    fs::remove_dir_all(node.path("etc/pve")).unwrap();
    fs::create_dir(node.path("etc/pve")).unwrap();
    let found = troubles(&node, 10);
    let [(name, level, text)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((name.as_str(), level.as_str()), ("pmxcfs", "fail"));
    assert!(text.contains("not mounted"), "{text}");
}

#[test]
fn a_collector_that_stopped_and_a_clock_that_jumped_are_told_apart() {
    let node = Node::new();
    let names = |later| -> Vec<(String, String)> {
        troubles(&node, later).into_iter().map(|(n, l, _)| (n, l)).collect()
    };
    let pair = |n: &str, l: &str| (n.to_string(), l.to_string());
    assert_eq!(names(7_200), [pair("clock", "warn"), pair("state", "fail")]);
    let (_, checks) = node.examined(-7_200);
    assert!(checks["state"].1.contains("future"), "{checks:?}");
}

#[test]
fn a_collector_that_runs_every_five_minutes_is_not_late() {
    let node = Node::new();
    let state = node.path(STATE);
    let tick = Reader::open(&state).unwrap().last_tick(i64::MAX).unwrap().unwrap();
    let later = (1..=12).map(|i| Tick { ts: tick.ts + 300 * i, ..tick.clone() });
    Writer::open(&state).unwrap().append_all(later).unwrap();
    let told = |later: i64| node.examined(3_600 + later).1["state"].clone();
    assert_eq!(told(290).0, "ok", "{:?}", told(290));
    assert_eq!(told(601 + 60).0, "fail", "as status says");
    assert!(told(-50).0 == "ok" && told(-70).1.contains("future"), "{:?}", told(-70));
}
