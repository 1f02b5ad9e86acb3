//! What was typed into the forms of the page, and what was wrong with it.

use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::domain::reason::{NotAReason, Reason};
use crate::domain::timestamp;
use crate::service::lifecycle::{LabelsAtReveal, SaidOfLimits};

/// The forms of the page: in every moment each field is there once at most.
#[derive(Default)]
pub(super) struct FormState {
    /// Why the step was not taken, where no field is to blame.
    pub(super) alert: Option<String>,
    pub(super) date: Option<(String, Zone)>,
    pub(super) date_error: Option<String>,
    pub(super) reason: String,
    pub(super) reason_error: Option<String>,
    pub(super) labels: Option<LabelsAtReveal>,
    pub(super) labels_error: Option<&'static str>,
    pub(super) confirm: String,
    pub(super) confirm_error: Option<String>,
    pub(super) password_error: Option<String>,
    /// The limits of a benchmark, a day and a year.
    pub(super) limits: Option<(String, String)>,
    pub(super) per_day_error: Option<String>,
    pub(super) per_year_error: Option<String>,
}

/// A form that asks for a date.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DateForm {
    date: String,
    zone: Zone,
    reason: String,
}

/// The zone in which a date is typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(super) enum Zone {
    /// Anywhere on Earth.
    #[default]
    #[serde(rename = "-12:00")]
    Aoe,
    #[serde(rename = "+00:00")]
    Utc,
}

impl Zone {
    pub(super) const ALL: [Self; 2] = [Self::Aoe, Self::Utc];

    /// Its offset, as the form sends it.
    pub(super) fn offset(self) -> &'static str {
        match self {
            Self::Aoe => "-12:00",
            Self::Utc => "+00:00",
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Aoe => "AoE (UTC−12)",
            Self::Utc => "UTC",
        }
    }

    /// The present date as the form shows it: in AoE if it falls at 23:59 there, else in UTC.
    pub(super) fn prefilled(at: Option<OffsetDateTime>) -> (String, Self) {
        let Some(at) = at else { return (String::new(), Self::default()) };
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]");
        let text = |at: OffsetDateTime| at.format(&format).unwrap_or_default();
        let aoe = UtcOffset::from_hms(-12, 0, 0).map_or(at, |offset| at.to_offset(offset));
        match (aoe.hour(), aoe.minute()) {
            (23, 59) => (text(aoe), Self::Aoe),
            _ => (text(at.to_offset(UtcOffset::UTC)), Self::Utc),
        }
    }
}

impl FormState {
    /// Keeps what was typed.
    pub(super) fn of_date(form: DateForm) -> Self {
        Self { date: Some((form.date, form.zone)), reason: form.reason, ..Self::default() }
    }

    /// The date that was typed; `None`, with the field's error, where it is none.
    pub(super) fn checked_date(&mut self) -> Option<OffsetDateTime> {
        let (date, zone) = self.date.as_ref()?;
        let at = instant(date.trim(), *zone);
        if at.is_none() {
            self.date_error = Some("Give a date and a time, such as 2026-12-01, 23:59.".to_owned());
        }
        at
    }

    /// The limits of a benchmark; `None`, with the fields' errors, where one is none.
    pub(super) fn checked_limits(&mut self) -> Option<SaidOfLimits> {
        let (per_day, per_year) = self.limits.as_ref()?;
        let read = |text: &str| text.trim().parse().ok().filter(|limit| (1..=SaidOfLimits::MOST).contains(limit));
        let limits = SaidOfLimits { per_day: read(per_day), per_year: read(per_year) };
        let error = |limit: Option<u32>| match limit {
            Some(_) => None,
            None => Some("Give a number from 1 to 1,000,000.".to_owned()),
        };
        (self.per_day_error, self.per_year_error) = (error(limits.per_day), error(limits.per_year));
        (limits.per_day.is_some() && limits.per_year.is_some()).then_some(limits)
    }

    /// The reason, where one was given and is one; a field's error where it is none.
    pub(super) fn checked_reason(&mut self) -> Result<Option<Reason>, NotAReason> {
        let reason = Reason::optional(&self.reason);
        if reason.is_err() {
            self.reason_error = Some("A reason has at most 500 characters, on one line.".to_owned());
        }
        reason
    }
}

/// A date as browsers send it, without an offset, or RFC 3339 with one.
fn instant(text: &str, zone: Zone) -> Option<OffsetDateTime> {
    let offset = zone.offset();
    [text.to_owned(), format!("{text}{offset}"), format!("{text}:00{offset}")]
        .iter()
        .find_map(|text| timestamp::parse(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_date_is_read_in_the_zone_that_was_chosen_or_by_its_own_offset() {
        let noon = datetime!(2026-12-02 11:59 UTC);
        assert_eq!(instant("2026-12-01T23:59", Zone::Aoe), Some(noon));
        assert_eq!(instant("2026-12-02T11:59:00", Zone::Utc), Some(noon));
        assert_eq!(instant("2026-12-02T12:59:00+01:00", Zone::Aoe), Some(noon));
        for wrong in ["", "tomorrow", "2026-12-01", "2026-02-30T12:00"] {
            assert_eq!(instant(wrong, Zone::Utc), None, "{wrong}");
        }
    }

    #[test]
    fn limits_are_positive_numbers_and_each_field_has_its_own_error() {
        let checked = |day: &str, year: &str| {
            let mut form = FormState { limits: Some((day.to_owned(), year.to_owned())), ..FormState::default() };
            let limits = form.checked_limits();
            (limits, form.per_day_error.is_some(), form.per_year_error.is_some())
        };
        let said = SaidOfLimits { per_day: Some(2), per_year: Some(50) };
        assert_eq!(checked(" 2", "50"), (Some(said), false, false));
        assert_eq!(checked("0", "50"), (None, true, false));
        assert_eq!(checked("2", "many"), (None, false, true));
    }

    #[test]
    fn the_form_begins_with_the_present_date() {
        let prefilled = |at| Zone::prefilled(Some(at));
        assert_eq!(prefilled(datetime!(2026-12-02 11:59 UTC)), ("2026-12-01T23:59".to_owned(), Zone::Aoe));
        assert_eq!(prefilled(datetime!(2026-12-02 13:00 +1)), ("2026-12-02T12:00".to_owned(), Zone::Utc));
        assert_eq!(Zone::prefilled(None), (String::new(), Zone::Aoe));
    }
}
