//! The real binary behind its listener: health, metrics, status, names, the end.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tallylight::simulator::Fault;

use super::{Daemon, PATIENCE, Surroundings, name};

const ROOM: &str = "7600000000000000001";

/// A daemon that listens on a port of its own choice.
pub(crate) async fn listening(around: &Surroundings) -> (Daemon, String) {
    let daemon = around.start();
    let address = tokio::time::timeout(PATIENCE, async {
        loop {
            let log = daemon.log();
            let url = log
                .split("listening on ")
                .nth(1)
                .and_then(|rest| rest.split_whitespace().next());
            if let Some(url) = url {
                return url.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let url = address.await.expect("it does not listen");
    (daemon, url)
}

pub(crate) fn with_listener(around: &Surroundings) {
    around.reconfigure(
        "listen = \"off\"",
        "listen = \"127.0.0.1:0\"\ntoken = \"hunter2-hunter2\"",
    );
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

async fn get(url: &str, path: &str) -> (StatusCode, String) {
    let response = client().get(format!("{url}{path}")).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

/// Waits until `path` says what is wanted.
pub(super) async fn until(url: &str, path: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut last = String::new();
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            last = get(url, path).await.1;
            if wanted(&last) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let found = found.await.is_ok();
    assert!(found, "{path} still says:\n{last}");
    last
}

async fn asks(around: &Surroundings, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallylight"));
    command
        .args(arguments)
        .arg("--config")
        .arg(around.config_file());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_running_daemon_says_how_it_is_and_ends_in_time() {
    let around = Surroundings::of(3).await;
    with_listener(&around);
    let (mut daemon, url) = listening(&around).await;
    assert_eq!(get(&url, "/healthz").await.0, StatusCode::OK);
    assert_eq!(get(&url, "/readyz").await.0, StatusCode::OK);

    around.handle().set_live(&name(1), Some(ROOM));
    let status = until(&url, "/api/v1/status", |text| text.contains(ROOM)).await;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["creators"]["watched"], 3);
    assert_eq!(status["live"][0]["username"], "creator1");
    assert_eq!(status["webhooks"][0]["id"], "backend");
    assert!(status["credits"]["account_remaining"].is_u64());
    let metrics = until(&url, "/metrics", |text| {
        text.contains("deliveries_total{webhook=\"backend\",outcome=\"delivered\"} 1\n")
    })
    .await;
    assert!(metrics.contains("tallylight_transitions_total{type=\"stream.started\"} 1\n"));
    assert!(metrics.contains("tallylight_config_last_reload_successful 1\n"));
    assert!(!metrics.contains("creator1"));
    accepted_by_promtool(&metrics);

    let asked = around.handle().polls(&name(2));
    let poll = client().post(format!("{url}/api/v1/creators/creator2/poll"));
    assert_eq!(
        poll.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let poll = client().post(format!("{url}/api/v1/creators/creator2/poll"));
    let poll = poll.bearer_auth("hunter2-hunter2").send().await.unwrap();
    assert_eq!(poll.status(), StatusCode::ACCEPTED);
    let (handle, creator) = (around.handle(), name(2));
    let polled = handle.wait_for_polls(&creator, asked + 1);
    tokio::time::timeout(PATIENCE, polled).await.unwrap();

    let rebound = client().get(format!("{url}/api/v1/status"));
    let rebound = rebound.header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), StatusCode::MISDIRECTED_REQUEST);

    // A hanging API keeps the poller from ending: meanwhile it is alive and not ready.
    around.handle().fault_everywhere(Some(Fault::Hang));
    let polls = around.handle().polls(&name(2)) + 1;
    let hanging = handle.wait_for_polls(&creator, polls);
    tokio::time::timeout(PATIENCE, hanging).await.unwrap();
    daemon.signal("TERM");
    until(&url, "/readyz", |text| text.contains("stopping")).await;
    assert_eq!(get(&url, "/healthz").await.0, StatusCode::OK);
    assert_eq!(daemon.ended().await.code(), Some(0));
    assert!(!daemon.log().contains("hunter2"));
}

#[tokio::test]
async fn the_commands_ask_the_running_daemon_and_say_when_there_is_none() {
    let around = Surroundings::of(2).await;
    let none = asks(&around, &["status"]).await;
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&none.stderr).contains("listen = \"off\""));

    with_listener(&around);
    let (daemon, url) = listening(&around).await;
    let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    around.reconfigure("127.0.0.1:0", &format!("0.0.0.0:{}", address.port()));
    let healthy = asks(&around, &["healthcheck"]).await;
    assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
    // The daemon goes on by the last file that could be used: it is not to be killed for this one.
    around.reconfigure("[konbini]", "nonsense = 1\n[konbini]");
    let healthy = asks(&around, &["healthcheck"]).await;
    assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
    assert_eq!(asks(&around, &["check"]).await.status.code(), Some(78));
    around.reconfigure("nonsense = 1\n[konbini]", "[konbini]");
    around.handle().set_live(&name(0), Some(ROOM));
    until(&url, "/api/v1/status", |text| text.contains(ROOM)).await;
    let status = asks(&around, &["status"]).await;
    assert_eq!(status.status.code(), Some(0), "{status:?}");
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(
        text.contains("2 creators, 1 live") && text.contains("@creator0"),
        "{text}"
    );
    assert!(text.contains("backend  healthy"), "{text}");
    let json = asks(&around, &["status", "--json"]).await;
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["live"][0]["stream"]["id"], ROOM);

    // The same port again: a sentence, and exit code 1.
    let folder = tempfile::tempdir().unwrap();
    let second = folder.path().join("config.toml");
    let text = std::fs::read_to_string(around.config_file()).unwrap();
    std::fs::write(&second, text).unwrap();
    std::fs::write(folder.path().join("creators.txt"), "creator0\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallylight"));
    command.arg("run").arg("--config").arg(&second);
    let refused = tokio::task::spawn_blocking(move || command.output().unwrap());
    let refused = refused.await.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("cannot listen on 0.0.0.0:"), "{said}");

    assert_eq!(daemon.stop().await, Some(0));
    let gone = asks(&around, &["healthcheck"]).await;
    assert_eq!(gone.status.code(), Some(1));
    let said = String::from_utf8_lossy(&gone.stderr).into_owned();
    assert!(said.contains("no daemon answers on 127.0.0.1:"), "{said}");
}

/// Where promtool is missing the test says so, unless everything was asked for.
fn accepted_by_promtool(metrics: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        let all = std::env::var_os("TALLYLIGHT_TEST_ALL").is_some();
        assert!(!all, "promtool is missing");
        eprintln!("SKIPPED: promtool is missing, install prometheus");
        return;
    };
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(metrics.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
