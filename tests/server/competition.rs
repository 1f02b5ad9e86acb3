//! A competition's title, text and order of tracks: changed once, told in the logs of its tracks, shown everywhere.

use callimico::domain::slug::Slug;
use callimico::service::competition::{self, CompetitionError, Wanted};
use callimico::service::lifecycle::By;
use sqlx::PgPool;

use crate::support::{Actor, World};

fn slug(text: &str) -> Slug {
    text.parse().expect("a slug")
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_change_is_shown_and_told_once(db: PgPool) {
    let world = World::new(db).await;
    let change = async |wanted| competition::change(&world.app, &slug("mico"), wanted, By::default()).await;
    let wanted = Wanted {
        title: Some(" Autumn 2026 ".to_owned()),
        description: Some("Eight *tracks*.".to_owned()),
        tracks: Some(vec![slug("tiny")]),
    };
    let events = async || world.count("log_events where kind = 'settings'").await;
    let before = events().await;
    assert!(change(wanted.clone()).await.expect("known"));
    assert_eq!(events().await, before + 2, "title and text; the order of one track is what it was");
    assert!(!change(wanted).await.expect("known"), "nothing to change");
    assert_eq!(events().await, before + 2);
    let shown = Actor::visitor().get(&world, "/api/v1/competitions/mico").await.json();
    assert_eq!((&shown["title"], &shown["description"]), (&"Autumn 2026".into(), &"Eight *tracks*.".into()));
    // Texts are told by their hash: a log cannot be erased.
    assert_eq!(world.count("log_events where convert_from(event, 'UTF8') like '%Autumn%'").await, 0);

    let refused = async |wanted| change(wanted).await.expect_err("refused");
    let title = |title: &str| Wanted { title: Some(title.to_owned()), ..Wanted::default() };
    assert!(matches!(refused(title(" ")).await, CompetitionError::Title));
    assert!(matches!(refused(title("a\nb")).await, CompetitionError::Title));
    assert!(matches!(refused(title(&"x".repeat(201))).await, CompetitionError::Title));
    let tracks =
        |tracks: &[&str]| Wanted { tracks: Some(tracks.iter().map(|one| slug(one)).collect()), ..Wanted::default() };
    assert!(matches!(refused(tracks(&["other"])).await, CompetitionError::NoTrack { .. }));
    assert!(matches!(refused(tracks(&["tiny", "tiny"])).await, CompetitionError::Twice(_)));
    let other = competition::change(&world.app, &slug("other"), title("x"), By::default()).await;
    assert!(matches!(other.expect_err("unknown"), CompetitionError::NoCompetition(_)));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn tracks_are_shown_in_the_order_they_were_given(db: PgPool) {
    let world = World::new(db).await;
    world
        .sql(
            "insert into tracks (id, competition_id, slug, title, phase, shape, limit_per_day, limit_total, limit_bytes,
                 entry_rule, needs_approval, board_changed_at, created_at)
             select gen_random_uuid(), competition_id, 'second', 'Second', 'draft', shape, limit_per_day, limit_total,
                 limit_bytes, entry_rule, needs_approval, board_changed_at, created_at + interval '1 second' from tracks",
        )
        .await;
    let listed = async || {
        let shown = competition::describe(&world.app, &slug("mico")).await.expect("known");
        shown.tracks.iter().map(Slug::to_string).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, ["tiny", "second"]);
    let wanted = Wanted { tracks: Some(vec![slug("second")]), ..Wanted::default() };
    assert!(competition::change(&world.app, &slug("mico"), wanted, By::default()).await.expect("known"));
    assert_eq!(listed().await, ["second", "tiny"]);
    // The second is a draft: a public log does not name it.
    assert_eq!(world.count("log_events where kind = 'settings'").await, 1);
    assert_eq!(world.count("log_events where convert_from(event, 'UTF8') like '%second%'").await, 0);
}
