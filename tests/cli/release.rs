//! The release seen from outside: every byte of the archives, however odd the organiser's directory
//! is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{MODELS, SCENARIOS, callimico, done, folder, run, stderr, stdout, text};

/// The number of challenge points of each model.
const CHALLENGES: i64 = 20;
/// Rows of each model's training data that are not challenge points.
const OTHERS: i64 = 15;
/// The files that are public of every model.
const PUBLIC: [&str; 3] = ["model.onnx", "challenge.npy", "seed_challenge"];
/// What is also revealed of train models.
const TRUTH: [&str; 4] = ["solution.csv", "train_idx.npy", "seed_training", "seed_membership"];

/// A private Postgres that several processes share. It is shut down when this is dropped.
pub(crate) struct Postgres {
    child: Child,
    pub(crate) url: String,
}

impl Postgres {
    pub(crate) fn start(data_dir: &Path) -> Self {
        let mut command = callimico();
        command.args(["postgres", "--data-dir", text(data_dir), "--", "sh", "-c"]);
        // `cat` exits when our end of the pipe is closed.
        command.arg("echo \"$DATABASE_URL\"; cat > /dev/null").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut url).expect("a line");
        let url = url.trim().to_owned();
        assert!(url.starts_with("postgres"), "no address of a database: `{url}`");
        Self { child, url }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // How it ended does not matter to the test.
        let _ = self.child.wait();
    }
}

/// Pseudo-random numbers that are the same in every run.
struct Lcg(u64);

impl Lcg {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

/// The folders of all models, each with its own number.
fn numbered() -> Vec<(PathBuf, u64)> {
    let mut models = Vec::new();
    for scenario in SCENARIOS {
        for (split, names) in MODELS {
            for name in names {
                let number = models.len() as u64;
                models.push((Path::new(scenario).join(split).join(name), number));
            }
        }
    }
    models
}

/// The truth of a model's challenge points: 1 for a member, 0 for a non-member.
fn truth(number: u64) -> Vec<i64> {
    let mut random = Lcg(number * 7919 + 13);
    (0..CHALLENGES).map(|_| i64::from(random.draw() % 2 == 1)).collect()
}

fn solution(number: u64) -> String {
    truth(number).iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

fn first_row(number: u64) -> i64 {
    1000 * (i64::try_from(number).expect("a small number") + 1)
}

fn challenge(number: u64) -> Vec<i64> {
    (0..CHALLENGES).map(|point| first_row(number) + 3 * point).collect()
}

/// Training rows that are not challenge points.
fn others(number: u64) -> Vec<i64> {
    (0..OTHERS).map(|row| first_row(number) + 100 + row * row).collect()
}

/// All training rows: the members and the others.
fn trained_on(number: u64) -> Vec<i64> {
    let points = challenge(number).into_iter().zip(truth(number));
    points.filter(|(_, member)| *member == 1).map(|(row, _)| row).chain(others(number)).collect()
}

fn seed(number: u64, kind: u64) -> String {
    let mut random = Lcg(number * 31 + kind * 1_000_003);
    format!("1{:010}{:010}", random.draw(), random.draw())
}

fn noise(number: u64, size: usize) -> Vec<u8> {
    let mut random = Lcg(number + 99);
    let mut bytes = Vec::with_capacity(size + 4);
    while bytes.len() < size {
        bytes.extend_from_slice(&random.draw().to_le_bytes()[..4]);
    }
    bytes.truncate(size);
    bytes
}

fn little_endian(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// An array in NumPy's .npy format.
fn npy(values: &[i64]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': ({},), }}", values.len());
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&u16::try_from(header.len()).expect("a short header").to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(little_endian(values));
    bytes
}

fn zipped(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).expect("an entry");
        archive.write_all(bytes).expect("written");
    }
    archive.finish().expect("an archive").into_inner()
}

fn put(path: PathBuf, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("written");
}

/// A track `tiny` in `folder`, with models of about `model_bytes` bytes and every file that tells
/// members from non-members.
fn write_track(folder: &Path, model_bytes: usize) -> PathBuf {
    let track = folder.join("tiny");
    for (place, number) in numbered() {
        let model = track.join(place);
        put(model.join("model.onnx"), noise(number, model_bytes + usize::try_from(number).expect("a small number")));
        put(model.join("challenge.npy"), npy(&challenge(number)));
        put(model.join("train_idx.npy"), npy(&trained_on(number)));
        put(model.join("solution.csv"), solution(number));
        for (kind, name) in (0..).zip(["seed_challenge", "seed_training", "seed_membership"]) {
            put(model.join(name), seed(number, kind));
        }
    }
    let pool: Vec<i64> = (0..50).collect();
    put(track.join("data.npz"), zipped(&[("x.npy", npy(&pool)), ("y.npy", npy(&pool[..25]))]));
    put(track.join("track.yaml"), "title: Tiny\n");
    track
}

/// Copies a folder and its content. Symbolic links stay links; hard links become copies.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (kind, there) = (entry.file_type().expect("a kind"), to.join(entry.file_name()));
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path()).expect("a link"), there).expect("a link");
        } else if kind.is_dir() {
            copy(&entry.path(), &there);
        } else {
            fs::write(there, fs::read(entry.path()).expect("read")).expect("written");
        }
    }
}

/// Changes every public file below a folder, so that only the hidden files are copies.
fn change_what_is_public(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            change_what_is_public(&path);
        } else if PUBLIC.iter().any(|name| path.ends_with(name)) {
            let mut bytes = fs::read(&path).expect("read");
            bytes.push(b'!');
            fs::write(&path, bytes).expect("written");
        }
    }
}

/// Adds everything that an organiser may have left in the directory. Returns what participants must
/// never see: for each, a description and its bytes.
fn plant(track: &Path) -> Vec<(String, Vec<u8>)> {
    // Folders are copied first, so that the copies do not contain what is added below.
    let backup = track.join("tiny_hi/dev/model_2/model_1");
    copy(&track.join("tiny_hi/dev/model_1"), &backup);
    change_what_is_public(&backup);
    let backup = track.join("tiny_lo/tiny_hi");
    copy(&track.join("tiny_hi"), &backup);
    change_what_is_public(&backup);

    let model = track.join("tiny_hi/dev/model_1");
    let mut hidden = Vec::new();
    for name in [
        "tiny_hi/dev/model_1/Solution.CSV",
        "tiny_hi/dev/model_1/solution.csv~",
        "tiny_hi/dev/model_1/.solution.csv.swp",
        "tiny_hi/dev/model_1/notes.txt",
        "tiny_lo/final/model_4/report.json",
        "tiny_lo/final/notes.txt",
        "tiny_lo/notes.txt",
        "recipe.json",
        "notes.txt",
    ] {
        let marker = format!("the marker of {name}");
        put(track.join(name), &marker);
        hidden.push((name.to_owned(), marker.into_bytes()));
    }
    put(model.join("old/solution.csv"), solution(1000));
    hidden.push(("old/solution.csv".to_owned(), solution(1000).into_bytes()));
    symlink("solution.csv", model.join("config.json")).expect("a link");
    symlink("../dev/model_1", track.join("tiny_hi/train/model_9")).expect("a link");
    let guarded = track.join("tiny_hi/final/model_3");
    fs::hard_link(guarded.join("solution.csv"), guarded.join("model.pt")).expect("a link");
    let guarded = track.join("tiny_hi/dev/model_2");
    put(guarded.join("model.safetensors"), fs::read(guarded.join("solution.csv")).expect("read"));
    hidden.extend(truth_of_targets());
    hidden
}

/// What tells members from non-members of the dev and final models.
fn truth_of_targets() -> Vec<(String, Vec<u8>)> {
    let mut hidden = Vec::new();
    for (place, number) in numbered().into_iter().filter(|(place, _)| !is_train(place)) {
        let of = |name: &str| format!("{name} of {}", place.display());
        hidden.push((of("solution.csv"), solution(number).into_bytes()));
        hidden.push((of("train_idx.npy"), little_endian(&trained_on(number))));
        hidden.push((of("seed_training"), seed(number, 1).into_bytes()));
        hidden.push((of("seed_membership"), seed(number, 2).into_bytes()));
    }
    hidden
}

fn is_train(place: &Path) -> bool {
    place.iter().any(|part| part == "train")
}

/// The paths that the archives of a track of [`write_track`] must contain.
fn expected() -> BTreeSet<String> {
    let mut expected = BTreeSet::from(["tiny/data.npz".to_owned()]);
    for (place, _) in numbered() {
        expected.extend(PUBLIC.map(|name| format!("tiny/{}/{name}", place.display())));
        if is_train(&place) {
            expected.extend(TRUTH.map(|name| format!("tiny/{}/{name}", place.display())));
        }
    }
    expected
}

/// The released files by name, and the id of the folder that each is in.
fn released(data: &Path) -> (BTreeMap<String, Vec<u8>>, BTreeMap<String, String>) {
    let (mut files, mut ids) = (BTreeMap::new(), BTreeMap::new());
    for entry in fs::read_dir(data.join("objects/releases")).expect("a folder") {
        let folder = entry.expect("an entry");
        let id = folder.file_name().to_string_lossy().into_owned();
        for file in fs::read_dir(folder.path()).expect("a folder") {
            let file = file.expect("an entry");
            let name = file.file_name().to_string_lossy().into_owned();
            let bytes = fs::read(file.path()).expect("read");
            assert!(files.insert(name.clone(), bytes).is_none(), "{name} is there twice");
            ids.insert(name, id.clone());
        }
    }
    (files, ids)
}

/// The content of an archive by path. Checks that times, owners and groups are 0, so that the same
/// files make the same archive.
fn unpacked(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = String::from_utf8(entry.path_bytes().into_owned()).expect("a path in UTF-8");
        let header = entry.header();
        assert_eq!(header.entry_type(), tar::EntryType::Regular, "{path}");
        assert_eq!(header.mtime().expect("a time"), 0, "{path}");
        assert_eq!(header.uid().expect("an owner"), 0, "{path}");
        assert_eq!(header.gid().expect("a group"), 0, "{path}");
        assert_eq!(header.mode().expect("a mode"), 0o644, "{path}");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("read");
        assert!(found.insert(path.clone(), bytes).is_none(), "{path} is there twice");
    }
    found
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    assert!(wanted.len() >= 12, "too short to mean anything");
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Checks that no released file contains any of the hidden bytes, packed or not.
fn assert_nothing_hidden(files: &BTreeMap<String, Vec<u8>>, hidden: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        for (what, wanted) in hidden {
            assert!(!contains(bytes, wanted), "{name} tells {what}");
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    hex::encode(hash)
}

/// The names of the files that a track of [`write_track`] is released as.
fn names() -> BTreeSet<String> {
    let mut names = BTreeSet::from(["SHA256SUMS", "tiny-data.tar", "tiny-all.tar"].map(str::to_owned));
    for scenario in SCENARIOS {
        names.extend(MODELS.map(|(split, _)| format!("{scenario}-{split}.tar")));
    }
    names
}

fn import(track: &Path, data: &Path) {
    done(&["import", text(track), "--competition", "c", "--no-release", "--data-dir", text(data)]);
}

fn release(data: &Path, more: &[&str]) -> Output {
    let mut args = vec!["release", "c/tiny", "--data-dir", text(data)];
    args.extend_from_slice(more);
    run(&args)
}

/// Releases and checks that it succeeded; returns the messages on stderr.
fn release_well(data: &Path, more: &[&str]) -> String {
    let output = release(data, more);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    stderr(&output)
}

/// Releases and checks that it was refused as wrong input; returns the message.
fn release_refused(data: &Path, more: &[&str]) -> String {
    let output = release(data, more);
    assert_eq!(output.status.code(), Some(2), "{}{}", stdout(&output), stderr(&output));
    stderr(&output)
}

fn json(output: &str) -> Value {
    serde_json::from_str(output).expect("JSON")
}

#[test]
fn nothing_hidden_leaves_a_directory_full_of_traps_and_all_that_is_public_does() {
    let folder = folder();
    let data = folder.path().join("data");
    let track = write_track(folder.path(), 3000);
    let hidden = plant(&track);
    import(&track, &data);
    let said = release_well(&data, &[]);
    for disguised in [
        "tiny_hi/dev/model_1/config.json",
        "tiny_hi/dev/model_2/model.safetensors",
        "tiny_hi/final/model_3/model.pt",
        "tiny_hi/train/model_9/solution.csv",
    ] {
        let line = format!("a hidden file in disguise: {disguised} ");
        assert!(said.contains(&line), "{disguised} is not named:\n{said}");
    }

    let (files, _) = released(&data);
    assert_eq!(files.keys().cloned().collect::<BTreeSet<_>>(), names());
    assert_nothing_hidden(&files, &hidden);
    let mut expected = expected();
    // The linked folder is a train model by its path, but really a dev model.
    expected.extend(PUBLIC.map(|name| format!("tiny/tiny_hi/train/model_9/{name}")));
    let all = unpacked(&files["tiny-all.tar"]);
    assert_eq!(all.keys().cloned().collect::<BTreeSet<_>>(), expected);
    let mut parts = BTreeMap::new();
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".tar") && *name != "tiny-all.tar") {
        for (path, bytes) in unpacked(bytes) {
            let home = name.strip_suffix(".tar").expect("an archive").replace("tiny-data", "").replace('-', "/");
            assert!(path.starts_with(&format!("tiny/{home}")), "{path} is in {name}");
            assert!(parts.insert(path.clone(), bytes).is_none(), "{path} is in two archives");
        }
    }
    assert_eq!(parts, all, "the parts and the whole differ");
    for (path, bytes) in &all {
        let original = track.join(path.strip_prefix("tiny/").expect("the track's folder"));
        assert_eq!(bytes, &fs::read(original).expect("read"), "{path}");
    }
}

#[test]
fn a_search_for_hidden_bytes_would_find_them() {
    let folder = folder();
    let data = folder.path().join("data");
    let track = write_track(folder.path(), 3000);
    import(&track, &data);
    release_well(&data, &[]);
    let (files, _) = released(&data);
    let mut solutions = BTreeSet::new();
    for (place, number) in numbered() {
        assert!(solutions.insert(solution(number)), "two models have one solution");
        let archive = &files["tiny-all.tar"];
        assert_eq!(contains(archive, solution(number).as_bytes()), is_train(&place), "{}", place.display());
        assert_eq!(contains(archive, &little_endian(&trained_on(number))), is_train(&place), "{}", place.display());
        assert_eq!(contains(archive, seed(number, 2).as_bytes()), is_train(&place), "{}", place.display());
    }
}

#[test]
fn a_backup_of_models_within_the_track_takes_nothing_away_from_the_archives() {
    let folder = folder();
    let data = folder.path().join("data");
    let track = write_track(folder.path(), 3000);
    copy(&track.join("tiny_hi/dev/model_1"), &track.join("tiny_hi/dev/model_2/model_1"));
    copy(&track.join("tiny_hi"), &track.join("tiny_lo/tiny_hi"));
    import(&track, &data);
    release_well(&data, &[]);
    let (files, _) = released(&data);
    assert_nothing_hidden(&files, &truth_of_targets());
    assert_eq!(unpacked(&files["tiny-all.tar"]).into_keys().collect::<BTreeSet<_>>(), expected());
}

#[test]
fn a_stray_folder_stays_and_its_files_may_not_leave_under_other_names() {
    let folder = folder();
    let data = folder.path().join("data");
    let track = write_track(folder.path(), 3000);
    let marker = b"the marker of a stray folder".to_vec();
    for stray in ["tiny_hi/dev/old_predictions", "tiny_hi/final/.ipynb_checkpoints", "tiny_lo/.git", "scratch/dev/tmp"]
    {
        put(track.join(stray).join("notes.txt"), &marker);
    }
    put(track.join("tiny_hi/dev/.ipynb_checkpoints/model.onnx"), &marker);
    put(track.join("tiny_lo/dev/model_1/config.json"), &marker);
    import(&track, &data);
    let said = release_well(&data, &[]);
    for stray in ["tiny_hi/dev/old_predictions", "tiny_hi/final/.ipynb_checkpoints", "tiny_lo/.git"] {
        assert!(said.contains(&format!("left out, as nothing says that it may leave: {stray}\n")), "{said}");
    }
    assert!(said.contains("a hidden file in disguise: tiny_lo/dev/model_1/config.json "), "{said}");
    let (files, _) = released(&data);
    assert_nothing_hidden(&files, &[("a stray folder".to_owned(), marker)]);
    assert_eq!(unpacked(&files["tiny-all.tar"]).into_keys().collect::<BTreeSet<_>>(), expected());
}

#[test]
fn the_list_of_hashes_fits_the_files() {
    let folder = folder();
    let data = folder.path().join("data");
    let track = write_track(folder.path(), 3000);
    import(&track, &data);
    let output = release(&data, &["--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let (files, _) = released(&data);
    let sums = String::from_utf8(files["SHA256SUMS"].clone()).expect("text");
    let mut summed = BTreeSet::from(["SHA256SUMS".to_owned()]);
    for line in sums.lines() {
        let (hash, name) = line.split_once("  ").expect("a hash and a name");
        assert_eq!(hash, sha256(&files[name]), "{name}");
        summed.insert(name.to_owned());
    }
    assert_eq!(summed, names());

    let told = json(&stdout(&output));
    let told = told["files"].as_array().expect("a list");
    assert_eq!(told.len(), files.len());
    for file in told {
        let bytes = &files[file["name"].as_str().expect("a name")];
        assert_eq!(file["sha256"], sha256(bytes), "{file}");
        assert_eq!(file["size"], bytes.len(), "{file}");
    }
}

#[test]
fn releasing_twice_writes_nothing_and_keeps_every_address() {
    let folder = folder();
    let data = folder.path().join("data");
    let track = write_track(folder.path(), 3000);
    import(&track, &data);
    let first = release(&data, &["--json"]);
    assert_eq!(json(&stdout(&first))["written"], names().len(), "{}", stderr(&first));
    let before = released(&data);
    let second = release(&data, &["--json"]);
    assert_eq!(json(&stdout(&second))["written"], 0, "{}", stderr(&second));
    assert!(before == released(&data), "files or their addresses changed");

    // When one model changes, its archive and the files that depend on it are new; all others keep
    // their id.
    put(track.join("tiny_lo/final/model_4/model.onnx"), noise(77, 3500));
    release_well(&data, &[]);
    let after = released(&data);
    let changed: BTreeSet<&str> =
        after.1.iter().filter(|(name, id)| before.1.get(*name) != Some(*id)).map(|(name, _)| name.as_str()).collect();
    assert_eq!(changed, BTreeSet::from(["SHA256SUMS", "tiny-all.tar", "tiny_lo-final.tar"]));
}

#[test]
fn the_same_directory_elsewhere_gives_the_same_bytes() {
    let folder = folder();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let track = write_track(folder.path(), 3000);
    plant(&track);
    import(&track, &one);
    release_well(&one, &[]);
    let copied = folder.path().join("elsewhere/tiny");
    copy(&track, &copied);
    import(&copied, &other);
    release_well(&other, &[]);
    let (one, other) = (released(&one), released(&other));
    assert!(one.0 == other.0, "the bytes differ");
    assert_eq!(one.0.len(), names().len());
    assert!(one.1.values().collect::<BTreeSet<_>>().is_disjoint(&other.1.values().collect()), "ids are guessable");
}

#[test]
fn a_directory_that_is_not_the_tracks_is_refused_and_what_stands_stays() {
    let folder = folder();
    let data = folder.path().join("data");
    let track = write_track(folder.path(), 3000);
    import(&track, &data);
    release_well(&data, &[]);
    let before = released(&data);
    let another = folder.path().join("another");
    copy(&track, &another);
    copy(&another.join("tiny_hi/dev/model_1"), &another.join("tiny_hi/dev/model_7"));
    let said = release_refused(&data, &["--from", text(&another)]);
    assert!(said.contains("c/tiny") && said.contains(text(&another)), "{said}");
    assert!(before == released(&data), "what stood has changed");
}

#[test]
fn a_dp_distinguisher_track_tells_the_other_training_rows_and_never_the_members() {
    let folder = folder();
    let data = folder.path().join("data");
    let track = write_track(folder.path(), 3000);
    put(track.join("track.yaml"), "title: Tiny\nkind: dp_distinguisher\n");
    import(&track, &data);
    release_well(&data, &[]);
    let (files, _) = released(&data);
    let all = unpacked(&files["tiny-all.tar"]);
    let mut expected = expected();
    for (place, number) in numbered().into_iter().filter(|(place, _)| !is_train(place)) {
        let (rest, seeded) = (format!("tiny/{}/rest_idx.npy", place.display()), seed(number, 1));
        let array = &all[&rest];
        assert!(array.starts_with(b"\x93NUMPY"), "{rest}");
        assert!(contains(array, format!("'shape': ({OTHERS},").as_bytes()), "{rest}");
        assert!(array.ends_with(&little_endian(&others(number))), "{rest}");
        let seed_path = format!("tiny/{}/seed_training", place.display());
        assert_eq!(all[&seed_path], seeded.as_bytes());
        expected.extend([rest, seed_path]);
    }
    assert_eq!(all.keys().cloned().collect::<BTreeSet<_>>(), expected);
    let hidden: Vec<_> =
        truth_of_targets().into_iter().filter(|(what, _)| !what.starts_with("seed_training")).collect();
    assert_nothing_hidden(&files, &hidden);
}

#[test]
fn participants_get_a_ranking_rule_other_than_micos_and_no_more_of_the_settings() {
    let folder = folder();
    let data = folder.path().join("data");
    let track = write_track(folder.path(), 3000);
    put(track.join("track.yaml"), "title: the marker of the title\nranking: max_TPR_FPR_1000\n");
    let import = ["--data-dir", text(&data), "--competition", "c", "--no-release", "--scenarios", "any"];
    done(&[&["import", text(&track)][..], &import].concat());
    release_well(&data, &[]);
    let (files, _) = released(&data);
    let all = unpacked(&files["tiny-all.tar"]);
    let rule = "ranking: {number: max_TPR_FPR_1000, scenarios: any}\n";
    assert_eq!(all["tiny/track.yaml"], rule.as_bytes());
    assert_eq!(unpacked(&files["tiny-data.tar"])["tiny/track.yaml"], rule.as_bytes());
    assert_eq!(all.len(), expected().len() + 1);
    assert_nothing_hidden(&files, &[("the title".to_owned(), b"the marker of the title".to_vec())]);
}

#[test]
fn an_array_that_is_the_solution_stops_the_release() {
    for opposite in [false, true] {
        let folder = folder();
        let data = folder.path().join("data");
        let track = write_track(folder.path(), 3000);
        let (place, number) = numbered().into_iter().find(|(place, _)| !is_train(place)).expect("a dev model");
        let told: Vec<i64> = truth(number).into_iter().map(|one| if opposite { 1 - one } else { one }).collect();
        let archive = track.join(&place).join("challenge.npz");
        put(archive.clone(), zipped(&[("idx.npy", npy(&challenge(number))), ("y.npy", npy(&told))]));
        import(&track, &data);
        let said = release_refused(&data, &[]);
        assert!(said.contains(text(&archive)) && said.contains("`y`"), "{said}");
        assert_eq!(released(&data).0.len(), 0, "something was released");

        // Labels that are not the solution are accepted.
        let labels: Vec<i64> = (0..CHALLENGES).map(|point| point % 10).collect();
        put(archive, zipped(&[("idx.npy", npy(&challenge(number))), ("y.npy", npy(&labels))]));
        release_well(&data, &[]);
        assert_eq!(released(&data).0.len(), names().len());
    }
}

#[test]
fn a_verbatim_archive_is_looked_into_and_hosted_byte_for_byte() {
    let folder = folder();
    let data = folder.path().join("data");
    let track = write_track(folder.path(), 3000);
    import(&track, &data);
    let clean = [
        ("tiny/tiny_hi/train/model_0/solution.csv", solution(0).into_bytes()),
        ("tiny/tiny_hi/dev/model_1/challenge.npy", npy(&challenge(1))),
    ];
    let mut dirty = clean.to_vec();
    dirty.push(("tiny/tiny_hi/dev/model_1/solution.csv", solution(1).into_bytes()));
    let (bad, good) = (folder.path().join("bad.zip"), folder.path().join("good.zip"));
    put(bad.clone(), zipped(&dirty));
    put(good.clone(), zipped(&clean));
    let said = release_refused(&data, &["--as-it-is", text(&good), "--as-it-is", text(&bad)]);
    assert!(said.contains("tiny/tiny_hi/dev/model_1/solution.csv") && said.contains(text(&bad)), "{said}");
    assert_eq!(released(&data).0.len(), 0, "something was released");

    release_well(&data, &["--as-it-is", text(&good)]);
    let bytes = fs::read(&good).expect("read");
    let sums = format!("{}  good.zip\n", sha256(&bytes)).into_bytes();
    let wanted = BTreeMap::from([("good.zip".to_owned(), bytes), ("SHA256SUMS".to_owned(), sums)]);
    assert_eq!(released(&data).0, wanted);
}

/// The number of bytes in the folder of releases, of complete files or not. Files that disappear
/// meanwhile are not counted.
fn bytes_so_far(data: &Path) -> u64 {
    let Ok(folders) = fs::read_dir(data.join("objects/releases")) else { return 0 };
    let files = folders.flatten().filter_map(|folder| fs::read_dir(folder.path()).ok()).flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum()
}

#[test]
fn a_release_that_was_killed_ends_as_one_that_was_not() {
    const MODEL_BYTES: usize = 3 << 20;
    let folder = folder();
    let (calm, killed) = (folder.path().join("calm"), folder.path().join("killed"));
    let track = write_track(folder.path(), MODEL_BYTES);
    import(&track, &calm);
    release_well(&calm, &[]);

    // The database keeps running, so that the kills hit the release and not the start of the
    // database.
    let postgres = Postgres::start(&folder.path().join("postgres"));
    let storage = ["--data-dir", text(&killed), "--database-url", postgres.url.as_str()];
    let imported = callimico()
        .args(["import", text(&track), "--competition", "c", "--no-release"])
        .args(storage)
        .output()
        .expect("the program runs");
    assert!(imported.status.success(), "{}", stderr(&imported));
    let releasing = || -> Command {
        let mut command = callimico();
        command.args(["release", "c/tiny"]).args(storage).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let (mut hit, mut midway) = (0, 0);
    // Milliseconds until the kill: first from the start, then from the first byte written.
    let by_clock = [5, 15, 30, 45, 60].map(|moment| (false, moment));
    let by_bytes = [0, 5, 20, 35, 60, 90].map(|moment| (true, moment));
    for (after_first_byte, moment) in by_clock.into_iter().chain(by_bytes) {
        let before = bytes_so_far(&killed);
        let mut child = releasing().spawn().expect("it starts");
        let deadline = Instant::now() + Duration::from_secs(20);
        while after_first_byte && bytes_so_far(&killed) == before && child.try_wait().expect("a process").is_none() {
            assert!(Instant::now() < deadline, "it wrote nothing");
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_millis(moment));
        child.kill().expect("killed");
        let ended = child.wait().expect("it ended");
        if ended.signal() == Some(9) {
            hit += 1;
            midway += usize::from(bytes_so_far(&killed) != before);
        }
    }
    assert!(hit > 0 && midway > 0, "{hit} kills, {midway} of them midway: the test shows nothing");

    let last = releasing().stderr(Stdio::piped()).output().expect("the program runs");
    assert!(last.status.success(), "{}", stderr(&last));
    let (calm, killed) = (released(&calm), released(&killed));
    assert_eq!(killed.0.keys().collect::<Vec<_>>(), calm.0.keys().collect::<Vec<_>>());
    assert!(killed.0 == calm.0, "the bytes differ");
    let folders: BTreeSet<_> = killed.1.values().collect();
    assert_eq!(folders.len(), names().len(), "there is more than one file in a folder");
}
