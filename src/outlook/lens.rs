//! How recorded series become an outlook, whoever recorded them: the store or a replay.

use super::{
    GuestHistory, GuestOutlook, NodeHistory, NodeOutlook, Outlook, Readings, Weights, build, wanted,
};
use crate::model::{Fraction, HOUR, UnixTime, Worse, start_of};
use crate::series::{LocalTime, Point};
use crate::settings::PenaltyConfig;
use crate::trend::{Nature, Params, ProjectionBasis, Scale, Trend, analyze};

/// A claimed trend of work (CPU, I/O wait), and any new claim, is believed to go on this long:
/// real ones mostly stop (docs/trend.md).
const BELIEVED_DAYS: f64 = 2.0;

/// From where and with which settings the past is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Lens<'a> {
    /// Moment of the analysis.
    pub now: UnixTime,
    /// Effective settings.
    pub config: &'a PenaltyConfig,
    /// Local time of the cluster.
    pub local: &'a LocalTime,
}

impl Lens<'_> {
    /// Hours looked back and ahead.
    pub fn lookback(&self) -> u32 {
        self.config.settings.analysis_lookback.hours().0 as u32
    }

    /// Trend of a series of shares; `shifts` are the known times of level shifts.
    pub fn trend(
        &self,
        points: &[Point],
        threshold: f64,
        nature: Nature,
        shifts: &[UnixTime],
    ) -> Trend {
        let params = Params {
            now: self.now,
            lookback_hours: self.lookback(),
            threshold: Some(threshold),
            worse: Worse::High,
            scale: Scale::Share { whole: 1.0 },
            nature,
            shifts,
            local: self.local,
            forecasts: false,
        };
        analyze(points, &params)
    }

    /// Change by the end of the horizon if a claimed trend goes on as far as such trends do.
    pub fn growth(&self, trend: &Trend) -> f64 {
        growth(trend, self.config)
    }

    /// The outlook of a cluster: `nodes` by name and `guests` by number, their loads still empty,
    /// each with its past. `gone` are guests of before that nobody counts on any more.
    /// O(entities x hours).
    pub fn outlook(
        &self,
        nodes: Vec<(NodeOutlook, NodeHistory)>,
        guests: Vec<(GuestOutlook, GuestHistory)>,
        gone: &[GuestHistory],
    ) -> Outlook {
        let (mut nodes, mut node_pasts): (Vec<NodeOutlook>, Vec<NodeHistory>) =
            nodes.into_iter().unzip();
        let (guests, pasts): (Vec<GuestOutlook>, Vec<GuestHistory>) = guests.into_iter().unzip();
        let mut pasts: Vec<(usize, GuestHistory)> =
            guests.iter().map(|g| g.host).zip(pasts).collect();
        wanted::lift(&mut pasts, &mut node_pasts);
        let weights = Weights::of(self.config);
        let hour = start_of(self.now, HOUR);
        let is_weekend = |ahead: i64| self.local.weekend(hour + ahead * HOUR);
        let horizon = self.lookback() as usize;
        let expected = build(&pasts, gone, &node_pasts, horizon, weights, &is_weekend);
        let guests = guests.into_iter().zip(expected.guests);
        let guests = guests.map(|(guest, load)| GuestOutlook { load, ..guest }).collect();
        for ((node, base), placed) in nodes.iter_mut().zip(expected.bases).zip(&expected.placed) {
            node.base = base;
            if !node.online {
                // None of its guests runs, or that is not known: what was measured tells more.
                continue;
            }
            node.cpu = seen(&placed.cpu, node.cores.0, node.cpu.current);
            node.mem = seen(&placed.memory, node.memory.0, node.mem.current);
        }
        Outlook { now: self.now, weights: expected.weights, nodes, guests }
    }
}

/// Readings of hours in cores or bytes. Guests that came later may have used more elsewhere than there is here.
fn seen(hours: &[Option<f64>], capacity: f64, current: Option<Fraction>) -> Readings {
    let shares: Vec<Option<f64>> =
        hours.iter().map(|x| x.map(|x| (x / capacity.max(f64::MIN_POSITIVE)).min(1.0))).collect();
    Readings::of(&shares, current.map(|x| x.0))
}

/// Change by the end of the horizon if a claimed trend goes on as far as such trends do.
pub fn growth(trend: &Trend, config: &PenaltyConfig) -> f64 {
    let horizon = config.settings.analysis_lookback.hours().0 / 24.0;
    let days = match trend.projection_basis {
        Some(ProjectionBasis::Persistent) => horizon,
        Some(ProjectionBasis::New | ProjectionBasis::CpuLike) => horizon.min(BELIEVED_DAYS),
        None => 0.0,
    };
    trend.claimed_slope().unwrap_or(0.0) * days
}

/// What a claimed falling trend of a share of `whole` takes away an hour, 0 without one. A rise that is to go on to the
/// horizon adds as much, so that hours of before it are told as of today; other rises mostly stop, and what was before
/// them comes back (docs/records/backtest.md).
pub fn fall(trend: &Trend, whole: f64) -> f64 {
    let slope = trend.claimed_slope().unwrap_or(0.0);
    let lasting = trend.projection_basis == Some(ProjectionBasis::Persistent);
    -(if lasting { slope } else { slope.min(0.0) }) * whole / 24.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bytes, Cores, DAY, HOUR};

    #[test]
    fn of_a_node_that_is_away_what_was_measured_is_told() {
        let (config, local) = (PenaltyConfig::default(), LocalTime::utc());
        let lens = Lens { now: 100 * DAY, config: &config, local: &local };
        let high = |online| {
            let trend = lens.trend(&[], 0.8, Nature::Work, &[]);
            let mut node = NodeOutlook::idle("pve1", Cores(10.0), Bytes(100.0), &trend);
            (node.online, node.cpu.high_7d) = (online, Some(Fraction(0.59)));
            // What its guests used is not in it: it runs none.
            let cpu = vec![Some(1.0); 336];
            let past = NodeHistory { cpu, memory: vec![Some(1.0); 336], ..NodeHistory::default() };
            lens.outlook(vec![(node, past)], Vec::new(), &[]).nodes[0].cpu.high_7d
        };
        assert_eq!((high(true), high(false)), (Some(Fraction(0.1)), Some(Fraction(0.59))));
    }

    #[test]
    fn what_falls_takes_load_away_and_what_fills_adds_to_it() {
        let config = PenaltyConfig::default();
        let local = LocalTime::utc();
        let lens = Lens { now: 100 * DAY, config: &config, local: &local };
        let of = |per_day: f64, nature| {
            let share = |h: i64| 0.5 + per_day * (h - 168) as f64 / 24.0 + 0.001 * (h % 3) as f64;
            let point = |h| Point::sample(lens.now - (168 - h) * HOUR, share(h));
            let points: Vec<Point> = (0..168).map(point).collect();
            fall(&lens.trend(&points, 0.8, nature, &[]), 10.0)
        };
        let taken = |per_day| of(per_day, Nature::Work);
        assert!((taken(-0.024) - 0.01).abs() < 0.001, "{}", taken(-0.024));
        assert_eq!([taken(0.024), taken(0.0)], [0.0; 2]);
        let filled = of(0.024, Nature::Fill);
        assert!((filled + 0.01).abs() < 0.001, "memory that was claimed to rise before: {filled}");
    }
}
