use super::*;
use ndarray::{Array1, Array2, array};

/// A version 1.0 file with this header text and this body.
fn npy(header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

fn plain(descr: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"), body)
}

fn read(bytes: &[u8]) -> Result<RawArray, NpzError> {
    RawArray::read(bytes)
}

fn npz(arrays: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn arrays_are_read_back_as_they_were_written() {
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    let x = array![[1.5_f32, -0.0], [f32::MAX, 1e-40], [0.1, 2.0]];
    writer.add("x", x.view()).unwrap();
    writer.add("y", array![1_i64, i64::MIN, i64::MAX].view()).unwrap();
    writer.add("bytes", array![0_u8, 255].view()).unwrap();
    writer.add("wide", array![0.1_f64].view()).unwrap();
    let bytes = writer.finish().unwrap().into_inner();

    let mut reader = NpzReader::from_bytes(&bytes).unwrap();
    assert_eq!(reader.names(), ["bytes", "wide", "x", "y"]);
    assert_eq!(reader.get("x").unwrap().shape(), [3, 2]);
    assert_eq!(reader.get("x").unwrap().array::<f32>().unwrap(), x.into_dyn());
    assert_eq!(reader.get("y").unwrap().array::<i64>().unwrap(), array![1, i64::MIN, i64::MAX].into_dyn());
    assert_eq!(reader.get("bytes").unwrap().array::<u8>().unwrap(), array![0, 255].into_dyn());
    assert_eq!(reader.get("wide").unwrap().array::<f64>().unwrap(), array![0.1].into_dyn());
    assert!(matches!(reader.get("z"), Err(NpzError::NoSuchArray(name)) if name == "z"));
}

#[test]
fn a_view_in_another_order_is_written_row_by_row() {
    let x = array![[1_u8, 2, 3], [4, 5, 6]];
    let bytes = npy_bytes(x.t()).unwrap();
    assert_eq!(bytes[bytes.len() - 6..], [1, 4, 2, 5, 3, 6]);
    assert_eq!(read(&bytes).unwrap().array::<u8>().unwrap(), x.t().into_dyn());
}

/// The 128 bytes before the data are what NumPy 2 writes.
#[test]
fn a_file_of_numpy_in_fortran_order_is_read() {
    let header = format!("{:117}\n", "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }");
    let body: Vec<u8> = [0.0_f64, 3.0, 1.0, 4.0, 2.0, 5.0].into_iter().flat_map(f64::to_le_bytes).collect();
    let bytes = npy(&header, &body);
    assert_eq!(bytes.len(), 176);
    let expected = array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]].into_dyn();
    assert_eq!(read(&bytes).unwrap().array::<f64>().unwrap(), expected);
    assert_eq!(read(&bytes).unwrap().floats().unwrap(), expected.mapv(|value| value as f32));
}

#[test]
fn integers_of_every_width_and_byte_order_are_read() {
    let cases: [(&str, &[u8], i64); 9] = [
        ("|b1", &[1], 1),
        ("|i1", &[0xff], -1),
        ("<i2", &[0xfe, 0xff], -2),
        (">i4", &[0, 0, 1, 0], 256),
        ("<i8", &[7, 0, 0, 0, 0, 0, 0, 0x80], i64::MIN + 7),
        ("|u1", &[0xff], 255),
        (">u2", &[1, 2], 258),
        ("<u4", &[0xff, 0xff, 0xff, 0xff], 4_294_967_295),
        ("<u8", &[9, 0, 0, 0, 0, 0, 0, 0], 9),
    ];
    for (descr, body, expected) in cases {
        let found = read(&plain(descr, "(1,)", body)).unwrap().integers().unwrap();
        assert_eq!(found, array![expected].into_dyn(), "{descr}");
    }
    assert_eq!(read(&plain("|u1", "(1,)", &[3])).unwrap().floats().unwrap(), array![3.0].into_dyn());
}

#[test]
fn values_of_a_wrong_type_are_refused_with_their_type() {
    let wide = read(&plain("<u8", "(1,)", &[0xff; 8])).unwrap();
    assert!(matches!(wide.integers(), Err(NpzError::OutOfRange(u64::MAX))));
    let float = read(&plain("<f4", "(1,)", &[0; 4])).unwrap();
    assert!(matches!(float.integers(), Err(NpzError::ElementType { found, .. }) if found == "'<f4'"));
    assert!(matches!(float.array::<i64>(), Err(NpzError::ElementType { .. })));
    let text = read(&plain("<U2", "(1,)", &[0; 8])).unwrap();
    assert!(matches!(text.floats(), Err(NpzError::ElementType { .. })));
    assert!(matches!(read(&plain("|O", "(1,)", &[0; 8])), Err(NpzError::ElementType { .. })));
}

#[test]
fn a_header_that_promises_more_than_there_is_allocates_nothing_and_is_refused() {
    let promise = |shape: &str| read(&plain("<f4", shape, &[0; 16]));
    assert!(matches!(promise("(5,)"), Err(NpzError::Length { promised: 20 })));
    assert!(matches!(promise("(3,)"), Err(NpzError::Length { promised: 12 })));
    assert!(matches!(promise("(1000000000,)"), Err(NpzError::Length { .. })));
    assert!(matches!(promise("(1000000000000,)"), Err(NpzError::TooLarge(_))));
    assert!(matches!(promise("(9999999999, 999999999)"), Err(NpzError::TooLarge(u64::MAX))));
    assert!(matches!(promise("(9999999999, 9999999999)"), Err(NpzError::Header(_))));
    assert!(promise("(2, 2)").is_ok());
}

#[test]
fn headers_that_are_not_of_a_plain_array_are_refused() {
    let deep = format!("{{'descr': {}1{}, 'shape': (1,)}}", "{".repeat(2_000), "}".repeat(2_000));
    let lists = format!("{{'descr': {}, 'shape': (1,)}}", "[".repeat(2_000));
    let headers = [
        "",
        "{}",
        "()",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 4}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0x4,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4.0,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (4,)}",
        "{'descr': '<f4', 'shape': (4,)}",
        "{'descr': 'float', 'fortran_order': False, 'shape': (4,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4\\x00', 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '\u{fc}', 'fortran_order': False, 'shape': (4,)}",
        "){'descr': '<f4', 'fortran_order': False, 'shape': (4,}",
        &deep,
        &lists,
    ];
    for header in headers {
        assert!(matches!(read(&npy(header, &[0; 16])), Err(NpzError::Header(_))), "{header}");
    }
}

#[test]
fn a_header_longer_than_numpy_reads_is_refused_before_it_is_read() {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([2, 0, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(read(&bytes), Err(NpzError::Header(_))));
}

#[test]
fn a_file_cut_off_anywhere_or_with_any_byte_changed_is_an_error_or_an_array() {
    let bytes = npy_bytes(Array2::from_elem((2, 2), 1.0_f32).view()).unwrap();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
    }
    let mut arrays = 0;
    for position in 0..bytes.len() {
        for value in [0, b'(', b'{', b'9', 0xff, bytes[position] ^ 1] {
            let mut changed = bytes.clone();
            changed[position] = value;
            let floats = read(&changed).and_then(|array| array.floats());
            arrays += usize::from(floats.is_ok_and(|array| array.len() == 4));
        }
    }
    assert!(arrays >= 16 * 6, "a changed value is still a value");
}

#[test]
fn an_archive_cut_off_anywhere_is_an_error() {
    let bytes = npz(&[("x.npy", &npy_bytes(array![1_u8, 2].view()).unwrap())]);
    for length in 0..bytes.len() {
        let found = NpzReader::from_bytes(&bytes[..length]).and_then(|mut reader| reader.get("x"));
        assert!(found.is_err(), "{length} of {} bytes", bytes.len());
    }
}

#[test]
fn rows_are_counted_from_headers_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let indices = npy_bytes(Array1::from_elem(200, 1_i64).view()).unwrap();
    assert_eq!(first_axis(&write("challenge.npy", &indices), "idx").unwrap(), 200);
    let archive = npz(&[("x.npy", &plain("<f4", "(0, 3)", &[])), ("idx.npy", &indices)]);
    let archive = write("challenge.npz", &archive);
    assert_eq!(first_axis(&archive, "idx").unwrap(), 200);
    assert_eq!(first_axis(&archive, "x").unwrap(), 0);
    assert!(matches!(first_axis(&archive, "y"), Err(NpzError::NoSuchArray(_))));

    let scalar = write("scalar.npy", &plain("<f4", "()", &[0; 4]));
    assert!(matches!(first_axis(&scalar, "idx"), Err(NpzError::NoAxis)));
    let short = write("short.npy", &plain("<i8", "(200,)", &[0; 8]));
    assert!(matches!(first_axis(&short, "idx"), Err(NpzError::Length { promised: 1_600 })));
    let short = write("short.npz", &npz(&[("idx.npy", &plain("<i8", "(200,)", &[0; 8]))]));
    assert!(matches!(first_axis(&short, "idx"), Err(NpzError::Length { promised: 1_600 })));
    assert!(matches!(first_axis(&write("text.npz", b"idx"), "idx"), Err(NpzError::Archive(_))));
    assert!(matches!(first_axis(&folder.path().join("none.npz"), "idx"), Err(NpzError::Io(_))));
}

#[test]
fn an_array_that_inflates_beyond_its_header_is_refused() {
    let mut bytes = plain("|u1", "(3,)", &[1, 2, 3]);
    bytes.resize(10_000_000, 0);
    let archive = npz(&[("x.npy", &bytes)]);
    assert!(archive.len() < 100_000);
    let found = NpzReader::from_bytes(&archive).unwrap().get("x");
    assert!(matches!(found, Err(NpzError::Length { promised: 3 })));
}

#[test]
fn rows_are_picked_from_files_and_archives() {
    let array = ArrayD::from_shape_fn(IxDyn(&[6, 2, 2]), |at| (100 * at[0] + 10 * at[1] + at[2]) as i64);
    let folder = tempfile::tempdir().expect("a folder");
    let (plain, packed) = (folder.path().join("x.npy"), folder.path().join("x.npz"));
    std::fs::write(&plain, npy_bytes(array.view()).expect("bytes")).expect("a file");
    let mut writer = NpzWriter::new(std::fs::File::create(&packed).expect("a file"));
    writer.add("x", array.view()).expect("an array");
    writer.finish().expect("an archive");
    for path in [&plain, &packed] {
        for rows in [vec![0, 1, 5], vec![3], vec![], vec![0, 1, 2, 3, 4, 5]] {
            let picked = read_rows(path, "x", &rows).and_then(|rows| rows.array::<i64>()).expect("rows");
            assert_eq!(picked, array.select(ndarray::Axis(0), &rows), "{rows:?}");
        }
        assert!(matches!(read_rows(path, "x", &[2, 6]), Err(NpzError::NoSuchRow { row: 6, length: 6 })));
    }
    assert!(matches!(read_rows(&packed, "y", &[0]), Err(NpzError::NoSuchArray(_))));
}

#[test]
fn rows_that_are_cut_off_or_not_in_one_piece_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.npy");
    std::fs::write(&path, plain("<f4", "(3, 1)", &[0; 8])).expect("a file");
    assert!(read_rows(&path, "x", &[0, 1]).is_ok());
    for rows in [[2].as_slice(), &[0, 1, 2]] {
        assert!(matches!(read_rows(&path, "x", rows), Err(NpzError::Length { promised: 12 })), "{rows:?}");
    }
    let columns = npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", &[0; 16]);
    std::fs::write(&path, columns).expect("a file");
    assert!(matches!(read_rows(&path, "x", &[0]), Err(NpzError::FortranOrder)));
}

#[test]
fn numbers_stay_as_narrow_as_they_are() {
    let numbers = |descr, body: &[u8]| read(&plain(descr, "(1,)", body)).and_then(|array| array.numbers());
    assert!(matches!(numbers("|u1", &[200]), Ok(Numbers::Bytes(bytes)) if bytes[0] == 200));
    assert!(matches!(numbers("|b1", &[1]), Ok(Numbers::Bytes(bytes)) if bytes[0] == 1));
    assert!(matches!(numbers("<i2", &[0xff, 0xff]), Ok(Numbers::Integers(values)) if values[0] == -1));
    assert!(matches!(numbers("<f8", &1.5_f64.to_le_bytes()), Ok(Numbers::Floats(values)) if values[0] == 1.5));
    assert!(matches!(numbers("<U1", &[0; 4]), Err(NpzError::ElementType { .. })));
}
