//! Laws that hold for every series: moving, scaling or reordering the data only moves or scales the answer.

use proptest::prelude::*;
use pve_foresight::model::{DAY, HOUR, Worse};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Nature, Params, Scale, Trend, analyze};

const NOW: i64 = 1_767_571_200;

/// A week or two of hourly percent values: level, slope, daily cycle, a step, noise.
fn series() -> impl Strategy<Value = Vec<Point>> {
    let parts = (30.0f64..60.0, -2.0f64..2.0, 0.0f64..15.0, -12.0f64..12.0, 20usize..150, 7i64..14);
    (parts, prop::collection::vec(-2.0f64..2.0, 336)).prop_map(
        |((level, slope, swing, size, at, days), noise)| {
            (0..days * 24)
                .map(|h| {
                    let day = h as f64 / 24.0;
                    let step = if h as usize > at { size } else { 0.0 };
                    let season = swing * (day * std::f64::consts::TAU).sin();
                    let value = level + slope * (day - 7.0) + season + step + noise[h as usize];
                    Point::sample(NOW - (days * 24 - h) * HOUR, value.clamp(0.0, 100.0))
                })
                .collect()
        },
    )
}

fn params(local: &LocalTime) -> Params<'_> {
    let share = Params::share(NOW, 100.0, local);
    Params { threshold: Some(90.0), nature: Nature::Fill, forecasts: true, ..share }
}

fn near(a: Option<f64>, b: Option<f64>, tolerance: f64) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance,
        (a, b) => a == b,
    }
}

fn same_but(a: &Trend, b: &Trend, factor: f64) -> bool {
    a.direction == b.direction
        && near(a.slope_per_day.map(|v| v * factor), b.slope_per_day, 1e-6 * factor)
        && near(Some(a.confidence), Some(b.confidence), 1e-6)
        && near(a.stability, b.stability, 1e-6)
        && a.peak_hours == b.peak_hours
        && a.changes.len() == b.changes.len()
}

proptest! {
    #[test]
    fn whole_weeks_later_nothing_differs(points in series(), weeks in 1i64..200) {
        let local = LocalTime::utc();
        let before = analyze(&points, &params(&local));
        let shift = weeks * 7 * DAY;
        let later: Vec<Point> = points.iter().map(|p| Point { time: p.time + shift, ..*p }).collect();
        let mut after = analyze(&later, &Params { now: NOW + shift, ..params(&local) });
        after.changes.iter_mut().for_each(|c| c.time -= shift);
        prop_assert_eq!(before.forecast(30.0), after.forecast(30.0));
        let text = |t: &Trend| serde_json::to_string(t).unwrap();
        prop_assert_eq!(text(&before), text(&after));
    }

    #[test]
    fn order_does_not_matter(points in series(), seed in any::<u64>()) {
        let local = LocalTime::utc();
        let mut shuffled = points.clone();
        shuffled.sort_by_key(|p| (p.time as u64).wrapping_mul(seed | 1).rotate_left(17));
        prop_assert_eq!(analyze(&points, &params(&local)), analyze(&shuffled, &params(&local)));
    }

    #[test]
    fn percent_and_fractions_are_alike(points in series()) {
        let local = LocalTime::utc();
        let fractions: Vec<Point> = points.iter().map(|p| Point { value: p.value / 100.0, ..*p }).collect();
        let scale = Scale::Share { whole: 1.0 };
        let a = analyze(&points, &params(&local));
        let b = analyze(&fractions, &Params { scale, threshold: Some(0.9), ..params(&local) });
        prop_assert!(same_but(&b, &a, 100.0), "{a:?} {b:?}");
    }

    #[test]
    fn a_level_shift_of_everything_shifts_the_level(points in series(), up in 0.0f64..8.0) {
        let local = LocalTime::utc();
        let inside: Vec<Point> = points.iter().map(|p| Point { value: p.value.clamp(12.0, 88.0), ..*p }).collect();
        let moved: Vec<Point> = inside.iter().map(|p| Point { value: p.value + up, ..*p }).collect();
        let (a, b) = (analyze(&inside, &params(&local)), analyze(&moved, &params(&local)));
        prop_assert!(same_but(&a, &b, 1.0), "{a:?} {b:?}");
        prop_assert!(near(a.level.map(|v| v + up), b.level, 1e-6));
    }

    #[test]
    fn rates_have_no_unit(points in series(), factor in 2.0f64..1e6) {
        let local = LocalTime::utc();
        let rates = Params { scale: Scale::Relative { floor: 1.0 }, threshold: None, ..params(&local) };
        let scaled: Vec<Point> = points.iter().map(|p| Point { value: p.value * factor, ..*p }).collect();
        let (a, b) = (analyze(&points, &rates), analyze(&scaled, &rates));
        prop_assert!(same_but(&a, &b, factor), "{a:?} {b:?}");
    }

    #[test]
    fn a_longer_gap_never_raises_confidence(slope in -3.0f64..3.0, start in 30i64..60, seed in 0u64..1000) {
        let local = LocalTime::utc();
        // Noise of a kind that a gap does not change: its estimate stays, only the data get fewer.
        let noise = |h: i64| ((h as u64 * 7_919 + seed) % 13) as f64 / 6.0 - 1.0;
        let confidence = |gap: i64| {
            let kept = (0..168i64).filter(|h| !(start..start + gap).contains(h));
            let points: Vec<Point> = kept
                .map(|h| Point::sample(NOW - (168 - h) * HOUR, 50.0 + slope * h as f64 / 24.0 + noise(h)))
                .collect();
            let trend = analyze(&points, &params(&local));
            (trend.direction, trend.confidence)
        };
        let all: Vec<_> = [0, 39, 78, 104].into_iter().map(confidence).collect();
        for pair in all.windows(2).filter(|w| w[0].0 == w[1].0) {
            prop_assert!(pair[1].1 <= pair[0].1 + 0.02, "{all:?}");
        }
    }

    #[test]
    fn mirrored_levels_have_mirrored_slopes(points in series()) {
        let local = LocalTime::utc();
        let mirrored: Vec<Point> = points.iter().map(|p| Point { value: 100.0 - p.value, ..*p }).collect();
        let inside = points.iter().all(|p| (3.0..97.0).contains(&p.value));
        prop_assume!(inside);
        let a = analyze(&points, &params(&local));
        let low = Params { threshold: Some(10.0), worse: Worse::Low, ..params(&local) };
        let b = analyze(&mirrored, &low);
        prop_assert!(near(a.slope_per_day.map(|v| -v), b.slope_per_day, 1e-6));
        prop_assert_eq!(a.direction.is_trend(), b.direction.is_trend());
        let hours = |t: &Trend| t.projection.and_then(|p| p.level.hours());
        prop_assert!(near(hours(&a), hours(&b), 1e-3), "{:?} {:?}", a.projection, b.projection);
    }

    #[test]
    fn nothing_is_ever_infinite(
        values in prop::collection::vec((any::<i64>(), any::<f64>()), 0..80),
        now in any::<i64>(), lookback in any::<u32>(), relative in any::<bool>(),
    ) {
        let local = LocalTime::utc();
        let points: Vec<Point> = values.iter().map(|(t, v)| Point::sample(*t, *v)).collect();
        let near_now: Vec<Point> = values
            .iter()
            .map(|(t, v)| Point::sample(now.saturating_sub(t.rem_euclid(9 * DAY)), v.abs() % 101.0))
            .collect();
        let scale = if relative { Scale::Relative { floor: 1.0 } } else { Scale::Share { whole: 100.0 } };
        for points in [points, near_now] {
            let asked = Params { now, lookback_hours: lookback, scale, ..params(&local) };
            let text = serde_json::to_string(&analyze(&points, &asked)).unwrap();
            // serde_json writes what is not finite as null: numbers that must be there are there.
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert!(value["confidence"].is_f64() && value["seasonal_strength"].is_f64(), "{}", text);
            if value["direction"] != "unknown" {
                prop_assert!(value["slope_per_day"].is_f64() && value["stability"].is_f64(), "{}", text);
            }
        }
    }
}
