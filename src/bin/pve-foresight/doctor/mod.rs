//! `doctor`: whether everything is in place, and what to do where it is not.

mod cluster;
mod joined;
mod kept;

use crate::args::{Args, Doctor};
use crate::out::{BAD, GOOD, Out, WARN, styled};
use pve_foresight::error::Result;
use pve_foresight::model::UnixTime;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The system that is looked at.
struct Site {
    /// Where its file tree is: `/`, or a copy of it.
    prefix: PathBuf,
    /// The store, as seen from here.
    state: PathBuf,
    now: UnixTime,
}

impl Site {
    fn path(&self, absolute: &str) -> PathBuf {
        below(&self.prefix, Path::new(absolute))
    }

    /// Whether this is the running system, whose daemons can be asked.
    fn is_live(&self) -> bool {
        self.prefix == Path::new("/")
    }
}

/// An absolute path below `prefix`; a relative one is where it says.
fn below(prefix: &Path, path: &Path) -> PathBuf {
    path.strip_prefix("/").map_or_else(|_| path.to_path_buf(), |inner| prefix.join(inner))
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// What one check found.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    level: Level,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, level: Level::Ok, found: found.into(), remedy: None }
    }

    fn warn(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, level: Level::Warn, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn fail(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Fail, ..Self::warn(name, found, remedy) }
    }
}

#[derive(Serialize)]
struct Reply {
    version: &'static str,
    now: UnixTime,
    healthy: bool,
    checks: Vec<Check>,
}

/// `false` when a check failed; warnings alone are no failure.
pub(crate) fn run(args: &Args, command: &Doctor, out: &mut Out) -> Result<bool> {
    let site = Site {
        prefix: command.prefix.clone(),
        state: below(&command.prefix, &args.state),
        now: args.now.unwrap_or_else(clock),
    };
    let checks = examine(&site);
    let healthy = checks.iter().all(|check| check.level != Level::Fail);
    let reply = Reply { version: env!("CARGO_PKG_VERSION"), now: site.now, healthy, checks };
    match out.is_json() {
        true => out.value(&reply)?,
        false => reply.checks.iter().try_for_each(|check| line(check, out))?,
    }
    Ok(healthy)
}

/// All checks, from what is installed to what it has done.
fn examine(site: &Site) -> Vec<Check> {
    let mut checks = vec![
        joined::library(site),
        joined::module(site),
        joined::api(site),
        joined::page(site),
        joined::timer(site),
    ];
    checks.extend(cluster::pmxcfs(site));
    checks.extend([
        cluster::settings(site),
        kept::state(site),
        kept::permissions(site),
        kept::history(site),
    ]);
    checks
}

fn line(check: &Check, out: &mut Out) -> Result<()> {
    let (style, level) = match check.level {
        Level::Ok => (GOOD, "ok  "),
        Level::Warn => (WARN, "warn"),
        Level::Fail => (BAD, "fail"),
    };
    let remedy = check.remedy.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    let lead = format!("{}  {:<12} ", styled(style, level), check.name);
    out.prose(&lead, format!("{}{remedy}", check.found))
}

fn clock() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::try_from(since.as_secs()).unwrap_or(UnixTime::MAX)
}
