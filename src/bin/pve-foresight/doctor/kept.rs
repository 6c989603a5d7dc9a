//! What has been recorded, and whether it can go on.

use super::{Check, Site};
use pve_foresight::engine::{CLOCK_SLACK, Engine};
use pve_foresight::model::Bytes;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const JOURNAL: &str = "journalctl -u pve-foresight-collect";

/// Whether samples arrive.
pub(super) fn state(site: &Site) -> Check {
    let name = "state";
    let status = match Engine::new(&site.state).status(Some(site.now)) {
        Ok(status) => status,
        Err(e) => return Check::fail(name, e.to_string(), "pve-foresight verify"),
    };
    let newest = status.size.iter().flat_map(|s| &s.tiers).filter_map(|tier| tier.newest).max();
    let size = Bytes(status.size.map_or(0, |size| size.bytes) as f64);
    let is_late = status.collector.is_some_and(|collector| collector.late);
    match status.last_sample_age {
        _ if newest.is_some_and(|ts| ts > site.now + CLOCK_SLACK) => Check::fail(
            name,
            "there are samples of the future: this node's clock was ahead, or is behind",
            "timedatectl; the samples serve once their time has come",
        ),
        None => {
            Check::warn(name, "nothing is recorded yet", format!("wait a minute, then {JOURNAL}"))
        }
        Some(age) if is_late => {
            Check::fail(name, format!("the newest sample is {} old", span(age)), JOURNAL)
        }
        Some(age) => Check::ok(name, format!("the newest sample is {age} s old; {size} in all")),
    }
}

/// Whether the collector may write everything, and strangers may read nothing.
pub(super) fn permissions(site: &Site) -> Check {
    let name = "permissions";
    let state = &site.state;
    let Ok(top) = fs::metadata(state) else {
        return Check::ok(name, "nothing there yet");
    };
    let dir = state.display();
    if top.mode() & 0o007 != 0 {
        let found = format!("{dir} is open to all users, and has names of guests in it");
        return Check::fail(name, found, format!("chmod 0750 {dir}"));
    }
    match foreign(state, top.uid()) {
        Some(file) => Check::fail(
            name,
            format!("{} belongs to another user than {dir}", file.display()),
            format!("chown -R --reference={dir} {dir}"),
        ),
        None => Check::ok(name, format!("{dir} and all in it belong to one user")),
    }
}

/// Something in a folder that `owner` does not own.
fn foreign(dir: &Path, owner: u32) -> Option<PathBuf> {
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            if found.uid() != owner {
                return Some(entry.path());
            }
            if found.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    None
}

/// Whether Proxmox VE's own history was imported.
pub(super) fn history(site: &Site) -> Check {
    let name = "history";
    match site.state.join(".history-imported").exists() {
        true => Check::ok(name, "Proxmox VE's own is imported"),
        false => Check::warn(
            name,
            "Proxmox VE's own is not imported yet",
            "systemctl start --no-block pve-foresight-import",
        ),
    }
}

/// A time span as people say it.
fn span(seconds: i64) -> String {
    match seconds {
        ..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
