//! A webhook receiver as a careful user would write one: it verifies, remembers and answers.
//!
//! It records every delivery in the order of arrival, before it answers, right or wrong.
//! What it answers is set from outside, also while it runs. It knows nothing of the sender
//! but the keys.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::wire::{Reply, Request, Wire};
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::domain::signature::SigningKey;

/// Deliveries kept; later ones are answered and counted only.
pub const MAX_RECORDED: usize = 100_000;

/// How far a timestamp may be from now: what Standard Webhooks' own libraries allow.
const TOLERANCE: Duration = Duration::from_mins(5);

/// A receiver that is running. Dropping it stops it.
#[derive(Debug)]
pub struct Receiver {
    wire: Wire,
    desk: Arc<Desk>,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// When it had arrived whole, by the receiver's clock.
    pub at: Timestamp,
    /// The same on the clock's monotonic side.
    pub at_monotonic: Duration,
    /// The path and query that were asked for.
    pub target: String,
    /// As sent; names are lower-case.
    pub headers: HeaderMap,
    /// As sent, byte for byte.
    pub body: Bytes,
    /// Whether it is what it says it is.
    pub verdict: Verdict,
}

/// What Standard Webhooks' rules say of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Signed by one of the keys, just now.
    Genuine,
    /// `webhook-id`, `webhook-timestamp` or `webhook-signature` is missing or unreadable.
    Unsigned,
    /// No signature is by one of the keys.
    Forged,
    /// Rightly signed, more than five minutes from now.
    Stale,
}

impl Received {
    /// A header as text; `None` if it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `webhook-id`: the event's id.
    pub fn id(&self) -> Option<&str> {
        self.header("webhook-id")
    }

    /// The body as JSON; `None` if it is none.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// `type` of the body.
    pub fn event_type(&self) -> Option<String> {
        self.json()?.get("type")?.as_str().map(str::to_owned)
    }
}

impl Receiver {
    /// Listens on `listener` for deliveries signed by any of `keys`; answers 204 until told otherwise.
    pub fn start(listener: TcpListener, keys: Vec<SigningKey>, clock: Clock) -> io::Result<Self> {
        let desk = Arc::new(Desk {
            keys,
            clock,
            arrived: watch::Sender::new(0),
            book: Mutex::new(Book::default()),
        });
        let at_desk = Arc::clone(&desk);
        let wire = Wire::start(listener, move |request| {
            std::future::ready(at_desk.take(request))
        })?;
        Ok(Self { wire, desk })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        self.wire.url()
    }

    /// The server underneath, for its counters.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// From now on answers `reply` to everything that [`Receiver::answer_next`] does not cover.
    pub fn answer_with(&self, reply: Reply) {
        self.answer_by(move |_| reply.clone());
    }

    /// From now on answers what `choose` says; it must not call this receiver.
    pub fn answer_by(&self, choose: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
        self.desk.book().choose = Some(Arc::new(choose));
    }

    /// Queues `reply` for one delivery, after those queued before.
    pub fn answer_next(&self, reply: Reply) {
        self.desk.book().next.push_back(reply);
    }

    /// Every delivery so far, in the order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.desk.book().received.clone()
    }

    /// How many deliveries came so far.
    pub fn count(&self) -> usize {
        *self.desk.arrived.borrow()
    }

    /// Waits until at least `count` deliveries came, and gives all of them.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let mut arrived = self.desk.arrived.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = arrived.wait_for(|so_far| *so_far >= count).await;
        self.received()
    }

    /// Waits until `enough` holds of the deliveries so far, and gives all of them.
    pub async fn wait_until(&self, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let mut arrived = self.desk.arrived.subscribe();
        let _ = arrived
            .wait_for(|_| enough(&self.desk.book().received))
            .await;
        self.received()
    }

    /// Breaks every connection and returns once the port is free, with every delivery that came.
    pub async fn stop(self) -> Vec<Received> {
        self.wire.stop().await;
        self.desk.book().received.clone()
    }
}

/// Where deliveries are taken in.
#[derive(Debug)]
struct Desk {
    keys: Vec<SigningKey>,
    clock: Clock,
    arrived: watch::Sender<usize>,
    book: Mutex<Book>,
}

type Choose = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

#[derive(Default)]
struct Book {
    received: Vec<Received>,
    next: VecDeque<Reply>,
    choose: Option<Choose>,
}

impl Desk {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, request: Request) -> Reply {
        let received = self.read(request);
        let mut book = self.book();
        let queued = book.next.pop_front();
        let choose = book.choose.clone();
        if book.received.len() < MAX_RECORDED {
            book.received.push(received.clone());
        }
        drop(book);
        self.arrived.send_modify(|count| *count += 1);
        queued
            .or_else(|| choose.map(|choose| choose(&received)))
            .unwrap_or_else(|| Reply::status(StatusCode::NO_CONTENT))
    }

    fn read(&self, request: Request) -> Received {
        let at = self.clock.now();
        let query = request.query.map(|query| format!("?{query}"));
        Received {
            at,
            at_monotonic: self.clock.monotonic(),
            target: request.path + query.as_deref().unwrap_or_default(),
            verdict: verdict(&self.keys, &request.headers, &request.body, at),
            headers: request.headers,
            body: request.body,
        }
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("received", &self.received.len())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Whether one of `keys` signed `body` within five minutes of `now`.
pub fn verdict(keys: &[SigningKey], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Verdict {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(signature)) = (text("webhook-id"), text("webhook-signature")) else {
        return Verdict::Unsigned;
    };
    let Some(sent_at) = text("webhook-timestamp").and_then(|at| at.parse::<i64>().ok()) else {
        return Verdict::Unsigned;
    };
    let by = |key: &SigningKey| key.verifies(id, sent_at, body, signature);
    let away = now.as_seconds().abs_diff(sent_at);
    if !keys.iter().any(by) {
        Verdict::Forged
    } else if away > TOLERANCE.as_secs() {
        Verdict::Stale
    } else {
        Verdict::Genuine
    }
}

#[cfg(test)]
mod tests;
