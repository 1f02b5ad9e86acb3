//! Without JavaScript the pages are plain pages and do the same.

use crate::support::{Browser, Server, Skill, write_zip, zip};

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_the_board_and_the_form_work() {
    let server = Server::start().await;
    let ada = server.participant("ada").await;
    server.submit_and_wait(&ada, zip(Skill::Half)).await;
    let browser = Browser::start().await;
    browser.turn_scripts_off().await;

    browser.open(&server.track("/leaderboard")).await;
    assert_eq!(browser.run("return typeof callimico;").await, "undefined", "no script of the page ran");
    browser.wait_for_text("tr.entry .score", "0.5000").await;
    browser.wait_for_text("#live-word", "as loaded").await;
    browser.click("tr.entry summary").await;
    browser.wait_for_text("tr.more", "AUC").await;
    browser.follow("AUC").await;
    browser.wait_for_text("th[aria-sort]", "AUC").await;

    browser.open(&server.url("/register?next=/c/zoo/toy/rules")).await;
    browser.fill("name", "grace").await;
    browser.fill("password", "correct horse battery").await;
    browser.follow("Register").await;
    browser.wait_for_path("/c/zoo/toy/rules").await;
    browser.click("#join input[type=checkbox]").await;
    browser.follow("Accept and join").await;
    browser.wait_for_text("#join", "You take part").await;
    browser.follow("Submit predictions").await;
    browser.wait_for_path("/c/zoo/toy/submit").await;
    browser.fill("file", &write_zip(server.folder(), Skill::Perfect)).await;
    browser.fill("method_url", "javascript:alert(1)").await;
    browser.follow("Submit this zip").await;
    browser.wait_for_element("input[name=method_url][aria-invalid=true]").await;
    browser.open(&server.track("/submit")).await;
    browser.fill("file", &write_zip(server.folder(), Skill::Perfect)).await;
    browser.follow("Submit this zip").await;
    browser.wait_for_text("h2", "Submission 1 of grace").await;
    let mine = server.url(&browser.path().await);
    // Load it again until the scores are there, as a person would.
    while browser.text().await.contains("Your predictions are stored") {
        browser.open(&mine).await;
    }
    browser.wait_for_text(".stats", "1.0000").await;
    browser.open(&server.track("/leaderboard")).await;
    browser.wait_for_text("tr.entry:first-child", "grace").await;
    browser.quit().await;
}
