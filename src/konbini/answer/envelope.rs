//! The outer form of every answer: `{"data": {..}}`, or `{"errors": [..], "data": null}`.
//!
//! This is where status and code are weighed against each other. What either would mean
//! alone counts for nothing if the other contradicts it.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

use super::fields::Object;
use super::headers;
use crate::domain::observation::{Cause, Unclear};

/// An answer that says something.
pub(super) enum Envelope {
    /// 200: what was asked for.
    Data(Object),
    /// 404 `not_found`.
    NotFound,
}

/// An unclear answer whose body is not what the contract promises.
pub(super) fn malformed(detail: &str) -> Unclear {
    Unclear::new(Cause::Malformed, detail)
}

/// Opens an answer; an unclear one carries the `Retry-After` that came with it.
pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Result<Envelope, Unclear> {
    let opened = match status {
        200 => success(headers, body),
        300..=399 => Err(Unclear::new(
            Cause::NotTheApi,
            format!("redirected ({status}), which the API never does: check konbini.base_url"),
        )),
        400..=599 => failure(status, body),
        _ => Err(unknown(status, "an answer without a meaning")),
    };
    opened.map_err(|mut unclear| {
        unclear.retry_after = headers::retry_after(headers);
        unclear
    })
}

fn success(headers: &HeaderMap, body: &[u8]) -> Result<Envelope, Unclear> {
    let Ok(value) = parse(body) else {
        return Err(no_json(headers, body));
    };
    let Value::Object(mut envelope) = value else {
        return Err(malformed("the answer is JSON, but no object"));
    };
    match envelope.get("errors") {
        None | Some(Value::Null) => {}
        Some(Value::Array(errors)) if errors.is_empty() => {}
        Some(_) => return Err(unknown(200, "success and errors at once")),
    }
    match envelope.remove("data") {
        Some(Value::Object(data)) => Ok(Envelope::Data(data)),
        _ => Err(malformed("the answer has no `data` object")),
    }
}

fn no_json(headers: &HeaderMap, body: &[u8]) -> Unclear {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if content_type.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"text/html")) {
        let detail = "a web page answered in place of the API: check konbini.base_url and proxies";
        return Unclear::new(Cause::NotTheApi, detail);
    }
    if body.is_empty() {
        return malformed("the answer is empty");
    }
    malformed("the answer is no JSON, or breaks off")
}

/// What `code` means together with `status`; without the API's own error form, next to nothing.
fn failure(status: u16, body: &[u8]) -> Result<Envelope, Unclear> {
    let code = error_code(body);
    match (status, code.as_deref()) {
        (404, Some("not_found")) => Ok(Envelope::NotFound),
        (400, Some("validation_error")) => Err(Unclear::new(
            Cause::InvalidUsername,
            "the API refuses to be asked for this username (validation_error): check its spelling",
        )),
        (
            401 | 403,
            Some(
                code @ ("missing_api_key" | "invalid_api_key" | "api_key_disabled"
                | "api_key_expired"),
            ),
        ) => Err(Unclear::new(
            Cause::KeyRefused,
            format!("the API refuses the key ({status} {code}): mend konbini.api_key"),
        )),
        (402, Some("credits_exhausted")) => Err(Unclear::new(
            Cause::CreditsExhausted,
            "no credits are left (402 credits_exhausted): wait for the renewal or upgrade the plan",
        )),
        (429, _) => Err(Unclear::new(
            Cause::RateLimited,
            "too many requests (429): fewer polls a second may help",
        )),
        (500..=599, code) => Err(server_fault(status, code)),
        (_, None) => Err(Unclear::new(
            Cause::NotTheApi,
            format!("status {status} without the API's error form: check konbini.base_url"),
        )),
        (400..=499, Some("route_not_found")) => Err(Unclear::new(
            Cause::NotTheApi,
            "the API knows no such route (route_not_found): check konbini.base_url",
        )),
        (_, Some(code)) => Err(unknown(status, quotable(code))),
    }
}

fn server_fault(status: u16, code: Option<&str>) -> Unclear {
    let code = code.map_or("no error code", quotable);
    Unclear::new(
        Cause::ServerFault,
        format!("the API or TikTok has a passing fault ({status}, {code})"),
    )
}

fn unknown(status: u16, what: &str) -> Unclear {
    Unclear::new(
        Cause::UnknownError,
        format!("an answer that the contract does not know ({status}, {what})"),
    )
}

/// The code itself if it looks like one, so that nothing else of the body is repeated.
fn quotable(code: &str) -> &str {
    let like_a_code = |c: u8| c.is_ascii_lowercase() || c == b'_';
    if (1..=40).contains(&code.len()) && code.bytes().all(like_a_code) {
        code
    } else {
        "an unreadable error code"
    }
}

/// The one code of the error form, which has `"data": null` and at least one error;
/// `None` if the body has not that form, or names several codes.
fn error_code(body: &[u8]) -> Option<String> {
    let value = parse(body).ok()?;
    if !value.get("data")?.is_null() {
        return None;
    }
    let errors = value.get("errors")?.as_array()?;
    let code_of = |error: &Value| error.get("code")?.as_str().map(str::to_owned);
    let first = code_of(errors.first()?)?;
    let agree = errors
        .iter()
        .all(|error| code_of(error).is_some_and(|code| code == first));
    agree.then_some(first)
}

fn parse(body: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(&whole_surrogates(body))
}

/// `json` with `\uFFFD` for every escaped half of a surrogate pair.
///
/// A title cut in the middle of an emoji arrives as `\ud83d`. The JSON grammar allows it,
/// but `serde_json` refuses the whole document, and a stranger's title would hide a stream.
fn whole_surrogates(json: &[u8]) -> Cow<'_, [u8]> {
    const HIGH: std::ops::Range<u16> = 0xD800..0xDC00;
    const LOW: std::ops::Range<u16> = 0xDC00..0xE000;
    let mut mended = Cow::Borrowed(json);
    let mut at = 0;
    while let Some(offset) = json
        .get(at..)
        .and_then(|rest| rest.iter().position(|b| *b == b'\\'))
    {
        at += offset;
        let next = escape_at(json, at + 6).filter(|unit| LOW.contains(unit));
        match escape_at(json, at) {
            None => at += 2,
            Some(unit) if HIGH.contains(&unit) && next.is_some() => at += 12,
            Some(unit) => {
                if HIGH.contains(&unit) || LOW.contains(&unit) {
                    mended.to_mut()[at + 2..at + 6].copy_from_slice(b"FFFD");
                }
                at += 6;
            }
        }
    }
    mended
}

/// The code unit of the escape `\uXXXX` at `at`, if there is one.
fn escape_at(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at.checked_add(6)?)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}
