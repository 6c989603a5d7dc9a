//! The metrics store: 90 days of all nodes and guests, kind to the disk, safe against crashes.
//!
//! One [`Writer`] appends a [`Tick`](crate::model::Tick) a minute to a log and rolls hours and
//! six hours that are over into coarser tiers, straight from the samples; any number of
//! [`Reader`]s see whole ticks without locks. The directory is the index, a file is never written
//! again once its time is over, and what is too old is unlinked. `docs/store-format.md` describes
//! the files byte by byte.

mod append;
mod bytes;
mod column;
mod compress;
mod file;
mod fleet;
mod frame;
mod header;
mod history;
mod inspect;
mod keep;
mod last;
mod late;
mod owner;
mod past;
mod quality;
mod reader;
mod roll;
mod roster;
mod row;
mod scale;
mod segment;
mod select;
mod shared;
mod sheet;
mod skim;
mod source;
mod spare;
mod table;
mod tier;
mod tracker;
mod writer;

pub(crate) use bytes::intact;
pub use compress::Compressed;
pub(crate) use file::{plain, replace};
pub use fleet::{Capacity, Fleet, GuestTrack, NodeTrack, Placement};
pub use history::{History, HistoryRow, State};
pub use inspect::{Finding, FindingKind, Overview, Stats, TierStats, Verification};
pub(crate) use owner::AsItself;
pub use past::Past;
pub use quality::{DataQuality, Entity};
pub use reader::Reader;
pub use select::Resolution;
pub use table::{Detail, Point, Table, Window};
pub use tier::{
    METRICS_RECENT_HOURS, METRICS_RETENTION_DAYS, METRICS_SHORT_TERM_DAYS, Retention, Tier,
};
pub use writer::{Appended, Writer};

/// Makes the constant tables that are otherwise made when they are first needed. After that a child
/// that is forked beside a working thread finds them whole.
pub fn warm() {
    scale::warm();
}
