//! When to make a move: the next stretch of hours in which nobody concerned is in a daily peak.

use crate::model::{HOUR, UnixTime, joined};
use crate::series::LocalTime;
use crate::series::calendar::{runs, spans};
use crate::trend::Trend;
use serde::Serialize;

/// A suggested time for a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// From here on; the moment of the analysis when it is a good one already.
    pub start: UnixTime,
    /// Until here.
    pub end: UnixTime,
    /// Local hour of the day in which it starts, 0-23.
    pub start_hour: u8,
    /// Local hour of the day at which it is over, 0-23.
    pub end_hour: u8,
    /// It starts on the next local day. For sentences: programs have `start`.
    #[serde(skip)]
    pub tomorrow: bool,
    /// Day of the week on which it is over, where it lasts for more than a day: the hour alone would be that of another.
    #[serde(skip)]
    pub end_day: Option<&'static str>,
    /// Whose busy hours it avoids, in one clause.
    pub why: String,
}

/// Somebody whose CPU may have a daily peak.
pub(super) struct Busy<'a> {
    /// Who it is, for people.
    pub(super) who: String,
    /// Trend of its CPU.
    pub(super) trend: &'a Trend,
}

/// A shorter stretch is no time to plan a move in, unless there is no other.
const ENOUGH: usize = 2;
/// Hours in which a stretch is looked for; it may end later.
const AHEAD: usize = 24;
/// Hours in which its end is: a weekend after that.
const END: usize = 96;

impl Window {
    /// The next calm stretch within a day of `now`; `None` when nobody has a daily peak, or none within a day as on a
    /// weekend, so that any hour is as good, or when somebody always has one. The first of `all` is the one to be spared
    /// where not everybody can be.
    pub(super) fn next(now: UnixTime, local: &LocalTime, all: &[Busy]) -> Option<Self> {
        let all: Vec<&Busy> = all.iter().filter(|b| !b.trend.peak_hours.is_empty()).collect();
        let everybody = Self::sparing(now, local, &all);
        everybody.or_else(|| Self::sparing(now, local, all.get(..1)?))
    }

    fn sparing(now: UnixTime, local: &LocalTime, all: &[&Busy]) -> Option<Self> {
        let hour = now - local.wall(now).rem_euclid(HOUR);
        let start_of = |ahead: usize| hour + ahead as i64 * HOUR;
        let name = |ahead: usize| local.hour(start_of(ahead)) as u8;
        let calm = |ahead: usize| !all.iter().any(|b| b.trend.is_busy(start_of(ahead), local));
        if all.is_empty() {
            return None;
        }
        let mut runs = runs((0..END).map(calm));
        runs.retain(|run| run.start < AHEAD);
        let run = runs.iter().find(|r| r.len() >= ENOUGH).or(runs.first())?;
        if run.start == 0 && run.end >= AHEAD {
            return None;
        }
        let name_of = |b: &&Busy| format!("{} ({})", b.who, spans(&b.trend.peak_hours));
        let names: Vec<String> = all.iter().map(name_of).collect();
        Some(Self {
            start: start_of(run.start).max(now),
            end: start_of(run.end),
            start_hour: name(run.start),
            end_hour: name(run.end),
            // It is looked for within a day, so that no later one is left.
            tomorrow: local.day(start_of(run.start)) > local.day(now),
            end_day: (run.len() > AHEAD).then(|| local.day_name(start_of(run.end))),
            why: format!("outside the busy hours of {}", joined(&names)),
        })
    }

    /// `22:00 to 06:00`, or `18:00 to Monday 08:00`.
    pub fn hours(&self) -> String {
        format!("{:02}:00 to {}", self.start_hour, self.until())
    }

    /// When it is over: `06:00`, or `Monday 08:00`.
    pub fn until(&self) -> String {
        let day = self.end_day.map_or(String::new(), |day| format!("{day} "));
        format!("{day}{:02}:00", self.end_hour)
    }

    /// `from 22:00 to 06:00`, or `tomorrow from 13:00 to 15:00`.
    pub fn told(&self) -> String {
        let day = if self.tomorrow { "tomorrow " } else { "" };
        format!("{day}from {}", self.hours())
    }

    /// `22:00`, or `tomorrow at 13:00`.
    pub fn begin(&self) -> String {
        let day = if self.tomorrow { "tomorrow at " } else { "" };
        format!("{day}{:02}:00", self.start_hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Point;
    use crate::series::calendar::weekday_of;
    use crate::trend::{Params, analyze};

    /// Midnight UTC.
    const MIDNIGHT: UnixTime = 1_790_035_200;

    fn window(hour: i64, all: &[(&str, &[u8])]) -> Option<Window> {
        next(MIDNIGHT + hour * HOUR + 600, &LocalTime::utc(), all)
    }

    fn next(now: UnixTime, local: &LocalTime, all: &[(&str, &[u8])]) -> Option<Window> {
        let unknown = analyze(&[], &Params::share(now, 1.0, local));
        let trend = |hours: &&[u8]| {
            let mut trend = unknown.clone();
            trend.peak_hours = hours.to_vec();
            trend
        };
        let trends: Vec<Trend> = all.iter().map(|(_, hours)| trend(hours)).collect();
        let named = all.iter().zip(&trends);
        let all: Vec<Busy> =
            named.map(|((who, _), trend)| Busy { who: who.to_string(), trend }).collect();
        Window::next(now, local, &all)
    }

    #[test]
    fn it_avoids_everybody_s_busy_hours() {
        assert_eq!(MIDNIGHT % 86_400, 0);
        let day: &[u8] = &[9, 10, 11, 12, 13, 14, 15, 16];
        let evening: &[u8] = &[17, 18, 19];
        let now = window(12, &[("VM 1", day), ("pve1", evening), ("pve2", &[])]).unwrap();
        assert_eq!((now.start_hour, now.end_hour), (20, 9));
        assert_eq!((now.start - MIDNIGHT) / HOUR, 20);
        assert_eq!((now.end - MIDNIGHT) / HOUR, 33);
        assert_eq!(now.why, "outside the busy hours of VM 1 (09-17) and pve1 (17-20)");
    }

    #[test]
    fn it_lasts_to_the_next_busy_hour() {
        let day: &[u8] = &[9, 10, 11, 12, 13, 14, 15, 16];
        let found = window(8, &[("VM 1", day), ("pve1", &[17, 18])]).unwrap();
        assert_eq!((found.start_hour, found.end_hour), (19, 9), "not cut a day from now");
    }

    #[test]
    fn a_calm_moment_is_a_start() {
        let now = window(3, &[("VM 1", &[9, 10])]).unwrap();
        assert_eq!((now.start, now.start_hour, now.end_hour), (MIDNIGHT + 3 * HOUR + 600, 3, 9));
    }

    #[test]
    fn a_short_gap_is_left_for_a_real_break() {
        let gapped: &[u8] = &[8, 9, 10, 11, 13, 14, 15];
        assert_eq!(window(9, &[("VM 1", gapped)]).unwrap().start_hour, 16);
    }

    #[test]
    fn without_a_peak_or_a_calm_hour_nothing_is_said() {
        let always: Vec<u8> = (0..24).collect();
        assert_eq!(window(9, &[("VM 1", &[]), ("pve1", &[])]), None);
        assert_eq!(window(9, &[("VM 1", &always)]), None);
        // The guest at least can be spared.
        assert_eq!(window(9, &[("VM 1", &[9]), ("pve1", &always)]).unwrap().start_hour, 10);
    }

    #[test]
    fn who_is_busy_on_working_days_is_spared_then_and_not_on_weekends() {
        // Two weeks of office hours, asked at noon of a Friday, of the Saturday and of the Sunday after it.
        let local = LocalTime::utc();
        let friday =
            MIDNIGHT + (4 - weekday_of(MIDNIGHT) as i64).rem_euclid(7) * 24 * HOUR + 12 * HOUR;
        let found = |later: i64| {
            let now = friday + later * 24 * HOUR;
            let at_work = |time| !local.weekend(time) && (8..18).contains(&local.hour(time));
            let points: Vec<Point> = (1..=336)
                .rev()
                .map(|h| now - h * HOUR + HOUR / 2)
                .map(|time| Point::sample(time, if at_work(time) { 0.6 } else { 0.1 }))
                .collect();
            let params = Params { lookback_hours: 336, ..Params::share(now, 1.0, &local) };
            let trend = analyze(&points, &params);
            assert_eq!(trend.peak_hours, (8..18).collect::<Vec<u8>>());
            Window::next(now, &local, &[Busy { who: "VM 1".into(), trend: &trend }])
        };
        let after_work = found(0).expect("busy now");
        assert_eq!((after_work.start_hour, after_work.start), (18, friday + 6 * HOUR));
        assert_eq!(
            after_work.told(),
            "from 18:00 to Monday 08:00",
            "not until 08:00 of the Saturday"
        );
        assert_eq!(after_work.end, friday + 68 * HOUR);
        assert_eq!(found(1), None, "any hour of a Saturday is as good");
        let until_monday = found(2).expect("a working day begins");
        assert_eq!((until_monday.start, until_monday.end_hour), (friday + 48 * HOUR, 8));
    }

    #[test]
    fn a_zone_half_an_hour_off_has_its_own_hours() {
        let local = LocalTime::fixed(19_800);
        let found = next(MIDNIGHT + 5 * HOUR, &local, &[("VM 1", &[10, 11])]).unwrap();
        assert_eq!((found.start_hour, found.start), (12, MIDNIGHT + 6 * HOUR + 1_800));
    }

    #[test]
    fn that_it_is_tomorrow_is_told() {
        let told = |hour, local: &LocalTime| {
            let now = MIDNIGHT + hour * HOUR + 600;
            let found = next(now, local, &[("VM 1", &[2, 3, 4, 5]), ("pve1", &[15, 16, 0, 1])]);
            let found = found.expect("busy now");
            (found.told(), found.begin())
        };
        let today = ("from 06:00 to 15:00".to_string(), "06:00".to_string());
        assert_eq!(told(3, &LocalTime::utc()), today);
        let all_day: Vec<u8> = (0..24).filter(|hour| *hour != 13).collect();
        let of = |hour| window(hour, &[("VM 1", &all_day)]).expect("an hour").told();
        assert_eq!(of(12), "from 13:00 to 14:00");
        assert_eq!(of(15), "tomorrow from 13:00 to 14:00");
        // Past midnight by the wall clock, not by UTC.
        let east = LocalTime::fixed(2 * 3_600);
        assert_eq!(
            told(21, &east),
            ("tomorrow from 06:00 to 15:00".into(), "tomorrow at 06:00".into())
        );
        assert_eq!(told(22, &east), today);
    }
}
