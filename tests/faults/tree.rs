//! A small pmxcfs tree whose live state says what a tick of the tests says.

use super::cli::write;
use pve_foresight::model::{Cores, GuestKind, GuestSample, Tick, UnixTime};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// A tree below a folder; its counters lie beside it.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) run: PathBuf,
}

impl Tree {
    pub(crate) fn new(below: &Path) -> Self {
        let (root, run) = (below.join("pve"), below.join("run"));
        fs::create_dir(&root).unwrap();
        Self { root, run }
    }

    /// Makes the tree show a tick, as pmxcfs does: whole files in place of others.
    pub(crate) fn show(&self, tick: &Tick) {
        let nodes: Vec<String> = tick.nodes.iter().map(|n| n.name.to_string()).collect();
        let list = |(i, name): (usize, &String)| {
            format!(
                "\"{name}\": {{ \"id\": {}, \"online\": 1, \"ip\": \"192.0.2.{}\"}}",
                i + 1,
                i + 1
            )
        };
        let list: Vec<String> = nodes.iter().enumerate().map(list).collect();
        let members = format!(
            "{{\n\"nodename\": \"{}\",\n\"version\": 4,\n\"cluster\": {{ \"name\": \"lab\", \"version\": 2, \
             \"nodes\": {}, \"quorate\": 1 }},\n\"nodelist\": {{\n{}\n}}\n}}\n",
            nodes[0],
            nodes.len(),
            list.join(",\n")
        );
        let place = |g: &GuestSample| {
            let kind = if g.kind == GuestKind::Lxc { "lxc" } else { "qemu" };
            format!(
                "\"{}\": {{ \"node\": \"{}\", \"type\": \"{kind}\", \"version\": 1 }}",
                g.vmid, g.node
            )
        };
        let places: Vec<String> = tick.guests.iter().map(place).collect();
        let vmlist = format!("{{\n\"version\": 7,\n\"ids\": {{\n{}}}\n\n}}\n", places.join(",\n"));
        self.put(".members", &members);
        self.put(".vmlist", &vmlist);
        self.put(".rrd", &rrd(tick));
    }

    fn put(&self, name: &str, text: &str) {
        let new = self.root.join("new");
        write(&new, text);
        fs::rename(new, self.root.join(name)).unwrap();
    }
}

/// Lines of the live state; counters grow by so many bytes a second.
fn rrd(tick: &Tick) -> String {
    let ts: UnixTime = tick.ts;
    let mut text = String::new();
    for n in &tick.nodes {
        let Cores(cores) = n.maxcpu.unwrap();
        writeln!(
            text,
            "pve-node-9.0/{}:{}:c:{ts}:{}:{cores}:{}:{}:{}:{}:0:0:100000000000:20000000000:{}:{}:60000000000:0:0:0:0:0:0",
            n.name,
            ts - 1_600_000_000,
            n.load_avg.unwrap(),
            n.cpu.unwrap().0,
            n.iowait.unwrap().0,
            n.maxmem.unwrap().0 as u64,
            n.mem.unwrap().0 as u64,
            (ts - 1_600_000_000) * 1_000,
            (ts - 1_600_000_000) * 2_000,
        )
        .unwrap();
    }
    for g in &tick.guests {
        let Cores(cores) = g.maxcpu.unwrap();
        let counter = (ts - 1_600_000_000) * 100;
        writeln!(
            text,
            "pve-vm-9.0/{}:{}:{}:running:0:{ts}:{cores}:{}:{}:{}:34359738368:0:{counter}:{counter}:{counter}:{counter}:U:0:0:0:0:0:0",
            g.vmid,
            ts - 1_600_000_000,
            g.name,
            g.cpu.unwrap().0,
            g.maxmem.unwrap().0 as u64,
            g.mem.unwrap().0 as u64,
        )
        .unwrap();
    }
    text
}
