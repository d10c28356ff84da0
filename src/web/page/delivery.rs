//! One delivery: what was sent, every attempt, and a button to send it again.

use std::sync::Arc;

use axum::extract::{Path, State};
use maud::{Markup, html};

use super::{Failure, Place, Visitor, button, layout, part, words};
use crate::domain::Timestamp;
use crate::domain::text::Printable;
use crate::store::DeliveryId;
use crate::store::history::DeliveryDetail;
use crate::store::log::{AttemptRecord, DeliveryRecord};
use crate::web::Site;
use crate::web::problem::Problem;

/// `GET /deliveries/{id}`
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    visitor: Visitor,
    id: Place<i64>,
) -> Result<Markup, Failure> {
    let Path(id) = id?;
    let detail = site.history.delivery(DeliveryId(id)).await?;
    let detail = detail.ok_or_else(unknown)?;
    Ok(draw(&detail, &visitor))
}

pub(super) fn unknown() -> Failure {
    Problem::not_found("there is no such delivery").into()
}

pub(super) fn draw(detail: &DeliveryDetail, visitor: &Visitor) -> Markup {
    let record = &detail.record;
    let title = html! { (record.kind) " to " a href={ "/webhooks/" (record.webhook) } { (record.webhook) } };
    layout(
        &format!("Delivery {}", record.id.0),
        Some(visitor),
        &html! {
            h1 { "Delivery " (record.id.0) }
            (part("delivery", &title, &standing(record, visitor)))
            (part("attempts", &html! { "Attempts" }, &html! {
                @if detail.attempts.is_empty() { p.nothing { "None yet." } }
                @for attempt in &detail.attempts { (tried(attempt, visitor.now)) }
            }))
            section {
                h2 { "Body" }
                pre tabindex="0" { (Printable(&detail.body)) }
            }
        },
    )
}

fn standing(record: &DeliveryRecord, visitor: &Visitor) -> Markup {
    let now = visitor.now;
    html! {
        p {
            span.badge.(record.status.as_str()) { (record.status.as_str()) }
            " detected " (words::moment(record.event_at, now))
            @if let Some(creator) = &record.creator { ", " (words::creator(creator)) }
            @match record.finished_at {
                Some(at) => { ", ended " (words::moment(at, now)) }
                None => { ", next attempt " (words::due(record.due_at, now)) }
            }
        }
        p.small { "webhook-id " code { (record.event) } }
        (button(visitor, &format!("/deliveries/{}/replay", record.id.0), "Send again", "under the same webhook-id"))
    }
}

fn tried(attempt: &AttemptRecord, now: Timestamp) -> Markup {
    let answer = String::from_utf8_lossy(&attempt.answer);
    html! {
        article {
            p.facts {
                strong { (attempt.number) ". " } (words::moment(attempt.started_at, now)) ": "
                @if let Some(status) = attempt.status { (status) " " }
                @match &attempt.error { Some(error) => (words::strange(error)), None => "delivered" }
                ", " (attempt.took.as_millis()) " ms"
                @for (part, took) in attempt.timing.parts() { " · " (part) " " (took.as_millis()) " ms" }
            }
            @if !answer.is_empty() { pre tabindex="0" { (Printable(&answer)) } }
        }
    }
}
