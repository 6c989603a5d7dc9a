//! Planning for clusters of several sizes, all trends at hand; `docs/performance.md` has the figures.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pve_foresight::outcome::Experience;
use pve_foresight::recommend::{Constraints, Question, Recent, plan, states};
use pve_foresight::series::LocalTime;
use std::hint::black_box;

#[path = "../tests/plan_support/mod.rs"]
mod plan_support;

use plan_support::{Shape, config};

fn planning(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan");
    group.sample_size(10);
    for (nodes, guests) in [(8, 200), (32, 2_000), (32, 5_000)] {
        let shape = Shape::new(nodes, guests, 1);
        let config = config();
        let states = states(&shape.outlook, &config, &LocalTime::utc());
        let constraints = Constraints::new(&shape.inventory);
        let experience = Experience::default();
        let local = LocalTime::utc();
        let question = Question {
            outlook: &shape.outlook,
            states: &states,
            inventory: &shape.inventory,
            constraints: &constraints,
            config: &config,
            experience: &experience,
            local: &local,
            recent: Recent::whole(),
        };
        let id = BenchmarkId::from_parameter(format!("{nodes} nodes, {guests} guests"));
        group.bench_function(id, |b| b.iter(|| plan(black_box(&question))));
    }
    group.finish();
}

criterion_group!(benches, planning);
criterion_main!(benches);
