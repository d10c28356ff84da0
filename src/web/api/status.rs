//! Everything at a glance: what `tallylight status` shows.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};

use super::asked::Nothing;
use crate::web::Site;
use crate::web::problem::Problem;
use crate::web::views::Status;

/// Everything at a glance; up to a second old.
#[utoipa::path(get, path = "/api/v1/status", tag = "api",
    responses((status = 200, description = "the daemon now", body = Status)))]
pub(in crate::web) async fn status(
    State(site): State<Arc<Site>>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<Status>, Problem> {
    let overview = site.monitor.overview().await?;
    let webhooks = site.monitor.webhooks().await?;
    Ok(Json(Status {
        overview: (*overview).clone(),
        webhooks: (*webhooks).clone(),
    }))
}
