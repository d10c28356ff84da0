//! The transport of one attempt: one request, one answer, within one deadline.
//!
//! At most 64 KiB of an answer are read and 4 KiB kept. A failure is a [`Reply`], never an
//! error; what it says holds no URL, since URLs hold secrets. Link-local and metadata
//! addresses are refused before anything is dialled.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use http::header::{HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response};

use super::egress::{is_blocked, literal};
pub use super::outcome::{Answer, Breakage, ErrorClass, Exchange, Reply};
use super::request::{Endpoint, Request};
pub use super::resolver::Lookup;
use super::resolver::{BlockedAddress, Guarded, ResolveError, SystemLookup};
use super::stopwatch::Stopwatch;
pub use super::transport::SenderError;
use super::transport::{Transport, chain, inner, plain_client};
use crate::domain::text::bounded;

/// How much of an answer is read at most, in bytes.
pub const MAX_READ: usize = 64 * 1024;
/// How much of an answer is kept at most, in bytes.
pub const MAX_KEPT: usize = 4 * 1024;
/// Sends requests; several tasks use it at once.
#[async_trait]
pub trait Sender: fmt::Debug + Send + Sync {
    /// Makes one attempt.
    async fn send(&self, request: Request) -> Exchange;
}

/// Sends over HTTP/1.1 and HTTP/2 and keeps connections for the next request.
#[derive(Debug, Clone)]
pub struct HttpSender {
    resolver: Guarded,
    plain: Client,
    /// The clients of webhooks that set something for their connections.
    own: Arc<Mutex<OwnClients>>,
}

type OwnClients = Vec<(Arc<Transport>, Client)>;

impl HttpSender {
    /// A transport with connections of its own.
    pub fn new() -> Result<Self, SenderError> {
        Self::resolving_by(Arc::new(SystemLookup))
    }

    /// The same, asking `lookup` for the addresses of names.
    pub fn resolving_by(lookup: Arc<dyn Lookup>) -> Result<Self, SenderError> {
        let resolver = Guarded(lookup);
        Ok(Self {
            plain: plain_client(&resolver)?,
            resolver,
            own: Arc::default(),
        })
    }

    /// Makes the connections of `endpoint` ready; fails if its proxy or certificates cannot be used.
    pub fn prepare(&self, endpoint: &Endpoint) -> Result<(), SenderError> {
        self.client(endpoint.transport()).map(drop)
    }

    /// The client of whoever sets nothing for its connections.
    pub(super) fn plain(&self) -> &Client {
        &self.plain
    }

    fn client(&self, transport: Option<&Arc<Transport>>) -> Result<Client, SenderError> {
        let Some(transport) = transport else {
            return Ok(self.plain.clone());
        };
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = own.iter().find(|(known, _)| Arc::ptr_eq(known, transport)) {
            return Ok(client.clone());
        }
        // Those of a configuration that is gone are nobody else's any more.
        own.retain(|(known, _)| Arc::strong_count(known) > 1);
        let client = transport.client(&self.resolver)?;
        own.push((Arc::clone(transport), client.clone()));
        Ok(client)
    }
}

#[async_trait]
impl Sender for HttpSender {
    async fn send(&self, request: Request) -> Exchange {
        let stopwatch = Stopwatch::start();
        let reply = stopwatch.around(self.exchange(request, &stopwatch)).await;
        Exchange {
            reply,
            timing: stopwatch.timing(),
        }
    }
}

impl HttpSender {
    async fn exchange(&self, request: Request, stopwatch: &Stopwatch) -> Reply {
        if let Some(blocked) = self.blocked(&request).await {
            return refused(ErrorClass::BlockedAddress, &blocked);
        }
        let client = match self.client(request.transport.as_ref()) {
            Ok(client) => client,
            Err(error) => return refused(ErrorClass::Tls, &error),
        };
        let sent = client
            .post(request.url)
            .headers(request.headers)
            .body(request.body)
            // From here to the last byte of the answer's body.
            .timeout(request.timeout)
            .send()
            .await;
        match sent {
            Ok(response) => {
                stopwatch.note(|timing| timing.first_byte = Some(stopwatch.elapsed()));
                read(response).await
            }
            Err(error) => Reply::Broken(breakage(error, None, Vec::new())),
        }
    }

    /// What stands in the way before anything is dialled; a name that is dialled is judged then.
    async fn blocked(&self, request: &Request) -> Option<BlockedAddress> {
        if let Some(address) = literal(&request.url) {
            return is_blocked(address).then_some(BlockedAddress(address));
        }
        let proxied = request.transport.as_ref().is_some_and(|t| t.has_proxy());
        if !proxied {
            return None;
        }
        self.resolver.suspect(request.url.host_str()?).await
    }
}

/// Nothing was sent.
fn refused(class: ErrorClass, error: &dyn Error) -> Reply {
    Reply::Broken(Breakage {
        class,
        detail: error.to_string(),
        status: None,
        body: Vec::new(),
    })
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

pub(super) fn breakage(error: reqwest::Error, status: Option<u16>, body: Vec<u8>) -> Breakage {
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
    } else if causes().any(<dyn Error>::is::<BlockedAddress>) {
        ErrorClass::BlockedAddress
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

#[cfg(test)]
mod tests;
