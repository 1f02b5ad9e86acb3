//! The end of a large competition: 1,000 entries of MICO's size from the upload to the final board. `scripts/bench-final.sh`
//! runs it; docs/PERFORMANCE.md has the figures.
//!
//! Everything goes through the services and the program itself, but: accounts have no password (hashing a thousand would
//! take a minute and says nothing here), the two minutes after the close are moved back in the database, and for the
//! boards of 2,000 the rows of the entries are copied in the database, with names of their own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use callimico::app::App;
use callimico::clock::Clock;
use callimico::config::LimitsConfig;
use callimico::domain::account::UserName;
use callimico::domain::log_event::LogEvent;
use callimico::domain::phase::Phase;
use callimico::domain::slug::TrackPath;
use callimico::importer::apply::{self, FinalLabels, Mode, Request, SaidOfRanking};
use callimico::objects::Objects;
use callimico::service::lifecycle::{self, By, LabelsAtReveal, OpeningLabels};
use callimico::service::{enrol, submit};
use callimico::store;
use callimico::store::log::Detail;
use callimico::store::participant::Participant;
use callimico::store::track::Track;
use callimico::store::user::NewUser;
use futures_util::StreamExt;
use scoring_testkit::mico;
use sqlx::PgPool;

/// Uploads that are under way at a time.
const UPLOADS: usize = 4;

fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

/// A number from the environment.
fn number(name: &str, otherwise: usize) -> anyhow::Result<usize> {
    std::env::var(name).map_or(Ok(otherwise), |text| text.parse().with_context(|| format!("{name}={text}")))
}

fn tell(what: &str, figure: impl std::fmt::Display) {
    println!("{what:<72} {figure}");
}

fn seconds(since: Instant) -> String {
    format!("{:.2} s", since.elapsed().as_secs_f64())
}

/// The database, and where the objects are.
struct Place {
    app: App,
    url: String,
    data: PathBuf,
}

async fn run() -> anyhow::Result<()> {
    let (entries, scorers) = (number("ENTRIES", 1000)?, number("WORKERS", 2)?);
    let url = std::env::var("DATABASE_URL").context("scripts/bench-final.sh sets DATABASE_URL")?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let db = PgPool::connect(&url).await?;
    store::MIGRATIONS.run(&db).await?;
    let app = App::new(db, Objects::open("file:", &data)?, Clock::system(), LimitsConfig::default());
    app.claim_objects().await?;
    let place = Place { app, url, data };

    let directory = write_track(folder.path())?;
    let track = place.open("bench/cifar10", &directory).await?;
    let people = place.people(&track, entries).await?;

    let begun = Instant::now();
    place.hand_in(&track, &people, 0).await?;
    tell(&format!("{entries} zips made and handed in, {UPLOADS} at a time"), seconds(begun));

    // Dev scores.
    let begun = Instant::now();
    let workers = place.workers(scorers)?;
    place.until(&format!("select count(*) = {entries} from submissions where state = 'scored'")).await?;
    tell(&format!("dev scores of {entries}, {scorers} worker processes"), seconds(begun));
    tell("  processor time of the workers, a score", cost(&workers, entries)?);
    drop(workers);

    // Close and freeze.
    let path: TrackPath = track.path();
    let begun = Instant::now();
    lifecycle::close(&place.app, &path, By::default()).await?;
    tell("close", seconds(begun));
    place.sql("update tracks set closes_at = closes_at - interval '2 minutes' where phase = 'closed'").await?;
    let workers = place.workers(scorers)?;
    let begun = Instant::now();
    place.until("select count(*) = 1 from tracks where entries_frozen_at is not null").await?;
    tell("freeze, from the end of the two minutes", seconds(begun));

    // Preview until ready.
    let before = spent(&workers)?;
    let begun = Instant::now();
    let counts = lifecycle::preview(&place.app, &path, By::default()).await?;
    tell(&format!("preview asked: {} of {} ready", counts.ready, counts.of), seconds(begun));
    while !lifecycle::preview(&place.app, &path, By::default()).await?.is_complete() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tell(&format!("preview to ready, {entries} final scores, {scorers} worker processes"), seconds(begun));
    let per_score = (spent(&workers)? - before) * 1000.0 / entries as f64;
    tell("  processor time of the workers, a score", format!("{per_score:.1} ms"));
    drop(workers);

    // The reveal and the boards, with twice as many participants.
    place.sql(&copy_rows(entries)).await?;
    let begun = Instant::now();
    lifecycle::reveal(&place.app, &path, LabelsAtReveal::Keep, By::default()).await?;
    tell(&format!("reveal of {}", 2 * entries), seconds(begun));
    place.boards(&path).await?;
    place.log(&directory, entries).await?;
    Ok(())
}

/// A track directory of MICO's size.
fn write_track(folder: &Path) -> anyhow::Result<PathBuf> {
    let track = folder.join("cifar10");
    let labels: Vec<&str> = (0..200).map(|point| if point % 2 == 0 { "1" } else { "0" }).collect();
    for scenario in mico::shape().scenarios() {
        let models =
            |split: scoring::Split| scenario.models(split).iter().map(move |model| (split, model.name.clone()));
        let train = std::iter::once((scoring::Split::Train, "model_0".to_owned()));
        for (split, model) in train.chain(scoring::Split::SUBMITTED.into_iter().flat_map(models)) {
            let path = track.join(scenario.name()).join(split.as_str()).join(model);
            std::fs::create_dir_all(&path)?;
            std::fs::write(path.join("solution.csv"), labels.join(","))?;
        }
    }
    std::fs::write(track.join("track.yaml"), "limits: {per_day: 10000, total: 100000}\n")?;
    Ok(track)
}

/// A zip of MICO's size, another one for each number.
fn archive(number: u64) -> Vec<u8> {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};
    use scoring_testkit::zip::{Item, Zip};
    let mut random = ChaCha8Rng::seed_from_u64(number);
    let mut uniform = move || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let skill = uniform();
    let mut items = Vec::new();
    for scenario in mico::shape().scenarios() {
        for split in scoring::Split::SUBMITTED {
            for model in scenario.models(split) {
                let value = |point| {
                    let (a, b) = (uniform(), uniform());
                    format!("{:.18e}", if point % 2 == 0 { a.max(skill * b) } else { a })
                };
                let values: Vec<String> = (0..model.points).map(value).collect();
                let name = format!("cifar10/{}/{split}/{}/prediction.csv", scenario.name(), model.name);
                items.push(Item::deflated(&name, (values.join(",") + "\n").as_bytes()));
            }
        }
    }
    Zip::of(items).bytes()
}

impl Place {
    async fn open(&self, path: &str, directory: &Path) -> anyhow::Result<Track> {
        let request = Request {
            track: path.parse()?,
            title: None,
            ranking: SaidOfRanking::default(),
            mode: Mode::Apply,
            final_labels: FinalLabels::default(),
        };
        apply::track_directory(&self.app, directory, &request).await?;
        lifecycle::open(&self.app, &request.track, OpeningLabels::Here, By::default()).await?;
        store::track::by_path(&self.app.db, &request.track).await?.context("the track is gone")
    }

    /// So many participants of a track, each with an account of its own.
    async fn people(&self, track: &Track, count: usize) -> anyhow::Result<Vec<Participant>> {
        let mut people = Vec::with_capacity(count);
        for number in 0..count {
            let name: UserName = format!("{}-{number}", track.slug).parse()?;
            let (name, created_at) = (&name, self.app.clock.now());
            let new = NewUser { name, email: None, password_hash: None, is_admin: false, created_at };
            let id = store::user::create(&self.app.db, new).await?;
            let user = store::user::by_id(&self.app.db, id).await?.context("the account is gone")?;
            people.push(enrol::accepting_terms(&self.app, track, &user).await?.0);
        }
        Ok(people)
    }

    /// Hands in an upload of each of these participants.
    async fn hand_in(&self, track: &Track, people: &[Participant], first: u64) -> anyhow::Result<()> {
        let uploads = (first..).zip(people).map(|(number, participant)| async move {
            let zip = tokio::task::spawn_blocking(move || archive(number)).await?;
            self.upload(track, *participant, zip).await
        });
        let mut uploads = futures_util::stream::iter(uploads).buffer_unordered(UPLOADS);
        while let Some(done) = uploads.next().await {
            done?;
        }
        Ok(())
    }

    async fn upload(&self, track: &Track, participant: Participant, zip: Vec<u8>) -> anyhow::Result<()> {
        let body = futures_util::stream::iter([Ok::<_, std::io::Error>(zip.into())]);
        let received = submit::receive(&self.app, track, participant, body).await?;
        submit::accept(&self.app, track, participant, received, &submit::Details::default()).await?;
        Ok(())
    }

    fn program(&self) -> Command {
        // Another build of the program can be measured, too.
        let program = std::env::var("PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_callimico").to_owned());
        let mut command = Command::new(program);
        command.env("DATABASE_URL", &self.url).env("RUST_LOG", "warn").arg("--data-dir").arg(&self.data);
        command.stdout(Stdio::null());
        command
    }

    /// Worker processes with one worker each.
    fn workers(&self, count: usize) -> anyhow::Result<Vec<Running>> {
        (0..count).map(|_| Ok(Running(self.program().args(["worker", "--workers", "1"]).spawn()?))).collect()
    }

    async fn until(&self, is_so: &str) -> anyhow::Result<()> {
        while !sqlx::query_scalar::<_, bool>(sqlx::AssertSqlSafe(is_so)).fetch_one(&self.app.db).await? {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn sql(&self, statements: &str) -> anyhow::Result<()> {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&self.app.db).await?;
        Ok(())
    }

    /// How long the boards take: when nobody has asked before, and after that.
    async fn boards(&self, path: &TrackPath) -> anyhow::Result<()> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        drop(listener);
        let _server = Running(self.program().args(["serve", "--workers", "0", "--bind", &address]).spawn()?);
        let http = reqwest::Client::builder().no_proxy().build()?;
        let ready = format!("http://{address}/readyz");
        while !http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let api = format!("/api/v1/competitions/{}/tracks/{}/leaderboard", path.competition, path.track);
        for split in ["dev", "final"] {
            for (what, url) in [
                ("page", format!("/c/{path}/leaderboard?split={split}")),
                ("JSON", format!("{api}?split={split}")),
                ("CSV", format!("{api}.csv?split={split}")),
            ] {
                let mut took = Vec::new();
                let mut size = 0;
                for _ in 0..21 {
                    let begun = Instant::now();
                    let answer = http.get(format!("http://{address}{url}")).send().await?.error_for_status()?;
                    size = answer.bytes().await?.len();
                    took.push(begun.elapsed().as_secs_f64() * 1000.0);
                }
                let first = took.remove(0);
                took.sort_by(f64::total_cmp);
                let figures =
                    format!("first {first:.0} ms, then {:.1} ms (median of 20), {} kB", took[10], size / 1000);
                tell(&format!("{split} board, {what}"), figures);
            }
        }
        // What a new score costs the next reader: the board is computed anew, but only new neighbours are compared.
        let mut took = Vec::new();
        for _ in 0..11 {
            self.sql("update tracks set board_version = board_version + 1").await?;
            let begun = Instant::now();
            http.get(format!("http://{address}{api}?split=dev")).send().await?.error_for_status()?.bytes().await?;
            took.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        took.sort_by(f64::total_cmp);
        tell("dev board, JSON, the first time after a change", format!("{:.0} ms (median of 11)", took[5]));
        Ok(())
    }

    /// How many events a second one track's log takes.
    async fn log(&self, directory: &Path, entries: usize) -> anyhow::Result<()> {
        let track = self.open("bench/log", directory).await?;
        let people = self.people(&track, 100).await?;
        let zips: Vec<Vec<u8>> = (0..20).map(|number| archive(1_000_000 + number)).collect();
        let uploads = entries.min(600);
        let upload = |number: usize| {
            let (participant, zip) = (people[number % people.len()], zips[number % zips.len()].clone());
            let track = &track;
            async move { self.upload(track, participant, zip).await }
        };
        // Sixty a second, whoever is done with the one before or not.
        let begun = Instant::now();
        let paced = (0..uploads).map(|number| {
            let due = begun + Duration::from_secs_f64(number as f64 / 60.0);
            let upload = upload(number);
            async move {
                tokio::time::sleep_until(due.into()).await;
                upload.await?;
                anyhow::Ok(due.elapsed().as_secs_f64() * 1000.0)
            }
        });
        let mut took: Vec<f64> = futures_util::future::try_join_all(paced).await?;
        let rate = uploads as f64 / begun.elapsed().as_secs_f64();
        took.sort_by(f64::total_cmp);
        let figures = format!(
            "{rate:.0} a second, median {:.0} ms, 99 % within {:.0} ms",
            took[uploads / 2],
            took[uploads * 99 / 100]
        );
        tell(&format!("{uploads} uploads to one track, 60 due a second"), figures);
        let begun = Instant::now();
        let mut fast = futures_util::stream::iter((0..uploads).map(upload)).buffer_unordered(8);
        while let Some(done) = fast.next().await {
            done?;
        }
        let rate = uploads as f64 / begun.elapsed().as_secs_f64();
        tell(&format!("{uploads} uploads to one track, 8 at a time"), format!("{rate:.0} events a second"));

        // Events alone, each in a transaction of its own, eight at a time.
        let (total, done) = (3000, Arc::new(AtomicUsize::new(0)));
        let begun = Instant::now();
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (app, done, track) = (self.app.clone(), Arc::clone(&done), track.id);
            writers.spawn(async move {
                while done.fetch_add(1, Ordering::Relaxed) < total {
                    let mut db = app.db.begin().await?;
                    let event = LogEvent::RestoredFromBackup {};
                    let now = app.database_time(&mut *db).await?;
                    store::log::append(&mut db, track, event, Detail::default(), now).await?;
                    db.commit().await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = writers.join_next().await {
            done??;
        }
        let rate = f64::from(u32::try_from(total)?) / begun.elapsed().as_secs_f64();
        tell("events alone, 8 writers to one log", format!("{rate:.0} a second"));
        let known = store::track::by_id(&self.app.db, track.id).await?.context("the track is gone")?;
        anyhow::ensure!(known.phase == Phase::Open);
        Ok(())
    }
}

/// Doubles the entries of a closed track whose final scores are there.
fn copy_rows(entries: usize) -> String {
    format!(
        "create temp table copy as
           select o.track_id, o.participant_id as old_p, o.submission_id as old_s,
                  gen_random_uuid() as new_p, gen_random_uuid() as new_s, row_number() over () as n
           from official_entries o limit {entries};
         insert into participants (id, track_id, status, created_at, name, name_key)
           select new_p, c.track_id, p.status, p.created_at, 'copy-' || n, 'copy-' || n
           from copy c join participants p on p.id = old_p;
         insert into submissions (id, track_id, participant_id, state, received_at, finished_at, size, sha256)
           select new_s, c.track_id, new_p, s.state, s.received_at + interval '1 second', s.finished_at, s.size, s.sha256
           from copy c join submissions s on s.id = old_s;
         insert into scorings (id, submission_id, split, scorer_version, scored_at, average, ranking, interval_low,
                               interval_high, scenarios, replicates, labels_version, log_salt)
           select gen_random_uuid(), new_s, g.split, g.scorer_version, g.scored_at, g.average, g.ranking, g.interval_low,
                  g.interval_high, g.scenarios, g.replicates, g.labels_version, g.log_salt
           from copy c join scorings g on g.submission_id = old_s and g.superseded_at is null;
         insert into entries (participant_id, track_id, submission_id, scoring_id)
           select new_p, c.track_id, new_s, g.id
           from copy c join scorings g on g.submission_id = new_s and g.split = 'dev';
         insert into official_entries (participant_id, track_id, submission_id) select new_p, track_id, new_s from copy;
         drop table copy;
         analyze"
    )
}

/// A process, killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processor time of these processes until now, in seconds.
fn spent(processes: &[Running]) -> anyhow::Result<f64> {
    let mut ticks = 0;
    for process in processes {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.0.id()))?;
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        // Of a hundredth of a second each: user and system time.
        ticks += after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum::<u32>();
    }
    Ok(f64::from(ticks) / 100.0)
}

fn cost(processes: &[Running], scores: usize) -> anyhow::Result<String> {
    Ok(format!("{:.1} ms", spent(processes)? * 1000.0 / scores as f64))
}
