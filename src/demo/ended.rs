//! The demo's second track: a small competition that has ended. It is held from its opening to its final ranking by the same
//! steps as a real one, only that its clock is set: nobody waits three weeks for a demo.

use std::path::Path;

use anyhow::{Context, ensure};
use time::{Duration, OffsetDateTime};

use super::{Entry, KEEPER, KEY, account, attack, noise, submit_once, train_and_import};
use crate::app::App;
use crate::clock::Clock;
use crate::domain::phase::{GRACE, Phase};
use crate::domain::slug::TrackPath;
use crate::domain::submission::SubmissionState;
use crate::service::entries::{self, Freeze};
use crate::service::lifecycle::{self, By, LabelsAtReveal, OpeningLabels, SaidOfLimits};
use crate::store;
use crate::store::track::Track;
use crate::worker;
use lira::statistic::{Calibration, Variances};
use lira::{Attack, AttackChoice, DeviceChoice, Library, PublicTrack};

/// The track that has ended.
pub(super) const TRACK: &str = "demo/first";

/// Who comes when it is over.
const NEWCOMER: &str = "newcomer";

/// When it opened, before now. The other dates follow.
const OPENED: Duration = Duration::days(30);

/// What is sent to it.
struct Submissions {
    /// While it is open: after how many days each, and by whom.
    before: Vec<(i64, Entry)>,
    /// To the benchmark, once it is over.
    after: Entry,
}

/// Holds the competition, as far as it was not held before.
pub(super) async fn make(
    app: &App,
    folder: &Path,
    password: &str,
    library: Library,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<TrackPath> {
    let path: TrackPath = TRACK.parse()?;
    if is_held(app, &path).await? {
        return Ok(path);
    }
    let directory = folder.join(path.track.as_str());
    // A clock of its own for everything that happens here; after an interruption it goes on where it stood.
    let opened = app.clock.now() - OPENED;
    let past = app.with_clock(Clock::fixed(last_event(app, &path).await?.map_or(opened, |at| at.max(opened))));
    train_and_import(&past, &directory, &path, trainer::ended_demo_plan(), progress).await?;
    progress("holding a competition on it, from the first upload to the final ranking …");
    let submissions = {
        let cache = folder.join("signals");
        let slug = path.track.clone();
        tokio::task::spawn_blocking(move || submissions(&directory, slug.as_str(), &cache, library)).await??
    };
    // Step by step, so that an interrupted run goes on where it stopped.
    if track(&past, &path).await?.phase == Phase::Draft {
        lifecycle::open(&past, &path, OpeningLabels::Here, By::default()).await?;
    }
    if track(&past, &path).await?.phase == Phase::Open {
        for (days, entry) in &submissions.before {
            past.clock.advance(Duration::days(*days));
            submit(&past, &path, password, entry).await?;
        }
        worker::drain(&past).await?;
        past.clock.advance(Duration::days(2));
        lifecycle::close(&past, &path, By::default()).await?;
    }
    past.clock.advance(GRACE);
    let closed = track(&past, &path).await?;
    if closed.phase == Phase::Closed {
        let frozen = entries::freeze(&past, closed.id).await?;
        ensure!(matches!(frozen, Freeze::Done | Freeze::Already), "the entries were not frozen: {frozen:?}");
        lifecycle::preview(&past, &path, By::default()).await?;
        worker::drain(&past).await?;
        past.clock.advance(Duration::days(1));
        lifecycle::reveal(&past, &path, LabelsAtReveal::Keep, By::default()).await?;
    }
    past.clock.advance(Duration::days(3));
    lifecycle::declare_final(&past, &path, By::default()).await?;
    lifecycle::benchmark(&past, &path, SaidOfLimits::default(), By::default()).await?;
    past.clock.advance(Duration::days(1));
    submit(&past, &path, password, &submissions.after).await?;
    worker::drain(&past).await?;
    progress("its results are out, and it goes on as a benchmark");
    Ok(path)
}

/// Whether everything has happened, to the last score of the benchmark.
async fn is_held(app: &App, path: &TrackPath) -> anyhow::Result<bool> {
    let Some(track) = store::track::by_path(&app.db, path).await? else { return Ok(false) };
    let Some(user) = store::user::by_name(&app.db, &NEWCOMER.parse()?).await? else { return Ok(false) };
    let Some(participant) = store::participant::find(&app.db, track.id, user.id).await? else { return Ok(false) };
    let sent = store::submission::by_idempotency_key(&app.db, participant.id, KEY).await?;
    Ok(sent.is_some_and(|sent| sent.state == SubmissionState::Scored))
}

/// When the last event of the track's log happened.
async fn last_event(app: &App, path: &TrackPath) -> anyhow::Result<Option<OffsetDateTime>> {
    let Some(track) = store::track::by_path(&app.db, path).await? else { return Ok(None) };
    let Some(head) = store::log::head(&app.db, track.id).await? else { return Ok(None) };
    Ok(store::log::event(&app.db, track.id, head.seq).await?.map(|event| event.at))
}

async fn track(app: &App, path: &TrackPath) -> anyhow::Result<Track> {
    store::track::by_path(&app.db, path).await?.context("the demo's track is gone")
}

/// The demo's organiser has a baseline on the board, without a rank.
async fn submit(app: &App, path: &TrackPath, password: &str, entry: &Entry) -> anyhow::Result<()> {
    let user = account(app, entry.participant, password, entry.participant == KEEPER).await?;
    submit_once(app, &track(app, path).await?, &user, entry).await?;
    Ok(())
}

/// Real attacks, which read only what participants get.
fn submissions(directory: &Path, slug: &str, cache: &Path, library: Library) -> anyhow::Result<Submissions> {
    let track = PublicTrack::read(directory, slug, None)?;
    let runtime = library.with_device(DeviceChoice::Cpu, false)?;
    let attack = |choice| attack(&track, &runtime, cache, choice);
    let calibrated = |what| attack(AttackChoice::One(Attack::Calibrated(what)));
    let entry = |participant, description, archive| Entry { participant, description, archive };
    let best = attack(AttackChoice::Best)?;
    Ok(Submissions {
        before: vec![
            (1, entry(KEEPER, "confidences drawn at random: where guessing stands", noise(&track)?)),
            (2, entry("loss_threshold", "a small loss means a member", attack(AttackChoice::One(Attack::Loss))?)),
            (
                3,
                entry(
                    "calibrated",
                    "the confidence against that of networks trained on the point",
                    calibrated(Calibration::Confidence)?,
                ),
            ),
            (
                2,
                entry(
                    "lira_offline",
                    "the likelihood of networks not trained on the point",
                    attack(AttackChoice::One(Attack::Offline(Variances::Shrunk)))?,
                ),
            ),
            (4, entry("lira", "on each scenario what does best on the train models", best.clone())),
        ],
        after: entry(NEWCOMER, "the reference baseline, sent when the competition was over", best),
    })
}
