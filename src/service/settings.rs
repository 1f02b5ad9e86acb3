//! What organisers set for a track: which changes the log tells, and which participants are told about.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::domain::log_event::{LogEvent, Step, StepName};
use crate::domain::participant::Approval;
use crate::domain::phase::Phase;
use crate::domain::sha256::Sha256;
use crate::domain::timestamp::rfc3339;
use crate::store::log::Detail;
use crate::store::track::{Track, TrackSettings};
use crate::store::{self, StoreError};

/// A setting as the log tells it.
struct Field {
    name: &'static str,
    value: String,
    /// Whether participants are told of its change on the track's pages.
    matters: bool,
}

/// The settings by the names that the API has for them. Texts are told by their SHA-256: they may be long, and hold names.
fn fields(settings: &TrackSettings) -> Vec<Field> {
    let date = |date: Option<OffsetDateTime>| date.map_or_else(|| "not set".to_owned(), rfc3339);
    let text = |text: &str| Sha256::of(text.as_bytes()).to_string();
    let labels = serde_json::to_string(&settings.scenario_labels).unwrap_or_default();
    let field = |name, value| Field { name, value, matters: false };
    let rule = |name, value| Field { name, value, matters: true };
    vec![
        field("title", text(&settings.title)),
        field("description", text(&settings.description)),
        rule("opens_at", date(settings.dates.opens_at)),
        rule("closes_at", date(settings.dates.closes_at)),
        rule("limits.per_day", settings.limits.per_day.to_string()),
        rule("limits.total", settings.limits.total.to_string()),
        rule("limits.bytes", settings.limits.bytes.to_string()),
        rule("entry_rule", settings.entry_rule.as_str().to_owned()),
        rule("needs_approval", (settings.approval == Approval::Needed).to_string()),
        rule("publish_entries", settings.publish_entries.to_string()),
        field("kind", settings.kind.as_str().to_owned()),
        field("scenario_labels", text(&labels)),
        field("pages.overview", text(&settings.pages.overview)),
        field("pages.evaluation", text(&settings.pages.evaluation)),
        field("pages.data", text(&settings.pages.data)),
        field("pages.terms", text(&settings.pages.terms)),
    ]
}

/// Appends an event for each setting that becomes another; what participants must know becomes the track's banner. Of a
/// draft nothing is told: there every setting is free. Part of the transaction that changes them.
///
/// # Errors
/// The database cannot answer.
pub async fn log_changes(
    db: &mut PgConnection,
    track: &Track,
    wanted: &TrackSettings,
    detail: Detail<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if track.phase == Phase::Draft {
        return Ok(());
    }
    for (old, new) in fields(&track.settings).into_iter().zip(fields(wanted)) {
        if old.value == new.value {
            continue;
        }
        let event = match (new.name, track.settings.dates.closes_at, wanted.dates.closes_at) {
            // A later close is the step that has a name for it, whoever took it and how.
            ("closes_at", Some(before), Some(at)) if at > before => {
                LogEvent::Step(Step { closes_at: Some(at), ..Step::of(StepName::Extend) })
            }
            _ => LogEvent::Settings { field: new.name.to_owned(), old: old.value, new: new.value },
        };
        let log = store::log::append(db, track.id, event, detail, now).await?;
        if new.matters {
            store::track::set_banner(db, track.id, log.seq).await?;
        }
    }
    Ok(())
}
