//! Order statistics and robust scales.

pub use super::lanes::{count, dot, extremes, sum};
use super::{Buffer, Column};

/// Factor that makes the median absolute deviation of a normal sample its standard deviation.
pub const MAD_TO_SD: f64 = 1.4826;
/// Factor that makes the mean absolute deviation of a normal sample its standard deviation.
pub const MEAN_DEVIATION_TO_SD: f64 = 1.2533;

/// Arithmetic mean; 0 of nothing.
pub fn mean(x: &[f64]) -> f64 {
    if x.is_empty() { 0.0 } else { sum(x, |v| v) / x.len() as f64 }
}

/// Variance around the mean, divided by n; 0 of nothing.
pub fn variance(x: &[f64]) -> f64 {
    let m = mean(x);
    if x.is_empty() { 0.0 } else { sum(x, |v| (v - m).powi(2)) / x.len() as f64 }
}

/// Order of finite numbers: one machine comparison, where `total_cmp` needs five operations. The
/// values here are finite, so the order is total all the same.
pub fn ascending(a: &f64, b: &f64) -> std::cmp::Ordering {
    a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)
}

/// Quantile `p` of `x` by linear interpolation (Hyndman & Fan 1996, definition 7); reorders `x`.
///
/// O(n) by selection. `None` of nothing.
pub fn quantile(x: &mut [f64], p: f64) -> Option<f64> {
    let last = x.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let low = place.floor() as usize;
    let part = place - low as f64;
    if (low < EDGE || last - low < EDGE)
        && let Some(found) = near_the_end(x, low, part)
    {
        return Some(found);
    }
    let (a, b) = by_shelves(x, low, None).unwrap_or_else(|| {
        let (_, &mut a, above) = x.select_nth_unstable_by(low, ascending);
        (a, above.iter().copied().fold(f64::INFINITY, f64::min))
    });
    Some(if part == 0.0 { a } else { a + part * (b - a) })
}

/// Shelves of equal width that values are put on to find one by its rank, and how many values there may be.
const SHELVES: f64 = 64.0;
const SHELVED: usize = 512;
const LEAST_SHELVED: usize = 48;

/// The values of rank `low` and of the next one, looked for on the one shelf that `low` is on. `None` where that is
/// no gain: too few or too many values, or most of them on that shelf. `within` are bounds of the values, where known.
/// O(n), without branches that cannot be foretold.
fn by_shelves(x: &[f64], low: usize, within: Option<(f64, f64)>) -> Option<(f64, f64)> {
    if x.len() < LEAST_SHELVED || x.len() > SHELVED {
        return None;
    }
    let shelves = Shelves::over(within.unwrap_or_else(|| extremes(x)))?;
    // Neighbours are counted apart: they are often alike, and a count has to be written before it is read again.
    let (mut of, mut counts) = ([0u8; SHELVED], [[0u16; 256]; 2]);
    let (of, mut put) = (&mut of[..x.len()], |of: &mut [u8], x: &[f64]| {
        for (i, (of, v)) in of.iter_mut().zip(x).enumerate() {
            *of = shelves.of(*v);
            counts[i % 2][usize::from(*of)] += 1;
        }
    });
    let ((x4, x_rest), (of4, of_rest)) = (x.as_chunks::<4>(), of.as_chunks_mut::<4>());
    of4.iter_mut().zip(x4).for_each(|(of, x)| put(of, x));
    put(of_rest, x_rest);
    let of = &*of;
    let count = |shelf: usize| usize::from(counts[0][shelf] + counts[1][shelf]);
    let (mut shelf, mut before) = (0, 0);
    while before + count(shelf) <= low {
        before += count(shelf);
        shelf += 1;
    }
    let (mut few, mut found) = ([0.0; FEW], 0);
    let few = few.get_mut(..count(shelf))?;
    on_shelf(of, shelf as u8, |i| {
        few[found] = x[i];
        found += 1;
    });
    few.sort_unstable_by(ascending);
    let next = few.get(low - before + 1).copied().unwrap_or_else(|| {
        let beyond = x.iter().zip(of).filter(|(_, of)| usize::from(**of) > shelf);
        beyond.fold(f64::INFINITY, |least, (v, _)| least.min(*v))
    });
    Some((few[low - before], next))
}

/// Calls `found` with each place of `shelf` in `of`, in order; eight places are refused at once.
fn on_shelf(of: &[u8], shelf: u8, mut found: impl FnMut(usize)) {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let wanted = ONES * u64::from(shelf);
    let (eights, rest) = of.as_chunks::<8>();
    for (k, eight) in eights.iter().enumerate() {
        let differs = u64::from_le_bytes(*eight) ^ wanted;
        // The highest bit of each byte that is zero, of no other.
        let mut same = !(((differs & !HIGH) + !HIGH) | differs) & HIGH;
        while same != 0 {
            found(8 * k + (same.trailing_zeros() / 8) as usize);
            same &= same - 1;
        }
    }
    let first = 8 * eights.len();
    rest.iter().enumerate().filter(|(_, of)| **of == shelf).for_each(|(i, _)| found(first + i));
}

/// Which shelf a value is on: from the least to the greatest value, about [`SHELVES`] of them.
struct Shelves {
    least: f64,
    per_unit: f64,
}

impl Shelves {
    /// Numbers above this have no fraction, and their last byte counts whole numbers.
    const WHOLE: f64 = (1u64 << 52) as f64;

    /// `None` where all values are the same, or none can be told from the others.
    fn over((least, greatest): (f64, f64)) -> Option<Self> {
        let per_unit = SHELVES / (greatest - least);
        (per_unit > 0.0 && per_unit.is_finite()).then_some(Self { least, per_unit })
    }

    /// Never less for a greater value.
    fn of(&self, v: f64) -> u8 {
        ((v - self.least) * self.per_unit + Self::WHOLE).to_bits() as u8
    }
}

/// Ranks this close to an end are looked for among the few values beyond them.
const EDGE: usize = 10;
/// Strides whose extremes bound those values, and how many there may be.
const LANES: usize = 16;
const FEW: usize = 64;

/// The value of rank `low`, moved by `part` of the way to the next, where one of the ends is less than
/// [`EDGE`] ranks away. `None` where too many values are that near. O(n).
fn near_the_end(x: &[f64], low: usize, part: f64) -> Option<f64> {
    let (side, rank) = match low < EDGE {
        true => (1.0, low),
        false => (-1.0, x.len() - 1 - low),
    };
    // Each stride has its least value, so as many values as strides are that low.
    let mut least = [f64::INFINITY; LANES];
    for chunk in x.chunks(LANES) {
        for (least, v) in least.iter_mut().zip(chunk) {
            let v = side * v;
            *least = if v < *least { v } else { *least };
        }
    }
    least.sort_unstable_by(ascending);
    let bound = least[rank + 1];
    let (mut few, mut found) = ([0.0; FEW], 0);
    for v in x {
        // Always written: what cannot be foretold costs more as a branch.
        few[found.min(FEW - 1)] = side * v;
        found += usize::from(side * v <= bound);
    }
    let few = few.get_mut(..found)?;
    few.sort_unstable_by(ascending);
    let at = |rank: usize| side * few[rank.min(found - 1)];
    let next = match (part == 0.0, side > 0.0) {
        (true, _) => rank,
        (_, true) => rank + 1,
        _ => rank - 1,
    };
    Some(at(rank) + part * (at(next) - at(rank)))
}

/// Median; reorders `x`. 0 of nothing.
pub fn median(x: &mut [f64]) -> f64 {
    quantile(x, 0.5).unwrap_or(0.0)
}

/// Median of values that keep their order and lie within some bounds.
fn median_within(x: &[f64], bounds: (f64, f64), buffer: &mut Vec<f64>) -> f64 {
    match by_shelves(x, x.len().saturating_sub(1) / 2, Some(bounds)) {
        Some((a, b)) if x.len().is_multiple_of(2) => a + 0.5 * (b - a),
        Some((a, _)) => a,
        None => {
            buffer.clear();
            buffer.extend_from_slice(x);
            median(buffer)
        }
    }
}

/// The median of some values, and the largest distance of any from it.
struct Center {
    median: f64,
    farthest: f64,
}

impl Center {
    fn of(x: &[f64], buffer: &mut Vec<f64>) -> Self {
        let (least, greatest) = extremes(x);
        let median = median_within(x, (least, greatest), buffer);
        Self { median, farthest: (greatest - median).max(median - least) }
    }

    /// Robust standard deviation around it: scaled MAD, or the scaled mean absolute deviation where more than half of the
    /// values are equal.
    fn scale(&self, x: &[f64], buffer: &mut Vec<f64>) -> f64 {
        let away: Buffer = x.iter().map(|v| (v - self.median).abs()).collect();
        match median_within(&away, (0.0, self.farthest), buffer) * MAD_TO_SD {
            mad if mad > 0.0 => mad,
            _ => MEAN_DEVIATION_TO_SD * mean(&away),
        }
    }
}

/// Median and robust standard deviation around it.
pub fn center_and_scale(x: &[f64], buffer: &mut Vec<f64>) -> (f64, f64) {
    let center = Center::of(x, buffer);
    (center.median, center.scale(x, buffer))
}

/// Clips `x` to median +- `width` robust standard deviations; returns that standard deviation and
/// whether anything was clipped.
pub fn clip(x: &mut [f64], width: f64, buffer: &mut Vec<f64>) -> (f64, bool) {
    let (center, scale) = center_and_scale(x, buffer);
    (scale, clip_to(x, center - width * scale, center + width * scale))
}

/// The same where only the clipped values are asked for: one median less where nothing can be outside.
pub fn clip_outliers(x: &mut [f64], width: f64, buffer: &mut Vec<f64>) -> bool {
    let center = Center::of(x, buffer);
    let median = center.median;
    // Nothing is outside if the median deviation is as large as this, so if more than half of all are.
    let enough = center.farthest / (width * MAD_TO_SD) * (1.0 + 1e-9);
    if 2 * count(x, |v| (v - median).abs() >= enough) > x.len() as u64 {
        return false;
    }
    let far = width * center.scale(x, buffer);
    clip_to(x, median - far, median + far)
}

/// Clips `x` to `low` .. `high`; returns whether anything was outside.
pub fn clip_to(x: &mut [f64], low: f64, high: f64) -> bool {
    let outside = count(x, |v| v < low || v > high) > 0;
    if outside {
        x.iter_mut().for_each(|v| *v = v.clamp(low, high));
    }
    outside
}

/// Mean of non-negative values without the `left_out` largest; 0 of nothing. O(n) for few left out.
pub fn mean_without_largest(x: &[f64], left_out: usize) -> f64 {
    let kept = x.len().saturating_sub(left_out);
    if kept == 0 {
        return 0.0;
    }
    let mut largest = vec![0.0; left_out];
    let mut entry = if left_out > 0 { 0.0 } else { f64::INFINITY };
    for v in x.iter() {
        if *v > entry {
            let place = largest.iter().rposition(|l| v > l).unwrap_or(0);
            largest[..=place].rotate_left(1);
            largest[place] = *v;
            entry = largest[0];
        }
    }
    (sum(x, |v| v) - largest.iter().sum::<f64>()).max(0.0) / kept as f64
}

/// Median of each value and its neighbours, `width` (odd) in all, fewer at the ends. O(n) for a width of 5 or 9.
pub fn running_median(x: &[f64], width: usize, out: &mut Vec<f64>) {
    let (n, half) = (x.len(), width / 2);
    out.clear();
    out.resize(n, 0.0);
    let mut window = Buffer::with_capacity(width);
    let mut sorted = |i: usize| {
        window.clear();
        window.extend_from_slice(&x[i.saturating_sub(half)..(i + half + 1).min(n)]);
        window.sort_unstable_by(ascending);
        0.5 * (window[(window.len() - 1) / 2] + window[window.len() / 2])
    };
    let whole = match width {
        5 | 9 if n >= width => half..n - half,
        _ => n..n,
    };
    (0..whole.start).chain(whole.end..n).for_each(|i| out[i] = sorted(i));
    match width {
        5 => medians_of_five(x, &mut out[whole]),
        9 => medians_of_nine(x, &mut out[whole]),
        _ => {}
    }
}

/// Medians of each five values in a row: the third lies between the lesser and the greater of two pairs.
fn medians_of_five(x: &[f64], out: &mut [f64]) {
    for (out, w) in out.iter_mut().zip(x.windows(5)) {
        let (a, b) = (in_order(w[0], w[1]), in_order(w[3], w[4]));
        *out = middle(w[2], in_order(a.0, b.0).1, in_order(a.1, b.1).0);
    }
}

/// Medians of each nine values in a row, by the comparisons of Paeth 1990: every three are put in order once; the median
/// of nine is that of the greatest least, the median middle and the least greatest of three threes.
fn medians_of_nine(x: &[f64], out: &mut [f64]) {
    let threes = x.len().saturating_sub(2);
    let columns = || Buffer::filled(threes, 0.0);
    let (mut least, mut median, mut greatest) = (columns(), columns(), columns());
    let three = least.iter_mut().zip(median.iter_mut()).zip(greatest.iter_mut());
    for (((least, median), greatest), w) in three.zip(x.windows(3)) {
        let (a, b) = in_order(w[0], w[1]);
        let (b, c) = in_order(b, w[2]);
        let (a, b) = in_order(a, b);
        (*least, *median, *greatest) = (a, b, c);
    }
    // The first, the fourth and the seventh three make nine values.
    let third =
        |column: &Buffer, i: usize| -> [f64; 3] { [column[i], column[i + 3], column[i + 6]] };
    for (i, out) in out.iter_mut().enumerate() {
        let ([a, b, c], [d, e, f], [g, h, j]) =
            (third(&least, i), third(&median, i), third(&greatest, i));
        let most = in_order(in_order(a, b).1, c).1;
        let fewest = in_order(in_order(g, h).0, j).0;
        *out = middle(most, middle(d, e, f), fewest);
    }
}

/// The lesser and the greater of two, without a branch.
#[inline(always)]
fn in_order(a: f64, b: f64) -> (f64, f64) {
    (if b < a { b } else { a }, if b < a { a } else { b })
}

/// The middle one of three.
#[inline(always)]
fn middle(a: f64, b: f64, c: f64) -> f64 {
    let (low, high) = in_order(a, b);
    in_order(low, in_order(high, c).0).1
}

/// Ranks from 0, ties get their mean rank.
pub fn ranks(x: &[f64]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = x.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|a, b| ascending(&a.0, &b.0));
    let mut ranks = vec![0.0; x.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && order[end].0 == order[start].0 {
            end += 1;
        }
        for &(_, i) in &order[start..end] {
            ranks[i] = 0.5 * (start + end - 1) as f64;
        }
        start = end;
    }
    ranks
}

/// So few values are put in order.
const SORTED: usize = 96;

/// Quantile `p` of values `x` with as many weights: the smallest value with at least that share of the weight at or
/// below it; both are used up. `None` without weight. O(n): of many values those of one shelf are left, then of these.
pub fn weighted_quantile(x: &mut [f64], weights: &mut [f64], p: f64) -> Option<f64> {
    let total = sum(weights, |w| w);
    if total <= 0.0 {
        return None;
    }
    // A hair of slack: 0.95 of 20 equal weights is the 19th value, whatever the rounding.
    let mut wanted = p * total * (1.0 - 1e-12);
    let (mut x, mut weights) = (x, weights);
    while x.len() > SORTED
        && let Some(shelves) = Shelves::over(extremes(x))
    {
        let of: Column<u8> = x.iter().map(|v| shelves.of(*v)).collect();
        let mut loads = [0.0; 256];
        for (shelf, weight) in of.iter().zip(&*weights) {
            loads[usize::from(*shelf)] += weight;
        }
        let mut below = 0.0;
        let reached = loads.iter().position(|load| {
            below += load;
            below >= wanted
        });
        // By rounding all shelves may add up to a hair less: then it is on the last one.
        let last = || loads.iter().rposition(|load| *load > 0.0).unwrap_or(0);
        let shelf = reached.unwrap_or_else(last);
        wanted -= below - loads[shelf];
        let (mut inside, all) = (0, x.len());
        on_shelf(&of, shelf as u8, |i| {
            (x[inside], weights[inside]) = (x[i], weights[i]);
            inside += 1;
        });
        (x, weights) = (&mut x[..inside], &mut weights[..inside]);
        if inside == all {
            break;
        }
    }
    let mut few: Vec<(f64, f64)> = x.iter().copied().zip(weights.iter().copied()).collect();
    few.sort_unstable_by(|a, b| ascending(&a.0, &b.0));
    let mut below = 0.0;
    let reached = few.iter().find(|v| {
        below += v.1;
        below >= wanted
    });
    reached.or(few.last()).map(|v| v.0)
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
        let of = |p| weighted_quantile(&mut [1.0, 9.0, 5.0], &mut [1.0, 2.0, 1.0], p);
        assert_eq!(of(0.5), Some(5.0));
        assert_eq!(of(0.51), Some(9.0));
        assert_eq!(weighted_quantile(&mut [], &mut [], 0.5), None);
    }

    proptest! {
        #[test]
        fn running_median_is_the_median_of_each_window(
            x in prop::collection::vec(-9i32..9, 0..40), half in 1usize..5,
        ) {
            let x: Vec<f64> = x.into_iter().map(f64::from).collect();
            let mut out = Vec::new();
            running_median(&x, 2 * half + 1, &mut out);
            for i in 0..x.len() {
                let mut w = x[i.saturating_sub(half)..(i + half + 1).min(x.len())].to_vec();
                prop_assert_eq!(out[i], median(&mut w));
            }
        }

        #[test]
        fn outliers_are_clipped_alike_by_either_way(
            x in prop::collection::vec(prop_oneof![-9.0f64..9.0, -90.0f64..90.0], 0..60), width in 0.5f64..4.0,
        ) {
            let (mut one, mut other, mut buffer) = (x.clone(), x, Vec::new());
            let outside = clip(&mut one, width, &mut buffer).1;
            prop_assert_eq!(clip_outliers(&mut other, width, &mut buffer), outside);
            prop_assert_eq!(one, other);
        }

        #[test]
        fn weighted_quantile_agrees_with_sorting(
            x in prop::collection::vec((0i32..90, 1i32..5), 1..300), p in 0.01f64..0.99,
        ) {
            let x: Vec<(f64, f64)> = x.into_iter().map(|(v, w)| (v.into(), w.into())).collect();
            let mut sorted = x.clone();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            let total: f64 = sorted.iter().map(|v| v.1).sum();
            let mut sum = 0.0;
            let expected = sorted.iter().find(|v| { sum += v.1; sum >= p * total * (1.0 - 1e-12) });
            let (mut values, mut weights): (Vec<f64>, Vec<f64>) = x.into_iter().unzip();
            prop_assert_eq!(weighted_quantile(&mut values, &mut weights, p), expected.map(|v| v.0));
        }

        #[test]
        fn quantile_agrees_with_sorting(
            mut x in prop::collection::vec(
                prop_oneof![4 => -9.0f64..9.0, 2 => (-9i32..9).prop_map(f64::from), 1 => -1e9f64..1e9], 1..600,
            ),
            p in 0.0f64..1.0,
        ) {
            let told = quantile(&mut x, p).unwrap();
            x.sort_by(f64::total_cmp);
            let place = p * (x.len() - 1) as f64;
            let (a, b) = (x[place.floor() as usize], x[place.ceil() as usize]);
            prop_assert!((told - (a + place.fract() * (b - a))).abs() <= 1e-12 * (1.0 + a.abs() + b.abs()));
        }

        #[test]
        fn the_largest_are_left_out(x in prop::collection::vec(0i32..99, 0..40), k in 0usize..5) {
            let mut x: Vec<f64> = x.into_iter().map(f64::from).collect();
            let told = mean_without_largest(&x, k);
            x.sort_by(f64::total_cmp);
            prop_assert!((told - mean(&x[..x.len().saturating_sub(k)])).abs() < 1e-9);
        }

        #[test]
        fn quantile_is_within_the_values(mut x in prop::collection::vec(-1e9f64..1e9, 1..60), p in 0.0f64..1.0) {
            let q = quantile(&mut x, p).unwrap();
            prop_assert!(x.iter().any(|v| *v <= q) && x.iter().any(|v| *v >= q));
        }
    }
}
