//! What other tasks ask of the poller while it runs, and how.
//!
//! The poller alone owns the creators' states, so whoever wants to see or move something
//! asks, and is answered between two polls. The inbox is bounded; a request must cost
//! little, since every poll waits behind it.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::view::Sight;
use crate::config::Config;
use crate::domain::Username;
use crate::konbini::Source;
use crate::store::{PastStream, Snapshot};
use crate::web::views::{CreatorDetail, CreatorPage, CreatorQuery};

/// How many requests may wait.
const WAITING: usize = 256;

/// One request; the answer goes to its sender, who may be gone by then.
#[derive(Debug)]
pub(crate) enum Request {
    /// Ask for this creator as soon as rate and budget let; answered with whether it is watched.
    Poll(Username, oneshot::Sender<bool>),
    /// Everything at a glance.
    Overview(oneshot::Sender<Box<Sight>>),
    /// One page of the watchlist.
    Creators(CreatorQuery, oneshot::Sender<CreatorPage>),
    /// One creator, if it is watched.
    Creator(Username, oneshot::Sender<Option<Box<CreatorDetail>>>),
    /// Say how many there are.
    Census(oneshot::Sender<Census>),
    /// Go on by another configuration; answered once all of it holds.
    Reload(Box<Reload>, oneshot::Sender<()>),
}

/// What the store knows.
pub(crate) type Known = (Snapshot, Vec<PastStream>);

/// Another configuration, and what the store knows of whoever it adds.
#[derive(Debug)]
pub(crate) struct Reload {
    pub(crate) config: Arc<Config>,
    /// Read after the last reload was done. Empty if nobody is added, the schedule is the same and
    /// no sweeps begin.
    pub(crate) known: Known,
    /// Whom to ask from now on, if that changes.
    pub(crate) source: Option<Arc<dyn Source>>,
    /// Whether others pay for it.
    pub(crate) other_account: bool,
}

/// The watchlist in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Creators watched.
    pub(crate) creators: usize,
    /// How many of them are live.
    pub(crate) live: usize,
    /// Credits used in the running month and the budget, if there is one.
    pub(crate) credits: Option<(u64, u64)>,
}

impl Request {
    /// Whether nobody waits for the answer any more; a poll is wanted all the same.
    pub(crate) fn is_abandoned(&self) -> bool {
        match self {
            Self::Poll(..) | Self::Reload(..) => false,
            Self::Census(reply) => reply.is_closed(),
            Self::Overview(reply) => reply.is_closed(),
            Self::Creators(_, reply) => reply.is_closed(),
            Self::Creator(_, reply) => reply.is_closed(),
        }
    }
}

/// Where requests are handed in; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Desk(mpsc::Sender<Request>);

/// Where the poller takes them out.
pub(crate) type Inbox = mpsc::Receiver<Request>;

/// The poller is gone: the daemon is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the poller has stopped")]
pub(crate) struct Stopped;

/// A desk and the inbox behind it.
pub(crate) fn desk() -> (Desk, Inbox) {
    let (sender, inbox) = mpsc::channel(WAITING);
    (Desk(sender), inbox)
}

impl Desk {
    /// Has `username` polled soon; `false` if it is not on the watchlist.
    pub(crate) async fn poll(&self, username: Username) -> Result<bool, Stopped> {
        self.ask(|reply| Request::Poll(username, reply)).await
    }

    /// What the poller knows, at a glance.
    pub(crate) async fn overview(&self) -> Result<Box<Sight>, Stopped> {
        self.ask(Request::Overview).await
    }

    /// One page of the watchlist.
    pub(crate) async fn creators(&self, query: CreatorQuery) -> Result<CreatorPage, Stopped> {
        self.ask(|reply| Request::Creators(query, reply)).await
    }

    /// One creator with everything that is known of it; `None` if it is not on the watchlist.
    pub(crate) async fn creator(
        &self,
        username: Username,
    ) -> Result<Option<Box<CreatorDetail>>, Stopped> {
        self.ask(|reply| Request::Creator(username, reply)).await
    }

    /// Counts.
    pub(crate) async fn census(&self) -> Result<Census, Stopped> {
        self.ask(Request::Census).await
    }

    /// Puts another configuration into force.
    pub(crate) async fn reload(&self, reload: Reload) -> Result<(), Stopped> {
        self.ask(|reply| Request::Reload(Box::new(reload), reply))
            .await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.0.send(request(reply)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

#[cfg(test)]
impl Request {
    /// Answers as a poller that watches nobody.
    pub(crate) fn answer_census(self) {
        if let Self::Census(reply) = self {
            let _ = reply.send(Census::default());
        }
    }
}
