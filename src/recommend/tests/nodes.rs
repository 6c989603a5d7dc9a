//! States of nodes, and which of them give and take guests.

use super::*;

#[test]
fn a_node_in_maintenance_is_no_refuge_for_the_guests_of_a_failed_one() {
    // Node 1 has room for one of the two guests of node 0, and node 2, which is empty, for the other.
    let mut case =
        Case::new(3).guest(0, |_| 1.0, 60.0).guest(0, |_| 1.0, 60.0).guest(1, |_| 1.0, 40.0);
    let bears = |case: &Case| case.asked(|q| plan::Planner::new(q).reserve(None).bears);
    assert_eq!(bears(&case), [true, true, true]);
    case.change = |outlook, _| outlook.nodes[2].maintenance = true;
    assert_eq!(bears(&case), [false, false, true], "node 0 is too full for that of node 1, too");
}

#[test]
fn no_reserve_holds_the_guests_of_a_node_in_maintenance() {
    // Nodes 1 and 2 can stand in for each other only as long as node 0 keeps its guest.
    let mut case =
        Case::new(3).guest(0, |_| 1.0, 30.0).guest(1, |_| 1.0, 60.0).guest(2, |_| 1.0, 50.0);
    let of_first = |case: &Case| {
        case.asked(|q| {
            let told = explain(q, q.inventory.guest(100).unwrap(), &[]);
            let blockers = told.targets.iter().flat_map(|t| t.blockers.clone());
            (blockers.map(|b| b.text).collect::<Vec<_>>(), told.concerns)
        })
    };
    case.change = |outlook, inventory| {
        outlook.nodes[0].maintenance = true;
        inventory.nodes[0].maintenance = true;
    };
    let lost = "if pve1 failed, its guests would no longer find memory elsewhere".to_string();
    assert_eq!(of_first(&case), (vec![], vec![lost.clone()]));
    let (_, plan) = case.run();
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(plan.steps[0].details.concerns, [lost]);
}

#[test]
fn a_node_in_maintenance_is_left_even_when_it_is_calm() {
    let mut case = Case::new(3).guest(0, |_| 1.0, 8.0).guest(1, |_| 1.0, 8.0);
    assert!(case.moves().is_empty());
    case.change = |outlook, inventory| {
        outlook.nodes[0].maintenance = true;
        inventory.nodes[0].maintenance = true;
    };
    assert_eq!(case.moves().len(), 1);
    // Nor do a rest after a move, a gain that is asked for, or PVE's imbalance hold its guests.
    case.config.set(Key::min_score_improvement, 100.0);
    case.change = |outlook, inventory| {
        outlook.nodes[0].maintenance = true;
        inventory.nodes[0].maintenance = true;
        let (from, to) = ("pve2".to_string(), "pve0".to_string());
        let vmid = outlook.guests[0].vmid;
        outlook.guests[0].moves.push(Migration { time: NOW - 3_600, vmid, from, to });
        inventory.crs.auto_rebalance = true;
        inventory.guests[1].ha = Some(HaResource::default());
    };
    assert_eq!(case.moves().len(), 1);
}

#[test]
fn an_emptied_node_gives_its_guests_to_who_is_left_the_least_full() {
    // Node 1 has more memory to spare than node 2, of which node 0 uses most, and hardly CPU.
    let case = || {
        let mut case =
            Case::new(3).guest(0, |_| 0.5, 16.0).guest(1, |_| 11.0, 20.0).guest(2, |_| 4.0, 30.0);
        case.change = |outlook, inventory| {
            outlook.nodes[0].maintenance = true;
            inventory.nodes[0].maintenance = true;
        };
        case
    };
    assert_eq!(case().moves(), [(100, 2)]);
    // The same of guests that go as one.
    let mut pair = case().guest(0, |_| 0.4, 16.0);
    pair.change = |outlook, inventory| {
        outlook.nodes[0].maintenance = true;
        inventory.nodes[0].maintenance = true;
        for index in [0, 3] {
            inventory.guests[index].tags = vec!["affinity_a".into()];
        }
    };
    assert_eq!(pair.moves(), [(100, 2), (103, 2)]);
}

#[test]
fn a_node_that_waits_for_its_disks_gets_no_guest() {
    fn wait(outlook: &mut Outlook, node: usize, share: f64) {
        let share = Some(Fraction(share));
        outlook.nodes[node].iowait =
            Readings { current: share, high_24h: share, high_7d: share, ..Readings::default() };
    }
    let mut case = hot();
    assert!(!case.moves().is_empty());
    case.change = |outlook, _| wait(outlook, 1, 0.6);
    let moves = case.moves();
    assert!(!moves.is_empty() && moves.iter().all(|m| m.1 == 2), "{moves:?}");
    case.change = |outlook, _| [1, 2].into_iter().for_each(|n| wait(outlook, n, 0.6));
    assert!(case.moves().is_empty());
    // Where the source waits more, the others are better places all the same.
    case.change =
        |outlook, _| (0..3).for_each(|n| wait(outlook, n, if n == 0 { 0.9 } else { 0.6 }));
    assert!(!case.moves().is_empty());
}

#[test]
fn a_node_of_unknown_size_gets_no_guest() {
    let mut case = hot();
    case.change = |outlook, _| outlook.nodes[1].memory = Bytes(0.0);
    let moves = case.moves();
    assert!(!moves.is_empty() && moves.iter().all(|m| m.1 == 2), "{moves:?}");
}

#[test]
fn a_node_that_is_off_has_no_overload() {
    let mut case = hot();
    assert!(case.run().1.before.node_hours > 100.0);
    case.change = |outlook, _| outlook.nodes[0].online = false;
    assert_eq!(case.run().1.before, Overload::default());
}

#[test]
fn a_small_node_at_its_limit_is_relieved_whatever_the_look_back() {
    let moves = |curve: Curve, days: f64| {
        let mut case = Case::new(2).guest(0, curve, 4.0).guest(0, curve, 4.0);
        case.change = |_, inventory| {
            inventory.guests.iter_mut().for_each(|g| g.maxcpu = Some(Cores(4.0)));
        };
        let analysis_lookback = crate::settings::Days(days);
        let settings = Settings { analysis_lookback, ..Settings::default() };
        let config = map_simplified_to_penalty_config(&settings);
        Case { cores: vec![4.0; 2], config, ..case }.moves().len()
    };
    for days in [1.0, 7.0] {
        assert_eq!(moves(|_| 1.9, days), 1, "all of its 4 cores, {days} days");
        assert_eq!(moves(|_| 1.51, days), 0, "half a percent above its threshold, {days} days");
    }
}

#[test]
fn of_nodes_of_nine_cores_and_more_as_much_is_asked_a_week() {
    let mut case = hot();
    let asked = |case: &Case| case.asked(|q| demand(q.outlook, 0, q.config));
    for (cores, of_default) in [(4.0, 4.0 / 9.0), (9.0, 1.0), (112.0, 1.0)] {
        case.cores[0] = cores;
        assert!((asked(&case) - 30.0 * of_default).abs() < 1e-9, "{cores}");
    }
}

/// Whether the memory of node 0, at 80 %, is found to head for its threshold of 85 % by the rise of guest 100.
fn heads_for_overload(change: fn(&mut Outlook, &mut Inventory)) -> bool {
    let mut case = Case::new(2).guest(0, |_| 1.0, 100.0).guest(1, |_| 1.0, 8.0);
    case.change = change;
    case.asked(|q| q.states[0].state == State::TrendingTowardOverload)
}

/// A rise that takes node 0 to its threshold in two days, which is that of its guest.
fn grows(outlook: &mut Outlook) {
    use crate::trend::{Crossing, Projection};
    let crossing = Crossing::In { hours: 48.0, earliest: 40.0, latest: None };
    for trend in [&mut outlook.nodes[0].mem_trend, &mut outlook.guests[0].mem_trend] {
        rises(trend, ProjectionBasis::Persistent);
        trend.projection = Some(Projection { threshold: 0.85, level: crossing, peak: crossing });
    }
}

#[test]
fn a_rise_of_guests_that_have_no_more_room_ends() {
    assert!(heads_for_overload(|outlook, _| grows(outlook)));
    assert!(!heads_for_overload(|outlook, _| {
        grows(outlook);
        outlook.guests[0].maxmem = Bytes(101.0 * GIB);
    }));
    // What grows is the node itself.
    assert!(heads_for_overload(|outlook, _| {
        grows(outlook);
        outlook.guests[0].mem_trend = outlook.guests[1].mem_trend.clone();
        outlook.guests[0].maxmem = Bytes(101.0 * GIB);
    }));
}

#[test]
fn a_storage_that_fills_up_is_a_state_of_its_node() {
    let state = |used: f64, per_day: f64| {
        let (mut outlook, _) = Case::new(1).outlook();
        let node = &mut outlook.nodes[0];
        node.storage.current = Some(Fraction(used));
        rises(&mut node.storage_trend, ProjectionBasis::Persistent);
        node.storage_trend.slope_per_day = Some(per_day);
        let states = states(&outlook, &PenaltyConfig::default(), &LocalTime::utc());
        assert_eq!(states[0].of_load, State::Healthy);
        assert!(!states[0].in_trouble(), "no move frees a storage");
        (states[0].state, states[0].urgency)
    };
    assert_eq!(state(0.84, 0.01), (State::Healthy, Urgency::None), "no projection");
    assert_eq!(state(0.87, 0.01), (State::StableButHot, Urgency::Medium), "full in two weeks");
    assert_eq!(state(0.95, 0.01), (State::TrendingTowardOverload, Urgency::Medium));
}
