//! The style sheet and the script: part of the program, changed only with it.

use axum::response::IntoResponse;
use http::header;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/live.js");
/// Short, since a new version has new ones under the same names.
const CACHE: &str = "max-age=300";

/// `GET /assets/style.css`
pub(super) async fn style() -> impl IntoResponse {
    served("text/css; charset=utf-8", STYLE)
}

/// `GET /assets/live.js`
pub(super) async fn script() -> impl IntoResponse {
    served("text/javascript; charset=utf-8", SCRIPT)
}

fn served(kind: &'static str, text: &'static str) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, CACHE)],
        text,
    )
}
