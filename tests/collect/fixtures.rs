//! The two fixture trees, hand-made from the formats of PVE 8 and PVE 9, read field by field.
//!
//! `before/` is the live part one minute earlier. `expected/` holds all that is read; run with
//! `UPDATE=1` to rewrite it and review the difference.

use pve_foresight::collect::{Counters, identify, inventory, live, rates};
use pve_foresight::error::Warning;
use pve_foresight::model::{
    BytesPerSecond, Cores, DiskSource, Fraction, GuestFacts, GuestSample, GuestStatus, HaRuleKind,
    Inventory, NodeSample, Tick,
};
use std::fs;
use std::path::{Path, PathBuf};

const BEFORE: i64 = 1_763_900_000;
const NOW: i64 = BEFORE + 60;

fn root(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(version)
}

/// The second of two runs a minute apart.
fn tick(version: &str) -> (Tick, Vec<Warning>) {
    let root = root(version);
    let mut earlier = live(&root.join("before")).unwrap();
    identify(&root, &mut earlier, &Counters::default());
    let (first, counters, _) = rates(&Counters::default(), &earlier, BEFORE);
    first.check().unwrap();
    let mut later = live(&root).unwrap();
    identify(&root, &mut later, &counters);
    let (tick, _, warnings) = rates(&counters, &later, NOW);
    tick.check().unwrap();
    (tick, [later.warnings, warnings].concat())
}

fn facts(version: &str) -> Inventory {
    inventory(&root(version), NOW).unwrap()
}

fn node<'a>(tick: &'a Tick, name: &str) -> &'a NodeSample {
    tick.nodes.iter().find(|n| n.name == name).unwrap()
}

fn guest(tick: &Tick, vmid: u32) -> &GuestSample {
    tick.guests.iter().find(|g| g.vmid == vmid).unwrap()
}

fn rates_of(g: &GuestSample) -> [Option<f64>; 4] {
    [g.net_in_bps, g.net_out_bps, g.disk_read_bps, g.disk_write_bps]
        .map(|rate| rate.map(|BytesPerSecond(x)| x))
}

/// Compares with a file below `expected/`, or writes it.
fn compare<T: serde::Serialize>(version: &str, name: &str, value: &T) {
    let path = root(version).join("expected").join(name);
    let text = serde_json::to_string_pretty(value).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert!(text == expected, "{} differs; UPDATE=1 shows how", path.display());
}

/// The warnings' files are absolute; only what is below the root is the same everywhere.
fn portable(version: &str, mut inventory: Inventory) -> Inventory {
    for warning in &mut inventory.warnings {
        warning.file = warning.file.strip_prefix(root(version)).unwrap().to_path_buf();
    }
    inventory
}

#[test]
fn every_field_is_as_expected() {
    for version in ["pve8", "pve9"] {
        compare(version, "tick.json", &tick(version).0);
        compare(version, "inventory.json", &portable(version, facts(version)));
    }
}

#[test]
fn pve9_rates_come_from_two_runs() {
    let (tick, _) = tick("pve9");
    assert_eq!(node(&tick, "pve1").net_in_bps, Some(BytesPerSecond(1e8)));
    assert_eq!(node(&tick, "pve1").net_out_bps, Some(BytesPerSecond(5e7)));
    assert_eq!(rates_of(guest(&tick, 100)), [Some(1e4), Some(1e3), Some(2e3), Some(4e3)]);
    assert_eq!(rates_of(guest(&tick, 101)), [Some(100.0), Some(200.0), Some(300.0), Some(400.0)]);
}

#[test]
fn restart_and_migration_give_no_rate_but_keep_the_rest() {
    let (tick, _) = tick("pve9");
    let restarted = guest(&tick, 102);
    assert_eq!(rates_of(restarted), [None; 4]);
    assert_eq!(restarted.cpu, Some(Fraction(1.75)));
    let moved = guest(&tick, 110);
    assert_eq!((moved.node.as_str(), rates_of(moved)), ("pve2", [None; 4]));
    assert_eq!(moved.cpu, Some(Fraction(0.25)));
}

#[test]
fn stopped_unknown_and_offline_are_recorded_as_such() {
    let (tick, _) = tick("pve9");
    let stopped = guest(&tick, 103);
    assert_eq!((stopped.status, stopped.cpu, stopped.mem), (GuestStatus::Stopped, None, None));
    assert_eq!(stopped.maxcpu, Some(Cores(2.0)));
    assert_eq!(guest(&tick, 109).status, GuestStatus::Paused);
    assert_eq!(guest(&tick, 111).status, GuestStatus::Unknown, "listed but not yet reported");
    let lost = guest(&tick, 105);
    assert_eq!((lost.status, lost.name.as_str()), (GuestStatus::Unknown, "remote"));
    let offline = node(&tick, "pve3");
    assert_eq!((offline.online, offline.cpu, offline.guest_count), (false, None, None));
    assert_eq!(node(&tick, "pve2").guest_count, Some(4), "running ones only");
}

#[test]
fn pressure_is_a_share_and_unknown_stays_absent() {
    let (tick, _) = tick("pve9");
    assert_eq!(node(&tick, "pve1").psi_io_some, Some(Fraction(0.0225)));
    assert_eq!(node(&tick, "pve4").arc, None, "U");
    assert_eq!(guest(&tick, 101).mem_host, None, "containers have none");
    let (old, _) = self::tick("pve8");
    let alpha = node(&old, "alpha");
    assert_eq!((alpha.psi_io_some, alpha.mem_available, alpha.arc), (None, None, None));
}

#[test]
fn odd_names_survive() {
    let (tick, warnings) = tick("pve9");
    assert_eq!(guest(&tick, 106).name, "<img src=x onerror=alert(1)>");
    assert_eq!(guest(&tick, 107).name, "a:b:\"größe\"");
    let lines: Vec<usize> = warnings.iter().map(|w| w.line).collect();
    assert_eq!(lines, [10], "the colons are mentioned, nothing else is odd: {warnings:?}");
}

fn disks(guest: &GuestFacts) -> Vec<(&str, String)> {
    let source = |source: &DiskSource| match source {
        DiskSource::Volume { storage, .. } => storage.clone(),
        DiskSource::HostPath { path, shared: true } => format!("{path} (shared)"),
        DiskSource::HostPath { path, shared: false } => path.clone(),
        DiskSource::None => String::new(),
    };
    guest.disks.iter().map(|d| (d.key.as_str(), source(&d.source))).collect()
}

fn devices(guest: &GuestFacts) -> Vec<(&str, Option<&str>, bool)> {
    guest.devices.iter().map(|d| (d.key.as_str(), d.mapping.as_deref(), d.live)).collect()
}

#[test]
fn what_ties_a_guest_to_its_host_is_listed() {
    let all = facts("pve9");
    let of = |vmid| all.guest(vmid).unwrap();
    assert_eq!(
        devices(of(101)),
        [("dev0", None, false), ("lxc.mount.entry", None, false)],
        "a capability is no device"
    );
    assert_eq!(
        devices(of(102)),
        [
            ("hostpci0", Some("pci:gpu"), true),
            ("usb0", Some("usb:dongle"), false),
            ("virtiofs0", Some("dir:share"), false)
        ],
        "neither a SPICE port nor a serial socket is a device of the host"
    );
    let raw = [("hostpci0", None, false), ("serial0", None, false), ("usb0", None, false)];
    assert_eq!(devices(of(103)), raw);
    assert_eq!(devices(of(107)), [("args", None, false)]);
    let text = |list: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        list.iter().map(|(key, source)| (*key, (*source).to_string())).collect()
    };
    let zfs = "local-zfs";
    let mounts =
        [("mp0", "/mnt/media (shared)"), ("mp1", "/srv/data"), ("mp2", zfs), ("rootfs", zfs)];
    assert_eq!(disks(of(101)), text(&mounts));
    let drives = [
        ("ide0", "local"),
        ("ide1", "/dev/cdrom"),
        ("scsi0", "/dev/disk/by-id/ata-DISK_1"),
        ("scsi1", "/mnt/shared/lun.raw (shared)"),
        ("virtio0", "ceph-vm"),
    ];
    assert_eq!(disks(of(110)), text(&drives));
    assert!(!of(110).disks[0].cdrom && of(110).disks[1].cdrom, "cloud-init drives are copied");
}

#[test]
fn only_the_current_part_counts_but_for_disks() {
    let all = facts("pve9");
    let lab = all.guest(109).unwrap();
    assert_eq!((lab.name.as_str(), lab.maxcpu), ("lab", Some(Cores(1.0))));
    let keys: Vec<&str> = lab.disks.iter().map(|d| d.key.as_str()).collect();
    assert_eq!(keys, ["scsi0", "unused0", "pending/scsi2", "before-upgrade/vmstate"]);
}

#[test]
fn what_pve_would_refuse_is_known() {
    let all = facts("pve9");
    let jobs = &all.guest(102).unwrap().replication;
    let jobs: Vec<(&str, bool)> = jobs.iter().map(|j| (j.target.as_str(), j.removed)).collect();
    assert_eq!(jobs, [("pve1", false), ("pve4", true)]);
    let failed = |vmid| all.guest(vmid).unwrap().ha.as_ref().unwrap().in_error;
    assert_eq!((failed(100), failed(106)), (false, true));
    let votes = all.votes.unwrap();
    let left = votes.with(["pve1", "pve4"].into_iter());
    assert_eq!((votes.qdevice, votes.needed(), left), (1, 3, 3));
    let reports = |version, name| facts(version).node(name).unwrap().reports_as;
    assert_eq!((reports("pve9", "pve1"), reports("pve8", "alpha")), (Some(9), Some(8)));
    assert_eq!(reports("pve9", "pve3"), None, "offline");
}

#[test]
fn groups_of_pve8_become_rules() {
    let all = facts("pve8");
    let [rule] = &all.ha_rules[..] else { panic!("{:?}", all.ha_rules) };
    assert_eq!((rule.name.as_str(), &rule.guests[..]), ("ha-group-mailers", &[200][..]));
    let failback = all.guest(200).and_then(|g| g.ha.as_ref()).map(|ha| !ha.no_failback);
    assert_eq!(failback, Some(false), "as the group says");
    let HaRuleKind::NodeAffinity { nodes, strict: true } = &rule.kind else { panic!("{rule:?}") };
    assert_eq!(
        nodes.iter().map(|(n, p)| (n.as_str(), *p)).collect::<Vec<_>>(),
        [("alpha", 10), ("beta", 0)]
    );
}

#[test]
fn nodes_in_maintenance_or_about_to_be_fenced() {
    let maintenance = |version, name: &str| facts(version).node(name).unwrap().maintenance;
    assert!(maintenance("pve9", "pve4") && !maintenance("pve9", "pve1"));
    assert_eq!(facts("pve8").node("gamma").unwrap().online, Some(false));
}
