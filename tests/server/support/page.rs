//! What pages say.

use axum::http::StatusCode;

use super::{Actor, World};

/// The words of a page, wherever its lines break.
pub(crate) async fn words(world: &World, actor: &Actor, path: &str) -> String {
    on_one_line(actor.get(world, path).await.expect(StatusCode::OK).text())
}

fn on_one_line(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that a page has some texts and has not some others, wherever its lines break.
#[track_caller]
pub(crate) fn assert_says(page: &str, texts: &[&str], not: &[&str]) {
    let page = on_one_line(page);
    for text in texts {
        assert!(page.contains(text), "the page does not say {text:?}: {page}");
    }
    for text in not {
        assert!(!page.contains(text), "the page says {text:?}: {page}");
    }
}
