//! Growth of other shapes than a straight line.

use super::support::*;
use pve_foresight::series::LocalTime;
use pve_foresight::trend::{Direction, Params, Scale, analyze};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[test]
fn what_grows_and_varies_in_proportion_says_when_it_gets_there() {
    let local = LocalTime::utc();
    for (days, least) in [(7, 19), (14, 25), (30, 39)] {
        let (mut near, mut rising) = (0, 0);
        for seed in 0..40u64 {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            // Doubles within a quarter to six tenths of two weeks at most; noise of 5 to 12 %.
            let double = rng.random_range(0.25..0.6) * f64::from(days.min(14));
            let (more, sd) = (rng.random_range(1.3..1.6), rng.random_range(5.0..12.0));
            let mut points = hourly(seed, i64::from(days), sd, |_, _| 50.0);
            for p in &mut points {
                let t = (p.time - NOW) as f64 / 86_400.0;
                p.value = 5e7 * (2f64.powf(t / double)) * ((p.value - 50.0) / 100.0).exp();
            }
            let share = Params::share(NOW, 100.0, &local);
            let scale = Scale::Relative { floor: 1.0 };
            let threshold = Some(5e7 * more);
            let params = Params { lookback_hours: 24 * days, scale, threshold, ..share };
            let trend = analyze(&points, &params);
            rising += usize::from(trend.direction == Direction::SustainedIncrease);
            let hours = trend.projection.and_then(|p| p.level.hours()).unwrap_or(f64::INFINITY);
            near += usize::from((0.6..1.6).contains(&(hours / (24.0 * double * more.log2()))));
        }
        assert!(rising >= 39, "{days} days: {rising} of 40");
        assert!(near >= least, "{days} days: {near} of 40");
    }
}

#[test]
fn what_grows_in_its_busy_hours_only_is_growth() {
    // From next to nothing two weeks ago, seen in one and in two.
    for (days, least) in [(7, 36), (14, 38)] {
        let rising = |seed: u64| {
            let a_day = 1.5 + 0.05 * (seed % 20) as f64;
            let busy = |u: i64| f64::from(u8::from((8..18).contains(&hour(u))));
            let points = hourly(seed, 14, 1.3, |t, u| 15.0 + (6.0 + a_day * (t + 14.0)) * busy(u));
            look_back(days, &points).direction == Direction::SustainedIncrease
        };
        let rising = (0..40).filter(|seed| rising(*seed)).count();
        assert!(rising >= least, "{days} days: {rising} of 40");
    }
}
