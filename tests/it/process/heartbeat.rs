//! The dead man's switch, asked by the real binary.

use http::StatusCode;
use tallylight::clock::Clock;
use tallylight::simulator::{Answer, Receiver, wire};

use super::life::wait_for_log;
use super::{PATIENCE, Surroundings};

#[tokio::test]
async fn the_heartbeat_is_asked_again_and_again_and_its_address_is_told_nobody() {
    let around = Surroundings::of(1).await;
    let listener = wire::loopback().await.unwrap();
    let switch = Receiver::start(listener, Vec::new(), Clock::system()).unwrap();
    let heartbeat = format!(
        "[heartbeat]\nurl = \"{}/ping/hunter2\"\nevery = \"1s\"",
        switch.url()
    );
    around.reconfigure("[storage]", &format!("{heartbeat}\n\n[storage]"));
    let daemon = around.start();
    let heard = tokio::time::timeout(PATIENCE, switch.wait_for(2)).await;
    heard.expect("no heartbeat");
    assert!(
        switch
            .received()
            .iter()
            .all(|r| r.target == "/ping/hunter2")
    );

    // Failures are one line, however many there are.
    switch.answer_with(Answer::status(StatusCode::INTERNAL_SERVER_ERROR).into());
    let later = switch.count() + 3;
    let heard = tokio::time::timeout(PATIENCE, switch.wait_for(later)).await;
    heard.expect("it is not asked again");
    wait_for_log(&daemon, "heartbeat not heard: the answer was 500").await;
    switch.answer_with(Answer::status(StatusCode::OK).into());
    wait_for_log(&daemon, "the heartbeat is heard again").await;
    let log = daemon.log();
    assert_eq!(log.matches("not heard").count(), 1, "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    assert_eq!(daemon.stop().await, Some(0));
}
