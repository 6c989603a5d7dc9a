//! Trend analysis of whole clusters from hourly series: `cargo bench --bench trend`.
//!
//! Half of the series are idle, as in real clusters (half of the Bitbrains guests have a mean CPU below 1.5 %);
//! the rest are flat noise, daily cycles, steps, growth and bursts in equal parts.

#![allow(missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use pve_foresight::model::HOUR;
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Params, analyze, analyze_each};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::hint::black_box;

const NOW: i64 = 1_767_571_200;

/// Kinds of series in the mix; the first five are idle.
const KINDS: usize = 10;

/// A week of hourly means; `kind` as in the mix.
fn series(kind: usize, rng: &mut ChaCha8Rng) -> Vec<Point> {
    let mut noise = 0.0;
    let level: f64 = rng.random_range(0.2..0.4);
    let at = rng.random_range(30..140);
    (0..168i64)
        .map(|h| {
            let shock: f64 = StandardNormal.sample(rng);
            noise = 0.7 * noise + 0.015 * shock;
            let shape = match kind {
                0..5 => return Point::sample(NOW - (168 - h) * HOUR, 0.01 + 0.001 * shock.abs()),
                5 => 0.0,
                6 => 0.15 * (h as f64 / 24.0 * std::f64::consts::TAU).sin(),
                7 => f64::from(u8::from(h > at)) * 0.2,
                8 => h as f64 / 168.0 * 0.2,
                _ => f64::from(u8::from(rng.random_bool(0.05))) * 0.5,
            };
            let value = (level + noise + shape).clamp(0.0, 1.0);
            Point {
                time: NOW - (168 - h) * HOUR,
                value,
                seconds: 3_600,
                count: 60,
                p95: Some(value * 1.2),
            }
        })
        .collect()
}

fn cluster(c: &mut Criterion) {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let local = LocalTime::fixed(3_600);
    let params = Params { threshold: Some(0.8), ..Params::share(NOW, 1.0, &local) };
    let names = ["idle", "", "", "", "", "flat", "daily", "step", "growth", "spikes"];
    for (kind, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let points = series(kind, rng);
        c.bench_function(&format!("series/{name}"), |b| {
            b.iter(|| analyze(black_box(&points), &params))
        });
    }
    for guests in [50, 2_000, 10_000] {
        let nodes = if guests == 50 { 3 } else { 32 };
        let all: Vec<Vec<Point>> =
            (0..guests * 6 + nodes * 6).map(|i| series(i % KINDS, rng)).collect();
        let mut group = c.benchmark_group("cluster");
        group.sample_size(10);
        group.bench_function(format!("{guests} guests, {nodes} nodes, 6 metrics, 7 days"), |b| {
            b.iter(|| analyze_each(black_box(&all), |points| analyze(points, &params)));
        });
        group.finish();
    }
}

criterion_group!(benches, cluster);
criterion_main!(benches);
