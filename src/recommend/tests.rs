//! Small clusters with a known right answer.

mod nodes;
mod peaks;
mod rules;
mod staying;
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
