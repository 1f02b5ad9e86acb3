//! A model, ready to be asked: phi of its answers, batch by batch.

mod batch;
mod inputs;

use std::path::{Path, PathBuf};

use ort::session::{Session, SessionInputValue};

pub(super) use self::batch::Places;
use self::batch::{Buffer, Rows};
use self::inputs::{Input, Kind, Lengths};
use super::LiraError;
use super::records::Records;
use super::runtime::{Device, Runtime};
use super::signal;

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
        let lengths = inputs::lengths(records);
        let inputs = inputs::inputs(&session, records, &lengths).map_err(fail)?;
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
        for from in (0..places.len()).step_by(size) {
            let to = (from + size).min(places.len());
            self.ask(records, &Rows::new(places, from..to, size), &mut found)?;
            if !tick(to - from) {
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
            let value = batch::value(input, records, rows, &self.lengths, &axes, memory);
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
