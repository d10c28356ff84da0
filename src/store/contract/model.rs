//! Random interleavings of commits, attempts and time, against a model of a few lines.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

use super::Ground;
use super::stage::{Actor, at, degraded_event, settlement, told, webhook};
use crate::domain::{EventId, Timestamp};
use crate::store::log::DeliveryFilter;
use crate::store::{Change, Delivery, DeliveryId, Fate, Store};

const WEBHOOKS: [&str; 3] = ["a", "b", "c"];
const CREATORS: [&str; 3] = ["ada", "bob", "cleo"];

/// What can happen.
#[derive(Debug, Clone)]
enum Happening {
    /// The creator changes, or (at the end of the list) the monitor speaks; heard by a subset of the webhooks.
    Change { creator: usize, heard_by: u8 },
    /// One of the due deliveries of a webhook is tried.
    Attempt {
        webhook: usize,
        which: prop::sample::Index,
        fate: Outcome,
    },
    /// One of those that ended is asked for again.
    Replay(prop::sample::Index),
    /// Seconds pass.
    Time(i64),
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Delivered,
    Failed,
    Expired,
    RetryAfter(i64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let fate = prop_oneof![
        3 => Just(Outcome::Delivered),
        1 => Just(Outcome::Failed),
        1 => Just(Outcome::Expired),
        3 => (1_i64..20).prop_map(Outcome::RetryAfter),
    ];
    prop_oneof![
        3 => (0..=CREATORS.len(), 0_u8..8)
            .prop_map(|(creator, heard_by)| Happening::Change { creator, heard_by }),
        4 => (0..WEBHOOKS.len(), any::<prop::sample::Index>(), fate)
            .prop_map(|(webhook, which, fate)| Happening::Attempt { webhook, which, fate }),
        1 => any::<prop::sample::Index>().prop_map(Happening::Replay),
        1 => (1_i64..15).prop_map(Happening::Time),
    ]
}

/// One pending delivery, in the order in which they were stored.
#[derive(Debug, Clone)]
struct Pending {
    number: usize,
    webhook: usize,
    creator: usize,
    event: EventId,
    attempts: u32,
    due_at: Timestamp,
}

/// What a caller sees of a delivery.
type Seen = (EventId, u32, Timestamp);

#[derive(Debug, Default)]
struct Model {
    pending: Vec<Pending>,
    /// With the numbers that the store gave them.
    ended: Vec<(DeliveryId, Pending)>,
    stored: usize,
    second: i64,
}

impl Model {
    /// Indices of the heads of `webhook`'s lines, soonest due first.
    fn heads(&self, webhook: usize) -> Vec<usize> {
        let mut lines = Vec::new();
        let mut heads = Vec::new();
        for (index, pending) in self.pending.iter().enumerate() {
            if pending.webhook == webhook && !lines.contains(&pending.creator) {
                lines.push(pending.creator);
                heads.push(index);
            }
        }
        heads.sort_by_key(|&index| (self.pending[index].due_at, index));
        heads
    }

    fn due(&self, webhook: usize) -> Vec<usize> {
        let mut heads = self.heads(webhook);
        heads.retain(|&index| self.pending[index].due_at <= at(self.second));
        heads
    }

    fn seen(&self, index: usize) -> Seen {
        let pending = &self.pending[index];
        (pending.event.clone(), pending.attempts, pending.due_at)
    }
}

/// A store and what it should look like.
struct Pair {
    store: Arc<dyn Store>,
    model: Model,
    actors: Vec<Actor>,
}

impl Pair {
    async fn change(&mut self, creator: usize, heard_by: u8) {
        let second = self.model.second;
        let mut change: Change = match self.actors.get_mut(creator) {
            Some(actor) if actor.row.state.live().is_some() => actor.offline(second),
            Some(actor) => actor.live(second.unsigned_abs(), second),
            None => told(degraded_event(second, &[])),
        };
        let hears = |index: &usize| heard_by & (1 << index) != 0;
        let listeners: Vec<usize> = (0..WEBHOOKS.len()).filter(hears).collect();
        for outgoing in &mut change.events {
            outgoing.webhooks = listeners.iter().map(|&i| webhook(WEBHOOKS[i])).collect();
            for &webhook in &listeners {
                self.model.stored += 1;
                self.model.pending.push(Pending {
                    number: self.model.stored,
                    webhook,
                    creator,
                    event: outgoing.event.id.clone(),
                    attempts: 0,
                    due_at: outgoing.event.at,
                });
            }
        }
        self.store.commit(change).await.unwrap();
        // Each change at a second of its own, so that no two events are the same.
        self.model.second += 1;
    }

    async fn attempt(&mut self, webhook: usize, which: prop::sample::Index, outcome: Outcome) {
        let due = self.model.due(webhook);
        let found = self.due(webhook).await;
        if due.is_empty() {
            return;
        }
        let chosen = which.index(due.len());
        let second = self.model.second;
        let fate = match outcome {
            Outcome::Delivered => Fate::Delivered,
            Outcome::Failed => Fate::Failed,
            Outcome::Expired => Fate::Expired,
            Outcome::RetryAfter(wait) => Fate::Retry(at(second + wait)),
        };
        let settled = settlement(&found[chosen].0, fate, second);
        self.store.settle(settled).await.unwrap();
        self.model.pending[due[chosen]].attempts += 1;
        if let Fate::Retry(later) = fate {
            self.model.pending[due[chosen]].due_at = later;
        } else {
            let ended = self.model.pending.remove(due[chosen]);
            self.model.ended.push((found[chosen].0.id, ended));
        }
    }

    async fn replay(&mut self, which: prop::sample::Index) {
        if self.model.ended.is_empty() {
            return;
        }
        let chosen = which.index(self.model.ended.len());
        let (id, mut again) = self.model.ended.remove(chosen);
        let only = DeliveryFilter {
            id: Some(id),
            ..DeliveryFilter::default()
        };
        again.due_at = at(self.model.second);
        let replayed = self.store.replay(only, 9, again.due_at).await.unwrap();
        assert_eq!(replayed, [id]);
        self.model.pending.push(again);
        self.model.pending.sort_by_key(|pending| pending.number);
    }

    async fn due(&self, index: usize) -> Vec<(Delivery, Seen)> {
        let now = at(self.model.second);
        let id = webhook(WEBHOOKS[index]);
        let due = self.store.due(&id, now, 100).await.unwrap();
        let seen = |d: &Delivery| (d.event.clone(), d.attempts, d.due_at);
        due.into_iter().map(|d| (d.clone(), seen(&d))).collect()
    }

    async fn compare(&self) -> TestCaseResult {
        for (index, name) in WEBHOOKS.iter().enumerate() {
            let found = self.due(index).await;
            let found: Vec<Seen> = found.into_iter().map(|(_, seen)| seen).collect();
            let expected = self.model.due(index);
            let expected: Vec<Seen> = expected.iter().map(|&i| self.model.seen(i)).collect();
            prop_assert_eq!(found, expected, "due of {}", name);
            let next = self.store.next_due_at(&webhook(name)).await;
            let heads = self.model.heads(index);
            let soonest = heads.first().map(|&i| self.model.pending[i].due_at);
            prop_assert_eq!(next.unwrap(), soonest);
        }
        Ok(())
    }
}

async fn follow(ground: impl Ground, happenings: Vec<Happening>) -> TestCaseResult {
    let mut pair = Pair {
        store: ground.open().await,
        model: Model::default(),
        actors: CREATORS.map(|name| Actor::new(name, &[])).to_vec(),
    };
    for happening in happenings {
        match happening {
            Happening::Change { creator, heard_by } => pair.change(creator, heard_by).await,
            Happening::Attempt {
                webhook,
                which,
                fate,
            } => pair.attempt(webhook, which, fate).await,
            Happening::Replay(which) => pair.replay(which).await,
            Happening::Time(seconds) => pair.model.second += seconds,
        }
        pair.compare().await?;
    }
    pair.store.close().await.unwrap();
    Ok(())
}

pub(crate) fn deliveries_follow_the_model<G: Ground>(ground: fn() -> G) {
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    let happenings = prop::collection::vec(happening(), 1..60);
    let checked = runner.run(&happenings, |happenings| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(follow(ground(), happenings))
    });
    checked.unwrap();
}
