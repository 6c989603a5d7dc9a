//! `datacenter.cfg`: of it, PVE's own scheduler.

use super::text::{Notes, Parsed, boolean, clean_name, decode, lines, number, properties, setting};
use crate::model::{Crs, Fraction};

/// Reads the `crs` setting; what it does not say is as PVE has it.
pub fn parse(bytes: &[u8]) -> Parsed<Crs> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    let mut value = Crs::default();
    for (line, text) in lines(&text) {
        let Some(("crs", given)) = setting(text) else { continue };
        match read(given) {
            Some(crs) => value = crs,
            None => notes.add(line, "crs cannot be understood: PVE's defaults are assumed"),
        }
    }
    Parsed { value, notes }
}

/// `ha=dynamic,ha-auto-rebalance=1,ha-auto-rebalance-threshold=30,..`; thresholds are in percent.
fn read(text: &str) -> Option<Crs> {
    let parts = properties(text, "")?;
    let word = |key: &str| parts.get(key).copied();
    let percent = |key: &str| {
        let value = word(key)?.parse::<f64>().ok().filter(|x| (0.0..=100.0).contains(x))?;
        Some(Fraction(value / 100.0))
    };
    let usual = Crs::default();
    let ha = word("ha").map_or(usual.ha, clean_name);
    // With the scheduler `basic` the HA manager never balances, whatever the switch says.
    let weighs = matches!(ha.as_str(), "static" | "dynamic");
    Some(Crs {
        auto_rebalance: weighs && word("ha-auto-rebalance").and_then(boolean).unwrap_or(false),
        ha,
        threshold: percent("ha-auto-rebalance-threshold").unwrap_or(usual.threshold),
        hold_duration: word("ha-auto-rebalance-hold-duration")
            .and_then(number)
            .unwrap_or(usual.hold_duration),
        margin: percent("ha-auto-rebalance-margin").unwrap_or(usual.margin),
        method: word("ha-auto-rebalance-method").map_or(usual.method, clean_name),
    })
}
