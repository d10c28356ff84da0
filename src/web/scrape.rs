//! What a scraper reads.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use super::Site;
use super::views::{Lane, LaneState, Overview};
use crate::domain::Timestamp;
use crate::metrics::{Metrics, WebhookFigures, text};

/// The metrics; what cannot be had now keeps its last value, and the counters are served.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "the Prometheus text format", body = String, content_type = "text/plain")))]
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
