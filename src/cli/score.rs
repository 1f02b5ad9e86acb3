//! `callimico score`: scores predictions offline, with the same code as the server.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use scoring::{Interval, Split, TrackScore, TrackShape};
use serde_json::{Map, Value, json};

use super::offline::{TrackArgs, predictions};
use super::{Failure, report};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A zip, or a directory tree of prediction.csv files
    predictions: PathBuf,
    #[command(flatten)]
    track: TrackArgs,
    /// Which split to score: train, dev or final
    #[arg(long)]
    split: Split,
    /// Print the scores as JSON instead of scores.txt
    #[arg(long, conflicts_with = "out")]
    json: bool,
    /// Also write scores.txt, scores.json and scores.html (table and ROC curves) into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let directory = args.track.read(&[args.split])?;
    let solution = directory.solution(args.split)?;
    let validated = predictions(&args.predictions, &directory.shape, args.split)?;
    let predictions =
        validated.predictions.split(args.split).context("the split was not read, though nothing was wrong with it")?;
    let score = scoring::score(&directory.shape, args.split, predictions, &solution)
        .map_err(|error| Failure::Input(error.into()))?;
    let text = scoring::write_scores(&score);
    if args.json || args.out.is_some() {
        let interval = report::interval(&directory.shape, args.split, predictions, &solution)?;
        let document = document(&directory.shape, args.split, &score, interval);
        let document = serde_json::to_string_pretty(&document).context("cannot write the scores as JSON")?;
        if args.json {
            super::output::line!("{document}");
            return Ok(());
        }
        if let Some(out) = &args.out {
            let page = report::page(&directory.shape, args.split, &score, interval)?;
            write(out, &[("scores.txt", &text), ("scores.json", &document), ("scores.html", &page)])?;
            eprintln!("wrote scores.txt, scores.json and scores.html into {}", out.display());
        }
    }
    super::output::text!("{text}");
    Ok(())
}

/// The scores as JSON, in the same form as in the API, but with the full curves.
fn document(shape: &TrackShape, split: Split, score: &TrackScore, interval: Interval) -> Value {
    let mut curves = Map::new();
    for scenario in score.present() {
        let (fpr, tpr): (Vec<f64>, Vec<f64>) = scenario.curve.fpr().zip(scenario.curve.tpr()).unzip();
        curves.insert(scenario.name.clone(), json!({"fpr": fpr, "tpr": tpr}));
    }
    let mut document = report::numbers(shape, score);
    document.insert("track".to_owned(), json!(shape.slug()));
    document.insert("split".to_owned(), json!(split.as_str()));
    document.insert("interval_95".to_owned(), json!([interval.low, interval.high]));
    document.insert("curves".to_owned(), Value::Object(curves));
    Value::Object(document)
}

fn write(folder: &Path, files: &[(&str, &str)]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::Input(anyhow::Error::new(error).context(format!("cannot write into {}", folder.display())))
    };
    fs::create_dir_all(folder).map_err(failed)?;
    files.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text)).map_err(failed)
}
