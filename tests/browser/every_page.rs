//! Every page at the sizes of a phone and a desktop, light and dark.

use crate::support::{Browser, Server, Skill, inspect, write_zip, zip};

const PASSWORD: &str = "correct horse battery";

/// Opens a page and returns its problems, each with the page's path in front.
async fn look(browser: &Browser, server: &Server, path: &str) -> Vec<String> {
    browser.open(&server.url(path)).await;
    look_here(browser, path).await
}

async fn look_here(browser: &Browser, name: &str) -> Vec<String> {
    let mut problems = inspect(browser).await;
    problems.extend(browser.console_errors().await);
    problems.into_iter().map(|sentence| format!("{name}: {sentence}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_whole_on_phone_and_desktop_in_light_and_dark() {
    let server = Server::start().await;
    let browser = Browser::start().await;
    let mut problems = Vec::new();

    for path in ["/c/zoo/toy/leaderboard", "/login", "/register", "/c/zoo/toy/submit", "/c/zoo/toy/submissions"] {
        problems.extend(look(&browser, &server, path).await);
    }
    let grace = server.participant("grace").await;
    server.submit_and_wait(&grace, zip(Skill::Perfect)).await;
    let submissions = sign_in_and_submit(&browser, &server).await;
    for path in [
        "/",
        "/c/zoo",
        "/c/zoo/toy",
        "/c/zoo/toy/data",
        "/c/zoo/toy/rules",
        "/c/zoo/toy/submit",
        "/c/zoo/toy/submissions",
        "/c/zoo/toy/leaderboard",
        "/c/zoo/toy/leaderboard?by=AUC&sort=toy_inf",
        "/account",
    ] {
        problems.extend(look(&browser, &server, path).await);
    }
    for path in &submissions {
        problems.extend(look(&browser, &server, path).await);
    }

    browser.open(&server.track("/leaderboard")).await;
    browser.click("tr.mine summary").await;
    problems.extend(look_here(&browser, "a board with an open row").await);
    browser.open(&server.url("/account")).await;
    browser.fill("label", "a-name-without-any-place-to-break-a-line-in-it-0123456789").await;
    browser.follow("Make a token").await;
    browser.wait_for_text(".secret", "cmk_").await;
    problems.extend(look_here(&browser, "an account with a new token").await);
    problems.extend(error_pages(&browser, &server).await);

    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    browser.quit().await;
}

/// Makes an account with a long name, one scored submission and one rejected; returns the paths of
/// their pages.
async fn sign_in_and_submit(browser: &Browser, server: &Server) -> Vec<String> {
    browser.open(&server.url("/register?next=/c/zoo/toy/rules")).await;
    browser.fill("name", "a-long-name-that-fills-all-forty-letters").await;
    browser.fill("password", PASSWORD).await;
    browser.follow("Register").await;
    browser.wait_for_path("/c/zoo/toy/rules").await;
    browser.click("#join input[type=checkbox]").await;
    browser.follow("Accept and join").await;
    browser.wait_for_text("#join", "You take part").await;
    let mut paths = Vec::new();
    for (skill, end) in [(Skill::Broken, "rejected"), (Skill::Half, "scored")] {
        browser.open(&server.track("/submit")).await;
        browser.fill("file", &write_zip(server.folder(), skill)).await;
        browser.fill("description", &"unbroken".repeat(20)).await;
        browser.fill("method_url", &format!("https://example.org/{}", "path".repeat(30))).await;
        browser.follow("Submit this zip").await;
        browser.wait_for_text(".pill", end).await;
        paths.push(browser.path().await);
    }
    paths
}

/// On an error page the browser logs the status as an error. There must be no other problem.
async fn error_pages(browser: &Browser, server: &Server) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, status) in [("/nothing/here", "404"), ("/c/zoo/toy/leaderboard?by=nonsense", "400")] {
        let found = look(browser, server, path).await;
        let (expected, rest): (Vec<String>, Vec<String>) =
            found.into_iter().partition(|sentence| sentence.contains(&format!("status of {status}")));
        assert_eq!(expected.len(), 1, "{path} answers {status}");
        problems.extend(rest);
    }
    problems
}
