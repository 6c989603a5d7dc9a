//! What comes back after a break, creeps on, grows at its peaks alone, or fills and is emptied again.

use super::support::*;
use pve_foresight::series::LocalTime;
use pve_foresight::trend::{
    Behaviour, Crossing, Direction, Nature, Params, Projection, Trend, analyze,
};

/// Draws of a kind with another window, nature and threshold, with 30 days of history.
fn against(
    days: u32,
    nature: Nature,
    threshold: f64,
    sd: f64,
    f: impl Fn(f64, i64) -> f64,
) -> Vec<Trend> {
    let local = LocalTime::utc();
    let share = Params::share(NOW, 100.0, &local);
    let params = Params { lookback_hours: 24 * days, nature, threshold: Some(threshold), ..share };
    (0..DRAWS).map(|seed| analyze(&hourly(seed, 30, sd, &f), &params)).collect()
}

fn projections(trends: &[Trend]) -> impl Iterator<Item = Projection> + '_ {
    trends.iter().filter_map(|t| t.projection)
}

#[test]
fn work_that_is_taken_up_again_after_a_break_is_the_rhythm_that_it_was() {
    // Since Monday morning, or for a whole week, after two weeks without.
    for (since, least) in [(-2.5, 11), (-5.3, 11), (-7.6, 11), (-9.0, 9)] {
        for days in [7, 14] {
            let trends = against(days, Nature::Work, 85.0, 2.0, |t, u| {
                let off = (-16.0..since).contains(&t);
                10.0 + if off { 0.0 } else { 40.0 * at_work(u) }
            });
            let seen = |is: &dyn Fn(&Trend) -> bool| trends.iter().filter(|t| is(t)).count();
            assert!(count(&trends, Direction::Cyclical) >= least, "since {since}, {days} days");
            assert_eq!(seen(&|t| t.direction.is_trend()), 0, "since {since}, {days} days");
            assert!(seen(&|t| t.stability.unwrap() > 75.0) >= least, "since {since}, {days} days");
            assert!(seen(&|t| t.anomaly.as_ref().is_some_and(|a| a.flag)) <= 2);
        }
    }
}

#[test]
fn work_that_has_begun_again_yesterday_is_no_growth() {
    let trends = against(7, Nature::Work, 85.0, 2.0, |t, u| {
        10.0 + if (-16.0..-1.25).contains(&t) { 0.0 } else { 40.0 * at_work(u) }
    });
    assert_eq!(trends.iter().filter(|t| t.direction.is_trend()).count(), 0);
}

#[test]
fn what_comes_back_to_its_level_after_a_restart_is_no_trend_until_it_has_passed_that() {
    for (since, days) in [(-1.5, 1.5), (-2.5, 2.0), (-3.5, 2.5)] {
        let back = |size: f64| {
            against(7, Nature::Fill, 85.0, 1.5, move |t, _| {
                let left = if t < since { 0.0 } else { (-(t - since) / days).exp() };
                55.0 + size * left
            })
        };
        for size in [-18.0, 18.0] {
            let trends = back(size);
            let claims = trends.iter().filter(|t| t.direction.is_trend()).count();
            assert!(claims <= 2, "{claims}: {size} since {since}, {days} days");
        }
    }
    let leak = |since: f64| {
        against(7, Nature::Fill, 85.0, 1.5, move |t, _| {
            55.0 + if t < since { 0.0 } else { 5.0 * (t - since) - 15.0 }
        })
    };
    assert!(count(&leak(-5.0), Direction::SustainedIncrease) >= 11, "10 points above it");
    assert_eq!(count(&leak(-2.0), Direction::SustainedIncrease), 0, "5 points below it");
}

#[test]
fn what_creeps_up_to_its_threshold_says_when() {
    for per_day in [0.2, 0.3, 0.42] {
        let trends = against(7, Nature::Fill, 85.0, 0.02, |t, _| 84.5 + per_day * t);
        let truth = 0.5 / per_day * 24.0;
        for p in projections(&trends) {
            let Crossing::In { hours, .. } = p.level else { panic!("{per_day} a day: {p:?}") };
            assert!((0.9..1.1).contains(&(hours / truth)), "{per_day} a day: {hours} of {truth}");
        }
    }
    // What is further away than another window is not foretold, and noise creeps nowhere.
    let far = against(7, Nature::Fill, 85.0, 0.02, |t, _| 80.0 + 0.2 * t);
    let flat = against(7, Nature::Fill, 85.0, 0.3, |_, _| 84.0);
    let horizon = |p: Projection| match p.level {
        Crossing::Never { horizon } => horizon,
        _ => 0.0,
    };
    assert!(projections(&far).all(|p| horizon(p) == 168.0), "another window");
    assert!(projections(&flat).all(|p| horizon(p) > 1_000.0));
}

#[test]
fn peaks_that_grow_say_when_they_touch_the_threshold() {
    // Busy hours at 80 now and a point higher each day: 85 in five days. Half a point: from 65, 40 days.
    for (days, per_day, truth, least) in
        [(14, 1.0, 120.0, 7), (30, 1.0, 120.0, 12), (30, 0.5, 960.0, 12)]
    {
        let busy = |u: i64| f64::from(u8::from((9..17).contains(&hour(u))));
        let trends = against(days, Nature::Work, 85.0, 1.0, |t, u| {
            30.0 + (20.0 + per_day * (t + 30.0)) * busy(u)
        });
        let near = projections(&trends).filter(|p| match p.peak {
            Crossing::In { hours, .. } => (0.6..1.6).contains(&(hours / truth)),
            _ => false,
        });
        assert!(near.count() >= least, "{per_day} a day, {days} days");
    }
}

#[test]
fn what_fills_and_is_emptied_each_week_has_no_busy_hours() {
    let leak = |t: f64, _: i64| 30.0 + 6.0 * (t + 33.0).rem_euclid(7.0);
    for (days, direction) in [
        (7, Direction::SustainedIncrease), // Cut back once: it grows.
        (14, Direction::Cyclical),
        (30, Direction::Cyclical),
    ] {
        let trends = against(days, Nature::Fill, 98.0, 1.0, leak);
        assert!(count(&trends, direction) >= 11, "{days} days");
        let told = |t: &&Trend| t.peak_hours.is_empty() && t.behavior != Some(Behaviour::Bursty);
        let told = trends.iter().filter(told).count();
        assert!(told >= if days == 30 { 0 } else { 11 }, "{days} days: {told}");
        if days < 30 {
            assert!(trends.iter().filter(|t| t.stability.unwrap() > 85.0).count() >= 11);
            let shifts: Vec<usize> = trends.iter().map(|t| t.changes.len()).collect();
            assert!(shifts.iter().filter(|n| **n as u32 == days / 7).count() >= 11, "{shifts:?}");
        }
    }
}

#[test]
fn a_holiday_is_no_trend() {
    for days in [30, 60] {
        for seed in 0..24u32 {
            // A week or two of hardly any work that ended some days ago, among days of work of different size.
            let (length, ended) = (7.0 + f64::from(seed % 8), 2.0 + f64::from(seed * 5 % 11));
            let quiet = f64::from(seed % 3) * 0.15;
            let points = hourly(u64::from(seed), days, 1.2, |t, u| {
                let day = u.div_euclid(86_400) as f64;
                let size = 1.0 + 0.2 * (day * (2.0 + f64::from(seed))).sin();
                let off = (-ended - length..-ended).contains(&t);
                15.0 + 32.0 * size * at_work(u) * if off { quiet } else { 1.0 }
            });
            let trend = look_back(days as u32, &points);
            assert_eq!(trend.direction, Direction::Cyclical, "{days} days, {seed}");
        }
    }
}
