//! What is done with folders, as against what is kept in them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::fs;

/// Makes a folder, and those above it that are missing, that only its owner may enter: uploads are nobody else's
/// business. What is new survives a power cut.
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

/// The folder something lies in, also where its path is a bare name.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The files of a folder whose time of change is as `wanted`.
pub(super) async fn entries(folder: &Path, wanted: impl Fn(SystemTime) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut entries = fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let modified = match entry.metadata().await {
            Ok(metadata) => metadata.modified()?,
            // Somebody else removed it first.
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

/// Removes the files of a folder that were last changed at least `age` ago; answers how many there were.
pub(super) async fn remove_older_than(folder: &Path, age: Duration) -> io::Result<usize> {
    let old = entries(folder, is_older_than(age)).await?;
    for path in &old {
        // Another process may sweep the same folder.
        ignore_missing(fs::remove_file(path).await)?;
    }
    Ok(old.len())
}

/// Moves a file, and dates it: how long it lies in its new place is read off that.
pub(super) async fn date_and_rename(from: PathBuf, to: PathBuf, now: SystemTime) -> io::Result<()> {
    let file = fs::File::open(&from).await?.into_std().await;
    let moved = tokio::task::spawn_blocking(move || {
        // In this order: a file that was moved but kept its old date could be removed at once.
        file.set_modified(now)?;
        std::fs::rename(from, to)
    });
    moved.await.map_err(io::Error::other)?
}

/// What is gone already need not be removed.
pub(super) fn ignore_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
