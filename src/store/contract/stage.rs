//! Creators that go live and offline by the real state machine, for the contract's tests.

use std::sync::Arc;
use std::time::Duration;

use crate::config::WebhookId;
use crate::domain::event::{InstallationId, Labels};
use crate::domain::source_health::{DegradedReason, HealthChange};
use crate::domain::tracker::{CreatorState, Rules, Visibility, step};
use crate::domain::{Event, LiveStream, Observation, Profile, RoomId, Timestamp, Timing, Username};
use crate::store::{
    Attempt, Change, CreatorChange, Delivery, Fate, Outgoing, Settlement, Store, StoredCreator,
};

/// `second` seconds after some Friday in 2026.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_772_217_402_000 + second * 1000)
}

/// Where the time of every attempt went.
pub(crate) const TIMING: Timing = Timing {
    dns: None,
    connect: Some(Duration::from_millis(9)),
    first_byte: Some(Duration::from_millis(80)),
};

pub(crate) fn webhook(id: &str) -> WebhookId {
    Arc::from(id)
}

/// One creator whose changes are stored.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) row: StoredCreator,
    pub(crate) rules: Rules,
    webhooks: Vec<WebhookId>,
}

impl Actor {
    pub(crate) fn new(name: &str, webhooks: &[&str]) -> Self {
        Self {
            row: StoredCreator {
                username: name.parse().unwrap(),
                state: CreatorState::default(),
                next_poll_at: None,
            },
            rules: Rules {
                confirm_offline: 1,
                resume_within: Duration::ZERO,
                when_already_live: Visibility::Announced,
            },
            webhooks: webhooks.iter().map(|id| webhook(id)).collect(),
        }
    }

    pub(crate) fn name(&self) -> &Username {
        &self.row.username
    }

    /// The change that a stream in `room` makes, seen at `second`.
    pub(crate) fn live(&mut self, room: u64, second: i64) -> Change {
        let stream = LiveStream {
            room: RoomId::new(&room.to_string()).unwrap(),
            started_at: Some(at(second - 3)),
            title: Some("so 'quoted' \u{202e} \"title\"\n\u{1f389}".to_owned()),
            viewers: Some(100 + room),
            views: Some(7),
            cover_url: None,
            media: Vec::new(),
            profile: Profile::default(),
        };
        self.take(&Observation::Live(Box::new(stream)), second)
    }

    /// The change that an answer "not live" makes.
    pub(crate) fn offline(&mut self, second: i64) -> Change {
        self.take(&Observation::Offline, second)
    }

    fn take(&mut self, observation: &Observation, second: i64) -> Change {
        let taken = step(&self.row.state, observation, at(second), &self.rules);
        self.row.state = taken.state;
        self.row.next_poll_at = Some(at(second + 300));
        let installation = InstallationId::from_bytes([7; 16]);
        let told = taken.transitions.iter().filter(|t| t.is_announced());
        let events = told.map(|transition| Outgoing {
            event: Event::of_transition(&installation, self.name(), &Labels::new(), transition),
            webhooks: self.webhooks.clone(),
        });
        Change {
            events: events.collect(),
            creator: Some(CreatorChange {
                row: self.row.clone(),
                transitions: taken.transitions,
            }),
            ..Change::default()
        }
    }
}

/// An event of the monitor's own.
pub(crate) fn degraded_event(second: i64, webhooks: &[&str]) -> Outgoing {
    let change = HealthChange {
        reason: DegradedReason::SourceFailing,
        recovered: false,
        since: at(second),
        at: at(second),
        detail: "five answers in a row were unclear".to_owned(),
    };
    Outgoing {
        event: Event::of_health(&InstallationId::from_bytes([7; 16]), &change),
        webhooks: webhooks.iter().map(|id| webhook(id)).collect(),
    }
}

/// A change that is an event of the monitor's own and nothing else.
pub(crate) fn told(event: Outgoing) -> Change {
    Change {
        events: vec![event],
        ..Change::default()
    }
}

/// What came of an attempt at `delivery`, made at `second`.
pub(crate) fn settlement(delivery: &Delivery, fate: Fate, second: i64) -> Settlement {
    Settlement {
        delivery: delivery.id,
        attempt: Some(Attempt {
            started_at: at(second),
            took: Duration::from_millis(120),
            timing: TIMING,
            status: Some(500),
            error: Some("http_5xx"),
            answer: b"\xff not UTF-8".to_vec(),
        }),
        fate,
        disable: None,
        url_hash: "hash".to_owned(),
        paused_until: None,
        alerts: Vec::new(),
    }
}

/// The deliveries of webhook `id` that are due at `second`.
pub(crate) async fn due(store: &dyn Store, id: &str, second: i64) -> Vec<Delivery> {
    store.due(&webhook(id), at(second), 100).await.unwrap()
}

/// Deliveries as short texts: `ada stream.started`.
pub(crate) fn named(deliveries: &[Delivery]) -> Vec<String> {
    let name = |d: &Delivery| {
        let creator = d.creator.as_ref().map_or("monitor", |name| name.as_str());
        format!("{creator} {}", d.kind)
    };
    deliveries.iter().map(name).collect()
}
