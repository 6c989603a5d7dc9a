//! From what was recorded to trends and expected loads of everybody who runs.

use super::history::{Found, History, key};
use crate::model::{
    Bytes, Cores, GuestMetric, HOUR, Inventory, Migration, NodeMetric, UnixTime, Vmid, WEEK_HOURS,
};
use crate::outlook::{
    GuestHistory, GuestOutlook, Lens, NodeHistory, NodeOutlook, Outlook, Readings, fall, hosts,
    in_units, mean_of_last_day, newest, wanted_factor,
};
use crate::series::{LocalTime, Point};
use crate::settings::PenaltyConfig;
use crate::store::{Capacity, GuestTrack};
use crate::trend::{Nature, analyze_each};
use std::collections::{BTreeMap, BTreeSet};

/// What a decision reads of guests.
pub(super) const DECISIVE: [GuestMetric; 4] =
    [GuestMetric::Cpu, GuestMetric::Memory, GuestMetric::MemoryHost, GuestMetric::DiskWrite];

/// Pressure that says that tasks wait: some of them for CPU, all of them for disks, and for memory.
const PRESSURES: [NodeMetric; 3] =
    [NodeMetric::PsiCpuSome, NodeMetric::PsiIoFull, NodeMetric::PsiMemoryFull];

/// Everything that a decision reads, from the store's rows. `moves`: all that are known, since a guest may have to stay
/// away from a node for longer than its load is looked at.
pub(super) fn outlook(
    history: &History,
    moves: &[Migration],
    inventory: &Inventory,
    config: &PenaltyConfig,
    local: &LocalTime,
) -> Outlook {
    let names = history.node_names();
    let index: BTreeMap<&str, usize> =
        names.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
    let mut moves_of: BTreeMap<Vmid, Vec<Migration>> = BTreeMap::new();
    for found in moves {
        moves_of.entry(found.vmid).or_default().push(found.clone());
    }
    let lens = Lens { now: history.now, config, local };
    let analysis = Analysis { history, lens, moves, moves_of };
    let with_host = |track| -> Option<(&GuestTrack, usize)> {
        let track: &GuestTrack = track;
        let running = track.status.runs();
        let host = track.placements.last().and_then(|p| index.get(&*p.host).copied())?;
        (running && !track.template).then_some((track, host))
    };
    let placed: Vec<(&GuestTrack, usize)> =
        history.guest_tracks().into_iter().filter_map(with_host).collect();
    let guests = analyze_each(&placed, |(track, host)| analysis.guest(track, *host, &index));
    let nodes = analyze_each(&names, |name| analysis.node(name, inventory));
    let gone: Vec<GuestHistory> = analysis.gone(&placed, &index).collect();
    let mut outlook = lens.outlook(nodes, guests, &gone);
    for guest in &mut outlook.guests {
        guest.host = destination(inventory, guest.vmid, &index).unwrap_or(guest.seen);
    }
    outlook
}

/// The node that a guest is on by the inventory, which is newer than any sample, or that HA is moving it to: a move that
/// is made already is no reason for another one.
fn destination(inventory: &Inventory, vmid: Vmid, index: &BTreeMap<&str, usize>) -> Option<usize> {
    let facts = inventory.guest(vmid)?;
    let by_ha = facts.ha.as_ref().filter(|_| facts.ha_moves()).and_then(|ha| ha.under_way.as_ref());
    let node = by_ha.map(|moved| &moved.target).filter(|target| !target.is_empty());
    index.get(node.unwrap_or(&facts.node).as_str()).copied()
}

struct Analysis<'a> {
    history: &'a History,
    lens: Lens<'a>,
    moves: &'a [Migration],
    moves_of: BTreeMap<Vmid, Vec<Migration>>,
}

impl Analysis<'_> {
    fn node(&self, name: &str, inventory: &Inventory) -> (NodeOutlook, NodeHistory) {
        let (history, config) = (self.history, self.lens.config);
        let found = history.find_node(name);
        let grid = history.grid();
        let capacities = history.node_capacities(name);
        let (cores, memory) = newest(&capacities);
        let shifts: Vec<UnixTime> =
            self.moves.iter().filter(|m| m.from == name || m.to == name).map(|m| m.time).collect();
        let trend = |points: &[Point], threshold: f64, nature| {
            self.lens.trend(points, threshold, nature, &shifts)
        };
        let now = |metric| found.current(metric, history.now);
        let [cpu_points, mut mem_points, iowait_points, storage_points] =
            [NodeMetric::Cpu, NodeMetric::Memory, NodeMetric::Iowait, NodeMetric::StorageUsage]
                .map(|m| found.points(m));
        without_cache(&mut mem_points, &found.points(NodeMetric::Arc));
        let cache = now(NodeMetric::Arc).map_or(0.0, given_back);
        let mem_now = now(NodeMetric::Memory).map(|used| (used - cache).max(0.0));
        let (cpu, mem) = (hourly(&cpu_points, grid), hourly(&mem_points, grid));
        let readings = |hourly: &[Option<f64>], metric| Readings::of(hourly, now(metric));
        let [iowait, load] =
            [&iowait_points, &found.points(NodeMetric::LoadAvg)].map(|points| hourly(points, grid));
        let of_hour = |((cpu, iowait), load): ((&Option<f64>, &Option<f64>), &Option<f64>)| {
            let known = cpu.zip(*load);
            known.map_or(1.0, |(cpu, load)| wanted_factor(cpu, iowait.unwrap_or(0.0), load, cores))
        };
        let wanted: Vec<f64> = cpu.iter().zip(&iowait).zip(&load).map(of_hour).collect();
        let week = &wanted[wanted.len().saturating_sub(WEEK_HOURS as usize)..];
        let facts = inventory.node(name);
        let online = history.online(name) && facts.is_none_or(|f| f.online != Some(false));
        let reports = [NodeMetric::Cpu, NodeMetric::Memory].iter().any(|m| now(*m).is_some());
        let outlook = NodeOutlook {
            name: name.to_string(),
            online: online && reports,
            silent: online && !reports,
            maintenance: facts.is_some_and(|f| f.maintenance),
            cores: Cores(cores),
            memory: Bytes(memory),
            base: Default::default(),
            cpu: readings(&cpu, NodeMetric::Cpu),
            mem: Readings::of(&mem, mem_now),
            cache: Bytes(cache * memory),
            hours_short: week.iter().filter(|factor| **factor > 1.0).count() as u32,
            pressure: PRESSURES
                .map(|metric| Readings::of(&hourly(&found.points(metric), grid), None).mean_24h),
            iowait: readings(&iowait, NodeMetric::Iowait),
            storage: readings(&hourly(&storage_points, grid), NodeMetric::StorageUsage),
            cpu_trend: trend(&cpu_points, config.cpu_threshold.0, Nature::Work),
            mem_trend: trend(&mem_points, config.mem_threshold.0, Nature::Fill),
            iowait_trend: trend(&iowait_points, config.iowait_threshold.0, Nature::Work),
            storage_trend: trend(&storage_points, config.storage_threshold.0, Nature::Fill),
            history_hours: age_hours(&cpu_points, history.now),
        };
        let scaled = |hourly: &[Option<f64>], of: fn(&Capacity) -> Option<f64>| {
            in_units(hourly, grid.0, &capacities, of)
        };
        let past = NodeHistory {
            wanted,
            cpu: scaled(&cpu, |c| c.maxcpu.map(|x| x.0)),
            memory: scaled(&mem, |c| c.maxmem.map(|x| x.0)),
            cpu_now: now(NodeMetric::Cpu).map(|x| x * cores),
            memory_now: mem_now.map(|x| x * memory),
        };
        (outlook, past)
    }

    fn guest(
        &self,
        track: &GuestTrack,
        host: usize,
        index: &BTreeMap<&str, usize>,
    ) -> (GuestOutlook, GuestHistory) {
        let history = self.history;
        let found = history.find_guest(track);
        let (cores, maxmem) = history.guest_size(track);
        let moves = self.moves_of.get(&track.vmid).cloned().unwrap_or_default();
        let points = [GuestMetric::Cpu, on_host(&found)].map(|m| found.points(m));
        let [cpu_trend, mem_trend] = [(&points[0], Nature::Work), (&points[1], Nature::Fill)]
            .map(|(points, nature)| self.lens.trend(points, 1.0, nature, &[]));
        let growth = (self.lens.growth(&cpu_trend) * cores, self.lens.growth(&mem_trend) * maxmem);
        let history_hours = age_hours(&points[0], history.now);
        let fall = (fall(&cpu_trend, cores), fall(&mem_trend, maxmem));
        let rhythm = cpu_trend.rhythm(0).map(|rhythm| rhythm.scaled(cores));
        let past = GuestHistory { growth, fall, rhythm, ..self.past(track, index, points) };
        let writes = hourly(&found.points(GuestMetric::DiskWrite), history.grid());
        let outlook = GuestOutlook {
            vmid: track.vmid,
            name: track.name.clone(),
            kind: track.kind,
            host,
            seen: host,
            cores: Cores(cores),
            maxmem: Bytes(maxmem),
            load: Default::default(),
            cpu_now: Cores(past.cpu_now),
            memory_now: Bytes(past.memory_now),
            write_bps: mean_of_last_day(&writes),
            cpu_trend,
            mem_trend,
            moves,
            history_hours,
        };
        (outlook, past)
    }

    /// What a guest used, and where, from its points of CPU and memory.
    fn past(
        &self,
        track: &GuestTrack,
        index: &BTreeMap<&str, usize>,
        points: [Vec<Point>; 2],
    ) -> GuestHistory {
        let history = self.history;
        let found = history.find_guest(track);
        let grid = history.grid();
        let (placements, capacities) = history.past_of(track);
        let (cores, maxmem) = newest(&capacities);
        let memory = on_host(&found);
        let [cpu, mem] = points.map(|points| hourly(&points, grid));
        let now = |metric| found.current(metric, history.now).unwrap_or(0.0);
        GuestHistory {
            cpu: in_units(&cpu, grid.0, &capacities, |c| c.maxcpu.map(|x| x.0)),
            memory: in_units(&mem, grid.0, &capacities, |c| c.maxmem.map(|x| x.0)),
            host: hosts(&placements, grid.0, grid.1, index),
            cpu_now: now(GuestMetric::Cpu) * cores,
            memory_now: now(memory) * maxmem,
            growth: (0.0, 0.0),
            fall: (0.0, 0.0),
            rhythm: None,
            most: (cores, maxmem),
        }
    }

    /// Guests that were there and that nobody counts on any more: removed, gone to a node that is
    /// not known, made templates, or stopped for long.
    fn gone(
        &self,
        placed: &[(&GuestTrack, usize)],
        index: &BTreeMap<&str, usize>,
    ) -> impl Iterator<Item = GuestHistory> {
        let there: BTreeSet<(Vmid, UnixTime)> = placed.iter().map(|(g, _)| key(g)).collect();
        let present: BTreeSet<(Vmid, UnixTime)> =
            self.history.guest_tracks().into_iter().map(key).collect();
        let away = self.history.known_tracks().filter(move |g| !there.contains(&key(g)));
        away.filter_map(move |track| {
            let stopped = !track.template && present.contains(&key(track)) && !track.status.runs();
            let found = self.history.find_guest(track);
            let memory = on_host(&found);
            let points = [GuestMetric::Cpu, memory].map(|m| found.points(m));
            let past = self.past(track, index, points);
            (!stopped || past.is_over()).then_some(past)
        })
    }
}

/// What a guest takes on its host is what a move shifts; its own view is second best.
fn on_host(found: &Found<'_, GuestMetric>) -> GuestMetric {
    match found.knows(GuestMetric::MemoryHost) {
        true => GuestMetric::MemoryHost,
        false => GuestMetric::Memory,
    }
}

/// What a ZFS cache of this share of the memory gives back when somebody needs it: all but its least size, a 32nd of the
/// memory unless configured otherwise (OpenZFS, `zfs_arc_min`).
fn given_back(cache: f64) -> f64 {
    (cache - 1.0 / 32.0).max(0.0)
}

/// Takes out of the `used` memory what the cache of the same time gives back.
pub(super) fn without_cache(used: &mut [Point], cache: &[Point]) {
    let place = |point: &Point| (point.time, point.seconds);
    let mut cache: Vec<&Point> = cache.iter().collect();
    cache.sort_by_key(|point| place(point));
    for point in used {
        let Ok(at) = cache.binary_search_by_key(&place(point), |c| place(c)) else { continue };
        let given = given_back(cache[at].value);
        point.value = (point.value - given).max(0.0);
        point.p95 = point.p95.map(|p95| (p95 - given).max(0.0));
    }
}

/// Hourly means on the grid that starts at `start`.
fn hourly(points: &[Point], (start, hours): (UnixTime, usize)) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0.0); hours];
    for point in points.iter().filter(|p| i64::from(p.seconds) <= HOUR) {
        let slot = usize::try_from((point.time - start).div_euclid(HOUR)).ok();
        if let Some(slot) = slot.and_then(|s| sums.get_mut(s)) {
            slot.0 += point.value * f64::from(point.count);
            slot.1 += f64::from(point.count);
        }
    }
    sums.into_iter().map(|(sum, weight)| (weight > 0.0).then(|| sum / weight)).collect()
}

/// Hours since the first of some points.
fn age_hours(points: &[Point], now: UnixTime) -> f64 {
    points.first().map_or(0.0, |p| (now - p.time) as f64 / HOUR as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cache_gives_back_is_not_in_use() {
        let sample = |(time, value)| Point { p95: Some(value), ..Point::sample(time, value) };
        let mut used: Vec<Point> = [(1, 0.9), (2, 0.9), (4, 0.9), (5, 0.2)].map(sample).to_vec();
        let least = 1.0 / 32.0;
        let cache = [(0, 0.5), (1, 0.5 + least), (3, 0.5), (4, 0.01), (5, 0.5)].map(sample);
        without_cache(&mut used, &cache);
        let values: Vec<f64> = used.iter().map(|p| p.value).collect();
        assert_eq!(values, [0.4, 0.9, 0.9, 0.0], "unknown at 2, next to nothing at 4");
        assert_eq!(used[0].p95, Some(0.4));
    }
}
