//! Days whose sizes differ at random, as people's work does: they hide no growth, and are none.

use super::support::*;
use pve_foresight::model::DAY;
use pve_foresight::trend::{Direction, Trend};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Draws of each kind: more than elsewhere, since each has its own days.
const MANY: u64 = 40;

/// What a day's size does to one hour of it.
type Shape = fn(size: f64, hour: i64) -> f64;

/// Days that are higher or lower as a whole, and days whose office hours are busier or quieter, by as much on the mean of
/// the day.
const SHAPES: [(&str, Shape); 2] = [
    ("whole days", |size, _| size),
    ("office hours", |size, hour| if (8..18).contains(&hour) { 15.0 + 2.4 * size } else { 0.0 }),
];

/// `per_day` points of growth beside days that differ by `spread` points; `level` is what else is there.
fn beside(
    days: u32,
    (per_day, spread): (f64, f64),
    shape: Shape,
    level: impl Fn(f64) -> f64,
) -> Vec<Trend> {
    let look = |seed: u64| {
        let rng = &mut ChaCha8Rng::seed_from_u64(1_000 + seed);
        let first = NOW / DAY - i64::from(days);
        let sizes: Vec<f64> = (0..=days).map(|_| StandardNormal.sample(rng)).collect();
        let points = hourly(seed, i64::from(days), 1.0, |t, time| {
            let size = spread * sizes[(time / DAY - first) as usize];
            25.0 + per_day * (t + f64::from(days)) + shape(size, hour(time)) + level(t)
        });
        look_back(days, &points)
    };
    (0..MANY).map(look).collect()
}

#[test]
fn growth_beside_them_is_found() {
    for (kind, shape) in SHAPES {
        for growth in [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)] {
            let trends = beside(14, growth, shape, |_| 0.0);
            let rising = count(&trends, Direction::SustainedIncrease);
            assert!(rising >= 36, "{kind}, {growth:?}: {rising}");
            let holds =
                |t: &&Trend| t.slope_ci.is_some_and(|[a, b]| a <= growth.0 && growth.0 <= b);
            let held = trends.iter().filter(holds).count();
            assert!(held >= 34, "{kind}, {growth:?}: {held}");
        }
    }
}

#[test]
fn they_are_no_growth_nor_is_a_level_shift_among_them() {
    for (kind, shape) in SHAPES {
        for days in [10, 14] {
            for spread in [1.0, 3.0, 6.0] {
                let calm = beside(days, (0.0, spread), shape, |_| 0.0);
                let claims = calm.iter().filter(|t| t.direction.is_trend()).count();
                assert!(claims <= 2, "{kind}, {days} days, {spread}: {claims}");
            }
            for (size, spread) in [(8.0, 1.0), (15.0, 2.0)] {
                let middle = -0.4 * f64::from(days);
                let step = |t| if t > middle { size } else { 0.0 };
                let shifted = beside(days, (0.0, spread), shape, step);
                let claims = shifted.iter().filter(|t| t.direction.is_trend()).count();
                assert!(claims <= 2, "{kind}, {days} days, {size} beside {spread}: {claims}");
            }
        }
    }
}
