//! Synthetic series with known truth, drawn from definitions: no value is taken from the labelled cases.

use super::score::Truth;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Grid of the underlying process, hours.
const STEP: f64 = 1.0 / 12.0;
/// 2026-01-05 00:00 UTC, a Monday.
const MONDAY: i64 = 1_767_571_200;

/// All kinds that [`series`] can make.
pub(crate) const KINDS: &[&str] = &[
    "flat_ar",
    "flat_ar_volatile",
    "flat_white",
    "hetero",
    "heavy_tail",
    "wander",
    "diurnal",
    "diurnal_edge",
    "diurnal_lookback24",
    "odd_daily",
    "long_history",
    "first_days",
    "weekly",
    "weekly_short",
    "cycle_other",
    "sawtooth_multi",
    "step",
    "step_daily",
    "step_two",
    "step_many",
    "step_recent",
    "bursts",
    "bursts_edge",
    "rare_spikes",
    "telegraph",
    "glitches",
    "gaps_flat",
    "idle_guest",
    "trend",
    "trend_diurnal",
    "trend_diurnal_slow",
    "trend_weekly",
    "trend_weak",
    "trend_step",
    "trend_glitches",
    "late_ramp",
    "ramp_saturate",
    "leak_restart",
    "gaps_trend",
    "few",
    "anomaly_now",
    "anomaly_not",
];

/// A series line of trend-cases and its truth.
pub(crate) struct Made {
    pub(crate) line: String,
    pub(crate) truth: Truth,
}

/// What a series is made of; `u` is hours before now, negative.
struct Recipe {
    history: f64,
    lookback: f64,
    level: f64,
    /// Points per day, from `ramp_from` days on.
    slope: f64,
    ramp_from: f64,
    day: Option<Shape>,
    weekend: f64,
    noise: f64,
    tau: f64,
    white: f64,
    steps: Vec<(f64, f64)>,
    label: &'static str,
    accept: Vec<&'static str>,
    behavior: Option<&'static str>,
    relative: bool,
}

#[derive(Clone, Copy)]
struct Shape {
    kind: u8,
    phase: f64,
    height: f64,
    width: f64,
}

impl Shape {
    fn draw(rng: &mut ChaCha8Rng, height: f64) -> Self {
        Self {
            kind: rng.random_range(0..6),
            phase: rng.random_range(0.0..24.0),
            height,
            width: rng.random_range(3.0..10.0),
        }
    }

    /// Effect at hour `h` of the day.
    fn at(&self, h: f64) -> f64 {
        let d = (h - self.phase).rem_euclid(24.0);
        let unit = match self.kind {
            0 => 0.5 + 0.5 * (d / 24.0 * std::f64::consts::TAU).cos(),
            1 => f64::from(u8::from(d < self.width)),
            2 => (d.min(24.0 - d) < 2.0) as u8 as f64,
            3 => (-(d - 6.0).powi(2) / 8.0).exp() + 0.8 * (-(d - 13.0).powi(2) / 8.0).exp(),
            4 => (d / 12.0).min((24.0 - d) / 12.0),
            _ => {
                ((d / 24.0 * std::f64::consts::TAU).cos()
                    + 0.5 * (d / 12.0 * std::f64::consts::TAU).sin())
                    * 0.33
                    + 0.5
            }
        };
        self.height * unit
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Uniform on a logarithmic scale.
fn log_uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    (rng.random_range(low.ln()..high.ln())).exp()
}

fn pick<T: Copy>(rng: &mut ChaCha8Rng, of: &[T]) -> T {
    of[rng.random_range(0..of.len())]
}

fn sign(rng: &mut ChaCha8Rng) -> f64 {
    if rng.random_bool(0.5) { 1.0 } else { -1.0 }
}

/// Standard error of a slope over `days` known to one who knows the noise process.
fn oracle_error(noise: f64, tau: f64, white: f64, days: f64) -> f64 {
    let long_run = 2.0 * noise * noise * tau / 24.0 + white * white * STEP / 24.0;
    (12.0 * long_run / days.powi(3)).sqrt()
}

fn base(rng: &mut ChaCha8Rng) -> Recipe {
    let lookback = pick(rng, &[72.0, 168.0, 168.0, 336.0]);
    Recipe {
        history: (lookback * rng.random_range(1.0..2.2f64)).max(96.0),
        lookback,
        level: rng.random_range(20.0..60.0),
        slope: 0.0,
        ramp_from: -1e9,
        day: None,
        weekend: 0.0,
        noise: rng.random_range(0.6..4.5),
        tau: log_uniform(rng, 0.5, 16.0),
        white: rng.random_range(0.1..1.2),
        steps: Vec::new(),
        label: "stable",
        accept: vec!["stable"],
        behavior: Some("stable"),
        relative: false,
    }
}

/// A slope that the oracle sees at `z`, at least `least` points over the window.
fn trending(rng: &mut ChaCha8Rng, r: &mut Recipe, z: (f64, f64), least: f64) {
    let days = (r.lookback / 24.0).min(r.history / 24.0);
    r.noise = r.noise.min(3.0);
    let error = oracle_error(r.noise, r.tau, r.white, days);
    let z = rng.random_range(z.0..z.1);
    let size = (z * error).max(least * rng.random_range(1.0..2.5) / days);
    let size = size.min(40.0 / (r.history / 24.0).max(days));
    r.slope = sign(rng) * size;
    r.level =
        if r.slope > 0.0 { rng.random_range(48.0..60.0) } else { rng.random_range(15.0..30.0) };
    if r.slope.abs() * days < 4.0 {
        r.noise = r.noise.min(2.0);
    }
    r.label = if r.slope > 0.0 { "sustained_increase" } else { "sustained_decrease" };
    r.accept = vec![r.label];
    r.behavior = (r.slope > 0.0).then_some("growing");
}

fn daily(rng: &mut ChaCha8Rng, r: &mut Recipe) {
    let height = rng.random_range(10.0..35.0);
    r.day = Some(Shape::draw(rng, height));
    r.noise = r.noise.min(height / 9.0);
    r.white = r.white.min(height / 12.0);
    r.label = "cyclical";
    r.accept = vec!["cyclical"];
}

fn step(rng: &mut ChaCha8Rng, r: &mut Recipe, earliest: f64, latest: f64) {
    let size = sign(rng) * rng.random_range(6.0..25.0f64).max(4.0 * r.noise);
    let at = -rng.random_range(latest..earliest);
    r.level = if size > 0.0 { r.level.min(45.0) } else { r.level.max(40.0) };
    if r.steps.iter().all(|(other, _)| (other - at).abs() > 20.0) {
        r.steps.push((at, size));
    }
}

/// A series of `kind`; the same seed makes the same series.
pub(crate) fn series(kind: &str, seed: u64) -> Made {
    let number = KINDS.iter().position(|k| *k == kind).unwrap_or(0) as u64;
    let rng = &mut ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let r = &mut base(rng);
    let now = MONDAY + rng.random_range(0..60 * 86_400i64);
    let mut peak_scored = false;
    match kind {
        "flat_ar_volatile" | "bursts" | "bursts_edge" | "telegraph" => {
            r.label = "volatile";
            r.accept = vec!["volatile"];
            r.behavior = (kind != "flat_ar_volatile").then_some("bursty");
            r.lookback = pick(rng, &[72.0, 168.0, 336.0]);
            if kind == "flat_ar_volatile" {
                r.noise = rng.random_range(10.5..15.0);
                r.tau = log_uniform(rng, 0.5, 4.0);
                r.level = 50.0;
                r.behavior = None;
            }
        }
        "flat_white" => {
            (r.noise, r.white, r.lookback) =
                (0.1, rng.random_range(1.0..4.5), pick(rng, &[24.0, 72.0, 168.0]))
        }
        "wander" => {
            (r.noise, r.tau) = (rng.random_range(2.5..5.0), rng.random_range(24.0..60.0));
            r.accept = vec!["stable", "volatile"];
        }
        "diurnal" | "odd_daily" | "anomaly_not" => daily(rng, r),
        "anomaly_now" => {
            if rng.random_bool(0.7) {
                daily(rng, r);
            }
            r.accept = vec!["cyclical", "stable", "volatile"];
        }
        "diurnal_edge" => {
            daily(rng, r);
            r.history = rng.random_range(72.0..130.0);
            r.lookback = pick(rng, &[72.0, 168.0]);
        }
        "diurnal_lookback24" => {
            daily(rng, r);
            (r.lookback, r.history) = (24.0, rng.random_range(150.0..400.0));
        }
        "long_history" => {
            daily(rng, r);
            r.lookback = pick(rng, &[720.0, 1440.0, 2160.0]);
            r.history = r.lookback * rng.random_range(0.8..1.1);
        }
        "first_days" => {
            daily(rng, r);
            r.history = rng.random_range(18.0..60.0);
            r.accept = vec!["cyclical", "volatile", "stable", "unknown"];
        }
        "weekly" | "weekly_short" => {
            daily(rng, r);
            r.weekend = -rng.random_range(0.6..1.2) * r.day.map_or(0.0, |d| d.height);
            r.level = 50.0;
            (r.lookback, r.history) = (pick(rng, &[168.0, 336.0]), rng.random_range(380.0..700.0));
            if kind == "weekly_short" {
                (r.lookback, r.history) = (168.0, rng.random_range(168.0..205.0));
                r.accept = vec!["cyclical", "volatile", "stable"];
            }
        }
        "cycle_other" | "sawtooth_multi" => {
            r.label = "cyclical";
            r.accept =
                if kind == "cycle_other" { vec!["cyclical"] } else { vec!["cyclical", "volatile"] };
            r.noise = r.noise.min(2.0);
            r.lookback = 168.0;
            r.history = 168.0 * rng.random_range(1.0..2.0);
            r.behavior = None;
        }
        "step" | "step_two" | "step_many" | "step_daily" => {
            r.lookback = pick(rng, &[168.0, 168.0, 336.0]);
            r.history = r.lookback * rng.random_range(1.0..1.6);
            r.noise = r.noise.min(3.0);
            r.tau = r.tau.min(6.0);
            if kind == "step_daily" {
                daily(rng, r);
                r.accept = vec!["cyclical", "stable"];
            }
            let count = match kind {
                "step_two" => 2,
                "step_many" => 3,
                _ => 1,
            };
            for _ in 0..count {
                step(rng, r, r.lookback - 14.0, 14.0);
            }
        }
        "step_recent" => {
            r.noise = r.noise.min(2.5);
            step(rng, r, 26.0, 3.0);
            r.accept = vec!["stable", "cyclical", "volatile"];
        }
        "idle_guest" => (r.level, r.noise, r.white) = (rng.random_range(0.3..2.0), 0.1, 0.1),
        "few" => {
            r.history = rng.random_range(2.0..40.0);
            r.accept = vec!["stable", "volatile", "cyclical", "unknown"];
        }
        "trend" | "trend_glitches" | "gaps_trend" => {
            r.relative = kind == "trend_glitches";
            trending(rng, r, (6.0, 25.0), if r.relative { 12.0 } else { 4.5 });
            if r.relative {
                (r.noise, r.level) = (r.noise.min(1.5), 60.0);
            }
        }
        "glitches" => (r.relative, r.level, r.noise) = (true, 50.0, r.noise.min(2.2)),
        "trend_step" => {
            r.lookback = pick(rng, &[168.0, 336.0]);
            r.history = r.lookback * rng.random_range(1.0..1.6);
            r.tau = r.tau.min(4.0);
            trending(rng, r, (12.0, 30.0), 7.0);
            let at = -rng.random_range(0.2..0.75) * r.lookback;
            let size = sign(rng) * rng.random_range(8.0..20.0);
            r.level = 50.0 - 0.5 * size;
            r.steps.push((at, size));
        }
        "trend_diurnal" | "trend_diurnal_slow" => {
            daily(rng, r);
            if kind == "trend_diurnal_slow" {
                r.lookback = 336.0;
                r.history = rng.random_range(336.0..720.0);
                (r.noise, r.tau) = (rng.random_range(1.0..2.5), rng.random_range(0.5..4.0));
            }
            trending(rng, r, (6.0, 25.0), 4.5);
            if kind == "trend_diurnal_slow" {
                r.slope = r.slope.signum();
            }
        }
        "trend_weekly" => {
            (r.lookback, r.history) = (336.0, rng.random_range(400.0..700.0));
            daily(rng, r);
            r.weekend = -rng.random_range(0.5..1.0) * r.day.map_or(0.0, |d| d.height);
            trending(rng, r, (8.0, 25.0), 6.0);
            r.level = 50.0;
        }
        "trend_weak" => trending(rng, r, (3.0, 4.5), 4.0),
        "late_ramp" => {
            r.lookback = pick(rng, &[168.0, 336.0]);
            r.history = r.lookback * rng.random_range(1.0..1.6);
            (r.noise, r.tau) = (r.noise.min(2.0), r.tau.min(6.0));
            r.ramp_from = -r.lookback / 24.0 * rng.random_range(0.34..0.6);
            r.slope = rng.random_range(12.0..35.0) / -r.ramp_from;
            r.label = "sustained_increase";
            r.accept = vec![r.label];
            r.behavior = Some("growing");
        }
        "ramp_saturate" => {
            (r.lookback, r.history) = (168.0, rng.random_range(168.0..300.0));
            r.slope = rng.random_range(5.0..9.0);
            r.level = 100.0 + r.slope * rng.random_range(0.2..1.8);
            r.noise = r.noise.min(2.0);
            r.label = "sustained_increase";
            r.accept = vec![r.label];
            r.behavior = None;
        }
        "leak_restart" => {
            (r.lookback, r.history) = (pick(rng, &[168.0, 336.0]), 400.0);
            (r.noise, r.tau) = (r.noise.min(1.5), r.tau.min(6.0));
            let days = r.lookback / 24.0;
            r.slope = rng.random_range(20.0..45.0) / days;
            let at = -rng.random_range(0.25..0.7) * r.lookback;
            r.steps.push((at, -rng.random_range(0.4..0.9) * r.slope * (days + at / 24.0)));
            r.level = rng.random_range(60.0..75.0);
            r.label = "sustained_increase";
            r.accept = vec![r.label];
            r.behavior = Some("growing");
        }
        _ => {}
    }
    // Nobody tells noise that lasts as long as the window from a trend.
    if kind != "wander" {
        r.tau = r.tau.min(r.lookback.min(r.history).max(48.0) / 12.0);
    }
    if let Some(shape) = r.day {
        let top = (0..288).map(|i| shape.at(f64::from(i) / 12.0)).fold(0.0, f64::max);
        let bottom = if r.weekend < 0.0 { r.weekend } else { 0.0 };
        r.level = r.level.clamp(6.0 - bottom, (90.0 - top).max(8.0 - bottom));
        peak_scored = r.weekend == 0.0 && kind != "first_days" && kind != "odd_daily";
    }
    render(kind, seed, now, r, rng, peak_scored)
}

/// The process on its grid, the tiers over it, and the truth.
fn render(
    kind: &str,
    seed: u64,
    now: i64,
    r: &Recipe,
    rng: &mut ChaCha8Rng,
    peak_scored: bool,
) -> Made {
    let n = (r.history / STEP) as usize;
    let hours = |i: usize| -r.history + (i + 1) as f64 * STEP;
    let hour_of_day = |u: f64| ((now as f64 / 3_600.0 + u) / 1.0).rem_euclid(24.0);
    let weekend = |u: f64| {
        let day = ((now as f64 + u * 3_600.0) / 86_400.0).floor() as i64;
        matches!(day.rem_euclid(7), 2 | 3)
    };
    let clean = |u: f64| {
        let moved = r.slope * (u / 24.0).max(r.ramp_from);
        let steps: f64 = r.steps.iter().filter(|(at, _)| u < *at).map(|(_, size)| -size).sum();
        let day = r.day.map_or(0.0, |d| d.at(hour_of_day(u)));
        r.level + moved + steps + day + if weekend(u) { r.weekend } else { 0.0 }
    };
    let keep = (-STEP / r.tau).exp();
    let mut state = normal(rng);
    let scale_of_day: Vec<f64> = (0..400).map(|_| rng.random_range(0.55..1.45)).collect();
    let period = pick(rng, &[5.0, 7.0, 9.5, 11.0, 16.0, 33.0, 40.0]);
    let saw = rng.random_range(16.0..40.0);
    let height = rng.random_range(10.0..22.0);
    let phase = rng.random_range(0.0..1.0);
    let heavy = kind == "heavy_tail";
    let mut y: Vec<f64> = (0..n)
        .map(|i| {
            let u = hours(i);
            let shock = normal(rng);
            let shock = if heavy && rng.random_bool(0.02) { shock * 6.0 } else { shock };
            state = keep * state + (1.0 - keep * keep).sqrt() * shock;
            let swell = match kind {
                "hetero" if (8.0..18.0).contains(&hour_of_day(u)) => 1.6,
                "hetero" => 0.5,
                _ => 1.0,
            };
            let mut v = clean(u) + swell * r.noise * state + r.white * normal(rng);
            match kind {
                "cycle_other" => v += height * (u / period * std::f64::consts::TAU).sin(),
                "sawtooth_multi" => v += 2.0 * height * (u / saw + phase).rem_euclid(1.0),
                "odd_daily" => {
                    let day = ((now as f64 / 3_600.0 + u) / 24.0).floor() as i64;
                    let d = r.day.map_or(0.0, |d| d.at(hour_of_day(u)));
                    v += d * (scale_of_day[day.rem_euclid(400) as usize] - 1.0);
                }
                _ => {}
            }
            v
        })
        .collect();
    bursts(kind, r, rng, &mut y);
    if kind == "rare_spikes" {
        for _ in 0..rng.random_range(2..6) {
            let at = rng.random_range(0..n);
            let height = rng.random_range(25.0..60.0);
            let length = rng.random_range(3..13);
            y[at..(at + length).min(n)].iter_mut().for_each(|v| *v += height);
        }
    }
    let usual = r.noise.max(r.white).max(1.0);
    let odd = kind == "anomaly_now" && rng.random_bool(0.8);
    if odd {
        let size = sign(rng) * (7.0 * usual + rng.random_range(5.0..20.0));
        let size = if clean(0.0) + size < 2.0 || clean(0.0) + size > 98.0 { -size } else { size };
        let from = n - rng.random_range(12..18usize).min(n);
        y[from..].iter_mut().for_each(|v| *v += size);
    }
    y.iter_mut().for_each(|v| *v = v.clamp(0.0, 100.0));
    let (label, accept) = by_spread(kind, r, &y);
    let mut samples = tiers(now, &y, rng);
    if kind == "few" {
        let keep = rng.random_range(1..16);
        while samples.len() > keep {
            samples.remove(rng.random_range(0..samples.len()));
        }
    }
    if kind.starts_with("gaps") {
        for _ in 0..rng.random_range(1..4) {
            let length = rng.random_range(0.04..0.2) * r.lookback * 3_600.0;
            let from = now as f64 - rng.random_range(4.0..r.history - 10.0) * 3_600.0;
            samples.retain(|(t, _)| (*t as f64) < from || (*t as f64) > from + length);
        }
        if rng.random_bool(0.4) {
            samples.retain(|(t, _)| !(1..6).contains(&((t / 3_600) % 24)));
        }
    }
    let factor = if r.relative { log_uniform(rng, 2e3, 2e6) / 10.0 } else { 1.0 };
    samples.iter_mut().for_each(|s| s.1 = (s.1 * factor * 100.0).round() / 100.0);
    if kind.ends_with("glitches") {
        for _ in 0..rng.random_range(2..8) {
            let at = rng.random_range(0..samples.len());
            samples[at].1 = pick(rng, &[0.0, -3.0 * factor, 1.8e19, 65_535.0 * factor, 9e12]);
        }
    }
    let threshold = pick(rng, &[70.0, 80.0, 85.0, 90.0, 95.0]) * factor;
    let line = serde_json::json!({
        "id": format!("g{seed}-{kind}"), "unit": if r.relative { "bps" } else { "percent" }, "metric": "cpu", "now": now,
        "lookback_hours": r.lookback, "threshold": threshold, "samples": samples,
    });
    let mean_day =
        r.day.map_or(0.0, |d| (0..288).map(|i| d.at(f64::from(i) / 12.0)).sum::<f64>() / 288.0);
    let level = (r.level + mean_day).min(100.0);
    let limit = threshold / factor;
    let crossing = |f: &dyn Fn(f64) -> f64| (0..721).map(f64::from).find(|h| f(*h) >= limit);
    let ramp = |h: f64| if r.slope > 0.0 { r.slope * h / 24.0 } else { 0.0 };
    let level_h = if level >= limit {
        Some(0.0)
    } else {
        (r.slope > 0.0).then(|| (limit - level) / r.slope * 24.0).filter(|h| *h <= 720.0)
    };
    let plain = matches!(
        kind,
        "trend"
            | "trend_diurnal"
            | "diurnal"
            | "flat_ar"
            | "trend_step"
            | "late_ramp"
            | "gaps_trend"
            | "step"
            | "trend_diurnal_slow"
    );
    let peak_hours = match (r.day, peak_scored) {
        (Some(d), true) => Some(peaks(d)),
        (None, _) if plain => Some(Vec::new()),
        _ => None,
    };
    let trending = r.label.starts_with("sustained");
    let truth = Truth {
        id: String::new(),
        label: Some(label.to_string()),
        accept: accept.iter().map(|s| (*s).to_string()).collect(),
        slope_per_day: Some(r.slope * factor),
        slope_scored: !matches!(
            kind,
            "few"
                | "first_days"
                | "wander"
                | "ramp_saturate"
                | "sawtooth_multi"
                | "cycle_other"
                | "step_recent"
                | "diurnal_lookback24"
                | "weekly_short"
                | "bursts_edge"
                | "telegraph"
        ),
        crossing_level_h: level_h,
        crossing_peak_h: crossing(&|h| clean(h) - (r.slope * h / 24.0) + ramp(h)),
        crossing_scored: plain && (level - limit).abs() > 3.0,
        anomaly: match kind {
            "anomaly_now" => Some(odd),
            "anomaly_not" => Some(false),
            _ => None,
        },
        peak_hours,
        behavior: r
            .behavior
            .filter(|b| kind != "few" && (*b != "bursty" || label == "volatile"))
            .map(str::to_string),
        change_points: Some(r.steps.iter().map(|(at, _)| now as f64 + at * 3_600.0).collect())
            .filter(|_| kind != "step_recent"),
        no_trend: !trending,
        noise_sd: matches!(
            kind,
            "flat_ar"
                | "flat_ar_volatile"
                | "flat_white"
                | "diurnal"
                | "trend"
                | "trend_diurnal"
                | "step"
                | "weekly"
        )
        .then(|| r.noise.hypot(r.white)),
        cat: kind.to_string(),
    };
    Made { line: line.to_string(), truth }
}

/// Label and accepted labels of series without trend and cycle, by what their spread turned out to be.
fn by_spread(kind: &str, r: &Recipe, y: &[f64]) -> (&'static str, Vec<&'static str>) {
    let plain = matches!(
        kind,
        "bursts"
            | "bursts_edge"
            | "telegraph"
            | "flat_ar_volatile"
            | "flat_ar"
            | "heavy_tail"
            | "glitches"
            | "hetero"
            | "gaps_flat"
    );
    if !plain {
        return (r.label, r.accept.clone());
    }
    let inside = &y[y.len().saturating_sub((r.lookback / STEP) as usize)..];
    let mean = inside.iter().sum::<f64>() / inside.len() as f64;
    let sd = (inside.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / inside.len() as f64).sqrt();
    if kind == "bursts_edge" {
        return (r.label, vec!["volatile", "stable"]);
    }
    match if r.relative { sd * 25.0 / mean.max(1.0) } else { sd } {
        sd if sd >= 10.0 => ("volatile", vec!["volatile"]),
        sd if sd <= 5.0 => ("stable", vec!["stable"]),
        _ => (r.label, vec!["stable", "volatile"]),
    }
}

fn peaks(d: Shape) -> Vec<u8> {
    let hour: Vec<f64> = (0..24)
        .map(|h| {
            (0..12).map(|i| d.at(f64::from(h) + (f64::from(i) + 0.5) / 12.0)).sum::<f64>() / 12.0
        })
        .collect();
    let low = hour.iter().copied().fold(f64::INFINITY, f64::min);
    let high = hour.iter().copied().fold(0.0, f64::max);
    (0..24).filter(|h| hour[usize::from(*h)] >= low + 0.6 * (high - low)).collect()
}

/// Load that comes in bursts, or is on and off.
fn bursts(kind: &str, r: &Recipe, rng: &mut ChaCha8Rng, y: &mut [f64]) {
    let n = y.len();
    match kind {
        "bursts" | "bursts_edge" => {
            let every = rng.random_range(8.0..20.0);
            let height = rng.random_range(30.0..60.0);
            let mut at = 0.0;
            while at < r.history {
                at += -every * rng.random_range(1e-3..1.0f64).ln();
                let length = rng.random_range(0.5..4.0);
                let (from, to) = ((at / STEP) as usize, ((at + length) / STEP) as usize);
                let size = height * rng.random_range(0.6..1.3);
                y[from.min(n)..to.min(n)].iter_mut().for_each(|v| *v = *v * 0.3 + size);
            }
            if kind == "bursts_edge" {
                let from = n - (rng.random_range(3.0..10.0) / STEP) as usize;
                y[from..].iter_mut().for_each(|v| *v += height);
            }
        }
        "telegraph" => {
            let height = rng.random_range(25.0..45.0);
            let stay = rng.random_range(3.0..12.0);
            let (mut on, mut left) = (rng.random_bool(0.5), 0.0);
            for v in y.iter_mut() {
                if left <= 0.0 {
                    on = !on;
                    left = -stay * rng.random_range(1e-3..1.0f64).ln();
                }
                left -= STEP;
                *v = *v * 0.6 + if on { height } else { 0.0 };
            }
        }
        _ => {}
    }
}

/// What the store holds at `now`: samples every 10-20 minutes for 48 h, hourly means to 14 d, six-hour means to 90 d.
pub(crate) fn tiers(now: i64, y: &[f64], rng: &mut ChaCha8Rng) -> Vec<(i64, f64)> {
    let n = y.len();
    let time = |i: usize| now - ((n - 1 - i) as f64 * STEP * 3_600.0) as i64;
    let every = rng.random_range(2..5usize);
    let mut samples = Vec::new();
    for (width, from, to) in [(72, 90.0, 14.0), (12, 14.0, 2.0)] {
        let age = |i: usize| (n - 1 - i) as f64 * STEP / 24.0;
        let mut group: Vec<usize> = Vec::new();
        for i in (0..n).filter(|i| age(*i) < from && age(*i) >= to) {
            let slot = |i: usize| time(i).div_euclid(width * 300);
            if group.last().is_some_and(|last| slot(*last) != slot(i)) {
                samples.push(mean(&group, y, &time));
                group.clear();
            }
            group.push(i);
        }
        if !group.is_empty() {
            samples.push(mean(&group, y, &time));
        }
    }
    let recent = n.saturating_sub(576);
    samples.extend(
        (recent..n)
            .rev()
            .step_by(every)
            .map(|i| (time(i) - rng.random_range(0..40i64), y[i]))
            .collect::<Vec<_>>()
            .into_iter()
            .rev(),
    );
    samples
}

fn mean(group: &[usize], y: &[f64], time: &impl Fn(usize) -> i64) -> (i64, f64) {
    let n = group.len();
    let t: i64 = group.iter().map(|i| time(*i)).sum::<i64>() / n as i64;
    (t, group.iter().map(|i| y[*i]).sum::<f64>() / n as f64)
}
