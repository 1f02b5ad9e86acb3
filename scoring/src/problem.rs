//! What is wrong with an upload, said to the person who made it.
//!
//! A problem is data (a stable code, a place, what was found, what was
//! expected) and reads as one sentence. Text from the upload appears in it
//! escaped and cut short, so that a problem can be printed anywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters of the upload's own text that are repeated in a problem.
const SHOWN_FOUND: usize = 48;
/// Characters of an entry's name that are repeated in a problem.
const SHOWN_PATH: usize = 240;

/// Declares the codes once: the variant, its stable text, its phrase and docs.
macro_rules! problem_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $phrase:literal;)+) => {
        /// The kind of a problem. The snake_case text is stable: scripts read it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $variant,)+
        }

        impl ProblemCode {
            /// Every code, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What happened, as the predicate of a sentence.
            const fn phrase(self) -> &'static str {
                match self { $(Self::$variant => $phrase,)+ }
            }
        }
    };
}

problem_codes! {
    /// The zip is larger than the track allows.
    ArchiveTooLarge = "archive_too_large", "is more than the track allows";
    /// The bytes are something other than a zip; `found` names what.
    NotAZip = "not_a_zip", "is not a zip archive";
    /// The zip ends before it is complete.
    Truncated = "truncated", "the archive is cut short";
    /// The bytes can be read as a zip in more than one way: something stands
    /// before, between or after what the directory lists, or there are two ends.
    Ambiguous = "ambiguous", "can be read in more than one way";
    /// A part of a split or spanned archive.
    MultiDisk = "multi_disk", "is one part of a split archive";
    /// Two places in the zip that must agree do not.
    Inconsistent = "inconsistent", "contradicts another part of the archive";
    /// More entries than the limit.
    TooManyEntries = "too_many_entries", "are more than allowed";
    /// No files at all, or folders and ignored files only.
    EmptyArchive = "empty_archive", "the archive holds no files";
    /// Two entries share bytes of the zip: the build of a decompression bomb.
    OverlappingEntries = "overlapping_entries", "shares bytes of the archive with another entry";

    /// A name that leads elsewhere: absolute, `..`, `.`, empty parts,
    /// backslashes, drive letters.
    BadPath = "bad_path", "is not a plain relative path";
    /// A name with control characters.
    BadName = "bad_name", "the name holds control characters";
    /// A name with characters outside ASCII.
    NonAsciiName = "non_ascii_name", "the name holds characters outside ASCII";
    /// A name longer than the limit.
    NameTooLong = "name_too_long", "is too long for a name";
    /// A name with more parts than the limit.
    TooDeep = "too_deep", "is too many folders deep";
    /// Two entries whose names are equal, also when only case, Unicode form,
    /// or dots and blanks at the end of a part differ.
    DuplicateEntry = "duplicate_entry", "has the same name";
    /// A symbolic link, device, set-uid file, or a folder with content.
    NotRegularFile = "not_regular_file", "is not a regular file";
    /// An encrypted entry.
    Encrypted = "encrypted", "is encrypted";
    /// A compression method other than stored and deflate.
    UnsupportedMethod = "unsupported_method", "is a compression method that is not read";
    /// An entry that claims more bytes than the limit.
    EntryTooLarge = "entry_too_large", "is too large for one file";
    /// All entries together claim more bytes than the limit.
    InflatedTooLarge = "inflated_too_large", "is too large once unpacked";
    /// The content is not as long as the zip says.
    SizeMismatch = "size_mismatch", "contradicts the size that the archive states";
    /// The compressed data cannot be unpacked.
    CorruptData = "corrupt_data", "the compressed data is damaged";
    /// The content does not match its checksum.
    Crc = "crc", "does not match the archive's checksum";

    /// An entry that is not one of the expected files.
    UnexpectedEntry = "unexpected_entry", "not expected here";
    /// An expected file that is not there; `path` is where it belongs.
    MissingFile = "missing_file", "missing";
    /// Both `prediction.csv` and `predictions.csv` in one folder.
    BothNames = "both_names", "there are two prediction files in this folder";
    /// The tree stands inside two or more folders.
    WrappingFolders = "wrapping_folders", "wraps the submission in too many folders";
    /// Files of one submission stand at different levels.
    MixedLevels = "mixed_levels", "stands at another level than the other files";

    /// A byte order mark at the beginning of a file.
    ByteOrderMark = "byte_order_mark", "is a byte order mark";
    /// A file in UTF-16.
    Utf16 = "utf16", "is UTF-16 text";
    /// A NUL byte in a file.
    NulByte = "nul_byte", "is a NUL byte";
    /// A character outside ASCII, or bytes that are no text.
    NonAscii = "non_ascii", "holds a character outside ASCII";
    /// Words in the first line.
    HeaderLine = "header_line", "looks like a header line";
    /// A comment.
    Comment = "comment", "is a comment";
    /// Values in quotation marks.
    Quoted = "quoted", "is in quotation marks";
    /// Semicolons, tabs, blanks or the like between values.
    WrongDelimiter = "wrong_delimiter", "has the wrong mark between values";
    /// A comma as the decimal mark.
    DecimalComma = "decimal_comma", "looks like a locale decimal comma";
    /// A column of row numbers before the values.
    IndexColumn = "index_column", "looks like a column of row numbers";
    /// Several lines of several values.
    Grid = "grid", "form a grid";
    /// An empty line between values.
    BlankLine = "blank_line", "is an empty line between values";
    /// Nothing between two commas, or after the last.
    EmptyValue = "empty_value", "there is no value here";
    /// A value longer than 64 bytes.
    ValueTooLong = "value_too_long", "is too long for a number";
    /// `nan`, an infinity, or a number too large for a double.
    NotFinite = "not_finite", "is not a finite number";
    /// Not a decimal number.
    NotANumber = "not_a_number", "is not a decimal number";
    /// A number below 0 or above 1.
    OutOfRange = "out_of_range", "is out of range";
    /// Too few or too many values in a file.
    WrongCount = "wrong_count", "in place of one for each challenge point";
    /// A value of a solution that is neither 0 nor 1.
    NotALabel = "not_a_label", "is not a label";
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is wrong with an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The kind.
    pub code: ProblemCode,
    /// The entry's path as it stands in the zip, escaped; for a missing file
    /// the path where it was expected. Absent if the archive as a whole is meant.
    pub path: Option<String>,
    /// The line, counted from 1.
    pub line: Option<u32>,
    /// The character of the line where the value begins, counted from 1.
    pub column: Option<u32>,
    /// What stands there, escaped and cut short.
    pub found: Option<String>,
    /// What should stand there, or what to do.
    pub expected: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: ProblemCode) -> Self {
        Self { code, path: None, line: None, column: None, found: None, expected: None }
    }

    /// Names the entry; the name is escaped.
    pub(crate) fn at(mut self, path: &[u8]) -> Self {
        self.path = Some(escape(path, SHOWN_PATH));
        self
    }

    pub(crate) fn line(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }

    pub(crate) fn column(mut self, column: u32) -> Self {
        self.column = Some(column);
        self
    }

    /// Repeats bytes of the upload, escaped and cut short.
    pub(crate) fn found_bytes(mut self, bytes: &[u8]) -> Self {
        self.found = Some(escape(bytes, SHOWN_FOUND));
        self
    }

    /// Says what was found in our own words.
    pub(crate) fn found(mut self, text: impl Into<String>) -> Self {
        self.found = Some(text.into());
        self
    }

    pub(crate) fn expected(mut self, text: impl Into<String>) -> Self {
        self.expected = Some(text.into());
        self
    }

    /// The place as `path:line:column`, as far as it is known.
    #[must_use]
    pub fn place(&self) -> String {
        let numbers = [self.line, self.column].into_iter().flatten().map(|number| number.to_string());
        self.path.clone().into_iter().chain(numbers).collect::<Vec<_>>().join(":")
    }

    /// The sentence after what was found: `is out of range; expected …`.
    #[must_use]
    pub fn explanation(&self) -> String {
        match &self.expected {
            Some(expected) => format!("{}; expected {expected}", self.code.phrase()),
            None => self.code.phrase().to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        if let Some(found) = &self.found {
            write!(f, "{found} ")?;
        }
        f.write_str(&self.explanation())
    }
}

/// All that is wrong with an upload: the first problems in full, the rest counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problems {
    /// The first problems, at most [`Limits::problems_shown`](crate::Limits::problems_shown).
    pub shown: Vec<Problem>,
    /// How many there are, shown or not; never less than 1.
    pub total: usize,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.shown {
            writeln!(f, "{problem}")?;
        }
        let noun = if self.total == 1 { "problem" } else { "problems" };
        write!(f, "{} {noun}", self.total)
    }
}

impl std::error::Error for Problems {}

/// Gathers problems within bounded memory.
#[derive(Debug)]
pub(crate) struct Collector {
    shown: Vec<Problem>,
    total: usize,
    limit: usize,
}

impl Collector {
    pub(crate) fn new(limit: usize) -> Self {
        Self { shown: Vec::new(), total: 0, limit }
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        self.push_many(problem, 1);
    }

    /// Adds a problem that is made only if there is room to show it.
    pub(crate) fn push_with(&mut self, problem: impl FnOnce() -> Problem) {
        if self.shown.len() < self.limit {
            self.shown.push(problem());
        }
        self.total = self.total.saturating_add(1);
    }

    /// One problem that stands for `count`.
    pub(crate) fn push_many(&mut self, problem: Problem, count: usize) {
        if self.shown.len() < self.limit {
            self.shown.push(problem);
        }
        self.total = self.total.saturating_add(count);
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// The problems, or `value` if there are none.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Problems> {
        if self.total == 0 { Ok(value) } else { Err(Problems { shown: self.shown, total: self.total }) }
    }
}

/// Something worth saying about an upload that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The kind.
    pub code: WarningCode,
    /// The file or folder it is about.
    pub path: Option<String>,
    /// One sentence.
    pub detail: String,
}

/// The kind of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningCode {
    /// Files of the operating system were ignored.
    IgnoredEntries,
    /// The tree stood inside a folder of another name.
    WrappingFolder,
    /// Fewer than half of a scenario's values are distinct, so many points are tied.
    FewDistinctValues,
    /// The submission leaves out a scenario, as the track lets it.
    ScenarioLeftOut,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{path}: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

/// Text of the upload made safe to print: visible ASCII as it is, everything
/// else as `\n`, `\u{202e}` or `\xff`, at most `limit` characters of it.
pub(crate) fn escape(bytes: &[u8], limit: usize) -> String {
    let mut text = String::new();
    let mut room = limit;
    for chunk in bytes.utf8_chunks() {
        let characters = chunk.valid().chars().map(escape_character);
        let stray_bytes = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        for piece in characters.chain(stray_bytes) {
            if room == 0 {
                text.push('…');
                return text;
            }
            text.push_str(&piece);
            room -= 1;
        }
    }
    text
}

fn escape_character(character: char) -> String {
    match character {
        ' '..='~' => character.to_string(),
        other => other.escape_default().to_string(),
    }
}
