//! What is fuzzed, and the claims that have to hold for any bytes.
//!
//! The fuzz targets and a bounded run in the tests call the same bodies.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scoring::{FileEntry, Limits, ScenarioShape, Split, TargetModel, TrackShape};
use scoring::{parse_solution, python_repr, validate_archive, validate_files};

use crate::sample;

/// Any bytes as an upload: no panic, and either confidences for every point or
/// at least one problem that can be printed.
pub fn archive(bytes: &[u8]) {
    let shape = sample::shape(4);
    match validate_archive(bytes, &shape, &Limits::for_shape(&shape, sample::ARCHIVE_BYTES)) {
        Ok(validated) => {
            for split in Split::SUBMITTED {
                let predictions = validated.predictions.split(split).expect("both splits");
                for (index, scenario) in shape.scenarios().iter().enumerate() {
                    let values = predictions.scenario(index);
                    assert_eq!(values.len(), scenario.points(split));
                    assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
                }
            }
        }
        Err(problems) => {
            assert!(!problems.shown.is_empty() && problems.shown.len() <= problems.total);
            assert!(problems.shown.iter().all(|problem| is_printable(&problem.to_string())));
        }
    }
}

/// Any bytes as a prediction file and as a solution file. Numbers that are read
/// can be written and read again; each problem says where it is.
pub fn csv(bytes: &[u8]) {
    let model = TargetModel { name: "m".to_owned(), points: 4 };
    let scenario = ScenarioShape::new("s", [(Split::Dev, vec![model])]);
    let shape = TrackShape::new("t", vec![scenario]).expect("a good shape");
    let read = |bytes: &[u8]| {
        let file = FileEntry { path: "t/s/dev/m/prediction.csv".to_owned(), bytes: bytes.to_vec() };
        validate_files(vec![file], &shape, &[Split::Dev])
    };
    match read(bytes) {
        Ok(validated) => {
            let values = |validated: &scoring::Validated| {
                validated.predictions.split(Split::Dev).expect("the split").scenario(0).to_vec()
            };
            let first = values(&validated);
            let text: Vec<String> = first.iter().map(|value| python_repr(*value)).collect();
            let again = read(text.join("\r\n").as_bytes()).expect("our own numbers");
            assert_eq!(first, values(&again));
        }
        Err(problems) => {
            for problem in &problems.shown {
                assert_eq!(problem.path.as_deref(), Some("t/s/dev/m/prediction.csv"));
                assert!(problem.column.is_none() || problem.line.is_some());
                assert!(is_printable(&problem.to_string()));
            }
        }
    }
    if let Ok(labels) = parse_solution(bytes, "solution.csv") {
        assert!(!labels.is_empty());
    }
}

fn is_printable(text: &str) -> bool {
    text.chars().all(|character| matches!(character, ' '..='~' | '…'))
}

/// Calls a body with this many inputs, always the same: seeds with bytes
/// changed, removed, repeated or put in.
pub fn run(body: fn(&[u8]), seeds: &[Vec<u8>], rounds: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    for round in 0..rounds {
        let mut input = seeds[round % seeds.len()].clone();
        for _ in 0..=random.next_u32() % 4 {
            mutate(&mut input, &mut random);
        }
        body(&input);
    }
}

fn mutate(input: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    const TELLING: [u8; 16] = *b"\0\xff\x80\n\r,.-+e0159 ;";
    let mut below = |bound: usize| random.next_u32() as usize % bound.max(1);
    let at = below(input.len());
    let length = below(12).min(input.len() - at);
    match below(5) {
        0 if !input.is_empty() => input[at] ^= 1 << below(8),
        1 => drop(input.drain(at..at + length)),
        2 => {
            let piece = input[at..at + length].to_vec();
            input.splice(at..at, piece);
        }
        3 => input.insert(at, TELLING[below(TELLING.len())]),
        _ => {
            let to = below(input.len());
            let length = length.min(input.len() - to);
            input.copy_within(at..at + length, to);
        }
    }
}
