//! What the store tells beside the values: capacities and hosts over time, hour by hour.

use crate::model::{HOUR, UnixTime};
use crate::store::{Capacity, Placement};
use std::collections::BTreeMap;

/// Newest known cores and memory, 0 where none is known.
pub fn newest(capacities: &[Capacity]) -> (f64, f64) {
    let cores = capacities.iter().rev().find_map(|c| c.maxcpu).map_or(0.0, |x| x.0);
    let memory = capacities.iter().rev().find_map(|c| c.maxmem).map_or(0.0, |x| x.0);
    (cores, memory)
}

/// Mean of the last day of hourly values, 0 where none is known.
pub fn mean_of_last_day(hours: &[Option<f64>]) -> f64 {
    let lately = hours[hours.len().saturating_sub(24)..].iter().flatten();
    let (sum, count) = lately.fold((0.0, 0u32), |(s, n), x| (s + x, n + 1));
    if count > 0 { sum / f64::from(count) } else { 0.0 }
}

/// What is known of a capacity at a time.
pub fn held(
    capacities: &[Capacity],
    of: fn(&Capacity) -> Option<f64>,
) -> impl Fn(UnixTime) -> Option<f64> {
    let known: Vec<(UnixTime, f64)> =
        capacities.iter().filter_map(|c| Some((c.time, of(c)?))).collect();
    move |time| told_by(&known, time, |k| k.0).map(|k| k.1)
}

/// Where a guest was at a time.
pub fn host_at(placements: &[Placement], time: UnixTime) -> Option<&str> {
    told_by(placements, time, |p| p.time).map(|p| &*p.host)
}

/// Of what holds from a time on, in this order, what held at `time`; before the first the first.
fn told_by<T>(told: &[T], time: UnixTime, from: fn(&T) -> UnixTime) -> Option<&T> {
    let after = told.partition_point(|t| from(t) <= time);
    told.get(after.saturating_sub(1))
}

/// Shares of capacity in cores or bytes, with the capacity that held in each hour.
pub fn in_units(
    shares: &[Option<f64>],
    start: UnixTime,
    capacities: &[Capacity],
    of: fn(&Capacity) -> Option<f64>,
) -> Vec<Option<f64>> {
    let held = held(capacities, of);
    let end = |hour: usize| start + (hour as i64 + 1) * HOUR - 1;
    shares.iter().enumerate().map(|(hour, share)| Some((*share)? * held(end(hour))?)).collect()
}

/// Host in each hour of the grid, as an index of a node that is there.
pub fn hosts(
    placements: &[Placement],
    start: UnixTime,
    hours: usize,
    index: &BTreeMap<&str, usize>,
) -> Vec<Option<usize>> {
    let middle = |hour: usize| start + hour as i64 * HOUR + HOUR / 2;
    let at = |hour: usize| index.get(host_at(placements, middle(hour))?).copied();
    (0..hours).map(at).collect()
}
