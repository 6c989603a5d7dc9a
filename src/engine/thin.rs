//! What a plot can show: many values become fewer that still have every peak and every gap.

use crate::model::Bucket;

/// At most `points` values (at least 2 are allowed), oldest first, for buckets that are in order.
///
/// Time is cut into slices of equal length; the values that start in a slice become one, a slice
/// without values none, so gaps stay gaps. Slices begin at multiples of their length: a plot that
/// is drawn again a minute later does not flicker. Extremes are exact, averages weighted by the
/// number of samples; the 95th percentile is the largest of those merged, an upper bound of the
/// true one.
pub(super) fn thinned(buckets: Vec<Bucket>, points: usize) -> Vec<Bucket> {
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return buckets };
    let slices = i64::try_from(points.max(2) - 1).unwrap_or(i64::MAX);
    if buckets.len() <= points.max(2) {
        return buckets;
    }
    // A span of n - 1 slice lengths touches at most n slices.
    let width = last.start.saturating_sub(first.start).unsigned_abs().div_ceil(slices as u64);
    let width = i64::try_from(width).unwrap_or(i64::MAX).max(1);
    let mut thin: Vec<Bucket> = Vec::with_capacity(points);
    for bucket in buckets {
        let slice = |b: &Bucket| b.start.div_euclid(width);
        match thin.last_mut().filter(|last| slice(last) == slice(&bucket)) {
            Some(last) => *last = merged(last, &bucket),
            None => thin.push(bucket),
        }
    }
    thin
}

/// Two buckets as one that reaches from the start of `a` to the end of `b`.
fn merged(a: &Bucket, b: &Bucket) -> Bucket {
    let end = b.start.saturating_add(i64::from(b.seconds));
    let (m, n) = (f64::from(a.count), f64::from(b.count));
    Bucket {
        start: a.start,
        seconds: u32::try_from(end.saturating_sub(a.start)).unwrap_or(u32::MAX),
        count: a.count.saturating_add(b.count),
        min: a.min.min(b.min),
        max: a.max.max(b.max),
        avg: (a.avg * m + b.avg * n) / (m + n),
        p95: a.p95.max(b.p95),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_stay_as_they_are() {
        let two = vec![Bucket::single(5, 1.0), Bucket::single(65, 2.0)];
        assert_eq!(thinned(two.clone(), 2), two);
        assert_eq!(thinned(two.clone(), 0), two);
        assert_eq!(thinned(Vec::new(), 10), []);
    }

    #[test]
    fn minutes_become_slices_with_peak_mean_and_gap() {
        let time = |i: i64| 6_000 + i * 60;
        let minutes = (0..100).filter(|i| !(40..60).contains(i));
        let values: Vec<Bucket> =
            minutes.map(|i| Bucket::single(time(i), if i == 13 { 9.0 } else { 1.0 })).collect();
        let thin = thinned(values, 11);
        assert!(thin.len() <= 11 && thin.len() >= 8, "{}", thin.len());
        assert_eq!(thin.iter().map(|b| b.count).sum::<u32>(), 80);
        let peak = thin.iter().find(|b| b.max == 9.0).unwrap();
        assert_eq!((peak.min, peak.p95), (1.0, 9.0));
        assert!(peak.avg > 1.0 && peak.avg < 3.0);
        let within_gap = |b: &&Bucket| b.start > time(40) && b.start < time(60);
        assert_eq!(thin.iter().find(within_gap), None, "a gap stays one");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_never_too_many(
            gaps in prop::collection::vec((1i64..10_000, 1u32..100, -5.0f64..5.0), 1..400),
            points in 0usize..50,
        ) {
            let mut time = -50_000;
            let values: Vec<Bucket> = gaps.iter().map(|&(gap, count, value)| {
                time += gap;
                Bucket { count, ..Bucket::single(time, value) }
            }).collect();
            let thin = thinned(values.clone(), points);
            prop_assert!(thin.len() <= points.max(2));
            let count = |all: &[Bucket]| all.iter().map(|b| u64::from(b.count)).sum::<u64>();
            prop_assert_eq!(count(&thin), count(&values));
            let largest = |all: &[Bucket]| all.iter().map(|b| b.max).fold(f64::MIN, f64::max);
            prop_assert_eq!(largest(&thin), largest(&values));
            prop_assert!(thin.windows(2).all(|w| w[0].start < w[1].start));
        }
    }
}
