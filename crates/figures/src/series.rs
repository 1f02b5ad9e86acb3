//! The six series of the figures: a colour and a shape each, so that no curve is told by its colour alone.
//!
//! Pure text. The colours are Okabe and Ito's palette, darkened where it would not stand out on paper; the style sheet
//! repeats them by class (`s1` … `s6`) and gives them a dark variant. The attributes written here are what a figure
//! wears outside the site, where no style sheet reaches it.

/// One of the six series a figure can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series(usize);

const COLOURS: [&str; Series::COUNT] = ["#0072b2", "#d55e00", "#009e73", "#b8578e", "#7a6a00", "#555049"];

impl Series {
    /// How many series a figure can tell apart.
    pub const COUNT: usize = 6;
    /// The series of a figure that shows one curve.
    pub const FIRST: Self = Self(0);

    /// The series in place `index`, counted from 0; `None` past the last.
    pub fn nth(index: usize) -> Option<Self> {
        (index < Self::COUNT).then_some(Self(index))
    }

    /// The class the style sheet colours this series by.
    pub fn class(self) -> String {
        format!("s{}", self.0 + 1)
    }

    /// The colour on paper, as a CSS colour.
    pub fn colour(self) -> &'static str {
        COLOURS[self.0]
    }

    /// The mark of this series as SVG path data, centred on (`x`, `y`), about `radius` in each direction.
    pub fn mark_path(self, x: f64, y: f64, radius: f64) -> String {
        let r = radius;
        match self.0 {
            0 => format!(
                "M{:.1} {y:.1}a{r:.1} {r:.1} 0 1 0 {:.1} 0a{r:.1} {r:.1} 0 1 0 {:.1} 0z",
                x - r,
                2.0 * r,
                -2.0 * r
            ),
            1 => polygon(x, y, r * 0.9, &[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]),
            2 => polygon(x, y, r * 1.15, &[(0.0, -1.0), (1.0, 0.8), (-1.0, 0.8)]),
            3 => polygon(x, y, r * 1.25, &[(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]),
            4 => polygon(x, y, r * 1.15, &[(0.0, 1.0), (1.0, -0.8), (-1.0, -0.8)]),
            _ => polygon(x, y, r * 1.1, &PLUS),
        }
    }

    /// The mark as an SVG element that the style sheet can colour.
    pub fn mark(self, x: f64, y: f64, radius: f64) -> String {
        format!(
            r#"<path class="mark {}" fill="{}" d="{}"/>"#,
            self.class(),
            self.colour(),
            self.mark_path(x, y, radius)
        )
    }

    /// A small picture of the mark for a legend or a table row. It says nothing by itself: a name stands beside it.
    pub fn key_svg(self) -> String {
        format!(
            r#"<svg class="key" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">{}</svg>"#,
            self.mark(7.0, 7.0, 4.8)
        )
    }
}

/// The corners of a plus sign in the square from -1 to 1.
const PLUS: [(f64, f64); 12] = [
    (-0.35, -1.0),
    (0.35, -1.0),
    (0.35, -0.35),
    (1.0, -0.35),
    (1.0, 0.35),
    (0.35, 0.35),
    (0.35, 1.0),
    (-0.35, 1.0),
    (-0.35, 0.35),
    (-1.0, 0.35),
    (-1.0, -0.35),
    (-0.35, -0.35),
];

fn polygon(x: f64, y: f64, radius: f64, corners: &[(f64, f64)]) -> String {
    let points: Vec<String> =
        corners.iter().map(|(dx, dy)| format!("{:.1} {:.1}", x + dx * radius, y + dy * radius)).collect();
    format!("M{}z", points.join("L"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_series_has_a_colour_and_a_shape_of_its_own() {
        let all: Vec<Series> = (0..Series::COUNT).filter_map(Series::nth).collect();
        let colours: HashSet<_> = all.iter().map(|s| s.colour()).collect();
        let shapes: HashSet<_> = all.iter().map(|s| s.mark_path(0.0, 0.0, 5.0)).collect();
        assert_eq!(colours.len(), Series::COUNT);
        assert_eq!(shapes.len(), Series::COUNT);
    }

    #[test]
    fn there_is_no_seventh_series() {
        assert_eq!(Series::nth(Series::COUNT), None);
    }
}
