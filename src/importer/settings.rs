//! A track's settings: those of MICO, except where `track.yaml` and `pages/*.md` say otherwise.

use std::path::Path;

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};
use track_files::{PAGES, TRACK_YAML};

use super::ImportError;
use crate::domain::participant::Approval;
use crate::domain::phase::Dates;
use crate::domain::release::TrackKind;
use crate::domain::track::{EntryRule, Pages, ScenarioLabel, ScenarioLabels, SubmissionLimits};
use crate::store::track::TrackSettings;

/// What the organiser should know about how the settings were read.
#[derive(Debug, Default)]
pub struct Notes {
    /// Values that were interpreted in a way that is not obvious.
    pub remarks: Vec<String>,
    /// Unknown keys, which were ignored.
    pub ignored: Vec<String>,
}

/// The default settings of a track, which are MICO's.
pub fn defaults(slug: &str) -> TrackSettings {
    TrackSettings {
        title: title_from(slug),
        description: String::new(),
        dates: Dates::default(),
        scenario_labels: ScenarioLabels::new(),
        pages: Pages::default(),
        limits: SubmissionLimits::MICO,
        entry_rule: EntryRule::Latest,
        approval: Approval::NotNeeded,
        kind: TrackKind::Membership,
        publish_entries: false,
    }
}

/// A title made from a track's short name: `purchase100_hi` becomes `Purchase100 hi`.
pub fn title_from(slug: &str) -> String {
    let words = slug.replace(['_', '-'], " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Overrides `settings` with what `track.yaml` and `pages/` of a track directory say.
///
/// # Errors
/// A file cannot be read, the YAML cannot be parsed, or a known key has an invalid value. Unknown
/// keys are noted, never fatal.
pub fn read(root: &Path, settings: &mut TrackSettings) -> Result<Notes, ImportError> {
    let mut notes = Notes::default();
    if let Some(text) = read_text(&root.join(TRACK_YAML))? {
        let value: Value = serde_saphyr::from_str(&text).map_err(|error| ImportError::Settings(error.to_string()))?;
        match value {
            Value::Object(keys) => {
                for (key, value) in &keys {
                    apply_key(settings, key, value, &mut notes)?;
                }
            }
            Value::Null => {}
            _ => return Err(ImportError::Settings("the file must hold keys and values".to_owned())),
        }
    }
    for (name, page) in [
        ("overview", &mut settings.pages.overview),
        ("evaluation", &mut settings.pages.evaluation),
        ("data", &mut settings.pages.data),
        ("terms", &mut settings.pages.terms),
    ] {
        if let Some(text) = read_text(&root.join(PAGES).join(format!("{name}.md")))? {
            *page = text;
        }
    }
    if let Dates { opens_at: Some(opens), closes_at: Some(closes) } = settings.dates
        && opens >= closes
    {
        return Err(ImportError::Settings("the track closes before it opens".to_owned()));
    }
    Ok(notes)
}

fn read_text(path: &Path) -> Result<Option<String>, ImportError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ImportError::Unreadable(path.to_owned(), error)),
    }
}

fn apply_key(settings: &mut TrackSettings, key: &str, value: &Value, notes: &mut Notes) -> Result<(), ImportError> {
    match key {
        "title" => settings.title = text(key, value)?,
        "description" => settings.description = text(key, value)?,
        "entry_rule" => {
            settings.entry_rule = serde_json::from_value(value.clone())
                .map_err(|_| ImportError::Settings("`entry_rule` is `latest`, `best` or `chosen`".to_owned()))?;
        }
        "kind" => {
            settings.kind = serde_json::from_value(value.clone())
                .map_err(|_| ImportError::Settings("`kind` is `membership` or `dp_distinguisher`".to_owned()))?;
        }
        "approval" | "needs_approval" => {
            let needed =
                value.as_bool().ok_or_else(|| ImportError::Settings(format!("`{key}` is `true` or `false`")))?;
            settings.approval = needed.into();
        }
        // Part of the track's shape, with which it is read.
        track_files::RANKING => {}
        "publish_entries" => {
            settings.publish_entries = value
                .as_bool()
                .ok_or_else(|| ImportError::Settings("`publish_entries` is `true` or `false`".to_owned()))?;
        }
        "limits" => each(key, value, |inner, value| apply_limit(&mut settings.limits, inner, value, notes))?,
        "dates" => each(key, value, |inner, value| apply_date(&mut settings.dates, inner, value, notes))?,
        "scenarios" => each(key, value, |name, value| {
            let label = apply_label(name, value, notes)?;
            settings.scenario_labels.insert(name.to_owned(), label);
            Ok(())
        })?,
        "pages" => each(key, value, |name, value| {
            let page = match name {
                "overview" => &mut settings.pages.overview,
                "evaluation" => &mut settings.pages.evaluation,
                "data" => &mut settings.pages.data,
                "terms" => &mut settings.pages.terms,
                _ => {
                    notes.ignored.push(format!("pages.{name}"));
                    return Ok(());
                }
            };
            *page = text(name, value)?;
            Ok(())
        })?,
        _ => notes.ignored.push(key.to_owned()),
    }
    Ok(())
}

fn each(
    key: &str,
    value: &Value,
    mut apply: impl FnMut(&str, &Value) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let Value::Object(inner) = value else {
        return Err(ImportError::Settings(format!("`{key}` must hold keys and values")));
    };
    inner.iter().try_for_each(|(name, value)| apply(name, value))
}

fn text(key: &str, value: &Value) -> Result<String, ImportError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(ImportError::Settings(format!("`{key}` must be a text"))),
    }
}

fn apply_limit(limits: &mut SubmissionLimits, key: &str, value: &Value, notes: &mut Notes) -> Result<(), ImportError> {
    let greatest = match key {
        "per_day" | "total" => u64::from(i32::MAX.unsigned_abs()),
        "bytes" => 1 << 30,
        _ => {
            notes.ignored.push(format!("limits.{key}"));
            return Ok(());
        }
    };
    let number = value
        .as_u64()
        .filter(|number| (1..=greatest).contains(number))
        .ok_or_else(|| ImportError::Settings(format!("`limits.{key}` is a whole number from 1 to {greatest}")))?;
    let small = u32::try_from(number).unwrap_or(u32::MAX);
    match key {
        "per_day" => limits.per_day = small,
        "total" => limits.total = small,
        _ => limits.bytes = number,
    }
    Ok(())
}

fn apply_date(dates: &mut Dates, key: &str, value: &Value, notes: &mut Notes) -> Result<(), ImportError> {
    let date = match key {
        "opens" => &mut dates.opens_at,
        "closes" => &mut dates.closes_at,
        _ => {
            notes.ignored.push(format!("dates.{key}"));
            return Ok(());
        }
    };
    if value.is_null() {
        *date = None;
        return Ok(());
    }
    let written = text(key, value)?;
    let (timestamp, assumed) = timestamp(&written).ok_or_else(|| {
        ImportError::Settings(format!("`dates.{key}` is no date: write it like 2026-12-05T23:59:00Z or 2026-12-05"))
    })?;
    if assumed {
        notes.remarks.push(format!("dates.{key}: `{written}` has no offset and is read as UTC"));
    }
    *date = Some(timestamp);
    Ok(())
}

/// A timestamp, and whether its offset had to be assumed.
fn timestamp(text: &str) -> Option<(OffsetDateTime, bool)> {
    let text = text.trim();
    if let Ok(timestamp) = OffsetDateTime::parse(&text.replacen(' ', "T", 1), &Rfc3339) {
        return Some((timestamp, false));
    }
    let plain = text.replacen('T', " ", 1);
    let local = PrimitiveDateTime::parse(&plain, format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"))
        .or_else(|_| PrimitiveDateTime::parse(&plain, format_description!("[year]-[month]-[day] [hour]:[minute]")))
        .or_else(|_| {
            Date::parse(&plain, format_description!("[year]-[month]-[day]"))
                .map(|date| PrimitiveDateTime::new(date, Time::MIDNIGHT))
        });
    local.ok().map(|local| (local.assume_utc(), true))
}

fn apply_label(name: &str, value: &Value, notes: &mut Notes) -> Result<ScenarioLabel, ImportError> {
    let mut label = ScenarioLabel::default();
    each(name, value, |key, value| {
        match key {
            "label" => label.label = Some(text(key, value)?),
            "epsilon" if value.is_null() => label.epsilon = None,
            "epsilon" => label.epsilon = Some(text(key, value)?),
            _ => notes.ignored.push(format!("scenarios.{name}.{key}")),
        }
        Ok(())
    })?;
    Ok(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn settings_of(yaml: &str) -> Result<(TrackSettings, Notes), ImportError> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("track.yaml"), yaml).expect("written");
        let mut settings = defaults("market20");
        let notes = read(folder.path(), &mut settings)?;
        Ok((settings, notes))
    }

    #[test]
    fn without_a_track_yaml_a_track_has_micos_settings() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = defaults("purchase-100");
        read(folder.path(), &mut settings).expect("no file is fine");
        assert_eq!(settings, defaults("purchase-100"));
        assert_eq!(settings.title, "Purchase 100");
        assert_eq!(settings.limits, SubmissionLimits { per_day: 30, total: 1000, bytes: 2_000_000 });
        assert_eq!(settings.entry_rule, EntryRule::Latest);
    }

    #[test]
    fn what_track_yaml_says_is_taken_and_what_it_does_not_know_is_named() {
        let (settings, notes) = settings_of(
            "title: Market\nlimits: {per_day: 5, weekly: 9}\ndates: {closes: 2026-12-05 23:59}\n\
             scenarios:\n  market20_hi: {label: High ε, epsilon: 10}\nentry_rule: best\nmascot: marmoset\n",
        )
        .expect("valid");
        assert_eq!((settings.title.as_str(), settings.limits.per_day, settings.limits.total), ("Market", 5, 1000));
        assert_eq!(settings.dates.closes_at, Some(datetime!(2026-12-05 23:59 UTC)));
        assert_eq!(settings.entry_rule, EntryRule::Best);
        let label = &settings.scenario_labels["market20_hi"];
        assert_eq!((label.label.as_deref(), label.epsilon.as_deref()), (Some("High ε"), Some("10")));
        assert_eq!(notes.ignored, ["limits.weekly", "mascot"]);
        assert_eq!(notes.remarks.len(), 1, "{:?}", notes.remarks);
    }

    #[test]
    fn a_known_key_with_a_senseless_value_is_an_error_that_names_it() {
        for (yaml, name) in [
            ("limits: {per_day: 0}", "limits.per_day"),
            ("limits: {bytes: -1}", "limits.bytes"),
            ("entry_rule: luck", "entry_rule"),
            ("dates: {closes: soon}", "dates.closes"),
            ("dates: {opens: 2026-12-05, closes: 2026-12-01}", "closes before it opens"),
            ("approval: maybe", "approval"),
            ("kind: guessing", "kind"),
            ("publish_entries: later", "publish_entries"),
            ("- a list", "keys and values"),
        ] {
            let error = settings_of(yaml).expect_err(yaml).to_string();
            assert!(error.contains(name), "{yaml}: {error}");
        }
    }
}
