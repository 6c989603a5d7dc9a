//! What earlier moves teach: how sure to be of the next, and what not to try again.

use super::record::{Outcome, Verdict};
use crate::model::{HOUR, UnixTime, Vmid};
use serde::Serialize;
use std::collections::BTreeMap;

/// Share of moves that help while nothing is known: what advice with a confidence above the usual
/// minimum is meant to reach.
const PRIOR: f64 = 0.7;
/// Moves that the prior is worth for the cluster, and the cluster's rate for a guest (the weight
/// of a Beta prior: Gelman et al., Bayesian Data Analysis, 2.4).
const PRIOR_MOVES: f64 = 4.0;

/// Counts of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Moves that were seen.
    pub previous_migrations: usize,
    /// Those with a final verdict.
    pub judged: usize,
    /// Those that helped,
    pub improved: usize,
    /// changed nothing,
    pub no_effect: usize,
    /// or harmed.
    pub worse: usize,
    /// Final verdict on the last judged one.
    pub last_outcome: Option<Verdict>,
}

impl Tally {
    /// Counts `outcomes`, oldest first.
    pub fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        outcomes.fold(Self::default(), |mut tally, outcome| {
            tally.count(outcome.settled());
            tally
        })
    }

    fn count(&mut self, verdict: Option<Verdict>) {
        self.previous_migrations += 1;
        let Some(verdict) = verdict else { return };
        self.judged += 1;
        match verdict {
            Verdict::Improved => self.improved += 1,
            Verdict::Worse => self.worse += 1,
            _ => self.no_effect += 1,
        }
        self.last_outcome = Some(verdict);
    }

    /// Share of judged moves that helped; `None` while none is judged.
    pub fn success_rate(&self) -> Option<f64> {
        (self.judged > 0).then(|| self.improved as f64 / self.judged as f64)
    }

    /// The same, shrunk towards `prior` the more the fewer there are.
    fn expected(&self, prior: f64) -> f64 {
        (prior * PRIOR_MOVES + self.improved as f64) / (PRIOR_MOVES + self.judged as f64)
    }
}

/// A move that did not help.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Guest that moved.
    pub vmid: Vmid,
    /// Node that it left.
    pub source: String,
    /// Node that it went to.
    pub target: String,
    /// When.
    pub time: UnixTime,
    /// [`Verdict::NoEffect`] or [`Verdict::Worse`].
    pub verdict: Verdict,
}

/// What earlier moves teach, as of a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Experience {
    /// Moves that we had recommended: how good our advice is here.
    advised: Tally,
    /// Every guest's moves, whoever started them.
    guests: BTreeMap<Vmid, Tally>,
    /// Oldest first.
    failures: Vec<Failure>,
}

impl Experience {
    /// Of `outcomes`, oldest first.
    pub fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        let mut all = Self::default();
        for outcome in outcomes {
            let needless = outcome.was_needless();
            // Advice that nobody needed was wrong; others may have had their own reasons.
            let verdict = outcome.settled().filter(|_| !needless || outcome.is_recommended());
            if outcome.is_recommended() {
                all.advised.count(verdict);
            }
            all.guests.entry(outcome.vmid).or_default().count(verdict);
            if let Some(verdict @ (Verdict::NoEffect | Verdict::Worse)) = verdict
                && !needless
            {
                all.failures.push(Failure {
                    vmid: outcome.vmid,
                    source: outcome.source.clone(),
                    target: outcome.target.clone(),
                    time: outcome.time,
                    verdict,
                });
            }
        }
        all
    }

    /// The moves of a guest.
    pub fn guest(&self, vmid: Vmid) -> Tally {
        self.guests.get(&vmid).copied().unwrap_or_default()
    }

    /// The moves that we had recommended.
    pub fn advised(&self) -> Tally {
        self.advised
    }

    /// Share of this guest's moves that can be expected to help: the cluster's rate shrunk to a
    /// prior, the guest's own shrunk to that.
    pub fn expected_success(&self, vmid: Vmid) -> f64 {
        self.guest(vmid).expected(self.advised.expected(PRIOR))
    }

    /// The failed move that taking `vmid` from `source` to `target` would repeat, if one is younger
    /// than `hours`. One without effect shows that the guest was not what loaded its source, so
    /// any target repeats it; one that harmed speaks against its target only.
    pub fn failed(
        &self,
        vmid: Vmid,
        source: &str,
        target: &str,
        now: UnixTime,
        hours: f64,
    ) -> Option<&Failure> {
        let repeats = |f: &&Failure| {
            f.vmid == vmid
                && match f.verdict {
                    Verdict::Worse => f.target == target,
                    _ => f.source == source,
                }
                && ((now - f.time) as f64) < hours * HOUR as f64
        };
        self.failures.iter().rev().find(repeats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Migration;
    use crate::outlook::Limits;

    fn outcome(vmid: Vmid, time: UnixTime, verdict: Verdict) -> Outcome {
        let migration = Migration { time, vmid, from: "a".into(), to: "b".into() };
        let mut outcome =
            Outcome::new(&migration, (String::new(), 0), Limits { cpu: 0.8, memory: 0.85 }, time);
        outcome.windows.iter_mut().for_each(|w| w.result = verdict);
        outcome
    }

    #[test]
    fn nothing_known_is_the_prior_and_much_known_is_the_rate() {
        assert_eq!(Experience::default().expected_success(7), PRIOR);
        let all: Vec<Outcome> = (0..100).map(|t| outcome(7, t, Verdict::Worse)).collect();
        let learnt = Experience::of(all.iter());
        assert!(learnt.expected_success(7) < 0.05);
        assert_eq!(learnt.expected_success(8), PRIOR, "moves of others that we did not advise");
    }

    #[test]
    fn one_failure_moves_the_expectation_a_little() {
        let all = [outcome(7, 1, Verdict::NoEffect)];
        let value = Experience::of(all.iter()).expected_success(7);
        assert!((value - 0.56).abs() < 1e-12, "{value}");
    }

    #[test]
    fn pending_and_interrupted_moves_are_counted_but_not_judged() {
        let all = [
            outcome(7, 1, Verdict::Improved),
            outcome(7, 2, Verdict::Interrupted),
            outcome(7, 3, Verdict::Pending),
        ];
        let tally = Experience::of(all.iter()).guest(7);
        assert_eq!((tally.previous_migrations, tally.judged, tally.improved), (3, 1, 1));
        assert_eq!(tally.success_rate(), Some(1.0));
        assert_eq!(tally.last_outcome, Some(Verdict::Improved));
    }

    #[test]
    fn what_failed_is_not_repeated_for_a_while() {
        let all = [outcome(7, 0, Verdict::NoEffect), outcome(8, 0, Verdict::Worse)];
        let learnt = Experience::of(all.iter());
        let blocked = |vmid, source, target, hours| {
            learnt.failed(vmid, source, target, 10 * HOUR, hours).is_some()
        };
        assert!(blocked(7, "a", "c", 24.0), "no effect: leaving a was the mistake");
        assert!(!blocked(7, "c", "b", 24.0));
        assert!(blocked(8, "c", "b", 24.0), "worse: going to b was the mistake");
        assert!(!blocked(8, "a", "c", 24.0));
        assert!(!blocked(7, "a", "b", 9.0), "the time is over");
        assert!(!blocked(7, "a", "b", 0.0), "0 blocks nothing");
        assert!(!blocked(9, "a", "b", 24.0));
    }

    #[test]
    fn what_was_moved_off_a_calm_node_teaches_nothing_of_the_guest() {
        let mut moved = outcome(7, 0, Verdict::NoEffect);
        moved.windows.iter_mut().for_each(|w| w.needed = Some(false));
        let learnt = Experience::of([&moved].into_iter());
        assert_eq!(learnt.failed(7, "a", "c", HOUR, 24.0), None);
        assert_eq!((learnt.guest(7).previous_migrations, learnt.guest(7).judged), (1, 0));
        assert_eq!(Tally::of([&moved].into_iter()).no_effect, 1, "told all the same");
        moved.windows.iter_mut().for_each(|w| w.needed = Some(true));
        assert!(Experience::of([&moved].into_iter()).failed(7, "a", "c", HOUR, 24.0).is_some());
    }
}
