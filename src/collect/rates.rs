//! Counters to rates, and the live part to a tick.
//!
//! A rate is a difference of two counters over the difference of their own times, as RRDtool's
//! DERIVE with minimum 0 computes it. No rate where the two do not belong together: the guest
//! restarted or moved, a counter dropped, the clock stepped back, runs were missed.

use super::counters::{Counters, GuestReading, Reading};
use super::live::{Live, LiveGuest, LiveNode};
use super::rrd::{NodeEntry, Stamp};
use crate::error::Warning;
use crate::model::{
    BytesPerSecond, GuestSample, GuestStatus, NodeSample, StorageSample, Tick, UnixTime,
};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Age in seconds up to which an entry counts as current: a node reports every 10 s, and the twelve
/// reports missed then are no accident.
pub const MAX_AGE: i64 = 120;
/// Longest span in seconds that a rate is taken over: an average over more says little of now.
pub const MAX_GAP: i64 = 300;
/// Seconds by which times of the same start may differ: uptime and time are rounded.
const START_SLACK: f64 = 2.0;
/// Largest rate taken, in bytes per second; above it a counter was not a counter.
const MAX_RATE: f64 = 1e13;

/// The tick of this run and the counters for the next one.
///
/// Entries older than [`MAX_AGE`] at `now`, or as far in the future, count as absent: their node or
/// guest stays in the tick without values. With a `now` between 1970 and 2200 the tick passes
/// [`Tick::check`].
pub fn rates(previous: &Counters, live: &Live, now: UnixTime) -> (Tick, Counters, Vec<Warning>) {
    let mut next = Counters::default();
    let mut warnings = Vec::new();
    let mut nodes = BTreeMap::new();
    for node in &live.nodes {
        let sample = node_sample(previous, node, now, &mut next, &mut warnings);
        nodes.insert(node.name.as_str(), sample);
    }
    let guests: Vec<GuestSample> = live
        .guests
        .iter()
        .map(|guest| {
            let online = nodes.get(guest.place.node.as_str()).is_some_and(|n| n.online);
            guest_sample(previous, guest, online, now, &mut next)
        })
        .collect();
    warnings.extend(silent(live, &nodes, now));
    for guest in guests.iter().filter(|g| g.status == GuestStatus::Running) {
        let count = nodes.get_mut(guest.node.as_str()).and_then(|n| n.guest_count.as_mut());
        count.into_iter().for_each(|count| *count += 1);
    }
    let nodes = nodes.into_values().collect();
    (Tick { ts: now, nodes, guests }, next, warnings)
}

/// Whether an entry made at `ctime` tells of `now`.
fn current(stamp: &Stamp, now: UnixTime) -> bool {
    stamp.ctime.abs_diff(now) <= MAX_AGE.unsigned_abs()
}

/// A node's sample. `guest_count` starts at 0 where the guests can be counted.
fn node_sample(
    previous: &Counters,
    node: &LiveNode,
    now: UnixTime,
    next: &mut Counters,
    warnings: &mut Vec<Warning>,
) -> NodeSample {
    let entry = node.entry.as_ref().filter(|_| node.online != Some(false));
    let fresh = entry.filter(|entry| current(&entry.stamp, now));
    if let (Some(entry), None) = (entry, fresh) {
        warnings.push(stale(&node.name, entry, now));
    }
    let online = node.online.unwrap_or(fresh.is_some());
    let before = previous.nodes.get(&node.name);
    let Some(entry) = fresh else {
        // Kept, so that one report missed costs one rate and not two.
        next.nodes.extend(before.map(|before| (node.name.clone(), *before)));
        return NodeSample { name: node.name.clone(), online, ..NodeSample::default() };
    };
    let reading = Reading::new(&entry.stamp, entry.counters);
    let [net_in_bps, net_out_bps] = speeds(before, &reading);
    next.nodes.insert(node.name.clone(), reading);
    NodeSample {
        online,
        net_in_bps,
        net_out_bps,
        guest_count: Some(0),
        storage: storages(node, now),
        ..entry.sample.clone()
    }
}

/// The storages with a current entry.
fn storages(node: &LiveNode, now: UnixTime) -> Vec<StorageSample> {
    let fresh = node.storages.iter().filter(|s| current(&s.stamp, now));
    fresh.map(|s| s.sample.clone()).collect()
}

/// What to say of a node whose entry is not of now.
fn stale(name: &str, entry: &NodeEntry, now: UnixTime) -> Warning {
    let seconds = now.abs_diff(entry.stamp.ctime);
    let message = if entry.stamp.ctime < now {
        format!(
            "node {name} last reported {seconds} s ago, so its values count as absent; \
             is its pvestatd running?"
        )
    } else {
        format!(
            "node {name} reports from {seconds} s in the future, so its values count as absent; \
             are the clocks synchronised?"
        )
    };
    Warning { file: PathBuf::from(".rrd"), line: entry.stamp.line, message }
}

/// One warning about all guests that their node, while reporting itself, no longer reports.
fn silent(live: &Live, nodes: &BTreeMap<&str, NodeSample>, now: UnixTime) -> Option<Warning> {
    let reports =
        |g: &&LiveGuest| nodes.get(g.place.node.as_str()).is_some_and(|n| n.guest_count.is_some());
    let old = |g: &LiveGuest| g.entry.as_ref().map(|e| e.stamp).filter(|s| !current(s, now));
    let found: Vec<(&LiveGuest, Stamp)> =
        live.guests.iter().filter(reports).filter_map(|g| Some((g, old(g)?))).collect();
    let (first, stamp) = found.first()?;
    let message = format!(
        "guest {} and {} others were not reported for more than {MAX_AGE} s although their nodes \
         were, so their values count as absent",
        first.vmid,
        found.len() - 1
    );
    Some(Warning { file: PathBuf::from(".rrd"), line: stamp.line, message })
}

/// A guest's sample.
fn guest_sample(
    previous: &Counters,
    guest: &LiveGuest,
    online: bool,
    now: UnixTime,
    next: &mut Counters,
) -> GuestSample {
    let fresh = guest.entry.as_ref().filter(|e| online && current(&e.stamp, now));
    let place = &guest.place;
    let before = previous.guests.get(&guest.vmid);
    let same = before.filter(|b| b.node == place.node && b.kind == place.kind);
    let reading = fresh.map(|entry| Reading::new(&entry.stamp, entry.counters));
    let from = same.and_then(|b| b.reading);
    let [net_in_bps, net_out_bps, disk_read_bps, disk_write_bps] =
        reading.map_or([None; 4], |to| speeds(from.as_ref(), &to));
    let name = match &guest.entry {
        Some(entry) => entry.sample.name.clone(),
        None => before.map(|b| b.name.clone()).unwrap_or_default(),
    };
    let keep = GuestReading {
        node: place.node.clone(),
        kind: place.kind,
        name: name.clone(),
        version: place.version,
        created: guest.created,
        reading: reading.or(from),
    };
    next.guests.insert(guest.vmid, keep);
    let sample = fresh.map(|entry| entry.sample.clone()).unwrap_or_default();
    GuestSample {
        vmid: guest.vmid,
        kind: place.kind,
        node: place.node.clone(),
        name,
        created: guest.created,
        net_in_bps,
        net_out_bps,
        disk_read_bps,
        disk_write_bps,
        ..sample
    }
}

/// The rates between two readings; absent where the counters did not simply count on.
fn speeds<const N: usize>(
    from: Option<&Reading<N>>,
    to: &Reading<N>,
) -> [Option<BytesPerSecond>; N] {
    let Some(from) = from.filter(|from| continues(from, to)) else { return [None; N] };
    let seconds = (to.ctime - from.ctime) as f64;
    std::array::from_fn(|i| {
        let rate = (to.values[i]? - from.values[i]?) / seconds;
        (0.0..=MAX_RATE).contains(&rate).then_some(BytesPerSecond(rate))
    })
}

/// Whether `to` is a later reading of the same uninterrupted run as `from`.
fn continues<const N: usize>(from: &Reading<N>, to: &Reading<N>) -> bool {
    let span = to.ctime.checked_sub(from.ctime).filter(|span| (1..=MAX_GAP).contains(span));
    let Some(span) = span else { return false };
    to.uptime >= from.uptime && to.uptime + START_SLACK >= span as f64
}
