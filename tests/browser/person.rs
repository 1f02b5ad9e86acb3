//! A person's visit from registering to the board and signing out.

use crate::support::{Browser, Server, Skill, write_zip};

const DESCRIPTION: &str = "<script>alert(1)</script> & <b>bold</b>";
const PASSWORD: &str = "correct horse battery";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_comes_submits_sees_the_scores_and_leaves() {
    let mut server = Server::start_without_workers().await;
    let browser = Browser::start().await;
    register_and_sign_in_again(&server, &browser).await;
    join(&server, &browser).await;
    a_rejected_upload_costs_nothing(&server, &browser).await;
    a_submission_is_scored_while_one_watches(&mut server, &browser).await;
    the_board_lists_it(&server, &browser).await;
    sign_out(&server, &browser).await;
    browser.quit().await;
}

async fn register_and_sign_in_again(server: &Server, browser: &Browser) {
    browser.open(&server.url("/register")).await;
    browser.fill("name", "ada").await;
    browser.fill("email", "ada@example.org").await;
    browser.fill("password", PASSWORD).await;
    browser.follow("Register").await;
    browser.wait_for_text("header", "ada").await;
    browser.follow("Sign out").await;
    browser.wait_for_text("header", "Sign in").await;

    // Somebody who is not signed in is led to the login page and back to where they were.
    browser.open(&server.track("/submit")).await;
    browser.wait_for_text("main", "Sign in first").await;
    browser.click("main a.button").await;
    browser.wait_for_path("/login").await;
    browser.fill("name", "ada").await;
    browser.fill("password", "not the password").await;
    browser.click("main button").await;
    browser.wait_for_text("[role=alert]", "do not belong together").await;
    browser.fill("password", PASSWORD).await;
    browser.click("main button").await;
    browser.wait_for_path("/c/zoo/toy/submit").await;
    let cookies = browser.cookies().await;
    let session = cookies.iter().find(|cookie| cookie.name.starts_with("__Host-")).expect("a session cookie");
    assert_eq!((session.secure, session.path.as_deref()), (Some(true), Some("/")));
    let seen = browser.run("return document.cookie;").await;
    assert_eq!(seen, "", "scripts do not see it");
}

async fn join(server: &Server, browser: &Browser) {
    browser.wait_for_text("main", "Join the track first").await;
    browser.follow("Read the rules and join").await;
    browser.wait_for_path("/c/zoo/toy/rules").await;
    browser.click("#join input[type=checkbox]").await;
    browser.follow("Accept and join").await;
    browser.wait_for_text("#join", "You take part in this track.").await;
    browser.open(&server.track("/submit")).await;
    assert_eq!(attempts_today(browser).await, "5 of 5");
}

/// Today's remaining attempts, as the page shows them.
async fn attempts_today(browser: &Browser) -> String {
    browser.wait_for_element("aside .pairs dd").await;
    browser.run("return document.querySelector('aside .pairs dd').innerText;").await.as_str().expect("text").to_owned()
}

async fn a_rejected_upload_costs_nothing(server: &Server, browser: &Browser) {
    browser.fill("file", &write_zip(server.folder(), Skill::Broken)).await;
    browser.follow("Submit this zip").await;
    browser.wait_for_text(".pill", "rejected").await;
    assert!(browser.path().await.starts_with("/submissions/"), "{}", browser.path().await);
    browser.wait_for_text(".place", "toy/toy_inf/dev/model_2/prediction.csv").await;
    browser.wait_for_text(".spot", "line 1, column 13").await;
    browser.wait_for_text(".found", "0.x").await;
    assert_eq!(attempts_today(browser).await, "5 of 5");
    browser.follow("Submit a mended zip").await;
    browser.wait_for_path("/c/zoo/toy/submit").await;
}

async fn a_submission_is_scored_while_one_watches(server: &mut Server, browser: &Browser) {
    browser.fill("file", &write_zip(server.folder(), Skill::Half)).await;
    browser.fill("description", DESCRIPTION).await;
    browser.follow("Submit this zip").await;
    // No worker runs yet, so this is the page of a submission that waits.
    browser.wait_for_text(".pill", "waiting").await;
    browser.wait_for_text("main", "Your predictions are stored").await;
    browser.run("window.sameDocument = true;").await;
    server.begin_scoring();
    browser.wait_for_text(".pill", "scored").await;
    assert_eq!(browser.run("return window.sameDocument === true;").await, true, "the page was not loaded again");

    let stats = browser.run("return document.querySelector('.stats').innerText;").await;
    let stats = stats.as_str().expect("text").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(stats.contains("0.5000"), "the dev score: {stats}");
    assert!(stats.contains("rank 1") && stats.contains("4 / 49"), "rank and attempts: {stats}");
    let names = browser.run("return [...document.querySelectorAll('figcaption b')].map((b) => b.innerText);").await;
    let expected = ["No privacy", "High ε", "No privacy", "High ε"];
    assert_eq!(names, serde_json::json!(expected), "log-log and linear, the weakest privacy first");
    let drawn = "return [...document.querySelectorAll('svg.roc .curve')].map((c) => c.getTotalLength() > 50);";
    assert_eq!(browser.run(drawn).await, serde_json::json!([true, true, true, true]), "every figure has its curve");
    browser.wait_for_text(".numbers", "TPR at 0.1 % FPR").await;
    browser.wait_for_text(".numbers", "AUC").await;
    browser.wait_for_text("dl dd", DESCRIPTION).await;
}

async fn the_board_lists_it(server: &Server, browser: &Browser) {
    browser.open(&server.track("/leaderboard")).await;
    browser.wait_for_text("tr.mine", "ada").await;
    browser.wait_for_text("tr.mine .score", "0.5000").await;
    browser.wait_for_text("tr.mine small", DESCRIPTION).await;
    let made = browser.run("return document.querySelectorAll('#board script, #board small b b, #board bdi b').length;");
    assert_eq!(made.await, 0, "what people write stays text");
    browser.click("tr.mine td.score").await;
    browser.wait_for_text("tr.more", "Open the submission").await;
    browser.open(&server.track("/submissions")).await;
    browser.wait_for_element("svg.history").await;
    browser.wait_for_text("table.list", "rejected").await;
}

async fn sign_out(server: &Server, browser: &Browser) {
    let cookies = browser.cookies().await;
    let session = cookies.iter().find(|cookie| cookie.name.starts_with("__Host-")).expect("a session cookie");
    assert!(server.lets_in(&session.name, &session.value).await, "the session holds");
    browser.follow("Sign out").await;
    browser.wait_for_text("header", "Sign in").await;
    assert!(browser.cookies().await.iter().all(|cookie| cookie.name != session.name), "the cookie is gone");
    assert!(!server.lets_in(&session.name, &session.value).await, "who kept it is not let in");
    browser.open(&server.url("/account")).await;
    assert_eq!(browser.path().await, "/login");
}
