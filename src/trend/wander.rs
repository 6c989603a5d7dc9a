//! Step 8b: whether a level that wanders from day to day would have come as far by itself.
//!
//! Least squares takes what is left of a line for noise about a level that stays. The load of a guest that computes in
//! phases has no such level: each day begins where the last one ended. Over a window its way looks like a slope with next
//! to no error, and goes on in no direction.

use super::curve::Clock;
use super::label::Case;
use crate::series::dist::t_two_sided;
use crate::series::stats;

/// Length of the parts whose levels are compared, in days, and as a share of a window that is shorter than so many.
const PART: f64 = 1.0;
const PARTS: f64 = 5.0;
/// Bins that a part must have, and fewest changes from part to part that tell how much they differ.
const LEAST: (usize, usize) = (2, 3);
/// Share of the variance of single changes that their long-run variance has at least.
const LEAST_SHARE: f64 = 0.5;
/// The most that a change counts for, in parts of their median.
const LARGEST: f64 = 4.0;
/// Spread in points per part that is no wander.
const STEADY: f64 = 0.02;

/// Chance that the slope is more than a walk of the same changes of level would show: its two-sided test against the
/// long-run variance of the changes from part to part (a random walk with drift, observed with noise; Harvey 1989, 2.3).
/// What was before the trending part went its own way, but tells as well how much the level wanders. 1 where there are too
/// few parts to tell.
pub(super) fn beyond(case: &Case<'_>) -> f64 {
    let slope = case.slope;
    let part = PART.min(case.bins.span() / PARTS);
    let changes = changes(&levels(case, part), part);
    if changes.len() < LEAST.1 {
        return 1.0;
    }
    let start = case.bins.t[case.bins.len() - 1] - slope.segment;
    let of_before = |change: &&(f64, f64)| change.0 < start;
    let before: Vec<f64> = changes.iter().filter(of_before).map(|change| change.1).collect();
    let before = if before.is_empty() { 0.0 } else { stats::mean(&before) };
    let went = |time: f64| if time < start { before } else { slope.average * part };
    let mut rest: Vec<f64> = changes.iter().map(|(time, change)| change - went(*time)).collect();
    // A shift now and then is none: what shifts day by day wanders.
    let mut sizes: Vec<f64> = rest.iter().map(|c| c.abs()).collect();
    let usual = LARGEST * stats::median(&mut sizes);
    rest.iter_mut().for_each(|c| *c = c.min(usual).max(-usual));
    let n = rest.len() as f64;
    let variance = rest.iter().map(|c| c * c).sum::<f64>() / (n - 1.0);
    let next = rest.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / (n - 1.0);
    // Noise about a line goes up and down again, so that changes take each other back; few of them tell that badly.
    let long_run = (variance + 2.0 * next).max(LEAST_SHARE * variance);
    let error = (long_run * part / slope.segment).sqrt().max(STEADY);
    1.0 - t_two_sided(slope.average * part / error, n - 1.0)
}

/// Changes a part from level to level, each with the middle of its time; over a gap by the root of the parts in between.
fn changes(levels: &[(f64, f64)], part: f64) -> Vec<(f64, f64)> {
    let of_pair = |w: &[(f64, f64)]| {
        let parts = (w[1].0 - w[0].0) / part;
        (0.5 * (w[0].0 + w[1].0), (w[1].1 - w[0].1) / parts.max(1.0).sqrt())
    };
    levels.windows(2).map(of_pair).collect()
}

/// Mean time and level of each part of the window, less season and known level shifts.
fn levels(case: &Case<'_>, part: f64) -> Vec<(f64, f64)> {
    let (bins, structure) = (case.bins, case.structure);
    let end = bins.t[bins.len() - 1];
    let level = |i: usize| {
        let t = bins.t[i];
        match structure.clock == Clock::EVEN {
            true => {
                let known = structure.steps().filter(|(time, _, known)| *known && t >= *time);
                let shifts = known.map(|step| step.1);
                case.adjusted[i] - shifts.sum::<f64>()
            }
            // A curve is one law: its bend is no wander.
            false => structure.residual[i] + case.slope.average * t,
        }
    };
    let place = |i: usize| ((end - bins.t[i]) / part) as usize;
    let all: Vec<usize> = (0..bins.len()).collect();
    let parts = all.chunk_by(|a, b| place(*a) == place(*b)).filter(|part| part.len() >= LEAST.0);
    let mean = |part: &[usize], of: &dyn Fn(usize) -> f64| {
        stats::mean(&part.iter().map(|i| of(*i)).collect::<Vec<_>>())
    };
    parts.map(|part| (mean(part, &|i| bins.t[i]), mean(part, &level))).collect()
}
