//! `plan` and `import` from outside: before the first start, beside a store, and what is refused.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use tallylight::clock::Clock;
use tallylight::domain::Timestamp;
use tallylight::store::Store as _;
use tallylight::store::sqlite::Sqlite;
use tempfile::TempDir;

const CONFIG: &str = r#"
[konbini]
api_key = "${KEY}"
[budget]
credits_per_month = 25_000
[watchlist]
creators = ["ann", { username = "bob", time_zone = "Asia/Tokyo" }]
[[webhook]]
id = "backend"
url = "https://example.com/hook"
secret = "${SECRET}"
"#;

struct Place(TempDir);

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
        Self(folder)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tallylight"))
            .env_clear()
            .env("KEY", "knbn_key")
            .env("SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .env("TALLYLIGHT_CONFIG", self.0.path().join("config.toml"))
            .current_dir(self.0.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that has refused its arguments reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn store(&self) -> std::path::PathBuf {
        self.0.path().join("tallylight.db")
    }
}

/// One stream a week of `creator`, oldest first: each begins `weeks` before now.
fn past(creator: &str, weeks: u64) -> Vec<(String, Timestamp, Timestamp)> {
    let now = Clock::system().now();
    let hours = std::time::Duration::from_hours;
    (1..=weeks)
        .rev()
        .map(|week| {
            let start = now.minus(hours(week * 168));
            (creator.to_owned(), start, start.plus(hours(2)))
        })
        .collect()
}

fn csv(streams: &[(String, Timestamp, Timestamp)]) -> String {
    let line =
        |(who, start, end): &(String, Timestamp, Timestamp)| format!("{who},{start},{end}\n");
    format!(
        "creator,start,end\n{}",
        streams.iter().map(line).collect::<String>()
    )
}

#[test]
fn an_import_is_learned_from_once_and_drawn_in_the_creators_own_time() {
    let place = Place::new();
    let before = place.run(&["plan", "--json", "bob"], "");
    let before: Value = serde_json::from_str(&before.stdout).unwrap();
    assert_eq!(before["creator"]["forecast"]["streams_seen"], 0);
    assert!(!place.store().exists(), "a forecast leaves nothing behind");

    let text = csv(&past("@Bob", 10));
    let tried = place.run(&["import", "-", "--dry-run"], &text);
    assert!(
        tried.stdout.starts_with("10 streams would be imported"),
        "{}",
        tried.stdout
    );
    assert!(!place.store().exists());
    let first = place.run(&["import", "-"], &text);
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""));
    assert!(
        first.stdout.starts_with("10 streams imported; 0 known"),
        "{}",
        first.stdout
    );
    let again = place.run(&["import", "-"], &text);
    assert!(
        again.stdout.starts_with("0 streams imported; 10 known"),
        "{}",
        again.stdout
    );

    let after = place.run(&["plan", "--json", "bob"], "");
    let after: Value = serde_json::from_str(&after.stdout).unwrap();
    let forecast = &after["creator"]["forecast"];
    assert_eq!(forecast["streams_seen"], 10);
    assert_eq!(forecast["utc_offset_minutes"], 540);
    assert_eq!(after["forecast"]["known"], 1);
    let share = forecast["share_of_credits"].as_f64().unwrap();
    assert!(share > 0.0 && share < 1.0, "{share}");
    // The likeliest half hour is the one that all streams began in, in Tokyo.
    let week: Vec<Vec<f64>> = serde_json::from_value(forecast["week"].clone()).unwrap();
    let all: Vec<f64> = week.concat();
    assert_eq!(all.len(), 336);
    let likeliest = (0_i64..).zip(&all).max_by(|a, b| a.1.total_cmp(b.1));
    let likeliest = likeliest.unwrap().0;
    let tokyo = Clock::system().now().as_seconds() + 9 * 3_600;
    // 1970 began on a Thursday: three days after a Monday.
    let half_hour = (tokyo + 3 * 86_400).rem_euclid(604_800) / 1_800;
    let apart = (likeliest - half_hour).rem_euclid(336);
    assert!([0, 1, 335].contains(&apart), "{likeliest} {half_hour}");

    let drawn = place.run(&["plan", "bob"], "");
    assert_eq!(drawn.code, Some(0));
    assert!(drawn.stdout.contains("Asia/Tokyo") && drawn.stdout.contains('\u{2588}'));
    assert!(
        !drawn.stdout.contains('\u{1b}'),
        "no colour but on a terminal"
    );
}

#[tokio::test]
async fn an_import_makes_no_event_and_no_state() {
    let place = Place::new();
    let imported = place.run(&["import", "-"], &csv(&past("ann", 5)));
    assert_eq!(imported.code, Some(0));
    let store = Sqlite::open(&place.store()).unwrap();
    let snapshot = store.load().await.unwrap();
    assert!(snapshot.creators.is_empty() && snapshot.learning.is_empty());
    let streams = store.past_streams().await.unwrap();
    assert_eq!(streams.len(), 5);
    assert!(streams.iter().all(|stream| stream.ended_at.is_some()));
    let far = Timestamp::from_millis(i64::MAX);
    assert!(
        store
            .due(&"backend".into(), far, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[test]
fn every_bad_line_is_told_and_nothing_is_imported() {
    let place = Place::new();
    let lines = [
        r#"{"creator": "ann", "start": "2026-10-01T10:00:00Z", "end": "2026-10-01T12:00:00Z"}"#,
        r#"{"creator": "ann", "start": "2026-10-01T11:00:00+02:00", "end": "2026-10-01T15:00:00Z"}"#,
        r#"{"creator": "a b", "start": "yesterday"}"#,
        "nonsense",
        r#"{"creator": "ann", "start": "2099-10-01T10:00:00Z", "end": "2099-10-01T12:00:00Z"}"#,
    ];
    fs::write(place.0.path().join("past.jsonl"), lines.join("\n")).unwrap();
    let ran = place.run(&["import", "past.jsonl"], "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    for told in [
        "past.jsonl:2: @ann from",
        "overlaps line 1",
        "past.jsonl:3: creator \"a b\"",
        "past.jsonl:3: end is missing",
        "past.jsonl:3: start \"yesterday\": a time is like",
        "past.jsonl:4: \"nonsense\" is no object",
        "lies in the future",
        "nothing was imported",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert!(!place.store().exists());
}

#[tokio::test]
async fn an_import_is_refused_while_a_daemon_has_the_store_and_a_forecast_is_not() {
    let place = Place::new();
    let store = Sqlite::open(&place.store()).unwrap();
    let refused = place.run(&["import", "-"], &csv(&past("ann", 3)));
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("stop the daemon"),
        "{}",
        refused.stderr
    );
    for command in ["plan", "check"] {
        let ran = place.run(&[command], "");
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(ran.stdout.contains("schedule: learned"), "{command}");
    }
    assert!(store.past_streams().await.unwrap().is_empty());
}

#[test]
fn strangers_are_warned_of_and_old_streams_left_out() {
    let place = Place::new();
    let mut streams = past("ann", 2);
    streams.extend(past("zoe", 2));
    let year = std::time::Duration::from_hours(24 * 365);
    let (start, end) = (streams[0].1.minus(year), streams[0].2.minus(year));
    streams.push(("ann".to_owned(), start, end));
    let ran = place.run(&["import", "-"], &csv(&streams));
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stderr.contains("1 creator not on the watchlist: @zoe"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout
            .contains("4 streams imported; 0 known already, 1 older"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_wanted_delay_names_the_cheapest_plan_or_what_else_it_takes() {
    let place = Place::new();
    let last = |want| {
        let ran = place.run(&["plan", "--want", want], "");
        ran.stdout.lines().last().unwrap_or_default().to_owned()
    };
    assert!(
        last("10m").contains("Plus ($49 a month) is the cheapest plan"),
        "{}",
        last("10m")
    );
    assert!(last("2s").contains("cannot be reached"), "{}", last("2s"));
    assert!(last("3h").contains("Plus"), "{}", last("3h"));
    let many: Vec<String> = (0..500).map(|n| format!("\"creator{n}\"")).collect();
    let config = CONFIG.replace("\"ann\",", &format!("{},", many.join(",")));
    fs::write(place.0.path().join("config.toml"), config).unwrap();
    assert!(
        last("5m").contains("no plan reaches it for 501 creators; the largest does for"),
        "{}",
        last("5m")
    );
    assert_eq!(place.run(&["plan", "--want", "soon"], "").code, Some(2));
    assert_eq!(place.run(&["plan", "nobody"], "").code, Some(1));
}
