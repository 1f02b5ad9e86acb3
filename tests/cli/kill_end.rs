//! `kill -9` of servers and workers while competitions end: every track ends once, and whole.
//!
//! Ten tracks at a time go through close, freeze, final scores, a rescoring and the reveal. The organiser of each asks two
//! servers at once, and again wherever an answer is lost, while all processes are killed every few hundred milliseconds and
//! started anew. `KILL_ROUNDS=200` lets so many tracks end, instead of ten.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use callimico::app::App;
use callimico::clock::Clock;
use callimico::config::LimitsConfig;
use callimico::domain::ids::UserId;
use callimico::importer::apply::{self, FinalLabels, Mode, Request, SaidOfRanking};
use callimico::objects::Objects;
use callimico::service::lifecycle::{self, By, OpeningLabels};
use callimico::service::{accounts, enrol, staff, submit};
use callimico::store;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Client, Running, SignedIn, callimico, folder, free_address, text, write_track, zip};

/// Tracks that end in a run of the tests.
const TRACKS: usize = 10;
/// Tracks that end at the same time.
const AT_ONCE: usize = 10;
const PARTICIPANTS: usize = 4;
/// Of each participant.
const SUBMISSIONS: usize = 2;
/// How long a wave of tracks may take.
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_competition_ends_once_and_whole_though_everything_is_killed_all_the_time() {
    let tracks = std::env::var("KILL_ROUNDS").map_or(TRACKS, |rounds| rounds.parse().expect("a number"));
    let folder = folder();
    let directory = write_track(folder.path());
    let _postgres = postgres(folder.path());
    let place = Place::new(folder.path()).await;
    let people = place.people().await;
    let mut random = Random::new();
    let (mut ended, mut kills) = (0, 0);
    while ended < tracks {
        let wave: Vec<usize> = (ended..tracks.min(ended + AT_ONCE)).collect();
        for track in &wave {
            place.begin(&directory, *track, &people).await;
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let killer = tokio::spawn(kill_until(Arc::clone(&place), random.fork(), Arc::clone(&is_over)));
        let mut organisers = tokio::task::JoinSet::new();
        for track in &wave {
            organisers.spawn(end(Arc::clone(&place), *track));
        }
        let all = tokio::time::timeout(PATIENCE, async {
            while organisers.join_next().await.transpose().expect("an end").is_some() {}
        });
        all.await.expect("they end in time");
        is_over.store(true, Ordering::Relaxed);
        kills += killer.await.expect("a killer");
        place.check(&wave).await;
        ended += wave.len();
    }
    eprintln!("{ended} tracks ended under {kills} kills");
    assert!(kills > 10, "only {kills} kills: the test shows nothing");
}

/// A Postgres that outlives the processes that use it.
fn postgres(folder: &Path) -> Running {
    let mut command = callimico();
    let url = folder.join("url");
    let script = format!("printf %s \"$DATABASE_URL\" > {0}.new && mv {0}.new {0} && exec cat", text(&url));
    let data = folder.join("postgres");
    command.args(["postgres", "--not-durable", "--data-dir", text(&data), "--", "sh", "-c", &script]);
    // `cat` ends with this process, and Postgres with it.
    Running::spawn(command.stdin(Stdio::piped()))
}

/// Small random numbers, other ones in each run.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed =
            u64::from_le_bytes(callimico::secret::random_bytes().expect("randomness")[..8].try_into().expect("8"));
        Self(seed | 1)
    }

    fn fork(&mut self) -> Self {
        Self(self.next() | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    fn millis(&mut self, bound: u64) -> Duration {
        Duration::from_millis(self.below(bound))
    }
}

/// Where everything happens: a database, a folder, and the addresses of two servers.
struct Place {
    app: App,
    db: PgPool,
    url: String,
    data: String,
    addresses: [String; 2],
    session: SignedIn,
    /// Answers that said that a step was taken, and not that it had been taken before.
    taken: std::sync::Mutex<BTreeMap<(usize, Stage), u32>>,
}

/// What comes next for a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Close,
    Freeze,
    Preview,
    Score,
    Rescore,
    Apply,
    Reveal,
    Ended,
}

impl Place {
    async fn new(folder: &Path) -> Arc<Self> {
        let begun = Instant::now();
        let url = loop {
            match std::fs::read_to_string(folder.join("url")) {
                Ok(url) => break url,
                Err(_) => assert!(begun.elapsed() < Duration::from_secs(60), "no Postgres"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let db = PgPool::connect(&url).await.expect("connected");
        store::MIGRATIONS.run(&db).await.expect("migrated");
        let data = folder.join("data");
        let objects = Objects::open("file:", &data).expect("a place for objects");
        let app = App::new(db.clone(), objects, Clock::system(), LimitsConfig::default());
        app.claim_objects().await.expect("objects of its own");
        let organiser = account(&app, "olga").await;
        let secret = accounts::begin_session(&app, organiser, None).await.expect("a session");
        Arc::new(Self {
            app,
            db,
            url,
            data: text(&data).to_owned(),
            addresses: [free_address(), free_address()],
            session: SignedIn::with_session(&secret),
            taken: std::sync::Mutex::default(),
        })
    }

    async fn people(&self) -> Vec<UserId> {
        let mut people = Vec::new();
        for number in 0..PARTICIPANTS {
            people.push(account(&self.app, &format!("p{number}")).await);
        }
        people
    }

    /// Opens a track and hands everything in; nothing is scored yet.
    async fn begin(&self, directory: &Path, number: usize, people: &[UserId]) {
        let path = format!("c/t{number}").parse().expect("a path");
        let request = Request {
            track: path,
            title: None,
            ranking: SaidOfRanking::default(),
            mode: Mode::Apply,
            final_labels: FinalLabels::default(),
        };
        apply::track_directory(&self.app, directory, &request).await.expect("imported");
        let competition = &request.track.competition;
        staff::add(&self.app, competition, &"olga".parse().expect("a name")).await.expect("an organiser");
        lifecycle::open(&self.app, &request.track, OpeningLabels::Here, By::default()).await.expect("opened");
        let track = store::track::by_path(&self.app.db, &request.track).await.expect("an answer").expect("a track");
        for (who, user) in people.iter().enumerate() {
            let user = store::user::by_id(&self.app.db, *user).await.expect("an answer").expect("an account");
            let (participant, _) = enrol::accepting_terms(&self.app, &track, &user).await.expect("enrolled");
            for which in 0..SUBMISSIONS {
                // Right about the members, and about as many of the others as it is good.
                let good = who + which;
                let archive =
                    zip(|point| if point % 2 == 0 || point > 2 * good { 0.9 } else { 0.1 }, |_, text| Some(text));
                let body = futures_util::stream::iter([Ok::<_, std::io::Error>(archive.into())]);
                let received = submit::receive(&self.app, &track, participant, body).await.expect("received");
                let details = submit::Details::default();
                submit::accept(&self.app, &track, participant, received, &details).await.expect("accepted");
            }
        }
    }

    /// The stage of a track, as the database has it.
    async fn stage(&self, track: usize) -> Stage {
        let row: (String, bool, bool, i64, i64, Option<String>) = sqlx::query_as(
            "select t.phase::text, t.entries_frozen_at is not null, t.final_begun_at is not null,
                    (select count(*) from official_entries o where o.track_id = t.id),
                    (select count(*) from official_entries o join scorings g on g.submission_id = o.submission_id
                     where o.track_id = t.id and g.split = 'final' and g.superseded_at is null),
                    (select state::text from rescorings b where b.track_id = t.id)
             from tracks t where t.slug = $1",
        )
        .bind(format!("t{track}"))
        .fetch_one(&self.db)
        .await
        .expect("a track");
        match (row.0.as_str(), row.1, row.2) {
            ("open", ..) => Stage::Close,
            ("closed", false, _) => Stage::Freeze,
            ("closed", true, false) => Stage::Preview,
            ("closed", true, true) if row.3 > row.4 => Stage::Score,
            ("closed", true, true) => match row.5.as_deref() {
                None => Stage::Rescore,
                Some("running") => Stage::Apply,
                Some("applied") => Stage::Reveal,
                other => panic!("{other:?}"),
            },
            ("revealed", ..) => Stage::Ended,
            other => panic!("{other:?}"),
        }
    }

    /// Asks both servers at once for a step.
    async fn ask(&self, track: usize, stage: Stage, path: &str, body: &Value) {
        let path = format!("/competitions/c/tracks/t{track}{path}");
        let [one, two] = &self.addresses;
        let answers = tokio::join!(self.session.post(one, &path, body), self.session.post(two, &path, body));
        for answer in [answers.0, answers.1] {
            // Without an answer the server was killed, or was not there yet.
            let Ok((status, answer)) = answer else { continue };
            match (status, answer["code"].as_str()) {
                (200 | 202, None) if answer["already"] != true => {
                    *self.taken.lock().expect("not poisoned").entry((track, stage)).or_default() += 1;
                }
                (200, None) => {}
                // What both asked for the other one did, or it is not scored yet.
                (409, Some("not_ready" | "rescoring_open")) => {}
                (404, Some("not_found")) if stage == Stage::Apply => {}
                _ => {
                    panic!("t{track} {stage:?}: {status}: {answer}");
                }
            }
        }
    }

    async fn sql(&self, statement: &'static str, track: usize) {
        let done = sqlx::query(statement).bind(format!("t{track}")).execute(&self.db).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

async fn account(app: &App, name: &str) -> UserId {
    let account = accounts::NewAccount {
        name: name.parse().expect("a name"),
        email: None,
        password: "a password of theirs".parse().expect("a password"),
    };
    accounts::create(app, account, false).await.expect("an account")
}

/// What the organiser of a track does until it is revealed.
async fn end(place: Arc<Place>, track: usize) {
    loop {
        let stage = place.stage(track).await;
        match stage {
            Stage::Close => place.ask(track, stage, "/phase", &json!({"step": "close"})).await,
            // Nobody waits two minutes here: the close is moved back.
            Stage::Freeze => {
                let back = "update tracks set closes_at = closes_at - interval '2 minutes'
                            where slug = $1 and phase = 'closed' and closes_at > clock_timestamp() - interval '2 minutes'";
                place.sql(back, track).await;
            }
            Stage::Preview => place.ask(track, stage, "/phase", &json!({"step": "preview"})).await,
            Stage::Score => {}
            Stage::Rescore => place.ask(track, stage, "/rescorings", &json!({"reason": "to be sure"})).await,
            Stage::Apply => {
                let batch: String = sqlx::query_scalar(
                    "select b.id::text from rescorings b join tracks t on t.id = b.track_id where t.slug = $1",
                )
                .bind(format!("t{track}"))
                .fetch_one(&place.db)
                .await
                .expect("a batch");
                place.ask(track, stage, &format!("/rescorings/{batch}/apply"), &json!({})).await;
            }
            Stage::Reveal => {
                let reveal = json!({"step": "reveal", "labels": "keep", "confirm": format!("c/t{track}")});
                place.ask(track, stage, "/phase", &reveal).await;
            }
            Stage::Ended => return,
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Starts two servers and a worker, and kills them a moment later, again and again; answers how many it killed.
async fn kill_until(place: Arc<Place>, mut random: Random, is_over: Arc<AtomicBool>) -> u64 {
    let mut kills = 0;
    while !is_over.load(Ordering::Relaxed) {
        let mut crew: Vec<Running> = place
            .addresses
            .iter()
            .map(|address| place.start(&["serve", "--bind", address, "--workers", "1"]))
            .collect();
        crew.push(place.start(&["worker", "--workers", "2"]));
        for address in &place.addresses {
            Client::new(address, "").wait_until_ready().await;
        }
        tokio::time::sleep(random.millis(250)).await;
        while !crew.is_empty() {
            let which = usize::try_from(random.below(crew.len() as u64)).expect("few");
            crew.swap_remove(which).kill();
            kills += 1;
            tokio::time::sleep(random.millis(60)).await;
        }
        // The claims of the dead run out after 15 seconds; here at once.
        let expire = "update jobs set leased_until = clock_timestamp() where leased_until > clock_timestamp()";
        sqlx::query(expire).execute(&place.db).await.expect("expired");
    }
    kills
}

impl Place {
    fn start(&self, args: &[&str]) -> Running {
        Running::spawn(callimico().args(args).args(["--data-dir", &self.data]).env("DATABASE_URL", &self.url))
    }

    /// Looks at tracks that have ended, when nothing runs any more, and lets a server tell their logs.
    async fn check(&self, tracks: &[usize]) {
        let _server = self.start(&["serve", "--bind", &self.addresses[0], "--workers", "1"]);
        let client = Client::new(&self.addresses[0], "");
        client.wait_until_ready().await;
        let (entries, sent) = (PARTICIPANTS, PARTICIPANTS * SUBMISSIONS);
        for track in tracks {
            // Steps that were taken: an answer may have been lost, but no step was taken twice.
            for stage in [Stage::Close, Stage::Rescore, Stage::Apply, Stage::Reveal] {
                let taken = self.taken.lock().expect("not poisoned").get(&(*track, stage)).copied().unwrap_or(0);
                assert!(taken <= 1, "t{track}: {stage:?} was taken {taken} times");
            }
            let log = client.bytes(&format!("/competitions/c/tracks/t{track}/log")).await.expect("a log");
            let kinds = kinds_of(&log);
            let once = [
                "import",
                "commitment",
                "step open",
                "step close",
                "entries_frozen",
                "final_begun",
                "rescored",
                "step reveal",
                "official_ranking",
            ];
            let mut expected: BTreeMap<String, usize> = once.iter().map(|kind| ((*kind).to_owned(), 1)).collect();
            expected.extend([("submission_accepted".to_owned(), sent), ("scored".to_owned(), sent)]);
            assert_eq!(kinds, expected, "t{track}");
            let head = client.get(&format!("/competitions/c/tracks/t{track}/log/head")).await.expect("a head");
            let last = scoring::log::lines(&log, None).last().expect("events").expect("a chain").hash;
            assert_eq!(head["hash"], last.to_string());

            let board = client.get(&format!("/competitions/c/tracks/t{track}/leaderboard?split=final")).await;
            assert_eq!(board.expect("a board")["entries"].as_array().map(Vec::len), Some(entries), "t{track}");
            let is_whole: Vec<(String, i64)> =
                sqlx::query_as(WHOLE).bind(format!("t{track}")).fetch_all(&self.db).await.expect("counted");
            let count = |count: usize| i64::try_from(count).expect("few");
            let expected = [
                ("applied rescorings", 1),
                ("current dev scores", count(sent)),
                ("current final scores", count(entries)),
                ("entries with a score that does not stand", 0),
                ("instants at which scores were replaced", 1),
                ("jobs", 0),
                ("official entries", count(entries)),
                ("official rankings", 1),
                ("ranked entries", count(entries)),
                ("rankings that are due", 0),
                ("replaced scores", count(sent + entries)),
                ("results of rescorings", count(sent + entries)),
                ("version", 1),
            ];
            assert_eq!(is_whole, expected.map(|(what, n)| (what.to_owned(), n)), "t{track}");
        }
    }
}

/// How often each kind of event stands in a log, whose chain must hold.
fn kinds_of(log: &[u8]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for (seq, line) in (1..).zip(scoring::log::lines(log, None)) {
        let event: Value = serde_json::from_slice(line.expect("a chain").event).expect("JSON");
        assert_eq!(event["seq"], seq);
        let kind = event["kind"].as_str().expect("a kind");
        let kind = event["public"]["step"].as_str().map_or(kind.to_owned(), |step| format!("{kind} {step}"));
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

const WHOLE: &str = "
with t as (select * from tracks where slug = $1),
     s as (select s.* from submissions s join t on t.id = s.track_id),
     g as (select g.* from scorings g join s on s.id = g.submission_id)
select what, n from (values
    ('jobs', (select count(*) from jobs j join s on s.id = j.submission_id)),
    ('official entries', (select count(*) from official_entries o join t on t.id = o.track_id)),
    ('current dev scores', (select count(*) from g where split = 'dev' and superseded_at is null)),
    ('current final scores', (select count(*) from g where split = 'final' and superseded_at is null)),
    ('replaced scores', (select count(*) from g where superseded_at is not null)),
    ('instants at which scores were replaced', (select count(distinct superseded_at) from g)),
    ('applied rescorings', (select count(*) from rescorings b join t on t.id = b.track_id where state = 'applied')),
    ('results of rescorings', (select count(*) from rescored r join s on s.id = r.submission_id)),
    ('official rankings', (select count(*) from official_rankings r join t on t.id = r.track_id where r.version = 1)),
    ('ranked entries', (select count(*) from ranked_entries r join t on t.id = r.track_id and r.version = 1
                        join official_entries o on o.submission_id = r.submission_id
                        join g on g.id = r.scoring_id and g.split = 'final' and g.superseded_at is null)),
    ('rankings that are due', (select count(*) from t where cardinality(ranking_due) > 0)),
    ('version', (select ranking_version::bigint from t)),
    ('entries with a score that does not stand',
     (select count(*) from entries e join t on t.id = e.track_id join g on g.id = e.scoring_id
      where g.superseded_at is not null or g.split <> 'dev'))
) as counted (what, n) order by what collate \"C\"";
