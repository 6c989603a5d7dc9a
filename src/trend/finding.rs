//! What an analysis finds: plain data in the unit of the input.

use super::outlook::Outlook;
use super::projection::Projection;
use crate::model::UnixTime;
use serde::Serialize;

/// Where a series is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The level without season and steps rises, and still does.
    SustainedIncrease,
    /// The same downwards.
    SustainedDecrease,
    /// None of the others.
    Stable,
    /// No trend; what cannot be foretold is large.
    Volatile,
    /// No trend; a repeating pattern rules.
    Cyclical,
    /// Not enough data; [`Trend::not_enough`] says what would be.
    Unknown,
}

impl Direction {
    /// Whether a sustained trend is claimed.
    pub fn is_trend(self) -> bool {
        matches!(self, Self::SustainedIncrease | Self::SustainedDecrease)
    }
}

/// How a series behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Sustained increase.
    Growing,
    /// Long quiet, short and high.
    Bursty,
    /// Follows its clock.
    Cyclical,
    /// Nothing of note.
    Stable,
    /// So little that no pattern of it matters.
    Idle,
}

impl Behaviour {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Growing => "growing",
            Self::Bursty => "bursty",
            Self::Cyclical => "cyclical",
            Self::Stable => "stable",
            Self::Idle => "idle",
        }
    }
}

/// How far a projected crossing is to be trusted (docs/trend.md, "Do trends go on?").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionBasis {
    /// The same claim already held two days ago.
    Persistent,
    /// The claim is new.
    New,
    /// A trend of work being done: such trends mostly end here, whatever their significance.
    CpuLike,
}

/// Above or below what is normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// More than normal.
    Above,
    /// Less than normal.
    Below,
}

/// What is normal at this hour of this weekday.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Baseline {
    /// Expected value.
    pub expected: f64,
    /// Standard deviation around it.
    pub spread: f64,
}

/// How far the last hour is from its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Anomaly {
    /// Deviation in standard deviations, signed.
    pub sigma: f64,
    /// Whether it is worth a word: three standard deviations or more.
    pub flag: bool,
    /// Direction of the deviation.
    pub side: Side,
}

/// A level shift.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// When, unix seconds; between two bins of the grid.
    pub time: UnixTime,
    /// By how much.
    pub size: f64,
    /// Whether the time was known beforehand (a migration) or found.
    pub known: bool,
}

/// Why nothing can be said, and what would be enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotEnough {
    /// What is there.
    pub reason: String,
    /// What would be enough.
    pub needed: String,
}

/// Everything that one series tells. Values are in the unit of the input; absent is absent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trend {
    /// Where it is going.
    pub direction: Direction,
    /// Why it is unknown, or why it can be no trend yet.
    pub not_enough: Option<NotEnough>,
    /// Slope per day that holds now: average over the part that still goes the same way.
    pub slope_per_day: Option<f64>,
    /// 95 % interval of the slope.
    pub slope_ci: Option<[f64; 2]>,
    /// Share of the variance without season that the trend explains, 0-1.
    pub r2: Option<f64>,
    /// Points that were used, out of those in the lookback window.
    pub points: usize,
    /// Chance that the direction is right, 0-1.
    pub confidence: f64,
    /// Level now, without season and noise.
    pub level: Option<f64>,
    /// Mean of the last hour with data, if that is less than three hours ago.
    pub current: Option<f64>,
    /// What is normal now.
    pub baseline: Option<Baseline>,
    /// How far from normal it is.
    pub anomaly: Option<Anomaly>,
    /// When the threshold is reached.
    pub projection: Option<Projection>,
    /// What a projection stands on; absent without a sustained trend.
    pub projection_basis: Option<ProjectionBasis>,
    /// Whether it has run into the end of its scale.
    pub saturated: bool,
    /// 0 (erratic) to 100 (each hour as foretold): season, trend and steps do not count against it.
    pub stability: Option<f64>,
    /// How it behaves.
    pub behavior: Option<Behaviour>,
    /// Local hours of the day's peak; empty without a material daily pattern.
    pub peak_hours: Vec<u8>,
    /// Level in the peak hours over the mean level.
    pub peak_multiplier: Option<f64>,
    /// Level shifts in the window, oldest first.
    pub changes: Vec<Change>,
    /// Share of the variance that the daily or weekly profile foretells, 0-1.
    pub seasonal_strength: f64,
    /// 95th percentile of the samples of the last 7 days: the best single predictor of the peak of
    /// the coming days.
    pub p95_7d: Option<f64>,
    /// What forecasts and projections are made from.
    #[serde(skip)]
    pub(super) outlook: Option<Box<Outlook>>,
}

impl Trend {
    /// Change per day where a trend is claimed: else it is only what noise makes of it.
    pub fn claimed_slope(&self) -> Option<f64> {
        self.slope_per_day.filter(|_| self.direction.is_trend())
    }

    /// The answer where too little is known.
    pub(super) fn unknown(points: usize, reason: String, needed: &str) -> Self {
        Self {
            direction: Direction::Unknown,
            not_enough: Some(NotEnough { reason, needed: needed.to_string() }),
            slope_per_day: None,
            slope_ci: None,
            r2: None,
            points,
            confidence: 0.2,
            level: None,
            current: None,
            baseline: None,
            anomaly: None,
            projection: None,
            projection_basis: None,
            saturated: false,
            stability: None,
            behavior: None,
            peak_hours: Vec::new(),
            peak_multiplier: None,
            changes: Vec::new(),
            seasonal_strength: 0.0,
            p95_7d: None,
            outlook: None,
        }
    }
}
