//! The results of a track and of a competition as pages, the picture for slides, the ceremony, and write-ups that come later.

use axum::http::{StatusCode, header};
use callimico::domain::phase::Phase;
use callimico::service::lifecycle::{By, LabelsAtReveal};
use callimico::service::{organise, participants};
use serde_json::json;
use sqlx::PgPool;
use time::Duration;

use crate::support::{Actor, Answer, Upload, World, assert_says, reason, words};

const RESULTS: &str = "/c/mico/tiny/results";
const REVEAL: &str = "/c/mico/tiny/reveal";

/// Participants with the members that each finds on dev and final, of 15.
async fn entered(world: &World, entries: &[(&str, usize, usize)]) -> Vec<(Actor, String)> {
    let mut sent = Vec::new();
    for (name, dev, last) in entries {
        let actor = world.participant(name).await;
        let id = actor.submitted(world, Upload::hitting_by_split(*dev, *last).zip()).await;
        world.wait(Duration::SECOND);
        sent.push((actor, id));
    }
    world.drain().await;
    sent
}

/// Asserts that a page has texts one after the other.
#[track_caller]
fn assert_order(page: &str, texts: &[&str]) {
    let mut rest = page;
    for text in texts {
        let at = rest.find(text).unwrap_or_else(|| panic!("no {text:?} in its place among {texts:?}: {page}"));
        rest = &rest[at + text.len()..];
    }
}

async fn patch(world: &World, actor: &Actor, id: &str, json: &'static str) -> Answer {
    let request = actor.request("PATCH", &format!("/api/v1/submissions/{id}"));
    let request = request.header(header::CONTENT_TYPE, "application/json");
    world.ask(request.body(json.into()).expect("a request")).await
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn results_say_who_won_what_it_means_and_how_to_check_it(db: PgPool) {
    let world = World::new(db).await;
    let sent = entered(&world, &[("ada", 9, 12), ("bob", 10, 11), ("cy", 8, 4)]).await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Open).await;
    let visitor = Actor::visitor();
    let text = words(&world, &visitor, RESULTS).await;
    assert_order(
        &text,
        &["version 1", "Provisional", "Winner", "ada", "Runner-up", "bob", "Final ranking", "Check it yourself"],
    );
    assert_says(
        &text,
        &[
            "<b>0.8000</b>: at one false alarm in ten, this attack finds 80 of 100 members",
            "Second on the dev board, up one.",
            "First on the dev board, down one.",
            "Between the two lie 2 members of 30",
            "<dt>Participants</dt><dd><b>3</b>",
            "<dt>Entries</dt><dd><b>3</b>",
            "<dt>Test networks</dt><dd><b>6</b>",
            "<dt>Decisions an entry</dt><dd><b>60</b>",
            "up 1",
            "down 1",
            "same",
            "<b>0.33</b>",
            "<b>2</b> of 3",
            "callimico reproduce tiny.tar",
            "a chain alone shows",
            "@misc{callimico-mico-tiny-v1",
            "In full, because the labels are open",
        ],
        &["shared", "Winners"],
    );
    let head = visitor.get(&world, "/api/v1/competitions/mico/tracks/tiny/log/head").await.json();
    assert_says(&text, &[&format!("--head {}:{}", head["seq"], head["hash"].as_str().expect("a hash"))], &[]);
    // The way there, from the pages around.
    for from in ["/c/mico/tiny", "/c/mico/tiny/leaderboard?split=final"] {
        assert_says(&words(&world, &visitor, from).await, &["href=\"/c/mico/tiny/results\""], &[]);
    }
    assert_says(&words(&world, &visitor, "/c/mico/tiny").await, &["<bdi>ada</bdi></b> won with <b>0.8000</b>"], &[]);
    assert_says(&words(&world, &visitor, "/c/mico").await, &["href=\"/c/mico/results\""], &[]);
    let all = words(&world, &visitor, "/c/mico/results").await;
    assert_says(&all, &["Winner", "ada", "Runner-up", "bob", "0.8000", RESULTS], &["cy"]);
    // Only who sent a submission is led to it.
    assert_says(&text, &[], &[&sent[0].1]);
    let ada = world.signed_in("ada").await;
    assert_says(
        &words(&world, &ada, RESULTS).await,
        &[&format!("/submissions/{}", sent[0].1), "<b>you</b>"],
        &[&sent[1].1],
    );
    for wrong in ["?version=2", "?version=0"] {
        visitor.get(&world, &format!("{RESULTS}{wrong}")).await.expect(StatusCode::NOT_FOUND);
    }
    for wrong in ["?version=x", "?versoin=1"] {
        visitor.get(&world, &format!("{RESULTS}{wrong}")).await.expect(StatusCode::BAD_REQUEST);
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_shared_first_place_has_no_runner_up_and_a_shared_second_has_all_of_them(db: PgPool) {
    let world = World::new(db).await;
    entered(&world, &[("ada", 9, 12), ("bob", 10, 12), ("cy", 8, 9)]).await;
    world.organiser("olga").await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Keep).await;
    let text = words(&world, &Actor::visitor(), RESULTS).await;
    assert_says(
        &text,
        &["Winners, of a shared first place", "nobody is runner-up", "<small>shared</small>"],
        &["Runner-up<", "Runners-up"],
    );
    assert_says(&words(&world, &Actor::visitor(), "/c/mico/tiny").await, &["sharing the first place"], &["runner-up"]);
    // Nothing of the ceremony tells it before the awards.
    let olga = world.signed_in("olga").await;
    let third = words(&world, &olga, &format!("{REVEAL}?screen=2")).await;
    assert_says(&third, &["Place 3", "cy", "from place 3 on dev, the same"], &["ada", "bob", "shared"]);
    assert_eq!(third.matches("not shown yet").count(), 2);
    let pause = words(&world, &olga, &format!("{REVEAL}?screen=3")).await;
    assert_says(&pause, &["Now the awards."], &["ada", "bob", "cy", "runner", "inner", "shared"]);
    let winners = words(&world, &olga, &format!("{REVEAL}?screen=4")).await;
    assert_says(&winners, &["Winners", "ada", "bob"], &["Runner"]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_shared_second_place_has_several_runners_up(db: PgPool) {
    let world = World::new(db).await;
    entered(&world, &[("ada", 9, 12), ("bob", 10, 9), ("cy", 8, 9)]).await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Keep).await;
    let text = words(&world, &Actor::visitor(), RESULTS).await;
    assert_order(&text, &["Winner", "ada", "Runners-up, of a shared second place", "bob", "cy"]);
    // With labels kept and few non-members no curve is told, and the page says why.
    assert_says(&text, &["None are told while the labels are kept", "it makes no score anew"], &["class=\"roc\""]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_disqualified_winner_makes_a_version_and_the_one_before_stays(db: PgPool) {
    let world = World::new(db).await;
    let sent = entered(&world, &[("ada", 9, 12), ("bob", 10, 11), ("cy", 8, 4)]).await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Open).await;
    let why = reason("it copied the solution");
    organise::disqualify(&world.app, World::id(&sent[0].1), By { user: None, reason: Some(&why) }).await.expect("done");
    let visitor = Actor::visitor();
    let text = words(&world, &visitor, RESULTS).await;
    assert_order(&text, &["version 2", "Version 2, because a submission was disqualified", "Winner", "bob"]);
    assert_says(
        &text,
        &[
            "1 participant is in it no more; 2 other places changed.",
            "href=\"/c/mico/tiny/results?version=1\">Version 1</a> stays",
        ],
        &["ada", "it copied the solution"],
    );
    let before = words(&world, &visitor, &format!("{RESULTS}?version=1")).await;
    assert_order(&before, &["An earlier version", "This is version 1 of 2", "The newest results", "Winner", "ada"]);
    assert_says(&before, &["results.csv?version=1"], &["Provisional: "]);
    let svg = visitor.get(&world, &format!("{RESULTS}.svg?version=1")).await;
    assert_says(svg.text(), &["version 1, a newer one is out", "ada"], &[]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn out_of_competition_is_a_dash_and_wins_nothing(db: PgPool) {
    let world = World::new(db).await;
    entered(&world, &[("ada", 9, 12), ("base", 10, 15), ("bob", 8, 4)]).await;
    let marked = participants::change_one(&world.app, &World::path(), "base", None, Some(true), By::default()).await;
    assert!(marked.expect("known").competes_changed);
    world.organiser("olga").await;
    world.score_final().await;
    let olga = world.signed_in("olga").await;
    for at in ["preview", "revealed"] {
        if at == "revealed" {
            world.reveal(LabelsAtReveal::Open).await;
            let text = words(&world, &olga, RESULTS).await;
            assert_order(&text, &["Winner", "ada", "Runner-up", "bob", "Final ranking", "base", "out of competition"]);
            assert_says(&text, &["and without 1 entry out of competition", "<dt>Participants</dt><dd><b>2</b>"], &[]);
        }
        for screen in 1..10 {
            let text = words(&world, &olga, &format!("{REVEAL}?screen={screen}")).await;
            assert_says(&text, &["2 participants"], &["base"]);
        }
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn no_entries_mean_no_winner_and_a_ceremony_of_one_screen(db: PgPool) {
    let world = World::new(db).await;
    world.organiser("olga").await;
    world.freeze().await;
    world.preview().await;
    let olga = world.signed_in("olga").await;
    let text = words(&world, &olga, REVEAL).await;
    assert_says(&text, &["No entries", "no place and no award"], &["id=\"next\"", "id=\"back\""]);
    world.reveal(LabelsAtReveal::Keep).await;
    let text = words(&world, &Actor::visitor(), RESULTS).await;
    assert_says(&text, &["Nobody won", "There were no entries."], &["Winner<", "Runner-up<", "<table"]);
    assert_says(&words(&world, &Actor::visitor(), "/c/mico/tiny").await, &["so nobody won"], &[]);
    assert_says(&words(&world, &Actor::visitor(), "/c/mico/results").await, &["so nobody won"], &[]);
    for ending in ["svg", "png"] {
        Actor::visitor().get(&world, &format!("{RESULTS}.{ending}")).await.expect(StatusCode::OK);
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn before_the_reveal_there_are_no_results_for_anybody(db: PgPool) {
    let world = World::new(db).await;
    entered(&world, &[("ada", 9, 12), ("bob", 10, 11)]).await;
    world.organiser("olga").await;
    let (visitor, ada, olga) = (Actor::visitor(), world.signed_in("ada").await, world.signed_in("olga").await);
    for stage in ["open", "frozen", "ready"] {
        match stage {
            "frozen" => world.freeze().await,
            "ready" => {
                world.preview().await;
                olga.get(&world, REVEAL).await.expect(StatusCode::NOT_FOUND);
                world.drain().await;
            }
            _ => {}
        }
        for actor in [&visitor, &ada, &olga] {
            for url in [RESULTS, "/c/mico/tiny/results.svg", "/c/mico/tiny/results.png", "/c/mico/results"] {
                actor.get(&world, url).await.expect(StatusCode::NOT_FOUND);
            }
            assert_says(&words(&world, actor, "/c/mico/tiny").await, &[], &["/results\"", " won "]);
        }
        for actor in [&visitor, &ada] {
            for query in ["", "?rehearsal", "?screen=2"] {
                actor.get(&world, &format!("{REVEAL}{query}")).await.expect(StatusCode::NOT_FOUND);
            }
        }
        let expected = if stage == "ready" { StatusCode::OK } else { StatusCode::NOT_FOUND };
        olga.get(&world, REVEAL).await.expect(expected);
    }
    assert_eq!(world.track().await.phase, Phase::Closed);
    let last = words(&world, &olga, &format!("{REVEAL}?screen=99")).await;
    assert_says(&last, &["Winner", "ada", "Runner-up", "bob", "0.8000"], &["Rehearsal"]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_rehearsal_reads_no_score_in_any_phase(db: PgPool) {
    let world = World::new(db).await;
    entered(&world, &[("ada", 9, 12), ("bob", 10, 11), ("cy", 3, 4)]).await;
    world.organiser("olga").await;
    let olga = world.signed_in("olga").await;
    let look = async |world: &World| {
        let mut all = Vec::new();
        for screen in 1..=8 {
            let text = words(world, &olga, &format!("{REVEAL}?screen={screen}&rehearsal")).await;
            assert_says(
                &text,
                &["Rehearsal. No score has been read"],
                &["ada", "bob", "cy<", "0.8000", "0.7333", "0.6000"],
            );
            all.push(text);
        }
        all
    };
    let open = look(&world).await;
    world.score_final().await;
    assert_eq!(look(&world).await, open);
    world.reveal(LabelsAtReveal::Open).await;
    assert_eq!(look(&world).await, open);
    // With no scores at all it is the same, too.
    world.sql("delete from ranked_entries; delete from entries; delete from scorings").await;
    assert_eq!(look(&world).await, open);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_owner_describes_a_submission_at_any_time_and_results_tell_when(db: PgPool) {
    let world = World::new(db).await;
    let sent = entered(&world, &[("ada", 9, 12), ("bob", 10, 11)]).await;
    let ((ada, first), (bob, second)) = (&sent[0], &sent[1]);
    let olga = world.organiser("olga").await;
    let told =
        patch(&world, ada, first, r#"{"description": " likelihood\nratio ", "method_url": "https://example.org/a"}"#);
    let told = told.await.expect(StatusCode::OK).json();
    assert_eq!(
        (&told["description"], &told["method_url"]),
        (&json!("likelihood ratio"), &json!("https://example.org/a"))
    );
    let board = Actor::visitor().get(&world, "/api/v1/competitions/mico/tracks/tiny/leaderboard").await.json();
    assert_eq!(board["entries"][1]["description"], "likelihood ratio");
    // What is left out stays, and null takes away.
    let told = patch(&world, ada, first, r#"{"description": null}"#).await.expect(StatusCode::OK).json();
    assert_eq!((&told["description"], &told["method_url"]), (&json!(""), &json!("https://example.org/a")));
    for (body, code) in [
        (r#"{"method_url": "javascript:alert(1)"}"#, "bad_field"),
        (r#"{"method_url": "https://a b"}"#, "bad_field"),
        (r#"{"description": "a\u0007"}"#, "bad_field"),
        (r#"{"title": "x"}"#, "bad_body"),
        (r#"{"description": 3}"#, "bad_body"),
        ("nothing", "bad_body"),
    ] {
        patch(&world, ada, first, body).await.problem(StatusCode::BAD_REQUEST, code);
    }
    patch(&world, bob, first, "{}").await.problem(StatusCode::NOT_FOUND, "not_found");
    patch(&world, &olga, first, "{}").await.problem(StatusCode::FORBIDDEN, "not_owner");
    let before = world.track().await.board_version;
    patch(&world, ada, first, r#"{"description": ""}"#).await.expect(StatusCode::OK);
    assert_eq!(world.track().await.board_version, before, "what is the same changes nothing");

    world.score_final().await;
    world.reveal(LabelsAtReveal::Open).await;
    world.wait(Duration::MINUTE);
    let text = words(&world, &Actor::visitor(), RESULTS).await;
    assert_says(&text, &["https://example.org/a"], &["added after the reveal"]);
    // By the form on its page.
    let signed_in = world.signed_in("bob").await;
    let own = words(&world, &signed_in, &format!("/submissions/{second}")).await;
    assert_says(&own, &["Describe this submission", "name=\"method_url\""], &[]);
    let send = async |fields: &'static str| {
        let request = signed_in.request("POST", &format!("/submissions/{second}/describe"));
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        world.ask(request.header("sec-fetch-site", "same-origin").body(fields.into()).expect("a request")).await
    };
    let again = send("description=d&method_url=nowhere").await.expect(StatusCode::UNPROCESSABLE_ENTITY);
    assert_says(again.text(), &["must begin with https", "value=\"nowhere\"", "method_url-error"], &[]);
    send("description=threshold&method_url=https%3A%2F%2Fexample.org%2Fb").await.expect(StatusCode::SEE_OTHER);
    let text = words(&world, &Actor::visitor(), RESULTS).await;
    assert_order(
        &text,
        &["Final ranking", "https://example.org/a", "threshold", "https://example.org/b", "added after the reveal"],
    );
    let signed_in_olga = world.signed_in("olga").await;
    let seen = words(&world, &signed_in_olga, &format!("/submissions/{second}")).await;
    assert_says(&seen, &[], &["Describe this submission"]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn hostile_names_are_text_on_every_page_and_picture(db: PgPool) {
    let world = World::new(db).await;
    entered(&world, &[("ada", 9, 12), ("bob", 10, 11), ("cy", 3, 4)]).await;
    world
        .sql(
            "update participants set name = '<script>alert(1)</script>', name_key = 'x' where name = 'ada';
             update participants set name = '\"><svg onload=alert(1)>', name_key = 'y' where name = 'bob';
             update participants set name = '</title></text>', name_key = 'z' where name = 'cy';
             update tracks set title = '</title><script>alert(2)</script> & 100%', board_version = board_version + 1;
             update submissions set description = '<img src=x onerror=alert(3)>'",
        )
        .await;
    world.organiser("olga").await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Open).await;
    let olga = world.signed_in("olga").await;
    let mut places =
        vec![RESULTS.to_owned(), format!("{RESULTS}.svg"), "/c/mico/results".into(), "/c/mico/tiny".into()];
    places.extend((1..=6).map(|screen| format!("{REVEAL}?screen={screen}")));
    for place in &places {
        let text = words(&world, &olga, place).await;
        assert_says(&text, &[], &["<script>alert", "<svg onload", "<img", "</title></text>"]);
    }
    let png = olga.get(&world, &format!("{RESULTS}.png")).await.expect(StatusCode::OK);
    assert_eq!(png.header(header::CONTENT_TYPE), "image/png");
    assert!(png.body.starts_with(b"\x89PNG"));
    let again = olga.get(&world, &format!("{RESULTS}.png?version=1")).await;
    assert_eq!(again.body, png.body);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_long_ranking_shows_a_hundred_rows_until_all_are_asked_for(db: PgPool) {
    let world = World::new(db).await;
    entered(&world, &[("ada", 9, 12)]).await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Open).await;
    // 150 more that are as good as the first, without the hours that 150 uploads take.
    world
        .sql(
            "create temporary table more as select gen_random_uuid() as p, gen_random_uuid() as s, gen_random_uuid() as f,
                 gen_random_uuid() as d, i from generate_series(1, 150) i;
             insert into participants (id, track_id, name, name_key, status, created_at)
                 select m.p, t.id, 'p' || i, 'p' || i, 'approved', now() from more m, tracks t;
             insert into submissions (id, track_id, participant_id, state, received_at, finished_at, size, sha256)
                 select m.s, x.track_id, m.p, 'scored', x.received_at, x.received_at, 1, x.sha256 from more m, submissions x
                 where x.state = 'scored' and x.participant_id not in (select p from more);
             create temporary table copies as select g.*, m.s as other, case g.split when 'final' then m.f else m.d end as fresh
                 from scorings g, more m where g.submission_id not in (select s from more);
             update copies set id = fresh, submission_id = other;
             alter table copies drop column other, drop column fresh;
             insert into scorings select * from copies;
             insert into ranked_entries (track_id, version, participant_id, submission_id, scoring_id, rank)
                 select t.id, 1, m.p, m.s, m.f, 1 from more m, tracks t;
             update tracks set board_version = board_version + 1",
        )
        .await;
    let text = words(&world, &Actor::visitor(), RESULTS).await;
    assert_eq!(text.matches("class=\"l rank\"").count(), 1 + 100);
    assert_says(&text, &["Show all 151 entries", "The first 30 of 151 places are drawn."], &[]);
    let text = words(&world, &Actor::visitor(), &format!("{RESULTS}?version=1&all")).await;
    assert_eq!(text.matches("class=\"l rank\"").count(), 1 + 151);
    let svg = Actor::visitor().get(&world, &format!("{RESULTS}.svg")).await;
    assert_says(svg.text(), &["The first 12 of 151 entries."], &[]);
}
