//! Names to addresses, without those that are never connected to.
//!
//! What passes here is what is dialled: the answer is filtered and not asked for again, so
//! a name that changes its mind gains nothing. Addresses written in a URL do not pass here.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::egress::is_blocked;

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

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Arc::clone(&self.0);
        Box::pin(async move {
            let found = lookup.lookup(name.as_str()).await.map_err(ResolveError)?;
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
