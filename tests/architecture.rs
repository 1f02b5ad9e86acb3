//! Holds the map of docs/ARCHITECTURE.md by reading the sources: which room of `src/` may lean on which, which crates a
//! room must not touch, and which functions may read a score. That the crates under `crates/` lean on nobody they must
//! not know is held by cargo itself, as long as their manifests do not name it; that is looked at here too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItemFn, ItemFn, LitStr, Macro, Signature, UseTree};

/// What each room may lean on. Rooms are the modules of `src/lib.rs`.
const MAY_LEAN_ON: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("config", &[]),
    ("domain", &[]),
    ("secret", &["domain"]),
    ("objects", &["domain"]),
    ("store", &["domain"]),
    ("upload_slots", &["domain"]),
    ("board", &["domain", "store"]),
    ("app", &["board", "clock", "config", "domain", "objects", "secret", "store", "upload_slots"]),
    ("service", &["app", "domain", "objects", "proof", "secret", "store"]),
    ("proof", &["domain"]),
    ("worker", &["app", "domain", "objects", "secret", "service", "store"]),
    ("importer", &["app", "domain", "service", "store"]),
    ("release", &["app", "domain", "objects", "store"]),
    ("http", &["app", "config", "domain", "objects", "secret", "service", "store"]),
    ("web", &["app", "board", "domain", "http", "service", "store"]),
    ("api", &["app", "board", "domain", "http", "objects", "service", "store"]),
    ("routes", &["api", "http", "web"]),
    ("demo", &["app", "clock", "domain", "importer", "release", "secret", "service", "store", "worker"]),
    (
        "cli",
        &[
            "api", "app", "board", "clock", "config", "demo", "domain", "http", "importer", "objects", "proof",
            "release", "routes", "secret", "service", "store", "web", "worker",
        ],
    ),
];

/// Crates and modules that a room must not touch, whatever it may lean on of ours.
const NEVER: &[(&str, &[&str])] = &[
    ("domain", &["axum", "tokio", "std::fs", "std::net", "std::env", "std::process"]),
    ("store", &["axum", "askama", "std::fs"]),
    ("service", &["axum::extract", "axum::response", "axum::http", "askama"]),
    ("worker", &["axum", "askama"]),
    ("proof", &["axum", "askama", "tokio", "sqlx", "std::fs", "std::net", "std::time", "std::env", "std::process"]),
];

/// What the pure crate must know nothing of.
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

/// What the crates under `crates/` must not depend on: they do not know the server.
const NEVER_A_DEPENDENCY: &[(&str, &[&str])] = &[
    ("caches", &["callimico", "axum", "sqlx", "tokio"]),
    ("client", &["callimico", "sqlx"]),
    ("figures", &["callimico", "axum", "sqlx", "tokio"]),
    ("kernel", &["callimico", "axum", "sqlx", "tokio"]),
    ("lira", &["callimico", "axum", "sqlx", "tokio", "trainer"]),
    ("mico_splits", &["callimico", "axum", "sqlx", "tokio"]),
    ("npz", &["callimico", "axum", "sqlx", "tokio"]),
    ("private_postgres", &["callimico", "axum"]),
    ("track_files", &["callimico", "axum", "sqlx", "tokio"]),
    ("trainer", &["callimico", "axum", "sqlx", "tokio", "lira"]),
];

/// Functions of the store that may mention the table of scores without a `VisibleSplit`: they read no score.
const READ_NO_SCORE: &[(&str, &str)] = &[
    ("scoring.rs", "insert"),
    // Ask whether there is a score.
    ("job.rs", "enqueue_forgotten"),
    ("job.rs", "enqueue_unscored_final"),
    ("rescoring.rs", "enqueue"),
    // Counts scores of labels that were corrected.
    ("rescoring.rs", "stale_dev_scores"),
    // Lets other scores take the place of the present ones.
    ("rescoring.rs", "apply"),
];

#[test]
fn rooms_lean_only_on_whom_the_table_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_LEAN_ON.iter().map(|(room, others)| (*room, others.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        let Some(room) = room_of(&file) else { continue };
        let Some(allowed) = allowed.get(room.as_str()) else {
            wrong.push(format!("{}: the room `{room}` is not in the table", file.display()));
            continue;
        };
        for other in rooms_named(&paths_of(&file)) {
            if other != room && !allowed.contains(other.as_str()) {
                wrong.push(format!("{}: `{room}` leans on `{other}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_permission_of_the_table_is_left_unused() {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in rust_files(&root().join("src")) {
        let Some(room) = room_of(&file) else { continue };
        used.entry(room).or_default().extend(rooms_named(&paths_of(&file)));
    }
    let idle = MAY_LEAN_ON.iter().flat_map(|(room, others)| others.iter().map(move |other| (*room, *other)));
    let idle: Vec<_> =
        idle.filter(|(room, other)| !used.get(*room).is_some_and(|used| used.contains(*other))).collect();
    assert_eq!(idle, [], "the table allows what nobody needs");
}

#[test]
fn the_map_has_every_room_and_every_crate_and_nothing_else() {
    let rooms: BTreeSet<String> = rust_files(&root().join("src")).iter().filter_map(|file| room_of(file)).collect();
    let table: BTreeSet<String> = MAY_LEAN_ON.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, table);
    let crates: BTreeSet<String> = fs::read_dir(root().join("crates"))
        .expect("the crates")
        .map(|entry| entry.expect("a crate").file_name().into_string().expect("a name"))
        .collect();
    let map = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the map");
    // A row of a table that begins with a name in code: "| `store` | …".
    let named: BTreeSet<String> = map
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name.to_owned()))
        .collect();
    let wanted: BTreeSet<String> = rooms
        .iter()
        .map(|room| format!("src/{room}"))
        .chain(crates.iter().map(|name| format!("crates/{name}")))
        .chain(["scoring/".to_owned()])
        .collect();
    assert_eq!(named, wanted, "docs/ARCHITECTURE.md and the house differ");
}

#[test]
fn rooms_keep_away_from_what_they_must_not_know() {
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        let Some(room) = room_of(&file) else { continue };
        let paths = paths_of(&file);
        for (_, never) in NEVER.iter().filter(|(name, _)| *name == room) {
            wrong.extend(touched(&paths, never).map(|name| format!("{}: `{room}` touches `{name}`", file.display())));
        }
    }
    for file in rust_files(&root().join("scoring/src")) {
        wrong.extend(
            touched(&paths_of(&file), NEVER_IN_SCORING).map(|name| format!("{}: touches `{name}`", file.display())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_do_not_depend_on_what_they_must_not_know() {
    for (name, never) in NEVER_A_DEPENDENCY {
        let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).expect("a manifest");
        let needed =
            manifest.split("[dependencies]").nth(1).unwrap_or_default().split("\n[").next().unwrap_or_default();
        for other in needed.lines().filter_map(|line| line.split(['.', ' ', '=']).next()) {
            assert!(!never.contains(&other), "the crate {name} depends on {other}");
        }
    }
}

#[test]
fn queries_are_written_in_the_store_alone() {
    let queries = |file: &PathBuf| {
        let paths = paths_of(file);
        touched(&paths, &["sqlx::query", "sqlx::query_as", "sqlx::query_scalar", "sqlx::raw_sql", "sqlx::QueryBuilder"])
            .next()
            .is_some()
    };
    let outside = rust_files(&root().join("src"))
        .into_iter()
        .filter(|file| room_of(file).is_some_and(|room| room != "store"))
        .filter(queries);
    assert_eq!(outside.collect::<Vec<PathBuf>>(), Vec::<PathBuf>::new());
}

/// A hidden score cannot be asked for: whoever reads the table of scores shows that it may be seen.
#[test]
fn every_query_that_reads_a_score_takes_a_visible_split() {
    let (mut seen, mut exempt, mut wrong) = (0, BTreeSet::new(), Vec::new());
    for file in rust_files(&root().join("src/store")) {
        let text = fs::read_to_string(&file).expect("a source file");
        let in_store = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        for (signature, body) in functions(&syn::parse_file(&text).expect("Rust")) {
            let name = signature.ident.to_string();
            if !mentions_scores(&body) {
                continue;
            }
            if READ_NO_SCORE.contains(&(in_store.as_str(), name.as_str())) {
                exempt.insert((in_store.clone(), name));
                continue;
            }
            seen += 1;
            let mut paths = Paths::default();
            paths.visit_signature(&signature);
            if touched(&paths.found, &["VisibleSplit"]).next().is_none() {
                wrong.push(format!("{}: {name}", file.display()));
            }
        }
    }
    assert_eq!(exempt.len(), READ_NO_SCORE.len(), "an exemption that nothing needs");
    assert!(seen >= 5, "only {seen} functions were found: the search is no proof");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `println!` ends a command with a panic where nobody reads its results; `cli/output.rs` has what does not.
#[test]
fn commands_print_through_one_door() {
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src/cli")) {
        let text = std::fs::read_to_string(&file).expect("a source");
        let prints =
            |line: &&str| !line.trim_start().starts_with("//") && line.contains("print") && line.contains("!(");
        for line in text.lines().filter(prints) {
            if ["println!(", "print!("].iter().any(|name| line.contains(name)) && !line.contains("eprint") {
                wrong.push(format!("{}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All functions of a file with their bodies, those of `impl` blocks too.
fn functions(file: &syn::File) -> Vec<(Signature, Block)> {
    #[derive(Default)]
    struct Search(Vec<(Signature, Block)>);
    impl<'ast> Visit<'ast> for Search {
        fn visit_item_fn(&mut self, function: &'ast ItemFn) {
            self.0.push((function.sig.clone(), (*function.block).clone()));
        }

        fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
            self.0.push((function.sig.clone(), function.block.clone()));
        }
    }
    let mut search = Search::default();
    search.visit_file(file);
    search.0
}

/// Whether a query in the function names the table of scores, in a macro or as a plain text.
fn mentions_scores(body: &Block) -> bool {
    struct Search(bool);
    impl Search {
        fn look(&mut self, text: &str) {
            self.0 |= text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "scorings");
        }
    }
    impl<'ast> Visit<'ast> for Search {
        fn visit_macro(&mut self, found: &'ast Macro) {
            self.look(&found.tokens.to_string());
        }

        fn visit_lit_str(&mut self, text: &'ast LitStr) {
            self.look(&text.value());
        }
    }
    let mut search = Search(false);
    search.visit_block(body);
    search.0
}

/// docs/LOG.md is what others read the log by: it has every kind and every field, and nothing that is not there.
#[test]
fn the_log_s_kinds_and_fields_stand_in_its_documentation() {
    let source = fs::read_to_string(root().join("src/domain/log_event.rs")).expect("the events");
    let file = syn::parse_file(&source).expect("Rust");
    let is_events = |item: &syn::Item| matches!(item, syn::Item::Enum(found) if found.ident == "LogEvent");
    let Some(syn::Item::Enum(events)) = file.items.iter().find(|item| is_events(item)) else {
        panic!("there is no enum LogEvent");
    };
    // The fields of a kind stand in the enum, or in a struct of the kind's name.
    let fields_of = |kind: &syn::Variant| match kind.fields {
        syn::Fields::Unnamed(_) => file.items.iter().find_map(|item| match item {
            syn::Item::Struct(found) if found.ident == kind.ident => Some(found.fields.clone()),
            _ => None,
        }),
        _ => Some(kind.fields.clone()),
    };
    let written: BTreeMap<String, Vec<String>> = events
        .variants
        .iter()
        .map(|kind| {
            let fields = fields_of(kind).expect("the struct of a kind");
            let names = fields.iter().map(|field| field.ident.as_ref().expect("a named field").to_string());
            (snake_case(&kind.ident.to_string()), names.collect())
        })
        .collect();
    let page = fs::read_to_string(root().join("docs/LOG.md")).expect("docs/LOG.md");
    let in_code = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let told: BTreeMap<String, Vec<String>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let mut cells = line.split('|').skip(1);
            let kind = in_code(cells.next().expect("a kind")).remove(0);
            (kind, in_code(cells.next().expect("fields")))
        })
        .collect();
    assert_eq!(told, written, "docs/LOG.md and the events differ");
}

/// `EntriesFrozen` as `entries_frozen`.
fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[test]
fn the_tests_of_this_file_can_fail() {
    let text = "
        use crate::web::page;
        use crate::{store, http::error};
        use std::{env, fs as files};
        fn f() { let x = crate::api::y(); println!(\"{}\", crate::board::z()); axum::serve(); }
        #[cfg(test)]
        mod tests { use crate::cli::run; }
    ";
    let paths = paths_in(text);
    assert_eq!(rooms_named(&paths), ["api", "board", "http", "store", "web"].map(str::to_owned).into());
    assert_eq!(
        touched(&paths, &["std::fs", "std::env", "std::net", "axum", "xum"]).collect::<Vec<_>>(),
        ["std::fs", "std::env", "axum"]
    );
    let reads = |text: &str| {
        let found = functions(&syn::parse_file(text).expect("Rust"));
        found.iter().filter(|(_, body)| mentions_scores(body)).count()
    };
    assert_eq!(reads("fn f() { sqlx::query!(\"select average from scorings\"); }"), 1);
    assert_eq!(reads("impl X { fn f() { sqlx::query(\"select average from scorings\"); } }"), 1);
    assert_eq!(reads("fn f() { sqlx::query!(\"select 1 from my_scorings\"); }"), 0);
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

/// A path as its segments, `use` trees spelled out.
type PathSegments = Vec<String>;

/// Every path in a file, of `use`, in code and in macros, but for those in its tests, which may lean on whom they like.
fn paths_of(file: &Path) -> BTreeSet<PathSegments> {
    if file.file_name().is_some_and(|name| name == "tests.rs") {
        return BTreeSet::new();
    }
    paths_in(&fs::read_to_string(file).expect("a source file"))
}

fn paths_in(text: &str) -> BTreeSet<PathSegments> {
    let mut paths = Paths::default();
    paths.visit_file(&syn::parse_file(text).expect("Rust"));
    paths.found
}

#[derive(Default)]
struct Paths {
    found: BTreeSet<PathSegments>,
}

impl Paths {
    fn add_use(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_use(&with(path.ident.to_string()), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(before, tree)),
            UseTree::Name(name) => _ = self.found.insert(with(name.ident.to_string())),
            UseTree::Rename(renamed) => _ = self.found.insert(with(renamed.ident.to_string())),
            UseTree::Glob(_) => _ = self.found.insert(before.to_vec()),
        }
    }

    /// The paths in a macro's tokens: identifiers with `::` between them.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: PathSegments = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.found.insert(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                _ => colons = 0,
            }
        }
        self.found.insert(path);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.add_use(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.found.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, found: &'ast Macro) {
        self.visit_path(&found.path);
        self.add_tokens(found.tokens.clone());
    }
}

/// The rooms that paths beginning with `crate` lead into.
fn rooms_named(paths: &BTreeSet<PathSegments>) -> BTreeSet<String> {
    paths.iter().filter(|path| path.len() > 1 && path[0] == "crate").map(|path| path[1].clone()).collect()
}

/// Those of `names`, each a path such as `std::fs`, that one of the paths begins with.
fn touched<'a>(paths: &BTreeSet<PathSegments>, names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let begins = move |path: &PathSegments, name: &str| {
        let name: Vec<&str> = name.split("::").collect();
        path.len() >= name.len() && path.iter().zip(name).all(|(segment, wanted)| segment == wanted)
    };
    names.iter().copied().filter(move |name| paths.iter().any(|path| begins(path, name)))
}
