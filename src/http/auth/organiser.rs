//! Staff of a track's competition: whoever looks at something as an organiser, or changes it.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use time::OffsetDateTime;

use super::{Login, TrackView, is_on_staff, with_track};
use crate::app::App;
use crate::domain::visibility::{Audience, TrackAccess};
use crate::http::error::{Detail, HttpError};
use crate::http::server::Site;
use crate::store::submission::Submission;
use crate::store::track::Track;

/// Staff of the track's competition, who look at something. To other accounts the place does not exist.
#[derive(Debug, Clone)]
pub struct OrganiserOf(pub TrackView);

impl<S: Send + Sync> FromRequestParts<S> for OrganiserOf
where
    App: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let view = TrackView::from_request_parts(parts, state).await?;
        match (&view.login, view.audience()) {
            (_, Audience::Organiser) => Ok(Self(view)),
            (None, _) => Err(HttpError::LogInFirst),
            (Some(_), _) => Err(HttpError::NotFound),
        }
    }
}

/// Staff of the track's competition, who change something. To other accounts the place does not exist.
#[derive(Debug, Clone)]
pub struct Organiser {
    /// The track.
    pub track: Track,
    /// The account.
    pub login: Login,
    /// What the client may see of the track.
    pub access: TrackAccess,
}

impl Organiser {
    /// Whoever looks at a submission, if they are staff: they may change something about it.
    ///
    /// # Errors
    /// [`HttpError::NotFound`] for its owner, [`HttpError::NotAllowed`] for staff whose token is too weak.
    pub async fn of_submission(app: &App, id: &str, login: Login) -> Result<(Self, Submission), HttpError> {
        let (submission, track, access) = with_track(app, id, &login).await?;
        Ok((Self::of(app, track, login, access).await?, submission))
    }

    /// Whether the client may do what cannot be undone, at an instant of the database's clock: its session's password
    /// was given just now.
    ///
    /// # Errors
    /// [`HttpError::NotAllowed`] with the code `session_needed` for a token, and for an older password.
    pub fn needs_recent_password(&self, now: OffsetDateTime) -> Result<(), HttpError> {
        self.login.needs_recent_password(now)
    }

    async fn of(app: &App, track: Track, login: Login, access: TrackAccess) -> Result<Self, HttpError> {
        if access.audience() == Audience::Organiser {
            Ok(Self { track, login, access })
        } else if !login.may_organise() && is_on_staff(app, &track, &login.user).await? {
            let text = "This takes a token with the scope `organise`, or a browser that is signed in.";
            Err(HttpError::NotAllowed(Detail::new("organise_scope_needed", text)))
        } else {
            Err(HttpError::NotFound)
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Organiser
where
    App: FromRef<S>,
    Site: FromRef<S>,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let TrackView { track, login, access, .. } = TrackView::from_request_parts(parts, state).await?;
        Self::of(&App::from_ref(state), track, login.ok_or(HttpError::LogInFirst)?, access).await
    }
}
