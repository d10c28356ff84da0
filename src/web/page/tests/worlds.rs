//! What the pages are drawn from: a busy day, an empty one, and one that strangers wrote.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::timing::Timing;
use crate::domain::tracker::Visibility;
use crate::domain::{EventId, EventType, RoomId, Timestamp};
use crate::store::DeliveryId;
use crate::store::history::{
    DeliveryDetail, DetectionDelay, EventRecord, Look, PollMark, StreamId, StreamRecord,
};
use crate::store::log::{AttemptRecord, DeliveryRecord, Status};
use crate::web::chart::Point;
use crate::web::page::creator::Portrait;
use crate::web::page::creators::Wish;
use crate::web::page::home::Home;
use crate::web::tests::{lane, overview, stream};
use crate::web::views::*;

/// 2026-02-27T18:36:42Z
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_772_217_402_000);
pub(super) const DAY: Duration = Duration::from_hours(24);

/// Everything that could hurt: markup, quotes, escapes, directions, controls, addresses.
pub(super) const HOSTILE: &str = "\"><script>alert(1)</script>' onload='alert(1)' <img src=x \
     onerror=alert(1)> javascript:alert(1) </title></bdi></pre>\u{202e}live\u{0}\u{1b}[31m&amp;{{x}}\r\n";

/// What the pages of one test are drawn from.
pub(super) struct World {
    pub(super) home: Home,
    pub(super) watchlist: CreatorPage,
    pub(super) portrait: Portrait,
    pub(super) delivery: DeliveryDetail,
    search: &'static str,
}

impl World {
    /// A learned schedule at mid-month: somebody is live, a webhook fails, the API does too.
    pub(super) fn busy() -> Self {
        let mut overview = overview();
        overview.live[0].name = Some("Ada".to_owned());
        overview.live[0].stream.cover_url = Some("https://p16.example/cover.jpg".to_owned());
        let detail = detail();
        Self {
            watchlist: CreatorPage {
                creators: vec![detail.creator.clone()],
                next: Some("bob".parse().unwrap()),
            },
            home: Home {
                lanes: Arc::new(vec![lane("backend")]),
                curves: vec![curve()],
                next: Some(detail.clone()),
                recent: vec![
                    event(EventType::StreamStarted),
                    event(EventType::MonitorDegraded),
                ],
                now: NOW,
                covers: false,
                overview: Arc::new(overview),
            },
            portrait: Portrait {
                username: "ada".parse().unwrap(),
                watched: Some(detail),
                streams: vec![
                    record("a title", None),
                    record("before", Some(NOW.minus(DAY))),
                ],
                curves: vec![curve(), curve()],
                polls: polls(),
                delays: delays(),
                now: NOW,
            },
            delivery: delivery("{\"type\":\"stream.started\"}", "no"),
            search: "",
        }
    }

    /// The same, in which strangers wrote every text there is.
    pub(super) fn hostile() -> Self {
        let mut world = Self::busy();
        let text = || Some(HOSTILE.to_owned());
        let spoil = |stream: &mut Stream| {
            stream.title = text();
            "javascript:alert(1)//https://www.tiktok.com/".clone_into(&mut stream.url);
            stream.cover_url = Some("data:image/svg+xml,<svg onload=alert(1)>".to_owned());
        };
        let overview = Arc::make_mut(&mut world.home.overview);
        spoil(&mut overview.live[0].stream);
        overview.live[0].name = text();
        overview.degraded[0].detail = text();
        overview.reload.successful = false;
        overview.reload.problem = text();
        Arc::make_mut(&mut world.home.lanes)[0].last_error = text();
        let watched = world.portrait.watched.as_mut().unwrap();
        watched.note = text();
        watched.creator.name = text();
        watched.creator.labels = [(HOSTILE.to_owned(), HOSTILE.to_owned())].into();
        spoil(watched.creator.stream.as_mut().unwrap());
        world.portrait.streams = vec![record(HOSTILE, None), record(HOSTILE, Some(NOW))];
        world.delivery = delivery(HOSTILE, HOSTILE);
        world.search = HOSTILE;
        world
    }

    /// A program that was started just now and has nothing to show.
    pub(super) fn empty() -> Self {
        let mut world = Self::busy();
        let overview = Arc::make_mut(&mut world.home.overview);
        overview.live.clear();
        overview.upcoming.clear();
        overview.degraded.clear();
        overview.creators = Census::default();
        overview.credits = Credits::default();
        world.home.lanes = Arc::default();
        world.home.curves.clear();
        world.home.next = None;
        world.home.recent.clear();
        world.watchlist = CreatorPage::default();
        world.portrait.watched = None;
        world.portrait.streams.clear();
        world.portrait.curves.clear();
        world.portrait.polls.clear();
        world.portrait.delays.clear();
        world.delivery.attempts.clear();
        world
    }

    pub(super) fn wish(&self) -> Wish {
        Wish {
            q: self.search.to_owned(),
            ..Wish::default()
        }
    }

    pub(super) fn deliveries(&self) -> Vec<DeliveryRecord> {
        let failed = DeliveryRecord {
            status: Status::Failed,
            ..self.delivery.record.clone()
        };
        vec![self.delivery.record.clone(), failed]
    }
}

pub(super) fn degraded(reason: &str) -> Degraded {
    Degraded {
        reason: reason.to_owned(),
        since: NOW.minus(DAY),
        detail: None,
    }
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

/// Evenings at six, most of all on Fridays.
fn habit() -> Vec<f32> {
    let strength = |bin: usize| {
        let (day, hour) = (bin / 48, (bin % 48) as f32 / 2.0);
        let day = if day == 4 { 1.0 } else { 0.35 };
        day * (-(hour - 18.5).powi(2) / 3.0).exp() + 0.004
    };
    (0..336).map(strength).collect()
}

fn curve() -> Vec<Point> {
    let value = |n: u64| 1_000.0 * (n as f64 / 9.0).sin().abs() + 10.0 * n as f64;
    let point = |n: u64| Point {
        at: NOW.minus(minutes(2 * (40 - n))),
        value: value(n),
    };
    (0..40).map(point).collect()
}

fn detail() -> CreatorDetail {
    let creator = Creator {
        username: "ada".parse().unwrap(),
        id: None,
        name: Some("Ada".to_owned()),
        state: State::Live,
        stream: Some(stream()),
        last_answer_at: Some(NOW.minus(minutes(1))),
        last_outcome: Some("unclear".to_owned()),
        last_reason: None,
        unclear_in_a_row: 2,
        next_poll: Some(overview().upcoming[0].poll.clone()),
        priority: 1.5,
        labels: [("team".to_owned(), "emea".to_owned())].into(),
    };
    CreatorDetail {
        creator,
        sequence: 41,
        first_poll_at: Some(NOW.minus(60 * DAY)),
        last_ended_at: Some(NOW.minus(DAY)),
        note: Some("ask Kim before removing".to_owned()),
        polls: 12_345,
        poll_share: Some(0.034),
        rhythm: Some(Rhythm {
            starts_per_week: 3.4,
            mean_duration_seconds: 7_300.0,
            week: habit(),
        }),
    }
}

fn record(title: &str, ended_at: Option<Timestamp>) -> StreamRecord {
    let end = ended_at.unwrap_or(NOW);
    StreamRecord {
        id: StreamId(3),
        creator: "ada".parse().unwrap(),
        room: RoomId::new("7600000000000000001"),
        title: Some(title.to_owned()),
        started_at: Some(end.minus(minutes(130))),
        first_seen_at: end.minus(minutes(127)),
        last_seen_at: end.minus(minutes(2)),
        ended_at,
        end_reason: None,
        peak_viewers: Some(15_200),
        average_viewers: Some(9_100),
        views: None,
        samples: 40,
        visibility: Visibility::Announced,
        already_live: false,
        resumed: true,
    }
}

fn polls() -> Vec<PollMark> {
    let look = |n: u64| match n {
        n if n % 97 == 5 => Look::Unclear,
        n if n % 144 > 120 => Look::Live,
        _ => Look::Offline,
    };
    let mark = |n: u64| PollMark::new(NOW.minus(minutes(10 * (431 - n))), look(n));
    (0..432).map(mark).collect()
}

fn delays() -> Vec<DetectionDelay> {
    let delay = |n: u64| DetectionDelay {
        stream: StreamId(3),
        noticed_at: NOW.minus(DAY * 2 * u32::try_from(n).unwrap()),
        delay: Duration::from_secs(60 + 137 * (n * 7 % 5)),
    };
    (0..12).map(delay).collect()
}

fn event(kind: EventType) -> EventRecord {
    EventRecord {
        id: EventId::from_stored("evt_1".to_owned()),
        kind,
        creator: Some("ada".parse().unwrap()),
        sequence: Some(41),
        at: NOW.minus(minutes(30)),
    }
}

fn delivery(body: &str, answer: &str) -> DeliveryDetail {
    let record = DeliveryRecord {
        id: DeliveryId(7),
        webhook: "backend".into(),
        event: EventId::from_stored("evt_0123456789abcdef0123456789abcdef".to_owned()),
        kind: EventType::StreamStarted,
        creator: Some("ada".parse().unwrap()),
        event_at: NOW.minus(minutes(9)),
        status: Status::Pending,
        attempts: 1,
        due_at: NOW.plus(minutes(4)),
        finished_at: None,
        last_status: Some(500),
        last_error: Some(answer.to_owned()),
    };
    let attempt = AttemptRecord {
        number: 1,
        started_at: NOW.minus(minutes(8)),
        took: Duration::from_millis(183),
        timing: Timing {
            dns: Some(Duration::from_millis(3)),
            connect: Some(Duration::from_millis(41)),
            first_byte: Some(Duration::from_millis(180)),
        },
        status: Some(500),
        error: Some(answer.to_owned()),
        answer: answer.as_bytes().to_vec(),
    };
    DeliveryDetail {
        record,
        body: body.to_owned(),
        attempts: vec![attempt],
    }
}
