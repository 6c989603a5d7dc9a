//! Bytes that reach the device in a day of one tick a minute, counted on an ext4 of its own. As root:
//! `cargo test --release --test store device -- --ignored --nocapture`.

use super::store_support::workload::Workload;
use super::store_support::*;
use pve_foresight::store::Writer;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs a command and returns what it prints; `None` when it fails.
fn run(command: &[&str]) -> Option<String> {
    let output = Command::new(command[0]).args(&command[1..]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// Bytes written to a block device since it exists.
fn written(device: &str) -> u64 {
    let name = Path::new(device).file_name().unwrap().to_str().unwrap();
    let stat = fs::read_to_string(format!("/sys/class/block/{name}/stat")).unwrap();
    stat.split_whitespace().nth(6).unwrap().parse::<u64>().unwrap() * 512
}

/// Megabytes of a day of `guests` guests; `None` where no loop device can be had.
fn megabytes_a_day(guests: u32) -> Option<f64> {
    let workload = Workload::new(guests)?;
    let dir = tempfile::tempdir().unwrap();
    let (image, mount) = (dir.path().join("image"), dir.path().join("mount"));
    fs::create_dir(&mount).unwrap();
    fs::File::create(&image).unwrap().set_len(2 << 30).unwrap();
    let (image, at) = (image.to_str().unwrap(), mount.to_str().unwrap());
    run(&["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image])?;
    let device = run(&["losetup", "--find", "--show", image])?;
    run(&["mount", &device, at])?;
    let mut writer = Writer::open(&mount.join("metrics")).unwrap();
    writer.append(&workload.tick(START - 60)).unwrap();
    run(&["sync", "-f", at])?;
    let before = written(&device);
    for ts in (START..START + DAY).step_by(60) {
        writer.append(&workload.tick(ts)).unwrap();
        // What the kernel does by itself within the minute.
        run(&["sync", "-f", at])?;
    }
    let bytes = written(&device) - before;
    drop(writer);
    run(&["umount", at])?;
    run(&["losetup", "--detach", &device])?;
    Some(bytes as f64 / 1e6)
}

#[test]
#[ignore = "needs root; for figures"]
fn a_day_wears_the_disk_little() {
    for (guests, limit) in [(50, 45.0), (2_000, 120.0)] {
        let Some(megabytes) = megabytes_a_day(guests) else {
            skip("loop-device", "needs root, mkfs.ext4 and a loop device");
            return;
        };
        println!("{guests} guests: {megabytes:.1} MB reach the device in a day");
        assert!(megabytes <= limit, "{megabytes} MB");
    }
}
