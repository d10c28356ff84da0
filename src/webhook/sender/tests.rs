mod egress;
mod tls;

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::config::Webhook;
use crate::domain::{EventId, Timestamp};
use crate::simulator::wire::{self, Wire, loopback};
use crate::webhook::Endpoint;
use crate::webhook::request::tests::webhook;

async fn answering(reply: wire::Reply) -> Wire {
    let handler = move |_| {
        let reply = reply.clone();
        async move { reply }
    };
    Wire::start(loopback().await.unwrap(), handler).unwrap()
}

fn request(url: &str, timeout: Duration) -> Request {
    request_of(Webhook {
        timeout,
        ..webhook("backend", url)
    })
}

fn request_of(hook: Webhook) -> Request {
    let endpoint = Endpoint::new(Arc::new(hook)).unwrap();
    let id = EventId::from_stored("evt_1".to_owned());
    endpoint
        .request(&id, "{}", Timestamp::from_millis(1_000))
        .unwrap()
}

async fn send(url: &str, timeout: Duration) -> Exchange {
    HttpSender::new().unwrap().send(request(url, timeout)).await
}

/// For exchanges that end by themselves: never reached, so that its length does not matter.
const LONG: Duration = Duration::from_secs(30);
/// For exchanges that do not.
const SHORT: Duration = Duration::from_millis(200);

fn answered(exchange: Exchange) -> Answer {
    match exchange.reply {
        Reply::Answered(answer) => answer,
        Reply::Broken(broken) => panic!("{broken:?}"),
    }
}

fn broken(exchange: Exchange) -> Breakage {
    match exchange.reply {
        Reply::Broken(broken) => broken,
        Reply::Answered(answer) => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn what_arrives_is_what_was_signed() {
    let seen = Arc::new(Mutex::new(None));
    let record = Arc::clone(&seen);
    let handler = move |request: wire::Request| {
        *record.lock().unwrap() = Some(request);
        async { wire::Reply::status(StatusCode::NO_CONTENT) }
    };
    let wire = Wire::start(loopback().await.unwrap(), handler).unwrap();
    let url = format!("{}/hooks?key=1", wire.url());
    let sent = request(&url, LONG);
    let answer = answered(HttpSender::new().unwrap().send(sent.clone()).await);
    assert_eq!(answer.status, 204);
    let arrived = seen.lock().unwrap().take().unwrap();
    assert_eq!(
        (arrived.method, arrived.path.as_str()),
        (http::Method::POST, "/hooks")
    );
    assert_eq!(arrived.query.as_deref(), Some("key=1"));
    assert_eq!(arrived.body, sent.body);
    for (name, value) in &sent.headers {
        assert_eq!(arrived.headers.get(name), Some(value), "{name}");
    }
    let names: Vec<_> = arrived.headers.keys().map(HeaderName::as_str).collect();
    // Beside ours: what HTTP itself needs, and nothing that betrays another library.
    assert_eq!(names.len(), sent.headers.len() + 3, "{names:?}");
    for name in ["host", "accept", "content-length"] {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[tokio::test]
async fn the_first_four_kibibytes_of_an_answer_are_kept() {
    let body = "x".repeat(5_000);
    let wire = answering(
        wire::Answer::status(StatusCode::BAD_GATEWAY)
            .with_body(body)
            .into(),
    )
    .await;
    let answer = answered(send(&wire.url(), LONG).await);
    assert_eq!((answer.status, answer.body.len()), (502, 4_096));
}

#[tokio::test]
async fn an_endless_answer_is_left_at_the_cap_and_its_status_counts() {
    let body = "x".repeat(1_024);
    let answer = wire::Answer::status(StatusCode::OK).with_body(body);
    let wire = answering(wire::Reply::Endless(answer)).await;
    let answer = answered(send(&wire.url(), LONG).await);
    assert_eq!((answer.status, answer.body.len()), (200, 4_096));
}

#[tokio::test]
async fn at_most_the_cap_is_read_from_the_socket() {
    // One piece a time, so that what is written shows what is read: the client leaves at the cap.
    let answer = wire::Answer::status(StatusCode::OK).with_body(vec![b'x'; 40 * 65_536]);
    let reply = wire::Reply::Drip {
        answer,
        piece: 8 * 1024,
        every: Duration::from_millis(1),
    };
    let wire = answering(reply).await;
    let answer = answered(send(&wire.url(), LONG).await);
    assert_eq!(answer.status, 200);
    let written = wire.traffic().bytes_written();
    assert!(written >= 65_536, "{written}");
    assert!(written < 2 * 65_536, "{written}");
}

#[tokio::test]
async fn a_receiver_that_hangs_is_a_timeout_when_the_time_is_up() {
    let wire = answering(wire::Reply::Hang).await;
    let failed = broken(send(&wire.url(), SHORT).await);
    assert_eq!((failed.class, failed.status), (ErrorClass::Timeout, None));
    assert_eq!(wire.traffic().requests(), 1);
}

#[tokio::test]
async fn a_body_that_drips_is_a_timeout_however_steadily_it_comes() {
    let answer = wire::Answer::status(StatusCode::OK).with_body(vec![b'x'; 10_000]);
    let reply = wire::Reply::Drip {
        answer,
        piece: 1,
        every: Duration::from_millis(10),
    };
    let wire = answering(reply).await;
    let failed = broken(send(&wire.url(), SHORT).await);
    assert_eq!(
        (failed.class, failed.status),
        (ErrorClass::Timeout, Some(200))
    );
    assert!(!failed.body.is_empty());
}

#[tokio::test]
async fn a_reset_is_a_reset_and_is_not_tried_again_behind_our_back() {
    let wire = answering(wire::Reply::Reset).await;
    let failed = broken(send(&wire.url(), LONG).await);
    assert_eq!((failed.class, failed.status), (ErrorClass::Reset, None));
    assert_eq!(wire.traffic().requests(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_reset_with_what_was_read() {
    let reply = wire::Reply::Truncated {
        answer: wire::Answer::status(StatusCode::OK).with_body("half"),
        missing: 10,
    };
    let wire = answering(reply).await;
    let failed = broken(send(&wire.url(), LONG).await);
    assert_eq!(
        (failed.class, failed.status),
        (ErrorClass::Reset, Some(200))
    );
    assert_eq!(failed.body, b"half");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = answering(wire::Reply::status(StatusCode::OK)).await;
    let location = HeaderValue::from_str(&elsewhere.url()).unwrap();
    let answer = wire::Answer::status(StatusCode::TEMPORARY_REDIRECT)
        .with_header(http::header::LOCATION, location);
    let wire = answering(answer.into()).await;
    let answer = answered(send(&wire.url(), LONG).await);
    assert_eq!(
        (answer.status, answer.location),
        (307, Some(elsewhere.url()))
    );
    assert_eq!(wire.traffic().requests(), 1);
    assert_eq!(elsewhere.traffic().requests(), 0);
}

#[tokio::test]
async fn retry_after_comes_back_as_it_was_sent() {
    let answer = wire::Answer::status(StatusCode::TOO_MANY_REQUESTS)
        .with_header(http::header::RETRY_AFTER, HeaderValue::from_static("7"));
    let wire = answering(answer.into()).await;
    let answer = answered(send(&wire.url(), LONG).await);
    assert_eq!(
        (answer.status, answer.retry_after.as_deref()),
        (429, Some("7"))
    );
}

#[tokio::test]
async fn one_connection_serves_one_request_after_another() {
    let answer = wire::Answer::status(StatusCode::OK).with_body("thanks");
    let wire = answering(answer.into()).await;
    let sender = HttpSender::new().unwrap();
    for _ in 0..5 {
        let reply = sender.send(request(&wire.url(), LONG)).await;
        assert_eq!(answered(reply).status, 200);
    }
    let traffic = wire.traffic();
    assert_eq!((traffic.connections(), traffic.requests()), (1, 5));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_failed_connection() {
    let listener = loopback().await.unwrap();
    let url = format!("http://{}/?key=hunter2", listener.local_addr().unwrap());
    drop(listener);
    let failed = broken(send(&url, LONG).await);
    assert_eq!((failed.class, failed.status), (ErrorClass::Connect, None));
    assert!(failed.detail.contains("refused"), "{}", failed.detail);
    assert!(!failed.detail.contains("hunter2"), "{}", failed.detail);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_from_a_failed_connection() {
    // No resolver is asked for a name with an empty label.
    let failed = broken(send("http://a..invalid/?key=hunter2", LONG).await);
    assert_eq!(failed.class, ErrorClass::Dns, "{}", failed.detail);
    assert!(!failed.detail.contains("hunter2"), "{}", failed.detail);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_tls_failure() {
    let reply = async |mut socket: tokio::net::TcpStream| {
        let mut hello = [0; 1_024];
        let _ = socket.read(&mut hello).await;
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    };
    let failed = with_raw_server("https", reply).await;
    assert_eq!(failed.class, ErrorClass::Tls, "{}", failed.detail);
}

#[tokio::test]
async fn a_head_without_end_is_too_large() {
    let reply = async |mut socket: tokio::net::TcpStream| {
        let mut request = [0; 1_024];
        assert!(socket.read(&mut request).await.unwrap() > 0);
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n").await;
        let line = format!("x-padding: {}\r\n", "x".repeat(8_000));
        while socket.write_all(line.as_bytes()).await.is_ok() {}
    };
    let failed = with_raw_server("http", reply).await;
    assert_eq!(failed.class, ErrorClass::BodyTooLarge, "{}", failed.detail);
}

/// What becomes of a request to a server that writes what no HTTP library would.
async fn with_raw_server(scheme: &str, reply: impl AsyncFn(tokio::net::TcpStream)) -> Breakage {
    let listener = loopback().await.unwrap();
    let url = format!("{scheme}://{}/", listener.local_addr().unwrap());
    let served = async {
        let (socket, _) = listener.accept().await.unwrap();
        reply(socket).await;
    };
    let (failed, ()) = tokio::join!(send(&url, LONG), served);
    broken(failed)
}

/// Takes its time over every name.
#[derive(Debug)]
struct Slow(Duration);

#[async_trait]
impl Lookup for Slow {
    async fn lookup(&self, _: &str) -> io::Result<Vec<std::net::IpAddr>> {
        tokio::time::sleep(self.0).await;
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

#[tokio::test]
async fn the_parts_of_an_exchange_are_measured_and_a_kept_connection_has_none_to_make() {
    let slow = Duration::from_millis(60);
    let handler = move |_| async move {
        tokio::time::sleep(slow).await;
        wire::Reply::status(StatusCode::NO_CONTENT)
    };
    let wire = Wire::start(loopback().await.unwrap(), handler).unwrap();
    let url = format!("http://receiver.test:{}/", wire.address().port());
    let sender = HttpSender::resolving_by(Arc::new(Slow(slow))).unwrap();
    let first = sender.send(request(&url, LONG)).await.timing;
    let (dns, connect) = (first.dns.unwrap(), first.connect.unwrap());
    assert!(dns >= slow, "{first:?}");
    // The name's part is not counted again.
    assert!(
        first.first_byte.unwrap() >= dns + connect + slow,
        "{first:?}"
    );
    let second = sender.send(request(&url, LONG)).await.timing;
    assert_eq!((second.dns, second.connect), (None, None));
    assert!(second.first_byte.unwrap() >= slow, "{second:?}");
    assert_eq!(wire.traffic().connections(), 1);
}

#[tokio::test]
async fn an_exchange_that_ends_early_has_the_parts_that_ended() {
    let wire = answering(wire::Reply::Hang).await;
    let url = format!("http://receiver.test:{}/", wire.address().port());
    let sender = HttpSender::resolving_by(Arc::new(Slow(Duration::ZERO))).unwrap();
    let hung = sender.send(request(&url, SHORT)).await.timing;
    assert!(hung.dns.is_some() && hung.connect.is_some(), "{hung:?}");
    assert_eq!(hung.first_byte, None);
    let literal = send(&wire.url(), SHORT).await.timing;
    assert!(
        literal.dns.is_none() && literal.connect.is_some(),
        "{literal:?}"
    );
    let sender = HttpSender::resolving_by(Arc::new(Slow(LONG))).unwrap();
    let nothing = sender.send(request(&url, SHORT)).await.timing;
    assert_eq!(nothing, crate::domain::Timing::default());
}

#[tokio::test(start_paused = true)]
async fn name_connection_and_handshake_have_five_seconds_however_long_the_rest_may_take() {
    let sender = HttpSender::resolving_by(Arc::new(Slow(Duration::from_secs(9)))).unwrap();
    let clock = crate::clock::Clock::system();
    let failed = broken(sender.send(request("http://receiver.test/", LONG)).await);
    assert_eq!(failed.class, ErrorClass::Timeout, "{}", failed.detail);
    let took = clock.monotonic();
    let five = Duration::from_secs(5);
    assert!(
        took >= five && took < five + Duration::from_millis(50),
        "{took:?}"
    );
}
