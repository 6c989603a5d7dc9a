//! Replay: what would the nodes' load have been under another policy's moves?
//!
//! Guests' recorded demand is placed anew, step by step. A policy decides from what was recorded
//! before ([`View`] shows nothing else), its moves hold from then on, and the overload that
//! follows is counted. `docs/backtest.md` says what is measured and what came out.

mod claims;
mod crs;
mod lived;
mod ours;
mod policy;
mod recording;
mod relief;
mod replay;
mod rules;
mod simulated;
mod snapshot;
mod stored;

pub use claims::{Claim, Judged, NOTICED, Reliability};
pub use lived::{Lived, Relocation, View};
pub use policy::Policy;
pub use recording::{Demand, Machine, Recording, Tenant};
pub use replay::{Bounds, Contestant, Day, Outcome, Report, replay};
