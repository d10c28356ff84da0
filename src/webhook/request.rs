//! From a webhook and a stored body to the request that is sent. Pure.
//!
//! Headers are those of Standard Webhooks 1.0.0. The bytes that are sent are the bytes that
//! are signed: the stored ones, or what the webhook's format makes of them. Each attempt is
//! signed anew: a receiver refuses a timestamp older than five minutes. What the
//! configuration adds never replaces a header of ours.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::Url;
use sha2::{Digest as _, Sha256};

use super::formats::{FormatError, Formatter};
use super::transport::Transport;
use crate::config::{SignatureStyle, Webhook};
use crate::domain::signature::sign_with_each;
use crate::domain::text::hex;
use crate::domain::{EventId, Timestamp};

/// `tallylight/VERSION`.
pub const AGENT: &str = concat!("tallylight/", env!("CARGO_PKG_VERSION"));

/// A webhook whose address and headers have been parsed, ready to make requests.
#[derive(Clone)]
pub struct Endpoint {
    webhook: Arc<Webhook>,
    url: Url,
    /// What the configuration adds, without what it must not set.
    extra: HeaderMap,
    formatter: Arc<Formatter>,
    transport: Option<Arc<Transport>>,
}

/// Why no request can be made for a webhook. Holds no value of a header and no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The address does not parse, or has another scheme than `http` and `https`.
    #[error("the url of webhook {webhook:?} is not an http or https address")]
    Url {
        /// Which webhook.
        webhook: String,
    },
    /// A configured header cannot be sent.
    #[error("webhook {webhook:?} cannot send the header {header:?}")]
    Header {
        /// Which webhook.
        webhook: String,
        /// The header's name.
        header: String,
    },
    /// Its format lacks something.
    #[error("webhook {webhook:?} cannot write its format: {error}")]
    Format {
        /// Which webhook.
        webhook: String,
        /// What is wrong.
        error: FormatError,
    },
}

/// One attempt's request: a POST.
#[derive(Clone)]
pub struct Request {
    /// Where to.
    pub url: Url,
    /// All headers but those of the transport.
    pub headers: HeaderMap,
    /// The signed bytes.
    pub body: Bytes,
    /// For the whole exchange, from resolving the name to the last byte of the answer.
    pub timeout: Duration,
    /// What the webhook sets for its connections.
    pub(super) transport: Option<Arc<Transport>>,
}

impl Endpoint {
    /// Parses what `webhook` says of its address, headers and format; tries a template on samples.
    pub fn new(webhook: Arc<Webhook>) -> Result<Self, EndpointError> {
        let mut url = parse_url(&webhook)?;
        let formatter =
            Formatter::new(&webhook, &mut url).map_err(|error| EndpointError::Format {
                webhook: webhook.id.to_string(),
                error,
            })?;
        let mut extra = HeaderMap::new();
        for (name, value) in &webhook.headers {
            let refused = || EndpointError::Header {
                webhook: webhook.id.to_string(),
                header: name.clone(),
            };
            let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| refused())?;
            value.set_sensitive(true);
            if !is_reserved(&parsed) {
                extra.append(parsed, value);
            }
        }
        Ok(Self {
            url,
            extra,
            formatter: Arc::new(formatter),
            transport: Transport::of(&webhook),
            webhook,
        })
    }

    /// The configuration behind this endpoint.
    pub fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    pub(super) fn transport(&self) -> Option<&Arc<Transport>> {
        self.transport.as_ref()
    }

    /// The address up to the host, as `https://example.com`: all of it that may be shown.
    pub fn origin(&self) -> String {
        origin(&self.url)
    }

    /// SHA-256 of the configured address, in hexadecimal: tells whether it changed without storing it.
    pub fn url_hash(&self) -> String {
        hex(&Sha256::digest(self.webhook.url.as_bytes()))
    }

    /// The request of an attempt made `now`, for the event whose stored body is `body`.
    ///
    /// The same event gives the same bytes at each attempt, signed with the attempt's time.
    pub fn request(
        &self,
        event: &EventId,
        body: &str,
        now: Timestamp,
    ) -> Result<Request, FormatError> {
        let body = self.formatter.write(body)?;
        Ok(Request {
            url: self.url.clone(),
            headers: self.signed_headers(event, &body, now),
            body,
            timeout: self.webhook.timeout,
            transport: self.transport.clone(),
        })
    }

    fn signed_headers(&self, event: &EventId, body: &[u8], now: Timestamp) -> HeaderMap {
        let seconds = now.as_seconds();
        let secrets = &self.webhook.secrets;
        let mut headers = self.extra.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert("webhook-timestamp", HeaderValue::from(seconds));
        set(&mut headers, "webhook-id", event.as_str());
        // A chat needs no secret: its address is one.
        if let Some(first) = secrets.first() {
            let signature = sign_with_each(secrets, event.as_str(), seconds, body);
            set(&mut headers, "webhook-signature", &signature);
            if self.webhook.signature_style == SignatureStyle::Github {
                // The scheme has room for one signature.
                let signature = first.sign_as_github(body);
                set(&mut headers, "x-hub-signature-256", &signature);
            }
        }
        headers
    }
}

/// Event ids are hexadecimal, signatures base64 or hexadecimal: each is a valid header value.
fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn parse_url(webhook: &Webhook) -> Result<Url, EndpointError> {
    Url::parse(&webhook.url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| EndpointError::Url {
            webhook: webhook.id.to_string(),
        })
}

/// Headers that belong to the protocol, to the transport or to the signature.
fn is_reserved(name: &HeaderName) -> bool {
    const NAMES: [&str; 7] = [
        "host",
        "user-agent",
        "connection",
        "expect",
        "te",
        "trailer",
        "upgrade",
    ];
    const PREFIXES: [&str; 4] = ["webhook-", "content-", "transfer-", "proxy-"];
    let name = name.as_str();
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The address up to the host, as `https://example.com`: paths and queries often hold a secret.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("webhook", &self.webhook.id)
            .field("origin", &origin(&self.url))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("origin", &origin(&self.url))
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
