//! Draws the split of each model: its challenge points, which of them are members, and its training
//! rows.
//!
//! Splits are drawn with ChaCha20. Every draw has its own 256-bit key, a hash of the seed, of what
//! is drawn and of the model. Challenge points are published; membership, training rows and weights
//! are not, and no published value reveals anything about their keys. Splits are written as arrays
//! of rows and never as seeds, since an attack could try all short seeds.

use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_chacha::{ChaCha8Rng, ChaCha20Rng};
use scoring::{Membership, Split};
use sha2::{Digest, Sha256};

/// The seed of everything random in a track. Whoever knows it knows the solutions.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A seed of 256 random bits.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The seed that [`Seed::to_hex`] wrote; `None` for anything else.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// All 256 bits as hex, which must be kept as secret as the solutions.
    pub(super) fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The seed that a text stands for, which is as hard to guess as the text.
    pub fn from_text(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

/// Hides the bytes, since a seed in a log would reveal the solutions.
impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// What a stream of random numbers is for. Only the first is ever published.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Challenge,
    Membership,
    Training,
    Weights,
    /// The rows that take part in each step of DP-SGD.
    Rows,
    /// The noise that DP-SGD adds to gradients.
    Noise,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Challenge => "public/challenge",
            Self::Membership => "secret/membership",
            Self::Training => "secret/training",
            Self::Weights => "secret/weights",
            Self::Rows => "secret/rows",
            Self::Noise => "secret/noise",
        }
    }
}

/// Names one model of a track.
#[derive(Clone, Copy)]
pub(super) struct ModelKey<'a> {
    pub(super) scenario: &'a str,
    pub(super) split: Split,
    pub(super) number: usize,
}

impl ModelKey<'_> {
    /// The path of the model's folder in the track's.
    pub(super) fn path(&self) -> String {
        format!("{}/{}/model_{}", self.scenario, self.split, self.number)
    }
}

/// The stream for one purpose and one model: ChaCha20 keyed with SHA-256 of seed, purpose and
/// model.
pub(super) fn stream(seed: &Seed, purpose: Purpose, model: ModelKey<'_>) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(key(seed, purpose, model))
}

/// The same with ChaCha8, for the gigabytes that DP-SGD draws: no attack on it better than trying
/// all keys is known, and it takes less than half the time.
pub(super) fn fast_stream(seed: &Seed, purpose: Purpose, model: ModelKey<'_>) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(key(seed, purpose, model))
}

fn key(seed: &Seed, purpose: Purpose, model: ModelKey<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.0);
    for part in [purpose.name(), model.scenario, model.split.as_str(), &model.number.to_string()] {
        // The length before each part tells ("a", "bc") from ("ab", "c").
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// How many rows are drawn for one model.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    /// Rows in the pool.
    pub(super) pool: usize,
    /// Members among the challenge points, and as many non-members.
    pub(super) members: usize,
    /// Rows the model is trained on, members included.
    pub(super) trained_on: usize,
}

/// The rows of the pool that one model sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelSplit {
    /// 2m rows in the order of the challenge points.
    pub(super) challenge: Vec<usize>,
    /// Exactly m members among them, in the same order.
    pub(super) membership: Vec<Membership>,
    /// The rows that the model is trained on, ascending: the members, and rows that are not
    /// challenge points.
    pub(super) trained_on: Vec<usize>,
}

/// Draws the split of one model. The sizes must fit: 2 `members` + (`trained_on` - `members`) <=
/// `pool`.
pub(super) fn draw(seed: &Seed, model: ModelKey<'_>, sizes: Sizes) -> ModelSplit {
    let mut rows: Vec<usize> = (0..sizes.pool).collect();
    shuffle(&mut rows, &mut stream(seed, Purpose::Challenge, model));
    let mut rest = rows.split_off(2 * sizes.members);
    let challenge = rows;
    // Sorted before the shuffle, so that the training rows do not depend on the published order.
    rest.sort_unstable();
    shuffle(&mut rest, &mut stream(seed, Purpose::Training, model));
    rest.truncate(sizes.trained_on - sizes.members);

    let mut positions: Vec<usize> = (0..challenge.len()).collect();
    shuffle(&mut positions, &mut stream(seed, Purpose::Membership, model));
    let mut membership = vec![Membership::NonMember; challenge.len()];
    let mut trained_on = rest;
    for &position in &positions[..sizes.members] {
        membership[position] = Membership::Member;
        trained_on.push(challenge[position]);
    }
    trained_on.sort_unstable();
    ModelSplit { challenge, membership, trained_on }
}

/// Shuffles by the method of Fisher and Yates; every order is equally likely.
pub(super) fn shuffle<T>(items: &mut [T], rng: &mut impl Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, uniform_below(last as u64 + 1, rng) as usize);
    }
}

/// A whole number below `bound`, each equally likely: a draw from the incomplete last interval of
/// `bound` numbers is rejected and repeated.
fn uniform_below(bound: u64, rng: &mut impl Rng) -> u64 {
    let incomplete = (u64::MAX % bound + 1) % bound;
    loop {
        let drawn = rng.next_u64();
        if drawn <= u64::MAX - incomplete {
            return drawn % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> ModelKey<'static> {
        ModelKey { scenario: "plain", split: Split::Dev, number }
    }

    const SIZES: Sizes = Sizes { pool: 40, members: 4, trained_on: 10 };

    /// The values come from an independent ChaCha20, written in Python from RFC 8439.
    #[test]
    fn a_seed_names_one_split_for_ever() {
        let split = draw(&Seed::from_text("a seed"), key(7), SIZES);
        let members = split.membership.iter().map(|&truth| truth == Membership::Member);
        assert_eq!(split.challenge, [3, 25, 34, 27, 9, 8, 28, 38]);
        assert_eq!(members.collect::<Vec<_>>(), [true, false, false, true, true, false, false, true]);
        assert_eq!(split.trained_on, [3, 9, 16, 18, 20, 21, 27, 33, 38, 39]);
    }

    #[test]
    fn exactly_the_members_among_the_challenge_points_are_trained_on() {
        let seed = Seed::from_text("another");
        for number in 0..50 {
            let split = draw(&seed, key(number), SIZES);
            let members = split.membership.iter().filter(|&&truth| truth == Membership::Member).count();
            assert_eq!((split.challenge.len(), members, split.trained_on.len()), (8, 4, 10));
            assert!(split.trained_on.is_sorted_by(|a, b| a < b), "ascending and each once");
            for (row, &truth) in split.challenge.iter().zip(&split.membership) {
                assert_eq!(split.trained_on.contains(row), truth == Membership::Member);
            }
        }
    }

    #[test]
    fn every_purpose_and_every_model_has_a_stream_of_its_own() {
        let seed = Seed::from_text("another");
        let purposes = [
            Purpose::Challenge,
            Purpose::Membership,
            Purpose::Training,
            Purpose::Weights,
            Purpose::Rows,
            Purpose::Noise,
        ];
        let mut firsts = Vec::new();
        for purpose in purposes {
            for scenario in ["a", "b"] {
                for split in Split::ALL {
                    for number in [1, 11] {
                        let model = ModelKey { scenario, split, number };
                        firsts.push(stream(&seed, purpose, model).next_u64());
                        firsts.push(fast_stream(&seed, purpose, model).next_u64());
                    }
                }
            }
        }
        firsts.sort_unstable();
        assert!(firsts.is_sorted_by(|a, b| a < b), "144 different numbers");
    }

    #[test]
    fn a_shuffle_puts_every_item_everywhere_equally_often() {
        let mut rng = ChaCha20Rng::from_seed([5; 32]);
        let mut counts = [[0_u32; 5]; 5];
        for _ in 0..10_000 {
            let mut items = [0, 1, 2, 3, 4];
            shuffle(&mut items, &mut rng);
            for (place, &item) in items.iter().enumerate() {
                counts[item][place] += 1;
            }
        }
        // 2,000 expected with a standard deviation of 40; the stream is fixed, so this passes
        // always or never.
        assert!(counts.iter().flatten().all(|count| (1_840..=2_160).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_seed_does_not_print_itself() {
        assert_eq!(format!("{:?}", Seed::new([65; 32])), "Seed(..)");
    }
}
