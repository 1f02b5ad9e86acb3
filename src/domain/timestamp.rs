//! Instants as programs read and write them.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// RFC 3339 in UTC, such as `2026-12-05T23:59:00Z`.
pub fn rfc3339(instant: OffsetDateTime) -> String {
    // Only years outside 0 to 9999 cannot be written, and the database's times are none of those.
    instant.to_offset(UtcOffset::UTC).format(&Rfc3339).unwrap_or_else(|_| instant.unix_timestamp().to_string())
}

/// Reads RFC 3339, which has an offset, such as `2026-12-01T23:59:00-12:00`; `None` where the text is something else.
/// Whole microseconds, as the database keeps them.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?.to_offset(UtcOffset::UTC);
    at.replace_nanosecond(at.microsecond() * 1000).ok()
}
