//! The page of the final and its forms: what they say and do in every phase, and for whom they are there.

use axum::http::{StatusCode, header};
use callimico::domain::phase::{GRACE, Phase};
use callimico::service::accounts;
use callimico::service::lifecycle::LabelsAtReveal;
use sqlx::PgPool;
use time::Duration;
use time::macros::datetime;

use crate::support::{Actor, Answer, Upload, World, assert_says};

const PAGE: &str = "/c/mico/tiny/organise/final";
const DATES: &str = "dates: {closes: 2026-11-23T13:00:00Z}\n";
const PASSWORD: &str = "correct-horse";
/// The forms, each with fields that would do something.
const FORMS: [(&str, &str); 8] = [
    ("close", ""),
    ("extend", "date=2026-11-24T12:00&zone=%2B00:00&reason="),
    ("reopen", "date=2026-11-24T12:00&zone=%2B00:00&reason="),
    ("preview", "password=correct-horse"),
    ("retry", ""),
    ("reveal", "labels=keep&confirm=mico/tiny&password=correct-horse"),
    ("declare", ""),
    ("open-labels", "confirm=mico/tiny&password=correct-horse"),
];

/// An organiser with a password who has just signed in.
async fn olga(world: &World) -> Actor {
    world.organiser("olga").await;
    with_password(world, "olga").await
}

async fn with_password(world: &World, name: &str) -> Actor {
    let user = world.user_of(name).await;
    accounts::set_password(&world.app, user, PASSWORD.parse().expect("a password")).await.expect("set");
    world.signed_in(name).await
}

impl Actor {
    /// Sends a form of the page.
    async fn sends(&self, world: &World, form: &str, fields: &str) -> Answer {
        let request = self
            .request("POST", &format!("{PAGE}/{form}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        world.ask(request.body(fields.to_owned().into()).expect("a request")).await
    }

    /// Sends a form that must be taken; answers the page that it leads to.
    async fn does(&self, world: &World, form: &str, fields: &str) -> String {
        let answer = self.sends(world, form, fields).await.expect(StatusCode::SEE_OTHER);
        let location = answer.header(header::LOCATION).to_owned();
        assert!(location.starts_with(&format!("{PAGE}?done=")), "{location}");
        self.get(world, &location).await.expect(StatusCode::OK).text().to_owned()
    }

    /// Sends a form that must not be taken; answers the page that says why.
    async fn fails(&self, world: &World, form: &str, fields: &str, status: StatusCode) -> String {
        let answer = self.sends(world, form, fields).await.expect(status);
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        answer.text().to_owned()
    }

    async fn sees(&self, world: &World) -> String {
        let answer = self.get(world, PAGE).await.expect(StatusCode::OK);
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        answer.text().to_owned()
    }
}

/// Asserts which forms a page has.
#[track_caller]
fn assert_forms(page: &str, forms: &[&str]) {
    let here = format!("action=\"{PAGE}/");
    let found: Vec<&str> = page.split(&here).skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(found, forms);
}

/// Two participants with an entry each.
async fn two_entries(world: &World) {
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    ada.submitted(world, Upload::hitting_by_split(9, 13).zip()).await;
    bob.submitted(world, Upload::hitting_by_split(11, 8).zip()).await;
    world.drain().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_open_track_is_extended_closed_and_opened_again_by_forms(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    two_entries(&world).await;
    let olga = olga(&world).await;
    let page = olga.sees(&world).await;
    assert_forms(&page, &["extend", "close"]);
    assert_says(&page, &["Submissions are taken until", "value=\"2026-11-23T13:00\"", "Close the track now"], &[]);

    // What is wrong is said at its field, and everything else is kept.
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let earlier = "date=2026-11-23T12:30&zone=%2B00:00&reason=a+power+cut";
    let page = olga.fails(&world, "extend", earlier, unprocessable).await;
    let kept = ["value=\"2026-11-23T12:30\"", "value=\"+00:00\" selected", "value=\"a power cut\""];
    assert_says(&page, &kept, &[]);
    assert_says(&page, &["an extension is later than that", "aria-describedby=\"date-error\""], &[]);
    let page = olga.fails(&world, "extend", "date=soon&zone=-12:00", unprocessable).await;
    assert_says(&page, &["Give a date and a time", "value=\"soon\"", "value=\"-12:00\" selected"], &[]);
    let long = format!("date=2026-11-24T12:30&reason={}", "x".repeat(501));
    let page = olga.fails(&world, "extend", &long, unprocessable).await;
    assert_says(&page, &["A reason has at most 500 characters", "value=\"2026-11-24T12:30\""], &[]);
    olga.sends(&world, "extend", "date=2026-11-24T12:30&zone=Mars").await.expect(StatusCode::BAD_REQUEST);

    let later = "date=2026-11-23T23:59&zone=-12:00&reason=a+power+cut";
    assert_says(&olga.does(&world, "extend", later).await, &["The track now closes on", "23:59 AoE"], &[]);
    assert_eq!(world.track().await.settings.dates.closes_at, Some(datetime!(2026-11-24 11:59 UTC)));
    assert_says(&olga.does(&world, "extend", later).await, &["It had this closing date before"], &[]);

    let page = olga.does(&world, "close", "").await;
    assert_forms(&page, &["reopen"]);
    let waits = ["are taken until", "Waiting for uploads that were under way at the close", "2 of 2 scored"];
    assert_says(&page, &waits, &["Begin the preview"]);
    assert_says(&page, &["The preview can begin once the entries are frozen."], &[]);
    assert_says(&olga.does(&world, "close", "").await, &["The track was closed before"], &[]);
    let page = olga.fails(&world, "extend", later, StatusCode::CONFLICT).await;
    assert_says(&page, &["The track is closed now, and this step cannot be taken from there."], &[]);

    let past = "date=2026-11-23T12:00&zone=%2B00:00&reason=";
    let page = olga.fails(&world, "reopen", past, unprocessable).await;
    assert_says(&page, &["Give a closing date that lies ahead."], &[]);
    let page = olga.does(&world, "reopen", later).await;
    assert_says(&page, &["The track is open again until"], &[]);
    assert_forms(&page, &["extend", "close"]);
    assert_says(&olga.does(&world, "reopen", later).await, &["was open until that date before"], &[]);

    // What was done is not said any more once it is not true.
    world.close().await;
    let page = olga.get(&world, &format!("{PAGE}?done=reopen")).await.expect(StatusCode::OK);
    assert_says(page.text(), &[], &["open again until"]);
    olga.get(&world, &format!("{PAGE}?done=nonsense")).await.expect(StatusCode::BAD_REQUEST);
    olga.get(&world, &format!("{PAGE}?password=x")).await.expect(StatusCode::BAD_REQUEST);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_preview_takes_frozen_entries_and_the_password(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    two_entries(&world).await;
    let olga = olga(&world).await;
    world.close().await;
    let right = "password=correct-horse";
    let page = olga.fails(&world, "preview", right, StatusCode::CONFLICT).await;
    assert_says(&page, &["Not yet.", "under way at the close"], &[]);
    world.wait(GRACE);
    world.take_due_steps().await;
    let page = olga.sees(&world).await;
    assert_forms(&page, &["preview", "reopen"]);
    assert_says(&page, &["2 entries are frozen", "No final score exists."], &["Final scores"]);
    for wrong in ["password=battery-staple", "password=", ""] {
        let page = olga.fails(&world, "preview", wrong, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_says(&page, &["This is not your password.", "aria-describedby=\"password-error"], &["battery-staple"]);
    }
    assert!(world.track().await.ending.final_begun_at.is_none());

    let page = olga.does(&world, "preview", right).await;
    assert_says(
        &page,
        &["Organisers alone see the final scores", "Final scores 0 of 2", "<progress"],
        &["Reveal the final"],
    );
    assert_forms(&page, &[]);
    assert_says(&olga.does(&world, "preview", right).await, &["The preview had begun before."], &[]);
    let page = olga.fails(&world, "reopen", "date=2026-11-24T12:00", StatusCode::CONFLICT).await;
    assert_says(&page, &["A preview has begun"], &[]);

    world.drain().await;
    let page = olga.sees(&world).await;
    assert_forms(&page, &["reveal"]);
    let ranking = ["Ready for the reveal", "Organisers only.", "0.8667", "0.6000", "2 of 2", "fit the commitment"];
    assert_says(&page, &ranking, &["Show all", "Nobody had committed"]);
    let rows: Vec<&str> = page.split("<td class=\"l rank\">").skip(1).collect();
    assert!(rows[0].contains("<bdi>ada</bdi>") && rows[0].contains("<td class=\"dim\">2</td>"), "{}", rows[0]);
    assert!(rows[1].contains("<bdi>bob</bdi>") && rows[1].contains("<td class=\"dim\">1</td>"), "{}", rows[1]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_reveal_takes_a_word_on_the_labels_the_track_s_name_and_the_password(db: PgPool) {
    let world = World::new(db).await;
    two_entries(&world).await;
    let olga = olga(&world).await;
    world.score_final().await;
    let page = olga.fails(&world, "reveal", "confirm=&password=x", StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_says(&page, &["Say what becomes of the labels.", "Type mico/tiny: it cannot be taken back."], &[" checked"]);
    let wrong = "labels=open&confirm=mico/tiny&password=battery-staple";
    let page = olga.fails(&world, "reveal", wrong, StatusCode::UNPROCESSABLE_ENTITY).await;
    let kept = ["This is not your password.", "value=\"open\" required checked", "value=\"mico/tiny\""];
    assert_says(&page, &kept, &["labels-error", "confirm-error", "battery-staple"]);
    olga.sends(&world, "reveal", "labels=maybe&confirm=mico/tiny").await.expect(StatusCode::BAD_REQUEST);
    assert_eq!(world.track().await.phase, Phase::Closed);

    let keep = "labels=keep&confirm=mico/tiny&password=correct-horse";
    let page = olga.does(&world, "reveal", keep).await;
    assert_says(&page, &["as version 1, provisional until you declare it final. The labels stay hidden."], &[]);
    assert_forms(&page, &["declare", "open-labels", "benchmark"]);
    assert_says(&olga.does(&world, "reveal", keep).await, &["The final ranking was public before"], &[]);
    let open = "labels=open&confirm=mico/tiny&password=correct-horse";
    let page = olga.fails(&world, "reveal", open, StatusCode::CONFLICT).await;
    assert_says(&page, &["The track is revealed now, and this step cannot be taken from there."], &[]);
    assert!(world.track().await.ending.labels_opened_at.is_none());

    let page = olga.does(&world, "declare", "").await;
    assert_says(&page, &["The results are final.", "final since"], &["provisional"]);
    assert_forms(&page, &["open-labels", "benchmark"]);
    assert_says(&olga.does(&world, "declare", "").await, &["The results were final before"], &[]);

    let wrong = "confirm=tiny&password=correct-horse";
    let page = olga.fails(&world, "open-labels", wrong, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_says(&page, &["Type mico/tiny", "value=\"tiny\""], &[]);
    let wrong = "confirm=mico/tiny&password=battery-staple";
    let page = olga.fails(&world, "open-labels", wrong, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_says(&page, &["This is not your password.", "value=\"mico/tiny\""], &[]);
    let right = "confirm=mico/tiny&password=correct-horse";
    let page = olga.does(&world, "open-labels", right).await;
    assert_says(&page, &["The labels are public: anybody can check every score."], &[]);
    assert_forms(&page, &[]);
    assert_says(&olga.does(&world, "open-labels", right).await, &["The labels were public before"], &[]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_page_and_its_forms_are_there_for_staff_alone(db: PgPool) {
    let world = World::new(db).await;
    two_entries(&world).await;
    world.score_final().await;
    let visitor = Actor::visitor();
    let answer = visitor.get(&world, PAGE).await.expect(StatusCode::SEE_OTHER);
    assert_eq!(answer.header(header::LOCATION), format!("/login?next={PAGE}"));
    world.account("carl").await;
    world.user("oscar", false).await;
    world.sql("insert into competitions (id, slug, title, created_at) values (gen_random_uuid(), 'other', 'Other', now()); insert into organisers select c.id, u.id from competitions c, users u where c.slug = 'other' and u.name = 'oscar'").await;
    let before = world.count("log_events").await;
    for name in ["ada", "carl", "oscar"] {
        let actor = with_password(&world, name).await;
        actor.get(&world, PAGE).await.expect(StatusCode::NOT_FOUND);
        let head = actor.get(&world, "/c/mico/tiny").await.expect(StatusCode::OK);
        assert!(!head.text().contains("/organise/"), "{name} is shown the way");
        for (form, fields) in FORMS {
            actor.sends(&world, form, fields).await.expect(StatusCode::NOT_FOUND);
        }
    }
    let olga = olga(&world).await;
    assert!(olga.get(&world, "/c/mico/tiny").await.text().contains(&format!("href=\"{PAGE}\"")));
    // A token has no password, and gets no further than its scope.
    let token = world.token(world.user_of("olga").await, callimico::domain::account::TokenScope::Organise).await;
    for (form, fields) in FORMS {
        visitor.sends(&world, form, fields).await.expect(StatusCode::UNAUTHORIZED);
        let request = olga
            .request("POST", &format!("{PAGE}/{form}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "cross-site");
        world.ask(request.body(fields.to_owned().into()).expect("a request")).await.expect(StatusCode::FORBIDDEN);
        if fields.contains("password") {
            token.sends(&world, form, fields).await.expect(StatusCode::FORBIDDEN);
        }
    }
    assert_eq!(world.track().await.phase, Phase::Closed);
    assert_eq!(world.count("log_events").await, before);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_failed_is_named_and_scored_again(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    let upload = world.uploads().join(format!("{id}.zip"));
    let away = upload.with_extension("away");
    let olga = olga(&world).await;
    // On the dev split, before the freeze.
    world.sql("update jobs set errors = 153, attempts = 153").await;
    std::fs::rename(&upload, &away).expect("the upload is there");
    world.drain().await;
    world.freeze().await;
    let page = olga.sees(&world).await;
    let texts = ["1 submission is without a dev score", "<bdi>ada</bdi>", "It is our fault", "Score it again"];
    assert_says(&page, &texts, &[]);
    std::fs::rename(&away, &upload).expect("moved back");
    assert_says(&olga.does(&world, "retry", "").await, &["It is in the queue again.", "Waiting for 1 dev score"], &[]);
    world.drain().await;
    world.take_due_steps().await;
    // On the final split, during the preview.
    world.preview().await;
    std::fs::rename(&upload, &away).expect("the upload is there");
    world.drain().await;
    assert_says(&olga.sees(&world).await, &["A final score is late", "It is tried again by itself"], &[]);
    world.sql("update jobs set errors = 153, attempts = 153, run_after = clock_timestamp()").await;
    world.drain().await;
    let page = olga.sees(&world).await;
    assert_says(&page, &["1 failed", "the upload is gone", "until it is scored or disqualified"], &[]);
    assert_forms(&page, &["retry"]);
    std::fs::rename(&away, &upload).expect("moved back");
    let other = "submission=0193f2a0-0000-7000-8000-000000000000";
    olga.sends(&world, "retry", other).await.expect(StatusCode::NOT_FOUND);
    olga.does(&world, "retry", &format!("submission={id}")).await;
    world.drain().await;
    assert_forms(&olga.sees(&world).await, &["reveal"]);
    let page = olga.fails(&world, "retry", &format!("submission={id}"), StatusCode::CONFLICT).await;
    assert_says(&page, &["It waits for no final score"], &[]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn past_its_date_without_entries_and_as_a_draft_the_page_says_what_is_so(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    let olga = olga(&world).await;
    world.sql("update tracks set phase = 'draft'").await;
    let page = olga.sees(&world).await;
    assert_forms(&page, &[]);
    assert_says(&page, &["callimico track open mico/tiny", "The track is being prepared"], &[]);
    world.sql("update tracks set phase = 'open'").await;
    // Nobody has written it down yet.
    world.wait(Duration::HOUR);
    assert_eq!(world.track().await.phase, Phase::Open);
    let page = olga.sees(&world).await;
    assert_says(&page, &["The track has closed.", "Closed</span>"], &["Submissions are taken until"]);
    assert_forms(&page, &["reopen"]);
    world.wait(GRACE);
    world.take_due_steps().await;
    world.preview().await;
    let page = olga.sees(&world).await;
    assert_says(&page, &["There is no entry, so nobody wins.", "0 of 0"], &[]);
    assert_forms(&page, &["reveal"]);
    world.reveal(LabelsAtReveal::Open).await;
    let page = olga.sees(&world).await;
    assert_says(&page, &["provisional until you declare it final", "labels and salts as JSON"], &[]);
    assert_forms(&page, &["declare"]);
}
