//! Writes a network as an ONNX model.
//!
//! The model is what `torch.onnx.export` makes of Linear - Tanh - Linear: `input` `[batch, d]`
//! float32 to `logits` `[batch, classes]`, Gemm - Tanh - Gemm with weights `[outputs, inputs]`, for
//! batches of any size. The field numbers are those of onnx.proto
//! (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>). Models are run by ONNX Runtime; the
//! reader in this module exists for the tests alone.

#[cfg(test)]
pub(super) mod reader;
#[cfg(test)]
mod tests;

use super::network::{Layer, Network};
use super::wire::Message;

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

/// The bytes of `model.onnx` for a network.
pub(super) fn write(network: &Network) -> Vec<u8> {
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
