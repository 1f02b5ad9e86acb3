//! Reads and writes NumPy's `.npy` and `.npz` files, which hold data sets, challenge points and
//! indices.
//!
//! The files come from organisers and participants and are not trusted: a header is checked before
//! it is used, memory grows with the bytes that are actually there and never with what a header
//! claims, and a broken file is an error, not a panic. Pickled objects and structured types are
//! refused.
//!
//! This crate knows nothing of tracks, models or the server. Start reading at [`NpzReader`] for
//! archives, and at [`RawArray`] for a single array.

mod header;
mod rows;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::path::Path;

use ndarray::{ArrayD, ArrayView, Dimension, IxDyn, ShapeBuilder};
use npyz::{DType, NpyFile, NpyHeader, Order, TypeChar, WriterBuilder};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use self::header::{MAGIC, body_bytes, read_header, unreadable};

pub use self::rows::read_rows;

/// The largest array that is read into memory, in bytes. Of larger ones, [`read_rows`] reads some
/// rows.
pub const MAX_ARRAY_BYTES: u64 = 4 << 30;

/// Why an array file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// The file could not be read or written.
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
    /// The zip archive around the arrays is broken.
    #[error("the .npz archive is broken")]
    Archive(#[source] ZipError),
    /// The file does not begin like a `.npy` file.
    #[error("not a .npy file")]
    NotNpy,
    /// NumPy writes no such header for a plain array.
    #[error("the .npy header is not readable: {0}")]
    Header(String),
    /// The archive has no array of this name.
    #[error("no array `{0}` in the archive")]
    NoSuchArray(String),
    /// The elements have another type than expected.
    #[error("elements of type {found} where {wanted} are expected")]
    ElementType {
        /// The expected type.
        wanted: &'static str,
        /// The type as NumPy writes it, for example `<f8`.
        found: String,
    },
    /// The data is shorter or longer than the header says.
    #[error("the header promises {promised} bytes of data and there are not that many, or more")]
    Length {
        /// Bytes according to the header.
        promised: u64,
    },
    /// The array is larger than [`MAX_ARRAY_BYTES`].
    #[error("an array of {0} bytes is too large to be read into memory")]
    TooLarge(u64),
    /// An unsigned value does not fit in `i64`.
    #[error("the value {0} does not fit in a signed 64-bit integer")]
    OutOfRange(u64),
    /// The array has no such row.
    #[error("there is no row {row} in an array of {length}")]
    NoSuchRow {
        /// The row, counted from 0.
        row: usize,
        /// Rows of the array.
        length: u64,
    },
    /// The array is stored by columns, so its rows are not contiguous.
    #[error("the array is in Fortran's order; save it with numpy.ascontiguousarray")]
    FortranOrder,
    /// The array has no axes and therefore no rows.
    #[error("a single value where an array is expected")]
    NoAxis,
}

impl From<ZipError> for NpzError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => Self::Io(error),
            error => Self::Archive(error),
        }
    }
}

/// The elements of an array of numbers, in the narrowest of these types that holds them.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Floats, those of 64 bits rounded.
    Floats(ArrayD<f32>),
    /// Bytes and booleans.
    Bytes(ArrayD<u8>),
    /// All other integers.
    Integers(ArrayD<i64>),
}

/// One array with a checked header. Its data is kept as bytes until it is asked for in some type.
pub struct RawArray {
    header: NpyHeader,
    body: Vec<u8>,
}

impl RawArray {
    /// Reads one `.npy` file to its end.
    ///
    /// # Errors
    /// [`NpzError`] if the file cannot be read, is not a plain array, is larger than
    /// [`MAX_ARRAY_BYTES`], or has more or less data than its header promises. Whether the elements
    /// have the right type is checked only when they are asked for.
    pub fn read(mut reader: impl Read) -> Result<Self, NpzError> {
        let (header, _) = read_header(&mut reader)?;
        let promised = body_bytes(&header)?;
        if promised > MAX_ARRAY_BYTES {
            return Err(NpzError::TooLarge(promised));
        }
        let mut body = Vec::new();
        // Reading one byte more than promised detects data that is too long without reading all of
        // it.
        reader.take(promised + 1).read_to_end(&mut body)?;
        if body.len() as u64 != promised {
            return Err(NpzError::Length { promised });
        }
        Ok(Self { header, body })
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[u64] {
        self.header.shape()
    }

    /// The elements as they are stored.
    ///
    /// # Errors
    /// [`NpzError::ElementType`] if the file holds another type.
    pub fn array<T: npyz::Deserialize>(&self) -> Result<ArrayD<T>, NpzError> {
        let file = NpyFile::with_header(self.header.clone(), self.body.as_slice());
        let wanted = std::any::type_name::<T>();
        let elements = file.data::<T>().map_err(|_| self.element_type(wanted))?;
        self.shaped(elements.collect::<io::Result<Vec<T>>>()?)
    }

    /// The elements as `f32`, from floats, integers or booleans of any width; `f64` is rounded.
    ///
    /// # Errors
    /// [`NpzError::ElementType`] for anything that is not a number.
    pub fn floats(&self) -> Result<ArrayD<f32>, NpzError> {
        match self.kind() {
            Some((TypeChar::Float, 4)) => self.array::<f32>(),
            Some((TypeChar::Float, 8)) => Ok(self.array::<f64>()?.mapv(|value| value as f32)),
            Some((TypeChar::Bool | TypeChar::Int | TypeChar::Uint, _)) => {
                Ok(self.integers()?.mapv(|value| value as f32))
            }
            _ => Err(self.element_type("integers or floats of 32 or 64 bits")),
        }
    }

    /// The elements as `i64`, from integers or booleans of any width.
    ///
    /// # Errors
    /// [`NpzError::ElementType`] for anything else, [`NpzError::OutOfRange`] for a `u64` that does
    /// not fit.
    pub fn integers(&self) -> Result<ArrayD<i64>, NpzError> {
        match self.kind() {
            Some((TypeChar::Bool, 1)) => Ok(self.array::<bool>()?.mapv(i64::from)),
            Some((TypeChar::Int, 1)) => Ok(self.array::<i8>()?.mapv(i64::from)),
            Some((TypeChar::Int, 2)) => Ok(self.array::<i16>()?.mapv(i64::from)),
            Some((TypeChar::Int, 4)) => Ok(self.array::<i32>()?.mapv(i64::from)),
            Some((TypeChar::Int, 8)) => self.array::<i64>(),
            Some((TypeChar::Uint, 1)) => Ok(self.array::<u8>()?.mapv(i64::from)),
            Some((TypeChar::Uint, 2)) => Ok(self.array::<u16>()?.mapv(i64::from)),
            Some((TypeChar::Uint, 4)) => Ok(self.array::<u32>()?.mapv(i64::from)),
            Some((TypeChar::Uint, 8)) => {
                let wide = self.array::<u64>()?;
                if let Some(&value) = wide.iter().find(|&&value| i64::try_from(value).is_err()) {
                    return Err(NpzError::OutOfRange(value));
                }
                Ok(wide.mapv(u64::cast_signed))
            }
            _ => Err(self.element_type("integers")),
        }
    }

    /// The elements, from any type of numbers.
    ///
    /// # Errors
    /// As [`floats`](Self::floats) and [`integers`](Self::integers).
    pub fn numbers(&self) -> Result<Numbers, NpzError> {
        match self.kind() {
            Some((TypeChar::Uint, 1)) => Ok(Numbers::Bytes(self.array::<u8>()?)),
            Some((TypeChar::Bool, 1)) => Ok(Numbers::Bytes(self.array::<bool>()?.mapv(u8::from))),
            Some((TypeChar::Int | TypeChar::Uint, _)) => Ok(Numbers::Integers(self.integers()?)),
            _ => Ok(Numbers::Floats(self.floats()?)),
        }
    }

    fn kind(&self) -> Option<(TypeChar, u64)> {
        match self.header.dtype() {
            DType::Plain(kind) => Some((kind.type_char(), kind.size_field())),
            _ => None,
        }
    }

    fn element_type(&self, wanted: &'static str) -> NpzError {
        NpzError::ElementType { wanted, found: self.header.dtype().descr() }
    }

    fn shaped<T>(&self, elements: Vec<T>) -> Result<ArrayD<T>, NpzError> {
        let axes = self.header.shape().iter().map(|&axis| usize::try_from(axis));
        let axes: Vec<usize> = axes.collect::<Result<_, _>>().map_err(|error| unreadable(&error))?;
        let shape = IxDyn(&axes).set_f(self.header.order() == Order::Fortran);
        ArrayD::from_shape_vec(shape, elements).map_err(|error| unreadable(&error))
    }
}

/// A `.npz` file that is open for reading.
pub struct NpzReader<R> {
    archive: ZipArchive<R>,
}

impl NpzReader<BufReader<File>> {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`NpzError::Io`] or [`NpzError::Archive`].
    pub fn open(path: &Path) -> Result<Self, NpzError> {
        Self::new(BufReader::new(File::open(path)?))
    }
}

impl<'a> NpzReader<Cursor<&'a [u8]>> {
    /// Reads from bytes in memory.
    ///
    /// # Errors
    /// [`NpzError::Archive`].
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, NpzError> {
        Self::new(Cursor::new(bytes))
    }
}

impl<R: Read + Seek> NpzReader<R> {
    fn new(reader: R) -> Result<Self, NpzError> {
        Ok(Self { archive: ZipArchive::new(reader)? })
    }

    /// The names of the arrays, sorted. Files that are not arrays, or whose names are not text, are
    /// left out.
    pub fn names(&self) -> Vec<String> {
        let files = self.archive.file_names().filter_map(Result::ok);
        let mut names: Vec<String> = files.filter_map(|file| Some(file.strip_suffix(".npy")?.to_owned())).collect();
        names.sort();
        names
    }

    /// The names of the files in the archive that are not arrays, with a description in place of a
    /// name that is not text.
    pub fn others(&mut self) -> Vec<String> {
        let names = self.archive.file_names().map(|name| match name {
            Ok(name) => name.into_owned(),
            Err(_) => "a name that is no text".to_owned(),
        });
        names.filter(|name| !name.ends_with(".npy")).collect()
    }

    /// Reads the array called `name`.
    ///
    /// # Errors
    /// Like [`RawArray::read`], and [`NpzError::NoSuchArray`].
    pub fn get(&mut self, name: &str) -> Result<RawArray, NpzError> {
        RawArray::read(entry(&mut self.archive, name)?)
    }
}

/// Writes a compressed `.npz` file. The same arrays give the same bytes, since no time is recorded.
pub struct NpzWriter<W: Write + Seek> {
    archive: ZipWriter<W>,
}

impl<W: Write + Seek> NpzWriter<W> {
    /// Begins an archive.
    pub fn new(writer: W) -> Self {
        Self { archive: ZipWriter::new(writer) }
    }

    /// Adds one array under `name`, which must be new.
    ///
    /// # Errors
    /// [`NpzError::Io`], or [`NpzError::Archive`] for a name that is already taken.
    pub fn add<T, D>(&mut self, name: &str, array: ArrayView<'_, T, D>) -> Result<(), NpzError>
    where
        T: npyz::AutoSerialize + Copy,
        D: Dimension,
    {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default());
        self.archive.start_file(format!("{name}.npy"), options)?;
        self.archive.write_all(&npy_bytes(array)?)?;
        Ok(())
    }

    /// Ends the archive and returns the writer.
    ///
    /// # Errors
    /// [`NpzError::Io`].
    pub fn finish(self) -> Result<W, NpzError> {
        Ok(self.archive.finish()?)
    }
}

/// The bytes of a `.npy` file that holds `array`, in C order.
///
/// # Errors
/// [`NpzError::Io`] if the array cannot be encoded.
pub fn npy_bytes<T, D>(array: ArrayView<'_, T, D>) -> Result<Vec<u8>, NpzError>
where
    T: npyz::AutoSerialize + Copy,
    D: Dimension,
{
    let shape: Vec<u64> = array.shape().iter().map(|&axis| axis as u64).collect();
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
    let mut writer = options.writer(&mut bytes).begin_nd()?;
    writer.extend(array.iter().copied())?;
    writer.finish()?;
    Ok(bytes)
}

/// The number of rows of an array, read from its header alone.
///
/// `path` is a `.npz` with an array called `name`, or a `.npy`, for which `name` is ignored. The
/// first bytes of the file decide which, not its extension.
///
/// # Errors
/// All of [`NpzError`] that a header can reveal; [`NpzError::Length`] if the header promises
/// another size than that of the file or of the archive's entry.
pub fn first_axis(path: &Path, name: &str) -> Result<usize, NpzError> {
    match ArrayFile::open(path)? {
        ArrayFile::Plain(mut file) => {
            let length = file.get_ref().metadata()?.len();
            checked_first_axis(&mut file, length)
        }
        ArrayFile::Archive(mut archive) => {
            let mut entry = entry(&mut archive, name)?;
            let length = entry.size();
            checked_first_axis(&mut entry, length)
        }
    }
}

/// A file with one or several arrays, a `.npy` or a `.npz`. Its first bytes decide which.
enum ArrayFile {
    Plain(BufReader<File>),
    Archive(ZipArchive<BufReader<File>>),
}

impl ArrayFile {
    fn open(path: &Path) -> Result<Self, NpzError> {
        let mut file = BufReader::new(File::open(path)?);
        let mut start = Vec::new();
        (&mut file).take(MAGIC.len() as u64).read_to_end(&mut start)?;
        file.rewind()?;
        if start == MAGIC { Ok(Self::Plain(file)) } else { Ok(Self::Archive(ZipArchive::new(file)?)) }
    }
}

fn checked_first_axis(reader: &mut impl Read, length: u64) -> Result<usize, NpzError> {
    let (header, before) = read_header(reader)?;
    let promised = body_bytes(&header)?;
    if promised.checked_add(before) != Some(length) {
        return Err(NpzError::Length { promised });
    }
    let &rows = header.shape().first().ok_or(NpzError::NoAxis)?;
    usize::try_from(rows).map_err(|error| unreadable(&error))
}

fn entry<'a, R: Read + Seek>(
    archive: &'a mut ZipArchive<R>,
    name: &str,
) -> Result<zip::read::ZipFile<'a, R>, NpzError> {
    match archive.by_name(&format!("{name}.npy")) {
        Err(ZipError::FileNotFound) => Err(NpzError::NoSuchArray(name.to_owned())),
        entry => Ok(entry?),
    }
}
