//! What is said of a change once it is stored: log lines, metrics, and those who listen.

use super::view::stream_of;
use crate::daemon::instruments::Instruments;
use crate::domain::event::type_of;
use crate::domain::tracker::{Transition, TransitionKind};
use crate::domain::{Event, Username};
use crate::store;
use crate::web::views::Change;

/// Tells of a change that is durable.
pub(super) fn tell(change: &store::Change, instruments: &Instruments) {
    for outgoing in &change.events {
        let event = &outgoing.event;
        let creator = event.creator.as_ref().map(tracing::field::display);
        tracing::info!(r#type = %event.kind, creator, event = %event.id, "event");
        if event.creator.is_none() {
            instruments.changes.tell(of_monitor(event));
        }
    }
    if let Some(creator) = &change.creator {
        for transition in &creator.transitions {
            count(transition, instruments);
            if instruments.changes.is_heard() {
                let seen = of_creator(&creator.row.username, transition);
                instruments.changes.tell(seen);
            }
        }
    }
}

fn count(transition: &Transition, instruments: &Instruments) {
    let metrics = &instruments.metrics;
    metrics.transition(type_of(transition).as_str());
    let live = &transition.live;
    if let (TransitionKind::Started, false, Some(began)) =
        (&transition.kind, live.already_live, live.stream.started_at)
    {
        metrics.detected(transition.at.since(began));
    }
}

fn of_creator(username: &Username, transition: &Transition) -> Change {
    Change {
        kind: type_of(transition).as_str().to_owned(),
        at: transition.at,
        creator: Some(username.clone()),
        stream: Some(stream_of(username, &transition.live)),
        webhook: None,
        detail: None,
    }
}

fn of_monitor(event: &Event) -> Change {
    Change {
        kind: event.kind.as_str().to_owned(),
        at: event.at,
        creator: None,
        stream: None,
        webhook: None,
        detail: None,
    }
}
