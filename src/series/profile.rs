//! What the hour of the day does: fixed effects beside a slope.

use super::{Buffer, stats};

/// Effect of each slot of the day (or of weekday and weekend days) on a series.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Deviation of each group from the mean of the bins; groups without a bin are interpolated.
    pub effect: Vec<f64>,
    /// Share of the variance (spikes clipped) that the profile foretells for a day it has not seen.
    pub strength: f64,
    /// The same with spikes.
    pub strength_raw: f64,
    /// Slope per day that was fitted beside.
    pub slope: f64,
    /// Sum of squares of the clipped residuals.
    pub rss: f64,
    /// Number of bins it was fitted to.
    pub bins: usize,
    /// How far effects are to be trusted, 0-1: share of their variance that is not sampling noise.
    pub reliability: f64,
    /// The series with what strays from slope and effects clipped: what simpler models are compared on.
    clipped: Buffer,
}

/// A profile that foretells unseen days this much worse than nothing after two passes needs no third.
const HOPELESS: f64 = -0.05;
/// Passes of clipping; more changed nothing measurable.
const PASSES: usize = 3;

/// Fits y = a_g + b t by least squares (Frisch & Waugh 1933; Lovell 1963), `passes` times, each
/// time with residuals clipped to 3 robust standard deviations (pseudo-values, Huber 1964).
///
/// `group` holds numbers below `groups`. `None` where it cannot be told: half of the groups empty, fewer bins than
/// filled groups + 8, or a median of less than two bins in these. O(n).
pub fn fit(t: &[f64], y: &[f64], group: &[u8], groups: usize) -> Option<Profile> {
    let n = y.len();
    let mut count = vec![0u32; groups];
    group.iter().for_each(|g| count[usize::from(*g)] += 1);
    let filled = count.iter().filter(|c| **c > 0).count();
    let mut sorted = count.clone();
    sorted.sort_unstable();
    if n < filled + 8 || filled * 2 < groups || sorted[groups - filled.div_ceil(2)] < 2 {
        return None;
    }
    let t_mean = group_means(t, group, &count);
    let inner: Buffer = t.iter().zip(group).map(|(t, g)| t - t_mean[usize::from(*g)]).collect();
    let spread = stats::dot(&inner, &inner);
    let (mut work, mut fitted) = (Buffer::of(y), Buffer::filled(n, 0.0));
    let (mut residual, mut buffer) = (Buffer::with_capacity(n), Buffer::with_capacity(n));
    let (mut slope, mut level) = (0.0, Vec::new());
    for pass in 0..=PASSES {
        let y_mean = group_means(&work, group, &count);
        slope = if spread > 0.0 { stats::dot(&inner, &work) / spread } else { 0.0 };
        level = (0..groups).map(|g| y_mean[g] - slope * t_mean[g]).collect();
        if pass == PASSES {
            break;
        }
        let mut levels = [0.0; 256];
        levels.iter_mut().zip(&level).for_each(|(all, level)| *all = *level);
        for ((fitted, t), g) in fitted.iter_mut().zip(t).zip(group) {
            *fitted = levels[usize::from(*g)] + slope * t;
        }
        residual.clear();
        residual.extend(y.iter().zip(fitted.iter()).map(|(y, f)| y - f));
        if !stats::clip_outliers(&mut residual, 3.0, &mut buffer) {
            break;
        }
        work.iter_mut().zip(residual.iter()).zip(fitted.iter()).for_each(|((w, r), f)| *w = r + f);
        if pass == 1 && Levels::of(&level, &count).unseen_strength(&work, group) < HOPELESS {
            break;
        }
    }
    let detrended = |y: &[f64]| -> Buffer { y.iter().zip(t).map(|(y, t)| y - slope * t).collect() };
    let (calm, raw) = (detrended(&work), detrended(y));
    let mean = stats::mean(&calm);
    fill_empty(&mut level, &count, mean);
    let levels = Levels::of(&level, &count);
    let rss = levels.left(&calm, group, false);
    let effect: Vec<f64> = level.iter().map(|a| a - mean).collect();
    let error = rss / (n - filled).max(1) as f64 * filled as f64 / n as f64;
    let between = stats::variance(&effect) * groups as f64 / (groups - 1) as f64;
    Some(Profile {
        strength: levels.unseen_strength(&calm, group),
        strength_raw: levels.unseen_strength(&raw, group),
        slope,
        rss,
        bins: n,
        reliability: if between > 0.0 { (1.0 - error / between).max(0.0) } else { 0.0 },
        effect,
        clipped: work,
    })
}

/// Mean of `x` in each group; 0 of an empty one.
fn group_means(x: &[f64], group: &[u8], count: &[u32]) -> Vec<f64> {
    // 256 places: whatever the group, it needs no check of bounds.
    let mut sum = [0.0; 256];
    x.iter().zip(group).for_each(|(x, g)| sum[usize::from(*g)] += x);
    sum.iter().zip(count).map(|(s, c)| s / f64::from((*c).max(1))).collect()
}

/// Empty groups take the mean of their nearest filled neighbours round the clock.
fn fill_empty(level: &mut [f64], count: &[u32], mean: f64) {
    let n = level.len();
    let near = |i: usize, step: usize| {
        (1..n).map(|k| (i + k * step) % n).find(|j| count[*j] > 0).map_or(mean, |j| level[j])
    };
    let filled: Vec<(usize, f64)> = (0..n)
        .filter(|i| count[*i] == 0)
        .map(|i| (i, 0.5 * (near(i, 1) + near(i, n - 1))))
        .collect();
    filled.into_iter().for_each(|(i, v)| level[i] = v);
}

/// The level of each group, and what makes a distance from it that from the level of the others of the group.
struct Levels([[f64; 2]; 256]);

impl Levels {
    fn of(level: &[f64], count: &[u32]) -> Self {
        let alone = |c: u32| f64::from(c) / (f64::from(c) - 1.0).max(0.5);
        let mut levels = [[0.0; 2]; 256];
        for ((place, level), c) in levels.iter_mut().zip(level).zip(count) {
            *place = [*level, alone(*c)];
        }
        Self(levels)
    }

    /// Sum of squares around the levels; if `unseen`, around the levels without the bin itself.
    fn left(&self, x: &[f64], group: &[u8], unseen: bool) -> f64 {
        // Two sums, so that the processor need not wait for each addition.
        let mut sums = [0.0; 2];
        let square = |x: f64, g: u8| {
            let [level, alone] = self.0[usize::from(g)];
            ((x - level) * if unseen { alone } else { 1.0 }).powi(2)
        };
        let ((x, last_x), (group, last)) = (x.as_chunks::<2>(), group.as_chunks::<2>());
        for (x, g) in x.iter().zip(group) {
            (0..2).for_each(|i| sums[i] += square(x[i], g[i]));
        }
        let rest: f64 = last_x.iter().zip(last).map(|(x, g)| square(*x, *g)).sum();
        sums[0] + sums[1] + rest
    }

    /// Strength of the season for unseen days: 1 - (leave-one-out sum of squares) / (total). The idea of
    /// Wang, Smith & Hyndman 2006, with each bin foretold by the other days only, so noise scores <= 0.
    fn unseen_strength(&self, x: &[f64], group: &[u8]) -> f64 {
        let total = stats::variance(x) * x.len() as f64;
        match total > 1e-12 {
            true => 1.0 - self.left(x, group, true) / total,
            false => 0.0,
        }
    }
}

impl Profile {
    /// Largest less smallest effect, without what sampling noise adds to their spread.
    pub fn amplitude(&self) -> f64 {
        let (low, high) = stats::extremes(&self.effect);
        (high - low) * self.reliability.sqrt()
    }

    /// Whether the groups explain more than chance: share of variance beyond a line adjusted for degrees of freedom
    /// > 0.12, and F > 2.2, and unseen days are foretold, spikes and all. `t` are the times it was fitted at.
    pub fn earns_its_place(&self, t: &[f64]) -> bool {
        let (n, g) = (self.bins as f64, self.effect.len() as f64);
        let (free, free_line) = ((n - g - 1.0).max(1.0), n - 2.0);
        let line = self.left_by_line(t);
        if line <= 1e-12 {
            return false;
        }
        let adjusted = 1.0 - (self.rss / free) / (line / free_line);
        let f = ((line - self.rss) / (g - 1.0)) / (self.rss / free).max(1e-12);
        adjusted > 0.12 && f > 2.2 && self.strength_raw > 0.0
    }

    /// Residual variance.
    pub fn residual_variance(&self) -> f64 {
        self.per_freedom(self.rss, self.effect.len())
    }

    /// Residual variance of a slope beside coarser groups, of the same clipped values. Each model clipped by itself would
    /// hide what it misses: a nightly job is an outlier of the line, and its size of the night one of the profile.
    pub fn residual_variance_of(&self, t: &[f64], group: &[u8], groups: usize) -> f64 {
        self.per_freedom(self.left_by(t, group, groups), groups)
    }

    fn per_freedom(&self, rss: f64, groups: usize) -> f64 {
        rss / (self.bins as f64 - groups as f64 - 1.0).max(1.0)
    }

    /// Residual variance of a line alone, of the same clipped values.
    pub fn residual_variance_of_line(&self, t: &[f64]) -> f64 {
        self.per_freedom(self.left_by_line(t), 1)
    }

    fn left_by_line(&self, t: &[f64]) -> f64 {
        let about_mean = |x: &[f64]| -> Buffer {
            let mean = stats::mean(x);
            x.iter().map(|x| x - mean).collect()
        };
        left_by_slope(&about_mean(t), &about_mean(&self.clipped))
    }

    /// Sum of squares that a slope beside coarser groups leaves of the clipped values. O(n).
    fn left_by(&self, t: &[f64], group: &[u8], groups: usize) -> f64 {
        let mut count = vec![0u32; groups];
        group.iter().for_each(|g| count[usize::from(*g)] += 1);
        let within = |x: &[f64]| -> Buffer {
            let mean = group_means(x, group, &count);
            x.iter().zip(group).map(|(x, g)| x - mean[usize::from(*g)]).collect()
        };
        left_by_slope(&within(t), &within(&self.clipped))
    }
}

/// Sum of squares that a slope by `t` leaves of `y`, both about their means.
fn left_by_slope(t: &[f64], y: &[f64]) -> f64 {
    let (square, product) = (stats::dot(t, t), stats::dot(t, y));
    let explained = if square > 0.0 { product * product / square } else { 0.0 };
    (stats::dot(y, y) - explained).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `days` of hourly values: slope + effect of the hour.
    fn series(
        days: usize,
        slope: f64,
        effect: impl Fn(usize) -> f64,
    ) -> (Vec<f64>, Vec<f64>, Vec<u8>) {
        let n = days * 24;
        let t: Vec<f64> = (0..n).map(|i| i as f64 / 24.0).collect();
        let y = (0..n).map(|i| slope * t[i] + effect(i % 24)).collect();
        (t, y, (0..n).map(|i| (i % 24) as u8).collect())
    }

    #[test]
    fn separates_hours_from_slope_exactly() {
        let (t, y, g) = series(7, 1.5, |h| if (8..18).contains(&h) { 20.0 } else { 0.0 });
        let p = fit(&t, &y, &g, 24).unwrap();
        assert!((p.slope - 1.5).abs() < 1e-9);
        assert!((p.effect[10] - p.effect[2] - 20.0).abs() < 1e-9);
        assert!(p.strength > 0.999 && p.reliability > 0.999);
        assert!(p.earns_its_place(&t));
    }

    #[test]
    fn a_line_has_no_profile() {
        let (t, y, g) = series(7, 1.5, |_| 0.0);
        let p = fit(&t, &y, &g, 24).unwrap();
        assert!(!p.earns_its_place(&t));
        assert!(p.strength <= 0.0);
    }

    #[test]
    fn one_day_is_not_enough() {
        let (t, y, g) = series(1, 0.0, |h| h as f64);
        assert!(fit(&t, &y, &g, 24).is_none());
    }

    #[test]
    fn a_missing_hour_is_interpolated() {
        let (t, y, g) = series(9, 0.0, |h| h as f64);
        let keep: Vec<usize> = (0..y.len()).filter(|i| g[*i] != 5).collect();
        let pick = |x: &[f64]| -> Vec<f64> { keep.iter().map(|i| x[*i]).collect() };
        let group: Vec<u8> = keep.iter().map(|i| g[*i]).collect();
        let p = fit(&pick(&t), &pick(&y), &group, 24).unwrap();
        assert!((p.effect[5] - 0.5 * (p.effect[4] + p.effect[6])).abs() < 1e-9);
    }
}
