//! A model, ready to be asked: what it takes from the records, in which type and shape, and phi of its answers.

use std::ops::Range;
use std::path::{Path, PathBuf};

use ort::session::{Session, SessionInputValue};
use ort::value::{TensorElementType, TensorRef, ValueType};

use super::LiraError;
use super::records::{Column, Records, Values};
use super::runtime::{Device, Runtime};
use super::signal;

/// Which records a model is asked about, in this order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Places<'a> {
    /// Neighbours.
    Range(&'a Range<usize>),
    /// Any.
    Picked(&'a [usize]),
}

impl Places<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Picked(places) => places.len(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + Clone {
        let (range, picked) = match *self {
            Self::Range(range) => (range.clone(), [].as_slice()),
            Self::Picked(places) => (0..0, places),
        };
        range.chain(picked.iter().copied())
    }
}

/// A type of numbers that models take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F32,
    F64,
    U8,
    I32,
    I64,
    Bool,
}

/// Where an input comes from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// The column of this number.
    Column(usize),
    /// Ones as far as a record's text goes, then zeros.
    Mask,
    /// Zeros.
    Zeros,
}

#[derive(Debug)]
struct Input {
    name: String,
    kind: Kind,
    source: Source,
    /// The axes of one row as the model takes them; a text's first axis where it is cut to what a batch needs.
    axes: Vec<usize>,
    is_cut: bool,
}

/// How far the text of each record goes [R], where there is text.
type Lengths = Option<Vec<usize>>;

/// A model that is loaded.
pub(super) struct Network {
    session: Session,
    path: PathBuf,
    inputs: Vec<Input>,
    output: usize,
    lengths: Lengths,
    /// Rows asked about at once; all batches have as many.
    batch: usize,
    /// Whether a batch may not have another size.
    is_fixed: bool,
    memory: Vec<Buffer>,
}

impl Network {
    /// Loads the model at `path` and sees what it takes of `records`. `batch` rows at once, if the model leaves it open;
    /// without it as many as suit device and model.
    pub(super) fn open(
        path: &Path,
        runtime: &Runtime,
        records: &Records,
        batch: Option<usize>,
    ) -> Result<Self, LiraError> {
        let fail = |problem: String| LiraError::Network { path: path.to_owned(), problem };
        let session = runtime.open(path).map_err(|problem| fail(format!("ONNX Runtime cannot load it: {problem}")))?;
        let lengths = lengths(records);
        let inputs = inputs(&session, records, &lengths).map_err(fail)?;
        let output = output(&session).map_err(fail)?;
        let fixed = fixed_batch(&session);
        let suitable = || default_batch(runtime.device(), &inputs);
        let memory = inputs.iter().map(|input| Buffer::new(input.kind)).collect();
        let batch = fixed.or(batch).unwrap_or_else(suitable).max(1);
        Ok(Self { session, path: path.to_owned(), inputs, output, lengths, batch, is_fixed: fixed.is_some(), memory })
    }

    /// Phi of the records at `places`, in this order. `tick` is told how many were answered since it was last told;
    /// when it says `false` the answer is `None`.
    pub(super) fn phi(
        &mut self,
        records: &Records,
        places: Places<'_>,
        tick: &dyn Fn(usize) -> bool,
    ) -> Result<Option<Vec<f64>>, LiraError> {
        let sorted;
        let (places, order) = match &self.lengths {
            None => (places, None),
            Some(lengths) => {
                // Texts of like length together, so that little of a batch is padding.
                let all: Vec<usize> = places.iter().collect();
                let mut order: Vec<usize> = (0..all.len()).collect();
                order.sort_by_key(|&at| lengths[all[at]]);
                sorted = order.iter().map(|&at| all[at]).collect::<Vec<_>>();
                (Places::Picked(&sorted), Some(order))
            }
        };
        let size = self.batch_for(places.len());
        let mut found = Vec::with_capacity(places.len());
        let mut from = 0;
        while from < places.len() {
            let to = (from + size).min(places.len());
            let rows = Rows::new(places, from..to, size);
            let before = found.len();
            self.ask(records, &rows, &mut found)?;
            if !tick(found.len() - before) {
                return Ok(None);
            }
            from = to;
        }
        Ok(Some(match order {
            None => found,
            Some(order) => {
                let mut in_order = vec![0.0; found.len()];
                order.into_iter().zip(found).for_each(|(at, phi)| in_order[at] = phi);
                in_order
            }
        }))
    }

    /// Rows in a batch, for `total` in all: as even as may be, so that little of the last one is padding.
    fn batch_for(&self, total: usize) -> usize {
        if self.is_fixed { self.batch } else { total.div_ceil(total.div_ceil(self.batch).max(1)).max(1) }
    }

    /// Asks about one batch and appends phi of its rows.
    fn ask(&mut self, records: &Records, rows: &Rows, found: &mut Vec<f64>) -> Result<(), LiraError> {
        let longest = match &self.lengths {
            None => 0,
            Some(lengths) => rows.places.iter().map(|&place| lengths[place]).max().unwrap_or(1).max(1),
        };
        let fail = |problem: String| LiraError::Network { path: self.path.clone(), problem };
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(self.inputs.len());
        for (input, memory) in self.inputs.iter().zip(&mut self.memory) {
            let mut axes = vec![rows.size];
            axes.extend(&input.axes);
            if input.is_cut {
                axes[1] = longest.min(input.axes[0]);
            }
            let value = value(input, records, rows, &self.lengths, &axes, memory);
            values.push((&input.name, value.map_err(fail)?));
        }
        let outputs = self.session.run(values).map_err(|error| fail(format!("it cannot be run: {error}")))?;
        let output = &outputs[self.output];
        let wide;
        let (shape, logits): (Vec<i64>, &[f32]) = if let Ok((shape, logits)) = output.try_extract_tensor::<f32>() {
            (shape.to_vec(), logits)
        } else if let Ok((shape, logits)) = output.try_extract_tensor::<f64>() {
            wide = logits.iter().map(|&logit| logit as f32).collect::<Vec<_>>();
            (shape.to_vec(), &wide)
        } else {
            return Err(fail(format!("its answers are {} and should be 32-bit floats", output.dtype())));
        };
        let classes = match shape.as_slice() {
            &[batch, classes] if batch == rows.size as i64 && classes >= 2 => classes as usize,
            _ => {
                let wanted = format!("[{}, classes] with two classes or more", rows.size);
                return Err(fail(format!("its answers have the shape {shape:?} and should have {wanted}")));
            }
        };
        for (logits, &place) in logits.chunks_exact(classes).zip(rows.asked()) {
            let class = records.labels[place];
            if class >= classes {
                return Err(fail(format!("a record has the class {class}, and the model knows 0 to {}", classes - 1)));
            }
            let phi = signal::phi(logits, class);
            if !phi.is_finite() {
                return Err(fail(format!("its answer for a record is not a finite number: {logits:?}")));
            }
            found.push(phi);
        }
        Ok(())
    }
}

/// The rows of a batch; the last one is repeated where there are too few.
struct Rows {
    places: Vec<usize>,
    asked: usize,
    size: usize,
    /// Whether they are neighbours in ascending order, none repeated.
    neighbours: bool,
}

impl Rows {
    fn new(all: Places<'_>, range: Range<usize>, size: usize) -> Self {
        let asked = range.len();
        let (mut places, neighbours) = match all {
            Places::Range(all) => ((all.start + range.start..all.start + range.end).collect::<Vec<_>>(), asked == size),
            Places::Picked(all) => (all[range].to_vec(), false),
        };
        let last = places.last().copied().unwrap_or_default();
        places.resize(size, last);
        Self { places, asked, size, neighbours }
    }

    fn asked(&self) -> &[usize] {
        &self.places[..self.asked]
    }
}

/// Memory in which a batch of one input is put together.
enum Buffer {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U8(Vec<u8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    Bool(Vec<bool>),
}

impl Buffer {
    fn new(kind: Kind) -> Self {
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

fn value<'a>(
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

fn tensor<'a, T: ort::value::PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static>(
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

/// How far each record's text goes: by `lengths`, else up to the last one of `attention_mask`.
fn lengths(records: &Records) -> Lengths {
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

fn inputs(session: &Session, records: &Records, lengths: &Lengths) -> Result<Vec<Input>, String> {
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

/// The number of the output that is the logits: the only one, or the one of this name.
fn output(session: &Session) -> Result<usize, String> {
    let outputs = session.outputs();
    let named = outputs.iter().position(|output| output.name() == "logits");
    match (outputs.len(), named) {
        (1, _) => Ok(0),
        (_, Some(at)) => Ok(at),
        (count, None) => Err(format!("it has {count} outputs, and none is called `logits`")),
    }
}

/// The size of a batch where the model does not leave it open.
fn fixed_batch(session: &Session) -> Option<usize> {
    let shapes = session.inputs().iter().filter_map(|input| input.dtype().tensor_shape());
    shapes.filter_map(|shape| shape.first()).find_map(|&batch| usize::try_from(batch).ok().filter(|&batch| batch > 0))
}

/// Few rows of many numbers fill a processor's caches; a GPU wants many.
fn default_batch(device: Device, inputs: &[Input]) -> usize {
    let is_text = inputs.iter().any(|input| matches!(input.kind, Kind::I64 | Kind::I32));
    let is_image = inputs.iter().any(|input| input.axes.len() > 1);
    match (device, is_text, is_image) {
        (Device::Cpu, true, _) => 32,
        (Device::Cpu, false, true) => 64,
        (Device::Cpu, false, false) => 1024,
        (Device::Cuda, true, _) => 256,
        (Device::Cuda, false, true) => 2048,
        (Device::Cuda, false, false) => 16384,
    }
}
