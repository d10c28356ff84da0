//! The `OpenAPI` 3.1 document: made once, of what stands beside each route, and served.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::asked::Nothing;
use crate::web::problem;

const MEANT_FOR: &str = "What one tallylight daemon knows and does. Read without a token on a loopback \
    address; anything that changes something, and anything beyond loopback, takes the `token` of \
    `[http]`. Times are RFC 3339 in UTC. Lists are paged: give `next` back as `cursor` until it is \
    null. Errors are problem documents (RFC 9457). Unknown parameters are refused.";

/// The document as it is served.
#[derive(Debug, Clone)]
pub(super) struct Document(Arc<Bytes>);

impl Document {
    pub(super) fn new(described: &OpenApi) -> Self {
        let text = serde_json::to_vec_pretty(described).unwrap_or_default();
        Self(Arc::new(text.into()))
    }
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "api",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(super) async fn document(
    Extension(document): Extension<Document>,
    Query(Nothing {}): Query<Nothing>,
) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], Bytes::clone(&document.0)).into_response()
}

/// The document without a path.
pub(super) fn frame() -> OpenApi {
    let license = LicenseBuilder::new()
        .name(env!("CARGO_PKG_LICENSE"))
        .identifier(Some(env!("CARGO_PKG_LICENSE")));
    let info = InfoBuilder::new()
        .title("tallylight")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(MEANT_FOR))
        .license(Some(license.build()));
    OpenApiBuilder::new().info(info.build()).build()
}

/// With what every route shares: the token, and how it says no.
pub(super) fn completed(mut described: OpenApi) -> OpenApi {
    let components = described.components.get_or_insert_default();
    components.schemas.insert(
        problem::Document::name().into_owned(),
        problem::Document::schema(),
    );
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("token", bearer);
    for (path, item) in &mut described.paths.paths {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            refuse(operation, path.contains('{'));
        }
    }
    described
}

fn refuse(operation: &mut Operation, may_be_unknown: bool) {
    let mut all = vec![
        ("400", "a parameter is unknown or makes no sense"),
        ("401", "the token is missing or wrong"),
        (
            "403",
            "another site's page may change nothing, and without a `token` in [http] nobody may",
        ),
        (
            "421",
            "the request was made under a name that is not this machine's",
        ),
        (
            "503",
            "the daemon is stopping, busy, or its store does not answer",
        ),
    ];
    if may_be_unknown {
        all.push(("404", "there is no such thing"));
    }
    for (status, when) in all {
        let problem = Ref::from_schema_name(problem::Document::name());
        let content = ContentBuilder::new().schema(Some(problem)).build();
        let response = ResponseBuilder::new()
            .description(when)
            .content(problem::MEDIA_TYPE, content)
            .build();
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_owned())
            .or_insert_with(|| response.into());
    }
}
