//! Plain training: mini-batch stochastic gradient descent with momentum, without any privacy.
//!
//! Training under differential privacy is another schedule and belongs in a module of its own beside this one.

use ndarray::ArrayView2;
use rand_chacha::rand_core::Rng;

use super::network::{Network, Widths, Workspace};
use super::split::shuffle;

/// How a network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Passes over the training rows.
    pub epochs: usize,
    /// Rows in one step; the last step of an epoch takes what is left.
    pub batch: usize,
    /// The learning rate.
    pub rate: f32,
    /// The share of the last step that is kept: v <- momentum v + gradient, w <- w - rate v.
    pub momentum: f32,
    /// Adds `weight_decay` times each weight to its gradient.
    pub weight_decay: f32,
}

/// Records to learn from: `x` is [N, inputs], `y` [N].
#[derive(Clone, Copy)]
pub(super) struct Examples<'a> {
    pub(super) x: ArrayView2<'a, f32>,
    pub(super) y: &'a [usize],
}

/// Trains a new network on `rows` of `examples`. The starting weights and the order of the batches come from `rng`.
pub(super) fn fit(
    widths: Widths,
    examples: Examples<'_>,
    rows: &[usize],
    schedule: &Schedule,
    rng: &mut impl Rng,
) -> Network {
    let mut network = Network::draw(widths, rng);
    let mut gradient = Network::zero(widths);
    let mut velocity = Network::zero(widths);
    let mut memory = Workspace::default();
    let mut order = rows.to_vec();
    let (mut records, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..schedule.epochs {
        shuffle(&mut order, rng);
        for batch in order.chunks(schedule.batch) {
            gather(examples, batch, &mut records, &mut labels);
            network.mean_gradient(&records, &labels, &mut gradient, &mut memory);
            step(&mut network, &mut velocity, &mut gradient, schedule);
        }
    }
    network
}

/// Copies `rows` of `examples` next to each other: `records` becomes [rows, inputs], `labels` [rows].
pub(super) fn gather(examples: Examples<'_>, rows: &[usize], records: &mut Vec<f32>, labels: &mut Vec<usize>) {
    records.clear();
    labels.clear();
    for &row in rows {
        records.extend(examples.x.row(row));
        labels.push(examples.y[row]);
    }
}

fn step(network: &mut Network, velocity: &mut Network, gradient: &mut Network, schedule: &Schedule) {
    let parts = network.parameters_mut().into_iter().zip(velocity.parameters_mut()).zip(gradient.parameters_mut());
    for ((weights, velocity), gradient) in parts {
        for ((weight, velocity), gradient) in weights.iter_mut().zip(velocity).zip(gradient) {
            *velocity = schedule.momentum * *velocity + *gradient + schedule.weight_decay * *weight;
            *weight -= schedule.rate * *velocity;
        }
    }
}
