//! What an analysis needs to know beside the points.

use crate::model::{UnixTime, Worse};
use crate::series::LocalTime;
use crate::settings::most_kept_hours;
use serde::{Deserialize, Serialize};

/// How large one "point" is, the unit in which all thresholds of the method are set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// A share of something finite: one point is 1 % of `whole`, values end at `whole`.
    Share {
        /// The value that means full: 1.0 for fractions, 100.0 for percent.
        whole: f64,
    },
    /// A rate or number without a natural end: one point is 4 % of the median, of the median of the last day or of the
    /// busiest days but for one in ten where these are higher, or of `floor` where all are below it. Values that stay
    /// below `floor` are idle.
    Relative {
        /// What is too little to matter, in the unit of the values.
        floor: f64,
    },
}

/// What a metric measures, and so how far its trends can be trusted to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// Work being done (CPU, I/O wait, network, disk traffic, pressure): real trends of it mostly
    /// do not go on (docs/trend.md).
    Work,
    /// Something that fills (memory, storage): a trend that has stood for two days often goes on.
    Fill,
}

/// What to analyse and against what.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    /// The moment of analysis, unix seconds.
    pub now: UnixTime,
    /// Length of the trend window. Older points serve the daily and weekly profile only.
    pub lookback_hours: u32,
    /// Value whose crossing is to be foretold.
    pub threshold: Option<f64>,
    /// Which side of the threshold is trouble; [`Worse::Neither`] is taken as high.
    pub worse: Worse,
    /// Size of a point.
    pub scale: Scale,
    /// What is measured.
    pub nature: Nature,
    /// Known times of level shifts: arrivals and departures of guests, own migrations.
    pub shifts: &'a [UnixTime],
    /// Local time of the node.
    pub local: &'a LocalTime,
    /// Whether [`super::Trend::forecast`] will be asked: what it needs is a tenth of an analysis.
    pub forecasts: bool,
}

impl<'a> Params<'a> {
    /// Parameters of a share of `whole` over the last seven days, without threshold, known shifts or forecasts.
    pub fn share(now: UnixTime, whole: f64, local: &'a LocalTime) -> Self {
        Self {
            now,
            lookback_hours: 168,
            threshold: None,
            worse: Worse::High,
            scale: Scale::Share { whole },
            nature: Nature::Work,
            shifts: &[],
            local,
            forecasts: false,
        }
    }

    /// Length of the window in days: at least an hour, at most what can be kept.
    pub(super) fn lookback_days(&self) -> f64 {
        f64::from(self.lookback_hours.clamp(1, most_kept_hours())) / 24.0
    }
}
