//! From expected loads to the few moves that are worth it.

mod balancer;
mod confidence;
mod constraint;
mod drain;
mod evacuation;
mod explain;
#[cfg(test)]
mod laws;
mod ledger;
mod overload;
mod plan;
mod reserve;
mod state;
#[cfg(test)]
mod tests;
mod window;

pub use balancer::{Balancer, BalancerMove, balancer};
pub use confidence::{Confidence, Part, stated};
pub(crate) use constraint::local_disks;
pub use constraint::{Blocker, BlockerCode, Constraints};
pub use drain::{Drain, Leaving, Staying, drain};
pub use explain::{Explained, Target, explain, little_need};
pub use overload::{Limits, Overload, overload, overload_of, overload_of_all};
pub use plan::{Considered, Cost, Details, Peaks, Plan, Question, Skipped, Step, plan};
pub(crate) use state::hours_to_full;
pub use state::{Finding, NodeState, State, Urgency, states};
pub use window::Window;
