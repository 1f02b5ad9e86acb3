//! Lists in pages: whoever follows `next` to its end has seen every item once, whatever is added meanwhile.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Actor, TRACK_URL, Upload, World};

/// The items of a list from `url` on, page by page; `between` happens after each page.
async fn follow(
    world: &World,
    actor: &Actor,
    url: &str,
    list: &str,
    mut between: impl AsyncFnMut(),
) -> Vec<Vec<Value>> {
    let (mut pages, mut next) = (Vec::new(), Some(url.to_owned()));
    while let Some(url) = next {
        let page = actor.get(world, &url).await.expect(StatusCode::OK).json();
        pages.push(page[list].as_array().expect("a list").clone());
        next = page["next"].as_str().map(str::to_owned);
        assert!(next.is_some() || page["next"].is_null(), "{page:#}");
        between().await;
    }
    pages
}

fn ids(pages: &[Vec<Value>], field: &str) -> Vec<String> {
    pages.iter().flatten().map(|item| item[field].as_str().expect("a text").to_owned()).collect()
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_submission_is_listed_once_while_new_ones_arrive(db: PgPool) {
    let world = World::new(db).await;
    let (ada, keeper) = (world.participant("ada").await, world.organiser("keeper").await);
    let mut sent = BTreeSet::new();
    for hits in 0..7 {
        // Three arrive in the same instant: their order is settled by their ids.
        if hits > 2 {
            world.wait(time::Duration::SECOND);
        }
        sent.insert(ada.submitted(&world, Upload::hitting(hits).zip()).await);
    }
    let list = format!("{TRACK_URL}/submissions");
    let meanwhile = async || {
        ada.submitted(&world, Upload::hitting(9).zip()).await;
    };
    let pages = follow(&world, &keeper, &format!("{list}?limit=2"), "submissions", meanwhile).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 1]);
    let listed = ids(&pages, "id");
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), sent);
    assert_eq!(listed.len(), sent.len(), "one was listed twice");
    // Without a limit a small list is one page, as it always was.
    let whole = keeper.get(&world, &list).await.expect(StatusCode::OK).json();
    assert_eq!((whole["submissions"].as_array().map(Vec::len), &whole["next"]), (Some(11), &json!(null)));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_cursor_is_taken_only_as_it_was_given_and_where_it_was_given(db: PgPool) {
    let world = World::new(db).await;
    let (ada, keeper) = (world.participant("ada").await, world.organiser("keeper").await);
    for hits in 0..3 {
        ada.submitted(&world, Upload::hitting(hits).zip()).await;
    }
    let list = format!("{TRACK_URL}/submissions");
    let page = keeper.get(&world, &format!("{list}?limit=1")).await.expect(StatusCode::OK).json();
    let next = page["next"].as_str().expect("a next page").to_owned();
    keeper.get(&world, &next).await.expect(StatusCode::OK);
    // Whose it is decides, not who has the cursor.
    ada.get(&world, &next).await.problem(StatusCode::NOT_FOUND, "not_found");
    let cursor = next.split_once("after=").expect("a cursor").1.split('&').next().expect("a cursor");
    let elsewhere = format!("/api/v1/competitions?after={cursor}");
    let made_up = ["", "0", "zz", &"0".repeat(128), &cursor[2..]].map(|cursor| format!("{list}?after={cursor}"));
    for url in made_up.iter().chain([&elsewhere]) {
        keeper.get(&world, url).await.problem(StatusCode::BAD_REQUEST, "bad_parameter");
    }
    for limit in ["0", "501", "-1", "x", ""] {
        keeper.get(&world, &format!("{list}?limit={limit}")).await.problem(StatusCode::BAD_REQUEST, "bad_parameter");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn competitions_come_in_pages_and_drafts_are_left_out_of_them(db: PgPool) {
    let world = World::new(db).await;
    world
        .sql(
            "insert into competitions (id, slug, title, created_at)
             select gen_random_uuid(), 'c' || n, 'C', now() - n / 2 * interval '1 hour' from generate_series(1, 9) as n;
             insert into tracks (id, competition_id, slug, title, phase, shape, limit_per_day, limit_total, limit_bytes,
                                 entry_rule, needs_approval, board_changed_at, created_at)
             select gen_random_uuid(), c.id, 't', 'T', case when c.slug = 'c5' then 'draft' else 'open' end::track_phase,
                    t.shape, 1, 1, 1, 'latest', false, now(), now() from competitions c, tracks t where c.slug <> 'mico'",
        )
        .await;
    let visitor = Actor::visitor();
    let pages = follow(&world, &visitor, "/api/v1/competitions?limit=3", "competitions", async || {}).await;
    let listed = ids(&pages, "slug");
    let expected = ["c1", "c2", "c3", "c4", "c6", "c7", "c8", "c9", "mico"];
    assert_eq!(listed.iter().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(expected));
    assert_eq!(listed.len(), expected.len(), "one was listed twice");
    // The page for people has the same pages, with a link.
    let page = visitor.get(&world, "/?limit=4").await.expect(StatusCode::OK).text().to_owned();
    let older =
        page.split("href=\"/?after=").nth(1).and_then(|rest| rest.split('"').next()).expect("a link to older ones");
    let older = format!("/?after={}", older.replace("&amp;", "&").replace("&#38;", "&"));
    assert!(visitor.get(&world, &older).await.expect(StatusCode::OK).text().contains("/c/c6"));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn ones_own_submissions_come_in_pages_with_their_numbers(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    for hits in 0..5 {
        world.wait(time::Duration::SECOND);
        ada.submitted(&world, Upload::hitting(hits).zip()).await;
    }
    world.drain().await;
    let mut seen = Vec::new();
    let mut next = Some("/c/mico/tiny/submissions?limit=2".to_owned());
    while let Some(url) = next {
        let page = ada.get(&world, &url).await.expect(StatusCode::OK).text().to_owned();
        assert_eq!(page.contains(">Newest submissions<"), url.contains("after="));
        let html = scraper::Html::parse_document(&page);
        let select = |css: &str| scraper::Selector::parse(css).expect("a selector");
        let cells = select("table.list th a");
        let number = |link: scraper::ElementRef<'_>| link.text().last().expect("a number").to_owned();
        seen.extend(html.select(&cells).map(number));
        let links = select("p.actions a");
        next = html
            .select(&links)
            .find(|link| link.text().any(|text| text == "Older submissions"))
            .map(|link| link.value().attr("href").expect("an address").to_owned());
    }
    assert_eq!(seen, ["5", "4", "3", "2", "1"]);
}
