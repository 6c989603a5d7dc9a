//! From expected loads to the few moves that are worth it.

mod balancer;
mod blocker;
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
pub(crate) use balancer::{imbalance, leaves_maintenance};
pub use blocker::{Blocker, BlockerCode};
pub use confidence::{Confidence, Part, Recent, stated};
pub use constraint::Constraints;
pub(crate) use constraint::{copied_disks, has_local_disks, not_reported, pins};
pub use drain::{Drain, Leaving, Staying, drain};
pub use explain::{
    Explained, Group, Target, can_leave, core_hours, explain, little_need, only_heading,
};
pub use overload::{Overload, demand, overload, overload_of, overload_of_all};
pub use plan::{
    Cause, Considered, Cost, Details, Peaks, Plan, Question, Refusal, Skipped, Slight, Step, plan,
};
pub use state::{Finding, NodeState, State, Urgency, states};
pub(crate) use state::{hours_to_full, hours_to_full_memory};
pub use window::Window;
