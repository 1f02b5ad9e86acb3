//! Scopes of tokens: with less than `organise` an organiser sees what a participant sees, at every route.

use axum::http::StatusCode;
use callimico::domain::account::TokenScope;
use sqlx::PgPool;

use crate::support::{Actor, Answer, TRACK_URL, Upload, World};

/// An organiser and an account that is nothing, whose names have the same length.
struct Two {
    world: World,
    /// A submission of somebody else.
    submission: String,
}

impl Two {
    async fn new(db: PgPool) -> Self {
        let world = World::new(db).await;
        let ada = world.participant("ada").await;
        let submission = ada.submitted(&world, Upload::hitting(5).zip()).await;
        world.drain().await;
        world.organiser("olga").await;
        world.account("carl").await;
        Self { world, submission }
    }

    async fn token(&self, name: &str, scope: TokenScope) -> Actor {
        self.world.token(self.world.user_of(name).await, scope).await
    }

    /// What somebody sees of the whole server, told as if it were seen by nobody in particular.
    async fn look(&self, actor: &Actor, name: &str) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        for place in self.world.places(&[("id", &self.submission)]).await {
            let answer = actor.glance(&self.world, &place).await;
            seen.push((place, told(&answer, name)));
        }
        assert!(seen.len() > 25, "only {} routes were found", seen.len());
        seen
    }
}

fn told(answer: &Answer, name: &str) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    format!("{} {headers:?} {}", answer.status, String::from_utf8_lossy(&answer.body).replace(name, "[name]"))
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn with_less_than_organise_an_organiser_sees_what_anybody_else_sees(db: PgPool) {
    let two = Two::new(db).await;
    for enrolled in [false, true] {
        if enrolled {
            for name in ["olga", "carl"] {
                let actor = two.token(name, TokenScope::Submit).await;
                actor.enrol(&two.world).await.expect(StatusCode::CREATED);
            }
        }
        for phase in ["draft", "closed", "open"] {
            sqlx::query("update tracks set phase = $1::track_phase")
                .bind(phase)
                .execute(&two.world.app.db)
                .await
                .expect("a phase");
            let carl = two.token("carl", TokenScope::Organise).await;
            let nobody = two.look(&carl, "carl").await;
            for scope in [TokenScope::Read, TokenScope::Submit] {
                let olga = two.token("olga", scope).await;
                let seen = two.look(&olga, "olga").await;
                for (mine, theirs) in seen.iter().zip(&nobody) {
                    assert_eq!(mine, theirs, "{phase}, {scope:?}, enrolled: {enrolled}");
                }
            }
            let olga = two.token("olga", TokenScope::Organise).await;
            let differs: Vec<String> = two
                .look(&olga, "olga")
                .await
                .into_iter()
                .zip(nobody)
                .filter(|(one, other)| one != other)
                .map(|((place, _), _)| place)
                .collect();
            assert!(differs.contains(&format!("{TRACK_URL}/submissions")), "{differs:?}");
            assert!(differs.contains(&format!("/api/v1/submissions/{}", two.submission)), "{differs:?}");
        }
    }
}
