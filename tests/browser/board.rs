//! The board updates while somebody is reading it.

use crate::support::{Browser, Server, Skill, zip};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_entry_appears_on_a_board_that_somebody_reads_and_moves_nothing_of_theirs() {
    let server = Server::start().await;
    let (ada, grace) = (server.participant("ada").await, server.participant("grace").await);
    server.submit_and_wait(&ada, zip(Skill::Half)).await;
    let browser = Browser::start().await;
    browser.open(&server.track("/leaderboard")).await;
    let reader = browser.second_window().await;
    browser.open(&server.url("/")).await;
    browser.wait_for_text(".tracks .leader", "ada").await;
    browser.switch_to(reader).await;
    browser.resize(800, 500).await;
    browser.wait_for_text("#live-word", "live").await;
    browser.click("tr.entry summary").await;
    browser.wait_for_text("tr.more", "1 submission").await;
    browser.run("window.sameDocument = true; scrollTo(0, 220);").await;
    assert_eq!(browser.run("return scrollY;").await, 220);

    server.submit(&grace, zip(Skill::Perfect)).await;
    browser.wait_for_text("tr.entry:first-child", "grace").await;
    browser.wait_for_text("tr.entry:first-child .score", "1.0000").await;
    let names = browser.run("return [...document.querySelectorAll('tr.entry bdi:first-child')].length;").await;
    assert!(names.as_u64().is_some_and(|count| count >= 2), "ada stays on it");
    assert_eq!(browser.run("return window.sameDocument === true;").await, true, "the page was not loaded again");
    assert_eq!(browser.run("return scrollY;").await, 220, "nothing scrolled");
    let open = "return [...document.querySelectorAll('tr.entry')].map((row) => row.querySelector('details').open);";
    assert_eq!(browser.run(open).await, serde_json::json!([false, true]), "the row that was open is open");
    let focus = "return document.activeElement.closest('tr.entry').querySelector('summary').innerText;";
    assert_eq!(browser.run(focus).await, "ada", "the focus is where it was");
    browser.wait_for_text("#facts", "2 entries").await;
    browser.wait_for_text("#announce", "1, grace, 1.0000; 2, ada, 0.5000").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    browser.quit().await;
}
