//! Bad input at the door: trees that are no trees, and files that are no files.

use super::skip_support::skip;
use pve_foresight::collect::{Counters, identify, inventory, live, rates};
use pve_foresight::error::{Kind, Warning};
use pve_foresight::model::{GuestStatus, Inventory};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NOW: i64 = 1_763_900_060;

/// A copy of a fixture tree to be damaged.
fn copy(version: &str) -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(version);
    let to = tempfile::tempdir().unwrap();
    copy_folder(&from, to.path());
    to
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn about<'a>(warnings: &'a [Warning], name: &str) -> Option<&'a Warning> {
    warnings.iter().find(|w| w.file.ends_with(name))
}

fn unknown(inventory: &Inventory) -> Vec<u32> {
    inventory.guests.iter().filter(|g| g.config_unknown).map(|g| g.vmid).collect()
}

#[test]
fn no_tree_is_a_clear_error() {
    let empty = tempfile::tempdir().unwrap();
    let file = empty.path().join("file");
    File::create(&file).unwrap();
    for (root, kind, hint) in [
        (empty.path().to_path_buf(), Kind::NotFound, "pve-cluster"),
        (PathBuf::from("/nonexistent/pve"), Kind::NotFound, "/nonexistent/pve"),
        (file, Kind::Invalid, "not a directory"),
    ] {
        for error in [live(&root).unwrap_err(), inventory(&root, NOW).unwrap_err()] {
            assert_eq!(error.kind, kind, "{error}");
            let text = error.to_string();
            assert!(text.contains(hint) && text.contains(root.to_str().unwrap()), "{text}");
        }
    }
}

#[test]
fn a_standalone_node_without_any_extras_is_normal() {
    let tree = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = tree.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(".members", "{\n\"nodename\": \"solo\",\n\"version\": 1\n}\n");
    write(".vmlist", "{\n\"version\": 1\n\n}\n");
    write(".rrd", "pve-node-9.0/solo:10::1763900050:0:4:0.1:0:8:4:0:0:1:1:5:5:4:0:0:0:0:0:0\n");
    write("storage.cfg", "dir: local\n\tpath /var/lib/vz\n\n");
    let now = live(tree.path()).unwrap();
    let (tick, _, warnings) = rates(&Counters::default(), &now, NOW);
    tick.check().unwrap();
    assert!(tick.guests.is_empty() && tick.nodes[0].online && warnings.is_empty());
    let facts = inventory(tree.path(), NOW).unwrap();
    assert_eq!(facts.warnings, []);
    assert_eq!((facts.cluster.as_str(), facts.quorate, facts.nodes.len()), ("", None, 1));
}

#[test]
fn without_quorum_the_rest_is_offline_and_it_is_said() {
    let tree = copy("pve9");
    let members = tree.path().join(".members");
    let text = fs::read_to_string(&members).unwrap();
    let text =
        text.replace("\"quorate\": 1", "\"quorate\": 0").replace("\"online\": 1", "\"online\": 0");
    fs::write(&members, text).unwrap();
    let now = live(tree.path()).unwrap();
    assert_eq!(now.quorate, Some(false));
    assert!(about(&now.warnings, ".members").unwrap().message.contains("no quorum"));
    let (tick, _, _) = rates(&Counters::default(), &now, NOW);
    assert!(tick.nodes.iter().all(|n| !n.online && n.cpu.is_none()));
    assert!(tick.guests.iter().all(|g| g.status == GuestStatus::Unknown));
}

#[test]
fn without_members_and_list_the_files_tell_who_is_there() {
    let tree = copy("pve9");
    let whole = inventory(tree.path(), NOW).unwrap();
    fs::remove_file(tree.path().join(".members")).unwrap();
    fs::write(tree.path().join(".vmlist"), "{\n\"ids\": nonsense").unwrap();
    let now = live(tree.path()).unwrap();
    assert_eq!(now.guests.len(), 12);
    assert_eq!(about(&now.warnings, ".vmlist").unwrap().line, 2);
    let (tick, _, _) = rates(&Counters::default(), &now, NOW);
    tick.check().unwrap();
    let online: Vec<&str> =
        tick.nodes.iter().filter(|n| n.online).map(|n| n.name.as_str()).collect();
    assert_eq!(online, ["pve1", "pve2", "pve4"], "those that report");
    let facts = inventory(tree.path(), NOW).unwrap();
    assert_eq!(facts.guests, whole.guests);
    assert!(facts.nodes.iter().all(|n| n.online.is_none()));
}

#[test]
fn an_unreadable_configuration_keeps_its_guest_where_it_is() {
    let tree = copy("pve9");
    let conf = |name: &str| tree.path().join("nodes").join(name);
    fs::remove_file(conf("pve1/qemu-server/100.conf")).unwrap();
    fs::remove_file(conf("pve2/qemu-server/102.conf")).unwrap();
    fs::create_dir(conf("pve2/qemu-server/102.conf")).unwrap();
    let huge = File::create(conf("pve2/qemu-server/103.conf")).unwrap();
    huge.set_len(1 << 30).unwrap();
    let facts = inventory(tree.path(), NOW).unwrap();
    assert_eq!(unknown(&facts), [100, 102, 103]);
    for (name, hint) in
        [("100.conf", "missing"), ("102.conf", "not a regular"), ("103.conf", "larger")]
    {
        assert!(about(&facts.warnings, name).unwrap().message.contains(hint), "{name}");
    }
    assert_eq!(facts.guest(100).unwrap().status, GuestStatus::Running, "what is known stays known");
}

#[test]
fn unreadable_rules_keep_those_they_may_concern_where_they_are() {
    let ha: &[u32] = &[100, 106, 108];
    let all: &[u32] = &[100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111];
    for (name, concerned) in [
        ("ha/rules.cfg", ha),
        ("ha/groups.cfg", ha),
        ("datacenter.cfg", ha),
        ("ha/resources.cfg", all),
        ("ha/manager_status", all),
        ("replication.cfg", all),
        ("mapping/pci.cfg", &[]),
    ] {
        let tree = copy("pve9");
        let path = tree.path().join(name);
        let _ = fs::remove_file(&path);
        fs::create_dir(&path).unwrap();
        let facts = inventory(tree.path(), NOW).unwrap();
        let doubtful = facts.guests.iter().filter(|g| g.config_unknown);
        doubtful.for_each(|g| assert_eq!(g.unknown_file, name, "{}", g.vmid));
        assert_eq!(unknown(&facts), concerned, "{name}");
        assert!(about(&facts.warnings, name).is_some(), "{name}: {:?}", facts.warnings);
        let offered = facts.mappings.contains_key("pci:gpu");
        assert_eq!(offered, name != "mapping/pci.cfg", "no file, no node that offers the device");
    }
}

#[test]
fn without_storage_cfg_only_local_is_known() {
    let tree = copy("pve8");
    fs::remove_file(tree.path().join("storage.cfg")).unwrap();
    let facts = inventory(tree.path(), NOW).unwrap();
    let known: Vec<String> = facts.storages.unwrap().into_keys().collect();
    assert_eq!(known, ["local"], "as in PVE");
    assert!(about(&facts.warnings, "storage.cfg").is_some());
}

#[test]
fn an_unreadable_storage_cfg_keeps_all_guests_where_they_are() {
    let tree = copy("pve8");
    let path = tree.path().join("storage.cfg");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let facts = inventory(tree.path(), NOW).unwrap();
    assert_eq!((facts.storages.as_ref(), unknown(&facts).len()), (None, facts.guests.len()));
    assert!(about(&facts.warnings, "storage.cfg").is_some());
}

/// What `cp -r /etc/pve/*` leaves: none of the live files.
#[test]
fn a_copy_without_dot_files_is_an_inventory_too() {
    let tree = copy("pve9");
    for name in [".members", ".vmlist", ".rrd"] {
        fs::remove_file(tree.path().join(name)).unwrap();
    }
    fs::create_dir(tree.path().join("nodes/pve5")).unwrap();
    let facts = inventory(tree.path(), NOW).unwrap();
    let names: Vec<&str> = facts.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["pve1", "pve2", "pve3", "pve4", "pve5"], "one without guests as well");
    assert_eq!((facts.guests.len(), unknown(&facts).len()), (12, 0));
    assert!(facts.guests.iter().all(|g| g.status == GuestStatus::Unknown));
}

#[test]
fn a_line_of_one_gigabyte_is_refused_without_reading_it() {
    let tree = copy("pve9");
    File::create(tree.path().join(".rrd")).unwrap().set_len(1 << 30).unwrap();
    let error = live(tree.path()).unwrap_err();
    assert_eq!(error.kind, Kind::Corrupt);
    let text = error.to_string();
    assert!(text.contains(".rrd") && text.contains("larger than 16384 KiB"), "{text}");
    let facts = inventory(tree.path(), NOW).unwrap();
    assert!(about(&facts.warnings, ".rrd").is_some(), "an inventory can do without");
}

#[test]
fn a_long_line_within_the_limit_is_one_odd_line() {
    let tree = copy("pve9");
    let path = tree.path().join(".rrd");
    let mut bytes = fs::read(&path).unwrap();
    let lines = bytes.iter().filter(|b| **b == b'\n').count();
    bytes.extend(vec![b'x'; 8 << 20]);
    bytes.push(b'\n');
    fs::write(&path, bytes).unwrap();
    let now = live(tree.path()).unwrap();
    assert!(now.warnings.iter().any(|w| w.line == lines + 1 && w.message.len() < 200));
    assert_eq!(now.nodes.len(), 4);
}

#[test]
fn links_are_not_followed_below_the_root() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "password: hunter2\nwhat is this hunter2\n").unwrap();
    let tree = copy("pve9");
    let conf = tree.path().join("nodes/pve1/qemu-server/100.conf");
    fs::remove_file(&conf).unwrap();
    symlink(&secret, &conf).unwrap();
    let node = tree.path().join("nodes/pve4");
    fs::remove_dir_all(&node).unwrap();
    fs::create_dir(outside.path().join("lxc")).unwrap();
    fs::write(outside.path().join("lxc/108.conf"), "hostname: hunter2\n").unwrap();
    symlink(outside.path(), &node).unwrap();
    let ha = tree.path().join("ha");
    fs::remove_dir_all(&ha).unwrap();
    symlink(&ha, &ha).unwrap();
    let facts = inventory(tree.path(), NOW).unwrap();
    assert!(!format!("{facts:?}").contains("hunter2"), "{:?}", facts.warnings);
    assert_eq!(
        unknown(&facts).len(),
        facts.guests.len(),
        "a loop instead of ha/ hides who is HA's"
    );
    for name in ["100.conf", "108.conf", "ha/resources.cfg"] {
        assert!(about(&facts.warnings, name).is_some(), "{name}: {:?}", facts.warnings);
    }
    let linked = outside.path().join("tree");
    symlink(tree.path(), &linked).unwrap();
    assert!(live(&linked).is_ok(), "the root itself may be a link");
}

#[test]
fn a_link_loop_in_place_of_the_live_files_is_an_error() {
    let tree = copy("pve9");
    let path = tree.path().join(".rrd");
    fs::remove_file(&path).unwrap();
    symlink(".rrd", &path).unwrap();
    let error = live(tree.path()).unwrap_err();
    assert!(error.to_string().contains(".rrd"), "{error}");
}

#[test]
fn a_pipe_does_not_hang_the_collector() {
    let tree = copy("pve9");
    let path = tree.path().join("storage.cfg");
    fs::remove_file(&path).unwrap();
    let status = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(status.success());
    let facts = inventory(tree.path(), NOW).unwrap();
    assert_eq!(about(&facts.warnings, "storage.cfg").unwrap().message, "not a regular file");
}

#[test]
fn an_unreadable_folder_is_told_by_name() {
    let tree = copy("pve9");
    fs::remove_file(tree.path().join(".vmlist")).unwrap();
    let folder = tree.path().join("nodes/pve2/qemu-server");
    fs::set_permissions(&folder, Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&folder).is_ok() {
        skip("limited-user", "this user may read everything");
        return;
    }
    let facts = inventory(tree.path(), NOW).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    assert!(about(&facts.warnings, "pve2/qemu-server").unwrap().message.contains("denied"));
    assert!(facts.guest(100).is_some() && facts.guest(103).is_none());
}

#[test]
fn a_folder_that_is_a_file_is_told_by_name() {
    let tree = copy("pve9");
    fs::remove_file(tree.path().join(".vmlist")).unwrap();
    let folder = tree.path().join("nodes/pve2/qemu-server");
    fs::remove_dir_all(&folder).unwrap();
    File::create(&folder).unwrap();
    let facts = inventory(tree.path(), NOW).unwrap();
    assert!(about(&facts.warnings, "pve2/qemu-server").is_some(), "{:?}", facts.warnings);
    assert!(facts.guest(100).is_some() && facts.guest(103).is_none());
}

#[test]
fn text_that_is_not_utf8_is_told_with_its_line() {
    let tree = copy("pve8");
    let conf = tree.path().join("nodes/alpha/qemu-server/200.conf");
    let mut bytes = fs::read(&conf).unwrap();
    bytes.extend(b"description: caf\xe9\n");
    fs::write(&conf, &bytes).unwrap();
    let lines = bytes.iter().filter(|b| **b == b'\n').count();
    let facts = inventory(tree.path(), NOW).unwrap();
    let warning = about(&facts.warnings, "200.conf").unwrap();
    assert_eq!(warning.line, lines, "{warning}");
    assert!(!facts.guest(200).unwrap().config_unknown);
}

#[test]
fn a_guest_on_a_node_that_left_the_cluster_is_kept_in_sight() {
    let tree = copy("pve9");
    let list = tree.path().join(".vmlist");
    let text = fs::read_to_string(&list).unwrap().replace("\"pve3\"", "\"gone\"");
    fs::write(&list, text).unwrap();
    let (tick, _, _) = rates(&Counters::default(), &live(tree.path()).unwrap(), NOW);
    let node = tick.nodes.iter().find(|n| n.name == "gone").unwrap();
    assert!(!node.online);
    let facts = inventory(tree.path(), NOW).unwrap();
    assert_eq!(facts.node("gone").unwrap().online, None);
    assert_eq!(unknown(&facts), [105], "its configuration is not there");
}

#[test]
fn maintenance_asked_for_counts_before_it_is_reached() {
    let tree = copy("pve9");
    let status = r#"{"node_status":{"pve2":"online"},"node_request":{"pve2":{"maintenance":1}}}"#;
    fs::write(tree.path().join("ha/manager_status"), status).unwrap();
    let facts = inventory(tree.path(), NOW).unwrap();
    assert!(facts.node("pve2").unwrap().maintenance && !facts.node("pve4").unwrap().maintenance);
}

/// A vmid used again: the new guest says when it was created, and only changed files are read.
#[test]
fn a_new_guest_under_an_old_number_is_told_apart() {
    let tree = copy("pve8");
    let conf = tree.path().join("nodes/alpha/qemu-server/200.conf");
    let look = |counters: &Counters| {
        let mut now = live(tree.path()).unwrap();
        identify(tree.path(), &mut now, counters);
        let (tick, next, _) = rates(counters, &now, NOW);
        (tick.guests[0].created, next)
    };
    let (created, counters) = look(&Counters::default());
    assert_eq!(created, Some(1_700_000_000));
    fs::write(&conf, "meta: ctime=1763900000\n").unwrap();
    let (created, counters) = look(&counters);
    assert_eq!(created, Some(1_700_000_000), "same version, so the file was not read again");
    let list = tree.path().join(".vmlist");
    let text = fs::read_to_string(&list).unwrap();
    assert!(text.contains("\"version\": 110"));
    fs::write(&list, text.replace("\"version\": 110", "\"version\": 210")).unwrap();
    let (created, counters) = look(&counters);
    assert_eq!(created, Some(1_763_900_000));
    fs::remove_file(&conf).unwrap();
    fs::write(&list, fs::read_to_string(&list).unwrap().replace(": 210", ": 211")).unwrap();
    let (created, counters) = look(&counters);
    assert_eq!(created, None, "unknown while unreadable");
    fs::write(&conf, "meta: ctime=1763900000\n").unwrap();
    assert_eq!(look(&counters).0, Some(1_763_900_000), "and looked for again");
}

/// How often `path` is opened while `work` is done.
fn openings(path: &Path, work: impl FnOnce()) -> usize {
    use std::io::Read;
    use std::os::fd::FromRawFd;
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the descriptor is checked and then owned by `events`; `name` ends in a NUL and lives through the call.
    let mut events = unsafe {
        let watch = libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK);
        assert!(watch >= 0);
        // With closings in between, two openings are never merged into one event.
        let mask = libc::IN_OPEN | libc::IN_CLOSE_NOWRITE;
        assert!(libc::inotify_add_watch(watch, name.as_ptr(), mask) >= 0);
        File::from_raw_fd(watch)
    };
    work();
    let mut bytes = [0; 4_096];
    let length = events.read(&mut bytes).unwrap_or(0);
    // Of a watched file an event has no name: four numbers of which the second is what happened.
    let mask = |event: &[u8]| u32::from_ne_bytes(event[4..8].try_into().unwrap());
    bytes[..length].chunks_exact(16).filter(|event| mask(event) & libc::IN_OPEN != 0).count()
}

#[test]
fn virtual_files_are_read_until_two_readings_agree() {
    let tree = copy("pve9");
    let root = tree.path();
    for name in [".rrd", ".vmlist", ".members"] {
        let file = root.join(name);
        let settled = 2; // nothing changes here
        assert_eq!(openings(&file, || drop(live(root).unwrap())), settled, "live, {name}");
        let openings = openings(&file, || drop(inventory(root, NOW).unwrap()));
        assert_eq!(openings, settled, "inventory, {name}");
    }
}
