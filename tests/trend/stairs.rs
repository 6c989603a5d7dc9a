//! What fills by steps: backups that are kept, images, dumps; and what is emptied while it grows.

use super::support::*;
use pve_foresight::series::LocalTime;
use pve_foresight::trend::{Direction, Nature, Params, Trend, analyze};

/// Shares that fill, with all days in the window and a threshold of 90.
fn filling(days: u32, f: impl Fn(f64) -> f64) -> Vec<Trend> {
    let local = LocalTime::utc();
    let look = |seed: u64| {
        let points = hourly(seed, i64::from(days), 0.15, |t, _| f(t));
        let share = Params::share(NOW, 100.0, &local);
        let (lookback_hours, threshold) = (24 * days, Some(90.0));
        analyze(&points, &Params { lookback_hours, threshold, nature: Nature::Fill, ..share })
    };
    (0..DRAWS).map(look).collect()
}

fn rising(trends: &[Trend], per_day: f64) -> usize {
    let near = |t: &&Trend| {
        let [low, high] = t.slope_ci.unwrap();
        t.direction == Direction::SustainedIncrease
            && (0.8..1.25).contains(&(t.slope_per_day.unwrap() / per_day))
            && (low..=high).contains(&per_day)
    };
    trends.iter().filter(near).count()
}

#[test]
fn stairs_are_growth() {
    for (days, size, gap, since) in [(30, 8.0, 7.0, 2.0), (30, 10.0, 8.0, 3.5), (7, 5.0, 2.0, 0.7)]
    {
        let stairs = filling(days, |t| 70.0 + size * ((t + since) / gap).floor());
        let told = rising(&stairs, size / gap);
        assert!(told + 1 >= stairs.len(), "{size} every {gap} days: {told}");
        let due = 24.0 * (90.0 - (70.0 + size * (since / gap).floor())) / (size / gap);
        for trend in stairs.iter().filter(|t| t.direction.is_trend()) {
            let hours = trend.projection.unwrap().level.hours().unwrap();
            assert!((0.75..1.35).contains(&(hours / due)), "{hours} of {due}");
        }
    }
}

#[test]
fn a_step_or_two_and_steps_to_and_fro_are_level_shifts() {
    let two = filling(30, |t| {
        40.0 + if t > -20.0 { 8.0 } else { 0.0 } + if t > -9.0 { 8.0 } else { 0.0 }
    });
    let back = filling(30, |t| 40.0 + if (t / 6.0).floor() % 2.0 == 0.0 { 10.0 } else { 0.0 });
    let once = filling(30, |t| 40.0 + 6.0 * (t + 12.0).clamp(0.0, 3.0).floor());
    for (what, trends) in [("two", two), ("to and fro", back), ("three in three days", once)] {
        assert_eq!(trends.iter().filter(|t| t.direction.is_trend()).count(), 0, "{what}");
    }
}

#[test]
fn what_is_emptied_while_it_grows_goes_up_by_what_is_left() {
    let tooth = |t: f64| 1.5 * (t + 3.0).rem_euclid(7.0);
    let grows = filling(30, |t| 60.0 + 0.5 * t + tooth(t));
    assert_eq!(rising(&grows, 0.5), grows.len());
    let rests = filling(30, |t| 60.0 + tooth(t));
    assert_eq!(rests.iter().filter(|t| t.direction.is_trend()).count(), 0);
    assert_eq!(count(&rests, Direction::Cyclical), rests.len());
}
