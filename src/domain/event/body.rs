//! The JSON that an event carries: made once, then stored, signed and sent as it is.

use serde::Serialize;

use super::{EventType, Labels};
use crate::domain::observation::{LiveStream, Media};
use crate::domain::tracker::{EndReason, LiveState, Transition, TransitionKind};
use crate::domain::{Profile, Timestamp, Username};

/// `{"type", "timestamp", "data"}` as JSON.
pub(super) fn envelope(kind: EventType, timestamp: Timestamp, data: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Envelope<'a, D> {
        r#type: &'a str,
        timestamp: Timestamp,
        data: &'a D,
    }
    let envelope = Envelope {
        r#type: kind.as_str(),
        timestamp,
        data,
    };
    // Serialising strings, numbers and maps with string keys into memory cannot fail.
    serde_json::to_string(&envelope).unwrap_or_default()
}

/// `data` of the four stream events.
#[derive(Serialize)]
pub(super) struct StreamData<'a> {
    sequence: u64,
    creator: CreatorCard<'a>,
    stream: StreamCard<'a>,
    detection: Detection,
    already_live: bool,
    resumed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<EndReason>,
    #[serde(flatten)]
    updated: Option<Updated<'a>>,
}

/// `data.creator`.
#[derive(Serialize)]
pub(super) struct CreatorCard<'a> {
    username: &'a str,
    id: Option<&'a str>,
    name: Option<&'a str>,
    url: String,
    avatar_url: Option<&'a str>,
    followers: Option<u64>,
    verified: Option<bool>,
    labels: &'a Labels,
}

#[derive(Serialize)]
struct StreamCard<'a> {
    id: &'a str,
    url: String,
    title: Option<&'a str>,
    started_at: Option<Timestamp>,
    viewers: Option<u64>,
    views: Option<u64>,
    cover_url: Option<&'a str>,
    media: &'a [Media],
    #[serde(flatten)]
    end: Option<End>,
}

#[derive(Serialize)]
struct End {
    ended_at: Timestamp,
    last_seen_at: Timestamp,
    duration_seconds: f64,
    peak_viewers: Option<u64>,
    average_viewers: Option<u64>,
    samples: u64,
}

#[derive(Serialize)]
struct Updated<'a> {
    previous_title: Option<&'a str>,
}

#[derive(Serialize)]
struct Detection {
    previous_poll_at: Option<Timestamp>,
    /// Detection minus start; `null` where the start is unknown or something else was detected.
    delay_seconds: Option<f64>,
}

impl<'a> StreamData<'a> {
    pub(super) fn new(
        username: &'a Username,
        labels: &'a Labels,
        transition: &'a Transition,
    ) -> Self {
        let live = &transition.live;
        let started = matches!(transition.kind, TransitionKind::Started);
        let delay = live
            .stream
            .started_at
            .filter(|_| started)
            .map(|at| transition.at.since(at));
        let (end, reason) = match transition.kind {
            TransitionKind::Ended { reason, ended_at } => {
                (Some(End::new(live, ended_at)), Some(reason))
            }
            _ => (None, None),
        };
        let updated = match &transition.kind {
            TransitionKind::Updated { previous_title } => Some(Updated {
                previous_title: previous_title.as_deref(),
            }),
            _ => None,
        };
        Self {
            sequence: transition.sequence,
            creator: CreatorCard::new(username, labels, &live.stream.profile),
            stream: StreamCard::new(username, &live.stream, end),
            detection: Detection {
                previous_poll_at: transition.previous_poll_at,
                delay_seconds: delay.map(|d| d.as_secs_f64()),
            },
            already_live: live.already_live,
            resumed: live.resumed,
            reason,
            updated,
        }
    }
}

impl<'a> CreatorCard<'a> {
    pub(super) fn new(username: &'a Username, labels: &'a Labels, profile: &'a Profile) -> Self {
        Self {
            username: username.as_str(),
            id: profile.id.as_deref(),
            name: profile.name.as_deref(),
            url: username.profile_url(),
            avatar_url: profile.avatar_url.as_deref(),
            followers: profile.followers,
            verified: profile.verified,
            labels,
        }
    }
}

impl<'a> StreamCard<'a> {
    fn new(username: &Username, stream: &'a LiveStream, end: Option<End>) -> Self {
        Self {
            id: stream.room.as_str(),
            url: username.live_url(),
            title: stream.title.as_deref(),
            started_at: stream.started_at,
            viewers: stream.viewers,
            views: stream.views,
            cover_url: stream.cover_url.as_deref(),
            media: &stream.media,
            end,
        }
    }
}

impl End {
    fn new(live: &LiveState, ended_at: Timestamp) -> Self {
        let audience = &live.audience;
        Self {
            ended_at,
            last_seen_at: live.last_seen_at,
            duration_seconds: ended_at.since(live.began_at()).as_secs_f64(),
            peak_viewers: (audience.samples > 0).then_some(audience.peak),
            average_viewers: audience.average(),
            samples: audience.samples,
        }
    }
}
