//! How sure a recommendation is: the chance that the move helps, as a weighted mean of parts, each
//! shown with its reason.
//!
//! `need` and `days` carry most of it, since they are what told moves that helped from the others in
//! replays; values and weights are such that the sum is near that chance (docs/backtest.md). It says
//! how well founded the advice is, not how bad the source is.

use crate::model::{WEEK_HOURS, counted, joined};
use crate::outcome::Experience;
use crate::outlook::{GuestOutlook, Limits, Load, NodeOutlook, Outlook, PRESENT, Resource};
use serde::Serialize;

/// One part of a confidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// `need`, `days`, `data` or `outcome`.
    pub name: &'static str,
    /// 0 to 1.
    pub value: f64,
    /// Its share of the whole.
    pub weight: f64,
    /// What it rests on.
    pub why: String,
}

/// Confidence of a recommendation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confidence {
    /// 0 to 100.
    pub percent: f64,
    /// What it consists of.
    pub parts: Vec<Part>,
}

const NEED: f64 = 0.58;
const DAYS: f64 = 0.16;
const DATA: f64 = 0.14;
/// The plan asks for 10-15 % by past outcomes.
const OUTCOME: f64 = 0.12;
/// History from which the data can not be the weak point, in hours.
const ENOUGH_HISTORY: f64 = WEEK_HOURS as f64;
/// Spread of what a move saves a week, in core-hours, beyond which more of it is no more doubt.
const MOST_SPREAD: f64 = 4.0;
/// Core-hours up to which a day is the same with and without a move.
const NO_DIFFERENCE: f64 = 0.01;
/// What is believed before any day is known: days as good and days as bad, with this sum of [`weight_of_day`] each.
const BELIEVED: f64 = 2.0;
const DAY_HOURS: usize = 24;

/// How much is stored of the last two days, or of what there is of them since the first sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recent {
    /// Whole hours of them.
    pub hours: u32,
    /// Hours of which nothing is stored.
    pub missing: u32,
}

impl Recent {
    /// Days that [`Recent`] looks at.
    pub const DAYS: u32 = 2;

    /// Nothing is missing.
    pub fn whole() -> Self {
        Self { hours: Self::DAYS * DAY_HOURS as u32, missing: 0 }
    }

    fn known(self) -> f64 {
        1.0 - f64::from(self.missing) / f64::from(self.hours.max(1))
    }

    /// That hours are missing, in one clause.
    pub fn told(self) -> Option<String> {
        let are = if self.missing == 1 { "is" } else { "are" };
        (self.missing > 0)
            .then(|| format!("{} of the last {} hours {are} missing", self.missing, self.hours))
    }
}

/// What a confidence rests on.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// Nodes and weights.
    pub outlook: &'a Outlook,
    /// Node that the guest leaves.
    pub source: usize,
    /// Its expected load before, with what is recorded of its guests alone: no hours from before they were there.
    pub source_load: &'a Load,
    /// Node that the guest goes to.
    pub target: usize,
    /// Its expected load before, likewise.
    pub target_load: &'a Load,
    /// The guest.
    pub guest: &'a GuestOutlook,
    /// Other guests of the source, of which no whole day is known.
    pub newcomers: &'a [&'a GuestOutlook],
    /// Thresholds.
    pub limits: Limits,
    /// What earlier moves taught.
    pub experience: &'a Experience,
    /// Gaps in what is stored.
    pub recent: Recent,
}

/// A confidence for people: rounded down, so that one below the minimum never reads as the minimum.
pub fn stated(percent: f64) -> String {
    format!("{:.0} %", percent.floor())
}

impl Confidence {
    /// Judges a move. O(cases).
    pub fn of(basis: &Basis) -> Self {
        let days = Days::of(basis);
        let parts = vec![need(basis, &days), agreement(basis, &days), data(basis), outcome(basis)];
        let percent = 100.0 * parts.iter().map(|p| p.value * p.weight).sum::<f64>();
        Self { percent, parts }
    }
}

impl Basis<'_> {
    /// Hours that are recorded of both source and guest.
    fn known_hours(&self) -> f64 {
        self.outlook.nodes[self.source].history_hours.min(self.guest.history_hours)
    }

    /// How far a node is above its thresholds in a case, in cores, under `load` plus `sign` times
    /// the guest's.
    fn excess(&self, node: usize, load: &Load, sign: f64, case: usize) -> f64 {
        let node = &self.outlook.nodes[node];
        let of = |resource| self.above(node, load, sign, case, resource).max(0.0);
        Resource::ALL.into_iter().map(of).sum::<f64>() * node.cores.0
    }

    /// By which share of its capacity a node is above a threshold; below it, negative.
    fn above(&self, node: &NodeOutlook, load: &Load, sign: f64, case: usize, of: Resource) -> f64 {
        let used = load.of(of)[case] + sign * self.guest.load.of(of)[case];
        used / node.capacity(of).max(1e-9) - self.limits.of(of)
    }

    /// Whether less than half of what is saved of the present would be without the newcomers.
    fn rests_on_newcomers(&self, days: &Days) -> bool {
        if self.newcomers.is_empty() {
            return false;
        }
        let mut without = self.source_load.clone();
        self.newcomers.iter().for_each(|guest| without.add(&guest.load, -1.0));
        let without = Days::of(&Basis { source_load: &without, ..*self });
        let with = days.present.filter(|saved| *saved > NO_DIFFERENCE);
        with.is_some_and(|with| without.present < Some(with / 2.0))
    }

    /// Cores of overload that the move takes from both nodes together in a case.
    fn saved(&self, case: usize) -> f64 {
        let less = |node, load, from, to| {
            self.excess(node, load, from, case) - self.excess(node, load, to, case)
        };
        less(self.source, self.source_load, 0.0, -1.0)
            + less(self.target, self.target_load, 0.0, 1.0)
    }
}

/// What a move takes from the overload of both nodes on the days that are known, in core-hours; negative: it adds some.
struct Days {
    /// Sum and hours of each recorded day.
    recorded: Vec<(f64, usize)>,
    /// A day like the present.
    present: Option<f64>,
}

impl Days {
    fn of(b: &Basis) -> Self {
        let counts = |case: &usize| b.outlook.weights[*case] > 0.0;
        let cases = 0..b.outlook.weights.len();
        // Hours before the records begin are made up of the others: they prove nothing.
        let hours = cases.clone().skip(b.outlook.first_case_of(b.known_hours())).filter(counts);
        let hours: Vec<f64> = hours.map(|c| b.saved(c)).collect();
        let now = cases.take(PRESENT).filter(counts).map(|c| (b.saved(c), b.outlook.weights[c]));
        let (sum, all) = now.fold((0.0, 0.0), |(sum, all), (x, w)| (sum + x * w, all + w));
        let recorded = hours.rchunks(DAY_HOURS).map(|day| (day.iter().sum(), day.len())).collect();
        Self { recorded, present: (all > 0.0).then(|| sum / all * DAY_HOURS as f64) }
    }

    /// Core-hours a week, by a jackknife: every recorded day counts once and the present for one more, less the
    /// recorded day that speaks most for the move. Bursts do not come back on order, so a saving that rests on one day
    /// of several is little to go by.
    fn week_without_best(&self) -> f64 {
        let best = match self.recorded.len() {
            0 | 1 => None,
            _ => self.recorded.iter().copied().max_by(|x, y| x.0.total_cmp(&y.0)),
        };
        let of_present = self.present.map(|sum| (sum, DAY_HOURS));
        let all = self.recorded.iter().copied().chain(of_present);
        let (sum, hours) = all.fold((0.0, 0), |(sum, hours), day| (sum + day.0, hours + day.1));
        let (best, of_best) = best.unwrap_or_default();
        (sum - best) / (hours - of_best).max(1) as f64 * f64::from(WEEK_HOURS)
    }

    /// Standard deviation of the core-hours of a week whose days vary like the recorded ones; `None` of fewer than two.
    fn week_spread(&self) -> Option<f64> {
        let count = self.recorded.len() as f64;
        let whole = |(sum, hours): &(f64, usize)| sum * DAY_HOURS as f64 / (*hours).max(1) as f64;
        let mean = self.recorded.iter().map(whole).sum::<f64>() / count;
        let squares: f64 = self.recorded.iter().map(|day| (whole(day) - mean).powi(2)).sum();
        (count > 1.0).then(|| (7.0 * squares / (count - 1.0)).sqrt())
    }

    /// Core-hours of all days, the present last.
    fn all(&self) -> impl Iterator<Item = f64> + '_ {
        self.recorded.iter().map(|day| day.0).chain(self.present)
    }
}

/// The part of a node that is to be emptied whatever it carries.
fn emptied(b: &Basis, name: &'static str, weight: f64) -> Option<Part> {
    let source = &b.outlook.nodes[b.source];
    let why = || format!("{} is in maintenance and is to be emptied", source.name);
    source.maintenance.then(|| Part { name, value: 1.0, weight, why: why() })
}

/// What does the move save a week if its best day does not come again?
fn need(b: &Basis, days: &Days) -> Part {
    if let Some(part) = emptied(b, "need", NEED) {
        return part;
    }
    let (core_hours, spread) = (days.week_without_best(), days.week_spread());
    // A saving as large as its spread has two thirds of the part, none at all a half of it. So has one of which no
    // day is known: the next hour may be as different as can be.
    let is_known = b.known_hours() >= DAY_HOURS as f64;
    let newcomers = is_known && b.rests_on_newcomers(days);
    let doubt = match newcomers || !is_known {
        true => core_hours.abs().max(MOST_SPREAD),
        false => spread.unwrap_or(MOST_SPREAD).min(MOST_SPREAD),
    };
    let value = match core_hours > -doubt {
        true => (core_hours + doubt) / (core_hours + 2.0 * doubt),
        false => 0.0,
    };
    // Not what is expected: the outlook weighs the days, and counts the best of them.
    let of_days = |n| format!("the last {n} days, that which speaks most for it left out");
    let by = match (days.present.is_some(), days.recorded.len()) {
        (_, 0) => "the present alone".to_string(),
        (true, 1) => "the present and a day".to_string(),
        (false, 1) => "a day".to_string(),
        (true, n) => format!("the present and {}", of_days(n)),
        (false, n) => of_days(n),
    };
    let than = if core_hours >= 0.0 { "less" } else { "more" };
    let around = spread.map_or(String::new(), |s| format!(", give or take {s:.0}"));
    let amount = counted(core_hours.abs().round(), "core-hour");
    let around = match newcomers {
        true => {
            let names: Vec<String> =
                b.newcomers.iter().map(|g| format!("guest {}", g.vmid)).collect();
            format!(", but because of {}, of which no day is known", joined(&names))
        }
        false => around,
    };
    let why = format!("by {by}: {amount} of overload a week {than} with the move{around}");
    Part { name: "need", value, weight: NEED, why }
}

/// What a day of so many core-hours counts: ten times the overload is not ten times the evidence.
fn weight_of_day(core_hours: f64) -> f64 {
    core_hours.max(0.0).sqrt()
}

/// Would the move have helped day after day, or helped on one and done harm on the next? Odds of good and of bad days,
/// with [`BELIEVED`] of either beforehand (the rule of succession, Laplace 1814, with weights).
fn agreement(b: &Basis, days: &Days) -> Part {
    if let Some(part) = emptied(b, "days", DAYS) {
        return part;
    }
    let better: f64 = days.all().map(weight_of_day).sum();
    let worse: f64 = days.all().map(|saved| weight_of_day(-saved)).sum();
    let value = (better + BELIEVED) / (better + worse + 2.0 * BELIEVED);
    let count = |sign: f64| days.all().filter(|saved| sign * saved > NO_DIFFERENCE).count();
    let present = days.present.map(|_| "the present".to_string());
    let last = match days.recorded.len() {
        0 => None,
        1 => Some("the last day".to_string()),
        n => Some(format!("the last {n} days")),
    };
    let known = last.into_iter().chain(present).collect::<Vec<_>>().join(" and ");
    let (good, bad) = (count(1.0), count(-1.0));
    let why = format!("{known}: less overload with the move on {good}, more on {bad}");
    Part { name: "days", value, weight: DAYS, why }
}

/// Is there enough history of all three, and is it of late?
fn data(b: &Basis) -> Part {
    let nodes = &b.outlook.nodes;
    let hours =
        nodes[b.source].history_hours.min(nodes[b.target].history_hours).min(b.guest.history_hours);
    let value = (hours / ENOUGH_HISTORY).clamp(0.0, 1.0) * b.recent.known();
    let gaps = b.recent.told().map_or(String::new(), |gaps| format!("; {gaps}"));
    let why = format!("{:.1} days of history of source, target and guest{gaps}", hours / 24.0);
    Part { name: "data", value, weight: DATA, why }
}

/// How did past moves turn out? The guest's own, shrunk to those that we advised here.
fn outcome(b: &Basis) -> Part {
    let (own, advised) = (b.experience.guest(b.guest.vmid), b.experience.advised());
    let why = match (own.judged, advised.judged) {
        (0, 0) => "no judged outcome of an earlier move".into(),
        (0, n) => format!("{} of {n} moves that we advised here helped", advised.improved),
        (n, _) => format!("{} of {n} earlier moves of this guest helped", own.improved),
    };
    let value = b.experience.expected_success(b.guest.vmid);
    Part { name: "outcome", value, weight: OUTCOME, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bytes, Cores};
    use crate::outlook::RECORDED;
    use crate::series::LocalTime;
    use crate::trend::{Params, analyze};

    /// Cases of two weeks and the present.
    const CASES: usize = RECORDED + 14 * DAY_HOURS;
    const LIMITS: Limits = Limits { cpu: 0.8, memory: 0.85 };

    /// Two nodes of 10 cores and 10 bytes. The first has 4 cores of load besides the guest, the
    /// second `second` of them.
    fn outlook(second: f64, weight: fn(usize) -> f64) -> Outlook {
        let trend = analyze(&[], &Params::share(0, 0.8, &LocalTime::utc()));
        let node = |name: &str, cpu: f64| NodeOutlook {
            base: Load { cpu: vec![cpu; CASES], memory: vec![1.0; CASES] },
            history_hours: 336.0,
            ..NodeOutlook::idle(name, Cores(10.0), Bytes(10.0), &trend)
        };
        Outlook {
            now: 0,
            weights: (0..CASES).map(weight).collect(),
            nodes: vec![node("a", 4.0), node("b", second)],
            guests: Vec::new(),
        }
    }

    /// Everything of the move of a guest with that load off node a.
    fn judged(outlook: &Outlook, load: impl Fn(usize) -> f64) -> Confidence {
        judged_with(outlook, load, Recent::whole())
    }

    fn judged_with(outlook: &Outlook, load: impl Fn(usize) -> f64, recent: Recent) -> Confidence {
        let trend = &outlook.nodes[0].cpu_trend;
        let load = Load { cpu: (0..CASES).map(load).collect(), memory: vec![1.0; CASES] };
        let mut source_load = outlook.nodes[0].base.clone();
        source_load.add(&load, 1.0);
        let guest = GuestOutlook {
            load,
            cpu_now: Cores(1.0),
            memory_now: Bytes(1.0),
            history_hours: 336.0,
            ..GuestOutlook::idle(100, 0, Cores(8.0), Bytes(2.0), trend)
        };
        Confidence::of(&Basis {
            outlook,
            source: 0,
            source_load: &source_load,
            target: 1,
            target_load: &outlook.nodes[1].base,
            guest: &guest,
            newcomers: &[],
            limits: LIMITS,
            experience: &Experience::default(),
            recent,
        })
    }

    fn part<'a>(confidence: &'a Confidence, name: &str) -> &'a Part {
        confidence.parts.iter().find(|p| p.name == name).unwrap()
    }

    fn even(_: usize) -> f64 {
        168.0 / CASES as f64
    }

    /// Day of a case, the last one 13; the present has none.
    fn day(case: usize) -> Option<usize> {
        case.checked_sub(RECORDED).map(|hour| hour / DAY_HOURS)
    }

    #[test]
    fn weights_are_a_whole() {
        assert!((NEED + DAYS + DATA + OUTCOME - 1.0f64).abs() < 1e-12);
    }

    #[test]
    fn hours_that_are_missing_of_late_are_a_doubt() {
        let outlook = outlook(1.0, even);
        let data = |missing| {
            let judged = judged_with(&outlook, |_| 5.0, Recent { missing, ..Recent::whole() });
            part(&judged, "data").clone()
        };
        assert_eq!((data(0).value, data(12).value), (1.0, 0.75));
        let history = "14.0 days of history of source, target and guest";
        assert_eq!(data(0).why, history);
        assert_eq!(data(12).why, format!("{history}; 12 of the last 48 hours are missing"));
    }

    #[test]
    fn hours_before_the_records_prove_nothing() {
        let mut outlook = outlook(1.0, even);
        let long = judged(&outlook, |_| 5.0);
        outlook.nodes[0].history_hours = 0.5;
        let short = judged(&outlook, |_| 5.0);
        assert!(part(&short, "need").why.starts_with("by the present alone: "));
        assert!(part(&short, "need").value < part(&long, "need").value - 0.1);
    }

    #[test]
    fn a_saving_that_rests_on_one_day_is_little_to_go_by() {
        let outlook = outlook(1.0, even);
        // A core above the threshold for a day, or the same for an hour and a half of each.
        let once = judged(&outlook, |c| if day(c) == Some(5) { 5.0 } else { 1.0 });
        let daily = judged(&outlook, |c| if day(c).is_some() && c % 24 < 2 { 5.0 } else { 1.0 });
        let need = |c: &Confidence| part(c, "need").value;
        assert!((need(&once) - 0.5).abs() < 1e-9, "nothing is left: {}", need(&once));
        // 13 days of 2 core-hours, and the present, which is calm: 13 a week, each week.
        assert!((need(&daily) - 1.0).abs() < 1e-9, "{}", need(&daily));
        assert!(daily.percent > once.percent + 12.0);
        assert_eq!(
            part(&daily, "need").why,
            "by the present and the last 14 days, that which speaks most for it left out: 13 core-hours of overload a week \
             less with the move, give or take 0"
        );
    }

    #[test]
    fn the_whole_range_of_the_minimum_can_be_reached() {
        let doubtful = judged(&outlook(1.0, even), |c| if day(c) == Some(5) { 5.0 } else { 1.0 });
        let sure = judged(&outlook(1.0, even), |_| 6.0);
        assert!(doubtful.percent < 73.0, "{}", doubtful.percent);
        assert!(sure.percent > 90.0, "{}", sure.percent);
        let harmful = judged(&outlook(6.0, even), |_| 5.0);
        assert!(part(&harmful, "need").value < 0.001 && harmful.percent < 50.0);
        assert!(part(&harmful, "need").why.contains("336 core-hours of overload a week more"));
    }

    #[test]
    fn where_only_the_present_counts_it_decides_alone() {
        let outlook = outlook(1.0, |case| if case == 0 { 168.0 } else { 0.0 });
        let now = judged(&outlook, |c| if c == 0 { 5.0 } else { 0.0 });
        assert!((part(&now, "need").value - 172.0 / 176.0).abs() < 1e-9);
        let why = "by the present alone: 168 core-hours of overload a week less with the move";
        assert_eq!(part(&now, "need").why, why);
    }

    #[test]
    fn a_node_in_maintenance_needs_no_overload() {
        let mut outlook = outlook(1.0, even);
        outlook.nodes[0].maintenance = true;
        assert_eq!(part(&judged(&outlook, |_| 0.1), "need").value, 1.0);
    }

    #[test]
    fn a_move_that_helps_day_after_day_is_surer_than_one_that_harms_as_often() {
        // 4 core-hours less on each day, or 8 less and 4 more in turn: the same in sum.
        let target = outlook(1.0, even);
        let steady = judged(&target, |c| if day(c).is_some() && c % 24 < 4 { 5.0 } else { 1.0 });
        let mut other = outlook(1.0, even);
        for hour in 0..CASES - RECORDED {
            let (odd, early) = (hour / 24 % 2 == 1, hour % 24 < 4);
            other.nodes[1].base.cpu[RECORDED + hour] = if odd && early { 8.0 } else { 1.0 };
            other.nodes[0].base.cpu[RECORDED + hour] = if !odd && early { 5.0 } else { 2.0 };
        }
        let turns = judged(&other, |c| if day(c).is_some() && c % 24 < 4 { 5.0 } else { 1.0 });
        let days = |c: &Confidence| part(c, "days").clone();
        // The present is calm: fourteen days of weight 2.
        assert!((days(&steady).value - (28.0 + 2.0) / (28.0 + 4.0)).abs() < 1e-9);
        assert!(days(&turns).value < 0.6, "{}", days(&turns).value);
        assert!(steady.percent > turns.percent + 5.0, "{} {}", steady.percent, turns.percent);
        let told = |good, bad| {
            format!(
                "the last 14 days and the present: less overload with the move on {good}, more on {bad}"
            )
        };
        assert_eq!(days(&steady).why, told(14, 0));
        assert_eq!(days(&turns).why, told(7, 7));
    }
}
