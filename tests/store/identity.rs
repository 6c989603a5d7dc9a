//! Who is who: reused vmids, renames, absences, outages and migrations.

use super::store_support::*;
use pve_foresight::model::{GuestKind, GuestMetric, Migration, Tick, UnixTime};
use pve_foresight::store::{Detail, Reader, Resolution, Writer};
use std::path::Path;

/// Appends each tick with a writer of its own, as a oneshot collector does.
fn collect(dir: &Path, ticks: impl IntoIterator<Item = Tick>) {
    for tick in ticks {
        let mut writer = Writer::open(dir).unwrap();
        assert_eq!(writer.append(&tick).unwrap().stored, 1);
    }
}

fn with(ts: UnixTime, change: impl FnOnce(&mut Tick)) -> Tick {
    let mut tick = tick(ts, 2);
    change(&mut tick);
    tick
}

/// Number of samples that guest 100 has after these ticks.
fn known_samples(ticks: Vec<Tick>) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let end = ticks.last().unwrap().ts + 1;
    collect(dir.path(), ticks);
    let reader = Reader::open(dir.path()).unwrap();
    reader.guest_history(100, START..end).unwrap().series(GuestMetric::Cpu).len()
}

fn minutes(n: i64) -> impl Iterator<Item = UnixTime> {
    (0..n).map(|i| START + i * MINUTE)
}

type Change = fn(i64, &mut Tick);

#[test]
fn who_is_another_guest_and_who_is_not() {
    // After ten ticks, how many samples belong to the guest that now has vmid 100?
    let cases: [(&str, Change, usize); 12] = [
        ("nothing happens", |_, _| {}, 10),
        ("created changes", |i, t| t.guests[0].created = Some(1_600_000_000 + i / 5), 5),
        (
            "created becomes known",
            |i, t| t.guests[0].created = (i >= 5).then_some(1_600_000_000),
            10,
        ),
        (
            "created is forgotten and known again",
            |i, t| {
                t.guests[0].created = (i != 5).then_some(1_600_000_000);
            },
            10,
        ),
        (
            "a container takes the place of a VM",
            |i, t| {
                t.guests[0].kind = if i < 6 { GuestKind::Qemu } else { GuestKind::Lxc };
            },
            4,
        ),
        ("a move", |i, t| t.guests[0].node = ["alpha", "beta"][(i / 5) as usize].into(), 10),
        (
            "another name on another host",
            |i, t| {
                t.guests[0].name = format!("name{}", i / 5);
                t.guests[0].node = ["alpha", "beta"][(i / 5) as usize].into();
            },
            5,
        ),
        (
            "a move of whom nobody reports the name",
            |i, t| {
                t.guests[0].node = ["alpha", "beta"][(i / 5) as usize].into();
                if i == 4 {
                    t.guests[0].name = String::new();
                }
            },
            10,
        ),
        ("a rename", |i, t| t.guests[0].name = format!("name{}", i / 5), 10),
        (
            "absent for a while, same name",
            |i, t| {
                if (3..6).contains(&i) {
                    t.guests.remove(0);
                }
            },
            7,
        ),
        (
            "absent once, another name: a rename in a bad moment",
            |i, t| {
                t.guests[0].name = format!("name{}", i / 5);
                if i == 5 {
                    t.guests.remove(0);
                }
            },
            9,
        ),
        (
            "absent for two ticks, another name",
            |i, t| {
                t.guests[0].name = format!("name{}", i / 5);
                if i == 5 || i == 6 {
                    t.guests.remove(0);
                }
            },
            3,
        ),
    ];
    for (what, change, want) in cases {
        let ticks = minutes(10).enumerate().map(|(i, ts)| with(ts, |t| change(i as i64, t)));
        assert_eq!(known_samples(ticks.collect()), want, "{what}");
    }
}

#[test]
fn a_day_of_absence_ends_a_guest_but_an_outage_does_not() {
    let half_hours = |n: i64| (0..n).map(|i| START + i * HOUR / 2);
    let absent = |from: i64, to: i64| {
        half_hours(60).enumerate().map(move |(i, ts)| {
            with(ts, |t| {
                if (from..to).contains(&(i as i64)) {
                    t.guests.remove(0);
                }
            })
        })
    };
    assert_eq!(known_samples(absent(4, 30).collect()), 34, "half a day");
    assert_eq!(known_samples(absent(4, 53).collect()), 7, "a day");
    let outage = [START, START + MINUTE, START + 21 * DAY, START + 21 * DAY + MINUTE];
    assert_eq!(known_samples(outage.map(|ts| tick(ts, 2)).to_vec()), 4);
    let absent_around_outage = outage.map(|ts| {
        with(ts, |t| {
            if ts == START + MINUTE || ts == START + 21 * DAY {
                t.guests.remove(0);
            }
        })
    });
    assert_eq!(known_samples(absent_around_outage.to_vec()), 2, "two samples missed, not weeks");
}

#[test]
fn a_new_guest_inherits_nothing_in_any_tier() {
    let dir = tempfile::tempdir().unwrap();
    let change = START + 10 * DAY + 90 * MINUTE;
    let ticks = (START..START + 20 * DAY).step_by(600).map(|ts| {
        with(ts, |t| {
            t.guests[0].created = Some(if ts < change { 5 } else { 6 });
        })
    });
    Writer::open(dir.path()).unwrap().append_all(ticks).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let end = START + 20 * DAY;
    let first = |vmid| reader.guest_history(vmid, START..end).unwrap().windows()[0].start;
    assert!((change - 6 * HOUR..=change).contains(&first(100)), "{}", first(100) - change);
    assert_eq!(first(101), START);
    let old = reader.guest_history(100, START..change - DAY).unwrap();
    assert!(!old.is_empty(), "asked as of then, the guest of then answers");
    let fleet = reader.fleet(START..end, Resolution::SixHourly, Detail::Typical).unwrap();
    let both: Vec<_> = fleet.guests.iter().filter(|g| g.vmid == 100).collect();
    assert_eq!(both.iter().map(|g| g.present).collect::<Vec<_>>(), [false, true]);
    let counts = |entity| -> u32 {
        fleet.guest_table.points(entity, GuestMetric::Cpu).map(|p| p.count).sum()
    };
    let six_hourly_end = Some(fleet.windows()).map(|w| w[w.len() - 1].start + 6 * HOUR).unwrap();
    assert_eq!(i64::from(counts(0)), (change - START) / 600);
    assert_eq!(i64::from(counts(1)), (six_hourly_end - change) / 600);
    assert_eq!(reader.migrations(START..end).unwrap(), [], "being born is no move");
}

#[test]
fn migrations_are_known_as_long_as_anything_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let moves = [START + 65 * MINUTE, START + 30 * DAY, START + 75 * DAY + 50 * MINUTE];
    let end = START + 76 * DAY;
    let ticks = (START..end).step_by(300).map(|ts| {
        with(ts, |t| {
            let made = moves.iter().filter(|&&m| ts >= m).count();
            t.guests[0].node = ["alpha", "beta", "gamma", "alpha"][made].into();
        })
    });
    Writer::open(dir.path()).unwrap().append_all(ticks).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let migration = |i: usize, from: &str, to: &str| Migration {
        time: moves[i],
        vmid: 100,
        from: from.into(),
        to: to.into(),
    };
    let want = [
        migration(0, "alpha", "beta"),
        migration(1, "beta", "gamma"),
        migration(2, "gamma", "alpha"),
    ];
    assert_eq!(reader.migrations(START..end).unwrap(), want);
    assert_eq!(reader.migrations(moves[1]..moves[1] + 1).unwrap(), want[1..2]);
    for resolution in [Resolution::Mixed, Resolution::SixHourly] {
        let fleet = reader.fleet(START..end, resolution, Detail::Typical).unwrap();
        let known = fleet.migrations();
        assert_eq!(known, want[..known.len()], "{resolution:?}");
        assert!(known.len() == 3 || resolution == Resolution::SixHourly);
        assert_eq!(fleet.guests[0].placements.len(), known.len() + 1);
    }
    let hosts = reader.guest_history(100, START..end).unwrap();
    let hosts: Vec<_> = hosts.states.iter().map(|s| s.host.to_string()).collect();
    assert_eq!((hosts[0].as_str(), hosts[hosts.len() - 1].as_str()), ("beta", "alpha"));
}

#[test]
fn a_move_during_an_outage_is_seen_when_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    collect(
        dir.path(),
        [
            tick(START, 2),
            with(START + 21 * DAY, |t| t.guests[0].node = "beta".into()),
            tick(START + 21 * DAY + 7 * HOUR, 1),
            with(START + 22 * DAY, |t| t.guests[0].node = "beta".into()),
        ],
    );
    let moves = Reader::open(dir.path()).unwrap().migrations(0..i64::MAX).unwrap();
    let times: Vec<_> = moves.iter().map(|m| (m.time - START, m.vmid)).collect();
    let back = 21 * DAY + 7 * HOUR;
    assert_eq!(times, [(21 * DAY, 100), (back, 100), (22 * DAY, 100)]);
}

#[test]
fn starts_stops_and_moves_cost_little() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.append(&tick(START, 2_000)).unwrap();
    let plain = writer.append(&tick(START + 60, 2_000)).unwrap().bytes;
    let mut changed = tick(START + 120, 2_000);
    changed.guests[7].node = "beta".into();
    changed.guests[9].name = "renamed".into();
    changed.guests.remove(11);
    let extra = writer.append(&changed).unwrap().bytes as i64 - plain as i64;
    assert!(extra < 400, "{extra} bytes more");
}

/// Ticks of guest 100 alone, or with guest 105.
fn few(ts: UnixTime, host: &str, both: bool) -> Tick {
    let mut tick = tick(ts, 1);
    tick.guests[0].node = host.into();
    tick.guests.extend(both.then(|| guest(105, "alpha", ts)));
    tick
}

/// Samples of guest 105 in all of the store.
fn samples_of_105(reader: &Reader) -> u32 {
    let history = reader.guest_history(105, 0..i64::MAX).unwrap();
    history.series(GuestMetric::Cpu).iter().map(|b| b.count).sum()
}

#[test]
fn a_late_tick_before_a_new_hour_makes_nobody_new() {
    let dir = tempfile::tempdir().unwrap();
    let now = START + DAY;
    let append = |ticks: Vec<Tick>| {
        assert_eq!(
            Writer::open(dir.path()).unwrap().append_all(&ticks).unwrap().stored,
            ticks.len()
        );
    };
    let minutes = |from: i64| (0..10).map(move |i| from + i * 60);
    append(minutes(now - 2 * HOUR).map(|ts| few(ts, "alpha", false)).collect());
    append(minutes(now + 5 * HOUR).map(|ts| few(ts, "alpha", true)).collect());
    append(vec![few(now + HOUR / 2, "alpha", false), few(now + 6 * HOUR, "alpha", true)]);
    assert_eq!(samples_of_105(&Reader::open(dir.path()).unwrap()), 11);
}

/// Three ticks whose clock was 72 hours ahead; meanwhile a guest appears and another moves.
#[test]
fn samples_of_a_clock_that_ran_ahead_end_no_guest_and_invent_no_move() {
    let ahead = START + 72 * HOUR;
    for astray in [20, 60 * 29 + 20, 60 * 57 + 20] {
        let dir = tempfile::tempdir().unwrap();
        let append = |ticks: &mut dyn Iterator<Item = Tick>| {
            Writer::open(dir.path()).unwrap().append_all(ticks).unwrap().stored
        };
        append(&mut (0..60).map(|i| few(START + i * 60, "alpha", false)));
        append(&mut (0..3).map(|i| few(ahead + astray + i * 60, "alpha", false)));
        let moved = START + HOUR;
        let mut of_105 = append(&mut (moved..ahead).step_by(600).map(|ts| few(ts, "beta", true)));
        of_105 += append(&mut (ahead..ahead + HOUR).step_by(60).map(|ts| few(ts, "beta", true)));
        let want = [Migration { time: moved, vmid: 100, from: "alpha".into(), to: "beta".into() }];
        let reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.migrations(0..i64::MAX).unwrap(), want, "{astray}: as samples");
        of_105 += append(
            &mut (ahead + HOUR..ahead + 8 * HOUR).step_by(600).map(|ts| few(ts, "beta", true)),
        );
        assert_eq!(samples_of_105(&reader) as usize, of_105, "{astray}: it is one guest");
        assert_eq!(reader.migrations(0..i64::MAX).unwrap(), want, "{astray}: rolled");
        let fleet = reader.fleet(0..i64::MAX, Resolution::Mixed, Detail::Typical).unwrap();
        assert_eq!(fleet.guests.len(), 2, "{astray}");
        let recent = ahead - HOUR..i64::MAX;
        let fleet = reader.fleet(recent, Resolution::Mixed, Detail::Typical).unwrap();
        assert_eq!(fleet.migrations(), [], "{astray}");
    }
}

/// A clock that is ahead for a moment rolls six hours before they are over; what comes then counts all the same.
#[test]
fn a_move_within_hours_that_were_rolled_too_early_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let append = |ticks: Vec<Tick>| Writer::open(dir.path()).unwrap().append_all(ticks).unwrap();
    append((0..345).map(|i| few(START + i * MINUTE, "alpha", false)).collect());
    append(vec![few(START + 365 * MINUTE, "alpha", false)]);
    append((345..350).map(|i| few(START + i * MINUTE, "beta", false)).collect());
    let time = START + 345 * MINUTE;
    let want = [Migration { time, vmid: 100, from: "alpha".into(), to: "beta".into() }];
    let known = Reader::open(dir.path()).unwrap().migrations(START..START + 350 * MINUTE).unwrap();
    assert_eq!(known, want);
}

/// A tick is compared with the one before it in time; where that is not at hand, with none.
#[test]
fn a_late_tick_is_no_move() {
    let dir = tempfile::tempdir().unwrap();
    let moved = |minute: i64, host: &str| {
        let tick = few(START + minute * 60, host, false);
        Writer::open(dir.path()).unwrap().append(&tick).unwrap().moved
    };
    let ticks = [(0, "alpha"), (2, "beta"), (1, "alpha"), (3, "beta"), (4, "beta"), (5, "alpha")];
    assert_eq!(ticks.map(|(minute, host)| moved(minute, host)), [0, 1, 0, 0, 0, 1]);
}
