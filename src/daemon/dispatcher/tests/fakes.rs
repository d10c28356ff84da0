//! A store in memory and a sender that does as it is told, for paused time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::WebhookId;
use crate::domain::event::InstallationId;
use crate::domain::{EventId, EventType, Timestamp};
use crate::store::log::DeliveryFilter;
use crate::store::streak::Streak;
use crate::store::{
    Change, Checkpoint, Delivery, DeliveryId, DisabledWebhook, Fate, PastStream, Settlement,
    Snapshot, Store, StoreError, WebhookHealth,
};
use crate::webhook::{Answer, Breakage, ErrorClass, Exchange, Reply, Request, Sender};

/// How a fake store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ill {
    Fails,
    Closed,
    Hangs,
    Panics,
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) webhook: WebhookId,
    pub(super) delivery: Delivery,
    /// `None` while pending.
    pub(super) end: Option<Fate>,
}

#[derive(Debug, Default)]
struct Book {
    rows: Vec<Row>,
    settlements: Vec<Settlement>,
    disabled: Vec<DisabledWebhook>,
    health: Vec<WebhookHealth>,
    reading: Option<Ill>,
    /// Webhooks for which reading fails otherwise than for the rest.
    reading_of: HashMap<WebhookId, Ill>,
    settling: Option<Ill>,
    reads: u64,
}

/// Deliveries in memory, by the contract of [`Store`].
#[derive(Debug)]
pub(super) struct FakeStore {
    installation: InstallationId,
    book: Mutex<Book>,
    outbox: watch::Sender<u64>,
}

impl FakeStore {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            installation: InstallationId::from_bytes([1; 16]),
            book: Mutex::default(),
            outbox: watch::Sender::new(0),
        })
    }

    /// One delivery of event `creator/number` that nobody is told of.
    pub(super) fn add_silently(&self, webhook: &str, creator: &str, number: u32, at: Timestamp) {
        let mut book = self.book.lock().unwrap();
        let id = DeliveryId(i64::try_from(book.rows.len()).unwrap() + 1);
        let delivery = Delivery {
            id,
            event: EventId::from_stored(format!("{creator}/{number}")),
            kind: EventType::StreamStarted,
            creator: (creator != "monitor").then(|| creator.parse().unwrap()),
            body: format!("{{\"n\":{number}}}"),
            event_at: at,
            attempts: 0,
            spared: 0,
            replay_of: None,
            due_at: at,
        };
        book.rows.push(Row {
            webhook: webhook.into(),
            delivery,
            end: None,
        });
    }

    pub(super) fn add(&self, webhook: &str, creator: &str, number: u32, at: Timestamp) {
        self.add_silently(webhook, creator, number, at);
        self.outbox.send_modify(|n| *n += 1);
    }

    pub(super) fn reading(&self, ill: Option<Ill>) {
        self.book.lock().unwrap().reading = ill;
    }

    pub(super) fn reading_of(&self, webhook: &str, ill: Ill) {
        self.book
            .lock()
            .unwrap()
            .reading_of
            .insert(webhook.into(), ill);
    }

    pub(super) fn settling(&self, ill: Option<Ill>) {
        self.book.lock().unwrap().settling = ill;
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        self.book.lock().unwrap().rows.clone()
    }

    pub(super) fn ends(&self) -> Vec<Option<Fate>> {
        self.rows().into_iter().map(|row| row.end).collect()
    }

    pub(super) fn settlements(&self) -> Vec<Settlement> {
        self.book.lock().unwrap().settlements.clone()
    }

    pub(super) fn disabled(&self) -> Vec<DisabledWebhook> {
        self.book.lock().unwrap().disabled.clone()
    }

    /// How often the queue was read.
    pub(super) fn reads(&self) -> u64 {
        self.book.lock().unwrap().reads
    }

    /// The first pending delivery of each creator.
    fn heads(&self, webhook: &WebhookId) -> Vec<Delivery> {
        let book = self.book.lock().unwrap();
        let mut heads: Vec<Delivery> = Vec::new();
        for row in &book.rows {
            let head = !heads.iter().any(|h| h.creator == row.delivery.creator);
            if row.webhook == *webhook && row.end.is_none() && head {
                heads.push(row.delivery.clone());
            }
        }
        heads.sort_by_key(|h| h.due_at);
        heads
    }

    async fn read(&self, webhook: &WebhookId) -> Result<(), StoreError> {
        let ill = {
            let mut book = self.book.lock().unwrap();
            book.reads += 1;
            book.reading_of.get(webhook).copied().or(book.reading)
        };
        suffer(ill).await
    }
}

async fn suffer(ill: Option<Ill>) -> Result<(), StoreError> {
    match ill {
        None => Ok(()),
        Some(Ill::Fails) => Err(StoreError::Failed {
            doing: "answer",
            reason: "disk full".to_owned(),
        }),
        Some(Ill::Closed) => Err(StoreError::Closed),
        Some(Ill::Hangs) => std::future::pending().await,
        Some(Ill::Panics) => panic!("a fault in the store"),
    }
}

#[async_trait]
impl Store for FakeStore {
    fn installation(&self) -> &InstallationId {
        &self.installation
    }

    async fn load(&self) -> Result<Snapshot, StoreError> {
        unreachable!("not the dispatcher's business")
    }

    async fn commit(&self, _: Change) -> Result<(), StoreError> {
        unreachable!("not the dispatcher's business")
    }

    async fn past_streams(&self) -> Result<Vec<PastStream>, StoreError> {
        unreachable!("the dispatcher learns nothing")
    }

    async fn checkpoint(&self, _: Checkpoint) -> Result<(), StoreError> {
        unreachable!("not the dispatcher's business")
    }

    async fn due(
        &self,
        webhook: &WebhookId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.read(webhook).await?;
        let mut due = self.heads(webhook);
        due.retain(|d| d.due_at <= now);
        due.truncate(limit);
        Ok(due)
    }

    async fn next_due_at(&self, webhook: &WebhookId) -> Result<Option<Timestamp>, StoreError> {
        self.read(webhook).await?;
        Ok(self.heads(webhook).first().map(|d| d.due_at))
    }

    async fn pending(&self) -> Result<u64, StoreError> {
        let book = self.book.lock().unwrap();
        let pending = book.rows.iter().filter(|row| row.end.is_none());
        Ok(pending.count() as u64)
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let ill = self.book.lock().unwrap().settling;
        suffer(ill).await?;
        let mut book = self.book.lock().unwrap();
        let found = book
            .rows
            .iter_mut()
            .find(|r| r.delivery.id == settlement.delivery);
        let row = found.expect("an unknown delivery was settled");
        assert_eq!(row.end, None, "{:?} was settled twice", row.delivery.event);
        row.delivery.attempts += u32::from(settlement.attempt.is_some());
        match settlement.fate {
            Fate::Retry(at) => row.delivery.due_at = at,
            end => row.end = Some(end),
        }
        let webhook = row.webhook.clone();
        if let Some(attempt) = &settlement.attempt {
            if !book.health.iter().any(|known| known.webhook == webhook) {
                book.health.push(WebhookHealth {
                    webhook: webhook.clone(),
                    url_hash: settlement.url_hash.clone(),
                    streak: Streak::default(),
                    paused_until: None,
                });
            }
            let mut health = book.health.iter_mut();
            let known = health.find(|known| known.webhook == webhook).unwrap();
            known
                .streak
                .take(attempt.ended_at(), attempt.error.is_none());
            known.paused_until = settlement.paused_until.or(known.paused_until);
        }
        book.disabled.extend(settlement.disable.clone());
        book.settlements.push(settlement);
        Ok(())
    }

    async fn replay(
        &self,
        _: DeliveryFilter,
        _: usize,
        _: Timestamp,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        unreachable!("a person's business")
    }

    async fn pull_in(
        &self,
        webhook: &WebhookId,
        now: Timestamp,
        longest: Vec<Duration>,
    ) -> Result<usize, StoreError> {
        let mut moved = 0;
        for row in &mut self.book.lock().unwrap().rows {
            let made = usize::try_from(row.delivery.counted_attempts()).unwrap();
            let latest = now.plus(longest[made.min(longest.len() - 1)]);
            if row.webhook == *webhook && row.end.is_none() && row.delivery.due_at > latest {
                row.delivery.due_at = latest;
                moved += 1;
            }
        }
        Ok(moved)
    }

    async fn disabled_webhooks(&self) -> Result<Vec<DisabledWebhook>, StoreError> {
        Ok(self.disabled())
    }

    async fn webhook_health(&self) -> Result<Vec<WebhookHealth>, StoreError> {
        Ok(self.book.lock().unwrap().health.clone())
    }

    async fn enable_webhook(&self, webhook: &WebhookId) -> Result<(), StoreError> {
        self.book
            .lock()
            .unwrap()
            .disabled
            .retain(|d| d.webhook != *webhook);
        Ok(())
    }

    async fn prune(&self, _: crate::store::Expired, _: usize) -> Result<usize, StoreError> {
        unreachable!("not the dispatcher's business")
    }

    fn outbox(&self) -> watch::Receiver<u64> {
        self.outbox.subscribe()
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What becomes of one request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Answer(u16),
    /// With `Retry-After`.
    Later(u16, &'static str),
    Slowly(Duration, u16),
    Break(ErrorClass),
    Hang,
    Panic,
}

/// One request as the sender saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    /// The host of the address: the webhook's id in these tests.
    pub(super) webhook: String,
    /// `creator/number`
    pub(super) event: String,
    /// Which attempt of this event at this webhook, from 1.
    pub(super) attempt: u32,
    /// Monotonic.
    pub(super) at: Duration,
    pub(super) timestamp: i64,
    pub(super) genuine: bool,
}

type Script = Box<dyn Fn(&Sent) -> Act + Send + Sync>;

#[derive(Default)]
struct Seen {
    sent: Vec<Sent>,
    attempts: HashMap<(String, String), u32>,
    under_way: usize,
    most_under_way: usize,
}

/// Does as the script says.
pub(super) struct FakeSender {
    clock: Clock,
    script: Mutex<Script>,
    seen: Mutex<Seen>,
}

impl FakeSender {
    pub(super) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            script: Mutex::new(Box::new(|_| Act::Answer(204))),
            seen: Mutex::default(),
        })
    }

    pub(super) fn script(&self, script: impl Fn(&Sent) -> Act + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    pub(super) fn sent(&self) -> Vec<Sent> {
        self.seen.lock().unwrap().sent.clone()
    }

    /// `creator/number` of every request, in order.
    pub(super) fn events(&self) -> Vec<String> {
        self.sent().into_iter().map(|s| s.event).collect()
    }

    pub(super) fn most_under_way(&self) -> usize {
        self.seen.lock().unwrap().most_under_way
    }

    fn record(&self, request: &Request) -> Sent {
        let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
        let webhook = request.url.host_str().unwrap().to_owned();
        let event = header("webhook-id");
        let timestamp = header("webhook-timestamp").parse().unwrap();
        let key: crate::domain::signature::SigningKey =
            crate::webhook::request::tests::SECRET.parse().unwrap();
        let genuine = key.verifies(
            &event,
            timestamp,
            &request.body,
            &header("webhook-signature"),
        );
        let mut seen = self.seen.lock().unwrap();
        let attempts = seen
            .attempts
            .entry((webhook.clone(), event.clone()))
            .or_default();
        *attempts += 1;
        let sent = Sent {
            webhook,
            event,
            attempt: *attempts,
            at: self.clock.monotonic(),
            timestamp,
            genuine,
        };
        seen.sent.push(sent.clone());
        seen.under_way += 1;
        seen.most_under_way = seen.most_under_way.max(seen.under_way);
        sent
    }
}

/// Counts a request until its answer, also when it is cut off.
struct UnderWay<'a>(&'a FakeSender);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Ok(mut seen) = self.0.seen.lock() {
            seen.under_way -= 1;
        }
    }
}

#[async_trait]
impl Sender for FakeSender {
    async fn send(&self, request: Request) -> Exchange {
        let sent = self.record(&request);
        let _under_way = UnderWay(self);
        let act = (self.script.lock().unwrap())(&sent);
        let (status, retry_after) = match act {
            Act::Answer(status) => (status, None),
            Act::Later(status, text) => (status, Some(text.to_owned())),
            Act::Slowly(wait, status) => {
                tokio::time::sleep(wait).await;
                (status, None)
            }
            Act::Break(class) => {
                let broken = Breakage {
                    class,
                    detail: "broken by the script".to_owned(),
                    status: None,
                    body: Vec::new(),
                };
                return Reply::Broken(broken).into();
            }
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("a fault in the sender"),
        };
        let answer = Answer {
            status,
            retry_after,
            ..Answer::default()
        };
        Reply::Answered(answer).into()
    }
}

impl fmt::Debug for FakeSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeSender")
    }
}
