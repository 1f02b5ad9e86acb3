//! The page of one submission: its state as it changes, then its problems or its scores.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use scoring::{Metric, Problem, Problems, Split};

use super::super::scenario::{self, Figure, Numbers, PlottedEntry, ScenarioName};
use super::super::site::{Pill, Reader};
use super::super::timestamp::Timestamp;
use super::super::track_head::{Tab, TrackHead};
use super::super::{number, render};
use super::{Attempts, state_pill, took};
use crate::app::App;
use crate::domain::ids::SubmissionId;
use crate::domain::leaderboard::SplitResult;
use crate::domain::submission::SubmissionState;
use crate::domain::track::EntryRule;
use crate::domain::visibility::SubmissionAccess;
use crate::http::auth::SeenSubmission;
use crate::http::error::HttpError;
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

/// How far a step has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepState {
    Done,
    Now,
    Later,
}

impl StepState {
    fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Later => "later",
        }
    }

    /// The same in words, for screen readers.
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "in progress",
            Self::Later => "to come",
        }
    }
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
    render(&page(&app, reader, access, &track, submission).await?)
}

async fn page(
    app: &App,
    reader: Reader,
    access: SubmissionAccess,
    track: &Track,
    submission: Submission,
) -> Result<ShowPage, HttpError> {
    let now = app.clock.now();
    let is_entry = store::entry::standing(&app.db, submission.participant).await? == Some(submission.id);
    let dev = match access.scores(Split::Dev) {
        Some(visible) => store::scoring::of_submission(&app.db, visible).await?,
        None => None,
    };
    let outcome = match (submission.state, &submission.problems, dev) {
        (SubmissionState::Rejected, Some(problems), _) => Outcome::Rejected(rejected(problems)),
        (SubmissionState::Failed, _, _) => Outcome::Failed,
        (SubmissionState::Scored, _, Some(dev)) => {
            let rank = if is_entry { rank(app, track, access, submission.id).await? } else { String::new() };
            Outcome::Scored(Box::new(scored(track, &submission, &dev, rank)))
        }
        (state, _, _) => Outcome::Waiting(steps(state)),
    };
    Ok(ShowPage {
        reader,
        head: TrackHead::load(app, track, access.track(), Tab::Submissions).await?,
        id: submission.id.to_string(),
        number: store::submission::number(&app.db, &submission).await?,
        state: state_pill(submission.state, took(submission.received_at, submission.finished_at)),
        entry_status: entry_status(track, submission.state, is_entry),
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

async fn rank(app: &App, track: &Track, access: SubmissionAccess, id: SubmissionId) -> Result<String, HttpError> {
    let Some(visible) = access.track().board(Split::Dev) else { return Ok(String::new()) };
    let board = app.boards.of_track(track, visible).await?;
    let entry = board.entries.iter().find(|ranked| ranked.entry.submission == id);
    Ok(entry.map(|ranked| format!("rank {}", ranked.rank)).unwrap_or_default())
}

fn entry_status(track: &Track, state: SubmissionState, is_entry: bool) -> String {
    let rule = track.settings.entry_rule;
    match (state, is_entry) {
        (SubmissionState::Scored, true) => format!("this entry counts · {}", rule.as_str()),
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
    let values = scenario::in_order(&names, dev, |scenario| scenario.numbers.get(Metric::RANKING));
    let stat = |(name, value): (&ScenarioName, String)| ScenarioStat { value, label: name.label.clone() };
    Scored {
        score: number::score(dev.ranking_value),
        over: track.shape.ranking().phrase(),
        rank,
        interval: number::interval(dev.interval.low, dev.interval.high),
        scenarios: names.iter().zip(values).map(stat).collect(),
        numbers: scenario::numbers(&names, dev),
        log_log: scenario::figures(&names, Scale::LogLog, &drawn),
        linear: scenario::figures(&names, Scale::Linear, &drawn),
        scores_txt: format!("{api}/scores.txt"),
        json: api,
    }
}
