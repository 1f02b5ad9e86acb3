//! One batch of one model: the rows it is asked about, and their numbers put together as the model takes them.

use std::ops::Range;

use ort::session::SessionInputValue;
use ort::value::{PrimitiveTensorElementType, TensorRef};

use super::inputs::{Input, Kind, Lengths, Source};
use crate::records::{Records, Values};

/// Which records a model is asked about, in this order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Places<'a> {
    /// Neighbours.
    Range(&'a Range<usize>),
    /// Any.
    Picked(&'a [usize]),
}

impl Places<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Picked(places) => places.len(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + Clone {
        let (range, picked) = match *self {
            Self::Range(range) => (range.clone(), [].as_slice()),
            Self::Picked(places) => (0..0, places),
        };
        range.chain(picked.iter().copied())
    }
}

/// The rows of a batch; the last one is repeated where there are too few.
pub(super) struct Rows {
    pub(super) places: Vec<usize>,
    asked: usize,
    pub(super) size: usize,
    /// Whether they are neighbours in ascending order, none repeated.
    neighbours: bool,
}

impl Rows {
    pub(super) fn new(all: Places<'_>, range: Range<usize>, size: usize) -> Self {
        let asked = range.len();
        let (mut places, neighbours) = match all {
            Places::Range(all) => ((all.start + range.start..all.start + range.end).collect::<Vec<_>>(), asked == size),
            Places::Picked(all) => (all[range].to_vec(), false),
        };
        let last = places.last().copied().unwrap_or_default();
        places.resize(size, last);
        Self { places, asked, size, neighbours }
    }

    pub(super) fn asked(&self) -> &[usize] {
        &self.places[..self.asked]
    }
}

/// Memory in which a batch of one input is put together.
pub(super) enum Buffer {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U8(Vec<u8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    Bool(Vec<bool>),
}

impl Buffer {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::F32 => Self::F32(Vec::new()),
            Kind::F64 => Self::F64(Vec::new()),
            Kind::U8 => Self::U8(Vec::new()),
            Kind::I32 => Self::I32(Vec::new()),
            Kind::I64 => Self::I64(Vec::new()),
            Kind::Bool => Self::Bool(Vec::new()),
        }
    }
}

pub(super) fn value<'a>(
    input: &Input,
    records: &'a Records,
    rows: &Rows,
    lengths: &Lengths,
    axes: &[usize],
    memory: &'a mut Buffer,
) -> Result<SessionInputValue<'a>, String> {
    if let (Source::Column(column), Buffer::F32(_), true) = (input.source, &*memory, rows.neighbours) {
        let column = &records.columns[column];
        if let Values::Floats(values) = &column.values {
            let start = rows.places[0] * column.width();
            return tensor(axes, &values[start..start + rows.size * column.width()]);
        }
    }
    let put = Put { input, records, rows, lengths, cut: if input.is_cut { Some(axes[1]) } else { None } };
    match memory {
        Buffer::F32(memory) => tensor(axes, put.together(memory, |v| v, f32::from, |v| Ok(v as f32))?),
        Buffer::F64(memory) => tensor(axes, put.together(memory, f64::from, f64::from, |v| Ok(v as f64))?),
        Buffer::U8(memory) => tensor(axes, put.together(memory, |v| v as u8, |v| v, |v| narrow(v, "bytes"))?),
        Buffer::I32(memory) => tensor(axes, put.together(memory, |v| v as i32, i32::from, |v| narrow(v, "32 bits"))?),
        Buffer::I64(memory) => tensor(axes, put.together(memory, |v| v as i64, i64::from, Ok)?),
        Buffer::Bool(memory) => tensor(axes, put.together(memory, |v| v != 0.0, |v| v != 0, |v| Ok(v != 0))?),
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

/// What one input's part of a batch is put together from.
struct Put<'a> {
    input: &'a Input,
    records: &'a Records,
    rows: &'a Rows,
    lengths: &'a Lengths,
    /// How many elements of each row, where not all.
    cut: Option<usize>,
}

impl Put<'_> {
    fn together<'m, T: Copy>(
        &self,
        memory: &'m mut Vec<T>,
        float: impl Fn(f32) -> T,
        byte: impl Fn(u8) -> T,
        integer: impl Fn(i64) -> Result<T, String>,
    ) -> Result<&'m [T], String> {
        memory.clear();
        let width = self.cut.unwrap_or_else(|| self.input.axes.iter().product());
        for &place in &self.rows.places {
            match self.input.source {
                Source::Zeros => memory.extend(std::iter::repeat_n(byte(0), width)),
                Source::Mask => {
                    let length = self.lengths.as_ref().map_or(width, |lengths| lengths[place]);
                    memory.extend((0..width).map(|at| byte(u8::from(at < length))));
                }
                Source::Column(column) => {
                    let column = &self.records.columns[column];
                    let row = place * column.width()..place * column.width() + width;
                    match &column.values {
                        Values::Floats(values) => memory.extend(values[row].iter().map(|&value| float(value))),
                        Values::Bytes(values) => memory.extend(values[row].iter().map(|&value| byte(value))),
                        Values::Integers(values) => {
                            for &value in &values[row] {
                                memory.push(integer(value)?);
                            }
                        }
                    }
                }
            }
        }
        Ok(memory)
    }
}
