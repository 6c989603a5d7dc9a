//! Step 6a: what fills by steps. Backups that are kept, images and dumps make stairs; a weekly trim or prune makes teeth,
//! and what is left between them grows. A few such steps explain a window as well as any slope does, and say nothing of
//! where it goes.

use super::curve::Clock;
use super::slope::Slope;
use super::structure::Structure;
use crate::series::breaks::Term;
use crate::series::dist::{t_quantile, t_two_sided};
use crate::series::{Bins, stats};

/// Fewest steps that are a law.
const LEAST: usize = 3;
/// Mean gaps that the next step may be overdue, or the first may have been.
const OVERDUE: f64 = 1.6;

/// Slope of the whole window where steps, all of them up or all down, recur: the slope between them and mean size over mean
/// gap, whose error is that of both means (that of a renewal reward process: Cox 1962). `None` where they are too few,
/// or have not come all along.
pub(super) fn net(bins: &Bins, s: &Structure, between: &Slope) -> Option<Slope> {
    let bends = s.terms.iter().any(|term| matches!(term, Term::Hinge(_)));
    if s.terms.len() < LEAST || bends || s.clock != Clock::EVEN || s.known.contains(&true) {
        return None;
    }
    let mut steps: Vec<(f64, f64)> = s.steps().map(|(time, size, _)| (time, size)).collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let sizes: Vec<f64> = steps.iter().map(|step| step.1).collect();
    let gaps: Vec<f64> = steps.windows(2).map(|w| w[1].0 - w[0].0).collect();
    let (size, gap) = (stats::mean(&sizes), stats::mean(&gaps));
    let (start, end) = (bins.t[0], bins.t[bins.len() - 1]);
    let longest = (steps[0].0 - start).max(end - steps[steps.len() - 1].0);
    if sizes.iter().any(|one| one * size <= 0.0) || longest > OVERDUE * gap {
        return None;
    }
    let rate = size / gap;
    let average = between.average + rate;
    let spread = rate * rate * (of_mean(&sizes) + of_mean(&gaps));
    let error = (spread + between.error * between.error).sqrt();
    let dof = (2 * steps.len() - 3) as f64;
    let wide = t_quantile(0.975, dof) * error;
    Some(Slope {
        current: average,
        average,
        segment: end - start,
        error,
        dof,
        p: t_two_sided(average / error, dof),
        ci: [average - wide, average + wide],
        r2: between.r2,
    })
}

/// Squared standard error of the mean, as a share of its square.
fn of_mean(x: &[f64]) -> f64 {
    let mean = stats::mean(x);
    stats::variance(x) / (x.len() as f64 - 1.0).max(1.0) / (mean * mean)
}
