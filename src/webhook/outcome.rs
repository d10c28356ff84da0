//! What the end of an exchange means for a delivery and for its webhook. Pure.
//!
//! A 2xx, read to its end or to the cap, is delivered; nothing else is. An answer that
//! breaks off stays in doubt and is tried again, since a delivery is made at least once.
//! How long the next wait is, is the dispatcher's business; `now` is an argument.

use std::time::{Duration, UNIX_EPOCH};

use crate::domain::text::{Printable, bounded};
use crate::domain::{Timestamp, Timing};

/// The longest `Retry-After` that is honoured.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// The pause after a 429 or 503 that names none (or one that cannot be read).
pub const DEFAULT_PAUSE: Duration = Duration::from_secs(60);

/// Attempts for a status that says this body will not heal.
pub const FEW_ATTEMPTS: u32 = 3;

macro_rules! error_classes {
    ($($variant:ident $name:literal $doc:literal),* $(,)?) => {
        /// Why an attempt failed: a closed set, for the log of attempts and for metrics.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorClass { $(#[doc = $doc] $variant),* }

        impl ErrorClass {
            /// Every class.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in the store, in logs and in metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

error_classes! {
    Dns "dns" "The name does not resolve.",
    Connect "connect" "No connection came about.",
    Tls "tls" "The certificate or the handshake was refused.",
    Timeout "timeout" "Not done within the webhook's timeout, or not connected within five seconds.",
    Reset "reset" "The exchange broke off, or what came is no final HTTP answer.",
    Http3xx "http_3xx" "A redirect; never followed.",
    Http4xx "http_4xx" "The receiver refuses.",
    Http5xx "http_5xx" "The receiver failed.",
    BodyTooLarge "body_too_large" "The answer outgrew what is read of it before it said how it went.",
    Format "format" "The body could not be written in the webhook's format; nothing was sent.",
    BlockedAddress "blocked_address" "The address is one that is never connected to.",
}

/// One exchange: how it ended and where its time went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// How it ended.
    pub reply: Reply,
    /// What could be measured of it.
    pub timing: Timing,
}

impl From<Reply> for Exchange {
    /// An exchange of which nothing was measured.
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            timing: Timing::default(),
        }
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An answer came, whole or read up to the cap.
    Answered(Answer),
    /// It did not.
    Broken(Breakage),
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// `Retry-After` as it was sent.
    pub retry_after: Option<String>,
    /// `Location` as it was sent: hostile text.
    pub location: Option<String>,
    /// The first 4 KiB: hostile bytes.
    pub body: Vec<u8>,
}

/// An exchange that broke off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breakage {
    /// Why.
    pub class: ErrorClass,
    /// The same for a person; names no address and no header.
    pub detail: String,
    /// The status, if an answer had begun.
    pub status: Option<u16>,
    /// What was read of the answer, at most 4 KiB.
    pub body: Vec<u8>,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What follows from it.
    pub verdict: Verdict,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// Why it failed; `None` exactly for [`Verdict::Delivered`].
    pub error: Option<ErrorClass>,
    /// The same for a person, printable and bounded; empty when delivered.
    pub detail: String,
    /// What was read of the answer, at most 4 KiB.
    pub answer: Vec<u8>,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Delivered,
    /// Try again by the webhook's schedule.
    Retry,
    /// Try again by the schedule, but not beyond [`FEW_ATTEMPTS`].
    RetryLimited,
    /// The receiver wants no more: the webhook is disabled at once.
    Gone,
    /// Try again, and leave the receiver alone meanwhile: at most [`LONGEST_PAUSE`].
    PauseLane(Duration),
}

impl Outcome {
    /// What `reply`, which ended at `now`, means.
    pub fn of(reply: Reply, now: Timestamp) -> Self {
        match reply {
            Reply::Answered(answer) => Self::of_answer(answer, now),
            Reply::Broken(broken) => Self {
                verdict: Verdict::Retry,
                status: broken.status,
                error: Some(broken.class),
                detail: Printable(&bounded(&broken.detail)).to_string(),
                answer: broken.body,
            },
        }
    }

    fn of_answer(answer: Answer, now: Timestamp) -> Self {
        let verdict = verdict(answer.status, answer.retry_after.as_deref(), now);
        let error = (verdict != Verdict::Delivered).then(|| class(answer.status));
        let detail = match (error, &answer.location) {
            (None, _) => String::new(),
            (Some(ErrorClass::Http3xx), Some(location)) => {
                let location = shown_location(location);
                format!(
                    "answered {} to {location}, which is not followed",
                    answer.status
                )
            }
            _ => format!("answered {}", answer.status),
        };
        Self {
            verdict,
            status: Some(answer.status),
            error,
            detail,
            answer: answer.body,
        }
    }
}

fn verdict(status: u16, retry_after: Option<&str>, now: Timestamp) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        400 | 405 | 413 | 415 | 422 => Verdict::RetryLimited,
        410 => Verdict::Gone,
        429 | 503 => {
            let asked = retry_after.and_then(|text| parse_retry_after(text, now));
            Verdict::PauseLane(asked.unwrap_or(DEFAULT_PAUSE).min(LONGEST_PAUSE))
        }
        _ => Verdict::Retry,
    }
}

/// The class of a status that is no 2xx. A final 1xx is no answer to a POST: the exchange broke off.
fn class(status: u16) -> ErrorClass {
    match status {
        ..300 => ErrorClass::Reset,
        300..=399 => ErrorClass::Http3xx,
        400..=499 => ErrorClass::Http4xx,
        500.. => ErrorClass::Http5xx,
    }
}

/// RFC 9110, 10.2.3: seconds or an HTTP date. Discord sends fractions of a second.
fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let seconds: f64 = text.parse().ok()?;
        return Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(0).plus(since_epoch).since(now))
}

/// A redirect's target for the log, without what may be secret: user, query, and long segments of the path.
fn shown_location(location: &str) -> String {
    const LONGEST_SEGMENT: usize = 16;
    let end = location.find(['?', '#']).unwrap_or(location.len());
    let (scheme, rest) = match location[..end].split_once("//") {
        Some((scheme, rest)) => (format!("{scheme}//"), rest),
        None => (String::new(), &location[..end]),
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or(host);
    let segments: Vec<_> = path
        .split('/')
        .map(|s| {
            if s.chars().count() > LONGEST_SEGMENT {
                "…"
            } else {
                s
            }
        })
        .collect();
    let shown = format!("{scheme}{host}{}", segments.join("/"));
    Printable(&bounded(&shown)).to_string()
}

#[cfg(test)]
mod tests;
