//! The ranking as a picture for slides: SVG, and the same in pixels.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};
use sha2::{Digest, Sha256};

use super::super::number;
use super::load;
use crate::app::App;
use crate::board::TrackResults;
use crate::domain::ids::TrackId;
use crate::http::auth::TrackView;
use crate::http::error::HttpError;
use crate::store::track::Track;
use figures::ranking_plot::{Ranking, Row, ranking_svg};

/// Entries in the picture: as many as can be read from the last row.
const ROWS: usize = 12;
/// The score of guessing.
const CHANCE: f64 = 0.1;
/// Pixels of a unit of the picture, which is 1,280 units wide.
const SCALE: f32 = 2.0;
/// Pictures that are kept.
const KEPT: usize = 64;

/// Which version is asked for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct PictureParams {
    version: Option<u32>,
}

/// `GET /c/{competition}/{track}/results.svg`
pub(crate) async fn svg(
    State(app): State<App>,
    view: TrackView,
    params: Result<Query<PictureParams>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(params) = params?;
    let of_track = load(&app, &view.track, view.access, params.version).await?;
    let svg = draw(&view.track, &of_track);
    Ok((headers(&view.track, &of_track, "image/svg+xml", "svg"), svg).into_response())
}

/// `GET /c/{competition}/{track}/results.png`
pub(crate) async fn png(
    State(app): State<App>,
    Extension(pictures): Extension<Pictures>,
    view: TrackView,
    params: Result<Query<PictureParams>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(params) = params?;
    let of_track = load(&app, &view.track, view.access, params.version).await?;
    let svg = draw(&view.track, &of_track);
    let png = pictures.of((view.track.id, of_track.results.info.version), svg).await?;
    Ok((headers(&view.track, &of_track, "image/png", "png"), png).into_response())
}

fn headers(
    track: &Track,
    of_track: &TrackResults,
    media_type: &'static str,
    ending: &str,
) -> [(header::HeaderName, String); 2] {
    let version = of_track.results.info.version;
    let name = format!("{}-{}-results-v{version}.{ending}", track.competition_slug, track.slug);
    [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}\"")),
    ]
}

fn draw(track: &Track, of_track: &TrackResults) -> String {
    let results = &of_track.results;
    let rows = results.rows.iter().take(ROWS).map(|row| {
        let (ranked, entry) = (&row.ranked, row.entry());
        Row {
            place: ranked.rank_shown(),
            name: &entry.participant,
            word: match (ranked.rank, ranked.is_shared) {
                (None, _) => "out of competition",
                (Some(_), true) => "shared",
                (Some(_), false) => "",
            },
            competes: ranked.rank.is_some(),
            value: entry.result.ranking_value,
            interval: (entry.result.interval.low, entry.result.interval.high),
        }
    });
    let state = match (of_track.is_outdated(), track.ending.results_final_at) {
        (true, _) => "a newer one is out",
        (false, None) => "provisional",
        (false, Some(_)) => "final",
    };
    let over = track.shape.ranking().over(track.shape.scenarios().len());
    let all = number::counted(results.rows.len() as u64, "entry", "entries");
    let note = match results.rows.len() {
        0 => "There are no entries, so nobody won.".to_owned(),
        n if n > ROWS => format!("The first {ROWS} of {all}."),
        _ => format!("{all} in the ranking."),
    };
    ranking_svg(&Ranking {
        title: &format!("{} · {}", track.competition_title, track.settings.title),
        subtitle: &format!("TPR at 10 % FPR, {over} · version {}, {state}", results.info.version),
        rows: rows.collect(),
        note: &note,
        chance: CHANCE,
    })
}

/// A picture, and the digest of what it was made from.
type Kept = HashMap<(TrackId, u32), ([u8; 32], Bytes)>;

/// The pictures in pixels: each made once, and kept until what it shows is another.
#[derive(Clone, Default)]
pub(crate) struct Pictures {
    kept: Arc<std::sync::Mutex<Kept>>,
    /// One at a time: a picture takes a core for a moment, and many may ask for the same.
    making: Arc<tokio::sync::Mutex<()>>,
}

impl Pictures {
    async fn of(&self, key: (TrackId, u32), svg: String) -> Result<Bytes, HttpError> {
        let digest: [u8; 32] = Sha256::digest(&svg).into();
        if let Some(png) = self.kept(key, digest) {
            return Ok(png);
        }
        let _one_at_a_time = self.making.lock().await;
        if let Some(png) = self.kept(key, digest) {
            return Ok(png);
        }
        let made = tokio::task::spawn_blocking(move || to_png(&svg)).await.map_err(HttpError::internal)?;
        let png = Bytes::from(made.map_err(HttpError::internal)?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, (digest, png.clone()));
        Ok(png)
    }

    fn kept(&self, key: (TrackId, u32), digest: [u8; 32]) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&key).filter(|(of, _)| *of == digest).map(|(_, png)| png.clone())
    }
}

/// The font that is built into the program, and those that the machine has for other alphabets.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(include_bytes!("../../../static/fonts/DejaVuSans.ttf").to_vec());
    fonts.load_font_data(include_bytes!("../../../static/fonts/DejaVuSans-Bold.ttf").to_vec());
    fonts.load_system_fonts();
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

fn to_png(svg: &str) -> anyhow::Result<Vec<u8>> {
    let options = usvg::Options {
        fontdb: Arc::clone(&FONTS),
        font_family: "DejaVu Sans".to_owned(),
        // A picture that names another file is not ours.
        resources_dir: None,
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(|| anyhow::anyhow!("a picture without a size"))?;
    let mut pixels =
        Pixmap::new(size.width(), size.height()).ok_or_else(|| anyhow::anyhow!("a picture without pixels"))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    Ok(pixels.encode_png()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_becomes_pixels_whatever_the_names() {
        let row = |name| Row {
            place: "1".to_owned(),
            name,
            word: "shared",
            competes: true,
            value: 0.2,
            interval: (0.15, 0.25),
        };
        let rows = vec![row("</text>&<b>"), row("Ærø Ωмега"), row("山と川")];
        let svg = ranking_svg(&Ranking { title: "T", subtitle: "", rows, note: "", chance: CHANCE });
        let png = to_png(&svg).expect("a picture");
        assert!(png.starts_with(b"\x89PNG\r\n"), "{:?}", &png[..8]);
        let width = u32::from_be_bytes(png[16..20].try_into().expect("four bytes"));
        assert_eq!(width, 2560);
    }
}
