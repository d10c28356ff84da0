//! Which webhooks take part, and how the dispatcher is told of others while it runs.
//!
//! What can fail is done before anything is changed: addresses are parsed and the store is
//! asked first, the switch itself cannot fail.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{DispatchError, Past, report};
use crate::config::Webhook;
use crate::store::{DisabledWebhook, Store};
use crate::webhook::Endpoint;

/// Every webhook of a configuration.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(super) webhooks: Vec<Arc<Webhook>>,
    pub(super) posts: Vec<Post>,
}

/// One webhook.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) endpoint: Endpoint,
    /// How it fared at this address.
    pub(super) past: Past,
    /// Why deliveries wait, if they do although the file lets it take part.
    pub(super) disabled: Option<DisabledWebhook>,
}

/// Where assignments are taken out.
pub(crate) type Inbox = mpsc::Receiver<Request>;

/// An assignment, if there is one, and who waits for it to hold.
pub(crate) type Request = (Option<Assignment>, oneshot::Sender<()>);

/// Where they are handed in.
#[derive(Debug, Clone)]
pub(crate) struct Switch(mpsc::Sender<Request>);

/// The dispatcher is gone: the daemon is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the dispatcher has stopped")]
pub(crate) struct Stopped;

/// A switch and the inbox behind it.
pub(crate) fn switch() -> (Switch, Inbox) {
    let (sender, inbox) = mpsc::channel(1);
    (Switch(sender), inbox)
}

impl Switch {
    /// Has exactly these webhooks delivered to; returns once that holds.
    pub(crate) async fn assign(&self, assignment: Assignment) -> Result<(), Stopped> {
        self.hand(Some(assignment)).await
    }

    /// Returns once the dispatcher delivers.
    pub(crate) async fn is_on(&self) -> Result<(), Stopped> {
        self.hand(None).await
    }

    async fn hand(&self, assignment: Option<Assignment>) -> Result<(), Stopped> {
        let (reply, done) = oneshot::channel();
        let sent = self.0.send((assignment, reply)).await;
        sent.map_err(|_| Stopped)?;
        done.await.map_err(|_| Stopped)
    }
}

impl Assignment {
    /// Which of `webhooks` take part: those that the file enables and that are not disabled in the store.
    ///
    /// A disabled one takes part again once a person acted: its address is another one, or it
    /// is found with `enabled = false` in the file.
    pub(crate) async fn of(
        store: &dyn Store,
        webhooks: &[Arc<Webhook>],
    ) -> Result<Self, DispatchError> {
        let endpoints = webhooks.iter().cloned().map(Endpoint::new);
        let endpoints: Vec<Endpoint> = endpoints.collect::<Result<_, _>>()?;
        let disabled = store.disabled_webhooks().await?;
        let health = store.webhook_health().await?;
        let mut posts = Vec::new();
        for endpoint in endpoints {
            let record = disabled.iter().find(|d| d.webhook == endpoint.webhook().id);
            let disabled = match record {
                Some(record) => still(store, record, &endpoint).await?,
                None => None,
            };
            posts.push(Post {
                past: Past::of(&endpoint, &health),
                endpoint,
                disabled,
            });
        }
        Ok(Self {
            webhooks: webhooks.to_vec(),
            posts,
        })
    }
}

impl Post {
    /// Whether deliveries go out, or wait.
    pub(super) fn takes_part(&self) -> bool {
        self.disabled.is_none() && self.endpoint.webhook().enabled
    }
}

/// What disables a webhook still, if nobody has acted.
async fn still(
    store: &dyn Store,
    record: &DisabledWebhook,
    endpoint: &Endpoint,
) -> Result<Option<DisabledWebhook>, DispatchError> {
    if still_disabled(record, endpoint) {
        report::still_disabled(record);
        return Ok(Some(record.clone()));
    }
    store.enable_webhook(&record.webhook).await?;
    report::enabled_again(record);
    Ok(None)
}

fn still_disabled(record: &DisabledWebhook, endpoint: &Endpoint) -> bool {
    endpoint.webhook().enabled && record.url_hash == endpoint.url_hash()
}
