use std::time::Duration;

use super::*;
use crate::domain::Profile;
use crate::domain::credits::{CreditNews, Mark, Standing};
use crate::domain::observation::{LiveStream, Media, Observation, RoomId};
use crate::domain::text;
use crate::domain::tracker::{CreatorState, Rules, Visibility, step};

const RULES: Rules = Rules {
    confirm_offline: 1,
    resume_within: Duration::from_secs(600),
    when_already_live: Visibility::Announced,
};

fn installation() -> InstallationId {
    InstallationId::from_bytes([1; 16])
}

fn sample() -> LiveStream {
    LiveStream {
        room: RoomId::new("7600000000000000001").unwrap(),
        started_at: Some("2026-02-27T18:36:42Z".parse().unwrap()),
        title: Some("A <b>title</b> @everyone".into()),
        viewers: Some(15_000),
        views: Some(42_600_000),
        cover_url: Some("https://p16.example/cover.jpeg".into()),
        media: vec![Media {
            name: Some("flv".into()),
            mime_type: Some("video/x-flv".into()),
            url: "https://pull.example/stream.flv".into(),
        }],
        profile: Profile {
            id: Some("MS4wLjABAAAA".into()),
            name: Some("Khabane Lame".into()),
            avatar_url: Some("https://p16.example/avatar.jpeg".into()),
            followers: Some(160_300_000),
            verified: Some(true),
        },
    }
}

/// The events of a life: offline, live, a new title, offline.
pub(crate) fn events() -> Vec<Event> {
    let username: Username = "khaby.lame".parse().unwrap();
    let labels = Labels::from([("team".to_owned(), "emea".to_owned())]);
    let mut renamed = sample();
    renamed.title = Some("another".into());
    renamed.viewers = Some(20_001);
    let answers = [
        ("2026-02-27T18:33:02.100Z", Observation::Offline),
        (
            "2026-02-27T18:37:10.412Z",
            Observation::Live(Box::new(sample())),
        ),
        ("2026-02-27T18:42:10Z", Observation::Live(Box::new(renamed))),
        ("2026-02-27T18:47:10Z", Observation::Offline),
    ];
    let mut state = CreatorState::default();
    let mut events = Vec::new();
    for (time, answer) in answers {
        let taken = step(&state, &answer, time.parse().unwrap(), &RULES);
        state = taken.state;
        events.extend(
            taken
                .transitions
                .iter()
                .map(|t| Event::of_transition(&installation(), &username, &labels, t)),
        );
    }
    events
}

#[test]
fn bodies_of_the_stream_events() {
    let shown: Vec<String> = events().into_iter().map(|event| event.body).collect();
    assert_eq!(shown.len(), 4);
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn an_id_names_what_happened_and_where() {
    let ids = |events: Vec<Event>| events.into_iter().map(|e| e.id).collect::<Vec<_>>();
    let first = ids(events());
    assert_eq!(first, ids(events()), "the same transition has the same id");
    let mut distinct = first.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), first.len());
    assert!(
        first
            .iter()
            .all(|id| id.as_str().len() == 36 && !id.as_str().contains('.'))
    );

    let other = InstallationId::from_bytes([2; 16]);
    let a = EventId::derive(&installation(), &["x"]);
    assert_ne!(a, EventId::derive(&other, &["x"]));
    assert_ne!(
        EventId::derive(&other, &["ab", "c"]),
        EventId::derive(&other, &["a", "bc"])
    );
}

#[test]
fn the_largest_body_stays_under_64_kib() {
    let long = text::bounded(&"\u{1}".repeat(9_999));
    let url = format!("https://{}", "x".repeat(text::MAX_URL_BYTES - 8));
    let mut stream = sample();
    stream.title = Some(long.clone());
    stream.cover_url = Some(url.clone());
    stream.profile.name = Some(long.clone());
    stream.profile.avatar_url = Some(url.clone());
    stream.media = vec![
        Media {
            name: Some("n".repeat(50)),
            mime_type: Some("m".repeat(50)),
            url
        };
        crate::domain::observation::MAX_MEDIA
    ];
    let labels = (0..32)
        .map(|n| (format!("{n:050}"), "ü".repeat(200)))
        .collect();
    let observation = Observation::Live(Box::new(stream));
    let taken = step(
        &CreatorState::default(),
        &observation,
        Timestamp::default(),
        &RULES,
    );
    let event = Event::of_transition(
        &installation(),
        &"x".repeat(24).parse().unwrap(),
        &labels,
        &taken.transitions[0],
    );
    assert!(event.body.len() < 64 * 1024, "{}", event.body.len());
}

#[test]
fn every_type_has_a_name_that_leads_back_to_it() {
    assert_eq!(EventType::ALL.len(), 12);
    for kind in EventType::ALL {
        assert_eq!(kind.as_str().parse::<EventType>().unwrap(), *kind);
    }
    assert!("stream.begun".parse::<EventType>().is_err());
}

/// One of each event that no stream is part of.
fn notices() -> Vec<Event> {
    let labels = Labels::from([("team".to_owned(), "emea".to_owned())]);
    let username: Username = "khaby.lame".parse().unwrap();
    let at: Timestamp = "2026-02-27T18:37:10.412Z".parse().unwrap();
    let (known, unknown) = (sample().profile, Profile::default());
    let who = |profile| Subject {
        username: &username,
        labels: &labels,
        profile,
    };
    let previous = "khabane".parse().unwrap();
    let news = |renews_at| CreditNews {
        mark: Mark::Used90,
        standing: Standing {
            period: "2026-02-01T00:00:00Z".parse().unwrap(),
            used: 22_500,
            remaining: 2_500,
            renews_at,
            must_last_until: None,
        },
        at,
    };
    vec![
        Event::of_missing(&installation(), who(&unknown), at),
        Event::of_rename(&installation(), who(&known), &previous, at),
        Event::of_credits(
            &installation(),
            &news(Some("2026-03-01T00:00:00Z".parse().unwrap())),
        ),
        Event::of_credits(&installation(), &news(None)),
    ]
}

#[test]
fn bodies_of_the_events_that_no_stream_is_part_of() {
    let shown: Vec<String> = notices().into_iter().map(|event| event.body).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn notices_have_ids_of_their_own_and_no_sequence() {
    let events = notices();
    assert!(events.iter().all(|event| event.sequence.is_none()));
    let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
    assert!(ids.iter().all(|id| id.len() == 36 && !id.contains('.')));
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    // The same mark of the same month is the same event, whatever the figures.
    assert_eq!(ids[2], ids[3]);
}
