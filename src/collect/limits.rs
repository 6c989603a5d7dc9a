//! Largest values that PVE can have measured: what is above counts as unknown, wherever it was read. What a tick can
//! hold at all is in `model`.

use crate::model::Fraction;

/// Largest share of a node's CPU, or of its time waiting for disks.
pub(crate) const NODE_CPU: f64 = 1.5;
/// Largest share of a guest's CPU: its disk and network threads count too, so a guest with one core can reach a few
/// times that core.
pub(crate) const GUEST_CPU: f64 = 64.0;
/// Largest pressure in percent, with room for rounding.
pub(super) const PRESSURE: f64 = 101.0;

/// A pressure in percent as a share.
pub(super) fn pressure(percent: f64) -> Fraction {
    Fraction((percent / 100.0).min(1.0))
}
