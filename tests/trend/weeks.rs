//! What the days of the week do to a series.

use super::support::*;
use pve_foresight::model::{DAY, HOUR};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Direction, Nature, Params, Scale, Trend, analyze};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Pareto, StandardNormal};

/// What fills, seen on another day of the week.
fn filled(days: u32, later: i64, seed: u64, sd: f64, f: impl Fn(f64, i64) -> f64) -> Trend {
    let local = LocalTime::utc();
    let mut points = hourly(seed, i64::from(days), sd, |t, time| f(t, time + later));
    points.iter_mut().for_each(|p| p.time += later);
    let share = Params::share(NOW + later, 100.0, &local);
    analyze(&points, &Params { lookback_hours: 24 * days, nature: Nature::Fill, ..share })
}

#[test]
fn office_hours_that_grew_by_a_third_are_no_trend() {
    for days in [14, 30, 60] {
        for more in [0.7, 0.8, 1.3, 1.4] {
            let size = |t: f64| if t < -0.5 * f64::from(days) { 30.0 } else { 30.0 * more };
            let office = all_of(days, 1.5, |t, u| 10.0 + size(t) * at_work(u));
            let regular = count(&office, Direction::Cyclical);
            assert!(regular >= 11, "{more}, {days} days: {regular}");
        }
    }
}

#[test]
fn a_job_of_weekends_stands_out_by_what_it_does_there() {
    let local = LocalTime::utc();
    let job = |u: i64| local.weekend(u) && (2..20).contains(&hour(u));
    let trends = all_of(14, 0.5, |_, u| if job(u) { 70.0 } else { 20.0 });
    for trend in &trends {
        let times = trend.peak_multiplier.unwrap();
        assert!(times > 1.5, "{times}");
        assert!(!trend.is_busy(NOW, &local), "a Wednesday");
        assert!(trend.is_busy(NOW - 4 * DAY, &local), "the Saturday before");
    }
}

/// Days of work since some Monday.
fn worked(time: i64) -> f64 {
    let since_monday = time - 4 * DAY;
    let (weeks, rest) = (since_monday.div_euclid(7 * DAY), since_monday.rem_euclid(7 * DAY));
    5.0 * weeks as f64 + (rest as f64 / DAY as f64).min(5.0)
}

#[test]
fn what_fills_on_working_days_fills() {
    for days in [10, 14, 21] {
        for later in 0..7 {
            let now = worked(NOW + later * DAY);
            let slope = 1.4 * 14.0 / f64::from(days);
            let fills = |_, u| 70.0 + slope * (worked(u) - now);
            let rises = (0..DRAWS).filter(|seed| {
                let trend = filled(days, later * DAY, *seed, 0.3, fills);
                let near = (trend.slope_per_day.unwrap() / slope * 1.4 - 1.0).abs() < 0.35;
                trend.direction == Direction::SustainedIncrease && near
            });
            let rises = rises.count();
            assert!(rises >= 10, "{days} days, {later} days later: {rises}");
        }
    }
}

#[test]
fn growth_beside_a_weekly_rhythm_is_growth() {
    for (slope, swing) in [(0.2, 4.0), (0.2, 8.0), (0.4, 4.0)] {
        let half =
            |time: i64| f64::from(u8::from((time - 3 * DAY).rem_euclid(7 * DAY) < 84 * HOUR));
        let fills = |t: f64, u| 40.0 + slope * (t + 30.0) + swing * half(u);
        let rises =
            |seed: &u64| filled(30, 0, *seed, 0.1, fills).direction == Direction::SustainedIncrease;
        let rises = (0..DRAWS).filter(rises).count();
        assert!(rises >= 11, "{slope} a day beside {swing}: {rises}");
    }
}

#[test]
fn one_busy_day_a_week_is_regular() {
    for days in [30, 60] {
        for (weekday, hours) in [(0, 0..24), (2, 8..20), (4, 8..20)] {
            let busy = |time: i64| {
                (time - 4 * DAY).div_euclid(DAY).rem_euclid(7) == weekday
                    && hours.contains(&hour(time))
            };
            let weekly = all_of(days, 1.0, |_, u| 20.0 + if busy(u) { 25.0 } else { 0.0 });
            let regular = count(&weekly, Direction::Cyclical);
            assert!(regular >= 11, "day {weekday}, {days} days: {regular}");
            assert!(weekly.iter().all(|t| t.changes.is_empty()), "day {weekday}, {days} days");
        }
    }
}

#[test]
fn the_first_weekend_of_a_router_is_no_level_shift() {
    let local = LocalTime::utc();
    let told = |seed: u64, later: i64| {
        let open = |time: i64| {
            let weekend = (time - 2 * DAY).rem_euclid(7 * DAY) < 2 * DAY;
            !weekend && (7..19).contains(&hour(time))
        };
        let now = NOW + later * DAY;
        let mut points: Vec<Point> = hourly(seed, 8, 0.2, |_, _| 50.0);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let pareto = Pareto::new(1.0, 1.5).unwrap();
        for point in &mut points {
            point.time += later * DAY;
            let usual = if open(point.time) { 2.1e7 } else { 1e6 };
            // One of fifty samples of five minutes is a burst.
            let mut burst =
                || if rng.random_bool(0.02) { 5.0 * pareto.sample(&mut rng) } else { 0.0 };
            let bursts: f64 = (0..12).map(|_| burst()).sum();
            point.value = usual * (point.value - 50.0).exp() * (1.0 + bursts / 12.0);
        }
        let scale = Scale::Relative { floor: 1e5 };
        let trend = analyze(&points, &Params { scale, ..Params::share(now, 1.0, &local) });
        assert!(!trend.direction.is_trend(), "{seed}, {later} days later");
        // Noise that lasts for hours makes shifts of its own, on other days.
        let closed = |time: i64| (time - 2 * DAY).rem_euclid(7 * DAY) < 2 * DAY + 9 * HOUR;
        trend.changes.iter().filter(|c| closed(c.time)).count()
    };
    let told: usize = (0..DRAWS).map(|seed| told(seed, seed as i64 % 7)).sum();
    assert!(told <= 1, "{told}");
}

#[test]
fn busy_weekends_are_no_busy_hours() {
    for days in [14, 30] {
        let weekends =
            all_of(days, 3.0, |_, u| if LocalTime::utc().weekend(u) { 80.0 } else { 13.0 });
        let told = weekends.iter().filter(|trend| !trend.peak_hours.is_empty()).count();
        assert_eq!(told, 0, "{days} days");
    }
}

#[test]
fn weeks_that_differ_are_no_trend_and_a_month_that_rises_is_one() {
    let office = |u: i64| 25.0 * at_work(u);
    let week = |u: i64| (u - 4 * DAY).div_euclid(7 * DAY);
    for days in [30, 60] {
        let (mut levels, mut sizes, mut rising) = (0, 0, 0);
        for seed in 0..40u64 {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let (first, sd) = (week(NOW - days * DAY), rng.random_range(3.0..8.0));
            let of: Vec<f64> = (0..12).map(|_| StandardNormal.sample(rng)).collect();
            let of = |u: i64| of[(week(u) - first) as usize];
            let ask = |f: &dyn Fn(f64, i64) -> f64| {
                look_back(days as u32, &hourly(seed, days, 1.3, f)).direction
            };
            levels += usize::from(ask(&|_, u| 35.0 + sd * of(u) + office(u)).is_trend());
            let size = |u: i64| f64::max(1.0 + 0.3 * of(u), 0.2);
            sizes += usize::from(ask(&|_, u| 15.0 + size(u) * office(u)).is_trend());
            let slope = rng.random_range(8.0..30.0) / days as f64;
            let lately = |t: f64| f64::max(t + 14.0, 0.0);
            let grows = |t: f64| if seed % 2 == 0 { slope * (t + days as f64) } else { lately(t) };
            let grown = ask(&|t, u| 20.0 + grows(t) + office(u));
            rising += usize::from(grown == Direction::SustainedIncrease);
        }
        assert!(levels <= 2 && sizes <= 4, "{days} days: {levels}, {sizes} of 40");
        assert!(rising >= 39, "{days} days: {rising} of 40");
    }
}
