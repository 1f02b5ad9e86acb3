//! Selects the attack for a scenario: the one that does best on its shadow models.

use rayon::prelude::*;

use super::attack::{Attack, LeaveOneOut, Shadows};
use super::statistic::{Calibration, Variances};

/// The attacks to select from. Of equally good ones the first is taken.
pub const CANDIDATES: [Attack; 6] = [
    Attack::Online(Variances::Shrunk),
    Attack::Online(Variances::Fixed),
    Attack::Hierarchical,
    Attack::Offline(Variances::Shrunk),
    Attack::Calibrated(Calibration::Loss),
    Attack::Calibrated(Calibration::Confidence),
];

/// The attack is selected for the number that tracks are ranked by, the true-positive rate at a
/// false-positive rate of one in this many.
const INVERSE_FPR: usize = 10;

/// The attack that was selected, and how well each candidate did.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The best candidate.
    pub attack: Attack,
    /// Each candidate's true-positive rate at a false-positive rate below 10 %, in the order of
    /// [`CANDIDATES`]. Empty if the shadow models cannot tell which is best: there are fewer than
    /// two, or all were trained on the same records.
    pub rates: Vec<(Attack, f64)>,
}

/// Selects the attack with the highest true-positive rate at a false-positive rate below 10 %, when
/// each shadow model is scored as if it were a target by an attack fitted to the others. One
/// threshold holds for all models.
///
/// Every record counts for every shadow model, since it is known which models were trained on it.
/// These are far more points than the challenge points of the shadow models, so chance decides
/// less.
pub fn select(shadows: &Shadows) -> Selection {
    let candidates = if shadows.len() > 1 { CANDIDATES.as_slice() } else { &[] };
    let rate = |&attack: &Attack| Some((attack, true_positive_rate_of(attack, shadows)?));
    let rates: Vec<(Attack, f64)> = candidates.iter().filter_map(rate).collect();
    let better = |best: (Attack, f64), next: (Attack, f64)| if next.1 > best.1 { next } else { best };
    let best = rates.iter().copied().reduce(better);
    Selection { attack: best.map_or(CANDIDATES[0], |(attack, _)| attack), rates }
}

/// The rate over all shadow models as targets; `None` if all or none of the points are members.
fn true_positive_rate_of(attack: Attack, shadows: &Shadows) -> Option<f64> {
    let left_out = LeaveOneOut::new(attack, shadows);
    let scores = (0..shadows.len()).into_par_iter().map(|model| {
        let (mut members, mut others) = (Vec::new(), Vec::new());
        for (row, score) in left_out.scores(model, 0..shadows.records()).into_iter().enumerate() {
            if shadows.is_trained_on(model, row) { &mut members } else { &mut others }.push(score);
        }
        (members, others)
    });
    let (members, others): (Vec<Vec<f64>>, Vec<Vec<f64>>) = scores.unzip();
    true_positive_rate(&members.concat(), &mut others.concat())
}

/// The largest share of `members` above a threshold that fewer than a tenth of `others` exceed;
/// `None` if either is empty. The same number as the scorer's `TPR_FPR_1000`, without sorting.
fn true_positive_rate(members: &[f64], others: &mut [f64]) -> Option<f64> {
    let above = others.len().checked_sub(1)? / INVERSE_FPR;
    let (_, threshold, _) = others.select_nth_unstable_by(above, |a, b| b.total_cmp(a));
    let found = members.iter().filter(|&score| score > threshold).count();
    (!members.is_empty()).then(|| found as f64 / members.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scoring::Membership::{Member, NonMember};

    #[test]
    fn the_rate_is_the_scorers() {
        // Scores with many ties: squares modulo small numbers.
        for size in [11, 20, 100, 101, 997_usize] {
            for modulus in [3, 7, 50, 10_007] {
                let score = |at: usize| (at * at % modulus) as f64 / modulus as f64;
                let members: Vec<f64> = (0..size).map(score).collect();
                let mut others: Vec<f64> = (size..2 * size).map(|at| score(at) * 0.9).collect();
                let all = [members.as_slice(), &others].concat();
                let truth: Vec<_> = (0..2 * size).map(|at| if at < size { Member } else { NonMember }).collect();
                let curve = scoring::roc(&all, &truth).expect("a curve");
                let expected = curve.tp_below(1000) as f64 / size as f64;
                assert_eq!(true_positive_rate(&members, &mut others), Some(expected), "{size} {modulus}");
            }
        }
        assert_eq!(true_positive_rate(&[], &mut [1.0]), None);
        assert_eq!(true_positive_rate(&[1.0], &mut []), None);
    }
}
