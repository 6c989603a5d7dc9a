//! A pmxcfs tree per tick: what a collector finds below `/etc/pve` on PVE 8 or 9.
//!
//! Every file is written beside the tree and renamed into place, `.rrd` last, so that a reader
//! at any moment sees whole files. Files that did not change are left alone.

use super::check::is_plain;
use super::rrd::RrdText;
use crate::error::{Error, Result};
use crate::model::{
    Disk, DiskSource, GIB, GuestFacts, GuestKind, Inventory, MIB, StorageFacts, Tick, UnixTime,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Which PVE wrote the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PveVersion {
    /// Keys `pve2-node`, `pve2.3-vm`, `pve2-storage`.
    #[serde(rename = "8")]
    V8,
    /// Keys `pve-node-9.0`, `pve-vm-9.0`, `pve-storage-9.0`, with pressure.
    #[default]
    #[serde(rename = "9")]
    V9,
}

impl std::str::FromStr for PveVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "8" => Ok(Self::V8),
            "9" => Ok(Self::V9),
            _ => Err(Error::invalid(format!("'{text}' is neither 8 nor 9")).at("version")),
        }
    }
}

/// Writes tick after tick into one tree.
#[derive(Debug)]
pub struct TreeWriter {
    root: PathBuf,
    /// Content of the files that are there, by path below the root.
    written: BTreeMap<PathBuf, String>,
    rrd: RrdText,
}

impl TreeWriter {
    /// A writer into the folder `root`, which is made if need be. Refuses one with something in
    /// it: that could be a cluster's own `/etc/pve`.
    pub fn new(root: &Path, version: PveVersion) -> Result<Self> {
        let root = new_folder(root)?;
        Ok(Self { root, written: BTreeMap::new(), rrd: RrdText::new(version) })
    }

    /// Goes on in another new folder with the next tick; counters run on.
    pub fn move_to(&mut self, root: &Path) -> Result<()> {
        self.root = new_folder(root)?;
        self.written.clear();
        Ok(())
    }

    /// Makes the tree show `tick` and `inventory`; ticks come in order of time. What is refused
    /// changes nothing.
    pub fn write(&mut self, tick: &Tick, inventory: &Inventory) -> Result<()> {
        tick.check()?;
        check_names(tick, inventory)?;
        let rrd = self.rrd.text(tick)?;
        let mut files = configs(inventory);
        files.insert("storage.cfg".into(), storage_cfg(inventory));
        files.insert(".vmlist".into(), vmlist(inventory));
        files.insert(".members".into(), members(inventory));
        files.insert(RRD.into(), rrd);
        self.make_folders(inventory)?;
        let gone: Vec<PathBuf> =
            self.written.keys().filter(|p| !files.contains_key(*p)).cloned().collect();
        let rrd = files.remove_entry(Path::new(RRD));
        for (path, content) in files.into_iter().chain(rrd) {
            self.put(path, content)?;
        }
        gone.iter().try_for_each(|path| self.remove(path))
    }

    fn make_folders(&self, inventory: &Inventory) -> Result<()> {
        for node in &inventory.nodes {
            for folder in ["qemu-server", "lxc"] {
                let path = self.root.join("nodes").join(&node.name).join(folder);
                fs::create_dir_all(&path).map_err(|e| Error::io(&path, &e))?;
            }
        }
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> Result<()> {
        let full = self.root.join(path);
        self.written.remove(path);
        fs::remove_file(&full).map_err(|e| Error::io(&full, &e))
    }

    fn put(&mut self, path: PathBuf, content: String) -> Result<()> {
        if self.written.get(&path) == Some(&content) {
            return Ok(());
        }
        let (full, temporary) = (self.root.join(&path), self.root.join(".simulate.tmp"));
        fs::write(&temporary, &content).map_err(|e| Error::io(&temporary, &e))?;
        fs::rename(&temporary, &full).map_err(|e| Error::io(&full, &e))?;
        self.written.insert(path, content);
        Ok(())
    }
}

/// Written last: whoever sees new values finds the configuration that goes with them.
const RRD: &str = ".rrd";

/// Refuses names that cannot be a file name and a word of a config file.
fn check_names(tick: &Tick, inventory: &Inventory) -> Result<()> {
    for node in &tick.nodes {
        let storages = node.storage.iter().map(|s| &s.id);
        storages.chain([&node.name]).try_for_each(|name| plain(name))?;
    }
    tick.guests.iter().try_for_each(|g| plain(&g.node))?;
    inventory.nodes.iter().try_for_each(|n| plain(&n.name))?;
    inventory.guests.iter().try_for_each(|g| plain(&g.node))?;
    for (id, storage) in inventory.storages.iter().flatten() {
        let words = storage.nodes.iter().chain(&storage.content);
        words.chain([id, &storage.kind]).try_for_each(|name| plain(name))?;
    }
    Ok(())
}

fn plain(name: &str) -> Result<()> {
    if is_plain(name) {
        return Ok(());
    }
    let message = format!("'{name}' cannot be a file name; use letters, digits, '-', '_' and '.'");
    Err(Error::invalid(message))
}

/// The folder `root`, made if need be, and empty.
fn new_folder(root: &Path) -> Result<PathBuf> {
    fs::create_dir_all(root).map_err(|e| Error::io(root, &e))?;
    if fs::read_dir(root).map_err(|e| Error::io(root, &e))?.next().is_some() {
        return Err(Error::invalid("is not empty; name a new folder").at(root.display()));
    }
    Ok(root.to_path_buf())
}

fn configs(inventory: &Inventory) -> BTreeMap<PathBuf, String> {
    let file = |guest: &GuestFacts| {
        let (folder, text) = match guest.kind {
            GuestKind::Qemu => ("qemu-server", qemu_config(guest)),
            GuestKind::Lxc => ("lxc", lxc_config(guest)),
        };
        (format!("nodes/{}/{folder}/{}.conf", guest.node, guest.vmid).into(), text)
    };
    inventory.guests.iter().map(file).collect()
}

/// Lines of a config file; a value never leaves its line.
struct Config(String);

impl Config {
    fn line(&mut self, key: &str, value: impl std::fmt::Display) {
        let value = value.to_string().replace(char::is_control, " ");
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "{key}: {value}");
    }

    fn common(guest: &GuestFacts, name_key: &str) -> Self {
        let mut config = Self(String::new());
        config.line(name_key, &guest.name);
        if let Some(cores) = guest.maxcpu {
            config.line("cores", cores.0.ceil());
        }
        if let Some(memory) = guest.maxmem {
            config.line("memory", (memory.0 / MIB).round());
        }
        if !guest.tags.is_empty() {
            config.line("tags", guest.tags.join(";"));
        }
        if let Some(lock) = &guest.lock {
            config.line("lock", lock);
        }
        if guest.template {
            config.line("template", 1);
        }
        config
    }

    fn disks(&mut self, disks: &[Disk], extra: &str) {
        for disk in disks {
            let media = if disk.cdrom { ",media=cdrom" } else { extra };
            match &disk.source {
                DiskSource::Volume { storage, volume } => {
                    let size =
                        disk.size.map_or(String::new(), |s| format!(",size={:.0}G", s.0 / GIB));
                    self.line(&disk.key, format_args!("{storage}:{volume}{media}{size}"));
                }
                DiskSource::HostPath { path, shared } => {
                    let shared = if *shared { ",shared=1" } else { "" };
                    self.line(&disk.key, format_args!("{path}{media}{shared}"));
                }
                DiskSource::None => self.line(&disk.key, format_args!("none{media}")),
            }
        }
    }
}

fn qemu_config(guest: &GuestFacts) -> String {
    let mut config = Config::common(guest, "name");
    if let Some(created) = guest.created {
        config.line("meta", format_args!("creation-qemu=9.2.0,ctime={created}"));
    }
    config.line("ostype", "l26");
    config.line("scsihw", "virtio-scsi-single");
    config.line("net0", format_args!("virtio={},bridge=vmbr0", mac(guest.vmid)));
    config.disks(&guest.disks, ",iothread=1");
    config.0
}

fn lxc_config(guest: &GuestFacts) -> String {
    let mut config = Config::common(guest, "hostname");
    config.line("arch", "amd64");
    config.line("ostype", "debian");
    config.line("unprivileged", 1);
    let net = format!("name=eth0,bridge=vmbr0,hwaddr={},ip=dhcp,type=veth", mac(guest.vmid));
    config.line("net0", net);
    config.disks(&guest.disks, "");
    config.0
}

fn mac(vmid: u32) -> String {
    let [a, b, c, d] = vmid.to_be_bytes();
    format!("BC:24:{a:02X}:{b:02X}:{c:02X}:{d:02X}")
}

fn storage_cfg(inventory: &Inventory) -> String {
    let mut text = String::new();
    for (id, storage) in inventory.storages.iter().flatten() {
        text.push_str(&storage_section(id, storage));
    }
    text
}

fn storage_section(id: &str, storage: &StorageFacts) -> String {
    let mut text = format!("{}: {id}\n", storage.kind);
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "\t{key} {value}");
    };
    if storage.kind == "dir" {
        // PVE puts its own definition in the place of a 'local' elsewhere.
        let path = if id == "local" { "/var/lib/vz".into() } else { format!("/mnt/{id}") };
        line("path", &path);
    }
    if !storage.content.is_empty() {
        line("content", &storage.content.join(","));
    }
    if !storage.nodes.is_empty() {
        line("nodes", &storage.nodes.join(","));
    }
    if storage.shared {
        line("shared", "1");
    }
    if storage.disabled {
        line("disable", "");
    }
    text.push('\n');
    text
}

fn vmlist(inventory: &Inventory) -> String {
    let ids: serde_json::Map<_, _> = inventory
        .guests
        .iter()
        .map(|g| {
            let entry = serde_json::json!({ "node": g.node, "type": g.kind, "version": 1 });
            (g.vmid.to_string(), entry)
        })
        .collect();
    let mut list = serde_json::json!({ "version": 1 });
    if !ids.is_empty() {
        list["ids"] = ids.into();
    }
    format!("{list:#}\n")
}

fn members(inventory: &Inventory) -> String {
    let nodes: serde_json::Map<_, _> = inventory
        .nodes
        .iter()
        .enumerate()
        .map(|(i, n)| {
            let (high, low) = (i / 250, i % 250 + 1);
            let entry = serde_json::json!({
                "id": i + 1,
                "online": i32::from(n.online.unwrap_or(true)),
                "ip": format!("192.0.{high}.{low}"),
            });
            (n.name.clone(), entry)
        })
        .collect();
    let text = serde_json::json!({
        "nodename": inventory.local_node,
        "version": 1,
        "cluster": {
            "name": inventory.cluster,
            "version": 1,
            "nodes": inventory.nodes.len(),
            "quorate": i32::from(inventory.quorate.unwrap_or(true)),
        },
        "nodelist": nodes,
    });
    format!("{text:#}\n")
}

/// Seconds for which pmxcfs keeps an entry of `.rrd` that nobody renews.
pub(super) const EXPIRY: UnixTime = 300;
