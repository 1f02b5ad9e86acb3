//! The pool of records a track is made from: numbers with a class each.
//!
//! Reads the `x` and `y` of an `.npz` file, and the digits that ship with the program (`data/README.md` says whose
//! they are). It knows nothing of splits or networks.

use ndarray::{Array2, ArrayView2};

use crate::npz::{NpzError, NpzReader};

use super::sgd::Examples;

/// Pixel values of the digits run from 0 to this.
const FULL_PIXEL: f32 = 16.0;

/// Classes are numbered densely, so more than this means that `y` holds something else.
const MOST_CLASSES: i64 = 65_536;

/// What can be wrong with a data set.
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
    /// A label is negative or absurdly large.
    #[error("row {row} has the label {label}; labels are 0, 1, 2, …")]
    Label {
        /// Row of the pool, from 0.
        row: usize,
        /// The label found.
        label: i64,
    },
    /// A value is infinite or not a number.
    #[error("row {row} holds a value that is not finite")]
    NotFinite {
        /// Row of the pool, from 0.
        row: usize,
    },
}

/// The pool: N records of d numbers, each in one class.
#[derive(Clone, Debug)]
pub struct Dataset {
    x: Array2<f32>,
    y: Vec<usize>,
    classes: usize,
}

impl Dataset {
    /// Takes `x` [N, d] and `y` [N]; there are as many classes as the greatest label says.
    ///
    /// # Errors
    /// [`DatasetError`] if they do not fit, hold no rows, or hold values no network can take.
    pub fn new(x: Array2<f32>, y: &[i64]) -> Result<Self, DatasetError> {
        let (records, inputs) = x.dim();
        if records == 0 || inputs == 0 || records != y.len() {
            return Err(DatasetError::Shape { records, inputs, labels: y.len() });
        }
        if let Some(row) = x.rows().into_iter().position(|row| row.iter().any(|value| !value.is_finite())) {
            return Err(DatasetError::NotFinite { row });
        }
        if let Some(row) = y.iter().position(|label| !(0..MOST_CLASSES).contains(label)) {
            return Err(DatasetError::Label { row, label: y[row] });
        }
        let y: Vec<usize> = y.iter().map(|&label| label as usize).collect();
        let classes = y.iter().max().map_or(0, |&greatest| greatest + 1);
        Ok(Self { x, y, classes })
    }

    /// Reads `x` [N, …] and `y` [N] from the bytes of an `.npz` file. Axes of `x` after the first become one.
    ///
    /// # Errors
    /// [`DatasetError`].
    pub fn from_npz(bytes: &[u8]) -> Result<Self, DatasetError> {
        let mut file = NpzReader::from_bytes(bytes)?;
        let x = file.get("x")?.floats()?;
        let y = file.get("y")?.integers()?;
        let records = x.shape().first().copied().unwrap_or(0);
        let inputs = x.len().checked_div(records).unwrap_or(0);
        let mismatch = DatasetError::Shape { records, inputs, labels: y.len() };
        let x = x.as_standard_layout().into_owned().into_shape_with_order((records, inputs)).map_err(|_| mismatch)?;
        let y: Vec<i64> = y.iter().copied().collect();
        Self::new(x, &y)
    }

    /// The handwritten digits that ship with the program: 1,797 x 64 pixels scaled to [0, 1], ten classes.
    ///
    /// # Errors
    /// [`DatasetError`] if the program was built with a broken `data/digits.npz`.
    pub fn digits() -> Result<Self, DatasetError> {
        let mut digits = Self::from_npz(include_bytes!("../../data/digits.npz"))?;
        digits.x.mapv_inplace(|pixel| pixel / FULL_PIXEL);
        Ok(digits)
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

    /// The records, [N, d].
    pub fn x(&self) -> ArrayView2<'_, f32> {
        self.x.view()
    }

    /// The class of each record, [N].
    pub fn y(&self) -> &[usize] {
        &self.y
    }

    pub(super) fn examples(&self) -> Examples<'_> {
        Examples { x: self.x.view(), y: &self.y }
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
