//! The store's own history as a recording.
//!
//! A guest's demand is what it used, wherever it was, in host cores and bytes. What a node used
//! besides the guests it had then is its own: less than nothing where they share pages, or ran for a
//! part of the hour only, so that what was is what was measured. Means of hours are replayed, and of
//! six hours where the store has no more: peaks within an hour are not seen.

use super::lived::Relocation;
use super::recording::{Demand, Machine, Recording, Tenant};
use crate::error::{Error, Result};
use crate::model::{GuestMetric, HOUR, Inventory, NodeMetric, UnixTime, start_of};
use crate::outlook::{hosts, in_units, newest};
use crate::store::{Capacity, Fleet, GuestTrack, Placement, Point, Window};
use std::collections::BTreeMap;

/// The grid's hours begin where the coarsest rows do.
const ALIGNED: i64 = 6 * HOUR;

impl Recording {
    /// What `fleets` have: hourly and coarser rows of successive times, oldest first. `inventory`
    /// is today's configuration; what it says of this moment (locks, maintenance) is left out.
    ///
    /// # Errors
    /// When there is nothing. O(entities x hours).
    pub fn of_fleets(fleets: &[Fleet], mut inventory: Inventory) -> Result<Self> {
        let windows = || fleets.iter().flat_map(|f| f.windows());
        let end = |w: &Window| w.start + i64::from(w.seconds);
        let (Some(first), Some(until)) =
            (windows().map(|w| w.start).min(), windows().map(end).max())
        else {
            return Err(Error::invalid("nothing is stored of this time"));
        };
        let start = start_of(first, ALIGNED);
        let coarse = windows().filter(|w| i64::from(w.seconds) > HOUR).map(end).max();
        let hours_until = |time: UnixTime| ((time - start) / HOUR).max(0) as usize;
        let grid = Grid { fleets, start, hours: hours_until(until) };
        let mut machines = grid.machines();
        let index: BTreeMap<String, usize> =
            machines.iter().enumerate().map(|(i, m)| (m.name.clone(), i)).collect();
        let index: BTreeMap<&str, usize> =
            index.iter().map(|(name, i)| (name.as_str(), *i)).collect();
        let mut guests = Vec::new();
        let mut moves = Vec::new();
        for track in grid.tracks() {
            let Some((tenant, its_moves)) = grid.tenant(track, guests.len(), &index, &mut machines)
            else {
                continue;
            };
            guests.push(tenant);
            moves.extend(its_moves);
        }
        moves.sort_by_key(|(hour, m): &(usize, Relocation)| (*hour, m.guest));
        for machine in &mut machines {
            let (cpu, memory) = (&mut machine.own.cpu, &mut machine.own.memory);
            machine.own = Demand::of(std::mem::take(cpu), std::mem::take(memory), 1);
        }
        inventory.forget_moment();
        Ok(Self {
            start,
            step: HOUR,
            steps: grid.hours,
            coarse_hours: coarse.map_or(0, hours_until),
            nodes: machines,
            guests,
            moves,
            inventory,
        })
    }
}

/// The hours of a recording and where they come from.
struct Grid<'a> {
    fleets: &'a [Fleet],
    start: UnixTime,
    hours: usize,
}

impl Grid<'_> {
    /// All nodes of known size by name, with all that they used.
    fn machines(&self) -> Vec<Machine> {
        let names: BTreeMap<&str, ()> =
            self.fleets.iter().flat_map(|f| &f.nodes).map(|n| (&*n.name, ())).collect();
        let machine = |name: &str| {
            let found = || self.fleets.iter().filter_map(|f| Some((f, f.node(name)?)));
            let capacities: Vec<Capacity> =
                found().flat_map(|(f, i)| f.nodes[i].capacities.iter().copied()).collect();
            let (cores, memory) = newest(&capacities);
            let read = |metric: NodeMetric| {
                self.hourly(found().flat_map(move |(f, i)| f.node_table.points(i, metric)))
            };
            let own = Demand {
                cpu: floats(in_units(&read(NodeMetric::Cpu), self.start, &capacities, cores_of)),
                memory: floats(in_units(
                    &read(NodeMetric::Memory),
                    self.start,
                    &capacities,
                    memory_of,
                )),
                ..Demand::default()
            };
            (cores > 0.0 && memory > 0.0).then(|| Machine {
                name: name.to_string(),
                cores,
                memory,
                own,
            })
        };
        names.into_keys().filter_map(machine).collect()
    }

    /// The newest incarnation of every guest that ever was, by number. What an earlier guest of the
    /// same number used stays with its node.
    fn tracks(&self) -> Vec<&GuestTrack> {
        let mut newest: BTreeMap<u32, &GuestTrack> = BTreeMap::new();
        for track in self.fleets.iter().flat_map(|f| &f.guests).filter(|g| !g.template) {
            let known = newest.entry(track.vmid).or_insert(track);
            if track.since >= known.since {
                *known = track;
            }
        }
        newest.into_values().collect()
    }

    /// A guest, to be number `number`, with its moves; its use is taken off the nodes it was on.
    fn tenant(
        &self,
        track: &GuestTrack,
        number: usize,
        index: &BTreeMap<&str, usize>,
        machines: &mut [Machine],
    ) -> Option<(Tenant, Vec<(usize, Relocation)>)> {
        let key = |g: &GuestTrack| (g.vmid, g.since);
        let find = |f: &Fleet| f.guests.binary_search_by_key(&key(track), key).ok();
        let found = || self.fleets.iter().filter_map(|f| Some((f, find(f)?)));
        let capacities: Vec<Capacity> =
            found().flat_map(|(f, i)| f.guests[i].capacities.iter().copied()).collect();
        let mut placements: Vec<Placement> =
            found().flat_map(|(f, i)| f.guests[i].placements.iter().cloned()).collect();
        placements.dedup_by(|later, earlier| later.host == earlier.host);
        let (cores, maxmem) = newest(&capacities);
        let shares = |metric: GuestMetric| {
            self.hourly(found().flat_map(move |(f, i)| f.guest_table.points(i, metric)))
        };
        // What it takes on its host is what a move shifts; its own view is second best.
        let on_host = shares(GuestMetric::MemoryHost);
        let memory = match on_host.iter().any(Option::is_some) {
            true => on_host,
            false => shares(GuestMetric::Memory),
        };
        let cpu = in_units(&shares(GuestMetric::Cpu), self.start, &capacities, cores_of);
        let memory = in_units(&memory, self.start, &capacities, memory_of);
        let homes = hosts(&placements, self.start, self.hours, index);
        let first = homes.iter().flatten().next().copied().filter(|_| cores > 0.0)?;
        for (hour, home) in homes.iter().enumerate() {
            let Some(home) = home else { continue };
            let own = &mut machines[*home].own;
            take(&mut own.cpu[hour], cpu[hour]);
            take(&mut own.memory[hour], memory[hour]);
        }
        let mut demand = Demand::of(floats(cpu), floats(memory), 1);
        demand.write_hours = shares(GuestMetric::DiskWrite);
        let tenant = Tenant {
            vmid: track.vmid,
            name: track.name.clone(),
            kind: track.kind,
            cores,
            maxmem,
            host: first,
            demand,
        };
        Some((tenant, self.moves(&homes, number)))
    }

    /// Changes of a guest's home, each at the hour in whose middle it was first there.
    fn moves(&self, homes: &[Option<usize>], guest: usize) -> Vec<(usize, Relocation)> {
        let known: Vec<(usize, usize)> =
            homes.iter().enumerate().filter_map(|(hour, home)| Some((hour, (*home)?))).collect();
        let changes = known.windows(2).filter(|pair| pair[0].1 != pair[1].1);
        changes.map(|pair| (pair[1].0, Relocation { guest, to: pair[1].1 })).collect()
    }

    /// Means on the grid; a row of several hours stands for each of them, later rows replace it.
    fn hourly(&self, rows: impl Iterator<Item = Point>) -> Vec<Option<f64>> {
        let mut values = vec![None; self.hours];
        for row in rows {
            let first = (row.window.start - self.start).div_euclid(HOUR);
            let hours = (i64::from(row.window.seconds) / HOUR).max(1);
            for hour in first..first + hours {
                let slot = usize::try_from(hour).ok().and_then(|h| values.get_mut(h));
                if let Some(slot) = slot {
                    *slot = Some(row.avg);
                }
            }
        }
        values
    }
}

fn cores_of(capacity: &Capacity) -> Option<f64> {
    capacity.maxcpu.map(|x| x.0)
}

fn memory_of(capacity: &Capacity) -> Option<f64> {
    capacity.maxmem.map(|x| x.0)
}

fn floats(values: Vec<Option<f64>>) -> Vec<Option<f32>> {
    values.into_iter().map(|x| x.map(|x| x as f32)).collect()
}

/// Takes a guest's use off its node's.
fn take(node: &mut Option<f32>, guest: Option<f64>) {
    if let (Some(node), Some(guest)) = (node, guest) {
        *node -= guest as f32;
    }
}
