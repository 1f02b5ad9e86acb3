//! A track's standing pages: overview, data, rules.

use super::markup::Markup;
use super::moment::Moment;
use super::site::{Site, TrackHead};
use askama::Template;

/// `/c/{competition}/{track}`.
#[derive(Template)]
#[template(path = "track/overview.html")]
pub(crate) struct OverviewPage {
    pub(crate) site: Site,
    pub(crate) head: TrackHead,
    /// The organiser's overview, empty if there is none.
    pub(crate) page: Markup,
    pub(crate) dates: Vec<Date>,
    pub(crate) limits: Limits,
    pub(crate) standing: Standing,
    /// The site's own address, as commands name it.
    pub(crate) public_url: String,
}

/// A date in a track's life.
pub(crate) struct Date {
    pub(crate) event: &'static str,
    /// `None` while it is not set.
    pub(crate) at: Option<Moment>,
}

/// What one participant may send.
pub(crate) struct Limits {
    pub(crate) per_day: String,
    pub(crate) in_all: String,
    pub(crate) size: String,
    /// Which of a participant's submissions stands on the board, as in `latest`.
    pub(crate) entry_rule: String,
}

/// Where the reader stands with the track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody is signed in.
    SignedOut,
    /// Signed in, not enrolled, and may join.
    MayJoin,
    /// Waits for an organiser.
    Pending,
    /// Takes part.
    Approved,
    /// An organiser said no.
    Denied,
    /// Left the track.
    Withdrawn,
    /// The track takes nobody new.
    Closed,
}

/// `/c/{competition}/{track}/data`.
#[derive(Template)]
#[template(path = "track/data.html")]
pub(crate) struct DataPage {
    pub(crate) site: Site,
    pub(crate) head: TrackHead,
    pub(crate) page: Markup,
    pub(crate) shape: Vec<ScenarioShape>,
    /// `300 files and 60,000 numbers`: what a submission holds.
    pub(crate) submission_size: String,
    /// One whole path of the layout, as an example.
    pub(crate) example_path: String,
}

/// A scenario in the table of the track's shape.
pub(crate) struct ScenarioShape {
    pub(crate) folder: String,
    pub(crate) label: String,
    /// Numbers of models in train, dev, final.
    pub(crate) models: [String; 3],
    /// Challenge points a model, or a range of them.
    pub(crate) points: String,
    /// Predictions a submission holds for it.
    pub(crate) predictions: String,
}

/// `/c/{competition}/{track}/rules`.
#[derive(Template)]
#[template(path = "track/rules.html")]
pub(crate) struct RulesPage {
    pub(crate) site: Site,
    pub(crate) head: TrackHead,
    pub(crate) evaluation: Markup,
    pub(crate) terms: Markup,
    pub(crate) limits: Limits,
    pub(crate) standing: Standing,
    /// Why joining did not work the last time.
    pub(crate) join_error: Option<String>,
}

impl RulesPage {
    /// The address that sends a signed-out reader back here.
    fn login_href(&self) -> String {
        format!("/login?next={}/rules", self.head.base())
    }
}
