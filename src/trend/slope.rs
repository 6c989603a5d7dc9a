//! Step 6: the slope that holds now, its interval and its test.

use super::curve::Clock;
use super::structure::Structure;
use crate::series::breaks::Term;
use crate::series::dist::{t_quantile, t_two_sided};
use crate::series::{Bins, stats};

/// Share of the present slope that an earlier piece must reach to belong to the same trend.
const SAME_TREND: f64 = 0.25;
/// Share of an earlier slope that the present one must be able to reach (by two standard errors), or the trend of
/// then has ended.
const GOES_ON: f64 = 0.5;
/// A part shorter than this share of the window takes in any earlier piece that goes the same way, unless it is steeper
/// than belongs to one trend by this many standard errors.
const SHORT: f64 = 0.28;
const ANOTHER: f64 = 4.0;
/// Points that the ends of the window may be off for reasons no residual shows.
const SLACK: f64 = 0.02;
/// Widening of the interval, measured: as such and per step or hinge (these were chosen, not given).
const WIDER: (f64, f64) = (1.14, 0.12);

/// A slope in points per day.
pub(super) struct Slope {
    /// Slope of the last piece.
    pub(super) current: f64,
    /// Average slope over the part that trends the same way, steps taken out.
    pub(super) average: f64,
    /// Length of that part in days.
    pub(super) segment: f64,
    /// Standard error of the average.
    pub(super) error: f64,
    /// Degrees of freedom of the residual.
    pub(super) dof: f64,
    /// Two-sided p-value of "the average is 0".
    pub(super) p: f64,
    /// 95 % interval of the average.
    pub(super) ci: [f64; 2],
    /// Share of the adjusted variance that t and the hinges explain beyond constant and steps.
    pub(super) r2: f64,
}

/// Slope of the trending part and its uncertainty under autocorrelated noise.
pub(super) fn slope(bins: &Bins, s: &Structure, seasonal: f64) -> Slope {
    let n = bins.len() as f64;
    let (start, end) = (bins.t[0], bins.t[bins.len() - 1].max(bins.t[0] + 1e-3));
    let (segment, contrast) = match s.clock == Clock::EVEN {
        true => trending_part(s, start, end),
        false => steepening_part(s, start, end),
    };
    let average = s.fit.estimate(&contrast);
    let current = pieces(s).last().map_or(0.0, |(_, slope)| *slope);
    let window = (end - start).max(0.05);
    let variance =
        s.fit.covariance(&contrast, &contrast) * s.long_run.long_run + (SLACK / window).powi(2);
    let error = variance.max(0.0).sqrt();
    let inflation = s.long_run.inflation();
    let parameters = s.fit.beta.len() as f64;
    let dof = (n / inflation - parameters - seasonal / inflation).max(3.0);
    let wide = t_quantile(0.975, dof) * error * WIDER.0 * (1.0 + WIDER.1 * s.terms.len() as f64);
    Slope {
        current,
        average,
        segment,
        error,
        dof,
        p: t_two_sided(average / error, dof),
        ci: [average - wide, average + wide],
        r2: r2(bins, s),
    }
}

/// Start and slope of each linear piece, oldest first.
fn pieces(s: &Structure) -> Vec<(f64, f64)> {
    let mut hinges: Vec<(f64, f64)> = s
        .terms
        .iter()
        .zip(&s.fit.beta[2..])
        .filter_map(|(term, b)| match term {
            Term::Hinge(time) => Some((*time, *b)),
            Term::Step(_) => None,
        })
        .collect();
    hinges.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut slope = s.fit.beta[1];
    let mut pieces = vec![(f64::NEG_INFINITY, slope)];
    for (time, change) in hinges {
        slope += change;
        pieces.push((time, slope));
    }
    pieces
}

/// Walks back over hinges while the slope keeps its sign and a quarter of its size, and as long as the steeper one
/// before may go on. Returns the length of that part and the contrast of coefficients that is its average slope.
fn trending_part(s: &Structure, start: f64, end: f64) -> (f64, Vec<f64>) {
    let pieces = pieces(s);
    let now = pieces[pieces.len() - 1].1;
    let present = s.present_slope();
    let error = (s.fit.covariance(&present, &present) * s.long_run.long_run).max(0.0).sqrt();
    let most = now.abs() + 2.0 * error;
    let goes_on = |slope: f64| slope * now > 0.0 && most >= GOES_ON * slope.abs();
    let same = |slope: f64| goes_on(slope) && slope.abs() >= SAME_TREND * now.abs();
    let mut first = pieces.len() - 1;
    let short = |first: usize| end - pieces[first].0 < SHORT * (end - start);
    let another = |slope: f64| SAME_TREND * (now.abs() - ANOTHER * error) > slope.abs();
    let along = |slope: f64| goes_on(slope) && !another(slope);
    while first > 0 && (same(pieces[first - 1].1) || (short(first) && along(pieces[first - 1].1))) {
        first -= 1;
    }
    let from = pieces[first].0.max(start);
    let length = end - from;
    let share = |term: &Term| match term {
        Term::Step(_) => 0.0,
        Term::Hinge(time) => ((end - time.max(from)) / length).clamp(0.0, 1.0),
    };
    let contrast = [0.0, 1.0].into_iter().chain(s.terms.iter().map(share)).collect();
    (length, contrast)
}

/// The same of a slope that grows steadily: the part in which it has at least a quarter of its present size.
fn steepening_part(s: &Structure, start: f64, end: f64) -> (f64, Vec<f64>) {
    let length = (-SAME_TREND.ln() / s.clock.rate).min(end - start);
    let (now, then) = (s.row(end), s.row(end - length));
    (length, now.iter().zip(then).map(|(now, then)| (now - then) / length).collect())
}

/// 1 - RSS / RSS without t and hinges: the levels between steps alone.
fn r2(bins: &Bins, s: &Structure) -> f64 {
    let n = bins.len();
    let mut fitted = s.of(&bins.t);
    fitted.iter_mut().zip(s.clipped.iter()).for_each(|(fitted, rest)| *fitted += rest);
    let mut cuts: Vec<usize> =
        s.steps().map(|(time, ..)| bins.t.partition_point(|t| *t < time)).collect();
    cuts.extend([0, n]);
    cuts.sort_unstable();
    let flat: f64 = cuts
        .windows(2)
        .map(|w| &fitted[w[0]..w[1]])
        .map(|x| stats::variance(x) * x.len() as f64)
        .sum();
    let rest = stats::dot(&s.clipped, &s.clipped);
    if flat > 1e-9 { (1.0 - rest / flat).clamp(0.0, 1.0) } else { 0.0 }
}
