//! The commitment to a track's labels: published before anybody sends
//! anything, opened afterwards.
//!
//! `commitment.txt` has a line a target model, those of the dev split before
//! those of the final split, each in the order of the shape:
//!
//! ```text
//! <SHA-256, 64 hexadecimal digits>  <scenario>/<split>/<model>
//! ```
//!
//! The hash of a line is
//!
//! ```text
//! SHA-256( "callimico-labels-v1\n" || track || "\n" || scenario || "\n" || split || "\n" || model || "\n"
//!          || 32 random bytes, the salt || one byte a challenge point: 0x01 for a member, 0x00 for others )
//! ```
//!
//! and the root is the SHA-256 of the file, which `sha256sum commitment.txt`
//! computes. Without its salt a line tells nothing of the labels. Salts are
//! kept in `salts.json` ([`SaltsFile`]) and leave only in `opening.json`
//! ([`Opening`]), beside the labels.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::hexadecimal::{self, text_of_32_bytes};
use crate::shape::{Split, TrackShape, natural_order};
use crate::solution::Membership;

/// 32 random bytes that keep a line of the commitment from being guessed.
///
/// As secret as the labels, so its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

text_of_32_bytes!(Salt);

impl Salt {
    /// Takes 32 bytes, which the caller has from a cryptographic generator.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// Which target model: `<scenario>/<split>/<model>`, of the dev or the final
/// split. Ordered as the lines of a commitment are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelPath {
    /// The scenario's name.
    pub scenario: String,
    /// The split, dev or final.
    pub split: Split,
    /// The model's name.
    pub model: String,
}

impl ModelPath {
    /// The target models that a submission answers, in the order of the commitment's lines.
    pub fn of(shape: &TrackShape) -> impl Iterator<Item = Self> {
        Self::with_points(shape).map(|(path, _)| path)
    }

    /// The same with the number of each model's challenge points.
    fn with_points(shape: &TrackShape) -> impl Iterator<Item = (Self, usize)> {
        Split::SUBMITTED.into_iter().flat_map(move |split| {
            shape.scenarios().iter().flat_map(move |scenario| {
                scenario.models(split).iter().map(move |model| {
                    let path = Self { scenario: scenario.name().to_owned(), split, model: model.name.clone() };
                    (path, model.points)
                })
            })
        })
    }
}

impl fmt::Display for ModelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.scenario, self.split, self.model)
    }
}

impl FromStr for ModelPath {
    type Err = NotAModelPath;

    fn from_str(text: &str) -> Result<Self, NotAModelPath> {
        let wrong = || NotAModelPath(text.to_owned());
        let mut parts = text.split('/');
        let (Some(scenario), Some(split), Some(model), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let split: Split = split.parse().map_err(|_| wrong())?;
        let is_name = |name: &str| !name.is_empty() && !name.chars().any(|c| c.is_control());
        if !Split::SUBMITTED.contains(&split) || !is_name(scenario) || !is_name(model) {
            return Err(wrong());
        }
        Ok(Self { scenario: scenario.to_owned(), split, model: model.to_owned() })
    }
}

impl Ord for ModelPath {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.split, &self.scenario)
            .cmp(&(other.split, &other.scenario))
            .then_with(|| natural_order(&self.model, &other.model))
    }
}

impl PartialOrd for ModelPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for ModelPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The text names no target model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no target model; expected <scenario>/dev/<model> or <scenario>/final/<model>")]
pub struct NotAModelPath(String);

/// The hash of one line: the formula of the module's documentation.
#[must_use]
pub fn line_hash(track: &str, path: &ModelPath, salt: &Salt, labels: &[Membership]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in ["callimico-labels-v1", track, &path.scenario, path.split.as_str(), &path.model] {
        hash.update(text);
        hash.update("\n");
    }
    hash.update(salt.0);
    let bytes: Vec<u8> = labels.iter().map(|label| u8::from(*label == Membership::Member)).collect();
    hash.update(bytes);
    hash.finalize().into()
}

/// The lines of `commitment.txt`, at least one, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment(Vec<(ModelPath, [u8; 32])>);

impl Commitment {
    /// Commits to the labels of a whole track. `found` gives salt and labels of
    /// a model, `None` where there are none.
    ///
    /// # Errors
    /// A model without salt and labels, with another number of labels than the
    /// shape says, or no model at all.
    pub fn of(
        shape: &TrackShape,
        mut found: impl FnMut(&ModelPath) -> Option<(Salt, Vec<Membership>)>,
    ) -> Result<Self, CommitmentError> {
        let mut lines = Vec::new();
        for (path, points) in ModelPath::with_points(shape) {
            let (salt, labels) = found(&path).ok_or_else(|| CommitmentError::Missing(path.clone()))?;
            if labels.len() != points {
                return Err(CommitmentError::Points { path, found: labels.len(), expected: points });
            }
            let hash = line_hash(shape.slug(), &path, &salt, &labels);
            lines.push((path, hash));
        }
        if lines.is_empty() { Err(CommitmentError::Empty) } else { Ok(Self(lines)) }
    }

    /// Reads `commitment.txt`, strictly: these bytes and no others are what
    /// [`Self::text`] writes.
    ///
    /// # Errors
    /// No line, a line of another form, a model that stands twice, or lines out
    /// of order.
    pub fn parse(text: &[u8]) -> Result<Self, CommitmentTextError> {
        let text = str::from_utf8(text).map_err(|_| CommitmentTextError::NotUtf8)?;
        let mut lines: Vec<(ModelPath, [u8; 32])> = Vec::new();
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            let line = line.strip_suffix('\n').ok_or(CommitmentTextError::Form { line: number })?;
            let (hash, path) = line.split_once("  ").ok_or(CommitmentTextError::Form { line: number })?;
            let hash = hexadecimal::read(hash).map_err(|_| CommitmentTextError::Form { line: number })?;
            let path: ModelPath = path.parse().map_err(|_| CommitmentTextError::Form { line: number })?;
            match lines.last() {
                Some((last, _)) if *last >= path => return Err(CommitmentTextError::Order { line: number, path }),
                _ => lines.push((path, hash)),
            }
        }
        if lines.is_empty() { Err(CommitmentTextError::Empty) } else { Ok(Self(lines)) }
    }

    /// `commitment.txt`.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.iter().map(|(path, hash)| format!("{}  {path}\n", hex::encode(hash))).collect()
    }

    /// The root: the SHA-256 of `commitment.txt`.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        Sha256::digest(self.text()).into()
    }

    /// The models and their hashes, in the order of the lines.
    #[must_use]
    pub fn lines(&self) -> &[(ModelPath, [u8; 32])] {
        &self.0
    }

    /// Whether its models are those of a track, no more and no fewer.
    #[must_use]
    pub fn fits(&self, shape: &TrackShape) -> bool {
        ModelPath::of(shape).eq(self.0.iter().map(|(path, _)| path.clone()))
    }

    /// The models whose lines are not the same in both, those that only one of
    /// them has included.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<ModelPath> {
        let of = |commitment: &Self| commitment.0.iter().cloned().collect::<BTreeMap<_, _>>();
        let (ours, theirs) = (of(self), of(other));
        let mut paths: Vec<_> = ours.keys().chain(theirs.keys()).collect();
        paths.sort();
        paths.dedup();
        paths.into_iter().filter(|path| ours.get(path) != theirs.get(path)).cloned().collect()
    }
}

/// Why labels cannot be committed to. Says nothing of the labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitmentError {
    /// A model without salt or labels.
    #[error("there is no salt with labels for {0}")]
    Missing(ModelPath),
    /// Another number of labels than the model has challenge points.
    #[error("{path} has {found} labels for {expected} challenge points")]
    Points {
        /// The model.
        path: ModelPath,
        /// Labels found.
        found: usize,
        /// Challenge points of the model.
        expected: usize,
    },
    /// No model in the dev or the final split.
    #[error("there is no model in the dev or the final split")]
    Empty,
}

/// Why bytes are no `commitment.txt`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitmentTextError {
    /// Not UTF-8.
    #[error("the commitment is not UTF-8")]
    NotUtf8,
    /// No line at all.
    #[error("the commitment has no line")]
    Empty,
    /// Not `<hash>  <model>` and a line feed.
    #[error("line {line} of the commitment is not 64 hexadecimal digits, two blanks, a model and a line feed")]
    Form {
        /// Which line, from 1.
        line: u64,
    },
    /// A model twice, or in a place that is not its own.
    #[error(
        "line {line} of the commitment: {path} stands twice or too late; dev stands before final, models by number"
    )]
    Order {
        /// Which line, from 1.
        line: u64,
        /// Its model.
        path: ModelPath,
    },
}

/// The version of a file: 1, and nothing else can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version1;

impl Serialize for Version1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(1)
    }
}

impl<'de> Deserialize<'de> for Version1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(de::Error::custom(format_args!("this program reads version 1, not version {other}"))),
        }
    }
}

/// `salts.json`: the salts of a track, which stay with its organisers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaltsFile {
    /// 1.
    pub version: Version1,
    /// The track's slug.
    pub track: String,
    /// The salt of each model.
    #[serde(deserialize_with = "by_model")]
    pub salts: BTreeMap<ModelPath, Salt>,
}

impl SaltsFile {
    /// The salts of a track, one a model, in the order of the commitment.
    #[must_use]
    pub fn new(shape: &TrackShape, mut salt: impl FnMut() -> Salt) -> Self {
        let salts = ModelPath::of(shape).map(|path| (path, salt())).collect();
        Self { version: Version1, track: shape.slug().to_owned(), salts }
    }
}

/// `opening.json`: the salts and the labels of a track, for everybody to check
/// the commitment with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// 1.
    pub version: Version1,
    /// The track's slug.
    pub track: String,
    /// Salt and labels of each model.
    #[serde(deserialize_with = "by_model")]
    pub models: BTreeMap<ModelPath, OpenedModel>,
}

/// One model of an opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedModel {
    /// Its salt.
    pub salt: Salt,
    /// Its labels, `1` for a member and `0` for others, in the order of its challenge points.
    #[serde(serialize_with = "write_labels", deserialize_with = "read_labels")]
    pub labels: Vec<Membership>,
}

impl Opening {
    /// What these salts and labels commit to.
    ///
    /// # Errors
    /// An opening without models.
    pub fn commitment(&self) -> Result<Commitment, CommitmentError> {
        let lines = self.models.iter().map(|(path, model)| {
            let hash = line_hash(&self.track, path, &model.salt, &model.labels);
            (path.clone(), hash)
        });
        let lines: Vec<_> = lines.collect();
        if lines.is_empty() { Err(CommitmentError::Empty) } else { Ok(Commitment(lines)) }
    }

    /// Whether this is the opening of the commitment with this root.
    ///
    /// # Errors
    /// It has no models, or another root.
    pub fn verify(&self, root: &[u8; 32]) -> Result<(), OpeningError> {
        let found = self.commitment()?.root();
        if found == *root { Ok(()) } else { Err(OpeningError::Root { found, expected: *root }) }
    }
}

/// Why an opening is not that of a commitment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// It commits to nothing.
    #[error(transparent)]
    Commitment(#[from] CommitmentError),
    /// It commits to something else.
    #[error("salts and labels give the root {}, not {}", hex::encode(.found), hex::encode(.expected))]
    Root {
        /// The root of what the opening holds.
        found: [u8; 32],
        /// The root that was published.
        expected: [u8; 32],
    },
}

fn write_labels<S: Serializer>(labels: &[Membership], serializer: S) -> Result<S::Ok, S::Error> {
    let text: String = labels.iter().map(|label| if *label == Membership::Member { '1' } else { '0' }).collect();
    serializer.serialize_str(&text)
}

fn read_labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Membership>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let label = |c| match c {
        '0' => Ok(Membership::NonMember),
        '1' => Ok(Membership::Member),
        _ => Err(de::Error::custom("labels are the digits 0 and 1")),
    };
    text.chars().map(label).collect()
}

/// Reads an object of models; one that stands twice is an error.
fn by_model<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<ModelPath, T>, D::Error> {
    struct Models<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Models<T> {
        type Value = BTreeMap<ModelPath, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of target models")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut models = BTreeMap::new();
            while let Some(path) = map.next_key::<ModelPath>()? {
                match models.entry(path) {
                    Entry::Vacant(place) => _ = place.insert(map.next_value()?),
                    Entry::Occupied(place) => {
                        return Err(de::Error::custom(format_args!("{} stands twice", place.key())));
                    }
                }
            }
            Ok(models)
        }
    }
    deserializer.deserialize_map(Models(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{ScenarioShape, TargetModel};
    use Membership::{Member, NonMember};

    // Made with Python: `hashlib.sha256` over the formula of the module's documentation, and over the file.
    const LINES: [&str; 4] = [
        "c420c6f6e66a2c1c7325d58be89b35505493f3d9745ae0c544772f97e1589b7e  hi/dev/model_2\n",
        "064f3c91d643b7d9de3b74cf82f52688d05315f1c59a363732c0a670e641570c  hi/dev/model_10\n",
        "28970a435a230f88d2dff4282206eeff9bd968dc2097433fefd0b46b27b9912f  lo/dev/model_3\n",
        "7188e528656cf8dee6db92bf1def3b8ddc47f8ded1c4dd578dccd228dd2ca1be  hi/final/model_11\n",
    ];
    const ROOT: &str = "980ca1ef55286fdac5c690df1333a309c49a45bc49fa6d145bffa19308ec3ed2";

    fn shape() -> TrackShape {
        let models = |names: &[&str]| -> Vec<TargetModel> {
            names.iter().map(|name| TargetModel { name: (*name).to_owned(), points: 2 }).collect()
        };
        let hi = ScenarioShape::new(
            "hi",
            [
                (Split::Train, models(&["model_0"])),
                (Split::Dev, models(&["model_10", "model_2"])),
                (Split::Final, models(&["model_11"])),
            ],
        );
        TrackShape::new("digits", vec![hi, ScenarioShape::new("lo", [(Split::Dev, models(&["model_3"]))])])
            .expect("a good shape")
    }

    /// Each model its own salt and labels, by its place.
    fn opening() -> Opening {
        let model = |place: usize| OpenedModel {
            salt: Salt::from_bytes([place as u8; 32]),
            labels: if place.is_multiple_of(2) { vec![NonMember, Member] } else { vec![Member, NonMember] },
        };
        let shape = shape();
        let models = ModelPath::of(&shape).enumerate().map(|(place, path)| (path, model(place)));
        Opening { version: Version1, track: "digits".to_owned(), models: models.collect() }
    }

    fn commitment() -> Commitment {
        let opening = opening();
        let found = |path: &ModelPath| opening.models.get(path).map(|model| (model.salt.clone(), model.labels.clone()));
        Commitment::of(&shape(), found).expect("a whole track")
    }

    #[test]
    fn hashes_are_those_of_another_program() {
        assert_eq!(commitment().text(), LINES.concat());
        assert_eq!(hex::encode(commitment().root()), ROOT);
    }

    #[test]
    fn an_opening_is_that_of_its_commitment_alone() {
        let root = commitment().root();
        assert_eq!(opening().verify(&root), Ok(()));
        let changes: [&dyn Fn(&mut Opening); 6] = [
            &|opening| opening.track = "digit".to_owned(),
            &|opening| opening.models.values_mut().next().expect("a model").labels[0] = Member,
            &|opening| opening.models.values_mut().next().expect("a model").salt = Salt::from_bytes([9; 32]),
            &|opening| opening.models.values_mut().next().expect("a model").labels.push(Member),
            &|opening| _ = opening.models.pop_first(),
            &|opening| opening.models.clear(),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut opening = opening();
            change(&mut opening);
            assert!(opening.verify(&root).is_err(), "change {number}");
        }
    }

    #[test]
    fn the_models_that_differ_are_named() {
        let mut other = opening();
        let path: ModelPath = "hi/final/model_11".parse().expect("a model");
        other.models.get_mut(&path).expect("the model").labels = vec![Member, Member];
        let gone = other.models.pop_first().expect("a model").0;
        let other = other.commitment().expect("models");
        assert_eq!(commitment().differences(&other), [gone, path]);
        assert_eq!(commitment().differences(&commitment()), []);
    }

    #[test]
    fn a_track_is_committed_to_as_a_whole() {
        let opening = opening();
        let error = Commitment::of(&shape(), |path| {
            let model = opening.models.get(path).filter(|_| path.split == Split::Dev)?;
            Some((model.salt.clone(), model.labels.clone()))
        });
        assert_eq!(error, Err(CommitmentError::Missing("hi/final/model_11".parse().expect("a model"))));
        let error = Commitment::of(&shape(), |_| Some((Salt::from_bytes([0; 32]), vec![Member])));
        assert!(matches!(error, Err(CommitmentError::Points { found: 1, expected: 2, .. })));
    }

    #[test]
    fn the_file_is_read_strictly() {
        let text = LINES.concat();
        let read = Commitment::parse(text.as_bytes()).expect("a good file");
        assert_eq!(read, commitment());
        assert!(read.fits(&shape()));
        let form = |line| Err(CommitmentTextError::Form { line });
        assert_eq!(Commitment::parse(b""), Err(CommitmentTextError::Empty));
        assert_eq!(Commitment::parse(b"\xff\n"), Err(CommitmentTextError::NotUtf8));
        assert_eq!(Commitment::parse(&text.as_bytes()[..text.len() - 1]), form(4));
        assert_eq!(Commitment::parse(text.replace("  ", " ").as_bytes()), form(1));
        assert_eq!(
            Commitment::parse(text.replace("\n", "\r\n").as_bytes()).map(|_| ()),
            Err(CommitmentTextError::Form { line: 1 })
        );
        assert_eq!(Commitment::parse(text.to_uppercase().as_bytes()), form(1));
        assert_eq!(Commitment::parse(text.replace("/dev/", "/train/").as_bytes()), form(1));
        assert_eq!(Commitment::parse((text.clone() + "\n").as_bytes()), form(5));
        for (first, second) in [(0, 0), (0, 1), (2, 3), (0, 3)] {
            let bytes = [LINES[second], LINES[first]].concat();
            assert!(matches!(Commitment::parse(bytes.as_bytes()), Err(CommitmentTextError::Order { line: 2, .. })));
        }
        let part = Commitment::parse(LINES[1..].concat().as_bytes()).expect("a file");
        assert!(!part.fits(&shape()));
    }

    #[test]
    fn files_survive_being_written() {
        let text = serde_json::to_string(&opening()).expect("JSON");
        assert!(text.starts_with(r#"{"version":1,"track":"digits","models":{"hi/dev/model_2":{"salt":"00"#), "{text}");
        assert!(text.contains(r#""labels":"01""#), "{text}");
        assert_eq!(serde_json::from_str::<Opening>(&text).expect("readable"), opening());
        let mut next = 0;
        let salts = SaltsFile::new(&shape(), || {
            next += 1;
            Salt::from_bytes([next; 32])
        });
        let text = serde_json::to_string(&salts).expect("JSON");
        assert_eq!(salts.salts.len(), 4);
        assert_eq!(serde_json::from_str::<SaltsFile>(&text).expect("readable"), salts);
    }

    #[test]
    fn files_are_read_strictly() {
        let salt = "00".repeat(32);
        let salts = |models: &str| format!(r#"{{"version":1,"track":"t","salts":{{{models}}}}}"#);
        let read = |text: &str| serde_json::from_str::<SaltsFile>(text).map_err(|error| error.to_string());
        assert!(read(&salts(&format!(r#""s/dev/m":"{salt}""#))).is_ok());
        for (text, why) in [
            (salts(&format!(r#""s/dev/m":"{salt}","s/dev/m":"{salt}""#)), "s/dev/m stands twice"),
            (salts(&format!(r#""s/train/m":"{salt}""#)), "no target model"),
            (salts(&format!(r#""s/dev":"{salt}""#)), "no target model"),
            (salts(&format!(r#""s/dev/m/x":"{salt}""#)), "no target model"),
            (salts(r#""s/dev/m":"00""#), "64 hexadecimal digits"),
            (salts("").replace('1', "2"), "not version 2"),
            (salts("").replace(r#""t","#, r#""t","more":1,"#), "unknown field"),
        ] {
            let error = read(&text).expect_err(&text);
            assert!(error.contains(why), "{error}");
        }
        let opening =
            format!(r#"{{"version":1,"track":"t","models":{{"s/dev/m":{{"salt":"{salt}","labels":"012"}}}}}}"#);
        let error = serde_json::from_str::<Opening>(&opening).expect_err("2 is no label").to_string();
        assert!(error.contains("the digits 0 and 1"), "{error}");
    }

    #[test]
    fn what_is_debugged_shows_no_salt() {
        assert_eq!(format!("{:?}", Salt::from_bytes([1; 32])), "Salt(…)");
    }
}
