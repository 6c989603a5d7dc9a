//! The N-1 reserve: if a node failed, would its guests find memory on the others?

use crate::outlook::{GuestOutlook, Outlook};
use std::collections::BTreeMap;

/// Which nodes may fail under some placement.
#[derive(Debug)]
pub(super) struct Reserve {
    /// Free bytes of each node in its busy hours: below 0 where more is in use than there is.
    rooms: Vec<f64>,
    /// Bytes of the guests of each node, the largest first.
    needs: Vec<Vec<f64>>,
    /// Whether the others could take over its guests.
    pub(super) bears: Vec<bool>,
}

/// Memory that a guest needs wherever it is started.
fn need(guest: &GuestOutlook) -> f64 {
    guest.load.memory.iter().copied().fold(0.0, f64::max)
}

impl Reserve {
    /// The reserve with the guests on `hosts` and `rooms` free bytes on the nodes.
    pub(super) fn new(outlook: &Outlook, hosts: &[usize], rooms: Vec<f64>) -> Self {
        let online = |(node, room): (usize, f64)| match outlook.nodes[node].online {
            true => room,
            false => f64::NEG_INFINITY,
        };
        let rooms: Vec<f64> = rooms.into_iter().enumerate().map(online).collect();
        let mut needs = vec![Vec::new(); rooms.len()];
        for (guest, host) in outlook.guests.iter().zip(hosts) {
            needs[*host].push(need(guest));
        }
        for all in &mut needs {
            largest_first(all);
        }
        let bears = (0..rooms.len()).map(|n| fits(&needs[n], &without(&rooms, n))).collect();
        Self { rooms, needs, bears }
    }

    /// A node whose failure could be borne, and could no longer after `guest` moved to `target`.
    /// O(nodes^2) where memory is plenty, else O(guests x nodes).
    pub(super) fn lost(
        &self,
        outlook: &Outlook,
        hosts: &[usize],
        guest: usize,
        target: usize,
    ) -> Option<usize> {
        let (source, memory) = (hosts[guest], need(&outlook.guests[guest]));
        let mut rooms = self.rooms.clone();
        rooms[source] += memory;
        rooms[target] -= memory;
        let bears = |failed: usize| {
            let mut needs = self.needs[failed].clone();
            if failed == target {
                needs.push(memory);
                largest_first(&mut needs);
            } else if failed == source {
                let place = needs.iter().position(|x| *x == memory);
                place.map(|i| needs.remove(i));
            }
            fits(&needs, &without(&rooms, failed))
        };
        (0..rooms.len()).find(|&failed| self.bears[failed] && !bears(failed))
    }
}

fn largest_first(all: &mut [f64]) {
    all.sort_unstable_by(|a, b| b.total_cmp(a));
}

/// Rooms of all nodes but one.
fn without(rooms: &[f64], node: usize) -> Vec<f64> {
    rooms.iter().enumerate().filter(|(n, _)| *n != node).map(|(_, room)| *room).collect()
}

/// Whether best fit, the largest first, finds a place for every need.
fn fits(needs: &[f64], rooms: &[f64]) -> bool {
    let Some(largest) = needs.first() else { return true };
    // As long as less than this is placed, some node has room for the largest need.
    let sure: f64 = rooms.iter().map(|room| (room - largest).max(0.0)).sum();
    if needs.iter().sum::<f64>() <= sure {
        return true;
    }
    // Free bytes as sorted bits, so that the tightest room that fits is one look-up away.
    let mut free: BTreeMap<u64, usize> = BTreeMap::new();
    let put = |free: &mut BTreeMap<u64, usize>, room: f64| {
        *free.entry(room.max(0.0).to_bits()).or_default() += 1;
    };
    rooms.iter().for_each(|room| put(&mut free, *room));
    needs.iter().all(|need| {
        let Some((&bits, count)) = free.range_mut(need.max(0.0).to_bits()..).next() else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            free.remove(&bits);
        }
        put(&mut free, f64::from_bits(bits) - need);
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_packed_and_not_only_summed() {
        assert!(fits(&[], &[]));
        assert!(fits(&[4.0, 3.0, 3.0], &[6.0, 4.0]));
        // 10 of 12 in all, but nobody has 7.
        assert!(!fits(&[7.0, 3.0], &[6.0, 6.0]));
        assert!(!fits(&[1.0], &[0.5, 0.5]));
        assert!(fits(&[1.0; 40], &[100.0, 0.0]));
    }
}
