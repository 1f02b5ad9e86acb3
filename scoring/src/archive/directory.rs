//! The directory of a zip: one record an entry, read with checked arithmetic.

use super::bytes::{slice, u16_at, u32_at, u64_at};
use super::end::Directory;
use crate::problem::{Problem, ProblemCode};

const HEADER: &[u8] = b"PK\x01\x02";
const HEADER_BYTES: usize = 46;
/// The field that holds what does not fit into 32 bits.
const ZIP64_FIELD: u16 = 0x0001;
/// The field that states a name in Unicode beside the name.
const UNICODE_PATH_FIELD: u16 = 0x7075;

/// What the directory says about one entry.
pub(crate) struct Record<'a> {
    pub(crate) name: &'a [u8],
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    /// Bytes in the archive.
    pub(super) packed: u64,
    /// Bytes once inflated.
    pub(super) size: u64,
    /// Where the entry's own header begins.
    pub(super) offset: u64,
    /// DOS attributes in the low half, a Unix mode in the high half.
    pub(super) attributes: u32,
}

/// Reads all records; the directory must hold exactly as many as it says.
pub(super) fn read<'a>(bytes: &'a [u8], directory: &Directory) -> Result<Vec<Record<'a>>, Problem> {
    let area = &bytes[..directory.end];
    let mut records = Vec::with_capacity(directory.entries);
    let mut at = directory.start;
    for _ in 0..directory.entries {
        let (record, next) = record(area, at)?;
        records.push(record);
        at = next;
    }
    if at != directory.end {
        return Err(wrong("the number of entries", "as many entries as the directory has"));
    }
    Ok(records)
}

/// The record at `at` and where the next begins.
fn record(area: &[u8], at: usize) -> Result<(Record<'_>, usize), Problem> {
    let broken = || wrong("the directory", "whole records, one for each entry");
    let header = slice(area, at, HEADER_BYTES).filter(|header| header.starts_with(HEADER)).ok_or_else(broken)?;
    let short = |at: usize| u16_at(header, at).ok_or_else(broken);
    let long = |at: usize| u32_at(header, at).ok_or_else(broken);
    let (name_bytes, extra_bytes, comment_bytes) = (short(28)?.into(), short(30)?.into(), usize::from(short(32)?));
    let name_at = at + HEADER_BYTES;
    let name: &[u8] = slice(area, name_at, name_bytes).ok_or_else(broken)?;
    let extra = slice(area, name_at + name_bytes, extra_bytes).ok_or_else(broken)?;
    let next = name_at + name_bytes + extra_bytes + comment_bytes;
    if next > area.len() {
        return Err(broken());
    }
    let mut wide = Wide(field(extra, ZIP64_FIELD).unwrap_or_default());
    let size = wide.resolve(long(24)?);
    let packed = wide.resolve(long(20)?);
    let offset = wide.resolve(long(42)?);
    let (Some(size), Some(packed), Some(offset)) = (size, packed, offset) else {
        return Err(wrong("a size or place of 0xffffffff", "the zip64 field that holds it").at(name));
    };
    if !matches!(short(34)?, 0 | 0xffff) {
        return Err(Problem::new(ProblemCode::MultiDisk)
            .at(name)
            .found("this file")
            .expected("the whole archive in one file"));
    }
    if field(extra, UNICODE_PATH_FIELD).is_some_and(|unicode| unicode.get(5..) != Some(name)) {
        return Err(wrong("the Unicode name", "the same name in all places").at(name));
    }
    let record = Record {
        name,
        flags: short(8)?,
        method: short(10)?,
        crc: long(16)?,
        packed,
        size,
        offset,
        attributes: long(38)?,
    };
    Ok((record, next))
}

/// The 64-bit values of a zip64 field, taken in order by the fields that need one.
pub(super) struct Wide<'a>(pub(super) &'a [u8]);

impl Wide<'_> {
    /// The value itself, or the next wide one where it says so.
    pub(super) fn resolve(&mut self, narrow: u32) -> Option<u64> {
        if narrow != u32::MAX {
            return Some(narrow.into());
        }
        let wide = u64_at(self.0, 0)?;
        self.0 = &self.0[8..];
        Some(wide)
    }
}

/// The first extra field of this kind. Padding that is no field ends the search:
/// honest tools write it.
pub(super) fn field(extra: &[u8], kind: u16) -> Option<&[u8]> {
    let mut at = 0;
    loop {
        let content = slice(extra, at + 4, u16_at(extra, at + 2)?.into())?;
        if u16_at(extra, at)? == kind {
            return Some(content);
        }
        at += 4 + content.len();
    }
}

fn wrong(found: &str, expected: &str) -> Problem {
    Problem::new(ProblemCode::Inconsistent).found(found).expected(expected)
}
