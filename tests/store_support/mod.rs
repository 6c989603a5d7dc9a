//! Ticks for the tests of the store.
#![allow(dead_code, unused_imports, clippy::unwrap_used, reason = "each user takes a part of this")]

#[path = "../skip_support/mod.rs"]
mod skip_support;
pub(crate) mod workload;

use pve_foresight::model::{
    Bytes, BytesPerSecond, Cores, Fraction, GIB, GuestKind, GuestSample, GuestStatus, NodeSample,
    StorageSample, Tick, UnixTime,
};
pub(crate) use pve_foresight::model::{DAY, HOUR};
pub(crate) use skip_support::skip;

/// 2023-11-16 00:00 UTC: start of an hour, a day and a week of segments.
pub(crate) const START: UnixTime = 1_700_092_800;
pub(crate) const MINUTE: i64 = 60;

/// A number between 0 and 1 that looks random and depends on its arguments alone.
pub(crate) fn noise(a: u64, b: u64) -> f64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xd1b5_4a32_d192_ed03);
    for _ in 0..2 {
        x ^= x >> 29;
        x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (x >> 11) as f64 / (1u64 << 53) as f64
}

pub(crate) fn node(name: &str, ts: UnixTime) -> NodeSample {
    let x = noise(name.len() as u64 + u64::from(name.as_bytes()[name.len() - 1]), ts as u64);
    NodeSample {
        name: name.into(),
        online: true,
        maxcpu: Some(Cores(32.0)),
        cpu: Some(Fraction(x)),
        iowait: Some(Fraction(x / 50.0)),
        load_avg: Some(x * 20.0),
        maxmem: Some(Bytes(128.0 * GIB)),
        mem: Some(Bytes((0.5 + x / 10.0) * 128.0 * GIB)),
        guest_count: Some(17),
        storage: vec![StorageSample {
            id: "local-lvm".into(),
            total: Bytes(900.0 * GIB),
            used: Bytes((400.0 + x) * GIB),
        }],
        ..NodeSample::default()
    }
}

pub(crate) fn guest(vmid: u32, node: &str, ts: UnixTime) -> GuestSample {
    let x = noise(u64::from(vmid), ts as u64);
    GuestSample {
        vmid,
        kind: if vmid.is_multiple_of(5) { GuestKind::Lxc } else { GuestKind::Qemu },
        name: format!("guest-{vmid}"),
        node: node.into(),
        status: GuestStatus::Running,
        maxcpu: Some(Cores(4.0)),
        cpu: Some(Fraction(x)),
        maxmem: Some(Bytes(8.0 * GIB)),
        mem: Some(Bytes((0.3 + x / 20.0) * 8.0 * GIB)),
        disk_read_bps: Some(BytesPerSecond(if x < 0.8 { 0.0 } else { x * 1e6 })),
        disk_write_bps: Some(BytesPerSecond(x * 3e5)),
        net_in_bps: Some(BytesPerSecond(x * 1e4)),
        net_out_bps: Some(BytesPerSecond(x * 2e4)),
        ..GuestSample::default()
    }
}

/// Two nodes, `guests` guests from vmid 100 on, spread over the nodes.
pub(crate) fn tick(ts: UnixTime, guests: u32) -> Tick {
    let host = |vmid: u32| if vmid.is_multiple_of(2) { "alpha" } else { "beta" };
    Tick {
        ts,
        nodes: vec![node("alpha", ts), node("beta", ts)],
        guests: (100..100 + guests).map(|vmid| guest(vmid, host(vmid), ts)).collect(),
    }
}

/// Whether a stored value is what was given, within the error of its scale.
pub(crate) fn close(stored: f64, given: f64) -> bool {
    (stored - given).abs() <= given.abs() * 2.5e-4 + 2e-6
}

/// Where the frames of a segment start.
pub(crate) fn frames(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len() - 4).filter(|&i| bytes[i..].starts_with(b"\xf5PF\n")).collect()
}

/// A number of a frame's head.
pub(crate) fn head_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Makes the checksums of a frame fit what is in its head and meta part.
pub(crate) fn seal(bytes: &mut [u8], frame: usize) {
    let meta = frame + 36..frame + 36 + head_u32(bytes, frame + 8) as usize;
    let crc = crc32fast::hash(&bytes[meta]);
    bytes[frame + 28..frame + 32].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32fast::hash(&bytes[frame..frame + 32]);
    bytes[frame + 32..frame + 36].copy_from_slice(&crc.to_le_bytes());
}

/// Makes the file one of a newer version, which nobody here can read.
pub(crate) fn make_newer(file: &std::path::Path) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[8] = 9;
    let end = 14 + head_u32(&bytes, 10) as usize;
    let crc = crc32fast::hash(&bytes[..end]);
    bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(file, &bytes).unwrap();
}
