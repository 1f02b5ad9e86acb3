//! Who is asking: extractors, so that a handler's signature says who may call it.
//!
//! | extractor | lets in |
//! |---|---|
//! | [`Viewer`] | anybody; knows the account if there is one |
//! | [`SignedIn`] | an account, by cookie or token |
//! | [`Enroller`] | an account that may act: a cookie, or a token with the submit scope |
//! | [`TrackView`] | anybody, for a track; knows enrolment and audience |
//! | [`Submitter`] | a user enrolled in the track who may act |
//! | [`Downloader`] | approved participants of a track that has opened, and its staff |
//! | [`SeenSubmission`] | the owner of a submission, and staff |
//! | [`OrganiserOf`] | staff of the track's competition, who look at something |
//! | [`Organiser`] | the same, who change something |
//!
//! What staff may see and do takes a browser's session or a token with the organise scope: with any other token an
//! organiser sees what a participant sees.

mod organiser;
mod password;

use axum::extract::{FromRef, FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use time::OffsetDateTime;

use super::error::{Detail, HttpError};
use super::path_parameter::PathParameter;
use crate::app::App;
use crate::domain::account::TokenScope;
use crate::domain::ids::SubmissionId;
use crate::domain::participant::ParticipantStatus;
use crate::domain::phase::Act;
use crate::domain::slug::TrackPath;
use crate::domain::visibility::{Audience, SubmissionAccess, TrackAccess};
use crate::http::server::Site;
use crate::secret;
use crate::service::submit::Sender;
use crate::store;
use crate::store::participant::Participant;
use crate::store::submission::Submission;
use crate::store::track::Track;
use crate::store::user::User;

pub use organiser::{Organiser, OrganiserOf};

/// A known account, and how it made itself known.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account.
    pub user: User,
    /// By what.
    pub by: LoginBy,
    /// When the session's password was given last, by the database's clock; `None` of a token.
    pub password_given_at: Option<OffsetDateTime>,
}

/// How an account made itself known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginBy {
    /// A session's cookie; the hash of its secret.
    Session([u8; 32]),
    /// An API token of this scope.
    Token(TokenScope),
}

impl Login {
    /// Whether the client may change something, not only read.
    pub fn may_act(&self) -> bool {
        self.holds(TokenScope::Submit)
    }

    /// Whether the client may see and do what organisers may, if the account is one.
    pub fn may_organise(&self) -> bool {
        self.holds(TokenScope::Organise)
    }

    /// Whose rights the client has, and whether those of an organiser are among them.
    pub fn rights(&self) -> Rights<'_> {
        Rights { user: &self.user, may_organise: self.may_organise() }
    }

    fn holds(&self, needed: TokenScope) -> bool {
        match self.by {
            LoginBy::Session(_) => true,
            LoginBy::Token(scope) => scope.holds(needed),
        }
    }
}

/// An account, as far as its client may use its rights.
#[derive(Debug, Clone, Copy)]
pub struct Rights<'a> {
    /// The account.
    pub user: &'a User,
    /// Whether its rights as an organiser count. Without them it sees what a participant sees.
    pub may_organise: bool,
}

/// Anybody; the account where there is one. A token that is sent must be valid.
#[derive(Debug, Clone)]
pub struct Viewer(pub Option<Login>);

impl<S: Send + Sync> FromRequestParts<S> for Viewer
where
    App: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        if let Some(viewer) = parts.extensions.get::<Self>() {
            return Ok(viewer.clone());
        }
        let (app, site) = (App::from_ref(state), Site::from_ref(state));
        let viewer = Self(login(&app, &site, &parts.headers).await?);
        parts.extensions.insert(viewer.clone());
        Ok(viewer)
    }
}

async fn login(app: &App, site: &Site, headers: &HeaderMap) -> Result<Option<Login>, HttpError> {
    let now = app.clock.now();
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let token = authorization
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(HttpError::LogInFirst)?;
        let (user, scope) =
            store::token::user(&app.db, &secret::hash(token), now).await?.ok_or(HttpError::LogInFirst)?;
        return Ok(Some(Login { user, by: LoginBy::Token(scope), password_given_at: None }));
    }
    let jar = CookieJar::from_headers(headers);
    let Some(cookie) = jar.get(site.cookie_name()) else { return Ok(None) };
    let hash = secret::hash(cookie.value());
    let found = store::session::user(&app.db, &hash, now).await?;
    Ok(found.map(|(user, given)| Login { user, by: LoginBy::Session(hash), password_given_at: Some(given) }))
}

/// The cookie of a session.
pub fn session_cookie(site: &Site, secret: String) -> Cookie<'static> {
    Cookie::build((site.cookie_name(), secret))
        .path("/")
        .http_only(true)
        .secure(site.is_secure())
        .same_site(SameSite::Lax)
        .max_age(store::session::LIFETIME)
        .build()
}

/// A cookie that takes the session's away.
pub fn no_session_cookie(site: &Site) -> Cookie<'static> {
    let mut cookie = session_cookie(site, String::new());
    cookie.set_max_age(time::Duration::ZERO);
    cookie
}

/// A known account.
#[derive(Debug, Clone)]
pub struct SignedIn(pub Login);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    App: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let Viewer(login) = Viewer::from_request_parts(parts, state).await?;
        login.map(Self).ok_or(HttpError::LogInFirst)
    }
}

/// A known account that may change something.
#[derive(Debug, Clone)]
pub struct Enroller(pub Login);

impl<S: Send + Sync> FromRequestParts<S> for Enroller
where
    App: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let SignedIn(login) = SignedIn::from_request_parts(parts, state).await?;
        if login.may_act() {
            Ok(Self(login))
        } else {
            Err(HttpError::NotAllowed(Detail::new("read_only_token", "This token may only read.")))
        }
    }
}

#[derive(serde::Deserialize)]
struct TrackParams {
    competition: String,
    track: String,
}

/// A track, and how the client stands to it.
#[derive(Debug, Clone)]
pub struct TrackView {
    /// The track.
    pub track: Track,
    /// The account, if any.
    pub login: Option<Login>,
    /// Its enrolment, if any.
    pub participant: Option<Participant>,
    /// What the client may see.
    pub access: TrackAccess,
}

impl TrackView {
    /// Who the view is made for.
    pub fn audience(&self) -> Audience {
        self.access.audience()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TrackView
where
    App: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let app = App::from_ref(state);
        let Path(params) =
            Path::<TrackParams>::from_request_parts(parts, state).await.map_err(|_| HttpError::NotFound)?;
        let path = match (params.competition.parse(), params.track.parse()) {
            (Ok(competition), Ok(track)) => TrackPath { competition, track },
            _ => return Err(HttpError::NotFound),
        };
        let Viewer(login) = Viewer::from_request_parts(parts, state).await?;
        let track = store::track::by_path(&app.db, &path).await?.ok_or(HttpError::NotFound)?.at(app.clock.now());
        let (participant, access) = match &login {
            Some(login) => access(&app, &track, login.rights()).await?,
            None => (None, TrackAccess::visitor(track.id, track.phase)),
        };
        Ok(Self { track, login, participant, access })
    }
}

/// An account's enrolment in a track, and what it may see there.
///
/// # Errors
/// The database cannot answer.
pub async fn access(
    app: &App,
    track: &Track,
    rights: Rights<'_>,
) -> Result<(Option<Participant>, TrackAccess), HttpError> {
    let participant = store::participant::find(&app.db, track.id, rights.user.id).await?;
    let is_staff = rights.may_organise && is_on_staff(app, track, rights.user).await?;
    let enrolled = participant.map(|participant| (participant.id, participant.status));
    Ok((participant, TrackAccess::account(track.id, track.phase, is_staff, enrolled)))
}

/// Whether an account is staff of a track's competition, whatever its client may do.
async fn is_on_staff(app: &App, track: &Track, user: &User) -> Result<bool, HttpError> {
    Ok(user.is_admin || store::organiser::is_one(&app.db, track.competition, user.id).await?)
}

/// Whether a track stands in lists for this viewer: a draft is listed for its organisers only.
///
/// # Errors
/// The database cannot answer.
pub async fn is_listed(app: &App, track: &Track, Viewer(login): &Viewer) -> Result<bool, HttpError> {
    match login {
        _ if track.phase.rules().is_listed => Ok(true),
        Some(login) => Ok(login.may_organise() && is_on_staff(app, track, &login.user).await?),
        None => Ok(false),
    }
}

/// A submission, and who looks at it: its owner or staff. To everybody else it does not exist.
#[derive(Debug, Clone)]
pub struct SeenSubmission {
    /// The submission.
    pub submission: Submission,
    /// The track it was sent to.
    pub track: Track,
    /// What the account may see of it.
    pub access: SubmissionAccess,
    /// The account that looks.
    pub login: Login,
}

impl SeenSubmission {
    /// The submission of an identifier as it was written in an address.
    ///
    /// # Errors
    /// [`HttpError::NotFound`] where there is none or this account may not see it, without telling which.
    pub async fn find(app: &App, id: &str, login: Login) -> Result<Self, HttpError> {
        let (submission, track, access) = with_track(app, id, &login).await?;
        let access = access.submission(submission.id, submission.participant).ok_or(HttpError::NotFound)?;
        Ok(Self { submission, track, access, login })
    }
}

/// A submission by its identifier as it was written in an address, with its track, and what the account may see of that.
async fn with_track(app: &App, id: &str, login: &Login) -> Result<(Submission, Track, TrackAccess), HttpError> {
    let id: SubmissionId = id.parse().map_err(|_| HttpError::NotFound)?;
    let submission = store::submission::by_id(&app.db, id).await?.ok_or(HttpError::NotFound)?;
    let track = store::track::by_id(&app.db, submission.track).await?.ok_or(HttpError::NotFound)?.at(app.clock.now());
    let (_, access) = access(app, &track, login.rights()).await?;
    Ok((submission, track, access))
}

impl<S: Send + Sync> FromRequestParts<S> for SeenSubmission
where
    App: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let SignedIn(login) = SignedIn::from_request_parts(parts, state).await?;
        let PathParameter(id) = PathParameter::from_request_parts(parts, state).await?;
        Self::find(&App::from_ref(state), &id, login).await
    }
}

/// Somebody enrolled in the track, in whatever state, who may act.
#[derive(Debug, Clone)]
pub struct Submitter {
    /// The track.
    pub track: Track,
    /// The account.
    pub login: Login,
    /// As whom it submits.
    pub sender: Sender,
}

impl<S: Send + Sync> FromRequestParts<S> for Submitter
where
    App: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let view = TrackView::from_request_parts(parts, state).await?;
        let Enroller(login) = Enroller::from_request_parts(parts, state).await?;
        let participant = view
            .participant
            .ok_or_else(|| HttpError::NotAllowed(super::error::not_approved(ParticipantStatus::Withdrawn)))?;
        let sender = Sender { participant, is_organiser: view.access.audience() == Audience::Organiser };
        Ok(Self { track: view.track, login, sender })
    }
}

/// Somebody who may have the track's files.
#[derive(Debug, Clone)]
pub struct Downloader {
    /// The track.
    pub track: Track,
    /// The account.
    pub login: Login,
    /// Who the view is made for.
    pub audience: Audience,
}

impl<S: Send + Sync> FromRequestParts<S> for Downloader
where
    App: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let view = TrackView::from_request_parts(parts, state).await?;
        let audience = view.audience();
        let login = view.login.ok_or(HttpError::LogInFirst)?;
        may_download(&App::from_ref(state), &view.track, audience, view.participant)?;
        Ok(Self { track: view.track, login, audience })
    }
}

/// Whether somebody who stands so to a track may have its files.
///
/// # Errors
/// [`HttpError::NotAllowed`], with the reason.
pub fn may_download(
    app: &App,
    track: &Track,
    audience: Audience,
    participant: Option<Participant>,
) -> Result<(), HttpError> {
    match audience {
        Audience::Organiser => Ok(()),
        Audience::Participant if track.stage().admit(Act::Download, app.clock.now()).is_ok() => Ok(()),
        Audience::Participant => {
            let text = "The files are given out when the track opens.";
            Err(HttpError::NotAllowed(Detail::new("not_open", text)))
        }
        Audience::Visitor | Audience::Owner => {
            let status = participant.map_or(ParticipantStatus::Withdrawn, |participant| participant.status);
            Err(HttpError::NotAllowed(super::error::not_approved(status)))
        }
    }
}
