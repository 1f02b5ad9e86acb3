//! The life of a track as a row of steps.

use super::super::number;
use super::super::site::StepState;
use super::super::timestamp::Timestamp;
use crate::app::App;
use crate::domain::phase::Phase;
use crate::http::error::HttpError;
use crate::service::status::Status;
use crate::store;

/// A step of a track's life.
pub(super) struct LifeStep {
    pub(super) label: &'static str,
    pub(super) state: StepState,
    /// When it was taken, or will be.
    pub(super) at: Option<Timestamp>,
    /// What is told beside the time; may be empty.
    pub(super) note: String,
}

/// The steps with their dates.
pub(super) async fn steps(app: &App, status: &Status) -> Result<Vec<LifeStep>, HttpError> {
    let track = &status.track;
    let (dates, ending) = (track.settings.dates, track.ending);
    let revealed = match ending.ranking_version {
        0 => None,
        _ => store::ranking::version(&app.db, track.id, 1).await?.map(|first| Timestamp::date(first.made_at)),
    };
    let is_public = track.phase.rules().final_is_public;
    let now = match (track.phase, ending.entries_frozen_at, ending.final_begun_at) {
        (Phase::Draft, ..) => 0,
        (Phase::Open, ..) => 1,
        (Phase::Closed, _, None) => 3,
        (Phase::Closed, ..) => 4,
        _ if ending.results_final_at.is_some() => 6,
        _ => 5,
    };
    let scores = status.final_scores.filter(|_| !is_public);
    let frozen = match (ending.entries_frozen_at, track.phase) {
        (Some(_), _) => number::counted(status.entries.unsigned_abs(), "entry", "entries"),
        (None, Phase::Closed) => "not yet".to_owned(),
        _ => String::new(),
    };
    let step = |label, at, note: String| (label, at, note);
    let mut steps = vec![
        step("Draft", None, String::new()),
        step("Open", dates.opens_at.map(Timestamp::date), String::new()),
        step("Closed", dates.closes_at.map(Timestamp::date), String::new()),
        step("Frozen", ending.entries_frozen_at.map(Timestamp::date), frozen),
        step(
            "Preview",
            ending.final_begun_at.map(Timestamp::date),
            scores.map_or_else(String::new, |counts| format!("{} of {} scores", counts.ready, counts.of)),
        ),
        step(
            "Revealed",
            revealed,
            if is_public && ending.results_final_at.is_none() { "provisional".to_owned() } else { String::new() },
        ),
        step("Final", ending.results_final_at.map(Timestamp::date), String::new()),
    ];
    if let Some(began_at) = track.benchmark.began_at {
        let note = if track.phase == Phase::Benchmark { "" } else { "ended" };
        steps.push(step("Benchmark", Some(Timestamp::date(began_at)), note.to_owned()));
    }
    let state = |index: usize| match index.cmp(&now) {
        _ if index == 7 => match track.phase {
            Phase::Benchmark => StepState::Now,
            _ => StepState::Done,
        },
        // Final results are no step that goes on.
        std::cmp::Ordering::Equal if now == 6 => StepState::Done,
        std::cmp::Ordering::Less => StepState::Done,
        std::cmp::Ordering::Equal => StepState::Now,
        std::cmp::Ordering::Greater => StepState::Later,
    };
    let built = steps.into_iter().enumerate();
    Ok(built.map(|(index, (label, at, note))| LifeStep { label, state: state(index), at, note }).collect())
}
