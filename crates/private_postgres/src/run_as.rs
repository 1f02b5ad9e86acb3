//! The user that Postgres runs as when the program runs as root, as Postgres refuses to run as
//! root.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::User;

use super::error::PrivatePostgresError as Error;

/// A user other than root, by number: a container may have no name for the owner of a folder that
/// another container created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunAs {
    uid: u32,
    gid: u32,
}

impl RunAs {
    /// The owner of a home. If that is root, because the home is new or was copied, the user
    /// `postgres`, else `nobody`.
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

    /// Gives a home of root's to this user, and returns whether the user can write there. The
    /// system itself is asked, as it knows about access lists and file systems without owners.
    pub(super) fn can_use(&self, home: &Path) -> Result<bool, Error> {
        let owner = || fs::metadata(home).map(|found| found.uid()).map_err(Error::file("look at", home));
        if owner()? == 0 && self.chown(home).is_err() {
            return Ok(false);
        }
        Ok(owner()? == self.uid && self.succeeds(r#"cd -- "$1" && test -w ."#, home)?)
    }

    /// Makes this user the owner of a file, or of a folder and everything in it. The folder comes
    /// last: its owner shows that the rest is done.
    pub(super) fn chown(&self, path: &Path) -> Result<(), Error> {
        if path.is_dir() && !path.is_symlink() {
            for entry in fs::read_dir(path).map_err(Error::file("read", path))? {
                self.chown(&entry.map_err(Error::file("read", path))?.path())?;
            }
        }
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
            .map_err(Error::file("change the owner of", path))
    }

    /// Whether a shell script succeeds as this user, with `argument` as `$1`.
    fn succeeds(&self, script: &str, argument: &Path) -> Result<bool, Error> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh"]).arg(argument).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.apply(&mut command);
        let status = command.status().map_err(|source| Error::CannotBecome { user: self.name(), source })?;
        Ok(status.success())
    }
}
