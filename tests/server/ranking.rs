//! Tracks with another ranking rule than MICO's: the greatest of the scenarios, and submissions that leave some out.

use axum::http::StatusCode;
use callimico::config::LimitsConfig;
use callimico::importer::apply::SaidOfRanking;
use callimico::importer::plan::Action;
use scoring::{RankingKind, RankingRule, Scenarios};
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

use crate::support::{Actor, TRACK_URL, TrackFiles, Upload, World};

const MIDST: &str = "ranking: {number: max_TPR_FPR_1000, scenarios: any}\n";
const MEAN_OF_ANY: &str = "ranking: {scenarios: any}\n";

/// A submission with these hits of 15 in each scenario; one without any is left out.
fn upload(hits: [Option<usize>; 2]) -> Vec<u8> {
    let mut upload = Upload::hitting_by_scenario(hits.map(Option::unwrap_or_default));
    for (scenario, hits) in ["tiny_hi", "tiny_lo"].iter().zip(hits) {
        if hits.is_none() {
            upload = upload.leaving_out(scenario);
        }
    }
    upload.zip()
}

async fn text(world: &World, reader: &Actor, url: &str) -> String {
    reader.get(world, url).await.expect(StatusCode::OK).text().to_owned()
}

async fn board(world: &World) -> Value {
    Actor::visitor().get(world, &format!("{TRACK_URL}/leaderboard")).await.expect(StatusCode::OK).json()
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_scenario_that_is_left_out_is_null_in_json_empty_in_csv_and_a_dash_on_the_board(db: PgPool) {
    let world = World::with_yaml(db, MIDST).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, upload([None, Some(9)])).await;
    world.drain().await;

    let seen = ada.looks_at(&world, &id).await;
    assert_eq!(seen["warnings"][0]["code"], "scenario_left_out", "{seen}");
    assert_eq!(seen["warnings"][0]["path"], "tiny_hi");
    let dev = &seen["scores"]["dev"];
    assert_eq!(dev["max_TPR_FPR_1000"], 0.6);
    assert_eq!(dev.get("average_TPR_FPR_1000"), None);
    assert_eq!(dev["scenarios"]["tiny_hi"], Value::Null);
    assert!(dev["scenarios"].as_object().expect("an object").contains_key("tiny_hi"));
    assert_eq!(dev["scenarios"]["tiny_lo"]["TPR_FPR_1000"], 0.6);
    assert_eq!(dev["curves"].as_object().expect("an object").keys().collect::<Vec<_>>(), ["tiny_lo"]);

    let board = board(&world).await;
    assert_eq!(board["ranking"], "max_TPR_FPR_1000");
    let entry = &board["entries"][0];
    assert_eq!((&entry["max_TPR_FPR_1000"], entry.get("average_TPR_FPR_1000")), (&json!(0.6), None));
    assert_eq!(
        (&entry["scenarios"]["tiny_hi"], &entry["scenarios"]["tiny_lo"]["AUC"]),
        (&Value::Null, &dev["scenarios"]["tiny_lo"]["AUC"])
    );

    let csv = text(&world, &ada, &format!("{TRACK_URL}/leaderboard.csv")).await;
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((lines[0][6], lines[1][6]), ("max_TPR_FPR_1000", "0.6"));
    assert_eq!(lines[0].len(), lines[1].len());
    for (column, cell) in lines[0].iter().zip(&lines[1]) {
        assert_eq!(cell.is_empty(), column.starts_with("tiny_hi_") || *column == "description", "{column}: {cell}");
    }

    let scores = text(&world, &ada, &format!("/api/v1/submissions/{id}/scores.txt")).await;
    let names = scoring::read_scores(&scores).expect("scores.txt");
    assert_eq!((names.len(), names["scenario2_TPR_FPR_1000"], names["max_TPR_FPR_1000"]), (10, 0.6, 0.6));
    assert!(!scores.contains("scenario1_"), "{scores}");

    let page = text(&world, &Actor::visitor(), "/c/mico/tiny/leaderboard").await;
    assert!(page.contains("<td class=\"dim hide-m\">–</td>") && page.contains("<td>–</td>"), "{page}");
    assert!(page.contains("the greatest of all scenarios") && !page.contains("mean over the scenarios"), "{page}");
    assert!(page.contains("greatest of two scenarios"), "{page}");
    let page = text(&world, &ada, &format!("/submissions/{id}")).await;
    assert!(page.contains("<dd>–</dd>") && page.contains("the greatest of all scenarios"), "{page}");
    assert_eq!(page.matches("<figcaption").count(), 2, "one scenario, log–log and linear");
    for sort in ["tiny_hi", "tiny_lo"] {
        text(&world, &ada, &format!("/c/mico/tiny/leaderboard?sort={sort}&by=AUC")).await;
    }
    for page in ["rules", "data", "submit"] {
        let page = text(&world, &ada, &format!("/c/mico/tiny/{page}")).await;
        assert!(page.contains("may leave out whole scenarios"), "{page}");
    }
    text(&world, &ada, "/c/mico/tiny/submissions").await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_greatest_ranks_whichever_scenario_it_is_of(db: PgPool) {
    let world = World::with_yaml(db, MIDST).await;
    for (name, hits) in [
        ("ada", [Some(3), Some(9)]),
        ("grace", [Some(9), None]),
        ("mary", [Some(8), Some(8)]),
        ("tim", [None, Some(10)]),
    ] {
        world.wait(Duration::SECOND);
        world.participant(name).await.submitted(&world, upload(hits)).await;
    }
    world.drain().await;
    let board = board(&world).await;
    let entries = board["entries"].as_array().expect("a list").iter();
    let ranks: Vec<_> = entries.map(|entry| (entry["rank"].as_u64(), entry["participant"].as_str())).collect();
    let expected = [(1, "tim"), (2, "ada"), (2, "grace"), (4, "mary")];
    assert_eq!(ranks, expected.map(|(rank, name)| (Some(rank), Some(name))));
    assert_eq!(board["entries"][2]["tied_with_above"], true);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn in_a_mean_a_scenario_that_is_left_out_counts_as_0(db: PgPool) {
    let world = World::with_yaml(db, MEAN_OF_ANY).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, upload([Some(9), None])).await;
    world.drain().await;
    let dev = ada.looks_at(&world, &id).await["scores"]["dev"].clone();
    assert_eq!(dev["average_TPR_FPR_1000"], 0.3);
    let [low, high] = [0, 1].map(|end| dev["interval_95"][end].as_f64().expect("a number"));
    assert!(low <= 0.3 && (0.3..=0.5).contains(&high), "{low} {high}");
    assert_eq!(dev["scenarios"]["tiny_lo"], Value::Null);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_scenario_that_is_begun_must_be_complete_in_both_splits(db: PgPool) {
    let world = World::with_yaml(db, MIDST).await;
    let ada = world.participant("ada").await;
    let missing = "tiny/tiny_hi/final/model_31/prediction.csv";
    let problem = ada.submit(&world, Upload::hitting(9).without(missing).zip()).await;
    let problem = problem.expect(StatusCode::UNPROCESSABLE_ENTITY).json();
    assert_eq!(
        (&problem["problems"][0]["code"], &problem["problems"][0]["path"]),
        (&json!("missing_file"), &json!(missing))
    );
    let expected = problem["problems"][0]["expected"].as_str().expect("a text");
    assert!(expected.ends_with("of a scenario that is begun, in dev and final"), "{expected}");

    let nothing = Upload::hitting(9).leaving_out("tiny_hi").leaving_out("tiny_lo").with("tiny/notes.txt", "x").zip();
    let problem = ada.submit(&world, nothing).await.expect(StatusCode::UNPROCESSABLE_ENTITY).json();
    let found = problem["problems"][1]["found"].as_str();
    assert_eq!((&problem["problems"][1]["code"], found), (&json!("missing_file"), Some("every scenario")));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn where_nothing_is_said_of_ranking_every_scenario_is_needed(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submit(&world, upload([Some(9), None])).await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    let track = Actor::visitor().get(&world, TRACK_URL).await.json();
    assert_eq!(track["ranking"], json!({"number": "average_TPR_FPR_1000", "scenarios": "all"}));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_rule_changes_in_a_draft_only_and_stays_where_nothing_is_said(db: PgPool) {
    let world = World::on(db, LimitsConfig::default(), None);
    let mean = TrackFiles::default();
    let plan = world.import(&mean).await;
    assert!(plan.to_string().contains("applied: ranking: average_TPR_FPR_1000, scenarios all\n"), "{plan}");
    let plan = world.import(&TrackFiles::with_yaml(MIDST)).await;
    let change = "ranking: average_TPR_FPR_1000, scenarios all -> max_TPR_FPR_1000, scenarios any";
    assert_eq!(plan.overridden, [change]);
    assert_eq!(plan.ignored, [""; 0]);
    let plan = world.import(&mean).await;
    assert_eq!((plan.action, world.track().await.shape.ranking().number), (Action::Unchanged, RankingKind::Max));

    world.sql("update tracks set phase = 'open'").await;
    assert_eq!(world.import(&TrackFiles::with_yaml(MIDST)).await.action, Action::Unchanged);
    let refused = world.try_import(&TrackFiles::with_yaml("ranking: max_TPR_FPR_1000\n")).await;
    let refused = refused.expect_err("the track is open").to_string();
    assert!(refused.contains("its ranking rule stays `max_TPR_FPR_1000, scenarios any`"), "{refused}");
    assert_eq!(world.track().await.shape.ranking().scenarios, Scenarios::Any);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_the_command_line_says_of_ranking_wins_over_the_file(db: PgPool) {
    let world = World::on(db, LimitsConfig::default(), None);
    let files = TrackFiles::with_yaml(MIDST);
    let mean = SaidOfRanking { number: Some(RankingKind::Mean), scenarios: None };
    let plan = world.import_with(&files, mean).await.expect("an import");
    let said = "ranking in track.yaml: max_TPR_FPR_1000, scenarios any -> average_TPR_FPR_1000, scenarios any by --ranking, \
                --scenarios";
    assert_eq!(plan.overridden, [said]);
    let rule = RankingRule { number: RankingKind::Mean, scenarios: Scenarios::Any };
    assert_eq!(world.track().await.shape.ranking(), rule);
    // Twice changes nothing, though the line is there again.
    let plan = world.import_with(&files, mean).await.expect("an import");
    assert_eq!((plan.action, plan.overridden.len()), (Action::Unchanged, 1));
    let error = world.try_import(&TrackFiles::with_yaml("ranking: min\n")).await.expect_err("no such number");
    assert!(error.to_string().contains("track.yaml: `ranking`: `min` is not one of"), "{error}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_counts_that_rank_are_kept_and_what_was_stored_without_them_reads_on(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting_by_scenario([7, 11]).zip()).await;
    world.drain().await;
    let before = ada.looks_at(&world, &id).await;
    let counts: Value = sqlx::query_scalar("select jsonb_path_query_array(scenarios, '$[*].counts') from scorings")
        .fetch_one(&world.app.db)
        .await
        .expect("a scoring");
    assert_eq!(counts, json!([{"tp": 7, "P": 15, "fp": 0, "N": 15}, {"tp": 11, "P": 15, "fp": 0, "N": 15}]));

    // As versions before the rule wrote them.
    world
        .sql(
            "update scorings set ranking = (ranking -> 'scenarios'),
                 scenarios = (select jsonb_agg(one - 'counts') from jsonb_array_elements(scenarios) one);
             update tracks set shape = (shape - 'ranking'), board_version = board_version + 1",
        )
        .await;
    assert_eq!(ada.looks_at(&world, &id).await, before);
    let board = board(&world).await;
    assert_eq!(
        (&board["ranking"], &board["entries"][0]["average_TPR_FPR_1000"]),
        (&json!("average_TPR_FPR_1000"), &json!(18.0 / 30.0))
    );
}
