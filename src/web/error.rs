//! The page that stands where another should have been.
//!
//! It says what happened and what to do; never what went on inside.

use super::site::{Link, Site};
use askama::Template;

/// An error as a page.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage {
    pub(crate) site: Site,
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    pub(crate) text: String,
    pub(crate) ways: Vec<Link>,
}

impl ErrorPage {
    /// The page of an HTTP status; `detail` is a sentence for the reader, used where there is one.
    pub(crate) fn new(site: Site, status: u16, detail: Option<String>) -> Self {
        let (title, text) = words(status);
        let text = detail.unwrap_or_else(|| text.to_owned());
        let home = Link { label: "All competitions".to_owned(), href: "/".to_owned() };
        let mut ways = vec![home];
        if status == 401 || (status == 403 && site.account.is_none()) {
            ways.insert(0, Link { label: "Sign in".to_owned(), href: "/login".to_owned() });
        }
        Self { site, status, title, text, ways }
    }
}

fn words(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("That request makes no sense here", "A part of the address or of the form is not one this page knows."),
        401 => ("Sign in to see this", "This page belongs to somebody. Sign in, and you may find it is you."),
        403 => ("This is not yours to see", "You are signed in, but this needs a role that you do not have."),
        404 => ("Nothing is here", "The address may be mistyped, or what was here may not be for everybody."),
        405 => ("That does not work here", "This address does not take what was sent to it."),
        409 => ("That is already so", "Somebody, perhaps you, has done it already."),
        413 => (
            "That is too large",
            "The upload is over the size this track takes. Nothing was stored and no attempt was used.",
        ),
        422 => ("Something in the form is wrong", "Go back and look it over."),
        429 => ("That was quick", "Too many requests came from you in a short time. Wait a little and try again."),
        503 => (
            "Back in a moment",
            "The server is starting or has too much to do. What was accepted is safe. Try again in a minute.",
        ),
        _ => ("Our fault", "Something went wrong on the server and has been noted. What was accepted is safe."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_out_reader_is_shown_the_way_in() {
        let page = ErrorPage::new(Site::default(), 403, None);
        assert_eq!(page.ways[0].href, "/login");
    }

    #[test]
    fn a_detail_is_escaped() {
        let html = ErrorPage::new(Site::default(), 404, Some("<b>".into())).render().unwrap();
        assert!(!html.contains("<b>"), "{html}");
    }
}
