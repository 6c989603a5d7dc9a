//! Long-run variance: how much an average of autocorrelated noise really varies.

use super::stats::dot;

/// Autocovariances enter up to this lag.
const LAGS: usize = 6;
/// Share of the neighbours that must be so close, one in this many, for their distance to be the unit of lags.
const COMMON: usize = 4;

/// Variance of single values and of their long-run average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LongRun {
    /// Bias-corrected variance of one value.
    pub variance: f64,
    /// n x variance of the mean of n values, for large n.
    pub long_run: f64,
    /// Correlation of what is one slot apart.
    pub lag_one: f64,
}

impl LongRun {
    /// Variance inflation by autocorrelation, at least 1.
    pub fn inflation(&self) -> f64 {
        if self.variance > 0.0 { (self.long_run / self.variance).max(1.0) } else { 1.0 }
    }
}

/// Long-run variance of the residuals `r` of a fit with `fitted` parameters, in ARMA(1,1) form:
/// autocovariances decay by phi from lag 1 on, L = g0 + 2 g1 / (1 - phi).
///
/// `keys` are the slots of the regular grid that `r` stands in, ascending; pairs over a gap do not
/// count. Where every second or twelfth slot is filled, that is the unit of lags. `seasonal` is the number of profile parameters that this window paid for. Fitting lowers all
/// autocovariances by about L/n per parameter (Marriott & Pope 1954; Kendall 1954): that is added
/// back, three times round. O(n).
pub fn long_run(r: &[f64], keys: &[i64], fitted: f64, seasonal: f64) -> LongRun {
    let n = r.len() as f64;
    if r.len() < 3 {
        return LongRun::default();
    }
    let step = step(keys);
    let g = autocovariances(r, keys, step).map(|g| g * n / (n - seasonal).max(0.25 * n));
    let mut result = LongRun { variance: g[0], long_run: g[0], lag_one: 0.0 };
    if g[0] <= 0.0 {
        return LongRun::default();
    }
    for _ in 0..3 {
        let add = (fitted * result.long_run / n).min(0.8 * g[0]);
        let first = g[0] + add;
        let corrected = g.map(|g| (g + add).min(0.995 * first));
        let (mut ahead, mut square) = (0.0, 0.0);
        for k in 1..LAGS {
            ahead += corrected[k + 1] * corrected[k];
            square += corrected[k] * corrected[k];
        }
        let phi = match corrected[1] > 0.05 * first && square > 0.0 {
            true => (ahead / square).clamp(0.0, 0.97),
            false => 0.0,
        };
        let sum = first + 2.0 * corrected[1].max(0.0) / (1.0 - phi);
        result = LongRun {
            variance: first,
            long_run: sum.min(first * n / 2.5).max(first),
            lag_one: corrected[1] / first,
        };
    }
    if step > 1 {
        result.lag_one = result.lag_one.max(0.0).powf(1.0 / step as f64);
    }
    result
}

/// Whether every slot from the first to the last is filled.
fn is_gapless(keys: &[i64]) -> bool {
    keys.last().zip(keys.first()).is_some_and(|(b, a)| b - a + 1 == keys.len() as i64)
}

/// The least distance in slots that one in [`COMMON`] neighbours has. O(n) without gaps, else O(n log n).
fn step(keys: &[i64]) -> i64 {
    if is_gapless(keys) {
        return 1;
    }
    let mut gaps: Vec<i64> = keys.windows(2).map(|w| w[1] - w[0]).collect();
    gaps.sort_unstable();
    let common = gaps.chunk_by(|a, b| a == b).find(|same| same.len() * COMMON >= gaps.len());
    common.map_or(1, |same| same[0].max(1))
}

/// Autocovariances at lags of 0 to 6 `step`s from the pairs that exist, each divided by its number of pairs.
fn autocovariances(r: &[f64], keys: &[i64], step: i64) -> [f64; LAGS + 1] {
    let mut sums = [(0.0, 0u32); LAGS + 1];
    if is_gapless(keys) {
        for (lag, sum) in sums.iter_mut().enumerate().take(r.len()) {
            *sum = (dot(&r[lag..], r), (r.len() - lag) as u32);
        }
    } else {
        for i in 0..r.len() {
            for j in (0..=i).rev() {
                let apart = keys[i] - keys[j];
                if apart > LAGS as i64 * step {
                    break;
                }
                if apart % step > 0 {
                    continue;
                }
                let sum = &mut sums[(apart / step) as usize];
                *sum = (sum.0 + r[i] * r[j], sum.1 + 1);
            }
        }
    }
    sums.map(|(sum, pairs)| if pairs > 0 { sum / f64::from(pairs) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(n: usize) -> Vec<i64> {
        (0..n as i64).collect()
    }

    /// Deterministic noise: a linear congruential generator, uniform in +-0.5.
    fn noise(n: usize) -> Vec<f64> {
        let mut state = 12_345u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / f64::from(1u32 << 31) - 0.5
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn white_noise_is_not_inflated() {
        let r = noise(2_000);
        let result = long_run(&r, &keys(2_000), 0.0, 0.0);
        assert!(result.inflation() < 1.15, "{result:?}");
        assert!((result.variance - 1.0 / 12.0).abs() < 0.01);
    }

    #[test]
    fn ar1_is_inflated_by_its_theory() {
        let mut r = noise(20_000);
        for i in 1..r.len() {
            r[i] += 0.8 * r[i - 1];
        }
        // (1 + phi) / (1 - phi) = 9
        let result = long_run(&r, &keys(20_000), 0.0, 0.0);
        assert!((result.inflation() - 9.0).abs() < 1.0, "{result:?}");
    }

    #[test]
    fn gaps_do_not_pair_strangers() {
        let r: Vec<f64> = (0..100).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert_eq!(autocovariances(&r, &keys(100), 1)[1], -1.0);
        let in_pairs: Vec<i64> = (0..100).map(|i| i / 2 * 10 + i % 2).collect();
        assert_eq!(autocovariances(&r, &in_pairs, step(&in_pairs))[1..3], [-1.0, 0.0]);
    }

    #[test]
    fn lags_are_those_of_the_slots_that_are_filled() {
        let mut r = noise(5_000);
        for i in 1..r.len() {
            r[i] += 0.64 * r[i - 1];
        }
        let dense = long_run(&r, &keys(5_000), 0.0, 0.0);
        for every in [2, 12] {
            let keys: Vec<i64> = (0..5_000).map(|i| i * every).collect();
            let sparse = long_run(&r, &keys, 0.0, 0.0);
            let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(same(sparse.variance, dense.variance), "{sparse:?}");
            assert!(same(sparse.long_run, dense.long_run), "{sparse:?}");
            assert!(same(sparse.lag_one, dense.lag_one.powf(1.0 / every as f64)), "{sparse:?}");
        }
    }

    #[test]
    fn constant_and_short_series() {
        assert_eq!(long_run(&[0.0; 50], &keys(50), 2.0, 0.0), LongRun::default());
        assert_eq!(long_run(&[1.0, -1.0], &keys(2), 2.0, 0.0), LongRun::default());
    }
}
