//! Whose growth is a node's growth, and what moves did to guests.

use super::TrendsRequest;
use super::history::History;
use crate::api::{GuestGrowth, MoveEffect, NodeGrowth};
use crate::model::{DAY, GuestMetric, HOUR, Metric, Migration, NodeMetric};
use crate::outlook::{held, host_at};
use crate::series::{LocalTime, Point};
use crate::store::{Capacity, GuestTrack, Placement};
use crate::trend::{Params, attribute, before_after};

/// Hours on each side of a move that are compared: a whole day, so that like meets like.
const AROUND_A_MOVE: u32 = 24;

/// What a resource is called, measured by and counted in.
struct Resource {
    unit: &'static str,
    node: NodeMetric,
    guest: GuestMetric,
    capacity: fn(&Capacity) -> Option<f64>,
}

const RESOURCES: [Resource; 2] = [
    Resource {
        unit: "cores",
        node: NodeMetric::Cpu,
        guest: GuestMetric::Cpu,
        capacity: |c| c.maxcpu.map(|cores| cores.0),
    },
    Resource {
        unit: "bytes",
        node: NodeMetric::Memory,
        guest: GuestMetric::Memory,
        capacity: |c| c.maxmem.map(|bytes| bytes.0),
    },
];

/// The growth of a node's load in parts that sum to it, for those of CPU and memory whose trend is `claimed`: the parts
/// of what is no trend are noise. Without what is too short or of unknown size.
pub(super) fn of_node(
    history: &History,
    name: &str,
    claimed: impl Fn(NodeMetric) -> bool,
    request: &TrendsRequest,
    local: &LocalTime,
) -> Vec<NodeGrowth> {
    let start = history.now.saturating_sub(i64::from(request.lookback_hours) * HOUR);
    let params =
        Params { lookback_hours: request.lookback_hours, ..Params::share(history.now, 1.0, local) };
    let guests: Vec<(&GuestTrack, Vec<Placement>, Vec<Capacity>)> = history
        .known_tracks()
        .map(|track| {
            let (placements, capacities) = history.past_of(track);
            (track, placements, capacities)
        })
        .filter(|(_, placements, _)| placements.iter().any(|p| &*p.host == name))
        .collect();
    let growth = |resource: &Resource| {
        let sizes = history.node_capacities(name);
        let node = counted(history.node_points(name, resource.node), &sizes, resource.capacity);
        let stays: Vec<(&GuestTrack, Vec<Point>)> = guests
            .iter()
            .map(|(track, placements, sizes)| {
                let points = history.guest_points(track, resource.guest);
                let mut points = counted(points, sizes, resource.capacity);
                points.retain(|p| p.time >= start && host_at(placements, p.time) == Some(name));
                (*track, points)
            })
            .filter(|(_, points)| !points.is_empty())
            .collect();
        let series: Vec<&[Point]> = stays.iter().map(|(_, points)| points.as_slice()).collect();
        let parts = attribute(&node, &series, &params)?;
        let own = stays.iter().zip(&parts.guests).map(|((track, _), slope)| GuestGrowth {
            vmid: track.vmid,
            name: track.name.clone(),
            slope_per_day: *slope,
        });
        let mut guests: Vec<GuestGrowth> = own.collect();
        let size = |g: &GuestGrowth| g.slope_per_day.abs();
        guests.sort_by(|a, b| size(b).total_cmp(&size(a)).then(a.vmid.cmp(&b.vmid)));
        Some(NodeGrowth {
            metric: resource.node.name(),
            unit: resource.unit,
            slope_per_day: parts.slope_per_day,
            guests,
            moves: parts.moves,
            rest: parts.rest,
        })
    };
    RESOURCES.iter().filter(|resource| claimed(resource.node)).filter_map(growth).collect()
}

/// Shares of a capacity as amounts; points before any known capacity take the first.
fn counted(
    points: Vec<Point>,
    capacities: &[Capacity],
    of: fn(&Capacity) -> Option<f64>,
) -> Vec<Point> {
    let held = held(capacities, of);
    let amount = |p: Point| Some(Point { value: p.value * held(p.time)?, p95: None, ..p });
    points.into_iter().filter_map(amount).collect()
}

/// What each move did to the guest's own load: medians of the day before and the day after.
pub(super) fn effects(
    history: &History,
    track: &GuestTrack,
    moves: &[Migration],
) -> Vec<MoveEffect> {
    let cpu = history.guest_points(track, GuestMetric::Cpu);
    let memory = history.guest_points(track, GuestMetric::Memory);
    let since = history.now.saturating_sub(14 * DAY);
    moves
        .iter()
        .filter(|m| m.time >= since)
        .map(|m| MoveEffect {
            time: m.time,
            cpu: before_after(&cpu, m.time, AROUND_A_MOVE),
            memory: before_after(&memory, m.time, AROUND_A_MOVE),
        })
        .collect()
}
