//! Outcomes through the store and the collector: noted once, judged as windows end, kept whole.

use pve_foresight::api::{OutcomesReply, Recommendation};
use pve_foresight::engine::{Engine, OutcomesRequest, RecommendRequest};
use pve_foresight::error::Kind;
use pve_foresight::evidence::GuestEvidence;
use pve_foresight::model::{DAY, GuestKind, HOUR, Migration, Tick, UnixTime, Vmid};
use pve_foresight::outcome::{LEDGER_FILE, Ledger, MAX_OUTCOME_ENTRIES, Outcome, Span, Verdict};
use pve_foresight::outlook::Limits;
use pve_foresight::settings::{PenaltyConfig, Stored, get_effective_penalty_config};
use pve_foresight::simulate::{
    Failure, GuestGroup, Move, NodeGroup, Profile, PveVersion, Scenario, Simulation, Stop,
    TreeWriter,
};
use pve_foresight::store::Writer;
use std::fs;
use std::path::{Path, PathBuf};

const STEP: i64 = 300;
/// Day of the planted move.
const DAY_OF_MOVE: f64 = 4.0;
const MOVED: Vmid = 100;

/// A hot node, of which guest 100 is a fifth, and two calm ones.
fn scenario() -> Scenario {
    let group = |vmid, count: u32, share: f64, node: &str| GuestGroup {
        vmid: Some(vmid),
        count,
        kind: Some(GuestKind::Qemu),
        profile: Some(Profile::Steady),
        cores: Some(8),
        memory_gib: Some(4.0),
        memory_level: Some(0.5),
        level: Some(share * 2.0 / f64::from(count)),
        unrest: Some(0.15),
        weekend: Some(1.0),
        node: Some(node.into()),
        storage: Some("shared".into()),
        ..GuestGroup::default()
    };
    let mut scenario = Scenario {
        days: DAY_OF_MOVE + 2.0,
        interval: STEP as u32,
        nodes: vec![NodeGroup { cores: 16, memory_gib: 64.0, ..NodeGroup::default() }],
        guests: vec![
            group(MOVED, 1, 0.18, "pve1"),
            group(200, 4, 0.70, "pve1"),
            group(300, 2, 0.25, "pve2"),
            group(400, 2, 0.30, "pve3"),
        ],
        migrations: vec![Move { day: DAY_OF_MOVE, vmid: MOVED, to: "pve2".into() }],
        ..Scenario::default()
    };
    scenario.storages[1].id = "shared".into();
    scenario.storages[1].shared = true;
    scenario
}

/// A simulated cluster that is stored tick by tick, with or without the collector.
struct Cluster {
    _folder: tempfile::TempDir,
    state: PathBuf,
    root: PathBuf,
    tree: TreeWriter,
    simulation: Simulation,
    /// Stored, newest last.
    ticks: Vec<Tick>,
    moved: UnixTime,
}

impl Cluster {
    fn new(scenario: &Scenario) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (state, root) = (folder.path().join("state"), folder.path().join("pve"));
        fs::create_dir(&root).unwrap();
        let simulation = Simulation::new(scenario).unwrap();
        let moved = scenario.start() + (DAY_OF_MOVE * DAY as f64) as i64;
        let tree = TreeWriter::new(&root, PveVersion::V9).unwrap();
        Self { _folder: folder, state, root, tree, simulation, ticks: Vec::new(), moved }
    }

    /// Ready for the tick that shows the move.
    fn before_the_move(scenario: &Scenario) -> Self {
        let mut cluster = Self::new(scenario);
        cluster.append_until(cluster.moved - 1);
        cluster
    }

    fn engine(&self) -> Engine {
        Engine::new(&self.state)
    }

    fn next(&mut self) -> Tick {
        let tick = self.simulation.next().unwrap();
        self.ticks.push(tick.clone());
        tick
    }

    fn time(&self) -> UnixTime {
        self.ticks.last().map_or(0, |t| t.ts)
    }

    /// Stores ticks up to `until` as another program would: nobody looks at moves.
    fn append_until(&mut self, until: UnixTime) {
        let mut ticks = Vec::new();
        while self.time() + STEP <= until || self.ticks.is_empty() {
            ticks.push(self.next());
        }
        self.engine().append(&ticks).unwrap();
    }

    /// The next tick comes from the collector; what it warns of.
    fn collect(&mut self) -> Vec<String> {
        let tick = self.next();
        self.tree.write(&tick, &self.simulation.inventory()).unwrap();
        let run = self.state.join("../run");
        let reply = self.engine().collect(&self.root, &run, Some(tick.ts)).unwrap();
        reply.warnings.into_iter().filter(|w| !w.contains("counters")).collect()
    }

    /// Appends up to and with the first tick at or after `time`, the last by the collector.
    fn collect_at(&mut self, time: UnixTime) -> Vec<String> {
        self.append_until(time - 1);
        self.collect()
    }

    fn kept(&self) -> Vec<Outcome> {
        Ledger::load(&self.state).unwrap().outcomes
    }

    fn results(&self) -> Vec<[Verdict; 3]> {
        let of = |o: &Outcome| Span::ALL.map(|span| o.window(span).unwrap().result);
        self.kept().iter().map(of).collect()
    }

    fn told(&self) -> OutcomesReply {
        let now = Some(self.time());
        let config = PenaltyConfig::default();
        self.engine().outcomes(&OutcomesRequest { now, guest: None, config }).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.state.join(LEDGER_FILE)).unwrap()
    }
}

use Verdict::{Improved, Interrupted, Pending, Unknown};

#[test]
fn a_move_is_noted_at_once_and_judged_as_its_windows_end() {
    let mut cluster = Cluster::before_the_move(&scenario());
    let moved = cluster.moved;
    assert!(cluster.collect_at(moved).is_empty());
    let kept = cluster.kept();
    assert_eq!(cluster.results(), [[Pending; 3]]);
    let first = &kept[0];
    assert_eq!((first.vmid, first.source.as_str(), first.target.as_str()), (MOVED, "pve1", "pve2"));
    assert_eq!(first.seen, cluster.time());
    assert_eq!(Ledger::header(&cluster.state).unwrap().unwrap().next_due, Some(first.time + 300));

    cluster.collect_at(first.time + 300);
    assert!(cluster.results()[0][0].is_judged(), "{:?}", cluster.kept());
    cluster.collect_at(first.time + HOUR);
    cluster.collect_at(first.time + DAY);
    assert_eq!(cluster.results(), [[Improved; 3]], "{:#?}", cluster.kept()[0].windows);
    assert_eq!(Ledger::header(&cluster.state).unwrap().unwrap().next_due, None);

    let told = cluster.told();
    assert_eq!((told.outcomes.len(), told.outcomes[0].result), (1, Improved));
    assert_eq!(told.guests[0].tally.improved, 1);
    assert_eq!(told.accuracy["24h"].moves, 1);
    let window = told.outcomes[0].outcome.window(Span::Day).unwrap();
    assert_eq!(window.controls, 1, "pve3");
    let source = window.source.cpu.unwrap();
    assert!(source.difference < -0.1 && source.low <= source.expected, "{source:?}");
    assert!(window.actual.unwrap() > 0.05 && window.uncertainty.unwrap() < 0.05, "{window:?}");
}

#[test]
fn a_run_with_nothing_to_do_leaves_the_file_alone_and_a_repeated_tick_adds_nothing() {
    let mut cluster = Cluster::before_the_move(&scenario());
    cluster.collect();
    let kept = cluster.bytes();
    let tick = cluster.ticks.last().unwrap().clone();
    let run = cluster.state.join("../run");
    cluster.engine().collect(&cluster.root, &run, Some(tick.ts)).unwrap();
    assert_eq!(cluster.bytes(), kept, "the same tick again");
    cluster.collect();
    cluster.collect();
    let kept = cluster.bytes();
    cluster.collect();
    assert_eq!(cluster.bytes(), kept, "no window ended");
    assert_eq!(cluster.kept().len(), 1);
}

#[test]
fn what_was_due_while_the_collector_was_away_is_judged_from_the_store() {
    let mut cluster = Cluster::before_the_move(&scenario());
    cluster.collect();
    let moved = cluster.moved;
    cluster.collect_at(moved + DAY + 6 * HOUR);
    assert_eq!(cluster.results(), [[Improved; 3]], "{:#?}", cluster.kept()[0].windows);
    assert!(cluster.kept()[0].windows.iter().all(|w| w.judged == Some(cluster.time())));
}

#[test]
fn a_move_that_nobody_noted_is_found_later() {
    let mut cluster = Cluster::before_the_move(&scenario());
    let moved = cluster.moved;
    cluster.collect_at(moved + 2 * HOUR);
    let kept = cluster.kept();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].time < moved + STEP && kept[0].seen == cluster.time());
    assert_eq!(cluster.results()[0][1..], [Improved, Pending]);
    assert!(kept[0].advice.is_some(), "the advice before it is computed anew");
}

#[test]
fn reading_judges_what_no_collector_did_and_writes_nothing() {
    let mut cluster = Cluster::before_the_move(&scenario());
    let moved = cluster.moved;
    cluster.append_until(moved + DAY + 2 * HOUR);
    let told = cluster.told();
    assert_eq!(told.outcomes[0].result, Improved, "{}", told.outcomes[0].summary);
    assert!(!cluster.state.join(LEDGER_FILE).exists());
    let earlier = OutcomesRequest {
        now: Some(moved + HOUR + STEP),
        guest: Some(MOVED),
        config: PenaltyConfig::default(),
    };
    let then = cluster.engine().outcomes(&earlier).unwrap();
    assert_eq!(then.outcomes[0].outcome.window(Span::Day).unwrap().result, Pending);
    let none = OutcomesRequest { guest: Some(7), ..earlier };
    let unknown = cluster.engine().outcomes(&none).unwrap_err();
    assert!(unknown.to_string().starts_with("there is no guest 7 in this cluster"), "{unknown}");
    // Nor is one unknown whose node is away.
    let mut without = cluster.ticks.last().unwrap().clone();
    let away = without.guests.iter().position(|g| g.vmid != MOVED).unwrap();
    let away = without.guests.remove(away).vmid;
    without.ts += 60;
    cluster.engine().append([&without]).unwrap();
    let asked = OutcomesRequest { now: None, guest: Some(away), config: PenaltyConfig::default() };
    let of_it = OutcomesRequest { now: Some(without.ts), ..asked };
    assert!(cluster.engine().outcomes(&of_it).unwrap().outcomes.is_empty());
}

/// Advice three days after a move from one full node to another, by either door.
fn advice_after(with_collector: bool) -> Recommendation {
    let mut scenario = scenario();
    let full = scenario.guests.iter_mut().find(|g| g.vmid == Some(300)).unwrap();
    // One guest that fits beside nobody else.
    (full.count, full.cores, full.level) = (1, Some(16), Some(0.70));
    scenario.days = DAY_OF_MOVE + 4.0;
    let mut cluster = Cluster::before_the_move(&scenario);
    let moved = cluster.moved;
    if with_collector {
        for after in [0, 300, HOUR, DAY] {
            cluster.collect_at(moved + STEP + after);
        }
    }
    cluster.append_until(moved + 3 * DAY);
    assert_eq!(cluster.state.join(LEDGER_FILE).exists(), with_collector);
    let now = Some(cluster.time());
    let request = RecommendRequest { now, inventory: None, config: PenaltyConfig::default() };
    let advice =
        cluster.engine().recommend(&request, Some(cluster.simulation.inventory())).unwrap();
    let found = advice.recommendations.iter().find(|r| r.vmid == MOVED);
    found.unwrap_or_else(|| panic!("guest {MOVED} should leave pve2: {}", advice.summary)).clone()
}

#[test]
fn advice_knows_what_came_of_a_guests_moves_with_and_without_a_collector() {
    let [appended, collected] = [false, true].map(advice_after);
    let guest = &appended.trend_evidence.guest_trend;
    assert_eq!(guest.previous_migrations, 1);
    assert_eq!(guest.success_rate, Some(0.0), "from one full node to another");
    assert!(guest.last_outcome.is_some());
    let learnt = appended.confidence_parts.parts.iter().find(|p| p.name == "outcome").unwrap();
    assert!(learnt.why.contains("0 of 1 earlier moves"), "{learnt:?}");
    let known = &collected.trend_evidence.guest_trend;
    let of = |g: &GuestEvidence| (g.previous_migrations, g.success_rate, g.last_outcome.clone());
    assert_eq!(of(guest), of(known));
    assert_eq!((appended.vmid, &appended.target), (collected.vmid, &collected.target));
}

#[test]
fn a_clock_that_steps_back_does_not_make_a_second_move() {
    let mut cluster = Cluster::before_the_move(&scenario());
    cluster.collect();
    let mut stepped = cluster.ticks.last().unwrap().clone();
    stepped.ts -= 120;
    cluster.engine().append([&stepped]).unwrap();
    let moved = cluster.moved;
    cluster.collect_at(moved + HOUR + STEP);
    assert_eq!(cluster.kept().len(), 1, "{:?}", cluster.kept());
    assert_eq!(cluster.told().outcomes.len(), 1);
}

#[test]
fn a_clock_that_had_run_ahead_hides_no_move() {
    let mut cluster = Cluster::before_the_move(&scenario());
    let ahead = cluster.time() + 30 * DAY;
    let writer = Writer::open(&cluster.state).unwrap();
    // What was noted then may never have been.
    let noted = ledger_from(ahead, 1).outcomes;
    let mut ledger = Ledger { searched: Some(ahead), outcomes: noted, goes_on: false };
    ledger.save(&cluster.state, &writer).unwrap();
    drop(writer);
    cluster.collect();
    assert_eq!(cluster.kept().len(), 1, "{:?}", cluster.kept());
    assert_eq!(cluster.results(), [[Pending; 3]]);
    assert!(Ledger::header(&cluster.state).unwrap().unwrap().searched <= cluster.time());
}

#[test]
fn a_guest_that_goes_there_and_back_moved_twice() {
    let mut scenario = scenario();
    let minutes = |m: f64| DAY_OF_MOVE + m / 1440.0;
    scenario.migrations.push(Move { day: minutes(20.0), vmid: MOVED, to: "pve1".into() });
    scenario.migrations.push(Move { day: minutes(40.0), vmid: MOVED, to: "pve2".into() });
    let mut cluster = Cluster::before_the_move(&scenario);
    let moved = cluster.moved;
    cluster.collect();
    cluster.collect_at(moved + 26 * HOUR);
    let kept = cluster.kept();
    assert_eq!(kept.len(), 3);
    let results = cluster.results();
    assert_eq!(results[0][1..], [Interrupted; 2], "{:?}", kept[0].windows[1].reason);
    assert!(kept[0].windows[1].reason.contains("moved on to pve1 after 20 minutes"));
    assert_eq!(results[1][1..], [Interrupted; 2]);
    assert!(results[2][2].is_judged());
}

/// So many moves of one guest, to and fro, twenty minutes apart.
#[test]
fn moves_of_the_day_before_are_no_common_swing_and_spoil_predictions() {
    let hour_of = |scenario: &Scenario| {
        let mut cluster = Cluster::before_the_move(scenario);
        cluster.append_until(cluster.moved + 2 * HOUR);
        let told = cluster.told().outcomes;
        let entry = told.into_iter().find(|o| o.outcome.vmid == MOVED).unwrap();
        entry.outcome.window(Span::Hour).unwrap().clone()
    };
    let alone = hour_of(&scenario());
    assert_eq!(alone.controls, 1, "pve3");
    assert!(alone.predicted.is_some());
    let mut with_another = scenario();
    let day = DAY_OF_MOVE - 2.0 / 24.0;
    with_another.migrations.insert(0, Move { day, vmid: 300, to: "pve3".into() });
    let after_another = hour_of(&with_another);
    assert_eq!((after_another.controls, after_another.predicted), (0, None));
    assert!(after_another.actual.is_some(), "{}", after_another.reason);
}

fn moves_apart(count: u32) -> Scenario {
    let mut scenario = scenario();
    for i in 1..count {
        let day = DAY_OF_MOVE + f64::from(i) * 20.0 / 1440.0;
        let to = if i % 2 == 0 { "pve2" } else { "pve1" };
        scenario.migrations.push(Move { day, vmid: MOVED, to: to.into() });
    }
    scenario
}

#[test]
fn many_moves_that_nobody_noted_are_noted_over_several_runs() {
    let mut cluster = Cluster::before_the_move(&moves_apart(10));
    let moved = cluster.moved;
    cluster.collect_at(moved + 4 * HOUR);
    assert_eq!(cluster.kept().len(), 8, "each costs analyses of the whole cluster");
    // The next run goes on, and the one after it has nothing to do.
    cluster.collect();
    let (kept, bytes) = (cluster.kept(), cluster.bytes());
    cluster.collect();
    assert_eq!(cluster.bytes(), bytes);
    assert_eq!(kept.len(), 10);
    assert!(kept.windows(2).all(|two| two[0].target == two[1].source), "none twice, none left out");
    assert!(kept.iter().all(|o| o.advice.is_some()));
}

#[test]
fn moves_older_than_all_of_a_full_ledger_are_not_searched_for_again_and_again() {
    let mut cluster = Cluster::before_the_move(&moves_apart(10));
    let moved = cluster.moved;
    cluster.append_until(moved + 4 * HOUR);
    // As after hundreds of moves within an hour: the newest fill the ledger.
    let mut full = ledger_from(moved + 4 * HOUR, MAX_OUTCOME_ENTRIES);
    full.searched = Some(moved);
    let writer = Writer::open(&cluster.state).unwrap();
    full.save(&cluster.state, &writer).unwrap();
    drop(writer);
    cluster.collect();
    let kept = cluster.kept();
    assert_eq!(kept.len(), MAX_OUTCOME_ENTRIES);
    assert!(kept.iter().all(|o| o.time >= moved + 4 * HOUR));
    let header = Ledger::header(&cluster.state).unwrap().unwrap();
    assert_eq!(header.searched, cluster.time(), "nothing is left to note");
}

#[test]
fn a_stopped_guest_a_failed_node_and_a_silent_collector_are_told_apart() {
    let hours = |h: f64| DAY_OF_MOVE + h / 24.0;
    let stopped = Scenario {
        stops: vec![Stop { vmid: MOVED, from_day: hours(0.3), until_day: hours(40.0) }],
        ..scenario()
    };
    let failed = Scenario {
        failures: vec![Failure {
            node: "pve1".into(),
            from_day: hours(0.3),
            until_day: hours(40.0),
        }],
        ..scenario()
    };
    for (scenario, part) in [(stopped, "did not run"), (failed, "pve1 was down")] {
        let mut cluster = Cluster::before_the_move(&scenario);
        let moved = cluster.moved;
        cluster.collect();
        cluster.collect_at(moved + 26 * HOUR);
        assert_eq!(cluster.results()[0][1..], [Interrupted; 2], "{part}");
        assert!(cluster.kept()[0].windows[2].reason.contains(part));
    }
    let mut cluster = Cluster::before_the_move(&scenario());
    cluster.collect();
    while cluster.time() < cluster.moved + 30 * HOUR {
        cluster.next();
    }
    cluster.collect();
    assert_eq!(cluster.results(), [[Unknown; 3]]);
    assert!(cluster.kept()[0].windows[2].reason.contains("no samples"));
}

#[test]
fn a_move_that_we_recommended_is_recognised_with_what_held_then() {
    let mut scenario = scenario();
    scenario.migrations.clear();
    let mut cluster = Cluster::before_the_move(&scenario);
    let wish = serde_json::json!({"minimum-confidence": 50, "trend-weight": 50});
    let stored = Stored::default().with_settings(&wish).unwrap();
    fs::write(cluster.root.join("foresight.cfg"), stored.serialise()).unwrap();
    let config = get_effective_penalty_config(&stored).config;
    // As of the second before the tick that will show the move.
    let now = Some(cluster.time() + STEP - 1);
    let request = RecommendRequest { now, inventory: None, config };
    let advice =
        cluster.engine().recommend(&request, Some(cluster.simulation.inventory())).unwrap();
    let wanted = &advice.recommendations[0];
    cluster.simulation.migrate(wanted.vmid, &wanted.target).unwrap();
    assert_eq!(cluster.collect(), Vec::<String>::new());
    let kept = cluster.kept();
    let recalled = kept[0].advice.as_ref().unwrap();
    assert!(recalled.recommended, "{recalled:?}");
    assert_eq!(recalled.confidence, Some(wanted.confidence));
    let evidence = serde_json::to_value(&wanted.trend_evidence).unwrap();
    assert_eq!(recalled.trend_evidence.as_ref(), Some(&evidence));
    assert_eq!(recalled.settings["trend-weight"], 50);
    assert!(recalled.decision_explanation.is_some());
    let moved = kept[0].time;
    cluster.collect_at(moved + DAY);
    let told = cluster.told();
    assert_eq!(told.outcomes[0].result, Improved, "{}", told.outcomes[0].summary);
    assert_eq!(told.calibration.iter().map(|d| d.moves).sum::<usize>(), 1);
}

#[test]
fn a_move_against_our_advice_counts_as_well() {
    let mut cluster = Cluster::before_the_move(&Scenario {
        migrations: vec![Move { day: DAY_OF_MOVE, vmid: 300, to: "pve1".into() }],
        ..scenario()
    });
    cluster.collect();
    let kept = cluster.kept();
    assert_eq!((kept[0].vmid, kept[0].is_recommended()), (300, false));
    assert!(kept[0].advice.as_ref().is_some_and(|a| a.trend_evidence.is_none()));
    let moved = kept[0].time;
    cluster.collect_at(moved + DAY);
    assert_eq!(cluster.told().outcomes[0].result, Verdict::Worse);
}

#[test]
fn a_damaged_file_is_set_aside_and_begun_anew() {
    let mut cluster = Cluster::before_the_move(&scenario());
    cluster.collect();
    let file = cluster.state.join(LEDGER_FILE);
    let mut bytes = cluster.bytes();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert_eq!(Ledger::load(&cluster.state).unwrap_err().kind, Kind::Corrupt);
    let told = cluster.told();
    assert!(told.warnings[0].contains("damaged"), "{:?}", told.warnings);
    assert_eq!(told.outcomes.len(), 1, "the store still knows the move");
    // Only a run that has something to do touches the file.
    let moved = cluster.moved;
    let warnings = cluster.collect_at(moved + HOUR);
    assert!(warnings.iter().any(|w| w.contains("outcomes.json.corrupt")), "{warnings:?}");
    assert_eq!(fs::read(cluster.state.join("outcomes.json.corrupt")).unwrap(), bytes);
    assert_eq!(cluster.kept().len(), 1);
}

#[test]
fn a_newer_file_is_left_as_it_is_and_costs_no_tick() {
    let mut cluster = Cluster::before_the_move(&scenario());
    let newer = "{\"format\":\"pve-foresight-outcomes\",\"version\":2,\"new\":[]}\nwhatever";
    let file = cluster.state.join(LEDGER_FILE);
    fs::write(&file, newer).unwrap();
    let warnings = cluster.collect();
    assert!(warnings.iter().any(|w| w.contains("newer version")), "{warnings:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), newer);
    assert_eq!(cluster.engine().status(Some(cluster.time())).unwrap().last_sample_age, Some(0));
    assert!(cluster.told().warnings[0].contains("newer version"));
}

fn ledger(count: usize) -> Ledger {
    ledger_from(1_750_000_000, count)
}

fn ledger_from(first: UnixTime, count: usize) -> Ledger {
    let outcome = |i: usize| {
        let migration = Migration {
            time: first + i as i64,
            vmid: i as Vmid + 1,
            from: "a\u{2603}\"\n".into(),
            to: "b".into(),
        };
        let limits = Limits { cpu: 0.8, memory: 0.85 };
        Outcome::new(&migration, ("n".into(), 1), limits, migration.time)
    };
    Ledger { outcomes: (0..count).map(outcome).collect(), searched: Some(5), goes_on: false }
}

#[test]
fn what_is_saved_is_read_and_the_newest_500_stay() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::open(folder.path()).unwrap();
    assert_eq!(Ledger::load(folder.path()).unwrap(), Ledger::default());
    assert_eq!(Ledger::header(folder.path()).unwrap(), None);
    let mut all = ledger(MAX_OUTCOME_ENTRIES + 7);
    all.outcomes.reverse();
    all.save(folder.path(), &writer).unwrap();
    let read = Ledger::load(folder.path()).unwrap();
    assert_eq!(read, all);
    assert_eq!((read.outcomes.len(), read.outcomes[0].vmid), (MAX_OUTCOME_ENTRIES, 8));
    let header = Ledger::header(folder.path()).unwrap().unwrap();
    assert_eq!((header.next_due, header.searched), (Some(1_750_000_007 + 300), 5));
    assert!(!folder.path().join("outcomes.json.new").exists());
}

#[test]
fn a_file_cut_anywhere_or_with_a_flipped_bit_is_damaged_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::open(folder.path()).unwrap();
    let mut one = ledger(1);
    one.save(folder.path(), &writer).unwrap();
    let file = folder.path().join(LEDGER_FILE);
    let whole = fs::read(&file).unwrap();
    for len in 0..whole.len() {
        fs::write(&file, &whole[..len]).unwrap();
        assert_eq!(Ledger::load(folder.path()).unwrap_err().kind, Kind::Corrupt, "{len}");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&file, &bytes).unwrap();
        let error = Ledger::load(folder.path()).unwrap_err();
        assert!(matches!(error.kind, Kind::Corrupt | Kind::Unsupported), "{at}: {error}");
        let found = Engine::new(folder.path()).verify().unwrap().verification;
        assert_eq!((found.files, found.findings.len()), (1, 1), "{at}");
        assert_eq!(found.findings[0].file, file);
    }
}

#[test]
fn what_is_no_regular_file_is_told_and_neither_followed_nor_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::open(folder.path()).unwrap();
    let (file, elsewhere) = (folder.path().join(LEDGER_FILE), folder.path().join("elsewhere"));
    ledger(1).save(folder.path(), &writer).unwrap();
    fs::rename(&file, &elsewhere).unwrap();
    let before = fs::read(&elsewhere).unwrap();
    let pipe = |place: &Path| {
        let name = std::ffi::CString::new(place.to_str().unwrap()).unwrap();
        // SAFETY: the name ends with a zero and lives through the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    };
    let link = |place: &Path| std::os::unix::fs::symlink(&elsewhere, place).unwrap();
    let dir = |place: &Path| fs::create_dir(place).unwrap();
    for (what, make) in [("pipe", &pipe as &dyn Fn(&Path)), ("link", &link), ("folder", &dir)] {
        make(&file);
        assert_eq!(Ledger::load(folder.path()).unwrap_err().kind, Kind::Corrupt, "{what}");
        let found = Engine::new(folder.path()).verify().unwrap().verification.findings;
        assert_eq!((found.len(), &found[0].file), (1, &file), "{what}");
        assert!(found[0].what.contains("no regular file"), "{found:?}");
        let (known, aside) = Ledger::load_to_change(folder.path(), &writer).unwrap();
        assert!(known.outcomes.is_empty() && aside.unwrap().message.contains("set aside"));
        let aside = file.with_extension("json.corrupt");
        match aside.symlink_metadata().unwrap().is_dir() {
            true => fs::remove_dir(aside).unwrap(),
            false => fs::remove_file(aside).unwrap(),
        }
    }
    // What is planted where the new file is to be made is replaced, too.
    link(&folder.path().join("outcomes.json.new"));
    ledger(2).save(folder.path(), &writer).unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
    assert_eq!(Ledger::load(folder.path()).unwrap(), ledger(2));
}
