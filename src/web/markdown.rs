//! Organisers' pages: Markdown in, sanitised HTML out.
//!
//! Whatever the text contains, the output has no script, style, form or image, and a text over the
//! size limit is not rendered at all. The page's own title is its `h1`, so the text's headings are
//! moved down by one level.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::markup::Markup;

/// Longer texts are not rendered: they would slow the page down for every reader.
const MAX_BYTES: usize = 256 * 1024;
const OPTIONS: Options = Options::ENABLE_TABLES.union(Options::ENABLE_FOOTNOTES).union(Options::ENABLE_STRIKETHROUGH);

/// Renders a text; an empty one gives empty markup.
pub(crate) fn render(text: &str) -> Markup {
    if text.len() > MAX_BYTES {
        let apology = "<p>This page is too long to be shown here. The organiser can shorten it.</p>";
        return Markup::from_sanitised_html(apology.to_owned());
    }
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, Parser::new_ext(text, OPTIONS).map(lower_headings));
    let clean =
        ammonia::Builder::default().rm_tags(&["img"]).link_rel(Some("noopener nofollow")).clean(&html).to_string();
    Markup::from_sanitised_html(clean)
}

/// The first paragraph of a text without its markup, for page heads and tables, and the rest.
///
/// The first part is empty if the text begins with anything but a paragraph.
pub(crate) fn opening(text: &str) -> (String, &str) {
    let mut events = Parser::new_ext(text, OPTIONS).into_offset_iter();
    if !matches!(events.next(), Some((Event::Start(Tag::Paragraph), _))) {
        return (String::new(), text);
    }
    let mut plain = String::new();
    for (event, range) in events {
        match event {
            Event::Text(words) | Event::Code(words) => plain.push_str(&words),
            Event::SoftBreak | Event::HardBreak => plain.push(' '),
            Event::End(TagEnd::Paragraph) => return (plain, text.get(range.end..).unwrap_or_default()),
            _ => {}
        }
    }
    (plain, "")
}

fn lower_headings(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Start(Tag::Heading { level, id, classes, attrs }) => {
            Event::Start(Tag::Heading { level: one_lower(level), id, classes, attrs })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(one_lower(level))),
        other => other,
    }
}

fn one_lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        render(text).to_string()
    }

    #[test]
    fn raw_html_that_could_run_is_dropped() {
        let out = html("<script>alert(1)</script><p onclick=x style='color:red'>a</p><iframe src=x></iframe>");
        assert!(!out.contains("script") && !out.contains("onclick") && !out.contains("style"), "{out}");
        assert!(!out.contains("iframe") && out.contains("<p>a</p>"), "{out}");
    }

    #[test]
    fn links_of_other_schemes_lose_their_address() {
        for address in ["javascript:alert(1)", "data:text/html,x", "vbscript:x"] {
            assert!(!html(&format!("[a]({address})")).contains("href"), "{address}");
        }
        assert!(html("[a](https://example.org)").contains(r#"href="https://example.org""#));
    }

    #[test]
    fn images_are_dropped_so_that_none_can_track_readers() {
        assert!(!html("![a](https://example.org/pixel.png)").contains("<img"));
    }

    #[test]
    fn headings_begin_below_the_title_of_the_page() {
        assert_eq!(html("# One\n").trim(), "<h2>One</h2>");
    }

    #[test]
    fn deep_nesting_is_rendered_without_harm() {
        let out = html(&"[".repeat(100_000));
        assert!(out.len() >= 100_000);
    }

    #[test]
    fn the_opening_is_the_first_paragraph_in_plain_words() {
        let (words, rest) = opening("Which *images*\nfrom [there](https://example.org)?\n\nMore `of` it.\n");
        assert_eq!((words.as_str(), rest.trim()), ("Which images from there?", "More `of` it."));
        assert_eq!(opening("One & <b>two</b>"), ("One & two".to_owned(), ""));
        assert_eq!(opening("# Title\n\nWords"), (String::new(), "# Title\n\nWords"));
        assert_eq!(opening(""), (String::new(), ""));
    }

    #[test]
    fn a_text_over_the_size_limit_is_not_rendered() {
        assert!(html(&"a ".repeat(MAX_BYTES)).contains("too long"));
    }
}
