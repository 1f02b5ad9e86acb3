//! From a place on the dev board to a place in the end: a small line a row, and one picture of all.
//!
//! Pure text. The height of an end is the place, so that the rows of a table read as one picture.

use std::fmt::Write as _;

use crate::text::{cut, escape};

/// How far a place moved, in words: `up 2`, `down 1`, `same`.
pub fn change_word(before: usize, after: usize) -> String {
    match before.cmp(&after) {
        std::cmp::Ordering::Greater => format!("up {}", before - after),
        std::cmp::Ordering::Less => format!("down {}", after - before),
        std::cmp::Ordering::Equal => "same".to_owned(),
    }
}

/// The same as a sentence of what the line shows.
pub fn change_sentence(before: usize, after: usize) -> String {
    match before == after {
        true => format!("place {after}, as on dev"),
        false => format!("from place {before} on dev to {after}, {}", change_word(before, after)),
    }
}

/// The line of one row. `places` is how many there are: all rows of a table share a scale.
pub fn change_svg(before: usize, after: usize, places: usize) -> String {
    const TOP: f64 = 6.0;
    const MOST: f64 = 28.0;
    let step = (MOST / places.saturating_sub(1).max(1) as f64).min(4.0);
    let y = |place: usize| TOP + place.saturating_sub(1) as f64 * step;
    let (left, right) = (y(before), y(after));
    let moved = if before == after { "" } else { " moved" };
    format!(
        r#"<svg class="slope{moved}" viewBox="0 0 88 40" role="img"><title>{}</title><text x="13" y="{:.1}" text-anchor="end">{before}</text><path d="M24 {left:.1}L64 {right:.1}"/><circle cx="24" cy="{left:.1}" r="3"/><circle cx="64" cy="{right:.1}" r="3"/><text x="75" y="{:.1}">{after}</text></svg>"#,
        change_sentence(before, after),
        left + 4.5,
        right + 4.5,
    )
}

/// An entry in the picture of all.
pub struct Moved<'a> {
    /// Whose it is, as plain text.
    pub name: &'a str,
    /// Its place on the dev board, and its score there as it is written.
    pub before: (usize, String),
    /// Its place in the end, and its score.
    pub after: (usize, String),
}

/// The picture of all, given in the order of the end; `None` if there is nobody.
pub fn places_svg(entries: &[Moved<'_>]) -> Option<String> {
    const FIRST: f64 = 44.0;
    const STEP: f64 = 31.0;
    if entries.is_empty() {
        return None;
    }
    let mut by_dev: Vec<usize> = (0..entries.len()).collect();
    by_dev.sort_by_key(|i| (entries[*i].before.0, *i));
    let mut on_dev = vec![0; entries.len()];
    for (slot, i) in by_dev.into_iter().enumerate() {
        on_dev[i] = slot;
    }
    let y = |slot: usize| FIRST + slot as f64 * STEP;
    let height = y(entries.len() - 1) + 21.0;
    let told: Vec<String> = entries
        .iter()
        .map(|entry| format!("{}: {}", escape(entry.name), change_sentence(entry.before.0, entry.after.0)))
        .collect();
    let mut svg = format!(
        r#"<svg class="slopes" viewBox="0 0 490 {height}" role="img"><title>Places on dev, left, and in the end, right</title><desc>{}</desc><text class="head-word" x="138" y="18" text-anchor="end">dev board</text><text class="head-word" x="262" y="18">in the end</text>"#,
        told.join("; ")
    );
    // Strong lines lie above the others.
    for strong in [false, true] {
        for (slot, entry) in entries.iter().enumerate().filter(|(_, one)| (one.before.0 != one.after.0) == strong) {
            let (left, right) = (y(on_dev[slot]), y(slot));
            let (class, (before, dev), (after, score)) =
                (if strong { "moved" } else { "" }, &entry.before, &entry.after);
            let _ = write!(
                svg,
                r#"<g class="{class}"><path d="M150 {left}L250 {right}"/><circle cx="150" cy="{left}" r="3.4"/><circle cx="250" cy="{right}" r="3.4"/></g><text x="138" y="{0}" text-anchor="end">{before}</text><text x="100" y="{0}" text-anchor="end">{dev}</text><text class="now" x="262" y="{1}">{after}</text><text class="now" x="287" y="{1}">{2}</text><text x="480" y="{1}" text-anchor="end">{score}</text>"#,
                left + 4.5,
                right + 4.5,
                cut(entry.name, 18),
            );
        }
    }
    svg.push_str("</svg>");
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_a_line_with_a_word() {
        assert_eq!(change_word(3, 1), "up 2");
        assert_eq!(change_word(1, 2), "down 1");
        assert_eq!(change_word(5, 5), "same");
        let svg = change_svg(3, 1, 8);
        assert!(svg.contains("from place 3 on dev to 1, up 2") && svg.contains(r#"class="slope moved""#), "{svg}");
        assert!(svg.contains("M24 14.0L64 6.0"), "{svg}");
        // A thousand places share the same height.
        assert!(change_svg(1000, 1, 1000).contains("M24 34.0L64 6.0"));
        assert!(change_svg(1, 1, 1).contains(r#"class="slope""#));
    }

    #[test]
    fn the_picture_has_all_names_and_dev_places_in_their_order() {
        assert_eq!(places_svg(&[]), None);
        let moved = |name, before, after| Moved { name, before: (before, "0.1".into()), after: (after, "0.2".into()) };
        let svg = places_svg(&[moved("<b>", 2, 1), moved("Heron", 1, 2), moved("Slate", 3, 3)]).unwrap();
        assert!(!svg.contains("<b>") && svg.contains("&lt;b&gt;: from place 2 on dev to 1, up 1"), "{svg}");
        assert!(svg.contains("M150 75L250 44") && svg.contains("M150 44L250 75") && svg.contains("M150 106L250 106"));
    }
}
