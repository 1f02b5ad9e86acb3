//! Small things many pages are made of: who reads, links, choices, states as a word with a dot.

use crate::http::auth::Login;

/// Who looks at the page, for the site's header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    /// The name of who is signed in.
    pub(crate) name: Option<String>,
}

impl Reader {
    /// The reader behind a request.
    pub(crate) fn of(login: Option<&Login>) -> Self {
        Self { name: login.map(|login| login.user.name.clone()) }
    }
}

/// A link.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) label: String,
    pub(crate) href: String,
}

/// One alternative of a row of alternatives.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) label: String,
    /// `None` if it cannot be taken now.
    pub(crate) href: Option<String>,
    pub(crate) current: bool,
}

/// A state as a word with a coloured dot. The word carries the meaning.
#[derive(Clone, Debug)]
pub(crate) struct Pill {
    pub(crate) word: String,
    pub(crate) tone: Tone,
}

/// The colour of a state's dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Going on, or well done.
    Good,
    /// Waiting for something.
    Wait,
    /// Gone wrong.
    Bad,
    /// Over, or not begun.
    Quiet,
}

impl Tone {
    /// The class of the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}
