//! The walk down a curve for many replicates at once.
//!
//! What has to be found in each replicate is the number of true positives at
//! the last point of its thinned curve with a false-positive rate below 0.1.
//! Thinning matters for that only between ties of members with non-members: a
//! point is dropped where the step to it equals the next, and if such steps are
//! of one kind only, either no false positives are added (so the limit is not
//! reached there) or no true positives (so all points of the run have the same
//! count). So single points cost one addition a replicate, and the state that
//! thinning needs is kept for mixed ties only.

use super::draws::{Block, Draws, LANES};
use crate::roc::Ranked;
use crate::score::RANKING_RATE;
use crate::solution::Membership;

/// Steps between two checks whether all replicates have reached the limit.
const CHECK_EVERY: usize = 64;

/// The curve as the walk needs it.
pub(super) struct Walk {
    steps: Vec<Step>,
    shares: Vec<Share>,
    /// Members and non-members of each model.
    totals: Vec<Share>,
    /// Whether counts of any replicate fit 16 bits.
    narrow: bool,
}

/// One step down the curve.
enum Step {
    /// A member of this model, not tied with non-members.
    Member(u32),
    /// A non-member of this model, not tied with members.
    NonMember(u32),
    /// A tie of both: the shares from here to there.
    Tie(u32, u32),
}

/// One model's part in a tie, or in all.
#[derive(Clone, Copy)]
struct Share {
    model: u32,
    members: u32,
    non_members: u32,
}

impl Share {
    fn add(&mut self, truth: Membership) {
        match truth {
            Membership::Member => self.members += 1,
            Membership::NonMember => self.non_members += 1,
        }
    }
}

impl Walk {
    /// Prepares the points of a scenario; `model_points` says which model each
    /// belongs to.
    pub(super) fn new(ranked: &Ranked, truth: &[Membership], model_points: &[u32]) -> Self {
        let models = model_points.iter().zip(0_u32..);
        let model_of: Vec<u32> =
            models.flat_map(|(points, model)| std::iter::repeat_n(model, *points as usize)).collect();
        let mut totals: Vec<Share> =
            (0..).zip(model_points).map(|(model, _)| Share { model, members: 0, non_members: 0 }).collect();
        for (model, truth) in model_of.iter().zip(truth) {
            totals[*model as usize].add(*truth);
        }
        let mut walk = Self { steps: Vec::with_capacity(truth.len()), shares: Vec::new(), totals, narrow: false };
        walk.narrow = walk.largest_count() < u16::MAX.into();
        for tied in ranked.steps() {
            let mixed = tied.iter().any(|place| place.truth != tied[0].truth);
            if mixed {
                walk.push_tie(tied.iter().map(|place| (model_of[place.point as usize], place.truth)));
                continue;
            }
            for place in tied {
                let model = model_of[place.point as usize];
                walk.steps.push(match place.truth {
                    Membership::Member => Step::Member(model),
                    Membership::NonMember => Step::NonMember(model),
                });
            }
        }
        walk
    }

    fn push_tie(&mut self, points: impl Iterator<Item = (u32, Membership)>) {
        let mut points: Vec<_> = points.collect();
        points.sort_unstable_by_key(|(model, _)| *model);
        let start = self.shares.len() as u32;
        for of_model in points.chunk_by(|a, b| a.0 == b.0) {
            let mut share = Share { model: of_model[0].0, members: 0, non_members: 0 };
            for (_, truth) in of_model {
                share.add(*truth);
            }
            self.shares.push(share);
        }
        self.steps.push(Step::Tie(start, self.shares.len() as u32));
    }

    /// The most members or non-members that a replicate can have: the richest
    /// model, drawn every time.
    fn largest_count(&self) -> u64 {
        let richest = self.totals.iter().map(|total| total.members.max(total.non_members)).max();
        u64::from(richest.unwrap_or(0)) * self.totals.len() as u64
    }

    /// The true-positive rate below the limit, replicate after replicate; zeros
    /// fill the last block.
    pub(super) fn rates<'a>(&'a self, draws: &'a Draws) -> impl Iterator<Item = f64> + 'a {
        draws
            .blocks()
            .flat_map(|block| if self.narrow { self.block_rates::<u16>(block) } else { self.block_rates::<u32>(block) })
    }

    fn block_rates<C: Count>(&self, block: Block<'_>) -> [f64; LANES] {
        let (members, non_members) = sums::<C>(&self.totals, block);
        let mut lanes = Lanes::<C>::below(&non_members);
        for (index, step) in self.steps.iter().enumerate() {
            match *step {
                Step::Member(model) => lanes.member(&block[model as usize]),
                Step::NonMember(model) => lanes.non_member(&block[model as usize]),
                Step::Tie(start, end) => {
                    let shares = &self.shares[start as usize..end as usize];
                    let (members, non_members) = sums::<C>(shares, block);
                    lanes.tie(&members, &non_members);
                }
            }
            if index % CHECK_EVERY == 0 && lanes.all_done() {
                break;
            }
        }
        std::array::from_fn(|lane| {
            let members: u32 = members[lane].into();
            let found: u32 = lanes.tp[lane].into();
            if members == 0 { 0.0 } else { f64::from(found) / f64::from(members) }
        })
    }
}

/// Members and non-members of the shares, each as often as its model was drawn.
fn sums<C: Count>(shares: &[Share], block: Block<'_>) -> ([C; LANES], [C; LANES]) {
    let (mut members, mut non_members) = ([C::default(); LANES], [C::default(); LANES]);
    for share in shares {
        let weights = &block[share.model as usize];
        let (of_member, of_non_member) = (C::of(share.members), C::of(share.non_members));
        for lane in 0..LANES {
            let weight = C::from(weights[lane]);
            members[lane] = members[lane].plus(weight.times(of_member));
            non_members[lane] = non_members[lane].plus(weight.times(of_non_member));
        }
    }
    (members, non_members)
}

/// The state of a block's replicates, one in each lane.
struct Lanes<C> {
    /// Non-members passed so far.
    fp: [C; LANES],
    /// Members passed so far; fixed once `fp` has reached `limit`.
    tp: [C; LANES],
    /// The first count of false positives that is too many.
    limit: [C; LANES],
    tied: Tied<C>,
}

/// What thinning needs to know about the last mixed tie of each lane.
struct Tied<C> {
    /// Counts after it, to see whether anything came since.
    fp: [C; LANES],
    tp: [C; LANES],
    /// The step it made. The very first step of a curve is never dropped; the
    /// largest count, which no step has, stands for it.
    step_fp: [C; LANES],
    step_tp: [C; LANES],
    /// True positives at the last point before it that thinning keeps.
    kept: [C; LANES],
}

impl<C: Count> Lanes<C> {
    /// At the beginning of curves with these numbers of non-members.
    fn below(non_members: &[C; LANES]) -> Self {
        let zeros = [C::default(); LANES];
        // fp * 10,000 < RANKING_RATE * N, solved for whole numbers.
        let limit = non_members.map(|n| {
            let n: u32 = n.into();
            C::of((u64::from(n) * u64::from(RANKING_RATE)).div_ceil(10_000) as u32)
        });
        let tied =
            Tied { fp: zeros, tp: zeros, step_fp: [C::LARGEST; LANES], step_tp: [C::LARGEST; LANES], kept: zeros };
        Self { fp: zeros, tp: zeros, limit, tied }
    }

    fn member(&mut self, weights: &[u16; LANES]) {
        let state = self.tp.iter_mut().zip(&self.fp).zip(&self.limit);
        for (((tp, fp), limit), weight) in state.zip(weights) {
            *tp = tp.plus(if fp < limit { C::from(*weight) } else { C::default() });
        }
    }

    fn non_member(&mut self, weights: &[u16; LANES]) {
        for (fp, weight) in self.fp.iter_mut().zip(weights) {
            *fp = fp.plus(C::from(*weight));
        }
    }

    fn tie(&mut self, members: &[C; LANES], non_members: &[C; LANES]) {
        let zero = C::default();
        for lane in 0..LANES {
            let (up, right) = (members[lane], non_members[lane]);
            let (tp, fp) = (self.tp[lane], self.fp[lane]);
            let open = fp < self.limit[lane];
            if !open || (up == zero && right == zero) {
                continue;
            }
            let tied = &mut self.tied;
            let straight =
                tied.fp[lane] == fp && tied.tp[lane] == tp && tied.step_fp[lane] == right && tied.step_tp[lane] == up;
            let kept = if straight { tied.kept[lane] } else { tp };
            let first = tp == zero && fp == zero;
            self.fp[lane] = fp.plus(right);
            self.tp[lane] = if self.fp[lane] < self.limit[lane] { tp.plus(up) } else { kept };
            tied.kept[lane] = kept;
            tied.step_fp[lane] = if first { C::LARGEST } else { right };
            tied.step_tp[lane] = if first { C::LARGEST } else { up };
            tied.fp[lane] = self.fp[lane];
            tied.tp[lane] = self.tp[lane];
        }
    }

    fn all_done(&self) -> bool {
        self.fp.iter().zip(&self.limit).all(|(fp, limit)| fp >= limit)
    }
}

/// A count in as few bits as will do: the narrower, the more lanes at once.
trait Count: Copy + Default + Ord + From<u16> + Into<u32> {
    const LARGEST: Self;

    /// A number that is known to fit.
    fn of(number: u32) -> Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
}

impl Count for u16 {
    const LARGEST: Self = Self::MAX;

    fn of(number: u32) -> Self {
        number as Self
    }

    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn times(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }
}

impl Count for u32 {
    const LARGEST: Self = Self::MAX;

    fn of(number: u32) -> Self {
        number
    }

    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn times(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }
}
