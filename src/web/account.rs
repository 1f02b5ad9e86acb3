//! Signing in, registering, and one's own account with its API tokens.

use super::form::Field;
use super::moment::Moment;
use super::site::Site;
use askama::Template;

/// `/login`.
#[derive(Template)]
#[template(path = "account/login.html")]
pub(crate) struct LoginPage {
    pub(crate) site: Site,
    /// What is wrong with the form as a whole.
    pub(crate) error: Option<String>,
    pub(crate) fields: Vec<Field>,
    /// Where to go afterwards: a path of this site.
    pub(crate) next: String,
}

/// `/register`.
#[derive(Template)]
#[template(path = "account/register.html")]
pub(crate) struct RegisterPage {
    pub(crate) site: Site,
    pub(crate) error: Option<String>,
    pub(crate) fields: Vec<Field>,
    pub(crate) next: String,
}

/// `/account`.
#[derive(Template)]
#[template(path = "account/show.html")]
pub(crate) struct ShowPage {
    pub(crate) site: Site,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) since: Moment,
    pub(crate) tokens: Vec<TokenRow>,
    /// The token that was just made: it is shown this once and cannot be read again.
    pub(crate) fresh: Option<String>,
    pub(crate) label: Field,
    pub(crate) enrolments: Vec<Enrolment>,
    pub(crate) public_url: String,
}

/// An API token; its secret is not kept.
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) label: String,
    /// Its first characters, to tell it by.
    pub(crate) hint: String,
    pub(crate) scope: String,
    pub(crate) created: Moment,
    pub(crate) last_used: Option<Moment>,
}

/// A track the account takes part in.
pub(crate) struct Enrolment {
    pub(crate) title: String,
    pub(crate) href: String,
    pub(crate) status: String,
    pub(crate) submissions: String,
}
