//! The state machine of one creator: `step(state, observation, now) -> state', transitions`.
//!
//! One answer is evidence; an end needs several in a row, and an answer that is not
//! certain changes nothing. `stream.started` and `stream.ended` alternate by construction,
//! and `sequence` counts exactly these two, without a gap.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::observation::{LiveStream, Observation, RoomId};
use super::time::Timestamp;

/// What is known of one creator between two polls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreatorState {
    /// Where the creator is believed to be.
    pub phase: Phase,
    /// How many announced starts and ends there were, ever.
    pub sequence: u64,
    /// The last stream that ended.
    pub last_end: Option<Box<LastEnd>>,
    /// When the last certain answer was given.
    pub last_answer_at: Option<Timestamp>,
    /// When the creator was first asked for, certain answer or not.
    pub first_poll_at: Option<Timestamp>,
}

/// Where a creator is believed to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Phase {
    /// No certain answer yet.
    #[default]
    Unknown,
    /// Not live.
    Offline,
    /// Live, in the room given inside.
    Live(Box<LiveState>),
}

/// The stream that is running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveState {
    /// The newest description of the stream; what a later answer leaves out is kept.
    pub stream: LiveStream,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen; the true end lies after this.
    pub last_seen_at: Timestamp,
    /// The audience so far.
    pub audience: Audience,
    /// Whether its start was announced, and so will its end be.
    pub visibility: Visibility,
    /// It was running before the creator was first asked for.
    pub already_live: bool,
    /// It continues the stream before.
    pub resumed: bool,
    /// How many answers in a row said "not live".
    pub offline_in_a_row: u32,
    /// When the first of these was given.
    pub first_offline_at: Option<Timestamp>,
}

/// Whether a stream is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Its start was announced.
    Announced,
    /// It was already running at the first poll, and the configuration wants it silent.
    Silent,
}

/// Running figures of a stream's audience.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// The largest audience seen.
    pub peak: u64,
    /// Sum over the samples.
    pub sum: u64,
    /// Number of samples.
    pub samples: u64,
}

/// The stream that ended last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEnd {
    /// Its room.
    pub room: RoomId,
    /// When it began, if known.
    pub started_at: Option<Timestamp>,
    /// When it ended: the first poll that said so.
    pub ended_at: Timestamp,
}

/// The rules of the state machine that the configuration sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Answers "not live" in a row before a stream counts as ended; at least 1.
    pub confirm_offline: u32,
    /// A stream that begins this soon after the last end is the same evening going on.
    pub resume_within: Duration,
    /// What to do with a stream that the first poll finds running.
    pub when_already_live: Visibility,
}

/// A change worth a row in history and, if [announced](Transition::is_announced), an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// What happened.
    pub kind: TransitionKind,
    /// When it was detected.
    pub at: Timestamp,
    /// The creator's count of starts and ends, this one included.
    pub sequence: u64,
    /// When the certain answer before this one was given.
    pub previous_poll_at: Option<Timestamp>,
    /// The stream concerned, as known now.
    pub live: LiveState,
}

/// The kinds of [`Transition`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransitionKind {
    /// A stream was seen for the first time.
    Started,
    /// A stream is over.
    Ended {
        /// How this is known.
        reason: EndReason,
        /// The first poll that showed it; for a replaced stream, not later
        /// than its successor's start, unless it was seen live after that.
        ended_at: Timestamp,
    },
    /// The title changed.
    Updated {
        /// The title before.
        previous_title: Option<String>,
    },
    /// The audience was counted.
    Sampled,
}

/// How the end of a stream is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Enough answers in a row said "not live".
    Offline,
    /// Another room took its place.
    Replaced,
}

/// What one answer made of a creator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The creator from now on.
    pub state: CreatorState,
    /// What happened, in order.
    pub transitions: Vec<Transition>,
    /// How the answer was taken.
    pub reading: Reading,
}

/// How an answer was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It changed nothing but the time of the last answer: nothing needs to be stored.
    Quiet,
    /// It has to be stored before it counts.
    Telling,
    /// It was not certain, or contradicts what is certain.
    Unclear,
}

impl Transition {
    /// Whether the outside hears of it.
    pub fn is_announced(&self) -> bool {
        self.live.visibility == Visibility::Announced
    }
}

impl LiveState {
    /// When the stream began, as far as known: its own word, else the first poll that saw it.
    pub fn began_at(&self) -> Timestamp {
        self.stream.started_at.unwrap_or(self.first_seen_at)
    }
}

impl Audience {
    /// The mean over the samples, rounded; `None` without samples.
    pub fn average(&self) -> Option<u64> {
        (self.sum + self.samples / 2).checked_div(self.samples)
    }

    fn add(&mut self, viewers: u64) {
        self.peak = self.peak.max(viewers);
        self.sum = self.sum.saturating_add(viewers);
        self.samples += 1;
    }
}

impl CreatorState {
    /// The running stream, if one is believed to run.
    pub fn live(&self) -> Option<&LiveState> {
        match &self.phase {
            Phase::Live(live) => Some(live),
            Phase::Unknown | Phase::Offline => None,
        }
    }

    /// Whether an end waits for its confirmation.
    pub fn is_ending(&self) -> bool {
        self.live().is_some_and(|live| live.offline_in_a_row > 0)
    }
}

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
        profile: super::Profile {
            id: pick(new.id.as_ref(), old.id.as_ref()),
            name: pick(new.name.as_ref(), old.name.as_ref()),
            avatar_url: pick(new.avatar_url.as_ref(), old.avatar_url.as_ref()),
            followers: pick(new.followers.as_ref(), old.followers.as_ref()),
            verified: pick(new.verified.as_ref(), old.verified.as_ref()),
        },
    }
}

#[cfg(test)]
mod tests;
