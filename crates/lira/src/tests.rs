//! The parts together: what is learned from shadow models, and what ONNX Runtime says. The latter
//! needs its library, which `scripts/setup-onnxruntime.sh` gets.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::network::{Network, RecordIndices};
use super::records::{Column, Records, Values};
use super::statistic::{Calibration, Deviations, Variances};
use super::*;

/// Eight shadow models and twelve records; made up, and different for every pair.
fn shadows() -> Shadows {
    let inside = |model: usize, row: usize| !(model * 5 + row * 3 + model * row).is_multiple_of(3);
    let phi = |model: usize, row: usize| {
        let noise = ((model * 37 + row * 101) % 29) as f64 / 10.0;
        row as f64 / 2.0 + noise + if inside(model, row) { 1.0 } else { 0.0 }
    };
    let table =
        |of: &dyn Fn(usize, usize) -> f64| (0..8).map(|model| (0..12).map(|row| of(model, row)).collect()).collect();
    Shadows::new(table(&phi), (0..8).map(|model| (0..12).map(|row| inside(model, row)).collect()).collect())
}

#[test]
fn a_model_that_is_left_out_is_scored_as_by_an_attack_that_never_saw_it() {
    let all = shadows();
    let attacks = [
        Attack::Loss,
        Attack::Online(Variances::PerExample),
        Attack::Online(Variances::Shrunk),
        Attack::Offline(Variances::Fixed),
        Attack::Hierarchical,
        Attack::Calibrated(Calibration::Loss),
        Attack::Calibrated(Calibration::Confidence),
        Attack::ReferenceOnline(Deviations::PerExample),
        Attack::ReferenceOffline(Deviations::Fixed),
    ];
    for attack in attacks {
        let left_out = LeaveOneOut::new(attack, &all);
        for model in 0..all.len() {
            let others = |from: &dyn Fn(usize, usize) -> f64| {
                let models = (0..all.len()).filter(|&other| other != model);
                models.map(|other| (0..all.records()).map(|row| from(other, row)).collect()).collect::<Vec<Vec<f64>>>()
            };
            let phi = others(&|model, row| all.phi(model, row));
            let inside = others(&|model, row| f64::from(u8::from(all.is_trained_on(model, row))));
            let inside = inside.into_iter().map(|rows| rows.into_iter().map(|value| value > 0.0).collect()).collect();
            let fitted = FittedAttack::new(attack, &Shadows::new(phi, inside));
            let rows = [3, 0, 11];
            for (row, found) in rows.into_iter().zip(left_out.scores(model, rows)) {
                let expected = fitted.score(all.phi(model, row), row);
                let error = (found - expected).abs();
                assert!(error <= 1e-9 * expected.abs().max(1.0), "{attack}, {model}, {row}: {found} {expected}");
            }
        }
    }
}

#[test]
fn the_best_attack_is_taken_and_what_cannot_be_told_is_not_made_up() {
    let selection = select(&shadows());
    assert_eq!(selection.rates.iter().map(|(attack, _)| *attack).collect::<Vec<_>>(), CANDIDATES);
    let of_chosen = selection.rates.iter().find(|(attack, _)| *attack == selection.attack).expect("the chosen one").1;
    assert!(selection.rates.iter().all(|&(_, rate)| rate <= of_chosen), "{selection:?}");

    let alone = Shadows::new(vec![vec![1.0, 2.0]], vec![vec![true, false]]);
    assert_eq!(select(&alone), Selection { attack: CANDIDATES[0], rates: Vec::new() });
    // Nothing is learned from nobody, and no score is made up either.
    for attack in [Attack::ReferenceOnline(Deviations::Fixed), Attack::ReferenceOffline(Deviations::PerExample)] {
        assert_eq!(LeaveOneOut::new(attack, &alone).scores(0, [0, 1]), [0.0, 0.0]);
    }
    for attack in CANDIDATES {
        assert!(LeaveOneOut::new(attack, &alone).scores(0, [0, 1]).iter().all(|score| score.is_finite()), "{attack}");
    }
    let same = Shadows::new(vec![vec![1.0, 2.0]; 4], vec![vec![true, true]; 4]);
    assert_eq!(select(&same), Selection { attack: CANDIDATES[0], rates: Vec::new() });
}

/// `testdata/models.json`: inputs by name and the logits that Python's ONNX Runtime gave.
#[derive(serde::Deserialize)]
struct Expected {
    inputs: BTreeMap<String, serde_json::Value>,
    logits: Vec<Vec<f32>>,
}

fn expected(model: &str) -> Expected {
    let all: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(include_str!("../testdata/models.json")).expect("the inputs and logits");
    serde_json::from_value(all[model].clone()).expect("inputs and logits")
}

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(format!("{name}.onnx"))
}

fn runtime() -> Runtime {
    Library::load()
        .and_then(|library| library.with_device(DeviceChoice::Cpu, false))
        .expect("scripts/setup-onnxruntime.sh gets it")
}

/// Axes and elements of nested lists.
fn flat(value: &serde_json::Value) -> (Vec<usize>, Vec<f64>) {
    let Some(list) = value.as_array() else { return (Vec::new(), vec![value.as_f64().expect("a number")]) };
    let parts: Vec<_> = list.iter().map(flat).collect();
    let axes = [vec![list.len()], parts[0].0.clone()].concat();
    (axes, parts.into_iter().flat_map(|(_, values)| values).collect())
}

/// Records with these arrays, as integers where all numbers are whole; row `r` has the class `r %
/// classes`.
fn records(arrays: &[(&str, &serde_json::Value)], classes: usize) -> Records {
    let column = |(name, value): &(&str, &serde_json::Value)| {
        let (axes, values) = flat(value);
        let whole = values.iter().all(|value| value.fract() == 0.0);
        let values = if whole {
            Values::Integers(values.iter().map(|&value| value as i64).collect())
        } else {
            Values::Floats(values.iter().map(|&value| value as f32).collect())
        };
        Column { name: (*name).to_owned(), axes: axes[1..].to_vec(), values }
    };
    let rows = flat(arrays[0].1).0[0];
    Records { columns: arrays.iter().map(column).collect(), labels: (0..rows).map(|row| row % classes).collect() }
}

fn ask(path: &Path, records: &Records, indices: &[usize], batch: Option<usize>) -> Result<Vec<f64>, LiraError> {
    let mut network = Network::open(path, &runtime(), records, batch)?;
    Ok(network.phi(records, RecordIndices::List(indices), &|_| true)?.expect("nobody stops it"))
}

fn compare(found: &[f64], logits: &[Vec<f32>], indices: &[usize]) {
    let expected = indices.iter().map(|&row| signal::phi(&logits[row], row % logits[row].len()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
    assert_eq!(found.len(), indices.len());
}

#[test]
fn every_kind_of_record_gets_the_answers_that_python_gets() {
    for name in ["convolution", "tabular", "bytes", "lengths", "tokens"] {
        let Expected { inputs, logits } = expected(name);
        let arrays: Vec<(&str, &serde_json::Value)> =
            inputs.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let records = records(&arrays, logits[0].len());
        for (indices, batch) in [(vec![0, 1, 2, 3, 4], None), (vec![4, 0, 3, 3], Some(3)), (vec![2], Some(1))] {
            let found = ask(&model(name), &records, &indices, batch).expect(name);
            compare(&found, &logits, &indices);
        }
        let mut network = Network::open(&model(name), &runtime(), &records, Some(2)).expect(name);
        let found =
            network.phi(&records, RecordIndices::Range(&(1..5)), &|_| true).expect(name).expect("nobody stops it");
        compare(&found, &logits, &[1, 2, 3, 4]);
    }
}

#[test]
fn one_array_called_x_is_the_models_one_input_in_its_own_shape() {
    let Expected { inputs, logits } = expected("convolution");
    // [5, 1, 6, 6] as [5, 36] and as [5, 6, 6].
    let (_, values) = flat(&inputs["input"]);
    for axes in [vec![36], vec![6, 6], vec![1, 6, 6]] {
        let values = Values::Floats(values.iter().map(|&value| value as f32).collect());
        let column = Column { name: "x".to_owned(), axes, values };
        let records = Records { columns: vec![column], labels: vec![0, 1, 2, 0, 1] };
        compare(
            &ask(&model("convolution"), &records, &[0, 1, 2, 3, 4], None).expect("answers"),
            &logits,
            &[0, 1, 2, 3, 4],
        );
    }
    let column = Column { name: "x".to_owned(), axes: vec![6, 2, 3], values: Values::Floats(vec![0.0; 180]) };
    let records = Records { columns: vec![column], labels: vec![0; 5] };
    let error = ask(&model("convolution"), &records, &[0], None).expect_err("other axes").to_string();
    assert!(error.contains("[batch, 1, 6, 6]") && error.contains("[6, 2, 3]"), "{error}");
}

#[test]
fn bytes_are_given_to_a_model_of_floats_as_their_numbers() {
    let column = |values| Column { name: "x".to_owned(), axes: vec![5], values };
    let bytes = [0_u8, 1, 2, 200, 255];
    let as_bytes = Records { columns: vec![column(Values::Bytes(bytes.to_vec()))], labels: vec![1] };
    let floats = bytes.iter().map(|&byte| f32::from(byte)).collect();
    let as_floats = Records { columns: vec![column(Values::Floats(floats))], labels: vec![1] };
    let [found, expected] =
        [as_bytes, as_floats].map(|records| ask(&model("tabular"), &records, &[0], None).expect("phi"));
    assert_eq!(found, expected);
}

#[test]
fn a_mask_is_made_from_lengths_and_what_is_behind_it_does_not_matter() {
    let Expected { inputs, logits } = expected("tokens");
    let (axes, mask) = flat(&inputs["attention_mask"]);
    let lengths: Vec<i64> = mask.chunks(axes[1]).map(|row| row.iter().sum::<f64>() as i64).collect();
    let (_, tokens) = flat(&inputs["input_ids"]);
    let columns = vec![
        Column { name: "lengths".to_owned(), axes: vec![], values: Values::Integers(lengths) },
        Column {
            name: "x".to_owned(),
            axes: vec![axes[1]],
            values: Values::Integers(tokens.iter().map(|&token| token as i64).collect()),
        },
    ];
    let records = Records { columns, labels: (0..5).map(|row| row % 2).collect() };
    compare(&ask(&model("tokens"), &records, &[4, 3, 2, 1, 0], Some(2)).expect("answers"), &logits, &[4, 3, 2, 1, 0]);
}

#[test]
fn a_model_with_a_batch_of_its_own_gets_it() {
    let Expected { inputs, logits } = expected("tabular");
    let records = records(&[("input", &inputs["input"])], 4);
    compare(
        &ask(&model("fixed_batch"), &records, &[0, 1, 2, 3, 4], Some(3)).expect("answers"),
        &logits,
        &[0, 1, 2, 3, 4],
    );
}

#[test]
fn models_that_cannot_be_asked_say_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("model.onnx");
    fs::write(&broken, "no model").expect("a file");
    let x = |name: &str, axes: Vec<usize>, values| Column { name: name.to_owned(), axes, values };
    let floats = |name: &str| x(name, vec![5], Values::Floats(vec![0.5; 10]));
    let why = |path: &Path, column: Column, label: usize| {
        let records = Records { columns: vec![column], labels: vec![0, label] };
        ask(path, &records, &[0, 1], None).expect_err("no answer").to_string()
    };
    let tabular = model("tabular");
    for (error, part) in [
        (why(&broken, floats("x"), 0), "cannot load it"),
        (why(&tabular, floats("z"), 0), "it takes `input`, and the records have no array of that name, only z"),
        (why(&tabular, x("x", vec![4], Values::Floats(vec![0.5; 8])), 0), "is [batch, 5], and a record is [4]"),
        (why(&tabular, floats("x"), 4), "a record has the class 4, and the model knows 0 to 3"),
        (why(&model("nan"), floats("x"), 0), "not a finite number"),
        (why(&model("one_class"), floats("x"), 0), "two classes or more"),
        (why(&model("bytes"), x("x", vec![6, 6], Values::Floats(vec![0.5; 72])), 0), "the records have fractions"),
        (why(&model("bytes"), x("x", vec![6, 6], Values::Integers(vec![256; 72])), 0), "a record has 256"),
    ] {
        assert!(error.contains(part), "{part} is not in: {error}");
        assert!(error.contains(".onnx"), "{error}");
    }
}

#[test]
fn a_run_that_is_told_to_stop_gives_no_half_answer() {
    let Expected { inputs, .. } = expected("tabular");
    let records = records(&[("input", &inputs["input"])], 4);
    let mut network = Network::open(&model("tabular"), &runtime(), &records, Some(2)).expect("a model");
    assert_eq!(network.phi(&records, RecordIndices::Range(&(0..5)), &|_| false).expect("no error"), None);
}
