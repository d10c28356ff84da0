//! What strangers write, and answers that want to be endless, go through the program without harm.

use tallylight::clock::Clock;
use tallylight::simulator::world::TITLES;
use tallylight::simulator::{Fault, Stream};

use super::ledger::Ledger;
use super::{PATIENCE, Surroundings, name};

#[tokio::test]
async fn hostile_titles_arrive_as_they_are_and_never_reach_the_log_raw() {
    let around = Surroundings::of(TITLES.len()).await;
    let daemon = around.start();
    let clock = Clock::system();
    for (number, title) in TITLES.iter().enumerate() {
        let handle = around.handle();
        let creator = name(number);
        tokio::time::timeout(PATIENCE, handle.wait_for_polls(&creator, 1))
            .await
            .unwrap();
        around
            .handle()
            .begin(&creator, Stream::new(&creator, clock.now()).titled(title));
    }
    let received = around.receiver.wait_for(TITLES.len());
    let received = tokio::time::timeout(PATIENCE, received).await.unwrap();
    Ledger::audit(&received);
    let mut titles: Vec<String> = received
        .iter()
        .map(|one| {
            one.json().unwrap()["data"]["stream"]["title"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    titles.sort();
    let mut expected: Vec<String> = TITLES.iter().map(|&title| title.to_owned()).collect();
    expected.sort();
    assert_eq!(titles, expected);
    let log = daemon.log();
    let raw = log
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(raw, None, "{log:?}");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn huge_and_endless_answers_cost_no_more_than_the_cap_and_change_nothing() {
    const CAP: u64 = 1024 * 1024;
    for fault in [Fault::HugeTitle, Fault::HugeBody, Fault::EndlessBody] {
        let around = Surroundings::of(2).await;
        let daemon = around.start();
        let handle = around.handle();
        tokio::time::timeout(PATIENCE, handle.wait_for_polls(&name(0), 1))
            .await
            .unwrap();
        handle.set_live(&name(0), None);
        tokio::time::timeout(PATIENCE, around.receiver.wait_for(1))
            .await
            .unwrap();

        let before = handle.traffic().bytes_written();
        handle.fault_of(&name(0), Some(fault.clone()));
        let (polls, others) = (handle.polls(&name(0)), handle.polls(&name(1)));
        // It is asked again, in vain, while the other goes on as ever.
        tokio::time::timeout(PATIENCE, handle.wait_for_polls(&name(0), polls + 3))
            .await
            .unwrap();
        tokio::time::timeout(PATIENCE, handle.wait_for_polls(&name(1), others + 3))
            .await
            .unwrap();
        handle.fault_of(&name(0), None);
        let polls_in_vain = handle.polls(&name(0)) - polls;
        let written = handle.traffic().bytes_written() - before;
        // What the sockets between buffer comes on top of the cap.
        let most = polls_in_vain * (CAP + 8 * CAP) + 4 * CAP;
        assert!(
            written < most,
            "{fault:?}: {written} bytes for {polls_in_vain} polls"
        );
        assert_eq!(around.receiver.count(), 1, "{fault:?} changed something");
        assert_eq!(daemon.stop().await, Some(0));
    }
}
