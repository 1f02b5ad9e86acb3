//! The user that Postgres runs as when the program runs as root, which Postgres
//! itself refuses to do.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::User;

use super::error::PrivatePostgresError as Error;

/// A user other than root, by number: a container's image may have no name for
/// the owner of a folder that another image made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunAs {
    uid: u32,
    gid: u32,
}

impl RunAs {
    /// Whom an existing home belongs to; of one that belongs to root, because
    /// it is new or was copied, the user that shall have it.
    pub(super) fn for_home(home: &Path) -> Result<Self, Error> {
        let found = fs::metadata(home).map_err(Error::file("look at", home))?;
        let user = if found.uid() == 0 {
            ["postgres", "nobody"]
                .into_iter()
                .find_map(|name| User::from_name(name).ok().flatten())
                .map(|user| Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
                .ok_or(Error::NoUser)?
        } else {
            Self { uid: found.uid(), gid: found.gid() }
        };
        user.succeeds(":", home)?;
        Ok(user)
    }

    /// The user's name, or number.
    pub(super) fn name(&self) -> String {
        User::from_uid(self.uid.into()).ok().flatten().map_or_else(|| self.uid.to_string(), |user| user.name)
    }

    /// Makes a program run as this user.
    pub(super) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives a home of root's to this user, and says whether the user can work
    /// there. Asked of the system itself, which knows of access lists and of
    /// file systems that have no owners.
    pub(super) fn takes(&self, home: &Path) -> Result<bool, Error> {
        let owner = || fs::metadata(home).map(|found| found.uid()).map_err(Error::file("look at", home));
        if owner()? == 0 && self.give(home).is_err() {
            return Ok(false);
        }
        Ok(owner()? == self.uid && self.succeeds(r#"cd -- "$1" && test -w ."#, home)?)
    }

    /// Gives a file, or a folder and what is in it, to this user. The folder
    /// comes last: it is what says that the rest is done.
    pub(super) fn give(&self, path: &Path) -> Result<(), Error> {
        if path.is_dir() && !path.is_symlink() {
            for entry in fs::read_dir(path).map_err(Error::file("read", path))? {
                self.give(&entry.map_err(Error::file("read", path))?.path())?;
            }
        }
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
            .map_err(Error::file("change the owner of", path))
    }

    /// Runs a line of shell as this user, with `$1`.
    fn succeeds(&self, script: &str, argument: &Path) -> Result<bool, Error> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh"]).arg(argument).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.apply(&mut command);
        let status = command.status().map_err(|source| Error::CannotBecome { user: self.name(), source })?;
        Ok(status.success())
    }
}
