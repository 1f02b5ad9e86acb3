//! A zip in memory: bytes to entries under limits.
//!
//! Reads the directory itself instead of through a library, because a judge of
//! uploads has to see what libraries hide: duplicates, overlaps, stubs, second
//! ends, headers that disagree. Nothing is ever written to disk, no name is ever
//! used as a path, and nothing is inflated before the whole structure is sound.

mod bytes;
mod directory;
mod end;
mod inflate;
mod local;
mod name;

use std::collections::BTreeMap;

pub(crate) use directory::Record;
pub(crate) use inflate::{Inflater, check as check_content};

use crate::limits::Limits;
use crate::problem::{Collector, Problem, ProblemCode};

/// An entry of a sound archive.
pub(crate) struct Entry<'a> {
    pub(crate) record: Record<'a>,
    data: &'a [u8],
}

impl Entry<'_> {
    /// Bytes once inflated, as stated.
    pub(crate) fn size(&self) -> u64 {
        self.record.size
    }
}

/// Reads the structure of a zip. Returns the regular entries with good names,
/// in the order of the directory; `None` if the structure itself is not sound.
pub(crate) fn open<'a>(bytes: &'a [u8], limits: &Limits, problems: &mut Collector) -> Option<Vec<Entry<'a>>> {
    match records(bytes, limits) {
        Ok((records, directory_start)) => {
            let before = problems.total();
            let data = local::locate(bytes, &records, directory_start, problems);
            let sound = problems.total() == before;
            let entries = records.into_iter().zip(data).map(|(record, data)| Entry { record, data });
            let entries = presentable(entries.collect(), limits, problems);
            sound.then_some(entries)
        }
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

/// The directory's records and where it begins.
fn records<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Vec<Record<'a>>, usize), Problem> {
    if bytes.len() > limits.archive_bytes {
        return Err(Problem::new(ProblemCode::ArchiveTooLarge)
            .found(format!("an archive of {} bytes", bytes.len()))
            .expected(format!("at most {} bytes", limits.archive_bytes)));
    }
    let directory = end::find(bytes)?;
    // The count alone is enough to refuse; reading a million records is not needed.
    if directory.entries > limits.entries {
        return Err(Problem::new(ProblemCode::TooManyEntries)
            .found(format!("{} entries", directory.entries))
            .expected(format!("at most {}", limits.entries)));
    }
    Ok((directory::read(bytes, &directory)?, directory.start))
}

/// The regular entries; says what is wrong with the names and kinds of the rest.
fn presentable<'a>(entries: Vec<Entry<'a>>, limits: &Limits, problems: &mut Collector) -> Vec<Entry<'a>> {
    let mut seen: BTreeMap<String, &'a [u8]> = BTreeMap::new();
    let mut good = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = entry.record.name;
        let by_itself = name::check(name, limits).and_then(|()| check_kind(&entry.record));
        // A name that is bad by itself can still be the twin of another.
        let twin = seen.insert(name::folded(name), name);
        if let Some(twin) = twin {
            problems.push(
                Problem::new(ProblemCode::DuplicateEntry)
                    .at(name)
                    .found_bytes(twin)
                    .expected("each name once; upper and lower case count as equal"),
            );
            continue;
        }
        match by_itself {
            Ok(()) => good.push(entry),
            Err(problem) => problems.push(problem),
        }
    }
    good
}

/// Checks that an entry is a file, or a folder without content.
fn check_kind(record: &Record<'_>) -> Result<(), Problem> {
    const KIND: u32 = 0o170_000;
    const FILE: u32 = 0o100_000;
    const FOLDER: u32 = 0o040_000;
    const SPECIAL: u32 = 0o7_000;
    const DOS_VOLUME: u32 = 0x08;
    const DOS_FOLDER: u32 = 0x10;
    let mode = record.attributes >> 16;
    let folder = record.name.ends_with(b"/");
    let found = if mode & SPECIAL != 0 {
        "a file with special permissions"
    } else if !matches!(mode & KIND, 0 | FILE | FOLDER) {
        "a link or device"
    } else if record.attributes & DOS_VOLUME != 0 {
        "a volume label"
    } else if folder && record.size > 0 {
        "a folder with content"
    } else if !folder && (mode & KIND == FOLDER || record.attributes & DOS_FOLDER != 0) {
        "a folder under the name of a file"
    } else {
        return Ok(());
    };
    Err(Problem::new(ProblemCode::NotRegularFile).at(record.name).found(found).expected("plain files and folders"))
}
