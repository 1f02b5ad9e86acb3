//! A model loaded into ONNX Runtime: runs it on records, batch by batch, and gives phi of its
//! answers.

mod batch;
mod inputs;

use std::path::{Path, PathBuf};

use ort::session::{Session, SessionInputValue};

pub(super) use self::batch::RecordIndices;
use self::batch::{BatchRows, Buffer};
use self::inputs::{Element, Input, Lengths};
use super::LiraError;
use super::records::Records;
use super::runtime::{Device, Runtime};
use super::signal;

/// A loaded model.
pub(super) struct Network {
    session: Session,
    path: PathBuf,
    inputs: Vec<Input>,
    /// The number of the output that is the logits.
    output: usize,
    lengths: Lengths,
    /// The largest batch, in records.
    batch: usize,
    /// Whether the model takes batches of this size only.
    is_fixed: bool,
    /// One buffer for each input.
    buffers: Vec<Buffer>,
}

impl Network {
    /// Loads the model at `path` and matches its inputs with the arrays of `records`.
    ///
    /// A model that fixes the size of its batches gets that size. For any other, batches have up to
    /// `batch` records, or by default what suits model and device.
    pub(super) fn open(
        path: &Path,
        runtime: &Runtime,
        records: &Records,
        batch: Option<usize>,
    ) -> Result<Self, LiraError> {
        let fail = |problem: String| LiraError::Network { path: path.to_owned(), problem };
        let session = runtime.open(path).map_err(|problem| fail(format!("ONNX Runtime cannot load it: {problem}")))?;
        let lengths = inputs::lengths(records);
        let inputs = inputs::inputs(&session, records, &lengths).map_err(fail)?;
        let output = output(&session).map_err(fail)?;
        let fixed = fixed_batch(&session);
        let suitable = || default_batch(runtime.device(), &inputs);
        let buffers = inputs.iter().map(|input| Buffer::new(input.element)).collect();
        let batch = fixed.or(batch).unwrap_or_else(suitable).max(1);
        Ok(Self { session, path: path.to_owned(), inputs, output, lengths, batch, is_fixed: fixed.is_some(), buffers })
    }

    /// Phi of the records at `indices`, in this order.
    ///
    /// `on_batch` is called after each batch with the number of its records; if it returns `false`,
    /// the run ends and the result is `None`.
    pub(super) fn phi(
        &mut self,
        records: &Records,
        indices: RecordIndices<'_>,
        on_batch: &dyn Fn(usize) -> bool,
    ) -> Result<Option<Vec<f64>>, LiraError> {
        let sorted;
        let (indices, order) = match &self.lengths {
            None => (indices, None),
            Some(lengths) => {
                // Texts of similar length go together, so that little of a batch is padding.
                let all: Vec<usize> = indices.iter().collect();
                let mut order: Vec<usize> = (0..all.len()).collect();
                order.sort_by_key(|&at| lengths[all[at]]);
                sorted = order.iter().map(|&at| all[at]).collect::<Vec<_>>();
                (RecordIndices::List(&sorted), Some(order))
            }
        };
        let size = self.batch_size_for(indices.len());
        let mut found = Vec::with_capacity(indices.len());
        for from in (0..indices.len()).step_by(size) {
            let to = (from + size).min(indices.len());
            self.run_batch(records, &BatchRows::new(indices, from..to, size), &mut found)?;
            if !on_batch(to - from) {
                return Ok(None);
            }
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

    /// Records in a batch, for `total` in all: batches as even as possible, so that little of the
    /// last one is padding.
    fn batch_size_for(&self, total: usize) -> usize {
        if self.is_fixed { self.batch } else { total.div_ceil(total.div_ceil(self.batch).max(1)).max(1) }
    }

    /// Runs the model on one batch and appends phi of its records to `found`.
    fn run_batch(&mut self, records: &Records, rows: &BatchRows, found: &mut Vec<f64>) -> Result<(), LiraError> {
        let longest = match &self.lengths {
            None => 0,
            Some(lengths) => rows.indices.iter().map(|&index| lengths[index]).max().unwrap_or(1).max(1),
        };
        let fail = |problem: String| LiraError::Network { path: self.path.clone(), problem };
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(self.inputs.len());
        for (input, buffer) in self.inputs.iter().zip(&mut self.buffers) {
            let mut axes = vec![rows.size];
            axes.extend(&input.axes);
            if input.is_trimmed {
                axes[1] = longest.min(input.axes[0]);
            }
            let value = batch::value(input, records, rows, &self.lengths, &axes, buffer);
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
        for (logits, &index) in logits.chunks_exact(classes).zip(rows.real()) {
            let class = records.labels[index];
            if class >= classes {
                return Err(fail(format!("a record has the class {class}, and the model knows 0 to {}", classes - 1)));
            }
            let phi = signal::phi(logits, class);
            if !phi.is_finite() {
                return Err(fail(format!(
                    "its answer for a record is not a finite number: {:?}",
                    &logits[..classes.min(5)]
                )));
            }
            found.push(phi);
        }
        Ok(())
    }
}

/// The number of the output that is the logits: the only output, or the one called `logits`.
fn output(session: &Session) -> Result<usize, String> {
    let outputs = session.outputs();
    let named = outputs.iter().position(|output| output.name() == "logits");
    match (outputs.len(), named) {
        (1, _) => Ok(0),
        (_, Some(at)) => Ok(at),
        (count, None) => Err(format!("it has {count} outputs, and none is called `logits`")),
    }
}

/// The size of a batch, if the model fixes it.
fn fixed_batch(session: &Session) -> Option<usize> {
    let shapes = session.inputs().iter().filter_map(|input| input.dtype().tensor_shape());
    shapes.filter_map(|shape| shape.first()).find_map(|&batch| usize::try_from(batch).ok().filter(|&batch| batch > 0))
}

/// The size of a batch where nothing else says it: small enough for a processor's caches, the
/// smaller the larger a record is; large enough to keep a GPU busy.
fn default_batch(device: Device, inputs: &[Input]) -> usize {
    let is_text = inputs.iter().any(|input| matches!(input.element, Element::I64 | Element::I32));
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
