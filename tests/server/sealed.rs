//! Before the first preview nothing final is anywhere, and between the preview and the reveal organisers alone see it:
//! everybody asks every address that can be read, in every way, at every stage of a track's life.
//!
//! The addresses are those of the router, with the query parameters of the API's description: a new route, or a new
//! parameter, is asked too, or this fails and says what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use axum::body::Body;
use axum::http::{StatusCode, header};
use callimico::domain::account::TokenScope;
use callimico::release;
use callimico::service::lifecycle::LabelsAtReveal;
use callimico::worker::Step;
use http_body_util::BodyExt;
use serde_json::Value;
use sqlx::PgPool;
use time::Duration;

use crate::support::{Actor, Answer, TRACK, TRACK_URL, TrackFiles, Upload, World};

const SCOPES: [TokenScope; 3] = [TokenScope::Read, TokenScope::Submit, TokenScope::Organise];

/// The values with which query parameters are asked, each by itself. A parameter of the API that is not here is an error.
const API_PARAMETERS: &[(&str, &[&str])] = &[
    ("split", &["dev", "final"]),
    ("wait", &["0"]),
    ("single", &["true"]),
    ("from", &["1"]),
    ("version", &["1"]),
    ("curves", &["true"]),
    ("board", &["official", "benchmark"]),
    ("limit", &["100"]),
    // Of lists, links and acts: they choose no scores.
    ("after", &[]),
    ("for", &[]),
    ("until", &[]),
    ("by", &[]),
    ("reason", &[]),
    ("status", &["pending"]),
];

/// Queries of pages, which no description lists. Pages that do not take one answer 400, always the same.
const PAGE_QUERIES: &[&str] = &[
    "split=final",
    "split=dev",
    "version=1",
    "status=pending",
    "q=a",
    "board=benchmark",
    "board=official",
    "rehearsal",
    "screen=2",
];

/// Addresses whose answers change at the first preview, and why that tells nothing: `final_begun` is a public event of
/// the log. They are compared event by event.
fn is_of_the_log(place: &str) -> bool {
    let path = place.split('?').next().unwrap_or_default();
    path.ends_with("/log") || path.ends_with("/log/head")
}

/// Somebody who asks.
struct Client {
    name: String,
    actor: Actor,
}

impl Client {
    /// What a token sees is compared between the freeze and the last final score; browsers look at every stage.
    fn looks_at(&self, stage: &str) -> bool {
        matches!(stage, "frozen" | "ready") || !self.name.contains("token")
    }
}

struct Sealed {
    world: World,
    /// Everybody who must see nothing: by whatever they make themselves known.
    others: Vec<Client>,
    /// The organiser, signed in and with a token that may organise.
    organisers: Vec<Client>,
    /// Submissions of ada and bob; the entry of each is the last.
    submissions: Vec<String>,
    places: Vec<String>,
}

/// What one client saw at one place: status, headers, body. Only the request's own id is left out.
fn told(answer: &Answer) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    format!("{} {headers:?}\n{}", answer.status, String::from_utf8_lossy(&answer.body))
}

impl Sealed {
    /// An open track that closes in ten minutes, with two entries that are scored on dev.
    async fn new(db: PgPool) -> Self {
        let world = World::with_yaml(db, "dates: {closes: 2026-11-23T12:10:00Z}\n").await;
        release_files(&world).await;
        let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
        world.participant("carl").await;
        let olga = world.organiser("olga").await;
        world.account("otto").await;
        world.account("eve").await;
        world
            .sql(
                "insert into competitions (id, slug, title, created_at)
                   values (gen_random_uuid(), 'other', 'Other', now());
                 insert into organisers select c.id, u.id from competitions c, users u
                   where c.slug = 'other' and u.name = 'otto';
                 delete from organisers o using competitions c where c.id = o.competition_id and c.slug = 'other'
                   and o.user_id <> (select id from users where name = 'otto')",
            )
            .await;
        // On dev bob leads; on the final split ada does, by numbers that nobody has on dev.
        let mut submissions = vec![ada.submitted(&world, Upload::hitting_by_split(3, 14).zip()).await];
        world.wait(Duration::MINUTE);
        submissions.push(ada.submitted(&world, Upload::hitting_by_split(5, 13).zip()).await);
        submissions.push(bob.submitted(&world, Upload::hitting_by_split(7, 11).zip()).await);
        assert_eq!(world.drain().await.len(), 3);
        let mut others = vec![Client { name: "a visitor".to_owned(), actor: Actor::visitor() }];
        let mut organisers = vec![Client { name: "olga's token to organise".to_owned(), actor: olga }];
        for name in ["ada", "bob", "carl", "eve", "otto", "olga"] {
            let user = world.user_of(name).await;
            let session = Client { name: format!("{name}'s browser"), actor: world.signed_in(name).await };
            if name == "olga" { &mut organisers } else { &mut others }.push(session);
            for scope in SCOPES.into_iter().filter(|scope| name != "olga" || *scope != TokenScope::Organise) {
                others.push(Client {
                    name: format!("{name}'s token to {scope:?}"),
                    actor: world.token(user, scope).await,
                });
            }
        }
        let mut sealed = Self { world, others, organisers, submissions, places: Vec::new() };
        sealed.places = sealed.all_places().await;
        sealed
    }

    /// Every address that can be read, with every query that might show something.
    async fn all_places(&self) -> Vec<String> {
        let values: Vec<_> = self.submissions.iter().map(|id| ("id", id.as_str())).collect();
        let description = Actor::visitor().get(&self.world, "/api/v1/openapi.json").await.json();
        let mut places = Vec::new();
        let routes = self.world.places(&values).await;
        for place in routes.into_iter().filter(|place| !place.starts_with("/static/")) {
            let queries = if is_of_api(&place) { api_queries(&description, &place) } else { page_queries() };
            for asked in queries.into_iter().map(|query| format!("{place}?{query}")) {
                // Most pages take no such query and say so to everybody.
                if Actor::visitor().glance(&self.world, &asked).await.status != StatusCode::BAD_REQUEST {
                    places.push(asked);
                }
            }
            places.push(place);
        }
        assert!(places.len() > 60, "only {} places were found: {places:#?}", places.len());
        places
    }

    /// What clients see at every place.
    async fn look(&self, clients: impl Iterator<Item = &Client>) -> BTreeMap<(String, String), String> {
        let mut seen = BTreeMap::new();
        for client in clients {
            for place in &self.places {
                let headers: &[_] = if place.ends_with("/events") { &[(LAST_EVENT_ID, "0")] } else { &[] };
                let answer = client.actor.glance_with(&self.world, place, headers).await;
                assert!(!answer.status.is_server_error(), "{} at {place}: {answer:?}", client.name);
                seen.insert((client.name.clone(), place.clone()), told(&answer));
            }
            // Nothing is chosen by what a client accepts; two of them ask.
            if !["a visitor", "ada's browser"].contains(&client.name.as_str()) {
                continue;
            }
            for accept in ["application/json", "text/html", "text/csv", "image/svg+xml", "text/event-stream"] {
                for place in
                    self.places.iter().filter(|place| place.contains("/leaderboard") || place.contains("final"))
                {
                    let headers = [(header::ACCEPT, accept), (LAST_EVENT_ID, "0")];
                    let answer = client.actor.glance_with(&self.world, place, &headers).await;
                    seen.insert((client.name.clone(), format!("{place} as {accept}")), told(&answer));
                }
            }
        }
        seen
    }

    /// What those are answered who try to do something: the refusals must not change either.
    async fn refusals(&self) -> Vec<String> {
        let world = &self.world;
        let client = |name: &str| {
            let found = self.others.iter().chain(&self.organisers).find(|client| client.name == name);
            &found.unwrap_or_else(|| panic!("nobody is {name}")).actor
        };
        let preview = async |name: &str, status| {
            let asked = client(name).post_json(world, &format!("{TRACK_URL}/phase"), r#"{"step": "preview"}"#).await;
            asked.expect(status)
        };
        let answers = [
            client("ada's token to Submit").submit(world, Upload::hitting(15).zip()).await,
            client("eve's token to Submit").enrol(world).await,
            preview("a visitor", StatusCode::UNAUTHORIZED).await,
            preview("ada's token to Organise", StatusCode::NOT_FOUND).await,
            preview("otto's token to Organise", StatusCode::NOT_FOUND).await,
            preview("olga's token to Submit", StatusCode::FORBIDDEN).await,
            preview("olga's token to organise", StatusCode::FORBIDDEN).await,
        ];
        assert!(answers.iter().all(|answer| answer.status.is_client_error()), "{answers:#?}");
        answers.iter().map(told).collect()
    }

    /// The events of the log, without their hashes.
    async fn log(&self) -> Vec<Value> {
        let lines = Actor::visitor().get(&self.world, &format!("{TRACK_URL}/log")).await.expect(StatusCode::OK);
        let event = |line: &str| serde_json::from_str(line.split_once(' ').expect("a hash").1).expect("an event");
        lines.text().lines().map(event).collect()
    }

    /// Nothing final is in the database.
    async fn assert_nothing_exists(&self, stage: &str) {
        for what in ["scorings where split = 'final'", "jobs where split = 'final'", "rescored where split = 'final'"] {
            assert_eq!(self.world.count(what).await, 0, "{stage}: {what}");
        }
        for table in ["official_rankings", "ranked_entries"] {
            assert_eq!(self.world.count(table).await, 0, "{stage}: {table}");
        }
        for client in self.others.iter().chain(&self.organisers) {
            let hidden = client.actor.get(&self.world, &format!("{TRACK_URL}/final")).await;
            assert!(hidden.status.is_client_error(), "{stage}, {}: {hidden:?}", client.name);
        }
    }

    /// The texts by which final numbers can be recognised wherever they are shown: those that no dev number has.
    async fn needles(&self) -> BTreeSet<String> {
        let all_numbers = |split: &'static str| {
            let query = sqlx::query_scalar::<_, Value>(
                "select jsonb_agg(to_jsonb(g) - 'replicates' - 'log_salt') from scorings g where split = $1::split",
            );
            let db = &self.world.app.db;
            async move {
                let mut numbers = Vec::new();
                collect_numbers(&query.bind(split).fetch_one(db).await.expect("scores"), &mut numbers);
                numbers
            }
        };
        let dev: BTreeSet<String> = all_numbers("dev").await.into_iter().flat_map(written).collect();
        let last = all_numbers("final").await.into_iter().flat_map(written);
        let needles: BTreeSet<String> =
            last.filter(|text| text.len() >= 6 && !dev.iter().any(|dev| dev.contains(text.as_str()))).collect();
        assert!(needles.len() >= 4, "too few final numbers are unlike those of dev: {needles:?}");
        needles
    }
}

const LAST_EVENT_ID: header::HeaderName = header::HeaderName::from_static("last-event-id");

/// Files for participants: a model in each folder.
async fn release_files(world: &World) {
    let root = tempfile::tempdir().expect("a folder");
    TrackFiles::default().write(root.path());
    for scenario in ["tiny_hi", "tiny_lo"] {
        for split in ["train", "dev", "final"] {
            for model in fs::read_dir(root.path().join(scenario).join(split)).expect("models") {
                fs::write(model.expect("a model").path().join("model.onnx"), "a model").expect("written");
            }
        }
    }
    let track = TRACK.parse().expect("a track");
    let request = release::Request { track, from: Some(root.path().to_owned()), verbatim: Vec::new() };
    release::make(&world.app, &request, &std::sync::Arc::default(), &mut |_| {}).await.expect("a release");
}

fn is_of_api(place: &str) -> bool {
    place.starts_with("/api/") || ["/healthz", "/readyz"].contains(&place)
}

fn page_queries() -> Vec<String> {
    PAGE_QUERIES.iter().map(|query| (*query).to_owned()).collect()
}

/// The queries of a call, by the description of the API.
fn api_queries(description: &Value, place: &str) -> Vec<String> {
    let segments = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let asked = segments(place);
    let fits = |path: &str| {
        let path = segments(path);
        path.len() == asked.len() && path.iter().zip(&asked).all(|(one, other)| one.starts_with('{') || one == other)
    };
    let paths = description["paths"].as_object().expect("paths").iter();
    // A word in the path beats a parameter, as in the router.
    let found = paths.filter(|(path, _)| fits(path)).min_by_key(|(path, _)| path.matches('{').count());
    let Some((_, methods)) = found else { return Vec::new() };
    let parameters = methods["get"]["parameters"].as_array().into_iter().flatten();
    let mut queries = Vec::new();
    for name in parameters.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str()) {
        let known = API_PARAMETERS.iter().find(|(known, _)| *known == name);
        let (_, values) =
            known.unwrap_or_else(|| panic!("{place} takes `{name}`: say in API_PARAMETERS how to ask it"));
        queries.extend(values.iter().map(|value| format!("{name}={value}")));
    }
    queries
}

fn collect_numbers(value: &Value, numbers: &mut Vec<f64>) {
    match value {
        Value::Number(number) => numbers.extend(number.as_f64()),
        Value::Array(values) => values.iter().for_each(|value| collect_numbers(value, numbers)),
        Value::Object(fields) => fields.values().for_each(|value| collect_numbers(value, numbers)),
        _ => {}
    }
}

/// A score in full, as in JSON, and with four decimals, as on pages.
fn written(number: f64) -> [String; 2] {
    [number.to_string(), format!("{number:.4}")]
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn before_the_preview_nothing_final_is_anywhere_and_until_the_reveal_organisers_alone_see_it(db: PgPool) {
    let sealed = Sealed::new(db).await;
    let world = &sealed.world;
    let mut all = BTreeMap::new();
    for stage in ["open", "past its date, not swept", "closed, not frozen", "frozen"] {
        match stage {
            "past its date, not swept" => world.wait(Duration::minutes(9)),
            "closed, not frozen" => world.take_due_steps().await,
            "frozen" => {
                world.wait(Duration::minutes(2));
                world.take_due_steps().await;
            }
            _ => {}
        }
        let ending = world.track().await.ending;
        assert_eq!((ending.entries_frozen_at.is_some(), ending.final_begun_at), (stage == "frozen", None), "{stage}");
        sealed.assert_nothing_exists(stage).await;
        let clients = sealed.others.iter().chain(&sealed.organisers).filter(|client| client.looks_at(stage));
        let seen = sealed.look(clients).await;
        all.extend(seen.into_iter().map(|((name, place), text)| ((stage, name, place), text)));
        sealed.assert_nothing_exists(stage).await;
    }
    let before: BTreeMap<(String, String), String> = all
        .iter()
        .filter(|((stage, ..), _)| *stage == "frozen")
        .map(|((_, name, place), text)| ((name.clone(), place.clone()), text.clone()))
        .collect();
    let (log_before, refusals) = (sealed.log().await, sealed.refusals().await);
    let stream = Actor::visitor().request("GET", &format!("{TRACK_URL}/leaderboard/events"));
    let mut stream = world.open(stream.body(Body::empty()).expect("a request")).await.into_body();

    let bobs = world.uploads().join(format!("{}.zip", sealed.submissions[2]));
    let away = bobs.with_extension("away");
    for stage in ["begun", "one is scored and one went wrong", "ready"] {
        match stage {
            "begun" => assert_eq!(world.preview().await, (0, 2)),
            "ready" => {
                world.sql("update jobs set run_after = clock_timestamp()").await;
                assert_eq!(world.drain().await, [Step::Scored(World::id(&sealed.submissions[2]))]);
                assert_eq!(world.preview().await, (2, 2));
            }
            _ => {
                fs::rename(&bobs, &away).expect("the upload is there");
                assert_eq!(world.drain().await.len(), 2);
                fs::rename(&away, &bobs).expect("moved back");
                assert_eq!(world.count("jobs where split = 'final' and errors = 1").await, 1);
                assert_eq!(world.count("scorings where split = 'final'").await, 1);
            }
        }
        for ((name, place), text) in sealed.look(sealed.others.iter().filter(|client| client.looks_at(stage))).await {
            if is_of_the_log(&place) {
                continue;
            }
            let was = &before[&(name.clone(), place.clone())];
            assert!(*was == text, "{stage}: {name} notices it at {place}:\n{}", difference(was, &text));
        }
        assert_eq!(sealed.refusals().await, refusals, "{stage}");
        let log = sealed.log().await;
        let [new] = &log[log_before.len()..] else { panic!("{stage}: {log:#?}") };
        assert_eq!((&new["kind"], &new["public"]), (&"final_begun".into(), &serde_json::json!({})), "{stage}");
        for client in &sealed.others {
            let hidden = client.actor.get(world, &format!("{TRACK_URL}/final")).await;
            assert!(hidden.status.is_client_error(), "{stage}, {}: {hidden:?}", client.name);
        }
    }
    assert_eq!(world.count("official_rankings").await, 0);
    // Whoever has watched the board all the while has heard of no change of it.
    while let Ok(Some(frame)) = tokio::time::timeout(std::time::Duration::from_millis(200), stream.frame()).await {
        let heard = frame.expect("a stream that goes on").into_data().expect("data");
        assert!(!String::from_utf8_lossy(&heard).contains("event"), "{heard:?}");
    }

    // The digits themselves, which organisers see now, and nobody saw before.
    let needles = sealed.needles().await;
    let found = |text: &str| needles.iter().filter(|needle| text.contains(needle.as_str())).count();
    for client in &sealed.organisers {
        let shown = client.actor.get(world, &format!("{TRACK_URL}/final")).await.expect(StatusCode::OK);
        assert!(found(shown.text()) >= 2, "{}: {}", client.name, shown.text());
        assert_eq!(shown.json()["ready"], 2);
    }
    for ((stage, name, place), text) in &all {
        let shown: Vec<_> = needles.iter().filter(|needle| text.contains(needle.as_str())).collect();
        assert!(shown.is_empty(), "{stage}: {name} sees {shown:?} at {place}");
    }
    // The test is not blind: once they are revealed, everybody sees them at these very places.
    world.reveal(LabelsAtReveal::Keep).await;
    let revealed = sealed.look(sealed.others.iter().take(1)).await;
    assert!(revealed.values().any(|text| found(text) >= 2), "the reveal shows nothing");
}

/// The lines in which two texts differ.
fn difference(before: &str, after: &str) -> String {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    let (before, after) = (lines(before), lines(after));
    let gone = before.difference(&after).map(|line| format!("- {line}"));
    let new = after.difference(&before).map(|line| format!("+ {line}"));
    gone.chain(new).collect::<Vec<_>>().join("\n")
}
