//! Scores the trend engine: `cargo run --release --example trend-score [-- MODE] [-v]`.
//!
//! Without a mode: the labelled cases in `../shared/trend-cases`, then the acceptance list. `generated SEED COUNT`: synthetic series of
//! our own, COUNT of each kind. `permuted SEED COUNT`: real days in random order; `steps SEED COUNT` prints those with a guest that joins
//! or leaves as JSON lines, with the truth and what we say (for `tests/reference/method_study.py`). `forecast`: rolling-origin backtest
//! on real guests. `peers`: the traps that other engines were measured in. `-v` lists wrong answers by kind.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod accept;
mod backtest;
mod generate;
mod peers;
mod permute;
mod score;

use pve_foresight::trend::cases::answer_line;
use score::{Answer, Case, Truth};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn read(path: PathBuf) -> Option<String> {
    std::fs::read_to_string(&path)
        .inspect_err(|e| println!("skipped: {}: {e}", path.display()))
        .ok()
}

/// Answers a series and joins it with its truth.
fn case(line: &str, truth: Truth) -> Result<Case, String> {
    let series: serde_json::Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let text = answer_line(line).map_err(|e| format!("{}: {e}", truth.id))?;
    let answer: Answer = serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))?;
    let mut values: Vec<f64> =
        series["samples"].as_array().into_iter().flatten().filter_map(|s| s[1].as_f64()).collect();
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).copied().unwrap_or(0.0);
    let point = if series["unit"] == "percent" { 1.0 } else { median.abs().max(1.0) / 25.0 };
    Ok(Case { truth, answer, lookback: series["lookback_hours"].as_f64().unwrap_or(168.0), point })
}

fn public() -> Option<Vec<Case>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/trend-cases");
    let (series, truth) = (read(folder.join("series.jsonl"))?, read(folder.join("truth.jsonl"))?);
    let pair = |(line, truth): (&str, &str)| {
        let truth = serde_json::from_str(truth).map_err(|e| e.to_string())?;
        case(line, truth)
    };
    let result: Result<Vec<Case>, String> = series.lines().zip(truth.lines()).map(pair).collect();
    result.inspect_err(|e| eprintln!("{e}")).ok()
}

fn print(title: &str, cases: &[Case], verbose: bool) {
    println!("\n## {title}: {} series\n", cases.len());
    println!("| metric | n | score | must | ambitious | |\n|---|---|---|---|---|---|");
    for line in score::table(cases) {
        let mark = match (line.meets(line.must), line.meets(line.aim)) {
            (_, true) => "ambitious",
            (true, false) => "must",
            _ => "BELOW",
        };
        println!(
            "| {} | {} | {:.3} | {} | {} | {mark} |",
            line.name, line.cases, line.value, line.must, line.aim
        );
    }
    if verbose {
        wrong(cases);
    }
}

/// Wrong answers by kind.
fn wrong(cases: &[Case]) {
    let mut kinds: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    cases.iter().for_each(|c| kinds.entry(&c.truth.cat).or_default().push(c));
    println!();
    for (kind, all) in kinds {
        let bad: Vec<String> = all
            .iter()
            .filter(|c| c.truth.label.is_some() && !c.truth.accept.contains(&c.answer.label))
            .map(|c| {
                let truth = c.truth.label.as_deref().unwrap_or("");
                format!("{} {}->{} {:.2}", c.truth.id, truth, c.answer.label, c.answer.confidence)
            })
            .collect();
        let missed = |c: &&&Case| {
            let (truth, ci) = (c.truth.slope_per_day, c.answer.slope_ci);
            c.truth.slope_scored && truth.zip(ci).is_some_and(|(t, ci)| t < ci[0] || t > ci[1])
        };
        let outside = all.iter().filter(missed).count();
        println!(
            "{kind}: {}/{} wrong, {outside} outside the interval; {}",
            bad.len(),
            all.len(),
            bad.join(", ")
        );
    }
}

/// `count` series of each kind.
fn generated(seed: u64, count: u64) -> Vec<Case> {
    let all = generate::KINDS.iter().flat_map(|kind| (0..count).map(move |i| (*kind, seed + i)));
    let made = all.map(|(kind, seed)| generate::series(kind, seed));
    let cases: Result<Vec<Case>, String> = made.map(|m| case(&m.line, m.truth)).collect();
    cases.inspect_err(|e| eprintln!("{e}")).unwrap_or_default()
}

/// Bars of the method study for permuted days (docs/trend-score.md): kind, claims at most (or at least), coverage.
fn permuted(seed: u64, count: u64, verbose: bool) -> Option<()> {
    let traces = permute::traces();
    if traces.is_none() {
        println!("skipped: ../shared/traces absent");
    }
    let traces = traces?;
    println!(
        "\n## Real days in random order: {count} series a kind\n\n| kind | called a trend | right | CI 95 coverage | step found | level shifts told |\n|---|---|---|---|---|---|"
    );
    for kind in permute::KINDS {
        let made = (0..count).map(|i| permute::case(&traces, kind, seed + i));
        let cases: Vec<Case> = made.filter_map(|m| case(&m.line, m.truth).ok()).collect();
        let share = |f: &dyn Fn(&Case) -> bool| {
            cases.iter().filter(|c| f(c)).count() as f64 / cases.len() as f64
        };
        let claims = share(&|c| c.answer.label.starts_with("sustained"));
        let right = share(&|c| c.truth.accept.contains(&c.answer.label));
        let covered = share(&|c| {
            c.answer
                .slope_ci
                .zip(c.truth.slope_per_day)
                .is_some_and(|(ci, s)| (ci[0]..=ci[1]).contains(&s))
        });
        let found = share(&|c| {
            let truth = c.truth.change_points.clone().unwrap_or_default();
            truth.iter().any(|t| c.answer.change_points.iter().any(|a| (a - t).abs() <= 14_400.0))
        });
        let told = share(&|c| !c.answer.change_points.is_empty());
        if verbose {
            wrong(&cases);
        }
        println!("| {kind} | {claims:.3} | {right:.3} | {covered:.3} | {found:.3} | {told:.3} |");
    }
    Some(())
}

/// The series of permuted days with a step, one a line, each with where the step is and where we say that it is.
fn steps(seed: u64, count: u64) -> Result<(), String> {
    let traces = permute::traces().ok_or("skipped: ../shared/traces absent")?;
    for seed in (0..count).map(|i| seed + i) {
        let made = permute::case(&traces, "perm_step", seed);
        let series: serde_json::Value =
            serde_json::from_str(&made.line).map_err(|e| e.to_string())?;
        let answer = case(&made.line, made.truth.clone())?.answer;
        let (truth, told) = (made.truth.change_points, answer.change_points);
        println!("{}", serde_json::json!({"series": series, "truth": truth, "told": told}));
    }
    Ok(())
}

/// Seed of series on which nothing was looked at while limits were set.
const HELD_OUT: u64 = 7_770_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let verbose = arguments.iter().any(|a| a == "-v");
    let number =
        |i: usize, default| arguments.get(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    if arguments.first().is_some_and(|a| a == "generated") {
        print(
            "Synthetic cases of our own",
            &generated(number(1, 1) * 10_000, number(2, 30)),
            verbose,
        );
        return;
    }
    if arguments.first().is_some_and(|a| a == "steps") {
        if let Err(e) = steps(number(1, 1) * 10_000, number(2, 300)) {
            eprintln!("{e}");
        }
        return;
    }
    if arguments.first().is_some_and(|a| a == "peers") {
        peers::print();
        return;
    }
    if arguments.first().is_some_and(|a| a == "forecast") {
        match permute::traces() {
            Some(traces) => {
                backtest::print(&traces);
                backtest::print_peaks(&traces, permute::long_traces().as_ref());
            }
            None => println!("skipped: ../shared/traces absent"),
        }
        return;
    }
    if arguments.first().is_some_and(|a| a == "permuted") {
        permuted(number(1, 1) * 10_000, number(2, 300), verbose);
        return;
    }
    if let Some(cases) = public() {
        let (real, synthetic): (Vec<Case>, Vec<Case>) =
            cases.into_iter().partition(|c| c.truth.cat.starts_with("nab"));
        print("Labelled synthetic cases", &synthetic, verbose);
        print("Labelled real cases (NAB)", &real, verbose);
        accept::print(&synthetic, &generated(HELD_OUT, 20), &peers::print());
    }
}
