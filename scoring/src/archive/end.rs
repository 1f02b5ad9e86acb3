//! The end of a zip: where its directory is and how many entries it has.
//!
//! Insists on one reading: exactly one end record, reaching exactly to the end
//! of the bytes, with the directory ending exactly where it begins.

use super::bytes::{slice, u16_at, u32_at, u64_at};
use crate::problem::{Problem, ProblemCode};

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
const END64: &[u8] = b"PK\x06\x06";
const END64_BYTES: usize = 56;
/// The longest comment that a 16-bit length can state.
const COMMENT_BYTES: usize = 0xffff;

/// Where the directory is.
pub(super) struct Directory {
    /// Entries it says it has.
    pub(super) entries: usize,
    /// Its first byte.
    pub(super) start: usize,
    /// The byte after its last.
    pub(super) end: usize,
}

/// Finds the directory from the end of the bytes.
pub(super) fn find(bytes: &[u8]) -> Result<Directory, Problem> {
    let at = find_record(bytes)?;
    let short = || Problem::new(ProblemCode::Truncated).expected("a whole end record");
    let record = Record::at(bytes, at).ok_or_else(short)?;
    let locator = at.checked_sub(LOCATOR_BYTES).filter(|at| bytes[*at..].starts_with(LOCATOR));
    let (record, end) = match locator {
        Some(locator) => record.with_zip64(bytes, locator)?,
        None => (record, at),
    };
    if record.disk != 0 || record.directory_disk != 0 || record.entries_here != record.entries {
        return Err(Problem::new(ProblemCode::MultiDisk).found("this file").expected("the whole archive in one file"));
    }
    // What does not fit is larger than the archive; the comparison below says so.
    let size = usize::try_from(record.size).unwrap_or(usize::MAX);
    let start = usize::try_from(record.offset).unwrap_or(usize::MAX);
    match start.checked_add(size) {
        Some(stated) if stated == end => {
            Ok(Directory { entries: usize::try_from(record.entries).unwrap_or(usize::MAX), start, end })
        }
        Some(stated) if stated < end => Err(Problem::new(ProblemCode::Ambiguous)
            .found(format!("the archive has {} bytes that its directory does not know of and", end - stated))
            .expected("nothing before the first entry and nothing after the directory")),
        _ => Err(Problem::new(ProblemCode::Inconsistent)
            .found("the place of the directory")
            .expected("a directory that lies within the archive")),
    }
}

/// Finds the one end record whose comment reaches the end of the bytes.
fn find_record(bytes: &[u8]) -> Result<usize, Problem> {
    let comment_end = |at: usize| Some(at + END_BYTES + usize::from(u16_at(bytes, at + END_BYTES - 2)?));
    let window = bytes.len().saturating_sub(END_BYTES + COMMENT_BYTES);
    let mut fitting = signatures(bytes, window).filter(|at| comment_end(*at) == Some(bytes.len()));
    let Some(at) = fitting.next() else {
        return Err(no_end(bytes, signatures(bytes, 0).filter_map(comment_end).min()));
    };
    // Another record in the comment would be the end for another reader.
    if signatures(bytes, at + END.len()).next().is_some() {
        return Err(Problem::new(ProblemCode::Ambiguous)
            .found("the archive has two end records and")
            .expected("one end record, and none in the comment"));
    }
    Ok(at)
}

/// Why there is no end record at the end; `first` is the end of the first that
/// stands somewhere else.
fn no_end(bytes: &[u8], first: Option<usize>) -> Problem {
    match first {
        Some(end) if end < bytes.len() => Problem::new(ProblemCode::Ambiguous)
            .found(format!("the archive has {} bytes after its end and", bytes.len() - end))
            .expected("nothing after the end record"),
        Some(_) => Problem::new(ProblemCode::Truncated).expected("a whole end record"),
        None if bytes.starts_with(b"PK\x07\x08") => {
            Problem::new(ProblemCode::MultiDisk).found("this file").expected("the whole archive in one file")
        }
        None if bytes.starts_with(b"PK\x03\x04") => {
            Problem::new(ProblemCode::Truncated).expected("an end record; was the upload cut off?")
        }
        None => Problem::new(ProblemCode::NotAZip).found(kind_of(bytes)).expected("a zip archive"),
    }
}

/// Where end records seem to begin, from `start` on.
fn signatures(bytes: &[u8], start: usize) -> impl Iterator<Item = usize> + '_ {
    let found = move |(at, window): (usize, &[u8])| (window == END).then_some(start + at);
    bytes[start.min(bytes.len())..].windows(END.len()).enumerate().filter_map(found)
}

/// What an end record says, in its widest form.
struct Record {
    disk: u32,
    directory_disk: u32,
    entries_here: u64,
    entries: u64,
    size: u64,
    offset: u64,
}

impl Record {
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        Some(Self {
            disk: u16_at(bytes, at + 4)?.into(),
            directory_disk: u16_at(bytes, at + 6)?.into(),
            entries_here: u16_at(bytes, at + 8)?.into(),
            entries: u16_at(bytes, at + 10)?.into(),
            size: u32_at(bytes, at + 12)?.into(),
            offset: u32_at(bytes, at + 16)?.into(),
        })
    }

    fn wide_at(bytes: &[u8], at: usize) -> Option<Self> {
        Some(Self {
            disk: u32_at(bytes, at + 16)?,
            directory_disk: u32_at(bytes, at + 20)?,
            entries_here: u64_at(bytes, at + 24)?,
            entries: u64_at(bytes, at + 32)?,
            size: u64_at(bytes, at + 40)?,
            offset: u64_at(bytes, at + 48)?,
        })
    }

    /// The zip64 record before the locator, and where it begins. What the
    /// narrow record says must agree with it or be left to it.
    fn with_zip64(&self, bytes: &[u8], locator: usize) -> Result<(Self, usize), Problem> {
        let wrong = |what: &str| {
            Problem::new(ProblemCode::Inconsistent)
                .found(what)
                .expected("a zip64 end record that agrees with the end record")
        };
        let place = u64_at(bytes, locator + 8).and_then(|at| usize::try_from(at).ok());
        let start = locator.checked_sub(END64_BYTES);
        let Some(start) = start.filter(|start| place == Some(*start) && bytes[*start..].starts_with(END64)) else {
            return Err(wrong("the zip64 locator"));
        };
        // The stated size leaves out the signature and itself.
        if u64_at(bytes, start + 4) != Some(END64_BYTES as u64 - 12) {
            return Err(wrong("the zip64 end record"));
        }
        let wide = Self::wide_at(bytes, start).ok_or_else(|| wrong("the zip64 end record"))?;
        let agrees = |narrow: u64, wide: u64, left_to_it: u64| narrow == left_to_it || narrow == wide;
        let all_agree = agrees(self.disk.into(), wide.disk.into(), 0xffff)
            && agrees(self.directory_disk.into(), wide.directory_disk.into(), 0xffff)
            && agrees(self.entries_here, wide.entries_here, 0xffff)
            && agrees(self.entries, wide.entries, 0xffff)
            && agrees(self.size, wide.size, 0xffff_ffff)
            && agrees(self.offset, wide.offset, 0xffff_ffff);
        if all_agree { Ok((wide, start)) } else { Err(wrong("the end record")) }
    }
}

/// A name for bytes that are no zip, from their first bytes.
fn kind_of(bytes: &[u8]) -> &'static str {
    const KINDS: [(&[u8], &str); 15] = [
        (b"\x1f\x8b", "a gzip file (perhaps .tar.gz)"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!", "a RAR archive"),
        (b"BZh", "a bzip2 file"),
        (b"\xfd7zXZ", "an xz file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"%PDF", "a PDF"),
        (b"\x89PNG", "a PNG image"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"\x80\x02", "a Python pickle"),
        (b"\x80\x04", "a Python pickle"),
        (b"\x7fELF", "a program"),
        (b"MZ", "a program"),
        (b"<", "an HTML or XML page"),
        (b"{", "JSON text"),
    ];
    if bytes.is_empty() {
        return "an empty file";
    }
    if slice(bytes, 257, 5) == Some(b"ustar") {
        return "a tar archive";
    }
    let start = bytes.trim_ascii_start();
    let known = KINDS.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, kind)| *kind);
    known.unwrap_or("the file")
}
