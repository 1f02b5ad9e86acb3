//! How much an upload may ask of the reader.

use crate::shape::{Split, TrackShape};

/// Bytes that one value may take in a file: the longest token, a line end of
/// two bytes, and some blanks.
const BYTES_PER_VALUE: usize = 72;

/// Bounds on an upload. Everything the reader allocates is bounded by these,
/// so they are the place to trade generosity for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of the zip in bytes.
    pub archive_bytes: usize,
    /// Entries in the zip, folders and ignored files counted.
    pub entries: usize,
    /// Size of one entry in bytes, once inflated.
    pub entry_bytes: usize,
    /// Size of all entries in bytes, once inflated.
    pub total_bytes: usize,
    /// Length of an entry's name in bytes.
    pub name_bytes: usize,
    /// Parts of an entry's name (folders and the file).
    pub depth: usize,
    /// Problems kept in full; the rest are counted.
    pub problems_shown: usize,
}

impl Limits {
    /// The usual limits (2,000 entries of 64 KiB, 8 MiB in all, names of 200
    /// bytes and 8 parts, 100 problems), raised where the shape itself needs
    /// more. `archive_bytes` is the track's own cap.
    #[must_use]
    pub fn for_shape(shape: &TrackShape, archive_bytes: usize) -> Self {
        let submitted = || {
            shape.scenarios().iter().flat_map(|scenario| {
                Split::SUBMITTED
                    .into_iter()
                    .flat_map(move |split| scenario.models(split).iter().map(move |model| (scenario, split, model)))
            })
        };
        let files = submitted().count();
        let points: usize = submitted().map(|(_, _, model)| model.points).sum();
        let largest = submitted().map(|(_, _, model)| model.points).max().unwrap_or(0);
        let longest = submitted()
            .map(|(scenario, split, model)| scenario.name().len() + split.as_str().len() + model.name.len())
            .max()
            .unwrap_or(0);
        Self {
            archive_bytes,
            // Each file may come with a folder entry and a Finder companion.
            entries: files.saturating_mul(4).max(2_000),
            entry_bytes: largest.saturating_mul(BYTES_PER_VALUE).max(64 << 10),
            total_bytes: points.saturating_mul(BYTES_PER_VALUE).max(8 << 20),
            // Room for a wrapping folder, the separators and the file's name.
            name_bytes: (shape.slug().len() + longest + 120).max(200),
            // The track's five, and three folders around it: enough to say which
            // folder to zip instead.
            depth: 8,
            problems_shown: 100,
        }
    }
}
