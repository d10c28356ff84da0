//! Who is missing, who is renamed and credits that run out, told once by the real program,
//! whatever kills it.

use std::time::Duration;

use serde_json::Value;
use tallylight::clock::Clock;
use tallylight::simulator::Stream;
use tallylight::simulator::api::Call;
use tallylight::simulator::receiver::Received;

use super::{Daemon, PATIENCE, Surroundings, name};

/// A daemon whose webhook hears of nothing but `kind`.
async fn listening_for(kind: &str, creators: usize) -> Surroundings {
    let around = Surroundings::of(creators).await;
    let events = format!("id = \"backend\"\nevents = [\"{kind}\"]");
    around.reconfigure("id = \"backend\"", &events);
    around
}

/// Waits until `enough` holds of the bodies that arrived.
async fn told(around: &Surroundings, daemon: &Daemon, enough: impl Fn(&[Value]) -> bool) {
    let arrived = around.receiver.wait_until(|all| enough(&bodies(all)));
    let arrived = tokio::time::timeout(PATIENCE, arrived).await;
    arrived.unwrap_or_else(|_| {
        let bodies = bodies(&around.receiver.received());
        panic!("told so far: {bodies:?}\n{}", daemon.log())
    });
}

/// What arrived, each event once; a repeated delivery has the same id and the same body.
fn bodies(received: &[Received]) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut bodies = Vec::new();
    for arrival in received {
        let id = arrival.id().unwrap().to_owned();
        if !seen.contains(&id) {
            seen.push(id);
            bodies.push(arrival.json().unwrap());
        }
    }
    bodies
}

/// Kills the daemon and starts another, which asks everybody several times and then ends.
async fn killed_and_started_again(around: &Surroundings, daemon: Daemon, creators: usize) {
    daemon.kill();
    let daemon = around.start();
    for number in 0..creators {
        let creator = name(number);
        let enough = around.handle().polls(&creator) + 5;
        let handle = around.handle();
        let asked = handle.wait_for_polls(&creator, enough);
        tokio::time::timeout(PATIENCE, asked)
            .await
            .unwrap_or_else(|_| panic!("nobody is asked any more\n{}", daemon.log()));
    }
    assert_eq!(daemon.stop().await, Some(0));
}

fn profile_calls(around: &Surroundings) -> usize {
    let log = around.handle().log();
    log.iter()
        .filter(|asked| asked.call == Call::Profile)
        .count()
}

#[tokio::test]
async fn a_creator_that_does_not_exist_is_told_once_and_costs_one_credit() {
    let around = listening_for("creator.missing", 1).await;
    around.handle().change_world(|world| world.remove(&name(0)));
    let daemon = around.start();
    told(&around, &daemon, |bodies| !bodies.is_empty()).await;
    let log = daemon.log();
    assert!(log.contains("creators.txt:1"), "the line is named: {log}");
    killed_and_started_again(&around, daemon, 1).await;
    let bodies = bodies(&around.receiver.received());
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(bodies[0]["type"], "creator.missing");
    assert_eq!(bodies[0]["data"]["creator"]["username"], "creator0");
    assert_eq!(profile_calls(&around), 1);
}

#[tokio::test]
async fn a_kill_around_the_telling_of_a_missing_creator_tells_it_once() {
    if !cfg!(debug_assertions) {
        eprintln!("SKIPPED: a release build cannot be told to abort");
        return;
    }
    // The first commit is the creator's first answer.
    for point in ["transition.before_commit:2", "transition.after_commit:2"] {
        let around = listening_for("creator.missing", 1).await;
        // On a busy machine nobody is to fall behind: that would be the second commit.
        around.reconfigure("\ninterval = \"60ms\"", "\ninterval = \"1s\"");
        around.handle().change_world(|world| world.remove(&name(0)));
        let mut daemon = around.start_with(&[("TALLYLIGHT_ABORT_AT", point)]);
        assert!(!daemon.ended().await.success(), "{point}");
        assert_eq!(profile_calls(&around), 1, "{point}");
        let daemon = around.start();
        told(&around, &daemon, |bodies| !bodies.is_empty()).await;
        killed_and_started_again(&around, daemon, 1).await;
        let bodies = bodies(&around.receiver.received());
        assert_eq!(bodies.len(), 1, "{point}: {bodies:?}");
    }
}

#[tokio::test]
async fn a_new_username_is_told_once() {
    let around = listening_for("creator.renamed", 2).await;
    let handle = around.handle();
    // Creator 0 is live and thereby known; then it goes on under the other name.
    handle.change_world(|world| world.remove(&name(1)));
    handle.set_live(&name(0), None);
    let daemon = around.start();
    let old = name(0);
    let asked = handle.wait_for_polls(&old, 3);
    tokio::time::timeout(PATIENCE, asked).await.unwrap();
    handle.change_world(|world| world.rename(&name(0), &name(1)));
    let began = Stream::new(&name(1), Clock::system().now()).titled("under another name");
    handle.begin(&name(1), began);
    told(&around, &daemon, |bodies| !bodies.is_empty()).await;
    let log = daemon.log();
    assert!(log.contains("creators.txt:1"), "the line is named: {log}");
    killed_and_started_again(&around, daemon, 2).await;
    let bodies = bodies(&around.receiver.received());
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(bodies[0]["type"], "creator.renamed");
    assert_eq!(bodies[0]["data"]["previous_username"], "creator0");
    assert_eq!(bodies[0]["data"]["creator"]["username"], "creator1");
}

#[tokio::test]
async fn a_budget_that_runs_out_is_told_at_each_mark_once() {
    let around = listening_for("credits.low", 2).await;
    let budget =
        "[budget]\ncredits_per_month = 400\nrenews_on = 1\n\n[polling]\nschedule = \"fixed\"";
    around.reconfigure("[polling]", budget);
    let daemon = around.start();
    let reasons = |bodies: &[Value]| -> Vec<String> {
        let reason = |body: &Value| body["data"]["reason"].as_str().unwrap().to_owned();
        bodies.iter().map(reason).collect()
    };
    told(&around, &daemon, |bodies| bodies.len() >= 2).await;
    daemon.kill();
    let daemon = around.start();
    told(&around, &daemon, |bodies| {
        reasons(bodies).contains(&"used_up".to_owned())
    })
    .await;
    daemon.kill();
    let daemon = around.start();
    // It starts, finds the budget used up, and says so in its log; not to anybody.
    let spent = tokio::time::timeout(PATIENCE, async {
        while daemon.log().matches("watching").count() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    spent.await.unwrap();
    assert_eq!(daemon.stop().await, Some(0));
    let bodies = bodies(&around.receiver.received());
    assert_eq!(reasons(&bodies), ["used_75", "used_90", "used_up"]);
    assert_eq!(bodies[0]["data"]["used"], 300);
    assert_eq!(bodies[0]["data"]["remaining"], 100);
    assert!(bodies[0]["data"]["renews_at"].is_string());
}

#[tokio::test]
async fn without_a_budget_the_accounts_own_remainder_is_watched() {
    let around = listening_for("credits.low", 1).await;
    around.handle().set_credits(200);
    let daemon = around.start();
    told(&around, &daemon, |bodies| bodies.len() >= 3).await;
    daemon.kill();
    let daemon = around.start();
    let refused = tokio::time::timeout(PATIENCE, async {
        while daemon.log().matches("watching").count() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    refused.await.unwrap();
    assert_eq!(daemon.stop().await, Some(0));
    let bodies = bodies(&around.receiver.received());
    let reasons: Vec<_> = bodies.iter().map(|b| b["data"]["reason"].clone()).collect();
    assert_eq!(reasons, ["used_75", "used_90", "used_up"]);
    assert_eq!(bodies[0]["data"]["remaining"], 49);
    assert_eq!(bodies[0]["data"]["renews_at"], Value::Null);
}
