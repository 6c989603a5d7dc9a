//! The traps in which other engines were measured: 300 series a family, hourly, AR(1) noise with a standard
//! deviation of 3 points, a daily cycle of +-15.

use pve_foresight::model::HOUR;
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Crossing, Direction, Params, Trend, analyze};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const NOW: i64 = 1_767_571_200;
const COUNT: usize = 300;
/// Correlation of neighbouring hours.
const PHI: f64 = 0.6;

/// Family, what others call rising (percent: ProxBalance, Pulse, PegaProx, ProxCenter), growth per day.
const FAMILIES: [(&str, &str, f64); 8] = [
    ("flat", "4 / 0 / 8 / 0", 0.0),
    ("daily cycle", "17 / 0 / 11 / 0", 0.0),
    ("weekly + daily", "49 / 0 / 25 / 0", 0.0),
    ("one step of 15, 3 days ago", "100 / 45 / 100 / 8", 0.0),
    ("spike, last 6 h", "78 / 16 / 37 / 0", 0.0),
    ("growth 1 a day", "95 / 49 / 100 / 100", 1.0),
    ("growth 1 a day + daily", "83 / 0 / 100 / 100", 1.0),
    ("growth 0.3 a day + daily", "34 / 0 / 100 / 100", 0.3),
];

fn series(family: &str, growth: f64, days: i64, now: i64, rng: &mut ChaCha8Rng) -> Vec<Point> {
    let phase = rng.random_range(0.0..1.0);
    let level = 20.0 + growth * days as f64 + rng.random_range(0.0..15.0);
    let mut noise = 0.0;
    (0..days * 24)
        .map(|h| {
            let t = (h - days * 24) as f64 / 24.0;
            let time = now + (t * 86_400.0) as i64 + HOUR / 2;
            let shock: f64 = StandardNormal.sample(rng);
            noise = PHI * noise + 3.0 * (1.0 - PHI * PHI).sqrt() * shock;
            let mut v = level + growth * t + noise;
            if family.contains("daily") {
                v += 15.0 * ((t + phase) * std::f64::consts::TAU).sin();
            }
            if family.contains("weekly") && LocalTime::utc().weekend(time) {
                v -= 12.0;
            }
            if family.contains("step") && t > -3.0 || family.contains("spike") && t > -0.25 {
                v += if family.contains("spike") { 30.0 } else { 15.0 };
            }
            Point::sample(time, v.clamp(0.0, 100.0))
        })
        .collect()
}

/// What the acceptance list needs, as shares.
#[derive(Default)]
pub(crate) struct Figures {
    /// Families without a trend and the worst share that is called rising, over 7, 14 and 30 days.
    pub(crate) false_trends: Vec<(&'static str, f64)>,
    /// Steps that are no trend and told as a level shift.
    pub(crate) steps: f64,
    /// Growth under a daily cycle that is found in 14 and 30 days.
    pub(crate) growth: [f64; 2],
    /// Told over true time to threshold, median.
    pub(crate) ratio: f64,
    /// Share of true times in the 80 % interval.
    pub(crate) coverage: f64,
}

/// Prints the table of traps and the quality of time-to-threshold.
pub(crate) fn print() -> Figures {
    let mut figures = Figures::default();
    println!("\n## Traps of other engines, {COUNT} series each\n");
    println!(
        "| series | others, rising % | ours, rising % 7 / 14 / 30 d | called a level shift % | stability |\n|---|---|---|---|---|"
    );
    let local = LocalTime::utc();
    for (family, others, growth) in FAMILIES {
        let look = |days: i64| -> Vec<Trend> {
            let rng = &mut ChaCha8Rng::seed_from_u64(days as u64);
            (0..COUNT)
                .map(|_| {
                    let now = NOW + rng.random_range(0..168) * HOUR;
                    let points = series(family, growth, days, now, rng);
                    let hours = days as u32 * 24;
                    analyze(
                        &points,
                        &Params { lookback_hours: hours, ..Params::share(now, 100.0, &local) },
                    )
                })
                .collect()
        };
        let share = |all: &[Trend], f: &dyn Fn(&Trend) -> bool| {
            100.0 * all.iter().filter(|t| f(t)).count() as f64 / all.len() as f64
        };
        let sets = [7, 14, 30].map(look);
        let up = |s: &Vec<Trend>| share(s, &|t| t.direction == Direction::SustainedIncrease);
        let rates: Vec<f64> = sets.iter().map(up).collect();
        let rising: Vec<String> = rates.iter().map(|r| format!("{r:.0}")).collect();
        let shift = share(&sets[0], &|t| !t.direction.is_trend() && !t.changes.is_empty());
        match growth {
            0.0 => {
                let worst = rates.iter().copied().fold(0.0, f64::max);
                figures.false_trends.push((family, worst / 100.0));
            }
            1.0 if family.contains("daily") => {
                figures.growth = [rates[1] / 100.0, rates[2] / 100.0]
            }
            _ => {}
        }
        if family.contains("step") {
            figures.steps = shift / 100.0;
        }
        let stability = sets[0].iter().filter_map(|t| t.stability).sum::<f64>() / COUNT as f64;
        println!("| {family} | {others} | {} | {shift:.0} | {stability:.0} |", rising.join(" / "));
    }
    for family in ["growth", "growth + daily"] {
        (figures.ratio, figures.coverage) = crossing(family);
    }
    figures
}

/// Time to a threshold, truly 10 to 25 days away, from 30 days of history: median of told over true, and
/// share in the 80 % interval.
fn crossing(family: &str) -> (f64, f64) {
    let (rng, local) = (&mut ChaCha8Rng::seed_from_u64(90), LocalTime::utc());
    let (mut ratio, mut inside) = (Vec::new(), 0.0);
    for _ in 0..COUNT {
        let growth = rng.random_range(0.6..1.5);
        let points = series(family, growth, 30, NOW, rng);
        let level = points.iter().map(|p| p.value).sum::<f64>() / 720.0 + 15.0 * growth;
        let due = rng.random_range(10.0..25.0) * 24.0;
        let threshold = level + growth * due / 24.0;
        let params = Params {
            lookback_hours: 720,
            threshold: Some(threshold),
            ..Params::share(NOW, 100.0, &local)
        };
        let told = analyze(&points, &params).projection.map(|p| p.level);
        if let Some(Crossing::In { hours, earliest, latest }) = told {
            ratio.push(hours / due);
            inside += f64::from(u8::from(earliest <= due && latest.is_none_or(|l| due <= l)));
        }
    }
    ratio.sort_by(f64::total_cmp);
    let at = |p: f64| ratio[(p * (ratio.len() - 1) as f64) as usize];
    println!(
        "\n{family}: time to threshold told in {:.0} %, told / true median {:.2} (quartiles {:.2}-{:.2}), 80 % interval covers {:.0} %",
        100.0 * ratio.len() as f64 / COUNT as f64,
        at(0.5),
        at(0.25),
        at(0.75),
        100.0 * inside / ratio.len() as f64
    );
    (at(0.5), inside / ratio.len() as f64)
}
