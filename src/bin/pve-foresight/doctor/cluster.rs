//! What the cluster file system says: live data, clocks, settings.

use super::{Check, Site};
use crate::settings::read;
use pve_foresight::collect::{Live, live};
use pve_foresight::settings::{FILE_NAME, MAX_BYTES, load};

/// Seconds by which an entry may differ from our clock: pvestatd writes every ten.
const SKEW: i64 = 60;

/// The cluster file system, and where it can be read, the clocks.
pub(super) fn pmxcfs(site: &Site) -> Vec<Check> {
    let name = "pmxcfs";
    match live(&site.path("/etc/pve")) {
        Err(e) => vec![Check::fail(name, e.to_string(), "systemctl status pve-cluster")],
        Ok(live) => vec![quorum(name, &live), clocks(site, &live)],
    }
}

fn quorum(name: &'static str, live: &Live) -> Check {
    let (nodes, guests) = (live.nodes.len(), live.guests.len());
    let counts = format!("{nodes} nodes, {guests} guests");
    match live.quorate {
        Some(false) => Check::warn(
            name,
            format!("{counts}, no quorum: other nodes are recorded as offline"),
            "pvecm status",
        ),
        _ if live.nodes.iter().all(|node| node.entry.is_none()) => {
            Check::warn(name, format!("{counts}, no live data"), "systemctl status pvestatd")
        }
        _ => Check::ok(name, counts),
    }
}

/// Entries carry their node's time, so that clocks can be compared.
fn clocks(site: &Site, live: &Live) -> Check {
    let name = "clock";
    let entries = live.nodes.iter().filter_map(|node| Some((node, node.entry.as_ref()?)));
    let apart = entries.map(|(node, entry)| (entry.stamp.ctime - site.now, &node.name));
    match apart.max_by_key(|(seconds, _)| seconds.abs()) {
        None => Check::ok(name, "nothing to compare with"),
        Some((seconds, node)) if seconds.abs() > SKEW => {
            let side = if seconds > 0 { "ahead of" } else { "behind" };
            Check::warn(
                name,
                format!("the last data of {node} is {} s {side} this node's clock", seconds.abs()),
                "chronyc tracking on both; systemctl status pvestatd there",
            )
        }
        Some((seconds, _)) => Check::ok(name, format!("nodes agree within {} s", seconds.abs())),
    }
}

/// The cluster's settings file.
pub(super) fn settings(site: &Site) -> Check {
    let name = "settings";
    let file = site.path("/etc/pve").join(FILE_NAME);
    if !file.exists() {
        return Check::ok(name, "all defaults");
    }
    let loaded = match read(&file, MAX_BYTES) {
        Ok(bytes) => load(&file, &bytes),
        Err(e) => return Check::fail(name, e.to_string(), "see who may read it"),
    };
    match loaded.warnings.first() {
        None => Check::ok(name, file.display().to_string()),
        Some(warning) => Check::warn(
            name,
            warning.to_string(),
            "correct or remove it there; a newer format needs a newer version of this package",
        ),
    }
}
