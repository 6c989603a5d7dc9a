//! The statistics against SciPy, NumPy, statsmodels and pymannkendall; `tests/reference/trend.py`
//! made the values and says how.

use pve_foresight::series::Buffer;
use pve_foresight::series::dist::{t_cdf, t_quantile, t_two_sided};
use pve_foresight::series::fit::Design;
use pve_foresight::series::longrun::long_run;
use pve_foresight::series::{LocalTime, Point, profile, stats};
use pve_foresight::trend::{Direction, Params, analyze};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("../reference/trend.json")).unwrap()
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn rows(v: &Value) -> Vec<Vec<f64>> {
    v.as_array().unwrap().iter().map(numbers).collect()
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} is not {b}");
}

#[test]
fn students_t_is_scipys() {
    for row in rows(&reference()["t_cdf"]) {
        close(t_cdf(row[0], row[1]), row[2], 1e-10);
        let two_sided = 2.0 * row[2].min(1.0 - row[2]);
        close(t_two_sided(row[0], row[1]), two_sided, 1e-10);
    }
    for row in rows(&reference()["t_quantile"]) {
        close(t_quantile(row[0], row[1]), row[2], 1e-6);
    }
}

#[test]
fn order_statistics_are_numpys_and_scipys() {
    let r = reference();
    let sample = numbers(&r["sample"]);
    for row in rows(&r["quantiles"]) {
        close(stats::quantile(&mut sample.clone(), row[0]).unwrap(), row[1], 1e-12);
    }
    let (_, mad) = stats::center_and_scale(&sample, &mut Vec::new());
    close(mad, r["mad"].as_f64().unwrap(), 1e-12);
    let rounded: Vec<f64> = sample.iter().map(|v| v.round_ties_even()).collect();
    assert_eq!(stats::ranks(&rounded), numbers(&r["ranks"]));
}

#[test]
fn least_squares_is_statsmodels() {
    let r = &reference()["ols"];
    let t = numbers(&r["t"]);
    let step = t.iter().map(|t| f64::from(u8::from(*t >= -3.0))).collect();
    let design = Design::of(vec![Buffer::filled(t.len(), 1.0), Buffer::of(&t), step]);
    let beta = design.solve(&numbers(&r["y"]));
    numbers(&r["beta"]).iter().zip(&beta).for_each(|(a, b)| close(*b, *a, 1e-9));
    let covariance = numbers(&r["unscaled_covariance"]);
    let (_, inverse) = design.into_parts();
    covariance.iter().zip(&inverse).for_each(|(a, b)| close(*b, *a, 1e-9));
}

#[test]
fn hour_effects_are_those_of_a_regression_with_dummies() {
    let r = &reference()["hours"];
    let y = numbers(&r["y"]);
    let t: Vec<f64> = (0..y.len()).map(|i| i as f64 / 24.0).collect();
    let group: Vec<u8> = (0..y.len()).map(|i| (i % 24) as u8).collect();
    let p = profile::fit(&t, &y, &group, 24).unwrap();
    // Clipping at 3 standard deviations moves a few values; nothing else may differ.
    close(p.slope, r["slope"].as_f64().unwrap(), 0.01);
    numbers(&r["effects"]).iter().zip(&p.effect).for_each(|(a, b)| assert!((a - b).abs() < 0.25));
}

#[test]
fn long_run_variance_is_that_of_the_process() {
    for row in rows(&reference()["arma_inflation"]) {
        let rng = &mut ChaCha8Rng::seed_from_u64(7);
        let (mut x, mut before) = (Vec::new(), 0.0);
        for _ in 0..60_000 {
            let shock: f64 = StandardNormal.sample(rng);
            let last: f64 = x.last().copied().unwrap_or(0.0);
            x.push(row[0] * last + shock + row[1] * before);
            before = shock;
        }
        let keys: Vec<i64> = (0..x.len() as i64).collect();
        close(long_run(&x, &keys, 0.0, 0.0).inflation(), row[2], 0.15);
    }
}

#[test]
fn plain_trends_are_those_of_mann_kendall_and_sen() {
    let local = LocalTime::utc();
    let now = 1_767_571_200;
    for case in reference()["mann_kendall"].as_array().unwrap() {
        let y = numbers(&case["y"]);
        let time = |i: usize| now - (y.len() - i) as i64 * 3_600;
        let points: Vec<Point> =
            y.iter().enumerate().map(|(i, v)| Point::sample(time(i), *v)).collect();
        let params = Params { lookback_hours: 336, ..Params::share(now, 100.0, &local) };
        let trend = analyze(&points, &params);
        let sen = case["sen_slope_per_day"].as_f64().unwrap();
        // Significance alone is no claim: below 3 points over the window a slope does not matter.
        let material = (sen * 14.0).abs() >= 3.0;
        let expected = match case["trend"].as_str().unwrap() {
            _ if !material => Direction::Stable,
            "increasing" => Direction::SustainedIncrease,
            "decreasing" => Direction::SustainedDecrease,
            _ => Direction::Stable,
        };
        assert_eq!(trend.direction, expected);
        assert!(
            (trend.slope_per_day.unwrap() - sen).abs() < 0.03,
            "{:?} {sen}",
            trend.slope_per_day
        );
    }
}
