//! A small track, a good submission to it, and ways to break one.

use scoring::{Limits, Problem, Problems, ScenarioShape, Split, TargetModel, TrackShape};
use scoring::{Validated, validate_archive};

use crate::zip::{Item, Zip};

/// The cap of the track, as MICO had it.
pub const ARCHIVE_BYTES: usize = 2_000_000;
/// A file of every submission, for tests that break one.
pub const FILE: &str = "cifar10/cifar10_lo/dev/model_100/prediction.csv";

/// A track of two scenarios with two target models in each split, each with
/// this number of challenge points.
#[must_use]
pub fn shape(points: usize) -> TrackShape {
    let models =
        |numbers: [u32; 2]| numbers.map(|number| TargetModel { name: format!("model_{number}"), points }).to_vec();
    let scenario = |name: &str| {
        ScenarioShape::new(
            name,
            [(Split::Train, models([0, 1])), (Split::Dev, models([100, 101])), (Split::Final, models([150, 151]))],
        )
    };
    TrackShape::new("cifar10", vec![scenario("cifar10_hi"), scenario("cifar10_lo")]).expect("a good shape")
}

/// The files of a whole submission, paths and contents: distinct values in
/// [0, 1], on one line.
#[must_use]
pub fn files(points: usize) -> Vec<(String, String)> {
    let shape = shape(points);
    let mut files = Vec::new();
    for scenario in shape.scenarios() {
        for split in Split::SUBMITTED {
            for model in scenario.models(split) {
                let value = |i| format!("0.{:06}", (files.len() * points + i + 1) * 17);
                let values: Vec<String> = (0..points).map(value).collect();
                let path = format!("cifar10/{}/{split}/{}/prediction.csv", scenario.name(), model.name);
                files.push((path, values.join(",") + "\n"));
            }
        }
    }
    files
}

/// A whole submission with 4 points a model, as entries of a zip.
#[must_use]
pub fn items() -> Vec<Item> {
    files(4).iter().map(|(path, content)| Item::deflated(path, content.as_bytes())).collect()
}

/// A good archive in which one entry, that of [`FILE`], is changed.
#[must_use]
pub fn with_entry(change: impl FnOnce(Item) -> Item) -> Vec<u8> {
    let mut items = items();
    let at = items.iter().position(|item| item.central.name == FILE.as_bytes()).expect("the file is there");
    let item = items.remove(at);
    items.insert(at, change(item));
    Zip::of(items).bytes()
}

/// A good archive with one entry more.
#[must_use]
pub fn with_extra(item: Item) -> Vec<u8> {
    let mut items = items();
    items.push(item);
    Zip::of(items).bytes()
}

/// A good archive with every name changed.
#[must_use]
pub fn renamed(rename: impl Fn(&str) -> String) -> Vec<u8> {
    let items = files(4).iter().map(|(path, content)| Item::deflated(&rename(path), content.as_bytes())).collect();
    Zip::of(items).bytes()
}

/// A good archive in which the content of [`FILE`], one of `points` values, is
/// replaced.
#[must_use]
pub fn with_content(points: usize, content: &[u8]) -> Vec<u8> {
    let item =
        |(path, good): &(String, String)| Item::deflated(path, if path == FILE { content } else { good.as_bytes() });
    Zip::of(files(points).iter().map(item).collect()).bytes()
}

/// What the validator says, for a track with this number of points a model.
///
/// # Errors
/// Those of the validator.
pub fn validate(bytes: &[u8], points: usize) -> Result<Validated, Problems> {
    let shape = shape(points);
    validate_archive(bytes, &shape, &Limits::for_shape(&shape, ARCHIVE_BYTES))
}

/// The problems of an archive that must be rejected, all of them.
#[must_use]
pub fn problems(bytes: &[u8], points: usize) -> Vec<Problem> {
    let problems = validate(bytes, points).expect_err("this upload has to be rejected");
    assert_eq!(problems.total, problems.shown.len());
    problems.shown
}

/// Asserts that an archive has exactly one problem, and returns it.
#[must_use]
pub fn only_problem(bytes: &[u8], points: usize) -> Problem {
    let mut problems = problems(bytes, points);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}
