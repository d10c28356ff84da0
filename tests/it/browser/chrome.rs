//! A headless Chromium, driven by chromedriver over its plain HTTP API (`WebDriver`).
//!
//! Everything it writes is in a folder that goes with it, and it ends with its test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::PATIENCE;

/// Nothing that asks the world for anything, and nothing of the user's.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--hide-scrollbars",
    "--window-size=1200,900",
];
/// The key under which `WebDriver` names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(super) struct Chrome {
    driver: Child,
    client: Client,
    session: String,
    /// The browser's own process.
    browser: Option<u64>,
    folder: TempDir,
}

impl Chrome {
    /// A fresh browser; `None`, visibly, where there is none and nobody insists.
    pub(super) async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let started = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut driver) = started else {
            let all = std::env::var_os("TALLYLIGHT_TEST_ALL").is_some();
            assert!(
                !all,
                "no chromedriver: apt-get install chromium chromium-driver"
            );
            eprintln!("SKIPPED: no chromedriver (Debian: chromium, chromium-driver)");
            return None;
        };
        let port = port(&mut driver);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let mut chrome = Self {
            driver,
            client,
            session: format!("http://127.0.0.1:{port}/session"),
            browser: None,
            folder,
        };
        let profile = chrome.folder.path().join("profile");
        let mut flags: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.display()));
        let answer = chrome
            .post(
                "",
                json!({"capabilities": {"alwaysMatch": {
                    "browserName": "chrome",
                    "goog:chromeOptions": {"args": flags},
                    "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                }}}),
            )
            .await;
        chrome.browser = answer["capabilities"]["goog:processID"].as_u64();
        assert!(chrome.browser.is_some(), "{answer}");
        let id = answer["sessionId"].as_str().expect("a session").to_owned();
        chrome.session = format!("{}/{id}", chrome.session);
        // What the browser's own first page loads is none of ours.
        chrome.open("about:blank").await;
        chrome.requests().await;
        Some(chrome)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.session));
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{path} {body}: {value}");
        value
    }

    pub(super) async fn open(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    /// What a JavaScript expression is in the page.
    pub(super) async fn tell(&self, expression: &str) -> Value {
        let script = json!({"script": format!("return ({expression})"), "args": []});
        self.post("/execute/sync", script).await
    }

    /// Waits until a JavaScript expression is true.
    pub(super) async fn until(&self, expression: &str) {
        let found = tokio::time::timeout(PATIENCE, async {
            while self.tell(expression).await != Value::Bool(true) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        if found.await.is_err() {
            let page = self.tell("document.body.innerText").await;
            panic!("never: {expression}\n{}", page.as_str().unwrap_or_default());
        }
    }

    async fn element(&self, css: &str) -> String {
        let found = self
            .post("/element", json!({"using": "css selector", "value": css}))
            .await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Clicks as a person would: what is covered or hidden cannot be clicked.
    pub(super) async fn click(&self, css: &str) {
        let id = self.element(css).await;
        self.post(&format!("/element/{id}/click"), json!({})).await;
    }

    pub(super) async fn write(&self, css: &str, text: &str) {
        let id = self.element(css).await;
        self.post(&format!("/element/{id}/value"), json!({"text": text}))
            .await;
    }

    /// Console messages since the last call that are errors.
    pub(super) async fn errors(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({"type": "browser"})).await;
        let severe = log.as_array().unwrap().iter();
        severe
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The address of every request since the last call.
    pub(super) async fn requests(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({"type": "performance"})).await;
        let entries = log.as_array().unwrap().iter();
        let messages = entries
            .filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        messages
            .filter(|told| told["message"]["method"] == "Network.requestWillBeSent")
            .filter_map(|told| {
                let request = &told["message"]["params"]["request"];
                request["url"].as_str().map(str::to_owned)
            })
            .collect()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", body).await
    }

    /// Shows pages in `scheme` (`light` or `dark`) and `width` pixels wide.
    pub(super) async fn look(&self, scheme: &str, width: u32) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.devtools("Emulation.setEmulatedMedia", json!({"features": [feature]}))
            .await;
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
    }

    /// The page as a PNG, its first `most` pixels at most.
    pub(super) async fn picture(&self, most: u32) -> Vec<u8> {
        let height = format!("Math.min({most}, document.documentElement.scrollHeight)");
        let height = self.tell(&height).await;
        let width = self.tell("innerWidth").await;
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let wish = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let shot = self.devtools("Page.captureScreenshot", wish).await;
        STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }

    /// Closes the browser in order, so that nothing of it is left.
    pub(super) async fn quit(mut self) {
        let closed = self.client.delete(&self.session).send().await.unwrap();
        assert!(closed.status().is_success());
        // Its number may be somebody else's from now on.
        self.browser = None;
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        // A browser outlives a driver that is killed. After `quit` it is gone already.
        if let Some(browser) = self.browser {
            let mut kill = Command::new("kill");
            let _ = kill.arg(browser.to_string()).stderr(Stdio::null()).status();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The port that the driver says it has.
fn port(driver: &mut Child) -> u16 {
    let said = BufReader::new(driver.stdout.take().unwrap());
    for line in said.lines() {
        let line = line.unwrap();
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return port.trim_end_matches('.').parse().unwrap();
        }
    }
    panic!("chromedriver does not say its port");
}
