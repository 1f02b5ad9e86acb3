//! Who takes part, as organisers decide it: every decision in every phase, what it does to boards, official entries and the
//! log, and the ways to it: service, API and page.

use std::io::Cursor;
use std::sync::Arc;

use axum::http::{StatusCode, header};
use callimico::domain::account::TokenScope;
use callimico::domain::participant::Decision;
use callimico::domain::phase::Phase;
use callimico::domain::reason::Reason;
use callimico::proof::{Published, reproduce};
use callimico::service::export::{self, ExportFor};
use callimico::service::lifecycle::{By, LabelsAtReveal};
use callimico::service::participants::{self, Done, ParticipantsError, Who};
use callimico::store::log::MOST_LINES;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Actor, Answer, TRACK_URL, Upload, World, assert_says, reason};

const PAGE: &str = "/c/mico/tiny/organise/participants";

async fn decide(
    world: &World,
    names: &[&str],
    decision: Decision,
    reason: Option<&Reason>,
) -> Result<Done, ParticipantsError> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    participants::decide(&world.app, &World::path(), Who::Named(&names), decision, By { user: None, reason }).await
}

/// The kinds of the log's events about participants, in their order.
async fn told(world: &World) -> Vec<String> {
    let track = world.track().await.id;
    let lines = callimico::store::log::lines(&world.app.db, track, 1, MOST_LINES).await.expect("an answer");
    let kind = |event: &[u8]| {
        let event: Value = serde_json::from_slice(event).expect("JSON");
        event["kind"].as_str().expect("a kind").to_owned()
    };
    lines.iter().map(|line| kind(&line.event)).filter(|kind| kind.starts_with("participant_")).collect()
}

async fn on_board(world: &World, split: &str) -> Vec<String> {
    let board = Actor::visitor().get(world, &format!("{TRACK_URL}/leaderboard?split={split}")).await.json();
    let entries = board["entries"].as_array().expect("a list").iter();
    entries.map(|entry| entry["participant"].as_str().expect("a name").to_owned()).collect()
}

async fn sends(actor: &Actor, world: &World, url: &str, fields: &str) -> Answer {
    let request = actor
        .request("POST", url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin");
    world.ask(request.body(fields.to_owned().into()).expect("a request")).await
}

/// Sends a form of the page that must be taken; answers the page that it leads to.
async fn does(actor: &Actor, world: &World, fields: &str) -> String {
    // What was decided in one act is found again by its instant.
    world.wait(time::Duration::SECOND);
    let answer = sends(actor, world, PAGE, fields).await.expect(StatusCode::SEE_OTHER);
    let location = answer.header(header::LOCATION).to_owned();
    actor.get(world, &location).await.expect(StatusCode::OK).text().to_owned()
}

async fn patch(actor: &Actor, world: &World, name: &str, body: &Value) -> Answer {
    let url = format!("{TRACK_URL}/participants/{name}");
    let request = actor.request("PATCH", &url).header(header::CONTENT_TYPE, "application/json");
    world.ask(request.body(body.to_string().into()).expect("a request")).await
}

/// Ada and bob with an entry each; ada's is the better one.
async fn two_entries(world: &World) {
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    ada.submitted(world, Upload::hitting_by_split(11, 13).zip()).await;
    bob.submitted(world, Upload::hitting_by_split(9, 8).zip()).await;
    world.drain().await;
}

/// Where a participant stands before a decision: status, what it was before, and whether they took part.
type Before = (&'static str, Option<&'static str>, bool);

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_decision_does_in_every_phase_what_the_table_says(db: PgPool) {
    use Decision::{Approve, Deny, Restore, Withdraw};
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Is {
        /// It stood so before.
        Same,
        /// The log says nothing of it.
        Silent,
        /// It counts no more.
        Out,
        /// It counts again.
        Back,
        /// An approval, of which the log says nothing.
        New,
        /// An approval of somebody who took part before.
        NewBack,
    }
    use Is::{Back, New, NewBack, Out, Same, Silent};
    let decisions = [Approve, Deny, Withdraw, Restore];
    let table: [(Before, [Is; 4]); 8] = [
        //                                           approve  deny    withdraw  restore
        (("pending", None, false), [New, Silent, Silent, Same]),
        (("pending", None, true), [NewBack, Silent, Silent, Same]),
        (("approved", None, true), [Same, Out, Out, Same]),
        (("denied", Some("pending"), false), [New, Same, Silent, Silent]),
        (("denied", Some("pending"), true), [NewBack, Same, Silent, Silent]),
        (("denied", Some("approved"), true), [Back, Same, Silent, Back]),
        (("withdrawn", Some("pending"), false), [New, Silent, Same, Silent]),
        (("withdrawn", Some("approved"), true), [Back, Silent, Same, Back]),
    ];
    let world = World::new(db).await;
    world.participant("ada").await;
    let why = reason("they asked for it");
    for (phase, approves, is_free) in [
        (Phase::Draft, true, true),
        (Phase::Open, true, true),
        (Phase::Closed, false, false),
        (Phase::Revealed, false, false),
        (Phase::Benchmark, true, true),
    ] {
        let set = sqlx::query("update tracks set phase = $1::track_phase").bind(phase.as_str());
        set.execute(&world.app.db).await.expect("a phase");
        for (from, expected) in table {
            for (decision, is) in decisions.into_iter().zip(expected) {
                for given in [None, Some(&why)] {
                    let (status, before, took_part) = from;
                    sqlx::query(
                        "update participants set status = $1::participant_status, status_before = $2::participant_status,
                             approved_at = case when $3 then created_at end, status_reason = null",
                    )
                    .bind(status)
                    .bind(before)
                    .bind(took_part)
                    .execute(&world.app.db)
                    .await
                    .expect("a participant");
                    let events = told(&world).await.len();
                    let case = format!("{phase:?}: {decision:?} of {from:?}, {given:?}");
                    let done = decide(&world, &["ADA"], decision, given).await;
                    let now_told = told(&world).await;
                    let new = &now_told[events..];
                    match (is, done) {
                        (Same, Ok(done)) => {
                            assert_eq!((done.changed.len(), done.already.len(), done.log), (0, 1, None), "{case}");
                            assert!(new.is_empty(), "{case}: {new:?}");
                        }
                        (New | NewBack, Err(ParticipantsError::NoApprovals { .. })) if !approves => {
                            assert!(new.is_empty(), "{case}: {new:?}");
                        }
                        (_, Err(ParticipantsError::NeedsReason(_))) if !is_free && given.is_none() => {
                            assert!(new.is_empty(), "{case}: {new:?}");
                        }
                        (is, Ok(done)) => {
                            assert!(approves || !matches!(is, New | NewBack), "{case}: approved");
                            assert!(is_free || given.is_some(), "{case}: no reason");
                            assert_eq!((done.changed.len(), done.already.len()), (1, 0), "{case}");
                            let expected: &[&str] = match is {
                                Out => &["participant_removed"],
                                Back | NewBack => &["participant_returned"],
                                Same | Silent | New => &[],
                            };
                            assert_eq!(new, expected, "{case}");
                            assert_eq!(done.log.is_some(), !expected.is_empty(), "{case}");
                            let stored: Option<String> = sqlx::query_scalar("select status_reason from participants")
                                .fetch_one(&world.app.db)
                                .await
                                .expect("a participant");
                            assert_eq!(stored.as_deref(), given.map(Reason::as_str), "{case}");
                        }
                        (is, Err(error)) => panic!("{case} is {is:?}: {error}"),
                    }
                }
            }
        }
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_official_entry_goes_out_and_comes_back_before_and_after_the_reveal(db: PgPool) {
    let world = World::with_yaml(db, "publish_entries: true\n").await;
    two_entries(&world).await;
    let why = reason("two accounts");
    world.freeze().await;
    decide(&world, &["ada"], Decision::Deny, Some(&why)).await.expect("taken out");
    assert_eq!(on_board(&world, "dev").await, ["bob"]);
    assert_eq!(world.preview().await, (0, 1));
    world.drain().await;
    assert_eq!(world.preview().await, (1, 1));
    // Back in the preview, which waits for the score that was not made.
    decide(&world, &["ada"], Decision::Restore, Some(&why)).await.expect("back");
    assert_eq!(on_board(&world, "dev").await, ["ada", "bob"]);
    assert_eq!(world.preview().await, (1, 2));
    world.drain().await;
    assert_eq!(world.preview().await, (2, 2));
    world.reveal(LabelsAtReveal::Open).await;
    assert_eq!(on_board(&world, "final").await, ["ada", "bob"]);

    let results = async |version: Option<u32>| {
        let query = version.map_or_else(String::new, |version| format!("?version={version}"));
        Actor::visitor().get(&world, &format!("{TRACK_URL}/results{query}")).await.expect(StatusCode::OK).json()
    };
    let first = results(None).await;
    decide(&world, &["ada"], Decision::Withdraw, Some(&why)).await.expect("taken out");
    assert_eq!(on_board(&world, "final").await, ["bob"]);
    let second = results(None).await;
    assert_eq!((&second["version"], &second["winners"]), (&json!(2), &json!(["bob"])));
    assert_eq!(second["versions"][1]["changes"], json!(["removed"]));
    assert_eq!(results(Some(1)).await["entries"], first["entries"], "an old version stays as it was");
    // Once more is nothing new.
    let again = decide(&world, &["ada"], Decision::Withdraw, Some(&why)).await.expect("withdrawn");
    assert_eq!((again.log, results(None).await["version"].clone()), (None, json!(2)));

    decide(&world, &["ada"], Decision::Restore, Some(&why)).await.expect("back");
    let third = results(None).await;
    assert_eq!((&third["version"], &third["winners"]), (&json!(3), &json!(["ada"])));
    assert_eq!(third["versions"][2]["changes"], json!(["returned"]));
    let events = ["participant_removed", "participant_returned", "participant_removed", "participant_returned"];
    assert_eq!(told(&world).await, events);

    // Nobody who was never approved has anything in it, and the log proves every version.
    let mut bytes = Vec::new();
    export::write(&world.app, &World::path(), ExportFor::Organisers, &mut bytes).await.expect("an export");
    let report = reproduce(Cursor::new(&bytes), Published::default()).expect("readable");
    assert!(!report.has_failed() && !report.has_gaps(), "{report:#?}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn who_was_out_when_the_entries_were_frozen_has_an_official_entry_once_restored(db: PgPool) {
    let world = World::with_yaml(db, "publish_entries: true\n").await;
    two_entries(&world).await;
    decide(&world, &["ada"], Decision::Deny, None).await.expect("free while it is open");
    world.score_final().await;
    assert_eq!(world.preview().await, (1, 1));
    decide(&world, &["ada"], Decision::Restore, Some(&reason("it was another"))).await.expect("back");
    assert_eq!(world.preview().await, (1, 2));
    world.drain().await;
    world.reveal(LabelsAtReveal::Open).await;
    assert_eq!(on_board(&world, "final").await, ["ada", "bob"]);
    let mut bytes = Vec::new();
    export::write(&world.app, &World::path(), ExportFor::Organisers, &mut bytes).await.expect("an export");
    let report = reproduce(Cursor::new(&bytes), Published::default()).expect("readable");
    assert!(!report.has_failed(), "{report:#?}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn two_organisers_who_decide_at_once_wait_for_each_other_and_each_is_counted_once(db: PgPool) {
    let world = Arc::new(World::with_yaml(db, "approval: true\n").await);
    let names: Vec<String> = (0..12).map(|n| format!("bird{n}")).collect();
    for name in &names {
        world.account(name).await.enrol(&world).await.expect(StatusCode::CREATED);
    }
    // Half of them are approved already.
    let some: Vec<&str> = names.iter().take(6).map(String::as_str).collect();
    assert_eq!(decide(&world, &some, Decision::Approve, None).await.expect("approved").changed.len(), 6);
    let mut deciding = tokio::task::JoinSet::new();
    for turn in 0..4 {
        let (world, mut names) = (Arc::clone(&world), names.clone());
        if turn % 2 == 1 {
            names.reverse();
        }
        deciding.spawn(async move {
            let who = if turn == 3 { Who::AllPending } else { Who::Named(&names) };
            let done = participants::decide(&world.app, &World::path(), who, Decision::Approve, By::default()).await;
            done.expect("approved").changed.len()
        });
    }
    assert_eq!(deciding.join_all().await.into_iter().sum::<usize>(), 6);
    assert_eq!(world.count("participants where status = 'approved' and approved_at is not null").await, 12);
    assert!(told(&world).await.is_empty(), "the log tells of applicants");
    // One unknown name, and nothing is done.
    let refused = decide(&world, &["bird1", "nobody"], Decision::Deny, None).await.expect_err("nobody");
    assert!(refused.to_string().ends_with("no participant named nobody"), "{refused}");
    assert_eq!(world.count("participants where status = 'approved'").await, 12);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_api_lists_participants_and_decides_of_one(db: PgPool) {
    let world = World::with_yaml(db, "approval: true\n").await;
    let olga = world.organiser("olga").await;
    let (ada, bob) = (world.account("ada").await, world.account("bob").await);
    assert_eq!(ada.enrol(&world).await.expect(StatusCode::CREATED).json()["status"], "pending");
    world.wait(time::Duration::MINUTE);
    bob.enrol(&world).await;
    ada.submit(&world, Upload::hitting(5).zip()).await.problem(StatusCode::FORBIDDEN, "not_approved_yet");

    let url = format!("{TRACK_URL}/participants");
    let first = olga.get(&world, &format!("{url}?limit=1")).await.expect(StatusCode::OK);
    assert_eq!(first.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(
        first.json()["participants"],
        json!([{"name": "bob", "status": "pending", "reason": null, "enrolled_at": "2026-11-23T12:01:00Z",
                "changed_at": null, "by_participant": false, "out_of_competition": false, "submissions": 0,
                "members": ["bob"]}])
    );
    let next = first.json()["next"].as_str().expect("another page").to_owned();
    let second = olga.get(&world, &next).await.expect(StatusCode::OK).json();
    assert_eq!((&second["participants"][0]["name"], &second["next"]), (&json!("ada"), &Value::Null));

    let approved = patch(&olga, &world, "Ada", &json!({"status": "approved"})).await.expect(StatusCode::OK).json();
    assert_eq!(
        (&approved["name"], &approved["status"], &approved["log"]),
        (&json!("ada"), &json!("approved"), &Value::Null)
    );
    assert!(approved.get("already").is_none());
    let again = patch(&olga, &world, "ada", &json!({"status": "approved"})).await.expect(StatusCode::OK).json();
    assert_eq!(again["already"], json!(true));
    ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    let denied = json!({"status": "denied", "reason": "a second account"});
    let denied = patch(&olga, &world, "ada", &denied).await.expect(StatusCode::OK).json();
    assert_eq!((&denied["reason"], &denied["submissions"]), (&json!("a second account"), &json!(1)));
    assert!(denied["log"]["seq"].is_i64(), "{denied}");
    assert!(on_board(&world, "dev").await.is_empty());
    ada.submit(&world, Upload::hitting(5).zip()).await.problem(StatusCode::FORBIDDEN, "denied");
    let told = ada.enrol(&world).await.expect(StatusCode::OK).json();
    assert_eq!((&told["status"], &told["reason"]), (&json!("denied"), &json!("a second account")));
    let listed = olga.get(&world, &format!("{url}?status=denied")).await.json();
    assert_eq!(listed["participants"].as_array().map(Vec::len), Some(1));
    let back = json!({"status": "restored", "out_of_competition": true});
    let back = patch(&olga, &world, "ada", &back).await.expect(StatusCode::OK).json();
    assert_eq!((&back["status"], &back["out_of_competition"]), (&json!("approved"), &json!(true)));
    assert_eq!(on_board(&world, "dev").await, ["ada"]);

    for (body, status, code) in [
        (json!({"status": "gone"}), 400, "bad_body"),
        (json!({"status": "denied", "why": "x"}), 400, "bad_body"),
        (json!({}), 400, "bad_field"),
        (json!({"reason": "x"}), 400, "bad_field"),
        (json!({"status": "denied", "reason": "x".repeat(501)}), 400, "bad_field"),
    ] {
        patch(&olga, &world, "ada", &body).await.problem(StatusCode::from_u16(status).expect("a status"), code);
    }
    patch(&olga, &world, "nobody", &json!({"status": "denied"})).await.problem(StatusCode::NOT_FOUND, "not_found");
    olga.get(&world, &format!("{url}?status=gone")).await.problem(StatusCode::BAD_REQUEST, "bad_parameter");
    let weak = world.token(world.user_of("olga").await, TokenScope::Submit).await;
    let deny = json!({"status": "denied"});
    patch(&weak, &world, "bob", &deny).await.problem(StatusCode::FORBIDDEN, "organise_scope_needed");

    world.close().await;
    patch(&olga, &world, "bob", &json!({"status": "approved", "reason": "late"}))
        .await
        .problem(StatusCode::CONFLICT, "wrong_phase");
    patch(&olga, &world, "bob", &deny).await.problem(StatusCode::BAD_REQUEST, "bad_field");

    // An organiser of another competition is nobody here.
    world
        .sql(
            "insert into competitions (id, slug, title, created_at) values (gen_random_uuid(), 'other', 'Other', now());
             update organisers set competition_id = (select id from competitions where slug = 'other')",
        )
        .await;
    olga.get(&world, &url).await.problem(StatusCode::NOT_FOUND, "not_found");
    patch(&olga, &world, "bob", &deny).await.problem(StatusCode::NOT_FOUND, "not_found");
    assert_eq!(sends(&world.signed_in("olga").await, &world, PAGE, "act=approve-all").await.status, 404);
    assert_eq!(world.count("participants where status = 'pending'").await, 1);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_page_approves_denies_and_takes_it_back_by_forms_alone(db: PgPool) {
    let world = World::with_yaml(db, "approval: true\n").await;
    world.organiser("olga").await;
    let olga = world.signed_in("olga").await;
    for name in ["ada", "bob", "carl"] {
        world.account(name).await.enrol(&world).await;
    }
    world.sql("update users set email = name || '@lab.example' where name <> 'olga'").await;
    let page = olga.get(&world, PAGE).await.expect(StatusCode::OK);
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    let texts = ["3 wait for you", "Approve all 3", "ada@lab.example", "value=\"carl\"", "3 wait for approval"];
    assert_says(page.text(), &texts, &["<script>", "Undo"]);
    let last = olga.get(&world, "/c/mico/tiny/organise/final").await.expect(StatusCode::OK);
    assert_says(last.text(), &["3 wait for approval", PAGE], &[]);

    // What is missing is said, and what was typed and ticked is kept.
    for (fields, text) in [
        ("form=pending&act=approve&reason=", "Tick at least one participant."),
        ("form=pending&act=deny&who=ada&reason=+", "Say why: they will read it."),
        ("form=pending&act=deny&who=ada&who=gone&reason=why", "no participant named gone"),
    ] {
        let page = sends(&olga, &world, PAGE, fields).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert_says(page.text(), &[text, "id=\"deny-reason-error\""], &["id=\"act-reason-error\""]);
        if fields.contains("who=ada") {
            assert_says(page.text(), &["aria-label=\"Choose ada\" checked"], &["aria-label=\"Choose bob\" checked"]);
        }
    }
    for fields in ["who=ada", "act=promote&who=ada", "act=deny&who=ada&color=red"] {
        sends(&olga, &world, PAGE, fields).await.expect(StatusCode::BAD_REQUEST);
    }
    assert_eq!(world.count("participants where status = 'pending'").await, 3);

    let page = does(&olga, &world, "form=pending&act=approve&who=ada&reason=").await;
    assert_says(&page, &["<b><bdi>ada</bdi></b> takes part now.", "2 wait for you"], &["Undo"]);
    let page = does(&olga, &world, "form=pending&act=deny&who=bob&reason=a+second+account").await;
    let texts = ["<bdi>bob</bdi></b> was denied: “<bdi>a second account</bdi>”. They are told the reason", "Undo"];
    assert_says(&page, &texts, &["submission counts no more"]);
    let bob = world.signed_in("bob").await;
    for path in ["", "/data", "/rules", "/submit", "/submissions"] {
        let page = bob.get(&world, &format!("/c/mico/tiny{path}")).await.expect(StatusCode::OK);
        assert_says(page.text(), &["denied your request to take part. Reason: <bdi>a second account</bdi>"], &[]);
    }
    let carl = world.signed_in("carl").await.get(&world, "/c/mico/tiny").await;
    assert_says(carl.text(), &["You asked to take part: an organiser looks at it."], &["a second account"]);
    let page = does(&olga, &world, "act=restore&who=bob&reason=It+was+taken+back.").await;
    assert_says(&page, &["<bdi>bob</bdi></b> is what they were before.", "2 wait for you"], &[]);
    let page = does(&olga, &world, "form=pending&act=approve-all&reason=").await;
    assert_says(&page, &["take part now."], &["wait for you", "wait for approval"]);
    let page = does(&olga, &world, "form=all&act=approve&who=ada&who=bob&reason=&status=approved").await;
    assert_says(&page, &["2 participants stood so before; nothing was changed", "value=\"approved\" selected"], &[]);

    let page = olga.get(&world, &format!("{PAGE}?q=ADA@")).await.expect(StatusCode::OK);
    assert_says(page.text(), &["value=\"ada\"", "value=\"ADA@\""], &["value=\"bob\""]);
    let page = olga.get(&world, &format!("{PAGE}?status=denied")).await.expect(StatusCode::OK);
    assert_says(page.text(), &["Nobody is like that.", "E-mail list of the denied"], &[]);
    olga.get(&world, &format!("{PAGE}?status=gone")).await.expect(StatusCode::BAD_REQUEST);

    world.sql("update users set email = '=cmd' where name = 'carl'").await;
    let csv = olga.get(&world, &format!("{PAGE}.csv?status=approved")).await.expect(StatusCode::OK);
    assert!(csv.text().starts_with("participant,member,email,status,enrolled_at\r\n"), "{}", csv.text());
    assert!(csv.text().contains("\r\nada,ada,ada@lab.example,approved,"), "{}", csv.text());
    assert!(csv.text().contains("carl,carl,'=cmd,"), "a formula: {}", csv.text());
    for actor in [Actor::visitor(), bob] {
        for url in [PAGE.to_owned(), format!("{PAGE}.csv")] {
            let status = actor.get(&world, &url).await.status;
            assert!(status == StatusCode::SEE_OTHER || status == StatusCode::NOT_FOUND, "{url}: {status}");
        }
    }

    // Closed, a decision takes a reason, and nobody is approved.
    world.close().await;
    let page = sends(&olga, &world, PAGE, "form=all&act=withdraw&who=ada&reason=").await;
    assert_says(page.expect(StatusCode::UNPROCESSABLE_ENTITY).text(), &["so say why"], &["value=\"approve\""]);
    let page = does(&olga, &world, "form=all&act=withdraw&who=ada&reason=they+asked").await;
    assert_says(&page, &["<bdi>ada</bdi></b> was withdrawn: “<bdi>they asked</bdi>”"], &[]);
    let ada = world.signed_in("ada").await.get(&world, "/c/mico/tiny").await;
    assert_says(ada.text(), &["An organiser withdrew you from this track", "they asked"], &[]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn participants_withdraw_by_themselves_until_the_reveal(db: PgPool) {
    let world = World::new(db).await;
    two_entries(&world).await;
    let (ada, bob) = (world.signed_in("ada").await, world.signed_in("bob").await);
    let leave = "/c/mico/tiny/leave";
    let rules = ada.get(&world, "/c/mico/tiny/rules").await.expect(StatusCode::OK);
    assert_says(rules.text(), &["Withdraw from this track"], &[]);
    sends(&ada, &world, leave, "").await.expect(StatusCode::UNPROCESSABLE_ENTITY);
    sends(&ada, &world, leave, "sure=true").await.expect(StatusCode::SEE_OTHER);
    sends(&ada, &world, leave, "sure=true").await.expect(StatusCode::SEE_OTHER);
    assert_eq!(on_board(&world, "dev").await, ["bob"]);
    assert_eq!(told(&world).await, ["participant_removed"]);
    let page = ada.get(&world, "/c/mico/tiny/rules").await.expect(StatusCode::OK);
    assert_says(page.text(), &["You withdrew from this track: nothing of yours counts.", "Accept and join"], &[]);
    sends(&ada, &world, "/c/mico/tiny/join", "accept_terms=true").await.expect(StatusCode::SEE_OTHER);
    assert_eq!(on_board(&world, "dev").await, ["ada", "bob"]);
    assert_eq!(told(&world).await, ["participant_removed", "participant_returned"]);

    // In the preview too; then only an organiser lets them back.
    world.score_final().await;
    sends(&ada, &world, leave, "sure=true").await.expect(StatusCode::SEE_OTHER);
    let page = ada.get(&world, "/c/mico/tiny/rules").await.expect(StatusCode::OK);
    assert_says(page.text(), &["You withdrew from this track", "Joining has closed."], &[]);
    world.reveal(LabelsAtReveal::Keep).await;
    assert_eq!(on_board(&world, "final").await, ["bob"]);
    let late = sends(&bob, &world, leave, "sure=true").await.expect(StatusCode::CONFLICT);
    assert_says(late.text(), &["nobody withdraws any more"], &["Withdraw from this track"]);
    sends(&world.signed_in("ada").await, &world, leave, "sure=true").await.expect(StatusCode::SEE_OTHER);
    let carl = world.account("carl").await;
    assert_eq!(carl.enrol(&world).await.status, StatusCode::FORBIDDEN);
    let carl = world.signed_in("carl").await;
    sends(&carl, &world, leave, "sure=true").await.expect(StatusCode::CONFLICT);
    assert_eq!(world.count("participants where name = 'bob' and status = 'approved'").await, 1);
}
