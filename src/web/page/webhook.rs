//! One webhook: how it fares, and its deliveries.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Failure, Place, Visitor, home, layout, part, words};
use crate::domain::Timestamp;
use crate::store::DeliveryId;
use crate::store::log::{DeliveryFilter, DeliveryRecord, Status};
use crate::web::Site;
use crate::web::problem::Problem;
use crate::web::views::Lane;

/// Deliveries on one page.
const ROWS: usize = 50;

/// What the address may say.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    pub(super) status: String,
    pub(super) before: Option<i64>,
}

/// `GET /webhooks/{id}`
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    id: Place<String>,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Result<Markup, Failure> {
    let (Path(id), Query(wish)) = (id?, wish?);
    let lanes = site.monitor.webhooks().await?;
    let lane = lanes.iter().find(|lane| lane.id == id);
    let filter = DeliveryFilter {
        webhook: Some(id.clone()),
        statuses: statuses(&wish.status)?,
        before: wish.before.map(DeliveryId),
        ..DeliveryFilter::default()
    };
    let deliveries = site.history.deliveries(filter, ROWS).await?;
    if lane.is_none() && deliveries.is_empty() {
        return Err(Problem::not_found("there is no such webhook").into());
    }
    Ok(draw((&id, lane), &wish, &deliveries, &visitor))
}

fn statuses(name: &str) -> Result<Vec<Status>, Failure> {
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let status = Status::parse(name)
        .ok_or_else(|| Problem::bad_request("`status` is pending, delivered, failed or expired"))?;
    Ok(vec![status])
}

pub(super) fn draw(
    (id, lane): (&str, Option<&Lane>),
    wish: &Wish,
    deliveries: &[DeliveryRecord],
    visitor: &Visitor,
) -> Markup {
    let now = visitor.now;
    layout(
        id,
        Some(visitor),
        &html! {
            h1 { (id) }
            (part("lane", &html! { "Now" }, &html! {
                @match lane {
                    Some(lane) => (standing(lane, now)),
                    None => p.notice { "This webhook is not in the configuration: what waits for it is kept." },
                }
            }))
            (part("deliveries", &html! { "Deliveries" }, &html! {
                (filter(id, wish))
                @if deliveries.is_empty() { p.nothing { "None." } } @else { (table(deliveries, now)) }
                @if let Some(last) = deliveries.last().filter(|_| deliveries.len() == ROWS) {
                    p { a href={ "/webhooks/" (id) "?status=" (wish.status) "&before=" (last.id.0) } { "Older" } }
                }
            }))
        },
    )
}

fn filter(id: &str, wish: &Wish) -> Markup {
    let here = |status: &str| (wish.status == status).then_some("page");
    html! {
        p.small.choice {
            a href={ "/webhooks/" (id) } aria-current=[here("")] { "all" }
            @for status in Status::ALL.map(Status::as_str) {
                a href={ "/webhooks/" (id) "?status=" (status) } aria-current=[here(status)] { (status) }
            }
        }
    }
}

fn table(deliveries: &[DeliveryRecord], now: Timestamp) -> Markup {
    let columns = [
        "Delivery",
        "Event",
        "Creator",
        "Status",
        "Detected",
        "Attempts",
        "Last answer",
    ];
    html! {
        table.wide {
            thead { tr { @for name in columns { th scope="col" { (name) } } } }
            tbody { @for delivery in deliveries { (row(delivery, now)) } }
        }
    }
}

fn standing(lane: &Lane, now: Timestamp) -> Markup {
    html! {
        p {
            (home::lane_state(lane.state))
            @if let Some(since) = lane.since { " for " (words::since(since, now)) }
            ", " (words::grouped(lane.pending)) " waiting"
            @if let Some(oldest) = lane.oldest_pending_at { ", the oldest for " (words::since(oldest, now)) }
            @if let Some(until) = lane.paused_until { ", paused by the receiver until " (words::moment(until, now)) }
        }
        @if let Some(error) = &lane.last_error { p.small { "Last error: " (words::strange(error)) } }
    }
}

fn row(delivery: &DeliveryRecord, now: Timestamp) -> Markup {
    html! {
        tr {
            td { a href={ "/deliveries/" (delivery.id.0) } { "#" (delivery.id.0) } }
            td { (delivery.kind) }
            td { @if let Some(creator) = &delivery.creator { (words::creator(creator)) } }
            td { span.badge.(delivery.status.as_str()) { (delivery.status.as_str()) } }
            td { (words::moment(delivery.event_at, now)) }
            td { (tries(delivery.attempts)) }
            td {
                @if let Some(status) = delivery.last_status { (status) " " }
                @if let Some(error) = &delivery.last_error { (words::strange(error)) }
            }
        }
    }
}

fn tries(attempts: u32) -> String {
    match attempts {
        1 => "1 try".to_owned(),
        more => format!("{more} tries"),
    }
}
