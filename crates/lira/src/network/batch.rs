//! One batch for one model: its records, and their numbers in the type and shape that the model
//! takes.

use std::ops::Range;

use ort::session::SessionInputValue;
use ort::value::{PrimitiveTensorElementType, TensorRef};

use super::inputs::{Element, Input, Lengths, Source};
use crate::records::{Records, Values};

/// The records that a model is queried on, by their index in [`Records`], in this order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RecordIndices<'a> {
    /// Consecutive records, which can be passed on without a copy.
    Range(&'a Range<usize>),
    /// Any records.
    List(&'a [usize]),
}

impl RecordIndices<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(indices) => indices.len(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + Clone {
        let (range, list) = match *self {
            Self::Range(range) => (range.clone(), [].as_slice()),
            Self::List(indices) => (0..0, indices),
        };
        range.chain(list.iter().copied())
    }
}

/// The rows of a batch, padded to its size by repeating the last record.
pub(super) struct BatchRows {
    /// Which record each row is `[size]`.
    pub(super) indices: Vec<usize>,
    /// Rows before the padding.
    real: usize,
    pub(super) size: usize,
    /// Whether they are consecutive records without padding.
    is_contiguous: bool,
}

impl BatchRows {
    /// The records of `all` at the positions in `range`, padded to `size`.
    pub(super) fn new(all: RecordIndices<'_>, range: Range<usize>, size: usize) -> Self {
        let real = range.len();
        let (mut indices, is_contiguous) = match all {
            RecordIndices::Range(all) => {
                ((all.start + range.start..all.start + range.end).collect::<Vec<_>>(), real == size)
            }
            RecordIndices::List(all) => (all[range].to_vec(), false),
        };
        let last = indices.last().copied().unwrap_or_default();
        indices.resize(size, last);
        Self { indices, real, size, is_contiguous }
    }

    /// The records without the padding.
    pub(super) fn real(&self) -> &[usize] {
        &self.indices[..self.real]
    }
}

/// The numbers of one input for a batch; kept from batch to batch so that memory is allocated once.
pub(super) enum Buffer {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U8(Vec<u8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    Bool(Vec<bool>),
}

impl Buffer {
    pub(super) fn new(element: Element) -> Self {
        match element {
            Element::F32 => Self::F32(Vec::new()),
            Element::F64 => Self::F64(Vec::new()),
            Element::U8 => Self::U8(Vec::new()),
            Element::I32 => Self::I32(Vec::new()),
            Element::I64 => Self::I64(Vec::new()),
            Element::Bool => Self::Bool(Vec::new()),
        }
    }
}

/// One input's part of a batch, of the shape `axes`, batch axis included: a view of the records
/// where they can be used as they are, else a copy in `buffer`.
///
/// # Errors
/// A number that does not fit in the input's type, as a sentence that follows the model's path.
pub(super) fn value<'a>(
    input: &Input,
    records: &'a Records,
    rows: &BatchRows,
    lengths: &Lengths,
    axes: &[usize],
    buffer: &'a mut Buffer,
) -> Result<SessionInputValue<'a>, String> {
    if let (Source::Column(column), Buffer::F32(_), true) = (input.source, &*buffer, rows.is_contiguous) {
        let column = &records.columns[column];
        if let Values::Floats(values) = &column.values {
            let start = rows.indices[0] * column.width();
            return tensor(axes, &values[start..start + rows.size * column.width()]);
        }
    }
    let copy = InputCopy { input, records, rows, lengths, width: if input.is_trimmed { Some(axes[1]) } else { None } };
    match buffer {
        Buffer::F32(values) => tensor(axes, copy.fill(values, |v| v, f32::from, |v| Ok(v as f32))?),
        Buffer::F64(values) => tensor(axes, copy.fill(values, f64::from, f64::from, |v| Ok(v as f64))?),
        Buffer::U8(values) => tensor(axes, copy.fill(values, |v| v as u8, |v| v, |v| narrow(v, "bytes"))?),
        Buffer::I32(values) => tensor(axes, copy.fill(values, |v| v as i32, i32::from, |v| narrow(v, "32 bits"))?),
        Buffer::I64(values) => tensor(axes, copy.fill(values, |v| v as i64, i64::from, Ok)?),
        Buffer::Bool(values) => tensor(axes, copy.fill(values, |v| v != 0.0, |v| v != 0, |v| Ok(v != 0))?),
    }
}

fn narrow<T: TryFrom<i64>>(value: i64, what: &str) -> Result<T, String> {
    T::try_from(value).map_err(|_| format!("it takes numbers of {what}, and a record has {value}"))
}

fn tensor<'a, T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static>(
    axes: &[usize],
    values: &'a [T],
) -> Result<SessionInputValue<'a>, String> {
    TensorRef::from_array_view((axes.to_vec(), values)).map(SessionInputValue::from).map_err(|error| error.to_string())
}

/// Copies one input's part of a batch out of the records.
struct InputCopy<'a> {
    input: &'a Input,
    records: &'a Records,
    rows: &'a BatchRows,
    lengths: &'a Lengths,
    /// Elements taken from each row; `None` takes all.
    width: Option<usize>,
}

impl InputCopy<'_> {
    /// Fills `buffer` row by row; `float`, `byte` and `integer` convert an element of a column to
    /// `T`.
    fn fill<'b, T: Copy>(
        &self,
        buffer: &'b mut Vec<T>,
        float: impl Fn(f32) -> T,
        byte: impl Fn(u8) -> T,
        integer: impl Fn(i64) -> Result<T, String>,
    ) -> Result<&'b [T], String> {
        buffer.clear();
        let width = self.width.unwrap_or_else(|| self.input.axes.iter().product());
        for &index in &self.rows.indices {
            match self.input.source {
                Source::Zeros => buffer.extend(std::iter::repeat_n(byte(0), width)),
                Source::Mask => {
                    let length = self.lengths.as_ref().map_or(width, |lengths| lengths[index]);
                    buffer.extend((0..width).map(|at| byte(u8::from(at < length))));
                }
                Source::Column(column) => {
                    let column = &self.records.columns[column];
                    let row = index * column.width()..index * column.width() + width;
                    match &column.values {
                        Values::Floats(values) => buffer.extend(values[row].iter().map(|&value| float(value))),
                        Values::Bytes(values) => buffer.extend(values[row].iter().map(|&value| byte(value))),
                        Values::Integers(values) => {
                            for &value in &values[row] {
                                buffer.push(integer(value)?);
                            }
                        }
                    }
                }
            }
        }
        Ok(buffer)
    }
}
