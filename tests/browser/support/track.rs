//! A track of two scenarios, and submissions to it.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

/// The number of challenge points of a model; those at even indices are members.
const POINTS: usize = 20;
/// Named so that the alphabetical order differs from the order by privacy.
const SCENARIOS: [&str; 2] = ["toy_hi", "toy_inf"];
const MODELS: [(&str, &[&str]); 3] =
    [("train", &["model_0"]), ("dev", &["model_1", "model_2"]), ("final", &["model_3", "model_4"])];
const SETTINGS: &str = "\
title: Toy
description: |
  Which points was a *toy* trained on?

  It has two scenarios.
limits: {per_day: 5, total: 50}
scenarios:
  toy_hi: {label: High ε, epsilon: 10}
  toy_inf: {label: No privacy, epsilon: inf}
";

/// Writes the track directory `toy` into `folder`.
pub(crate) fn write_track(folder: &Path) -> PathBuf {
    let track = folder.join("toy");
    let truth = (0..POINTS).map(|point| if point % 2 == 0 { "1" } else { "0" }).collect::<Vec<_>>().join(",");
    for scenario in SCENARIOS {
        for (split, models) in MODELS {
            for model in models {
                let path = track.join(scenario).join(split).join(model);
                fs::create_dir_all(&path).expect("a folder");
                fs::write(path.join("solution.csv"), &truth).expect("written");
            }
        }
    }
    fs::write(track.join("track.yaml"), SETTINGS).expect("written");
    track
}

/// How well a submission tells members from non-members.
#[derive(Clone, Copy)]
pub(crate) enum Skill {
    /// It is right about every point.
    Perfect,
    /// It finds half of the members and no false positives.
    Half,
    /// It is right about every point, but one file has a value that is not a number.
    Broken,
}

impl Skill {
    fn confidence(self, point: usize) -> &'static str {
        match (self, point % 4) {
            (Self::Perfect | Self::Broken, 0 | 2) | (Self::Half, 0) => "0.9",
            _ => "0.1",
        }
    }
}

/// A complete submission.
pub(crate) fn zip(skill: Skill) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for scenario in SCENARIOS {
        for (split, models) in &MODELS[1..] {
            for model in *models {
                let mut values: Vec<&str> = (0..POINTS).map(|point| skill.confidence(point)).collect();
                if matches!(skill, Skill::Broken) && (scenario, *model) == ("toy_inf", "model_2") {
                    values[3] = "0.x";
                }
                let path = format!("toy/{scenario}/{split}/{model}/prediction.csv");
                archive.start_file(path, zip::write::SimpleFileOptions::default()).expect("an entry");
                archive.write_all(values.join(",").as_bytes()).expect("written");
            }
        }
    }
    archive.finish().expect("an archive").into_inner()
}

/// Writes a submission to a file and returns its path, for the upload form.
pub(crate) fn write_zip(folder: &Path, skill: Skill) -> String {
    let name = match skill {
        Skill::Perfect => "perfect.zip",
        Skill::Half => "half.zip",
        Skill::Broken => "broken.zip",
    };
    let path = folder.join(name);
    fs::write(&path, zip(skill)).expect("written");
    path.to_str().expect("a path in UTF-8").to_owned()
}
