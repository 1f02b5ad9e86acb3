//! The files of `static/`, built into the program, and their addresses.
//!
//! An address carries a digest of the file, so a browser may keep the file for ever and a new version is a new address.

use axum::http::header;
use axum::response::IntoResponse;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

use crate::http::error::HttpError;
use crate::http::segment::Segment;

/// A file of `static/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    /// The style sheet of all pages.
    Style,
    /// The mark, for the browser's tab.
    Icon,
    /// Tells times in the reader's zone.
    Time,
    /// Keeps the board current.
    Live,
    /// Opens rows and switches columns without leaving the page.
    Board,
    /// Waits for a submission's next state.
    Submission,
    /// Drag and drop, size check and progress of an upload.
    Submit,
}

/// The text of an asset and what a browser must be told about it.
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

static FILES: [(Asset, File); 7] = [
    (Asset::Style, file!("style.css", CSS)),
    (Asset::Icon, file!("icon.svg", "image/svg+xml")),
    (Asset::Time, file!("time.js", SCRIPT)),
    (Asset::Live, file!("live.js", SCRIPT)),
    (Asset::Board, file!("board.js", SCRIPT)),
    (Asset::Submission, file!("submission.js", SCRIPT)),
    (Asset::Submit, file!("submit.js", SCRIPT)),
];

static DIGESTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let digest = |file: &File| hex::encode(&Sha256::digest(file.content)[..6]);
    FILES.iter().map(|(_, file)| digest(file)).collect()
});

impl Asset {
    /// The address pages refer to it by.
    pub(crate) fn url(self) -> String {
        let place = self as usize;
        format!("/static/{}?v={}", FILES[place].1.name, DIGESTS[place])
    }
}

/// `/static/{name}`. An address with the digest of another version still answers, with the present file.
pub(crate) async fn serve(Segment(name): Segment) -> Result<impl IntoResponse, HttpError> {
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
    fn every_asset_stands_in_its_own_place() {
        for (place, (asset, _)) in FILES.iter().enumerate() {
            assert_eq!(*asset as usize, place);
        }
    }

    #[test]
    fn an_address_names_the_file_and_its_content() {
        let url = Asset::Style.url();
        let (path, version) = url.split_once("?v=").unwrap();
        assert!(find(path.strip_prefix("/static/").unwrap()).is_some());
        assert_eq!(version.len(), 12);
    }

    #[test]
    fn nothing_else_is_served() {
        assert!(find("../Cargo.toml").is_none());
    }
}
