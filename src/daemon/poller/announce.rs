//! From transitions to what is stored and sent: events, and who is to hear of them.

use std::sync::Arc;

use crate::config::{Creator, Webhook, WebhookId};
use crate::domain::credits::CreditNews;
use crate::domain::event::{InstallationId, Labels, Subject, type_of};
use crate::domain::source_health::HealthChange;
use crate::domain::tracker::Transition;
use crate::domain::{Event, EventType, Profile, Timestamp, Username};
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

    /// `credits.low`.
    pub(super) fn of_credits(&self, news: &CreditNews) -> Outgoing {
        let event = Event::of_credits(&self.installation, news);
        let webhooks = self.listeners(event.kind, None, false);
        Outgoing { event, webhooks }
    }

    /// Whether anybody wants to hear of events of `kind` about `creator`.
    pub(super) fn is_heard(&self, kind: EventType, creator: &Creator) -> bool {
        let mut webhooks = self.webhooks.iter();
        webhooks.any(|webhook| webhook.wants(kind, Some(creator), false))
    }

    /// `creator.missing`, for those who asked for it.
    pub(super) fn of_missing(
        &self,
        creator: &Creator,
        profile: &Profile,
        at: Timestamp,
    ) -> Option<Outgoing> {
        let webhooks = self.listeners(EventType::CreatorMissing, Some(creator), false);
        let who = Subject {
            username: &creator.username,
            labels: &creator.labels,
            profile,
        };
        (!webhooks.is_empty()).then(|| Outgoing {
            event: Event::of_missing(&self.installation, who, at),
            webhooks,
        })
    }

    /// `creator.renamed`, for those who asked for it of either name: `listed` holds what the
    /// watchlist says of the new one and of the previous one.
    pub(super) fn of_rename(
        &self,
        (username, previous): (&Username, &Username),
        listed: [Option<&Creator>; 2],
        profile: &Profile,
        at: Timestamp,
    ) -> Option<Outgoing> {
        let kind = EventType::CreatorRenamed;
        let wants = |webhook: &Webhook| {
            let mut names = listed.iter().flatten();
            names.any(|creator| webhook.wants(kind, Some(creator), false))
        };
        let webhooks: Vec<_> = self
            .webhooks
            .iter()
            .filter(|webhook| wants(webhook))
            .map(|webhook| webhook.id.clone())
            .collect();
        let settings = listed.into_iter().flatten().next();
        let unlabelled = Labels::new();
        let who = Subject {
            username,
            labels: settings.map_or(&unlabelled, |creator| &creator.labels),
            profile,
        };
        (!webhooks.is_empty()).then(|| Outgoing {
            event: Event::of_rename(&self.installation, who, previous, at),
            webhooks,
        })
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
