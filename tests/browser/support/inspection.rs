//! What must be true of every page, at every width and in every colour scheme.

use serde_json::Value;

use super::Browser;

/// A phone and a desktop, in CSS pixels.
const SIZES: [(u32, u32); 2] = [(390, 844), (1280, 1000)];
const SCHEMES: [&str; 2] = ["light", "dark"];

/// What is wrong with the page that is open, at both widths and in both schemes, a sentence each.
///
/// It has one main heading, a title, landmarks, labels and names; nothing sticks out sideways; words stand out from
/// their ground.
pub(crate) async fn inspect(browser: &Browser) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut grounds = Vec::new();
    for scheme in SCHEMES {
        browser.prefer(scheme).await;
        grounds.push(browser.run("return getComputedStyle(document.body).backgroundColor;").await);
        for (width, height) in SIZES {
            browser.resize(width, height).await;
            let found = browser.run(include_str!("inspect.js")).await;
            let found = found.as_array().into_iter().flatten().filter_map(Value::as_str);
            wrong.extend(found.map(|sentence| format!("{width} px, {scheme}: {sentence}")));
        }
    }
    assert_ne!(grounds[0], grounds[1], "the page does not heed the colour scheme");
    wrong
}
