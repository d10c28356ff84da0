//! What machines read: the metrics, and the status that `tallylight status` shows.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use super::Site;
use super::problem::Problem;
use super::views::{Lane, LaneState, Overview, Status};
use crate::domain::{Timestamp, Username};
use crate::metrics::{Metrics, WebhookFigures, text};

/// Everything at a glance.
pub(super) async fn status(State(site): State<Arc<Site>>) -> Result<Json<Status>, Problem> {
    let overview = site.monitor.overview().await?;
    let webhooks = site.monitor.webhooks().await?;
    Ok(Json(Status {
        overview: (*overview).clone(),
        webhooks: (*webhooks).clone(),
    }))
}

/// Has a creator polled soon.
pub(super) async fn poll_now(
    State(site): State<Arc<Site>>,
    Path(username): Path<String>,
) -> Result<StatusCode, Problem> {
    let username: Username = username
        .parse()
        .map_err(|error| Problem::bad_request(format!("{error}")))?;
    if site.monitor.poll_now(&username).await? {
        Ok(StatusCode::ACCEPTED)
    } else {
        Err(Problem::not_found("this creator is not on the watchlist"))
    }
}

/// The metrics; what cannot be had now keeps its last value, and the counters are served.
pub(super) async fn metrics(State(site): State<Arc<Site>>) -> Response {
    if let Ok(overview) = site.monitor.overview().await {
        show_overview(&site.metrics, &overview);
    }
    if let Ok(lanes) = site.monitor.webhooks().await {
        for lane in lanes.iter() {
            show_lane(&site.metrics, lane, site.clock.now());
        }
    }
    (
        [(header::CONTENT_TYPE, text::CONTENT_TYPE)],
        site.metrics.text(),
    )
        .into_response()
}

fn show_overview(metrics: &Metrics, overview: &Overview) {
    let census = overview.creators;
    metrics.creators("unknown", census.unknown);
    metrics.creators("offline", census.offline);
    metrics.creators("live", census.live);
    let credits = overview.credits;
    let budget = credits.budget.map(|budget| budget.remaining);
    metrics.remaining(credits.account_remaining, budget);
}

fn show_lane(metrics: &Metrics, lane: &Lane, now: Timestamp) {
    metrics.webhook(WebhookFigures {
        id: &lane.id,
        state: match lane.state {
            LaneState::Healthy => 0,
            LaneState::Failing => 1,
            LaneState::Disabled => 2,
            LaneState::Paused => 3,
        },
        pending: lane.pending,
        oldest: lane
            .oldest_pending_at
            .map(|at| now.since(at))
            .unwrap_or_default(),
    });
}
