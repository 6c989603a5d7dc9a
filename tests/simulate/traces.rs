//! Promises of recorded guests: what is in the file comes out, gaps stay gaps, nonsense is named.

use super::skip_support::skip;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use pve_foresight::error::{Error, Kind};
use pve_foresight::model::{DAY, GuestStatus, HOUR};
use pve_foresight::simulate::{
    Between, Gaps, Growth, NodeGroup, Placement, Scenario, Simulation, Trace, TraceSpec,
};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const HEADER: &str =
    "vm,t,cores,cpu,maxmem_mb,mem_mb,disk_read_bps,disk_write_bps,net_in_bps,net_out_bps\n";
const CF_HEADER: &str =
    "vm,t,cf,cores,cpu,maxmem_mb,mem_mb,disk_read_bps,disk_write_bps,net_in_bps,net_out_bps\n";

fn parse(text: &[u8]) -> Result<Trace, Error> {
    Trace::parse(text, Path::new("x.csv"))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

/// Two guests over two days; vm 7 has no samples from hour 10 to hour 12.
fn two_days() -> String {
    let mut text = HEADER.to_string();
    for vm in [5, 7] {
        for t in (0..2 * DAY).step_by(300) {
            if vm == 7 && (10 * HOUR..12 * HOUR).contains(&t) {
                continue;
            }
            let cpu = f64::from(vm) / 100.0 + t as f64 / 1e6;
            text += &format!("{vm},{t},4,{cpu},8192,{},100,200,300,400\n", 1000 + vm);
        }
    }
    text
}

fn scenario(spec: TraceSpec) -> Scenario {
    let nodes = vec![NodeGroup { cores: 64, ..NodeGroup::default() }];
    let traces = Some(spec);
    Scenario { days: 2.0, guests: Vec::new(), nodes, traces, ..Scenario::default() }
}

fn simulate(text: &str, spec: TraceSpec) -> (Scenario, Simulation) {
    let scenario = scenario(spec);
    let trace = Arc::new(parse(text.as_bytes()).unwrap());
    let simulation = Simulation::with_trace(&scenario, trace).unwrap();
    (scenario, simulation)
}

#[test]
fn what_is_in_the_file_comes_out_at_every_tick() {
    let (scenario, simulation) = simulate(&two_days(), TraceSpec::default());
    let sizes: Vec<_> = simulation.guests().iter().map(|g| (g.vmid, g.cores.0)).collect();
    assert_eq!(sizes, [(5, 4.0), (7, 4.0)]);
    for tick in simulation {
        let t = tick.ts - scenario.start();
        let sample = t / 300 * 300;
        let guest = &tick.guests[0];
        let cpu = guest.cpu.unwrap().0;
        let recorded = 0.05 + sample as f64 / 1e6;
        assert!((cpu / recorded - 1.0).abs() < 1.1e-4, "held, with the jitter of an interval");
        assert!((guest.mem.unwrap().0 - 1005.0 * 1_048_576.0).abs() < 64.0);
        assert!((guest.net_out_bps.unwrap().0 - 400.0).abs() < 0.1);
    }
}

#[test]
fn interpolation_goes_straight_from_sample_to_sample() {
    let spec = TraceSpec { between: Between::Interpolate, ..TraceSpec::default() };
    let (scenario, simulation) = simulate(&two_days(), spec);
    for t in (0..6 * HOUR).step_by(60) {
        let cpu = simulation.demand(5, scenario.start() + t).unwrap().cpu.0;
        assert!((cpu / 4.0 - 0.05 - t as f64 / 1e6).abs() < 1e-6);
    }
}

#[test]
fn gaps_stay_gaps() {
    let gap = 10 * HOUR..12 * HOUR;
    for gaps in [Gaps::Stopped, Gaps::Absent, Gaps::Held] {
        let (scenario, simulation) =
            simulate(&two_days(), TraceSpec { gaps, ..TraceSpec::default() });
        for tick in simulation {
            let inside = gap.contains(&(tick.ts - scenario.start()));
            let guest = tick.guests.iter().find(|g| g.vmid == 7);
            match (inside, gaps) {
                (true, Gaps::Stopped) => {
                    let guest = guest.unwrap();
                    assert_eq!((guest.status, guest.cpu), (GuestStatus::Stopped, None));
                }
                (true, Gaps::Absent) => assert!(guest.is_none()),
                (true, Gaps::Held) => {
                    let last = 0.07 + (10 * HOUR - 300) as f64 / 1e6;
                    assert!((guest.unwrap().cpu.unwrap().0 / last - 1.0).abs() < 1.1e-4);
                }
                (false, _) => assert!(guest.unwrap().cpu.is_some()),
            }
        }
    }
}

#[test]
fn a_guest_is_gone_after_its_last_sample_unless_the_recording_repeats() {
    let long = |repeat| {
        let trace = Arc::new(parse(two_days().as_bytes()).unwrap());
        let spec = TraceSpec { repeat, ..TraceSpec::default() };
        let scenario = Scenario { days: 5.0, ..scenario(spec) };
        (scenario.start(), Simulation::with_trace(&scenario, trace).unwrap())
    };
    let (start, once) = long(false);
    assert!(once.demand(5, start + 2 * DAY - 1).is_some());
    assert_eq!(once.demand(5, start + 2 * DAY), None);
    let (start, again) = long(true);
    let cpu = |t| again.demand(5, start + t).unwrap().cpu.0;
    assert!((cpu(HOUR + 2 * DAY) / cpu(HOUR) - 1.0).abs() < 3e-4);
    assert!((cpu(HOUR + 4 * DAY) / cpu(HOUR) - 1.0).abs() < 3e-4);
}

#[test]
fn more_guests_than_recorded_are_other_days_of_them() {
    let spec =
        TraceSpec { guests: Some(6), first_vmid: Some(300), repeat: true, ..TraceSpec::default() };
    let (scenario, simulation) = simulate(&two_days(), spec);
    let vmids: Vec<u32> = simulation.guests().iter().map(|g| g.vmid).collect();
    assert_eq!(vmids, [300, 301, 302, 303, 304, 305]);
    let cpu = |vmid, t| simulation.demand(vmid, scenario.start() + t).unwrap().cpu.0;
    let days: Vec<f64> = [302, 304].iter().map(|v| cpu(*v, HOUR) / cpu(300, HOUR)).collect();
    let next_day = cpu(300, HOUR + DAY) / cpu(300, HOUR);
    for ratio in days {
        let whole_days = (ratio - 1.0).abs() < 3e-4 || (ratio / next_day - 1.0).abs() < 3e-4;
        assert!(whole_days, "the hour of the day stays: {ratio}");
    }
}

#[test]
fn scale_and_growth_act_on_recorded_guests() {
    let (scenario, plain) = simulate(&two_days(), TraceSpec::default());
    let spec = TraceSpec { scale: 2.0, memory_scale: 3.0, ..TraceSpec::default() };
    let (_, scaled) = simulate(&two_days(), spec);
    let at = scenario.start() + HOUR;
    let (a, b) = (plain.demand(5, at).unwrap(), scaled.demand(5, at).unwrap());
    assert!((b.cpu.0 / a.cpu.0 - 2.0).abs() < 1e-9 && (b.mem.0 / a.mem.0 - 3.0).abs() < 1e-9);
    let spec = TraceSpec { scale: 1e3, memory_scale: 1e3, ..TraceSpec::default() };
    let (_, huge) = simulate(&two_days(), spec);
    let d = huge.demand(5, at).unwrap();
    assert_eq!((d.cpu.0, d.mem.0), (4.0, 8192.0 * 1_048_576.0), "never more than it has");

    let growth =
        Growth { guests: vec![5], cpu_cores_per_day: 1.0, from_day: 0.5, ..Growth::default() };
    let grown = Scenario { growth: vec![growth], ..scenario };
    let trace = Arc::new(parse(two_days().as_bytes()).unwrap());
    let simulation = Simulation::with_trace(&grown, trace).unwrap();
    let at = grown.start() + DAY;
    let gained = simulation.demand(5, at).unwrap().cpu.0 - plain.demand(5, at).unwrap().cpu.0;
    assert!((gained - 0.5).abs() < 1e-9);
}

#[test]
fn a_row_that_says_switched_off_is_never_held() {
    let row = |t: i64, cores: u32| format!("9,{t},{cores},0.5,1024,512,0,0,0,0\n");
    let rows = [row(0, 2), row(300, 0), row(1200, 2), row(2400, 2)];
    let text = format!("{HEADER}{}", rows.concat());
    for between in [Between::Hold, Between::Interpolate] {
        let spec = TraceSpec { gaps: Gaps::Held, between, ..TraceSpec::default() };
        let (scenario, simulation) = simulate(&text, spec);
        let runs = |t: i64| simulation.demand(9, scenario.start() + t).is_some();
        let seen: Vec<bool> = [0, 299, 300, 900, 1200, 1800, 2400].map(runs).to_vec();
        assert_eq!(seen, [true, true, false, false, true, true, true]);
    }
}

#[test]
fn rows_without_cores_are_gaps_and_late_guests_come_later() {
    let mut text = HEADER.to_string();
    for t in (0..2 * DAY).step_by(300) {
        let cores = if t < DAY { 0 } else { 2 };
        text += &format!("9,{t},{cores},0.5,1024,512,0,0,0,0\n5,{t},1,0.1,1024,512,0,0,0,0\n");
    }
    let (scenario, simulation) = simulate(&text, TraceSpec::default());
    let seen = |day: f64| simulation.demand(9, scenario.start() + (day * DAY as f64) as i64);
    assert_eq!(seen(0.5), None);
    assert!(seen(1.5).is_some());
    let guest = simulation.guests().iter().find(|g| g.vmid == 9).unwrap();
    assert_eq!(guest.created, scenario.start() + DAY);
}

#[test]
fn averages_and_maxima_of_half_hours_are_both_kept() {
    let mut text = CF_HEADER.to_string();
    for t in (0..DAY).step_by(1800) {
        text += &format!("5,{t},AVERAGE,4,0.2,8192,1000,10,20,30,40\n");
    }
    for t in (0..DAY).step_by(1800) {
        text += &format!("5,{t},MAX,4,0.7,8192,1500,10,20,30,100\n");
    }
    let (scenario, simulation) = simulate(&text, TraceSpec::default());
    let mut places = [0; 6];
    for span in 0..48 {
        let start = scenario.start() + span * 1800;
        let parts: Vec<f64> =
            (0..6).map(|i| simulation.demand(5, start + i * 300).unwrap().cpu.0 / 4.0).collect();
        let max = parts.iter().copied().fold(0.0, f64::max);
        assert!((parts.iter().sum::<f64>() / 6.0 - 0.2).abs() < 1e-6, "{parts:?}");
        assert!((max - 0.7).abs() < 1e-6);
        places[parts.iter().position(|p| *p == max).unwrap()] += 1;
    }
    assert!(places.iter().all(|p| *p > 0), "the maximum is not always first: {places:?}");
}

#[test]
fn gzip_is_seen_from_the_content() {
    assert_eq!(parse(&gzip(&two_days())), parse(two_days().as_bytes()));
    let text = two_days();
    let (first, second) = text.split_at(20_000);
    let members = [gzip(first), gzip(second)].concat();
    assert_eq!(parse(&members), parse(two_days().as_bytes()), "several members are one file");
}

#[test]
fn a_cut_or_damaged_gzip_is_an_error_with_its_line() {
    let whole = gzip(&two_days());
    for keep in [3, 11, whole.len() / 2, whole.len() - 1] {
        let error = parse(&whole[..keep]).unwrap_err();
        assert_eq!(error.kind, Kind::Corrupt, "{keep}: {error}");
        assert!(error.to_string().starts_with("x.csv:"), "{error}");
    }
    for at in (20..whole.len()).step_by(whole.len() / 50) {
        let mut bad = whole.clone();
        bad[at] ^= 0x55;
        let error = parse(&bad).unwrap_err();
        assert!(error.to_string().starts_with("x.csv"), "{at}: {error}");
    }
}

#[test]
fn hostile_rows_are_refused_by_line_and_field() {
    let refused = |row: &str, want: &str| {
        let text = format!("{HEADER}5,0,4,0.1,8192,1,1,1,1,1\n{row}\n");
        let message = parse(text.as_bytes()).unwrap_err().to_string();
        assert!(message.starts_with(want), "{row}: {message}");
    };
    refused("5,300,4,NaN,8192,1,1,1,1,1", "x.csv:3: cpu: 'NaN' is not a number from 0");
    refused("5,300,4,-0.1,8192,1,1,1,1,1", "x.csv:3: cpu: '-0.1'");
    refused("5,300,4,inf,8192,1,1,1,1,1", "x.csv:3: cpu: 'inf'");
    refused("5,300,4,0.1,8192,1e300,1,1,1,1", "x.csv:3: mem_mb: '1e300'");
    refused("5,300,4,0.1", "x.csv:3: maxmem_mb: the row ends before it: 4 fields");
    refused("5,300,4,,8192,1,1,1,1,1", "x.csv:3: cpu: ''");
    refused("-5,300,4,0.1,8192,1,1,1,1,1", "x.csv:3: vm: '-5'");
    refused("5,99999999999,4,0.1,8192,1,1,1,1,1", "x.csv:3: t: '99999999999'");
    refused("5,0,4,0.1,8192,1,1,1,1,1", "x.csv:3: t: 0 of vm 5 is not after 0");
    refused(&"9".repeat(1 << 20), "x.csv:3: line longer than 4096 bytes");
    let binary = [HEADER.as_bytes(), b"5,\xff\xfe,4\n"].concat();
    assert!(parse(&binary).unwrap_err().to_string().starts_with("x.csv:2: "));
    let bad_cf = format!("{CF_HEADER}5,0,LAST,4,0.1,8192,1,1,1,1,1\n");
    assert!(parse(bad_cf.as_bytes()).unwrap_err().to_string().starts_with("x.csv:2: cf: 'LAST'"));
}

#[test]
fn hostile_files_are_refused() {
    let refused = |text: &[u8], want: &str| {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.starts_with(want), "{message}");
    };
    refused(b"", "x.csv: the file is empty");
    refused(HEADER.as_bytes(), "x.csv: no row of a running guest");
    refused(b"vm,t,cores\n", "x.csv:1: column 'cpu' is missing; needed: vm,t,");
    refused(&[b'a'; 1 << 20], "x.csv:1: line longer than 4096 bytes");
    let no_end = format!("{HEADER}5,0,4,0.1,8192,1,1,1,1,1");
    assert_eq!(parse(no_end.as_bytes()).unwrap().guests.len(), 1, "no newline at the end is fine");
    let windows = two_days().replace('\n', "\r\n");
    assert_eq!(parse(windows.as_bytes()), parse(two_days().as_bytes()));
    let other = HEADER
        .replace("vm,t", "\u{feff}\"vm\",\"t\"")
        .replace("net_out_bps\n", "net_out_bps,note\n");
    let row = "5,0,4,0.1,8192,1,1,1,1,1,hello\n";
    assert!(parse(format!("{other}{row}").as_bytes()).is_ok(), "quotes and more columns are fine");
    let many: String = (0..20_001).map(|vm| format!("{vm},0,4,0.1,8192,1,1,1,1,1\n")).collect();
    refused(format!("{HEADER}{many}").as_bytes(), "x.csv:20002: more than");
    let late = scenario(TraceSpec { from_day: 2.0, ..TraceSpec::default() });
    let trace = Arc::new(parse(two_days().as_bytes()).unwrap());
    let error = Simulation::with_trace(&late, trace).unwrap_err().to_string();
    assert!(error.starts_with("traces.from_day: the recording has 2.0 days"), "{error}");
    let some = scenario(TraceSpec { guests: Some(3), ..TraceSpec::default() });
    let error = Simulation::with_trace(&some, Arc::default()).unwrap_err().to_string();
    assert_eq!(error, "traces: the recording has no guests");
    let zero = format!("{HEADER}0,0,4,0.1,8192,1,1,1,1,1\n");
    let scenario = scenario(TraceSpec::default());
    let trace = Arc::new(parse(zero.as_bytes()).unwrap());
    let error = Simulation::with_trace(&scenario, trace).unwrap_err().to_string();
    assert!(error.contains("vmid: 0 is not in 1..999999999"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(tail in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&tail);
        let _ = parse(&[HEADER.as_bytes(), &tail].concat());
        let _ = parse(&[&[0x1f, 0x8b, 8, 0][..], &tail].concat());
    }

    #[test]
    fn no_row_makes_it_panic(row in "[-0-9.eE,naif\" ]{0,80}") {
        let _ = parse(format!("{HEADER}{row}\n").as_bytes());
    }
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces").join(name);
    if !path.is_file() {
        skip("traces", &format!("../shared/traces/{name} absent"));
    }
    path.is_file().then_some(path)
}

#[test]
fn the_real_five_minute_trace_runs_on_a_cluster() {
    let Some(path) = shared("bitbrains-70vm-30d-5min.csv.gz") else { return };
    let trace = Arc::new(Trace::read(&path).unwrap());
    assert_eq!((trace.guests.len(), trace.step, trace.length), (70, 300, 2_592_000));
    let mut scenario = Scenario::demo_traces(1_760_000_000, path);
    (scenario.days, scenario.interval) = (30.0, 300);
    if let Some(spec) = &mut scenario.traces {
        spec.gaps = Gaps::Stopped;
    }
    let mut running = 0;
    for tick in Simulation::with_trace(&scenario, trace).unwrap() {
        tick.check().unwrap();
        running += tick.guests.iter().filter(|g| g.status == GuestStatus::Running).count();
    }
    // 557,177 rows, of which some stand for guests without cores or memory.
    assert!((500_000..=557_177).contains(&running), "{running}");
}

#[test]
fn the_real_half_hour_trace_keeps_averages_and_maxima() {
    let Some(path) = shared("bitbrains-70vm-92d-30min.csv.gz") else { return };
    let trace = Arc::new(Trace::read(&path).unwrap());
    assert_eq!((trace.guests.len(), trace.step), (70, 1800));
    let mut scenario = Scenario::demo_traces(1_760_000_000, path);
    scenario.placement = Placement::RoundRobin;
    (scenario.days, scenario.interval) = (92.0, 300);
    let simulation = Simulation::with_trace(&scenario, trace).unwrap();
    let start = scenario.start();
    let mut peaks = 0;
    for span in 0..48 * 92 {
        let parts: Vec<f64> = (0..6)
            .filter_map(|i| simulation.demand(104, start + span * 1800 + i * 300))
            .map(|d| d.cpu.0)
            .collect();
        let max = parts.iter().copied().fold(0.0, f64::max);
        peaks += usize::from(parts.len() == 6 && max > 1.2 * parts.iter().sum::<f64>() / 6.0);
    }
    assert!(peaks > 100, "the maxima show: {peaks}");
}
