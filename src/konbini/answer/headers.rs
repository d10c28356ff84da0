//! What the headers say: credits, and how long to wait. Unreadable ones say nothing.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header};

use super::super::Credits;
use crate::domain::Timestamp;

const USED: HeaderName = HeaderName::from_static("x-credits-used");
const REMAINING: HeaderName = HeaderName::from_static("x-credits-remaining");

/// One request costs 0 or 1; a number above this is no price but a fault.
const MAX_USED: u64 = 100;
/// What a database's integer holds.
const MAX_REMAINING: u64 = i64::MAX as u64;
/// Nobody is made to wait longer.
const MAX_WAIT: Duration = Duration::from_hours(24);

/// The account as the headers give it. An overdrawn account has nothing left.
pub(in crate::konbini) fn credits(headers: &HeaderMap) -> Credits {
    let used = text(headers, &USED).and_then(|used| used.parse().ok());
    let remaining = text(headers, &REMAINING).and_then(|left| {
        let overdrawn = left.parse::<i64>().is_ok_and(i64::is_negative);
        if overdrawn {
            Some(0)
        } else {
            left.parse().ok()
        }
    });
    Credits {
        used: used.filter(|used| *used <= MAX_USED),
        remaining: remaining.filter(|left| *left <= MAX_REMAINING),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// When the answer was given, by the server's own clock.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let since = moment(headers, &header::DATE)?
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    Some(Timestamp::from_millis(
        i64::try_from(since.as_millis()).ok()?,
    ))
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), at most a day.
///
/// A date is measured against the answer's own `Date`, so that our clock does not matter.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = text(headers, &header::RETRY_AFTER)?;
    let wait = if text.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(text.parse().ok()?)
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        let now = moment(headers, &header::DATE)?;
        until.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(MAX_WAIT))
}

fn moment(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}
