//! Writes a network as an ONNX model, and reads such a model back.
//!
//! The model is what `torch.onnx.export` makes of Linear - Tanh - Linear: `input` [batch, d] float32 to `logits`
//! [batch, classes], Gemm - Tanh - Gemm with weights [outputs, inputs], batch of any size. The reader takes the
//! weights by their names and is meant for the models of this module alone; models of other origin belong to ONNX
//! Runtime. Field numbers are those of onnx.proto (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>).

use super::network::{Layer, Network, Widths};
use super::wire::{Message, Value, fields};

/// The version of the file format; 8 came with ONNX 1.10 and is read by every runtime in use.
const IR_VERSION: u64 = 8;

/// The version of the operators; nothing about Gemm and Tanh has changed since.
const OPSET: u64 = 13;

const FLOAT: u64 = 1;
const ATTRIBUTE_INT: u64 = 2;

const FIRST: LayerNames = LayerNames { weight: "0.weight", bias: "0.bias" };
const SECOND: LayerNames = LayerNames { weight: "2.weight", bias: "2.bias" };

struct LayerNames {
    weight: &'static str,
    bias: &'static str,
}

/// Why a model could not be read back.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OnnxError {
    /// Not a protocol buffer, or cut off.
    #[error("the model file is broken")]
    Broken,
    /// Sound, but not a network of the kind this program writes.
    #[error("the model is not one that this program wrote: {0}")]
    Foreign(&'static str),
}

/// The bytes of `model.onnx` for a network.
pub fn write(network: &Network) -> Vec<u8> {
    let widths = network.widths();
    let graph = Message::default()
        .message(1, gemm("input", &FIRST, "hidden"))
        .message(1, node("Tanh", &["hidden"], "activation"))
        .message(1, gemm("activation", &SECOND, "logits"))
        .bytes(2, "network");
    let graph = add_layer(add_layer(graph, &network.first, &FIRST), &network.second, &SECOND)
        .message(11, batch_of("input", widths.inputs))
        .message(12, batch_of("logits", widths.classes));
    Message::default()
        .number(1, IR_VERSION)
        .bytes(2, "callimico")
        .message(7, graph)
        .message(8, Message::default().bytes(1, "").number(2, OPSET))
        .finish()
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Message {
    let node = inputs.iter().fold(Message::default(), |node, input| node.bytes(1, input));
    node.bytes(2, output).bytes(3, output).bytes(4, operator)
}

fn gemm(input: &str, layer: &LayerNames, output: &str) -> Message {
    let transposed = Message::default().bytes(1, "transB").number(3, 1).number(20, ATTRIBUTE_INT);
    node("Gemm", &[input, layer.weight, layer.bias], output).message(5, transposed)
}

fn add_layer(graph: Message, layer: &Layer, names: &LayerNames) -> Message {
    let (inputs, outputs, columns) = (layer.inputs, layer.outputs, layer.columns());
    let by_output =
        (0..outputs).flat_map(|output| (0..inputs).map(move |input| layer.weights[input * columns + output]));
    let weight = tensor(names.weight, &[outputs, inputs], by_output);
    let bias = tensor(names.bias, &[outputs], layer.bias[..outputs].iter().copied());
    graph.message(5, weight).message(5, bias)
}

fn tensor(name: &str, dims: &[usize], values: impl Iterator<Item = f32>) -> Message {
    let tensor = dims.iter().fold(Message::default(), |tensor, &dim| tensor.number(1, dim as u64));
    let data: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
    tensor.number(2, FLOAT).bytes(8, name).bytes(9, data)
}

/// A float tensor [batch, `width`] whose first axis has a name in place of a length.
fn batch_of(name: &str, width: usize) -> Message {
    let shape = Message::default()
        .message(1, Message::default().bytes(2, "batch"))
        .message(1, Message::default().number(1, width as u64));
    let tensor = Message::default().number(1, FLOAT).message(2, shape);
    Message::default().bytes(1, name).message(2, Message::default().message(1, tensor))
}

/// The network in a `model.onnx` that [`write`] made.
///
/// # Errors
/// [`OnnxError`].
pub fn read(bytes: &[u8]) -> Result<Network, OnnxError> {
    let graph = only(bytes, 7, "it has no graph")?;
    let mut tensors = Vec::new();
    for field in fields(graph) {
        if let (5, Value::Bytes(tensor)) = field.ok_or(OnnxError::Broken)? {
            tensors.push(Tensor::read(tensor)?);
        }
    }
    let named = |name| {
        let mut matching = tensors.iter().filter(|tensor| tensor.name == name);
        matching.next().ok_or(OnnxError::Foreign("a layer is missing"))
    };
    let (first, second) = (named(FIRST.weight)?, named(SECOND.weight)?);
    let (&[hidden, inputs], &[classes, second_inputs]) = (first.dims.as_slice(), second.dims.as_slice()) else {
        return Err(OnnxError::Foreign("a weight is not a matrix"));
    };
    if hidden != second_inputs || [inputs, hidden, classes].contains(&0) {
        return Err(OnnxError::Foreign("the layers do not fit together"));
    }
    let mut network = Network::zero(Widths { inputs, hidden, classes });
    fill(&mut network.first, first, named(FIRST.bias)?)?;
    fill(&mut network.second, second, named(SECOND.bias)?)?;
    Ok(network)
}

fn fill(layer: &mut Layer, weight: &Tensor<'_>, bias: &Tensor<'_>) -> Result<(), OnnxError> {
    if bias.dims != [layer.outputs] {
        return Err(OnnxError::Foreign("a bias does not fit its layer"));
    }
    let columns = layer.columns();
    for (output, row) in weight.values.chunks(layer.inputs).enumerate() {
        for (input, &value) in row.iter().enumerate() {
            layer.weights[input * columns + output] = value;
        }
    }
    layer.bias[..layer.outputs].copy_from_slice(&bias.values);
    Ok(())
}

/// One named tensor; `values` are as many as the product of `dims`.
struct Tensor<'a> {
    name: &'a str,
    dims: Vec<usize>,
    values: Vec<f32>,
}

impl<'a> Tensor<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, OnnxError> {
        let (mut name, mut dims, mut data) = ("", Vec::new(), &[][..]);
        for field in fields(bytes) {
            match field.ok_or(OnnxError::Broken)? {
                (1, Value::Number(dim)) => dims.push(usize::try_from(dim).map_err(|_| OnnxError::Broken)?),
                (2, Value::Number(FLOAT)) => {}
                (2, _) => return Err(OnnxError::Foreign("its weights are not float32")),
                (8, Value::Bytes(text)) => name = std::str::from_utf8(text).map_err(|_| OnnxError::Broken)?,
                (9, Value::Bytes(raw)) => data = raw,
                _ => {}
            }
        }
        let bytes = dims.iter().try_fold(size_of::<f32>(), |bytes, &dim| bytes.checked_mul(dim));
        if bytes != Some(data.len()) {
            return Err(OnnxError::Foreign("a weight has another size than it states"));
        }
        let (values, _) = data.as_chunks();
        let values = values.iter().map(|&value| f32::from_le_bytes(value)).collect();
        Ok(Self { name, dims, values })
    }
}

/// The bytes of a field that occurs once.
fn only<'a>(bytes: &'a [u8], wanted: u64, missing: &'static str) -> Result<&'a [u8], OnnxError> {
    let mut found = None;
    for field in fields(bytes) {
        if let (number, Value::Bytes(value)) = field.ok_or(OnnxError::Broken)?
            && number == wanted
        {
            found = Some(value);
        }
    }
    found.ok_or(OnnxError::Foreign(missing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

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

    /// What [`numbered`] must become. onnx 1.23.2 found no fault with it (`check_model` with `full_check=True`), and
    /// ONNX Runtime 1.32.0 gave the logits 23.960016 for (1, -1) and -1.9470406 for (-1, -1.5).
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
}
