//! An outcome as it is kept and told. Fields are only ever added.

use super::span::Span;
use crate::model::{MOMENTS, Migration, UnixTime, Vmid};
use crate::outlook::{Limits, Resource};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What became of a move, in one window or as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The window is not over.
    Pending,
    /// The fuller of both nodes is relieved, or the guest fares better.
    Improved,
    /// It would have been about the same without the move.
    NoEffect,
    /// A node is overloaded that would not be, or the guest fares worse.
    Worse,
    /// Something else happened: the guest moved on or stopped, a node went down.
    Interrupted,
    /// There is no data to judge from.
    Unknown,
}

impl Verdict {
    /// Whether it says how the move turned out.
    pub fn is_judged(self) -> bool {
        matches!(self, Self::Improved | Self::NoEffect | Self::Worse)
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Improved => "improved",
            Self::NoEffect => "no effect",
            Self::Worse => "worse",
            Self::Interrupted => "interrupted",
            Self::Unknown => "unknown",
        }
    }

    /// Word in files and replies.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoEffect => "no_effect",
            other => other.label(),
        }
    }
}

/// What an expectation rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What was measured, plus or less the guest's own load.
    GuestLoad,
    /// Season and level from before the move.
    Forecast,
    /// Both, weighed by their precision.
    Both,
}

/// A metric with and without the move: means of the window, as shares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// As it came.
    pub measured: f64,
    /// Without the move; above 1 is demand beyond what there is.
    pub expected: f64,
    /// Lower end of the 90 % interval of `expected`.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// `measured - expected`.
    pub difference: f64,
    /// What `expected` rests on.
    pub basis: Basis,
}

/// Effects on a node, as shares of its capacity; absent where not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeEffects {
    /// CPU.
    pub cpu: Option<Effect>,
    /// Memory.
    pub memory: Option<Effect>,
}

/// Effects on the guest; absent where not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GuestEffects {
    /// CPU, share of its own cores.
    pub cpu: Option<Effect>,
    /// Share of time in which it waited for CPU, memory or disks.
    pub pressure: Option<Effect>,
}

/// How a move stood at the end of one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowOutcome {
    /// Which window.
    pub window: Span,
    /// When it is over.
    pub due: UnixTime,
    /// When it was judged; absent while pending.
    pub judged: Option<UnixTime>,
    /// The verdict.
    pub result: Verdict,
    /// Why, in one clause.
    pub reason: String,
    /// Resource in which the source was nearest to its threshold before the move.
    pub resource: Option<Resource>,
    /// Whether a node would have been near its threshold in it without the move, or is with it; absent where not known.
    #[serde(default)]
    pub needed: Option<bool>,
    /// Relief of the fuller node in its busy quarter, as forecast before the move; a share. Absent where other guests
    /// moved at either node, too.
    pub predicted: Option<f64>,
    /// The same as it came.
    pub actual: Option<f64>,
    /// Half width of the 90 % interval of `actual`.
    pub uncertainty: Option<f64>,
    /// The node that the guest left.
    pub source: NodeEffects,
    /// The node that it went to.
    pub target: NodeEffects,
    /// The guest.
    pub guest: GuestEffects,
    /// Nodes that showed the common swing.
    pub controls: usize,
    /// What they did beyond their own forecasts in `resource`; absent without any.
    pub common_swing: Option<f64>,
}

impl WindowOutcome {
    /// A window of a move at `time` without a judgement.
    pub fn open(window: Span, time: UnixTime) -> Self {
        let due = time.saturating_add(window.seconds());
        Self {
            window,
            due,
            judged: None,
            result: Verdict::Pending,
            reason: format!("{} is not over", window.label()),
            resource: None,
            needed: None,
            predicted: None,
            actual: None,
            uncertainty: None,
            source: NodeEffects::default(),
            target: NodeEffects::default(),
            guest: GuestEffects::default(),
            controls: 0,
            common_swing: None,
        }
    }
}

/// What we advised about a move before it was made, and what that rested on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// Whether we recommended this guest, source and target.
    pub recommended: bool,
    /// Moment of the advice.
    pub as_of: UnixTime,
    /// Confidence stated, 0-100; absent when the advice did not weigh this move.
    pub confidence: Option<f64>,
    /// Our reason; absent when we did not recommend it.
    pub decision_explanation: Option<String>,
    /// The evidence; absent when we did not recommend it.
    pub trend_evidence: Option<Value>,
    /// The five settings that held, by name.
    pub settings: Value,
}

/// A move and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Guest that moved.
    pub vmid: Vmid,
    /// Its name then.
    pub name: String,
    /// First sample of this guest: another one under the same number has another.
    pub since: UnixTime,
    /// Node that it left.
    pub source: String,
    /// Node that it went to.
    pub target: String,
    /// First sample on the new host.
    pub time: UnixTime,
    /// When the move was taken note of.
    pub seen: UnixTime,
    /// Thresholds that held when it was seen: what counts as busy.
    pub limits: Limits,
    /// Our advice before the move; absent where it cannot be found out.
    pub advice: Option<Advice>,
    /// The three windows, shortest first.
    pub windows: Vec<WindowOutcome>,
}

impl Outcome {
    /// A move of which nothing is judged yet.
    pub fn new(
        migration: &Migration,
        (name, since): (String, UnixTime),
        limits: Limits,
        seen: UnixTime,
    ) -> Self {
        Self {
            vmid: migration.vmid,
            name,
            since,
            limits,
            source: migration.from.clone(),
            target: migration.to.clone(),
            time: migration.time,
            seen,
            advice: None,
            windows: Span::ALL.map(|span| WindowOutcome::open(span, migration.time)).to_vec(),
        }
    }

    /// Whether its times are between 1970 and 2200 and its windows the three there are.
    pub(super) fn is_sound(&self) -> bool {
        let due = self.windows.iter().map(|w| w.due);
        let spans = self.windows.iter().map(|w| w.window);
        [self.time, self.seen, self.since].iter().all(|time| MOMENTS.contains(time))
            && due.eq(Span::ALL.map(|s| self.time + s.seconds()))
            && spans.eq(Span::ALL)
    }

    /// Opens windows again that were not over, or not judged, at `now`: somebody asks about the past,
    /// or the clock had run ahead. How many it were.
    pub fn reopen(&mut self, now: UnixTime) -> usize {
        let later = |w: &&mut WindowOutcome| w.judged.is_some_and(|judged| judged > now);
        let windows = self.windows.iter_mut().filter(later);
        windows.map(|w| *w = WindowOutcome::open(w.window, self.time)).count()
    }

    /// The move itself.
    pub fn migration(&self) -> Migration {
        Migration {
            time: self.time,
            vmid: self.vmid,
            from: self.source.clone(),
            to: self.target.clone(),
        }
    }

    /// One of its windows.
    pub fn window(&self, span: Span) -> Option<&WindowOutcome> {
        self.windows.iter().find(|w| w.window == span)
    }

    /// What it is to be called by now: the verdict of the longest window that has one; else whatever
    /// state the longest window that is over is in.
    pub fn result(&self) -> Verdict {
        let all = || self.windows.iter().rev().map(|w| w.result);
        let judged = all().find(|v| v.is_judged());
        judged.or_else(|| all().find(|v| *v != Verdict::Pending)).unwrap_or(Verdict::Pending)
    }

    /// The window that [`Outcome::result`] is of.
    pub fn telling(&self) -> Option<&WindowOutcome> {
        let result = self.result();
        self.windows.iter().rev().find(|w| w.result == result)
    }

    /// The final verdict: that of the first day; of the first hour where the day was interrupted or
    /// has no data. `None` before that.
    pub fn settled(&self) -> Option<Verdict> {
        self.settling().map(|w| w.result)
    }

    fn settling(&self) -> Option<&WindowOutcome> {
        let day = self.window(Span::Day)?;
        match day.result {
            Verdict::Pending => None,
            Verdict::Interrupted | Verdict::Unknown => {
                self.window(Span::Hour).filter(|w| w.result.is_judged())
            }
            _ => Some(day),
        }
    }

    /// Whether it was made where nothing was near a threshold, as an evacuation is: then that it had no effect says
    /// nothing of the guest.
    pub fn was_needless(&self) -> bool {
        self.settling().is_some_and(|w| w.needed == Some(false))
    }

    /// Whether we had recommended it.
    pub fn is_recommended(&self) -> bool {
        self.advice.as_ref().is_some_and(|a| a.recommended)
    }

    /// When the next of its windows is over; `None` when all are judged.
    pub fn next_due(&self) -> Option<UnixTime> {
        let open = self.windows.iter().filter(|w| w.result == Verdict::Pending);
        open.map(|w| w.due).min()
    }
}
