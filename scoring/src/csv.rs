//! prediction.csv and solution.csv: bytes to values.
//!
//! One value for each challenge point, all on one line with commas between
//! them, or one on each line. Lines end with LF, CRLF or CR; blanks may stand
//! around a value, empty lines at the end. A value is a decimal number in
//! ASCII. Nothing is guessed: what does not fit is a problem. If the form of
//! the whole file is a known mistake (`form`), that is the only problem said.

use std::ops::ControlFlow::{self, Break, Continue};
use std::ops::Range;

use crate::form;
use crate::prediction::confidence;
use crate::problem::{Collector, Problem, ProblemCode};

/// Longest text of one value, in bytes.
const VALUE_BYTES: usize = 64;

/// What the values of a file mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number in [0, 1].
    Confidence,
    /// 0 or 1.
    Label,
}

/// A file to read.
pub(crate) struct Source<'a> {
    /// Its name, for problems.
    pub(crate) path: &'a [u8],
    pub(crate) bytes: &'a [u8],
    /// How many values it must have; `None` takes any number but 0.
    pub(crate) points: Option<usize>,
    pub(crate) kind: Kind,
}

impl Source<'_> {
    /// A problem with the value or line at `place`.
    pub(crate) fn problem(&self, code: ProblemCode, place: &Place) -> Problem {
        Problem::new(code)
            .at(self.path)
            .line(place.line)
            .column(self.column(place))
            .found_bytes(&self.bytes[place.text.clone()])
    }

    /// Characters of the line up to the place, plus 1. A byte that is no
    /// character counts as one.
    fn column(&self, place: &Place) -> u32 {
        let before = &self.bytes[place.line_start..place.text.start];
        let characters: usize =
            before.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum();
        u32::try_from(characters + 1).unwrap_or(u32::MAX)
    }
}

/// A piece of a file.
pub(crate) struct Place {
    /// Its line, counted from 1.
    pub(crate) line: u32,
    /// Where that line begins.
    pub(crate) line_start: usize,
    /// The piece itself.
    pub(crate) text: Range<usize>,
}

/// Appends the file's values to `values`, or says what is wrong with it. Where
/// there is a problem, the appended values mean nothing.
pub(crate) fn read(source: &Source<'_>, values: &mut Vec<f64>, problems: &mut Collector) {
    let mut reader = Reader { source, values, problems, complained: false, count: 0 };
    // A break means that one problem about the file's form stands for all others.
    let (Break(()) | Continue(())) = reader.file();
}

struct Reader<'a, 'b> {
    source: &'a Source<'a>,
    values: &'b mut Vec<f64>,
    problems: &'b mut Collector,
    complained: bool,
    /// Values so far, good or bad.
    count: usize,
}

impl Reader<'_, '_> {
    fn file(&mut self) -> ControlFlow<()> {
        let bytes = self.source.bytes;
        let mut rows = Rows::default();
        let mut empty = None;
        for (number, line) in (1_u32..).zip(Lines::of(bytes)) {
            if trim(bytes, line.clone()).is_empty() {
                empty = empty.or(Some(number));
                continue;
            }
            // Empty lines are a problem only if values follow.
            if let Some(first) = empty.take() {
                let path = self.source.path;
                self.complain(|| {
                    Problem::new(ProblemCode::BlankLine)
                        .at(path)
                        .line(first)
                        .expected("the next value; empty lines are taken at the end only")
                })?;
            }
            let width = self.line(number, line)?;
            rows.add(width);
        }
        self.totals(&rows)
    }

    /// Reads one line and returns how many values it has.
    fn line(&mut self, number: u32, line: Range<usize>) -> ControlFlow<(), usize> {
        let mut width = 0;
        for token in tokens(self.source.bytes, line.clone()) {
            if token.is_empty() && token.end == line.end && width > 0 {
                // The comma before it is one too many; no value is missing.
                self.bad_value(ProblemCode::EmptyValue, number, line.start, token)?;
                continue;
            }
            width += 1;
            match parse(&self.source.bytes[token.clone()], self.source.kind) {
                Ok(value) => self.values.push(value),
                Err(code) => self.bad_value(code, number, line.start, token)?,
            }
        }
        self.count += width;
        Continue(width)
    }

    #[cold]
    fn bad_value(&mut self, code: ProblemCode, line: u32, line_start: usize, text: Range<usize>) -> ControlFlow<()> {
        let source = self.source;
        self.complain(|| {
            let place = Place { line, line_start, text };
            let hint = hint(code, &source.bytes[place.text.clone()]);
            let mut problem = source.problem(code, &place).expected(hint);
            if place.text.is_empty() {
                problem.found = None;
            }
            problem
        })
    }

    /// Checks what can be said only at the end: the form and the number of values.
    fn totals(&mut self, rows: &Rows) -> ControlFlow<()> {
        let (path, count, points) = (self.source.path, self.count, self.source.points);
        if rows.lines > 1 && rows.widest > 1 {
            return self.complain(|| {
                Problem::new(ProblemCode::Grid)
                    .at(path)
                    .found(rows.to_string())
                    .expected("all values on one line, or one value on each line")
            });
        }
        if points.map_or(count == 0, |points| points != count) {
            return self.complain(|| {
                let values = if count == 1 { "value" } else { "values" };
                let expected = match points {
                    Some(points) => points.to_string(),
                    None => "at least one value".to_owned(),
                };
                Problem::new(ProblemCode::WrongCount).at(path).found(format!("{count} {values}")).expected(expected)
            });
        }
        Continue(())
    }

    /// Adds a problem. The first one makes it look at the form of the whole
    /// file: if that is a known mistake, it is reported instead and reading ends.
    fn complain(&mut self, problem: impl FnOnce() -> Problem) -> ControlFlow<()> {
        if !self.complained {
            self.complained = true;
            if let Some(known) = form::recognise(self.source) {
                self.problems.push(known);
                return Break(());
            }
        }
        self.problems.push_with(problem);
        Continue(())
    }
}

/// How the values are spread over lines.
#[derive(Default)]
struct Rows {
    /// Lines with values.
    lines: usize,
    /// The fewest values on one of them.
    narrowest: usize,
    /// The most values on one of them.
    widest: usize,
}

impl Rows {
    fn add(&mut self, width: usize) {
        self.narrowest = if self.lines == 0 { width } else { self.narrowest.min(width) };
        self.widest = self.widest.max(width);
        self.lines += 1;
    }
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.narrowest == self.widest {
            write!(f, "{} lines of {} values", self.lines, self.widest)
        } else {
            write!(f, "{} lines of {} to {} values", self.lines, self.narrowest, self.widest)
        }
    }
}

/// The lines of a text without their ends: LF, CRLF or CR.
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let (start, rest) = (self.at, self.bytes.get(self.at..)?);
        if rest.is_empty() {
            return None;
        }
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let end_of_line = if rest[length..].starts_with(b"\r\n") { 2 } else { 1 };
        self.at = start + length + end_of_line;
        Some(start..start + length)
    }
}

/// The pieces of a line between its commas, without blanks around them.
pub(crate) fn tokens(bytes: &[u8], line: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = line.start;
    bytes[line].split(|byte| *byte == b',').map(move |piece| {
        let token = trim(bytes, start..start + piece.len());
        start += piece.len() + 1;
        token
    })
}

/// A range without the spaces and tabs at its ends; an empty one stays at the end.
pub(crate) fn trim(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let text = &bytes[range.clone()];
    let Some(first) = text.iter().position(|byte| !blank(byte)) else {
        return range.end..range.end;
    };
    let last = text.iter().rposition(|byte| !blank(byte)).unwrap_or(first);
    range.start + first..range.start + last + 1
}

/// Reads one value without blanks around it.
///
/// Of what Rust's `f64` parser takes, the letters of a decimal number leave
/// exactly `[+-]digits[.digits][e[+-]digits]` with a digit before or after the
/// point; the words for infinities and not-a-number are shut out.
fn parse(token: &[u8], kind: Kind) -> Result<f64, ProblemCode> {
    if token.len() > VALUE_BYTES {
        return Err(ProblemCode::ValueTooLong);
    }
    let decimal = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    if !token.iter().all(decimal) {
        return Err(not_decimal(token));
    }
    let number = str::from_utf8(token).ok().and_then(|text| text.parse::<f64>().ok());
    let Some(number) = number else {
        return Err(not_decimal(token));
    };
    if number.is_infinite() {
        return Err(ProblemCode::NotFinite);
    }
    match kind {
        Kind::Confidence => confidence(number).ok_or(ProblemCode::OutOfRange),
        Kind::Label if number == 0.0 || number == 1.0 => Ok(number),
        Kind::Label => Err(ProblemCode::NotALabel),
    }
}

/// Why a text is not a decimal number.
#[cold]
fn not_decimal(token: &[u8]) -> ProblemCode {
    if token.is_empty() {
        return ProblemCode::EmptyValue;
    }
    if !token.is_ascii() {
        return ProblemCode::NonAscii;
    }
    let unsigned = token.strip_prefix(b"-").or_else(|| token.strip_prefix(b"+")).unwrap_or(token);
    let is_word = |word: &&str| unsigned.eq_ignore_ascii_case(word.as_bytes());
    if ["nan", "inf", "infinity"].iter().any(is_word) { ProblemCode::NotFinite } else { ProblemCode::NotANumber }
}

/// What to do about a bad value.
fn hint(code: ProblemCode, token: &[u8]) -> String {
    match code {
        ProblemCode::EmptyValue => "a number after each comma, and no comma at the end".to_owned(),
        ProblemCode::ValueTooLong => format!("at most {VALUE_BYTES} characters"),
        ProblemCode::NotFinite => "a number from 0 to 1".to_owned(),
        ProblemCode::NotALabel => "0 for a non-member or 1 for a member".to_owned(),
        ProblemCode::OutOfRange if token.starts_with(b"-") => "a confidence from 0 to 1; this is below 0".to_owned(),
        ProblemCode::OutOfRange => "a confidence from 0 to 1; this is over 1".to_owned(),
        ProblemCode::NonAscii => match first_beyond_ascii(token) {
            Some(character) => format!("ASCII only; U+{:04X} is not", character as u32),
            None => "ASCII only; these bytes are no text".to_owned(),
        },
        _ => decimal_hint(token).to_owned(),
    }
}

fn first_beyond_ascii(token: &[u8]) -> Option<char> {
    token.utf8_chunks().next()?.valid().chars().find(|character| !character.is_ascii())
}

/// How a text that is almost a number should be written.
fn decimal_hint(token: &[u8]) -> &'static str {
    let lower = token.to_ascii_lowercase();
    let number_then =
        |end: u8| lower.first().is_some_and(|byte| b"+-.0123456789".contains(byte)) && lower.ends_with(&[end]);
    if lower.ends_with(b"%") {
        "a fraction from 0 to 1, not a percentage"
    } else if [b"0x", b"0b", b"0o"].iter().any(|prefix| lower.starts_with(*prefix)) {
        "decimal digits"
    } else if lower.contains(&b'_') {
        "digits without underscores"
    } else if number_then(b'f') || number_then(b'l') {
        "a number without a letter after it"
    } else if number_then(b'j') || number_then(b'i') {
        "a real number"
    } else if lower.contains(&b'd') && lower[0].is_ascii_digit() {
        "the letter e before an exponent"
    } else {
        "a number from 0 to 1"
    }
}
