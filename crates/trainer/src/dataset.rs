//! The pool of records that a track is made from: numbers, and a class for each record.
//!
//! It is read from `x` and `y` of an `.npz` file, or from the digits that ship with the program
//! (`data/README.md` says where they come from). This module knows nothing of splits or networks.

use ndarray::{Array2, ArrayView1, ArrayView2};
use sha2::{Digest, Sha256};

use npz::{NpzError, NpzReader};

use super::sgd::Examples;

/// The standard deviation to which records are scaled for training. Between 0.25 and 1, networks
/// with the default schedule memorise their training rows. At 0.5 they did so on binary purchase
/// records, images and Gaussian mixtures alike, and lost no more accuracy on other rows than at
/// 0.25.
const TARGET_DEVIATION: f64 = 0.5;

/// The largest mean of scaled but unshifted data, which is 2,000 standard deviations from 0. Beyond
/// it, folding the scale into the first layer costs digits of the weights that attacks can read.
const FAR_FROM_ZERO: f64 = 1_000.0;

/// The pixels of the digits have values from 0 to this.
const MAX_PIXEL: f32 = 16.0;

/// Classes are numbered from 0 without gaps, so a larger label means that `y` holds something else.
const MAX_CLASSES: i64 = 65_536;

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file or one of its arrays is unreadable.
    #[error("the data set cannot be read")]
    Npz(#[from] NpzError),
    /// `x` and `y` do not fit together, or one of them is empty.
    #[error("x has {records} rows of {inputs} numbers and y has {labels} labels")]
    Shape {
        /// Rows of `x`.
        records: usize,
        /// Numbers in a row of `x`.
        inputs: usize,
        /// Length of `y`.
        labels: usize,
    },
    /// `y` does not hold one whole number for each row.
    #[error("y has to hold one whole number a row; in Python, y = y.astype(int).ravel() may do")]
    Labels(#[source] Option<NpzError>),
    /// All rows have the same label.
    #[error("all rows are of one class: there is nothing to learn")]
    OneClass,
    /// A label is negative or far too large.
    #[error("row {row} has the label {label}; labels are 0, 1, 2, …")]
    Label {
        /// Row of the pool, from 0.
        row: usize,
        /// The label found.
        label: i64,
    },
    /// A value is infinite, NaN, or too large for 32 bits.
    #[error("row {row} of x holds a value that is not finite, or too large for 32 bits")]
    NotFinite {
        /// Row of the pool, from 0.
        row: usize,
    },
}

/// The pool: N records of d numbers, each in one class.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Row by row in memory.
    x: Array2<f32>,
    y: Vec<usize>,
    classes: usize,
    scale: Scale,
    /// The squared norm of each scaled record `[N]`.
    squares: Vec<f32>,
}

/// Maps records to a range in which networks learn well: x becomes (x - shift) factor, the same for
/// all columns. It depends only on the public pool, so it reveals nothing about members.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) shift: f32,
    pub(super) factor: f32,
}

impl Scale {
    /// The scale that gives all numbers of `x` together a mean of 0 and a standard deviation of
    /// [`TARGET_DEVIATION`].
    fn of(x: ArrayView2<'_, f32>) -> Self {
        let count = x.len() as f64;
        let mean = x.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
        let variance = x.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
        // Constant data cannot be scaled.
        let factor = if variance > 0.0 { TARGET_DEVIATION / variance.sqrt() } else { 1.0 };
        Self { shift: mean as f32, factor: factor as f32 }
    }

    pub(super) fn apply(self, value: f32) -> f32 {
        (value - self.shift) * self.factor
    }
}

impl Dataset {
    /// Takes `x` `[N, d]` and `y` `[N]`; the number of classes is the largest label plus one.
    ///
    /// # Errors
    /// [`DatasetError`] if they do not fit together, are empty, or hold values that no network can
    /// be trained on.
    pub fn new(x: Array2<f32>, y: &[i64]) -> Result<Self, DatasetError> {
        let (records, inputs) = x.dim();
        if records == 0 || inputs == 0 || records != y.len() {
            return Err(DatasetError::Shape { records, inputs, labels: y.len() });
        }
        if let Some(row) = x.rows().into_iter().position(|row| row.iter().any(|value| !value.is_finite())) {
            return Err(DatasetError::NotFinite { row });
        }
        if let Some(row) = y.iter().position(|label| !(0..MAX_CLASSES).contains(label)) {
            return Err(DatasetError::Label { row, label: y[row] });
        }
        let y: Vec<usize> = y.iter().map(|&label| label as usize).collect();
        if y.iter().all(|class| *class == y[0]) {
            return Err(DatasetError::OneClass);
        }
        let classes = y.iter().max().map_or(0, |&greatest| greatest + 1);
        let scale = Scale::of(x.view());
        let x = x.as_standard_layout().into_owned();
        let square = |&value: &f32| f64::from(scale.apply(value)).powi(2);
        let squares = x.rows().into_iter().map(|row| row.iter().map(square).sum::<f64>() as f32).collect();
        Ok(Self { x, y, classes, scale, squares })
    }

    /// Reads `x` `[N, …]` and `y` `[N]` from the bytes of an `.npz` file. All axes of `x` but the
    /// first are joined into one.
    ///
    /// # Errors
    /// [`DatasetError`].
    pub fn from_npz(bytes: &[u8]) -> Result<Self, DatasetError> {
        let (x, y) = Self::arrays(bytes)?;
        Self::new(x, &y)
    }

    fn arrays(bytes: &[u8]) -> Result<(Array2<f32>, Vec<i64>), DatasetError> {
        let mut file = NpzReader::from_bytes(bytes)?;
        let x = file.get("x")?.floats()?;
        let y = file.get("y")?.integers().map_err(|error| DatasetError::Labels(Some(error)))?;
        // Labels have the shape [N] or [N, 1].
        if y.len() != y.shape().first().copied().unwrap_or(0) {
            return Err(DatasetError::Labels(None));
        }
        let records = x.shape().first().copied().unwrap_or(0);
        let inputs = x.len().checked_div(records).unwrap_or(0);
        let mismatch = DatasetError::Shape { records, inputs, labels: y.len() };
        let x = x.as_standard_layout().into_owned().into_shape_with_order((records, inputs)).map_err(|_| mismatch)?;
        Ok((x, y.iter().copied().collect()))
    }

    /// The handwritten digits that ship with the program: 1,797 x 64 pixels scaled to [0, 1], ten
    /// classes.
    ///
    /// # Errors
    /// [`DatasetError`] if `data/digits.npz` was broken when the program was built.
    pub fn digits() -> Result<Self, DatasetError> {
        let (mut x, y) = Self::arrays(include_bytes!("../../../data/digits.npz"))?;
        x.mapv_inplace(|pixel| pixel / MAX_PIXEL);
        Self::new(x, &y)
    }

    /// Properties of the data that make good networks unlikely, each in a sentence.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut rows = vec![0_usize; self.classes];
        self.y.iter().for_each(|&class| rows[class] += 1);
        let empty = rows.iter().filter(|&&rows| rows == 0).count();
        if empty > 0 {
            notes.push(format!("{empty} of {} classes have no row: number them 0, 1, 2, …", self.classes));
        }
        let squares = |column: ArrayView1<'_, f32>| {
            column.iter().map(|&value| f64::from(self.scale.apply(value)).powi(2)).sum::<f64>()
        };
        let columns: Vec<f64> = self.x.columns().into_iter().map(squares).collect();
        let (greatest, all) = (columns.iter().copied().fold(0.0, f64::max), columns.iter().sum::<f64>());
        if columns.len() > 2 && greatest > 0.9 * all {
            notes.push(
                "one column of x is far larger than all others, which it drowns: bring them to one scale".to_owned(),
            );
        }
        if (f64::from(self.scale.shift) * f64::from(self.scale.factor)).abs() > FAR_FROM_ZERO {
            notes.push("the numbers of x lie far from 0 for how little they differ, which costs precision: subtract their mean".to_owned());
        }
        notes
    }

    /// The number of records, N.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there are no records; never true of a data set that was made by [`Dataset::new`].
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// The numbers in one record, d.
    pub fn inputs(&self) -> usize {
        self.x.ncols()
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The records, `[N, d]`.
    pub fn x(&self) -> ArrayView2<'_, f32> {
        self.x.view()
    }

    /// The records row by row.
    fn numbers(&self) -> &[f32] {
        // `new` stores them in this order, so this is never empty.
        self.x.as_slice().unwrap_or_default()
    }

    /// The class of each record, `[N]`.
    pub fn y(&self) -> &[usize] {
        &self.y
    }

    /// SHA-256 of records and labels.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update((self.len() as u64).to_le_bytes());
        for value in &self.x {
            hash.update(value.to_le_bytes());
        }
        for &class in &self.y {
            hash.update((class as u64).to_le_bytes());
        }
        hex::encode(hash.finalize())
    }

    pub(super) fn examples(&self) -> Examples<'_> {
        Examples { x: self.numbers(), y: &self.y, squares: &self.squares, scale: self.scale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_shipped_digits_are_the_ones_described() {
        let digits = Dataset::digits().unwrap();
        assert_eq!((digits.len(), digits.inputs(), digits.classes()), (1797, 64, 10));
        let of_each = (0..10).map(|class| digits.y().iter().filter(|&&y| y == class).count());
        assert_eq!(of_each.collect::<Vec<_>>(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(digits.x().iter().copied().fold(0.0, f32::max), 1.0);
        assert_eq!(digits.x().iter().copied().fold(1.0, f32::min), 0.0);
        assert_eq!(digits.x().row(0).iter().map(|pixel| pixel * 16.0).sum::<f32>(), 294.0);
    }

    /// The mean of 1, 2, 3, 6 is 3 and their standard deviation the root of 3.5.
    #[test]
    fn numbers_are_scaled_to_one_spread_wherever_they_come_from() {
        let scale = Dataset::new(array![[1.0, 2.0], [3.0, 6.0]], &[0, 1]).unwrap().scale;
        assert_eq!(scale.shift, 3.0);
        assert!((f64::from(scale.factor) - 0.5 / 3.5_f64.sqrt()).abs() < 1e-7, "{scale:?}");
        let same = Dataset::new(array![[7.0], [7.0]], &[0, 1]).unwrap().scale;
        assert_eq!(same, Scale { shift: 7.0, factor: 1.0 });
    }

    #[test]
    fn a_fingerprint_changes_with_every_number_and_label() {
        let fingerprint = |x, y: [i64; 2]| Dataset::new(x, &y).unwrap().fingerprint();
        let one = fingerprint(array![[1.0], [2.0]], [0, 1]);
        assert_eq!(one, fingerprint(array![[1.0], [2.0]], [0, 1]));
        assert_ne!(one, fingerprint(array![[1.0], [2.5]], [0, 1]));
        assert_ne!(one, fingerprint(array![[1.0], [2.0]], [1, 0]));
    }

    #[test]
    fn data_that_networks_learn_badly_from_is_noted() {
        let notes = |x, y: [i64; 3]| Dataset::new(x, &y).unwrap().notes().join("; ");
        assert_eq!(notes(array![[1.0, 0.0, 2.0], [2.0, 1.0, 0.0], [0.0, 1.0, 1.0]], [0, 1, 1]), "");
        assert!(
            notes(array![[1.0, 0.0, 900.0], [2.0, 1.0, 0.0], [0.0, 1.0, -900.0]], [0, 1, 1]).contains("one column")
        );
        assert!(notes(array![[1e6], [1e6 + 1.0], [1e6 + 2.0]], [0, 1, 1]).contains("far from 0"));
        assert!(notes(array![[1.0], [2.0], [3.0]], [0, 7, 1]).contains("5 of 8 classes have no row"));
    }

    #[test]
    fn labels_that_are_none_are_refused_with_what_to_do() {
        let x = array![[1.0_f32], [2.0]];
        let file = |y: ndarray::ArrayViewD<'_, f64>| {
            let mut archive = npz::NpzWriter::new(std::io::Cursor::new(Vec::new()));
            archive.add("x", x.view()).unwrap();
            archive.add("y", y).unwrap();
            archive.finish().unwrap().into_inner()
        };
        let fractions = file(array![0.5, 1.0].view().into_dyn());
        let refused = Dataset::from_npz(&fractions).unwrap_err();
        assert!(matches!(refused, DatasetError::Labels(Some(_))) && refused.to_string().contains("astype(int)"));
        assert!(matches!(Dataset::new(x.clone(), &[3, 3]), Err(DatasetError::OneClass)));
    }

    #[test]
    fn records_and_labels_must_be_as_many() {
        let found = Dataset::new(array![[1.0], [2.0]], &[0]);
        assert!(matches!(found, Err(DatasetError::Shape { records: 2, inputs: 1, labels: 1 })));
    }

    #[test]
    fn a_negative_label_is_named_with_its_row() {
        let found = Dataset::new(array![[1.0], [2.0]], &[0, -1]);
        assert!(matches!(found, Err(DatasetError::Label { row: 1, label: -1 })));
    }

    #[test]
    fn a_value_that_is_not_a_number_is_named_with_its_row() {
        let found = Dataset::new(array![[1.0, 0.0], [0.0, f32::NAN]], &[0, 1]);
        assert!(matches!(found, Err(DatasetError::NotFinite { row: 1 })));
    }
}
