//! Promises of the written pmxcfs tree, checked by reading it the way the format is described.

use pve_foresight::model::{DAY, GuestKind, GuestStatus, Tick};
use pve_foresight::simulate::{
    Failure, GuestGroup, Move, PveVersion, Scenario, Simulation, Stop, TreeWriter,
};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// `.rrd` as key -> fields.
fn rrd(root: &Path) -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(root.join(".rrd")).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let entry = |line: &str| {
        let (key, rest) = line.split_once(':').unwrap();
        (key.to_string(), rest.split(':').map(String::from).collect())
    };
    text.lines().map(entry).collect()
}

fn json(root: &Path, file: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(root.join(file)).unwrap()).unwrap()
}

fn config(root: &Path, node: &str, kind: GuestKind, vmid: u32) -> Option<String> {
    let folder = if kind == GuestKind::Lxc { "lxc" } else { "qemu-server" };
    fs::read_to_string(root.join(format!("nodes/{node}/{folder}/{vmid}.conf"))).ok()
}

fn scenario() -> Scenario {
    Scenario {
        days: 0.1,
        guests: vec![GuestGroup { count: 20, ..GuestGroup::default() }],
        ..Scenario::default()
    }
}

/// Writes every tick and calls `check` after each.
fn run(scenario: &Scenario, version: PveVersion, mut check: impl FnMut(&Path, &Tick)) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = TreeWriter::new(folder.path(), version).unwrap();
    let mut simulation = Simulation::new(scenario).unwrap();
    while let Some(tick) = simulation.next() {
        writer.write(&tick, &simulation.inventory()).unwrap();
        check(folder.path(), &tick);
    }
}

fn number(field: &str) -> f64 {
    field.parse().unwrap()
}

#[test]
fn both_versions_have_their_keys_and_field_counts() {
    let versions = [
        (PveVersion::V8, ["pve2-node/", "pve2.3-vm/", "pve2-storage/"], [15, 15, 3]),
        (PveVersion::V9, ["pve-node-9.0/", "pve-vm-9.0/", "pve-storage-9.0/"], [22, 22, 3]),
    ];
    for (version, prefixes, fields) in versions {
        let scenario = Scenario {
            days: 0.01,
            stops: vec![Stop { vmid: 105, from_day: -1.0, until_day: 1.0 }],
            ..scenario()
        };
        run(&scenario, version, |root, tick| {
            let entries = rrd(root);
            let of = |i: usize| entries.iter().filter(move |(k, _)| k.starts_with(prefixes[i]));
            assert_eq!(of(0).count(), tick.nodes.len());
            assert_eq!(of(1).count(), tick.guests.len());
            assert_eq!(of(2).count(), tick.nodes.iter().map(|n| n.storage.len()).sum::<usize>());
            assert_eq!(of(0).count() + of(1).count() + of(2).count(), entries.len());
            for (i, want) in fields.iter().enumerate() {
                for (key, found) in of(i) {
                    assert_eq!(found.len(), *want, "{key}");
                }
            }
        });
    }
}

#[test]
fn values_come_back_and_counters_give_the_rates() {
    let mut last: BTreeMap<u32, (i64, Vec<f64>)> = BTreeMap::new();
    let mut compared = 0;
    run(&scenario(), PveVersion::V9, |root, tick| {
        let entries = rrd(root);
        for node in &tick.nodes {
            let f = &entries[&format!("pve-node-9.0/{}", node.name)];
            assert_eq!(number(&f[2]), tick.ts as f64);
            assert_eq!(Some(number(&f[5])), node.cpu.map(|x| x.0));
            assert_eq!(Some(number(&f[3])), node.load_avg);
            assert!((number(&f[8]) - node.mem.unwrap().0).abs() <= 0.5);
        }
        for guest in &tick.guests {
            let f = &entries[&format!("pve-vm-9.0/{}", guest.vmid)];
            assert_eq!((f[1].as_str(), f[2].as_str()), (guest.name.as_str(), "running"));
            assert!(number(&f[0]) >= 1.0, "uptime of a running guest");
            assert_eq!(Some(number(&f[6])), guest.cpu.map(|x| x.0));
            assert_eq!(Some(number(&f[8])), guest.mem.map(|x| x.0));
            let counters: Vec<f64> = f[11..15].iter().map(|x| number(x)).collect();
            let rates =
                [guest.net_in_bps, guest.net_out_bps, guest.disk_read_bps, guest.disk_write_bps];
            if let Some((ts, before)) = last.insert(guest.vmid, (tick.ts, counters.clone())) {
                for ((now, before), rate) in counters.iter().zip(&before).zip(rates) {
                    let seen = (now - before) / (tick.ts - ts) as f64;
                    assert!((seen - rate.unwrap().0).abs() < 0.02, "{seen} {rate:?}");
                    compared += 1;
                }
            }
        }
    });
    assert!(compared > 10_000, "{compared}");
}

#[test]
fn configs_say_what_the_tick_says() {
    run(&Scenario { days: 0.01, ..scenario() }, PveVersion::V9, |root, tick| {
        let list = json(root, ".vmlist");
        assert_eq!(list["ids"].as_object().unwrap().len(), tick.guests.len());
        for guest in &tick.guests {
            let entry = &list["ids"][guest.vmid.to_string()];
            let kind = if guest.kind == GuestKind::Lxc { "lxc" } else { "qemu" };
            assert_eq!(
                (&entry["node"], &entry["type"]),
                (&guest.node.clone().into(), &kind.into())
            );
            let text = config(root, &guest.node, guest.kind, guest.vmid).unwrap();
            let line = |key: &str| text.lines().find_map(|l| l.strip_prefix(&format!("{key}: ")));
            let name = if guest.kind == GuestKind::Lxc { "hostname" } else { "name" };
            assert_eq!(line(name), Some(guest.name.as_str()));
            assert_eq!(line("cores").map(number), guest.maxcpu.map(|c| c.0));
            let mib = guest.maxmem.map(|m| (m.0 / 1_048_576.0).round());
            assert_eq!(line("memory").map(number), mib);
            let disk = if guest.kind == GuestKind::Lxc { "rootfs" } else { "scsi0" };
            assert!(line(disk).unwrap().starts_with("local-lvm:vm-"));
        }
        let members = json(root, ".members");
        assert_eq!(members["cluster"]["quorate"], 1);
        assert_eq!(members["nodelist"].as_object().unwrap().len(), tick.nodes.len());
        let storages = fs::read_to_string(root.join("storage.cfg")).unwrap();
        assert!(storages.contains("lvmthin: local-lvm\n\tcontent images,rootdir\n"), "{storages}");
    });
}

#[test]
fn a_move_takes_the_config_along_and_restarts_the_counters() {
    let group = GuestGroup { count: 3, node: Some("pve1".into()), ..GuestGroup::default() };
    let moves = vec![Move { day: 0.05, vmid: 101, to: "pve2".into() }];
    let scenario = Scenario { guests: vec![group], migrations: moves, ..scenario() };
    let middle = scenario.start() + DAY / 20;
    run(&scenario, PveVersion::V8, |root, tick| {
        let guest = tick.guests.iter().find(|g| g.vmid == 101).unwrap();
        let (here, gone) = if tick.ts < middle { ("pve1", "pve2") } else { ("pve2", "pve1") };
        assert!(config(root, here, guest.kind, 101).is_some());
        assert!(config(root, gone, guest.kind, 101).is_none());
        let fields = &rrd(root)["pve2.3-vm/101"];
        let uptime = number(&fields[0]);
        assert_eq!(uptime < 2.0 * 60.0 + (tick.ts - middle) as f64, tick.ts >= middle);
    });
}

#[test]
fn a_stopped_guest_has_uptime_0_and_unknown_values() {
    let stops = vec![Stop { vmid: 103, from_day: 0.03, until_day: 0.06 }];
    let scenario = Scenario { stops, ..scenario() };
    let mut uptimes = Vec::new();
    run(&scenario, PveVersion::V9, |root, tick| {
        let guest = tick.guests.iter().find(|g| g.vmid == 103).unwrap();
        let fields = &rrd(root)["pve-vm-9.0/103"];
        if guest.status == GuestStatus::Stopped {
            assert_eq!((fields[0].as_str(), fields[2].as_str()), ("0", "stopped"));
            assert!([6, 8].iter().chain(&[10, 11, 12, 13, 14, 15]).all(|i| fields[*i] == "U"));
            assert!([5, 7].iter().all(|i| fields[*i] != "U"), "sizes are known");
        }
        uptimes.push(number(&fields[0]));
    });
    assert!(uptimes.last() < uptimes.first(), "it started anew");
}

#[test]
fn what_nobody_renews_vanishes_after_five_minutes() {
    let failure = Failure { node: "pve2".into(), from_day: 0.05, until_day: 0.08 };
    let scenario = Scenario { failures: vec![failure], ..scenario() };
    let from = scenario.start() + DAY / 20;
    let mut absent = 0;
    run(&scenario, PveVersion::V9, |root, tick| {
        let online = tick.nodes[1].online;
        assert_eq!(json(root, ".members")["nodelist"]["pve2"]["online"], i32::from(online));
        let entries = rrd(root);
        let stale = !online && tick.ts < from + 240;
        assert_eq!(
            entries.contains_key("pve-node-9.0/pve2"),
            online || stale,
            "{}",
            tick.ts - from
        );
        assert_eq!(entries.contains_key("pve-storage-9.0/pve2/local"), online || stale);
        for guest in tick.guests.iter().filter(|g| g.node == "pve2") {
            let there = entries.contains_key(&format!("pve-vm-9.0/{}", guest.vmid));
            assert_eq!(there, online || stale);
            absent += usize::from(!there);
            assert!(config(root, "pve2", guest.kind, guest.vmid).is_some(), "config stays");
        }
    });
    assert!(absent > 0);
}

#[test]
fn a_destroyed_guest_leaves_no_config_and_its_vmid_can_come_back() {
    let life = |from: Option<f64>, until: Option<f64>, kind| GuestGroup {
        vmid: Some(900),
        kind: Some(kind),
        node: Some("pve3".into()),
        from_day: from,
        until_day: until,
        ..GuestGroup::default()
    };
    let guests =
        vec![life(None, Some(0.03), GuestKind::Qemu), life(Some(0.06), None, GuestKind::Lxc)];
    let scenario = Scenario { guests, ..scenario() };
    run(&scenario, PveVersion::V9, |root, tick| {
        let kind = tick.guests.first().map(|g| g.kind);
        let ids = json(root, ".vmlist");
        assert_eq!(ids.get("ids").is_some(), kind.is_some(), "no 'ids' without guests");
        for k in [GuestKind::Qemu, GuestKind::Lxc] {
            assert_eq!(config(root, "pve3", k, 900).is_some(), kind == Some(k));
        }
    });
}

#[test]
fn odd_names_never_break_a_line() {
    let name = "käse: \"x\" #1 \u{1F9C0}".to_string();
    let guests = vec![GuestGroup { name: Some(name.clone()), ..GuestGroup::default() }];
    run(&Scenario { guests, days: 0.01, ..scenario() }, PveVersion::V9, |root, tick| {
        let entries = rrd(root);
        assert_eq!(entries["pve-vm-9.0/100"].len(), 22);
        let guest = &tick.guests[0];
        let text = config(root, &guest.node, guest.kind, 100).unwrap();
        assert!(text.contains(&name));
    });
}

#[test]
fn hostile_names_never_leave_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = TreeWriter::new(&folder.path().join("tree"), PveVersion::V9).unwrap();
    let mut simulation = Simulation::new(&scenario()).unwrap();
    let tick = simulation.next().unwrap();
    for name in ["../out", "a/b", "", ".hidden", "a b"] {
        let mut inventory = simulation.inventory();
        inventory.nodes[0].name = name.into();
        assert!(writer.write(&tick, &inventory).is_err(), "{name}");
        let mut inventory = simulation.inventory();
        inventory.guests[0].node = name.into();
        assert!(writer.write(&tick, &inventory).is_err(), "{name}");
        let mut bad = tick.clone();
        bad.nodes[0].name = format!("{name}:\n");
        assert!(writer.write(&bad, &simulation.inventory()).is_err(), "{name}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing beside the tree");
    writer.write(&tick, &simulation.inventory()).unwrap();
    assert!(writer.write(&tick, &simulation.inventory()).is_err(), "time must go on");
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("datacenter.cfg"), "keyboard: de\n").unwrap();
    let error = TreeWriter::new(folder.path(), PveVersion::V9).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
}

#[test]
fn unchanged_files_are_left_alone() {
    let identity = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.ino(), metadata.modified().unwrap())
    };
    let (mut first, mut counters) = (None, std::collections::BTreeSet::new());
    run(&Scenario { days: 0.01, ..scenario() }, PveVersion::V9, |root, _| {
        let found = identity(&root.join(".vmlist"));
        assert_eq!(*first.get_or_insert(found), found);
        counters.insert(identity(&root.join(".rrd")));
    });
    assert!(counters.len() > 1, "a file that is written again can be told by that");
}

#[test]
fn a_reader_beside_the_writer_sees_whole_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = TreeWriter::new(folder.path(), PveVersion::V9).unwrap();
    let mut simulation = Simulation::new(&scenario()).unwrap();
    let tick = simulation.next().unwrap();
    writer.write(&tick, &simulation.inventory()).unwrap();
    let lines = rrd(folder.path()).len();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) || reads == 0 {
                assert_eq!(rrd(folder.path()).len(), lines);
                reads += 1;
            }
        });
        while let Some(tick) = simulation.next() {
            writer.write(&tick, &simulation.inventory()).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
}
