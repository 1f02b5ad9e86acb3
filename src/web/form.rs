//! Form fields: they keep what was typed and show what is wrong with it.

use askama::Template;
use axum::extract::rejection::FormRejection;

use crate::http::error::{Detail, HttpError};

/// The error for a form that cannot be decoded. No browser sends one, so it gets no page of its
/// own.
pub(crate) fn rejected(error: FormRejection) -> HttpError {
    HttpError::BadRequest(Detail::new("bad_form", error.body_text()))
}

/// Turns an error's text into a sentence to show beside a field.
pub(crate) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(rest).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// One labelled input of a form.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "part/field.html")]
pub(crate) struct Field {
    name: &'static str,
    /// Another id than its name; empty: its name.
    id: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    hint: &'static str,
    requirement: Requirement,
    value: String,
    error: Option<String>,
}

/// Whether a field must be filled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// It must be filled in.
    #[default]
    Required,
    /// It may be left empty, and its label says so.
    Optional,
}

impl askama::filters::HtmlSafe for Field {}

impl Field {
    /// A single-line text field.
    pub(crate) fn text(name: &'static str, label: &'static str) -> Self {
        Self { name, label, kind: "text", autocomplete: "off", ..Self::default() }
    }

    /// A password field. What was typed is never sent back.
    pub(crate) fn password(name: &'static str, label: &'static str) -> Self {
        Self { name, label, kind: "password", autocomplete: "current-password", ..Self::default() }
    }

    /// Sets another input type, such as `email` or `url`.
    pub(crate) fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// Sets HTML's `autocomplete` attribute.
    pub(crate) fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    /// Sets its id, where the page has another field of this name.
    pub(crate) fn id_on_page(self, id: &'static str) -> Self {
        Self { id, ..self }
    }

    /// Sets the sentence under the label.
    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// Lets the field be left empty.
    pub(crate) fn optional(self) -> Self {
        Self { requirement: Requirement::Optional, ..self }
    }

    /// Fills in what the person typed before.
    pub(crate) fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    /// Says what is wrong with it, as a sentence.
    pub(crate) fn error(self, error: Option<String>) -> Self {
        Self { error, ..self }
    }

    fn id(&self) -> &str {
        if self.id.is_empty() { self.name } else { self.id }
    }

    fn shown_value(&self) -> &str {
        if self.kind == "password" { "" } else { &self.value }
    }

    fn is_required(&self) -> bool {
        self.requirement == Requirement::Required
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_a_sentence() {
        assert_eq!(sentence("a password has 8 bytes"), "A password has 8 bytes.");
    }

    #[test]
    fn a_typed_value_comes_back_escaped() {
        let html = Field::text("name", "Name").value("\"><script>").to_string();
        assert!(!html.contains("<script>"), "{html}");
    }

    #[test]
    fn a_password_never_comes_back() {
        let html = Field::password("password", "Password").value("hunter2").to_string();
        assert!(!html.contains("hunter2"));
    }

    #[test]
    fn an_error_is_tied_to_its_field() {
        let html = Field::text("name", "Name").error(Some("Taken.".into())).to_string();
        assert!(html.contains(r#"aria-invalid="true""#), "{html}");
        assert!(html.contains(r#"id="name-error""#), "{html}");
    }
}
