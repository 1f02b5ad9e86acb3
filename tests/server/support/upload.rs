//! Uploads: a complete submission to the small track with a known score, ways to break it, and
//! forms that contain it.

use scoring::{Membership, Split};
use scoring_testkit::zip::{Item, Zip};

use super::track::{MODELS, POINTS, SCENARIOS, truth};

/// The files of a submission, by path.
#[derive(Clone)]
pub(crate) struct Upload {
    files: Vec<(String, Vec<u8>)>,
}

impl Upload {
    /// A complete submission that puts `hits` of the 15 members of each scenario and split above
    /// all non-members, and the other members below them: its ranking number is `hits / 15`.
    pub(crate) fn hitting(hits: usize) -> Self {
        Self::hitting_by_split(hits, hits)
    }

    /// The same with another number of hits on the final split.
    pub(crate) fn hitting_by_split(dev: usize, last: usize) -> Self {
        Self::build(|_, split| if split == Split::Dev { dev } else { last })
    }

    /// The same with the number of hits given scenario by scenario.
    pub(crate) fn hitting_by_scenario(hits: [usize; 2]) -> Self {
        Self::build(|scenario, _| hits[scenario])
    }

    fn build(hits: impl Fn(usize, Split) -> usize) -> Self {
        let mut files = Vec::new();
        for (number, scenario) in SCENARIOS.iter().enumerate() {
            for (split, models) in &MODELS[1..] {
                let mut point = 0;
                let mut members = 0;
                for model in *models {
                    let values = truth(scenario, model).map(|truth| {
                        point += 1;
                        let place = f64::from(point) / 1000.0;
                        if truth == Membership::NonMember {
                            return format!("{:.3}", 0.5 + place);
                        }
                        members += 1;
                        let base = if members <= hits(number, *split) { 0.9 } else { 0.1 };
                        format!("{:.3}", base + place)
                    });
                    files.push((path(scenario, *split, model), (values.join(",") + "\n").into_bytes()));
                }
            }
        }
        Self { files }
    }

    /// A complete submission in which every value of every file is this text.
    pub(crate) fn repeating(value: &str) -> Self {
        let line = [value; POINTS].join(",") + "\n";
        Self { files: Self::hitting(0).files.into_iter().map(|(path, _)| (path, line.clone().into_bytes())).collect() }
    }

    /// Replaces the content of one of its files, or adds a file.
    pub(crate) fn with(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref().to_vec();
        match self.files.iter_mut().find(|(known, _)| known == path) {
            Some((_, old)) => *old = content,
            None => self.files.push((path.to_owned(), content)),
        }
        self
    }

    /// Removes one of its files.
    pub(crate) fn without(mut self, path: &str) -> Self {
        let before = self.files.len();
        self.files.retain(|(known, _)| known != path);
        assert_eq!(self.files.len(), before - 1, "{path} is not part of a submission");
        self
    }

    /// Removes all files of a scenario.
    pub(crate) fn leaving_out(mut self, scenario: &str) -> Self {
        self.files.retain(|(known, _)| !known.starts_with(&format!("tiny/{scenario}/")));
        self
    }

    /// The zip's entries.
    pub(crate) fn items(&self) -> Vec<Item> {
        self.files.iter().map(|(path, content)| Item::deflated(path, content)).collect()
    }

    /// The zip.
    pub(crate) fn zip(&self) -> Vec<u8> {
        Zip::of(self.items()).bytes()
    }
}

/// Where a prediction belongs in a submission.
fn path(scenario: &str, split: Split, model: &str) -> String {
    format!("tiny/{scenario}/{split}/{model}/prediction.csv")
}

/// A `multipart/form-data` body, written by hand so that it can be wrong.
#[derive(Default)]
pub(crate) struct Form {
    body: Vec<u8>,
}

impl Form {
    pub(crate) const CONTENT_TYPE: &str = "multipart/form-data; boundary=the-boundary";

    /// Adds a file field.
    pub(crate) fn file(self, name: &str, bytes: &[u8]) -> Self {
        let head = format!("name=\"{name}\"; filename=\"predictions.zip\"\r\nContent-Type: application/zip");
        self.part(&head, bytes)
    }

    /// Adds a text field.
    pub(crate) fn text(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.part(&format!("name=\"{name}\""), text.as_ref())
    }

    /// Adds a part; `head` follows `Content-Disposition: form-data; `.
    pub(crate) fn part(mut self, head: &str, content: &[u8]) -> Self {
        self.body.extend(format!("--the-boundary\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes());
        self.body.extend(content);
        self.body.extend(b"\r\n");
        self
    }

    /// The body so far, without the closing boundary.
    pub(crate) fn cut_short(self) -> Vec<u8> {
        self.body
    }

    /// The complete body.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.body.extend(b"--the-boundary--\r\n");
        self.body
    }
}
