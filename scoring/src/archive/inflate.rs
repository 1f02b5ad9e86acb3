//! One entry's content, in memory, never more than the directory states.

use flate2::{Decompress, FlushDecompress, Status};

use super::Entry;
use crate::problem::{Problem, ProblemCode};

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Flags of encryption: the usual, the strong, and hidden headers.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Flag: the data is a patch to other data.
const PATCH: u16 = 1 << 5;

/// Unpacks entries one after another into one buffer.
pub(crate) struct Inflater {
    stream: Decompress,
    buffer: Vec<u8>,
}

impl Inflater {
    pub(crate) fn new() -> Self {
        Self { stream: Decompress::new(false), buffer: Vec::new() }
    }

    /// The content of an entry whose stated size is within the limits; its
    /// size and checksum are checked.
    pub(crate) fn read<'a>(&'a mut self, entry: &Entry<'a>) -> Result<&'a [u8], Problem> {
        let record = &entry.record;
        let problem = |code| Problem::new(code).at(record.name);
        let size = usize::try_from(record.size).unwrap_or(usize::MAX);
        let content = if record.method == STORED { entry.data } else { self.inflate(entry, size)? };
        if content.len() != size {
            let found = match content.len() {
                more if more > size => "content that goes on".to_owned(),
                less => format!("content of {less} bytes"),
            };
            return Err(problem(ProblemCode::SizeMismatch).found(found).expected(format!("{size} bytes")));
        }
        let crc = crc32fast::hash(content);
        if crc != record.crc {
            let found = format!("content with checksum {crc:08x}");
            return Err(problem(ProblemCode::Crc).found(found).expected(format!("{:08x}", record.crc)));
        }
        Ok(content)
    }

    /// Unpacks at most one byte more than `size`.
    fn inflate(&mut self, entry: &Entry<'_>, size: usize) -> Result<&[u8], Problem> {
        let problem = |code| Problem::new(code).at(entry.record.name);
        self.stream.reset(false);
        if self.buffer.len() <= size {
            self.buffer.resize(size + 1, 0);
        }
        let output = &mut self.buffer[..=size];
        let status = self.stream.decompress(entry.data, output, FlushDecompress::Finish);
        let (read, written) = (self.stream.total_in() as usize, self.stream.total_out() as usize);
        match status {
            Ok(Status::StreamEnd) if read < entry.data.len() => Err(problem(ProblemCode::SizeMismatch)
                .found(format!("compressed data of {read} bytes"))
                .expected(format!("{} bytes", entry.data.len()))),
            Ok(Status::StreamEnd) => Ok(&self.buffer[..written]),
            // The buffer is full and the data goes on.
            Ok(_) if written > size => Ok(&self.buffer[..written]),
            _ => Err(problem(ProblemCode::CorruptData).expected("whole deflate data")),
        }
    }
}

/// Checks, without reading the content, that it can be read within `limit` bytes.
pub(crate) fn check(entry: &Entry<'_>, limit: usize) -> Result<(), Problem> {
    let record = &entry.record;
    let problem = |code| Problem::new(code).at(record.name);
    if record.flags & ENCRYPTED != 0 {
        return Err(problem(ProblemCode::Encrypted).found("the entry").expected("an archive without a password"));
    }
    if !matches!(record.method, STORED | DEFLATED) || record.flags & PATCH != 0 {
        return Err(problem(ProblemCode::UnsupportedMethod)
            .found(method_name(record.method))
            .expected("stored or deflate"));
    }
    if record.size > limit as u64 {
        return Err(problem(ProblemCode::EntryTooLarge)
            .found(format!("content of {} bytes", record.size))
            .expected(format!("at most {limit} bytes")));
    }
    Ok(())
}

fn method_name(method: u16) -> String {
    let name = match method {
        DEFLATED => "deflate of patches",
        9 => "deflate64",
        12 => "bzip2",
        14 => "lzma",
        93 => "zstd",
        95 => "xz",
        98 => "ppmd",
        99 => "AES encryption",
        other => return format!("method {other}"),
    };
    format!("{name} (method {method})")
}
