//! Checks that every page must pass, at every width and in every colour scheme.

use serde_json::Value;

use super::Browser;

/// The sizes of a phone and a desktop, in CSS pixels.
const SIZES: [(u32, u32); 2] = [(390, 844), (1280, 1000)];
const SCHEMES: [&str; 2] = ["light", "dark"];

/// The problems of the open page, at both sizes and in both schemes.
///
/// A page must have one main heading, a title, landmarks, labels and accessible names, must not
/// scroll sideways, and its text must have enough contrast.
pub(crate) async fn inspect(browser: &Browser) -> Vec<String> {
    let mut problems = Vec::new();
    let mut backgrounds = Vec::new();
    for scheme in SCHEMES {
        browser.prefer(scheme).await;
        backgrounds.push(browser.run("return getComputedStyle(document.body).backgroundColor;").await);
        for (width, height) in SIZES {
            browser.resize(width, height).await;
            let found = browser.run(include_str!("inspect.js")).await;
            let found = found.as_array().into_iter().flatten().filter_map(Value::as_str);
            problems.extend(found.map(|sentence| format!("{width} px, {scheme}: {sentence}")));
        }
    }
    assert_ne!(backgrounds[0], backgrounds[1], "the page does not heed the colour scheme");
    problems
}
