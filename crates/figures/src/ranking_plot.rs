//! A ranking as one picture for slides: places, names, numbers and intervals over one scale with chance marked.
//!
//! Whole on its own: every colour and size is an attribute, and nothing outside it is asked for, so that a browser, a
//! presentation and a converter to pixels draw the same. The ground is left to what is behind it.

use std::fmt::Write as _;

use crate::text::{cut, escape};

/// What the picture shows.
pub struct Ranking<'a> {
    /// What was competed in, as plain text.
    pub title: &'a str,
    /// A line under it: what the number is, and which version this is.
    pub subtitle: &'a str,
    /// The rows, best first.
    pub rows: Vec<Row<'a>>,
    /// What is not in it, as a sentence; may be empty.
    pub note: &'a str,
    /// The score of guessing.
    pub chance: f64,
}

/// An entry.
pub struct Row<'a> {
    /// Its place as it is written; a dash for one without.
    pub place: String,
    /// Whose it is, as plain text.
    pub name: &'a str,
    /// A word beside the name, such as `shared`; may be empty.
    pub word: &'a str,
    /// Whether it competes. The others are set back.
    pub competes: bool,
    /// The number.
    pub value: f64,
    /// Its interval.
    pub interval: (f64, f64),
}

const WIDTH: f64 = 1280.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = WIDTH - 56.0;
/// Where the scale of the intervals begins.
const SCALE: f64 = 740.0;
const FIRST: f64 = 190.0;
const STEP: f64 = 42.0;
const INK: &str = "#1c1a16";
const SOFT: &str = "#5d594f";
const LINE: &str = "#d9d4c7";
const ACCENT: &str = "#8f4700";

/// Draws it.
pub fn ranking_svg(ranking: &Ranking<'_>) -> String {
    let rows = &ranking.rows;
    let end = FIRST + rows.len() as f64 * STEP;
    let height = end + 78.0;
    let high = rows.iter().map(|row| row.interval.1.max(row.value)).fold(ranking.chance, f64::max);
    let step = [0.02, 0.05, 0.1, 0.2, 0.25].into_iter().find(|step| high / step <= 5.0).unwrap_or(0.25);
    let top = ((high / step).ceil() * step).clamp(step, 1.0);
    let x = |value: f64| SCALE + (value / top).clamp(0.0, 1.0) * (RIGHT - SCALE);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="'DejaVu Sans', Verdana, 'Segoe UI', sans-serif" role="img"><title>{}</title><text x="{LEFT}" y="62" font-size="36" font-weight="700" fill="{INK}">{}</text><text x="{LEFT}" y="100" font-size="20" fill="{SOFT}">{}</text>"#,
        escape(ranking.title),
        cut(ranking.title, 54),
        cut(ranking.subtitle, 105),
    );
    draw_scale(&mut svg, (top, step), x, end);
    let at = x(ranking.chance);
    let _ = write!(
        svg,
        r#"<path d="M{at:.1} {:.1}V{end:.1}" stroke="{SOFT}" stroke-width="2" stroke-dasharray="5 5" fill="none"/><text x="{at:.1}" y="{:.1}" font-size="18" fill="{SOFT}" text-anchor="middle">chance</text>"#,
        FIRST - 12.0,
        end + 24.0,
    );
    for (i, row) in rows.iter().enumerate() {
        draw_row(&mut svg, row, FIRST + i as f64 * STEP, x);
    }
    let _ = write!(
        svg,
        r#"<text x="{LEFT}" y="{:.1}" font-size="18" fill="{SOFT}">{}</text><text x="{RIGHT}" y="{:.1}" font-size="18" fill="{SOFT}" text-anchor="end">band: 95 % interval</text></svg>"#,
        end + 56.0,
        cut(ranking.note, 74),
        end + 56.0,
    );
    svg
}

fn draw_scale(svg: &mut String, (top, step): (f64, f64), x: impl Fn(f64) -> f64, end: f64) {
    let ticks = (top / step).round() as u32;
    for tick in 0..=ticks {
        let value = f64::from(tick) * step;
        let text = format!("{value:.2}");
        let _ = write!(
            svg,
            r#"<path d="M{0:.1} {1:.1}V{end:.1}" stroke="{LINE}" fill="none"/><text x="{0:.1}" y="{2:.1}" font-size="18" fill="{SOFT}" text-anchor="middle">{3}</text>"#,
            x(value),
            FIRST - 12.0,
            FIRST - 22.0,
            text.strip_suffix('0').unwrap_or(&text),
        );
    }
}

fn draw_row(svg: &mut String, row: &Row<'_>, y: f64, x: impl Fn(f64) -> f64) {
    let is_first = row.place == "1";
    let (colour, weight) = match (row.competes, is_first) {
        (false, _) => (SOFT, "400"),
        (true, true) => (INK, "700"),
        (true, false) => (INK, "400"),
    };
    let mark = if is_first { ACCENT } else { colour };
    let (middle, base) = (y + STEP / 2.0, y + STEP / 2.0 + 8.0);
    let word = match row.word.is_empty() {
        true => String::new(),
        false => {
            format!(r#"<tspan dx="10" font-size="18" font-weight="400" fill="{SOFT}">{}</tspan>"#, escape(row.word))
        }
    };
    let columns = if row.word.is_empty() { 30 } else { 30_usize.saturating_sub(row.word.len()).max(12) };
    let _ = write!(
        svg,
        r#"<text x="{0}" y="{base:.1}" font-size="24" font-weight="700" fill="{mark}" text-anchor="end">{1}</text><text x="{2}" y="{base:.1}" font-size="24" font-weight="{weight}" fill="{colour}">{3}{word}</text><text x="{4}" y="{base:.1}" font-size="24" font-weight="{weight}" fill="{colour}" text-anchor="end">{5:.4}</text>"#,
        LEFT + 44.0,
        escape(&row.place),
        LEFT + 66.0,
        cut(row.name, columns),
        SCALE - 34.0,
        row.value,
    );
    let (low, high) = row.interval;
    let _ = write!(
        svg,
        r#"<path d="M{:.1} {middle:.1}H{:.1}" stroke="{mark}" stroke-opacity="0.35" stroke-width="9" stroke-linecap="round" fill="none"/><circle cx="{:.1}" cy="{middle:.1}" r="7" fill="{mark}"/>"#,
        x(low),
        x(high),
        x(row.value),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_no_element_and_numbers_are_told_in_full() {
        let row = |place: &str, name| Row {
            place: place.to_owned(),
            name,
            word: "",
            competes: true,
            value: 0.19012,
            interval: (0.18, 0.2),
        };
        let rows = vec![row("1", "</text><script>alert(1)</script>"), row("2", "螢 & co")];
        let svg = ranking_svg(&Ranking { title: "A & B", subtitle: "", rows, note: "", chance: 0.1 });
        assert!(!svg.contains("<script") && svg.contains("&lt;/text&gt;") && svg.contains("A &amp; B"), "{svg}");
        assert_eq!(svg.matches("0.1901").count(), 2);
        assert!(svg.contains(">chance<") && svg.ends_with("</svg>"));
        assert!(!svg.contains("style=") && !svg.contains("href"), "{svg}");
    }

    #[test]
    fn no_row_is_a_picture_all_the_same() {
        let svg =
            ranking_svg(&Ranking { title: "T", subtitle: "s", rows: Vec::new(), note: "no entries", chance: 0.1 });
        assert!(svg.contains("no entries"));
    }
}
