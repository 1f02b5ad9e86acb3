//! Writes everything that a revealed ranking can be computed from into one file.
//!
//! For the public: what is public, and no more. For organisers: labels, salts, every zip, dev results and names as well.

use std::collections::BTreeSet;
use std::io::{self, Write};

use scoring::commitment::{Salt, SaltsFile, Version1};
use thiserror::Error;

use crate::app::App;
use crate::domain::ids::SubmissionId;
use crate::domain::official_ranking::RankingFile;
use crate::domain::slug::TrackPath;
use crate::domain::visibility::VisibleSplit;
use crate::objects::ObjectKey;
use crate::proof::{
    Bootstrap, DevResult, ExportWriter, LabelsInFile, Manifest, ManifestCommitment, ManifestHead, ManifestSettings,
    NamedParticipant,
};
use crate::store::label::LabelVersion;
use crate::store::log::{Line, LogPosition};
use crate::store::ranking::OfficialRanking;
use crate::store::solution::ModelSolution;
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// Who a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFor {
    /// Everybody.
    Public,
    /// Organisers, who keep it to themselves.
    Organisers,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// The version of the official ranking.
    pub version: u32,
    /// Its entries.
    pub entries: usize,
    /// Zips in the file.
    pub zips: usize,
    /// Whether labels are in it.
    pub labels: bool,
    /// The last event of the log in it.
    pub head: LogPosition,
}

/// Why nothing was written.
#[derive(Debug, Error)]
pub enum ExportError {
    /// There is no such track.
    #[error("there is no track {0}")]
    NoTrack(TrackPath),
    /// Its final ranking is not public yet.
    #[error("{0} has no official ranking yet: it is exported once it is revealed")]
    NotRevealed(TrackPath),
    /// Its labels were corrected, and its ranking still rests on the labels before.
    #[error("the labels of {0} were corrected since its ranking was made: apply the rescoring first")]
    RescoringOpen(TrackPath),
    /// A zip that should be kept is not there.
    #[error("the zip of submission {0} is gone")]
    ZipGone(SubmissionId),
    /// A zip cannot be read.
    #[error("the zip of submission {0} cannot be read")]
    Zip(SubmissionId, #[source] io::Error),
    /// The file cannot be written.
    #[error("the file cannot be written")]
    Write(#[source] io::Error),
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ExportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What the database holds at one instant.
struct Content {
    track: Track,
    official: OfficialRanking,
    ranking: RankingFile,
    label: Option<LabelVersion>,
    solutions: Vec<ModelSolution>,
    log: Vec<u8>,
    head: LogPosition,
    zips: Vec<(SubmissionId, u64)>,
    dev: Vec<DevResult>,
    names: Vec<NamedParticipant>,
}

/// Writes the newest official ranking of a track with everything that it was made of, as far as `whom` may have it.
///
/// # Errors
/// There is no such track, it is not revealed, or something cannot be read or written. What was written until then is
/// worth nothing.
pub async fn write(
    app: &App,
    path: &TrackPath,
    whom: ExportFor,
    out: impl Write + Send,
) -> Result<Exported, ExportError> {
    let content = read(app, path, whom).await?;
    let Content { track, official, ranking, label, solutions, head, .. } = &content;
    let opened = track.ending.labels_opened_at.is_some();
    let included = opened || whom == ExportFor::Organisers;
    let committed = label.as_ref().and_then(|label| Some((label.root?, label.text.as_deref()?, label.made_at)));
    let manifest = Manifest {
        format: Manifest::FORMAT,
        program: store::scoring::SCORER_VERSION.to_owned(),
        made_at: app.database_time(&app.db).await?,
        track: track.path().to_string(),
        title: track.settings.title.clone(),
        full: whom == ExportFor::Organisers,
        ranking_version: official.version.unsigned_abs(),
        head: ManifestHead { seq: head.seq.unsigned_abs(), hash: head.hash },
        labels: LabelsInFile { version: track.ending.labels_version.unsigned_abs(), opened, included },
        commitment: committed.map(|(root, _, made_at)| ManifestCommitment { root, made_at }),
        settings: settings(track),
        bootstrap: Bootstrap::default(),
    };
    let failed = ExportError::Write;
    let mut export = ExportWriter::new(out, &manifest).map_err(failed)?;
    export.shape(&track.shape).map_err(failed)?;
    if let Some((_, text, _)) = committed {
        export.commitment(text).map_err(failed)?;
    }
    export.log(&content.log).map_err(failed)?;
    export.ranking(&official.ranking, &official.results).map_err(failed)?;
    if included {
        for solution in solutions {
            export.labels(&solution.path(), &solution.membership).map_err(failed)?;
        }
        if committed.is_some() {
            export.salts(&salts(track, solutions)?).map_err(failed)?;
        }
    }
    let entries: BTreeSet<SubmissionId> = ranking.entries.iter().map(|entry| entry.submission).collect();
    for (id, size) in &content.zips {
        let zip = app.objects.read(&ObjectKey::Upload(*id)).await.map_err(|error| ExportError::Zip(*id, error))?;
        let zip = zip.filter(|zip| zip.len() as u64 == *size).ok_or(ExportError::ZipGone(*id))?;
        export.zip(*id, entries.contains(id), *size, &mut &zip[..]).map_err(failed)?;
    }
    if whom == ExportFor::Organisers {
        export.dev_results(&content.dev).map_err(failed)?;
        export.names(&content.names).map_err(failed)?;
    }
    export.finish().map_err(failed)?;
    Ok(Exported {
        version: manifest.ranking_version,
        entries: entries.len(),
        zips: content.zips.len(),
        labels: included,
        head: *head,
    })
}

/// Reads what a file is made of, all of it as it stands at one instant.
async fn read(app: &App, path: &TrackPath, whom: ExportFor) -> Result<Content, ExportError> {
    let mut db = store::snapshot(&app.db).await?;
    let track = store::track::by_path(&mut *db, path).await?.ok_or_else(|| ExportError::NoTrack(path.clone()))?;
    let not_revealed = || ExportError::NotRevealed(path.clone());
    let full = VisibleSplit::for_full_export(track.id, track.phase).ok_or_else(not_revealed)?;
    let official = store::ranking::version(&mut *db, track.id, track.ending.ranking_version).await?;
    let official = official.ok_or_else(not_revealed)?;
    let scores = VisibleSplit::for_official_ranking(track.id);
    if store::rescoring::stale_final_scores(&mut *db, scores).await? > 0 {
        return Err(ExportError::RescoringOpen(path.clone()));
    }
    let ranking: RankingFile =
        serde_json::from_str(&official.ranking).map_err(|error| StoreError::Inconsistent(error.to_string()))?;
    let label = store::label::version(&mut *db, track.id, track.ending.labels_version).await?;
    let mut solutions = store::solution::all(&mut *db, track.id).await?;
    solutions.retain(|solution| scoring::Split::SUBMITTED.contains(&solution.split));
    solutions.sort_by_key(ModelSolution::path);
    let head = store::log::head(&mut *db, track.id).await?;
    let head = head.ok_or_else(|| StoreError::Inconsistent("a revealed track has no log".to_owned()))?;
    let log = store::log::all(&mut db, track.id).await?.iter().flat_map(Line::to_bytes).collect();
    let mut zips = store::submission::taken(&mut *db, track.id).await?;
    let (mut dev, mut names) = (Vec::new(), Vec::new());
    match whom {
        ExportFor::Organisers => {
            let results = store::scoring::logged_results(&mut *db, full).await?;
            dev = results
                .into_iter()
                .map(|one| DevResult { submission: one.submission, random: one.random, result: one.result })
                .collect();
            let known = store::participant::log_names(&mut *db, track.id).await?;
            names = known.into_iter().map(|(participant, name)| NamedParticipant { participant, name }).collect();
        }
        // Whoever has a zip and its numbers has the labels; and the terms must have said that it is published.
        ExportFor::Public if track.ending.labels_opened_at.is_none() || !track.settings.publish_entries => zips.clear(),
        ExportFor::Public => {
            let entries: BTreeSet<SubmissionId> = ranking.entries.iter().map(|entry| entry.submission).collect();
            zips.retain(|(id, _)| entries.contains(id));
        }
    }
    Ok(Content { track, official, ranking, label, solutions, log, head, zips, dev, names })
}

fn settings(track: &Track) -> ManifestSettings {
    let settings = &track.settings;
    ManifestSettings {
        ranking: track.shape.ranking(),
        entry_rule: settings.entry_rule,
        disclosure: "standard".to_owned(),
        submission_bytes: settings.limits.bytes,
        submissions_per_day: settings.limits.per_day,
        submissions_total: settings.limits.total,
        opens_at: settings.dates.opens_at,
        closes_at: settings.dates.closes_at,
    }
}

fn salts(track: &Track, solutions: &[ModelSolution]) -> Result<SaltsFile, StoreError> {
    let of = |solution: &ModelSolution| {
        let path = solution.path();
        let missing = || StoreError::Inconsistent(format!("{path} was committed to and has no salt"));
        let salt = solution.salt.ok_or_else(missing)?;
        Ok((path, Salt::from_bytes(salt)))
    };
    let salts = solutions.iter().map(of).collect::<Result<_, StoreError>>()?;
    Ok(SaltsFile { version: Version1, track: track.slug.to_string(), salts })
}
