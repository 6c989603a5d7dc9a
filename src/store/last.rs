//! The last tick, put together again from its row.

use super::header::Group;
use super::roster::Roster;
use super::row::BLOCK;
use super::scale::{MISSING, Stored, scales};
use super::segment::{Row, Segment};
use crate::model::{
    Bytes, BytesPerSecond, Fraction, GuestMetric, GuestSample, NodeMetric, NodeSample,
    StorageSample, Tick,
};

/// The tick behind a raw row; `None` when one of its blocks is damaged.
///
/// Values carry the error of their scale. Amounts of memory come from shares, so they are absent
/// where the whole is not known.
pub(super) fn tick(segment: &Segment, row: &Row) -> Option<Tick> {
    let roster = &row.roster;
    let mut nodes: Vec<NodeSample> = roster
        .nodes
        .iter()
        .map(|n| NodeSample {
            name: n.name.clone(),
            online: n.online,
            maxcpu: n.maxcpu,
            maxmem: n.maxmem,
            maxswap: n.maxswap,
            ..NodeSample::default()
        })
        .collect();
    each::<NodeMetric>(segment, row, Group::Node, |place, metric, value| {
        set_node(&mut nodes[place], metric, value);
    })?;
    storages(segment, row, roster, &mut nodes)?;
    let mut guests: Vec<GuestSample> = roster
        .guests
        .iter()
        .map(|g| GuestSample {
            vmid: g.vmid,
            kind: g.kind,
            name: g.name.clone(),
            node: roster.host(g.node).to_string(),
            status: g.status,
            template: g.template,
            created: g.created,
            maxcpu: g.maxcpu,
            maxmem: g.maxmem,
            ..GuestSample::default()
        })
        .collect();
    each::<GuestMetric>(segment, row, Group::Guest, |place, metric, value| {
        set_guest(&mut guests[place], metric, value);
    })?;
    let present = nodes.into_iter().zip(roster.nodes.iter()).filter(|(_, entry)| entry.present);
    let nodes = present.map(|(node, _)| node).collect();
    let present = guests.into_iter().zip(roster.guests.iter()).filter(|(_, entry)| entry.present);
    let guests = present.map(|(guest, _)| guest).collect();
    Some(Tick { ts: row.time, nodes, guests })
}

/// Hands every value of a group to `set`, by place and metric.
fn each<M: Stored>(
    segment: &Segment,
    row: &Row,
    group: Group,
    mut set: impl FnMut(usize, M, f64),
) -> Option<()> {
    let decode = |metric: usize, code| M::ALL.get(metric).map(|m| (*m, m.scale().decode(code)));
    codes(segment, row, group, |place, metric, code| {
        if let Some((metric, value)) = decode(metric, code) {
            set(place, metric, value);
        }
    })
}

/// Hands every code of a raw row's group to `set`, by place and our index of the metric.
fn codes(
    segment: &Segment,
    row: &Row,
    group: Group,
    mut set: impl FnMut(usize, usize, u16),
) -> Option<()> {
    let (mut buffer, mut out) = (Vec::new(), Vec::new());
    let ours = group.metrics();
    for (number, block) in row.meta.blocks(group).iter().enumerate() {
        let (block, columns) = segment.columns(block, &mut buffer).ok()?;
        for (metric, (_, scale)) in ours.iter().enumerate() {
            let meaning = &segment.header.groups[group as usize];
            let found = meaning.find(metric, super::header::Statistic::Avg);
            let found = found.and_then(|f| Some((f, columns.position(f.metric, f.statistic)?)));
            let Some((found, position)) = found else { continue };
            columns.decode(block, position, None, &mut out)?;
            for (i, &code) in out.iter().enumerate().filter(|(_, code)| **code != MISSING) {
                set(number * BLOCK + i, metric, found.ours(code, *scale));
            }
        }
    }
    Some(())
}

fn storages(segment: &Segment, row: &Row, roster: &Roster, nodes: &mut [NodeSample]) -> Option<()> {
    let mut samples: Vec<[Option<f64>; 2]> = vec![[None; 2]; roster.storages.len()];
    let size = scales().size;
    codes(segment, row, Group::Storage, |place, metric, code| {
        if let Some(slot) = samples[place].get_mut(metric) {
            *slot = Some(size.decode(code));
        }
    })?;
    for (entry, sample) in roster.storages.iter().zip(samples) {
        if let [Some(total), Some(used)] = sample {
            let id = entry.id.clone();
            let storage = StorageSample { id, total: Bytes(total), used: Bytes(used) };
            nodes[entry.node].storage.push(storage);
        }
    }
    Some(())
}

/// A share of a whole as an amount.
fn amount(share: f64, whole: Option<Bytes>) -> Option<Bytes> {
    whole.map(|whole| Fraction(share) * whole)
}

fn set_node(node: &mut NodeSample, metric: NodeMetric, value: f64) {
    let share = Some(Fraction(value));
    let rate = Some(BytesPerSecond(value));
    match metric {
        NodeMetric::Cpu => node.cpu = share,
        NodeMetric::Memory => node.mem = amount(value, node.maxmem),
        NodeMetric::Iowait => node.iowait = share,
        NodeMetric::LoadAvg => node.load_avg = Some(value),
        // Saturating by definition of `as`.
        NodeMetric::GuestCount => node.guest_count = Some(value.round() as u32),
        // Comes from the storages themselves.
        NodeMetric::StorageUsage => {}
        NodeMetric::Swap => node.swap = amount(value, node.maxswap),
        NodeMetric::NetIn => node.net_in_bps = rate,
        NodeMetric::NetOut => node.net_out_bps = rate,
        NodeMetric::MemoryAvailable => node.mem_available = amount(value, node.maxmem),
        NodeMetric::Arc => node.arc = amount(value, node.maxmem),
        NodeMetric::PsiCpuSome => node.psi_cpu_some = share,
        NodeMetric::PsiIoSome => node.psi_io_some = share,
        NodeMetric::PsiIoFull => node.psi_io_full = share,
        NodeMetric::PsiMemorySome => node.psi_memory_some = share,
        NodeMetric::PsiMemoryFull => node.psi_memory_full = share,
    }
}

fn set_guest(guest: &mut GuestSample, metric: GuestMetric, value: f64) {
    let share = Some(Fraction(value));
    let rate = Some(BytesPerSecond(value));
    match metric {
        GuestMetric::Cpu => guest.cpu = share,
        GuestMetric::Memory => guest.mem = amount(value, guest.maxmem),
        GuestMetric::DiskRead => guest.disk_read_bps = rate,
        GuestMetric::DiskWrite => guest.disk_write_bps = rate,
        GuestMetric::NetIn => guest.net_in_bps = rate,
        GuestMetric::NetOut => guest.net_out_bps = rate,
        GuestMetric::MemoryHost => guest.mem_host = amount(value, guest.maxmem),
        GuestMetric::PsiCpuSome => guest.psi_cpu_some = share,
        GuestMetric::PsiCpuFull => guest.psi_cpu_full = share,
        GuestMetric::PsiIoSome => guest.psi_io_some = share,
        GuestMetric::PsiIoFull => guest.psi_io_full = share,
        GuestMetric::PsiMemorySome => guest.psi_memory_some = share,
        GuestMetric::PsiMemoryFull => guest.psi_memory_full = share,
    }
}
