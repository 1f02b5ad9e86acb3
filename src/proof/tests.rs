//! A whole competition as an export, and every way to change it.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use proptest::prelude::*;
use scoring::commitment::{Commitment, ModelPath, Salt, SaltsFile};
use scoring::log::{LogHash, LogLine, LogPlace, chain};
use scoring::{
    Interval, Limits, Membership, RankingKind, RankingRule, ScenarioShape, Split, SplitSolution, TargetModel,
    TrackShape,
};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use super::archive::SUMS;
use super::tar_file::{TarFile, TarWriter};
use super::*;
use crate::domain::ids::SubmissionId;
use crate::domain::log_event::{
    FinalLabels, FrozenEntry, LogEvent, LogParticipant, Logged, RankedCounts, Step, StepName,
};
use crate::domain::official_ranking::{ResultsFile, ResultsFileEntry};
use crate::domain::sha256::Sha256;
use crate::domain::track::EntryRule;

const POINTS: usize = 40;
const DAY: OffsetDateTime = datetime!(2026-12-01 12:00 UTC);

fn participant(number: u32) -> LogParticipant {
    Uuid::from_u128(u128::from(number) << 64 | 0xa).into()
}

fn submission(number: u32) -> SubmissionId {
    Uuid::from_u128(u128::from(number) << 64 | 0xb).into()
}

/// Something between 0 and 1 that depends on all of these, the same on every machine.
fn noise(parts: &[u64]) -> f64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for part in parts {
        state = (state ^ part).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state ^= state >> 29;
    }
    (state >> 11) as f64 / (1_u64 << 53) as f64
}

fn shape() -> TrackShape {
    let models =
        |names: [u32; 2]| names.map(|number| TargetModel { name: format!("model_{number}"), points: POINTS }).to_vec();
    let scenario = |name: &str| {
        ScenarioShape::new(
            name,
            [(Split::Train, models([0, 1])), (Split::Dev, models([100, 101])), (Split::Final, models([150, 151]))],
        )
    };
    TrackShape::new("tiny", vec![scenario("tiny_hi"), scenario("tiny_lo")]).expect("a good shape")
}

fn label(path: &ModelPath, point: usize) -> Membership {
    let seed = path.to_string().bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
    // Of both kinds in every model.
    let is_member = if point < 2 { point == 0 } else { noise(&[seed, point as u64]) < 0.5 };
    if is_member { Membership::Member } else { Membership::NonMember }
}

fn labels(path: &ModelPath) -> Vec<Membership> {
    (0..POINTS).map(|point| label(path, point)).collect()
}

fn solution(split: Split) -> SplitSolution {
    let shape = shape();
    let of = |scenario: &ScenarioShape| {
        let path =
            |model: &TargetModel| ModelPath { scenario: scenario.name().to_owned(), split, model: model.name.clone() };
        scenario.models(split).iter().map(|model| labels(&path(model))).collect()
    };
    SplitSolution::new(&shape, split, shape.scenarios().iter().map(of).collect()).expect("a solution")
}

/// A submission that is the better the higher its skill.
fn zip_of(number: u32, skill: f64) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for path in ModelPath::of(&shape()) {
        let value = |point: usize| {
            let truth = if label(&path, point) == Membership::Member { 1.0 } else { 0.0 };
            let luck = noise(&[u64::from(number), point as u64, path.model.len() as u64, path.split as u64]);
            format!("{:.4}", skill * truth + (1.0 - skill) * luck)
        };
        let text = (0..POINTS).map(value).collect::<Vec<_>>().join(",") + "\n";
        let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        archive.start_file(format!("tiny/{path}/prediction.csv"), options).expect("an entry");
        archive.write_all(text.as_bytes()).expect("written");
    }
    archive.finish().expect("an archive").into_inner()
}

/// A competition that is written down as it happens.
struct Competition {
    rule: EntryRule,
    full: bool,
    opened: bool,
    committed: bool,
    log: Vec<(LogHash, Vec<u8>)>,
    zips: BTreeMap<SubmissionId, Vec<u8>>,
    owners: BTreeMap<SubmissionId, LogParticipant>,
    arrivals: BTreeMap<SubmissionId, OffsetDateTime>,
    dev: Vec<DevResult>,
    version: u32,
    ranking: String,
    results: String,
    ranked: Vec<SubmissionId>,
}

impl Competition {
    fn new(rule: EntryRule, full: bool, opened: bool, committed: bool) -> Self {
        let mut competition = Self {
            rule,
            full,
            opened,
            committed,
            log: Vec::new(),
            zips: BTreeMap::new(),
            owners: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            dev: Vec::new(),
            version: 0,
            ranking: String::new(),
            results: String::new(),
            ranked: Vec::new(),
        };
        let shape_sha256 = Sha256::of(&serde_json::to_vec(&shape()).expect("JSON"));
        competition.happens(LogEvent::Import { shape_sha256 });
        if committed {
            competition.happens(LogEvent::Commitment { root: Sha256::of(commitment().text().as_bytes()), version: 1 });
        }
        let labels = if committed { FinalLabels::Committed } else { FinalLabels::Uncommitted };
        competition.step(StepName::Open, Some(labels), None);
        competition
    }

    fn happens(&mut self, event: LogEvent) {
        let seq = self.log.len() as u64 + 1;
        let logged = Logged { seq, at: DAY + time::Duration::minutes(i64::try_from(seq).expect("few")), event };
        let bytes = logged.to_bytes().expect("an event");
        let hash = chain(self.log.last().map(|(hash, _)| *hash), &bytes);
        self.log.push((hash, bytes));
    }

    fn step(&mut self, step: StepName, final_labels: Option<FinalLabels>, labels_opened: Option<bool>) {
        self.happens(LogEvent::Step(Step { final_labels, labels_opened, ..Step::of(step) }));
    }

    /// A submission that arrives, and is scored on dev.
    fn submits(&mut self, who: u32, number: u32, skill: f64) {
        let (id, zip) = (submission(number), zip_of(number, skill));
        let arrived_at = DAY + time::Duration::seconds(self.log.len() as i64);
        self.happens(LogEvent::SubmissionAccepted {
            submission: id,
            participant: participant(who),
            sha256: Sha256::of(&zip),
            arrived_at,
        });
        let score = score(&zip, Split::Dev);
        let interval = Interval { low: 0.0, high: 1.0 };
        let result = serde_json::to_string(&(score.ranking(), interval, Vec::<u8>::new())).expect("JSON");
        let random = [number as u8; 32];
        let result_sha256 = Sha256::of(&[&random[..], result.as_bytes()].concat());
        self.happens(LogEvent::Scored { submission: id, split: "dev".into(), result_sha256 });
        self.dev.push(DevResult { submission: id, random, result });
        self.zips.insert(id, zip);
        self.owners.insert(id, participant(who));
        self.arrivals.insert(id, arrived_at);
    }

    fn freezes(&mut self, entries: &[(u32, u32)]) {
        self.step(StepName::Close, None, None);
        let entry = |(who, number): &(u32, u32)| FrozenEntry {
            participant: participant(*who),
            submission: submission(*number),
        };
        self.happens(LogEvent::EntriesFrozen { entries: entries.iter().map(entry).collect() });
        self.happens(LogEvent::FinalBegun {});
    }

    fn reveals(&mut self, entries: &[(u32, u32)]) {
        self.step(StepName::Reveal, None, Some(self.opened));
        self.ranks(entries);
    }

    fn ranks(&mut self, entries: &[(u32, u32)]) {
        let shape = shape();
        let names: Vec<String> = shape.scenarios().iter().map(|scenario| scenario.name().to_owned()).collect();
        let draws = scoring::Bootstrap::new(&shape, Split::Final, "tiny", scoring::REPLICATES);
        let mut scores = BTreeMap::new();
        let mut counted = Vec::new();
        for (who, number) in entries {
            let id = submission(*number);
            let zip = &self.zips[&id];
            let score = score(zip, Split::Final);
            let validated =
                scoring::validate_archive(zip, &shape, &Limits::for_shape(&shape, 2_000_000)).expect("valid");
            let predictions = validated.predictions.split(Split::Final).expect("the split");
            let numbers = draws.ranking_numbers(predictions, &solution(Split::Final)).expect("numbers");
            let counts =
                score.scenarios.iter().map(|scenario| scenario.as_ref().map(|scenario| scenario.counts)).collect();
            counted.push(Counted {
                participant: participant(*who),
                submission: id,
                out_of_competition: false,
                arrived_at: self.arrivals[&id],
                counts,
            });
            scores.insert(id, (score, Interval::percentile_95(&numbers)));
        }
        let ranking = ranking_file(RankingKind::Mean, &names, counted).expect("counts");
        self.version += 1;
        let entry = |entry: &crate::domain::official_ranking::RankingFileEntry| {
            let (score, interval) = &scores[&entry.submission];
            ResultsFileEntry {
                participant: entry.participant,
                submission: entry.submission,
                rank: entry.rank,
                value: score.ranking_value,
                interval_95: [interval.low, interval.high],
                scenarios: score
                    .scenarios
                    .iter()
                    .map(|scenario| scenario.as_ref().map(|scenario| scenario.metrics))
                    .collect(),
            }
        };
        let results = ResultsFile {
            format: 1,
            version: self.version,
            number: ranking.number.clone(),
            entries: ranking.entries.iter().map(entry).collect(),
        };
        self.ranked = ranking.entries.iter().map(|entry| entry.submission).collect();
        self.ranking = ranking.to_text().expect("text");
        self.results = results.to_text().expect("text");
        let ranked = ranking.entries.iter().map(|entry| RankedCounts {
            participant: entry.participant,
            submission: entry.submission,
            rank: entry.rank,
            counts: entry.counts.clone(),
        });
        self.happens(LogEvent::OfficialRanking {
            version: self.version,
            ranking_sha256: Sha256::of(self.ranking.as_bytes()),
            results_sha256: Sha256::of(self.results.as_bytes()),
            entries: ranked.collect(),
        });
    }

    fn head(&self) -> LogPlace {
        LogPlace { seq: self.log.len() as u64, hash: self.log.last().expect("events").0 }
    }

    fn manifest(&self) -> Manifest {
        Manifest {
            format: Manifest::FORMAT,
            program: "callimico test".to_owned(),
            made_at: DAY,
            track: "small/tiny".to_owned(),
            title: "Tiny".to_owned(),
            full: self.full,
            ranking_version: self.version,
            head: ManifestHead { seq: self.head().seq, hash: Sha256::from(*self.head().hash.as_bytes()) },
            labels: LabelsInFile { version: 1, opened: self.opened, included: self.opened || self.full },
            commitment: self
                .committed
                .then(|| ManifestCommitment { root: Sha256::of(commitment().text().as_bytes()), made_at: DAY }),
            settings: ManifestSettings {
                ranking: RankingRule::default(),
                entry_rule: self.rule,
                disclosure: "standard".to_owned(),
                submission_bytes: 2_000_000,
                submissions_per_day: 30,
                submissions_total: 1000,
                opens_at: None,
                closes_at: Some(DAY),
            },
            bootstrap: Bootstrap::default(),
        }
    }

    fn export(&self) -> Vec<u8> {
        let manifest = self.manifest();
        let mut export = ExportWriter::new(Vec::new(), &manifest).expect("written");
        export.shape(&shape()).expect("written");
        if self.committed {
            export.commitment(&commitment().text()).expect("written");
        }
        let lines = self.log.iter().flat_map(|(hash, event)| LogLine { hash: *hash, event }.to_bytes());
        export.log(&lines.collect::<Vec<u8>>()).expect("written");
        export.ranking(&self.ranking, &self.results).expect("written");
        if manifest.labels.included {
            for path in ModelPath::of(&shape()) {
                export.labels(&path, &labels(&path)).expect("written");
            }
            if self.committed {
                export.salts(&salts()).expect("written");
            }
        }
        for (id, zip) in &self.zips {
            let is_entry = self.ranked.contains(id);
            if is_entry || self.full {
                export.zip(*id, is_entry, zip.len() as u64, &mut &zip[..]).expect("written");
            }
        }
        if self.full {
            export.dev_results(&self.dev).expect("written");
            let name = |who: &LogParticipant| NamedParticipant { participant: *who, name: format!("team {who}") };
            export.names(&self.owners.values().map(name).collect::<Vec<_>>()).expect("written");
        }
        export.finish().expect("written")
    }
}

fn salts() -> SaltsFile {
    let mut next = 0;
    SaltsFile::new(&shape(), || {
        next += 1;
        Salt::from_bytes([next; 32])
    })
}

fn commitment() -> Commitment {
    let salts = salts();
    Commitment::of(&shape(), |path| Some((salts.salts.get(path)?.clone(), labels(path)))).expect("a commitment")
}

fn score(zip: &[u8], split: Split) -> scoring::TrackScore {
    let shape = shape();
    let validated = scoring::validate_archive(zip, &shape, &Limits::for_shape(&shape, 2_000_000)).expect("valid");
    let predictions = validated.predictions.split(split).expect("the split");
    scoring::score(&shape, split, predictions, &solution(split)).expect("a score")
}

/// Three participants; the rule picks 2, 3 and 4 as the latest ones, 1, 3 and 4 as the best ones.
fn competition(rule: EntryRule, full: bool, opened: bool) -> Competition {
    let mut competition = Competition::new(rule, full, opened, true);
    competition.submits(1, 1, 0.9);
    competition.submits(1, 2, 0.3);
    competition.submits(2, 3, 0.5);
    competition.submits(3, 4, 0.7);
    let entries = [(1, if rule == EntryRule::Best { 1 } else { 2 }), (2, 3), (3, 4)];
    competition.freezes(&entries);
    competition.reveals(&entries);
    competition
}

fn opened() -> Vec<u8> {
    competition(EntryRule::Latest, false, true).export()
}

fn check_with(bytes: &[u8], published: Published) -> Report {
    reproduce(Cursor::new(bytes), published).expect("readable")
}

fn check(bytes: &[u8]) -> Report {
    check_with(bytes, Published::default())
}

fn outcome(report: &Report, check: &str) -> Outcome {
    report.checks.iter().find(|one| one.check == check).unwrap_or_else(|| panic!("no {check}: {report:#?}")).outcome
}

fn failed(report: &Report) -> Vec<&'static str> {
    report.checks.iter().filter(|check| check.outcome == Outcome::Failed).map(|check| check.check).collect()
}

fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut tar = TarFile::read(Cursor::new(bytes)).expect("an archive");
    let members = tar.members().to_vec();
    members.iter().map(|member| (member.path.clone(), tar.content(member, u64::MAX).expect("content"))).collect()
}

/// Packs members again, with the right SHA256SUMS.
fn pack(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    let mut sums = String::new();
    for (path, content) in members.iter().filter(|(path, _)| path != SUMS) {
        let sha256 = tar.add(path, content.len() as u64, &mut &content[..]).expect("written");
        sums += &format!("{sha256}  {path}\n");
    }
    tar.add(SUMS, sums.len() as u64, &mut sums.as_bytes()).expect("written");
    tar.finish().expect("written")
}

/// A good export with a member changed, and SHA256SUMS made to fit.
fn with_member(name: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut members = members(&opened());
    let member = members.iter_mut().find(|(path, _)| path == name).unwrap_or_else(|| panic!("no {name}"));
    let changed = change(member.1.clone());
    assert_ne!(changed, member.1, "{name} is not changed");
    member.1 = changed;
    pack(&members)
}

fn with_text(name: &str, from: &str, to: &str) -> Vec<u8> {
    with_member(name, |bytes| String::from_utf8(bytes).expect("text").replacen(from, to, 1).into_bytes())
}

#[test]
fn an_export_with_opened_labels_is_reproduced_whole() {
    let report = check(&opened());
    assert!(report.checks.iter().all(|check| check.outcome == Outcome::Ok), "{report:#?}");
    assert_eq!(report.checks.len(), 14, "{report:#?}");
}

#[test]
fn an_export_for_organisers_has_no_gaps() {
    for rule in [EntryRule::Latest, EntryRule::Best, EntryRule::Chosen] {
        for opened in [true, false] {
            let report = check(&competition(rule, true, opened).export());
            assert!(!report.has_failed() && !report.has_gaps(), "{report:#?}");
        }
    }
}

#[test]
fn while_labels_are_kept_the_public_file_has_gaps_and_no_failure() {
    let report = check(&competition(EntryRule::Best, false, false).export());
    assert!(!report.has_failed(), "{report:#?}");
    for gap in ["labels", "commitment", "scores", "ranking.json", "results.json", "intervals", "entries"] {
        assert_eq!(outcome(&report, gap), Outcome::NotInThisFile, "{gap}");
    }
    for ok in ["archive", "log chain", "log events", "zips", "official ranking"] {
        assert_eq!(outcome(&report, ok), Outcome::Ok, "{ok}");
    }
}

/// One export of every format is kept: what was published once is reproduced for good.
#[test]
fn exports_of_earlier_versions_are_reproduced() {
    let kept = include_bytes!("testdata/format1.tar");
    let report = check(kept);
    assert!(report.checks.iter().all(|check| check.outcome == Outcome::Ok), "{report:#?}");
}

/// Writes the export of this version: `CALLIMICO_WRITE_EXPORT=FILE cargo test -- --ignored writes_the_export`.
#[test]
#[ignore = "for a new format only: what is kept of an earlier one never changes"]
fn writes_the_export_of_this_version() {
    let path = std::env::var("CALLIMICO_WRITE_EXPORT").expect("the file to write");
    std::fs::write(path, competition(EntryRule::Best, true, true).export()).expect("written");
}

#[test]
fn packed_again_it_is_the_same_export() {
    let good = opened();
    assert_eq!(pack(&members(&good)), good);
}

#[test]
fn one_changed_byte_in_each_member_fails() {
    let good = opened();
    for (at, (name, content)) in members(&good).iter().enumerate() {
        for place in [0, content.len() / 2, content.len() - 1] {
            let mut changed = members(&good);
            changed[at].1[place] ^= 1;
            // SHA256SUMS as it was: one byte of the archive is another.
            let mut tar = TarWriter::new(Vec::new());
            for (path, content) in &changed {
                tar.add(path, content.len() as u64, &mut &content[..]).expect("written");
            }
            let bytes = tar.finish().expect("written");
            assert_eq!(bytes.iter().zip(&good).filter(|(a, b)| a != b).count(), 1);
            assert!(check(&bytes).has_failed(), "{name}, byte {place}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn one_changed_byte_anywhere_fails(at in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let mut bytes = GOOD.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(check(&bytes).has_failed(), "byte {at}");
    }

    #[test]
    fn a_file_that_is_cut_off_cannot_be_read(length in any::<prop::sample::Index>()) {
        let length = length.index(GOOD.len());
        prop_assert!(reproduce(Cursor::new(&GOOD[..length]), Published::default()).is_err(), "{length} bytes");
    }
}

static GOOD: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(opened);

#[test]
fn numbers_that_were_changed_together_with_their_sums_are_found() {
    let results = &members(&GOOD)[5];
    assert_eq!(results.0, "results.json");
    let results: serde_json::Value = serde_json::from_slice(&results.1).expect("JSON");
    let entry = &results["entries"][0];
    let mut numbers = vec![entry["value"].clone(), entry["interval_95"][0].clone(), entry["interval_95"][1].clone()];
    numbers.extend(entry["scenarios"][0].as_object().expect("numbers").values().cloned());
    assert_eq!(numbers.len(), 3 + 9);
    let paths = ["/value", "/interval_95/0", "/interval_95/1"].map(str::to_owned).into_iter();
    let metrics = entry["scenarios"][0].as_object().expect("numbers").keys().map(|name| format!("/scenarios/0/{name}"));
    for path in paths.chain(metrics).chain(["/rank", "/participant", "/submission"].map(str::to_owned)) {
        let bytes = with_member("results.json", |bytes| {
            let mut changed: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
            let place = changed.pointer_mut(&format!("/entries/0{path}")).expect("a number");
            *place = match (place.as_f64(), path.as_str()) {
                (_, "/rank") => 2.into(),
                (Some(number), _) => (number + 0.001).into(),
                (None, _) => submission(77).to_string().into(),
            };
            serde_json::to_vec(&changed).expect("JSON")
        });
        let report = check(&bytes);
        let place = if path.starts_with("/interval") { "intervals" } else { "results.json" };
        assert!(failed(&report).contains(&place), "{path}: {report:#?}");
    }
}

#[test]
fn every_other_change_of_results_is_found_too() {
    for (from, to) in [(r#""format":1"#, r#""format":2"#), (r#""version":1"#, r#""version":2"#), ("average_", "max_")] {
        assert!(failed(&check(&with_text("results.json", from, to))).contains(&"results.json"), "{to}");
    }
    assert!(check(&with_text("results.json", r#""format":1"#, r#""format":1,"more":2"#)).has_failed());
}

#[test]
fn while_labels_are_kept_changed_ranking_numbers_are_found_by_their_counts() {
    let good = members(&competition(EntryRule::Latest, false, false).export());
    let text = String::from_utf8(good[5].1.clone()).unwrap_or_default();
    assert_eq!(good[5].0, "results.json");
    // Of the numbers that no count stands for the log's hash is the only witness.
    let auc = text.replacen("\"AUC\":0.", "\"AUC\":0.0", 1);
    assert_ne!(auc, text);
    let mut edited = good.clone();
    edited[5].1 = auc.into_bytes();
    assert_eq!(failed(&check(&pack(&edited))), ["official ranking"]);
    for (name, with) in [("\"value\":", "\"value\":0.25e-3"), ("\"TPR_FPR_1000\":", "\"TPR_FPR_1000\":0.25e-3")] {
        let at = text.find(name).expect("a number");
        let end = at + name.len() + text[at + name.len()..].find([',', '}']).expect("its end");
        let mut changed = good.clone();
        changed[5].1 = format!("{}{with}{}", &text[..at], &text[end..]).into_bytes();
        assert_eq!(failed(&check(&pack(&changed))), ["official ranking", "results.json"], "{name}");
    }
}

#[test]
fn a_changed_ranking_is_found() {
    // A count, a rank, the order, a blank: the log has the hash of these bytes.
    let report = check(&with_text("ranking.json", "[[", "[[1"));
    assert!(report.has_failed(), "{report:#?}");
    for (from, to) in [(r#""rank":1"#, r#""rank":2"#), (r#"{"format""#, r#"{ "format""#), ("\n", "")] {
        let report = check(&with_text("ranking.json", from, to));
        assert!(failed(&report).contains(&"official ranking"), "{to}: {report:#?}");
        assert!(failed(&report).contains(&"ranking.json"), "{to}: {report:#?}");
    }
}

#[test]
fn an_exchanged_zip_is_found() {
    let entry = format!("entries/{}.zip", submission(2));
    let report = check(&with_member(&entry, |_| zip_of(2, 0.95)));
    for check in ["zips", "scores", "ranking.json", "results.json"] {
        assert!(failed(&report).contains(&check), "{check}: {report:#?}");
    }
    let report = check(&with_member(&entry, |_| b"no zip".to_vec()));
    assert!(failed(&report).contains(&"scores"), "{report:#?}");
}

#[test]
fn a_zip_that_is_left_out_is_a_gap() {
    let mut left = members(&GOOD);
    left.retain(|(path, _)| *path != format!("entries/{}.zip", submission(3)));
    let report = check(&pack(&left));
    assert!(!report.has_failed(), "{report:#?}");
    for gap in ["zips", "scores", "ranking.json", "results.json", "intervals"] {
        assert_eq!(outcome(&report, gap), Outcome::NotInThisFile, "{gap}: {report:#?}");
    }
}

#[test]
fn changed_labels_and_salts_are_found() {
    let report = check(&with_text("labels/tiny_hi/final/model_150/solution.csv", "1,0,", "0,1,"));
    assert!(failed(&report).contains(&"commitment"), "{report:#?}");
    assert!(failed(&report).contains(&"scores") || failed(&report).contains(&"results.json"), "{report:#?}");
    // Dev labels decide nothing here, and are committed to all the same.
    let report = check(&with_text("labels/tiny_hi/dev/model_100/solution.csv", "1,0,", "0,1,"));
    assert_eq!(failed(&report), ["commitment"], "{report:#?}");
    let report = check(&with_text("salts.json", "0101", "0102"));
    assert_eq!(failed(&report), ["commitment"], "{report:#?}");
    let report = check(&with_text("labels/tiny_hi/final/model_150/solution.csv", "1,0,", "2,0,"));
    assert!(failed(&report).contains(&"labels"), "{report:#?}");
}

#[test]
fn a_log_that_was_changed_is_found() {
    let lines = |bytes: &[u8]| bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let count = lines(&members(&GOOD)[3].1).len();
    for gone in 0..count {
        let report = check(&with_member("log.ndjson", |bytes| {
            let mut left = lines(&bytes);
            left.remove(gone);
            left.concat()
        }));
        assert!(failed(&report).contains(&"log chain"), "line {gone}: {report:#?}");
    }
}

/// A log whose chain is made anew is right by itself; what was kept of the old one is not in it.
#[test]
fn a_log_that_was_written_anew_is_found_by_whoever_kept_its_head() {
    let good = competition(EntryRule::Latest, false, true);
    let mut other = competition(EntryRule::Latest, false, true);
    other.log.clear();
    let events = good.log.iter().map(|(_, bytes)| Logged::from_bytes(bytes).expect("an event").event);
    for event in events.collect::<Vec<_>>() {
        match event {
            LogEvent::Scored { submission: id, .. } if id == submission(1) => other.happens(LogEvent::Scored {
                submission: id,
                split: "dev".into(),
                result_sha256: Sha256::from([0; 32]),
            }),
            event => other.happens(event),
        }
    }
    let bytes = other.export();
    assert!(!check(&bytes).has_failed());
    let kept = Published { head: Some(good.head()), root: None };
    assert_eq!(failed(&check_with(&bytes, kept)), ["published head"]);
    assert!(!check_with(&good.export(), kept).has_failed());
}

/// Without a head that somebody kept, a log must at least have what a ranking rests on.
#[test]
fn a_log_that_was_written_anew_without_what_a_ranking_rests_on_is_found() {
    let good = competition(EntryRule::Latest, false, true);
    let is_step = |event: &LogEvent, step| matches!(event, LogEvent::Step(one) if one.step == step);
    type IsGone<'a> = &'a dyn Fn(&LogEvent) -> bool;
    let is_close: IsGone = &|event| is_step(event, StepName::Close);
    let is_preview: IsGone = &|event| matches!(event, LogEvent::FinalBegun {});
    let is_reveal: IsGone = &|event| is_step(event, StepName::Reveal);
    let is_freeze: IsGone = &|event| matches!(event, LogEvent::EntriesFrozen { .. });
    let gone = [("close", is_close), ("first preview", is_preview), ("reveal", is_reveal), ("freeze", is_freeze)];
    for (what, is_gone) in gone {
        let mut other = competition(EntryRule::Latest, false, true);
        let events: Vec<LogEvent> =
            other.log.iter().map(|(_, bytes)| Logged::from_bytes(bytes).expect("an event").event).collect();
        other.log.clear();
        events.into_iter().filter(|event| !is_gone(event)).for_each(|event| other.happens(event));
        assert_eq!(other.log.len() + 1, good.log.len(), "{what}");
        assert!(failed(&check(&other.export())).contains(&"log events"), "{what}");
    }
}

#[test]
fn heads_and_roots_are_compared_with_what_was_published() {
    let good = competition(EntryRule::Latest, false, true);
    let bytes = good.export();
    let root = Sha256::of(commitment().text().as_bytes());
    let receipt = LogPlace { seq: 4, hash: good.log[3].0 };
    let report = check_with(&bytes, Published { head: Some(receipt), root: Some(root) });
    assert_eq!((outcome(&report, "published head"), outcome(&report, "published root")), (Outcome::Ok, Outcome::Ok));
    for head in [LogPlace { seq: 5, ..receipt }, LogPlace { seq: 500, ..receipt }] {
        assert_eq!(failed(&check_with(&bytes, Published { head: Some(head), root: None })), ["published head"]);
    }
    let other = Published { head: None, root: Some(Sha256::from([1; 32])) };
    assert_eq!(failed(&check_with(&bytes, other)), ["published root"]);
}

#[test]
fn an_unknown_a_missing_and_a_doubled_member_fail() {
    let good = members(&GOOD);
    for (name, content) in
        [("notes.txt", "x"), ("../results.json", "x"), ("labels/tiny_hi/train/model_0/solution.csv", "1,0")]
    {
        let mut more = good.clone();
        more.insert(1, (name.to_owned(), content.into()));
        assert!(check(&pack(&more)).has_failed(), "{name}");
    }
    for (at, (name, _)) in good.iter().enumerate() {
        if name.starts_with("entries/") || name == SUMS {
            continue;
        }
        let mut left = good.clone();
        left.remove(at);
        assert!(check(&pack(&left)).has_failed(), "without {name}");
        let mut twice = good.clone();
        twice.push(good[at].clone());
        assert!(check(&pack(&twice)).has_failed(), "{name} twice");
    }
    // SHA256SUMS is the last member.
    let mut tar = TarWriter::new(Vec::new());
    for (path, content) in good.iter().rev() {
        tar.add(path, content.len() as u64, &mut &content[..]).expect("written");
    }
    assert!(failed(&check(&tar.finish().expect("written"))).contains(&"archive"));
}

#[test]
fn settings_that_are_not_those_of_the_log_are_found() {
    for (from, to) in [
        (r#""version": 1"#, r#""version": 2"#),
        (r#""opened": true"#, r#""opened": false"#),
        (r#""ranking_version": 1"#, r#""ranking_version": 2"#),
        (r#""number": "average_TPR_FPR_1000""#, r#""number": "max_TPR_FPR_1000""#),
        (r#""track": "small/tiny""#, r#""track": "small/other""#),
        (r#""format": 1"#, r#""format": 0"#),
    ] {
        assert!(check(&with_text("manifest.json", from, to)).has_failed(), "{to}");
    }
    // Under another rule other entries would stand.
    let report = check(&with_text("manifest.json", r#""entry_rule": "latest""#, r#""entry_rule": "best""#));
    assert!(report.has_gaps(), "{report:#?}");
    assert!(check(&with_text("shape.json", r#""points":40"#, r#""points":41"#)).has_failed());
}

#[test]
fn a_later_format_cannot_be_read_and_another_bootstrap_is_a_gap() {
    let later = with_text("manifest.json", r#""format": 1"#, r#""format": 2"#);
    assert!(matches!(reproduce(Cursor::new(later), Published::default()), Err(Unreadable::Format(2))));
    let report = check(&with_text("manifest.json", BOOTSTRAP_NAME, "another"));
    assert_eq!(outcome(&report, "intervals"), Outcome::NotInThisFile);
    assert!(!report.has_failed(), "{report:#?}");
}

const BOOTSTRAP_NAME: &str = super::manifest::BOOTSTRAP;

#[test]
fn entries_follow_from_what_happened() {
    let mut one = Competition::new(EntryRule::Chosen, false, true, true);
    one.submits(1, 1, 0.9);
    one.submits(1, 2, 0.3);
    one.submits(2, 3, 0.5);
    one.submits(3, 4, 0.7);
    one.submits(4, 5, 0.7);
    one.submits(5, 6, 0.2);
    one.happens(LogEvent::EntryChosen { participant: participant(1), submission: submission(1) });
    one.happens(LogEvent::EntryChosen { participant: participant(2), submission: submission(3) });
    // The choice of both is cleared, so the latest counts: the fourth.
    one.happens(LogEvent::Merged { from: participant(2), into: participant(3) });
    one.happens(LogEvent::ParticipantRemoved { participant: participant(4) });
    one.happens(LogEvent::ParticipantRemoved { participant: participant(5) });
    one.happens(LogEvent::ParticipantReturned { participant: participant(5) });
    one.freezes(&[(1, 1), (3, 4), (5, 6)]);
    // What was chosen is taken out, and the latest of what is left takes its place.
    one.happens(LogEvent::Disqualified { submission: submission(1) });
    one.reveals(&[(1, 2), (3, 4), (5, 6)]);
    one.happens(LogEvent::Restored { submission: submission(1) });
    one.happens(LogEvent::Disqualified { submission: submission(4) });
    one.ranks(&[(1, 1), (3, 3), (5, 6)]);
    let report = check(&one.export());
    assert!(!report.has_failed(), "{report:#?}");
    assert_eq!(outcome(&report, "entries"), Outcome::Ok);
}

#[test]
fn entries_that_do_not_follow_are_found() {
    for frozen in [&[(1, 1), (2, 3), (3, 4)][..], &[(1, 2), (2, 3)], &[(1, 2), (2, 3), (3, 4), (4, 9)]] {
        let mut one = Competition::new(EntryRule::Latest, false, true, true);
        one.submits(1, 1, 0.9);
        one.submits(1, 2, 0.3);
        one.submits(2, 3, 0.5);
        one.submits(3, 4, 0.7);
        one.freezes(frozen);
        one.reveals(&[(1, 2), (2, 3), (3, 4)]);
        let report = check(&one.export());
        assert_eq!(failed(&report), ["entries"], "{report:#?}");
    }
    // What was taken out counts no more, and what came after the freeze never did.
    let mut one = Competition::new(EntryRule::Latest, false, true, true);
    one.submits(1, 1, 0.9);
    one.submits(2, 3, 0.5);
    one.freezes(&[(1, 1), (2, 3)]);
    one.happens(LogEvent::Disqualified { submission: submission(3) });
    one.reveals(&[(1, 1), (2, 3)]);
    assert_eq!(failed(&check(&one.export())), ["entries"]);
}

#[test]
fn the_best_submission_rests_on_dev_scores_that_organisers_have() {
    let mut one = competition(EntryRule::Best, true, true);
    assert_eq!(outcome(&check(&one.export()), "entries"), Outcome::Ok);
    // Another result than the one whose hash is in the log.
    let other = one.dev[1].result.clone();
    one.dev[1].result = std::mem::replace(&mut one.dev[0].result, other);
    let report = check(&one.export());
    assert!(failed(&report).contains(&"dev results"), "{report:#?}");
}

#[test]
fn after_a_rescoring_the_dev_scores_that_decided_are_no_longer_there() {
    let mut one = competition(EntryRule::Best, true, true);
    one.happens(LogEvent::Rescored { batch: Uuid::from_u128(1), scores: 4 });
    let other = one.dev[1].result.clone();
    one.dev[1].result = std::mem::replace(&mut one.dev[0].result, other);
    let report = check(&one.export());
    assert!(!report.has_failed(), "{report:#?}");
    for gap in ["dev results", "entries"] {
        assert_eq!(outcome(&report, gap), Outcome::NotInThisFile, "{report:#?}");
    }
    // Where other scores were made anew, as those of a benchmark, the ones that decided are still there.
    let mut one = competition(EntryRule::Best, true, true);
    one.happens(LogEvent::Rescored { batch: Uuid::from_u128(1), scores: 1 });
    assert_eq!(outcome(&check(&one.export()), "entries"), Outcome::Ok);
}

#[test]
fn labels_that_nobody_committed_to_are_a_gap() {
    let mut one = Competition::new(EntryRule::Latest, false, true, false);
    one.submits(1, 1, 0.9);
    one.submits(2, 2, 0.5);
    one.freezes(&[(1, 1), (2, 2)]);
    one.reveals(&[(1, 1), (2, 2)]);
    let report = check(&one.export());
    assert_eq!(outcome(&report, "commitment"), Outcome::NotInThisFile, "{report:#?}");
    assert!(!report.has_failed(), "{report:#?}");
}

#[test]
fn nobody_s_entries_are_a_ranking_too() {
    let mut one = Competition::new(EntryRule::Latest, false, true, true);
    one.freezes(&[]);
    one.reveals(&[]);
    let report = check(&one.export());
    assert!(!report.has_failed(), "{report:#?}");
}

#[test]
fn what_is_no_export_is_not_checked() {
    for bytes in [&b""[..], b"x", &[0; 10_240], &zip_of(1, 0.5)] {
        assert!(reproduce(Cursor::new(bytes), Published::default()).is_err());
    }
}
