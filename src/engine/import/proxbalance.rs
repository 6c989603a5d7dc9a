//! ProxBalance's rows, put together to ticks.

use super::{Import, Progress};
use crate::collect::{HistoryRow, Owner, limits, proxbalance_history};
use crate::error::Result;
use crate::model::{
    Bytes, BytesPerSecond, Fraction, GuestSample, GuestStatus, MAX_AMOUNT, MAX_LOAD, MAX_SHARE,
    NodeSample, Tick, Vmid,
};
use std::collections::BTreeSet;
use std::path::Path;

/// A collector run writes its rows one after the other; the shortest pause between runs is 300 s.
const RUN: i64 = 150;
/// Rows held before they are stored.
const BLOCK: usize = 100_000;

/// Ticks on the way to the store.
#[derive(Default)]
struct Runs {
    ticks: Vec<Tick>,
    /// Whom the last of them has.
    owners: BTreeSet<Owner>,
    rows: usize,
}

/// What an admin should know of such an import.
const NOTES: [&str; 5] = [
    "rolled rows come as their mean: minimum, maximum and 95th percentile of their time are estimates",
    "ProxBalance stores 0 where a figure was missing, which cannot be told from a real 0; only memory of 0 is left out",
    "it stores memory as a percentage: bytes are made with today's memory size",
    "rows tell when they were written, and rolled ones not on which node a guest was: the next host known, or today's, stands in",
    "the use of the fullest storage is left out, since it is not told which storage that was",
];

impl Import<'_> {
    /// Imports a database or a JSON file.
    pub(super) fn proxbalance(&mut self, file: &Path) -> Result<()> {
        self.reply.source = "proxbalance".into();
        self.reply.notes.extend(NOTES.map(String::from));
        let mut runs = Runs::default();
        let mut done = 0;
        let range = self.from..self.until;
        let (files, refused) = proxbalance_history(file, range, &mut |row| {
            done += 1;
            if done % 10_000 == 0 {
                (self.progress)(Progress { what: "rows read", done, total: 0 })?;
            }
            if !self.wants(row.time, row.time + 1) {
                self.reply.left_out += 1;
                return Ok(());
            }
            if runs.rows >= BLOCK && runs.is_over(&row) {
                self.store(std::mem::take(&mut runs).ticks.into_iter())?;
            }
            self.take(row, &mut runs);
            Ok(())
        })?;
        self.store(runs.ticks.into_iter())?;
        self.reply.files = files.len();
        // A file that cannot be read is an error already; these are rows.
        self.reply.refused = usize::try_from(refused).unwrap_or(usize::MAX);
        if refused > 0 {
            let message = "rows without a usable time, node name or vmid were left out";
            self.reply.warnings.push(format!("{}: {refused} {message}", file.display()));
        }
        if let Some(what) = self.roster.without_memory_size() {
            self.reply.warnings.push(format!(
                "no memory size is known of {what}: their memory was left out; \
                 name a pmxcfs tree with --inventory"
            ));
        }
        Ok(())
    }

    /// Adds a row to the run it belongs to.
    fn take(&mut self, row: HistoryRow, runs: &mut Runs) {
        if runs.is_over(&row) {
            runs.ticks.push(Tick { ts: row.time, ..Tick::default() });
            runs.owners.clear();
        }
        let Some(tick) = runs.ticks.last_mut() else { return };
        match &row.owner {
            Owner::Node(name) => {
                let Some(known) = self.roster.node(name) else { return };
                tick.nodes.push(node(name, known.maxmem, row.figures));
            }
            Owner::Guest(vmid) => {
                let Some(known) = self.roster.guest(*vmid) else { return };
                tick.guests.push(guest(*vmid, row.host, known.maxmem, row.figures));
            }
        }
        runs.owners.insert(row.owner);
        runs.rows += 1;
    }
}

impl Runs {
    /// Whether a row belongs to another run than the last.
    fn is_over(&self, row: &HistoryRow) -> bool {
        let late = |tick: &Tick| row.time - tick.ts > RUN;
        self.ticks.last().is_none_or(late) || self.owners.contains(&row.owner)
    }
}

fn node(name: &str, maxmem: Option<Bytes>, figures: [Option<f64>; 6]) -> NodeSample {
    let [cpu, memory, iowait, load, guests, _] = figures;
    NodeSample {
        name: name.to_string(),
        online: true,
        cpu: share(cpu, limits::NODE_CPU),
        mem: amount(memory, maxmem),
        iowait: share(iowait, limits::NODE_CPU),
        load_avg: load.filter(|load| *load <= MAX_LOAD),
        // Below a million, so nothing is lost.
        guest_count: guests.filter(|guests| *guests <= 1e6).map(|guests| guests.round() as u32),
        ..NodeSample::default()
    }
}

fn guest(
    vmid: Vmid,
    host: Option<String>,
    maxmem: Option<Bytes>,
    figures: [Option<f64>; 6],
) -> GuestSample {
    let [cpu, memory, read, write, received, sent] = figures;
    GuestSample {
        vmid,
        node: host.unwrap_or_default(),
        status: GuestStatus::Running,
        cpu: share(cpu, limits::GUEST_CPU),
        mem: amount(memory, maxmem),
        disk_read_bps: rate(read),
        disk_write_bps: rate(write),
        net_in_bps: rate(received),
        net_out_bps: rate(sent),
        ..GuestSample::default()
    }
}

/// A percentage as a share of at most `largest`.
fn share(percent: Option<f64>, largest: f64) -> Option<Fraction> {
    percent.map(|percent| Fraction(percent / 100.0)).filter(|share| share.0 <= largest)
}

/// A percentage of memory in bytes. Whatever runs uses some: 0 means that it was missing.
fn amount(percent: Option<f64>, whole: Option<Bytes>) -> Option<Bytes> {
    let share = share(percent, MAX_SHARE).filter(|share| share.0 > 0.0)?;
    whole.map(|whole| share * whole)
}

fn rate(value: Option<f64>) -> Option<BytesPerSecond> {
    value.filter(|rate| *rate <= MAX_AMOUNT).map(BytesPerSecond)
}

#[cfg(test)]
mod tests {
    use super::{guest, node};
    use crate::model::Fraction;

    #[test]
    fn what_was_never_measured_counts_as_unknown_as_in_a_live_sample() {
        let figures = |cpu: f64| [Some(cpu), None, Some(160.0), None, None, None];
        let sample = node("pve1", None, figures(140.0));
        assert_eq!((sample.cpu, sample.iowait), (Some(Fraction(1.4)), None));
        assert_eq!(guest(100, None, None, figures(6_400.0)).cpu, Some(Fraction(64.0)));
        assert_eq!(guest(100, None, None, figures(6_500.0)).cpu, None);
    }
}
