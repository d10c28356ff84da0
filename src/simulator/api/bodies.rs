//! What the pretend API's answers look like, rightly and with each fault.

use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::super::faults::Fault;
use super::super::following::Page;
use super::super::wire::{Answer, Reply};
use super::super::world::{self, Stream, World};
use super::Call;
use crate::domain::{Timestamp, Username};

/// Used and remaining, for the headers; 401 has none.
type Credits = Option<(u64, u64)>;

/// What is asked for.
pub(super) struct Scene<'a> {
    pub(super) call: Call,
    pub(super) username: &'a Username,
    pub(super) now: Timestamp,
}

/// The contract's error form.
pub(super) fn error(status: u16, code: &str, credits: Credits) -> Reply {
    let body = json!({"errors": [{"code": code, "message": "as the code says"}], "data": null});
    with_credits(json_answer(status, &body), credits).into()
}

/// The contract's success form.
pub(super) fn success(data: &Value, credits: Credits) -> Answer {
    with_credits(json_answer(200, &json!({ "data": data })), credits)
}

fn json_answer(status: u16, body: &Value) -> Answer {
    Answer::json(status_code(status), body.to_string())
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn with_credits(answer: Answer, credits: Credits) -> Answer {
    let Some((used, remaining)) = credits else {
        return answer;
    };
    answer
        .with_header(HeaderName::from_static("x-credits-used"), used.into())
        .with_header(
            HeaderName::from_static("x-credits-remaining"),
            remaining.into(),
        )
}

/// `data` of a right answer, or of one that is wrong in its content; `None` for 404.
pub(super) fn data(world: &World, scene: &Scene<'_>, fault: Option<&Fault>) -> Option<Value> {
    match scene.call {
        Call::Live => live(world, scene, fault),
        _ => world.has(scene.username).then(|| {
            let is_live = world.live_at(scene.username, scene.now).is_some();
            let mut person = person(world, scene.username, is_live);
            if fault == Some(&Fault::SomebodyElse) {
                person["preferredUsername"] = json!("somebody.else");
            }
            person
        }),
    }
}

fn live(world: &World, scene: &Scene<'_>, fault: Option<&Fault>) -> Option<Value> {
    let now = scene.now;
    let running = world.live_at(scene.username, now);
    let made_up = || Stream::new(scene.username, now.minus(Duration::from_mins(10)));
    let stream = match fault {
        Some(Fault::AllOffline) => return None,
        Some(Fault::AllLive) => running.cloned().unwrap_or_else(made_up),
        Some(Fault::StaleRoom) => world
            .last_ended_at(scene.username, now)
            .or(running)?
            .clone(),
        Some(Fault::NotLiveFlag) => {
            let mut data = broadcast(world, scene.username, &made_up(), now);
            data["isLive"] = json!(false);
            return Some(data);
        }
        _ => running?.clone(),
    };
    let mut data = broadcast(world, scene.username, &stream, now);
    if let Some(fault) = fault {
        distort(&mut data, fault);
    }
    Some(data)
}

/// Changes the fields that `fault` is about.
fn distort(data: &mut Value, fault: &Fault) {
    match fault {
        Fault::ImageArray => data["image"] = json!([data["image"].take()]),
        Fault::Null(field) => data[*field] = Value::Null,
        Fault::Missing(field) => {
            if let Some(data) = data.as_object_mut() {
                data.remove(*field);
            }
        }
        Fault::SomebodyElse => {
            data["attributedTo"]["preferredUsername"] = json!("somebody.else");
        }
        Fault::HugeTitle => data["content"] = json!("x".repeat(2_000_000)),
        _ => {}
    }
}

/// A right answer sent in the way that `fault` is about.
pub(super) fn deliver(answer: Answer, fault: Option<&Fault>) -> Reply {
    match fault {
        Some(Fault::Truncated) => {
            let half = answer.body.len() / 2;
            let missing = (answer.body.len() - half) as u64;
            let answer = Answer {
                body: answer.body.slice(..half),
                ..answer
            };
            Reply::Truncated { answer, missing }
        }
        Some(Fault::Slow(wait)) => Reply::from(answer).after(*wait),
        Some(Fault::Drip(every)) => Reply::Drip {
            answer,
            piece: 1,
            every: *every,
        },
        _ => answer.into(),
    }
}

/// What `fault` sends without looking at anybody; `None` if the answer is made after all.
pub(super) fn in_place_of_an_answer(fault: &Fault, credits: u64) -> Option<Reply> {
    let free = Some((0, credits));
    let page = |status, text: &'static str| {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        let answer = Answer::status(status).with_body(text);
        Reply::from(answer.with_header(header::CONTENT_TYPE, html))
    };
    Some(match fault {
        Fault::Error(status, code) => error(*status, code, free),
        Fault::HtmlNotFound => page(StatusCode::NOT_FOUND, "<h1>404 Not Found</h1>"),
        Fault::EmptyNotFound => Reply::status(StatusCode::NOT_FOUND),
        Fault::HtmlPage => page(StatusCode::OK, "<h1>Welcome to the hotel</h1>"),
        Fault::Garbage => Answer::json(StatusCode::OK, &b"\xff\x00{\"data\":"[..]).into(),
        Fault::Reset => Reply::Reset,
        Fault::Hang => Reply::Hang,
        Fault::Redirect => {
            let elsewhere = HeaderValue::from_static("/elsewhere");
            let answer = Answer::status(StatusCode::FOUND);
            answer.with_header(header::LOCATION, elsewhere).into()
        }
        Fault::HugeBody => Answer::json(StatusCode::OK, vec![b' '; 64 << 20]).into(),
        Fault::EndlessBody => Reply::Endless(Answer::json(StatusCode::OK, vec![b' '; 16 << 10])),
        Fault::RateLimited(retry_after) => rate_limited(*retry_after),
        _ => return None,
    })
}

fn rate_limited(retry_after: Option<u64>) -> Reply {
    let answer = Answer::status(StatusCode::TOO_MANY_REQUESTS).with_body("slow down");
    match retry_after {
        Some(seconds) => answer
            .with_header(header::RETRY_AFTER, seconds.into())
            .into(),
        None => answer.into(),
    }
}

/// The same reply with `Date` by the simulator's clock, which need not be the machine's.
pub(super) fn dated(mut reply: Reply, now: Timestamp) -> Reply {
    let since = u64::try_from(now.as_millis()).map_or(Duration::ZERO, Duration::from_millis);
    let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since);
    if let (Some(answer), Ok(date)) = (reply.answer_mut(), HeaderValue::from_str(&date)) {
        answer.headers.insert(header::DATE, date);
    }
    reply
}

/// A live stream in the contract's form, with the traps of the provider's own sample.
fn broadcast(world: &World, username: &Username, stream: &Stream, now: Timestamp) -> Value {
    let picture = picture(username);
    json!({
        "@context": ["https://www.w3.org/ns/activitystreams#", "https://konbiniapi.com/ns/social#"],
        "type": "Video",
        "id": username.live_url(),
        "url": username.live_url(),
        "entityId": stream.room,
        "published": stream.starts_at,
        "isLive": true,
        "viewCount": stream.views_at(now),
        "viewerCount": stream.viewers_at(now),
        "content": stream.title,
        "attributedTo": person(world, username, false),
        "image": picture,
        "attachment": [{
            "type": "Video",
            "url": [format!("https://webcast.tiktok.example/{}.flv", stream.room)],
            "mediaType": "video/x-flv",
            "name": "flv",
        }],
    })
}

fn person(world: &World, username: &Username, is_live: bool) -> Value {
    json!({
        "type": "Person",
        "id": username.profile_url(),
        "url": username.profile_url(),
        "entityId": world.stable_id(username),
        "name": format!("{username} (simulated)"),
        "preferredUsername": username,
        "isPrivate": false,
        "isVerified": true,
        "isLive": is_live,
        "followerCount": world::hash(username.as_str()) % 1_000_000,
        "followingCount": 85,
        "likeCount": 2_600,
        "mediaCount": 1_309,
        "icon": picture(username),
        "image": [picture(username)],
    })
}

/// A page of the following list of `account`.
pub(super) fn following(
    world: &World,
    account: &Username,
    cursor: Option<&str>,
    page: &Page,
) -> Value {
    let items = page.members.iter();
    let items: Vec<_> = items
        .map(|(username, is_live)| person(world, username, *is_live))
        .collect();
    let list = format!("https://api.konbini.example/v1/tiktok/users/{account}/following");
    let next = page.next.as_ref();
    json!({
        "@context": ["https://www.w3.org/ns/activitystreams#", "https://konbiniapi.com/ns/social#"],
        "type": "OrderedCollectionPage",
        "partOf": list,
        "totalItems": page.total,
        "cursor": cursor,
        "nextCursor": page.next,
        "next": next.map(|cursor| format!("{list}?cursor={cursor}&count=30")),
        "itemCount": items.len(),
        "orderedItems": items,
    })
}

fn picture(username: &Username) -> Value {
    json!({
        "type": "Image",
        "url": format!("https://cdn.tiktok.example/{username}.jpeg"),
        "width": 576,
        "height": 1024,
    })
}
