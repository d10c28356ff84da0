//! Everything counted and measured, under the names that `interfaces.md` fixes.
//!
//! Counters move where things happen, gauges are set when somebody reads. No label holds
//! anything that a stranger chose, nor a username: their number is bounded.

mod series;
pub(crate) mod text;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use self::series::{Label, Series};

/// All metrics; clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    series: Series,
    /// The webhooks of the configuration: of others nothing is kept.
    webhooks: Arc<Mutex<BTreeSet<String>>>,
}

/// What came of a delivery's attempt: the `outcome` of `deliveries_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// A 2xx.
    Delivered,
    /// Failed, and tried again.
    Retried,
    /// Given up: no attempt is left.
    Failed,
    /// Too old to be sent.
    Expired,
}

impl DeliveryOutcome {
    const ALL: [Self; 4] = [Self::Delivered, Self::Retried, Self::Failed, Self::Expired];

    /// The label's value.
    pub fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// One webhook's gauges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WebhookFigures<'a> {
    /// Its id.
    pub id: &'a str,
    /// 0 healthy, 1 failing, 2 disabled, 3 paused.
    pub state: i64,
    /// Deliveries waiting.
    pub pending: u64,
    /// Age of the oldest; zero if none waits.
    pub oldest: Duration,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tallylight");
        let series = Series::new();
        series.register(&mut registry);
        series.begin();
        Self {
            registry: Arc::new(registry),
            series,
            webhooks: Arc::default(),
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// A poll ended: `live`, `offline` or `unclear`.
    pub fn polled(&self, outcome: &'static str, took: Duration) {
        let label = [("outcome", outcome.to_owned())];
        self.series.polls.get_or_create(&label).inc();
        self.series.poll_duration.observe(took.as_secs_f64());
    }

    /// A poll started this late.
    pub fn poll_started(&self, late: Duration) {
        self.series.poll_lateness.observe(late.as_secs_f64());
    }

    /// A stream was noticed this long after its start.
    pub fn detected(&self, delay: Duration) {
        self.series.detection_delay.observe(delay.as_secs_f64());
    }

    /// A creator's stream changed, by event type.
    pub fn transition(&self, kind: &'static str) {
        let label = [("type", kind.to_owned())];
        self.series.transitions.get_or_create(&label).inc();
    }

    /// Credits were used by a `poll`, a `sweep` or a `profile` call.
    pub fn credits_used(&self, call: &'static str, credits: u64) {
        let label = [("call", call.to_owned())];
        self.series
            .credits_used
            .get_or_create(&label)
            .inc_by(credits);
    }

    /// A sweep ended: `ok` or `failed`.
    pub fn swept(&self, outcome: &'static str) {
        let label = [("outcome", outcome.to_owned())];
        self.series.sweeps.get_or_create(&label).inc();
    }

    /// The share of known streams that sweeps show, in `[0, 1]`.
    pub fn sweep_recall(&self, share: f64) {
        self.series.sweep_recall.set(share);
    }

    /// An attempt of a webhook ended; `took` is `None` if none was made.
    pub fn attempted(&self, webhook: &str, outcome: DeliveryOutcome, took: Option<Duration>) {
        let webhooks = self.webhooks();
        if !webhooks.contains(webhook) {
            return;
        }
        self.deliveries(webhook, outcome).inc();
        if let Some(took) = took {
            let durations = &self.series.delivery_duration;
            durations
                .get_or_create(&of(webhook))
                .observe(took.as_secs_f64());
        }
    }

    /// A 2xx came this long after the event was detected.
    pub fn arrived(&self, webhook: &str, after: Duration) {
        let webhooks = self.webhooks();
        if !webhooks.contains(webhook) {
            return;
        }
        let arrivals = &self.series.event_to_delivery;
        arrivals
            .get_or_create(&of(webhook))
            .observe(after.as_secs_f64());
    }

    fn deliveries(&self, webhook: &str, outcome: DeliveryOutcome) -> Counter {
        let labels = [
            ("webhook", webhook.to_owned()),
            ("outcome", outcome.label().to_owned()),
        ];
        self.series.deliveries.get_or_create(&labels).clone()
    }

    /// The series of a webhook exist from now on.
    pub fn webhook_joins(&self, webhook: &str) {
        self.webhooks().insert(webhook.to_owned());
        for outcome in DeliveryOutcome::ALL {
            self.deliveries(webhook, outcome);
        }
        drop(self.series.delivery_duration.get_or_create(&of(webhook)));
        drop(self.series.event_to_delivery.get_or_create(&of(webhook)));
        drop(self.series.deliveries_pending.get_or_create(&of(webhook)));
        drop(self.series.oldest_pending.get_or_create(&of(webhook)));
        drop(self.series.webhook_state.get_or_create(&of(webhook)));
    }

    /// A webhook is no longer in the configuration: its series go.
    pub fn webhook_leaves(&self, webhook: &str) {
        let mut webhooks = self.webhooks();
        webhooks.remove(webhook);
        for outcome in DeliveryOutcome::ALL {
            let labels = [
                ("webhook", webhook.to_owned()),
                ("outcome", outcome.label().to_owned()),
            ];
            self.series.deliveries.remove(&labels);
        }
        self.series.delivery_duration.remove(&of(webhook));
        self.series.event_to_delivery.remove(&of(webhook));
        self.series.deliveries_pending.remove(&of(webhook));
        self.series.oldest_pending.remove(&of(webhook));
        self.series.webhook_state.remove(&of(webhook));
    }

    /// The configuration was accepted, `at` seconds since 1970.
    pub fn config_accepted(&self, at: i64) {
        self.series.reload_successful.set(1);
        self.series.reload_timestamp.set(at as f64);
    }

    /// A changed configuration was refused.
    pub fn config_refused(&self) {
        self.series.reload_successful.set(0);
    }

    /// How many creators are in `state` now.
    pub fn creators(&self, state: &'static str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let label = [("state", state.to_owned())];
        self.series.creators.get_or_create(&label).set(count);
    }

    /// What the account and the budget have left, as far as known.
    pub fn remaining(&self, account: Option<u64>, budget: Option<u64>) {
        let shown = |credits: Option<u64>| credits.map_or(f64::NAN, |credits| credits as f64);
        self.series.credits_remaining.set(shown(account));
        self.series.budget_credits_remaining.set(shown(budget));
    }

    /// How one webhook stands now.
    pub fn webhook(&self, figures: WebhookFigures<'_>) {
        let webhooks = self.webhooks();
        if !webhooks.contains(figures.id) {
            return;
        }
        let label = of(figures.id);
        let pending = i64::try_from(figures.pending).unwrap_or(i64::MAX);
        let series = &self.series;
        series.deliveries_pending.get_or_create(&label).set(pending);
        series
            .webhook_state
            .get_or_create(&label)
            .set(figures.state);
        let oldest = series.oldest_pending.get_or_create(&label);
        oldest.set(figures.oldest.as_secs_f64());
    }

    fn webhooks(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.webhooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text that a scraper reads, in the format of Prometheus 0.0.4.
    pub fn text(&self) -> String {
        text::encode(&self.registry)
    }
}

fn of(webhook: &str) -> Label {
    [("webhook", webhook.to_owned())]
}

#[cfg(test)]
mod tests;
