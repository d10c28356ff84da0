//! What the loops write down for whoever looks at the daemon: metrics, changes, lanes.
//!
//! Writing never waits and never fails; nothing here decides anything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{Webhook, WebhookId};
use crate::domain::Timestamp;
use crate::metrics::Metrics;
use crate::web::monitor::Changes;
use crate::web::views::{LaneState, Reload};

/// Handed to every loop; clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Instruments {
    /// Counters and histograms.
    pub metrics: Metrics,
    /// What happens, for event streams.
    pub changes: Changes,
    /// How each webhook fares.
    pub board: Board,
    /// How the last load of the configuration went.
    pub reloads: Reloads,
}

/// How one webhook fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// In one word.
    pub state: LaneState,
    /// The first failure since the last 2xx, or since when it is disabled.
    pub since: Option<Timestamp>,
    /// The receiver asked to be left alone until then.
    pub paused_until: Option<Timestamp>,
    /// Why the last attempt failed, printable.
    pub last_error: Option<String>,
}

/// Every webhook of the configuration and its standing; the dispatcher writes, anybody reads.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<Vec<Place>>>);

/// One webhook's place on the [`Board`].
#[derive(Debug, Clone)]
pub struct Place {
    /// Which one.
    pub webhook: WebhookId,
    /// Whether the configuration lets it take part.
    pub enabled: bool,
    /// How it fares.
    pub standing: Standing,
}

impl Board {
    /// Notes how `webhook` fares from now on; one that has left the configuration is ignored.
    pub fn note(&self, webhook: &WebhookId, standing: Standing) {
        let mut places = self.locked();
        if let Some(place) = places.iter_mut().find(|place| place.webhook == *webhook) {
            place.standing = standing;
        }
    }

    /// Every webhook, in the order of the configuration.
    pub fn places(&self) -> Vec<Place> {
        self.locked().clone()
    }

    /// Makes these the webhooks, each standing as it did; returns those that left.
    fn set(&self, webhooks: &[Arc<Webhook>]) -> Vec<WebhookId> {
        let mut places = self.locked();
        let mut before = std::mem::take(&mut *places);
        for webhook in webhooks {
            let known = before.iter().position(|place| place.webhook == webhook.id);
            places.push(Place {
                webhook: Arc::clone(&webhook.id),
                enabled: webhook.enabled,
                standing: known
                    .map(|at| before.swap_remove(at).standing)
                    .unwrap_or_default(),
            });
        }
        before.into_iter().map(|place| place.webhook).collect()
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the last load of the configuration went; the reload writes, anybody reads.
#[derive(Debug, Clone, Default)]
pub struct Reloads(Arc<Mutex<Option<Reload>>>);

impl Reloads {
    /// Notes how a load went.
    pub fn note(&self, reload: Reload) {
        *self.locked() = Some(reload);
    }

    /// The last load, `None` before the first.
    pub fn last(&self) -> Option<Reload> {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Option<Reload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instruments {
    /// The configuration was accepted at `at`, at the start or by a reload, with these webhooks.
    ///
    /// To be called before lanes of new webhooks begin: what is noted of others is ignored.
    pub fn config_accepted(&self, at: Timestamp, webhooks: &[Arc<Webhook>]) {
        for left in self.board.set(webhooks) {
            self.metrics.webhook_leaves(&left);
        }
        for webhook in webhooks {
            self.metrics.webhook_joins(&webhook.id);
        }
        self.metrics.config_accepted(at.as_seconds());
        self.reloads.note(Reload {
            successful: true,
            at,
            problem: None,
        });
    }

    /// A changed configuration was refused at `at`; `problem` is printable and holds no secret.
    pub fn config_refused(&self, at: Timestamp, problem: String) {
        self.metrics.config_refused();
        self.reloads.note(Reload {
            successful: false,
            at,
            problem: Some(problem),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::DeliveryOutcome;

    const NOW: Timestamp = Timestamp::from_millis(1_772_217_402_000);

    fn webhooks(ids: &[&str]) -> Vec<Arc<Webhook>> {
        let webhook = |id: &&str| Webhook {
            id: (*id).into(),
            ..Webhook::default()
        };
        ids.iter().map(webhook).map(Arc::new).collect()
    }

    #[test]
    fn a_webhook_keeps_its_standing_over_a_reload_and_takes_its_series_along_when_it_leaves() {
        let instruments = Instruments::default();
        instruments.config_accepted(NOW, &webhooks(&["a", "b"]));
        let failing = Standing {
            state: LaneState::Failing,
            ..Standing::default()
        };
        instruments.board.note(&"a".into(), failing.clone());
        instruments.board.note(&"c".into(), failing.clone());
        instruments.config_accepted(NOW, &webhooks(&["c", "a"]));
        let places = instruments.board.places();
        let seen: Vec<_> = places.iter().map(|p| (&*p.webhook, &p.standing)).collect();
        assert_eq!(seen, [("c", &Standing::default()), ("a", &failing)]);
        // A late attempt of one that left brings nothing back.
        let metrics = &instruments.metrics;
        metrics.attempted("b", DeliveryOutcome::Delivered, None);
        metrics.arrived("b", std::time::Duration::ZERO);
        let text = metrics.text();
        assert!(
            !text.contains("webhook=\"b\"") && text.contains("webhook=\"c\""),
            "{text}"
        );
    }

    #[test]
    fn a_refused_reload_is_told_until_one_is_accepted() {
        let instruments = Instruments::default();
        let successful = || {
            let text = instruments.metrics.text();
            text.contains("config_last_reload_successful 1\n")
        };
        instruments.config_accepted(NOW, &[]);
        assert!(successful());
        instruments.config_refused(NOW, "line 3".to_owned());
        assert!(!successful());
        let last = instruments.reloads.last().unwrap();
        assert_eq!(
            (last.successful, last.problem.as_deref()),
            (false, Some("line 3"))
        );
        assert!(
            instruments
                .metrics
                .text()
                .contains("reload_timestamp_seconds 1772217402.0\n")
        );
        instruments.config_accepted(NOW, &[]);
        assert!(successful() && instruments.reloads.last().unwrap().successful);
    }
}
