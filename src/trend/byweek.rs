//! Step 7a: weeks that differ. A busy week, a quiet one and a busy one again are level shifts seven days apart, and a
//! slope beside a few of them explains a month of such weeks well. So does each week's own level, without a slope.

use super::label::Case;
use super::season::{self, Season};
use super::structure::NOISE;
use crate::series::longrun::long_run;
use crate::series::stats::{self, dot};
use crate::series::{Bins, Buffer, Grid};
use std::ops::Range;

/// Least window in days.
const LEAST: f64 = 20.0;
/// Rounds in which levels of weeks and profile are fitted beside each other.
const ROUNDS: usize = 2;
/// Parameters that a searched term counts for: its size, and twice for its place.
const PER_TERM: f64 = 3.0;

/// Share of what the levels of weeks go along that they may go back, if they go all along.
const BACK: f64 = 0.1;

/// Whether weeks with levels, or levels and sizes of their rhythm, of their own explain the window better than the trend
/// that would be claimed does, by BIC.
pub(super) fn explains(case: &Case<'_>) -> bool {
    let (bins, structure) = (case.bins, case.structure);
    if case.grid == Grid::Hour || bins.span() < LEAST || structure.known.contains(&true) {
        return false;
    }
    // Effects of each day of the week would rise from Monday to Sunday as a trend does.
    let season_of = |bins: &Bins| season::of_days(bins, case.grid, false);
    let less = |bins: &Bins, level: &dyn Fn(usize) -> f64| {
        let mut less = bins.clone();
        less.y.iter_mut().enumerate().for_each(|(i, y)| *y -= level(i));
        less
    };
    let model = structure.of(&bins.t);
    let beside = less(bins, &|i| model[i]);
    let even = season_of(&beside).taken_out(&beside);
    // What grows in its busy hours only has a rhythm that grows.
    let growth = |i: usize| (bins.t[i] + 0.5 * bins.span()) * (beside.y[i] - even[i]);
    let growth: Buffer = (0..bins.len()).map(growth).collect();
    let pace = dot(&growth, &even) / dot(&growth, &growth).max(1e-9);
    let grown: Buffer = even.iter().zip(growth.iter()).map(|(rest, g)| rest - pace * g).collect();
    let free = 2.0 + PER_TERM * structure.terms.len() as f64;
    let trends = [(even, free), (grown, free + 1.0)];
    let weeks = weeks(bins, case.grid);
    let mut season = Season::none(case.grid);
    for _ in 0..ROUNDS {
        let (adjusted, rest) = (season.taken_out(bins), own(bins, &weeks, &season, false));
        season = season_of(&less(bins, &|i| adjusted[i] - rest[i]));
    }
    let accounts = [false, true].map(|sized| {
        let each = if sized { 2.0 } else { 1.0 };
        (own(bins, &weeks, &season, sized), each * weeks.len() as f64)
    });
    let n = bins.len() as f64;
    let inflation =
        |(rest, fitted): &(Buffer, f64)| long_run(rest, &bins.key, *fitted, 0.0).inflation();
    let n_eff = n / trends.iter().chain(&accounts).map(inflation).fold(f64::INFINITY, f64::min);
    let score = |(rest, parameters): &(Buffer, f64)| {
        n_eff * (dot(rest, rest) / n + NOISE * NOISE).ln() + parameters * n_eff.ln()
    };
    let least = |of: &[(Buffer, f64)]| of.iter().map(score).fold(f64::INFINITY, f64::min);
    least(&accounts) < least(&trends)
        && !all_along(&season.taken_out(bins), &weeks, case.slope.average)
}

/// Whether the levels of the weeks go the way of the slope all along, as stairs do.
fn all_along(adjusted: &[f64], weeks: &[Range<usize>], slope: f64) -> bool {
    let levels: Vec<f64> = weeks.iter().map(|week| stats::mean(&adjusted[week.clone()])).collect();
    let changes = levels.windows(2).map(|w| (w[1] - w[0]) * slope.signum());
    let (along, back) = changes.fold((0.0, 0.0), |(along, back), change| {
        (along + f64::max(change, 0.0), back + f64::max(-change, 0.0))
    });
    back <= BACK * along
}

/// The bins of each week, from Monday on.
fn weeks(bins: &Bins, grid: Grid) -> Vec<Range<usize>> {
    let day = grid.per_day();
    let begins = |i: &usize| {
        let monday = bins.weekday(*i, day) < bins.weekday(*i - 1, day);
        monday || bins.key[*i] - bins.key[*i - 1] >= 7 * day as i64
    };
    let mut starts: Vec<usize> = vec![0];
    starts.extend((1..bins.len()).filter(begins));
    starts.push(bins.len());
    starts.windows(2).map(|w| w[0]..w[1]).collect()
}

/// What is left of `bins` by a level for each week and the season, of one size or of that of the week.
fn own(bins: &Bins, weeks: &[Range<usize>], season: &Season, sized: bool) -> Buffer {
    let adjusted = season.taken_out(bins);
    let mut rest = if sized { bins.y.clone() } else { adjusted.clone() };
    for week in weeks {
        let effect: Vec<f64> = week.clone().map(|i| bins.y[i] - adjusted[i]).collect();
        let (middle, mean) = (stats::mean(&effect), stats::mean(&rest[week.clone()]));
        let (mut product, mut square) = (0.0, 1e-9);
        for (i, e) in week.clone().zip(&effect) {
            product += (e - middle) * (rest[i] - mean);
            square += (e - middle).powi(2);
        }
        let size = if sized { product / square } else { 0.0 };
        for (i, e) in week.clone().zip(&effect) {
            rest[i] -= mean + size * (e - middle);
        }
    }
    rest
}
