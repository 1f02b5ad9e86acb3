//! Text that is HTML already and must not be escaped again.
//!
//! The only doors in are the ones below. Anything a person typed goes into templates as a plain `String`.

use std::fmt;

/// A piece of safe HTML or SVG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Markup(String);

impl Markup {
    /// A picture drawn by one of the plot modules.
    pub(crate) fn from_svg(svg: String) -> Self {
        Self(svg)
    }

    /// An organiser's page after its Markdown was rendered and sanitised.
    pub(crate) fn from_sanitised_html(html: String) -> Self {
        Self(html)
    }

    /// Whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Markup {}
