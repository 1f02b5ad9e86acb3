//! How pages show scenarios: their names, the table of their numbers, the figures of their curves.

use scoring::{Metric, RocGrid};

use super::markup::Markup;
use super::number;
use crate::domain::leaderboard::{ScenarioResult, SplitResult};
use crate::store::track::Track;
use figures::roc_plot::{Curve, Scale, roc_svg};
use figures::series::Series;

/// What stands for the numbers of a scenario that is left out.
pub(crate) const LEFT_OUT: &str = "–";

/// How a scenario is shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScenarioName {
    /// Its folder: the name that scripts and archives use.
    pub(crate) folder: String,
    pub(crate) label: String,
    /// The privacy budget, as in `ε = 10`; empty if there is none.
    pub(crate) budget: String,
    /// Its index in the shape and in scores.txt.
    pub(crate) index: usize,
}

/// The names of a track's scenarios in the order in which pages show them: weakest privacy first.
///
/// Scenarios of equal or unknown budget keep the order of scores.txt.
pub(crate) fn names(track: &Track) -> Vec<ScenarioName> {
    let mut folders: Vec<(usize, &str)> =
        track.shape.scenarios().iter().map(|scenario| scenario.name()).enumerate().collect();
    folders.sort_by(|(_, a), (_, b)| budget(epsilon(track, b)).total_cmp(&budget(epsilon(track, a))));
    folders.into_iter().map(|(index, folder)| name(track, index, folder)).collect()
}

fn name(track: &Track, index: usize, folder: &str) -> ScenarioName {
    let label = track.settings.scenario_labels.get(folder);
    ScenarioName {
        folder: folder.to_owned(),
        label: label.and_then(|label| label.label.clone()).unwrap_or_else(|| folder.to_owned()),
        budget: epsilon(track, folder).map(|epsilon| format!("ε = {epsilon}")).unwrap_or_default(),
        index,
    }
}

/// A scenario's epsilon as the organiser wrote it.
fn epsilon<'a>(track: &'a Track, folder: &str) -> Option<&'a str> {
    track.settings.scenario_labels.get(folder)?.epsilon.as_deref()
}

/// An epsilon as a number; infinite (no privacy) where it is missing or not a number.
fn budget(epsilon: Option<&str>) -> f64 {
    epsilon.and_then(|text| text.trim().parse().ok()).filter(|value: &f64| !value.is_nan()).unwrap_or(f64::INFINITY)
}

/// One number of each scenario as a text, in the order of `names`; a dash for a scenario that is left out.
pub(crate) fn in_order(
    names: &[ScenarioName],
    result: &SplitResult,
    value: impl Fn(&ScenarioResult) -> f64,
) -> Vec<String> {
    let text = |name: &ScenarioName| {
        let scenario = result.scenario(&name.folder);
        scenario.map_or_else(|| LEFT_OUT.to_owned(), |scenario| number::score(value(scenario)))
    };
    names.iter().map(text).collect()
}

/// All numbers of one entry: one column per scenario, one row per metric.
pub(crate) struct Numbers {
    pub(crate) scenarios: Vec<String>,
    pub(crate) rows: Vec<NumberRow>,
}

/// One metric in every scenario.
pub(crate) struct NumberRow {
    pub(crate) label: &'static str,
    /// A tag beside the label, `ranks` for the ranking metric; empty for the others.
    pub(crate) mark: &'static str,
    pub(crate) values: Vec<String>,
}

/// The table of an entry's numbers.
pub(crate) fn numbers(names: &[ScenarioName], result: &SplitResult) -> Numbers {
    let row = |metric: Metric| NumberRow {
        label: metric.label(),
        mark: if metric == Metric::RANKING { "ranks" } else { "" },
        values: in_order(names, result, |scenario| scenario.numbers.get(metric)),
    };
    Numbers {
        scenarios: names.iter().map(|name| name.label.clone()).collect(),
        rows: Metric::ALL.into_iter().map(row).collect(),
    }
}

/// A plot with its title.
pub(crate) struct Figure {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) picture: Markup,
}

/// An entry whose ROC curves are drawn.
pub(crate) struct PlottedEntry<'a> {
    pub(crate) label: &'a str,
    pub(crate) series: Series,
    pub(crate) result: &'a SplitResult,
}

/// One figure per scenario, with the curves of all entries that have it. A scenario that all of them left out, or whose
/// curves are not told, has none.
pub(crate) fn figures(names: &[ScenarioName], scale: Scale, drawn: &[PlottedEntry<'_>]) -> Vec<Figure> {
    let figure = |name: &ScenarioName| {
        let entries = drawn.iter().filter_map(|entry| Some((entry, entry.result.scenario(&name.folder)?)));
        let points: Vec<(&PlottedEntry<'_>, Vec<(f64, f64)>)> = entries
            .filter_map(|(entry, scenario)| Some((entry, grid_points(scenario.grid.as_ref()?, scale))))
            .collect();
        if points.is_empty() && !drawn.is_empty() {
            return None;
        }
        let curves: Vec<Curve<'_>> =
            points.iter().map(|(entry, points)| Curve { label: entry.label, series: entry.series, points }).collect();
        let parts = [name.budget.as_str(), scale.name()];
        let subtitle: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Some(Figure {
            title: name.label.clone(),
            subtitle: subtitle.join(" · "),
            picture: Markup::from_svg(roc_svg(&name.label, scale, &curves)),
        })
    };
    names.iter().filter_map(figure).collect()
}

fn grid_points(grid: &RocGrid, scale: Scale) -> Vec<(f64, f64)> {
    match scale {
        _ if grid.linear.is_empty() => grid.points(),
        Scale::Linear => RocGrid::linear_rates().into_iter().zip(grid.linear.iter().copied()).collect(),
        Scale::LogLog => RocGrid::log_rates().into_iter().zip(grid.log.iter().copied()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_is_not_a_number_counts_as_no_privacy() {
        for text in [None, Some("inf"), Some("∞"), Some("NaN"), Some("none")] {
            assert_eq!(budget(text), f64::INFINITY, "{text:?}");
        }
        assert_eq!(budget(Some(" 0.5 ")), 0.5);
    }
}
