//! A quick look at a segment: which rows there are and how many samples they stand for, without
//! who is in them.

use super::frame::FrameKind;
use super::row::RowMeta;
use super::segment;
use super::source::{Access, Meta, Seen, Source};
use super::tier::Tier;
use crate::error::{Kind, Result};
use crate::model::UnixTime;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A row without its values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glimpse {
    /// Samples behind it.
    pub(super) ticks: u32,
    /// Samples that a complete window has.
    pub(super) expected: u32,
}

/// A segment file at a glance.
#[derive(Clone, Debug)]
pub(super) struct Skimmed {
    pub(super) tier: Tier,
    pub(super) start: UnixTime,
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// Bytes of its header; 0 when it could not be read.
    pub(super) header: u64,
    /// Rows by time.
    pub(super) rows: BTreeMap<UnixTime, Glimpse>,
    /// Frames of any kind: their time and bytes.
    pub(super) frames: Vec<(UnixTime, u64)>,
    /// Places of the file that could not be read, rosters and values left aside.
    pub(super) damaged: usize,
    /// Whether a newer version wrote it.
    pub(super) newer: bool,
}

impl Skimmed {
    fn read(store: &Path, tier: Tier, start: UnixTime) -> Option<Self> {
        let path = store.join(tier.file(start));
        let bytes = fs::symlink_metadata(&path).ok()?.len();
        let mut skimmed = Self {
            tier,
            start,
            bytes,
            header: 0,
            rows: BTreeMap::new(),
            frames: Vec::new(),
            damaged: 0,
            newer: false,
        };
        let (source, header) = match Source::open(&path, tier, start, Access::Sparse) {
            Ok(opened) => opened,
            Err(e) => {
                skimmed.damaged = usize::from(e.kind == Kind::Corrupt);
                skimmed.newer = e.kind == Kind::Unsupported;
                return Some(skimmed);
            }
        };
        skimmed.header = header.len;
        source.walk(
            header.len,
            |kind| kind == FrameKind::Row,
            |at, seen| match seen {
                Seen::Nothing(_) => skimmed.damaged += 1,
                Seen::Frame(head, meta) => {
                    skimmed.frames.push((head.time, head.frame_len()));
                    let row = match meta {
                        Meta::Intact(meta) => RowMeta::parse(&header, &head, at, meta),
                        Meta::Unread => return,
                        Meta::Mended(_) | Meta::Damaged => None,
                    };
                    match row {
                        Some(row) => {
                            let glimpse = Glimpse { ticks: row.ticks, expected: row.expected };
                            skimmed.rows.insert(head.time, glimpse);
                        }
                        None => skimmed.damaged += 1,
                    }
                }
            },
        );
        Some(skimmed)
    }
}

/// All segments of a store, tier by tier, oldest first. A file that expires meanwhile is left out.
pub(super) fn all(store: &Path) -> Result<Vec<Skimmed>> {
    let mut skimmed = Vec::new();
    for tier in Tier::ALL {
        let starts = segment::list(store, tier)?;
        skimmed.extend(starts.into_iter().filter_map(|start| Skimmed::read(store, tier, start)));
    }
    Ok(skimmed)
}
