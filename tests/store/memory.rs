//! Memory is bounded, in a large cluster where something changes with every sample:
//! `cargo test --release --test store memory -- --ignored --nocapture`

use super::store_support::*;
use pve_foresight::model::{GuestMetric, GuestStatus, Metric, Tick};
use pve_foresight::store::{Detail, Entity, Reader, Resolution, Writer};

const GUESTS: u32 = 10_000;

/// A tick in which one guest after the other stops and starts.
fn restless(ts: i64) -> Tick {
    let mut tick = tick(ts, GUESTS);
    let minute = (ts - START) / MINUTE;
    let stopped = (minute / 2 * 977).rem_euclid(i64::from(GUESTS));
    tick.guests[usize::try_from(stopped).unwrap()].status = GuestStatus::Stopped;
    tick
}

/// A figure of this process, in MiB.
fn figure(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

/// Runs `work` and checks how far memory rose meanwhile.
fn peak(what: &str, limit: u64, work: impl FnOnce()) {
    // Gives back what earlier work left, and forgets its peak.
    // SAFETY: takes no pointers and may be called at any time.
    unsafe { libc::malloc_trim(0) };
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = figure("VmRSS");
    work();
    let rose = figure("VmHWM").saturating_sub(before);
    println!("{what}: {rose} MiB");
    assert!(rose <= limit, "{what}: {rose} MiB, limit {limit}");
}

#[test]
#[ignore = "takes a minute; alone in its process"]
fn memory_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let end = START + 13 * HOUR;
    let times = |from: i64, to: i64| (from..to).step_by(60).map(restless);
    let mut writer = Writer::open(dir.path()).unwrap();
    peak("append of an hour, minute by minute", 64, || {
        times(START, START + HOUR).for_each(|tick| drop(writer.append(&tick).unwrap()));
    });
    writer.append_all(times(START + HOUR, end)).unwrap();
    drop(writer);
    peak("roll of twelve hours and two six-hour windows", 512, || {
        std::fs::remove_dir_all(dir.path().join("hour")).unwrap();
        std::fs::remove_dir_all(dir.path().join("six")).unwrap();
        let mut writer = Writer::open(dir.path()).unwrap();
        assert_eq!(writer.compress(end).unwrap().rows, 15);
    });
    let reader = Reader::open(dir.path()).unwrap();
    peak("verify", 96, || assert!(reader.verify().unwrap().is_clean()));
    peak("status", 32, || drop(reader.overview(end).unwrap()));
    peak("last tick", 32, || drop(reader.last_tick(end).unwrap()));
    peak("one guest, thirteen hours of samples", 64, || {
        assert_eq!(reader.guest_history(100, START..end).unwrap().windows().len(), 780);
    });
    let all: Vec<Entity> = (100..100 + GUESTS).map(Entity::Guest).collect();
    peak("quality of all", 128, || drop(reader.data_quality(&all, end).unwrap()));
    peak("hourly rows of all, all metrics decoded", 256, || {
        let fleet = reader.fleet(START..end, Resolution::Hourly, Detail::Typical).unwrap();
        fleet.decode(&[], GuestMetric::ALL);
        assert_eq!(fleet.guests.len(), GUESTS as usize);
    });
    peak("an hour of samples of all", 256, || {
        let range = end - HOUR..end;
        drop(reader.fleet(range, Resolution::Raw, Detail::Typical).unwrap());
    });
}
