//! Clocks that go wrong lose nothing; what is kept is what a plain list would keep.

use super::store_support::*;
use proptest::prelude::*;
use pve_foresight::model::{Fraction, GuestMetric, UnixTime};
use pve_foresight::store::{Detail, Reader, Resolution, Retention, Tier, Writer};
use std::collections::BTreeSet;
use std::path::Path;

fn open(dir: &Path) -> Writer {
    Writer::open(dir).unwrap()
}

/// Times of all samples that are there as samples.
fn samples(dir: &Path) -> Vec<UnixTime> {
    let reader = Reader::open(dir).unwrap();
    let fleet = reader.fleet(0..i64::MAX, Resolution::Raw, Detail::Typical).unwrap();
    fleet.windows().iter().map(|w| w.start).collect()
}

/// Start and count of all rows of a tier.
fn rows(dir: &Path, resolution: Resolution) -> Vec<(UnixTime, u32)> {
    let reader = Reader::open(dir).unwrap();
    let fleet = reader.fleet(0..i64::MAX, resolution, Detail::Typical).unwrap();
    fleet.windows().iter().map(|w| (w.start, w.ticks)).collect()
}

#[test]
fn a_clock_that_steps_back_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let forth = (0..240).map(|i| START + i * 60);
    let back = (0..300).map(|i| START + HOUR + 30 + i * 60);
    for ts in forth.clone().chain(back.clone()) {
        assert_eq!(open(dir.path()).append(&tick(ts, 2)).unwrap().stored, 1);
    }
    let all: BTreeSet<UnixTime> = forth.chain(back).collect();
    assert_eq!(samples(dir.path()), all.iter().copied().collect::<Vec<_>>());
    for (start, ticks) in rows(dir.path(), Resolution::Hourly) {
        let within = all.range(start..start + HOUR).count();
        assert_eq!(ticks as usize, within, "the hour was rolled again when it was over again");
    }
}

#[test]
fn the_same_time_twice_is_a_duplicate_not_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let done = writer.append_all([0, 60, 60, 120, 0].map(|s| tick(START + s, 2))).unwrap();
    assert_eq!((done.stored, done.duplicates), (3, vec![START + 60, START]));
    assert_eq!(samples(dir.path()), [START, START + 60, START + 120]);
    drop(writer);
    let mut other = tick(START, 2);
    other.guests[0].cpu = Some(Fraction(0.125));
    assert_eq!(open(dir.path()).append(&other).unwrap().duplicates, [START]);
}

#[test]
fn a_clock_that_jumps_ahead_for_a_while_expires_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let before: Vec<UnixTime> = (0..30 * 24 * 6).map(|i| START + i * 600).collect();
    open(dir.path()).append_all(before.iter().map(|&ts| tick(ts, 1))).unwrap();
    let want = [Resolution::Raw, Resolution::Hourly, Resolution::SixHourly];
    let want = want.map(|r| (r, rows(dir.path(), r)));
    let now = before[before.len() - 1];
    for year in [2_036, 1_971] {
        let wrong = (year - 1_970) * 31_556_952;
        for ts in [wrong, wrong + 60, wrong + 120] {
            assert_eq!(open(dir.path()).append(&tick(ts, 1)).unwrap().stored, 1);
        }
    }
    for i in 1..=3 {
        let done = open(dir.path()).append(&tick(now + i * 60, 1)).unwrap();
        assert_eq!((done.stored, done.late), (1, 0));
    }
    for (resolution, want) in want {
        let rows = rows(dir.path(), resolution);
        let kept = match resolution {
            Resolution::Raw => 48 * HOUR,
            Resolution::Hourly => 14 * DAY,
            _ => 90 * DAY,
        };
        let kept = want.iter().filter(|w| w.0 > now - kept);
        for row in kept {
            let there = rows.iter().any(|r| r.0 == row.0 && r.1 >= row.1);
            assert!(there, "{resolution:?} {row:?}");
        }
    }
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.last_tick(now + HOUR).unwrap().unwrap().ts, now + 180);
    assert!(reader.last_tick(i64::MAX).unwrap().unwrap().ts > now + DAY);
}

#[test]
fn weeks_without_power_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let before: Vec<UnixTime> = (0..400).map(|i| START + i * 600).collect();
    let after: Vec<UnixTime> = (0..20).map(|i| START + 24 * DAY + i * 600).collect();
    open(dir.path()).append_all(before.iter().map(|&ts| tick(ts, 1))).unwrap();
    let kept = samples(dir.path());
    open(dir.path()).append_all(after.iter().map(|&ts| tick(ts, 1))).unwrap();
    let newest: Vec<UnixTime> =
        kept.iter().copied().filter(|&t| t > before[399] - 44 * HOUR).collect();
    let all = samples(dir.path());
    assert!(newest.iter().chain(&after).all(|t| all.contains(t)));
    let days: BTreeSet<i64> =
        rows(dir.path(), Resolution::SixHourly).iter().map(|r| (r.0 - START) / DAY).collect();
    assert_eq!(days.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn the_store_has_a_bound() {
    let dir = tempfile::tempdir().unwrap();
    let retention = Retention { raw_hours: 24, hourly_days: 5, six_hourly_days: 30 };
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.keep(retention).unwrap();
    writer.append_all((0..45 * 24).map(|i| tick(START + i * HOUR, 1))).unwrap();
    let stats = Reader::open(dir.path()).unwrap().stats(START).unwrap();
    let days = |tier: Tier| {
        let of = stats.tiers.iter().find(|t| t.tier == tier).unwrap();
        (of.newest.unwrap() - of.oldest.unwrap()) / DAY
    };
    assert!((4..=6).contains(&days(Tier::Hourly)), "{}", days(Tier::Hourly));
    assert!((29..=37).contains(&days(Tier::SixHourly)), "{}", days(Tier::SixHourly));
    assert!((1..=5).contains(&days(Tier::Raw)), "one sample an hour: {}", days(Tier::Raw));
}

#[test]
fn a_segment_that_expires_while_it_is_open_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    writer.keep(Retention { raw_hours: 7, ..Retention::default() }).unwrap();
    writer.append_all((0..8 * 60).map(|i| tick(START + i * 60, 1))).unwrap();
    writer.append(&tick(START + 30, 1)).unwrap();
    assert_eq!(writer.compress(START + 9 * HOUR).unwrap().removed, 1);
    assert_eq!(writer.append(&tick(START + 90, 1)).unwrap().stored, 1);
    assert_eq!(samples(dir.path())[0], START + 90);
}

#[test]
fn any_pace_works() {
    for (pace, length) in [(5, 2 * HOUR), (10, 2 * HOUR), (300, DAY), (1_800, 3 * DAY)] {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).append_all((0..length / pace).map(|i| tick(START + i * pace, 1))).unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        let fleet =
            reader.fleet(START..START + length, Resolution::Hourly, Detail::Typical).unwrap();
        for window in fleet.windows() {
            assert_eq!(i64::from(window.expected), HOUR / pace);
            assert_eq!(window.ticks, window.expected);
        }
        assert_eq!(samples(dir.path()).len() as i64, (length / pace).min(49 * HOUR / pace));
    }
}

#[test]
fn compression_twice_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let end = START + 3 * DAY;
    open(dir.path()).append_all((START..end).step_by(600).map(|ts| tick(ts, 2))).unwrap();
    let first = open(dir.path()).compress_old_samples(end).unwrap();
    let before = Reader::open(dir.path()).unwrap().stats(end).unwrap();
    let second = open(dir.path()).compress_old_samples(end).unwrap();
    assert_eq!((first.rows, second.rows, second.removed), (2, 0, 0));
    assert_eq!(Reader::open(dir.path()).unwrap().stats(end).unwrap(), before);
}

#[test]
fn ten_thousand_guests_fit() {
    let dir = tempfile::tempdir().unwrap();
    let ticks = (0..4).map(|i| tick(START + i * 1_800, 10_000));
    open(dir.path()).append_all(ticks).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let fleet = reader.fleet(START..START + HOUR, Resolution::Hourly, Detail::Full).unwrap();
    assert_eq!((fleet.guests.len(), fleet.windows().len()), (10_000, 1));
    let last = fleet.guest_table.bucket(9_999, GuestMetric::Cpu, 0).unwrap();
    let exact = [0, 1_800].map(|s| guest(10_099, "beta", START + s).cpu.unwrap().0);
    assert!(close(last.avg, (exact[0] + exact[1]) / 2.0));
    assert!(close(last.max, exact[0].max(exact[1])));
    assert_eq!(reader.last_tick(i64::MAX).unwrap().unwrap().guests.len(), 10_000);
}

#[test]
fn readers_beside_a_writer_see_whole_ticks() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).append(&tick(START, 300)).unwrap();
    let path = dir.path().to_path_buf();
    let writer = std::thread::spawn(move || {
        let mut writer = open(&path);
        for i in 1..1_500 {
            writer.append(&tick(START + i * 300, 300)).unwrap();
        }
    });
    let reader = Reader::open(dir.path()).unwrap();
    let mut newest = START;
    while !writer.is_finished() {
        let last = reader.last_tick(i64::MAX).unwrap().expect("there is always one");
        assert_eq!((last.nodes.len(), last.guests.len()), (2, 300));
        assert!(last.ts >= newest, "time does not go back");
        newest = last.ts;
        let history = reader.guest_history(150, 0..i64::MAX).unwrap();
        assert_eq!(history.warnings, []);
        let mut covered = START;
        for window in history.windows() {
            assert!(window.start == covered, "no gap: {covered} then {window:?}");
            covered = window.start + i64::from(window.seconds).max(300);
        }
        assert!(covered > newest);
    }
    writer.join().unwrap();
}

/// What somebody may do to a store.
#[derive(Clone, Debug)]
enum Step {
    /// Ticks from a time on, at a pace.
    Append {
        from: i64,
        pace: i64,
        ticks: i64,
    },
    Compress,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let append = (0..30 * 6i64, prop::sample::select(vec![60, 300, 600, 1_800]), 1..40i64);
    prop_oneof![
        5 => append.prop_map(|(from, pace, ticks)| Step::Append { from: from * 600, pace, ticks }),
        1 => Just(Step::Compress),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #[test]
    fn the_store_is_a_list_of_ticks(steps in prop::collection::vec(step(), 1..12)) {
        let dir = tempfile::tempdir().unwrap();
        let mut model: BTreeSet<UnixTime> = BTreeSet::new();
        let mut writer = open(dir.path());
        for step in steps {
            match step {
                Step::Append { from, pace, ticks } => {
                    let times: Vec<i64> = (0..ticks).map(|i| START + from + i * pace).collect();
                    let new = times.iter().filter(|&&t| model.insert(t)).count();
                    let done = writer.append_all(times.iter().map(|&ts| tick(ts, 2))).unwrap();
                    prop_assert_eq!(done.stored, new);
                    prop_assert_eq!(done.duplicates.len(), times.len() - new);
                }
                Step::Compress => {
                    writer.compress(START + 5 * DAY).unwrap();
                }
                Step::Reopen => {
                    drop(writer);
                    writer = open(dir.path());
                }
            }
        }
        writer.compress(START + 5 * DAY).unwrap();
        let newest = model.last().copied().unwrap_or(START);
        let kept: Vec<i64> = samples(dir.path());
        for time in model.range(newest - 48 * HOUR + 1..) {
            prop_assert!(kept.contains(time));
        }
        prop_assert!(kept.iter().all(|t| model.contains(t)));
        for (resolution, seconds) in [(Resolution::Hourly, HOUR), (Resolution::SixHourly, 6 * HOUR)] {
            let mut counted = 0;
            for (start, ticks) in rows(dir.path(), resolution) {
                prop_assert_eq!(model.range(start..start + seconds).count(), ticks as usize);
                counted += ticks as usize;
            }
            prop_assert_eq!(counted, model.len());
        }
        prop_assert!(Reader::open(dir.path()).unwrap().verify().unwrap().is_clean());
    }
}
