//! The JSON contract: requests and replies of every verb, for CLI, C ABI, Perl and UI alike.
//!
//! Fields are only ever added. Times are unix seconds; shares are fractions (1 = all of it) unless
//! a name says percent.

mod advice;
mod request;
mod store;
mod trends;

pub use advice::*;
pub use request::*;
pub use store::*;
pub use trends::*;
