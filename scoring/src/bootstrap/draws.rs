//! Which models are drawn: pinned, so that an interval can be recomputed by
//! anyone at any time.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use crate::shape::Split;

/// Replicates that are walked side by side.
pub(super) const LANES: usize = 256;

/// How often each model stands in each replicate, for one block of replicates:
/// `weights[model][lane]`.
pub(super) type Block<'a> = &'a [[u16; LANES]];

/// The generator of a split's draws: ChaCha with 8 rounds, its key the SHA-256
/// of `callimico bootstrap\n`, the track, a line feed, and the split.
pub(super) fn generator(track: &str, split: Split) -> ChaCha8Rng {
    let mut seed = Sha256::new();
    for text in ["callimico bootstrap\n", track, "\n", split.as_str()] {
        seed.update(text);
    }
    ChaCha8Rng::from_seed(seed.finalize().into())
}

/// The draws of one scenario's models.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    model_points: Vec<u32>,
    /// Block after block, each with one row a model. The lanes beyond the last
    /// replicate are 0.
    weights: Vec<[u16; LANES]>,
}

impl Draws {
    /// Room for this many replicates, nothing drawn yet.
    pub(super) fn none(model_points: Vec<u32>, replicates: usize) -> Self {
        let weights = vec![[0; LANES]; model_points.len() * replicates.div_ceil(LANES)];
        Self { model_points, weights }
    }

    /// Draws as many models as there are, with replacement.
    pub(super) fn draw(&mut self, replicate: usize, random: &mut ChaCha8Rng) {
        let models = self.model_points.len();
        let block = replicate / LANES * models;
        for _ in 0..models {
            let model = below(models as u32, random);
            self.weights[block + model][replicate % LANES] += 1;
        }
    }

    /// Challenge points of each model.
    pub(super) fn model_points(&self) -> &[u32] {
        &self.model_points
    }

    /// Challenge points of the scenario.
    pub(super) fn points(&self) -> usize {
        self.model_points.iter().map(|points| *points as usize).sum()
    }

    /// How often each model stands in a replicate.
    pub(super) fn counts(&self, replicate: usize) -> Vec<usize> {
        let block = self.blocks().nth(replicate / LANES).unwrap_or_default();
        block.iter().map(|weights| weights[replicate % LANES].into()).collect()
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        self.weights.chunks_exact(self.model_points.len().max(1))
    }
}

/// A whole number below `bound`, every one equally likely: the high half of a
/// 32-bit number times the bound, drawn again where the low half would favour
/// some (Lemire 2019, algorithm 5).
fn below(bound: u32, random: &mut ChaCha8Rng) -> usize {
    let unfair = bound.wrapping_neg() % bound;
    loop {
        let product = u64::from(random.next_u32()) * u64::from(bound);
        if product as u32 >= unfair {
            return (product >> 32) as usize;
        }
    }
}
