//! The results of a track: a version of its official ranking beside the dev scores of the same entries. Computed once after
//! each change and kept, as boards are.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::Boards;
use crate::domain::ids::{ParticipantId, SubmissionId, TrackId};
use crate::domain::leaderboard::{BoardEntry, SplitResult};
use crate::domain::results::{Results, VersionInfo};
use crate::domain::visibility::VisibleResults;
use crate::store::log::LogPosition;
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// A version of a track's results, with what stands beside it.
#[derive(Debug)]
pub struct TrackResults {
    /// The results.
    pub results: Results,
    /// All versions, oldest first.
    pub versions: Vec<VersionInfo>,
    /// What became of places since the version before; `None`: it is the first.
    pub moved: Option<Moved>,
    /// Whether the winner and the runner-up differ within chance; `None`: there is no runner-up.
    pub leaders_are_tied: Option<bool>,
    /// The event in the log that made this version.
    pub log: Option<LogPosition>,
    stamp: Stamp,
}

impl TrackResults {
    /// Whether there is a newer version.
    pub fn is_outdated(&self) -> bool {
        self.versions.last().is_some_and(|newest| newest.version > self.results.info.version)
    }

    /// The version before, if there is one.
    pub fn before(&self) -> Option<&VersionInfo> {
        self.versions.iter().rev().find(|info| info.version < self.results.info.version)
    }
}

/// What a version of the ranking changed against the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Moved {
    /// Entries whose rank is another.
    pub ranks: usize,
    /// Participants whose entry is another submission.
    pub entries: usize,
    /// Participants that are new in it.
    pub joined: usize,
    /// Participants that are no more in it.
    pub left: usize,
}

impl Moved {
    fn between(
        before: &[(ParticipantId, SubmissionId, Option<i32>)],
        after: &[(ParticipantId, SubmissionId, Option<i32>)],
    ) -> Self {
        let earlier: HashMap<_, _> =
            before.iter().map(|(who, submission, rank)| (*who, (*submission, *rank))).collect();
        let mut moved = Self::default();
        for (who, submission, rank) in after {
            match earlier.get(who) {
                None => moved.joined += 1,
                Some((other, place)) => {
                    moved.entries += usize::from(other != submission);
                    moved.ranks += usize::from(place != rank);
                }
            }
        }
        moved.left = before.len() + moved.joined - after.len();
        moved
    }
}

/// What results depend on beside the version they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    ranking_version: i32,
    board_version: i64,
    labels_are_open: bool,
}

impl Stamp {
    fn of(track: &Track) -> Self {
        let ending = track.ending;
        Self {
            ranking_version: ending.ranking_version,
            board_version: track.board_version,
            labels_are_open: ending.labels_opened_at.is_some(),
        }
    }
}

impl Boards {
    /// The results of a track in a version of its official ranking, the newest where none is named; `track` is the track as
    /// it stands now. `None`: there is no such version.
    ///
    /// # Errors
    /// The database cannot answer.
    pub async fn results(
        &self,
        track: &Track,
        visible: VisibleResults,
        version: Option<u32>,
    ) -> Result<Option<Arc<TrackResults>>, StoreError> {
        let newest = track.ending.ranking_version;
        let version = version.map_or(Some(newest), |version| i32::try_from(version).ok());
        let Some(version) = version.filter(|version| (1..=newest).contains(version)) else { return Ok(None) };
        let (key, stamp) = ((track.id, version), Stamp::of(track));
        if let Some(kept) = self.kept_results(key, stamp) {
            return Ok(Some(kept));
        }
        let _one_at_a_time = self.computing.lock().await;
        if let Some(kept) = self.kept_results(key, stamp) {
            return Ok(Some(kept));
        }
        let Some(computed) = self.compute_results(track, visible, version, stamp).await? else {
            return Ok(None);
        };
        let computed = Arc::new(computed);
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        // Old versions are looked at now and then: bounded.
        if results.len() > 1000 {
            results.clear();
        }
        results.insert(key, Arc::clone(&computed));
        Ok(Some(computed))
    }

    fn kept_results(&self, key: (TrackId, i32), stamp: Stamp) -> Option<Arc<TrackResults>> {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.get(&key).filter(|kept| kept.stamp == stamp).cloned()
    }

    async fn compute_results(
        &self,
        track: &Track,
        VisibleResults { dev, of_final }: VisibleResults,
        version: i32,
        stamp: Stamp,
    ) -> Result<Option<TrackResults>, StoreError> {
        let versions = store::ranking::versions(&self.db, track.id).await?;
        let Some(info) = versions.iter().find(|info| i32::try_from(info.version) == Ok(version)).cloned() else {
            return Ok(None);
        };
        let ranked = self.ranked_officially(track, of_final, version).await?;
        let leaders_are_tied = self.are_leaders_tied(of_final, &ranked).await?;
        let on_dev: HashMap<SubmissionId, SplitResult> = store::entry::of_version(&self.db, dev, version)
            .await?
            .into_iter()
            .map(|entry| (entry.submission, entry.result))
            .collect();
        let dev_of = |entry: &BoardEntry| on_dev.get(&entry.submission).cloned();
        let log = store::log::position(&self.db, track.id, info.log_seq).await?;
        let moved = match version {
            ..=1 => None,
            _ => {
                let before = store::ranking::places(&self.db, track.id, version - 1).await?;
                Some(Moved::between(&before, &store::ranking::places(&self.db, track.id, version).await?))
            }
        };
        let results = Results::new(info, ranked, dev_of);
        Ok(Some(TrackResults { results, versions, moved, leaders_are_tied, log, stamp }))
    }
}
