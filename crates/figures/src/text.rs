//! Text in a picture: names come from people, and must neither end an element nor run out of their place.

/// Text that ends no element.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A name cut to so many columns, with a sign that it was; escaped. A picture has no room to wrap a name, so wide
/// letters count as two columns, and controls and signs that turn the direction of text are left out.
pub(crate) fn cut(name: &str, columns: usize) -> String {
    let shown = |c: &char| {
        !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let width = |c: char| match u32::from(c) {
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xff00..=0xff60 | 0x1f300..=0x1faff => {
            2
        }
        _ => 1,
    };
    let letters: Vec<char> = name.chars().filter(shown).collect();
    if letters.iter().map(|c| width(*c)).sum::<usize>() <= columns {
        return escape(&letters.iter().collect::<String>());
    }
    let (mut text, mut taken) = (String::new(), 1);
    for c in letters {
        taken += width(c);
        if taken > columns {
            break;
        }
        text.push(c);
    }
    escape(text.trim_end()) + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_and_a_hostile_one_ends_nothing() {
        assert_eq!(cut("Heron", 5), "Heron");
        assert_eq!(cut("Larkspur", 5), "Lark…");
        assert_eq!(cut("蛍と石垣", 5), "蛍と…");
        assert_eq!(cut("</svg>", 20), "&lt;/svg&gt;");
        assert_eq!(cut("a\u{202e}b\u{7}", 20), "ab");
    }
}
