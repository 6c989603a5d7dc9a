//! What the figures of a node do not say by themselves: cache that counts as free, demand that was not served, tasks that
//! wait.

use crate::engine::words::listed;
use crate::model::{Bytes, Fraction, counted};
use crate::outlook::NodeOutlook;
use crate::recommend::Question;

/// What waits, as in the pressures of a node, and the share of a day from which on it is told.
const WAITS: [(&str, &str, f64); 3] = [
    ("some tasks", "CPU (PSI cpu some)", 0.5),
    ("all tasks", "disks (PSI io full)", 0.2),
    ("all tasks", "memory (PSI memory full)", 0.1),
];

/// Sentences about nodes, each after a space.
pub(super) fn beyond(q: &Question) -> String {
    let of = |told: &dyn Fn(&NodeOutlook) -> String| online(q).map(told).collect::<String>();
    [of(&|node| cache(q, node)), short(q), of(&pressure)].concat()
}

fn online<'a>(q: &'a Question) -> impl Iterator<Item = &'a NodeOutlook> {
    q.outlook.nodes.iter().filter(|node| node.online)
}

/// Whether tasks wait on a node for longer than anybody likes, whatever its load is.
pub(super) fn is_pressed(q: &Question) -> bool {
    online(q).any(|node| !pressure(node).is_empty())
}

/// Where the node would be above its threshold with the cache.
fn cache(q: &Question, node: &NodeOutlook) -> String {
    let of_cache = node.cache.0 / node.memory.0.max(1.0);
    let Some(used) = node.mem.current.filter(|used| {
        let threshold = q.config.mem_threshold.0;
        used.0 < threshold && used.0 + of_cache >= threshold
    }) else {
        return String::new();
    };
    format!(
        " {} shows {:.0} of its memory in use, of which {:.1} are ZFS cache that it gives back when guests need it: \
         they count as free here.",
        node.name,
        Fraction(used.0 + of_cache),
        Bytes(node.cache.0),
    )
}

/// Which nodes could not serve what was wanted, longest first.
fn short(q: &Question) -> String {
    let mut nodes: Vec<&NodeOutlook> = online(q).filter(|node| node.hours_short > 0).collect();
    nodes.sort_by_key(|node| std::cmp::Reverse(node.hours_short));
    let [longest, others @ ..] = nodes.as_slice() else { return String::new() };
    let first = format!(
        "{} was at its limit for {} of the last 168",
        longest.name,
        counted(longest.hours_short as usize, "hour")
    );
    let all: Vec<String> = std::iter::once(first)
        .chain(others.iter().map(|node| format!("{} for {}", node.name, node.hours_short)))
        .collect();
    let wanted = match others.is_empty() {
        true => "its guests wanted beyond that is estimated from its load average",
        false => "guests wanted beyond that is estimated from load averages",
    };
    format!(" {}: what {wanted}.", listed(&all))
}

fn pressure(node: &NodeOutlook) -> String {
    let told = |((who, what, from), share): (&(&str, &str, f64), &Option<Fraction>)| {
        let share = share.filter(|share| share.0 >= *from)?;
        Some(format!("{who} waited for {what} {share:.0} of the last day"))
    };
    let all: Vec<String> = WAITS.iter().zip(&node.pressure).filter_map(told).collect();
    match all.is_empty() {
        true => String::new(),
        false => format!(
            " On {} {}; moves are sought by CPU and memory alone.",
            node.name,
            all.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::asked::asked;
    use super::*;

    /// What is told of two nodes, the second one changed.
    fn told(change: impl FnOnce(&mut NodeOutlook)) -> (String, bool) {
        asked(&[("pve1", 1), ("pve2", 1)], |q| {
            let mut outlook = q.outlook.clone();
            change(&mut outlook.nodes[1]);
            let q = Question { outlook: &outlook, ..*q };
            (beyond(&q), is_pressed(&q))
        })
    }

    #[test]
    fn a_cache_is_told_where_it_hides_that_there_is_room() {
        let with = |used: f64| {
            told(|node| {
                (node.memory, node.cache) =
                    (Bytes(64.0 * 1024f64.powi(3)), Bytes(32.0 * 1024f64.powi(3)));
                node.mem.current = Some(Fraction(used));
            })
        };
        let expected = " pve2 shows 87 % of its memory in use, of which 32.0 GiB are ZFS cache that it gives back when \
                        guests need it: they count as free here.";
        assert_eq!(with(0.37), (expected.to_string(), false));
        assert_eq!(with(0.2).0, "", "below the threshold with it, too");
        assert_eq!(with(0.9).0, "", "above it without");
    }

    #[test]
    fn demand_that_was_not_served_is_told() {
        assert_eq!(
            told(|node| node.hours_short = 31).0,
            " pve2 was at its limit for 31 hours of the last 168: what its guests wanted beyond that is estimated from its \
             load average."
        );
    }

    #[test]
    fn tasks_that_wait_are_told_by_what_they_wait_for() {
        let pressed =
            |shares: [f64; 3]| told(|node| node.pressure = shares.map(|x| Some(Fraction(x))));
        assert_eq!(pressed([0.4, 0.1, 0.05]), (String::new(), false));
        let expected = " On pve2 all tasks waited for disks (PSI io full) 65 % of the last day, all tasks waited for memory \
                        (PSI memory full) 40 % of the last day; moves are sought by CPU and memory alone.";
        assert_eq!(pressed([0.4, 0.65, 0.4]), (expected.to_string(), true));
        assert!(
            told(|node| (node.online, node.pressure) = (false, [Some(Fraction(1.0)); 3]))
                .0
                .is_empty()
        );
    }
}
