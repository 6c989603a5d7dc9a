//! Step 4b: a daily rhythm that changes its size, as when a nightly job begins, ends or doubles.
//!
//! One profile for the whole window leaves a part of the rhythm before the change and another after it, which looks
//! like growth or like noise, or finds no profile at all. How large the rhythm is on each day, in parts of a mean day, is
//! a series of one value a day; a change of size is a step in it, and a size that grows is a straight line.

use super::explain::{Explained, range};
use super::season::Season;
use super::structure::PER_TERM;
use crate::series::Bins;
use crate::series::dist::t_two_sided;

/// Days on either side of a change.
pub(super) const LEAST_DAYS: usize = 2;
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

/// When the rhythm changed its size.
pub(super) struct Change {
    /// When, in days from now.
    time: f64,
    /// By how much more of the mean day it swings since.
    growth: f64,
    mean_day: MeanDay,
}

impl Change {
    /// A change at a time that moved each slot of the day, or of weekdays and weekend days, by so much.
    pub(super) fn of(time: f64, moved: Vec<f64>, per_day: usize) -> Self {
        Change { time, growth: 1.0, mean_day: MeanDay { effect: moved, per_day } }
    }

    /// A rhythm that adds to what its quietest hours are, as a job does, takes the level with it; another moves about its
    /// mean.
    pub(super) fn either(self) -> [Self; 2] {
        let Change { time, growth, mean_day } = self;
        let added = Change { time, growth, mean_day: mean_day.above_least() };
        [added, Change { time, growth, mean_day }]
    }

    /// By how much more the rhythm of today moves a slot at a time than that of then did.
    pub(super) fn gain(&self, time: f64, slot: usize, weekend: bool) -> f64 {
        if time < self.time { self.growth * self.mean_day.at(slot, weekend) } else { 0.0 }
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
    let (all, line) = (Side::of(&days), Line::of(&days));
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
        let mean = x.iter().sum::<f64>() / x.len() as f64;
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
    if days.len() < 2 * LEAST_DAYS + 1 {
        return None;
    }
    let tried = (days.len() + 1 - 2 * LEAST_DAYS) as f64;
    let splits = (LEAST_DAYS..=days.len() - LEAST_DAYS).map(|at| days.split_at(at));
    // A weekend is no change.
    let works = |days: &[Day]| days.iter().any(|d| !d.weekend);
    let (at, before, since) = splits
        .filter(|(before, since)| works(before) && works(since))
        .map(|(before, since)| (since[0].first, Side::of(before), Side::of(since)))
        .min_by(|a, b| (a.1.rss + a.2.rss).total_cmp(&(b.1.rss + b.2.rss)))?;
    let (growth, rss) = (since.mean - before.mean, before.rss + since.rss);
    let free = (days.len() - 3) as f64;
    let error = (rss / free * (1.0 / before.weight + 1.0 / since.weight)).sqrt().max(1e-6);
    let plain = t_two_sided(growth / error, free) < ALPHA / tried
        && beats(rss, Line::of(&days).rss, days.len(), tried)
        && (growth * mean_day.swing()).abs() >= SMALLEST;
    plain.then_some(Change { time: at, growth, mean_day })
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

/// Days before or since a change.
struct Side {
    mean: f64,
    weight: f64,
    rss: f64,
}

impl Side {
    fn of(days: &[Day]) -> Self {
        let weight: f64 = days.iter().map(|d| d.weight).sum();
        let mean = days.iter().map(|d| d.weight * d.size).sum::<f64>() / weight;
        let rss = days.iter().map(|d| d.weight * (d.size - mean).powi(2)).sum();
        Self { mean, weight, rss }
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
        let Side { mean, weight, rss } = Side::of(days);
        let middle = days.iter().map(|d| d.weight * d.first).sum::<f64>() / weight;
        let (mut product, mut spread) = (0.0, 0.0);
        for d in days {
            product += d.weight * (d.first - middle) * (d.size - mean);
            spread += d.weight * (d.first - middle).powi(2);
        }
        Self { middle, slope: product / spread, spread, rss: rss - product * product / spread }
    }
}
