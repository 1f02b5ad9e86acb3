//! Finds the folders of scenarios, splits and models, and says what is none of them. Only names are read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use scoring::{Split, natural_order};

use super::entry::{self, Entry, Kind, entries};
use super::{DirectoryError, names};

/// A line names so many of what was passed over, and counts the others.
const MOST_NAMED: usize = 5;

/// The folders of a track.
#[derive(Debug)]
pub struct TrackFolders {
    /// The scenarios, sorted by the bytes of their names.
    pub scenarios: Vec<ScenarioFolder>,
    /// What lies beside the scenarios and belongs to the track, such as `track.yaml`.
    pub beside: Vec<Entry>,
    /// What lies beside the scenarios and does not.
    strangers: Vec<PassedOver>,
}

/// The folder of a scenario: there is a model in one of its splits, at least.
#[derive(Debug)]
pub struct ScenarioFolder {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// The models of each split that has a folder.
    splits: BTreeMap<Split, Vec<ModelFolder>>,
    /// What lies in it, or in the folder of a split, and does not belong there.
    strangers: Vec<PassedOver>,
}

/// The folder of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFolder {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// Something that is no part of the layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// Where it is, from the track's folder on: `scenario/split/name`, or less.
    pub place: String,
    /// Its path.
    pub path: PathBuf,
    /// Whether it is a folder. A hidden link is not followed, and counts as a file.
    pub is_folder: bool,
    /// Why it was passed over.
    pub why: Why,
}

/// Why something was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its name begins with a dot.
    Hidden,
    /// Programs or systems leave folders of this name behind.
    LeftBehind,
    /// It is a file.
    File,
    /// It is a link that leads nowhere.
    DanglingLink,
    /// Its name is that of a split but for capital letters, or it holds such a folder and no model.
    Misspelt,
    /// It lies beside the splits and is none.
    NoSplit,
    /// It lies beside the scenarios and has no model.
    NoScenario,
    /// It lies beside the models and has nothing of one.
    NoModel,
}

impl TrackFolders {
    /// Finds the folders of the track at `root`.
    ///
    /// A model is a folder of a split with a file in it that shows it to be one, and a scenario is a folder with a model
    /// in its `train`, `dev` or `final`. What is hidden or left behind is not looked into.
    ///
    /// # Errors
    /// A folder that cannot be read, a scenario or model whose name is not UTF-8, or no scenario.
    pub fn read(root: &Path) -> Result<Self, DirectoryError> {
        let mut found = Self { scenarios: Vec::new(), beside: Vec::new(), strangers: Vec::new() };
        for entry in entries(root)? {
            if names::belongs_to_a_track(&entry.name) {
                found.beside.push(entry);
                continue;
            }
            let why = match closed(&entry)? {
                Some(why) => why,
                None => match ScenarioFolder::read(&entry)? {
                    Ok(scenario) => {
                        found.scenarios.push(scenario);
                        continue;
                    }
                    Err(why) => why,
                },
            };
            found.strangers.push(PassedOver::new(&entry, String::new(), why));
        }
        if found.scenarios.is_empty() {
            let why = "it has no scenario, that is, no folder with a model in its `train`, `dev` or `final`";
            let why = format!("{why}{}", named(found.strangers.iter()));
            return Err(DirectoryError::NotATrack(root.to_owned(), why));
        }
        Ok(found)
    }

    /// All that was passed over: beside the scenarios first, then scenario by scenario.
    pub fn passed_over(&self) -> impl Iterator<Item = &PassedOver> {
        self.strangers.iter().chain(self.scenarios.iter().flat_map(|scenario| &scenario.strangers))
    }
}

impl ScenarioFolder {
    /// Reads a folder beside scenarios; answers why it is none, if it is none.
    fn read(folder: &Entry) -> Result<Result<Self, Why>, DirectoryError> {
        let (mut splits, mut strangers) = (BTreeMap::new(), Vec::new());
        for entry in entries(&folder.path)? {
            let why = match closed(&entry)? {
                Some(why) => why,
                None => match entry.name.parse() {
                    Ok(split) => {
                        let place = format!("{}/{split}/", folder.name);
                        splits.insert(split, models(&entry, &place, &mut strangers)?);
                        continue;
                    }
                    Err(_) if is_misspelt(&entry.name) => Why::Misspelt,
                    Err(_) => Why::NoSplit,
                },
            };
            strangers.push(PassedOver::new(&entry, format!("{}/", folder.name), why));
        }
        if splits.values().all(Vec::is_empty) {
            let is_misspelt = strangers.iter().any(|one| one.why == Why::Misspelt);
            return Ok(Err(if is_misspelt { Why::Misspelt } else { Why::NoScenario }));
        }
        Ok(Ok(Self { name: folder.plain_name()?, path: folder.path.clone(), splits, strangers }))
    }

    /// The models of a split, by name and then by number, as a shape has them; none if there is no such folder.
    pub fn models(&self, split: Split) -> &[ModelFolder] {
        self.splits.get(&split).map_or(&[], Vec::as_slice)
    }

    /// The models of a split that must have some.
    ///
    /// # Errors
    /// [`DirectoryError::NoModels`], which names the folder, what was looked for, and what there is instead.
    pub fn needed(&self, split: Split) -> Result<&[ModelFolder], DirectoryError> {
        let models = self.models(split);
        if !models.is_empty() {
            return Ok(models);
        }
        let folder = self.path.join(split.as_str());
        let is_misspelt =
            |one: &&PassedOver| one.why == Why::Misspelt && one.name().eq_ignore_ascii_case(split.as_str());
        let why = if self.splits.contains_key(&split) {
            let within = self.strangers.iter().filter(|one| one.path.parent() == Some(folder.as_path()));
            format!("no folder in it holds {}{}", names::MARKS_OF_A_MODEL, named(within))
        } else if let Some(instead) = self.strangers.iter().find(|one| one.path == folder) {
            format!("it should be a folder and is {}", instead.why)
        } else if let Some(other) = self.strangers.iter().find(is_misspelt) {
            format!("there is no such folder, only `{}`, and capital letters count", other.name().escape_debug())
        } else {
            "there is no such folder".to_owned()
        };
        Err(DirectoryError::NoModels { folder, split, why })
    }
}

impl PassedOver {
    /// `above` is where the folder is that it lies in, with a slash at the end.
    fn new(entry: &Entry, above: String, why: Why) -> Self {
        let is_folder = !matches!(why, Why::File | Why::DanglingLink) && (why != Why::Hidden || entry.is_real_folder());
        Self { place: above + &entry.name, path: entry.path.clone(), is_folder, why }
    }

    /// Whether it is a file that file managers and the like keep for themselves, of which nobody wants to hear.
    pub fn is_hidden_file(&self) -> bool {
        self.why == Why::Hidden && !self.is_folder
    }

    /// Whether it lies beside the scenarios.
    pub fn is_beside_scenarios(&self) -> bool {
        !self.place.contains('/')
    }

    /// The first of some in a line, each with its reason; `None` if there are none.
    pub fn list<'a>(some: impl Iterator<Item = &'a Self>) -> Option<String> {
        let all: Vec<String> = some.map(Self::to_string).collect();
        let (named, others) = all.split_at(all.len().min(MOST_NAMED));
        let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        (!named.is_empty()).then(|| named.join(", ") + &more)
    }

    fn name(&self) -> &str {
        self.place.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.place.escape_debug(), self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hidden => "hidden",
            Self::LeftBehind => "left behind by a program",
            Self::File => "a file that is no part of a track",
            Self::DanglingLink => "a link that leads nowhere",
            Self::Misspelt => "splits are called `train`, `dev` and `final`, in small letters",
            Self::NoSplit => "neither `train`, `dev` nor `final`",
            Self::NoScenario => "it holds no model in `train`, `dev` or `final`",
            Self::NoModel => "it holds no file of a model",
        })
    }
}

/// The models in the folder of a split; what else lies there goes to `strangers`. `place` is where the folder is.
fn models(split: &Entry, place: &str, strangers: &mut Vec<PassedOver>) -> Result<Vec<ModelFolder>, DirectoryError> {
    let mut models = Vec::new();
    for entry in entries(&split.path)? {
        let why = match closed(&entry)? {
            Some(why) => why,
            None if holds_a_model(&entry.path)? => {
                models.push(ModelFolder { name: entry.plain_name()?, path: entry.path });
                continue;
            }
            None => Why::NoModel,
        };
        strangers.push(PassedOver::new(&entry, place.to_owned(), why));
    }
    models.sort_by(|a, b| natural_order(&a.name, &b.name));
    Ok(models)
}

/// Why something is not looked into, whatever it holds.
fn closed(entry: &Entry) -> Result<Option<Why>, DirectoryError> {
    if entry.is_hidden() {
        return Ok(Some(Why::Hidden));
    }
    Ok(match entry.kind()? {
        Kind::Folder if names::is_left_behind(&entry.name) => Some(Why::LeftBehind),
        Kind::Folder => None,
        Kind::File => Some(Why::File),
        Kind::DanglingLink => Some(Why::DanglingLink),
    })
}

/// Whether a folder holds a file that shows it to be a model. A link to a file that was not fetched is one too: that
/// the file is not there is said by whoever needs it.
fn holds_a_model(folder: &Path) -> Result<bool, DirectoryError> {
    for entry in entry::unsorted(folder)? {
        let entry = entry?;
        if names::marks_a_model(&entry.name) && entry.kind()? != Kind::Folder {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_misspelt(name: &str) -> bool {
    Split::ALL.iter().any(|split| name.eq_ignore_ascii_case(split.as_str()))
}

/// The end of a sentence that names some of what was passed over.
fn named<'a>(passed_over: impl Iterator<Item = &'a PassedOver>) -> String {
    let list = PassedOver::list(passed_over.filter(|one| !one.is_hidden_file()));
    list.map_or_else(String::new, |list| format!("; passed over: {list}"))
}
