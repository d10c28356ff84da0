//! One creator: its rhythm, its streams with their audience, and every poll of the last days.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use maud::{Markup, html};

use super::{Failure, Visitor, button, home, layout, part, unwatched, username, words};
use crate::domain::{Timestamp, Username};
use crate::store::history::{DetectionDelay, Look, PollMark, StreamQuery, StreamRecord};
use crate::web::Site;
use crate::web::chart::{self, Bar, Point, Span};
use crate::web::views::{Creator, CreatorDetail, Rhythm};

/// Streams shown.
const STREAMS: usize = 20;
/// Of these, the ones whose audience is drawn.
const CURVES: usize = 5;
/// Starts whose delay is shown.
const DELAYS: usize = 50;
/// How far back polls are drawn.
const POLLS_FOR: Duration = Duration::from_secs(3 * 86_400);
/// How far back at least, so that the first few do not look like many.
const POLLS_AT_LEAST: Duration = Duration::from_secs(3_600);

/// What the page is drawn from.
#[derive(Debug)]
pub(super) struct Portrait {
    pub(super) username: Username,
    /// `None` once it has left the watchlist.
    pub(super) watched: Option<CreatorDetail>,
    pub(super) streams: Vec<StreamRecord>,
    /// The audience of the first of `streams`.
    pub(super) curves: Vec<Vec<Point>>,
    pub(super) polls: Vec<PollMark>,
    pub(super) delays: Vec<DetectionDelay>,
    pub(super) now: Timestamp,
}

/// `GET /creators/{username}`
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Markup, Failure> {
    let portrait = gather(&site, username(&name)?).await?;
    if portrait.watched.is_none() && portrait.streams.is_empty() {
        return Err(unwatched());
    }
    Ok(draw(&portrait, &visitor))
}

async fn gather(site: &Site, username: Username) -> Result<Portrait, Failure> {
    let query = StreamQuery {
        creator: Some(username.clone()),
        limit: STREAMS,
        ..StreamQuery::default()
    };
    let streams = site.history.streams(query).await?.rows;
    let mut curves = Vec::new();
    for stream in streams.iter().take(CURVES) {
        curves.push(home::samples(site, stream.id).await?);
    }
    Ok(Portrait {
        watched: site.monitor.creator(&username).await?,
        polls: site.history.polls(&username).await?,
        delays: site.history.delays(Some(&username), DELAYS).await?,
        now: site.clock.now(),
        username,
        streams,
        curves,
    })
}

/// The whole page.
pub(super) fn draw(portrait: &Portrait, visitor: &Visitor) -> Markup {
    let name = &portrait.username;
    layout(
        &format!("@{name}"),
        Some(visitor),
        &html! {
            h1 { "@" (name) }
            (part("now", &html! { "Now" }, &standing(portrait, visitor)))
            @if let Some(rhythm) = portrait.watched.as_ref().and_then(|w| w.rhythm.as_ref()) {
                (part("rhythm", &html! { "When it goes live" }, &learned(rhythm)))
            }
            (part("polls", &html! { "Latest polls" }, &polls(portrait)))
            (part("streams", &html! { "Streams" }, &streams(portrait)))
            (part("delays", &html! { "How late starts were noticed" }, &delays(&portrait.delays)))
            p.small {
                a href={ "/feeds/" (name) ".atom" } { "Feed" } " · "
                a href={ "/badges/" (name) ".svg" } { "Badge" }
            }
        },
    )
}

fn learned(rhythm: &Rhythm) -> Markup {
    html! {
        (chart::week(&rhythm.week, "expected starts by half hour of the week, UTC"))
        p.small {
            (format!("{:.1}", rhythm.starts_per_week)) " streams a week of "
            (words::span(words::seconds(rhythm.mean_duration_seconds)))
            " each, as far as learned; times in UTC"
        }
    }
}

fn standing(portrait: &Portrait, visitor: &Visitor) -> Markup {
    let now = portrait.now;
    html! {
        @match &portrait.watched {
            None => p.notice { "This creator is not on the watchlist any more." },
            Some(detail) => {
                (state(&detail.creator, now))
                (facts(detail, now))
                (button(visitor, &format!("/creators/{}/poll", portrait.username), "Poll now", "costs a credit"))
            }
        }
    }
}

fn state(creator: &Creator, now: Timestamp) -> Markup {
    html! {
        p {
            span.badge.(creator.state.label()) { (creator.state.label()) }
            @if let Some(name) = &creator.name { " " (words::strange(name)) }
            @if let Some(stream) = &creator.stream {
                " for " (words::since(stream.started_at.unwrap_or(stream.first_seen_at), now))
                @if let Some(viewers) = stream.viewers { ", " (words::grouped(viewers)) " watching" }
                @if let Some(url) = words::watchable(&stream.url) {
                    " · " a href=(url) rel="noopener noreferrer" { "watch" }
                }
            }
        }
        @if let Some(stream) = &creator.stream { p.title { (words::title(stream.title.as_deref())) } }
    }
}

fn facts(detail: &CreatorDetail, now: Timestamp) -> Markup {
    let creator = &detail.creator;
    html! {
        dl {
            dt { "Next poll" }
            dd {
                @match &creator.next_poll {
                    Some(poll) => { (words::due(poll.at, now)) ": " (home::reason(poll)) }
                    None => "under way",
                }
            }
            dt { "Last answer" }
            dd {
                (words::moment_or_dash(creator.last_answer_at, now))
                @if let Some(outcome) = &creator.last_outcome { ", " (outcome) }
                @if creator.unclear_in_a_row > 0 { ", " (creator.unclear_in_a_row) " unclear in a row" }
            }
            dt { "Polls" }
            dd {
                (words::grouped(detail.polls)) " since the start of the program"
                @if let Some(share) = detail.poll_share { ", " (words::percent(share)) " of all" }
            }
            dt { "Priority" } dd { (creator.priority) }
            @if !creator.labels.is_empty() {
                dt { "Labels" }
                dd { @for (key, value) in &creator.labels { span.badge { (words::strange(key)) "=" (words::strange(value)) } " " } }
            }
            @if let Some(note) = &detail.note { dt { "Note" } dd { (words::strange(note)) } }
        }
    }
}

fn polls(portrait: &Portrait) -> Markup {
    let oldest = portrait
        .polls
        .first()
        .map_or(portrait.now, |mark| mark.at());
    let from = oldest.min(portrait.now.minus(POLLS_AT_LEAST));
    let span = Span {
        from: from.max(portrait.now.minus(POLLS_FOR)),
        to: portrait.now,
    };
    let bar = |mark: &PollMark| Bar {
        at: mark.at(),
        class: look(mark.look()),
    };
    let bars: Vec<Bar> = portrait.polls.iter().map(bar).collect();
    let count = |kind: Look| {
        portrait
            .polls
            .iter()
            .filter(|mark| mark.look() == kind)
            .count() as u64
    };
    html! {
        (chart::bars(&bars, span, "each poll as a bar"))
        p.small {
            @for kind in [Look::Live, Look::Offline, Look::Unclear] {
                span.badge.(look(kind)) { (look(kind)) } " " (words::grouped(count(kind))) " "
            }
            "of those that are kept; times in UTC"
        }
    }
}

fn look(look: Look) -> &'static str {
    match look {
        Look::Live => "live",
        Look::Offline => "offline",
        Look::Unclear => "unclear",
    }
}

fn streams(portrait: &Portrait) -> Markup {
    let none = Vec::new();
    html! {
        @if portrait.streams.is_empty() { p.nothing { "No stream was seen yet." } }
        @for (place, stream) in portrait.streams.iter().enumerate() {
            article {
                h3 { (words::title(stream.title.as_deref())) }
                p.facts { (stream_facts(stream, portrait.now)) }
                @let curve = portrait.curves.get(place).unwrap_or(&none);
                @if !curve.is_empty() { (chart::curve(curve, "audience")) }
            }
        }
    }
}

fn stream_facts(stream: &StreamRecord, now: Timestamp) -> Markup {
    html! {
        "began " (words::moment(stream.began_at(), now))
        @match stream.duration() {
            Some(duration) => {
                ", ran " (words::span(duration))
                @if let Some(ended_at) = stream.ended_at {
                    " (ended between " (words::exact(stream.last_seen_at)) " and " (words::exact(ended_at)) " UTC)"
                }
            }
            None => ", runs",
        }
        " · peak " (words::number_or_dash(stream.peak_viewers))
        " · average " (words::number_or_dash(stream.average_viewers))
        " · " (stream.samples) " samples"
        @if let Some(delay) = stream.detection_delay() { " · noticed after " (words::span(delay)) }
        @if stream.resumed { " · resumed" }
        @if stream.already_live { " · was running before the first poll" }
    }
}

/// Up to this, delays are drawn in seconds.
const MOST_IN_SECONDS: Duration = Duration::from_secs(300);

fn delays(delays: &[DetectionDelay]) -> Markup {
    let mut sorted: Vec<Duration> = delays.iter().map(|delay| delay.delay).collect();
    sorted.sort_unstable();
    let Some((median, longest)) = sorted.get(sorted.len() / 2).zip(sorted.last()) else {
        return html! { p.nothing { "No start with a known time was seen yet." } };
    };
    let (unit, of) = if *longest <= MOST_IN_SECONDS {
        ("seconds", 1.0)
    } else {
        ("minutes", 60.0)
    };
    let point = |delay: &DetectionDelay| Point {
        at: delay.noticed_at,
        value: delay.delay.as_secs_f64() / of,
    };
    let points: Vec<Point> = delays.iter().rev().map(point).collect();
    html! {
        p.small { "Median " (words::span(*median)) ", starts seen " (sorted.len()) "; in " (unit) ", over time" }
        (chart::curve(&points, &format!("{unit} from a start to its detection")))
    }
}
