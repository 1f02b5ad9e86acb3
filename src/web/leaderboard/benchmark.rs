//! The benchmark board while labels are kept: the ranking number of each row, rounded, and no other number.

use askama::Template;
use scoring::Split;

use super::query::{Query, Sort};
use super::rows::ROWS_PER_PAGE;
use super::{Mine, Shared, board_choices, more_pages, splits, which_board};
use crate::app::App;
use crate::board::{BenchmarkBoard, RoundedEntry};
use crate::domain::leaderboard::FinalTold;
use crate::domain::visibility::Audience;
use crate::http::auth::TrackView;
use crate::http::error::HttpError;
use crate::http::query::bad_parameter;
use crate::web::number;
use crate::web::site::{Choice, Link, Reader, Sentence};
use crate::web::timestamp::Timestamp;
use crate::web::track_head::TrackHead;

/// `/c/{competition}/{track}/leaderboard?board=benchmark`, the final split while labels are kept.
#[derive(Template)]
#[template(path = "leaderboard/benchmark.html")]
pub(crate) struct BenchmarkPage {
    reader: Reader,
    head: TrackHead,
    boards: Vec<Choice>,
    which: Option<Sentence>,
    splits: Vec<Choice>,
    state: &'static str,
    events: Option<String>,
    etag: String,
    last_change: Option<Timestamp>,
    caption: String,
    rows: Vec<RoundedRow>,
    more: Vec<Link>,
    step: String,
    json: String,
    csv: String,
}

/// A participant's row.
struct RoundedRow {
    id: String,
    rank: String,
    out_of_competition: bool,
    shared: Shared,
    name: String,
    note: String,
    mine: Mine,
    took_part: bool,
    score: String,
    sent: String,
    last: Timestamp,
    href: Option<String>,
    method_url: Option<String>,
}

impl RoundedRow {
    fn is_mine(&self) -> bool {
        self.mine == Mine::Yes
    }

    fn is_shared(&self) -> bool {
        self.shared == Shared::Yes
    }
}

/// The page of rounded numbers.
///
/// # Errors
/// The query asks for another number or order, or for a page that is not there.
pub(super) async fn page(
    app: &App,
    view: &TrackView,
    head: TrackHead,
    (shown, rounded): (&BenchmarkBoard, &[RoundedEntry]),
    query: &Query,
) -> Result<BenchmarkPage, HttpError> {
    if !query.by.ranks() || query.sort != Sort::Score || query.curves.is_some() {
        return Err(bad_parameter("While labels are kept this board has one number, in one order, and no curves."));
    }
    let first = (query.page - 1).saturating_mul(ROWS_PER_PAGE).min(rounded.len());
    let range = first..(first + ROWS_PER_PAGE).min(rounded.len());
    if query.page > 1 && range.is_empty() {
        return Err(HttpError::NotFound);
    }
    let now = app.clock.now();
    let board = &shown.board;
    let reader = view.participant.map(|participant| participant.id);
    let is_staff = view.audience() == Audience::Organiser;
    let row = |(_, entry): (usize, &RoundedEntry)| {
        let is_own = reader == Some(entry.participant_id);
        let shares = |other: &RoundedEntry| other.submission != entry.submission && other.rank == entry.rank;
        RoundedRow {
            id: entry.submission.to_string(),
            rank: entry.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string()),
            out_of_competition: entry.rank.is_none(),
            shared: if entry.rank.is_some() && rounded.iter().any(shares) { Shared::Yes } else { Shared::No },
            name: entry.participant.clone(),
            note: entry.description.clone(),
            mine: if is_own { Mine::Yes } else { Mine::No },
            took_part: entry.took_part,
            score: number::rounded(entry.value),
            sent: number::count(entry.submissions.into()),
            last: Timestamp::age(entry.submitted_at, now),
            href: (is_own || is_staff).then(|| format!("/submissions/{}", entry.submission)),
            method_url: entry.method_url.clone(),
        }
    };
    let mut rows: Vec<RoundedRow> = rounded.iter().enumerate().skip(first).take(range.len()).map(row).collect();
    // The reader's own row comes last if it is on another page.
    let own = rounded.iter().enumerate().find(|(_, entry)| reader == Some(entry.participant_id));
    rows.extend(own.filter(|(place, _)| !range.contains(place)).map(row));
    let api = format!("{}/leaderboard", head.api());
    let is_live = board.phase.rules().is_benchmark;
    Ok(BenchmarkPage {
        reader: Reader::of(view.login.as_ref()),
        boards: board_choices(view, board.kind),
        which: which_board(view, board),
        splits: splits(view, query),
        state: if is_live { "live" } else { "the benchmark has ended" },
        events: is_live.then(|| format!("{api}/events?board=benchmark")),
        etag: board.etag(),
        last_change: (!rounded.is_empty()).then(|| Timestamp::ago(board.updated_at, now)),
        caption: format!("Benchmark of {} on the test split", view.track.settings.title),
        rows,
        more: more_pages(query, &range, rounded.len()),
        step: FinalTold::STEP.to_string(),
        json: format!("{api}?board=benchmark&split={}", Split::Final),
        csv: format!("{api}.csv?board=benchmark&split={}", Split::Final),
        head,
    })
}
