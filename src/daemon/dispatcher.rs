//! Takes stored deliveries to their receivers: one lane for each webhook, owned here.
//!
//! The deliveries table is the queue: a lane is woken by commits and sweeps by time, so a
//! lost wake-up delays and never loses. A receiver that fails, a full disk or a panic in
//! one attempt never ends a lane; what does end one ends the dispatcher with an error.

mod attempt;
mod breaker;
mod condition;
mod lane;
mod patience;
mod report;
mod setback;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use self::lane::Lane;
use super::Progress;
use super::instruments::{Instruments, Standing};
use crate::clock::Clock;
use crate::config::Webhook;
use crate::domain::event::WebhookNews;
use crate::domain::{Event, Timestamp};
use crate::store::streak::Streak;
use crate::store::{DisabledWebhook, Outgoing, Store, StoreError, WebhookHealth};
use crate::web::views::LaneState;
use crate::webhook::{Endpoint, EndpointError, Sender};

/// Attempts under way at once over all webhooks.
const MAX_CONNECTIONS: usize = 256;
/// How often the lanes' progress is gathered.
const GATHER: Duration = Duration::from_secs(5);

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
    endpoints: Vec<Endpoint>,
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
        let endpoints = parts.webhooks.iter().cloned().map(Endpoint::new);
        let endpoints = endpoints.collect::<Result<_, _>>()?;
        Ok(Self { parts, endpoints })
    }

    /// Delivers until `drain`, then lets what is under way end (20 s at most) and returns.
    ///
    /// On return nothing uses the store any more. An error means that a lane ended by
    /// itself; the others were drained before it is returned.
    pub async fn run(self, drain: CancellationToken) -> Result<(), DispatchError> {
        let endpoints = self.taking_part().await?;
        let common = Common {
            store: self.parts.store,
            clock: self.parts.clock,
            sender: self.parts.sender,
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            webhooks: self.parts.webhooks.into(),
            instruments: self.parts.instruments,
        };
        let health = common.store.webhook_health().await?;
        let lanes = endpoints.into_iter().map(|endpoint| {
            let past = Past::of(&endpoint, &health);
            (endpoint, past)
        });
        let mut running = Lanes::start(lanes, &common, drain.child_token());
        running.watch(&common.clock, &self.parts.progress).await
    }

    /// The webhooks that have a lane: those that the file enables and that are not disabled in the store.
    ///
    /// A disabled one takes part again once a person acted: its address is another one, or a
    /// start found it with `enabled = false` in the file.
    async fn taking_part(&self) -> Result<Vec<Endpoint>, DispatchError> {
        let disabled = self.parts.store.disabled_webhooks().await?;
        let mut taking_part = Vec::new();
        for endpoint in &self.endpoints {
            let webhook = endpoint.webhook();
            match disabled.iter().find(|d| d.webhook == webhook.id) {
                Some(record) if still_disabled(record, endpoint) => {
                    report::still_disabled(record);
                    self.note_disabled(record);
                    continue;
                }
                Some(record) => {
                    self.parts.store.enable_webhook(&webhook.id).await?;
                    report::enabled_again(record);
                }
                None => {}
            }
            if webhook.enabled {
                taking_part.push(endpoint.clone());
            }
        }
        Ok(taking_part)
    }
}

impl Dispatcher {
    fn note_disabled(&self, record: &DisabledWebhook) {
        let standing = Standing {
            state: LaneState::Disabled,
            since: Some(record.since),
            paused_until: None,
            last_error: Some(record.reason.clone()),
        };
        self.parts.instruments.board.note(&record.webhook, standing);
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

fn still_disabled(record: &DisabledWebhook, endpoint: &Endpoint) -> bool {
    endpoint.webhook().enabled && record.url_hash == endpoint.url_hash()
}

/// The lanes that run, and how to stop them.
struct Lanes {
    tasks: JoinSet<Result<(), StoreError>>,
    progress: Vec<Progress>,
    stop: CancellationToken,
}

impl Lanes {
    fn start(
        lanes: impl Iterator<Item = (Endpoint, Past)>,
        common: &Common,
        stop: CancellationToken,
    ) -> Self {
        let mut tasks = JoinSet::new();
        let mut progress = Vec::new();
        for (endpoint, past) in lanes {
            let beats = Progress::new(common.clock.clone());
            progress.push(beats.clone());
            let lane = Lane::new(endpoint, past, common.clone(), beats);
            tasks.spawn(lane.run(stop.clone()));
        }
        Self {
            tasks,
            progress,
            stop,
        }
    }

    /// Until every lane has ended; the first that fails stops the others.
    async fn watch(&mut self, clock: &Clock, progress: &Progress) -> Result<(), DispatchError> {
        let mut result = Ok(());
        loop {
            self.gather(clock, progress);
            let gather = clock.monotonic().saturating_add(GATHER);
            let ended = tokio::select! {
                Some(ended) = self.tasks.join_next() => ended,
                () = self.stop.cancelled(), if self.tasks.is_empty() => return result,
                () = clock.sleep_until(gather) => continue,
            };
            if let Err(error) = judge(ended, &self.stop) {
                self.stop.cancel();
                result = result.and(Err(error));
            }
        }
    }

    /// Without a lane there is nothing that could hang.
    fn gather(&self, clock: &Clock, progress: &Progress) {
        let furthest_behind = self.progress.iter().map(Progress::last).min();
        progress.beat_at(furthest_behind.unwrap_or_else(|| clock.monotonic()));
    }
}

/// Whether a lane may end like this: only after it was told to.
fn judge(
    ended: Result<Result<(), StoreError>, JoinError>,
    stop: &CancellationToken,
) -> Result<(), DispatchError> {
    match ended {
        Ok(Ok(())) if stop.is_cancelled() => Ok(()),
        Ok(Ok(())) => Err(DispatchError::Lane("it returned".to_owned())),
        Ok(Err(error)) => Err(error.into()),
        Err(error) => Err(DispatchError::Lane(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
