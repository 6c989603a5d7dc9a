//! Step 9: is the last hour normal for this hour of this weekday?

use super::season::Season;
use super::structure::Structure;
use crate::model::{DAY, HOUR, UnixTime};
use crate::series::{Bins, Buffer, LocalTime, Point, stats};

/// Flag from this many standard deviations on.
const FLAG: f64 = 3.0;
/// Residuals younger than this do not say what is normal, days.
const RECENT: f64 = 0.25;
/// Unknown level shifts younger than this are not normal yet, days.
const NEWS: f64 = 0.5;
/// Hours of today do not say what has been before, days.
const TODAY: f64 = 1.0;
/// What is this share as far off is as far off; so many bins, and one in so many, are often.
const AS_FAR: f64 = 0.8;
const OFTEN: (usize, usize) = (4, 100);
/// Residuals of this part of the day that say enough of it.
const ENOUGH: usize = 40;
/// Hours within which another hour of the day is near, and those that are a part of the day.
const NEAR: usize = 4;
const PART_OF_DAY: usize = 8;
/// Steps from which on another one is no news.
const AGAIN: usize = 2;
/// Standard deviations that what has been before is off at most.
const USUAL: f64 = 2.5;
/// Least standard deviation in points, or percent of the level.
const LEAST_SPREAD: f64 = 0.5;
/// Bins older than that which are needed.
const LEAST: usize = 12;
/// Number of bins that the present offset from the model is taken from.
const OFFSET_BINS: usize = 72;

/// The last hour against what was to be expected, in points.
pub(super) struct Now {
    /// Mean of the last hour's samples.
    pub(super) current: f64,
    /// By how much their median, which is where it stands though it may have stepped within that hour, is off the model,
    /// steps of today included.
    pub(super) fresh: f64,
    /// What was to be expected.
    pub(super) expected: f64,
    /// Standard deviation around it.
    pub(super) spread: f64,
}

impl Now {
    /// Deviation in standard deviations.
    pub(super) fn sigma(&self) -> f64 {
        (self.current - self.expected) / self.spread
    }

    /// By how much it stands where the model does not know of.
    pub(super) fn fresh(&self) -> f64 {
        if self.fresh.abs() >= FLAG * self.spread { self.fresh } else { 0.0 }
    }

    /// Whether it is worth a word.
    pub(super) fn flag(&self) -> bool {
        self.sigma().abs() >= FLAG
    }
}

/// The last hour's samples; none when the last is over three hours old.
fn of_last_hour(points: &[Point], now: UnixTime) -> &[Point] {
    let newest = points.last().map(|p| p.time).filter(|time| now - time <= 3 * HOUR);
    newest.map_or(&[], |last| &points[points.partition_point(|p| p.time <= last - HOUR)..])
}

/// Mean and mean time of the last hour's samples; `None` when the last is over three hours old.
pub(super) fn last_hour(points: &[Point], now: UnixTime) -> Option<(f64, UnixTime)> {
    mean(of_last_hour(points, now))
}

/// Mean and mean time; a mean of several samples counts as these.
fn mean(hour: &[Point]) -> Option<(f64, UnixTime)> {
    let last = hour.last()?;
    let weight = |p: &Point| f64::from(p.count.max(1));
    let of = |value: fn(&Point, UnixTime) -> f64| {
        let sum: f64 = hour.iter().map(|p| value(p, last.time) * weight(p)).sum();
        sum / hour.iter().map(weight).sum::<f64>()
    };
    let time = of(|p, last| (p.time - last) as f64);
    Some((of(|p, _| p.value), last.time + time.round() as i64))
}

/// Compares the last hour with model and season, within 0 and `whole` points; `bins` are those of the window, `history`
/// all. `None` without a last hour or a past.
pub(super) fn now(
    points: &[Point],
    (bins, history): (&Bins, &Bins),
    season: &Season,
    s: &Structure,
    (time, local): (UnixTime, &LocalTime),
    whole: f64,
) -> Option<Now> {
    let (current, at) = last_hour(points, time)?;
    let past = bins.t.partition_point(|t| *t < -RECENT);
    if past < LEAST {
        return None;
    }
    let old = &s.residual[..past];
    let mut latest = Buffer::of(&old[past.saturating_sub(OFFSET_BINS)..]);
    let offset = stats::median(&mut latest);
    // A shift that is hours old and not explained by a move is what the flag is for.
    let is_news = |t: f64, known: bool| t > -NEWS && !known;
    let news = |days: f64| -> f64 {
        s.steps().filter(|(t, _, known)| days >= *t && is_news(*t, *known)).map(|step| step.1).sum()
    };
    let expected = |hour: &[Point], current: f64, at: UnixTime| {
        // An hour is rarely one by the clock: where a job begins or ends on the hour, both of its hours are normal.
        let effect = |p: &Point| season.at_hour(local.hour(p.time), local.weekend(p.time));
        let (low, high) = hour
            .iter()
            .map(effect)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), e| (e.min(low), e.max(high)));
        let days = (at - time) as f64 / DAY as f64;
        let model = s.at(days) - news(days);
        // A line that has run into the end of the scale goes no further.
        let within = |effect: f64| (model + effect + offset).clamp(0.0, whole);
        current.clamp(within(low), within(high))
    };
    let off = |hour: &[Point]| {
        mean(hour).map_or(0.0, |(current, at)| current - expected(hour, current, at))
    };
    let expected = expected(of_last_hour(points, time), current, at);
    let slot = (local.hour(at) * season.per_day / 24, season.per_day);
    // What was before the window is none of what the model tells.
    let start = time.saturating_add((bins.t[0] * DAY as f64) as i64);
    let mut spread = spread(old, bins, slot, expected);
    let before = bins.t.partition_point(|t| *t < -TODAY);
    let come_back = taken_away(s, bins.t[0])
        .into_iter()
        .map(|away| expected - away)
        .find(|level| (current - level).abs() < USUAL * spread);
    let (model, expected) = (expected, come_back.unwrap_or(expected));
    let deviation = current - expected;
    let flagged = deviation.abs() >= FLAG * spread;
    if has_been(&s.residual[..before], &bins.slot, slot, deviation, offset)
        || is_weekly(history, season.per_day, deviation)
        || has_stepped(s, deviation)
        || (flagged && comes_and_goes(samples_before(points, start, time), at, deviation, off))
    {
        spread = spread.max(deviation.abs() / USUAL);
    }
    let mut samples: Buffer = of_last_hour(points, time).iter().map(|p| p.value).collect();
    let fresh = stats::median(&mut samples) - model - news(0.0);
    Some(Now { current, fresh, expected, spread })
}

/// What took the level away from one that had held for longer than it has been away, by all steps but news: it is normal,
/// too, when that comes back.
fn taken_away(s: &Structure, start: f64) -> Vec<f64> {
    let mut steps: Vec<(f64, f64)> = s
        .steps()
        .filter(|(t, _, known)| *t <= -NEWS && !known)
        .map(|(t, size, _)| (t, size))
        .collect();
    steps.sort_by(|a, b| b.0.total_cmp(&a.0));
    let before = steps.iter().map(|step| step.0).skip(1).chain([start]);
    let mut away = 0.0;
    let held = steps.iter().zip(before).filter_map(|((t, size), before)| {
        away += size;
        (t - before >= -t).then_some(away)
    });
    held.collect()
}

/// Whether hours before today were as far off as now, on the same side, more than once in a while, and not only at another
/// part of the day: what a job does whose beginning varies says nothing of the hours that it never ran in.
fn has_been(
    before: &[f64],
    slots: &[u8],
    (slot, per_day): (usize, usize),
    deviation: f64,
    offset: f64,
) -> bool {
    let (side, far) = (deviation.signum(), AS_FAR * deviation.abs());
    let as_far = |r: f64| (r - offset) * side >= far;
    if (stats::count(before, as_far) as usize) < OFTEN.0.max(before.len() / OFTEN.1) {
        return false;
    }
    let mut hit = [false; 256];
    before.iter().zip(slots).for_each(|(r, slot)| hit[usize::from(*slot)] |= as_far(*r));
    let hits = || (0..per_day).filter(|slot| hit[*slot]);
    let hours = |slots: usize| slots * 24 / per_day;
    if hits().any(|hit| hours(apart(hit, slot, per_day)) <= NEAR) {
        return true;
    }
    let next = hits().skip(1).chain(hits().next().map(|first| first + per_day));
    next.zip(hits()).all(|(next, hit)| hours(next - hit) < 24 - PART_OF_DAY)
}

/// Slots between two slots of the day, the shorter way round.
fn apart(a: usize, b: usize, per_day: usize) -> usize {
    let apart = a.abs_diff(b);
    apart.min(per_day - apart)
}

/// Whether the level has stepped as far the same way again and again, as what fills does when it is emptied.
fn has_stepped(s: &Structure, deviation: f64) -> bool {
    let as_far = |(t, size, known): &(f64, f64, bool)| {
        *t <= -NEWS && !known && size * deviation.signum() >= AS_FAR * deviation.abs()
    };
    s.steps().filter(as_far).count() >= AGAIN
}

/// The single samples from `start` until today: the last that are stored as such.
fn samples_before(points: &[Point], start: UnixTime, now: UnixTime) -> &[Point] {
    let today = now.saturating_sub((TODAY * DAY as f64) as i64);
    let place = |time: UnixTime| points.partition_point(|p| p.time < time);
    let before = &points[place(start).min(place(today))..place(today)];
    let spans = before.iter().rposition(|p| i64::from(p.seconds) >= HOUR).map_or(0, |i| i + 1);
    &before[spans..]
}

/// Whether hours of `samples` that end at any minute, at about this time of the day, were as far `off` as now, on the same
/// side, again and again: a job
/// that begins within an hour of the clock and ends in the next is half in the mean of each, and whole in the hour between.
fn comes_and_goes(
    samples: &[Point],
    at: UnixTime,
    deviation: f64,
    off: impl Fn(&[Point]) -> f64,
) -> bool {
    let near = |time: UnixTime| {
        let later = (time - at).rem_euclid(DAY);
        later.min(DAY - later) <= NEAR as i64 * HOUR
    };
    let (mut first, mut seen, mut times) = (0, UnixTime::MIN, 0);
    for (end, sample) in samples.iter().enumerate() {
        while samples[first].time <= sample.time - HOUR {
            first += 1;
        }
        // One time may last for an hour; what is not yet a whole hour is none.
        if first > 0
            && sample.time >= seen.saturating_add(HOUR)
            && near(sample.time)
            && off(&samples[first..=end]) * deviation.signum() >= AS_FAR * deviation.abs()
        {
            (seen, times) = (sample.time, times + 1);
        }
    }
    times >= OFTEN.0
}

/// Whether a week ago, an hour earlier or later at most, it stood out as much on the same side from the day before and the
/// day after: a job of once a week is in no profile before it has run often.
fn is_weekly(history: &Bins, per_day: usize, deviation: f64) -> bool {
    let Some(last) = history.key.last() else { return false };
    let value = |key: i64| history.key.binary_search(&key).ok().map(|i| history.y[i]);
    let day = per_day as i64;
    let stands_out = |key: i64| {
        let sides = [value(key - day), value(key + day)];
        value(key).zip(sides[0].zip(sides[1])).is_some_and(|(then, (before, after))| {
            let out = |beside: f64| (then - beside) * deviation.signum();
            out(before).min(out(after)) >= AS_FAR * deviation.abs()
        })
    };
    (-1..=1).any(|late| stands_out(last - 7 * day + late))
}

/// Robust scale of the past residuals, widened where they have heavy tails and where this hour is
/// known to vary more; never below half a point or a percent of the level.
fn spread(
    residual: &[f64],
    bins: &Bins,
    (slot_now, per_day): (usize, usize),
    expected: f64,
) -> f64 {
    let mut buffer = Buffer::with_capacity(residual.len());
    let (lowest, highest) = stats::extremes(residual);
    let largest = highest.max(-lowest);
    let least = LEAST_SPREAD.max(0.01 * expected.abs());
    if largest <= least {
        // Where nothing ever strays further than the floor, the floor rules.
        return least;
    }
    // What other parts of the day vary by says little of this one.
    let mut away = [0; 256];
    for (slot, away) in away.iter_mut().enumerate().take(per_day) {
        *away = apart(slot, slot_now, per_day) * 24;
    }
    let of_here = |hours: usize| {
        let all = residual.iter().zip(bins.slot.iter());
        all.filter(move |(_, slot)| away[usize::from(**slot)] <= hours * per_day).map(|(r, _)| *r)
    };
    let mut part = Buffer::with_capacity(residual.len());
    part.extend(of_here(NEAR));
    let residual = if part.len() >= ENOUGH { &part } else { residual };
    let (_, scale) = stats::center_and_scale(residual, &mut buffer);
    buffer.clear();
    buffer.extend_from_slice(residual);
    let low = stats::quantile(&mut buffer, 0.02).unwrap_or(0.0);
    let high = stats::quantile(&mut buffer, 0.98).unwrap_or(0.0);
    buffer.iter_mut().for_each(|r| *r = r.clamp(low, high));
    let body = 0.6 * stats::variance(&buffer).sqrt();
    buffer.clear();
    buffer.extend(residual.iter().map(|r| r.abs()));
    let everywhere = stats::mean(&buffer);
    let tail = stats::quantile(&mut buffer, 0.95).unwrap_or(0.0) / 1.96;
    let (mut sum, mut count) = (15.0 * everywhere, 15.0);
    of_here(2).for_each(|r| (sum, count) = (sum + r.abs(), count + 1.0));
    let local = if everywhere > 0.0 { (sum / count / everywhere).clamp(0.6, 2.0) } else { 1.0 };
    (scale.max(body) * local).max(tail).max(least)
}
