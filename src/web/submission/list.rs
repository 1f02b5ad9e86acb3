//! The list of one's own submissions, with the way the scores went.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use scoring::Interval;

use super::super::markup::Markup;
use super::super::site::{Pill, Reader};
use super::super::timestamp::Timestamp;
use super::super::track::EnrolmentStatus;
use super::super::track_head::{Tab, TrackHead};
use super::super::{number, render};
use super::{Attempts, state_pill};
use crate::app::App;
use crate::domain::ids::SubmissionId;
use crate::domain::submission::SubmissionState;
use crate::domain::track::EntryRule;
use crate::domain::visibility::TrackAccess;
use crate::http::auth::TrackView;
use crate::http::error::HttpError;
use crate::http::paging::Paging;
use crate::store;
use crate::store::participant::Participant;
use crate::store::submission::Summary;
use figures::history_plot::{Counts, Score, history_svg};

/// The most submissions that one page lists and draws.
const ROWS: usize = 300;
/// The score of guessing.
const CHANCE: f64 = 0.1;

/// `/c/{competition}/{track}/submissions`.
#[derive(Template)]
#[template(path = "submission/list.html")]
pub(crate) struct ListPage {
    pub(crate) reader: Reader,
    pub(crate) head: TrackHead,
    pub(crate) enrolment: EnrolmentStatus,
    pub(crate) attempts: Option<Attempts>,
    pub(crate) rows: Vec<Row>,
    pub(crate) history: Option<Markup>,
    /// The addresses of the newest and of older submissions, where the page does not show them.
    pub(crate) newest: Option<String>,
    pub(crate) older: Option<String>,
    /// Which submission counts, as a sentence.
    pub(crate) entry_rule: &'static str,
}

/// One submission in the list.
pub(crate) struct Row {
    pub(crate) number: i64,
    pub(crate) href: String,
    pub(crate) state: Pill,
    /// Score and interval; `None` until it is scored.
    pub(crate) scores: Option<(String, String)>,
    /// What a row without scores says instead, as in `3 problems`.
    pub(crate) remark: String,
    pub(crate) description: String,
    pub(crate) received: Timestamp,
    /// Whether it stands on the board.
    pub(crate) counts: Counts,
}

impl Row {
    fn is_entry(&self) -> bool {
        self.counts == Counts::Entry
    }
}

/// `GET /c/{competition}/{track}/submissions`
pub(crate) async fn list(
    State(app): State<App>,
    view: TrackView,
    paging: Paging<ROWS>,
) -> Result<Html<String>, HttpError> {
    let mut page = ListPage {
        reader: Reader::of(view.login.as_ref()),
        head: TrackHead::load(&app, &view.track, view.access, Tab::Submissions).await?,
        enrolment: EnrolmentStatus::of(&view, app.clock.now()),
        attempts: None,
        rows: Vec::new(),
        history: None,
        newest: None,
        older: None,
        entry_rule: match view.track.settings.entry_rule {
            _ if view.track.ending.entries_frozen_at.is_some() => {
                "The entries are frozen: a submission marked “counts” is your official entry."
            }
            EntryRule::Latest => "Your latest scored submission stands on the board.",
            EntryRule::Best => "Your best submission on dev stands on the board.",
            EntryRule::Chosen => {
                "The submission you choose stands on the board; your latest while you have chosen none."
            }
        },
    };
    if let Some(participant) = view.participant {
        page.attempts = Some(Attempts::load(&app, &view.track, participant.id).await?);
        let after = paging.after()?;
        page.newest = after.is_some().then(|| format!("/c/{}/submissions", view.track.path()));
        let found = store::submission::of_participant(&app.db, participant.id, after, paging.to_load()).await?;
        let listed = paging.page(found, |summary| (summary.received_at, summary.id))?;
        (page.rows, page.history) = history(&app, participant, view.access, listed.items).await?;
        page.older = listed.next;
    }
    render(&page)
}

async fn history(
    app: &App,
    participant: Participant,
    access: TrackAccess,
    summaries: Vec<Summary>,
) -> Result<(Vec<Row>, Option<Markup>), HttpError> {
    let standing = store::entry::standing(&app.db, participant.id).await?;
    let scored = match access.own_dev_scores() {
        Some(visible) => store::scoring::history(&app.db, visible).await?,
        None => Vec::new(),
    };
    let scores: HashMap<SubmissionId, (f64, Interval)> =
        scored.into_iter().map(|(id, average, interval)| (id, (average, interval))).collect();
    let counts = |id| if standing == Some(id) { Counts::Entry } else { Counts::Not };
    let drawn = summaries.iter().rev().filter_map(|summary| {
        let (value, _) = scores.get(&summary.id)?;
        Some(Score { number: summary.number.unsigned_abs(), value: *value, counts: counts(summary.id) })
    });
    let picture = history_svg(CHANCE, &drawn.collect::<Vec<_>>()).map(Markup::from_svg);
    let now = app.clock.now();
    let row = |summary: Summary| Row {
        number: summary.number,
        href: format!("/submissions/{}", summary.id),
        scores: scores
            .get(&summary.id)
            .map(|(average, interval)| (number::score(*average), number::interval(interval.low, interval.high))),
        remark: remark(&summary),
        received: Timestamp::age(summary.received_at, now),
        counts: counts(summary.id),
        state: state_pill(summary.state, None),
        description: summary.description,
    };
    Ok((summaries.into_iter().map(row).collect(), picture))
}

fn remark(summary: &Summary) -> String {
    match summary.state {
        SubmissionState::Rejected => number::counted(summary.problems.unsigned_abs(), "problem", "problems"),
        SubmissionState::Failed => "our fault, no attempt used".to_owned(),
        _ if summary.is_benchmark => "benchmark".to_owned(),
        _ => String::new(),
    }
}
