//! Lines of a stream, each with its number and within a bound.

use crate::error::{Error, Result};
use std::io::BufRead;

/// Longest line that is taken. A tick of 10,000 guests has about 3 MB.
pub(crate) const MAX_LINE: usize = 64 << 20;

/// What the next line is.
pub(crate) enum Line<'a> {
    /// Its bytes, without the line end.
    Whole(&'a [u8]),
    /// Longer than the bound; it was read over, not kept.
    TooLong,
}

/// Reader of bounded lines: memory stays within the bound whatever comes.
pub(crate) struct Lines<R> {
    input: R,
    limit: usize,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `input` of at most `limit` bytes.
    pub(crate) fn new(input: R, limit: usize) -> Self {
        Self { input, limit, number: 0, line: Vec::new() }
    }

    /// Number of the line that [`Lines::advance`] gave last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None` at the end.
    pub(crate) fn advance(&mut self) -> Result<Option<Line<'_>>> {
        self.line.clear();
        let (mut too_long, mut any) = (false, false);
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Error::new(crate::error::Kind::Io, format!("input: {e}"))),
            };
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = chunk.iter().position(|b| *b == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            too_long |= self.line.len() + part.len() > self.limit;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            let used = end.map_or(chunk.len(), |e| e + 1);
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(if too_long { Line::TooLong } else { Line::Whole(&self.line) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], limit: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::new(std::io::BufReader::with_capacity(3, text), limit);
        let mut all = Vec::new();
        loop {
            let line = match lines.advance().unwrap() {
                None => return all,
                Some(Line::Whole(bytes)) => Some(bytes.to_vec()),
                Some(Line::TooLong) => None,
            };
            all.push((lines.number(), line));
        }
    }

    #[test]
    fn lines_come_with_their_numbers_and_the_last_needs_no_end() {
        let want = [(1, Some(b"one".to_vec())), (2, Some(vec![])), (3, Some(b"three".to_vec()))];
        assert_eq!(read(b"one\n\nthree", 10), want);
        assert_eq!(read(b"", 10), []);
    }

    #[test]
    fn a_line_beyond_the_bound_is_read_over_and_the_next_one_is_whole() {
        assert_eq!(read(b"far too long\nok\n", 4), [(1, None), (2, Some(b"ok".to_vec()))]);
    }

    #[test]
    fn a_gigabyte_without_a_line_end_takes_no_memory() {
        let endless = std::io::Read::take(std::io::repeat(b'x'), 1 << 30);
        let mut lines = Lines::new(std::io::BufReader::new(endless), 1 << 10);
        assert!(matches!(lines.advance().unwrap(), Some(Line::TooLong)));
        assert!(lines.advance().unwrap().is_none());
        assert!(lines.line.capacity() <= 4 << 10);
    }
}
