//! Who is left alone, and what is told beside the moves.

use super::*;
use crate::model::{GuestKind, HaMove};

/// What of `vmid` is told to stand against any move, and to which nodes it could go at all.
fn kept(case: &Case, vmid: u32) -> (Vec<(BlockerCode, String)>, Vec<usize>) {
    case.asked(|q| {
        let told = explain(q, q.inventory.guest(vmid).unwrap(), &[]);
        let blockers = told.blockers.into_iter().map(|b| (b.code, b.text)).collect();
        (blockers, told.targets.iter().map(|t| t.node).collect())
    })
}

#[test]
fn a_guest_that_moved_since_the_newest_sample_is_left_alone() {
    let mut case = hot();
    let first = case.moves()[0].0;
    assert_eq!(first, 100);
    case.change = |_, inventory| inventory.guests[0].node = "pve1".into();
    assert!(case.moves().iter().all(|(vmid, _)| *vmid != first));
    let text =
        "is on pve1 now, not on pve0, where the newest sample saw it; ask again after the next run";
    let want = (vec![(BlockerCode::MovedSince, text.into())], vec![2]);
    assert_eq!(kept(&case, first), want, "nor is it offered the node where it is");
}

#[test]
fn what_ha_moves_already_is_left_to_it() {
    let mut case = hot();
    case.change = |_, inventory| {
        let under_way = |state: &str, target: &str| {
            let [state, source, target] = [state, "pve0", target].map(String::from);
            let under_way = Some(HaMove { state, source, target });
            Some(HaResource { state: "started".into(), under_way, ..HaResource::default() })
        };
        inventory.guests[0].ha = under_way("migrate", "pve1");
        inventory.guests[1].ha = under_way("recovery", "");
    };
    assert!(case.moves().iter().all(|(vmid, _)| *vmid > 101));
    let of = |vmid| kept(&case, vmid).0;
    let blocker = |text: &str| vec![(BlockerCode::HaMoves, text.to_string())];
    assert_eq!(of(100), blocker("is being moved by HA from pve0 to pve1 already"));
    assert_eq!(of(101), blocker("is in HA's state 'recovery': HA moves it from pve0 by itself"));
}

#[test]
fn while_a_guest_is_on_its_way_no_other_one_goes_in_its_place() {
    let mut case = hot();
    let gone = case.moves()[0].0;
    assert_eq!(case.moves().len(), 1, "its move is enough");
    case.change = |_, inventory| inventory.guests[0].lock = Some("migrate".into());
    assert_eq!(gone, 100);
    assert_eq!(case.moves(), [], "it is not known where it will be");
    let waits = "guest 100 is being moved off pve0; ask again when it has arrived";
    assert_eq!(kept(&case, 101).0, [(BlockerCode::Locked, waits.to_string())]);
    // It has arrived, of which the newest sample does not know yet.
    case.change = |outlook, inventory| {
        outlook.guests[0].host = 1;
        inventory.guests[0].node = "pve1".into();
    };
    assert_eq!(case.moves(), []);
    let there =
        "is on pve1 now, not on pve0, where the newest sample saw it; ask again after the next run";
    assert_eq!(kept(&case, 100).0, [(BlockerCode::MovedSince, there.to_string())]);
}

#[test]
fn a_file_that_many_guests_depend_on_is_named() {
    let mut case = hot();
    case.change = |_, inventory| {
        for guest in &mut inventory.guests[..2] {
            guest.config_unknown = true;
        }
        inventory.guests[1].unknown_file = "ha/manager_status".into();
    };
    let told = |vmid| kept(&case, vmid).0.into_iter().map(|(_, text)| text).collect::<String>();
    assert_eq!(told(100), "has a configuration that could not be read or understood");
    assert_eq!(told(101), "depends on ha/manager_status, which could not be read or understood");
}

#[test]
fn no_running_vm_goes_to_an_older_version_of_pve() {
    let mut case = hot();
    case.change = |_, inventory| {
        for (node, version) in inventory.nodes.iter_mut().zip([9, 8, 8]) {
            node.reports_as = Some(version);
        }
    };
    assert!(case.moves().is_empty());
    let versions = "pve0 reports as PVE 9 does, pve1 as PVE 8";
    let of_first = |case: &Case| {
        case.asked(|q| {
            let told = explain(q, q.inventory.guest(100).unwrap(), &[]);
            let first = told.targets.into_iter().find(|t| t.node == 1).unwrap();
            (first.blockers.into_iter().map(|b| b.text).collect::<String>(), told.concerns)
        })
    };
    let why = format!("{versions}: PVE does not support live migration to an older version");
    assert_eq!(of_first(&case), (why, vec![]));
    // A container starts anew there.
    let mut case = hot();
    case.change = |_, inventory| {
        inventory.guests[0].kind = GuestKind::Lxc;
        (inventory.nodes[0].reports_as, inventory.nodes[1].reports_as) = (Some(9), Some(8));
    };
    let concern = format!("{versions}, on which it may not start");
    assert_eq!(of_first(&case), (String::new(), vec![concern]));
}

#[test]
fn what_a_move_brings_is_told_in_one_term() {
    let of = |saved, after| Slight { saved, asked: 27.0, after }.to_string();
    assert_eq!(of(12.78, false), "takes 12.7 core-hours of risk away, less than the 27 asked for");
    assert_eq!(
        of(26.99, true),
        "takes 26.9 core-hours of risk away with the moves above, less than the 27 asked for"
    );
    assert_eq!(of(0.02, false), "takes no risk away, and 27 core-hours are asked for");
    assert_eq!(of(-281.2, false), "would add 281.2 core-hours of risk");
}

#[test]
fn a_node_that_heads_for_overload_beyond_the_horizon_needs_no_relief_yet() {
    let mut case = Case::new(2).guest(0, |_| 8.0, 8.0);
    case.change = |outlook, _| {
        let node = &mut outlook.nodes[0];
        rises(&mut node.mem_trend, ProjectionBasis::Persistent);
        let peak = Crossing::In { hours: 150.0, earliest: 100.0, latest: None };
        node.mem_trend.projection = Some(Projection { threshold: 0.85, level: peak, peak });
    };
    let told = case.asked(|q| little_need(q, 0));
    assert_eq!(
        told.unwrap(),
        "pve0 is heading for overload, but as far as its growth is believed it stays below its thresholds in the \
         next 168 hours: it needs no relief yet"
    );
}

#[test]
fn what_is_held_against_min_benefit_is_what_it_is_compared_with() {
    // Just above the threshold, and calm: little overload, and about as much risk.
    let mut case = Case::new(2);
    for _ in 0..4 {
        case = case.guest(0, |_| 3.16, 8.0);
    }
    let (told, risk) =
        case.asked(|q| (little_need(q, 0), states(q.outlook, q.config, q.local)[0].risk));
    let told = told.unwrap();
    let want =
        format!("a move: {risk:.1} core-hours of risk in 168 hours; min_benefit asks for 30");
    assert!(told.ends_with(&want), "{told}");
}

#[test]
fn who_would_not_have_helped_before_the_steps_is_not_told_to_go_first() {
    // The steps take the room of a guest that is large and idle.
    let mut case = Case::new(2);
    for _ in 0..3 {
        case = case.guest(0, |_| 7.0, 8.0);
    }
    let (_, plan) = case.guest(0, |_| 0.05, 70.0).guest(1, |_| 0.1, 12.0).run();
    assert_eq!(plan.steps.len(), 1);
    assert!(!plan.skipped.contains_key(&103), "{:?}", plan.skipped);
    let slight = plan.slight[&103];
    assert!(slight.saved < slight.asked && !slight.after, "{slight:?}");
}

/// What is told with the first step.
fn concerns(case: &Case) -> Vec<String> {
    case.run().1.steps[0].details.concerns.clone()
}

#[test]
fn a_step_beside_a_move_of_pve_s_own_balancer_says_so() {
    let mut case = hot();
    case.change = |_, inventory| {
        inventory.crs.ha = "dynamic".into();
        inventory.crs.auto_rebalance = true;
        inventory.crs.threshold = Fraction(0.05);
        let ha =
            HaResource { state: "started".into(), auto_rebalance: true, ..HaResource::default() };
        inventory.guests[4].ha = Some(ha);
    };
    assert_eq!(
        concerns(&case),
        ["PVE's balancer moves 104 off pve0 by itself; see first what that leaves"]
    );
}

#[test]
fn that_the_source_falls_by_itself_is_told() {
    let mut case = hot();
    case.change = |outlook, _| {
        let trend = &mut outlook.nodes[0].cpu_trend;
        (trend.direction, trend.slope_per_day) = (Direction::SustainedDecrease, Some(-0.02));
    };
    assert_eq!(concerns(&case), ["pve0's CPU has been falling by 2.0 % a day"]);
    case.change = |outlook, _| outlook.nodes[0].cpu_trend.slope_per_day = Some(-0.02);
    assert!(concerns(&case).is_empty(), "nothing is claimed");
}

#[test]
fn who_makes_a_node_s_memory_grow_is_named_where_another_guest_goes() {
    let mut case =
        Case::new(2).guest(0, |_| 1.0, 60.0).guest(0, |_| 1.0, 55.0).guest(1, |_| 1.0, 8.0);
    case.change = |outlook, _| {
        for (guest, per_day) in [(0, 0.02), (1, 0.0)] {
            rises(&mut outlook.guests[guest].mem_trend, ProjectionBasis::New);
            outlook.guests[guest].mem_trend.slope_per_day = Some(per_day);
        }
        rises(&mut outlook.nodes[0].mem_trend, ProjectionBasis::Persistent);
        outlook.nodes[0].mem_trend.slope_per_day = Some(0.02);
    };
    let (outlook, plan) = case.run();
    let step = &plan.steps[0];
    assert_eq!(outlook.guests[step.guest].vmid, 101);
    let told = "most of pve0's memory growth is 100's (1.8 GiB a day); moving 101 buys time";
    assert_eq!(step.details.concerns, [told]);
}

/// State and urgency of the first node, with its hours above the threshold.
fn hours_of(case: &Case) -> (State, Urgency, Vec<u8>) {
    case.asked(|q| {
        let cpu = q.states[0].findings.iter().find(|f| f.metric == "CPU").unwrap();
        (q.states[0].of_load, q.states[0].urgency, cpu.peak_hours.clone())
    })
}

/// A node with one guest, in a cluster whose clock says UTC.
fn of_one(load: Curve) -> Case {
    Case { local_hour: NOW_HOUR as u8, ..Case::new(2).guest(0, load, 8.0) }
}

#[test]
fn a_node_that_a_nightly_job_overloads_says_when_and_is_not_urgent() {
    // The last hour that is recorded is the running one.
    let job: Curve = |h| if (2..5).contains(&(h + 17).rem_euclid(24)) { 15.0 } else { 2.0 };
    assert_eq!(hours_of(&of_one(job)), (State::Overloaded, Urgency::Medium, vec![2, 3, 4]));
    // By the clock of the cluster.
    let elsewhere = Case { local_hour: 3, ..of_one(job) };
    assert_eq!(hours_of(&elsewhere).2, vec![13, 14, 15]);
    // People work then.
    let day: Curve = |h| if (8..18).contains(&(h + 17).rem_euclid(24)) { 15.0 } else { 2.0 };
    let all_day = (State::Overloaded, Urgency::High, (8..18).collect());
    assert_eq!(hours_of(&of_one(day)), all_day);
    // At any hour: nothing to be told by the hour.
    assert_eq!(hours_of(&of_one(|_| 15.0)), (State::Overloaded, Urgency::High, vec![]));
}

#[test]
fn where_nothing_but_its_group_holds_a_guest_what_becomes_of_all_is_told() {
    let mut case = hot();
    case.change = |_, inventory| {
        for guest in &mut inventory.guests[..2] {
            guest.tags.push("affinity_shop".into());
        }
    };
    let group = |case: &Case, node| {
        case.asked(|q| {
            let told = explain(q, q.inventory.guest(100).unwrap(), &[]);
            let of = |t: &Target| t.node == node;
            told.targets.iter().find(|t| of(t)).and_then(|t| t.group.clone())
        })
    };
    let calm = group(&case, 1).expect("a group");
    assert_eq!(
        (calm.others, calm.held.is_none()),
        (vec![101], true),
        "4 and twice 2.9 of 16 cores"
    );
    // One fits, two do not.
    case.guests[5].1 = |_| 8.0;
    let (who, why) = group(&case, 1).and_then(|group| group.held).expect("no room");
    assert_eq!((who, why[0].code), (101, BlockerCode::Overload));
}
