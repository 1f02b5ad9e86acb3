//! Which files leave, and in which archive. Names decide first, by the allow-list of `domain::release`; then
//! `leak_check` looks again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scoring::{RankingRule, Split, TrackShape};
use sha2::Digest;
use track_files::{
    CHALLENGE_NPZ, Entry, ModelFolder, REST_IDX, SEED_TRAINING, TRACK_YAML, TrackDirectory, TrackFolders,
};

use super::leak_check::{self, HiddenFiles};
use super::{ReleaseError, rest};
use crate::domain::release::{self, FileName, TrackKind};
use crate::domain::sha256::Sha256;

/// A track whose files have no more bytes than this is offered in one archive, too.
const MOST_IN_ONE: u64 = 2 << 30;

/// A file on its way into an archive.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Its path below the track's folder.
    pub(super) path: String,
    pub(super) source: Source,
    pub(super) size: u64,
}

/// Where the bytes of a file come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A file, and the nanosecond it was last changed in.
    File(PathBuf, i128),
    /// Bytes made for the release.
    Made(Vec<u8>),
}

/// A file of the release, before it is written.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) name: FileName,
    pub(super) scenario: Option<String>,
    pub(super) split: Option<Split>,
    pub(super) content: Content,
    /// Whether the other files hold what is in this one, too.
    pub(super) is_bundle: bool,
}

/// What a file of the release is made of.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// An archive of files in a folder with the track's name.
    Archive(String, Vec<Item>),
    /// One file as it is.
    Verbatim(Item),
}

impl Planned {
    pub(super) fn items(&self) -> &[Item] {
        match &self.content {
            Content::Archive(_, items) => items,
            Content::Verbatim(item) => std::slice::from_ref(item),
        }
    }

    /// Bytes that go into it, without what the archive adds.
    pub(super) fn size(&self) -> u64 {
        self.items().iter().map(|item| item.size).sum()
    }

    pub(super) fn is_verbatim(&self) -> bool {
        matches!(&self.content, Content::Verbatim(Item { source: Source::File(..), .. }))
    }

    /// A hash of the names, sizes and times of what it is made of.
    pub(super) fn fingerprint(&self) -> Sha256 {
        let mut hash = sha2::Sha256::new();
        let mut say = |text: &[u8]| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        say(b"callimico release 1");
        say(self.name.as_str().as_bytes());
        if let Content::Archive(folder, _) = &self.content {
            say(folder.as_bytes());
        }
        for item in self.items() {
            say(item.path.as_bytes());
            say(&item.size.to_le_bytes());
            match &item.source {
                Source::File(_, modified) => say(&modified.to_le_bytes()),
                Source::Made(bytes) => say(bytes),
            }
        }
        hash.into()
    }
}

/// What the organiser should know of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Remarks {
    /// Hidden files that stay, by name: how many.
    pub kept_back: BTreeMap<String, usize>,
    /// Files that stay because nothing says that they may leave.
    pub left_out: Vec<String>,
    /// Files with a name that may leave, which are hidden files all the same.
    pub disguised: Vec<String>,
    /// What looks like an oversight.
    pub doubts: Vec<String>,
}

/// What leaves a track's directory.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) files: Vec<Planned>,
    pub(super) remarks: Remarks,
}

/// Goes through the directory at `root`, which holds the track of this shape.
pub(super) fn directory(root: &Path, kind: TrackKind, directory: &TrackDirectory) -> Result<Inventory, ReleaseError> {
    let mut walk = Walk { kind, hidden: HiddenFiles::default(), found: Vec::new(), remarks: Remarks::default() };
    walk.beside_scenarios(&directory.folders)?;
    walk.strangers(&directory.folders)?;
    walk.ranking(directory.shape.ranking());
    for scenario in &directory.folders.scenarios {
        for split in Split::ALL {
            for model in scenario.models(split) {
                walk.model(&scenario.name, split, model)?;
            }
        }
    }
    let Walk { hidden, found, mut remarks, .. } = walk;
    let kept = keep_honest(root, directory, &hidden, found, &mut remarks)?;
    let files = archives(&directory.shape, kept, &mut remarks)?;
    if files.is_empty() {
        return Err(ReleaseError::Nothing(root.to_owned()));
    }
    Ok(Inventory { files, remarks })
}

/// Where in the track a file lies; `None` beside the scenarios.
type Home = Option<(String, Split, String)>;

struct Walk {
    kind: TrackKind,
    hidden: HiddenFiles,
    found: Vec<(Home, Item)>,
    remarks: Remarks,
}

impl Walk {
    fn beside_scenarios(&mut self, folders: &TrackFolders) -> Result<(), ReleaseError> {
        for entry in &folders.beside {
            if release::may_leave_root(&entry.name) {
                self.find(None, &entry.path, entry.name.clone())?;
            } else {
                // Of the track, and not for participants: settings, recipe, reports.
                self.hidden.add(&entry.path)?;
            }
        }
        Ok(())
    }

    /// Where the rule is not MICO's, participants get a `track.yaml` with it and nothing else, by which they can check
    /// and score what they send.
    fn ranking(&mut self, rule: RankingRule) {
        if rule != RankingRule::default() {
            let yaml = track_files::ranking_yaml(rule).into_bytes();
            let size = yaml.len() as u64;
            self.found.push((None, Item { path: TRACK_YAML.to_owned(), size, source: Source::Made(yaml) }));
        }
    }

    /// What is no part of the track's layout: copies, notes, other people's folders.
    fn strangers(&mut self, folders: &TrackFolders) -> Result<(), ReleaseError> {
        for stranger in folders.passed_over() {
            if !stranger.is_beside_scenarios() {
                self.remarks.left_out.push(stranger.place.clone());
            }
            self.hidden.add(&stranger.path)?;
        }
        Ok(())
    }

    fn model(&mut self, scenario: &str, split: Split, model: &ModelFolder) -> Result<(), ReleaseError> {
        let place = format!("{scenario}/{split}/{}", model.name);
        let home = || Some((scenario.to_owned(), split, model.name.clone()));
        let mut has_model = false;
        for Entry { name, path, .. } in track_files::entries(&model.path)? {
            if release::may_leave(self.kind, split, &name) {
                has_model |= release::is_model(&name);
                self.find(home(), &path, format!("{place}/{name}"))?;
                continue;
            }
            if leak_check::sounds_hidden(&name) && path.is_file() {
                *self.remarks.kept_back.entry(name).or_default() += 1;
            } else {
                self.remarks.left_out.push(format!("{place}/{name}"));
            }
            if split != Split::Train {
                self.hidden.add(&path)?;
            }
        }
        if !has_model {
            self.remarks.doubts.push(format!("{place} has no model"));
        }
        if split != Split::Train && self.kind == TrackKind::DpDistinguisher {
            match rest::rows(&model.path)? {
                Some(rows) => {
                    let path = format!("{place}/{REST_IDX}");
                    self.found.push((home(), Item { path, size: rows.len() as u64, source: Source::Made(rows) }));
                }
                None if model.path.join(SEED_TRAINING).is_file() => {}
                None => self.remarks.doubts.push(format!("{place} does not tell its training rows")),
            }
        }
        Ok(())
    }

    /// A file whose name may leave.
    fn find(&mut self, home: Home, path: &Path, name: String) -> Result<(), ReleaseError> {
        match fs::metadata(path) {
            Ok(found) if found.is_file() => {
                let source = Source::File(path.to_owned(), modified(&found, path)?);
                self.found.push((home, Item { path: name, source, size: found.len() }));
                Ok(())
            }
            // A folder, a pipe, or a link to nowhere, of a file's name.
            Ok(_) => {
                self.remarks.left_out.push(name);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.remarks.left_out.push(name);
                Ok(())
            }
            Err(error) => Err(ReleaseError::Unreadable(path.to_owned(), error)),
        }
    }
}

/// When a file was last changed, in nanoseconds since 1970.
pub(super) fn modified(found: &fs::Metadata, path: &Path) -> Result<i128, ReleaseError> {
    let time = found.modified().map_err(|error| ReleaseError::Unreadable(path.to_owned(), error))?;
    Ok(time::OffsetDateTime::from(time).unix_timestamp_nanos())
}

/// Passes on what is no hidden file under another name.
fn keep_honest(
    root: &Path,
    directory: &TrackDirectory,
    hidden: &HiddenFiles,
    found: Vec<(Home, Item)>,
    remarks: &mut Remarks,
) -> Result<Vec<(Home, Item)>, ReleaseError> {
    let mut kept = Vec::new();
    for (home, item) in found {
        let Source::File(path, _) = &item.source else {
            kept.push((home, item));
            continue;
        };
        let is_train = matches!(&home, Some((_, Split::Train, _)));
        let metadata = fs::metadata(path).map_err(|error| ReleaseError::Unreadable(path.clone(), error))?;
        // What is told of train models has the names of what is hidden elsewhere, and in a small track may be alike.
        let hidden = if is_train {
            hidden.contains(&metadata).then(|| "a hidden file by another way".to_owned())
        } else if hidden.is_reached_by(path, &metadata)? {
            Some("a hidden file by another way".to_owned())
        } else {
            let copied = hidden.copied_from(path, item.size)?;
            copied.map(|from| format!("the same bytes as {}", from.strip_prefix(root).unwrap_or(&from).display()))
        };
        if let Some(hidden) = hidden {
            remarks.disguised.push(format!("{} ({hidden})", item.path));
            continue;
        }
        let is_challenge = path.file_name().is_some_and(|name| name == CHALLENGE_NPZ);
        let is_pool = home.is_none() && path.extension().is_some_and(|extension| extension == "npz");
        if (is_challenge && !is_train) || is_pool {
            let solution = home.as_ref().and_then(|(scenario, split, model)| {
                directory.solutions.get(&(*split, scenario.clone(), model.clone())).map(Vec::as_slice)
            });
            leak_check::check_arrays(path, solution)?;
        }
        kept.push((home, item));
    }
    Ok(kept)
}

/// An archive a scenario and split, one for the pool, and one for everything where that is small.
fn archives(shape: &TrackShape, kept: Vec<(Home, Item)>, remarks: &mut Remarks) -> Result<Vec<Planned>, ReleaseError> {
    let slug = shape.slug();
    let of = |wanted: &dyn Fn(&Home) -> bool| -> Vec<Item> {
        kept.iter().filter(|(home, _)| wanted(home)).map(|(_, item)| item.clone()).collect()
    };
    let mut planned = Vec::new();
    let pool = of(&|home| home.is_none());
    if !pool.is_empty() {
        planned.push(archive(slug, &format!("{slug}-data"), pool)?);
    }
    for scenario in shape.scenarios() {
        for split in Split::ALL {
            let items = of(&|home| matches!(home, Some((name, of, _)) if name == scenario.name() && *of == split));
            if items.is_empty() {
                remarks.doubts.push(format!("{}/{split} has nothing for participants", scenario.name()));
                continue;
            }
            let archive = archive(slug, &format!("{}-{split}", scenario.name()), items)?;
            planned.push(Planned { scenario: Some(scenario.name().to_owned()), split: Some(split), ..archive });
        }
    }
    let all = of(&|_| true);
    if planned.len() > 1 && all.iter().map(|item| item.size).sum::<u64>() <= MOST_IN_ONE {
        planned.push(Planned { is_bundle: true, ..archive(slug, &format!("{slug}-all"), all)? });
    }
    Ok(planned)
}

fn archive(slug: &str, stem: &str, items: Vec<Item>) -> Result<Planned, ReleaseError> {
    let content = Content::Archive(slug.to_owned(), items);
    Ok(Planned {
        name: format!("{}.tar", plain(stem)).parse()?,
        scenario: None,
        split: None,
        content,
        is_bundle: false,
    })
}

/// A name with nothing in it that a file's name for participants must not have.
fn plain(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain: String = text.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if plain.starts_with(['-', '.']) { format!("_{plain}") } else { plain }
}
