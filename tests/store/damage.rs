//! Damage and crashes: every changed byte is found, the rest stays readable, nothing is lost but
//! the batch in flight.

use super::store_support::*;
use pve_foresight::error::Kind;
use pve_foresight::model::{BytesPerSecond, GuestMetric, Tick};
use pve_foresight::store::{Detail, FindingKind, Reader, Resolution, Retention, Tier, Writer};
use std::fs;
use std::path::{Path, PathBuf};

fn open(dir: &Path) -> Writer {
    Writer::open(dir).unwrap()
}

/// Segment files of a store, smallest path first.
fn files(dir: &Path) -> Vec<PathBuf> {
    let folders = Tier::ALL.iter().map(|t| dir.join(t.folder()));
    let entries = folders.flat_map(|f| fs::read_dir(f).unwrap().map(|e| e.unwrap().path()));
    let mut all: Vec<PathBuf> = entries.collect();
    all.sort();
    all
}

/// A small tick whose values say when it is from.
fn stamped(ts: i64) -> Tick {
    let mut tick = tick(ts, 2);
    tick.guests
        .iter_mut()
        .for_each(|g| g.net_in_bps = Some(BytesPerSecond(1_000.0 + (ts - START) as f64)));
    tick
}

/// Times of the samples that can be read; panics if a value is wrong.
fn readable(dir: &Path) -> Vec<i64> {
    let reader = Reader::open(dir).unwrap();
    let history = reader.guest_history(100, 0..i64::MAX).unwrap();
    let buckets = history.series(GuestMetric::NetIn);
    for b in buckets.iter().filter(|b| b.seconds == 0) {
        assert!(close(b.avg, 1_000.0 + (b.start - START) as f64), "{b:?}");
    }
    let fleet = reader.fleet(0..i64::MAX, Resolution::Mixed, Detail::Full).unwrap();
    if let Some(entity) = fleet.guest(100) {
        for b in fleet.guest_table.buckets(entity, GuestMetric::NetIn).filter(|b| b.seconds == 0) {
            assert!(close(b.avg, 1_000.0 + (b.start - START) as f64), "{b:?}");
        }
    }
    buckets.iter().map(|b| b.start).collect()
}

#[test]
fn every_flipped_byte_is_found_and_costs_no_more_than_its_frame() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).append_all((0..4).map(|i| stamped(START + i * 60))).unwrap();
    let file = files(dir.path())[0].clone();
    let good = fs::read(&file).unwrap();
    assert!(Reader::open(dir.path()).unwrap().verify().unwrap().is_clean());
    let roster = frames(&good)[0]..frames(&good)[1];
    for (i, mask) in (0..good.len()).flat_map(|i| [(i, 0x01u8), (i, 0xff)]) {
        let mut bad = good.clone();
        bad[i] ^= mask;
        fs::write(&file, &bad).unwrap();
        let findings = Reader::open(dir.path()).unwrap().verify().unwrap().findings;
        assert!(!findings.is_empty(), "byte {i}");
        let first = &findings[0];
        assert_eq!(first.file, file);
        let range = first.offset..first.offset + first.bytes;
        assert!(range.contains(&(i as u64)), "byte {i} in {range:?}");
        let times = readable(dir.path());
        assert!(times.iter().all(|t| (0..4).any(|k| *t == START + k * 60)), "byte {i}: {times:?}");
        assert!(!roster.contains(&i) || times.len() == 4, "byte {i}: a roster is mended");
    }
}

/// A roster that is damaged in two places is lost, with all rows up to the next whole one: nothing
/// else says who is behind their places. It is told, and the other files stay whole.
#[test]
fn a_lost_roster_costs_its_file_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let minutes = (0..90).map(|i| tick(START + i * 60, 40));
    open(dir.path()).append_all(minutes).unwrap();
    let raw: Vec<PathBuf> =
        files(dir.path()).into_iter().filter(|f| f.parent().unwrap().ends_with("raw")).collect();
    let mut bytes = fs::read(&raw[1]).unwrap();
    let at = frames(&bytes)[0];
    let reader = Reader::open(dir.path()).unwrap();
    let samples = || {
        let history = reader.guest_history(100, START..START + DAY).unwrap();
        let of_samples = history.windows().iter().filter(|w| w.seconds == 0).count();
        (of_samples, history.warnings.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    bytes[at + 50] ^= 1;
    fs::write(&raw[1], &bytes).unwrap();
    let (left, warnings) = samples();
    assert_eq!(left, 90);
    assert!(warnings[0].contains("rebuilt") && warnings[0].contains("nothing is lost"));
    // The writer goes on from the rebuilt roster.
    assert_eq!(open(dir.path()).append(&tick(START + 90 * 60, 40)).unwrap().stored, 1);
    assert_eq!(samples().0, 91);
    let mut bytes = fs::read(&raw[1]).unwrap();
    bytes[at + 36 + 500] ^= 1;
    fs::write(&raw[1], &bytes).unwrap();
    let (left, warnings) = samples();
    assert_eq!(left, 60, "the other hour");
    assert!(warnings[0].contains("damaged roster; what follows cannot be read"), "{warnings:?}");
    assert!(warnings[1].contains("roster that is lost"), "{warnings:?}");
    assert!(!reader.verify().unwrap().is_clean());
    // The next sample brings a whole roster.
    assert_eq!(open(dir.path()).append(&tick(START + 91 * 60, 40)).unwrap().stored, 1);
    assert_eq!(samples().0, 61);
}

#[test]
fn a_flipped_byte_in_a_sample_costs_that_sample_alone() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).append_all((0..5).map(|i| stamped(START + i * 60))).unwrap();
    let file = files(dir.path())[0].clone();
    let mut bytes = fs::read(&file).unwrap();
    let frames = frames(&bytes);
    assert_eq!(frames.len(), 6, "a roster and five samples");
    for offset in [0, 10, 40, 100] {
        let at = frames[3] + offset;
        bytes[at] ^= 0x10;
        fs::write(&file, &bytes).unwrap();
        let left = readable(dir.path());
        let want: Vec<i64> = [0, 1, 3, 4].map(|i| START + i * 60).to_vec();
        // A block has a checksum of its own: a guest may survive damage elsewhere in its row.
        let all: Vec<i64> = (0..5).map(|i| START + i * 60).collect();
        assert!(left == want || left == all, "{left:?}");
        bytes[at] ^= 0x10;
    }
}

#[test]
fn a_file_cut_at_any_byte_loses_only_what_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).append_all((0..4).map(|i| stamped(START + i * 60))).unwrap();
    let file = files(dir.path())[0].clone();
    let good = fs::read(&file).unwrap();
    let frames = frames(&good);
    let ends: Vec<usize> = frames.iter().skip(2).copied().chain([good.len()]).collect();
    for cut in 0..good.len() {
        fs::write(&file, &good[..cut]).unwrap();
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        let want: Vec<i64> = (0..whole as i64).map(|i| START + i * 60).collect();
        assert_eq!(readable(dir.path()), want, "cut at {cut}");
        let mut writer = open(dir.path());
        assert_eq!(writer.append(&stamped(START + 600)).unwrap().stored, 1);
        drop(writer);
        let after = readable(dir.path());
        assert_eq!(after[..whole], want, "cut at {cut}, after recovery");
        assert_eq!(after[whole..], [START + 600]);
        let findings = Reader::open(dir.path()).unwrap().verify().unwrap().findings;
        assert_eq!(findings, [], "cut at {cut}: recovery leaves nothing behind");
    }
}

#[test]
fn coarse_rows_lost_to_damage_are_rolled_again() {
    let dir = tempfile::tempdir().unwrap();
    let hours = |h: i64| (START..START + h * HOUR).step_by(600).map(stamped);
    open(dir.path()).append_all(hours(8)).unwrap();
    let hourly = files(dir.path()).into_iter().find(|f| f.parent().unwrap().ends_with("hour"));
    let hourly = hourly.unwrap();
    let good = fs::read(&hourly).unwrap();
    for cut in [0, 100, good.len() / 2, good.len() - 1] {
        fs::write(&hourly, &good[..cut]).unwrap();
        open(dir.path()).compress(START + 8 * HOUR).unwrap();
        let fleet = Reader::open(dir.path()).unwrap();
        let fleet = fleet.fleet(START..START + DAY, Resolution::Hourly, Detail::Typical).unwrap();
        assert_eq!(fleet.windows().len(), 8);
        assert_eq!(open(dir.path()).compress(START + 8 * HOUR).unwrap().rows, 0, "nothing to do");
    }
}

#[test]
fn a_damaged_header_sets_the_file_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    writer.append_all((0..3).map(|i| stamped(START + i * HOUR))).unwrap();
    drop(writer);
    let newest = files(dir.path()).into_iter().rfind(|f| f.parent().unwrap().ends_with("raw"));
    let newest = newest.unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    bytes[30] ^= 1;
    fs::write(&newest, &bytes).unwrap();
    assert_eq!(readable(dir.path()), [START, START + HOUR]);
    let reader = Reader::open(dir.path()).unwrap();
    let warnings = reader.guest_history(100, START..START + DAY).unwrap().warnings;
    assert_eq!(warnings[0].file, newest);
    let mut writer = open(dir.path());
    let done = writer.append(&stamped(START + 2 * HOUR + 60)).unwrap();
    assert!(done.warnings[0].to_string().contains("set aside"), "{:?}", done.warnings);
    assert_eq!(fs::read(newest.with_extension("seg.corrupt")).unwrap(), bytes, "never deleted");
    assert_eq!(readable(dir.path()), [START, START + HOUR, START + 2 * HOUR + 60]);
    let findings = reader.verify().unwrap().findings;
    assert_eq!(findings.iter().map(|f| f.kind).collect::<Vec<_>>(), [FindingKind::SetAside]);
}

#[test]
fn what_is_damaged_is_told_though_the_first_tick_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).append(&stamped(START)).unwrap();
    fs::write(dir.path().join("retention"), b"?").unwrap();
    let mut writer = open(dir.path());
    let nobody = Tick { ts: START, nodes: Vec::new(), guests: Vec::new() };
    assert_eq!(writer.append(&nobody).unwrap_err().kind, Kind::Invalid);
    let told = writer.append(&stamped(START + 60)).unwrap().warnings;
    assert!(told.len() == 1 && told[0].file.ends_with("retention"), "{told:?}");
}

#[test]
fn a_newer_version_is_left_alone_and_the_rest_stays_readable() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).append_all((0..3).map(|i| stamped(START + i * HOUR))).unwrap();
    let raw: Vec<PathBuf> =
        files(dir.path()).into_iter().filter(|f| f.parent().unwrap().ends_with("raw")).collect();
    make_newer(&raw[2]);
    let bytes = fs::read(&raw[2]).unwrap();
    assert_eq!(readable(dir.path()), [START, START + HOUR]);
    let error = open(dir.path()).append(&stamped(START + 2 * HOUR + 60)).unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
    assert!(error.to_string().contains("version 9"), "{error}");
    assert_eq!(fs::read(&raw[2]).unwrap(), bytes);
    let findings = Reader::open(dir.path()).unwrap().verify().unwrap().findings;
    assert_eq!(findings[0].kind, FindingKind::Unsupported);
    assert_eq!(open(dir.path()).append(&stamped(START + 4 * HOUR)).unwrap().stored, 1);
}

/// Of what cannot be rolled the samples stay, as long as its row would: but all else expires.
#[test]
fn a_coarse_file_of_a_newer_version_holds_its_own_samples_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut days = 0..;
    let mut a_day = || {
        let start = START + days.next().unwrap() * DAY;
        let ticks = (start..start + DAY).step_by(600).map(|ts| tick(ts, 1));
        open(dir.path()).append_all(ticks).unwrap();
    };
    let hours = |day: i64| {
        let at = |hour: i64| format!("2023-11-{:02}T{hour:02}.seg", 16 + day);
        (0..24).filter(|&hour| dir.path().join("raw").join(at(hour)).exists()).count()
    };
    a_day();
    make_newer(&dir.path().join("hour/2023-11-16.seg"));
    (0..4).for_each(|_| a_day());
    assert_eq!([0, 1, 2, 3, 4].map(hours), [24, 0, 1, 24, 24]);
    (0..12).for_each(|_| a_day());
    assert_eq!(hours(0), 0, "hourly rows are kept for fourteen days");
}

#[test]
fn a_flipped_bit_is_no_newer_version() {
    for bit in 0..16 {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).append(&stamped(START)).unwrap();
        let file = files(dir.path())[0].clone();
        let mut bytes = fs::read(&file).unwrap();
        bytes[8 + bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, &bytes).unwrap();
        let done = open(dir.path()).append(&stamped(START + 60)).unwrap();
        assert!(done.warnings[0].to_string().contains("set aside"), "bit {bit}");
        assert_eq!(readable(dir.path()), [START + 60], "bit {bit}");
    }
}

#[test]
fn one_writer_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = Writer::open(dir.path());
    assert_eq!(second.err().map(|e| e.kind), Some(Kind::Busy));
    drop(first);
    open(dir.path());
}

/// Whether a command that mounts or unmounts succeeds.
fn mount(args: &[&str]) -> bool {
    std::process::Command::new(args[0]).args(&args[1..]).status().is_ok_and(|s| s.success())
}

#[test]
fn a_full_disk_loses_only_the_tick_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", at]) {
        skip("mount", "mounting a small tmpfs needs root");
        return;
    }
    let mut writer = open(dir.path());
    let mut stored = Vec::new();
    let mut full = 0;
    for i in 0..2_000 {
        let ts = START + i * 60;
        match writer.append(&tick(ts, 40)) {
            Ok(done) => stored.extend((done.stored == 1).then_some(ts)),
            Err(e) => {
                assert_eq!(e.kind, Kind::Io, "{e}");
                full += 1;
            }
        }
        if full == 3 {
            break;
        }
    }
    let reader = Reader::open(dir.path()).unwrap();
    let times = |reader: &Reader| -> Vec<i64> {
        let fleet = reader.fleet(0..i64::MAX, Resolution::Raw, Detail::Typical).unwrap();
        fleet.windows().iter().map(|w| w.start).collect()
    };
    let kept = times(&reader);
    let clean = reader.verify().unwrap().is_clean();
    // Room again: the writer goes on, also with what it could not roll.
    let more = mount(&["mount", "-o", "remount,size=4m", at]);
    let later = writer.append(&tick(START + 3 * DAY, 40));
    let kept_later = times(&reader);
    drop(writer);
    assert!(mount(&["umount", at]));
    assert_eq!(full, 3, "the disk did get full");
    assert_eq!(kept, stored);
    assert!(clean);
    assert!(more && later.is_ok(), "{later:?}");
    assert_eq!(kept_later.last(), Some(&(START + 3 * DAY)));
    assert_eq!(kept_later[..stored.len()], stored);
}

#[test]
fn a_writer_goes_on_after_a_batch_that_found_the_disk_full() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", at]) {
        skip("mount", "mounting a small tmpfs needs root");
        return;
    }
    let mut writer = open(dir.path());
    writer.keep(Retention { raw_hours: 7, ..Retention::default() }).unwrap();
    // The end of the batch is what finds no room.
    let large = (0..60).map(|i| tick(START + HOUR + i * 60, 300));
    let error = writer.append_all(std::iter::once(tick(START, 1)).chain(large)).unwrap_err();
    let more = mount(&["mount", "-o", "remount,size=40m", at]);
    let mut removed = 0;
    for i in 0..600 {
        removed += writer.append(&tick(START + 2 * DAY + i * 60, 1)).unwrap().compressed.removed;
    }
    drop(writer);
    assert!(mount(&["umount", at]));
    assert_eq!((error.kind, more), (Kind::Io, true), "{error}");
    assert!(removed > 0, "no batch runs any more");
}

#[test]
fn hostile_lengths_are_refused_without_allocation() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).append_all((0..2).map(|i| stamped(START + i * 60))).unwrap();
    let file = files(dir.path())[0].clone();
    let good = fs::read(&file).unwrap();
    let frame = (0..good.len() - 4).find(|&i| good[i..].starts_with(b"\xf5PF\n")).unwrap();
    // Lengths of the first frame, with a head checksum that fits.
    for (at, value) in
        [(8, u32::MAX), (12, u32::MAX), (8, 0), (12, 1 << 31), (8, good.len() as u32)]
    {
        let mut bad = good.clone();
        bad[frame + at..frame + at + 4].copy_from_slice(&value.to_le_bytes());
        let crc = crc32fast::hash(&bad[frame..frame + 32]);
        bad[frame + 32..frame + 36].copy_from_slice(&crc.to_le_bytes());
        fs::write(&file, &bad).unwrap();
        assert!(!Reader::open(dir.path()).unwrap().verify().unwrap().is_clean());
        readable(dir.path());
    }
    // The whole content of a frame is hostile, with checksums that fit.
    let meta_len = u32::from_le_bytes(good[frame + 8..frame + 12].try_into().unwrap()) as usize;
    for fill in [0u8, 1, 0x7f, 0x80, 0xfe, 0xff] {
        let mut bad = good.clone();
        bad[frame + 36..frame + 36 + meta_len].fill(fill);
        let crc = crc32fast::hash(&bad[frame + 36..frame + 36 + meta_len]);
        bad[frame + 28..frame + 32].copy_from_slice(&crc.to_le_bytes());
        let crc = crc32fast::hash(&bad[frame..frame + 32]);
        bad[frame + 32..frame + 36].copy_from_slice(&crc.to_le_bytes());
        fs::write(&file, &bad).unwrap();
        assert!(!Reader::open(dir.path()).unwrap().verify().unwrap().is_clean());
        assert_eq!(readable(dir.path()), [0i64; 0]);
    }
}

/// What could stand in the place of a file: name, and how it is made.
type Odd = (&'static str, fn(&Path));

const ODDITIES: [Odd; 4] = [
    ("link", |place| std::os::unix::fs::symlink("/dev/zero", place).unwrap()),
    ("dangling link", |place| std::os::unix::fs::symlink("nowhere", place).unwrap()),
    ("pipe", |place| {
        let name = std::ffi::CString::new(place.to_str().unwrap()).unwrap();
        // SAFETY: the name ends with a zero and lives through the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    }),
    ("folder", |place| fs::create_dir(place).unwrap()),
];

#[test]
fn what_is_no_regular_file_is_told_and_neither_followed_nor_waited_for() {
    for (what, make) in ODDITIES {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).append_all((0..20).map(|i| stamped(START + i * 360))).unwrap();
        let victim = files(dir.path()).into_iter().find(|f| f.to_str().unwrap().contains("T00"));
        let victim = victim.unwrap();
        fs::remove_file(&victim).unwrap();
        make(&victim);
        let reader = Reader::open(dir.path()).unwrap();
        let findings = reader.verify().unwrap().findings;
        assert_eq!(findings.len(), 1, "{what}: {findings:?}");
        assert_eq!(findings[0].file, victim);
        assert!(findings[0].what.contains("no regular file"), "{what}: {findings:?}");
        assert_eq!(reader.overview(START + 2 * HOUR).unwrap().damaged, 1, "{what}");
        assert!(reader.last_tick(i64::MAX).unwrap().is_some(), "{what}");
        // The writer sets it aside, as any damaged file, and goes on.
        let done = open(dir.path()).append(&stamped(START + 30)).unwrap();
        assert_eq!(done.stored, 1, "{what}");
        assert!(done.warnings.iter().any(|w| w.message.contains("set aside")), "{what}: {done:?}");
        let aside = fs::symlink_metadata(victim.with_extension("seg.corrupt")).unwrap();
        assert!(!aside.is_file(), "{what}");
    }
}

#[test]
fn a_lock_that_is_no_regular_file_is_refused_at_once() {
    for (what, make) in ODDITIES {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).append(&stamped(START)).unwrap();
        fs::remove_file(dir.path().join("lock")).unwrap();
        make(&dir.path().join("lock"));
        let error = Writer::open(dir.path()).err().unwrap();
        assert_eq!(error.kind, Kind::Corrupt, "{what}");
        assert!(error.to_string().contains("lock: is no regular file"), "{what}: {error}");
        assert!(!dir.path().join("nowhere").exists(), "{what}");
    }
}
