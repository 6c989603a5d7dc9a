//! What a setting's value can be: its unit, its type in Rust and its forms in JSON.
//!
//! Outside (files, API, screens) fractions are percent and choices are words; inside they are the
//! typed quantities of the struct fields. In between a value is one plain number, so that a table
//! can hold all of them.

use crate::error::{Error, Result};
use crate::model::{Fraction, Points};
use serde_json::Value;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
        pub struct $name(pub f64);
    };
}

quantity!(
    /// Length of time in hours.
    Hours
);
quantity!(
    /// Length of time in days.
    Days
);
quantity!(
    /// Part of a blend, 0 to 1; the parts of one blend are read in proportion to their sum.
    Share
);
quantity!(
    /// Distance from the usual value in standard deviations.
    Sigma
);

quantity!(
    /// Work of one core for an hour.
    CoreHours
);

impl Hours {
    /// The same length in whole seconds.
    pub fn seconds(self) -> i64 {
        (self.0 * 3600.0).round() as i64
    }
}

impl Days {
    /// The same length in hours.
    pub fn hours(self) -> Hours {
        Hours(self.0 * 24.0)
    }

    /// The same length in whole seconds.
    pub fn seconds(self) -> i64 {
        self.hours().seconds()
    }
}

/// How eagerly migrations are recommended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitivity {
    /// Only sustained, clear problems.
    Conservative,
    /// Problems that grow.
    #[default]
    Balanced,
    /// Early, to keep the cluster even.
    Aggressive,
}

impl Sensitivity {
    /// All of them, from the most reluctant to the most eager.
    pub const ALL: [Self; 3] = [Self::Conservative, Self::Balanced, Self::Aggressive];
    const NAMES: &'static [&'static str] = &["conservative", "balanced", "aggressive"];

    /// Its word in files and on screens.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl std::str::FromStr for Sensitivity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
            let known = Self::NAMES.join(", ");
            Error::invalid(format!("'{text}' is no sensitivity: {known}"))
        })
    }
}

/// Unit of a setting as people read and write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Penalty points.
    Points,
    /// Percent, 0 to 100.
    Percent,
    /// Part of a blend, 0 to 1.
    Share,
    /// Standard deviations.
    Sigma,
    /// Hours.
    Hours,
    /// Core-hours.
    CoreHours,
    /// Days.
    Days,
    /// A whole number of things.
    Count,
    /// On or off.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// A type that a setting can have.
pub trait Quantity: Copy {
    /// Unit of [`Quantity::number`].
    const UNIT: Unit;
    /// The value in the unit people use: percent for fractions, 0 and 1 for flags, the position
    /// among the words for choices.
    fn number(self) -> f64;
    /// The value that `number` stands for.
    fn from_number(number: f64) -> Self;
}

macro_rules! plain {
    ($($type:ident is $unit:ident;)+) => {$(
        impl Quantity for $type {
            const UNIT: Unit = Unit::$unit;
            fn number(self) -> f64 {
                self.0
            }
            fn from_number(number: f64) -> Self {
                Self(number)
            }
        }
    )+};
}

plain! {
    Points is Points;
    Hours is Hours;
    CoreHours is CoreHours;
    Days is Days;
    Share is Share;
    Sigma is Sigma;
}

impl Quantity for Fraction {
    const UNIT: Unit = Unit::Percent;
    fn number(self) -> f64 {
        // 0.07 x 100 is 7.000000000000001; nobody entered that.
        (self.0 * 1e8).round() / 1e6
    }
    fn from_number(number: f64) -> Self {
        Self(number / 100.0)
    }
}

impl Quantity for u32 {
    const UNIT: Unit = Unit::Count;
    fn number(self) -> f64 {
        f64::from(self)
    }
    fn from_number(number: f64) -> Self {
        // Saturates; the table's range has been checked before.
        number.round() as Self
    }
}

impl Quantity for bool {
    const UNIT: Unit = Unit::Flag;
    fn number(self) -> f64 {
        f64::from(u8::from(self))
    }
    fn from_number(number: f64) -> Self {
        number != 0.0
    }
}

impl Quantity for Sensitivity {
    const UNIT: Unit = Unit::Choice(Self::NAMES);
    fn number(self) -> f64 {
        f64::from(self as u8)
    }
    fn from_number(number: f64) -> Self {
        let nearest = |s: &&Self| (s.number() - number).abs() < 0.5;
        Self::ALL.iter().find(nearest).copied().unwrap_or_default()
    }
}

impl Unit {
    /// Its sign beside a number; empty where the number stands alone.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Points => "points",
            Self::Percent => "%",
            Self::Sigma => "sigma",
            Self::Hours => "h",
            Self::CoreHours => "core-hours",
            Self::Days => "days",
            Self::Share | Self::Count | Self::Flag | Self::Choice(_) => "",
        }
    }

    /// `number` as JSON: a word for choices, true or false for flags, else a number that is
    /// written without a fraction when it has none.
    pub fn json(self, number: f64) -> Value {
        match self {
            Self::Flag => Value::Bool(number != 0.0),
            Self::Choice(words) => words.get(number as usize).copied().into(),
            _ if number.fract() == 0.0 && number.abs() < 1e15 => Value::from(number as i64),
            _ => Value::from(number),
        }
    }

    /// `number` for people, with its unit.
    pub fn text(self, number: f64) -> String {
        match (self, self.json(number)) {
            (Self::Flag, on) => if on == true { "on" } else { "off" }.to_string(),
            (_, Value::String(word)) => word,
            (_, value) if self.sign().is_empty() => value.to_string(),
            (_, value) => format!("{value} {}", self.sign()),
        }
    }

    /// The number that a JSON value stands for.
    ///
    /// PVE hands API parameters on as strings, so `"60"` is a number here; flags take PVE's words
    /// (1/on/yes/true, 0/off/no/false in any case), the numbers 0 and 1, and JSON booleans.
    pub fn read(self, value: &Value) -> Result<f64> {
        match self {
            Self::Flag => flag(value),
            Self::Choice(words) => choice(words, value),
            _ => number(value),
        }
    }
}

fn flag(value: &Value) -> Result<f64> {
    let word = match value {
        Value::Bool(on) => return Ok(f64::from(u8::from(*on))),
        Value::Number(n) => n.to_string(),
        Value::String(s) => s.to_ascii_lowercase(),
        _ => String::new(),
    };
    match word.as_str() {
        "1" | "on" | "yes" | "true" => Ok(1.0),
        "0" | "off" | "no" | "false" => Ok(0.0),
        _ => Err(Error::invalid(format!("{} is neither on (1) nor off (0)", shown(value)))),
    }
}

fn choice(words: &[&str], value: &Value) -> Result<f64> {
    let position = words.iter().position(|w| value == w);
    let unknown = || Error::invalid(format!("{} is not one of {}", shown(value), words.join(", ")));
    position.map(|p| p as f64).ok_or_else(unknown)
}

fn number(value: &Value) -> Result<f64> {
    let found = match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.parse().ok(),
        _ => None,
    };
    let wrong = || Error::invalid(format!("{} is not a number", shown(value)));
    // Rust reads "inf" and "nan" too.
    found.filter(|n: &f64| n.is_finite()).ok_or_else(wrong)
}

/// A value as it may stand in a message: short, and without control characters.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_string(),
        Value::Object(_) => "an object".to_string(),
        Value::String(s) => format!("{:?}", clipped(s)),
        other => other.to_string(),
    }
}

/// At most 40 characters of untrusted text, control characters replaced.
pub(super) fn clipped(text: &str) -> String {
    let printable = |c: char| if c.is_control() { '?' } else { c };
    let more = if text.chars().nth(40).is_some() { "..." } else { "" };
    text.chars().take(40).map(printable).chain(more.chars()).collect()
}
