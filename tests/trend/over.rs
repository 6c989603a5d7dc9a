//! What is over: bursts whose end is no anomaly, loads that were switched off, values that come no more.

use super::support::*;
use pve_foresight::model::{DAY, HOUR};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Nature, Params, Scale, Trend, analyze};

fn flagged(trends: &[Trend]) -> usize {
    trends.iter().filter(|t| t.anomaly.as_ref().is_some_and(|a| a.flag)).count()
}

fn trends(answers: &[Trend]) -> usize {
    answers.iter().filter(|t| t.direction.is_trend()).count()
}

#[test]
fn the_end_of_a_burst_is_no_anomaly_and_a_fall_below_what_was_before_is_one() {
    let burst = |hours: f64, ended: f64, now: f64| {
        let until = -ended / 24.0;
        let during = until - hours / 24.0..until;
        all_of(14, 0.3, move |t, _| match during.contains(&t) {
            true => 40.0,
            false if t >= until => now,
            false => 12.0,
        })
    };
    for hours in [6.0, 8.0, 14.0, 20.0] {
        for ended in [2.0, 4.0, 6.0, 8.0, 10.0] {
            let over = burst(hours, ended, 12.0);
            assert_eq!(flagged(&over), 0, "{hours} h, ended {ended} h ago");
        }
    }
    assert_eq!(flagged(&burst(20.0, 4.0, 3.0)), DRAWS as usize, "it never stood that low");
    assert_eq!(flagged(&burst(20.0, 4.0, 70.0)), DRAWS as usize, "it never stood that high");
}

#[test]
fn what_was_restarted_after_hours_of_excess_stands_where_it_stands() {
    let local = LocalTime::utc();
    let params = Params { nature: Nature::Fill, ..Params::share(NOW, 100.0, &local) };
    for seed in 0..DRAWS {
        let points = hourly(seed, 14, 0.3, |t, _| {
            if (-20.0 / 24.0..-3.0 / 24.0).contains(&t) { 70.0 } else { 30.0 }
        });
        let level = analyze(&points, &params).level.unwrap();
        assert!((level - 30.0).abs() < 3.0, "{seed}: {level}");
    }
}

#[test]
fn a_guest_that_was_switched_off_for_good_falls_no_more() {
    // Busy every other two days, or by days of their own size, then off.
    let sizes = [34.0, 6.0, 51.0, 22.0, 58.0, 13.0, 41.0, 2.0, 29.0, 47.0, 18.0];
    let day = |t: f64| (-t) as usize;
    for (days, off) in [(30, 8.0), (30, 15.0), (60, 20.0), (60, 30.0)] {
        let batch = all_of(days, 0.1, |t, _| if t > -off || day(t) % 4 < 2 { 0.5 } else { 50.0 });
        let daily = all_of(days, 0.1, |t, u| {
            let busy = (hour(u) as f64 / 24.0 * std::f64::consts::TAU).sin();
            if t > -off { 0.5 } else { sizes[day(t) % sizes.len()] * (0.6 + 0.4 * busy) }
        });
        assert_eq!(trends(&batch), 0, "{days} days, off for {off}");
        assert_eq!(trends(&daily), 0, "{days} days, off for {off}");
    }
}

#[test]
fn what_still_moves_goes_on_also_where_it_moves_by_stairs_or_not_at_night() {
    let line = all_of(30, 1.0, |t, _| 40.0 + t);
    let by_day = all_of(30, 0.5, |_, u| {
        let today = ((u - 8 * HOUR).rem_euclid(DAY) as f64 / (10 * HOUR) as f64).min(1.0);
        60.0 + ((u - 8 * HOUR).div_euclid(DAY) - NOW.div_euclid(DAY)) as f64 + today
    });
    assert_eq!((trends(&line), trends(&by_day)), (DRAWS as usize, DRAWS as usize));
}

#[test]
fn what_has_sent_nothing_for_days_is_known_by_half_at_most() {
    for (days, without) in [(14, 3), (30, 7), (60, 14)] {
        for seed in 0..DRAWS {
            let mut points = hourly(seed, days, 0.5, |t, _| 70.0 + 0.8 * t);
            let whole = look_back(days as u32, &points);
            assert!(whole.confidence > 0.9, "{days} days: {}", whole.confidence);
            points.retain(|p| p.time < NOW - without * DAY);
            let old = look_back(days as u32, &points);
            assert!(old.confidence <= 0.5, "{days} less {without} days: {}", old.confidence);
        }
    }
}

#[test]
fn a_job_of_a_minute_an_hour_is_no_level_shift_where_single_samples_begin() {
    // Rates: 100 kB/s, for a minute an hour 30 MB/s; hourly means, and single samples of the last two days.
    let local = LocalTime::utc();
    let (quiet, job) = (1e5, 3e7);
    for days in [30, 60] {
        let mut points: Vec<Point> = (48..90 * 24)
            .map(|h| Point {
                time: NOW - h * HOUR - HOUR / 2,
                value: (59.0 * quiet + job) / 60.0,
                seconds: 3_600,
                count: 60,
                p95: None,
            })
            .rev()
            .collect();
        points.extend((0..48 * 60).map(|minute| {
            let time = NOW - 48 * HOUR + minute * 60 + 5;
            Point::sample(time, if minute % 60 == 20 { job } else { quiet })
        }));
        let scale = Scale::Relative { floor: 10_000.0 };
        let share = Params::share(NOW, 1.0, &local);
        let params = Params { lookback_hours: 24 * days, scale, ..share };
        let trend = analyze(&points, &params);
        assert_eq!(trend.changes, [], "{days} days");
        assert!(!trend.direction.is_trend(), "{days} days");
    }
}

#[test]
fn a_job_whose_hour_varies_hides_nothing_at_other_hours() {
    // Three hours a night, a little later each day or at any hour from 0 to 3; now is 14:00.
    let begins: [fn(i64) -> f64; 2] =
        [|day| 1.0 + (day % 18) as f64 / 6.0, |day| (day * 7_919 % 37) as f64 / 12.0];
    for begin in begins {
        for days in [7, 14, 30] {
            let now = |value: Option<f64>| {
                let all = all_of(days, 1.5, |t, time| {
                    let clock = time.rem_euclid(DAY) as f64 / HOUR as f64 - begin(time / DAY);
                    let job = if (0.0..3.0).contains(&clock) { 45.0 } else { 0.0 };
                    if t > -1.0 / 24.0 { value.unwrap_or(15.0) } else { 15.0 + job }
                });
                flagged(&all)
            };
            assert_eq!(now(None), 0, "{days} days");
            assert_eq!(now(Some(45.0)), DRAWS as usize, "{days} days, far above");
            assert_eq!(now(Some(0.0)), DRAWS as usize, "{days} days, nothing");
        }
    }
}

#[test]
fn what_is_emptied_again_and_again_may_be_emptied_now() {
    for days in [7, 14] {
        let every = 0.22 * f64::from(days);
        // The last time four hours ago, to a quarter of what it had come to, or to next to nothing.
        let since = |t: f64| (t + 4.0 / 24.0).rem_euclid(every) / every;
        let emptied = all_of(days, 0.5, |t, _| 30.0 + 24.0 * since(t));
        assert!(flagged(&emptied) <= 1, "{days} days: {}", flagged(&emptied));
        let deeper =
            all_of(days, 0.5, |t, _| if t > -4.0 / 24.0 { 2.0 } else { 30.0 + 24.0 * since(t) });
        assert_eq!(flagged(&deeper), DRAWS as usize, "{days} days");
    }
}

#[test]
fn what_was_before_the_window_does_not_excuse_the_last_hour() {
    // Fourteen days are known, of which a day is asked for; and growth that began with a window of a week.
    let (local, last) = (LocalTime::utc(), -1.0 / 24.0);
    let look = |days: u32, points: &[Point]| {
        let share = Params::share(NOW, 100.0, &local);
        analyze(points, &Params { lookback_hours: 24 * days, ..share })
    };
    let rises = |days: u32, t: f64| if days == 1 { 0.0 } else { 18.0 * (1.0 + t / 7.0).max(0.0) };
    let told = |days: u32, of_last: f64| -> Vec<Trend> {
        let value = |t: f64, _| 32.0 + rises(days, t) + if t > last { of_last } else { 0.0 };
        (0..DRAWS).map(|seed| look(days, &hourly(seed, 14, 1.5, value))).collect()
    };
    for days in [1, 7] {
        assert!(flagged(&told(days, 0.0)) <= 1, "{days} days");
        assert!(flagged(&told(days, 25.0)) + 1 >= DRAWS as usize, "{days} days");
    }
}

#[test]
fn a_lost_sample_is_no_anomaly_once_the_next_has_come() {
    let at_end = |lost: usize| -> Vec<Trend> {
        let points = |seed| {
            let mut points = hourly(seed, 7, 1.0, |_, _| 40.0);
            let hours = points.split_off(points.len() - 48);
            // The last two days have a sample every ten minutes.
            let tens =
                |p: &Point| [-3, -2, -1, 0, 1, 2].map(|i| Point::sample(p.time + i * 600, p.value));
            points.extend(hours.iter().flat_map(tens).collect::<Vec<Point>>());
            let n = points.len();
            points[n - lost].value = 0.0;
            points
        };
        (0..DRAWS).map(|seed| look(&points(seed))).collect()
    };
    for lost in [2, 3, 4] {
        assert_eq!(flagged(&at_end(lost)), 0, "{lost} samples before now");
    }
}
