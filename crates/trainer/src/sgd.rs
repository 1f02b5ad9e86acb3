//! Plain training: mini-batch stochastic gradient descent with momentum, without any privacy.
//!
//! [`SgdState`] is shared with `dp_sgd`, which samples rows differently and clips and noises the
//! gradient.

use std::sync::atomic::{AtomicBool, Ordering};

use kernel::{SgdParameters, sgd_step};
use rand_chacha::rand_core::Rng;
use serde::Serialize;

use super::dataset::Scale;
use super::network::{Batch, Network, Weighting, Widths, Workspace};
use super::split::shuffle;

/// How a network is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Schedule {
    /// Passes over the training rows.
    pub epochs: usize,
    /// Rows in one step; the last step of an epoch takes the rest. With differential privacy, each
    /// row is drawn independently, and this is the expected number.
    pub batch: usize,
    /// The learning rate.
    pub rate: f32,
    /// The share of the last velocity that is kept: v <- momentum v + gradient, w <- w - rate v.
    pub momentum: f32,
    /// Adds `weight_decay` times each weight to its gradient.
    pub weight_decay: f32,
}

/// Labelled records: `x` `[N, inputs]`, row by row as in the pool, and `y` `[N]`. Networks see `x`
/// scaled by `scale`; `squares` `[N]` are the squared norms of the scaled records.
#[derive(Clone, Copy)]
pub(super) struct Examples<'a> {
    pub(super) x: &'a [f32],
    pub(super) y: &'a [usize],
    pub(super) squares: &'a [f32],
    pub(super) scale: Scale,
}

/// A network in training, with its velocity and the memory for a step.
pub(super) struct SgdState<'a> {
    examples: Examples<'a>,
    step: SgdParameters,
    network: Network,
    gradient: Network,
    velocity: Network,
    memory: Workspace,
    batch: Batch,
}

impl<'a> SgdState<'a> {
    /// A new network, whose starting weights come from `rng`.
    pub(super) fn begin(task: &TrainingTask<'a>, rng: &mut impl Rng) -> Self {
        let &TrainingTask { widths, examples, schedule: &Schedule { rate, momentum, weight_decay, .. }, .. } = task;
        Self {
            examples,
            step: SgdParameters { rate, momentum, weight_decay },
            network: Network::draw(widths, rng),
            gradient: Network::zero(widths),
            velocity: Network::zero(widths),
            memory: Workspace::default(),
            batch: Batch::default(),
        }
    }

    /// Takes one step along the gradient over `rows`, to which `change` is applied first.
    pub(super) fn step(&mut self, rows: &[usize], weighting: Weighting, change: impl FnOnce(&mut Network)) {
        self.batch.gather(self.examples, rows);
        self.network.gradient(&self.batch, weighting, &mut self.gradient, &mut self.memory);
        change(&mut self.gradient);
        let parts = self.network.parameters_mut().into_iter().zip(self.velocity.parameters_mut());
        for ((weights, velocity), gradient) in parts.zip(self.gradient.parameters_mut()) {
            sgd_step(weights, velocity, gradient, self.step);
        }
    }

    /// The trained network, for unscaled records.
    pub(super) fn finish(mut self) -> Network {
        self.network.absorb_scale(self.examples.scale);
        self.network
    }
}

/// What one network is trained on, and how.
#[derive(Clone, Copy)]
pub(super) struct TrainingTask<'a> {
    pub(super) widths: Widths,
    pub(super) examples: Examples<'a>,
    /// The rows of the examples it is trained on.
    pub(super) rows: &'a [usize],
    pub(super) schedule: &'a Schedule,
    /// Once it is true, training ends without a result.
    pub(super) stop: &'a AtomicBool,
}

impl TrainingTask<'_> {
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Trains a new network, whose starting weights and batches come from `rng`; `None` if it was
/// stopped.
pub(super) fn fit(task: &TrainingTask<'_>, rng: &mut impl Rng) -> Option<Network> {
    let mut state = SgdState::begin(task, rng);
    let mut order = task.rows.to_vec();
    for _ in 0..task.schedule.epochs {
        shuffle(&mut order, rng);
        for batch in order.chunks(task.schedule.batch) {
            if task.is_stopped() {
                return None;
            }
            state.step(batch, Weighting::Mean, |_| {});
        }
    }
    Some(state.finish())
}
