//! What a model's answer tells about a record, in one number: phi, the loss or the confidence. Each
//! is a monotone function of the others.
//!
//! Pure functions, without models or files.

/// The confidence as log-odds: phi = z_y - ln(sum over j != y of exp(z_j)), for logits `z`
/// `[classes]` and the record's class `y`.
///
/// N. Carlini et al. 2022, "Membership Inference Attacks From First Principles", section V-B, where
/// it is found to be nearly normally distributed over models. It is computed from the logits, less
/// their maximum, because probabilities would round to 0 and 1. All arithmetic is in `f64`.
///
/// NaN or infinite if a logit is. There must be at least two classes, and `class` must be one of
/// them.
pub fn phi(logits: &[f32], class: usize) -> f64 {
    let (before, after) = (&logits[..class], &logits[class + 1..]);
    // `max` ignores a NaN, but the sum does not.
    let largest = before.iter().chain(after).fold(f32::NEG_INFINITY, |largest, &logit| largest.max(logit));
    let sum = kernel::sum_of_exp(before, largest) + kernel::sum_of_exp(after, largest);
    f64::from(logits[class]) - f64::from(largest) - sum.ln()
}

/// The cross-entropy -ln p_y of an answer with this [`phi`]: ln(1 + exp(-phi)).
pub fn loss(phi: f64) -> f64 {
    // The exponent is never positive, so this does not overflow.
    (-phi.abs()).exp().ln_1p() + (-phi).max(0.0)
}

/// The probability p_y that the model gives the record's class in an answer with this [`phi`]: 1 /
/// (1 + exp(-phi)).
pub fn confidence(phi: f64) -> f64 {
    let small = (-phi.abs()).exp();
    if phi < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_equal_logits_are_no_evidence() {
        assert_eq!(phi(&[3.0, 3.0], 0), 0.0);
        assert_eq!(loss(0.0), std::f64::consts::LN_2);
        assert_eq!(confidence(0.0), 0.5);
    }

    #[test]
    fn phi_is_the_log_odds_of_the_class() {
        // exp of the logits is 1, 2 and 5: probabilities 1/8, 2/8, 5/8.
        let logits = [0.0, 2.0_f32.ln(), 5.0_f32.ln()];
        for (class, probability) in [(0, 0.125), (1, 0.25), (2, 0.625)] {
            let phi = phi(&logits, class);
            // The logarithms are rounded to f32.
            assert!((phi - f64::ln(probability / (1.0 - probability))).abs() < 1e-6);
            assert!((loss(phi) + f64::ln(probability)).abs() < 1e-6);
            assert!((confidence(phi) - probability).abs() < 1e-6);
        }
    }

    #[test]
    fn answers_far_from_doubt_stay_apart() {
        // Both probabilities are 1 in f64, so the Python references give both the same signal.
        assert_eq!(phi(&[300.0, 0.0], 0), 300.0);
        assert_eq!(phi(&[200.0, -200.0], 0), 400.0);
        assert_eq!(phi(&[3e38, -3e38], 1), f64::from(-3e38_f32) - f64::from(3e38_f32));
        assert_eq!(loss(-400.0), 400.0);
        assert!(loss(400.0) > 0.0 && loss(400.0) < 1e-170);
        assert_eq!((confidence(800.0), confidence(-800.0)), (1.0, 0.0));
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        assert!(phi(&[f32::NAN, 1.0, 2.0], 1).is_nan());
        assert!(phi(&[1.0, f32::NAN], 1).is_nan());
        assert!(!phi(&[f32::INFINITY, 1.0, 2.0], 1).is_finite());
    }
}
