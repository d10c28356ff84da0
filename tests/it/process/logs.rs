//! Log lines of the real binary: for journald, as JSON, and bounded whatever fails.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;
use tallylight::simulator::{Answer, Fault};

use super::life::wait_for_log;
use super::{Daemon, PATIENCE, Surroundings, name};

/// What one place of the program may warn in a minute.
const LINES_A_MINUTE: usize = 20;

/// The log as journald would have it named.
fn journal(around: &Surroundings) -> String {
    let log: PathBuf = around.folder.path().join("log.txt");
    let log = File::create(log).unwrap().metadata().unwrap();
    format!("{}:{}", log.dev(), log.ino())
}

/// The daemon with warnings of several kinds in its log.
async fn troubled(around: &Surroundings, stream: &str) -> Daemon {
    let daemon = around.start_with(&[("JOURNAL_STREAM", stream)]);
    wait_for_log(&daemon, "watching").await;
    around.handle().set_key("knbn_another");
    wait_for_log(&daemon, "monitor degraded").await;
    daemon
}

#[tokio::test]
async fn journald_is_told_priorities_and_no_time() {
    let around = Surroundings::of(2).await;
    let daemon = troubled(&around, &journal(&around)).await;
    let log = daemon.log();
    assert_eq!(daemon.stop().await, Some(0));
    for (level, prefix) in [("ERROR", "<3>"), ("WARN", "<4>"), ("INFO", "<6>")] {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(level)).collect();
        assert!(!lines.is_empty(), "no {level}:\n{log}");
        for line in lines {
            let rest = line
                .strip_prefix(prefix)
                .unwrap_or_else(|| panic!("{line}"));
            assert!(rest.trim_start().starts_with(level), "{line}");
        }
    }
    assert!(!log.contains('\x1b'));
}

#[tokio::test]
async fn a_stream_that_is_not_the_journals_is_written_for_people() {
    let around = Surroundings::of(2).await;
    let daemon = troubled(&around, "1:1").await;
    let log = daemon.log();
    assert_eq!(daemon.stop().await, Some(0));
    assert!(log.lines().all(|line| line.starts_with("20")), "{log}");
}

#[tokio::test]
async fn json_lines_are_json_also_after_a_reload_changed_the_format() {
    let around = Surroundings::of(2).await;
    let daemon = around.start();
    wait_for_log(&daemon, "watching").await;
    around.reconfigure("[polling]", "[log]\nformat = \"json\"\n\n[polling]");
    daemon.signal("HUP");
    wait_for_log(&daemon, "log.format").await;
    let log = daemon.log();
    assert_eq!(daemon.stop().await, Some(0));
    let line = log.lines().find(|l| l.contains("log.format")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "configuration reloaded");
    assert_eq!(line["changed"], "log.format");
}

/// Warnings and errors of a log, by their text up to the first value.
fn warnings(log: &str) -> usize {
    let loud = log
        .lines()
        .filter(|l| l.contains(" WARN ") || l.contains("ERROR "));
    loud.count()
}

#[tokio::test]
async fn a_thousand_creators_and_an_api_that_is_dead_fill_no_log() {
    for fault in [Fault::Reset, Fault::Garbage, Fault::Error(500, "INTERNAL")] {
        let around = Surroundings::of(1_000).await;
        around.reconfigure("\ninterval = \"60ms\"", "\ninterval = \"1s\"");
        around.handle().fault_everywhere(Some(fault.clone()));
        let daemon = around.start();
        let last = name(999);
        let handle = around.handle();
        let asked = handle.wait_for_polls(&last, 2);
        tokio::time::timeout(PATIENCE, asked).await.unwrap();
        wait_for_log(&daemon, "monitor degraded").await;
        let log = daemon.log();
        assert_eq!(daemon.stop().await, Some(0));
        let polls: u64 = handle.polls_by_creator().values().sum();
        assert!(polls >= 1_001, "only {polls} polls");
        let lines = warnings(&log);
        eprintln!("{fault:?}: {polls} failed polls, {lines} warnings and errors");
        // The places that warn of it: the file's secrets, unclear answers, the monitor.
        assert!(lines <= 4 * LINES_A_MINUTE, "{lines} lines:\n{log}");
    }
}

#[tokio::test]
async fn a_dead_receiver_of_hundreds_of_events_fills_no_log() {
    let around = Surroundings::of(200).await;
    around.reconfigure("timeout = \"15s\"", "timeout = \"15s\"\nconcurrency = 32");
    around
        .receiver
        .answer_with(Answer::status(StatusCode::BAD_GATEWAY).into());
    let daemon = around.start();
    wait_for_log(&daemon, "watching").await;
    for number in 0..200 {
        let room = (7_600_000_000_000_000_000_u64 + number as u64).to_string();
        around.handle().set_live(&name(number), Some(&room));
    }
    wait_for_log(&daemon, "webhook keeps failing").await;
    // Not a wait for an effect: whatever comes in this time is counted.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let log = fs::read_to_string(around.folder.path().join("log.txt")).unwrap();
    assert_eq!(daemon.stop().await, Some(0));
    let (attempts, lines) = (around.receiver.count(), warnings(&log));
    eprintln!("{attempts} failed attempts, {lines} warnings and errors");
    assert!(attempts >= 5);
    assert!(lines <= 5 * LINES_A_MINUTE, "{lines} lines:\n{log}");
}

#[tokio::test]
async fn hundreds_of_creators_that_fail_among_others_that_do_not_fill_no_log() {
    let around = Surroundings::of(600).await;
    around.reconfigure("\ninterval = \"60ms\"", "\ninterval = \"2s\"");
    for number in (0..600).filter(|n| n % 3 == 0) {
        around
            .handle()
            .fault_of(&name(number), Some(Fault::Garbage));
    }
    let daemon = around.start();
    for number in 590..600 {
        let (handle, creator) = (around.handle(), name(number));
        let asked = handle.wait_for_polls(&creator, 3);
        tokio::time::timeout(PATIENCE, asked).await.unwrap();
    }
    let log = daemon.log();
    assert_eq!(daemon.stop().await, Some(0));
    let failing = log.matches("no certain answer").count();
    eprintln!("200 creators that fail, {failing} lines of it");
    assert!(
        (1..=LINES_A_MINUTE).contains(&failing),
        "{failing} lines:\n{log}"
    );
}

#[tokio::test]
async fn a_full_disk_fills_no_log() {
    let around = Surroundings::of(300).await;
    let daemon = around.start_with_files_up_to(300);
    wait_for_log(&daemon, "watching").await;
    for number in 0..300 {
        let room = (7_600_000_000_000_000_000_u64 + number as u64).to_string();
        around.handle().set_live(&name(number), Some(&room));
    }
    wait_for_log(&daemon, "is not stored yet").await;
    // Not a wait for an effect: whatever comes in this time is counted.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let lines = warnings(&daemon.log());
    eprintln!("{lines} warnings and errors of a full disk");
    assert!(
        lines <= 6 * LINES_A_MINUTE,
        "{lines} lines:\n{}",
        daemon.log()
    );
    daemon.kill();
}
