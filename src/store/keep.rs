//! How long a store keeps what: the file `retention`, so that whoever writes to the store or reads it
//! goes by the same. Without the file it is the default.

use super::bytes::intact;
use super::file::{plain, replace};
use super::tier::Retention;
use crate::error::{Error, Kind, Result};
use std::io::Read;
use std::path::Path;

const FILE: &str = "retention";
/// Largest file that is read.
const MAX: u64 = 100;

/// The retention of the store in `dir`.
///
/// [`Kind::Corrupt`] when the file is damaged.
pub(super) fn read(dir: &Path) -> Result<Retention> {
    let path = dir.join(FILE);
    let file = match plain(&path) {
        Err(e) if e.kind == Kind::NotFound => return Ok(Retention::default()),
        file => file?,
    };
    let mut text = String::new();
    let read = file.take(MAX).read_to_string(&mut text);
    let damaged = || {
        let message = "is damaged; until the next run of `collect` nothing is removed";
        Error::new(Kind::Corrupt, message).at(path.display())
    };
    read.map_err(|_| damaged())?;
    parse(&text).ok_or_else(damaged)
}

/// Makes it the retention of the store in `dir`.
pub(super) fn write(dir: &Path, retention: &Retention) -> Result<()> {
    replace(&dir.join(FILE), text(retention).as_bytes())
}

/// Three numbers and the CRC-32 of what stands before it.
fn text(retention: &Retention) -> String {
    let Retention { raw_hours, hourly_days, six_hourly_days } = retention;
    let numbers = format!("{raw_hours} {hourly_days} {six_hourly_days} ");
    format!("{numbers}{:08x}\n", crc32fast::hash(numbers.as_bytes()))
}

fn parse(text: &str) -> Option<Retention> {
    let line = text.strip_suffix('\n')?;
    let (numbers, crc) = line.split_at_checked(line.rfind(' ')? + 1)?;
    if crc.len() != 8 || !intact(numbers.as_bytes(), u32::from_str_radix(crc, 16).ok()?) {
        return None;
    }
    let mut numbers = numbers.split_terminator(' ').map(|n| n.parse().ok());
    let mut next = || numbers.next()?;
    let retention =
        Retention { raw_hours: next()?, hourly_days: next()?, six_hourly_days: next()? };
    (numbers.next().is_none() && retention.check().is_ok()).then_some(retention)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let retention = Retention { raw_hours: 72, hourly_days: 30, six_hourly_days: 365 };
        let good = text(&retention);
        assert_eq!(parse(&good), Some(retention));
        for at in 0..good.len() {
            assert_eq!(parse(&good[..at]), None);
            for bit in 0..7 {
                let mut bytes = good.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let other = String::from_utf8(bytes).unwrap();
                // The case of a hexadecimal digit says nothing.
                let same = other.eq_ignore_ascii_case(&good);
                assert_eq!(parse(&other), same.then_some(retention), "{other:?}");
            }
        }
        let short = Retention { raw_hours: 1, ..retention };
        assert_eq!(parse(&text(&short)), None, "less than any store can keep");
    }
}
