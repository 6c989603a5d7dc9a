//! Kinds of series that admins meet and benchmarks of trend engines leave out: curves, restarts, odd clocks and gaps.

use super::support::*;
use pve_foresight::model::{DAY, HOUR, Worse};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Crossing, Direction, Params, Trend, analyze};

#[test]
fn growth_that_has_ended_is_no_trend() {
    let stopped = all(7, 0.7, |t, _| 30.0 + 7.0 * (t + 7.0).min(4.0));
    assert_eq!(count(&stopped, Direction::Stable), stopped.len());
    let cache = all(7, 0.4, |t, _| 90.0 - 60.0 * (-1.2 * (t + 7.0)).exp());
    assert_eq!(count(&cache, Direction::SustainedIncrease), 0, "a page cache that has filled");
    for (days, behind) in [(14, 2.1), (30, 4.5)] {
        let whole = f64::from(days);
        let lately =
            all_of(days, 0.5, |t, _| 30.0 + 40.0 * ((t + whole) / (whole - behind)).min(1.0));
        assert_eq!(count(&lately, Direction::Stable), lately.len(), "ended {behind} days ago");
        let crossing = |trend: &&Trend| {
            trend.projection.is_some_and(|p| matches!(p.level, Crossing::In { .. }))
        };
        assert_eq!(lately.iter().filter(crossing).count(), 0, "nothing comes nearer");
    }
}

#[test]
fn growth_that_has_begun_lately_has_its_own_slope() {
    for days in [10, 14] {
        for since in [2.2, 3.0] {
            let begun = all_of(days, 0.5, |t, _| 30.0 + 3.0 * (t + since).max(0.0));
            let near = |t: &&Trend| {
                let slope = t.slope_per_day.unwrap();
                t.direction == Direction::SustainedIncrease && (2.4..3.75).contains(&slope)
            };
            let told = begun.iter().filter(near).count();
            assert!(told >= 11, "{days} days, since {since}: {told}");
        }
    }
}

#[test]
fn growth_that_was_cut_back_today_goes_on() {
    let restarted =
        all_of(14, 0.5, |t, _| 30.0 + 2.0 * (t + 14.0) - if t > -0.1 { 20.0 } else { 0.0 });
    assert_eq!(count(&restarted, Direction::SustainedIncrease), restarted.len());
}

#[test]
fn a_rhythm_that_changes_its_size_is_no_trend() {
    let job = |time: i64| f64::from(u8::from((1..5).contains(&hour(time))));
    let office = |time: i64| f64::from(u8::from((8..18).contains(&hour(time))));
    for days in [14, 30] {
        let since = -(f64::from(days) * 0.4).floor() - 14.0 / 24.0;
        let size = |t: f64, before: f64, now: f64| if t < since { before } else { now };
        let kinds: [(&str, Vec<Trend>); 6] = [
            ("begins", all_of(days, 1.0, |t, u| 12.0 + size(t, 0.0, 25.0) * office(u))),
            ("ends", all_of(days, 1.0, |t, u| 12.0 + size(t, 25.0, 0.0) * office(u))),
            ("doubles", all_of(days, 1.0, |t, u| 12.0 + size(t, 14.0, 30.0) * office(u))),
            ("halves", all_of(days, 1.0, |t, u| 12.0 + size(t, 30.0, 14.0) * office(u))),
            ("a new nightly job", all_of(days, 1.0, |t, u| 12.0 + size(t, 0.0, 40.0) * job(u))),
            (
                "a holiday at the start",
                all_of(days, 1.5, |t, u| 10.0 + size(t, 0.0, 30.0) * at_work(u)),
            ),
        ];
        for (kind, trends) in kinds {
            let claims = trends.iter().filter(|t| t.direction.is_trend()).count();
            assert_eq!(claims, 0, "{kind}, {days} days");
        }
    }
}

/// The days whose sizes are compared are those of the wall clock: where that is half a day off, a day of UTC holds half
/// of one size and half of another.
#[test]
fn a_job_that_begins_at_local_midnight_is_no_trend() {
    let east = 12 * HOUR;
    let night = |time: i64| !(3..21).contains(&hour(time + east));
    // Midnight by that clock, four tenths of the window ago.
    for (days, since) in [(14, -6), (30, -12)] {
        let from = (NOW + east).div_euclid(DAY) * DAY - east + since * DAY;
        let job = |time: i64| f64::from(u8::from(night(time) && time >= from));
        let claims = (0..DRAWS).filter(|seed| {
            let points = hourly(*seed, i64::from(days), 1.0, |_, u| 12.0 + 40.0 * job(u));
            let local = LocalTime::fixed(east as i32);
            let share = Params::share(NOW, 100.0, &local);
            let params = Params { lookback_hours: 24 * days, ..share };
            analyze(&points, &params).direction.is_trend()
        });
        assert_eq!(claims.count(), 0, "{days} days");
    }
}

#[test]
fn growth_beside_a_rhythm_is_growth_also_where_the_rhythm_grows_with_it() {
    for days in WINDOWS {
        let whole = f64::from(days);
        let grown = |t: f64| 20.0 + 15.0 * (t + whole) / whole;
        let alike = all_of(days, 0.5, |t, u| grown(t) * (1.0 + 0.5 * at_work(u)));
        assert_eq!(count(&alike, Direction::SustainedIncrease), alike.len(), "{days} days");
    }
}

#[test]
fn a_curve_is_not_taken_for_a_line() {
    let saturated = all(7, 0.4, |t, _| 30.0 + 65.0 / (1.0 + (-1.6 * (t + 4.0)).exp()));
    assert_eq!(count(&saturated, Direction::SustainedIncrease), 0);
    let above = |t: &&Trend| t.projection.unwrap().level == Crossing::Already;
    assert!(saturated.iter().filter(above).count() <= 1, "it stands at 95 of 98");
    let rising = all(7, 0.4, |t, _| 30.0 + 65.0 / (1.0 + (-0.8 * (t + 1.0)).exp()));
    assert_eq!(count(&rising, Direction::SustainedIncrease), rising.len());
    let exponential = all(7, 1.0, |t, _| 10.0 * (0.25 * (t + 7.0)).exp());
    assert_eq!(count(&exponential, Direction::SustainedIncrease), exponential.len());
}

#[test]
fn growth_that_feeds_on_itself_is_foretold_as_such() {
    let rate = 2.0f64.ln() / 3.0;
    let due = 24.0 * (90.0f64 / 50.0).ln() / rate;
    for days in WINDOWS {
        let doubles = all_of(days, 0.7, |t, _| 50.0 * (rate * t).exp());
        assert_eq!(count(&doubles, Direction::SustainedIncrease), doubles.len(), "{days} days");
        let mut told = 0;
        for trend in &doubles {
            let Crossing::In { hours, earliest, latest } =
                trend.projection(90.0, Worse::High).unwrap().level
            else {
                panic!("{days} days: it rises");
            };
            assert!(earliest <= hours && latest.unwrap() >= hours);
            told += usize::from((0.8..1.25).contains(&(hours / due)));
        }
        assert!(told >= 10, "{days} days: {told}");
    }
    // Bent once, it is no curve: the line since then goes on.
    let bent = all_of(14, 0.7, |t, _| 30.0 + 3.0 * (t + 7.0).max(0.0));
    let due = 24.0 * 15.0 / 3.0;
    for trend in &bent {
        let hours = trend.projection(66.0, Worse::High).unwrap().level.hours().unwrap();
        assert!((0.85..1.15).contains(&(hours / due)), "{hours} of {due}");
    }
}

#[test]
fn leaks_are_told_from_their_restarts() {
    let often = all(7, 0.7, |t, _| 30.0 + 12.0 * (t + 7.7).rem_euclid(2.3));
    assert_eq!(count(&often, Direction::Cyclical), often.len());
    let once = all(7, 0.7, |t, _| 30.0 + 4.0 * if t < -3.4 { t + 7.0 } else { t + 3.4 });
    assert_eq!(count(&once, Direction::SustainedIncrease), once.len());
}

#[test]
fn storage_that_fills_in_steps_fills() {
    let backups = all(7, 0.05, |t, _| 40.0 + 1.5 * (t + 7.5).floor());
    assert_eq!(count(&backups, Direction::SustainedIncrease), backups.len());
    assert!(backups.iter().all(|t| (t.slope_per_day.unwrap() - 1.5).abs() < 0.15));
    let pruned = all(14, 0.05, |t, _| 50.0 + 4.0 * (t + 14.5).rem_euclid(3.5).floor());
    assert_eq!(count(&pruned, Direction::SustainedIncrease), 0);
}

#[test]
fn one_week_of_office_hours_is_regular() {
    let office = all(7, 1.5, |_, time| 10.0 + 40.0 * at_work(time));
    assert_eq!(count(&office, Direction::Cyclical), office.len());
    assert!(office.iter().all(|t| t.stability.unwrap() >= 85.0));
    assert!(office.iter().all(|t| t.peak_hours == (8..18).collect::<Vec<u8>>()));
    let campaign = all(7, 1.5, |t, _| 30.0 + if (-2.3..-0.9).contains(&t) { 20.0 } else { 0.0 });
    assert_eq!(count(&campaign, Direction::SustainedIncrease), 0);
    assert!(campaign.iter().all(|t| t.changes.iter().any(|c| c.size > 10.0)), "up and down again");
}

#[test]
fn a_holiday_is_no_decrease() {
    let week = all(14, 1.5, |t, time| 30.0 + if t < -5.0 { 25.0 * at_work(time) } else { 0.0 });
    assert_eq!(week.iter().filter(|t| t.direction.is_trend()).count(), 0);
}

#[test]
fn nights_without_data_hide_neither_rhythm_nor_growth() {
    let daylight = |slope: f64, seed: u64| {
        let shape = |time: i64| (std::f64::consts::PI * (hour(time) - 7) as f64 / 13.0).sin();
        let mut points =
            hourly(seed, 14, 1.0, |t, time| 20.0 + slope * (t + 14.0) + 15.0 * shape(time));
        points.retain(|p| (7..20).contains(&hour(p.time)));
        look(&points)
    };
    for seed in 0..DRAWS {
        assert_eq!(daylight(0.0, seed).direction, Direction::Cyclical);
        assert_eq!(daylight(2.0, seed).direction, Direction::SustainedIncrease, "{seed}");
    }
}

#[test]
fn a_change_of_the_sampling_rate_is_no_change() {
    let level = |time: i64| 30.0 + 12.0 * (hour(time) as f64 / 24.0 * std::f64::consts::TAU).sin();
    let times = (0..64)
        .map(|i| NOW - 30 * DAY + i * 6 * HOUR + 3 * HOUR)
        .chain((0..288).map(|i| NOW - 14 * DAY + i * HOUR + HOUR / 2))
        .chain((0..2_880).map(|i| NOW - 2 * DAY + i * 60));
    let points: Vec<Point> = times.map(|time| Point::sample(time, level(time))).collect();
    let trend = look(&points);
    assert_eq!(trend.direction, Direction::Cyclical);
    assert!(trend.changes.is_empty());
}

#[test]
fn too_little_for_a_trend_says_what_would_be_enough() {
    let young = look(&hourly(1, 7, 0.5, |_, _| 40.0)[168 - 14..]);
    let why = young.not_enough.clone().unwrap();
    assert!(why.reason.contains("14 values over 13 hours") && why.needed.contains("46 hours"));
    assert_eq!(young.projection, None, "never is more than half a day can tell");
    assert_eq!(young.projection(30.0, Worse::High).unwrap().level, Crossing::Already);
    let local = LocalTime::utc();
    let params = Params { lookback_hours: 24, ..Params::share(NOW, 100.0, &local) };
    let short = analyze(&hourly(1, 7, 0.5, |_, _| 40.0), &params);
    assert!(short.not_enough.unwrap().needed.contains("lookback of 2 days"));
    let mut holed = hourly(1, 3, 0.5, |_, _| 40.0);
    holed.drain(8..64);
    let why = look(&holed).not_enough.unwrap();
    assert_eq!(why.needed, "24 hourly values for a trend", "{why:?}");
}

#[test]
fn nothing_is_expected_above_the_whole() {
    let full = look(&hourly(1, 7, 0.3, |t, _| (60.0 + 8.0 * (t + 7.0)).min(100.0)));
    assert!(full.saturated);
    assert!(full.baseline.unwrap().expected <= 100.0);
    assert!(!full.anomaly.unwrap().flag, "{:?}", full.anomaly);
}

#[test]
fn a_backup_is_a_rhythm_with_its_hours_in_every_window() {
    for days in WINDOWS {
        let backup = |_, time| 20.0 + if (2..4).contains(&hour(time)) { 35.0 } else { 0.0 };
        let nightly = all_of(days, 1.0, backup);
        assert_eq!(count(&nightly, Direction::Cyclical), nightly.len(), "{days} days");
        assert!(nightly.iter().all(|t| t.peak_hours == [2, 3]), "{days} days");
        assert!(nightly.iter().all(|t| t.changes.is_empty() && t.stability.unwrap() >= 90.0));
        let sunday = |time: i64| (time - 3 * DAY).rem_euclid(7 * DAY) < DAY;
        let big = |time| sunday(time) && (1..7).contains(&hour(time));
        let weekly = all_of(days, 1.0, |_, time| 20.0 + if big(time) { 45.0 } else { 0.0 });
        assert_eq!(weekly.iter().filter(|t| t.direction.is_trend()).count(), 0, "{days} days");
    }
}

#[test]
fn what_repeats_within_hours_is_no_anomaly_of_a_long_window() {
    let cron = |_, time| 15.0 + if hour(time) % 6 == 0 { 25.0 } else { 0.0 };
    for days in WINDOWS {
        let bursts = all_of(days, 1.0, cron);
        assert_eq!(count(&bursts, Direction::Cyclical), bursts.len(), "{days} days");
        assert!(bursts.iter().all(|t| t.peak_hours == [0, 6, 12, 18]), "{days} days");
        let flags = bursts.iter().filter(|t| t.anomaly.unwrap().flag).count();
        assert!(flags <= 1, "{days} days: {flags}");
    }
}

#[test]
fn what_has_been_before_is_no_anomaly_and_what_has_not_is_one() {
    let turn = |u: i64| f64::from(u8::from(u.div_euclid(DAY) % 2 == 0));
    let now = if turn(NOW) > 0.5 { 1.0 } else { -1.0 };
    let flagged = |trends: Vec<Trend>| {
        trends.iter().filter(|t| t.anomaly.as_ref().is_some_and(|a| a.flag)).count()
    };
    let in_turn = all_of(14, 0.7, |_, u| 40.0 + 12.0 * turn(u));
    assert_eq!(flagged(in_turn), 0, "busy every other day");
    let outside = all_of(14, 0.7, |t, u| {
        40.0 + 12.0 * turn(u) + if t > -1.0 / 24.0 { 25.0 * now } else { 0.0 }
    });
    assert_eq!(flagged(outside), DRAWS as usize, "beyond both");
}

#[test]
fn a_job_of_once_a_week_is_no_anomaly_and_another_load_at_its_hour_is_one() {
    let flagged = |trends: Vec<Trend>| trends.iter().filter(|t| t.anomaly.unwrap().flag).count();
    // It began two hours ago, and ran a week ago; the window may begin after that.
    let runs = |time: i64| {
        (-2 * HOUR..2 * HOUR).contains(&((time - NOW + 3 * DAY).rem_euclid(7 * DAY) - 3 * DAY))
    };
    let load = |more: f64| {
        move |t: f64, u: i64| {
            20.0 + if runs(u) { 40.0 } else { 0.0 } + if t > -1.0 / 24.0 { more } else { 0.0 }
        }
    };
    for lookback in WINDOWS {
        let look = |f: &dyn Fn(f64, i64) -> f64| -> Vec<Trend> {
            let points = |seed| hourly(seed, i64::from(lookback.max(14)), 1.0, f);
            (0..DRAWS).map(|seed| look_back(lookback, &points(seed))).collect()
        };
        assert_eq!(flagged(look(&load(0.0))), 0, "{lookback} days");
        assert_eq!(flagged(look(&load(30.0))), DRAWS as usize, "{lookback} days");
        let once = |t: f64, _| 20.0 + if t > -2.0 / 24.0 { 40.0 } else { 0.0 };
        assert_eq!(flagged(look(&once)), DRAWS as usize, "{lookback} days");
    }
}

#[test]
fn the_first_minutes_of_a_daily_job_are_normal() {
    let local = LocalTime::utc();
    let job = |time| 10.0 + if (14..16).contains(&hour(time)) { 30.0 } else { 0.0 };
    for minutes in [5, 20, 40, 55] {
        let now = NOW + minutes * 60;
        let flags = |more: f64| {
            let one = |seed: u64| {
                let mut points = hourly(seed, 7, 0.7, |_, time| job(time));
                points.retain(|p| p.time < NOW - HOUR);
                let late = |time| job(time) + if time > now - HOUR { more } else { 0.0 };
                let samples = (NOW - HOUR..=now).step_by(300);
                points.extend(samples.map(|time| Point::sample(time, late(time))));
                analyze(&points, &Params::share(now, 100.0, &local)).anomaly.unwrap().flag
            };
            (0..DRAWS).filter(|seed| one(*seed)).count()
        };
        assert_eq!(flags(0.0), 0, "{minutes} minutes after it began");
        assert_eq!(flags(50.0), DRAWS as usize, "{minutes} minutes after it began");
    }
}

/// Every two hours from a quarter to: by the clock each hour has a quarter of it, or a half of that.
#[test]
fn a_job_that_crosses_the_full_hour_is_regular_and_no_anomaly() {
    let local = LocalTime::utc();
    let job = |time: i64| {
        15.0 + if (time - 45 * 60).rem_euclid(2 * HOUR) < HOUR / 2 { 40.0 } else { 0.0 }
    };
    for every in [1, 5] {
        let look = |seed: u64, more: f64| {
            let now = NOW + seed as i64 * 11 * 60;
            let mut points = hourly(seed, 7, 1.0, |_, _| 25.0);
            points.retain(|p| p.time < now - 2 * DAY);
            let late = |time| if time > now - HOUR { more } else { 0.0 };
            let samples = (now - 2 * DAY..=now).step_by(60 * every);
            points.extend(samples.map(|time| Point::sample(time, job(time) + late(time))));
            analyze(&points, &Params::share(now, 100.0, &local))
        };
        let flag = |trend: Trend| trend.anomaly.unwrap().flag;
        let flags = (0..DRAWS).filter(|seed| flag(look(*seed, 0.0))).count();
        assert!(flags <= 1, "samples of {every} minutes: {flags}");
        assert_eq!((0..DRAWS).filter(|seed| flag(look(*seed, 40.0))).count(), DRAWS as usize);
        let regular = |seed: &u64| look(*seed, 0.0).direction == Direction::Cyclical;
        assert_eq!((0..DRAWS).filter(regular).count(), DRAWS as usize, "{every} minutes");
    }
}

#[test]
fn a_deployment_is_a_level_shift_and_its_end_another() {
    for days in WINDOWS {
        let new = all_of(days, 1.0, |t, _| 30.0 + if t > -3.0 { 6.0 } else { 0.0 });
        assert_eq!(count(&new, Direction::Stable), new.len(), "{days} days");
        assert!(new.iter().all(|t| t.changes.len() == 1), "{days} days");
        let back =
            all_of(days, 1.0, |t, _| 30.0 + if (-4.0..-2.0).contains(&t) { 8.0 } else { 0.0 });
        assert_eq!(count(&back, Direction::Stable), back.len(), "{days} days");
        assert!(back.iter().all(|t| t.changes.len() == 2), "{days} days");
    }
}

#[test]
fn logs_that_rotate_are_a_rhythm_and_growth_under_a_daily_prune_is_growth() {
    for days in WINDOWS {
        let rotated = all_of(days, 0.3, |_, time| 30.0 + hour(time) as f64 / 3.0);
        assert_eq!(count(&rotated, Direction::Cyclical), rotated.len(), "{days} days");
        let pruned = all_of(days, 0.2, |t, time| 50.0 + 0.6 * t + hour(time) as f64 / 6.0);
        assert_eq!(count(&pruned, Direction::SustainedIncrease), pruned.len(), "{days} days");
        assert!(pruned.iter().all(|t| (t.slope_per_day.unwrap() - 0.6).abs() < 0.1));
    }
    let restarts = all_of(14, 0.7, |t, _| 40.0 + 10.0 * (t + 15.3).rem_euclid(3.0));
    assert_eq!(count(&restarts, Direction::Cyclical), restarts.len(), "more than can be steps");
}

#[test]
fn a_guest_younger_than_the_window_may_grow() {
    for days in WINDOWS {
        for seed in 0..DRAWS {
            let young = look_back(days, &hourly(seed, 3, 0.5, |t, _| 20.0 + 8.0 * (t + 3.0)));
            assert_eq!(young.direction, Direction::SustainedIncrease, "{days} days, {seed}");
            let calm = look_back(days, &hourly(seed, 3, 1.0, |_, _| 40.0));
            assert_eq!(calm.direction, Direction::Stable, "{days} days, {seed}");
            let step = |t| if t > -0.8 { 50.0 } else { 40.0 };
            let moved = look_back(days, &hourly(seed, 2, 2.0, |t, _| step(t)));
            assert!(!moved.direction.is_trend(), "{days} days, {seed}: two days and a step");
        }
    }
}

#[test]
fn a_window_of_a_day_is_sure_where_the_days_before_it_are_known() {
    let (local, daily) = (LocalTime::utc(), |_, time| 20.0 + 30.0 * at_work(time));
    let day = |points: &[Point]| {
        let share = Params::share(NOW, 100.0, &local);
        analyze(points, &Params { lookback_hours: 24, ..share })
    };
    for seed in 0..DRAWS {
        let points = hourly(seed, 12, 1.0, daily);
        let known = day(&points);
        assert_eq!(known.direction, Direction::Cyclical, "{seed}");
        assert!(known.confidence > 0.85, "{seed}: {}", known.confidence);
        let alone = day(&points[points.len() - 24..]);
        assert!(alone.confidence <= 0.5, "{seed}: {}", alone.confidence);
    }
}

#[test]
fn a_young_guest_in_a_long_window_is_judged_by_its_hours() {
    for seed in 0..DRAWS {
        let points = hourly(seed, 3, 0.5, |t, _| 20.0 + 8.0 * (t + 3.0));
        let young = look_back(30, &points[14..]);
        assert_eq!(young.direction, Direction::SustainedIncrease, "58 hours, {seed}");
        assert_eq!(young.not_enough, None);
    }
}

#[test]
fn a_long_window_foretells_the_peak_of_its_hours() {
    // Two busy hours a day 30 points above the rest: in slots of six hours they are a swing of 10.
    let backup = |t: f64, time| 30.0 + t + if (2..4).contains(&hour(time)) { 30.0 } else { 0.0 };
    for trend in all_of(30, 1.0, backup) {
        // The level, 32.5 now, and 27.5 more in the busy hours reach 70 after 10 days.
        let hours = trend.projection(70.0, Worse::High).unwrap().peak.hours().unwrap();
        assert!((192.0..288.0).contains(&hours), "{hours}");
    }
}

#[test]
fn bursts_are_no_level_shifts() {
    for hours in [3.0, 6.0, 9.0] {
        for ended in [0.0, 2.0, 6.5] {
            let long = hours / 24.0;
            let burst = move |t: f64, _| {
                20.0 + 35.0 * f64::from(u8::from((-ended - long..-ended).contains(&t)))
            };
            let told: usize = all(7, 1.0, burst).iter().map(|t| t.changes.len()).sum();
            assert!(told <= 1, "{hours} hours until {ended} days ago: {told}");
        }
    }
    let stays = all(7, 1.0, |t, _| 20.0 + 35.0 * f64::from(u8::from(t > -0.6)));
    assert!(stays.iter().all(|t| t.changes.len() == 1), "half a day, and it lasts");
}

#[test]
fn data_that_lacks_for_days_or_hours_changes_no_answer() {
    let work = |_, time| 30.0 + 15.0 * f64::from(u8::from((9..17).contains(&hour(time))));
    let gaps = [(-4 * DAY, -2 * DAY), (-10 * HOUR, 0), (-53 * HOUR, -48 * HOUR)];
    for (from, until) in gaps {
        for days in WINDOWS {
            let mut points = hourly(3, i64::from(days), 1.0, work);
            points.retain(|p| !(NOW + from..NOW + until).contains(&p.time));
            let trend = look_back(days, &points);
            assert_eq!(trend.direction, Direction::Cyclical, "{from} {days}");
            assert_eq!(trend.peak_hours, (9..17).collect::<Vec<u8>>(), "{from} {days}");
            assert!(trend.changes.is_empty(), "{from} {days}");
        }
    }
}

#[test]
fn what_is_full_is_stable_and_full() {
    for days in WINDOWS {
        let full = look_back(days, &hourly(1, i64::from(days), 0.0, |_, _| 100.0));
        assert_eq!(full.direction, Direction::Stable);
        assert_eq!(full.projection.unwrap().level, Crossing::Already);
        assert!(!full.anomaly.unwrap().flag);
        let clipped = all_of(days, 2.0, |_, time| {
            70.0 + if (9..17).contains(&hour(time)) { 60.0 } else { 0.0 }
        });
        assert_eq!(count(&clipped, Direction::Cyclical), clipped.len(), "{days} days");
        assert_eq!(clipped.iter().filter(|t| t.anomaly.unwrap().flag).count(), 0, "{days} days");
    }
}

/// Old RRD files keep a value for two hours or for twelve; between such values are slots that are never filled.
#[test]
fn noise_that_is_recorded_seldom_is_noise() {
    for (every, windows) in [(2, [7, 14]), (12, [30, 90])] {
        for days in windows {
            let noise = |seed| {
                let mut points = hourly(seed, i64::from(days) / every + 1, 4.0, |_, _| 40.0);
                let last = points.len() as i64 - 1;
                for (i, point) in (0..).zip(&mut points) {
                    point.time = NOW - (last - i) * every * HOUR;
                }
                look_back(days, &points)
            };
            let trends: Vec<Trend> = (0..2 * DRAWS).map(noise).collect();
            let stable = count(&trends, Direction::Stable);
            assert!(stable + 2 >= trends.len(), "every {every} hours, {days} days: {stable}");
        }
    }
}

#[test]
fn a_guest_that_was_moved_to_and_fro_makes_two_levels_and_no_noise() {
    for days in WINDOWS {
        let at = [0.15, 0.33, 0.55, 0.8].map(|share| -(1.0 - share) * f64::from(days));
        let moved = all_of(days, 1.5, |t, _| {
            if at.iter().filter(|at| t > **at).count() % 2 == 1 { 45.0 } else { 30.0 }
        });
        assert!(count(&moved, Direction::Stable) + 1 >= moved.len(), "{days} days");
        let steady = moved.iter().filter(|t| t.stability.unwrap() > 80.0).count();
        assert!(steady + 1 >= moved.len(), "{days} days: {steady}");
    }
}

#[test]
fn a_guest_that_was_put_to_work_varies_more_and_has_stepped_once() {
    for days in WINDOWS {
        for busy_first in [false, true] {
            let looks = (0..4 * DRAWS).map(|seed| {
                let since = -0.5 * f64::from(days);
                let busy = hourly(seed, i64::from(days), 4.0, |_, _| 40.0);
                let idle = hourly(seed + 1_000, i64::from(days), 0.5, |_, _| 10.0);
                let of = |(busy, idle): (Point, Point)| {
                    let late = (busy.time - NOW) as f64 / DAY as f64 > since;
                    if late == busy_first { idle } else { busy }
                };
                look_back(days, &busy.into_iter().zip(idle).map(of).collect::<Vec<Point>>())
            });
            let once = looks.filter(|t| t.changes.len() == 1).count();
            let what = format!("{days} days, busy first {busy_first}: {once}");
            assert!(once + 6 >= 4 * DRAWS as usize, "{what}");
        }
    }
}

#[test]
fn memory_that_balloons_for_hours_has_no_level_shift() {
    for days in [7, 14] {
        let looks = (0..4 * DRAWS).map(|seed| {
            // Three times in the window, for three to six hours.
            let at = |k: u64| (0.15 + 0.3 * k as f64 + 0.01 * (seed % 13) as f64) * f64::from(days);
            let lasts = |k: u64| (3 + (seed + k) % 4) as f64 / 24.0;
            let up =
                |t: f64| (0..3).any(|k| (0.0..lasts(k)).contains(&(t + f64::from(days) - at(k))));
            let points =
                hourly(seed, i64::from(days), 0.4, |t, _| 40.0 + if up(t) { 20.0 } else { 0.0 });
            look_back(days, &points)
        });
        let none = looks.filter(|t| t.changes.is_empty()).count();
        assert!(none + 3 >= 4 * DRAWS as usize, "{days} days: {none}");
    }
}
