//! The query string of a leaderboard: parsing it, and building the links that use it.
//!
//! Every value is looked up in a list of known values; anything else is a bad request.

use scoring::{Metric, Split};

use crate::board::BoardKind;
use crate::domain::leaderboard::{RankedEntry, ScenarioResult};
use crate::http::error::{Detail, HttpError};
use figures::series::Series;

/// The query string, not yet checked. Unknown fields are refused.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct QueryParams {
    board: Option<String>,
    split: Option<String>,
    by: Option<String>,
    sort: Option<String>,
    curves: Option<String>,
    page: Option<usize>,
}

/// A metric that a board can be read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoardMetric {
    metric: Metric,
    /// What the switch calls it.
    pub(crate) label: &'static str,
    /// Its name in a sentence.
    pub(crate) name: &'static str,
}

/// The metrics that a board can be read by, in the order of the switch. It is a choice: an entry's row
/// unfolds to all of [`Metric::ALL`].
pub(crate) const BOARD_METRICS: [BoardMetric; 5] = [
    BoardMetric::named(Metric::TprFpr1000, "TPR @ 10 %"),
    BoardMetric::named(Metric::TprFpr100, "1 %"),
    BoardMetric::named(Metric::TprFpr10, "0.1 %"),
    BoardMetric::named(Metric::Auc, "AUC"),
    BoardMetric { metric: Metric::Advantage, label: "Advantage", name: "membership inference advantage" },
];

impl BoardMetric {
    /// A metric that sentences call by its label in tables.
    const fn named(metric: Metric, label: &'static str) -> Self {
        Self { metric, label, name: metric.label() }
    }

    /// Its name in scores.txt, by which it is asked for.
    pub(crate) fn key(self) -> &'static str {
        self.metric.name()
    }

    /// Whether it is the ranking metric.
    pub(crate) fn ranks(self) -> bool {
        self.metric == Metric::RANKING
    }

    /// Its value for one scenario.
    pub(crate) fn of(self, result: &ScenarioResult) -> f64 {
        result.numbers.get(self.metric)
    }

    /// Its value over the scenarios in the way of the ranking number; for the ranking metric, what was stored.
    pub(crate) fn of_entry(self, ranked: &RankedEntry) -> f64 {
        let result = &ranked.entry.result;
        if self.ranks() {
            return result.ranking_value;
        }
        result.over_scenarios(|scenario| self.of(scenario))
    }
}

/// The column a board is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The metric shown, highest first; for the ranking metric, the exact ranking.
    Score,
    /// The participant's name, in alphabetical order.
    Participant,
    /// The metric in one scenario, by its index among the names, highest first.
    Scenario(usize),
    /// The number of submissions, highest first.
    Submissions,
    /// The time of the entry's submission, latest first.
    Last,
}

/// Which board to show, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) board: BoardKind,
    pub(crate) split: Split,
    pub(crate) by: BoardMetric,
    pub(crate) sort: Sort,
    /// The names of the participants whose curves are drawn; `None` for the leading ones.
    pub(crate) curves: Option<Vec<String>>,
    /// From 1.
    pub(crate) page: usize,
    scenarios: Vec<String>,
    /// The split that is shown where none is asked for.
    first: Split,
}

impl Query {
    /// Checks the parameters; `scenarios` are the folders of the track's scenarios, and `first` is the split that is shown
    /// where none is asked for.
    ///
    /// # Errors
    /// [`HttpError::BadRequest`] for any value that is not known.
    pub(crate) fn parse(params: QueryParams, scenarios: Vec<String>, first: Split) -> Result<Self, HttpError> {
        let unknown = |what: &str| {
            HttpError::BadRequest(Detail::new("bad_parameter", format!("The leaderboard has no such {what}.")))
        };
        let board = match params.board.as_deref() {
            None | Some("official") => BoardKind::Official,
            Some("benchmark") => BoardKind::Benchmark,
            Some(_) => return Err(unknown("board")),
        };
        let split = match params.split.as_deref() {
            None => first,
            Some("dev") => Split::Dev,
            Some("final") => Split::Final,
            Some(_) => return Err(unknown("split")),
        };
        let by = match params.by {
            None => BOARD_METRICS[0],
            Some(key) => {
                BOARD_METRICS.into_iter().find(|metric| metric.key() == key).ok_or_else(|| unknown("number"))?
            }
        };
        let sort = match params.sort.as_deref() {
            None | Some("score") => Sort::Score,
            Some("participant") => Sort::Participant,
            Some("submissions") => Sort::Submissions,
            Some("last") => Sort::Last,
            Some(folder) => {
                let index = scenarios.iter().position(|scenario| scenario == folder);
                Sort::Scenario(index.ok_or_else(|| unknown("column"))?)
            }
        };
        let curves = params.curves.map(|list| {
            let mut names: Vec<String> = Vec::new();
            for name in list.split(',').filter(|text| !text.is_empty()) {
                if names.len() < Series::COUNT && !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
            names
        });
        Ok(Self { board, split, by, sort, curves, page: params.page.unwrap_or(1).max(1), scenarios, first })
    }

    /// The address that asks this.
    pub(crate) fn href(&self) -> String {
        let mut parts = Vec::new();
        if self.board == BoardKind::Benchmark {
            parts.push("board=benchmark".to_owned());
        }
        if self.split != self.first {
            parts.push(format!("split={}", self.split));
        }
        if !self.by.ranks() {
            parts.push(format!("by={}", self.by.key()));
        }
        match self.sort {
            Sort::Score => {}
            Sort::Participant => parts.push("sort=participant".to_owned()),
            Sort::Submissions => parts.push("sort=submissions".to_owned()),
            Sort::Last => parts.push("sort=last".to_owned()),
            Sort::Scenario(index) => parts.push(format!("sort={}", self.scenarios[index])),
        }
        if let Some(curves) = &self.curves {
            parts.push(format!("curves={}", curves.join(",")));
        }
        if self.page > 1 {
            parts.push(format!("page={}", self.page));
        }
        format!("?{}", parts.join("&"))
    }

    /// The same board read by another number.
    pub(crate) fn by(&self, by: BoardMetric) -> Self {
        Self { by, page: 1, ..self.clone() }
    }

    /// The same board sorted by a column, or by the score if it is sorted by that column already.
    pub(crate) fn sorted(&self, sort: Sort) -> Self {
        let sort = if self.sort == sort { Sort::Score } else { sort };
        Self { sort, page: 1, ..self.clone() }
    }

    /// Another page of the same board.
    pub(crate) fn page(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// The board of another split.
    pub(crate) fn split(&self, split: Split) -> Self {
        Self { split, page: 1, ..self.clone() }
    }

    /// The same board with `name`'s curve added to those in `drawn`, or removed from them. A
    /// seventh curve replaces the sixth.
    pub(crate) fn with_toggled(&self, name: &str, drawn: &[String]) -> Self {
        let mut curves = drawn.to_vec();
        if let Some(index) = curves.iter().position(|one| one == name) {
            curves.remove(index);
        } else {
            curves.truncate(Series::COUNT - 1);
            curves.push(name.to_owned());
        }
        Self { curves: Some(curves), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Query, HttpError> {
        let params: QueryParams = axum::extract::Query::try_from_uri(&format!("/?{query}").parse().unwrap())
            .map_err(|_| HttpError::NotFound)?
            .0;
        Query::parse(params, vec!["toy_hi".to_owned(), "toy_inf".to_owned()], Split::Dev)
    }

    #[test]
    fn an_empty_query_is_the_ranking_of_dev() {
        let query = parse("").unwrap();
        assert_eq!((query.split, query.sort, query.page), (Split::Dev, Sort::Score, 1));
        assert!(query.by.ranks());
        assert_eq!(query.href(), "?");
    }

    #[test]
    fn after_the_reveal_an_empty_query_is_the_final_ranking_and_links_to_dev_say_so() {
        let query = Query::parse(QueryParams::default(), Vec::new(), Split::Final).unwrap();
        assert_eq!((query.split, query.href().as_str()), (Split::Final, "?"));
        assert_eq!(query.split(Split::Dev).href(), "?split=dev");
    }

    #[test]
    fn unknown_values_are_refused() {
        for query in [
            "by=final_score",
            "board=other",
            "sort=password_hash",
            "split=train",
            "order_by=x",
            "page=-1",
            "sort=toy_lo",
        ] {
            assert!(parse(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_link_parses_back_to_the_query_it_was_built_from() {
        for text in [
            "by=AUC&sort=toy_inf&curves=ada,grace&page=3",
            "split=final",
            "board=benchmark&split=final",
            "curves=",
            "sort=last",
        ] {
            let query = parse(text).unwrap();
            assert_eq!(parse(&query.href()[1..]).unwrap(), query, "{text}");
        }
    }

    #[test]
    fn a_curve_that_is_named_twice_is_drawn_once() {
        assert_eq!(parse("curves=ada,grace,ada,,").unwrap().curves.unwrap(), ["ada", "grace"]);
    }

    #[test]
    fn choosing_a_column_again_goes_back_to_the_ranking() {
        let query = parse("sort=last").unwrap();
        assert_eq!(query.sorted(Sort::Last).sort, Sort::Score);
        assert_eq!(query.sorted(Sort::Participant).sort, Sort::Participant);
    }

    #[test]
    fn a_seventh_curve_replaces_the_sixth() {
        let drawn: Vec<String> = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).into();
        let query = parse("").unwrap();
        assert_eq!(query.with_toggled("g", &drawn).curves.unwrap().join(""), "abcdeg");
        assert_eq!(query.with_toggled("b", &drawn).curves.unwrap().join(""), "acdef");
    }
}
