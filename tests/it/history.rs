//! `export` and `backup` from outside, beside a store that is open and written to.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tallylight::domain::event::Labels;
use tallylight::domain::tracker::{CreatorState, Rules, Visibility, step};
use tallylight::domain::{Event, LiveStream, Observation, Profile, RoomId, Timestamp, Username};
use tallylight::store::sqlite::Sqlite;
use tallylight::store::{Change, CreatorChange, Outgoing, Store, StoredCreator};
use tempfile::TempDir;

use crate::program::{Ran, SECRET, ran, tallylight};

const HOSTILE: &str = "=1+1\n\u{1b}[31m\"quoted\", \u{202e}evil";

fn minute(n: u64) -> Timestamp {
    Timestamp::from_millis(1_772_217_402_000).plus(Duration::from_secs(60 * n))
}

/// A creator whose every other poll finds a stream.
struct Creator {
    username: Username,
    state: CreatorState,
}

impl Creator {
    fn new(name: &str) -> Self {
        Self {
            username: name.parse().unwrap(),
            state: CreatorState::default(),
        }
    }

    /// What the poll of minute `n` changes: live in even minutes.
    fn change(&mut self, store: &Sqlite, n: u64) -> Change {
        let stream = LiveStream {
            room: RoomId::new(&(1_000 + n).to_string()).unwrap(),
            started_at: Some(minute(n).minus(Duration::from_secs(20))),
            title: Some(HOSTILE.to_owned()),
            viewers: Some(10 + n),
            views: None,
            cover_url: None,
            media: Vec::new(),
            profile: Profile::default(),
        };
        let observation = match n % 2 {
            0 => Observation::Live(Box::new(stream)),
            _ => Observation::Offline,
        };
        let rules = Rules {
            confirm_offline: 1,
            resume_within: Duration::ZERO,
            when_already_live: Visibility::Announced,
        };
        let taken = step(&self.state, &observation, minute(n), &rules);
        self.state = taken.state;
        let events = taken.transitions.iter().map(|transition| Outgoing {
            event: Event::of_transition(
                store.installation(),
                &self.username,
                &Labels::new(),
                transition,
            ),
            webhooks: vec!["backend".into()],
        });
        Change {
            events: events.collect(),
            creator: Some(CreatorChange {
                row: StoredCreator {
                    username: self.username.clone(),
                    state: self.state.clone(),
                    next_poll_at: None,
                },
                transitions: taken.transitions,
            }),
            degraded: None,
            ..Change::default()
        }
    }
}

/// A configuration with a store.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let config = "[konbini]\napi_key_file = \"key\"\n[watchlist]\ncreators = [\"ada\"]\n\
                      [[webhook]]\nid = \"backend\"\nurl = \"https://example.com/\"\n\
                      secret_file = \"secret\"\n[storage]\nurl = \"sqlite:t.db\"\n";
        for (name, text) in [
            ("config.toml", config),
            ("key", "knbn_key"),
            ("secret", SECRET),
        ] {
            std::fs::write(place.path(name), text).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self) -> Sqlite {
        Sqlite::open(&self.path("t.db")).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tallylight();
        command.current_dir(self.0.path());
        command.args(["--config", "config.toml"]).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    fn printed(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        ran.stdout
    }
}

/// `count` streams each of ada and bob, all ended.
async fn fill(store: &Sqlite, count: u64) {
    for name in ["ada", "bob"] {
        let mut creator = Creator::new(name);
        for n in 0..2 * count {
            store.commit(creator.change(store, n)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn streams_and_samples_come_out_beside_an_open_store() {
    let place = Place::new();
    let store = place.store();
    fill(&store, 3).await;
    let text = place.printed(&["export", "streams"]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert!(text.starts_with("creator,start,end,"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 6);
    for row in &rows {
        let times: Vec<Timestamp> = [1, 2].map(|i| row[i].parse().unwrap()).to_vec();
        assert_eq!(times[1].since(times[0]), Duration::from_secs(80));
        assert_eq!(&row[4], "'=1+1 [31m\"quoted\", evil");
    }
    assert!(!text.contains('\u{1b}') && text.lines().count() == 7);

    let since = minute(1).to_string();
    let chosen = ["export", "streams", "--creator", "@Bob", "--since", &since];
    let text = place.printed(&[&chosen[..], &["--format", "jsonl", "--output", "-"]].concat());
    let rows: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter()
            .all(|row| row["creator"] == "bob" && row["title"] == HOSTILE)
    );
    assert!(rows[0]["start"].as_str() < rows[1]["start"].as_str());

    place.printed(&["export", "samples", "--output", "samples.csv"]);
    let text = std::fs::read_to_string(place.path("samples.csv")).unwrap();
    assert!(text.starts_with("creator,at,viewers,"));
    assert_eq!(text.lines().count(), 7);
    assert!(text.contains(&format!("ada,{},12,", minute(2))), "{text}");
}

#[tokio::test]
async fn an_export_never_writes_over_the_store() {
    let place = Place::new();
    let store = place.store();
    fill(&store, 1).await;
    for name in ["t.db", "t.db-wal", "t.db.lock"] {
        let ran = place.run(&["export", "streams", "--output", name]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains("the store itself"), "{}", ran.stderr);
    }
    assert_eq!(place.printed(&["export", "streams"]).lines().count(), 3);
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Place::new();
    let store = place.store();
    // Several pages, and far more than a pipe holds.
    fill(&store, 1_500).await;
    let mut command = place.command(&["export", "streams"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::with_capacity(64, child.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    assert!(first.starts_with("creator,start,end"));
    let ended = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
    assert!(ended.status.success());
    // All of it comes when it is read.
    assert_eq!(place.printed(&["export", "streams"]).lines().count(), 3_001);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_commits_is_whole_and_can_be_gone_on_with() {
    let place = Place::new();
    let store = place.store();
    let stop = AtomicBool::new(false);
    let load = async {
        let mut creators: Vec<_> = (0..50).map(|n| Creator::new(&format!("c_{n}"))).collect();
        let mut n = 0;
        while !stop.load(Ordering::Relaxed) {
            let commits = creators
                .iter_mut()
                .map(|c| store.commit(c.change(&store, n)));
            let commits: Vec<_> = commits.collect();
            let results = futures_util::future::join_all(commits).await;
            assert!(results.iter().all(Result::is_ok));
            n += 1;
        }
    };
    let backup = async {
        for force in [&[][..], &["--force"]] {
            let arguments = [&["backup", "copy.db"][..], force].concat();
            let ran = ran(place.command(&arguments)).await;
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            assert!(ran.stdout.contains("bytes, checked"), "{}", ran.stdout);
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(load, backup);
    let refused = place.run(&["backup", "copy.db"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);

    let copy = Sqlite::open(&place.path("copy.db")).unwrap();
    assert_eq!(copy.installation(), store.installation());
    let known = copy.load().await.unwrap().creators;
    let mut started = known.iter().filter(|c| c.state.live().is_some()).count();
    let due = copy
        .due(&"backend".into(), minute(1_000_000), 1_000)
        .await
        .unwrap();
    assert_eq!(due.len(), known.len());
    started += known.iter().filter(|c| c.state.sequence > 0).count();
    assert!(started > 0, "nothing was committed");
}
