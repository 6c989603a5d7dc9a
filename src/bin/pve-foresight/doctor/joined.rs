//! How the package sits in Proxmox VE: library, Perl, wrappers, timer.

use super::{Check, Site};
use std::path::{Path, PathBuf};
use std::process::Command;

// The package comes from a file, not from a repository.
const REINSTALL: &str = "apt install --reinstall ./pve-foresight_*.deb";
const LIBRARY: &str = "libpve_foresight.so";
const TIMER: &str = "pve-foresight-collect.timer";
const SERVICE: &str = "pve-foresight-collect.service";

/// A file of pve-manager that ours stands before.
struct Wrapper {
    name: &'static str,
    file: &'static str,
    aside: &'static str,
    without: &'static str,
}

const API: Wrapper = Wrapper {
    name: "API",
    file: "/usr/share/perl5/PVE/API2/Cluster.pm",
    aside: "/usr/share/perl5/PVE/API2/Cluster.distrib.pm",
    without: "the API has no /cluster/foresight",
};

const PAGE: Wrapper = Wrapper {
    name: "web page",
    file: "/usr/share/pve-manager/index.html.tpl",
    aside: "/usr/share/pve-manager/index.html.tpl.distrib",
    without: "the web interface has no Foresight",
};

/// The engine that Perl loads: whether it can be loaded at all.
pub(super) fn library(site: &Site) -> Check {
    let name = "library";
    let Some(file) = libraries(site).map(|dir| dir.join(LIBRARY)).find(|file| file.is_file())
    else {
        return Check::fail(name, format!("{LIBRARY} is missing"), REINSTALL);
    };
    let loads = "require DynaLoader; my ($file) = $ARGV[0] =~ m/(.*)/s; \
                 DynaLoader::dl_load_file($file, 0) or die DynaLoader::dl_error()";
    match perl(site, loads, Some(&file)) {
        Ok(()) => Check::ok(name, file.display().to_string()),
        Err(why) => Check::fail(name, why, REINSTALL),
    }
}

/// Folders in which the engine may lie.
fn libraries(site: &Site) -> impl Iterator<Item = PathBuf> {
    let dirs = inside(&site.path("/usr/lib")).into_iter().map(|dir| dir.join("pve-foresight"));
    dirs.filter(|dir| dir.is_dir())
}

/// The Perl module, with bridge and engine, which the daemons load on the first question only.
pub(super) fn module(site: &Site) -> Check {
    let name = "Perl module";
    match perl(site, "require PVE::Foresight; PVE::Foresight::version()", None) {
        Ok(()) => Check::ok(name, "PVE::Foresight loads, with bridge and library"),
        Err(why) => Check::fail(
            name,
            why,
            format!("{REINSTALL}; after an upgrade of Debian, with the package built for it"),
        ),
    }
}

/// The wrapper around `PVE::API2::Cluster`, and that it has us in.
pub(super) fn api(site: &Site) -> Check {
    if let Some(trouble) = misplaced(site, &API) {
        return trouble;
    }
    let loads = "require PVE::API2::Cluster; die qq(PVE::API2::Foresight stays away\\n) \
                 if !$INC{'PVE/API2/Foresight.pm'}";
    match perl(site, loads, None) {
        Ok(()) => Check::ok(API.name, "/cluster/foresight is part of it"),
        Err(why) => Check::fail(
            API.name,
            why,
            "journalctl -u pvedaemon says more; a Proxmox VE that is newer than this version \
             may need a newer one",
        ),
    }
}

/// The wrapper around the page of the web interface.
pub(super) fn page(site: &Site) -> Check {
    misplaced(site, &PAGE).unwrap_or_else(|| Check::ok(PAGE.name, "loads the Foresight panel"))
}

/// What is wrong with a wrapper's place, if anything.
fn misplaced(site: &Site, wrapper: &Wrapper) -> Option<Check> {
    let Wrapper { name, file, aside, without } = *wrapper;
    let fail = |what: String| Some(Check::fail(name, format!("{what}: {without}"), REINSTALL));
    if true_name(site, file).as_deref() != Some(aside) {
        return fail(format!("{file} is not diverted"));
    }
    match (std::fs::read(site.path(file)), std::fs::read(site.path(aside))) {
        (Err(_), _) => fail(format!("{file} is missing")),
        (_, Err(_)) => Some(Check::fail(
            name,
            format!("{aside} is missing: the original is gone"),
            "apt install --reinstall pve-manager",
        )),
        (Ok(ours), Ok(original)) if ours == original => {
            fail(format!("{file} is the original, not ours"))
        }
        _ => None,
    }
}

/// The name under which dpkg puts what pve-manager has as `file`.
fn true_name(site: &Site, file: &str) -> Option<String> {
    let mut command = Command::new("dpkg-divert");
    command.arg("--root").arg(&site.prefix).args(["--truename", file]);
    let said = command.output().ok()?.stdout;
    Some(String::from_utf8(said).ok()?.trim_end().to_string())
}

/// Whether the collector runs every minute.
pub(super) fn timer(site: &Site) -> Check {
    let name = "timer";
    let enabled = site.path("/etc/systemd/system/timers.target.wants").join(TIMER);
    let start = format!("systemctl enable --now {TIMER}");
    if enabled.symlink_metadata().is_err() {
        return Check::fail(name, format!("{TIMER} is not enabled"), start);
    }
    if !site.is_live() || !site.path("/run/systemd/system").is_dir() {
        let remedy = "look again where it does";
        return Check::warn(name, "enabled, but systemd does not run here", remedy);
    }
    match (systemctl("is-active", TIMER), systemctl("is-failed", SERVICE)) {
        (false, _) => Check::fail(name, format!("{TIMER} does not run"), start),
        (true, true) => {
            Check::fail(name, "the last run failed", format!("journalctl -u {SERVICE} says why"))
        }
        (true, false) => Check::ok(name, "enabled and running"),
    }
}

fn systemctl(question: &str, unit: &str) -> bool {
    let asked = Command::new("systemctl").args([question, "--quiet", unit]).status();
    asked.is_ok_and(|status| status.success())
}

/// Runs a line of Perl, perhaps about a file, in taint mode, as Proxmox VE's daemons run; the first line of its
/// complaint otherwise.
fn perl(site: &Site, code: &str, file: Option<&Path>) -> Result<(), String> {
    let mut command = Command::new("perl");
    command.arg("-T");
    if !site.is_live() {
        let arch =
            inside(&site.path("/usr/lib")).into_iter().flat_map(|d| inside(&d.join("perl5")));
        let dirs = arch.chain([site.path("/usr/share/perl5")]);
        command.args(dirs.map(|dir| format!("-I{}", dir.display())));
        // The bridge looks for the engine where it is on a running system.
        let dirs: Vec<PathBuf> = libraries(site).collect();
        command.envs(std::env::join_paths(dirs).ok().map(|dirs| ("LD_LIBRARY_PATH", dirs)));
    }
    let done = command.args(["-e", code]).args(file).output().map_err(|e| format!("perl: {e}"))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let Some(first) = said.lines().next() else {
        // A file that is cut off kills whoever loads it.
        return Err(format!("perl failed without a word ({})", done.status));
    };
    // Where Perl has looked for a module fills a screen, and our line is no place to look at.
    let ends = [" in @INC", " at -e line"].into_iter().filter_map(|words| first.find(words));
    Err(first[..ends.min().unwrap_or(first.len())].to_string())
}

/// Entries of a folder in their order; none if there is no such folder.
fn inside(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort_unstable();
    paths
}
