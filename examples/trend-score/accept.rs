//! The acceptance list of the trend engine, each line with its bar and verdict.

use crate::peers::Figures;
use crate::score::{Case, table};

/// Lines that stand for families of series without a trend.
const TRAPS: [&str; 6] = ["- daily", "- weekly", "- ar flat", "- steps", "- bursts", "- cycles"];

fn line(name: &str, value: f64, bar: &str, holds: bool) {
    println!("| {name} | {value:.3} | {bar} | {} |", if holds { "holds" } else { "MISSED" });
}

/// Prints the list from the labelled cases, series of our own on a seed that nothing was set on, and
/// the traps of other engines.
pub(crate) fn print(labelled: &[Case], own: &[Case], traps: &Figures) {
    println!("\n## Acceptance\n\n| what | measured | bar | |\n|---|---|---|---|");
    let lines = table(labelled);
    let (must, aim) = (
        lines.iter().filter(|l| l.meets(l.must)).count(),
        lines.iter().filter(|l| l.meets(l.aim)).count(),
    );
    let n = lines.len();
    let share = |k: usize| k as f64 / n as f64;
    line("\"must\" of the labelled cases, share of lines", share(must), "1", must == n);
    line("\"ambitious\", share of lines", share(aim), "> 0.5", 2 * aim > n);
    for (set, cases) in [("labelled cases", labelled), ("own held-out draw", own)] {
        for trap in table(cases).iter().filter(|l| TRAPS.contains(&l.name)) {
            let name = format!("no-trend series called a trend, {set} {}", trap.name);
            line(&name, trap.value, "<= 0.05", trap.value <= 0.05);
        }
    }
    for (family, rate) in &traps.false_trends {
        let name = format!("no-trend series called rising, traps of others - {family}");
        line(&name, *rate, "<= 0.05", *rate <= 0.05);
    }
    line("steps labelled as steps", traps.steps, ">= 0.95", traps.steps >= 0.95);
    for (days, found) in [14, 30].into_iter().zip(traps.growth) {
        let name = format!("growth of 1 point a day under a daily cycle found, {days} days");
        line(&name, found, ">= 0.95", found >= 0.95);
    }
    let ratio = traps.ratio;
    line("time to threshold, told / true, median", ratio, "0.9-1.1", (0.9..=1.1).contains(&ratio));
    let inside = traps.coverage;
    line("its 80 % interval covers", inside, "0.75-0.85", (0.75..=0.85).contains(&inside));
}
