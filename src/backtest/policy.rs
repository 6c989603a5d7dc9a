//! The policies that are compared.

use super::claims::Claim;
use super::lived::{Relocation, View};
use super::ours::Ours;
use super::recording::Recording;
use super::{crs, relief, snapshot};
use crate::error::{Error, Result};
use crate::series::LocalTime;
use crate::settings::PenaltyConfig;
use serde::Serialize;
use std::str::FromStr;

/// Who decides about moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// What really happened, moves and all.
    AsItWas,
    /// Nobody moves anything.
    None,
    /// Levels the CPU load of the last hour, as the usual balancers do.
    Snapshot,
    /// PVE's own scheduler with automatic rebalancing, by its published rule.
    PveCrs,
    /// Brings nodes whose last day's 95th percentile is above the threshold below it.
    Relief,
    /// `recommend`, followed at once.
    Ours,
}

impl Policy {
    /// All that decide, ours last.
    pub const ALL: [Self; 5] = [Self::None, Self::Snapshot, Self::PveCrs, Self::Relief, Self::Ours];

    /// Its word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsItWas => "as-it-was",
            Self::None => "none",
            Self::Snapshot => "snapshot",
            Self::PveCrs => "pve-crs",
            Self::Relief => "relief",
            Self::Ours => "ours",
        }
    }
}

impl FromStr for Policy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|p| p.name() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|p| p.name()).collect();
            Error::invalid(format!(
                "'{text}' is no policy; known are {}, and all",
                known.join(", ")
            ))
        })
    }
}

/// A policy at work, with what it remembers from one decision to the next.
pub(super) enum Decider<'a> {
    None,
    Snapshot,
    PveCrs,
    Relief { threshold: f64 },
    Ours(Box<Ours<'a>>),
}

impl<'a> Decider<'a> {
    pub(super) fn new(
        policy: Policy,
        recording: &'a Recording,
        config: &'a PenaltyConfig,
        local: &'a LocalTime,
    ) -> Self {
        match policy {
            Policy::AsItWas | Policy::None => Self::None,
            Policy::Snapshot => Self::Snapshot,
            Policy::PveCrs => Self::PveCrs,
            Policy::Relief => Self::Relief { threshold: config.cpu_threshold.0 },
            Policy::Ours => Self::Ours(Box::new(Ours::new(recording, config, local))),
        }
    }

    /// The moves to make now; ours come with what is claimed of them.
    pub(super) fn decide(&mut self, view: &View) -> Vec<(Relocation, Option<Claim>)> {
        let plain = |moves: Vec<Relocation>| moves.into_iter().map(|m| (m, None)).collect();
        match self {
            Self::None => Vec::new(),
            Self::Snapshot => plain(snapshot::decide(view)),
            Self::PveCrs => plain(crs::decide(view).into_iter().collect()),
            Self::Relief { threshold } => plain(relief::decide(view, *threshold)),
            Self::Ours(ours) => ours.decide(view),
        }
    }
}
