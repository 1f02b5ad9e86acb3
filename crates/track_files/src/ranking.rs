//! The ranking rule in `track.yaml`: all that scoring takes from it, and all of it that participants get.

use std::io;
use std::path::Path;
use std::str::FromStr;

use scoring::{RankingRule, UnknownRule};
use serde_json::Value;

use super::{DirectoryError, TRACK_YAML};

/// The key of the rule.
pub const RANKING: &str = "ranking";

/// The ranking rule that the `track.yaml` of a track directory says; `None` where it says none.
///
/// It is `ranking: max_TPR_FPR_1000`, or `ranking: {number: max_TPR_FPR_1000, scenarios: any}`. What is left out of the
/// second form is as in MICO.
///
/// # Errors
/// The file cannot be read, is no YAML, or says of ranking what has no meaning.
pub fn ranking(root: &Path) -> Result<Option<RankingRule>, DirectoryError> {
    let path = root.join(TRACK_YAML);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DirectoryError::Unreadable(path, error)),
    };
    let told = |problem: String| DirectoryError::Setting(path.clone(), problem);
    let settings: Value = serde_saphyr::from_str(&text).map_err(|error| told(error.to_string()))?;
    settings.get(RANKING).map(rule).transpose().map_err(told)
}

fn rule(value: &Value) -> Result<RankingRule, String> {
    let mut rule = RankingRule::default();
    let Value::Object(keys) = value else {
        rule.number = named(RANKING, value)?;
        return Ok(rule);
    };
    for (key, value) in keys {
        let name = format!("{RANKING}.{key}");
        match key.as_str() {
            "number" => rule.number = named(&name, value)?,
            "scenarios" => rule.scenarios = named(&name, value)?,
            _ => return Err(format!("`{RANKING}` has `number` and `scenarios`, and no `{key}`")),
        }
    }
    Ok(rule)
}

/// The value of a key, by its name.
fn named<T: FromStr<Err = UnknownRule>>(key: &str, value: &Value) -> Result<T, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map_err(|error: UnknownRule| format!("`{key}`: {error}"))
}

/// A `track.yaml` that says the ranking rule and nothing else, for a participant's copy of the track.
#[must_use]
pub fn ranking_yaml(rule: RankingRule) -> String {
    format!("{RANKING}: {{number: {}, scenarios: {}}}\n", rule.number, rule.scenarios)
}

#[cfg(test)]
mod tests {
    use scoring::{RankingKind, Scenarios};

    use super::*;

    fn read(yaml: &str) -> Result<Option<RankingRule>, DirectoryError> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(TRACK_YAML), yaml).expect("written");
        ranking(folder.path())
    }

    #[test]
    fn both_forms_are_read_and_what_is_left_out_is_as_in_mico() {
        let rule = |number, scenarios| Some(RankingRule { number, scenarios });
        for (yaml, expected) in [
            ("title: T", None),
            ("", None),
            ("ranking: average_TPR_FPR_1000", rule(RankingKind::Mean, Scenarios::All)),
            ("ranking: max_TPR_FPR_1000", rule(RankingKind::Max, Scenarios::All)),
            ("ranking: {number: max_TPR_FPR_1000, scenarios: any}", rule(RankingKind::Max, Scenarios::Any)),
            ("ranking:\n  scenarios: any\n", rule(RankingKind::Mean, Scenarios::Any)),
            ("ranking: {}", rule(RankingKind::Mean, Scenarios::All)),
        ] {
            assert_eq!(read(yaml).expect(yaml), expected, "{yaml}");
        }
        assert_eq!(ranking(Path::new("/no/such/folder")).expect("no file is fine"), None);
    }

    #[test]
    fn what_has_no_meaning_is_an_error_with_file_key_and_value() {
        for (yaml, parts) in [
            ("ranking: max", ["`ranking`", "`max`"]),
            ("ranking: {number: min_TPR_FPR_1000}", ["`ranking.number`", "`min_TPR_FPR_1000`"]),
            ("ranking: {scenarios: some}", ["`ranking.scenarios`", "`some`"]),
            ("ranking: {scenarios: 2}", ["`ranking.scenarios`", "`2`"]),
            ("ranking: {rule: any}", ["`ranking`", "`rule`"]),
            ("ranking: [max_TPR_FPR_1000]", ["`ranking`", "max_TPR_FPR_1000"]),
            ("ranking:", ["`ranking`", "`null`"]),
        ] {
            let error = read(yaml).expect_err(yaml).to_string();
            assert!(error.contains("track.yaml: ") && parts.iter().all(|part| error.contains(part)), "{yaml}: {error}");
        }
        assert!(read("ranking: {").is_err());
    }

    #[test]
    fn what_is_written_reads_back() {
        for number in RankingKind::ALL {
            for scenarios in Scenarios::ALL {
                let rule = RankingRule { number, scenarios };
                assert_eq!(read(&ranking_yaml(rule)).expect("our own file"), Some(rule));
            }
        }
    }
}
