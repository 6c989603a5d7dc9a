//! One node or guest over a range of time.

use super::header::{Found, Group, Statistic};
use super::roster::Roster;
use super::row::BLOCK;
use super::scale::{MISSING, Stored};
use super::segment::{Row, Segment};
use super::select::{self, Loaded};
use super::table::{Table, Window};
use crate::error::Warning;
use crate::model::{Bucket, GuestMetric, GuestStatus, NodeMetric, UnixTime, Vmid};
use crate::parallel::{in_parallel, threads};
use std::ops::Range;
use std::sync::Arc;

/// A node's or guest's past: samples where they are kept, else hourly, else six-hourly values.
#[derive(Clone, Debug)]
pub struct History<M> {
    /// State in each of [`History::windows`].
    pub states: Vec<State>,
    /// Files and frames that could not be read.
    pub warnings: Vec<Warning>,
    table: Table<M>,
}

/// What a row says of an entity beside its values: at the time of the sample, or at the end of
/// the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether it was listed. A guest that is gone by the end of a window may have values there.
    pub present: bool,
    /// Host of a guest; a node's own name.
    pub host: Arc<str>,
    /// Run state of a guest; of a node running when online, unknown otherwise.
    pub status: GuestStatus,
}

/// A row of a history.
#[derive(Clone, Debug)]
pub struct HistoryRow<'a, M> {
    /// Its stretch of time.
    pub window: Window,
    /// State in it.
    pub state: &'a State,
    history: &'a History<M>,
    position: usize,
}

#[allow(private_bounds, reason = "metrics are a closed set; how they are stored is our business")]
impl<M: Stored> HistoryRow<'_, M> {
    /// The metric in this row; `None` where it is absent.
    pub fn value(&self, metric: M) -> Option<Bucket> {
        self.history.table.bucket(0, metric, self.position)
    }
}

#[allow(private_bounds, reason = "metrics are a closed set; how they are stored is our business")]
impl<M: Stored> History<M> {
    /// Windows in order of time; only those in which the entity occurs.
    pub fn windows(&self) -> &[Window] {
        self.table.windows()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.windows().is_empty()
    }

    /// The metric wherever it is known, in order of time.
    pub fn series(&self, metric: M) -> Vec<Bucket> {
        self.table.buckets(0, metric).collect()
    }

    /// The history as a table of one entity.
    pub fn table(&self) -> &Table<M> {
        &self.table
    }

    /// Row by row.
    pub fn rows(&self) -> impl Iterator<Item = HistoryRow<'_, M>> {
        let windows = self.windows().iter().zip(&self.states).enumerate();
        windows.map(|(position, (&window, state))| HistoryRow {
            window,
            state,
            history: self,
            position,
        })
    }
}

/// The rows in which `place_in` finds an entity, given its place in the row before, and `state` says
/// that it occurs.
fn history<M: Stored>(
    loaded: &Loaded,
    range: &Range<UnixTime>,
    group: Group,
    place_in: impl Fn(&Roster, Option<usize>) -> Option<usize> + Sync,
    state: impl Fn(&Roster, usize) -> Option<State>,
) -> History<M> {
    let mut rows: Vec<(&Arc<Segment>, &Row)> = Vec::new();
    let mut states = Vec::new();
    let mut known: Option<(&Arc<Roster>, Option<State>)> = None;
    let mut place = None;
    for (segment, row) in loaded.rows(range) {
        let now = match known.take() {
            Some((roster, now)) if Arc::ptr_eq(roster, &row.roster) => now,
            _ => {
                place = place_in(&row.roster, place);
                place.and_then(|place| state(&row.roster, place))
            }
        };
        if let Some(now) = now.clone() {
            rows.push((segment, row));
            states.push(now);
        }
        known = Some((&row.roster, now));
    }
    let windows = rows.iter().map(|(segment, row)| select::window(segment, row)).collect();
    let parts: Vec<_> = rows.chunks(rows.len().div_ceil(threads(rows.len())).max(1)).collect();
    let read = in_parallel(&parts, |part| codes_of_one::<M>(part, group, &place_in));
    let (codes, damage): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    let warnings = loaded.warnings.iter().cloned().chain(damage.into_iter().flatten()).collect();
    History { states, warnings, table: Table::of_one(windows, joined(&parts, codes)) }
}

/// Codes by metric and statistic; empty where there are none.
type Codes = Vec<[Vec<u16>; 5]>;

/// The codes of parts of the rows, one after the other.
fn joined(parts: &[&[(&Arc<Segment>, &Row)]], codes: Vec<Codes>) -> Codes {
    let metrics = codes.first().map_or(0, Vec::len);
    let mut all: Codes = vec![Default::default(); metrics];
    let mut before = 0;
    for (part, codes) in parts.iter().zip(codes) {
        for (all, codes) in all.iter_mut().flatten().zip(codes.iter().flatten()) {
            if !codes.is_empty() || !all.is_empty() {
                all.resize(before, MISSING);
                all.extend_from_slice(codes);
                all.resize(before + part.len(), MISSING);
            }
        }
        before += part.len();
    }
    all
}

/// Where the columns of our metrics are in a segment, by metric and statistic.
type Columns = Vec<[Option<Found>; 5]>;

/// Codes of one entity, by metric and statistic, read without touching the others' blocks; and which of
/// its blocks cannot be used.
fn codes_of_one<M: Stored>(
    rows: &[(&Arc<Segment>, &Row)],
    group: Group,
    place_in: impl Fn(&Roster, Option<usize>) -> Option<usize>,
) -> (Codes, Vec<Warning>) {
    let mut codes: Codes = vec![Default::default(); M::ALL.len()];
    let mut warnings = Vec::new();
    let mut known: Option<(&Arc<Roster>, Option<usize>)> = None;
    let mut meanings: Option<(&Arc<Segment>, Columns)> = None;
    let mut buffer = Vec::new();
    for (position, (segment, row)) in rows.iter().enumerate() {
        let place = match known {
            Some((roster, place)) if Arc::ptr_eq(roster, &row.roster) => place,
            before => place_in(&row.roster, before.and_then(|(_, place)| place)),
        };
        known = Some((&row.roster, place));
        let found = match &meanings {
            Some((of, found)) if Arc::ptr_eq(of, segment) => found,
            _ => {
                let meaning = &segment.header.groups[group as usize];
                let find = |&m: &M| Statistic::ALL.map(|s| meaning.find(m.index(), s));
                &meanings.insert((segment, M::ALL.iter().map(find).collect())).1
            }
        };
        let Some(place) = place else { continue };
        let Some(block) = row.meta.blocks(group).get(place / BLOCK) else { continue };
        let (block, layout) = match segment.columns(block, &mut buffer) {
            Ok(columns) => columns,
            Err(damage) => {
                warnings.push(damage.warning(&segment.path));
                continue;
            }
        };
        for ((&metric, found), series) in M::ALL.iter().zip(found).zip(&mut codes) {
            // Samples have one column that stands for all statistics.
            let mut read: Option<(usize, u16)> = None;
            for (found, series) in found.iter().zip(series) {
                let Some(found) = found else { continue };
                let Some(column) = layout.position(found.metric, found.statistic) else { break };
                let code = match read {
                    Some((before, code)) if before == column => Some(code),
                    _ => layout.code(block, column, place % BLOCK),
                };
                let Some(code) = code.filter(|&code| code != MISSING) else { break };
                read = Some((column, code));
                if series.is_empty() {
                    series.resize(rows.len(), MISSING);
                }
                series[position] = found.ours(code, metric.scale());
            }
        }
    }
    (codes, warnings)
}

pub(super) fn of_node(loaded: &Loaded, range: &Range<UnixTime>, name: &str) -> History<NodeMetric> {
    let shared: Arc<str> = name.into();
    let state = |roster: &Roster, place: usize| {
        let node = roster.nodes.get(place).filter(|node| node.present)?;
        let status = if node.online { GuestStatus::Running } else { GuestStatus::Unknown };
        Some(State { present: true, host: Arc::clone(&shared), status })
    };
    history(loaded, range, Group::Node, |roster, _| roster.node(name), state)
}

/// History of the incarnation that the newest row in the range knows under this number.
pub(super) fn of_guest(
    loaded: &Loaded,
    range: &Range<UnixTime>,
    vmid: Vmid,
) -> History<GuestMetric> {
    let rows = loaded.rows(range);
    let newest = rows
        .iter()
        .rev()
        .find_map(|(_, row)| row.roster.newest(vmid).map(|place| row.roster.guests[place].since));
    let place = |roster: &Roster, near: Option<usize>| roster.guest(vmid, newest?, near);
    let state = |roster: &Roster, place: usize| {
        let guest = roster.guests.get(place).filter(|guest| guest.occurs())?;
        let host = roster.host(guest.node).into();
        Some(State { present: guest.present, host, status: guest.status })
    };
    history(loaded, range, Group::Guest, place, state)
}
