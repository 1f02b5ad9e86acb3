//! The plan of an import: what it applies, overrides and ignores, before anything is changed.

use std::fmt;

use scoring::{Split, TrackShape};

use crate::domain::participant::Approval;
use crate::domain::timestamp::rfc3339;
use crate::store::track::{Track, TrackSettings};

/// What an import does, for the organiser to review.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// `competition/track`.
    pub track: String,
    /// What the import does to the track.
    pub action: Action,
    /// What is read from the directory.
    pub applied: Vec<String>,
    /// What is replaced: `name: before -> after`.
    pub overridden: Vec<String>,
    /// What is ignored.
    pub ignored: Vec<String>,
    /// What the organiser still has to decide.
    pub open_questions: Vec<String>,
}

/// What an import does to the track.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The track is new.
    Create,
    /// Something about the track changes.
    Update,
    /// The track is up to date already.
    #[default]
    Unchanged,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            Action::Create => "new track",
            Action::Update => "changes to the track",
            Action::Unchanged => "nothing changes: the track is like this already",
        };
        writeln!(f, "{}: {action}", self.track)?;
        for (title, lines) in [
            ("applied", &self.applied),
            ("overridden", &self.overridden),
            ("ignored", &self.ignored),
            ("to be answered", &self.open_questions),
        ] {
            for line in lines {
                writeln!(f, "  {title}: {line}")?;
            }
        }
        Ok(())
    }
}

/// Describes a shape, one line per scenario.
pub fn describe_shape(shape: &TrackShape) -> Vec<String> {
    let describe = |scenario: &scoring::ScenarioShape| {
        let splits: Vec<String> = Split::ALL
            .into_iter()
            .map(|split| {
                let (models, points) = (scenario.models(split).len(), scenario.points(split));
                format!("{split}: {models} models, {points} challenge points")
            })
            .collect();
        format!("scenario {}: {}", scenario.name(), splits.join("; "))
    };
    shape.scenarios().iter().map(describe).collect()
}

/// The settings as pairs of name and value.
pub fn describe_settings(settings: &TrackSettings) -> Vec<(&'static str, String)> {
    let date = |date: Option<time::OffsetDateTime>| date.map_or("not set".to_owned(), rfc3339);
    let page =
        |text: &str| if text.is_empty() { "none".to_owned() } else { format!("{} characters", text.chars().count()) };
    let labels: Vec<String> = settings
        .scenario_labels
        .iter()
        .map(|(name, label)| {
            let (label, epsilon) =
                (label.label.as_deref().unwrap_or(name), label.epsilon.as_deref().unwrap_or("not said"));
            format!("{name} = {label}, epsilon {epsilon}")
        })
        .collect();
    vec![
        ("kind", settings.kind.as_str().to_owned()),
        ("title", settings.title.clone()),
        ("description", settings.description.clone()),
        ("opens", date(settings.dates.opens_at)),
        ("closes", date(settings.dates.closes_at)),
        ("submissions a day", settings.limits.per_day.to_string()),
        ("submissions in all", settings.limits.total.to_string()),
        ("bytes of an upload", settings.limits.bytes.to_string()),
        ("entry rule", settings.entry_rule.as_str().to_owned()),
        ("approval", if settings.approval == Approval::Needed { "needed" } else { "not needed" }.to_owned()),
        ("entries published", if settings.publish_entries { "once the labels are opened" } else { "no" }.to_owned()),
        ("scenario labels", if labels.is_empty() { "none".to_owned() } else { labels.join("; ") }),
        ("page overview", page(&settings.pages.overview)),
        ("page evaluation", page(&settings.pages.evaluation)),
        ("page data", page(&settings.pages.data)),
        ("page terms", page(&settings.pages.terms)),
    ]
}

/// The settings that differ from those of an existing track: `name: before -> after`.
pub fn settings_overridden(existing: &Track, settings: &TrackSettings) -> Vec<String> {
    if existing.settings == *settings {
        return Vec::new();
    }
    let before = describe_settings(&existing.settings);
    let differing = before.into_iter().zip(describe_settings(settings)).filter(|(before, after)| before != after);
    let mut lines: Vec<String> =
        differing.map(|((name, before), (_, after))| format!("{name}: {before} -> {after}")).collect();
    if lines.is_empty() {
        lines.push("pages: other text of the same length".to_owned());
    }
    lines
}
