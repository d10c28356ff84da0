//! Takes stored deliveries to their receivers: one lane for each webhook, owned here.
//!
//! The deliveries table is the queue: a lane is woken by commits and sweeps by time, so a
//! lost wake-up delays and never loses. A receiver that fails, a full disk or a panic in
//! one attempt never ends a lane; what does end one ends the dispatcher with an error.

mod attempt;
mod breaker;
mod condition;
mod lane;
mod lanes;
mod patience;
mod report;
mod setback;
mod switch;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::lanes::Lanes;
pub(crate) use self::switch::{Assignment, Inbox, Switch, switch};
use super::Progress;
use super::instruments::Instruments;
use crate::clock::Clock;
use crate::config::Webhook;
use crate::domain::event::WebhookNews;
use crate::domain::{Event, Timestamp};
use crate::store::streak::Streak;
use crate::store::{Outgoing, Store, StoreError, WebhookHealth};
use crate::webhook::{Endpoint, EndpointError, Sender};

/// Attempts under way at once over all webhooks.
const MAX_CONNECTIONS: usize = 256;

/// What a dispatcher works with.
#[derive(Debug)]
pub struct DispatcherParts {
    /// Where deliveries wait.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Clock,
    /// How requests go out.
    pub sender: Arc<dyn Sender>,
    /// Every `[[webhook]]` of the configuration.
    pub webhooks: Vec<Arc<Webhook>>,
    /// Shows the last progress of the lane that is furthest behind; at most 10 s old while all is well.
    pub progress: Progress,
    /// Where the lanes write down how they fare.
    pub instruments: Instruments,
}

/// Delivers until told to drain.
#[derive(Debug)]
pub struct Dispatcher {
    parts: DispatcherParts,
    inbox: Inbox,
}

/// Why deliveries cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// A webhook of the configuration cannot be sent to.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The store ended, or could not be read at the start.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault in this program.
    #[error("the delivery lane of a webhook ended: {0}")]
    Lane(String),
}

/// What the lanes share.
#[derive(Debug, Clone)]
struct Common {
    store: Arc<dyn Store>,
    clock: Clock,
    sender: Arc<dyn Sender>,
    connections: Arc<Semaphore>,
    /// Every webhook, for news of one to the others.
    webhooks: Arc<[Arc<Webhook>]>,
    instruments: Instruments,
}

impl Common {
    /// What every other webhook that subscribes is to hear of one.
    fn alert(&self, news: &WebhookNews<'_>) -> Outgoing {
        let event = Event::of_webhook(self.store.installation(), news);
        let others = self.webhooks.iter().filter(|w| *w.id != *news.webhook);
        let told = others.filter(|w| w.wants(event.kind, None, false));
        Outgoing {
            webhooks: told.map(|w| w.id.clone()).collect(),
            event,
        }
    }
}

impl Dispatcher {
    /// A dispatcher that has not begun; fails if a webhook's address or headers do not parse.
    pub fn new(parts: DispatcherParts) -> Result<Self, DispatchError> {
        for webhook in &parts.webhooks {
            Endpoint::new(Arc::clone(webhook))?;
        }
        let (_, inbox) = switch();
        Ok(Self { parts, inbox })
    }

    /// The same, told through `inbox` of other webhooks while it runs.
    pub(crate) fn told_by(self, inbox: Inbox) -> Self {
        Self { inbox, ..self }
    }

    /// Delivers until `drain`, then lets what is under way end (20 s at most) and returns.
    ///
    /// On return nothing uses the store any more. An error means that a lane ended by
    /// itself; the others were drained before it is returned.
    pub async fn run(self, drain: CancellationToken) -> Result<(), DispatchError> {
        let parts = self.parts;
        let first = Assignment::of(parts.store.as_ref(), &parts.webhooks).await?;
        let common = Common {
            store: parts.store,
            clock: parts.clock,
            sender: parts.sender,
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            webhooks: parts.webhooks.into(),
            instruments: parts.instruments,
        };
        let mut lanes = Lanes::new(common, drain.child_token());
        lanes.assign(first);
        lanes.watch(self.inbox, &parts.progress).await
    }
}

/// What was stored of a receiver when the program stopped.
#[derive(Debug, Clone, Copy, Default)]
struct Past {
    streak: Streak,
    paused_until: Option<Timestamp>,
}

impl Past {
    /// What is known of the present address; at another one everything begins anew.
    fn of(endpoint: &Endpoint, health: &[WebhookHealth]) -> Self {
        let same = |known: &&WebhookHealth| {
            known.webhook == endpoint.webhook().id && known.url_hash == endpoint.url_hash()
        };
        let known = health.iter().find(same).map(|known| Self {
            streak: known.streak,
            paused_until: known.paused_until,
        });
        known.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
