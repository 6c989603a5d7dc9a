//! Step 4: slope, level shifts and slope breaks of the adjusted window.

use super::begun;
use super::curve::{self, Clock};
use super::days;
use super::ended;
use super::explain::range;
use crate::series::breaks::{Found, Ground, Model, Search, Term};
use crate::series::fit::{Design, Fit};
use crate::series::longrun::{LongRun, long_run};
use crate::series::stats::dot;
use crate::series::{Bins, Buffer, Grid, stats};

/// Unknown terms that are searched for.
const TERMS: usize = 4;
/// Terms after which a search that finds nothing ends, and the score that it may be short of a find.
const FIRST_LOOK: usize = 2;
const HOPE: f64 = 6.0;
/// Inflation of the variance beyond which what two terms leave is no noise but a curve that needs more.
const CURVED: f64 = 2.5;
/// Correlation of neighbours up to which noise is taken as white, and the most that is believed.
const WHITE: f64 = 0.15;
const LONGEST: f64 = 0.95;
/// Moves by which the best greedy model is improved at most.
const MOVES: usize = 6;
/// Known shifts that are considered.
const KNOWN: usize = 6;
/// Penalty of a searched term: this many ln n_eff (mBIC, Zhang & Siegmund 2007), at least [`LEAST`].
pub(super) const PER_TERM: f64 = 3.0;
/// Least penalty of a searched term.
const LEAST: f64 = 11.0;
/// Measurement noise in points that no model can undercut.
pub(super) const NOISE: f64 = 0.15;
/// A step below this many points, or residual standard deviations, is none.
const SMALLEST_STEP: (f64, f64) = (3.0, 2.0);
/// The same where a move is known to have happened then.
const SMALLEST_KNOWN: (f64, f64) = (1.0, 1.0);
/// Bins of a piece that tell how much it varies, and how much more than the whole it must vary for that to count.
const PIECE: usize = 24;
const UNEVEN: f64 = 1.5;

/// The chosen piecewise linear model, fitted.
pub(super) struct Structure {
    /// Steps and hinges.
    pub(super) terms: Vec<Term>,
    /// Which of them were known beforehand.
    pub(super) known: Vec<bool>,
    /// How time runs for the slope: evenly, or ever faster where growth feeds on itself.
    pub(super) clock: Clock,
    /// Coefficients of constant, t by that clock (always there), terms; the rate of a clock that is not even has one
    /// too, which is 0: only its covariance matters.
    pub(super) fit: Fit,
    /// What the model leaves of the window.
    pub(super) residual: Buffer,
    /// The same, clipped to 3 robust standard deviations.
    pub(super) clipped: Buffer,
    /// Robust standard deviation of the residual.
    pub(super) scale: f64,
    /// Its long-run variance.
    pub(super) long_run: LongRun,
}

impl Structure {
    /// The row of the design matrix at `t`.
    pub(super) fn row(&self, t: f64) -> Vec<f64> {
        let terms = self.terms.iter().map(|c| c.at(t));
        [1.0, self.clock.at(t)].into_iter().chain(terms).chain(self.clock.drift(t)).collect()
    }

    /// Model value at `t`.
    pub(super) fn at(&self, t: f64) -> f64 {
        self.fit.beta[0]
            + self.fit.beta[1] * self.clock.at(t)
            + self.terms.iter().zip(&self.fit.beta[2..]).map(|(c, b)| c.at(t) * b).sum::<f64>()
    }

    /// Model values at the times `t`, ascending, column by column.
    pub(super) fn of(&self, t: &[f64]) -> Buffer {
        let mut values = self.clock.column(t);
        values.iter_mut().for_each(|v| *v = self.fit.beta[0] + self.fit.beta[1] * *v);
        for (term, b) in self.terms.iter().zip(&self.fit.beta[2..]) {
            let from = t.partition_point(|t| *t < term.time());
            values[from..].iter_mut().zip(&t[from..]).for_each(|(v, t)| *v += b * term.at(*t));
        }
        values
    }

    /// Contrast of the coefficients that is the present slope.
    pub(super) fn present_slope(&self) -> Vec<f64> {
        let hinge = |term: &Term| f64::from(u8::from(matches!(term, Term::Hinge(_))));
        let rate = self.clock.drift(0.0);
        [0.0, 1.0].into_iter().chain(self.terms.iter().map(hinge)).chain(rate).collect()
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
    let (mut chosen, clock) = match flat || x.len() < 12 {
        true => (Vec::new(), Clock::EVEN),
        false => choose(bins, x, grid, shifts, seasonal),
    };
    let mut fitted = refit(bins, x, (&chosen, clock), seasonal, flat);
    while let Some(worst) = smallest_step(bins, &fitted) {
        chosen.remove(worst);
        fitted = refit(bins, x, (&chosen, clock), seasonal, flat);
    }
    if flat {
        return fitted;
    }
    let fit = |terms: &[(Term, bool)]| refit(bins, x, (terms, Clock::EVEN), seasonal, flat);
    if grid == Grid::Hour
        && let Some(line) = days::line(bins, x, &fitted, fit)
    {
        return line;
    }
    let begun = begun::begun(bins, &fitted, fit);
    if let Some(begun) = begun.filter(|begun| smallest_step(bins, begun).is_none()) {
        return begun;
    }
    if clock != Clock::EVEN {
        return fitted;
    }
    let ended = ended::ended(bins, grid, &fitted, fit);
    ended.filter(|ended| smallest_step(bins, ended).is_none()).unwrap_or(fitted)
}

/// Index of the smallest step that is too small to be one.
fn smallest_step(bins: &Bins, s: &Structure) -> Option<usize> {
    // Size over the size it must have: the least goes first.
    let excess = |i: usize| {
        let ((points, deviations), scale) = match s.known[i] {
            true => (SMALLEST_KNOWN, s.scale),
            false => (SMALLEST_STEP, scale_beside(bins, s, i)),
        };
        s.fit.beta[i + 2].abs() / points.max(deviations * scale)
    };
    (0..s.terms.len())
        .filter(|i| matches!(s.terms[*i], Term::Step(_)) && excess(*i) < 1.0)
        .min_by(|a, b| excess(*a).total_cmp(&excess(*b)))
}

/// Robust standard deviation of the residual beside term `i`: of all, or of the side up to the next term that varies much
/// more, since what is busy varies more than what was idle before. Sides with few bins tell nothing.
fn scale_beside(bins: &Bins, s: &Structure, i: usize) -> f64 {
    let at = s.terms[i].time();
    let times = || s.terms.iter().map(|term| term.time());
    let before = times().filter(|t| *t < at).fold(f64::NEG_INFINITY, f64::max);
    let after = times().filter(|t| *t > at).fold(f64::INFINITY, f64::min);
    let place = |time: f64| bins.t.partition_point(|t| *t < time);
    let scale = |from: usize, to: usize| {
        let mut buffer = Buffer::with_capacity(to - from);
        let enough = to - from >= PIECE;
        if enough { stats::center_and_scale(&s.residual[from..to], &mut buffer).1 } else { 0.0 }
    };
    let busier = scale(place(before), place(at)).max(scale(place(at), place(after)));
    if busier > UNEVEN * s.scale { busier } else { s.scale }
}

/// Spikes go, steps stay: values clipped to a running median.
fn without_spikes(x: &[f64], grid: Grid) -> Buffer {
    let width = if grid == Grid::Hour { 9 } else { 5 };
    let n = x.len();
    let (mut smooth, mut buffer) = (Buffer::with_capacity(n), Buffer::with_capacity(n));
    stats::running_median(x, width, &mut smooth);
    let mut rest: Buffer = x.iter().zip(smooth.iter()).map(|(x, m)| x - m).collect();
    stats::clip_outliers(&mut rest, 3.0, &mut buffer);
    rest.iter().zip(smooth.iter()).map(|(r, m)| r + m).collect()
}

/// Least distance of two terms in days, in windows of two days and more.
pub(super) fn apart(grid: Grid) -> f64 {
    if grid == Grid::Hour { 0.25 } else { 1.0 }
}

/// The terms of the least score: the best model on two greedy paths, one from a level and one from a
/// line, then improved move by move; or no terms and a clock that runs ever faster.
fn choose(
    bins: &Bins,
    raw: &[f64],
    grid: Grid,
    shifts: &[f64],
    seasonal: f64,
) -> (Vec<(Term, bool)>, Clock) {
    let x = without_spikes(raw, grid);
    let (t, n) = (&bins.t, bins.len());
    let span = bins.span();
    let short = if grid == Grid::Hour && span < 2.0 { span / 5.0 } else { f64::INFINITY };
    let apart = apart(grid).min(short);
    let rules = Search { apart, last_hinge: t[n - 1] - 0.2 * span, terms: TERMS };
    let known = known_steps(t, shifts);
    if known.is_empty() && range(&x) < SMALLEST_STEP.0 {
        return (Vec::new(), Clock::EVEN);
    }
    let given = known.len();
    let memory = |ground: &Ground, found: &Found| {
        let fitted = (2 + found.models[found.models.len() - 1].terms.len()) as f64;
        long_run(&ground.residual(found), &bins.key, fitted, seasonal)
    };
    let mut ground = Ground::of(t, &x, &bins.key, 0.0, rules);
    let mut line = ground.search(true, &known, FIRST_LOOK);
    let mut found = memory(&ground, &line);
    if found.lag_one > WHITE {
        ground = Ground::of(t, &x, &bins.key, found.lag_one.min(LONGEST), rules);
        line = ground.search(true, &known, FIRST_LOOK);
        found = memory(&ground, &line);
    }
    let left = found.inflation();
    let mut n_eff = n as f64 / left;
    let worth = |m: &Model| score(m, given, n as f64, n_eff);
    let plain = worth(&line.models[0]);
    if left > CURVED || line.models.iter().skip(1).any(|m| worth(m) < plain + HOPE) {
        ground.further(&mut line, TERMS - FIRST_LOOK);
        n_eff = n as f64 / memory(&ground, &line).inflation();
    }
    let score = |m: &Model| score(m, given, n as f64, n_eff);
    let least =
        |models: Vec<Model>| models.into_iter().min_by(|a, b| score(a).total_cmp(&score(b)));
    let mut level = ground.search(false, &known, 0);
    let none = (Vec::new(), Clock::EVEN);
    let Some(mut best) = least([&*line.models, &*level.models].concat()) else { return none };
    if best.sloped || best.terms.len() > given {
        // Where a line says nothing at all, a level with steps is not going to.
        ground.further(&mut level, TERMS);
        best = least([&*level.models, &[best.clone()]].concat()).unwrap_or(best);
    }
    for _ in 0..MOVES {
        if best.terms.len() == given {
            break;
        }
        match least(ground.neighbours(&best, given)) {
            Some(better) if score(&better) < score(&best) - 1e-9 => best = better,
            _ => break,
        }
    }
    let bends = best.terms.iter().any(|term| matches!(term, Term::Hinge(_)));
    if given == 0
        && (bends || left > CURVED)
        && let Some(clock) = faster(bins, (raw, &x), rules, &best, seasonal)
    {
        return (Vec::new(), clock);
    }
    (best.terms.into_iter().enumerate().map(|(i, term)| (term, i < given)).collect(), Clock::EVEN)
}

/// The clock by which a level and a slope explain the values better than the `best` piecewise model does; the clock counts
/// as a searched term. Compared without whitening: what a poor model leaves of a curve looks like noise that remembers.
fn faster(
    bins: &Bins,
    (raw, x): (&[f64], &[f64]),
    rules: Search,
    best: &Model,
    seasonal: f64,
) -> Option<Clock> {
    let n = x.len() as f64;
    let ground = Ground::of(&bins.t, x, &bins.key, 0.0, rules);
    let found = ground.search(best.sloped, &best.terms, 0);
    let pieces = &found.models[0];
    let size = |left: &[f64], fitted: usize| {
        n / long_run(left, &bins.key, fitted as f64, seasonal).inflation()
    };
    let of_pieces = size(&ground.residual(&found), 2 + best.terms.len());
    // It has three parameters; more of them lower the logarithm of the sum of squares by 2 / n_eff each by chance.
    let more = (1 + usize::from(pieces.sloped) + 2 * pieces.terms.len()) as f64 - 3.0;
    let is_better = |left: &[f64]| {
        let (n_eff, rss) = (size(left, 3).max(of_pieces), dot(left, left));
        let bent = Model { sloped: true, terms: vec![Term::Hinge(0.0)], rss };
        let as_close = n_eff * (rss / pieces.rss).ln() < 2.0 * more;
        as_close && score(&bent, 0, n, n_eff) < score(pieces, 0, n, n_eff)
    };
    let curve = curve::best_clock(&bins.t, x);
    let closer = |left: &[f64]| curve.as_ref().is_none_or(|(_, of)| dot(left, left) < dot(of, of));
    let proportional = curve::proportional(&bins.t, x);
    if let Some((clock, _)) = proportional.filter(|(_, left)| closer(left) && is_better(left)) {
        return Some(clock);
    }
    let (clock, left) = curve.filter(|(_, left)| is_better(left))?;
    // A running median lags behind what is steep: once more with spikes clipped to the curve itself.
    let fitted = || x.iter().zip(left.iter()).map(|(x, rest)| x - rest);
    let mut calm: Buffer = raw.iter().zip(fitted()).map(|(x, fitted)| x - fitted).collect();
    stats::clip_outliers(&mut calm, 3.0, &mut Buffer::with_capacity(x.len()));
    calm.iter_mut().zip(fitted()).for_each(|(rest, fitted)| *rest += fitted);
    Some(curve::best_clock(&bins.t, &calm).map_or(clock, |(clock, _)| clock))
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

/// Least squares with the residuals clipped twice (pseudo-values, Huber 1964). What is `flat` has no
/// spikes worth a clip.
fn refit(
    bins: &Bins,
    x: &[f64],
    (terms, clock): (&[(Term, bool)], Clock),
    seasonal: f64,
    flat: bool,
) -> Structure {
    let n = x.len();
    let column = |term: &(Term, bool)| bins.t.iter().map(|t| term.0.at(*t)).collect();
    let mut columns = vec![Buffer::filled(n, 1.0), clock.column(&bins.t)];
    columns.extend(terms.iter().map(column));
    let design = Design::of(columns);
    let mut beta = design.solve(x);
    let (mut residual, mut buffer) = (Buffer::with_capacity(n), Buffer::with_capacity(n));
    design.residual(x, &beta, &mut residual);
    let mut clipped = residual.clone();
    let scale = match flat {
        true => stats::variance(&residual).sqrt(),
        false => {
            let mut pseudo = Buffer::with_capacity(n);
            let (mut scale, mut outside) = stats::clip(&mut clipped, 3.0, &mut buffer);
            for _ in 0..2 {
                if !outside {
                    break;
                }
                pseudo.clear();
                pseudo.extend((0..n).map(|i| x[i] - residual[i] + clipped[i]));
                beta = design.solve(&pseudo);
                design.residual(x, &beta, &mut residual);
                clipped.copy_from_slice(&residual);
                (scale, outside) = stats::clip(&mut clipped, 3.0, &mut buffer);
            }
            scale
        }
    };
    beta.extend(clock.drift(0.0));
    let long_run = long_run(&clipped, &bins.key, beta.len() as f64, seasonal);
    let fit = Fit { beta, inverse: widened(design, &bins.t, terms, clock) };
    Structure {
        terms: terms.iter().map(|t| t.0).collect(),
        known: terms.iter().map(|t| t.1).collect(),
        clock,
        fit,
        residual,
        clipped,
        scale,
        long_run,
    }
}

/// Where a slope breaks is estimated too: to first order that adds a step at each hinge to the design
/// (Muggeo 2003), which widens the covariance of the coefficients. So does the rate of a clock, whose own is kept.
fn widened(design: Design, t: &[f64], terms: &[(Term, bool)], clock: Clock) -> Vec<f64> {
    let (mut columns, inverse) = design.into_parts();
    let mut kept = columns.len();
    if clock != Clock::EVEN {
        columns.push(t.iter().filter_map(|t| clock.drift(*t)).collect());
        kept += 1;
    }
    for (term, _) in terms {
        if let Term::Hinge(time) = term {
            columns.push(t.iter().map(|t| Term::Step(*time).at(*t)).collect());
        }
    }
    let wide = columns.len();
    if wide * wide == inverse.len() {
        return inverse;
    }
    let (_, inverse) = Design::of(columns).into_parts();
    inverse.chunks_exact(wide).take(kept).flat_map(|row| row[..kept].iter().copied()).collect()
}
