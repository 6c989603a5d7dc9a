//! Step 4: slope, level shifts and slope breaks of the adjusted window.

use crate::series::breaks::{Model, Search, Term, neighbours, search};
use crate::series::fit::{Fit, least_squares};
use crate::series::longrun::{LongRun, long_run};
use crate::series::{Bins, Grid, stats};

/// Unknown terms that are searched for.
const TERMS: usize = 4;
/// Moves by which the best greedy model is improved at most.
const MOVES: usize = 6;
/// Known shifts that are considered.
const KNOWN: usize = 6;
/// Penalty of a searched term: this many ln n_eff (mBIC, Zhang & Siegmund 2007), at least [`LEAST`].
const PER_TERM: f64 = 3.0;
/// Least penalty of a searched term.
const LEAST: f64 = 11.0;
/// Measurement noise in points that no model can undercut.
const NOISE: f64 = 0.15;
/// A step below this many points, or residual standard deviations, is none.
const SMALLEST_STEP: (f64, f64) = (3.0, 2.0);
/// The same where a move is known to have happened then.
const SMALLEST_KNOWN: (f64, f64) = (1.0, 1.0);

/// The chosen piecewise linear model, fitted.
pub(super) struct Structure {
    /// Steps and hinges.
    pub(super) terms: Vec<Term>,
    /// Which of them were known beforehand.
    pub(super) known: Vec<bool>,
    /// Coefficients of constant, t (always there), terms.
    pub(super) fit: Fit,
    /// What the model leaves of the window.
    pub(super) residual: Vec<f64>,
    /// The same, clipped to 3 robust standard deviations.
    pub(super) clipped: Vec<f64>,
    /// Robust standard deviation of the residual.
    pub(super) scale: f64,
    /// Its long-run variance.
    pub(super) long_run: LongRun,
}

impl Structure {
    /// The row of the design matrix at `t`.
    pub(super) fn row(&self, t: f64) -> Vec<f64> {
        [1.0, t].into_iter().chain(self.terms.iter().map(|c| c.at(t))).collect()
    }

    /// Model value at `t`.
    pub(super) fn at(&self, t: f64) -> f64 {
        self.fit.beta[0]
            + self.fit.beta[1] * t
            + self.terms.iter().zip(&self.fit.beta[2..]).map(|(c, b)| c.at(t) * b).sum::<f64>()
    }

    /// Contrast of the coefficients that is the present slope.
    pub(super) fn present_slope(&self) -> Vec<f64> {
        let hinge = |term: &Term| f64::from(u8::from(matches!(term, Term::Hinge(_))));
        [0.0, 1.0].into_iter().chain(self.terms.iter().map(hinge)).collect()
    }

    /// Steps with their sizes.
    pub(super) fn steps(&self) -> impl Iterator<Item = (f64, f64, bool)> + '_ {
        self.terms.iter().zip(&self.fit.beta[2..]).zip(&self.known).filter_map(
            |((term, size), known)| {
                matches!(term, Term::Step(_)).then_some((term.time(), *size, *known))
            },
        )
    }
}

/// Chooses and fits the model of `x` at the times of `bins`.
///
/// `shifts` are known step times in days; `seasonal` is the number of profile parameters paid for;
/// `flat` skips the search (a series that hardly moves has no structure).
pub(super) fn structure(
    bins: &Bins,
    x: &[f64],
    grid: Grid,
    shifts: &[f64],
    seasonal: f64,
    flat: bool,
) -> Structure {
    let mut chosen = match flat || x.len() < 12 {
        true => Vec::new(),
        false => choose(bins, x, grid, shifts, seasonal),
    };
    let mut fitted = refit(bins, x, &chosen, seasonal);
    while let Some(worst) = smallest_step(&fitted) {
        chosen.remove(worst);
        fitted = refit(bins, x, &chosen, seasonal);
    }
    fitted
}

/// Index of the smallest step that is too small to be one.
fn smallest_step(s: &Structure) -> Option<usize> {
    // Size over the size it must have: the least goes first.
    let excess = |i: usize| {
        let (points, deviations) = if s.known[i] { SMALLEST_KNOWN } else { SMALLEST_STEP };
        s.fit.beta[i + 2].abs() / points.max(deviations * s.scale)
    };
    (0..s.terms.len())
        .filter(|i| matches!(s.terms[*i], Term::Step(_)) && excess(*i) < 1.0)
        .min_by(|a, b| excess(*a).total_cmp(&excess(*b)))
}

/// Spikes go, steps stay: values clipped to a running median.
fn without_spikes(x: &[f64], grid: Grid) -> Vec<f64> {
    let width = if grid == Grid::Hour { 9 } else { 5 };
    let (mut smooth, mut buffer) = (Vec::new(), Vec::new());
    stats::running_median(x, width, &mut smooth);
    let mut rest: Vec<f64> = x.iter().zip(&smooth).map(|(x, m)| x - m).collect();
    stats::clip(&mut rest, 3.0, &mut buffer);
    rest.iter().zip(&smooth).map(|(r, m)| r + m).collect()
}

/// The terms of the least score: the best model on two greedy paths, one from a level and one from a
/// line, then improved move by move.
fn choose(bins: &Bins, x: &[f64], grid: Grid, shifts: &[f64], seasonal: f64) -> Vec<(Term, bool)> {
    let x = without_spikes(x, grid);
    let (t, n) = (&bins.t, bins.len());
    let span = bins.span();
    let apart = if grid == Grid::SixHours {
        1.0
    } else if span < 2.0 {
        span / 5.0
    } else {
        0.25
    };
    let rules = Search { apart, last_hinge: t[n - 1] - 0.2 * span, terms: TERMS };
    let known = known_steps(t, shifts);
    let line = search(t, &x, true, &known, &rules);
    let fitted = 2.0 + (known.len() + TERMS) as f64;
    let n_eff = n as f64 / long_run(&line.residual, &bins.key, fitted, seasonal).inflation();
    let score = |m: &Model| score(m, known.len(), n as f64, n_eff);
    let least =
        |models: Vec<Model>| models.into_iter().min_by(|a, b| score(a).total_cmp(&score(b)));
    let plain = Search { terms: 0, ..rules };
    let level = search(t, &x, false, &known, &plain).models;
    let Some(mut best) = least([line.models, level].concat()) else { return Vec::new() };
    if best.sloped || best.terms.len() > known.len() {
        // Where a line says nothing at all, a level with steps is not going to.
        let level = search(t, &x, false, &known, &rules).models;
        best = least([level, vec![best.clone()]].concat()).unwrap_or(best);
    }
    for _ in 0..MOVES {
        if best.terms.len() == known.len() {
            break;
        }
        match least(neighbours(t, &x, &best, known.len(), &rules)) {
            Some(better) if score(&better) < score(&best) - 1e-9 => best = better,
            _ => break,
        }
    }
    best.terms.into_iter().enumerate().map(|(i, term)| (term, i < known.len())).collect()
}

/// BIC with the sample size corrected for autocorrelation.
fn score(model: &Model, known: usize, n: f64, n_eff: f64) -> f64 {
    let log = n_eff.max(2.0).ln();
    let searched = (model.terms.len() - known) as f64 * (PER_TERM * log).max(LEAST);
    let free = known as f64 * log + if model.sloped { log } else { 0.0 };
    n_eff * ((model.rss + n * NOISE * NOISE) / n).ln() + searched + free
}

/// Steps at known times that lie inside the window, two bins from its ends and from each other.
fn known_steps(t: &[f64], shifts: &[f64]) -> Vec<Term> {
    let mut steps: Vec<f64> = Vec::new();
    let mut times = shifts.to_vec();
    times.sort_by(f64::total_cmp);
    for time in times.into_iter().rev() {
        let before = t.partition_point(|t| *t < time);
        let clear = steps.iter().all(|s| t.partition_point(|t| t < s) >= before + 2);
        if before >= 2 && before + 2 <= t.len() && clear && steps.len() < KNOWN {
            steps.push(time);
        }
    }
    steps.into_iter().map(Term::Step).collect()
}

/// Least squares with the residuals clipped twice (pseudo-values, Huber 1964).
fn refit(bins: &Bins, x: &[f64], terms: &[(Term, bool)], seasonal: f64) -> Structure {
    let n = x.len();
    let column = |term: &(Term, bool)| bins.t.iter().map(|t| term.0.at(*t)).collect();
    let mut columns = vec![vec![1.0; n], bins.t.clone()];
    columns.extend(terms.iter().map(column));
    let fitted =
        |fit: &Fit, i: usize| fit.beta.iter().zip(&columns).map(|(b, c)| b * c[i]).sum::<f64>();
    let mut fit = least_squares(&columns, x);
    let mut clipped = vec![0.0; n];
    let mut scale = 0.0;
    let mut buffer = Vec::new();
    for pass in 0..3 {
        for i in 0..n {
            clipped[i] = x[i] - fitted(&fit, i);
        }
        let outside;
        (scale, outside) = stats::clip(&mut clipped, 3.0, &mut buffer);
        if !outside && pass == 0 {
            break;
        }
        if pass < 2 {
            let pseudo: Vec<f64> = (0..n).map(|i| fitted(&fit, i) + clipped[i]).collect();
            fit = least_squares(&columns, &pseudo);
        }
    }
    let residual = (0..n).map(|i| x[i] - fitted(&fit, i)).collect();
    widen_for_hinges(&mut fit, columns.clone(), &bins.t, terms);
    let long_run = long_run(&clipped, &bins.key, columns.len() as f64, seasonal);
    Structure {
        terms: terms.iter().map(|t| t.0).collect(),
        known: terms.iter().map(|t| t.1).collect(),
        fit,
        residual,
        clipped,
        scale,
        long_run,
    }
}

/// Where a slope breaks is estimated too: to first order that adds a step at each hinge to the design
/// (Muggeo 2003), which widens the covariance of the coefficients.
fn widen_for_hinges(fit: &mut Fit, mut columns: Vec<Vec<f64>>, t: &[f64], terms: &[(Term, bool)]) {
    let p = columns.len();
    for (term, _) in terms {
        if let Term::Hinge(time) = term {
            columns.push(t.iter().map(|t| Term::Step(*time).at(*t)).collect());
        }
    }
    if columns.len() > p {
        let wide = least_squares(&columns, t).inverse;
        fit.inverse = (0..p * p).map(|i| wide[i / p * columns.len() + i % p]).collect();
    }
}
