//! How good predictions and stated confidences were.

use super::judge::class;
use super::record::{Outcome, Verdict};
use super::span::Span;
use serde::Serialize;
use std::collections::BTreeMap;

/// Predicted against actual relief.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Accuracy {
    /// Moves of which both are known.
    pub moves: usize,
    /// Mean of actual less predicted, as a share of a node: negative where too much was promised.
    pub bias: Option<f64>,
    /// Mean of the difference without its sign.
    pub mean_abs_error: Option<f64>,
    /// Share of moves whose relief was of the kind that was predicted: it helps, does not matter, or harms.
    pub hit_rate: Option<f64>,
}

/// Stated confidence against what came, for a tenth of the scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Decile {
    /// Stated confidence from here, 0-100,
    pub from: u8,
    /// to below here (100 belongs to the last).
    pub to: u8,
    /// Judged moves with a confidence in it.
    pub moves: usize,
    /// Mean stated confidence, 0-100.
    pub stated: Option<f64>,
    /// Share of them that improved.
    pub improved: Option<f64>,
}

/// Accuracy at 1 h and 24 h of all moves of a cluster or a guest.
pub fn calculate_outcome_accuracy<'a>(
    outcomes: impl Iterator<Item = &'a Outcome> + Clone,
) -> BTreeMap<&'static str, Accuracy> {
    let at = |span: Span| (span.name(), accuracy_of(outcomes.clone(), span));
    [Span::Hour, Span::Day].map(at).into()
}

/// Accuracy in one window.
pub fn accuracy_of<'a>(outcomes: impl Iterator<Item = &'a Outcome>, span: Span) -> Accuracy {
    let both: Vec<(f64, f64)> = outcomes
        .filter_map(|o| {
            let window = o.window(span).filter(|w| w.result.is_judged())?;
            Some((window.predicted?, window.actual?))
        })
        .collect();
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| {
        (!both.is_empty()).then(|| both.iter().map(of).sum::<f64>() / both.len() as f64)
    };
    Accuracy {
        moves: both.len(),
        bias: mean(&|(predicted, actual)| actual - predicted),
        mean_abs_error: mean(&|(predicted, actual)| (actual - predicted).abs()),
        hit_rate: mean(&|(predicted, actual)| {
            f64::from(u8::from(class(*predicted) == class(*actual)))
        }),
    }
}

/// Stated confidence against the true rate, by decile; always ten.
pub fn calibration<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Vec<Decile> {
    let mut bins = vec![(0usize, 0.0, 0usize); 10];
    for outcome in outcomes {
        let stated = outcome.advice.as_ref().and_then(|a| a.confidence);
        let (Some(stated), Some(came)) = (stated, outcome.settled()) else { continue };
        let bin = &mut bins[(stated.clamp(0.0, 99.9) / 10.0) as usize];
        *bin = (bin.0 + 1, bin.1 + stated, bin.2 + usize::from(came == Verdict::Improved));
    }
    let decile = |(i, (moves, stated, improved)): (u8, (usize, f64, usize))| Decile {
        from: i * 10,
        to: i * 10 + 10,
        moves,
        stated: (moves > 0).then(|| stated / moves as f64),
        improved: (moves > 0).then(|| improved as f64 / moves as f64),
    };
    (0..10).zip(bins).map(decile).collect()
}
