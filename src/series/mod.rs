//! Numbers and times: the statistics that findings are built from.
//!
//! Nothing here knows nodes, guests, units or settings. Every function is pure, deterministic and
//! total: empty slices, equal values and gaps have a named answer, never NaN.

pub mod bins;
pub mod breaks;
pub mod buffer;
pub mod calendar;
pub mod cycle;
pub mod dist;
pub mod fit;
pub mod lanes;
pub mod longrun;
pub mod point;
pub mod profile;
pub mod stats;

pub use bins::{Bins, Grid};
pub use buffer::{Buffer, Column};
pub use calendar::LocalTime;
pub use point::Point;
