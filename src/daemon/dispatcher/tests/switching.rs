//! Other webhooks while deliveries are under way.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::fakes::Act;
use super::*;
use crate::store::{DisabledWebhook, Fate};

/// A dispatcher that can be told of other webhooks.
struct Switched {
    running: Running,
    switch: Switch,
    store: Arc<FakeStore>,
}

impl Switched {
    fn start(world: &World, webhooks: impl IntoIterator<Item = Webhook>) -> Self {
        let (switch, inbox) = switch();
        let dispatcher = Dispatcher::new(DispatcherParts {
            store: world.store.clone(),
            clock: world.clock.clone(),
            sender: world.sender.clone(),
            webhooks: webhooks.into_iter().map(Arc::new).collect(),
            progress: world.progress.clone(),
            instruments: Instruments::default(),
        });
        let dispatcher = dispatcher.unwrap().told_by(inbox);
        let drain = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(dispatcher.run(drain.clone()));
        Self {
            running: Running { tasks, drain },
            switch,
            store: world.store.clone(),
        }
    }

    async fn to(&self, webhooks: impl IntoIterator<Item = Webhook>) {
        let webhooks: Vec<_> = webhooks.into_iter().map(Arc::new).collect();
        let assignment = Assignment::of(self.store.as_ref(), &webhooks).await;
        self.switch.assign(assignment.unwrap()).await.unwrap();
    }
}

/// The webhook `a` at another address.
fn moved() -> Webhook {
    Webhook {
        url: "https://b/".to_owned(),
        ..hook("a")
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_ends_at_the_old_address_and_the_rest_goes_to_the_new_one() {
    let world = World::new();
    world.sender.script(|sent| match sent.webhook.as_str() {
        "a" => Act::Slowly(secs(12), 204),
        _ => Act::Answer(204),
    });
    world.add("a", "xx", 1);
    world.add("a", "xx", 2);
    let switched = Switched::start(&world, [hook("a")]);
    pass(secs(1)).await;
    switched.to([moved()]).await;
    world.add("a", "yy", 1);
    pass(secs(1)).await;
    // Another creator does not wait; the same one does, for the order.
    let sent = |world: &World| -> Vec<(String, String)> {
        let sent = world.sender.sent();
        sent.into_iter().map(|s| (s.webhook, s.event)).collect()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(sent(&world), [pair("a", "xx/1"), pair("b", "yy/1")]);
    pass(secs(20)).await;
    assert_eq!(sent(&world)[2..], [pair("b", "xx/2")]);
    assert!(
        world
            .store
            .ends()
            .iter()
            .all(|end| *end == Some(Fate::Delivered))
    );
    switched.running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_removed_webhook_is_parked_and_goes_on_when_it_comes_back() {
    let world = World::new();
    world.sender.script(|_| Act::Slowly(secs(29), 204));
    world.add("a", "xx", 1);
    let switched = Switched::start(&world, [hook("a"), hook("c")]);
    pass(secs(1)).await;
    switched.to([hook("c")]).await;
    world.add("a", "xx", 2);
    // The attempt under way is not cut off, however long it takes.
    pass(secs(40)).await;
    assert_eq!(world.sender.events(), ["xx/1"]);
    assert_eq!(world.store.ends(), [Some(Fate::Delivered), None]);
    assert!(world.progress.age() < secs(20), "nothing hangs");
    switched.to([hook("a"), hook("c")]).await;
    pass(secs(40)).await;
    assert_eq!(world.sender.events(), ["xx/1", "xx/2"]);
    switched.running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_old_address_still_answers_is_not_held_against_the_new_one() {
    let world = World::new();
    world.sender.script(|sent| match sent.webhook.as_str() {
        "a" => Act::Slowly(secs(5), 410),
        _ => Act::Answer(204),
    });
    world.add("a", "xx", 1);
    let switched = Switched::start(&world, [hook("a"), hook("c")]);
    pass(secs(1)).await;
    switched.to([moved(), hook("c")]).await;
    pass(secs(60)).await;
    assert!(world.store.disabled().is_empty(), "the new one is disabled");
    let alerts = world.store.settlements();
    assert!(alerts.iter().all(|settled| settled.alerts.is_empty()));
    assert_eq!(world.store.ends(), [Some(Fate::Delivered)]);
    switched.running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_disabled_webhook_takes_part_again_with_another_address_only() {
    let world = World::new();
    world.sender.script(|sent| match sent.webhook.as_str() {
        "a" => Act::Answer(410),
        _ => Act::Answer(204),
    });
    world.add("a", "xx", 1);
    let switched = Switched::start(&world, [hook("a")]);
    pass(secs(5)).await;
    let disabled: Vec<DisabledWebhook> = world.store.disabled();
    assert_eq!(disabled.len(), 1);
    let mut same = hook("a");
    same.timeout = secs(3);
    switched.to([same]).await;
    pass(secs(600)).await;
    assert_eq!(world.sender.events().len(), 1, "it is still disabled");
    switched.to([moved()]).await;
    pass(secs(600)).await;
    assert_eq!(world.store.ends(), [Some(Fate::Delivered)]);
    assert!(world.store.disabled().is_empty());
    switched.running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reload_does_not_make_a_receiver_that_keeps_failing_look_well() {
    let world = World::new();
    world.sender.script(|_| Act::Answer(500));
    for number in 0..20 {
        world.add("a", &format!("x{number}"), 1);
    }
    let switched = Switched::start(&world, [hook("a")]);
    pass(secs(2)).await;
    let before = world.sender.sent().len();
    for _ in 0..100 {
        switched.to([hook("a")]).await;
        pass(Duration::from_millis(100)).await;
    }
    let sent = world.sender.sent().len();
    assert!(
        sent <= before + 1,
        "{sent} attempts after {before}: the breaker was forgotten"
    );
    switched.running.drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_thousand_switches_under_load_lose_double_and_misorder_nothing() {
    let world = World::new();
    let mut random = StdRng::seed_from_u64(7);
    world
        .sender
        .script(|sent| match sent.event.len() * 7 + sent.attempt as usize {
            n if n % 5 == 0 => Act::Slowly(Duration::from_millis(700), 204),
            n if n % 7 == 0 => Act::Answer(503),
            _ => Act::Slowly(Duration::from_millis(30), 204),
        });
    let ids = ["a", "c", "d", "e"];
    let switched = Switched::start(&world, ids.map(hook));
    let mut added = 0;
    for round in 0..1_000_u32 {
        for id in ids {
            if random.random_bool(0.4) {
                world.add(id, &format!("x{}", random.random_range(0..5)), round);
                added += 1;
            }
        }
        let chosen = ids.into_iter().filter(|_| random.random_bool(0.8));
        let hooks: Vec<Webhook> = chosen
            .collect::<Vec<_>>()
            .into_iter()
            .map(|id| Webhook {
                concurrency: random.random_range(1..8),
                url: format!("https://{id}/{}", random.random_range(0..3)),
                ..hook(id)
            })
            .collect();
        switched.to(hooks).await;
        pass(Duration::from_millis(random.random_range(0..400))).await;
    }
    switched.to(ids.map(hook)).await;
    pass(secs(86_400)).await;
    let ends = world.store.ends();
    assert_eq!(ends.len(), added);
    let delivered = ends
        .iter()
        .filter(|end| **end == Some(Fate::Delivered))
        .count();
    assert_eq!(delivered, added, "some were lost");
    let mut newest = std::collections::HashMap::new();
    for sent in world.sender.sent() {
        let (creator, number) = sent.event.split_once('/').unwrap();
        let number: u32 = number.parse().unwrap();
        let last = newest
            .entry((sent.webhook.clone(), creator.to_owned()))
            .or_insert(0);
        assert!(number >= *last, "{sent:?} overtook {last}");
        *last = number;
    }
    switched.running.drain().await.unwrap();
}
