//! Little-endian bytes in and out; reading never goes past the end and never trusts a length.

/// Whether bytes match the CRC-32 that was written beside them.
#[cfg(not(fuzzing))]
pub(crate) fn intact(bytes: &[u8], crc: u32) -> bool {
    crc32fast::hash(bytes) == crc
}

/// For the fuzzer, which cannot guess a checksum and would never come behind one: any matches, except 0 for damage.
#[cfg(fuzzing)]
pub(crate) fn intact(bytes: &[u8], crc: u32) -> bool {
    crc != 0 || bytes.is_empty()
}

#[cfg(all(fuzzing, not(debug_assertions)))]
compile_error!("`--cfg fuzzing` takes the checks of the store away: it is for cargo-fuzz alone");

/// Reads from a slice, front to back; `None` where the data ends or makes no sense.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { rest: data, len: data.len() }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|b| b[0])
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// Unsigned LEB128: seven bits a byte, lowest first, at most ten bytes.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A varint that must fit the caller's type.
    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.varint()?).ok()
    }

    /// Signed number as zigzag varint.
    pub(super) fn signed(&mut self) -> Option<i64> {
        let raw = self.varint()?;
        Some((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()))
    }

    /// Varint length, then that many bytes of UTF-8.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let len = self.number()?;
        std::str::from_utf8(self.take(len)?).ok()
    }
}

/// Appends the same forms to a buffer.
pub(super) trait Put {
    fn bytes(&mut self, bytes: &[u8]);

    fn put_u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }
    fn put_u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }
    fn put_i64(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }
    fn put_f64(&mut self, value: f64) {
        self.bytes(&value.to_le_bytes());
    }
    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.put_u8(value as u8);
    }
    fn put_signed(&mut self, value: i64) {
        self.put_varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }
    fn put_text(&mut self, text: &str) {
        self.put_varint(text.len() as u64);
        self.bytes(text.as_bytes());
    }
}

impl Put for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(unsigned: u64, signed: i64, text: String) {
            let mut out = Vec::new();
            out.put_varint(unsigned);
            out.put_signed(signed);
            out.put_text(&text);
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(cursor.varint(), Some(unsigned));
            prop_assert_eq!(cursor.signed(), Some(signed));
            prop_assert_eq!(cursor.text(), Some(text.as_str()));
            prop_assert_eq!(cursor.left(), 0);
        }
    }

    #[test]
    fn other_bytes_or_another_checksum_do_not_match() {
        let crc = crc32fast::hash(b"123456789");
        assert_eq!(crc, 0xcbf4_3926, "the check value of CRC-32");
        assert!(intact(b"123456789", crc));
        assert!(!intact(b"123456788", crc));
        assert!(!intact(b"123456789", !crc));
    }

    #[test]
    fn hostile_numbers_are_refused() {
        assert_eq!(Cursor::new(&[0x80]).varint(), None, "unfinished");
        assert_eq!(Cursor::new(&[0xff; 11]).varint(), None, "longer than 64 bits");
        assert_eq!(
            Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varint(),
            None
        );
        assert_eq!(Cursor::new(&[200, 1, b'x']).text(), None, "length beyond the end");
        assert_eq!(Cursor::new(&[1, 0xff]).text(), None, "not UTF-8");
        assert_eq!(Cursor::new(&[0x80, 2]).number::<u8>(), None, "256 is no u8");
    }
}
