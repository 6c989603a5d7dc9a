use super::*;
use crate::model::{Cores, Device, Disk, HaResource, HaRule, ReplicationJob, StorageFacts};

fn guest(vmid: Vmid, node: &str) -> GuestFacts {
    let disk = Disk {
        key: "scsi0".into(),
        source: DiskSource::Volume { storage: "ceph".into(), volume: "disk-0".into() },
        cdrom: false,
        ..Disk::default()
    };
    GuestFacts {
        vmid,
        node: node.into(),
        status: GuestStatus::Running,
        maxcpu: Some(Cores(4.0)),
        disks: vec![disk],
        ..GuestFacts::default()
    }
}

fn cluster() -> Inventory {
    let node = |name: &str| NodeFacts {
        name: name.into(),
        online: Some(true),
        maxcpu: Some(Cores(8.0)),
        ..NodeFacts::default()
    };
    let ceph = StorageFacts { kind: "rbd".into(), shared: true, ..StorageFacts::default() };
    Inventory {
        nodes: vec![node("a"), node("b"), node("c")],
        guests: vec![guest(1, "a"), guest(2, "b"), guest(3, "a")],
        storages: Some([("ceph".to_string(), ceph)].into()),
        ..Inventory::default()
    }
}

fn placement(inventory: &Inventory) -> Placement {
    inventory.guests.iter().map(|g| (g.vmid, g.node.clone())).collect()
}

/// Codes that keep guest 1 from node b.
fn codes(inventory: &Inventory) -> Vec<BlockerCode> {
    let constraints = Constraints::new(inventory);
    let guest = inventory.guest(1).unwrap();
    let mut found = constraints.of_guest(guest);
    let target = inventory.node("b").unwrap();
    found.extend(constraints.of_pair(guest, target, &placement(inventory)));
    found.into_iter().map(|b| b.code).collect()
}

#[test]
fn each_obstacle_is_named_and_its_removal_frees_the_way() {
    use BlockerCode as C;
    type Change = fn(&mut Inventory);
    let cases: [(BlockerCode, Change); 24] = [
        (C::Template, |i| i.guests[0].template = true),
        (C::NotRunning, |i| i.guests[0].status = GuestStatus::Stopped),
        (C::Locked, |i| i.guests[0].lock = Some("backup".into())),
        (C::ConfigUnknown, |i| i.guests[0].config_unknown = true),
        (C::TagIgnore, |i| i.guests[0].tags.push("ignore".into())),
        (C::TagPin, |i| i.guests[0].tags.push("pin_a".into())),
        (C::Passthrough, |i| {
            i.guests[0].devices.push(Device { key: "hostpci0".into(), ..Device::default() });
        }),
        (C::MappedDevice, |i| {
            let mapping = Some("pci:gpu".into());
            i.guests[0].devices.push(Device { key: "hostpci0".into(), mapping, live: true });
            i.mappings.insert("pci:gpu".into(), vec!["c".into()]);
        }),
        (C::HostPath, |i| {
            let path = "/dev/sdb".into();
            i.guests[0].disks[0].source = DiskSource::HostPath { path, shared: false };
        }),
        (C::HaError, |i| {
            i.guests[0].ha = Some(HaResource { in_error: true, ..HaResource::default() });
        }),
        (C::Replication, |i| {
            i.guests[0].replication.push(ReplicationJob { target: "c".into(), removed: false });
        }),
        (C::NodeOffline, |i| i.nodes[1].online = Some(false)),
        (C::NodeMaintenance, |i| i.nodes[1].maintenance = true),
        (C::TooManyCores, |i| i.guests[0].maxcpu = Some(Cores(9.0))),
        (C::TooManyCores, |i| i.guests[0].start_cores = Some(Cores(9.0))),
        (C::Passthrough, |i| {
            let mapping = Some("pci:gpu".into());
            i.guests[0].devices.push(Device { key: "hostpci0".into(), mapping, live: false });
            i.mappings.insert("pci:gpu".into(), vec!["b".into()]);
            i.guests[0].status = GuestStatus::Paused;
        }),
        (C::Storage, |i| {
            // The CD comes after a disk of the same storage, which can be copied.
            let local = StorageFacts { kind: "dir".into(), ..StorageFacts::default() };
            i.storages.as_mut().unwrap().insert("local".into(), local);
            let of = |key: &str, volume: &str, cdrom| Disk {
                key: key.into(),
                source: DiskSource::Volume { storage: "local".into(), volume: volume.into() },
                cdrom,
                ..Disk::default()
            };
            i.guests[0].disks.push(of("efidisk0", "1/vm-1-disk-0.raw", false));
            i.guests[0].disks.push(of("ide2", "iso/x.iso", true));
        }),
        (C::Storage, |i| {
            let storages = i.storages.as_mut().unwrap();
            storages.get_mut("ceph").unwrap().nodes = vec!["a".into(), "c".into()];
        }),
        (C::Storage, |i| i.nodes[1].storage = Some(vec!["other".into()])),
        (C::Storage, |i| {
            let storages = i.storages.as_mut().unwrap();
            storages.get_mut("ceph").unwrap().content = vec!["backup".into(), "rootdir".into()];
        }),
        (C::HaNodeAffinity, |i| {
            let nodes = [("a".to_string(), 1)].into();
            let kind = HaRuleKind::NodeAffinity { nodes, strict: true };
            i.ha_rules.push(HaRule { name: "r".into(), guests: vec![1], kind });
        }),
        (C::Apart, |i| {
            for index in [0, 1] {
                i.guests[index].tags.push("exclude_db".into());
            }
        }),
        (C::Together, |i| {
            for index in [0, 2] {
                i.guests[index].tags.push("affinity_shop".into());
            }
        }),
        (C::Together, |i| {
            let kind = HaRuleKind::ResourceAffinity { together: true };
            i.ha_rules.push(HaRule { name: "r".into(), guests: vec![1, 3], kind });
        }),
    ];
    assert_eq!(codes(&cluster()), [], "the way is free without obstacles");
    for (want, obstacle) in cases {
        let mut inventory = cluster();
        obstacle(&mut inventory);
        assert_eq!(codes(&inventory), [want]);
    }
}

#[test]
fn ha_rules_bind_where_ha_applies_them() {
    let rule = |i: &mut Inventory, kind: HaRuleKind, guests: &[Vmid]| {
        i.ha_rules.push(HaRule { name: "r".into(), guests: guests.to_vec(), kind });
        for vmid in guests {
            let index = i.guests.iter().position(|g| g.vmid == *vmid).unwrap();
            i.guests[index].ha = Some(HaResource::default());
        }
    };
    let nodes = |strict| HaRuleKind::NodeAffinity { nodes: [("a".into(), 1)].into(), strict };
    let apart = || HaRuleKind::ResourceAffinity { together: false };
    let mut inventory = cluster();
    rule(&mut inventory, nodes(true), &[1]);
    inventory.guests[0].ha.as_mut().unwrap().state = "ignored".into();
    assert_eq!(codes(&inventory), [], "HA is told to ignore it");
    let mut inventory = cluster();
    rule(&mut inventory, nodes(false), &[1]);
    assert_eq!(codes(&inventory), [BlockerCode::HaNodeAffinity], "HA would take it back");
    inventory.guests[0].ha.as_mut().unwrap().no_failback = true;
    assert_eq!(codes(&inventory), [], "HA leaves it there");
    let mut inventory = cluster();
    rule(&mut inventory, apart(), &[1, 2]);
    assert_eq!(codes(&inventory), [BlockerCode::Apart]);
    inventory.guests[1].status = GuestStatus::Stopped;
    assert_eq!(codes(&inventory), [], "who does not run is nowhere for HA");
    let mut inventory = cluster();
    rule(&mut inventory, apart(), &[1, 2]);
    inventory.guests[1].ha.as_mut().unwrap().state = "ignored".into();
    assert_eq!(codes(&inventory), []);
}

#[test]
fn what_is_harmless_does_not_block() {
    let mut inventory = cluster();
    inventory.guests[0].tags =
        vec!["prod".into(), "exclude_x".into(), "pin_B".into(), "affinity_shop".into()];
    // A guest that does not run holds nobody.
    inventory.guests[2].tags = vec!["affinity_shop".into()];
    inventory.guests[2].status = GuestStatus::Stopped;
    inventory.guests[0].devices.push(Device {
        key: "usb0".into(),
        mapping: Some("usb:k".into()),
        live: true,
    });
    inventory.mappings.insert("usb:k".into(), vec!["b".into()]);
    let path = "/mnt/nas".into();
    inventory.guests[0].disks[0].source = DiskSource::HostPath { path, shared: true };
    assert_eq!(codes(&inventory), []);
    // A container runs with the cores that there are.
    inventory.guests[0].kind = GuestKind::Lxc;
    inventory.guests[0].maxcpu = Some(Cores(64.0));
    assert_eq!(codes(&inventory), []);
}

/// What rules say of guest 1, on node a, against each node.
fn told(inventory: &Inventory) -> Vec<(&str, String)> {
    let constraints = Constraints::new(inventory);
    let guest = inventory.guest(1).unwrap();
    let texts = |node: &NodeFacts| -> String {
        let found = constraints.of_pair(guest, node, &placement(inventory));
        found.into_iter().map(|b| b.text).collect::<Vec<_>>().join("; ")
    };
    let others = inventory.nodes.iter().filter(|n| n.name != guest.node);
    others.map(|node| (node.name.as_str(), texts(node))).collect()
}

fn node_rule(priorities: &[(&str, i64)]) -> Inventory {
    let nodes = priorities.iter().map(|(n, p)| ((*n).to_string(), *p)).collect();
    let kind = HaRuleKind::NodeAffinity { nodes, strict: false };
    let rule = HaRule { name: "r".into(), guests: vec![1], kind };
    Inventory { ha_rules: vec![rule], ..cluster() }
}

#[test]
fn ha_takes_a_guest_to_the_nodes_of_the_highest_priority() {
    let free = String::new;
    let mut inventory = node_rule(&[("a", 2), ("b", 1), ("c", 1)]);
    let back = || "HA rule 'r' brings it back to a by itself".to_string();
    assert_eq!(told(&inventory), [("b", back()), ("c", back())]);
    inventory.guests[0].ha = Some(HaResource { no_failback: true, ..HaResource::default() });
    assert_eq!(told(&inventory), [("b", free()), ("c", free())]);
    inventory.guests[0].ha = Some(HaResource { state: "ignored".into(), ..Default::default() });
    assert_eq!(told(&inventory), [("b", free()), ("c", free())]);
    inventory.guests[0].ha = Some(HaResource::default());
    inventory.nodes[0].maintenance = true;
    assert_eq!(told(&inventory), [("b", free()), ("c", free())], "a does not serve");
    let equal = node_rule(&[("a", 1), ("b", 1)]);
    let off = "HA rule 'r' keeps it off c".to_string();
    assert_eq!(told(&equal), [("b", free()), ("c", off)]);
}

#[test]
fn ha_takes_a_guest_to_its_nodes_from_elsewhere() {
    let takes = || "HA rule 'r' takes it to c by itself".to_string();
    let mut inventory = node_rule(&[("c", 0)]);
    assert_eq!(told(&inventory), [("b", takes()), ("c", String::new())]);
    inventory.nodes[2].online = Some(false);
    assert_eq!(told(&inventory)[0], ("b", String::new()), "c does not serve");
}

#[test]
fn a_guest_goes_where_the_others_of_its_group_are() {
    let kind = HaRuleKind::ResourceAffinity { together: true };
    let rule = HaRule { name: "r".into(), guests: vec![1, 2, 3], kind };
    let mut inventory = Inventory { ha_rules: vec![rule], ..cluster() };
    inventory.guests[2].node = "c".into();
    assert_eq!(told(&inventory), [("b", String::new()), ("c", String::new())], "one on each");
    inventory.guests.push(guest(4, "c"));
    inventory.ha_rules[0].guests.push(4);
    let with = "HA rule 'r' keeps it with 3 and 4 on c".to_string();
    assert_eq!(told(&inventory), [("b", with), ("c", String::new())], "most are on c");
    for index in [2, 3] {
        inventory.guests[index].status = GuestStatus::Stopped;
    }
    let with = "HA rule 'r' keeps it with 2 on b".to_string();
    assert_eq!(told(&inventory), [("b", String::new()), ("c", with)], "only 2 runs");
}

#[test]
fn a_local_disk_that_pve_does_not_copy_stays_with_its_guest() {
    let stays = |kind, status, storage: &str, volume: &str, snapshot: Option<&str>| {
        let mut inventory = cluster();
        let local = StorageFacts { kind: storage.into(), ..StorageFacts::default() };
        inventory.storages.as_mut().unwrap().insert("tank".into(), local);
        let guest = &mut inventory.guests[0];
        (guest.kind, guest.status) = (kind, status);
        guest.disks[0].source =
            DiskSource::Volume { storage: "tank".into(), volume: volume.into() };
        guest.disks[0].snapshot = snapshot.map(String::from);
        let found = Constraints::new(&inventory).of_guest(&inventory.guests[0]);
        found.into_iter().find(|b| b.code == BlockerCode::LocalDisk).map(|b| b.text)
    };
    use GuestKind::{Lxc, Qemu};
    use GuestStatus::{Running, Stopped};
    let (disk, clone, snap) = ("vm-1-disk-0", "base-9-disk-0/vm-1-disk-0", Some("before"));
    assert_eq!(stays(Qemu, Running, "zfspool", disk, None), None);
    assert_eq!(
        stays(Qemu, Running, "zfspool", disk, snap).unwrap(),
        "has the local disk scsi0 on 'tank', which is in the snapshot 'before', with which PVE does \
         not copy it: delete the snapshot"
    );
    assert_eq!(
        stays(Qemu, Running, "zfspool", clone, None).unwrap(),
        "has the local disk scsi0 on 'tank', which is a linked clone of base-9-disk-0, which PVE \
         does not copy: move the disk to another storage, which makes it a full one"
    );
    let in_directory = "9/base-9-disk-0.qcow2/1/vm-1-disk-0.qcow2";
    for (want, kind, status, storage, volume, snapshot) in [
        (true, Qemu, Stopped, "dir", in_directory, None),
        (true, Lxc, Running, "zfspool", "basevol-9-disk-0/subvol-1-disk-0", None),
        (false, Qemu, Running, "dir", "9/base-9-disk-0.qcow2", None),
        (false, Qemu, Stopped, "zfspool", disk, snap),
        (false, Qemu, Stopped, "dir", "1/vm-1-disk-0.qcow2", snap),
        (true, Qemu, Stopped, "lvmthin", disk, snap),
        (false, Lxc, Running, "zfspool", disk, snap),
        (true, Lxc, Running, "lvmthin", disk, snap),
    ] {
        let told = stays(kind, status, storage, volume, snapshot);
        assert_eq!(told.is_some(), want, "{kind:?} {status:?} {storage} {volume} {told:?}");
    }
}

#[test]
fn local_disks_are_named() {
    let mut inventory = cluster();
    assert!(copied_disks(&inventory.guests[0], &inventory).is_empty());
    inventory.storages.as_mut().unwrap().get_mut("ceph").unwrap().shared = false;
    let disk = LocalDisk { storage: "ceph", size: None };
    assert_eq!(copied_disks(&inventory.guests[0], &inventory), [disk]);
}

#[test]
fn a_running_vm_goes_where_it_is_replicated_to() {
    let job = |target: &str| ReplicationJob { target: target.into(), removed: false };
    let text = |inventory: &Inventory| told(inventory).remove(0).1;
    let mut inventory = cluster();
    inventory.guests[0].replication = vec![job("c")];
    let elsewhere = "is replicated to c: PVE moves it nowhere else while it runs";
    assert_eq!(told(&inventory), [("b", elsewhere.into()), ("c", String::new())]);
    inventory.guests[0].ha = Some(HaResource { state: "started".into(), ..Default::default() });
    assert_eq!(text(&inventory), "is replicated to c, which would fail from b");
    inventory.guests[0].status = GuestStatus::Stopped;
    assert_eq!(text(&inventory), "", "a stopped one is copied");
    inventory.guests[0].replication = vec![ReplicationJob { removed: true, ..job("b") }];
    assert_eq!(text(&inventory), "has a replication job to b that is marked for removal");
    inventory.guests[0].replication = vec![job("c")];
    inventory.guests[0].status = GuestStatus::Running;
    inventory.guests[0].kind = GuestKind::Lxc;
    assert_eq!(text(&inventory), "", "a container stops for its move");
}

#[test]
fn what_is_replicated_is_there_already() {
    let mut inventory = cluster();
    let tank = StorageFacts { kind: "zfspool".into(), ..StorageFacts::default() };
    inventory.storages.as_mut().unwrap().insert("ceph".into(), tank);
    inventory.guests[0].disks[0].snapshot = Some("before".into());
    let codes = |i: &Inventory| -> Vec<BlockerCode> {
        Constraints::new(i).of_guest(&i.guests[0]).into_iter().map(|b| b.code).collect()
    };
    let copied = |i: &Inventory| copied_disks(&i.guests[0], i).len();
    assert_eq!((codes(&inventory), copied(&inventory)), (vec![BlockerCode::LocalDisk], 1));
    inventory.guests[0].replication = vec![ReplicationJob { target: "c".into(), removed: false }];
    assert_eq!((codes(&inventory), copied(&inventory)), (vec![], 0));
    assert!(has_local_disks(&inventory.guests[0], &inventory), "qm still asks for the option");
    inventory.guests[0].disks[0].not_replicated = true;
    assert_eq!((codes(&inventory), copied(&inventory)), (vec![BlockerCode::LocalDisk], 1));
}
