//! The wire format of protocol buffers, as far as ONNX files need it: fields written, and read back.
//!
//! It knows field numbers and bytes, not what they mean. <https://protobuf.dev/programming-guides/encoding/>

/// A message that is being written.
#[derive(Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

impl Message {
    /// Adds a whole number.
    pub(super) fn number(mut self, field: u32, value: u64) -> Self {
        self.key(field, VARINT);
        self.varint(value);
        self
    }

    /// Adds bytes or text.
    pub(super) fn bytes(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.key(field, DELIMITED);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
        self
    }

    /// Adds a message within this one.
    pub(super) fn message(self, field: u32, value: Message) -> Self {
        self.bytes(field, value.bytes)
    }

    /// The message as it is written to a file.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn key(&mut self, field: u32, kind: u64) {
        self.varint((u64::from(field) << 3) | kind);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

/// The value of one field that was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// A whole number, or a fixed-size value as its bits.
    Number(u64),
    /// Bytes, text or a message.
    Bytes(&'a [u8]),
}

/// Iterates over the fields of a message; `None` in place of a field ends one that is broken.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// The fields of the message in `bytes`.
pub(super) fn fields(bytes: &[u8]) -> Fields<'_> {
    Fields { rest: bytes }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            VARINT => Value::Number(self.varint()?),
            FIXED_64 => Value::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            FIXED_32 => Value::Number(u64::from(u32::from_le_bytes(self.take(4)?.try_into().ok()?))),
            DELIMITED => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let inner = Message::default().bytes(1, "abc");
        let bytes = Message::default().number(1, 150).message(3, inner).number(20, u64::MAX).finish();
        assert_eq!(bytes[..3], [0x08, 0x96, 0x01], "the example of the format's own documentation");
        let read: Vec<_> = fields(&bytes).map(Option::unwrap).collect();
        let inner: &[u8] = &[0x0a, 3, b'a', b'b', b'c'];
        assert_eq!(read, [(1, Value::Number(150)), (3, Value::Bytes(inner)), (20, Value::Number(u64::MAX))]);
    }

    #[test]
    fn broken_messages_end_with_none() {
        for broken in [&[0x08][..], &[0x0a, 5, 1], &[0x0b], &[0xff; 11], &[0x0d, 1, 2, 3]] {
            assert_eq!(fields(broken).last(), Some(None), "{broken:?}");
        }
    }
}
