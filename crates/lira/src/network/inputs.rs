//! What a model takes: which array of the records goes to which input, in which type and shape.

use ort::session::Session;
use ort::value::{TensorElementType, ValueType};

use crate::records::{Column, Records, Values};

/// A type of numbers that models take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F64,
    U8,
    I32,
    I64,
    Bool,
}

/// Where an input comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// The column of this number.
    Column(usize),
    /// Ones as far as a record's text goes, then zeros.
    Mask,
    /// Zeros.
    Zeros,
}

#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) source: Source,
    /// The axes of one row as the model takes them; a text's first axis where it is cut to what a batch needs.
    pub(super) axes: Vec<usize>,
    pub(super) is_cut: bool,
}

/// How far the text of each record goes [R], where there is text.
pub(super) type Lengths = Option<Vec<usize>>;

/// How far each record's text goes: by `lengths`, else up to the last one of `attention_mask`.
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
            values.chunks(width).map(|row| reach(row.iter().rposition(|&value| value != 0))).collect()
        }
        Values::Bytes(values) => {
            values.chunks(width).map(|row| reach(row.iter().rposition(|&value| value != 0))).collect()
        }
        Values::Floats(values) => {
            values.chunks(width).map(|row| reach(row.iter().rposition(|&value| value != 0.0))).collect()
        }
    };
    Some(known)
}

fn reach(last: Option<usize>) -> usize {
    last.map_or(0, |last| last + 1)
}

/// The shape of an input or output, if it is a tensor; an axis of any length is below 0.
fn shape(dtype: &ValueType) -> Result<(TensorElementType, Vec<i64>), String> {
    match (dtype.tensor_type(), dtype.tensor_shape()) {
        (Some(kind), Some(shape)) => Ok((kind, shape.to_vec())),
        _ => Err(format!("it takes or gives {dtype}, which is no array")),
    }
}

pub(super) fn inputs(session: &Session, records: &Records, lengths: &Lengths) -> Result<Vec<Input>, String> {
    let mut inputs = Vec::new();
    let mut x_is_free = records.column("x").is_some();
    for outlet in session.inputs() {
        let name = outlet.name();
        let (kind, shape) = shape(outlet.dtype())?;
        let kind = match kind {
            TensorElementType::Float32 => Kind::F32,
            TensorElementType::Float64 => Kind::F64,
            TensorElementType::Uint8 => Kind::U8,
            TensorElementType::Int32 => Kind::I32,
            TensorElementType::Int64 => Kind::I64,
            TensorElementType::Bool => Kind::Bool,
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
        let (axes, is_cut) = axes(name, &shape, source, records, lengths)?;
        inputs.push(Input { name: name.to_owned(), kind, source, axes, is_cut });
    }
    if inputs.is_empty() {
        return Err("it takes nothing".to_owned());
    }
    let floats = |input: &&Input| match input.source {
        Source::Column(column) => {
            !matches!(input.kind, Kind::F32 | Kind::F64) && matches!(records.columns[column].values, Values::Floats(_))
        }
        _ => false,
    };
    if let Some(input) = inputs.iter().find(floats) {
        return Err(format!("it takes whole numbers for `{}`, and the records have fractions", input.name));
    }
    Ok(inputs)
}

/// The axes of a row as a model with this input `shape` takes them, and whether its first may be cut.
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
        let is_cut = lengths.is_some() && wanted.first().is_some_and(|&axis| axis < 0) && row.len() == 1 && row[0] > 1;
        return Ok((row, is_cut));
    }
    // Other axes for the same numbers are taken where it is clear what is meant: all in one axis, one axis in many, or
    // axes of length 1 more or less.
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
