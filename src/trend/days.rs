//! Step 4d: growth beside days that differ at random, as people's work does. Neighbours within a day are alike, so the
//! edges of days stand out as level shifts, and a few of these take in what grows. Means of days know nothing of edges.

use super::curve::Clock;
use super::ended::now;
use super::label::MATERIAL;
use super::structure::{NOISE, Structure};
use crate::series::breaks::{Ground, Model, Search, Term};
use crate::series::dist::t_two_sided;
use crate::series::longrun::long_run;
use crate::series::stats::{dot, mean};
use crate::series::{Bins, Buffer, Grid};
use std::ops::Range;

/// Fewest days that can tell, and the hours that a day must have.
const LEAST: (usize, usize) = (6, 12);
/// Standard errors from which a slope beside no terms needs no other account.
const PLAIN: f64 = 4.0;
/// Significance of the slope through the means of days.
const ALPHA: f64 = 0.0005;
/// Days for each level shift or bend that may explain their means, and its least distance from others and from the ends.
const PER_TERM: (usize, f64) = (6, 1.5);
/// Share of the days before the end in which no bend is sought.
const LAST: f64 = 0.2;
/// Parameters that a first term counts for, its place being one; and each further one, of which few days offer many.
const COST: (usize, usize) = (2, 4);

/// A line through the hourly window less its season, `x`, with the variance that its days show: where it plainly rises or
/// falls, and nothing else explains its days better. `None` where `s` has as plain a slope already, or a guest is known to
/// have come or left. `fit` fits terms.
pub(super) fn line(
    bins: &Bins,
    x: &[f64],
    s: &Structure,
    fit: impl Fn(&[(Term, bool)]) -> Structure,
) -> Option<Structure> {
    let (slope, error) = now(s);
    let plain = s.terms.is_empty() && slope.abs() >= PLAIN * error;
    if plain || s.clock != Clock::EVEN || s.known.contains(&true) {
        return None;
    }
    let days = Days::of(bins, x)?;
    let free = days.len() as f64 - 2.0;
    let variance = days.variance(free);
    let p = || t_two_sided(days.slope / (variance / days.spread).sqrt().max(1e-9), free);
    let moved = days.slope.abs() * bins.span();
    if moved < MATERIAL || p() >= ALPHA || !days.are_a_line(&s.terms, &s.residual) {
        return None;
    }
    let mut line = fit(&[]);
    let per_day = bins.len() as f64 / days.len() as f64;
    line.long_run.long_run = (per_day * variance).max(line.long_run.variance);
    Some(line)
}

/// Means of days, and a straight line through them.
struct Days {
    /// The bins of each.
    bins: Vec<Range<usize>>,
    t: Buffer,
    y: Buffer,
    slope: f64,
    rest: Buffer,
    /// Sum of squares of the times about their mean.
    spread: f64,
}

impl Days {
    /// Days of the adjusted window `x` that have hours enough.
    fn of(bins: &Bins, x: &[f64]) -> Option<Self> {
        let mut days = bins.days(Grid::Hour.per_day());
        days.retain(|day| day.len() >= LEAST.1);
        if days.len() < LEAST.0 {
            return None;
        }
        let (t, y) = (means(&days, &bins.t), means(&days, x));
        let (middle, level) = (mean(&t), mean(&y));
        let away: Buffer = t.iter().map(|t| t - middle).collect();
        let spread = dot(&away, &away);
        let slope = dot(&away, &y) / spread;
        let rest = away.iter().zip(y.iter()).map(|(t, y)| y - level - slope * t).collect();
        Some(Self { bins: days, t, y, slope, rest, spread })
    }

    fn len(&self) -> usize {
        self.y.len()
    }

    /// Variance of a day's mean about the line, inflated by how alike days are that follow each other.
    fn variance(&self, free: f64) -> f64 {
        let keys: Vec<i64> = self.t.iter().map(|t| (t - self.t[0]).round() as i64).collect();
        dot(&self.rest, &self.rest) / free * long_run(&self.rest, &keys, 2.0, 0.0).inflation()
    }

    /// Whether neither a level with shifts and bends, nor the terms that were `found` and leave `rest` of the window, explain
    /// the days better than the line does.
    fn are_a_line(&self, found: &[Term], rest: &[f64]) -> bool {
        let n = self.len();
        let (first, last) = (self.t[0], self.t[n - 1]);
        let rules = Search {
            apart: PER_TERM.1,
            last_hinge: last - LAST * (last - first),
            terms: n / PER_TERM.0,
        };
        let keys: Vec<i64> = (0..n as i64).collect();
        let ground = Ground::of(&self.t, &self.y, &keys, 0.0, rules);
        let [sloped, level] = [true, false].map(|s| ground.search(s, &[], rules.terms).models);
        let left = means(&self.bins, rest);
        let found = Model { sloped: true, terms: found.to_vec(), rss: dot(&left, &left) };
        let line = score(&sloped[0], n);
        sloped[1..].iter().chain(&level).chain([&found]).all(|model| line <= score(model, n))
    }
}

/// Mean of `x` on each day.
fn means(days: &[Range<usize>], x: &[f64]) -> Buffer {
    days.iter().map(|day| mean(&x[day.clone()])).collect()
}

/// BIC of a model of `n` means.
fn score(model: &Model, n: usize) -> f64 {
    let terms = model.terms.len();
    let cost = COST.0 * terms.min(1) + COST.1 * terms.saturating_sub(1);
    let parameters = 1 + usize::from(model.sloped) + cost;
    let n = n as f64;
    n * (model.rss / n + NOISE * NOISE).ln() + parameters as f64 * n.ln()
}
