//! Guests in their daily peak.

use super::*;

/// A node whose load is that of one large guest, the best to go, and in its daily peak, and of `others`.
fn best_is_busy(others: Curve) -> Case {
    let peak: Curve = |h| if (10..16).contains(&(h + 16).rem_euclid(24)) { 6.0 } else { 1.0 };
    let case = Case::new(3).guest(0, peak, 8.0).guest(0, others, 8.0).guest(0, others, 8.0);
    Case { local_hour: 12, ..case }
}

#[test]
fn a_guest_in_its_daily_peak_gives_way_unless_the_next_best_waits_as_long() {
    // The others could go now, and so they do.
    let mut steady = best_is_busy(|_| 4.5);
    steady.change = |outlook, _| outlook.nodes[0].cpu_trend.peak_hours.clear();
    let (outlook, plan) = steady.run();
    assert_eq!(outlook.guests[plan.steps[0].guest].vmid, 101);
    assert!(
        plan.considered[0].reason.text.contains("put off until 16:00"),
        "{:?}",
        plan.considered
    );
    // The node itself is busy for as long: who saves most goes, at the same time.
    let mut bound = best_is_busy(|_| 4.5);
    bound.change = |outlook, _| {
        outlook.nodes[0].cpu_trend.peak_hours = (10..16).collect();
    };
    let (_, plan) = bound.run();
    assert_eq!(plan.steps[0].guest, 0);
    assert_eq!(plan.steps[0].details.window.as_ref().unwrap().start_hour, 16);
    assert!(plan.considered.is_empty(), "{:?}", plan.considered);
}

#[test]
fn of_guests_in_their_daily_peak_one_goes_and_the_others_are_not_put_off_by_the_hour() {
    let peak: Curve = |h| if (10..16).contains(&(h + 16).rem_euclid(24)) { 5.0 } else { 1.0 };
    let mut case = best_is_busy(|_| 4.5);
    case.guests[1].1 = peak;
    case.change = |outlook, _| outlook.nodes[0].cpu_trend.peak_hours = (10..16).collect();
    let (_, plan) = case.run();
    assert_eq!(plan.steps.iter().map(|step| step.guest).collect::<Vec<_>>(), [0]);
    let behind: Vec<_> = plan.considered.iter().map(|c| (c.step.guest, &c.reason)).collect();
    let text = "is in its daily peak, and of those that are, guest 100 relieves pve0 better".into();
    assert_eq!(behind, [(1, &Refusal { cause: Cause::Behind, text })]);
}

#[test]
fn where_the_first_step_waits_those_after_it_may_wait_as_long() {
    let peak: Curve = |h| if (10..16).contains(&(h + 16).rem_euclid(24)) { 5.0 } else { 1.0 };
    // The first one is not in its peak, but its node is; the others are.
    let mut case = Case::new(3).guest(0, |_| 8.0, 8.0).guest(0, peak, 8.0).guest(0, peak, 8.0);
    case.guests.push((0, peak, 8.0));
    case.local_hour = 12;
    case.change = |outlook, _| {
        outlook.nodes[0].cpu_trend.peak_hours = (10..16).collect();
        outlook.guests[0].cpu_trend.peak_hours.clear();
    };
    let (_, plan) = case.run();
    let starts: Vec<_> =
        plan.steps.iter().map(|s| s.details.window.as_ref().unwrap().start_hour).collect();
    assert_eq!((plan.steps[0].guest, starts), (0, vec![16, 16]), "{:?}", plan.considered);
}

#[test]
fn who_gave_way_to_one_that_waits_as_long_is_the_next_step_where_one_is_not_enough() {
    let peak: Curve = |h| if (10..16).contains(&(h + 16).rem_euclid(24)) { 5.0 } else { 1.0 };
    let mut case = best_is_busy(|_| 4.5);
    case.guests[1].1 = peak;
    case = case.guest(0, peak, 8.0);
    case.change = |outlook, _| outlook.nodes[0].cpu_trend.peak_hours = (10..16).collect();
    let (outlook, plan) = case.run();
    let moved: Vec<u32> = plan.steps.iter().map(|step| outlook.guests[step.guest].vmid).collect();
    assert_eq!(moved.len(), 2, "6 and twice 5 and 4.5 of 16 cores: {moved:?}");
    assert!(
        moved.contains(&100) && moved[1] != 102,
        "who saves most, not who could go now: {moved:?}"
    );
}
