//! One webhook: how it fares, and its deliveries.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Failure, home, layout, part, words};
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
    status: String,
    before: Option<i64>,
}

/// `GET /webhooks/{id}`
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    Query(wish): Query<Wish>,
) -> Result<Markup, Failure> {
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
    Ok(draw((&id, lane), &wish, &deliveries, site.clock.now()))
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
    now: Timestamp,
) -> Markup {
    let all = Status::ALL.map(Status::as_str);
    layout(
        id,
        &html! {
            h1 { (id) }
            (part("lane", &html! { "Now" }, &html! {
                @match lane {
                    Some(lane) => (standing(lane, now)),
                    None => p.notice { "This webhook is not in the configuration: what waits for it is kept." },
                }
            }))
            (part("deliveries", &html! { "Deliveries" }, &html! {
                p.small {
                    a href={ "/webhooks/" (id) } { "all" }
                    @for status in all { " · " a href={ "/webhooks/" (id) "?status=" (status) } { (status) } }
                }
                @if deliveries.is_empty() { p.nothing { "None." } }
                table { @for delivery in deliveries { (row(delivery, now)) } }
                @if let Some(last) = deliveries.last().filter(|_| deliveries.len() == ROWS) {
                    p { a href={ "/webhooks/" (id) "?status=" (wish.status) "&before=" (last.id.0) } { "Older" } }
                }
            }))
        },
    )
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
            td { a href={ "/deliveries/" (delivery.id.0) } { (delivery.id.0) } }
            td { (delivery.kind) }
            td { @if let Some(creator) = &delivery.creator { a href={ "/creators/" (creator) } { "@" (creator) } } }
            td { span.badge.(delivery.status.as_str()) { (delivery.status.as_str()) } }
            td { (words::moment(delivery.event_at, now)) }
            td { (delivery.attempts) " tries" }
            td {
                @if let Some(status) = delivery.last_status { (status) " " }
                @if let Some(error) = &delivery.last_error { (error) }
            }
        }
    }
}
