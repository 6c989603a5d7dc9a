//! Randomness that any moment can ask for: a function of (key, cell), not a sequence.
//!
//! A replay asks for a guest's demand at times of its own choosing, so a process that must be
//! stepped from the start will not do. Parameters come from ChaCha; the noise along time is a
//! counter-based hash (SplitMix64's finaliser, Steele, Lea & Flood 2014) keyed by one draw of it.

use rand::RngCore;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

/// The stream of parameters that belongs to `id` alone: other ids never change what it yields.
pub(super) fn stream(seed: u64, id: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(id);
    rng
}

/// A log-normal draw around `median`; `spread` is the standard deviation of the logarithm.
pub(super) fn around(rng: &mut ChaCha8Rng, median: f64, spread: f64) -> f64 {
    LogNormal::new(median.ln(), spread).map_or(median, |d| d.sample(rng))
}

/// A source of noise along time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn draw(rng: &mut impl RngCore) -> Self {
        Self(rng.next_u64())
    }

    fn bits(self, cell: i64) -> u64 {
        let mut z = self.0 ^ cell.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1), one value per cell.
    pub(super) fn uniform(self, cell: i64) -> f64 {
        (self.bits(cell) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal with mean 0 and variance 1, one value per cell: the scaled sum of four
    /// uniforms (Irwin-Hall), which needs no function whose last digit depends on the platform.
    pub(super) fn normal(self, cell: i64) -> f64 {
        let bits = self.bits(cell);
        let sum: f64 = (0..4).map(|i| ((bits >> (16 * i)) & 0xffff) as f64 / 65_536.0).sum();
        (sum - 2.0) * 1.732_050_807_568_877_2
    }

    /// Continuous in time, mean 0, variance 1; values further apart than twice `period` seconds
    /// are independent. Linear between cells, rescaled so that the variance is the same anywhere.
    pub(super) fn smooth(self, t: f64, period: f64) -> f64 {
        let at = t / period;
        let cell = at.floor();
        let part = at - cell;
        let (a, b) = (self.normal(cell as i64), self.normal(cell as i64 + 1));
        let spread = ((1.0 - part) * (1.0 - part) + part * part).sqrt();
        ((1.0 - part) * a + part * b) / spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_mean_zero_and_variance_one_everywhere() {
        let noise = Noise(42);
        for offset in [0.0, 30.0, 75.0] {
            let x: Vec<f64> =
                (0..20_000).map(|i| noise.smooth(f64::from(i) * 300.0 + offset, 150.0)).collect();
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64;
            assert!(mean.abs() < 0.04 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        }
    }

    #[test]
    fn streams_differ_and_repeat() {
        let first = |id| stream(7, id).next_u64();
        assert_eq!(first(100), first(100));
        assert_ne!(first(100), first(101));
    }

    #[test]
    fn it_is_defined_before_1970_too() {
        let u = Noise(1).uniform(-5);
        assert!((0.0..1.0).contains(&u));
        assert!(Noise(1).smooth(-1234.5, 60.0).is_finite());
    }
}
