//! Output files for a score: scores.html (table and ROC curves in one self-contained file), the
//! columns of scores.json, and SVG plots.

use anyhow::Context;
use askama::Template;
use scoring::{
    Bootstrap, Interval, Metric, REPLICATES, ScenarioScore, Split, SplitPredictions, SplitSolution, TrackScore,
    TrackShape,
};
use serde_json::{Map, Value, json};

use super::Failure;
use crate::web::number;
use crate::web::scenario::LEFT_OUT;
use figures::roc_plot::{Curve, Scale, roc_svg};
use figures::series::Series;

#[derive(Template)]
#[template(path = "report/scores.html")]
struct Page<'a> {
    track: &'a str,
    split: &'static str,
    ranking_value: String,
    /// How the scenarios make it, as part of a sentence.
    over: &'static str,
    interval: String,
    metrics: [Metric; Metric::ALL.len()],
    scenarios: Vec<Row<'a>>,
    figures: Vec<Group<'a>>,
}

struct Row<'a> {
    name: &'a str,
    values: Vec<String>,
}

struct Group<'a> {
    heading: &'static str,
    figures: Vec<Figure<'a>>,
}

struct Figure<'a> {
    name: &'a str,
    svg: String,
}

/// scores.html for a score, with the full curves.
pub(super) fn page(
    shape: &TrackShape,
    split: Split,
    score: &TrackScore,
    interval: Interval,
) -> Result<String, Failure> {
    let value = |scenario: &Option<ScenarioScore>, metric| match scenario {
        Some(scenario) => number::score(scenario.metrics.get(metric)),
        None => LEFT_OUT.to_owned(),
    };
    let rows = shape.scenarios().iter().zip(&score.scenarios).map(|(named, scenario)| Row {
        name: named.name(),
        values: Metric::ALL.into_iter().map(|metric| value(scenario, metric)).collect(),
    });
    let page = Page {
        track: shape.slug(),
        split: split.as_str(),
        ranking_value: number::score(score.ranking_value),
        over: shape.ranking().phrase(),
        interval: number::interval(interval.low, interval.high),
        metrics: Metric::ALL,
        scenarios: rows.collect(),
        figures: vec![
            figures(score, "ROC curves, log–log", Scale::LogLog)?,
            figures(score, "ROC curves, linear", Scale::Linear)?,
        ],
    };
    Ok(page.render().context("cannot write scores.html")?)
}

/// The 95 % interval of the ranking number over resamplings of the target models.
pub(super) fn interval(
    shape: &TrackShape,
    split: Split,
    predictions: &SplitPredictions,
    solution: &SplitSolution,
) -> Result<Interval, Failure> {
    let bootstrap = Bootstrap::new(shape, split, shape.slug(), REPLICATES);
    let replicates = bootstrap.ranking_numbers(predictions, solution).map_err(anyhow::Error::new)?;
    Ok(Interval::percentile_95(&replicates))
}

/// The ranking number under its name, the metrics of each scenario by their names in scores.txt, null for a scenario
/// that is left out.
pub(super) fn numbers(shape: &TrackShape, score: &TrackScore) -> Map<String, Value> {
    let metrics = |scenario: &Option<ScenarioScore>| json!(scenario.as_ref().map(|scenario| scenario.metrics));
    let scenarios = shape.scenarios().iter().zip(&score.scenarios);
    let scenarios: Map<String, Value> =
        scenarios.map(|(named, scenario)| (named.name().to_owned(), metrics(scenario))).collect();
    let name = score.number.name().to_owned();
    Map::from_iter([(name, json!(score.ranking_value)), ("scenarios".to_owned(), Value::Object(scenarios))])
}

/// The ROC curve of each scenario on both scales, as pairs of file name and SVG.
pub(super) fn plots(score: &TrackScore) -> Result<Vec<(String, String)>, Failure> {
    let mut files = Vec::new();
    for (name, scale) in [("log", Scale::LogLog), ("linear", Scale::Linear)] {
        let group = figures(score, name, scale)?;
        files.extend(group.figures.into_iter().map(|figure| (format!("{}_{name}.svg", figure.name), figure.svg)));
    }
    Ok(files)
}

fn figures<'a>(score: &'a TrackScore, heading: &'static str, scale: Scale) -> Result<Group<'a>, Failure> {
    let series = Series::nth(0).context("there is no first series")?;
    let draw = |scenario: &'a ScenarioScore| {
        let points: Vec<(f64, f64)> = scenario.curve.fpr().zip(scenario.curve.tpr()).collect();
        let curve = Curve { label: &scenario.name, series, points: &points };
        Figure { name: &scenario.name, svg: roc_svg(&scenario.name, scale, &[curve]) }
    };
    Ok(Group { heading, figures: score.present().map(draw).collect() })
}
