//! The entries' own headers, and that the bytes have one reading.
//!
//! Every byte before the directory must belong to exactly one entry: header,
//! data and data descriptor of each reach to the header of the next. This shuts
//! out overlapping bombs, stubs and hidden content before anything is inflated,
//! in time n log n.

use super::bytes::{slice, u16_at, u32_at, u64_at};
use super::directory::{Record, Wide, field};
use crate::problem::{Collector, Problem, ProblemCode};

const HEADER: &[u8] = b"PK\x03\x04";
const HEADER_BYTES: usize = 30;
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
/// Flag: checksum and sizes follow the data.
const STREAMED: u16 = 1 << 3;
/// Flags that both headers must agree on: those of encryption.
const AGREED_FLAGS: u16 = 1 | 1 << 6 | 1 << 13;

/// Checks all entries against their own headers and against each other, and
/// returns each one's data, in the order of the records. The list is complete
/// only if no problem was added.
pub(super) fn locate<'a>(
    bytes: &'a [u8],
    records: &[Record<'_>],
    directory_start: usize,
    problems: &mut Collector,
) -> Vec<&'a [u8]> {
    let area = &bytes[..directory_start];
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|index| records[*index].offset);
    if let Some(first) = order.first().map(|index| &records[*index])
        && first.offset > 0
    {
        problems.push(
            Problem::new(ProblemCode::Ambiguous)
                .at(first.name)
                .found(format!("the archive has {} bytes before its first entry and", first.offset))
                .expected("nothing before the first entry"),
        );
    }
    // A place beyond the directory is reported at the entry that claims it.
    let within = |offset: u64| offset.min(directory_start as u64);
    let ends = order.iter().skip(1).map(|next| within(records[*next].offset)).chain([directory_start as u64]);
    let mut data = vec![&area[..0]; records.len()];
    for (index, end) in order.iter().zip(ends) {
        match entry(area, &records[*index], end) {
            Ok(found) => data[*index] = found,
            Err(problem) => problems.push(problem),
        }
    }
    data
}

/// The data of one entry, which with its header and descriptor must reach
/// exactly to `end`.
fn entry<'a>(area: &'a [u8], record: &Record<'_>, end: u64) -> Result<&'a [u8], Problem> {
    let wrong = |code, found: &str, expected: &str| Problem::new(code).at(record.name).found(found).expected(expected);
    let no_header = || wrong(ProblemCode::Inconsistent, "the place of the entry", "a local header there");
    let at = usize::try_from(record.offset).map_err(|_| no_header())?;
    let header = Header::at(area, at).ok_or_else(no_header)?;
    if header.name != record.name {
        let problem = Problem::new(ProblemCode::Inconsistent).at(record.name).found_bytes(header.name);
        return Err(problem.expected("the same name in the directory and before the data"));
    }
    if header.method != record.method || (header.flags ^ record.flags) & AGREED_FLAGS != 0 {
        let expected = "the same method and encryption in the directory and before the data";
        return Err(wrong(ProblemCode::Inconsistent, "the local header", expected));
    }
    let streamed = header.flags & STREAMED != 0;
    if !header.agrees(record, streamed) {
        let expected = "the same checksum and sizes in the directory and before the data";
        return Err(wrong(ProblemCode::Inconsistent, "the local header", expected));
    }
    let data_end = (header.data_start as u64).checked_add(record.packed).filter(|data_end| *data_end <= end);
    let (Some(data_end), Ok(end)) = (data_end, usize::try_from(end)) else {
        return Err(wrong(ProblemCode::OverlappingEntries, "the entry", "entries one after another"));
    };
    let data_end = data_end as usize;
    let rest = &area[data_end..end];
    if streamed {
        check_descriptor(rest, record)?;
    } else if !rest.is_empty() {
        let found = format!("the archive has {} bytes after this entry and", rest.len());
        return Err(wrong(ProblemCode::Ambiguous, &found, "entries one after another"));
    }
    Ok(&area[header.data_start..data_end])
}

/// The header before an entry's data.
struct Header<'a> {
    name: &'a [u8],
    flags: u16,
    method: u16,
    crc: u32,
    packed: Option<u64>,
    size: Option<u64>,
    data_start: usize,
}

impl<'a> Header<'a> {
    fn at(area: &'a [u8], at: usize) -> Option<Self> {
        let header = slice(area, at, HEADER_BYTES).filter(|header| header.starts_with(HEADER))?;
        let (name_bytes, extra_bytes) = (u16_at(header, 26)?.into(), u16_at(header, 28)?.into());
        let name_at = at + HEADER_BYTES;
        let extra = slice(area, name_at + name_bytes, extra_bytes)?;
        let mut wide = Wide(field(extra, 1).unwrap_or_default());
        let size = wide.resolve(u32_at(header, 22)?);
        let packed = wide.resolve(u32_at(header, 18)?);
        Some(Self {
            name: slice(area, name_at, name_bytes)?,
            flags: u16_at(header, 6)?,
            method: u16_at(header, 8)?,
            crc: u32_at(header, 14)?,
            packed,
            size,
            data_start: name_at + name_bytes + extra_bytes,
        })
    }

    /// Whether checksum and sizes are the directory's. A streamed entry may
    /// leave them 0, because they were not known yet.
    fn agrees(&self, record: &Record<'_>, streamed: bool) -> bool {
        let same = |local: Option<u64>, central: u64| local == Some(central) || streamed && local == Some(0);
        same(Some(self.crc.into()), record.crc.into())
            && same(self.packed, record.packed)
            && same(self.size, record.size)
    }
}

/// Checks what follows the data of a streamed entry: a signature or none, the
/// checksum, then both sizes in 32 or in 64 bits.
fn check_descriptor(rest: &[u8], record: &Record<'_>) -> Result<(), Problem> {
    let wrong =
        |code, found: String, expected: &str| Problem::new(code).at(record.name).found(found).expected(expected);
    let content = match rest.len() {
        16 | 24 => rest.strip_prefix(DESCRIPTOR),
        12 | 20 => Some(rest),
        _ => None,
    };
    let Some(content) = content else {
        let found = format!("the archive has {} bytes after this entry and", rest.len());
        return Err(wrong(ProblemCode::Ambiguous, found, "one data descriptor of 12 to 24 bytes"));
    };
    let sizes = if content.len() == 12 {
        (u32_at(content, 4).map(u64::from), u32_at(content, 8).map(u64::from))
    } else {
        (u64_at(content, 4), u64_at(content, 12))
    };
    if u32_at(content, 0) != Some(record.crc) {
        let expected = "the same checksum after the data and in the directory";
        return Err(wrong(ProblemCode::Crc, "the data descriptor".to_owned(), expected));
    }
    if sizes != (Some(record.packed), Some(record.size)) {
        let expected = "the same sizes after the data and in the directory";
        return Err(wrong(ProblemCode::SizeMismatch, "the data descriptor".to_owned(), expected));
    }
    Ok(())
}
