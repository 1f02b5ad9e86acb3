//! Laws that hold for any confidences and labels.

use proptest::prelude::*;
use scoring::{
    Bootstrap, Interval, Membership, Metric, Metrics, PredictionsError, RankingKind, RankingRule, ScenarioShape,
    Scenarios, ScoreError, Split, SplitPredictions, SplitSolution, TargetModel, TrackScore, TrackShape, metrics,
    paired_difference, python_repr, read_scores, roc, score, write_scores,
};

fn numbers(confidences: &[f64], truth: &[Membership]) -> Metrics {
    metrics(&roc(confidences, truth).expect("a curve"))
}

/// The true-positive rates, by rising limit of the false-positive rate.
fn rates(numbers: &Metrics) -> Vec<f64> {
    numbers.iter().filter(|(metric, _)| metric.fpr_limit().is_some()).map(|(_, value)| value).collect()
}

fn memberships(labels: &[bool]) -> Vec<Membership> {
    labels.iter().map(|member| if *member { Membership::Member } else { Membership::NonMember }).collect()
}

/// Confidences of few or many levels with labels of both kinds.
fn points() -> impl Strategy<Value = (Vec<f64>, Vec<Membership>)> {
    let levels = prop_oneof![Just(1_u32), Just(2), Just(5), Just(30), Just(1_000_000)];
    (levels, prop::collection::vec((any::<u32>(), any::<bool>()), 2..80)).prop_map(|(levels, raw)| {
        let confidences = raw.iter().map(|(number, _)| f64::from(number % (levels + 1)) / f64::from(levels)).collect();
        let mut truth: Vec<bool> = raw.iter().map(|(_, member)| *member).collect();
        // Both kinds have to be there.
        (truth[0], truth[1]) = (true, false);
        (confidences, memberships(&truth))
    })
}

/// The area as the share of pairs that are in the right order, ties half.
fn share_of_ordered_pairs(confidences: &[f64], truth: &[Membership]) -> f64 {
    let of = |class| {
        confidences.iter().zip(truth).filter(move |(_, truth)| **truth == class).map(|(confidence, _)| *confidence)
    };
    let (mut ordered, mut pairs) = (0.0, 0.0);
    for member in of(Membership::Member) {
        for non_member in of(Membership::NonMember) {
            pairs += 1.0;
            ordered += if member > non_member { 1.0 } else { f64::from(u8::from(member == non_member)) / 2.0 };
        }
    }
    ordered / pairs
}

proptest! {
    #[test]
    fn the_order_of_points_does_not_matter((confidences, truth) in points(), seed in any::<u64>()) {
        let mut order: Vec<usize> = (0..truth.len()).collect();
        order.sort_by_key(|index| (*index as u64 + 1).wrapping_mul(seed | 1));
        let shuffled: Vec<f64> = order.iter().map(|index| confidences[*index]).collect();
        let shuffled_truth: Vec<Membership> = order.iter().map(|index| truth[*index]).collect();
        prop_assert_eq!(roc(&confidences, &truth), roc(&shuffled, &shuffled_truth));
    }

    #[test]
    fn a_strictly_increasing_map_changes_nothing((confidences, truth) in points()) {
        let mapped: Vec<f64> = confidences.iter().map(|confidence| 0.1 + confidence / 3.0).collect();
        prop_assert_eq!(roc(&confidences, &truth), roc(&mapped, &truth));
        let halved: Vec<f64> = confidences.iter().map(|confidence| confidence / 1024.0).collect();
        prop_assert_eq!(roc(&confidences, &truth), roc(&halved, &truth));
    }

    #[test]
    fn swapped_labels_turn_the_area_over((confidences, truth) in points()) {
        let swapped: Vec<Membership> = truth
            .iter()
            .map(|truth| match truth {
                Membership::Member => Membership::NonMember,
                Membership::NonMember => Membership::Member,
            })
            .collect();
        let (ours, theirs) = (numbers(&confidences, &truth), numbers(&confidences, &swapped));
        prop_assert!((ours.get(Metric::Auc) + theirs.get(Metric::Auc) - 1.0).abs() < 1e-12);
        // Swapping the labels and turning the confidences over is a point
        // reflection of the curve, which keeps its distance to the diagonal.
        let turned: Vec<f64> = confidences.iter().map(|confidence| 1.0 - confidence).collect();
        let reflected = numbers(&turned, &swapped);
        for metric in [Metric::Auc, Metric::Advantage, Metric::Accuracy] {
            prop_assert!((ours.get(metric) - reflected.get(metric)).abs() < 1e-12, "{metric}");
        }
    }

    #[test]
    fn the_area_is_the_share_of_ordered_pairs((confidences, truth) in points()) {
        let area = numbers(&confidences, &truth).get(Metric::Auc);
        prop_assert!((area - share_of_ordered_pairs(&confidences, &truth)).abs() < 1e-12);
    }

    #[test]
    fn every_number_keeps_its_bounds((confidences, truth) in points()) {
        let numbers = numbers(&confidences, &truth);
        for (metric, value) in numbers.iter() {
            prop_assert!((0.0..=1.0).contains(&value), "{metric} = {value}");
        }
        prop_assert!(rates(&numbers).is_sorted());
        let [auc, advantage, accuracy] =
            [Metric::Auc, Metric::Advantage, Metric::Accuracy].map(|metric| numbers.get(metric));
        prop_assert!(accuracy >= 0.5);
        prop_assert!((accuracy - (1.0 + advantage) / 2.0).abs() < 1e-12);
        prop_assert!(auc <= accuracy + 0.5);
    }

    #[test]
    fn a_constant_is_worth_nothing((_, truth) in points(), confidence in 0.0..=1.0) {
        let numbers = numbers(&vec![confidence; truth.len()], &truth);
        prop_assert_eq!(rates(&numbers), [0.0; 6]);
        prop_assert_eq!(
            [Metric::Auc, Metric::Advantage, Metric::Accuracy].map(|metric| numbers.get(metric)),
            [0.5, 0.0, 0.5]
        );
    }

    #[test]
    fn the_grid_never_falls_and_ends_at_one((confidences, truth) in points()) {
        let grid = roc(&confidences, &truth).expect("a curve").grid();
        for values in [grid.linear, grid.log] {
            prop_assert!(values.is_sorted());
            prop_assert_eq!(values.last(), Some(&1.0));
            prop_assert!(values.iter().all(|value| (value * 1000.0 - (value * 1000.0).round()).abs() < 1e-9));
        }
    }

    #[test]
    fn written_numbers_read_back_equal(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let read: f64 = python_repr(number).parse().expect("a number");
        prop_assert_eq!(read.to_bits(), bits);
    }
}

/// A track of two scenarios with models of different sizes, its labels and one
/// submission.
#[derive(Debug, Clone)]
struct Track {
    shape: TrackShape,
    labels: Vec<Vec<Vec<Membership>>>,
    values: Vec<Vec<Vec<f64>>>,
    /// The scenario that the submission leaves out.
    left_out: Option<usize>,
}

impl Track {
    fn predictions(&self) -> SplitPredictions {
        let values = self.values.iter().enumerate();
        let values = values.map(|(index, models)| (self.left_out != Some(index)).then(|| models.concat()));
        SplitPredictions::new(&self.shape, Split::Dev, values.collect()).expect("fits")
    }

    fn solution(&self) -> SplitSolution {
        SplitSolution::new(&self.shape, Split::Dev, self.labels.clone()).expect("fits")
    }

    fn score(&self) -> TrackScore {
        score(&self.shape, Split::Dev, &self.predictions(), &self.solution()).expect("a score")
    }

    /// The track in which every model stands as often as these counts say.
    fn resampled(&self, counts: &[Vec<usize>]) -> Self {
        let repeat = |models: &[Vec<f64>], counts: &[usize]| {
            models.iter().zip(counts).flat_map(|(model, count)| vec![model.clone(); *count]).collect()
        };
        let values: Vec<Vec<Vec<f64>>> = self.values.iter().zip(counts).map(|(m, c)| repeat(m, c)).collect();
        let labels = self.labels.iter().zip(counts).map(|(models, counts)| {
            models.iter().zip(counts).flat_map(|(model, count)| vec![model.clone(); *count]).collect()
        });
        let shape = shape_of(&values).with_ranking(self.shape.ranking());
        Self { shape, labels: labels.collect(), values, left_out: self.left_out }
    }
}

fn shape_of(values: &[Vec<Vec<f64>>]) -> TrackShape {
    let scenarios = values.iter().enumerate().map(|(number, models)| {
        let models = models.iter().enumerate();
        let models = models.map(|(number, points)| TargetModel { name: format!("m{number}"), points: points.len() });
        ScenarioShape::new(format!("s{number}"), [(Split::Dev, models.collect())])
    });
    TrackShape::new("t", scenarios.collect()).expect("a good shape")
}

/// Tracks of any rule, with submissions that leave out a scenario where they may.
fn tracks() -> impl Strategy<Value = Track> {
    let rules = (prop::sample::select(&RankingKind::ALL), prop::sample::select(&Scenarios::ALL));
    let left_out = prop_oneof![Just(None), Just(Some(0)), Just(Some(1))];
    (full_tracks(), rules, left_out).prop_map(|(track, (number, scenarios), left_out)| {
        let shape = track.shape.with_ranking(RankingRule { number, scenarios });
        Track { shape, left_out: left_out.filter(|_| scenarios == Scenarios::Any), ..track }
    })
}

/// Tracks whose values have this many levels: few make ties and straight runs.
fn full_tracks() -> impl Strategy<Value = Track> {
    let levels = prop_oneof![Just(1_u32), Just(2), Just(4), Just(12), Just(1_000_000)];
    let model = prop::collection::vec((any::<u32>(), any::<bool>()), 2..12);
    let scenario = prop::collection::vec(model, 1..6);
    (levels, prop::collection::vec(scenario, 2)).prop_map(|(levels, raw)| {
        let mut raw = raw;
        for model in raw.iter_mut().flatten() {
            (model[0].1, model[1].1) = (true, false);
        }
        let value = |(number, _): &(u32, bool)| f64::from(number % (levels + 1)) / f64::from(levels);
        let values: Vec<Vec<Vec<f64>>> =
            raw.iter().map(|models| models.iter().map(|points| points.iter().map(value).collect()).collect()).collect();
        let labels = raw
            .iter()
            .map(|models| {
                models
                    .iter()
                    .map(|points| memberships(&points.iter().map(|point| point.1).collect::<Vec<_>>()))
                    .collect()
            })
            .collect();
        Track { shape: shape_of(&values), labels, values, left_out: None }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_replicate_is_the_score_of_the_resampled_submission(track in tracks()) {
        let replicates = 40;
        let bootstrap = Bootstrap::new(&track.shape, Split::Dev, "c/t", replicates);
        let numbers = bootstrap.ranking_numbers(&track.predictions(), &track.solution()).expect("numbers");
        prop_assert_eq!(numbers.len(), replicates);
        for (replicate, number) in numbers.iter().enumerate() {
            let counts: Vec<Vec<usize>> = (0..2).map(|scenario| bootstrap.counts(scenario, replicate)).collect();
            let direct = track.resampled(&counts).score().ranking_value;
            prop_assert_eq!(number.to_bits(), direct.to_bits(), "{:?}", counts);
        }
    }

    #[test]
    fn with_one_model_a_scenario_every_replicate_is_the_score(track in tracks()) {
        let counts: Vec<Vec<usize>> = track.values.iter().map(|models| {
            (0..models.len()).map(|model| usize::from(model == 0)).collect()
        }).collect();
        let single = track.resampled(&counts);
        let bootstrap = Bootstrap::new(&single.shape, Split::Dev, "c/t", 300);
        let numbers = bootstrap.ranking_numbers(&single.predictions(), &single.solution()).expect("numbers");
        let expected = single.score().ranking_value;
        prop_assert!(numbers.iter().all(|number| number.to_bits() == expected.to_bits()));
    }

    #[test]
    fn the_counts_are_those_at_the_highest_threshold_that_finds_so_many_members(track in tracks()) {
        for (index, scenario) in track.score().scenarios.iter().enumerate() {
            prop_assert_eq!(scenario.is_none(), track.left_out == Some(index));
            let Some(scenario) = scenario else { continue };
            let confidences = track.values[index].concat();
            let truth = track.labels[index].concat();
            let at_least = |threshold: f64, class| {
                let points = confidences.iter().zip(&truth);
                points.filter(|(confidence, truth)| **confidence >= threshold && **truth == class).count() as u64
            };
            let thresholds = confidences.iter().copied().chain([f64::INFINITY]);
            let points = thresholds.map(|t| (at_least(t, Membership::Member), at_least(t, Membership::NonMember)));
            let counts = scenario.counts;
            let fewest = points.filter(|(tp, _)| *tp == counts.tp).map(|(_, fp)| fp).min();
            prop_assert_eq!(Some(counts.fp), fewest);
            prop_assert!(counts.fp * 10 < counts.non_members);
            prop_assert_eq!(counts.members + counts.non_members, truth.len() as u64);
            let rate = counts.tp as f64 / counts.members as f64;
            prop_assert_eq!(rate.to_bits(), scenario.metrics.get(Metric::RANKING).to_bits());
        }
    }

    #[test]
    fn scores_written_read_back_equal(track in tracks()) {
        let score = track.score();
        let read = read_scores(&write_scores(&score)).expect("our own file");
        prop_assert_eq!(read[track.shape.ranking().number.name()].to_bits(), score.ranking_value.to_bits());
        for (number, scenario) in (1..).zip(&score.scenarios) {
            let Some(scenario) = scenario else { continue };
            for (metric, value) in scenario.metrics.iter() {
                prop_assert_eq!(read[&format!("scenario{number}_{metric}")].to_bits(), value.to_bits());
            }
        }
        prop_assert_eq!(read.len(), Metric::ALL.len() * score.present().count() + 1);
    }

    #[test]
    fn the_number_is_what_the_rule_says_of_the_scenarios(track in tracks()) {
        let score = track.score();
        let rates: Vec<f64> = score
            .scenarios
            .iter()
            .map(|scenario| scenario.as_ref().map_or(0.0, |scenario| scenario.metrics.get(Metric::RANKING)))
            .collect();
        let expected = match track.shape.ranking().number {
            RankingKind::Mean => rates.iter().sum::<f64>() / rates.len() as f64,
            RankingKind::Max => rates.iter().copied().fold(0.0, f64::max),
        };
        prop_assert_eq!(score.ranking_value.to_bits(), expected.to_bits());
        prop_assert_eq!(score.ranking().value().to_bits(), expected.to_bits());
        prop_assert_eq!(score.ranking().counts().len(), rates.len());
    }

    #[test]
    fn to_leave_out_a_scenario_never_helps(track in tracks()) {
        let whole = Track { left_out: None, ..track.clone() }.score().ranking();
        prop_assert!(track.score().ranking() <= whole);
    }
}

#[test]
fn the_draws_are_the_same_for_ever() {
    let models = (0..5).map(|n| TargetModel { name: format!("m{n}"), points: 2 }).collect::<Vec<_>>();
    let scenario = |name| ScenarioShape::new(name, [(Split::Dev, models.clone()), (Split::Final, models.clone())]);
    let shape = TrackShape::new("t", vec![scenario("a"), scenario("b")]).expect("a good shape");
    let counts = |split, track| {
        let bootstrap = Bootstrap::new(&shape, split, track, 3);
        [bootstrap.counts(0, 0), bootstrap.counts(0, 2), bootstrap.counts(1, 1)]
    };
    // Also what a second implementation of ChaCha8 and of the drawing gives.
    let pinned = [[2, 0, 1, 2, 0], [0, 0, 3, 1, 1], [0, 1, 2, 2, 0]];
    assert_eq!(counts(Split::Dev, "mico/cifar10"), pinned);
    assert_ne!(counts(Split::Final, "mico/cifar10"), counts(Split::Dev, "mico/cifar10"));
    assert_ne!(counts(Split::Dev, "mico/sst2"), counts(Split::Dev, "mico/cifar10"));
}

#[test]
fn entries_are_compared_over_the_same_draws() {
    let models: Vec<TargetModel> = (0..20).map(|n| TargetModel { name: format!("m{n}"), points: 40 }).collect();
    let shape = TrackShape::new("t", vec![ScenarioShape::new("s", [(Split::Dev, models)])]).expect("a good shape");
    let labels = vec![vec![memberships(&[[true, false]; 20].concat()); 20]];
    let solution = SplitSolution::new(&shape, Split::Dev, labels).expect("fits");
    // Two attacks that differ in their strength; each model has its own luck.
    let attack = |strength: f64| {
        let value = |point: usize| {
            let noise = ((point * 7919 + point / 40 * 31) % 1009) as f64 / 1009.0;
            if point.is_multiple_of(2) { (noise + strength).min(1.0) } else { noise }
        };
        SplitPredictions::new(&shape, Split::Dev, vec![Some((0..800).map(value).collect())]).expect("fits")
    };
    let bootstrap = Bootstrap::new(&shape, Split::Dev, "c/t", 2000);
    let numbers = |strength| bootstrap.ranking_numbers(&attack(strength), &solution).expect("numbers");
    let (weak, strong) = (numbers(0.10), numbers(0.16));
    let value = |strength| score(&shape, Split::Dev, &attack(strength), &solution).expect("a score").ranking_value;
    assert!(Interval::percentile_95(&weak).contains(value(0.10)));
    assert!(paired_difference(&weak, &weak).contains(0.0));
    let difference = paired_difference(&strong, &weak);
    assert!(difference.low > 0.0 && difference.contains(value(0.16) - value(0.10)), "{difference:?}");
}

#[test]
fn predictions_without_a_scenario_are_taken_where_the_rule_lets_it_be_left_out() {
    let scenario = |name: &str| {
        let models = [Split::Dev].map(|split| (split, vec![TargetModel { name: "m".to_owned(), points: 2 }]));
        ScenarioShape::new(name, models)
    };
    let all = TrackShape::new("t", vec![scenario("a"), scenario("b")]).expect("a good shape");
    let any = all.clone().with_ranking(RankingRule { scenarios: Scenarios::Any, ..RankingRule::default() });
    let predictions = |shape, values| SplitPredictions::new(shape, Split::Dev, values);
    let one = || vec![None, Some(vec![0.5, 0.6])];
    let left_out = predictions(&all, one()).expect_err("all are needed");
    assert_eq!(left_out, PredictionsError::LeftOut { scenario: "a".to_owned() });
    assert_eq!(predictions(&any, vec![None, None]), Err(PredictionsError::NoScenario));
    let one = predictions(&any, one()).expect("one is enough");
    assert_eq!((one.scenario(0), one.scenario(1)), (None, Some(&[0.5, 0.6][..])));
    // What was made for one rule is not scored by the other.
    let labels = vec![vec![vec![Membership::Member, Membership::NonMember]]; 2];
    let solution = SplitSolution::new(&all, Split::Dev, labels).expect("fits");
    assert_eq!(score(&all, Split::Dev, &one, &solution), Err(ScoreError::OtherShape));
    assert_eq!(score(&any, Split::Dev, &one, &solution).expect("a score").ranking_value, 0.0);
}
