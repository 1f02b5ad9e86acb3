//! The files of `static/`, built into the program, and their URLs.
//!
//! A URL carries a digest of the file: browsers may cache it for ever, because a new version gets a
//! new URL.

use axum::http::header;
use axum::response::IntoResponse;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

use crate::http::error::HttpError;
use crate::http::path_parameter::PathParameter;

/// A file of `static/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    /// The style sheet of all pages.
    Style,
    /// The site's icon, for the browser's tab.
    Icon,
    /// Shows times in the reader's time zone.
    Time,
    /// Keeps the leaderboard up to date.
    Live,
    /// Opens rows and sorts the board without loading the page again.
    Board,
    /// Waits for a submission's state to change.
    Submission,
    /// The pages of results.
    Results,
    /// The ceremony.
    Ceremony,
    /// Keys of the ceremony.
    CeremonyKeys,
    /// Drag and drop, size check and progress bar of an upload.
    Submit,
}

/// An asset's content, and the name and media type it is served with.
struct File {
    /// Its name under `/static/`.
    name: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! file {
    ($name:literal, $media_type:expr) => {
        File { name: $name, media_type: $media_type, content: include_str!(concat!("../../static/", $name)) }
    };
}

static FILES: [(Asset, File); 10] = [
    (Asset::Style, file!("style.css", CSS)),
    (Asset::Icon, file!("icon.svg", "image/svg+xml")),
    (Asset::Time, file!("time.js", SCRIPT)),
    (Asset::Live, file!("live.js", SCRIPT)),
    (Asset::Board, file!("board.js", SCRIPT)),
    (Asset::Submission, file!("submission.js", SCRIPT)),
    (Asset::Results, file!("results.css", CSS)),
    (Asset::Ceremony, file!("ceremony.css", CSS)),
    (Asset::CeremonyKeys, file!("ceremony.js", SCRIPT)),
    (Asset::Submit, file!("submit.js", SCRIPT)),
];

static DIGESTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let digest = |file: &File| hex::encode(&Sha256::digest(file.content)[..6]);
    FILES.iter().map(|(_, file)| digest(file)).collect()
});

impl Asset {
    /// The URL that pages link to.
    pub(crate) fn url(self) -> String {
        let index = self as usize;
        format!("/static/{}?v={}", FILES[index].1.name, DIGESTS[index])
    }
}

/// `/static/{name}`. A URL with the digest of another version works too, and gets the current file.
pub(crate) async fn serve(PathParameter(name): PathParameter) -> Result<impl IntoResponse, HttpError> {
    let file = find(&name).ok_or(HttpError::NotFound)?;
    let headers =
        [(header::CONTENT_TYPE, file.media_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, file.content))
}

fn find(name: &str) -> Option<&'static File> {
    FILES.iter().map(|(_, file)| file).find(|file| file.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_listed_in_the_order_of_the_enum() {
        for (index, (asset, _)) in FILES.iter().enumerate() {
            assert_eq!(*asset as usize, index);
        }
    }

    #[test]
    fn a_url_names_the_file_and_its_digest() {
        let url = Asset::Style.url();
        let (path, version) = url.split_once("?v=").unwrap();
        assert!(find(path.strip_prefix("/static/").unwrap()).is_some());
        assert_eq!(version.len(), 12);
    }

    #[test]
    fn only_listed_files_are_served() {
        assert!(find("../Cargo.toml").is_none());
    }
}
