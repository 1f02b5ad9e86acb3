//! Taking in a submission.
//!
//! 1. [`receive`] streams the bytes to disk under the track's size limit, hashing as they come, and flushes.
//! 2. [`accept`] checks the archive in full (both splits), and then, in one transaction under the
//!    participant's lock: phase, dates, limits, the submission's row and its scoring job. Only after the
//!    commit does anybody answer 201.
//!
//! Of a rejected upload the record and its problems are kept, not the bytes; it costs no attempt.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures_util::{Stream, StreamExt};
use scoring::{Limits, Problems, Split, Validated};
use sqlx::PgConnection;
use thiserror::Error;
use time::OffsetDateTime;

use crate::app::App;
use crate::domain::ids::SubmissionId;
use crate::domain::log_event::LogEvent;
use crate::domain::participant::ParticipantStatus;
use crate::domain::phase::{Act, Phase, Refusal};
use crate::domain::quota::{Allowance, AttemptsLeft, AttemptsUsed, LimitReached};
use crate::domain::sha256::Sha256;
use crate::domain::submission::SubmissionState;
use crate::objects::{ObjectKey, Staged};
use crate::store::log::{Detail, LogPosition};
use crate::store::participant::Participant;
use crate::store::submission::{NewSubmission, Verdict};
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// What a participant says of a submission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// In words.
    pub description: String,
    /// Where the method is described.
    pub method_url: Option<String>,
    /// A key against sending twice: the same key and bytes again answer the earlier submission.
    pub idempotency_key: Option<String>,
}

/// Which of the details cannot be taken; the text is for the person who wrote it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DetailsError {
    /// The description is too long, or has characters that are no text.
    #[error("A description has at most 500 characters, and no control characters.")]
    Description,
    /// The method's address is not one.
    #[error("The method's address must begin with https:// or http:// and have at most 500 characters.")]
    MethodUrl,
    /// The key is empty, too long or not plain text.
    #[error("An Idempotency-Key has 1 to 200 visible ASCII characters.")]
    IdempotencyKey,
}

impl Details {
    /// Checks the lengths and forms; blank fields count as not given.
    ///
    /// # Errors
    /// Names the first field that cannot be taken.
    pub fn parse(
        description: Option<String>,
        method_url: Option<String>,
        idempotency_key: Option<String>,
    ) -> Result<Self, DetailsError> {
        let lines = description.unwrap_or_default();
        let description = lines.split_whitespace().collect::<Vec<_>>().join(" ");
        if description.chars().count() > 500 || description.chars().any(is_no_text) {
            return Err(DetailsError::Description);
        }
        let method_url = method_url.map(|url| url.trim().to_owned()).filter(|url| !url.is_empty());
        if let Some(url) = &method_url {
            let known = url.starts_with("https://") || url.starts_with("http://");
            if !known || url.chars().count() > 500 || url.chars().any(|c| is_no_text(c) || c.is_whitespace()) {
                return Err(DetailsError::MethodUrl);
            }
        }
        if let Some(key) = &idempotency_key
            && (!(1..=200).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(DetailsError::IdempotencyKey);
        }
        Ok(Self { description, method_url, idempotency_key })
    }
}

/// Controls, and the marks that turn the direction of the text around them: on a public board they deceive.
fn is_no_text(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Who submits.
#[derive(Debug, Clone, Copy)]
pub struct Sender {
    /// As whom.
    pub participant: Participant,
    /// Whether it is an organiser of the competition, whose client may use the rights of one. They try a track out while
    /// it is being prepared.
    pub is_organiser: bool,
}

impl From<Participant> for Sender {
    /// A participant like all others.
    fn from(participant: Participant) -> Self {
        Self { participant, is_organiser: false }
    }
}

/// An upload that arrived whole.
#[derive(Debug)]
pub struct Received {
    /// Its bytes, on disk.
    pub staged: Staged,
    /// When its last byte came, by the database's clock: what counts for the deadline and the limits, however long it
    /// waits for its check.
    pub arrived_at: OffsetDateTime,
}

/// A submission that was taken.
#[derive(Debug)]
pub struct Accepted {
    /// The submission.
    pub id: SubmissionId,
    /// Where it stands.
    pub state: SubmissionState,
    /// When the upload had arrived.
    pub received_at: OffsetDateTime,
    /// Bytes of the upload.
    pub size: u64,
    /// SHA-256 of the upload.
    pub sha256: Sha256,
    /// What the participant has left now.
    pub attempts_left: AttemptsLeft,
    /// Its place in the track's log; `None` of a trial, and of what was taken before tracks had one.
    pub log: Option<LogPosition>,
    /// Whether it had been taken before under the same idempotency key.
    pub replayed: bool,
}

/// Why a submission was not taken.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// The track is not open now.
    #[error("the track takes no submissions now")]
    NotTaking(Refusal),
    /// The enrolment is not approved.
    #[error("the enrolment is not approved")]
    NotApproved(ParticipantStatus),
    /// No attempt is left.
    #[error("no attempt is left")]
    LimitReached(LimitReached),
    /// Too many uploads were rejected within the last hour.
    #[error("too many uploads were rejected within the last hour")]
    TooManyRejected {
        /// When to try again.
        retry_at: OffsetDateTime,
    },
    /// The upload is larger than the track takes.
    #[error("the upload is larger than {limit} bytes")]
    TooLarge {
        /// The track's limit in bytes.
        limit: u64,
    },
    /// The upload did not arrive whole.
    #[error("the upload did not arrive whole")]
    Broken,
    /// The upload took too long.
    #[error("the upload took too long")]
    TooSlow,
    /// The upload is wrong; its record is kept.
    #[error("the upload was rejected")]
    Rejected {
        /// The record.
        id: SubmissionId,
        /// What is wrong.
        problems: Problems,
    },
    /// The idempotency key was used for other bytes.
    #[error("the idempotency key was used for another upload")]
    KeyReused,
    /// The bytes could not be stored.
    #[error("the upload could not be stored")]
    Storage(#[source] std::io::Error),
    /// The connection was lost while the submission was committed: it may be in, or not.
    #[error("the commit of the submission was not answered")]
    Undecided(#[source] sqlx::Error),
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The check itself broke off; a fault of ours.
    #[error("the upload could not be checked")]
    CheckBrokeOff(#[source] tokio::task::JoinError),
}

impl From<sqlx::Error> for SubmitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Says early what [`accept`] would say in the end, so that no one sends bytes for nothing. Decides nothing.
///
/// An idempotency key that was used stands for a submission that was taken when there was still an attempt left.
///
/// # Errors
/// As [`accept`], but for what only the bytes can tell.
pub async fn precheck(
    app: &App,
    track: &Track,
    sender: impl Into<Sender>,
    idempotency_key: Option<&str>,
) -> Result<(), SubmitError> {
    let sender = sender.into();
    let participant = sender.participant;
    if participant.status != ParticipantStatus::Approved {
        return Err(SubmitError::NotApproved(participant.status));
    }
    let refused = would_count(app, track, sender).await;
    // Looked up after the limits: where the key's own submission has just filled them, it is there to be found.
    if refused.is_err()
        && let Some(key) = idempotency_key
        && store::submission::by_idempotency_key(&app.db, participant.id, key).await?.is_some()
    {
        return Ok(());
    }
    refused
}

/// Whether an upload that arrived now would count.
async fn would_count(app: &App, track: &Track, sender: Sender) -> Result<(), SubmitError> {
    let now = app.database_time(&app.db).await?;
    if !track.stage().is_trial(sender.is_organiser) {
        track.stage().admit(Act::Submit, now).map_err(SubmitError::NotTaking)?;
    }
    let allowance = track.allowance(now);
    let used = store::submission::attempts_used(&app.db, sender.participant.id, allowance, now).await?;
    allowance.admit(used, now).map_err(SubmitError::LimitReached)
}

/// Whether one more upload may be rejected: not where the `nth` last rejection, the one that fills the limit,
/// lies within the hour before `now`.
fn admit_rejected(nth: Option<OffsetDateTime>, now: OffsetDateTime) -> Result<(), SubmitError> {
    match nth.map(|nth| nth + time::Duration::HOUR).filter(|retry_at| *retry_at > now) {
        Some(retry_at) => Err(SubmitError::TooManyRejected { retry_at }),
        None => Ok(()),
    }
}

/// Streams an upload to disk when its sender has a free slot; memory holds one chunk of it.
///
/// # Errors
/// [`SubmitError::TooLarge`] past the track's limit, [`SubmitError::TooSlow`] past the time allowed,
/// [`SubmitError::Broken`] where the sender broke off, [`SubmitError::Storage`] where the disk refuses.
pub async fn receive<E>(
    app: &App,
    track: &Track,
    participant: Participant,
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Received, SubmitError> {
    let _slot = app.upload_slots.take(participant.id).await;
    let limit = track.settings.limits.bytes;
    let mut staging = app.objects.stage().await.map_err(SubmitError::Storage)?;
    let take_in = async {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| SubmitError::Broken)?;
            if staging.size() + chunk.len() as u64 > limit {
                return Err(SubmitError::TooLarge { limit });
            }
            staging.write(&chunk).await.map_err(SubmitError::Storage)?;
        }
        Ok(())
    };
    tokio::time::timeout(Duration::from_secs(app.limits.upload_seconds), take_in)
        .await
        .map_err(|_| SubmitError::TooSlow)??;
    let arrived_at = app.database_time(&app.db).await?;
    let staged = staging.finish().await.map_err(SubmitError::Storage)?;
    Ok(Received { staged, arrived_at })
}

/// Checks an upload and takes it, or says why not.
///
/// The instant that counts for deadline and limits is the one at which the upload had arrived whole.
///
/// # Errors
/// See [`SubmitError`]; after every error nothing of the upload is left but, for `Rejected`, its record.
pub async fn accept(
    app: &App,
    track: &Track,
    sender: impl Into<Sender>,
    received: Received,
    details: &Details,
) -> Result<Accepted, SubmitError> {
    let Sender { participant, is_organiser } = sender.into();
    let Received { staged, arrived_at } = received;
    let (sha256, size) = (staged.sha256, staged.size);
    if let Some(accepted) = replay(app, track, participant, details, sha256).await? {
        return Ok(accepted);
    }
    let id = SubmissionId::generate();
    let arrival = Arrival { app, track, participant, is_organiser, details, received_at: arrived_at, id };
    let outcome = match arrival.check(&staged).await? {
        Ok(validated) => arrival.take(staged, &validated).await,
        Err(problems) => Err(arrival.reject(&staged, problems).await),
    };
    match outcome {
        // Nothing is asked of the database after the commit: what could fail now must not sound like a refusal.
        Ok((attempts_left, log)) => Ok(Accepted {
            id: arrival.id,
            state: SubmissionState::Queued,
            received_at: arrival.received_at,
            size,
            sha256,
            attempts_left,
            log,
            replayed: false,
        }),
        // Two requests with one key at once, and the other one was first; it may have used the last attempt.
        Err(
            error @ (SubmitError::Store(StoreError::IdempotencyKeyTaken)
            | SubmitError::LimitReached(_)
            | SubmitError::TooManyRejected { .. }),
        ) => replay(app, track, participant, details, sha256).await?.ok_or(error),
        Err(error) => Err(error),
    }
}

/// The answer given before under the same idempotency key; `None` where there was none.
async fn replay(
    app: &App,
    track: &Track,
    participant: Participant,
    details: &Details,
    sha256: Sha256,
) -> Result<Option<Accepted>, SubmitError> {
    let Some(key) = &details.idempotency_key else { return Ok(None) };
    let Some(earlier) = store::submission::by_idempotency_key(&app.db, participant.id, key).await? else {
        return Ok(None);
    };
    if earlier.sha256 != sha256 {
        return Err(SubmitError::KeyReused);
    }
    if let Some(problems) = earlier.problems {
        return Err(SubmitError::Rejected { id: earlier.id, problems });
    }
    let now = app.database_time(&app.db).await?;
    let allowance = track.allowance(now);
    let used = store::submission::attempts_used(&app.db, participant.id, allowance, now).await?;
    Ok(Some(Accepted {
        id: earlier.id,
        state: earlier.state,
        received_at: earlier.received_at,
        size: earlier.size,
        sha256,
        attempts_left: allowance.left(used),
        log: store::submission::receipt(&app.db, earlier.id).await?,
        replayed: true,
    }))
}

/// What the sender has left once an upload was taken, and its receipt.
type Taken = (AttemptsLeft, Option<LogPosition>);

/// An upload that counts.
struct Admitted {
    allowance: Allowance,
    /// What was used of it before.
    used: AttemptsUsed,
    /// When this was decided.
    now: OffsetDateTime,
    /// Whether an organiser tries the track out.
    is_trial: bool,
}

/// One upload on its way in.
struct Arrival<'a> {
    app: &'a App,
    track: &'a Track,
    participant: Participant,
    is_organiser: bool,
    details: &'a Details,
    received_at: OffsetDateTime,
    id: SubmissionId,
}

impl Arrival<'_> {
    /// Checks the archive in full. The slot bounds how much memory checks take together.
    async fn check(&self, staged: &Staged) -> Result<Result<Validated, Problems>, SubmitError> {
        let slot = Arc::clone(&self.app.check_slots).acquire_owned().await;
        let bytes = staged.read().await.map_err(SubmitError::Storage)?;
        let shape = self.track.shape.clone();
        let limit = usize::try_from(self.track.settings.limits.bytes).unwrap_or(usize::MAX);
        tokio::task::spawn_blocking(move || {
            // Held by the work itself, which goes on when its sender hangs up.
            let _slot = slot;
            scoring::validate_archive(&bytes, &shape, &Limits::for_shape(&shape, limit))
        })
        .await
        .map_err(SubmitError::CheckBrokeOff)
    }

    fn row<'a>(&'a self, size: u64, sha256: Sha256, verdict: Verdict<'a>) -> NewSubmission<'a> {
        NewSubmission {
            id: self.id,
            track: self.track.id,
            participant: self.participant.id,
            received_at: self.received_at,
            size,
            sha256,
            description: &self.details.description,
            method_url: self.details.method_url.as_deref(),
            idempotency_key: self.details.idempotency_key.as_deref(),
            verdict,
            // Decided with everything else, under the track's lock.
            is_benchmark: false,
        }
    }

    /// Gives the bytes their key, then decides in one transaction.
    async fn take(&self, staged: Staged, validated: &Validated) -> Result<Taken, SubmitError> {
        let (size, sha256) = (staged.size, staged.sha256);
        let key = ObjectKey::Upload(self.id);
        self.app.objects.keep(staged, &key).await.map_err(SubmitError::Storage)?;
        let outcome = self.enter(&self.row(size, sha256, Verdict::Accepted(&validated.warnings))).await;
        if let Err(error) = &outcome {
            // A commit whose answer was lost may have happened: then the bytes must stay, and if it did not
            // happen the sweeper finds them without a row.
            let undecided = matches!(error, SubmitError::Undecided(_));
            if !undecided && let Err(error) = self.app.objects.remove(&key).await {
                tracing::warn!(%error, submission = %self.id, "could not remove a refused upload; the sweeper will");
            }
        }
        outcome
    }

    async fn enter(&self, row: &NewSubmission<'_>) -> Result<Taken, SubmitError> {
        let mut db = self.app.db.begin().await?;
        let Admitted { allowance, mut used, now, is_trial } = self.admit(&mut db).await?;
        let is_benchmark = allowance.is_benchmark;
        store::submission::insert(&mut db, &NewSubmission { is_benchmark, ..*row }).await?;
        store::job::enqueue(&mut db, self.id, Split::Dev, self.received_at).await?;
        if is_benchmark {
            // The benchmark board tells the final score, and final scores are public by now.
            store::job::enqueue(&mut db, self.id, Split::Final, self.received_at).await?;
        }
        let log = match is_trial {
            true => None,
            false => Some(self.log(&mut db, row, now).await?),
        };
        db.commit().await.map_err(SubmitError::Undecided)?;
        used.today += 1;
        used.total += 1;
        Ok((allowance.left(used), log))
    }

    /// Writes into the track's log that it was taken, and remembers the place as its receipt.
    async fn log(
        &self,
        db: &mut PgConnection,
        row: &NewSubmission<'_>,
        now: OffsetDateTime,
    ) -> Result<LogPosition, StoreError> {
        let event = LogEvent::SubmissionAccepted {
            submission: self.id,
            participant: store::log::participant(&mut *db, self.participant.id).await?,
            sha256: row.sha256,
            arrived_at: self.received_at,
        };
        let log = store::log::append(db, self.track.id, event, Detail::default(), now).await?;
        store::submission::set_receipt(&mut *db, self.id, log.seq).await?;
        Ok(log)
    }

    /// Whether an upload counts at all: enrolment, phase, dates and attempts, held still until the transaction ends.
    async fn admit(&self, db: &mut PgConnection) -> Result<Admitted, SubmitError> {
        let status = store::participant::lock(db, self.participant.id).await?;
        if status != Some(ParticipantStatus::Approved) {
            return Err(SubmitError::NotApproved(status.unwrap_or(ParticipantStatus::Withdrawn)));
        }
        let gate = store::track::gate(db, self.track.id)
            .await?
            .ok_or_else(|| StoreError::Inconsistent("a track vanished under its participant".to_owned()))?;
        let now = self.app.database_time(&mut *db).await?;
        let is_trial = gate.stage.is_trial(self.is_organiser);
        // What was sent as a trial is none any more, and nobody meant it to count.
        if !is_trial && self.track.phase == Phase::Draft {
            return Err(SubmitError::NotTaking(Refusal::NotYet(gate.stage.dates.opens_at)));
        }
        if !is_trial {
            gate.stage.admit_upload(self.received_at, now).map_err(SubmitError::NotTaking)?;
        }
        let allowance = gate.allowance(self.received_at);
        // Only once the grace is over are the entries frozen, but the track may have been closed again since. What is sent
        // to a benchmark is no entry.
        if gate.is_frozen && !allowance.is_benchmark {
            return Err(SubmitError::NotTaking(Refusal::TooLateToDecide));
        }
        let used = store::submission::attempts_used(&mut *db, self.participant.id, allowance, self.received_at).await?;
        allowance.admit(used, self.received_at).map_err(SubmitError::LimitReached)?;
        Ok(Admitted { allowance, used, now, is_trial })
    }

    /// Keeps the record of a rejected upload, unless its sender had too many of them lately. Rejections have
    /// this limit of their own because they cost no attempt.
    async fn reject(&self, staged: &Staged, problems: Problems) -> SubmitError {
        match self.record_rejection(staged, &problems).await {
            Ok(()) => SubmitError::Rejected { id: self.id, problems },
            Err(error) => error,
        }
    }

    async fn record_rejection(&self, staged: &Staged, problems: &Problems) -> Result<(), SubmitError> {
        let mut db = self.app.db.begin().await?;
        // What could not have counted leaves no record either: late is late, whatever is in the zip.
        let is_benchmark = self.admit(&mut db).await?.allowance.is_benchmark;
        let limit = self.app.limits.rejected_per_hour;
        let nth = store::submission::nth_last_rejected(&mut *db, self.participant.id, limit).await?;
        admit_rejected(nth, self.received_at)?;
        let row = self.row(staged.size, staged.sha256, Verdict::Rejected(problems));
        store::submission::insert(&mut db, &NewSubmission { is_benchmark, ..row }).await?;
        db.commit().await?;
        Ok(())
    }
}
