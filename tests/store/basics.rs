//! What is appended comes back: whole, in the right tier, with the right statistics.

use super::store_support::*;
use pve_foresight::error::Kind;
use pve_foresight::model::{
    Bucket, GuestMetric, GuestSample, GuestStatus, Metric, NodeMetric, NodeSample, Tick, UnixTime,
};
use pve_foresight::store::{Detail, Entity, Reader, Resolution, Tier, Writer};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

fn filled(ticks: impl IntoIterator<Item = Tick>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    let done = writer.append_all(ticks).unwrap();
    assert_eq!((done.duplicates, done.warnings), (Vec::new(), Vec::new()));
    dir
}

fn every_minute(from: UnixTime, to: UnixTime, guests: u32) -> impl Iterator<Item = Tick> {
    (from..to).step_by(60).map(move |ts| tick(ts, guests))
}

#[test]
fn the_last_tick_comes_back_whole() {
    let given = tick(START + 59 * MINUTE, 5);
    let dir = filled([tick(START, 5), given.clone()]);
    let last = Reader::open(dir.path()).unwrap().last_tick(i64::MAX).unwrap().unwrap();
    assert_eq!(last.ts, given.ts);
    assert_eq!(last.nodes.len(), 2);
    for (stored, given) in last.nodes.iter().zip(&given.nodes) {
        assert_eq!((&stored.name, stored.online), (&given.name, given.online));
        assert_eq!((stored.maxcpu, stored.maxmem), (given.maxcpu, given.maxmem));
        assert_eq!(stored.guest_count, Some(17));
        assert_eq!(stored.storage[0].id, "local-lvm");
        for &m in NodeMetric::ALL {
            match (m.of(stored), m.of(given)) {
                (Some(a), Some(b)) => assert!(close(a, b), "{m:?}: {a} for {b}"),
                (a, b) => assert_eq!(a, b, "{m:?}: absent stays absent"),
            }
        }
    }
    for (stored, given) in last.guests.iter().zip(&given.guests) {
        assert_eq!((stored.vmid, stored.kind, &stored.name), (given.vmid, given.kind, &given.name));
        assert_eq!((&stored.node, stored.status), (&given.node, given.status));
        for &m in GuestMetric::ALL {
            match (m.of(stored), m.of(given)) {
                (Some(a), Some(b)) => assert!(close(a, b), "{m:?}: {a} for {b}"),
                (a, b) => assert_eq!(a, b, "{m:?}: absent stays absent"),
            }
        }
    }
    let earlier = Reader::open(dir.path()).unwrap().last_tick(START + 1).unwrap().unwrap();
    assert_eq!(earlier.ts, START);
}

#[test]
fn single_samples_are_ticks_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    let (first, then) = (START, START + MINUTE);
    let of_node = writer.append_node_sample(first, node("alpha", first)).unwrap();
    let of_guest = writer.append_guest_sample(then, guest(100, "alpha", then)).unwrap();
    let again = writer.append_guest_sample(then, guest(101, "alpha", then)).unwrap();
    assert_eq!((of_node.stored, of_guest.stored, again.stored), (1, 1, 0));
    assert_eq!(again.duplicates, [then]);
    let reader = Reader::open(dir.path()).unwrap();
    let node_times = reader.node_history("alpha", 0..i64::MAX).unwrap();
    let guest_times = reader.guest_history(100, 0..i64::MAX).unwrap();
    let times = |buckets: Vec<Bucket>| buckets.iter().map(|b| b.start).collect::<Vec<_>>();
    assert_eq!(times(node_times.series(NodeMetric::Cpu)), [first], "then the node was not listed");
    assert_eq!(times(guest_times.series(GuestMetric::Cpu)), [then]);
    assert!(reader.guest_history(101, 0..i64::MAX).unwrap().is_empty());
}

#[test]
fn both_coarse_tiers_are_statistics_of_the_samples() {
    let dir = filled(every_minute(START, START + 7 * HOUR, 3));
    let reader = Reader::open(dir.path()).unwrap();
    for (resolution, seconds) in [(Resolution::Hourly, HOUR), (Resolution::SixHourly, 6 * HOUR)] {
        let fleet = reader.fleet(START..START + DAY, resolution, Detail::Full).unwrap();
        assert_eq!(fleet.windows().len() as i64, if seconds == HOUR { 6 } else { 1 });
        let entity = fleet.guest(101).unwrap();
        for &metric in GuestMetric::ALL {
            for bucket in fleet.guest_table.buckets(entity, metric) {
                let times = (bucket.start..bucket.start + seconds).step_by(60);
                let values = times.filter_map(|ts| metric.of(&guest(101, "beta", ts)));
                let mut values: Vec<f64> = values.collect();
                values.sort_unstable_by(f64::total_cmp);
                assert_eq!(
                    (bucket.count as usize, i64::from(bucket.seconds)),
                    (values.len(), seconds)
                );
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                for (a, b) in [
                    (bucket.min, values[0]),
                    (bucket.max, values[values.len() - 1]),
                    (bucket.avg, mean),
                    (bucket.p95, values[(values.len() * 95).div_ceil(100) - 1]),
                ] {
                    assert!(close(a, b), "{metric:?}: {a} for {b}");
                }
            }
        }
        let points: Vec<_> = fleet.guest_table.points(entity, GuestMetric::Cpu).collect();
        assert_eq!(points.len(), fleet.windows().len());
        assert_eq!(i64::from(points[0].count), seconds / 60);
        assert_eq!(points[0].window.expected, points[0].count);
        assert!(!fleet.guest_table.has(GuestMetric::PsiIoSome));
    }
}

#[test]
fn ticks_that_no_row_takes_up_are_not_said_to_be_stored() {
    let gap = START + 4 * DAY..START + 4 * DAY + 6 * HOUR;
    let minutes = (START..START + 20 * DAY).step_by(600);
    let dir = filled(minutes.filter(|ts| !gap.contains(ts)).map(|ts| tick(ts, 2)));
    let now = START + 20 * DAY;
    let append = |times: Vec<i64>| {
        let mut writer = Writer::open(dir.path()).unwrap();
        let done = writer.append_all(times.into_iter().map(|ts| tick(ts, 2))).unwrap();
        writer.compress(now).unwrap();
        (done.stored, done.late, done.duplicates.len())
    };
    let samples = |start: i64, resolution| {
        let reader = Reader::open(dir.path()).unwrap();
        let fleet = reader.fleet(start..start + 6 * HOUR, resolution, Detail::Full).unwrap();
        let entity = fleet.guest(100).unwrap();
        let first = fleet.guest_table.points(entity, GuestMetric::Cpu).next();
        first.map(|p| (p.window.start, p.count))
    };
    let (old, coarse) = (START + 10 * DAY, START + 2 * DAY);
    // The hour and its six hours rest on 6 and 36 samples that are gone.
    assert_eq!(append(vec![old + 7, old + 67]), (0, 2, 0));
    assert_eq!(samples(old, Resolution::Hourly), Some((old, 6)));
    assert_eq!(append((0..6).map(|i| old + HOUR + 600 * i).collect()), (0, 6, 0), "once more");
    // More samples than the row rests on take its place, as long as hours are kept.
    assert_eq!(append((0..7).map(|i| old + 2 * HOUR + 60 * i).collect()), (7, 0, 0));
    assert_eq!(samples(old + 2 * HOUR, Resolution::Hourly), Some((old + 2 * HOUR, 7)));
    assert_eq!(samples(old, Resolution::SixHourly), Some((old, 36)));
    assert_eq!(append((0..7).map(|i| coarse + 60 * i).collect()), (0, 7, 0));
    // Where nothing stands, and where samples are kept, all of them count.
    assert_eq!(append(vec![gap.start + 5, gap.start + HOUR, now - DAY + 7, now - 600]), (3, 0, 1));
    assert_eq!(samples(gap.start, Resolution::SixHourly), Some((gap.start, 2)));
    let mut writer = Writer::open(dir.path()).unwrap();
    let single = writer.append(&tick(old + 9, 2)).unwrap();
    assert_eq!((single.stored, single.late), (0, 1));
}

#[test]
fn a_history_is_fine_where_it_is_recent_and_coarse_where_it_is_old() {
    let days = 20;
    let minutes = (START..START + days * DAY).step_by(600);
    let dir = filled(minutes.map(|ts| tick(ts, 2)));
    let reader = Reader::open(dir.path()).unwrap();
    let end = START + days * DAY;
    let history = reader.guest_history(100, START..end).unwrap();
    let of = |seconds: u32| history.windows().iter().filter(move |w| w.seconds == seconds);
    assert!(of(0).all(|w| w.start >= end - 49 * HOUR));
    assert!((48 * 6..=49 * 6).contains(&of(0).count()));
    assert!(of(3_600).all(|w| w.start >= end - 15 * DAY));
    assert!(of(21_600).count() >= 4 * 5);
    let mut covered = 0;
    for pair in history.windows().windows(2) {
        let length = if pair[0].seconds == 0 { 600 } else { i64::from(pair[0].seconds) };
        assert_eq!(pair[0].start + length, pair[1].start, "no gap, no overlap");
        covered += length;
    }
    assert_eq!(covered + 600, days * DAY);
    assert_eq!(history.series(GuestMetric::Cpu).len(), history.windows().len());
    let row = history.rows().next().unwrap();
    assert_eq!((&*row.state.host, row.state.status), ("alpha", GuestStatus::Running));
    assert!(row.value(GuestMetric::Memory).is_some());
    assert!(row.value(GuestMetric::MemoryHost).is_none());
    assert_eq!(
        reader.node_history("beta", START..end).unwrap().windows().len(),
        history.windows().len()
    );
    assert!(reader.guest_history(999, START..end).unwrap().is_empty());
}

#[test]
fn quality_says_what_is_known() {
    let mut ticks: Vec<Tick> = every_minute(START, START + 3 * HOUR, 2).collect();
    ticks.retain(|t| !(START + HOUR..START + HOUR + 30 * MINUTE).contains(&t.ts));
    let dir = filled(ticks);
    let reader = Reader::open(dir.path()).unwrap();
    let now = START + 3 * HOUR;
    let quality = reader.get_data_quality(&Entity::Guest(100), now).unwrap();
    assert_eq!(quality.total_samples, 150);
    assert_eq!(quality.oldest_sample_age, Some(3 * HOUR));
    assert_eq!(quality.last_sample_age, Some(MINUTE));
    assert_eq!(quality.largest_gap, Some(31 * MINUTE));
    assert_eq!(quality.interval, Some(60));
    assert!((quality.coverage[0] - 2.5 / 48.0).abs() < 1e-9, "{:?}", quality.coverage);
    assert!((quality.coverage[1] - 1.5 / 24.0 / 14.0).abs() < 1e-9);
    assert_eq!(quality.coverage[2], 0.0);
    let nobody = reader.get_data_quality(&Entity::Guest(7), now).unwrap();
    assert_eq!((nobody.total_samples, nobody.last_sample_age), (0, None));
    let fleet = reader.fleet(START..now, Resolution::Hourly, Detail::Typical).unwrap();
    let half = fleet.windows()[1];
    assert_eq!((half.ticks, half.expected), (30, 60), "a half-filled bucket says so");
}

#[test]
fn the_quality_of_all_is_that_of_each() {
    let mut ticks: Vec<Tick> = every_minute(START, START + 8 * HOUR, 300).collect();
    ticks.retain(|t| (t.ts / HOUR) % 5 != 2);
    for (i, tick) in ticks.iter_mut().enumerate() {
        tick.guests.retain(|g| g.vmid % 7 > 0 || i > 100);
        if i % 90 > 30 {
            tick.guests[3].cpu = None;
            tick.guests[4].status = GuestStatus::Stopped;
        }
        tick.nodes.truncate(if i < 50 { 1 } else { 2 });
    }
    let runs = ticks.len() as u64;
    let dir = filled(ticks);
    let reader = Reader::open(dir.path()).unwrap();
    let now = START + 8 * HOUR;
    let guests = (100..400).chain([7]).map(Entity::Guest);
    let nodes = ["alpha", "beta", "nobody"].map(|n| Entity::Node(n.into()));
    let all: Vec<Entity> = guests.chain(nodes).chain([Entity::Collector]).collect();
    let (qualities, damage) = reader.data_quality(&all, now).unwrap();
    assert_eq!(damage, []);
    for (entity, quality) in all.iter().zip(&qualities) {
        assert_eq!(&reader.get_data_quality(entity, now).unwrap(), quality, "{entity:?}");
    }
    let overview = reader.overview(now).unwrap();
    assert_eq!(Some(&overview.quality), qualities.last());
    assert_eq!(overview.quality.total_samples, runs);
    assert_eq!(overview.stats, reader.stats(now).unwrap());
    assert_eq!((overview.newest, overview.damaged), (Some(now - MINUTE), 0));
    let known = |entity: &Entity| {
        let at = all.iter().position(|e| e == entity).unwrap();
        qualities[at].total_samples
    };
    assert_eq!(known(&Entity::Guest(101)), runs);
    assert_eq!(known(&Entity::Guest(105)), runs - 101, "absent in the first samples");
    assert_eq!(known(&Entity::Node("beta".into())), runs - 50);
    assert_eq!(known(&Entity::Guest(7)), 0);
}

#[test]
fn who_is_off_owes_no_samples_in_any_tier() {
    let mut ticks: Vec<Tick> = every_minute(START, START + 14 * HOUR, 4).collect();
    let stop = |tick: &mut Tick, guest: usize| {
        let running = tick.guests[guest].clone();
        let status = GuestStatus::Stopped;
        tick.guests[guest] = GuestSample {
            cpu: None,
            mem: None,
            disk_read_bps: None,
            disk_write_bps: None,
            net_in_bps: None,
            net_out_bps: None,
            status,
            ..running
        };
    };
    for (i, tick) in ticks.iter_mut().enumerate() {
        // Guest 101 and node beta run in the first third of each hour, guest 102 in the rest of it.
        if i % 60 >= 20 {
            stop(tick, 1);
            tick.nodes[1] = NodeSample { name: "beta".into(), ..NodeSample::default() };
        } else {
            stop(tick, 2);
        }
        tick.guests.retain(|g| g.vmid != 103 || i >= 450);
    }
    let dir = filled(ticks);
    let reader = Reader::open(dir.path()).unwrap();
    let of = |entity| reader.get_data_quality(&entity, START + 14 * HOUR).unwrap().coverage;
    let always = of(Entity::Guest(100));
    assert!(always.iter().all(|share| *share > 0.0), "{always:?}");
    for entity in [Entity::Guest(101), Entity::Guest(102), Entity::Node("beta".into())] {
        assert_eq!(of(entity.clone()), always, "{entity:?}");
    }
    let kept = [48.0, 14.0 * 24.0, 90.0 * 24.0];
    for (i, came) in of(Entity::Guest(103)).into_iter().enumerate() {
        let missed = (always[i] - came) * kept[i];
        assert!((missed - 7.5).abs() < 1e-6, "tier {i}: {missed} hours");
    }
}

#[test]
fn stats_and_verify_speak_of_every_file() {
    let dir = filled(every_minute(START, START + 13 * HOUR, 4));
    let reader = Reader::open(dir.path()).unwrap();
    let stats = reader.stats(START + 13 * HOUR).unwrap();
    let of = |tier: Tier| stats.tiers.iter().find(|t| t.tier == tier).unwrap();
    assert_eq!((of(Tier::Raw).files, of(Tier::Raw).rows), (13, 13 * 60));
    assert_eq!((of(Tier::Hourly).files, of(Tier::Hourly).rows), (1, 12));
    assert_eq!((of(Tier::SixHourly).files, of(Tier::SixHourly).rows), (1, 2));
    assert_eq!((stats.nodes, stats.guests), (2, 4));
    assert_eq!(stats.bytes_written_today, stats.bytes, "all of it was written today");
    let verification = reader.verify().unwrap();
    assert!(verification.is_clean(), "{:?}", verification.findings);
    assert_eq!(verification.bytes, stats.bytes);
}

#[test]
fn a_place_without_a_store_is_told_from_one_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let (absent, file) = (dir.path().join("absent"), dir.path().join("file"));
    fs::write(&file, "").unwrap();
    let inside = dir.path().join("inside");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("raw"), "").unwrap();
    let told = |place: &Path| {
        let error = Reader::open(place).unwrap_err();
        assert_eq!(error.place, place.display().to_string());
        (error.kind, error.message)
    };
    assert_eq!(told(&absent).0, Kind::NotFound);
    assert_eq!(told(dir.path()).0, Kind::NotFound);
    for place in [&file, &inside] {
        let (kind, message) = told(place);
        assert_eq!(kind, Kind::Invalid, "{message}");
        assert!(message.contains("a file stands where"), "{message}");
    }
    let closed = dir.path().join("closed");
    fs::create_dir_all(closed.join("raw")).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&closed).is_ok() {
        skip("limited-user", "this user may read everything");
        return;
    }
    let (kind, message) = told(&closed);
    assert_eq!(kind, Kind::Io);
    assert!(message.contains("ask as root"), "{message}");
}

#[test]
fn who_may_not_write_hears_who_may() {
    let dir = tempfile::tempdir().unwrap();
    let guarded = dir.path().join("guarded");
    fs::create_dir(&guarded).unwrap();
    fs::set_permissions(&guarded, fs::Permissions::from_mode(0o500)).unwrap();
    // Root writes as the owner, who may not either.
    let _ = std::os::unix::fs::chown(&guarded, Some(4321), None);
    let Err(error) = Writer::open(&guarded) else { panic!("it is closed to its owner") };
    assert_eq!(error.kind, Kind::Io);
    assert!(error.message.contains("the owner of the state directory"), "{error}");
}

#[test]
fn nothing_covered_is_zero_and_not_less() {
    let dir = filled(every_minute(START, START + HOUR, 1));
    let reader = Reader::open(dir.path()).unwrap();
    for entity in [Entity::Guest(100), Entity::Guest(7), Entity::Collector] {
        let quality = reader.get_data_quality(&entity, START + HOUR).unwrap();
        assert!(quality.coverage.iter().all(|c| c.is_sign_positive()), "{quality:?}");
    }
}
