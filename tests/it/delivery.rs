//! `ping` from outside: the real program, a real receiver, exit codes and streams.

#![expect(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use http::StatusCode;
use tallylight::clock::Clock;
use tallylight::simulator::receiver::{Receiver, Verdict};
use tallylight::simulator::wire::{Answer, Reply, loopback};

use crate::program::{Ran, SECRET, ran, tallylight};

async fn receiver() -> Receiver {
    let keys = vec![SECRET.parse().unwrap()];
    Receiver::start(loopback().await.unwrap(), keys, Clock::system()).unwrap()
}

/// Runs `tallylight ping ID` with one webhook called `backend` at `url`.
async fn ping(id: &'static str, url: &str) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        r#"
[konbini]
api_key = "konbini-test"

[polling]
schedule = "fixed"

[watchlist]
creators = ["khaby.lame"]

[[webhook]]
id = "backend"
url = "{url}/hooks?key=hunter2"
secret = "{SECRET}"
timeout = "1s"
headers = {{ authorization = "Bearer hunter3" }}
"#
    );
    let path = dir.path().join("config.toml");
    std::fs::write(&path, config).unwrap();
    let mut command = tallylight();
    command.arg("--config").arg(path).args(["ping", id]);
    // Nobody listens there: whoever heeds these gets nowhere.
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    ran(command).await
}

#[tokio::test]
async fn a_ping_that_is_taken_exits_0_and_arrived_signed() {
    let receiver = receiver().await;
    let thanks = Answer::status(StatusCode::OK).with_body("thanks\u{1b}[2J");
    receiver.answer_with(thanks.into());
    let ran = ping("backend", &receiver.url()).await;
    let arrived = receiver.stop().await;
    assert_eq!((ran.code, arrived.len()), (Some(0), 1), "{}", ran.stderr);
    assert_eq!(arrived[0].verdict, Verdict::Genuine);
    assert_eq!(arrived[0].event_type().as_deref(), Some("webhook.test"));
    assert_eq!(arrived[0].target, "/hooks?key=hunter2");
    assert_eq!(arrived[0].header("authorization"), Some("Bearer hunter3"));
    assert!(ran.stdout.contains("answered 200 in "), "{}", ran.stdout);
    assert!(ran.stdout.contains(r"thanks\u{1b}[2J"), "{}", ran.stdout);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter"));
}

#[tokio::test]
async fn a_ping_that_is_refused_hangs_or_finds_nobody_exits_1_and_says_why() {
    let receiver = receiver().await;
    for (reply, told) in [
        (
            Reply::status(StatusCode::UNAUTHORIZED),
            "failed (http_4xx): answered 401, after ",
        ),
        (Reply::Hang, "failed (timeout): "),
        (Reply::Reset, "failed (reset): "),
    ] {
        receiver.answer_with(reply);
        let ran = ping("backend", &receiver.url()).await;
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stdout.contains(told), "{}", ran.stdout);
    }
    let url = receiver.url();
    assert_eq!(receiver.stop().await.len(), 3);
    let ran = ping("backend", &url).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("failed (connect): "), "{}", ran.stdout);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter"));
}

#[tokio::test]
async fn a_ping_of_an_unknown_webhook_is_a_usage_error_that_names_the_known() {
    let ran = ping("backand", "http://127.0.0.1:9").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    let told = "tallylight: no webhook backand: the configuration has backend\n";
    assert!(ran.stderr.ends_with(told), "{}", ran.stderr);
}
