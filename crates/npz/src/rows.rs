//! Reads some rows of an array that may be far larger than memory.

use std::io::{self, Read};
use std::path::Path;

use npyz::{NpyHeader, Order};

use super::header::{MAGIC, body_bytes, read_header};
use super::{ArrayFile, MAX_ARRAY_BYTES, NpzError, RawArray, entry};

/// Reads the given rows of an array. Of a `.npy` file nothing else is read; an archive is unpacked
/// up to the last of the rows. Takes memory for these rows only.
///
/// `path` is a `.npz` with an array called `name`, or a `.npy`, for which `name` is ignored; the
/// first bytes of the file decide which. `rows` must ascend without repetition. The result has the
/// shape [rows, …].
///
/// # Errors
/// Like [`RawArray::read`]; [`NpzError::NoSuchRow`] for a row beyond the last,
/// [`NpzError::FortranOrder`] for an array in Fortran order, [`NpzError::NoAxis`] for a single
/// value.
pub fn read_rows(path: &Path, name: &str, rows: &[usize]) -> Result<RawArray, NpzError> {
    match ArrayFile::open(path)? {
        ArrayFile::Plain(mut file) => pick(&mut file, rows, |file, bytes| {
            // No file is longer than a signed offset can reach, so a larger one leads beyond the
            // end, where reading fails.
            file.seek_relative(i64::try_from(bytes).unwrap_or(i64::MAX))
        }),
        ArrayFile::Archive(mut archive) => pick(&mut entry(&mut archive, name)?, rows, |entry, bytes| {
            io::copy(&mut entry.take(bytes), &mut io::sink()).map(|_| ())
        }),
    }
}

fn pick<R: Read>(
    reader: &mut R,
    rows: &[usize],
    mut skip: impl FnMut(&mut R, u64) -> io::Result<()>,
) -> Result<RawArray, NpzError> {
    let (header, _) = read_header(reader)?;
    let promised = body_bytes(&header)?;
    let &[length, ref rest @ ..] = header.shape() else { return Err(NpzError::NoAxis) };
    if header.order() == Order::Fortran && !rest.is_empty() {
        return Err(NpzError::FortranOrder);
    }
    if let Some(&row) = rows.iter().find(|&&row| row as u64 >= length) {
        return Err(NpzError::NoSuchRow { row, length });
    }
    let width = promised / length.max(1);
    let wanted = width.checked_mul(rows.len() as u64).filter(|&bytes| bytes <= MAX_ARRAY_BYTES);
    wanted.ok_or(NpzError::TooLarge(promised))?;
    let (mut body, mut next) = (Vec::new(), 0);
    for &row in rows {
        let row = row as u64;
        skip(reader, (row - next) * width)?;
        let before = body.len() as u64;
        reader.take(width).read_to_end(&mut body)?;
        if body.len() as u64 - before != width {
            return Err(NpzError::Length { promised });
        }
        next = row + 1;
    }
    Ok(RawArray { header: with_rows(&header, rows.len())?, body })
}

/// The header of an array with the same element type and row shape, but another number of rows.
fn with_rows(header: &NpyHeader, rows: usize) -> Result<NpyHeader, NpzError> {
    let axes: Vec<String> = header.shape().iter().skip(1).map(|axis| format!("{axis},")).collect();
    let (descr, axes) = (header.dtype().descr(), axes.concat());
    let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({rows},{axes}), }}\n");
    let length = u16::try_from(text.len()).map_err(|error| super::unreadable(&error))?;
    let bytes = [MAGIC.as_slice(), &[1, 0], &length.to_le_bytes(), text.as_bytes()].concat();
    read_header(&mut bytes.as_slice()).map(|(header, _)| header)
}
