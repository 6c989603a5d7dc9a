//! Step 4a: growth that has ended. The search seeks no bend in the last fifth of a window, where it could be had too
//! cheaply; one that takes the growth away is asked for here, once a slope stands.

use super::structure::Structure;
use crate::series::breaks::Term;
use crate::series::fit::Design;
use crate::series::stats::dot;
use crate::series::{Bins, Buffer, Grid};

/// Shares of the window that may lie behind the bend.
const BEHIND: [f64; 6] = [0.05, 0.07, 0.10, 0.13, 0.16, 0.20];
/// Share of the window whose terms may stand for a later bend.
const LATE: f64 = 0.25;
/// Standard errors by which the slope must have changed.
const PLAIN: f64 = 3.0;
/// Share of the slope before that the one since must stay below, by two standard errors.
const LEFT: f64 = 0.5;

/// Bins that must lie behind the bend.
fn least(grid: Grid) -> usize {
    if grid == Grid::Hour { 12 } else { 6 }
}

/// The model with the bend at which its growth ended, if it did: in place of a late term with which the search came as
/// close as it may, or beside all terms. `fit` fits terms, each with whether it is known.
pub(super) fn ended(
    bins: &Bins,
    grid: Grid,
    s: &Structure,
    fit: impl Fn(&[(Term, bool)]) -> Structure,
) -> Option<Structure> {
    let bent = |mut terms: Vec<(Term, bool)>, base: &Structure| {
        terms.push((bend(bins, grid, base)?, false));
        Some(fit(&terms)).filter(has_ended)
    };
    let late = bins.t[bins.len() - 1] - LATE * bins.span();
    let terms: Vec<(Term, bool)> = s.terms.iter().copied().zip(s.known.iter().copied()).collect();
    let last = (0..terms.len()).max_by(|a, b| terms[*a].0.time().total_cmp(&terms[*b].0.time()));
    if let Some(last) = last.filter(|i| !terms[*i].1 && terms[*i].0.time() > late) {
        let mut without = terms.clone();
        without.remove(last);
        let base = fit(&without);
        let closer = |bent: &Structure| left(bent) < left(s);
        if let Some(bent) = bent(without, &base).filter(closer) {
            return Some(bent);
        }
    }
    bent(terms, s)
}

/// What a model does not explain.
pub(super) fn left(s: &Structure) -> f64 {
    dot(&s.clipped, &s.clipped)
}

/// The late bend that leaves the least of what `s` does not explain; `None` where the slope of now is not told from 0,
/// or nothing lies far enough behind the last term.
fn bend(bins: &Bins, grid: Grid, s: &Structure) -> Option<Term> {
    let (slope, error) = now(s);
    if slope.abs() < PLAIN * error {
        return None;
    }
    let (n, last) = (bins.len(), bins.t[bins.len() - 1]);
    let after = s.terms.iter().map(|term| term.time()).fold(f64::NEG_INFINITY, f64::max);
    let far = |time: &f64| *time > after && n - bins.t.partition_point(|t| t < time) >= least(grid);
    let times = BEHIND.iter().map(|behind| last - behind * bins.span()).filter(far);
    // White noise would have to leave it that plain: more memory makes it no plainer.
    let enough = |gain: f64| gain > PLAIN * PLAIN * (left(s) - gain) / n as f64;
    best_bend(bins, s, &s.clipped, times, |change| change * slope < 0.0)
        .filter(|(gain, _)| enough(*gain))
        .map(|(_, bend)| bend)
}

/// The bend at one of `times`, of those that change the slope as asked for, that takes most of the `rest` that `s` leaves,
/// and how much. O(n) for each.
pub(super) fn best_bend(
    bins: &Bins,
    s: &Structure,
    rest: &[f64],
    times: impl Iterator<Item = f64>,
    asked: impl Fn(f64) -> bool,
) -> Option<(f64, Term)> {
    let n = bins.len();
    let column = |term: Term| -> Buffer { bins.t.iter().map(|t| term.at(*t)).collect() };
    let mut columns = vec![Buffer::filled(n, 1.0), Buffer::of(&bins.t)];
    columns.extend(s.terms.iter().map(|term| column(*term)));
    let design = Design::of(columns);
    let mut alone = Buffer::with_capacity(n);
    let mut best: Option<(f64, Term)> = None;
    for time in times {
        let bend = column(Term::Hinge(time));
        design.residual(&bend, &design.solve(&bend), &mut alone);
        let (change, length) = (dot(&alone, rest), dot(&alone, &alone));
        let gain = change * change / length;
        if asked(change) && best.is_none_or(|(most, _)| gain > most) {
            best = Some((gain, Term::Hinge(time)));
        }
    }
    best
}

/// Whether the last term of `s` is a bend that has plainly taken the growth before it away.
fn has_ended(s: &Structure) -> bool {
    let last = s.fit.beta.len() - 1;
    let change = s.fit.beta[last];
    let (slope, error) = now(s);
    let before = slope - change;
    let alone: Vec<f64> = (0..=last).map(|i| f64::from(u8::from(i == last))).collect();
    let of_change = (s.fit.covariance(&alone, &alone) * s.long_run.long_run).sqrt();
    let left = before.signum() * slope;
    // What falls faster than it grew has not ended: it was cut back, as by a restart.
    change.abs() > PLAIN * of_change
        && left + 2.0 * error < LEFT * before.abs()
        && left > -before.abs()
}

/// The slope of now and its standard error.
pub(super) fn now(s: &Structure) -> (f64, f64) {
    let contrast = s.present_slope();
    let variance = s.fit.covariance(&contrast, &contrast) * s.long_run.long_run;
    (s.fit.estimate(&contrast), variance.max(0.0).sqrt())
}
