//! Reloads of the real binary, by signal and by file, and what it says of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use http::StatusCode;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tallylight::simulator::Answer;
use tallylight::simulator::receiver::Verdict;

use super::ledger::Ledger;
use super::life::wait_for_log;
use super::{Daemon, PATIENCE, Surroundings, name};

const ROOM: &str = "7600000000000000001";

/// Waits until creator `number` has been asked once more.
async fn asked_again(around: &Surroundings, number: usize) {
    let (handle, creator) = (around.handle(), name(number));
    let polls = handle.polls(&creator) + 1;
    let asked = handle.wait_for_polls(&creator, polls);
    let asked = tokio::time::timeout(PATIENCE, asked).await;
    assert!(asked.is_ok(), "{creator} is not asked");
}

fn watchlist(numbers: impl IntoIterator<Item = usize>) -> String {
    let names = numbers.into_iter().map(|number| name(number).to_string());
    names.map(|name| name + "\n").collect()
}

/// Waits until the daemon has said something so many times.
async fn said(daemon: &Daemon, words: &str, times: usize) {
    let said = async {
        while daemon.log().matches(words).count() < times {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, said).await;
    in_time.unwrap_or_else(|_| panic!("{words:?} not {times} times:\n{}", daemon.log()));
}

fn rename_over(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

#[tokio::test]
async fn every_way_to_change_a_file_is_noticed_without_a_signal() {
    let around = Surroundings::of(8).await;
    let folder = around.folder.path().to_owned();
    let list = folder.join("creators.txt");
    fs::write(&list, watchlist(0..1)).unwrap();
    let daemon = around.start();
    asked_again(&around, 0).await;

    rename_over(&list, &watchlist(0..2));
    asked_again(&around, 1).await;

    // In two halves, the first of which could be loaded.
    fs::write(&list, watchlist(0..2)).unwrap();
    let mut file = fs::File::options().append(true).open(&list).unwrap();
    std::io::Write::write_all(&mut file, b"creator").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    std::io::Write::write_all(&mut file, b"2\n").unwrap();
    asked_again(&around, 2).await;
    assert!(!daemon.log().contains("refused"), "{}", daemon.log());

    // As Kubernetes has it: the file is a link through `..data`, which is swapped.
    for (number, version) in [(3, "..1"), (4, "..2")] {
        fs::create_dir(folder.join(version)).unwrap();
        let names = watchlist(0..=number);
        fs::write(folder.join(version).join("creators.txt"), names).unwrap();
        std::os::unix::fs::symlink(version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        if number == 3 {
            std::os::unix::fs::symlink("..data/creators.txt", folder.join("link")).unwrap();
            fs::rename(folder.join("link"), &list).unwrap();
        }
        asked_again(&around, number).await;
    }

    // A change that no event tells of, as of a bind mount: behind a link to elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("list");
    fs::write(&target, watchlist(0..6)).unwrap();
    std::os::unix::fs::symlink(&target, folder.join("link")).unwrap();
    fs::rename(folder.join("link"), &list).unwrap();
    asked_again(&around, 5).await;
    fs::write(&target, watchlist(0..7)).unwrap();
    asked_again(&around, 6).await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_bad_file_is_told_once_and_touches_nothing() {
    let around = Surroundings::of(30).await;
    let list = around.folder.path().join("creators.txt");
    let daemon = around.start();
    asked_again(&around, 29).await;
    let good = fs::read_to_string(around.config_file()).unwrap();

    fs::write(around.config_file(), good.replace("[polling]", "[poling]")).unwrap();
    wait_for_log(&daemon, "configuration refused").await;
    for _ in 0..3 {
        daemon.signal("HUP");
        asked_again(&around, 7).await;
    }
    // Another bad content is another line.
    fs::write(around.config_file(), "").unwrap();
    said(&daemon, "configuration refused", 2).await;
    fs::write(around.config_file(), &good).unwrap();
    said(&daemon, "configuration reloaded", 1).await;

    fs::write(&list, "creator0\n").unwrap();
    wait_for_log(&daemon, "it drops 29 of 30 creators").await;
    fs::write(&list, "").unwrap();
    said(&daemon, "creators.txt is empty", 1).await;
    asked_again(&around, 29).await;
    fs::write(&list, "creator0\n").unwrap();
    fs::write(around.config_file(), format!("allow_shrink = true\n{good}")).unwrap();
    said(&daemon, "configuration reloaded", 2).await;
    let log = daemon.log();
    assert_eq!(log.matches("poling").count(), 1, "{log}");
    assert!(!log.contains("whsec_") && !log.contains("knbn_"), "{log}");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_new_key_secret_address_and_level_hold_at_once_and_a_store_needs_a_restart() {
    let around = Surroundings::of(2).await;
    let daemon = around.start();
    asked_again(&around, 1).await;
    // The receiver takes over a delivery that the old address refused.
    around
        .receiver
        .answer_with(Answer::status(StatusCode::INTERNAL_SERVER_ERROR).into());
    around.handle().set_live(&name(0), Some(ROOM));
    let refused = around.receiver.wait_for(2);
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    around.receiver.answer_by(|received| {
        let moved = received.target == "/moved";
        let status = if moved {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::GONE
        };
        Answer::status(status).into()
    });
    around.reconfigure("/hook\"", "/moved\"");
    around.reconfigure("state.db", "other.db");
    around.reconfigure("[polling]", "[log]\nlevel = \"debug\"\n\n[polling]");
    daemon.signal("HUP");
    wait_for_log(&daemon, "storage.url has changed: that needs a restart").await;
    wait_for_log(&daemon, "DEBUG").await;
    let delivered = around
        .receiver
        .wait_until(|received| received.iter().any(|r| r.target == "/moved"));
    tokio::time::timeout(PATIENCE, delivered).await.unwrap();

    around.handle().set_key("knbn_another");
    wait_for_log(&daemon, "key_refused").await;
    around.reconfigure(
        &tallylight::simulator::Account::default().key,
        "knbn_another",
    );
    daemon.signal("HUP");
    wait_for_log(&daemon, "monitor recovered").await;
    assert_eq!(daemon.stop().await, Some(0));
    assert!(!around.folder.path().join("other.db").exists());
    let ledger = Ledger::audit(&around.receiver.received());
    assert_eq!(ledger.events, 1);
}

#[tokio::test]
async fn a_named_pipe_or_a_folder_in_the_place_of_a_file_is_refused_and_holds_up_nothing() {
    let around = Surroundings::of(3).await;
    let list = around.folder.path().join("creators.txt");
    fs::write(&list, watchlist(0..2)).unwrap();
    let daemon = around.start();
    asked_again(&around, 1).await;

    fs::remove_file(&list).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&list).status();
    assert!(made.unwrap().success());
    daemon.signal("HUP");
    wait_for_log(&daemon, "it is a named pipe").await;
    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    daemon.signal("HUP");
    wait_for_log(&daemon, "is a directory").await;
    asked_again(&around, 1).await;

    fs::remove_dir(&list).unwrap();
    fs::write(&list, watchlist(0..3)).unwrap();
    asked_again(&around, 2).await;
    assert_eq!(daemon.stop().await, Some(0));
}

/// 200 under the whole gate, 25 elsewhere.
fn reloads() -> usize {
    if std::env::var_os("TALLYLIGHT_TEST_ALL").is_some() {
        200
    } else {
        25
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_invent_repeat_and_misorder_nothing() {
    const CREATORS: usize = 12;
    let around = Surroundings::of(CREATORS).await;
    let list = around.folder.path().join("creators.txt");
    let good = fs::read_to_string(around.config_file()).unwrap();
    let mut random = StdRng::seed_from_u64(3);
    let daemon = around.start();
    asked_again(&around, CREATORS - 1).await;
    let mut room = 7_600_000_000_000_000_000_u64;
    for reload in 0..reloads() {
        for _ in 0..3 {
            let creator = name(random.random_range(0..CREATORS));
            room += 1;
            if random.random_bool(0.5) {
                around.handle().set_live(&creator, Some(&room.to_string()));
            } else {
                around.handle().set_offline(&creator);
            }
        }
        let chosen = (0..CREATORS).filter(|_| random.random_bool(0.8));
        rename_over(
            &list,
            &watchlist(chosen.chain([0]).collect::<BTreeSet<_>>()),
        );
        let hook = ["/hook", "/other"][reload % 2];
        let text = good.replace("/hook", hook);
        rename_over(
            &around.config_file(),
            &text.replace("15s", &format!("{}s", 5 + reload % 9)),
        );
        daemon.signal("HUP");
        said(&daemon, "configuration reloaded", reload + 1).await;
    }
    rename_over(&list, &watchlist(0..CREATORS));
    daemon.signal("HUP");
    (0..CREATORS).for_each(|number| around.handle().set_offline(&name(number)));
    for number in 0..CREATORS {
        for _ in 0..4 {
            asked_again(&around, number).await;
        }
    }
    let ended = around
        .receiver
        .wait_until(|received| Ledger::audit(received).all_ended());
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    assert_eq!(daemon.stop().await, Some(0));
    let ledger = Ledger::audit(&around.receiver.received());
    ledger.agrees_with(&around.store_file());
    assert!(
        ledger.events > reloads() / 2,
        "{ledger:?}: nothing was tested"
    );
    assert_eq!(ledger.repeated, 0, "a delivery was made twice");
}

#[tokio::test]
async fn a_secret_in_a_file_of_its_own_is_rotated_by_writing_it() {
    let around = Surroundings::of(1).await;
    let text = fs::read_to_string(around.config_file()).unwrap();
    let line = text.lines().find(|l| l.starts_with("secret = ")).unwrap();
    let right = line.trim_start_matches("secret = ").trim_matches('"');
    around.reconfigure(line, "secret_file = \"hook.secret\"");
    let file = around.folder.path().join("hook.secret");
    fs::write(&file, "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg==\n").unwrap();
    let refused = Answer::status(StatusCode::UNAUTHORIZED);
    around
        .receiver
        .answer_by(move |received| match received.verdict {
            Verdict::Genuine => Answer::status(StatusCode::NO_CONTENT).into(),
            _ => refused.clone().into(),
        });
    let daemon = around.start();
    asked_again(&around, 0).await;
    around.handle().set_live(&name(0), Some(ROOM));
    let forged = around.receiver.wait_for(1);
    tokio::time::timeout(PATIENCE, forged).await.unwrap();
    assert_ne!(around.receiver.received()[0].verdict, Verdict::Genuine);
    rename_over(&file, right);
    let genuine = around
        .receiver
        .wait_until(|received| received.iter().any(|r| r.verdict == Verdict::Genuine));
    tokio::time::timeout(PATIENCE, genuine).await.unwrap();
    assert_eq!(daemon.stop().await, Some(0));
}
