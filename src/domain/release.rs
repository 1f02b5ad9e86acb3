//! The files participants are given: which files of a track's directory may be released, and what
//! names files may have.
//!
//! The list names what may be released, never what may not: a file that nobody thought of stays
//! hidden.

use std::fmt;
use std::str::FromStr;

use scoring::Split;
use thiserror::Error;
use track_files::{
    CHALLENGE_FILES, MODEL_CONFIG, MODEL_FORMS, POOL_FILES, SEED_MEMBERSHIP, SEED_TRAINING, SOLUTION, TRAIN_IDX,
};

/// What participants have to infer, which decides what they are told about the target models.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "track_kind", rename_all = "snake_case")]
pub enum TrackKind {
    /// Membership inference: nothing is revealed about the training data of dev and final models.
    #[default]
    Membership,
    /// MICO's DP Distinguisher: the training rows of dev and final models are revealed, except the
    /// challenge points.
    DpDistinguisher,
}

impl TrackKind {
    /// The word in `track.yaml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Membership => "membership",
            Self::DpDistinguisher => "dp_distinguisher",
        }
    }
}

/// What is also revealed of train models: what they were trained on, and which challenge points are
/// members.
const TRUTH: [&str; 4] = [SOLUTION, TRAIN_IDX, SEED_TRAINING, SEED_MEMBERSHIP];
/// The training rows other than challenge points, as a seed: it says nothing about membership.
const TRAINING: [&str; 1] = [SEED_TRAINING];

/// Whether a file in a model's folder may be released. Upper and lower case differ, so
/// `Solution.csv` is unknown in every split.
pub fn may_leave(kind: TrackKind, split: Split, file: &str) -> bool {
    let is_public = MODEL_FORMS.contains(&file) || CHALLENGE_FILES.contains(&file);
    match (split, kind) {
        (Split::Train, _) => is_public || TRUTH.contains(&file),
        (Split::Dev | Split::Final, TrackKind::Membership) => is_public,
        (Split::Dev | Split::Final, TrackKind::DpDistinguisher) => is_public || TRAINING.contains(&file),
    }
}

/// Whether a file beside the scenarios may be released.
pub fn may_leave_root(file: &str) -> bool {
    POOL_FILES.contains(&file)
}

/// Whether a file in a model's folder is the model, or part of it.
pub fn is_model(file: &str) -> bool {
    MODEL_FORMS.contains(&file) && file != MODEL_CONFIG
}

/// The name of a file that participants are given: at most 200 ASCII letters, digits, `-`, `_` and
/// `.`, beginning with a letter, digit or `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct FileName(String);

/// The text cannot name a file.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`{0}` cannot name a file for participants: take at most 200 letters, digits, `-`, `_` and `.`, beginning with none of \
     `-` and `.`"
)]
pub struct NotAFileName(String);

impl FileName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = NotAFileName;

    fn from_str(text: &str) -> Result<Self, NotAFileName> {
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.len() <= 200 && begins_well && text.chars().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAFileName(text.chars().take(80).flat_map(char::escape_default).collect()))
        }
    }
}

super::text_column!(FileName);

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [TrackKind; 2] = [TrackKind::Membership, TrackKind::DpDistinguisher];

    #[test]
    fn what_tells_members_from_others_leaves_for_train_models_alone() {
        for kind in KINDS {
            for file in ["solution.csv", "seed_membership", "train_idx.npy"] {
                assert!(may_leave(kind, Split::Train, file), "{file}");
                assert!(!may_leave(kind, Split::Dev, file), "{file}");
                assert!(!may_leave(kind, Split::Final, file), "{file}");
            }
        }
    }

    #[test]
    fn the_seed_of_the_training_rows_leaves_where_training_rows_are_revealed() {
        for split in Split::SUBMITTED {
            assert!(!may_leave(TrackKind::Membership, split, "seed_training"));
            assert!(may_leave(TrackKind::DpDistinguisher, split, "seed_training"));
        }
    }

    #[test]
    fn names_nobody_thought_of_stay() {
        let strange = ["Solution.csv", "SOLUTION.CSV", "solution.csv~", ".solution.csv.swp", "model.onnx.bak", "", "."];
        for kind in KINDS {
            for split in Split::ALL {
                for file in strange.into_iter().chain(["recipe.json", "report.json", "sub/solution.csv"]) {
                    assert!(!may_leave(kind, split, file), "{file}");
                    assert!(!may_leave_root(file), "{file}");
                }
            }
        }
    }

    #[test]
    fn a_file_name_is_plain() {
        for good in ["SHA256SUMS", "cifar10_inf-train.tar", "_x.zip"] {
            assert_eq!(good.parse::<FileName>().expect(good).as_str(), good);
        }
        for bad in ["", ".", "..", ".x", "-x", "a/b", "a\\b", "a b", "a\nb", "é", &"x".repeat(201)] {
            assert!(bad.parse::<FileName>().is_err(), "{bad} was taken");
        }
    }
}
