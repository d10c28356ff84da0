use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use clap::Parser as _;
use serde_json::{Value, json};

use super::*;
use crate::konbini::answer::{ProfileAnswer, read_live};

/// Gives the same answers in the same order, whoever asks.
#[derive(Debug)]
struct Script(Mutex<VecDeque<Answer>>);

#[async_trait]
impl Source for Script {
    async fn poll(&self, _username: &Username) -> Answer {
        self.0
            .lock()
            .unwrap()
            .pop_front()
            .expect("one poll too many")
    }
    async fn profile(&self, _username: &Username) -> ProfileAnswer {
        unreachable!("probe asks whether somebody is live")
    }
}

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// What `probe` prints for `line`, given these answers, and whether all was certain.
async fn probed(line: &str, answers: Vec<Answer>) -> (String, bool) {
    let words = std::iter::once("probe").chain(line.split(' '));
    let args = Line::try_parse_from(words).unwrap().args;
    let source = Script(Mutex::new(answers.into()));
    let clock = Clock::simulated("2026-02-27T19:00:00Z".parse().unwrap());
    let mut out = Vec::new();
    let certain = probe(&args, &source, &clock, &mut out).await.unwrap();
    assert!(source.0.lock().unwrap().is_empty(), "a poll too few");
    (String::from_utf8(out).unwrap(), certain)
}

fn charged(observation: Observation, used: u64, remaining: u64) -> Answer {
    Answer {
        observation,
        credits: Credits {
            used: Some(used),
            remaining: Some(remaining),
        },
    }
}

fn live(title: &str) -> Observation {
    let sample = include_str!("../../../tests/fixtures/live-200.json");
    let mut body: Value = serde_json::from_str(sample).unwrap();
    body["data"]["content"] = json!(title);
    let khaby = "khaby.lame".parse().unwrap();
    let body = body.to_string();
    read_live(&khaby, 200, &http::HeaderMap::new(), body.as_bytes()).observation
}

fn unclear(cause: Cause) -> Observation {
    Observation::Unclear(Unclear::new(cause, "a sentence"))
}

#[tokio::test]
async fn people_read_what_the_answers_mean_and_what_they_cost() {
    let answers = vec![
        charged(live("hi\u{1b}[31m"), 1, 9),
        charged(Observation::Offline, 1, 8),
        charged(unclear(Cause::Malformed), 0, 8),
    ];
    let (printed, certain) = probed("@Khaby.Lame ann bob", answers).await;
    let expected = "\
@khaby.lame is live: hi\\u{1b}[31m
  since 2026-02-27T18:36:42.000Z, 23 min ago
  15000 viewers
  room 7600000000000000001
@ann is not live, or there is no such user
@bob is unclear after 1 try
  malformed: a sentence
  if it stays so, the API has changed: look for a newer tallylight
credits used: 2, remaining: 8
";
    assert_eq!(printed, expected);
    assert!(!certain);
}

#[tokio::test]
async fn machines_read_one_object_a_line() {
    let mut limited = Unclear::new(Cause::RateLimited, "slow down");
    limited.retry_after = Some(std::time::Duration::from_secs(7));
    let answers = vec![
        charged(live("hi"), 1, 9),
        charged(Observation::Offline, 1, 8),
        charged(Observation::Unclear(limited), 0, 8),
    ];
    let (printed, _) = probed("--json khaby.lame ann bob", answers).await;
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines[0],
        json!({
            "username": "khaby.lame", "outcome": "live",
            "stream": {
                "id": "7600000000000000001", "url": "https://www.tiktok.com/@khaby.lame/live",
                "title": "hi", "started_at": "2026-02-27T18:36:42.000Z",
                "viewers": 15000, "views": 42_600_000,
            },
            "cause": null, "detail": null, "retry_after_seconds": null,
            "tries": 1, "credits_used": 1, "credits_remaining": 9,
        })
    );
    assert_eq!(lines[1]["outcome"], "offline");
    assert_eq!(lines[1]["stream"], Value::Null);
    assert_eq!(lines[2]["cause"], "rate_limited");
    assert_eq!(lines[2]["detail"], "slow down");
    assert_eq!(lines[2]["retry_after_seconds"], 7);
    let fields = lines[0].as_object().unwrap().keys();
    assert!(fields.clone().count() > 0);
    for field in fields {
        assert!(HELP.contains(&format!("  {field} ")), "{field}");
    }
}

#[tokio::test]
async fn a_passing_fault_is_asked_again_and_the_credits_add_up() {
    let answers = vec![
        charged(unclear(Cause::ServerFault), 0, 9),
        charged(Observation::Offline, 1, 8),
    ];
    let (printed, certain) = probed("--json ann", answers).await;
    let line: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(line["tries"], 2);
    assert_eq!(
        (&line["credits_used"], &line["credits_remaining"]),
        (&json!(1), &json!(8))
    );
    assert!(certain);
}

#[tokio::test]
async fn once_the_key_is_refused_nobody_else_is_asked_for() {
    for cause in [
        Cause::KeyRefused,
        Cause::CreditsExhausted,
        Cause::RateLimited,
    ] {
        let refused = Answer {
            observation: unclear(cause),
            credits: Credits::default(),
        };
        let (printed, certain) = probed("ann bob", vec![refused]).await;
        let skipped = format!("@bob was not asked for: {}\n", cause.label());
        assert!(printed.contains(&skipped), "{printed}");
        assert!(printed.ends_with("credits used: unknown, remaining: unknown\n"));
        assert!(!certain);
    }
}

#[test]
fn a_wrong_name_or_none_is_wrong_usage() {
    for words in [&["probe"][..], &["probe", "a b"], &["probe", "--json"]] {
        assert!(Line::try_parse_from(words).is_err());
    }
}
