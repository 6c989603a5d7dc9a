//! Bytes at rest, measured: `cargo test --release --test store size -- --ignored --nocapture`.

use super::store_support::workload::Workload;
use super::store_support::*;
use pve_foresight::store::{Reader, Writer};

/// Bytes that 90 days at a sample a minute may take for a guest, everything included.
const LIMIT: f64 = 72.0 * 1_024.0;

/// Fills 98 days, so that every tier is as full as it ever gets, and returns bytes per guest with
/// files rounded up to the blocks of the file system.
fn bytes_per_guest(guests: u32) -> Option<f64> {
    let workload = Workload::new(guests)?;
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    let end = START + 98 * DAY;
    let done = writer.append_all((START..end).step_by(60).map(|ts| workload.tick(ts))).unwrap();
    assert!(done.warnings.is_empty());
    let stats = Reader::open(dir.path()).unwrap().stats(end).unwrap();
    for tier in &stats.tiers {
        let each = tier.bytes as f64 / f64::from(guests);
        println!("{:?}: {} files, {} rows, {each:.0} B a guest", tier.tier, tier.files, tier.rows);
    }
    let files: usize = stats.tiers.iter().map(|t| t.files).sum();
    Some((stats.bytes + files as u64 * 2_048) as f64 / f64::from(guests))
}

#[test]
#[ignore = "minutes; for figures"]
fn ninety_days_of_a_guest_fit() {
    for guests in [50, 200] {
        let Some(bytes) = bytes_per_guest(guests) else { return };
        println!("{guests} guests: {:.1} KB a guest", bytes / 1_024.0);
        assert!(guests < 200 || bytes <= LIMIT, "{bytes} bytes");
    }
}
