//! Reads back a model that [`write`](super::write) made. It finds the weights by their names, and
//! understands no other models.

use super::{FIRST, FLOAT, SECOND};
use crate::network::{Layer, Network, Widths};
use crate::wire::reader::{Value, fields};

/// Why a model could not be read back.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum OnnxError {
    /// The bytes are not a protocol buffer, or are incomplete.
    #[error("the model file is broken")]
    Broken,
    /// The model is intact, but not one that this program writes.
    #[error("the model is not one that this program wrote: {0}")]
    Foreign(&'static str),
}

/// The network in the bytes of a `model.onnx`.
///
/// # Errors
/// [`OnnxError`].
pub(crate) fn read(bytes: &[u8]) -> Result<Network, OnnxError> {
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

/// A tensor with its name; there are as many `values` as the product of `dims` says.
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

/// The bytes of the field with the number `wanted`, the last one if there are several.
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
