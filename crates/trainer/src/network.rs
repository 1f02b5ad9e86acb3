//! A fully connected network, Linear - tanh - Linear: its weights, its logits and its gradient.
//!
//! This module knows nothing of how networks are trained (`sgd`) or written (`onnx`).

#[cfg(test)]
mod tests;

use kernel::{
    add_product, add_rows, add_transposed_product, padded, scale_rows, softmax, squares_of_rows, tanh_all,
    tanh_backward, transpose,
};
use ndarray::Axis;
use rand_chacha::rand_core::Rng;

use super::dataset::{Dataset, Scale};
use super::sgd::Examples;

/// The widths of a network's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Widths {
    /// Numbers in one record.
    pub(super) inputs: usize,
    /// Units of the hidden layer.
    pub(super) hidden: usize,
    /// Classes, one logit each.
    pub(super) classes: usize,
}

/// One dense layer. The weight from input i to output o is `weights[i * columns + o]`.
///
/// Columns from `outputs` on are padding for the kernel, and so are rows from `inputs` on where the
/// input is padded. They start at zero and stay zero, because their gradients are always zero.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Layer {
    /// A layer of zeros; in memory, its weights have `rows` rows, at least `inputs`.
    fn zero(inputs: usize, rows: usize, outputs: usize) -> Self {
        let columns = padded(outputs);
        Self { inputs, outputs, weights: vec![0.0; rows * columns], bias: vec![0.0; columns] }
    }

    /// The columns of the weights in memory, padding included.
    pub(super) fn columns(&self) -> usize {
        self.bias.len()
    }

    /// The rows of the weights in memory, padding included.
    fn rows(&self) -> usize {
        self.weights.len() / self.columns()
    }

    /// Draws weights and bias uniformly between -1/sqrt(inputs) and 1/sqrt(inputs).
    fn draw(&mut self, rng: &mut impl Rng) {
        let bound = 1.0 / (self.inputs as f32).sqrt();
        for weight in self.real_parameters_mut() {
            *weight = bound * (2.0 * unit(rng) - 1.0);
        }
    }

    /// The weights, input by input, then the bias, without padding.
    fn real_parameters_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        let (inputs, outputs, columns) = (self.inputs, self.outputs, self.columns());
        let rows = self.weights.chunks_mut(columns).take(inputs).chain([self.bias.as_mut_slice()]);
        rows.flat_map(move |row| &mut row[..outputs])
    }

    /// Writes `input` x weights + bias to `output`, a row for each row of `input`.
    fn apply(&self, input: &[f32], output: &mut Vec<f32>) {
        let records = input.len() / self.rows();
        output.clear();
        for _ in 0..records {
            output.extend_from_slice(&self.bias);
        }
        add_product(input, &self.weights, output, self.columns());
    }

    /// Sets this layer, which is a gradient, to the sum over the records of the outer products of
    /// `input` and `delta`.
    fn set_gradient(&mut self, input: &[f32], delta: &[f32], memory: &mut Vec<f32>) {
        self.weights.fill(0.0);
        self.bias.fill(0.0);
        let columns = self.columns();
        add_transposed_product(input, delta, &mut self.weights, columns, memory);
        add_rows(delta, &mut self.bias);
    }
}

/// A number in [0, 1) with 24 random bits.
fn unit(rng: &mut impl Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1_u32 << 24) as f32
}

/// A network with its weights. Gradients and velocities have the same shape and the same type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    pub(super) first: Layer,
    pub(super) second: Layer,
}

/// Scaled records for one pass: `records` `[n, inputs]`, `labels` `[n]`, and `squares` `[n]`, the
/// squared norm of each record.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<f32>,
    pub(super) labels: Vec<usize>,
    pub(super) squares: Vec<f32>,
}

impl Batch {
    /// Rows in a batch when a network is evaluated.
    pub(super) const EVALUATION_ROWS: usize = 1_024;

    /// Sets the batch to the given rows of `examples`, scaled.
    pub(super) fn gather(&mut self, examples: Examples<'_>, rows: &[usize]) {
        let Examples { x, y, squares, scale } = examples;
        let inputs = x.len() / y.len();
        self.records.resize(rows.len() * inputs, 0.0);
        for (record, &row) in self.records.chunks_mut(inputs).zip(rows) {
            kernel::scale(&x[row * inputs..][..inputs], scale.shift, scale.factor, record);
        }
        self.labels.clear();
        self.labels.extend(rows.iter().map(|&row| y[row]));
        self.squares.clear();
        self.squares.extend(rows.iter().map(|&row| squares[row]));
    }
}

/// How the gradients of a batch's records are combined.
#[derive(Clone, Copy)]
pub(super) enum Weighting {
    /// Their mean, which is the gradient of the mean loss.
    Mean,
    /// Their sum, each scaled down to `norm` if it is longer.
    Clipped {
        /// The largest Euclidean norm that one record's gradient has in the sum.
        norm: f32,
    },
}

/// Scales clipped gradients a little further down, so that rounding in single precision cannot lift
/// one above the norm: the error of eight sums of up to 8,192 squares each, those of the widest
/// layer, is smaller than this margin.
const CLIP_MARGIN: f32 = 1.0 - 1e-4;

/// Memory for one pass over a batch, kept between batches.
#[derive(Default)]
pub(super) struct Workspace {
    hidden: Vec<f32>,
    delta_hidden: Vec<f32>,
    delta_logits: Vec<f32>,
    transposed: Vec<f32>,
    weights: Vec<f32>,
    /// The squared norms of the activations, of the deltas of the hidden layer and of the deltas of
    /// the logits.
    squares: [Vec<f32>; 3],
}

impl Network {
    /// A network of zeros.
    pub(super) fn zero(widths: Widths) -> Self {
        Self {
            first: Layer::zero(widths.inputs, widths.inputs, widths.hidden),
            second: Layer::zero(widths.hidden, padded(widths.hidden), widths.classes),
        }
    }

    /// A network to start training from, with each weight uniform between -1/sqrt(n) and 1/sqrt(n)
    /// for the n inputs of its layer.
    pub(super) fn draw(widths: Widths, rng: &mut impl Rng) -> Self {
        let mut network = Self::zero(widths);
        network.first.draw(rng);
        network.second.draw(rng);
        network
    }

    /// The widths of the network.
    pub(super) fn widths(&self) -> Widths {
        Widths { inputs: self.first.inputs, hidden: self.first.outputs, classes: self.second.outputs }
    }

    /// The logits of `records` `[n, inputs]` row by row, as `[n, classes]`.
    pub(super) fn logits(&self, records: &[f32]) -> Vec<f32> {
        let (mut hidden, mut logits) = (Vec::new(), Vec::new());
        self.forward(records, &mut hidden, &mut logits);
        let rows = logits.chunks(self.second.columns());
        rows.flat_map(|row| row[..self.second.outputs].iter().copied()).collect()
    }

    fn forward(&self, records: &[f32], hidden: &mut Vec<f32>, logits: &mut Vec<f32>) {
        self.first.apply(records, hidden);
        tanh_all(hidden);
        self.second.apply(hidden, logits);
    }

    /// Sets `gradient` to the gradient of the cross-entropy over a batch, combined as `weighting`
    /// says. The batch may be empty.
    pub(super) fn gradient(&self, batch: &Batch, weighting: Weighting, gradient: &mut Network, memory: &mut Workspace) {
        self.forward(&batch.records, &mut memory.hidden, &mut memory.delta_logits);
        let columns = self.second.columns();
        softmax(&mut memory.delta_logits, columns, self.second.outputs);
        for (row, &label) in memory.delta_logits.chunks_mut(columns).zip(&batch.labels) {
            row[label] -= 1.0;
        }

        transpose(&self.second.weights, self.second.columns(), &mut memory.transposed);
        memory.delta_hidden.clear();
        memory.delta_hidden.resize(memory.hidden.len(), 0.0);
        let columns = self.first.columns();
        // Padded columns of the logits are multiplied with padded rows of the transposed weights:
        // zero times zero.
        add_product(&memory.delta_logits, &memory.transposed, &mut memory.delta_hidden, columns);
        tanh_backward(&mut memory.delta_hidden, &memory.hidden);

        self.weight_deltas(batch, weighting, memory);
        gradient.second.set_gradient(&memory.hidden, &memory.delta_logits, &mut memory.transposed);
        gradient.first.set_gradient(&batch.records, &memory.delta_hidden, &mut memory.transposed);
    }

    /// Multiplies the deltas of every record by the record's weight, and thereby its whole
    /// gradient.
    ///
    /// The gradient of a dense layer for one record is the outer product of the layer's input (with
    /// a 1 for the bias) and its delta. Its squared norm is therefore (|input|^2 + 1) |delta|^2,
    /// which can be computed without the gradient: I. Goodfellow, "Efficient Per-Example Gradient
    /// Computations", 2015.
    fn weight_deltas(&self, batch: &Batch, weighting: Weighting, memory: &mut Workspace) {
        let (hidden, logits) = (self.first.columns(), self.second.columns());
        let Workspace { weights, squares: [activations, first, second], .. } = memory;
        weights.clear();
        match weighting {
            Weighting::Mean => weights.resize(batch.labels.len(), 1.0 / batch.labels.len() as f32),
            Weighting::Clipped { norm } => {
                squares_of_rows(&memory.hidden, hidden, activations);
                squares_of_rows(&memory.delta_hidden, hidden, first);
                squares_of_rows(&memory.delta_logits, logits, second);
                let deltas = first.iter().zip(second);
                let inputs = batch.squares.iter().zip(activations);
                weights.extend(deltas.zip(inputs).map(|((first, second), (record, activation))| {
                    let square = *first * (record + 1.0) + *second * (*activation + 1.0);
                    (CLIP_MARGIN * norm / square.sqrt()).min(1.0)
                }));
            }
        }
        scale_rows(&mut memory.delta_hidden, hidden, weights);
        scale_rows(&mut memory.delta_logits, logits, weights);
    }

    /// Folds the scaling of records into the first layer: afterwards the network gives the same
    /// logits for an unscaled record as before for the scaled one.
    pub(super) fn absorb_scale(&mut self, scale: Scale) {
        let columns = self.first.columns();
        for row in self.first.weights.chunks_mut(columns) {
            for (weight, bias) in row.iter_mut().zip(&mut self.first.bias) {
                *weight *= scale.factor;
                *bias -= *weight * scale.shift;
            }
        }
    }

    /// Whether every weight is finite.
    pub(super) fn is_finite(&self) -> bool {
        let parts = [&self.first.weights, &self.first.bias, &self.second.weights, &self.second.bias];
        parts.into_iter().flatten().all(|weight| weight.is_finite())
    }

    /// All weights, layer by layer, without the padding.
    pub(super) fn real_parameters_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.first.real_parameters_mut().chain(self.second.real_parameters_mut())
    }

    /// All weights, layer by layer, padding included, in the same order for all networks of equal
    /// widths.
    pub(super) fn parameters_mut(&mut self) -> [&mut [f32]; 4] {
        let (first, second) = (&mut self.first, &mut self.second);
        [&mut first.weights, &mut first.bias, &mut second.weights, &mut second.bias]
    }
}

/// How many of `rows` the network classifies correctly.
pub(super) fn count_correct(network: &Network, dataset: &Dataset, rows: &[usize]) -> usize {
    let records: Vec<f32> = dataset.x().select(Axis(0), rows).into_iter().collect();
    let labels: Vec<usize> = rows.iter().map(|&row| dataset.y()[row]).collect();
    count_largest_at(&network.logits(&records), &labels, dataset.classes())
}

/// How many rows of `logits` `[n, classes]` are largest at their label. Of equal logits the first
/// counts as the largest.
fn count_largest_at(logits: &[f32], labels: &[usize], classes: usize) -> usize {
    let rows = logits.chunks(classes).zip(labels);
    rows.filter(|(row, label)| {
        let before = row[..**label].iter().all(|logit| *logit < row[**label]);
        before && row[**label..].iter().all(|logit| *logit <= row[**label])
    })
    .count()
}
