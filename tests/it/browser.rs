//! The pages in a real browser: live without a reload, drawn, quiet, and deaf to strangers.

mod chrome;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tallylight::clock::Clock;
use tallylight::simulator::Stream;

use self::chrome::Chrome;
use crate::process::web::{listening, with_listener};
use crate::process::{PATIENCE, Surroundings, name};

/// Survives while the page is not loaded anew.
const MARK: &str = "window.tallyMark = 'the same page'";
const MARKED: &str = "window.tallyMark === 'the same page'";
/// Who is live by the page, one name a line.
const LIVE: &str = "[...document.querySelectorAll('#live .who a')].map(a => a.textContent).join()";

/// `tallylight demo`, running; killed if the test forgets it.
struct Demo {
    child: Child,
    lines: BufReader<ChildStdout>,
    url: String,
    token: String,
}

impl Demo {
    fn start(span: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tallylight"))
            .args(["demo", "--for", span])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut demo = Self {
            lines: BufReader::new(child.stdout.take().unwrap()),
            child,
            url: String::new(),
            token: String::new(),
        };
        demo.url = demo.line_after("page ");
        demo.token = demo.line_after("token ");
        demo
    }

    /// The word behind `start` on the next line that begins so.
    fn line_after(&mut self, start: &str) -> String {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = line.strip_prefix(start) {
                return rest.split_whitespace().next().unwrap().to_owned();
            }
            line.clear();
        }
        panic!("the demo says nothing of {start}");
    }

    /// Ends it as Ctrl-C does; what it said at last.
    fn end(mut self) -> String {
        let mut interrupt = Command::new("kill");
        interrupt.args(["-INT", &self.child.id().to_string()]);
        assert!(interrupt.status().unwrap().success());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn names(told: &Value) -> BTreeSet<String> {
    let text = told.as_str().unwrap_or_default();
    text.split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Waits until somebody is live who was not a moment before.
async fn somebody_goes_live(chrome: &Chrome) -> String {
    let mut before = names(&chrome.tell(LIVE).await);
    let seen = tokio::time::timeout(PATIENCE, async {
        loop {
            let now = names(&chrome.tell(LIVE).await);
            if let Some(new) = now.difference(&before).next() {
                return new.trim_start_matches('@').to_owned();
            }
            before = now;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    seen.await.expect("nobody goes live")
}

/// No error on the console, and no request to another host.
async fn was_quiet(chrome: &Chrome, url: &str) {
    assert_eq!(chrome.errors().await, [""; 0]);
    let requests = chrome.requests().await;
    assert!(requests.len() > 5, "nothing was recorded: {requests:?}");
    for request in requests {
        let fine = request.starts_with(&format!("{url}/")) || request.starts_with("data:");
        assert!(fine || request.starts_with("chrome:"), "{request}");
    }
}

/// A chart is drawn: it has an extent on the screen, and its line goes from somewhere to elsewhere.
async fn a_chart_is_drawn(chrome: &Chrome, svg: &str) {
    let line = format!("document.querySelector('{svg} .line')");
    chrome.until(&format!("!!{line}")).await;
    for (what, least) in [
        (
            format!("document.querySelector('{svg}').getBoundingClientRect().width"),
            200.0,
        ),
        (
            format!("document.querySelector('{svg}').getBoundingClientRect().height"),
            50.0,
        ),
        (format!("{line}.getBBox().width"), 100.0),
        (format!("{line}.getTotalLength()"), 100.0),
    ] {
        let extent = chrome.tell(&what).await.as_f64().unwrap();
        assert!(extent >= least, "{what} is {extent}");
    }
    let stroke = chrome
        .tell(&format!("getComputedStyle({line}).stroke"))
        .await;
    assert_ne!(stroke, "none", "the style sheet was not loaded");
}

/// Presses the page's button, is asked for the token, and comes back.
async fn logs_in_on_the_way(chrome: &Chrome, token: &str) {
    let here = chrome.tell("location.pathname").await;
    chrome.click("form.action button").await;
    chrome.until("location.pathname === '/login'").await;
    chrome.write("#token", "wrong").await;
    chrome.click("form[action='/login'] button").await;
    chrome
        .until("document.body.innerText.includes('That is not the token')")
        .await;
    // The refusal is an error to the console, and only that.
    let errors = chrome.errors().await;
    let told = |error: &String| error.contains("401");
    assert!(errors.iter().all(told), "{errors:?}");
    chrome.write("#token", token).await;
    chrome.click("form[action='/login'] button").await;
    chrome
        .until("document.body.innerText.includes('You are logged in')")
        .await;
    assert_eq!(chrome.tell("location.pathname").await, here);
    assert_eq!(
        chrome.tell("location.search").await,
        "",
        "what was done is said once"
    );
}

const ATTEMPTS: &str = "document.querySelectorAll('#attempts article').length";

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_pages_live_in_a_browser() {
    let Some(chrome) = Chrome::start().await else {
        return;
    };
    let demo = Demo::start("3m");
    chrome.open(&format!("{}/", demo.url)).await;
    chrome.tell(MARK).await;
    let who = somebody_goes_live(&chrome).await;
    assert_eq!(chrome.tell(MARKED).await, true, "the page was loaded again");

    chrome.open(&format!("{}/creators/{who}", demo.url)).await;
    chrome.tell(MARK).await;
    a_chart_is_drawn(&chrome, "#streams svg.chart").await;
    a_chart_is_drawn_in_the_week_or_not_at_all(&chrome).await;

    chrome
        .open(&format!("{}/webhooks/demo?status=delivered", demo.url))
        .await;
    chrome
        .until("!!document.querySelector('#deliveries td a')")
        .await;
    chrome.click("#deliveries td a").await;
    chrome
        .until("location.pathname.startsWith('/deliveries/')")
        .await;
    logs_in_on_the_way(&chrome, &demo.token).await;
    let before = chrome.tell(ATTEMPTS).await;
    chrome.click("form.action button").await;
    chrome
        .until("document.body.innerText.includes('On its way again')")
        .await;
    chrome.tell(MARK).await;
    chrome.until(&format!("{ATTEMPTS} > {before}")).await;
    chrome
        .until("document.querySelector('#delivery .badge').textContent === 'delivered'")
        .await;
    assert_eq!(chrome.tell(MARKED).await, true, "the page was loaded again");

    chrome.open(&format!("{}/creators/{who}", demo.url)).await;
    chrome.click("form.action button").await;
    chrome
        .until("document.body.innerText.includes('Asked for')")
        .await;
    was_quiet(&chrome, &demo.url).await;
    take_pictures(&chrome, &demo, &who).await;
    chrome.open(&format!("{}/creators", demo.url)).await;
    chrome.click("header form button").await;
    chrome
        .until("document.body.innerText.includes('You are logged out')")
        .await;
    chrome.quit().await;
    let said = demo.end();
    assert!(said.contains("Every promise was kept"), "{said}");
}

/// The demo's schedule is fixed: there is no rhythm to be shown, and no empty frame for one.
async fn a_chart_is_drawn_in_the_week_or_not_at_all(chrome: &Chrome) {
    assert_eq!(
        chrome
            .tell("!document.querySelector('svg.week, #rhythm')")
            .await,
        true
    );
}

/// `TALLYLIGHT_SCREENSHOTS=FOLDER`: every page in light, dark and on a phone, for people to look at.
async fn take_pictures(chrome: &Chrome, demo: &Demo, who: &str) {
    let Some(folder) = std::env::var_os("TALLYLIGHT_SCREENSHOTS").map(PathBuf::from) else {
        return;
    };
    let creator = format!("/creators/{who}");
    let delivery = "/deliveries/1".to_owned();
    let pages = [
        ("home", "/".to_owned()),
        ("creators", "/creators".to_owned()),
        ("creator", creator),
        ("webhook", "/webhooks/demo".to_owned()),
        ("delivery", delivery),
        ("login", "/login".to_owned()),
    ];
    for (look, scheme, width) in [
        ("light", "light", 1_080),
        ("dark", "dark", 1_080),
        ("phone", "light", 390),
    ] {
        chrome.look(scheme, width).await;
        for (page, path) in &pages {
            chrome.open(&format!("{}{path}", demo.url)).await;
            let file = folder.join(format!("{page}-{look}.png"));
            std::fs::write(file, chrome.picture(5_000).await).unwrap();
        }
    }
    chrome.look("light", 960).await;
    chrome.open(&format!("{}/", demo.url)).await;
    std::fs::write(folder.join("page.png"), chrome.picture(760).await).unwrap();
}

/// Each of them sets `window.hurt` if it runs.
const HOSTILE: [&str; 6] = [
    "<script>window.hurt = 1</script>",
    "<img src=x onerror=\"window.hurt = 2\">",
    "</bdi></p><svg onload=\"window.hurt = 3\"></svg>",
    "\" onmouseover=\"window.hurt = 4\" autofocus onfocus=\"window.hurt = 4\" x=\"",
    "<iframe srcdoc=\"<script>parent.hurt = 5</script>\"></iframe>",
    "</title><style>*{display:none}</style><base href=\"https://evil.example/\">",
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_titles_do_nothing_and_a_page_outlives_its_daemon() {
    let Some(chrome) = Chrome::start().await else {
        return;
    };
    let around = Surroundings::of(HOSTILE.len()).await;
    with_listener(&around);
    let clock = Clock::system();
    for (number, title) in HOSTILE.iter().enumerate() {
        let stream = Stream::new(&name(number), clock.now()).titled(title);
        around.handle().begin(&name(number), stream);
    }
    let (daemon, url) = listening(&around).await;
    chrome.open(&format!("{url}/")).await;
    chrome
        .until(&format!(
            "document.querySelectorAll('#live .card').length === {}",
            HOSTILE.len()
        ))
        .await;
    shows_and_runs_nothing(&chrome, &url).await;

    chrome.open(&format!("{url}/")).await;
    chrome.tell(MARK).await;
    was_quiet(&chrome, &url).await;
    hidden_it_asks_nothing(&chrome).await;
    // The same address again, as after an update.
    around.reconfigure("127.0.0.1:0", url.trim_start_matches("http://"));
    daemon.kill();
    chrome
        .until("document.getElementById('connection').textContent.includes('lost')")
        .await;
    around.handle().set_offline(&name(0));
    let again = around.start();
    chrome
        .until("document.getElementById('connection').textContent === ''")
        .await;
    chrome
        .until(&format!(
            "document.querySelectorAll('#live .card').length === {}",
            HOSTILE.len() - 1
        ))
        .await;
    assert_eq!(chrome.tell(MARKED).await, true, "the page was loaded again");
    without_the_token_it_says_so_and_stops(&chrome).await;
    chrome.quit().await;
    assert_eq!(again.stop().await, Some(0));
}

/// As if another tab were in front: not even what a change asks for is fetched.
async fn hidden_it_asks_nothing(chrome: &Chrome) {
    let turn = |hidden: bool| {
        format!(
            "(Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}}), \
             document.dispatchEvent(new Event('visibilitychange')))"
        )
    };
    chrome.tell(&turn(true)).await;
    chrome.requests().await;
    assert_eq!(
        chrome.tell("changes").await,
        Value::Null,
        "it still listens"
    );
    chrome.tell("refresh()").await;
    assert_eq!(chrome.requests().await, [""; 0]);
    chrome.tell("window.fetched = 0, window.honest = fetch, fetch = (...all) => (window.fetched++, honest(...all)), 1").await;
    chrome.tell(&turn(false)).await;
    chrome.until("window.fetched > 0 && changes !== null").await;
}

/// As if the token had changed: the page says where to give it, and asks no more.
async fn without_the_token_it_says_so_and_stops(chrome: &Chrome) {
    chrome
        .tell("fetch = async () => (window.fetched = -1, {type: 'opaqueredirect'}), 1")
        .await;
    chrome.until("(soon(), document.getElementById('connection').textContent.includes('the token is wanted'))").await;
    let link = "document.querySelector('#connection a').getAttribute('href')";
    assert_eq!(chrome.tell(link).await, "/login?next=%2F");
    chrome.tell("window.fetched = 0").await;
    chrome.tell("refresh()").await;
    assert_eq!(
        chrome.tell("[window.fetched, changes, loggedOut]").await,
        serde_json::json!([0, null, true])
    );
}

/// Titles stand there as they were written, on every page that shows one.
async fn shows_and_runs_nothing(chrome: &Chrome, url: &str) {
    let shown = "document.getElementById('live').innerText";
    for title in HOSTILE {
        let title = serde_json::to_string(title).unwrap();
        chrome.until(&format!("{shown}.includes({title})")).await;
    }
    for (number, title) in HOSTILE.iter().enumerate() {
        chrome
            .open(&format!("{url}/creators/{}", name(number)))
            .await;
        let title = serde_json::to_string(title).unwrap();
        chrome
            .until(&format!(
                "document.getElementById('streams').innerText.includes({title})"
            ))
            .await;
        assert_eq!(
            chrome.tell("typeof window.hurt").await,
            "undefined",
            "{title}"
        );
        let odd = "document.querySelectorAll('main img, main script, main iframe, main style, base').length";
        assert_eq!(chrome.tell(odd).await, 0, "{title}");
    }
}
