//! Settings: one table, five knobs that move it, expert values that override it.
//!
//! [`Settings`] are the five an admin is asked for; [`PenaltyConfig`] is everything a decision
//! reads. [`Stored`] is what somebody chose; [`get_effective_penalty_config`] resolves it. The
//! file's bytes are parsed here but read elsewhere: this room touches no file.

mod curves;
mod effective;
mod json;
mod keys;
mod knobs;
mod leaves;
mod legacy;
mod schema;
mod stored;
mod values;

pub use curves::{Blend, Curve, Reading};
pub use effective::{Effective, Entry, Origin, get_effective_penalty_config};
pub use json::strict;
pub use keys::{Field, Key, Knob, PenaltyConfig, Settings, Table, Term, most_kept_hours};
pub use knobs::{Rule, map_simplified_to_penalty_config};
pub use legacy::{
    LEGACY_BLOCKS, Line, Migrated, Outcome, detect_legacy_config, migrate_legacy_config,
};
pub use schema::{markdown, schema};
pub use stored::{DEFAULTS_HOLD, FILE_NAME, Loaded, MAX_BYTES, Stored, VERSION, load, parse};
pub use values::{CoreHours, Days, Hours, Quantity, Sensitivity, Share, Sigma, Unit};
