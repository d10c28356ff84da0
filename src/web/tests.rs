//! The server as clients see it, over sockets, in front of a daemon that says what the test wants.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use super::monitor::{Changes, LoopAge, Unavailable};
use super::views::*;
use super::*;
use crate::config::Secret;
use crate::domain::{Timestamp, Username};
use crate::store::sqlite::Sqlite;

/// 2026-02-27T18:36:42Z
const NOW: Timestamp = Timestamp::from_millis(1_772_217_402_000);
const MINUTE: Duration = Duration::from_mins(1);

pub(crate) fn stream() -> Stream {
    Stream {
        id: "7600000000000000001".to_owned(),
        url: "https://www.tiktok.com/@ada/live".to_owned(),
        title: Some("a title".to_owned()),
        viewers: Some(1_500),
        views: None,
        peak_viewers: 1_700,
        average_viewers: Some(1_600),
        started_at: Some(NOW.minus(30 * MINUTE)),
        first_seen_at: NOW.minus(29 * MINUTE),
        last_seen_at: NOW.minus(MINUTE),
        detection_delay_seconds: Some(60.0),
        already_live: false,
        resumed: false,
        announced: true,
        ending: false,
        cover_url: None,
    }
}

/// Somebody live, somebody next, half a budget.
pub(crate) fn overview() -> Overview {
    Overview {
        version: "0.0.0".to_owned(),
        started_at: NOW.minus(100 * MINUTE),
        as_of: NOW,
        creators: Census {
            watched: 3,
            unknown: 1,
            offline: 1,
            live: 1,
        },
        live: vec![LiveCreator {
            username: "ada".parse().unwrap(),
            name: None,
            stream: stream(),
        }],
        upcoming: vec![Upcoming {
            username: "bob".parse().unwrap(),
            poll: NextPoll {
                at: NOW.plus(Duration::from_secs(75)),
                reason: "worth".to_owned(),
                chance: Some(0.051),
                price: Some(0.05),
            },
        }],
        credits: Credits {
            budget: Some(Budget {
                credits: 25_000,
                used: 12_000,
                remaining: 13_000,
                period_started_at: NOW.minus(14 * 1_440 * MINUTE),
                renews_at: NOW.plus(14 * 1_440 * MINUTE),
                projected_used: Some(24_000),
                exhausted_at: None,
            }),
            account_remaining: Some(20_000),
        },
        sweeps: None,
        degraded: vec![Degraded {
            reason: "source_failing".to_owned(),
            since: NOW.minus(MINUTE),
            detail: Some("HTTP 502".to_owned()),
        }],
        reload: Reload {
            successful: true,
            at: NOW.minus(100 * MINUTE),
            problem: None,
        },
    }
}

/// Live, and learned about.
fn detail_of_ada() -> CreatorDetail {
    CreatorDetail {
        creator: Creator {
            username: "ada".parse().unwrap(),
            id: None,
            name: None,
            state: State::Live,
            stream: Some(stream()),
            last_answer_at: Some(NOW),
            last_outcome: Some("live".to_owned()),
            last_reason: None,
            unclear_in_a_row: 0,
            next_poll: None,
            priority: 1.0,
            labels: [("team".to_owned(), "emea".to_owned())].into(),
        },
        sequence: 41,
        first_poll_at: None,
        last_ended_at: None,
        note: None,
        polls: 7,
        poll_share: Some(0.5),
        rhythm: None,
    }
}

pub(crate) fn lane(id: &str) -> Lane {
    Lane {
        id: id.to_owned(),
        state: LaneState::Failing,
        pending: 4,
        oldest_pending_at: Some(NOW.minus(3 * MINUTE)),
        since: Some(NOW.minus(3 * MINUTE)),
        paused_until: None,
        last_error: Some("HTTP 500".to_owned()),
    }
}

/// A daemon that does as it is told.
#[derive(Debug, Default)]
pub(crate) struct FakeMonitor {
    poller_age: Mutex<Duration>,
    store_fails: AtomicBool,
    poller_hangs: AtomicBool,
    /// What every reader is shown until it is taken away.
    pub(super) shared: Mutex<Option<Arc<Overview>>>,
    pub(super) polled: Mutex<Vec<Username>>,
    pub(super) asked: Mutex<Vec<CreatorQuery>>,
    pub(super) changes: Changes,
}

#[async_trait]
impl Monitor for FakeMonitor {
    async fn overview(&self) -> Result<Arc<Overview>, Unavailable> {
        if self.poller_hangs.load(Ordering::Relaxed) {
            return Err(Unavailable::Busy("poller"));
        }
        let mut shared = self.shared.lock().unwrap();
        Ok(Arc::clone(
            shared.get_or_insert_with(|| Arc::new(overview())),
        ))
    }
    async fn creators(&self, query: CreatorQuery) -> Result<CreatorPage, Unavailable> {
        self.asked.lock().unwrap().push(query);
        Ok(CreatorPage::default())
    }
    async fn creator(&self, username: &Username) -> Result<Option<CreatorDetail>, Unavailable> {
        Ok((username.as_str() == "ada").then(detail_of_ada))
    }
    async fn poll_now(&self, username: &Username) -> Result<bool, Unavailable> {
        self.polled.lock().unwrap().push(username.clone());
        Ok(username.as_str() == "ada")
    }
    async fn plan(
        &self,
        creator: Option<Username>,
        want: Option<Duration>,
    ) -> Result<Option<Value>, Unavailable> {
        let known = creator.is_none_or(|name| name.as_str() == "ada");
        Ok(known.then(|| serde_json::json!({ "want": want.map(|want| want.as_secs()) })))
    }
    async fn webhooks(&self) -> Result<Arc<Vec<Lane>>, Unavailable> {
        if self.store_fails.load(Ordering::Relaxed) {
            return Err(Unavailable::Store("the store could not read".to_owned()));
        }
        Ok(Arc::new(vec![lane("backend")]))
    }
    fn loops(&self) -> Vec<LoopAge> {
        let age = *self.poller_age.lock().unwrap();
        let dispatcher = LoopAge {
            name: "dispatcher",
            age: Duration::ZERO,
        };
        vec![
            LoopAge {
                name: "poller",
                age,
            },
            dispatcher,
        ]
    }
    fn changes(&self) -> broadcast::Receiver<Arc<Change>> {
        self.changes.listen()
    }
}

/// A server on a free port, in front of a [`FakeMonitor`].
pub(super) struct Bench {
    site: Arc<Site>,
    pub(super) monitor: Arc<FakeMonitor>,
    pub(super) store: Arc<Sqlite>,
    pub(super) address: std::net::SocketAddr,
    pub(super) client: Client,
    pub(super) drain: CancellationToken,
    others: TaskTracker,
    serving: JoinSet<()>,
    _folder: TempDir,
}

impl Bench {
    pub(super) async fn start() -> Self {
        Self::seen_from("127.0.0.1:1", Some("s3cret")).await
    }

    /// As if it listened on `listen`.
    async fn seen_from(listen: &str, token: Option<&str>) -> Self {
        let mut config = crate::config::fixtures::config(1);
        config.http.token = token.map(Secret::new);
        let folder = tempfile::tempdir().unwrap();
        let monitor = Arc::new(FakeMonitor::default());
        let drain = CancellationToken::new();
        let others = TaskTracker::new();
        others.close();
        let metrics = Metrics::default();
        metrics.webhook_joins("backend");
        let store = Arc::new(Sqlite::open(&folder.path().join("state.db")).unwrap());
        let site = Site {
            monitor: monitor.clone(),
            history: Arc::clone(&store) as _,
            store: Arc::clone(&store) as _,
            metrics,
            clock: Clock::simulated(NOW),
            access: Access::new(watch::channel(Arc::new(config)).1, listen.parse().unwrap()),
            drain: drain.clone(),
        };
        let site = Arc::new(site);
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        let served = serve(listener, Arc::clone(&site), others.clone());
        serving.spawn(async move { served.await.unwrap() });
        // Refused if another test did it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self {
            site,
            monitor,
            store,
            address,
            client,
            drain,
            others,
            serving,
            _folder: folder,
        }
    }

    /// What the routes have at hand.
    pub(super) fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site)
    }

    pub(super) async fn get(&self, path: &str) -> Response {
        self.get_with(path, &[]).await
    }

    pub(super) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.client.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.post(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

pub(super) async fn detail(response: Response) -> String {
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(kind, "application/problem+json");
    let status = response.status().as_u16();
    let document: serde_json::Value =
        serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(document["status"], status);
    assert_eq!(document["type"], "about:blank");
    document["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn health_is_the_age_of_each_loop_and_names_the_one_that_hangs() {
    let bench = Bench::start().await;
    bench.monitor.store_fails.store(true, Ordering::Relaxed);
    bench.monitor.poller_hangs.store(true, Ordering::Relaxed);
    assert_eq!(bench.get("/healthz").await.status(), StatusCode::OK);
    *bench.monitor.poller_age.lock().unwrap() = LoopAge::LONGEST + Duration::from_secs(1);
    let sick = bench.get("/healthz").await;
    assert_eq!(sick.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = detail(sick).await;
    assert_eq!(said, "the poller has made no progress for 31 s");
}

#[tokio::test]
async fn ready_asks_the_store_and_nothing_of_the_api() {
    let bench = Bench::start().await;
    bench.monitor.poller_hangs.store(true, Ordering::Relaxed);
    assert_eq!(bench.get("/readyz").await.status(), StatusCode::OK);
    bench.monitor.store_fails.store(true, Ordering::Relaxed);
    let away = bench.get("/readyz").await;
    assert_eq!(away.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(detail(away).await, "the store could not read");
}

#[tokio::test]
async fn while_draining_it_is_alive_and_not_ready_and_then_gone_within_five_seconds() {
    let mut bench = Bench::start().await;
    let _another_task = bench.others.token();
    bench.drain.cancel();
    let began = Clock::system();
    assert_eq!(
        bench.get("/readyz").await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(bench.get("/healthz").await.status(), StatusCode::OK);
    // A client that never ends its request holds nothing up.
    let mut slow = TcpStream::connect(bench.address).await.unwrap();
    slow.write_all(b"POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nx")
        .await
        .unwrap();
    bench.serving.join_next().await.unwrap().unwrap();
    assert!(
        began.monotonic() < Duration::from_secs(5),
        "{:?}",
        began.monotonic()
    );
    assert!(TcpStream::connect(bench.address).await.is_err());
}

#[tokio::test]
async fn it_goes_at_once_when_nobody_else_is_left() {
    let mut bench = Bench::start().await;
    let began = Clock::system();
    bench.drain.cancel();
    bench.serving.join_next().await.unwrap().unwrap();
    assert!(
        began.monotonic() < Duration::from_secs(1),
        "{:?}",
        began.monotonic()
    );
}

#[tokio::test]
async fn metrics_show_what_the_daemon_says_and_survive_a_poller_that_hangs() {
    let bench = Bench::start().await;
    let response = bench.get("/metrics").await;
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = response.text().await.unwrap();
    for line in [
        "tallylight_creators{state=\"live\"} 1\n",
        "tallylight_creators{state=\"unknown\"} 1\n",
        "tallylight_budget_credits_remaining 13000.0\n",
        "tallylight_credits_remaining 20000.0\n",
        "tallylight_deliveries_pending{webhook=\"backend\"} 4\n",
        "tallylight_oldest_pending_seconds{webhook=\"backend\"} 180.",
        "tallylight_webhook_state{webhook=\"backend\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("ada") && !text.contains("bob"), "{text}");
    bench.monitor.poller_hangs.store(true, Ordering::Relaxed);
    assert_eq!(bench.get("/metrics").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_status_is_the_overview_with_the_webhooks() {
    let bench = Bench::start().await;
    let response = bench.get("/api/v1/status").await;
    let status: Status = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(status.overview, overview());
    assert_eq!(status.webhooks, [lane("backend")]);
    bench.monitor.poller_hangs.store(true, Ordering::Relaxed);
    let busy = bench.get("/api/v1/status").await;
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(detail(busy).await, "the poller did not answer in time");
}

#[tokio::test]
async fn a_poll_is_asked_for_with_the_token_alone() {
    let bench = Bench::start().await;
    let path = "/api/v1/creators/@Ada/poll";
    let bearer = ("authorization", "Bearer s3cret");
    assert_eq!(
        bench.post(path, &[]).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let wrong = [("authorization", "Bearer wrong")];
    assert_eq!(
        bench.post(path, &wrong).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let elsewhere = [bearer, ("origin", "https://evil.example")];
    assert_eq!(
        bench.post(path, &elsewhere).await.status(),
        StatusCode::FORBIDDEN
    );
    assert!(bench.monitor.polled.lock().unwrap().is_empty());
    assert_eq!(
        bench.post(path, &[bearer]).await.status(),
        StatusCode::ACCEPTED
    );
    let nobody = bench.post("/api/v1/creators/nobody/poll", &[bearer]).await;
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
    let odd = bench.post("/api/v1/creators/!!/poll", &[bearer]).await;
    assert_eq!(odd.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        bench.get(path).await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn another_name_for_this_machine_is_refused() {
    let bench = Bench::start().await;
    let refused = bench
        .get_with("/api/v1/status", &[("host", "evil.example")])
        .await;
    assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST);
    assert!(detail(refused).await.contains("`hosts`"));
}

#[tokio::test]
async fn every_answer_forbids_what_a_page_could_do_with_it() {
    let bench = Bench::start().await;
    for path in ["/healthz", "/metrics", "/nothing/here", "/login"] {
        let response = bench.get(path).await;
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "same-origin");
        assert_eq!(headers["cache-control"], "no-store");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
    let lost = bench.get("/nothing/here").await;
    assert_eq!(lost.status(), StatusCode::NOT_FOUND);
    detail(lost).await;
}

#[tokio::test]
async fn beyond_loopback_a_browser_logs_in_and_a_program_shows_the_token() {
    let bench = Bench::seen_from("192.0.2.1:1", Some("s3cret")).await;
    assert_eq!(bench.get("/healthz").await.status(), StatusCode::OK);
    let refused = bench.get("/metrics").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(
        refused.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer")
    );
    let page = bench.get_with("/", &[("accept", "text/html,*/*")]).await;
    assert_eq!(
        (page.status(), &page.headers()["location"]),
        (StatusCode::SEE_OTHER, &"/login".parse().unwrap())
    );

    let url = format!("http://{}/login", bench.address);
    let form = |token: &str| {
        let request = bench.client.post(&url).body(format!("token={token}"));
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .send()
    };
    assert_eq!(
        form("wrong").await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let right = form("s3cret").await.unwrap();
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    let cookie = right.headers()["set-cookie"].to_str().unwrap();
    let pair = cookie.split(';').next().unwrap();
    assert_eq!(
        bench
            .get_with("/metrics", &[("cookie", pair)])
            .await
            .status(),
        StatusCode::OK
    );
}

const PERSON: (&str, &str) = ("accept", "text/html,*/*");

impl Bench {
    async fn submits(&self, path: &str, form: &str, cookie: Option<&str>) -> Response {
        let request = self.client.post(format!("http://{}{path}", self.address));
        let mut request = request
            .header(PERSON.0, PERSON.1)
            .header("origin", format!("http://{}", self.address))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned());
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        request.send().await.unwrap()
    }
}

/// Where an answer leads, or its status.
fn leads(response: &Response) -> String {
    match response.headers().get("location") {
        Some(to) if response.status() == StatusCode::SEE_OTHER => to.to_str().unwrap().to_owned(),
        _ => response.status().to_string(),
    }
}

#[tokio::test]
async fn a_button_without_the_cookie_leads_to_the_form_and_back_and_does_nothing() {
    let bench = Bench::start().await;
    let pressed = bench.submits("/creators/ada/poll", "", None).await;
    assert_eq!(leads(&pressed), "/login?next=/creators/ada");
    let replay = bench.submits("/deliveries/7/replay", "", None).await;
    assert_eq!(leads(&replay), "/login?next=/deliveries/7");
    assert!(bench.monitor.polled.lock().unwrap().is_empty());

    let form = bench.get(&leads(&pressed)).await.text().await.unwrap();
    assert!(
        form.contains("name=\"next\" value=\"/creators/ada\""),
        "{form}"
    );
    let wrong = bench
        .submits("/login", "token=no&next=/creators/ada", None)
        .await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(!wrong.headers().contains_key("set-cookie"));
    let again = wrong.text().await.unwrap();
    assert!(again.contains("That is not the token.") && again.contains("value=\"/creators/ada\""));

    let right = bench
        .submits("/login", "token=s3cret&next=/creators/ada", None)
        .await;
    assert_eq!(leads(&right), "/creators/ada?done=logged_in");
    let cookie = right.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains("s3cret"), "{cookie}");
    let cookie = cookie.split(';').next();
    let polled = bench.submits("/creators/ada/poll", "", cookie).await;
    assert_eq!(leads(&polled), "/creators/ada?done=polled");
    assert_eq!(bench.monitor.polled.lock().unwrap().len(), 1);
    let unknown = bench.submits("/deliveries/7/replay", "", cookie).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);

    let gone = bench.submits("/logout", "", cookie).await;
    assert_eq!(leads(&gone), "/login?done=logged_out");
    let cleared = gone.headers()["set-cookie"].to_str().unwrap();
    assert!(cleared.starts_with("tallylight_session=;") && cleared.contains("Max-Age=0"));
}

#[tokio::test]
async fn the_form_leads_to_no_other_server() {
    let bench = Bench::start().await;
    for next in [
        "https://evil.example",
        "//evil.example",
        "/%5Cevil.example",
        "/%09/evil.example",
    ] {
        let form = format!("token=s3cret&next={next}");
        let back = bench.submits("/login", &form, None).await;
        assert_eq!(leads(&back), "/?done=logged_in", "{next}");
    }
}

#[tokio::test]
async fn another_sites_form_does_nothing_even_with_the_cookie() {
    let bench = Bench::start().await;
    let right = bench.submits("/login", "token=s3cret", None).await;
    let cookie = right.headers()["set-cookie"].to_str().unwrap();
    let pair = ("cookie", cookie.split(';').next().unwrap());
    for origin in ["https://evil.example", "null"] {
        let headers = [pair, PERSON, ("origin", origin)];
        let refused = bench.post("/creators/ada/poll", &headers).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    assert!(bench.monitor.polled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn beyond_loopback_a_page_is_asked_for_again_after_the_token() {
    let bench = Bench::seen_from("192.0.2.1:1", Some("s3cret")).await;
    let there = bench
        .get_with("/creators?state=live&done=polled", &[PERSON])
        .await;
    assert_eq!(leads(&there), "/login?next=/creators%3Fstate%3Dlive");
    assert_eq!(
        bench.get("/assets/style.css").await.status(),
        StatusCode::OK
    );
    assert_eq!(
        bench.get("/assets/live.js").await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_person_reads_what_is_wrong_on_a_page() {
    let bench = Bench::seen_from("127.0.0.1:1", None).await;
    for (path, status) in [
        ("/nothing/here", StatusCode::NOT_FOUND),
        ("/deliveries/abc", StatusCode::NOT_FOUND),
        ("/deliveries/7", StatusCode::NOT_FOUND),
        ("/creators/nobody", StatusCode::NOT_FOUND),
        ("/creators/!!", StatusCode::BAD_REQUEST),
        ("/creators?state=%3Cb%3E", StatusCode::BAD_REQUEST),
        (
            "/webhooks/backend?before=%3Cscript%3E",
            StatusCode::BAD_REQUEST,
        ),
        (
            "/webhooks/backend?status=%3Cscript%3E",
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let response = bench.get_with(path, &[PERSON]).await;
        assert_eq!(response.status(), status, "{path}");
        let kind = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(kind.starts_with("text/html"), "{path}: {kind}");
        assert!(
            !response.text().await.unwrap().contains("<script>"),
            "{path}"
        );
    }
    let nobody = bench.submits("/creators/ada/poll", "", None).await;
    assert_eq!(nobody.status(), StatusCode::FORBIDDEN);
    assert!(
        nobody
            .text()
            .await
            .unwrap()
            .contains("the configuration has no `token`")
    );
}

#[tokio::test]
async fn what_is_too_long_or_never_comes_is_let_go() {
    let bench = Bench::start().await;
    let bearer = [("authorization", "Bearer s3cret")];
    let url = format!("http://{}/login", bench.address);
    let long = bench.client.post(url).body("x".repeat(MAX_BODY + 1));
    let long = long
        .header("content-type", "application/x-www-form-urlencoded")
        .send();
    assert_eq!(long.await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    let head = "x".repeat(60_000);
    let heavy = bench
        .get_with("/healthz", &[bearer[0], ("x-long", &head)])
        .await;
    assert_eq!(heavy.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let mut silent = TcpStream::connect(bench.address).await.unwrap();
    silent.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(15), silent.read_to_end(&mut rest));
    closed
        .await
        .expect("a head that never ends is waited for")
        .unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(address).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {address}: ")),
        "{error}"
    );
    assert!(error.contains("`listen` in [http]"), "{error}");
}

#[tokio::test]
async fn readers_of_one_overview_share_one_page_and_see_the_next_one() {
    let bench = Bench::start().await;
    let first = bench.get("/").await.text().await.unwrap();
    // To draw it again would need the store.
    bench.monitor.store_fails.store(true, Ordering::Relaxed);
    let again = bench.get("/").await;
    assert_eq!(again.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(again.text().await.unwrap(), first);
    let with_covers = bench.get("/?covers=show").await;
    assert_eq!(with_covers.status(), StatusCode::SERVICE_UNAVAILABLE);
    bench.monitor.shared.lock().unwrap().take();
    assert_eq!(
        bench.get("/").await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}
