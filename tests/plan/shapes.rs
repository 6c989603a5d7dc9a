//! Few moves are enough, whatever the size of the cluster.

use super::plan_support::{Shape, config};
use pve_foresight::model::GIB;
use pve_foresight::outcome::Experience;
use pve_foresight::outlook::{Load, NodeOutlook};
use pve_foresight::recommend::{Constraints, Plan, Question, Recent, plan, states};
use pve_foresight::series::LocalTime;

/// Share of memory from which on these clusters count it as full: `plan_support::config`.
const FULL: f64 = 0.75;

fn planned(shape: &Shape) -> Plan {
    let config = config();
    plan(&Question {
        outlook: &shape.outlook,
        states: &states(&shape.outlook, &config, &LocalTime::utc()),
        inventory: &shape.inventory,
        constraints: &Constraints::new(&shape.inventory),
        config: &config,
        experience: &Experience::default(),
        local: &LocalTime::utc(),
        recent: Recent::whole(),
    })
}

/// Share of memory in use on the fullest node.
fn fullest(shape: &Shape, loads: &[Load]) -> f64 {
    let share = |(n, load): (&NodeOutlook, &Load)| load.memory[0] / n.memory.0;
    shape.outlook.nodes.iter().zip(loads).map(share).fold(0.0, f64::max)
}

#[test]
fn few_moves_relieve_a_cluster() {
    for (nodes, guests, most) in [(8, 200, 6), (32, 2_000, 15), (32, 5_000, 40)] {
        // One large guest may be the way out of a small need, so GiB are judged over all seeds.
        let (mut moved, mut least) = (0.0, 0.0);
        for seed in 1..=3 {
            let shape = Shape::new(nodes, guests, seed);
            let plan = planned(&shape);
            let mut loads = shape.outlook.node_loads();
            let before = fullest(&shape, &loads);
            for step in &plan.steps {
                let load = &shape.outlook.guests[step.guest].load;
                loads[step.source].add(load, -1.0);
                loads[step.target].add(load, 1.0);
            }
            let gib: f64 = plan.steps.iter().map(|s| s.cost.memory.0 / GIB).sum();
            moved += gib;
            least += shape.least_gib(FULL);
            println!(
                "{nodes}/{guests}, seed {seed}: {} moves, {gib:.0} GiB of at least {:.0}; \
                 fullest {before:.3} -> {:.3}",
                plan.steps.len(),
                shape.least_gib(FULL),
                fullest(&shape, &loads)
            );
            assert!(plan.steps.len() <= most, "{nodes}/{guests}: {}", plan.steps.len());
            assert!(fullest(&shape, &loads) <= FULL + 0.001, "{nodes}/{guests}, seed {seed}");
            assert!(plan.after.core_hours < 0.01 * plan.before.core_hours, "{:?}", plan.after);
        }
        assert!(moved <= 1.5 * least, "{nodes}/{guests}: {moved} GiB of {least}");
    }
}
