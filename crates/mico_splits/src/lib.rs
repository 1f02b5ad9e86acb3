//! The splits of MICO: from the three seeds of a model, its challenge points, their membership and
//! its training rows.
//!
//! MICO publishes seeds where other tracks publish rows. The permutations here are bit for bit
//! those of `torch.randperm` with the generator `create_mt19937_generator` of torchcsprng 0.2.1 on
//! torch 1.8.1, the versions that MICO used. The trainer does not draw splits this way: only the
//! low 32 bits of a seed count, few enough to try them all.
//!
//! This crate computes splits and reads seed files. It knows nothing of tracks, pools, models or
//! the server. Start reading at [`draw`].

mod seed_files;
#[cfg(test)]
mod tests;

use std::fmt;

use rand_mt::Mt;
use scoring::Membership;

pub use seed_files::{MAX_SEED, ModelSeeds, SeedFileError, read_seed};

/// The three seeds of one model. For a model under attack, only that of the challenge points is
/// ever published.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    /// Permutes the pool, of which the first rows become the challenge points.
    pub challenge: u64,
    /// Permutes the rest of the pool, of which the first rows are trained on besides the members.
    pub training: u64,
    /// Permutes the challenge points, of which the second half become members.
    pub membership: u64,
}

/// Hides all but the published seed, since the others would reveal the solution in a log.
impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeds").field("challenge", &self.challenge).finish_non_exhaustive()
    }
}

/// The sizes of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows in the pool.
    pub pool: usize,
    /// Rows that the model is trained on, members included.
    pub trained_on: usize,
    /// Members among the challenge points; there are as many non-members.
    pub members: usize,
}

impl Sizes {
    /// CIFAR-10, whose pool is its train set followed by its test set.
    pub const CIFAR10: Self = Self { pool: 60_000, trained_on: 50_000, members: 100 };
    /// Purchase-100.
    pub const PURCHASE100: Self = Self { pool: 197_324, trained_on: 150_000, members: 100 };
    /// SST-2, whose pool is its train set followed by its validation set.
    pub const SST2: Self = Self { pool: 68_221, trained_on: 67_349, members: 100 };

    /// The counts that [`draw`] needs, if the sizes fit together.
    fn counts(self) -> Result<Counts, SplitError> {
        let Self { pool, trained_on, members } = self;
        let rows = u32::try_from(pool).map_err(|_| SplitError::PoolTooLarge { pool })?;
        if members > pool / 2 {
            return Err(SplitError::PoolTooSmall { pool, members });
        }
        let rest = pool - 2 * members;
        let training = trained_on.checked_sub(members).ok_or(SplitError::TooManyMembers { trained_on, members })?;
        if training > rest {
            return Err(SplitError::RestTooSmall { training, rest });
        }
        // Neither is larger than the pool, whose size fits in a u32.
        Ok(Counts { pool: rows, challenge: 2 * members as u32, training: training as u32 })
    }
}

/// Sizes that fit together: `challenge + training <= pool`.
struct Counts {
    pool: u32,
    challenge: u32,
    training: u32,
}

/// Why there is no split of these sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The number of rows does not fit in 32 bits.
    #[error("a pool of {pool} rows cannot be split by seeds, which order 4294967295 rows at most; use a smaller pool")]
    PoolTooLarge {
        /// Rows in the pool.
        pool: usize,
    },
    /// The pool has fewer rows than there are challenge points.
    #[error("{members} members and as many non-members do not fit into a pool of {pool} rows; take fewer members")]
    PoolTooSmall {
        /// Rows in the pool.
        pool: usize,
        /// Members asked for.
        members: usize,
    },
    /// There are fewer training rows than members.
    #[error("a model with {members} members cannot be trained on {trained_on} rows; train it on {members} or more")]
    TooManyMembers {
        /// Rows the model is trained on.
        trained_on: usize,
        /// Members asked for.
        members: usize,
    },
    /// Besides the challenge points, too few rows are left to train on.
    #[error("{training} rows are to be trained on beside the members and the pool has {rest} left; train on fewer")]
    RestTooSmall {
        /// Training rows that are not challenge points.
        training: usize,
        /// Rows of the pool that are not challenge points.
        rest: usize,
    },
    /// Half of the challenge points are members, so their number must be even.
    #[error("{points} challenge points cannot be half members; give an even number")]
    OddPoints {
        /// Challenge points asked for.
        points: usize,
    },
    /// The number of points does not fit in 32 bits.
    #[error("{points} challenge points cannot be ordered by a seed; give 4294967294 at most")]
    TooManyPoints {
        /// Challenge points asked for.
        points: usize,
    },
}

/// The split of one model: 2m challenge points, m of them members, and n training rows. Every list
/// has the order that it has in MICO.
#[derive(Clone, PartialEq, Eq)]
pub struct SeededSplit {
    /// The challenge points, `[2m]`.
    pub challenge: Vec<u32>,
    /// Which challenge points are members, `[2m]`, in their order: the solution.
    pub membership: Vec<Membership>,
    /// The members among the challenge points, `[m]`, in the order of the membership permutation.
    pub members: Vec<u32>,
    /// The other challenge points, `[m]`, in the order of the membership permutation.
    pub non_members: Vec<u32>,
    /// The training rows that are not challenge points, `[n - m]`.
    pub training: Vec<u32>,
}

impl SeededSplit {
    /// All rows that the model was trained on, `[n]`, in MICO's order: first the members.
    pub fn trained_on(&self) -> Vec<u32> {
        [self.members.as_slice(), &self.training].concat()
    }
}

/// Hides the rows, since they reveal the solution.
impl fmt::Debug for SeededSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededSplit")
            .field("challenge points", &self.challenge.len())
            .field("training rows", &self.training.len())
            .finish_non_exhaustive()
    }
}

/// Computes the split that three seeds stand for.
///
/// Takes up to 12 bytes of memory for each row of the pool, so `sizes.pool` should be the size of a
/// pool that exists.
///
/// # Errors
/// [`SplitError`] if the sizes do not fit together.
pub fn draw(seeds: Seeds, sizes: Sizes) -> Result<SeededSplit, SplitError> {
    let counts = sizes.counts()?;
    let pool = randperm(counts.pool, seeds.challenge);
    let (challenge, rest) = pool.split_at(counts.challenge as usize);
    let order = first_of_randperm(counts.training, counts.pool - counts.challenge, seeds.training);
    let positions = randperm(counts.challenge, seeds.membership);
    let (outside, inside) = halves(&positions);
    Ok(SeededSplit {
        challenge: challenge.to_vec(),
        membership: labels(&positions),
        members: select(challenge, inside),
        non_members: select(challenge, outside),
        training: select(rest, &order),
    })
}

/// Computes the challenge points alone, `[2m]`: all that is known while the other two seeds are
/// hidden.
///
/// # Errors
/// [`SplitError`] if the sizes do not fit together.
pub fn challenge(seed: u64, sizes: Sizes) -> Result<Vec<u32>, SplitError> {
    let counts = sizes.counts()?;
    let mut rows = first_of_randperm(counts.challenge, counts.pool, seed);
    // Frees the memory of the pool, which is far larger than what is returned.
    rows.shrink_to_fit();
    Ok(rows)
}

/// Computes which of `points` challenge points are members, in their order, from the seed of the
/// membership. It does not depend on the pool.
///
/// # Errors
/// If `points` is odd or above 4,294,967,294.
pub fn solution(membership_seed: u64, points: usize) -> Result<Vec<Membership>, SplitError> {
    if !points.is_multiple_of(2) {
        return Err(SplitError::OddPoints { points });
    }
    let count = u32::try_from(points).map_err(|_| SplitError::TooManyPoints { points })?;
    Ok(labels(&randperm(count, membership_seed)))
}

/// The permutation of `0..n` that `torch.randperm(n, generator=create_mt19937_generator(seed))`
/// gives.
///
/// The generator is mt19937 (Matsumoto and Nishimura, ACM TOMACS 8, 1998, initialised as in their
/// version of 2002) seeded with the low 32 bits of `seed`. The shuffle is that of Fisher and Yates,
/// from the front. Draws are reduced by a remainder, so some orders are very slightly likelier than
/// others. Takes 4 bytes of memory for each number.
pub fn randperm(n: u32, seed: u64) -> Vec<u32> {
    first_of_randperm(n, n, seed)
}

/// The first `count` numbers of [`randperm`], at most n. A shuffle from the front determines them
/// first, so the rest is not computed.
fn first_of_randperm(count: u32, n: u32, seed: u64) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..n).collect();
    let mut generator = Mt::new(seed as u32);
    for place in 0..count {
        let ahead = generator.next_u32() % (n - place);
        rows.swap(place as usize, (place + ahead) as usize);
    }
    rows.truncate(count as usize);
    rows
}

/// Divides the permuted positions of the challenge points: the first half are non-members, the
/// second half members.
fn halves(positions: &[u32]) -> (&[u32], &[u32]) {
    positions.split_at(positions.len() / 2)
}

fn labels(positions: &[u32]) -> Vec<Membership> {
    let mut labels = vec![Membership::NonMember; positions.len()];
    for &position in halves(positions).1 {
        labels[position as usize] = Membership::Member;
    }
    labels
}

fn select(rows: &[u32], positions: &[u32]) -> Vec<u32> {
    positions.iter().map(|&position| rows[position as usize]).collect()
}
