//! One delivery: what was sent, every attempt, and a button to send it again.

use std::sync::Arc;

use axum::extract::{Path, State};
use maud::{Markup, html};

use super::{Failure, layout, part, words};
use crate::domain::Timestamp;
use crate::domain::text::Printable;
use crate::store::DeliveryId;
use crate::store::history::DeliveryDetail;
use crate::store::log::AttemptRecord;
use crate::web::Site;
use crate::web::problem::Problem;

/// `GET /deliveries/{id}`
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    Path(id): Path<i64>,
) -> Result<Markup, Failure> {
    let detail = site.history.delivery(DeliveryId(id)).await?;
    let detail = detail.ok_or_else(unknown)?;
    Ok(draw(&detail, site.clock.now()))
}

fn unknown() -> Failure {
    Problem::not_found("there is no such delivery").into()
}

pub(super) fn draw(detail: &DeliveryDetail, now: Timestamp) -> Markup {
    let record = &detail.record;
    layout(
        &format!("Delivery {}", record.id.0),
        &html! {
            h1 { "Delivery " (record.id.0) }
            (part("delivery", &html! { (record.kind) " to " a href={ "/webhooks/" (record.webhook) } { (record.webhook) } }, &html! {
                p {
                    span.badge.(record.status.as_str()) { (record.status.as_str()) }
                    " detected " (words::moment(record.event_at, now))
                    @if let Some(creator) = &record.creator { ", " a href={ "/creators/" (creator) } { "@" (creator) } }
                    @match record.finished_at {
                        Some(at) => { ", ended " (words::moment(at, now)) }
                        None => { ", next attempt " (words::moment(record.due_at, now)) }
                    }
                }
                p.small { "webhook-id " code { (record.event) } }
                form method="post" action={ "/deliveries/" (record.id.0) "/replay" } {
                    button { "Send again" } span.small { " with the same webhook-id, takes the token" }
                }
            }))
            (part("attempts", &html! { "Attempts" }, &html! {
                @if detail.attempts.is_empty() { p.nothing { "None yet." } }
                @for attempt in &detail.attempts { (tried(attempt, now)) }
            }))
            section {
                h2 { "Body" }
                pre { (Printable(&detail.body)) }
            }
        },
    )
}

fn tried(attempt: &AttemptRecord, now: Timestamp) -> Markup {
    let answer = String::from_utf8_lossy(&attempt.answer);
    html! {
        article {
            p.facts {
                (attempt.number) ". " (words::moment(attempt.started_at, now))
                ", " (attempt.took.as_millis()) " ms"  ": "
                @if let Some(status) = attempt.status { (status) " " }
                @match &attempt.error { Some(error) => (error), None => "delivered" }
            }
            @if !answer.is_empty() { pre { (Printable(&answer)) } }
        }
    }
}
