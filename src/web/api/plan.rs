//! What a month of credits buys: the forecast that `tallylight plan --json` prints.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::asked::{Limit, Name};
use crate::web::Site;
use crate::web::problem::{Document, Problem};

/// For whom, and to what end.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wish {
    /// With this creator's week and share.
    #[param(value_type = Name, inline, required = false)]
    creator: Option<Name>,
    /// The mean delay that the cheapest plan is looked for.
    #[param(value_type = u32, minimum = 1, maximum = 86400, required = false)]
    want_seconds: Option<Limit<86_400>>,
}

/// What a month of credits buys, under a fixed interval and under the learned schedule, with the
/// budget and with each known plan.
#[utoipa::path(get, path = "/api/v1/plan", tag = "api", params(Wish),
    responses(
        (status = 200, description = "the forecast", body = Value),
        (status = 404, description = "the creator is not on the watchlist",
            body = Document, content_type = "application/problem+json")))]
pub(super) async fn plan(
    State(site): State<Arc<Site>>,
    Query(wish): Query<Wish>,
) -> Result<Json<Value>, Problem> {
    let creator = wish.creator.map(|name| name.0);
    let want = wish
        .want_seconds
        .map(|want| Duration::from_secs(want.number() as u64));
    let found = site.monitor.plan(creator, want).await?;
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found("this creator is not on the watchlist"))
}
