//! From recorded hours to expected hours.

use super::cases::{self, IsWeekend, PRESENT};
use super::{Load, Readings};
use crate::model::{Fraction, WEEK_HOURS, rank_95};
use crate::settings::PenaltyConfig;
use crate::trend::Rhythm;

/// Recorded hourly means of a guest, oldest first, ending with the running hour; the same length
/// for all. `None` where it did not run or nothing was recorded.
#[derive(Clone, Debug, Default)]
pub struct GuestHistory {
    /// Host cores in use.
    pub cpu: Vec<Option<f64>>,
    /// Bytes in use on the host.
    pub memory: Vec<Option<f64>>,
    /// Index of its host.
    pub host: Vec<Option<usize>>,
    /// Host cores in use now.
    pub cpu_now: f64,
    /// Bytes in use now.
    pub memory_now: f64,
    /// Expected change of CPU (host cores) and memory (bytes) by the end of the horizon.
    pub growth: (f64, f64),
    /// Its daily rhythm, in host cores.
    pub rhythm: Option<Rhythm>,
    /// What a claimed trend of CPU (host cores) and memory (bytes) has taken away an hour, see [`super::fall`]; 0 without
    /// one.
    pub fall: (f64, f64),
    /// Cores and bytes that it is configured with, 0 where not known: it grows no further.
    pub most: (f64, f64),
}

impl GuestHistory {
    /// Whether nobody counts on a guest that does not run now: it did not run for longer than a weekend, or for longer
    /// than it ever rested before.
    pub fn is_over(&self) -> bool {
        let mut rests = self.cpu.split(Option::is_some).map(<[_]>::len);
        // The running hour is only half a rest, and what was before the first record none at all.
        let rest = rests.next_back().unwrap_or(0);
        let longest = rests.skip(1).max().unwrap_or(0);
        rest > longest.clamp(1, IDLE_HOURS - 1)
    }
}

/// Recorded hourly means of a node, like [`GuestHistory`].
#[derive(Clone, Debug, Default)]
pub struct NodeHistory {
    /// Cores in use.
    pub cpu: Vec<Option<f64>>,
    /// Bytes in use.
    pub memory: Vec<Option<f64>>,
    /// Cores in use now.
    pub cpu_now: Option<f64>,
    /// Bytes in use now.
    pub memory_now: Option<f64>,
    /// How many times as much CPU as they got its guests wanted in each hour, and now (the last): see `wanted`. Empty
    /// where that is not known.
    pub wanted: Vec<f64>,
}

/// How much each view of the load counts.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// The load of the last hour: for the running one; it fades over the coming ones unless it is
    /// all that counts.
    pub current: f64,
    /// The hours of the last day.
    pub day: f64,
    /// All hours of the window.
    pub week: f64,
    /// Share of the claimed growth that is added.
    pub growth: f64,
}

impl Weights {
    /// Whether the past does not count.
    pub(super) fn sees_only_now(self) -> bool {
        self.day + self.week <= 0.0
    }

    /// Those that the settings give.
    pub fn of(config: &PenaltyConfig) -> Self {
        let blend = config.blend();
        Self {
            current: blend.current,
            day: blend.day,
            week: blend.week,
            growth: config.trend_share.0,
        }
    }
}

/// What is expected, from [`build`].
#[derive(Clone, Debug)]
pub struct Expected {
    /// What each guest will use.
    pub guests: Vec<Load>,
    /// What each node will use besides its guests.
    pub bases: Vec<Load>,
    /// What each node would have used with the guests it has now.
    pub placed: Vec<Placed>,
    /// Coming hours that each case stands for; they sum to the horizon.
    pub weights: Vec<f64>,
}

/// Recorded hours of a node as if the guests it has now had always been there.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// Cores in use.
    pub cpu: Vec<Option<f64>>,
    /// Bytes in use.
    pub memory: Vec<Option<f64>>,
}

/// Hours after which a stopped guest is not expected back, however long it rested before: a weekend and a night.
const IDLE_HOURS: usize = 72;
const DAY_HOURS: usize = 24;
/// What may come (`outlook/cases.rs`).
///
/// Every guest has its load of the same hour in a case, so guests that peak together do so here.
/// Averaging hours of several days would hide the overload of guests that burst at odd times.
/// `gone` are guests of before that nobody counts on any more: what they used is no node's own.
/// O(entities x hours).
pub fn build(
    guests: &[(usize, GuestHistory)],
    gone: &[GuestHistory],
    nodes: &[NodeHistory],
    horizon_hours: usize,
    weights: Weights,
    is_weekend: IsWeekend,
) -> Expected {
    let recorded = guests.first().map(|(_, g)| g.cpu.len()).or(nodes.first().map(|n| n.cpu.len()));
    let window = cases::WINDOW.min(recorded.unwrap_or(0));
    let lead = cases::lead_of_present(horizon_hours, weights);
    let of_guest = |past: &[Option<f64>], now: f64, (growth, fall): (f64, f64), most: f64| {
        // What the host adds to it, or it had before it was made smaller, it has had.
        let had = past.iter().flatten().copied().fold(now, f64::max);
        let most = if most > 0.0 { most.max(had) } else { f64::INFINITY };
        let past = as_of_today(past, fall, horizon_hours);
        cases::of(&past, now, growth * weights.growth, window, (0.0, most))
    };
    let guest_loads = guests.iter().map(|(_, g)| Load {
        cpu: {
            let mut cases = of_guest(&g.cpu, g.cpu_now, (g.growth.0, g.fall.0), g.most.0);
            if let Some(rhythm) = g.rhythm.as_ref().filter(|_| !weights.sees_only_now()) {
                let most = if g.most.0 > 0.0 { g.most.0 } else { f64::INFINITY };
                cases::add_rhythm(&mut cases, rhythm, most, is_weekend);
            }
            cases
        },
        memory: {
            let mut cases = of_guest(&g.memory, g.memory_now, (g.growth.1, g.fall.1), g.most.1);
            // The present stands for hours of which the last are days away. Work stops growing before that.
            let most = g.most.1.max(g.memory_now);
            let grown = g.memory_now + g.growth.1 * weights.growth * lead;
            let grown = grown.max(0.0).min(if g.most.1 > 0.0 { most } else { f64::INFINITY });
            cases[..PRESENT].fill(grown);
            cases
        },
    });
    let mut expected = Expected {
        guests: guest_loads.collect(),
        bases: Vec::new(),
        placed: Vec::new(),
        weights: cases::weights(window, horizon_hours, weights, is_weekend),
    };
    let all = || guests.iter().map(|(_, guest)| guest).chain(gone);
    let cpu_rests = besides_guests(nodes.iter().map(|n| n.cpu.clone()), all(), |g| &g.cpu);
    let memory_rests = besides_guests(nodes.iter().map(|n| n.memory.clone()), all(), |g| &g.memory);
    let rests = cpu_rests.into_iter().zip(memory_rests);
    for ((index, node), (cpu_rest, memory_rest)) in nodes.iter().enumerate().zip(rests) {
        let here: Vec<&GuestHistory> =
            guests.iter().filter(|(host, _)| *host == index).map(|(_, g)| g).collect();
        let own = |rest: Vec<Option<f64>>, now: Option<f64>, series: Series, of_now: Current| {
            let now = now.map_or(0.0, |now| now - here.iter().map(|g| of_now(g)).sum::<f64>());
            // Guests that share pages add up to more than their node uses: that is a saving of the
            // node's own, as large as it is now.
            let least = now.min(0.0);
            let rest: Vec<_> = rest.into_iter().map(|x| x.map(|x| x.max(least))).collect();
            let bounds = (least, f64::INFINITY);
            (cases::of(&rest, now, 0.0, window, bounds), with_guests(rest, &here, series))
        };
        let cpu = own(cpu_rest, node.cpu_now, |g| &g.cpu, |g| g.cpu_now);
        let memory = own(memory_rest, node.memory_now, |g| &g.memory, |g| g.memory_now);
        expected.bases.push(Load { cpu: cpu.0, memory: memory.0 });
        expected.placed.push(Placed { cpu: cpu.1, memory: memory.1 });
    }
    expected
}

/// Days that a load must have been gone, and have been there before, to count as ended.
const ENDED_DAYS: usize = 4;
/// Days on one of both sides, so that no weekend and no working week is taken for it.
const WHOLE_WEEK: usize = 7;
/// Of the least busy of the days before, the busiest day since has at most this share.
const LESS: f64 = 0.6;
/// And of the busiest of them it had at least this share: bursts that have gone come back (docs/records/backtest.md).
const STEADY: f64 = 0.7;

/// The recorded hours of a guest as far as they still say what may come: what a claimed trend of `window` hours has taken
/// away since then is gone, or what it has added is there, and no hour from before its load ended is above the busiest one since.
fn as_of_today(past: &[Option<f64>], fall: f64, window: usize) -> Vec<Option<f64>> {
    let (before, most) = ended(past).unwrap_or((0, f64::INFINITY));
    let of_hour = |(i, used): (usize, &Option<f64>)| {
        let fallen = fall * (past.len() - 1 - i).min(window) as f64;
        let most = if i < before { most } else { f64::INFINITY };
        used.map(|used| (used - fallen).max(0.0).min(most))
    };
    past.iter().enumerate().map(of_hour).collect()
}

/// Where a steady load has ended: the number of hours before that, and the most since.
fn ended(past: &[Option<f64>]) -> Option<(usize, f64)> {
    let busiest = |day: &[Option<f64>]| day.iter().flatten().copied().reduce(f64::max);
    let days: Vec<f64> = past.rchunks_exact(DAY_HOURS).map_while(busiest).collect();
    let extremes = |days: &[f64]| {
        let both = (f64::INFINITY, 0.0);
        days.iter().fold(both, |(least, most), day| (f64::min(least, *day), f64::max(most, *day)))
    };
    (ENDED_DAYS..(days.len() + 1).saturating_sub(ENDED_DAYS)).find_map(|since| {
        let (after, before) = days.split_at(since);
        let ((least, most), (_, left)) = (extremes(before), extremes(after));
        let has_ended = left <= LESS * least && STEADY * most <= least;
        let is_no_weekend = after.len().max(before.len()) >= WHOLE_WEEK;
        (has_ended && is_no_weekend).then_some((past.len() - since * DAY_HOURS, left))
    })
}

/// One of a guest's recorded series.
type Series = fn(&GuestHistory) -> &[Option<f64>];
/// What a guest uses now.
type Current = fn(&GuestHistory) -> f64;

/// What a node used besides its guests, and what the guests it has now used wherever they were.
fn with_guests(
    mut rest: Vec<Option<f64>>,
    here: &[&GuestHistory],
    series: Series,
) -> Vec<Option<f64>> {
    for guest in here {
        for (sum, used) in rest.iter_mut().zip(series(guest)) {
            if let (Some(sum), Some(used)) = (sum, used) {
                *sum += used;
            }
        }
    }
    rest
}

/// Recorded use of all nodes, each less that of the guests it had *then*.
fn besides_guests<'a>(
    nodes: impl Iterator<Item = Vec<Option<f64>>>,
    guests: impl Iterator<Item = &'a GuestHistory>,
    of: Series,
) -> Vec<Vec<Option<f64>>> {
    let mut rests: Vec<Vec<Option<f64>>> = nodes.collect();
    for guest in guests {
        for (hour, (host, used)) in guest.host.iter().zip(of(guest)).enumerate() {
            let rest = host.and_then(|host| rests.get_mut(host)).and_then(|r| r.get_mut(hour));
            if let (Some(Some(rest)), Some(used)) = (rest, used) {
                *rest -= used;
            }
        }
    }
    rests
}

impl Readings {
    /// From hourly means as shares of capacity, oldest first, and the current value.
    pub fn of(hourly: &[Option<f64>], current: Option<f64>) -> Self {
        let last = |hours: usize| -> Vec<f64> {
            let from = hourly.len().saturating_sub(hours);
            let mut values: Vec<f64> = hourly[from..].iter().flatten().copied().collect();
            values.sort_unstable_by(f64::total_cmp);
            values
        };
        let (day, week) = (last(DAY_HOURS), last(WEEK_HOURS as usize));
        Self {
            current: current.map(Fraction),
            mean_24h: mean(&day),
            high_24h: high(&day),
            mean_7d: mean(&week),
            high_7d: high(&week),
        }
    }
}

fn mean(values: &[f64]) -> Option<Fraction> {
    (!values.is_empty()).then(|| Fraction(values.iter().sum::<f64>() / values.len() as f64))
}

/// 95th percentile of sorted values, nearest rank.
fn high(sorted: &[f64]) -> Option<Fraction> {
    rank_95(sorted.len()).map(|rank| Fraction(sorted[rank]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL_WEEK: Weights = Weights { current: 0.0, day: 0.0, week: 1.0, growth: 1.0 };

    fn steady(host: usize, hours: usize, cpu: f64) -> (usize, GuestHistory) {
        let history = GuestHistory {
            cpu: vec![Some(cpu); hours],
            memory: vec![Some(1.0); hours],
            host: vec![Some(host); hours],
            cpu_now: cpu,
            memory_now: 1.0,
            ..GuestHistory::default()
        };
        (host, history)
    }

    #[test]
    fn memory_that_grows_is_in_the_present_too_as_far_as_that_reaches() {
        let weights = Weights { current: 0.4, day: 0.27, week: 0.33, growth: 1.0 };
        let of = |weights, most| {
            let (host, mut guest) = steady(0, 336, 1.0);
            (guest.memory_now, guest.growth, guest.most) = (20.0, (0.5, 10.0), (8.0, most));
            build(&[(host, guest)], &[], &[], 168, weights, &|_| false).guests.remove(0)
        };
        let load = of(weights, 64.0);
        // Its hours are 67 of the 168 away, on average.
        assert!((23.9..24.1).contains(&load.memory[0]), "{}", load.memory[0]);
        assert_eq!(load.cpu[0], 1.0, "a rise of work is not believed for so long");
        assert_eq!(of(weights, 22.0).memory[0], 22.0, "it has no more");
        assert_eq!(of(Weights { growth: 0.0, ..weights }, 64.0).memory[0], 20.0);
    }

    #[test]
    fn a_guest_grows_no_further_than_to_what_it_has() {
        let grown = |most: f64| {
            let (host, mut guest) = steady(0, 168, 1.0);
            // Its host needed a little more for it than it is configured with, once.
            guest.memory = vec![Some(24.0); 168];
            guest.memory[3] = Some(28.6);
            (guest.memory_now, guest.growth, guest.most) = (24.0, (2.0, 10.0), (2.0, most));
            build(&[(host, guest)], &[], &[], 168, ALL_WEEK, &|_| false).guests.remove(0)
        };
        let most = |load: &[f64]| load.iter().copied().fold(0.0, f64::max);
        assert_eq!((most(&grown(28.0).cpu), most(&grown(28.0).memory)), (2.0, 28.6));
        assert_eq!(most(&grown(32.0).memory), 32.0);
        assert_eq!(most(&grown(0.0).memory), 34.0, "not known");
    }

    /// Cores that a guest used in each of so many hours.
    fn used(hours: &[(usize, f64)]) -> Vec<Option<f64>> {
        hours.iter().flat_map(|(n, used)| vec![Some(*used); *n]).collect()
    }

    #[test]
    fn a_load_that_ended_is_expected_no_more() {
        let most = |past: &[Option<f64>]| {
            as_of_today(past, 0.0, 168).iter().flatten().copied().fold(0.0, f64::max)
        };
        for days in [4, 5, 7, 8, 10] {
            assert_eq!(
                most(&used(&[(336 - 24 * days, 8.0), (24 * days, 2.0)])),
                2.0,
                "{days} days ago"
            );
        }
        // The change lies within a day, and the running hour is one more.
        assert_eq!(most(&used(&[(220, 8.0), (117, 2.0)])), 2.0);
        assert_eq!(most(&used(&[(336 - 72, 8.0), (72, 2.0)])), 8.0, "three days may be a pause");
        assert_eq!(most(&used(&[(336 - 120, 8.0), (120, 6.0)])), 8.0, "hardly less");
        assert_eq!(
            most(&used(&[(100, 8.0), (100, 2.0), (20, 8.0), (116, 2.0)])),
            8.0,
            "it comes and goes"
        );
        assert_eq!(most(&used(&[(24, 8.0), (312, 2.0)])), 8.0, "a burst may come again");
        // A working week before a long weekend is all that is known of a young guest.
        assert_eq!(most(&used(&[(120, 8.0), (96, 2.0)])), 8.0);
    }

    #[test]
    fn hours_before_a_fall_are_told_as_load_of_today() {
        let past: Vec<Option<f64>> = (0..336).map(|h| Some(10.0 - f64::from(h) / 48.0)).collect();
        let told = as_of_today(&past, 1.0 / 48.0, 168);
        let near = |hour: usize, want: f64| (told[hour].unwrap() - want).abs() < 1e-9;
        assert!(near(335, past[335].unwrap()) && near(200, past[335].unwrap()));
        assert!(near(0, 10.0 - 168.0 / 48.0), "nothing is known of the trend before its window");
    }

    #[test]
    fn a_guest_is_over_once_it_rests_longer_than_ever() {
        let over = |hours: &[(usize, bool)]| {
            let cpu = hours.iter().flat_map(|(n, on)| vec![on.then_some(1.0); *n]).collect();
            GuestHistory { cpu, ..GuestHistory::default() }.is_over()
        };
        assert!(!over(&[(300, true), (1, false)]), "it may be restarting");
        assert!(over(&[(300, true), (3, false)]));
        assert!(over(&[(100, false), (200, true), (3, false)]), "it was not there before");
        assert!(!over(&[(100, true), (12, false), (100, true), (10, false)]), "as at night");
        assert!(over(&[(100, true), (12, false), (100, true), (14, false)]));
        assert!(
            over(&[(100, true), (90, false), (50, true), (72, false)]),
            "longer than a weekend"
        );
    }

    #[test]
    fn an_arrival_is_not_the_nodes_own_load() {
        // Node 1 carried 2 cores by itself and got a guest of 5 cores for the last 24 hours.
        let mut guest = steady(0, 168, 5.0).1;
        guest.host[144..].fill(Some(1));
        let node = |before: f64, after: f64| NodeHistory {
            cpu: (0..168).map(|h| Some(if h < 144 { before } else { after })).collect(),
            memory: vec![Some(3.0); 168],
            cpu_now: Some(after),
            memory_now: Some(3.0),
            wanted: Vec::new(),
        };
        let nodes = [node(7.0, 2.0), node(2.0, 7.0)];
        let expected = build(&[(1, guest)], &[], &nodes, 168, ALL_WEEK, &|_| false);
        assert!(expected.bases.iter().all(|b| b.cpu[1..].iter().all(|x| (x - 2.0).abs() < 1e-9)));
        assert!(expected.guests[0].cpu.iter().all(|x| (x - 5.0).abs() < 1e-9));
        let near = |placed: &Placed, want: f64| {
            placed.cpu.iter().flatten().all(|x| (x - want).abs() < 1e-9)
        };
        assert!(near(&expected.placed[0], 2.0), "as if it had never been here");
        assert!(near(&expected.placed[1], 7.0), "as if it had always been here");
    }

    #[test]
    fn what_gone_guests_used_is_not_the_nodes_own_load() {
        // A guest of 5 cores was removed 96 hours ago.
        let mut removed = steady(0, 168, 5.0).1;
        removed.cpu[72..].fill(None);
        let used = |h: usize| 2.0 + if h < 72 { 5.0 } else { 0.0 };
        let node = NodeHistory {
            cpu: (0..168).map(|h| Some(used(h))).collect(),
            memory: vec![Some(6.0); 168],
            cpu_now: Some(2.0),
            memory_now: Some(6.0),
            wanted: Vec::new(),
        };
        let expected = build(&[], &[removed], &[node], 168, ALL_WEEK, &|_| false);
        assert!(expected.bases[0].cpu.iter().all(|x| (x - 2.0).abs() < 1e-9));
        assert!(expected.placed[0].cpu.iter().flatten().all(|x| (x - 2.0).abs() < 1e-9));
    }

    #[test]
    fn guests_that_share_memory_fill_their_node_as_far_as_it_is_measured() {
        // Eight guests of 8 GiB on a node that uses 50 of its 64 GiB: the kernel merges pages.
        let guest = |_| {
            (
                0,
                GuestHistory {
                    memory: vec![Some(8.0); 168],
                    memory_now: 8.0,
                    ..steady(0, 168, 1.0).1
                },
            )
        };
        let guests: Vec<_> = (0..8).map(guest).collect();
        let node = |memory: f64| NodeHistory {
            cpu: vec![Some(9.0); 168],
            memory: vec![Some(memory); 168],
            cpu_now: Some(9.0),
            memory_now: Some(memory),
            wanted: Vec::new(),
        };
        let expected = build(&guests, &[], &[node(50.0)], 168, ALL_WEEK, &|_| false);
        assert!(expected.bases[0].memory.iter().all(|x| *x == -14.0));
        assert!(expected.placed[0].memory.iter().flatten().all(|x| *x == 50.0));
        // Where the others have left, nothing is saved any more by what was shared with them.
        let mut gone = guests[0].1.clone();
        gone.memory[144..].fill(None);
        let mut alone = node(50.0);
        alone.memory[144..].fill(Some(10.0));
        alone.memory_now = Some(10.0);
        let expected = build(&guests[..1], &vec![gone; 7], &[alone], 168, ALL_WEEK, &|_| false);
        assert!(expected.bases[0].memory.iter().all(|x| *x >= 0.0));
    }

    #[test]
    fn readings_are_shares_of_what_was_recorded() {
        let mut hourly = vec![None; 100];
        hourly.extend((1..=68).map(|x| Some(f64::from(x) / 100.0)));
        let r = Readings::of(&hourly, Some(0.5));
        assert_eq!(r.high_7d, Some(Fraction(0.65)));
        assert_eq!(r.mean_24h, Some(Fraction((45..=68).sum::<i32>() as f64 / 2400.0)));
        assert_eq!(Readings::of(&[], None), Readings::default());
    }
}
