//! Sums and extremes of a column, several values at a time: a processor that has to wait for each addition does nothing
//! else meanwhile.

/// Lanes of a sum.
const LANES: usize = 8;

/// Sum of what is made `of` each value.
pub fn sum(x: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (eights, rest) = x.as_chunks::<LANES>();
    for eight in eights {
        (0..LANES).for_each(|i| lanes[i] += of(eight[i]));
    }
    together(lanes) + rest.iter().map(|v| of(*v)).sum::<f64>()
}

/// Sum of products.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut lanes, n) = ([0.0; LANES], a.len().min(b.len()));
    let ((a, last_a), (b, last_b)) = (a[..n].as_chunks::<LANES>(), b[..n].as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        (0..LANES).for_each(|i| lanes[i] += a[i] * b[i]);
    }
    together(lanes) + last_a.iter().zip(last_b).map(|(a, b)| a * b).sum::<f64>()
}

fn together(lanes: [f64; LANES]) -> f64 {
    let half = |i: usize| (lanes[i] + lanes[i + 4]) + (lanes[i + 2] + lanes[i + 6]);
    half(0) + half(1)
}

/// The least and the greatest value; infinite of nothing.
pub fn extremes(x: &[f64]) -> (f64, f64) {
    let (mut least, mut greatest) = ([f64::INFINITY; 4], [f64::NEG_INFINITY; 4]);
    let (fours, rest) = x.as_chunks::<4>();
    for four in fours {
        least = std::array::from_fn(|i| lesser(four[i], least[i]));
        greatest = std::array::from_fn(|i| greater(four[i], greatest[i]));
    }
    (
        least.iter().chain(rest).fold(f64::INFINITY, |a, b| lesser(a, *b)),
        greatest.iter().chain(rest).fold(f64::NEG_INFINITY, |a, b| greater(a, *b)),
    )
}

/// The lesser and the greater of two numbers by one instruction each: unlike `min` and `max` they need not mind NaN.
#[inline(always)]
fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline(always)]
pub(super) fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// How many values are so. Words as wide as the values, so that two are counted at once.
pub fn count(x: &[f64], so: impl Fn(f64) -> bool) -> u64 {
    x.iter().map(|v| u64::from(so(*v))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dot_is_the_sum_of_products(x in prop::collection::vec(-9i32..9, 0..30)) {
            let x: Vec<f64> = x.into_iter().map(f64::from).collect();
            prop_assert_eq!(dot(&x, &x), x.iter().map(|v| v * v).sum::<f64>());
        }

        #[test]
        fn lanes_tell_what_a_loop_does(x in prop::collection::vec(-9i32..9, 0..40)) {
            let x: Vec<f64> = x.into_iter().map(f64::from).collect();
            prop_assert_eq!(sum(&x, |v| v * v), dot(&x, &x));
            prop_assert_eq!(count(&x, |v| v > 3.0) as usize, x.iter().filter(|v| **v > 3.0).count());
            let least = x.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(extremes(&x), (least, greatest));
        }
    }
}
