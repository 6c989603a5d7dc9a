//! What an import costs by the size of the cluster, for docs/import.md. Needs rrdtool:
//! `cargo test --release --test import cost -- --ignored --nocapture`.

use super::rrd_support::{NOW, make};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Guests, and the nodes that they are on.
const CLUSTERS: [(u32, u32); 2] = [(50, 3), (2_000, 32)];
/// Days in the files: as many as a store keeps.
const DAYS: i64 = 90;

/// A tree in which every node and every guest has the same file of PVE 9, and its inventory.
fn tree(root: &Path, files: &Path, guests: u32, nodes: u32) {
    let link = |file: &str, kind: &str, name: String| {
        let folder = root.join(kind);
        fs::create_dir_all(&folder).unwrap();
        fs::hard_link(files.join(kind).join(file), folder.join(name)).unwrap();
    };
    let node = |n: u32| format!("pve{n}");
    (0..nodes).for_each(|n| link("alpha", "pve-node-9.0", node(n)));
    (0..guests).for_each(|g| link("100", "pve-vm-9.0", (1_000 + g).to_string()));
    let guest = |g: u32| json!({"vmid": 1_000 + g, "type": "qemu", "node": node(g % nodes), "status": "running"});
    let inventory = json!({
        "nodes": (0..nodes).map(|n| json!({"name": node(n)})).collect::<Vec<_>>(),
        "guests": (0..guests).map(guest).collect::<Vec<_>>(),
    });
    fs::write(root.join("inventory.json"), inventory.to_string()).unwrap();
}

/// CPU seconds of all children that are over, and the largest peak of memory among them in bytes.
fn children() -> (f64, i64) {
    // SAFETY: all zero is a value of this plain structure, which the call fills.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for the call.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) }, 0);
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss * 1_024)
}

#[test]
#[ignore = "for figures"]
fn cost_by_the_size_of_the_cluster() {
    let Some(files) = make(DAYS) else { panic!("rrdtool is absent (apt-get install rrdtool)") };
    println!("| guests | ticks | CPU | peak memory |\n|---|---|---|---|");
    for (guests, nodes) in CLUSTERS {
        let folder = tempfile::tempdir_in(files.path()).unwrap();
        let (root, state) = (folder.path().join("db"), folder.path().join("state"));
        fs::create_dir_all(&root).unwrap();
        tree(&root, files.path(), guests, nodes);
        let before = children().0;
        let mut import = Command::new(env!("CARGO_BIN_EXE_pve-foresight"));
        import.args(["import", "rrd", "--json", "--now", &NOW.to_string(), "--root"]).arg(&root);
        import.arg("--inventory").arg(root.join("inventory.json")).arg("--state").arg(&state);
        let output = import.output().unwrap();
        let (after, memory) = children();
        let reply: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(reply["guests"], json!(guests), "{reply}");
        println!(
            "| {guests} on {nodes} nodes | {} | {:.1} s | {} MB |",
            reply["ticks"],
            after - before,
            memory / 1_000_000
        );
    }
}
