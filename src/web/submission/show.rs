//! The page of one submission: its state as it changes, then its problems or its scores.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Redirect};
use scoring::{Metric, Problem, Problems, Split};

use super::super::form::Field;
use super::super::scenario::{self, Figure, Numbers, PlottedEntry, ScenarioName};
use super::super::site::{Pill, Reader, StepState};
use super::super::timestamp::Timestamp;
use super::super::track_head::{Tab, TrackHead};
use super::super::{number, render};
use super::{Attempts, state_pill, took};
use crate::app::App;
use crate::domain::ids::SubmissionId;
use crate::domain::leaderboard::{FinalTold, SplitResult};
use crate::domain::phase::Phase;
use crate::domain::submission::SubmissionState;
use crate::domain::track::EntryRule;
use crate::domain::visibility::{Audience, SubmissionAccess};
use crate::http::auth::{Enroller, SeenSubmission};
use crate::http::error::HttpError;
use crate::http::path_parameter::PathParameter;
use crate::service;
use crate::service::final_score::{self, FinalScoreError};
use crate::store;
use crate::store::submission::Submission;
use crate::store::track::Track;
use figures::roc_plot::Scale;
use figures::series::Series;

/// `/submissions/{id}`.
#[derive(Template)]
#[template(path = "submission/show.html")]
pub(crate) struct ShowPage {
    pub(crate) reader: Reader,
    pub(crate) head: TrackHead,
    pub(crate) id: String,
    /// Its number among the participant's submissions, from 1.
    pub(crate) number: i64,
    pub(crate) owner: String,
    pub(crate) state: Pill,
    /// `this entry counts · latest`, or why it does not; empty unless it is scored.
    pub(crate) entry_status: String,
    pub(crate) outcome: Outcome,
    pub(crate) warnings: Vec<String>,
    pub(crate) attempts: Attempts,
    pub(crate) received: Timestamp,
    pub(crate) size: String,
    pub(crate) sha256: String,
    pub(crate) description: String,
    /// Checked to be http or https.
    pub(crate) method_url: Option<String>,
    pub(crate) disqualified: Option<DisqualifiedNote>,
    /// The event in the track's log by which it was taken; `None` of a rejected one.
    pub(crate) receipt: Option<Receipt>,
    /// The form by which its owner describes it.
    pub(crate) describe: Option<DescribeForm>,
    /// What organisers may do about it.
    pub(crate) organise: Option<OrganiseForm>,
    pub(crate) final_scores: FinalScores,
}

/// That organisers took a submission out.
pub(crate) struct DisqualifiedNote {
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
}

/// A place in the track's log, and how to check it.
pub(crate) struct Receipt {
    pub(crate) seq: i64,
    pub(crate) hash: String,
    pub(crate) command: String,
}

/// The form by which an owner says what a submission is.
pub(crate) struct DescribeForm {
    pub(crate) description: Field,
    pub(crate) method_url: Field,
    /// Whether something in it has to be corrected, so that it stands open.
    pub(crate) is_open: bool,
}

impl DescribeForm {
    /// With the texts as they stand, or as they were typed.
    pub(super) fn new(description: &str, method_url: &str) -> Self {
        Self {
            description: Field::text("description", "Description")
                .optional()
                .hint("Shown beside your name on the board and in the results.")
                .value(description),
            method_url: Field::text("method_url", "Write-up")
                .kind("url")
                .optional()
                .hint("The address of a page or paper that describes the method.")
                .value(method_url),
            is_open: false,
        }
    }
}

/// The form by which organisers take a submission out, or back in.
pub(crate) struct OrganiseForm {
    pub(crate) reason: Field,
}

/// The final scores of a submission.
pub(crate) enum FinalScores {
    /// They are not public, or do not exist.
    NotPublic,
    /// It was sent to the benchmark, and its final score could not be made, by our fault.
    Missing,
    /// It is no official entry, and its final score can be asked for.
    CanAsk {
        /// Whether all numbers would be told, and not the ranking number alone.
        labels_are_open: bool,
    },
    /// It is being made.
    Queued,
    /// Its ranking number is told rounded.
    Rounded(String),
    Told(Box<Told>),
}

/// Final scores in full.
pub(crate) struct Told {
    pub(crate) score: String,
    pub(crate) rank: String,
    pub(crate) interval: String,
    pub(crate) scenarios: Vec<ScenarioStat>,
    pub(crate) numbers: Numbers,
    /// Its curves, as far as they are told.
    pub(crate) curves: Vec<Figure>,
    /// Whether the labels are kept, so that curves are coarse or none.
    pub(crate) labels_are_kept: bool,
}

impl ShowPage {
    /// Whether its state will still change, so that the page has to wait for it.
    fn is_waiting(&self) -> bool {
        matches!(self.outcome, Outcome::Waiting(_))
    }

    /// Whether the page begins with its scores, which have the remaining attempts beside them.
    fn is_scored(&self) -> bool {
        matches!(self.outcome, Outcome::Scored(_))
    }
}

/// The outcome of a submission so far.
pub(crate) enum Outcome {
    /// Not finished; these are the steps it goes through.
    Waiting([Step; 4]),
    Rejected(Rejected),
    /// It could not be scored, through a fault of the server.
    Failed,
    Scored(Box<Scored>),
}

/// A step of a submission's processing.
pub(crate) struct Step {
    pub(crate) label: &'static str,
    pub(crate) state: StepState,
}

/// Why an upload was rejected.
pub(crate) struct Rejected {
    /// As in `3 problems`.
    pub(crate) count: String,
    pub(crate) problems: Vec<ProblemRow>,
    /// How many problems are not shown, as a sentence.
    pub(crate) not_shown: Option<String>,
}

/// One problem of an upload, as the page shows it.
pub(crate) struct ProblemRow {
    /// The file; empty if the problem is with the upload as a whole.
    pub(crate) path: String,
    /// As in `line 1, column 8`; may be empty.
    pub(crate) location: String,
    /// What was found there; may be empty.
    pub(crate) found: String,
    /// What is wrong, as a sentence.
    pub(crate) sentence: String,
}

/// The scores of a submission on the dev split.
pub(crate) struct Scored {
    pub(crate) score: String,
    /// How the scenarios make the score, as part of a sentence.
    pub(crate) over: &'static str,
    /// As in `rank 3`; empty if it is not on the board.
    pub(crate) rank: String,
    pub(crate) interval: String,
    pub(crate) scenarios: Vec<ScenarioStat>,
    pub(crate) numbers: Numbers,
    pub(crate) log_log: Vec<Figure>,
    pub(crate) linear: Vec<Figure>,
    pub(crate) scores_txt: String,
    pub(crate) json: String,
}

/// The ranking metric of one scenario.
pub(crate) struct ScenarioStat {
    pub(crate) value: String,
    pub(crate) label: String,
}

/// `GET /submissions/{id}`: for its owner and the track's organisers; everybody else gets a 404.
pub(crate) async fn show(
    State(app): State<App>,
    SeenSubmission { submission, track, access, login }: SeenSubmission,
) -> Result<Html<String>, HttpError> {
    let reader = Reader::of(Some(&login));
    render(&page(&app, reader, access, &track, submission, Forms::default()).await?)
}

/// The forms of the page as they were filled in; `None`: as they are at first.
#[derive(Default)]
pub(super) struct Forms {
    pub(super) reason: Option<Field>,
    pub(super) describe: Option<DescribeForm>,
}

/// `POST /submissions/{id}/final`: has its final score made, and leads back to its page.
pub(crate) async fn ask_for_final(
    State(app): State<App>,
    Enroller(login): Enroller,
    PathParameter(id): PathParameter,
) -> Result<Redirect, HttpError> {
    let seen = SeenSubmission::find(&app, &id, login).await?;
    let visible = seen.access.scores(Split::Final).ok_or(HttpError::NotFound)?;
    match final_score::request(&app, visible).await {
        // The page says how far its score is.
        Ok(_) | Err(FinalScoreError::NotScored(_)) => Ok(Redirect::to(&format!("/submissions/{}", seen.submission.id))),
        Err(FinalScoreError::NoSubmission(_)) => Err(HttpError::NotFound),
        Err(FinalScoreError::Store(error)) => Err(error.into()),
    }
}

/// The field for the reason of an organiser.
pub(super) fn reason_field() -> Field {
    Field::text("reason", "Reason")
}

pub(super) async fn page(
    app: &App,
    reader: Reader,
    access: SubmissionAccess,
    track: &Track,
    submission: Submission,
    forms: Forms,
) -> Result<ShowPage, HttpError> {
    let now = app.clock.now();
    let standing = store::entry::standing(&app.db, submission.participant).await?;
    let is_entry = standing == Some(submission.id);
    let dev = match access.scores(Split::Dev) {
        Some(visible) => store::scoring::of_submission(&app.db, visible).await?,
        None => None,
    };
    let outcome = match (submission.state, &submission.problems, dev) {
        (SubmissionState::Rejected, Some(problems), _) => Outcome::Rejected(rejected(problems)),
        (SubmissionState::Failed, _, _) => Outcome::Failed,
        (SubmissionState::Scored, _, Some(dev)) => {
            let rank = match is_entry {
                true => rank(app, track, access, Split::Dev, submission.id).await?,
                false => String::new(),
            };
            Outcome::Scored(Box::new(scored(track, &submission, &dev, rank)))
        }
        (state, _, _) => Outcome::Waiting(steps(state)),
    };
    let receipt = store::submission::receipt(&app.db, submission.id).await?.map(|log| Receipt {
        seq: log.seq,
        hash: log.hash.to_string(),
        command: format!("callimico log {} --verify --receipt {}:{}", track.path(), log.seq, log.hash),
    });
    // Of a draft nothing counts, and of a rejected upload there is nothing that could.
    let has_form = access.track().audience() == Audience::Organiser
        && track.phase != Phase::Draft
        && submission.state != SubmissionState::Rejected;
    let disqualified = submission.disqualified.as_ref();
    let reason = forms.reason.unwrap_or_else(reason_field);
    let describe = (access.audience() == Audience::Owner).then(|| {
        let as_it_stands =
            || DescribeForm::new(&submission.description, submission.method_url.as_deref().unwrap_or_default());
        forms.describe.unwrap_or_else(as_it_stands)
    });
    let entry_status = match disqualified {
        Some(_) => String::new(),
        None if submission.is_benchmark => "sent to the benchmark".to_owned(),
        None => entry_status(track, submission.state, is_entry, standing.is_some()),
    };
    Ok(ShowPage {
        reader,
        head: TrackHead::load(app, track, access.track(), Tab::Submissions).await?,
        id: submission.id.to_string(),
        number: store::submission::number(&app.db, &submission).await?,
        state: state_pill(submission.state, took(submission.received_at, submission.finished_at)),
        entry_status,
        disqualified: disqualified
            .map(|one| DisqualifiedNote { reason: one.reason.clone(), at: Timestamp::date(one.at) }),
        receipt,
        describe,
        organise: has_form.then(|| OrganiseForm {
            reason: match disqualified {
                Some(_) => reason.optional().hint("Kept for organisers alone."),
                None => reason.hint("Its sender is told it, nobody else."),
            },
        }),
        final_scores: final_scores(app, track, access, &submission).await?,
        outcome,
        warnings: submission.warnings.iter().map(ToString::to_string).collect(),
        attempts: Attempts::load(app, track, submission.participant).await?,
        received: Timestamp::ago(submission.received_at, now),
        size: number::bytes(submission.size),
        sha256: submission.sha256.to_string(),
        owner: submission.participant_name,
        description: submission.description,
        method_url: submission.method_url,
    })
}

fn steps(state: SubmissionState) -> [Step; 4] {
    let scoring = state == SubmissionState::Scoring;
    let step = |label, state| Step { label, state };
    [
        step("Received and checked", StepState::Done),
        step("Waiting for a worker", if scoring { StepState::Done } else { StepState::Now }),
        step("Scoring", if scoring { StepState::Now } else { StepState::Later }),
        step("Scores", StepState::Later),
    ]
}

fn rejected(problems: &Problems) -> Rejected {
    let left = problems.total.saturating_sub(problems.shown.len()) as u64;
    Rejected {
        count: number::counted(problems.total as u64, "problem", "problems"),
        problems: problems.shown.iter().map(problem_row).collect(),
        not_shown: (left > 0).then(|| match left {
            1 => "One more problem is not shown.".to_owned(),
            _ => format!("{} more problems are not shown.", number::count(left)),
        }),
    }
}

fn problem_row(problem: &Problem) -> ProblemRow {
    let line = problem.line.map(|line| format!("line {line}"));
    let column = problem.column.map(|column| format!("column {column}"));
    ProblemRow {
        path: problem.path.clone().unwrap_or_default(),
        location: line.into_iter().chain(column).collect::<Vec<_>>().join(", "),
        found: problem.found.clone().unwrap_or_default(),
        sentence: problem.explanation(),
    }
}

/// The final scores: public after the reveal; of other submissions than the official entries made when somebody asks.
async fn final_scores(
    app: &App,
    track: &Track,
    access: SubmissionAccess,
    submission: &Submission,
) -> Result<FinalScores, HttpError> {
    let Some(visible) = access.scores(Split::Final) else { return Ok(FinalScores::NotPublic) };
    let labels_are_open = track.ending.labels_opened_at.is_some();
    let mut db = app.db.acquire().await?;
    let result = match service::told::of_submission(&mut db, track, visible).await? {
        Some(FinalTold::Numbers(result)) => result,
        Some(FinalTold::Rounded(value)) => return Ok(FinalScores::Rounded(number::rounded(value))),
        None => {
            let is_official = store::entry::official_of(&mut *db, submission.participant).await? == Some(submission.id);
            return Ok(match submission.state {
                _ if store::job::is_final_queued(&mut *db, submission.id).await? => FinalScores::Queued,
                SubmissionState::Scored if submission.is_benchmark => FinalScores::Missing,
                SubmissionState::Scored if !is_official => FinalScores::CanAsk { labels_are_open },
                _ => FinalScores::NotPublic,
            });
        }
    };
    let names = scenario::names(track);
    let drawn = [PlottedEntry { label: &submission.participant_name, series: Series::FIRST, result: &result }];
    Ok(FinalScores::Told(Box::new(Told {
        score: number::score(result.ranking_value),
        rank: rank(app, track, access, Split::Final, submission.id).await?,
        interval: number::interval(result.interval.low, result.interval.high),
        scenarios: scenario_stats(&names, &result),
        numbers: scenario::numbers(&names, &result),
        curves: scenario::figures(&names, Scale::LogLog, &drawn),
        labels_are_kept: !labels_are_open,
    })))
}

/// The ranking metric of each scenario.
fn scenario_stats(names: &[ScenarioName], result: &SplitResult) -> Vec<ScenarioStat> {
    let values = scenario::in_order(names, result, |scenario| scenario.numbers.get(Metric::RANKING));
    names.iter().zip(values).map(|(name, value)| ScenarioStat { value, label: name.label.clone() }).collect()
}

async fn rank(
    app: &App,
    track: &Track,
    access: SubmissionAccess,
    split: Split,
    id: SubmissionId,
) -> Result<String, HttpError> {
    let Some(visible) = access.track().board(split) else { return Ok(String::new()) };
    let board = app.boards.of_track(track, visible).await?;
    let entry = board.entries.iter().find(|ranked| ranked.entry.submission == id);
    Ok(entry
        .map(|ranked| ranked.rank.map_or("out of competition".to_owned(), |rank| format!("rank {rank}")))
        .unwrap_or_default())
}

/// Whether a submission that was not taken out counts; `has_entry` says whether its participant has an entry at all.
fn entry_status(track: &Track, state: SubmissionState, is_entry: bool, has_entry: bool) -> String {
    let rule = track.settings.entry_rule;
    let is_frozen = track.ending.entries_frozen_at.is_some();
    match (state, is_entry) {
        (SubmissionState::Scored, _) if track.phase.rules().takes_trials => {
            "a trial: it is removed when the track opens".to_owned()
        }
        (SubmissionState::Scored, true) if is_frozen => "this is the official entry".to_owned(),
        (SubmissionState::Scored, true) => format!("this entry counts · {}", rule.as_str()),
        (SubmissionState::Scored, false) if !has_entry => "it does not count".to_owned(),
        (SubmissionState::Scored, false) if is_frozen => "another one is the official entry".to_owned(),
        (SubmissionState::Scored, false) => match rule {
            EntryRule::Latest => "a later one counts".to_owned(),
            EntryRule::Best => "a better one counts".to_owned(),
            EntryRule::Chosen => "another one counts".to_owned(),
        },
        _ => String::new(),
    }
}

fn scored(track: &Track, submission: &Submission, dev: &SplitResult, rank: String) -> Scored {
    let names = scenario::names(track);
    let series = Series::FIRST;
    let drawn = [PlottedEntry { label: &submission.participant_name, series, result: dev }];
    let api = format!("/api/v1/submissions/{}", submission.id);
    Scored {
        score: number::score(dev.ranking_value),
        over: track.shape.ranking().phrase(),
        rank,
        interval: number::interval(dev.interval.low, dev.interval.high),
        scenarios: scenario_stats(&names, dev),
        numbers: scenario::numbers(&names, dev),
        log_log: scenario::figures(&names, Scale::LogLog, &drawn),
        linear: scenario::figures(&names, Scale::Linear, &drawn),
        scores_txt: format!("{api}/scores.txt"),
        json: api,
    }
}
