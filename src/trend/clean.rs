//! Step 0: points that can be believed, in points of the scale.

use super::{Params, Scale};
use crate::model::{DAY, HOUR, UnixTime};
use crate::series::{Buffer, Column, Grid, Point, stats};

/// Profiles look this far back on the hourly grid, days.
const PROFILE_DAYS: f64 = 14.0;
/// Lookbacks beyond this use the six-hour grid, hours; so does history this coarse.
pub(super) const HOURLY_UP_TO: u32 = 336;
/// Traffic above this is a counter's glitch: 100 Gbit/s in bytes per second.
const IMPOSSIBLE_RATE: f64 = 1.25e10;
/// A single value this many times its neighbours is a glitch.
const WRAP: f64 = 50.0;
/// What is so high about one hour of the day at least so often, and on one day in so many, is a job and no glitch.
const JOB: (usize, i64) = (3, 3);
/// More single samples than this, and than one in so many, are no glitches but traffic in bursts.
const FEW: (usize, usize) = (3, 100);
/// Points below which a zero is nothing special.
const IDLE_POINTS: f64 = 2.0;
/// Share of the days above whose median level nothing is judged by.
const BUSY: f64 = 0.9;
/// A clock this far ahead is forgiven, seconds.
const AHEAD: i64 = 60;

/// Believable points, ascending, one per moment.
pub(super) struct Clean {
    /// Values and p95 in points of the scale.
    pub(super) points: Column<Point>,
    /// Value of one point in the unit of the input.
    pub(super) unit: f64,
    /// Grid that suits lookback and resolution.
    pub(super) grid: Grid,
}

/// Drops what cannot be (not finite, future, negative, beyond the whole, beyond what hardware
/// does), keeps the last of several values of one moment, sorts, scales. O(n) for sorted input.
pub(super) fn clean(points: &[Point], params: &Params<'_>) -> Clean {
    let from = params.now.saturating_sub(history(params));
    let until = params.now.saturating_add(AHEAD);
    let mut kept = Column::of(points);
    let (in_time, believable) = (from..=until, believable(params.scale));
    // Mostly all is well, which is quicker to see than what is not is to be taken out.
    let plain = |p: &Point| in_time.contains(&p.time) && is_plain(p, params.scale);
    if !points.iter().all(plain) {
        kept.retain_mut(|p| in_time.contains(&p.time) && believable(p));
    }
    if !kept.is_sorted_by(|a, b| a.time < b.time) {
        kept.sort_by_key(|p| p.time);
        keep_last_of_each_time(&mut kept);
    }
    let grid = grid(&kept, params);
    if grid == Grid::Hour {
        // Six-hour means have no hour: they would smear the hourly profile.
        kept.retain(|p| i64::from(p.seconds) <= 2 * HOUR);
        let start = params.now.saturating_sub((PROFILE_DAYS * DAY as f64) as i64);
        let old = kept.partition_point(|p| p.time < start);
        kept.drain(..old);
    }
    let unit = unit(&kept, params.scale);
    drop_glitches(&mut kept, unit);
    let per_unit = 1.0 / unit;
    kept.iter_mut().for_each(|p| {
        p.value *= per_unit;
        p.p95 = p.p95.map(|v| v * per_unit);
    });
    Clean { points: kept, unit, grid }
}

/// Seconds of history that can matter.
fn history(params: &Params<'_>) -> i64 {
    ((params.lookback_days().max(90.0)) * DAY as f64) as i64
}

/// Up to where values are possible, and what those above the second are made: a share may be told a little above its whole.
fn caps(scale: Scale) -> (f64, f64) {
    match scale {
        Scale::Share { whole } => (1.05 * whole, whole),
        Scale::Relative { .. } => (IMPOSSIBLE_RATE, IMPOSSIBLE_RATE),
    }
}

/// Whether a point is possible. Values above the cap are made the cap, an impossible p95 is taken away.
fn believable(scale: Scale) -> impl Fn(&mut Point) -> bool {
    let (limit, cap) = caps(scale);
    let possible = move |v: f64| (0.0..=limit).contains(&v);
    let capped = move |v: f64| if v > cap { cap } else { v };
    move |p| {
        let believed = possible(p.value);
        p.value = capped(p.value);
        p.p95 = p.p95.filter(|v| possible(*v)).map(capped);
        believed
    }
}

/// Whether a point is possible as it is.
fn is_plain(p: &Point, scale: Scale) -> bool {
    let (_, cap) = caps(scale);
    let possible = |v: f64| (0.0..=cap).contains(&v);
    possible(p.value) && p.p95.is_none_or(possible)
}

/// Drops single samples that a counter's reset or wrap makes: an isolated zero amid load, or a value [`WRAP`] times larger
/// than all its four neighbours. The last point has no such neighbours and stays, as does the last but one unless it is a
/// zero after which load is back; so do means of several samples, which no single one lifts that far, and jobs.
fn drop_glitches(points: &mut Vec<Point>, unit: f64) {
    let load = IDLE_POINTS * unit;
    if !points.iter().any(|p| p.value == 0.0 || p.value > WRAP * load) {
        return;
    }
    let sides = |w: &[Point]| [w[0].value, w[1].value, w[3].value, w[4].value];
    let is_reset = |w: &&[Point]| w[2].value == 0.0 && sides(w).iter().all(|side| *side > load);
    let is_wrap = |w: &&[Point]| w[2].value > WRAP * sides(w).into_iter().fold(load, f64::max);
    let single = || points.windows(5).filter(|w| w[2].count <= 1);
    let mut wraps: Vec<UnixTime> = single().filter(is_wrap).map(|w| w[2].time).collect();
    if wraps.len() > FEW.0.max(single().count() / FEW.1) {
        wraps.clear();
    }
    let mut bad = without_jobs(wraps, points);
    bad.extend(single().filter(is_reset).map(|w| w[2].time));
    if let Some([a, b, zero, last]) = points.last_chunk()
        && zero.count <= 1
        && zero.value == 0.0
        && [a, b, last].iter().all(|side| side.value > load)
    {
        bad.push(zero.time);
    }
    bad.sort_unstable();
    if !bad.is_empty() {
        points.retain(|p| bad.binary_search(&p.time).is_err());
    }
}

/// The times, ascending, at which nothing of the kind happens on other days.
fn without_jobs(times: Vec<UnixTime>, points: &[Point]) -> Vec<UnixTime> {
    // Only single samples are asked, and these may be those of the last days alone.
    let mut single = points.iter().filter(|p| p.count <= 1).map(|p| p.time);
    let span = single.next().map_or(0, |first| single.next_back().map_or(0, |last| last - first));
    let often = JOB.0.max((span / DAY / JOB.1) as usize);
    let hour = |time: &UnixTime| (time.rem_euclid(DAY) / HOUR) as usize;
    let mut count = [0; 24];
    times.iter().for_each(|time| count[hour(time)] += 1);
    let about = |hour: usize| count[(hour + 23) % 24] + count[hour] + count[(hour + 1) % 24];
    times.iter().filter(|time| about(hour(time)) < often).copied().collect()
}

fn keep_last_of_each_time(points: &mut Vec<Point>) {
    let mut write = 0;
    for read in 0..points.len() {
        if write > 0 && points[write - 1].time == points[read].time {
            write -= 1;
        }
        points[write] = points[read];
        write += 1;
    }
    points.truncate(write);
}

/// Hours for up to 14 days of data in the window, unless most points are further apart than two hours.
fn grid(points: &[Point], params: &Params<'_>) -> Grid {
    let start = params.now.saturating_sub(i64::from(params.lookback_hours) * HOUR);
    let window = &points[points.partition_point(|p| p.time < start)..];
    let known = window.first().map_or(0, |first| params.now.saturating_sub(first.time));
    if known > i64::from(HOURLY_UP_TO) * HOUR {
        return Grid::SixHours;
    }
    let coarse = window.windows(2).filter(|w| w[1].time - w[0].time > 2 * HOUR).count();
    match coarse * 2 > window.len() && window.len() >= 12 {
        true => Grid::SixHours,
        false => Grid::Hour,
    }
}

/// Value of one point: of a rate, a part of its median level. Where days were above that, of the busiest but for one in
/// ten, and of the last one: a guest that was put to work or to rest is not judged by what it did before or since.
fn unit(points: &[Point], scale: Scale) -> f64 {
    match scale {
        Scale::Share { whole } => whole / 100.0,
        Scale::Relative { floor } => {
            let last = points.last().map_or(0, |p| p.time);
            let day = |p: &Point| (last - p.time) / DAY;
            let mut days: Vec<f64> = points.chunk_by(|a, b| day(a) == day(b)).map(level).collect();
            let latest = days.last().copied().unwrap_or(0.0);
            let busy = stats::quantile(&mut days, BUSY).unwrap_or(0.0);
            level(points).max(latest).max(busy).max(floor) / 25.0
        }
    }
}

/// Median over time.
fn level(points: &[Point]) -> f64 {
    let mut values: Buffer = points.iter().map(|p| p.value).collect();
    let mut weights: Buffer = (0..points.len()).map(|i| lasts(points, i)).collect();
    stats::weighted_quantile(&mut values, &mut weights, 0.5).unwrap_or(0.0)
}

/// Seconds that point `i` stands for: its own span, or for a sample the time to the next one, from a minute to an hour.
pub(super) fn lasts(points: &[Point], i: usize) -> f64 {
    let gap = || points.get(i + 1).map_or(0, |next| next.time - points[i].time);
    match points[i].seconds {
        0 => gap().clamp(60, HOUR) as f64,
        seconds => f64::from(seconds),
    }
}
