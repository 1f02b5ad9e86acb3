//! The inputs of a model: which array of the records each one takes, in which type and shape.

use ort::session::Session;
use ort::value::{TensorElementType, ValueType};

use crate::records::{Column, Records, Values};

/// The type of an input's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    F64,
    U8,
    I32,
    I64,
    Bool,
}

/// Where the values of an input come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// The column of the records with this number.
    Column(usize),
    /// An attention mask: 1 up to the length of a record's text, then 0.
    Mask,
    /// 0 everywhere.
    Zeros,
}

/// One input of a model.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) element: Element,
    pub(super) source: Source,
    /// The axes of one row as the model takes them, without that of the batch.
    pub(super) axes: Vec<usize>,
    /// Whether the one axis is shortened to the longest text of a batch.
    pub(super) is_trimmed: bool,
}

/// The length of each record's text in tokens `[R]`; `None` where the records are no text.
pub(super) type Lengths = Option<Vec<usize>>;

/// The lengths of the records' texts: the array `lengths` or `length`, else up to the last token
/// that `attention_mask` lets through.
pub(super) fn lengths(records: &Records) -> Lengths {
    if let Some(column) = records.column("lengths").or_else(|| records.column("length"))
        && column.width() == 1
    {
        let whole = |value: i64| usize::try_from(value).unwrap_or(0);
        match &column.values {
            Values::Integers(values) => return Some(values.iter().map(|&value| whole(value)).collect()),
            Values::Bytes(values) => return Some(values.iter().map(|&value| value.into()).collect()),
            Values::Floats(_) => {}
        }
    }
    let mask = records.column("attention_mask")?;
    let width = mask.width().max(1);
    let known = match &mask.values {
        Values::Integers(values) => {
            values.chunks(width).map(|row| length_to(row.iter().rposition(|&value| value != 0))).collect()
        }
        Values::Bytes(values) => {
            values.chunks(width).map(|row| length_to(row.iter().rposition(|&value| value != 0))).collect()
        }
        Values::Floats(values) => {
            values.chunks(width).map(|row| length_to(row.iter().rposition(|&value| value != 0.0))).collect()
        }
    };
    Some(known)
}

/// The length of a text whose last token is at `last`.
fn length_to(last: Option<usize>) -> usize {
    last.map_or(0, |last| last + 1)
}

/// Element type and shape of a tensor; an axis of any length is -1.
fn shape(dtype: &ValueType) -> Result<(TensorElementType, Vec<i64>), String> {
    match (dtype.tensor_type(), dtype.tensor_shape()) {
        (Some(element), Some(shape)) => Ok((element, shape.to_vec())),
        _ => Err(format!("it takes or gives {dtype}, which is no array")),
    }
}

/// Matches the inputs of a model with the records: by name, or `x` with the one input left.
///
/// # Errors
/// An input that the records cannot fill, as a sentence that follows the model's path.
pub(super) fn inputs(session: &Session, records: &Records, lengths: &Lengths) -> Result<Vec<Input>, String> {
    let mut inputs = Vec::new();
    let mut x_is_free = records.column("x").is_some();
    for outlet in session.inputs() {
        let name = outlet.name();
        let (element, shape) = shape(outlet.dtype())?;
        let element = match element {
            TensorElementType::Float32 => Element::F32,
            TensorElementType::Float64 => Element::F64,
            TensorElementType::Uint8 => Element::U8,
            TensorElementType::Int32 => Element::I32,
            TensorElementType::Int64 => Element::I64,
            TensorElementType::Bool => Element::Bool,
            other => return Err(format!("its input `{name}` is of type {other}, which is not known here")),
        };
        let at = |name: &str| records.columns.iter().position(|column| column.name == name);
        let source = if let Some(column) = at(name) {
            x_is_free &= name != "x";
            Source::Column(column)
        } else if name.contains("mask") && lengths.is_some() {
            Source::Mask
        } else if name == "token_type_ids" {
            Source::Zeros
        } else if let (true, Some(column)) = (x_is_free, at("x")) {
            x_is_free = false;
            Source::Column(column)
        } else {
            let names: Vec<&str> = records.columns.iter().map(|column| column.name.as_str()).collect();
            return Err(format!(
                "it takes `{name}`, and the records have no array of that name, only {}; a mask is made from `lengths`",
                names.join(", ")
            ));
        };
        let (axes, is_trimmed) = axes(name, &shape, source, records, lengths)?;
        inputs.push(Input { name: name.to_owned(), element, source, axes, is_trimmed });
    }
    if inputs.is_empty() {
        return Err("it takes nothing".to_owned());
    }
    let floats = |input: &&Input| match input.source {
        Source::Column(column) => {
            !matches!(input.element, Element::F32 | Element::F64)
                && matches!(records.columns[column].values, Values::Floats(_))
        }
        _ => false,
    };
    if let Some(input) = inputs.iter().find(floats) {
        return Err(format!("it takes whole numbers for `{}`, and the records have fractions", input.name));
    }
    Ok(inputs)
}

/// The axes of a row as a model with this input `shape` takes them, and whether the axis may be
/// shortened to the longest text of a batch.
fn axes(
    name: &str,
    shape: &[i64],
    source: Source,
    records: &Records,
    lengths: &Lengths,
) -> Result<(Vec<usize>, bool), String> {
    let text =
        || records.columns.iter().find(|column| column.axes.len() == 1 && !matches!(column.values, Values::Floats(_)));
    let column: Option<&Column> = match source {
        Source::Column(column) => Some(&records.columns[column]),
        Source::Mask | Source::Zeros => records.column("x").or_else(|| records.column("input_ids")).or_else(text),
    };
    let row = column.map(|column| column.axes.clone()).unwrap_or_default();
    let Some((_, wanted)) = shape.split_first() else {
        return Err(format!("its input `{name}` has no axis for the batch"));
    };
    let known = |axes: &[usize]| axes.iter().copied().filter(|&axis| axis != 1).collect::<Vec<_>>();
    let fits = |wanted: &[i64], row: &[usize]| {
        wanted.len() == row.len() && wanted.iter().zip(row).all(|(&wanted, &axis)| wanted < 0 || wanted == axis as i64)
    };
    if fits(wanted, &row) {
        let is_trimmed =
            lengths.is_some() && wanted.first().is_some_and(|&axis| axis < 0) && row.len() == 1 && row[0] > 1;
        return Ok((row, is_trimmed));
    }
    // The same numbers in other axes are accepted where only one reading is possible: all axes
    // joined to one, one axis divided, or axes of length 1 added or removed.
    let elements: usize = row.iter().product();
    let fixed: Option<Vec<usize>> = wanted.iter().map(|&axis| usize::try_from(axis).ok()).collect();
    let target = match (fixed, wanted) {
        (Some(fixed), _) => Some(fixed),
        (None, [_]) => Some(vec![elements]),
        (None, _) => None,
    };
    if let Some(target) = target
        && target.iter().product::<usize>() == elements
        && (known(&target).len() <= 1 || known(&row).len() <= 1 || known(&target) == known(&row))
    {
        return Ok((target, false));
    }
    let wanted: Vec<String> =
        wanted.iter().map(|&axis| if axis < 0 { "any".to_owned() } else { axis.to_string() }).collect();
    Err(format!("its input `{name}` is [batch, {}], and a record is {row:?}", wanted.join(", ")))
}
