//! `ping WEBHOOK`: one signed `webhook.test` event through the real sending path.
//!
//! It asks nothing of the store: a webhook that is disabled or not enabled is pinged all
//! the same, and nothing is retried. Of the address only the host is shown.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::cli::{print, say};
use crate::clock::Clock;
use crate::config::{Config, Webhook};
use crate::domain::text::Printable;
use crate::domain::{Event, EventId, Timing};
use crate::webhook::{Endpoint, Exchange, FormatError, HttpSender, Outcome, Sender};

/// How much of an answer is shown, in characters.
const SHOWN: usize = 200;

/// Sends one signed `webhook.test` event and prints what came of it
#[derive(Debug, Args)]
pub(super) struct PingArgs {
    /// The id of a `[[webhook]]` of the configuration
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
}

/// Pings; exit code 0 for a 2xx, 1 for anything else, 2 for an id that the configuration does not have.
pub(super) fn run(args: &PingArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let Some(webhook) = find(&args.webhook, config) else {
        say(&unknown(&args.webhook, config));
        return Ok(ExitCode::from(2));
    };
    let endpoint = Endpoint::new(webhook)?;
    let sender = HttpSender::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ping = runtime.block_on(Ping::make(&endpoint, &sender, &Clock::system()))?;
    let mut shown = Vec::new();
    ping.show(&endpoint, &mut shown)?;
    print(&shown)?;
    Ok(match ping.outcome.error {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    })
}

fn find(id: &str, config: &Config) -> Option<Arc<Webhook>> {
    config.webhooks.iter().find(|w| &*w.id == id).cloned()
}

fn unknown(id: &str, config: &Config) -> String {
    let id = Printable(id);
    let ids: Vec<&str> = config.webhooks.iter().map(|w| &*w.id).collect();
    match ids.as_slice() {
        [] => format!("tallylight: no webhook {id}: the configuration has none\n"),
        ids => format!(
            "tallylight: no webhook {id}: the configuration has {}\n",
            ids.join(", ")
        ),
    }
}

/// One exchange.
#[derive(Debug)]
struct Ping {
    event: EventId,
    outcome: Outcome,
    took: Duration,
    timing: Timing,
}

impl Ping {
    async fn make(
        endpoint: &Endpoint,
        sender: &dyn Sender,
        clock: &Clock,
    ) -> Result<Self, FormatError> {
        let now = clock.now();
        let event = Event::test(&endpoint.webhook().id, now, rand::random());
        let request = endpoint.request(&event.id, &event.body, now)?;
        let start = clock.monotonic();
        let Exchange { reply, timing } = sender.send(request).await;
        Ok(Self {
            event: event.id,
            outcome: Outcome::of(reply, clock.now()),
            took: clock.monotonic().saturating_sub(start),
            timing,
        })
    }

    fn show(&self, endpoint: &Endpoint, out: &mut dyn Write) -> io::Result<()> {
        let webhook = endpoint.webhook();
        let (ms, timing) = (self.took.as_millis(), self.timing);
        writeln!(out, "webhook  {} at {}", webhook.id, endpoint.origin())?;
        writeln!(out, "event    {} (webhook.test)", self.event)?;
        match (self.outcome.error, self.outcome.status) {
            (None, Some(status)) => {
                writeln!(
                    out,
                    "result   delivered: answered {status} in {ms} ms{timing}"
                )?;
            }
            (error, _) => {
                let class = error.map_or("-", |e| e.as_str());
                let detail = &self.outcome.detail;
                writeln!(
                    out,
                    "result   failed ({class}): {detail}, after {ms} ms{timing}"
                )?;
            }
        }
        if !self.outcome.answer.is_empty() {
            let text = String::from_utf8_lossy(&self.outcome.answer);
            let first: String = text.chars().take(SHOWN).collect();
            let more = if first.len() < text.len() { " …" } else { "" };
            writeln!(out, "body     {}{more}", Printable(&first))?;
        }
        if !webhook.enabled {
            writeln!(
                out,
                "note     it has `enabled = false`: the daemon sends it nothing"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::simulator::receiver::{Receiver, Verdict};
    use crate::simulator::wire::{Answer, loopback};
    use crate::webhook::request::tests::webhook;

    /// What is printed, and what arrived, when the receiver answers `answer`.
    async fn pinged(answer: Answer) -> (String, Receiver, bool) {
        let hook = webhook("backend", "http://127.0.0.1/");
        let clock = Clock::system();
        let listener = loopback().await.unwrap();
        let receiver = Receiver::start(listener, hook.secrets.clone(), clock.clone()).unwrap();
        receiver.answer_with(answer.into());
        let url = format!("{}/hooks/s3cret?key=hunter2", receiver.url());
        let endpoint = Endpoint::new(Arc::new(Webhook { url, ..hook })).unwrap();
        let ping = Ping::make(&endpoint, &HttpSender::new().unwrap(), &clock)
            .await
            .unwrap();
        let mut out = Vec::new();
        ping.show(&endpoint, &mut out).unwrap();
        let delivered = ping.outcome.error.is_none();
        (String::from_utf8(out).unwrap(), receiver, delivered)
    }

    #[tokio::test]
    async fn a_ping_arrives_as_a_genuine_test_event() {
        let (shown, receiver, delivered) = pinged(Answer::status(StatusCode::NO_CONTENT)).await;
        let arrived = receiver.stop().await;
        assert_eq!(arrived.len(), 1);
        assert_eq!(arrived[0].verdict, Verdict::Genuine);
        assert_eq!(arrived[0].event_type().as_deref(), Some("webhook.test"));
        assert_eq!(arrived[0].target, "/hooks/s3cret?key=hunter2");
        assert!(
            delivered && shown.contains("delivered: answered 204 in "),
            "{shown}"
        );
        assert!(shown.contains(arrived[0].id().unwrap()), "{shown}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[tokio::test]
    async fn a_failed_ping_shows_why_and_the_answer_without_its_escape_sequences() {
        let body = format!("\u{1b}[31mno such hook\r\n{}", "x".repeat(500));
        let answer = Answer::status(StatusCode::NOT_FOUND).with_body(body);
        let (shown, _, delivered) = pinged(answer).await;
        assert!(!delivered);
        assert!(
            shown.contains("failed (http_4xx): answered 404, after "),
            "{shown}"
        );
        assert!(
            shown.contains(r"body     \u{1b}[31mno such hook\u{d}\u{a}xxx"),
            "{shown}"
        );
        assert!(
            shown.ends_with("xxx …\n") && shown.lines().count() == 4,
            "{shown}"
        );
    }
}
