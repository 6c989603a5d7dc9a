//! Series that a few extreme hours decide: jobs that are never the same size, traffic that is put to rest, the top of a
//! share.

use super::support::*;
use pve_foresight::model::DAY;
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Crossing, Direction, Params, Scale, Trend, analyze};

/// Something between -1 and 1 for each day, in no order.
fn of_the_day(time: i64) -> f64 {
    2.0 * (time.div_euclid(DAY) as f64 * 0.618_034).rem_euclid(1.0) - 1.0
}

/// Traffic: the values of [`hourly`] scaled to bytes per second, and their analysis.
fn traffic(days: u32, f: impl Fn(f64, i64) -> f64) -> Vec<Trend> {
    let local = LocalTime::utc();
    let look = |seed: u64| {
        let mut points = hourly(seed, i64::from(days), 0.0, |_, _| 1.0);
        let noise = hourly(seed, i64::from(days), 0.1, |_, _| 1.0);
        for (point, noise) in points.iter_mut().zip(noise) {
            let t = (point.time - NOW) as f64 / DAY as f64;
            point.value = f(t, point.time) * noise.value;
        }
        let share = Params::share(NOW, 1.0, &local);
        let scale = Scale::Relative { floor: 1e4 };
        analyze(&points, &Params { scale, lookback_hours: 24 * days, ..share })
    };
    (0..DRAWS).map(look).collect()
}

#[test]
fn a_nightly_job_of_another_size_each_night_is_a_rhythm() {
    for days in WINDOWS {
        for hours in 1..4 {
            let runs = |time| (2..2 + hours).contains(&hour(time));
            let size = |time| if runs(time) { 55.0 + 12.0 * of_the_day(time) } else { 0.0 };
            let nightly = all_of(days, 0.5, |_, time| 5.0 + size(time));
            let what = format!("{hours} hours, {days} days");
            assert_eq!(count(&nightly, Direction::Cyclical), nightly.len(), "{what}");
            let told: Vec<u8> = (2..2 + hours as u8).collect();
            assert!(nightly.iter().all(|t| t.peak_hours == told), "{what}");
            assert!(nightly.iter().all(|t| t.stability.unwrap() > 70.0), "{what}");
            let touches = |t: &&Trend| {
                let peak = t.projection(45.0, pve_foresight::model::Worse::High).unwrap().peak;
                peak.hours().is_some_and(|hours| (11.0..14.0).contains(&hours))
            };
            assert_eq!(nightly.iter().filter(touches).count(), nightly.len(), "{what}");
        }
        // Bursts at any hour are none.
        let burst = |time: i64| (time / 3_600 * 7_919) % 23 == 0;
        let bursts = all_of(days, 0.5, |_, time| 5.0 + if burst(time) { 55.0 } else { 0.0 });
        let told = bursts.iter().filter(|t| !t.peak_hours.is_empty()).count();
        assert!(told <= 1, "{days} days: {told}");
    }
}

#[test]
fn traffic_that_was_put_to_rest_is_a_level_shift() {
    for days in WINDOWS {
        // Of a week a day and a half would be left to judge by.
        for share in [0.3, 0.55, 0.8].into_iter().filter(|share| days > 7 || *share < 0.7) {
            let since = -share * f64::from(days);
            let rested = traffic(days, |t, _| if t < since { 3e6 } else { 4e4 });
            let what = format!("{share} of {days} days");
            assert!(count(&rested, Direction::Stable) + 1 >= rested.len(), "{what}");
            let near = |t: &&Trend| {
                t.changes.iter().any(|c| ((c.time - NOW) as f64 / DAY as f64 - since).abs() < 0.5)
            };
            assert!(
                rested.iter().filter(near).count() + 1 >= rested.len(),
                "{what} {:?}",
                rested
                    .iter()
                    .map(|t| t
                        .changes
                        .iter()
                        .map(|c| ((c.time - NOW) as f64 / DAY as f64 * 100.0).round())
                        .collect::<Vec<_>>())
                    .collect::<Vec<_>>()
            );
            let steady = rested.iter().filter(|t| t.stability.unwrap() > 60.0).count();
            assert!(steady + 1 >= rested.len(), "{what}: {steady}");
        }
    }
}

#[test]
fn a_nightly_job_of_another_length_each_night_is_a_rhythm() {
    let (mut all, mut told) = (0, 0);
    for days in WINDOWS {
        for order in 0..12 {
            // From 01:00 on for four to seven hours, of which no two are alike.
            let busy = |time: i64| {
                let night = of_the_day(time + 37 * order * DAY);
                let length = 5.5 + 1.5 * night;
                let part = (1.0 + length - hour(time) as f64).clamp(0.0, 1.0);
                let size = 85.0 + 15.0 * of_the_day(time * 7 + order * 3_600);
                if hour(time) >= 1 { part * size } else { 0.0 }
            };
            let nightly = all_of(days, 0.3, |_, time| 2.0 + busy(time));
            all += nightly.len();
            let knows = |t: &&Trend| [2, 3, 4].iter().all(|hour| t.peak_hours.contains(hour));
            told += nightly.iter().filter(knows).count();
        }
    }
    assert!(told * 100 >= all * 98, "{told} of {all}");
}

#[test]
fn a_transfer_of_every_night_is_no_glitch_and_one_wild_value_is() {
    let nightly = |_: f64, time: i64| if hour(time) == 14 { 3e7 } else { 2e5 };
    for days in [7, 14] {
        let flags = traffic(days, |t, time| nightly(t, time - 3_600));
        assert!(count(&flags, Direction::Cyclical) + 1 >= flags.len(), "{days} days");
        assert!(flags.iter().all(|t| t.peak_hours == [15]), "{days} days");
        let wrapped = traffic(days, |t, _| if (-2.02..-1.98).contains(&t) { 3e9 } else { 2e5 });
        assert_eq!(count(&wrapped, Direction::Stable), wrapped.len(), "{days} days");
        assert!(wrapped.iter().all(|t| t.stability.unwrap() > 60.0), "{days} days");
    }
    // A mean of many samples is what it is, however far from its neighbours.
    let mut points = hourly(1, 7, 0.5, |t, _| if t < -0.96 && t > -1.0 { 80.0 } else { 0.5 });
    points.iter_mut().for_each(|p| (p.seconds, p.count) = (3_600, 60));
    let all = |points: &[Point]| look(points).points;
    assert_eq!(all(&points), points.len());
}

#[test]
fn busy_hours_at_the_top_are_no_level_at_the_top() {
    for days in WINDOWS {
        // Office hours are on: it is 14:00.
        let office =
            all_of(days, 1.0, |_, time| if (8..18).contains(&hour(time)) { 140.0 } else { 15.0 });
        assert_eq!(count(&office, Direction::Cyclical), office.len(), "{days} days");
        let above = |t: &&Trend| {
            t.projection(90.0, pve_foresight::model::Worse::High).unwrap().level
                == Crossing::Already
        };
        assert_eq!(office.iter().filter(above).count(), 0, "{days} days");
        assert!(office.iter().all(|t| !t.saturated), "{days} days");
    }
}

#[test]
fn what_was_taken_to_the_top_at_once_is_a_level_shift_there_too() {
    for (days, since) in [(7, -1.0), (14, -1.5)] {
        for level in [92.0, 97.7, 99.5] {
            let stuck = all_of(days, 0.2, |t, _| if t < since { 30.0 } else { level });
            let what = format!("{level} %, {days} days");
            let told = |t: &&Trend| t.changes.len() == 1;
            assert_eq!(stuck.iter().filter(told).count(), stuck.len(), "{what}");
            assert!(stuck.iter().all(|t| !t.anomaly.unwrap().flag), "{what}");
            let reached = stuck[0].projection.unwrap().level == Crossing::Already;
            assert_eq!(reached, level > 98.0, "{what}: the threshold is 98");
        }
    }
    // What grew until it was full stands where it was measured.
    let grown = all_of(7, 0.3, |t, _| (70.0 + 12.0 * (t + 3.5)).min(99.0));
    assert!(grown.iter().all(|t| t.saturated));
    assert!(grown.iter().all(|t| (98.0..99.9).contains(&t.level.unwrap())));
}

#[test]
fn a_job_of_an_hour_is_a_rhythm_however_small_beside_the_day() {
    for days in WINDOWS {
        for (size, weekdays) in [(7.0, false), (7.0, true), (-10.0, false), (25.0, true)] {
            let runs = |time: i64| {
                // The first of January 1970 was a Thursday.
                let weekday = (time.div_euclid(DAY) + 3).rem_euclid(7);
                hour(time) == 2 && (!weekdays || weekday < 5)
            };
            let job = all_of(days, 0.6, |_, t| 20.0 + if runs(t) { size } else { 0.0 });
            let what = format!("{size} points, weekdays {weekdays}, {days} days");
            assert!(count(&job, Direction::Cyclical) + 1 >= job.len(), "{what}");
            let hours: Vec<u8> =
                if size > 0.0 { vec![2] } else { (0..24).filter(|h| *h != 2).collect() };
            let told = job.iter().filter(|t| t.peak_hours == hours).count();
            assert!(told + 1 >= job.len(), "{what}: {told}");
        }
        // Noise has no hours.
        let noise = all_of(days, 6.0, |_, _| 40.0);
        assert!(noise.iter().filter(|t| !t.peak_hours.is_empty()).count() <= 1, "{days} days");
    }
}
