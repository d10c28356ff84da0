//! What every request passes: access before it, a deadline around it, headers after it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::access::Refusal;
use super::problem::Problem;
use super::{DEADLINE, MAX_BODY, Site};

/// The longest explanation that the framework gives.
const MAX_WORDS: usize = 4 * 1024;

/// Nothing from elsewhere, nothing inline, framed by nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Sent with every answer, unless its route says otherwise.
const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// The one way in.
pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let allowed = site.access.check(request.method(), path, request.headers());
    let mut response = match allowed {
        Err(refusal) => refuse(refusal, request.headers()),
        Ok(()) if is_too_long(request.headers()) => {
            let allowed = format!("a body of {MAX_BODY} bytes is the longest");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, allowed).into_response()
        }
        Ok(()) => match tokio::time::timeout(DEADLINE, next.run(request)).await {
            Ok(response) => described(response).await,
            Err(_) => Problem::unavailable("this took too long").into_response(),
        },
    };
    for (name, value) in HEADERS {
        let headers = response.headers_mut();
        headers
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Whether more is announced than is taken; what comes unannounced is cut off where it is read.
fn is_too_long(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    length.is_some_and(|length: usize| length > MAX_BODY)
}

/// An error in plain words, as the framework refuses what it cannot read, made a problem.
async fn described(response: Response) -> Response {
    let status = response.status();
    let is_plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || !is_plain {
        return response;
    }
    let (head, body) = response.into_parts();
    let words = axum::body::to_bytes(body, MAX_WORDS).await;
    let words = words.unwrap_or_default();
    let problem = Problem::new(status, String::from_utf8_lossy(&words));
    let mut response = problem.into_response();
    if let Some(methods) = head.headers.get(header::ALLOW) {
        response
            .headers_mut()
            .insert(header::ALLOW, methods.clone());
    }
    response
}

fn refuse(refusal: Refusal, headers: &HeaderMap) -> Response {
    let status = match refusal {
        Refusal::Host => StatusCode::MISDIRECTED_REQUEST,
        Refusal::CrossSite | Refusal::NoToken => StatusCode::FORBIDDEN,
        Refusal::Token if reads_pages(headers) => return Redirect::to("/login").into_response(),
        Refusal::Token => StatusCode::UNAUTHORIZED,
    };
    let mut response = Problem::new(status, refusal.to_string()).into_response();
    if refusal == Refusal::Token {
        let scheme = HeaderValue::from_static("Bearer realm=\"tallylight\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

/// Whether a person with a browser asks.
fn reads_pages(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|a| a.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}
