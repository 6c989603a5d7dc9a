//! What happens to a cluster while the collector runs, through all of it: the tree, the rates, the
//! store. A node that restarts, a clock that runs ahead, a guest under the number of another.

use pve_foresight::engine::Engine;
use pve_foresight::model::{DAY, GuestMetric, GuestStatus, NodeMetric, UnixTime};
use pve_foresight::store::{Detail, Entity, HistoryRow, Reader, Resolution, Retention, Window};
use std::fs;
use std::ops::Range;
use std::path::Path;
use tempfile::TempDir;

/// The full hour that all stories begin at.
const START: UnixTime = 1_763_899_200;
const HOUR: Range<UnixTime> = START..START + 3_600;

/// A node as it reports itself.
#[derive(Clone, Copy)]
struct Node {
    online: bool,
    /// When it last started.
    up_since: UnixTime,
    /// Bytes received since then.
    received: u64,
}

/// A guest on the first node.
#[derive(Clone, Copy)]
struct Guest {
    created: UnixTime,
    up_since: UnixTime,
    received: u64,
}

/// Two nodes and, on the first, perhaps guest 100.
#[derive(Clone, Copy)]
struct Cluster {
    first: Node,
    second: Node,
    guest: Option<Guest>,
    /// Version of the guest's configuration file.
    version: u32,
}

impl Cluster {
    /// Long up, with counters that have seen much.
    fn steady() -> Self {
        let up_since = START - 40 * DAY;
        let node = Node { online: true, up_since, received: 5_000_000_000 };
        let guest = Guest { created: START - 50 * DAY, up_since, received: 9_000_000_000 };
        Self { first: node, second: node, guest: Some(guest), version: 7 }
    }

    /// Lets time pass at 100 bytes a second on nodes and 50 on the guest.
    fn work(&mut self, seconds: u64) {
        self.first.received += 100 * seconds;
        self.second.received += 100 * seconds;
        self.guest.iter_mut().for_each(|guest| guest.received += 50 * seconds);
    }

    /// What pmxcfs shows at `now`, when the nodes' clocks show `clock`.
    fn write(&self, root: &Path, now: UnixTime, clock: UnixTime) {
        let mut rrd = String::new();
        let nodes = [("one", self.first), ("two", self.second)];
        for (name, node) in nodes.iter().filter(|(_, node)| node.online) {
            let Node { up_since, received, .. } = node;
            rrd += &format!(
                "pve2-node/{name}:{}:c:{clock}:1:8:0.25:0:68719476736:17179869184:0:0:1000:500:\
                 {received}:{received}\n",
                now - up_since
            );
        }
        let folder = root.join("nodes/one/qemu-server");
        fs::create_dir_all(&folder).unwrap();
        let config = folder.join("100.conf");
        let mut ids = String::new();
        match self.guest {
            Some(Guest { created, up_since, received }) => {
                if self.first.online {
                    rrd += &format!(
                        "pve2.3-vm/100:{}:web:running:0:{clock}:4:0.5:8589934592:4294967296:1000:0:\
                         {received}:{received}:{received}:{received}\n",
                        now - up_since
                    );
                }
                let version = self.version;
                ids =
                    format!(r#""100": {{ "node": "one", "type": "qemu", "version": {version} }}"#);
                fs::write(config, format!("name: web\nmeta: creation-qemu=9.0,ctime={created}\n"))
                    .unwrap();
            }
            None => drop(fs::remove_file(config)),
        }
        let member = |name: &str, id: u32, node: Node| {
            format!(r#""{name}": {{ "id": {id}, "online": {} }}"#, u8::from(node.online))
        };
        let (one, two) = (member("one", 1, self.first), member("two", 2, self.second));
        let members = format!(
            r#"{{"nodename": "two", "version": 1,
            "cluster": {{ "name": "lab", "version": 1, "nodes": 2, "quorate": 1 }},
            "nodelist": {{ {one}, {two} }} }}"#
        );
        fs::write(root.join(".members"), members).unwrap();
        fs::write(root.join(".vmlist"), format!(r#"{{"version": 1, "ids": {{ {ids} }} }}"#))
            .unwrap();
        fs::write(root.join(".rrd"), rrd).unwrap();
    }
}

/// A collector with its tree, state and counters.
struct Collector {
    dir: TempDir,
}

impl Collector {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A run at `now` with all clocks right; what it warned of.
    fn run(&self, cluster: &Cluster, now: UnixTime) -> Vec<String> {
        self.run_with(cluster, now, now, now)
    }

    /// A run at `now`, when the nodes' clocks show `theirs` and the collector's shows `ours`.
    fn run_with(
        &self,
        cluster: &Cluster,
        now: UnixTime,
        theirs: UnixTime,
        ours: UnixTime,
    ) -> Vec<String> {
        let root = self.dir.path().join("pve");
        cluster.write(&root, now, theirs);
        let engine = Engine::new(&self.dir.path().join("state"));
        engine.collect(&root, &self.dir.path().join("run"), Some(ours)).unwrap().warnings
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.dir.path().join("state")).unwrap()
    }

    /// Minute, run state and received bytes a second of a node.
    fn node(&self, name: &str) -> Vec<(i64, GuestStatus, Option<f64>)> {
        let history = self.reader().node_history(name, HOUR).unwrap();
        let rate = |r: &HistoryRow<'_, _>| r.value(NodeMetric::NetIn).map(|b| b.avg.round());
        history.rows().map(|r| (minute(&r.window), r.state.status, rate(&r))).collect()
    }

    /// The same of the guest.
    fn guest(&self) -> Vec<(i64, GuestStatus, Option<f64>)> {
        let history = self.reader().guest_history(100, HOUR).unwrap();
        let rate = |r: &HistoryRow<'_, _>| r.value(GuestMetric::NetIn).map(|b| b.avg.round());
        history.rows().map(|r| (minute(&r.window), r.state.status, rate(&r))).collect()
    }
}

fn minute(window: &Window) -> i64 {
    (window.start - START) / 60
}

fn at(minute: i64) -> UnixTime {
    START + minute * 60
}

#[test]
fn the_settings_say_for_how_long_is_kept_and_each_change_is_told() {
    let (collector, mut cluster) = (Collector::new(), Cluster::steady());
    let settings = collector.dir.path().join("pve/foresight.cfg");
    let state = collector.dir.path().join("state");
    // The newest sample's day, and the oldest of each tier.
    let mut day = 0;
    let mut days = |count: i64, expert: Option<&str>| {
        fs::create_dir_all(settings.parent().unwrap()).unwrap();
        match expert {
            Some(expert) => {
                fs::write(&settings, format!(r#"{{"version": 1, "expert": {expert}}}"#)).unwrap();
            }
            None => drop(fs::remove_file(&settings)),
        }
        let mut told = Vec::new();
        for _ in 0..count * 24 {
            cluster.work(3_600);
            told.extend(collector.run(&cluster, START + day));
            day += 3_600;
        }
        told.retain(|line| line.contains("how long") || line.contains("foresight.cfg"));
        let stats = collector.reader().stats(START + day).unwrap();
        let ages = stats.tiers.iter().map(|t| (START + day - t.oldest.unwrap()) / DAY);
        (told, ages.collect::<Vec<i64>>(), stats.retention)
    };
    let (told, ages, kept) = days(40, None);
    assert!(
        told.is_empty() && !state.join("retention").exists(),
        "the default needs no words: {told:?}"
    );
    assert_eq!((kept, ages[2]), (Retention::default(), 40));
    assert!((14..=15).contains(&ages[1]), "{ages:?}");

    let less = r#"{"keep_samples_hours": 24, "keep_hourly_days": 7, "keep_six_hourly_days": 30}"#;
    let (told, ages, kept) = days(2, Some(less));
    assert_eq!(
        told,
        [
            "the settings change how long is kept: samples 24 h instead of 48 h, hourly 7 days instead \
          of 14 days, six-hourly 30 days instead of 90 days; what is older is removed when the next \
          hour begins"
        ],
        "once, not with each run"
    );
    assert_eq!(kept, Retention { raw_hours: 24, hourly_days: 7, six_hourly_days: 30 });
    assert!((7..=8).contains(&ages[1]) && (30..=37).contains(&ages[2]), "{ages:?}");

    // Whoever else writes or reads goes by it, too.
    let stats = collector.reader().stats(START).unwrap();
    Engine::new(&state).compress(None).unwrap();
    assert_eq!(collector.reader().stats(START).unwrap(), stats);

    // What is gone is gone; what is there stays and grows.
    let (told, ages, _) = days(10, Some(r#"{"keep_six_hourly_days": 365}"#));
    assert!(told[0].ends_with("six-hourly 365 days instead of 30 days"), "{told:?}");
    assert_eq!(told.len(), 1);
    assert!((14..=17).contains(&ages[1]) && ages[2] >= 40, "{ages:?}");

    // A file that cannot be used must not cost what was to be kept.
    let (told, _, kept) = days(1, Some("{"));
    assert_eq!(kept.six_hourly_days, 365, "{told:?}");

    // A damaged note of it removes nothing, is found, and is mended by the next run.
    fs::write(state.join("retention"), "24 7 31 00000000\n").unwrap();
    let found = Engine::new(&state).verify().unwrap().verification.findings;
    assert_eq!((found.len(), found[0].file.clone()), (1, state.join("retention")));
    let done = Engine::new(&state).compress(None).unwrap();
    assert_eq!((done.removed, done.warnings.len()), (0, 1), "{:?}", done.warnings);
    let (_, ages, kept) = days(1, Some(r#"{"keep_six_hourly_days": 365}"#));
    assert_eq!(kept.six_hourly_days, 365);
    assert!(ages[2] >= 42 && Engine::new(&state).verify().unwrap().clean, "{ages:?}");
}

#[test]
fn a_node_that_reboots_keeps_its_rows_and_makes_no_false_rate() {
    // Counters begin anew, and may be above what they were before when there was much to do.
    for received in [3_000, 20_000_000_000] {
        for missed in [0, 1, 3] {
            let (collector, mut cluster) = (Collector::new(), Cluster::steady());
            collector.run(&cluster, at(0));
            cluster.work(60);
            collector.run(&cluster, at(1));
            cluster.first.online = false;
            for minute in 0..missed {
                cluster.work(60);
                let warnings = collector.run(&cluster, at(2 + minute));
                assert_eq!(warnings, [""; 0], "offline is no oddity");
            }
            cluster.work(60);
            let back = 2 + missed;
            cluster.first = Node { online: true, up_since: at(back) - 40, received };
            cluster.guest =
                cluster.guest.map(|guest| Guest { up_since: at(back) - 10, received, ..guest });
            collector.run(&cluster, at(back));
            cluster.work(60);
            collector.run(&cluster, at(back + 1));

            let story = |rate: f64, away: GuestStatus| {
                let running = |minute, rate| (minute, GuestStatus::Running, rate);
                let gone = (2..back).map(|minute| (minute, away, None));
                let before = [running(0, None), running(1, Some(rate))];
                let after = [running(back, None), running(back + 1, Some(rate))];
                before.into_iter().chain(gone).chain(after).collect::<Vec<_>>()
            };
            // Of a node the state is whether it is online.
            assert_eq!(
                collector.node("one"),
                story(100.0, GuestStatus::Unknown),
                "{missed} missed"
            );
            assert_eq!(collector.guest(), story(50.0, GuestStatus::Unknown), "{missed} missed");
            let other = collector.node("two");
            assert_eq!(other.len() as i64, back + 2);
            assert!(other[1..].iter().all(|row| row.2 == Some(100.0)), "{other:?}");
        }
    }
}

#[test]
fn a_clock_that_ran_ahead_loses_nothing_and_hides_nothing() {
    const AHEAD: i64 = 30 * DAY;
    // Only the collector's clock, or those of all nodes with it.
    for theirs in [0, AHEAD] {
        let (collector, mut cluster) = (Collector::new(), Cluster::steady());
        let mut warnings = Vec::new();
        for minute in 0..7 {
            let (ours, theirs) = if (2..4).contains(&minute) { (AHEAD, theirs) } else { (0, 0) };
            let now = at(minute);
            warnings.push(collector.run_with(&cluster, now, now + theirs, now + ours));
            cluster.work(60);
        }
        let rate = |minute| match minute {
            0 => None,
            // Nothing to compare with: the last report was from the future.
            4 if theirs > 0 => None,
            _ => Some(100.0),
        };
        let want: Vec<_> =
            [0, 1, 4, 5, 6].map(|m| (m, GuestStatus::Running, rate(m))).into_iter().collect();
        assert_eq!(collector.node("one"), want, "clocks of the nodes {theirs} s ahead");
        let reader = collector.reader();
        assert_eq!(reader.last_tick(at(6)).unwrap().unwrap().ts, at(6), "not hidden");
        let ahead = reader.node_history("one", HOUR.end..UnixTime::MAX).unwrap();
        let times: Vec<UnixTime> = ahead.windows().iter().map(|w| w.start - AHEAD).collect();
        assert_eq!(times, [at(2), at(3)], "what was taken with a wrong clock is kept, too");
        assert!(reader.verify().unwrap().findings.is_empty());
        for (minute, said) in warnings.iter().enumerate().skip(1) {
            let odd = theirs == 0 && (2..4).contains(&minute);
            assert_eq!(said.iter().any(|w| w.contains("last reported")), odd, "{said:?}");
        }
        // Back by less than an interval's multiple, a run may meet a time that is taken.
        let again = collector.run(&cluster, at(5));
        assert!(again.iter().any(|w| w.contains("stored already")), "{again:?}");
    }
}

#[test]
fn a_guest_made_anew_under_its_number_starts_without_past_or_rate() {
    for runs_without in [0, 2] {
        let (collector, mut cluster) = (Collector::new(), Cluster::steady());
        collector.run(&cluster, at(0));
        cluster.work(60);
        collector.run(&cluster, at(1));
        cluster.guest = None;
        for minute in 0..runs_without {
            collector.run(&cluster, at(2 + minute));
        }
        // The same name on the same node, and more traffic than the old one ever had.
        let back = 2 + runs_without;
        let begun = at(back) - 30;
        cluster.guest = Some(Guest { created: begun, up_since: begun, received: 20_000_000_000 });
        cluster.version += 5;
        collector.run(&cluster, at(back));
        cluster.work(60);
        collector.run(&cluster, at(back + 1));

        let running = GuestStatus::Running;
        let want = [(back, running, None), (back + 1, running, Some(50.0))];
        assert_eq!(collector.guest(), want, "{runs_without} runs without it");
        let reader = collector.reader();
        let quality = reader.get_data_quality(&Entity::Guest(100), at(back + 1)).unwrap();
        assert_eq!(quality.total_samples, 2);
        let fleet = reader.fleet(HOUR, Resolution::Raw, Detail::Typical).unwrap();
        let known = |entity| fleet.guest_table.points(entity, GuestMetric::Cpu).count();
        let present: Vec<(bool, usize)> =
            fleet.guests.iter().enumerate().map(|(i, g)| (g.present, known(i))).collect();
        assert_eq!(present, [(false, 2), (true, 2)], "the old one is kept, apart");
    }
}

/// A host that starts with a clock behind reads where guests are now, and must not write it into the past.
#[test]
fn a_clock_that_is_behind_writes_nothing_into_the_past() {
    let (collector, cluster) = (Collector::new(), Cluster::steady());
    for minute in 0..10 {
        collector.run(&cluster, at(minute));
    }
    let known = collector.node("one").len();
    let told = collector.run_with(&cluster, at(12), at(12), at(4) + 7);
    assert!(told[0].contains("nothing was stored; check the clock"), "{told:?}");
    assert_eq!((told.len(), collector.node("one").len()), (1, known));
    // Late is not behind: the nodes' clocks, not the samples, say what time it is.
    let told = collector.run_with(&cluster, at(4), at(4) + 20, at(4) + 7);
    assert_eq!((told.len(), collector.node("one").len()), (0, known + 1), "{told:?}");
    assert_eq!(collector.run(&cluster, at(12)), [""; 0]);
}
