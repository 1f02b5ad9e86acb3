//! ROC curves as one SVG picture: curve points in, text out.
//!
//! Pure: no clock, no files, nothing of the pages, because `callimico score --out` draws with it too. Colours come as
//! attributes with classes beside them, so a picture is whole on its own and the site's style sheet can still put it in
//! the reader's colour scheme. No `style` attributes: the site's content security policy forbids them.

use crate::series::Series;
use crate::text::escape;
use std::fmt::Write;

/// How the two axes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Both rates from 0 to 1.
    Linear,
    /// Both rates from 10⁻⁴ to 1 by their logarithm; smaller rates lie on the edge.
    LogLog,
}

/// One curve of a figure.
pub struct Curve<'a> {
    /// Whose curve it is, as plain text.
    pub label: &'a str,
    /// Its colour and mark.
    pub series: Series,
    /// (false-positive rate, true-positive rate), each in 0 … 1, by ascending false-positive rate.
    pub points: &'a [(f64, f64)],
}

const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 272.0;
const LEFT: f64 = 36.0;
const RIGHT: f64 = 322.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 238.0;
/// The logarithm of the smallest rate drawn on a log–log figure.
const DECADES: f64 = 4.0;
/// The false-positive rate the ranking number is read at.
const RANKING_RATE: f64 = 0.1;

const LINEAR_TICKS: [(f64, &str); 5] = [(0.0, "0"), (0.25, ".25"), (0.5, ".5"), (0.75, ".75"), (1.0, "1")];
const LOG_TICKS: [(f64, &str); 5] = [(1e-4, "10⁻⁴"), (1e-3, "10⁻³"), (1e-2, "10⁻²"), (1e-1, "10⁻¹"), (1.0, "1")];

impl Scale {
    /// What the figure's subtitle calls this scale.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::LogLog => "log–log",
        }
    }

    /// Where a rate lies on an axis: 0 at its beginning, 1 at its end.
    fn place(self, rate: f64) -> f64 {
        match self {
            Self::Linear => rate.clamp(0.0, 1.0),
            Self::LogLog if rate <= 0.0 => 0.0,
            Self::LogLog => (1.0 + rate.log10() / DECADES).clamp(0.0, 1.0),
        }
    }

    fn x(self, rate: f64) -> f64 {
        LEFT + self.place(rate) * (RIGHT - LEFT)
    }

    fn y(self, rate: f64) -> f64 {
        BOTTOM - self.place(rate) * (BOTTOM - TOP)
    }

    fn ticks(self) -> &'static [(f64, &'static str)] {
        match self {
            Self::Linear => &LINEAR_TICKS,
            Self::LogLog => &LOG_TICKS,
        }
    }

    /// The false-positive rates at which several curves wear their marks.
    fn mark_rates(self) -> &'static [f64] {
        match self {
            Self::Linear => &[RANKING_RATE, 0.35, 0.6],
            Self::LogLog => &[1e-3, 1e-2, RANKING_RATE],
        }
    }
}

/// Draws the curves of one scenario over each other.
///
/// `title` is plain text and becomes the picture's accessible name; what the curves reach at 10 % false-positive rate
/// becomes its description. The result is one `<svg>` element of 330 × 272 units that scales with its container.
pub fn roc_svg(title: &str, scale: Scale, curves: &[Curve<'_>]) -> String {
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="roc" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{}, {}</title><desc>{}</desc>"#,
        escape(title),
        scale.name(),
        escape(&describe(curves)),
    );
    draw_axes(&mut svg, scale);
    for curve in curves {
        draw_line(&mut svg, scale, curve);
    }
    for curve in curves {
        draw_marks(&mut svg, scale, curve, curves.len() > 1);
    }
    svg.push_str("</svg>");
    svg
}

fn draw_axes(svg: &mut String, scale: Scale) {
    for &(rate, label) in scale.ticks() {
        let (x, y) = (scale.x(rate), scale.y(rate));
        let _ =
            write!(svg, r##"<path class="axis" stroke="#e4e0d6" d="M{x:.1} {TOP}V{BOTTOM}M{LEFT} {y:.1}H{RIGHT}"/>"##);
        push_text(svg, (x, BOTTOM + 15.0), "middle", label);
        push_text(svg, (LEFT - 6.0, y + 4.0), "end", label);
    }
    push_text(svg, (RIGHT, BOTTOM + 30.0), "end", "false-positive rate");
    push_text(svg, (LEFT, TOP - 10.0), "start", "true-positive rate");
    let _ = write!(svg, r##"<path class="chance" stroke="#6c685e" d="M{LEFT} {BOTTOM}L{RIGHT} {TOP}"/>"##);
    let x = scale.x(RANKING_RATE);
    let _ = write!(
        svg,
        r##"<path class="ranking-rate" stroke="#8f4700" stroke-dasharray="3 3" d="M{x:.1} {TOP}V{BOTTOM}"/><text class="ranking-rate" fill="#8f4700" x="{:.1}" y="{:.1}">10 % FPR</text>"##,
        x + 5.0,
        BOTTOM - 7.0
    );
}

fn draw_line(svg: &mut String, scale: Scale, curve: &Curve<'_>) {
    let _ = write!(
        svg,
        r#"<polyline class="curve {}" fill="none" stroke="{}" stroke-width="1.8" points=""#,
        curve.series.class(),
        curve.series.colour()
    );
    let mut separator = "";
    for &(fpr, tpr) in curve.points {
        let _ = write!(svg, "{separator}{:.1},{:.1}", scale.x(fpr), scale.y(tpr));
        separator = " ";
    }
    svg.push_str(r#""/>"#);
}

fn draw_marks(svg: &mut String, scale: Scale, curve: &Curve<'_>, several: bool) {
    let rates = if several { scale.mark_rates() } else { &[RANKING_RATE][..] };
    for &rate in rates {
        // On the edge lie all rates too small for the axis: a mark there would claim a value.
        if let Some(y) = height_at(scale, curve.points, rate).filter(|&y| y < BOTTOM) {
            svg.push_str(&curve.series.mark(scale.x(rate), y, 3.2));
        }
    }
}

/// The height of the drawn line above a false-positive rate, in the picture's units; `None` for an empty curve.
fn height_at(scale: Scale, points: &[(f64, f64)], rate: f64) -> Option<f64> {
    let after = points.partition_point(|&(fpr, _)| fpr < rate);
    let right = *points.get(after).or(points.last())?;
    let left = after.checked_sub(1).map_or(right, |before| points[before]);
    let (x0, x1) = (scale.x(left.0), scale.x(right.0));
    let (y0, y1) = (scale.y(left.1), scale.y(right.1));
    let share = if x1 > x0 { ((scale.x(rate) - x0) / (x1 - x0)).clamp(0.0, 1.0) } else { 1.0 };
    Some(y0 + share * (y1 - y0))
}

/// One sentence for who cannot see the picture.
fn describe(curves: &[Curve<'_>]) -> String {
    let reached: Vec<String> = curves
        .iter()
        .filter_map(|curve| {
            let at = curve.points.partition_point(|&(fpr, _)| fpr <= RANKING_RATE);
            let (_, tpr) = curve.points.get(at.checked_sub(1)?)?;
            Some(format!("{} about {tpr:.2}", curve.label))
        })
        .collect();
    if reached.is_empty() {
        return "No curve is shown.".to_owned();
    }
    format!("True-positive rate at 10 % false-positive rate: {}.", reached.join(", "))
}

fn push_text(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    let _ = write!(svg, r##"<text fill="#6c685e" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"##);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve<'a>(label: &'a str, points: &'a [(f64, f64)]) -> Curve<'a> {
        Curve { label, series: Series::nth(0).unwrap(), points }
    }

    #[test]
    fn the_corners_of_a_linear_curve_are_the_corners_of_the_plot() {
        let svg = roc_svg("No DP", Scale::Linear, &[curve("a", &[(0.0, 0.0), (1.0, 1.0)])]);
        assert!(svg.contains(r#"points="36.0,238.0 322.0,24.0""#), "{svg}");
    }

    #[test]
    fn a_decade_is_a_quarter_of_a_logarithmic_axis() {
        let width = RIGHT - LEFT;
        assert!((Scale::LogLog.x(1e-3) - (LEFT + width / 4.0)).abs() < 1e-9);
        assert!((Scale::LogLog.x(1e-1) - (LEFT + width * 0.75)).abs() < 1e-9);
    }

    #[test]
    fn a_rate_of_zero_lies_on_the_edge_of_a_logarithmic_axis() {
        assert_eq!(Scale::LogLog.y(0.0), BOTTOM);
        assert_eq!(Scale::LogLog.y(1e-9), BOTTOM);
    }

    #[test]
    fn a_label_cannot_break_out_of_the_description() {
        let svg = roc_svg("x", Scale::Linear, &[curve("</desc><script>", &[(0.0, 0.5), (1.0, 1.0)])]);
        assert!(!svg.contains("<script>"));
        assert!(svg.contains("&lt;/desc&gt;&lt;script&gt; about 0.50"));
    }

    #[test]
    fn the_mark_sits_on_the_drawn_line() {
        let points = [(0.0, 0.0), (0.2, 0.4), (1.0, 1.0)];
        let height = height_at(Scale::Linear, &points, 0.1).unwrap();
        assert!((height - Scale::Linear.y(0.2)).abs() < 1e-9);
    }

    #[test]
    fn a_rate_too_small_for_the_axis_wears_no_mark() {
        let svg = roc_svg("x", Scale::LogLog, &[curve("a", &[(0.0, 0.0), (0.5, 0.0), (1.0, 1.0)])]);
        assert!(!svg.contains(r#"class="mark"#));
    }

    #[test]
    fn a_figure_without_curves_says_so() {
        assert!(roc_svg("x", Scale::LogLog, &[]).contains("No curve is shown."));
    }

    #[test]
    fn no_style_attribute_is_ever_written() {
        let svg = roc_svg("x", Scale::LogLog, &[curve("a", &[(0.0, 0.0), (1.0, 1.0)])]);
        assert!(!svg.contains("style="));
    }
}
