//! The log of deliveries, and an order to send one again.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::{IntoParams, ToSchema};

use super::asked::{Limit, Name, Nothing};
use super::seconds;
use crate::domain::{Timestamp, Username};
use crate::store::DeliveryId;
use crate::store::log::{AttemptRecord, DeliveryFilter, DeliveryRecord, Status};
use crate::web::Site;
use crate::web::problem::Problem;

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wish {
    /// Of this webhook, in the configuration or not.
    #[param(value_type = String, required = false)]
    webhook: Option<String>,
    /// With this status.
    #[param(value_type = DeliveryStatus, required = false)]
    status: Option<DeliveryStatus>,
    /// Of events about this creator.
    #[param(value_type = Name, inline, required = false)]
    creator: Option<Name>,
    /// Of events detected at this time or later.
    #[param(value_type = Timestamp, required = false)]
    since: Option<Timestamp>,
    /// Deliveries on a page at most; 100 if left out.
    #[param(value_type = u16, minimum = 1, maximum = 500, required = false)]
    limit: Option<Limit<500>>,
    /// `next` of the page before.
    #[param(value_type = u64, minimum = 0, maximum = 9_223_372_036_854_775_807_u64, required = false)]
    cursor: Option<Older>,
}

/// Below this number.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
struct Older(DeliveryId);

impl TryFrom<u64> for Older {
    type Error = &'static str;
    fn try_from(number: u64) -> Result<Self, &'static str> {
        let number = i64::try_from(number).map_err(|_| "not a number of a delivery")?;
        Ok(Self(DeliveryId(number)))
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeliveryStatus {
    /// To be sent, or tried again.
    Pending,
    /// A 2xx came.
    Delivered,
    /// No attempt is left.
    Failed,
    /// Too old when its turn came.
    Expired,
}

impl From<DeliveryStatus> for Status {
    fn from(status: DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Pending => Self::Pending,
            DeliveryStatus::Delivered => Self::Delivered,
            DeliveryStatus::Failed => Self::Failed,
            DeliveryStatus::Expired => Self::Expired,
        }
    }
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryPage {
    /// The newest first.
    deliveries: Vec<Delivery>,
    /// The `cursor` of the next page; null on the last.
    next: Option<i64>,
}

/// One event on its way to one webhook.
#[derive(Debug, Serialize, ToSchema)]
struct Delivery {
    /// Its number.
    id: i64,
    /// The event's id: `webhook-id`.
    event: String,
    /// The event's type.
    r#type: &'static str,
    /// Whom the event concerns; null for the monitor's own.
    creator: Option<Username>,
    /// To whom.
    webhook: String,
    /// When the event was detected.
    detected_at: Timestamp,
    /// Where it stands.
    #[schema(value_type = DeliveryStatus)]
    #[serde(serialize_with = "name_of")]
    status: Status,
    /// Attempts made.
    attempts: u32,
    /// When the next attempt falls due; null once it has ended.
    due_at: Option<Timestamp>,
    /// When it ended; null while pending.
    finished_at: Option<Timestamp>,
    /// The last attempt's HTTP status.
    last_status: Option<u16>,
    /// The last attempt's error class; null after a 2xx.
    last_error: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn name_of<S: Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}

impl From<DeliveryRecord> for Delivery {
    fn from(record: DeliveryRecord) -> Self {
        Self {
            id: record.id.0,
            event: record.event.as_str().to_owned(),
            r#type: record.kind.as_str(),
            creator: record.creator,
            webhook: record.webhook.to_string(),
            detected_at: record.event_at,
            status: record.status,
            attempts: record.attempts,
            due_at: (record.status == Status::Pending).then_some(record.due_at),
            finished_at: record.finished_at,
            last_status: record.last_status,
            last_error: record.last_error,
        }
    }
}

/// One delivery with its body and every attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryInFull {
    /// What a list shows too.
    #[serde(flatten)]
    delivery: Delivery,
    /// The event in the `standard` format, byte for byte as it is signed.
    body: String,
    /// Every attempt, the oldest first.
    log: Vec<Attempt>,
}

/// One request to the webhook.
#[derive(Debug, Serialize, ToSchema)]
struct Attempt {
    /// From 1.
    number: u32,
    /// When it began.
    started_at: Timestamp,
    /// How long it took.
    took_seconds: f64,
    /// Of it, until the name had addresses; null on a connection that was used again.
    dns_seconds: Option<f64>,
    /// Of it, until the connection stood, TLS included; null on one that was used again.
    connect_seconds: Option<f64>,
    /// From the beginning to the head of the answer; null if none came.
    first_byte_seconds: Option<f64>,
    /// The HTTP status; null without an answer.
    status: Option<u16>,
    /// The error class; null for a 2xx.
    error: Option<String>,
    /// At most 4 KiB of the answer, as text. The receiver wrote it: escape it.
    answer: String,
}

impl From<AttemptRecord> for Attempt {
    fn from(record: AttemptRecord) -> Self {
        Self {
            number: record.number,
            started_at: record.started_at,
            took_seconds: seconds(record.took),
            dns_seconds: record.timing.dns.map(seconds),
            connect_seconds: record.timing.connect.map(seconds),
            first_byte_seconds: record.timing.first_byte.map(seconds),
            status: record.status,
            error: record.error,
            answer: String::from_utf8_lossy(&record.answer).into_owned(),
        }
    }
}

/// Deliveries, the newest first.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(Wish),
    responses((status = 200, description = "a page", body = DeliveryPage)))]
pub(super) async fn list(
    State(site): State<Arc<Site>>,
    Query(wish): Query<Wish>,
) -> Result<Json<DeliveryPage>, Problem> {
    let limit = Limit::rows(wish.limit);
    let filter = DeliveryFilter {
        webhook: wish.webhook,
        statuses: wish.status.map(Status::from).into_iter().collect(),
        creator: wish.creator.map(|name| name.0),
        since: wish.since,
        before: wish.cursor.map(|older| older.0),
        ..DeliveryFilter::default()
    };
    // One more than shown tells whether there is a next page.
    let mut found = site.history.deliveries(filter, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().map(|record| record.id.0);
    Ok(Json(DeliveryPage {
        next: last.filter(|_| more),
        deliveries: found.into_iter().map(Delivery::from).collect(),
    }))
}

/// One delivery with its body and every attempt.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries",
    params(("id" = i64, Path, minimum = 1, description = "its number")),
    responses((status = 200, description = "the delivery", body = DeliveryInFull)))]
pub(super) async fn one(
    State(site): State<Arc<Site>>,
    Path(id): Path<i64>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<DeliveryInFull>, Problem> {
    let found = site.history.delivery(DeliveryId(id)).await?;
    let found = found.ok_or_else(|| unknown(id))?;
    Ok(Json(DeliveryInFull {
        delivery: found.record.into(),
        body: found.body,
        log: found.attempts.into_iter().map(Attempt::from).collect(),
    }))
}

/// Sends a delivery again, under the same `webhook-id`; one that is pending is brought forward.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/replay", tag = "deliveries",
    params(("id" = i64, Path, minimum = 1, description = "its number")),
    security(("token" = [])),
    responses((status = 202, description = "it is pending again")))]
pub(super) async fn replay(
    State(site): State<Arc<Site>>,
    Path(id): Path<i64>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<StatusCode, Problem> {
    let only = DeliveryFilter::only(DeliveryId(id));
    let replayed = site.store.replay(only, 1, site.clock.now()).await?;
    if replayed.is_empty() {
        return Err(unknown(id));
    }
    Ok(StatusCode::ACCEPTED)
}

fn unknown(id: i64) -> Problem {
    Problem::not_found(format!("there is no delivery {id}"))
}
