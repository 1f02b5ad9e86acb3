//! A headless Chromium with its own profile, driven by its own chromedriver.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::{
    By, ChromeCapabilities, Cookie, LoggingPrefsLogLevel, RequestData, SessionId, WebDriver, WindowHandle,
};

use super::program::free_address;

/// How long to wait for a page to show what it should.
const TIMEOUT: Duration = Duration::from_secs(40);
const FLAGS: [&str; 13] = [
    "--headless=new",
    "--no-proxy-server",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-backgrounding-occluded-windows",
    "--hide-scrollbars",
    "--lang=en-GB",
];

/// The driver's process; dropping it ends it and all browsers it has started.
struct Chromedriver(Child);

impl Chromedriver {
    /// Starts it and waits until it answers; returns it and its URL.
    async fn start() -> (Self, String) {
        // rustls needs a default provider. If one is installed already, it is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let address = free_address();
        let port = address.rsplit(':').next().expect("a port");
        let started = Command::new(&program)
            .arg(format!("--port={port}"))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let this = Self(started.unwrap_or_else(|error| {
            panic!(
                "cannot start `{program}`: {error}. The browser tests need Chromium and its driver: install both \
                 (Debian: `apt-get install chromium chromium-driver`), or set CHROMEDRIVER to the driver's path."
            )
        }));
        let url = format!("http://{address}");
        let deadline = Instant::now() + TIMEOUT;
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        while client.get(format!("{url}/status")).send().await.is_err() {
            assert!(Instant::now() < deadline, "`{program}` does not answer at {url}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (this, url)
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // Kills the whole process group: if a test failed, its browser is still running.
        let group = nix::unistd::Pid::from_raw(self.0.id().cast_signed());
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// A command of the DevTools protocol, as chromedriver takes it.
#[derive(Debug)]
struct Devtools {
    command: String,
    parameters: Value,
}

impl FormatRequestData for Devtools {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let body = json!({"cmd": self.command, "params": self.parameters});
        RequestData::new(reqwest::Method::POST, format!("session/{session}/goog/cdp/execute")).add_body(body)
    }
}

/// A browser. A step that fails panics with what it was waiting for and what the page shows
/// instead.
pub(crate) struct Browser {
    // Fields are dropped in this order: the browser is closed, the driver is ended, the profile is
    // deleted.
    driver: WebDriver,
    _chromedriver: Chromedriver,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let (chromedriver, url) = Chromedriver::start().await;
        let profile = tempfile::tempdir().expect("a folder");
        let mut capabilities = ChromeCapabilities::new();
        for flag in FLAGS {
            capabilities.add_arg(flag).expect("a flag");
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).expect("a flag");
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a level");
        let driver = WebDriver::new(url, capabilities).await.expect("Chromium starts");
        let this = Self { driver, _chromedriver: chromedriver, _profile: profile };
        this.resize(1280, 1000).await;
        this
    }

    /// Opens a URL and waits until the page is loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.driver.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// The path of the page that is shown.
    pub(crate) async fn path(&self) -> String {
        self.driver.current_url().await.expect("an address").path().to_owned()
    }

    /// Clicks on the first element that matches a CSS selector.
    pub(crate) async fn click(&self, selector: &str) {
        self.wait_for(&format!("`{selector}` to click on"), &exists(selector)).await;
        let element = self.driver.find(By::Css(selector)).await.expect("it was there");
        element.click().await.unwrap_or_else(|error| panic!("cannot click on `{selector}`: {error}"));
    }

    /// Clicks on the link or button with these words, in the main part or else in the site's
    /// header.
    pub(crate) async fn follow(&self, words: &str) {
        for place in ["main", "header"] {
            let path = format!("//{place}//*[(self::a or self::button) and normalize-space()='{words}']");
            if let Ok(element) = self.driver.find(By::XPath(path)).await {
                element.click().await.unwrap_or_else(|error| panic!("cannot click on “{words}”: {error}"));
                return;
            }
        }
        panic!("no link or button says “{words}”; the page:\n{}", self.text().await);
    }

    /// Types into the field with this name; for a file field, `value` is a path.
    pub(crate) async fn fill(&self, name: &str, value: &str) {
        let field = self.driver.find(By::Css(format!("main input[name={name}]"))).await;
        let Ok(field) = field else { panic!("no field is named `{name}`; the page:\n{}", self.text().await) };
        field.send_keys(value).await.unwrap_or_else(|error| panic!("cannot fill `{name}`: {error}"));
    }

    /// Waits until a JavaScript expression is true; `what` says in words what is expected.
    pub(crate) async fn wait_for(&self, what: &str, condition: &str) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            // While the browser is changing pages, the script fails; then try again on the next
            // page.
            let answer = self.driver.execute(format!("return Boolean({condition});"), Vec::new()).await;
            if answer.is_ok_and(|answer| *answer.json() == Value::Bool(true)) {
                return;
            }
            if Instant::now() > deadline {
                panic!("waited in vain for {what} at {}; the page:\n{}", self.path().await, self.text().await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a page with this path is loaded.
    pub(crate) async fn wait_for_path(&self, path: &str) {
        let condition = format!("location.pathname === {} && document.readyState === 'complete'", json!(path));
        self.wait_for(&format!("the page {path}"), &condition).await;
    }

    /// Waits until an element shows these words.
    pub(crate) async fn wait_for_text(&self, selector: &str, words: &str) {
        let (place, text) = (json!(selector), json!(words));
        let all = format!("[...document.querySelectorAll({place})]");
        let condition = format!("{all}.some((one) => one.innerText.includes({text}))");
        self.wait_for(&format!("“{words}” in `{selector}`"), &condition).await;
    }

    /// Waits until something matches a CSS selector.
    pub(crate) async fn wait_for_element(&self, selector: &str) {
        self.wait_for(&format!("`{selector}`"), &exists(selector)).await;
    }

    /// Runs a function body in the page and returns its result.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let answer = self.driver.execute(script, Vec::new()).await;
        answer.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// The text of the page.
    pub(crate) async fn text(&self) -> String {
        let answer = self.driver.execute("return document.body.innerText;", Vec::new()).await;
        answer.ok().and_then(|answer| answer.json().as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The cookies of the site.
    pub(crate) async fn cookies(&self) -> Vec<Cookie> {
        self.driver.get_all_cookies().await.expect("cookies")
    }

    /// Opens a second window and switches to it; returns the first.
    pub(crate) async fn second_window(&self) -> WindowHandle {
        let first = self.driver.window().await.expect("a window");
        let second = self.driver.new_window().await.expect("a window");
        self.driver.switch_to_window(second).await.expect("it is there");
        first
    }

    /// Switches to a window.
    pub(crate) async fn switch_to(&self, window: WindowHandle) {
        self.driver.switch_to_window(window).await.expect("it is there");
    }

    /// The warnings and errors on the console since the last call, including those of the
    /// Content-Security-Policy.
    pub(crate) async fn console_errors(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.expect("the console");
        let errors = log.into_iter().filter(|entry| entry.level == "SEVERE" || entry.level == "WARNING");
        errors.map(|entry| entry.message).collect()
    }

    /// Sets the page's width and height, in CSS pixels.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Sets the preferred colour scheme, `light` or `dark`.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Disables the scripts of all pages from now on.
    pub(crate) async fn turn_scripts_off(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        self.driver
            .cmd(Devtools { command: command.to_owned(), parameters })
            .await
            .unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    /// Closes the browser. Dropping it closes it too, but blocks the thread meanwhile.
    pub(crate) async fn quit(self) {
        self.driver.quit().await.expect("it closes");
    }
}

fn exists(selector: &str) -> String {
    format!("document.querySelector({})", json!(selector))
}
