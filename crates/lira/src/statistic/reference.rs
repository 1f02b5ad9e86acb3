//! The statistic of the Python references, with their numbers: TensorFlow Privacy's
//! `research/mi_lira_2021` and orientino's `lira-pytorch`, to compare with published figures.
//!
//! The references use medians in place of means, and population standard deviations about the mean,
//! to which they add 1e-30. Where records differ in their numbers of IN or OUT models, the
//! references drop models until the numbers are equal. That is not done here, so the scores are
//! those of the references only where the numbers are equal anyway.

/// Added to every standard deviation, so that none is zero.
const EPSILON: f64 = 1e-30;

/// Which standard deviations are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deviations {
    /// Each record's own, IN and OUT.
    PerExample,
    /// One for all records, IN and OUT: that of all their numbers together, so it includes how much
    /// the records differ from one another. The online score uses the IN deviation for OUT too, as
    /// both references do.
    Fixed,
}

/// (median, standard deviation) of each record `[R]`, IN and OUT.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    inside: Vec<(f64, f64)>,
    outside: Vec<(f64, f64)>,
    deviations: Deviations,
}

impl Reference {
    /// Fits to the numbers of the shadow models, `signals` `[shadows][R]`, and whether each was
    /// trained on the record, `trained_on` of the same shape.
    pub fn fit<S: AsRef<[f64]>, T: AsRef<[bool]>>(signals: &[S], trained_on: &[T], deviations: Deviations) -> Self {
        let side = |is_in: bool| {
            let rows = signals.first().map_or(0, |row| row.as_ref().len());
            let of = |row: usize| {
                let models = signals.iter().zip(trained_on);
                let models = models.filter(move |(_, trained_on)| trained_on.as_ref()[row] == is_in);
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

    /// ln p(phi | IN) - ln p(phi | OUT) of record `row`; 0 if no model is IN or none is OUT, a case
    /// that the references cannot score because they would drop every record.
    pub fn online(&self, phi: f64, row: usize) -> f64 {
        let (Some(&inside), Some(&(median_out, deviation_out))) = (self.inside.get(row), self.outside.get(row)) else {
            return 0.0;
        };
        let deviation_out = if self.deviations == Deviations::Fixed { inside.1 } else { deviation_out };
        zero_if_nan(log_density(phi, inside) - log_density(phi, (median_out, deviation_out)))
    }

    /// -ln p(phi | OUT) of record `row`, two-sided as in the references; 0 if no model is OUT.
    pub fn offline(&self, phi: f64, row: usize) -> f64 {
        self.outside.get(row).map_or(0.0, |&outside| zero_if_nan(-log_density(phi, outside)))
    }
}

fn zero_if_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// The logarithm of the density of a normal distribution.
fn log_density(value: f64, (mean, deviation): (f64, f64)) -> f64 {
    let distance = (value - mean) / deviation;
    -(distance * distance) / 2.0 - (2.0 * std::f64::consts::PI).ln() / 2.0 - deviation.ln()
}

/// The median; NaN of no values, as in NumPy.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length.is_multiple_of(2) => (values[half - 1] + values[half]) / 2.0,
        _ => values[half],
    }
}

/// The population standard deviation.
fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let moments = super::Moments::of(values);
    (moments.squares / moments.count).sqrt()
}
