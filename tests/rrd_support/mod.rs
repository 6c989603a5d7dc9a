//! RRD files made by rrdtool in the layouts of PVE 8 and 9.
#![allow(dead_code, reason = "each user takes a part of this")]

pub(crate) use pve_foresight::model::{DAY, HOUR};

use pve_foresight::model::GIB;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// 2023-11-16 00:00 UTC: start of an hour, a day and a week of segments.
pub(crate) const NOW: i64 = 1_700_092_800;
pub(crate) const MINUTE: i64 = 60;

/// Ticks that an import may leave out beside samples that are there: five minutes, a half hour and
/// a row of three hours that overlap them.
pub(crate) const BESIDE: usize = 7;

const NODE: &str = "loadavg maxcpu cpu iowait memtotal memused swaptotal swapused roottotal rootused netin! netout!";
const NODE9: &str = " memavailable arcsize pressurecpusome pressureiosome pressureiofull pressurememorysome pressurememoryfull";
const GUEST: &str = "maxcpu cpu maxmem mem maxdisk disk netin! netout! diskread! diskwrite!";
const GUEST9: &str = " memhost pressurecpusome pressurecpufull pressureiosome pressureiofull pressurememorysome pressurememoryfull";
const ARCHIVES8: [(i64, i64); 5] = [(1, 70), (30, 70), (180, 70), (720, 70), (10080, 70)];
const ARCHIVES9: [(i64, i64); 4] = [(1, 1440), (30, 1440), (360, 1440), (10080, 570)];

pub(crate) fn rrdtool(args: &[String]) -> Output {
    let output = Command::new("rrdtool").args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A file as pmxcfs creates it (`!` marks counters), updated from `from` until a minute before
/// `NOW`. One update per half hour is enough, since the heartbeat here is longer than PVE's.
fn create(path: &Path, sources: &str, archives: &[(i64, i64)], from: i64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = path.to_str().unwrap().to_string();
    let mut args = vec!["create".into(), file.clone(), "--step".into(), "60".into()];
    args.extend(["--start".into(), from.to_string()]);
    for source in sources.split_whitespace() {
        let kind = if source.ends_with('!') { "DERIVE" } else { "GAUGE" };
        args.push(format!("DS:{}:{kind}:4000:0:U", source.trim_end_matches('!')));
    }
    for function in ["AVERAGE", "MAX"] {
        args.extend(
            archives.iter().map(|(steps, rows)| format!("RRA:{function}:0.5:{steps}:{rows}")),
        );
    }
    rrdtool(&args);
    let sources: Vec<&str> = sources.split_whitespace().collect();
    let times: Vec<i64> =
        (1..).map(|i| from + i * 30 * MINUTE - 17).take_while(|t| *t < NOW).collect();
    // Three hours of ten days ago are unknown.
    let silent = NOW - 10 * DAY..NOW - 10 * DAY + 3 * HOUR;
    for times in times.chunks(500) {
        let mut args = vec!["update".into(), file.clone()];
        args.extend(times.iter().filter(|t| !silent.contains(t)).map(|&t| update(t, &sources)));
        rrdtool(&args);
    }
}

fn update(time: i64, sources: &[&str]) -> String {
    let mut text = time.to_string();
    for (column, source) in sources.iter().enumerate() {
        let wave = (time as f64 / 9_000.0 + column as f64).sin() + 1.5;
        text += &match *source {
            s if s.ends_with('!') => {
                format!(":{}", (time - 1_600_000_000) * 900 * (column as i64 + 1))
            }
            "memtotal" | "swaptotal" => format!(":{}", 64.0 * GIB),
            "maxmem" => format!(":{}", 8.0 * GIB),
            "maxcpu" => ":8".into(),
            s if s.starts_with("mem") || s.contains("used") || s == "arcsize" => {
                format!(":{}", (wave * GIB) as i64)
            }
            s if s.starts_with("pressure") => format!(":{:.3}", wave * 10.0),
            _ => format!(":{:.6}", wave / 4.0),
        };
    }
    text
}

/// A tree of so many days with files of both layouts; `None` without rrdtool.
pub(crate) fn make(days: i64) -> Option<TempDir> {
    Command::new("rrdtool").arg("--version").output().ok()?;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let from = NOW - days * DAY;
    create(&at("pve-node-9.0/alpha"), &(NODE.to_string() + NODE9), &ARCHIVES9, from);
    create(&at("pve2-node/beta"), NODE, &ARCHIVES8, from);
    create(&at("pve-vm-9.0/100"), &(GUEST.to_string() + GUEST9), &ARCHIVES9, from);
    create(&at("pve2-vm/101"), GUEST, &ARCHIVES8, from);
    create(&at("pve-vm-9.0/102"), &(GUEST.to_string() + GUEST9), &ARCHIVES9, NOW - days * DAY / 5);
    create(&at("pve-storage-9.0/alpha/local"), "total used", &ARCHIVES9, from);
    // Beside its successor; and one of a guest that is gone.
    fs::copy(at("pve2-node/beta"), at("pve2-node/alpha")).unwrap();
    fs::copy(at("pve-vm-9.0/100"), at("pve-vm-9.0/999")).unwrap();
    // Upgraded a fifth of the time ago: the older file stayed beside the newer one.
    fs::copy(at("pve-vm-9.0/102"), at("pve-vm-9.0/103")).unwrap();
    fs::copy(at("pve2-vm/101"), at("pve2-vm/103")).unwrap();
    Some(folder)
}
