//! Step 2: what the hour of the day, and of weekdays or weekends, does to a series.

use crate::series::{Bins, Buffer, Grid, calendar, profile, stats};

/// Least span of a daily profile, days.
const DAILY_SPAN: f64 = 1.9;
/// What tells weekends apart: least span in days, least weekend days and weekdays, and the share by which they must
/// lower the residual variance. One weekend is little to go by, so it must say more.
const WEEKENDS: [(f64, usize, usize, f64); 2] = [(9.0, 3, 5, 0.25), (6.5, 2, 4, 0.5)];
/// Days of history from which weekdays are told apart, in slots of six hours: each is seen four times.
const WEEKDAYS: f64 = 27.0;
/// How much larger the squares that a profile of all days leaves on weekends must be for that: 2.5 in theory.
const STRAY: f64 = 2.0;

/// A daily profile, perhaps one for weekdays and one for weekends; or none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Season {
    /// Effect of each slot of the day; with weekends told apart, weekdays first; or of each day from Monday on. Empty: no
    /// season.
    pub(super) effect: Vec<f64>,
    /// Slots of a day.
    pub(super) per_day: usize,
    /// Share of the variance that it foretells on an unseen day, spikes clipped.
    pub(super) strength: f64,
    /// The same with spikes.
    pub(super) strength_raw: f64,
    /// Size of the swing.
    pub(super) amplitude: f64,
    /// How far to trust the effects in a forecast, 0-1.
    pub(super) reliability: f64,
    /// Number of bins it was fitted to.
    pub(super) bins: usize,
}

impl Season {
    /// No season.
    pub(super) fn none(grid: Grid) -> Self {
        Self { per_day: grid.per_day(), ..Self::default() }
    }

    /// Whether any hour differs from any other.
    pub(super) fn is_some(&self) -> bool {
        !self.effect.is_empty()
    }

    /// Whether each day of the week has its own effects.
    pub(super) fn knows_weekdays(&self) -> bool {
        self.effect.len() > 2 * self.per_day
    }

    /// Effect in a slot of a day of the week, 0 is Monday.
    pub(super) fn on(&self, slot: usize, weekday: usize) -> f64 {
        match self.knows_weekdays() {
            true => self.effect[slot + weekday * self.per_day],
            false => self.at(slot, calendar::is_weekend(weekday)),
        }
    }

    /// Effect in a slot of a working day, or of a weekend.
    pub(super) fn at(&self, slot: usize, weekend: bool) -> f64 {
        if self.knows_weekdays() {
            let days = if weekend { 5..7 } else { 0..5 };
            let n = days.len() as f64;
            return days.map(|day| self.on(slot, day)).sum::<f64>() / n;
        }
        let weekly = self.effect.len() > self.per_day;
        let place = if weekly && weekend { slot + self.per_day } else { slot };
        self.effect.get(place).copied().unwrap_or(0.0)
    }

    /// Effect in a local hour.
    pub(super) fn at_hour(&self, hour: usize, weekend: bool) -> f64 {
        self.at(hour * self.per_day / 24, weekend)
    }

    /// Values of `bins` without the season.
    pub(super) fn taken_out(&self, bins: &Bins) -> Buffer {
        if !self.is_some() {
            return Buffer::of(&bins.y);
        }
        if self.knows_weekdays() {
            let effect = |i| self.on(usize::from(bins.slot[i]), bins.weekday(i, self.per_day));
            return (0..bins.len()).map(|i| bins.y[i] - effect(i)).collect();
        }
        (0..bins.len())
            .map(|i| bins.y[i] - self.at(usize::from(bins.slot[i]), bins.weekend[i]))
            .collect()
    }

    /// Number of parameters that a window of `window` bins paid for.
    pub(super) fn parameters(&self, window: usize) -> f64 {
        self.effect.len() as f64 * window as f64 / self.bins.max(1) as f64
    }
}

/// The profile that `bins` support: none, one for all days, one for weekdays and weekends, or one of each day of the week.
pub(super) fn season(bins: &Bins, grid: Grid) -> Season {
    of_days(bins, grid, grid == Grid::SixHours && bins.span() >= WEEKDAYS)
}

/// The same, where weekdays may be told apart only if `each` is asked for.
pub(super) fn of_days(bins: &Bins, grid: Grid, each: bool) -> Season {
    let none = Season::none(grid);
    if bins.span() < DAILY_SPAN {
        return none;
    }
    let day = grid.per_day();
    let Some(daily) = profile::fit(&bins.t, &bins.y, &bins.slot, day) else { return none };
    let weekends = gain_of_weekends(bins, day, &daily);
    if daily.strength <= 0.0 && weekends.is_none() {
        return none;
    }
    let mut chosen = daily.earns_its_place(&bins.t).then_some(daily);
    if let Some(gain) = weekends {
        let weekly: Vec<u8> = (0..bins.len())
            .map(|i| bins.slot[i] + if bins.weekend[i] { day as u8 } else { 0 })
            .collect();
        // A weekend whose level alone differs may as well be two level shifts.
        let levels: Vec<u8> = bins.weekend.iter().map(|w| u8::from(*w)).collect();
        let gains = |w: &profile::Profile| {
            let left = |group: &[u8], groups| w.residual_variance_of(&bins.t, group, groups);
            let plain = match &chosen {
                Some(_) => left(&bins.slot, day),
                None => w.residual_variance_of_line(&bins.t),
            };
            let shifted = if gain > WEEKENDS[0].3 { left(&levels, 2) } else { plain };
            let foretells =
                chosen.as_ref().is_none_or(|daily| w.strength_raw >= daily.strength_raw);
            let worth = w.residual_variance() < (1.0 - gain) * plain.min(shifted);
            w.earns_its_place(&bins.t) && foretells && worth
        };
        chosen = profile::fit(&bins.t, &bins.y, &weekly, 2 * day).filter(gains).or(chosen);
    }
    if each {
        chosen = weekdays(bins, day, &chosen).or(chosen);
    }
    chosen.map_or(none, |p| Season {
        per_day: day,
        strength: p.strength,
        strength_raw: p.strength_raw,
        amplitude: p.amplitude(),
        reliability: p.reliability,
        bins: p.bins,
        effect: p.effect,
    })
}

/// A profile of each day of the week, where it is as much better than the `simpler` one as that of weekends must be.
fn weekdays(
    bins: &Bins,
    per_day: usize,
    simpler: &Option<profile::Profile>,
) -> Option<profile::Profile> {
    let place = |i: usize, day: usize| bins.slot[i] + (day * per_day) as u8;
    let by = |day: &dyn Fn(usize) -> usize| (0..bins.len()).map(|i| place(i, day(i))).collect();
    let group: Vec<u8> = by(&|i| bins.weekday(i, per_day));
    let fitted = profile::fit(&bins.t, &bins.y, &group, 7 * per_day)?;
    let (known, strength): (Vec<u8>, f64) = match simpler {
        None => (vec![0; bins.len()], 0.0),
        Some(p) if p.effect.len() == per_day => (bins.slot.to_vec(), p.strength_raw),
        Some(p) => (by(&|i| usize::from(bins.weekend[i])), p.strength_raw),
    };
    let groups = simpler.as_ref().map_or(1, |p| p.effect.len());
    let left = fitted.residual_variance_of(&bins.t, &known, groups);
    let worth = fitted.residual_variance() < (1.0 - WEEKENDS[0].3) * left;
    (worth && fitted.strength_raw >= strength && fitted.earns_its_place(&bins.t)).then_some(fitted)
}

/// By how much a profile with weekends must be better, if there are days enough for one.
fn gain_of_weekends(bins: &Bins, per_day: usize, daily: &profile::Profile) -> Option<f64> {
    let span = bins.span();
    let rule = WEEKENDS.iter().find(|rule| span >= rule.0)?;
    if rule.3 > WEEKENDS[0].3 && !weekends_stray(bins, daily) {
        return None;
    }
    let half_day = per_day as u32 / 2;
    let days = |weekend: bool| {
        let inside = (0..bins.len()).filter(|i| bins.weekend[*i] == weekend);
        let mut filled = std::collections::BTreeMap::new();
        inside.for_each(|i| {
            *filled.entry(bins.key[i].div_euclid(per_day as i64)).or_insert(0u32) += 1
        });
        filled.values().filter(|n| **n >= half_day.max(1)).count()
    };
    let (weekend, weekdays) = (days(true), days(false));
    let enough = |rule: &&(f64, usize, usize, f64)| {
        span >= rule.0 && weekend >= rule.1 && weekdays >= rule.2
    };
    WEEKENDS.iter().find(enough).map(|rule| rule.3)
}

/// Whether a profile of all days misses weekends by much more than weekdays, as it must where weekends of two days in
/// seven differ by as much as the rest varies.
fn weekends_stray(bins: &Bins, daily: &profile::Profile) -> bool {
    let effects = bins.slot.iter().map(|slot| daily.effect[usize::from(*slot)]);
    let columns = bins.y.iter().zip(bins.t.iter()).zip(effects);
    let rest: Buffer = columns.map(|((y, t), effect)| y - effect - daily.slope * t).collect();
    let mean = stats::mean(&rest);
    let all = stats::sum(&rest, |rest| (rest - mean).powi(2));
    let (mut of_weekends, mut weekends) = (0.0, 0.0);
    for (rest, _) in rest.iter().zip(bins.weekend.iter()).filter(|(_, weekend)| **weekend) {
        of_weekends += (rest - mean).powi(2);
        weekends += 1.0;
    }
    let weekdays = bins.len() as f64 - weekends;
    of_weekends * weekdays > STRAY * (all - of_weekends) * weekends
}
