//! Step 4b, too: a daily rhythm that changes its shape, as when a second job is added to a night's, or people work longer.
//!
//! The profile of all days leaves a part of it before the change and another since, whose means differ: that looks like
//! growth. Two shapes, one before and one since, explain such a window better than anything that grows from day to day does,
//! even if every hour of the day may grow by itself.

use super::explain::range;
use super::swing::{Change, LEAST_DAYS, SMALLEST, WEEKLY};
use crate::series::Bins;

/// Share of the sum of squares of what is simpler that two shapes may leave.
const BETTER: f64 = 0.7;

/// The change of shape that the days of `bins` show, if any, with what each slot has moved since. O(n + days x slots).
pub(super) fn change(bins: &Bins, per_day: usize) -> Option<Change> {
    let weekly = bins.span() >= WEEKLY;
    let place =
        |i: usize| usize::from(bins.slot[i]) + if weekly && bins.weekend[i] { per_day } else { 0 };
    let slots = if weekly { 2 * per_day } else { per_day };
    let days = bins.days(per_day);
    let mut all = vec![Sums::default(); slots];
    (0..bins.len()).for_each(|i| all[place(i)].add(bins.t[i], bins.y[i]));
    let (mut before, mut best) = (vec![Sums::default(); slots], None);
    let mut least = BETTER * all.iter().map(Sums::about_line).sum::<f64>();
    for (n, pair) in days.windows(2).enumerate() {
        pair[0].clone().for_each(|i| before[place(i)].add(bins.t[i], bins.y[i]));
        if n + 1 < LEAST_DAYS || days.len() - n - 1 < LEAST_DAYS {
            continue;
        }
        let sides = || before.iter().zip(&all).map(|(before, all)| [*before, all.less(before)]);
        let left = sides().flatten().map(|side| side.about_mean()).sum::<f64>();
        if left < least {
            let sides: Vec<[Sums; 2]> = sides().collect();
            if left < BETTER * (left + shapes_apart(&sides)) {
                least = left;
                best = Some((bins.t[pair[1].start], sides));
            }
        }
    }
    let (time, sides) = best?;
    let moved: Vec<f64> = sides.iter().map(moved).collect();
    (range(&moved) >= SMALLEST).then(|| Change::of(time, moved, per_day))
}

/// By how much a slot's mean has moved, 0 where it is not known of both sides.
fn moved([before, since]: &[Sums; 2]) -> f64 {
    match before.n.min(since.n) > 0.0 {
        true => since.y / since.n - before.y / before.n,
        false => 0.0,
    }
}

/// What is left more if all slots are taken to have moved alike, as by a shift of the level.
fn shapes_apart(sides: &[[Sums; 2]]) -> f64 {
    let weight = |[before, since]: &[Sums; 2]| {
        before.n * since.n / (before.n + since.n).max(f64::MIN_POSITIVE)
    };
    let all = || sides.iter().map(|sides| (weight(sides), moved(sides)));
    let total: f64 = all().map(|(weight, _)| weight).sum();
    let mean = all().map(|(weight, moved)| weight * moved).sum::<f64>() / total.max(1e-12);
    all().map(|(weight, moved)| weight * (moved - mean).powi(2)).sum()
}

/// Sums over the values of a slot.
#[derive(Clone, Copy, Default)]
struct Sums {
    n: f64,
    t: f64,
    y: f64,
    tt: f64,
    ty: f64,
    yy: f64,
}

impl Sums {
    fn add(&mut self, t: f64, y: f64) {
        let Self { n, t: st, y: sy, tt, ty, yy } = self;
        (*n, *st, *sy) = (*n + 1.0, *st + t, *sy + y);
        (*tt, *ty, *yy) = (*tt + t * t, *ty + t * y, *yy + y * y);
    }

    fn less(&self, other: &Self) -> Self {
        Self {
            n: self.n - other.n,
            t: self.t - other.t,
            y: self.y - other.y,
            tt: self.tt - other.tt,
            ty: self.ty - other.ty,
            yy: self.yy - other.yy,
        }
    }

    /// Sum of squares about the mean.
    fn about_mean(&self) -> f64 {
        (self.yy - self.y * self.y / self.n.max(1.0)).max(0.0)
    }

    /// Sum of squares about a straight line.
    fn about_line(&self) -> f64 {
        let n = self.n.max(1.0);
        let (spread, product) = (self.tt - self.t * self.t / n, self.ty - self.t * self.y / n);
        let explained = if spread > 1e-9 { product * product / spread } else { 0.0 };
        (self.about_mean() - explained).max(0.0)
    }
}
