//! `/healthz`: do the loops go round? `/readyz`: can the program do its work?
//!
//! Both are computed when asked. Alive asks neither store nor API; ready asks the store,
//! never the API: that it is away is no fault of this program.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Site;
use super::monitor::LoopAge;
use super::problem::Problem;

#[derive(Serialize)]
pub(super) struct Alive {
    status: &'static str,
    loops: Vec<Age>,
}

#[derive(Serialize)]
struct Age {
    name: &'static str,
    age_seconds: f64,
}

#[derive(Serialize)]
pub(super) struct Ready {
    status: &'static str,
}

/// 503 names the loops that hang.
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

/// State and configuration are loaded before the first request is answered.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> Result<Json<Ready>, Problem> {
    if site.drain.is_cancelled() {
        return Err(Problem::unavailable("the daemon is stopping"));
    }
    site.monitor.webhooks().await?;
    Ok(Json(Ready { status: "ready" }))
}
