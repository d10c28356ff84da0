//! The stream of changes: what a reader hears, what it loses, and when it ends.

use std::time::Duration;

use axum::response::IntoResponse as _;
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::*;
use crate::domain::Timestamp;
use crate::web::views::Change;

fn change(number: i64) -> Change {
    Change {
        kind: "stream.started".to_owned(),
        at: Timestamp::from_millis(number),
        creator: Some("ada".parse().unwrap()),
        stream: None,
        webhook: None,
        detail: Some("two\nlines".to_owned()),
    }
}

/// Reads until `wanted` has come.
async fn hear(answer: &mut reqwest::Response, heard: &mut String, wanted: &str) {
    let reading = timeout(Duration::from_secs(20), async {
        while !heard.contains(wanted) {
            let piece = answer.chunk().await.unwrap().expect("the stream ended");
            heard.push_str(std::str::from_utf8(&piece).unwrap());
        }
    });
    assert!(reading.await.is_ok(), "{wanted} is not in {heard}");
}

#[tokio::test]
async fn a_change_is_heard_as_json_on_one_line_and_the_drain_ends_the_stream() {
    let bench = Bench::start().await;
    let mut answer = bench.get("/api/v1/changes").await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    bench.monitor.changes.tell(change(1));
    bench.monitor.changes.tell(change(2));
    let mut heard = String::new();
    hear(&mut answer, &mut heard, "00.002Z").await;
    let lines: Vec<&str> = heard.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 2, "{heard}");
    let told: Change = serde_json::from_str(lines[0].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(told, change(1));

    bench.drain.cancel();
    let ended = timeout(Duration::from_secs(5), async {
        while answer.chunk().await.unwrap().is_some() {}
    });
    ended.await.expect("the stream outlives the daemon");
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_told_how_much_it_lost_and_goes_on() {
    let bench = Bench::start().await;
    let mut answer = bench.get("/api/v1/changes").await;
    // No other task runs in between: the reader cannot keep up.
    for number in 0..5_000 {
        bench.monitor.changes.tell(change(number));
    }
    let mut heard = String::new();
    hear(&mut answer, &mut heard, "00:00:04.999Z").await;
    assert!(
        heard.starts_with("event: lagged\ndata: "),
        "{}",
        &heard[..60]
    );
    let lost: usize = heard.lines().nth(1).unwrap()["data: ".len()..]
        .parse()
        .unwrap();
    assert_eq!(lost + heard.matches("\"type\"").count(), 5_000);
}

/// A site whose daemon never says anything, without a socket.
async fn quiet() -> (Bench, State) {
    let bench = Bench::start().await;
    let state = axum::extract::State(bench.site());
    (bench, state)
}

type State = axum::extract::State<Arc<Site>>;

async fn listen(site: &State, listeners: &Listeners) -> axum::response::Response {
    let nothing = axum::extract::Query(asked::Nothing {});
    let listening = changes::changes(site.clone(), Extension(listeners.clone()), nothing);
    listening.await.into_response()
}

#[tokio::test]
async fn streams_are_counted_and_a_place_that_is_left_is_free() {
    let (_bench, site) = quiet().await;
    let listeners = Listeners::default();
    let mut open = Vec::new();
    for _ in 0..1_500 {
        let answer = listen(&site, &listeners).await;
        assert_eq!(answer.status(), 200);
        open.push(answer);
    }
    assert_eq!(listen(&site, &listeners).await.status(), 503);
    open.pop();
    assert_eq!(listen(&site, &listeners).await.status(), 200);
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_is_alive() {
    let (_bench, site) = quiet().await;
    let mut body = listen(&site, &Listeners::default())
        .await
        .into_body()
        .into_data_stream();
    tokio::time::pause();
    let early = timeout(Duration::from_millis(14_900), body.next()).await;
    assert!(early.is_err(), "{early:?}");
    let first = timeout(Duration::from_millis(200), body.next()).await;
    let first = first.unwrap().unwrap().unwrap();
    assert!(first.starts_with(b":"), "{first:?}");
}
