//! The store's hot paths: `cargo bench --bench store`. Figures and limits: docs/performance.md.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may stop where it stands")]

#[path = "../tests/store_support/mod.rs"]
mod store_support;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pve_foresight::model::{GuestMetric, Metric};
use pve_foresight::store::{Detail, Entity, Fleet, Reader, Resolution, Writer};
use std::cell::RefCell;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use store_support::workload::Workload;
use store_support::*;

const SIZES: [u32; 3] = [50, 2_000, 10_000];

/// Seven days of hourly rows and 48 hours of samples, most hours made from few ticks: readers do
/// not see the difference, and filling takes seconds instead of minutes.
fn filled(workload: &Workload, dir: &Path) -> i64 {
    let (end, recent) = (START + 7 * DAY, START + 5 * DAY);
    let ticks = (START..recent).step_by(1_800).chain((recent..end).step_by(60));
    let mut writer = Writer::open(dir).unwrap();
    writer.append_all(ticks.map(|ts| workload.tick(ts))).unwrap();
    writer.compress(end).unwrap();
    end
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append_one_tick");
    for guests in SIZES {
        let Some(workload) = Workload::new(guests) else { return };
        // In memory: the figure is CPU with one write, not the disk's patience.
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let mut writer = Writer::open(dir.path()).unwrap();
        let ticks: Vec<_> = (0..60).map(|i| workload.tick(START + i * 60)).collect();
        writer.append(&ticks[0]).unwrap();
        let writer = RefCell::new(writer);
        let mut second = START;
        group.bench_function(BenchmarkId::from_parameter(guests), |b| {
            b.iter_batched(
                || {
                    second += 1;
                    if second == START + 3_599 {
                        second = START + 1;
                        *writer.borrow_mut() = beside(dir.path(), &ticks[0]);
                    }
                    let mut tick = ticks[second as usize % 60].clone();
                    tick.ts = second;
                    tick
                },
                |tick| black_box(writer.borrow_mut().append_all([&tick]).unwrap()),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// A fresh store: an hour has only 3,600 seconds.
fn beside(dir: &Path, first: &pve_foresight::model::Tick) -> Writer {
    let other = dir.join(format!("x{}", fs::read_dir(dir).unwrap().count()));
    let mut writer = Writer::open(&other).unwrap();
    writer.append(first).unwrap();
    writer
}

fn roll(c: &mut Criterion) {
    let mut group = c.benchmark_group("roll_one_hour");
    group.sample_size(20);
    for guests in SIZES {
        let Some(workload) = Workload::new(guests) else { return };
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path()).unwrap();
        let ticks = (0..60).map(|i| workload.tick(START + i * 60));
        writer.append_all(ticks).unwrap();
        group.bench_function(BenchmarkId::from_parameter(guests), |b| {
            b.iter_batched(
                || fs::remove_dir_all(dir.path().join("hour")).unwrap_or_default(),
                |()| assert_eq!(writer.compress(START + HOUR).unwrap().rows, 1),
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn read(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    group.sample_size(20);
    for guests in SIZES {
        let Some(workload) = Workload::new(guests) else { return };
        let dir = tempfile::tempdir().unwrap();
        let end = filled(&workload, dir.path());
        let reader = Reader::open(dir.path()).unwrap();
        let all = |resolution| {
            let fleet = reader.fleet(START..end, resolution, Detail::Typical).unwrap();
            assert_eq!(fleet.guests.len(), guests as usize);
            fleet
        };
        group.bench_function(BenchmarkId::new("all_7d_hourly", guests), |b| {
            b.iter(|| black_box(all(Resolution::Hourly)));
        });
        for (name, metrics) in [("six", &GuestMetric::ALL[..6]), ("thirteen", GuestMetric::ALL)] {
            let id = BenchmarkId::new(format!("all_7d_hourly_{name}_metrics"), guests);
            group.bench_function(id, |b| {
                b.iter(|| black_box(sum(&all(Resolution::Hourly), metrics)))
            });
        }
        if guests <= 2_000 {
            group.bench_function(BenchmarkId::new("all_7d_mixed", guests), |b| {
                b.iter(|| black_box(all(Resolution::Mixed)));
            });
        }
        group.bench_function(BenchmarkId::new("one_7d_mixed", guests), |b| {
            b.iter(|| {
                let history = reader.guest_history(100 + guests / 2, START..end).unwrap();
                assert!(history.windows().len() > 2_880);
                black_box(history)
            });
        });
        group.bench_function(BenchmarkId::new("last_tick", guests), |b| {
            b.iter(|| black_box(reader.last_tick(end).unwrap()));
        });
        group.bench_function(BenchmarkId::new("migrations_7d", guests), |b| {
            b.iter(|| black_box(reader.migrations(START..end).unwrap()));
        });
    }
    group.finish();
}

/// Sum of all means and percentiles of some metrics of all guests: what analysis reads.
fn sum(fleet: &Fleet, metrics: &[GuestMetric]) -> f64 {
    fleet.decode(&[], metrics);
    let of = |entity: usize, m: GuestMetric| -> f64 {
        fleet.guest_table.points(entity, m).map(|p| p.avg + p.p95 * f64::from(p.count)).sum()
    };
    let entities = 0..fleet.guests.len();
    metrics.iter().map(|&m| entities.clone().map(|e| of(e, m)).sum::<f64>()).sum()
}

/// What a status page asks, of a store with 90 days; most hours made from few ticks.
fn status(c: &mut Criterion) {
    let mut group = c.benchmark_group("status");
    group.sample_size(20);
    for guests in [50, 2_000] {
        let Some(workload) = Workload::new(guests) else { return };
        let dir = tempfile::tempdir().unwrap();
        let (end, recent) = (START + 90 * DAY, START + 88 * DAY);
        let ticks = (START..recent).step_by(7_200).chain((recent..end).step_by(60));
        let mut writer = Writer::open(dir.path()).unwrap();
        writer.append_all(ticks.map(|ts| workload.tick(ts))).unwrap();
        writer.compress(end).unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        group.bench_function(BenchmarkId::new("overview", guests), |b| {
            b.iter(|| black_box(reader.overview(end).unwrap()));
        });
        let guests_asked: Vec<Entity> = (100..100 + guests).map(Entity::Guest).collect();
        group.bench_function(BenchmarkId::new("quality_of_one", guests), |b| {
            b.iter(|| black_box(reader.get_data_quality(&guests_asked[7], end).unwrap()));
        });
        group.bench_function(BenchmarkId::new("quality_of_all", guests), |b| {
            b.iter(|| black_box(reader.data_quality(&guests_asked, end).unwrap()));
        });
    }
    group.finish();
}

criterion_group!(store, append, roll, read, status);
criterion_main!(store);
