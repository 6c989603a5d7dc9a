//! The traps that engines of this field fall into, and what ours answers.

use pve_foresight::model::{DAY, HOUR, Worse};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::cases::{answer_line, answer_numbered};
use pve_foresight::trend::{
    Behaviour, Crossing, Direction, Nature, Params, ProjectionBasis, Scale, Side, Trend, analyze,
};

#[path = "../../examples/trend-score/generate.rs"]
#[allow(dead_code)]
mod generate;
#[path = "../../examples/trend-score/score.rs"]
#[allow(dead_code)]
mod score;

/// A Monday, midnight UTC.
const NOW: i64 = 1_767_571_200;

/// Hourly values of `days` days before [`NOW`]; `f` gets days before now (negative) and the hour's number.
fn hourly(days: i64, f: impl Fn(f64, i64) -> f64) -> Vec<Point> {
    (0..days * 24)
        .map(|h| {
            Point::sample(NOW - (days * 24 - h) * HOUR + 1_800, f((h - days * 24) as f64 / 24.0, h))
        })
        .collect()
}

/// Noise within +-1, the same each time.
fn noise(h: i64) -> f64 {
    // SplitMix64 (Steele, Lea & Flood 2014): no pattern over neighbouring hours.
    let mut z = (h as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % 2_001) as f64 / 1_000.0 - 1.0
}

fn day(t: f64) -> f64 {
    (t * std::f64::consts::TAU).sin()
}

fn look(points: &[Point]) -> Trend {
    let local = LocalTime::utc();
    let share = Params::share(NOW, 100.0, &local);
    analyze(points, &Params { threshold: Some(90.0), forecasts: true, ..share })
}

/// Share of `count` series of a kind that are called a trend, and share that is answered rightly.
fn rates(kind: &str, count: u64) -> (f64, f64) {
    let (mut claims, mut right) = (0.0, 0.0);
    for seed in 0..count {
        let made = generate::series(kind, 777_000 + seed);
        let answer: score::Answer =
            serde_json::from_str(&answer_line(&made.line).unwrap()).unwrap();
        claims += f64::from(u8::from(answer.label.starts_with("sustained")));
        right += f64::from(u8::from(made.truth.accept.contains(&answer.label)));
    }
    (claims / count as f64, right / count as f64)
}

#[test]
fn no_trap_family_is_called_a_trend_more_than_one_time_in_twenty() {
    let families: [(&str, &[&str]); 6] = [
        ("daily", &["diurnal", "diurnal_edge", "diurnal_lookback24", "long_history", "first_days"]),
        ("weekly", &["weekly", "weekly_short"]),
        (
            "noise",
            &["flat_white", "flat_ar", "flat_ar_volatile", "hetero", "heavy_tail", "gaps_flat"],
        ),
        ("steps", &["step", "step_daily", "step_two", "step_recent"]),
        (
            "bursts",
            &["bursts", "bursts_edge", "rare_spikes", "telegraph", "glitches", "idle_guest"],
        ),
        ("cycles", &["cycle_other", "sawtooth_multi"]),
    ];
    for (family, kinds) in families {
        let claims: f64 = kinds.iter().map(|k| rates(k, 40).0).sum::<f64>() / kinds.len() as f64;
        assert!(claims <= 0.05, "{family}: {claims}");
    }
}

#[test]
fn growth_is_found_under_daily_and_weekly_cycles_and_beside_steps() {
    let kinds = [
        ("trend_diurnal_slow", 0.95),
        ("trend_diurnal", 0.9),
        ("trend_weekly", 0.9),
        ("trend_step", 0.85),
        ("late_ramp", 0.9),
        ("leak_restart", 0.9),
        ("trend", 0.95),
    ];
    for (kind, least) in kinds {
        let (_, right) = rates(kind, 40);
        assert!(right >= least, "{kind}: {right}");
    }
}

#[test]
fn few_samples_make_no_claim() {
    assert_eq!(rates("few", 60).0, 0.0);
    let trend = look(&hourly(7, |_, _| 40.0)[..4]);
    assert_eq!(trend.direction, Direction::Unknown);
    let why = trend.not_enough.unwrap();
    assert!(why.reason.contains("4 values") && why.needed.contains("46 hours"), "{why:?}");
    assert!(look(&[]).not_enough.is_some());
}

#[test]
fn a_perfectly_periodic_node_is_stable_and_an_erratic_one_is_not() {
    let periodic = look(&hourly(14, |t, _| 40.0 + 25.0 * day(t)));
    assert_eq!(periodic.direction, Direction::Cyclical);
    assert!(periodic.stability.unwrap() >= 85.0);
    assert!(periodic.seasonal_strength > 0.99);
    let erratic = look(&hourly(14, |_, h| 50.0 + 30.0 * noise(h)));
    assert_eq!(erratic.direction, Direction::Volatile);
    assert!(erratic.stability.unwrap() < 40.0);
}

#[test]
fn a_constant_is_stable_with_nothing_to_say() {
    let trend = look(&hourly(7, |_, _| 12.5));
    assert_eq!(trend.direction, Direction::Stable);
    assert!((trend.stability.unwrap() - 100.0).abs() < 1e-9, "but for rounding");
    assert!(trend.anomaly.unwrap().sigma.abs() < 1e-9);
    assert_eq!(trend.slope_per_day.map(|s| s.abs() < 1e-9), Some(true));
    assert!(trend.changes.is_empty() && trend.peak_hours.is_empty());
}

#[test]
fn an_idle_guest_is_idle() {
    let trend = look(&hourly(7, |_, h| 0.4 + 0.2 * noise(h).abs()));
    assert_eq!(trend.behavior, Some(Behaviour::Idle));
    assert_eq!(trend.direction, Direction::Stable);
}

#[test]
fn an_arrival_is_a_step_with_its_size_and_no_trend() {
    let points = hourly(7, |t, h| if t > -3.0 { 45.0 } else { 30.0 } + noise(h));
    let trend = look(&points);
    assert_eq!(trend.direction, Direction::Stable);
    let [change] = trend.changes.as_slice() else { panic!("{:?}", trend.changes) };
    assert!((change.size - 15.0).abs() < 1.0 && !change.known);
    assert!((change.time - (NOW - 3 * DAY)).abs() <= 4 * HOUR);
}

#[test]
fn a_known_migration_needs_less_evidence() {
    // Four points in noise of one, twelve hours before now: too little to be searched for alone.
    let local = LocalTime::utc();
    let points = hourly(7, |t, h| if t > -0.5 { 44.0 } else { 40.0 } + 2.0 * noise(h));
    let shifts = [NOW - 12 * HOUR];
    let params = Params { shifts: &shifts, ..Params::share(NOW, 100.0, &local) };
    let trend = analyze(&points, &params);
    assert_eq!(trend.changes.len(), 1, "{:?}", trend.changes);
    assert!(trend.changes[0].known && (trend.changes[0].size - 4.0).abs() < 1.5);
    assert_eq!(trend.direction, Direction::Stable);
    // Known times without a shift leave no trace.
    let quiet = analyze(&hourly(7, |_, h| 40.0 + noise(h)), &params);
    assert!(quiet.changes.is_empty());
}

#[test]
fn growth_reaches_the_threshold_when_it_says() {
    let trend = look(&hourly(7, |t, h| 70.0 + 4.0 * t + noise(h)));
    assert_eq!(trend.direction, Direction::SustainedIncrease);
    let Crossing::In { hours, earliest, latest } = trend.projection.unwrap().level else {
        panic!()
    };
    assert!((hours - 120.0).abs() < 10.0, "{hours}");
    assert!(earliest < hours && hours < latest.unwrap());
    assert_eq!(trend.projection_basis, Some(ProjectionBasis::CpuLike));
    let full = look(&hourly(7, |_, h| 93.0 + noise(h)));
    assert_eq!(full.projection.unwrap().level, Crossing::Already);
    let quiet = look(&hourly(7, |_, h| 40.0 + noise(h)));
    assert!(matches!(quiet.projection.unwrap().level, Crossing::Never { .. }));
}

#[test]
fn the_daily_peak_crosses_before_the_level() {
    let trend = look(&hourly(14, |t, h| 60.0 + 2.5 * t + 20.0 * day(t) + noise(h)));
    let p = trend.projection.unwrap();
    assert!(p.peak.hours().unwrap() < 0.6 * p.level.hours().unwrap(), "{p:?}");
}

#[test]
fn falling_free_memory_crosses_from_above() {
    let local = LocalTime::utc();
    let free = hourly(7, |t, h| 30.0 - 4.0 * t + noise(h));
    let params =
        Params { threshold: Some(10.0), worse: Worse::Low, ..Params::share(NOW, 100.0, &local) };
    let hours = analyze(&free, &params).projection.unwrap().level.hours().unwrap();
    assert!((hours - 120.0).abs() < 12.0, "{hours}");
}

#[test]
fn a_claim_that_stood_two_days_is_persistent_a_fresh_one_is_new() {
    let local = LocalTime::utc();
    let memory = Params { nature: Nature::Fill, ..Params::share(NOW, 100.0, &local) };
    let old = hourly(14, |t, h| 70.0 + 2.5 * t + noise(h));
    assert_eq!(analyze(&old, &memory).projection_basis, Some(ProjectionBasis::Persistent));
    let fresh = hourly(14, |t, h| 40.0 + 9.0 * (t + 2.3).max(0.0) + noise(h));
    assert_eq!(analyze(&fresh, &memory).projection_basis, Some(ProjectionBasis::New));
    assert_eq!(analyze(&hourly(14, |_, h| 40.0 + noise(h)), &memory).projection_basis, None);
}

#[test]
fn growth_that_ran_into_the_ceiling_is_growth() {
    let trend = look(&hourly(7, |t, h| (103.0 + 8.0 * t + noise(h)).min(100.0)));
    assert_eq!(trend.direction, Direction::SustainedIncrease);
    assert!(trend.saturated && trend.level > Some(98.0));
}

#[test]
fn tonight_is_compared_with_other_nights() {
    let busy_by_day = |t: f64| if (0.33..0.75).contains(&t.rem_euclid(1.0)) { 70.0 } else { 20.0 };
    let usual = look(&hourly(14, |t, h| busy_by_day(t) + noise(h)));
    let at = usual.baseline.unwrap();
    assert!((at.expected - 20.0).abs() < 2.0 && !usual.anomaly.unwrap().flag);
    let odd = look(&hourly(14, |t, h| if t > -0.08 { 60.0 } else { busy_by_day(t) } + noise(h)));
    let anomaly = odd.anomaly.unwrap();
    assert!(anomaly.flag && anomaly.side == Side::Above && anomaly.sigma > 8.0, "{anomaly:?}");
}

#[test]
fn peak_hours_are_local_and_survive_summer_time() {
    // Office hours 9-17 of a zone that went from +1 to +2 hours a week ago.
    let change = NOW - 7 * DAY + HOUR;
    let east = |t: i64| if t < change { 3_600 } else { 7_200 };
    let local = LocalTime::of_zone(NOW - 20 * DAY, NOW, east);
    let points: Vec<Point> = (0..14 * 24)
        .map(|h| {
            let time = NOW - (14 * 24 - h) * HOUR + 1_800;
            let busy = (9..17).contains(&local.hour(time));
            Point::sample(time, if busy { 60.0 } else { 20.0 } + noise(h))
        })
        .collect();
    let trend = analyze(&points, &Params::share(NOW, 100.0, &local));
    assert_eq!(trend.peak_hours, (9..17).collect::<Vec<u8>>());
    assert!(trend.seasonal_strength > 0.97);
    assert!(trend.peak_multiplier.unwrap() > 1.5);
    let smeared = analyze(&points, &Params::share(NOW, 100.0, &LocalTime::utc()));
    assert!(smeared.peak_hours != trend.peak_hours);
}

#[test]
fn forecasts_follow_the_hour_and_stay_possible() {
    let trend = look(&hourly(14, |t, h| 80.0 + 19.0 * day(t) + noise(h)));
    for hours in 0..72 {
        let f = trend.forecast(f64::from(hours) + 0.5).unwrap();
        let truth = 80.0 + 19.0 * day((f64::from(hours) + 0.5) / 24.0);
        assert!((f.expected - truth).abs() < 4.0, "{hours}: {f:?} {truth}");
        assert!(f.low <= f.expected && f.expected <= f.high && f.high <= 100.0);
    }
    assert_eq!(look(&[]).forecast(1.0), None);
    let local = LocalTime::utc();
    let unasked = analyze(&hourly(14, |t, _| 80.0 + t), &Params::share(NOW, 100.0, &local));
    assert_eq!(unasked.forecast(1.0), None, "nobody asked");
}

#[test]
fn a_forecast_is_near_most_hours_where_bursts_draw_the_mean_away() {
    // One hour in ten, at no fixed time: a mean of 18 that hardly any hour has.
    let burst = |h: i64| if (h * 7_919) % 97 % 10 == 3 { 80.0 } else { 0.0 };
    let trend = look(&hourly(14, |_, h| 10.0 + burst(h) + noise(h)));
    let near = |hours: f64| trend.forecast(hours).unwrap().expected;
    for hours in [24.0, 48.0, 72.0] {
        assert!((12.0..16.0).contains(&near(hours)), "{}", near(hours));
    }
}

#[test]
fn what_fell_is_expected_to_stay_down_and_what_rose_is_not_to_stay_up() {
    let far = |per_day: f64| {
        let trend = look(&hourly(14, |t, h| 50.0 + per_day * t + noise(h)));
        assert!(trend.claimed_slope().is_some(), "{per_day}");
        trend.forecast(72.0).unwrap().expected
    };
    // The last day of a fall was 51.5 in its middle, that of a rise 48.5, and the window before it lower.
    assert!((far(-3.0) - 51.5).abs() < 1.5, "{}", far(-3.0));
    assert!(far(3.0) < 46.0, "{}", far(3.0));
}

#[test]
fn the_peak_counts_what_hours_hide() {
    let hour = |h: i64| Point {
        time: NOW - (168 - h) * HOUR,
        value: 20.0,
        seconds: 3_600,
        count: 60,
        p95: Some(70.0),
    };
    let points: Vec<Point> = (0..168).map(hour).collect();
    assert!((look(&points).p95_7d.unwrap() - 70.0).abs() < 1e-9);
    let plain = hourly(7, |_, h| (h % 100) as f64);
    assert!((look(&plain).p95_7d.unwrap() - 94.0).abs() <= 3.0);
}

#[test]
fn glitches_of_counters_are_not_load() {
    let local = LocalTime::utc();
    let mut points = hourly(7, |_, h| 1e6 * (5.0 + 0.3 * noise(h)));
    points[30].value = 1.8e19;
    points[60].value = -4.0;
    points[90].value = 0.0;
    points[120].value = 9e9;
    let params =
        Params { scale: Scale::Relative { floor: 1e4 }, ..Params::share(NOW, 1.0, &local) };
    let trend = analyze(&points, &params);
    assert_eq!(trend.direction, Direction::Stable);
    assert!(trend.stability.unwrap() > 85.0 && trend.changes.is_empty());
}

#[test]
fn old_six_hour_means_serve_long_lookbacks() {
    let local = LocalTime::utc();
    let points: Vec<Point> = (0..360)
        .map(|i| {
            let time = NOW - (360 - i) * 6 * HOUR + 3 * HOUR;
            let days = (time - NOW) as f64 / DAY as f64;
            Point {
                time,
                value: 60.0 + 0.3 * days + noise(i),
                seconds: 21_600,
                count: 360,
                p95: None,
            }
        })
        .collect();
    let params = Params { lookback_hours: 2_160, ..Params::share(NOW, 100.0, &local) };
    let trend = analyze(&points, &params);
    assert_eq!(trend.direction, Direction::SustainedIncrease);
    assert!((trend.slope_per_day.unwrap() - 0.3).abs() < 0.02);
}

#[test]
fn bad_lines_are_told_apart_from_good_ones() {
    let good = r#"{"id":"a","unit":"percent","metric":"cpu","now":1000000,"lookback_hours":24,"threshold":null,"samples":[[1,2]]}"#;
    assert!(answer_line(good).unwrap().contains("\"label\":\"unknown\""));
    let table = [
        ("", "no series"),
        ("{}", "missing field `id`"),
        ("[1,2", "no series"),
        (&good.replace("percent", "parsec"), "unit: 'parsec'"),
        (&good.replace(":24,", ":0,"), "lookback_hours"),
        (&good.replace("1000000", "1e300"), "now"),
        (&good.replace("[[1,2]]", "7"), "no series"),
    ];
    for (line, expected) in table {
        let error = answer_numbered(12, line).unwrap_err().to_string();
        assert!(error.starts_with("line 12") && error.contains(expected), "{line}: {error}");
    }
    let odd = good.replace("[[1,2]]", "[[1e300,2],[null,3],[5,null],[999000,1e999999]]");
    assert!(answer_line(&odd).is_err() || answer_line(&odd).unwrap().contains("unknown"));
    let nulls = good.replace("[[1,2]]", "[[1e300,2],[null,3],[5,null]]");
    assert!(answer_line(&nulls).unwrap().contains("unknown"));
}
