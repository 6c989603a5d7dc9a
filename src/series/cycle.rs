//! Cycles of any period.

use super::stats::dot;
use super::{Buffer, stats};

/// Autocorrelation that a cycle shows at its period.
const FIRST: f64 = 0.42;
/// Autocorrelation that it shows at twice its period.
const SECOND: f64 = 0.36;
/// Autocorrelation of noise, in units of 1 / sqrt(n), that no cycle is seen in.
const CHANCE: f64 = 2.5;
/// Share of the values that must have a partner at a lag for it to be known, where there are gaps.
const KNOWN: f64 = 0.3;

/// Periods within which the best lag to foretell from is sought.
const AGAIN: usize = 4;

/// Whether a pattern repeats at least three times.
pub fn repeats(x: &[f64], keys: &[i64]) -> bool {
    period(x, keys).is_some()
}

/// After how many slots a pattern repeats that is seen three times at least: the autocorrelation of the ranks falls below
/// 0.1 and then peaks, and peaks again at twice that lag. Ranks, so two spikes do not make a cycle. `keys` are the slots of
/// `x` on a regular grid, ascending; lags that too few pairs have are unknown and passed over. O(n²) of the number of
/// slots, gaps included; series spanning over 2,000 slots have none.
pub fn period(x: &[f64], keys: &[i64]) -> Option<usize> {
    let slots = (keys.last()? - keys.first()? + 1) as usize;
    if x.len() < 24 || slots > 2_000 {
        return None;
    }
    let first = keys[0];
    let ranks = stats::ranks(x);
    let mean = stats::mean(&ranks);
    let variance = stats::variance(&ranks);
    if variance <= 0.0 {
        return None;
    }
    let (mut dense, mut there) = (Buffer::filled(slots, 0.0), Buffer::filled(slots, 0.0));
    for (rank, key) in ranks.iter().zip(keys) {
        dense[(key - first) as usize] = rank - mean;
        there[(key - first) as usize] = 1.0;
    }
    let gapless = x.len() == slots;
    let correlation = |lag: usize| {
        let pairs = match gapless {
            true => (slots - lag) as f64,
            false => dot(&there[lag..], &there),
        };
        let known = pairs >= 8.0 && (gapless || pairs >= KNOWN * x.len() as f64);
        known.then(|| dot(&dense[lag..], &dense) / pairs / variance)
    };
    let acf: Vec<(usize, f64)> =
        (0..=slots / 3).filter_map(|lag| Some((lag, correlation(lag)?))).collect();
    let dip = acf.iter().position(|(_, r)| *r < 0.1)?;
    // Noise reaches further on few values.
    let chance = CHANCE / (x.len() as f64).sqrt();
    let is_period = |w: &&[(usize, f64)]| {
        let [(_, before), (lag, here), (next, after)] = [w[0], w[1], w[2]];
        // A neighbouring lag is as good as twice the lag itself: periods are no whole number of slots.
        let near = next - lag;
        // Lags that too few pairs have may lie between, but none that is no longer than this one is twice as long.
        let from = (2 * lag).saturating_sub(near).max(next);
        let around = || (from..=2 * lag + near).filter_map(correlation);
        here >= before.max(after)
            && here > FIRST.max(chance)
            && around().fold(-1.0, f64::max) > SECOND.max(0.8 * chance)
    };
    acf[dip..].windows(3).find(is_period).map(|w| w[1].0)
}

/// Variance of what a pattern that repeats after so many slots does not foretell: half the mean square of the differences
/// to some periods ago, without the largest `spikes` of them. A period is no whole number of slots, a few of them may be.
pub fn left(x: &[f64], keys: &[i64], period: usize, spikes: f64) -> f64 {
    let at = |lag: i64| {
        let partner = |i: usize| keys.binary_search(&(keys[i] - lag)).ok();
        let squares: Buffer =
            (0..x.len()).filter_map(|i| Some((x[i] - x[partner(i)?]).powi(2))).collect();
        let n = squares.len() as f64;
        // A spike is in two differences.
        let mean = stats::mean_without_largest(&squares, (2.0 * spikes * n).ceil() as usize);
        (3 * squares.len() >= x.len()).then_some(0.5 * mean)
    };
    let around = |n: usize| n * period - n..=n * period + n;
    let lags = (1..=AGAIN).flat_map(around).filter(|lag| *lag > 0);
    lags.filter_map(|lag| at(lag as i64)).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[test]
    fn sees_a_sine_and_not_a_line_or_spikes() {
        let keys: Vec<i64> = (0..168).collect();
        let sine: Vec<f64> = (0..168).map(|i| (f64::from(i) / 17.3 * TAU).sin()).collect();
        assert!(repeats(&sine, &keys));
        let line: Vec<f64> = (0..168).map(f64::from).collect();
        assert!(!repeats(&line, &keys));
        let mut spikes = vec![0.0; 168];
        spikes[40] = 9.0;
        spikes[90] = 9.0;
        assert!(!repeats(&spikes, &keys));
        assert!(!repeats(&[1.0; 168], &keys));
        assert!(!repeats(&[], &[]));
    }

    #[test]
    fn slots_that_are_never_filled_make_no_cycle_and_hide_none() {
        for every in [2i64, 3, 12] {
            let keys: Vec<i64> = (0..100).map(|i| i * every).collect();
            let wander: Vec<f64> = (0..100).map(|i| (f64::from(i) / 100.0 * TAU).sin()).collect();
            assert!(!repeats(&wander, &keys), "every {every}");
            let sine: Vec<f64> = (0..100).map(|i| (f64::from(i) / 12.3 * TAU).sin()).collect();
            assert!(repeats(&sine, &keys), "every {every}");
        }
    }

    #[test]
    fn slots_in_clusters_far_apart_make_no_cycle() {
        // Four slots in a row every twenty: of the lags between no pair is there.
        let keys: Vec<i64> = (0..40).map(|i| 20 * (i / 4) + i % 4).collect();
        for period in [3, 4, 5, 7] {
            let x: Vec<f64> = (0..40).map(|i| f64::from(i % period)).collect();
            repeats(&x, &keys);
        }
        let rising: Vec<f64> = (0..40).map(f64::from).collect();
        assert!(!repeats(&rising, &keys));
    }

    #[test]
    fn gaps_do_not_hide_a_cycle() {
        let keys: Vec<i64> = (0..200).filter(|k| !(60..90).contains(k)).collect();
        let x: Vec<f64> = keys.iter().map(|k| (*k as f64 / 20.0 * TAU).sin()).collect();
        assert!(repeats(&x, &keys));
    }
}
