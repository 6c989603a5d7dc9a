//! Order statistics and robust scales.

/// Factor that makes the median absolute deviation of a normal sample its standard deviation.
pub const MAD_TO_SD: f64 = 1.4826;
/// Factor that makes the mean absolute deviation of a normal sample its standard deviation.
pub const MEAN_DEVIATION_TO_SD: f64 = 1.2533;

/// Arithmetic mean; 0 of nothing.
pub fn mean(x: &[f64]) -> f64 {
    if x.is_empty() { 0.0 } else { x.iter().sum::<f64>() / x.len() as f64 }
}

/// Variance around the mean, divided by n; 0 of nothing.
pub fn variance(x: &[f64]) -> f64 {
    let m = mean(x);
    if x.is_empty() { 0.0 } else { x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / x.len() as f64 }
}

/// Quantile `p` of `x` by linear interpolation (Hyndman & Fan 1996, definition 7); reorders `x`.
///
/// O(n) by selection. `None` of nothing.
pub fn quantile(x: &mut [f64], p: f64) -> Option<f64> {
    let last = x.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let low = place.floor() as usize;
    let (_, &mut a, above) = x.select_nth_unstable_by(low, f64::total_cmp);
    let part = place - low as f64;
    if part == 0.0 {
        return Some(a);
    }
    let b = above.iter().copied().min_by(f64::total_cmp).unwrap_or(a);
    Some(a + part * (b - a))
}

/// Median; reorders `x`. 0 of nothing.
pub fn median(x: &mut [f64]) -> f64 {
    quantile(x, 0.5).unwrap_or(0.0)
}

/// Median and robust standard deviation around it: scaled MAD, or the scaled mean absolute deviation
/// where more than half of the values are equal.
pub fn center_and_scale(x: &[f64], buffer: &mut Vec<f64>) -> (f64, f64) {
    buffer.clear();
    buffer.extend_from_slice(x);
    let center = median(buffer);
    buffer.iter_mut().for_each(|v| *v = (*v - center).abs());
    let sum: f64 = buffer.iter().sum();
    let mad = median(buffer) * MAD_TO_SD;
    let scale = match mad > 0.0 {
        true => mad,
        false => MEAN_DEVIATION_TO_SD * sum / x.len().max(1) as f64,
    };
    (center, scale)
}

/// Clips `x` to median +- `width` robust standard deviations; returns that standard deviation and
/// whether anything was clipped.
pub fn clip(x: &mut [f64], width: f64, buffer: &mut Vec<f64>) -> (f64, bool) {
    let (center, scale) = center_and_scale(x, buffer);
    let (low, high) = (center - width * scale, center + width * scale);
    let outside = x.iter().any(|v| *v < low || *v > high);
    if outside {
        x.iter_mut().for_each(|v| *v = v.clamp(low, high));
    }
    (scale, outside)
}

/// Median of each value and its neighbours, `width` (odd) in all, fewer at the ends. O(n width).
pub fn running_median(x: &[f64], width: usize, out: &mut Vec<f64>) {
    out.clear();
    let half = width / 2;
    let mut window: Vec<f64> = Vec::with_capacity(width + 1);
    for i in 0..x.len() {
        let inside = i >= half && i + half < x.len();
        if inside && i > half {
            replace(&mut window, x[i - half - 1], x[i + half]);
        } else {
            window.clear();
            window.extend_from_slice(&x[i.saturating_sub(half)..(i + half + 1).min(x.len())]);
            window.sort_unstable_by(f64::total_cmp);
        }
        let n = window.len();
        out.push(match n % 2 {
            1 => window[n / 2],
            _ => 0.5 * (window[n / 2 - 1] + window[n / 2]),
        });
    }
}

/// Puts `new` in the place of `old` in a sorted window and moves it to where it belongs.
fn replace(window: &mut [f64], old: f64, new: f64) {
    let Some(mut i) = window.iter().position(|v| *v == old) else { return };
    window[i] = new;
    while i > 0 && window[i - 1] > new {
        window.swap(i - 1, i);
        i -= 1;
    }
    while i + 1 < window.len() && window[i + 1] < new {
        window.swap(i + 1, i);
        i += 1;
    }
}

/// Ranks from 0, ties get their mean rank.
pub fn ranks(x: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|a, b| x[*a].total_cmp(&x[*b]));
    let mut ranks = vec![0.0; x.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && x[order[end]] == x[order[start]] {
            end += 1;
        }
        for &i in &order[start..end] {
            ranks[i] = 0.5 * (start + end - 1) as f64;
        }
        start = end;
    }
    ranks
}

/// Quantile `p` of weighted values: the smallest value with at least that share of the weight at or
/// below it; reorders `x`. `None` without weight. O(n) by weighted selection.
pub fn weighted_quantile(x: &mut [(f64, f64)], p: f64) -> Option<f64> {
    let total: f64 = x.iter().map(|v| v.1).sum();
    if total <= 0.0 {
        return None;
    }
    // A hair of slack: 0.95 of 20 equal weights is the 19th value, whatever the rounding.
    let mut wanted = p * total * (1.0 - 1e-12);
    let mut rest = x;
    while rest.len() > 1 {
        // Splits where the quantile is likely, so that the larger part falls away at once.
        let at = ((rest.len() as f64 * (wanted / total).clamp(0.0, 1.0)) as usize)
            .clamp(1, rest.len() - 1);
        rest.select_nth_unstable_by(at, |a, b| a.0.total_cmp(&b.0));
        let (low, high) = rest.split_at_mut(at);
        let below: f64 = low.iter().map(|v| v.1).sum();
        if below >= wanted {
            rest = low;
        } else {
            wanted -= below;
            rest = high;
        }
    }
    rest.first().map(|v| v.0)
}

/// Sum of products, in four lanes so that the processor need not wait for each addition.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut lanes, n) = ([0.0; 4], a.len().min(b.len()));
    let (a, b) = (&a[..n], &b[..n]);
    let (chunks_a, chunks_b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = chunks_a.remainder().iter().zip(chunks_b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in chunks_a.zip(chunks_b) {
        (0..4).for_each(|i| lanes[i] += a[i] * b[i]);
    }
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&mut [4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
        assert_eq!(quantile(&mut [1.0, 2.0, 3.0, 4.0], 0.95), Some(3.8499999999999996));
        assert_eq!(quantile(&mut [7.0], 0.2), Some(7.0));
        assert_eq!(quantile(&mut [], 0.2), None);
    }

    #[test]
    fn scale_of_mostly_equal_values_is_not_zero() {
        let mut buffer = Vec::new();
        let (center, scale) = center_and_scale(&[1.0, 1.0, 1.0, 5.0], &mut buffer);
        assert_eq!((center, scale), (1.0, MEAN_DEVIATION_TO_SD));
        assert_eq!(center_and_scale(&[], &mut buffer), (0.0, 0.0));
    }

    #[test]
    fn ties_share_their_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
    }

    #[test]
    fn weighted_quantile_counts_weight() {
        let mut x = [(1.0, 1.0), (9.0, 2.0), (5.0, 1.0)];
        assert_eq!(weighted_quantile(&mut x, 0.5), Some(5.0));
        assert_eq!(weighted_quantile(&mut x, 0.51), Some(9.0));
        assert_eq!(weighted_quantile(&mut [], 0.5), None);
    }

    proptest! {
        #[test]
        fn running_median_is_the_median_of_each_window(x in prop::collection::vec(-5i32..5, 0..40)) {
            let x: Vec<f64> = x.into_iter().map(f64::from).collect();
            let mut out = Vec::new();
            running_median(&x, 5, &mut out);
            for i in 0..x.len() {
                let mut w = x[i.saturating_sub(2)..(i + 3).min(x.len())].to_vec();
                prop_assert_eq!(out[i], median(&mut w));
            }
        }

        #[test]
        fn weighted_quantile_agrees_with_sorting(
            x in prop::collection::vec((0i32..9, 1i32..5), 1..40), p in 0.01f64..0.99,
        ) {
            let mut x: Vec<(f64, f64)> = x.into_iter().map(|(v, w)| (v.into(), w.into())).collect();
            let mut sorted = x.clone();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            let total: f64 = sorted.iter().map(|v| v.1).sum();
            let mut sum = 0.0;
            let expected = sorted.iter().find(|v| { sum += v.1; sum >= p * total * (1.0 - 1e-12) });
            prop_assert_eq!(weighted_quantile(&mut x, p), expected.map(|v| v.0));
        }

        #[test]
        fn dot_is_the_sum_of_products(x in prop::collection::vec(-9i32..9, 0..30)) {
            let x: Vec<f64> = x.into_iter().map(f64::from).collect();
            prop_assert_eq!(dot(&x, &x), x.iter().map(|v| v * v).sum::<f64>());
        }

        #[test]
        fn quantile_is_within_the_values(mut x in prop::collection::vec(-1e9f64..1e9, 1..60), p in 0.0f64..1.0) {
            let q = quantile(&mut x, p).unwrap();
            prop_assert!(x.iter().any(|v| *v <= q) && x.iter().any(|v| *v >= q));
        }
    }
}
