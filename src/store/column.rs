//! A column of codes in few bytes.
//!
//! Each code is written as its distance to a reference - one code for the whole column, or the
//! code in the same place of an earlier column - in `width` bits. Codes too far away for that
//! follow whole, in order, behind the bits. Where all codes lie on one side of the reference, as
//! a maximum above its mean, distances go that way only and need a bit less. So a constant column
//! takes three bytes, a column of zeros with a few values a bitmap and those values, a noisy one at
//! most two bytes a code.

use super::bytes::{Cursor, Put};
use super::scale::MISSING;

/// Flag in the first byte: the reference is an earlier column.
const BY_COLUMN: u8 = 0x80;
/// Where the first byte says on which side of the reference the codes are.
const SIDE_SHIFT: u8 = 5;
/// Width of codes that are written as they are, without reference.
const WHOLE: u8 = 16;

/// What the codes of a column are measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reference {
    Code(u16),
    /// Position of an earlier column in the same block.
    Column(u8),
}

/// On which side of the reference codes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Either: distances 0, -1, 1, -2 are written as 0, 1, 2, 3.
    Both = 0,
    Above = 1,
    Below = 2,
}

/// A column: where its parts lie in the block that it was read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    len: u32,
    width: u8,
    side: Side,
    reference: Reference,
    /// First byte of the packed bits; the codes that follow whole come right behind them.
    bits: u32,
    whole: u32,
}

impl Side {
    /// Distance as an unsigned number that is small for near codes on this side.
    fn distance(self, code: u16, from: u16) -> u16 {
        match self {
            Self::Both => {
                let d = code.wrapping_sub(from).cast_signed();
                ((d << 1) ^ (d >> 15)).cast_unsigned()
            }
            Self::Above => code.wrapping_sub(from),
            Self::Below => from.wrapping_sub(code),
        }
    }

    /// Undoes [`Side::distance`].
    fn code(self, distance: u16, from: u16) -> u16 {
        match self {
            Self::Both => from.wrapping_add((distance >> 1) ^ (distance & 1).wrapping_neg()),
            Self::Above => from.wrapping_add(distance),
            Self::Below => from.wrapping_sub(distance),
        }
    }
}

/// The field of `width` bits that says "follows whole".
fn escape(width: u8) -> u16 {
    ((1u32 << width) - 1) as u16
}

/// Cheapest width for these distances and the bytes it takes.
fn cheapest(distances: &[u16]) -> (u8, usize) {
    // Four counts side by side: equal neighbours would wait for each other in one.
    let mut counts = [[0u32; 32]; 4];
    // The escape is taken, so `width` bits reach to 2^width - 2.
    let bits = |d: u16| 32 - (u32::from(d) + u32::from(d != 0)).leading_zeros();
    for four in distances.chunks(4) {
        for (count, &d) in counts.iter_mut().zip(four) {
            count[bits(d) as usize & 31] += 1;
        }
    }
    let needing = |bits: u8| counts.iter().map(|c| c[usize::from(bits)] as usize).sum::<usize>();
    let mut beyond = distances.len() - needing(0);
    if beyond == 0 {
        return (0, 0);
    }
    let mut best = (WHOLE, distances.len() * 2);
    for width in 1..WHOLE {
        beyond -= needing(width);
        let size = (distances.len() * usize::from(width)).div_ceil(8) + beyond * 2;
        if size < best.1 {
            best = (width, size);
        }
    }
    best
}

/// A few codes that the others, from `least` to `most`, may be near to, or above.
fn guesses(codes: &[u16], least: u16, most: u16) -> impl Iterator<Item = (Side, u16)> {
    let mut sample = [0u16; 9];
    for (i, s) in sample.iter_mut().enumerate() {
        *s = codes[(codes.len() - 1) * i / 8];
    }
    sample.sort_unstable();
    let frequent = [(least == 0, 0), (most == MISSING, MISSING)];
    let frequent = frequent.into_iter().filter(|(occurs, _)| *occurs).map(|(_, c)| (Side::Both, c));
    [(Side::Above, least), (Side::Both, sample[4])].into_iter().chain(frequent)
}

/// How a column is written.
#[derive(Clone, Copy)]
struct Form {
    width: u8,
    side: Side,
    reference: Reference,
}

/// Appends `codes` in the smallest form: near to one code, or near to the earlier column `near`.
pub(super) fn put(codes: &[u16], near: Option<(u8, &[u16])>, out: &mut Vec<u8>) {
    if codes.is_empty() {
        return;
    }
    let least = codes.iter().copied().fold(MISSING, u16::min);
    let most = codes.iter().copied().fold(0, u16::max);
    let other = near.map(|n| n.1).unwrap_or_default();
    let form = |width, side, reference| Form { width, side, reference };
    let constant = match near {
        Some((column, other)) if other == codes => Some(Reference::Column(column)),
        _ => (least == most).then_some(Reference::Code(least)),
    };
    if let Some(reference) = constant {
        return write(codes, &[], form(0, Side::Both, reference), out);
    }
    let mut best = (codes.len() * 2, form(WHOLE, Side::Both, Reference::Code(0)));
    let mut scratch = Vec::with_capacity(codes.len());
    let columns = near.into_iter().flat_map(|(column, _)| {
        [Side::Both, Side::Above, Side::Below].map(|side| (side, Reference::Column(column)))
    });
    let guesses = guesses(codes, least, most);
    let single = guesses.map(|(side, code)| (side, Reference::Code(code)));
    for (side, reference) in columns.chain(single) {
        distances(codes, side, reference, other, &mut scratch);
        let (width, size) = cheapest(&scratch);
        if size < best.0 {
            best = (size, form(width, side, reference));
        }
    }
    distances(codes, best.1.side, best.1.reference, other, &mut scratch);
    write(codes, &scratch, best.1, out);
}

fn distances(codes: &[u16], side: Side, reference: Reference, other: &[u16], out: &mut Vec<u16>) {
    out.clear();
    match reference {
        Reference::Column(_) => {
            out.extend(codes.iter().zip(other).map(|(&c, &o)| side.distance(c, o)));
        }
        Reference::Code(base) => out.extend(codes.iter().map(|&c| side.distance(c, base))),
    }
}

fn write(codes: &[u16], distances: &[u16], form: Form, out: &mut Vec<u8>) {
    let Form { width, side, reference } = form;
    let head = width | (side as u8) << SIDE_SHIFT;
    match reference {
        Reference::Column(column) => {
            out.put_u8(head | BY_COLUMN);
            out.put_u8(column);
        }
        Reference::Code(base) => {
            out.put_u8(head);
            if width < WHOLE {
                out.put_u16(base);
            }
        }
    }
    match width {
        0 => {}
        WHOLE => codes.iter().for_each(|&c| out.put_u16(c)),
        _ => {
            let too_far = |d: u16| d >= escape(width);
            let whole = || distances.iter().zip(codes).filter(|(d, _)| too_far(**d));
            out.put_varint(whole().count() as u64);
            pack(distances.iter().map(|&d| d.min(escape(width))), width, out);
            whole().for_each(|(_, &c)| out.put_u16(c));
        }
    }
}

/// Fields of `width` bits, lowest bit first, padded with zeros to a whole byte.
fn pack(fields: impl Iterator<Item = u16>, width: u8, out: &mut Vec<u8>) {
    let (mut pending, mut bits) = (0u64, 0u8);
    for field in fields {
        pending |= u64::from(field) << bits;
        bits += width;
        if bits >= 32 {
            out.put_u32(pending as u32);
            pending >>= 32;
            bits -= 32;
        }
    }
    out.bytes(&pending.to_le_bytes()[..usize::from(bits.div_ceil(8))]);
}

impl Column {
    /// Takes the next column of `len` codes from a cursor over a block; `None` where that is no
    /// column.
    pub(super) fn parse(cursor: &mut Cursor<'_>, len: usize) -> Option<Self> {
        let nothing = Self {
            len: u32::try_from(len).ok()?,
            width: 0,
            side: Side::Both,
            reference: Reference::Code(0),
            bits: 0,
            whole: 0,
        };
        if len == 0 {
            return Some(nothing);
        }
        let head = cursor.u8()?;
        let width = head & ((1 << SIDE_SHIFT) - 1);
        let side = match (head & !BY_COLUMN) >> SIDE_SHIFT {
            0 => Side::Both,
            1 => Side::Above,
            2 => Side::Below,
            _ => return None,
        };
        let reference = match (head & BY_COLUMN != 0, width) {
            (true, 0..WHOLE) => Reference::Column(cursor.u8()?),
            (false, 0..WHOLE) => Reference::Code(cursor.u16()?),
            (false, WHOLE) => Reference::Code(0),
            _ => return None,
        };
        let whole = match width {
            0 => 0,
            WHOLE => len,
            _ => cursor.number::<usize>()?,
        };
        let bits = u32::try_from(cursor.position()).ok()?;
        let packed = if width == WHOLE { 0 } else { len.checked_mul(usize::from(width))? };
        cursor.take(packed.div_ceil(8))?;
        cursor.take(whole.checked_mul(2)?)?;
        let whole = u32::try_from(whole).ok()?;
        Some(Self { width, side, reference, bits, whole, ..nothing })
    }

    /// Position of the earlier column that must be decoded first.
    pub(super) fn refers_to(&self) -> Option<usize> {
        match self.reference {
            Reference::Column(column) => Some(usize::from(column)),
            Reference::Code(_) => None,
        }
    }

    /// Whether all codes are those of the reference.
    pub(super) fn is_reference(&self) -> bool {
        self.width == 0
    }

    /// The only code of a column without distances to one code.
    pub(super) fn constant(&self) -> Option<u16> {
        match self.reference {
            Reference::Code(code) if self.width == 0 => Some(code),
            _ => None,
        }
    }

    /// The packed bits in `block`, and the codes that follow whole.
    fn parts<'a>(&self, block: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let rest = block.get(self.bits as usize..)?;
        let packed = match self.width {
            WHOLE => 0,
            width => (self.len as usize * usize::from(width)).div_ceil(8),
        };
        let (bits, rest) = rest.split_at_checked(packed)?;
        Some((bits, rest.get(..self.whole as usize * 2)?))
    }

    /// Appends all codes to `out`, from the block that the column was read from. `other` is the
    /// decoded column referred to.
    pub(super) fn decode(
        &self,
        block: &[u8],
        other: Option<&[u16]>,
        out: &mut Vec<u16>,
    ) -> Option<()> {
        let (_, whole) = self.parts(block)?;
        let len = self.len as usize;
        if self.width == WHOLE {
            let pairs = whole.chunks_exact(2);
            out.extend(pairs.map(|p| u16::from_le_bytes([p[0], p[1]])));
            return Some(());
        }
        let base = match self.reference {
            Reference::Code(code) => Base::Code(code),
            Reference::Column(_) => Base::Column(other.filter(|o| o.len() == len)?),
        };
        if self.width == 0 {
            match base {
                Base::Code(code) => out.resize(out.len() + len, code),
                Base::Column(other) => out.extend_from_slice(other),
            }
            return Some(());
        }
        let start = out.len();
        out.resize(start + len, 0);
        let codes = &mut out[start..];
        unpack(block.get(self.bits as usize..)?, self.width, codes);
        let escape = escape(self.width);
        // A loop for each side, so that none has a branch.
        match self.side {
            Side::Both => finish(codes, base, escape, whole, |d, o| Side::Both.code(d, o)),
            Side::Above => finish(codes, base, escape, whole, |d, o| Side::Above.code(d, o)),
            Side::Below => finish(codes, base, escape, whole, |d, o| Side::Below.code(d, o)),
        }
    }

    /// Code `i` alone, from the block that the column was read from. `other` is the code at `i` of
    /// the column referred to.
    pub(super) fn code(&self, block: &[u8], i: usize, other: Option<u16>) -> Option<u16> {
        if i >= self.len as usize {
            return None;
        }
        let base = match self.reference {
            Reference::Code(base) => base,
            Reference::Column(_) => other?,
        };
        if self.width == 0 {
            return Some(base);
        }
        let (bits, whole) = self.parts(block)?;
        let whole = |i: usize| {
            let pair = whole.get(2 * i..2 * i + 2)?;
            Some(u16::from_le_bytes([pair[0], pair[1]]))
        };
        if self.width == WHOLE {
            return whole(i);
        }
        let field = field(bits, self.width, i);
        if field != escape(self.width) {
            return Some(self.side.code(field, base));
        }
        whole(escapes_before(bits, self.width, i))
    }
}

/// What the fields of a column are measured from, decoded.
#[derive(Clone, Copy)]
enum Base<'a> {
    Code(u16),
    Column(&'a [u16]),
}

/// Fields that are finished together: few enough for a bitmap of those that follow whole.
const STRETCH: usize = 16;

/// Turns fields into codes: near to those of `base`, or the next one of `whole` where a field says
/// so. `None` when fewer follow than fields say so.
fn finish(
    fields: &mut [u16],
    base: Base<'_>,
    escape: u16,
    whole: &[u8],
    code: impl Fn(u16, u16) -> u16,
) -> Option<()> {
    let mut whole = whole.chunks_exact(2);
    let (same, other) = match base {
        Base::Code(code) => ([code; STRETCH], None),
        Base::Column(other) => ([0; STRETCH], Some(other)),
    };
    let (others, last) = other.map_or((&[][..], &same[..]), <[u16]>::as_chunks::<STRETCH>);
    let (stretches, rest) = fields.as_chunks_mut::<STRETCH>();
    for (number, fields) in stretches.iter_mut().enumerate() {
        let from = others.get(number).unwrap_or(&same);
        finish_stretch(fields, from, escape, &mut whole, &code)?;
    }
    finish_stretch(rest, last, escape, &mut whole, code)
}

/// The same for at most [`STRETCH`] fields; inlined, as most calls know that it is just as many.
#[inline(always)]
fn finish_stretch<'a>(
    fields: &mut [u16],
    from: &[u16],
    escape: u16,
    whole: &mut impl Iterator<Item = &'a [u8]>,
    code: impl Fn(u16, u16) -> u16,
) -> Option<()> {
    let is_escape = |(i, &field): (usize, &u16)| u16::from(field == escape) << i;
    let mut escapes = fields.iter().enumerate().map(is_escape).fold(0, |all, one| all | one);
    fields.iter_mut().zip(from).for_each(|(field, &from)| *field = code(*field, from));
    while escapes != 0 {
        let pair = whole.next()?;
        fields[escapes.trailing_zeros() as usize] = u16::from_le_bytes([pair[0], pair[1]]);
        escapes &= escapes - 1;
    }
    Some(())
}

/// Unpacks as many fields of `width` bits, 1 to 15, as `out` has places for. Bytes behind the last of
/// them do no harm: it is faster with a few.
fn unpack(bits: &[u8], width: u8, out: &mut [u16]) {
    match width {
        1 => unpack_all::<1>(bits, out),
        2 => unpack_all::<2>(bits, out),
        3 => unpack_all::<3>(bits, out),
        4 => unpack_all::<4>(bits, out),
        5 => unpack_all::<5>(bits, out),
        6 => unpack_all::<6>(bits, out),
        7 => unpack_all::<7>(bits, out),
        8 => unpack_all::<8>(bits, out),
        9 => unpack_all::<9>(bits, out),
        10 => unpack_all::<10>(bits, out),
        11 => unpack_all::<11>(bits, out),
        12 => unpack_all::<12>(bits, out),
        13 => unpack_all::<13>(bits, out),
        14 => unpack_all::<14>(bits, out),
        _ => unpack_all::<15>(bits, out),
    }
}

/// For a width known to the compiler, so that every shift is a constant.
fn unpack_all<const WIDTH: usize>(bits: &[u8], out: &mut [u16]) {
    let mask = u64::from(escape(WIDTH as u8));
    let mut done = 0;
    // Eight fields start and end with a byte; four of them are within eight bytes.
    for (eight, at) in out.as_chunks_mut::<8>().0.iter_mut().zip((0..).step_by(WIDTH)) {
        let (low, high) = (bits.get(at..), bits.get(at + WIDTH / 2..));
        let word = |bytes: Option<&[u8]>| Some(u64::from_le_bytes(*bytes?.first_chunk()?));
        let (Some(low), Some(high)) = (word(low), word(high)) else { break };
        let high = high >> (4 * WIDTH % 8);
        for i in 0..4 {
            eight[i] = (low >> (i * WIDTH) & mask) as u16;
            eight[i + 4] = (high >> (i * WIDTH) & mask) as u16;
        }
        done += 8;
    }
    // What is too near to the end for that.
    let rest = out.iter_mut().enumerate().skip(done);
    rest.for_each(|(i, out)| *out = field(bits, WIDTH as u8, i));
}

/// Field `i` of the packed bits.
fn field(bits: &[u8], width: u8, i: usize) -> u16 {
    let bit = i * usize::from(width);
    let from = bit / 8;
    let bytes = match bits.get(from..from + 4) {
        Some(four) => u32::from_le_bytes([four[0], four[1], four[2], four[3]]),
        None => {
            let tail = bits.get(from..).unwrap_or_default();
            tail.iter().rev().fold(0, |all, &b| all << 8 | u32::from(b))
        }
    };
    (bytes >> (bit % 8)) as u16 & escape(width)
}

/// Fields before field `i` that say "follows whole".
fn escapes_before(bits: &[u8], width: u8, i: usize) -> usize {
    if width != 1 {
        return (0..i).filter(|&j| field(bits, width, j) == escape(width)).count();
    }
    // Escapes are the set bits of a bitmap.
    let full: u32 = bits[..i / 8].iter().map(|byte| byte.count_ones()).sum();
    let rest = bits.get(i / 8).map_or(0, |b| (b & ((1 << (i % 8)) - 1)).count_ones());
    (full + rest) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Columns as they occur: anything, near one code, mostly one code, near another column.
    fn column() -> impl Strategy<Value = (Vec<u16>, Vec<u16>)> {
        let noise = prop::collection::vec(any::<u16>(), 1..300);
        (noise, 0u8..7, any::<u16>()).prop_map(|(noise, shape, base)| {
            let other: Vec<u16> = noise.iter().map(|n| n.rotate_left(3)).collect();
            let codes = noise.iter().zip(&other).map(|(&n, &o)| match shape {
                0 => n,
                1 => base.wrapping_add(n % 50),
                2 if n % 16 > 0 => 0,
                3 if n % 16 > 0 => MISSING,
                4 => o.saturating_add(n % 500),
                5 => o.saturating_sub(n % 500),
                _ => o.wrapping_add(n % 9),
            });
            (codes.collect(), other)
        })
    }

    proptest! {
        #[test]
        fn codes_come_back_all_and_alone((codes, other) in column(), related: bool) {
            let near = related.then_some((7, other.as_slice()));
            let mut out = Vec::new();
            put(&codes, near, &mut out);
            prop_assert!(out.len() <= codes.len() * 2 + 3);
            let mut cursor = Cursor::new(&out);
            let column = Column::parse(&mut cursor, codes.len()).unwrap();
            prop_assert_eq!(cursor.left(), 0);
            let other = column.refers_to().map(|_| other.as_slice());
            let mut back = Vec::new();
            column.decode(&out, other, &mut back).unwrap();
            prop_assert_eq!(&back, &codes);
            for (i, &code) in codes.iter().enumerate() {
                prop_assert_eq!(column.code(&out, i, other.map(|o| o[i])), Some(code));
            }
            prop_assert_eq!(column.code(&out, codes.len(), Some(0)), None);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes: Vec<u8>, len in 0usize..400) {
            let mut cursor = Cursor::new(&bytes);
            while let Some(column) = Column::parse(&mut cursor, len) {
                let mut out = Vec::new();
                let _ = column.decode(&bytes, Some(&vec![1; len]), &mut out);
                prop_assert!(out.len() <= len);
                let _ = column.code(&bytes, len / 2, Some(1));
                if len == 0 { break; }
            }
        }
    }

    #[test]
    fn sizes_of_the_usual_columns() {
        let size = |codes: &[u16], near: Option<&[u16]>| {
            let mut out = Vec::new();
            put(codes, near.map(|n| (0, n)), &mut out);
            out.len()
        };
        assert_eq!(size(&[], None), 0);
        assert_eq!(size(&[MISSING; 256], None), 3, "absent");
        assert_eq!(size(&[5; 256], None), 3, "constant");
        let mut idle = [0u16; 256];
        idle[7] = 40_000;
        assert_eq!(size(&idle, None), 1 + 2 + 1 + 32 + 2, "a bitmap and one value");
        let noise: Vec<u16> = (0..256u16).map(|i| i.wrapping_mul(40_503)).collect();
        assert_eq!(size(&noise, None), 1 + 512, "never more than two bytes a code");
        assert_eq!(size(&noise, Some(&noise)), 2, "as an earlier column");
    }
}
