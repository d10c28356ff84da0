//! Promises about who is behind a username, and about what was told of the credits.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Ground;
use super::stage::{Actor, at, degraded_event, due, named};
use crate::domain::Username;
use crate::domain::credits::{CreditWatch, Told};
use crate::domain::identity::Identity;
use crate::store::{Change, Checkpoint, IdentityChange, Store};

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn identity(id: Option<&str>, profile_at: Option<i64>, missing_since: Option<i64>) -> Identity {
    Identity {
        id: id.map(Arc::from),
        profile_at: profile_at.map(at),
        missing_since: missing_since.map(at),
        renamed_at: None,
    }
}

fn change(username: &str, identity: Identity, inherits_from: Option<&str>) -> IdentityChange {
    IdentityChange {
        username: name(username),
        identity,
        inherits_from: inherits_from.map(name),
    }
}

fn changes(identities: Vec<IdentityChange>) -> Change {
    Change {
        identities,
        ..Change::default()
    }
}

fn learnt(username: &str, identity: Identity) -> Checkpoint {
    Checkpoint {
        identities: vec![(name(username), identity)],
        ..Checkpoint::default()
    }
}

async fn known(store: &dyn Store) -> BTreeMap<String, Identity> {
    let identities = store.load().await.unwrap().identities;
    let rows = identities.into_iter();
    rows.map(|(username, who)| (username.to_string(), who))
        .collect()
}

/// What an account with `remaining` credits makes of what was told.
fn told(remaining: u64) -> Told {
    let mut watch = CreditWatch::default();
    let standing = watch.hear(remaining, at(0));
    watch.judge(&standing, at(0));
    watch.told().clone()
}

pub(crate) async fn an_identity_and_its_event_are_stored_together_or_not_at_all(
    ground: &impl Ground,
) {
    let store = ground.open().await;
    let mut ada = Actor::new("ada", &["a"]);
    let start = ada.live(1, 10);
    store.commit(start.clone()).await.unwrap();
    let gone = identity(None, Some(20), Some(20));
    let mut bad = changes(vec![change("zoe", gone.clone(), None)]);
    bad.credits_told = Some(told(0));
    let mut taken = start.events[0].clone();
    taken.event.id = crate::domain::EventId::from_stored("evt_another".to_owned());
    bad.events.push(taken);
    store.commit(bad.clone()).await.unwrap_err();
    assert!(known(&*store).await.is_empty());
    assert_eq!(store.load().await.unwrap().credits_told, Told::default());

    bad.events = vec![degraded_event(20, &["b"])];
    store.commit(bad.clone()).await.unwrap();
    store.commit(bad).await.unwrap();
    store.close().await.unwrap();
    let store = ground.open().await;
    assert_eq!(known(&*store).await["zoe"], gone);
    assert_eq!(store.load().await.unwrap().credits_told, told(0));
    assert_eq!(due(&*store, "b", 99).await.len(), 1);
    // A transition leaves it alone.
    let mut zoe = Actor::new("zoe", &["a"]);
    store.commit(zoe.live(2, 30)).await.unwrap();
    assert_eq!(known(&*store).await["zoe"], gone);
}

pub(crate) async fn a_checkpoint_adds_to_an_identity_and_takes_nothing_away(ground: &impl Ground) {
    let store = ground.open().await;
    let add = |username: &'static str, who: Identity| store.checkpoint(learnt(username, who));
    add("ada", identity(None, Some(10), None)).await.unwrap();
    add("ada", identity(Some("id.a"), None, None))
        .await
        .unwrap();
    assert_eq!(
        known(&*store).await["ada"],
        identity(Some("id.a"), Some(10), None)
    );

    let gone = identity(Some("id.b"), Some(30), Some(20));
    store
        .commit(changes(vec![change("ada", gone.clone(), None)]))
        .await
        .unwrap();
    // Made before the change and arriving after it.
    add("ada", identity(Some("id.a"), Some(15), None))
        .await
        .unwrap();
    assert_eq!(known(&*store).await["ada"], gone);
    // An id that somebody else has by now.
    add("bob", identity(Some("id.b"), Some(40), None))
        .await
        .unwrap();
    let after = known(&*store).await;
    assert_eq!(after["ada"], gone);
    assert_eq!(after["bob"], identity(None, Some(40), None));
}

pub(crate) async fn a_new_name_takes_the_id_and_the_streams_that_are_over(ground: &impl Ground) {
    let store = ground.open().await;
    let mut old = Actor::new("old", &["a"]);
    for change in [old.live(1, 10), old.offline(20), old.live(2, 30)] {
        store.commit(change).await.unwrap();
    }
    let id = identity(Some("id"), None, None);
    store
        .commit(changes(vec![change("old", id.clone(), None)]))
        .await
        .unwrap();
    let left = identity(None, None, None);
    let rename = changes(vec![
        change("old", left, None),
        change("new", id.clone(), Some("old")),
    ]);
    store.commit(rename.clone()).await.unwrap();
    store.commit(rename).await.unwrap();
    let after = known(&*store).await;
    assert_eq!(after.get("old"), None);
    assert_eq!(after["new"], id);
    let streams = store.past_streams().await.unwrap();
    let owners: Vec<_> = streams
        .iter()
        .map(|stream| (stream.creator.as_str(), stream.ended_at.is_some()))
        .collect();
    assert_eq!(owners, [("new", true), ("old", false)]);
    // What still ran under the old name ends there, and its count goes on.
    store.commit(old.offline(40)).await.unwrap();
    let line = named(&due(&*store, "a", 999).await);
    assert_eq!(line, ["old stream.started"]);
    let rows = store.load().await.unwrap().creators;
    let sequences: Vec<_> = rows.iter().map(|row| row.state.sequence).collect();
    assert_eq!(sequences, [4, 0]);
}
