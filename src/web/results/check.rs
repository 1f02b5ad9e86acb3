//! How anybody checks the results.

use super::super::timestamp::Timestamp;
use crate::app::App;
use crate::http::error::HttpError;
use crate::store;
use crate::store::log::LogPosition;
use crate::store::track::Track;

/// What a check needs.
pub(super) struct Check {
    /// The command, with head and root filled in.
    pub(super) command: String,
    /// The event that the log ends with, as it stands now.
    pub(super) head: Option<LogPosition>,
    /// The roots that were committed to, with their dates, oldest first.
    pub(super) commitments: Vec<Commitment>,
    /// Whether labels are in the export, so that scores are made anew from it.
    pub(super) labels_are_open: bool,
}

/// A commitment to the labels.
pub(super) struct Commitment {
    /// As in `Commitment of`, or `Corrected on`.
    pub(super) word: &'static str,
    pub(super) at: Timestamp,
    pub(super) root: String,
}

impl Check {
    pub(super) async fn load(app: &App, track: &Track, head: Option<LogPosition>) -> Result<Self, HttpError> {
        let mut commitments = Vec::new();
        for version in 1..=track.ending.labels_version {
            let Some(label) = store::label::version(&app.db, track.id, version).await? else { continue };
            let Some(root) = label.root else { continue };
            commitments.push(Commitment {
                word: if version == 1 { "Commitment of" } else { "Corrected on" },
                at: Timestamp::day(label.made_at),
                root: root.to_string(),
            });
        }
        let mut command = format!("callimico reproduce {}.tar", track.slug);
        if let Some(LogPosition { seq, hash }) = head {
            command.push_str(&format!(" \\\n  --head {seq}:{hash}"));
        }
        if let Some(last) = commitments.last() {
            command.push_str(&format!(" \\\n  --root {}", last.root));
        }
        Ok(Self { command, head, commitments, labels_are_open: track.ending.labels_opened_at.is_some() })
    }
}
