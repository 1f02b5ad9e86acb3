//! A zip writer that can lie: every field of every record can be set apart from
//! the others, because that is what hostile archives do.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compress, Compression, FlushCompress};

/// Method: the content as it is.
pub const STORED: u16 = 0;
/// Method: deflate.
pub const DEFLATED: u16 = 8;
/// Flag: checksum and sizes follow the data.
pub const STREAMED: u16 = 1 << 3;

/// What a header says about an entry; there is one before the data and one in
/// the directory.
#[derive(Clone)]
pub struct Header {
    /// The name, of any bytes.
    pub name: Vec<u8>,
    /// The general purpose flags.
    pub flags: u16,
    /// The compression method.
    pub method: u16,
    /// The checksum.
    pub crc: u32,
    /// Bytes in the archive.
    pub packed: u32,
    /// Bytes of content.
    pub size: u32,
    /// The extra fields, see [`field`].
    pub extra: Vec<u8>,
}

/// One entry.
#[derive(Clone)]
pub struct Item {
    /// The header before the data.
    pub local: Header,
    /// The header in the directory.
    pub central: Header,
    /// DOS attributes in the low half, a Unix mode in the high half.
    pub attributes: u32,
    /// The part of a split archive that it is said to be on.
    pub disk: u16,
    /// Where the directory says the entry is, if not where it is.
    pub offset: Option<u32>,
    /// The packed content.
    pub data: Vec<u8>,
    /// What follows the data.
    pub descriptor: Vec<u8>,
}

impl Item {
    /// An honest entry with deflated content.
    #[must_use]
    pub fn deflated(name: &str, content: &[u8]) -> Self {
        Self::packed(name, DEFLATED, &deflate(content), content)
    }

    /// An honest entry with its content as it is.
    #[must_use]
    pub fn stored(name: &str, content: &[u8]) -> Self {
        Self::packed(name, STORED, content, content)
    }

    fn packed(name: &str, method: u16, data: &[u8], content: &[u8]) -> Self {
        let header = Header {
            name: name.as_bytes().to_vec(),
            flags: 0,
            method,
            crc: crc32fast::hash(content),
            packed: data.len() as u32,
            size: content.len() as u32,
            extra: Vec::new(),
        };
        Self {
            local: header.clone(),
            central: header,
            attributes: 0o100_644 << 16,
            disk: 0,
            offset: None,
            data: data.to_vec(),
            descriptor: Vec::new(),
        }
    }

    /// Changes both headers in the same way.
    #[must_use]
    pub fn both(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    /// The same entry as a writer to a pipe makes it: zeros before the data,
    /// checksum and sizes after it.
    #[must_use]
    pub fn streamed(mut self, descriptor: Descriptor) -> Self {
        self.local.flags |= STREAMED;
        self.central.flags |= STREAMED;
        let Header { crc, packed, size, .. } = self.central;
        (self.local.crc, self.local.packed, self.local.size) = (0, 0, 0);
        if descriptor.signature {
            self.descriptor.extend(b"PK\x07\x08");
        }
        self.descriptor.extend(crc.to_le_bytes());
        for number in [packed, size] {
            let wide = u64::from(number).to_le_bytes();
            self.descriptor.extend(&wide[..if descriptor.zip64 { 8 } else { 4 }]);
        }
        self
    }
}

/// The four forms that writers give a data descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// Whether it begins with its signature.
    pub signature: bool,
    /// Whether its sizes have 64 bits.
    pub zip64: bool,
}

/// The end record's fields, and those of its zip64 form.
#[derive(Clone, Copy)]
pub struct End {
    /// The part of a split archive that this is.
    pub disk: u32,
    /// The part on which the directory begins.
    pub directory_disk: u32,
    /// Entries in this part.
    pub entries_here: u64,
    /// Entries in all.
    pub entries: u64,
    /// Bytes of the directory.
    pub size: u64,
    /// Where the directory begins.
    pub offset: u64,
}

/// A change to an end record that was honest before.
pub type Change = Box<dyn Fn(&mut End)>;

/// An archive: the entries, and what an attacker puts around them.
#[derive(Default)]
pub struct Zip {
    /// Bytes before the first entry.
    pub before: Vec<u8>,
    /// The entries.
    pub items: Vec<Item>,
    /// Bytes between the directory and its end record.
    pub gap: Vec<u8>,
    /// Changes the end record.
    pub end: Option<Change>,
    /// Writes a zip64 end record, changed by this.
    pub zip64: Option<Change>,
    /// The archive's comment.
    pub comment: Vec<u8>,
    /// Bytes after the end.
    pub after: Vec<u8>,
}

impl Zip {
    /// An honest archive.
    #[must_use]
    pub fn of(items: Vec<Item>) -> Self {
        Self { items, ..Self::default() }
    }

    /// Writes it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.before.clone();
        let mut offsets = Vec::new();
        for item in &self.items {
            offsets.push(out.len() as u32);
            out.extend(local_header(&item.local));
            out.extend(&item.data);
            out.extend(&item.descriptor);
        }
        let start = out.len();
        for (item, offset) in self.items.iter().zip(offsets) {
            out.extend(central_header(item, offset));
        }
        let entries = self.items.len() as u64;
        let honest = End {
            disk: 0,
            directory_disk: 0,
            entries_here: entries,
            entries,
            size: (out.len() - start) as u64,
            offset: start as u64,
        };
        out.extend(&self.gap);
        if let Some(change) = &self.zip64 {
            let mut end = honest;
            change(&mut end);
            let at = out.len() as u64;
            out.extend(zip64_records(&end, at));
        }
        let mut end = honest;
        if let Some(change) = &self.end {
            change(&mut end);
        }
        out.extend(end_record(&end, &self.comment));
        out.extend(&self.after);
        out
    }
}

/// The bytes of a header before the data.
#[must_use]
pub fn local_header(header: &Header) -> Vec<u8> {
    let mut out = b"PK\x03\x04".to_vec();
    common_fields(&mut out, header);
    out.extend(&header.name);
    out.extend(&header.extra);
    out
}

fn common_fields(out: &mut Vec<u8>, header: &Header) {
    out.extend(20_u16.to_le_bytes());
    for short in [header.flags, header.method, 0, 0x21] {
        out.extend(short.to_le_bytes());
    }
    for long in [header.crc, header.packed, header.size] {
        out.extend(long.to_le_bytes());
    }
    out.extend((header.name.len() as u16).to_le_bytes());
    out.extend((header.extra.len() as u16).to_le_bytes());
}

fn central_header(item: &Item, offset: u32) -> Vec<u8> {
    let header = &item.central;
    // Made by version 3.0 on Unix.
    let mut out = b"PK\x01\x02\x1e\x03".to_vec();
    common_fields(&mut out, header);
    for short in [0, item.disk, 0] {
        out.extend(short.to_le_bytes());
    }
    out.extend(item.attributes.to_le_bytes());
    out.extend(item.offset.unwrap_or(offset).to_le_bytes());
    out.extend(&header.name);
    out.extend(&header.extra);
    out
}

fn end_record(end: &End, comment: &[u8]) -> Vec<u8> {
    let mut out = b"PK\x05\x06".to_vec();
    for short in [end.disk as u16, end.directory_disk as u16, end.entries_here as u16, end.entries as u16] {
        out.extend(short.to_le_bytes());
    }
    for long in [end.size as u32, end.offset as u32] {
        out.extend(long.to_le_bytes());
    }
    out.extend((comment.len() as u16).to_le_bytes());
    out.extend(comment);
    out
}

/// The zip64 end record and its locator, at this place.
fn zip64_records(end: &End, at: u64) -> Vec<u8> {
    let mut out = b"PK\x06\x06".to_vec();
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 0, 45, 0]);
    out.extend(end.disk.to_le_bytes());
    out.extend(end.directory_disk.to_le_bytes());
    for wide in [end.entries_here, end.entries, end.size, end.offset] {
        out.extend(wide.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend(at.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out
}

/// A zip64 field with these values.
#[must_use]
pub fn zip64_field(values: &[u64]) -> Vec<u8> {
    let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    field(0x0001, &content)
}

/// An extra field.
#[must_use]
pub fn field(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes(), &(content.len() as u16).to_le_bytes(), content].concat()
}

/// The content, deflated.
#[must_use]
pub fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// The content many times over, deflated in a moment: one packed piece that
/// refers to nothing before it, repeated.
#[must_use]
pub fn deflate_repeated(content: &[u8], times: usize) -> Vec<u8> {
    let mut piece = Vec::with_capacity(content.len() + 1024);
    Compress::new(Compression::best(), false)
        .compress_vec(content, &mut piece, FlushCompress::Full)
        .expect("memory takes everything");
    let mut data = piece.repeat(times);
    // An empty last block ends the stream.
    data.extend([0x03, 0x00]);
    data
}
