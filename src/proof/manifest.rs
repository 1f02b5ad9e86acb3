//! manifest.json: what an export is of, and by which settings it was ranked.

use scoring::RankingRule;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::domain::sha256::Sha256;
use crate::domain::track::EntryRule;

/// The format of exports that this program writes and reads.
pub(super) const FORMAT: u32 = 1;
/// How the models of a replicate are drawn: see the documentation of `scoring::Bootstrap`. Another way of drawing gets
/// another name, and intervals of a name that a program does not know are not compared by it.
pub(super) const BOOTSTRAP: &str = "models-chacha8-sha256";

/// What an export is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// 1.
    pub format: u32,
    /// The program that wrote it, with its version.
    pub program: String,
    /// When it was written.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
    /// `competition/track`.
    pub track: String,
    /// The track's title.
    pub title: String,
    /// Whether it holds what organisers alone may have.
    pub full: bool,
    /// Which version of the official ranking it holds.
    pub ranking_version: u32,
    /// The last event of its log.
    pub head: ManifestHead,
    /// Which labels were scored against.
    pub labels: LabelsInFile,
    /// The commitment to them; null: nobody committed to them.
    pub commitment: Option<ManifestCommitment>,
    /// The settings that decide.
    pub settings: ManifestSettings,
    /// How intervals were made.
    pub bootstrap: Bootstrap,
}

/// The last event of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestHead {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: Sha256,
}

/// Which labels an export is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelsInFile {
    /// Their version.
    pub version: u32,
    /// Whether they are public.
    pub opened: bool,
    /// Whether they are in the file.
    pub included: bool,
}

/// A commitment to labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestCommitment {
    /// SHA-256 of commitment.txt.
    pub root: Sha256,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
}

/// The settings that decide what is ranked and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestSettings {
    /// What the ranking number is.
    pub ranking: RankingRule,
    /// Which submission stands for a participant.
    pub entry_rule: EntryRule,
    /// What was told of dev scores before the reveal; `standard`: the exact numbers.
    pub disclosure: String,
    /// Bytes of one upload.
    pub submission_bytes: u64,
    /// Uploads a day.
    pub submissions_per_day: u32,
    /// Uploads in all.
    pub submissions_total: u32,
    /// When the track opened.
    #[serde(with = "time::serde::rfc3339::option")]
    pub opens_at: Option<OffsetDateTime>,
    /// When it closed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub closes_at: Option<OffsetDateTime>,
}

/// How intervals are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// The way of drawing.
    pub name: String,
    /// How often is drawn.
    pub replicates: usize,
}

impl Default for Bootstrap {
    /// What this program does.
    fn default() -> Self {
        Self { name: BOOTSTRAP.to_owned(), replicates: scoring::REPLICATES }
    }
}

impl Manifest {
    /// The format that this program writes.
    pub const FORMAT: u32 = FORMAT;

    /// The bytes: JSON for people to read, and a newline.
    ///
    /// # Errors
    /// A time beyond the year 9999.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
