//! What a guest would use if no neighbour held it back.

use crate::model::{Bytes, BytesPerSecond, Cores};

/// A running guest's demand at one moment, in units of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// CPU in host cores, before any contention.
    pub cpu: Cores,
    /// Memory in use inside the guest.
    pub mem: Bytes,
    /// Data read from disks.
    pub disk_read: BytesPerSecond,
    /// Data written to disks.
    pub disk_write: BytesPerSecond,
    /// Network traffic received.
    pub net_in: BytesPerSecond,
    /// Network traffic sent.
    pub net_out: BytesPerSecond,
}

impl Demand {
    /// CPU, disk and network by `load`, memory by `memory`.
    #[must_use]
    pub fn scaled(self, load: f64, memory: f64) -> Self {
        Self {
            cpu: self.cpu * load,
            mem: self.mem * memory,
            disk_read: self.disk_read * load,
            disk_write: self.disk_write * load,
            net_in: self.net_in * load,
            net_out: self.net_out * load,
        }
    }
}
