//! A submission of MICO's size, from the bytes of its zip to its intervals.
//!
//! One thread. `docs/PERFORMANCE.md` has the figures and what they are compared
//! with.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use scoring::{
    Bootstrap, Interval, Limits, REPLICATES, Split, SplitSolution, TrackScore, TrackShape, Validated, python_repr,
    score, validate_archive,
};
use scoring_testkit::mico;

/// A track with the labels of both submitted splits.
struct Track {
    shape: TrackShape,
    solutions: [(Split, SplitSolution); 2],
}

impl Track {
    fn new() -> Self {
        Self { shape: mico::shape(), solutions: Split::SUBMITTED.map(|split| (split, mico::solution(split))) }
    }

    fn validate(&self, zip: &[u8]) -> Validated {
        let limits = Limits::for_shape(&self.shape, 2_000_000);
        validate_archive(zip, &self.shape, &limits).expect("a good submission")
    }

    fn score(&self, validated: &Validated) -> [TrackScore; 2] {
        self.solutions.each_ref().map(|(split, solution)| {
            let predictions = validated.predictions.split(*split).expect("both splits");
            score(&self.shape, *split, predictions, solution).expect("a score")
        })
    }

    /// The intervals of both splits, the draws made anew each time.
    fn intervals(&self, validated: &Validated) -> [Interval; 2] {
        self.solutions.each_ref().map(|(split, solution)| {
            let predictions = validated.predictions.split(*split).expect("both splits");
            let bootstrap = Bootstrap::new(&self.shape, *split, "mico/cifar10", REPLICATES);
            let numbers = bootstrap.ranking_numbers(predictions, solution).expect("numbers");
            Interval::percentile_95(&numbers)
        })
    }
}

fn submission(criterion: &mut Criterion) {
    let (track, zip) = (Track::new(), mico::archive());
    let validated = track.validate(&zip);
    eprintln!("300 files, 60,000 numbers, a zip of {} bytes", zip.len());
    for (split, score) in Split::SUBMITTED.iter().zip(track.score(&validated)) {
        eprintln!("{split}: {} {}", score.number, python_repr(score.ranking_value));
    }
    criterion.bench_function("read_validate", |bencher| bencher.iter(|| track.validate(black_box(&zip))));
    criterion.bench_function("score_both_splits", |bencher| bencher.iter(|| track.score(black_box(&validated))));
    criterion.bench_function("bootstrap_both_splits", |bencher| {
        bencher.iter(|| track.intervals(black_box(&validated)));
    });
    criterion.bench_function("all", |bencher| bencher.iter(|| track.score(&track.validate(black_box(&zip)))));
    criterion.bench_function("all_with_bootstrap", |bencher| {
        bencher.iter(|| {
            let validated = track.validate(black_box(&zip));
            (track.score(&validated), track.intervals(&validated))
        });
    });
}

criterion_group!(benches, submission);
criterion_main!(benches);
