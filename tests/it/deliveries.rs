//! `deliveries` and `verify` from outside: a store that was written, a real receiver, exit codes.

#![expect(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use http::StatusCode;
use tallylight::clock::Clock;
use tallylight::domain::{Event, EventId, EventType, Timestamp, Timing};
use tallylight::simulator::receiver::{Receiver, Verdict};
use tallylight::simulator::wire::{Answer, Reply, loopback};
use tallylight::store::sqlite::Sqlite;
use tallylight::store::{Attempt, Change, Fate, Outgoing, Settlement, Store as _};
use tempfile::TempDir;

use crate::program::{Ran, SECRET, ran, signal, tallylight};

const CREATORS: [&str; 3] = ["anna", "bert", "carl"];
/// Deliveries in the store: so many for each creator.
const EACH: usize = 4;

/// A directory with a store of ended deliveries and a configuration.
struct Place {
    dir: TempDir,
}

fn minute(minute: usize) -> Timestamp {
    let start: Timestamp = "2026-02-27T18:00:00Z".parse().unwrap();
    start.plus(Duration::from_secs(60 * u64::try_from(minute).unwrap()))
}

/// Event number `n`: of each creator in turn.
fn outgoing(n: usize) -> Outgoing {
    let creator = CREATORS[n % CREATORS.len()];
    let at = minute(n);
    let event = Event {
        id: EventId::from_stored(format!("evt_{n:032x}")),
        kind: EventType::StreamUpdated,
        at,
        creator: Some(creator.parse().unwrap()),
        sequence: None,
        body: format!(r#"{{"type":"stream.updated","timestamp":"{at}","data":{{"n":{n}}}}}"#),
    };
    Outgoing {
        event,
        webhooks: vec!["backend".into()],
    }
}

impl Place {
    /// Every delivery has failed after one attempt, but for the first, which was delivered.
    async fn with_failures(url: &str) -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let config = format!(
            "[konbini]\napi_key_file = \"key\"\n[polling]\nschedule = \"fixed\"\n[watchlist]\ncreators = [\"anna\"]\n\
             [[webhook]]\nid = \"backend\"\nurl = \"{url}/hook\"\nsecret_file = \"secret\"\n[storage]\nurl = \"sqlite:t.db\"\n"
        );
        std::fs::write(place.path("config.toml"), config).unwrap();
        std::fs::write(place.path("key"), "knbn_key").unwrap();
        std::fs::write(place.path("secret"), SECRET).unwrap();
        let store = Sqlite::open(&place.path("t.db")).unwrap();
        for n in 0..CREATORS.len() * EACH {
            let events = vec![outgoing(n)];
            let change = Change {
                events,
                ..Change::default()
            };
            store.commit(change).await.unwrap();
        }
        let mut settled = 0;
        loop {
            let due = store
                .due(&"backend".into(), minute(9_999), 100)
                .await
                .unwrap();
            let Some(head) = due.first() else { break };
            let delivered = settled == 0;
            let attempt = Attempt {
                started_at: minute(60),
                took: Duration::from_millis(7),
                timing: Timing::default(),
                status: Some(if delivered { 204 } else { 500 }),
                error: (!delivered).then_some("http_5xx"),
                answer: b"\x1b[31moh no".to_vec(),
            };
            let settlement = Settlement {
                delivery: head.id,
                attempt: Some(attempt),
                fate: if delivered {
                    Fate::Delivered
                } else {
                    Fate::Failed
                },
                disable: None,
                url_hash: "hash".to_owned(),
                paused_until: None,
                alerts: Vec::new(),
            };
            store.settle(settlement).await.unwrap();
            settled += 1;
        }
        assert_eq!(settled, CREATORS.len() * EACH);
        store.close().await.unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments)).await
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tallylight();
        let config = self.path("config.toml");
        command.arg("--config").arg(config).args(arguments);
        command
    }

    /// The objects of `list --json`, oldest first.
    async fn list(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let arguments = [&["deliveries", "list", "--json"], arguments].concat();
        let ran = self.run(&arguments).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        let lines = ran.stdout.lines().rev();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

async fn receiver() -> Receiver {
    let keys = vec![SECRET.parse().unwrap()];
    Receiver::start(loopback().await.unwrap(), keys, Clock::system()).unwrap()
}

/// The numbers of the events that arrived, in order, each genuine.
fn numbers(receiver: &Receiver) -> Vec<u64> {
    let requests = receiver.received();
    let number = |r: &tallylight::simulator::receiver::Received| {
        assert_eq!(r.verdict, Verdict::Genuine);
        r.json().unwrap()["data"]["n"].as_u64().unwrap()
    };
    requests.iter().map(number).collect()
}

#[tokio::test]
async fn deliveries_are_listed_by_every_filter() {
    let place = Place::with_failures("http://127.0.0.1:9").await;
    assert_eq!(place.list(&[]).await.len(), 12);
    assert_eq!(place.list(&["--status", "failed"]).await.len(), 11);
    let both = ["--status", "failed", "--status", "delivered"];
    assert_eq!(place.list(&both).await.len(), 12);
    assert_eq!(place.list(&["--creator", "bert"]).await.len(), 4);
    assert_eq!(place.list(&["--webhook", "other"]).await.len(), 0);
    assert_eq!(place.list(&["--limit", "5"]).await.len(), 5);
    let span = [
        "--since",
        "2026-02-27T18:03:00Z",
        "--until",
        "2026-02-27T18:05:00Z",
    ];
    let found = place.list(&span).await;
    let ids: Vec<_> = found.iter().map(|d| d["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [4, 5]);
    assert_eq!(found[0]["last_error"], "http_5xx");
    let table = place.run(&["deliveries", "list", "--limit", "1"]).await;
    assert!(
        table.stdout.contains("carl     backend"),
        "{}",
        table.stdout
    );
    assert!(table.stdout.contains("http_5xx 500"), "{}", table.stdout);
    let wrong = place.run(&["deliveries", "list", "--status", "lost"]).await;
    assert_eq!(wrong.code, Some(2));
}

#[tokio::test]
async fn a_delivery_is_shown_with_its_attempts_and_no_escape_sequence() {
    let place = Place::with_failures("http://127.0.0.1:9").await;
    let shown = place.run(&["deliveries", "show", "2"]).await;
    assert_eq!(shown.code, Some(0));
    for part in [
        "delivery  2 to backend",
        "about bert",
        "status    failed since",
        r#"{"n":1}"#,
        "attempt   1 at 2026-02-27T19:00:00.000Z: http_5xx 500 after 7 ms",
        r"\u{1b}[31moh no",
    ] {
        assert!(
            shown.stdout.contains(part),
            "{part} is not in {}",
            shown.stdout
        );
    }
    let nothing = place.run(&["deliveries", "show", "99"]).await;
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(1), ""));
    assert!(nothing.stderr.contains("there is no delivery 99"));
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    let receiver = receiver().await;
    let place = Place::with_failures(&receiver.url()).await;
    let dry = place
        .run(&["deliveries", "replay", "--dry-run", "--creator", "bert"])
        .await;
    assert_eq!(
        (dry.code, dry.stderr.as_str()),
        (Some(0), "4 deliveries would be sent\n")
    );
    assert_eq!(dry.stdout.lines().count(), 5);
    assert_eq!(receiver.count(), 0);
    // The same without it does send.
    let sent = place
        .run(&[
            "deliveries",
            "replay",
            "--rate",
            "1000/s",
            "--creator",
            "bert",
        ])
        .await;
    assert_eq!(
        (sent.code, sent.stderr.as_str()),
        (Some(0), "4 delivered, 0 failed\n")
    );
    assert_eq!(numbers(&receiver), [1, 4, 7, 10]);
}

#[tokio::test]
async fn a_replay_sends_what_failed_in_order_under_the_same_ids_and_once() {
    let receiver = receiver().await;
    let place = Place::with_failures(&receiver.url()).await;
    let replay = ["deliveries", "replay", "--rate", "1000/s"];
    let first = place.run(&replay).await;
    assert_eq!(
        (first.code, first.stderr.as_str()),
        (Some(0), "11 delivered, 0 failed\n")
    );
    assert_eq!(numbers(&receiver), (1..12).collect::<Vec<u64>>());
    let requests = receiver.received();
    assert_eq!(requests[0].id().unwrap(), outgoing(1).event.id.as_str());
    let again = place.run(&replay).await;
    assert_eq!(again.stderr, "0 delivered, 0 failed\n");
    assert_eq!(receiver.count(), 11);
    assert_eq!(place.list(&["--status", "delivered"]).await.len(), 12);
}

#[tokio::test]
async fn what_fails_holds_back_its_creator_and_the_next_replay_goes_on_there() {
    let receiver = receiver().await;
    receiver.answer_by(|received| {
        let bert = received.json().unwrap()["data"]["n"] == 4;
        let status = if bert {
            StatusCode::BAD_GATEWAY
        } else {
            StatusCode::NO_CONTENT
        };
        Reply::from(Answer::status(status))
    });
    let place = Place::with_failures(&receiver.url()).await;
    let replay = ["deliveries", "replay", "--rate", "1000/s"];
    let first = place.run(&replay).await;
    assert_eq!(first.code, Some(1));
    assert!(
        first
            .stderr
            .ends_with("8 delivered, 1 failed, 2 held back behind them\n"),
        "{}",
        first.stderr
    );
    assert_eq!(numbers(&receiver), [1, 2, 3, 4, 5, 6, 8, 9, 11]);
    let left = place.list(&["--status", "failed"]).await;
    let attempts: Vec<_> = left
        .iter()
        .map(|d| d["attempts"].as_i64().unwrap())
        .collect();
    assert_eq!(attempts, [2, 1, 1]);
    receiver.answer_with(Answer::status(StatusCode::NO_CONTENT).into());
    let second = place.run(&replay).await;
    assert_eq!(second.stderr, "3 delivered, 0 failed\n");
    assert_eq!(numbers(&receiver)[9..], [4, 7, 10]);
    let after = [
        "deliveries",
        "replay",
        "--status",
        "delivered",
        "--after",
        "10",
        "--dry-run",
    ];
    assert_eq!(
        place.run(&after).await.stderr,
        "2 deliveries would be sent\n"
    );
}

#[tokio::test]
async fn a_replay_keeps_to_its_rate() {
    let receiver = receiver().await;
    let place = Place::with_failures(&receiver.url()).await;
    let clock = Clock::system();
    let start = clock.monotonic();
    place.run(&["deliveries", "replay", "--rate", "20/s"]).await;
    let took = clock.monotonic().saturating_sub(start);
    assert_eq!(receiver.count(), 11);
    assert!(took >= Duration::from_millis(500), "{took:?}");
}

#[tokio::test]
async fn a_replay_that_is_broken_off_says_where_and_goes_on_there() {
    let receiver = receiver().await;
    let place = Place::with_failures(&receiver.url()).await;
    let mut command = place.command(&["deliveries", "replay", "--rate", "60/m"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    receiver.wait_for(1).await;
    signal(child.id(), "INT");
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await;
    let broken_off = Ran::of(output.unwrap());
    let told = broken_off.stderr;
    assert_eq!(broken_off.code, Some(1), "{told}");
    assert!(
        told.starts_with("1 delivered, 0 failed; broken off, go on with --after 2"),
        "{told}"
    );
    assert_eq!(numbers(&receiver), [1]);
    let rest = place
        .run(&["deliveries", "replay", "--rate", "1000/s", "--after", "2"])
        .await;
    assert_eq!(rest.stderr, "10 delivered, 0 failed\n");
    assert_eq!(numbers(&receiver), (1..12).collect::<Vec<u64>>());
}

#[tokio::test]
async fn beside_a_daemon_one_can_read_and_the_pending_are_its_own_to_send() {
    let receiver = receiver().await;
    let place = Place::with_failures(&receiver.url()).await;
    let daemon = Sqlite::open(&place.path("t.db")).unwrap();
    assert_eq!(place.list(&[]).await.len(), 12);
    daemon.close().await.unwrap();
    let pending = place
        .run(&["deliveries", "replay", "--status", "pending"])
        .await;
    assert_eq!(pending.code, Some(2));
}

#[tokio::test]
async fn verify_says_what_is_wrong_with_a_signature_and_never_the_secret() {
    let receiver = receiver().await;
    let place = Place::with_failures(&receiver.url()).await;
    let ping = place.run(&["ping", "backend"]).await;
    assert_eq!(ping.code, Some(0));
    let arrived = receiver.received().remove(0);
    std::fs::write(place.path("body"), &arrived.body).unwrap();
    let body = place.path("body").display().to_string();
    let header = |name| arrived.header(name).unwrap();
    let verify = async |timestamp: &str, signature: &str| {
        let ran = place
            .run(&[
                "verify",
                "--webhook",
                "backend",
                "--id",
                header("webhook-id"),
                "--timestamp",
                timestamp,
                "--signature",
                signature,
                &body,
            ])
            .await;
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("MfKQ9r8"));
        (ran.code, ran.stdout)
    };
    let (timestamp, signature) = (header("webhook-timestamp"), header("webhook-signature"));
    let right = verify(timestamp, signature).await;
    assert_eq!(right, (Some(0), "the signature is right\n".to_owned()));
    let (code, told) = verify(timestamp, signature.trim_start_matches("v1,")).await;
    assert!(
        code == Some(1) && told.contains("`v1,` was left off"),
        "{told}"
    );
    let (code, told) = verify("1", signature).await;
    assert!(
        code == Some(1) && told.contains("wrong: another secret"),
        "{told}"
    );
}
