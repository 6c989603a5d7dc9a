//! The doors through which foreign bytes come, each as a function that must hold its promises for
//! any input: no panic, no runaway, and what was read makes sense.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken promise must be loud"
)]

use pve_foresight::collect::{Counters, guest_sample, node_sample, parse, proxbalance_history};
use pve_foresight::engine::{Engine, EntityRequest, OutcomesRequest, RecommendRequest};
use pve_foresight::ffi;
use pve_foresight::model::{Tick, UnixTime};
use pve_foresight::outcome::{LEDGER_FILE, Ledger};
use pve_foresight::settings::{self, get_effective_penalty_config, migrate_legacy_config};
use pve_foresight::store::{Detail, Entity, Reader, Resolution, Writer};
use pve_foresight::trend::cases::answer_line;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A door takes any bytes.
pub type Door = fn(&[u8]);

/// Every door by the name of its target and its folder of seeds.
pub const DOORS: [(&str, Door); 11] = [
    ("pmxcfs", pmxcfs),
    ("rrd_file", rrd_file),
    ("counters", counters),
    ("store", store),
    ("append", append),
    ("settings", settings),
    ("series", series),
    ("inventory", inventory),
    ("proxbalance", proxbalance),
    ("abi", abi),
    ("outcomes", outcomes),
];

/// A file of the cluster's configuration or live state; the first byte says which.
pub fn pmxcfs(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    match which % 12 {
        0 => drop(parse::members(text)),
        1 => drop(parse::vmlist(text)),
        2 => drop(parse::rrd(text)),
        3 => drop(parse::resources(text)),
        4 => drop(parse::rules(text)),
        5 => drop(parse::groups(text)),
        6 => drop(parse::manager_status(text)),
        7 => drop((parse::datacenter(text), parse::corosync(text))),
        8 => drop(parse::storage(text)),
        9 => drop(parse::qemu(text)),
        10 => drop(parse::lxc(text)),
        _ => drop((parse::mapping(text), parse::replication(text))),
    }
}

/// A file of rrdtool.
pub fn rrd_file(data: &[u8]) {
    let Ok(file) = parse::rrd_file(data) else { return };
    let rows: usize = file.archives.iter().map(|a| a.times().count()).sum();
    assert!(rows * 8 <= data.len(), "more rows than the file has room for");
    for archive in &file.archives {
        assert!(archive.times().is_sorted_by(|a, b| a < b), "rows are in order");
        for row in 0..archive.len() {
            let get = |name: &str| archive.value(row, file.sources.iter().position(|s| s == name)?);
            let mut guest = guest_sample(100, &get);
            guest.node = "pve1".into();
            let tick = Tick { ts: 1, nodes: vec![node_sample("pve1", &get)], guests: vec![guest] };
            tick.check().unwrap();
        }
    }
}

/// What the collector keeps between runs.
pub fn counters(data: &[u8]) {
    if let Ok(counters) = Counters::parse(data) {
        let again = Counters::parse(&counters.to_bytes().unwrap()).unwrap();
        assert_eq!(again, counters, "what was written reads back");
    }
}

/// A segment of the store; the first byte says of which tier. Reading survives it, and so does a
/// writer that goes on.
pub fn store(data: &[u8]) {
    const FILES: [&str; 3] = ["raw/2023-11-16T06.seg", "hour/2023-11-16.seg", "six/2023-11-16.seg"];
    let Some((which, bytes)) = data.split_first() else { return };
    let dir = scratch();
    let file = dir.path().join(FILES[usize::from(which % 3)]);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, bytes).unwrap();
    look(dir.path());
    if let Ok(mut writer) = Writer::open(dir.path()) {
        // An hour and a day later: the tiers roll what was written above.
        for ts in [AFTER, AFTER + 3_600, AFTER + 86_400] {
            let tick = tick(ts);
            writer.append(&tick).unwrap();
        }
        drop(writer.compress(AFTER + 86_400));
    }
    let last = Reader::open(dir.path()).unwrap().last_tick(UnixTime::MAX).unwrap();
    assert!(last.is_some_and(|t| t.ts >= AFTER + 86_400), "what came later is there");
    look(dir.path());
}

/// Just behind the segments of the seeds.
const AFTER: UnixTime = 1_700_120_000;

/// Reads a store by every way there is.
fn look(dir: &Path) {
    let Ok(reader) = Reader::open(dir) else { return };
    drop(reader.last_tick(UnixTime::MAX));
    let all = 0..UnixTime::MAX;
    let Ok(fleet) = reader.fleet(all.clone(), Resolution::Mixed, Detail::Full) else { return };
    assert!(fleet.windows().windows(2).all(|w| w[0].start <= w[1].start), "rows are in order");
    drop(reader.node_history("pve1", all.clone()));
    drop(reader.guest_history(100, all.clone()));
    drop(reader.migrations(all));
    drop(reader.get_data_quality(&Entity::Guest(100), AFTER));
    drop(reader.stats(AFTER));
    drop(reader.verify());
}

/// Ticks as JSON lines.
pub fn append(data: &[u8]) {
    let dir = scratch();
    let engine = Engine::new(dir.path());
    let Ok(reply) = engine.append_lines(data) else { return };
    let lines = data.split(|b| *b == b'\n').count() as u64;
    assert!(reply.appended + reply.duplicates + reply.late + reply.rejected <= lines);
    assert!(reply.appended == 0 || engine.verify().unwrap().clean, "what was stored is sound");
    drop(engine.recommend(&RecommendRequest { now: None, inventory: None, config: plain() }, None));
    drop(engine.quality(&EntityRequest { now: None, node: None, guest: None }));
}

/// The settings file, and a configuration of ProxBalance.
pub fn settings(data: &[u8]) {
    let loaded = settings::load(Path::new("settings"), data);
    let effective = get_effective_penalty_config(&loaded.stored);
    drop(effective.entries());
    if let Ok(stored) = settings::parse(data) {
        let text = stored.serialise();
        assert_eq!(
            settings::parse(text.as_bytes()).unwrap(),
            stored,
            "what was written reads back"
        );
    }
    if let Ok(value) = settings::strict(data, settings::MAX_BYTES) {
        let migrated = migrate_legacy_config(&value).stored();
        assert!(settings::parse(migrated.serialise().as_bytes()).is_ok(), "migrated settings hold");
    }
}

/// A line of `trend --series`.
pub fn series(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    if let Ok(answer) = answer_line(line) {
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let confidence = answer["confidence"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&confidence), "{answer}");
    }
}

/// Constraints as JSON, beside a store that has something to decide.
pub fn inventory(data: &[u8]) {
    let dir = scratch();
    let file = dir.path().join("inventory.json");
    std::fs::write(&file, data).unwrap();
    let request = RecommendRequest { now: None, inventory: Some(file), config: plain() };
    drop(Engine::new(prepared()).recommend(&request, None));
}

/// A history of ProxBalance: a database or JSON.
pub fn proxbalance(data: &[u8]) {
    let dir = scratch();
    let file = dir.path().join("node_metrics_history.json");
    std::fs::write(&file, data).unwrap();
    drop(proxbalance_history(&file, 0..UnixTime::MAX, &mut |row| {
        assert!(row.time >= 0);
        Ok(())
    }));
}

/// A verb of the C ABI with any request; the first byte says which.
pub fn abi(data: &[u8]) {
    type Verb = unsafe extern "C" fn(
        *const ffi::Handle,
        *const std::ffi::c_char,
        usize,
        *mut ffi::Text,
    ) -> ffi::Status;
    const VERBS: [Verb; 10] = [
        ffi::foresight_trends,
        ffi::foresight_recommend,
        ffi::foresight_history,
        ffi::foresight_quality,
        ffi::foresight_settings,
        ffi::foresight_status,
        ffi::foresight_explain,
        ffi::foresight_drain,
        ffi::foresight_outcomes,
        ffi::foresight_backtest,
    ];
    let Some((which, input)) = data.split_first() else { return };
    let open = format!("{{\"state\": {:?}}}", prepared());
    let mut engine = std::ptr::null_mut();
    let mut text = ffi::Text { data: std::ptr::null_mut(), len: 0 };
    // SAFETY: pointers and lengths belong together; the engine lives until it is closed.
    unsafe {
        let opened = ffi::foresight_open(open.as_ptr().cast(), open.len(), &mut engine, &mut text);
        assert_eq!(opened, ffi::Status::Ok);
        ffi::foresight_text_free(&mut text);
        let verb = VERBS[usize::from(*which) % VERBS.len()];
        let status = verb(engine, input.as_ptr().cast(), input.len(), &mut text);
        let said = std::slice::from_raw_parts(text.data.cast::<u8>(), text.len);
        let said = std::str::from_utf8(said).unwrap();
        assert_ne!(status, ffi::Status::Panic, "{said}");
        if status == ffi::Status::Ok {
            serde_json::from_str::<serde_json::Value>(said).unwrap();
        }
        ffi::foresight_text_free(&mut text);
        ffi::foresight_close(engine);
    }
}

/// The file of outcomes: its bytes, or after a zero its list behind a first line that fits.
pub fn outcomes(data: &[u8]) {
    static STORE: OnceLock<PathBuf> = OnceLock::new();
    let dir = STORE.get_or_init(prepare);
    let file = match data.split_first() {
        Some((0, list)) => ledger_file(list),
        _ => data.to_vec(),
    };
    std::fs::write(dir.join(LEDGER_FILE), file).unwrap();
    let engine = Engine::new(dir);
    drop(engine.outcomes(&OutcomesRequest { now: None, guest: None, config: plain() }));
    drop(engine.recommend(&RecommendRequest { now: None, inventory: None, config: plain() }, None));
    let Ok(mut ledger) = Ledger::load(dir) else { return };
    let lock = Writer::open(dir).unwrap();
    ledger.save(dir, &lock).unwrap();
    let again = Ledger::load(dir).unwrap();
    assert_eq!(again.outcomes.len(), ledger.outcomes.len(), "what was written reads back");
}

/// A list of outcomes behind its first line, with the fields in the order in which they are written:
/// the checksum is of all that, with 0 in its own place.
pub fn ledger_file(list: &[u8]) -> Vec<u8> {
    let with = |crc: u32| {
        let bytes = list.len();
        let line = format!(
            "{{\"format\":\"pve-foresight-outcomes\",\"version\":1,\"next_due\":null,\
             \"searched\":{AFTER},\"bytes\":{bytes},\"crc32\":{crc}}}\n"
        );
        [line.as_bytes(), list].concat()
    };
    with(crc32fast::hash(&with(0)))
}

fn plain() -> settings::PenaltyConfig {
    get_effective_penalty_config(&settings::Stored::default()).config
}

/// A folder of its own, in memory where there is such a place.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

/// A small store with a day of samples, made once.
fn prepared() -> &'static PathBuf {
    static STORE: OnceLock<PathBuf> = OnceLock::new();
    STORE.get_or_init(prepare)
}

fn prepare() -> PathBuf {
    let dir = scratch().keep();
    let ticks = (0..96).map(|i| tick(AFTER + i * 900));
    Engine::new(&dir).append(ticks).unwrap();
    dir
}

/// Two nodes, the first one hot, and three guests.
fn tick(ts: UnixTime) -> Tick {
    let guest = |vmid: u32, node: &str, cpu: f64| {
        serde_json::json!({"vmid": vmid, "type": "qemu", "name": format!("g{vmid}"), "node": node,
            "status": "running", "maxcpu": 8, "cpu": cpu, "maxmem": 8u64 << 30, "mem": 4u64 << 30})
    };
    let node = |name: &str, cpu: f64| {
        serde_json::json!({"name": name, "online": true, "maxcpu": 16, "cpu": cpu,
            "maxmem": 64u64 << 30, "mem": 30u64 << 30})
    };
    let tick = serde_json::json!({"ts": ts,
        "nodes": [node("pve1", 0.92), node("pve2", 0.1)],
        "guests": [guest(100, "pve1", 0.9), guest(101, "pve1", 0.8), guest(102, "pve2", 0.1)]});
    serde_json::from_value(tick).unwrap()
}
