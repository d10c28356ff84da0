//! The transport of one attempt: one request, one answer, within one deadline.
//!
//! Nothing is repeated, no redirect followed, no proxy taken from the environment. At most
//! 64 KiB of an answer are read and 4 KiB kept. A failure is a [`Reply`], never an error;
//! what it says names no address, since addresses hold secrets.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{HeaderName, LOCATION, RETRY_AFTER};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Response, redirect, retry};

pub use super::outcome::{Answer, Breakage, ErrorClass, Reply};
use super::request::Request;
use crate::domain::text::bounded;

/// For the name, the connection and the handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an answer is read at most, in bytes.
pub const MAX_READ: usize = 64 * 1024;
/// How much of an answer is kept at most, in bytes.
pub const MAX_KEPT: usize = 4 * 1024;
/// An idle connection is kept as long as the receivers of most platforms keep theirs.
const IDLE: Duration = Duration::from_secs(50);
/// Idle connections kept for each host: the default concurrency of a lane.
const IDLE_PER_HOST: usize = 4;

/// Sends requests; several tasks use it at once.
#[async_trait]
pub trait Sender: fmt::Debug + Send + Sync {
    /// Makes one attempt.
    async fn send(&self, request: Request) -> Reply;
}

/// Sends over HTTP/1.1 and HTTP/2 and keeps connections for the next request.
#[derive(Debug, Clone)]
pub struct HttpSender {
    client: Client,
}

/// The transport cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS for webhooks: {0}")]
pub struct SenderError(String);

impl HttpSender {
    /// A transport with connections of its own.
    pub fn new() -> Result<Self, SenderError> {
        // Fails if a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .dns_resolver(Arc::new(SystemResolver))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build()
            .map_err(|error| SenderError(chain(&error)))?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Sender for HttpSender {
    async fn send(&self, request: Request) -> Reply {
        let sent = self
            .client
            .post(request.url)
            .headers(request.headers)
            .body(request.body)
            // From here to the last byte of the answer's body.
            .timeout(request.timeout)
            .send()
            .await;
        match sent {
            Ok(response) => read(response).await,
            Err(error) => Reply::Broken(breakage(error, None, Vec::new())),
        }
    }
}

/// Reads the answer to its end or to the cap; the request's deadline bounds this too.
async fn read(mut response: Response) -> Reply {
    let status = response.status().as_u16();
    let retry_after = header(&response, &RETRY_AFTER);
    let location = header(&response, &LOCATION);
    let mut body = Vec::new();
    let mut total = 0_usize;
    while total < MAX_READ {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                total = total.saturating_add(chunk.len());
                let kept = chunk.len().min(MAX_KEPT - body.len());
                body.extend_from_slice(&chunk[..kept]);
            }
            Ok(None) => break,
            Err(error) => return Reply::Broken(breakage(error, Some(status), body)),
        }
    }
    Reply::Answered(Answer {
        status,
        retry_after,
        location,
        body,
    })
}

fn header(response: &Response, name: &HeaderName) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(bounded(&String::from_utf8_lossy(value.as_bytes())))
}

fn breakage(error: reqwest::Error, status: Option<u16>, body: Vec<u8>) -> Breakage {
    // Its text would begin with the address.
    let error = error.without_url();
    Breakage {
        class: classify(&error),
        detail: bounded(&chain(&error)),
        status,
        body,
    }
}

fn classify(error: &reqwest::Error) -> ErrorClass {
    let causes = || std::iter::successors(Some(error as &dyn Error), |e| inner(*e));
    if error.is_timeout() || causes().any(os_timeout) {
        ErrorClass::Timeout
    } else if causes().any(<dyn Error>::is::<ResolveError>) {
        ErrorClass::Dns
    } else if causes().any(<dyn Error>::is::<rustls::Error>) {
        ErrorClass::Tls
    } else if error.is_connect() {
        ErrorClass::Connect
    } else if causes().any(head_too_large) {
        ErrorClass::BodyTooLarge
    } else {
        ErrorClass::Reset
    }
}

/// The next cause. An `io::Error` skips the error that it wraps, so that one is asked for.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match wrapped {
        Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
        None => error.source(),
    }
}

fn os_timeout(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::TimedOut)
}

fn head_too_large(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<hyper::Error>()
        .is_some_and(hyper::Error::is_parse_too_large)
}

/// The error and its causes, joined by `: `.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| inner(*e));
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    // A wrapper that shows what it wraps would say everything twice.
    texts.dedup();
    texts.join(": ")
}

/// The machine's resolver, with an error that can be told from a refused connection.
///
/// It is asked for names only: an address written in the URL never passes here.
#[derive(Debug)]
struct SystemResolver;

/// A name without an address.
#[derive(Debug, thiserror::Error)]
#[error("the name does not resolve: {0}")]
struct ResolveError(io::Error);

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses: Vec<_> = found.map_err(ResolveError)?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
