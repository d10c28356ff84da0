//! One made-up event of each type, as `check` tries templates on and the tests print.
//!
//! The tests hold those that this version makes against the bodies that are made.

use serde_json::{Value, json};

use crate::domain::EventType;

/// The standard body of an event of `kind`.
pub fn body(kind: EventType) -> String {
    json!({
        "type": kind.as_str(),
        "timestamp": "2026-02-27T18:37:10.412Z",
        "data": data(kind),
    })
    .to_string()
}

fn data(kind: EventType) -> Value {
    let since = "2026-02-27T18:20:00.000Z";
    match kind {
        EventType::StreamStarted | EventType::StreamSampled => stream(),
        EventType::StreamEnded => ended(),
        EventType::StreamUpdated => {
            let mut data = stream();
            data["previous_title"] = "Good morning".into();
            data
        }
        EventType::CreatorMissing => json!({ "creator": creator() }),
        EventType::CreatorRenamed => {
            json!({ "creator": creator(), "previous_username": "khabane" })
        }
        EventType::MonitorDegraded | EventType::MonitorRecovered => {
            json!({ "reason": "source_failing", "since": since, "detail": "5 polls in a row gave no certain answer" })
        }
        EventType::CreditsLow => {
            json!({ "used": 22_500, "remaining": 2_500, "renews_at": "2026-03-01T00:00:00.000Z" })
        }
        EventType::WebhookFailing | EventType::WebhookDisabled => {
            json!({ "webhook": "backend", "since": since, "last_error": "answered 500" })
        }
        EventType::WebhookTest => json!({ "webhook": "backend" }),
    }
}

fn creator() -> Value {
    json!({
        "username": "khaby.lame",
        "id": "MS4wLjABAAAA",
        "name": "Khabane Lame",
        "url": "https://www.tiktok.com/@khaby.lame",
        "avatar_url": "https://p16.example/avatar.jpeg",
        "followers": 160_300_000,
        "verified": true,
        "labels": { "team": "emea" },
    })
}

fn stream() -> Value {
    json!({
        "sequence": 41,
        "creator": creator(),
        "stream": {
            "id": "7600000000000000001",
            "url": "https://www.tiktok.com/@khaby.lame/live",
            "title": "Late night talk",
            "started_at": "2026-02-27T18:36:42.000Z",
            "viewers": 15_000,
            "views": 42_600_000,
            "cover_url": "https://p16.example/cover.jpeg",
            "media": [{ "name": "flv", "mime_type": "video/x-flv", "url": "https://pull.example/stream.flv" }],
        },
        "detection": { "previous_poll_at": "2026-02-27T18:33:02.100Z", "delay_seconds": 28.412 },
        "already_live": false,
        "resumed": false,
    })
}

fn ended() -> Value {
    let mut data = stream();
    data["reason"] = "offline".into();
    data["detection"]["delay_seconds"] = Value::Null;
    let end = json!({
        "ended_at": "2026-02-27T21:02:10.000Z",
        "last_seen_at": "2026-02-27T20:57:10.000Z",
        "duration_seconds": 8_728.0,
        "peak_viewers": 20_001,
        "average_viewers": 17_500,
        "samples": 28,
    });
    if let (Some(stream), Value::Object(end)) = (data["stream"].as_object_mut(), end) {
        stream.extend(end);
    }
    data
}
