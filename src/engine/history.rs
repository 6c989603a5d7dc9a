//! What was recorded of everybody, in the resolutions that analysis uses.

use crate::error::Result;
use crate::model::{
    DAY, GuestMetric, HOUR, Metric, Migration, NodeMetric, UnixTime, Vmid, start_of,
};
use crate::outlook::newest;
use crate::recommend::Recent;
use crate::series::Point;
use crate::store::{
    self, Capacity, Detail, Fleet, GuestTrack, Placement, Reader, Resolution, Tier,
};
use std::collections::BTreeMap;

/// History that daily and weekly profiles are made from, whatever the lookback.
const PROFILE: i64 = 14 * DAY;
/// What "now" is the mean of: the present counts for days in what is expected, so it must not hang
/// on a few minutes.
const CURRENT: i64 = HOUR;
/// Seconds before the newest sample after which a value is none of now: a service that is restarted, or a
/// feed of every few minutes that misses one, is back by then.
const SILENT: i64 = 15 * 60;
/// Stored rows around `now`, in the resolutions that analysis uses.
pub(super) struct History {
    /// Moment of the analysis.
    pub(super) now: UnixTime,
    /// Hourly rows, and six-hourly ones before them as far as the lookback reaches.
    coarse: Vec<Fleet>,
    /// Samples since the last whole hour, and at least of the last hour.
    recent: Fleet,
}

/// An entity in each of the loaded fleets, and how its rows are read there.
pub(super) struct Found<'a, M> {
    coarse: Vec<(&'a Fleet, usize)>,
    recent: Option<(&'a Fleet, usize)>,
    rows: fn(&Fleet, usize, M) -> Vec<store::Point>,
    /// A value must be as young as this to be one of now.
    heard: UnixTime,
}

impl History {
    /// Loads what `lookback_hours` before `now` needs. O(bytes of the hourly tier). These metrics
    /// of guests are made ready, others on demand.
    pub(super) fn load(
        reader: &Reader,
        now: UnixTime,
        lookback_hours: u32,
        guest_metrics: &[GuestMetric],
    ) -> Result<Self> {
        let hour = start_of(now, HOUR);
        // Whole rows of six hours, so that none of them tells hours again that are known one by one.
        let start = start_of(hour - PROFILE, Tier::SixHourly.step());
        let mut coarse = Vec::new();
        let earliest = now - i64::from(lookback_hours) * HOUR;
        let hourly = reader.fleet(start..hour, Resolution::Hourly, Detail::Typical)?;
        // Hourly values may be kept for less than that, by the settings.
        let kept = hourly.windows().first().map_or(hour, |w| w.start);
        let known = start.max(start_of(kept, Tier::SixHourly.step()));
        if earliest < known {
            coarse.push(reader.fleet(earliest..known, Resolution::SixHourly, Detail::Typical)?);
        }
        coarse.push(hourly);
        let recent = reader.fleet(hour - HOUR..now + 1, Resolution::Raw, Detail::Typical)?;
        coarse.iter().chain([&recent]).for_each(|fleet| fleet.decode(&[], guest_metrics));
        Ok(Self { now, coarse, recent })
    }

    /// The newest fleet that knows anybody: who is there and what it is called.
    fn newest(&self) -> &Fleet {
        match self.coarse.last() {
            Some(hourly) if self.recent.nodes.is_empty() && self.recent.guests.is_empty() => hourly,
            _ => &self.recent,
        }
    }

    /// Of the `asked` hours before now those that the store reaches back; a twentieth more or less
    /// does not matter.
    pub(super) fn window(&self, asked: u32) -> u32 {
        let fleets = self.coarse.iter().chain([&self.recent]);
        let first = fleets.flat_map(|f| f.windows()).map(|w| w.start).min().unwrap_or(self.now);
        let known = ((self.now - first) / HOUR).clamp(1, i64::from(asked).max(1)) as u32;
        if f64::from(known) < 0.95 * f64::from(asked) { known } else { asked }
    }

    /// Nodes that are there, in order of their names.
    pub(super) fn node_names(&self) -> Vec<String> {
        let fleet = self.newest();
        fleet.nodes.iter().filter(|n| n.present).map(|n| n.name.to_string()).collect()
    }

    /// Guests that are there, in order of their numbers.
    pub(super) fn guest_tracks(&self) -> Vec<&GuestTrack> {
        self.newest().guests.iter().filter(|g| g.present).collect()
    }

    /// Guests that are or were there in the loaded time, in order of their numbers, each as last
    /// seen.
    pub(super) fn known_tracks(&self) -> impl Iterator<Item = &GuestTrack> {
        let newest_first = [&self.recent].into_iter().chain(self.coarse.iter().rev());
        let mut known: BTreeMap<(Vmid, UnixTime), &GuestTrack> = BTreeMap::new();
        for track in newest_first.flat_map(|fleet| &fleet.guests) {
            known.entry(key(track)).or_insert(track);
        }
        known.into_values()
    }

    /// From when on a value is one of now: by the newest sample, since a collector that is late makes
    /// nobody silent.
    fn heard(&self) -> UnixTime {
        let last = |fleet: &Fleet| fleet.windows().last().map(store::Window::end);
        let newest = self.coarse.iter().chain([&self.recent]).filter_map(last).max();
        newest.unwrap_or(self.now) - SILENT
    }

    /// How much is stored of the last days: one run of the collector stores the whole cluster.
    pub(super) fn recent(&self) -> Recent {
        let hour = self.hour();
        let starts = || self.coarse.iter().flat_map(|f| f.windows()).map(|w| w.start);
        let first = starts().min().unwrap_or(hour);
        let from = (hour - i64::from(Recent::DAYS) * DAY).max(first).min(hour);
        let known = starts().filter(|start| (from..hour).contains(start)).count() as u32;
        let hours = ((hour - from) / HOUR) as u32;
        Recent { hours, missing: hours.saturating_sub(known) }
    }

    /// Whether the node was seen online last.
    pub(super) fn online(&self, name: &str) -> bool {
        let fleet = self.newest();
        fleet.node(name).is_some_and(|i| fleet.nodes[i].online)
    }

    /// Files and frames that could not be read.
    pub(super) fn warnings(&self) -> Vec<String> {
        let all = self.coarse.iter().chain([&self.recent]).flat_map(|f| &f.warnings);
        all.map(ToString::to_string).collect()
    }

    /// Moves of the loaded time, in order of time.
    pub(super) fn migrations(&self) -> Vec<Migration> {
        let all = self.coarse.iter().chain([&self.recent]).flat_map(Fleet::migrations);
        let unique: BTreeMap<_, _> = all.map(|m| ((m.time, m.vmid), m)).collect();
        unique.into_values().collect()
    }

    pub(super) fn find_node(&self, name: &str) -> Found<'_, NodeMetric> {
        let find = |fleet: &Fleet| fleet.node(name);
        Found {
            coarse: self.coarse.iter().filter_map(|f| Some((f, find(f)?))).collect(),
            recent: find(&self.recent).map(|i| (&self.recent, i)),
            rows: |fleet, entity, metric| {
                listed(fleet.node_table.points(entity, metric), fleet.windows().len())
            },
            heard: self.heard(),
        }
    }

    pub(super) fn find_guest(&self, track: &GuestTrack) -> Found<'_, GuestMetric> {
        let find = |fleet: &Fleet| place_of(fleet, track);
        Found {
            coarse: self.coarse.iter().filter_map(|f| Some((f, find(f)?))).collect(),
            recent: find(&self.recent).map(|i| (&self.recent, i)),
            rows: |fleet, entity, metric| {
                listed(fleet.guest_table.points(entity, metric), fleet.windows().len())
            },
            heard: self.heard(),
        }
    }

    /// Points of a node's metric for trend analysis.
    pub(super) fn node_points(&self, name: &str, metric: NodeMetric) -> Vec<Point> {
        self.find_node(name).points(metric)
    }

    /// Points of a guest's metric for trend analysis.
    pub(super) fn guest_points(&self, track: &GuestTrack, metric: GuestMetric) -> Vec<Point> {
        self.find_guest(track).points(metric)
    }

    /// Start of the running hour.
    fn hour(&self) -> UnixTime {
        start_of(self.now, HOUR)
    }

    /// First second of the hourly grid, and its length in hours with the running one.
    pub(super) fn grid(&self) -> (UnixTime, usize) {
        (self.hour() - PROFILE, (PROFILE / HOUR) as usize + 1)
    }

    /// All capacities and placements of a guest, oldest first.
    pub(super) fn past_of(&self, track: &GuestTrack) -> (Vec<Placement>, Vec<Capacity>) {
        let (mut placements, mut capacities) = (Vec::new(), Vec::new());
        for fleet in self.coarse.iter().chain([&self.recent]) {
            let Some(place) = place_of(fleet, track) else { continue };
            placements.extend(fleet.guests[place].placements.iter().cloned());
            capacities.extend(fleet.guests[place].capacities.iter().copied());
        }
        // The latest samples begin before the hourly rows end.
        placements.sort_by_key(|p| p.time);
        capacities.sort_by_key(|c| c.time);
        (placements, capacities)
    }

    /// Newest known cores and memory in bytes of a node, 0 where not known.
    pub(super) fn node_size(&self, name: &str) -> (f64, f64) {
        newest(&self.node_capacities(name))
    }

    /// Newest known cores and memory in bytes of a guest, 0 where not known.
    pub(super) fn guest_size(&self, track: &GuestTrack) -> (f64, f64) {
        newest(&self.past_of(track).1)
    }

    /// Sizes of a node, oldest first.
    pub(super) fn node_capacities(&self, name: &str) -> Vec<Capacity> {
        let fleets = self.coarse.iter().chain([&self.recent]);
        let of_fleet = |f: &'_ Fleet| Some(f.nodes[f.node(name)?].capacities.clone());
        let mut all: Vec<Capacity> = fleets.filter_map(of_fleet).flatten().collect();
        all.sort_by_key(|c| c.time);
        all
    }
}

/// A guest and its incarnation.
pub(super) fn key(track: &GuestTrack) -> (Vmid, UnixTime) {
    (track.vmid, track.since)
}

/// Where a fleet has this incarnation of a guest.
fn place_of(fleet: &Fleet, track: &GuestTrack) -> Option<usize> {
    fleet.guests.binary_search_by_key(&key(track), key).ok()
}

/// At most so many points, in a list that need not grow.
fn listed(points: impl Iterator<Item = store::Point>, most: usize) -> Vec<store::Point> {
    let mut all = Vec::with_capacity(most);
    all.extend(points);
    all
}

impl<M: Metric> Found<'_, M> {
    /// Whole rows, oldest first.
    fn whole(&self, metric: M) -> impl Iterator<Item = store::Point> + '_ {
        self.coarse.iter().flat_map(move |(fleet, entity)| (self.rows)(fleet, *entity, metric))
    }

    /// The latest samples.
    fn samples(&self, metric: M) -> Vec<store::Point> {
        self.recent.map_or_else(Vec::new, |(fleet, entity)| (self.rows)(fleet, entity, metric))
    }

    /// Whole rows, then the samples that no row holds yet. The last hour is rarely one by the clock: a row that reaches
    /// into it is told by its samples, if all of them are there.
    pub(super) fn points(&self, metric: M) -> Vec<Point> {
        let samples = self.samples(metric);
        let last_hour = samples.last().map_or(UnixTime::MAX, |p| p.window.start - HOUR);
        let is_told = |row: &store::Point| {
            let of_row =
                |p: &&store::Point| (row.window.start..row.window.end()).contains(&p.window.start);
            row.window.end() > last_hour
                && samples.iter().filter(of_row).count() >= row.count as usize
        };
        let rows: usize = self.coarse.iter().map(|(fleet, _)| fleet.windows().len()).sum();
        let mut all: Vec<Point> = Vec::with_capacity(rows + samples.len());
        let mut covered = UnixTime::MIN;
        for row in self.whole(metric).filter(|row| !is_told(row)) {
            covered = row.window.end();
            all.push(point(row));
        }
        all.extend(samples.into_iter().filter(|p| p.window.start >= covered).map(point));
        all
    }

    /// Mean of the last minutes; of the last sample or row when there are none. `None` of whom the
    /// newest samples tell nothing.
    pub(super) fn current(&self, metric: M, now: UnixTime) -> Option<f64> {
        let samples = self.samples(metric);
        let last = samples.last().copied().or_else(|| self.whole(metric).last())?;
        if last.window.end() < self.heard {
            return None;
        }
        let fresh = samples.iter().filter(|p| p.window.start > now - CURRENT);
        let (sum, count) = fresh.fold((0.0, 0u32), |(s, n), p| (s + p.avg, n + 1));
        Some(if count > 0 { sum / f64::from(count) } else { last.avg })
    }

    /// Whether any value is known.
    pub(super) fn knows(&self, metric: M) -> bool {
        !self.samples(metric).is_empty() || self.whole(metric).next().is_some()
    }
}

/// A stored row, or sample, as trend analysis reads it.
pub(super) fn point(row: store::Point) -> Point {
    let window = row.window;
    match window.seconds {
        0 => Point::sample(window.start, row.avg),
        seconds => Point {
            time: window.middle(),
            value: row.avg,
            seconds,
            count: row.count,
            p95: Some(row.p95),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::model::Fraction;
    use crate::simulate::{Scenario, Simulation};
    use serde_json::json;

    /// Now is 2 h 40 min into a row of six hours.
    const END: UnixTime = 1_792_658_400;

    /// What is known of so many days of a small cluster, without the ticks that are lost.
    fn history(days: f64, lost: impl Fn(UnixTime) -> bool) -> History {
        let scenario: Scenario = serde_json::from_value(json!({
            "seed": 1, "end": END, "days": days, "interval": 1_800,
            "nodes": [{"count": 1, "name": "pve", "cores": 8, "memory_gib": 64}],
            "guests": [{"count": 1}],
        }))
        .unwrap();
        let state = tempfile::tempdir().unwrap();
        let ticks = Simulation::new(&scenario).unwrap().filter(|tick| !lost(tick.ts));
        Engine::new(state.path()).append(ticks).unwrap();
        History::load(&Reader::open(state.path()).unwrap(), END, 17 * 24, &[]).unwrap()
    }

    #[test]
    fn gaps_of_the_last_two_days_are_known() {
        let recent = |days, from: i64, to: i64| {
            let Recent { hours, missing } =
                history(days, |ts| (END - from * HOUR..END - to * HOUR).contains(&ts)).recent();
            (hours, missing)
        };
        assert_eq!(recent(18.0, 0, 0), (48, 0));
        assert_eq!(recent(18.0, 30, 3), (48, 26), "two more are known in part");
        assert_eq!(recent(18.0, 100, 60), (48, 0), "older gaps are none of late");
        assert_eq!(recent(1.0, 10, 8), (23, 1), "before the first sample nothing is missing");
    }

    #[test]
    fn a_job_on_the_full_hour_is_the_same_at_every_minute() {
        let scenario: Scenario = serde_json::from_value(json!({
            "seed": 1, "end": END + HOUR, "days": 2, "interval": 300,
            "nodes": [{"count": 1, "name": "pve", "cores": 8, "memory_gib": 64}],
        }))
        .unwrap();
        let job = |ts: UnixTime| if ts.rem_euclid(HOUR) < 900 { 0.99 } else { 0.6 };
        for minutes in [0, 10, 25, 50] {
            let end = END + minutes * 60;
            let state = tempfile::tempdir().unwrap();
            let mut ticks: Vec<_> = Simulation::new(&scenario).unwrap().collect();
            ticks.retain(|tick| tick.ts <= end);
            ticks.iter_mut().for_each(|tick| tick.nodes[0].cpu = Some(Fraction(job(tick.ts))));
            let (name, all) = (ticks[0].nodes[0].name.clone(), ticks.len());
            Engine::new(state.path()).append(ticks).unwrap();
            let reader = Reader::open(state.path()).unwrap();
            let history = History::load(&reader, end, 48, &[]).unwrap();
            let points = history.node_points(&name, NodeMetric::Cpu);
            let hour: Vec<f64> =
                points.iter().filter(|p| p.time > end - HOUR).map(|p| p.value).collect();
            let mean = hour.iter().sum::<f64>() / hour.len() as f64;
            assert_eq!(hour.len(), 12, "{minutes}");
            assert!((mean - 0.6975).abs() < 0.001, "{minutes}: {mean}");
            let once = points.windows(2).all(|pair| pair[0].time < pair[1].time);
            let told: u32 = points.iter().map(|p| p.count).sum();
            assert!(once && told as usize == all, "{minutes}: {told} of {all}");
        }
    }

    #[test]
    fn no_hour_is_told_by_two_rows() {
        let history = history(18.0, |_| false);
        let [six_hourly, hourly] = history.coarse.as_slice() else { panic!("two tiers") };
        let end_of = six_hourly.windows().last().map(|w| w.start + i64::from(w.seconds));
        let first = hourly.windows().first().map(|w| w.start);
        assert!(end_of.is_some() && end_of <= first, "{end_of:?} {first:?}");
    }
}
