//! What the log says of deliveries: one line each, in one form.
//!
//! Texts of strangers arrive here printable and bounded. No header, no body and no more of
//! an address than its host is ever logged.

use std::time::Duration;

use tracing::{error, info, warn};

use super::attempt::Decision;
use super::breaker;
use crate::config::WebhookId;
use crate::domain::{Event, Username};
use crate::metrics::DeliveryOutcome;
use crate::store::{DisabledWebhook, Fate};
use crate::web::views::Change;

/// The label of what became of a delivery.
pub(super) fn outcome(fate: Fate) -> DeliveryOutcome {
    match fate {
        Fate::Delivered => DeliveryOutcome::Delivered,
        Fate::Retry(_) => DeliveryOutcome::Retried,
        Fate::Failed => DeliveryOutcome::Failed,
        Fate::Expired => DeliveryOutcome::Expired,
    }
}

/// News of a webhook, for those who listen.
pub(super) fn change(webhook: &WebhookId, event: &Event, detail: &str) -> Change {
    Change {
        kind: event.kind.as_str().to_owned(),
        at: event.at,
        creator: None,
        stream: None,
        webhook: Some(webhook.to_string()),
        detail: Some(detail.to_owned()),
    }
}

/// One line for what became of a delivery, and one more for what it means for its webhook.
pub(super) fn decided(webhook: &WebhookId, decision: &Decision) {
    let delivery = &decision.delivery;
    let event = &delivery.event;
    let kind = delivery.kind.as_str();
    let creator = delivery.creator.as_ref().map_or("-", Username::as_str);
    let detail = &decision.detail;
    let made = decision.settlement.attempt.as_ref();
    let attempt = delivery.attempts.saturating_add(u32::from(made.is_some()));
    let ms = made.map_or(0, |a| a.took.as_millis());
    let class = made.and_then(|a| a.error).unwrap_or("-");
    match decision.settlement.fate {
        Fate::Delivered => {
            info!(%webhook, %event, kind, creator, attempt, ms, "delivered");
        }
        Fate::Retry(_) if decision.settlement.disable.is_some() => {
            warn!(%webhook, %event, kind, creator, attempt, ms, class, detail, "delivery failed, waits with its webhook");
        }
        Fate::Retry(next) => {
            warn!(%webhook, %event, kind, creator, attempt, ms, class, detail, %next, "delivery failed, will be tried again");
        }
        Fate::Failed if delivery.replay_of.is_some() => {
            warn!(%webhook, %event, kind, creator, attempt, ms, class, detail, "replay failed, the delivery is what it was before");
        }
        Fate::Failed => {
            error!(%webhook, %event, kind, creator, attempt, ms, class, detail, "delivery given up, no attempt is left");
        }
        Fate::Expired => {
            warn!(%webhook, %event, kind, creator, attempt, class, detail, "delivery expired, older than max_age");
        }
    }
    if let Some(record) = &decision.settlement.disable {
        disabled(record);
    }
    if let Some(pause) = decision.pause {
        paused(webhook, pause);
    }
}

fn paused(webhook: &WebhookId, pause: Duration) {
    let seconds = pause.as_secs_f64();
    warn!(%webhook, seconds, "the receiver asked for a pause: its deliveries wait");
}

fn disabled(record: &DisabledWebhook) {
    let DisabledWebhook {
        webhook, reason, ..
    } = record;
    error!(%webhook, reason, "webhook disabled, its deliveries wait: {HOW_TO_ENABLE}");
}

/// One line for each time a lane's breaker changed.
pub(super) fn breaker(webhook: &WebhookId, change: breaker::Change) {
    match change {
        breaker::Change::Opened(wait) => {
            let seconds = wait.as_secs();
            error!(%webhook, seconds, "webhook keeps failing: one delivery at a time probes it, the others wait");
        }
        breaker::Change::Reopened(wait) => {
            let seconds = wait.as_secs();
            warn!(%webhook, seconds, "webhook still fails: it is probed again later");
        }
        breaker::Change::Closed => info!(%webhook, "webhook answers again: its deliveries go on"),
    }
}

const HOW_TO_ENABLE: &str = "it takes part again with another url, or after a start or reload with `enabled = false` in its section";

/// A start found a webhook that is still disabled.
pub(super) fn still_disabled(record: &DisabledWebhook) {
    let DisabledWebhook {
        webhook,
        since,
        reason,
        ..
    } = record;
    error!(%webhook, %since, reason, "webhook is disabled, its deliveries wait: {HOW_TO_ENABLE}");
}

/// A start found that a person acted.
pub(super) fn enabled_again(record: &DisabledWebhook) {
    let webhook = &record.webhook;
    info!(%webhook, since = %record.since, "webhook is no longer disabled");
}

/// Deliveries waited longer than they may.
pub(super) fn brought_forward(webhook: &WebhookId, deliveries: usize) {
    if deliveries > 0 {
        warn!(%webhook, deliveries, "the clock was set back: deliveries that would wait too long are brought forward");
    }
}

/// A drain ended before everything under way did.
pub(super) fn cut_off(webhook: &WebhookId, attempts: usize) {
    warn!(%webhook, attempts, "attempts cut off by the end of the program, they are made again at the next start");
}
