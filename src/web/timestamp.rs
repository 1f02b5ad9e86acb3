//! Timestamps in words, with the exact time in the markup and on hover.
//!
//! The words are right when the page is rendered; `static/time.js` keeps them right, in the same
//! wording, and adds the reader's local time. AoE ("anywhere on Earth") is UTC-12, the usual zone
//! for deadlines in this field.

use askama::Template;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, UtcOffset};

/// A timestamp as a `<time>` element.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "part/time.html")]
pub(crate) struct Timestamp {
    iso: String,
    words: String,
    exact: String,
    /// The rule by which `time.js` updates the words.
    rule: &'static str,
}

impl askama::filters::HtmlSafe for Timestamp {}

impl Timestamp {
    /// How long ago, as in `14 s ago`.
    pub(crate) fn ago(at: OffsetDateTime, now: OffsetDateTime) -> Self {
        let span = short_span(now - at);
        let words = if span == "now" { "just now".to_owned() } else { format!("{span} ago") };
        Self::new(at, words, "ago")
    }

    /// How long ago, for narrow columns, as in `14 s`.
    pub(crate) fn age(at: OffsetDateTime, now: OffsetDateTime) -> Self {
        Self::new(at, short_span(now - at), "age")
    }

    /// How long until then, as in `12 days 4 h`.
    pub(crate) fn until(at: OffsetDateTime, now: OffsetDateTime) -> Self {
        Self::new(at, long_span(at - now), "until")
    }

    /// A deadline: in AoE if it falls at 23:59 there, as in `5 Dec 2026, 23:59 AoE`; else in UTC.
    pub(crate) fn deadline(at: OffsetDateTime) -> Self {
        Self::new(at, deadline_words(at), "fixed")
    }

    /// A date and time, in UTC until the script changes it to the reader's local time.
    pub(crate) fn date(at: OffsetDateTime) -> Self {
        Self::new(at, format!("{} UTC", clock(at)), "local")
    }

    /// A day, as in `5 Dec 2026`: in AoE if it falls at 23:59 there, else in UTC.
    pub(crate) fn day(at: OffsetDateTime) -> Self {
        let words = deadline_words(at);
        let day = words.split_once(',').map_or(words.as_str(), |(day, _)| day).to_owned();
        Self::new(at, day, "fixed")
    }

    fn new(at: OffsetDateTime, words: String, rule: &'static str) -> Self {
        let utc = at.to_offset(UtcOffset::UTC);
        // RFC 3339 covers the years 0 to 9999; outside them only the date is given.
        let iso = utc.format(&Rfc3339).unwrap_or_else(|_| utc.date().to_string());
        let exact = format!("{} UTC · {} AoE", clock(utc), clock(in_aoe(utc)));
        Self { iso, words, exact, rule }
    }
}

fn in_aoe(at: OffsetDateTime) -> OffsetDateTime {
    at - Duration::hours(12)
}

/// `5 Dec 2026, 23:59`, for a time that is already in the zone to show.
fn clock(at: OffsetDateTime) -> String {
    let format = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute]");
    at.format(&format).unwrap_or_else(|_| at.date().to_string())
}

fn deadline_words(at: OffsetDateTime) -> String {
    let utc = at.to_offset(UtcOffset::UTC);
    let aoe = in_aoe(utc);
    if (aoe.hour(), aoe.minute()) == (23, 59) { format!("{} AoE", clock(aoe)) } else { format!("{} UTC", clock(utc)) }
}

/// In the largest unit alone: `14 s`, `3 min`, `2 h`, `5 d`; `now` if under one second or negative
/// (a clock that is ahead).
fn short_span(span: Duration) -> String {
    let seconds = span.whole_seconds();
    match seconds {
        ..1 => "now".to_owned(),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// In the two largest units: `12 days 4 h`, `4 h 10 min`, `9 min`, `less than a minute`.
fn long_span(span: Duration) -> String {
    let minutes = span.whole_minutes().max(0);
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours, rest) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, _) => format!("{rest} min"),
        (0, _, _) => format!("{hours} h {rest} min"),
        (1, _, _) => format!("1 day {hours} h"),
        _ => format!("{days} days {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

    #[test]
    fn past_times_are_given_in_their_largest_unit() {
        let words = |ago: Duration| Timestamp::ago(NOW - ago, NOW).words;
        assert_eq!(words(Duration::seconds(14)), "14 s ago");
        assert_eq!(words(Duration::minutes(3)), "3 min ago");
        assert_eq!(words(Duration::hours(50)), "2 d ago");
    }

    #[test]
    fn a_clock_that_is_ahead_reads_as_now() {
        assert_eq!(Timestamp::ago(NOW + Duration::seconds(5), NOW).words, "just now");
    }

    #[test]
    fn a_deadline_at_2359_aoe_is_shown_in_aoe() {
        assert_eq!(Timestamp::deadline(datetime!(2026-12-06 11:59 UTC)).words, "5 Dec 2026, 23:59 AoE");
        assert_eq!(Timestamp::deadline(datetime!(2026-12-06 12:00 UTC)).words, "6 Dec 2026, 12:00 UTC");
    }

    #[test]
    fn future_times_are_given_in_two_units() {
        let words = |ahead: Duration| Timestamp::until(NOW + ahead, NOW).words;
        assert_eq!(words(Duration::hours(12 * 24 + 4)), "12 days 4 h");
        assert_eq!(words(Duration::hours(30)), "1 day 6 h");
        assert_eq!(words(Duration::minutes(250)), "4 h 10 min");
        assert_eq!(words(Duration::seconds(20)), "less than a minute");
    }

    #[test]
    fn the_exact_time_is_in_the_markup() {
        let html = Timestamp::ago(datetime!(2026-11-23 13:00 +1), NOW).to_string();
        assert!(html.contains(r#"datetime="2026-11-23T12:00:00Z""#), "{html}");
        assert!(html.contains("23 Nov 2026, 12:00 UTC · 23 Nov 2026, 00:00 AoE"), "{html}");
    }
}
