//! The list of competitions and the page of one.

use super::markup::Markup;
use super::site::{Closing, Link, Pill, Site};
use askama::Template;

/// `/`: every competition with its tracks.
#[derive(Template)]
#[template(path = "competition/list.html")]
pub(crate) struct ListPage {
    pub(crate) site: Site,
    pub(crate) competitions: Vec<Card>,
}

/// `/c/{competition}`.
#[derive(Template)]
#[template(path = "competition/show.html")]
pub(crate) struct ShowPage {
    pub(crate) site: Site,
    pub(crate) competition: Card,
    /// The organiser's text, empty if there is none.
    pub(crate) page: Markup,
}

/// A competition with its tracks.
pub(crate) struct Card {
    pub(crate) title: String,
    pub(crate) href: String,
    pub(crate) summary: String,
    pub(crate) tracks: Vec<TrackRow>,
}

/// A track in the table of its competition.
pub(crate) struct TrackRow {
    pub(crate) link: Link,
    pub(crate) summary: String,
    pub(crate) phase: Pill,
    pub(crate) closing: Option<Closing>,
    pub(crate) participants: String,
    pub(crate) entries: String,
    pub(crate) leader: Option<Leader>,
}

/// Who stands first on a track's board.
pub(crate) struct Leader {
    pub(crate) name: String,
    pub(crate) score: String,
}
