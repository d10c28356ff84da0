//! What a month of credits buys: the forecast that `tallylight plan --json` prints.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use utoipa::IntoParams;

use super::asked::Name;
use crate::config::parse_duration;
use crate::web::Site;
use crate::web::problem::Problem;

/// For whom, and to what end.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wish {
    /// With this creator's week and share.
    #[param(value_type = Name, inline, required = false)]
    creator: Option<Name>,
    /// The mean delay that the cheapest plan is looked for, like `5m`.
    #[param(value_type = String, required = false)]
    want: Option<Want>,
}

/// A delay that can be wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want(Duration);

impl<'de> Deserialize<'de> for Want {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let allowed = Duration::from_secs(1)..=Duration::from_hours(24);
        let wanted = parse_duration(&text).filter(|want| allowed.contains(want));
        let wanted = wanted.ok_or("want: allowed is a delay from 1s to 1d, like 90s or 5m");
        wanted.map(Self).map_err(de::Error::custom)
    }
}

/// What a month of credits buys, under a fixed interval and under the learned schedule, with the
/// budget and with each known plan.
#[utoipa::path(get, path = "/api/v1/plan", tag = "api", params(Wish),
    responses((status = 200, description = "the forecast", body = Value)))]
pub(super) async fn plan(
    State(site): State<Arc<Site>>,
    Query(wish): Query<Wish>,
) -> Result<Json<Value>, Problem> {
    let creator = wish.creator.map(|name| name.0);
    let want = wish.want.map(|want| want.0);
    let found = site.monitor.plan(creator, want).await?;
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found("this creator is not on the watchlist"))
}
