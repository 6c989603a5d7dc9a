//! What is stored, for other programs: a table, ticks, or the newest values for a scraper.
//!
//! Entities, or ticks, are read and written one after the other: memory does not grow with the time.

use super::Engine;
use super::report::NOTHING;
use crate::error::{Error, Kind, Result};
use crate::model::{
    GuestMetric, GuestSample, HOUR, Metric, NodeMetric, NodeSample, Tick, Unit, UnixTime, Vmid,
};
use crate::store::{Entity, Reader};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, Write};
use std::ops::Range;

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// A row for each entity, metric and bucket.
    Csv,
    /// Samples that are still kept, as ticks that `append` takes.
    Jsonl,
    /// The newest values, see the OpenMetrics specification, version 1.0.
    OpenMetrics,
}

/// What to write.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// Moment up to which to write; `None`: see [`Engine`].
    pub now: Option<UnixTime>,
    /// Only this node.
    pub node: Option<String>,
    /// Only this guest.
    pub guest: Option<Vmid>,
    /// How far back.
    pub hours: u32,
    /// In which form.
    pub format: ExportFormat,
}

impl Engine {
    /// Writes what is stored; returns what could not be read.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when the node or guest asked for is not stored. An error of `out` comes
    /// back with its text as message.
    pub fn export(&self, request: &ExportRequest, out: &mut dyn Write) -> Result<Vec<String>> {
        let reader = Reader::open(&self.state)?;
        let (now, tick) = self.moment(&reader, request.now)?;
        let range = now.saturating_sub(i64::from(request.hours) * HOUR)..now.saturating_add(1);
        match request.format {
            ExportFormat::Csv => csv(&reader, request, range, out),
            ExportFormat::Jsonl => jsonl(&reader, request, range, out),
            ExportFormat::OpenMetrics => open_metrics(request, &tick, out).map(|()| Vec::new()),
        }
    }
}

impl ExportRequest {
    fn wants_node(&self, name: &str) -> bool {
        self.guest.is_none() && self.node.as_ref().is_none_or(|node| node == name)
    }

    fn wants_guest(&self, vmid: Vmid) -> bool {
        self.node.is_none() && self.guest.is_none_or(|guest| guest == vmid)
    }

    /// The error when nothing of what was asked for is there.
    fn nothing(&self) -> Error {
        let place = match (&self.node, self.guest) {
            (Some(node), _) => format!("node {node}"),
            (None, Some(vmid)) => format!("guest {vmid}"),
            (None, None) => "export".into(),
        };
        Error::new(Kind::NotFound, NOTHING).at(place)
    }
}

fn failed(e: io::Error) -> Error {
    Error::new(Kind::Io, e.to_string())
}

/// The whole name of a unit.
fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Fraction => "fraction",
        Unit::BytesPerSecond => "bytes_per_second",
        Unit::Number => "number",
    }
}

fn csv(
    reader: &Reader,
    request: &ExportRequest,
    range: Range<UnixTime>,
    out: &mut dyn Write,
) -> Result<Vec<String>> {
    let mut table = Csv { out: csv::Writer::from_writer(out), rows: 0 };
    let mut warnings = Vec::new();
    let past = reader.past(range)?;
    // Who is asked for by name need not be listed; who was there need not be there any more.
    let entities = match (&request.node, request.guest) {
        (Some(node), _) => BTreeSet::from([Entity::Node(node.clone())]),
        (None, Some(vmid)) => BTreeSet::from([Entity::Guest(vmid)]),
        (None, None) => past.entities(),
    };
    for entity in &entities {
        match entity {
            Entity::Node(name) => {
                let history = past.node(name);
                warnings.extend(history.warnings.iter().map(ToString::to_string));
                for &metric in NodeMetric::ALL {
                    table.rows("node", name, metric, history.series(metric))?;
                }
            }
            Entity::Guest(vmid) => {
                let history = past.guest(*vmid);
                warnings.extend(history.warnings.iter().map(ToString::to_string));
                for &metric in GuestMetric::ALL {
                    table.rows("guest", vmid, metric, history.series(metric))?;
                }
            }
            Entity::Collector => {}
        }
    }
    table.out.flush().map_err(failed)?;
    if table.rows == 0 {
        return Err(request.nothing());
    }
    warnings.sort();
    warnings.dedup();
    Ok(warnings)
}

/// A table on its way out; one without rows has no head either.
struct Csv<'a> {
    out: csv::Writer<&'a mut dyn Write>,
    rows: u64,
}

impl Csv<'_> {
    fn head(&mut self) -> Result<()> {
        self.record(&[
            "type", "id", "metric", "unit", "start", "seconds", "count", "min", "avg", "p95", "max",
        ])
    }

    fn rows(
        &mut self,
        kind: &str,
        id: &dyn Display,
        metric: impl Metric,
        buckets: Vec<crate::model::Bucket>,
    ) -> Result<()> {
        let id = id.to_string();
        for b in buckets {
            let numbers = [b.min, b.avg, b.p95, b.max].map(|value| value.to_string());
            let [min, avg, p95, max] = numbers.each_ref().map(String::as_str);
            let (start, seconds) = (b.start.to_string(), b.seconds.to_string());
            let count = b.count.to_string();
            let unit = unit_name(metric.unit());
            if self.rows == 0 {
                self.head()?;
            }
            self.record(&[
                kind,
                &id,
                metric.name(),
                unit,
                &start,
                &seconds,
                &count,
                min,
                avg,
                p95,
                max,
            ])?;
            self.rows += 1;
        }
        Ok(())
    }

    fn record(&mut self, fields: &[&str; 11]) -> Result<()> {
        self.out.write_record(fields).map_err(|e| failed(e.into()))
    }
}

fn jsonl(
    reader: &Reader,
    request: &ExportRequest,
    range: Range<UnixTime>,
    out: &mut dyn Write,
) -> Result<Vec<String>> {
    let mut written = 0_u64;
    let unread = reader.each_tick(range, |mut tick| {
        tick.nodes.retain(|node| request.wants_node(&node.name));
        tick.guests.retain(|guest| request.wants_guest(guest.vmid));
        if tick.nodes.is_empty() && tick.guests.is_empty() {
            return Ok(());
        }
        serde_json::to_writer(&mut *out, &tick).map_err(|e| failed(e.into()))?;
        written += 1;
        out.write_all(b"\n").map_err(failed)
    })?;
    let mut warnings: Vec<String> = unread.iter().map(ToString::to_string).collect();
    if written == 0 {
        return Err(request.nothing());
    }
    warnings.sort();
    warnings.dedup();
    Ok(warnings)
}

/// The tick as metric families, each with its values of all entities.
fn open_metrics(request: &ExportRequest, tick: &Tick, out: &mut dyn Write) -> Result<()> {
    let nodes: Vec<&NodeSample> =
        tick.nodes.iter().filter(|n| request.wants_node(&n.name)).collect();
    let guests: Vec<&GuestSample> =
        tick.guests.iter().filter(|g| request.wants_guest(g.vmid)).collect();
    if nodes.is_empty() && guests.is_empty() {
        return Err(request.nothing());
    }
    let of_node = |node: &NodeSample| format!("node=\"{}\"", escaped(&node.name));
    let of_guest = |guest: &GuestSample| {
        let (name, node) = (escaped(&guest.name), escaped(&guest.node));
        format!("vmid=\"{}\",name=\"{name}\",node=\"{node}\"", guest.vmid)
    };
    families::<NodeMetric>("node", tick.ts, &nodes, &of_node, out)
        .and_then(|()| families::<GuestMetric>("guest", tick.ts, &guests, &of_guest, out))
        .and_then(|()| writeln!(out, "# EOF"))
        .map_err(failed)
}

fn families<M: Metric>(
    kind: &str,
    time: UnixTime,
    samples: &[&M::Sample],
    labels: &dyn Fn(&M::Sample) -> String,
    out: &mut dyn Write,
) -> io::Result<()> {
    for &metric in M::ALL {
        let values = samples.iter().filter_map(|s| Some((*s, metric.of(s)?)));
        let values: Vec<(&M::Sample, f64)> = values.collect();
        if values.is_empty() {
            continue;
        }
        let (name, unit) = family(kind, metric);
        writeln!(out, "# TYPE {name} gauge")?;
        if let Some(unit) = unit {
            writeln!(out, "# UNIT {name} {unit}")?;
        }
        writeln!(out, "# HELP {name} {}", escaped(metric.help()))?;
        for (sample, value) in values {
            writeln!(out, "{name}{{{}}} {value} {time}", labels(sample))?;
        }
    }
    Ok(())
}

/// Name of a metric family, which must end with its unit, and that unit. What ends with `_count`
/// is reserved for histograms.
fn family(kind: &str, metric: impl Metric) -> (String, Option<&'static str>) {
    let name = metric.name();
    let (name, unit) = match metric.unit() {
        Unit::Fraction => (name, Some("ratio")),
        Unit::BytesPerSecond => (name.trim_end_matches("_bps"), Some("bytes_per_second")),
        Unit::Number if name == "guest_count" => ("guests", None),
        Unit::Number => (name, None),
    };
    let suffix = unit.map_or_else(String::new, |unit| format!("_{unit}"));
    (format!("pve_foresight_{kind}_{name}{suffix}"), unit)
}

/// Text as it stands in a label or a help line.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
