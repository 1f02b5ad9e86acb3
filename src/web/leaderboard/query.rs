//! What a reader may ask of a board, and the addresses that ask it.
//!
//! Everything is looked up in a list of what there is; nothing else is an answer but "that is not known here".

use scoring::{Metric, Split};

use crate::domain::leaderboard::{RankedEntry, ScenarioResult};
use crate::http::error::{Detail, HttpError};
use figures::series::Series;

/// The query as it comes. Unknown fields are refused.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Raw {
    split: Option<String>,
    by: Option<String>,
    sort: Option<String>,
    curves: Option<String>,
    page: Option<usize>,
}

/// A metric that a board can be read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    metric: Metric,
    /// What the switch calls it.
    pub(crate) label: &'static str,
    /// What sentences call it.
    pub(crate) name: &'static str,
}

/// The metrics that a board can be read by, in the order of the switch. It is a choice: an entry's row
/// unfolds to all of [`Metric::ALL`].
pub(crate) const READINGS: [Reading; 5] = [
    Reading::named(Metric::TprFpr1000, "TPR @ 10 %"),
    Reading::named(Metric::TprFpr100, "1 %"),
    Reading::named(Metric::TprFpr10, "0.1 %"),
    Reading::named(Metric::Auc, "AUC"),
    Reading { metric: Metric::Advantage, label: "Advantage", name: "membership inference advantage" },
];

impl Reading {
    /// A metric that sentences call by its label in tables.
    const fn named(metric: Metric, label: &'static str) -> Self {
        Self { metric, label, name: metric.label() }
    }

    /// Its name in scores.txt, by which it is asked for.
    pub(crate) fn key(self) -> &'static str {
        self.metric.name()
    }

    /// Whether it is the number that ranks.
    pub(crate) fn ranks(self) -> bool {
        self.metric == Metric::RANKING
    }

    /// Its value for one scenario.
    pub(crate) fn of(self, result: &ScenarioResult) -> f64 {
        result.numbers.get(self.metric)
    }

    /// Its mean over the scenarios; for the number that ranks, the one that was stored.
    pub(crate) fn of_entry(self, ranked: &RankedEntry) -> f64 {
        let result = &ranked.entry.result;
        if self.ranks() {
            return result.average;
        }
        let sum: f64 = result.scenarios.iter().map(|scenario| self.of(scenario)).sum();
        sum / result.scenarios.len().max(1) as f64
    }
}

/// The column a board is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The number it is read by, greatest first; for the number that ranks, the exact ranking.
    Score,
    /// Names, in the order of the alphabet.
    Participant,
    /// The scenario in this place among the names, greatest first.
    Scenario(usize),
    /// The number of submissions, greatest first.
    Submissions,
    /// The last one first.
    Last,
}

/// What is asked of a board.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) split: Split,
    pub(crate) by: Reading,
    pub(crate) sort: Sort,
    /// Whose curves are drawn, by name; `None`: whoever leads.
    pub(crate) curves: Option<Vec<String>>,
    /// Counted from 1.
    pub(crate) page: usize,
    scenarios: Vec<String>,
}

impl Query {
    /// Looks up what is asked for; `scenarios` are the folders of the track's scenarios.
    ///
    /// # Errors
    /// [`HttpError::BadRequest`] for anything that is not in the lists.
    pub(crate) fn parse(raw: Raw, scenarios: Vec<String>) -> Result<Self, HttpError> {
        let unknown = |what: &str| {
            HttpError::BadRequest(Detail::new("bad_parameter", format!("The leaderboard knows no such {what}.")))
        };
        let split = match raw.split.as_deref() {
            None | Some("dev") => Split::Dev,
            Some("final") => Split::Final,
            Some(_) => return Err(unknown("split")),
        };
        let by = match raw.by {
            None => READINGS[0],
            Some(key) => READINGS.into_iter().find(|reading| reading.key() == key).ok_or_else(|| unknown("number"))?,
        };
        let sort = match raw.sort.as_deref() {
            None | Some("score") => Sort::Score,
            Some("participant") => Sort::Participant,
            Some("submissions") => Sort::Submissions,
            Some("last") => Sort::Last,
            Some(folder) => {
                let place = scenarios.iter().position(|scenario| scenario == folder);
                Sort::Scenario(place.ok_or_else(|| unknown("column"))?)
            }
        };
        let curves = raw.curves.map(|list| {
            let mut names: Vec<String> = Vec::new();
            for name in list.split(',').filter(|text| !text.is_empty()) {
                if names.len() < Series::COUNT && !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
            names
        });
        Ok(Self { split, by, sort, curves, page: raw.page.unwrap_or(1).max(1), scenarios })
    }

    /// The address that asks this.
    pub(crate) fn href(&self) -> String {
        let mut parts = Vec::new();
        if self.split == Split::Final {
            parts.push("split=final".to_owned());
        }
        if !self.by.ranks() {
            parts.push(format!("by={}", self.by.key()));
        }
        match self.sort {
            Sort::Score => {}
            Sort::Participant => parts.push("sort=participant".to_owned()),
            Sort::Submissions => parts.push("sort=submissions".to_owned()),
            Sort::Last => parts.push("sort=last".to_owned()),
            Sort::Scenario(place) => parts.push(format!("sort={}", self.scenarios[place])),
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
    pub(crate) fn by(&self, by: Reading) -> Self {
        Self { by, page: 1, ..self.clone() }
    }

    /// The same board sorted by a column; by the score, where it is sorted by that column already.
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

    /// The same board with `name`'s curve among those that are `drawn`, or without it. A seventh takes the place
    /// of the sixth.
    pub(crate) fn with_toggled(&self, name: &str, drawn: &[String]) -> Self {
        let mut curves = drawn.to_vec();
        if let Some(place) = curves.iter().position(|one| one == name) {
            curves.remove(place);
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
        let raw: Raw = axum::extract::Query::try_from_uri(&format!("/?{query}").parse().unwrap())
            .map_err(|_| HttpError::NotFound)?
            .0;
        Query::parse(raw, vec!["toy_hi".to_owned(), "toy_inf".to_owned()])
    }

    #[test]
    fn an_empty_query_is_the_ranking_of_dev() {
        let query = parse("").unwrap();
        assert_eq!((query.split, query.sort, query.page), (Split::Dev, Sort::Score, 1));
        assert!(query.by.ranks());
        assert_eq!(query.href(), "?");
    }

    #[test]
    fn what_is_not_in_the_lists_is_refused() {
        for query in ["by=final_score", "sort=password_hash", "split=train", "order_by=x", "page=-1", "sort=toy_lo"] {
            assert!(parse(query).is_err(), "{query}");
        }
    }

    #[test]
    fn an_address_reads_back_as_what_it_asks() {
        for text in ["by=AUC&sort=toy_inf&curves=ada,grace&page=3", "split=final", "curves=", "sort=last"] {
            let query = parse(text).unwrap();
            assert_eq!(parse(&query.href()[1..]).unwrap(), query, "{text}");
        }
    }

    #[test]
    fn a_curve_asked_for_twice_is_drawn_once() {
        assert_eq!(parse("curves=ada,grace,ada,,").unwrap().curves.unwrap(), ["ada", "grace"]);
    }

    #[test]
    fn a_second_choice_of_a_column_goes_back_to_the_ranking() {
        let query = parse("sort=last").unwrap();
        assert_eq!(query.sorted(Sort::Last).sort, Sort::Score);
        assert_eq!(query.sorted(Sort::Participant).sort, Sort::Participant);
    }

    #[test]
    fn a_seventh_curve_takes_the_place_of_the_sixth() {
        let drawn: Vec<String> = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).into();
        let query = parse("").unwrap();
        assert_eq!(query.with_toggled("g", &drawn).curves.unwrap().join(""), "abcdeg");
        assert_eq!(query.with_toggled("b", &drawn).curves.unwrap().join(""), "acdef");
    }
}
