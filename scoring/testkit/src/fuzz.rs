//! What is fuzzed, and the claims that have to hold for any bytes.
//!
//! The fuzz targets and a bounded run in the tests call the same bodies.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scoring::{FileEntry, Limits, RankingKind, RankingRule, ScenarioShape, Scenarios, Split, TargetModel, TrackShape};
use scoring::{parse_solution, python_repr, validate_archive, validate_files};

use crate::sample;
use crate::zip::{Descriptor, Zip};

/// Any bytes as an upload: no panic, and either confidences for every point of
/// each scenario that is there or at least one problem that can be printed.
pub fn archive(bytes: &[u8]) {
    for scenarios in Scenarios::ALL {
        let rule = RankingRule { number: RankingKind::Mean, scenarios };
        archive_under(bytes, &sample::shape(4).with_ranking(rule));
    }
}

fn archive_under(bytes: &[u8], shape: &TrackShape) {
    match validate_archive(bytes, shape, &Limits::for_shape(shape, sample::ARCHIVE_BYTES)) {
        Ok(validated) => {
            for split in Split::SUBMITTED {
                let predictions = validated.predictions.split(split).expect("both splits");
                let mut left_out = 0;
                for (index, scenario) in shape.scenarios().iter().enumerate() {
                    let Some(values) = predictions.scenario(index) else {
                        left_out += 1;
                        continue;
                    };
                    assert_eq!(values.len(), scenario.points(split));
                    assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
                }
                let may_miss = match shape.ranking().scenarios {
                    Scenarios::All => 0,
                    Scenarios::Any => shape.scenarios().len() - 1,
                };
                assert!(left_out <= may_miss);
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
                validated.predictions.split(Split::Dev).expect("the split").scenario(0).expect("the scenario").to_vec()
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

/// Good archives of several forms, and one with a bad file.
#[must_use]
pub fn archive_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (signature, zip64) in [(true, false), (false, false), (true, true), (false, true)] {
        let descriptor = Descriptor { signature, zip64 };
        let streamed = sample::items().into_iter().map(|item| item.streamed(descriptor));
        seeds.push(Zip::of(streamed.collect()).bytes());
    }
    let mut zip64 = Zip::of(sample::items());
    zip64.zip64 = Some(Box::new(|_| {}));
    seeds.extend([
        Zip::of(sample::items()).bytes(),
        zip64.bytes(),
        sample::renamed(|path| format!("mysub/{path}")),
        sample::with_content(4, b"0,5;0,7"),
    ]);
    seeds
}

/// Good files of several forms, and the mistakes that are recognised.
#[must_use]
pub fn csv_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "0.1,0.2,0.3,0.4\n",
        "0.1\r\n0.2\r\n0.3\r\n0.4",
        "1e-5, 5e-324,1.0 ,0",
        "0,1,1,0",
        "p\n0.1\n0.2\n0.3\n0.4\n",
        "0,5;0,7",
        "0,0.5\n1,0.6\n2,0.7\n3,0.8",
        "\u{feff}\u{2212}0.5",
        "nan,inf,-0,1e400",
        "\"0.1\",'0.2' # x",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
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
