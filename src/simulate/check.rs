//! What a scenario may ask for: ranges, lengths, names. Every refusal names its field.

use super::scenario::{Growth, GuestGroup, Placement, Scenario, TraceSpec};
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// Most nodes; corosync ends far below.
pub(super) const MAX_NODES: u32 = 1_000;
/// Most guests.
pub(super) const MAX_GUESTS: u32 = 100_000;
/// Most ticks.
const MAX_TICKS: i64 = 10_000_000;

impl Scenario {
    /// Refuses what cannot be simulated, naming field and range.
    pub fn check(&self) -> Result<()> {
        within("days", self.days, 0.0, 3_700.0)?;
        within("interval", f64::from(self.interval), 1.0, 86_400.0)?;
        within("end", self.end as f64, 1e9, 7.2e9)?;
        if self.ticks() > MAX_TICKS {
            let message = format!("{} ticks; at most {MAX_TICKS}", self.ticks());
            return Err(Error::invalid(message).at("days"));
        }
        self.check_nodes()?;
        check_each("guests", &self.guests, GuestGroup::check)?;
        self.check_sum("guests", self.guests.iter().map(|g| g.count), MAX_GUESTS)?;
        check_each("growth", &self.growth, Growth::check)?;
        check_each("migrations", &self.migrations, |m| day("day", m.day))?;
        check_each("failures", &self.failures, |f| span(f.from_day, f.until_day))?;
        check_each("stops", &self.stops, |s| span(s.from_day, s.until_day))?;
        if let Placement::Skewed(factor) = self.placement {
            within("placement.skewed", factor, 1.0, 1e3)?;
        }
        self.traces.as_ref().map_or(Ok(()), TraceSpec::check)
    }

    fn check_nodes(&self) -> Result<()> {
        check_each("nodes", &self.nodes, |n| {
            plain("name", &n.name)?;
            within("cores", f64::from(n.cores), 1.0, 65_536.0)?;
            within("memory_gib", n.memory_gib, 0.25, 1e6)?;
            within("swap_gib", n.swap_gib, 0.0, 1e6)
        })?;
        self.check_sum("nodes", self.nodes.iter().map(|n| n.count), MAX_NODES)?;
        let mut ids = BTreeSet::new();
        check_each("storages", &self.storages, |s| {
            plain("id", &s.id)?;
            if !ids.insert(s.id.clone()) {
                return Err(Error::invalid(format!("'{}' occurs twice", s.id)).at("id"));
            }
            plain("type", &s.kind)?;
            s.content.iter().try_for_each(|c| plain("content", c))?;
            s.nodes.iter().try_for_each(|n| plain("nodes", n))?;
            within("size_gib", s.size_gib, 0.0, 1e8)?;
            within("used_gib", s.used_gib, 0.0, s.size_gib)?;
            within("growth_gib_per_day", s.growth_gib_per_day, -1e6, 1e6)
        })?;
        within("host.cpu_cores", self.host.cpu_cores, 0.0, 1e3)?;
        within("host.cpu_share", self.host.cpu_share, 0.0, 1.0)?;
        within("host.memory_gib", self.host.memory_gib, 0.0, 1e5)?;
        within("host.arc", self.host.arc, 0.0, 0.9)?;
        within("host.disk_mib_per_second", self.host.disk_mib_per_second, 1.0, 1e6)
    }

    fn check_sum(&self, field: &str, counts: impl Iterator<Item = u32>, most: u32) -> Result<()> {
        let sum: u64 = counts.map(u64::from).sum();
        let least = u64::from(field == "nodes");
        if (least..=u64::from(most)).contains(&sum) {
            return Ok(());
        }
        Err(Error::invalid(format!("{sum} {field}; {least} to {most} can be simulated")).at(field))
    }
}

impl GuestGroup {
    fn check(&self) -> Result<()> {
        let known = |field: &str, value: Option<f64>, least: f64, most: f64| {
            value.map_or(Ok(()), |v| within(field, v, least, most))
        };
        known("cores", self.cores.map(f64::from), 1.0, 4096.0)?;
        known("memory_gib", self.memory_gib, 0.01, 1e5)?;
        known("level", self.level, 0.0, 1.0)?;
        known("peak_hour", self.peak_hour, 0.0, 24.0)?;
        known("weekend", self.weekend, 0.0, 10.0)?;
        known("unrest", self.unrest, 0.0, 3.0)?;
        known("memory_level", self.memory_level, 0.0, 1.0)?;
        known("vmid", self.vmid.map(f64::from), 1.0, 999_999_999.0)?;
        if let Some(name) = &self.name {
            guest_name(name)?;
        }
        known("from_day", self.from_day, -1e5, 1e5)?;
        known("until_day", self.until_day, self.from_day.unwrap_or(-1e5), 1e5)
    }
}

impl Growth {
    fn check(&self) -> Result<()> {
        within("share", self.share, 0.0, 1.0)?;
        within("cpu_cores_per_day", self.cpu_cores_per_day, -1e4, 1e4)?;
        within("memory_gib_per_day", self.memory_gib_per_day, -1e5, 1e5)?;
        day("from_day", self.from_day)?;
        within("for_days", self.for_days.unwrap_or(1.0), 0.0, 1e5)?;
        within("saturating_days", self.saturating_days.unwrap_or(1.0), 1e-3, 1e5)
    }
}

impl TraceSpec {
    fn check(&self) -> Result<()> {
        let most = f64::from(MAX_GUESTS);
        within("traces.guests", self.guests.map_or(1.0, f64::from), 1.0, most)?;
        within("traces.first_vmid", self.first_vmid.map_or(1.0, f64::from), 1.0, 999_999_999.0)?;
        within("traces.from_day", self.from_day, 0.0, 3_700.0)?;
        within("traces.scale", self.scale, 0.0, 1e6)?;
        within("traces.memory_scale", self.memory_scale, 0.0, 1e6)
    }
}

fn check_each<T>(field: &str, list: &[T], mut check: impl FnMut(&T) -> Result<()>) -> Result<()> {
    let place = |i| move |e: Error| e.at(format!("{field}[{i}]"));
    list.iter().enumerate().try_for_each(|(i, item)| check(item).map_err(place(i)))
}

fn within(field: &str, value: f64, least: f64, most: f64) -> Result<()> {
    if value.is_finite() && (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(format!("{value} is not in {least}..{most}")).at(field))
}

fn day(field: &str, value: f64) -> Result<()> {
    within(field, value, -1e5, 1e5)
}

fn span(from: f64, until: f64) -> Result<()> {
    day("from_day", from)?;
    within("until_day", until, from, 1e5)
}

/// Names of nodes, storages and content types become file names and words of config files.
pub(super) fn is_plain(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.chars().all(fits) && !name.starts_with('.')
}

fn plain(field: &str, name: &str) -> Result<()> {
    if name.len() <= 63 && is_plain(name) {
        return Ok(());
    }
    let message = format!("'{name}': 1 to 63 letters, digits, '-', '_' and '.'");
    Err(Error::invalid(message).at(field))
}

fn guest_name(name: &str) -> Result<()> {
    if name.len() <= 100 && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid("at most 100 bytes without control characters").at("name"))
}
