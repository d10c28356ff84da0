//! The listener: takes connections, bounded in number and patience, and lets go in time.
//!
//! It binds nothing by itself when it serves: the bound listener is an argument. From the
//! order to drain on it answers until the other tasks have ended, three seconds at most, so
//! that `/readyz` can say so; two seconds later the last connection is gone.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::outgoing::Outgoing;
use super::{Site, router};

/// Connections open at once, twice what a thousand open pages take; more are turned away. Those
/// from this machine have places of their own: strangers keep no health check out.
const CONNECTIONS: usize = 2_048;
/// How long a request's head may take to arrive, and an idle connection to be used.
const HEAD: Duration = Duration::from_secs(10);
/// The longest head, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// How long a drain goes on answering.
const LINGER: Duration = Duration::from_secs(3);
/// How long connections then have to end.
const FAREWELL: Duration = Duration::from_millis(1_500);
/// The pause after a connection that could not be taken: too many files are open.
const PAUSE: Duration = Duration::from_millis(100);

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {reason}; choose another `listen` in [http], or \"off\"")]
pub struct BindError {
    address: SocketAddr,
    reason: io::Error,
}

/// A listener on `address`.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|reason| BindError { address, reason })
}

/// Serves until the site's `drain`, and a little longer while `others` run.
pub async fn serve(
    listener: TcpListener,
    site: Arc<Site>,
    others: TaskTracker,
) -> Result<(), Infallible> {
    let drain = site.drain.clone();
    let door = Door {
        routes: router(site),
        places: Places::new(CONNECTIONS),
        closing: CancellationToken::new(),
    };
    let mut open = JoinSet::new();
    let end = async {
        drain.cancelled().await;
        let _ = timeout(LINGER, others.wait()).await;
    };
    let mut end = pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            connection = door.next(&listener) => {
                if let Some((stream, place)) = connection {
                    let served = door.clone().serve(stream);
                    open.spawn(async move {
                        served.await;
                        drop(place);
                    });
                }
            }
            Some(_) = open.join_next() => {}
        }
    }
    drop(listener);
    door.closing.cancel();
    let farewell = async { while open.join_next().await.is_some() {} };
    let _ = timeout(FAREWELL, farewell).await;
    open.shutdown().await;
    Ok(())
}

/// How many more may come, by where from.
#[derive(Debug, Clone)]
struct Places {
    near: Arc<Semaphore>,
    far: Arc<Semaphore>,
}

impl Places {
    fn new(each: usize) -> Self {
        let places = || Arc::new(Semaphore::new(each));
        Self {
            near: places(),
            far: places(),
        }
    }

    fn take(&self, peer: SocketAddr) -> Option<OwnedSemaphorePermit> {
        let near = peer.ip().to_canonical().is_loopback();
        let places = if near { &self.near } else { &self.far };
        Arc::clone(places).try_acquire_owned().ok()
    }
}

#[derive(Debug, Clone)]
struct Door {
    routes: Router,
    places: Places,
    closing: CancellationToken,
}

impl Door {
    /// The next connection, if there is a place for it.
    async fn next(&self, listener: &TcpListener) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        match listener.accept().await {
            Ok((stream, peer)) => Some((stream, self.places.take(peer)?)),
            Err(error) => {
                tracing::debug!("a connection could not be taken: {error}");
                tokio::time::sleep(PAUSE).await;
                None
            }
        }
    }

    async fn serve(self, stream: TcpStream) {
        // Small answers should not wait for more to come.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(self.routes);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(Outgoing::new(stream)), service);
        let mut connection = pin!(connection);
        tokio::select! {
            // What a client does wrong is its own affair.
            _ = connection.as_mut() => {}
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_keep_nobody_of_this_machine_out() {
        let places = Places::new(2);
        let take = |peer: &str| places.take(peer.parse().unwrap());
        let far = ["192.0.2.1:1", "[2001:db8::1]:1", "192.0.2.2:1"].map(take);
        assert_eq!(far.map(|place| place.is_some()), [true, true, false]);
        let near = ["127.0.0.1:1", "[::ffff:127.0.0.1]:1", "[::1]:1"].map(take);
        assert_eq!(near.map(|place| place.is_some()), [true, true, false]);
        // A place that is given back is there again.
        assert!(take("127.0.0.1:2").is_some() && take("192.0.2.1:2").is_some());
    }
}
