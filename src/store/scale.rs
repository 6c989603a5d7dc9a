//! A measured value as a 16-bit code and back.
//!
//! Most codes run on a logarithmic scale, so the error is relative: at most 0.016 % for shares and
//! 0.021 % for sizes and rates. Zero is exact. What a code stands for is written in every file.

use super::bytes::{Cursor, Put};
use crate::model::{GuestMetric, Metric, NodeMetric, Unit};
use std::sync::OnceLock;

/// Code of a value that was not given.
pub(super) const MISSING: u16 = 0xffff;
/// Code of the largest value a scale can hold.
pub(super) const TOP: u16 = 0xfffe;

/// How codes map to values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// `value = unit * (exp(code / steps) - 1)`
    Log { unit: f64, steps: f64 },
    /// `value = unit * code`
    Linear { unit: f64 },
}

/// `steps` such that [`TOP`] stands for `ratio` units: `65534 / ln(1 + ratio)`.
fn log(unit: f64, ratio: f64) -> Scale {
    Scale::Log { unit, steps: f64::from(TOP) / ratio.ln_1p() }
}

/// Scales in use, with the tables that decode them fast.
pub(super) struct Scales {
    /// Shares of a whole: 1e-6 to 1,000.
    pub(super) share: Scale,
    /// Pressure: the kernel gives it in steps of 0.01 %, which are exact.
    pub(super) pressure: Scale,
    /// A guest's memory on its host, in steps of 0.1 % of its configured memory: fine enough for
    /// what only says how much would move, and it keeps 90 days of a guest below 72 KB.
    pub(super) host_memory: Scale,
    /// Load averages: 0.001 to 1,000,000.
    pub(super) load: Scale,
    /// Bytes per second: 1 to 1e12.
    pub(super) rate: Scale,
    /// Bytes: 1 MiB to 1 EiB.
    pub(super) size: Scale,
    /// Guests: 0 to 3,276 in steps of 0.05, so that whole numbers and their averages are both good.
    pub(super) guests: Scale,
    /// Samples in a bucket.
    pub(super) count: Scale,
}

/// The scales that files are written with.
pub(super) fn scales() -> &'static Scales {
    static SCALES: OnceLock<Scales> = OnceLock::new();
    SCALES.get_or_init(|| Scales {
        share: log(1e-6, 1e9),
        pressure: Scale::Linear { unit: 1e-4 },
        host_memory: Scale::Linear { unit: 1e-3 },
        load: log(1e-3, 1e9),
        rate: log(1.0, 1e12),
        size: log(1_048_576.0, 1_099_511_627_776.0),
        guests: Scale::Linear { unit: 0.05 },
        count: Scale::Linear { unit: 1.0 },
    })
}

/// Scales whose codes are decoded by table.
const DECODED: usize = 7;

impl Scales {
    /// All but counts, which are their codes.
    fn decoded(&self) -> [Scale; DECODED] {
        [self.share, self.pressure, self.host_memory, self.load, self.rate, self.size, self.guests]
    }
}

/// A metric that has a scale.
pub(super) trait Stored: Metric {
    /// Scale of its values.
    fn scale(self) -> Scale;
}

impl Stored for NodeMetric {
    fn scale(self) -> Scale {
        match (self, self.unit()) {
            (Self::GuestCount, _) => scales().guests,
            (
                Self::PsiCpuSome
                | Self::PsiIoSome
                | Self::PsiIoFull
                | Self::PsiMemorySome
                | Self::PsiMemoryFull,
                _,
            ) => scales().pressure,
            (_, unit) => usual(unit),
        }
    }
}

impl Stored for GuestMetric {
    fn scale(self) -> Scale {
        match self {
            Self::MemoryHost => scales().host_memory,
            Self::PsiCpuSome
            | Self::PsiCpuFull
            | Self::PsiIoSome
            | Self::PsiIoFull
            | Self::PsiMemorySome
            | Self::PsiMemoryFull => scales().pressure,
            _ => usual(self.unit()),
        }
    }
}

fn usual(unit: Unit) -> Scale {
    match unit {
        Unit::Fraction => scales().share,
        Unit::Number => scales().load,
        Unit::BytesPerSecond => scales().rate,
    }
}

/// Natural logarithms by table: a tick of a large cluster takes tens of thousands of them.
struct Logarithm {
    /// For each 128th from 1 to 2: the reciprocal of its middle, and the logarithm of that middle.
    parts: [(f64, f64); 128],
}

/// The table, made when it is first needed.
fn logarithm() -> &'static Logarithm {
    static TABLE: OnceLock<Logarithm> = OnceLock::new();
    TABLE.get_or_init(|| Logarithm {
        parts: std::array::from_fn(|i| {
            let middle = 1.0 + (i as f64 + 0.5) / 128.0;
            (middle.recip(), middle.ln())
        }),
    })
}

impl Logarithm {
    /// Natural logarithm of a number from 1 on; the error is below 1e-12. Infinity gives that of
    /// 2^1024.
    fn of(&self, x: f64) -> f64 {
        const FRACTION: u32 = f64::MANTISSA_DIGITS - 1;
        let bits = x.to_bits();
        let exponent = (bits >> FRACTION) as i32 - (f64::MAX_EXP - 1);
        let fraction = bits & ((1 << FRACTION) - 1);
        let (reciprocal, ln) = self.parts[(fraction >> (FRACTION - 7)) as usize];
        let mantissa = f64::from_bits(1f64.to_bits() | fraction);
        // |r| is at most 1/256, so four terms of the series of ln(1 + r) are enough.
        let r = mantissa * reciprocal - 1.0;
        let near = r * (1.0 - r * (1.0 / 2.0 - r * (1.0 / 3.0 - r * (1.0 / 4.0))));
        f64::from(exponent) * std::f64::consts::LN_2 + ln + near
    }
}

/// Makes every table that is made when it is first needed: before a fork, so that no child waits
/// for a thread that was making one.
pub(super) fn warm() {
    logarithm();
    for scale in scales().decoded() {
        scale.values();
    }
}

impl Scale {
    /// Code of a value that is not negative; what is larger than the scale becomes [`TOP`].
    pub(super) fn encode(self, value: f64) -> u16 {
        // Ticks are checked for negative numbers and NaN, which would become 0 here.
        let value = value.max(0.0);
        let code = match self {
            Self::Log { unit, steps } => logarithm().of(1.0 + value / unit) * steps,
            Self::Linear { unit } => value / unit,
        };
        // Rounds; saturating by definition of `as`.
        ((code + 0.5) as u16).min(TOP)
    }

    /// Whether `value` is above what the scale can hold.
    pub(super) fn saturates(self, value: f64) -> bool {
        value > self.decode(TOP) * 1.001
    }

    /// Value of a code other than [`MISSING`].
    pub(super) fn decode(self, code: u16) -> f64 {
        match self {
            Self::Log { unit, steps } => unit * (f64::from(code) / steps).exp_m1(),
            Self::Linear { unit } => unit * f64::from(code),
        }
    }

    /// Values of all codes, for decoding many; empty for a scale that is not in use.
    pub(super) fn values(self) -> &'static [f64] {
        static TABLES: [OnceLock<Vec<f64>>; DECODED] = [const { OnceLock::new() }; DECODED];
        let mut tables = scales().decoded().into_iter().zip(&TABLES);
        let found = tables.find(|(scale, _)| *scale == self).map(|(_, table)| table);
        found.map_or(&[], |table| table.get_or_init(|| (0..=TOP).map(|c| self.decode(c)).collect()))
    }

    pub(super) fn put(self, out: &mut Vec<u8>) {
        let (kind, unit, steps) = match self {
            Self::Log { unit, steps } => (1, unit, steps),
            Self::Linear { unit } => (2, unit, 0.0),
        };
        out.put_u8(kind);
        out.put_f64(unit);
        out.put_f64(steps);
    }

    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        let (kind, unit, steps) = (cursor.u8()?, cursor.f64()?, cursor.f64()?);
        let positive = |x: f64| x.is_finite() && x > 0.0;
        match kind {
            1 if positive(unit) && positive(steps) => Some(Self::Log { unit, steps }),
            2 if positive(unit) => Some(Self::Linear { unit }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Scale> {
        scales().decoded().into_iter().chain([scales().count])
    }

    #[test]
    fn every_code_survives_decoding_and_encoding() {
        for scale in all() {
            for code in 0..=TOP {
                assert_eq!(scale.encode(scale.decode(code)), code, "{scale:?}");
            }
        }
    }

    #[test]
    fn every_scale_but_counts_has_a_table_of_its_own() {
        for scale in scales().decoded() {
            let values = scale.values();
            assert_eq!((values.len(), values[7]), (usize::from(TOP) + 1, scale.decode(7)));
        }
        assert!(scales().count.values().is_empty());
    }

    #[test]
    fn the_stated_error_holds() {
        for (scale, low, high, limit) in [
            (scales().share, 1e-2, 1e3, 0.000_16),
            (scales().load, 1.0, 1e6, 0.000_16),
            (scales().rate, 1e3, 1e12, 0.000_22),
            (scales().size, 1e9, 1e18, 0.000_22),
        ] {
            let mut value: f64 = low;
            while value < high {
                let error = (scale.decode(scale.encode(value)) / value - 1.0).abs();
                assert!(error <= limit, "{value}: {error}");
                value *= 1.000_37;
            }
        }
        assert_eq!(scales().guests.decode(scales().guests.encode(57.0)), 57.0);
    }

    #[test]
    fn logarithms_are_those_of_the_library() {
        let mut x: f64 = 1.0;
        while x < 1e13 {
            let off = logarithm().of(x) - x.ln();
            assert!(off.abs() < 1e-12, "{x}: {off}");
            x = x.mul_add(1.000_37, 1e-7);
        }
        assert!(logarithm().of(f64::INFINITY) > 700.0);
    }

    #[test]
    fn ends_of_the_scale() {
        for scale in all() {
            assert_eq!(scale.encode(0.0), 0);
            assert_eq!(scale.decode(0), 0.0);
            assert_eq!(scale.encode(f64::MAX), TOP);
            assert!(scale.saturates(scale.decode(TOP) * 1.01));
            assert!(!scale.saturates(scale.decode(TOP)));
        }
        assert_eq!(MISSING, TOP + 1, "no value has the code of a missing one");
    }

    #[test]
    fn scales_are_written_as_they_are() {
        for scale in all() {
            let mut out = Vec::new();
            scale.put(&mut out);
            assert_eq!(Scale::parse(&mut Cursor::new(&out)), Some(scale));
        }
        assert_eq!(Scale::parse(&mut Cursor::new(&[1; 17])), Some(scale_from_ones()));
        assert_eq!(Scale::parse(&mut Cursor::new(&[9; 17])), None);
        assert_eq!(Scale::parse(&mut Cursor::new(&[2; 16])), None);
    }

    fn scale_from_ones() -> Scale {
        let x = f64::from_le_bytes([1; 8]);
        Scale::Log { unit: x, steps: x }
    }
}
