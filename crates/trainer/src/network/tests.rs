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

fn batch(records: Vec<f32>, labels: Vec<usize>) -> Batch {
    let squares = records.chunks(5).map(|record| record.iter().map(|value| value * value).sum()).collect();
    Batch { records, labels, squares }
}

fn example() -> (Network, Batch) {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let network = Network::draw(WIDTHS, &mut rng);
    let records = (0..30).map(|_| unit(&mut rng)).collect();
    (network, batch(records, vec![0, 2, 1, 1, 0, 2]))
}

fn gradient(network: &Network, batch: &Batch, weighting: Weighting) -> Network {
    let mut gradient = Network::zero(WIDTHS);
    network.gradient(batch, weighting, &mut gradient, &mut Workspace::default());
    gradient
}

fn norm(gradient: &mut Network) -> f64 {
    gradient.real_parameters_mut().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn the_gradient_is_the_slope_of_the_loss_in_every_weight() {
    let (mut network, batch) = example();
    let mut gradient = gradient(&network, &batch, Weighting::Mean);
    let step = 1e-2_f32;
    for part in 0..4 {
        for i in 0..gradient.parameters_mut()[part].len() {
            let before = network.parameters_mut()[part][i];
            network.parameters_mut()[part][i] = before + step;
            let above = mean_loss(&network, &batch.records, &batch.labels);
            network.parameters_mut()[part][i] = before - step;
            let below = mean_loss(&network, &batch.records, &batch.labels);
            network.parameters_mut()[part][i] = before;
            let slope = (above - below) / f64::from(2.0 * step);
            let found = f64::from(gradient.parameters_mut()[part][i]);
            // A padded weight does change the loss, but its gradient must be zero.
            let matters = found != 0.0;
            assert!(!matters || (slope - found).abs() < 2e-4, "part {part}, weight {i}: {slope} and {found}");
        }
    }
}

#[test]
fn padding_gets_no_gradient_and_every_real_weight_gets_one() {
    let (network, batch) = example();
    let mut gradient = gradient(&network, &batch, Weighting::Mean);
    let real = 5 * 7 + 7 + 7 * 3 + 3;
    let nonzero = gradient.parameters_mut().iter().flat_map(|part| part.iter()).filter(|&&g| g != 0.0).count();
    assert_eq!(nonzero, real);
}

/// The expected gradient is computed naively: each record's gradient alone, its norm from all
/// its numbers, and then the sum.
#[test]
fn a_clipped_gradient_is_the_sum_of_those_of_single_records_none_longer_than_the_norm() {
    let (network, whole) = example();
    let records = whole.records.chunks(5).zip(&whole.labels);
    let mut alone: Vec<Network> = records
        .map(|(record, &label)| gradient(&network, &batch(record.to_vec(), vec![label]), Weighting::Mean))
        .collect();
    let norms: Vec<f64> = alone.iter_mut().map(norm).collect();
    let middle = norms.iter().copied().fold(f64::INFINITY, f64::min) * 1.05;
    assert!(norms.iter().any(|&norm| norm > middle), "{norms:?}");
    for clip in [middle, 1e-3, 1e3] {
        let mut expected = Network::zero(WIDTHS);
        for (alone, norm) in alone.iter_mut().zip(&norms) {
            let factor = (clip / norm).min(1.0) as f32;
            for (sum, value) in expected.real_parameters_mut().zip(alone.real_parameters_mut()) {
                *sum += factor * *value;
            }
        }
        let mut found = gradient(&network, &whole, Weighting::Clipped { norm: clip as f32 });
        for (found, expected) in found.real_parameters_mut().zip(expected.real_parameters_mut()) {
            assert!((*found - *expected).abs() <= 2e-4 * clip.min(1.0) as f32, "{clip}: {found} and {expected}");
        }
    }
}

#[test]
fn a_record_clipped_alone_is_just_shorter_than_the_norm() {
    let (network, whole) = example();
    for (record, &label) in whole.records.chunks(5).zip(&whole.labels) {
        let mut found = gradient(&network, &batch(record.to_vec(), vec![label]), Weighting::Clipped { norm: 0.01 });
        let norm = norm(&mut found);
        assert!((0.009_998..0.01).contains(&norm), "{norm}");
    }
}

#[test]
fn a_batch_of_nothing_has_no_gradient() {
    let (network, _) = example();
    let mut found = gradient(&network, &batch(Vec::new(), Vec::new()), Weighting::Clipped { norm: 1.0 });
    assert_eq!(norm(&mut found), 0.0);
}

#[test]
fn a_network_that_absorbed_the_scaling_answers_for_records_as_they_are() {
    let (mut network, batch) = example();
    let scale = Scale { shift: 100.0, factor: 0.25 };
    let raw: Vec<f32> = batch.records.iter().map(|value| value / scale.factor + scale.shift).collect();
    let expected = network.logits(&batch.records);
    network.absorb_scale(scale);
    for (found, expected) in network.logits(&raw).iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{found} and {expected}");
    }
}

#[test]
fn the_first_of_equal_logits_is_the_answer() {
    let logits = [1.0, 1.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 1.0];
    assert_eq!(count_largest_at(&logits, &[0, 1, 2], 3), 3);
    assert_eq!(count_largest_at(&logits, &[1, 2, 2], 3), 1);
}
