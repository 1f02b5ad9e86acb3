//! What an entry may be called.
//!
//! Names are never used as paths; they are compared with the expected set. The
//! rules are there to say clearly what is wrong with the others.

use unicode_normalization::UnicodeNormalization;

use crate::limits::Limits;
use crate::problem::{Problem, ProblemCode};

/// Checks a name by itself.
pub(super) fn check(name: &[u8], limits: &Limits) -> Result<(), Problem> {
    let problem = |code| Problem::new(code).at(name);
    if name.len() > limits.name_bytes {
        let found = format!("a name of {} bytes", name.len());
        return Err(problem(ProblemCode::NameTooLong).found(found).expected(format!("at most {}", limits.name_bytes)));
    }
    if name.iter().any(u8::is_ascii_control) {
        return Err(problem(ProblemCode::BadName).expected("letters, digits, '.', '_', '-' and '/'"));
    }
    if !name.is_ascii() {
        return Err(problem(ProblemCode::NonAsciiName).expected("ASCII letters only"));
    }
    if name.contains(&b'\\') {
        return Err(problem(ProblemCode::BadPath).expected("'/' between folders, not a backslash"));
    }
    let drive = name.len() > 1 && name[0].is_ascii_alphabetic() && name[1] == b':';
    if drive || !parts(name).all(|part| !matches!(part, b"" | b"." | b"..")) {
        let expected = "a path below the top of the archive, without '.', '..', empty parts or a drive";
        return Err(problem(ProblemCode::BadPath).expected(expected));
    }
    let depth = parts(name).count();
    if depth > limits.depth {
        let found = format!("a path of {depth} parts");
        return Err(problem(ProblemCode::TooDeep).found(found).expected(format!("at most {}", limits.depth)));
    }
    Ok(())
}

/// The parts of a name; the slash at the end of a folder's name starts none.
fn parts(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.strip_suffix(b"/").unwrap_or(name).split(|byte| *byte == b'/')
}

/// A form that is equal for names that some file system takes for the same:
/// those that differ in case, in Unicode form, or in dots and blanks at the end
/// of a part.
pub(super) fn folded(name: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(name).nfc().flat_map(char::to_lowercase).collect();
    let parts: Vec<&str> = text.split('/').map(|part| part.trim_end_matches(['.', ' '])).collect();
    parts.join("/").trim_end_matches('/').to_owned()
}
