//! From recorded hours to expected hours.

use super::{Load, Readings};
use crate::model::Fraction;

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
}

/// How much each view of the past counts; the parts sum to 1.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// The load of this minute: for the running hour; it fades over the coming ones unless it is
    /// all that counts.
    pub current: f64,
    /// The same hour of the last day.
    pub day: f64,
    /// The same hour of the past weeks.
    pub week: f64,
    /// Share of the claimed growth that is added.
    pub growth: f64,
}

/// Hours after which the weight of the present has gone from w to w squared: what is odd now tells
/// much of the next hours and little of tomorrow. (METHODS 7.11 lets a deviation decay likewise.)
const FADE_HOURS: f64 = 6.0;

const DAY_HOURS: usize = 24;
const WEEK_HOURS: usize = 168;

/// Length of the expected cycle: a week, or the whole days of a shorter lookback.
pub(super) fn cycle_hours(lookback_hours: usize) -> usize {
    (lookback_hours / DAY_HOURS * DAY_HOURS).clamp(DAY_HOURS, WEEK_HOURS)
}

/// Expected loads: what each guest will use, and each node besides its guests.
///
/// Entry `h` of a load stands for the hour that begins `h` hours from now.
pub fn build(
    guests: &[(usize, GuestHistory)],
    nodes: &[NodeHistory],
    lookback_hours: usize,
    weights: Weights,
) -> (Vec<Load>, Vec<Load>) {
    let cycle = cycle_hours(lookback_hours);
    let expect = |past: &[Option<f64>], now: f64, growth: f64| {
        expected(past, now, growth * weights.growth, cycle, weights)
    };
    let guest_loads = guests.iter().map(|(_, g)| Load {
        cpu: expect(&g.cpu, g.cpu_now, g.growth.0),
        memory: expect(&g.memory, g.memory_now, g.growth.1),
    });
    let guest_loads: Vec<Load> = guest_loads.collect();
    let bases = nodes.iter().enumerate().map(|(index, node)| {
        let rest = |all: &[Option<f64>], of: fn(&GuestHistory) -> &[Option<f64>]| {
            besides_guests(index, all, guests, of)
        };
        let now_rest = |now: Option<f64>, of: fn(&GuestHistory) -> f64| {
            let here = guests.iter().filter(|(host, _)| *host == index);
            (now.unwrap_or(0.0) - here.map(|(_, g)| of(g)).sum::<f64>()).max(0.0)
        };
        Load {
            cpu: expect(&rest(&node.cpu, |g| &g.cpu), now_rest(node.cpu_now, |g| g.cpu_now), 0.0),
            memory: expect(
                &rest(&node.memory, |g| &g.memory),
                now_rest(node.memory_now, |g| g.memory_now),
                0.0,
            ),
        }
    });
    let bases = bases.collect();
    (guest_loads, bases)
}

/// A node's recorded use less that of the guests it had *then*.
fn besides_guests(
    node: usize,
    all: &[Option<f64>],
    guests: &[(usize, GuestHistory)],
    of: fn(&GuestHistory) -> &[Option<f64>],
) -> Vec<Option<f64>> {
    let mut rest = all.to_vec();
    for (_, guest) in guests {
        for ((sum, host), used) in rest.iter_mut().zip(&guest.host).zip(of(guest)) {
            if let (Some(sum), Some(used), true) = (sum, used, *host == Some(node)) {
                *sum -= used;
            }
        }
    }
    rest.iter_mut().flatten().for_each(|x| *x = x.max(0.0));
    rest
}

/// Blends now, the last day and the past weeks hour by hour and adds the growth as a ramp.
fn expected(
    past: &[Option<f64>],
    now: f64,
    growth: f64,
    cycle: usize,
    weights: Weights,
) -> Vec<f64> {
    let known: Vec<f64> = past.iter().flatten().copied().collect();
    let mean = match known.len() {
        0 => now,
        n => known.iter().sum::<f64>() / n as f64,
    };
    let at = |hour: usize| -> f64 {
        let day = same_hour(past, hour, DAY_HOURS, 1).unwrap_or(mean);
        let week = same_hour(past, hour, cycle, usize::MAX).unwrap_or(mean);
        let past = match weights.day + weights.week {
            sum if sum > 0.0 => (weights.day * day + weights.week * week) / sum,
            _ => now,
        };
        let present = weights.current.powf(1.0 + hour as f64 / FADE_HOURS);
        let ramp = growth * (hour + 1) as f64 / cycle as f64;
        (present * now + (1.0 - present) * past + ramp).max(0.0)
    };
    (0..cycle).map(at).collect()
}

/// Mean of the recorded hours that lie whole cycles before the coming `hour`, newest `most` of them.
fn same_hour(past: &[Option<f64>], hour: usize, cycle: usize, most: usize) -> Option<f64> {
    let back = cycle - hour % cycle;
    let places = (0..most).map_while(|k| past.len().checked_sub(back + k * cycle));
    let (mut sum, mut count) = (0.0, 0);
    for value in places.filter_map(|i| past[i]) {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
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
        let (day, week) = (last(DAY_HOURS), last(WEEK_HOURS));
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
    let rank = (sorted.len() * 95).div_ceil(100);
    Some(Fraction(*sorted.get(rank.checked_sub(1)?)?))
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
            growth: (0.0, 0.0),
        };
        (host, history)
    }

    #[test]
    fn the_coming_hour_looks_like_the_same_hour_of_past_weeks() {
        let past: Vec<Option<f64>> = (0..336).map(|h| Some(f64::from(h % 168))).collect();
        let load = expected(&past, 99.0, 0.0, 168, ALL_WEEK);
        assert_eq!(load, (0..168).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn snapshot_weights_see_only_now() {
        let snapshot = Weights { current: 1.0, day: 0.0, week: 0.0, growth: 0.0 };
        let mut guest = steady(0, 168, 5.0);
        guest.1.cpu_now = 2.0;
        guest.1.growth = (100.0, 0.0);
        let (loads, _) = build(&[guest], &[NodeHistory::default()], 168, snapshot);
        assert!(loads[0].cpu.iter().all(|x| *x == 2.0));
    }

    #[test]
    fn the_present_fades_into_what_is_usual() {
        let blend = Weights { current: 0.4, day: 0.3, week: 0.3, growth: 0.0 };
        let load = expected(&vec![Some(5.0); 168], 0.0, 0.0, 168, blend);
        assert!((load[0] - 3.0).abs() < 1e-9, "{}", load[0]);
        assert!(load.is_sorted() && load[24] > 4.9);
    }

    #[test]
    fn growth_is_a_ramp_to_the_horizon() {
        let load = expected(&[], 10.0, 24.0, 24, Weights { current: 1.0, ..ALL_WEEK.zeroed() });
        assert_eq!((load[0], load[23]), (11.0, 34.0));
    }

    impl Weights {
        fn zeroed(self) -> Self {
            Self { current: 0.0, day: 0.0, week: 0.0, growth: self.growth }
        }
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
        };
        let nodes = [node(7.0, 2.0), node(2.0, 7.0)];
        let (loads, bases) = build(&[(1, guest)], &nodes, 168, ALL_WEEK);
        assert!(bases.iter().all(|b| b.cpu.iter().all(|x| (x - 2.0).abs() < 1e-9)));
        assert!(loads[0].cpu.iter().all(|x| (x - 5.0).abs() < 1e-9));
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
