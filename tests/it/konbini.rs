//! The API client against the simulator: every answer of the contract, every fault of the wire.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy allows them in test functions, but not in their helpers"
)]

use std::time::Duration;

use http::{StatusCode, header};
use tallylight::clock::Clock;
use tallylight::config::{self, Secret};
use tallylight::domain::observation::{Cause, LiveStream, Remedy};
use tallylight::domain::{Observation, Unclear, Username};
use tallylight::konbini::answer::{Cursor, FollowingFinding, ProfileFinding};
use tallylight::konbini::{Answer, Client, Credits, Source as _};
use tallylight::simulator::wire::{self, Wire, loopback};
use tallylight::simulator::world::{TITLES, sec_uid};
use tallylight::simulator::{Account, Fault, Handle, Reply, Simulator, Stream, World};

const KEY: &str = "knbn_hunter2";
/// More than the sockets of a loopback connection hold, far less than is offered.
const BUFFERS: u64 = 24 << 20;

fn ann() -> Username {
    "ann.streams".parse().unwrap()
}

fn config(url: &str, timeout: Duration) -> config::Konbini {
    config::Konbini {
        api_key: Secret::new(KEY),
        base_url: url.to_owned(),
        timeout,
    }
}

/// A simulator in which ann is live in room 7, and bob exists.
async fn simulated(timeout: Duration) -> (Simulator, Handle, Client) {
    let account = Account {
        key: KEY.to_owned(),
        credits: 100,
        ..Account::default()
    };
    let listener = loopback().await.unwrap();
    let clock = Clock::system();
    let simulator = Simulator::start(listener, World::new(), account, clock).unwrap();
    let handle = simulator.handle();
    handle.set_live(&ann(), Some("7"));
    handle.set_offline(&"bob".parse().unwrap());
    let client = Client::new(&config(&simulator.url(), timeout)).unwrap();
    (simulator, handle, client)
}

/// Long enough that only a request that would never end meets it.
const PATIENT: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(300);

fn stream(answer: Answer) -> LiveStream {
    match answer.observation {
        Observation::Live(stream) => *stream,
        other => panic!("{other:?}"),
    }
}

fn unclear(answer: Answer) -> Unclear {
    match answer.observation {
        Observation::Unclear(unclear) => {
            assert!(!unclear.detail.contains("hunter2"), "{}", unclear.detail);
            unclear
        }
        certain => panic!("{certain:?}"),
    }
}

/// Waits until the server noticed that every client left.
async fn until_nothing_is_in_flight(traffic: &wire::Traffic) {
    while traffic.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_live_creator_is_live_and_the_credit_is_counted() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    let answer = client.poll(&ann()).await;
    let credits = Credits {
        used: Some(1),
        remaining: Some(99),
    };
    assert_eq!(answer.credits, credits);
    let stream = stream(answer);
    assert_eq!(stream.room.as_str(), "7");
    assert!(stream.started_at.is_some());
    assert_eq!(stream.media.len(), 1);
    assert_eq!(stream.profile.id, Some(sec_uid(&ann())));
    assert_eq!(handle.polls(&ann()), 1);
    assert_eq!((handle.credits_used(), handle.credits_remaining()), (1, 99));
}

#[tokio::test]
async fn not_live_and_not_there_look_the_same_and_the_profile_tells_them_apart() {
    let (_simulator, _handle, client) = simulated(PATIENT).await;
    for name in ["bob", "nobody"] {
        let answer = client.poll(&name.parse().unwrap()).await;
        assert_eq!(answer.observation, Observation::Offline);
        assert_eq!(answer.credits.used, Some(1));
    }
    let bob = client.profile(&"bob".parse().unwrap()).await;
    let ProfileFinding::Exists(user) = bob.finding else {
        panic!("{bob:?}")
    };
    assert_eq!(user.username.as_str(), "bob");
    assert_eq!(bob.credits.remaining, Some(97));
    let nobody = client.profile(&"nobody".parse().unwrap()).await;
    assert_eq!(nobody.finding, ProfileFinding::Missing);
}

#[tokio::test]
async fn every_hostile_title_arrives_as_it_was_written() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    for title in TITLES {
        let now = Clock::system().now();
        handle.begin(&ann(), Stream::new(&ann(), now).titled(title));
        assert_eq!(
            stream(client.poll(&ann()).await).title.as_deref(),
            Some(title)
        );
    }
}

#[tokio::test]
async fn every_fault_of_an_answer_has_its_cause_and_is_over_when_it_is_lifted() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    let table = [
        (
            Fault::Error(400, "validation_error"),
            Cause::InvalidUsername,
        ),
        (Fault::Error(401, "missing_api_key"), Cause::KeyRefused),
        (Fault::Error(401, "invalid_api_key"), Cause::KeyRefused),
        (Fault::Error(403, "api_key_disabled"), Cause::KeyRefused),
        (Fault::Error(403, "api_key_expired"), Cause::KeyRefused),
        (
            Fault::Error(402, "credits_exhausted"),
            Cause::CreditsExhausted,
        ),
        (Fault::Error(404, "route_not_found"), Cause::NotTheApi),
        (Fault::Error(500, "internal_error"), Cause::ServerFault),
        (Fault::Error(502, "platform_error"), Cause::ServerFault),
        (Fault::Error(503, "service_unavailable"), Cause::ServerFault),
        (Fault::Error(504, "platform_error"), Cause::ServerFault),
        (Fault::Error(418, "teapot"), Cause::UnknownError),
        (Fault::HtmlNotFound, Cause::NotTheApi),
        (Fault::EmptyNotFound, Cause::NotTheApi),
        (Fault::HtmlPage, Cause::NotTheApi),
        (Fault::Redirect, Cause::NotTheApi),
        (Fault::Garbage, Cause::Malformed),
        (Fault::Missing("entityId"), Cause::Malformed),
        (Fault::Null("isLive"), Cause::Malformed),
        (Fault::SomebodyElse, Cause::Malformed),
        (Fault::Truncated, Cause::Connection),
        (Fault::Reset, Cause::Connection),
        (Fault::HugeTitle, Cause::BodyTooLarge),
        (Fault::HugeBody, Cause::BodyTooLarge),
        (Fault::EndlessBody, Cause::BodyTooLarge),
        (Fault::RateLimited(None), Cause::RateLimited),
    ];
    for (fault, cause) in table {
        handle.fault_of(&ann(), Some(fault.clone()));
        assert_eq!(unclear(client.poll(&ann()).await).cause, cause, "{fault:?}");
        handle.fault_of(&ann(), None);
        let after = stream(client.poll(&ann()).await);
        assert_eq!(after.room.as_str(), "7", "after {fault:?}");
    }
    let log = handle.log();
    assert_eq!(
        log.len() as u64,
        handle.polls(&ann()),
        "one poll, one request"
    );
}

#[tokio::test]
async fn what_differs_only_in_form_is_no_fault() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    let plain = stream(client.poll(&ann()).await);
    for fault in [
        Fault::ImageObject,
        Fault::ImageArray,
        Fault::Missing("published"),
        Fault::Null("content"),
        Fault::Drip(Duration::ZERO),
        Fault::Slow(Duration::from_millis(1)),
        Fault::AllLive,
    ] {
        handle.fault_everywhere(Some(fault.clone()));
        let stream = stream(client.poll(&ann()).await);
        assert_eq!(stream.room, plain.room, "{fault:?}");
        assert_eq!(stream.cover_url, plain.cover_url, "{fault:?}");
    }
    for fault in [Fault::NotLiveFlag, Fault::AllOffline] {
        handle.fault_everywhere(Some(fault));
        assert_eq!(client.poll(&ann()).await.observation, Observation::Offline);
    }
    handle.fault_everywhere(Some(Fault::AllLive));
    stream(client.poll(&"bob".parse().unwrap()).await);
}

#[tokio::test]
async fn a_stale_cache_serves_the_room_that_is_over() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    handle.set_live(&ann(), Some("8"));
    handle.fault_of(&ann(), Some(Fault::StaleRoom));
    assert_eq!(stream(client.poll(&ann()).await).room.as_str(), "7");
    handle.set_offline(&ann());
    assert_eq!(stream(client.poll(&ann()).await).room.as_str(), "8");
    handle.fault_of(&ann(), None);
    assert_eq!(client.poll(&ann()).await.observation, Observation::Offline);
}

#[tokio::test]
async fn a_429_says_how_long_to_wait() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    handle.fault_everywhere(Some(Fault::RateLimited(Some(7))));
    let limited = unclear(client.poll(&ann()).await);
    assert_eq!(limited.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn the_right_key_and_credits_are_needed() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    handle.set_key("knbn_other");
    let refused = client.poll(&ann()).await;
    assert_eq!(refused.credits, Credits::default());
    assert_eq!(unclear(refused).cause, Cause::KeyRefused);
    handle.set_key(KEY);
    handle.set_credits(1);
    assert_eq!(stream(client.poll(&ann()).await).room.as_str(), "7");
    let broke = client.poll(&ann()).await;
    assert_eq!(broke.credits.remaining, Some(0));
    assert_eq!(unclear(broke).cause, Cause::CreditsExhausted);
    assert_eq!(handle.credits_used(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_come_or_end_is_a_timeout() {
    let (_simulator, handle, client) = simulated(SHORT).await;
    for fault in [
        Fault::Hang,
        Fault::Slow(PATIENT),
        Fault::Drip(Duration::from_millis(50)),
    ] {
        handle.fault_everywhere(Some(fault.clone()));
        assert_eq!(
            unclear(client.poll(&ann()).await).cause,
            Cause::Timeout,
            "{fault:?}"
        );
    }
    until_nothing_is_in_flight(handle.traffic()).await;
}

#[tokio::test]
async fn a_body_without_end_or_measure_costs_the_cap_and_what_sockets_hold() {
    for fault in [Fault::HugeBody, Fault::EndlessBody] {
        let (_simulator, handle, client) = simulated(PATIENT).await;
        handle.fault_everywhere(Some(fault.clone()));
        let answer = client.poll(&ann()).await;
        assert_eq!(unclear(answer).cause, Cause::BodyTooLarge, "{fault:?}");
        until_nothing_is_in_flight(handle.traffic()).await;
        let written = handle.traffic().bytes_written();
        assert!(written < BUFFERS, "{fault:?}: {written} bytes");
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_counted_while_it_comes() {
    let cap = tallylight::konbini::client::MAX_BODY_BYTES;
    for (length, cause) in [(cap, Cause::Malformed), (cap + 1, Cause::BodyTooLarge)] {
        let wire = Wire::start(loopback().await.unwrap(), move |_| async move {
            Reply::Drip {
                answer: wire::Answer::json(StatusCode::OK, vec![b' '; length]),
                piece: 64 << 10,
                every: Duration::ZERO,
            }
        });
        let wire = wire.unwrap();
        let client = Client::new(&config(&wire.url(), PATIENT)).unwrap();
        assert_eq!(unclear(client.poll(&ann()).await).cause, cause, "{length}");
    }
}

#[tokio::test]
async fn a_promised_length_above_the_cap_is_not_waited_for() {
    let wire = Wire::start(loopback().await.unwrap(), |_| async {
        Reply::Truncated {
            answer: wire::Answer::json(StatusCode::OK, "{"),
            missing: 64 << 20,
        }
    });
    let wire = wire.unwrap();
    let client = Client::new(&config(&wire.url(), PATIENT)).unwrap();
    let refused = unclear(client.poll(&ann()).await);
    assert_eq!(refused.cause, Cause::BodyTooLarge);
}

#[tokio::test]
async fn credits_count_even_where_the_body_is_lost() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    for fault in [Fault::Truncated, Fault::HugeTitle] {
        handle.fault_everywhere(Some(fault));
        let answer = client.poll(&ann()).await;
        assert_eq!(answer.credits.used, Some(1));
        assert_eq!(answer.credits.remaining, Some(handle.credits_remaining()));
        // Asked again at once it would cost a second credit.
        assert_eq!(unclear(answer).remedy(), Remedy::ComeBack);
    }
}

#[tokio::test]
async fn many_polls_share_one_connection() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    for name in ["ann.streams", "bob", "nobody", "ann.streams", "bob"] {
        client.poll(&name.parse().unwrap()).await;
    }
    assert_eq!(handle.traffic().requests(), 5);
    assert_eq!(handle.traffic().connections(), 1);
    assert_eq!(handle.traffic().most_in_flight(), 1);
}

#[tokio::test]
async fn nothing_is_repeated_or_followed_behind_our_back() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    // On a connection that has served before, where a transport is most tempted to repeat.
    stream(client.poll(&ann()).await);
    for (requests, fault) in [(2, Fault::Reset), (3, Fault::Redirect)] {
        handle.fault_everywhere(Some(fault.clone()));
        unclear(client.poll(&ann()).await);
        assert_eq!(handle.traffic().requests(), requests, "{fault:?}");
    }
}

#[tokio::test]
async fn nobody_listening_is_a_connection_fault_that_names_no_key_and_no_address() {
    let free = loopback().await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let client = Client::new(&config(&url, PATIENT)).unwrap();
    let refused = unclear(client.poll(&ann()).await);
    assert_eq!(refused.cause, Cause::Connection);
    assert!(refused.detail.contains("refused"), "{}", refused.detail);
    assert!(!refused.detail.contains("/v1/"), "{}", refused.detail);
}

#[tokio::test]
async fn a_request_is_what_the_contract_asks_for() {
    let (sender, mut seen) = tokio::sync::mpsc::channel(1);
    let wire = Wire::start(loopback().await.unwrap(), move |request| {
        let sender = sender.clone();
        async move {
            sender.send(request).await.unwrap();
            Reply::status(StatusCode::NOT_FOUND)
        }
    });
    let wire = wire.unwrap();
    let client = Client::new(&config(&format!("{}/base/", wire.url()), PATIENT)).unwrap();
    client.poll(&ann()).await;
    let request = seen.recv().await.unwrap();
    assert_eq!(request.method, http::Method::GET);
    assert_eq!(request.path, "/base/v1/tiktok/users/ann.streams/live");
    assert_eq!(request.query, None);
    let agent = concat!("tallylight/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.headers[header::USER_AGENT], agent);
    assert_eq!(
        request.headers[header::AUTHORIZATION],
        "Bearer knbn_hunter2"
    );
    assert!(!request.headers.contains_key(header::ACCEPT_ENCODING));
    assert!(!request.headers.contains_key(header::REFERER));
}

#[tokio::test]
async fn a_following_list_is_read_page_by_page_and_each_costs_a_credit() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    let watcher: Username = "watcher".parse().unwrap();
    let mut members: Vec<Username> = (0..65)
        .map(|n| format!("member{n}").parse().unwrap())
        .collect();
    handle.change_world(|world| members.iter().for_each(|name| world.add(name)));
    members.push(ann());
    handle.set_following(&watcher, &members, 1);
    let mut cursor = None;
    let mut seen = Vec::new();
    for page_size in [30, 30, 6] {
        let answer = client.following(&watcher, cursor.as_ref()).await;
        assert_eq!(answer.credits.used, Some(1));
        let FollowingFinding::Page(page) = answer.finding else {
            panic!("{answer:?}")
        };
        assert_eq!(page.members.len(), page_size);
        seen.extend(page.members);
        cursor = page.next;
    }
    assert_eq!(cursor, None);
    let live: Vec<_> = seen
        .iter()
        .filter(|member| member.is_live == Some(true))
        .collect();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].username, ann());
    assert_eq!(live[0].profile.id, Some(sec_uid(&ann())));
    assert_eq!(handle.credits_used(), 3);
}

#[tokio::test]
async fn a_list_that_cannot_be_seen_is_charged_and_an_expired_cursor_is_not() {
    let (_simulator, handle, client) = simulated(PATIENT).await;
    let answer = client.following(&ann(), None).await;
    assert_eq!(answer.finding, FollowingFinding::Hidden);
    assert_eq!(answer.credits.used, Some(1));
    handle.set_following(&ann(), &[], 1);
    let cursor = Cursor::new("nonsense").unwrap();
    let answer = client.following(&ann(), Some(&cursor)).await;
    let FollowingFinding::Unclear(unclear) = answer.finding else {
        panic!("{answer:?}")
    };
    assert_eq!(unclear.cause, Cause::InvalidUsername);
    assert_eq!(answer.credits.used, Some(0));
    for fault in [Fault::Garbage, Fault::HugeBody, Fault::Truncated] {
        handle.fault_of(&ann(), Some(fault));
        let answer = client.following(&ann(), None).await;
        assert!(matches!(answer.finding, FollowingFinding::Unclear(_)));
    }
}
