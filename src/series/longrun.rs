//! Long-run variance: how much an average of autocorrelated noise really varies.

use super::stats::dot;

/// Autocovariances enter up to this lag.
const LAGS: usize = 6;

/// Variance of single values and of their long-run average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LongRun {
    /// Bias-corrected variance of one value.
    pub variance: f64,
    /// n x variance of the mean of n values, for large n.
    pub long_run: f64,
    /// Correlation of neighbours.
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
/// count. `seasonal` is the number of profile parameters that this window paid for. Fitting lowers all
/// autocovariances by about L/n per parameter (Marriott & Pope 1954; Kendall 1954): that is added
/// back, three times round. O(n).
pub fn long_run(r: &[f64], keys: &[i64], fitted: f64, seasonal: f64) -> LongRun {
    let n = r.len() as f64;
    if r.len() < 3 {
        return LongRun::default();
    }
    let g = autocovariances(r, keys).map(|g| g * n / (n - seasonal).max(0.25 * n));
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
    result
}

/// Autocovariances at lags 0 to 6 from the pairs that exist, each divided by its number of pairs.
fn autocovariances(r: &[f64], keys: &[i64]) -> [f64; LAGS + 1] {
    let mut sums = [(0.0, 0u32); LAGS + 1];
    let gapless = keys.last().zip(keys.first()).is_some_and(|(b, a)| b - a + 1 == r.len() as i64);
    if gapless {
        for (lag, sum) in sums.iter_mut().enumerate().take(r.len()) {
            *sum = (dot(&r[lag..], r), (r.len() - lag) as u32);
        }
    } else {
        for i in 0..r.len() {
            for j in (0..=i).rev().take(LAGS + 1) {
                let lag = keys[i] - keys[j];
                if lag > LAGS as i64 {
                    break;
                }
                let sum = &mut sums[lag as usize];
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
        let apart: Vec<i64> = (0..100).map(|i| i * 10).collect();
        assert_eq!(long_run(&r, &apart, 0.0, 0.0).inflation(), 1.0);
        assert_eq!(autocovariances(&r, &keys(100))[1], -1.0);
        assert_eq!(autocovariances(&r, &apart)[1], 0.0);
    }

    #[test]
    fn constant_and_short_series() {
        assert_eq!(long_run(&[0.0; 50], &keys(50), 2.0, 0.0), LongRun::default());
        assert_eq!(long_run(&[1.0, -1.0], &keys(2), 2.0, 0.0), LongRun::default());
    }
}
