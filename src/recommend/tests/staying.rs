//! Who stays, and what is said of it.

use super::*;

#[test]
fn where_no_move_saves_anything_it_is_said_what_keeps_guests_from_everywhere() {
    // All other nodes are as full as the hot one: no move saves anything.
    let mut case = hot();
    case.guests[5] = (1, |_| 14.6, 8.0);
    case.guests[6] = (2, |_| 14.6, 8.0);
    let (outlook, plan) = case.run();
    assert!(plan.steps.is_empty() && plan.considered.is_empty());
    for guest in outlook.guests.iter().filter(|g| g.host == 0) {
        let told = &plan.skipped[&guest.vmid];
        let nodes: Vec<bool> = ["pve1", "pve2"]
            .iter()
            .map(|name| told.blockers.iter().any(|b| b.text.starts_with(name)))
            .collect();
        assert_eq!(nodes, [true, true], "{:?}", told.blockers);
    }
}

#[test]
fn a_guest_that_could_go_for_little_is_not_said_to_be_held() {
    // Each node has a busy hour a day; whoever goes takes the trouble along, or finds it there.
    let busy: Curve = |hour| if hour.rem_euclid(24) == 5 { 11.0 } else { 6.0 };
    let case = Case::new(2).guest(0, busy, 1.0).guest(0, |_| 6.0, 1.0).guest(1, busy, 1.0);
    let (_, plan) = case.run();
    assert!(plan.steps.is_empty() && plan.skipped.is_empty(), "{plan:?}");
    assert_eq!(plan.slight.len(), 2);
    assert!(plan.slight.values().all(|slight| slight.saved < slight.asked), "{plan:?}");
    // With an idle node beside them, both have somewhere to go and one is enough.
    let (_, plan) = Case { cores: vec![16.0; 3], ..case }.run();
    assert_eq!((plan.steps.len(), plan.slight.len()), (1, 0));
}

#[test]
fn a_node_that_is_away_is_no_reason_as_long_as_others_are_there() {
    let mut case = hot();
    case.guests[5] = (1, |_| 10.5, 8.0);
    case.guests[6].1 = |_| 0.0;
    case.change = |outlook, _| outlook.nodes[2].online = false;
    let (_, plan) = case.run();
    let told = |plan: &Plan| -> BTreeSet<String> {
        plan.skipped.values().flat_map(|s| &s.blockers).map(|b| b.text.clone()).collect()
    };
    assert_eq!((plan.steps.len(), plan.skipped.len()), (0, 5));
    assert!(told(&plan).iter().all(|text| text.starts_with("pve1 would reach")), "{plan:?}");
    case.change = |outlook, _| outlook.nodes[1..].iter_mut().for_each(|n| n.online = false);
    let (_, plan) = case.run();
    assert!(told(&plan).contains("pve1 is offline"), "{plan:?}");
}

#[test]
fn the_node_that_would_be_best_is_told_first() {
    // Node 1 is nearly full, node 2 is worse.
    let mut case = hot();
    case.guests[5] = (1, |_| 10.5, 8.0);
    case.guests[6] = (2, |_| 14.0, 8.0);
    let first = |case: &Case| case.run().1.skipped[&100].blockers[0].text.clone();
    assert!(first(&case).starts_with("pve1 would reach 85 %"), "{}", first(&case));
    (case.guests[5].1, case.guests[6].1) = (case.guests[6].1, case.guests[5].1);
    assert!(first(&case).starts_with("pve2 would reach 85 %"), "{}", first(&case));
}

#[test]
fn who_stays_on_a_node_that_a_step_leaves_hears_why() {
    // Six busy guests: one step is not enough, and the last guest hardly counts.
    let mut case = hot().guest(0, |_| 2.9, 8.0).guest(0, |_| 0.02, 1.0);
    case.config.max_moves = 1;
    let asked = case.config.min_benefit.0;
    let (outlook, plan) = case.run();
    assert_eq!(plan.steps.len(), 1);
    assert!(plan.left[0].node_hours > 100.0, "{:?}", plan.left);
    let stay =
        |g: &&GuestOutlook| g.host == 0 && g.vmid != outlook.guests[plan.steps[0].guest].vmid;
    let saved = |vmid| plan.slight[&vmid].saved >= asked;
    for guest in outlook.guests.iter().filter(stay) {
        assert_eq!(saved(guest.vmid), guest.vmid != 108, "{:?}", plan.slight);
    }
}

#[test]
fn on_a_relieved_node_only_who_no_node_can_take_is_held() {
    let mut case = hot();
    case.change = |_, inventory| {
        inventory.guests[1].tags = vec!["pin_pve0".into(), "pin_pve1".into()];
        inventory.guests[2].tags = vec!["pin_pve0".into()];
        // Both stand in the way of this one.
        inventory.guests[3].tags = vec!["pin_pve0".into()];
        inventory.guests[3].maxcpu = Some(Cores(64.0));
        inventory.nodes.iter_mut().for_each(|n| n.maxcpu = Some(Cores(16.0)));
    };
    let (outlook, plan) = case.run();
    assert!(plan.steps.iter().any(|s| s.source == 0) && plan.left[0].node_hours < 1.0, "{plan:?}");
    let moved = |vmid| plan.steps.iter().any(|s| outlook.guests[s.guest].vmid == vmid);
    assert!(!moved(101) && !plan.skipped.contains_key(&101), "pve1 could take it: {plan:?}");
    let of = |vmid| (plan.skipped[&vmid].nodes, plan.skipped[&vmid].first);
    assert_eq!((of(102), of(103)), ((2, 1), (2, 2)));
}

#[test]
fn who_could_go_before_the_steps_and_not_after_them_is_told_as_such() {
    // The other node has room for one of three, and that is not enough.
    let case = Case::new(2).guest(0, |_| 7.0, 8.0).guest(0, |_| 7.0, 8.0).guest(0, |_| 7.0, 8.0);
    let (_, plan) = case.run();
    assert_eq!(plan.steps.len(), 1);
    assert!(plan.skipped.len() == 2 && plan.skipped.values().all(|s| s.could), "{plan:?}");
}

#[test]
fn a_guest_of_a_failed_node_stays_since_that_is_offline() {
    let mut case = hot();
    case.change = |outlook, inventory| {
        outlook.nodes[1].online = false;
        outlook.guests.remove(5);
        inventory.guests[5].status = GuestStatus::Unknown;
    };
    let told = case.asked(|q| explain(q, q.inventory.guest(105).unwrap(), &[]).blockers);
    let told: Vec<_> = told.iter().map(|b| (b.code, b.text.as_str())).collect();
    assert_eq!(told, [(BlockerCode::NodeOffline, "cannot move while pve1 is offline")]);
    // And of the node that is away no load is told.
    let of_others = case.asked(|q| explain(q, q.inventory.guest(100).unwrap(), &[]).targets);
    let away = of_others.iter().find(|t| t.node == 1).unwrap();
    assert_eq!(
        away.blockers.iter().map(|b| b.text.as_str()).collect::<Vec<_>>(),
        ["pve1 is offline"]
    );
}
