//! The file that keeps outcomes: `outcomes.json` in the state directory.
//!
//! It is no part of the store. It is replaced as a whole (written
//! beside, synced, renamed, folder synced) by whoever holds the store's lock: [`Ledger::save`]
//! asks for the open [`Writer`]. Readers need no lock and see one whole file or the other.
//!
//! First line: a [`Header`] as JSON, so that a run with nothing to do reads 512 bytes. Then the
//! outcomes as one JSON array, an outcome a line. `docs/outcomes.md` has an example.

use super::record::Outcome;
use crate::error::{Error, Kind, Result, Warning};
use crate::model::UnixTime;
use crate::store::{Verification, Writer, intact, plain, replace};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Outcomes that are kept; the oldest go first.
pub const MAX_OUTCOME_ENTRIES: usize = 500;
/// Name of the file.
pub const LEDGER_FILE: &str = "outcomes.json";
/// Says what the file is.
const FORMAT: &str = "pve-foresight-outcomes";
/// Version that is written, and the newest that is read.
const VERSION: u32 = 1;
/// Longest first line.
const MAX_HEADER: usize = 512;
/// Largest file that is read: 500 outcomes with evidence take 3 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// First line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    format: String,
    version: u32,
    /// When the next window is over, or up to when a search came that broke off; absent when there is nothing to do.
    pub next_due: Option<UnixTime>,
    /// Up to when the store was searched for moves.
    pub searched: UnixTime,
    bytes: u64,
    /// Of the whole file, with 0 in this place.
    crc32: u32,
}

/// All outcomes that are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Oldest move first.
    pub outcomes: Vec<Outcome>,
    /// Up to when the store was searched for moves; `None`: never.
    pub searched: Option<UnixTime>,
    /// That search broke off there: the next run goes on.
    pub goes_on: bool,
}

impl Ledger {
    /// Reads the first line only; `None` where there is no file yet.
    pub fn header(state: &Path) -> Result<Option<Header>> {
        let path = state.join(LEDGER_FILE);
        let Some(file) = open(&path)? else { return Ok(None) };
        let mut first = Vec::with_capacity(MAX_HEADER);
        file.take(MAX_HEADER as u64).read_to_end(&mut first).map_err(|e| Error::io(&path, &e))?;
        parse_header(&first).map(|(header, _)| Some(header)).map_err(|e| e.at(path.display()))
    }

    /// Reads the file; an empty ledger where there is none yet.
    ///
    /// [`Kind::Unsupported`] where a newer version wrote it, [`Kind::Corrupt`] where it is damaged.
    pub fn load(state: &Path) -> Result<Self> {
        let path = state.join(LEDGER_FILE);
        let Some(file) = open(&path)? else { return Ok(Self::default()) };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io(&path, &e))?;
        parse(&bytes).map_err(|e| e.at(path.display()))
    }

    /// Reads the file to change it: a damaged one is set aside as `outcomes.json.corrupt`, which a
    /// warning tells.
    pub fn load_to_change(state: &Path, _lock: &Writer) -> Result<(Self, Option<Warning>)> {
        match Self::load(state) {
            Err(e) if e.kind == Kind::Corrupt => {
                let file = state.join(LEDGER_FILE);
                let aside = aside(&file);
                fs::rename(&file, &aside).map_err(|e| Error::io(&file, &e))?;
                let message = format!("{}; set aside as {}", e.message, aside.display());
                Ok((Self::default(), Some(Warning { file, line: 0, message })))
            }
            read => read.map(|ledger| (ledger, None)),
        }
    }

    /// Sorts, keeps the newest [`MAX_OUTCOME_ENTRIES`] and replaces the file.
    pub fn save(&mut self, state: &Path, _lock: &Writer) -> Result<()> {
        self.outcomes.sort_by_key(|o| (o.time, o.vmid));
        let surplus = self.outcomes.len().saturating_sub(MAX_OUTCOME_ENTRIES);
        self.outcomes.drain(..surplus);
        let path = state.join(LEDGER_FILE);
        let text = self.text().map_err(|e| e.at(path.display()))?;
        replace(&path, &text)
    }

    fn text(&self) -> Result<Vec<u8>> {
        let odd = |e: serde_json::Error| Error::invalid(format!("cannot be written: {e}"));
        let mut body = b"[".to_vec();
        for (i, outcome) in self.outcomes.iter().enumerate() {
            body.extend_from_slice(if i == 0 { b"\n" } else { b",\n" });
            serde_json::to_writer(&mut body, outcome).map_err(odd)?;
        }
        body.extend_from_slice(b"\n]\n");
        let due = self.outcomes.iter().filter_map(Outcome::next_due);
        let header = Header {
            format: FORMAT.into(),
            version: VERSION,
            next_due: due.chain(self.searched.filter(|_| self.goes_on)).min(),
            searched: self.searched.unwrap_or(0),
            bytes: body.len() as u64,
            crc32: 0,
        };
        let crc32 = crc32fast::hash(&header.before(&body)?);
        Header { crc32, ..header }.before(&body)
    }

    /// Reads the file for [`Verification`]: whether it is as it was written, and what was set aside.
    pub fn verify(state: &Path, found: &mut Verification) -> Result<()> {
        let path = state.join(LEDGER_FILE);
        match Self::load(state) {
            Ok(_) => found.read(&path),
            Err(e) => found.unreadable(&path, &e),
        }
        found.set_aside(state)
    }
}

impl Header {
    /// The whole file: this header as its first line, the outcomes behind it.
    fn before(&self, body: &[u8]) -> Result<Vec<u8>> {
        let odd = |e: serde_json::Error| Error::invalid(format!("cannot be written: {e}"));
        let mut text = serde_json::to_vec(self).map_err(odd)?;
        text.push(b'\n');
        text.extend_from_slice(body);
        Ok(text)
    }
}

fn open(path: &Path) -> Result<Option<File>> {
    match plain(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind == Kind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("json.corrupt")
}

fn damaged(what: &str) -> Error {
    Error::new(Kind::Corrupt, format!("is damaged: {what}"))
}

/// The header, and the bytes behind its line.
fn parse_header(bytes: &[u8]) -> Result<(Header, &[u8])> {
    /// What every version has: enough to see that a newer one wrote the rest.
    #[derive(Deserialize)]
    struct Known {
        format: String,
        version: u32,
    }
    let end = bytes.iter().take(MAX_HEADER).position(|b| *b == b'\n');
    let end = end.ok_or_else(|| damaged("its first line does not end"))?;
    let line = &bytes[..end];
    let known: Known = serde_json::from_slice(line).map_err(|_| damaged("no first line"))?;
    if known.format != FORMAT {
        return Err(damaged("its first line is of something else"));
    }
    if known.version > VERSION {
        let message = format!(
            "was written by a newer version (format {}, this one knows {VERSION}); it is left as it \
             is: upgrade, or move it away to begin anew",
            known.version
        );
        return Err(Error::new(Kind::Unsupported, message));
    }
    let header = serde_json::from_slice(line).map_err(|_| damaged("its first line"))?;
    Ok((header, &bytes[end + 1..]))
}

fn parse(bytes: &[u8]) -> Result<Ledger> {
    let (header, body) = parse_header(bytes)?;
    if body.len() as u64 != header.bytes {
        return Err(damaged(&format!("{} bytes of {} are there", body.len(), header.bytes)));
    }
    let summed = Header { crc32: 0, ..header.clone() }.before(body)?;
    if !intact(&summed, header.crc32) {
        return Err(damaged("its checksum does not match"));
    }
    let outcomes: Vec<Outcome> =
        serde_json::from_slice(body).map_err(|e| damaged(&e.to_string()))?;
    if !outcomes.iter().all(Outcome::is_sound) {
        return Err(damaged("an outcome has impossible times or windows"));
    }
    let goes_on = header.next_due.is_some_and(|due| due <= header.searched);
    Ok(Ledger { outcomes, searched: Some(header.searched), goes_on })
}
