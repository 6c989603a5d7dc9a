//! What a run leaves for the next one: the counters it saw. Small, in /run, never precious.

use super::cluster::Place;
use super::rrd::Stamp;
use super::tree;
use crate::error::{Error, Kind, Result, Warning};
use crate::model::{GuestKind, UnixTime, Vmid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Version of the file written.
const VERSION: u32 = 1;

/// Counters of all nodes and guests as of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    pub(super) nodes: BTreeMap<String, Reading<2>>,
    pub(super) guests: BTreeMap<Vmid, GuestReading>,
}

/// Counters of one node or guest, with the time and uptime they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub(super) struct Reading<const N: usize> {
    pub(super) ctime: UnixTime,
    pub(super) uptime: u64,
    /// Whole bytes: JSON keeps them to the last digit, which it does not promise of fractions.
    pub(super) values: [Option<u64>; N],
}

/// A guest's counters with the host they were counted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GuestReading {
    #[serde(rename = "n")]
    pub(super) node: String,
    #[serde(rename = "k", default)]
    pub(super) kind: GuestKind,
    /// Last name heard of, so that a guest on an offline node keeps it.
    #[serde(rename = "m", default, skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    /// Version of the configuration file that `created` was read from.
    #[serde(rename = "v", default)]
    pub(super) version: u64,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<UnixTime>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub(super) reading: Option<Reading<4>>,
}

/// A reading as it is written: time, uptime, values.
type Row = (UnixTime, u64, Vec<Option<u64>>);

impl<const N: usize> From<Row> for Reading<N> {
    fn from((ctime, uptime, given): Row) -> Self {
        let values = std::array::from_fn(|i| given.get(i).copied().flatten());
        Self { ctime, uptime, values }
    }
}

impl<const N: usize> From<Reading<N>> for Row {
    fn from(reading: Reading<N>) -> Self {
        (reading.ctime, reading.uptime, reading.values.to_vec())
    }
}

impl<const N: usize> Reading<N> {
    /// The parser has seen to it that all numbers are far below `u64::MAX` and not negative.
    pub(super) fn new(stamp: &Stamp, values: [Option<f64>; N]) -> Self {
        let values = values.map(|value| value.map(|x| x as u64));
        Self { ctime: stamp.ctime, uptime: stamp.uptime as u64, values }
    }
}

#[derive(Deserialize)]
struct Header {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Body<Nodes, Guests> {
    version: u32,
    nodes: Nodes,
    guests: Guests,
}

impl Counters {
    /// Reads what [`Counters::to_bytes`] wrote.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let damaged = |e: serde_json::Error| {
            Error::new(Kind::Corrupt, format!("damaged: {e}; it will be written anew"))
        };
        let Header { version } = serde_json::from_slice(bytes).map_err(damaged)?;
        if version != VERSION {
            let message = format!("version {version}, this program knows {VERSION}");
            return Err(Error::new(Kind::Unsupported, message));
        }
        let body: Body<_, _> = serde_json::from_slice(bytes).map_err(damaged)?;
        Ok(Self { nodes: body.nodes, guests: body.guests })
    }

    /// The file's content: JSON with short keys.
    ///
    /// # Errors
    /// [`Kind::Io`] when they cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let body = Body { version: VERSION, nodes: &self.nodes, guests: &self.guests };
        serde_json::to_vec(&body).map_err(|e| Error::new(Kind::Io, e.to_string()))
    }

    /// The counters kept at `path`. Absent, damaged or newer ones cost one run without rates. That they are absent is
    /// usual, as after each boot; else the warning says why.
    pub fn load(path: &Path) -> (Self, Option<Warning>) {
        let loaded = kept(path).and_then(|bytes| Self::parse(&bytes));
        let why = match loaded {
            Ok(counters) => return (counters, None),
            Err(error) if error.kind == Kind::NotFound => return (Self::default(), None),
            Err(error) => error.message,
        };
        let message =
            format!("no counters of an earlier run ({why}), so rates start with the next run");
        (Self::default(), Some(Warning { file: path.to_path_buf(), line: 0, message }))
    }

    /// Replaces the file at `path`, or leaves it as it was. Names of guests are in it, so that
    /// nobody else may read it.
    pub fn save(&self, path: &Path) -> Result<()> {
        keep(path, &self.to_bytes().map_err(|e| e.at(path.display()))?)
    }

    /// When a guest was created, as known from the same version of its configuration; outer `None`:
    /// its configuration must be read.
    pub(super) fn created(&self, vmid: Vmid, place: &Place) -> Option<Option<UnixTime>> {
        let known = self.guests.get(&vmid)?;
        let same = known.kind == place.kind && known.node == place.node;
        (same && known.version == place.version && place.version != 0).then_some(known.created)
    }
}

/// What [`keep`] left at `path` for the next run; an error where it is no regular file, or too large for one of these.
pub fn kept(path: &Path) -> Result<Vec<u8>> {
    tree::read(path, tree::MAX_LIVE)
}

/// Replaces what is kept at `path` from run to run, whole or not at all. Only its owner may read it: guests are named in it.
pub fn keep(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_os_string();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let written = write_private(&temporary, bytes)
        .map_err(|e| Error::io(&temporary, &e))
        .and_then(|()| fs::rename(&temporary, path).map_err(|e| Error::io(path, &e)));
    if written.is_err() {
        // The first error is the one to tell; this only tidies up.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// A new file that only its owner may read; one left behind by an interrupted run goes first.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn sample() -> Counters {
        let reading = Reading { ctime: 1_700_000_000, uptime: 12, values: [Some(u64::MAX), None] };
        let guest = GuestReading {
            node: "pve1".into(),
            kind: GuestKind::Lxc,
            name: "\"größe\"".into(),
            version: 7,
            created: Some(1_600_000_000),
            reading: Some(Reading { ctime: 1, uptime: 2, values: [Some(3); 4] }),
        };
        Counters { nodes: [("pve1".into(), reading)].into(), guests: [(100, guest)].into() }
    }

    #[test]
    fn round_trip() {
        assert_eq!(Counters::parse(&sample().to_bytes().unwrap()).unwrap(), sample());
        assert_eq!(
            Counters::parse(&Counters::default().to_bytes().unwrap()).unwrap(),
            Counters::default()
        );
    }

    #[test]
    fn every_truncation_is_refused_and_none_panics() {
        let bytes = sample().to_bytes().unwrap();
        for end in 0..bytes.len() {
            assert_eq!(Counters::parse(&bytes[..end]).unwrap_err().kind, Kind::Corrupt, "{end}");
        }
    }

    #[test]
    fn newer_files_are_told_apart_from_damaged_ones() {
        let newer = br#"{"version":2,"nodes":"another shape"}"#;
        assert_eq!(Counters::parse(newer).unwrap_err().kind, Kind::Unsupported);
    }

    #[test]
    fn created_is_known_only_for_the_same_configuration() {
        let known = sample();
        let place =
            |node: &str, version| Place { kind: GuestKind::Lxc, node: node.into(), version };
        assert_eq!(known.created(100, &place("pve1", 7)), Some(Some(1_600_000_000)));
        assert_eq!(known.created(100, &place("pve1", 8)), None);
        assert_eq!(known.created(100, &place("pve2", 7)), None);
        assert_eq!(known.created(101, &place("pve1", 7)), None);
        let mut unread = sample();
        unread.guests.iter_mut().for_each(|(_, guest)| guest.version = 0);
        assert_eq!(unread.created(100, &place("pve1", 0)), None, "0 is no version");
    }

    #[test]
    fn a_missing_or_damaged_file_costs_rates_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counters.json");
        let absent = (Counters::default(), None);
        assert_eq!(Counters::load(&path), absent, "as after each boot: no word of it");
        sample().save(&path).unwrap();
        assert_eq!(Counters::load(&path), (sample(), None));
        fs::write(&path, b"{\"version\":1").unwrap();
        let (empty, warning) = Counters::load(&path);
        assert!(empty == Counters::default());
        assert_eq!(warning.unwrap().file, path);
        sample().save(&path).unwrap();
        assert_eq!(Counters::load(&path), (sample(), None), "a damaged file is replaced");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn nobody_else_reads_it_and_leftovers_do_not_stop_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counters");
        fs::write(folder.path().join("counters.new"), b"interrupted").unwrap();
        sample().save(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Counters::load(&path), (sample(), None));
    }

    #[test]
    fn saving_where_one_cannot_says_where() {
        let path = Path::new("/nonexistent-folder/counters.json");
        let error = sample().save(path).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent-folder/"), "{error}");
    }
}
