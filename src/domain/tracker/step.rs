//! The transitions of the state machine: one answer being taken.

use super::{
    Audience, CreatorState, EndReason, LastEnd, LiveState, Phase, Reading, Rules, Step, Transition,
    TransitionKind, Visibility,
};
use crate::domain::{LiveStream, Observation, Profile, RoomId, Timestamp};

/// Takes one answer, given at `now`, to a creator in `state`.
pub fn step(
    state: &CreatorState,
    observation: &Observation,
    now: Timestamp,
    rules: &Rules,
) -> Step {
    let mut next = state.clone();
    next.first_poll_at.get_or_insert(now);
    let tracking = Tracking {
        before: state,
        next,
        now,
        rules,
    };
    match observation {
        Observation::Unclear(_) => tracking.unclear(),
        Observation::Offline => tracking.offline(),
        Observation::Live(stream) => tracking.live(stream),
    }
}

/// One answer being taken: the state before it and the state it leads to.
struct Tracking<'a> {
    before: &'a CreatorState,
    next: CreatorState,
    now: Timestamp,
    rules: &'a Rules,
}

impl Tracking<'_> {
    fn unclear(self) -> Step {
        Step {
            state: self.next,
            transitions: Vec::new(),
            reading: Reading::Unclear,
        }
    }

    fn certain(mut self, reading: Reading, transitions: Vec<Transition>) -> Step {
        self.next.last_answer_at = Some(self.now);
        Step {
            state: self.next,
            transitions,
            reading,
        }
    }

    fn offline(mut self) -> Step {
        match &self.before.phase {
            Phase::Offline => self.certain(Reading::Quiet, Vec::new()),
            Phase::Unknown => {
                self.next.phase = Phase::Offline;
                self.certain(Reading::Telling, Vec::new())
            }
            Phase::Live(live) => {
                let mut live = live.clone();
                live.offline_in_a_row += 1;
                let ended_at = *live.first_offline_at.get_or_insert(self.now);
                if live.offline_in_a_row < self.rules.confirm_offline {
                    self.next.phase = Phase::Live(live);
                    return self.certain(Reading::Telling, Vec::new());
                }
                let ended = self.end(&live, EndReason::Offline, ended_at);
                self.certain(Reading::Telling, vec![ended])
            }
        }
    }

    fn live(mut self, stream: &LiveStream) -> Step {
        match &self.before.phase {
            Phase::Live(live) if live.stream.room == stream.room => self.still_live(live, stream),
            Phase::Live(live) => {
                if !began_after(stream, live.stream.started_at, &live.stream.room) {
                    return self.unclear();
                }
                let ended_at = self.replaced_at(live, stream);
                let ended = self.end(live, EndReason::Replaced, ended_at);
                let gap = self.beginning(stream).since(live.last_seen_at);
                let started = self.start(stream, gap <= self.rules.resume_within);
                self.certain(Reading::Telling, vec![ended, started])
            }
            Phase::Unknown | Phase::Offline => {
                if self.is_older_than_last_end(stream) {
                    return self.unclear();
                }
                let resumed = self.continues_last_end(stream);
                let started = self.start(stream, resumed);
                self.certain(Reading::Telling, vec![started])
            }
        }
    }

    fn still_live(mut self, live: &LiveState, stream: &LiveStream) -> Step {
        let mut live = live.clone();
        live.offline_in_a_row = 0;
        live.first_offline_at = None;
        live.last_seen_at = self.now;
        let previous_title = live.stream.title.clone();
        live.stream = merged(&live.stream, stream);
        let mut kinds = Vec::new();
        if live.stream.title != previous_title {
            kinds.push(TransitionKind::Updated { previous_title });
        }
        if let Some(viewers) = stream.viewers {
            live.audience.add(viewers);
            kinds.push(TransitionKind::Sampled);
        }
        let transitions = kinds
            .into_iter()
            .map(|kind| self.transition(kind, &live))
            .collect();
        self.next.phase = Phase::Live(Box::new(live));
        self.certain(Reading::Telling, transitions)
    }

    /// Opens a stream and returns its start.
    fn start(&mut self, stream: &LiveStream, resumed: bool) -> Transition {
        let already_live = self.was_running_before_first_poll(stream);
        let visibility = if already_live {
            self.rules.when_already_live
        } else {
            Visibility::Announced
        };
        let mut live = LiveState {
            stream: stream.clone(),
            first_seen_at: self.now,
            last_seen_at: self.now,
            audience: Audience::default(),
            visibility,
            already_live,
            resumed,
            offline_in_a_row: 0,
            first_offline_at: None,
        };
        if let Some(viewers) = stream.viewers {
            live.audience.add(viewers);
        }
        self.count(visibility);
        let started = self.transition(TransitionKind::Started, &live);
        self.next.phase = Phase::Live(Box::new(live));
        started
    }

    /// Closes `live` and returns its end.
    fn end(&mut self, live: &LiveState, reason: EndReason, ended_at: Timestamp) -> Transition {
        self.count(live.visibility);
        self.next.phase = Phase::Offline;
        self.next.last_end = Some(Box::new(LastEnd {
            room: live.stream.room.clone(),
            started_at: live.stream.started_at,
            ended_at,
        }));
        self.transition(TransitionKind::Ended { reason, ended_at }, live)
    }

    fn count(&mut self, visibility: Visibility) {
        if visibility == Visibility::Announced {
            self.next.sequence += 1;
        }
    }

    fn transition(&self, kind: TransitionKind, live: &LiveState) -> Transition {
        Transition {
            kind,
            at: self.now,
            sequence: self.next.sequence,
            previous_poll_at: self.before.last_answer_at,
            live: live.clone(),
        }
    }

    /// When `stream` began: its own word if that is not in the future, else now.
    fn beginning(&self, stream: &LiveStream) -> Timestamp {
        stream.started_at.map_or(self.now, |at| at.min(self.now))
    }

    /// The latest time at which `live` can have ended, given its successor.
    fn replaced_at(&self, live: &LiveState, successor: &LiveStream) -> Timestamp {
        let beginning = self.beginning(successor);
        let ended_at = live.first_offline_at.unwrap_or(beginning).min(beginning);
        ended_at.max(live.last_seen_at)
    }

    fn was_running_before_first_poll(&self, stream: &LiveStream) -> bool {
        let first_poll = self.before.first_poll_at.unwrap_or(self.now);
        self.before.phase == Phase::Unknown
            && stream.started_at.is_none_or(|started| started < first_poll)
    }

    fn continues_last_end(&self, stream: &LiveStream) -> bool {
        self.before.last_end.as_ref().is_some_and(|end| {
            end.room == stream.room
                || self.beginning(stream).since(end.ended_at) <= self.rules.resume_within
        })
    }

    /// A room that began before the one that has already ended is a stale answer.
    fn is_older_than_last_end(&self, stream: &LiveStream) -> bool {
        self.before.last_end.as_ref().is_some_and(|end| {
            end.room != stream.room
                && match (stream.started_at, end.started_at) {
                    (Some(new), Some(old)) => new < old,
                    _ => stream
                        .room
                        .number()
                        .is_some_and(|new| Some(new) < end.room.number()),
                }
        })
    }
}

/// Whether `stream` began after a known room did; without both times the growing room ids decide.
fn began_after(stream: &LiveStream, known_start: Option<Timestamp>, known_room: &RoomId) -> bool {
    match (stream.started_at, known_start) {
        (Some(new), Some(known)) if new != known => new > known,
        _ => stream.room.number() > known_room.number(),
    }
}

/// `newer` with what it leaves out taken from `older`.
fn merged(older: &LiveStream, newer: &LiveStream) -> LiveStream {
    fn pick<T: Clone>(new: Option<&T>, old: Option<&T>) -> Option<T> {
        new.or(old).cloned()
    }
    let (new, old) = (&newer.profile, &older.profile);
    LiveStream {
        room: newer.room.clone(),
        // The first word counts: a start that moves would move delays and durations.
        started_at: older.started_at.or(newer.started_at),
        title: pick(newer.title.as_ref(), older.title.as_ref()),
        viewers: pick(newer.viewers.as_ref(), older.viewers.as_ref()),
        views: pick(newer.views.as_ref(), older.views.as_ref()),
        cover_url: pick(newer.cover_url.as_ref(), older.cover_url.as_ref()),
        media: if newer.media.is_empty() {
            older.media.clone()
        } else {
            newer.media.clone()
        },
        profile: Profile {
            id: pick(new.id.as_ref(), old.id.as_ref()),
            name: pick(new.name.as_ref(), old.name.as_ref()),
            avatar_url: pick(new.avatar_url.as_ref(), old.avatar_url.as_ref()),
            followers: pick(new.followers.as_ref(), old.followers.as_ref()),
            verified: pick(new.verified.as_ref(), old.verified.as_ref()),
        },
    }
}
