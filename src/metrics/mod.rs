//! Everything counted and measured, under the names that `interfaces.md` fixes.
//!
//! Counters move where things happen, gauges are set when somebody reads. No label holds
//! anything that a stranger chose, nor a username: their number is bounded.

pub(crate) mod text;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// One label with its value.
type Label = [(&'static str, String); 1];
type Level = Gauge<f64, AtomicU64>;

/// Seconds of a request on a network.
const REQUEST: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0,
];
/// Seconds that a poll starts late: milliseconds while all is well.
const LATENESS: &[f64] = &[
    0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0,
];
/// Seconds from a stream's start to its notice: minutes, or hours with a small budget.
const DETECTION: &[f64] = &[
    5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0,
];
/// Seconds from a detection to the 2xx: less than one, or the waits of the retry schedule.
const ARRIVAL: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0, 43_200.0, 259_200.0,
];

/// Histograms with these buckets.
#[derive(Debug, Clone, Copy)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

type Histograms = Family<Label, Histogram, Buckets>;

/// All metrics; clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    series: Series,
    /// The webhooks of the configuration: of others nothing is kept.
    webhooks: Arc<Mutex<BTreeSet<String>>>,
}

#[derive(Clone)]
struct Series {
    polls: Family<Label, Counter>,
    poll_duration: Histogram,
    poll_lateness: Histogram,
    detection_delay: Histogram,
    creators: Family<Label, Gauge>,
    transitions: Family<Label, Counter>,
    credits_used: Family<Label, Counter>,
    sweeps: Family<Label, Counter>,
    sweep_recall: Level,
    credits_remaining: Level,
    budget_credits_remaining: Level,
    deliveries: Family<[(&'static str, String); 2], Counter>,
    delivery_duration: Histograms,
    event_to_delivery: Histograms,
    deliveries_pending: Family<Label, Gauge>,
    oldest_pending: Family<Label, Level>,
    webhook_state: Family<Label, Gauge>,
    reload_successful: Gauge,
    reload_timestamp: Level,
    build_info: Family<Label, Gauge>,
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

impl Series {
    fn new() -> Self {
        let histogram = |buckets: Buckets| buckets.new_metric();
        Self {
            polls: Family::default(),
            poll_duration: histogram(Buckets(REQUEST)),
            poll_lateness: histogram(Buckets(LATENESS)),
            detection_delay: histogram(Buckets(DETECTION)),
            creators: Family::default(),
            transitions: Family::default(),
            credits_used: Family::default(),
            sweeps: Family::default(),
            sweep_recall: Level::default(),
            credits_remaining: Level::default(),
            budget_credits_remaining: Level::default(),
            deliveries: Family::default(),
            delivery_duration: Family::new_with_constructor(Buckets(REQUEST)),
            event_to_delivery: Family::new_with_constructor(Buckets(ARRIVAL)),
            deliveries_pending: Family::default(),
            oldest_pending: Family::default(),
            webhook_state: Family::default(),
            reload_successful: Gauge::default(),
            reload_timestamp: Level::default(),
            build_info: Family::default(),
        }
    }

    #[rustfmt::skip]
    fn register(&self, to: &mut Registry) {
        to.register("polls", "Polls by what their answer says", self.polls.clone());
        to.register("poll_duration_seconds", "Time from asking to the answer", self.poll_duration.clone());
        to.register("poll_lateness_seconds", "How late polls started against their plan", self.poll_lateness.clone());
        to.register("detection_delay_seconds", "Time from a stream's start to the poll that saw it", self.detection_delay.clone());
        to.register("creators", "Creators watched, by state", self.creators.clone());
        to.register("transitions", "Changes of creators' streams, by event type", self.transitions.clone());
        to.register("credits_used", "Credits used, by kind of call", self.credits_used.clone());
        to.register("sweeps", "Sweeps by outcome", self.sweeps.clone());
        to.register("sweep_recall", "Share of known streams that sweeps show", self.sweep_recall.clone());
        to.register("credits_remaining", "Credits left on the account, NaN while unknown", self.credits_remaining.clone());
        to.register("budget_credits_remaining", "Credits left of the budget, NaN without one", self.budget_credits_remaining.clone());
        to.register("deliveries", "Delivery attempts by what came of them", self.deliveries.clone());
        to.register("delivery_duration_seconds", "Time of one delivery attempt", self.delivery_duration.clone());
        to.register("event_to_delivery_seconds", "Time from an event's detection to its 2xx", self.event_to_delivery.clone());
        to.register("deliveries_pending", "Deliveries waiting", self.deliveries_pending.clone());
        to.register("oldest_pending_seconds", "Age of the oldest delivery that waits", self.oldest_pending.clone());
        to.register("webhook_state", "0 healthy, 1 failing, 2 disabled, 3 paused by the configuration", self.webhook_state.clone());
        to.register("config_last_reload_successful", "Whether the last load of the configuration was accepted", self.reload_successful.clone());
        to.register("config_last_reload_timestamp_seconds", "When the configuration was last accepted", self.reload_timestamp.clone());
        to.register("build_info", "Which program runs", self.build_info.clone());
    }

    /// Series whose labels are known exist from the start, so that a first increase is seen.
    fn begin(&self) {
        for outcome in ["live", "offline", "unclear"] {
            drop(self.polls.get_or_create(&[("outcome", outcome.to_owned())]));
        }
        for kind in [
            "stream.started",
            "stream.ended",
            "stream.updated",
            "stream.sampled",
        ] {
            drop(self.transitions.get_or_create(&[("type", kind.to_owned())]));
        }
        for call in ["poll", "sweep", "profile"] {
            drop(
                self.credits_used
                    .get_or_create(&[("call", call.to_owned())]),
            );
        }
        for outcome in ["ok", "failed"] {
            drop(
                self.sweeps
                    .get_or_create(&[("outcome", outcome.to_owned())]),
            );
        }
        for state in ["unknown", "offline", "live"] {
            drop(self.creators.get_or_create(&[("state", state.to_owned())]));
        }
        self.credits_remaining.set(f64::NAN);
        self.budget_credits_remaining.set(f64::NAN);
        let version = [("version", env!("CARGO_PKG_VERSION").to_owned())];
        self.build_info.get_or_create(&version).set(1);
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
