//! One attempt as a chain of types: claimed, sent, concluded, decided. Pure but for [`Claimed::send`].
//!
//! Each step consumes the one before, so nothing is settled that has no outcome and no
//! delivery is sent twice by one claim. Random fractions and times are arguments.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::clock::Clock;
use crate::config::Webhook;
use crate::domain::{Timestamp, Timing};
use crate::store::streak::DISABLED_AFTER;
use crate::store::{Attempt, Delivery, DisabledWebhook, Fate, Settlement};
use crate::webhook::outcome::{ErrorClass, FEW_ATTEMPTS, Outcome, Verdict};
use crate::webhook::{Breakage, Endpoint, Exchange, FormatError, Reply, Sender};

/// A delivery whose turn it is, and which nobody else sends.
#[derive(Debug)]
pub(super) struct Claimed(Delivery);

/// An attempt that has ended, well or badly.
#[derive(Debug)]
pub(super) struct Concluded {
    delivery: Delivery,
    started_at: Timestamp,
    took: Duration,
    ended_at: Timestamp,
    timing: Timing,
    outcome: Outcome,
}

/// What is to be stored of a delivery, and what its lane learns from it.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) delivery: Delivery,
    pub(super) settlement: Settlement,
    /// How long the whole lane leaves the receiver alone.
    pub(super) pause: Option<Duration>,
    /// Why the attempt failed, for a person; empty if it did not, or if none was made.
    pub(super) detail: String,
}

impl Claimed {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self(delivery)
    }

    /// Settles the delivery unsent if it is too old to be worth sending.
    pub(super) fn unless_expired(
        self,
        endpoint: &Endpoint,
        now: Timestamp,
    ) -> Result<Self, Box<Decision>> {
        if !expired(endpoint.webhook(), &self.0, now) {
            return Ok(self);
        }
        Err(Box::new(Decision {
            settlement: Settlement {
                delivery: self.0.id,
                attempt: None,
                fate: Fate::Expired,
                disable: None,
                url_hash: endpoint.url_hash(),
                paused_until: None,
                alerts: Vec::new(),
            },
            delivery: self.0,
            pause: None,
            detail: String::new(),
        }))
    }

    /// Signs, sends and reads the answer. A panic on the way is a failed attempt.
    pub(super) async fn send(
        self,
        endpoint: &Endpoint,
        sender: &dyn Sender,
        clock: &Clock,
    ) -> Concluded {
        let delivery = self.0;
        let started_at = clock.now();
        let start = clock.monotonic();
        let exchange = async {
            match endpoint.request(&delivery.event, &delivery.body, started_at) {
                Ok(request) => sender.send(request).await,
                Err(error) => unwritable(&error).into(),
            }
        };
        // What the panic leaves behind is dropped here: the request and the sender's own state.
        let ended = AssertUnwindSafe(exchange).catch_unwind().await;
        let ended_at = clock.now();
        let Exchange { reply, timing } = ended.unwrap_or_else(|_| panicked().into());
        let outcome = Outcome::of(reply, ended_at);
        Concluded {
            delivery,
            started_at,
            took: clock.monotonic().saturating_sub(start),
            ended_at,
            timing,
            outcome,
        }
    }
}

/// Nothing was sent. It is tried again: a person may mend the template and start anew.
fn unwritable(error: &FormatError) -> Reply {
    Reply::Broken(Breakage {
        class: ErrorClass::Format,
        detail: error.to_string(),
        status: None,
        body: Vec::new(),
    })
}

/// The closed set of classes has none for our own faults: nothing came of the exchange, so it broke off.
fn panicked() -> Reply {
    Reply::Broken(Breakage {
        class: ErrorClass::Reset,
        detail: "the attempt panicked: a fault in tallylight, please report it".to_owned(),
        status: None,
        body: Vec::new(),
    })
}

impl Concluded {
    /// What becomes of the delivery, its lane and its webhook; `random` in `[0, 1)` spreads the next attempt.
    pub(super) fn decide(self, endpoint: &Endpoint, random: f64) -> Decision {
        let webhook = endpoint.webhook();
        let fate = self.fate(webhook, random);
        let verdict = self.outcome.verdict;
        let disable = (verdict == Verdict::Gone).then(|| DisabledWebhook {
            webhook: webhook.id.clone(),
            since: self.ended_at,
            url_hash: endpoint.url_hash(),
            reason: "the receiver answered 410 Gone".to_owned(),
        });
        let pause = lane_pause(webhook, verdict);
        let attempt = Attempt {
            started_at: self.started_at,
            took: self.took,
            timing: self.timing,
            status: self.outcome.status,
            error: self.outcome.error.map(ErrorClass::as_str),
            answer: self.outcome.answer,
        };
        Decision {
            settlement: Settlement {
                delivery: self.delivery.id,
                attempt: Some(attempt),
                fate,
                disable,
                url_hash: endpoint.url_hash(),
                paused_until: pause.map(|pause| self.ended_at.plus(pause)),
                alerts: Vec::new(),
            },
            delivery: self.delivery,
            pause,
            detail: self.outcome.detail,
        }
    }

    fn fate(&self, webhook: &Webhook, random: f64) -> Fate {
        let made = self.delivery.counted_attempts().saturating_add(1);
        let scheduled = webhook.retry.delay(made, random);
        // A replay must not hold back for days what has happened since.
        let replay = self.delivery.replay_of.is_some();
        let scheduled = scheduled.filter(|_| !replay || made < FEW_ATTEMPTS);
        let wait = match self.outcome.verdict {
            Verdict::Delivered => return Fate::Delivered,
            Verdict::RetryLimited => scheduled.filter(|_| made < FEW_ATTEMPTS),
            Verdict::PauseLane(pause) => scheduled.map(|wait| wait.max(pause)),
            // With the webhook disabled the delivery is parked: still the first of its creator.
            Verdict::Gone | Verdict::Retry => scheduled,
        };
        let Some(wait) = wait else {
            return Fate::Failed;
        };
        let next = self.ended_at.plus(wait);
        // Waiting for an attempt that will not be made would only block what comes behind.
        if expired(webhook, &self.delivery, next) {
            Fate::Expired
        } else {
            Fate::Retry(next)
        }
    }
}

/// Why `endpoint` takes no further part after five days of failures, the last of them `detail`.
pub(super) fn given_up(endpoint: &Endpoint, at: Timestamp, detail: &str) -> DisabledWebhook {
    let hours = DISABLED_AFTER.as_secs() / 3_600;
    DisabledWebhook {
        webhook: endpoint.webhook().id.clone(),
        since: at,
        url_hash: endpoint.url_hash(),
        reason: format!("no 2xx for {hours} hours; the last attempt: {detail}"),
    }
}

/// Whether it is too old to be sent by itself; what a person asks for is never too old.
fn expired(webhook: &Webhook, delivery: &Delivery, now: Timestamp) -> bool {
    let age = now.since(delivery.event_at);
    delivery.replay_of.is_none() && webhook.max_age.is_some_and(|max_age| age > max_age)
}

/// What the receiver asked for, and never less than the schedule's first wait.
///
/// The schedule's later waits bind the delivery alone: an old delivery at its tenth attempt
/// must not silence the lane for hours.
fn lane_pause(webhook: &Webhook, verdict: Verdict) -> Option<Duration> {
    let Verdict::PauseLane(asked) = verdict else {
        return None;
    };
    let first = webhook.retry.waits().first().copied();
    Some(asked.max(first.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
