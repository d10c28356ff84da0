use std::time::Duration;

use http::HeaderValue;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::Event;
use crate::domain::event::{InstallationId, Labels};
use crate::domain::observation::{Cause, MAX_MEDIA};
use crate::domain::text::{MAX_CHARS, MAX_URL_BYTES};
use crate::domain::tracker::{CreatorState, Rules, Visibility, step};

/// The provider's own sample of a live answer.
const SAMPLE: &[u8] = include_bytes!("../../../tests/fixtures/live-200.json");

fn khaby() -> Username {
    "khaby.lame".parse().unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        let value = HeaderValue::from_str(value).unwrap();
        (http::HeaderName::from_static(name), value)
    };
    pairs.iter().map(pair).collect()
}

fn read(status: u16, body: &[u8]) -> Observation {
    read_live(&khaby(), status, &HeaderMap::new(), body).observation
}

fn cause(observation: Observation) -> Cause {
    match observation {
        Observation::Unclear(unclear) => {
            assert!(!unclear.detail.is_empty());
            assert!(unclear.detail.chars().count() <= MAX_CHARS);
            unclear.cause
        }
        certain => panic!("{certain:?}"),
    }
}

fn stream(observation: Observation) -> LiveStream {
    match observation {
        Observation::Live(stream) => *stream,
        other => panic!("{other:?}"),
    }
}

fn error(code: &str) -> Vec<u8> {
    json!({"errors": [{"code": code, "message": "m"}], "data": null})
        .to_string()
        .into_bytes()
}

/// The sample with its `data` changed.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut sample: Value = serde_json::from_slice(SAMPLE).unwrap();
    change(&mut sample["data"]);
    sample.to_string().into_bytes()
}

/// The sample with one field of `data` set.
fn with(name: &str, value: Value) -> Vec<u8> {
    changed(|data| data[name] = value)
}

/// The sample without one field of `data`.
fn without(name: &str) -> Vec<u8> {
    changed(|data| {
        data.as_object_mut().unwrap().remove(name).unwrap();
    })
}

#[test]
fn the_sample_is_read_in_full() {
    let stream = stream(read(200, SAMPLE));
    assert_eq!(stream.room.as_str(), "7600000000000000001");
    let began = stream.started_at.unwrap();
    assert_eq!(began.to_string(), "2026-02-27T18:36:42.000Z");
    let title = "When you realize there is a simpler way #learnfromkhaby";
    assert_eq!(stream.title.as_deref(), Some(title));
    assert_eq!(stream.viewers, Some(15_000));
    assert_eq!(stream.views, Some(42_600_000));
    let avatar = "https://p16-sign.tiktokcdn-us.com/tos-maliva-avt-0068/avatar.jpeg";
    assert_eq!(stream.cover_url.as_deref(), Some(avatar));
    assert_eq!(stream.media.len(), 1);
    assert_eq!(stream.media[0].name.as_deref(), Some("flv"));
    assert_eq!(stream.media[0].mime_type.as_deref(), Some("video/x-flv"));
    let profile = &stream.profile;
    assert!(profile.id.as_deref().unwrap().starts_with("MS4wLjABAAAA"));
    assert_eq!(profile.name.as_deref(), Some("Khabane Lame"));
    assert_eq!(profile.avatar_url.as_deref(), Some(avatar));
    assert_eq!(profile.followers, Some(160_300_000));
    assert_eq!(profile.verified, Some(true));
}

// The rows of the contract.

#[test]
fn a_200_that_says_not_live_is_offline() {
    assert_eq!(
        read(200, &with("isLive", json!(false))),
        Observation::Offline
    );
    let without_room = changed(|data| {
        data["isLive"] = json!(false);
        data["entityId"] = json!("");
    });
    assert_eq!(read(200, &without_room), Observation::Offline);
}

#[test]
fn a_404_not_found_in_the_error_form_is_offline() {
    assert_eq!(read(404, &error("not_found")), Observation::Offline);
}

#[test]
fn a_404_without_the_error_form_is_not_the_api() {
    let bodies: [&[u8]; 8] = [
        b"",
        b"<html><h1>404 Not Found</h1></html>",
        b"not_found",
        b"null",
        b"{}",
        br#"{"code":"not_found"}"#,
        br#"{"errors":[{"code":"not_found"}]}"#,
        br#"{"errors":[],"data":null}"#,
    ];
    for body in bodies {
        assert_eq!(cause(read(404, body)), Cause::NotTheApi);
    }
}

#[test]
fn an_unknown_route_is_not_the_api() {
    assert_eq!(
        cause(read(404, &error("route_not_found"))),
        Cause::NotTheApi
    );
}

#[test]
fn each_error_code_with_its_own_status_has_its_own_cause() {
    let table = [
        (400, "validation_error", Cause::InvalidUsername),
        (401, "missing_api_key", Cause::KeyRefused),
        (401, "invalid_api_key", Cause::KeyRefused),
        (403, "api_key_disabled", Cause::KeyRefused),
        (403, "api_key_expired", Cause::KeyRefused),
        (402, "credits_exhausted", Cause::CreditsExhausted),
        (500, "internal_error", Cause::ServerFault),
        (502, "platform_error", Cause::ServerFault),
        (503, "service_unavailable", Cause::ServerFault),
        (504, "platform_error", Cause::ServerFault),
        (429, "slow_down", Cause::RateLimited),
        (418, "teapot", Cause::UnknownError),
    ];
    for (status, code, expected) in table {
        assert_eq!(
            cause(read(status, &error(code))),
            expected,
            "{status} {code}"
        );
    }
}

#[test]
fn the_status_alone_refuses_no_key_and_spends_no_credits() {
    for status in [400, 401, 402, 403, 404, 405, 410, 418] {
        for body in [&b"<html>"[..], b"", b"{\"message\":\"Unauthorized\"}"] {
            assert_eq!(cause(read(status, body)), Cause::NotTheApi, "{status}");
        }
    }
}

#[test]
fn a_5xx_or_429_of_a_proxy_is_what_its_status_says() {
    for status in [500, 502, 503, 504, 520, 599] {
        assert_eq!(cause(read(status, b"<html>")), Cause::ServerFault);
    }
    assert_eq!(cause(read(429, b"")), Cause::RateLimited);
}

#[test]
fn a_code_that_contradicts_the_status_is_unclear() {
    let table = [
        (400, "not_found", Cause::UnknownError),
        (410, "not_found", Cause::UnknownError),
        (500, "not_found", Cause::ServerFault),
        (200, "not_found", Cause::UnknownError),
        (404, "invalid_api_key", Cause::UnknownError),
        (404, "credits_exhausted", Cause::UnknownError),
        (404, "platform_error", Cause::UnknownError),
        (413, "validation_error", Cause::UnknownError),
        (302, "not_found", Cause::NotTheApi),
    ];
    for (status, code, expected) in table {
        assert_eq!(
            cause(read(status, &error(code))),
            expected,
            "{status} {code}"
        );
    }
    let both = json!({"errors": [{"code": "not_found"}], "data": {"isLive": false}}).to_string();
    assert_eq!(cause(read(404, both.as_bytes())), Cause::NotTheApi);
    let two = json!({"errors": [{"code": "not_found"}, {"code": "internal_error"}], "data": null});
    assert_eq!(
        cause(read(404, two.to_string().as_bytes())),
        Cause::NotTheApi
    );
}

#[test]
fn a_success_that_also_lists_errors_is_unclear() {
    let mut sample: Value = serde_json::from_slice(SAMPLE).unwrap();
    sample["errors"] = json!([{"code": "not_found"}]);
    let both = cause(read(200, sample.to_string().as_bytes()));
    assert_eq!(both, Cause::UnknownError);
    sample["errors"] = json!([]);
    stream(read(200, sample.to_string().as_bytes()));
}

#[test]
fn a_redirect_or_an_odd_success_is_unclear() {
    for status in [301, 302, 304, 307, 308] {
        assert_eq!(cause(read(status, SAMPLE)), Cause::NotTheApi);
    }
    for status in [0, 100, 201, 204, 206, 600, 999] {
        assert_eq!(cause(read(status, SAMPLE)), Cause::UnknownError);
    }
}

#[test]
fn a_200_that_is_no_answer_is_malformed() {
    let bodies: [&[u8]; 9] = [
        b"",
        b"\x00\xff\xfe",
        b"{",
        b"null",
        b"[]",
        b"{}",
        br#"{"data":null}"#,
        br#"{"data":[]}"#,
        br#"{"data":{"isLive":false}}"#,
    ];
    for body in bodies {
        assert_eq!(cause(read(200, body)), Cause::Malformed, "{body:?}");
    }
    assert_eq!(
        cause(read(200, &SAMPLE[..SAMPLE.len() - 3])),
        Cause::Malformed
    );
    let deep = vec![b'['; 1_000_000];
    assert_eq!(cause(read(200, &deep)), Cause::Malformed);
}

#[test]
fn a_web_page_with_status_200_is_not_the_api() {
    let html = headers(&[("content-type", "Text/HTML; charset=utf-8")]);
    let page = read_live(&khaby(), 200, &html, b"<html>Please log in</html>");
    assert_eq!(cause(page.observation), Cause::NotTheApi);
}

#[test]
fn a_missing_or_null_required_field_says_nothing_live_or_not() {
    for name in ["type", "id", "url", "entityId", "isLive", "attributedTo"] {
        assert_eq!(
            cause(read(200, &without(name))),
            Cause::Malformed,
            "{name} missing"
        );
        assert_eq!(
            cause(read(200, &with(name, Value::Null))),
            Cause::Malformed,
            "{name} null"
        );
        let offline = changed(|data| {
            data["isLive"] = json!(false);
            data.as_object_mut().unwrap().remove(name);
        });
        assert_eq!(
            cause(read(200, &offline)),
            Cause::Malformed,
            "{name}, offline"
        );
    }
    for value in [json!("true"), json!(1), json!([true])] {
        assert_eq!(cause(read(200, &with("isLive", value))), Cause::Malformed);
    }
}

// The traps.

#[test]
fn optional_fields_may_be_missing_null_or_of_any_type() {
    let optional = [
        "published",
        "viewerCount",
        "viewCount",
        "content",
        "image",
        "attachment",
    ];
    for name in optional {
        stream(read(200, &without(name)));
        for value in [
            json!(null),
            json!(true),
            json!({}),
            json!([[]]),
            json!([null]),
        ] {
            stream(read(200, &with(name, value)));
        }
    }
    let bare = stream(read(
        200,
        &changed(|data| {
            for name in optional {
                data.as_object_mut().unwrap().remove(name);
            }
            data["attributedTo"] = json!({});
        }),
    ));
    assert_eq!(bare.profile, Profile::default());
    assert_eq!((bare.title, bare.viewers, bare.views), (None, None, None));
    assert_eq!((bare.started_at, bare.cover_url), (None, None));
    assert!(bare.media.is_empty());
}

#[test]
fn the_room_is_named_by_entity_id_and_not_by_id() {
    let other = stream(read(200, &with("entityId", json!("7600000000000000002"))));
    assert_eq!(other.room.as_str(), "7600000000000000002");
    let number = stream(read(
        200,
        &with("entityId", json!(7_600_000_000_000_000_002_u64)),
    ));
    assert_eq!(number.room, other.room);
}

#[test]
fn a_room_id_that_cannot_name_a_stream_is_malformed() {
    for id in [
        json!(""),
        json!("0"),
        json!(0),
        json!(" 7"),
        json!("7\n8"),
        json!("7".repeat(65)),
        json!(-7),
        json!(7.5),
        json!(["7"]),
    ] {
        assert_eq!(
            cause(read(200, &with("entityId", id.clone()))),
            Cause::Malformed,
            "{id}"
        );
    }
}

#[test]
fn the_authors_own_live_flag_is_ignored() {
    for flag in [json!(true), json!(false), json!(null)] {
        let live = changed(|data| data["attributedTo"]["isLive"] = flag.clone());
        stream(read(200, &live));
        let offline = changed(|data| {
            data["attributedTo"]["isLive"] = flag;
            data["isLive"] = json!(false);
        });
        assert_eq!(read(200, &offline), Observation::Offline);
    }
}

#[test]
fn an_image_may_be_an_object_an_array_or_an_address() {
    let picture = json!({"type": "Image", "url": "https://a.example/1.jpg"});
    for image in [
        picture.clone(),
        json!([picture]),
        json!([null, {"url": "ftp://no"}, picture]),
        json!("https://a.example/1.jpg"),
    ] {
        let stream = stream(read(200, &with("image", image)));
        assert_eq!(stream.cover_url.as_deref(), Some("https://a.example/1.jpg"));
    }
}

#[test]
fn the_older_names_are_understood_and_give_way_to_the_new() {
    let old = changed(|data| {
        let data = data.as_object_mut().unwrap();
        let room = data.remove("entityId").unwrap();
        data.insert("internalId".into(), room);
        let title = data.remove("content").unwrap();
        data.insert("summary".into(), title);
        let author = data["attributedTo"].as_object_mut().unwrap();
        let user = author.remove("entityId").unwrap();
        author.insert("internalId".into(), user);
    });
    assert_eq!(read(200, &old), read(200, SAMPLE));
    let both = changed(|data| {
        data["internalId"] = json!("1");
        data["summary"] = json!("old");
    });
    assert_eq!(read(200, &both), read(200, SAMPLE));
}

#[test]
fn unknown_fields_are_ignored() {
    let grown = changed(|data| data["newField"] = json!({"deep": [1, 2, 3]}));
    assert_eq!(read(200, &grown), read(200, SAMPLE));
}

#[test]
fn counts_may_be_floats_and_absurd_ones_are_none() {
    for (number, expected) in [
        (json!(0), Some(0)),
        (json!(15_000.0), Some(15_000)),
        (json!(1.9), Some(1)),
        (json!(1_u64 << 53), Some(1 << 53)),
        (json!(-1), None),
        (json!(-0.5), None),
        (json!(u64::MAX), None),
        (json!(1e300), None),
        (json!("15"), None),
    ] {
        let stream = stream(read(200, &with("viewerCount", number.clone())));
        assert_eq!(stream.viewers, expected, "{number}");
    }
}

#[test]
fn a_start_that_cannot_be_is_none_and_the_stream_still_live() {
    let date = headers(&[("date", "Fri, 27 Feb 2026 18:40:00 GMT")]);
    for (published, kept) in [
        (json!("2026-02-27T18:36:42.000Z"), true),
        (json!("2026-02-27T19:36:42+01:00"), true),
        (json!("2026-02-28T18:00:00Z"), true),
        (json!("2026-03-01T18:00:00Z"), false),
        (json!("9999-01-01T00:00:00Z"), false),
        (json!("1970-01-01T00:00:00Z"), false),
        (json!("yesterday"), false),
        (json!(""), false),
        (json!(1_772_217_402), false),
        (json!("2026-02-27T18:36:42Z".repeat(9_999)), false),
    ] {
        let answer = read_live(&khaby(), 200, &date, &with("published", published.clone()));
        let stream = stream(answer.observation);
        assert_eq!(stream.started_at.is_some(), kept, "{published}");
    }
}

#[test]
fn an_answer_about_somebody_else_is_unclear() {
    for (name, same) in [
        (json!("khaby.lame"), true),
        (json!("@Khaby.Lame"), true),
        (json!(null), true),
        (json!(""), true),
        (json!(7), true),
        (json!("bellapoarch"), false),
        (json!("khaby.lame2"), false),
        (json!("\u{202e}evil"), false),
    ] {
        for is_live in [true, false] {
            let body = changed(|data| {
                data["isLive"] = json!(is_live);
                data["attributedTo"]["preferredUsername"] = name.clone();
            });
            let read = read(200, &body);
            if same {
                assert_eq!(read.label(), if is_live { "live" } else { "offline" });
            } else {
                assert_eq!(cause(read), Cause::Malformed, "{name}");
            }
        }
    }
}

#[test]
fn a_title_is_bounded_and_may_hold_anything() {
    let long = stream(read(200, &with("content", json!("ü".repeat(400_000)))));
    assert_eq!(long.title.unwrap().chars().count(), MAX_CHARS);
    let hostile = "<b>@everyone</b>\u{0}\u{202e}\u{1b}[31m👩\u{200d}👧";
    let kept = stream(read(200, &with("content", json!(hostile))));
    assert_eq!(kept.title.as_deref(), Some(hostile));
    let blank = stream(read(200, &with("content", json!(" \n"))));
    assert_eq!(blank.title, None);
}

#[test]
fn half_an_emoji_in_a_title_hides_no_stream() {
    let sample = std::str::from_utf8(SAMPLE).unwrap();
    for (escaped, shown) in [
        (r"cut \ud83d", "cut \u{fffd}"),
        (r"\ude00 cut", "\u{fffd} cut"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
        (r"\ud83d\ude00", "😀"),
        (r"\\ud83d", r"\ud83d"),
        (r"\u00fc", "ü"),
    ] {
        let title = "When you realize there is a simpler way #learnfromkhaby";
        let body = sample.replace(title, escaped);
        let stream = stream(read(200, body.as_bytes()));
        assert_eq!(stream.title.as_deref(), Some(shown), "{escaped}");
    }
}

#[test]
fn an_address_that_cannot_be_passed_on_is_dropped() {
    let long = format!("https://a.example/{}", "x".repeat(MAX_URL_BYTES));
    for (url, kept) in [
        ("https://a.example/x.jpg", true),
        ("HTTP://a.example", true),
        ("javascript:alert(1)", false),
        ("file:///etc/passwd", false),
        ("https://", false),
        ("https:///path", false),
        ("https://a.example/\n", false),
        ("https://a.example/ x", false),
        ("https://a.example/\u{202e}", false),
        (long.as_str(), false),
        ("", false),
    ] {
        let body = changed(|data| {
            data["image"] = json!({ "url": url });
            data["attachment"] = json!([{ "url": url }, { "url": [url] }]);
            data["attributedTo"]["icon"] = json!({ "url": url });
            data["attributedTo"]["image"] = json!([]);
        });
        let stream = stream(read(200, &body));
        assert_eq!(stream.cover_url.is_some(), kept, "{url}");
        assert_eq!(stream.profile.avatar_url.is_some(), kept, "{url}");
        assert_eq!(stream.media.len(), if kept { 2 } else { 0 }, "{url}");
    }
}

#[test]
fn the_addresses_of_a_stream_are_bounded_in_number() {
    let url = "https://a.example/1.flv";
    for attachment in [
        json!(vec![json!({ "url": url }); 1_000]),
        json!([{ "url": vec![url; 1_000], "name": "n".repeat(9_999) }]),
    ] {
        let media = stream(read(200, &with("attachment", attachment))).media;
        assert_eq!(media.len(), MAX_MEDIA);
        let longest = media.iter().filter_map(|m| m.name.as_ref()).max();
        assert!(longest.is_none_or(|name| name.chars().count() <= MAX_CHARS));
    }
}

#[test]
fn a_user_id_that_is_none_is_dropped() {
    for id in [json!("x".repeat(257)), json!("a b"), json!(""), json!({})] {
        let body = changed(|data| data["attributedTo"]["entityId"] = id);
        assert_eq!(stream(read(200, &body)).profile.id, None);
    }
}

// The headers.

#[test]
fn credits_are_what_the_headers_say_whatever_the_status() {
    for (used, remaining, expected) in [
        ("1", "24999", (Some(1), Some(24_999))),
        ("0", "0", (Some(0), Some(0))),
        (" 1 ", "-5", (Some(1), Some(0))),
        ("-1", "many", (None, None)),
        ("1.0", "1e3", (None, None)),
        ("", "", (None, None)),
        ("18446744073709551615", "18446744073709551615", (None, None)),
    ] {
        let headers = headers(&[("x-credits-used", used), ("x-credits-remaining", remaining)]);
        for (status, body) in [(200, SAMPLE), (404, b""), (500, b"x")] {
            let credits = read_live(&khaby(), status, &headers, body).credits;
            assert_eq!((credits.used, credits.remaining), expected);
        }
    }
    let none = read_live(&khaby(), 200, &HeaderMap::new(), SAMPLE).credits;
    assert_eq!(none, Credits::default());
}

#[test]
fn retry_after_is_read_in_seconds_and_as_a_date_against_the_answers_own() {
    let date = "Fri, 27 Feb 2026 18:40:00 GMT";
    for (retry_after, date, expected) in [
        ("7", date, Some(7)),
        ("0", date, Some(0)),
        ("999999999", date, Some(86_400)),
        ("Fri, 27 Feb 2026 18:42:00 GMT", date, Some(120)),
        ("Fri, 27 Feb 2026 18:00:00 GMT", date, Some(0)),
        ("Wed, 27 Feb 2036 18:00:00 GMT", date, Some(86_400)),
        ("Fri, 27 Feb 2026 18:42:00 GMT", "never", None),
        ("soon", date, None),
        ("-7", date, None),
        ("", date, None),
    ] {
        let headers = headers(&[("retry-after", retry_after), ("date", date)]);
        for status in [429, 503] {
            match read_live(&khaby(), status, &headers, b"").observation {
                Observation::Unclear(unclear) => assert_eq!(
                    unclear.retry_after,
                    expected.map(Duration::from_secs),
                    "{retry_after}"
                ),
                certain => panic!("{certain:?}"),
            }
        }
    }
}

#[test]
fn a_detail_repeats_nothing_of_the_body_but_a_code() {
    for code in ["knbn_Secret1", "a b", "", &"x".repeat(41)] {
        let Observation::Unclear(unclear) = read(418, &error(code)) else {
            panic!("{code}")
        };
        assert!(unclear.detail.contains("unreadable"), "{}", unclear.detail);
    }
    let Observation::Unclear(unclear) = read(418, &error("new_code")) else {
        panic!()
    };
    assert!(unclear.detail.contains("418, new_code"));
}

// The profile.

#[test]
fn a_profile_is_there_missing_or_unclear() {
    let author = serde_json::from_slice::<Value>(SAMPLE).unwrap()["data"]["attributedTo"].take();
    let read = |status, body: Vec<u8>| read_profile(status, &HeaderMap::new(), &body).finding;
    let body = |author: &Value| json!({ "data": author }).to_string().into_bytes();

    let ProfileFinding::Exists(user) = read(200, body(&author)) else {
        panic!()
    };
    assert_eq!(user.username, khaby());
    assert_eq!(
        user.profile,
        stream(super::tests::read(200, SAMPLE)).profile
    );
    assert_eq!(read(404, error("not_found")), ProfileFinding::Missing);

    for (status, bytes) in [
        (404, error("route_not_found")),
        (404, b"<html>".to_vec()),
        (401, error("invalid_api_key")),
        (200, b"{}".to_vec()),
    ] {
        let finding = read(status, bytes);
        assert!(matches!(finding, ProfileFinding::Unclear(_)), "{finding:?}");
    }
    for name in ["type", "id", "url", "entityId", "preferredUsername"] {
        let mut author = author.clone();
        author[name] = Value::Null;
        let finding = read(200, body(&author));
        assert!(matches!(finding, ProfileFinding::Unclear(_)), "{name}");
    }
}

// Any bytes at all.

/// Whether everything in an observation is within its bounds.
fn is_bounded(observation: &Observation) -> bool {
    let short =
        |text: &Option<String>| text.as_ref().is_none_or(|t| t.chars().count() <= MAX_CHARS);
    let address = |url: &Option<String>| url.as_ref().is_none_or(|u| u.len() <= MAX_URL_BYTES);
    match observation {
        Observation::Offline => true,
        Observation::Unclear(unclear) => unclear.detail.chars().count() <= MAX_CHARS,
        Observation::Live(stream) => {
            let profile = &stream.profile;
            short(&stream.title)
                && short(&profile.name)
                && short(&profile.id)
                && address(&stream.cover_url)
                && address(&profile.avatar_url)
                && stream.media.len() <= MAX_MEDIA
                && stream.viewers.is_none_or(|n| i64::try_from(n).is_ok())
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,600}".prop_map(Value::from),
        "https?://[a-z]{0,3000}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 12, |inner| {
        let key = prop_oneof!["url|name|isLive|code", ".*"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn garbage_is_never_live_or_offline(
        status in prop_oneof![Just(200), Just(404), 0_u16..1000],
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let observation = read(status, &body);
        prop_assert_eq!(observation.label(), "unclear");
        prop_assert!(is_bounded(&observation));
    }

    #[test]
    fn any_json_in_any_field_stays_in_bounds(
        field in prop::sample::select(vec![
            "entityId", "published", "isLive", "viewCount", "viewerCount", "content",
            "attributedTo", "image", "attachment", "summary", "internalId",
        ]),
        within in any::<bool>(),
        value in any_json(),
    ) {
        let body = changed(|data| {
            let place = if within { &mut data["attributedTo"] } else { data };
            place[field] = value;
        });
        prop_assert!(is_bounded(&read(200, &body)));
    }

    #[test]
    fn a_sample_with_flipped_bytes_stays_in_bounds(
        flips in prop::collection::vec((0..SAMPLE.len(), any::<u8>()), 1..8),
    ) {
        let mut body = SAMPLE.to_vec();
        for (at, byte) in flips {
            body[at] = byte;
        }
        prop_assert!(is_bounded(&read(200, &body)));
    }

    #[test]
    fn a_sample_that_breaks_off_is_unclear(end in 0..SAMPLE.len() - 2) {
        prop_assert_eq!(cause(read(200, &SAMPLE[..end])), Cause::Malformed);
    }
}

#[test]
fn the_body_of_an_event_stays_below_64_kib_whatever_a_stranger_writes() {
    let wild = "\u{1}".repeat(100_000);
    let url = format!("https://e/{}", "x".repeat(MAX_URL_BYTES - 10));
    let body = changed(|data| {
        data["content"] = json!(wild);
        data["image"] = json!(url);
        data["attributedTo"]["name"] = json!(wild);
        let source = json!({"name": wild, "mediaType": wild, "url": url});
        data["attachment"] = json!(vec![source; 20]);
    });
    let observation = read(200, &body);
    assert!(matches!(&observation, Observation::Live(live) if live.media.len() == MAX_MEDIA));
    let rules = Rules {
        confirm_offline: 2,
        resume_within: Duration::ZERO,
        when_already_live: Visibility::Announced,
    };
    let now = Timestamp::from_millis(1_800_000_000_000);
    let step = step(&CreatorState::default(), &observation, now, &rules);
    let installation = InstallationId::from_bytes([0; 16]);
    let labels = Labels::new();
    let event = Event::of_transition(&installation, &khaby(), &labels, &step.transitions[0]);
    assert!(event.body.len() < 60_000, "{}", event.body.len());
}
