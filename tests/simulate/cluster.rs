//! Promises of the simulated cluster.

use proptest::prelude::*;
use pve_foresight::model::{DAY, GIB, GuestKind, GuestStatus, Tick};
use pve_foresight::simulate::{
    Capacity, Failure, Growth, GuestGroup, HostSpec, MemoryProfile, Move, NodeGroup, Placement,
    Profile, PveVersion, Scenario, Simulation, Stop, Wishes, Workload, host_memory, node_load,
    write_jsonl,
};
use std::path::Path;

/// Three nodes and `count` drawn guests for two days at five minutes.
fn small(count: u32) -> Scenario {
    Scenario {
        days: 2.0,
        interval: 300,
        guests: vec![GuestGroup { count, ..GuestGroup::default() }],
        ..Scenario::default()
    }
}

/// One busy guest on `pve1` without noise, guests idle elsewhere.
fn one_busy() -> Scenario {
    let busy = GuestGroup {
        vmid: Some(500),
        profile: Some(Profile::Steady),
        cores: Some(16),
        memory_gib: Some(32.0),
        level: Some(0.2),
        unrest: Some(0.0),
        memory_level: Some(0.4),
        memory_profile: Some(MemoryProfile::Plateau),
        node: Some("pve1".into()),
        ..GuestGroup::default()
    };
    Scenario { guests: vec![busy], days: 10.0, interval: 600, ..Scenario::default() }
}

fn bytes(scenario: &Scenario) -> Vec<u8> {
    let mut out = Vec::new();
    write_jsonl(&mut out, Simulation::new(scenario).unwrap()).unwrap();
    out
}

fn ticks(scenario: &Scenario) -> Vec<Tick> {
    Simulation::new(scenario).unwrap().collect()
}

fn cpu(tick: &Tick, vmid: u32) -> Option<f64> {
    tick.guests.iter().find(|g| g.vmid == vmid).and_then(|g| g.cpu).map(|c| c.0)
}

fn host(tick: &Tick, vmid: u32) -> &str {
    tick.guests.iter().find(|g| g.vmid == vmid).map_or("", |g| &g.node)
}

/// Least-squares slope of `y` over `x`.
fn slope(x: &[f64], y: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let top: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    top / x.iter().map(|a| (a - mx).powi(2)).sum::<f64>()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let scenario = small(12);
    assert_eq!(bytes(&scenario), bytes(&scenario));
    assert_ne!(bytes(&scenario), bytes(&Scenario { seed: 2, ..scenario }));
}

#[test]
fn a_scenario_survives_its_own_json() {
    for scenario in [Scenario::default(), Scenario::demo(1_760_000_000)] {
        let text = serde_json::to_string(&scenario).unwrap();
        assert_eq!(serde_json::from_str::<Scenario>(&text).unwrap(), scenario);
    }
    assert_eq!(serde_json::from_str::<Scenario>("{}").unwrap(), Scenario::default());
}

#[test]
fn it_ends_at_its_end_in_even_steps() {
    let scenario = small(2);
    let times: Vec<i64> = ticks(&scenario).iter().map(|t| t.ts).collect();
    assert_eq!((times.len() as i64, times[0]), (scenario.ticks(), scenario.start()));
    assert_eq!(times.last(), Some(&scenario.end));
    assert!(times.windows(2).all(|w| w[1] - w[0] == 300));
}

#[test]
fn adding_a_guest_leaves_the_others_as_they_are() {
    for placement in
        [Placement::Balanced, Placement::RoundRobin, Placement::Random, Placement::Skewed(2.0)]
    {
        let before = ticks(&Scenario { placement: placement.clone(), ..small(10) });
        let after = ticks(&Scenario { placement, ..small(11) });
        for (a, b) in before.iter().zip(&after) {
            for guest in &a.guests {
                let same = b.guests.iter().find(|g| g.vmid == guest.vmid).unwrap();
                assert_eq!((&same.node, same.mem), (&guest.node, guest.mem));
                let loaded = a.nodes.iter().chain(&b.nodes).any(|n| n.cpu.unwrap().0 > 0.99);
                assert!(loaded || same == guest, "only contention may change a guest");
            }
        }
    }
}

#[test]
fn a_wish_changes_nothing_but_what_it_names() {
    let drawn = Workload::draw(3, 100, &Wishes::default());
    let named = Wishes { cores: Some(drawn.cores.0 * 2.0), ..Wishes::default() };
    let wished = Workload::draw(3, 100, &named);
    for t in (0..DAY).step_by(3_600) {
        let (a, b) = (drawn.at(t), wished.at(t));
        assert_eq!((a.cpu.0 * 2.0, a.mem, a.net_in), (b.cpu.0, b.mem, b.net_in));
    }
}

#[test]
fn growth_has_the_slope_that_was_asked_for() {
    let growth = Growth {
        guests: vec![500],
        cpu_cores_per_day: 0.8,
        memory_gib_per_day: 1.5,
        from_day: 2.0,
        ..Growth::default()
    };
    let scenario = Scenario { growth: vec![growth.clone()], ..one_busy() };
    let simulation = Simulation::new(&scenario).unwrap();
    let demand =
        |day: f64| simulation.demand(500, scenario.start() + (day * DAY as f64) as i64).unwrap();
    let days: Vec<f64> = (0..160).map(|i| 2.0 + f64::from(i) / 20.0).collect();
    let cores: Vec<f64> = days.iter().map(|d| demand(*d).cpu.0).collect();
    let gib: Vec<f64> = days.iter().map(|d| demand(*d).mem.0 / GIB).collect();
    assert!((slope(&days, &cores) - 0.8).abs() < 1e-3, "{}", slope(&days, &cores));
    assert!((slope(&days, &gib) - 1.5).abs() < 0.05, "{}", slope(&days, &gib));
    assert!((demand(0.0).cpu.0 - demand(1.99).cpu.0).abs() < 1e-9, "flat before it begins");

    let grown = |growth: Growth, day: f64| {
        let scenario = Scenario { growth: vec![growth], ..one_busy() };
        let simulation = Simulation::new(&scenario).unwrap();
        let at = scenario.start() + (day * DAY as f64) as i64;
        simulation.demand(500, at).unwrap().cpu.0 - demand(0.0).cpu.0
    };
    let limited = Growth { for_days: Some(3.0), ..growth.clone() };
    assert!((grown(limited, 9.0) - 2.4).abs() < 1e-9, "stays after its days");
    let saturating = Growth { saturating_days: Some(1.0), ..growth.clone() };
    let nearly = grown(saturating, 9.0);
    assert!((0.79..0.8).contains(&nearly), "approaches one day's growth: {nearly}");
    let steep = Growth { cpu_cores_per_day: 50.0, ..growth };
    assert!((grown(steep, 9.0) + demand(0.0).cpu.0 - 16.0).abs() < 1e-9, "ends at all its cores");
}

#[test]
fn growth_by_share_picks_about_that_many() {
    let growth = Growth { share: 0.3, cpu_cores_per_day: 0.01, ..Growth::default() };
    let with = Simulation::new(&Scenario { growth: vec![growth], ..small(200) }).unwrap();
    let without = Simulation::new(&small(200)).unwrap();
    let at = small(200).end;
    let grown = |vmid: &u32| with.demand(*vmid, at) != without.demand(*vmid, at);
    let count = (100..300).filter(grown).count();
    assert!((40..=80).contains(&count), "{count} of 200");
}

#[test]
fn a_node_is_the_sum_of_its_parts() {
    let scenario = small(25);
    let mut simulation = Simulation::new(&scenario).unwrap();
    while let Some(tick) = simulation.next() {
        for (node, load) in tick.nodes.iter().zip(simulation.loads()) {
            let here = || tick.guests.iter().filter(|g| g.node == node.name);
            let cores: f64 = here().map(|g| (g.cpu.unwrap() * g.maxcpu.unwrap().0).0).sum();
            let memory: f64 = here().map(|g| g.mem_host.unwrap().0).sum();
            let (cpu, maxcpu) = (node.cpu.unwrap().0, node.maxcpu.unwrap().0);
            let host = &scenario.host;
            let asked: f64 = cores / load.granted.0;
            let own = host.cpu_cores + host.cpu_share * asked.min(maxcpu);
            assert!((cpu * maxcpu - cores - own).abs() < 1e-6);
            let base = host.memory_gib * GIB;
            assert!((node.mem.unwrap().0 - memory - base).abs() < 64.0);
            assert_eq!(node.guest_count, Some(here().count() as u32));
            tick.check().unwrap();
        }
    }
}

#[test]
fn contention_caps_the_node_and_keeps_the_demand() {
    let group = GuestGroup {
        count: 6,
        profile: Some(Profile::Steady),
        cores: Some(8),
        level: Some(0.9),
        unrest: Some(0.0),
        ..GuestGroup::default()
    };
    let nodes = vec![NodeGroup { count: 1, cores: 16, ..NodeGroup::default() }];
    let scenario = Scenario { nodes, guests: vec![group], days: 0.1, ..Scenario::default() };
    let mut simulation = Simulation::new(&scenario).unwrap();
    while let Some(tick) = simulation.next() {
        let load = simulation.loads()[0];
        assert!((tick.nodes[0].cpu.unwrap().0 - 1.0).abs() < 1e-9, "full, not more");
        assert!((load.cpu_demand.0 - 6.0 * 8.0 * 0.9).abs() < 1.0, "{:?}", load.cpu_demand);
        let shares: Vec<f64> = (100..106).map(|v| cpu(&tick, v).unwrap()).collect();
        let asked: Vec<f64> =
            (100..106).map(|v| simulation.demand(v, tick.ts).unwrap().cpu.0 / 8.0).collect();
        for (got, asked) in shares.iter().zip(&asked) {
            assert!((got / asked - load.granted.0).abs() < 1e-9, "capped in proportion");
        }
        assert!(tick.nodes[0].load_avg.unwrap() > 16.0);
    }
}

#[test]
fn a_node_without_anything_has_a_load_all_the_same() {
    let demand = Simulation::new(&one_busy()).unwrap().demand(500, one_busy().end).unwrap();
    let guests = [(GuestKind::Qemu, &demand)];
    let load = node_load(Capacity::default(), &HostSpec::default(), guests);
    let figures = [load.cpu.0, load.granted.0, load.iowait.0, load.load_avg, load.mem.0];
    assert!(figures.iter().all(|x| x.is_finite()), "{load:?}");
    assert_eq!(load.cpu.0, 0.0);
}

#[test]
fn a_migration_moves_load_and_conserves_it() {
    let quiet = one_busy();
    let moved = Scenario {
        migrations: vec![Move { day: 5.0, vmid: 500, to: "pve2".into() }],
        ..quiet.clone()
    };
    let (before, after) = (ticks(&quiet), ticks(&moved));
    let sum = |t: &Tick| t.nodes.iter().map(|n| n.cpu.unwrap().0).sum::<f64>();
    for (a, b) in before.iter().zip(&after) {
        assert!((sum(a) - sum(b)).abs() < 1e-9, "the cluster carries the same");
        assert_eq!(cpu(a, 500), cpu(b, 500), "the guest does the same anywhere");
        let late = b.ts >= moved.start() + 5 * DAY;
        assert_eq!(host(b, 500), if late { "pve2" } else { "pve1" });
    }
}

#[test]
fn a_replay_can_move_guests_as_it_goes() {
    let mut simulation = Simulation::new(&one_busy()).unwrap();
    let first = simulation.next().unwrap();
    let move_ = simulation.migrate(500, "pve3").unwrap();
    let second = simulation.next().unwrap();
    assert_eq!((move_.from.as_str(), move_.to.as_str(), move_.time), ("pve1", "pve3", second.ts));
    assert_eq!((host(&first, 500), host(&second, 500)), ("pve1", "pve3"));
    assert_eq!(simulation.host_of(500), Some("pve3"));
    assert!(simulation.migrate(501, "pve3").is_err());
    assert!(simulation.migrate(500, "pve9").is_err());
}

#[test]
fn any_placement_can_be_asked_for() {
    let scenario = small(20);
    let mut simulation = Simulation::new(&scenario).unwrap();
    let tick = simulation.next().unwrap();
    for (i, node) in simulation.nodes().iter().enumerate() {
        let here = tick.guests.iter().filter(|g| g.node == node.name);
        let demands: Vec<_> =
            here.map(|g| (g.kind, simulation.demand(g.vmid, tick.ts).unwrap())).collect();
        let parts = demands.iter().map(|(kind, d)| (*kind, d));
        assert_eq!(node_load(node.capacity, simulation.host(), parts), simulation.loads()[i]);
    }
}

#[test]
fn an_offline_node_and_its_guests_are_unknown() {
    let failure = Failure { node: "pve1".into(), from_day: 0.5, until_day: 1.0 };
    let scenario = Scenario { failures: vec![failure], ..small(12) };
    let all = ticks(&scenario);
    let span = scenario.start() + DAY / 2..scenario.start() + DAY;
    for tick in &all {
        let off = span.contains(&tick.ts);
        let node = &tick.nodes[0];
        assert_eq!((node.online, node.cpu.is_none(), node.mem.is_none()), (!off, off, off));
        for guest in tick.guests.iter().filter(|g| g.node == "pve1") {
            let status = if off { GuestStatus::Unknown } else { GuestStatus::Running };
            assert_eq!((guest.status, guest.cpu.is_none()), (status, off));
        }
    }
    assert!(all.iter().any(|t| !t.nodes[0].online));
}

#[test]
fn guests_stop_start_come_and_go_and_their_vmid_is_reused() {
    let life = |name: &str, from: Option<f64>, until: Option<f64>| GuestGroup {
        vmid: Some(100),
        name: Some(name.into()),
        from_day: from,
        until_day: until,
        ..GuestGroup::default()
    };
    let scenario = Scenario {
        guests: vec![life("old", None, Some(0.5)), life("new", Some(1.0), None)],
        stops: vec![Stop { vmid: 100, from_day: 1.25, until_day: 1.5 }],
        ..small(0)
    };
    let seen: Vec<(f64, Tick)> = ticks(&scenario)
        .into_iter()
        .map(|t| ((t.ts - scenario.start()) as f64 / DAY as f64, t))
        .collect();
    let mut created = Vec::new();
    for (day, tick) in &seen {
        let guest = tick.guests.first();
        match *day {
            d if d < 0.5 => assert_eq!(guest.map(|g| g.name.as_str()), Some("old")),
            d if d < 1.0 => assert_eq!(guest, None),
            d if (1.25..1.5).contains(&d) => {
                let guest = guest.unwrap();
                assert_eq!((guest.status, guest.cpu), (GuestStatus::Stopped, None));
                assert!(guest.maxmem.is_some());
            }
            _ => assert_eq!(guest.map(|g| g.name.as_str()), Some("new")),
        }
        created.extend(guest.and_then(|g| g.created));
    }
    created.dedup();
    assert_eq!(created.len(), 2, "the creation time tells them apart");
    let simulation = Simulation::new(&scenario).unwrap();
    let at = |day: f64| scenario.start() + (day * DAY as f64) as i64;
    assert_ne!(simulation.demand(100, at(0.1)), None);
    assert_eq!(simulation.demand(100, at(0.7)), None);
    assert_ne!(
        simulation.guests()[0].demand(at(0.1)),
        simulation.guests()[1].demand(at(1.1)),
        "another guest, another stream"
    );
}

#[test]
fn placements_do_what_their_names_say() {
    let counts = |placement: Placement| {
        let nodes = vec![NodeGroup { cores: 256, memory_gib: 1024.0, ..NodeGroup::default() }];
        let tick = ticks(&Scenario { placement, nodes, days: 0.01, ..small(60) }).remove(0);
        tick.nodes
            .iter()
            .map(|n| tick.guests.iter().filter(|g| g.node == n.name).count())
            .collect::<Vec<usize>>()
    };
    assert_eq!(counts(Placement::RoundRobin), [20, 20, 20]);
    assert!(counts(Placement::Balanced).iter().all(|c| (12..=28).contains(c)));
    let skewed = counts(Placement::Skewed(2.0));
    assert!(skewed[0] > skewed[1] && skewed[1] > skewed[2], "{skewed:?}");
    let listed = Placement::Explicit((100..160).map(|v| (v, "pve3".to_string())).collect());
    assert_eq!(counts(listed), [0, 0, 60]);
}

#[test]
fn nonsense_is_refused_by_field() {
    let refused = |text: &str, want: &str| {
        let message = match serde_json::from_str::<Scenario>(text) {
            Err(e) => e.to_string(),
            Ok(scenario) => Simulation::new(&scenario).unwrap_err().to_string(),
        };
        assert!(message.contains(want), "{text}: {message}");
    };
    refused(r#"{"sed":1}"#, "unknown field `sed`");
    refused(r#"{"interval":0}"#, "interval: 0 is not in 1..86400");
    refused(r#"{"days":-1}"#, "days: -1");
    refused(r#"{"days":3000,"interval":1}"#, "days: 259200000 ticks");
    refused(r#"{"end":5}"#, "end: 5");
    refused(r#"{"nodes":[]}"#, "nodes: 0 nodes");
    refused(r#"{"nodes":[{"count":4000000000},{"count":4000000000}]}"#, "nodes: 8000000000");
    refused(r#"{"nodes":[{"name":"../etc/x"}]}"#, "nodes[0]: name: '../etc/x'");
    refused(r#"{"nodes":[{"count":1,"name":"a1"},{"count":1,"name":"a1"}]}"#, "'a1' occurs twice");
    refused(r#"{"guests":[{"count":4000000000}]}"#, "guests: 4000000000 guests");
    refused(r#"{"guests":[{"level":1.5}]}"#, "guests[0]: level: 1.5");
    refused(r#"{"guests":[{"node":"mars"}]}"#, "guest 100: node: no node 'mars'; there are pve1");
    refused(r#"{"guests":[{"vmid":7},{"vmid":7}]}"#, "two guests have vmid 7 at once");
    refused(r#"{"guests":[{"vmid":999999999,"count":2}]}"#, "1000000000 is not in 1..999999999");
    refused(r#"{"guests":[{"name":"a\nb"}]}"#, "guests[0]: name: ");
    refused(r#"{"growth":[{"guests":[1]}]}"#, "growth[0]: no guest 1");
    refused(r#"{"migrations":[{"day":1,"vmid":1,"to":"pve1"}]}"#, "migrations[0]: no guest 1");
    refused(r#"{"migrations":[{"day":1,"vmid":100,"to":"x"}]}"#, "migrations[0]: no node 'x'");
    refused(r#"{"failures":[{"node":"pve1","from_day":2,"until_day":1}]}"#, "until_day: 1");
    refused(r#"{"failures":[{"node":"x","from_day":1,"until_day":2}]}"#, "failures[0]: no node");
    refused(r#"{"stops":[{"vmid":1,"from_day":1,"until_day":2}]}"#, "stops[0]: no guest 1");
    refused(r#"{"storages":[{"id":"a"},{"id":"a"}]}"#, "storages[1]: id: 'a' occurs twice");
    refused(r#"{"storages":[{"id":"a","nodes":["x"]}]}"#, "storages[0].nodes: no node 'x'");
    refused(r#"{"placement":{"skewed":0}}"#, "placement.skewed: 0");
    refused(r#"{"traces":{"path":"/nonexistent.csv"}}"#, "/nonexistent.csv: ");
}

#[test]
fn words_and_files_are_read_with_their_place() {
    let parse = |text: &str| Scenario::parse(text, Path::new("s.json")).map_err(|e| e.to_string());
    assert_eq!(parse(r#"{"placement":"random"}"#).unwrap().placement, Placement::Random);
    assert!(parse("{\n \"sed\": 1}").unwrap_err().starts_with("s.json:2: unknown field"));
    assert!(parse(r#"{"days":-1}"#).unwrap_err().starts_with("s.json: days: -1"));
    assert_eq!("skewed=2".parse(), Ok(Placement::Skewed(2.0)));
    assert_eq!("round-robin".parse(), Ok(Placement::RoundRobin));
    assert!("skewed=x".parse::<Placement>().is_err());
    assert_eq!("8".parse(), Ok(PveVersion::V8));
    assert!("10".parse::<PveVersion>().is_err());
}

#[test]
fn the_scenario_of_the_documentation_runs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/simulation.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let json = page.split("```json").nth(1).and_then(|s| s.split("```").next()).unwrap();
    let scenario = Scenario::parse(json, &path).unwrap();
    let tick = Simulation::new(&scenario).unwrap().next().unwrap();
    assert_eq!((tick.nodes.len(), tick.guests.len()), (4, 42));
    assert_eq!(tick.nodes[3].name, "big1");
}

#[test]
fn the_demo_tells_its_story_whenever_it_ends() {
    for later in [0, 2 * DAY + 5 * 3_600, 6 * DAY + 12 * 3_600] {
        let scenario = Scenario { interval: 300, ..Scenario::demo(1_760_000_100 + later) };
        tells_its_story(&ticks(&scenario));
    }
}

fn tells_its_story(all: &[Tick]) {
    assert_eq!((all[0].nodes.len(), all[0].guests.len()), (6, 60));
    let p95 = |node: usize, day: usize, days: usize| {
        let ticks = &all[day * 288..(day + days) * 288];
        let mut values: Vec<f64> = ticks.iter().map(|t| t.nodes[node].cpu.unwrap().0).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() * 95 / 100]
    };
    assert!(p95(0, 0, 1) < 0.65, "pve1 begins without trouble");
    assert!((0.79..0.88).contains(&p95(0, 7, 7)), "and gets into it: {}", p95(0, 7, 7));
    assert!((0.82..0.92).contains(&p95(0, 13, 1)), "more every day: {}", p95(0, 13, 1));
    assert!(p95(1, 12, 1) - p95(1, 8, 1) > 0.15 && p95(1, 13, 1) < 0.4, "pve2 took a step");
    assert!((p95(2, 13, 1) - p95(2, 1, 1)).abs() < 0.08, "pve3 is the same every day");
    let last = all.last().unwrap();
    let cpu = |t: &Tick, i: usize| t.nodes[i].cpu.unwrap().0;
    let mean = all.iter().map(|t| cpu(t, 2)).sum::<f64>() / all.len() as f64;
    assert!(cpu(last, 2) > 1.5 * mean, "pve3 ends at its peak");
    assert!(p95(5, 13, 1) < 0.1, "pve6 has room");
    let memory = |i: usize| (last.nodes[i].mem.unwrap() / last.nodes[i].maxmem.unwrap()).0;
    assert!((0..6).all(|i| memory(i) < 0.7), "it is not about memory");
}

#[test]
fn a_fleet_is_as_full_and_uneven_as_promised() {
    for (nodes, guests) in [(8, 200), (32, 2_000)] {
        let scenario =
            Scenario { interval: 21_600, ..Scenario::fleet(nodes, guests, 3, 1_760_000_000) };
        let all = ticks(&scenario);
        let share = |f: fn(&pve_foresight::model::NodeSample) -> f64| {
            let sum: f64 = all.iter().flat_map(|t| &t.nodes).map(f).sum();
            sum / (all.len() as f64 * f64::from(nodes))
        };
        let cpu = share(|n| n.cpu.unwrap().0);
        let memory = share(|n| (n.mem.unwrap() / n.maxmem.unwrap()).0);
        assert!((0.2..0.45).contains(&cpu) && (0.4..0.65).contains(&memory), "{cpu} {memory}");
        let count = |i: usize| all[0].nodes[i].guest_count.unwrap();
        assert!(count(0) > 2 * count(nodes as usize - 1));
        assert_eq!(all[0].guests.len(), guests as usize);
    }
}

proptest! {
    #[test]
    fn demand_is_a_measurement_at_any_time(seed: u64, id: u64, t in -5_000_000_000i64..9_000_000_000) {
        let workload = Workload::draw(seed, id, &Wishes::default());
        let d = workload.at(t);
        prop_assert_eq!(d, workload.at(t));
        prop_assert!((0.0..=workload.cores.0).contains(&d.cpu.0));
        prop_assert!((0.0..=workload.memory.0).contains(&d.mem.0));
        for rate in [d.disk_read, d.disk_write, d.net_in, d.net_out] {
            prop_assert!(rate.0.is_finite() && rate.0 >= 0.0);
        }
        prop_assert!(host_memory(Default::default(), d.mem).0 >= d.mem.0);
    }

    #[test]
    fn a_level_is_met(seed: u64, level in 0.05f64..0.2) {
        let wishes = Wishes {
            profile: Some(Profile::Daily), level: Some(level), unrest: Some(0.0), ..Wishes::default()
        };
        let workload = Workload::draw(seed, 1, &wishes);
        let steps = 14 * 96;
        let sum: f64 = (0..steps).map(|i| workload.at(i * 900).cpu.0 / workload.cores.0).sum();
        prop_assert!((sum / steps as f64 - level).abs() < 0.01 * level + 1e-3);
    }
}
