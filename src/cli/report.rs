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
use figures::roc_plot::{Curve, Scale, roc_svg};
use figures::series::Series;

#[derive(Template)]
#[template(path = "report/scores.html")]
struct Page<'a> {
    track: &'a str,
    split: &'static str,
    average: String,
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
pub(super) fn page(track: &str, split: Split, score: &TrackScore, interval: Interval) -> Result<String, Failure> {
    let rows = score.scenarios.iter().map(|scenario| Row {
        name: &scenario.name,
        values: scenario.metrics.iter().map(|(_, value)| number::score(value)).collect(),
    });
    let page = Page {
        track,
        split: split.as_str(),
        average: number::score(score.ranking_value),
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

/// The metrics of each scenario by their names in scores.txt, as an object.
pub(super) fn metrics(score: &TrackScore) -> Map<String, Value> {
    score.scenarios.iter().map(|scenario| (scenario.name.clone(), json!(scenario.metrics))).collect()
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
    Ok(Group { heading, figures: score.scenarios.iter().map(draw).collect() })
}
