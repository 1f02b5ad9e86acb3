//! The page on who takes part, for organisers: who waits, everybody else, and what can be decided of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use askama::Template;
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use time::OffsetDateTime;

use super::super::site::{Pill, Reader, Tone};
use super::super::timestamp::Timestamp;
use super::super::track_head::{Tab, TrackHead};
use super::super::{form, number, render};
use crate::app::App;
use crate::board;
use crate::domain::participant::{Decision, ParticipantStatus};
use crate::domain::reason::Reason;
use crate::domain::timestamp::rfc3339;
use crate::domain::visibility::TrackAccess;
use crate::http::auth::{Login, Organiser, OrganiserOf};
use crate::http::error::{Detail, HttpError};
use crate::http::link::encode;
use crate::http::paging::Paging;
use crate::http::query::bad_parameter;
use crate::service::lifecycle::By;
use crate::service::participants::{self, ParticipantsError, Who};
use crate::store;
use crate::store::participant::{Filter, Listed};
use crate::store::track::Track;

/// The most participants that one page lists beside those who wait.
const ROWS: usize = 100;
/// The most of those who wait that stand above them.
const WAITING: usize = 100;
/// The most names that are told of those of whom something was decided.
const NAMED: usize = 5;
/// The most of whom one form takes something back.
const UNDONE: usize = 1000;

/// `/c/{competition}/{track}/organise/participants`.
#[derive(Template)]
#[template(path = "organise/participants.html")]
pub(crate) struct ParticipantsPage {
    reader: Reader,
    head: TrackHead,
    /// What was decided just now.
    done: Option<Done>,
    waiting: Vec<Row>,
    /// How many wait in all, with the noun and verb.
    waiting_title: String,
    /// How many wait, where there are several.
    several_wait: Option<String>,
    are_all_waiting_shown: bool,
    /// Whether the phase lets somebody be approved.
    approves: bool,
    /// Whether the phase asks for a reason whatever is decided.
    needs_reason: bool,
    everybody: Vec<Row>,
    /// What was asked for.
    search: String,
    status: Option<ParticipantStatus>,
    newest: Option<String>,
    next: Option<String>,
    csv: (String, &'static str),
    typed: Typed,
}

impl ParticipantsPage {
    fn here(&self) -> String {
        format!("{}/organise/participants", self.head.base())
    }

    fn statuses(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        ParticipantStatus::ALL.into_iter().map(|status| (status.as_str(), word(status), self.status == Some(status)))
    }

    fn status_word(&self) -> &'static str {
        self.status.map_or("", ParticipantStatus::as_str)
    }

    fn is_filtered(&self) -> bool {
        self.status.is_some() || !self.search.is_empty()
    }

    /// What is wrong in a form.
    fn error_of(&self, form: &str) -> Option<&String> {
        self.typed.error.as_ref().filter(|_| self.typed.form == form)
    }

    /// The reason that was typed into a form.
    fn reason_of(&self, form: &str) -> &str {
        if self.typed.form == form { &self.typed.reason } else { "" }
    }

    fn is_ticked(&self, form: &str, row: &Row) -> bool {
        self.typed.form == form && self.typed.who.contains(&row.name)
    }
}

/// What was decided just now, of whom.
struct Done {
    names: Vec<String>,
    /// How many more, in words; may be empty.
    and_more: String,
    /// What became of them.
    what: &'static str,
    reason: Option<String>,
    /// What that caused.
    then: String,
    /// Whom it can be taken back of.
    undo: Vec<String>,
}

/// A participant.
struct Row {
    name: String,
    emails: String,
    /// The members, where they are not one of the participant's own name; may be empty.
    members: String,
    status: Pill,
    reason: Option<String>,
    /// Whether they withdrew by themselves.
    left: bool,
    out_of_competition: bool,
    changed: Option<Timestamp>,
    enrolled: Timestamp,
    submissions: String,
}

impl Row {
    fn of(listed: Listed, now: OffsetDateTime) -> Self {
        let is_of_its_name = matches!(listed.members.as_slice(), [one] if *one == listed.name);
        let emails: Vec<String> = listed.emails.into_iter().filter(|email| !email.is_empty()).collect();
        Self {
            emails: emails.join(", "),
            members: if is_of_its_name { String::new() } else { listed.members.join(", ") },
            status: Pill { word: word(listed.status).to_owned(), tone: tone(listed.status) },
            reason: listed.reason,
            left: listed.by_participant && listed.status == ParticipantStatus::Withdrawn,
            out_of_competition: listed.out_of_competition,
            changed: listed.changed_at.map(|at| Timestamp::ago(at, now)),
            enrolled: Timestamp::ago(listed.enrolled_at, now),
            submissions: number::count(listed.submissions.unsigned_abs()),
            name: listed.name,
        }
    }
}

fn word(status: ParticipantStatus) -> &'static str {
    match status {
        ParticipantStatus::Pending => "waiting",
        other => other.as_str(),
    }
}

fn tone(status: ParticipantStatus) -> Tone {
    match status {
        ParticipantStatus::Pending => Tone::Wait,
        ParticipantStatus::Approved => Tone::Good,
        ParticipantStatus::Denied => Tone::Bad,
        ParticipantStatus::Withdrawn => Tone::Quiet,
    }
}

/// What the address of the page can ask for; the part of the list is asked for beside it.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct PageParams {
    /// With this in a name or an e-mail address.
    q: String,
    status: String,
    /// The decision that led here.
    done: Option<String>,
    /// When it was made, in microseconds.
    at: Option<i64>,
    /// Of how many it was no news.
    already: u64,
}

impl PageParams {
    fn status(&self) -> Result<Option<ParticipantStatus>, HttpError> {
        match self.status.as_str() {
            "" | "all" => Ok(None),
            word => {
                let wrong = || bad_parameter("`status` is pending, approved, denied or withdrawn.");
                ParticipantStatus::from_word(word).map(Some).ok_or_else(wrong)
            }
        }
    }
}

/// What was typed into a form that is shown again, and what is wrong with it.
#[derive(Default)]
struct Typed {
    /// Which form: `pending` or `all`.
    form: String,
    who: BTreeSet<String>,
    reason: String,
    error: Option<String>,
    /// The filter of the list that it stood in.
    q: String,
    status: String,
}

/// `GET /c/{competition}/{track}/organise/participants`
pub(crate) async fn show(
    State(app): State<App>,
    OrganiserOf(view): OrganiserOf,
    paging: Paging<ROWS>,
    params: Result<Query<PageParams>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(params) = params?;
    let Some(login) = view.login else { return Err(HttpError::LogInFirst) };
    let page = page(&app, &login, &view.track, view.access, Some(&paging), &params, Typed::default()).await?;
    answer(&page)
}

/// The page as an answer. It has addresses of people, so it is kept by nobody.
fn answer(page: &ParticipantsPage) -> Result<Response, HttpError> {
    let mut response = render(page)?.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn page(
    app: &App,
    login: &Login,
    track: &Track,
    access: TrackAccess,
    paging: Option<&Paging<ROWS>>,
    params: &PageParams,
    typed: Typed,
) -> Result<ParticipantsPage, HttpError> {
    let now = app.clock.now();
    let head = TrackHead::load(app, track, access, Tab::Organise).await?;
    let here = format!("{}/organise/participants", head.base());
    let status = params.status()?;
    let pending = Filter { status: Some(ParticipantStatus::Pending), ..Filter::default() };
    let waiting = store::participant::list(&app.db, track.id, pending, None, WAITING).await?;
    let count = store::participant::count_pending(&app.db, track.id).await?;
    let filter = Filter { status, text: &params.q, ..Filter::default() };
    let (everybody, newest, next) = match paging {
        Some(paging) => {
            let after = paging.after()?;
            let found = store::participant::list(&app.db, track.id, filter, after, paging.to_load()).await?;
            let page = paging.page(found, |listed| (listed.enrolled_at, listed.id))?;
            (page.items, after.map(|_| format!("{here}{}#all", query(params))), page.next)
        }
        None => (store::participant::list(&app.db, track.id, filter, None, ROWS).await?, None, None),
    };
    let rules = track.phase.rules();
    let rows = |listed: Vec<Listed>| listed.into_iter().map(|one| Row::of(one, now)).collect::<Vec<_>>();
    let mailed = status.unwrap_or(ParticipantStatus::Approved);
    Ok(ParticipantsPage {
        reader: Reader::of(Some(login)),
        done: done(app, track, params).await?,
        waiting_title: number::counted(count, "waits for you", "wait for you"),
        several_wait: (count > 1).then(|| number::count(count)),
        are_all_waiting_shown: waiting.len() as u64 == count,
        waiting: rows(waiting),
        approves: rules.approves,
        needs_reason: rules.removing_needs_a_reason,
        everybody: rows(everybody),
        search: params.q.clone(),
        status,
        newest,
        next: next.map(|next| format!("{next}#all")),
        csv: (format!("{here}.csv?status={}", mailed.as_str()), word(mailed)),
        head,
        typed,
    })
}

/// The filter as a query; empty where nothing is asked for.
fn query(params: &PageParams) -> String {
    let mut asked = Vec::new();
    if !params.q.is_empty() {
        asked.push(format!("q={}", encode(&params.q)));
    }
    if !params.status.is_empty() {
        asked.push(format!("status={}", encode(&params.status)));
    }
    if asked.is_empty() { String::new() } else { format!("?{}", asked.join("&")) }
}

/// What was decided just now, as far as it is still so.
async fn done(app: &App, track: &Track, params: &PageParams) -> Result<Option<Done>, HttpError> {
    let Some(done) = params.done.as_deref() else { return Ok(None) };
    let decision = Decision::from_word(done).ok_or_else(|| bad_parameter("`done` is a decision."))?;
    let at = params.at.and_then(|at| OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1000).ok());
    let mut touched = Vec::new();
    if at.is_some() {
        let filter = Filter { changed_at: at, ..Filter::default() };
        touched = store::participant::list(&app.db, track.id, filter, None, UNDONE).await?;
    }
    touched.retain(|one| match decision {
        Decision::Approve => one.status == ParticipantStatus::Approved,
        Decision::Deny => one.status == ParticipantStatus::Denied,
        Decision::Withdraw => one.status == ParticipantStatus::Withdrawn,
        Decision::Restore => matches!(one.status, ParticipantStatus::Approved | ParticipantStatus::Pending),
    });
    let mut then = String::new();
    if matches!(decision, Decision::Deny | Decision::Withdraw) {
        if touched.iter().any(|one| one.reason.is_some()) {
            then.push_str(" They are told the reason on the track’s pages.");
        }
        let off: i64 = touched.iter().map(|one| one.submissions).sum();
        if off > 0 {
            let counted = number::counted(off.unsigned_abs(), "submission counts", "submissions count");
            let _ = write!(then, " {counted} no more.");
        }
    }
    if params.already > 0 {
        let counted = number::counted(params.already, "participant stood", "participants stood");
        let _ = write!(then, " {counted} so before; nothing was changed of them.");
    }
    if touched.is_empty() && then.is_empty() {
        return Ok(None);
    }
    let is_one = touched.len() == 1;
    let names: Vec<String> = touched.iter().take(NAMED).map(|one| one.name.clone()).collect();
    let rest = touched.len() - names.len();
    Ok(Some(Done {
        and_more: if rest > 0 { format!(" and {} more", number::count(rest as u64)) } else { String::new() },
        what: match (decision, is_one) {
            _ if touched.is_empty() => "",
            (Decision::Approve, true) => " takes part now",
            (Decision::Approve, false) => " take part now",
            (Decision::Deny, true) => " was denied",
            (Decision::Deny, false) => " were denied",
            (Decision::Withdraw, true) => " was withdrawn",
            (Decision::Withdraw, false) => " were withdrawn",
            (Decision::Restore, true) => " is what they were before",
            (Decision::Restore, false) => " are what they were before",
        },
        reason: match decision {
            Decision::Deny | Decision::Withdraw => touched.first().and_then(|one| one.reason.clone()),
            Decision::Approve | Decision::Restore => None,
        },
        undo: match decision {
            Decision::Deny | Decision::Withdraw => touched.into_iter().map(|one| one.name).collect(),
            Decision::Approve | Decision::Restore => Vec::new(),
        },
        names,
        then,
    }))
}

/// The fields of a form: `who` stands once for each participant that was chosen.
type Fields = Vec<(String, String)>;

/// What a form asks for.
struct Asked {
    /// `None`: to approve all who wait.
    decision: Option<Decision>,
    typed: Typed,
}

impl Asked {
    fn read(fields: Fields) -> Result<Self, HttpError> {
        let bad = |text: &str| HttpError::BadRequest(Detail::new("bad_form", text));
        let (mut act, mut typed) = (None, Typed::default());
        for (name, value) in fields {
            match name.as_str() {
                "who" => _ = typed.who.insert(value),
                "act" => act = Some(value),
                "reason" => typed.reason = value,
                "form" => typed.form = value,
                "q" => typed.q = value,
                "status" => typed.status = value,
                _ => return Err(bad("The form has a field that is not known.")),
            }
        }
        let decision = match act.as_deref() {
            Some("approve-all") => None,
            Some(word) => Some(Decision::from_word(word).ok_or_else(|| bad("`act` is no decision."))?),
            None => return Err(bad("`act` is missing.")),
        };
        Ok(Self { decision, typed })
    }

    /// The reason that was typed; or what is wrong.
    fn reason(&self) -> Result<Option<Reason>, &'static str> {
        if self.decision.is_some() && self.typed.who.is_empty() {
            return Err("Tick at least one participant.");
        }
        match Reason::optional(&self.typed.reason) {
            Err(_) => Err("A reason has at most 500 characters, on one line."),
            Ok(None) if self.decision == Some(Decision::Deny) => Err("Say why: they will read it."),
            Ok(reason) => Ok(reason),
        }
    }
}

/// `POST /c/{competition}/{track}/organise/participants`
pub(crate) async fn act(
    State(app): State<App>,
    organiser: Organiser,
    fields: Result<Form<Fields>, FormRejection>,
) -> Result<Response, HttpError> {
    let Form(fields) = fields.map_err(form::rejected)?;
    let asked = Asked::read(fields)?;
    let reason = match asked.reason() {
        Ok(reason) => reason,
        Err(error) => {
            return again(&app, &organiser, asked.typed, StatusCode::UNPROCESSABLE_ENTITY, error.to_owned()).await;
        }
    };
    let names: Vec<String> = asked.typed.who.iter().cloned().collect();
    let who = if asked.decision.is_some() { Who::Named(&names) } else { Who::AllPending };
    let decision = asked.decision.unwrap_or(Decision::Approve);
    let by = By { user: Some(organiser.login.user.id), reason: reason.as_ref() };
    let path = organiser.track.path();
    let error = match participants::decide(&app, &path, who, decision, by).await {
        Ok(done) => {
            let params = PageParams { q: asked.typed.q, status: asked.typed.status, ..PageParams::default() };
            let before = query(&params);
            let join = if before.is_empty() { '?' } else { '&' };
            let mut to = format!("/c/{path}/organise/participants{before}{join}done={}", decision.as_str());
            if !done.changed.is_empty() {
                let _ = write!(to, "&at={}", done.at.unix_timestamp_nanos() / 1000);
            }
            if !done.already.is_empty() {
                let _ = write!(to, "&already={}", done.already.len());
            }
            return Ok(Redirect::to(&to).into_response());
        }
        Err(error) => error,
    };
    let (status, text) = match &error {
        ParticipantsError::NeedsReason(_) | ParticipantsError::NoParticipant { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, form::sentence(&error.to_string()))
        }
        ParticipantsError::NoApprovals { names, .. } => (
            StatusCode::CONFLICT,
            format!(
                "{} Nothing was done; they were never approved: {}.",
                form::sentence(&error.to_string()),
                names.join(", ")
            ),
        ),
        _ => return Err(error.into()),
    };
    again(&app, &organiser, asked.typed, status, text).await
}

/// The page again, with what was typed and what is wrong.
async fn again(
    app: &App,
    organiser: &Organiser,
    typed: Typed,
    status: StatusCode,
    error: String,
) -> Result<Response, HttpError> {
    // As it stands now, which may be why nothing was decided.
    let track = store::track::by_id(&app.db, organiser.track.id).await?.ok_or(HttpError::NotFound)?;
    let track = track.at(app.clock.now());
    let params = PageParams { q: typed.q.clone(), status: typed.status.clone(), ..PageParams::default() };
    let typed = Typed { error: Some(error), ..typed };
    let page = page(app, &organiser.login, &track, organiser.access, None, &params, typed).await?;
    Ok((status, answer(&page)?).into_response())
}

/// `GET /c/{competition}/{track}/organise/participants.csv`: names and e-mail addresses, a line a member.
pub(crate) async fn csv(
    State(app): State<App>,
    OrganiserOf(view): OrganiserOf,
    params: Result<Query<PageParams>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(params) = params?;
    let filter = Filter { status: params.status()?, ..Filter::default() };
    let mut csv = "participant,member,email,status,enrolled_at\r\n".to_owned();
    let mut after = None;
    loop {
        let some = store::participant::list(&app.db, view.track.id, filter, after, UNDONE).await?;
        for one in &some {
            for (member, email) in one.members.iter().zip(&one.emails) {
                let _ = write!(
                    csv,
                    "{},{},{},{},{}\r\n",
                    board::csv_text(&one.name),
                    board::csv_text(member),
                    board::csv_text(email),
                    one.status.as_str(),
                    rfc3339(one.enrolled_at),
                );
            }
        }
        after = some.last().map(|last| (last.enrolled_at, last.id));
        if some.len() < UNDONE {
            break;
        }
    }
    let name = format!("attachment; filename=\"{}-participants.csv\"", view.track.slug);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, csv).into_response())
}
