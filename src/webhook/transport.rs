//! The HTTP client of a webhook: timeouts, certificates, proxy.
//!
//! Nothing is repeated, no redirect followed, no proxy taken from the environment. What a
//! webhook sets for itself applies to it alone.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Identity, Proxy, Url, redirect, retry};

use super::egress::{is_blocked, literal};
use super::resolver::Guarded;
use super::stopwatch::Measured;
use crate::config::{ClientIdentity, Secret, TextFile, Webhook};

/// For the name, the connection and the handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An idle connection is kept as long as the receivers of most platforms keep theirs.
const IDLE: Duration = Duration::from_secs(50);
/// Idle connections kept for each host: the default concurrency of a lane.
const IDLE_PER_HOST: usize = 4;

/// What a webhook sets for its own connections.
#[derive(Debug)]
pub(super) struct Transport {
    proxy: Option<Secret>,
    authorities: Option<TextFile>,
    identity: Option<ClientIdentity>,
}

/// A client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// TLS as such.
    #[error("cannot set up TLS for webhooks: {0}")]
    Tls(String),
    /// The `ca_file`.
    #[error("the ca_file holds no PEM certificate that can be used")]
    Authorities,
    /// `client_cert_file` and `client_key_file`.
    #[error(
        "client_cert_file and client_key_file hold no PEM certificate and key that can be used together"
    )]
    Identity,
    /// The `proxy`.
    #[error("the proxy is not an http or https address")]
    Proxy,
    /// A `proxy` where no request goes.
    #[error("the proxy is at a link-local or metadata address, which is never connected to")]
    BlockedProxy,
}

impl Transport {
    /// Whether somebody else resolves the webhook's name.
    pub(super) fn has_proxy(&self) -> bool {
        self.proxy.is_some()
    }

    /// What `webhook` sets, if it sets anything.
    pub(super) fn of(webhook: &Webhook) -> Option<Arc<Self>> {
        let own = Self {
            proxy: webhook.proxy.clone(),
            authorities: webhook.ca_file.clone(),
            identity: webhook.client_identity.clone(),
        };
        let any = own.proxy.is_some() || own.authorities.is_some() || own.identity.is_some();
        any.then(|| Arc::new(own))
    }

    /// A client of its own.
    pub(super) fn client(&self, resolver: &Guarded) -> Result<Client, SenderError> {
        let mut builder = builder(resolver);
        if let Some(file) = &self.authorities {
            let found = Certificate::from_pem_bundle(file.text.as_bytes());
            let found = found.ok().filter(|all| !all.is_empty());
            builder = builder.tls_certs_merge(found.ok_or(SenderError::Authorities)?);
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(parse_identity(identity)?);
        }
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(parse_proxy(proxy)?);
        }
        // With the authorities parsed, only the pair can still be wrong.
        build(builder).map_err(|error| match &self.identity {
            Some(_) => SenderError::Identity,
            None => error,
        })
    }
}

/// The client of every webhook that sets nothing for itself.
pub(super) fn plain_client(resolver: &Guarded) -> Result<Client, SenderError> {
    build(builder(resolver))
}

fn builder(resolver: &Guarded) -> ClientBuilder {
    // Fails if a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .dns_resolver(Arc::new(resolver.clone()))
        .connector_layer(Measured)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
}

fn build(builder: ClientBuilder) -> Result<Client, SenderError> {
    builder
        .build()
        .map_err(|error| SenderError::Tls(chain(&error)))
}

fn parse_identity(identity: &ClientIdentity) -> Result<Identity, SenderError> {
    let pem = format!("{}\n{}", identity.cert.text, identity.key.expose());
    Identity::from_pem(pem.as_bytes()).map_err(|_| SenderError::Identity)
}

fn parse_proxy(proxy: &Secret) -> Result<Proxy, SenderError> {
    let url = Url::parse(proxy.expose()).map_err(|_| SenderError::Proxy)?;
    if literal(&url).is_some_and(is_blocked) {
        return Err(SenderError::BlockedProxy);
    }
    Proxy::all(url).map_err(|_| SenderError::Proxy)
}

/// The error and its causes, joined by `: `.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| inner(*e));
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    // A wrapper that shows what it wraps would say everything twice.
    texts.dedup();
    texts.join(": ")
}

/// The next cause. An `io::Error` skips the error that it wraps, so that one is asked for.
pub(super) fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match wrapped {
        Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
        None => error.source(),
    }
}
