//! Where guests start.

use super::noise::{Noise, stream};
use super::roster::{Entry, Node, node_index};
use super::scenario::{Placement, Scenario};
use crate::error::Result;
use crate::model::{Bytes, Cores};

/// Node of each entry, by position.
///
/// A named node is always taken. The others follow in order of vmid, so that a guest with a
/// higher number changes nothing for those before it.
pub(super) fn place(scenario: &Scenario, nodes: &[Node], entries: &[Entry]) -> Result<Vec<usize>> {
    let mut room = Room { nodes, given: vec![(Cores(0.0), Bytes(0.0)); nodes.len()] };
    let dice = Noise::draw(&mut stream(scenario.seed, 1 << 61));
    let mut placed = vec![usize::MAX; entries.len()];
    for (slot, entry) in placed.iter_mut().zip(entries) {
        if let Some(node) = named(scenario, nodes, entry)? {
            *slot = node;
            room.give(entry, node);
        }
    }
    let open = placed.iter_mut().zip(entries).filter(|(slot, _)| **slot == usize::MAX);
    for (turn, (slot, entry)) in open.enumerate() {
        *slot = match scenario.placement {
            Placement::RoundRobin => turn % nodes.len(),
            Placement::Random => room.thrown(entry, 1.0, dice),
            Placement::Skewed(factor) => room.thrown(entry, factor, dice),
            Placement::Balanced | Placement::Explicit(_) => room.emptiest(entry),
        };
        room.give(entry, *slot);
    }
    Ok(placed)
}

fn named(scenario: &Scenario, nodes: &[Node], entry: &Entry) -> Result<Option<usize>> {
    let vmid = entry.guest.vmid;
    let listed = match &scenario.placement {
        Placement::Explicit(list) => list.get(&vmid),
        _ => None,
    };
    let find =
        |name: &String| node_index(nodes, name).map_err(|e| e.at(format!("guest {vmid}: node")));
    entry.node.as_ref().or(listed).map(find).transpose()
}

/// Cores given away and memory needed on each node.
struct Room<'a> {
    nodes: &'a [Node],
    given: Vec<(Cores, Bytes)>,
}

impl Room<'_> {
    fn give(&mut self, entry: &Entry, node: usize) {
        let (cores, memory) = &mut self.given[node];
        *cores = *cores + entry.guest.cores;
        *memory = *memory + entry.guest.need;
    }

    /// Cores given away and memory needed if `entry` came to `node`, share of what there is.
    fn filled(&self, entry: &Entry, node: usize) -> (f64, f64) {
        let (cores, memory) = self.given[node];
        let capacity = self.nodes[node].capacity;
        let cpu = (cores + entry.guest.cores) / capacity.cores;
        let mem = (memory + entry.guest.need) / capacity.memory;
        (cpu.0, mem.0)
    }

    fn emptiest(&self, entry: &Entry) -> usize {
        // Clusters give away a core some three times, memory once.
        let filled = |n: &usize| {
            let (cpu, mem) = self.filled(entry, *n);
            (cpu / 3.0).max(mem)
        };
        let least = (0..self.nodes.len()).min_by(|a, b| filled(a).total_cmp(&filled(b)));
        least.unwrap_or(0)
    }

    /// A node by chance, each `factor` times as likely as the next; the emptiest one when a few
    /// throws find no room for its memory.
    fn thrown(&self, entry: &Entry, factor: f64, dice: Noise) -> usize {
        let vmid = i64::from(entry.guest.vmid);
        let weights: Vec<f64> = (0..self.nodes.len()).map(|i| factor.powf(-(i as f64))).collect();
        let total: f64 = weights.iter().sum();
        let throw = |k: i64| {
            let mut left = dice.uniform(vmid * 16 + k) * total;
            weights.iter().position(|w| {
                left -= w;
                left < 0.0
            })
        };
        let fits = |n: &usize| self.filled(entry, *n).1 <= 1.0;
        (0..16).filter_map(throw).find(fits).unwrap_or_else(|| self.emptiest(entry))
    }
}
