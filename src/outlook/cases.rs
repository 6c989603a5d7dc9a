//! The cases of what may come, and how many coming hours each stands for.
//!
//! | cases | what they are |
//! |---|---|
//! | 0 to 23 | the present as it goes on: hour by hour from this one, on a day like today |
//! | 24 to 47 | the same on a day of the other kind: of a weekend, or a working day |
//! | 48 to 71 | the last day as one of the other kind |
//! | from 72 | the recorded hours of the window, oldest first |
//!
//! All but the last differ from what was measured by each guest's daily rhythm alone: a nightly job is not expected at
//! noon because it is running now, and an office not to stay calm because it is Sunday (docs/records/backtest.md).

use super::Weights;
use crate::trend::Rhythm;

const DAY_HOURS: usize = 24;

/// Cases of the present: those of two days.
pub const PRESENT: usize = 2 * DAY_HOURS;
/// The first case of a recorded hour.
pub const RECORDED: usize = PRESENT + DAY_HOURS;

/// Hours of the past that are looked at, however far ahead: all that is kept hourly. Two weeks of
/// bursts foretell the next ones better than one (docs/records/backtest.md).
pub(super) const WINDOW: usize = 336;

/// Hours after which the weight of the present has gone from w to w squared. Long, since bursts of
/// real guests last for days: replays without it see a node's trouble only when it is over.
const FADE_HOURS: f64 = 120.0;

/// Whether an hour, so many after the running one, is of a weekend.
pub(super) type IsWeekend<'a> = &'a dyn Fn(i64) -> bool;

/// Cases of a series without a rhythm. To the last `window` recorded hours the growth is added as a ramp: the oldest
/// stands for the nearest coming hour. Hours without a record look like the mean of the others; none is below or above
/// the bounds.
pub(super) fn of(
    past: &[Option<f64>],
    now: f64,
    growth: f64,
    window: usize,
    (least, most): (f64, f64),
) -> Vec<f64> {
    let recent = &past[past.len() - window.min(past.len())..];
    let known: Vec<f64> = recent.iter().flatten().copied().collect();
    let mean = match known.len() {
        0 => now,
        n => known.iter().sum::<f64>() / n as f64,
    };
    let ramp = |i: usize| growth * (i + 1) as f64 / window.max(1) as f64;
    let hours =
        recent.iter().enumerate().map(|(i, x)| (x.unwrap_or(mean) + ramp(i)).min(most).max(least));
    let mut all = Vec::with_capacity(RECORDED + recent.len());
    all.resize(RECORDED, now);
    all.extend(hours);
    let day = DAY_HOURS.min(recent.len());
    all.copy_within(RECORDED + recent.len() - day.., RECORDED - day);
    all
}

/// Adds a guest's rhythm to the cases before the recorded hours, which stay between nothing and `most`.
pub(super) fn add_rhythm(cases: &mut [f64], rhythm: &Rhythm, most: f64, is_weekend: IsWeekend) {
    let of_kind = |weekend: bool| &rhythm.hours[usize::from(weekend)];
    let today = is_weekend(0);
    let present = [today, !today].map(of_kind).into_iter().flatten();
    let present = present.map(|effect| effect - rhythm.last);
    let other = (1..=DAY_HOURS).map(|hour| {
        let own = is_weekend(hour as i64 - DAY_HOURS as i64);
        let [own, other] = [own, !own].map(|kind| of_kind(kind)[hour % DAY_HOURS]);
        other - own
    });
    for (case, more) in cases[..RECORDED].iter_mut().zip(present.chain(other)) {
        *case = (*case + more).clamp(0.0, most.max(*case));
    }
}

/// How much the present still counts in a coming hour.
fn fade(hour: usize, weights: Weights) -> f64 {
    weights.current.powf(1.0 + hour as f64 / FADE_HOURS)
}

/// How far ahead the hours are, on average, that the present stands for, as a share of the horizon.
pub(super) fn lead_of_present(horizon: usize, weights: Weights) -> f64 {
    let (all, ahead) = (0..horizon).fold((0.0, 0.0), |(all, ahead), hour| {
        let weight = fade(hour, weights);
        (all + weight, ahead + weight * (hour as f64 + 0.5))
    });
    ahead / (all * horizon as f64).max(f64::MIN_POSITIVE)
}

/// Coming hours that each case stands for.
pub(super) fn weights(
    window: usize,
    horizon: usize,
    weights: Weights,
    is_weekend: IsWeekend,
) -> Vec<f64> {
    let mut all = vec![0.0; RECORDED + window];
    if weights.sees_only_now() || window == 0 {
        all[0] = horizon as f64;
        return all;
    }
    let is_other = |hour: usize| usize::from(is_weekend(hour as i64) != is_weekend(0));
    for hour in 0..horizon {
        all[is_other(hour) * DAY_HOURS + hour % DAY_HOURS] += fade(hour, weights);
    }
    let rest = horizon as f64 - all.iter().sum::<f64>();
    let share = rest / (weights.day + weights.week);
    let of_week = share * weights.week / window as f64;
    all[RECORDED..].fill(of_week);
    // The last day counts as one of each kind as often as that kind is to come.
    let weekend = (0..horizon).filter(|hour| is_weekend(*hour as i64)).count() as f64;
    let weekend = weekend / horizon.max(1) as f64;
    let day = DAY_HOURS.min(window);
    for ago in 0..day {
        let own = if is_weekend(-(ago as i64)) { weekend } else { 1.0 - weekend };
        let of_day = share * weights.day / day as f64;
        all[RECORDED - 1 - ago] = of_day * (1.0 - own);
        all[RECORDED + window - 1 - ago] += of_day * own;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: (f64, f64) = (0.0, f64::INFINITY);
    const BLEND: Weights = Weights { current: 0.4, day: 0.27, week: 0.33, growth: 0.0 };

    fn never(_: i64) -> bool {
        false
    }

    /// Sums of the weights of the present today and on other days, the last day as one of the other kind, and the recorded hours.
    fn sums(all: &[f64]) -> [f64; 4] {
        [0..24, 24..48, 48..72, 72..all.len()].map(|range| all[range].iter().sum())
    }

    #[test]
    fn cases_are_the_present_and_the_recorded_hours() {
        let past: Vec<Option<f64>> = (0..336).map(|h| Some(f64::from(h))).collect();
        let load = of(&past, 99.0, 0.0, 168, FREE);
        assert_eq!(load[..PRESENT], [99.0; PRESENT]);
        assert_eq!(load[PRESENT..RECORDED], load[load.len() - 24..], "the last day");
        assert_eq!(load[RECORDED..], (168..336).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn weights_cover_the_horizon_whatever_the_blend() {
        let rest = |hour: i64| (40..88).contains(&hour.rem_euclid(168));
        for (current, horizon) in [0.0, 0.2, 0.4, 0.9, 1.0].into_iter().zip([168, 24, 72, 336, 168])
        {
            let blend = Weights {
                current,
                day: (1.0 - current) * 0.45,
                week: (1.0 - current) * 0.55,
                growth: 0.0,
            };
            for is_weekend in [&never as IsWeekend, &rest] {
                for window in [0, 1, 20, 168] {
                    let all = weights(window, horizon, blend, is_weekend);
                    let whole: f64 = all.iter().sum();
                    assert!((whole - horizon as f64).abs() < 1e-9, "{current} {window}");
                    assert!(all.iter().all(|w| *w >= 0.0));
                }
            }
        }
    }

    #[test]
    fn a_snapshot_sees_only_now_and_history_not_at_all() {
        let snapshot = Weights { current: 1.0, day: 0.0, week: 0.0, growth: 0.0 };
        let all = weights(168, 168, snapshot, &never);
        assert_eq!((all[0], all[1..].iter().sum::<f64>()), (168.0, 0.0));
        let week = Weights { current: 0.0, day: 0.0, week: 1.0, growth: 1.0 };
        assert_eq!(sums(&weights(168, 168, week, &never)), [0.0, 0.0, 0.0, 168.0]);
    }

    #[test]
    fn the_last_day_weighs_more_than_the_days_before() {
        let all = weights(168, 168, BLEND, &never);
        assert!(all[RECORDED + 167] > 2.0 * all[RECORDED], "{:?}", &all[RECORDED..]);
        let [today, other, other_day, _] = sums(&all);
        assert!((24.0..84.0).contains(&today), "the present counts for days: {today}");
        assert_eq!((other, other_day), (0.0, 0.0), "there is no weekend");
    }

    #[test]
    fn each_kind_of_day_counts_as_often_as_it_is_to_come() {
        // It is noon on a Sunday: the last day was all weekend, and of the next week 48 hours are.
        let rest = |hour: i64| !(12..132).contains(&hour.rem_euclid(168));
        let all = weights(336, 168, BLEND, &rest);
        let [today, other, other_day, _] = sums(&all);
        let of_day = other_day * 168.0 / 120.0;
        let lately: f64 = all[RECORDED + 312..].iter().sum::<f64>() - 24.0 * all[RECORDED];
        assert!((lately - of_day * 48.0 / 168.0).abs() < 1e-9, "{lately} {of_day}");
        assert!(other > 2.0 * today, "{today} {other}");
        // Hours of this day, then those of tomorrow morning as of a working day.
        assert!(all[11] > 0.0 && all[24 + 11] > 0.0 && all[24 + 12] > all[12]);
    }

    #[test]
    fn growth_is_a_ramp_to_the_horizon() {
        let load = of(&[Some(10.0); 24], 10.0, 24.0, 24, FREE);
        assert_eq!((load[0], load[RECORDED], load[RECORDED + 23]), (10.0, 11.0, 34.0));
    }

    #[test]
    fn hours_without_a_record_look_like_the_others() {
        let recorded =
            |past: &[Option<f64>]| of(past, 1.0, 0.0, past.len(), FREE).split_off(RECORDED);
        assert_eq!(recorded(&[None, Some(4.0), None]), [4.0, 4.0, 4.0]);
        assert_eq!(recorded(&[None, None]), [1.0, 1.0]);
        assert_eq!(of(&[], 1.0, 0.0, 0, FREE), [1.0; RECORDED]);
    }

    #[test]
    fn a_rhythm_goes_on_and_knows_the_kind_of_day() {
        // It is 10:00 on a Sunday. On working days 4 cores are in use from 08:00 to 16:00, else 1.
        let rest = |hour: i64| !(14..134).contains(&hour.rem_euclid(168));
        let office =
            |ahead: usize| f64::from(u8::from((8..16).contains(&((10 + ahead) % 24)))) * 3.0;
        let rhythm = Rhythm { last: 0.0, hours: [std::array::from_fn(office), [0.0; 24]] };
        let mut load = of(&[Some(1.0); 336], 1.0, 0.0, 336, FREE);
        add_rhythm(&mut load, &rhythm, 3.5, &rest);
        assert_eq!(load[..24], [1.0; 24], "today is Sunday");
        let working: Vec<f64> = (0..24).map(|ahead| (1.0 + office(ahead)).min(3.5)).collect();
        assert_eq!(load[24..48], working[..]);
        // The oldest hour of the last day was 11:00 of Saturday.
        let of_last_day: Vec<f64> = (1..25).map(|ahead| working[ahead % 24]).collect();
        assert_eq!(load[48..72], of_last_day[..]);
        assert_eq!(load[72..], [1.0; 336]);
    }
}
