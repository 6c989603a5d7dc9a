//! Quantities that carry their unit in the type.
//!
//! Peers that added a guest's share of its own cores to a node's load in cores moved guests the
//! wrong way; here that does not compile. Percent exists only in text.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Div, Mul, Sub};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }
        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                Self(all.map(|x| x.0).sum())
            }
        }
    };
}

quantity!(
    /// Share of a whole: 0 to 1, a little above 1 where the kernel counts it so.
    Fraction
);
quantity!(
    /// CPU capacity or load in host cores.
    Cores
);
quantity!(
    /// Memory or disk size.
    Bytes
);
quantity!(
    /// Throughput.
    BytesPerSecond
);
quantity!(
    /// Penalty points: lower is better.
    Points
);

/// Load in host cores over cores there are: the host's load as a share.
impl Div for Cores {
    type Output = Fraction;
    fn div(self, whole: Self) -> Fraction {
        Fraction(share(self.0, whole.0))
    }
}

/// Bytes in use over bytes there are.
impl Div for Bytes {
    type Output = Fraction;
    fn div(self, whole: Self) -> Fraction {
        Fraction(share(self.0, whole.0))
    }
}

/// A share of that many cores, in cores.
impl Mul<Cores> for Fraction {
    type Output = Cores;
    fn mul(self, whole: Cores) -> Cores {
        Cores(self.0 * whole.0)
    }
}

/// A share of that many bytes, in bytes.
impl Mul<Bytes> for Fraction {
    type Output = Bytes;
    fn mul(self, whole: Bytes) -> Bytes {
        Bytes(self.0 * whole.0)
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", unsigned(self.0 * 100.0, f.precision().unwrap_or(1)))
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*} cores", f.precision().unwrap_or(1), self.0)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        binary(self.0, "", f)
    }
}

impl fmt::Display for BytesPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        binary(self.0, "/s", f)
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} points", unsigned(self.0, f.precision().unwrap_or(1)))
    }
}

/// `1536.0` as `1.5 KiB`, with binary prefixes as everywhere in PVE.
fn binary(value: f64, suffix: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const PREFIXES: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = value;
    let mut step = 0;
    while scaled.abs() >= 1024.0 && step + 1 < PREFIXES.len() {
        scaled /= 1024.0;
        step += 1;
    }
    let digits = if step == 0 { 0 } else { f.precision().unwrap_or(1) };
    write!(f, "{scaled:.digits$} {}{suffix}", PREFIXES[step])
}

/// Unit of a stored metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Share of a whole, see [`Fraction`].
    Fraction,
    /// See [`BytesPerSecond`].
    BytesPerSecond,
    /// A plain number: load average, number of guests.
    Number,
}

impl Unit {
    /// `value` for people, with its unit.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Fraction => Fraction(value).to_string(),
            Self::BytesPerSecond => BytesPerSecond(value).to_string(),
            Self::Number => {
                let text = format!("{value:.2}");
                text.strip_suffix(".00").unwrap_or(&text).to_string()
            }
        }
    }
}

/// A number with so many decimals. What is told as nothing has no sign.
pub fn unsigned(value: f64, digits: usize) -> String {
    without_sign_of_nothing(format!("{value:.digits$}"))
}

/// A difference with its sign, `+1.5` or `-0.2`; what is told as nothing has none.
pub fn signed(value: f64, digits: usize) -> String {
    without_sign_of_nothing(format!("{value:+.digits$}"))
}

fn without_sign_of_nothing(text: String) -> String {
    match text.bytes().all(|c| matches!(c, b'+' | b'-' | b'0' | b'.')) {
        true => text.trim_start_matches(['+', '-']).to_string(),
        false => text,
    }
}

/// A share of 0 to 1 as the number of its percent, whole unless that would put it on or beyond a limit where it is not:
/// then with a decimal that stays on its side, 84.8 below a limit of 85 % and 80.1 above one of 80 %.
pub fn percent_beside(share: f64, limit: f64) -> String {
    // 0.29 is a little less than 29 %.
    let [share, limit] = [share, limit].map(|x| (x * 1e8).round() / 1e6);
    let whole = share.round();
    if whole.total_cmp(&limit) == share.total_cmp(&limit) {
        return unsigned(whole, 0);
    }
    let tenths = share * 10.0;
    unsigned(if share < limit { tenths.floor() } else { tenths.ceil() } / 10.0, 1)
}

/// `1 node` or `5 nodes`.
pub fn counted<N: PartialEq + From<u8> + fmt::Display>(count: N, what: &str) -> String {
    let s = if count == N::from(1) { "" } else { "s" };
    format!("{count} {what}{s}")
}

/// A span of time for people, as the panel tells it: `9 hours`, from two days on `4 days`.
pub fn span(hours: f64) -> String {
    match hours < 48.0 {
        true => counted(hours.round().max(1.0), "hour"),
        false => counted((hours / 24.0).round(), "day"),
    }
}

/// `a`, `a and b`, or `a, b and c`.
pub fn joined(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_nothing_is_zero_not_nan() {
        assert_eq!(Bytes(5.0) / Bytes(0.0), Fraction(0.0));
    }

    #[test]
    fn guest_load_reaches_the_host_in_cores() {
        let load = Fraction(0.5) * Cores(16.0);
        assert_eq!(load, Cores(8.0));
        assert_eq!(load / Cores(32.0), Fraction(0.25));
    }

    #[test]
    fn text_has_units() {
        assert_eq!(Fraction(0.423).to_string(), "42.3 %");
        assert_eq!(Bytes(1536.0).to_string(), "1.5 KiB");
        assert_eq!(BytesPerSecond(12.0).to_string(), "12 B/s");
        assert_eq!(Unit::Number.text(3.0), "3");
        assert_eq!(Unit::Number.text(0.84), "0.84");
        assert_eq!(Fraction(-0.0002).to_string(), "0.0 %", "nothing has no sign");
        assert_eq!(Fraction(-0.002).to_string(), "-0.2 %");
        assert_eq!(Points(-0.04).to_string(), "0.0 points");
        assert_eq!([unsigned(-0.4, 0), unsigned(-0.6, 0)], ["0", "-1"]);
        assert_eq!([signed(-0.04, 1), signed(0.0, 1), signed(2.0, 1)], ["0.0", "0.0", "+2.0"]);
    }

    #[test]
    fn a_share_is_told_on_its_side_of_a_limit() {
        let of_85 = |share| percent_beside(share, 0.85);
        assert_eq!([of_85(0.848), of_85(0.84999), of_85(0.844)], ["84.8", "84.9", "84"]);
        assert_eq!([of_85(0.852), of_85(0.85001), of_85(0.856)], ["85.2", "85.1", "86"]);
        assert_eq!(of_85(0.85), "85", "on it");
        assert_eq!([percent_beside(0.292, 0.29), percent_beside(-0.001, 0.8)], ["29.2", "0"]);
        assert_eq!([percent_beside(0.803, 0.805), percent_beside(0.806, 0.805)], ["80", "81"]);
    }
}
