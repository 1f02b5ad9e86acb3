//! Which server to use and with which token: taken from the arguments, the environment, or
//! `login.json`, which only its owner can read. Nothing is sent anywhere: whether a token is valid,
//! only the server can say.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fmt};

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::ClientError;

/// How the paths of a server's own pages begin. What comes before them is the path the server is
/// installed under.
const PAGES: [&str; 7] = ["account", "api", "c", "login", "logout", "register", "static"];
/// The longest token, in bytes.
const LONGEST_TOKEN: usize = 4096;

/// A server's address: `http` or `https`, the host, and the path the server is installed under,
/// without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server(Url);

impl Server {
    /// An address below the server's. The parts are escaped.
    pub(super) fn join(&self, parts: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// Resolves an address that the server gave, which may be relative to the server's own.
    pub(super) fn resolve(&self, address: &str) -> Option<Url> {
        self.0.join(address).ok().filter(is_http)
    }

    /// Whether an address has the server's scheme, host and port.
    pub(super) fn has_same_origin(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }

    /// Whether the host is this machine.
    pub fn is_local(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
    }

    /// Whether a token sent there could be read by others on the network.
    pub fn is_unencrypted(&self) -> bool {
        self.0.scheme() == "http" && !self.is_local()
    }
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

impl FromStr for Server {
    type Err = ClientError;

    /// Takes the address of a server, or of one of its pages.
    fn from_str(text: &str) -> Result<Self, ClientError> {
        // The text may contain a password, so it is not repeated.
        let wrong = || ClientError::Address(if text.contains('@') { "…".into() } else { printable(text) });
        let mut url = Url::parse(text.trim()).map_err(|_| wrong())?;
        if !is_http(&url) || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong());
        }
        url.set_query(None);
        url.set_fragment(None);
        let segments = url.path_segments().into_iter().flatten();
        let kept: Vec<String> = segments
            .take_while(|part| !PAGES.contains(part))
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        url.set_path(&kept.join("/"));
        Ok(Self(url))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// A text shortened and escaped, so that it is safe to print on a terminal.
fn printable(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_default).collect()
}

/// A participant's token. It is never printed, not even by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        let text = text.trim();
        let is_one = (1..=LONGEST_TOKEN).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        if is_one { Ok(Self(text.to_owned())) } else { Err(ClientError::Token) }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A server, and the token to use there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The server.
    pub server: Server,
    /// The participant's token.
    pub token: Token,
}

impl Login {
    /// Combines what was given with, where something is missing, the stored login. A stored token
    /// is only used for the server it was stored with.
    ///
    /// # Errors
    /// No login is stored, or only one for another server, or it cannot be read.
    pub fn find(server: Option<Server>, token: Option<Token>, store: &LoginStore) -> Result<Self, ClientError> {
        match (server, token) {
            (Some(server), Some(token)) => Ok(Self { server, token }),
            (None, Some(token)) => Ok(Self { token, ..store.load()? }),
            (None, None) => store.load(),
            (Some(server), None) => {
                let stored = store.load()?;
                if stored.server == server {
                    return Ok(stored);
                }
                Err(ClientError::OtherServer { stored: stored.server.to_string(), wanted: server.to_string() })
            }
        }
    }
}

/// The content of `login.json`.
#[derive(Serialize, Deserialize)]
struct LoginFile {
    url: String,
    token: String,
}

/// Where the login is stored. There is one login at a time.
#[derive(Clone, Debug)]
pub struct LoginStore {
    folder: Option<PathBuf>,
}

impl LoginStore {
    /// The folder given by `CALLIMICO_CONFIG_DIR`, else `XDG_CONFIG_HOME/callimico`, else
    /// `HOME/.config/callimico`.
    pub fn of_this_user() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        Self { folder: chosen(set("CALLIMICO_CONFIG_DIR"), set("XDG_CONFIG_HOME"), set("HOME")) }
    }

    /// The store in this folder.
    pub fn within(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// Reads the login.
    ///
    /// # Errors
    /// No login is stored, or it is damaged or cannot be read.
    pub fn load(&self) -> Result<Login, ClientError> {
        let path = self.folder.as_ref().ok_or(ClientError::NoLogin)?.join("login.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ClientError::NoLogin),
            Err(error) => return Err(ClientError::io(&path)(error)),
        };
        let document: Option<LoginFile> = serde_json::from_slice(&bytes).ok();
        let login = document
            .and_then(|LoginFile { url, token }| Some(Login { server: url.parse().ok()?, token: token.parse().ok()? }));
        login.ok_or(ClientError::DamagedLogin(path))
    }

    /// Stores a login in place of the one before, completely or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn store(&self, login: &Login) -> Result<(), ClientError> {
        let folder = self.folder.as_ref().ok_or(ClientError::NoHome)?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(ClientError::io(folder))?;
        let path = folder.join("login.json");
        let new = folder.join(format!("login.json.{}.new", std::process::id()));
        let document = LoginFile { url: login.server.to_string(), token: login.token.as_str().to_owned() };
        let written = write_private(&new, &document).and_then(|()| fs::rename(&new, &path));
        written.map_err(|error| {
            // It holds the token. If it cannot be removed either, the first error says enough.
            let _ = fs::remove_file(&new);
            ClientError::io(&path)(error)
        })
    }
}

fn write_private(path: &Path, document: &LoginFile) -> io::Result<()> {
    // A file left by a killed run may have been made readable to others.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&serde_json::to_vec_pretty(document)?)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn chosen(own: Option<OsString>, xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let below = |folder: PathBuf| folder.join("callimico");
    // The XDG specification says to ignore relative paths.
    let xdg = xdg.map(PathBuf::from).filter(|path| path.is_absolute()).map(below);
    own.map(PathBuf::from).or(xdg).or_else(|| home.map(|home| below(PathBuf::from(home).join(".config"))))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn server(text: &str) -> String {
        text.parse::<Server>().map_or_else(|error| error.to_string(), |server| server.to_string())
    }

    fn login(url: &str, token: &str) -> Login {
        Login { server: url.parse().expect("a server"), token: token.parse().expect("a token") }
    }

    #[test]
    fn a_page_s_address_leads_to_its_server() {
        for (given, expected) in [
            ("https://Mico.Example", "https://mico.example"),
            ("https://mico.example/", "https://mico.example"),
            ("https://mico.example/c/mico/cifar10?x=1#top", "https://mico.example"),
            ("https://mico.example/account", "https://mico.example"),
            ("https://uni.example/callimico/", "https://uni.example/callimico"),
            ("https://uni.example/callimico/c/mico", "https://uni.example/callimico"),
            (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(server(given), expected, "{given}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_is_not_repeated() {
        for text in ["", "mico.example", "localhost:8080", "ftp://mico.example", "https://", "file:///etc"] {
            assert!(server(text).contains("no server's address"), "{text}");
        }
        let said = server("https://me:hunter2@mico.example");
        assert!(said.contains("no server's address") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear_without_a_word() {
        let clear = |text: &str| text.parse::<Server>().expect("a server").is_unencrypted();
        for text in ["http://127.0.0.1:8080", "http://[::1]:80", "http://localhost", "https://mico.example"] {
            assert!(!clear(text), "{text}");
        }
        for text in ["http://mico.example", "http://10.0.0.1", "http://localhost.example"] {
            assert!(clear(text), "{text}");
        }
    }

    #[test]
    fn a_login_comes_back_as_it_was_stored_and_only_its_owner_can_read_it() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("a/callimico");
        let store = LoginStore::within(folder.clone());
        assert!(matches!(store.load(), Err(ClientError::NoLogin)));
        for token in ["cmk_one", "cmk_two"] {
            let login = login("https://mico.example/site", token);
            store.store(&login).expect("stored");
            assert_eq!(store.load().expect("a login"), login);
        }
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("login.json"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1, "nothing is left beside it");
        fs::write(folder.join("login.json"), "{\"url\":7}").expect("written");
        assert!(matches!(store.load(), Err(ClientError::DamagedLogin(_))));
    }

    #[test]
    fn a_stored_token_is_not_shown_to_another_server() {
        let home = tempfile::tempdir().expect("a folder");
        let store = LoginStore::within(home.path().to_owned());
        let stored = login("https://mico.example", "cmk_stored");
        store.store(&stored).expect("stored");
        let of = |url: &str| Some(url.parse().expect("a server"));
        let other = Login::find(of("https://evil.example"), None, &store).expect_err("another server");
        assert!(matches!(other, ClientError::OtherServer { .. }) && !other.to_string().contains("cmk_"), "{other}");
        assert_eq!(Login::find(of("https://mico.example/"), None, &store).expect("the same"), stored);
        assert_eq!(Login::find(None, None, &store).expect("all of it"), stored);
        let token: Token = "cmk_given".parse().expect("a token");
        let mixed = Login::find(None, Some(token.clone()), &store).expect("mixed");
        assert_eq!(mixed, login("https://mico.example", "cmk_given"));
        let given = Login::find(of("https://evil.example"), Some(token), &store).expect("given");
        assert_eq!(given, login("https://evil.example", "cmk_given"));
    }

    #[test]
    fn a_token_is_trimmed_checked_and_never_shown() {
        let token: Token = "  cmk_abc\n".parse().expect("a token");
        assert_eq!(token.as_str(), "cmk_abc");
        assert!(!format!("{token:?}").contains("cmk"));
        for text in ["", " \n", "two words", "cmk_\u{e9}", &"x".repeat(LONGEST_TOKEN + 1)] {
            assert!(text.parse::<Token>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_of_three_variables_decides() {
        let some = |text: &str| Some(OsString::from(text));
        assert_eq!(chosen(some("/a"), some("/b"), some("/c")), Some(PathBuf::from("/a")));
        assert_eq!(chosen(None, some("/b"), some("/c")), Some(PathBuf::from("/b/callimico")));
        assert_eq!(chosen(None, some("b"), some("/c")), Some(PathBuf::from("/c/.config/callimico")));
        assert_eq!(chosen(None, None, None), None);
    }
}
