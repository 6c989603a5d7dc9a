//! Each configuration parser at its edges, as tables.

use pve_foresight::collect::parse;
use pve_foresight::model::{
    Bytes, Cores, Crs, DiskSource, Fraction, GuestFacts, GuestKind, HaRuleKind,
};

const MIB: f64 = 1_048_576.0;

fn qemu(text: &str) -> GuestFacts {
    parse::qemu(text.as_bytes()).value
}

fn lxc(text: &str) -> GuestFacts {
    parse::lxc(text.as_bytes()).value
}

fn note_lines(notes: &pve_foresight::collect::Notes) -> Vec<usize> {
    notes.iter().map(|n| n.line).collect()
}

#[test]
fn an_empty_configuration_has_pve_defaults() {
    let vm = qemu("");
    assert_eq!((vm.maxcpu, vm.maxmem), (Some(Cores(1.0)), Some(Bytes(512.0 * MIB))));
    assert!(!vm.config_unknown && !vm.template);
    let ct = lxc("");
    assert_eq!((ct.kind, ct.maxcpu), (GuestKind::Lxc, None), "all cores of its host");
    assert_eq!(ct.maxmem, Some(Bytes(512.0 * MIB)));
}

#[test]
fn cores_of_a_vm() {
    for (text, want) in [
        ("cores: 4", 4.0),
        ("sockets: 2", 2.0),
        ("sockets: 2\ncores: 4", 8.0),
        ("sockets: 2\ncores: 4\nvcpus: 3", 3.0),
        ("cores: 0", 1.0),
        ("cores: four", 1.0),
        ("cores: -4", 1.0),
        ("cores: 4\ncores: 6", 6.0),
        ("cores: 4\n[PENDING]\ncores: 8", 4.0),
        ("cores: 4\n[snap]\ncores: 8", 4.0),
        ("#cores: 8", 1.0),
    ] {
        assert_eq!(qemu(text).maxcpu, Some(Cores(want)), "{text}");
    }
    assert_eq!(qemu("sockets: 4000000000\ncores: 4000000000").maxcpu, None, "no overflow");
    for (text, want) in [
        ("sockets: 2\ncores: 4\nvcpus: 3", Some(8.0)),
        ("cores: 4\nvcpus: 4", None),
        ("cores: 4", None),
        ("sockets: 4000000000\ncores: 4000000000\nvcpus: 2", None),
    ] {
        assert_eq!(qemu(text).start_cores, want.map(Cores), "{text}");
    }
}

#[test]
fn memory_of_a_vm() {
    for (text, max, min) in [
        ("memory: 2048", 2048.0, None),
        ("memory: current=4096", 4096.0, None),
        ("memory: 2048\nballoon: 1024", 2048.0, Some(1024.0)),
        ("memory: 2048\nballoon: 0", 2048.0, None),
        ("memory: 2048\nballoon: 2048", 2048.0, None),
        ("memory: 2048\nballoon: 9999", 2048.0, None),
        ("memory: lots", 512.0, None),
        ("memory: max=5", 512.0, None),
    ] {
        let vm = qemu(text);
        assert_eq!(vm.maxmem, Some(Bytes(max * MIB)), "{text}");
        assert_eq!(vm.minmem, min.map(|m: f64| Bytes(m * MIB)), "{text}");
    }
}

#[test]
fn drives() {
    let volume = |storage: &str, volume: &str| DiskSource::Volume {
        storage: storage.into(),
        volume: volume.into(),
    };
    let path = |path: &str, shared| DiskSource::HostPath { path: path.into(), shared };
    for (text, source, cdrom, size) in [
        ("scsi0: a:b,size=1K", volume("a", "b"), false, Some(1024.0)),
        ("scsi30: file=a:b", volume("a", "b"), false, None),
        ("virtio1: volume=a:100/vm.raw", volume("a", "100/vm.raw"), false, None),
        ("sata0: a:b:c,size=nonsense", volume("a", "b:c"), false, None),
        ("ide2: none,media=cdrom", DiskSource::None, true, None),
        ("ide2: none", DiskSource::None, true, None),
        ("cdrom: cdrom", path("/dev/cdrom", false), true, None),
        ("ide2: nas:iso/x.iso,media=cdrom", volume("nas", "iso/x.iso"), true, None),
        ("ide2: x.iso,media=cdrom", volume("local", "iso/x.iso"), true, None),
        ("ide0: vm-1.raw", volume("local", "vm-1.raw"), false, None),
        ("ide0: l:vm-1-cloudinit,media=cdrom", volume("l", "vm-1-cloudinit"), false, None),
        ("scsi1: /dev/sdb", path("/dev/sdb", false), false, None),
        ("scsi1: /dev/sdb,shared=1", path("/dev/sdb", true), false, None),
        ("scsi1: /dev/sdb,shared=0", path("/dev/sdb", false), false, None),
        ("unused7: a:b", volume("a", "b"), false, None),
        ("efidisk0: a:b,size=528K", volume("a", "b"), false, Some(528.0 * 1024.0)),
        ("tpmstate0: a:b", volume("a", "b"), false, None),
    ] {
        let vm = qemu(text);
        let [disk] = &vm.disks[..] else { panic!("{text}: {vm:?}") };
        assert_eq!((&disk.source, disk.cdrom), (&source, cdrom), "{text}");
        assert_eq!(disk.size, size.map(Bytes), "{text}");
        assert!(!vm.config_unknown, "{text}");
    }
}

#[test]
fn a_disk_or_device_not_understood_keeps_the_guest_where_it_is() {
    for text in [
        "scsi0: a/b",
        "scsi0: ,size=4G",
        "scsi0: size=4G",
        "scsi0: a:b,file=c:d",
        "scsi0: a:b,size=1G,size=2G",
        "scsi0: :b",
        "scsi0: a:",
        "scsi0: ../x:b",
        "hostpci0: a,b,c",
        "usb0: mapping=",
        "[snap]\nscsi0: a/b",
    ] {
        let parsed = parse::qemu(text.as_bytes());
        assert!(parsed.value.config_unknown, "{text}: {parsed:?}");
        assert!(!parsed.notes.is_empty(), "{text}");
    }
    for text in ["rootfs: a/b", "mp0: mp=/x", "rootfs: a:b,volume=c:d"] {
        assert!(lxc(text).config_unknown, "{text}");
    }
    for text in ["scsi: a/b", "scsihw: virtio", "scsi0x: a/b", "netscsi0: a/b", "boot: order=scsi0"]
    {
        let vm = qemu(text);
        assert!(!vm.config_unknown && vm.disks.is_empty(), "{text} names no disk");
    }
}

#[test]
fn devices_of_a_vm() {
    for (text, want) in [
        ("hostpci0: 0000:01:00.0,pcie=1", Some(("hostpci0", None))),
        ("hostpci0: host=01:00", Some(("hostpci0", None))),
        ("hostpci3: mapping=gpu", Some(("hostpci3", Some("pci:gpu")))),
        ("usb0: host=1234:5678", Some(("usb0", None))),
        ("usb0: 1-2.3", Some(("usb0", None))),
        ("usb0: spice", None),
        ("usb0: host=SPICE,usb3=1", None),
        ("usb0: mapping=key", Some(("usb0", Some("usb:key")))),
        ("serial0: socket", None),
        ("serial0: /dev/ttyS1", Some(("serial0", None))),
        ("parallel0: /dev/parport0", Some(("parallel0", None))),
        ("virtiofs0: share", Some(("virtiofs0", Some("dir:share")))),
        ("virtiofs0: dirid=share,cache=never", Some(("virtiofs0", Some("dir:share")))),
        ("ivshmem: size=32,name=x", Some(("ivshmem", None))),
        ("amd-sev: std", Some(("amd-sev", None))),
        ("intel-tdx: type=tdx", Some(("intel-tdx", None))),
        ("args: -cpu host", None),
        ("args: -device vfio-pci,host=01:00.0", Some(("args", None))),
        ("args: -drive file=/dev/sdc", Some(("args", None))),
        ("usb: x", None),
        ("audio0: device=ich9-intel-hda", None),
    ] {
        let vm = qemu(text);
        let found = vm.devices.first().map(|d| (d.key.as_str(), d.mapping.as_deref()));
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn parts_of_a_configuration_that_are_none_of_ours() {
    let vm = qemu("scsi0: a:b\n[special:fleecing]\nscsi5: c:d\n[snap]\nscsi6: e:f\nscsi0: a:b\n");
    let keys: Vec<&str> = vm.disks.iter().map(|d| d.key.as_str()).collect();
    assert_eq!(keys, ["scsi0", "snap/scsi6"]);
}

#[test]
fn a_volume_says_which_snapshot_holds_it() {
    let text = "scsi0: a:b\nscsi1: a:c\nide2: a:vm-1-cloudinit,media=cdrom\n[PENDING]\nscsi2: a:d\n\
                [snap]\nscsi0: a:b\nscsi3: a:e\nide2: a:vm-1-cloudinit,media=cdrom\nvmstate: a:f\n\
                [later]\nscsi0: a:b\n";
    let told: Vec<_> =
        qemu(text).disks.into_iter().map(|d| (d.key, d.snapshot.unwrap_or_default())).collect();
    let want = [
        ("ide2", ""),
        ("scsi0", "snap"),
        ("scsi1", ""),
        ("pending/scsi2", ""),
        ("snap/scsi3", "snap"),
        ("snap/vmstate", ""),
    ];
    assert_eq!(told, want.map(|(key, snapshot)| (key.to_string(), snapshot.to_string())));
}

#[test]
fn the_rest_of_a_vm() {
    for (text, model) in [
        ("cpu: host", "host"),
        ("cpu: cputype=kvm64,flags=+aes", "kvm64"),
        ("cpu: custom-mine,hidden=1", "custom-mine"),
        ("cpu: flags=+aes", ""),
        ("", ""),
    ] {
        assert_eq!(qemu(text).cpu_model, model, "{text}");
    }
    for (text, created) in [
        ("meta: creation-qemu=9.0.2,ctime=1700000000", Some(1_700_000_000)),
        ("meta: ctime=0", None),
        ("meta: ctime=-1", None),
        ("meta: ctime=soon", None),
        ("[snap]\nmeta: ctime=1700000000", None),
    ] {
        assert_eq!(qemu(text).created, created, "{text}");
    }
    for (text, template) in [("template: 1", true), ("template: yes", true), ("template: 0", false)]
    {
        assert_eq!(qemu(text).template, template, "{text}");
    }
    assert_eq!(qemu("tags: a;b, c  d;;").tags, ["a", "b", "c", "d"]);
    assert_eq!(qemu("lock: migrate").lock.as_deref(), Some("migrate"));
    assert_eq!(qemu("arch: aarch64").arch, "aarch64");
    assert_eq!(qemu("name: w\u{1b}[31m").name, "w\u{fffd}[31m");
}

#[test]
fn lines_that_are_no_settings_are_told_and_ignored() {
    let parsed = parse::qemu(b"cores: 2\nwhat is this\nmemory 512\n\n# fine\n=: 3\nname: x\r\n");
    assert_eq!((parsed.value.maxcpu, parsed.value.name.as_str()), (Some(Cores(2.0)), "x"));
    assert_eq!(note_lines(&parsed.notes), [2, 3, 6]);
}

#[test]
fn containers() {
    for (text, cores) in [
        ("cores: 2", Some(2.0)),
        ("cpulimit: 1.5", Some(1.5)),
        ("cores: 2\ncpulimit: 0.5", Some(2.0)),
        ("cpulimit: 0", None),
        ("cpulimit: NaN", None),
    ] {
        assert_eq!(lxc(text).maxcpu, cores.map(Cores), "{text}");
    }
    for (text, devices) in [
        ("dev0: /dev/kvm,mode=0660", 1),
        ("lxc.mount.entry: /srv srv none bind", 1),
        ("lxc.mount.entry = /srv srv none bind", 1),
        ("lxc.mount.entry: tmpfs tmp tmpfs size=1m", 0),
        ("lxc.cgroup2.devices.allow: c 10:200 rwm", 0),
        ("[snap]\nlxc.mount.entry: /srv srv none bind", 0),
        ("features: nesting=1,mount=nfs", 0),
    ] {
        assert_eq!(lxc(text).devices.len(), devices, "{text}");
    }
    let ct = lxc(
        "rootfs: a:b\nmp0: /x,mp=/x,shared=1\n[pve:pending]\nmp1: c:d,mp=/y\n[old]\nrootfs: a:b\nmp2: e:f,mp=/z\n",
    );
    let keys: Vec<&str> = ct.disks.iter().map(|d| d.key.as_str()).collect();
    assert_eq!(keys, ["mp0", "rootfs", "pending/mp1", "old/mp2"]);
}

#[test]
fn storages() {
    let parsed = parse::storage(b"NFS: nas\n\tserver x\n\ndir: d\n\tshared 1\n\tcontent none\n\nlvm: l\n\tshared off\n\tnodes a b,c\n\tdisable\n\n");
    let all = parsed.value;
    assert!(parsed.notes.is_empty());
    assert_eq!((all["nas"].kind.as_str(), all["nas"].shared), ("nfs", true));
    assert!(all["d"].shared && !all["d"].disabled);
    assert!(!all["l"].shared && all["l"].disabled);
    assert_eq!(all["l"].nodes, ["a", "b", "c"]);
    assert_eq!(all["l"].content, ["images"]);
    assert!(all["local"].nodes.is_empty(), "always there, on every node");
    let odd = parse::storage(b"dir: local\n\tpath /var/lib/vz\n\tnodes a\n\n").value;
    assert!(odd["local"].nodes.is_empty(), "PVE ignores restrictions of 'local'");
    let replaced = parse::storage(b"nfs: local\n\tserver x\n\n").value;
    assert_eq!((replaced["local"].kind.as_str(), replaced["local"].shared), ("dir", false));
    let shared = ["nfs", "cifs", "rbd", "cephfs", "iscsi", "iscsidirect", "zfs", "pbs", "drbd"];
    for kind in shared.iter().chain(&["glusterfs"]) {
        let text = format!("{kind}: s\n\tshared 0\n");
        assert!(parse::storage(text.as_bytes()).value["s"].shared, "{kind} is shared by nature");
    }
    for kind in ["dir", "btrfs", "lvm", "lvmthin", "zfspool"] {
        let text = format!("{kind}: s\n");
        assert!(!parse::storage(text.as_bytes()).value["s"].shared, "{kind}");
    }
}

#[test]
fn ha_rules() {
    let text = b"node-affinity: n\n\tresources vm:1, ct:2 vm:1\n\tnodes a:3 b\n\nresource-affinity: r\n\tresources vm:3\n\taffinity sideways\n\nfuture-rule: f\n\tresources vm:4,vm:5\n\nnode-affinity: bad\n\tresources vm:6\n\tnodes a:x\n\nnode-affinity: off\n\tresources vm:7\n\tnodes a\n\tdisable 1\n\n";
    let parsed = parse::rules(text);
    let [rule] = &parsed.value.rules[..] else { panic!("{parsed:?}") };
    assert_eq!((rule.name.as_str(), &rule.guests[..]), ("n", &[1, 2][..]));
    let nodes = [("a".to_string(), 3), ("b".to_string(), 0)].into();
    assert_eq!(rule.kind, HaRuleKind::NodeAffinity { nodes, strict: false });
    let unclear: Vec<u32> = parsed.value.unclear.iter().copied().collect();
    assert_eq!(unclear, [3, 4, 5, 6], "guests of rules nobody here understands must stay");
    assert_eq!(note_lines(&parsed.notes), [5, 9, 12]);
}

#[test]
fn ha_resources_and_groups() {
    let text = b"vm: 100\n\tgroup g\n\nct: 101\n\tstate ignored\n\tauto-rebalance 0\n\tfailback 0\n\nfoo: 102\n\nvm: x\n";
    let parsed = parse::resources(text);
    assert_eq!(parsed.value.keys().copied().collect::<Vec<_>>(), [100, 101]);
    let first = &parsed.value[&100];
    assert_eq!(
        (first.state.as_str(), first.group.as_str(), first.auto_rebalance),
        ("started", "g", true)
    );
    let second = &parsed.value[&101];
    assert_eq!((second.state.as_str(), second.auto_rebalance), ("ignored", false));
    assert!(!first.no_failback && second.no_failback);
    assert_eq!(note_lines(&parsed.notes), [9, 11]);
    let groups = parse::groups(
        b"group: g\n\tnodes a:1,b\n\trestricted\n\tnofailback 1\n\ngroup: h\n\tnodes\n\n",
    )
    .value;
    let group = groups["g"].as_ref().unwrap();
    assert!(group.restricted && group.nofailback && group.nodes.len() == 2);
    assert!(groups["h"].is_none(), "a group without nodes binds to nowhere known");
}

#[test]
fn ha_manager_status() {
    for text in [&b""[..], b"{}"] {
        assert_eq!(parse::manager_status(text).unwrap(), Default::default(), "it never ran");
    }
    for (asked, want) in [
        ("1", true),
        ("0", false),
        ("\"1\"", true),
        ("\"\"", false),
        ("true", true),
        ("null", false),
    ] {
        let text = format!(r#"{{"node_request":{{"a":{{"maintenance":{asked}}}}}}}"#);
        let nodes = parse::manager_status(text.as_bytes()).unwrap().nodes;
        assert_eq!(nodes["a"].maintenance_asked, want, "{asked}");
    }
    let text = br#"{"service_status":{"vm:7":{"state":"error"},"ct:8":{"state":"started"},"ct:9":{"state":"error"},"vm:x":{"state":"error"},"vm:4":{}}}"#;
    let failed = parse::manager_status(text).unwrap().in_error;
    assert_eq!(failed.into_iter().collect::<Vec<_>>(), [7, 9]);
    let text = br#"{"service_status":{"vm:7":{"state":"migrate","node":"a","target":"b"},"ct:8":{"state":"recovery","node":"a"},"vm:9":{"state":"started","node":"a"},"vm:4":{"state":"relocate","node":3}}}"#;
    let moved = parse::manager_status(text).unwrap().under_way;
    let of = |vmid: u32| {
        moved.get(&vmid).map(|m| (m.state.as_str(), m.source.as_str(), m.target.as_str()))
    };
    assert_eq!(of(7), Some(("migrate", "a", "b")));
    assert_eq!((of(8), of(9)), (Some(("recovery", "a", "")), None));
    assert_eq!(of(4), Some(("relocate", "", "")), "odd, but under way");
    for bad in ["[", "{\"node_status\":[]}", "{\"node_status\":{\"a\":7}}", "\u{feff}{}"] {
        assert!(parse::manager_status(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn the_scheduler() {
    let read = |text: &str| parse::datacenter(text.as_bytes());
    assert_eq!(read("").value, Crs::default());
    assert_eq!(read("keyboard: de\n").value, Crs::default());
    let full = read("crs: ha=static,ha-auto-rebalance=on,ha-auto-rebalance-threshold=12.5,ha-auto-rebalance-margin=200").value;
    assert!(full.auto_rebalance);
    assert_eq!((full.threshold, full.margin), (Fraction(0.125), Fraction(0.10)));
    assert!(
        !read("crs: ha=basic,ha-auto-rebalance=1").value.auto_rebalance,
        "basic never balances"
    );
    let broken = read("language: de\ncrs: ha=static,ha=basic\n");
    assert_eq!((broken.value, note_lines(&broken.notes)), (Crs::default(), vec![2]));
}

#[test]
fn mappings() {
    let parsed = parse::mapping(b"gpu\n\tmap node=b,path=1\n\tmap path=2,node=a\n\tmap node=b,path=3\n\nnone\n\tdescription x\n\nbad\n\tmap path=7\n\tmap node=../x\n\n");
    assert_eq!(parsed.value["gpu"].nodes, ["a", "b"]);
    assert!(!parsed.value["gpu"].live && parsed.value["none"].nodes.is_empty());
    assert!(parsed.value["bad"].nodes.is_empty());
    assert_eq!(parsed.notes.iter().count(), 2);
}

#[test]
fn members_and_guest_list() {
    let (alone, _) = parse::members(br#"{"nodename":"pve","version":0}"#).unwrap();
    assert_eq!((alone.local.as_str(), alone.quorate), ("pve", None));
    assert_eq!(alone.nodes, [("pve".to_string(), true)].into());
    let text = br#"{"nodename":"a","cluster":{"name":"c","quorate":0},"nodelist":{"a":{"online":1},"b":{"id":2},"../c":{"online":1}}}"#;
    let (members, notes) = parse::members(text).unwrap();
    assert_eq!(members.quorate, Some(false));
    assert_eq!(members.nodes, [("a".to_string(), true), ("b".to_string(), false)].into());
    assert_eq!(notes.iter().count(), 1);
    let (none, _) = parse::vmlist(br#"{"version":1}"#).unwrap();
    assert!(none.is_empty(), "a cluster without guests has no ids");
    let text = br#"{"ids":{"100":{"node":"a","type":"qemu","version":3},"101":{"node":"a","type":"openvz"},
        "0":{"node":"a","type":"lxc"},"x":{"node":"a","type":"lxc"},"102":{"node":"../../etc","type":"lxc"}}}"#;
    let (guests, notes) = parse::vmlist(text).unwrap();
    assert_eq!(guests.keys().copied().collect::<Vec<_>>(), [100]);
    assert_eq!(notes.iter().count(), 4);
    let error = parse::vmlist(b"{\n\"ids\": {\n\"100\": }\n}").unwrap_err();
    assert_eq!(error.line, 3, "the line of the mistake");
}
