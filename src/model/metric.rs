//! THE list of what is measured. Store columns, JSON fields, CLI help and docs derive from it.

use super::{GuestSample, NodeSample, Unit};
use serde::{Deserialize, Serialize};

/// Which end of a metric's range means trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    /// High values are trouble: load, usage, pressure.
    High,
    /// Low values are trouble: what is still available.
    Low,
    /// Neither by itself: how many guests, how much cache.
    Neither,
}

/// What both lists of metrics have in common.
pub trait Metric: Copy + Eq + std::fmt::Debug + Send + Sync + 'static {
    /// Sample that carries these metrics.
    type Sample;
    /// All of them, in the order of their index.
    const ALL: &'static [Self];

    /// Position in [`Metric::ALL`].
    fn index(self) -> usize;
    /// Name in files, JSON and on the command line. Stored data refers to it: never rename.
    fn name(self) -> &'static str;
    /// Unit of its values.
    fn unit(self) -> Unit;
    /// Which end is trouble.
    fn worse(self) -> Worse;
    /// One line for people.
    fn help(self) -> &'static str;
    /// Its value in a sample; `None` where the source did not give it.
    fn of(self, sample: &Self::Sample) -> Option<f64>;

    /// The metric called `name`.
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.name() == name)
    }
}

macro_rules! metrics {
    ($(#[$doc:meta])* $list:ident of $sample:ident {
        $($(#[doc = $help:literal])+ $variant:ident = $name:literal, $unit:ident, $worse:ident, |$s:ident| $value:expr;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $list {
            $($(#[doc = $help])+ #[serde(rename = $name)] $variant,)+
        }

        impl Metric for $list {
            type Sample = $sample;
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn index(self) -> usize {
                self as usize
            }
            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
            fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit,)+ }
            }
            fn worse(self) -> Worse {
                match self { $(Self::$variant => Worse::$worse,)+ }
            }
            fn help(self) -> &'static str {
                match self { $(Self::$variant => concat!($($help),+).trim_ascii(),)+ }
            }
            fn of(self, sample: &$sample) -> Option<f64> {
                match self { $(Self::$variant => { let $s = sample; $value })+ }
            }
        }
    };
}

metrics! {
    /// What is measured of a node.
    NodeMetric of NodeSample {
        /// CPU time in use, share of all cores
        Cpu = "cpu", Fraction, High, |s| s.cpu.map(|x| x.0);
        /// memory in use, share of the installed memory
        Memory = "memory", Fraction, High, |s| share(s.mem, s.maxmem);
        /// CPU time spent waiting for disks, share of all cores
        Iowait = "iowait", Fraction, High, |s| s.iowait.map(|x| x.0);
        /// load average of the last minute
        LoadAvg = "load_avg", Number, High, |s| s.load_avg;
        /// number of running guests
        GuestCount = "guest_count", Number, Neither, |s| s.guest_count.map(f64::from);
        /// fullest storage, share of its size
        StorageUsage = "storage_usage", Fraction, High, |s| s.storage_usage();
        /// swap in use, share of the configured swap
        Swap = "swap", Fraction, High, |s| share(s.swap, s.maxswap);
        /// network traffic received
        NetIn = "net_in_bps", BytesPerSecond, High, |s| s.net_in_bps.map(|x| x.0);
        /// network traffic sent
        NetOut = "net_out_bps", BytesPerSecond, High, |s| s.net_out_bps.map(|x| x.0);
        /// memory available without swapping, share of the installed memory
        MemoryAvailable = "memory_available", Fraction, Low, |s| share(s.mem_available, s.maxmem);
        /// ZFS cache (ARC), share of the installed memory
        Arc = "arc", Fraction, Neither, |s| share(s.arc, s.maxmem);
        /// share of time in which some task waited for CPU (PSI)
        PsiCpuSome = "psi_cpu_some", Fraction, High, |s| s.psi_cpu_some.map(|x| x.0);
        /// share of time in which some task waited for disks (PSI)
        PsiIoSome = "psi_io_some", Fraction, High, |s| s.psi_io_some.map(|x| x.0);
        /// share of time in which all tasks waited for disks (PSI)
        PsiIoFull = "psi_io_full", Fraction, High, |s| s.psi_io_full.map(|x| x.0);
        /// share of time in which some task waited for memory (PSI)
        PsiMemorySome = "psi_memory_some", Fraction, High, |s| s.psi_memory_some.map(|x| x.0);
        /// share of time in which all tasks waited for memory (PSI)
        PsiMemoryFull = "psi_memory_full", Fraction, High, |s| s.psi_memory_full.map(|x| x.0);
    }
}

metrics! {
    /// What is measured of a guest, VM or container.
    GuestMetric of GuestSample {
        /// CPU time in use, share of the guest's own cores
        Cpu = "cpu", Fraction, High, |s| s.cpu.map(|x| x.0);
        /// memory in use, share of the guest's configured memory
        Memory = "memory", Fraction, High, |s| share(s.mem, s.maxmem);
        /// data read from disks
        DiskRead = "disk_read_bps", BytesPerSecond, High, |s| s.disk_read_bps.map(|x| x.0);
        /// data written to disks
        DiskWrite = "disk_write_bps", BytesPerSecond, High, |s| s.disk_write_bps.map(|x| x.0);
        /// network traffic received
        NetIn = "net_in_bps", BytesPerSecond, High, |s| s.net_in_bps.map(|x| x.0);
        /// network traffic sent
        NetOut = "net_out_bps", BytesPerSecond, High, |s| s.net_out_bps.map(|x| x.0);
        /// memory the guest takes on its host, share of its configured memory
        MemoryHost = "memory_host", Fraction, High, |s| share(s.mem_host, s.maxmem);
        /// share of time in which some task waited for CPU (PSI)
        PsiCpuSome = "psi_cpu_some", Fraction, High, |s| s.psi_cpu_some.map(|x| x.0);
        /// share of time in which all tasks waited for CPU (PSI)
        PsiCpuFull = "psi_cpu_full", Fraction, High, |s| s.psi_cpu_full.map(|x| x.0);
        /// share of time in which some task waited for disks (PSI)
        PsiIoSome = "psi_io_some", Fraction, High, |s| s.psi_io_some.map(|x| x.0);
        /// share of time in which all tasks waited for disks (PSI)
        PsiIoFull = "psi_io_full", Fraction, High, |s| s.psi_io_full.map(|x| x.0);
        /// share of time in which some task waited for memory (PSI)
        PsiMemorySome = "psi_memory_some", Fraction, High, |s| s.psi_memory_some.map(|x| x.0);
        /// share of time in which all tasks waited for memory (PSI)
        PsiMemoryFull = "psi_memory_full", Fraction, High, |s| s.psi_memory_full.map(|x| x.0);
    }
}

/// `part / whole`, absent when either is or when the whole is nothing.
fn share(part: Option<super::Bytes>, whole: Option<super::Bytes>) -> Option<f64> {
    match (part, whole) {
        (Some(part), Some(whole)) if whole.0 > 0.0 => Some((part / whole).0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<M: Metric>() {
        for (i, m) in M::ALL.iter().enumerate() {
            assert_eq!(m.index(), i);
            assert_eq!(M::from_name(m.name()), Some(*m), "names are unique");
            assert!(!m.help().is_empty());
        }
    }

    #[test]
    fn tables_are_consistent() {
        check::<NodeMetric>();
        check::<GuestMetric>();
    }

    #[test]
    fn absent_stays_absent() {
        let empty = GuestSample::default();
        assert!(GuestMetric::ALL.iter().all(|m| m.of(&empty).is_none()));
        let node = NodeSample::default();
        assert!(NodeMetric::ALL.iter().all(|m| m.of(&node).is_none()));
    }
}
