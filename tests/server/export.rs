//! The export of a revealed ranking, and its reproduction without the server.

use std::io::Cursor;

use callimico::proof::{Outcome, Published, Report, reproduce};
use callimico::service::export::{self, ExportError, ExportFor, Exported};
use callimico::service::lifecycle::{self, By, LabelsAtReveal};
use callimico::service::{organise, rescoring};
use callimico::store;
use scoring::Membership;
use scoring::commitment::ModelPath;
use scoring::log::LogPlace;
use sqlx::PgPool;

use crate::support::{TrackFiles, Upload, World, reason, truth};

/// Two participants, of whom ada sent an earlier submission too, up to their final scores.
async fn scored(db: PgPool, yaml: &str) -> World {
    let world = World::with_yaml(db, yaml).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    ada.submitted(&world, Upload::hitting_by_split(9, 14).zip()).await;
    bob.submitted(&world, Upload::hitting_by_split(7, 8).zip()).await;
    world.wait(time::Duration::MINUTE);
    ada.submitted(&world, Upload::hitting_by_split(5, 13).zip()).await;
    world.drain().await;
    world.score_final().await;
    world
}

async fn exported(world: &World, whom: ExportFor) -> (Vec<u8>, Exported) {
    let mut bytes = Vec::new();
    let exported = export::write(&world.app, &World::path(), whom, &mut bytes).await.expect("an export");
    (bytes, exported)
}

fn check(bytes: &[u8]) -> Report {
    reproduce(Cursor::new(bytes), Published::default()).expect("readable")
}

fn outcome(report: &Report, name: &str) -> Outcome {
    report.checks.iter().find(|check| check.check == name).unwrap_or_else(|| panic!("no {name}: {report:#?}")).outcome
}

fn names(bytes: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(bytes);
    let name = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        entry.expect("an entry").path().expect("a name").display().to_string()
    };
    archive.entries().expect("entries").map(name).collect()
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn with_opened_labels_everybody_reproduces_everything(db: PgPool) {
    let world = scored(db, "publish_entries: true\n").await;
    world.reveal(LabelsAtReveal::Open).await;
    let (bytes, exported) = exported(&world, ExportFor::Public).await;
    assert_eq!((exported.version, exported.entries, exported.zips, exported.labels), (1, 2, 2, true));
    let report = check(&bytes);
    assert!(!report.has_failed() && !report.has_gaps(), "{report:#?}");
    let head = LogPlace { seq: exported.head.seq.unsigned_abs(), hash: (*exported.head.hash.as_bytes()).into() };
    let root = store::label::version(&world.app.db, world.track().await.id, 1).await.expect("an answer");
    let root = root.expect("a commitment").root.expect("a root");
    let report = reproduce(Cursor::new(&bytes), Published { head: Some(head), root: Some(root) }).expect("readable");
    assert!(!report.has_failed(), "{report:#?}");
    let text = String::from_utf8_lossy(&bytes);
    for name in ["\"ada\"", "\"bob\""] {
        assert!(!text.contains(name), "the file for everybody names {name}");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn while_labels_are_kept_neither_they_nor_zips_leave_but_for_organisers(db: PgPool) {
    let world = scored(db, "publish_entries: true\n").await;
    world.reveal(LabelsAtReveal::Keep).await;
    let (bytes, exported) = exported(&world, ExportFor::Public).await;
    assert_eq!((exported.zips, exported.labels), (0, false));
    let members = names(&bytes);
    let expected =
        ["manifest.json", "shape.json", "commitment.txt", "log.ndjson", "ranking.json", "results.json", "SHA256SUMS"];
    assert_eq!(members, expected);
    let report = check(&bytes);
    assert!(!report.has_failed(), "{report:#?}");
    assert_eq!(outcome(&report, "entries"), Outcome::Ok);
    assert_eq!(outcome(&report, "scores"), Outcome::NotInThisFile);

    let (bytes, exported) = self::exported(&world, ExportFor::Organisers).await;
    assert_eq!((exported.entries, exported.zips, exported.labels), (2, 3, true));
    let report = check(&bytes);
    assert!(!report.has_failed() && !report.has_gaps(), "{report:#?}");
    assert!(names(&bytes).contains(&"names.json".to_owned()));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn zips_stay_where_the_terms_did_not_say_that_they_are_published(db: PgPool) {
    let world = scored(db, "title: Tiny\n").await;
    world.reveal(LabelsAtReveal::Open).await;
    let (bytes, exported) = exported(&world, ExportFor::Public).await;
    assert_eq!((exported.zips, exported.labels), (0, true));
    let report = check(&bytes);
    assert!(!report.has_failed(), "{report:#?}");
    assert_eq!(outcome(&report, "commitment"), Outcome::Ok);
    assert_eq!(outcome(&report, "zips"), Outcome::NotInThisFile);
    // Who joined agreed to the terms of that day.
    let refused = world.try_import(&TrackFiles::with_yaml("publish_entries: true\n")).await.expect_err("too late");
    assert!(refused.to_string().contains("publish_entries"), "{refused}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_best_entries_and_later_versions_are_reproduced_too(db: PgPool) {
    let world = scored(db, "entry_rule: best\npublish_entries: true\n").await;
    world.reveal(LabelsAtReveal::Open).await;
    let (_, first) = exported(&world, ExportFor::Organisers).await;
    let board = store::ranking::version(&world.app.db, world.track().await.id, 1).await.expect("an answer");
    let ranking: serde_json::Value = serde_json::from_str(&board.expect("a ranking").ranking).expect("JSON");
    let best = World::id(ranking["entries"][0]["submission"].as_str().expect("an id"));
    organise::disqualify(&world.app, best, By { reason: Some(&reason("a broken rule")), ..By::default() })
        .await
        .expect("an entry");
    world.drain().await;
    world.take_due_steps().await;
    let (bytes, second) = exported(&world, ExportFor::Organisers).await;
    assert_eq!((first.version, second.version), (1, 2));
    let report = check(&bytes);
    assert!(!report.has_failed() && !report.has_gaps(), "{report:#?}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn nothing_is_exported_before_the_reveal(db: PgPool) {
    let world = scored(db, "title: Tiny\n").await;
    for whom in [ExportFor::Public, ExportFor::Organisers] {
        let mut bytes = Vec::new();
        let refused = export::write(&world.app, &World::path(), whom, &mut bytes).await;
        assert!(matches!(refused, Err(ExportError::NotRevealed(_))), "{refused:?}");
        assert_eq!(bytes, b"");
    }
    let gone = "mico/gone".parse().expect("a path");
    let refused = export::write(&world.app, &gone, ExportFor::Public, &mut Vec::new()).await;
    assert!(matches!(refused, Err(ExportError::NoTrack(_))), "{refused:?}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn opened_later_the_labels_are_in_the_next_export(db: PgPool) {
    let world = scored(db, "publish_entries: true\n").await;
    world.reveal(LabelsAtReveal::Keep).await;
    lifecycle::open_labels(&world.app, &World::path(), By::default()).await.expect("a revealed track");
    let report = check(&exported(&world, ExportFor::Public).await.0);
    assert!(!report.has_failed() && !report.has_gaps(), "{report:#?}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_ranking_by_the_greatest_scenario_is_reproduced_with_what_was_left_out(db: PgPool) {
    let yaml = "ranking: {number: max_TPR_FPR_1000, scenarios: any}\npublish_entries: true\n";
    let world = World::with_yaml(db, yaml).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    ada.submitted(&world, Upload::hitting(9).leaving_out("tiny_lo").zip()).await;
    bob.submitted(&world, Upload::hitting(7).zip()).await;
    world.drain().await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Open).await;
    let bytes = exported(&world, ExportFor::Public).await.0;
    let report = check(&bytes);
    assert!(!report.has_failed() && !report.has_gaps(), "{report:#?}");
    assert!(String::from_utf8_lossy(&bytes).contains(",null]"), "a scenario was left out");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn corrected_labels_are_exported_with_the_ranking_that_was_made_of_them(db: PgPool) {
    let world = scored(db, "publish_entries: true\n").await;
    world.reveal(LabelsAtReveal::Open).await;
    let model: ModelPath = "tiny_hi/final/model_30".parse().expect("a model");
    let mut labels = truth("tiny_hi", "model_30").to_vec();
    labels[0] = if labels[0] == Membership::Member { Membership::NonMember } else { Membership::Member };
    let by = By { reason: Some(&reason("a line was read twice")), ..By::default() };
    let corrected =
        rescoring::correct(&world.app, &World::path(), &[(model, labels)].into(), by).await.expect("labels");
    let refused = export::write(&world.app, &World::path(), ExportFor::Public, &mut Vec::new()).await;
    assert!(matches!(refused, Err(ExportError::RescoringOpen(_))), "{refused:?}");
    world.drain().await;
    rescoring::apply(&world.app, corrected.batch.expect("a batch"), by).await.expect("all scored");
    world.take_due_steps().await;
    let (bytes, exported) = exported(&world, ExportFor::Public).await;
    assert_eq!(exported.version, 2);
    let report = check(&bytes);
    assert!(!report.has_failed() && !report.has_gaps(), "{report:#?}");
    // The root that was published first is in the log as well.
    let first = store::label::version(&world.app.db, world.track().await.id, 1).await.expect("an answer");
    let published = Published { head: None, root: first.expect("a commitment").root };
    assert!(!reproduce(Cursor::new(&bytes), published).expect("readable").has_failed());
    let (bytes, _) = self::exported(&world, ExportFor::Organisers).await;
    assert!(!check(&bytes).has_failed(), "{:#?}", check(&bytes));
}
