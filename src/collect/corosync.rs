//! `corosync.conf`: the votes that decide on quorum. `section {`, `key: value` and `}`, one a line.

use super::text::{Notes, Parsed, decode, is_node_name, lines, number, quote};
use crate::model::Votes;
use std::collections::BTreeMap;

/// Settings of `quorum` with which the votes that are needed change while nodes go: they are not
/// worked out.
const VARIABLE: [&str; 4] =
    ["last_man_standing", "auto_tie_breaker", "allow_downscale", "expected_votes"];

/// Reads the votes; `None` where they do not tell how many are needed.
pub fn parse(bytes: &[u8]) -> Parsed<Option<Votes>> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    let mut votes = Votes::default();
    let mut path: Vec<&str> = Vec::new();
    let mut node: BTreeMap<&str, &str> = BTreeMap::new();
    let mut known = true;
    for (at, line) in lines(&text) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_suffix('{') {
            path.push(name.trim());
            node.clear();
        } else if line == "}" {
            if path.as_slice() == ["nodelist", "node"] {
                known &= add(&mut votes, &node);
            }
            path.pop();
        } else if let Some((key, value)) = line.split_once(':') {
            let (key, value) = (key.trim(), value.trim());
            match (path.as_slice(), key) {
                (["nodelist", "node"], _) => drop(node.insert(key, value)),
                (["quorum"], "two_node") => votes.two_node = value == "1",
                (["quorum"], _) if VARIABLE.contains(&key) => known &= value == "0",
                (["quorum", "device"], "votes") => match number(value) {
                    Some(count) => votes.qdevice = count,
                    None => known = false,
                },
                (["quorum", "device"], "model") => votes.qdevice = votes.qdevice.max(1),
                _ => (),
            }
        } else {
            notes.add(at, format!("not understood, ignored: {}", quote(line)));
        }
    }
    known &= !votes.nodes.is_empty();
    Parsed { value: known.then_some(votes), notes }
}

/// Counts a node, which has one vote unless it says so; false where it cannot be understood.
fn add(votes: &mut Votes, node: &BTreeMap<&str, &str>) -> bool {
    let name = node.get("name").filter(|name| is_node_name(name));
    let count = node.get("quorum_votes").map_or(Some(1), |count| number(count));
    let Some((name, count)) = name.zip(count) else { return false };
    votes.nodes.insert((*name).to_string(), count);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "nodelist {\n  node {\n    name: a\n    nodeid: 1\n    quorum_votes: 1\n  }\n  \
                         node {\n    name: b\n    quorum_votes: 2\n  }\n  node {\n    name: c\n  }\n}\n";

    fn read(quorum: &str) -> Option<Votes> {
        let text =
            format!("# top\n{NODES}\nquorum {{\n  provider: corosync_votequorum\n{quorum}}}\n");
        parse(text.as_bytes()).value
    }

    #[test]
    fn votes_of_nodes_and_of_a_qdevice() {
        let votes = read("").unwrap();
        let of = |names: &[&str]| votes.with(names.iter().copied());
        assert_eq!((votes.needed(), of(&["a", "b", "c"]), of(&["a", "c"])), (3, 4, 2));
        let device =
            "  device {\n    model: net\n    net {\n      votes: 9\n    }\n    votes: 3\n  }\n";
        let votes = read(device).unwrap();
        assert_eq!((votes.qdevice, votes.needed(), votes.with(["a"].into_iter())), (3, 4, 4));
        assert_eq!(read("  device {\n    model: net\n  }\n").unwrap().qdevice, 1);
    }

    #[test]
    fn one_of_two_nodes_may_be_enough() {
        assert_eq!(read("  two_node: 1\n").unwrap().needed(), 1);
        assert_eq!(read("  two_node: 0\n").unwrap().needed(), 3);
    }

    #[test]
    fn what_is_not_certain_is_not_known() {
        for text in ["  last_man_standing: 1\n", "  device {\n    votes: many\n  }\n"] {
            assert_eq!(read(text), None, "{text}");
        }
        for text in ["", "nodelist {\n  node {\n    quorum_votes: 1\n  }\n}\n"] {
            assert_eq!(parse(text.as_bytes()).value, None, "{text}");
        }
        assert!(!parse(b"}\n}\nstray\n{{{").notes.is_empty());
    }
}
