//! Conditional requests and single ranges (RFC 9110, sections 13 and 14): what to send of a file,
//! given what the client already has.
//!
//! A file's entity tag is the SHA-256 of its content, so parts of answers with the same tag can be
//! combined, whichever process sent them.

use std::ops::Range;
use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use headers::{
    ETag, Header, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince, LastModified,
};

use crate::domain::sha256::Sha256;

/// A file as a client sees it.
#[derive(Debug, Clone)]
pub struct Representation {
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: Sha256,
    /// When it last changed.
    pub modified: SystemTime,
}

/// What to answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The whole file (200).
    Whole,
    /// This range of bytes (206).
    Part(Range<u64>),
    /// Nothing: the client has it already (304).
    NotModified,
    /// Nothing: it is not the version that the client expects (412).
    PreconditionFailed,
    /// Nothing: the file has no such bytes (416).
    NotSatisfiable,
}

impl Answer {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Whole => StatusCode::OK,
            Self::Part(_) => StatusCode::PARTIAL_CONTENT,
            Self::NotModified => StatusCode::NOT_MODIFIED,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::NotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        }
    }

    /// The bytes to send of a file of `size` bytes; `None` if there are none to send.
    pub fn bytes(&self, size: u64) -> Option<Range<u64>> {
        match self {
            Self::Whole => Some(0..size),
            Self::Part(range) => Some(range.clone()),
            _ => None,
        }
    }
}

impl Representation {
    /// The entity tag with its quotes.
    pub fn tag(&self) -> String {
        format!("\"{}\"", self.sha256)
    }

    /// What the client's headers ask for.
    pub fn answer(&self, asked: &HeaderMap) -> Answer {
        let tag: Option<ETag> = self.tag().parse().ok();
        let modified = LastModified::from(self.modified);
        let fails = match (&tag, asked.typed_get::<IfMatch>()) {
            (Some(tag), Some(condition)) => !condition.precondition_passes(tag),
            _ => {
                let since = asked.typed_get::<IfUnmodifiedSince>();
                since.is_some_and(|condition| !condition.precondition_passes(self.modified))
            }
        };
        if fails {
            return Answer::PreconditionFailed;
        }
        let is_known = match (&tag, asked.typed_get::<IfNoneMatch>()) {
            (Some(tag), Some(condition)) => !condition.precondition_passes(tag),
            _ => {
                let since = asked.typed_get::<IfModifiedSince>();
                since.is_some_and(|condition| !condition.is_modified(self.modified))
            }
        };
        if is_known {
            return Answer::NotModified;
        }
        // A condition that cannot be parsed is not met, and then the range is ignored.
        if asked.contains_key(header::IF_RANGE) {
            let condition = IfRange::decode(&mut asked.get_all(header::IF_RANGE).iter());
            if condition.map_or(true, |condition| condition.is_modified(tag.as_ref(), Some(&modified))) {
                return Answer::Whole;
            }
        }
        match asked.get(header::RANGE).map(|range| one_range(range, self.size)) {
            None | Some(RequestedRange::Ignored) => Answer::Whole,
            Some(RequestedRange::Bytes(range)) => Answer::Part(range),
            Some(RequestedRange::Unsatisfiable) => Answer::NotSatisfiable,
        }
    }

    /// Writes the headers that describe an answer.
    pub fn write_headers(&self, answer: &Answer, headers: &mut HeaderMap) {
        if let Ok(tag) = HeaderValue::from_str(&self.tag()) {
            headers.insert(header::ETAG, tag);
        }
        headers.typed_insert(LastModified::from(self.modified));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let range = match answer {
            Answer::Part(range) => format!("bytes {}-{}/{}", range.start, range.end - 1, self.size),
            Answer::NotSatisfiable => format!("bytes */{}", self.size),
            _ => return,
        };
        if let Ok(range) = HeaderValue::from_str(&range) {
            headers.insert(header::CONTENT_RANGE, range);
        }
    }
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum RequestedRange {
    /// Nothing that is understood, or several ranges: either may be answered with the whole file.
    Ignored,
    /// These bytes.
    Bytes(Range<u64>),
    /// A range of which the file has no byte.
    Unsatisfiable,
}

fn one_range(value: &HeaderValue, size: u64) -> RequestedRange {
    let Some(spec) = value.to_str().ok().and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return RequestedRange::Ignored;
    };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return RequestedRange::Ignored;
    };
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        // A number that does not fit into 64 bits is larger than any file.
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(digits.parse().unwrap_or(u64::MAX))),
        _ => None,
    };
    let (Some(first), Some(last)) = (number(first), number(last)) else { return RequestedRange::Ignored };
    match (first, last) {
        (None, None) => RequestedRange::Ignored,
        (Some(first), Some(last)) if last < first => RequestedRange::Ignored,
        (Some(first), _) if first >= size => RequestedRange::Unsatisfiable,
        (Some(first), last) => RequestedRange::Bytes(first..last.map_or(size, |last| last.saturating_add(1).min(size))),
        // `-N` asks for the last N bytes.
        (None, Some(0)) => RequestedRange::Unsatisfiable,
        (None, Some(_)) if size == 0 => RequestedRange::Unsatisfiable,
        (None, Some(last)) => RequestedRange::Bytes(size.saturating_sub(last)..size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;
    use std::time::Duration;

    fn file() -> Representation {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        Representation { size: 1000, sha256: [0xab; 32].into(), modified }
    }

    /// The answer to these headers, in which `TAG` stands for the file's tag.
    fn answer(asked: &[(HeaderName, &str)]) -> Answer {
        let file = file();
        let headers = asked.iter().map(|(name, value)| {
            (name.clone(), HeaderValue::from_str(&value.replace("TAG", &file.tag())).expect("a value"))
        });
        file.answer(&headers.collect())
    }

    fn part(range: Range<u64>) -> Answer {
        Answer::Part(range)
    }

    #[test]
    fn one_range_is_given_as_asked() {
        for (range, wanted) in [
            ("bytes=0-", part(0..1000)),
            ("bytes=0-0", part(0..1)),
            ("bytes=999-", part(999..1000)),
            ("bytes=10-19", part(10..20)),
            ("bytes=10-5000", part(10..1000)),
            ("bytes=-1", part(999..1000)),
            ("bytes=-5000", part(0..1000)),
            ("bytes=1-99999999999999999999999", part(1..1000)),
            ("bytes=1000-", Answer::NotSatisfiable),
            ("bytes=99999999999999999999999-", Answer::NotSatisfiable),
            ("bytes=-0", Answer::NotSatisfiable),
        ] {
            assert_eq!(answer(&[(header::RANGE, range)]), wanted, "{range}");
        }
    }

    #[test]
    fn a_range_that_makes_no_sense_or_several_get_the_whole() {
        for range in ["bytes=5-1", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "lines=1-2", "bytes=+1-2", "bytes", ""] {
            assert_eq!(answer(&[(header::RANGE, range)]), Answer::Whole, "{range}");
        }
    }

    #[test]
    fn a_range_goes_on_only_with_the_same_bytes() {
        let range = (header::RANGE, "bytes=10-");
        let if_range = |value| answer(&[range.clone(), (header::IF_RANGE, value)]);
        assert_eq!(if_range("TAG"), part(10..1000));
        assert_eq!(if_range("Sun, 06 Nov 1994 08:49:37 GMT"), part(10..1000));
        for other in ["\"other\"", "W/TAG", "Sun, 06 Nov 1994 08:49:36 GMT", "nonsense", "\"half"] {
            assert_eq!(if_range(other), Answer::Whole, "{other}");
        }
    }

    #[test]
    fn conditions_come_before_ranges() {
        let range = (header::RANGE, "bytes=10-");
        assert_eq!(answer(&[(header::IF_NONE_MATCH, "TAG"), range.clone()]), Answer::NotModified);
        assert_eq!(answer(&[(header::IF_NONE_MATCH, "\"other\""), range.clone()]), part(10..1000));
        assert_eq!(answer(&[(header::IF_MATCH, "\"other\""), range.clone()]), Answer::PreconditionFailed);
        assert_eq!(answer(&[(header::IF_MATCH, "*"), range]), part(10..1000));
        assert_eq!(answer(&[(header::IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT")]), Answer::NotModified);
        assert_eq!(
            answer(&[(header::IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT")]),
            Answer::PreconditionFailed
        );
    }

    #[test]
    fn an_empty_file_has_no_bytes_to_give() {
        let empty = Representation { size: 0, ..file() };
        let asked = |range| HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
        assert_eq!(empty.answer(&asked("bytes=0-")), Answer::NotSatisfiable);
        assert_eq!(empty.answer(&asked("bytes=-5")), Answer::NotSatisfiable);
        assert_eq!(empty.answer(&HeaderMap::new()).bytes(0), Some(0..0));
    }
}
