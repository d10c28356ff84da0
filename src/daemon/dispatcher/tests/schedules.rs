//! Ten thousand random schedules: the promises of order and of exactly one success, whatever receivers do.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::fakes::{Act, Sent};
use super::*;
use crate::domain::retry::RetrySchedule;
use crate::store::Fate;
use crate::webhook::ErrorClass;

/// What a receiver does with the attempts of one event before it takes it.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Status(u16),
    Pause,
    Slow(u64),
    Reset,
    Panic,
}

#[derive(Debug, Clone)]
struct Arrival {
    after_ms: u64,
    webhook: usize,
    creator: usize,
    told: bool,
    /// At most four: the schedule has five attempts, so that every event is delivered.
    troubles: Vec<Trouble>,
}

const WEBHOOKS: [&str; 2] = ["backend", "chat"];
const CREATORS: [&str; 4] = ["anna", "bert", "carl", "monitor"];

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        8 => prop_oneof![Just(500), Just(404), Just(302), Just(502)].prop_map(Trouble::Status),
        4 => Just(Trouble::Pause),
        4 => (1_u64..5_000).prop_map(Trouble::Slow),
        4 => Just(Trouble::Reset),
        1 => Just(Trouble::Panic),
    ]
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let troubles = prop_oneof![3 => Just(Vec::new()), 2 => vec(trouble(), 1..=4)];
    (
        0_u64..3_000,
        0..WEBHOOKS.len(),
        0..CREATORS.len(),
        any::<bool>(),
        troubles,
    )
        .prop_map(|(after_ms, webhook, creator, told, troubles)| Arrival {
            after_ms,
            webhook,
            creator,
            told,
            troubles,
        })
}

fn act(troubles: &HashMap<(String, String), Vec<Trouble>>, sent: &Sent) -> Act {
    let key = (sent.webhook.clone(), sent.event.clone());
    let index = usize::try_from(sent.attempt).unwrap() - 1;
    match troubles[&key].get(index) {
        None => Act::Answer(200),
        Some(Trouble::Status(status)) => Act::Answer(*status),
        Some(Trouble::Pause) => Act::Later(429, "2"),
        Some(Trouble::Slow(ms)) => Act::Slowly(Duration::from_millis(*ms), 500),
        Some(Trouble::Reset) => Act::Break(ErrorClass::Reset),
        Some(Trouble::Panic) => Act::Panic,
    }
}

/// Plays `arrivals`; the successes of each (webhook, creator), in order.
async fn play(arrivals: &[Arrival], concurrency: usize) -> HashMap<(String, String), Vec<u32>> {
    let world = World::new();
    let mut troubles = HashMap::new();
    for (number, arrival) in arrivals.iter().enumerate() {
        let event = format!("{}/{number}", CREATORS[arrival.creator]);
        let webhook = WEBHOOKS[arrival.webhook].to_owned();
        troubles.insert((webhook, event), arrival.troubles.clone());
    }
    let known = troubles.clone();
    world.sender.script(move |sent| act(&known, sent));
    let webhooks = WEBHOOKS.map(|id| {
        let mut webhook = hook(id);
        webhook.concurrency = concurrency;
        webhook.retry = RetrySchedule::new([1, 2, 3, 5].map(secs).to_vec());
        webhook
    });
    let running = world.start(webhooks);
    for (number, arrival) in arrivals.iter().enumerate() {
        pass(Duration::from_millis(arrival.after_ms)).await;
        let number = u32::try_from(number).unwrap();
        let (webhook, creator) = (WEBHOOKS[arrival.webhook], CREATORS[arrival.creator]);
        if arrival.told {
            world.add(webhook, creator, number);
        } else {
            world
                .store
                .add_silently(webhook, creator, number, world.clock.now());
        }
    }
    // Twelve events of one creator with four failures each, all but five of them probes a
    // quarter of an hour apart, take less than this.
    for _ in 0..800 {
        if world.store.ends().iter().all(Option::is_some) {
            break;
        }
        pass(secs(60)).await;
    }
    running.drain().await.unwrap();
    assert!(
        world
            .store
            .ends()
            .iter()
            .all(|end| *end == Some(Fate::Delivered))
    );
    let mut successes: HashMap<_, Vec<u32>> = HashMap::new();
    for sent in world.sender.sent() {
        if matches!(act(&troubles, &sent), Act::Answer(200)) {
            let (creator, number) = sent.event.split_once('/').unwrap();
            let line = successes
                .entry((sent.webhook, creator.to_owned()))
                .or_default();
            line.push(number.parse().unwrap());
        }
    }
    successes
}

proptest! {
    #![proptest_config(Config { cases: 10_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn whatever_receivers_do_each_event_succeeds_once_and_in_order(
        arrivals in vec(arrival(), 1..12),
        concurrency in 1_usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let successes = runtime.block_on(play(&arrivals, concurrency));
        let mut expected: HashMap<_, Vec<u32>> = HashMap::new();
        for (number, arrival) in (0..).zip(&arrivals) {
            let line = (WEBHOOKS[arrival.webhook].to_owned(), CREATORS[arrival.creator].to_owned());
            expected.entry(line).or_default().push(number);
        }
        prop_assert_eq!(successes, expected);
    }
}
