//! What every request passes: access before it, a deadline around it, headers after it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::access::Refusal;
use super::problem::Problem;
use super::{DEADLINE, Site, login, page};

/// Nothing from elsewhere, nothing inline, framed by nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Sent with every answer, unless its route says otherwise.
const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // Without any, browsers hide from us too that a form is our own: `Origin: null`.
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// The one way in.
pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let allowed = site.access.check(request.method(), path, request.headers());
    let mut response = match allowed {
        Err(refusal) => refuse(refusal, &request),
        Ok(()) => match tokio::time::timeout(DEADLINE, next.run(request)).await {
            Ok(response) => response,
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

fn refuse(refusal: Refusal, request: &Request) -> Response {
    let person = reads_pages(request.headers());
    let status = match refusal {
        Refusal::Host => StatusCode::MISDIRECTED_REQUEST,
        Refusal::CrossSite | Refusal::NoToken => StatusCode::FORBIDDEN,
        Refusal::Token if person => return login::lead(request.method(), request.uri()),
        Refusal::Token => StatusCode::UNAUTHORIZED,
    };
    let problem = Problem::new(status, refusal.to_string());
    if person {
        return page::failure(&problem);
    }
    let mut response = problem.into_response();
    if refusal == Refusal::Token {
        let scheme = HeaderValue::from_static("Bearer realm=\"tallylight\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

/// Whether a person with a browser asks.
pub(super) fn reads_pages(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|a| a.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}
