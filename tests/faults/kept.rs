//! What was acknowledged, compared with what is stored.

use super::cli::{complaint, foresight, run};
use super::store_support::{HOUR, close};
use pve_foresight::model::{GuestSample, Tick, UnixTime};
use pve_foresight::store::{Detail, Reader, Resolution};
use std::collections::BTreeMap;
use std::path::Path;

/// Samples are kept as such for this long; what is younger must be there to the last one.
const RECENT: i64 = 47 * HOUR;

/// Ticks that were given to a store.
#[derive(Default)]
pub(crate) struct Kept {
    /// Those that the program said were stored, or that were seen to be.
    acknowledged: BTreeMap<UnixTime, Tick>,
    /// Those that were under way when it was stopped: stored or not, but whole.
    in_flight: BTreeMap<UnixTime, Tick>,
    /// How each was stored, which never changes.
    seen: BTreeMap<UnixTime, String>,
}

impl Kept {
    /// A batch was given to a command that said that all went well, or did not get to say so.
    pub(crate) fn given(&mut self, ticks: &[Tick], acknowledged: bool) {
        let list = if acknowledged { &mut self.acknowledged } else { &mut self.in_flight };
        list.extend(ticks.iter().map(|t| (t.ts, t.clone())));
    }

    /// A tick of this time was acknowledged, whose content depends on the fault: what counts is that it stays as it is.
    pub(crate) fn odd(&mut self, ts: UnixTime) {
        self.acknowledged.insert(ts, Tick { ts, ..Tick::default() });
    }

    /// Number of ticks that are known to be stored.
    pub(crate) fn len(&self) -> usize {
        self.acknowledged.len()
    }

    /// Losses among the samples of the last hours up to `newest`, at most all that are kept as samples.
    pub(crate) fn losses(&mut self, state: &Path, newest: UnixTime, hours: i64) -> Vec<String> {
        self.losses_but(state, newest, hours, |_| false)
    }

    /// The same, where `excused` tells the times that a fault has taken.
    pub(crate) fn losses_but(
        &mut self,
        state: &Path,
        newest: UnixTime,
        hours: i64,
        excused: impl Fn(UnixTime) -> bool,
    ) -> Vec<String> {
        let (now, hours) = (newest.to_string(), hours.to_string());
        let output = run(&mut foresight(
            state,
            &["export", "--format", "jsonl", "--now", &now, "--hours", &hours],
        ));
        // With 3 it tells what is damaged, beside all that is not.
        if !matches!(output.status.code(), Some(0 | 3)) {
            return match self.acknowledged.is_empty() {
                true => Vec::new(),
                false => vec![format!("export: {}", complaint(&output))],
            };
        }
        let mut losses = Vec::new();
        let mut stored = BTreeMap::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            match serde_json::from_str::<Tick>(line) {
                Ok(tick) => drop(stored.insert(tick.ts, (tick, line.to_string()))),
                Err(e) => losses.push(format!("no tick: {e}: {line}")),
            }
        }
        for (ts, (tick, line)) in &stored {
            let known = self.acknowledged.get(ts).or_else(|| self.in_flight.get(ts));
            match known {
                None => losses.push(format!("{ts} was never given")),
                Some(given) => losses.extend(difference(given, tick, excused(*ts))),
            }
            let first = self.seen.entry(*ts).or_insert_with(|| line.clone());
            if first != line && !excused(*ts) {
                losses.push(format!("{ts} changed: {first} became {line}"));
            }
            if let Some(tick) = self.in_flight.remove(ts) {
                self.acknowledged.insert(*ts, tick);
            }
        }
        // What did not make it by now must not turn up later.
        self.in_flight.clear();
        let hours: i64 = hours.parse().unwrap();
        let from = newest - (hours * HOUR).min(RECENT) + 1;
        let missing = self.acknowledged.range(from..=newest).map(|(ts, _)| *ts);
        let missing = missing.filter(|ts| !stored.contains_key(ts) && !excused(*ts));
        losses.extend(missing.map(|ts| format!("{ts} is missing")));
        losses
    }

    /// Samples that are neither there as such nor counted in a coarser row.
    pub(crate) fn uncounted(&self, state: &Path) -> Vec<String> {
        let range = 0..UnixTime::MAX;
        let fleet =
            Reader::open(state).and_then(|r| r.fleet(range, Resolution::Mixed, Detail::Typical));
        let counted = fleet.map(|f| f.windows().iter().map(|w| w.ticks as usize).sum::<usize>());
        match counted {
            Ok(n) if n == self.len() => Vec::new(),
            Ok(n) => vec![format!("{n} samples are counted of {}", self.len())],
            Err(e) => vec![e.to_string()],
        }
    }
}

/// Where a stored tick is not what was given. Of a damaged one, part may be missing, but nothing is wrong.
fn difference(given: &Tick, stored: &Tick, damaged: bool) -> Option<String> {
    let ts = given.ts;
    if given.nodes.is_empty() {
        return None;
    }
    let whole =
        (given.nodes.len(), given.guests.len()) == (stored.nodes.len(), stored.guests.len());
    if !whole && !damaged {
        return Some(format!("{ts} is not whole"));
    }
    let same = |given: Option<f64>, stored: Option<f64>| match (given, stored) {
        (Some(given), Some(stored)) => close(stored, given),
        (given, None) => damaged || given.is_none(),
        (None, Some(_)) => true,
    };
    for b in &stored.nodes {
        let Some(a) = given.nodes.iter().find(|a| a.name == b.name) else {
            return Some(format!("{ts}: nobody knows {b:?}"));
        };
        if !same(a.cpu.map(|x| x.0), b.cpu.map(|x| x.0))
            || !same(a.mem.map(|x| x.0), b.mem.map(|x| x.0))
        {
            return Some(format!("{ts}: {a:?} became {b:?}"));
        }
    }
    for b in &stored.guests {
        let who = |a: &&GuestSample| (a.vmid, &a.node, a.kind) == (b.vmid, &b.node, b.kind);
        let Some(a) = given.guests.iter().find(who) else {
            return Some(format!("{ts}: nobody knows {b:?}"));
        };
        if !same(a.cpu.map(|x| x.0), b.cpu.map(|x| x.0))
            || !same(a.mem.map(|x| x.0), b.mem.map(|x| x.0))
        {
            return Some(format!("{ts}: {a:?} became {b:?}"));
        }
    }
    None
}
