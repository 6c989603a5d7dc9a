//! Step 4b: a daily rhythm that changes its size, as when a nightly job begins, ends or doubles, or nobody works for a week.
//!
//! One profile for the whole window leaves a part of the rhythm before the change and another after it, which looks
//! like growth or like noise, or finds no profile at all. How large the rhythm is on each day, in parts of a mean day, is
//! a series of one value a day; a change of size is a step in it, a holiday two that cancel, and a size that grows is a
//! straight line.

use super::explain::{Explained, range};
use super::season::Season;
use super::structure::PER_TERM;
use crate::series::dist::t_two_sided;
use crate::series::{Bins, stats};
use std::ops::Range;

/// Days on either side of a change.
pub(super) const LEAST_DAYS: usize = 2;
/// Days between two changes that cancel: with less a week's own days would do.
const HOLIDAY: usize = 4;
/// Window in days from which weekdays and weekends have a mean day each.
pub(super) const WEEKLY: f64 = 9.0;
/// A day on which its mean day moves less than this share of what the liveliest does is not asked.
const LIVELY: f64 = 0.25;
/// Significance of a change, divided by the days at which it may be.
const ALPHA: f64 = 0.001;
/// Share of the days' sum of squares that a straight line through their sizes must leave at most.
const LINE: f64 = 0.5;
/// A change of the swing by less than this many points is none.
pub(super) const SMALLEST: f64 = 3.0;

/// When the rhythm had another size than today's.
pub(super) struct Change {
    /// From when until when, in days from now.
    then: Range<f64>,
    /// By how much more of the mean day it swings now.
    growth: f64,
    mean_day: MeanDay,
}

impl Change {
    /// A change at a time that moved each slot of the day, or of weekdays and weekend days, by so much.
    pub(super) fn of(time: f64, moved: Vec<f64>, per_day: usize) -> Self {
        let then = f64::NEG_INFINITY..time;
        Change { then, growth: 1.0, mean_day: MeanDay { effect: moved, per_day } }
    }

    /// A rhythm that adds to what its quietest hours are, as a job does, takes the level with it; another moves about its
    /// mean.
    pub(super) fn either(self) -> [Self; 2] {
        let added =
            Change { mean_day: self.mean_day.above_least(), then: self.then.clone(), ..self };
        [added, self]
    }

    /// By how much more the rhythm of today moves a slot at a time than that of then did.
    pub(super) fn gain(&self, time: f64, slot: usize, weekend: bool) -> f64 {
        if self.then.contains(&time) { self.growth * self.mean_day.at(slot, weekend) } else { 0.0 }
    }

    /// Values as they had been with the rhythm of today.
    pub(super) fn evened(&self, bins: &Bins) -> Bins {
        let mut evened = bins.clone();
        for (i, y) in evened.y.iter_mut().enumerate() {
            *y += self.gain(bins.t[i], usize::from(bins.slot[i]), bins.weekend[i]);
        }
        evened
    }
}

/// How the size of a rhythm grows or shrinks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    /// Its size now, in parts of the season's.
    now: f64,
    /// What is added each day.
    per_day: f64,
}

impl Pace {
    /// Values as they had been if the rhythm, about its mean, had had today's size all along.
    pub(super) fn evened(self, season: &Season, bins: &Bins) -> Bins {
        let mut evened = bins.clone();
        for (i, y) in evened.y.iter_mut().enumerate() {
            let effect = season.at(usize::from(bins.slot[i]), bins.weekend[i]);
            *y -= effect * self.per_day * bins.t[i];
        }
        evened
    }

    /// The size in so many days, in parts of the season's.
    pub(super) fn size(self, days: f64) -> f64 {
        (self.now + self.per_day * days).max(0.0)
    }
}

/// The straight line through the sizes of the window's days, where it says most of how they differ.
pub(super) fn pace(explained: &Explained) -> Option<Pace> {
    let Explained { window, season, structure, resized, .. } = explained;
    if !season.is_some() || season.knows_weekdays() || resized.is_some() {
        return None;
    }
    let x: Vec<f64> = (0..window.len()).map(|i| window.y[i] - structure.at(window.t[i])).collect();
    let rhythm = MeanDay { effect: season.effect.clone(), per_day: season.per_day };
    let days = days(window, &x, &rhythm);
    if days.len() < 2 * LEAST_DAYS + 1 {
        return None;
    }
    let (all, line) = (Sums::until(&days)[days.len()].side(), Line::of(&days));
    let error = (line.rss / (days.len() - 2) as f64 / line.spread).sqrt().max(1e-9);
    let moved = line.slope * (days[days.len() - 1].first - days[0].first);
    let plain = t_two_sided(line.slope / error, (days.len() - 2) as f64) < ALPHA
        && line.rss <= LINE * all.rss
        && (moved * rhythm.swing()).abs() >= SMALLEST;
    // A day's size is that of its middle.
    let now = all.mean - line.slope * (line.middle + 0.5);
    plain.then_some(Pace { now, per_day: line.slope })
}

/// Mean of each slot of the day, or of weekdays and weekend days, less the mean of all; nothing is clipped, since a
/// rhythm of few days looks like spikes.
struct MeanDay {
    effect: Vec<f64>,
    per_day: usize,
}

impl MeanDay {
    fn of(bins: &Bins, x: &[f64], per_day: usize, weekly: bool) -> Self {
        let mut day =
            Self { effect: vec![0.0; if weekly { 2 * per_day } else { per_day }], per_day };
        let mut count = vec![0u32; day.effect.len()];
        let mean = stats::mean(x);
        for (i, x) in x.iter().enumerate() {
            let place = day.place(usize::from(bins.slot[i]), bins.weekend[i]);
            count[place] += 1;
            day.effect[place] += (x - mean - day.effect[place]) / f64::from(count[place]);
        }
        day
    }

    fn place(&self, slot: usize, weekend: bool) -> usize {
        let weekly = self.effect.len() > self.per_day;
        slot + if weekly && weekend { self.per_day } else { 0 }
    }

    fn at(&self, slot: usize, weekend: bool) -> f64 {
        self.effect[self.place(slot, weekend)]
    }

    fn swing(&self) -> f64 {
        range(&self.effect)
    }

    /// The same day, counted from its quietest hour.
    fn above_least(&self) -> Self {
        let least = self.effect.iter().copied().fold(f64::INFINITY, f64::min);
        Self { effect: self.effect.iter().map(|e| e - least).collect(), ..*self }
    }
}

/// One day: size of its rhythm in parts of the mean day's, and how well it is known.
struct Day {
    /// When it begins, in days from now.
    first: f64,
    weekend: bool,
    size: f64,
    weight: f64,
}

/// The change of size that the days of `bins` show, if any: of all alike, or of weekdays and weekends as they are. Nothing
/// is taken off before: what found no rhythm may have told a few days of it as level shifts. O(n + days²).
pub(super) fn change(season: &Season, bins: &Bins) -> Option<Change> {
    let by = |weekly: bool| change_of(bins, MeanDay::of(bins, &bins.y, season.per_day, weekly));
    let weekly = bins.span() >= WEEKLY || season.effect.len() > season.per_day;
    by(false).or_else(|| weekly.then(|| by(true)).flatten())
}

fn change_of(bins: &Bins, mean_day: MeanDay) -> Option<Change> {
    let days = days(bins, &bins.y, &mean_day);
    let n = days.len();
    if n < 2 * LEAST_DAYS + 1 {
        return None;
    }
    let last = n - LEAST_DAYS;
    let before: Vec<Range<usize>> = (LEAST_DAYS..=last).map(|at| 0..at).collect();
    let between = (1..n).flat_map(|from| (from + HOLIDAY..=last).map(move |to| from..to)).collect();
    let found = [before, between].into_iter().filter_map(|spans| {
        let tried = spans.len() as f64;
        let (span, growth, rss) = other_size(&days, spans)?;
        let score = n as f64 * rss.max(1e-12).ln() + PER_TERM * tried.ln();
        ((growth * mean_day.swing()).abs() >= SMALLEST).then_some((score, span, growth))
    });
    let (_, span, growth) = found.min_by(|a, b| a.0.total_cmp(&b.0))?;
    let from = if span.start > 0 { days[span.start].first } else { f64::NEG_INFINITY };
    Some(Change { then: from..days[span.end].first, growth, mean_day })
}

/// The one of some `spans` of days in which the rhythm was plainly of another size than on all others, by how much it is
/// larger on these, and the sum of squares that this leaves. O(1) for each.
fn other_size(days: &[Day], spans: Vec<Range<usize>>) -> Option<(Range<usize>, f64, f64)> {
    let sums = Sums::until(days);
    let (all, tried) = (sums[days.len()], spans.len() as f64);
    // A weekend is no change.
    let works = |days: &[Day]| days.iter().any(|d| !d.weekend);
    let sides = |span: Range<usize>| {
        let inside = sums[span.end].less(&sums[span.start]);
        let (then, now) = (inside.side(), all.less(&inside).side());
        (then.rss + now.rss, span, then, now)
    };
    let (rss, span, then, now) = spans
        .into_iter()
        .filter(|span| works(&days[span.clone()]) && works(&days[span.end..]))
        .map(sides)
        .min_by(|a, b| a.0.total_cmp(&b.0))?;
    let growth = now.mean - then.mean;
    let free = (days.len() - 3) as f64;
    let error = (rss / free * (1.0 / then.weight + 1.0 / now.weight)).sqrt().max(1e-6);
    let plain = t_two_sided(growth / error, free) < ALPHA / tried
        && beats(rss, Line::of(days).rss, days.len(), tried);
    plain.then_some((span, growth, rss))
}

/// Whether a step leaves so much less of `n` days than a straight line as is asked of a term that was searched for.
fn beats(step: f64, line: f64, n: usize, tried: f64) -> bool {
    n as f64 * (line / step.max(1e-12)).ln() >= PER_TERM * tried.ln()
}

/// The days that say something; whatever shifts the level of a whole day says nothing about its rhythm.
fn days(window: &Bins, x: &[f64], mean_day: &MeanDay) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for day in window.days(mean_day.per_day) {
        let (from, n) = (day.start, day.len() as f64);
        let (mut e, mut y, mut ee, mut ey) = (0.0, 0.0, 0.0, 0.0);
        for i in day {
            let effect = mean_day.at(usize::from(window.slot[i]), window.weekend[i]);
            e += effect;
            y += x[i];
            ee += effect * effect;
            ey += effect * x[i];
        }
        let weight = ee - e * e / n;
        let (first, weekend) = (window.t[from], window.weekend[from]);
        days.push(Day { first, weekend, size: (ey - e * y / n) / weight, weight });
    }
    let most = days.iter().map(|d| d.weight).fold(0.0, f64::max);
    days.retain(|d| d.weight > LIVELY * most);
    days
}

/// Days of one size.
struct Side {
    mean: f64,
    weight: f64,
    rss: f64,
}

/// Sums over days: weights, and sizes and their squares by weight.
#[derive(Clone, Copy, Default)]
struct Sums([f64; 3]);

impl Sums {
    /// Those of the first 0, 1, 2, ... days.
    fn until(days: &[Day]) -> Vec<Self> {
        let mut sum = Self::default();
        let with = |day: &Day| {
            let of_day = [1.0, day.size, day.size * day.size].map(|v| day.weight * v);
            sum = Self(std::array::from_fn(|i| sum.0[i] + of_day[i]));
            sum
        };
        std::iter::once(Self::default()).chain(days.iter().map(with)).collect()
    }

    fn less(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }

    fn side(&self) -> Side {
        let [weight, sum, squares] = self.0;
        let mean = sum / weight;
        Side { mean, weight, rss: (squares - mean * sum).max(0.0) }
    }
}

/// The straight line through the days' sizes.
struct Line {
    middle: f64,
    slope: f64,
    spread: f64,
    /// Weighted sum of squares around it.
    rss: f64,
}

impl Line {
    fn of(days: &[Day]) -> Self {
        let Side { mean, weight, rss } = Sums::until(days)[days.len()].side();
        let middle = days.iter().map(|d| d.weight * d.first).sum::<f64>() / weight;
        let (mut product, mut spread) = (0.0, 0.0);
        for d in days {
            product += d.weight * (d.first - middle) * (d.size - mean);
            spread += d.weight * (d.first - middle).powi(2);
        }
        Self { middle, slope: product / spread, spread, rss: rss - product * product / spread }
    }
}
