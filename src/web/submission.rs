//! Sending an upload, the list of one's own, and the page of one submission.

use super::form::Field;
use super::leaderboard::{Figure, Numbers};
use super::markup::Markup;
use super::moment::Moment;
use super::site::{Pill, Site, TrackHead};
use super::track::Standing;
use askama::Template;

/// `/c/{competition}/{track}/submit`.
#[derive(Template)]
#[template(path = "submission/new.html")]
pub(crate) struct NewPage {
    pub(crate) site: Site,
    pub(crate) head: TrackHead,
    pub(crate) gate: Gate,
    pub(crate) attempts: Option<Attempts>,
    /// The greatest upload in bytes, and as people say it.
    pub(crate) max_bytes: usize,
    pub(crate) max_size: String,
    pub(crate) file_error: Option<String>,
    pub(crate) description: Field,
    pub(crate) method_url: Field,
    pub(crate) layout: Layout,
    pub(crate) public_url: String,
}

/// Whether an upload would be taken, and if not, why.
#[derive(Clone, Debug)]
pub(crate) enum Gate {
    Open,
    /// The reader must sign in or join first.
    Standing(Standing),
    /// The track has not opened.
    NotOpen,
    /// The track has closed.
    Closed,
    /// No attempt is left until this moment; `None` if none will come.
    NoAttempts(Option<Moment>),
}

/// What is left of a participant's limits.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    pub(crate) today: String,
    pub(crate) in_all: String,
    pub(crate) per_day: String,
    pub(crate) limit: String,
    /// When today's are renewed.
    pub(crate) renewed: Moment,
}

/// What a submission holds, for the help beside the form.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) scenarios: Vec<LayoutScenario>,
    pub(crate) files: String,
    pub(crate) points: String,
}

/// One scenario's folder in the help.
#[derive(Clone, Debug)]
pub(crate) struct LayoutScenario {
    pub(crate) folder: String,
    /// The folders of its dev models, as in `model_100 … model_149`.
    pub(crate) dev: String,
    /// The folders of its test models.
    pub(crate) test: String,
}

/// `/c/{competition}/{track}/submissions`.
#[derive(Template)]
#[template(path = "submission/list.html")]
pub(crate) struct ListPage {
    pub(crate) site: Site,
    pub(crate) head: TrackHead,
    pub(crate) standing: Standing,
    pub(crate) attempts: Option<Attempts>,
    pub(crate) scenarios: Vec<String>,
    pub(crate) rows: Vec<Row>,
    pub(crate) history: Option<Markup>,
    /// Which submission counts, as a sentence.
    pub(crate) entry_rule: String,
}

/// One submission in the list.
pub(crate) struct Row {
    pub(crate) number: usize,
    pub(crate) href: String,
    pub(crate) state: Pill,
    /// `None` until it is scored.
    pub(crate) scores: Option<RowScores>,
    /// What a row without scores says instead, as in `3 problems`.
    pub(crate) remark: String,
    pub(crate) description: String,
    pub(crate) received: Moment,
    /// Whether it stands on the board.
    pub(crate) counts: bool,
}

/// The scores of a row.
pub(crate) struct RowScores {
    pub(crate) score: String,
    pub(crate) interval: String,
    pub(crate) scenarios: Vec<String>,
}

/// `/submissions/{id}`.
#[derive(Template)]
#[template(path = "submission/show.html")]
pub(crate) struct ShowPage {
    pub(crate) site: Site,
    pub(crate) head: TrackHead,
    pub(crate) id: String,
    /// `Submission 9 of lira_carlini`, the name apart for its own direction of writing.
    pub(crate) number: usize,
    pub(crate) owner: String,
    pub(crate) state: Pill,
    /// `this entry counts · latest`, or why it does not; empty while that is open.
    pub(crate) standing: String,
    pub(crate) outcome: Outcome,
    pub(crate) warnings: Vec<String>,
    pub(crate) attempts: Option<Attempts>,
    pub(crate) received: Moment,
    pub(crate) size: String,
    pub(crate) sha256: String,
    pub(crate) description: String,
    pub(crate) method_url: String,
}

impl ShowPage {
    /// Whether its state will still change, so that the page should wait for it.
    fn is_waiting(&self) -> bool {
        matches!(self.outcome, Outcome::Waiting(_))
    }

    /// Whether its scores stand at the top of the page, the attempts left beside them.
    fn is_scored(&self) -> bool {
        matches!(self.outcome, Outcome::Scored(_))
    }
}

/// What came of a submission.
pub(crate) enum Outcome {
    /// Not finished; the steps it goes through.
    Waiting(Vec<Step>),
    Rejected(Rejected),
    /// Our fault.
    Failed,
    Scored(Box<Scored>),
}

/// A step on the way to the scores.
pub(crate) struct Step {
    pub(crate) label: &'static str,
    pub(crate) progress: Progress,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    Now,
    Later,
}

impl Progress {
    fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Later => "later",
        }
    }

    /// The same in words, for who cannot see the mark.
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "in progress",
            Self::Later => "to come",
        }
    }
}

/// Why an upload was not taken.
pub(crate) struct Rejected {
    /// `3 problems`.
    pub(crate) count: String,
    pub(crate) problems: Vec<ProblemRow>,
    /// How many more there are than shown, as a sentence.
    pub(crate) not_shown: Option<String>,
}

/// One problem of an upload, as the page shows it.
pub(crate) struct ProblemRow {
    /// The file, or nothing where the whole upload is meant.
    pub(crate) path: String,
    /// `line 1, column 8`, or nothing.
    pub(crate) spot: String,
    /// What was found, or nothing.
    pub(crate) found: String,
    /// What is wrong, as a sentence.
    pub(crate) sentence: String,
}

/// The scores of a submission on the dev split.
pub(crate) struct Scored {
    pub(crate) score: String,
    /// `rank 3`, or why it has none.
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
