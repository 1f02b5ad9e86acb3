//! Numbers as the pages show them. These texts are for display only: nothing parses or ranks them.

/// A score with four decimals, as the original competition showed it.
pub(crate) fn score(value: f64) -> String {
    format!("{value:.4}")
}

/// A score that is told rounded to a multiple of 0.005, as in `0.190`.
pub(crate) fn rounded(value: f64) -> String {
    format!("{value:.3}")
}

/// An interval with three decimals, as in `0.250 – 0.274`.
pub(crate) fn interval(low: f64, high: f64) -> String {
    format!("{low:.3} – {high:.3}")
}

/// A count with thousands separators, as in `1,304`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun as two texts, as in `1` and `entry`, `3` and `entries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) count: String,
    pub(crate) noun: &'static str,
}

impl Counted {
    /// `value` with the noun `one` in the singular or `many` in the plural.
    pub(crate) fn new(value: u64, one: &'static str, many: &'static str) -> Self {
        Self { count: count(value), noun: if value == 1 { one } else { many } }
    }
}

/// A count with its noun, as in `1 entry` and `3 entries`.
pub(crate) fn counted(value: u64, one: &'static str, many: &'static str) -> String {
    let Counted { count, noun } = Counted::new(value, one, many);
    format!("{count} {noun}")
}

/// A size in bytes, in decimal units as limits are given in: `980 kB`, `2 MB`, `1.4 MB`.
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if value < 1000 {
        return counted(value, "byte", "bytes");
    }
    let mut scaled = value as f64 / 1000.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if scaled < 999.5 {
            break;
        }
        scaled /= 1000.0;
        unit = next;
    }
    let text = if scaled < 9.95 { format!("{scaled:.1}") } else { format!("{scaled:.0}") };
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_by_commas() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn a_count_of_one_takes_the_singular() {
        assert_eq!(counted(1, "entry", "entries"), "1 entry");
        assert_eq!(counted(0, "entry", "entries"), "0 entries");
    }

    #[test]
    fn sizes_are_decimal_and_short() {
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(980_400), "980 kB");
        assert_eq!(bytes(2_000_000), "2 MB");
        assert_eq!(bytes(1_440_000), "1.4 MB");
        assert_eq!(bytes(999_900), "1 MB");
    }

    #[test]
    fn scores_have_four_decimals() {
        assert_eq!(score(0.26516666), "0.2652");
    }
}
