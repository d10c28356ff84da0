use standardwebhooks::Webhook as Oracle;

use super::*;
use crate::config::Secret;
use crate::domain::Event;

/// The specification's example secret.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A webhook with the defaults of the configuration.
pub(crate) fn webhook(id: &str, url: &str) -> Webhook {
    crate::config::fixtures::webhook(id, url)
}

fn endpoint(webhook: Webhook) -> Endpoint {
    Endpoint::new(Arc::new(webhook)).unwrap()
}

fn shown(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let mut all: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn the_published_vector_comes_out_as_a_whole_request() {
    // The other published vector has a secret too short for a configuration: `domain::signature` has it.
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let body = r#"{"test": 2432232314}"#;
    let mut hook = webhook("backend", "https://example.com/hooks");
    hook.secrets = vec![SECRET.parse().unwrap()];
    // 999 ms into the second: the header counts whole seconds.
    let now = Timestamp::from_millis(1_614_265_330_999);
    let request = endpoint(hook)
        .request(&EventId::from_stored(id.to_owned()), body, now)
        .unwrap();
    let expected = [
        ("content-type", "application/json"),
        ("user-agent", AGENT),
        ("webhook-id", id),
        (
            "webhook-signature",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        ("webhook-timestamp", "1614265330"),
    ];
    assert_eq!(shown(&request.headers), expected);
    assert_eq!(request.body, body.as_bytes());
    assert_eq!(request.url.as_str(), "https://example.com/hooks");
    assert_eq!(request.timeout, Duration::from_secs(15));
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the oracle compares with the real clock"
)]
fn the_reference_implementation_accepts_a_whole_request_with_either_secret() {
    let secrets = [SECRET, "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg=="];
    let mut hook = webhook("backend", "https://example.com/");
    hook.secrets = secrets.iter().map(|s| s.parse().unwrap()).collect();
    let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
    let event = Event::test("backend", now, [7; 16]);
    let request = endpoint(hook).request(&event.id, &event.body, now).unwrap();
    for secret in secrets {
        let oracle = Oracle::new(secret).unwrap();
        oracle.verify(&request.body, &request.headers).unwrap();
    }
    let stranger = Oracle::new("whsec_c3RyYW5nZXJzdHJhbmdlcnN0cmFuZ2Vy").unwrap();
    assert!(stranger.verify(&request.body, &request.headers).is_err());
    let both = request.headers["webhook-signature"].to_str().unwrap();
    let first: crate::domain::signature::SigningKey = secrets[0].parse().unwrap();
    let signature = first.sign(event.id.as_str(), now.as_seconds(), &request.body);
    assert!(both.starts_with(&format!("{signature} v1,")));
}

#[test]
fn each_attempt_is_signed_with_its_own_time_under_the_same_id() {
    let endpoint = endpoint(webhook("backend", "https://example.com/"));
    let id = EventId::from_stored("evt_1".to_owned());
    let first = endpoint
        .request(&id, "{}", Timestamp::from_millis(1_000))
        .unwrap();
    let second = endpoint
        .request(&id, "{}", Timestamp::from_millis(601_000))
        .unwrap();
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_eq!(second.headers["webhook-timestamp"], "601");
    let key = &endpoint.webhook().secrets[0];
    let signature = second.headers["webhook-signature"].to_str().unwrap();
    assert!(key.verifies("evt_1", 601, b"{}", signature));
}

#[test]
fn configured_headers_are_sent_and_never_replace_ours() {
    let mut hook = webhook("backend", "https://example.com/");
    let pairs = [
        ("Authorization", "Bearer token"),
        ("x-team", "emea"),
        ("Webhook-Id", "forged"),
        ("webhook-signature", "v1,forged"),
        ("webhook-anything", "forged"),
        ("Content-Type", "text/plain"),
        ("content-length", "1"),
        ("User-Agent", "curl"),
        ("Host", "elsewhere"),
        ("Transfer-Encoding", "chunked"),
        ("connection", "close"),
    ];
    hook.headers = pairs
        .map(|(name, value)| (name.to_owned(), Secret::new(value)))
        .to_vec();
    let endpoint = endpoint(hook);
    let id = EventId::from_stored("evt_1".to_owned());
    let request = endpoint
        .request(&id, "{}", Timestamp::from_millis(1_000))
        .unwrap();
    let signature = endpoint.webhook().secrets[0].sign("evt_1", 1, b"{}");
    let expected = [
        ("authorization", "Bearer token"),
        ("content-type", "application/json"),
        ("user-agent", AGENT),
        ("webhook-id", "evt_1"),
        ("webhook-signature", signature.as_str()),
        ("webhook-timestamp", "1"),
        ("x-team", "emea"),
    ];
    assert_eq!(shown(&request.headers), expected);
}

#[test]
fn what_cannot_be_sent_is_refused_without_showing_it() {
    let refused = |hook| Endpoint::new(Arc::new(hook)).unwrap_err().to_string();
    for url in ["", "example.com", "ftp://example.com/", "https://"] {
        let error = refused(webhook("backend", url));
        assert_eq!(
            error,
            r#"the url of webhook "backend" is not an http or https address"#
        );
    }
    let mut hook = webhook("backend", "https://example.com/");
    hook.headers = vec![("x-token".to_owned(), Secret::new("sec\nret"))];
    assert_eq!(
        refused(hook),
        r#"webhook "backend" cannot send the header "x-token""#
    );
}

#[test]
fn debug_shows_neither_headers_nor_more_of_the_address_than_the_host() {
    let mut hook = webhook(
        "chat",
        "https://user:hunter2@example.com:8443/T0KEN?key=hunter3",
    );
    hook.headers = vec![("authorization".to_owned(), Secret::new("hunter4"))];
    let endpoint = endpoint(hook);
    let id = EventId::from_stored("evt_1".to_owned());
    let request = endpoint
        .request(&id, "hunter5", Timestamp::from_millis(1_000))
        .unwrap();
    let text = format!("{endpoint:?} {request:?} {:?}", request.headers);
    assert!(text.contains("https://example.com:8443"), "{text}");
    assert!(
        !text.contains("hunter") && !text.contains("T0KEN"),
        "{text}"
    );
}

#[test]
fn the_hash_tells_one_address_from_another() {
    let hash = |url| endpoint(webhook("backend", url)).url_hash();
    assert_eq!(
        hash("https://example.com/"),
        "0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7"
    );
    assert_ne!(hash("https://example.com/"), hash("https://example.com/?"));
}

#[test]
fn the_github_style_adds_its_header_by_the_first_secret() {
    let mut hook = webhook("backend", "https://example.com/");
    hook.signature_style = SignatureStyle::Github;
    hook.secrets = [SECRET, "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg=="]
        .map(|secret| secret.parse().unwrap())
        .to_vec();
    let endpoint = endpoint(hook);
    let id = EventId::from_stored("evt_1".to_owned());
    let request = endpoint
        .request(&id, "Hello, World!", Timestamp::from_millis(1_000))
        .unwrap();
    // `printf 'Hello, World!' | openssl dgst -sha256 -hmac "$SECRET"`
    let expected = "sha256=7ad4fd21c74c164320d9ac01f24d0797c8be594bf356ab332fdd61a03b78cec0";
    assert_eq!(request.headers["x-hub-signature-256"], expected);
    assert!(request.headers.contains_key("webhook-signature"));
}
