//! The folders for files that can be downloaded, unpacked or computed again: a Postgres, the
//! library of ONNX Runtime, answers of models.
//!
//! `scripts/lib.sh` uses the same folders. This crate only names them: it creates nothing, and
//! knows nothing of the server or its database.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The folder of the whole machine. Root needs it for a Postgres that another user runs, who cannot
/// read root's own cache.
const MACHINE_CACHE: &str = "/var/cache/callimico";

/// The folders to search, best first. They follow from `CALLIMICO_CACHE_DIR`, `XDG_CACHE_HOME` and
/// `HOME`.
pub fn folders() -> impl Iterator<Item = PathBuf> {
    own().into_iter().chain([PathBuf::from(MACHINE_CACHE)])
}

/// The user's own folder, to write to; `None` for a user without a home.
pub fn own() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    chosen(set("CALLIMICO_CACHE_DIR"), set("XDG_CACHE_HOME"), set("HOME"))
}

fn chosen(own: Option<OsString>, xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    own.map(PathBuf::from).or_else(|| {
        let cache = xdg.map(PathBuf::from).or_else(|| home.map(|home| PathBuf::from(home).join(".cache")));
        cache.map(|cache| cache.join("callimico"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_three_variables_decides() {
        let some = |text: &str| Some(OsString::from(text));
        assert_eq!(chosen(some("/a"), some("/b"), some("/c")), Some(PathBuf::from("/a")));
        assert_eq!(chosen(None, some("/b"), some("/c")), Some(PathBuf::from("/b/callimico")));
        assert_eq!(chosen(None, None, some("/c")), Some(PathBuf::from("/c/.cache/callimico")));
        assert_eq!(chosen(None, None, None), None);
    }
}
