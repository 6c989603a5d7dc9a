//! The N-1 reserve: if a node failed, would its guests find memory on the others?

use crate::outlook::Outlook;
use std::collections::BTreeMap;

/// Which nodes may fail under some placement.
#[derive(Clone, Debug)]
pub(super) struct Reserve {
    /// Free bytes of each node in its busy hours: below 0 where more is in use than there is.
    rooms: Vec<f64>,
    /// Bytes of the guests of each node.
    needs: Vec<Needs>,
    /// Whether the others could take over its guests.
    pub(super) bears: Vec<bool>,
}

/// What the guests of a node need, the largest first, and in all.
#[derive(Clone, Debug)]
struct Needs {
    each: Vec<f64>,
    sum: f64,
}

impl Needs {
    fn of(mut each: Vec<f64>) -> Self {
        each.sort_unstable_by(|a, b| b.total_cmp(a));
        Self { sum: each.iter().sum(), each }
    }

    /// With one guest more.
    fn with(&self, need: f64) -> Self {
        let mut each = self.each.clone();
        each.insert(each.partition_point(|x| *x >= need), need);
        Self { sum: each.iter().sum(), each }
    }

    /// Without one of them.
    fn less(&self, need: f64) -> Self {
        let mut each = self.each.clone();
        each.iter().position(|x| *x == need).map(|i| each.remove(i));
        Self { sum: each.iter().sum(), each }
    }
}

/// Memory in bytes that each guest needs wherever it is started. O(guests x cases).
pub(super) fn memory_of_guests(outlook: &Outlook) -> Vec<f64> {
    let most = |memory: &[f64]| memory.iter().copied().fold(0.0, f64::max);
    outlook.guests.iter().map(|guest| most(&guest.load.memory)).collect()
}

impl Reserve {
    /// The reserve with the guests, of which each needs so much `memory`, on `hosts` and `rooms` free bytes
    /// on the nodes: negative infinity on one that takes nobody.
    pub(super) fn new(memory: &[f64], hosts: &[usize], rooms: Vec<f64>) -> Self {
        let mut each = vec![Vec::new(); rooms.len()];
        memory.iter().zip(hosts).for_each(|(need, host)| each[*host].push(*need));
        let needs: Vec<Needs> = each.into_iter().map(Needs::of).collect();
        let bears = (0..rooms.len()).map(|n| fits(&needs[n], &rooms, n)).collect();
        Self { rooms, needs, bears }
    }

    /// A node whose failure could be borne, and could no longer after a guest that needs so much `memory` moved.
    /// O(nodes^2) where memory is plenty, else O(guests x nodes).
    pub(super) fn lost(&self, memory: f64, source: usize, target: usize) -> Option<usize> {
        let mut rooms = self.rooms.clone();
        rooms[source] += memory;
        rooms[target] -= memory;
        let bears = |failed: usize| {
            let needs = &self.needs[failed];
            if failed == target {
                fits(&needs.with(memory), &rooms, failed)
            } else if failed == source {
                fits(&needs.less(memory), &rooms, failed)
            } else {
                fits(needs, &rooms, failed)
            }
        };
        (0..rooms.len()).find(|&failed| self.bears[failed] && !bears(failed))
    }
}

/// Whether best fit, the largest first, finds a place for every need on the nodes but `failed`.
fn fits(needs: &Needs, rooms: &[f64], failed: usize) -> bool {
    let Some(largest) = needs.each.first() else { return true };
    let rooms = || rooms[..failed].iter().chain(rooms.iter().skip(failed + 1));
    // As long as less than this is placed, some node has room for the largest need.
    let sure: f64 = rooms().map(|room| (room - largest).max(0.0)).sum();
    if needs.sum <= sure {
        return true;
    }
    // Free bytes as sorted bits, so that the tightest room that fits is one look-up away.
    let mut free: BTreeMap<u64, usize> = BTreeMap::new();
    let put = |free: &mut BTreeMap<u64, usize>, room: f64| {
        *free.entry(room.max(0.0).to_bits()).or_default() += 1;
    };
    rooms().for_each(|room| put(&mut free, *room));
    needs.each.iter().all(|need| {
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
        // The last node is the one that fails.
        let fits = |needs: &[f64], rooms: &[f64]| {
            let rooms: Vec<f64> = rooms.iter().copied().chain([1e3]).collect();
            fits(&Needs::of(needs.to_vec()), &rooms, rooms.len() - 1)
        };
        assert!(fits(&[], &[]));
        assert!(fits(&[4.0, 3.0, 3.0], &[6.0, 4.0]));
        // 10 of 12 in all, but nobody has 7.
        assert!(!fits(&[7.0, 3.0], &[6.0, 6.0]));
        assert!(!fits(&[1.0], &[0.5, 0.5]));
        assert!(fits(&[1.0; 40], &[100.0, 0.0]));
    }
}
