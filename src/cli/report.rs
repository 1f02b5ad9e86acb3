//! scores.html: one file with the table and the ROC curves, to keep or to send; and what else of a score is written.

use anyhow::Context;
use askama::Template;
use scoring::{
    Bootstrap, Interval, REPLICATES, ScenarioScore, Split, SplitPredictions, SplitSolution, TrackScore, TrackShape,
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
    columns: Vec<&'static str>,
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

/// The page of a score, curves in full.
pub(super) fn page(track: &str, split: Split, score: &TrackScore, interval: Interval) -> Result<String, Failure> {
    let rows = score.scenarios.iter().map(|scenario| Row {
        name: &scenario.name,
        values: scenario.metrics.columns().iter().map(|(_, value)| number::score(*value)).collect(),
    });
    let columns = score.scenarios.first().map(|scenario| scenario.metrics.columns().map(|(name, _)| name).to_vec());
    let page = Page {
        track,
        split: split.as_str(),
        average: number::score(score.average_tpr_fpr_1000),
        interval: number::interval(interval.low, interval.high),
        columns: columns.unwrap_or_default(),
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

/// The numbers of each scenario by their names in scores.txt, as an object.
pub(super) fn columns(score: &TrackScore) -> Map<String, Value> {
    let of_scenario = |scenario: &ScenarioScore| {
        let columns = scenario.metrics.columns().into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
        (scenario.name.clone(), Value::Object(columns.collect()))
    };
    score.scenarios.iter().map(of_scenario).collect()
}

/// The curves of each scenario on both scales as files of their own: names and SVG.
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
