//! The second half of a competition by its commands, with the real program: the deadline, the freeze, the final ranking, the
//! reveal; and labels that are kept elsewhere until the close.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, PgPool};
use tempfile::TempDir;

use crate::support::{
    Client, MODELS, Running, SCENARIOS, SignedIn, callimico, database_url, done, folder, free_address, perfect_zip,
    run, stderr, stdout, text, write_track, zip,
};

const TRACK: &str = "/competitions/c/tracks/tiny";

/// A data folder with a running server that has no workers.
struct Place {
    folder: TempDir,
    data: String,
    address: String,
    _server: Running,
    db: PgPool,
}

impl Place {
    async fn new() -> Self {
        let folder = folder();
        let (data, address) = (text(&folder.path().join("data")).to_owned(), free_address());
        let server = Running::start(&["serve", "--data-dir", &data, "--bind", &address, "--workers", "0"]);
        Client::new(&address, "").wait_until_ready().await;
        let db = PgPool::connect(&database_url(&data)).await.expect("connected");
        Self { folder, data, address, _server: server, db }
    }

    /// Runs a command that must succeed; returns its stdout.
    fn done(&self, args: &[&str]) -> String {
        done(&[args, &["--data-dir", &self.data]].concat())
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[args, &["--json"]].concat())).expect("JSON")
    }

    /// Runs a command that must be refused with exit code 2 and this text.
    fn refused(&self, args: &[&str], told: &str) {
        let output = run(&[args, &["--data-dir", &self.data]].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}{}", stdout(&output), stderr(&output));
        assert!(stderr(&output).contains(told), "{args:?}: {}", stderr(&output));
    }

    fn import(&self, directory: &Path) {
        self.done(&["import", text(directory), "--competition", "c", "--no-release"]);
    }

    async fn participant(&self, name: &str) -> Client {
        self.done(&["user", "create", name, "--email", &format!("{name}@example.org")]);
        let client = Client::new(&self.address, &self.done(&["user", "token", name]));
        client.enrol().await.expect("enrolled");
        client
    }

    fn worker(&self) -> Running {
        Running::start(&["worker", "--data-dir", &self.data, "--workers", "1"])
    }

    async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.db).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// A time of the database's clock so many seconds ahead, as track.yaml has it.
    async fn ahead(&self, seconds: i32) -> String {
        let text = "select to_char(clock_timestamp() at time zone 'UTC' + make_interval(secs => $1), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
        sqlx::query_scalar(text).bind(f64::from(seconds)).fetch_one(&self.db).await.expect("a time")
    }

    /// Nobody waits for two minutes here: the close is moved back by so much.
    async fn end_the_grace(&self) {
        self.sql("update tracks set closes_at = closes_at - interval '2 minutes' where phase = 'closed'").await;
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let status = self.json(&["track", "status", "c/tiny"]);
            if is_so(&status) {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{what}: {status}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn kinds(&self) -> Vec<String> {
        let log = Client::new(&self.address, "").bytes(&format!("{TRACK}/log")).await.expect("a log");
        let kind = |line: Result<scoring::log::LogLine<'_>, _>| {
            let event: Value = serde_json::from_slice(line.expect("a chain").event).expect("JSON");
            let step = event["public"]["step"].as_str().map(str::to_owned);
            step.unwrap_or_else(|| event["kind"].as_str().expect("a kind").to_owned())
        };
        scoring::log::lines(&log, None).map(kind).collect()
    }
}

/// Right about the members, and wrong about so many of the others.
fn wrong_about(points: usize) -> Vec<u8> {
    zip(|point| if point % 2 == 0 || point < 2 * points { 0.9 } else { 0.1 }, |_, text| Some(text))
}

/// A command that runs beside the test.
fn beside(args: &[&str]) -> std::process::Child {
    let command = callimico().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    command.expect("it starts")
}

fn ended(child: std::process::Child) -> Output {
    child.wait_with_output().expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_competition_ends_by_its_commands() {
    let place = Place::new().await;
    let directory = write_track(place.folder.path());
    let yaml =
        |closes: &str| format!("title: Tiny\nlimits: {{per_day: 1000, total: 1000}}\ndates: {{closes: {closes}}}\n");
    fs::write(directory.join("track.yaml"), yaml("2099-01-01T00:00:00Z")).expect("written");
    place.import(&directory);
    place.refused(&["track", "close", "c/tiny"], "c/tiny is draft: close is not possible there");
    place.refused(&["track", "preview", "c/tiny"], "c/tiny is draft: preview is not possible there");
    place.refused(&["track", "open", "c/nothing"], "there is no track c/nothing");
    let opened = place.json(&["track", "open", "c/tiny"]);
    assert_eq!((&opened["phase"], opened.get("already")), (&json!("open"), None), "{opened}");
    assert_eq!(place.json(&["track", "open", "c/tiny"])["already"], true);

    // Dates: with an offset, later than the present one.
    for at in ["tomorrow", "2099-02-01", "2099-02-01T00:00:00"] {
        let told = "a time has a date and an offset, such as 2026-12-01T23:59:00-12:00";
        place.refused(&["track", "extend", "c/tiny", "--closes-at", at], told);
    }
    place.refused(&["track", "extend", "c/tiny", "--closes-at", "2098-01-01T00:00:00Z"], "an extension is later");
    place.refused(&["track", "reopen", "c/tiny", "--closes-at", "2099-02-01T00:00:00Z"], "reopen is not possible");
    let extend = ["track", "extend", "c/tiny", "--closes-at", "2099-02-01T12:00:00+12:00", "--reason", "a holiday"];
    assert!(place.json(&extend).get("already").is_none());
    assert_eq!(place.json(&extend)["already"], true);
    assert_eq!(place.json(&["track", "status", "c/tiny"])["closes_at"], "2099-02-01T00:00:00Z");

    // The deadline passes with uploads under way: one has arrived and waits for its decision, of the other the last byte is
    // missing. Nothing is scored yet, since nobody works.
    let (ada, bob, eve) =
        (place.participant("ada").await, place.participant("bob").await, place.participant("eve").await);
    assert_eq!(ada.submit(perfect_zip()).await.expect("an answer").0, 201);
    assert_eq!(bob.submit(wrong_about(2)).await.expect("an answer").0, 201);
    let mut waiting = PgConnection::connect(&database_url(&place.data)).await.expect("connected");
    let mut lock = waiting.begin().await.expect("a transaction");
    let hold = "select id from participants where name = 'bob' for update";
    sqlx::query(hold).execute(&mut *lock).await.expect("a lock");
    let closes = place.ahead(4).await;
    fs::write(directory.join("track.yaml"), yaml(&closes)).expect("written");
    place.import(&directory);
    let bob = tokio::spawn(async move { bob.submit(wrong_about(1)).await.expect("an answer") });
    let (close, closed) = tokio::sync::oneshot::channel();
    let late = async move { closed.await.expect("a close") };
    let eve = tokio::spawn(async move { eve.submit_slowly(perfect_zip(), late).await.expect("an answer") });
    let status = place.until("closed at its date", |status| status["phase"] == "closed").await;
    assert_eq!(status["freeze"]["waiting_for_dev"], 2, "{status}");
    assert!(status["freeze"]["not_before"].is_string(), "{status}");
    close.send(()).expect("she waits for it");
    let (status, answer) = eve.await.expect("no panic");
    assert_eq!((status, &answer["code"]), (403, &json!("closed")), "its last byte came too late");
    // The sweeper writes the close within two seconds.
    while !place.kinds().await.contains(&"close".to_owned()) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    lock.commit().await.expect("released");
    let (status, answer) = bob.await.expect("no panic");
    assert_eq!(status, 201, "its last byte came in time: {answer}");
    let late_but_in_time = answer["id"].clone();

    // The preview waits for the grace, then for the dev scores, then for the final ones.
    place.refused(&["track", "reveal", "c/tiny", "--keep-labels", "--yes"], "begin the preview first");
    let preview = ["track", "preview", "c/tiny", "--json", "--data-dir", &place.data.clone()];
    let preview = beside(&preview);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(place.json(&["track", "close", "c/tiny"])["already"], true);
    place.end_the_grace().await;
    let status = place.json(&["track", "status", "c/tiny"]);
    assert_eq!(
        status["freeze"],
        json!({"waiting_for_dev": 3, "waiting_for_rescoring": 0, "not_before": null}),
        "{status}"
    );
    assert_eq!((&status["final"], &status["frozen_at"]), (&Value::Null, &Value::Null), "{status}");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let worker = place.worker();
    let preview = tokio::task::spawn_blocking(move || ended(preview)).await.expect("no panic");
    drop(worker);
    assert_eq!(preview.status.code(), Some(0), "{}", stderr(&preview));
    for told in [
        "uploads that were under way at the close are taken until",
        "The entries wait for 3 dev scores.",
        "final scores",
    ] {
        assert!(stderr(&preview).contains(told), "{told}: {}", stderr(&preview));
    }
    let shown: Value = serde_json::from_str(&stdout(&preview)).expect("JSON");
    assert_eq!((&shown["ready"], &shown["of"], &shown["failed"]), (&json!(2), &json!(2), &json!([])));
    let ranked: Vec<&str> =
        shown["entries"].as_array().expect("entries").iter().filter_map(|one| one["participant"].as_str()).collect();
    assert_eq!(ranked, ["ada", "bob"]);
    assert_eq!(shown["entries"][1]["submission"], late_but_in_time, "what came in time is what counts");
    let status = place.json(&["track", "status", "c/tiny"]);
    assert_eq!(status["final"], json!({"ready": 2, "of": 2}));
    assert_eq!((&status["before_reveal"], &status["entries"]), (&json!([]), &json!(2)), "{status}");
    // Asked again it only prints.
    let printed = place.done(&["track", "preview", "c/tiny"]);
    assert!(printed.lines().nth(1).is_some_and(|line| line.contains("1  ada")), "{printed}");
    place.refused(&["track", "reopen", "c/tiny", "--closes-at", "2099-02-01T00:00:00Z"], "A preview has begun");
    place.refused(&["track", "extend", "c/tiny", "--closes-at", "2099-02-01T00:00:00Z"], "c/tiny is closed");

    // Nobody but organisers sees it yet.
    let hidden = ada.get(&format!("{TRACK}/leaderboard?split=final")).await.expect("an answer");
    assert_eq!(hidden["code"], "not_revealed");
    assert_eq!(ada.get(&format!("{TRACK}/final")).await.expect("an answer")["code"], "not_found");

    // The reveal says what becomes of the labels, and is confirmed.
    place.refused(&["track", "reveal", "c/tiny", "--yes"], "--open-labels");
    place.refused(&["track", "reveal", "c/tiny", "--yes", "--open-labels", "--keep-labels"], "cannot be used with");
    place.refused(&["track", "reveal", "c/tiny", "--keep-labels"], "If you mean c/tiny, say --yes.");
    assert_eq!(place.json(&["track", "status", "c/tiny"])["phase"], "closed");
    let reveal = ["track", "reveal", "c/tiny", "--keep-labels", "--yes"];
    let revealed = place.json(&reveal);
    assert_eq!((&revealed["phase"], revealed.get("already")), (&json!("revealed"), None), "{revealed}");
    let again = place.json(&reveal);
    assert_eq!((&again["phase"], &again["already"]), (&json!("revealed"), &json!(true)));
    let again = run(&[&reveal[..], &["--data-dir", &place.data]].concat());
    assert_eq!((again.status.code(), stderr(&again).trim()), (Some(0), "c/tiny was revealed already"));
    place.refused(&["track", "reveal", "c/tiny", "--open-labels", "--yes"], "c/tiny is revealed");
    for step in ["close", "preview"] {
        place.refused(&["track", step, "c/tiny"], &format!("c/tiny is revealed: {step} is not possible there"));
    }
    let board = ada.get(&format!("{TRACK}/leaderboard?split=final")).await.expect("a board");
    assert_eq!(board["entries"], shown["entries"], "what is public is what was shown before");
    assert_eq!(ada.get(&format!("{TRACK}/opening")).await.expect("an answer")["code"], "not_opened");

    // Provisional, then final; the labels kept, then opened.
    let results = |version: i32, provisional: bool| json!({"version": version, "provisional": provisional});
    assert_eq!(place.json(&["track", "status", "c/tiny"])["results"], results(1, true));
    assert!(place.json(&["track", "final", "c/tiny"]).get("already").is_none());
    assert_eq!(place.json(&["track", "final", "c/tiny"])["already"], true);
    assert_eq!(place.json(&["track", "status", "c/tiny"])["results"], results(1, false));
    place.refused(&["track", "open-labels", "c/tiny"], "say --yes");
    assert!(place.json(&["track", "open-labels", "c/tiny", "--yes"]).get("already").is_none());
    assert_eq!(place.json(&["track", "open-labels", "c/tiny", "--yes"])["already"], true);
    let opening = place.folder.path().join("opening.json");
    fs::write(&opening, ada.bytes(&format!("{TRACK}/opening")).await.expect("an opening")).expect("written");
    let commitment = ada.get(&format!("{TRACK}/commitment")).await.expect("a commitment");
    done(&["verify-labels", text(&opening), "--root", commitment["root"].as_str().expect("a root")]);
    let expected = [
        "import",
        "commitment",
        "open",
        "extend",
        "submission_accepted",
        "submission_accepted",
        "settings",
        "close",
        "submission_accepted",
        "scored",
        "scored",
        "scored",
        "entries_frozen",
        "final_begun",
        "reveal",
        "official_ranking",
        "final",
        "open-labels",
    ];
    assert_eq!(place.kinds().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn organisers_end_it_by_http_as_well_and_a_token_cannot_do_what_cannot_be_undone() {
    let place = Place::new().await;
    let directory = write_track(place.folder.path());
    place.import(&directory);
    place.done(&["track", "open", "c/tiny"]);
    let ada = place.participant("ada").await;
    assert_eq!(ada.submit(perfect_zip()).await.expect("an answer").0, 201);
    let password = place.done(&["user", "create", "olga", "--email", "olga@example.org"]);
    place.done(&["organiser", "add", "c", "olga"]);
    let olga = SignedIn::new(&place.address, "olga", password.trim()).await;
    let step = async |body: Value| {
        let answer = olga.post(&place.address, &format!("{TRACK}/phase"), &body).await.expect("an answer");
        (answer.0, answer.1)
    };
    let (status, closed) = step(json!({"step": "close", "reason": "it is late"})).await;
    assert_eq!((status, &closed["phase"]), (200, &json!("closed")), "{closed}");
    let (status, early) = step(json!({"step": "preview"})).await;
    assert_eq!((status, &early["code"]), (409, &json!("not_ready")), "{early}");
    let freeze = &early["problems"][0]["freeze"];
    assert_eq!(freeze["waiting_for_dev"], 1, "{early}");
    assert!(freeze["not_before"].is_string(), "{early}");
    place.sql("update tracks set closes_at = closes_at - interval '2 minutes' where phase = 'closed'").await;
    let worker = place.worker();
    place.until("frozen", |status| status["frozen_at"].is_string()).await;
    let step =
        async |body: Value| olga.post(&place.address, &format!("{TRACK}/phase"), &body).await.expect("an answer");
    assert_eq!(step(json!({"step": "preview"})).await, (202, json!({"ready": 0, "of": 1})));
    place.until("scored", |status| status["final"] == json!({"ready": 1, "of": 1})).await;
    drop(worker);
    let reveal = |confirm: &str| json!({"step": "reveal", "labels": "open", "confirm": confirm});
    let (status, refused) = step(reveal("tiny")).await;
    assert_eq!((status, &refused["code"]), (422, &json!("not_confirmed")));
    let (status, revealed) = step(reveal("c/tiny")).await;
    assert_eq!((status, revealed.get("already")), (200, None), "{revealed}");
    assert_eq!(step(reveal("c/tiny")).await.1["already"], true);
    // By command it is done already, too.
    assert_eq!(place.json(&["track", "reveal", "c/tiny", "--open-labels", "--yes"])["already"], true);
    let said = stderr(&run(&["track", "reveal", "c/tiny", "--keep-labels", "--yes", "--data-dir", &place.data]));
    assert!(said.contains("reveal is not possible there"), "{said}");
}

/// The track without the labels of its final split; its models are there.
fn without_final_labels(directory: &Path, to: &Path) -> PathBuf {
    let copy = to.join("tiny");
    for scenario in SCENARIOS {
        for (split, models) in MODELS {
            for model in models {
                let path = Path::new(scenario).join(split).join(model);
                fs::create_dir_all(copy.join(&path)).expect("a folder");
                fs::write(copy.join(&path).join("model.onnx"), "a model").expect("written");
                if split != "final" {
                    let file = path.join("solution.csv");
                    fs::copy(directory.join(&file), copy.join(&file)).expect("copied");
                }
            }
        }
    }
    fs::copy(directory.join("track.yaml"), copy.join("track.yaml")).expect("copied");
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_that_are_kept_elsewhere_are_taken_whole_with_the_salts_of_their_commitment_and_not_otherwise() {
    let place = Place::new().await;
    let directory = write_track(place.folder.path());
    let public = without_final_labels(&directory, &place.folder.path().join("public"));
    let path = |name: &str| place.folder.path().join(name);
    let (salts, others) = (path("salts.json"), path("others.json"));
    let root = done(&["commit", text(&directory), "--out", text(&salts)]);
    let root = root.trim();
    done(&["commit", text(&directory), "--out", text(&others)]);
    place.import(&public);

    place.refused(&["track", "open", "c/tiny"], "--commitment ROOT");
    place.refused(&["track", "open", "c/tiny", "--commitment", "12"], "invalid value");
    place.refused(&["track", "open", "c/tiny", "--commitment", root, "--uncommitted-final"], "cannot be used with");
    place.done(&["track", "open", "c/tiny", "--commitment", root]);
    assert_eq!(place.json(&["track", "open", "c/tiny", "--commitment", root])["already"], true);
    place.refused(&["track", "open", "c/tiny", "--commitment", &"0".repeat(64)], "open is not possible there");
    let status = place.json(&["track", "status", "c/tiny"]);
    assert_eq!((&status["commitment"], &status["final_labels"]), (&json!(root), &json!(false)), "{status}");
    let ada = place.participant("ada").await;
    assert_eq!(ada.submit(perfect_zip()).await.expect("an answer").0, 201);
    let commitment = ada.get(&format!("{TRACK}/commitment")).await.expect("a commitment");
    assert_eq!((&commitment["root"], &commitment["opened"]), (&json!(root), &json!(false)), "{commitment}");

    place.done(&["track", "close", "c/tiny"]);
    place.end_the_grace().await;
    let worker = place.worker();
    place.until("frozen", |status| status["frozen_at"].is_string()).await;
    place.refused(&["track", "preview", "c/tiny"], "The labels of the final split are missing");

    // Other salts, some of the salts, salts for a track of another name, no salts, and other labels: all refused, whole.
    let import = |directory: &Path, salts: Option<&Path>| -> Vec<String> {
        let mut args = vec!["import", text(directory), "--competition", "c", "--no-release", "--final-labels"];
        args.extend(salts.iter().flat_map(|salts| ["--salts", text(salts)]));
        args.into_iter().map(str::to_owned).collect()
    };
    let read = || -> Value { serde_json::from_str(&fs::read_to_string(&salts).expect("salts")).expect("JSON") };
    let write = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut value = read();
        change(&mut value);
        fs::write(path(name), value.to_string()).expect("written");
        path(name)
    };
    let partial = write("partial.json", &|salts| {
        salts["salts"].as_object_mut().expect("salts").remove("tiny_lo/final/model_4");
    });
    let more = write("more.json", &|salts| salts["salts"]["tiny_lo/final/model_9"] = json!("0".repeat(64)));
    let of_another = write("another.json", &|salts| salts["track"] = json!("small"));
    let broken = path("broken.json");
    fs::write(&broken, "{").expect("written");
    let relabelled = path("relabelled");
    fs::create_dir(&relabelled).expect("a folder");
    let relabelled = write_track(&relabelled);
    fs::write(relabelled.join("tiny_hi/final/model_3/solution.csv"), "0,1,0,1,0,1,0,1,0,1").expect("written");
    let fewer = path("fewer");
    fs::create_dir(&fewer).expect("a folder");
    let fewer = write_track(&fewer);
    fs::write(fewer.join("tiny_hi/final/model_3/model.onnx"), "a model").expect("written");
    fs::remove_file(fewer.join("tiny_hi/final/model_3/solution.csv")).expect("removed");
    for (args, told) in [
        (import(&directory, Some(&others)), "the labels and salts give the root"),
        (import(&directory, Some(&partial)), "the salts have none for tiny_lo/final/model_4"),
        (import(&directory, Some(&more)), "the salts name tiny_lo/final/model_9"),
        (import(&directory, Some(&of_another)), "the salts are those of the track `small`"),
        (import(&directory, Some(&broken)), "has no salts"),
        (import(&directory, None), "give the salts of the commitment"),
        (import(&relabelled, Some(&salts)), "the labels and salts give the root"),
        (import(&fewer, Some(&salts)), "tiny_hi/final/model_3/solution.csv is missing"),
        (import(&fewer, None), "tiny_hi/final/model_3/solution.csv is missing"),
        (import(&public, Some(&salts)), "the directory has no labels of the final split"),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        place.refused(&args, told);
        let status = place.json(&["track", "status", "c/tiny"]);
        assert_eq!((&status["commitment"], &status["final_labels"]), (&json!(root), &json!(false)), "{args:?}");
    }
    let stored: i64 = sqlx::query_scalar("select count(*) from solutions where split = 'final' or salt is not null")
        .fetch_one(&place.db)
        .await
        .expect("counted");
    assert_eq!(stored, 0, "nothing of a refused set is kept");

    // The right ones are taken, and doing it twice changes nothing.
    let right = import(&directory, Some(&salts));
    let right: Vec<&str> = right.iter().map(String::as_str).collect();
    place.done(&right);
    assert!(place.done(&right).contains("nothing changes"));
    let status = place.json(&["track", "status", "c/tiny"]);
    assert_eq!((&status["commitment"], &status["final_labels"]), (&json!(root), &json!(true)), "{status}");
    let told = ada.get(&format!("{TRACK}/commitment")).await.expect("a commitment");
    assert_eq!((&told["root"], &told["made_at"]), (&json!(root), &commitment["made_at"]), "as it was made");
    place.done(&["track", "preview", "c/tiny"]);
    drop(worker);
    place.done(&["track", "reveal", "c/tiny", "--open-labels", "--yes"]);
    let opening = path("opening.json");
    fs::write(&opening, ada.bytes(&format!("{TRACK}/opening")).await.expect("an opening")).expect("written");
    let said = done(&["verify-labels", text(&opening), "--root", root]);
    assert!(said.starts_with("ok"), "{said}");
    let board = ada.get(&format!("{TRACK}/leaderboard?split=final")).await.expect("a board");
    assert_eq!(board["entries"][0]["average_TPR_FPR_1000"], 1.0);
    // A correction with a slip in a model's name is refused whole, not made without that model.
    let slip = path("slip");
    for model in ["model_3", "model_33"] {
        let model = slip.join("tiny_hi/final").join(model);
        fs::create_dir_all(&model).expect("a folder");
        fs::write(model.join("solution.csv"), "0,1,0,1,0,1,0,1,0,1").expect("written");
    }
    let correct = ["track", "correct", "c/tiny", "--labels", text(&slip), "--reason", "exported twice", "--yes"];
    place.refused(&correct, "tiny_hi/final/model_33/solution.csv is of no dev or final model of c/tiny");
    let expected = [
        "import",
        "commitment",
        "open",
        "submission_accepted",
        "close",
        "scored",
        "entries_frozen",
        "final_begun",
        "reveal",
        "official_ranking",
    ];
    assert_eq!(place.kinds().await, expected);
}
