//! The demo: it runs the real trainer and importer, submits as participants do, and scores with the
//! real workers. Nothing is faked or prepared in advance, but for the dates of the track that has ended. What one run has made, the next one
//! reuses.

mod ended;

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, ensure};
use axum::body::Bytes;
use futures_util::stream;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scoring::{ScenarioShape, Split};

use crate::app::App;
use crate::domain::account::UserName;
use crate::domain::slug::TrackPath;
use crate::importer::apply::{self, FinalLabels, Mode, Request, SaidOfRanking};
use crate::release;
use crate::secret;
use crate::service::accounts::{self, NewAccount};
use crate::service::competition::{self, Wanted};
use crate::service::lifecycle::{By, OpeningLabels};
use crate::service::submit::{self, Details};
use crate::service::{enrol, lifecycle};
use crate::store;
use crate::store::track::Track;
use crate::store::user::User;
use crate::worker;
use lira::statistic::{Calibration, Variances};
use lira::{self, Attack, AttackChoice, DeviceChoice, Library, PublicTrack, Runtime, Settings};
use trainer::{self, Dataset, ResumePolicy, RunOptions, TrainPlan};

const TRACK: &str = "demo/digits";
/// The key under which each participant submits once.
const KEY: &str = "demo";
/// The account that organises.
const KEEPER: &str = "keeper";
const PAGES: [(&str, &str); 4] = [
    ("overview.md", include_str!("pages/overview.md")),
    ("evaluation.md", include_str!("pages/evaluation.md")),
    ("data.md", include_str!("pages/data.md")),
    ("terms.md", include_str!("pages/terms.md")),
];

/// What the demo has made, and how to use it.
#[derive(Debug)]
pub struct Summary {
    /// The track that is open.
    pub track: TrackPath,
    /// The one that has ended.
    pub ended: TrackPath,
    /// The track's directory.
    pub directory: std::path::PathBuf,
    /// The password of all demo accounts, new at each start.
    pub password: String,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nLog in as `visitor` to submit, or as `keeper` to organise; the password is {}", self.password)?;
        writeln!(f, "A zip to try:   {}", self.directory.with_file_name("try-me.zip").display())?;
        write!(f, "The track's files: {}", self.directory.display())?;
        writeln!(f)
    }
}

/// An entry on the demo's board.
struct Entry {
    participant: &'static str,
    description: &'static str,
    archive: Vec<u8>,
}

/// Makes whatever is missing of the demo under `folder`; `progress` is called with messages on what
/// is being done.
///
/// # Errors
/// A step fails; another run continues where it stopped.
pub async fn make(app: &App, folder: &Path, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Summary> {
    let path: TrackPath = TRACK.parse()?;
    // First, so that a missing library is reported before anything is made.
    let library = Library::load()?;
    let directory = folder.join(path.track.as_str());
    train_and_import(app, &directory, &path, trainer::demo_plan(), progress).await?;
    let track = open(app, &path).await?;

    let password = secret::generate("")?[..12].to_owned();
    for (name, staff) in [(KEEPER, true), ("visitor", false)] {
        let user = account(app, name, &password, staff).await?;
        if !staff {
            enrol::accepting_terms(app, &track, &user).await?;
        }
    }
    progress("attacking its networks with the reference baseline …");
    let attacks = {
        let (directory, cache) = (directory.clone(), folder.join("signals"));
        let library = library.clone();
        tokio::task::spawn_blocking(move || entries(&directory, &cache, library)).await??
    };
    for entry in &attacks {
        let user = account(app, entry.participant, &password, false).await?;
        if submit_once(app, &track, &user, entry).await? {
            progress(&format!("submitted {}: {}", entry.participant, entry.description));
        }
    }
    let scored = worker::drain(app).await?;
    if !scored.is_empty() {
        progress(&format!("scored {} submissions", scored.len()));
    }
    let try_me = folder.join("try-me.zip");
    let archive = attacks.last().map(|entry| entry.archive.as_slice()).unwrap_or_default();
    fs::write(&try_me, archive).with_context(|| format!("cannot write {}", try_me.display()))?;
    let ended = ended::make(app, folder, &password, library, progress).await?;
    // What is open comes first.
    let wanted = Wanted { tracks: Some(vec![path.track.clone()]), ..Wanted::default() };
    competition::change(app, &path.competition, wanted, By::default()).await?;
    Ok(Summary { track: path, ended, directory, password })
}

/// Trains the networks of a track, if that was not done before, and imports them with the archives for participants.
async fn train_and_import(
    app: &App,
    directory: &Path,
    path: &TrackPath,
    plan: TrainPlan,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    if !directory.is_dir() {
        progress(&format!("training {} small networks on handwritten digits …", plan.model_count()));
        let target = directory.to_owned();
        if let Some(folder) = directory.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        tokio::task::spawn_blocking(move || {
            let options = RunOptions {
                resume: ResumePolicy::ResumeOrRestart,
                threads: trainer::all_cores(),
                stop: &AtomicBool::new(false),
            };
            trainer::train(&plan, &Dataset::digits()?, &target, options, &mut |_| {})
                .context("cannot train the demo's networks")
        })
        .await??;
    }
    write_pages(directory)?;
    let request = Request {
        track: path.clone(),
        title: None,
        ranking: SaidOfRanking::default(),
        mode: Mode::Apply,
        final_labels: FinalLabels::Needed(None),
    };
    progress(&format!("importing them as the track {path} …"));
    apply::track_directory(app, directory, &request).await?;
    let released = release::Request { track: path.clone(), from: Some(directory.to_owned()), verbatim: Vec::new() };
    release::make(app, &released, &Arc::default(), &mut |_| {})
        .await
        .context("cannot make the participants' archives")?;
    Ok(())
}

fn write_pages(directory: &Path) -> anyhow::Result<()> {
    let pages = directory.join("pages");
    fs::create_dir_all(&pages).with_context(|| format!("cannot make {}", pages.display()))?;
    for (name, text) in PAGES {
        fs::write(pages.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

/// The attacks, the best one last. They read only what participants get, and cache the networks'
/// outputs in `cache`.
fn entries(directory: &Path, cache: &Path, library: Library) -> anyhow::Result<Vec<Entry>> {
    let slug = TRACK.parse::<TrackPath>()?.track;
    let track = PublicTrack::read(directory, slug.as_str(), None)?;
    // The same board everywhere.
    let runtime = library.with_device(DeviceChoice::Cpu, false)?;
    let attack = |choice| attack(&track, &runtime, cache, choice);
    let entry = |participant, description, archive| Entry { participant, description, archive };
    Ok(vec![
        entry("noise", "confidences drawn at random", noise(&track)?),
        entry(
            "loss_threshold",
            "the starting kit: a small loss means a member",
            attack(AttackChoice::One(Attack::Loss))?,
        ),
        entry(
            "calibrated",
            "the confidence against that of networks trained on the point",
            attack(AttackChoice::One(Attack::Calibrated(Calibration::Confidence)))?,
        ),
        entry(
            "lira_offline",
            "the likelihood of networks not trained on the point",
            attack(AttackChoice::One(Attack::Offline(Variances::Shrunk)))?,
        ),
        entry(
            "lira",
            "the reference baseline: on each scenario what does best on the train models",
            attack(AttackChoice::Best)?,
        ),
    ])
}

fn attack(track: &PublicTrack, runtime: &Runtime, cache: &Path, choice: AttackChoice) -> anyhow::Result<Vec<u8>> {
    let settings = Settings { attack: choice, cache: Some(cache.to_owned()), evaluate_train: false };
    let stop = AtomicBool::new(false);
    let options = lira::RunOptions { threads: trainer::all_cores(), batch: None, stop: &stop };
    let outcome = lira::run(track, runtime, &settings, options, &mut |_| {})?;
    Ok(outcome.archive(track.shape())?)
}

/// A submission of random confidences, as a baseline.
fn noise(track: &PublicTrack) -> anyhow::Result<Vec<u8>> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let of_scenario = |scenario: &ScenarioShape| {
        Split::SUBMITTED.map(|split| {
            // An f64 represents any 32-bit integer exactly.
            let scores: Vec<f64> = (0..scenario.points(split)).map(|_| f64::from(rng.next_u32())).collect();
            lira::confidences(&scores)
        })
    };
    let confidences: Vec<[Vec<f64>; 2]> = track.shape().scenarios().iter().map(of_scenario).collect();
    Ok(lira::archive(track.shape(), &confidences)?)
}

async fn open(app: &App, path: &TrackPath) -> anyhow::Result<Track> {
    lifecycle::open(app, path, OpeningLabels::Here, By::default()).await?;
    store::track::by_path(&app.db, path).await?.context("the demo's track is gone")
}

/// Creates an account of the demo, or finds it, and sets this start's password.
async fn account(app: &App, name: &str, password: &str, is_admin: bool) -> anyhow::Result<User> {
    let name: UserName = name.parse()?;
    let password = password.parse()?;
    if let Some(user) = store::user::by_name(&app.db, &name).await? {
        ensure!(user.is_admin == is_admin, "the account {name} is not the demo's: use another --data-dir");
        accounts::set_password(app, user.id, password).await?;
        return Ok(user);
    }
    let id = accounts::create(app, NewAccount { name, email: None, password }, is_admin).await?;
    store::user::by_id(&app.db, id).await?.context("an account vanished while it was made")
}

/// Submits an entry as a participant would; the idempotency key makes sure that it is taken only
/// once. Returns whether this call submitted it.
async fn submit_once(app: &App, track: &Track, user: &User, entry: &Entry) -> anyhow::Result<bool> {
    let (participant, _) = enrol::accepting_terms(app, track, user).await?;
    let key = Some(KEY.to_owned());
    let details = Details::parse(Some(entry.description.to_owned()), None, key)?;
    let body = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(entry.archive.clone()))]);
    let received = submit::receive(app, track, participant, body).await?;
    let accepted = submit::accept(app, track, participant, received, &details).await?;
    Ok(!accepted.replayed)
}
