//! Writes the wire format of protocol buffers, as far as ONNX files need it. This module knows
//! field numbers and bytes, but not their meaning.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

#[cfg(test)]
pub(super) mod reader;
#[cfg(test)]
mod tests;

/// A message that is being written.
#[derive(Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

const VARINT: u64 = 0;
const DELIMITED: u64 = 2;

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
