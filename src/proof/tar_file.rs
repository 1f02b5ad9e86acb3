//! A tar archive of plain files, written so that the same files make the same bytes, and read so strictly that no byte
//! of it can change unnoticed.
//!
//! What this program writes are `ustar` headers in which only name and size vary. What other programs pack again from
//! the same files can be read too; links, folders, sparse files and other extensions than a long name cannot.

use std::io::{self, Read, Seek, SeekFrom, Write};

use sha2::Digest;
use tar::{EntryType, Header};
use thiserror::Error;

use crate::domain::sha256::Sha256;

/// Everything in a tar lies at multiples of this.
const BLOCK: u64 = 512;
/// More members than any export has.
const MOST_MEMBERS: usize = 1_000_000;
/// The longest name of a member, in bytes.
const LONGEST_NAME: u64 = 1024;
/// The name that a block with a long name has by itself.
const LONG_NAME: &str = "././@LongLink";

/// Why an archive is not read.
#[derive(Debug, Error)]
pub enum TarError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
    /// It does not begin as an archive does.
    #[error("this is no tar archive")]
    NoArchive,
    /// It ends too early.
    #[error("the archive is cut off")]
    CutOff,
    /// Something in it is not as this program or any other writes it.
    #[error("{0}")]
    Damaged(String),
    /// A member is larger than one of its kind can be.
    #[error("{path} has {size} bytes; at most {limit} are read")]
    TooLarge {
        /// Its name.
        path: String,
        /// Its size, in bytes.
        size: u64,
        /// The most that is read.
        limit: u64,
    },
}

/// Writes members one after another.
pub(super) struct TarWriter<W> {
    out: W,
}

impl<W: Write> TarWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes a member of exactly `size` bytes; answers their SHA-256.
    pub(super) fn add(&mut self, path: &str, size: u64, content: &mut dyn Read) -> io::Result<Sha256> {
        self.out.write_all(&header_blocks(path, size)?)?;
        let mut hash = sha2::Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let read = content.read(&mut buffer[..most])?;
            if read == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{path} is shorter than it was")));
            }
            hash.update(&buffer[..read]);
            self.out.write_all(&buffer[..read])?;
            left -= read as u64;
        }
        self.out.write_all(&[0; BLOCK as usize][..padding(size)])?;
        Ok(hash.into())
    }

    /// Writes the end of the archive.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Bytes between a member's end and the next block.
fn padding(size: u64) -> usize {
    (size.wrapping_neg() % BLOCK) as usize
}

/// The header of a member; where its name is too long for one, the name in blocks of its own before it.
fn header_blocks(path: &str, size: u64) -> io::Result<Vec<u8>> {
    let mut header = Header::new_ustar();
    if header.set_path(path).is_ok() {
        return Ok(header_block(header, EntryType::Regular, size).to_vec());
    }
    let mut name = path.as_bytes().to_vec();
    name.push(0);
    let mut of_name = Header::new_ustar();
    of_name.set_path(LONG_NAME)?;
    let mut blocks = header_block(of_name, EntryType::GNULongName, name.len() as u64).to_vec();
    blocks.extend(&name);
    blocks.resize(blocks.len() + padding(name.len() as u64), 0);
    let mut of_member = Header::new_ustar();
    of_member.set_path("long name")?;
    blocks.extend(header_block(of_member, EntryType::Regular, size));
    Ok(blocks)
}

fn header_block(mut header: Header, kind: EntryType, size: u64) -> [u8; BLOCK as usize] {
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    *header.as_bytes()
}

/// A member that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name, as it is written.
    pub(super) path: String,
    /// Its size, in bytes.
    pub(super) size: u64,
    /// SHA-256 of its content.
    pub(super) sha256: Sha256,
    /// Where its content begins.
    offset: u64,
}

/// An archive that was read through once.
pub(super) struct TarFile<F> {
    file: F,
    members: Vec<Member>,
}

impl<F: Read + Seek> TarFile<F> {
    /// Reads an archive through, to its last byte.
    pub(super) fn read(mut file: F) -> Result<Self, TarError> {
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        let mut walk = Walk { file: io::BufReader::with_capacity(1 << 20, file), at: 0, length };
        let mut members = Vec::new();
        while let Some(member) = walk.member()? {
            if members.len() == MOST_MEMBERS {
                return Err(TarError::Damaged("the archive has more members than an export can have".to_owned()));
            }
            members.push(member);
        }
        Ok(Self { file: walk.file.into_inner(), members })
    }

    /// Its members, in their order.
    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The content of a member of at most `limit` bytes.
    pub(super) fn content(&mut self, member: &Member, limit: u64) -> Result<Vec<u8>, TarError> {
        if member.size > limit {
            return Err(TarError::TooLarge { path: member.path.clone(), size: member.size, limit });
        }
        self.file.seek(SeekFrom::Start(member.offset))?;
        let mut content = Vec::with_capacity(usize::try_from(member.size).unwrap_or(0));
        (&mut self.file).take(member.size).read_to_end(&mut content)?;
        if content.len() as u64 == member.size { Ok(content) } else { Err(TarError::CutOff) }
    }
}

/// The first walk through an archive.
struct Walk<F> {
    file: F,
    at: u64,
    length: u64,
}

impl<F: Read> Walk<F> {
    /// The next member; `None` at the end, after which there is nothing more.
    fn member(&mut self) -> Result<Option<Member>, TarError> {
        let is_first = self.at == 0;
        let Some(header) = self.header(is_first)? else { return Ok(None) };
        let (header, long_name) = match header.entry_type() {
            EntryType::GNULongName => {
                let name = self.long_name(&header)?;
                let header = self.header(false)?.ok_or_else(|| damaged("a long name belongs to no member"))?;
                (header, Some(name))
            }
            _ => (header, None),
        };
        let path = match long_name {
            Some(name) => name,
            None => header.path_bytes().into_owned(),
        };
        let path = String::from_utf8(path).map_err(|_| damaged("a member's name is not UTF-8"))?;
        if !matches!(header.entry_type(), EntryType::Regular) {
            return Err(damaged(format!("{} is not a plain file", path.escape_debug())));
        }
        let size = header.entry_size().map_err(|_| damaged(format!("{} has no size", path.escape_debug())))?;
        let offset = self.at;
        if size > self.length - offset {
            return Err(TarError::CutOff);
        }
        let sha256 = self.hash(size)?;
        self.padding(size)?;
        Ok(Some(Member { path, size, sha256, offset }))
    }

    /// The next header; `None` at the end of the archive.
    fn header(&mut self, is_first: bool) -> Result<Option<Header>, TarError> {
        let block = self.block()?;
        if block.iter().all(|byte| *byte == 0) {
            self.end()?;
            return if is_first { Err(TarError::NoArchive) } else { Ok(None) };
        }
        let header = Header::from_byte_slice(&block).clone();
        let is_ours = header.as_ustar().is_some() || header.as_gnu().is_some();
        // With one byte changed, the first block of an export still is that of an archive.
        if is_first && !is_ours && !block.starts_with(b"manifest.json\0") {
            return Err(TarError::NoArchive);
        }
        if !is_ours || !has_its_checksum(&header) {
            return Err(damaged(format!("the header at byte {} of the archive is damaged", self.at - BLOCK)));
        }
        Ok(Some(header))
    }

    fn long_name(&mut self, header: &Header) -> Result<Vec<u8>, TarError> {
        let size = header.entry_size().map_err(|_| damaged("a long name has no size"))?;
        if size > LONGEST_NAME {
            return Err(damaged("a member's name is too long"));
        }
        let mut name = vec![0; usize::try_from(size).unwrap_or(0)];
        self.exactly(&mut name)?;
        self.padding(size)?;
        match name.pop() {
            Some(0) if !name.contains(&0) => Ok(name),
            _ => Err(damaged("a long name is damaged")),
        }
    }

    fn hash(&mut self, size: u64) -> Result<Sha256, TarError> {
        let mut hash = sha2::Sha256::new();
        let mut buffer = vec![0; usize::try_from(size.min(1 << 16)).unwrap_or(0)];
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            self.exactly(&mut buffer[..most])?;
            hash.update(&buffer[..most]);
            left -= most as u64;
        }
        Ok(hash.into())
    }

    fn padding(&mut self, size: u64) -> Result<(), TarError> {
        let mut rest = [0; BLOCK as usize];
        let rest = &mut rest[..padding(size)];
        self.exactly(rest)?;
        if rest.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(damaged("there is something between two members")) }
    }

    /// What follows the first block of zeros: another one at least, and nothing else.
    fn end(&mut self) -> Result<(), TarError> {
        if self.length - self.at < BLOCK || !self.length.is_multiple_of(BLOCK) {
            return Err(TarError::CutOff);
        }
        while self.at < self.length {
            if self.block()?.iter().any(|byte| *byte != 0) {
                return Err(damaged("there is something after the end of the archive"));
            }
        }
        Ok(())
    }

    fn block(&mut self) -> Result<[u8; BLOCK as usize], TarError> {
        let mut block = [0; BLOCK as usize];
        self.exactly(&mut block)?;
        Ok(block)
    }

    fn exactly(&mut self, bytes: &mut [u8]) -> Result<(), TarError> {
        match self.file.read_exact(bytes) {
            Ok(()) => {
                self.at += bytes.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(TarError::CutOff),
            Err(error) => Err(error.into()),
        }
    }
}

fn damaged(what: impl Into<String>) -> TarError {
    TarError::Damaged(what.into())
}

/// Whether a header's checksum is right, and written in one of the two ways that are in use: seven digits and a zero
/// byte, or six digits, a zero byte and a blank. So no single byte of a header can change.
fn has_its_checksum(header: &Header) -> bool {
    let bytes = header.as_bytes();
    let (before, field, after) = (&bytes[..148], &bytes[148..156], &bytes[156..]);
    let sum: u32 = before.iter().chain(after).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * u32::from(b' ');
    field == format!("{sum:07o}\0").as_bytes() || field == format!("{sum:06o}\0 ").as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = TarWriter::new(Vec::new());
        for (path, content) in members {
            tar.add(path, content.len() as u64, &mut &content[..]).expect("written");
        }
        tar.finish().expect("written")
    }

    fn sample() -> Vec<u8> {
        let long = format!("labels/{}/final/{}/solution.csv", "s".repeat(100), "m".repeat(100));
        archive(&[("manifest.json", b"{}"), (&long, &[b'1'; 512]), ("empty", b"")])
    }

    #[test]
    fn members_come_back_as_they_were_written() {
        let mut tar = TarFile::read(Cursor::new(sample())).expect("an archive");
        let members = tar.members().to_vec();
        assert_eq!(members.iter().map(|member| member.size).collect::<Vec<_>>(), [2, 512, 0]);
        assert_eq!(members[1].path.len(), 7 + 100 + 7 + 100 + 13);
        assert_eq!(tar.content(&members[0], 2).expect("content"), b"{}");
        assert_eq!(tar.content(&members[1], 512).expect("content"), [b'1'; 512]);
        assert!(matches!(tar.content(&members[1], 511), Err(TarError::TooLarge { size: 512, .. })));
    }

    #[test]
    fn other_programs_read_the_same() {
        let bytes = sample();
        let mut read = tar::Archive::new(&bytes[..]);
        let sizes: Vec<u64> = read.entries().expect("entries").map(|entry| entry.expect("an entry").size()).collect();
        assert_eq!(sizes, [2, 512, 0]);
    }

    /// Every byte, each bit of it that makes a difference to how numbers are written.
    #[test]
    fn any_changed_byte_is_found() {
        let good = sample();
        let contents = |bytes: &[u8]| {
            TarFile::read(Cursor::new(bytes))
                .map(|tar| tar.members().iter().map(|member| (member.path.clone(), member.sha256)).collect::<Vec<_>>())
        };
        let expected = contents(&good).expect("an archive");
        for at in 0..good.len() {
            for change in [1, 0x10, 0x20, 0x30, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= change;
                match contents(&bytes) {
                    Err(TarError::Damaged(_)) => {}
                    // A long name that is another, or content that has another hash.
                    Ok(found) => assert_ne!(found, expected, "byte {at}"),
                    Err(error) => panic!("byte {at}: {error}"),
                }
            }
        }
    }

    #[test]
    fn an_archive_that_is_cut_off_is_told_from_one_that_is_damaged() {
        let good = sample();
        for length in 1..good.len() {
            let cut = TarFile::read(Cursor::new(&good[..length])).map(|_| ());
            assert!(matches!(cut, Err(TarError::CutOff)), "{length}");
        }
        let more = [&good[..], &[0; 512]].concat();
        assert!(TarFile::read(Cursor::new(more)).is_ok(), "other programs write more zeros");
        let more = [&good[..], &[1; 512]].concat();
        assert!(matches!(TarFile::read(Cursor::new(more)), Err(TarError::Damaged(_))));
    }

    #[test]
    fn what_is_no_archive_is_told() {
        for bytes in [&[0; 1024][..], &[b'x'; 2048], b"PK\x03\x04".repeat(512).as_slice()] {
            assert!(matches!(TarFile::read(Cursor::new(bytes)), Err(TarError::NoArchive)));
        }
        assert!(matches!(TarFile::read(Cursor::new(b"")), Err(TarError::CutOff)));
    }

    #[test]
    fn only_plain_files_are_taken() {
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::XHeader, EntryType::Fifo] {
            let mut header = Header::new_ustar();
            header.set_path("manifest.json").expect("a name");
            let mut bytes = header_block(header, kind, 0).to_vec();
            bytes.extend([0; 1024]);
            assert!(matches!(TarFile::read(Cursor::new(bytes)), Err(TarError::Damaged(_))), "{kind:?}");
        }
    }

    #[test]
    fn what_python_packs_again_is_read() {
        // The header of Python's tarfile in its default format: six digits, a zero byte and a blank.
        let mut header = Header::new_ustar();
        header.set_path("manifest.json").expect("a name");
        let mut block = header_block(header, EntryType::Regular, 2);
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut bytes = block.to_vec();
        bytes.extend(b"{}");
        bytes.resize(10_240, 0);
        assert_eq!(TarFile::read(Cursor::new(bytes)).expect("an archive").members().len(), 1);
    }
}
