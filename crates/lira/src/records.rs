//! The records that models are asked about, each once, as they are in the files.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, Axis};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::LiraError;
use super::pool::Pool;
use super::track::Model;
use npz::{NpzReader, Numbers, RawArray};

/// One array of the records, row by row.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// The axes of one row.
    pub(super) axes: Vec<usize>,
    pub(super) values: Values,
}

/// The elements of a column, as narrow as in its file.
#[derive(Debug)]
pub(super) enum Values {
    Floats(Vec<f32>),
    Bytes(Vec<u8>),
    Integers(Vec<i64>),
}

impl Column {
    /// Elements of a row.
    pub(super) fn width(&self) -> usize {
        self.axes.iter().product()
    }
}

/// Records of the pool: what models take, and the true classes [R].
#[derive(Debug)]
pub(super) struct Records {
    pub(super) columns: Vec<Column>,
    pub(super) labels: Vec<usize>,
}

/// The arrays of some records, from one file, still in a copy of their own.
struct Part {
    path: PathBuf,
    columns: Vec<(String, Numbers)>,
    labels: Vec<usize>,
}

impl Records {
    /// The records of `rows`, ascending, gathered from the challenge points of `models` and from the pool.
    ///
    /// Takes memory for these records and for the challenge points of a few models.
    ///
    /// # Errors
    /// Files that cannot be used, or that say different things of the same row.
    pub(super) fn gather(pool: &Pool, models: &[&Model], rows: &[usize]) -> Result<Self, LiraError> {
        let mut gathered = Self { columns: Vec::new(), labels: vec![0; rows.len()] };
        let mut filled = vec![false; rows.len()];
        let with_records: Vec<&Model> = models.iter().copied().filter(|model| model.has_records).collect();
        for models in with_records.chunks(4 * rayon::current_num_threads()) {
            let parts: Vec<Part> = models.par_iter().map(|model| Part::of_model(model)).collect::<Result<_, _>>()?;
            for (part, model) in parts.iter().zip(models) {
                gathered.fill(part, &places(rows, &model.rows), &mut filled)?;
            }
        }
        let open: Vec<usize> = (0..rows.len()).filter(|&place| !filled[place]).collect();
        if !open.is_empty() {
            let wanted: Vec<usize> = open.iter().map(|&place| rows[place]).collect();
            let (path, arrays) = pool.read(&wanted)?;
            gathered.fill(&Part::new(path, arrays)?, &open, &mut filled)?;
        }
        Ok(gathered)
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// A hash of what the records at `places` are, in this order.
    pub(super) fn digest(&self, places: impl Iterator<Item = usize> + Clone) -> [u8; 32] {
        let mut hash = Sha256::new();
        for column in &self.columns {
            hash.update(format!("{}:{:?}:", column.name, column.axes));
            let width = column.width();
            let slices = places.clone().map(|place| place * width..(place + 1) * width);
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
        places.for_each(|place| hash.update((self.labels[place] as u64).to_le_bytes()));
        hash.finalize().into()
    }

    /// Takes the rows of `part`, the first to `places[0]` and so on. A place that is filled must hold the same.
    fn fill(&mut self, part: &Part, places: &[usize], filled: &mut [bool]) -> Result<(), LiraError> {
        if self.columns.is_empty() {
            self.columns =
                part.columns.iter().map(|(name, array)| empty_column(name, array, self.labels.len())).collect();
        }
        let same_names = self.columns.iter().map(|column| &column.name).eq(part.columns.iter().map(|(name, _)| name));
        if !same_names {
            return Err(LiraError::data(&part.path, "its arrays have other names than those of the models before"));
        }
        for (column, (_, array)) in self.columns.iter_mut().zip(&part.columns) {
            fill_column(column, array, places, filled).map_err(|problem| LiraError::data(&part.path, problem))?;
        }
        for (&place, &label) in places.iter().zip(&part.labels) {
            if filled[place] && self.labels[place] != label {
                return Err(LiraError::data(&part.path, OTHER_RECORD));
            }
            self.labels[place] = label;
            filled[place] = true;
        }
        Ok(())
    }
}

const OTHER_RECORD: &str = "a row of the pool is another record here than for a model before, or has another class";

/// Where the rows of a model are among `rows`, which ascend and hold them all.
pub(super) fn places(rows: &[usize], of_model: &[usize]) -> Vec<usize> {
    of_model.iter().map(|row| rows.partition_point(|other| other < row)).collect()
}

/// Hashes numbers through a buffer: one at a time is slow.
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

fn fill_column(column: &mut Column, array: &Numbers, places: &[usize], filled: &[bool]) -> Result<(), String> {
    let name = &column.name;
    if shape(array)[1..] != column.axes {
        let (found, wanted) = (&shape(array)[1..], &column.axes);
        return Err(format!(
            "rows of `{name}` have the axes {found:?} where those of the models before have {wanted:?}"
        ));
    }
    let done = match (&mut column.values, array) {
        (Values::Floats(values), Numbers::Floats(array)) => {
            copy(values, array, places, filled, |a, b| a.to_bits() == b.to_bits())
        }
        (Values::Bytes(values), Numbers::Bytes(array)) => copy(values, array, places, filled, PartialEq::eq),
        (Values::Integers(values), Numbers::Integers(array)) => copy(values, array, places, filled, PartialEq::eq),
        _ => return Err(format!("`{name}` has another type than for the models before")),
    };
    if done { Ok(()) } else { Err(OTHER_RECORD.to_owned()) }
}

/// Whether the rows that were there are the same.
fn copy<T: Copy>(
    values: &mut [T],
    array: &ArrayD<T>,
    places: &[usize],
    filled: &[bool],
    same: impl Fn(&T, &T) -> bool,
) -> bool {
    array.axis_iter(Axis(0)).zip(places).all(|(row, &place)| {
        let width = row.len();
        // Files hold rows one after the other, so this copies nothing.
        let row = row.to_slice().map_or_else(|| Cow::Owned(row.iter().copied().collect()), Cow::Borrowed);
        let there = &mut values[place * width..(place + 1) * width];
        if filled[place] {
            return row.iter().zip(&*there).all(|(a, b)| same(a, b));
        }
        there.copy_from_slice(&row);
        true
    })
}

impl Part {
    fn of_model(model: &Model) -> Result<Self, LiraError> {
        let path = model.folder.join("challenge.npz");
        let mut archive = NpzReader::open(&path).map_err(LiraError::array(&path))?;
        let names = archive.names().into_iter().filter(|name| name != "idx");
        let mut arrays = Vec::new();
        for name in names {
            let array = archive.get(&name).map_err(LiraError::array(&path))?;
            arrays.push((name, array));
        }
        let part = Self::new(path, arrays)?;
        if part.labels.len() != model.rows.len() {
            let problem = format!("`idx` has {} rows and `y` has {}", model.rows.len(), part.labels.len());
            return Err(LiraError::data(&part.path, problem));
        }
        Ok(part)
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
