//! How one delivery is sent again: by this process, or by the daemon that has the store.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::store;
use crate::clock::Clock;
use crate::config::{Config, WebhookId};
use crate::store::log::{DeliveryFilter, DeliveryRecord, Replayed};
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::log::DeliveryLog;
use crate::store::sqlite::replay::Beside;
use crate::store::{Attempt, Store as _, StoreError};
use crate::webhook::{Endpoint, ErrorClass, Exchange, HttpSender, Outcome, Sender as _};

/// What came of one delivery.
pub(super) enum Came {
    /// A 2xx.
    Delivered,
    /// Anything else: why.
    Failed(String),
    /// The daemon has it.
    HandedOver,
    /// It is no more, or was settled meanwhile.
    Gone,
}

/// Who sends.
pub(super) enum Way {
    /// This process, which has the store.
    Send(Box<Sending>),
    /// The daemon, which has it.
    HandOver(Beside),
}

/// What sending takes.
pub(super) struct Sending {
    store: Sqlite,
    sender: HttpSender,
    endpoints: HashMap<WebhookId, Endpoint>,
}

impl Way {
    /// Takes the store if nobody has it.
    pub(super) fn open(config: &Config) -> anyhow::Result<Self> {
        let path = store(config);
        match Sqlite::open(path) {
            Ok(store) => Ok(Self::Send(Box::new(Sending::new(store, config)?))),
            Err(StoreError::Locked { .. }) => Ok(Self::HandOver(Beside::open(path)?)),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn has_daemon(&self) -> bool {
        matches!(self, Self::HandOver(_))
    }

    /// Sends one again, or has it sent; what came of it is stored when this returns.
    pub(super) async fn one(
        &mut self,
        record: &DeliveryRecord,
        log: &DeliveryLog,
        clock: &Clock,
    ) -> anyhow::Result<Came> {
        match self {
            Self::Send(sending) => sending.one(record, log, clock).await,
            Self::HandOver(beside) => {
                let only = DeliveryFilter {
                    // Not what the daemon has delivered since it was read.
                    statuses: vec![record.status],
                    ..DeliveryFilter::only(record.id)
                };
                let taken = beside.replay(only, 1, clock.now())?;
                let gone = taken.is_empty();
                Ok(if gone { Came::Gone } else { Came::HandedOver })
            }
        }
    }

    pub(super) async fn close(&self) -> Result<(), StoreError> {
        match self {
            Self::Send(sending) => sending.store.close().await,
            Self::HandOver(_) => Ok(()),
        }
    }
}

impl Sending {
    fn new(store: Sqlite, config: &Config) -> anyhow::Result<Self> {
        let endpoints = config.webhooks.iter().map(|webhook| {
            let endpoint = Endpoint::new(Arc::clone(webhook))?;
            Ok((webhook.id.clone(), endpoint))
        });
        Ok(Self {
            store,
            sender: HttpSender::new()?,
            endpoints: endpoints.collect::<anyhow::Result<_>>()?,
        })
    }

    async fn one(
        &self,
        record: &DeliveryRecord,
        log: &DeliveryLog,
        clock: &Clock,
    ) -> anyhow::Result<Came> {
        let endpoint = self.endpoints.get(&record.webhook);
        let (Some(endpoint), Some((body, _))) = (endpoint, log.detail(record.id)?) else {
            return Ok(Came::Gone);
        };
        let started_at = clock.now();
        let request = match endpoint.request(&record.event, &body, started_at) {
            Ok(request) => request,
            Err(error) => return Ok(Came::Failed(error.to_string())),
        };
        let start = clock.monotonic();
        let Exchange { reply, timing } = self.sender.send(request).await;
        let outcome = Outcome::of(reply, clock.now());
        let attempt = Attempt {
            started_at,
            timing,
            took: clock.monotonic().saturating_sub(start),
            status: outcome.status,
            error: outcome.error.map(ErrorClass::as_str),
            answer: outcome.answer,
        };
        let came = match attempt.error {
            None => Came::Delivered,
            Some(_) => Came::Failed(outcome.detail),
        };
        let replayed = Replayed {
            delivery: record.id,
            attempt,
            url_hash: endpoint.url_hash(),
        };
        self.store.replayed(replayed).await?;
        Ok(came)
    }
}
