//! A fully connected network, Linear - tanh - Linear: its weights, its logits and its gradient.
//!
//! It knows nothing of how it is trained (`sgd`) or written (`onnx`).

use rand_chacha::rand_core::Rng;

use super::kernel::{add_product, add_transposed_product, exp, padded, tanh};

/// The widths of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// Numbers in one record.
    pub inputs: usize,
    /// Units of the hidden layer.
    pub hidden: usize,
    /// Classes, one logit each.
    pub classes: usize,
}

/// One dense layer: the weight from input i to output o is `weights[i * columns + o]`.
///
/// Columns from `outputs` on, and rows from `inputs` on where the input is itself padded, are padding for the
/// kernel. They begin at zero and stay there, because every gradient that reaches them is zero.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Layer {
    /// A layer of zeros whose weights have `rows` rows in memory, at least `inputs`.
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

    /// Draws weights and bias uniformly from +-1/sqrt(inputs).
    fn draw(&mut self, rng: &mut impl Rng) {
        let bound = 1.0 / (self.inputs as f32).sqrt();
        let (outputs, columns) = (self.outputs, self.columns());
        let rows = self.weights.chunks_mut(columns).take(self.inputs);
        for row in rows.chain([self.bias.as_mut_slice()]) {
            for weight in &mut row[..outputs] {
                *weight = bound * (2.0 * unit(rng) - 1.0);
            }
        }
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

    /// Sets this layer, as a gradient, to the sum over records of `input` outer `delta`.
    fn set_gradient(&mut self, input: &[f32], delta: &[f32]) {
        self.weights.fill(0.0);
        self.bias.fill(0.0);
        let columns = self.columns();
        add_transposed_product(input, delta, &mut self.weights, columns);
        for row in delta.chunks(columns) {
            for (sum, value) in self.bias.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

/// A number in [0, 1) with 24 random bits.
fn unit(rng: &mut impl Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1_u32 << 24) as f32
}

/// A network with its weights. Also the shape of a gradient and of a momentum, which are layers as well.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub(super) first: Layer,
    pub(super) second: Layer,
}

/// Memory for one pass over a batch, kept between batches.
#[derive(Default)]
pub(super) struct Workspace {
    hidden: Vec<f32>,
    delta_hidden: Vec<f32>,
    delta_logits: Vec<f32>,
    transposed: Vec<f32>,
}

impl Network {
    /// A network of zeros.
    pub(super) fn zero(widths: Widths) -> Self {
        Self {
            first: Layer::zero(widths.inputs, widths.inputs, widths.hidden),
            second: Layer::zero(widths.hidden, padded(widths.hidden), widths.classes),
        }
    }

    /// A network to start training from: every weight uniform in +-1/sqrt(inputs of its layer).
    pub(super) fn draw(widths: Widths, rng: &mut impl Rng) -> Self {
        let mut network = Self::zero(widths);
        network.first.draw(rng);
        network.second.draw(rng);
        network
    }

    /// The widths of the network.
    pub fn widths(&self) -> Widths {
        Widths { inputs: self.first.inputs, hidden: self.first.outputs, classes: self.second.outputs }
    }

    /// The logits of `records` [n, inputs] row by row, as [n, classes].
    pub fn logits(&self, records: &[f32]) -> Vec<f32> {
        let (mut hidden, mut logits) = (Vec::new(), Vec::new());
        self.forward(records, &mut hidden, &mut logits);
        let rows = logits.chunks(self.second.columns());
        rows.flat_map(|row| row[..self.second.outputs].iter().copied()).collect()
    }

    fn forward(&self, records: &[f32], hidden: &mut Vec<f32>, logits: &mut Vec<f32>) {
        self.first.apply(records, hidden);
        for value in hidden.iter_mut() {
            *value = tanh(*value);
        }
        self.second.apply(hidden, logits);
    }

    /// Sets `gradient` to that of the mean cross-entropy over a batch of `records` [n, inputs] with `labels` [n].
    pub(super) fn mean_gradient(
        &self,
        records: &[f32],
        labels: &[usize],
        gradient: &mut Network,
        memory: &mut Workspace,
    ) {
        self.forward(records, &mut memory.hidden, &mut memory.delta_logits);
        let share = 1.0 / labels.len() as f32;
        for (row, &label) in memory.delta_logits.chunks_mut(self.second.columns()).zip(labels) {
            let (logits, padding) = row.split_at_mut(self.second.outputs);
            cross_entropy_delta(logits, label, share);
            padding.fill(0.0);
        }
        gradient.second.set_gradient(&memory.hidden, &memory.delta_logits);

        self.transpose_second(&mut memory.transposed);
        memory.delta_hidden.clear();
        memory.delta_hidden.resize(memory.hidden.len(), 0.0);
        let columns = self.first.columns();
        // The padded columns of the logits meet the padded rows of the transposed weights: zero times zero.
        add_product(&memory.delta_logits, &memory.transposed, &mut memory.delta_hidden, columns);
        for (delta, hidden) in memory.delta_hidden.iter_mut().zip(&memory.hidden) {
            *delta *= 1.0 - hidden * hidden;
        }
        gradient.first.set_gradient(records, &memory.delta_hidden);
    }

    fn transpose_second(&self, transposed: &mut Vec<f32>) {
        let (rows, columns) = (self.second.rows(), self.second.columns());
        transposed.clear();
        for column in 0..columns {
            transposed.extend((0..rows).map(|row| self.second.weights[row * columns + column]));
        }
    }

    /// Whether every weight is a number.
    pub(super) fn is_finite(&self) -> bool {
        let parts = [&self.first.weights, &self.first.bias, &self.second.weights, &self.second.bias];
        parts.into_iter().flatten().all(|weight| weight.is_finite())
    }

    /// All weights, layer by layer, padding included: the order in which two networks of equal widths match.
    pub(super) fn parameters_mut(&mut self) -> [&mut [f32]; 4] {
        let (first, second) = (&mut self.first, &mut self.second);
        [&mut first.weights, &mut first.bias, &mut second.weights, &mut second.bias]
    }
}

/// Turns the logits of one record into the gradient of `share` times its cross-entropy: (softmax - one-hot) share.
fn cross_entropy_delta(logits: &mut [f32], label: usize, share: f32) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = exp(*logit - largest);
        sum += *logit;
    }
    for logit in logits.iter_mut() {
        *logit *= share / sum;
    }
    logits[label] -= share;
}

/// How many rows of `logits` [n, classes] are largest at their label, the first of equals counting.
pub(super) fn correct(logits: &[f32], labels: &[usize], classes: usize) -> usize {
    let rows = logits.chunks(classes).zip(labels);
    rows.filter(|(row, label)| {
        let before = row[..**label].iter().all(|logit| *logit < row[**label]);
        before && row[**label..].iter().all(|logit| *logit <= row[**label])
    })
    .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    const WIDTHS: Widths = Widths { inputs: 5, hidden: 7, classes: 3 };

    fn mean_loss(network: &Network, records: &[f32], labels: &[usize]) -> f64 {
        let logits = network.logits(records);
        let losses = logits.chunks(3).zip(labels).map(|(row, &label)| {
            let sum: f64 = row.iter().map(|&logit| f64::from(logit).exp()).sum();
            sum.ln() - f64::from(row[label])
        });
        losses.sum::<f64>() / labels.len() as f64
    }

    fn example() -> (Network, Vec<f32>, Vec<usize>) {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let network = Network::draw(WIDTHS, &mut rng);
        let records = (0..30).map(|_| unit(&mut rng)).collect();
        (network, records, vec![0, 2, 1, 1, 0, 2])
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss_in_every_weight() {
        let (mut network, records, labels) = example();
        let mut gradient = Network::zero(WIDTHS);
        network.mean_gradient(&records, &labels, &mut gradient, &mut Workspace::default());
        let step = 1e-2_f32;
        for part in 0..4 {
            for i in 0..gradient.parameters_mut()[part].len() {
                let before = network.parameters_mut()[part][i];
                network.parameters_mut()[part][i] = before + step;
                let above = mean_loss(&network, &records, &labels);
                network.parameters_mut()[part][i] = before - step;
                let below = mean_loss(&network, &records, &labels);
                network.parameters_mut()[part][i] = before;
                let slope = (above - below) / f64::from(2.0 * step);
                let found = f64::from(gradient.parameters_mut()[part][i]);
                // A padded weight does move the loss; only its gradient must be zero.
                let matters = found != 0.0;
                assert!(!matters || (slope - found).abs() < 2e-4, "part {part}, weight {i}: {slope} and {found}");
            }
        }
    }

    #[test]
    fn padding_gets_no_gradient_and_every_real_weight_gets_one() {
        let (network, records, labels) = example();
        let mut gradient = Network::zero(WIDTHS);
        network.mean_gradient(&records, &labels, &mut gradient, &mut Workspace::default());
        let real = 5 * 7 + 7 + 7 * 3 + 3;
        let nonzero = gradient.parameters_mut().iter().flat_map(|part| part.iter()).filter(|&&g| g != 0.0).count();
        assert_eq!(nonzero, real);
    }

    #[test]
    fn the_first_of_equal_logits_is_the_answer() {
        let logits = [1.0, 1.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 1.0];
        assert_eq!(correct(&logits, &[0, 1, 2], 3), 3);
        assert_eq!(correct(&logits, &[1, 2, 2], 3), 1);
    }
}
