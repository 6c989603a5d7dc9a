//! `.rrd` at its edges: every column, both versions side by side, damage of all kinds.

use pve_foresight::collect::{GuestEntry, NodeEntry, Parsed, Rrd, StorageEntry, parse};
use pve_foresight::model::{Bytes, Cores, Fraction, GuestStatus};
use std::fs;
use std::path::Path;

fn read(text: &str) -> Parsed<Rrd> {
    parse::rrd(text.as_bytes())
}

/// The notes as `line: message`.
fn notes(parsed: &Parsed<Rrd>) -> Vec<String> {
    parsed.notes.iter().map(|n| format!("{}: {}", n.line, n.message)).collect()
}

fn guest(text: &str) -> GuestEntry {
    let parsed = read(text);
    assert_eq!(notes(&parsed), [""; 0]);
    parsed.value.guests.into_values().next().unwrap()
}

fn node(text: &str) -> NodeEntry {
    let parsed = read(text);
    assert_eq!(notes(&parsed), [""; 0]);
    parsed.value.nodes.into_values().next().unwrap()
}

#[test]
fn every_column_of_a_node() {
    let row = "100:s:1700000000:1.5:4:0.25:0.5:8000:4000:2000:1000:9:8:111:222";
    for (key, more) in [("pve2-node/n1", ""), ("pve-node-9.0/n1", ":3000:700:1:2:3:4:5")] {
        let entry = node(&format!("{key}:{row}{more}\n"));
        assert_eq!((entry.stamp.ctime, entry.stamp.uptime), (1_700_000_000, 100.0));
        assert_eq!(entry.counters, [Some(111.0), Some(222.0)]);
        let s = entry.sample;
        assert_eq!((s.load_avg, s.maxcpu), (Some(1.5), Some(Cores(4.0))));
        assert_eq!((s.cpu, s.iowait), (Some(Fraction(0.25)), Some(Fraction(0.5))));
        assert_eq!((s.maxmem, s.mem), (Some(Bytes(8000.0)), Some(Bytes(4000.0))));
        assert_eq!((s.maxswap, s.swap), (Some(Bytes(2000.0)), Some(Bytes(1000.0))));
        let new = !more.is_empty();
        assert_eq!(s.mem_available, new.then_some(Bytes(3000.0)));
        assert_eq!(s.arc, new.then_some(Bytes(700.0)));
        let pressures =
            [s.psi_cpu_some, s.psi_io_some, s.psi_io_full, s.psi_memory_some, s.psi_memory_full];
        let want = [0.01, 0.02, 0.03, 0.04, 0.05].map(|x| new.then_some(Fraction(x)));
        assert_eq!(pressures, want);
    }
}

#[test]
fn every_column_of_a_guest() {
    let row = "50:web:running:0:1700000000:2:0.5:8000:4000:90:0:1:2:3:4";
    for (key, more) in [("pve2.3-vm/100", ""), ("pve-vm-9.0/100", ":5000:1:2:3:4:5:6")] {
        let entry = guest(&format!("{key}:{row}{more}\n"));
        assert_eq!((entry.stamp.ctime, entry.stamp.uptime), (1_700_000_000, 50.0));
        assert_eq!(entry.counters, [1.0, 2.0, 3.0, 4.0].map(Some));
        let s = entry.sample;
        assert_eq!((s.vmid, s.name.as_str(), s.status), (100, "web", GuestStatus::Running));
        assert_eq!((s.maxcpu, s.cpu), (Some(Cores(2.0)), Some(Fraction(0.5))));
        assert_eq!((s.maxmem, s.mem), (Some(Bytes(8000.0)), Some(Bytes(4000.0))));
        let new = !more.is_empty();
        assert_eq!(s.mem_host, new.then_some(Bytes(5000.0)));
        let pressures = [
            s.psi_cpu_some,
            s.psi_cpu_full,
            s.psi_io_some,
            s.psi_io_full,
            s.psi_memory_some,
            s.psi_memory_full,
        ];
        let want = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06].map(|x| new.then_some(Fraction(x)));
        assert_eq!(pressures, want);
    }
}

#[test]
fn the_oldest_guest_key_has_neither_status_nor_template() {
    let old = guest("pve2-vm/100:50:web:1700000000:2:0.5:8000:4000:90:0:1:2:3:4\n");
    let new = guest("pve2.3-vm/100:50:web:running:0:1700000000:2:0.5:8000:4000:90:0:1:2:3:4\n");
    assert_eq!(old, new);
    let stopped = guest("pve2-vm/100:0:web:1700000000:2::8000::90:0::::\n");
    assert_eq!(stopped.sample.status, GuestStatus::Stopped);
}

#[test]
fn storages_of_both_versions() {
    for key in ["pve2-storage", "pve-storage-9.0"] {
        let parsed = read(&format!("{key}/n1/local-lvm:1700000000:100:40\n"));
        let ((at, id), entry) = parsed.value.storages.into_iter().next().unwrap();
        assert_eq!(
            (at.as_str(), id.as_str(), entry.stamp.ctime),
            ("n1", "local-lvm", 1_700_000_000)
        );
        assert_eq!((entry.sample.total, entry.sample.used), (Bytes(100.0), Bytes(40.0)));
    }
}

#[test]
fn words_for_the_run_state() {
    for (word, want) in [
        ("running", GuestStatus::Running),
        ("stopped", GuestStatus::Stopped),
        ("paused", GuestStatus::Paused),
        ("suspended", GuestStatus::Paused),
        ("prelaunch", GuestStatus::Paused),
        ("io-error", GuestStatus::Unknown),
        ("U", GuestStatus::Unknown),
        ("", GuestStatus::Unknown),
    ] {
        let row = format!("pve2.3-vm/1:0:n:{word}:0:1700000000:1:U:1:U:1:0:U:U:U:U\n");
        assert_eq!(guest(&row).sample.status, want, "{word:?}");
    }
}

#[test]
fn what_is_no_measurement_becomes_unknown_with_a_note() {
    for bad in ["NaN", "nan", "-0.5", "inf", "-inf", "1e999", "65", "abc", " 1", "0x10", "½"] {
        let row = format!("pve2.3-vm/1:5:n:running:0:1700000000:1:{bad}:1:1:1:0:7:U:U:U\n");
        let parsed = read(&row);
        let entry = &parsed.value.guests[&1];
        assert_eq!((entry.sample.cpu, entry.counters[0]), (None, Some(7.0)), "{bad}");
        assert_eq!(notes(&parsed).len(), 1, "{bad}");
        assert!(notes(&parsed)[0].starts_with("1: cpu is "), "{bad}");
    }
    let zero = guest("pve2.3-vm/1:5:n:running:0:1700000000:1:-0:1:1:1:0:1:2:3:4\n").sample.cpu;
    assert!(zero.unwrap().0.is_sign_positive(), "no negative nothing");
    let parsed = read("pve2.3-vm/1:5:n:running:0:1700000000:1:0:1:1:1:0:-7:1e400:U:\n");
    assert_eq!(parsed.value.guests[&1].counters, [None; 4]);
    assert_eq!(notes(&parsed).len(), 2, "negative and endless counters; U and nothing are usual");
}

#[test]
fn small_excess_is_kept_and_pressure_is_capped() {
    let busy = guest("pve2.3-vm/1:5:n:running:0:1700000000:1:1.07:1:1:1:0:U:U:U:U\n");
    assert_eq!(busy.sample.cpu, Some(Fraction(1.07)));
    let stalled =
        node(&format!("pve-node-9.0/n:1::1700000000:0:1:0:0{}:100.4:0:0:0:0\n", ":U".repeat(10)));
    assert_eq!(stalled.sample.psi_cpu_some, Some(Fraction(1.0)));
}

#[test]
fn lines_that_say_nothing_are_skipped_and_told() {
    let good = "pve2-storage/n1/s:1700000000:1:1\n";
    for bad in [
        "garbage",
        "pve2-node/n1",
        ":1:2:3",
        "/n1:1:2",
        "pve2-node/:1:2:3",
        "pve2-node/a b:1::1700000000:0:1:0:0:1:1:1:1:1:1:1:1",
        "pve2-node/../etc:1::1700000000:0:1:0:0:1:1:1:1:1:1:1:1",
        "pve2.3-vm/0:1:n:running:0:1700000000:1:0:1:1:1:0:1:1:1:1",
        "pve2.3-vm/-1:1:n:running:0:1700000000:1:0:1:1:1:0:1:1:1:1",
        "pve2.3-vm/99999999999:1:n:running:0:1700000000:1:0:1:1:1:0:1:1:1:1",
        "pve2.3-vm/1:1:n:running:0:U:1:0:1:1:1:0:1:1:1:1",
        "pve2.3-vm/1:1:n:running:0:-5:1:0:1:1:1:0:1:1:1:1",
        "pve2.3-vm/1:1",
        "pve2-storage/n1:1700000000:1:1",
        "pve2-storage/n1/a/b:1700000000:1:1",
        "pve2-storage/n1/x:1700000000:U:1",
    ] {
        let parsed = read(&format!("{good}{bad}\n{good}"));
        assert_eq!(parsed.value.storages.len(), 1, "{bad}: the other lines stay readable");
        assert!(parsed.value.nodes.is_empty() && parsed.value.guests.is_empty(), "{bad}");
        assert!(notes(&parsed).iter().any(|n| n.starts_with("2: ")), "{bad}: {parsed:?}");
    }
}

#[test]
fn newer_keys_are_read_as_far_as_known_and_told_once() {
    let row = "5:n:running:0:1700000000:1:0.5:1:1:1:0:1:2:3:4:9:0:0:0:0:0:0:more:77";
    let parsed = read(&format!(
        "pve-vm-10.2/1:{row}\npve-vm-10.2/2:{row}\npve2.4-vm/3:{row}\npve2.4-vm/4:{row}\n"
    ));
    assert_eq!(parsed.value.guests.len(), 2);
    assert_eq!(parsed.value.guests[&2].sample.cpu, Some(Fraction(0.5)));
    let told = notes(&parsed);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("1: key \"pve-vm-10.2\" is newer"), "{told:?}");
    assert!(told[1].starts_with("3: unknown key \"pve2.4-vm\""), "{told:?}");
}

#[test]
fn names_with_colons_are_put_together() {
    for (row, name) in [
        ("5:a:b:running:0:1700000000:1:0.5:1:1:1:0:1:2:3:4", "a:b"),
        ("5:a::b::running:1:1700000000:1:0.5:1:1:1:0:1:2:3:4", "a::b:"),
        ("5:1:0:1700000000:running:0:1700000000:1:0.5:1:1:1:0:1:2:3:4", "1:0:1700000000"),
    ] {
        let parsed = read(&format!("pve2.3-vm/1:{row}\n"));
        let entry = &parsed.value.guests[&1];
        assert_eq!((entry.sample.name.as_str(), entry.sample.cpu), (name, Some(Fraction(0.5))));
        assert_eq!(entry.counters, [1.0, 2.0, 3.0, 4.0].map(Some));
        assert_eq!(notes(&parsed).len(), 1, "{name}");
    }
    let parsed = read("pve2.3-vm/1:5:a:running:0:1700000000:1:0.5:1:1:1:0:1:2:3:4:new:columns\n");
    assert_eq!(parsed.value.guests[&1].sample.name, "a");
    assert_eq!(notes(&parsed), ["1: 2 columns more than known, ignored"]);
    let parsed = read("pve2.3-vm/1:5:a:b:c:d:e:f:g:h:i:j:k:l:m:n:o:p\n");
    assert!(parsed.value.guests.is_empty(), "nothing fits: {parsed:?}");
}

#[test]
fn of_two_entries_the_newer_one_counts() {
    let old = "pve2.3-vm/1:5:old:running:0:1700000000:1:0.1:1:1:1:0:1:2:3:4\n";
    let new = "pve-vm-9.0/1:5:new:running:0:1700000009:1:0.2:1:1:1:0:1:2:3:4:U:U:U:U:U:U:U\n";
    for text in [format!("{old}{new}"), format!("{new}{old}")] {
        assert_eq!(read(&text).value.guests[&1].sample.name, "new");
    }
}

#[test]
fn undecodable_bytes_cost_a_name_at_most() {
    let mut bytes = b"pve2.3-vm/1:5:caf".to_vec();
    bytes.extend(b"\xe9\xff:running:0:1700000000:1:0.5:1:1:1:0:1:2:3:4\n");
    let parsed = parse::rrd(&bytes);
    assert_eq!(parsed.value.guests[&1].sample.name, "caf\u{fffd}\u{fffd}");
    assert_eq!(notes(&parsed).len(), 1);
}

/// Cut anywhere, the lines before the cut read as ever, and a half number never as a whole one.
#[test]
fn truncated_at_every_byte() {
    for version in ["pve8", "pve9"] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(version).join(".rrd");
        let bytes = fs::read(path).unwrap();
        let whole = parse::rrd(&bytes).value;
        for end in 0..bytes.len() {
            let parsed = parse::rrd(&bytes[..end]);
            let lines = bytes[..end].iter().filter(|b| **b == b'\n').count();
            let Rrd { nodes, guests, storages } = parsed.value;
            assert_eq!(nodes.len() + guests.len() + storages.len(), lines, "cut at {end}");
            let same_node = |(k, e): (_, &NodeEntry)| whole.nodes.get(k) == Some(e);
            let same_guest = |(k, e): (_, &GuestEntry)| whole.guests.get(k) == Some(e);
            let same_storage = |(k, e): (_, &StorageEntry)| whole.storages.get(k) == Some(e);
            assert!(nodes.iter().all(same_node), "cut at {end}");
            assert!(guests.iter().all(same_guest), "cut at {end}");
            assert!(storages.iter().all(same_storage), "cut at {end}");
            let cut =
                parsed.notes.iter().any(|n| n.line == lines + 1 && n.message.contains("cut off"));
            assert_eq!(cut, end > 0 && bytes[end - 1] != b'\n', "cut at {end}");
        }
    }
}

#[test]
fn a_flood_of_nonsense_stays_bounded() {
    let flood = "x\n".repeat(100_000) + &"y/z:1:2\n".repeat(100_000);
    let parsed = read(&flood);
    assert!(parsed.notes.iter().count() <= 50);
    let long = format!("pve2-node/{}:1\n", "n".repeat(5_000_000));
    assert!(notes(&read(&long))[0].len() < 200, "messages repeat little of what they complain of");
    let fields = "pve2-node/n1:1::1700000000".to_string() + &":7".repeat(1_000_000) + "\n";
    assert_eq!(read(&fields).value.nodes.len(), 1);
}
