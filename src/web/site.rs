//! What every page stands in: the site's header and, for pages of a track, the track's head with its tabs.

use super::moment::Moment;

/// Who looks at the page, for the site's header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    /// The name of who is signed in.
    pub(crate) account: Option<String>,
}

/// A link, or plain text where there is nowhere to go.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) label: String,
    pub(crate) href: String,
}

/// One alternative of a row of alternatives.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) label: String,
    /// `None` if it cannot be taken now.
    pub(crate) href: Option<String>,
    pub(crate) current: bool,
}

/// A state as a word with a coloured dot. The word carries the meaning.
#[derive(Clone, Debug)]
pub(crate) struct Pill {
    pub(crate) word: String,
    pub(crate) tone: Tone,
}

/// The colour of a state's dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Going on, or well done.
    Good,
    /// Waiting for something.
    Wait,
    /// Gone wrong.
    Bad,
    /// Over, or not begun.
    Quiet,
}

impl Tone {
    /// The class of the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

/// When a track closes or closed.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    /// `closes in` or `closed`.
    pub(crate) verb: &'static str,
    /// How far away.
    pub(crate) distance: Moment,
    /// The date itself.
    pub(crate) date: Moment,
}

/// The top of every page of a track.
#[derive(Clone, Debug)]
pub(crate) struct TrackHead {
    pub(crate) competition_slug: String,
    pub(crate) competition_title: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) phase: Pill,
    pub(crate) closing: Option<Closing>,
    pub(crate) participants: u64,
    pub(crate) entries: u64,
    /// What the ranking number is, as in `TPR at 10 % FPR`.
    pub(crate) ranking: String,
    /// How it is put together, as in `mean of three scenarios`.
    pub(crate) ranking_over: String,
    pub(crate) tab: Tab,
}

/// The pages of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Data,
    Rules,
    Leaderboard,
    Submit,
    Submissions,
}

impl Tab {
    const ALL: [Self; 6] =
        [Self::Overview, Self::Data, Self::Rules, Self::Leaderboard, Self::Submit, Self::Submissions];

    fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Data => "/data",
            Self::Rules => "/rules",
            Self::Leaderboard => "/leaderboard",
            Self::Submit => "/submit",
            Self::Submissions => "/submissions",
        }
    }

    /// The label, and a shorter one for phones.
    fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Overview => ("Overview", "Overview"),
            Self::Data => ("Data", "Data"),
            Self::Rules => ("Rules", "Rules"),
            Self::Leaderboard => ("Leaderboard", "Board"),
            Self::Submit => ("Submit", "Submit"),
            Self::Submissions => ("My submissions", "Mine"),
        }
    }
}

impl TrackHead {
    /// The address of the competition's page.
    pub(crate) fn competition_href(&self) -> String {
        format!("/c/{}", self.competition_slug)
    }

    /// The address all tabs hang under, `/c/mico/cifar10`.
    pub(crate) fn base(&self) -> String {
        format!("/c/{}/{}", self.competition_slug, self.slug)
    }

    /// The address of the track in the JSON interface.
    pub(crate) fn api(&self) -> String {
        format!("/api/v1/competitions/{}/tracks/{}", self.competition_slug, self.slug)
    }

    /// The track as commands name it, `mico/cifar10`.
    pub(crate) fn command_name(&self) -> String {
        format!("{}/{}", self.competition_slug, self.slug)
    }

    /// The tabs as (address, label, short label, whether it is this page).
    pub(crate) fn tabs(&self) -> impl Iterator<Item = (String, &'static str, &'static str, bool)> {
        Tab::ALL.into_iter().map(|tab| {
            let (label, short) = tab.labels();
            (format!("{}{}", self.base(), tab.path()), label, short, tab == self.tab)
        })
    }

    /// `participant` or `participants`.
    pub(crate) fn participants_word(&self) -> &'static str {
        if self.participants == 1 { "participant" } else { "participants" }
    }

    /// `entry` or `entries`.
    pub(crate) fn entries_word(&self) -> &'static str {
        if self.entries == 1 { "entry" } else { "entries" }
    }
}
