//! Steps 1 to 6 together: a window, and what explains it.

use super::label::{self, Case};
use super::season::{self, Season};
use super::slope::{self, Slope};
use super::structure::{self, Structure};
use super::{Nature, Params, Scale, Trend, rhythm, shape, stairs, swing, workdays};
use crate::model::{DAY, HOUR, UnixTime};
use crate::series::{Bins, Buffer, Grid, Point, calendar, stats};

/// Fewer points than this, or a shorter span in hours, tell nothing.
const LEAST: (usize, i64) = (6, 3);
/// A window that moves less than this many points has no structure worth a search.
pub(super) const FLAT: f64 = 1.0;

/// From here on a share is at its top, and from here on near it, points.
const TOP: f64 = 97.0;
const BELOW_TOP: f64 = 90.0;

/// Points by which the level of now may be beyond what the last day showed.
const BEYOND: f64 = 1.0;

/// Days in which a rhythm may change its size.
const RHYTHM_DAYS: f64 = 14.0;
/// Spread in points from which it is asked whether a rhythm has changed its size.
const UNSTEADY: f64 = 4.0;
/// Share of what could not be foretold that an evened rhythm must leave at most to be believed: where it takes a trend
/// away, and where there was none; and that two shapes must leave, which explain a ramp at the end better than many things.
const CALMER: (f64, f64, f64) = (0.95, 0.7, 0.7);

/// Steps from which a daily rhythm is asked whether it is needed beside them.
const SAWTOOTH: usize = 2;

/// What the analysis looks at: cleaned points, their bins, and which of them are in the window.
pub(super) struct View<'a> {
    params: &'a Params<'a>,
    points: &'a [Point],
    /// First point and first bin of the window.
    start: (usize, usize),
    grid: Grid,
    bins: Bins,
    /// Known level shifts, in days from now.
    shifts: Vec<f64>,
}

/// A window and what explains it.
pub(super) struct Explained {
    pub(super) season: Season,
    pub(super) window: Bins,
    /// The window less the season.
    pub(super) adjusted: Buffer,
    pub(super) structure: Structure,
    pub(super) slope: Slope,
    /// Slope of what fills by steps, those included.
    pub(super) net: Option<Slope>,
    /// Unpredictable standard deviation in points.
    pub(super) noise: f64,
    /// Variance of samples within their hours, foretold or not.
    pub(super) within: f64,
    /// Mean of a run at the very top into which a trend has grown, and which is left out of the window; in points.
    pub(super) top: Option<f64>,
    /// When the season took its present size; the window before is told in that size.
    pub(super) resized: Option<swing::Change>,
    /// How the size of the season grows.
    pub(super) pace: Option<swing::Pace>,
}

impl Explained {
    /// The slope that is told.
    pub(super) fn told(&self) -> &Slope {
        self.net.as_ref().unwrap_or(&self.slope)
    }

    /// A level of now, no further than [`BEYOND`] from what the last day showed, where that is known: a line that misses the
    /// end of its window stands where nothing ever stood.
    pub(super) fn within_last_day(&self, level: f64) -> f64 {
        let from = self.window.t.partition_point(|t| *t < -1.0);
        let day = &self.adjusted[from..];
        let (low, high) = stats::extremes(day);
        if low > high { level } else { level.clamp(low - BEYOND, high + BEYOND) }
    }

    /// What level and season say `time` days from now, when the clock of the slots shows `wall`.
    pub(super) fn at(&self, time: f64, wall: i64) -> f64 {
        let season = &self.season;
        let slot = calendar::hour_of(wall) * season.per_day / 24;
        let gain = |c: &swing::Change| c.gain(time, slot, calendar::weekend_of(wall));
        let then = self.resized.as_ref().map_or(0.0, gain);
        self.structure.at(time) + season.on(slot, calendar::weekday_of(wall)) - then
    }
}

impl<'a> View<'a> {
    /// The view on cleaned `points`; an error is the answer where they are too few.
    pub(super) fn of(
        points: &'a [Point],
        grid: Grid,
        params: &'a Params<'a>,
    ) -> Result<Self, Box<Trend>> {
        let days = params.lookback_days();
        let start = params.now.saturating_sub((days * DAY as f64) as i64);
        let first = points.partition_point(|p| p.time < start);
        if let Some(unknown) = too_little(&points[first..]) {
            return Err(Box::new(unknown));
        }
        let bins = Bins::of(points, grid, params.now, params.local);
        let start = (first, bins.t.partition_point(|t| *t < -days));
        let in_days = |time: &UnixTime| time.saturating_sub(params.now) as f64 / DAY as f64;
        let shifts = params.shifts.iter().map(in_days).collect();
        Ok(Self { params, points, start, grid, bins, shifts })
    }

    /// Points of the window.
    pub(super) fn inside(&self) -> &'a [Point] {
        &self.points[self.start.0..]
    }

    /// All bins, also those before the window.
    pub(super) fn history(&self) -> &Bins {
        &self.bins
    }

    /// Width of the slots.
    pub(super) fn grid(&self) -> Grid {
        self.grid
    }

    /// From the first point to now: of all, and of the window.
    pub(super) fn spans(&self) -> [(UnixTime, UnixTime); 2] {
        let now = self.params.now;
        [self.points, self.inside()].map(|points| (points.first().map_or(now, |p| p.time), now))
    }

    /// Seconds by which the node's clock is ahead of UTC.
    fn ahead(&self) -> i64 {
        self.params.local.east(self.params.now)
    }

    /// What the label is decided on.
    pub(super) fn case<'b>(&'b self, explained: &'b Explained) -> Case<'b> {
        Case {
            bins: &explained.window,
            grid: self.grid,
            points: self.inside(),
            season: &explained.season,
            structure: &explained.structure,
            adjusted: &explained.adjusted,
            slope: &explained.slope,
            net: explained.net.as_ref(),
            noise: explained.noise,
            within: explained.within,
            lookback: self.params.lookback_days(),
            ahead: self.ahead(),
            age: -self.bins.t[self.bins.len() - 1],
            history: self.bins.span(),
        }
    }

    /// Explains the window. A rhythm that changed its size or its shape looks like a trend, or like what nobody foretells:
    /// where that goes when the rhythm is all along as it is today, it is so explained. So is growth that is found only then.
    pub(super) fn explained(&self) -> Explained {
        let is_trend = |explained: &Explained| label::shows_trend(&self.case(explained));
        let mut explained = self.explain(&self.bins);
        explained.pace = swing::pace(&explained);
        // What grows in its busy hours only is noise beside a rhythm of one size.
        let growing = |pace: swing::Pace| {
            let evened = self.explain(&pace.evened(&explained.season, &self.bins));
            let better = is_trend(&evened) && evened.noise <= CALMER.0 * explained.noise;
            better.then_some(Explained { pace: Some(pace), ..evened })
        };
        let plain = is_trend(&explained);
        let grown = explained.pace.filter(|_| !plain).and_then(growing);
        let trend = plain || grown.is_some();
        if !trend && explained.noise < UNSTEADY {
            return explained;
        }
        let lately = self.lately();
        let as_today = |change: swing::Change| {
            let evened = self.explain(&change.evened(&self.bins));
            Explained { resized: Some(change), ..evened }
        };
        let least = |changes: Vec<swing::Change>, calmer: f64| {
            let better =
                |evened: &Explained| evened.noise <= calmer * explained.noise && !is_trend(evened);
            let best = changes.into_iter().map(as_today).filter(better);
            best.min_by_key(|evened| evened.structure.terms.len())
        };
        let resized =
            swing::change(&explained.season, &lately).map_or(Vec::new(), |c| c.either().into());
        let reshaped = || {
            let change = shape::change(&lately, self.grid.per_day()).filter(|_| trend);
            least(change.into_iter().collect(), CALMER.2)
        };
        let found = least(resized, if trend { CALMER.0 } else { CALMER.1 }).or_else(reshaped);
        found.or(grown).unwrap_or(explained)
    }

    /// The window, and what is kept of two weeks where it is shorter.
    fn lately(&self) -> Bins {
        let days = self.params.lookback_days().max(RHYTHM_DAYS);
        self.bins.since(self.bins.t.partition_point(|t| *t < -days))
    }

    /// The window; where a trend has run into the top of a share, what was before.
    fn explain(&self, bins: &Bins) -> Explained {
        let window = bins.since(self.start.1);
        if let Some(start) = run_at_the_top(&window, self.params.scale) {
            let (run, since) = (stats::mean(&window.y[start..]), window.t[start]);
            let mut before = window.clone();
            before.truncate(start);
            let explained = self.explain_window(bins, before);
            if explained.structure.at(since) >= BELOW_TOP
                && explained.slope.average > 0.0
                && label::shows_trend(&self.case(&explained))
            {
                return Explained { top: Some(run), ..explained };
            }
        }
        self.explain_window(bins, window)
    }

    /// Season, then structure; where steps were found, both once more with the steps taken out of the
    /// season's view: a step in a short history looks like a profile.
    fn explain_window(&self, bins: &Bins, window: Bins) -> Explained {
        let (grid, shifts) = (self.grid, &self.shifts);
        let flat = range(&window.y) < FLAT;
        let given = |season: &Season| {
            let seasonal = season.parameters(window.len());
            let adjusted = season.taken_out(&window);
            let structure = structure::structure(&window, &adjusted, grid, shifts, seasonal, flat);
            (seasonal, adjusted, structure)
        };
        let mut season = match flat {
            true => Season::none(grid),
            false => season::season(bins, grid),
        };
        let (mut seasonal, mut adjusted, mut structure) = given(&season);
        if structure.steps().next().is_some() {
            let mut level = bins.clone();
            for i in 0..level.len() {
                let t = level.t[i];
                level.y[i] -= structure.steps().filter(|s| t >= s.0).map(|s| s.1).sum::<f64>();
            }
            let steady = season::season(&level, grid);
            if steady.is_some() || season.is_some() {
                season = steady;
                (seasonal, adjusted, structure) = given(&season);
            }
        }
        if season.is_some() && structure.steps().count() >= SAWTOOTH {
            // What fills and is emptied again and again rises all day long: that is no rhythm. Clipped residuals would say
            // so of nightly jobs: beside a line alone each is an outlier, and clipped away.
            let plain = given(&Season::none(grid));
            if stats::variance(&plain.2.residual) <= stats::variance(&structure.residual) {
                season = Season::none(grid);
                (seasonal, adjusted, structure) = plain;
            }
        }
        let slope = slope::slope(&window, &structure, seasonal);
        let net = match self.params.nature {
            Nature::Fill => stairs::net(&window, &structure, &slope)
                .or_else(|| workdays::net(&window, &adjusted, &structure, seasonal)),
            Nature::Work => None,
        };
        let [noise, within] = rhythm::noise(&structure, &window, self.inside(), self.ahead());
        let (top, resized, pace) = (None, None, None);
        Explained {
            season,
            window,
            adjusted,
            structure,
            slope,
            net,
            noise,
            within,
            top,
            resized,
            pace,
        }
    }
}

/// The answer for windows that tell nothing.
fn too_little(window: &[Point]) -> Option<Trend> {
    let span = window.last().zip(window.first()).map_or(0, |(b, a)| b.time - a.time);
    if window.len() >= LEAST.0 && span >= LEAST.1 * HOUR {
        return None;
    }
    let s = if window.len() == 1 { "" } else { "s" };
    let hours = span as f64 / HOUR as f64;
    let reason = format!("{} value{s} over {hours:.1} hours", window.len());
    let needed = "6 over 3 hours for a level, 46 hours for a trend";
    Some(Trend::unknown(window.len(), reason, needed))
}

pub(super) fn range(x: &[f64]) -> f64 {
    let (low, high) = stats::extremes(x);
    high - low
}

/// Where a run at the very top of a share begins that lasts to the end of the window: 2-35 % of it, with a median
/// below 90 % before. What is there is cut off by the scale, so it says nothing of a trend that led there.
fn run_at_the_top(window: &Bins, scale: Scale) -> Option<usize> {
    let n = window.len();
    if matches!(scale, Scale::Relative { .. }) || n < 24 {
        return None;
    }
    let run = window.y.iter().rev().take_while(|y| **y >= TOP).count();
    let share = run as f64 / n as f64;
    if run == 0 || !(0.02..=0.35).contains(&share) {
        return None;
    }
    let mut before = Buffer::of(&window.y[..n - run]);
    (stats::median(&mut before) < BELOW_TOP).then_some(n - run)
}
