//! `/healthz`: do the loops go round? `/readyz`: can the program do its work?
//!
//! Both are computed when asked. Alive asks neither store nor API; ready asks the store,
//! never the API: that it is away is no fault of this program.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::monitor::LoopAge;
use super::problem::Problem;

/// Every loop goes round.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    /// `ok`
    status: &'static str,
    /// Each loop.
    loops: Vec<Age>,
}

/// One loop's sign of life.
#[derive(Serialize, ToSchema)]
struct Age {
    /// Which loop.
    name: &'static str,
    /// Since its last progress.
    age_seconds: f64,
}

/// The daemon can do its work.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    /// `ready`
    status: &'static str,
}

/// Whether every loop goes round; 503 names those that hang.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "all of them do", body = Alive)))]
pub(super) async fn alive(State(site): State<Arc<Site>>) -> Result<Json<Alive>, Problem> {
    let loops = site.monitor.loops();
    let hanging = loops.iter().filter(|one| one.hangs()).map(said);
    let hanging: Vec<_> = hanging.collect();
    if !hanging.is_empty() {
        return Err(Problem::unavailable(hanging.join("; ")));
    }
    let ages = loops.iter().map(|one| Age {
        name: one.name,
        age_seconds: one.age.as_secs_f64(),
    });
    Ok(Json(Alive {
        status: "ok",
        loops: ages.collect(),
    }))
}

fn said(one: &LoopAge) -> String {
    let seconds = one.age.as_secs();
    format!("the {} has made no progress for {seconds} s", one.name)
}

/// Whether state and configuration are loaded, the store answers, and the daemon is not stopping.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, description = "it can do its work", body = Ready)))]
pub(super) async fn ready(State(site): State<Arc<Site>>) -> Result<Json<Ready>, Problem> {
    if site.drain.is_cancelled() {
        return Err(Problem::unavailable("the daemon is stopping"));
    }
    site.monitor.webhooks().await?;
    Ok(Json(Ready { status: "ready" }))
}
