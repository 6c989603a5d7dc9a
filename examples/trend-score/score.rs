//! The metrics of trend-cases/README.md.

use serde::Deserialize;
use std::collections::BTreeMap;

/// What is known about a series.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Truth {
    pub(crate) id: String,
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) accept: Vec<String>,
    pub(crate) slope_per_day: Option<f64>,
    #[serde(default)]
    pub(crate) slope_scored: bool,
    pub(crate) crossing_level_h: Option<f64>,
    pub(crate) crossing_peak_h: Option<f64>,
    #[serde(default)]
    pub(crate) crossing_scored: bool,
    pub(crate) anomaly: Option<bool>,
    pub(crate) peak_hours: Option<Vec<u8>>,
    pub(crate) behavior: Option<String>,
    pub(crate) change_points: Option<Vec<f64>>,
    #[serde(default)]
    pub(crate) no_trend: bool,
    pub(crate) noise_sd: Option<f64>,
    pub(crate) cat: String,
}

/// What the engine answered.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) label: String,
    pub(crate) slope_per_day: Option<f64>,
    pub(crate) slope_ci: Option<[f64; 2]>,
    pub(crate) confidence: f64,
    pub(crate) hours_to_threshold: Option<f64>,
    pub(crate) hours_to_threshold_peak: Option<f64>,
    pub(crate) hours_to_threshold_interval: Option<[Option<f64>; 2]>,
    pub(crate) anomaly_sigma: Option<f64>,
    pub(crate) anomaly: Option<bool>,
    pub(crate) peak_hours: Vec<u8>,
    pub(crate) stability: Option<f64>,
    pub(crate) behavior: Option<String>,
    pub(crate) change_points: Vec<f64>,
}

/// A case: truth, answer, lookback in hours, value of a point in the unit of the series.
pub(crate) struct Case {
    pub(crate) truth: Truth,
    pub(crate) answer: Answer,
    pub(crate) lookback: f64,
    pub(crate) point: f64,
}

impl Case {
    fn claims(&self) -> bool {
        self.answer.label.starts_with("sustained")
    }
    fn right(&self) -> bool {
        self.truth.accept.contains(&self.answer.label)
    }
    fn trending(&self) -> bool {
        self.truth.label.as_deref().is_some_and(|l| l.starts_with("sustained"))
    }
    /// Kinds that are reported on their own.
    fn apart(&self) -> bool {
        matches!(self.truth.cat.as_str(), "few" | "wander" | "trend_weak")
    }
}

/// One line of the table: name, value, number of cases behind it, what must be and what is aimed at
/// (docs/trend-score.md).
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) cases: usize,
    pub(crate) must: f64,
    pub(crate) aim: f64,
    /// Whether less is better.
    pub(crate) low: bool,
}

impl Line {
    pub(crate) fn meets(&self, bar: f64) -> bool {
        if self.low { self.value <= bar + 1e-9 } else { self.value >= bar - 1e-9 }
    }
}

const FAMILIES: [(&str, &[&str]); 6] = [
    (
        "daily",
        &[
            "diurnal",
            "diurnal_edge",
            "diurnal_lookback24",
            "first_days",
            "long_history",
            "anomaly_not",
            "odd_daily",
        ],
    ),
    ("weekly", &["weekly", "weekly_short"]),
    (
        "ar flat",
        &["flat_ar", "flat_ar_volatile", "flat_white", "hetero", "gaps_flat", "heavy_tail"],
    ),
    ("steps", &["step", "step_two", "step_recent", "step_daily", "step_many"]),
    ("bursts", &["bursts", "bursts_edge", "rare_spikes", "glitches", "telegraph", "idle_guest"]),
    ("cycles", &["sawtooth_multi", "cycle_other"]),
];

fn rate(hits: usize, of: usize) -> f64 {
    if of == 0 { f64::NAN } else { hits as f64 / of as f64 }
}

fn quantile(x: &mut [f64], p: f64) -> f64 {
    if x.is_empty() {
        return f64::NAN;
    }
    x.sort_by(f64::total_cmp);
    let place = p * (x.len() - 1) as f64;
    let (a, b) = (x[place.floor() as usize], x[place.ceil() as usize]);
    a + (b - a) * place.fract()
}

fn ranks(x: &[f64]) -> Vec<f64> {
    let below = |v: f64| x.iter().filter(|w| **w < v).count() as f64;
    let same = |v: f64| x.iter().filter(|w| **w == v).count() as f64;
    x.iter().map(|v| below(*v) + 0.5 * (same(*v) - 1.0)).collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let cov: f64 = a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum();
    let va: f64 = a.iter().map(|x| (x - ma).powi(2)).sum();
    let vb: f64 = b.iter().map(|y| (y - mb).powi(2)).sum();
    cov / (va * vb).sqrt()
}

/// Mean recall over the groups that `key` names.
fn mean_recall(rows: &[(String, bool)]) -> f64 {
    let mut groups: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (key, hit) in rows {
        let group = groups.entry(key).or_default();
        *group = (group.0 + usize::from(*hit), group.1 + 1);
    }
    groups.values().map(|(hit, of)| rate(*hit, *of)).sum::<f64>() / groups.len() as f64
}

/// All metrics of a set of cases.
pub(crate) fn table(cases: &[Case]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |name, value: f64, cases, must, aim, low| {
        if cases > 0 && !value.is_nan() {
            lines.push(Line { name, value, cases, must, aim, low });
        }
    };
    let main: Vec<&Case> = cases.iter().filter(|c| c.truth.label.is_some() && !c.apart()).collect();
    let labels: Vec<(String, bool)> =
        main.iter().map(|c| (c.truth.label.clone().unwrap_or_default(), c.right())).collect();
    add("balanced accuracy", mean_recall(&labels), main.len(), 0.93, 0.97, false);
    let quiet: Vec<&&Case> = main.iter().filter(|c| c.truth.no_trend).collect();
    let claimed = |all: &[&&Case]| rate(all.iter().filter(|c| c.claims()).count(), all.len());
    add("false trends", claimed(&quiet), quiet.len(), 0.03, 0.01, true);
    let bars = [(0.02, 0.005), (0.06, 0.02), (0.06, 0.02), (0.02, 0.0), (0.04, 0.01), (0.05, 0.01)];
    let names = ["- daily", "- weekly", "- ar flat", "- steps", "- bursts", "- cycles"];
    for (((_, kinds), name), (must, aim)) in FAMILIES.iter().zip(names).zip(bars) {
        let family: Vec<&&Case> =
            quiet.iter().filter(|c| kinds.contains(&c.truth.cat.as_str())).copied().collect();
        add(name, claimed(&family), family.len(), must, aim, true);
    }
    let kind = |cat: &str| cases.iter().filter(|c| c.truth.cat == cat).collect::<Vec<_>>();
    let share = |all: &[&Case], f: &dyn Fn(&Case) -> bool| {
        rate(all.iter().filter(|c| f(c)).count(), all.len())
    };
    let wander = kind("wander");
    add("slow wander (apart)", share(&wander, &Case::claims), wander.len(), 0.30, 0.15, true);
    let trends: Vec<&Case> = main.iter().filter(|c| c.trending()).copied().collect();
    add("trend recall", share(&trends, &Case::right), trends.len(), 0.90, 0.97, false);
    let wrong = |c: &Case| c.claims() && !c.right();
    add("- wrong way", share(&trends, &wrong), trends.len(), 0.002, 0.0, true);
    let weak = kind("trend_weak");
    add("weak-trend recall", share(&weak, &Case::right), weak.len(), 0.60, 0.80, false);
    slopes(cases, &mut add);
    crossings(cases, &mut add);
    flags(cases, &mut add);
    rest(cases, &mut add);
    let sure = |c: &Case| c.claims() && c.answer.confidence >= 0.75;
    let bold: Vec<&Case> = main.iter().filter(|c| sure(c)).copied().collect();
    add("sure claims: precision", share(&bold, &Case::right), bold.len(), 0.93, 0.97, false);
    let recall = share(&trends, &|c| sure(c) && c.right());
    add("sure claims: recall", recall, trends.len(), 0.88, 0.95, false);
    let few = kind("few");
    add("few samples: trend claims", share(&few, &Case::claims), few.len(), 0.0, 0.0, true);
    let confident = share(&few, &|c| c.answer.confidence >= 0.75);
    add("few samples: confident", confident, few.len(), 0.0, 0.0, true);
    let brier = |all: Vec<&&Case>| {
        let sum: f64 = all
            .iter()
            .map(|c| (c.answer.confidence - f64::from(u8::from(c.right()))).powi(2))
            .sum();
        (sum / all.len() as f64, all.len())
    };
    let (value, n) = brier(main.iter().filter(|c| c.claims()).collect());
    add("Brier of trend claims", value, n, 0.08, 0.05, true);
    let (value, n) = brier(main.iter().filter(|c| !c.claims()).collect());
    add("Brier of other labels", value, n, 0.083, 0.05, true);
    lines
}

type Add<'a> = &'a mut dyn FnMut(&'static str, f64, usize, f64, f64, bool);

fn slopes(cases: &[Case], add: Add<'_>) {
    let scored: Vec<&Case> =
        cases.iter().filter(|c| c.truth.slope_scored && c.truth.slope_per_day.is_some()).collect();
    let truth = |c: &Case| c.truth.slope_per_day.unwrap_or(0.0);
    let days = |c: &Case| c.lookback / 24.0 / c.point;
    let error = |c: &Case| (c.answer.slope_per_day.unwrap_or(0.0) - truth(c)).abs() / c.point;
    let mut window: Vec<f64> = scored.iter().map(|c| error(c) * c.lookback / 24.0).collect();
    add(
        "slope error over window, median",
        quantile(&mut window, 0.5),
        scored.len(),
        0.8,
        0.55,
        true,
    );
    add("slope error over window, P90", quantile(&mut window, 0.9), scored.len(), 6.0, 3.5, true);
    let mut daily: Vec<f64> = scored.iter().map(|c| error(c)).collect();
    add("slope error per day, median", quantile(&mut daily, 0.5), scored.len(), 0.10, 0.07, true);
    let with: Vec<(&Case, [f64; 2])> =
        scored.iter().filter_map(|c| Some((*c, c.answer.slope_ci?))).collect();
    let inside = |c: &Case, ci: [f64; 2]| (ci[0]..=ci[1]).contains(&truth(c));
    let hits = with.iter().filter(|(c, ci)| inside(c, *ci)).count();
    add("CI 95 coverage", rate(hits, with.len()), with.len(), 0.90, 0.93, false);
    let score = |c: &Case, ci: [f64; 2]| {
        let outside = (ci[0] - truth(c)).max(truth(c) - ci[1]).max(0.0);
        (ci[1] - ci[0] + 40.0 * outside) * days(c)
    };
    let mean = with.iter().map(|(c, ci)| score(c, *ci)).sum::<f64>() / with.len() as f64;
    add("interval score, mean", mean, with.len(), 30.0, 18.0, true);
}

fn crossings(cases: &[Case], add: Add<'_>) {
    let scored: Vec<&Case> = cases.iter().filter(|c| c.truth.crossing_scored).collect();
    let near = |t: f64, p: f64| (t - p).abs() <= (0.3 * t).max(12.0);
    let mut one = |names: [&'static str; 5],
                   bars: [(f64, f64); 3],
                   truth: fn(&Case) -> Option<f64>,
                   told: fn(&Case) -> Option<f64>| {
        let due: Vec<&&Case> =
            scored.iter().filter(|c| truth(c).is_some_and(|t| t <= 2.0 * c.lookback)).collect();
        let hit = due.iter().filter(|c| told(c).is_some_and(|p| near(truth(c).unwrap_or(0.0), p)));
        add(names[0], rate(hit.count(), due.len()), due.len(), bars[0].0, bars[0].1, false);
        let missed = due.iter().filter(|c| told(c).is_none()).count();
        add(names[1], rate(missed, due.len()), due.len(), bars[1].0, bars[1].1, true);
        let never: Vec<&&Case> = scored.iter().filter(|c| truth(c).is_none()).collect();
        let alarm = never.iter().filter(|c| told(c).is_some_and(|p| p <= 2.0 * c.lookback)).count();
        add(names[2], rate(alarm, never.len()), never.len(), bars[2].0, bars[2].1, true);
        let pairs: Vec<(f64, f64)> =
            due.iter().filter_map(|c| Some((truth(c)?, told(c)?))).collect();
        let mut logs: Vec<f64> =
            pairs.iter().map(|(t, p)| ((p + 6.0) / (t + 6.0)).ln().abs()).collect();
        add(names[3], quantile(&mut logs, 0.5), logs.len(), 0.15, 0.10, true);
        let mut ratio: Vec<f64> =
            pairs.iter().filter(|(t, _)| *t > 0.0).map(|(t, p)| p / t).collect();
        let median = quantile(&mut ratio, 0.5);
        add(names[4], (median - 1.0).abs(), ratio.len(), 0.10, 0.05, true);
    };
    one(
        [
            "crossing (level): hit",
            "- missed",
            "- false",
            "- median abs log ratio",
            "- abs median ratio - 1",
        ],
        [(0.75, 0.87), (0.08, 0.03), (0.03, 0.01)],
        |c| c.truth.crossing_level_h,
        |c| c.answer.hours_to_threshold,
    );
    one(
        [
            "crossing (peak): hit",
            "- missed",
            "- false",
            "- median abs log ratio",
            "- abs median ratio - 1",
        ],
        [(0.75, 0.87), (0.10, 0.05), (0.03, 0.01)],
        |c| c.truth.crossing_peak_h,
        |c| c.answer.hours_to_threshold_peak,
    );
    let intervals: Vec<(f64, [Option<f64>; 2])> = scored
        .iter()
        .filter_map(|c| Some((c.truth.crossing_level_h?, c.answer.hours_to_threshold_interval?)))
        .filter(|(t, _)| *t > 0.0)
        .collect();
    let inside = |t: f64, i: [Option<f64>; 2]| {
        i[0].is_none_or(|low| t >= low) && i[1].is_none_or(|high| t <= high)
    };
    let covered = rate(intervals.iter().filter(|(t, i)| inside(*t, *i)).count(), intervals.len());
    add("80 % interval: coverage (to 0.85)", covered, intervals.len(), 0.75, 0.78, false);
}

fn flags(cases: &[Case], add: Add<'_>) {
    let scored: Vec<&Case> = cases.iter().filter(|c| c.truth.anomaly.is_some()).collect();
    let truth = |c: &&&Case| c.truth.anomaly == Some(true);
    let flagged: Vec<&&Case> = scored.iter().filter(|c| c.answer.anomaly == Some(true)).collect();
    let precision = rate(flagged.iter().filter(|c| truth(c)).count(), flagged.len());
    let real: Vec<&&Case> = scored.iter().filter(|c| truth(c)).collect();
    let recall = rate(real.iter().filter(|c| c.answer.anomaly == Some(true)).count(), real.len());
    add("anomaly flag: precision", precision, flagged.len(), 0.80, 0.95, false);
    add("anomaly flag: recall", recall, real.len(), 0.50, 0.65, false);
    let f1 = 2.0 * precision * recall / (precision + recall);
    // Real incidents are labelled generously: their bars are those of precision and recall.
    let synthetic = scored.iter().all(|c| c.truth.label.is_some());
    let (least, aim) = if synthetic { (0.90, 0.97) } else { (0.62, 0.77) };
    add("anomaly flag: F1", f1, scored.len(), least, aim, false);
    let sigma = |c: &&&Case| c.answer.anomaly_sigma.unwrap_or(0.0).abs();
    let (mut wins, mut pairs) = (0.0, 0.0);
    for a in scored.iter().filter(truth) {
        for b in scored.iter().filter(|c| !truth(c)) {
            let (a, b) = (sigma(&a), sigma(&b));
            wins += if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            };
            pairs += 1.0;
        }
    }
    let (least, aim) = if synthetic { (0.97, 0.995) } else { (0.80, 0.90) };
    add("anomaly abs sigma: AUROC", wins / pairs, scored.len(), least, aim, false);
}

fn rest(cases: &[Case], add: Add<'_>) {
    let hours: Vec<(&Case, &Vec<u8>)> =
        cases.iter().filter_map(|c| Some((c, c.truth.peak_hours.as_ref()?))).collect();
    let f1 = |c: &Case, truth: &[u8]| {
        let both = truth.iter().filter(|h| c.answer.peak_hours.contains(h)).count() as f64;
        2.0 * both / (truth.len() + c.answer.peak_hours.len()) as f64
    };
    let some: Vec<_> = hours.iter().filter(|(_, t)| !t.is_empty()).collect();
    let mean = some.iter().map(|(c, t)| f1(c, t)).sum::<f64>() / some.len() as f64;
    add("peak hours: F1", mean, some.len(), 0.90, 0.95, false);
    let none: Vec<_> = hours.iter().filter(|(_, t)| t.is_empty()).collect();
    let given = none.iter().filter(|(c, _)| !c.answer.peak_hours.is_empty()).count();
    add("peak hours: given where none", rate(given, none.len()), none.len(), 0.05, 0.01, true);

    let near = |a: f64, b: f64| (a - b).abs() <= 4.0 * 3600.0;
    let known = |c: &&Case| c.truth.change_points.is_some() && c.truth.label.is_some();
    let clean_kind = |c: &&&Case| {
        c.truth.change_points.as_ref().is_some_and(Vec::is_empty)
            && !c.apart()
            && !matches!(
                c.truth.cat.as_str(),
                "sawtooth_multi" | "step_recent" | "bursts_edge" | "weekly_short" | "anomaly_now"
            )
    };
    let all: Vec<&Case> = cases.iter().filter(known).collect();
    let with: Vec<&&Case> = all
        .iter()
        .filter(|c| c.truth.change_points.as_ref().is_some_and(|p| !p.is_empty()))
        .collect();
    let (mut truths, mut found, mut told, mut right) = (0, 0, 0, 0);
    for c in &with {
        let points = c.truth.change_points.as_deref().unwrap_or_default();
        truths += points.len();
        found +=
            points.iter().filter(|p| c.answer.change_points.iter().any(|a| near(**p, *a))).count();
        told += c.answer.change_points.len();
        right +=
            c.answer.change_points.iter().filter(|a| points.iter().any(|p| near(*p, **a))).count();
    }
    add("change points: recall", rate(found, truths), truths, 0.90, 0.98, false);
    add("change points: precision", rate(right, told), told, 0.85, 0.95, false);
    let clean: Vec<&&Case> = all.iter().filter(clean_kind).collect();
    let any = clean.iter().filter(|c| !c.answer.change_points.is_empty()).count();
    add("change points: on clean", rate(any, clean.len()), clean.len(), 0.10, 0.04, true);

    let (noise, score): (Vec<f64>, Vec<f64>) = cases
        .iter()
        .filter(|c| c.truth.noise_sd.is_some_and(|n| n >= 0.0))
        .filter_map(|c| Some((-c.truth.noise_sd?, c.answer.stability?)))
        .unzip();
    add(
        "stability: Spearman",
        correlation(&ranks(&noise), &ranks(&score)),
        noise.len(),
        0.80,
        0.90,
        false,
    );
    let behaviour: Vec<(String, bool)> = cases
        .iter()
        .filter_map(|c| Some((c.truth.behavior.clone()?, c.answer.behavior == c.truth.behavior)))
        .collect();
    add("behaviour: mean recall", mean_recall(&behaviour), behaviour.len(), 0.85, 0.93, false);
}
