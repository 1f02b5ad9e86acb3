//! The statistic of the Python references, number for number: TensorFlow Privacy's `research/mi_lira_2021` and
//! orientino's `lira-pytorch`, for comparing with published figures.
//!
//! They take medians for means, the population's standard deviations about the mean, and add 1e-30 to them. Where the
//! counts of models differ between records they leave models out until all are equal; that is not done here, so the
//! scores are theirs where the counts are equal already.

/// What is added to a standard deviation against a division by zero.
const EPSILON: f64 = 1e-30;

/// Which standard deviations are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deviations {
    /// The record's own on each side.
    PerExample,
    /// One for all records: of all numbers of all of them, so that it holds what records differ from one another too.
    /// Online that of models trained on a record stands for both sides, as it does in both references.
    Fixed,
}

/// Medians and standard deviations [R] of each side.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    inside: Vec<(f64, f64)>,
    outside: Vec<(f64, f64)>,
    deviations: Deviations,
}

impl Reference {
    /// From what each shadow model says, `signals` [shadows][R], and which were trained on a record, `trained_on` of the
    /// same shape.
    pub fn fit<S: AsRef<[f64]>, T: AsRef<[bool]>>(signals: &[S], trained_on: &[T], deviations: Deviations) -> Self {
        let side = |wanted: bool| {
            let rows = signals.first().map_or(0, |row| row.as_ref().len());
            let of = |row: usize| {
                let models = signals.iter().zip(trained_on);
                let models = models.filter(move |(_, trained_on)| trained_on.as_ref()[row] == wanted);
                models.map(move |(signals, _)| signals.as_ref()[row])
            };
            let common = (deviations == Deviations::Fixed).then(|| deviation((0..rows).flat_map(of)));
            let fitted = |row: usize| {
                let deviation = common.unwrap_or_else(|| deviation(of(row)));
                (median(of(row).collect()), deviation + EPSILON)
            };
            (0..rows).map(fitted).collect::<Vec<_>>()
        };
        Self { inside: side(true), outside: side(false), deviations }
    }

    /// ln p(phi | IN) - ln p(phi | OUT) of record `row`; 0 if one side has no model, about which the references, that
    /// would drop all records then, say nothing.
    pub fn online(&self, phi: f64, row: usize) -> f64 {
        let (Some(&inside), Some(&(median_out, deviation_out))) = (self.inside.get(row), self.outside.get(row)) else {
            return 0.0;
        };
        let deviation_out = if self.deviations == Deviations::Fixed { inside.1 } else { deviation_out };
        either(log_density(phi, inside) - log_density(phi, (median_out, deviation_out)))
    }

    /// -ln p(phi | OUT) of record `row`, two-sided as theirs is; 0 if there is no OUT model.
    pub fn offline(&self, phi: f64, row: usize) -> f64 {
        self.outside.get(row).map_or(0.0, |&outside| either(-log_density(phi, outside)))
    }
}

fn either(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// The logarithm of the density of a normal distribution.
fn log_density(value: f64, (mean, deviation): (f64, f64)) -> f64 {
    let distance = (value - mean) / deviation;
    -(distance * distance) / 2.0 - (2.0 * std::f64::consts::PI).ln() / 2.0 - deviation.ln()
}

/// Not a number of nothing, as NumPy has it.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length.is_multiple_of(2) => (values[half - 1] + values[half]) / 2.0,
        _ => values[half],
    }
}

fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let sample = super::Sample::of(values);
    (sample.squares / sample.count).sqrt()
}
