//! Cost of a collector run: its parts, and the whole of it with and without migrations to take note of.
//!
//! The bar for 2,000 guests is 100 ms of CPU for the whole run.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)] // a bench speaks and fails loudly

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use pve_foresight::collect::{Counters, guest_sample, identify, inventory, live, parse, rates};
use pve_foresight::engine::Engine;
use pve_foresight::model::Tick;
use pve_foresight::simulate::{PveVersion, Scenario, Simulation, TreeWriter};
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use tempfile::TempDir;

const NOW: i64 = 1_700_000_000;

/// `.rrd` of a cluster with a node for each 50 guests, `run` minutes on.
fn rrd(guests: u32, run: u32) -> String {
    let mut text = String::new();
    let (time, minutes) = (NOW + i64::from(run) * 60, 1000 + run);
    for node in 0..nodes(guests) {
        let counter = u64::from(minutes) * 123_456_789;
        writeln!(text, "pve-node-9.0/node{node}:{}:c:{time}:2.15:32:0.2512{node}:0.00191:135000000000:81000000000:8589934592:104857600:100000000000:20000000000:{counter}:{counter}:51000000000:17000000000:0.55:0.12:0.10:0.00:0.00", minutes * 60).unwrap();
        for store in ["local", "local-lvm", "ceph", "nas"] {
            writeln!(text, "pve-storage-9.0/node{node}/{store}:{time}:4000000000000:1234567890123")
                .unwrap();
        }
    }
    for vmid in 100..100 + guests {
        let counter = u64::from(minutes) * u64::from(vmid) * 98_765;
        writeln!(text, "pve-vm-9.0/{vmid}:{}:guest-{vmid}.example.com:running:0:{time}:4:0.0312{vmid}:8589934592:4123456789:34359738368:0:{counter}:{counter}:{counter}:{counter}:5368709120:0.10:0.00:0.25:0.20:0.00:0.00", minutes * 60).unwrap();
    }
    text
}

fn nodes(guests: u32) -> u32 {
    guests.div_ceil(50)
}

/// A tree with all configurations.
fn tree(guests: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(".rrd", &rrd(guests, 1));
    let list: Vec<String> = (0..nodes(guests))
        .map(|n| format!("\"node{n}\": {{ \"id\": {n}, \"online\": 1, \"ip\": \"192.0.2.1\"}}"))
        .collect();
    write(
        ".members",
        &format!(
            "{{\"nodename\": \"node0\", \"version\": 3, \"cluster\": {{ \"name\": \"c\", \"version\": 1, \"nodes\": 9, \"quorate\": 1 }}, \"nodelist\": {{ {} }} }}",
            list.join(",\n")
        ),
    );
    let ids: Vec<String> = (0..guests)
        .map(|g| {
            format!(
                "\"{}\": {{ \"node\": \"node{}\", \"type\": \"qemu\", \"version\": {} }}",
                100 + g,
                g / 50,
                g + 1
            )
        })
        .collect();
    write(".vmlist", &format!("{{\n\"version\": 9,\n\"ids\": {{\n{}}}\n\n}}\n", ids.join(",\n")));
    write("storage.cfg", "dir: local\n\tpath /var/lib/vz\n\nrbd: ceph\n\tpool vm\n\n");
    for g in 0..guests {
        let vmid = 100 + g;
        write(
            &format!("nodes/node{}/qemu-server/{vmid}.conf", g / 50),
            &format!(
                "agent: 1\nboot: order=scsi0;ide2;net0\ncores: 4\ncpu: x86-64-v2-AES\nide2: none,media=cdrom\nmemory: 8192\nmeta: creation-qemu=9.0.2,ctime=1700000000\nname: guest-{vmid}\nnet0: virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1\nnuma: 0\nonboot: 1\nostype: l26\nscsi0: ceph:vm-{vmid}-disk-0,discard=on,iothread=1,size=32G,ssd=1\nscsihw: virtio-scsi-single\nsmbios1: uuid=0f0e0d0c-0b0a-0908-0706-050403020100\nsockets: 1\ntags: prod;web\nvmgenid: 00010203-0405-0607-0809-0a0b0c0d0e0f\n"
            ),
        );
    }
    folder
}

fn run(root: &Path, previous: &Counters) -> Counters {
    let mut now = live(root).unwrap();
    identify(root, &mut now, previous);
    let (tick, next, _) = rates(previous, &now, NOW + 70);
    black_box(tick);
    next
}

fn collect(c: &mut Criterion) {
    let mut group = c.benchmark_group("collect");
    group.sample_size(20);
    for guests in [50, 2_000, 10_000] {
        let folder = tree(guests);
        let root = folder.path();
        let text = rrd(guests, 1);
        let first = run(root, &Counters::default());
        let bytes = first.to_bytes().unwrap();
        println!(
            "{guests} guests: .rrd {} KiB, counters {} KiB",
            text.len() >> 10,
            bytes.len() >> 10
        );
        let id = |what| BenchmarkId::new(what, guests);
        group.bench_function(id("parse .rrd"), |b| {
            b.iter(|| parse::rrd(black_box(text.as_bytes())))
        });
        group.bench_function(id("counters from and to bytes"), |b| {
            b.iter(|| Counters::parse(black_box(&bytes)).unwrap().to_bytes().unwrap());
        });
        group.bench_function(id("run"), |b| b.iter(|| run(root, &first)));
        group.bench_function(id("first run"), |b| b.iter(|| run(root, &Counters::default())));
        group.bench_function(id("inventory"), |b| b.iter(|| inventory(root, NOW).unwrap()));
    }
    group.finish();
}

fn copied(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    let mut folders = vec![from.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let copy = to.path().join(path.strip_prefix(from).unwrap());
            if path.is_dir() {
                fs::create_dir_all(&copy).unwrap();
                folders.push(path);
            } else {
                fs::copy(&path, &copy).unwrap();
            }
        }
    }
    to
}

/// The whole run over 14 days of history of 2,000 guests on 32 nodes, when so many guests moved
/// since the last one: what was advised before the moves is computed then.
fn whole(c: &mut Criterion) {
    let mut group = c.benchmark_group("collect whole");
    group.sample_size(10);
    let mut simulation =
        Simulation::new(&Scenario { interval: 3600, ..Scenario::fleet(32, 2_000, 3, NOW) })
            .unwrap();
    let state = tempfile::tempdir().unwrap();
    let ticks: Vec<Tick> = (0..14 * 24 - 2).map(|_| simulation.next().unwrap()).collect();
    Engine::new(state.path()).append(&ticks).unwrap();
    for moves in [0, 1, 20] {
        let mut simulation = simulation.clone();
        let last = ticks.last().unwrap();
        for guest in last.guests.iter().filter(|g| g.node == "pve1").take(moves) {
            simulation.migrate(guest.vmid, "pve9").unwrap();
        }
        let tick = simulation.next().unwrap();
        let root = tempfile::tempdir().unwrap();
        let mut tree = TreeWriter::new(root.path(), PveVersion::V9).unwrap();
        tree.write(&tick, &simulation.inventory()).unwrap();
        group.bench_function(BenchmarkId::new("moves", moves), |b| {
            let fresh = || (copied(state.path()), tempfile::tempdir().unwrap());
            let collect = |(state, run): &mut (TempDir, TempDir)| {
                let engine = Engine::new(state.path());
                black_box(engine.collect(root.path(), run.path(), Some(tick.ts)).unwrap())
            };
            b.iter_batched_ref(fresh, collect, BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// A guest's RRD file in the layout of PVE 9, all values known: 17 sources, 8 archives.
fn rrd_file() -> Vec<u8> {
    let sources = "maxcpu cpu maxmem mem maxdisk disk netin netout diskread diskwrite memhost pressurecpusome pressurecpufull pressureiosome pressureiofull pressurememorysome pressurememoryfull";
    let sources: Vec<&str> = sources.split(' ').collect();
    let archives = [(1_u64, 1440_u64), (30, 1440), (360, 1440), (10080, 570)];
    let padded = |text: &str, length: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(length, 0);
        bytes
    };
    let mut b = [padded("RRD", 4), padded("0003", 12)].concat();
    b.extend(8.642_135e130_f64.to_le_bytes());
    b.extend([17_u64, 8, 60].into_iter().flat_map(u64::to_le_bytes));
    b.extend(padded("", 80));
    for source in &sources {
        b.extend(padded(source, 120));
    }
    for function in ["AVERAGE", "MAX"] {
        for (steps, rows) in archives {
            b.extend(padded(function, 24));
            b.extend([rows, steps].into_iter().flat_map(u64::to_le_bytes));
            b.extend(padded("", 80));
        }
    }
    b.extend(NOW.to_le_bytes());
    b.extend(padded("", 8 + 17 * 112 + 17 * 8 * 80 + 8 * 8));
    for row in 0..2 * (3 * 1440 + 570) {
        b.extend((0..17).flat_map(|source| (f64::from(row * source) / 1e6).to_le_bytes()));
    }
    b
}

fn history(c: &mut Criterion) {
    let bytes = rrd_file();
    println!("RRD file of a guest: {} KiB", bytes.len() >> 10);
    c.bench_function("history of a guest", |b| {
        b.iter(|| {
            let file = parse::rrd_file(black_box(&bytes)).unwrap();
            for archive in &file.archives {
                for row in 0..archive.len() {
                    let column = |name: &str| file.sources.iter().position(|s| s == name);
                    black_box(guest_sample(100, &|name| archive.value(row, column(name)?)));
                }
            }
        });
    });
}

criterion_group!(benches, collect, whole, history);
criterion_main!(benches);
