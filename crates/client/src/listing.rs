//! The list of a track's files, checked before anything is done with it, as its names become files
//! on this machine. No I/O.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use serde::Deserialize;

use super::{ClientError, Server};

/// The longest file name, in bytes. Suffixes are added to it, and file systems allow 255 in all.
const LONGEST_NAME: usize = 200;

/// A track's name, `competition/track`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackName {
    pub(super) competition: String,
    pub(super) track: String,
}

impl TrackName {
    /// The track's own short name: the folder its archives unpack into.
    pub fn slug(&self) -> &str {
        &self.track
    }
}

impl FromStr for TrackName {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let is_slug =
            |part: &str| (1..=64).contains(&part.len()) && !part.starts_with(['-', '_']) && part.chars().all(fits);
        match text.split_once('/') {
            Some((competition, track)) if is_slug(competition) && is_slug(track) => {
                Ok(Self { competition: competition.to_owned(), track: track.to_owned() })
            }
            _ => Err(ClientError::Track(shown(text))),
        }
    }
}

impl fmt::Display for TrackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.competition, self.track)
    }
}

/// A file of a track, as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its name: one path component, safe to use as a file name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its content, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The scenario it belongs to, if it belongs to only one.
    pub scenario: Option<String>,
    /// The split it belongs to, if it belongs to only one.
    pub split: Option<String>,
    /// Whether other files of the list have its content too.
    pub part_of_others: bool,
    /// Where to fetch it; expires after a while.
    pub(super) url: Url,
}

#[derive(Deserialize)]
struct ListDocument {
    files: Vec<FileDocument>,
}

#[derive(Deserialize)]
struct FileDocument {
    name: String,
    size: u64,
    sha256: String,
    scenario: Option<String>,
    split: Option<String>,
    url: String,
    #[serde(default)]
    part_of_others: bool,
}

/// Reads a server's list.
///
/// # Errors
/// [`ClientError::List`] if it cannot be read, a name cannot be used as a file name or occurs
/// twice, or a hash, address or size is invalid.
pub(super) fn read(bytes: &[u8], server: &Server) -> Result<Vec<RemoteFile>, ClientError> {
    let document: ListDocument =
        serde_json::from_slice(bytes).map_err(|error| ClientError::List(format!("it cannot be read ({error})")))?;
    let mut names = BTreeSet::new();
    for file in &document.files {
        if let Some(problem) = problem_of(&file.name) {
            return Err(ClientError::List(format!("`{}` {problem}", shown(&file.name))));
        }
        // Some file systems do not tell upper from lower case.
        if !names.insert(file.name.to_lowercase()) {
            return Err(ClientError::List(format!("it names `{}` twice", shown(&file.name))));
        }
    }
    let wrong = |name: &str, what: &str| ClientError::List(format!("the {what} of {name} is none"));
    let total = document.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.size));
    if total.is_none() {
        return Err(ClientError::List("its sizes are larger than any disk".into()));
    }
    let file = |file: FileDocument| {
        let sha256 = file.sha256.to_ascii_lowercase();
        if sha256.len() != 64 || hex::decode(&sha256).is_err() {
            return Err(wrong(&file.name, "SHA-256"));
        }
        let url = server.resolve(&file.url).ok_or_else(|| wrong(&file.name, "address"))?;
        let FileDocument { name, size, scenario, split, part_of_others, .. } = file;
        Ok(RemoteFile { name, size, sha256, scenario, split, part_of_others, url })
    };
    document.files.into_iter().map(file).collect()
}

/// Why a name cannot be used as a file name; `None` if it can.
fn problem_of(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) || name.contains(char::is_control) {
        return Some("is no plain file name");
    }
    if name.len() > LONGEST_NAME {
        return Some("is too long for a file name");
    }
    let is_part = name
        .strip_suffix(".part")
        .and_then(|rest| rest.rsplit_once('.'))
        .is_some_and(|(_, mark)| mark.len() == 16 && mark.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_aside = name.contains(".differs");
    (is_part || is_aside).then_some("is what a file is called here on its way")
}

/// A name shortened and escaped, so that it is safe to print on a terminal.
fn shown(name: &str) -> String {
    name.chars().take(LONGEST_NAME).flat_map(char::escape_default).collect()
}

/// Which files of a track to download.
#[derive(Clone, Debug, Default)]
pub struct FileSelection {
    /// Only files of these scenarios; of all scenarios if empty.
    pub scenarios: Vec<String>,
    /// Only files of these splits; of all splits if empty.
    pub splits: Vec<String>,
    /// If not empty, only the files of these names.
    pub files: Vec<String>,
    /// Include archives whose content is in other files too.
    pub all: bool,
}

impl FileSelection {
    /// Selects from a track's files. Files that belong to no scenario, such as data or checksums,
    /// are always included unless files are selected by name.
    ///
    /// # Errors
    /// [`ClientError::Unknown`] if there is no file, scenario or split of a name that was given.
    pub(super) fn select(&self, files: &[RemoteFile]) -> Result<Vec<RemoteFile>, ClientError> {
        if !self.files.is_empty() {
            let known = files.iter().map(|file| &file.name);
            all_known("file", &self.files, known)?;
            return Ok(files.iter().filter(|file| self.files.contains(&file.name)).cloned().collect());
        }
        all_known("scenario", &self.scenarios, files.iter().filter_map(|file| file.scenario.as_ref()))?;
        all_known("split", &self.splits, files.iter().filter_map(|file| file.split.as_ref()))?;
        let fits = |wanted: &[String], found: &Option<String>| {
            wanted.is_empty() || found.as_ref().is_none_or(|found| wanted.contains(found))
        };
        let is_selected = |file: &&RemoteFile| {
            (self.all || !file.part_of_others)
                && fits(&self.scenarios, &file.scenario)
                && fits(&self.splits, &file.split)
        };
        Ok(files.iter().filter(is_selected).cloned().collect())
    }
}

fn all_known<'a>(what: &str, wanted: &[String], known: impl Iterator<Item = &'a String>) -> Result<(), ClientError> {
    let known: BTreeSet<&String> = known.collect();
    let Some(missing) = wanted.iter().find(|name| !known.contains(name)) else { return Ok(()) };
    let known: Vec<String> = known.into_iter().map(|name| shown(name)).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(ClientError::Unknown(format!("the track has no {what} `{}`; it has {known}", shown(missing))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        "https://mico.example".parse().expect("a server")
    }

    fn listed(name: &str) -> Result<Vec<RemoteFile>, ClientError> {
        let file = serde_json::json!({"name": name, "size": 1, "sha256": "aB".repeat(32), "url": "/f", "more": 1});
        read(serde_json::json!({"files": [file], "track": "a/b"}).to_string().as_bytes(), &server())
    }

    #[test]
    fn only_a_plain_name_becomes_a_file() {
        for name in ["SHA256SUMS", "cifar10_inf-train.tar", "a b", "\u{e9}.tar", "x.part", &"x".repeat(200)] {
            let files = listed(name).expect(name);
            assert_eq!((files[0].name.as_str(), files[0].sha256.clone()), (name, "ab".repeat(32)));
            assert_eq!(files[0].url.as_str(), "https://mico.example/f");
        }
        let long = "x".repeat(201);
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "../x",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "a\0",
            "a\nb",
            "\u{1b}[2J",
            &long,
            "x.0123456789abcdef.part",
            "x.differs",
        ] {
            assert!(matches!(listed(name), Err(ClientError::List(_))), "{name:?}");
        }
    }

    #[test]
    fn a_list_that_cannot_be_is_refused() {
        let good = serde_json::json!({"name": "x", "size": 1, "sha256": "ab".repeat(32), "url": "https://h/f"});
        let with = |field: &str, value: serde_json::Value| {
            let mut file = good.clone();
            file[field] = value;
            file
        };
        let refused = |files: Vec<serde_json::Value>| {
            matches!(
                read(serde_json::json!({"files": files}).to_string().as_bytes(), &server()),
                Err(ClientError::List(_))
            )
        };
        assert!(!refused(vec![good.clone()]));
        assert!(refused(vec![good.clone(), with("name", "X".into())]), "the same name in another case");
        assert!(refused(vec![with("sha256", "ab".into())]));
        assert!(refused(vec![with("sha256", "zz".repeat(32).into())]));
        assert!(refused(vec![with("size", (-1).into())]));
        assert!(refused(vec![with("url", "file:///etc/passwd".into())]));
        assert!(refused(vec![with("size", u64::MAX.into()), with("name", "y".into())]));
        assert!(read(b"<html>", &server()).is_err());
    }

    #[test]
    fn filters_leave_what_belongs_to_all_and_know_what_there_is() {
        let file = |name: &str, scenario: Option<&str>, split: Option<&str>| RemoteFile {
            part_of_others: name == "all.tar",
            scenario: scenario.map(str::to_owned),
            split: split.map(str::to_owned),
            ..listed(name).expect("listed").remove(0)
        };
        let files = [
            file("SHA256SUMS", None, None),
            file("all.tar", None, None),
            file("inf-train.tar", Some("inf"), Some("train")),
            file("inf-dev.tar", Some("inf"), Some("dev")),
            file("hi-train.tar", Some("hi"), Some("train")),
        ];
        let names = |selection: FileSelection| {
            let files = selection.select(&files).map_err(|error| error.to_string())?;
            Ok::<_, String>(files.into_iter().map(|file| file.name).collect::<Vec<_>>())
        };
        let some = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let selection = |scenarios: &[&str], splits: &[&str], files: &[&str]| FileSelection {
            scenarios: some(scenarios),
            splits: some(splits),
            files: some(files),
            all: false,
        };
        let (sums, train) = ("SHA256SUMS", "inf-train.tar");
        assert_eq!(names(FileSelection::default()), Ok(some(&[sums, train, "inf-dev.tar", "hi-train.tar"])));
        assert_eq!(names(FileSelection { all: true, ..FileSelection::default() }).map(|names| names.len()), Ok(5));
        assert_eq!(names(selection(&["inf"], &["train"], &[])), Ok(some(&[sums, train])));
        assert_eq!(names(selection(&[], &["train"], &[])), Ok(some(&[sums, train, "hi-train.tar"])));
        assert_eq!(names(selection(&[], &[], &["all.tar"])), Ok(some(&["all.tar"])));
        let said = names(selection(&["lo"], &[], &[])).expect_err("no such scenario");
        assert_eq!(said, "the track has no scenario `lo`; it has hi, inf");
        assert!(names(selection(&[], &[], &["y"])).is_err());
    }

    #[test]
    fn a_track_is_two_short_names() {
        assert_eq!("mico/cifar10".parse::<TrackName>().expect("a track").slug(), "cifar10");
        for text in ["mico", "mico/", "/x", "mico/cifar10/x", "mico/..", "Mico/x", "mico/-x", ""] {
            assert!(text.parse::<TrackName>().is_err(), "{text}");
        }
    }
}
