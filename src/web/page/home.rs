//! The overview: who is live, who is next and why, what it costs, how deliveries fare.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use maud::{Markup, html};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{Failure, Visitor, layout, notices, part, sweeps, words};
use crate::domain::{RoomId, Timestamp};
use crate::store::history::{
    EventQuery, EventRecord, MAX_PAGE, SampleQuery, SampleRecord, SamplesOf, StreamId,
};
use crate::web::Site;
use crate::web::access::Standing;
use crate::web::chart::{self, Point, Span};
use crate::web::views::{
    Budget, CreatorDetail, Lane, LaneState, LiveCreator, NextPoll, Overview, Upcoming,
};

/// Live creators whose audience is drawn as a curve.
const MOST_CURVES: usize = 24;
/// Events shown.
const RECENT: usize = 12;
/// Coming polls shown.
const UPCOMING: usize = 8;

/// Covers are on TikTok's hosts, which learn who looks: they are shown only when asked for.
const POLICY_WITH_COVERS: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data: https:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// What the address may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wish {
    /// `covers=show`
    #[serde(default)]
    covers: Option<String>,
}

/// What the page is drawn from.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) overview: Arc<Overview>,
    pub(super) lanes: Arc<Vec<Lane>>,
    /// One for each live creator, as far as drawn.
    pub(super) curves: Vec<Vec<Point>>,
    /// Who is polled next.
    pub(super) next: Option<CreatorDetail>,
    pub(super) recent: Vec<EventRecord>,
    pub(super) now: Timestamp,
    pub(super) covers: bool,
}

/// The page as it was drawn last for strangers, without and with covers. Whoever comes while the
/// overview is the same, a second at most, is shown the same page: a thousand readers cost one
/// drawing.
#[derive(Debug, Clone, Default)]
pub(super) struct Drawn(Arc<[Mutex<Option<Shared>>; 2]>);

/// What strangers share.
#[derive(Debug)]
struct Shared {
    of: Arc<Overview>,
    standing: Standing,
    page: Bytes,
}

/// `GET /`
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    Extension(drawn): Extension<Drawn>,
    visitor: Visitor,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(wish) = wish?;
    let covers = wish.covers.as_deref() == Some("show");
    let page = drawn.page(&site, &visitor, covers).await?;
    let mut response = Html(page).into_response();
    if covers {
        let policy = HeaderValue::from_static(POLICY_WITH_COVERS);
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

impl Drawn {
    async fn page(&self, site: &Site, visitor: &Visitor, covers: bool) -> Result<Bytes, Failure> {
        let overview = site.monitor.overview().await?;
        if !is_usual(visitor) {
            let home = gather(site, overview, covers).await?;
            return Ok(draw(&home, visitor).into_string().into());
        }
        let mut last = self.0[usize::from(covers)].lock().await;
        if let Some(Shared { of, standing, page }) = &*last
            && Arc::ptr_eq(of, &overview)
            && *standing == visitor.standing
        {
            return Ok(page.clone());
        }
        let home = gather(site, Arc::clone(&overview), covers).await?;
        let page = Bytes::from(draw(&home, visitor).into_string());
        *last = Some(Shared {
            of: overview,
            standing: visitor.standing,
            page: page.clone(),
        });
        Ok(page)
    }
}

/// Whether the page says nothing that is for this visitor alone.
fn is_usual(visitor: &Visitor) -> bool {
    let here = matches!(visitor.here.as_str(), "/" | "/?covers=show");
    here && visitor.done.is_none() && visitor.standing != Standing::LoggedIn
}

async fn gather(site: &Site, overview: Arc<Overview>, covers: bool) -> Result<Home, Failure> {
    let mut curves = Vec::new();
    for live in overview.live.iter().take(MOST_CURVES) {
        curves.push(audience(site, &live.stream.id).await?);
    }
    let next = match overview.upcoming.first() {
        Some(next) => site.monitor.creator(&next.username).await?,
        None => None,
    };
    let recent = EventQuery {
        limit: RECENT,
        ..EventQuery::default()
    };
    Ok(Home {
        lanes: site.monitor.webhooks().await?,
        recent: site.history.events(recent).await?.rows,
        now: site.clock.now(),
        overview,
        curves,
        next,
        covers,
    })
}

/// The samples of a room's latest stream.
async fn audience(site: &Site, room: &str) -> Result<Vec<Point>, Failure> {
    let Some(room) = RoomId::new(room) else {
        return Ok(Vec::new());
    };
    match site.history.room(&room).await?.pop() {
        Some(stream) => samples(site, stream.id).await,
        None => Ok(Vec::new()),
    }
}

/// A stream's audience as points of a curve.
pub(super) async fn samples(site: &Site, stream: StreamId) -> Result<Vec<Point>, Failure> {
    let query = SampleQuery {
        of: SamplesOf::Stream(stream),
        limit: MAX_PAGE,
        ..SampleQuery::default()
    };
    let samples = site.history.samples(query).await?.rows;
    let point = |sample: &SampleRecord| Point {
        at: sample.at,
        value: sample.viewers as f64,
    };
    Ok(samples.iter().map(point).collect())
}

/// The whole page.
pub(super) fn draw(home: &Home, visitor: &Visitor) -> Markup {
    let (overview, now) = (&home.overview, home.now);
    let title = match overview.creators.live {
        0 => "nobody is live".to_owned(),
        live => format!("{live} live"),
    };
    let live_title = html! { "Live now " span.count { (overview.creators.live) } };
    let money = match overview.credits.budget {
        Some(budget) => burn_down(&budget, now),
        None => unbounded(overview),
    };
    layout(
        &title,
        Some(visitor),
        &html! {
            h1.unseen { "Overview" }
            (notices::draw(overview, now))
            (part("live", &live_title, &live(home)))
            div.columns {
                div {
                    (part("next", &html! { "Next" }, &next(home)))
                    (part("webhooks", &html! { "Webhooks" }, &webhooks(&home.lanes, now)))
                }
                div {
                    (part("credits", &html! { "Credits" }, &money))
                    @if let Some(swept) = &overview.sweeps {
                        (part("sweeps", &html! { "Sweeps" }, &sweeps::draw(swept, now)))
                    }
                    (part("recent", &html! { "Recently" }, &recent(&home.recent, now)))
                }
            }
            (foot(overview, now))
        },
    )
}

fn foot(overview: &Overview, now: Timestamp) -> Markup {
    let census = overview.creators;
    html! {
        footer #foot data-part="" {
            (words::grouped(census.watched as u64)) " creators: "
            (census.live) " live, " (census.offline) " offline, " (census.unknown) " not known yet"
            " · version " (overview.version) ", running for " (words::since(overview.started_at, now))
        }
    }
}

fn live(home: &Home) -> Markup {
    let none = Vec::new();
    let live = &home.overview.live;
    html! {
        @if live.is_empty() {
            p.nothing { "Nobody on the watchlist is live." }
        } @else {
            ul.cards {
                @for (place, one) in live.iter().enumerate() {
                    (card(one, home.curves.get(place).unwrap_or(&none), home))
                }
            }
            @if home.overview.creators.live > live.len() {
                p { a href="/creators?state=live" { "All " (home.overview.creators.live) } }
            }
            @if home.covers {
                p.small { a href="/" { "Hide covers" } }
            } @else {
                p.small { a href="/?covers=show" { "Show covers" } " (loaded from TikTok, which then learns of you)" }
            }
        }
    }
}

fn card(one: &LiveCreator, curve: &[Point], home: &Home) -> Markup {
    let stream = &one.stream;
    let cover = stream.cover_url.as_deref().filter(|_| home.covers);
    html! {
        li.card {
            @if let Some(url) = cover.and_then(words::picture) {
                img.cover src=(url) alt="" loading="lazy" referrerpolicy="no-referrer";
            }
            div.who {
                (words::creator(&one.username))
                @if let Some(name) = &one.name { " " span.name { (words::strange(name)) } }
            }
            p.title { (words::title(stream.title.as_deref())) }
            p.facts {
                "for " (words::since(stream.started_at.unwrap_or(stream.first_seen_at), home.now))
                @if let Some(viewers) = stream.viewers { " · " strong { (chart::count(viewers as f64)) } " watching" }
                @if let Some(late) = stream.detection_delay_seconds { " · noticed after " (words::span(words::seconds(late))) }
                @if stream.ending { " · perhaps ending" }
                @if stream.resumed { " · resumed" }
                @if let Some(url) = words::watchable(&stream.url) {
                    " · " a href=(url) rel="noopener noreferrer" aria-label={ "Watch @" (one.username) } { "watch" }
                }
            }
            (chart::sparkline(curve, "audience since the start"))
        }
    }
}

fn next(home: &Home) -> Markup {
    let rhythm = home
        .next
        .as_ref()
        .and_then(|next| Some((next, next.rhythm.as_ref()?)));
    html! {
        @if home.overview.upcoming.is_empty() {
            p.nothing { "No poll is planned." }
        } @else {
            table {
                thead { tr { th scope="col" { "Creator" } th scope="col" { "Poll" } th scope="col" { "Why then" } } }
                tbody { @for one in home.overview.upcoming.iter().take(UPCOMING) { (upcoming(one, home.now)) } }
            }
        }
        @if let Some((next, rhythm)) = rhythm {
            h3 { "When @" (next.creator.username) " goes live" }
            (chart::week(&rhythm.week, "expected starts by half hour of the week, UTC"))
            p.small {
                (format!("{:.1}", rhythm.starts_per_week)) " streams a week"
                @if let Some(share) = next.poll_share { ", " (words::percent(share)) " of all polls" }
                "; times in UTC"
            }
        }
    }
}

fn upcoming(one: &Upcoming, now: Timestamp) -> Markup {
    html! {
        tr {
            td { (words::creator(&one.username)) }
            td { (words::due(one.poll.at, now)) }
            td { (reason(&one.poll)) }
        }
    }
}

/// Why a poll is made when it is made, in words.
pub(super) fn reason(poll: &NextPoll) -> String {
    let words = match poll.reason.as_str() {
        "worth" => {
            let share = |value: Option<f32>| words::percent(f64::from(value.unwrap_or(0.0)));
            return format!(
                "chance of news {}; worth a credit from {}",
                share(poll.chance),
                share(poll.price)
            );
        }
        "newcomer" => "never asked before",
        "interval" => "its interval has passed",
        "max_gap" => "nobody waits longer",
        "pinned" => "its own interval has passed",
        "live" => "live: audience, and the end",
        "confirm" => "confirms a change",
        "retry" => "the last answer was unclear",
        "probe" => "tries whether the API works again",
        "asked" => "asked for by hand",
        "hinted" => "flagged by a sweep",
        other => other,
    };
    words.to_owned()
}

fn burn_down(budget: &Budget, now: Timestamp) -> Markup {
    let month = Span {
        from: budget.period_started_at,
        to: budget.renews_at,
    };
    let here = Point {
        at: now,
        value: budget.used as f64,
    };
    html! {
        p {
            strong { (words::grouped(budget.used)) } " of " (words::grouped(budget.credits)) " used, "
            (words::grouped(budget.remaining)) " left, renewed " (words::moment(budget.renews_at, now))
            @if let Some(projected) = budget.projected_used { ", " (words::grouped(projected)) " by then at this pace" }
        }
        (chart::burn_down(month, budget.credits, here, budget.projected_used))
    }
}

fn unbounded(overview: &Overview) -> Markup {
    html! {
        p {
            "No budget is set."
            @if let Some(left) = overview.credits.account_remaining { " The account has " (words::grouped(left)) " left." }
        }
    }
}

fn webhooks(lanes: &[Lane], now: Timestamp) -> Markup {
    html! {
        @if lanes.is_empty() {
            p.nothing { "No webhook is configured." }
        } @else {
            table {
                thead { tr { th scope="col" { "Webhook" } th scope="col" { "State" } th scope="col" { "Waiting" } } }
                tbody { @for lane in lanes { (lane_row(lane, now)) } }
            }
        }
    }
}

fn lane_row(lane: &Lane, now: Timestamp) -> Markup {
    html! {
        tr {
            td { a href={ "/webhooks/" (lane.id) } { (lane.id) } }
            td {
                (lane_state(lane.state))
                @if let Some(since) = lane.since { " for " (words::since(since, now)) }
            }
            td {
                @if lane.pending > 0 {
                    (words::grouped(lane.pending))
                    @if let Some(oldest) = lane.oldest_pending_at { ", the oldest for " (words::since(oldest, now)) }
                } @else { "nothing" }
            }
        }
    }
}

/// A webhook's state as a badge.
pub(super) fn lane_state(state: LaneState) -> Markup {
    html! { span.badge.(state.label()) { (state.label()) } }
}

fn recent(events: &[EventRecord], now: Timestamp) -> Markup {
    html! {
        @if events.is_empty() {
            p.nothing { "Nothing has happened yet." }
        } @else {
            table {
                thead { tr { th scope="col" { "Event" } th scope="col" { "Creator" } th scope="col" { "When" } } }
                tbody { @for event in events { (happened(event, now)) } }
            }
        }
    }
}

fn happened(event: &EventRecord, now: Timestamp) -> Markup {
    html! {
        tr {
            td { span.badge.(event.kind.as_str().replace('.', "-")) { (event.kind) } }
            td { @if let Some(creator) = &event.creator { (words::creator(creator)) } }
            td { (words::moment(event.at, now)) }
        }
    }
}
