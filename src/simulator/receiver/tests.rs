use super::super::wire::{Answer, loopback};
use super::Verdict::{Forged, Genuine, Unsigned};
use super::*;

const NOW: i64 = 1_772_217_402;
const BODY: &[u8] = br#"{"type":"webhook.test"}"#;

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes([byte; 32])
}

/// Headers of [`BODY`] as signed by `key` at `at`.
fn signed(key: &SigningKey, at: i64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let signature = key.sign("evt_1", at, BODY);
    headers.insert("webhook-id", "evt_1".parse().unwrap());
    headers.insert("webhook-timestamp", at.to_string().parse().unwrap());
    headers.insert("webhook-signature", signature.parse().unwrap());
    headers
}

#[test]
fn only_what_a_key_signed_just_now_is_genuine() {
    let now = Timestamp::from_millis(NOW * 1000);
    let keys = [key(1), key(2)];
    let judge = |headers: &HeaderMap, body: &[u8]| verdict(&keys, headers, body, now);

    assert_eq!(judge(&signed(&key(2), NOW), BODY), Verdict::Genuine);
    assert_eq!(judge(&signed(&key(2), NOW - 300), BODY), Verdict::Genuine);
    assert_eq!(judge(&signed(&key(2), NOW - 301), BODY), Verdict::Stale);
    assert_eq!(judge(&signed(&key(2), NOW + 301), BODY), Verdict::Stale);
    assert_eq!(judge(&signed(&key(3), NOW), BODY), Verdict::Forged);
    assert_eq!(judge(&signed(&key(1), NOW), b"{}"), Verdict::Forged);
    for missing in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut headers = signed(&key(1), NOW);
        headers.remove(missing);
        assert_eq!(judge(&headers, BODY), Verdict::Unsigned, "{missing}");
    }
    let mut headers = signed(&key(1), NOW);
    headers.insert("webhook-timestamp", "soon".parse().unwrap());
    assert_eq!(judge(&headers, BODY), Verdict::Unsigned);
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

async fn post(client: &reqwest::Client, url: &str, headers: HeaderMap) -> Option<StatusCode> {
    let sent = client.post(url).headers(headers).body(BODY).send().await;
    sent.ok().map(|answer| answer.status())
}

#[tokio::test]
async fn deliveries_are_kept_in_order_and_answered_as_told() {
    let clock = Clock::simulated(Timestamp::from_millis(NOW * 1000));
    let receiver = Receiver::start(loopback().await.unwrap(), vec![key(1)], clock).unwrap();
    let url = format!("{}/hooks?x=1", receiver.url());
    let client = client();
    receiver.answer_next(Reply::status(StatusCode::GONE));
    receiver.answer_next(Reply::Reset);

    let mut answers = Vec::new();
    for sender in [1, 1, 9] {
        answers.push(post(&client, &url, signed(&key(sender), NOW)).await);
    }
    let gone = Some(StatusCode::GONE);
    assert_eq!(answers, [gone, None, Some(StatusCode::NO_CONTENT)]);

    receiver.answer_with(Answer::status(StatusCode::IM_A_TEAPOT).into());
    let last = post(&client, &url, HeaderMap::new()).await;
    assert_eq!(last, Some(StatusCode::IM_A_TEAPOT));

    let all = receiver.wait_for(4).await;
    let verdicts: Vec<_> = all.iter().map(|one| one.verdict).collect();
    assert_eq!(verdicts, [Genuine, Genuine, Forged, Unsigned]);
    assert_eq!(all[0].target, "/hooks?x=1");
    assert_eq!(all[0].id(), Some("evt_1"));
    assert_eq!(all[0].event_type().as_deref(), Some("webhook.test"));
    assert!(all.windows(2).all(|two| two[0].at <= two[1].at));
    assert_eq!(receiver.stop().await.len(), 4);
}

#[tokio::test]
async fn an_answer_may_depend_on_the_delivery() {
    let receiver = Receiver::start(loopback().await.unwrap(), vec![key(1)], Clock::system());
    let receiver = receiver.unwrap();
    receiver.answer_by(|received| match received.verdict {
        Verdict::Unsigned => Reply::status(StatusCode::UNAUTHORIZED),
        _ => Reply::status(StatusCode::OK),
    });
    let client = client();
    let unsigned = post(&client, &receiver.url(), HeaderMap::new()).await;
    let other = post(&client, &receiver.url(), signed(&key(1), NOW)).await;
    assert_eq!(unsigned, Some(StatusCode::UNAUTHORIZED));
    assert_eq!(other, Some(StatusCode::OK));
    let all = receiver.wait_until(|so_far| so_far.len() == 2).await;
    assert_eq!(all[1].verdict, Verdict::Stale);
}
