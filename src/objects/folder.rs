//! Helpers for folders and the files in them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::fs;

/// Creates a folder, and missing folders above it, that only its owner may enter, as uploads are
/// confidential. The new folders survive a power cut.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    for made in missing {
        std::fs::File::open(parent(made))?.sync_all()?;
    }
    Ok(())
}

/// The folder that a path is in: `.` if the path is a bare name.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The entries of a folder for whose modification time `wanted` is true.
pub(super) async fn entries(folder: &Path, wanted: impl Fn(SystemTime) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut entries = fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let modified = match entry.metadata().await {
            Ok(metadata) => metadata.modified()?,
            // Another process has removed it in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if wanted(modified) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Whether a time is at least `age` ago.
pub(super) fn is_older_than(age: Duration) -> impl Fn(SystemTime) -> bool {
    move |modified| modified.elapsed().is_ok_and(|elapsed| elapsed >= age)
}

/// Removes the files of a folder that were last changed at least `age` ago; returns their number.
pub(super) async fn remove_older_than(folder: &Path, age: Duration) -> io::Result<usize> {
    let old = entries(folder, is_older_than(age)).await?;
    for path in &old {
        // Another process may clean up the same folder.
        ignore_missing(fs::remove_file(path).await)?;
    }
    Ok(old.len())
}

/// Sets a file's modification time to `now` and renames it, so that the time shows since when it
/// has the new name.
pub(super) async fn date_and_rename(from: PathBuf, to: PathBuf, now: SystemTime) -> io::Result<()> {
    let file = fs::File::open(&from).await?.into_std().await;
    let moved = tokio::task::spawn_blocking(move || {
        // In this order: a renamed file with its old time could be removed at once.
        file.set_modified(now)?;
        std::fs::rename(from, to)
    });
    moved.await.map_err(io::Error::other)?
}

/// Treats the removal of something that does not exist as success.
pub(super) fn ignore_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
