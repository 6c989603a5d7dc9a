//! A range of time, read once for the histories of many.

use super::history::{self, History};
use super::quality::Entity;
use super::segment::Access;
use super::select::{self, Loaded, Resolution};
use super::table::Window;
use crate::error::Result;
use crate::model::{GuestMetric, NodeMetric, UnixTime, Vmid};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// What is stored of a range: samples where they are kept, else hourly, else six-hourly values. As of when it was
/// read; values are read from the files when they are asked for.
pub struct Past {
    loaded: Loaded,
    range: Range<UnixTime>,
}

impl Past {
    pub(super) fn read(store: &Path, range: Range<UnixTime>) -> Result<Self> {
        let loaded = Loaded::read(store, &range, Resolution::Mixed, |_| Access::Sparse)?;
        Ok(Self { loaded, range })
    }

    /// A node's history.
    pub fn node(&self, name: &str) -> History<NodeMetric> {
        history::of_node(&self.loaded, &self.range, name)
    }

    /// A guest's history. Only the incarnation that is the newest at the end of the range: a guest does not inherit
    /// from another that had its vmid before.
    pub fn guest(&self, vmid: Vmid) -> History<GuestMetric> {
        history::of_guest(&self.loaded, &self.range, vmid)
    }

    /// Who was there: nodes by name, then guests by number.
    pub fn entities(&self) -> BTreeSet<Entity> {
        let rows = self.loaded.rows(&self.range);
        let mut rosters: Vec<_> = rows.iter().map(|(_, row)| &row.roster).collect();
        rosters.dedup_by(|a, b| Arc::ptr_eq(a, b));
        let mut entities = BTreeSet::new();
        for roster in rosters {
            let nodes = roster.nodes.iter().filter(|n| n.present);
            entities.extend(nodes.map(|n| Entity::Node(n.name.clone())));
            let guests = roster.guests.iter().filter(|g| g.occurs());
            entities.extend(guests.map(|g| Entity::Guest(g.vmid)));
        }
        entities
    }

    /// When any of these nodes was there, in order of time.
    pub fn windows_of(&self, nodes: &BTreeSet<&str>) -> Vec<Window> {
        let rows = self.loaded.rows(&self.range).into_iter();
        let with_any = rows.filter(|(_, row)| {
            row.roster.nodes.iter().any(|n| n.present && nodes.contains(n.name.as_str()))
        });
        with_any.map(|(segment, row)| select::window(segment, row)).collect()
    }
}
