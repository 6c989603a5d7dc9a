//! What rules, disks and earlier moves do not let happen.

use super::*;

#[test]
fn a_guest_that_just_moved_rests_and_does_not_go_back() {
    let mut case = hot();
    case.change = |outlook, _| {
        let time = NOW - 3_600;
        for guest in outlook.guests.iter_mut().filter(|g| g.host == 0) {
            let (from, to) = ("pve1".to_string(), "pve0".to_string());
            guest.moves.push(Migration { time, vmid: guest.vmid, from, to });
        }
    };
    let (_, plan) = case.run();
    assert!(plan.steps.is_empty());
    assert!(plan.skipped.values().all(|s| s.blockers[0].code == BlockerCode::Cooldown));
    let text = "moved from pve1 to pve0 1 h ago; rests for another 23 h";
    assert!(plan.skipped.values().all(|s| s.blockers[0].text == text), "{:?}", plan.skipped);
    case.change = |outlook, _| {
        let time = NOW - 3 * 86_400;
        for guest in outlook.guests.iter_mut().filter(|g| g.host == 0) {
            let (from, to) = ("pve1".to_string(), "pve0".to_string());
            guest.moves.push(Migration { time, vmid: guest.vmid, from, to });
        }
    };
    assert_eq!(case.moves()[0].1, 2, "after the rest, but not back to pve1");
    // What is told of the way back is in the same unit.
    case.config.cooldown_hours = crate::settings::Hours(0.0);
    let back = |case: &Case| case.asked(|q| plan::Planner::new(q).obstacles(0, 1)[0].text.clone());
    assert_eq!(back(&case), "left pve1 only 3.0 days ago");
    case.change = |outlook, _| {
        let (from, to, vmid) = ("pve1".to_string(), "pve0".to_string(), outlook.guests[0].vmid);
        outlook.guests[0].moves.push(Migration { time: NOW - 10 * 3_600, vmid, from, to });
    };
    assert_eq!(back(&case), "left pve1 only 10 h ago");
}

#[test]
fn a_node_that_all_had_to_leave_is_filled_again() {
    fn left(outlook: &mut Outlook, guests: &[usize], hours: &[i64]) {
        for (guest, hours) in guests.iter().zip(hours) {
            let (from, to) = ("pve1".to_string(), "pve0".to_string());
            let (time, guest) = (NOW - hours * 3_600, &mut outlook.guests[*guest]);
            guest.moves.push(Migration { time, vmid: guest.vmid, from, to });
        }
    }
    let mut case = hot();
    case.guests.remove(5);
    case.guests[5].1 = |_| 10.5;
    case.change = |outlook, _| left(outlook, &[0, 1, 2, 3, 4], &[36; 5]);
    assert_eq!(case.moves()[0].1, 1, "pve1 was emptied, for maintenance");
    case.change = |outlook, _| left(outlook, &[0, 1, 2, 3, 4], &[36, 40, 44, 48, 52]);
    assert_eq!(case.moves(), [], "one after the other was moved off it");
    case.change = |outlook, _| left(outlook, &[0], &[36]);
    assert_eq!(case.moves()[0], (101, 1), "its only guest was");
    let mut case = case.guest(1, |_| 0.5, 4.0);
    case.change = |outlook, _| left(outlook, &[0, 1, 2, 3, 4], &[36; 5]);
    assert_eq!(case.moves(), [], "one stayed");
}

#[test]
fn local_disks_go_by_their_own_storage() {
    // In GiB: left and size on pve1; pve2 has no room.
    fn disks(outlook: &mut Outlook, inventory: &mut Inventory, left: f64, size: f64) {
        let local = StorageFacts { kind: "zfspool".into(), ..StorageFacts::default() };
        inventory.storages = Some([("tank".to_string(), local)].into());
        for guest in &mut inventory.guests[..5] {
            let source = DiskSource::Volume { storage: "tank".into(), volume: "disk-0".into() };
            let size = Some(Bytes(40.0 * GIB));
            guest.disks.push(Disk { key: "scsi0".into(), source, size, ..Disk::default() });
        }
        for (node, left) in inventory.nodes.iter_mut().zip([0.0, left, 0.0]) {
            node.storage_free.insert("tank".into(), Bytes(left * GIB));
            node.storage_size.insert("tank".into(), Bytes(size * GIB));
        }
        outlook.nodes.iter_mut().for_each(|n| n.storage.current = Some(Fraction(0.9)));
    }
    let mut case = hot();
    case.change = |outlook, inventory| disks(outlook, inventory, 1_000.0, 1_000.0);
    assert_eq!(case.moves(), [(100, 1)], "that another storage is full is nothing to it");
    case.change = |outlook, inventory| disks(outlook, inventory, 150.0, 1_000.0);
    let (_, plan) = case.run();
    assert!(plan.steps.is_empty());
    let told = plan.skipped.values().flat_map(|s| &s.blockers).map(|b| b.text.as_str());
    let want = "40.0 GiB of local disks would be copied to 'tank' of pve1, which would be 89 % full \
                (threshold 85 %)";
    assert!(told.clone().any(|text| text == want), "{:?}", told.collect::<Vec<_>>());
}

#[test]
fn who_does_not_run_does_not_hold_its_group() {
    let mut case = hot().guest(0, |_| 2.9, 8.0);
    case.guests[5].1 = |_| 1.0;
    case.change = |_, inventory| {
        for guest in 0..3 {
            inventory.guests[guest].tags.push("affinity_shop".into());
        }
        inventory.guests.iter_mut().for_each(|g| g.tags.push("ignore".into()));
        inventory.guests[..3].iter_mut().for_each(|g| g.tags.truncate(1));
    };
    assert_eq!(case.moves().len(), 3, "all three");
    case.change = |outlook, inventory| {
        for guest in 0..3 {
            inventory.guests[guest].tags.push("affinity_shop".into());
        }
        inventory.guests.iter_mut().for_each(|g| g.tags.push("ignore".into()));
        inventory.guests[..3].iter_mut().for_each(|g| g.tags.truncate(1));
        inventory.guests[2].status = GuestStatus::Stopped;
        outlook.guests.remove(2);
    };
    assert_eq!(case.moves().iter().map(|m| m.0).collect::<Vec<_>>(), [100, 101]);
}

#[test]
fn what_keeps_a_group_from_going_together_is_told() {
    // Either of the two finds its memory on the other node, both do not.
    let mut case = Case::new(2).guest(0, |_| 7.0, 50.0).guest(0, |_| 7.0, 50.0);
    case.cores[1] = 32.0;
    case.change = |_, inventory| {
        inventory.guests.iter_mut().for_each(|g| g.tags.push("affinity_shop".into()));
    };
    let (_, plan) = case.run();
    assert!(plan.steps.is_empty());
    let told = plan.skipped.values().flat_map(|s| &s.blockers).map(|b| b.text.as_str());
    let want = "with guest 100 there: pve1 has 52.0 GiB in use in its busy hours; 75.0 GiB more would pass";
    assert!(told.clone().any(|text| text.starts_with(want)), "{:?}", told.collect::<Vec<_>>());
}

#[test]
fn a_group_goes_where_most_room_is_left_whatever_its_name() {
    for busier in [1, 2] {
        // Alone neither may leave; two of four are enough, and both nodes can take them.
        let mut case = Case::new(3).guest(busier, |_| 5.0, 8.0);
        for _ in 0..4 {
            case = case.guest(0, |_| 3.6, 8.0);
        }
        case.change = |_, inventory| {
            inventory.guests[1..3].iter_mut().for_each(|g| g.tags.push("affinity_shop".into()));
            inventory.guests[3..].iter_mut().for_each(|g| g.tags.push("ignore".into()));
        };
        assert_eq!(case.moves(), [(101, 3 - busier), (102, 3 - busier)]);
    }
}

#[test]
fn blocked_guests_stay_and_others_go_in_their_place() {
    let mut case = hot();
    let first = case.moves()[0].0;
    case.change = |_, inventory| inventory.guests[0].tags.push("ignore".into());
    let moves = case.moves();
    assert_eq!(first, 100);
    assert_eq!(moves[0].0, 101);
}

#[test]
fn a_move_that_failed_is_not_repeated_for_a_while() {
    let (outlook, plan) = hot().run();
    let first = &plan.steps[0];
    let vmid = outlook.guests[first.guest].vmid;
    let (source, target) = (&outlook.nodes[first.source].name, &outlook.nodes[first.target].name);
    let moved_again = |verdict, hours_ago, block: f64| {
        let outcome = Outcome { vmid, ..past(verdict, source, target, hours_ago) };
        let mut case = hot();
        case.experience = Experience::of([outcome].iter());
        case.config.set(Key::repeat_block_hours, block);
        let (outlook, plan) = case.run();
        let same = |s: &Step| outlook.guests[s.guest].vmid == vmid && s.target == first.target;
        let told = plan.skipped.values().flat_map(|s| &s.blockers);
        let named = told.filter(|b| b.code == BlockerCode::FailedBefore).count() > 0;
        (plan.steps.iter().any(same), named)
    };
    assert_eq!(moved_again(Verdict::NoEffect, 48, 168.0), (false, true));
    assert!(!moved_again(Verdict::Worse, 48, 168.0).0);
    assert_eq!(moved_again(Verdict::NoEffect, 48, 24.0), (true, false), "the time is over");
    assert_eq!(moved_again(Verdict::NoEffect, 48, 0.0), (true, false), "switched off");
    assert_eq!(moved_again(Verdict::Improved, 48, 168.0), (true, false));
    assert_eq!(moved_again(Verdict::Interrupted, 48, 168.0), (true, false));
}
