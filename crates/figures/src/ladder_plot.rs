//! The lines of the ceremony's ladder: from the place on the dev board, left, to the rung that was just shown.
//!
//! Pure text, drawn for a screen of 1,920 by 1,080: the rungs beside it have the same heights in the style sheet.

use std::fmt::Write as _;

/// A rung, from the top down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The place that it stands for.
    pub place: usize,
    /// Whether it is the one that was just shown, which is taller.
    pub is_tall: bool,
}

/// Somebody who has been shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Climb {
    /// The place on the dev board.
    pub before: usize,
    /// The index of the rung.
    pub rung: usize,
    /// Whether it was just shown.
    pub is_now: bool,
}

const LEFT: f64 = 84.0;
const RIGHT: f64 = 306.0;
const HEIGHT: f64 = 748.0;
const LOW: f64 = 86.0;
const TALL: f64 = 232.0;

/// How a dev place is drawn; what comes later covers what comes before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Unknown,
    Shown,
    Now,
}

/// Draws the lines of those in `climbs`; `is_open` answers whether nobody who was shown came from a place on dev.
pub fn ladder_svg(rungs: &[Rung], climbs: &[Climb], is_open: impl Fn(usize) -> bool) -> String {
    let mut middles = Vec::with_capacity(rungs.len());
    let mut top = 0.0;
    for rung in rungs {
        let height = if rung.is_tall { TALL } else { LOW };
        middles.push(top + height / 2.0);
        top += height;
    }
    // A place on dev stands at the height of its rung; one beyond the ladder's ends stands at the end.
    let y = |place: usize| match rungs.iter().rposition(|rung| rung.place <= place) {
        None => 4.0,
        Some(i) if i + 1 == rungs.len() && place > rungs[i].place => (middles[i] + LOW).min(HEIGHT),
        Some(i) => middles[i],
    };
    let mut marks: Vec<(f64, usize, Mark)> = Vec::new();
    let mut mark = |at: f64, place: usize, mark: Mark| match marks.iter_mut().find(|(y, ..)| (*y - at).abs() < 1.0) {
        Some(known) if known.2 >= mark => {}
        Some(known) => *known = (at, place, mark),
        None => marks.push((at, place, mark)),
    };
    for rung in rungs.iter().filter(|rung| is_open(rung.place)) {
        mark(y(rung.place), rung.place, Mark::Unknown);
    }
    let mut lines = String::new();
    for now in [false, true] {
        for climb in climbs.iter().filter(|climb| climb.is_now == now) {
            let Some(right) = middles.get(climb.rung) else { continue };
            let left = y(climb.before);
            mark(left, climb.before, if now { Mark::Now } else { Mark::Shown });
            let class = if now { r#" class="this""# } else { "" };
            let _ = write!(
                lines,
                r#"<g{class}><path d="M{LEFT} {left:.0}L{RIGHT} {right:.0}"/><circle cx="{RIGHT}" cy="{right:.0}" r="9"/></g>"#
            );
        }
    }
    let mut svg =
        format!(r#"<svg viewBox="0 0 330 {HEIGHT}" aria-hidden="true"><text x="0" y="-20">dev board</text>{lines}"#);
    for (at, place, mark) in marks {
        let class = match mark {
            Mark::Unknown => r#" class="unknown""#,
            Mark::Shown => "",
            Mark::Now => r#" class="this""#,
        };
        let _ = write!(
            svg,
            r#"<g{class}><text x="60" y="{:.0}" text-anchor="end">{place}</text><circle cx="{LEFT}" cy="{at:.0}" r="9"/></g>"#,
            at + 12.0
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_the_dev_place_to_the_rung() {
        let low = |place| Rung { place, is_tall: false };
        let rungs = [low(1), low(2), low(3), Rung { place: 4, is_tall: true }, low(5), low(7), low(8)];
        let climb = |before, rung, is_now| Climb { before, rung, is_now };
        let climbs = [climb(2, 3, true), climb(5, 4, false), climb(7, 5, false)];
        let svg = ladder_svg(&rungs, &climbs, |place| ![2, 5, 7].contains(&place));
        assert!(svg.contains(r#"<g class="this"><path d="M84 129L306 374"/>"#), "{svg}");
        assert!(svg.contains(r#"<path d="M84 533L306 533"/>"#), "{svg}");
        assert_eq!(svg.matches(r#"class="unknown""#).count(), 4);
        // Places beyond the ladder stand at its ends.
        let short = ladder_svg(&rungs[2..4], &[climb(1, 1, true), climb(900, 1, false)], |_| false);
        assert!(short.contains("M84 4L306 202") && short.contains("M84 288L306 202"), "{short}");
    }
}
