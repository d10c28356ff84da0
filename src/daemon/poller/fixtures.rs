//! What the poller's tests share: a small configuration and answers.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{
    Config, Creator, Http, Konbini, Log, LogFormat, Polling, ScheduleKind, Secret, Storage,
    StorageLocation, Webhook,
};
use crate::domain::retry::RetrySchedule;
use crate::domain::signature::SigningKey;
use crate::domain::tracker::{Rules, Visibility};
use crate::domain::{EventType, LiveStream, Observation, Profile, RoomId, Timestamp};

pub(crate) fn creator(number: usize) -> Creator {
    Creator {
        username: format!("creator{number}").parse().unwrap(),
        priority: 1.0,
        interval: None,
        webhooks: None,
        labels: Arc::default(),
    }
}

pub(crate) fn webhook(id: &str, url: &str) -> Webhook {
    Webhook {
        id: id.into(),
        url: url.to_owned(),
        secrets: vec![SigningKey::from_bytes([7; 32])],
        events: vec![
            EventType::StreamStarted,
            EventType::StreamEnded,
            EventType::MonitorDegraded,
            EventType::MonitorRecovered,
        ],
        timeout: Duration::from_secs(15),
        retry: RetrySchedule::default(),
        max_age: None,
        announce_resumed: true,
        headers: Vec::new(),
        concurrency: 4,
        creators: None,
        labels: crate::domain::event::Labels::new(),
        enabled: true,
    }
}

pub(crate) fn config(creators: usize) -> Config {
    Config {
        konbini: Konbini {
            api_key: Secret::new("knbn_test"),
            base_url: "http://127.0.0.1:9".to_owned(),
            timeout: Duration::from_secs(15),
        },
        budget: None,
        polling: Polling {
            schedule: ScheduleKind::Fixed,
            interval: Duration::from_secs(300),
            live_interval: Duration::from_secs(200),
            jitter: 0.1,
            max_requests_per_second: 10.0,
            max_in_flight: 16,
            confirm_after: Duration::from_secs(45),
            rules: Rules {
                confirm_offline: 2,
                resume_within: Duration::from_secs(600),
                when_already_live: Visibility::Announced,
            },
        },
        creators: (0..creators).map(creator).collect(),
        webhooks: vec![Arc::new(webhook("backend", "http://127.0.0.1:9/hook"))],
        storage: Storage {
            location: StorageLocation::Sqlite("unused".into()),
            keep: Duration::from_secs(90 * 86_400),
        },
        http: Http {
            listen: None,
            token: None,
        },
        log: Log {
            format: LogFormat::Text,
            level: tracing::Level::INFO,
        },
    }
}

pub(crate) fn live(room: u64, started: Timestamp) -> Observation {
    Observation::Live(Box::new(LiveStream {
        room: RoomId::new(&format!("76{room:017}")).unwrap(),
        started_at: Some(started),
        title: Some("a title".to_owned()),
        viewers: Some(100),
        views: None,
        cover_url: None,
        media: Vec::new(),
        profile: Profile::default(),
    }))
}
