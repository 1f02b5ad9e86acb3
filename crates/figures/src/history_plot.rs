//! A participant's scored submissions as one SVG picture: scores in the order of time, and the best so far.
//!
//! Pure text, like the other figures.

use std::fmt::Write;

/// One scored submission.
pub struct Score {
    /// Its number among the participant's submissions, counted from 1.
    pub number: u64,
    /// The ranking number, in 0 … 1.
    pub value: f64,
    /// Whether it stands on the board.
    pub counts: Counts,
}

/// Whether a submission is the one that stands on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// It is the entry.
    Entry,
    /// It is not.
    Not,
}

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 182.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 548.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 158.0;

/// Where scores and submission numbers lie in the picture.
struct Frame {
    first: u64,
    last: u64,
    high: f64,
    step: f64,
}

impl Frame {
    fn of(chance: f64, scores: &[Score]) -> Option<Self> {
        let first = scores.first()?.number;
        let last = scores.last()?.number;
        let highest = scores.iter().map(|s| s.value).fold(chance, f64::max);
        let step = [0.05, 0.1, 0.25].into_iter().find(|s| highest / s <= 4.5).unwrap_or(0.25);
        let high = ((highest / step).ceil() * step).min(1.0);
        Some(Self { first, last, high, step })
    }

    fn x(&self, number: u64) -> f64 {
        if self.last == self.first {
            return (LEFT + RIGHT) / 2.0;
        }
        let share = (number - self.first) as f64 / (self.last - self.first) as f64;
        LEFT + 12.0 + share * (RIGHT - LEFT - 24.0)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (value / self.high).clamp(0.0, 1.0) * (BOTTOM - TOP)
    }
}

/// Draws the scores, given by ascending number; `None` if there are none.
///
/// `chance` is the score of guessing, drawn as a dashed line. Filled marks count on the board, hollow ones do not.
pub fn history_svg(chance: f64, scores: &[Score]) -> Option<String> {
    let frame = Frame::of(chance, scores)?;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="history" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>Your scores in the order of submission</title><desc>{}</desc>"#,
        describe(scores)
    );
    draw_axes(&mut svg, &frame, chance);
    draw_best(&mut svg, &frame, scores);
    for score in scores {
        let (class, radius) = match score.counts {
            Counts::Entry => ("dot entry", 5.0),
            Counts::Not => ("dot", 3.6),
        };
        let _ = write!(
            svg,
            r##"<circle class="{class}" stroke="#0072b2" cx="{:.1}" cy="{:.1}" r="{radius}"/>"##,
            frame.x(score.number),
            frame.y(score.value)
        );
    }
    svg.push_str("</svg>");
    Some(svg)
}

fn draw_axes(svg: &mut String, frame: &Frame, chance: f64) {
    let ticks = (frame.high / frame.step).round() as usize;
    for tick in 0..=ticks {
        let value = tick as f64 * frame.step;
        let y = frame.y(value);
        let _ = write!(
            svg,
            r##"<path class="axis" stroke="#e4e0d6" d="M{LEFT} {y:.1}H{RIGHT}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{value:.2}</text>"##,
            LEFT - 7.0,
            y + 4.0
        );
    }
    let y = frame.y(chance);
    let _ = write!(
        svg,
        r##"<path class="chance" stroke="#6c685e" stroke-dasharray="2 3" d="M{LEFT} {y:.1}H{RIGHT}"/><text x="{RIGHT}" y="{:.1}" text-anchor="end">chance</text>"##,
        y - 5.0
    );
    for number in number_ticks(frame.first, frame.last) {
        let _ = write!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{number}</text>"#,
            frame.x(number),
            BOTTOM + 16.0
        );
    }
}

/// The stair of the best score so far.
fn draw_best(svg: &mut String, frame: &Frame, scores: &[Score]) {
    let mut best = f64::NEG_INFINITY;
    let mut path = String::new();
    for score in scores {
        let x = frame.x(score.number);
        if path.is_empty() {
            let _ = write!(path, "M{x:.1} {:.1}", frame.y(score.value));
        }
        let _ = write!(path, "H{x:.1}");
        if score.value > best {
            best = score.value;
            let _ = write!(path, "V{:.1}", frame.y(best));
        }
    }
    let _ = write!(svg, r##"<path class="best" fill="none" stroke="#0072b2" stroke-width="1.5" d="{path}"/>"##);
}

/// At most ten of the submission numbers, the first among them.
fn number_ticks(first: u64, last: u64) -> impl Iterator<Item = u64> {
    let step = (last - first).div_ceil(10).max(1);
    (0..=(last - first) / step).map(move |tick| first + tick * step)
}

fn describe(scores: &[Score]) -> String {
    let best = scores.iter().map(|s| s.value).fold(f64::NEG_INFINITY, f64::max);
    let latest = scores.last().map_or(best, |s| s.value);
    format!("{} scored submissions; the best {best:.4}, the latest {latest:.4}.", scores.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(values: &[f64]) -> Vec<Score> {
        let numbered = (1..).zip(values);
        numbered.map(|(number, &value)| Score { number, value, counts: Counts::Not }).collect()
    }

    #[test]
    fn no_score_makes_no_picture() {
        assert_eq!(history_svg(0.1, &[]), None);
    }

    #[test]
    fn a_single_score_stands_in_the_middle() {
        let svg = history_svg(0.1, &scores(&[0.2])).unwrap();
        assert!(svg.contains(r#"cx="294.0""#), "{svg}");
    }

    #[test]
    fn the_best_so_far_never_falls() {
        let frame_scores = scores(&[0.1, 0.3, 0.2]);
        let svg = history_svg(0.1, &frame_scores).unwrap();
        let stair = svg.split(r#"class="best""#).nth(1).unwrap();
        let stair = &stair[..stair.find("/>").unwrap()];
        assert_eq!(stair.matches('V').count(), 2, "{stair}");
    }

    #[test]
    fn a_thousand_submissions_get_a_dozen_numbers_at_most() {
        assert!(number_ticks(1, 1000).count() <= 12);
    }

    #[test]
    fn the_description_tells_the_best_and_the_latest() {
        let svg = history_svg(0.1, &scores(&[0.25, 0.2])).unwrap();
        assert!(svg.contains("2 scored submissions; the best 0.2500, the latest 0.2000."));
    }
}
