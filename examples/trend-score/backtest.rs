//! Rolling-origin backtest of the forecast on real traces.

use crate::permute::Traces;
use pve_foresight::model::{HOUR, rank_95};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Params, analyze};

/// Samples an hour.
const HOURLY: usize = 12;
/// Horizons in hours at which intervals are checked.
const HORIZONS: [usize; 5] = [1, 6, 24, 48, 72];

fn median(x: &mut [f64]) -> f64 {
    x.sort_by(f64::total_cmp);
    x.get(x.len() / 2).copied().unwrap_or(f64::NAN)
}

fn p95(x: &[f64]) -> f64 {
    let mut x = x.to_vec();
    x.sort_by(f64::total_cmp);
    rank_95(x.len()).map_or(f64::NAN, |rank| x[rank])
}

/// Prints scaled errors and interval coverage over all origins of all series.
pub(crate) fn print(traces: &Traces) {
    let local = LocalTime::utc();
    let mut inside = [0.0; 5];
    let (mut n, mut wide) = (0.0, Vec::new());
    let mut mase = [Vec::new(), Vec::new()];
    let (mut peak, mut bias) = (Vec::new(), Vec::new());
    let (mut exact, mut blended) = (Vec::new(), Vec::new());
    let mut others = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
    for s in traces.series() {
        let hours = s.len() / HOURLY;
        for origin in (168..hours.saturating_sub(72)).step_by(61) {
            let first = origin.saturating_sub(336);
            let points: Vec<Point> = s[first * HOURLY..origin * HOURLY]
                .chunks(HOURLY)
                .enumerate()
                .map(|(i, c)| Point {
                    time: (first + i) as i64 * HOUR + HOUR / 2,
                    value: c.iter().sum::<f64>() / c.len() as f64,
                    seconds: HOUR as u32,
                    count: c.len() as u32,
                    p95: Some(p95(c)),
                })
                .collect();
            let share = Params::share(origin as i64 * HOUR, 100.0, &local);
            let trend = analyze(&points, &Params { forecasts: true, ..share });
            let hour =
                |i: usize| s[i * HOURLY..(i + 1) * HOURLY].iter().sum::<f64>() / HOURLY as f64;
            let Some(_) = trend.forecast(1.0) else { continue };
            n += 1.0;
            for (k, h) in HORIZONS.iter().enumerate() {
                let f = trend.forecast(*h as f64 - 0.5).unwrap_or_else(|| unreachable!());
                let slack = 0.05;
                let actual = hour(origin + h - 1);
                inside[k] +=
                    f64::from(u8::from(actual >= f.low - slack && actual <= f.high + slack));
                if *h == 24 {
                    wide.push(f.high - f.low);
                }
            }
            let naive: f64 =
                (origin - 144..origin).map(|i| (hour(i) - hour(i - 24)).abs()).sum::<f64>() / 144.0;
            for (k, reach) in [24usize, 72].into_iter().enumerate() {
                let error: f64 = (0..reach)
                    .filter_map(|h| {
                        Some((trend.forecast(h as f64 + 0.5)?.expected - hour(origin + h)).abs())
                    })
                    .sum::<f64>()
                    / reach as f64;
                let week = (origin - 168..origin).map(hour).sum::<f64>() / 168.0;
                let simple = |f: &dyn Fn(usize) -> f64| {
                    (0..reach).map(|h| (f(h) - hour(origin + h)).abs()).sum::<f64>() / reach as f64
                };
                if naive > 0.05 {
                    mase[k].push(error / naive);
                    others[0][k].push(simple(&|h| hour(origin + h % 24 - 24)) / naive);
                    others[1][k].push(simple(&|_| week) / naive);
                }
            }
            if let Some(told) = trend.p95_7d {
                let actual = p95(&s[origin * HOURLY..(origin + 72) * HOURLY]);
                let week = p95(&s[(origin - 168) * HOURLY..origin * HOURLY]);
                let day = p95(&s[(origin - 24) * HOURLY..origin * HOURLY]);
                exact.push((week - actual).abs());
                blended.push((0.5 * (week + day) - actual).abs());
                peak.push((told - actual).abs());
                bias.push(told - actual);
            }
        }
    }
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    println!("\n## Forecast on real guests: {n} origins\n");
    println!(
        "80 % interval covers at 1, 6, 24, 48, 72 h: {:.2?}; median width at 24 h {:.2} points",
        inside.map(|v| v / n),
        median(&mut wide)
    );
    println!(
        "MASE (seasonal naive) median over 24 h {:.2}, over 72 h {:.2}",
        median(&mut mase[0]),
        median(&mut mase[1])
    );
    println!(
        "- of the same hours a day before {:.2} and {:.2}, of the week's mean {:.2} and {:.2}",
        median(&mut others[0][0]),
        median(&mut others[0][1]),
        median(&mut others[1][0]),
        median(&mut others[1][1])
    );
    println!(
        "P95 of the next 72 h: mean error {:.2}, bias {:+.2} points; exact P95 of the last 7 days {:.2}, its mean with that of the last day {:.2}",
        mean(&peak),
        mean(&bias),
        mean(&exact),
        mean(&blended)
    );
}

/// How well the last days foretell the P95 of the next 72 h, whatever the engine: on the guests above, the same over 92 days
/// and nodes of many guests.
pub(crate) fn print_peaks(traces: &Traces, long: Option<&Traces>) {
    println!(
        "\n| P95 of the next 72 h, mean error | origins | last 7 days | 0.6 of it + 0.4 of 48 h | last day |\n|---|---|---|---|---|"
    );
    peaks("busy guests, 30 days", traces.series(), HOURLY);
    peaks("nodes of 40 guests, 30 days", &traces.nodes(40, 20), HOURLY);
    let Some(long) = long else { return };
    peaks("busy guests, 92 days of half-hours", long.series(), 2);
    for guests in [10, 40] {
        peaks(&format!("nodes of {guests} guests, 92 days"), &long.nodes(guests, 20), 2);
    }
}

fn peaks(name: &str, series: &[Vec<f64>], hourly: usize) {
    let (mut n, mut errors) = (0, [0.0; 3]);
    for s in series {
        for origin in (168..(s.len() / hourly).saturating_sub(72)).step_by(61) {
            let of = |from: usize, to: usize| p95(&s[from * hourly..to * hourly]);
            let (next, week) = (of(origin, origin + 72), of(origin - 168, origin));
            let mixed = 0.6 * week + 0.4 * of(origin - 48, origin);
            for (sum, told) in errors.iter_mut().zip([week, mixed, of(origin - 24, origin)]) {
                *sum += (told - next).abs();
            }
            n += 1;
        }
    }
    let [week, mixed, day] = errors.map(|sum| sum / f64::from(n.max(1)));
    println!("| {name} | {n} | {week:.2} | {mixed:.2} | {day:.2} |");
}
