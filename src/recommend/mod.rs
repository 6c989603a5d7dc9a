//! From expected loads to the few moves that are worth it.

mod confidence;
mod constraint;
mod overload;
mod plan;
mod state;
#[cfg(test)]
mod tests;

pub use confidence::{Confidence, Part};
pub use constraint::{Blocker, BlockerCode, Constraints};
pub use overload::{Limits, Overload, overload};
pub use plan::{Considered, Cost, Peaks, Plan, Question, Skipped, Step, plan};
pub use state::{Finding, NodeState, State, Urgency, states};
