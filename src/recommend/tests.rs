//! Small clusters with a known right answer.

mod told;

use super::*;
use crate::model::{
    Bytes, Cores, Disk, DiskSource, Fraction, GIB, GuestFacts, GuestStatus, HaResource, Inventory,
    Migration, NodeFacts, StorageFacts, UnixTime,
};
use crate::outcome::{Experience, Outcome, Verdict};
use crate::outlook::{
    GuestHistory, GuestOutlook, Limits, NodeHistory, NodeOutlook, Outlook, Readings, Resource,
    Weights, build,
};
use crate::series::{LocalTime, Point};
use crate::settings::{Key, PenaltyConfig, Settings, map_simplified_to_penalty_config};
use crate::trend::{Crossing, Direction, Params, Projection, ProjectionBasis, Trend, analyze};
use std::collections::BTreeSet;

const NOW: UnixTime = 1_790_006_400;
/// Hour of the day that NOW is in UTC, in which trends are made.
const NOW_HOUR: i32 = 16;
const HOURS: i64 = 336;

/// Load of a guest in host cores at an hour before now (negative).
pub(super) type Curve = fn(i64) -> f64;

pub(super) struct Case {
    cores: Vec<f64>,
    pub(super) guests: Vec<(usize, Curve, f64)>,
    config: PenaltyConfig,
    experience: Experience,
    pub(super) change: fn(&mut Outlook, &mut Inventory),
    /// Hour of the day that NOW is.
    local_hour: u8,
}

impl Case {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            cores: vec![16.0; nodes],
            guests: Vec::new(),
            config: PenaltyConfig::default(),
            experience: Experience::default(),
            change: |_, _| {},
            local_hour: 3,
        }
    }

    /// A guest on `host` with a load in cores and memory in GiB.
    pub(super) fn guest(mut self, host: usize, curve: Curve, memory: f64) -> Self {
        self.guests.push((host, curve, memory));
        self
    }

    pub(super) fn asked<T>(&self, answer: impl FnOnce(&Question) -> T) -> T {
        let (mut outlook, mut inventory) = self.outlook();
        (self.change)(&mut outlook, &mut inventory);
        let local = LocalTime::fixed((i32::from(self.local_hour) - NOW_HOUR) * 3_600);
        answer(&Question {
            outlook: &outlook,
            states: &states(&outlook, &self.config, &local),
            inventory: &inventory,
            constraints: &Constraints::new(&inventory),
            config: &self.config,
            experience: &self.experience,
            local: &local,
            recent: Recent::whole(),
        })
    }

    fn run(&self) -> (Outlook, Plan) {
        self.asked(|q| (q.outlook.clone(), plan(q)))
    }

    /// Moves as (vmid, target).
    fn moves(&self) -> Vec<(u32, usize)> {
        let (outlook, plan) = self.run();
        plan.steps.iter().map(|s| (outlook.guests[s.guest].vmid, s.target)).collect()
    }

    fn outlook(&self) -> (Outlook, Inventory) {
        let memory = 128.0 * GIB;
        let histories: Vec<(usize, GuestHistory)> = self
            .guests
            .iter()
            .map(|&(host, curve, used)| {
                let history = GuestHistory {
                    cpu: (-HOURS..0).map(|h| Some(curve(h))).collect(),
                    memory: vec![Some(used * GIB); HOURS as usize],
                    host: vec![Some(host); HOURS as usize],
                    cpu_now: curve(-1),
                    memory_now: used * GIB,
                    ..GuestHistory::default()
                };
                (host, history)
            })
            .collect();
        let node_curve = |node: usize, h: i64| -> f64 {
            0.2 + self.guests.iter().filter(|g| g.0 == node).map(|g| (g.1)(h)).sum::<f64>()
        };
        let node_memory = |node: usize| -> f64 {
            2.0 * GIB + self.guests.iter().filter(|g| g.0 == node).map(|g| g.2 * GIB).sum::<f64>()
        };
        let nodes: Vec<NodeHistory> = (0..self.cores.len())
            .map(|n| NodeHistory {
                cpu: (-HOURS..0).map(|h| Some(node_curve(n, h))).collect(),
                memory: vec![Some(node_memory(n)); HOURS as usize],
                cpu_now: Some(node_curve(n, -1)),
                memory_now: Some(node_memory(n)),
                wanted: Vec::new(),
            })
            .collect();
        let weights = Weights::of(&self.config);
        let lookback = self.config.settings.analysis_lookback.hours().0 as usize;
        let expected = build(&histories, &[], &nodes, lookback, weights, &|_| false);
        let guests = self.guests.iter().enumerate().zip(expected.guests).map(|((i, g), load)| {
            let maxmem = Bytes(g.2 * GIB * 1.5);
            let mem_trend = trend(|_| 0.66, 0.85);
            GuestOutlook {
                name: format!("g{i}"),
                load,
                cpu_now: Cores((g.1)(-1)),
                memory_now: Bytes(g.2 * GIB),
                cpu_trend: trend(|h| (g.1)(h) / 8.0, 0.8),
                history_hours: HOURS as f64,
                ..GuestOutlook::idle(100 + i as u32, g.0, Cores(8.0), maxmem, &mem_trend)
            }
        });
        let guests: Vec<GuestOutlook> = guests.collect();
        let nodes = expected.bases.into_iter().enumerate().map(|(n, base)| {
            let cores = self.cores[n];
            let cpu: Vec<Option<f64>> =
                (-HOURS..0).map(|h| Some(node_curve(n, h) / cores)).collect();
            let mem = vec![Some(node_memory(n) / memory); HOURS as usize];
            let iowait_trend = trend(|_| 0.0, 0.2);
            NodeOutlook {
                base,
                cpu: Readings::of(&cpu, cpu.last().copied().flatten()),
                mem: Readings::of(&mem, mem.last().copied().flatten()),
                cpu_trend: trend(|h| node_curve(n, h) / cores, self.config.cpu_threshold.0),
                mem_trend: trend(|_| node_memory(n) / memory, self.config.mem_threshold.0),
                history_hours: HOURS as f64,
                ..NodeOutlook::idle(&format!("pve{n}"), Cores(cores), Bytes(memory), &iowait_trend)
            }
        });
        let weights = expected.weights;
        let outlook = Outlook { now: NOW, weights, nodes: nodes.collect(), guests };
        let inventory = inventory(&outlook);
        (outlook, inventory)
    }
}

fn inventory(outlook: &Outlook) -> Inventory {
    let nodes = outlook.nodes.iter().map(|n| NodeFacts {
        name: n.name.clone(),
        online: Some(true),
        maxcpu: Some(n.cores),
        ..NodeFacts::default()
    });
    let guests = outlook.guests.iter().map(|g| GuestFacts {
        vmid: g.vmid,
        node: outlook.nodes[g.host].name.clone(),
        status: GuestStatus::Running,
        maxcpu: Some(g.cores),
        ..GuestFacts::default()
    });
    Inventory { nodes: nodes.collect(), guests: guests.collect(), ..Inventory::default() }
}

fn trend(curve: impl Fn(i64) -> f64, threshold: f64) -> Trend {
    let local = LocalTime::utc();
    let points: Vec<Point> =
        (-HOURS..0).map(|h| Point::sample(NOW + h * 3_600 + 1_800, curve(h))).collect();
    let params = Params { threshold: Some(threshold), ..Params::share(NOW, 1.0, &local) };
    analyze(&points, &params)
}

/// One hot node of five busy guests beside two calm ones.
fn hot() -> Case {
    let mut case = Case::new(3);
    for _ in 0..5 {
        case = case.guest(0, |_| 2.9, 8.0);
    }
    case.guest(1, |_| 4.0, 8.0).guest(2, |_| 6.0, 8.0)
}

#[test]
fn a_hot_node_is_relieved_not_emptied() {
    let (outlook, plan) = hot().run();
    assert_eq!(plan.steps.len(), 1, "one of five guests is enough");
    assert_eq!(plan.steps[0].source, 0);
    assert!(plan.before.core_hours > 0.0 && plan.after.core_hours == 0.0);
    assert!(plan.steps[0].confidence.percent >= 75.0);
    assert_eq!(outlook.nodes[plan.steps[0].target].name, "pve1");
}

#[test]
fn an_uneven_cluster_without_trouble_is_left_alone() {
    let case = Case::new(3).guest(0, |_| 5.0, 8.0).guest(0, |_| 5.0, 8.0);
    let (_, plan) = case.run();
    assert!(plan.steps.is_empty() && plan.considered.is_empty());
}

/// A claimed rise of a tenth of the whole a week.
fn rises(trend: &mut Trend, basis: ProjectionBasis) {
    trend.direction = Direction::SustainedIncrease;
    trend.slope_per_day = Some(0.1 / 7.0);
    trend.confidence = 0.99;
    trend.projection_basis = Some(basis);
}

#[test]
fn of_moves_that_are_as_good_a_guest_whose_memory_goes_on_growing_is_first() {
    let mut case = Case::new(3).guest(1, |_| 1.0, 8.0).guest(2, |_| 1.0, 16.0);
    for _ in 0..5 {
        case = case.guest(0, |_| 1.0, 24.0);
    }
    assert_eq!(case.moves(), [(102, 1)], "all five are alike");
    case.guests[5].2 = 25.0;
    assert_eq!(case.moves(), [(102, 1)], "and this one costs more");
    case.change = |outlook, _| rises(&mut outlook.guests[5].mem_trend, ProjectionBasis::Persistent);
    assert_eq!(case.moves(), [(105, 1)]);
    case.change = |outlook, _| rises(&mut outlook.guests[5].mem_trend, ProjectionBasis::New);
    assert_eq!(case.moves(), [(102, 1)], "it may stop as well");
    case.change = |outlook, _| rises(&mut outlook.guests[5].cpu_trend, ProjectionBasis::CpuLike);
    assert_eq!(case.moves(), [(102, 1)], "CPU is not what the node is short of");
    let mut case = hot();
    case.change = |outlook, _| rises(&mut outlook.guests[3].mem_trend, ProjectionBasis::Persistent);
    assert_eq!(case.moves(), [(100, 1)], "nor memory here");
}

#[test]
fn of_targets_that_are_as_good_the_one_with_most_of_what_is_short_is_taken() {
    // CPU is short; the second target has more of it to spare, and more memory in use.
    let mut case = hot();
    case.guests[5] = (1, |_| 4.0, 8.0);
    case.guests[6] = (2, |_| 1.0, 48.0);
    assert_eq!(case.moves(), [(100, 2)]);
}

#[test]
fn hours_from_before_a_guest_was_there_prove_nothing() {
    let confidence = |history_hours| {
        let mut case = Case::new(2).guest(0, |_| 4.0, 8.0).guest(0, |_| 4.0, 8.0);
        case = case.guest(0, |_| 6.0, 8.0);
        case.change = match history_hours {
            1 => |outlook, _| outlook.guests[2].history_hours = 0.5,
            _ => |_, _| {},
        };
        case.asked(|q| {
            let step = plan::Planner::new(q).work_out(0, 0, 1);
            assert!(step.benefit.core_hours > 20.0, "{:?}", step.benefit);
            step.confidence.percent
        })
    };
    let (with, without) = (confidence(336), confidence(1));
    assert!(with > 85.0 && without < 75.0, "{with} {without}");
}

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
fn no_step_pushes_a_target_over_its_threshold() {
    let mut case = hot();
    case.guests[5] = (1, |_| 10.5, 8.0);
    case.guests[6] = (2, |_| 10.5, 8.0);
    let (_, plan) = case.run();
    assert!(plan.steps.is_empty(), "nobody has room for 2.9 cores");
    let codes: Vec<_> = plan.skipped.values().flat_map(|s| &s.blockers).map(|b| b.code).collect();
    assert!(codes.contains(&BlockerCode::Overload));
}

#[test]
fn guests_that_peak_together_are_parted() {
    // Two day workers overload node 0 by day; node 1 works by day, node 2 by night.
    let day: Curve = |h| if (8..18).contains(&h.rem_euclid(24)) { 7.0 } else { 1.0 };
    let night: Curve = |h| if (8..18).contains(&h.rem_euclid(24)) { 1.0 } else { 7.0 };
    let mut case =
        Case::new(3).guest(0, day, 8.0).guest(0, day, 8.0).guest(1, day, 8.0).guest(2, night, 8.0);
    case.config.settings.protect_running_workloads = false;
    let moves = case.moves();
    assert_eq!(moves.len(), 1);
    assert_eq!(moves[0].1, 2, "the node that is calm by day");
}

#[test]
fn the_same_question_has_the_same_answer() {
    let describe = || format!("{:?}", hot().run().1.steps);
    assert_eq!(describe(), describe());
}

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
    let want = "pve1 has 52.0 GiB in use in its busy hours; 75.0 GiB more would pass 95 % of its";
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
fn of_moves_that_cost_the_same_points_the_one_that_helps_more_is_made() {
    // Without the largest guest nothing is left above the threshold; its memory is 10 MiB more.
    let mut case = Case::new(2);
    for _ in 0..4 {
        case = case.guest(0, |_| 2.9, 8.0);
    }
    let case = case.guest(0, |_| 4.0, 8.01);
    assert_eq!(case.moves(), [(104, 1)]);
}

#[test]
fn memory_that_a_guest_may_take_must_be_there() {
    let mut case = hot();
    case.guests[5].2 = 112.0;
    case.guests[6].2 = 112.0;
    let (_, plan) = case.run();
    assert!(plan.steps.is_empty());
    let codes: Vec<_> = plan.skipped.values().flat_map(|s| &s.blockers).map(|b| b.code).collect();
    assert!(codes.contains(&BlockerCode::MemoryCapacity));
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
fn blocked_guests_stay_and_others_go_in_their_place() {
    let mut case = hot();
    let first = case.moves()[0].0;
    case.change = |_, inventory| inventory.guests[0].tags.push("ignore".into());
    let moves = case.moves();
    assert_eq!(first, 100);
    assert_eq!(moves[0].0, 101);
}

#[test]
fn each_of_the_five_settings_flips_a_decision() {
    let with = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        map_simplified_to_penalty_config(&settings)
    };
    // Sensitivity: 82 % is over the balanced threshold, not over the conservative one.
    let mut case = hot();
    for guest in &mut case.guests[..5] {
        guest.1 = |_| 2.6;
    }
    assert_eq!(case.moves().len(), 1);
    case.config = with(|s| s.migration_sensitivity = crate::settings::Sensitivity::Conservative);
    assert!(case.moves().is_empty());

    // Trend weight: a calm moment hides a daily overload from a pure snapshot.
    let mut case = hot();
    for guest in &mut case.guests[..5] {
        guest.1 = |h| if h > -3 { 0.5 } else { 2.9 };
    }
    assert_eq!(case.moves().len(), 1);
    case.config = with(|s| s.trend_weight = Fraction(0.0));
    assert!(case.moves().is_empty());

    // Analysis lookback: what comes in three days is not looked for within one.
    let mut case = hot();
    case.change = |outlook, _| {
        let trend = &mut outlook.nodes[1].mem_trend;
        rises(trend, ProjectionBasis::Persistent);
        let peak = Crossing::In { hours: 72.0, earliest: 48.0, latest: None };
        trend.projection = Some(Projection { threshold: 0.85, level: peak, peak });
    };
    let state = |case: &Case| case.asked(|q| q.states[1].state);
    assert_eq!(state(&case), State::TrendingTowardOverload);
    case.config = with(|s| s.analysis_lookback = crate::settings::Days(1.0));
    assert_eq!(state(&case), State::Healthy);

    // Minimum confidence: four days of history leave a doubt.
    let mut case = hot();
    case.change = |outlook, _| outlook.nodes[0].history_hours = 96.0;
    let confidence = case.run().1.steps[0].confidence.percent;
    assert!((75.0..95.0).contains(&confidence), "{confidence}");
    case.config = with(|s| s.minimum_confidence = Fraction(0.95));
    assert!(case.moves().is_empty());
    assert!(case.run().1.considered[0].reason.text.contains("confidence"));

    // Protect running workloads: everybody is in the daily peak at 12:00.
    let mut case = hot();
    for guest in &mut case.guests[..5] {
        guest.1 = |h| if (10..16).contains(&(h + 16).rem_euclid(24)) { 2.9 } else { 1.0 };
    }
    case.local_hour = 12;
    let peaks = &case.outlook().0.guests[0].cpu_trend.peak_hours;
    assert!(peaks.contains(&12), "{peaks:?}");
    assert!(case.moves().is_empty());
    assert!(case.run().1.considered[0].reason.text.contains("put off until"));
    case.config = with(|s| s.protect_running_workloads = false);
    assert!(!case.moves().is_empty());
}

/// A node whose load is that of one large guest, the best to go, and in its daily peak, and of `others`.
fn best_is_busy(others: Curve) -> Case {
    let peak: Curve = |h| if (10..16).contains(&(h + 16).rem_euclid(24)) { 6.0 } else { 1.0 };
    let case = Case::new(3).guest(0, peak, 8.0).guest(0, others, 8.0).guest(0, others, 8.0);
    Case { local_hour: 12, ..case }
}

#[test]
fn a_guest_in_its_daily_peak_gives_way_unless_the_next_best_waits_as_long() {
    // The others could go now, and so they do.
    let mut steady = best_is_busy(|_| 4.5);
    steady.change = |outlook, _| outlook.nodes[0].cpu_trend.peak_hours.clear();
    let (outlook, plan) = steady.run();
    assert_eq!(outlook.guests[plan.steps[0].guest].vmid, 101);
    assert!(
        plan.considered[0].reason.text.contains("put off until 16:00"),
        "{:?}",
        plan.considered
    );
    // The node itself is busy for as long: who saves most goes, at the same time.
    let mut bound = best_is_busy(|_| 4.5);
    bound.change = |outlook, _| {
        outlook.nodes[0].cpu_trend.peak_hours = (10..16).collect();
    };
    let (_, plan) = bound.run();
    assert_eq!(plan.steps[0].guest, 0);
    assert_eq!(plan.steps[0].details.window.as_ref().unwrap().start_hour, 16);
    assert!(plan.considered.is_empty(), "{:?}", plan.considered);
}

#[test]
fn of_guests_in_their_daily_peak_one_goes_and_the_others_are_not_put_off_by_the_hour() {
    let peak: Curve = |h| if (10..16).contains(&(h + 16).rem_euclid(24)) { 5.0 } else { 1.0 };
    let mut case = best_is_busy(|_| 4.5);
    case.guests[1].1 = peak;
    case.change = |outlook, _| outlook.nodes[0].cpu_trend.peak_hours = (10..16).collect();
    let (_, plan) = case.run();
    assert_eq!(plan.steps.iter().map(|step| step.guest).collect::<Vec<_>>(), [0]);
    let behind: Vec<_> = plan.considered.iter().map(|c| (c.step.guest, &c.reason)).collect();
    let text = "is in its daily peak, and of those that are, guest 100 relieves pve0 better".into();
    assert_eq!(behind, [(1, &Refusal { cause: Cause::Behind, text })]);
}

#[test]
fn where_the_first_step_waits_those_after_it_may_wait_as_long() {
    let peak: Curve = |h| if (10..16).contains(&(h + 16).rem_euclid(24)) { 5.0 } else { 1.0 };
    // The first one is not in its peak, but its node is; the others are.
    let mut case = Case::new(3).guest(0, |_| 8.0, 8.0).guest(0, peak, 8.0).guest(0, peak, 8.0);
    case.guests.push((0, peak, 8.0));
    case.local_hour = 12;
    case.change = |outlook, _| {
        outlook.nodes[0].cpu_trend.peak_hours = (10..16).collect();
        outlook.guests[0].cpu_trend.peak_hours.clear();
    };
    let (_, plan) = case.run();
    let starts: Vec<_> =
        plan.steps.iter().map(|s| s.details.window.as_ref().unwrap().start_hour).collect();
    assert_eq!((plan.steps[0].guest, starts), (0, vec![16, 16]), "{:?}", plan.considered);
}

#[test]
fn who_gave_way_to_one_that_waits_as_long_is_the_next_step_where_one_is_not_enough() {
    let peak: Curve = |h| if (10..16).contains(&(h + 16).rem_euclid(24)) { 5.0 } else { 1.0 };
    let mut case = best_is_busy(|_| 4.5);
    case.guests[1].1 = peak;
    case = case.guest(0, peak, 8.0);
    case.change = |outlook, _| outlook.nodes[0].cpu_trend.peak_hours = (10..16).collect();
    let (outlook, plan) = case.run();
    let moved: Vec<u32> = plan.steps.iter().map(|step| outlook.guests[step.guest].vmid).collect();
    assert_eq!(moved.len(), 2, "6 and twice 5 and 4.5 of 16 cores: {moved:?}");
    assert!(
        moved.contains(&100) && moved[1] != 102,
        "who saves most, not who could go now: {moved:?}"
    );
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

#[test]
fn expert_keys_act() {
    let mut case = hot();
    case.config.set(Key::max_moves, 1.0);
    assert_eq!(case.moves().len(), 1);
    case.config.set(Key::min_benefit, 720.0);
    assert!(case.moves().is_empty());
    case.config.set(Key::min_benefit, 1.0);
    case.config.set(Key::min_score_improvement, 1_000.0);
    assert!(case.moves().is_empty());
}

#[test]
fn no_plan_raises_the_busiest_hours_of_the_cluster() {
    // The highest expected busy hours of any node, before and after the whole plan.
    let bursts: [Curve; 3] = [
        |h| if h.rem_euclid(24) < 8 { 3.5 } else { 0.5 },
        |h| if h.rem_euclid(60) < 20 { 4.0 } else { 1.0 },
        |h| 2.0 + 1.5 * (h as f64 / 17.0).sin(),
    ];
    for guests in [6, 9, 12] {
        let mut case = Case::new(4);
        for i in 0..guests {
            case = case.guest((i * i) % 3, bursts[i % 3], 6.0);
        }
        let (outlook, plan) = case.run();
        let highest = |hosts: &[usize]| -> f64 {
            let mut loads: Vec<_> = outlook.nodes.iter().map(|n| n.base.clone()).collect();
            hosts.iter().zip(&outlook.guests).for_each(|(h, g)| loads[*h].add(&g.load, 1.0));
            let busy = |(n, load)| overload::levels(&outlook, n, load, None, Resource::Cpu).high;
            loads.iter().enumerate().map(busy).fold(0.0, f64::max)
        };
        let mut hosts: Vec<usize> = outlook.guests.iter().map(|g| g.host).collect();
        let before = highest(&hosts);
        plan.steps.iter().for_each(|s| hosts[s.guest] = s.target);
        assert!(highest(&hosts) <= before.max(0.8) + 1e-9, "{guests} guests");
        assert!(plan.after.core_hours <= plan.before.core_hours);
    }
}

/// A past move of the first guest of the hot node.
fn past(verdict: Verdict, source: &str, target: &str, hours_ago: i64) -> Outcome {
    let (time, from, to) = (NOW - hours_ago * 3_600, source.into(), target.into());
    let migration = Migration { time, vmid: 100, from, to };
    let limits = Limits { cpu: 0.8, memory: 0.85 };
    let mut outcome = Outcome::new(&migration, (String::new(), 0), limits, time);
    outcome.windows.iter_mut().for_each(|w| w.result = verdict);
    outcome
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

#[test]
fn confidence_follows_the_outcomes_by_at_most_its_weight() {
    let confidence = |verdict: Option<Verdict>| {
        let mut case = hot();
        case.config.set(Key::repeat_block_hours, 0.0);
        case.config.settings.minimum_confidence = Fraction(0.0);
        let vmids = 100..110;
        let all: Vec<Outcome> = verdict
            .iter()
            .flat_map(|v| vmids.clone().map(|vmid| Outcome { vmid, ..past(*v, "x", "y", 99) }))
            .collect();
        case.experience = Experience::of(all.iter());
        case.run().1.steps[0].confidence.percent
    };
    let (unknown, good) = (confidence(None), confidence(Some(Verdict::Improved)));
    let bad = confidence(Some(Verdict::Worse));
    assert!(bad < unknown && unknown < good, "{bad} {unknown} {good}");
    assert!(good - bad <= 12.0 + 1e-9, "{bad} {good}");
}

#[test]
fn a_steady_node_is_left_alone_where_an_erratic_one_is_relieved() {
    // Five guests, the same mean of 70 % of the node and never above its threshold of 80 %.
    let busy = |curve: Curve| {
        let mut case = Case::new(3).guest(1, |_| 4.0, 8.0).guest(2, |_| 4.0, 8.0);
        for _ in 0..5 {
            case = case.guest(0, curve, 8.0);
        }
        let (outlook, _) = case.outlook();
        let limits = Limits::thresholds(&case.config);
        overload::risk(&outlook, 0, &outlook.node_loads()[0], None, limits)
    };
    assert!(busy(|_| 2.2) < 1e-9, "it never changes");
    let erratic = busy(|h| if h.rem_euclid(7) < 3 { 1.9 } else { 2.45 });
    assert!(erratic > 10.0, "it might be higher next time: {erratic}");
}

/// Two busy guests on one node of a cluster that has no room left for either.
fn crowded(left: f64) -> Case {
    let mut case = Case::new(3).guest(0, |_| 8.0, 8.0).guest(0, |_| 8.0, 8.0);
    case.guests[0].1 = |h| if h.rem_euclid(2) < 1 { 9.0 } else { 8.0 };
    case.cores[0] = 12.0;
    case.guest(1, |_| 5.5, 8.0).guest(2, |_| 14.0, left)
}

#[test]
fn a_crowded_target_takes_a_guest_if_it_is_clearly_better_off() {
    // Node 1 would be at 85 to 91 % of its 16 cores, above its threshold of 80 %; node 0 of 12
    // cores is at 140 %, and at 67 % without the guest.
    let (_, plan) = crowded(8.0).run();
    assert_eq!(plan.steps.len(), 1, "{:?}", plan.considered);
    let peaks = plan.steps[0].details.target_peaks;
    assert_eq!(plan.steps[0].target, 1);
    assert!(
        peaks.cpu_after > 0.8
            && peaks.cpu_after < 0.9 * plan.steps[0].details.source_peaks.cpu_before
    );
    // With four cores more it would have nothing left itself: never past capacity.
    let mut full = crowded(8.0);
    full.guests[2].1 = |_| 9.5;
    let (_, plan) = full.run();
    assert!(plan.steps.is_empty());
    let codes: Vec<_> = plan.skipped.values().flat_map(|s| &s.blockers).map(|b| b.code).collect();
    assert!(codes.contains(&BlockerCode::Overload));
    // A source that is hardly above its threshold is not worth a crowded target.
    let mut near = crowded(8.0);
    near.cores[0] = 19.0;
    assert!(near.run().1.steps.is_empty());
}

#[test]
fn room_that_others_need_is_not_taken_by_a_move_that_fills_its_target() {
    // Memory is short on the first node and CPU on the second; the third has room for one guest of the first, and would
    // be above its threshold all week with one of the second, which fits on the first. Without that the second node is
    // above its threshold for an hour a day.
    let case = (0..5).fold(Case::new(3), |case, _| {
        let daily = |h: i64| if h.rem_euclid(24) == 5 { 3.6 } else { 3.1 };
        case.guest(0, |_| 0.5, 22.0).guest(1, daily, 3.0).guest(2, |_| 2.0, 12.0)
    });
    let (_, plan) = case.run();
    let ways: Vec<(usize, usize)> = plan.steps.iter().map(|s| (s.source, s.target)).collect();
    assert_eq!(ways[..2], [(0, 2), (1, 0)]);
    assert!(plan.before.core_hours > 300.0 && plan.after.core_hours < 30.0, "{:?}", plan.after);
}

#[test]
fn no_score_stands_against_relieving_a_node_that_has_nothing_left() {
    // The score of the target is as bad as that of the source: it has a claimed rise.
    let mut case = crowded(8.0);
    case.config.set(Key::min_score_improvement, 1_000.0);
    assert_eq!(case.moves().len(), 1, "node 0 is at 140 %");
    let mut case = hot();
    case.config.set(Key::min_score_improvement, 1_000.0);
    let (_, plan) = case.run();
    assert!(plan.steps.is_empty(), "a node at 92 % has something left");
    assert!(plan.considered[0].reason.text.starts_with("gains "));
}

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
fn what_all_nodes_together_lack_is_told_apart_from_what_a_move_avoids() {
    let (outlook, _) =
        Case::new(2).guest(0, |_| 14.0, 8.0).guest(1, |_| 14.0, 8.0).guest(1, |_| 1.0, 8.0).run();
    let limits = Limits::thresholds(&PenaltyConfig::default());
    // 29 cores of guests and 0.4 of the nodes' own, with 25.6 below the thresholds of both.
    let all = overload_of_all(Resource::Cpu, &outlook, limits);
    assert!((all.core_hours - 3.8 * 168.0).abs() < 1e-6, "{}", all.core_hours);
    assert!((all.node_hours - 168.0).abs() < 1e-9);
    assert_eq!(overload_of_all(Resource::Memory, &outlook, limits), Overload::default());
    let (uneven, _) = Case::new(2).guest(0, |_| 14.0, 8.0).guest(0, |_| 1.0, 8.0).run();
    assert_eq!(overload_of_all(Resource::Cpu, &uneven, limits), Overload::default());
}

#[test]
fn overload_of_one_resource_is_not_that_of_the_other() {
    let (mut outlook, _) = Case::new(2).guest(0, |_| 14.0, 120.0).run();
    outlook.guests[0].load.cpu.iter_mut().skip(100).for_each(|x| *x = 1.0);
    let load = &outlook.node_loads()[0];
    let limits = Limits::thresholds(&PenaltyConfig::default());
    let hours = |r| overload_of(r, &outlook, 0, load, None, limits).node_hours;
    let (cpu, memory) = (hours(Resource::Cpu), hours(Resource::Memory));
    assert!((memory - 168.0).abs() < 1e-9 && cpu < 120.0, "{cpu} {memory}");
    let both = overload(&outlook, 0, load, None, limits);
    let of = |r| overload_of(r, &outlook, 0, load, None, limits).core_hours;
    assert!((both.core_hours - of(Resource::Cpu) - of(Resource::Memory)).abs() < 1e-9);
    let without = Some((&outlook.guests[0].load, -1.0));
    let left = overload_of(Resource::Memory, &outlook, 0, load, without, limits);
    assert_eq!(left, Overload::default());
}

#[test]
fn a_step_after_those_that_relieved_its_source_can_wait() {
    let state = NodeState { urgency_of_moves: Urgency::High, ..NodeState::of(Vec::new()) };
    assert_eq!(state.urgency_of_step(0.5, false), Urgency::Low);
    assert_eq!(state.urgency_of_step(1.0, false), Urgency::High);
    assert_eq!(state.urgency_of_step(0.5, true), Urgency::High, "it is to be emptied");
}

/// So that who moves second in a group is weighed with who went before.
#[test]
fn a_node_scores_with_a_guest_that_has_come_as_it_was_weighed_with_it() {
    let case = Case::new(2)
        .guest(0, |_| 9.0, 30.0)
        .guest(0, |_| 5.0, 12.0)
        .guest(0, |_| 3.0, 6.0)
        .guest(1, |_| 8.0, 30.0);
    case.asked(|q| {
        let mut planner = plan::Planner::new(q);
        for guest in [1, 2] {
            let weighed = planner.score(1, Some(&q.outlook.guests[guest]));
            planner.shift(guest, 1);
            let there = planner.score(1, None);
            assert!(there.len() == weighed.len() && there.len() > 2, "{there:?}");
            for (there, weighed) in there.iter().zip(&weighed) {
                assert_eq!(there.term, weighed.term);
                assert!((there.points.0 - weighed.points.0).abs() < 1e-6, "{there:?} {weighed:?}");
            }
        }
    });
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
