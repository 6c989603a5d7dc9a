//! Counters to rates, and the live part to a tick.
//!
//! A rate is a difference of two counters over the difference of their own times, as RRDtool's
//! DERIVE with minimum 0 computes it. No rate where the two do not belong together: the guest
//! restarted or moved, a counter dropped, the clock stepped back, runs were missed.

use super::counters::{Counters, GuestReading, Reading};
use super::live::{Live, LiveGuest, LiveNode};
use super::rrd::Stamp;
use crate::error::Warning;
use crate::model::{
    BytesPerSecond, GuestKind, GuestSample, GuestStatus, MAX_STORAGES, NodeSample, StorageSample,
    Tick, UnixTime,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Age in seconds up to which an entry counts as current: a node reports every 10 s, and the twelve
/// reports missed then are no accident.
pub const MAX_AGE: i64 = 120;
/// Longest span in seconds that a rate is taken over: an average over more says little of now.
pub const MAX_GAP: i64 = 300;
/// Seconds by which two readings of one run may differ in when it started: a node takes time and
/// uptime up to one report apart. More is a restart or a step of the clock.
const START_SLACK: i128 = 10;
/// Where a guest's disk counters stand among its counters.
const DISK: Range<usize> = 2..4;
/// Uptime in seconds from which on a VM has read something of its disks, if it has any.
const BOOTED: u64 = 60;
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
        let (sample, odd) = node_sample(previous, node, now, &mut next);
        warnings.extend(odd);
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
    let silent = silent(previous, live, &nodes, now);
    warnings.extend(silenced(&silent));
    for guest in &silent {
        nodes.entry(&guest.place.node).and_modify(|node| node.guest_count = None);
    }
    for guest in guests.iter().filter(|g| g.status == GuestStatus::Running) {
        let count = nodes.get_mut(guest.node.as_str()).and_then(|n| n.guest_count.as_mut());
        count.into_iter().for_each(|count| *count += 1);
    }
    let nodes = nodes.into_values().collect();
    let file = live.root.join(".rrd");
    let warning = |(line, message)| Warning { file: file.clone(), line, message };
    (Tick { ts: now, nodes, guests }, next, warnings.into_iter().map(warning).collect())
}

/// Whether an entry made at `ctime` tells of `now`.
fn current(stamp: &Stamp, now: UnixTime) -> bool {
    stamp.ctime.abs_diff(now) <= MAX_AGE.unsigned_abs()
}

/// When the node that is furthest ahead of `now` reported, if that is more than clocks may differ.
pub fn ahead(live: &Live, now: UnixTime) -> Option<UnixTime> {
    let newest = live.nodes.iter().filter_map(|node| node.entry.as_ref()).map(|e| e.stamp.ctime);
    newest.max().filter(|&newest| newest > now.saturating_add(MAX_AGE))
}

/// A node's sample, and what is odd about its entry. `guest_count` starts at 0 where the guests can
/// be counted.
fn node_sample(
    previous: &Counters,
    node: &LiveNode,
    now: UnixTime,
    next: &mut Counters,
) -> (NodeSample, Option<(usize, String)>) {
    let entry = node.entry.as_ref().filter(|_| node.online != Some(false));
    let fresh = entry.filter(|entry| current(&entry.stamp, now));
    let online = node.online.unwrap_or(fresh.is_some());
    let before = previous.nodes.get(&node.name);
    let Some(entry) = fresh else {
        // Kept, so that one report missed costs one rate and not two.
        next.nodes.extend(before.map(|before| (node.name.clone(), *before)));
        let odd = match entry {
            Some(entry) => Some((entry.stamp.line, stale(&node.name, &entry.stamp, now))),
            // The cluster file system drops an entry that nobody renewed for five minutes.
            None => (node.online == Some(true)).then(|| (0, missing(&node.name))),
        };
        return (NodeSample { name: node.name.clone(), online, ..NodeSample::default() }, odd);
    };
    let reading = Reading::new(&entry.stamp, entry.counters);
    let [net_in_bps, net_out_bps] = speeds(before, &reading);
    next.nodes.insert(node.name.clone(), reading);
    let sample = NodeSample {
        online,
        net_in_bps,
        net_out_bps,
        guest_count: Some(0),
        storage: storages(node, now),
        ..entry.sample.clone()
    };
    (sample, None)
}

/// The storages with a current entry.
fn storages(node: &LiveNode, now: UnixTime) -> Vec<StorageSample> {
    let fresh = node.storages.iter().filter(|s| current(&s.stamp, now));
    // Cleaned of control characters, two names may be one.
    let mut known = BTreeSet::new();
    let fresh = fresh.filter(move |s| known.insert(s.sample.id.as_str()));
    fresh.take(MAX_STORAGES).map(|s| s.sample.clone()).collect()
}

/// What to say of a node whose entry is not of now.
fn stale(name: &str, stamp: &Stamp, now: UnixTime) -> String {
    let seconds = now.abs_diff(stamp.ctime);
    if stamp.ctime < now {
        format!(
            "node {name} last reported {seconds} s ago, so its values count as absent; \
             is its pvestatd running?"
        )
    } else {
        format!(
            "node {name} reports from {seconds} s in the future, so its values count as absent; \
             are the clocks synchronised?"
        )
    }
}

/// What to say of a node that is online without any entry.
fn missing(name: &str) -> String {
    format!(
        "node {name} is online, but does not report, so its values count as absent; \
         is its pvestatd running?"
    )
}

/// Guests that their node, while reporting itself, does not report any more: their last entry is old, or
/// gone, since the cluster file system drops old ones. A new guest has none yet.
fn silent<'a>(
    previous: &Counters,
    live: &'a Live,
    nodes: &BTreeMap<&str, NodeSample>,
    now: UnixTime,
) -> Vec<&'a LiveGuest> {
    let reports = |guest: &LiveGuest| {
        nodes.get(guest.place.node.as_str()).is_some_and(|node| node.guest_count.is_some())
    };
    let silent = |guest: &LiveGuest| match &guest.entry {
        Some(entry) => !current(&entry.stamp, now),
        None => previous.guests.get(&guest.vmid).is_some_and(|before| before.reading.is_some()),
    };
    live.guests.iter().filter(|guest| silent(guest) && reports(guest)).collect()
}

/// One line about all of them.
fn silenced(silent: &[&LiveGuest]) -> Option<(usize, String)> {
    let first = silent.first()?;
    let others = match silent.len() - 1 {
        0 => String::new(),
        1 => " and another".into(),
        n => format!(" and {n} others"),
    };
    let message = format!(
        "no report of guest {}{others} for {MAX_AGE} s although the node reports, so their values and \
         the node's number of guests count as absent; see `systemctl status pvestatd` on {}",
        first.vmid, first.place.node
    );
    Some((first.entry.as_ref().map_or(0, |entry| entry.stamp.line), message))
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
    let from = same.and_then(|b| b.reading);
    let reading = fresh.map(|entry| Reading::new(&entry.stamp, entry.counters)).map(|mut to| {
        if unanswered(place.kind, from.as_ref(), &to) {
            to.values[DISK].fill(None);
        }
        to
    });
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

/// Whether the zeros of the disk counters stand for no answer: PVE gives them when QEMU does not answer in time
/// (`vmstatus` of qemu-server before 9.0.23) or a container's cgroup is not found. Taken for counters, they would make a
/// rate of all that was ever read out of the next report. The network counters come from the kernel and have no such
/// stand-in.
fn unanswered(kind: GuestKind, from: Option<&Reading<4>>, to: &Reading<4>) -> bool {
    let zeros = |reading: &Reading<4>| reading.values[DISK] == [Some(0); 2];
    zeros(to)
        && match from.filter(|from| continues(from, to)) {
            Some(from) => !zeros(from),
            // A container on ZFS stays at 0 for good.
            None => kind == GuestKind::Qemu && to.uptime > BOOTED,
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
        let rate = to.values[i]?.checked_sub(from.values[i]?)? as f64 / seconds;
        (rate <= MAX_RATE).then_some(BytesPerSecond(rate))
    })
}

/// Whether `to` is a later reading of the same uninterrupted run as `from`.
fn continues<const N: usize>(from: &Reading<N>, to: &Reading<N>) -> bool {
    let span = to.ctime.checked_sub(from.ctime).filter(|span| (1..=MAX_GAP).contains(span));
    let start = |reading: &Reading<N>| i128::from(reading.ctime) - i128::from(reading.uptime);
    span.is_some() && (start(to) - start(from)).abs() <= START_SLACK
}

#[cfg(test)]
mod tests {
    use super::super::cluster::Place;
    use super::super::rrd::{GuestEntry, NodeEntry};
    use super::*;

    const NOW: UnixTime = 1_700_000_000;

    /// A guest on `node` whose counters all stand at `value`.
    fn live(node: &str, ctime: UnixTime, uptime: f64, value: f64) -> Live {
        let stamp = Stamp { line: 1, ctime, uptime };
        let sample = GuestSample { status: GuestStatus::Running, ..GuestSample::default() };
        let guest = LiveGuest {
            vmid: 100,
            place: Place { node: node.into(), ..Place::default() },
            created: None,
            entry: Some(GuestEntry { stamp, counters: [Some(value); 4], sample }),
        };
        let nodes = ["a", "b"].map(|name| LiveNode {
            name: name.into(),
            online: Some(true),
            entry: Some(NodeEntry {
                stamp: Stamp { line: 2, ctime, uptime },
                version: 9,
                counters: [Some(value); 2],
                sample: NodeSample { name: name.into(), ..NodeSample::default() },
            }),
            storages: Vec::new(),
        });
        Live { nodes: nodes.to_vec(), guests: vec![guest], ..Live::default() }
    }

    /// The guest's and the node's incoming rate at the second of two runs.
    fn second(first: &Live, then: &Live, now: UnixTime) -> (Option<f64>, Option<f64>) {
        let (_, counters, _) = rates(&Counters::default(), first, first_time(first));
        let (tick, _, _) = rates(&counters, then, now);
        tick.check().unwrap();
        let plain = |rate: Option<BytesPerSecond>| rate.map(|rate| rate.0);
        (plain(tick.guests[0].net_in_bps), plain(tick.nodes[0].net_in_bps))
    }

    fn first_time(live: &Live) -> UnixTime {
        live.nodes[0].entry.as_ref().map_or(NOW, |e| e.stamp.ctime)
    }

    #[test]
    fn rates_only_where_counters_counted_on() {
        let first = live("a", NOW - 60, 1000.0, 5000.0);
        let both = |rate| (Some(rate), Some(rate));
        for (what, then, want) in [
            ("a minute on", live("a", NOW, 1060.0, 11000.0), both(100.0)),
            ("nothing happened", live("a", NOW, 1060.0, 5000.0), both(0.0)),
            ("only a report later", live("a", NOW - 50, 1010.0, 6000.0), both(100.0)),
            ("counter dropped", live("a", NOW, 1060.0, 10.0), (None, None)),
            ("restarted", live("a", NOW, 30.0, 11000.0), (None, None)),
            ("restarted at once", live("a", NOW, 1030.0, 11000.0), (None, None)),
            ("same report again", live("a", NOW - 60, 1000.0, 5000.0), (None, None)),
            ("clock stepped back", live("a", NOW - 100, 1060.0, 11000.0), (None, None)),
            ("clock stepped forward", live("a", NOW + 90, 1060.0, 11000.0), (None, None)),
            ("moved", live("b", NOW, 1060.0, 11000.0), (None, Some(100.0))),
            ("impossible jump", live("a", NOW, 1060.0, 1e18), (None, None)),
        ] {
            assert_eq!(second(&first, &then, NOW), want, "{what}");
        }
    }

    /// The guest's rates of disk reads over runs a minute apart, each with its counters of what was read and written.
    fn disk_rates(kind: GuestKind, uptime: i64, runs: &[[u64; 2]]) -> Vec<Option<f64>> {
        let mut counters = Counters::default();
        let run = |(minute, &[read, written]): (i64, &[u64; 2])| {
            let now = NOW + 60 * minute;
            let mut live = live("a", now, (uptime + 60 * minute) as f64, 0.0);
            live.guests[0].place.kind = kind;
            if let Some(entry) = &mut live.guests[0].entry {
                entry.counters[2..].copy_from_slice(&[Some(read as f64), Some(written as f64)]);
            }
            let (tick, next, _) = rates(&counters, &live, now);
            counters = next;
            tick.guests[0].disk_read_bps.map(|rate| rate.0)
        };
        (0..).zip(runs).map(run).collect()
    }

    #[test]
    fn disk_counters_that_pve_could_not_ask_for_are_unknown() {
        const BOOTED: i64 = 1_000;
        let both = |values: &[u64]| values.iter().map(|x| [*x; 2]).collect::<Vec<_>>();
        for kind in [GuestKind::Qemu, GuestKind::Lxc] {
            let rates = |runs: &[[u64; 2]]| disk_rates(kind, BOOTED, runs);
            assert_eq!(rates(&both(&[5_000, 0, 11_000])), [None; 3], "missed once");
            assert_eq!(rates(&both(&[5_000, 0, 0, 11_000])), [None; 4], "missed twice");
            let after = rates(&both(&[5_000, 0, 11_000, 17_000]));
            assert_eq!(after[3], Some(100.0), "and then they count on");
            let read_alone = rates(&[[5_000, 0], [11_000, 0]]);
            assert_eq!(read_alone, [None, Some(100.0)], "who only reads has written 0");
        }
        let first = |kind, uptime| disk_rates(kind, uptime, &both(&[0, 6_000]))[1];
        assert_eq!(first(GuestKind::Qemu, BOOTED), None, "a VM that is up has read something");
        assert_eq!(first(GuestKind::Qemu, 30), Some(100.0), "one that just started may not have");
        assert_eq!(first(GuestKind::Lxc, BOOTED), Some(100.0), "on ZFS no container has");
    }

    #[test]
    fn missed_runs_give_no_rate_beyond_the_gap() {
        let first = live("a", NOW - 60, 1000.0, 0.0);
        let after = |gap: i64| live("a", NOW - 60 + gap, 1000.0 + gap as f64, 3000.0);
        let at = |gap: i64| second(&first, &after(gap), NOW - 60 + gap).0;
        assert_eq!(at(MAX_GAP), Some(10.0));
        assert_eq!(at(MAX_GAP + 1), None);
    }

    #[test]
    fn another_kind_under_the_same_number_has_no_rate() {
        let mut then = live("a", NOW, 1060.0, 11000.0);
        then.guests[0].place.kind = GuestKind::Lxc;
        assert_eq!(second(&live("a", NOW - 60, 1000.0, 5000.0), &then, NOW), (None, Some(100.0)));
    }

    #[test]
    fn one_missed_report_of_a_node_costs_one_rate() {
        let mut missed = live("a", NOW, 1060.0, 0.0);
        missed.nodes[0].entry = None;
        let runs = [live("a", NOW - 60, 1000.0, 0.0), missed, live("a", NOW + 60, 1120.0, 12000.0)];
        let mut counters = Counters::default();
        let mut seen = Vec::new();
        for (run, now) in runs.iter().zip([NOW - 60, NOW, NOW + 60]) {
            let (tick, next, _) = rates(&counters, run, now);
            counters = next;
            seen.push(tick.nodes[0].net_in_bps.map(|r| r.0));
        }
        assert_eq!(seen, [None, None, Some(100.0)]);
    }

    #[test]
    fn one_missed_report_costs_one_rate() {
        let runs = [
            live("a", NOW - 60, 1000.0, 0.0),
            Live { guests: silenced(live("a", NOW, 1060.0, 0.0)), ..live("a", NOW, 1060.0, 0.0) },
            live("a", NOW + 60, 1120.0, 12000.0),
        ];
        let mut counters = Counters::default();
        let mut seen = Vec::new();
        for (run, now) in runs.iter().zip([NOW - 60, NOW, NOW + 60]) {
            let (tick, next, _) = rates(&counters, run, now);
            counters = next;
            seen.push((tick.guests[0].status, tick.guests[0].net_in_bps.map(|r| r.0)));
        }
        let running = GuestStatus::Running;
        assert_eq!(seen, [(running, None), (GuestStatus::Unknown, None), (running, Some(100.0))]);
    }

    fn silenced(live: Live) -> Vec<LiveGuest> {
        live.guests.into_iter().map(|g| LiveGuest { entry: None, ..g }).collect()
    }

    #[test]
    fn old_and_future_entries_count_as_absent_and_are_told() {
        for (age, fresh) in
            [(0, true), (MAX_AGE, true), (MAX_AGE + 1, false), (-MAX_AGE - 1, false)]
        {
            let run = live("a", NOW - age, 1000.0, 0.0);
            let (tick, _, warnings) = rates(&Counters::default(), &run, NOW);
            tick.check().unwrap();
            assert_eq!(tick.guests[0].status == GuestStatus::Running, fresh, "age {age}");
            assert_eq!(tick.nodes[0].guest_count.is_some(), fresh, "age {age}");
            assert_eq!(warnings.len(), if fresh { 0 } else { 2 }, "one for each node");
            let clocks = warnings.iter().any(|w| w.message.contains("clocks"));
            assert_eq!(clocks, age < -MAX_AGE, "{warnings:?}");
        }
    }

    #[test]
    fn a_silent_guest_of_a_talking_node_is_told() {
        let mut run = live("a", NOW, 1000.0, 0.0);
        if let Some(entry) = &mut run.guests[0].entry {
            entry.stamp.ctime -= MAX_AGE + 1;
        }
        let (tick, _, warnings) = rates(&Counters::default(), &run, NOW);
        assert_eq!(tick.guests[0].status, GuestStatus::Unknown);
        let counts: Vec<Option<u32>> = tick.nodes.iter().map(|n| n.guest_count).collect();
        assert_eq!(counts, [None, Some(0)], "who does not report all cannot be counted");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].message.contains("guest 100"), "{warnings:?}");
        // The cluster file system drops an entry that nobody renewed for five minutes.
        run.guests = silenced(run.clone());
        let known = rates(&Counters::default(), &live("a", NOW, 1000.0, 0.0), NOW).1;
        let (tick, _, later) = rates(&known, &run, NOW);
        assert_eq!(tick.nodes[0].guest_count, None);
        assert!(later[0].message.contains("guest 100"), "{later:?}");
        let (tick, _, none) = rates(&Counters::default(), &run, NOW);
        assert_eq!(
            (tick.nodes[0].guest_count, none.len()),
            (Some(0), 0),
            "a new guest is no oddity"
        );
    }

    #[test]
    fn a_node_that_is_online_without_any_entry_is_told() {
        let mut run = live("a", NOW, 1000.0, 0.0);
        run.nodes[1].entry = None;
        let told = |run: &Live| rates(&Counters::default(), run, NOW).2;
        let warnings = told(&run);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].message.contains("node b is online, but does not report"));
        run.nodes[1].online = Some(false);
        assert_eq!(told(&run).len(), 0);
    }

    #[test]
    fn an_offline_node_has_no_values_nor_have_its_guests() {
        let mut run = live("a", NOW, 1000.0, 0.0);
        run.nodes[0].online = Some(false);
        let (tick, _, warnings) = rates(&Counters::default(), &run, NOW);
        let empty = NodeSample { name: "a".into(), online: false, ..NodeSample::default() };
        assert_eq!((&tick.nodes[0], tick.guests[0].status), (&empty, GuestStatus::Unknown));
        assert!(warnings.is_empty(), "offline is no oddity: {warnings:?}");
    }

    #[test]
    fn hostile_counters_make_no_rate() {
        let given = format!(
            r#"{{"version":1,"nodes":{{"a":[{},940,[18446744073709551615,null]]}},"guests":{{}}}}"#,
            NOW - 60
        );
        let counters = Counters::parse(given.as_bytes()).unwrap();
        let (tick, _, _) = rates(&counters, &live("a", NOW, 1000.0, 0.0), NOW);
        tick.check().unwrap();
        assert_eq!((tick.nodes[0].net_in_bps, tick.nodes[0].net_out_bps), (None, None));
    }
}
