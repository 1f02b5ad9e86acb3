//! Five small attacks on a track that [`train`](super::train) made: entries for the demo's board.
//!
//! They read what participants are given and nothing else: models and challenge points of all splits, and of the
//! train split the rows each model was trained on. No hidden file is ever opened. Each attack gives the zip of a
//! whole submission. The reference baseline for real tracks is another program.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scoring::Split;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::npz::{NpzError, NpzReader, RawArray};

use super::network::Network;
use super::onnx::{self, OnnxError};

/// Why an attack could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum AttackError {
    /// A file or folder of the track could not be read.
    #[error("cannot read {path}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An array file of the track is broken.
    #[error("cannot read {path}")]
    Array {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: NpzError,
    },
    /// A model of the track cannot be read.
    #[error("cannot read {path}")]
    Model {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: OnnxError,
    },
    /// The challenge points of a model do not fit the model.
    #[error("{0} does not fit its model")]
    Mismatch(PathBuf),
    /// The submission could not be packed.
    #[error("cannot write the submission")]
    Zip(#[from] ZipError),
}

/// A track as a participant knows it, read into memory.
pub struct PublicTrack {
    slug: String,
    scenarios: Vec<Scenario>,
}

struct Scenario {
    name: String,
    /// Dev, then final.
    splits: Vec<(Split, Vec<Target>)>,
    /// What the shadows say of every row that is a challenge point anywhere.
    rows: BTreeMap<i64, Elsewhere>,
    variances: Variances,
}

/// What the models of the train split say of one row of the pool.
#[derive(Default)]
struct Elsewhere {
    /// By models that were trained on it.
    seen: Vec<Signal>,
    /// By the others.
    unseen: Vec<Signal>,
}

/// What one model says of one record with its true class.
#[derive(Clone, Copy)]
struct Signal {
    /// The cross-entropy.
    loss: f64,
    /// The logit of its class less the logarithm of the others' sum of exponentials: the log-odds of the class.
    odds: f64,
}

/// How far the log-odds of a record spread over models, pooled over the records of a scenario.
#[derive(Clone, Copy)]
struct Variances {
    seen: f64,
    unseen: f64,
}

/// A model of the train split, and the rows of the pool it was trained on, ascending.
struct Shadow {
    network: Network,
    trained_on: Vec<i64>,
}

/// A model that is attacked.
struct Target {
    name: String,
    network: Network,
    points: Points,
}

/// Challenge points: `x` [n, d] row by row, their classes, and their rows in the pool.
struct Points {
    x: Vec<f32>,
    y: Vec<usize>,
    rows: Vec<i64>,
}

impl PublicTrack {
    /// Reads the track directory at `path`, whose last part is the track's slug.
    ///
    /// # Errors
    /// [`AttackError`].
    pub fn read(path: &Path) -> Result<Self, AttackError> {
        let slug = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // Beside the scenarios may stand pages and other folders.
        let mut folders = subfolders(path)?;
        folders.retain(|name| path.join(name).join(Split::Train.as_str()).is_dir());
        let scenarios = folders.iter().map(|name| Scenario::read(path, name)).collect::<Result<_, _>>()?;
        Ok(Self { slug, scenarios })
    }

    /// The attack of MICO's starting kit: the smaller the model's loss on a point, the likelier a member.
    ///
    /// # Errors
    /// [`AttackError::Zip`].
    pub fn loss_threshold(&self) -> Result<Vec<u8>, AttackError> {
        self.submission(|_, target| target.gains(), ranks)
    }

    /// The loss threshold with confidences rounded to `levels` steps, so that many points tie.
    ///
    /// # Errors
    /// [`AttackError::Zip`].
    pub fn quantised(&self, levels: u32) -> Result<Vec<u8>, AttackError> {
        let coarse = |scores: &[f64]| {
            let levels = f64::from(levels.max(1));
            ranks(scores).into_iter().map(|rank| ((rank * levels).floor() + 0.5) / levels).collect()
        };
        self.submission(|_, target| target.gains(), coarse)
    }

    /// The loss compared with what the point's loss is elsewhere: the mean over the train models that were not
    /// trained on it. A point that is easy for everyone is no sign of membership.
    ///
    /// Difficulty calibration: L. Watson, C. Guo, G. Cormode and A. Sablayrolles, "On the Importance of Difficulty
    /// Calibration in Membership Inference Attacks", ICLR 2022.
    ///
    /// # Errors
    /// [`AttackError::Zip`].
    pub fn calibrated(&self) -> Result<Vec<u8>, AttackError> {
        self.submission(Scenario::calibrated, ranks)
    }

    /// How much likelier the point's confidence is under a normal distribution fitted to the train models that were
    /// trained on it than under one fitted to the others; their variances are those of the whole scenario.
    ///
    /// Likelihood ratio attack: N. Carlini et al., "Membership Inference Attacks From First Principles", S&P 2022.
    ///
    /// # Errors
    /// [`AttackError::Zip`].
    pub fn likelihood_ratio(&self) -> Result<Vec<u8>, AttackError> {
        self.submission(Scenario::likelihood_ratios, ranks)
    }

    /// Confidences drawn at random from `seed`: what no attack at all looks like.
    ///
    /// # Errors
    /// [`AttackError::Zip`].
    pub fn noise(&self, seed: u64) -> Result<Vec<u8>, AttackError> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let noise = |_: &Scenario, target: &Target| {
            // 32 random bits are exact in an f64.
            target.points.y.iter().map(|_| f64::from(rng.next_u32())).collect()
        };
        self.submission(noise, ranks)
    }

    /// Packs the zip: `score` gives every point of a target a score, the greater the likelier a member, and
    /// `confidences` turns all scores of a scenario and split into confidences at once, because one threshold will
    /// hold for all of them.
    fn submission(
        &self,
        mut score: impl FnMut(&Scenario, &Target) -> Vec<f64>,
        confidences: impl Fn(&[f64]) -> Vec<f64>,
    ) -> Result<Vec<u8>, AttackError> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default());
        for scenario in &self.scenarios {
            for (split, targets) in &scenario.splits {
                let scores: Vec<f64> = targets.iter().flat_map(|target| score(scenario, target)).collect();
                let mut confidences = confidences(&scores).into_iter();
                for target in targets {
                    let path = format!("{}/{}/{split}/{}/prediction.csv", self.slug, scenario.name, target.name);
                    archive.start_file(path, options)?;
                    let values = confidences.by_ref().take(target.points.y.len());
                    let line = values.map(|value| value.to_string()).collect::<Vec<_>>().join(",") + "\n";
                    archive.write_all(line.as_bytes()).map_err(ZipError::Io)?;
                }
            }
        }
        Ok(archive.finish()?.into_inner())
    }
}

impl Scenario {
    fn read(track: &Path, name: &str) -> Result<Self, AttackError> {
        let folder = track.join(name);
        let train = folder.join(Split::Train.as_str());
        let shadows: Vec<Shadow> =
            subfolders(&train)?.iter().map(|model| Shadow::read(&train.join(model))).collect::<Result<_, _>>()?;
        let splits = Split::SUBMITTED.into_iter().map(|split| {
            let folder = folder.join(split.as_str());
            let models = subfolders(&folder)?;
            let targets = models.iter().map(|model| Target::read(&folder, model)).collect::<Result<_, _>>()?;
            Ok((split, targets))
        });
        let splits = splits.collect::<Result<Vec<_>, AttackError>>()?;
        let rows = elsewhere(&shadows, splits.iter().flat_map(|(_, targets)| targets));
        let variances = Variances {
            seen: pooled_variance(rows.values().map(|row| &row.seen)),
            unseen: pooled_variance(rows.values().map(|row| &row.unseen)),
        };
        Ok(Self { name: name.to_owned(), splits, rows, variances })
    }

    fn calibrated(&self, target: &Target) -> Vec<f64> {
        let scores = target.points.rows.iter().zip(target.signals()).map(|(row, own)| {
            // A point that all of them were trained on keeps its own loss.
            let unseen = self.rows.get(row).and_then(|row| mean(row.unseen.iter().map(|signal| signal.loss)));
            unseen.unwrap_or(0.0) - own.loss
        });
        scores.collect()
    }

    fn likelihood_ratios(&self, target: &Target) -> Vec<f64> {
        let Variances { seen: variance_seen, unseen: variance_unseen } = self.variances;
        let scores = target.points.rows.iter().zip(target.signals()).map(|(row, own)| {
            let odds = |signals: &Vec<Signal>| mean(signals.iter().map(|signal| signal.odds));
            let means = self.rows.get(row).map(|row| (odds(&row.seen), odds(&row.unseen)));
            // Where one side is missing there is nothing to compare with.
            let Some((Some(seen), Some(unseen))) = means else { return 0.0 };
            (variance_unseen / variance_seen).ln() / 2.0 + (own.odds - unseen).powi(2) / (2.0 * variance_unseen)
                - (own.odds - seen).powi(2) / (2.0 * variance_seen)
        });
        scores.collect()
    }
}

/// Every row that is a challenge point of a target, and what each shadow says of it.
fn elsewhere<'a>(shadows: &[Shadow], targets: impl Iterator<Item = &'a Target>) -> BTreeMap<i64, Elsewhere> {
    let mut points: BTreeMap<i64, (&[f32], usize)> = BTreeMap::new();
    for Target { points: Points { x, y, rows }, .. } in targets {
        let records = x.chunks(x.len() / y.len());
        points.extend(rows.iter().copied().zip(records.zip(y.iter().copied())));
    }
    let all = Points {
        x: points.values().flat_map(|(record, _)| *record).copied().collect(),
        y: points.values().map(|(_, class)| *class).collect(),
        rows: points.keys().copied().collect(),
    };
    let mut rows: BTreeMap<i64, Elsewhere> = all.rows.iter().map(|&row| (row, Elsewhere::default())).collect();
    for shadow in shadows {
        for (signal, (row, elsewhere)) in signals(&shadow.network, &all).into_iter().zip(&mut rows) {
            let seen = shadow.trained_on.binary_search(row).is_ok();
            if seen { &mut elsewhere.seen } else { &mut elsewhere.unseen }.push(signal);
        }
    }
    rows
}

/// The variance of the log-odds within a record, over all records; 1 where there is none to speak of.
fn pooled_variance<'a>(records: impl Iterator<Item = &'a Vec<Signal>>) -> f64 {
    let (mut squares, mut freedom) = (0.0, 0.0);
    for signals in records {
        let Some(mean) = mean(signals.iter().map(|signal| signal.odds)) else { continue };
        squares += signals.iter().map(|signal| (signal.odds - mean).powi(2)).sum::<f64>();
        freedom += signals.len() as f64 - 1.0;
    }
    if squares > 0.0 && freedom > 0.0 { squares / freedom } else { 1.0 }
}

/// `None` of nothing.
fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

impl Shadow {
    fn read(folder: &Path) -> Result<Self, AttackError> {
        let path = folder.join("train_idx.npy");
        let bytes = read_file(&path)?;
        let rows = RawArray::read(bytes.as_slice()).and_then(|array| array.integers());
        let mut trained_on: Vec<i64> =
            rows.map_err(|source| AttackError::Array { path, source })?.into_iter().collect();
        trained_on.sort_unstable();
        Ok(Self { network: read_model(folder)?, trained_on })
    }
}

impl Target {
    fn read(split: &Path, name: &str) -> Result<Self, AttackError> {
        let folder = split.join(name);
        let network = read_model(&folder)?;
        let path = folder.join("challenge.npz");
        let points = read_points(&path).map_err(|source| AttackError::Array { path: path.clone(), source })?;
        let widths = network.widths();
        let fits = !points.y.is_empty()
            && points.x.len() == points.y.len() * widths.inputs
            && points.rows.len() == points.y.len()
            && points.y.iter().all(|&class| class < widths.classes);
        if !fits {
            return Err(AttackError::Mismatch(path));
        }
        Ok(Self { name: name.to_owned(), network, points })
    }

    fn signals(&self) -> Vec<Signal> {
        signals(&self.network, &self.points)
    }

    /// Its losses with the sign changed: a small loss means a member.
    fn gains(&self) -> Vec<f64> {
        self.signals().iter().map(|signal| -signal.loss).collect()
    }
}

fn read_model(folder: &Path) -> Result<Network, AttackError> {
    let path = folder.join("model.onnx");
    onnx::read(&read_file(&path)?).map_err(|source| AttackError::Model { path, source })
}

fn read_points(path: &Path) -> Result<Points, NpzError> {
    let mut file = NpzReader::open(path)?;
    let x = file.get("x")?.floats()?.iter().copied().collect();
    // A negative class becomes one that no model has, which the caller refuses.
    let y = file.get("y")?.integers()?.iter().map(|&class| usize::try_from(class).unwrap_or(usize::MAX)).collect();
    let rows = file.get("idx")?.integers()?.iter().copied().collect();
    Ok(Points { x, y, rows })
}

fn read_file(path: &Path) -> Result<Vec<u8>, AttackError> {
    fs::read(path).map_err(|source| AttackError::Io { path: path.to_owned(), source })
}

/// The names of the folders within `path`, those that end in numbers by number.
fn subfolders(path: &Path) -> Result<Vec<String>, AttackError> {
    let failed = |source| AttackError::Io { path: path.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_by_cached_key(|name| {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        (stem.to_owned(), name[stem.len()..].parse::<u64>().ok(), name.clone())
    });
    Ok(names)
}

/// The signals of each point, from logits and with the maximum taken out, in double precision.
fn signals(network: &Network, points: &Points) -> Vec<Signal> {
    let logits = network.logits(&points.x);
    let rows = logits.chunks(network.widths().classes).zip(&points.y);
    let signals = rows.map(|(row, &class)| {
        let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let exponential = |&logit: &f32| (f64::from(logit) - largest).exp();
        let others = row.iter().enumerate().filter(|&(other, _)| other != class);
        let others: f64 = others.map(|(_, logit)| exponential(logit)).sum();
        let own = f64::from(row[class]) - largest;
        // Another class' exponential is 1 or the class' own is, and then the others' sum may be 0.
        Signal { loss: (others + own.exp()).ln() - own, odds: own - others.max(f64::MIN_POSITIVE).ln() }
    });
    signals.collect()
}

/// Confidences in (0, 1) in the order of `scores`: (average rank - 0.5) / n, equal scores sharing a rank.
fn ranks(scores: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let mut ranks = vec![0.0; scores.len()];
    let mut below = 0;
    for equal in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        // The ranks below + 1 to below + k average to below + (k + 1) / 2.
        let average = below as f64 + equal.len() as f64 / 2.0;
        for &point in equal {
            ranks[point] = average / scores.len() as f64;
        }
        below += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_share_the_average_of_their_ranks() {
        assert_eq!(ranks(&[5.0, -1.0, 5.0, 7.0]), [0.5, 0.125, 0.5, 0.875]);
        assert!(ranks(&[]).is_empty());
    }
}
