//! Where the guests of a node go, and what is told about it.

use super::super::tests::Case;
use super::*;
use crate::model::{
    Bytes, Disk, DiskSource, GIB, GuestStatus, HaRule, HaRuleKind, Inventory, StorageFacts,
};
use crate::recommend::tests::Curve;

/// Three nodes: the first has two guests, the others one each, the last is the emptiest.
fn three() -> Case {
    let calm: Curve = |_| 1.0;
    Case::new(3).guest(0, calm, 8.0).guest(0, calm, 6.0).guest(1, |_| 3.0, 20.0).guest(2, calm, 8.0)
}

/// Moves as (vmid, target, concerns).
fn leaving(case: &Case) -> Vec<(Vmid, usize, String)> {
    let drained = case.asked(|q| drain(q, 0));
    drained.steps.iter().map(|s| (s.vmid, s.target, s.concerns.join("; "))).collect()
}

fn targets(case: &Case) -> Vec<(Vmid, usize)> {
    leaving(case).into_iter().map(|(vmid, target, _)| (vmid, target)).collect()
}

fn node_rule(inventory: &mut Inventory, priorities: &[(&str, i64)]) {
    let nodes = priorities.iter().map(|(n, p)| ((*n).to_string(), *p)).collect();
    let kind = HaRuleKind::NodeAffinity { nodes, strict: false };
    inventory.ha_rules.push(HaRule { name: "r".into(), guests: vec![100], kind });
}

/// Gives guests 100 and 101 a disk of 40 GiB each on a storage of their node alone, of which the
/// others have so much left.
fn local_disks_and(inventory: &mut Inventory, left: [Option<f64>; 2]) {
    let local = StorageFacts { kind: "zfspool".into(), ..StorageFacts::default() };
    inventory.storages = Some([("tank".to_string(), local)].into());
    for guest in &mut inventory.guests[..2] {
        let source = DiskSource::Volume { storage: "tank".into(), volume: "disk-0".into() };
        let size = Some(Bytes(40.0 * GIB));
        guest.disks.push(Disk { key: "scsi0".into(), source, size, ..Disk::default() });
    }
    for (node, gib) in inventory.nodes[1..].iter_mut().zip(left) {
        node.storage_free.extend(gib.map(|gib| ("tank".to_string(), Bytes(gib * GIB))));
    }
}

#[test]
fn a_guest_goes_where_ha_would_take_it() {
    let mut case = three();
    assert_eq!(targets(&case), [(100, 2), (101, 2)]);
    case.change = |_, inventory| node_rule(inventory, &[("pve1", 1)]);
    let told = leaving(&case);
    assert_eq!(told[0], (100, 1, String::new()), "pve1 is fuller, and where it ends up");
    case.change = |_, inventory| {
        node_rule(inventory, &[("pve1", 1)]);
        inventory.guests[0].tags.push("pin_pve2".into());
    };
    let told = leaving(&case);
    assert_eq!(told[0], (100, 2, "HA rule 'r' takes it on to pve1 by itself".into()));
}

#[test]
fn a_guest_that_ha_brings_back_is_told() {
    let mut case = three();
    case.change = |_, inventory| node_rule(inventory, &[("pve0", 2), ("pve1", 1)]);
    let back = "HA rule 'r' brings it back to pve0 by itself unless that is in maintenance";
    assert_eq!(leaving(&case)[0], (100, 1, back.into()));
    case.change = |outlook, inventory| {
        node_rule(inventory, &[("pve0", 2), ("pve1", 1)]);
        (outlook.nodes[0].maintenance, inventory.nodes[0].maintenance) = (true, true);
    };
    assert_eq!(leaving(&case)[0], (100, 1, String::new()));
}

#[test]
fn disks_that_are_copied_find_room_together() {
    let mut case = three();
    case.change = |_, inventory| local_disks_and(inventory, [Some(50.0), Some(50.0)]);
    assert_eq!(targets(&case), [(100, 2), (101, 1)], "no room for both on one");
    case.change = |_, inventory| local_disks_and(inventory, [Some(30.0), Some(50.0)]);
    let drained = case.asked(|q| drain(q, 0));
    assert_eq!(drained.steps.len(), 1);
    let texts: Vec<&str> = drained.stays[0].blockers.iter().map(|(_, b)| b.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "40.0 GiB of local disks would be copied to 'tank' of pve1, where 30.0 GiB is left",
            "40.0 GiB of local disks would be copied to 'tank' of pve2, where 10.0 GiB is left"
        ]
    );
    case.change = |_, inventory| {
        local_disks_and(inventory, [Some(30.0), Some(50.0)]);
        inventory.guests[1].status = GuestStatus::Stopped;
    };
    let drained = case.asked(|q| drain(q, 0));
    assert_eq!(drained.stays[0].vmid, 101, "nor does one that does not run");
}

#[test]
fn room_that_is_not_known_is_told() {
    let mut case = three();
    case.change = |_, inventory| local_disks_and(inventory, [None, None]);
    let told = leaving(&case);
    assert_eq!((told[0].0, told[0].1), (100, 2));
    assert_eq!(
        told[0].2,
        "40.0 GiB of local disks must be copied; whether its local disks fit on 'tank' of pve2 is \
         not known"
    );
}

#[test]
fn a_way_that_keeps_all_below_their_thresholds_is_found() {
    // Of 16 cores 12.8 are below the threshold: 6.1 are left on the one node, 4.1 on the other. Each
    // where the node stays the least full, there is no room for the third.
    let case = Case::new(3)
        .guest(0, |_| 4.0, 8.0)
        .guest(0, |_| 3.0, 8.0)
        .guest(0, |_| 3.0, 8.0)
        .guest(1, |_| 6.5, 8.0)
        .guest(2, |_| 8.5, 8.0);
    let drained = case.asked(|q| drain(q, 0));
    let targets: Vec<(Vmid, usize)> = drained.steps.iter().map(|s| (s.vmid, s.target)).collect();
    assert_eq!(targets, [(100, 2), (101, 1), (102, 1)]);
    assert_eq!(case.asked(|q| drained.over(0, Limits::thresholds(q.config))), Vec::<usize>::new());
}

#[test]
fn where_no_way_keeps_all_below_their_thresholds_the_excess_is_shared() {
    // Each of the two passes 80 % of its 16 cores with either of them, by far less than one with both.
    let case = Case::new(3)
        .guest(0, |_| 7.0, 8.0)
        .guest(0, |_| 7.0, 8.0)
        .guest(1, |_| 8.0, 8.0)
        .guest(2, |_| 7.5, 8.0);
    assert_eq!(targets(&case), [(100, 2), (101, 1)]);
}

#[test]
fn who_takes_most_of_either_resource_is_placed_first() {
    // By memory alone the small one came first and took the place of the only one that needs it.
    let case = Case::new(3)
        .guest(0, |_| 0.1, 9.0)
        .guest(0, |_| 6.0, 8.0)
        .guest(1, |_| 7.0, 8.0)
        .guest(2, |_| 6.0, 8.0);
    assert_eq!(targets(&case), [(101, 2), (100, 1)]);
}

#[test]
fn templates_leave_unless_clones_hang_on_them_and_who_does_not_run_goes_alone() {
    let mut case = three();
    fn template(inventory: &mut Inventory) {
        local_disks_and(inventory, [Some(500.0), Some(500.0)]);
        inventory.guests[0].disks.clear();
        let base = &mut inventory.guests[1];
        (base.template, base.status) = (true, GuestStatus::Stopped);
        let volume = "base-101-disk-0".to_string();
        base.disks[0].source = DiskSource::Volume { storage: "tank".into(), volume };
        for guest in &mut inventory.guests[..2] {
            guest.tags.push("affinity_shop".into());
        }
    }
    case.change = |outlook, inventory| {
        template(inventory);
        outlook.guests.remove(1);
    };
    let drained = case.asked(|q| drain(q, 0));
    assert_eq!(drained.stays.len(), 0, "{:?}", drained.stays);
    case.change = |outlook, inventory| {
        template(inventory);
        outlook.guests.remove(1);
        let volume = "base-101-disk-0/vm-102-disk-0".to_string();
        let source = DiskSource::Volume { storage: "tank".into(), volume };
        inventory.guests[2].disks.push(Disk { key: "scsi0".into(), source, ..Disk::default() });
    };
    let drained = case.asked(|q| drain(q, 0));
    assert_eq!(drained.steps.iter().map(|s| s.vmid).collect::<Vec<_>>(), [100]);
    assert_eq!(
        drained.stays[0].blockers[0].1.text,
        "has the local disk scsi0 on 'tank', which is what 102 is a linked clone of, and PVE does not copy it"
    );
}

#[test]
fn a_guest_that_the_inventory_lacks_stays_and_is_told() {
    let mut case = three();
    case.change = |_, inventory| inventory.guests.retain(|g| g.vmid != 101);
    alone_stays(&case, "is not in the inventory");
}

#[test]
fn rules_hold_on_a_node_that_the_inventory_lacks() {
    let mut case = three();
    case.change = |_, inventory| {
        inventory.nodes.retain(|n| n.name != "pve2");
        inventory.guests[0].tags = vec!["pin_pve1".into()];
    };
    assert_eq!(targets(&case), [(100, 1), (101, 2)], "the emptiest, but for who is pinned");
}

#[test]
fn a_group_on_several_nodes_and_members_that_do_not_run_keep_nobody_on_the_node() {
    let mut case = three();
    // One of its members on each node: none of them is a better place than the other.
    case.change = |_, inventory| together(inventory, &[100, 102, 103]);
    assert_eq!(targets(&case)[0], (100, 2));
    case.change = |_, inventory| {
        together(inventory, &[100, 102]);
        inventory.guests[2].status = GuestStatus::Stopped;
    };
    assert_eq!(targets(&case)[0], (100, 2));
    case.change = |_, inventory| together(inventory, &[100, 102]);
    assert_eq!(targets(&case)[0], (100, 1), "where the other one runs");
}

#[test]
fn a_running_guest_without_a_sample_stays() {
    let mut case = three();
    case.change = |outlook, _| outlook.guests.retain(|g| g.vmid != 101);
    alone_stays(&case, "runs, but nothing is recorded of it yet");
}

fn together(inventory: &mut Inventory, guests: &[Vmid]) {
    let kind = HaRuleKind::ResourceAffinity { together: true };
    inventory.ha_rules.push(HaRule { name: "r".into(), guests: guests.to_vec(), kind });
}

/// That 100 leaves and 101 alone stays, for that reason.
fn alone_stays(case: &Case, why: &str) {
    let drained = case.asked(|q| drain(q, 0));
    assert_eq!(drained.steps.iter().map(|s| s.vmid).collect::<Vec<_>>(), [100]);
    assert_eq!(drained.stays.len(), 1);
    let stays = &drained.stays[0];
    assert_eq!((stays.vmid, stays.blockers[0].1.text.as_str()), (101, why));
}

#[test]
fn without_another_node_that_is_what_is_told() {
    let drained = Case::new(1).guest(0, |_| 1.0, 8.0).asked(|q| drain(q, 0));
    let (node, blocker) = &drained.stays[0].blockers[0];
    assert_eq!((*node, blocker.code), (None, BlockerCode::NoOtherNode));
    assert_eq!(blocker.text, "there is no other node");
}
