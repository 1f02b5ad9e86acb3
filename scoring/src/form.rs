//! Known mistakes in the form of a whole file.
//!
//! Looked at only after something was found wrong, so that an uploader reads
//! "this file has a header line" and not two hundred complaints about values.
//! Recognising too little is harmless; nothing here accepts anything.

use std::ops::Range;

use crate::csv::{Lines, Place, Source, tokens, trim};
use crate::problem::{Problem, ProblemCode};

/// Words that stand for a value in some language, so are no header.
const VALUE_WORDS: [&str; 9] = ["nan", "inf", "infinity", "true", "false", "null", "none", "na", "n/a"];

/// What to do about a decimal comma.
const USE_A_POINT: &str = "a point as the decimal mark, as in 0.5";

/// The known mistake that this file is, if it is one.
pub(crate) fn recognise(source: &Source<'_>) -> Option<Problem> {
    encoding(source)
        .or_else(|| header(source))
        .or_else(|| marks(source))
        .or_else(|| delimiter(source))
        .or_else(|| two_columns(source))
        .or_else(|| halves(source))
}

/// Byte order marks, UTF-16, and bytes that no text file has.
fn encoding(source: &Source<'_>) -> Option<Problem> {
    let bytes = source.bytes;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Some(
            Problem::new(ProblemCode::Utf16).at(source.path).found("the file").expected("ASCII or UTF-8 text"),
        );
    }
    let mark = "\u{feff}";
    if bytes.starts_with(mark.as_bytes()) {
        let place = Place { line: 1, line_start: 0, text: 0..mark.len() };
        let expected = "the first value; save the file as UTF-8 without BOM";
        return Some(source.problem(ProblemCode::ByteOrderMark, &place).expected(expected));
    }
    let at = bytes.iter().position(|byte| *byte == 0)?;
    let (line, range) = lines(source).find(|(_, line)| line.contains(&at))?;
    let place = Place { line, line_start: range.start, text: at..at + 1 };
    let expected = "text; this may be UTF-16 or a binary file";
    Some(source.problem(ProblemCode::NulByte, &place).expected(expected))
}

/// A first line of words over a line of numbers.
fn header(source: &Source<'_>) -> Option<Problem> {
    let mut filled = filled_lines(source);
    let (number, first) = filled.next()?;
    let (_, second) = filled.next()?;
    let name = unquoted(&source.bytes[tokens(source.bytes, first.clone()).next()?]);
    let begins_with_letter = name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let is_value = VALUE_WORDS.iter().any(|word| name.eq_ignore_ascii_case(word.as_bytes()));
    let number_follows = begins_number(unquoted(&source.bytes[trim(source.bytes, second)]));
    (begins_with_letter && !is_value && number_follows).then(|| {
        source
            .problem(ProblemCode::HeaderLine, &whole(source, number, first))
            .expected("values only, from the first line on")
    })
}

/// Comments and quotation marks.
fn marks(source: &Source<'_>) -> Option<Problem> {
    for (number, line) in lines(source) {
        let text = &source.bytes[line.clone()];
        if let Some(at) = text.iter().position(|byte| *byte == b'#') {
            let place = Place { line: number, line_start: line.start, text: line.start + at..line.end };
            return Some(source.problem(ProblemCode::Comment, &place).expected("values only, without comments"));
        }
        let quoted = tokens(source.bytes, line.clone())
            .find(|token| matches!(source.bytes[token.clone()].first(), Some(b'"' | b'\'')));
        if let Some(text) = quoted {
            let place = Place { line: number, line_start: line.start, text };
            return Some(source.problem(ProblemCode::Quoted, &place).expected("values without quotation marks"));
        }
    }
    None
}

/// Numbers with something other than a comma between them.
fn delimiter(source: &Source<'_>) -> Option<Problem> {
    let numbers_side_by_side = |token: Range<usize>| {
        let mut pieces = pieces(&source.bytes[token]);
        pieces.next().is_some_and(begins_number) && pieces.next().is_some_and(begins_number)
    };
    let (number, line) =
        lines(source).find(|(_, line)| tokens(source.bytes, line.clone()).any(numbers_side_by_side))?;
    let (code, expected) = if pieces(&source.bytes[line.clone()]).all(is_decimal_comma) {
        (ProblemCode::DecimalComma, USE_A_POINT)
    } else {
        (ProblemCode::WrongDelimiter, "a comma between values, or one value on each line")
    };
    Some(source.problem(code, &whole(source, number, line)).expected(expected))
}

/// Two values on each line: row numbers before them, or one number cut in two
/// by a decimal comma.
fn two_columns(source: &Source<'_>) -> Option<Problem> {
    let (number, first) = filled_lines(source).next()?;
    filled_lines(source).nth(1)?;
    let pairs = || {
        filled_lines(source).map(|(_, line)| {
            let mut columns = tokens(source.bytes, line).map(|token| &source.bytes[token]);
            Some((columns.next()?, columns.next()?)).filter(|_| columns.next().is_none())
        })
    };
    let rows_from = |first: usize| {
        (first..).zip(pairs()).all(|(row, pair)| pair.is_some_and(|(left, _)| left == row.to_string().as_bytes()))
    };
    let (code, expected) = if are_halves(pairs()) {
        (ProblemCode::DecimalComma, USE_A_POINT)
    } else if rows_from(0) || rows_from(1) {
        (ProblemCode::IndexColumn, "the values alone")
    } else {
        return None;
    };
    Some(source.problem(code, &whole(source, number, first)).expected(expected))
}

/// One line with twice the values expected, every number cut in two by a
/// decimal comma.
fn halves(source: &Source<'_>) -> Option<Problem> {
    let (number, line) = filled_lines(source).next()?;
    let every =
        |first: usize| tokens(source.bytes, line.clone()).map(|token| &source.bytes[token]).skip(first).step_by(2);
    let count = tokens(source.bytes, line.clone()).count();
    let halved = source.points?.checked_mul(2)? == count && are_halves(every(0).zip(every(1)).map(Some));
    halved.then(|| source.problem(ProblemCode::DecimalComma, &whole(source, number, line)).expected(USE_A_POINT))
}

/// Whether all pairs are numbers from 0 to 1 cut at a comma. Pairs of nothing
/// but 0 and 1 are not taken for that.
fn are_halves<'a>(mut pairs: impl Iterator<Item = Option<(&'a [u8], &'a [u8])>>) -> bool {
    let mut telling = false;
    let all = pairs.all(|pair| {
        pair.is_some_and(|(left, right)| {
            telling |= !matches!(right, b"0" | b"1");
            is_halved(left, right)
        })
    });
    all && telling
}

/// The lines with their numbers.
fn lines<'a>(source: &'a Source<'_>) -> impl Iterator<Item = (u32, Range<usize>)> + 'a {
    (1..).zip(Lines::of(source.bytes))
}

/// The lines that hold more than blanks.
fn filled_lines<'a>(source: &'a Source<'_>) -> impl Iterator<Item = (u32, Range<usize>)> + 'a {
    lines(source).filter(|(_, line)| !trim(source.bytes, line.clone()).is_empty())
}

/// A line as a place, without the blanks at its ends.
fn whole(source: &Source<'_>, line: u32, range: Range<usize>) -> Place {
    Place { line, line_start: range.start, text: trim(source.bytes, range) }
}

/// The pieces of a text between marks that people put between values.
fn pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| b"; \t|".contains(byte)).filter(|piece| !piece.is_empty())
}

fn unquoted(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"").or_else(|| text.strip_prefix(b"'")).unwrap_or(text)
}

fn begins_number(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| b"+-.0123456789".contains(byte))
}

/// `0,5` and the like.
fn is_decimal_comma(piece: &[u8]) -> bool {
    let mut halves = piece.splitn(2, |byte| *byte == b',');
    matches!((halves.next(), halves.next()), (Some(left), Some(right)) if is_halved(left, right))
}

/// Whether two texts are the halves of a number from 0 to 1 cut at a comma.
fn is_halved(left: &[u8], right: &[u8]) -> bool {
    matches!(left, b"0" | b"1") && !right.is_empty() && right.iter().all(u8::is_ascii_digit)
}
