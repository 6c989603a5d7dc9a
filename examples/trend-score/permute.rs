//! Real days in random order: days are exchangeable then, so there is no trend, in noise and shapes
//! that nobody invented. With a slope added, or a guest that joins or leaves a node, the truth is known too.

use crate::generate::{Made, tiers};
use crate::score::Truth;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;

/// Values per day at 5 minutes.
const DAY: usize = 288;

/// CPU and memory of each guest in percent, 5 minutes apart, whole days.
pub(crate) struct Traces {
    series: Vec<Vec<f64>>,
    /// CPU of all guests, idle ones too.
    cpus: Vec<Vec<f64>>,
}

impl Traces {
    pub(crate) fn series(&self) -> &[Vec<f64>] {
        &self.series
    }

    /// CPU of `count` nodes, each the mean of `guests` guests drawn at random.
    pub(crate) fn nodes(&self, guests: usize, count: u64) -> Vec<Vec<f64>> {
        let long = self.cpus.iter().map(Vec::len).min().unwrap_or(0);
        let node = |seed| {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let mut order: Vec<&Vec<f64>> = self.cpus.iter().collect();
            order.shuffle(rng);
            let mean = |i| order.iter().take(guests).map(|g| g[i]).sum::<f64>() / guests as f64;
            (0..long).map(mean).collect()
        };
        (0..count).map(node).collect()
    }
}

/// Reads the 30-day file; `None` where it is absent.
pub(crate) fn traces() -> Option<Traces> {
    read("bitbrains-70vm-30d-5min.csv.gz", DAY)
}

/// Reads the 92-day file of half-hourly means.
pub(crate) fn long_traces() -> Option<Traces> {
    read("bitbrains-70vm-92d-30min.csv.gz", 48)
}

fn read(name: &str, day: usize) -> Option<Traces> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces").join(name);
    let file = std::fs::File::open(path).ok()?;
    let mut rows = csv::Reader::from_reader(flate2::read::GzDecoder::new(BufReader::new(file)));
    let header = rows.headers().ok()?.clone();
    let column = |name: &str| header.iter().position(|h| h == name);
    let (cpu, most, used) = (column("cpu")?, column("maxmem_mb")?, column("mem_mb")?);
    let consolidated = column("cf");
    let mut guests: BTreeMap<u32, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for row in rows.records() {
        let row = row.ok()?;
        if consolidated.is_some_and(|cf| row.get(cf) != Some("AVERAGE")) {
            continue;
        }
        let field = |i: usize| row.get(i).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0);
        let guest = guests.entry(field(0) as u32).or_default();
        let memory = if field(most) > 0.0 { 100.0 * field(used) / field(most) } else { 0.0 };
        guest.0.push((100.0 * field(cpu)).clamp(0.0, 100.0));
        guest.1.push(memory.clamp(0.0, 100.0));
    }
    let busy = |s: &Vec<f64>| {
        let mean = s.iter().sum::<f64>() / s.len().max(1) as f64;
        s.len() >= 20 * day && mean > 2.0
    };
    let cpus =
        guests.values().map(|(cpu, _)| cpu.clone()).filter(|cpu| cpu.len() >= 20 * day).collect();
    let all = guests.into_values().flat_map(|(cpu, memory)| [cpu, memory]);
    Some(Traces { series: all.filter(busy).collect(), cpus })
}

/// Kinds of permuted cases.
pub(crate) const KINDS: [&str; 3] = ["perm_null", "perm_trend", "perm_step"];

/// A case of `kind` from the traces.
pub(crate) fn case(traces: &Traces, kind: &str, seed: u64) -> Made {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let days = 16;
    let shuffled = |rng: &mut ChaCha8Rng| -> Vec<f64> {
        let s = &traces.series[rng.random_range(0..traces.series.len())];
        let mut order: Vec<usize> = (0..s.len() / DAY).collect();
        order.shuffle(rng);
        order.iter().take(days).flat_map(|d| s[d * DAY..(d + 1) * DAY].iter().copied()).collect()
    };
    let mut y = shuffled(rng);
    y.resize(days * DAY, 0.0);
    let now = 1_767_571_200 + days as i64 * 86_400 - rng.random_range(0..86_400i64) / 300 * 300;
    let cut = ((1_767_571_200 + days as i64 * 86_400 - now) / 300) as usize;
    let lookback = 168.0;
    let mut steps = Vec::new();
    let mut slope = 0.0;
    let n = y.len() - cut;
    if kind == "perm_step" {
        // A node: the mean of some guests, and one that joins or leaves with a visible share.
        let guests = rng.random_range(4..25);
        let mut node = y.clone();
        for _ in 1..guests {
            let other = shuffled(rng);
            node.iter_mut().zip(&other).for_each(|(a, b)| *a += b);
        }
        let weight = 1.0 / f64::from(guests);
        node.iter_mut().for_each(|v| *v *= weight);
        let guest = loop {
            let g = shuffled(rng);
            let mean = g.iter().sum::<f64>() / g.len() as f64;
            let sd = (g.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / g.len() as f64).sqrt();
            if mean > 4.0 && sd < 0.5 * mean && g.len() >= node.len() {
                let target = rng.random_range(7.0..20.0);
                break g.iter().map(|v| v * target / mean).collect::<Vec<f64>>();
            }
        };
        let at = n - (rng.random_range(20.0..150.0) * 12.0) as usize;
        let joins = rng.random_bool(0.5);
        for i in 0..node.len() {
            if (i >= at) == joins {
                node[i] += guest[i];
            }
        }
        y = node;
        steps.push(now as f64 - (n - at) as f64 * 300.0);
    }
    y.truncate(n);
    if kind == "perm_trend" {
        y.iter_mut().for_each(|v| *v *= 0.4);
        // Days that vary more than a slope can show are drawn again: below 4.5 standard errors of a
        // slope through seven such days even who knew the noise would miss some.
        let mut sd = spread_of_days(&y);
        while sd * 4.5 / 28f64.sqrt() > 3.0 {
            y = shuffled(rng).iter().take(n).map(|v| 0.4 * v).collect();
            sd = spread_of_days(&y);
        }
        let errors = sd / 28f64.sqrt();
        slope = (errors * rng.random_range(4.5..9.0)).clamp(0.9, 3.0f64.max(4.5 * errors))
            * if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        for (i, v) in y.iter_mut().enumerate() {
            *v += slope * (i as f64 - if slope > 0.0 { 0.0 } else { n as f64 }) / DAY as f64;
        }
    }
    let samples = tiers(now, &y, rng);
    let label = if slope > 0.0 {
        "sustained_increase"
    } else if slope < 0.0 {
        "sustained_decrease"
    } else {
        "stable"
    };
    let accept: Vec<String> = match slope == 0.0 {
        true => ["stable", "volatile", "cyclical"].map(String::from).to_vec(),
        false => vec![label.to_string()],
    };
    let line = serde_json::json!({
        "id": format!("{kind}-{seed}"), "unit": "percent", "metric": "cpu", "now": now,
        "lookback_hours": lookback, "threshold": null, "samples": samples,
    });
    let truth = Truth {
        id: format!("{kind}-{seed}"),
        label: Some(label.to_string()),
        accept,
        slope_per_day: Some(slope),
        slope_scored: true,
        change_points: (kind == "perm_step").then_some(steps),
        no_trend: slope == 0.0,
        cat: kind.to_string(),
        ..Truth::default()
    };
    Made { line: line.to_string(), truth }
}

/// Standard deviation of the daily means.
fn spread_of_days(y: &[f64]) -> f64 {
    let means: Vec<f64> = y.chunks_exact(DAY).map(|d| d.iter().sum::<f64>() / DAY as f64).collect();
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    (means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / means.len() as f64).sqrt()
}
