//! Instants as programs read and write them.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// RFC 3339 in UTC, such as `2026-12-05T23:59:00Z`.
pub fn rfc3339(instant: OffsetDateTime) -> String {
    // Only years outside 0 to 9999 cannot be written, and the database's times are none of those.
    instant.to_offset(UtcOffset::UTC).format(&Rfc3339).unwrap_or_else(|_| instant.unix_timestamp().to_string())
}
