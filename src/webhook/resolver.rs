//! Names to addresses, without those that are never connected to.
//!
//! What passes here is what is dialled: the answer is filtered and not asked for again, so
//! a name that changes its mind gains nothing. Addresses written in a URL do not pass here,
//! and a proxy resolves names itself: see [`Guarded::suspect`].

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::egress::is_blocked;
use super::stopwatch::Stopwatch;

/// Asks for the addresses of a name.
#[async_trait]
pub trait Lookup: fmt::Debug + Send + Sync {
    /// Every address of `name`.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's resolver.
#[derive(Debug)]
pub(super) struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// A name without an address.
#[derive(Debug, thiserror::Error)]
#[error("the name does not resolve: {0}")]
pub(super) struct ResolveError(io::Error);

/// A name or an address that leads where no request goes.
#[derive(Debug, thiserror::Error)]
#[error("{0} is a link-local or metadata address, which is never connected to")]
pub(super) struct BlockedAddress(pub(super) IpAddr);

/// The resolver of every client.
#[derive(Debug, Clone)]
pub(super) struct Guarded(pub(super) Arc<dyn Lookup>);

/// How long this machine's word on a name is waited for, where a proxy has the last.
const SECOND_OPINION: Duration = Duration::from_secs(1);

impl Guarded {
    /// A blocked address of `name`, which a proxy is about to resolve for itself.
    ///
    /// A name that only the proxy knows has none, and what the proxy then finds is beyond
    /// this program: a name that means one thing here and another there gets past.
    pub(super) async fn suspect(&self, name: &str) -> Option<BlockedAddress> {
        let found = tokio::time::timeout(SECOND_OPINION, self.0.lookup(name)).await;
        let found = found.ok()?.ok()?;
        found
            .into_iter()
            .find(|a| is_blocked(*a))
            .map(BlockedAddress)
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Arc::clone(&self.0);
        let stopwatch = Stopwatch::running();
        Box::pin(async move {
            let start = stopwatch.as_ref().map(Stopwatch::elapsed);
            let found = lookup.lookup(name.as_str()).await.map_err(ResolveError)?;
            if let (Some(stopwatch), Some(start)) = (stopwatch, start) {
                let took = stopwatch.elapsed().saturating_sub(start);
                stopwatch.note(|timing| timing.dns = Some(took));
            }
            let (blocked, allowed): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|address| is_blocked(*address));
            if let (Some(first), []) = (blocked.first(), allowed.as_slice()) {
                return Err(BlockedAddress(*first).into());
            }
            let addresses = allowed.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
