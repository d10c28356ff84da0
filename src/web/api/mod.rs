//! The API: what programs read and order, and the `OpenAPI` document that describes it.
//!
//! A route exists by its description: path, parameters and answers stand beside its handler,
//! and both router and document are made of them. Unknown parameters are refused, so that a
//! misspelt filter never answers with everything. Errors become problems in the guard.

mod asked;
mod changes;
mod creators;
mod deliveries;
mod document;
mod plan;
mod public;
mod schema;
mod status;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::changes::Listeners;
use self::document::Document;
use super::{Site, health, scrape};

/// Every route that is no page.
pub(super) fn routes() -> Router<Arc<Site>> {
    let (router, described) = assembled();
    router
        .layer(Extension(Document::new(&described)))
        .layer(Extension(Listeners::default()))
}

fn assembled() -> (Router<Arc<Site>>, OpenApi) {
    let (router, described) = OpenApiRouter::with_openapi(document::frame())
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(scrape::metrics))
        .routes(routes!(status::status))
        .routes(routes!(plan::plan))
        .routes(routes!(creators::list))
        .routes(routes!(creators::one))
        .routes(routes!(creators::poll))
        .routes(routes!(streams::list))
        .routes(routes!(streams::samples))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::one))
        .routes(routes!(deliveries::replay))
        .routes(routes!(changes::changes))
        .routes(routes!(document::document))
        .routes(routes!(public::feed))
        .routes(routes!(public::badge))
        .split_for_parts();
    (router, document::completed(described))
}

/// To the millisecond, in as few digits as that takes.
fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1_000.0
}

#[cfg(test)]
mod tests;
