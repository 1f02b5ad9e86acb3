//! Text that is HTML already and must not be escaped again.
//!
//! The constructors below are the only way to make one. What people type goes into templates as a
//! plain `String`, which askama escapes.

use std::fmt;

/// A piece of safe HTML or SVG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Markup(String);

impl Markup {
    /// A plot drawn by the `figures` crate.
    pub(crate) fn from_svg(svg: String) -> Self {
        Self(svg)
    }

    /// An organiser's page whose Markdown has been rendered and sanitised.
    pub(crate) fn from_sanitised_html(html: String) -> Self {
        Self(html)
    }

    /// Whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Whether it begins with a heading of its own.
    pub(crate) fn begins_with_heading(&self) -> bool {
        let html = self.0.trim_start().as_bytes();
        html.starts_with(b"<h") && html.get(2).is_some_and(u8::is_ascii_digit)
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Markup {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_horizontal_rule_is_not_a_heading() {
        assert!(Markup::from_sanitised_html("<h2>Terms</h2>".into()).begins_with_heading());
        assert!(!Markup::from_sanitised_html("<hr><p>a</p>".into()).begins_with_heading());
    }
}
