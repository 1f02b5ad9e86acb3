//! 32 bytes as 64 hexadecimal digits, in small letters alone: a value has one text.

use std::fmt;

/// Which bytes a text stands for.
pub(crate) fn read(text: &str) -> Result<[u8; 32], NotHexadecimal> {
    let small = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut bytes = [0; 32];
    if !text.bytes().all(small) || hex::decode_to_slice(text, &mut bytes).is_err() {
        return Err(NotHexadecimal);
    }
    Ok(bytes)
}

/// The text of some bytes.
pub(crate) fn write(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&hex::encode(bytes))
}

/// The text is not that of 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits in small letters")]
pub struct NotHexadecimal;

/// Makes a type of 32 bytes readable and writable as text, also by serde.
macro_rules! text_of_32_bytes {
    ($name:ident) => {
        impl std::str::FromStr for $name {
            type Err = $crate::hexadecimal::NotHexadecimal;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::hexadecimal::read(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&hex::encode(self.0))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_of_32_bytes;
