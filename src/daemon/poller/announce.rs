//! From transitions to what is stored and sent: events, and who is to hear of them.

use std::sync::Arc;

use crate::config::{Creator, Webhook, WebhookId};
use crate::domain::event::{InstallationId, type_of};
use crate::domain::source_health::HealthChange;
use crate::domain::tracker::Transition;
use crate::domain::{Event, EventType};
use crate::store::Outgoing;

/// Knows the webhooks, and the name that event ids are derived from.
#[derive(Debug)]
pub(super) struct Announcer {
    installation: InstallationId,
    webhooks: Vec<Arc<Webhook>>,
}

impl Announcer {
    pub(super) fn new(installation: InstallationId, webhooks: Vec<Arc<Webhook>>) -> Self {
        Self {
            installation,
            webhooks,
        }
    }

    /// Others are to hear from now on.
    pub(super) fn change(&mut self, webhooks: Vec<Arc<Webhook>>) {
        self.webhooks = webhooks;
    }

    /// The events of a creator's transitions, in order.
    ///
    /// Starts and ends are events even if nobody subscribed: they carry the sequence. Titles
    /// and samples are events only for those who asked.
    pub(super) fn of_transitions(
        &self,
        creator: &Creator,
        transitions: &[Transition],
    ) -> Vec<Outgoing> {
        let announced = transitions
            .iter()
            .filter(|transition| transition.is_announced());
        announced
            .filter_map(|transition| {
                let kind = type_of(transition);
                let webhooks = self.listeners(kind, Some(creator), transition.live.resumed);
                let counted = matches!(kind, EventType::StreamStarted | EventType::StreamEnded);
                (counted || !webhooks.is_empty()).then(|| Outgoing {
                    event: Event::of_transition(
                        &self.installation,
                        &creator.username,
                        &creator.labels,
                        transition,
                    ),
                    webhooks,
                })
            })
            .collect()
    }

    /// The event of a change of the monitor's health.
    pub(super) fn of_health(&self, change: &HealthChange) -> Outgoing {
        let event = Event::of_health(&self.installation, change);
        let webhooks = self.listeners(event.kind, None, false);
        Outgoing { event, webhooks }
    }

    fn listeners(
        &self,
        kind: EventType,
        creator: Option<&Creator>,
        resumed: bool,
    ) -> Vec<WebhookId> {
        self.webhooks
            .iter()
            .filter(|webhook| webhook.wants(kind, creator, resumed))
            .map(|webhook| webhook.id.clone())
            .collect()
    }
}
