//! What guests wanted of a node that was at its limit: measured is only what they got.

use super::{GuestHistory, NodeHistory};

/// Share of its cores from which on a node is at its limit for a whole hour.
const FULL: f64 = 0.95;
/// The most that guests are taken to have wanted, times what they got: a queue of processes says little beyond.
const MOST: f64 = 2.0;

/// How many times as much CPU as they got the guests of a node wanted, by the mean load average of an hour: `cpu` and
/// `iowait` are shares of its `cores`. A process that runs or would run counts one in it, and one that waits for disks,
/// too, so those are taken away. 1 where the node was not at its limit.
pub fn factor(cpu: f64, iowait: f64, load_average: f64, cores: f64) -> f64 {
    if cpu < FULL || cores <= 0.0 {
        return 1.0;
    }
    ((load_average / cores - iowait) / cpu).clamp(1.0, MOST)
}

/// Puts what guests wanted in the place of what they got, each up to the cores that it has, and adds as much to their nodes,
/// so that what those use besides their guests stays. O(entities x hours), for nodes that were at their limit.
pub(super) fn lift(guests: &mut [(usize, GuestHistory)], nodes: &mut [NodeHistory]) {
    if nodes.iter().all(|node| node.wanted.iter().all(|factor| *factor <= 1.0)) {
        return;
    }
    for (here, guest) in guests {
        let more = |used: f64, factor: f64| (used * factor).min(guest.most.0.max(used)) - used;
        let hosts = guest.host.iter().zip(&mut guest.cpu).enumerate();
        for (hour, (host, used)) in hosts {
            let Some(node) = host.and_then(|host| nodes.get_mut(host)) else { continue };
            let factor = node.wanted.get(hour).copied().unwrap_or(1.0);
            if let (Some(used), Some(Some(all))) = (used, node.cpu.get_mut(hour)) {
                let more = more(*used, factor);
                (*used, *all) = (*used + more, *all + more);
            }
        }
        if let Some(node) = nodes.get_mut(*here) {
            let more = more(guest.cpu_now, node.wanted.last().copied().unwrap_or(1.0));
            guest.cpu_now += more;
            node.cpu_now = node.cpu_now.map(|now| now + more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_counts_on_a_full_node_alone() {
        assert_eq!(factor(0.9, 0.0, 40.0, 8.0), 1.0, "not full");
        assert_eq!(factor(1.0, 0.0, 12.0, 8.0), 1.5);
        assert_eq!(factor(1.0, 0.25, 12.0, 8.0), 1.25, "two wait for disks");
        assert_eq!(factor(1.0, 0.0, 7.0, 8.0), 1.0);
        assert_eq!(factor(1.0, 0.0, 400.0, 8.0), MOST);
        assert_eq!(factor(1.0, 0.0, 400.0, 0.0), 1.0, "a node of unknown size");
    }

    #[test]
    fn guests_have_what_they_wanted_as_far_as_they_have_cores() {
        let guest = |cores: f64| GuestHistory {
            cpu: vec![Some(3.0), Some(3.0), None],
            host: vec![Some(0), Some(0), Some(0)],
            cpu_now: 3.0,
            most: (cores, 0.0),
            ..GuestHistory::default()
        };
        let mut guests = [(0, guest(8.0)), (0, guest(4.0))];
        let mut nodes = [NodeHistory {
            cpu: vec![Some(7.0), Some(8.0), Some(8.0)],
            cpu_now: Some(8.0),
            wanted: vec![1.0, 1.5, 2.0],
            ..NodeHistory::default()
        }];
        lift(&mut guests, &mut nodes);
        assert_eq!(guests[0].1.cpu, [Some(3.0), Some(4.5), None]);
        assert_eq!(guests[1].1.cpu, [Some(3.0), Some(4.0), None]);
        assert_eq!((guests[0].1.cpu_now, guests[1].1.cpu_now), (6.0, 4.0));
        assert_eq!(nodes[0].cpu, [Some(7.0), Some(10.5), Some(8.0)], "2 cores are its own");
        assert_eq!(nodes[0].cpu_now, Some(12.0));
    }
}
