//! What the running daemon shows over HTTP: health, metrics, status; reads, and little else.
//!
//! It knows the daemon by [`monitor::Monitor`] alone and keeps nothing beyond a request.
//! Who may read or change something is decided in one place (`guard`), before any route.

pub mod access;
mod api;
pub mod badge;
mod chart;
pub mod feed;
mod guard;
mod health;
mod login;
pub mod monitor;
mod outgoing;
mod page;
pub mod problem;
mod scrape;
mod server;
pub mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::HeaderMap;
use tokio_util::sync::CancellationToken;

pub use server::{BindError, bind, serve};

use self::access::Access;
use self::monitor::Monitor;
use self::problem::Problem;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::store::history::History;

/// The longest request body.
const MAX_BODY: usize = 64 * 1024;
/// How long a route may take to begin its answer; what it streams may take longer.
const DEADLINE: Duration = Duration::from_secs(10);

/// What every route has at hand: the state of the router.
#[derive(Debug)]
pub struct Site {
    /// The daemon.
    pub monitor: Arc<dyn Monitor>,
    /// Where replays are ordered.
    pub store: Arc<dyn Store>,
    /// The past.
    pub history: Arc<dyn History>,
    /// What a scraper reads.
    pub metrics: Metrics,
    /// What time it is.
    pub clock: Clock,
    /// Who may do what.
    pub access: Access,
    /// Cancelled when the daemon drains: event streams end with it.
    pub drain: CancellationToken,
}

/// Every route, behind the guard.
///
/// Pages and API merge their routes in here: what is merged is guarded, bounded and has a
/// deadline like the rest.
pub fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/login", get(login::form).post(login::check))
        .route("/logout", post(login::forget))
        .merge(api::routes())
        .merge(page::routes())
        .fallback(lost)
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(&site), guard::guard))
        .with_state(site)
}

async fn lost(headers: HeaderMap) -> Response {
    let problem = Problem::not_found("there is no such page");
    if guard::reads_pages(&headers) {
        page::failure(&problem)
    } else {
        problem.into_response()
    }
}

#[cfg(test)]
pub(crate) mod tests;
