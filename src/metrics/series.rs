//! The series themselves: names, help, buckets, and which exist from the start.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// One label with its value.
pub(super) type Label = [(&'static str, String); 1];
type Level = Gauge<f64, AtomicU64>;

/// Seconds of a request on a network.
const REQUEST: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0,
];
/// Seconds that a poll starts late: milliseconds while all is well.
const LATENESS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0,
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
pub(super) struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

type Histograms = Family<Label, Histogram, Buckets>;

/// Every series; clones share them.
#[derive(Clone)]
pub(super) struct Series {
    pub(super) polls: Family<Label, Counter>,
    pub(super) poll_duration: Histogram,
    pub(super) poll_lateness: Histogram,
    pub(super) detection_delay: Histogram,
    pub(super) creators: Family<Label, Gauge>,
    pub(super) transitions: Family<Label, Counter>,
    pub(super) credits_used: Family<Label, Counter>,
    pub(super) sweeps: Family<Label, Counter>,
    pub(super) sweep_recall: Level,
    pub(super) credits_remaining: Level,
    pub(super) budget_credits_remaining: Level,
    pub(super) deliveries: Family<[(&'static str, String); 2], Counter>,
    pub(super) delivery_duration: Histograms,
    pub(super) event_to_delivery: Histograms,
    pub(super) deliveries_pending: Family<Label, Gauge>,
    pub(super) oldest_pending: Family<Label, Level>,
    pub(super) webhook_state: Family<Label, Gauge>,
    pub(super) reload_successful: Gauge,
    pub(super) reload_timestamp: Level,
    pub(super) build_info: Family<Label, Gauge>,
}

impl Series {
    pub(super) fn new() -> Self {
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
    pub(super) fn register(&self, to: &mut Registry) {
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
    pub(super) fn begin(&self) {
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
