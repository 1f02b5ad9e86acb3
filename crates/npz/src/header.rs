//! Reads the header of a `.npy` file, and checks it before it is parsed.

use std::io::{self, Read};

use npyz::NpyHeader;

use super::NpzError;

/// The longest header that is read, in bytes: NumPy's own limit for files that are not trusted.
const MAX_HEADER_BYTES: usize = 10_000;

/// The largest number of digits in a shape; with so few in all, the product of the dimensions fits
/// in a `u64`.
const MAX_SHAPE_DIGITS: usize = 19;

/// How every `.npy` file begins.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Reads a header up to the first byte of the data, and returns it with its length in bytes.
pub(super) fn read_header(reader: &mut impl Read) -> Result<(NpyHeader, u64), NpzError> {
    let mut bytes = vec![0; 8];
    read_exactly(reader, &mut bytes)?;
    if !bytes.starts_with(MAGIC) {
        return Err(NpzError::NotNpy);
    }
    let width = if bytes[6] == 1 { 2 } else { 4 };
    let mut length = [0; 4];
    read_exactly(reader, &mut length[..width])?;
    bytes.extend_from_slice(&length[..width]);
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(|error| unreadable(&error))?;
    if length > MAX_HEADER_BYTES {
        return Err(NpzError::Header(format!("{length} bytes long")));
    }
    let text = bytes.len();
    bytes.resize(text + length, 0);
    read_exactly(reader, &mut bytes[text..])?;
    check_header_text(&bytes[text..])?;
    let header = NpyHeader::from_reader(bytes.as_slice()).map_err(|error| unreadable(&error))?;
    Ok((header, bytes.len() as u64))
}

fn read_exactly(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), NpzError> {
    reader.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => NpzError::NotNpy,
        _ => NpzError::Io(error),
    })
}

/// Accepts what NumPy writes for a plain array: one flat dictionary with one tuple of whole
/// numbers.
///
/// The parser reads any Python literal. It needs exponential time and stack for nested brackets,
/// and in a debug build it panics if the product of the shape overflows, so neither may reach it.
fn check_header_text(text: &[u8]) -> Result<(), NpzError> {
    let refuse = |reason: &str| Err(NpzError::Header(reason.to_owned()));
    let count = |wanted: u8| text.iter().filter(|&&byte| byte == wanted).count();
    if !text.is_ascii() || count(b'\\') + count(b'[') + count(b']') > 0 {
        return refuse("not that of a plain array");
    }
    if b"{}()".iter().any(|&bracket| count(bracket) != 1) {
        return refuse("not one dictionary with one shape");
    }
    let inside = text.iter().skip_while(|&&byte| byte != b'(').skip(1).take_while(|&&byte| byte != b')');
    let mut digits = 0;
    for byte in inside {
        match byte {
            b'0'..=b'9' => digits += 1,
            b',' | b' ' => {}
            _ => return refuse("the shape is not made of whole numbers"),
        }
    }
    if digits > MAX_SHAPE_DIGITS {
        return refuse("the shape is too large");
    }
    Ok(())
}

/// The bytes of data that a header promises.
pub(super) fn body_bytes(header: &NpyHeader) -> Result<u64, NpzError> {
    let element = match header.uses_pickled_array() {
        true => None,
        false => header.dtype().num_bytes(),
    };
    let element = element.ok_or_else(|| NpzError::ElementType { wanted: "numbers", found: header.dtype().descr() })?;
    let bytes = (element as u64).checked_mul(header.len());
    bytes.ok_or(NpzError::TooLarge(u64::MAX))
}

pub(super) fn unreadable(error: &impl ToString) -> NpzError {
    NpzError::Header(error.to_string())
}
