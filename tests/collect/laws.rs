//! Laws that hold for any input: no parser panics, what is written is read, every tick is sound.

use proptest::collection::vec;
use proptest::prelude::*;
use pve_foresight::collect::{
    Counters, Live, LiveGuest, LiveNode, Place, Rrd, guest_sample, node_sample, parse, rates,
    storage_sample,
};
use std::fs;
use std::path::Path;

/// Every parser on the same bytes.
fn parse_all(bytes: &[u8]) {
    let rrd = parse::rrd(bytes).value;
    let _ = (parse::qemu(bytes), parse::lxc(bytes), parse::storage(bytes), parse::mapping(bytes));
    let _ = (parse::rules(bytes), parse::groups(bytes), parse::resources(bytes));
    let _ = (parse::datacenter(bytes), parse::manager_status(bytes), Counters::parse(bytes));
    let _ = (parse::corosync(bytes), parse::replication(bytes));
    if let Ok(file) = parse::rrd_file(bytes) {
        for (archive, row) in
            file.archives.iter().flat_map(|a| (0..a.len()).map(move |row| (a, row)))
        {
            let get = |name: &str| archive.value(row, file.sources.iter().position(|s| s == name)?);
            let _ = (node_sample("n", &get), guest_sample(1, &get), storage_sample("s", &get));
        }
    }
    let places = parse::vmlist(bytes).map(|(places, _)| places).unwrap_or_default();
    let members = parse::members(bytes).map(|(members, _)| members).unwrap_or_default();
    let live = live_of(rrd, &members.nodes, places.into_iter().collect());
    sound(&Counters::default(), &live, 1_700_000_000);
}

/// Whatever `.rrd` says, put under the nodes and guests given, and those it names itself.
fn live_of(
    rrd: Rrd,
    members: &std::collections::BTreeMap<String, bool>,
    mut places: Vec<(u32, Place)>,
) -> Live {
    let place = Place { node: "n1".into(), ..Place::default() };
    places.extend(rrd.guests.keys().map(|vmid| (*vmid, place.clone())));
    places.sort_by_key(|(vmid, _)| *vmid);
    places.dedup_by_key(|(vmid, _)| *vmid);
    let node = |name: &String| LiveNode {
        name: name.clone(),
        online: members.get(name).copied(),
        entry: rrd.nodes.get(name).cloned(),
        storages: rrd
            .storages
            .iter()
            .filter(|((n, _), _)| n == name)
            .map(|(_, s)| s.clone())
            .collect(),
    };
    let mut names: Vec<&String> = members.keys().chain(rrd.nodes.keys()).collect();
    names.sort();
    names.dedup();
    let guest = |(vmid, place)| LiveGuest {
        vmid,
        place,
        created: None,
        entry: rrd.guests.get(&vmid).cloned(),
    };
    Live {
        nodes: names.into_iter().map(node).collect(),
        guests: places.into_iter().map(guest).collect(),
        ..Live::default()
    }
}

/// A tick made of it passes its own check unless nobody is in it, and so do the counters it leaves.
fn sound(previous: &Counters, live: &Live, now: i64) -> Counters {
    let (tick, next, _) = rates(previous, live, now);
    let anybody = !live.nodes.is_empty() || !live.guests.is_empty();
    assert_eq!(tick.check().is_ok(), anybody, "{:?}", tick.check());
    assert_eq!(Counters::parse(&next.to_bytes().unwrap()).unwrap(), next);
    next
}

/// Text made of the pieces these files are made of, so that the parsers' insides are reached.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "pve2.3-vm/100",
        "pve-vm-9.0/7",
        "pve2-node/n1",
        "pve-node-9.0/n1",
        "pve-node-11/n1",
        "pve2-storage/n1/s",
        "pve2-vm/5",
        ":",
        ":U",
        ":1",
        ":0.5",
        ":-1",
        ":NaN",
        ":running",
        ":1700000000",
        ":1e300",
        ":18446744073709551616",
        "\n",
        "\n\n",
        "\t",
        " ",
        "[",
        "]",
        "[PENDING]\n",
        "[special:fleecing]\n",
        "scsi0: ",
        "mp0: ",
        "a:b",
        ",",
        "=",
        "size=4G",
        "memory: ",
        "cores: ",
        "4294967296",
        "tags: ",
        ";",
        "#",
        "dir: ",
        "group: ",
        "nodes ",
        "n1:2",
        "node-affinity: ",
        "resources vm:100",
        "strict",
        "crs: ",
        "ha=static",
        "map ",
        "node=n1",
        "\u{feff}",
        "ä",
        "\"",
        "{",
        "}",
        "\"ids\":",
        "\"100\":",
        "\"node\":\"n1\"",
        "\"type\":\"qemu\"",
        "hostpci0: ",
        "mapping=x",
        "meta: ",
        "ctime=1",
        "rootfs: ",
        "lxc.mount.entry",
        "\0",
        "\r",
    ];
    vec(prop::sample::select(words.to_vec()), 0..60).prop_map(|w| w.concat().into_bytes())
}

/// A field of `.rrd`: a number, unknown, or anything without the separators.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("U".to_string()),
        Just(String::new()),
        any::<f64>().prop_map(|x| x.to_string()),
        any::<u64>().prop_map(|x| x.to_string()),
        "[^:\n]{0,8}",
    ]
}

/// A line that could be one of a node or guest, with any fields.
fn line() -> impl Strategy<Value = String> {
    let kinds = [
        "pve2-node/n1",
        "pve-node-9.0/n2",
        "pve2.3-vm/1",
        "pve-vm-9.0/2",
        "pve2-vm/3",
        "pve2-storage/n1/s",
        "pve-storage-9.0/n2/t",
        "pve-vm-12.1/4",
    ];
    (prop::sample::select(kinds.to_vec()), vec(field(), 0..26), 1_699_999_000_i64..1_700_001_000)
        .prop_map(|(key, mut fields, time)| {
            for at in [0, 2, 4] {
                if let Some(field) = fields.get_mut(at).filter(|_| time % 3 != 0) {
                    *field = time.to_string();
                }
            }
            format!("{key}:{}\n", fields.join(":"))
        })
}

proptest! {
    #[test]
    fn any_bytes_never_panic(bytes in vec(any::<u8>(), 0..2000)) {
        parse_all(&bytes);
    }

    #[test]
    fn any_pieces_never_panic(bytes in pieces()) {
        parse_all(&bytes);
    }

    #[test]
    fn any_fields_make_sound_ticks(first in vec(line(), 0..20), then in vec(line(), 0..20)) {
        let read = |lines: &[String]| {
            live_of(parse::rrd(lines.concat().as_bytes()).value, &Default::default(), Vec::new())
        };
        let counters = sound(&Counters::default(), &read(&first), 1_700_000_000);
        sound(&counters, &read(&then), 1_700_000_060);
    }

    /// A damaged fixture: some bytes changed anywhere in any of its files.
    #[test]
    fn damaged_fixtures_never_panic(at in any::<prop::sample::Index>(), bytes in vec(any::<u8>(), 1..5), file in 0..12_usize) {
        let name = ["pve9/.rrd", "pve8/.rrd", "pve9/.vmlist", "pve9/.members", "pve9/storage.cfg",
            "pve9/ha/rules.cfg", "pve8/ha/groups.cfg", "pve9/ha/manager_status", "pve9/mapping/pci.cfg",
            "pve9/nodes/pve1/qemu-server/100.conf", "pve9/nodes/pve4/lxc/108.conf", "pve9/datacenter.cfg"][file];
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
        let mut text = fs::read(path).unwrap();
        let start = at.index(text.len());
        let end = (start + bytes.len()).min(text.len());
        text.splice(start..end, bytes);
        parse_all(&text);
    }

    /// What a node writes is what is read, to the last digit Perl prints.
    #[test]
    fn valid_lines_round_trip(
        vmid in 100..999_999_999_u32,
        name in "[a-zA-Z0-9äöü<>\"' .-]{1,40}",
        numbers in vec(prop::option::of(0.0..1.0_f64), 17),
        uptime in 0..10_000_000_u32,
        new in any::<bool>(),
    ) {
        let text = |scale: f64, x: &Option<f64>| x.map_or("U".into(), |x| (x * scale).to_string());
        let [cpu, rest @ ..] = &numbers[..] else { unreachable!() };
        let mut fields = vec![uptime.to_string(), name.clone(), "running".into(), "0".into(),
            "1700000000".into(), "4".into(), text(1.0, cpu)];
        fields.extend(rest[..8].iter().map(|x| text(1e15, x)));
        if new {
            fields.push(text(1e15, &rest[8]));
            fields.extend(rest[9..15].iter().map(|x| text(100.0, x)));
        }
        let key = if new { "pve-vm-9.0" } else { "pve2.3-vm" };
        let parsed = parse::rrd(format!("{key}/{vmid}:{}\n", fields.join(":")).as_bytes());
        prop_assert!(parsed.notes.is_empty(), "{:?}", parsed.notes);
        let entry = &parsed.value.guests[&vmid];
        prop_assert_eq!(&entry.sample.name, &name);
        prop_assert_eq!(entry.stamp.uptime, f64::from(uptime));
        prop_assert_eq!(entry.sample.cpu.map(|x| x.0), *cpu);
        let close = |read: Option<f64>, wrote: Option<f64>, scale: f64| match (read, wrote) {
            (Some(read), Some(wrote)) => (read - wrote * scale).abs() <= scale * 1e-12,
            (read, wrote) => read.is_none() == wrote.is_none(),
        };
        prop_assert!(close(entry.sample.maxmem.map(|x| x.0), rest[0], 1e15));
        for (counter, wrote) in entry.counters.iter().zip(&rest[4..8]) {
            prop_assert!(close(*counter, *wrote, 1e15));
        }
        let full = entry.sample.psi_memory_full.map(|x| x.0);
        prop_assert!(close(full, rest[14].filter(|_| new), 1.0));
    }
}
