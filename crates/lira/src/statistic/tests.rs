use super::*;
use serde::Deserialize;

/// One record of two IN and three OUT models: means 4 and 2, squares 2 and 8.
fn one_record() -> (Vec<[f64; 1]>, Vec<[bool; 1]>) {
    let values = [(3.0, true), (0.0, false), (5.0, true), (2.0, false), (4.0, false)];
    values.into_iter().map(|(value, inside)| ([value], [inside])).unzip()
}

fn close(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{found:e} is not {expected:e}");
}

#[test]
fn six_numbers_tell_what_models_say_of_a_record() {
    let (signals, trained_on) = one_record();
    let expected = RecordStatistics {
        inside: Moments { count: 2.0, mean: 4.0, squares: 2.0 },
        outside: Moments { count: 3.0, mean: 2.0, squares: 8.0 },
    };
    assert_eq!(record_statistics(&signals, &trained_on), [expected]);
    let scenario = ScenarioStatistics::of(&[expected]);
    // 2 / (2 - 1), 8 / (3 - 1), 4 - 2.
    assert_eq!(scenario, ScenarioStatistics { variance_in: 2.0, variance_out: 4.0, gap: 2.0 });
}

#[test]
fn a_record_without_a_model_is_what_the_other_models_say() {
    let values = [3.5, -2.0, 0.25, 7.0, 7.5];
    for (at, &value) in values.iter().enumerate() {
        let left = values.iter().enumerate().filter(|&(other, _)| other != at).map(|(_, &value)| value);
        let (expected, found) = (Moments::of(left), Moments::of(values).without(value));
        assert_eq!(found.count, expected.count);
        close(found.mean, expected.mean, 1e-14);
        close(found.squares, expected.squares, 1e-14);
    }
    assert_eq!(Moments::of([4.0]).without(4.0), Moments::default());
    // Nothing but rounding is left of an outlier among equals.
    assert_eq!(Moments::of([0.1, 0.1, 0.1, 1e6 + 0.3]).without(1e6 + 0.3).squares, 0.0);
    assert_eq!(Moments::of([4.0, 6.0]).without(4.0), Moments { count: 1.0, mean: 6.0, squares: 0.0 });
}

#[test]
fn the_likelihood_ratio_of_one_record_by_hand() {
    let (signals, trained_on) = one_record();
    let record = record_statistics(&signals, &trained_on)[0];
    let scenario = ScenarioStatistics::of(&[record]);
    let score = |variances, phi| online(phi, Gaussian::of(&record, &scenario, variances));
    // ln(4 / 2) / 2 + (4 - 2)^2 / 8 - 0
    close(score(Variances::Fixed, 4.0), 2_f64.ln() / 2.0 + 0.5, 1e-15);
    // The record's own: 2 / 2 and 8 / 3. ln(8/3) / 2 + 4 / (16/3)
    close(score(Variances::PerExample, 4.0), (8.0_f64 / 3.0).ln() / 2.0 + 0.75, 1e-15);
    // (32 + 2) / 18 = 17/9 and (64 + 8) / 19 = 72/19, whose ratio is 648/323. 4 * 19 / 144
    close(score(Variances::Shrunk, 4.0), (648.0_f64 / 323.0).ln() / 2.0 + 76.0 / 144.0, 1e-15);
    // Half as far from OUT as from IN, in variances of 4 and 2: 1/8 - 1/4 lies below the logarithm.
    close(score(Variances::Fixed, 3.0), 2_f64.ln() / 2.0 - 0.125, 1e-15);
    // (5 - 2) / sqrt(4)
    close(offline(5.0, Gaussian::of(&record, &scenario, Variances::Fixed).outside), 1.5, 1e-15);
}

#[test]
fn a_missing_side_is_the_other_one_shifted_by_the_gap() {
    let side = |mean| Moments { count: 2.0, mean, squares: 2.0 };
    let both = RecordStatistics { inside: side(5.0), outside: side(2.0) };
    let [inside, outside] = [
        RecordStatistics { inside: side(1.0), outside: Moments::default() },
        RecordStatistics { inside: Moments::default(), outside: side(1.0) },
    ];
    let scenario = ScenarioStatistics::of(&[both, inside, outside]);
    assert_eq!(scenario.gap, 3.0);
    assert_eq!(scenario.means(&inside), (1.0, -2.0));
    assert_eq!(scenario.means(&outside), (4.0, 1.0));
    let scored = |record| online(1.0, Gaussian::of(&record, &scenario, Variances::PerExample));
    assert!(scored(inside).is_finite() && scored(outside).is_finite());
    assert!(scored(inside) > scored(outside));
}

#[test]
fn a_calibration_by_hand() {
    let (signals, trained_on) = one_record();
    let record = record_statistics(&signals, &trained_on)[0];
    let scenario = ScenarioStatistics::of(&[record]);
    assert_eq!(Calibration::Loss.score(1.5, &record, &scenario), 2.5);
    assert_eq!(Calibration::Confidence.score(1.5, &record, &scenario), -2.5);
    assert_eq!(Calibration::Confidence.signal(0.0), 0.5);
    assert_eq!(Calibration::Loss.signal(0.0), std::f64::consts::LN_2);
}

#[test]
fn the_hierarchical_score_where_the_prediction_is_exact_by_hand() {
    // OUT is IN - 1 for every record, so f = mean_in - 1 whatever the weights; tau^2 is the least
    // there is.
    let record = |mean: f64, squares: f64| RecordStatistics {
        inside: Moments { count: 4.0, mean, squares },
        outside: Moments { count: 2.0, mean: mean - 1.0, squares: 4.0 },
    };
    let seen = [(0.0, 6.0), (1.0, 3.0), (2.5, 9.0), (4.0, 2.0), (-3.0, 4.0), (6.0, 6.0)];
    let seen: Vec<RecordStatistics> = seen.into_iter().map(|(mean, squares)| record(mean, squares)).collect();
    // 30 / 18 and 24 / 6.
    let scenario = ScenarioStatistics::of(&seen);
    close(scenario.variance_in, 30.0 / 18.0, 1e-15);
    assert_eq!(scenario.variance_out, 4.0);
    let fitted = Hierarchical::fit(&seen, scenario);
    // v = (16 * 5/3 + 6 + 4 * (5/3) / 4) / 22 = (80/3 + 6 + 5/3) / 22; (phi - (0 - 1) / 2) / v
    let tied = (80.0 / 3.0 + 6.0 + 5.0 / 3.0) / 22.0;
    close(fitted.score(2.0, &seen[0]), 2.5 / tied, 1e-9);
    // Without OUT models the prediction stands alone: v = (80/3 + 6) / 20.
    let alone = RecordStatistics { outside: Moments::default(), ..seen[0] };
    close(fitted.score(2.0, &alone), 2.5 / ((80.0 / 3.0 + 6.0) / 20.0), 1e-9);
}

#[test]
fn terms_that_cannot_be_told_apart_do_no_harm() {
    // All deviations are equal, so sd_in says what the constant says, and sd_in mean_in what
    // mean_in says.
    let record = |mean: f64| RecordStatistics {
        inside: Moments { count: 4.0, mean, squares: 3.0 },
        outside: Moments { count: 1.0, mean: 2.0 * mean - 1.0, squares: 0.0 },
    };
    let records: Vec<RecordStatistics> = (0..9).map(|at| record(f64::from(at) - 4.0)).collect();
    let scenario = ScenarioStatistics { variance_in: 1.0, variance_out: 1.0, gap: 0.0 };
    let fitted = Hierarchical::fit(&records, scenario);
    let alone = RecordStatistics { outside: Moments::default(), ..record(3.0) };
    // mean_in 3, mean_out 5, v = (16 + 3) / 20.
    close(fitted.score(6.0, &alone), -2.0 * (6.0 - 4.0) / (19.0 / 20.0), 1e-9);
    for few in 0..4 {
        let fitted = Hierarchical::fit(&records[..few], scenario);
        assert!(fitted.score(6.0, &alone).is_finite(), "{few} records");
    }
}

#[test]
fn models_that_all_say_the_same_give_finite_scores() {
    let signals = vec![[2.0, 2.0]; 6];
    let trained_on: Vec<[bool; 2]> = (0..6).map(|model| [model % 2 == 0, model % 3 == 0]).collect();
    let records = record_statistics(&signals, &trained_on);
    let scenario = ScenarioStatistics::of(&records);
    let hierarchical = Hierarchical::fit(&records, scenario);
    for phi in [2.0, 2.5, -1e6] {
        for variances in [Variances::PerExample, Variances::Fixed, Variances::Shrunk] {
            let gaussian = Gaussian::of(&records[0], &scenario, variances);
            assert!(online(phi, gaussian).is_finite() && offline(phi, gaussian.outside).is_finite());
        }
        assert!(hierarchical.score(phi, &records[0]).is_finite());
    }
}

/// What `testdata/make_statistic.py` computed.
#[derive(Deserialize)]
struct Document {
    unequal: Table,
    balanced: Table,
}

#[derive(Deserialize)]
struct Table {
    phi: Vec<Vec<f64>>,
    trained_on: Vec<Vec<bool>>,
    target: Vec<f64>,
    scores: std::collections::BTreeMap<String, Vec<f64>>,
}

impl Table {
    /// Compares with a relative error of 1e-9; scores near 0 are differences of larger numbers.
    fn compare(&self, name: &str, score: impl Fn(f64, usize) -> f64) {
        for (row, (&phi, &expected)) in self.target.iter().zip(&self.scores[name]).enumerate() {
            let found = score(phi, row);
            assert!((found - expected).abs() <= 1e-9 * expected.abs() + 1e-13, "{name} {row}: {found:e} {expected:e}");
        }
    }
}

fn document() -> Document {
    serde_json::from_str(include_str!("../../testdata/statistic.json")).expect("the table")
}

#[test]
fn scores_are_those_that_numpy_and_scipy_give() {
    use crate::{Attack, FittedAttack, Shadows};
    let table = document().unequal;
    let shadows = Shadows::new(table.phi.clone(), table.trained_on.clone());
    let attacks = [
        ("loss", Attack::Loss),
        ("online_fixed", Attack::Online(Variances::Fixed)),
        ("online_shrunk", Attack::Online(Variances::Shrunk)),
        ("online_per_example", Attack::Online(Variances::PerExample)),
        ("offline_fixed", Attack::Offline(Variances::Fixed)),
        ("offline_shrunk", Attack::Offline(Variances::Shrunk)),
        ("offline_per_example", Attack::Offline(Variances::PerExample)),
        ("hierarchical", Attack::Hierarchical),
        ("calibrated_loss", Attack::Calibrated(Calibration::Loss)),
        ("calibrated_confidence", Attack::Calibrated(Calibration::Confidence)),
    ];
    assert_eq!(attacks.len(), table.scores.len());
    for (name, attack) in attacks {
        let fitted = FittedAttack::new(attack, &shadows);
        table.compare(name, |phi, row| fitted.score(phi, row));
    }
}

#[test]
fn the_references_scores_are_equal_where_counts_are() {
    let table = document().balanced;
    assert_eq!(table.scores.len(), 4);
    for (name, deviations) in [("per_example", Deviations::PerExample), ("fixed", Deviations::Fixed)] {
        let reference = Reference::fit(&table.phi, &table.trained_on, deviations);
        table.compare(&format!("reference_online_{name}"), |phi, row| reference.online(phi, row));
        table.compare(&format!("reference_offline_{name}"), |phi, row| reference.offline(phi, row));
    }
}
