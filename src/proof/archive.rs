//! The members of an export, and SHA256SUMS over them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, Write};

use scoring::commitment::{ModelPath, SaltsFile};
use scoring::{Membership, TrackShape};
use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use super::tar_file::{Member, TarError, TarFile, TarWriter};
use crate::domain::ids::SubmissionId;
use crate::domain::log_event::LogParticipant;
use crate::domain::sha256::Sha256;

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const SHAPE: &str = "shape.json";
pub(super) const COMMITMENT: &str = "commitment.txt";
pub(super) const LOG: &str = "log.ndjson";
pub(super) const RANKING: &str = "ranking.json";
pub(super) const RESULTS: &str = "results.json";
pub(super) const SALTS: &str = "salts.json";
pub(super) const DEV_RESULTS: &str = "dev.ndjson";
pub(super) const NAMES: &str = "names.json";
pub(super) const SUMS: &str = "SHA256SUMS";

/// Members that every export has.
const NEEDED: [&str; 6] = [MANIFEST, SHAPE, LOG, RANKING, RESULTS, SUMS];

/// A score on the dev split as it is stored, with the random bytes that its hash in the log was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevResult {
    /// The submission.
    pub submission: SubmissionId,
    /// 32 random bytes.
    #[serde(with = "hex::serde")]
    pub random: [u8; 32],
    /// The stored result: JSON of its ranking number, interval and scenarios.
    pub result: String,
}

/// A participant with the name that boards have for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedParticipant {
    /// How the log calls it.
    pub participant: LogParticipant,
    /// Its public name.
    pub name: String,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// One of the files that stand at the top.
    Top(&'static str),
    /// The labels of a model.
    Labels(ModelPath),
    /// The zip of an official entry.
    Entry(SubmissionId),
    /// The zip of another submission.
    Other(SubmissionId),
}

impl Kind {
    /// What a member of this name is; `None` where no export has such a member.
    fn of(path: &str) -> Option<Self> {
        let tops = [MANIFEST, SHAPE, COMMITMENT, LOG, RANKING, RESULTS, SALTS, DEV_RESULTS, NAMES, SUMS];
        if let Some(top) = tops.into_iter().find(|top| *top == path) {
            return Some(Self::Top(top));
        }
        let kind = match path.split_once('/')? {
            ("labels", rest) => Self::Labels(rest.strip_suffix("/solution.csv")?.parse().ok()?),
            ("entries", rest) => Self::Entry(rest.strip_suffix(".zip")?.parse().ok()?),
            ("submissions", rest) => Self::Other(rest.strip_suffix(".zip")?.parse().ok()?),
            _ => return None,
        };
        // An id can be written in several ways; an export has one.
        (kind.path() == path).then_some(kind)
    }

    /// The member's name.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Top(name) => (*name).to_owned(),
            Self::Labels(model) => format!("labels/{model}/solution.csv"),
            Self::Entry(submission) => format!("entries/{submission}.zip"),
            Self::Other(submission) => format!("submissions/{submission}.zip"),
        }
    }

    /// The most bytes that are read of such a member.
    fn limit(&self) -> u64 {
        match self {
            Self::Top(LOG | DEV_RESULTS) | Self::Entry(_) | Self::Other(_) => 1 << 30,
            Self::Top(_) | Self::Labels(_) => 1 << 28,
        }
    }

    /// Whether organisers alone may have it.
    fn is_full_only(&self) -> bool {
        matches!(self, Self::Top(DEV_RESULTS | NAMES) | Self::Other(_))
    }
}

/// Writes an export, member after member; the manifest first.
pub struct ExportWriter<W> {
    tar: TarWriter<W>,
    sums: String,
}

impl<W: Write> ExportWriter<W> {
    /// Begins an export with its manifest.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(out: W, manifest: &Manifest) -> io::Result<Self> {
        let mut export = Self { tar: TarWriter::new(out), sums: String::new() };
        export.top(MANIFEST, manifest.to_text()?.as_bytes())?;
        Ok(export)
    }

    /// The shape, in the bytes that the log has the hash of.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn shape(&mut self, shape: &TrackShape) -> io::Result<()> {
        self.top(SHAPE, &serde_json::to_vec(shape)?)
    }

    /// commitment.txt.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn commitment(&mut self, text: &str) -> io::Result<()> {
        self.top(COMMITMENT, text.as_bytes())
    }

    /// log.ndjson, all lines of it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn log(&mut self, lines: &[u8]) -> io::Result<()> {
        self.top(LOG, lines)
    }

    /// ranking.json and results.json, as they were stored.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn ranking(&mut self, ranking: &str, results: &str) -> io::Result<()> {
        self.top(RANKING, ranking.as_bytes())?;
        self.top(RESULTS, results.as_bytes())
    }

    /// The labels of one model.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn labels(&mut self, model: &ModelPath, labels: &[Membership]) -> io::Result<()> {
        let digits: Vec<&str> =
            labels.iter().map(|label| if *label == Membership::Member { "1" } else { "0" }).collect();
        let text = digits.join(",") + "\n";
        self.add(&Kind::Labels(model.clone()), text.len() as u64, &mut text.as_bytes())
    }

    /// salts.json.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn salts(&mut self, salts: &SaltsFile) -> io::Result<()> {
        self.top(SALTS, (serde_json::to_string_pretty(salts)? + "\n").as_bytes())
    }

    /// The zip of a submission, of exactly `size` bytes.
    ///
    /// # Errors
    /// Those of reader and writer, or a zip of another size.
    pub fn zip(&mut self, id: SubmissionId, is_entry: bool, size: u64, zip: &mut dyn Read) -> io::Result<()> {
        self.add(&if is_entry { Kind::Entry(id) } else { Kind::Other(id) }, size, zip)
    }

    /// The dev scores, for organisers.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn dev_results(&mut self, results: &[DevResult]) -> io::Result<()> {
        let mut lines = String::new();
        for result in results {
            lines += &serde_json::to_string(result)?;
            lines.push('\n');
        }
        self.top(DEV_RESULTS, lines.as_bytes())
    }

    /// The names, for organisers.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn names(&mut self, participants: &[NamedParticipant]) -> io::Result<()> {
        self.top(NAMES, (serde_json::to_string_pretty(participants)? + "\n").as_bytes())
    }

    /// Ends the export with SHA256SUMS.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        let sums = std::mem::take(&mut self.sums);
        self.tar.add(SUMS, sums.len() as u64, &mut sums.as_bytes())?;
        self.tar.finish()
    }

    fn top(&mut self, name: &'static str, bytes: &[u8]) -> io::Result<()> {
        self.add(&Kind::Top(name), bytes.len() as u64, &mut &bytes[..])
    }

    fn add(&mut self, kind: &Kind, size: u64, content: &mut dyn Read) -> io::Result<()> {
        let path = kind.path();
        let sha256 = self.tar.add(&path, size, content)?;
        self.sums += &format!("{sha256}  {path}\n");
        Ok(())
    }
}

/// An export that was read through once.
pub(super) struct ExportFile<F> {
    tar: TarFile<F>,
    members: BTreeMap<Kind, Member>,
}

impl<F: Read + Seek> ExportFile<F> {
    /// Reads an export through. What is wrong with its members or their sums comes beside it.
    pub(super) fn read(file: F) -> Result<(Self, Vec<String>), TarError> {
        let tar = TarFile::read(file)?;
        let (mut members, mut problems) = (BTreeMap::new(), Vec::new());
        for member in tar.members() {
            match Kind::of(&member.path) {
                None => problems.push(format!("{} is no member of an export", member.path.escape_debug())),
                Some(kind) => {
                    if members.insert(kind, member.clone()).is_some() {
                        problems.push(format!("{} is there twice", member.path));
                    }
                }
            }
        }
        let needed = NEEDED.iter().filter(|name| !members.contains_key(&Kind::Top(name)));
        problems.extend(needed.map(|name| format!("{name} is missing")));
        if tar.members().last().is_some_and(|last| last.path != SUMS) {
            problems.push(format!("{SUMS} is not the last member"));
        }
        let mut export = Self { tar, members };
        if let Some(sums) = export.content(&Kind::Top(SUMS))? {
            problems.extend(export.wrong_sums(&sums));
        }
        Ok((export, problems))
    }

    /// What SHA256SUMS says wrongly, or says nothing of.
    fn wrong_sums(&self, sums: &[u8]) -> Vec<String> {
        let mut listed: BTreeMap<&str, Sha256> = BTreeMap::new();
        let Some(text) = str::from_utf8(sums).ok().filter(|text| text.is_empty() || text.ends_with('\n')) else {
            return vec![format!("{SUMS} is damaged")];
        };
        let mut problems = Vec::new();
        for line in text.lines() {
            let pair = line.split_once("  ").and_then(|(hash, path)| Some((path, hash.parse::<Sha256>().ok()?, hash)));
            match pair {
                // The digits are small letters, so that a hash has one text.
                Some((path, sha256, hash)) if sha256.to_string() == hash => {
                    if listed.insert(path, sha256).is_some() {
                        problems.push(format!("{SUMS} lists {} twice", path.escape_debug()));
                    }
                }
                _ => problems.push(format!("{SUMS} has a line of another form")),
            }
        }
        if text.contains('\r') {
            problems.push(format!("{SUMS} has a line of another form"));
        }
        let there: BTreeSet<&str> = self.tar.members().iter().map(|member| member.path.as_str()).collect();
        let gone = listed.keys().filter(|path| !there.contains(**path) || **path == SUMS);
        problems.extend(gone.map(|path| format!("{SUMS} lists {}, which is not there", path.escape_debug())));
        for member in self.tar.members().iter().filter(|member| member.path != SUMS) {
            match listed.get(member.path.as_str()) {
                Some(sha256) if *sha256 == member.sha256 => {}
                Some(_) => {
                    problems.push(format!("{} has another SHA-256 than {SUMS} says", member.path.escape_debug()))
                }
                None => problems.push(format!("{SUMS} does not list {}", member.path.escape_debug())),
            }
        }
        problems
    }

    /// Members that do not fit what the manifest says of the file.
    pub(super) fn misfits(&self, manifest: &Manifest) -> Vec<String> {
        let has = |kind: &Kind| self.members.contains_key(kind);
        let mut problems = Vec::new();
        let mut expect = |is_there: bool, name: &str, wanted: bool| {
            if is_there != wanted {
                let what = if wanted { "is missing" } else { "should not be there" };
                problems.push(format!("{name} {what}, by {MANIFEST}"));
            }
        };
        let is_committed = manifest.commitment.is_some();
        expect(has(&Kind::Top(COMMITMENT)), COMMITMENT, is_committed);
        expect(has(&Kind::Top(SALTS)), SALTS, is_committed && manifest.labels.included);
        expect(self.members.keys().any(|kind| matches!(kind, Kind::Labels(_))), "labels/", manifest.labels.included);
        expect(has(&Kind::Top(DEV_RESULTS)), DEV_RESULTS, manifest.full);
        expect(has(&Kind::Top(NAMES)), NAMES, manifest.full);
        let not_public = self.members.keys().filter(|kind| !manifest.full && kind.is_full_only());
        problems.extend(not_public.map(|kind| format!("{} should not be there, by {MANIFEST}", kind.path())));
        problems
    }

    /// The content of a member; `None` where it is not there.
    pub(super) fn content(&mut self, kind: &Kind) -> Result<Option<Vec<u8>>, TarError> {
        match self.members.get(kind) {
            Some(member) => self.tar.content(member, kind.limit()).map(Some),
            None => Ok(None),
        }
    }

    /// What members there are.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.members.keys()
    }

    /// SHA-256 of a member's content.
    pub(super) fn sha256(&self, kind: &Kind) -> Option<Sha256> {
        self.members.get(kind).map(|member| member.sha256)
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}
