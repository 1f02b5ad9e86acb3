//! The records that models are queried on, each once, in the element types of their files.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, Axis};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::LiraError;
use super::pool::Pool;
use super::track::Model;
use npz::{NpzReader, Numbers, RawArray};
use track_files::CHALLENGE_NPZ;

/// One array of the records, row by row in memory.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// The axes of one row.
    pub(super) axes: Vec<usize>,
    pub(super) values: Values,
}

/// The elements of a column, in the narrowest of these types that holds those of the file.
#[derive(Debug)]
pub(super) enum Values {
    Floats(Vec<f32>),
    Bytes(Vec<u8>),
    Integers(Vec<i64>),
}

impl Column {
    /// Elements in one row.
    pub(super) fn width(&self) -> usize {
        self.axes.iter().product()
    }
}

/// Records: the arrays that models take, and the true classes `[R]`.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) columns: Vec<Column>,
    pub(super) labels: Vec<usize>,
}

/// The records of one file.
struct FileRecords {
    path: PathBuf,
    columns: Vec<(String, Numbers)>,
    labels: Vec<usize>,
}

impl Records {
    /// The records at `rows` of the pool, which ascend, gathered from the challenge points of
    /// `models` and from the pool.
    ///
    /// Takes memory for these records and for the challenge points of a few models per thread.
    ///
    /// # Errors
    /// Files that cannot be used, or that hold different records for the same row.
    pub(super) fn gather(pool: &Pool, models: &[&Model], rows: &[usize]) -> Result<Self, LiraError> {
        let mut gathered = Self { columns: Vec::new(), labels: vec![0; rows.len()] };
        let mut filled = vec![false; rows.len()];
        let with_records: Vec<&Model> = models.iter().copied().filter(|model| model.has_records).collect();
        for models in with_records.chunks(4 * rayon::current_num_threads()) {
            let files: Vec<FileRecords> =
                models.par_iter().map(|model| FileRecords::of_model(model)).collect::<Result<_, _>>()?;
            for (file, model) in files.iter().zip(models) {
                gathered.fill(file, &record_indices(rows, &model.rows), &mut filled)?;
            }
        }
        let missing: Vec<usize> = (0..rows.len()).filter(|&index| !filled[index]).collect();
        if !missing.is_empty() {
            let missing_rows: Vec<usize> = missing.iter().map(|&index| rows[index]).collect();
            let (path, arrays) = pool.read(&missing_rows)?;
            gathered.fill(&FileRecords::new(path, arrays)?, &missing, &mut filled)?;
        }
        Ok(gathered)
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// SHA-256 of the content of the records at `indices`, in this order.
    pub(super) fn digest(&self, indices: impl Iterator<Item = usize> + Clone) -> [u8; 32] {
        let mut hash = Sha256::new();
        for column in &self.columns {
            hash.update(format!("{}:{:?}:", column.name, column.axes));
            let width = column.width();
            let slices = indices.clone().map(|index| index * width..(index + 1) * width);
            match &column.values {
                Values::Floats(values) => {
                    hash_all(&mut hash, "f4", slices.flat_map(|at| &values[at]), |v| v.to_le_bytes())
                }
                Values::Bytes(values) => slices.for_each(|at| hash.update(&values[at])),
                Values::Integers(values) => {
                    hash_all(&mut hash, "i8", slices.flat_map(|at| &values[at]), |v| v.to_le_bytes())
                }
            }
        }
        hash.update(b"y:");
        indices.for_each(|index| hash.update((self.labels[index] as u64).to_le_bytes()));
        hash.finalize().into()
    }

    /// Copies record i of `file` to index `indices[i]`, for every i. An index that is `filled`
    /// already must hold an equal record.
    fn fill(&mut self, file: &FileRecords, indices: &[usize], filled: &mut [bool]) -> Result<(), LiraError> {
        if self.columns.is_empty() {
            self.columns =
                file.columns.iter().map(|(name, array)| empty_column(name, array, self.labels.len())).collect();
        }
        let same_names = self.columns.iter().map(|column| &column.name).eq(file.columns.iter().map(|(name, _)| name));
        if !same_names {
            return Err(LiraError::data(&file.path, "its arrays have other names than those of the models before"));
        }
        for (column, (_, array)) in self.columns.iter_mut().zip(&file.columns) {
            fill_column(column, array, indices, filled).map_err(|problem| LiraError::data(&file.path, problem))?;
        }
        for (&index, &label) in indices.iter().zip(&file.labels) {
            if filled[index] && self.labels[index] != label {
                return Err(LiraError::data(&file.path, OTHER_RECORD));
            }
            self.labels[index] = label;
            filled[index] = true;
        }
        Ok(())
    }
}

const OTHER_RECORD: &str = "a row of the pool is another record here than for a model before, or has another class";

/// The index in `rows` of each of a model's rows; `rows` ascend and hold them all.
pub(super) fn record_indices(rows: &[usize], model_rows: &[usize]) -> Vec<usize> {
    model_rows.iter().map(|row| rows.partition_point(|other| other < row)).collect()
}

/// Hashes numbers through a buffer, because hashing them one at a time is slow.
fn hash_all<'a, T: 'a, const N: usize>(
    hash: &mut Sha256,
    kind: &str,
    values: impl Iterator<Item = &'a T>,
    bytes: impl Fn(&T) -> [u8; N],
) {
    hash.update(kind);
    let mut buffer = Vec::with_capacity(1 << 14);
    for value in values {
        buffer.extend_from_slice(&bytes(value));
        if buffer.len() + N > buffer.capacity() {
            hash.update(&buffer);
            buffer.clear();
        }
    }
    hash.update(&buffer);
}

fn empty_column(name: &str, array: &Numbers, rows: usize) -> Column {
    let axes = shape(array)[1..].to_vec();
    let length = rows * axes.iter().product::<usize>();
    let values = match array {
        Numbers::Floats(_) => Values::Floats(vec![0.0; length]),
        Numbers::Bytes(_) => Values::Bytes(vec![0; length]),
        Numbers::Integers(_) => Values::Integers(vec![0; length]),
    };
    Column { name: name.to_owned(), axes, values }
}

fn shape(array: &Numbers) -> &[usize] {
    match array {
        Numbers::Floats(array) => array.shape(),
        Numbers::Bytes(array) => array.shape(),
        Numbers::Integers(array) => array.shape(),
    }
}

fn fill_column(column: &mut Column, array: &Numbers, indices: &[usize], filled: &[bool]) -> Result<(), String> {
    let name = &column.name;
    if shape(array)[1..] != column.axes {
        let (found, wanted) = (&shape(array)[1..], &column.axes);
        return Err(format!(
            "rows of `{name}` have the axes {found:?} where those of the models before have {wanted:?}"
        ));
    }
    let is_consistent = match (&mut column.values, array) {
        (Values::Floats(values), Numbers::Floats(array)) => {
            copy(values, array, indices, filled, |a, b| a.to_bits() == b.to_bits())
        }
        (Values::Bytes(values), Numbers::Bytes(array)) => copy(values, array, indices, filled, PartialEq::eq),
        (Values::Integers(values), Numbers::Integers(array)) => copy(values, array, indices, filled, PartialEq::eq),
        _ => return Err(format!("`{name}` has another type than for the models before")),
    };
    if is_consistent { Ok(()) } else { Err(OTHER_RECORD.to_owned()) }
}

/// Copies the rows of `array` to those of `values` at `indices`, and returns whether every row that
/// was filled already is the same.
fn copy<T: Copy>(
    values: &mut [T],
    array: &ArrayD<T>,
    indices: &[usize],
    filled: &[bool],
    same: impl Fn(&T, &T) -> bool,
) -> bool {
    array.axis_iter(Axis(0)).zip(indices).all(|(row, &index)| {
        let width = row.len();
        // Arrays read from files have their rows in one piece, so this seldom copies.
        let row = row.to_slice().map_or_else(|| Cow::Owned(row.iter().copied().collect()), Cow::Borrowed);
        let target = &mut values[index * width..(index + 1) * width];
        if filled[index] {
            return row.iter().zip(&*target).all(|(a, b)| same(a, b));
        }
        target.copy_from_slice(&row);
        true
    })
}

impl FileRecords {
    fn of_model(model: &Model) -> Result<Self, LiraError> {
        let path = model.folder.join(CHALLENGE_NPZ);
        let mut archive = NpzReader::open(&path).map_err(LiraError::array(&path))?;
        let names = archive.names().into_iter().filter(|name| name != "idx");
        let mut arrays = Vec::new();
        for name in names {
            let array = archive.get(&name).map_err(LiraError::array(&path))?;
            arrays.push((name, array));
        }
        let file = Self::new(path, arrays)?;
        if file.labels.len() != model.rows.len() {
            let problem = format!("`idx` has {} rows and `y` has {}", model.rows.len(), file.labels.len());
            return Err(LiraError::data(&file.path, problem));
        }
        Ok(file)
    }

    fn new(path: PathBuf, arrays: Vec<(String, RawArray)>) -> Result<Self, LiraError> {
        let (mut columns, mut labels) = (Vec::new(), None);
        for (name, array) in arrays {
            if name == "y" {
                labels = Some(classes(&path, &array)?);
            } else if name != "idx" {
                columns.push((name, array.numbers().map_err(LiraError::array(&path))?));
            }
        }
        let labels =
            labels.ok_or_else(|| LiraError::data(&path, "there is no array `y`, the classes of the records"))?;
        if columns.is_empty() {
            return Err(LiraError::data(&path, "there is no array `x`, the records"));
        }
        if let Some((name, array)) = columns.iter().find(|(_, array)| shape(array).first() != Some(&labels.len())) {
            let problem = format!("`{name}` has the shape {:?} and `y` has {} rows", shape(array), labels.len());
            return Err(LiraError::data(&path, problem));
        }
        Ok(Self { path, columns, labels })
    }
}

fn classes(path: &Path, array: &RawArray) -> Result<Vec<usize>, LiraError> {
    let classes = array.integers().map_err(LiraError::array(path))?;
    if classes.len() != classes.shape().first().copied().unwrap_or(0) {
        return Err(LiraError::data(
            path,
            format!("`y` has the shape {:?} and must have one class a row", classes.shape()),
        ));
    }
    let classes: Result<Vec<usize>, _> = classes.iter().map(|&class| usize::try_from(class)).collect();
    classes.map_err(|_| LiraError::data(path, "`y` has a class below 0"))
}
