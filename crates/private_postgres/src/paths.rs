//! Where the cluster, its socket and its log are, and which user owns them.
//!
//! ```text
//! DATA_DIR/postgres.lock     the owner's lock
//! DATA_DIR/postgres.log      what initdb and the server say
//! DATA_DIR/postgres/         "home", mode 0700; or a link to it
//! DATA_DIR/postgres/data/    the cluster
//! ```
//!
//! Everything is derived from the data directory, so that every process finds the same paths.
//! Postgres refuses to run as root: as root the home belongs to the user `postgres`, else `nobody`.
//! Where that user cannot reach the data directory (because it is under `/root`, say), the home
//! moves to `/var/lib/callimico` and a link is left behind.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use sha2::{Digest as _, Sha256};

use super::error::PrivatePostgresError as Error;
use super::run_as::RunAs;

/// Where homes go that cannot be in their data directory.
const ELSEWHERE: &str = "/var/lib/callimico";
/// Where sockets go whose path would be too long otherwise. Not `TMPDIR`, which differs between the
/// processes of one data directory.
const SHORT: &str = "/tmp";
/// The longest socket path, in bytes: `sun_path` is 104 on macOS and 108 on Linux, including the
/// final zero byte.
const LONGEST_SOCKET: usize = 103;
const SOCKET: &str = ".s.PGSQL.5432";

/// The paths that belong to one data directory.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    data_dir: PathBuf,
    id: String,
}

impl Paths {
    /// Creates the data directory if it is missing.
    pub(super) fn prepare(data_dir: &Path) -> Result<Self, Error> {
        if !data_dir.exists() {
            fs::create_dir_all(data_dir).map_err(Error::file("make", data_dir))?;
            // The user that root runs Postgres as must be able to enter the folder, but not to list
            // it.
            let mode = if geteuid().is_root() { 0o711 } else { 0o700 };
            fs::set_permissions(data_dir, Permissions::from_mode(mode))
                .map_err(Error::file("set the permissions of", data_dir))?;
        }
        let data_dir = fs::canonicalize(data_dir).map_err(Error::file("find", data_dir))?;
        let hash = Sha256::digest(data_dir.as_os_str().as_bytes());
        let short = hash[..6].iter().fold(0, |id, &byte| id << 8 | u64::from(byte));
        let id = format!("{short:012x}");
        Ok(Self { data_dir, id })
    }

    pub(super) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub(super) fn lock_file(&self) -> PathBuf {
        self.data_dir.join("postgres.lock")
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }

    /// The name that the cluster's processes carry in their command lines; the same for every
    /// process on this data directory, and no other.
    pub(super) fn cluster_name(&self) -> String {
        format!("callimico-{}", self.id)
    }

    /// The private folder, with links resolved.
    pub(super) fn home(&self) -> PathBuf {
        let inside = self.data_dir.join("postgres");
        fs::canonicalize(&inside).unwrap_or(inside)
    }

    /// The folder of the socket: the home, unless that path is too long or has characters that
    /// Postgres gives a meaning, such as a comma.
    pub(super) fn socket_dir(&self) -> PathBuf {
        let home = self.home();
        if fits_socket(&home) { home } else { Path::new(SHORT).join(self.cluster_name()) }
    }

    /// Whether the socket's folder belongs to the owner of the home. In `/tmp` anybody could have
    /// created it to pretend to be the server.
    pub(super) fn socket_dir_is_trustworthy(&self) -> bool {
        let (home, dir) = (self.home(), self.socket_dir());
        match (fs::symlink_metadata(home), fs::symlink_metadata(dir)) {
            (Ok(home), Ok(dir)) => dir.is_dir() && dir.uid() == home.uid(),
            _ => false,
        }
    }

    /// Creates the home and the socket's folder, sets their owner, and returns the user to run
    /// Postgres as (`None`: this process's own). Only the owner of the lock may call it.
    pub(super) fn create(&self) -> Result<Option<RunAs>, Error> {
        let inside = self.data_dir.join("postgres");
        if let (Err(_), Ok(target)) = (fs::metadata(&inside), fs::read_link(&inside)) {
            return Err(Error::HomeLost { link: inside, target });
        }
        make_private(&inside)?;
        let run_as = if geteuid().is_root() { Some(self.create_as_root(&inside)?) } else { None };
        self.create_socket_dir(run_as.as_ref())?;
        Ok(run_as)
    }

    fn create_as_root(&self, inside: &Path) -> Result<RunAs, Error> {
        let home = self.home();
        let user = RunAs::for_home(&home)?;
        if user.can_use(&home)? {
            return Ok(user);
        }
        if home.join("data").exists() || inside.is_symlink() {
            return Err(Error::Unreachable { user: user.name(), home });
        }
        self.move_elsewhere(inside, &user)?;
        Ok(user)
    }

    /// Creates the home under `/var/lib/callimico`. One that exists already was left by a data
    /// directory that has since been removed. It is renamed, replacing one that was renamed before,
    /// rather than used or deleted.
    fn move_elsewhere(&self, inside: &Path, user: &RunAs) -> Result<(), Error> {
        let home = Path::new(ELSEWHERE).join(&self.id);
        fs::create_dir_all(ELSEWHERE).map_err(Error::file("make", ELSEWHERE))?;
        fs::set_permissions(ELSEWHERE, Permissions::from_mode(0o755))
            .map_err(Error::file("set the permissions of", ELSEWHERE))?;
        if home.join("data").exists() {
            let aside = home.with_extension("previous");
            remove_tree(&aside)?;
            fs::rename(&home, &aside).map_err(Error::file("set aside", &home))?;
            tracing::warn!(aside = %aside.display(), "a database of a removed data directory was set aside");
        }
        make_private(&home)?;
        if !user.can_use(&home)? {
            return Err(Error::Unreachable { user: user.name(), home });
        }
        remove_tree(inside)?;
        std::os::unix::fs::symlink(&home, inside).map_err(Error::file("make", inside))?;
        tracing::info!(
            data_dir = %self.data_dir.display(), home = %home.display(), user = user.name(),
            "the user of Postgres cannot reach the data directory; the database lies elsewhere"
        );
        Ok(())
    }

    fn create_socket_dir(&self, run_as: Option<&RunAs>) -> Result<(), Error> {
        let dir = self.socket_dir();
        if dir != self.home() {
            match DirBuilder::new().mode(0o700).create(&dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::file("make", dir)(error));
                }
                _ => {}
            }
            let found = fs::symlink_metadata(&dir).map_err(Error::file("look at", &dir))?;
            if let Some(user) = run_as
                && found.is_dir()
                && found.uid() == 0
            {
                user.chown(&dir)?;
            }
            if !self.socket_dir_is_trustworthy() {
                return Err(Error::SocketDirTaken(dir));
            }
            fs::set_permissions(&dir, Permissions::from_mode(0o700))
                .map_err(Error::file("set the permissions of", &dir))?;
        }
        // The lock file of a server that has ended names a process id that may belong to any
        // process by now.
        let lock = dir.join(format!("{SOCKET}.lock"));
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", lock)(error)),
            _ => Ok(()),
        }
    }

    /// Leaves a socket that nobody listens on while the server is down. Connections are then
    /// refused, which a pool takes as "try again"; a missing socket it would take as an error.
    pub(super) fn refuse_connections(&self) {
        let socket = self.socket_dir().join(SOCKET);
        if let Err(error) = UnixListener::bind(&socket)
            && error.kind() != io::ErrorKind::AddrInUse
        {
            tracing::debug!(%error, socket = %socket.display(), "could not leave a closed socket");
        }
    }
}

fn fits_socket(dir: &Path) -> bool {
    let path = dir.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+ ".contains(byte);
    path.len() + 1 + SOCKET.len() <= LONGEST_SOCKET && path.iter().all(plain)
}

fn make_private(dir: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::file("make", dir)(error)),
        _ => Ok(()),
    }
}

/// Removes a folder and what is in it, if it is there.
pub(super) fn remove_tree(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(root: &Path, name: &str) -> Paths {
        Paths::prepare(&root.join(name)).unwrap()
    }

    #[test]
    fn a_socket_lies_in_the_home_if_its_path_is_short_and_plain() {
        let home = |length: usize| PathBuf::from(format!("/{}", "d".repeat(length - 1)));
        let longest = LONGEST_SOCKET - 1 - SOCKET.len();
        assert!(fits_socket(&home(longest)));
        assert!(!fits_socket(&home(longest + 1)));
        assert!(fits_socket(Path::new("/srv/with a space")));
        assert!(!fits_socket(Path::new("/srv/one,two")));
        assert!(!fits_socket(Path::new("/srv/\u{e9}")));
    }

    #[test]
    fn a_long_path_has_a_short_socket_that_every_process_finds() {
        let root = tempfile::tempdir().unwrap();
        let name = "long".repeat(40);
        let (one, two) = (paths(root.path(), &name), paths(root.path(), &format!("x/../{name}")));
        assert_eq!(one.socket_dir(), two.socket_dir());
        assert!(one.socket_dir().starts_with(SHORT));
        assert!(fits_socket(&one.socket_dir()));
    }

    #[test]
    fn two_data_directories_have_clusters_of_different_names() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (paths(root.path(), "one"), paths(root.path(), "two"));
        assert_ne!(one.cluster_name(), two.cluster_name());
    }

    #[test]
    fn a_link_in_place_of_the_sockets_folder_is_not_trusted() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path(), &"long".repeat(40));
        make_private(&paths.home()).unwrap();
        let dir = paths.socket_dir();
        make_private(&dir).unwrap();
        assert!(paths.socket_dir_is_trustworthy());
        fs::remove_dir(&dir).unwrap();
        std::os::unix::fs::symlink(root.path(), &dir).unwrap();
        let trusted = paths.socket_dir_is_trustworthy();
        fs::remove_file(&dir).unwrap();
        assert!(!trusted);
    }
}
