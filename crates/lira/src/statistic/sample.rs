//! The answers of the shadow models on a record, summarised in six numbers, and the statistics of
//! all records of a scenario.

/// The share of a sum of squares below which the result of a subtraction from it is rounding error.
const ROUNDING: f64 = 1e-12;

/// The moments of a sample: count, mean and sum of squares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// The number of values, a whole number.
    pub count: f64,
    /// Their mean; 0 if there are none.
    pub mean: f64,
    /// The sum of their squared differences from the mean.
    pub squares: f64,
}

impl Moments {
    /// The moments of `values`.
    pub fn of(values: impl IntoIterator<Item = f64, IntoIter: Clone>) -> Self {
        let values = values.into_iter();
        let (count, sum) = values.clone().fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
        if count == 0.0 {
            return Self::default();
        }
        let mean = sum / count;
        Self { count, mean, squares: values.map(|value| (value - mean) * (value - mean)).sum() }
    }

    /// The moments without one of the values, for a record when one of the shadow models is taken
    /// as a target.
    ///
    /// They are those of the other values up to rounding: where d is the difference of `value` from
    /// the mean of all n, the mean decreases by d / (n - 1) and the sum of squares by d^2 n / (n -
    /// 1).
    #[must_use]
    pub fn without(self, value: f64) -> Self {
        let left = self.count - 1.0;
        if left <= 0.0 {
            return Self::default();
        }
        let difference = value - self.mean;
        let squares = self.squares - difference * difference * self.count / left;
        // So little is rounding error: the other values are equal.
        let squares = if left > 1.0 && squares > ROUNDING * self.squares { squares } else { 0.0 };
        Self { count: left, mean: self.mean - difference / left, squares }
    }
}

/// The moments of a record's numbers over the shadow models.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RecordStatistics {
    /// Over the models trained on it (IN).
    pub inside: Moments,
    /// Over the others (OUT).
    pub outside: Moments,
}

impl RecordStatistics {
    /// The statistics without one shadow model, whose number for this record is `value`;
    /// `trained_on` says whether it is IN.
    #[must_use]
    pub fn without(mut self, value: f64, trained_on: bool) -> Self {
        let side = if trained_on { &mut self.inside } else { &mut self.outside };
        *side = side.without(value);
        self
    }
}

/// The statistics of every record `[R]` from the numbers of the shadow models, `signals`
/// `[shadows][R]`, and whether each was trained on the record, `trained_on` of the same shape.
pub fn record_statistics<S: AsRef<[f64]>, T: AsRef<[bool]>>(signals: &[S], trained_on: &[T]) -> Vec<RecordStatistics> {
    let rows = signals.first().map_or(0, |row| row.as_ref().len());
    let mut records = vec![RecordStatistics::default(); rows];
    let models = || signals.iter().map(AsRef::as_ref).zip(trained_on.iter().map(AsRef::as_ref));
    for (signals, trained_on) in models() {
        for ((record, &value), &inside) in records.iter_mut().zip(signals).zip(trained_on) {
            let side = if inside { &mut record.inside } else { &mut record.outside };
            side.count += 1.0;
            side.mean += value;
        }
    }
    for RecordStatistics { inside, outside } in &mut records {
        for side in [inside, outside] {
            side.mean /= side.count.max(1.0);
        }
    }
    for (signals, trained_on) in models() {
        for ((record, &value), &inside) in records.iter_mut().zip(signals).zip(trained_on) {
            let side = if inside { &mut record.inside } else { &mut record.outside };
            let difference = value - side.mean;
            side.squares += difference * difference;
        }
    }
    records
}

/// The smallest variance, so that models with equal answers do not cause a division by zero.
const MIN_VARIANCE: f64 = 1e-30;

/// The weight of the scenario's variance against a record's own, as a number of models.
pub(super) const PRIOR_WEIGHT: f64 = 16.0;

/// The statistics that all records of a scenario share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScenarioStatistics {
    /// The variance over the IN models of a record, pooled over the records: the sum of the
    /// records' sums of squares divided by the sum of (count - 1).
    pub variance_in: f64,
    /// The same over the OUT models.
    pub variance_out: f64,
    /// The mean of (mean IN - mean OUT) over the records that have both.
    pub gap: f64,
}

impl ScenarioStatistics {
    /// The statistics of a scenario with these records.
    pub fn of(records: &[RecordStatistics]) -> Self {
        let inside = pooled(records.iter().map(|record| record.inside));
        let outside = pooled(records.iter().map(|record| record.outside));
        // If no record has two IN models, the OUT variance stands for both, and the other way
        // round.
        let (variance_in, variance_out) = match (inside, outside) {
            (None, None) => (1.0, 1.0),
            (inside, outside) => {
                let either = inside.or(outside).unwrap_or(1.0);
                (inside.unwrap_or(either), outside.unwrap_or(either))
            }
        };
        let both = records.iter().filter(|record| record.inside.count > 0.0 && record.outside.count > 0.0);
        let gap = Moments::of(both.map(|record| record.inside.mean - record.outside.mean)).mean;
        Self { variance_in: variance_in.max(MIN_VARIANCE), variance_out: variance_out.max(MIN_VARIANCE), gap }
    }

    /// The means IN and OUT of a record. One without models is the other, shifted by the mean gap
    /// of the scenario; for a record without any model they lie half the gap on either side of 0.
    pub(super) fn means(&self, record: &RecordStatistics) -> (f64, f64) {
        match (record.inside.count > 0.0, record.outside.count > 0.0) {
            (true, true) => (record.inside.mean, record.outside.mean),
            (true, false) => (record.inside.mean, record.inside.mean - self.gap),
            (false, true) => (record.outside.mean + self.gap, record.outside.mean),
            (false, false) => (self.gap / 2.0, -self.gap / 2.0),
        }
    }
}

/// The pooled variance; `None` if there are no degrees of freedom, that is, no sample of two
/// values.
fn pooled(samples: impl Iterator<Item = Moments>) -> Option<f64> {
    let (squares, degrees) = samples
        .filter(|sample| sample.count > 1.0)
        .fold((0.0, 0.0), |(squares, degrees), sample| (squares + sample.squares, degrees + sample.count - 1.0));
    (degrees > 0.0).then(|| squares / degrees)
}
