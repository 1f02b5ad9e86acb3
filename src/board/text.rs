//! Results as text for other programs: CSV for spreadsheets, a table for LaTeX, and an entry for BibTeX.
//!
//! Names and descriptions are other people's: in CSV no cell is a formula, and LaTeX gets ASCII alone, so that it compiles
//! with every engine.

use std::fmt::Write as _;

use scoring::Metric;

use super::{TrackResults, csv_text};
use crate::domain::results::ResultRow;
use crate::domain::timestamp::rfc3339;
use crate::store::track::Track;

/// The results as CSV (RFC 4180), a line an entry, numbers in full. Cells of what is not there are empty.
pub fn csv(track: &Track, results: &TrackResults) -> String {
    let number = track.shape.ranking().number;
    let mut csv = format!(
        "rank,shared,tied_with_above,out_of_competition,participant,submission,submitted_at,{number},interval_low,\
         interval_high,dev_rank,dev_{number},dev_interval_low,dev_interval_high,places_gained"
    );
    let scenarios: Vec<&str> = track.shape.scenarios().iter().map(scoring::ScenarioShape::name).collect();
    for scenario in &scenarios {
        for metric in Metric::ALL {
            let _ = write!(csv, ",{scenario}_{metric}");
        }
    }
    csv.push_str(",method_url,description\r\n");
    for row in &results.results.rows {
        let (ranked, entry) = (&row.ranked, row.entry());
        let _ = write!(
            csv,
            "{},{},{},{},{},{},{},{},{},{}",
            shown(ranked.rank),
            ranked.is_shared,
            ranked.tied_with_above,
            entry.out_of_competition,
            csv_text(&entry.participant),
            entry.submission,
            rfc3339(entry.submitted_at),
            entry.result.ranking_value,
            entry.result.interval.low,
            entry.result.interval.high,
        );
        match &row.dev {
            Some(dev) => {
                let result = &dev.result;
                let (value, interval) = (result.ranking_value, result.interval);
                let _ = write!(csv, ",{},{value},{},{}", shown(dev.rank), interval.low, interval.high);
            }
            None => csv.push_str(",,,,"),
        }
        let _ = write!(csv, ",{}", shown(row.rise()));
        for scenario in &scenarios {
            match entry.result.scenario(scenario) {
                Some(scenario) => {
                    for (_, value) in scenario.numbers.iter() {
                        let _ = write!(csv, ",{value}");
                    }
                }
                None => csv.push_str(&",".repeat(Metric::ALL.len())),
            }
        }
        let url = entry.method_url.as_deref().map(csv_text).unwrap_or_default();
        let _ = write!(csv, ",{url},{}\r\n", csv_text(&entry.description));
    }
    csv
}

fn shown(number: Option<impl ToString>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

/// Draws a character that is no ASCII: itself where the engine has it, its code point elsewhere.
const CHARACTER: &str = "\\providecommand{\\callimicochar}[1]{\\ifdefined\\XeTeXrevision\\char\"#1\\relax\\else\\ifdefined\
                         \\directlua\\char\"#1\\relax\\else{\\ttfamily U+#1}\\fi\\fi}\n";

/// The results as a table for LaTeX: needs no package, and is ASCII whatever names there are.
pub fn latex(track: &Track, results: &TrackResults) -> String {
    let info = &results.results.info;
    let provisional = if track.ending.results_final_at.is_some() { "" } else { ", provisional" };
    let head = results.log.map_or_else(String::new, |log| format!(", log {}:{}", log.seq, log.hash));
    let mut table = format!(
        "% {}, results version {}{provisional}{head}\n{CHARACTER}\\begin{{tabular}}{{rlrrrr}}\n\\hline\n\
         \\# & Participant & Final & 95\\,\\% interval & Dev & Place on dev \\\\\n\\hline\n",
        track.path(),
        info.version
    );
    for row in &results.results.rows {
        table.push_str(&latex_row(row));
    }
    table.push_str("\\hline\n\\end{tabular}\n");
    table
}

fn latex_row(row: &ResultRow) -> String {
    let entry = row.entry();
    let dash = || "--".to_owned();
    let rank = row.ranked.rank.map_or_else(dash, |rank| rank.to_string());
    let dev = row.dev.as_ref();
    format!(
        "{rank} & {}{} & {:.4} & {:.3}--{:.3} & {} & {} \\\\\n",
        latex_text(&entry.participant),
        if entry.out_of_competition { " (out of competition)" } else { "" },
        entry.result.ranking_value,
        entry.result.interval.low,
        entry.result.interval.high,
        dev.map_or_else(dash, |dev| format!("{:.4}", dev.result.ranking_value)),
        dev.and_then(|dev| dev.rank).map_or_else(dash, |rank| rank.to_string()),
    )
}

/// Text as LaTeX reads it, in ASCII.
fn latex_text(text: &str) -> String {
    let mut latex = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\\' => latex.push_str("\\textbackslash{}"),
            '~' => latex.push_str("\\textasciitilde{}"),
            '^' => latex.push_str("\\textasciicircum{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => latex.extend(['\\', c]),
            // They mean something else alone, or, as `[` and `*`, behind the end of a row.
            '<' | '>' | '|' | '"' | '[' | ']' | '*' => latex.extend(['{', c, '}']),
            // Two of them are another sign.
            '\'' | '`' | '-' | ',' if matches!(before, '\'' | '`' | '-' | ',' | '?' | '!') => {
                latex.extend(['{', c, '}'])
            }
            ' '..='\x7e' => latex.push(c),
            _ if c.is_control() => latex.push(' '),
            _ => {
                let _ = write!(latex, "\\callimicochar{{{:04X}}}", u32::from(c));
            }
        }
        before = c;
    }
    latex
}

/// Text as BibTeX takes it between braces, which must match there: as for LaTeX, without any of its own.
fn bibtex_text(text: &str) -> String {
    latex_text(&text.replace('{', "(").replace('}', ")"))
}

/// The results of a track as an entry for BibTeX, with what shows which version was read. `url` is the address of the page of
/// this version.
pub fn bibtex(track: &Track, results: &TrackResults, url: &str) -> String {
    let info = &results.results.info;
    let path = track.path();
    let key = format!("callimico-{}-{}-v{}", path.competition, path.track, info.version);
    let competition = bibtex_text(&track.competition_title);
    let title = bibtex_text(&track.settings.title);
    let head = results.log.map_or_else(String::new, |log| format!(", log {}:{}", log.seq, log.hash));
    // What a name needs that is no ASCII; a bibliography begins with it.
    let preamble = if format!("{competition}{title}").contains("\\callimicochar") {
        format!("@preamble{{{{{}}}}}\n", CHARACTER.trim_end())
    } else {
        String::new()
    };
    format!(
        "{preamble}@misc{{{key},\n  title  = {{{{{competition}: {title}, results of a membership-inference competition}}}},\n  \
         author = {{{{Organisers of {competition}}}}},\n  year   = {{{}}},\n  url    = {{{}}},\n  note   = {{Version {}{head}}}\n}}\n",
        info.made_at.year(),
        url.replace(['{', '}', '\\'], ""),
        info.version,
    )
}

#[cfg(test)]
mod tests {
    use super::{bibtex_text, latex_text};

    #[test]
    fn latex_of_any_name_is_ascii_without_commands_of_its_own() {
        assert_eq!(latex_text("Ada & Bob_1"), "Ada \\& Bob\\_1");
        assert_eq!(latex_text("\\input{/etc/passwd}"), "\\textbackslash{}input\\{/etc/passwd\\}");
        assert_eq!(latex_text("50%^~#$"), "50\\%\\textasciicircum{}\\textasciitilde{}\\#\\$");
        assert_eq!(latex_text("Zoë 李"), "Zo\\callimicochar{00EB} \\callimicochar{674E}");
        assert_eq!(latex_text("a\nb\u{7f}"), "a b ");
        assert_eq!(latex_text("?`--[x], y"), "?{`}{-}{-}{[}x{]}, y");
        for c in ('\0'..='\u{2fff}').chain(['\u{10ffff}', '\u{202e}', '😀']) {
            assert!(latex_text(&c.to_string()).is_ascii());
        }
    }

    #[test]
    fn braces_of_a_bibtex_field_match_whatever_the_title_is() {
        for title in ["a { b", "}}}{", "\\", "100 % ~ ^ \"", "Zürich", "{\\bf x}"] {
            let text = bibtex_text(title);
            let mut depth = 0_i32;
            for c in text.chars() {
                depth += i32::from(c == '{') - i32::from(c == '}');
                assert!(depth >= 0, "{title}: {text}");
            }
            assert_eq!(depth, 0, "{title}: {text}");
            assert!(text.is_ascii());
        }
    }
}
