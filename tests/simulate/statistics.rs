//! How synthetic guests compare with real ones. The table of docs/simulation.md:
//! `cargo test --release --test simulate statistics -- --nocapture`

use super::skip_support::skip;
use pve_foresight::simulate::{Demand, GuestGroup, Scenario, Simulation, TraceSpec};
use std::path::{Path, PathBuf};

/// Names of the statistics, in the order of [`statistics`].
const NAMES: [&str; 14] = [
    "cpu mean, % of own cores",
    "cpu p95 / mean",
    "cpu max / mean",
    "cpu variation (sd / mean)",
    "cpu lag-1 autocorrelation, 5 min",
    "cpu daily strength",
    "cpu hour-of-week strength",
    "memory mean, % of configured",
    "memory lag-1 autocorrelation",
    "disk write mean, kB/s",
    "disk write p95 / mean",
    "network in mean, kB/s",
    "network in p95 / mean",
    "correlation cpu - network in",
];

struct Series {
    busy: bool,
    values: [Option<f64>; 14],
}

fn traces() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/traces/bitbrains-70vm-30d-5min.csv.gz");
    path.is_file().then_some(path)
}

/// Every guest's five-minute means over 28 days.
fn series(scenario: &Scenario) -> Vec<Series> {
    let simulation = Simulation::new(scenario).unwrap();
    let step = i64::from(scenario.interval);
    let per_span = 300 / step;
    let of = |guest: &pve_foresight::simulate::Guest| {
        let mut samples = Vec::new();
        for k in 0..28 * 288 {
            let start = scenario.start() + k * 300;
            let all: Option<Vec<Demand>> =
                (0..per_span).map(|i| guest.demand(start + i * step)).collect();
            if let Some(all) = all {
                let mean =
                    |f: fn(&Demand) -> f64| all.iter().map(f).sum::<f64>() / all.len() as f64;
                samples.push((
                    start,
                    [
                        mean(|d| d.cpu.0) / guest.cores.0,
                        mean(|d| d.mem.0) / guest.memory.0,
                        mean(|d| d.disk_write.0),
                        mean(|d| d.net_in.0),
                    ],
                ));
            }
        }
        samples
    };
    simulation.guests().iter().map(of).filter(|s| s.len() > 2_000).map(|s| statistics(&s)).collect()
}

fn statistics(samples: &[(i64, [f64; 4])]) -> Series {
    let column = |i: usize| samples.iter().map(|(_, v)| v[i]).collect::<Vec<f64>>();
    let [cpu, mem, write, net] = [0, 1, 2, 3].map(column);
    let per = |top: f64, bottom: f64| (bottom > 0.0).then(|| top / bottom);
    let times: Vec<i64> = samples.iter().map(|s| s.0).collect();
    Series {
        busy: mean(&cpu) >= 0.025,
        values: [
            Some(100.0 * mean(&cpu)),
            per(quantile(&cpu, 0.95), mean(&cpu)),
            per(quantile(&cpu, 1.0), mean(&cpu)),
            per(covariance(&cpu, &cpu).sqrt(), mean(&cpu)),
            correlation(&cpu[1..], &cpu[..cpu.len() - 1]),
            strength(&times, &cpu, 86_400),
            strength(&times, &cpu, 604_800),
            Some(100.0 * mean(&mem)),
            correlation(&mem[1..], &mem[..mem.len() - 1]),
            Some(mean(&write) / 1e3),
            per(quantile(&write, 0.95), mean(&write)),
            Some(mean(&net) / 1e3),
            per(quantile(&net, 0.95), mean(&net)),
            correlation(&cpu, &net),
        ],
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn covariance(x: &[f64], y: &[f64]) -> f64 {
    let (mx, my) = (mean(x), mean(y));
    x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum::<f64>() / x.len() as f64
}

fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let scale = (covariance(x, x) * covariance(y, y)).sqrt();
    (scale > 0.0).then(|| covariance(x, y) / scale)
}

fn quantile(x: &[f64], p: f64) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((p * x.len() as f64) as usize).min(x.len() - 1)]
}

/// Share of the variance that the hours of a period explain.
fn strength(times: &[i64], x: &[f64], period: i64) -> Option<f64> {
    let mut hours = vec![(0.0, 0.0); (period / 3_600) as usize];
    for (t, v) in times.iter().zip(x) {
        let hour = &mut hours[(t.rem_euclid(period) / 3_600) as usize];
        *hour = (hour.0 + v, hour.1 + 1.0);
    }
    let all = mean(x);
    let between: f64 =
        hours.iter().filter(|h| h.1 > 0.0).map(|h| h.1 * (h.0 / h.1 - all).powi(2)).sum();
    let total = covariance(x, x) * x.len() as f64;
    (total > 0.0).then(|| between / total)
}

/// Quantiles of one statistic over the guests.
fn spread(all: &[Series], busy: bool, i: usize) -> [f64; 5] {
    let known: Vec<f64> =
        all.iter().filter(|s| s.busy == busy).filter_map(|s| s.values[i]).collect();
    [0.1, 0.25, 0.5, 0.75, 0.9].map(|p| quantile(&known, p))
}

fn synthetic() -> Vec<Series> {
    series(&Scenario {
        seed: 11,
        days: 28.0,
        interval: 100,
        guests: vec![GuestGroup { count: 160, ..GuestGroup::default() }],
        ..Scenario::default()
    })
}

#[test]
fn synthetic_guests_resemble_real_ones() {
    let synthetic = synthetic();
    let idle = synthetic.iter().filter(|s| s.values[0] < Some(1.5)).count() as f64;
    assert!((0.4..=0.6).contains(&(idle / synthetic.len() as f64)), "half of the guests idle");
    let Some(path) = traces() else {
        skip("traces", "../shared/traces absent; nothing to compare with");
        return;
    };
    let real = series(&Scenario {
        days: 28.0,
        interval: 300,
        guests: Vec::new(),
        traces: Some(TraceSpec { path, ..TraceSpec::default() }),
        ..Scenario::default()
    });
    print_table(&real, &synthetic);
    // Medians over the busy guests, as (statistic, greatest factor between real and synthetic).
    for (i, factor) in
        [(0, 1.5), (1, 1.5), (2, 1.7), (3, 1.5), (4, 1.15), (6, 1.5), (10, 1.5), (12, 1.5)]
    {
        let [real, made] = [&real, &synthetic].map(|all| spread(all, true, i)[2]);
        let ratio = (real / made).max(made / real);
        assert!(ratio <= factor, "{}: {real} real, {made} synthetic", NAMES[i]);
    }
    let daily = spread(&synthetic, true, 5);
    assert!(daily[2] < 0.1 && daily[4] > 0.3, "few have a daily rhythm, those clearly: {daily:?}");
}

fn print_table(real: &[Series], synthetic: &[Series]) {
    for busy in [true, false] {
        let count = |all: &[Series]| all.iter().filter(|s| s.busy == busy).count();
        let kind = if busy { "busy (mean CPU from 2.5 %)" } else { "idle" };
        println!("\n{kind}: {} real and {} synthetic guests", count(real), count(synthetic));
        println!("| statistic | | p10 | p25 | median | p75 | p90 |\n|---|---|---|---|---|---|---|");
        for (i, name) in NAMES.iter().enumerate() {
            for (who, all) in [("real", real), ("synthetic", synthetic)] {
                let cells = spread(all, busy, i)
                    .map(|x| if x >= 100.0 { format!("{x:.0}") } else { format!("{x:.2}") });
                println!("| {name} | {who} | {} |", cells.join(" | "));
            }
        }
    }
}
