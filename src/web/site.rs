//! Parts that many pages share: the reader, links, choices, and status labels with a coloured dot.

use askama::Template;

use super::timestamp::Timestamp;
use crate::http::auth::Login;

/// Who is reading the page, for the site's header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    /// The account's name; `None` if nobody is signed in.
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

/// A sentence, with a time in it where it tells one.
#[derive(Clone, Debug, Template)]
#[template(source = "{{ before }}{% if let Some(at) = at %}{{ at }}{{ after }}{% endif %}", ext = "html")]
pub(crate) struct Sentence {
    before: String,
    at: Option<Timestamp>,
    after: &'static str,
}

impl askama::filters::HtmlSafe for Sentence {}

impl Sentence {
    /// A sentence without a time.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { before: text.into(), at: None, after: "" }
    }

    /// A sentence with a time between its two parts.
    pub(crate) fn with(before: impl Into<String>, at: Timestamp, after: &'static str) -> Self {
        Self { before: before.into(), at: Some(at), after }
    }
}

/// One option in a row of options.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) label: String,
    /// `None` if it is not available now.
    pub(crate) href: Option<String>,
    pub(crate) current: bool,
}

/// How far a step in a row of steps has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepState {
    Done,
    Now,
    Later,
}

impl StepState {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Later => "later",
        }
    }

    /// The same in words, for screen readers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "in progress",
            Self::Later => "to come",
        }
    }
}

/// A state as a word with a coloured dot. The word alone carries the meaning.
#[derive(Clone, Debug)]
pub(crate) struct Pill {
    pub(crate) word: String,
    pub(crate) tone: Tone,
}

/// The colour of a state's dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Open, or successful.
    Good,
    /// Waiting for something.
    Wait,
    /// Failed.
    Bad,
    /// Over, or not started.
    Quiet,
}

impl Tone {
    /// The CSS class.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}
