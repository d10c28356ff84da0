use super::*;

/// `interfaces.md`, word for word.
const NAMES: &[&str] = &[
    "polls_total",
    "poll_duration_seconds",
    "poll_lateness_seconds",
    "detection_delay_seconds",
    "creators",
    "transitions_total",
    "credits_used_total",
    "sweeps_total",
    "sweep_recall",
    "credits_remaining",
    "budget_credits_remaining",
    "deliveries_total",
    "delivery_duration_seconds",
    "event_to_delivery_seconds",
    "deliveries_pending",
    "oldest_pending_seconds",
    "webhook_state",
    "config_last_reload_successful",
    "config_last_reload_timestamp_seconds",
    "build_info",
];

fn served(text: &str) -> Vec<&str> {
    let types = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE tallylight_"));
    types.filter_map(|rest| rest.split(' ').next()).collect()
}

fn used() -> Metrics {
    let metrics = Metrics::default();
    metrics.webhook_joins("backend");
    metrics.polled("live", Duration::from_millis(120));
    metrics.poll_started(Duration::from_millis(2));
    metrics.detected(Duration::from_secs(28));
    metrics.transition("stream.started");
    metrics.credits_used("poll", 3);
    metrics.attempted(
        "backend",
        DeliveryOutcome::Delivered,
        Some(Duration::from_millis(80)),
    );
    metrics.arrived("backend", Duration::from_millis(300));
    metrics
}

#[test]
fn the_names_served_are_those_of_the_contract() {
    let text = used().text();
    assert_eq!(served(&text), NAMES);
}

#[test]
fn counters_carry_one_name_and_a_help_of_their_own() {
    let text = used().text();
    assert!(
        text.contains("# HELP tallylight_polls_total Polls by"),
        "{text}"
    );
    assert!(
        text.contains("# TYPE tallylight_polls_total counter\n"),
        "{text}"
    );
    assert!(
        text.contains("\ntallylight_polls_total{outcome=\"live\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("\ntallylight_polls_total{outcome=\"unclear\"} 0\n"),
        "{text}"
    );
    assert!(
        text.contains("\ntallylight_credits_used_total{call=\"poll\"} 3\n"),
        "{text}"
    );
    assert!(!text.contains("# EOF"), "{text}");
}

#[test]
fn a_webhook_that_leaves_takes_its_series_along() {
    let metrics = used();
    assert!(metrics.text().contains("webhook=\"backend\""));
    metrics.webhook_leaves("backend");
    let text = metrics.text();
    assert!(!text.contains("backend"), "{text}");
}
