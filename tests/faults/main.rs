//! Faults as they come to a node, against the command line as users and timers run it. A trial is one fault; a loss is a
//! sample that was acknowledged and is gone or another one, a run that fails without a reason, or a reader that fails or
//! sees half a tick. The long form: `make faults`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod cli;
mod cluster;
mod damage;
mod device;
mod kept;
mod kills;
mod readers;
#[path = "../rrd_support/mod.rs"]
mod rrd_support;
mod scene;
#[path = "../store_support/mod.rs"]
mod store_support;
mod tree;

use scene::Score;
use store_support::skip;

/// A kind of fault; what readers saw meanwhile is added to the score it is given.
type Fault<'a> = &'a dyn Fn(&mut Score) -> Score;

#[test]
fn no_fault_loses_anything() {
    let rounds: u64 = std::env::var("FAULTS_ROUNDS").map_or(12, |n| n.parse().unwrap());
    let mut readers = Score::default();
    let kinds: [(&str, Fault); 10] = [
        ("kill -9 of append", &|r| kills::append(rounds, r)),
        ("kill -9 of collect", &|r| kills::collect(rounds, r)),
        ("kill -9 of compress", &|r| kills::compress(rounds.div_ceil(4), r)),
        ("kill -9 of import", &|r| kills::import(rounds.div_ceil(8), r)),
        ("full disk", &|r| device::full(rounds.div_ceil(8), r)),
        ("read-only state", &|r| device::read_only(rounds.div_ceil(4), r)),
        ("pmxcfs gone or damaged", &|_| cluster::no_tree(rounds)),
        ("clock steps", &|_| cluster::clock(rounds)),
        ("damaged state files", &|_| damage::damage(rounds)),
        ("collectors at the same time", &|_| cluster::two(rounds)),
    ];
    let mut all = Score::default();
    let only = std::env::var("FAULTS_KIND").unwrap_or_default();
    for (name, kind) in kinds.iter().filter(|(name, _)| name.contains(&only)) {
        tell(name, &kind(&mut readers), &mut all);
    }
    tell("readers meanwhile", &readers, &mut all);
    println!("{:<28} {:>7} trials, {} losses", "in all", all.trials, all.losses.len());
    assert!(all.losses.is_empty(), "{} losses", all.losses.len());
}

/// Prints a score with its first losses and adds it to others.
fn tell(name: &str, score: &Score, all: &mut Score) {
    match score.skipped {
        Some((what, why)) => skip(what, &format!("{name}: {why}")),
        None => println!("{name:<28} {:>7} trials, {} losses", score.trials, score.losses.len()),
    }
    score.losses.iter().take(10).for_each(|loss| println!("  {loss}"));
    all.trials += score.trials;
    all.losses.extend(score.losses.iter().cloned());
}
