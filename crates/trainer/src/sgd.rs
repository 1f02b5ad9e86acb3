//! Plain training: mini-batch stochastic gradient descent with momentum, without any privacy.
//!
//! [`Descent`] is shared with `dp_sgd`, which differs in how rows are chosen and in what is done to the gradient.

use std::sync::atomic::{AtomicBool, Ordering};

use kernel::{Step, descend};
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
    /// Rows in one step; the last step of an epoch takes what is left. With differential privacy rows are drawn
    /// independently, and this many are expected.
    pub batch: usize,
    /// The learning rate.
    pub rate: f32,
    /// The share of the last step that is kept: v <- momentum v + gradient, w <- w - rate v.
    pub momentum: f32,
    /// Adds `weight_decay` times each weight to its gradient.
    pub weight_decay: f32,
}

/// Records to learn from: `x` is [N, inputs] row by row as in the pool, `y` [N]; networks see `x` scaled, and `squares`
/// [N] are the squared norms of the scaled records.
#[derive(Clone, Copy)]
pub(super) struct Examples<'a> {
    pub(super) x: &'a [f32],
    pub(super) y: &'a [usize],
    pub(super) squares: &'a [f32],
    pub(super) scale: Scale,
}

/// A network on its way, with the memory that training it needs.
pub(super) struct Descent<'a> {
    examples: Examples<'a>,
    step: Step,
    network: Network,
    gradient: Network,
    velocity: Network,
    memory: Workspace,
    batch: Batch,
}

impl<'a> Descent<'a> {
    /// Begins with a network whose weights come from `rng`.
    pub(super) fn begin(lesson: &Lesson<'a>, rng: &mut impl Rng) -> Self {
        let &Lesson { widths, examples, schedule: &Schedule { rate, momentum, weight_decay, .. }, .. } = lesson;
        Self {
            examples,
            step: Step { rate, momentum, weight_decay },
            network: Network::draw(widths, rng),
            gradient: Network::zero(widths),
            velocity: Network::zero(widths),
            memory: Workspace::default(),
            batch: Batch::default(),
        }
    }

    /// One step along the gradient over `rows`, after `change` was done to it.
    pub(super) fn step(&mut self, rows: &[usize], weighting: Weighting, change: impl FnOnce(&mut Network)) {
        self.batch.gather(self.examples, rows);
        self.network.gradient(&self.batch, weighting, &mut self.gradient, &mut self.memory);
        change(&mut self.gradient);
        let parts = self.network.parameters_mut().into_iter().zip(self.velocity.parameters_mut());
        for ((weights, velocity), gradient) in parts.zip(self.gradient.parameters_mut()) {
            descend(weights, velocity, gradient, self.step);
        }
    }

    /// The trained network, for records as they are in the pool.
    pub(super) fn finish(mut self) -> Network {
        self.network.absorb(self.examples.scale);
        self.network
    }
}

/// What a network is to learn, and how.
#[derive(Clone, Copy)]
pub(super) struct Lesson<'a> {
    pub(super) widths: Widths,
    pub(super) examples: Examples<'a>,
    /// The rows of the examples it is trained on.
    pub(super) rows: &'a [usize],
    pub(super) schedule: &'a Schedule,
    /// Once it is set, training is given up.
    pub(super) stop: &'a AtomicBool,
}

impl Lesson<'_> {
    pub(super) fn is_given_up(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Trains a new network; its starting weights and the order of the batches come from `rng`. `None` where it was given
/// up.
pub(super) fn fit(lesson: &Lesson<'_>, rng: &mut impl Rng) -> Option<Network> {
    let mut descent = Descent::begin(lesson, rng);
    let mut order = lesson.rows.to_vec();
    for _ in 0..lesson.schedule.epochs {
        shuffle(&mut order, rng);
        for batch in order.chunks(lesson.schedule.batch) {
            if lesson.is_given_up() {
                return None;
            }
            descent.step(batch, Weighting::Mean, |_| {});
        }
    }
    Some(descent.finish())
}
