//! A move: what it was decided on, what it is told with, and why one that is possible is not recommended.

use crate::model::{Bytes, Points};
use crate::outlook::{Limits, Load};
use crate::recommend::confidence::Confidence;
use crate::recommend::overload::Overload;
use crate::recommend::window::Window;
use crate::score::Contribution;
use serde::Serialize;

/// What a move costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// All of it, in the points that the gain is weighed against.
    pub points: Points,
    /// Memory to transfer.
    pub memory: Bytes,
    /// Disks to copy because their storage is not shared.
    pub local_disks: Bytes,
    /// The guest is down while it moves.
    pub restart: bool,
}

/// A node in its busy hours (95th percentile of what is expected), before and after a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Peaks {
    /// CPU before, as a share.
    pub cpu_before: f64,
    /// CPU after.
    pub cpu_after: f64,
    /// Memory before.
    pub memory_before: f64,
    /// Memory after.
    pub memory_after: f64,
}

impl Peaks {
    /// Whether more load takes the node over a threshold, or further beyond it.
    pub(in crate::recommend) fn pass(&self, limits: Limits) -> bool {
        let passes = |before, after, limit| after > limit && after > before;
        passes(self.cpu_before, self.cpu_after, limits.cpu)
            || passes(self.memory_before, self.memory_after, limits.memory)
    }
}

/// A move, all that it was decided on, and the details that it is told with: a refused one needs none.
#[derive(Clone, Debug)]
pub struct Step<D = Details> {
    /// Index in [`crate::outlook::Outlook::guests`].
    pub guest: usize,
    /// Index in [`crate::outlook::Outlook::nodes`].
    pub source: usize,
    /// Index in [`crate::outlook::Outlook::nodes`].
    pub target: usize,
    /// Overload that it takes away from both nodes together.
    pub benefit: Overload,
    /// Penalty points that the guest's host loses.
    pub gain: Points,
    /// Penalties of the source with the guest.
    pub source_score: Vec<Contribution>,
    /// Penalties of the target with the guest.
    pub target_score: Vec<Contribution>,
    /// What it costs.
    pub cost: Cost,
    /// How sure it is.
    pub confidence: Confidence,
    /// What is told beside.
    pub details: D,
}

/// What a step is told with.
#[derive(Clone, Debug)]
pub struct Details {
    /// Expected load of the source before the step.
    pub source_load: Load,
    /// That of the target.
    pub target_load: Load,
    /// Busy hours of the source.
    pub source_peaks: Peaks,
    /// Busy hours of the target.
    pub target_peaks: Peaks,
    /// When to make it; `None` where any hour is as good.
    pub window: Option<Window>,
    /// What to know before making it, each in one clause.
    pub concerns: Vec<String>,
}

impl Step {
    /// Whether nodes are above a threshold for more hours after it, if less far: its target is, where the source was.
    pub(super) fn fills_its_target(&self) -> bool {
        self.benefit.node_hours < 0.0
    }
}

impl Step<()> {
    /// The same move with its details.
    pub(super) fn with(self, details: Details) -> Step {
        Step {
            guest: self.guest,
            source: self.source,
            target: self.target,
            benefit: self.benefit,
            gain: self.gain,
            source_score: self.source_score,
            target_score: self.target_score,
            cost: self.cost,
            confidence: self.confidence,
            details,
        }
    }
}

/// A move that was weighed and not recommended.
#[derive(Clone, Debug)]
pub struct Considered {
    /// The move.
    pub step: Step,
    /// Why not.
    pub reason: Refusal,
}

/// Why a possible move is not recommended.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What of it is not enough, or too much.
    pub cause: Cause,
    /// One clause for people.
    pub text: String,
}

/// What keeps a possible move from being recommended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The gain in points, after what the move costs.
    Gain,
    /// It would add overload.
    Adds,
    /// How sure it is.
    Confidence,
    /// The hour: its guest is in its daily peak.
    Busy,
    /// Another guest that is in its daily peak goes before it.
    Behind,
}
