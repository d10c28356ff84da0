use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::config::TextFile;
use crate::domain::event::{InstallationId, WebhookNews};
use crate::domain::{Event, EventId, EventType, Timestamp};
use crate::webhook::request::tests::webhook;
use crate::webhook::{Endpoint, EndpointError};

const CHATS: [Format; 3] = [Format::Discord, Format::Slack, Format::Ntfy];

const TEMPLATE: &str = r#"{% if type == "stream.started" -%}
{"text": {{ data.creator.name ~ ": " ~ (data.stream.title or "no title") }}, "viewers": {{ data.stream.viewers }}}
{%- else -%}
{"text": {{ type }}}
{%- endif %}"#;

/// What strangers write: pings, links, markup, escapes, and characters that turn text around.
const HOSTILE: &str = "@everyone <!channel> <@1234> <https://evil.example|free> [free](https://evil.example) *a* _b_ `c` ~d~ ||e|| &amp; \" \\ \r\n# big\n> quote {{ 7 * 7 }} \u{1b}[31m \u{202e}gnp.exe\u{200b} :tada:";

fn hook(format: Format) -> Webhook {
    Webhook {
        format,
        ..webhook("chat", "https://ntfy.example/my-topic?auth=hunter2")
    }
}

fn templated(source: &str) -> Webhook {
    let template = TextFile {
        path: "message.j2".into(),
        text: source.into(),
    };
    Webhook {
        template: Some(template),
        ..hook(Format::Template)
    }
}

fn written(webhook: Webhook, body: &str) -> String {
    let endpoint = Endpoint::new(Arc::new(webhook)).unwrap();
    let id = EventId::from_stored("evt_1".to_owned());
    let request = endpoint.request(&id, body, Timestamp::from_millis(1_000));
    String::from_utf8(request.unwrap().body.to_vec()).unwrap()
}

fn pretty(body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

fn refusal(webhook: Webhook) -> String {
    match Endpoint::new(Arc::new(webhook)) {
        Err(EndpointError::Format { error, .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A start and an end of which every text is a stranger's.
fn hostile() -> [String; 2] {
    [EventType::StreamStarted, EventType::StreamEnded].map(|kind| {
        let mut event: Value = serde_json::from_str(&sample::body(kind)).unwrap();
        event["data"]["stream"]["title"] = HOSTILE.into();
        event["data"]["creator"]["name"] = HOSTILE.into();
        event["data"]["stream"]["cover_url"] = "javascript:alert(1)".into();
        event["data"]["stream"]["url"] = "https://www.tiktok.com/@x/live?a=1&b=<|>".into();
        event.to_string()
    })
}

/// A webhook of every format, by the format's name.
fn every_format() -> Vec<(String, Webhook)> {
    let mut all = CHATS.map(hook).to_vec();
    all.extend([hook(Format::Standard), templated(TEMPLATE)]);
    // A format that is new here has to be added above.
    for webhook in &all {
        match webhook.format {
            Format::Standard
            | Format::Discord
            | Format::Slack
            | Format::Ntfy
            | Format::Template => {}
        }
    }
    let name = |webhook: &Webhook| format!("{:?}", webhook.format).to_lowercase();
    all.into_iter().map(|hook| (name(&hook), hook)).collect()
}

#[test]
fn every_format_of_every_type_is_as_it_was_reviewed() {
    for (name, webhook) in every_format() {
        for kind in EventType::ALL {
            let body = written(webhook.clone(), &sample::body(*kind));
            let shown = match webhook.format {
                Format::Template => body,
                _ => pretty(&body),
            };
            insta::assert_snapshot!(format!("{name}-{kind}"), shown);
        }
    }
}

#[test]
fn there_is_a_snapshot_of_every_format_and_type_and_no_other() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/webhook/formats/snapshots");
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<_> = names
        .filter_map(|name| {
            let name = name.strip_suffix(".snap")?;
            Some(name.rsplit_once("__")?.1.to_owned())
        })
        .collect();
    let mut expected = Vec::new();
    for (format, _) in every_format() {
        expected.push(format!("{format}-hostile"));
        expected.extend(EventType::ALL.iter().map(|kind| format!("{format}-{kind}")));
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn hostile_text_is_harmless_in_every_format() {
    for (name, webhook) in every_format() {
        let bodies = hostile().map(|event| pretty(&written(webhook.clone(), &event)));
        insta::assert_snapshot!(format!("{name}-hostile"), bodies.join("\n"));
    }
}

#[test]
fn nothing_that_a_stranger_wrote_is_carried_out_or_breaks_out_of_its_string() {
    for (name, webhook) in every_format() {
        for event in hostile() {
            let body = written(webhook.clone(), &event);
            assert!(
                !body.contains("49 }}") && !body.contains(" 49 "),
                "{name}: {body}"
            );
            assert!(!body.bytes().any(|byte| byte < b' '), "{name}: {body}");
        }
    }
    let [start, _] = hostile();
    let told: Value = serde_json::from_str(&written(templated(TEMPLATE), &start)).unwrap();
    assert_eq!(told["text"], format!("{HOSTILE}: {HOSTILE}"));
    assert_eq!(written(hook(Format::Standard), &start), start);
}

#[test]
fn a_discord_message_pings_nobody_and_every_mark_of_a_stranger_is_escaped() {
    for event in hostile() {
        let body: Value = serde_json::from_str(&written(hook(Format::Discord), &event)).unwrap();
        assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
        let texts = [
            &body["content"],
            &body["embeds"][0]["title"],
            &body["embeds"][0]["description"],
        ];
        for text in texts.into_iter().map(|text| text.as_str().unwrap()) {
            assert!(text.contains("everyone"), "{text}");
            let mut before = ' ';
            for c in text.chars() {
                let mark = "@<>*_`~|[]():#".contains(c);
                assert!(!mark || before == '\\', "{c} is not escaped in {text}");
                before = if before == '\\' { ' ' } else { c };
            }
        }
        assert_eq!(body["embeds"][0]["image"], Value::Null);
    }
}

#[test]
fn in_a_slack_message_only_our_own_link_has_angle_brackets() {
    for event in hostile() {
        let body: Value = serde_json::from_str(&written(hook(Format::Slack), &event)).unwrap();
        let mut texts = Vec::new();
        collect(&body, &mut texts);
        assert!(
            texts
                .iter()
                .any(|(_, text)| text.contains("&lt;!channel&gt;"))
        );
        for (kind, text) in texts {
            let ours =
                kind == "mrkdwn" && (text.contains("|Open on TikTok>") || text.contains("<!date^"));
            assert!(ours || !text.contains(['<', '>']), "{kind}: {text}");
            assert!(
                kind == "plain_text" || !text.contains("everyone") || kind == "top",
                "{text}"
            );
        }
        assert_eq!(body["mrkdwn"], false);
    }
}

/// Every text object of Slack with its type, and the text at the top.
fn collect(value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            if let Some(text) = map.get("text").and_then(Value::as_str) {
                let kind = map.get("type").and_then(Value::as_str).unwrap_or("top");
                into.push((kind.to_owned(), text.to_owned()));
            }
            map.values().for_each(|value| collect(value, into));
        }
        Value::Array(all) => all.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}

#[test]
fn an_ntfy_message_goes_to_the_root_with_its_topic_in_the_body() {
    let endpoint = Endpoint::new(Arc::new(hook(Format::Ntfy))).unwrap();
    let id = EventId::from_stored("evt_1".to_owned());
    for event in hostile() {
        let request = endpoint
            .request(&id, &event, Timestamp::from_millis(1_000))
            .unwrap();
        assert_eq!(request.url.as_str(), "https://ntfy.example/?auth=hunter2");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            (&body["topic"], &body["markdown"]),
            (&json!("my-topic"), &json!(false))
        );
        let lines = body["title"].as_str().unwrap().lines().count();
        assert_eq!(lines, 1);
        assert!(
            body["title"]
                .as_str()
                .unwrap()
                .contains("(@khaby.lame) is ")
        );
        for (name, value) in &request.headers {
            assert!(!format!("{value:?}").contains("evil"), "{name}");
        }
    }
    assert!(!format!("{endpoint:?}").contains("my-topic"));
}

#[test]
fn an_ntfy_address_without_a_topic_is_refused() {
    for path in ["", "/", "/a/b", "/a%20b", "/<topic>"] {
        let mut webhook = hook(Format::Ntfy);
        webhook.url = format!("https://ntfy.example{path}");
        let expected = "the url needs the topic as its path: https://ntfy.sh/my-topic";
        assert_eq!(refusal(webhook), expected, "{path}");
    }
}

#[test]
fn what_is_signed_is_what_is_sent_and_a_retry_repeats_the_bytes() {
    let id = EventId::from_stored("evt_1".to_owned());
    for webhook in CHATS.map(hook).into_iter().chain([templated(TEMPLATE)]) {
        let key = webhook.secrets[0].clone();
        let event = sample::body(EventType::StreamStarted);
        let attempt = |endpoint: &Endpoint, second| {
            let request = endpoint.request(&id, &event, Timestamp::from_millis(second * 1_000));
            let request = request.unwrap();
            let signature = request.headers["webhook-signature"]
                .to_str()
                .unwrap()
                .to_owned();
            assert!(key.verifies("evt_1", second, &request.body, &signature));
            assert!(!key.verifies("evt_1", second, event.as_bytes(), &signature));
            request.body
        };
        let first = Endpoint::new(Arc::new(webhook.clone())).unwrap();
        // After a restart it is another endpoint.
        let second = Endpoint::new(Arc::new(webhook)).unwrap();
        assert_eq!(attempt(&first, 1), attempt(&second, 601));
    }
}

#[test]
fn a_chat_without_a_secret_gets_no_signature() {
    let mut webhook = hook(Format::Discord);
    webhook.secrets.clear();
    let endpoint = Endpoint::new(Arc::new(webhook)).unwrap();
    let id = EventId::from_stored("evt_1".to_owned());
    let body = sample::body(EventType::WebhookTest);
    let request = endpoint
        .request(&id, &body, Timestamp::from_millis(1_000))
        .unwrap();
    assert!(!request.headers.contains_key("webhook-signature"));
    assert!(request.headers.contains_key("webhook-id"));
}

#[test]
fn texts_without_end_stay_below_the_limits_of_the_receivers() {
    for c in ["x", "*", "&", "\u{1f600}", "ü", "\u{ffff}"] {
        let mut event: Value =
            serde_json::from_str(&sample::body(EventType::StreamUpdated)).unwrap();
        event["data"]["stream"]["title"] = c.repeat(100_000).into();
        event["data"]["previous_title"] = c.repeat(100_000).into();
        event["data"]["creator"]["name"] = c.repeat(100_000).into();
        let event = event.to_string();
        let body =
            |format| -> Value { serde_json::from_str(&written(hook(format), &event)).unwrap() };
        let units = |text: &Value| text.as_str().unwrap().encode_utf16().count();
        let discord = body(Format::Discord);
        let embed = &discord["embeds"][0];
        assert!(units(&discord["content"]) <= 2_000 && units(&embed["title"]) <= 256);
        assert!(units(&embed["description"]) <= 4_096);
        assert!(units(&embed["fields"][0]["value"]) <= 1_024);
        let slack = body(Format::Slack);
        assert!(units(&slack["blocks"][0]["text"]["text"]) <= 150);
        assert!(units(&slack["blocks"][2]["fields"][0]["text"]) <= 2_000);
        let ntfy = body(Format::Ntfy);
        assert!(ntfy["message"].as_str().unwrap().len() <= 4_096);
        assert!(units(&ntfy["title"]) <= 250);
    }
}

#[test]
fn a_cut_text_ends_with_a_mark_and_no_half_escape() {
    let cut = |text: &str, most| {
        message::escaped_within(text, most, |c, out| {
            out.push('\\');
            out.push(c);
        })
    };
    assert_eq!(cut("abc", 6), "\\a\\b\\c");
    assert_eq!(cut("abcd", 6), "\\a\\b…");
    assert_eq!(cut("abcd", 7), "\\a\\b\\c…");
}

#[test]
fn an_address_that_a_chat_would_refuse_is_left_out() {
    for url in [
        "javascript:alert(1)",
        "",
        "/cover.jpeg",
        "https://",
        "https://u:p@p16.example/",
    ] {
        let mut event: Value =
            serde_json::from_str(&sample::body(EventType::StreamStarted)).unwrap();
        event["data"]["stream"]["cover_url"] = url.into();
        let body: Value =
            serde_json::from_str(&written(hook(Format::Discord), &event.to_string())).unwrap();
        assert_eq!(body["embeds"][0]["image"], Value::Null, "{url}");
    }
}

#[test]
fn a_template_that_would_fail_at_an_event_is_refused_at_once() {
    let cases = [
        (
            "{\"a\": {{ data.creator.name }",
            "fails in line 1: syntax error",
        ),
        ("{\"a\": \"{{ data.creator.name }}\"}", "writes no JSON"),
        ("", "writes no JSON"),
        ("{\"a\": {{ data.creator.nmae }}}", "undefined value"),
        (
            "{\"a\": {{ data.reason }}}",
            "undefined value, for stream.started",
        ),
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}1",
            "ran out of fuel",
        ),
        ("{{ \"x\" * 70000 }}", "allowed are 65536"),
        ("{% include 'other' %}1", "fails in line 1"),
    ];
    for (source, expected) in cases {
        let refusal = refusal(templated(source));
        assert!(refusal.contains(expected), "{source}: {refusal}");
    }
}

#[test]
fn a_template_need_not_know_types_that_nobody_subscribed_to() {
    let mut webhook = templated("{\"title\": {{ data.stream.title }}}");
    webhook.events = vec![EventType::StreamStarted];
    let body = written(webhook, &sample::body(EventType::WebhookTest));
    assert_eq!(body, "{\"title\": null}");
}

#[test]
fn what_is_no_event_is_no_message() {
    for body in [
        "",
        "{}",
        "{\"type\": \"stream.begun\"}",
        "{\"type\": \"webhook.test\", \"data\": {}}",
    ] {
        for format in CHATS {
            let endpoint = Endpoint::new(Arc::new(hook(format))).unwrap();
            let id = EventId::from_stored("evt_1".to_owned());
            let refused = endpoint
                .request(&id, body, Timestamp::from_millis(0))
                .unwrap_err();
            assert_eq!(refused, FormatError::NotAnEvent, "{body}");
        }
    }
}

#[test]
fn the_samples_have_the_keys_of_the_events_that_are_made() {
    let mut made = crate::domain::event::tests::events();
    assert_eq!(made.len(), 4);
    let now = Timestamp::from_millis(1_000);
    made.extend([false, true].map(|disabled| {
        let news = WebhookNews {
            webhook: "backend",
            disabled,
            since: now,
            at: now,
            last_error: "answered 500",
        };
        Event::of_webhook(&InstallationId::from_bytes([1; 16]), &news)
    }));
    made.push(Event::test("backend", now, [1; 16]));
    for Event { kind, body, .. } in made {
        assert_eq!(keys(&sample::body(kind)), keys(&body), "{kind}");
    }
}

/// Every path to a value.
fn keys(body: &str) -> Vec<String> {
    fn walk(at: &str, value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    walk(&format!("{at}.{key}"), value, into);
                }
            }
            _ => into.push(at.to_owned()),
        }
    }
    let mut found = Vec::new();
    walk("", &serde_json::from_str(body).unwrap(), &mut found);
    found.sort();
    found
}
