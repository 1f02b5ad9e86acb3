//! What shadow models say of a record, in six numbers, and what holds for all records of a scenario.

/// Of a sum of squares, what may be left of nothing after a subtraction.
const ROUNDING: f64 = 1e-12;

/// Numbers of which only their count, mean and spread are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// How many; a whole number.
    pub count: f64,
    /// Their mean; 0 of none.
    pub mean: f64,
    /// The sum of the squares of what they differ from their mean.
    pub squares: f64,
}

impl Sample {
    /// Of these numbers.
    pub fn of(values: impl IntoIterator<Item = f64, IntoIter: Clone>) -> Self {
        let values = values.into_iter();
        let (count, sum) = values.clone().fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
        if count == 0.0 {
            return Self::default();
        }
        let mean = sum / count;
        Self { count, mean, squares: values.map(|value| (value - mean) * (value - mean)).sum() }
    }

    /// The same without one of its numbers: what a record looks like to the shadow models that are left when one of
    /// them is taken for a target.
    ///
    /// The mean and the sum of squares are those of the numbers that are left, up to rounding: with d what `value`
    /// differs from the mean of all n, the mean falls by d / (n - 1) and the squares by d^2 n / (n - 1).
    #[must_use]
    pub fn without(self, value: f64) -> Self {
        let left = self.count - 1.0;
        if left <= 0.0 {
            return Self::default();
        }
        let difference = value - self.mean;
        let squares = self.squares - difference * difference * self.count / left;
        // What is so little is rounding: the numbers that are left are equal.
        let squares = if left > 1.0 && squares > ROUNDING * self.squares { squares } else { 0.0 };
        Self { count: left, mean: self.mean - difference / left, squares }
    }
}

/// What the shadow models say of one record.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record {
    /// Those trained on it.
    pub inside: Sample,
    /// The others.
    pub outside: Sample,
}

impl Record {
    /// As it looks without a shadow model that says `value`; `trained_on` tells on which side that one is.
    #[must_use]
    pub fn without(mut self, value: f64, trained_on: bool) -> Self {
        let side = if trained_on { &mut self.inside } else { &mut self.outside };
        *side = side.without(value);
        self
    }
}

/// Every record [R] of what each shadow model says of it: `signals` is [shadows][R], and `trained_on`, of the same
/// shape, tells which of them were trained on it.
pub fn records<S: AsRef<[f64]>, T: AsRef<[bool]>>(signals: &[S], trained_on: &[T]) -> Vec<Record> {
    let rows = signals.first().map_or(0, |row| row.as_ref().len());
    let mut records = vec![Record::default(); rows];
    let models = || signals.iter().map(AsRef::as_ref).zip(trained_on.iter().map(AsRef::as_ref));
    for (signals, trained_on) in models() {
        for ((record, &value), &inside) in records.iter_mut().zip(signals).zip(trained_on) {
            let side = if inside { &mut record.inside } else { &mut record.outside };
            side.count += 1.0;
            side.mean += value;
        }
    }
    for Record { inside, outside } in &mut records {
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

/// The smallest variance: models that say the same to the last bit do not make a division by zero.
const LEAST_VARIANCE: f64 = 1e-30;

/// What the scenario's variance counts for against a record's own squares, in models.
pub(super) const WEIGHT: f64 = 16.0;

/// What holds for all records of a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    /// The variance of what models trained on a record say of it, pooled over the records: the sum of all squares
    /// within records divided by the sum of (count - 1).
    pub variance_in: f64,
    /// The same of models not trained on it.
    pub variance_out: f64,
    /// The mean over records of mean IN - mean OUT, of records that have both.
    pub gap: f64,
}

impl Scenario {
    /// Of these records.
    pub fn of(records: &[Record]) -> Self {
        let inside = pooled(records.iter().map(|record| record.inside));
        let outside = pooled(records.iter().map(|record| record.outside));
        // Where no record has two models on a side, the other side is all that is known.
        let (variance_in, variance_out) = match (inside, outside) {
            (None, None) => (1.0, 1.0),
            (inside, outside) => {
                let either = inside.or(outside).unwrap_or(1.0);
                (inside.unwrap_or(either), outside.unwrap_or(either))
            }
        };
        let both = records.iter().filter(|record| record.inside.count > 0.0 && record.outside.count > 0.0);
        let gap = Sample::of(both.map(|record| record.inside.mean - record.outside.mean)).mean;
        Self { variance_in: variance_in.max(LEAST_VARIANCE), variance_out: variance_out.max(LEAST_VARIANCE), gap }
    }

    /// The means IN and OUT of a record. One that no model tells is the other, shifted by the gap that records have
    /// between them; a record of which nothing is known is as far from both.
    pub(super) fn means(&self, record: &Record) -> (f64, f64) {
        match (record.inside.count > 0.0, record.outside.count > 0.0) {
            (true, true) => (record.inside.mean, record.outside.mean),
            (true, false) => (record.inside.mean, record.inside.mean - self.gap),
            (false, true) => (record.outside.mean + self.gap, record.outside.mean),
            (false, false) => (self.gap / 2.0, -self.gap / 2.0),
        }
    }
}

fn pooled(samples: impl Iterator<Item = Sample>) -> Option<f64> {
    let (squares, freedom) = samples
        .filter(|sample| sample.count > 1.0)
        .fold((0.0, 0.0), |(squares, freedom), sample| (squares + sample.squares, freedom + sample.count - 1.0));
    (freedom > 0.0).then(|| squares / freedom)
}
