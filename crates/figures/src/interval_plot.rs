//! An interval as a mark on a short band, over one scale that all rows of a table share, with chance marked.
//!
//! Pure text. Rows can only be compared by eye if they use one [`Axis`]; make it once for the whole table.

use crate::series::Series;
use std::fmt::Write;

const WIDTH: f64 = 170.0;
const MARGIN: f64 = 12.0;

/// The scale the intervals of one table share.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    chance: f64,
    step: f64,
}

impl Axis {
    /// A scale that holds chance level and every (low, high) given, with a little room at both ends.
    pub fn spanning(chance: f64, intervals: impl IntoIterator<Item = (f64, f64)>) -> Self {
        const LEAST_SPAN: f64 = 0.02;
        let (mut low, mut high) = (chance, chance);
        for (from, to) in intervals {
            low = low.min(from);
            high = high.max(to);
        }
        let room = (0.05 * (high - low)).max((LEAST_SPAN - (high - low)) / 2.0);
        let (low, high) = ((low - room).max(0.0), (high + room).min(1.0));
        Self { low, high, chance, step: tick_step(high - low) }
    }

    fn x(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        MARGIN + share.clamp(0.0, 1.0) * (WIDTH - 2.0 * MARGIN)
    }

    /// The round numbers along the scale.
    fn ticks(&self) -> Vec<f64> {
        // A hair of tolerance: 0.3 as a multiple of 0.1 is a little more than 0.3.
        let first = (self.low / self.step - 1e-9).ceil() as u32;
        let last = (self.high / self.step + 1e-9).floor() as u32;
        (first..=last).map(|i| f64::from(i) * self.step).collect()
    }

    /// The scale's numbers, for the head of the column. Hidden from screen readers: every row says its interval.
    pub fn svg(&self) -> String {
        let mut svg = format!(r#"<svg class="interval-plot-axis" viewBox="0 0 {WIDTH} 14" aria-hidden="true">"#);
        for tick in self.ticks() {
            let _ = write!(svg, r#"<text x="{:.1}" y="11" text-anchor="middle">{}</text>"#, self.x(tick), short(tick));
        }
        svg.push_str("</svg>");
        svg
    }
}

/// One row's interval: `value` in `low` … `high`, all on the scale of `axis`.
///
/// Without a series the mark is a plain dot in the text's colour.
pub fn interval_svg(axis: &Axis, value: f64, (low, high): (f64, f64), series: Option<Series>) -> String {
    let (class, colour) = series.map_or(("s0".to_owned(), "#6c685e"), |s| (s.class(), s.colour()));
    let mark = match series {
        Some(series) => series.mark(axis.x(value), 10.0, 4.2),
        None => format!(r#"<circle class="mark s0" fill="{colour}" cx="{:.1}" cy="10" r="3.6"/>"#, axis.x(value)),
    };
    format!(
        r##"<svg class="interval-plot" viewBox="0 0 {WIDTH} 20" role="img"><title>{low:.3} to {high:.3}</title><path class="axis" stroke="#e4e0d6" d="M{:.1} 10H{:.1}"/><path class="chance" stroke="#6c685e" stroke-dasharray="2 2" d="M{:.1} 3V17"/><path class="band {class}" stroke="{colour}" d="M{:.1} 10H{:.1}"/>{mark}</svg>"##,
        MARGIN,
        WIDTH - MARGIN,
        axis.x(axis.chance),
        axis.x(low),
        axis.x(high),
    )
}

/// The round step that puts two to five ticks on a span.
fn tick_step(span: f64) -> f64 {
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.25].into_iter().find(|step| span / step <= 4.0).unwrap_or(0.5)
}

/// A tick's number, without needless zeros: `0.1`, `0.25`.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.strip_suffix("0").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_holds_chance_and_every_interval() {
        let axis = Axis::spanning(0.1, [(0.256, 0.281), (0.131, 0.152)]);
        assert!(axis.low <= 0.1 && axis.high >= 0.281);
        assert!(axis.x(0.1) >= MARGIN && axis.x(0.281) <= WIDTH - MARGIN);
    }

    #[test]
    fn a_scale_of_chance_alone_still_has_a_width() {
        let axis = Axis::spanning(0.1, []);
        assert!(axis.high > axis.low);
    }

    #[test]
    fn a_scale_never_leaves_zero_to_one() {
        let axis = Axis::spanning(0.1, [(0.0, 1.0)]);
        assert_eq!((axis.low, axis.high), (0.0, 1.0));
    }

    #[test]
    fn a_scale_has_two_to_five_round_numbers() {
        for (low, high) in [(0.1, 0.1), (0.094, 0.281), (0.0, 1.0), (0.1, 0.6), (0.09, 0.13)] {
            let axis = Axis::spanning(0.1, [(low, high)]);
            assert!((2..=5).contains(&axis.ticks().len()), "{axis:?} {:?}", axis.ticks());
        }
    }

    #[test]
    fn ticks_are_written_short() {
        assert_eq!(short(0.1), "0.1");
        assert_eq!(short(0.25), "0.25");
        assert_eq!(short(1.0), "1.0");
    }

    #[test]
    fn the_interval_is_also_said_in_words() {
        let axis = Axis::spanning(0.1, [(0.25, 0.28)]);
        let svg = interval_svg(&axis, 0.2652, (0.25, 0.28), Series::nth(0));
        assert!(svg.contains("<title>0.250 to 0.280</title>"));
    }
}
