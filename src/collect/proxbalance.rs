//! The history that ProxBalance keeps: its SQLite database, or the JSON files of before.
//!
//! Both hold the same rows: a time, an entity and six figures, a rolled row with minimum, maximum,
//! mean and 95th percentile of each. Rows carry the moment of writing, not of measuring, and 0
//! where a figure was missing.

use super::text::{is_node_name, number, quote};
use crate::error::{Error, Kind, Result};
use crate::model::{UnixTime, Vmid};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How a SQLite file begins.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// Largest JSON file read; a thousand guests made 370 MB.
const MAX_JSON: u64 = 1 << 30;
/// Longest text or statistics taken from a row of the database.
const MAX_TEXT: i32 = 1 << 20;
/// Names of the two JSON files, which belong together.
const JSON: [&str; 2] = ["node_metrics_history.json", "guest_metrics_history.json"];

const NODE: [&str; 6] = ["cpu", "memory", "iowait", "load_avg", "guest_count", "storage_usage_pct"];
const GUEST: [&str; 6] =
    ["cpu", "memory", "disk_read_bps", "disk_write_bps", "net_in_bps", "net_out_bps"];

/// Whose row it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A node. Figures: CPU, memory, I/O wait (percent), load average, guests, fullest storage (percent).
    Node(String),
    /// A guest. Figures: CPU, memory (percent of its own), disk read, disk write, net in, net out (bytes/s).
    Guest(Vmid),
}

/// A row of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// When it was written; of a rolled row the mean of those times.
    pub time: UnixTime,
    /// Whose it is.
    pub owner: Owner,
    /// Host of a guest; rolled rows do not tell.
    pub host: Option<String>,
    /// The figures as [`Owner`] lists them, of a rolled row their means; `None`: not usable.
    pub figures: [Option<f64>; 6],
}

/// Hands the rows within `range` to `take`, oldest first. Returns the files read, and how many
/// rows were refused since their time or their owner makes no sense.
pub fn proxbalance_history(
    path: &Path,
    range: Range<UnixTime>,
    take: &mut dyn FnMut(HistoryRow) -> Result<()>,
) -> Result<(Vec<PathBuf>, u64)> {
    let mut begin = Vec::new();
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    file.take(SQLITE.len() as u64).read_to_end(&mut begin).map_err(|e| Error::io(path, &e))?;
    if begin == SQLITE {
        let refused = database(path, range, take)?;
        return Ok((vec![path.to_path_buf()], refused));
    }
    if !begin.trim_ascii_start().starts_with(b"{") {
        let message = "neither a SQLite database nor JSON; ProxBalance keeps its history in \
                       proxbalance.db, earlier in node_metrics_history.json";
        return Err(Error::invalid(message).at(path.display()));
    }
    json(path, range, take)
}

/// Rows of the database, sorted by SQLite (which spills to disk where there are many).
fn database(
    path: &Path,
    range: Range<UnixTime>,
    take: &mut dyn FnMut(HistoryRow) -> Result<()>,
) -> Result<u64> {
    let failed = |e: rusqlite::Error| {
        Error::new(Kind::Corrupt, format!("cannot be read as a database: {e}")).at(path.display())
    };
    let database = open(path).map_err(failed)?;
    let tables = "SELECT count(*) FROM sqlite_master \
                  WHERE type = 'table' AND name IN ('node_metrics', 'guest_metrics')";
    let tables: i64 = database.query_row(tables, [], |row| row.get(0)).map_err(failed)?;
    if tables != 2 {
        let message = "holds no ProxBalance history: tables node_metrics and guest_metrics missing";
        return Err(Error::invalid(message).at(path.display()));
    }
    let half = |number: u8, owner: &str, host: &str, figures: [&str; 6], table: &str| {
        let figures = figures.join(", ");
        format!(
            "SELECT {number}, {owner}, ts AS time, {host}, aggregated, agg_stats, {figures} \
             FROM {table} WHERE ts >= ?1 AND ts < ?2"
        )
    };
    let query = format!(
        "{} UNION ALL {} ORDER BY time",
        half(0, "node_name", "NULL", NODE, "node_metrics"),
        half(1, "vmid", "node", GUEST, "guest_metrics"),
    );
    let mut statement = database.prepare(&query).map_err(failed)?;
    let mut rows = statement.query([range.start, range.end]).map_err(failed)?;
    let mut refused = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        match of_database(row).map_err(failed)? {
            Some(row) => take(row)?,
            None => refused += 1,
        }
    }
    Ok(refused)
}

/// Opens for reading alone. Beside a program that writes, its log is honoured; where that is not
/// possible, as on a read-only copy, the file stands for itself.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let usable = |database: Connection| {
        database.pragma_update(None, "trusted_schema", false)?;
        database.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_TEXT)?;
        database.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
        Ok(database)
    };
    Connection::open_with_flags(path, flags).and_then(usable).or_else(|first| {
        let Some(path) = path.to_str() else { return Err(first) };
        let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let alone = format!("file:{path}?immutable=1");
        let flags = flags | OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(alone, flags).and_then(usable).map_err(|_| first)
    })
}

/// A row of either table; `None` when its owner or time makes no sense.
fn of_database(row: &Row<'_>) -> rusqlite::Result<Option<HistoryRow>> {
    let text = |at| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_str().ok().map(String::from));
    let is_guest = row.get_ref(0)?.as_i64() == Ok(1);
    let name = match row.get_ref(1)? {
        ValueRef::Integer(vmid) => Some(vmid.to_string()),
        other => other.as_str().ok().map(String::from),
    };
    let (Some(owner), Some(time)) = (owner(is_guest, name.as_deref()), real(row.get_ref(2)?))
    else {
        return Ok(None);
    };
    let mut figures = [None; 6];
    if row.get_ref(4)?.as_i64().is_ok_and(|aggregated| aggregated != 0) {
        let statistics = text(5)?.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if let Some(statistics) = statistics {
            let names = if is_guest { GUEST } else { NODE };
            figures = names.map(|name| statistics.get(name).and_then(figure));
        }
    } else {
        for (at, figure) in figures.iter_mut().enumerate() {
            *figure = real(row.get_ref(6 + at)?);
        }
    }
    Ok(row_of(owner, time, text(3)?, figures))
}

fn real(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Integer(value) => Some(value as f64),
        ValueRef::Real(value) => Some(value),
        _ => None,
    }
}

fn owner(is_guest: bool, name: Option<&str>) -> Option<Owner> {
    let name = name?;
    match is_guest {
        true => number(name).filter(|vmid| *vmid > 0).map(Owner::Guest),
        false => is_node_name(name).then(|| Owner::Node(name.to_string())),
    }
}

fn row_of(
    owner: Owner,
    time: f64,
    host: Option<String>,
    figures: [Option<f64>; 6],
) -> Option<HistoryRow> {
    // Saturating by definition of `as`; 0 is no time either.
    let time = time.floor() as UnixTime;
    let host = host.filter(|host| is_node_name(host));
    let figures = figures.map(|figure| figure.filter(|x| x.is_finite() && *x >= 0.0));
    (time > 0).then_some(HistoryRow { time, owner, host, figures })
}

/// A number, or the mean of a rolled row's statistics.
fn figure(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.get("avg")?.as_f64())
}

#[derive(Deserialize)]
struct JsonFile {
    #[serde(default)]
    nodes: BTreeMap<String, JsonEntity>,
    #[serde(default)]
    guests: BTreeMap<String, JsonEntity>,
}

#[derive(Deserialize)]
struct JsonEntity {
    #[serde(default)]
    samples: Vec<JsonRow>,
    #[serde(default)]
    aggregated: Vec<JsonRow>,
}

/// A row: `ts`, for guests `node`, and the figures by name.
#[derive(Deserialize)]
struct JsonRow {
    ts: Option<f64>,
    node: Option<String>,
    #[serde(flatten)]
    figures: JsonFigures,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonFigures {
    cpu: Figure,
    memory: Figure,
    iowait: Figure,
    load_avg: Figure,
    guest_count: Figure,
    storage_usage_pct: Figure,
    disk_read_bps: Figure,
    disk_write_bps: Figure,
    net_in_bps: Figure,
    net_out_bps: Figure,
}

impl JsonFigures {
    fn of(self, is_guest: bool) -> [Option<f64>; 6] {
        let all = match is_guest {
            true => [
                self.cpu,
                self.memory,
                self.disk_read_bps,
                self.disk_write_bps,
                self.net_in_bps,
                self.net_out_bps,
            ],
            false => [
                self.cpu,
                self.memory,
                self.iowait,
                self.load_avg,
                self.guest_count,
                self.storage_usage_pct,
            ],
        };
        all.map(|figure| figure.0)
    }
}

/// A figure, of whose JSON nothing else is kept: a file has millions.
#[derive(Default, Deserialize)]
#[serde(from = "Value")]
struct Figure(Option<f64>);

impl From<Value> for Figure {
    fn from(value: Value) -> Self {
        Self(figure(&value))
    }
}

/// Rows of a JSON file and of the one that belongs to it, where that is beside it.
fn json(
    path: &Path,
    range: Range<UnixTime>,
    take: &mut dyn FnMut(HistoryRow) -> Result<()>,
) -> Result<(Vec<PathBuf>, u64)> {
    let mut files = vec![path.to_path_buf()];
    files.extend(sibling(path).filter(|other| other.is_file()));
    let (mut rows, mut refused) = (Vec::new(), 0);
    for file in &files {
        let read = read_json(file)?;
        if read.nodes.is_empty() && read.guests.is_empty() {
            let message = format!(
                "holds neither nodes nor guests; expected one of {}",
                quote(&JSON.join(", "))
            );
            return Err(Error::invalid(message).at(file.display()));
        }
        let nodes = read.nodes.into_iter().map(|(name, entity)| (false, name, entity));
        let guests = read.guests.into_iter().map(|(name, entity)| (true, name, entity));
        for (is_guest, name, entity) in nodes.chain(guests) {
            for row in entity.samples.into_iter().chain(entity.aggregated) {
                let found = owner(is_guest, Some(&name))
                    .and_then(|owner| row_of(owner, row.ts?, row.node, row.figures.of(is_guest)));
                match found {
                    Some(row) if range.contains(&row.time) => rows.push(row),
                    Some(_) => {}
                    None => refused += 1,
                }
            }
        }
    }
    rows.sort_by(|a, b| (a.time, &a.owner).cmp(&(b.time, &b.owner)));
    rows.into_iter().try_for_each(take)?;
    Ok((files, refused))
}

fn read_json(path: &Path) -> Result<JsonFile> {
    let io = |e: std::io::Error| Error::io(path, &e);
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() > MAX_JSON {
        let limit = MAX_JSON >> 20;
        let message = format!("larger than {limit} MiB: this is not the file it should be");
        return Err(Error::new(Kind::Corrupt, message).at(path.display()));
    }
    let input = BufReader::with_capacity(1 << 20, file.take(MAX_JSON));
    serde_json::from_reader(input).map_err(|e| {
        Error::new(Kind::Corrupt, format!("not ProxBalance's JSON: {e}")).at(path.display())
    })
}

/// The other one of the two files, which may have been renamed `.migrated`.
fn sibling(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let rest = |of: &str| name.strip_prefix(of).map(String::from);
    let (other, rest) = match (rest(JSON[0]), rest(JSON[1])) {
        (Some(rest), _) => (JSON[1], rest),
        (_, Some(rest)) => (JSON[0], rest),
        _ => return None,
    };
    Some(path.with_file_name(format!("{other}{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_is_too_large_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(JSON[0]);
        std::fs::write(&path, "{").unwrap();
        // Takes no room: it has a hole behind its first byte.
        File::options().write(true).open(&path).unwrap().set_len(MAX_JSON + 1).unwrap();
        let error = proxbalance_history(&path, 0..1, &mut |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("larger than 1024 MiB"), "{error}");
        assert!(error.to_string().contains(JSON[0]), "{error}");
    }
}
