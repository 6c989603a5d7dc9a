//! What a migration brought: judged against what would have been without it.
//!
//! A before/after difference flatters: a peak that ends by itself looks like success. So each move
//! is compared with the same hours *without* it (`expect.rs`): what was measured plus (at
//! the source) or less (at the target) the guest's own load, weighed with the forecast from before
//! the move and corrected by the swing of nodes that the move did not touch. What counts is
//! relief where it was needed: how much lower the fuller of the two nodes is in its busy quarter,
//! as far as that is near its threshold. `docs/outcomes.md` has the method with its sources.
//!
//! Everything here is a pure function of histories but [`Ledger`], the one file that this room
//! keeps below the state directory: what cannot be derived any more once the samples are gone.

mod accuracy;
mod expect;
mod experience;
mod judge;
mod ledger;
mod record;
mod scene;
mod span;

pub use accuracy::{Accuracy, Decile, accuracy_of, calculate_outcome_accuracy, calibration};
pub use experience::{Experience, Failure, Tally};
pub use judge::judge;
pub use ledger::{Header, LEDGER_FILE, Ledger, MAX_OUTCOME_ENTRIES};
pub use record::{
    Advice, Basis, Effect, GuestEffects, NodeEffects, Outcome, Verdict, WindowOutcome,
};
pub use scene::{GuestRecord, NodeRecord, Scene};
pub use span::Span;
