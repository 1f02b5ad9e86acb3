//! Holds the table of who may lean on whom (docs/ARCHITECTURE.md) by reading the `use crate::…` and
//! `crate::…` paths of every file of `src/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may lean on. Rooms are the modules of `src/lib.rs`.
///
/// `app` holds what is shared (among it the boards' cache and the password hasher), so it knows the leaves it
/// carries, and `board` and `store` know `app` or nothing of it as the row says.
const MAY_LEAN_ON: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("config", &[]),
    ("domain", &[]),
    ("secret", &["domain"]),
    ("objects", &["domain"]),
    ("store", &["domain"]),
    ("turns", &["domain"]),
    ("app", &["board", "clock", "config", "domain", "objects", "secret", "store", "turns"]),
    ("board", &["app", "domain", "store"]),
    ("enrol", &["app", "domain", "store"]),
    ("submit", &["app", "domain", "objects", "store"]),
    ("worker", &["app", "domain", "objects", "store"]),
    ("importer", &["app", "domain", "store"]),
    ("release", &["app", "domain", "importer", "objects", "store"]),
    ("http", &["app", "config", "domain", "enrol", "objects", "secret", "store", "submit"]),
    ("web", &["app", "board", "domain", "enrol", "http", "objects", "secret", "store", "submit"]),
    ("api", &["app", "board", "domain", "enrol", "http", "objects", "store", "submit"]),
    ("routes", &["api", "http", "web"]),
    ("demo", &["app", "domain", "enrol", "importer", "release", "secret", "store", "submit", "worker"]),
    (
        "cli",
        &[
            "app", "clock", "config", "demo", "domain", "http", "importer", "objects", "release", "routes", "secret",
            "store", "submit", "web", "worker",
        ],
    ),
];

/// Crates that a room must not touch, whatever it may lean on of ours.
const NEVER: &[(&str, &[&str])] =
    &[("domain", &["axum", "tokio", "std::fs", "std::net"]), ("store", &["axum", "askama"])];

/// Crates of which the pure crate must know nothing.
const NEVER_IN_SCORING: &[&str] = &[
    "tokio",
    "sqlx",
    "axum",
    "tracing",
    "std::fs",
    "std::net",
    "std::time",
    "std::env",
    "std::process",
    "std::io::stdin",
];

#[test]
fn rooms_lean_only_on_whom_the_table_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_LEAN_ON.iter().map(|(room, others)| (*room, others.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        let Some(room) = room_of(&file) else { continue };
        let text = code(&file);
        let Some(allowed) = allowed.get(room.as_str()) else {
            wrong.push(format!("{}: the room `{room}` is not in the table", file.display()));
            continue;
        };
        for other in paths_into_crate(&text) {
            if other != room && !allowed.contains(other.as_str()) {
                wrong.push(format!("{}: `{room}` leans on `{other}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_of_the_table_exists() {
    let rooms: BTreeSet<String> = rust_files(&root().join("src")).iter().filter_map(|file| room_of(file)).collect();
    let table: BTreeSet<String> = MAY_LEAN_ON.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, table);
}

#[test]
fn rooms_keep_away_from_crates_they_must_not_know() {
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        let Some(room) = room_of(&file) else { continue };
        let text = code(&file);
        for (_, crates) in NEVER.iter().filter(|(name, _)| *name == room) {
            wrong.extend(mentions(&text, crates).map(|name| format!("{}: `{room}` touches `{name}`", file.display())));
        }
    }
    for file in rust_files(&root().join("scoring/src")) {
        let text = code(&file);
        wrong.extend(mentions(&text, NEVER_IN_SCORING).map(|name| format!("{}: touches `{name}`", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn queries_are_written_in_the_store_alone() {
    let outside = rust_files(&root().join("src"))
        .into_iter()
        .filter(|file| room_of(file).is_some_and(|room| room != "store") && code(file).contains("sqlx::query"));
    assert_eq!(outside.collect::<Vec<PathBuf>>(), Vec::<PathBuf>::new());
}

#[test]
fn the_tests_of_this_file_can_fail() {
    let text = "use crate::web::page;\nlet x = crate::api::y();\nuse crate::{store, http::error};\n";
    let found: BTreeSet<String> = paths_into_crate(text).into_iter().collect();
    assert_eq!(found, ["web", "api", "store", "http"].map(str::to_owned).into());
    assert_eq!(mentions("use tokio::fs;", &["tokio", "axum"]).collect::<Vec<_>>(), ["tokio"]);
    assert_eq!(mentions("let mytokio::x;", &["tokio"]).count(), 0);
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The room a file of `src/` lies in; none for `lib.rs` and `main.rs`.
fn room_of(file: &Path) -> Option<String> {
    let below = file.strip_prefix(root().join("src")).ok()?;
    let first = below.iter().next()?.to_str()?;
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(room, "lib" | "main")).then(|| room.to_owned())
}

/// A file without its comments and without its tests, which may lean on whom they like.
fn code(file: &Path) -> String {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name == "tests.rs" {
        return String::new();
    }
    let text = fs::read_to_string(file).expect("a source file");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// The first part of every path that begins with `crate::`, of each branch of `crate::{…}` too.
fn paths_into_crate(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(branches(group)),
            None => found.push(identifier(rest)),
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// The first identifiers of a `{a, b::c, d::{e, f}}` group, from behind its opening brace.
fn branches(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut current) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut current)),
            _ if depth == 0 => current.push(c),
            _ => {}
        }
    }
    names.push(current);
    names.iter().map(|name| identifier(name.trim())).collect()
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn mentions<'a>(text: &'a str, names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    names.iter().copied().filter(move |name| {
        text.match_indices(&format!("{name}::"))
            .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
    })
}
