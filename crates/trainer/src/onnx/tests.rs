use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use npz::NpzReader;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::reader::{OnnxError, read};
use super::*;
use crate::network::Widths;
use crate::{Dataset, ModelCounts, Privacy, ResumePolicy, RunOptions, ScenarioPlan, Schedule, Seed, TrainPlan, train};

fn network() -> Network {
    let widths = Widths { inputs: 3, hidden: 2, classes: 2 };
    Network::draw(widths, &mut ChaCha20Rng::from_seed([3; 32]))
}

/// Two inputs, two hidden units, one class, and every weight another number.
fn numbered() -> Network {
    let mut network = Network::zero(Widths { inputs: 2, hidden: 2, classes: 1 });
    let (first, second) = (network.first.columns(), network.second.columns());
    for (index, value) in [(0, 1.0), (1, 2.0), (first, 3.0), (first + 1, 4.0)] {
        network.first.weights[index] = value;
    }
    network.first.bias[..2].copy_from_slice(&[5.0, 6.0]);
    network.second.weights[0] = 7.0;
    network.second.weights[second] = 8.0;
    network.second.bias[0] = 9.0;
    network
}

/// What [`numbered`] must become. onnx 1.23.2 found no fault with it (`check_model` with
/// `full_check=True`), and ONNX Runtime 1.32.0 gave the logits 23.960016 for (1, -1) and -1.9470406
/// for (-1, -1.5).
const EXPECTED: &str = concat!(
    "0808",                   // ir_version
    "120963616c6c696d69636f", // producer_name
    "3adf02",                 // graph, and in it:
    // node: Gemm, Tanh, Gemm
    "0a3e0a05696e7075740a08302e7765696768740a06302e62696173120668696464656e1a0668696464656e220447656d6d",
    "2a0d0a067472616e73421801a00102",
    "0a260a0668696464656e120a61637469766174696f6e1a0a61637469766174696f6e220454616e68",
    "0a430a0a61637469766174696f6e0a08322e7765696768740a06322e6269617312066c6f676974731a066c6f67697473",
    "220447656d6d2a0d0a067472616e73421801a00102",
    // name
    "12076e6574776f726b",
    // initializer: weight and bias of the first layer, then of the second
    "2a220802080210014208302e7765696768744a100000803f000040400000004000008040",
    "2a16080210014206302e626961734a080000a0400000c040",
    "2a1a0801080210014208322e7765696768744a080000e04000000041",
    "2a12080110014206322e626961734a0400001041",
    // input, output
    "5a1c0a05696e70757412130a110801120d0a07120562617463680a020802",
    "621d0a066c6f6769747312130a110801120d0a07120562617463680a020801",
    // opset_import, after the graph
    "42040a00100d",
);

#[test]
fn the_file_is_to_the_byte_the_one_that_onnx_runtime_was_seen_to_run() {
    let hex: String = write(&numbered()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, EXPECTED);
}

/// The exact logits are 23.9600177 and -1.9470407.
#[test]
fn the_logits_are_those_of_onnx_runtime() {
    let logits = numbered().logits(&[1.0, -1.0, -1.0, -1.5]);
    assert!((logits[0] - 23.960_016).abs() < 1e-5 && (logits[1] + 1.947_040_6).abs() < 1e-5, "{logits:?}");
}

#[test]
fn a_network_is_read_back_to_the_bit() {
    let network = network();
    assert_eq!(read(&write(&network)).unwrap(), network);
}

#[test]
fn a_model_cut_off_anywhere_is_refused() {
    let bytes = write(&network());
    for length in 0..bytes.len() {
        // The last field is the operators' version, which the reader does not need.
        if let Ok(read) = read(&bytes[..length]) {
            assert_eq!(read, network(), "{length} of {} bytes", bytes.len());
        }
    }
    assert_eq!(read(&bytes[..bytes.len() / 2]), Err(OnnxError::Broken));
    assert_eq!(read(&[]), Err(OnnxError::Foreign("it has no graph")));
}

#[test]
fn a_model_with_any_byte_changed_does_not_panic() {
    let bytes = write(&network());
    let mut read_back = 0;
    for position in 0..bytes.len() {
        for value in [0, 0x7f, 0xff, bytes[position] ^ 1] {
            let mut changed = bytes.clone();
            changed[position] = value;
            read_back += usize::from(read(&changed).is_ok());
        }
    }
    assert!(read_back > 0, "a changed weight is still a weight");
}

/// Asks the `onnx` checker and ONNX Runtime about a trained model; prints its logits, a record a
/// line.
const PYTHON: &str = "
import sys
try:
    import numpy, onnx, onnxruntime
except ImportError as missing:
    print(f'missing {missing.name}')
    sys.exit(0)
model, challenge = sys.argv[1:]
onnx.checker.check_model(onnx.load(model), full_check=True)
session = onnxruntime.InferenceSession(model, providers=['CPUExecutionProvider'])
x = numpy.load(challenge)['x']
assert [i.name for i in session.get_inputs()] == ['input'] and [o.name for o in session.get_outputs()] == ['logits']
for row in session.run(None, {'input': x})[0]:
    print(*(repr(float(value)) for value in row))
one = session.run(None, {'input': x[:1]})[0]
assert one.shape[0] == 1, 'the batch can have any size'
";

/// Trains one small network of each split on the digits, without and with differential privacy.
fn train_digits(out: &Path) {
    let scenario = |name: &str, schedule, privacy| ScenarioPlan {
        name: name.into(),
        label: name.into(),
        training: 200,
        hidden: 16,
        schedule,
        privacy,
    };
    let plain = Schedule { epochs: 40, batch: 128, rate: 0.1, momentum: 0.9, weight_decay: 0.0 };
    let private = Schedule { epochs: 30, rate: 0.5, momentum: 0.0, ..plain };
    let privacy = Privacy { epsilon: 4.0, delta: 1e-5, clipping_norm: 1.0 };
    let plan = TrainPlan {
        title: "A test".into(),
        description: "Of the writer.".into(),
        scenarios: vec![scenario("plain", plain, None), scenario("private", private, Some(privacy))],
        models: ModelCounts { train: 1, dev: 1, r#final: 1 },
        challenge: 20,
        seed: Seed::from_text("a test"),
    };
    let stop = AtomicBool::new(false);
    let options = RunOptions { resume: ResumePolicy::Resume, threads: NonZero::<usize>::MIN, stop: &stop };
    train(&plan, &Dataset::digits().unwrap(), out, options, &mut |_| {}).unwrap();
}

/// Runs where Python has numpy, onnx and onnxruntime; elsewhere it says that it is skipped. The
/// test on the bytes of a model that both were seen to accept always runs.
#[test]
fn onnx_and_onnx_runtime_agree_with_a_trained_model_where_python_has_them() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !Command::new(&python).arg("--version").output().is_ok_and(|found| found.status.success()) {
        eprintln!("skipped: there is no {python}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("digits");
    train_digits(&out);
    for scenario in ["plain", "private"] {
        let model = out.join(scenario).join("dev/model_1");
        let (onnx, challenge) = (model.join("model.onnx"), model.join("challenge.npz"));
        let output = Command::new(&python).args(["-c", PYTHON]).args([&onnx, &challenge]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        if printed.starts_with("missing ") {
            eprintln!("skipped: {python} is {}", printed.trim());
            return;
        }
        let expected: Vec<f64> = printed.split_whitespace().map(|value| value.parse().unwrap()).collect();
        let network = read(&fs::read(&onnx).unwrap()).unwrap();
        let x = NpzReader::open(&challenge).unwrap().get("x").unwrap().floats().unwrap();
        let records: Vec<f32> = x.iter().copied().collect();
        let found = network.logits(&records);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-4, "{scenario}: {found} and {expected}");
        }
    }
}
