//! The board of a track: table, intervals, ROC curves.
//!
//! Everything shown comes in as text; which columns may be asked for is decided by the handler's whitelist, never here.

use super::markup::Markup;
use super::moment::Moment;
use super::site::{Choice, Link, Site, TrackHead};
use askama::Template;

/// `/c/{competition}/{track}/leaderboard`.
#[derive(Template)]
#[template(path = "leaderboard/show.html")]
pub(crate) struct LeaderboardPage {
    pub(crate) site: Site,
    pub(crate) head: TrackHead,
    pub(crate) splits: Vec<Choice>,
    /// Why a split cannot be seen yet, as a sentence.
    pub(crate) split_note: Option<String>,
    /// The numbers the board can be read by.
    pub(crate) metrics: Vec<Choice>,
    /// The address of the server-sent events, while the board is live.
    pub(crate) events: Option<String>,
    pub(crate) last_change: Option<Moment>,
    /// The table's caption: what is ranked by what.
    pub(crate) caption: String,
    pub(crate) columns: Columns,
    pub(crate) rows: Vec<Row>,
    /// A link to the rest of a long board.
    pub(crate) more: Option<Link>,
    /// How to read the table, a sentence each.
    pub(crate) notes: Vec<String>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) legend: Vec<LegendItem>,
    pub(crate) json: String,
    pub(crate) csv: String,
}

/// The heads of the columns.
pub(crate) struct Columns {
    pub(crate) who: Column,
    pub(crate) score: Column,
    /// The numbers of the shared scale; `None` where the metric has no interval.
    pub(crate) interval_axis: Option<Markup>,
    pub(crate) scenarios: Vec<Column>,
    pub(crate) entries: Column,
    pub(crate) last: Column,
}

/// The head of a column, which sorts by it.
pub(crate) struct Column {
    pub(crate) label: String,
    /// A second line, as in `ε = 10`.
    pub(crate) sub: String,
    pub(crate) href: String,
    pub(crate) order: Order,
}

/// How a column is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
    /// The table is sorted by another column.
    Not,
}

impl Order {
    /// The value of `aria-sort`.
    fn aria(self) -> Option<&'static str> {
        match self {
            Self::Ascending => Some("ascending"),
            Self::Descending => Some("descending"),
            Self::Not => None,
        }
    }

    fn arrow(self) -> &'static str {
        match self {
            Self::Ascending => "↑",
            Self::Descending => "↓",
            Self::Not => "",
        }
    }
}

/// One participant's entry.
pub(crate) struct Row {
    /// The submission's id: rows keep their state by it when the board changes.
    pub(crate) id: String,
    pub(crate) rank: String,
    pub(crate) shared: Shared,
    pub(crate) name: String,
    /// The entry's description, or nothing.
    pub(crate) note: String,
    pub(crate) mine: Mine,
    /// The mark of its curve, `None` if its curve is not drawn.
    pub(crate) key: Option<Markup>,
    /// Shows or hides its curve.
    pub(crate) key_href: String,
    pub(crate) score: String,
    /// Its interval as a picture; `None` where the metric has none.
    pub(crate) whisker: Option<Markup>,
    /// The interval of the ranking number in words, `0.256 – 0.281`.
    pub(crate) interval: String,
    pub(crate) tied: Tied,
    pub(crate) values: Vec<String>,
    pub(crate) entries: String,
    pub(crate) last: Moment,
    pub(crate) numbers: Numbers,
    /// The submission's own page, for who may see it.
    pub(crate) href: Option<String>,
}

/// Whether a rank is held by several entries of exactly equal score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    Yes,
    No,
}

/// Whether the row is the reader's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mine {
    Yes,
    No,
}

/// Whether the difference to the entry above is within chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tied {
    WithAbove,
    No,
}

impl Row {
    fn is_mine(&self) -> bool {
        self.mine == Mine::Yes
    }

    fn is_shared(&self) -> bool {
        self.shared == Shared::Yes
    }

    fn is_tied(&self) -> bool {
        self.tied == Tied::WithAbove
    }
}

/// All numbers of one entry: a column a scenario, a row a metric.
pub(crate) struct Numbers {
    pub(crate) scenarios: Vec<String>,
    pub(crate) rows: Vec<NumberRow>,
}

/// One metric over the scenarios.
pub(crate) struct NumberRow {
    pub(crate) label: &'static str,
    /// Why it is set apart from the others, as in `ranks`; empty for most.
    pub(crate) mark: &'static str,
    pub(crate) values: Vec<String>,
}

/// A picture with its head.
pub(crate) struct Figure {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) picture: Markup,
}

/// Whose curve wears which mark.
pub(crate) struct LegendItem {
    pub(crate) class: String,
    pub(crate) key: Markup,
    pub(crate) name: String,
}
